// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// refusing opens a house whose providers must not be called.
func refusing(t *testing.T, wpc string) *house {
	t.Helper()
	called := func(w http.ResponseWriter, r *http.Request) { t.Errorf("the provider was called at %s", r.URL) }
	return newHouse(t, wpc, upstream(t, "oai", "openai", called), upstream(t, "ant", "anthropic", called), upstream(t, "other", "openai", called))
}

func TestWrongPaths(t *testing.T) {
	h := refusing(t, wpc)
	for _, c := range []struct{ path, dialect string }{
		{"/proxy/none/v1/chat/completions", "openai"},
		{"/proxy/none/v1/messages", "anthropic"},
		{"/proxy/oai/v1/messages", "anthropic"},
		{"/proxy/ant/v1/chat/completions", "openai"},
		{"/proxy/oai/v1/embeddings", "openai"},
		{"/proxy/oai/v1/v1/chat/completions", "openai"},
		{"/proxy/oai/v1/chat/completions/", "openai"},
		{"/proxy/oai//chat/completions", "openai"},
		{"/proxy/oai/v1/chat%2fcompletions", "openai"},
		{"/proxy/oai%2f../v1/chat/completions", "openai"},
		{"/proxy/oai/../ant/v1/messages", "anthropic"},
		{"/proxy/ant/v1/messages/count_tokens", "anthropic"},
		{"/proxy/ant/v1/messages?beta=false", "anthropic"},
		{"/proxy/ant/v1/messages?beta=true&x=1", "anthropic"},
		{"/proxy/oai/v1/chat/completions?beta=true", "openai"},
		{"/oai/v1/chat/completions", "openai"},
		{"/proxy/", "openai"},
	} {
		resp := h.post(c.path, gpt)
		complains(t, resp, body(t, resp), c.dialect, 404, "no such route or endpoint")
	}
	resp, err := http.Get(h.url + chat)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	complains(t, resp, body(t, resp), "openai", 404, "no such route or endpoint")
	h.receipts(0)
}

func TestCredentialsRefused(t *testing.T) {
	h := refusing(t, wpc)
	for name, headers := range map[string][]string{
		"none":               {"Authorization", ""},
		"both":               {"X-Api-Key", h.cst},
		"two":                {"Authorization", "Bearer " + h.cst},
		"basic":              {"Authorization", "", "Authorization", "Basic eDp5"},
		"empty bearer":       {"Authorization", "", "Authorization", "Bearer "},
		"empty key":          {"Authorization", "", "X-Api-Key", " "},
		"two keys, one each": {"Authorization", "", "X-Api-Key", h.cst, "X-Api-Key", "b"},
	} {
		// The Del in try happens with the pair whose value is empty.
		req, err := http.NewRequest("POST", h.url+chat, bytes.NewReader(gpt))
		if err != nil {
			t.Fatal(err)
		}
		if headers[1] != "" {
			req.Header.Set("Authorization", "Bearer "+h.cst)
		} else {
			headers = headers[2:]
		}
		for i := 0; i < len(headers); i += 2 {
			req.Header.Add(headers[i], headers[i+1])
		}
		resp, err := plain.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b := body(t, resp)
		resp.Body.Close()
		if resp.StatusCode != 401 {
			t.Errorf("%s: status %d", name, resp.StatusCode)
		}
		complains(t, resp, b, "openai", 401, "no CST, or more than one")
	}
	h.receipts(0)
}

func TestTokensRefused(t *testing.T) {
	h := refusing(t, wpc)
	stranger := refusing(t, wpc)
	resp := h.post(messages, claude, "Authorization", "", "X-Api-Key", stranger.cst)
	complains(t, resp, body(t, resp), "anthropic", 401, "token.signature")
	if r := h.receipts(1)[0]; r.Job != receipt.Journal || r.Refused != "token.signature" || len(h.book.Lines()[0].Texts) != 0 {
		t.Errorf("nobody knows whose job it would be, and the receipt is %+v", r)
	}
	h.book.Withdraw()
	resp = h.post(chat, gpt)
	b := body(t, resp)
	complains(t, resp, b, "openai", 401, "policy.unusable")
	if bytes.Contains(b, []byte("hush")) || resp.Header.Get("WWW-Authenticate") == "" || resp.Header.Get("Clawea-Receipt") != "job-1/1" {
		t.Errorf("answer %s, %v", b, resp.Header)
	}
	if r := h.receipts(2)[1]; r.Refused != "policy.unusable" {
		t.Errorf("receipt says %q", r.Refused)
	}
}

func TestDenied(t *testing.T) {
	noModels := `{"wpc_version": "v1", "tool_policy": {"allow": ["jira"]}}`
	for _, c := range []struct{ name, wpc, path, request, dialect string }{
		{"other route", wpc, "/proxy/other/v1/chat/completions", string(gpt), "openai"},
		{"other model", wpc, messages, `{"model":"gpt-5"}`, "anthropic"},
		{"no models", noModels, chat, string(gpt), "openai"},
		{"no models, no JSON", noModels, chat, "{", "openai"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := refusing(t, c.wpc)
			resp := h.post(c.path, []byte(c.request))
			complains(t, resp, body(t, resp), c.dialect, 403, "denied")
			if resp.Header.Get("Clawea-Receipt") != "job-1/1" || resp.Header.Get("Retry-After") != "" {
				t.Errorf("headers %v", resp.Header)
			}
			r := h.receipts(1)[0]
			if r.Decision.Effect != policy.Deny {
				t.Errorf("decision %+v", r.Decision)
			}
			h.committed(r.Call.Args, []byte(c.request))
		})
	}
}

func TestPending(t *testing.T) {
	h := refusing(t, `{"wpc_version": "v1", "model_route": {"allowed": ["oai"]}, "approvals": [{"when": "content.contains('secret')", "require": "human_approval"}]}`)
	request := []byte(`{"model":"gpt-5","messages":[{"role":"user","content":"a secret"}]}`)
	for seq := range 2 { // asking again is the same question
		resp := h.post(chat, request)
		b := body(t, resp)
		complains(t, resp, b, "openai", 403, "waits for approval job-1.1")
		r := h.receipts(seq + 1)[seq]
		if r.Asks == "" || !strings.Contains(string(b), "clawea approve yes "+r.Asks) || !strings.Contains(string(b), `"approval_required"`) {
			t.Errorf("asks %q, answer %s", r.Asks, b)
		}
	}
}

func TestBadRequests(t *testing.T) {
	h := refusing(t, wpc)
	bad := []string{
		``, `null`, `[]`, `"x"`, `{`, `{"model":"gpt-5"} {}`, "{\"model\":\"gpt-5\",\"x\":\"\xff\"}",
		`{}`, `{"model":null}`, `{"model":7}`, `{"model":["gpt-5"]}`, `{"model":""}`, `{"model":"gpt 5"}`, `{"model":"-x"}`, `{"model":"gpt-5\n"}`,
		`{"model":"` + strings.Repeat("x", 201) + `"}`, `{"model":"` + strings.Repeat("x", 2000) + `"}`,
		`{"model":"gpt-5","model":"gpt-6"}`, `{"model":"gpt-5","m\u006fdel":"gpt-6"}`, `{"model":"gpt-5","Model":"gpt-6"}`, `{"MODEL":"gpt-6"}`,
		`{"model":"gpt-5","stream":true,"stream":false}`,
		`{"model":"gpt-5","models":["gpt-6"]}`, `{"model":"gpt-5","Fallbacks":["gpt-6"]}`, `{"model":"gpt-5","api_base":"https://x.example"}`,
	}
	for i, request := range bad {
		resp := h.post(chat, []byte(request))
		complains(t, resp, body(t, resp), "openai", 400, "the request")
		r := h.receipts(i + 1)[i]
		if r.Call.Unresolved != "bad_request" || r.Decision.Effect != policy.Deny {
			t.Errorf("%.40q: call %+v", request, r.Call)
		}
		h.committed(r.Call.Args, []byte(request))
	}
	resp := h.post(chat, gpt, "Content-Encoding", "gzip")
	complains(t, resp, body(t, resp), "openai", 400, "could not be read")
}

func TestSizeLimit(t *testing.T) {
	head := `{"model":"gpt-5","x":"`
	fill := func(n int) []byte { return []byte(head + strings.Repeat("x", n-len(head)-2) + `"}`) }

	h := refusing(t, wpc)
	resp := h.post(chat, fill(DefaultRequest+1))
	complains(t, resp, body(t, resp), "openai", 413, "longer than 16777216 bytes")
	if r := h.receipts(1)[0]; r.Refused != "limit.request" || resp.Header.Get("Clawea-Receipt") != "job-1/1" {
		t.Errorf("receipt %+v, headers %v", r, resp.Header)
	}
	if len(h.book.Lines()[0].Texts) != 0 {
		t.Error("the refused request is kept")
	}

	if testing.Short() {
		t.Skip("sends 16 MiB")
	}
	arrived := 0
	h = newHouse(t, wpc, upstream(t, "oai", "openai", func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		arrived = len(b)
	}))
	if resp := h.post(chat, fill(DefaultRequest)); resp.StatusCode != 200 || arrived != DefaultRequest {
		t.Errorf("at the limit: status %d, %d bytes arrived", resp.StatusCode, arrived)
	}
}

func TestNoBookNoAct(t *testing.T) {
	h := refusing(t, wpc)
	h.book.Broken = receipt.Opened
	resp := h.post(chat, gpt)
	b := body(t, resp)
	complains(t, resp, b, "openai", 503, "not made")
	if bytes.Contains(b, []byte("hush")) || !strings.Contains(h.log.String(), "disk full") {
		t.Errorf("agent told %s, log says %s", b, h.log)
	}
	h.receipts(0)
}

// An answer whose receipt is not closed does not end well, so that nobody takes
// it for one that is recorded.
func TestUnclosedIsCutOff(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"plain":  func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "done") },
		"stream": func(w http.ResponseWriter, r *http.Request) { trickle(w, []byte("done")) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, wpc, upstream(t, "oai", "openai", handler))
			h.book.Broken = receipt.Closed
			resp, err := h.try(t.Context(), chat, gpt)
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				resp.Body.Close()
			}
			if err == nil {
				t.Error("the agent takes it for a whole answer")
			}
			h.receipts(1)
			logged := func() bool {
				return strings.Contains(h.log.String(), "level=ERROR") && strings.Contains(h.log.String(), "receipt=job-1/1")
			}
			for deadline := time.Now().Add(30 * time.Second); !logged(); time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("log: %s", h.log)
				}
			}
		})
	}
}
