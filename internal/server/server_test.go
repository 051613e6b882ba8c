// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/approval"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
	"github.com/clawea/clawea/verify"
)

// docs/http.md lists the routes that there are, with who may use them, and no others.
func TestDocs(t *testing.T) {
	b, err := os.ReadFile("../../docs/http.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (\\w+) \\| (.+) \\|$").FindAllStringSubmatch(string(b), -1) {
		if documented[m[1]] != "" {
			t.Errorf("%s is documented twice", m[1])
		}
		documented[m[1]] = m[2]
	}
	names := map[who]string{operator: "operator", orderer: "orderer", agent: "agent", gateway: "gateway", party: "party", anyone: "anyone"}
	served := map[string]string{}
	for _, r := range newHouse(t).routes() {
		served[r.pattern] = names[r.who]
	}
	if diff := cmp.Diff(served, documented); diff != "" {
		t.Errorf("what is served (-) is not what is documented (+):\n%s", diff)
	}
}

// address is a request that matches a route's pattern.
func address(pattern string) (method, path string) {
	method, path, found := strings.Cut(pattern, " ")
	if !found {
		method, path = "POST", pattern
	}
	path = strings.NewReplacer("{hash}", seal.Sum(nil).String(), "{id}", "an-id", "{job}", "job-1", "{seq}", "1").Replace(path)
	return method, path
}

// An operator's route tells nothing to whoever is not one.
func TestOperatorsOnly(t *testing.T) {
	h := newHouse(t)
	_, issued := h.open()
	for _, r := range h.routes() {
		if r.who != operator && r.who != orderer {
			continue
		}
		method, path := address(r.pattern)
		for name, auth := range map[string]string{
			"nothing": "", "empty": "Bearer ", "wrong": "Bearer " + secret[1:], "longer": "Bearer " + secret + "0", "a CST": "Bearer " + issued.Token,
			"basic": "Basic " + secret, "bare": secret, "lower case": "bearer " + secret, "twice": "Bearer Bearer " + secret,
		} {
			a := h.do(auth, method, path, "{}")
			h.wantProblem(a, 401, "unauthorized")
			if a.header.Get("WWW-Authenticate") == "" || len(a.header.Values("Set-Cookie")) > 0 {
				t.Errorf("%s with %s: headers %v", r.pattern, name, a.header)
			}
		}
		if a := h.do("Bearer "+secret, method, path, "{}"); a.status == 401 {
			t.Errorf("%s refuses its operator", r.pattern)
		}
	}
	if log := h.log.String(); strings.Contains(log, secret) || strings.Contains(log, issued.Token) {
		t.Error("the log holds a token")
	}
}

// Everybody's and agents' routes ask for no operator; agents' check the CST themselves.
func TestOthers(t *testing.T) {
	h := newHouse(t)
	for _, r := range h.routes() {
		method, path := address(r.pattern)
		if a := h.do("", method, path, "{}"); (r.who == agent || r.who == anyone) && (a.status == 401 || a.status == 403) {
			t.Errorf("%s: %d", r.pattern, a.status)
		}
	}
	for path, want := range map[string]string{"/proxy/x/v1/messages": "proxy", "/mcp": "mcp"} {
		if a := h.do("", "POST", path, "{}"); string(a.body) != want {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	for path, code := range map[string]int{"/healthz": 200, "/v1/trust": 200, "/.well-known/jwks.json": 200, "/log/checkpoint": 200} {
		if a := h.do("", "GET", path, ""); a.status != code {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}

// A route that says nobody may pass lets nobody pass.
func TestNobody(t *testing.T) {
	h := newHouse(t)
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer "+secret)
	h.admit(who(0), saying("inside")).ServeHTTP(w, r)
	if w.Code != 404 || strings.Contains(w.Body.String(), "inside") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestHeaders(t *testing.T) {
	h := newHouse(t)
	paths := []string{"/", "/nowhere"}
	for _, r := range h.routes() {
		_, path := address(r.pattern)
		paths = append(paths, path)
	}
	for _, path := range paths {
		for _, auth := range []string{"", "Bearer " + secret} {
			a := h.do(auth, "GET", path, "")
			if a.header.Get("X-Content-Type-Options") != "nosniff" || a.header.Get("Cache-Control") == "" || a.header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s: %v", path, a.header)
			}
			if strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
				t.Errorf("%s answers in HTML", path)
			}
		}
	}
}

func TestLost(t *testing.T) {
	h := newHouse(t)
	h.wantProblem(h.get("/v1/jobs/a%00b"), 404, "no_route")
	h.wantProblem(h.get("/v1/cst/%ff"), 404, "no_route")
	for _, at := range []string{"GET /", "GET /v2/wpc", "DELETE /v1/wpc", "PUT /v1/cst", "POST /healthz", "GET /v1/wpc/", "POST /v1/jobs"} {
		method, path, _ := strings.Cut(at, " ")
		h.wantProblem(h.do("Bearer "+secret, method, path, ""), 404, "no_route")
	}
}

// An operator whose token cannot be read is nobody; the others go on.
func TestOperatorTokens(t *testing.T) {
	h := newHouse(t)
	h.Operators[0].Token = func() (string, error) { return "", errDisk }
	if a := h.get("/v1/jobs"); a.status != 200 {
		t.Errorf("the other operator: %d", a.status)
	}
	if !strings.Contains(h.log.String(), "disk on fire") {
		t.Error("the log does not say why")
	}
	h.Operators[1].Token = func() (string, error) { return "", nil } // an empty file
	h.wantProblem(h.do("Bearer ", "GET", "/v1/jobs", ""), 401, "unauthorized")
	h.wantProblem(h.get("/v1/jobs"), 401, "unauthorized")
	h.Operators[1].Token = func() (string, error) { return "changed-under-a-running-daemon", nil }
	if a := h.do("Bearer changed-under-a-running-daemon", "GET", "/v1/jobs", ""); a.status != 200 {
		t.Errorf("a changed token: %d", a.status)
	}
	h.Operators = nil
	h.wantProblem(h.get("/v1/jobs"), 401, "unauthorized")
}

// The whole of a job, as an operator sees it.
func TestStory(t *testing.T) {
	h := newHouse(t)
	p, issued := h.open()
	if got := into[api.Policy](t, h.get("/v1/wpc/"+p.Hash.String())); got.Envelope == nil || got.Binding == nil || got.MaxTTL != 600 || got.Published.IsZero() {
		t.Errorf("policy %+v", got)
	}
	if list := into[api.Policies](t, h.get("/v1/wpc")); len(list.Policies) != 1 || list.Policies[0].Envelope != nil {
		t.Errorf("policies %+v", list)
	}
	if _, err := h.call(issued.Token, read, "a page"); err != nil {
		t.Fatal(err)
	}
	asked, err := h.call(issued.Token, post, "a letter")
	if err == nil {
		t.Fatal("not asked")
	}
	h.wantState(asked.Asks, "open", 1)
	q := into[api.Question](t, h.get("/v1/approvals/"+asked.Asks))
	r, err := receipt.Parse(q.Receipt.Payload)
	if err != nil || string(q.Text) != "a letter" || !seal.Commit(q.Salt, q.Text).Equal(r.Call.Args) {
		t.Errorf("question %+v, %v", q, err)
	}
	if a := into[api.Approval](t, h.post("/v1/approvals/"+asked.Asks, h.answerTo(asked.Asks, func(*receipt.Answer) {}))); a.State != "yes" || a.By != "alice@house.test" {
		t.Errorf("answered %+v", a)
	}
	h.wantState(asked.Asks, "yes", 0)
	if _, err := h.call(issued.Token, post, "a letter"); err != nil {
		t.Fatal(err)
	}
	h.wantState(asked.Asks, "used", 0)
	if j := into[api.Job](t, h.get("/v1/jobs/job-1")); j.Receipts != 5 || len(j.Tokens) != 1 || j.Tokens[0].Record != nil || j.Agent != "robot" {
		t.Errorf("job %+v", j)
	}
	if list := into[api.Jobs](t, h.get("/v1/jobs")); len(list.Jobs) != 1 || list.Jobs[0].Tokens != nil {
		t.Errorf("jobs %+v", list)
	}
	if list := into[api.Receipts](t, h.get("/v1/jobs/job-1/receipts")); len(list.Receipts) != 5 {
		t.Errorf("%d receipts", len(list.Receipts))
	}
	for query, texts := range map[string]bool{"": false, "?disclose=none": false, "?disclose=all": true} {
		a := h.get("/v1/jobs/job-1/proof" + query)
		if a.status != 200 || a.header.Get("Content-Type") != "application/vnd.clawea.bundle.v1+json" {
			t.Fatalf("%d %s", a.status, a.body)
		}
		if !verify.Bundle(a.body, h.trust, verify.Expect{Policy: p.Hash, Job: "job-1"}).Verified() {
			t.Errorf("proof%s does not verify", query)
		}
		if got := bytes.Contains(a.body, []byte("YSBwYWdl")); got != texts { // base64 of "a page"
			t.Errorf("proof%s: texts %v", query, got)
		}
	}
	if got := into[api.Revoked](t, h.post("/v1/jobs/job-1/revoke", `{"reason":"over"}`)); got.Tokens != 1 {
		t.Errorf("revoked %+v", got)
	}
	tok := into[api.Token](t, h.get("/v1/cst/"+string(issued.Claims.ID)))
	if tok.Revoked == nil || tok.Reason != "over" || tok.Record == nil {
		t.Errorf("token %+v", tok)
	}
	if _, err := h.call(issued.Token, read, "a page"); !errors.Is(err, token.ErrJobRevoked) {
		t.Errorf("after the revocation: %v", err)
	}
}

func (h *house) wantState(id, state string, open int) {
	h.t.Helper()
	all := into[api.Approvals](h.t, h.get("/v1/approvals?all=true"))
	if len(all.Approvals) != 1 || all.Approvals[0].ID != id || all.Approvals[0].State != state {
		h.t.Errorf("approvals %+v, want one %s", all, state)
	}
	if waiting := into[api.Approvals](h.t, h.get("/v1/approvals")); len(waiting.Approvals) != open {
		h.t.Errorf("%d wait, want %d", len(waiting.Approvals), open)
	}
}

// A question that nobody answers, and a yes that nobody uses, expire.
func TestExpired(t *testing.T) {
	h := newHouse(t)
	_, issued := h.open()
	asked, err := h.call(issued.Token, post, "a letter")
	if err == nil {
		t.Fatal("not asked")
	}
	h.Desk = &approval.Desk{DB: h.DB, Policies: h.Desk.Policies, People: h.Desk.People, Now: func() time.Time { return time.Now().Add(25 * time.Hour) }}
	if a := into[api.Question](t, h.get("/v1/approvals/"+asked.Asks)); a.State != "expired" {
		t.Errorf("state %s", a.State)
	}
}

// The trust file is the one that the verifier reads; lists are never null.
func TestPublic(t *testing.T) {
	h := newHouse(t)
	trust, err := verify.ParseTrust(h.do("", "GET", "/v1/trust", "").body)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(h.trust, trust); diff != "" {
		t.Error(diff)
	}
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal(h.do("", "GET", "/.well-known/jwks.json", "").body, &set); err != nil || len(set.Keys) != 1 || set.Keys[0]["d"] != nil {
		t.Errorf("keys %v, %v", set, err)
	}
	for path, want := range map[string]string{"/v1/wpc": `{"policies":[]}`, "/v1/jobs": `{"jobs":[]}`, "/v1/approvals": `{"approvals":[]}`, "/v1/delegations": `{"delegations":[]}`} {
		if a := h.get(path); strings.TrimSpace(string(a.body)) != want {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	h.open()
	if a := h.get("/v1/jobs/job-1/receipts"); strings.TrimSpace(string(a.body)) != `{"receipts":[]}` {
		t.Errorf("receipts: %s", a.body)
	}
}

// An agent's request has a while to arrive, and then all the time it needs.
func TestArriving(t *testing.T) {
	w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	r := httptest.NewRequest("POST", "/mcp", strings.NewReader("hello"))
	arriving(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if w.read.IsZero() {
			t.Error("it may trickle in for ever")
		}
		b := make([]byte, 10)
		for err := error(nil); err == nil; {
			_, err = r.Body.Read(b)
		}
		if !w.read.IsZero() {
			t.Error("a deadline is left for what follows")
		}
	})).ServeHTTP(w, r)
	if !w.write.IsZero() {
		t.Error("an answer to an agent is bounded")
	}
	timely(saying("x")).ServeHTTP(w, httptest.NewRequest("GET", "/v1/jobs", nil))
	if w.read.IsZero() || w.write.IsZero() {
		t.Error("an operator's request is not bounded")
	}
	none := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	bare := httptest.NewRequest("GET", "/mcp", nil)
	bare.Body = http.NoBody
	arriving(saying("x")).ServeHTTP(none, bare)
	if !none.read.IsZero() {
		t.Error("a deadline that nothing will lift")
	}
}

// deadlines records what a handler sets.
type deadlines struct {
	*httptest.ResponseRecorder
	read, write time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error  { d.read = t; return nil }
func (d *deadlines) SetWriteDeadline(t time.Time) error { d.write = t; return nil }
