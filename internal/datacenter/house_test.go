// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package datacenter_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/change"
	"github.com/clawea/clawea/internal/confluence"
	"github.com/clawea/clawea/internal/datacenter"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/internal/jira"
	sim "github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// A connector is what both connectors are.
type connector interface {
	Name() string
	Plan(ctx context.Context, action string, args []byte, bounds []policy.Bound) (*gate.Plan, error)
	Resolve(ctx context.Context, names []policy.Name) ([]policy.Bound, error)
	Find(ctx context.Context, opened *receipt.Receipt, c *receipt.Change) (*policy.Resource, error)
	Revert(ctx context.Context, opened *receipt.Receipt, c *receipt.Change, after *policy.Resource) (*change.Step, error)
	History(ctx context.Context, w change.Window) ([]change.Event, error)
}

// A house is a connector to a Data Center site, and a policy.
type house struct {
	t      *testing.T
	site   *sim.Site
	server *httptest.Server
	c      connector
	policy *policy.Policy
	seq    uint64
	cut    bool              // the answer to the next change is lost
	sent   []string          // changes
	ids    map[string]string // of accounts, by name
}

func newHouse(t *testing.T) *house {
	h := &house{t: t, site: sim.New(sim.Config{DataCenter: true}), ids: map[string]string{}}
	for _, who := range []string{"reader", "writer", "undoer", "ann"} {
		h.ids[who] = h.site.AddAccount(sim.Account{Email: who + "@example.com", Token: who + "-token", Name: strings.ToUpper(who[:1]) + who[1:]})
	}
	h.server = httptest.NewServer(http.HandlerFunc(h.serve))
	t.Cleanup(h.server.Close)
	return h
}

// serve loses the answer to a change if that is wanted.
func (h *house) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet || strings.HasSuffix(r.URL.Path, "/search") {
		h.site.ServeHTTP(w, r)
		return
	}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		h.t.Error(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(b))
	h.sent = append(h.sent, r.Method+" "+r.URL.RequestURI()+" "+string(b))
	if !h.cut {
		h.site.ServeHTTP(w, r)
		return
	}
	h.cut = false
	h.site.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

// client speaks by a driver, and sends what the table has for its use.
func (h *house) client(d atlassian.Driver, ops []atlassian.Operation, who, use string) *atlassian.Client {
	h.t.Helper()
	c, err := atlassian.New(atlassian.Config{
		BaseURL: h.server.URL, Driver: d, Endpoints: atlassian.Endpoints(ops, use), Transport: h.server.Client().Transport,
		Credential: func(context.Context) (atlassian.Credential, error) {
			return atlassian.Bearer(who + "-token").For(who), nil
		},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

func (h *house) publish(text string) {
	h.t.Helper()
	h.policy = housetest.Resolved(h.t, text, h.c.Resolve)
}

// A deed is a call that was carried out.
type deed struct {
	opened *receipt.Receipt
	change *receipt.Change
	result *gate.Result
	err    error
}

func (d *deed) code() string {
	f := (*gate.Fault)(nil)
	if d.err == nil {
		return ""
	}
	if errors.As(d.err, &f) {
		return f.Code
	}
	return d.err.Error()
}

// do carries a call through plan, decision and act, as the gate does.
func (h *house) do(action, args string, a ...any) *deed {
	h.t.Helper()
	args = fmt.Sprintf(args, a...)
	ctx := h.t.Context()
	if strings.Contains(args, `"undoes":`) {
		ctx = gate.WithAgent(ctx, receipt.Undoer)
	}
	plan, err := h.c.Plan(ctx, action, []byte(args), h.policy.Bounds(h.c.Name()))
	if err != nil {
		return &deed{err: err}
	}
	if d := h.policy.Decide(plan.Call, &policy.Facts{Now: time.Unix(0, 0)}); d.Effect != policy.Allow {
		return &deed{err: fmt.Errorf("denied: %v", d.Reasons)}
	}
	h.seq++
	d := &deed{opened: &receipt.Receipt{Kind: receipt.Opened, Job: "j", Seq: h.seq, At: time.Now(), Call: plan.Call}}
	if plan.Change != nil {
		b, err := plan.Change.Marshal()
		if err != nil {
			h.t.Fatalf("%s: %v", action, err)
		}
		if d.change, err = receipt.ParseChange(b); err != nil {
			h.t.Fatal(err)
		}
	}
	mark := len(h.sent)
	d.result, d.err = plan.Act(h.t.Context(), d.opened)
	if d.change != nil && d.err == nil {
		h.evident(d, mark)
	}
	return d
}

// evident holds the change to what was sent: that request, with the receipt's name in
// the place of the mark, and no other but the one that marks a new page.
func (h *house) evident(d *deed, mark int) {
	h.t.Helper()
	r, sent := d.change.Request, h.sent[mark:]
	name := d.opened.Name()
	unmarked := strings.NewReplacer(" (clawea "+name+")", "", `"receipt":"`+name+`"`, `"receipt":""`).Replace(strings.Join(sent[:min(1, len(sent))], ""))
	if want := r.Method + " " + r.Path + " " + string(r.Body); unmarked != want {
		h.t.Errorf("the change says %s, and sent was %v", want, sent)
	}
	if len(sent) > 1 && !strings.Contains(sent[1], "/property ") || len(sent) > 2 {
		h.t.Errorf("sent %v", sent)
	}
	if r.Mark != "" && unmarked == sent[0] {
		h.t.Errorf("no mark in %s", sent[0])
	}
}

func (h *house) did(action, args string, a ...any) *deed {
	h.t.Helper()
	d := h.do(action, args, a...)
	if d.err != nil {
		h.t.Fatalf("%s: %v", action, d.err)
	}
	if d.result.Outcome.Code == "differs" || d.result.Outcome.Code == "unmarked" {
		h.t.Errorf("%s: the outcome is %q: %s", action, d.result.Outcome.Code, d.result.Body)
	}
	return d
}

// undo takes a call back by the step that the connector says.
func (h *house) undo(d *deed) *deed {
	h.t.Helper()
	s, err := h.c.Revert(h.t.Context(), d.opened, d.change, d.result.Outcome.Target)
	if err != nil {
		h.t.Fatal(err)
	}
	if s.Action == "" {
		h.t.Fatalf("blocked: %s", s.Blocked)
	}
	var args map[string]json.RawMessage
	if err := json.Unmarshal(s.Args, &args); err != nil {
		h.t.Fatal(err)
	}
	if _, said := args["message"]; !said {
		args["message"] = json.RawMessage(`"taken back"`)
	}
	b, err := json.Marshal(args)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.did(s.Action, "%s", b)
}

// found holds that a call is found, where its answer was lost.
func (h *house) found(action, args string, a ...any) *deed {
	h.t.Helper()
	h.cut = true
	d := h.do(action, args, a...)
	if d.err != nil || d.result.Outcome.Status != receipt.Done {
		h.t.Fatalf("%s with a lost answer: %v, %+v", action, d.err, d.result)
	}
	target, err := h.c.Find(h.t.Context(), d.opened, d.change)
	if err != nil || target == nil || target.ID != d.result.Outcome.Target.ID {
		h.t.Errorf("%s: found %+v, %v", action, target, err)
	}
	return d
}

func member(t *testing.T, b []byte, path string) string {
	t.Helper()
	raw := json.RawMessage(b)
	for name := range strings.SplitSeq(path, ".") {
		var o map[string]json.RawMessage
		if err := json.Unmarshal(raw, &o); err != nil {
			t.Fatalf("%s of %s: %v", path, b, err)
		}
		raw = o[name]
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return string(raw)
	}
	return s
}

func newJira(t *testing.T) *house {
	h := newHouse(t)
	h.site.AddProject("ENG", "Engineering")
	h.site.AddProject("SEC", "Secret")
	h.site.AddIssue(sim.IssueSeed{Project: "ENG", Type: "Bug", Summary: "Queue stuck", Description: "It is *stuck*.\r\n{code}x{code} [~ann]", Labels: []string{"ops"}})
	h.site.AddIssue(sim.IssueSeed{Project: "ENG", Summary: "Watch", Description: "Plain."})
	h.site.AddIssue(sim.IssueSeed{Project: "SEC", Summary: "Secret"})
	d, ops := datacenter.Jira(), jira.Operations()
	h.c = jira.New(jira.Config{
		Site: h.server.URL, Read: h.client(d, ops, "reader", atlassian.ForReading), Write: h.client(d, ops, "writer", atlassian.ForWriting),
		Undo: h.client(d, ops, "undoer", atlassian.ForUndoing),
	})
	h.publish(`{
		"wpc_version": "v1", "tool": "jira", "connection_mode": ["official_api"],
		"allow": {"projects": ["ENG"], "operations": ["issue.*"],
			"fields_write_allowlist": ["summary", "description", "labels", "priority", "environment", "status", "assignee", "issuelinks"]},
		"deny": {"fields_write_denylist": ["security"]}
	}`)
	return h
}

func newConfluence(t *testing.T) *house {
	h := newHouse(t)
	h.site.AddSpace("ENG", "Engineering")
	h.site.AddSpace("SEC", "Secret")
	d, ops := datacenter.Confluence(), confluence.Operations()
	c, err := confluence.New(confluence.Config{
		Site: h.server.URL, Read: h.client(d, ops, "reader", atlassian.ForReading), Write: h.client(d, ops, "writer", atlassian.ForWriting),
		Undo: h.client(d, ops, "undoer", atlassian.ForUndoing),
	})
	if err != nil {
		t.Fatal(err)
	}
	h.c = c
	h.publish(`{
		"wpc_version": "1", "tool": "confluence", "resources": {"spaces_allowlist": ["ENG"]},
		"actions": {"read": {"allowed": true, "include": ["comments", "attachments", "versions", "restrictions"]}, "search": {"allowed": true}, "write": {"allowed": true}, "admin": {"allowed": true}}
	}`)
	return h
}
