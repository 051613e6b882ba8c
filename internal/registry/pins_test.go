// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package registry_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// through is wpc, and lets agents use MCP servers.
var through = strings.Replace(wpc, `"policy_name"`, `"connection_mode":["official_api","mcp_server"],"policy_name"`, 1)

// upstreams are servers that say what they are told to say.
type upstreams struct {
	identity, tool string // canonical JSON
	spoil          func([]policy.Server, []registry.Definition) ([]policy.Server, []registry.Definition)
	err            error
	asked          int
}

const (
	identity = `{"command":["wiki-mcp"],"version":"1.2.0"}`
	getPage  = `{"description":"Returns a page.","name":"get_page"}`
)

func (u *upstreams) Pins(context.Context, *policy.Policy) ([]policy.Server, []registry.Definition, error) {
	u.asked++
	if u.err != nil {
		return nil, nil, u.err
	}
	sum := func(s string) seal.Hash { return seal.Sum([]byte(s)) }
	servers := []policy.Server{{Name: "wiki", Identity: sum(u.identity), Tools: []policy.PinnedTool{{Name: "get_page", Definition: sum(u.tool)}}}}
	said := []registry.Definition{{Digest: sum(u.identity), Body: []byte(u.identity)}, {Digest: sum(u.tool), Body: []byte(u.tool)}}
	if u.spoil != nil {
		servers, said = u.spoil(servers, said)
	}
	return servers, said, nil
}

// reads is a call of get_page through the server, as u describes both.
func (u *upstreams) reads() *policy.Call {
	return &policy.Call{
		Tool: "confluence", Action: "page.get", Class: policy.Read, Mode: "mcp_server", Credential: "read",
		Server: seal.Sum([]byte(u.identity)), Definition: seal.Sum([]byte(u.tool)), Site: "https://site.test",
		Resources: []policy.Resource{{Type: "page", ID: "7", Path: []policy.Place{{ID: "11", Name: "ENG"}}}},
	}
}

func newUpstreams() *upstreams { return &upstreams{identity: identity, tool: getPage} }

// What is published is what the servers say then; what they say afterwards is denied,
// to the letter, until somebody publishes again.
func TestPublishPins(t *testing.T) {
	h, u := newHouse(t), newUpstreams()
	h.Upstreams = u
	effect := func(p *policy.Policy) policy.Effect { return p.Decide(u.reads(), &policy.Facts{}).Effect }
	e := h.publish(t, through)
	want := []policy.Server{{Name: "wiki", Identity: seal.Sum([]byte(identity)), Tools: []policy.PinnedTool{{Name: "get_page", Definition: seal.Sum([]byte(getPage))}}}}
	if diff := cmp.Diff(want, e.Bound.Servers); diff != "" {
		t.Error(diff)
	}
	if got := effect(e.Policy); got != policy.Allow {
		t.Fatalf("as published: %v", got)
	}
	u.tool = strings.Replace(getPage, "page.", "page,", 1)
	if got := effect(e.Policy); got != policy.Deny {
		t.Errorf("one letter of the description is another: %v", got)
	}
	again := h.publish(t, strings.Replace(through, "reader", "reader 2", 1))
	if got := effect(again.Policy); got != policy.Allow {
		t.Errorf("published again: %v", got)
	}
	u.identity = strings.Replace(identity, "1.2.0", "1.2.1", 1)
	if got := effect(again.Policy); got != policy.Deny {
		t.Errorf("another version of the server: %v", got)
	}
	asked := u.asked
	if same := h.publish(t, through); !same.Published.Equal(e.Published) || u.asked != asked {
		t.Error("publishing the same paper asked the servers again")
	}
	if stored, err := h.Policy(t.Context(), e.Policy.Hash()); err != nil || effect(stored) != policy.Deny {
		t.Errorf("as stored: %v", err)
	}
}

func TestNothingToPin(t *testing.T) {
	h, u := newHouse(t), newUpstreams()
	if e := h.publish(t, through); e.Bound.Servers != nil || e.Policy.Decide(u.reads(), &policy.Facts{}).Effect != policy.Deny {
		t.Errorf("a house without servers pins %v", e.Bound.Servers)
	}
	h.Upstreams = u
	if e := h.publish(t, wpc); e.Bound.Servers != nil || u.asked != 0 {
		t.Errorf("a policy without the mode pins %v", e.Bound.Servers)
	}
}

// A server that cannot be asked, or does not keep to the rules, has nothing published.
func TestPinsRefused(t *testing.T) {
	big := `{"description":"` + strings.Repeat("x", registry.MaxDefinition) + `","name":"get_page"}`
	for name, tt := range map[string]struct {
		change func(*upstreams)
		says   string
	}{
		"not there": {func(u *upstreams) {
			u.err = errors.New("the MCP server wiki does not answer; start it, or take it out of the configuration")
		}, "the MCP server wiki does not answer"},
		"too long":      {func(u *upstreams) { u.tool = big }, "longer than 65536 bytes"},
		"not canonical": {func(u *upstreams) { u.tool = `{"name": "get_page"}` }, seal.ErrNotCanonical.Error()},
		"no text": {func(u *upstreams) {
			u.spoil = func(s []policy.Server, d []registry.Definition) ([]policy.Server, []registry.Definition) {
				return s, d[:1]
			}
		}, `the tool "get_page" of the MCP server "wiki"`},
		"another text": {func(u *upstreams) {
			u.spoil = func(s []policy.Server, d []registry.Definition) ([]policy.Server, []registry.Definition) {
				d[0].Body = []byte("{}")
				return s, d
			}
		}, `the MCP server "wiki"`},
		"a name that turns the text around": {func(u *upstreams) {
			u.spoil = func(s []policy.Server, d []registry.Definition) ([]policy.Server, []registry.Definition) {
				s[0].Tools[0].Name = "get\u202epage"
				return s, d
			}
		}, "no plain word"},
		"a tool twice": {func(u *upstreams) {
			u.spoil = func(s []policy.Server, d []registry.Definition) ([]policy.Server, []registry.Definition) {
				s[0].Tools = append(s[0].Tools, s[0].Tools[0])
				return s, d
			}
		}, "twice"},
	} {
		h, u := newHouse(t), newUpstreams()
		tt.change(u)
		h.Upstreams = u
		_, err := h.Publish(t.Context(), signed(t, through, h.ada))
		if !errors.Is(err, registry.ErrRefused) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: error = %v", name, err)
		}
		if list, err := h.List(t.Context()); err != nil || len(list) != 0 {
			t.Errorf("%s: %d published, %v", name, len(list), err)
		}
		if _, err := h.Resolve(t.Context(), parsed(t, through)); !errors.Is(err, registry.ErrRefused) {
			t.Errorf("%s: resolving: %v", name, err)
		}
	}
}

func parsed(t *testing.T, payload string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What was pinned can be read as long as the database holds it unaltered, and what
// cannot be read keeps nobody from seeing the rest.
func TestPins(t *testing.T) {
	h, u := newHouse(t), newUpstreams()
	h.Upstreams = u
	e := h.publish(t, through)
	u.tool = strings.Replace(getPage, "a page", "all pages", 1)
	pins, err := h.Pins(t.Context(), e.Policy, e.Bound.Servers)
	if err != nil || pins.Fault != nil {
		t.Fatal(err, pins)
	}
	text := func(p *registry.Pins, s string) string { return string(p.Texts[seal.Sum([]byte(s))]) }
	for _, want := range []string{identity, getPage, u.tool} {
		if got := text(pins, want); got != want {
			t.Errorf("text %q, want %q", got, want)
		}
	}
	if pins.Now[0].Tools[0].Definition == pins.Pinned[0].Tools[0].Definition {
		t.Error("what is now is what was")
	}
	ahead, err := h.Pins(t.Context(), parsed(t, through), nil)
	if err != nil || ahead.Pinned != nil || len(ahead.Now) != 1 || text(ahead, u.tool) != u.tool {
		t.Errorf("what would be pinned: %+v, %v", ahead, err)
	}

	u.err = errors.New("gone")
	pins, err = h.Pins(t.Context(), e.Policy, e.Bound.Servers)
	if err != nil || pins.Now != nil || !errors.Is(pins.Fault, u.err) || text(pins, getPage) != getPage {
		t.Errorf("a server that is gone: %+v, %v", pins, err)
	}
	h.exec(t, `UPDATE definition SET body = $1 WHERE digest = $2`, []byte("{}"), seal.Sum([]byte(getPage)).String())
	h.exec(t, `DELETE FROM definition WHERE digest = $1`, seal.Sum([]byte(identity)).String())
	pins, err = h.Pins(t.Context(), e.Policy, e.Bound.Servers)
	if err != nil || len(pins.Texts) != 0 {
		t.Errorf("altered texts: %v, %v", pins.Texts, err)
	}
	if _, err := h.Entry(t.Context(), e.Policy.Hash()); err != nil {
		t.Errorf("without its texts the policy is not served: %v", err)
	}
	if _, err := h.raw.ExecContext(t.Context(), `DROP TABLE definition`); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Pins(t.Context(), e.Policy, e.Bound.Servers); err == nil {
		t.Error("a broken database is not told")
	}
}
