// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	chatPath     = "/v1/chat/completions"
	messagesPath = "/v1/messages"
	respondPath  = "/v1/responses"
	routedPath   = "/openrouter/router/openai/v1/chat/completions"
	geminiPath   = "/v1beta/models/m:generateContent"
	arrayPath    = "/v1beta/models/m:streamGenerateContent"
	ssePath      = "/v1beta/models/m:streamGenerateContent?alt=sse"
)

func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func provider(replies ...Reply) *Provider {
	return New(Config{Key: "secret", Script: Steps(replies...), Now: noon})
}

// ask sends body to path with the key of the path's dialect.
func ask(t *testing.T, p *Provider, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	p.ServeHTTP(w, post(t, path, body))
	return w
}

func post(t *testing.T, path, body string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
	switch {
	case strings.HasSuffix(path, messagesPath):
		r.Header.Set("X-Api-Key", "secret")
		r.Header.Set("Anthropic-Version", "2023-06-01")
	case strings.HasSuffix(path, routedPath):
		r.Header.Set("Authorization", "Key secret")
	case strings.Contains(path, geminiBase):
		r.Header.Set("X-Goog-Api-Key", "secret")
	default:
		r.Header.Set("Authorization", "Bearer secret")
	}
	return r
}

func weather() Reply {
	return Reply{Text: "I look it up <now>.", Calls: []ToolCall{{Name: "weather", Arguments: json.RawMessage(`{"city":"Brühl"}`)}}}
}

func TestPlain(t *testing.T) {
	tests := []struct{ name, path, body, want string }{
		{"chat", chatPath, `{"model":"m","messages":[{"role":"user","content":"Weather?"}]}`,
			`{"id":"chatcmpl-sim-1","object":"chat.completion","created":1772366400,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"I look it up <now>.","refusal":null,"annotations":[],"tool_calls":[{"id":"call_sim_1_1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Brühl\"}"}}]},"logprobs":null,"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":2,"completion_tokens":12,"total_tokens":14,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}},"service_tier":"default","system_fingerprint":"fp_sim"}`},
		{"chat at the limit", chatPath, `{"model":"m","max_completion_tokens":2,"messages":[{"role":"user","content":"Weather?"}]}`,
			`{"id":"chatcmpl-sim-1","object":"chat.completion","created":1772366400,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"I look i","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"length"}],"usage":{"prompt_tokens":2,"completion_tokens":2,"total_tokens":4,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}},"service_tier":"default","system_fingerprint":"fp_sim"}`},
		{"messages", messagesPath, `{"model":"m","max_tokens":99,"messages":[{"role":"user","content":"Weather?"}]}`,
			`{"id":"msg_sim_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"I look it up <now>."},{"type":"tool_use","id":"toolu_sim_1_1","name":"weather","input":{"city":"Brühl"}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":2,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":12,"service_tier":"standard"}}`},
		{"messages with a stop text", messagesPath, `{"model":"m","max_tokens":99,"stop_sequences":["now","look"],"messages":[{"role":"user","content":"Weather?"}]}`,
			`{"id":"msg_sim_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"I "}],"stop_reason":"stop_sequence","stop_sequence":"look","usage":{"input_tokens":2,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":1,"service_tier":"standard"}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := ask(t, provider(weather()), tt.path, tt.body)
			if w.Code != 200 || w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("status %d, content type %q", w.Code, w.Header().Get("Content-Type"))
			}
			if diff := cmp.Diff(tt.want, w.Body.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStream(t *testing.T) {
	chunk := func(rest string) string {
		if !strings.Contains(rest, `"usage"`) {
			rest += `,"usage":null`
		}
		return `data: {"id":"chatcmpl-sim-1","object":"chat.completion.chunk","created":1772366400,"model":"m","service_tier":"default","system_fingerprint":"fp_sim","choices":[` + rest + "}\n\n"
	}
	tests := []struct{ name, path, body, want string }{
		{"chat", chatPath, `{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"Weather?"}]}`,
			chunk(`{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]`) +
				chunk(`{"index":0,"delta":{"content":"I look it up"},"logprobs":null,"finish_reason":null}]`) +
				chunk(`{"index":0,"delta":{"content":" <now>."},"logprobs":null,"finish_reason":null}]`) +
				chunk(`{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_sim_1_1","type":"function","function":{"name":"weather","arguments":""}}]},"logprobs":null,"finish_reason":null}]`) +
				chunk(`{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":\"Br"}}]},"logprobs":null,"finish_reason":null}]`) +
				chunk(`{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"ühl\"}"}}]},"logprobs":null,"finish_reason":null}]`) +
				chunk(`{"index":0,"delta":{},"logprobs":null,"finish_reason":"tool_calls"}]`) +
				chunk(`],"usage":{"prompt_tokens":2,"completion_tokens":12,"total_tokens":14,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}`) +
				"data: [DONE]\n\n"},
		{"messages", messagesPath, `{"model":"m","stream":true,"max_tokens":99,"messages":[{"role":"user","content":"Weather?"}]}`,
			"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_sim_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":2,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":1,\"service_tier\":\"standard\"}}}\n\n" +
				"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n" +
				"event: ping\ndata: {\"type\":\"ping\"}\n\n" +
				"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"I look it up\"}}\n\n" +
				"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\" <now>.\"}}\n\n" +
				"event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n" +
				"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"tool_use\",\"id\":\"toolu_sim_1_1\",\"name\":\"weather\",\"input\":{}}}\n\n" +
				"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"\"}}\n\n" +
				"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"city\\\":\\\"Br\"}}\n\n" +
				"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"ühl\\\"}\"}}\n\n" +
				"event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\n" +
				"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\",\"stop_sequence\":null},\"usage\":{\"input_tokens\":2,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":12}}\n\n" +
				"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := ask(t, provider(weather()), tt.path, tt.body)
			if w.Code != 200 || w.Header().Get("Content-Type") != "text/event-stream; charset=utf-8" {
				t.Errorf("status %d, content type %q", w.Code, w.Header().Get("Content-Type"))
			}
			if diff := cmp.Diff(tt.want, w.Body.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestConversation has one conversation in both dialects: the script sees the same.
func TestConversation(t *testing.T) {
	chat := `{"model":"m","tool_choice":"auto","tools":[{"type":"function","function":{"name":"weather","description":"d","parameters":{"type":"object"}}}],"messages":[
		{"role":"system","content":"Be kind."},{"role":"developer","content":[{"type":"text","text":"Be brief."}]},
		{"role":"user","content":[{"type":"text","text":"Hello."},{"type":"image_url","image_url":{"url":"data:,"}},{"type":"text","text":"Weather?"}]},
		{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"weather","arguments":"{\"n\":1}"}},{"id":"b","type":"function","function":{"name":"weather","arguments":"{}"}}]},
		{"role":"tool","tool_call_id":"b","content":"rain"},{"role":"tool","tool_call_id":"a","content":[{"type":"text","text":"sun"}]},
		{"role":"user","content":"Well?"}]}`
	messages := `{"model":"m","max_tokens":9,"tool_choice":{"type":"auto"},"tools":[{"name":"weather","description":"d","input_schema":{"type":"object"}}],
		"system":[{"type":"text","text":"Be kind."},{"type":"text","text":"Be brief."}],"messages":[
		{"role":"user","content":[{"type":"text","text":"Hello."},{"type":"image"}]},{"role":"user","content":"Weather?"},
		{"role":"assistant","content":[{"type":"thinking"},{"type":"tool_use","id":"a","name":"weather","input":{"n":1}},{"type":"tool_use","id":"b","name":"weather","input":{}}]},
		{"role":"user","content":[{"type":"tool_result","tool_use_id":"b","content":"rain"},{"type":"tool_result","tool_use_id":"a","content":[{"type":"text","text":"sun"}]},{"type":"text","text":"Well?"}]}]}`
	want := Conversation{
		Model: "m", System: "Be kind.\nBe brief.",
		Messages: []Message{
			{Role: User, Text: "Hello.\nWeather?"},
			{Role: Assistant, Calls: []ToolCall{{"a", "weather", json.RawMessage(`{"n":1}`)}, {"b", "weather", json.RawMessage("{}")}}},
			{Role: User, Text: "Well?", Results: []ToolResult{{CallID: "b", Name: "weather", Text: "rain"}, {CallID: "a", Name: "weather", Text: "sun"}}},
		},
		Tools: []Tool{{"weather", "d", json.RawMessage(`{"type":"object"}`)}},
	}
	for path, body := range map[string]string{chatPath: chat, messagesPath: messages} {
		var got Conversation
		p := New(Config{Key: "secret", Now: noon, Script: func(c Conversation) Reply { got = c; return Reply{Text: "ok"} }})
		if w := ask(t, p, path, body); w.Code != 200 {
			t.Fatal(path, w.Code, w.Body)
		}
		want.Dialect = map[string]Dialect{chatPath: OpenAI, messagesPath: Anthropic}[path]
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
		if got.Turn() != 1 || got.Last().Text != "Well?" {
			t.Errorf("%s: turn %d, last %q", path, got.Turn(), got.Last().Text)
		}
	}
}

func TestAdmission(t *testing.T) {
	tests := []struct {
		name, method, path string
		header             map[string]string
		status             int
		want               string // in the body
	}{
		{"chat without key", "POST", chatPath, nil, 401, `"code":"invalid_api_key"`},
		{"chat with wrong key", "POST", chatPath, map[string]string{"Authorization": "Bearer secreT"}, 401, `"code":"invalid_api_key"`},
		{"chat with basic", "POST", chatPath, map[string]string{"Authorization": "Basic secret"}, 401, `"code":"invalid_api_key"`},
		{"chat with the other dialect's key", "POST", chatPath, map[string]string{"X-Api-Key": "secret"}, 401, `"code":"invalid_api_key"`},
		{"messages without key", "POST", messagesPath, nil, 401, `"type":"authentication_error"`},
		{"messages with wrong key", "POST", messagesPath, map[string]string{"X-Api-Key": "secrets"}, 401, `"type":"authentication_error"`},
		{"messages without version", "POST", messagesPath, map[string]string{"X-Api-Key": "secret"}, 400, `anthropic-version: header is required`},
		{"nowhere", "POST", "/v1/embeddings", map[string]string{"Authorization": "Bearer secret"}, 404, `Invalid URL (POST /v1/embeddings)`},
		{"nowhere, other dialect", "POST", "/v1/complete", map[string]string{"X-Api-Key": "secret", "Anthropic-Version": "1"}, 404, `"type":"not_found_error"`},
		{"wrong method", "GET", chatPath, map[string]string{"Authorization": "Bearer secret"}, 405, `Not allowed to GET`},
		{"models", "GET", "/v1/models", map[string]string{"Authorization": "Bearer secret"}, 200, `{"object":"list","data":[{"id":"m1","object":"model","created":1772366400,"owned_by":"sim"},{"id":"m2",`},
		{"models, other dialect", "GET", "/v1/models", map[string]string{"X-Api-Key": "secret", "Anthropic-Version": "1"}, 200, `"has_more":false,"first_id":"m1","last_id":"m2"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := New(Config{Key: "secret", Models: []string{"m1", "m2"}, Now: noon})
			r := httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, strings.NewReader("{}"))
			for k, v := range tt.header {
				r.Header.Set(k, v)
			}
			w := httptest.NewRecorder()
			p.ServeHTTP(w, r)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
				t.Errorf("got %d %s, want %d and %s", w.Code, w.Body, tt.status, tt.want)
			}
			if strings.Contains(w.Body.String(), "secret") {
				t.Errorf("the key is in the answer: %s", w.Body)
			}
			id := w.Header().Get("X-Request-Id") + w.Header().Get("Request-Id")
			if got := p.Requests(); len(got) != 1 || got[0].ID != id || id != "req_sim_1" || got[0].Path != tt.path || string(got[0].Body) != "{}" {
				t.Errorf("recorded %+v, answered id %q", got, id)
			}
		})
	}
}

// TestUnset pins that an empty configuration lets nobody in.
func TestUnset(t *testing.T) {
	r := post(t, chatPath, `{"model":"m","messages":[{"role":"user","content":"x"}]}`)
	r.Header.Set("Authorization", "Bearer ")
	w := httptest.NewRecorder()
	New(Config{}).ServeHTTP(w, r)
	if w.Code != 401 {
		t.Errorf("empty key: status %d, want 401", w.Code)
	}
	if w := ask(t, New(Config{Key: "secret"}), chatPath, `{"model":"m","messages":[{"role":"user","content":"x"}]}`); w.Code != 500 {
		t.Errorf("no script: status %d, want 500", w.Code)
	}
}

func TestErrorReply(t *testing.T) {
	chat, messages := `{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}`, `{"model":"m","max_tokens":1,"stream":true,"messages":[{"role":"user","content":"x"}]}`
	tests := []struct {
		path, body string
		err        Error
		want       string
	}{
		{chatPath, chat, Error{Status: 429, Code: "rate_limit_exceeded", Message: "Slow down.", RetryAfter: 1500 * time.Millisecond}, `{"error":{"message":"Slow down.","type":"requests","param":null,"code":"rate_limit_exceeded"}}`},
		{chatPath, chat, Error{Status: 500, Message: "Oh."}, `{"error":{"message":"Oh.","type":"server_error","param":null,"code":null}}`},
		{chatPath, chat, Error{Status: 400, Type: "tokens", Param: "p", Message: "Oh."}, `{"error":{"message":"Oh.","type":"tokens","param":"p","code":null}}`},
		{messagesPath, messages, Error{Status: 429, Message: "Slow down.", RetryAfter: 2 * time.Second}, `{"type":"error","error":{"type":"rate_limit_error","message":"Slow down."},"request_id":"req_sim_1"}`},
		{messagesPath, messages, Error{Status: 529, Message: "Busy."}, `{"type":"error","error":{"type":"overloaded_error","message":"Busy."},"request_id":"req_sim_1"}`},
		{messagesPath, messages, Error{Status: 503, Message: "Oh."}, `{"type":"error","error":{"type":"api_error","message":"Oh."},"request_id":"req_sim_1"}`},
		{messagesPath, messages, Error{Status: 403, Message: "No."}, `{"type":"error","error":{"type":"permission_error","message":"No."},"request_id":"req_sim_1"}`},
	}
	for _, tt := range tests {
		w := ask(t, provider(Reply{Err: &tt.err}), tt.path, tt.body)
		if w.Code != tt.err.Status || w.Body.String() != tt.want {
			t.Errorf("got %d %s, want %d %s", w.Code, w.Body, tt.err.Status, tt.want)
		}
		if got := w.Header().Get("Retry-After"); (got == "2") != (tt.err.RetryAfter > 0) {
			t.Errorf("status %d: Retry-After %q", w.Code, got)
		}
	}
}

// client talks to a provider over a connection, as faults need one.
func client(t *testing.T, p *Provider) func(path, body string) (*http.Response, error) {
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	return func(path, body string) (*http.Response, error) {
		r := post(t, s.URL+path, body)
		r.RequestURI = ""
		return s.Client().Do(r)
	}
}

func TestFaults(t *testing.T) {
	chat, chatStream := `{"model":"m","messages":[{"role":"user","content":"x"}]}`, `{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}`
	stream := `{"model":"m","stream":true,"max_tokens":99,"messages":[{"role":"user","content":"x"}]}`
	reply := func(f Fault, after int) Reply {
		return Reply{Text: strings.Repeat("All is well. ", 4), Fault: f, After: after}
	}
	tests := []struct {
		name, path, body string
		reply            Reply
		status           int // 0: no answer at all
		events           int
		broken           bool // the body ends too early
		last             string
	}{
		{"plain, cut before", chatPath, chat, reply(Cut, 0), 0, 0, false, ""},
		{"plain, cut within", chatPath, chat, reply(Cut, 1), 200, 0, true, ""},
		{"plain, no fault in time", chatPath, chat, reply(Cut, 2), 200, 0, false, ""},
		{"plain, failed", chatPath, chat, reply(Fail, 1), 500, 0, false, ""},
		{"chat, cut at once", chatPath, chatStream, reply(Cut, 0), 200, 0, true, ""},
		{"chat, cut", chatPath, chatStream, reply(Cut, 3), 200, 3, true, " All is well"},
		{"chat, failed", chatPath, chatStream, reply(Fail, 2), 200, 3, false, `data: {"error":{"message":`},
		{"messages, cut", messagesPath, stream, reply(Cut, 4), 200, 4, true, "text_delta"},
		{"messages, failed", messagesPath, stream, reply(Fail, 4), 200, 5, false, `event: error`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp, err := client(t, provider(tt.reply))(tt.path, tt.body)
			if tt.status == 0 {
				if err == nil {
					t.Fatalf("an answer came: %d", resp.StatusCode)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			b, err := io.ReadAll(resp.Body)
			if (err != nil) != tt.broken || resp.StatusCode != tt.status {
				t.Errorf("status %d, reading the body: %v", resp.StatusCode, err)
			}
			list := strings.Split(string(b), "\n\n")
			if n := len(list) - 1; n != tt.events {
				t.Fatalf("%d events came, want %d: %s", n, tt.events, b)
			}
			if n := len(list); n > 1 && !strings.Contains(list[n-2], tt.last) {
				t.Errorf("last event %q, want %q", list[n-2], tt.last)
			}
		})
	}
}

// TestStall pins that a stalled answer goes nowhere and ends with the client's patience.
func TestStall(t *testing.T) {
	ctx, p := t.Context(), provider(Reply{Text: "All is well.", Fault: Stall, After: 1})
	s := httptest.NewServer(p)
	defer s.Close() // returns only when the handler has
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+chatPath, strings.NewReader(`{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer secret")
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 4096)
	n, err := resp.Body.Read(first)
	if err != nil || !strings.HasSuffix(string(first[:n]), "\n\n") {
		t.Errorf("first event %q, %v", first[:n], err)
	}
	resp.Body.Close()
}

// TestPace checks the pause between events, and that a client that has gone is not waited for.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(Config{Key: "secret", Script: Steps(Reply{Text: "Well."}), ChunkDelay: time.Second})
		start := time.Now()
		ask(t, p, chatPath, `{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}`)
		if got := time.Since(start); got != 4*time.Second { // role, text, end, [DONE]
			t.Errorf("four events took %v", got)
		}
		start = time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		w := httptest.NewRecorder()
		p.ServeHTTP(w, post(t, chatPath, `{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}`).WithContext(ctx))
		if got := time.Since(start); got != 1500*time.Millisecond || strings.Count(w.Body.String(), "\n\n") != 1 {
			t.Errorf("a client gone after 1.5 s was served for %v: %s", got, w.Body)
		}
	})
}

// TestConcurrent has many clients at once; every request gets an id of its own.
func TestConcurrent(t *testing.T) {
	p := provider(Reply{Text: "ok"})
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() { ask(t, p, chatPath, `{"model":"m","messages":[{"role":"user","content":"x"}]}`) })
	}
	wg.Wait()
	ids := map[string]bool{}
	for _, r := range p.Requests() {
		ids[r.ID] = true
	}
	if len(ids) != 32 {
		t.Errorf("%d ids for 32 requests", len(ids))
	}
}

// slow is a body that breaks before its end.
type slow struct{}

func (slow) Read([]byte) (int, error) { return 0, errors.New("reset") }

func TestUnreadableBody(t *testing.T) {
	for status, body := range map[int]io.Reader{400: slow{}, 413: strings.NewReader(strings.Repeat(" ", MaxBody+1))} {
		w := httptest.NewRecorder()
		r := post(t, chatPath, "")
		r.Body = io.NopCloser(body)
		provider().ServeHTTP(w, r)
		if w.Code != status || !strings.HasPrefix(w.Body.String(), `{"error":{`) {
			t.Errorf("got %d %s, want %d", w.Code, w.Body, status)
		}
	}
}
