// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

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
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/housetest"
	sim "github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/internal/sim/specs"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

const prefixPolicy = `{
  "wpc_version": "1", "policy_name": "test", "tool": "confluence", "connection_mode": ["official_api"],
  "resources": {"spaces_allowlist": ["ENG"], "page_prefix_allowlist": ["ENG/Runbooks/"]},
  "actions": {
    "read": {"allowed": true, "max_pages_per_job": 50, "include": ["attachments", "comments", "restrictions", "versions"]},
    "search": {"allowed": true, "query_filters_required": ["space"]},
    "write": {"allowed": true}
  },
  "auth": {"credential_separation": {"read_credential": "required", "write_credential": "separate"}}
}`

// spacePolicy allows all of ENG.
const spacePolicy = `{
  "wpc_version": "1", "tool": "confluence",
  "resources": {"spaces_allowlist": ["ENG"]},
  "actions": {"read": {"allowed": true, "include": ["attachments", "comments", "restrictions", "versions"]}, "search": {"allowed": true}, "write": {"allowed": true}}
}`

// fullPolicy allows all of ENG, and what only administrators do.
const fullPolicy = `{
  "wpc_version": "1", "tool": "confluence",
  "resources": {"spaces_allowlist": ["ENG"]},
  "actions": {"read": {"allowed": true, "include": ["attachments", "comments", "restrictions", "versions"]}, "search": {"allowed": true}, "write": {"allowed": true}, "admin": {"allowed": true}}
}`

// A house is a connector before a simulated site, with a policy over it.
type house struct {
	t      *testing.T
	site   *sim.Site
	media  *httptest.Server // where attachments are
	c      *Connector
	policy *policy.Policy
	seq    uint64           // of the last opened receipt
	opened *receipt.Receipt // the last one
	change *receipt.Change  // and what it was about to change
	end    *end             // how that call went
	given  []byte           // its arguments
	agent  string           // for whom calls are
	acting context.Context  // of acts; nil: the test's

	reader, writer, undoer string // account ids

	// Pages of space ENG, and one of SEC.
	runbooks, deploy, rollback, runbooks2, hr, secret string
}

// newHouse builds the site. Every request and every answer is held to the
// published specifications.
func newHouse(t *testing.T, wpc string, change func(*Config)) *house {
	t.Helper()
	h := &house{t: t}
	h.media = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.site.Media().ServeHTTP(w, r) }))
	t.Cleanup(h.media.Close)
	h.site = sim.New(sim.Config{MediaURL: h.media.URL})
	h.reader = h.site.AddAccount(sim.Account{Email: "reader@example.com", Token: "r-token", Name: "Reader", Scopes: sim.ReaderScopes()})
	h.writer = h.site.AddAccount(sim.Account{Email: "writer@example.com", Token: "w-token", Name: "Writer", Scopes: append(sim.WriterScopes(), "read:page:confluence")})
	h.undoer = h.site.AddAccount(sim.Account{Email: "undoer@example.com", Token: "u-token", Name: "Undoer", Scopes: append(sim.RollbackScopes(), "write:page:confluence")})
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
	conf := Config{
		Site: "https://example.atlassian.net", Read: connect(t, srv.URL, "reader", "r-token"), Write: connectAs(t, srv.URL, "writer", "w-token", h.writer),
		Undo: connect(t, srv.URL, "undoer", "u-token"),
	}
	if change != nil {
		change(&conf)
	}
	c, err := New(conf)
	if err != nil {
		t.Fatal(err)
	}
	c.looks = []time.Duration{time.Millisecond, time.Millisecond}
	h.c = c
	h.policy = h.bind(wpc)
	return h
}

// uses say what the credential of an account is for.
var uses = map[string]string{"reader": atlassian.ForReading, "writer": atlassian.ForWriting, "undoer": atlassian.ForUndoing}

func connect(t *testing.T, base, who, token string) *atlassian.Client {
	t.Helper()
	return connectOver(t, base, who, token, nil)
}

func connectOver(t *testing.T, base, who, token string, rt http.RoundTripper) *atlassian.Client {
	t.Helper()
	return dial(t, base, who, token, "", rt)
}

// connectAs is a client whose credential is said to be of an account.
func connectAs(t *testing.T, base, who, token, account string) *atlassian.Client {
	t.Helper()
	return dial(t, base, who, token, account, nil)
}

func dial(t *testing.T, base, who, token, account string, rt http.RoundTripper) *atlassian.Client {
	t.Helper()
	c, err := atlassian.New(atlassian.Config{
		BaseURL: base, Transport: rt, Endpoints: atlassian.Endpoints(Operations(), uses[who]),
		Credential: func(context.Context) (atlassian.Credential, error) {
			return atlassian.Basic(who+"@example.com", token).For(account), nil
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
	return housetest.Resolved(h.t, wpc, h.c.Resolve)
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
	h.given, h.change = []byte(args), nil
	plan, err := h.c.Plan(gate.WithAgent(h.t.Context(), h.agent), action, h.given, h.policy.Bounds("confluence"))
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
	if plan.Change != nil {
		if _, err := plan.Change.Marshal(); err != nil {
			h.t.Errorf("%s: %v", action, err)
		}
	} else if e.call.Mutates() {
		h.t.Errorf("%s is allowed and does not say what it changes", action)
	}
	h.seq++
	h.opened, h.change = &receipt.Receipt{Job: "job-1", Seq: h.seq, At: time.Now(), Call: e.call}, plan.Change
	ctx := h.acting
	if ctx == nil {
		ctx = h.t.Context()
	}
	e.result, err = plan.Act(ctx, h.opened)
	h.end = e
	if e.result == nil {
		h.t.Fatalf("%s: the act left no result: %v", action, err)
	}
	if err != nil {
		return h.fault(e, err)
	}
	if e.result.Outcome.Status != receipt.Done || e.call.Mutates() && e.result.Outcome.Target == nil {
		h.t.Errorf("%s: no error, and outcome %+v", action, e.result.Outcome)
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

// connectAny is a client of the writer's that may send anything: somebody at a browser.
func connectAny(t *testing.T, base string) *atlassian.Client {
	t.Helper()
	c, err := atlassian.New(atlassian.Config{BaseURL: base, Credential: func(context.Context) (atlassian.Credential, error) {
		return atlassian.Basic("writer@example.com", "w-token"), nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// commentOnAlpha comments on the word "alpha" of a page.
func commentOnAlpha(page string) *atlassian.Request {
	return &atlassian.Request{Method: http.MethodPost, Path: v2 + "/inline-comments", Body: []byte(`{"pageId":"` + page +
		`","body":{"representation":"storage","value":"<p>really?</p>"},"inlineCommentProperties":{"textSelection":"alpha","textSelectionMatchCount":1,"textSelectionMatchIndex":0}}`)}
}

// reply answers a comment at the foot of a page.
func reply(comment string) *atlassian.Request {
	return &atlassian.Request{Method: http.MethodPost, Path: v2 + "/footer-comments", Body: []byte(`{"parentCommentId":"` + comment +
		`","body":{"representation":"storage","value":"<p>yes</p>"}}`)}
}

// recorder notes every request on its way, and lets it through.
func recorder(sent *[][]byte) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		if r.Body = io.NopCloser(bytes.NewReader(b)); len(b) == 0 {
			r.Body = http.NoBody
		}
		*sent = append(*sent, []byte(r.Method+" "+r.URL.RequestURI()+" "+string(b)))
		return http.DefaultTransport.RoundTrip(r)
	})
}
