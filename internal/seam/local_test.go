// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package seam_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/hold"
	"github.com/clawea/clawea/internal/seam"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// local is the house's door for agents' own programs.
func (h *house) local() http.Handler {
	l := seam.NewLocal(h.handler, hold.New(h.db, h.gate.Log), h.db)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/local", l.ServeAsk)
	mux.HandleFunc("POST /v1/local/{job}/{seq}/close", l.ServeReport)
	mux.HandleFunc("POST /v1/local/alive", l.ServeAlive)
	return mux
}

// tell posts body to path as a program does, and reads the answer into out.
func (h *house) tell(to http.Handler, raw, prefer, path, body string, out any) *httptest.ResponseRecorder {
	h.t.Helper()
	r := as(httptest.NewRequest("POST", path, strings.NewReader(body)), "", raw)
	if prefer != "" {
		r.Header.Set("Prefer", prefer)
	}
	w := httptest.NewRecorder()
	to.ServeHTTP(w, r)
	if err := json.Unmarshal(w.Body.Bytes(), out); err != nil {
		h.t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	return w
}

// A program's own tools are decided by the policy; what the house has is none of them,
// whatever is said of it.
func TestLocal(t *testing.T) {
	for body, want := range map[string]string{
		`{"tool":"shell","action":"exec","class":"write","args":{"cmd":"ls"}}`: "opened shell.exec allow",
		`{"tool":"exec"}`:                         "opened exec allow",
		`{"tool":"shell"}`:                        "opened shell deny",
		`{"tool":"hub","action":"delete_repo"}`:   "opened hub.delete_repo deny",
		`{"tool":"hub","action":"merge"}`:         "opened hub.merge ask",
		`{"tool":"browser"}`:                      "opened browser deny",
		`{"tool":"desk","action":"read"}`:         "opened seam.unknown deny", // of the house, and allowed there
		`{"tool":"wikimcp","action":"get_issue"}`: "opened seam.unknown deny", // an upstream server's
		`{"tool":"jira","action":"issue.get"}`:    "opened seam.unknown deny",
		`{"tool":"model","class":"read"}`:         "opened seam.unknown deny",
		`{"tool":"egress","class":"read"}`:        "opened seam.unknown deny",
		`{"tool":"Shell"}`:                        "opened seam.unknown deny",
		`{"tool":"","action":"exec"}`:             "opened seam.unknown deny",
		`{"tool":"shell","action":"rm -rf /"}`:    "opened seam.unknown deny",
		`{"tool":"exec","args":[]}`:               "opened exec allow",
	} {
		h := newHouse(t)
		var v api.Verdict
		w := h.tell(h.local(), h.mint("job-1"), "", "/v1/local", body, &v)
		r := h.receipts("job-1")
		if len(r) != 1 || w.Code != http.StatusOK || h.book("job-1") != want || v.Receipt != "job-1/1" || w.Header().Get("Clawea-Receipt") != "job-1/1" {
			t.Errorf("%s: %d %s, book %q, want %q", body, w.Code, w.Body, h.book("job-1"), want)
			continue
		}
		if c := r[0].Call; c.Carrier != policy.RuntimeCarrier || c.Mode != "" || c.Unreported || v.Effect != r[0].Decision.Effect {
			t.Errorf("%s: %+v", body, c)
		}
		if allowed := v.Effect == policy.Allow; allowed != (v.Ticket != "") || allowed == v.Until.IsZero() || (v.Effect == policy.Ask) != (v.Approval != "") {
			t.Errorf("%s: %s", body, w.Body)
		}
	}
}

func TestWhoMayAskLocally(t *testing.T) {
	h := newHouse(t)
	raw := h.mint("job-1")
	for _, test := range []struct {
		name, raw, body string
		status          int
		code            string
	}{
		{"no token", "", `{"tool":"shell"}`, 401, "no_token"},
		{"a gateway's token", envoyToken, `{"tool":"shell"}`, 401, "token.malformed"},
		{"a forged one", raw[:len(raw)-4] + "AAAA", `{"tool":"shell"}`, 401, "token.signature"},
		{"what only gateways say", raw, `{"tool":"shell","sent":{"method":"GET","path":"/"}}`, 400, "bad_request"},
		{"a class that is none", raw, `{"tool":"shell","class":"connect"}`, 400, "bad_request"},
		{"no JSON", raw, `shell`, 400, "bad_request"},
		{"too much", raw, `{"tool":"shell","args":"` + strings.Repeat("a", 4<<20) + `"}`, 413, "too_large"},
	} {
		var p api.Problem
		if w := h.tell(h.local(), test.raw, "", "/v1/local", test.body, &p); w.Code != test.status || p.Code != test.code || p.Hint == "" || h.book("job-1") != "" {
			t.Errorf("%s: %d %s, book %q", test.name, w.Code, w.Body, h.book("job-1"))
		}
	}
}

// What a program says became of its call is taken with the call's ticket, once, and
// of calls of its own only; a gateway closes none of them.
func TestLocalReport(t *testing.T) {
	h := newHouse(t)
	to, raw := h.local(), h.mint("job-1")
	var v, other api.Verdict
	h.tell(to, raw, "", "/v1/local", `{"tool":"shell","action":"exec"}`, &v)
	gatewayed := h.verdict(raw, `{"tool":"shell","action":"exec"}`)
	h.tell(to, h.mint("job-2"), "", "/v1/local", `{"tool":"shell"}`, &other)
	report := func(ticket string) string {
		return fmt.Sprintf(`{"ticket":%q,"status":"done","code":"0","result_sha256":%q}`, ticket, seal.Sum([]byte("a b c")))
	}
	for _, test := range []struct {
		name, path, body string
		status           int
	}{
		{"another call's ticket", v.Receipt, report(other.Ticket), 404},
		{"no ticket", v.Receipt, report(""), 404},
		{"a gateway's call", gatewayed.Receipt, report(gatewayed.Ticket), 404},
		{"no such job", "job-9/1", report(v.Ticket), 404},
		{"another word", v.Receipt, fmt.Sprintf(`{"ticket":%q,"status":"ok"}`, v.Ticket), 400},
		{"whole", v.Receipt, report(v.Ticket), 200},
		{"twice", v.Receipt, report(v.Ticket), 409},
	} {
		var out struct{}
		if w := h.tell(to, "", "", "/v1/local/"+test.path+"/close", test.body, &out); w.Code != test.status || (w.Code == 200) != (w.Header().Get("Clawea-Receipt") == "job-1/3") {
			t.Errorf("%s: %d %s", test.name, w.Code, w.Body)
		}
	}
	if status, b := h.ask(envoyToken, "", "/v1/authorize/"+other.Receipt+"/close", report(other.Ticket)); status != http.StatusNotFound {
		t.Errorf("a gateway closed a program's call: %d %s", status, b)
	}
	if want := "opened shell.exec allow, opened shell.exec allow, closed done by runtime"; h.book("job-1") != want {
		t.Errorf("book %q, want %q", h.book("job-1"), want)
	}
}

// A question is held while the program would wait, and leaves one receipt for that and
// one for what was decided after.
func TestLocalWaits(t *testing.T) {
	for name, test := range map[string]struct {
		prefer string
		says   store.Reply
		effect policy.Effect
		book   string
	}{
		"yes":          {"wait=50", store.Yes, policy.Allow, "opened hub.merge ask, opened hub.merge allow"},
		"no":           {"wait=50", store.No, policy.Deny, "opened hub.merge ask, opened hub.merge deny"},
		"nobody":       {"wait=1", store.NoReply, policy.Ask, "opened hub.merge ask"},
		"without wait": {"", store.NoReply, policy.Ask, "opened hub.merge ask"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			alice, key := newKey(t, "alice@house.test", 5)
			h.gate.People = []seal.Verifier{key}
			raw, answered := h.mint("job-1"), make(chan error, 1)
			go func() { answered <- h.answerOnce(alice, test.says) }()
			var v api.Verdict
			h.tell(h.local(), raw, test.prefer, "/v1/local", `{"tool":"hub","action":"merge"}`, &v)
			if err := <-answered; err != nil {
				t.Fatal(err)
			}
			if v.Effect != test.effect || h.book("job-1") != test.book || (v.Effect == policy.Allow) != (v.Ticket != "") {
				t.Errorf("%+v, book %q", v, h.book("job-1"))
			}
		})
	}
}

// answerOnce signs alice's answer to the first question that comes.
func (h *house) answerOnce(alice seal.Signer, says store.Reply) error {
	if says == store.NoReply {
		return nil
	}
	q, err := h.db.Approval(h.t.Context(), "job-1.1")
	for range 2000 { // the machine may be slow
		if err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
		q, err = h.db.Approval(h.t.Context(), "job-1.1")
	}
	if err != nil {
		return err
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	a := &receipt.Answer{Approval: q.ID, Job: q.Job, Call: q.Call, Policy: q.Policy, Yes: says == store.Yes, By: "alice@house.test", At: now, Expires: now.Add(time.Hour)}
	e, err := a.Sign(alice)
	if err != nil {
		return err
	}
	paper, err := e.Marshal()
	if err != nil {
		return err
	}
	return h.db.Answer(h.t.Context(), q.ID, paper, a, func([]*seal.Envelope) store.Reply { return says })
}

// A plugin that shows the job's token is heard of, for that job.
func TestAlive(t *testing.T) {
	h := newHouse(t)
	to, raw := h.local(), h.mint("job-1")
	other := h.mint("job-2")
	alive := func(raw, body string) int {
		r := as(httptest.NewRequest("POST", "/v1/local/alive", strings.NewReader(body)), "", raw)
		w := httptest.NewRecorder()
		to.ServeHTTP(w, r)
		return w.Code
	}
	silence := func(raw, job string) *int {
		var v api.Verdict
		h.tell(to, raw, "", "/v1/local", `{"tool":"exec"}`, &v)
		list := h.receipts(job)
		return list[len(list)-1].Facts.Silence
	}
	const body = `{"plugin":"clawea","version":"1.0.0","mode":"full"}`
	for _, test := range []struct {
		raw, body string
		status    int
	}{
		{"", body, 401},
		{raw[:len(raw)-4] + "AAAA", body, 401},
		{raw, `{"plugin":"clawea","version":"1","mode":"discovery"}`, 400},
		{raw, `{"plugin":"clawea","version":"1","mode":"full","silence":0}`, 400},
		{raw, ``, 400},
	} {
		if code := alive(test.raw, test.body); code != test.status {
			t.Errorf("%s: %d, want %d", test.body, code, test.status)
		}
	}
	if s := silence(raw, "job-1"); s != nil {
		t.Errorf("heard of before it was: %d s ago", *s)
	}
	if code := alive(raw, body); code != http.StatusNoContent {
		t.Fatalf("%d", code)
	}
	if s := silence(raw, "job-1"); s == nil || *s > 60 { // the machine may be slow
		t.Errorf("not heard of: %v", s)
	}
	if s := silence(other, "job-2"); s != nil {
		t.Errorf("another job is heard of: %d", *s)
	}
}
