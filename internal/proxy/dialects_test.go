// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/internal/sim/model"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

const everyRoute = `{"wpc_version": "v1", "model_route": {"require_clawproxy": true, "allowed": ["oai", "ant", "gem", "fal"]}}`

// A tongue is one way of asking a provider.
type tongue struct {
	route, dialect, path, request string
	action, model                 string // as the receipt says it
	upstream                      string // where the provider is asked
	sent                          string // what it gets, if that is not the request
	finish                        string
	stream                        bool
}

func (l tongue) String() string {
	return fmt.Sprint(l.action, " ", l.dialect, " ", l.stream, " ", strings.HasSuffix(l.path, "Content"))
}

// tongues are all dialects, plain and streaming. Every request has what no
// provider documents.
func tongues() []tongue {
	const user = `[{"role":"user","content":"Weather?"}]`
	var out []tongue
	for _, flag := range []string{"false", "true"} {
		stream := flag == "true"
		usage := ""
		if stream {
			usage = `,"stream_options":{"include_usage":true}`
		}
		out = append(out,
			tongue{
				"oai", "openai", chat, `{"model":"gpt-x", "x_new":[1,{}], "messages":` + user + `,"stream":` + flag + usage + `}`,
				"chat.completions", "gpt-x", "/v1/chat/completions", "", "tool_calls", stream,
			},
			tongue{
				"oai", "openai", "/proxy/oai/v1/responses", `{"model":"gpt-x", "x_new":[1,{}], "input":"Weather?","stream":` + flag + `}`,
				"responses", "gpt-x", "/v1/responses", "", "completed", stream,
			},
			tongue{
				"ant", "anthropic", messages, `{"model":"claude-x", "x_new":[1,{}], "max_tokens":99,"messages":` + user + `,"stream":` + flag + `}`,
				"messages", "claude-x", "/v1/messages", "", "tool_use", stream,
			},
			tongue{
				"fal", "fal", "/proxy/fal/v1/chat/completions", `{"x_new":[1,{}], "model": "openrouter/v/m" ,"messages":` + user + `,"stream":` + flag + `}`,
				"chat.completions", "openrouter/v/m", "/openrouter/router/openai/v1/chat/completions",
				`{"x_new":[1,{}], "model": "v/m" ,"messages":` + user + `,"stream":` + flag + `}`, "tool_calls", stream,
			},
		)
	}
	const contents = `{"x_new":[1,{}], "contents":[{"role":"user","parts":[{"text":"Weather?"}]}]}`
	for method, stream := range map[string]bool{"generateContent": false, "streamGenerateContent?alt=sse": true, "streamGenerateContent": true} {
		out = append(out, tongue{
			"gem", "gemini", "/proxy/gem/v1beta/models/gemini-x:" + method, contents,
			"generateContent", "gemini-x", "/v1beta/models/gemini-x:" + method, "", "STOP", stream,
		})
	}
	return out
}

// header is how the dialect's clients send their key.
func (l tongue) header(cst string) []string {
	switch l.dialect {
	case "anthropic":
		return []string{"Authorization", "", "X-Api-Key", cst, "Anthropic-Version", "2023-06-01"}
	case "gemini":
		return []string{"Authorization", "", "X-Goog-Api-Key", cst}
	}
	return nil
}

// A tap remembers what a provider says, as it says it.
type tap struct {
	http.ResponseWriter
	mu   *sync.Mutex
	said *bytes.Buffer
}

func (w tap) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said.Write(b)
	return w.ResponseWriter.Write(b)
}

func (w tap) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// A scene is a house with one simulated provider.
type scene struct {
	*house
	provider *model.Provider
	mu       sync.Mutex
	bytes    bytes.Buffer
}

func (l tongue) scene(t *testing.T, reply model.Reply) *scene {
	t.Helper()
	s := &scene{provider: model.New(model.Config{Key: key, Script: func(model.Conversation) model.Reply { return reply }})}
	s.house = newHouse(t, everyRoute, upstream(t, l.route, l.dialect, func(w http.ResponseWriter, r *http.Request) {
		s.provider.ServeHTTP(tap{w, &s.mu, &s.bytes}, r)
	}))
	return s
}

func (s *scene) said() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.bytes.Bytes())
}

func weather() model.Reply {
	return model.Reply{
		Text: "I look it up.", Calls: []model.ToolCall{{Name: "weather", Arguments: json.RawMessage(`{"city":"Brühl"}`)}, {Name: "time", Arguments: json.RawMessage(`{}`)}},
		Usage: &model.Usage{Input: 20, Cached: 5, Output: 9, Reasoning: 2}, PingEvery: 2,
	}
}

func TestEveryDialect(t *testing.T) {
	for _, l := range tongues() {
		t.Run(l.String(), func(t *testing.T) {
			s := l.scene(t, weather())
			resp := s.post(l.path, []byte(l.request), l.header(s.cst)...)
			got := body(t, resp)
			if want := s.said(); resp.StatusCode != 200 || !bytes.Equal(got, want) || len(want) == 0 {
				t.Errorf("status %d; the provider said\n%s\nthe agent got\n%s", resp.StatusCode, want, got)
			}
			s.asked(l)
			closed := s.ends(2, receipt.Done, "200", []byte(l.request), got)
			s.described(l, closed)
			s.told(l, resp)
		})
	}
}

// asked checks what the provider got.
func (s *scene) asked(l tongue) {
	s.t.Helper()
	list := s.provider.Requests()
	if len(list) != 1 {
		s.t.Fatalf("%d requests", len(list))
	}
	want := l.sent
	if want == "" {
		want = l.request
	}
	uri := list[0].Path
	if list[0].Query != "" {
		uri += "?" + list[0].Query
	}
	if string(list[0].Body) != want || uri != l.upstream {
		s.t.Errorf("the provider got %s at %s", list[0].Body, uri)
	}
	if strings.Contains(fmt.Sprint(list[0].Header), s.cst) {
		s.t.Error("the provider got the CST")
	}
}

// described checks what the receipts say of the call.
func (s *scene) described(l tongue, closed *receipt.Receipt) {
	s.t.Helper()
	call := s.receipts(2)[0].Call
	resources := []policy.Resource{{Type: "route", ID: l.route}, {Type: "model", ID: l.model}}
	if diff := cmp.Diff(resources, call.Resources); diff != "" || call.Action != l.action {
		s.t.Errorf("call %+v: %s", call, diff)
	}
	g := closed.Outcome.Model
	if g == nil {
		s.t.Fatal("the receipt says nothing of the model")
	}
	if len(g.Proposed) != 2 || g.Proposed[0].Name != "weather" || g.Proposed[1].Name != "time" {
		s.t.Fatalf("proposed %+v", g.Proposed)
	}
	s.committed(g.Proposed[0].Args, []byte(`{"city":"Brühl"}`))
	s.committed(g.Proposed[1].Args, []byte(`{}`))
	answers := strings.TrimPrefix(l.model, "openrouter/")
	want := &receipt.Generation{
		Provider: l.dialect, Model: answers, Finish: l.finish, Proposed: g.Proposed, First: g.First, Took: g.Took,
		Usage: &receipt.Usage{Input: 20, Output: 9, CacheRead: 5, Reasoning: 2},
	}
	if l.dialect == "anthropic" {
		want.Usage.Reasoning = 0 // it does not say
	}
	if diff := cmp.Diff(want, g); diff != "" || g.First > g.Took || g.Took > 5000 {
		s.t.Errorf("%+v: %s", g, diff)
	}
	if id := closed.Outcome.Upstream; id != "req_sim_1" {
		s.t.Errorf("the provider's id is %q", id)
	}
}

// told checks what the agent learns of the receipts.
func (s *scene) told(l tongue, resp *http.Response) {
	s.t.Helper()
	if id := resp.Header.Get("Clawea-Receipt"); id != "job-1/1" {
		s.t.Errorf("receipt header %q", id)
	}
	want := http.Header(nil)
	if l.stream {
		want = http.Header{"Clawea-Receipt-Closed": {"job-1/2"}}
	}
	if diff := cmp.Diff(want, resp.Trailer); diff != "" || (resp.ContentLength < 0) != l.stream {
		s.t.Errorf("length %d, trailer: %s", resp.ContentLength, diff)
	}
}

// What fails in the middle is passed on as it is, and is not taken for done.
func TestEveryDialectFailsMidway(t *testing.T) {
	for _, l := range tongues() {
		if !l.stream {
			continue
		}
		t.Run(l.String(), func(t *testing.T) {
			reply := weather()
			reply.Fault, reply.After = model.Fail, 2
			s := l.scene(t, reply)
			resp := s.post(l.path, []byte(l.request), l.header(s.cst)...)
			got := body(t, resp)
			if !bytes.Equal(got, s.said()) {
				t.Errorf("the agent got %s", got)
			}
			closed := s.ends(2, receipt.Aborted, "error-in-answer", []byte(l.request), got)
			if closed.Outcome.Used != nil || closed.Outcome.Model.Usage != nil {
				t.Errorf("what nobody counted is given back: %+v", closed.Outcome)
			}
			if resp.Trailer.Get("Clawea-Receipt-Closed") != "job-1/2" {
				t.Errorf("trailer %v", resp.Trailer)
			}
		})
	}
}

// A stream that breaks off is cut for the agent too, and what the provider did
// not say to the end is not believed.
func TestEveryDialectBreaksOff(t *testing.T) {
	for _, l := range tongues() {
		if !l.stream {
			continue
		}
		t.Run(l.String(), func(t *testing.T) {
			reply := weather()
			reply.Fault, reply.After = model.Cut, 2
			s := l.scene(t, reply)
			resp := s.post(l.path, []byte(l.request), l.header(s.cst)...)
			got, err := io.ReadAll(resp.Body)
			if err == nil {
				t.Errorf("the agent takes a part for the whole: %s", got)
			}
			closed := s.ends(2, receipt.Aborted, "cut", []byte(l.request), got)
			if closed.Outcome.Used != nil || closed.Outcome.Model.Usage != nil {
				t.Errorf("what nobody counted is given back: %+v", closed.Outcome)
			}
		})
	}
}

// A refusal of the provider's reaches the agent as it is, with when to come again.
func TestEveryDialectIsLimited(t *testing.T) {
	for _, l := range tongues() {
		t.Run(l.String(), func(t *testing.T) {
			s := l.scene(t, model.Reply{Err: &model.Error{Status: 429, Message: "Slow down.", RetryAfter: 7 * time.Second}})
			resp := s.post(l.path, []byte(l.request), l.header(s.cst)...)
			got := body(t, resp)
			if resp.StatusCode != 429 || !bytes.Equal(got, s.said()) || l.dialect != "gemini" && resp.Header.Get("Retry-After") != "7" {
				t.Errorf("status %d, %v: %s", resp.StatusCode, resp.Header, got)
			}
			closed := s.ends(2, receipt.Failed, "429", []byte(l.request), got)
			if g := closed.Outcome.Model; g == nil || g.Usage != nil || g.Provider != l.dialect {
				t.Errorf("%+v", g)
			}
		})
	}
}

// OpenRouter says in a good status that it has failed.
func TestFailureInAGoodAnswer(t *testing.T) {
	for _, l := range tongues() {
		if l.dialect != "fal" || l.stream {
			continue
		}
		s := l.scene(t, model.Reply{Text: "never", Fault: model.Fail})
		resp := s.post(l.path, []byte(l.request))
		got := body(t, resp)
		if resp.StatusCode != 200 || !bytes.Equal(got, s.said()) {
			t.Errorf("status %d: %s", resp.StatusCode, got)
		}
		s.ends(2, receipt.Failed, "error-in-answer", []byte(l.request), got)
	}
}

// A stream without its own end is passed on as what it is: done, and without a
// reason or a usage that nobody gave.
func TestStreamWithoutItsEnd(t *testing.T) {
	want := `data: {"id":"c1","model":"gpt-5","choices":[{"index":0,"delta":{"content":"hi"}}]}` + "\n\n"
	h := newHouse(t, wpc, upstream(t, "oai", "openai", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		trickle(w, []byte(want))
	}))
	resp := h.post(chat, gpt)
	if got := body(t, resp); string(got) != want {
		t.Errorf("got %q", got)
	}
	closed := h.ends(2, receipt.Done, "200", gpt, []byte(want))
	if g := closed.Outcome.Model; g.Finish != "" || g.Usage != nil || g.Model != "gpt-5" || closed.Outcome.Upstream != "c1" {
		t.Errorf("%+v, %+v", closed.Outcome, g)
	}
}

// What is compressed stays so, and is understood all the same.
func TestCompressedAnswer(t *testing.T) {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	io.WriteString(w, `{"id":"c1","model":"gpt-5","choices":[{"index":0,"finish_reason":"stop","message":{"content":"hi"}}],"usage":{"prompt_tokens":3,"completion_tokens":4}}`)
	w.Close()
	h := newHouse(t, wpc, upstream(t, "oai", "openai", func(w http.ResponseWriter, r *http.Request) {
		if e := r.Header.Get("Accept-Encoding"); e != "gzip" {
			t.Errorf("accept %q", e)
		}
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Content-Type", "application/json")
		w.Write(z.Bytes())
	}))
	resp := h.post(chat, gpt, "Accept-Encoding", "gzip, br, zstd")
	if got := body(t, resp); !bytes.Equal(got, z.Bytes()) || resp.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("%d bytes, %v", len(got), resp.Header)
	}
	closed := h.ends(2, receipt.Done, "200", gpt, z.Bytes())
	if diff := cmp.Diff(&receipt.Usage{Input: 3, Output: 4}, closed.Outcome.Model.Usage); diff != "" || closed.Outcome.Model.Finish != "stop" {
		t.Errorf("%+v: %s", closed.Outcome.Model, diff)
	}
}

// When the agent has the last byte, its receipt is closed.
func TestClosedBeforeTheEnd(t *testing.T) {
	long := bytes.Repeat([]byte("0123456789"), 30_000)
	for name, handler := range map[string]http.HandlerFunc{
		"short": func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "{}") },
		"long": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(long)))
			w.Write(long)
		},
		"empty":  func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) },
		"stream": func(w http.ResponseWriter, r *http.Request) { trickle(w, []byte("data: {}\n\n")) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, wpc, upstream(t, "oai", "openai", handler))
			for i := range 20 {
				resp := h.post(chat, gpt)
				body(t, resp)
				if n := len(h.book.Lines()); n != 2*(i+1) {
					t.Fatalf("%d receipts at the end of answer %d", n, i)
				}
			}
		})
	}
}
