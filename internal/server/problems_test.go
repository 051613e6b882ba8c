// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/approval"
	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/issuer"
	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/internal/revocation"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/internal/undo"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// Requests are read strictly, and no further than their bound.
func TestBodies(t *testing.T) {
	h := newHouse(t)
	p, _ := h.open()
	order := `{"agent":"robot","job":"job-1","policy":"` + p.Hash.String() + `"`
	for _, test := range []struct {
		name, body string
		status     int
		code       string
	}{
		{"empty", ``, 400, "bad_json"},
		{"no JSON", `agent=robot`, 400, "bad_json"},
		{"cut off", order, 400, "bad_json"},
		{"more than one", order + `}{}`, 400, "bad_json"},
		{"unknown member", order + `,"admin":true}`, 400, "bad_json"},
		{"another case", order + `,"Job":"job-2"}`, 400, "bad_json"},
		{"twice", order + `,"job":"job-2"}`, 400, "bad_json"},
		{"wrong type", `{"agent":7}`, 400, "bad_json"},
		{"a list", `[]`, 400, "bad_json"},
		{"a hash that is none", `{"policy":"sha256:12"}`, 400, "bad_json"},
		{"a number beyond all", order + `,"ttl_seconds":99999999999999999999}`, 400, "bad_json"},
		{"a time that overflows", order + `,"ttl_seconds":18446744134}`, 400, "bad_argument"}, // as a Duration, about a minute
		{"a negative time", order + `,"ttl_seconds":-1}`, 400, "bad_argument"},
		{"too large", `{"agent":"` + strings.Repeat("a", maxBody) + `"}`, 413, "too_large"},
		{"deep", strings.Repeat("[", 100_000), 400, "bad_json"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h.t = t
			h.wantProblem(h.post("/v1/cst", test.body), test.status, test.code)
		})
	}
}

// A bad argument in the path or the query is the client's.
func TestArguments(t *testing.T) {
	h := newHouse(t)
	_, issued := h.open()
	h.wantProblem(h.get("/v1/wpc/sha256:12"), 400, "bad_argument")
	h.wantProblem(h.get("/v1/jobs/job-1/proof?disclose=everything"), 400, "bad_argument")
	for _, path := range []string{
		"/v1/wpc/" + seal.Sum(nil).String(), "/v1/cst/none", "/v1/jobs/none", "/v1/jobs/none/receipts", "/v1/jobs/none/proof", "/v1/approvals/none",
		"/v1/jobs/" + "%27%20OR%201=1--", "/v1/cst/" + strings.ToUpper(string(issued.Claims.ID)),
	} {
		h.wantProblem(h.get(path), 404, "not_found")
	}
	for _, reason := range []string{`\u0000`, `two\nlines`, `\u001b[2J`, strings.Repeat("x", revocation.MaxReason+1)} {
		h.wantProblem(h.post("/v1/cst/"+string(issued.Claims.ID)+"/revoke", `{"reason":"`+reason+`"}`), 400, "bad_argument")
		h.wantProblem(h.post("/v1/jobs/job-1/revoke", `{"reason":"`+reason+`"}`), 400, "bad_argument")
	}
	for _, path := range []string{"/v1/cst/none/revoke", "/v1/jobs/none/revoke"} {
		h.wantProblem(h.post(path, `{"reason":"x"}`), 404, "not_found")
	}
}

// Each row of told is what some request is answered with.
func TestTold(t *testing.T) {
	h := newHouse(t)
	p, issued := h.open()
	reached := map[string]bool{}
	want := func(a *answer, status int, code string) *api.Problem {
		t.Helper()
		reached[code] = true
		return h.wantProblem(a, status, code)
	}
	want(h.do("", "GET", "/v1/jobs", ""), 401, "unauthorized")
	want(h.post("/v1/cst", strings.Repeat(" ", maxBody+1)), 413, "too_large")
	want(h.brokenOff(), 400, "bad_body")
	want(h.post("/v1/cst", "{"), 400, "bad_json")
	want(h.get("/v1/wpc/12"), 400, "bad_argument")
	mallory, _, _ := newKey(t, "mallory@house.test", 9)
	if got := want(h.post("/v1/wpc", h.signed(wpc, mallory)), 422, "unknown_key"); !strings.Contains(got.Detail, "mallory@house.test") {
		t.Errorf("it does not say whose: %+v", got)
	}
	if got := want(h.post("/v1/wpc", h.signed(`{"wpc_version":"v1","actionz":{}}`, h.ada)), 422, "not_published"); got.Detail == "" {
		t.Errorf("it does not say why: %+v", got)
	}
	carol := h.govern(t)
	want(h.post("/v1/wpc", h.signed(governed, h.ada)), 422, "not_approved")
	want(h.post("/v1/wpc", h.signed(governed, carol)), 422, "not_approved")
	h.Registry.Environments = nil
	want(h.post("/v1/cst", `{"agent":"robot","job":"job-1","policy":"`+p.Hash.String()+`","ttl_seconds":601}`), 422, "not_issued")
	want(h.post("/v1/cst", `{"agent":"another","job":"job-1","policy":"`+p.Hash.String()+`"}`), 422, "job_taken")
	byHand := want(h.post("/v1/cst", `{"agent":"robot","job":"job-1","policy":"`+p.Hash.String()+`","runtime":{"attestation":"`+seal.Sum(nil).String()+`"}}`), 422, "not_attested")
	if !strings.HasPrefix(byHand.Detail, "only a launcher's signed attestation") || !strings.HasPrefix(byHand.Hint, "send the attestation") {
		t.Errorf("%+v", byHand)
	}
	want(h.post("/v1/jobs/job-1/traces", `{"payload":"e30=","payloadType":"x","signatures":[]}`), 422, "bad_trace")
	want(h.post("/v1/jobs/none/traces", `{"payload":"e30=","payloadType":"x","signatures":[]}`), 404, "not_found")
	h.Issuer.PlainBearer = false
	want(h.post("/v1/cst", `{"agent":"robot","job":"job-1","policy":"`+p.Hash.String()+`"}`), 422, "unbound")
	h.Issuer.PlainBearer = true
	want(h.get("/v1/jobs/job-1/proof"), 409, "no_receipts")
	want(h.get("/v1/jobs/none"), 404, "not_found")
	for n := range 100 {
		if err := h.DB.CreateJob(t.Context(), store.Job{ID: undo.JobAt("job-1", n+1), Agent: receipt.Undoer, Policy: p.Hash, Client: "eve", Created: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	want(h.get("/v1/jobs/job-1/undo"), 422, "too_many")
	asked, err := h.call(issued.Token, post, "a letter")
	if err == nil {
		t.Fatal("not asked")
	}
	late := h.answerTo(asked.Asks, func(a *receipt.Answer) { a.At = a.At.Add(-time.Hour) })
	want(h.post("/v1/approvals/"+asked.Asks, late), 422, "bad_answer")
	want(h.post("/v1/approvals/"+asked.Asks, h.answerTo(asked.Asks, func(a *receipt.Answer) { a.Call[0] ^= 1 })), 422, "other_call")
	want(h.post("/v1/approvals/"+asked.Asks, h.answerTo(asked.Asks, func(a *receipt.Answer) { a.Shown = receipt.ShownHash("another") })), 422, "other_difference")
	want(h.post("/v1/approvals/"+asked.Asks, h.answerTo(asked.Asks, func(a *receipt.Answer) { a.For = "bo@house.test" })), 403, "no_delegation")
	delegates := func(n int, to string) string {
		now := time.Now()
		d := approval.NewDelegation("alice@house.test", to, now, now.Add(time.Hour), now, "")
		d.ID = fmt.Sprint("d-", n)
		e, err := d.Sign(h.alice)
		if err != nil {
			t.Fatal(err)
		}
		return h.paper(e)
	}
	want(h.post("/v1/delegations", delegates(0, "bo@house.test")), 422, "bad_delegation")
	_, bo, _ := newKey(t, "bo@house.test", 7)
	h.Desk.People = append(h.Desk.People, bo)
	for n := range 20 {
		if a := h.post("/v1/delegations", delegates(n, "bo@house.test")); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	want(h.post("/v1/delegations", delegates(20, "bo@house.test")), 422, "too_many_delegations")
	minted, err := h.Issuer.Mint(t.Context(), issuer.Order{Agent: "robot", Job: "job-2", Policy: p.Hash, Client: "alice@house.test"})
	if err != nil {
		t.Fatal(err)
	}
	own, err := h.call(minted.Raw, post, "a letter of one's own")
	if err == nil {
		t.Fatal("not asked")
	}
	want(h.post("/v1/approvals/"+own.Asks, h.answerTo(own.Asks, func(*receipt.Answer) {})), 403, "own_job")
	yes := h.answerTo(asked.Asks, func(*receipt.Answer) {})
	if a := h.post("/v1/approvals/"+asked.Asks, yes); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	want(h.post("/v1/approvals/"+asked.Asks, yes), 409, "conflict")
	h.exec(`UPDATE approval SET policy = 'sha256:` + strings.Repeat("0", 64) + `' WHERE id = '` + own.Asks + `'`)
	want(h.get("/v1/approvals/"+own.Asks), 409, "altered")
	if a := h.post("/v1/revocations", `{"kind":"agent","target":"robot"}`); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	want(h.post("/v1/cst", `{"agent":"robot","job":"job-1","policy":"`+p.Hash.String()+`"}`), 422, "revoked")
	h.exec(`UPDATE policy SET binding = X'7b'`)
	want(h.get("/v1/wpc/"+p.Hash.String()), 409, "policy_unusable")
	for _, row := range told {
		if !reached[row.code] {
			t.Errorf("no request is answered with %s", row.code)
		}
		if row.title == "" || row.hint == "" || row.status < 400 || row.status > 499 {
			t.Errorf("row %+v", row)
		}
	}
}

// brokenOff is the answer to a request whose body ends too early.
func (h *house) brokenOff() *answer {
	r := httptest.NewRequest("POST", "/v1/cst", &broken{})
	r.Header.Set("Authorization", "Bearer "+secret)
	w := httptest.NewRecorder()
	h.Handler().ServeHTTP(w, r)
	return &answer{w.Code, w.Header(), w.Body.Bytes()}
}

type broken struct{ sent bool }

func (b *broken) Read(p []byte) (int, error) {
	if b.sent {
		return 0, errDisk
	}
	b.sent = true
	return copy(p, `{"agent":`), nil
}

// answerTo is alice's signed yes, changed.
func (h *house) answerTo(id string, change func(*receipt.Answer)) string {
	h.t.Helper()
	q := into[api.Question](h.t, h.get("/v1/approvals/"+id))
	now := time.Now().UTC().Truncate(time.Millisecond)
	a := &receipt.Answer{Approval: id, Job: q.Job, Call: q.Call, Policy: q.Policy, Yes: true, By: "alice@house.test", At: now, Expires: now.Add(time.Hour)}
	change(a)
	e, err := a.Sign(h.alice)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.paper(e)
}

// Damage in the database is never told as the client's fault, whatever the
// damaged paper looks like; a tamperer's key is never recommended.
func TestDamage(t *testing.T) {
	for _, test := range []struct {
		name, sql string
		at        func(p *api.Policy, i *api.Issued) string
		status    int
		code      string
	}{
		{"policy no JSON", `UPDATE policy SET envelope = X'00'`, func(p *api.Policy, _ *api.Issued) string { return "/v1/wpc/" + p.Hash.String() }, 409, "policy_unusable"},
		{"policy empty", `UPDATE policy SET envelope = X'7b7d'`, func(p *api.Policy, _ *api.Issued) string { return "/v1/wpc/" + p.Hash.String() }, 409, "policy_unusable"},
		{"binding by the author", `UPDATE policy SET binding = envelope`, func(p *api.Policy, _ *api.Issued) string { return "/v1/wpc/" + p.Hash.String() }, 409, "policy_unusable"},
		{"token's record", `UPDATE token SET record = X'00'`, func(_ *api.Policy, i *api.Issued) string { return "/v1/cst/" + string(i.Claims.ID) }, 500, "internal"},
		{"token's record in its job", `UPDATE token SET record = X'00'`, func(*api.Policy, *api.Issued) string { return "/v1/jobs/job-1" }, 500, "internal"},
		{"receipt", `UPDATE receipt SET envelope = X'00'`, func(*api.Policy, *api.Issued) string { return "/v1/jobs/job-1/receipts" }, 500, "internal"},
		{"receipt in its proof", `UPDATE receipt SET envelope = X'00'`, func(*api.Policy, *api.Issued) string { return "/v1/jobs/job-1/proof" }, 500, "internal"},
		{"receipt that asks", `UPDATE receipt SET envelope = X'00'`, func(*api.Policy, *api.Issued) string { return "/v1/approvals/job-1.1" }, 500, "internal"},
		{"text", `UPDATE receipt SET texts = X'00'`, func(*api.Policy, *api.Issued) string { return "/v1/approvals/job-1.1" }, 500, "internal"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHouse(t)
			p, issued := h.open()
			if _, err := h.call(issued.Token, post, "a letter"); err == nil {
				t.Fatal("not asked")
			}
			h.exec(test.sql)
			h.wantProblem(h.get(test.at(p, issued)), test.status, test.code)
		})
	}
}

// A damaged policy is listed as such beside the good ones.
func TestListDamaged(t *testing.T) {
	h := newHouse(t)
	p, _ := h.open()
	into[api.Policy](t, h.post("/v1/wpc", h.signed(`{"policy_name":"good","tool_policy":{"allow":["desk.read"]},"wpc_version":"v1"}`, h.ada)))
	h.exec(`UPDATE policy SET binding = X'00' WHERE hash = ?`, p.Hash.String())
	list := into[api.Policies](t, h.get("/v1/wpc"))
	if len(list.Policies) != 2 {
		t.Fatalf("listed %+v", list)
	}
	for _, l := range list.Policies {
		if (l.Fault != "") != (l.Hash == p.Hash) || (l.Name == "good") != (l.Fault == "") {
			t.Errorf("listed %+v", l)
		}
	}
	h.wantProblem(h.post("/v1/cst", `{"agent":"robot","job":"job-9","policy":"`+p.Hash.String()+`"}`), 409, "policy_unusable")
}

// What goes wrong inside stays inside; the log has it.
func TestInternal(t *testing.T) {
	h := newHouse(t)
	h.open()
	if err := h.DB.Close(); err != nil {
		t.Fatal(err)
	}
	for _, r := range h.routes() {
		method, path := address(r.pattern)
		if r.who != operator || method != "GET" {
			continue
		}
		a := h.do("Bearer "+secret, method, path, "")
		p := h.wantProblem(a, 500, "internal")
		if p.Detail != "" || bytes.Contains(a.body, []byte("sql")) || bytes.Contains(a.body, []byte("database is")) {
			t.Errorf("%s tells %s", path, a.body)
		}
	}
	h.wantProblem(h.get("/healthz"), 503, "no_book")
	if !strings.Contains(h.log.String(), "request failed") {
		t.Error("the log does not say why")
	}
	for _, err := range []error{errDisk, fmt.Errorf("wrap: %w", errDisk), &seal.SyntaxError{Msg: errDisk.Error()}, errors.New("")} {
		if p := problem(err); p.Status != 500 || p.Code != "internal" || strings.Contains(p.Error(), "/var/lib") {
			t.Errorf("%v is told as %+v", err, p)
		}
	}
}

// Whatever is sent, the answer is a whole problem that blames the request, or
// what was asked for; the daemon is never in trouble over it.
func FuzzBodies(f *testing.F) {
	h := newHouse(f)
	p, _ := h.open()
	f.Add("/v1/wpc", []byte(h.signed(wpc, h.ada)))
	f.Add("/v1/wpc", []byte(`{"payload":"e30=","payloadType":"x","signatures":[]}`))
	f.Add("/v1/cst", []byte(`{"agent":"robot","job":"job-1","policy":"`+p.Hash.String()+`","grant":{"actions":["*"],"resources":null,"limits":{"pages":-1}}}`))
	f.Add("/v1/cst", []byte(`{"agent":"robot","job":"job-1","policy":"`+p.Hash.String()+`","ttl_seconds":9007199254740993}`))
	f.Add("/v1/cst/none/revoke", []byte(`{"reason":"\ud800"}`))
	f.Add("/v1/jobs/job-1/revoke", []byte(`{"reason":"x"}`))
	f.Add("/v1/approvals/job-1.1", []byte(`null`))
	f.Fuzz(func(t *testing.T, path string, body []byte) {
		r := &http.Request{
			Method: "POST", URL: &url.URL{Path: path}, Header: http.Header{"Authorization": {"Bearer " + secret}},
			Body: io.NopCloser(bytes.NewReader(body)),
		}
		w := httptest.NewRecorder()
		h.Handler().ServeHTTP(w, r.WithContext(t.Context()))
		if w.Code >= 500 || w.Header().Get("Content-Type") == "application/problem+json" && w.Code < 400 {
			t.Errorf("%s %q: %d %s", path, body, w.Code, w.Body)
		}
		if strings.HasPrefix(path, "/v1/") && w.Code == http.StatusOK && !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %q: %s", path, body, w.Body)
		}
	})
}

// A site that does not answer, or does not take the credential, is not mended by
// signing the policy again; a name that leads nowhere is.
func TestPublicationHints(t *testing.T) {
	refused := func(cause error) error { return fmt.Errorf("%w: %w", registry.ErrRefused, cause) }
	for _, test := range []struct {
		cause      error
		same       bool // the same paper may be published later
		says, hint string
	}{
		{&gate.Fault{Code: "upstream", Msg: "no answer"}, true, "no answer", "see that the system answers"},
		{&gate.Fault{Code: "unauthorized", Msg: "not taken"}, true, "not taken", "mend the account that reads"},
		{fmt.Errorf("find ENG: %w", &gate.Fault{Code: "no_grant", Msg: "no consent"}), true, "find ENG: no consent", "clawea connect list"},
		{fmt.Errorf("read a page: %w", &atlassian.Error{Code: atlassian.Unreachable}), true, "read a page", "see that the system answers"},
		{&gate.Fault{Code: "not_found", Msg: "no space ENG"}, false, "no space ENG", "mend the policy, sign it again"},
		{&registry.ServerError{Err: errors.New("the MCP server wiki does not start\nlook at its log")}, true, "the MCP server wiki does not start", "look at its log; then publish"},
		{&registry.ServerError{Err: errors.New("the MCP server wiki does not answer")}, true, "the MCP server wiki does not answer", "see that the MCP server starts"},
		{errors.New("unknown field"), false, "unknown field", "mend the policy, sign it again"},
	} {
		p := problem(refused(test.cause))
		if p.Code != "not_published" || !strings.HasPrefix(p.Detail, test.says) || !strings.Contains(p.Hint, test.hint) || strings.Contains(p.Hint, "need not be changed") != test.same {
			t.Errorf("%v: %+v", test.cause, p)
		}
	}
}
