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
	"github.com/clawea/clawea/internal/issuer"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

func TestVerdicts(t *testing.T) {
	h := newHouse(t)
	raw := h.mint("job-1")
	for _, test := range []struct {
		body, effect, code string
		class              policy.Class
	}{
		{`{"tool":"desk","action":"read","args":{"text":"a"}}`, "allow", "", policy.Read},
		{`{"tool":"desk","action":"read","class":"admin","args":{"text":"a"}}`, "allow", "", policy.Read}, // the house knows better
		{`{"tool":"desk","action":"wipe","args":{"text":"a"}}`, "deny", "", policy.Admin},
		{`{"tool":"desk","action":"post","args":{"text":"a"}}`, "ask", "", policy.Write},
		{`{"tool":"desk","action":"read","args":{"text":7}}`, "deny", "bad_argument", policy.Read},
		{`{"tool":"desk","action":"burn","args":{}}`, "deny", "unknown_tool", ""},
		{`{"tool":"shell","action":"exec","args":{"cmd":"ls"}}`, "allow", "", policy.Write},
		{`{"tool":"shell","action":"look","class":"read"}`, "allow", "", policy.Read},
		{`{"tool":"hub","action":"delete_repo"}`, "deny", "", policy.Write},
		{`{"tool":"browser","action":"open"}`, "deny", "", policy.Write},
		{`{"tool":"model","action":"messages"}`, "deny", "unknown_tool", ""},
		{`{"tool":"jira","action":"issue.get"}`, "deny", "unknown_tool", ""},
		{`{"tool":"wikimcp","action":"look"}`, "deny", "unknown_tool", ""},
		{`{"tool":"egress","action":"connect"}`, "deny", "unknown_tool", ""},
		{`{"tool":"Shell","action":"exec"}`, "deny", "unknown_tool", ""},
		{`{"tool":"shell","action":"rm -rf"}`, "deny", "unknown_tool", ""},
	} {
		v := h.verdict(raw, test.body)
		all := h.receipts("job-1")
		r := all[len(all)-1]
		if v.Effect.String() != test.effect || v.Code != test.code || v.Receipt != r.Name() || len(v.Reasons) == 0 {
			t.Errorf("%s: %+v", test.body, v)
		}
		if r.Call.Carrier != "gateway:envoy" || r.Call.Unreported || r.Call.Class != test.class || r.Call.Credential != "" {
			t.Errorf("%s: call %+v", test.body, r.Call)
		}
		if (v.Ticket != "") != (test.effect == "allow") || v.Until.IsZero() == (test.effect == "allow") || (v.Approval != "") != (test.effect == "ask") {
			t.Errorf("%s: ticket %q until %v, approval %q", test.body, v.Ticket, v.Until, v.Approval)
		}
	}
}

// What is decided of a call is the same at the house's own door and at the seam.
func TestVerdictsAreThoseOfMCP(t *testing.T) {
	h := newHouse(t)
	for i, args := range []string{`{"text":"a"}`, `{"text":7}`, `{}`, `{"text":"a","more":1}`} {
		for _, action := range []string{"read", "find", "post", "wipe", "burn"} {
			here, there := fmt.Sprintf("here-%s-%d", action, i), fmt.Sprintf("there-%s-%d", action, i)
			body := rpc("tools/call", map[string]any{"name": "desk." + action, "arguments": json.RawMessage(args)})
			r := as(httptest.NewRequest("POST", "/mcp", strings.NewReader(body)), "", h.mint(here))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Accept", "application/json, text/event-stream")
			h.mcp.ServeHTTP(httptest.NewRecorder(), r)
			h.verdict(h.mint(there), `{"tool":"desk","action":"`+action+`","args":`+args+`}`)
			a, b := h.receipts(here)[0].Decision, h.receipts(there)[0].Decision
			if a.Effect != b.Effect || strings.ReplaceAll(fmt.Sprint(a.Reasons), "mcp.unknown", "seam.unknown") != fmt.Sprint(b.Reasons) {
				t.Errorf("desk.%s %s: %v at /mcp, %v here", action, args, a, b)
			}
		}
	}
}

func TestWhoMayAsk(t *testing.T) {
	h := newHouse(t)
	raw := h.mint("job-1")
	const body = `{"tool":"shell","action":"exec"}`
	for _, test := range []struct {
		name, gateway, raw, body string
		status                   int
		code, book               string
	}{
		{"no gateway's token", "", raw, body, 403, "no_gateway", ""},
		{"a wrong one", envoyToken + "x", raw, body, 403, "no_gateway", ""},
		{"part of one", envoyToken[:20], raw, body, 403, "no_gateway", ""},
		{"no agent's token", envoyToken, "", body, 401, "no_token", ""},
		{"a forged one", envoyToken, raw[:len(raw)-4] + "AAAA", body, 401, "token.signature", ""},
		{"an unknown name", envoyToken, raw, `{"tool":"shell","allow":true}`, 400, "bad_request", ""},
		{"a name twice", envoyToken, raw, `{"tool":"shell","tool":"desk"}`, 400, "bad_request", ""},
		{"no JSON", envoyToken, raw, `shell`, 400, "bad_request", ""},
		{"a class that is none", envoyToken, raw, `{"tool":"shell","class":"model"}`, 400, "bad_request", ""},
		{"too much", envoyToken, raw, `{"tool":"shell","args":"` + strings.Repeat("a", 4<<20) + `"}`, 413, "too_large", ""},
	} {
		status, b := h.ask(test.gateway, test.raw, "/v1/authorize", test.body)
		var p api.Problem
		if err := json.Unmarshal(b, &p); err != nil || status != test.status || p.Code != test.code || p.Hint == "" || h.book("job-1") != test.book {
			t.Errorf("%s: %d %s, book %q", test.name, status, b, h.book("job-1"))
		}
	}
}

func TestClose(t *testing.T) {
	h := newHouse(t)
	raw := h.mint("job-1")
	v := h.verdict(raw, `{"tool":"shell","action":"exec","args":{"cmd":"ls"}}`)
	other := h.verdict(h.mint("job-2"), `{"tool":"shell","action":"exec"}`)
	report := func(ticket string) string {
		return fmt.Sprintf(`{"ticket":%q,"status":"done","code":"0","result":"a b c"}`, ticket)
	}
	for _, test := range []struct {
		name, gateway, path, body string
		status                    int
		code                      string
	}{
		{"no gateway", "", v.Receipt, report(v.Ticket), 403, "no_gateway"},
		{"another gateway", kongToken, v.Receipt, report(v.Ticket), 404, "not_found"},
		{"another call's ticket", envoyToken, v.Receipt, report(other.Ticket), 404, "not_found"},
		{"no ticket", envoyToken, v.Receipt, report(""), 404, "not_found"},
		{"no such receipt", envoyToken, "job-1/9", report(v.Ticket), 404, "not_found"},
		{"no such job", envoyToken, "job-9/1", report(v.Ticket), 404, "not_found"},
		{"no number", envoyToken, "job-1/one", report(v.Ticket), 404, "not_found"},
		{"another word", envoyToken, v.Receipt, fmt.Sprintf(`{"ticket":%q,"status":"ok"}`, v.Ticket), 400, "bad_request"},
		{"a text as code", envoyToken, v.Receipt, fmt.Sprintf(`{"ticket":%q,"status":"done","code":"it went well"}`, v.Ticket), 400, "bad_request"},
		{"two results", envoyToken, v.Receipt, fmt.Sprintf(`{"ticket":%q,"status":"done","result":"a","result_sha256":%q}`, v.Ticket, seal.Sum([]byte("a"))), 400, "bad_request"},
		{"whole", envoyToken, v.Receipt, report(v.Ticket), 200, ""},
		{"twice", envoyToken, v.Receipt, report(v.Ticket), 409, "closed"},
	} {
		status, b := h.ask(test.gateway, "", "/v1/authorize/"+test.path+"/close", test.body)
		var p api.Problem
		if err := json.Unmarshal(b, &p); err != nil || status != test.status || p.Code != test.code {
			t.Errorf("%s: %d %s", test.name, status, b)
		}
	}
	if want := "opened shell.exec allow, closed done by gateway:envoy"; h.book("job-1") != want {
		t.Errorf("book %q, want %q", h.book("job-1"), want)
	}
	closed := h.receipts("job-1")[1]
	text, err := h.db.Text(t.Context(), "job-1", closed.Seq, closed.Outcome.Result)
	if err != nil || string(text.Bytes) != "a b c" || closed.Outcome.Size != 5 || closed.Outcome.Code != "0" {
		t.Errorf("%q, outcome %+v: %v", text.Bytes, closed.Outcome, err)
	}
}

// Where only the digest of a result is told, the receipt commits to that.
func TestCloseWithDigest(t *testing.T) {
	h := newHouse(t)
	v := h.verdict(h.mint("job-1"), `{"tool":"shell","action":"exec"}`)
	digest := seal.Sum([]byte("secret"))
	status, b := h.ask(envoyToken, "", "/v1/authorize/"+v.Receipt+"/close", fmt.Sprintf(`{"ticket":%q,"status":"failed","result_sha256":%q}`, v.Ticket, digest))
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, b)
	}
	var out api.Reported
	if err := seal.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	r, err := receipt.Parse(out.Closed.Payload)
	if err != nil || out.Receipt != "job-1/2" || r.By != "gateway:envoy" {
		t.Fatalf("%+v: %v", r, err)
	}
	if text, err := h.db.Text(t.Context(), "job-1", 2, r.Outcome.Result); err != nil || string(text.Bytes) != digest.String() {
		t.Errorf("%q: %v", text.Bytes, err)
	}
}

func TestCloseTooLate(t *testing.T) {
	h := newHouse(t)
	v := h.verdict(h.mint("job-1"), `{"tool":"shell","action":"exec"}`)
	h.now = func() time.Time { return v.Until.Add(time.Second) }
	status, b := h.ask(envoyToken, "", "/v1/authorize/"+v.Receipt+"/close", fmt.Sprintf(`{"ticket":%q,"status":"done"}`, v.Ticket))
	if status != http.StatusConflict || !strings.Contains(string(b), `"late"`) || h.book("job-1") != "opened shell.exec allow" {
		t.Errorf("%d %s, book %q", status, b, h.book("job-1"))
	}
}

// A report comes also when the token that its call was made with is good for nothing more.
func TestCloseAfterTheToken(t *testing.T) {
	h := newHouse(t)
	m, err := h.issuer.Mint(t.Context(), issuer.Order{Agent: "robot", Job: "job-1", Policy: h.policy.Hash()})
	if err != nil {
		t.Fatal(err)
	}
	v := h.verdict(m.Raw, `{"tool":"shell","action":"exec"}`)
	h.now = func() time.Time { return time.Unix(m.Claims.Expires, 0).Add(time.Second) }
	h.gate.ReportTime = 24 * time.Hour
	if status, b := h.ask(envoyToken, "", "/v1/authorize/"+v.Receipt+"/close", fmt.Sprintf(`{"ticket":%q,"status":"unknown"}`, v.Ticket)); status != http.StatusOK {
		t.Errorf("%d %s", status, b)
	}
}
