// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestRateLimited has every vendor say in its own way when to come back.
func TestRateLimited(t *testing.T) {
	header := map[Dialect]map[string]string{
		OpenAI:     {"Retry-After": "2", "X-Ratelimit-Limit-Requests": "60", "X-Ratelimit-Remaining-Requests": "0", "X-Ratelimit-Reset-Requests": "1.5s", "X-Ratelimit-Remaining-Tokens": "90000"},
		Responses:  {"Retry-After": "2", "X-Ratelimit-Limit-Requests": "60", "X-Ratelimit-Remaining-Requests": "0", "X-Ratelimit-Reset-Tokens": "1.5s"},
		Anthropic:  {"Retry-After": "2", "Anthropic-Ratelimit-Requests-Limit": "60", "Anthropic-Ratelimit-Requests-Remaining": "0", "Anthropic-Ratelimit-Tokens-Reset": "2026-03-01T12:00:01Z"},
		Gemini:     {"Retry-After": ""},
		OpenRouter: {"Retry-After": "2", "X-Ratelimit-Limit": "60", "X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": "1772366401500"},
	}
	body := map[Dialect]string{
		OpenAI:     `{"error":{"message":"Rate limit reached. Try again later.","type":"requests","param":null,"code":"rate_limit_exceeded"}}`,
		Responses:  `{"error":{"message":"Rate limit reached. Try again later.","type":"requests","param":null,"code":"rate_limit_exceeded"}}`,
		Anthropic:  `{"type":"error","error":{"type":"rate_limit_error","message":"Rate limit reached. Try again later."},"request_id":"req_sim_1"}`,
		Gemini:     `{"error":{"code":429,"message":"Rate limit reached. Try again later.","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"2s"}]}}`,
		OpenRouter: `{"error":{"message":"Rate limit reached. Try again later.","code":429}}`,
	}
	for _, l := range tongues() {
		for _, w := range []*httptest.ResponseRecorder{l.plain(t, provider(RateLimited(1500*time.Millisecond))), l.streamed(t, provider(RateLimited(1500*time.Millisecond)))} {
			got := strings.TrimSuffix(strings.TrimPrefix(w.Body.String(), "["), "]") // an array where a stream would have been one
			if w.Code != 429 || got != body[l.dialect] {
				t.Errorf("%s: got %d %s", l, w.Code, w.Body)
			}
			for name, want := range header[l.dialect] {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s: %s is %q, want %q", l, name, got, want)
				}
			}
		}
	}
}

// TestLimitsOfAnswers has the limits told with what goes well, too.
func TestLimitsOfAnswers(t *testing.T) {
	for _, l := range tongues() {
		p := provider(Reply{Text: "ok", Limits: &Limits{Requests: 9, RequestsLeft: 7}})
		for _, w := range []*httptest.ResponseRecorder{l.plain(t, p), l.streamed(t, p)} {
			h := w.Header()
			got := h.Get("X-Ratelimit-Remaining-Requests") + h.Get("Anthropic-Ratelimit-Requests-Remaining") + h.Get("X-Ratelimit-Remaining")
			if w.Code != 200 || (got != "7") != (l.dialect == Gemini) || h.Get("Retry-After") != "" {
				t.Errorf("%s: status %d, left %q", l, w.Code, got)
			}
		}
	}
}

// TestFailMidStream breaks streams off with the vendor's own event, after the first events and before any.
func TestFailMidStream(t *testing.T) {
	want := map[Dialect]string{
		OpenAI:     `{"error":{"message":"Busy.","type":"server_error","param":null,"code":null}}`,
		Responses:  `{"type":"error","code":"server_error","message":"Busy.","param":null,"sequence_number":%d}`,
		Anthropic:  `{"type":"error","error":{"type":"overloaded_error","message":"Busy."},"request_id":"req_sim_1"}`,
		Gemini:     `{"error":{"code":529,"message":"Busy.","status":"INTERNAL"}}`,
		OpenRouter: `"choices":[{"index":0,"delta":{"content":""},"logprobs":null,"finish_reason":"error","native_finish_reason":"error"}],"error":{"message":"Busy.","code":529}}`,
	}
	for _, l := range tongues() {
		for _, after := range []int{0, 2} {
			p := provider(Reply{Text: strings.Repeat("All is well. ", 9), Fault: Fail, After: after, Failure: &Error{Status: 529, Message: "Busy."}})
			w := l.streamed(t, p)
			list := values(t, w.Body.String())
			at, part := len(list)-1, want[l.dialect]
			if l.dialect == Responses {
				at, part = at-1, fmt.Sprintf(part, after)
				if last := list[len(list)-1]; !strings.Contains(last, `"status":"failed"`) || !strings.Contains(last, `"error":{"code":"server_error","message":"Busy."}`) || !strings.Contains(last, fmt.Sprintf(`"sequence_number":%d,`, after+1)) {
					t.Errorf("%s: the last event is %s", l, last)
				}
			}
			if w.Code != 200 || !strings.HasSuffix(list[at], part) || strings.Contains(w.Body.String(), "[DONE]") {
				t.Errorf("%s after %d: got %d %s, want %s", l, after, w.Code, w.Body, part)
			}
			sent := at
			if l.dialect == OpenRouter && after > 0 {
				sent++ // the comment
			}
			if sent != after {
				t.Errorf("%s: %d events before the error, want %d", l, sent, after)
			}
		}
	}
}

// TestFailPlain pins the status: OpenRouter has said 200 by then.
func TestFailPlain(t *testing.T) {
	for _, l := range tongues() {
		w := l.plain(t, provider(Reply{Text: "x", Fault: Fail, Failure: &Error{Status: 502, Message: "Down."}}))
		status := 502
		if l.dialect == OpenRouter {
			status = 200
		}
		if w.Code != status || !strings.Contains(w.Body.String(), "Down.") || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s: got %d %s", l, w.Code, w.Body)
		}
	}
}

// TestHang pins that nothing is answered while the client waits, plain or streaming.
func TestHang(t *testing.T) {
	for _, l := range tongues() {
		s := httptest.NewServer(provider(Reply{Text: "x", Fault: Hang}))
		for _, to := range []struct{ path, flag string }{{l.path, ""}, {l.stream, l.flag}} {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
			r := post(t, s.URL+to.path, fmt.Sprintf(l.ask, to.flag)).WithContext(ctx)
			r.RequestURI = ""
			if resp, err := s.Client().Do(r); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: got %v, %v", l, resp, err)
			}
			cancel()
		}
		s.Close() // returns only when the handlers have
	}
}

// TestCutMidStream breaks connections off in every framing.
func TestCutMidStream(t *testing.T) {
	for _, l := range tongues() {
		p := provider(Reply{Text: strings.Repeat("All is well. ", 9), Fault: Cut, After: 2})
		resp, err := client(t, p)(l.stream, fmt.Sprintf(l.ask, l.flag))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if !errors.Is(err, io.ErrUnexpectedEOF) || resp.StatusCode != 200 || len(b) == 0 {
			t.Errorf("%s: status %d, %v: %s", l, resp.StatusCode, err, b)
		}
	}
}

// TestPings pins where keep-alives come, and that they neither count nor cost time of their own.
func TestPings(t *testing.T) {
	marks := map[Dialect]string{OpenAI: ": ping\n\n", Responses: ": ping\n\n", Anthropic: "event: ping\ndata: {\"type\":\"ping\"}\n\n", OpenRouter: ": OPENROUTER PROCESSING\n\n"}
	for _, l := range tongues() {
		quiet := l.streamed(t, provider(Reply{Text: "All is well, and more."})).Body.String()
		busy := l.streamed(t, provider(Reply{Text: "All is well, and more.", PingEvery: 2})).Body.String()
		mark := marks[l.dialect]
		if l.dialect == Gemini {
			if busy != quiet {
				t.Errorf("%s: got %s", l, busy)
			}
			continue
		}
		own, parts := strings.Count(quiet, mark), strings.Count(quiet, "\n\n")
		if got := strings.Count(busy, mark) - own; got != (parts+1)/2 || !strings.HasPrefix(busy, mark) {
			t.Errorf("%s: %d more keep-alives for %d events: %s", l, got, parts, busy)
		}
		if strings.ReplaceAll(busy, mark, "") != strings.ReplaceAll(quiet, mark, "") {
			t.Errorf("%s: the rest is not the same: %s", l, busy)
		}
	}
}

// TestStallWithPings is a model that never speaks and is kept alive until the client has had enough.
func TestStallWithPings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(Config{Key: "secret", ChunkDelay: time.Second, Script: Steps(Reply{Text: "x", PingEvery: 1, Fault: Stall, After: 1})})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start, w := time.Now(), httptest.NewRecorder()
		p.ServeHTTP(w, post(t, chatPath, `{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}`).WithContext(ctx))
		if got := time.Since(start); got != time.Minute || strings.Count(w.Body.String(), ": ping\n\n") != 2 || strings.Count(w.Body.String(), "data: ") != 1 {
			t.Errorf("after %v: %s", got, w.Body)
		}
	})
}

func TestAdmissionMore(t *testing.T) {
	tests := []struct {
		name, method, path string
		header             [2]string
		status             int
		want               string // in the body
	}{
		{"responses without key", "POST", respondPath, [2]string{}, 401, `"code":"invalid_api_key"`},
		{"responses with fal's scheme", "POST", respondPath, [2]string{"Authorization", "Key secret"}, 401, `"code":"invalid_api_key"`},
		{"gemini without key", "POST", geminiPath, [2]string{}, 403, `"status":"PERMISSION_DENIED"`},
		{"gemini with wrong key", "POST", geminiPath, [2]string{"X-Goog-Api-Key", "no"}, 400, `"reason":"API_KEY_INVALID"`},
		{"gemini with a key in the query", "POST", geminiPath + "?key=secret", [2]string{}, 403, `"status":"PERMISSION_DENIED"`},
		{"gemini with bearer", "POST", geminiPath, [2]string{"Authorization", "Bearer secret"}, 403, `"status":"PERMISSION_DENIED"`},
		{"gemini, stream in an array", "POST", arrayPath, [2]string{"X-Goog-Api-Key", "no"}, 400, `[{"error":{"code":400,`},
		{"gemini, other method", "POST", "/v1beta/models/m:countTokens", [2]string{"X-Goog-Api-Key", "secret"}, 404, `"status":"NOT_FOUND"`},
		{"gemini, no model", "POST", "/v1beta/models/:generateContent", [2]string{"X-Goog-Api-Key", "secret"}, 404, `"status":"NOT_FOUND"`},
		{"gemini, GET", "GET", geminiPath, [2]string{"X-Goog-Api-Key", "secret"}, 405, `Not allowed to GET`},
		{"gemini, models", "GET", "/v1beta/models", [2]string{"X-Goog-Api-Key", "secret"}, 200, `{"models":[{"name":"models/m1",`},
		{"openrouter without key", "POST", routedPath, [2]string{}, 401, `{"detail":"Authentication is required`},
		{"openrouter with bearer", "POST", routedPath, [2]string{"Authorization", "Bearer secret"}, 401, `{"detail":"Authentication is required`},
		{"openrouter with wrong key", "POST", routedPath, [2]string{"Authorization", "Key no"}, 401, `{"detail":"No user found`},
		{"openrouter, elsewhere", "POST", "/openrouter/router", [2]string{"Authorization", "Key secret"}, 404, `"code":404`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := New(Config{Key: "secret", Models: []string{"m1"}, Now: noon})
			r := httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, strings.NewReader("{}"))
			if tt.header[0] != "" {
				r.Header.Set(tt.header[0], tt.header[1])
			}
			w := httptest.NewRecorder()
			p.ServeHTTP(w, r)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) || strings.Contains(w.Body.String(), "secret") {
				t.Errorf("got %d %s, want %d and %s", w.Code, w.Body, tt.status, tt.want)
			}
			if got := p.Requests(); len(got) != 1 || got[0].Query != r.URL.RawQuery {
				t.Errorf("recorded %+v", got)
			}
		})
	}
}

// TestRequestIDs pins where each dialect says the id that the log has.
func TestRequestIDs(t *testing.T) {
	for _, l := range tongues() {
		w := l.plain(t, provider(Reply{Text: "ok"}))
		var body struct {
			ResponseID string `json:"responseId"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
			t.Fatal(err)
		}
		h := w.Header()
		if got := h.Get("X-Request-Id") + h.Get("Request-Id") + h.Get("X-Fal-Request-Id") + body.ResponseID; got != "req_sim_1" {
			t.Errorf("%s: id %q", l, got)
		}
	}
}

// TestGoogleStatus has the names that Google gives to statuses, unless the script has one.
func TestGoogleStatus(t *testing.T) {
	for status, want := range map[int]string{400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED"} {
		for kind, want := range map[string]string{"": want, "ABORTED": "ABORTED"} {
			w := ask(t, provider(Reply{Err: &Error{Status: status, Type: kind, Message: "Oh."}}), geminiPath, `{"contents":[{"parts":[{"text":"x"}]}]}`)
			if body := fmt.Sprintf(`{"error":{"code":%d,"message":"Oh.","status":%q}}`, status, want); w.Code != status || w.Body.String() != body {
				t.Errorf("got %d %s, want %s", w.Code, w.Body, body)
			}
		}
	}
}
