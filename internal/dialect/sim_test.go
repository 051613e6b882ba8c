// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package dialect_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/internal/dialect"
	"github.com/clawea/clawea/internal/sim/model"
	"github.com/clawea/clawea/receipt"
)

// A tongue is one way of asking the simulated providers.
type tongue struct {
	name, provider, path, query string
	base                        string // of the provider
	body                        string
	stream                      bool
	model                       string // that answers
	id                          string // of the answer
	stop, calls                 string // the words for why it ended
}

const (
	chatBody     = `{"model":"m","messages":[{"role":"user","content":"Weather?"}]`
	responseBody = `{"model":"m","input":"Weather?"`
	messageBody  = `{"model":"m","max_tokens":999,"messages":[{"role":"user","content":"Weather?"}]`
	googleBody   = `{"contents":[{"role":"user","parts":[{"text":"Weather?"}]}]}`
	routedBody   = `{"messages":[{"role":"user","content":"Weather?"}], "model" : "openrouter/v/m"`
	routedBase   = "/openrouter/router/openai/v1"
)

func tongues() []tongue {
	return []tongue{
		{"chat", "openai", "v1/chat/completions", "", "/v1", chatBody + "}", false, "m", "chatcmpl-sim-1", "stop", "tool_calls"},
		{"chat stream", "openai", "chat/completions", "", "/v1/", chatBody + `,"stream":true,"stream_options":{"include_usage":true}}`, true, "m", "chatcmpl-sim-1", "stop", "tool_calls"},
		{"responses", "openai", "v1/responses", "", "/v1", responseBody + "}", false, "m", "resp_sim_1", "completed", "completed"},
		{"responses stream", "openai", "responses", "", "/v1", responseBody + `,"stream":true}`, true, "m", "resp_sim_1", "completed", "completed"},
		{"messages", "anthropic", "v1/messages", "beta=true", "/v1", messageBody + "}", false, "m", "msg_sim_1", "end_turn", "tool_use"},
		{"messages stream", "anthropic", "messages", "", "/v1", messageBody + `,"stream":true}`, true, "m", "msg_sim_1", "end_turn", "tool_use"},
		{"gemini", "gemini", "v1beta/models/m:generateContent", "alt=json", "/v1beta", googleBody, false, "m", "req_sim_1", "STOP", "STOP"},
		{"gemini stream", "gemini", "v1/models/m:streamGenerateContent", "alt=sse", "/v1beta", googleBody, true, "m", "req_sim_1", "STOP", "STOP"},
		{"gemini array", "gemini", "models/m:streamGenerateContent", "", "/v1beta", googleBody, true, "m", "req_sim_1", "STOP", "STOP"},
		{"fal", "fal", "v1/chat/completions", "", routedBase, routedBody + "}", false, "v/m", "gen-sim-1", "stop", "tool_calls"},
		{"fal stream", "fal", "chat/completions", "", routedBase, routedBody + `,"stream":true}`, true, "v/m", "gen-sim-1", "stop", "tool_calls"},
	}
}

// ask sends the tongue's request as the dialect has it, and returns the answer.
func (g tongue) ask(t *testing.T, reply model.Reply) (d *dialect.Dialect, w *httptest.ResponseRecorder) {
	t.Helper()
	d, name, ok := dialect.Find(g.provider, g.path, g.query)
	if !ok {
		t.Fatalf("%s %s?%s is not found", g.provider, g.path, g.query)
	}
	a, err := d.Read([]byte(g.body), name)
	if err != nil {
		t.Fatal(err)
	}
	if a.Stream != g.stream || a.Choices != 1 || a.Refers || a.Offers != nil {
		t.Errorf("asked %+v", a)
	}
	url, body := d.Request("http://provider.test"+g.base, []byte(g.body), a, g.query)
	r := httptest.NewRequestWithContext(t.Context(), "POST", url, bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Anthropic-Version", "2023-06-01")
	d.Sign(r.Header, "secret")
	w = httptest.NewRecorder()
	defer func() {
		if p := recover(); p != nil && p != http.ErrAbortHandler {
			panic(p)
		}
	}()
	model.New(model.Config{Key: "secret", Script: model.Steps(reply)}).ServeHTTP(w, r)
	return d, w
}

func TestAnswers(t *testing.T) {
	usage := &model.Usage{Input: 100, Cached: 30, Output: 50, Reasoning: 20}
	reply := model.Reply{Text: "I look it up, and say it in more than one piece.", Usage: usage, Calls: []model.ToolCall{
		{Name: "weather", Arguments: json.RawMessage(`{"city":"Brühl","days":[1,2]}`)},
		{Name: "news", Arguments: json.RawMessage(`{"about":"a \"quoted\" \\ word, and a long one to come in pieces"}`)},
	}}
	for _, g := range tongues() {
		t.Run(g.name, func(t *testing.T) {
			d, w := g.ask(t, reply)
			want := &dialect.Answered{
				ID: g.id, Model: g.model, Finish: g.calls, Whole: true,
				Usage:    &receipt.Usage{Input: 100, Output: 50, CacheRead: 30, Reasoning: 20},
				Proposed: []dialect.ToolCall{{Name: "weather", Args: reply.Calls[0].Arguments}, {Name: "news", Args: reply.Calls[1].Arguments}},
			}
			if g.provider == "anthropic" { // does not say how much was thought
				want.Usage.Reasoning = 0
			}
			if diff := cmp.Diff(want, d.Answer(w.Header(), w.Body.Bytes(), 1)); diff != "" {
				t.Errorf("%s\n%s", diff, w.Body)
			}
			zipped := http.Header{"Content-Type": w.Header()["Content-Type"], "Content-Encoding": {"gzip"}}
			if diff := cmp.Diff(want, d.Answer(zipped, zip(t, w.Body.Bytes()), 1)); diff != "" {
				t.Errorf("packed: %s", diff)
			}
		})
	}
}

// An answer that grows out of all proportion is not read.
func TestAnswerOutOfProportion(t *testing.T) {
	d, _ := find(t, "openai", "chat/completions", "")
	h := http.Header{"Content-Encoding": {"gzip"}}
	for size, id := range map[int]string{7 << 20: "c", 9 << 20: ""} {
		body := zip(t, append([]byte(`{"id":"c"}`), bytes.Repeat([]byte(" "), size)...))
		if a := d.Answer(h, body, 1); a.ID != id || a.Whole != (id != "") {
			t.Errorf("%d bytes, packed to %d: %+v", size, len(body), a)
		}
	}
}

func zip(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestAnswersOfText(t *testing.T) {
	for _, g := range tongues() {
		d, w := g.ask(t, model.Reply{Text: "Fine.", NoUsage: true, PingEvery: 1})
		want := &dialect.Answered{ID: g.id, Model: g.model, Finish: g.stop, Whole: true}
		if g.provider == "anthropic" { // cannot leave it out
			want.Usage = d.Answer(w.Header(), w.Body.Bytes(), 1).Usage
		}
		if diff := cmp.Diff(want, d.Answer(w.Header(), w.Body.Bytes(), 1)); diff != "" {
			t.Errorf("%s: %s\n%s", g.name, diff, w.Body)
		}
	}
}

// What broke off has no usage, whatever it had counted by then.
func TestAnswersCutOff(t *testing.T) {
	reply := model.Reply{Text: "I say it in more than one piece, and in one more.", Fault: model.Cut, After: 3}
	for _, g := range tongues() {
		if !g.stream {
			continue
		}
		d, w := g.ask(t, reply)
		want := &dialect.Answered{ID: g.id, Model: g.model}
		if diff := cmp.Diff(want, d.Answer(w.Header(), w.Body.Bytes(), 1)); diff != "" {
			t.Errorf("%s: %s\n%s", g.name, diff, w.Body)
		}
	}
}

func TestAnswersThatFail(t *testing.T) {
	for _, g := range tongues() {
		for _, reply := range []model.Reply{
			{Text: "I say it in more than one piece.", Fault: model.Fail, After: 3},
			{Fault: model.Fail},
			{Err: &model.Error{Status: 503, Message: "no"}},
			model.RateLimited(0),
		} {
			d, w := g.ask(t, reply)
			if a := d.Answer(w.Header(), w.Body.Bytes(), 1); !a.Failed || a.Usage != nil {
				t.Errorf("%s: %+v\n%s", g.name, a, w.Body)
			}
		}
	}
}

// Reading any part of an answer is safe, and whatever is read was said.
func TestAnswersAtEveryByte(t *testing.T) {
	reply := model.Reply{Text: "Yes.", Calls: []model.ToolCall{{Name: "weather", Arguments: json.RawMessage(`{"city":"Brühl"}`)}}}
	for _, g := range tongues() {
		d, w := g.ask(t, reply)
		all := w.Body.Bytes()
		packed := zip(t, all)
		header := http.Header{"Content-Type": w.Header()["Content-Type"], "Content-Encoding": {"gzip"}}
		for n := range len(all) {
			a := d.Answer(w.Header(), all[:n], 1)
			if a.ID != "" && a.ID != g.id || a.Model != "" && a.Model != g.model || a.Failed || len(a.Proposed) > 1 {
				t.Fatalf("%s at %d: %+v", g.name, n, a)
			}
			if len(a.Proposed) == 1 && !bytes.HasPrefix(reply.Calls[0].Arguments, a.Proposed[0].Args) {
				t.Fatalf("%s at %d: %s", g.name, n, a.Proposed[0].Args)
			}
			if a.Whole && !strings.HasSuffix(string(all[n:]), "\n") && !strings.HasSuffix(g.name, "stream") {
				t.Fatalf("%s at %d is whole", g.name, n)
			}
		}
		for n := 0; n < len(packed); n += 7 {
			if a := d.Answer(header, packed[:n], 1); a.Failed || len(a.Proposed) > 1 {
				t.Fatalf("%s packed at %d: %+v", g.name, n, a)
			}
		}
	}
}
