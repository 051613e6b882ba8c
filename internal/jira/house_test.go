// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/housetest"
	sim "github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/internal/sim/specs"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// The policy of most tests: two projects, and the fields that the published
// example names.
const testPolicy = `{
	"wpc_version": "v1", "tool": "jira", "connection_mode": ["official_api"],
	"allow": {
		"projects": ["ENG", "PLAT"],
		"operations": ["issue.search", "issue.get", "issue.create", "issue.comment.create"],
		"fields_write_allowlist": ["summary", "description", "labels", "components", "parent"]
	},
	"deny": {"fields_write_denylist": ["security", "assignee", "reporter", "duedate"]},
	"auth": {"credential_separation": {"read_credential": "required", "write_credential": "separate"}}
}`

// A house is a site with three projects, a connector to it, and a policy that names two of them.
type house struct {
	t      *testing.T
	site   *sim.Site
	c      *Connector
	policy *policy.Policy
	reader string // account ids
	writer string
	undoer string
	eng    string // project ids
	plat   string
	secret string
	epic   string // issue ids

	agent  string // for whom calls are planned; "": an agent of no name
	seq    uint64
	opened *receipt.Receipt // of the last call that was carried out
	change *receipt.Change
	// before, if set, sees every request; it answers some itself and returns true.
	before atomic.Pointer[func(http.ResponseWriter, *http.Request) bool]
}

// clock advances a second each time it is read, so that every change shows.
func clock() func() time.Time {
	var n atomic.Int64
	start := time.Now().UTC().Truncate(time.Second).Add(-5 * time.Minute)
	return func() time.Time { return start.Add(time.Duration(n.Add(1)) * time.Second) }
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, site: sim.New(sim.Config{Now: clock()})}
	h.reader = h.site.AddAccount(sim.Account{Email: "reader@example.com", Token: "r", Name: "Reader", Scopes: sim.ReaderScopes()})
	h.writer = h.site.AddAccount(sim.Account{Email: "writer@example.com", Token: "w", Name: "Writer", Scopes: sim.WriterScopes()})
	h.undoer = h.site.AddAccount(sim.Account{Email: "undoer@example.com", Token: "u", Name: "Undoer", Scopes: append(sim.RollbackScopes(), "write:issue:jira")})
	h.eng = h.site.AddProject("ENG", "Engineering")
	h.plat = h.site.AddProject("PLAT", "Platform")
	h.secret = h.site.AddProject("SECRET", "Secret plans")
	h.site.AddComponent("ENG", "api")
	h.site.AddIssue(sim.IssueSeed{Project: "ENG", Summary: "Pager is loud", Description: "At night.\n\nEvery night.", Labels: []string{"ops"}, Components: []string{"api"}})
	h.site.AddIssue(sim.IssueSeed{Project: "ENG", Summary: "Disk is full", Status: "Done", Type: "Bug"})
	h.site.AddIssue(sim.IssueSeed{Project: "PLAT", Summary: "Upgrade the pager"})
	h.site.AddIssue(sim.IssueSeed{Project: "SECRET", Summary: "Buy the pager company", Description: "For 7 million."})
	h.epic = h.site.AddIssue(sim.IssueSeed{Project: "SECRET", Summary: "Secret epic", Type: "Epic"})

	server := httptest.NewServer(h.checked(http.HandlerFunc(h.serve)))
	t.Cleanup(server.Close)
	h.c = New(Config{
		Site: server.URL, Log: testLog(t),
		Read:  h.client(server, "reader@example.com", "r", atlassian.ForReading),
		Write: h.client(server, "writer@example.com", "w", atlassian.ForWriting),
		Undo:  h.client(server, "undoer@example.com", "u", atlassian.ForUndoing),
	})
	h.c.pause = time.Millisecond
	h.policy = h.publish(testPolicy)
	return h
}

// checked puts the published specifications between connector and site, where they are at hand.
func (h *house) checked(next http.Handler) http.Handler {
	if _, err := os.Stat("../../../shared/specs"); err != nil {
		h.t.Logf("no published specifications in ../shared/specs beside the repository: the traffic is not checked against them")
		return next
	}
	return specs.Validator(h.t, next)
}

func (h *house) serve(w http.ResponseWriter, r *http.Request) {
	if before := h.before.Load(); before != nil && (*before)(w, r) {
		return
	}
	h.site.ServeHTTP(w, r)
}

// intercept lets f see every request from now on.
func (h *house) intercept(f func(http.ResponseWriter, *http.Request) bool) { h.before.Store(&f) }

// once answers the next request with this method and path end in place of the site.
func (h *house) once(method, suffix string, answer http.HandlerFunc) {
	var used atomic.Bool
	h.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != method || !strings.HasSuffix(r.URL.Path, suffix) || used.Swap(true) {
			return false
		}
		answer(w, r)
		return true
	})
}

func reply(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// client sends only what the table says that its use sends.
func (h *house) client(server *httptest.Server, email, token, use string) *atlassian.Client {
	h.t.Helper()
	return h.clientBy(server.URL, atlassian.Basic(email, token), use)
}

func (h *house) clientBy(url string, credential atlassian.Credential, use string) *atlassian.Client {
	h.t.Helper()
	c, err := atlassian.New(atlassian.Config{
		BaseURL:    url,
		Credential: func(context.Context) (atlassian.Credential, error) { return credential, nil },
		MaxBody:    1 << 20,
		Endpoints:  atlassian.Endpoints(Operations(), use),
		Log:        testLog(h.t),
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

func testLog(t *testing.T) *slog.Logger { return slog.New(slog.NewTextHandler(t.Output(), nil)) }

// publish parses a policy and binds its names through the connector.
func (h *house) publish(text string) *policy.Policy {
	h.t.Helper()
	return housetest.Resolved(h.t, text, h.c.Resolve)
}

// typeIn is a project's issue type as a resource.
func (h *house) typeIn(projectID, key, name string) policy.Resource {
	id := h.site.IssueTypeID(key, name)
	return policy.Resource{Type: "issue_type", ID: id, Path: []policy.Place{{ID: projectID, Name: key}, {ID: id, Name: name}}}
}

// sealed is a change as it comes back out of the store.
func (h *house) sealed(c *receipt.Change) *receipt.Change {
	h.t.Helper()
	if c == nil {
		return nil
	}
	b, err := c.Marshal()
	if err != nil {
		h.t.Fatal(err)
	}
	back, err := receipt.ParseChange(b)
	if err != nil {
		h.t.Fatal(err)
	}
	return back
}

// version is what an agent that has just read the issue bases a change on.
func (h *house) version(key string) string {
	h.t.Helper()
	at, err := h.c.locate(h.t.Context(), key)
	if err != nil {
		h.t.Fatal(err)
	}
	return at.version()
}

// errDenied is what do returns when the policy says no.
var errDenied = errors.New("denied")

// plan plans a call.
func (h *house) plan(action, args string) (*gate.Plan, error) {
	h.t.Helper()
	return h.c.Plan(gate.WithAgent(h.t.Context(), h.agent), action, []byte(args), h.policy.Bounds(tool))
}

// do carries a call through plan, decision and act, as the gate does. between
// runs after the decision and before the act.
func (h *house) do(action, args string, between func()) (*policy.Call, *gate.Result, error) {
	h.t.Helper()
	plan, err := h.plan(action, args)
	if err != nil {
		if f := (*gate.Fault)(nil); !errors.As(err, &f) {
			h.t.Fatalf("%s: the error %v is not a fault", action, err)
		}
		return nil, nil, err
	}
	decision := h.policy.Decide(plan.Call, &policy.Facts{Now: time.Unix(0, 0)})
	if minimal := h.policy.Decide(h.policy.Minimal(plan.Call), &policy.Facts{Now: time.Unix(0, 0)}); minimal.Effect != decision.Effect {
		h.t.Fatalf("%s: %v for the call and %v for the recorded one", action, decision.Effect, minimal.Effect)
	}
	if decision.Effect != policy.Allow {
		return plan.Call, nil, fmt.Errorf("%w: %v", errDenied, decision.Reasons)
	}
	if between != nil {
		between()
	}
	h.seq++
	h.opened = &receipt.Receipt{Kind: receipt.Opened, Job: "j", Seq: h.seq, At: time.Now(), Call: plan.Call}
	h.change = h.sealed(plan.Change)
	result, err := plan.Act(h.t.Context(), h.opened)
	if result == nil {
		h.t.Fatalf("%s: an act without a result: %v", action, err)
	}
	return plan.Call, result, err
}

// code is the code of a fault, "denied", or "".
func code(err error) string {
	f := (*gate.Fault)(nil)
	switch {
	case err == nil:
		return ""
	case errors.As(err, &f):
		return f.Code
	case errors.Is(err, errDenied):
		return "denied"
	}
	return err.Error()
}

func decoded[T any](t *testing.T, b []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("read %s: %v", b, err)
	}
	return v
}

// writes counts the requests that the site was asked to change something by.
func (h *house) writes() int {
	n := 0
	for _, r := range h.site.Requests() {
		if r.Method != http.MethodGet && !strings.HasSuffix(r.Path, "/search/jql") {
			n++
		}
	}
	return n
}

// bodyOf reads a request's body and puts it back.
func bodyOf(t *testing.T, r *http.Request) string {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(b))
	return string(b)
}

// unchecked is a client of a server that answers everything alike, without the
// specifications between: they would object before the connector does.
func (h *house) unchecked(answer http.HandlerFunc) *atlassian.Client {
	server := httptest.NewServer(answer)
	h.t.Cleanup(server.Close)
	return h.client(server, "reader@example.com", "r", atlassian.ForReading)
}
