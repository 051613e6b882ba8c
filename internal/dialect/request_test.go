// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package dialect_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/clawea/clawea/internal/dialect"
)

func find(t testing.TB, provider, rest, query string) (*dialect.Dialect, string) {
	t.Helper()
	d, model, ok := dialect.Find(provider, rest, query)
	if !ok {
		t.Fatalf("%s %s?%s is not found", provider, rest, query)
	}
	return d, model
}

func TestFind(t *testing.T) {
	for _, c := range []struct{ provider, rest, query, action, model string }{
		{"openai", "chat/completions", "", "chat.completions", ""},
		{"openai", "v1/chat/completions", "", "chat.completions", ""},
		{"openai", "v1/responses", "", "responses", ""},
		{"anthropic", "v1/messages", "", "messages", ""},
		{"anthropic", "messages", "beta=true", "messages", ""},
		{"gemini", "v1beta/models/gemini-2.5-pro:generateContent", "", "generateContent", "gemini-2.5-pro"},
		{"gemini", "v1/models/m:generateContent", "alt=json", "generateContent", "m"},
		{"gemini", "models/m:streamGenerateContent", "", "generateContent", "m"},
		{"gemini", "v1beta/models/m:streamGenerateContent", "alt=sse", "generateContent", "m"},
		{"fal", "v1/chat/completions", "", "chat.completions", ""},
	} {
		d, model, ok := dialect.Find(c.provider, c.rest, c.query)
		if !ok || d.Provider != c.provider || d.Action.String() != "model."+c.action || d.Action.Class != "model" || model != c.model {
			t.Errorf("%s %s?%s: %v, %q, %v", c.provider, c.rest, c.query, d, model, ok)
		}
	}
	for _, c := range []struct{ provider, rest, query string }{
		{"", "chat/completions", ""},
		{"mistral", "chat/completions", ""},
		{"openai", "", ""},
		{"openai", "v1/", ""},
		{"openai", "v1/v1/chat/completions", ""},
		{"openai", "chat/completions/", ""},
		{"openai", "messages", ""},
		{"openai", "v1/responses/resp_1", ""},
		{"openai", "v1/chat/completions", "beta=true"},
		{"anthropic", "v1/messages", "beta=true&x=1"},
		{"anthropic", "v1/messages/batches", ""},
		{"fal", "v1/responses", ""},
		{"gemini", "v1beta/models/m:generateContent", "key=secret"},
		{"gemini", "v1beta/models/m:generateContent", "alt=sse"},
		{"gemini", "v1beta/models/m:generateContent", "$alt=json"},
		{"gemini", "v1beta/models/m:streamGenerateContent", "alt=json"},
		{"gemini", "v1beta/models/m:streamGenerateContent", "alt=sse&key=secret"},
		{"gemini", "v1beta/models/m:embedContent", ""},
		{"gemini", "v1beta/models/m", ""},
		{"gemini", "v1beta/models/:generateContent", ""},
		{"gemini", "v1beta/models/..:generateContent", ""},
		{"gemini", "v1beta/models/a/b:generateContent", ""},
		{"gemini", "v1beta/models/m:x:generateContent", ""},
		{"gemini", "v1beta/models/m?x:generateContent", ""},
		{"gemini", "v1beta/tunedModels/m:generateContent", ""},
		{"gemini", "v1beta/m:generateContent", ""},
		{"gemini", "v1beta/v1/models/m:generateContent", ""},
		{"gemini", "chat/completions", ""},
	} {
		if d, model, ok := dialect.Find(c.provider, c.rest, c.query); ok {
			t.Errorf("%s %s?%s is found: %v, %q", c.provider, c.rest, c.query, d, model)
		}
	}
}

func TestAll(t *testing.T) {
	var got []string
	for _, d := range dialect.All() {
		got = append(got, d.Provider+" "+d.Action.String())
	}
	want := []string{"openai model.chat.completions", "openai model.responses", "anthropic model.messages", "gemini model.generateContent", "fal model.chat.completions"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSign(t *testing.T) {
	for provider, want := range map[string]http.Header{
		"openai":    {"Authorization": {"Bearer k"}},
		"anthropic": {"X-Api-Key": {"k"}},
		"gemini":    {"X-Goog-Api-Key": {"k"}},
		"fal":       {"Authorization": {"Key k"}},
	} {
		for _, d := range dialect.All() {
			if d.Provider != provider {
				continue
			}
			h := http.Header{}
			d.Sign(h, "k")
			if diff := cmp.Diff(want, h); diff != "" {
				t.Errorf("%s: %s", provider, diff)
			}
		}
	}
}

func TestRequest(t *testing.T) {
	for _, c := range []struct{ provider, rest, query, base, body, url, sent string }{
		{"openai", "v1/chat/completions", "", "https://a.test/v1", `{"model":"m"}`, "https://a.test/v1/chat/completions", `{"model":"m"}`},
		{"openai", "responses", "", "https://a.test/v1/", `{"model":"m"}`, "https://a.test/v1/responses", `{"model":"m"}`},
		{"anthropic", "messages", "beta=true", "https://a.test/v1", `{"model":"m"}`, "https://a.test/v1/messages?beta=true", `{"model":"m"}`},
		{"gemini", "v1/models/m:generateContent", "", "https://a.test/v1beta", `{"model":"models/m"}`, "https://a.test/v1beta/models/m:generateContent", `{"model":"models/m"}`},
		{"gemini", "models/m:streamGenerateContent", "alt=sse", "https://a.test/v1beta", `{}`, "https://a.test/v1beta/models/m:streamGenerateContent?alt=sse", `{}`},
		{"fal", "chat/completions", "", "https://a.test/v1", `{"x":"openrouter/a/b", "model" : "openrouter/a/b" ,"y":1}`, "https://a.test/v1/chat/completions", `{"x":"openrouter/a/b", "model" : "a/b" ,"y":1}`},
		{"fal", "chat/completions", "", "https://a.test/v1", `{"mod\u0065l":"openrouter\/a\/b"}`, "https://a.test/v1/chat/completions", `{"mod\u0065l":"a/b"}`},
	} {
		d, model := find(t, c.provider, c.rest, c.query)
		a, err := d.Read([]byte(c.body), model)
		if err != nil {
			t.Errorf("%s: %v", c.body, err)
			continue
		}
		body := []byte(c.body)
		url, sent := d.Request(c.base, body, a, c.query)
		if url != c.url || string(sent) != c.sent || string(body) != c.body {
			t.Errorf("%s: %s %s", c.body, url, sent)
		}
		if c.sent == c.body && &sent[0] != &body[0] {
			t.Errorf("%s is copied for nothing", c.body)
		}
	}
}

// endpoints are where the tests' requests go, by a short name.
var endpoints = map[string][3]string{
	"chat":      {"openai", "chat/completions", ""},
	"responses": {"openai", "responses", ""},
	"messages":  {"anthropic", "messages", ""},
	"gemini":    {"gemini", "models/m:generateContent", ""},
	"stream":    {"gemini", "models/m:streamGenerateContent", "alt=sse"},
	"fal":       {"fal", "chat/completions", ""},
}

func read(t testing.TB, endpoint, body string) (*dialect.Asked, error) {
	t.Helper()
	e := endpoints[endpoint]
	d, model := find(t, e[0], e[1], e[2])
	return d.Read([]byte(body), model)
}

func TestRead(t *testing.T) {
	big := strings.Repeat("A", 70_000)
	for _, c := range []struct {
		endpoint, body string
		want           dialect.Asked // Model "m" and one choice if it does not say
	}{
		{"chat", `{"model":"m","n":null,"max_tokens":null,"stream":null,"tools":null}`, dialect.Asked{}},
		{"chat", " {\"model\" : \"m\"\t,\r\n\"stream\":true,\"max_tokens\":10,\"n\":3} ", dialect.Asked{Stream: true, MaxOutput: 30, Choices: 3}},
		{"chat", `{"max_completion_tokens":20,"model":"m","max_tokens":10,"n":0}`, dialect.Asked{MaxOutput: 20}},
		{"chat", `{"model":"m","n":2,"best_of":5,"max_tokens":7}`, dialect.Asked{MaxOutput: 35, Choices: 5}},
		{"chat", `{"model":"m","MODE":1,"modelx":"n","unknown":{"model":"n","model":"o"}}`, dialect.Asked{}},
		{"chat", `{"model":"openai/gpt-4o:free@x.y_z-1"}`, dialect.Asked{Model: "openai/gpt-4o:free@x.y_z-1", Upstream: "openai/gpt-4o:free@x.y_z-1"}},
		{"chat", `{"model":"m","tools":[{"type":"function","function":{"name":"b","parameters":{"name":"no"}}},{"function":{"name":"a"}},{"type":"custom","custom":{"name":"c"}}],"functions":[{"name":"b"},{"name":"d"}]}`, dialect.Asked{Offers: []string{"a", "b", "c", "d"}, Refers: true}},
		{"chat", `{"model":"m","tools":[{"type":"function","function":{"name":"n\u0061me"}}]}`, dialect.Asked{Offers: []string{"name"}}},
		{"chat", `{"model":"m","web_search_options":{}}`, dialect.Asked{Offers: []string{"web_search_options"}, Refers: true}},
		{"chat", `{"model":"m","web_search_options":null}`, dialect.Asked{}},
		{"chat", `{"model":"m","messages":[{"content":[{"type":"image_url","image_url":{"url":"https://x.test/a.png"}}]}]}`, dialect.Asked{Refers: true}},
		{"chat", `{"model":"m","messages":[{"content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,` + big + `"}}]}]}`, dialect.Asked{}},
		{"chat", `{"model":"m","messages":[{"content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}]}`, dialect.Asked{Refers: true}},
		{"chat", `{"model":"m","messages":[{"content":[{"type":"file","file":{"file_id":"file-1"}}]}]}`, dialect.Asked{Refers: true}},
		{"chat", `{"model":"m","messages":[{"content":[{"type":"file","file":{"file_data":"data:application/pdf;base64,AA"}}]}]}`, dialect.Asked{Refers: true}},
		{"chat", `{"model":"m","messages":[{"content":[{"type":"input_audio","input_audio":{"data":"AA","format":"wav"}}]}]}`, dialect.Asked{}},
		{"chat", `{"model":"m","messages":[{"role":"assistant","audio":{"id":"audio_1"}}],"audio":{"voice":"v"}}`, dialect.Asked{Refers: true}},
		{"chat", `{"model":"m","messages":[{"content":"see https://x.test/a.png","url":"https://x.test","name":"image_url"}]}`, dialect.Asked{}},
		{"chat", `{"model":"m","messages":[{"tool_calls":[{"id":"c","function":{"name":"f","arguments":"{\"file_id\":\"x\"}"}}]}]}`, dialect.Asked{}},
		{"chat", `{"model":"m","messages":[{"content":[{"type":"input_audio","input_audio":{"data":"AA","format":"flac"}}]}]}`, dialect.Asked{Refers: true}},
		{"chat", `{"model":"m","response_format":{"format":"flac"},"max_tokens":1,"n_predict":9}`, dialect.Asked{MaxOutput: 9}},
		{"chat", `{"model":"m","max_new_tokens":4,"max_output_tokens":5,"num_predict":6,"max_tokens":1,"n_cmpl":2}`, dialect.Asked{MaxOutput: 12, Choices: 2}},
		{"chat", `{"model":"m","search_parameters":{"mode":"on"}}`, dialect.Asked{Offers: []string{"web"}, Refers: true}},
		{"chat", `{"model":"m","enable_search":true}`, dialect.Asked{Offers: []string{"web"}, Refers: true}},
		{"chat", `{"model":"m","enable_search":false,"search_parameters":null}`, dialect.Asked{}},
		{"chat", `{"model":"m","context_management":[]}`, dialect.Asked{Refers: true}},
		{"chat", `{"model":"m","tools":[{"type":"web_search","name":"a"}]}`, dialect.Asked{Offers: []string{"a", "web_search"}, Refers: true}},
		{"chat", `{"model":"m","tools":[{"type":"local_shell","name":"a"}]}`, dialect.Asked{Offers: []string{"a", "local_shell"}}},
		{"chat", `{"model":"m","tools":[{"type":"function","function":{"type":"web_search","name":"a","parameters":{"properties":{"model":{}}}}}]}`, dialect.Asked{Offers: []string{"a"}}},
		{"fal", `{"model":"openrouter/a/b","tools":[{"type":"openrouter:search","model":"openrouter/a/b","parameters":{"modelled":1}}]}`, dialect.Asked{Model: "openrouter/a/b", Upstream: "a/b", Offers: []string{"openrouter:search"}, Refers: true}},
		{"responses", `{"model":"m","input":[{"type":"additional_tools","tools":[{"type":"function","name":"a"}]}],"tools":[{"type":"function","name":"b"}]}`, dialect.Asked{Offers: []string{"a", "b"}}},
		{"responses", `{"model":"m","input":[{"type":"tool_search_output","call_id":"c","tools":[{"type":"mcp","server_label":"x","server_url":"https://x.test"}]}]}`, dialect.Asked{Offers: []string{"mcp"}, Refers: true}},
		{"responses", `{"model":"m","input":[{"type":"mcp_list_tools","id":"x","tools":[{"name":"a","input_schema":{"properties":{"model":{}}}}]}]}`, dialect.Asked{Offers: []string{"a"}, Refers: true}},
		{"responses", `{"model":"m","input":[{"type":"function_call_output","output":"{\"tools\":[{}]}","tools":null}]}`, dialect.Asked{}},
		{"responses", `{"model":"m","context_management":[{"type":"compaction"}]}`, dialect.Asked{Refers: true}},
		{"responses", `{"model":"m","input":"hi","max_output_tokens":16}`, dialect.Asked{MaxOutput: 16}},
		{"responses", `{"model":"m","input":[{"role":"user","content":"hi"},{"type":"reasoning","id":"rs_1","encrypted_content":"x"}]}`, dialect.Asked{}},
		{"responses", `{"model":"m","input":[{"type":"item_reference","id":"msg_1"}]}`, dialect.Asked{Refers: true}},
		{"responses", `{"model":"m","input":[{"id":"msg_1"}]}`, dialect.Asked{Refers: true}},
		{"responses", `{"model":"m","input":[{"type":null,"id":"msg_1"}]}`, dialect.Asked{Refers: true}},
		{"responses", `{"model":"m","input":[{"role":"user","content":[{"type":"input_image","image_url":"https://x.test/a"}]}]}`, dialect.Asked{Refers: true}},
		{"responses", `{"model":"m","input":[{"role":"user","content":[{"type":"input_file","file_url":"https://x.test/a"}]}]}`, dialect.Asked{Refers: true}},
		{"responses", `{"model":"m","previous_response_id":"resp_1"}`, dialect.Asked{Refers: true}},
		{"responses", `{"model":"m","previous_response_id":null,"conversation":null,"prompt":null}`, dialect.Asked{}},
		{"responses", `{"model":"m","conversation":{"id":"c"}}`, dialect.Asked{Refers: true}},
		{"responses", `{"model":"m","prompt":{"id":"p"}}`, dialect.Asked{Offers: []string{"prompt"}, Refers: true}},
		{"responses", `{"model":"m","tools":[{"type":"function","name":"f","parameters":{}},{"type":"custom","name":"g"}]}`, dialect.Asked{Offers: []string{"f", "g"}}},
		{"responses", `{"model":"m","tools":[{"type":"web_search"},{"type":"code_interpreter","container":{"type":"auto"}},{"type":"mcp","server_label":"x"}]}`, dialect.Asked{Offers: []string{"code_interpreter", "mcp", "web_search"}, Refers: true}},
		{"responses", `{"model":"m","tools":[{"type":"namespace","name":"crm","tools":[{"type":"function","name":"get"}]}]}`, dialect.Asked{Offers: []string{"crm", "get"}}},
		{"responses", `{"model":"m","tools":[{"type":"image_generation","model":"m"}]}`, dialect.Asked{Offers: []string{"image_generation"}, Refers: true}},
		{"messages", `{"model":"m","max_tokens":5,"n":7,"tools":[{"name":"f","input_schema":{}},{"type":"custom","name":"g"},{"type":"bash_20250124","name":"bash"}]}`, dialect.Asked{MaxOutput: 5, Offers: []string{"bash", "f", "g"}}},
		{"messages", `{"model":"m","tools":[{"type":"web_search_20250305","name":"web_search"},{"type":"mcp_toolset","mcp_server_name":"x"}]}`, dialect.Asked{Offers: []string{"mcp_toolset", "web_search", "web_search_20250305"}, Refers: true}},
		{"messages", `{"model":"m","mcp_servers":[{"type":"url","url":"https://x.test","name":"x"}]}`, dialect.Asked{Offers: []string{"mcp_servers"}, Refers: true}},
		{"messages", `{"model":"m","tools":[{"type":"web_search_20250305","name":"a"}]}`, dialect.Asked{Offers: []string{"a", "web_search_20250305"}, Refers: true}},
		{"messages", `{"model":"m","context_management":{"edits":[]}}`, dialect.Asked{Refers: true}},
		{"messages", `{"model":"m","context_management":null}`, dialect.Asked{}},
		{"messages", `{"model":"m","container":"c"}`, dialect.Asked{Refers: true}},
		{"messages", `{"model":"m","messages":[{"content":[{"type":"image","source":{"type":"url","url":"https://x.test/a"}}]}]}`, dialect.Asked{Refers: true}},
		{"messages", `{"model":"m","messages":[{"content":[{"type":"document","source":{"type":"file","file_id":"file_1"}}]}]}`, dialect.Asked{Refers: true}},
		{"messages", `{"model":"m","messages":[{"content":[{"type":"document","source":{"type":"text","media_type":"text/plain","data":"hi"}}]}]}`, dialect.Asked{}},
		{"messages", `{"model":"m","messages":[{"content":[{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"AA"}}]}]}`, dialect.Asked{Refers: true}},
		{"messages", `{"model":"m","messages":[{"content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA"}}]}]}`, dialect.Asked{Refers: true}},
		{"messages", `{"model":"m","messages":[{"content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"` + big + `"}}]}]}`, dialect.Asked{}},
		{"messages", `{"model":"m","messages":[{"content":[{"type":"tool_use","input":{"url":"https://x.test","source":"https://x.test"}}]}]}`, dialect.Asked{}},
		{"gemini", `{}`, dialect.Asked{}},
		{"gemini", `{"model":"models/m","generationConfig":{"maxOutputTokens":5,"candidateCount":2}}`, dialect.Asked{MaxOutput: 10, Choices: 2}},
		{"stream", `{"model":"m","generation_config":{"max_output_tokens":5}}`, dialect.Asked{Stream: true, MaxOutput: 5}},
		{"gemini", `{"stream":true,"max_tokens":9,"generationConfig":null}`, dialect.Asked{}},
		{"gemini", `{"tools":[{"functionDeclarations":[{"name":"f","parameters":{}},{"name":"g"}]},{"function_declarations":[{"name":"h"}]}]}`, dialect.Asked{Offers: []string{"f", "g", "h"}}},
		{"gemini", `{"tools":{"functionDeclarations":{"name":"f"}}}`, dialect.Asked{Offers: []string{"f"}}},
		{"gemini", `{"tools":[{"google_search":{}},{"codeExecution":{},"urlContext":{}}]}`, dialect.Asked{Offers: []string{"codeExecution", "googleSearch", "urlContext"}, Refers: true}},
		{"gemini", `{"tools":[{"googleSearch":null},{}]}`, dialect.Asked{}},
		{"gemini", `{"cached_content":"cachedContents/1"}`, dialect.Asked{Offers: []string{"cachedContent"}, Refers: true}},
		{"gemini", `{"contents":[{"parts":[{"fileData":{"mimeType":"video/mp4","fileUri":"https://x.test/v"}}]}]}`, dialect.Asked{Refers: true}},
		{"gemini", `{"contents":{"parts":{"file_data":{"file_uri":"x"}}}}`, dialect.Asked{Refers: true}},
		{"gemini", `{"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"` + big + `"}}]}]}`, dialect.Asked{}},
		{"gemini", `{"contents":[{"parts":[{"inline_data":{"mime_type":"video/mp4","data":"` + big + `"}}]}]}`, dialect.Asked{Refers: true}},
		{"gemini", `{"contents":[{"parts":[{"inlineData":{"mimeType":"audio/wav","data":"AA"}},{"inlineData":{"mimeType":"audio/mp3","data":"AA"}},{"inlineData":{"mimeType":"audio/mpeg","data":"AA"}}]}]}`, dialect.Asked{}},
		{"gemini", `{"contents":[{"parts":[{"inlineData":{"mimeType":"audio/flac","data":"AA"}}]}]}`, dialect.Asked{Refers: true}},
		{"gemini", `{"contents":[{"parts":[{"inlineData":{"mimeType":"audio/ogg; codecs=opus","data":"AA"}}]}]}`, dialect.Asked{Refers: true}},
		{"fal", `{"model":"openrouter/a/b","provider":{"order":["x"]}}`, dialect.Asked{Model: "openrouter/a/b", Upstream: "a/b"}},
		{"fal", `{"model":"openrouter/a/b:online"}`, dialect.Asked{Model: "openrouter/a/b:online", Upstream: "a/b:online", Offers: []string{"web"}, Refers: true}},
		{"fal", `{"model":"openrouter/a/b:Online:free"}`, dialect.Asked{Model: "openrouter/a/b:Online:free", Upstream: "a/b:Online:free", Offers: []string{"web"}, Refers: true}},
		{"fal", `{"model":"openrouter/a/b:onliner"}`, dialect.Asked{Model: "openrouter/a/b:onliner", Upstream: "a/b:onliner"}},
		{"fal", `{"model":"openrouter/a/b","plugins":[{"id":"web"}]}`, dialect.Asked{Model: "openrouter/a/b", Upstream: "a/b", Offers: []string{"web"}, Refers: true}},
	} {
		if c.want.Model == "" {
			c.want.Model, c.want.Upstream = "m", "m"
		}
		c.want.Choices = max(c.want.Choices, 1)
		got, err := read(t, c.endpoint, c.body)
		if err != nil {
			t.Errorf("%s %.200s: %v", c.endpoint, c.body, err)
			continue
		}
		if diff := cmp.Diff(&c.want, got, cmpopts.IgnoreUnexported(dialect.Asked{})); diff != "" {
			t.Errorf("%s %.200s: %s", c.endpoint, c.body, diff)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	var many, offers []string
	for i := range 600 {
		many = append(many, fmt.Sprintf(`"x%d":0`, i))
		offers = append(offers, fmt.Sprintf(`{"type":"function","name":"f%d"}`, i))
	}
	for _, c := range []struct{ endpoint, body, says string }{
		{"chat", ``, "not a JSON object"},
		{"chat", `null`, "not a JSON object"},
		{"chat", `[]`, "not a JSON object"},
		{"chat", `{"model":"m"`, "not a JSON object"},
		{"chat", `{"model":"m"}}`, "after the end"},
		{"chat", `{"model":"m"}{"model":"n"}`, "after the end"},
		{"chat", "{\"model\":\"m\"}\x00", "after the end"},
		{"chat", "\ufeff{\"model\":\"m\"}", "not a JSON object"},
		{"chat", `{"model":"m",}`, "no name"},
		{"chat", `{"model":"m","x":[1,]}`, "no value"},
		{"chat", `{"model":"m","x":01}`, "no comma"},
		{"chat", `{"model":"m","x":+1}`, "no value"},
		{"chat", `{"model":"m","x":.5}`, "no value"},
		{"chat", `{"model":"m","x":1.}`, "no number"},
		{"chat", `{"model":"m","x":1e}`, "no number"},
		{"chat", `{"model":"m","x":NaN}`, "no value"},
		{"chat", `{"model":"m","x":truth}`, "no value"},
		{"chat", `{"model":"m","x":nul`, "no value"},
		{"chat", `{"model":"m",'x':1}`, "no name"},
		{"chat", `{"model":"m" "x":1}`, "no comma"},
		{"chat", `{"model":"m","x" 1}`, "no colon"},
		{"chat", `{"model":"m"/**/}`, "no comma"},
		{"chat", "{\"model\":\"m\",\"x\":\"a\nb\"}", "control character"},
		{"chat", "{\"model\":\"m\",\"x\":\"aaaaaaaaaaaaaaa\x01\"}", "control character"},
		{"chat", `{"model":"m","x":"\x"}`, "no such escape"},
		{"chat", `{"model":"m","x":"\u12g4"}`, "no such escape"},
		{"chat", `{"model":"m","x":"\u12`, "no such escape"},
		{"chat", `{"model":"m","x":"\`, "no such escape"},
		{"chat", `{"model":"m","x":"\ud800"}`, "no such escape"},
		{"chat", `{"model":"m","x":"\udc00"}`, "no such escape"},
		{"chat", `{"model":"m","x":"\ud800\ud800"}`, "no such escape"},
		{"chat", "{\"model\":\"m\",\"x\":\"\xff\"}", "UTF-8"},
		{"chat", "{\"model\":\"m\",\"x\":\"\xed\xa0\x80\"}", "UTF-8"},
		{"chat", `{"model":"m","x":` + strings.Repeat("[", 600) + strings.Repeat("]", 600) + `}`, "too deep"},
		{"chat", `{"model":"m",` + strings.Join(many, ",") + `}`, "too many members"},

		{"chat", `{"model":"m","model":"n"}`, "twice"},
		{"chat", `{"model":"m","mod\u0065l":"m"}`, "twice"},
		{"chat", `{"model":"m","x":1,"y":2,"x":3}`, "twice"},
		{"chat", `{"model":"m","Model":"n"}`, "case"},
		{"chat", `{"MODEL":"m"}`, "case"},
		{"chat", `{"model":"m","\u004dax_tokens":1}`, "case"},
		{"chat", `{"model":"m","max_to` + "\u212a" + `ens":1}`, "case"},
		{"chat", `{"model":"m","` + "\u017f" + `tream":true}`, "case"},
		{"chat", `{"model":"m","models":["n"]}`, "another model"},
		{"chat", `{"model":"m","Fallbacks":["n"]}`, "another model"},
		{"chat", `{"model":"m","api_base":"x"}`, "another model"},
		{"messages", `{"model":"m","fallbacks":[{"model":"n"}]}`, "another model"},

		{"chat", `{}`, "no model"},
		{"chat", `{"model":null}`, "no model"},
		{"chat", `{"model":""}`, "no model"},
		{"chat", `{"model":{"name":"m"}}`, "no model"},
		{"chat", `{"model":"-m"}`, "no model"},
		{"chat", `{"model":"m n"}`, "no model"},
		{"chat", `{"model":"m\n"}`, "no model"},
		{"chat", `{"model":"` + strings.Repeat("m", 201) + `"}`, "no model"},
		{"fal", `{"model":"a/b"}`, "OpenRouter"},
		{"fal", `{"model":"openrouter/"}`, "OpenRouter"},
		{"fal", `{"model":"openrouter//b"}`, "OpenRouter"},
		{"fal", `{"model":"Openrouter/a/b"}`, "OpenRouter"},
		{"gemini", `{"model":"models/n"}`, "another model than its path"},
		{"gemini", `{"model":1}`, "no string"},

		{"chat", `{"model":"m","stream":"true"}`, "neither true nor false"},
		{"chat", `{"model":"m","max_tokens":-1}`, "whole number"},
		{"chat", `{"model":"m","max_tokens":1.0}`, "whole number"},
		{"chat", `{"model":"m","max_tokens":1e3}`, "whole number"},
		{"chat", `{"model":"m","max_tokens":"10"}`, "whole number"},
		{"chat", `{"model":"m","max_tokens":007}`, "whole number"},
		{"chat", `{"model":"m","max_tokens":99999999999999999999}`, "too large"},
		{"chat", `{"model":"m","n":65537}`, "too many choices"},
		{"gemini", `{"generationConfig":{"maxOutputTokens":"10"}}`, "whole number"},
		{"gemini", `{"generationConfig":{"maxOutputTokens":1,"max_output_tokens":2}}`, "twice"},
		{"gemini", `{"generationConfig":{"candidateCount":1,"candidate_count":2}}`, "twice"},
		{"gemini", `{"generationConfig":{"maxOutputTokens":1,"maxOutputTokens":2}}`, "twice"},
		{"gemini", `{"generationConfig":{"MaxOutputTokens":1}}`, "spelling"},
		{"gemini", `{"generationConfig":{"routingConfig":{}}}`, "another model"},
		{"gemini", `{"generationConfig":{},"generation_config":{}}`, "twice"},
		{"gemini", `{"generation_config":{},"generationConfig":{}}`, "twice"},
		{"gemini", `{"generationconfig":{}}`, "case"},
		{"gemini", `{"cachedContent":"a","cached_content":"b"}`, "twice"},
		{"gemini", `{"cached_content":"a","cachedContent":"b"}`, "twice"},
		{"gemini", `{"generationConfig":[]}`, "no object"},

		{"chat", `{"model":"m","tools":{}}`, "no array"},
		{"chat", `{"model":"m","tools":["f"]}`, "no object"},
		{"chat", `{"model":"m","tools":[{"type":"function"}]}`, "no name"},
		{"chat", `{"model":"m","tools":[{"type":"function","function":{"name":"a b"}}]}`, "no name"},
		{"chat", `{"model":"m","tools":[{"type":"function","function":{"name":"a","name":"b"}}]}`, "twice"},
		{"chat", `{"model":"m","tools":[{"type":"function","function":{"Name":"a"}}]}`, "spelling"},
		{"chat", `{"model":"m","tools":[{"type":"function","function":{"name":1}}]}`, "no string"},
		{"chat", `{"model":"m","tools":[{"type":"function","name":"a","function":{"name":"b"}}]}`, "two names"},
		{"chat", `{"model":"m","tools":[{"type":"function","custom":{"name":"a"},"function":{"name":"b"}}]}`, "two kinds"},
		{"chat", `{"model":"m","tools":[{"function":{"type":"function","name":"a"},"type":"web_search"}]}`, "two kinds"},
		{"chat", `{"model":"m","tools":[{"type":"web_search","function":{"type":"function","name":"a"}}]}`, "two kinds"},
		{"chat", `{"model":"m","tools":[{"type":"function","function":{"function":{"name":"a"}}}]}`, "spelling"},
		{"messages", `{"model":"m","tools":[{"custom":{"type":"custom","name":"a"},"type":"web_search_20250305"}]}`, "two kinds"},
		{"fal", `{"model":"openrouter/a/b","tools":[{"type":"openrouter:fusion","parameters":{"analysis_models":["n"]}}]}`, "names models"},
		{"fal", `{"model":"openrouter/a/b","tools":[{"parameters":[[{"deep":{"model":"n"}}]],"type":"openrouter:fusion","name":"a"}]}`, "names models"},
		{"fal", `{"model":"openrouter/a/b","tools":[{"type":"x","Judge_Model":"n"}]}`, "names models"},
		{"fal", `{"model":"openrouter/a/b","tools":[{"type":"x","p":{"mod\u0065l` + "\u017f" + `":1}}]}`, "names models"},
		{"chat", `{"model":"m","tools":[{"type":"namespace","name":"a","tools":[{"type":"x","fallbackModel":"n"}]}]}`, "names models"},
		{"chat", `{"model":"m","tools":[` + strings.Repeat(`{"type":"x","tools":[`, 5) + strings.Repeat(`]}`, 5) + `]}`, "too deep in tools"},
		{"messages", `{"model":"m","tools":[{"type":"x_1","name":"a","p":{"models":[]}}]}`, "names models"},
		{"gemini", `{"tools":[{"retrieval":{"rank_model":"n"}}]}`, "names models"},
		{"chat", `{"model":"m","functions":[{}]}`, "no name"},
		{"responses", `{"model":"m","tools":[{"type":"function","name":"` + strings.Repeat("a", 129) + `"}]}`, "no name"},
		{"responses", `{"model":"m","tools":[` + strings.Join(offers, ",") + `]}`, "more than 512 tools"},
		{"gemini", `{"tools":[` + strings.Repeat("{},", 600) + `{}]}`, "more than 512 tools"},
		{"fal", `{"model":"openrouter/a/b","plugins":[{"id":"x","allowed_models":["n"]}]}`, "names models"},
		{"chat", `{"model":"m","tools":[{"type":"x","models":["n"]}]}`, "names models"},
		{"responses", `{"tools":[{"type":"image_generation","model":"other"}],"model":"m"}`, "another model"},
		{"messages", `{"model":"m","tools":[{"type":"advisor_20260301","name":"advisor","model":"other"}]}`, "another model"},
		{"messages", `{"model":"m","tools":[{"type":"custom","input_schema":{}}]}`, "no name"},
		{"messages", `{"model":"m","tools":[{}]}`, "no name"},
		{"gemini", `{"tools":[{"functionDeclarations":[{"name":"f"}],"function_declarations":[{"name":"g"}]}]}`, "twice"},
		{"gemini", `{"tools":[{"functiondeclarations":[{"name":"f"}]}]}`, "spelling"},
		{"gemini", `{"tools":[{"functionDeclarations":[{}]}]}`, "no name"},
		{"gemini", `{"tools":[{"google search":{}}]}`, "no name"},
		{"fal", `{"model":"openrouter/a/b","plugins":[{"max":1}]}`, "no name"},
		{"fal", `{"model":"openrouter/a/b","plugins":[{"id":"fusion","analysis_models":["n"]}]}`, "names models"},
		{"fal", `{"model":"openrouter/a/b","plugins":[{"id":"x","Model":"n"}]}`, "names models"},
		{"fal", `{"model":"openrouter/a/b","plugins":[{"id":"x","p":[{"model":"openrouter/a/b"}]}]}`, "names models"},
		{"fal", `{"model":"openrouter/a/b@preset/x"}`, "OpenRouter"},
		{"fal", `{"model":"openrouter/a/b:online@preset/x"}`, "OpenRouter"},
		{"fal", `{"model":"openrouter/a/b:online","tools":[` + strings.Join(offers[:512], ",") + `]}`, "more than 512 tools"},
		{"chat", `{"model":"m","extra_body":{}}`, "another model"},
		{"chat", `{"model":"m","extra_headers":{}}`, "another model"},
		{"chat", `{"model":"m","Extra_Query":{}}`, "another model"},
		{"chat", `{"model":"m","litellm_params":null}`, "another model"},
		{"chat", `{"model":"m","n_predict":-1}`, "whole number"},
		{"chat", `{"model":"m","max_new_tokens":-1}`, "whole number"},
		{"chat", `{"model":"m","Num_Predict":1}`, "case"},
		{"responses", `{"model":"m","input":[{"type":"additional_tools","tools":[{"type":"function"}]}]}`, "no name"},
		{"responses", `{"model":"m","input":[{"type":"additional_tools","Tools":[]}]}`, "spelling"},
		{"responses", `{"model":"m","input":[{"type":"tool_search_output","tools":{"type":"mcp"}}]}`, "no array"},
		{"responses", `{"model":"m","input":{"type":"x","tools":[{"type":"image_generation","model":"n"}]}}`, "another model"},
		{"fal", `{"model":"openrouter/a/b","route":"fallback"}`, "another model"},
	} {
		a, err := read(t, c.endpoint, c.body)
		if err == nil {
			t.Errorf("%s %.200s is read: %+v", c.endpoint, c.body, a)
			continue
		}
		if what, mend, ok := strings.Cut(err.Error(), "\n"); !ok || mend == "" || strings.Contains(mend, "\n") || !strings.Contains(what, c.says) {
			t.Errorf("%s %.200s: %q does not say %q", c.endpoint, c.body, err, c.says)
		}
	}
}
