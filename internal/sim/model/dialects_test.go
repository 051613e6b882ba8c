// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A tongue is one dialect, as a client speaks it in these tests.
type tongue struct {
	dialect Dialect
	path    string
	stream  string // path of streams
	ask     string // asks for the weather; %s: more members
	flag    string // the member that asks for a stream
}

func tongues() []tongue {
	return []tongue{
		{OpenAI, chatPath, chatPath, `{"model":"m","messages":[{"role":"user","content":"Weather?"}]%s}`, `,"stream":true,"stream_options":{"include_usage":true}`},
		{Responses, respondPath, respondPath, `{"model":"m","input":"Weather?"%s}`, `,"stream":true`},
		{Anthropic, messagesPath, messagesPath, `{"model":"m","max_tokens":999,"messages":[{"role":"user","content":"Weather?"}]%s}`, `,"stream":true`},
		{Gemini, geminiPath, ssePath, `{"contents":[{"role":"user","parts":[{"text":"Weather?"}]}]%s}`, ""},
		{Gemini, geminiPath, arrayPath, `{"contents":[{"role":"user","parts":[{"text":"Weather?"}]}]%s}`, ""},
		{OpenRouter, routedPath, routedPath, `{"model":"v/m","messages":[{"role":"user","content":"Weather?"}]%s}`, `,"stream":true`},
	}
}

func (l tongue) String() string { return string(l.dialect) + " " + l.stream }

func (l tongue) plain(t *testing.T, p *Provider) *httptest.ResponseRecorder {
	t.Helper()
	return ask(t, p, l.path, fmt.Sprintf(l.ask, ""))
}

func (l tongue) streamed(t *testing.T, p *Provider) *httptest.ResponseRecorder {
	t.Helper()
	return ask(t, p, l.stream, fmt.Sprintf(l.ask, l.flag))
}

// values are the JSON texts of a stream, in either framing.
func values(t *testing.T, body string) []string {
	t.Helper()
	var list []string
	if strings.HasPrefix(body, "[") {
		var all []json.RawMessage
		if err := json.Unmarshal([]byte(body), &all); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		for _, v := range all {
			list = append(list, string(v))
		}
		return list
	}
	for line := range strings.Lines(body) {
		if data, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "data: "); ok && data != "[DONE]" {
			if !json.Valid([]byte(data)) {
				t.Errorf("not JSON: %s", data)
			}
			list = append(list, data)
		}
	}
	return list
}

func TestPlainMore(t *testing.T) {
	const response = `{"id":"resp_sim_1","object":"response","created_at":1772366400,"status":%s,"error":null,"incomplete_details":%s,"instructions":%s,"max_output_tokens":%s,"model":"m","output":[%s],"parallel_tool_calls":true,"previous_response_id":null,"service_tier":"default","store":true,"temperature":1,"text":{"format":{"type":"text"}},"tool_choice":"auto","tools":%s,"top_p":1,"truncation":"disabled","usage":{"input_tokens":%d,"input_tokens_details":{"cached_tokens":0},"output_tokens":%d,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":%d},"metadata":{}}`
	message := func(status, text string) string {
		return `{"id":"msg_sim_1","type":"message","status":"` + status + `","role":"assistant","content":[{"type":"output_text","annotations":[],"logprobs":[],"text":"` + text + `"}]}`
	}
	tests := []struct{ name, path, body, want string }{
		{"responses", respondPath, `{"model":"m","input":"Weather?"}`,
			fmt.Sprintf(response, `"completed","background":false,"completed_at":1772366400`, `null`, `null`, `null`,
				message("completed", "I look it up <now>.")+`,{"id":"fc_sim_1_1","type":"function_call","status":"completed","call_id":"call_sim_1_1","name":"weather","arguments":"{\"city\":\"Brühl\"}"}`,
				`[]`, 2, 12, 14)},
		{"responses at the limit", respondPath, `{"model":"m","instructions":"Be brief.","max_output_tokens":16,"tools":[{"type":"web_search"}],"input":"long"}`,
			fmt.Sprintf(response, `"incomplete","background":false,"completed_at":null`, `{"reason":"max_output_tokens"}`, `"Be brief."`, `16`,
				message("incomplete", strings.Repeat("abcd", 16)), `[{"type":"web_search"}]`, 4, 16, 20)},
		{"gemini", geminiPath, `{"contents":[{"parts":[{"text":"Weather?"}]}]}`,
			`{"candidates":[{"content":{"parts":[{"text":"I look it up <now>."},{"functionCall":{"id":"fc_sim_1_1","name":"weather","args":{"city":"Brühl"}}}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":2,"candidatesTokenCount":12,"totalTokenCount":14,"promptTokensDetails":[{"modality":"TEXT","tokenCount":2}]},"modelVersion":"m","responseId":"req_sim_1"}`},
		{"gemini at the limit", geminiPath, `{"contents":[{"parts":[{"text":"Weather?"}]}],"generation_config":{"max_output_tokens":2}}`,
			`{"candidates":[{"content":{"parts":[{"text":"I look i"}],"role":"model"},"finishReason":"MAX_TOKENS","index":0}],"usageMetadata":{"promptTokenCount":2,"candidatesTokenCount":2,"totalTokenCount":4,"promptTokensDetails":[{"modality":"TEXT","tokenCount":2}]},"modelVersion":"m","responseId":"req_sim_1"}`},
		{"openrouter", routedPath, `{"model":"v/m","messages":[{"role":"user","content":"Weather?"}]}`,
			`{"id":"gen-sim-1","provider":"Sim","object":"chat.completion","created":1772366400,"model":"v/m","choices":[{"index":0,"message":{"role":"assistant","content":"I look it up <now>.","refusal":null,"annotations":[],"tool_calls":[{"id":"call_sim_1_1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Brühl\"}"}}]},"logprobs":null,"finish_reason":"tool_calls","native_finish_reason":"tool_calls"}],"usage":{"prompt_tokens":2,"completion_tokens":12,"total_tokens":14,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0},"cost":0.000026,"is_byok":false,"cost_details":{"upstream_inference_cost":0.000026,"upstream_inference_prompt_cost":0.000002,"upstream_inference_completions_cost":0.000024}},"system_fingerprint":"fp_sim"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := New(Config{Key: "secret", Now: noon, Script: func(c Conversation) Reply {
				if c.Last().Text == "long" {
					return Reply{Text: strings.Repeat("abcd", 20)}
				}
				return weather()
			}})
			w := ask(t, p, tt.path, tt.body)
			if w.Code != 200 || w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("status %d, content type %q", w.Code, w.Header().Get("Content-Type"))
			}
			if diff := cmp.Diff(tt.want, w.Body.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStreamResponses(t *testing.T) {
	w := ask(t, provider(weather()), respondPath, `{"model":"m","stream":true,"input":"Weather?"}`)
	var got []string
	for i, part := range strings.Split(strings.TrimSuffix(w.Body.String(), "\n\n"), "\n\n") {
		name, data, ok := strings.Cut(part, "\ndata: ")
		var v struct {
			Type           string   `json:"type"`
			SequenceNumber int      `json:"sequence_number"`
			Delta          string   `json:"delta"`
			Text           string   `json:"text"`
			Arguments      string   `json:"arguments"`
			Response       response `json:"response"`
		}
		if err := json.Unmarshal([]byte(data), &v); err != nil || !ok || name != "event: "+v.Type || v.SequenceNumber != i {
			t.Fatalf("event %d: %v: %s", i, err, part)
		}
		got = append(got, strings.TrimSpace(strings.Join([]string{strings.TrimPrefix(v.Type, "response."), v.Delta, v.Text, v.Arguments, v.Response.Status}, " ")))
	}
	want := []string{
		"created    in_progress", "in_progress    in_progress",
		"output_item.added", "content_part.added", "output_text.delta I look it up", "output_text.delta  <now>.", "output_text.done  I look it up <now>.", "content_part.done", "output_item.done",
		"output_item.added", `function_call_arguments.delta {"city":"Br`, `function_call_arguments.delta ühl"}`, `function_call_arguments.done   {"city":"Brühl"}`, "output_item.done",
		"completed    completed",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestStreamGemini(t *testing.T) {
	chunk := func(parts, reason string, usage string) string {
		return `{"candidates":[{"content":{"parts":[` + parts + `],"role":"model"}` + reason + `,"index":0}],"usageMetadata":{"promptTokenCount":2,` + usage + `,"promptTokensDetails":[{"modality":"TEXT","tokenCount":2}]},"modelVersion":"m","responseId":"req_sim_1"}`
	}
	want := []string{
		chunk(`{"text":"I look it up"}`, "", `"candidatesTokenCount":3,"totalTokenCount":5`),
		chunk(`{"text":" <now>."}`, "", `"candidatesTokenCount":5,"totalTokenCount":7`),
		chunk(`{"functionCall":{"id":"fc_sim_1_1","name":"weather","args":{"city":"Brühl"}}}`, `,"finishReason":"STOP"`, `"candidatesTokenCount":12,"totalTokenCount":14`),
	}
	for path, body := range map[string]string{
		ssePath:   "data: " + strings.Join(want, "\r\n\r\ndata: ") + "\r\n\r\n",
		arrayPath: "[" + strings.Join(want, ",\r\n") + "\n]",
	} {
		w := ask(t, provider(weather()), path, `{"contents":[{"role":"user","parts":[{"text":"Weather?"}]}]}`)
		if diff := cmp.Diff(body, w.Body.String()); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
		if got := w.Header().Get("Content-Type"); strings.HasPrefix(got, "text/event-stream") != (path == ssePath) {
			t.Errorf("%s: content type %q", path, got)
		}
	}
}

func TestStreamOpenRouter(t *testing.T) {
	w := ask(t, provider(Reply{Text: "Well."}), routedPath, `{"model":"v/m","stream":true,"messages":[{"role":"user","content":"Weather?"}]}`)
	chunk := func(delta, reason, rest string) string {
		return `data: {"id":"gen-sim-1","provider":"Sim","object":"chat.completion.chunk","created":1772366400,"model":"v/m","system_fingerprint":"fp_sim","choices":[{"index":0,"delta":{` + delta + `},"logprobs":null,"finish_reason":` + reason + `}]` + rest + "}\n\n"
	}
	const stop = `"stop","native_finish_reason":"stop"`
	want := ": OPENROUTER PROCESSING\n\n" + chunk(`"role":"assistant","content":""`, "null", "") + chunk(`"content":"Well."`, "null", "") + chunk("", stop, "") +
		chunk("", stop, `,"usage":{"prompt_tokens":2,"completion_tokens":2,"total_tokens":4,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0},"cost":0.000006,"is_byok":false,"cost_details":{"upstream_inference_cost":0.000006,"upstream_inference_prompt_cost":0.000002,"upstream_inference_completions_cost":0.000004}}`) +
		"data: [DONE]\n\n"
	if diff := cmp.Diff(want, w.Body.String()); diff != "" {
		t.Error(diff)
	}
}

// TestSame has one conversation in every dialect that TestConversation leaves out: the script sees the same.
func TestSame(t *testing.T) {
	want := Conversation{
		System: "Be kind.\nBe brief.",
		Messages: []Message{
			{Role: User, Text: "Hello.\nWeather?"},
			{Role: Assistant, Text: "I look.", Calls: []ToolCall{{"a", "weather", json.RawMessage(`{"n":1}`)}, {"b", "weather", json.RawMessage("{}")}}},
			{Role: User, Text: "Well?", Results: []ToolResult{{CallID: "b", Name: "weather", Text: `{"result":"rain"}`}, {CallID: "a", Name: "weather", Text: `{"result":"sun"}`}}},
		},
		Tools: []Tool{{"weather", "d", json.RawMessage(`{"type":"object"}`)}},
	}
	input := `{"model":"m","instructions":"Be kind.","tool_choice":"required","tools":[{"type":"web_search"},{"type":"function","name":"weather","description":"d","parameters":{"type":"object"},"strict":true}],"input":[
		{"role":"developer","content":"Be brief."},{"type":"message","role":"user","content":[{"type":"input_text","text":"Hello."},{"type":"input_image","image_url":"data:,"},{"type":"input_text","text":"Weather?"}]},
		{"type":"reasoning","id":"rs_1","summary":[],"content":[{"type":"reasoning_text","text":"hm"}]},
		{"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"I look.","annotations":[]}]},
		{"type":"function_call","call_id":"a","name":"weather","arguments":"{\"n\":1}"},{"type":"function_call","call_id":"b","name":"weather","arguments":"{}"},
		{"type":"function_call_output","call_id":"b","output":"{\"result\":\"rain\"}"},{"type":"function_call_output","call_id":"a","output":[{"type":"input_text","text":"{\"result\":\"sun\"}"}]},
		{"role":"user","content":"Well?"}]}`
	camel := `{"systemInstruction":{"parts":[{"text":"Be kind."},{"text":"Be brief."}]},"tools":[{"googleSearch":{}},{"functionDeclarations":[{"name":"weather","description":"d","parametersJsonSchema":{"type":"object"}}]}],"contents":[
		{"role":"user","parts":[{"text":"Hello."},{"inlineData":{"mimeType":"image/png","data":"AAAA"}},{"text":"Weather?"}]},
		{"role":"model","parts":[{"text":"hm","thought":true},{"text":"I look."},{"functionCall":{"id":"a","name":"weather","args":{"n":1}},"thoughtSignature":"AAAA"},{"functionCall":{"id":"b","name":"weather"}}]},
		{"role":"user","parts":[{"functionResponse":{"id":"b","name":"weather","response":{"result":"rain"}}},{"functionResponse":{"id":"a","name":"weather","response":{"result": "sun"}}}]},
		{"role":"user","parts":[{"text":"Well?"}]}]}`
	snake := strings.NewReplacer("systemInstruction", "system_instruction", "googleSearch", "google_search", "functionDeclarations", "function_declarations",
		"parametersJsonSchema", "parameters_json_schema", "inlineData", "inline_data", "mimeType", "mime_type", "functionCall", "function_call", "functionResponse", "function_response").Replace(camel)
	for _, tt := range []struct {
		dialect    Dialect
		path, body string
	}{{Responses, respondPath, input}, {Gemini, geminiPath, camel}, {Gemini, ssePath, snake}} {
		var got Conversation
		p := New(Config{Key: "secret", Now: noon, Script: func(c Conversation) Reply { got = c; return Reply{Text: "ok"} }})
		if w := ask(t, p, tt.path, tt.body); w.Code != 200 {
			t.Fatal(tt.path, w.Code, w.Body)
		}
		want.Dialect, want.Model = tt.dialect, "m"
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", tt.path, diff)
		}
	}
}

// TestFailedResult pins how a client of Gemini says that a function failed, and that ids may be left out.
func TestFailedResult(t *testing.T) {
	var got Conversation
	p := New(Config{Key: "secret", Now: noon, Script: func(c Conversation) Reply { got = c; return Reply{Text: "ok"} }})
	body := `{"contents":[{"parts":[{"text":"x"}]},{"role":"model","parts":[{"functionCall":{"name":"f"}},{"functionCall":{"name":"g"}}]},
		{"parts":[{"functionResponse":{"name":"g","response":{"error":"no"}}},{"functionResponse":{"name":"f","response":{"error":null}}}]}]}`
	if w := ask(t, p, geminiPath, body); w.Code != 200 {
		t.Fatal(w.Code, w.Body)
	}
	want := []ToolResult{{Name: "g", Text: `{"error":"no"}`, Failed: true}, {Name: "f", Text: `{"error":null}`}}
	if diff := cmp.Diff(want, got.Last().Results); diff != "" {
		t.Error(diff)
	}
}

// TestUsage has every dialect count in its own way, and tell nothing when that is what the reply wants.
func TestUsage(t *testing.T) {
	want := map[Dialect][]string{
		OpenAI:     {`"prompt_tokens":100,"completion_tokens":50,"total_tokens":150`, `"cached_tokens":40`, `"reasoning_tokens":30`},
		Responses:  {`"input_tokens":100`, `"output_tokens":50`, `"total_tokens":150`, `"cached_tokens":40`, `"reasoning_tokens":30`},
		Anthropic:  {`"input_tokens":60`, `"cache_read_input_tokens":40`, `"output_tokens":50`},
		Gemini:     {`"promptTokenCount":100,"cachedContentTokenCount":40,"candidatesTokenCount":20,"thoughtsTokenCount":30,"totalTokenCount":150`},
		OpenRouter: {`"prompt_tokens":100,"completion_tokens":50,"total_tokens":150`, `"cost":0.0002,`, `"cached_tokens":40`},
	}
	for _, l := range tongues() {
		told := provider(Reply{Text: "Well.", Usage: &Usage{Input: 100, Cached: 40, Output: 50, Reasoning: 30}})
		for _, body := range []*bytes.Buffer{l.plain(t, told).Body, l.streamed(t, told).Body} {
			for _, part := range want[l.dialect] {
				if !strings.Contains(body.String(), part) {
					t.Errorf("%s: no %s in %s", l, part, body)
				}
			}
		}
		silent := provider(Reply{Text: "Well.", NoUsage: true})
		for _, body := range []*bytes.Buffer{l.plain(t, silent).Body, l.streamed(t, silent).Body} {
			if s := body.String(); strings.Contains(s, "okens\":") && l.dialect != Responses || strings.Contains(s, "TokenCount") || !strings.Contains(s, "Well.") {
				t.Errorf("%s: got %s", l, s)
			}
			if l.dialect == Responses && strings.Contains(body.String(), "input_tokens") {
				t.Errorf("%s: got %s", l, body)
			}
		}
	}
}

// TestEcho has a response say back how it was asked for.
func TestEcho(t *testing.T) {
	w := ask(t, provider(Reply{Text: "ok"}), respondPath, `{"model":"m","temperature":0.5,"top_p":0,"store":false,"parallel_tool_calls":false,"metadata":{"k":"v"},"tool_choice":"required","tools":[{"type":"function","name":"f","strict":true}],"input":"x"}`)
	for _, want := range []string{`"temperature":0.5`, `"top_p":0,`, `"store":false`, `"parallel_tool_calls":false`, `"metadata":{"k":"v"}`, `"tool_choice":"required"`, `"tools":[{"type":"function","name":"f","strict":true}]`} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s in %d %s", want, w.Code, w.Body)
		}
	}
}
