// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package dialect_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/internal/dialect"
	"github.com/clawea/clawea/receipt"
)

// stream has each of events as a server-sent event.
func stream(events ...string) string {
	var b strings.Builder
	for _, e := range events {
		b.WriteString("data: " + e + "\n\n")
	}
	return b.String()
}

func call(name, args string) dialect.ToolCall {
	return dialect.ToolCall{Name: name, Args: []byte(args)}
}

// The shapes that the vendors document and the simulator has not.
func TestAnswersAsDocumented(t *testing.T) {
	for _, c := range []struct {
		name, endpoint, body string
		want                 dialect.Answered
	}{
		{"nothing", "chat", ``, dialect.Answered{}},
		{"not JSON", "chat", `<html>502</html>`, dialect.Answered{}},
		{"an error of another house", "fal", `{"detail":"no"}`, dialect.Answered{Whole: true}},
		{"an error", "chat", `{"error":{"message":"no","type":"server_error","param":null,"code":null}}`, dialect.Answered{Failed: true, Whole: true}},
		{"an error in an answer", "fal", `{"id":"gen-1","model":"a/b","choices":[{"index":0,"finish_reason":"error","error":{"code":502,"message":"no"},"message":{"content":""}}]}`,
			dialect.Answered{ID: "gen-1", Model: "a/b", Finish: "error", Failed: true, Whole: true}},
		{"choices out of order", "chat", `{"id":"c","model":"gpt","choices":[{"message":{"tool_calls":[{"function":{"arguments":"{}","name":"g"}}]},"finish_reason":"length","index":1},{"finish_reason":"stop","message":{"content":"x","tool_calls":null},"index":0}],"usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12,"prompt_tokens_details":null}}`,
			dialect.Answered{ID: "c", Model: "gpt", Finish: "stop,length", Usage: &receipt.Usage{Input: 5, Output: 7}, Proposed: []dialect.ToolCall{call("g", "{}")}, Whole: true}},
		{"a function call", "chat", `{"choices":[{"index":0,"message":{"function_call":{"name":"f","arguments":"{\"a\":1}"}},"finish_reason":"function_call"}]}`,
			dialect.Answered{Finish: "function_call", Proposed: []dialect.ToolCall{call("f", `{"a":1}`)}, Whole: true}},
		{"a custom call", "chat", `{"choices":[{"index":0,"message":{"tool_calls":[{"id":"c","type":"custom","custom":{"name":"f","input":"free text"}}]}}]}`,
			dialect.Answered{Proposed: []dialect.ToolCall{call("f", `free text`)}, Whole: true}},
		{"thoughts in the total only", "chat", `{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":100,"completion_tokens_details":{"reasoning_tokens":88}}}`,
			dialect.Answered{Usage: &receipt.Usage{Input: 5, Output: 95, Reasoning: 88}, Whole: true}},
		{"written to the cache", "fal", `{"choices":[],"usage":{"prompt_tokens":50,"completion_tokens":7,"total_tokens":57,"prompt_tokens_details":{"cached_tokens":20,"cache_write_tokens":10}}}`,
			dialect.Answered{Usage: &receipt.Usage{Input: 50, Output: 7, CacheRead: 20, CacheMade: 10}, Whole: true}},
		{"more read from the cache than there was", "chat", `{"usage":{"prompt_tokens":5,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":20,"cache_write_tokens":10},"completion_tokens_details":{"reasoning_tokens":8}}}`,
			dialect.Answered{Usage: &receipt.Usage{Input: 5, Output: 7, CacheRead: 5, Reasoning: 7}, Whole: true}},
		{"what does not fit", "chat", `{"id":"a b","model":"gpt 5\n","choices":[{"finish_reason":"st op","message":{"tool_calls":[{"function":{"name":"f<b>","arguments":"x"}},7,null]}}],"usage":{"prompt_tokens":-5,"completion_tokens":1.5,"total_tokens":"x"}}`,
			dialect.Answered{Proposed: []dialect.ToolCall{call("", "x")}, Whole: true}},
		{"a name as it may be offered", "chat", `{"choices":[{"message":{"tool_calls":[{"function":{"name":"crm/get` + strings.Repeat("t", 121) + `","arguments":"x"}},{"function":{"name":"` + strings.Repeat("t", 129) + `","arguments":"y"}}]}}]}`,
			dialect.Answered{Proposed: []dialect.ToolCall{call("crm/get"+strings.Repeat("t", 121), "x"), call("", "y")}, Whole: true}},
		{"what is of another kind", "chat", `{"id":7,"model":null,"choices":{"a":1},"usage":[1],"error":null}`, dialect.Answered{Whole: true}},

		{"a stream that begins empty", "chat", stream(`{"choices":[],"created":0,"id":"","model":"","prompt_filter_results":[]}`, `{"choices":[{"delta":{"content":"x"},"finish_reason":null,"index":0}],"id":"c","model":"gpt","usage":null}`, `{"choices":[{"delta":{},"finish_reason":"stop","index":0}],"id":"c","model":"gpt"}`, `[DONE]`),
			dialect.Answered{ID: "c", Model: "gpt", Finish: "stop", Whole: true}},
		{"a stream of two choices", "chat", stream(`{"choices":[{"index":1,"delta":{"tool_calls":[{"index":0,"id":"x","function":{"name":"g","arguments":"{"}}]}}]}`, `{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"name":"f","arguments":"["}}]}}]}`, `{"choices":[{"index":1,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"}"}}]},"finish_reason":"tool_calls"}]}`, `{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"arguments":"]"}}]},"finish_reason":"stop"}]}`, `[DONE]`),
			dialect.Answered{Finish: "stop,tool_calls", Proposed: []dialect.ToolCall{call("g", "{}"), call("f", "[]")}, Whole: true}},
		{"a stream that fails", "fal", ": OPENROUTER PROCESSING\n\n" + stream(`{"id":"gen-1","model":"a/b","choices":[{"index":0,"delta":{"content":"x"}}]}`, `{"id":"gen-1","error":{"code":502,"message":"no"},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}`),
			dialect.Answered{ID: "gen-1", Model: "a/b", Finish: "error", Failed: true}},
		{"a stream with usage that broke off", "chat", stream(`{"id":"c","choices":[{"index":0,"delta":{"content":"x"}}],"usage":{"prompt_tokens":5,"completion_tokens":1}}`),
			dialect.Answered{ID: "c"}},
		{"a stream with what cannot be read", "chat", stream(`{"id":"c"`, `{"choices":[{"index":0,"finish_reason":"stop"}]}`, `[DONE]`),
			dialect.Answered{ID: "c", Finish: "stop", Whole: true}},

		{"an unfinished response", "responses", `{"id":"resp_1","object":"response","status":"incomplete","error":null,"incomplete_details":{"reason":"content_filter"},"model":"gpt","output":[{"type":"reasoning","summary":[]},{"type":"custom_tool_call","name":"g","input":"text"},{"type":"local_shell_call","action":{"command":["ls"]}},{"type":"web_search_call","action":{"query":"x"}}],"usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":4},"output_tokens":8,"output_tokens_details":{"reasoning_tokens":3},"total_tokens":17}}`,
			dialect.Answered{ID: "resp_1", Model: "gpt", Finish: "content_filter", Usage: &receipt.Usage{Input: 9, Output: 8, CacheRead: 4, Reasoning: 3}, Proposed: []dialect.ToolCall{call("g", "text"), call("local_shell_call", `{"command":["ls"]}`)}, Whole: true}},
		{"a failed response", "responses", `{"id":"resp_1","status":"failed","error":{"code":"server_error","message":"no"},"model":"gpt","output":[],"usage":{"input_tokens":9}}`,
			dialect.Answered{ID: "resp_1", Model: "gpt", Finish: "failed", Failed: true, Whole: true}},
		{"a response in the background", "responses", `{"id":"resp_1","status":"queued","error":null,"model":"gpt","output":[],"usage":null}`,
			dialect.Answered{ID: "resp_1", Model: "gpt", Whole: true}},
		{"a response's stream that tells its items once", "responses", stream(`{"type":"response.created","response":{"id":"resp_1","model":"gpt","status":"in_progress","output":[],"usage":null}}`, `{"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","name":"f","arguments":"{}"}}`, `{"type":"response.completed","response":{"id":"resp_1","model":"gpt","status":"completed","output":[],"usage":{"input_tokens":1,"output_tokens":2}}}`),
			dialect.Answered{ID: "resp_1", Model: "gpt", Finish: "completed", Usage: &receipt.Usage{Input: 1, Output: 2}, Proposed: []dialect.ToolCall{call("f", "{}")}, Whole: true}},
		{"a response's stream that fails", "responses", stream(`{"type":"response.created","response":{"id":"resp_1","model":"gpt"}}`, `{"type":"error","code":"x","message":"no","param":null}`),
			dialect.Answered{ID: "resp_1", Model: "gpt", Failed: true}},

		{"a message from the cache", "messages", `{"id":"msg_1","type":"message","model":"claude","content":[{"type":"thinking","thinking":"h","signature":"s"},{"type":"server_tool_use","id":"s","name":"web_search","input":{"query":"x"}},{"type":"tool_use","id":"t","name":"f","input":{"a": 1}}],"stop_reason":"tool_use","usage":{"input_tokens":1,"cache_creation_input_tokens":20,"cache_read_input_tokens":300,"cache_creation":{"ephemeral_5m_input_tokens":20},"output_tokens":4,"output_tokens_details":{"thinking_tokens":2}}}`,
			dialect.Answered{ID: "msg_1", Model: "claude", Finish: "tool_use", Usage: &receipt.Usage{Input: 321, Output: 4, CacheRead: 300, CacheMade: 20, Reasoning: 2}, Proposed: []dialect.ToolCall{call("f", `{"a": 1}`)}, Whole: true}},
		{"a message of several rounds", "messages", `{"type":"message","content":[],"stop_reason":"end_turn","usage":{"input_tokens":10,"output_tokens":5,"iterations":[{"type":"compaction","input_tokens":100,"output_tokens":50},{"type":"message","input_tokens":10,"output_tokens":5,"cache_read_input_tokens":7}]}}`,
			dialect.Answered{Finish: "end_turn", Usage: &receipt.Usage{Input: 117, Output: 55, CacheRead: 7}, Whole: true}},
		{"a message's error", "messages", `{"type":"error","error":{"type":"overloaded_error","message":"no"},"request_id":"r"}`, dialect.Answered{Failed: true, Whole: true}},
		{"a message's stream", "messages", "event: message_start\n" + stream(`{"type":"message_start","message":{"id":"msg_1","model":"claude","stop_reason":null,"usage":{"input_tokens":25,"cache_read_input_tokens":3,"output_tokens":1}}}`, `{"type": "ping"}`,
			`{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"s","name":"web_search","input":{}}}`, `{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"query\":1}"}}`,
			`{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}`, `{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":""}}`, `{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a\": "}}`, `{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"1}"}}`,
			`{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":89}}`, `{"type":"message_stop"}`),
			dialect.Answered{ID: "msg_1", Model: "claude", Finish: "tool_use", Usage: &receipt.Usage{Input: 28, Output: 89, CacheRead: 3}, Proposed: []dialect.ToolCall{call("f", `{"a": 1}`)}, Whole: true}},
		{"a message's stream without its end", "messages", stream(`{"type":"message_start","message":{"id":"msg_1","usage":{"input_tokens":25,"output_tokens":1}}}`, `{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}}`),
			dialect.Answered{ID: "msg_1", Finish: "end_turn"}},
		{"a message's stream that fails", "messages", stream(`{"type":"message_start","message":{"id":"msg_1","usage":{"input_tokens":25,"output_tokens":1}}}`, `{"type":"error","error":{"type":"overloaded_error","message":"no"}}`),
			dialect.Answered{ID: "msg_1", Failed: true}},

		{"a blocked prompt", "gemini", `{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":4,"totalTokenCount":4},"modelVersion":"gemini"}`,
			dialect.Answered{Model: "gemini", Finish: "SAFETY", Usage: &receipt.Usage{Input: 4}, Whole: true}},
		{"tools of Google's", "gemini", `{"candidates":[{"content":{"parts":[{"executableCode":{"code":"1"}},{"functionCall":{"name":"f","args":{ }}}]},"finishReason":"STOP"},{"finishReason":"MAX_TOKENS","index":1}],"usageMetadata":{"promptTokenCount":4,"toolUsePromptTokenCount":10,"candidatesTokenCount":2,"thoughtsTokenCount":3,"totalTokenCount":19,"cachedContentTokenCount":1},"responseId":"r"}`,
			dialect.Answered{ID: "r", Finish: "STOP,MAX_TOKENS", Usage: &receipt.Usage{Input: 14, Output: 5, CacheRead: 1, Reasoning: 3}, Proposed: []dialect.ToolCall{call("f", "{ }")}, Whole: true}},
		{"a blocked stream", "stream", stream(`{"promptFeedback":{"blockReason":"OTHER"},"usageMetadata":{"promptTokenCount":4}}`), dialect.Answered{Finish: "OTHER", Usage: &receipt.Usage{Input: 4}, Whole: true}},
		{"a stream of which one candidate has not ended", "stream", stream(`{"candidates":[{"index":0,"finishReason":"STOP"},{"index":1,"content":{}}],"usageMetadata":{"promptTokenCount":4}}`), dialect.Answered{Finish: "STOP"}},
	} {
		e := endpoints[c.endpoint]
		d, _ := find(t, e[0], e[1], e[2])
		h := http.Header{"Content-Type": {"application/json"}}
		if strings.Contains(c.body, "data: ") {
			h.Set("Content-Type", "text/event-stream; charset=utf-8")
		}
		if diff := cmp.Diff(&c.want, d.Answer(h, []byte(c.body), 1)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

// A stream of Gemini's has ended when as many candidates have as were asked for.
func TestAnswerOfSeveral(t *testing.T) {
	d, _ := find(t, "gemini", "models/m:streamGenerateContent", "alt=sse")
	h := http.Header{"Content-Type": {"text/event-stream"}}
	const first, second = `{"candidates":[{"index":0,"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":4}}`, `{"candidates":[{"index":1,"finishReason":"STOP"}]}`
	for _, c := range []struct {
		name, body string
		choices    int
		whole      bool
	}{
		{"the only one", stream(first), 1, true},
		{"one of two", stream(first), 2, false},
		{"both", stream(first, second), 2, true},
		{"the first twice", stream(first, first), 2, false},
		{"more than were asked for", stream(first, second), 1, true},
		{"a blocked prompt", stream(`{"promptFeedback":{"blockReason":"OTHER"},"usageMetadata":{"promptTokenCount":4}}`), 2, true},
		{"a prompt that is not blocked", stream(`{"promptFeedback":{}}`, first), 2, false},
	} {
		a := d.Answer(h, []byte(c.body), c.choices)
		if a.Whole != c.whole || (a.Usage != nil) != c.whole {
			t.Errorf("%s: %+v", c.name, a)
		}
	}
}

// However many calls, choices and events there are, what is kept is bounded.
func TestAnswerBounds(t *testing.T) {
	var calls, choices []string
	for i := range 1000 {
		calls = append(calls, fmt.Sprintf(`{"index":%d,"function":{"name":"f","arguments":"{}"}}`, i))
		choices = append(choices, fmt.Sprintf(`{"index":%d,"finish_reason":"%s"}`, i, strings.Repeat("a", 64)))
	}
	d, _ := find(t, "openai", "chat/completions", "")
	a := d.Answer(http.Header{}, []byte(`{"choices":[{"message":{"tool_calls":[`+strings.Join(calls, ",")+`]}},`+strings.Join(choices, ",")+`]}`), 1)
	if len(a.Proposed) != 128 || len(a.Finish) > 1000 || !a.Whole {
		t.Errorf("%d calls, %d bytes of finish", len(a.Proposed), len(a.Finish))
	}
}

// What is kept of a call is not part of the answer's bytes, which others go on
// using.
func TestAnswerOwnsItsBytes(t *testing.T) {
	for endpoint, body := range map[string]string{
		"chat":      `{"choices":[{"message":{"tool_calls":[{"function":{"name":"f","arguments":"AAAA"}}]}}]}`,
		"responses": `{"output":[{"type":"function_call","name":"f","arguments":"AAAA"}]}`,
		"messages":  `{"content":[{"type":"tool_use","name":"f","input":"AAAA"}]}`,
		"gemini":    `{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":"AAAA"}}]}}]}`,
	} {
		e := endpoints[endpoint]
		d, _ := find(t, e[0], e[1], e[2])
		b := []byte(body)
		a := d.Answer(http.Header{}, b, 1)
		clear(b)
		if len(a.Proposed) != 1 || !strings.Contains(string(a.Proposed[0].Args), "AAAA") {
			t.Errorf("%s: %q", endpoint, a.Proposed)
		}
	}
}

func TestProblem(t *testing.T) {
	const openAI = `{"error":{"message":"what\nmend","type":%q,"code":"the.code","param":null}}`
	for _, c := range []struct {
		provider, rest, query string
		status                int
		want                  string
	}{
		{"openai", "chat/completions", "", 403, fmt.Sprintf(openAI, "permission_error")},
		{"openai", "responses", "", 429, fmt.Sprintf(openAI, "rate_limit_error")},
		{"fal", "chat/completions", "", 400, fmt.Sprintf(openAI, "invalid_request_error")},
		{"openai", "chat/completions", "", 401, fmt.Sprintf(openAI, "authentication_error")},
		{"openai", "chat/completions", "", 404, fmt.Sprintf(openAI, "not_found_error")},
		{"openai", "chat/completions", "", 413, fmt.Sprintf(openAI, "request_too_large")},
		{"openai", "chat/completions", "", 502, fmt.Sprintf(openAI, "api_error")},
		{"anthropic", "messages", "", 504, `{"type":"error","error":{"type":"timeout_error","message":"what\nmend"}}`},
		{"gemini", "models/m:generateContent", "", 403, `{"error":{"code":403,"message":"what\nmend","status":"PERMISSION_DENIED"}}`},
		{"gemini", "models/m:streamGenerateContent", "alt=sse", 429, `{"error":{"code":429,"message":"what\nmend","status":"RESOURCE_EXHAUSTED"}}`},
		{"gemini", "models/m:streamGenerateContent", "", 502, `[{"error":{"code":502,"message":"what\nmend","status":"UNAVAILABLE"}}]`},
		{"gemini", "models/m:generateContent", "", 400, `{"error":{"code":400,"message":"what\nmend","status":"INVALID_ARGUMENT"}}`},
		{"gemini", "models/m:generateContent", "", 500, `{"error":{"code":500,"message":"what\nmend","status":"INTERNAL"}}`},
		{"gemini", "models/m:generateContent", "", 401, `{"error":{"code":401,"message":"what\nmend","status":"UNAUTHENTICATED"}}`},
		{"gemini", "models/m:generateContent", "", 404, `{"error":{"code":404,"message":"what\nmend","status":"NOT_FOUND"}}`},
		{"gemini", "models/m:generateContent", "", 504, `{"error":{"code":504,"message":"what\nmend","status":"DEADLINE_EXCEEDED"}}`},
	} {
		d, _ := find(t, c.provider, c.rest, c.query)
		if got := string(d.Problem(c.status, "the.code", "what", "mend")); got != c.want {
			t.Errorf("%s %d: %s", c.provider, c.status, got)
		}
	}
}

func TestLike(t *testing.T) {
	for rest, want := range map[string]string{
		"": "openai model.chat.completions", "v1/chat/completions": "openai model.chat.completions", "x/y": "openai model.chat.completions",
		"v1/messages": "anthropic model.messages", "messages": "anthropic model.messages",
		"v1/responses": "openai model.responses", "v1/responses/resp_1": "openai model.responses",
		"v1beta/models": "gemini model.generateContent", "models/m:generateContent": "gemini model.generateContent", "v1/models/m:streamGenerateContent": "gemini model.generateContent",
	} {
		if d := dialect.Like(rest); d.Provider+" "+d.Action.String() != want {
			t.Errorf("%q is like %s %s", rest, d.Provider, d.Action)
		}
	}
}
