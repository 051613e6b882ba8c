// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

const call = `{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}`

func badChats() []struct{ name, body, want string } {
	with := func(messages string) string { return `{"model":"m","messages":[` + messages + `]}` }
	user := `{"role":"user","content":"x"}`
	return []struct{ name, body, want string }{
		{"not JSON", `{`, "could not parse the JSON body"},
		{"wrong type", `{"model":7}`, "could not parse the JSON body"},
		{"no model", `{"messages":[` + user + `]}`, "you must provide a model parameter"},
		{"no messages", `{"model":"m"}`, "missing_required_parameter"},
		{"empty messages", with(""), "empty_array"},
		{"two choices", `{"model":"m","n":2,"messages":[` + user + `]}`, `"param":"n"`},
		{"usage without stream", `{"model":"m","stream_options":{"include_usage":true},"messages":[` + user + `]}`, `"param":"stream_options"`},
		{"stops", `{"model":"m","stop":["a","b","c","d","e"],"messages":[` + user + `]}`, `"param":"stop"`},
		{"choice without tools", `{"model":"m","tool_choice":"auto","messages":[` + user + `]}`, `"param":"tool_choice"`},
		{"no tokens", `{"model":"m","max_tokens":0,"messages":[` + user + `]}`, `"param":"max_tokens"`},
		{"negative tokens", `{"model":"m","max_completion_tokens":-1,"messages":[` + user + `]}`, `"param":"max_completion_tokens"`},
		{"tool type", `{"model":"m","tools":[{"type":"web"}],"messages":[` + user + `]}`, `"param":"tools[0].type"`},
		{"tool name", `{"model":"m","tools":[{"type":"function","function":{"name":"a b"}}],"messages":[` + user + `]}`, `"param":"tools[0].name"`},
		{"tool twice", `{"model":"m","tools":[{"type":"function","function":{"name":"a"}},{"type":"function","function":{"name":"a"}}],"messages":[` + user + `]}`, `must be unique`},
		{"tool schema", `{"model":"m","tools":[{"type":"function","function":{"name":"a","parameters":[]}}],"messages":[` + user + `]}`, `is not an object`},
		{"role", with(`{"role":"root","content":"x"}`), `"param":"messages[0].role"`},
		{"no content", with(`{"role":"user"}`), `expected a string, got null`},
		{"part of another role", with(`{"role":"system","content":[{"type":"image_url"}]}`), `"param":"messages[0].content[0].type"`},
		{"part without text", with(`{"role":"user","content":[{"type":"text"}]}`), `"param":"messages[0].content[0].text"`},
		{"result without call", with(user + `,{"role":"tool","tool_call_id":"a","content":"x"}`), `must be a response to a preceding message`},
		{"result of another call", with(`{"role":"assistant","tool_calls":[` + call + `]},{"role":"tool","tool_call_id":"b","content":"x"}`), `must be a response to a preceding message`},
		{"result twice", with(`{"role":"assistant","tool_calls":[` + call + `]},{"role":"tool","tool_call_id":"a","content":"x"},{"role":"tool","tool_call_id":"a","content":"x"}`), `must be a response to a preceding message`},
		{"call without result", with(`{"role":"assistant","tool_calls":[` + call + `]},` + user), `did not have response messages: a`},
		{"call without result at the end", with(`{"role":"assistant","tool_calls":[` + call + `]}`), `did not have response messages: a`},
		{"call type", with(`{"role":"assistant","tool_calls":[{"id":"a"}]}`), `tool_calls[0].type`},
		{"call without id", with(`{"role":"assistant","tool_calls":[{"type":"function","function":{"name":"f"}}]}`), `tool_calls[0].id`},
		{"call id twice", with(`{"role":"assistant","tool_calls":[` + call + `,` + call + `]}`), `tool_calls[1].id`},
		{"call name", with(`{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":""}}]}`), `tool_calls[0].function.name`},
	}
}

func badMessages() []struct{ name, body, want string } {
	with := func(messages string) string { return `{"model":"m","max_tokens":9,"messages":[` + messages + `]}` }
	user := `{"role":"user","content":"x"}`
	used := user + `,{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{}}]},`
	result := `{"type":"tool_result","tool_use_id":"a"}`
	return []struct{ name, body, want string }{
		{"not JSON", `[]`, "not valid JSON"},
		{"no model", `{"max_tokens":9}`, "model: Field required"},
		{"no limit", `{"model":"m"}`, "max_tokens: Field required"},
		{"zero limit", `{"model":"m","max_tokens":0}`, "greater than or equal to 1"},
		{"no messages", `{"model":"m","max_tokens":9}`, "messages: Field required"},
		{"empty messages", with(""), "at least one message"},
		{"empty stop", `{"model":"m","max_tokens":9,"stop_sequences":[""],"messages":[` + user + `]}`, "stop_sequences"},
		{"choice without tools", `{"model":"m","max_tokens":9,"tool_choice":{"type":"any"},"messages":[` + user + `]}`, "tool_choice"},
		{"system", `{"model":"m","max_tokens":9,"system":[{"type":"image"}],"messages":[` + user + `]}`, "system[0].type"},
		{"tool without schema", `{"model":"m","max_tokens":9,"tools":[{"name":"f"}],"messages":[` + user + `]}`, "input_schema: Field required"},
		{"tool name", `{"model":"m","max_tokens":9,"tools":[{"name":"","input_schema":{}}],"messages":[` + user + `]}`, "tools[0].name"},
		{"assistant first", with(`{"role":"assistant","content":"x"}`), "first message must use"},
		{"role", with(user + `,{"role":"system","content":"x"}`), "messages.1: Input should be"},
		{"no content", with(`{"role":"user"}`), "non-empty content"},
		{"empty text", with(`{"role":"user","content":""}`), "text content blocks must be non-empty"},
		{"block of the other side", with(`{"role":"user","content":[{"type":"tool_use"}]}`), "messages.0.content[0].type"},
		{"call without id", with(user + `,{"role":"assistant","content":[{"type":"tool_use","name":"f","input":{}}]}`), "are required"},
		{"call without input", with(user + `,{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f"}]}`), "valid dictionary"},
		{"call id twice", with(user + `,{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{}},{"type":"tool_use","id":"a","name":"f","input":{}}]}`), "must be unique"},
		{"call without result", with(used + user), "without `tool_result` blocks immediately after: a"},
		{"call without result at the end", with(strings.TrimSuffix(used, ",")), "messages.1: `tool_use` ids were found"},
		{"result without call", with(`{"role":"user","content":[` + result + `]}`), "unexpected `tool_use_id`"},
		{"result twice", with(used + `{"role":"user","content":[` + result + `,` + result + `]}`), "unexpected `tool_use_id`"},
		{"result after text", with(used + `{"role":"user","content":[{"type":"text","text":"x"},` + result + `]}`), "must come first"},
		{"result content", with(used + `{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":7}]}`), "valid string or list"},
		{"result block", with(used + `{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":[{"type":"tool_use"}]}]}`), "does not belong here"},
	}
}

func TestBadRequests(t *testing.T) {
	check := func(path, name, body, want string) {
		w := ask(t, provider(Reply{Text: "ok"}), path, body)
		if w.Code != 400 || !strings.Contains(w.Body.String(), want) || !strings.Contains(w.Body.String(), "invalid_request_error") {
			t.Errorf("%s, %s: got %d %s, want 400 and %q", path, name, w.Code, w.Body, want)
		}
		if !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s, %s: the error is not JSON: %s", path, name, w.Body)
		}
	}
	for _, tt := range badChats() {
		check(chatPath, tt.name, tt.body, tt.want)
	}
	for _, tt := range badMessages() {
		check(messagesPath, tt.name, tt.body, tt.want)
	}
}

func TestUnknownModel(t *testing.T) {
	for path, want := range map[string]string{chatPath: `"code":"model_not_found"`, messagesPath: `"type":"not_found_error"`} {
		p := New(Config{Key: "secret", Models: []string{"m1"}, Script: Steps(Reply{Text: "ok"})})
		w := ask(t, p, path, `{"model":"m2","max_tokens":9,"messages":[{"role":"user","content":"x"}]}`)
		if w.Code != 404 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: got %d %s, want 404 and %s", path, w.Code, w.Body, want)
		}
		if w = ask(t, p, path, `{"model":"m1","max_tokens":9,"messages":[{"role":"user","content":"x"}]}`); w.Code != 200 {
			t.Errorf("%s: got %d %s for a model that there is", path, w.Code, w.Body)
		}
	}
}

// TestBrokenArguments has a model write arguments that are not JSON: chat completions carry them, messages cannot.
func TestBrokenArguments(t *testing.T) {
	for path, status := range map[string]int{chatPath: 200, messagesPath: 500} {
		p := provider(Reply{Calls: []ToolCall{{ID: "x", Name: "f", Arguments: json.RawMessage(`{"a":`)}}})
		w := ask(t, p, path, `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}]}`)
		if w.Code != status || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s: got %d %s, want %d", path, w.Code, w.Body, status)
		}
	}
}

// TestPastTheEnd pins that Steps counts the assistant's turns and fails after the last step.
func TestPastTheEnd(t *testing.T) {
	p := provider(Reply{Text: "one"}, Reply{Text: "two"})
	turn := `{"role":"user","content":"x"}`
	for _, want := range []string{"one", "two", "no further step"} {
		w := ask(t, p, messagesPath, `{"model":"m","max_tokens":9,"messages":[`+turn+`]}`)
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("got %s, want %s", w.Body, want)
		}
		turn += `,{"role":"assistant","content":"y"},{"role":"user","content":"x"}`
	}
}

func TestPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		list := pieces(s)
		if got := strings.Join(list, ""); got != s {
			t.Fatalf("pieces of %q join to %q", s, got)
		}
		for _, piece := range list {
			if !utf8.ValidString(piece) || piece == "" {
				t.Fatalf("piece %q of %q", piece, s)
			}
		}
	})
}

func TestCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		stops := rapid.SliceOfN(rapid.String(), 0, 3).Draw(t, "stops")
		most := rapid.IntRange(0, 20).Draw(t, "most")
		got, end, stop := cut(text, stops, most)
		if !strings.HasPrefix(text, got) || !utf8.ValidString(got) || most > 0 && tokens(got) > most {
			t.Fatalf("cut(%q, %q, %d) = %q", text, stops, most, got)
		}
		if end == finished && got != text || end == stopped && !strings.HasPrefix(text[len(got):], stop) {
			t.Fatalf("cut(%q, %q, %d) = %q, %d, %q", text, stops, most, got, end, stop)
		}
		for _, s := range stops {
			if s != "" && strings.Contains(got, s) {
				t.Fatalf("cut(%q, %q, %d) = %q goes past a stop text", text, stops, most, got)
			}
		}
	})
}
