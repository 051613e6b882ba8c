// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// beside is a house in whose shadow candidates run.
type beside struct {
	*house
	candidates []seal.Hash
	published  map[seal.Hash]*policy.Policy
	err        error // of looking for candidates
}

func newBeside(t *testing.T, candidates ...string) *beside {
	t.Helper()
	b := &beside{house: newHouse(t), published: map[seal.Hash]*policy.Policy{}}
	for _, text := range candidates {
		p := bind(t, text)
		b.candidates = append(b.candidates, p.Hash())
		b.published[p.Hash()] = p
	}
	b.Gate.Policies, b.Gate.Shadows = b, b
	return b
}

// bind parses a policy and binds its names to ids, in order.
func bind(t *testing.T, text string, ids ...string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	b := &policy.Binding{Policy: p.Hash(), Names: []policy.Bound{}}
	for i, n := range p.Names() {
		b.Names = append(b.Names, policy.Bound{Name: n, Site: "s", ID: ids[i]})
	}
	if p, err = p.Bind(b); err != nil {
		t.Fatal(err)
	}
	return p
}

// enforce puts another policy in force, with a token for one action.
func (b *beside) enforce(t *testing.T, a policy.Action, p *policy.Policy) {
	t.Helper()
	catalog := []policy.Action{a}
	var err error
	if b.raw, _, err = token.Mint(newSigner(t, "issuer.test", 2), p, catalog, p.Whole(catalog), b.claims); err != nil {
		t.Fatal(err)
	}
	b.policy = p
}

func (b *beside) Candidates(_ context.Context, h seal.Hash) ([]seal.Hash, error) {
	if !h.Equal(b.policy.Hash()) {
		return nil, errors.New("asked about another policy")
	}
	return b.candidates, b.err
}

func (b *beside) Policy(_ context.Context, h seal.Hash) (*policy.Policy, error) {
	if h.Equal(b.policy.Hash()) {
		return b.policy, nil
	}
	if p, ok := b.published[h]; ok {
		return p, nil
	}
	return nil, errors.New("it does not verify")
}

// says lists the verdicts of the last opened receipt.
func (b *beside) says() []string {
	var out []string
	for _, l := range b.lines {
		if l.Receipt.Kind != receipt.Opened {
			continue
		}
		out = nil
		for _, v := range l.Receipt.Shadow {
			if v.Decision == nil {
				out = append(out, "unknown "+v.Unknown)
			} else {
				out = append(out, v.Decision.Effect.String())
			}
		}
	}
	return out
}

// Candidates say what they like, or nothing, and the call goes as without them.
func TestShadow(t *testing.T) {
	const (
		denies  = `{"wpc_version":"v1","tool_policy":{"allow":["deploy.*"],"deny":["deploy.run"]}}`
		asks    = `{"wpc_version":"v1","tool_policy":{"allow":["deploy.run"]},"approvals":{"required_for":["deploy.run"]}}`
		allows  = `{"wpc_version":"v1","tool_policy":{"allow":["deploy.*"]}}`
		reads   = `{"wpc_version":"v1","tool_policy":{"allow":["deploy.*"]},"approvals":[{"when":"content.contains('prod')","require":"human_approval"}]}`
		counts  = `{"wpc_version":"v1","tool_policy":{"allow":["deploy.*"]},"approvals":[{"when":"job.count('deploy.run') >= 2","require":"human_approval"}]}`
		deletes = `{"wpc_version":"v1","tool_policy":{"allow":["deploy.*"]},"purpose":"delete"}`
	)
	external := func(c *policy.Call) { c.Categories = []string{"external_send"} }
	for _, test := range []struct {
		name       string
		candidates []string
		setup      func(b *beside, req *gate.Request)
		call       func(*policy.Call)
		want       []string
	}{
		{name: "none"},
		{name: "each says its own", candidates: []string{denies, asks, allows, reads}, want: []string{"deny", "ask", "allow", "ask"}},
		{name: "of a call that asks", candidates: []string{denies, allows}, call: external, want: []string{"deny", "allow"}},
		{
			name: "the job's counters", candidates: []string{counts}, want: []string{"ask"},
			setup: func(b *beside, _ *gate.Request) {
				b.state.Used = map[string]int{"call:deploy.run": 2, "class:write": 2}
			},
		},
		{
			name: "a call that nobody planned", candidates: []string{deletes, denies}, want: []string{"unknown plan", "unknown plan"},
			setup: func(_ *beside, req *gate.Request) { req.Action.Name = "delete" },
		},
		{
			name: "a candidate that is gone", candidates: []string{denies, allows}, want: []string{"unknown policy", "allow"},
			setup: func(b *beside, _ *gate.Request) { delete(b.published, b.candidates[0]) },
		},
		{
			name: "a candidate that breaks down", candidates: []string{allows, denies}, want: []string{"unknown failed", "deny"},
			setup: func(b *beside, _ *gate.Request) { b.published[b.candidates[0]] = nil },
		},
		{
			name: "no way to know", candidates: []string{allows}, want: []string{"unknown candidates"},
			setup: func(b *beside, _ *gate.Request) { b.err = errors.New("disk is full") },
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			acts, without := 0, 0
			b, alone := newBeside(t, test.candidates...), newBeside(t, test.candidates...)
			req, same := request(&acts), request(&without)
			if test.call != nil {
				req, same = request(&acts, test.call), request(&without, test.call)
			}
			if test.setup != nil {
				test.setup(b, req)
				test.setup(alone, same)
			}
			alone.Gate.Shadows = nil
			_, _, err := b.Do(t.Context(), show(b.raw), req)
			_, _, want := alone.Do(t.Context(), show(alone.raw), same)
			if (err == nil) != (want == nil) || err != nil && err.Error() != want.Error() {
				t.Errorf("error %v; without candidates %v", err, want)
			}
			if acts != without || b.kinds() != alone.kinds() {
				t.Errorf("%d acts, book %s; without candidates %d, %s", acts, b.kinds(), without, alone.kinds())
			}
			if diff := cmp.Diff(test.want, b.says()); diff != "" {
				t.Error(diff)
			}
			for _, l := range b.lines {
				if _, err := receipt.Parse(l.Envelope.Payload); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// The record keeps names for the policy in force only, and the candidate is
// asked about all of them.
func TestShadowKeepsCallsMinimal(t *testing.T) {
	get := policy.Action{Tool: "confluence", Name: "page.get", Class: policy.Read}
	b := newBeside(t)
	b.enforce(t, get, bind(t, `{"wpc_version":"v1","resources":{"spaces_allowlist":["ENG"]},"actions":{"read":{"allowed":true}}}`, "1"))
	p := bind(t, `{"wpc_version":"v1","resources":{"page_prefix_allowlist":["ENG/Books/"]},"actions":{"read":{"allowed":true}}}`, "2")
	b.candidates, b.published[p.Hash()] = []seal.Hash{p.Hash()}, p
	_, _, err := b.Do(t.Context(), show(b.raw), &gate.Request{Action: get, Plan: func(context.Context, []policy.Bound) (*gate.Plan, error) {
		c := &policy.Call{Tool: "confluence", Action: "page.get", Class: policy.Read, Mode: "official_api", Site: "s", Resources: []policy.Resource{
			{Type: "page", ID: "3", Path: []policy.Place{{ID: "1", Name: "ENG"}, {ID: "2", Name: "Books"}, {ID: "3", Name: "Secret plans"}}}}}
		return &gate.Plan{Call: c, Act: func(context.Context, *receipt.Receipt) (*gate.Result, error) {
			return &gate.Result{Outcome: receipt.Outcome{Status: receipt.Done}}, nil
		}}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"allow"}, b.says()); diff != "" {
		t.Error(diff)
	}
	payload := b.lines[0].Envelope.Payload
	if bytes.Contains(payload, []byte("Books")) || strings.Contains(string(payload), "Secret") || !bytes.Contains(payload, []byte(`"ENG"`)) {
		t.Errorf("the record keeps other names than those of the policy in force: %s", payload)
	}
}
