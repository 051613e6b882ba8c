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
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/gate/gatetest"
	"github.com/clawea/clawea/internal/tools"
	"github.com/clawea/clawea/seal"
)

// prefers adds what a client's operator has it say of waiting.
type prefers struct{ token, says string }

func (p prefers) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+p.token)
	if p.says != "" {
		r.Header.Set("Prefer", p.says)
	}
	return http.DefaultTransport.RoundTrip(r)
}

// visit connects a client of one version.
func (h *house) visit(raw, version, prefer string, o *mcp.ClientOptions) *mcp.ClientSession {
	h.t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "robot", Version: "1"}, o)
	s, err := client.Connect(h.t.Context(), &mcp.StreamableClientTransport{Endpoint: h.url, HTTPClient: &http.Client{Transport: prefers{raw, prefer}}},
		&mcp.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { s.Close() })
	return s
}

// A client that asks for it is told how far its call has come, in order and before the
// result, and nothing of what is called.
func TestProgress(t *testing.T) {
	allowed := []string{"the call is in policy terms", "its receipt is opened, and it is carried out", "it was carried out, and its receipt is being closed"}
	for _, version := range []string{"2025-06-18", "2025-11-25", "2026-07-28"} {
		for tool, want := range map[string][]string{"desk_read": allowed, "desk_wipe": allowed[:1], "desk_post": allowed[:1], "shell_exec": nil} {
			h := newHouse(t)
			var mu sync.Mutex
			var got []string
			last := 0.0
			s := h.visit(h.mint("job-1").Raw, version, "", &mcp.ClientOptions{ProgressNotificationHandler: func(_ context.Context, r *mcp.ProgressNotificationClientRequest) {
				mu.Lock()
				defer mu.Unlock()
				if r.Params.ProgressToken != "p-1" || r.Params.Progress <= last {
					t.Errorf("%+v after %v", r.Params, last)
				}
				last = r.Params.Progress
				got = append(got, r.Params.Message)
			}})
			params := &mcp.CallToolParams{Name: tool, Arguments: json.RawMessage(`{"text":"secret words"}`), Meta: mcp.Meta{"progressToken": "p-1"}}
			if _, err := s.CallTool(t.Context(), params); err != nil {
				t.Fatal(err)
			}
			if tool == "shell_exec" {
				want = allowed[:1]
			}
			for range 6000 { // the client hears of them on its own time
				mu.Lock()
				n := len(got)
				mu.Unlock()
				if n >= len(want) {
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
			mu.Lock()
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, %s: %s", version, tool, diff)
			}
			mu.Unlock()
		}
	}
}

// Whoever would wait is answered when people are, in every version; the question stands
// in the book before that, and the call goes through as if it had been sent again.
func TestHeld(t *testing.T) {
	for _, version := range []string{"2025-11-25", "2026-07-28"} {
		for _, yes := range []bool{true, false} {
			h := newHouse(t)
			s := h.visit(h.mint("job-1").Raw, version, "respond-async, wait=30", nil)
			answered := make(chan struct{})
			go func() {
				defer close(answered)
				h.reply("job-1.1", yes)
			}()
			text, f, _ := call(t, s, "desk_post", `{"text":"x"}`)
			<-answered
			want := "opened desk.post ask, opened desk.post allow, closed done"
			if !yes {
				want = "opened desk.post ask, opened desk.post deny"
			}
			if yes && text != "you said x" || !yes && (f == nil || f.Status != "denied") {
				t.Errorf("%s, %v: %s", version, yes, text)
			}
			h.wantBook("job-1", want)
		}
	}
}

// Nobody is held who does not say so, nor longer than they say, nor when they go.
func TestNotHeld(t *testing.T) {
	for prefer, at := range map[string][2]time.Duration{
		"": {0, 20 * time.Second}, "wait": {0, 20 * time.Second}, "wait=-1": {0, 20 * time.Second}, "wait=soon": {0, 20 * time.Second}, "wait=999999999999": {0, 20 * time.Second},
		"handling=strict": {0, 20 * time.Second}, "wait=1": {time.Second, 20 * time.Second}, "return=minimal,WAIT = 1": {time.Second, 20 * time.Second},
	} {
		h := newHouse(t)
		s := h.visit(h.mint("job-1").Raw, "2025-11-25", prefer, nil)
		begun := time.Now()
		_, f, _ := call(t, s, "desk_post", `{"text":"x"}`)
		if took := time.Since(begun); f == nil || f.Status != "waiting" || took < at[0] || took > at[1] {
			t.Errorf("%q: %+v after %v", prefer, f, took)
		}
		h.wantBook("job-1", "opened desk.post ask")
	}
}

// Nobody is held for a client that is gone, or by a daemon that stops, whatever the
// version says of cancelling.
func TestGone(t *testing.T) {
	for _, version := range []string{"2025-06-18", "2025-11-25", "2026-07-28"} {
		h := newHouse(t)
		inner, returned := h.handler, make(chan struct{})
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(returned)
			inner.ServeHTTP(w, r)
		}))
		defer srv.Close()
		h.url = srv.URL
		ctx, hangUp := context.WithCancel(t.Context())
		defer hangUp()
		go func() {
			defer hangUp()
			h.asked("job-1.1")
		}()
		req := h.request(ctx, h.mint("job-1").Raw, version, "tools/call", "desk_post", `"name":"desk_post","arguments":{"text":"x"},`)
		req.Header.Set("Prefer", "wait=50")
		if res, err := http.DefaultClient.Do(req); err == nil {
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err == nil {
				t.Errorf("%s: a call that was given up was answered: %s", version, body)
			}
		}
		select {
		case <-returned:
		case <-time.After(30 * time.Second):
			t.Fatalf("%s: it is held", version)
		}
		h.wantBook("job-1", "opened desk.post ask")
	}
}

// A client that can show its person a page is sent to the question's, with nothing in
// the address that is worth anything; what the client says of it counts for nothing.
func TestSentToThePage(t *testing.T) {
	for name, test := range map[string]struct {
		yes    bool   // alice answers on the page
		action string // what the client says
		status string
		book   string
	}{
		"yes":                    {true, "accept", "", "opened desk.post ask, opened desk.post allow, closed done"},
		"yes, client says no":    {true, "decline", "", "opened desk.post ask, opened desk.post allow, closed done"},
		"unanswered, declined":   {false, "decline", "waiting", "opened desk.post ask, opened desk.post ask"},
		"unanswered, given up":   {false, "cancel", "waiting", "opened desk.post ask, opened desk.post ask"},
		"unanswered, no action":  {false, "", "waiting", "opened desk.post ask, opened desk.post ask"},
		"unanswered, odd action": {false, "approved", "waiting", "opened desk.post ask, opened desk.post ask"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			var seen []string
			s := h.visit(h.mint("job-1").Raw, "2026-07-28", "", &mcp.ClientOptions{
				Capabilities: &mcp.ClientCapabilities{Elicitation: &mcp.ElicitationCapabilities{URL: &mcp.URLElicitationCapabilities{}}},
				ElicitationHandler: func(_ context.Context, r *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
					seen = append(seen, r.Params.Mode+" "+r.Params.URL)
					if strings.Contains(r.Params.Message, "secret") || !strings.Contains(r.Params.Message, "desk.post") {
						t.Errorf("the client is told %q", r.Params.Message)
					}
					if test.yes {
						h.reply("job-1.1", true)
					}
					return &mcp.ElicitResult{Action: test.action}, nil
				},
			})
			text, f, _ := call(t, s, "desk_post", `{"text":"secret"}`)
			if diff := cmp.Diff([]string{"url https://house.test/approvals/job-1.1"}, seen); diff != "" {
				t.Error(diff)
			}
			if test.status == "" && text != "you said secret" || test.status != "" && (f == nil || f.Status != test.status) {
				t.Errorf("got %s", text)
			}
			h.wantBook("job-1", test.book)
		})
	}
}

// A client that has sent its person to the page is held until they have answered there.
func TestHeldAfterThePage(t *testing.T) {
	h := newHouse(t)
	answered := make(chan struct{})
	s := h.visit(h.mint("job-1").Raw, "2026-07-28", "", &mcp.ClientOptions{
		Capabilities: &mcp.ClientCapabilities{Elicitation: &mcp.ElicitationCapabilities{URL: &mcp.URLElicitationCapabilities{}}},
		ElicitationHandler: func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
			go func() {
				defer close(answered)
				for range 3000 { // until it has come back from the page
					if strings.Count(h.book("job-1"), "ask") == 2 {
						break
					}
					time.Sleep(10 * time.Millisecond)
				}
				h.reply("job-1.1", true)
			}()
			return &mcp.ElicitResult{Action: "accept"}, nil
		},
	})
	if text, _, _ := call(t, s, "desk_post", `{"text":"x"}`); text != "you said x" {
		t.Errorf("got %s", text)
	}
	<-answered
	h.wantBook("job-1", "opened desk.post ask, opened desk.post ask, opened desk.post allow, closed done")
}

// Clients that show forms only, or speak an older version, are told to wait.
func TestNotSentToThePage(t *testing.T) {
	never := func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
		t.Error("the client was asked")
		return &mcp.ElicitResult{Action: "decline"}, nil
	}
	for version, can := range map[string]*mcp.ElicitationCapabilities{
		"2026-07-28": {Form: &mcp.FormElicitationCapabilities{}}, "2025-11-25": {URL: &mcp.URLElicitationCapabilities{}},
	} {
		h := newHouse(t)
		s := h.visit(h.mint("job-1").Raw, version, "", &mcp.ClientOptions{Capabilities: &mcp.ClientCapabilities{Elicitation: can}, ElicitationHandler: never})
		if _, f, _ := call(t, s, "desk_post", `{"text":"x"}`); f == nil || f.Status != "waiting" || f.Approval != "job-1.1" {
			t.Errorf("%s: %+v", version, f)
		}
		h.wantBook("job-1", "opened desk.post ask")
	}
}

// Whatever replica a request comes to, it is served: none keeps anything that another
// would need.
func TestAnyReplica(t *testing.T) {
	h := newHouse(t)
	var replicas []http.Handler
	for range 3 {
		g := gatetest.NewGate(h.issuer, h, h.db, h.gate.Signer, h.gate.Log)
		_, alice := newKey(t, "alice@house.test", 5)
		g.People = []seal.Verifier{alice}
		door := &gate.Door{URL: "https://house.test", Nonces: h.issuer.Nonces}
		replica, err := tools.New(g, door, h.connectors, nil, tools.Waits{Approvals: h.db, Pages: "https://house.test"}, "test", h.gate.Log)
		if err != nil {
			t.Fatal(err)
		}
		replicas = append(replicas, replica)
	}
	var n atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		replicas[int(n.Add(1))%len(replicas)].ServeHTTP(w, r)
	}))
	defer srv.Close()
	h.url = srv.URL
	for _, version := range []string{"2025-06-18", "2025-11-25", "2026-07-28"} {
		job := "job-" + version
		s := h.visit(h.mint(job).Raw, version, "", &mcp.ClientOptions{
			Capabilities: &mcp.ClientCapabilities{Elicitation: &mcp.ElicitationCapabilities{URL: &mcp.URLElicitationCapabilities{}}},
			ElicitationHandler: func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
				return &mcp.ElicitResult{Action: "decline"}, nil
			},
		})
		if list, err := s.ListTools(t.Context(), nil); err != nil || len(list.Tools) != 5 {
			t.Errorf("%s: %+v, %v", version, list, err)
		}
		for range 4 {
			if text, _, _ := call(t, s, "desk_read", `{"text":"x"}`); text != "you said x" {
				t.Errorf("%s: %s", version, text)
			}
		}
		_, f, _ := call(t, s, "desk_post", `{"text":"x"}`)
		if f == nil || f.Status != "waiting" {
			t.Fatalf("%s: %+v", version, f)
		}
		h.reply(f.Approval, true)
		if text, _, _ := call(t, s, "desk_post", `{"text":"x"}`); text != "you said x" {
			t.Errorf("%s: %s", version, text)
		}
	}
}

// A notice takes back the call that it names, of its own job and of no other.
func TestCancelled(t *testing.T) {
	for name, test := range map[string]struct{ job, notice, want string }{
		"its own":      {"job-1", `{"requestId":7,"reason":"enough"}`, "closed aborted"},
		"another":      {"job-1", `{"requestId":8}`, "closed done"},
		"as a text":    {"job-1", `{"requestId":"7"}`, "closed done"},
		"another job":  {"job-2", `{"requestId":7}`, "closed done"},
		"none":         {"job-1", `{}`, "closed done"},
		"all of them":  {"job-1", `{"requestId":null}`, "closed done"},
		"not a notice": {"job-1", `[]`, "closed done"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			over := make(chan struct{})
			req := h.request(t.Context(), h.mint("job-1").Raw, "2025-11-25", "tools/call", "", `"name":"desk_slow_read","arguments":{"text":"x"},`)
			go func() {
				defer close(over)
				if res, err := http.DefaultClient.Do(req); err == nil {
					io.Copy(io.Discard, res.Body)
					res.Body.Close()
				}
			}()
			<-h.started
			h.post(h.mint(test.job).Raw, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":`+test.notice+`}`, map[string]string{"MCP-Protocol-Version": "2025-11-25"})
			if test.want == "closed done" {
				close(h.release)
			}
			<-over
			h.wantBook("job-1", "opened desk.slow.read allow, "+test.want)
		})
	}
}

// Pages of other sites are turned away before anything else is looked at.
func TestOtherSites(t *testing.T) {
	h := newHouse(t)
	raw := h.mint("job-1").Raw
	for origin, want := range map[string]int{
		"https://house.test": http.StatusOK, "https://house.test:444": http.StatusForbidden, "http://house.test": http.StatusForbidden,
		"https://evil.test": http.StatusForbidden, "null": http.StatusForbidden, "https://house.test.evil.test": http.StatusForbidden,
	} {
		if status, body := h.post(raw, list, map[string]string{"Origin": origin}); status != want {
			t.Errorf("%s: %d %s", origin, status, body)
		}
	}
	h.wantBook("job-1", "")
}

// What is not offered is not there, whatever the SDK could say to it.
func TestNothingElse(t *testing.T) {
	h := newHouse(t)
	raw := h.mint("job-1").Raw
	for _, method := range []string{"prompts/list", "prompts/get", "resources/list", "resources/read", "resources/templates/list", "completion/complete", "logging/setLevel"} {
		for _, version := range []string{"2025-11-25", "2026-07-28"} {
			res, err := http.DefaultClient.Do(h.request(t.Context(), raw, version, method, "x", `"name":"x","uri":"x","level":"debug",`))
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil || !strings.Contains(string(body), "-32601") && !strings.Contains(string(body), "not found") {
				t.Errorf("%s in %s: %d %s, %v", method, version, res.StatusCode, body, err)
			}
		}
	}
}

// More than a text comes through as it is, and nothing that a connector has no say in.
func TestContent(t *testing.T) {
	for name, test := range map[string]struct{ body, want, structured string }{
		"two texts":           {`{"content":[{"text":"a","type":"text"},{"text":"b","type":"text"}]}`, `[{"type":"text","text":"a"},{"type":"text","text":"b"}]`, ""},
		"structured":          {`{"content":[],"structuredContent":{"a":1.5}}`, `[]`, `{"a":1.5}`},
		"an error of its own": {`{"content":[],"isError":true}`, "", ""},
		"a question":          {`{"content":[],"inputRequests":{"x":{"method":"roots/list","params":{}}}}`, "", ""},
		"no content":          {`{"content":[{"type":"poem","text":"a"}]}`, "", ""},
		"no list":             {`{"content":null}`, "", ""},
		"no JSON":             {`you said a`, "", ""},
		"twice":               {`{"content":[],"content":[]}`, "", ""},
	} {
		h := openHouse(t, nil, wpc, &says{body: test.body})
		res, err := h.connect(h.mint("job-1").Raw).CallTool(t.Context(), &mcp.CallToolParams{Name: "desk_read"})
		if err != nil {
			t.Fatal(err)
		}
		if test.want == "" {
			var f tools.Failure
			if text := res.Content[0].(*mcp.TextContent).Text; !res.IsError || json.Unmarshal([]byte(text), &f) != nil || f.Status != "failed" || f.Receipt != "job-1/2" {
				t.Errorf("%s: %s", name, text)
			}
		} else {
			got, err1 := json.Marshal(res.Content)
			structured, err2 := json.Marshal(res.StructuredContent)
			if res.StructuredContent == nil {
				structured = nil
			}
			if err1 != nil || err2 != nil || string(got) != test.want || string(structured) != test.structured || res.IsError {
				t.Errorf("%s: %s, %s", name, got, structured)
			}
		}
		h.wantBook("job-1", "opened desk.read allow, closed done")
	}
}
