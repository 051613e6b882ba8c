// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func badResponses() []struct{ name, body, want string } {
	with := func(input string) string { return `{"model":"m","input":[` + input + `]}` }
	user := `{"role":"user","content":"x"}`
	call := `{"type":"function_call","call_id":"a","name":"f","arguments":"{}"}`
	output := `{"type":"function_call_output","call_id":"a","output":"x"}`
	return []struct{ name, body, want string }{
		{"not JSON", `{`, "could not parse the JSON body"},
		{"input is a number", `{"model":"m","input":7}`, "could not parse the JSON body"},
		{"no model", `{"input":"x"}`, `"param":"model"`},
		{"no input", `{"model":"m"}`, `"param":"input","code":"missing_required_parameter"`},
		{"null input", `{"model":"m","input":null}`, `"param":"input","code":"missing_required_parameter"`},
		{"messages for input", `{"model":"m","messages":[` + user + `]}`, `"param":"input","code":"missing_required_parameter"`},
		{"empty input", with(""), `"code":"empty_array"`},
		{"previous response", `{"model":"m","previous_response_id":"resp_1","input":"x"}`, `"code":"previous_response_not_found"`},
		{"background", `{"model":"m","background":true,"input":"x"}`, `"param":"background"`},
		{"too few tokens", `{"model":"m","max_output_tokens":15,"input":"x"}`, `"code":"integer_below_min_value"`},
		{"stream options alone", `{"model":"m","stream_options":{},"input":"x"}`, `"param":"stream_options"`},
		{"temperature", `{"model":"m","temperature":2.1,"input":"x"}`, `"param":"temperature"`},
		{"top_p", `{"model":"m","top_p":-1,"input":"x"}`, `"param":"top_p"`},
		{"choice without tools", `{"model":"m","tool_choice":"required","input":"x"}`, `"param":"tool_choice"`},
		{"tool of chat completions", `{"model":"m","tools":[{"type":"function","function":{"name":"f"}}],"input":"x"}`, `"param":"tools[0].name"`},
		{"tool type", `{"model":"m","tools":[{"type":"magic"}],"input":"x"}`, `"param":"tools[0].type"`},
		{"tool is a text", `{"model":"m","tools":["f"],"input":"x"}`, `"param":"tools[0]"`},
		{"tool schema", `{"model":"m","tools":[{"type":"function","name":"f","parameters":[]}],"input":"x"}`, `"param":"tools[0].parameters"`},
		{"role", with(`{"role":"tool","content":"x"}`), `"param":"input[0].role"`},
		{"no content", with(`{"role":"user"}`), `"param":"input[0].content"`},
		{"part of chat completions", with(`{"role":"user","content":[{"type":"text","text":"x"}]}`), `"param":"input[0].content[0].type"`},
		{"part of the other side", with(`{"role":"assistant","content":[{"type":"input_text","text":"x"}]}`), `"param":"input[0].content[0].type"`},
		{"item type", with(`{"type":"magic"}`), `"param":"input[0].type"`},
		{"call without id", with(`{"type":"function_call","name":"f"}`), `"param":"input[0].call_id"`},
		{"call without name", with(`{"type":"function_call","call_id":"a"}`), `"param":"input[0].name"`},
		{"call twice", with(call + `,` + output + `,` + call), `"param":"input[2].call_id"`},
		{"call without output", with(user + `,` + call + `,` + user), "No tool output found for function call a."},
		{"output without call", with(user + `,` + output), "No tool call found for function call output with call_id a."},
		{"output twice", with(call + `,` + output + `,` + output), "No tool call found for function call output with call_id a."},
		{"output of nothing", with(call + `,{"type":"function_call_output","call_id":"a"}`), `"param":"input[1].output"`},
	}
}

func badContents() []struct{ name, body, want string } {
	with := func(contents string) string { return `{"contents":[` + contents + `]}` }
	user := `{"role":"user","parts":[{"text":"x"}]}`
	call := `{"role":"model","parts":[{"functionCall":{"id":"a","name":"f","args":{}}}]}`
	result := func(name string) string {
		return `{"role":"user","parts":[{"functionResponse":{"name":"` + name + `","response":{}}}]}`
	}
	const number = "number of function response parts is equal"
	return []struct{ name, body, want string }{
		{"not JSON", `{`, "Invalid JSON payload received."},
		{"twice", `{"contents":[],"contents":[]}`, "Invalid JSON payload received."},
		{"contents is an object", `{"contents":{}}`, "Invalid JSON payload received."},
		{"no contents", `{}`, "contents is not specified"},
		{"messages for contents", `{"messages":[{"role":"user","content":"x"}]}`, "contents is not specified"},
		{"no parts", with(`{"role":"user"}`), "contents[0].parts: contents.parts must not be empty"},
		{"role", with(`{"role":"assistant","parts":[{"text":"x"}]}`), "Please use a valid role: user, model."},
		{"empty part", with(`{"parts":[{}]}`), "required oneof field 'data' must have one initialized field"},
		{"two things in a part", with(`{"parts":[{"text":"x","inlineData":{"mimeType":"a/b","data":""}}]}`), "required oneof field 'data'"},
		{"picture without type", with(`{"parts":[{"inlineData":{"data":"AAAA"}}]}`), "inline_data.mime_type"},
		{"picture that is no base64", with(`{"parts":[{"inlineData":{"mimeType":"a/b","data":"§"}}]}`), "Base64 decoding failed"},
		{"file without URI", with(`{"parts":[{"fileData":{}}]}`), "file_data.file_uri"},
		{"tokens", `{"contents":[` + user + `],"generationConfig":{"maxOutputTokens":0}}`, "max_output_tokens must be positive"},
		{"candidates", `{"contents":[` + user + `],"generationConfig":{"candidateCount":2}}`, "candidate_count"},
		{"stops", `{"contents":[` + user + `],"generationConfig":{"stopSequences":["1","2","3","4","5","6"]}}`, "stop_sequences"},
		{"temperature", `{"contents":[` + user + `],"generationConfig":{"temperature":3}}`, "temperature must be in the range"},
		{"topP", `{"contents":[` + user + `],"generationConfig":{"topP":2}}`, "top_p must be in the range"},
		{"tool name", `{"contents":[` + user + `],"tools":[{"functionDeclarations":[{"name":"1f"}]}]}`, "tools[0].function_declarations[0].name: Invalid function name"},
		{"tool twice", `{"contents":[` + user + `],"tools":[{"functionDeclarations":[{"name":"f"}]},{"functionDeclarations":[{"name":"f"}]}]}`, "Duplicate function declaration found: f"},
		{"two schemas", `{"contents":[` + user + `],"tools":[{"functionDeclarations":[{"name":"f","parameters":{},"parametersJsonSchema":{}}]}]}`, "only one of parameters"},
		{"schema", `{"contents":[` + user + `],"tools":[{"functionDeclarations":[{"name":"f","parameters":[]}]}]}`, "an object is expected"},
		{"system with a call", `{"contents":[` + user + `],"systemInstruction":{"parts":[{"functionCall":{"name":"f"}}]}}`, "only texts belong here"},
		{"empty system", `{"contents":[` + user + `],"systemInstruction":{}}`, "system_instruction.parts"},
		{"call without name", with(user + `,{"role":"model","parts":[{"functionCall":{}}]}`), "function_call.name"},
		{"call with a list", with(user + `,{"role":"model","parts":[{"functionCall":{"name":"f","args":[]}}]}`), "function_call.args"},
		{"result without name", with(user + `,` + call + `,` + result("")), "function_response.name"},
		{"result without object", with(user + `,` + call + `,{"parts":[{"functionResponse":{"name":"f","response":"x"}}]}`), "function_response.response"},
		{"call of the user", with(`{"role":"user","parts":[{"functionCall":{"name":"f"}}]}`), "function calls are the model's"},
		{"result of the model", with(user + `,` + call + `,{"role":"model","parts":[{"functionResponse":{"name":"f","response":{}}}]}`), "function responses are the user's"},
		{"call first", with(call + `,` + result("f")), "function call turn comes immediately after a user turn"},
		{"call without result", with(user + `,` + call + `,` + user), number},
		{"call without result at the end", with(user + `,` + call), number},
		{"result without call", with(user + `,` + result("f")), "immediately after a function call turn"},
		{"results too many", with(user + `,` + call + `,{"parts":[{"functionResponse":{"name":"f","response":{}}},{"functionResponse":{"name":"f","response":{}}}]}`), number},
		{"result of another call", with(user + `,` + call + `,` + result("g")), `\"g\" does not`},
		{"result of another id", with(user + `,` + call + `,{"parts":[{"functionResponse":{"id":"b","name":"f","response":{}}}]}`), `\"f\" does not`},
	}
}

func TestBadRequestsMore(t *testing.T) {
	check := func(path, name, body, want, kind string) {
		w := ask(t, provider(Reply{Text: "ok"}), path, body)
		if w.Code != 400 || !strings.Contains(w.Body.String(), want) || !strings.Contains(w.Body.String(), kind) || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s, %s: got %d %s, want 400 and %q", path, name, w.Code, w.Body, want)
		}
	}
	for _, tt := range badResponses() {
		check(respondPath, tt.name, tt.body, tt.want, "invalid_request_error")
	}
	for _, tt := range badContents() {
		for _, path := range []string{geminiPath, ssePath, arrayPath} {
			check(path, tt.name, tt.body, tt.want, `"status":"INVALID_ARGUMENT"`)
		}
	}
	for _, model := range []string{"m", "openrouter/v/m", "/m", "v/"} {
		body := fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":"x"}]}`, model)
		check(routedPath, model, body, model+" is not a valid model ID", `"code":400`)
	}
	for _, tt := range badChats() {
		if w := ask(t, provider(Reply{Text: "ok"}), routedPath, strings.Replace(tt.body, `"model":"m"`, `"model":"v/m"`, 1)); w.Code != 400 || !strings.Contains(w.Body.String(), `"code":400`) {
			t.Errorf("%s: got %d %s", tt.name, w.Code, w.Body)
		}
	}
}

// TestReference pins that nothing is kept that an item could refer to.
func TestReference(t *testing.T) {
	w := ask(t, provider(Reply{Text: "ok"}), respondPath, `{"model":"m","input":[{"type":"item_reference","id":"msg_1"}]}`)
	if w.Code != 404 || !strings.Contains(w.Body.String(), "Item with id 'msg_1' not found.") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestUnknownModelMore(t *testing.T) {
	for _, l := range tongues() {
		p := New(Config{Key: "secret", Models: []string{"other"}, Script: Steps(Reply{Text: "ok"})})
		want := 404
		if l.dialect == OpenRouter {
			want = 400
		}
		if w := l.plain(t, p); w.Code != want {
			t.Errorf("%s: got %d %s", l, w.Code, w.Body)
		}
	}
}

// TestBrokenArgumentsMore has a model write arguments that are no object: Gemini's wire has no place for them.
func TestBrokenArgumentsMore(t *testing.T) {
	for _, l := range tongues() {
		want := 200
		if l.dialect == Anthropic || l.dialect == Gemini {
			want = 500
		}
		if w := l.plain(t, provider(Reply{Calls: []ToolCall{{Name: "f", Arguments: json.RawMessage(`[1]`)}}})); w.Code != want {
			t.Errorf("%s: got %d %s, want %d", l, w.Code, w.Body, want)
		}
	}
}

// TestHostedTools has tools that Anthropic runs itself, which have no schema.
func TestHostedTools(t *testing.T) {
	w := ask(t, provider(Reply{Text: "ok"}), messagesPath, `{"model":"m","max_tokens":9,"tools":[{"type":"web_search_20250305","name":"web_search"}],"messages":[{"role":"user","content":"x"}]}`)
	if w.Code != 200 {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

// FuzzDecode feeds all decoders: they read or refuse, and what they have read can be answered in full.
func FuzzDecode(f *testing.F) {
	for _, list := range [][]struct{ name, body, want string }{badChats(), badMessages(), badResponses(), badContents()} {
		for _, tt := range list {
			f.Add([]byte(tt.body))
		}
	}
	f.Add([]byte(`{"model":"m","max_tokens":9,"stop":"a","messages":[{"role":"user","content":[{"type":"text","text":"x"}]}]}`))
	f.Add([]byte(`{"model":"m","tool_choice":{"type":"function","name":"f"},"tools":[{"type":"function","name":"f"}],"input":[{"type":"reasoning","content":null},{"role":"user","content":"x"}]}`))
	f.Add([]byte(`{"contents":[{"parts":[{"text":"x"}]},{"role":"model","parts":[{"function_call":{"name":"f"}}]},{"parts":[{"function_response":{"name":"f","response":{"error":1}}}]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, w := range []wire{openAI{}, anthropic{}, responses{}, openRouter{}, gemini{"m", "generateContent", false}, gemini{"m", "streamGenerateContent", true}, gemini{"m", "streamGenerateContent", false}} {
			req, e := w.decode(body)
			if e != nil {
				if e.Status < 400 || !json.Valid(w.failure(e, 1)) {
					t.Fatalf("%T refuses %q with %+v", w, body, e)
				}
				continue
			}
			if req.Model == "" || len(req.stops) > 4 && req.Dialect == OpenAI {
				t.Fatalf("%T reads %q as %+v", w, body, req)
			}
			a := finish(req, weather(), 1, noon())
			if !json.Valid(w.plain(a)) || a.usage.Input < 0 {
				t.Fatalf("%T answers %q with %s", w, body, w.plain(a))
			}
			list := w.events(a)
			wholeStream(t, list)
			wholeStream(t, append(list[:1:1], w.abort(a, &Error{Status: 500, Message: "x"}, 1)...))
		}
	})
}

// wholeStream fails the test unless the events make a stream that can be read.
func wholeStream(t *testing.T, list []event) {
	t.Helper()
	var all bytes.Buffer
	for _, e := range list {
		all.Write(e.bytes())
	}
	if bytes.HasPrefix(all.Bytes(), []byte("[")) && !json.Valid(all.Bytes()) {
		t.Fatalf("not JSON: %s", &all)
	}
	if len(values(t, all.String())) == 0 {
		t.Fatalf("nothing in %s", &all)
	}
}
