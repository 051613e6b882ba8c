// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	sim "github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/internal/sim/specs"
	"github.com/clawea/clawea/policy"
)

const prefixPolicy = `{
  "wpc_version": "1", "policy_name": "test", "tool": "confluence", "connection_mode": ["official_api"],
  "resources": {"spaces_allowlist": ["ENG"], "page_prefix_allowlist": ["ENG/Runbooks/"]},
  "actions": {
    "read": {"allowed": true, "max_pages_per_job": 50},
    "search": {"allowed": true, "query_filters_required": ["space"]},
    "write": {"allowed": true}
  },
  "auth": {"credential_separation": {"read_credential": "required", "write_credential": "separate"}}
}`

// spacePolicy allows all of ENG.
const spacePolicy = `{
  "wpc_version": "1", "tool": "confluence",
  "resources": {"spaces_allowlist": ["ENG"]},
  "actions": {"read": {"allowed": true}, "search": {"allowed": true}, "write": {"allowed": true}}
}`

// A house is a connector before a simulated site, with a policy over it.
type house struct {
	t      *testing.T
	site   *sim.Site
	c      *Connector
	policy *policy.Policy

	reader, writer string // account ids

	// Pages of space ENG, and one of SEC.
	runbooks, deploy, rollback, runbooks2, hr, secret string
}

// newHouse builds the site. Every request and every answer is held to the
// published specifications.
func newHouse(t *testing.T, wpc string, change func(*Config)) *house {
	t.Helper()
	h := &house{t: t, site: sim.New(sim.Config{})}
	h.reader = h.site.AddAccount(sim.Account{Email: "reader@example.com", Token: "r-token", Name: "Reader", Scopes: sim.ReaderScopes()})
	h.writer = h.site.AddAccount(sim.Account{Email: "writer@example.com", Token: "w-token", Name: "Writer", Scopes: sim.WriterScopes()})
	h.site.AddSpace("ENG", "Engineering")
	h.site.AddSpace("SEC", "Security")
	add := func(space, parent, title, body string) string {
		return h.site.AddPage(sim.PageSeed{Space: space, Parent: parent, Title: title, Body: body})
	}
	h.runbooks = add("ENG", "", "Runbooks", "<p>All runbooks.</p>")
	h.deploy = add("ENG", h.runbooks, "Deploy", "<p>How to deploy the alpha service.</p>")
	folder := h.site.AddFolder(sim.FolderSeed{Space: "ENG", Parent: h.runbooks, Title: "Old ones"})
	h.rollback = add("ENG", folder, "Rollback", "<p>How to roll back alpha.</p>")
	h.runbooks2 = add("ENG", "", "Runbooks 2", "<p>Not among the alpha runbooks.</p>")
	h.hr = add("ENG", "", "Salaries", "<p>alpha salaries</p>")
	h.secret = add("SEC", "", "Incident", "<p>alpha incident</p>")

	srv := httptest.NewServer(specs.Validator(t, h.site))
	t.Cleanup(srv.Close)
	conf := Config{Site: "https://example.atlassian.net", Read: connect(t, srv.URL, "reader", "r-token"), Write: connect(t, srv.URL, "writer", "w-token")}
	if change != nil {
		change(&conf)
	}
	c, err := New(conf)
	if err != nil {
		t.Fatal(err)
	}
	h.c = c
	h.policy = h.bind(wpc)
	return h
}

func connect(t *testing.T, base, who, token string) *atlassian.Client {
	t.Helper()
	return connectOver(t, base, who, token, nil)
}

func connectOver(t *testing.T, base, who, token string, rt http.RoundTripper) *atlassian.Client {
	t.Helper()
	c, err := atlassian.New(atlassian.Config{
		BaseURL: base, Transport: rt,
		Credential: func(context.Context) (atlassian.Credential, error) {
			return atlassian.Basic(who+"@example.com", token), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// bind publishes a policy: its names become ids.
func (h *house) bind(wpc string) *policy.Policy {
	h.t.Helper()
	p, err := policy.Parse([]byte(wpc))
	if err != nil {
		h.t.Fatal(err)
	}
	bound, err := h.c.Resolve(h.t.Context(), p.Names())
	if err != nil {
		h.t.Fatal(err)
	}
	if p, err = p.Bind(&policy.Binding{Policy: p.Hash(), Names: bound}); err != nil {
		h.t.Fatal(err)
	}
	return p
}

// An end is how a call went.
type end struct {
	call   *policy.Call
	effect policy.Effect
	why    string // the decision's first reason, or the fault's message
	code   string // of the fault, if there was one
	result *gate.Result
	body   map[string]json.RawMessage
}

// do carries a call as the gate does: plan, decide over what may be recorded, act.
func (h *house) do(action, args string, between ...func()) *end {
	h.t.Helper()
	plan, err := h.c.Plan(h.t.Context(), action, []byte(args), h.policy.Bounds("confluence"))
	if err != nil {
		return h.fault(&end{}, err)
	}
	e := &end{call: h.policy.Minimal(plan.Call)}
	d := h.policy.Decide(e.call, &policy.Facts{})
	if full := h.policy.Decide(plan.Call, &policy.Facts{}); full.Effect != d.Effect {
		h.t.Errorf("the recorded call decides %v, the full one %v", d.Effect, full.Effect)
	}
	e.effect, e.why = d.Effect, d.Reasons[0].String()
	if d.Effect != policy.Allow {
		return e
	}
	for _, f := range between {
		f()
	}
	e.result, err = plan.Act(h.t.Context(), nil)
	if e.result == nil {
		h.t.Fatalf("%s: the act left no result: %v", action, err)
	}
	if err != nil {
		return h.fault(e, err)
	}
	if err := json.Unmarshal(e.result.Body, &e.body); err != nil {
		h.t.Fatalf("%s: the result is not JSON: %v", action, err)
	}
	return e
}

func (h *house) fault(e *end, err error) *end {
	h.t.Helper()
	f := (*gate.Fault)(nil)
	if !errors.As(err, &f) {
		h.t.Fatalf("got %v, want a *gate.Fault", err)
	}
	if !strings.Contains(f.Msg, ";") {
		h.t.Errorf("fault %q does not say what mends it", f.Msg)
	}
	e.code, e.why = f.Code, f.Msg
	return e
}

// String is the end in a word: "done", the fault's code, or "denied".
func (e *end) String() string {
	switch {
	case e.code != "":
		return e.code
	case e.effect != policy.Allow:
		return "denied"
	}
	return string(e.result.Outcome.Status)
}

func (h *house) want(e *end, want string) {
	h.t.Helper()
	if e.String() != want {
		h.t.Errorf("got %s (%s), want %s", e, e.why, want)
	}
}

// quiet fails the test if anything was written to the site since mark.
func (h *house) quiet(mark int) {
	h.t.Helper()
	for _, r := range h.site.Requests()[mark:] {
		if r.Method != http.MethodGet {
			h.t.Errorf("the site was sent %s %s", r.Method, r.Path)
		}
	}
}

func args(format string, a ...any) string { return fmt.Sprintf(format, a...) }

func (h *house) get(id string) *end {
	h.t.Helper()
	return h.do("page.get", args(`{"page_id":%q}`, id))
}
