// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package tools_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/clawea/clawea/internal/tools"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// metadata is where strangers find out how to get a token (RFC 9728).
const metadata = `resource_metadata="https://house.test/.well-known/oauth-protected-resource/mcp"`

const list = `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`

// Whoever has no good token is turned away before anything is looked at; where
// the token names a job, its book says so.
func TestTurnedAway(t *testing.T) {
	h := newHouse(t)
	revoked := h.mint("job-1")
	h.revoke(token.RevokeToken, string(revoked.Claims.ID))
	flipped := []byte(h.mint("job-2").Raw)
	flipped[len(flipped)-20] ^= 1
	for name, raw := range map[string]string{
		"none": "", "no token": "x", "an API key": "sk-ant-1234567890", "revoked": revoked.Raw, "signature changed": string(flipped),
		"alg none": "eyJhbGciOiJub25lIn0.e30.", "too long": strings.Repeat("a", 70<<10),
	} {
		status, body := h.post(raw, list, nil)
		if status != http.StatusUnauthorized || strings.Contains(body, "desk") {
			if name != "too long" || status != http.StatusRequestHeaderFieldsTooLarge {
				t.Errorf("%s: %d %s", name, status, body)
			}
		}
		if raw != "" && len(raw) > 10 && strings.Contains(body, raw) {
			t.Errorf("%s: the token comes back", name)
		}
	}
	h.wantBook("job-1", "refused mcp.connect token.revoked")
	h.wantBook("job-2", "")
	if strings.Contains(h.log.String(), revoked.Raw) {
		t.Error("the log holds a token")
	}
}

// Whoever is turned away is told how to come again, and nobody else is; and
// nobody between may keep a list that hangs on a token.
func TestChallenge(t *testing.T) {
	h := newHouse(t)
	for raw, want := range map[string]string{
		"":                  `Bearer realm="clawea", ` + metadata,
		"x":                 `Bearer realm="clawea", ` + metadata + `, error="invalid_token"`,
		h.mint("job-1").Raw: "",
	} {
		_, body := h.post(raw, list, map[string]string{"MCP-Protocol-Version": "2025-11-25"})
		if h.challenged != want {
			t.Errorf("challenge %q; want %q", h.challenged, want)
		}
		if want == "" && (strings.Contains(body, `"public"`) || !strings.Contains(body, "desk_read")) {
			t.Errorf("list: %s", body)
		}
	}
}

// What goes well is in the book, and not in the log.
func TestNothingLogged(t *testing.T) {
	h := newHouse(t)
	call(t, h.connect(h.mint("job-1").Raw), "desk_read", `{"text":"a"}`)
	if got := h.log.String(); got != "" {
		t.Errorf("the log says %s", got)
	}
}

// A token in the URL or in a second header is none.
func TestTokenElsewhere(t *testing.T) {
	h := newHouse(t)
	raw := h.mint("job-1").Raw
	h.url += "?access_token=" + raw
	if status, _ := h.post("", list, map[string]string{"X-Api-Key": raw}); status != http.StatusUnauthorized {
		t.Errorf("status %d", status)
	}
}

// A session does not outlive its token: the next call is refused.
func TestRevokedBetween(t *testing.T) {
	h := newHouse(t)
	m := h.mint("job-1")
	s := h.connect(m.Raw)
	call(t, s, "desk.read", `{"text":"a"}`)
	h.revoke(token.RevokeJob, "job-1")
	if _, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "desk.read", Arguments: json.RawMessage(`{"text":"b"}`)}); err == nil {
		t.Error("a revoked token still calls")
	}
	if got := h.book("job-1"); !strings.HasPrefix(got, "opened desk.read allow, closed done, refused mcp.connect job.revoked") {
		t.Errorf("the book holds %q", got)
	}
	if h.acts.Load() != 1 {
		t.Errorf("%d acts", h.acts.Load())
	}
}

// A token that is revoked between the door and the gate is refused there.
func TestRevokedAtTheGate(t *testing.T) {
	h := newHouse(t)
	m := h.mint("job-1")
	s := h.connect(m.Raw)
	h.gate.Tokens = &then{h.gate.Tokens, func() { h.revoke(token.RevokeToken, string(m.Claims.ID)) }}
	_, f, _ := call(t, s, "desk.read", `{"text":"a"}`)
	if f == nil || f.Status != "refused" || f.Code != "token.revoked" || f.Receipt != "job-1/1" {
		t.Errorf("got %+v", f)
	}
	h.wantBook("job-1", "refused desk.read token.revoked")
}

// A policy that no longer verifies lets nobody in.
func TestPolicyUnusable(t *testing.T) {
	h := newHouse(t)
	raw := h.mint("job-1").Raw
	h.gate.Policies = noPolicy{}
	if status, body := h.post(raw, list, nil); status != http.StatusUnauthorized {
		t.Errorf("%d %s", status, body)
	}
	h.wantBook("job-1", "refused mcp.connect policy.unusable")
}

// A house that cannot write its book carries nothing, and does not say why.
func TestHouseInTrouble(t *testing.T) {
	h := newHouse(t)
	raw := h.mint("job-1").Raw
	s := h.connect(raw)
	h.gate.Book = fullBook{}
	text, f, _ := call(t, s, "desk.read", `{"text":"a"}`)
	if f == nil || f.Status != "unavailable" || f.Receipt != "" || strings.Contains(text, "/var/lib") {
		t.Errorf("got %s", text)
	}
	if h.acts.Load() != 0 || h.book("job-1") != "" {
		t.Error("it was carried out")
	}
	if !strings.Contains(h.log.String(), "/var/lib") {
		t.Error("the log does not say why")
	}
	h.gate.Tokens = noTokens{}
	status, body := h.post(raw, list, nil)
	if status != http.StatusServiceUnavailable || strings.Contains(body, "/var/lib") {
		t.Errorf("%d %s", status, body)
	}
}

// What was carried out and could not be written down is told as just that.
func TestUnrecorded(t *testing.T) {
	h := newHouse(t)
	s := h.connect(h.mint("job-1").Raw)
	h.gate.Book = &halfBook{Book: h.db}
	_, f, _ := call(t, s, "desk.read", `{"text":"a"}`)
	if f == nil || f.Status != "unrecorded" || f.Receipt != "job-1/1" {
		t.Errorf("got %+v", f)
	}
	h.wantBook("job-1", "opened desk.read allow")
}

func TestTooLarge(t *testing.T) {
	h := newHouse(t)
	body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"desk.read","arguments":{"text":"` + strings.Repeat("x", tools.MaxBody) + `"}}}`
	if status, _ := h.post(h.mint("job-1").Raw, body, nil); status != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", status)
	}
	h.wantBook("job-1", "")
}

// Requests that are no calls are turned away, whatever they look like.
func TestNoCalls(t *testing.T) {
	h := newHouse(t)
	raw := h.mint("job-1").Raw
	for _, body := range []string{
		``, `null`, `{}`, `[]`, `[[]]`, `"tools/call"`, `{"jsonrpc":"2.0","id":1,"method":"tools/call"}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":null}`, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[]}`,
		`{"jsonrpc":"1.0","id":1,"method":"tools/list"}`, `{"jsonrpc":"2.0","id":{},"method":"tools/list"}`, `{"jsonrpc":"2.0","id":1,"method":"tools/destroy"}`,
	} {
		if status, answer := h.post(raw, body, nil); status == http.StatusInternalServerError || strings.Contains(answer, "you said") {
			t.Errorf("%s: %d %s", body, status, answer)
		}
	}
	if h.acts.Load() != 0 {
		t.Errorf("%d acts", h.acts.Load())
	}
}

// All versions of the protocol that agents speak get the same answers.
func TestProtocolVersions(t *testing.T) {
	for _, version := range []string{"2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"} {
		t.Run(version, func(t *testing.T) {
			h := newHouse(t)
			raw := h.mint("job-1").Raw
			send := func(method, name, params string) string {
				res, err := http.DefaultClient.Do(h.request(t.Context(), raw, version, method, name, params))
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				body, err := io.ReadAll(res.Body)
				if err != nil || res.StatusCode != http.StatusOK {
					t.Fatalf("%s: %d %s, %v", method, res.StatusCode, body, err)
				}
				return string(body)
			}
			if body := send("tools/list", "", ""); !strings.Contains(body, `"desk_read"`) || strings.Contains(body, `"desk_wipe"`) {
				t.Errorf("list: %s", body)
			}
			if body := send("tools/call", "desk.read", `"name":"desk.read","arguments":{"text":"hello"},`); !strings.Contains(body, "you said hello") || !strings.Contains(body, "job-1/2") {
				t.Errorf("call: %s", body)
			}
			if body := send("tools/call", "desk.wipe", `"name":"desk.wipe",`); !strings.Contains(body, "denied") || !strings.Contains(body, `"isError":true`) {
				t.Errorf("denied call: %s", body)
			}
			h.wantBook("job-1", "opened desk.read allow, closed done, opened desk.wipe deny")
		})
	}
}

// An agent that hangs up in the middle of a call leaves a closed receipt, before
// its request counts as ended: a daemon that stops waits for it. Versions before
// 2026-07-28 do not tell the act of it.
func TestHangUp(t *testing.T) {
	for version, want := range map[string]string{"2025-11-25": "closed done", "2026-07-28": "closed aborted"} {
		t.Run(version, func(t *testing.T) {
			h := newHouse(t)
			inner, returned := h.handler, make(chan struct{})
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(returned)
				inner.ServeHTTP(w, r)
			}))
			defer srv.Close()
			h.url = srv.URL
			ctx, hangUp := context.WithCancel(t.Context())
			req := h.request(ctx, h.mint("job-1").Raw, version, "tools/call", "desk.slow.read", `"name":"desk.slow.read","arguments":{"text":"x"},`)
			hungUp := make(chan struct{})
			go func() {
				defer close(hungUp)
				if res, err := http.DefaultClient.Do(req); err == nil {
					io.Copy(io.Discard, res.Body)
					res.Body.Close()
				}
			}()
			<-h.started
			hangUp()
			<-hungUp
			if want == "closed done" {
				time.AfterFunc(100*time.Millisecond, func() { close(h.release) })
			}
			<-returned
			h.wantBook("job-1", "opened desk.slow.read allow, "+want)
		})
	}
}

// Calls of one agent at once each have their receipts, in one whole chain.
func TestManyAtOnce(t *testing.T) {
	h := newHouse(t)
	s := h.connect(h.mint("job-1").Raw)
	errs := make(chan error, 16)
	for range cap(errs) {
		go func() {
			_, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "desk.read", Arguments: json.RawMessage(`{"text":"a"}`)})
			errs <- err
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	envelopes, err := h.db.Receipts(t.Context(), "job-1")
	if err != nil || len(envelopes) != 32 {
		t.Fatalf("%d receipts, %v", len(envelopes), err)
	}
	var prev seal.Hash
	for i, e := range envelopes {
		r, err := receipt.Parse(e.Payload)
		if err != nil || r.Seq != uint64(i+1) || r.Prev != prev {
			t.Fatalf("receipt %d: %+v, %v", i+1, r, err)
		}
		prev = e.Hash()
	}
}

// A TLS proxy on the same machine passes the public name on.
func TestBehindProxy(t *testing.T) {
	h := newHouse(t)
	req, err := http.NewRequestWithContext(t.Context(), "POST", h.url, strings.NewReader(list))
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "clawea.example.com"
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	req.Header.Set("Authorization", "Bearer "+h.mint("job-1").Raw)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("status %d", res.StatusCode)
	}
}
