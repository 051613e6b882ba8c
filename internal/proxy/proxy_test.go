// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/token"
)

const (
	wpc = `{"wpc_version": "v1", "model_route": {"require_clawproxy": true, "allowed": ["oai", "ant/claude-*"]}}`

	chat     = "/proxy/oai/v1/chat/completions"
	messages = "/proxy/ant/v1/messages"
)

// gpt and claude are requests in a form that nothing but the agent would write.
var (
	gpt    = []byte("{\t\"messages\" : [ {\"role\":\"user\",\"content\":\"h\\u00e9 \\ud83d\\ude00 é\"} ],\r\n \"stream\":true, \"top_p\":1.0e0, \"model\" : \"gpt\\u002d5\" }\n")
	claude = []byte(`{"model":"claude-x","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}`)
)

// noise is n bytes that no one can guess, gzipped text among them.
func noise(n int) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	fmt.Fprint(z, strings.Repeat("data: {}\n\n", 100))
	z.Close()
	r := rand.NewChaCha8([32]byte{1})
	io.CopyN(&b, r, int64(n))
	return b.Bytes()[:n]
}

// trickle sends b in pieces of odd sizes.
func trickle(w http.ResponseWriter, b []byte) {
	for i := 1; len(b) > 0; i = i*3%97 + 1 {
		n := min(i, len(b))
		w.Write(b[:n])
		w.(http.Flusher).Flush()
		b = b[n:]
	}
}

func TestBytesPassUntouched(t *testing.T) {
	for _, c := range []struct {
		route, dialect, path, query, upstreamPath string
		request, model                            string
	}{
		{"oai", "openai", chat, "", "/v1/chat/completions", string(gpt), "gpt-5"},
		{"oai", "openai", "/proxy/oai/chat/completions", "", "/v1/chat/completions", string(gpt), "gpt-5"},
		{"ant", "anthropic", messages, "", "/v1/messages", string(claude), "claude-x"},
		{"ant", "anthropic", "/proxy/ant/messages", "?beta=true", "/v1/messages?beta=true", string(claude), "claude-x"},
	} {
		t.Run(c.path+c.query, func(t *testing.T) {
			want := noise(5000)
			var got []byte
			var uri string
			h := newHouse(t, wpc, upstream(t, c.route, c.dialect, func(w http.ResponseWriter, r *http.Request) {
				got, _ = io.ReadAll(r.Body)
				uri = r.URL.RequestURI()
				w.Header().Set("Content-Encoding", "gzip")
				w.Header().Set("Content-Type", "text/event-stream")
				w.Header().Set("X-Request-Id", "req_1")
				trickle(w, want)
			}))
			resp := h.post(c.path+c.query, []byte(c.request), "Accept-Encoding", "gzip")
			if b := body(t, resp); !bytes.Equal(b, want) || resp.StatusCode != 200 {
				t.Errorf("status %d, %d bytes that are not the provider's %d", resp.StatusCode, len(b), len(want))
			}
			if string(got) != c.request || uri != c.upstreamPath {
				t.Errorf("provider got %q at %q", got, uri)
			}
			if e := resp.Header.Get("Content-Encoding"); e != "gzip" {
				t.Errorf("content encoding %q", e)
			}
			if id := resp.Header.Get("Clawea-Receipt"); id != "job-1/1" {
				t.Errorf("receipt header %q", id)
			}
			closed := h.ends(2, receipt.Done, "200", []byte(c.request), want)
			if closed.Outcome.Upstream != "req_1" {
				t.Errorf("provider's id %q", closed.Outcome.Upstream)
			}
			call := h.receipts(2)[0].Call
			resources := []policy.Resource{{Type: "route", ID: c.route}, {Type: "model", ID: c.model}}
			if diff := cmp.Diff(resources, call.Resources); diff != "" || call.Class != policy.Model || call.Tool != "model" {
				t.Errorf("call %+v: %s", call, diff)
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	var got http.Header
	route := upstream(t, "oai", "openai", func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Clone()
		w.Header().Set("Retry-After", "7")
		w.Header().Set("X-RateLimit-Remaining-Tokens", "3")
		w.Header().Set("Set-Cookie", "a=b")
		w.Header().Set("OpenAI-Organization", "acme")
		w.Header().Set("Clawea-Receipt", "forged/1")
		w.Header()["Content-Type"] = nil
		io.WriteString(w, "<html>")
	})
	route.Headers = map[string]string{"OpenAI-Project": "p1", "X-Stainless-Lang": "house"}
	h := newHouse(t, wpc, route)
	resp := h.post(chat, gpt, "Accept", "text/event-stream", "Accept-Encoding", "br;q=1.0", "Content-Type", "application/json", "User-Agent", "sdk/1",
		"Idempotency-Key", "i1", "X-Stainless-Lang", "go", "X-Stainless-OS", "linux", "OpenAI-Beta", "b1", "OpenAI-Beta", "b2",
		"Cookie", "c=d", "Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "Baggage", "note=hush", "X-Forwarded-For", "10.0.0.1", "OpenAI-Organization", "other", "Proxy-Authorization", "Basic eA==", "Api-Key", "k",
		"Anthropic-Version", "2023-06-01", "Connection", "anthropic-version, x-other")
	body(t, resp)
	want := http.Header{
		"Accept": {"text/event-stream"}, "Accept-Encoding": {"identity"}, "Content-Type": {"application/json"}, "User-Agent": {"sdk/1"},
		"Idempotency-Key": {"i1"}, "X-Stainless-Lang": {"house"}, "X-Stainless-Os": {"linux"}, "Openai-Beta": {"b1", "b2"},
		"Openai-Project": {"p1"}, "Authorization": {"Bearer " + key}, "Content-Length": {strconv.Itoa(len(gpt))},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("to the provider: %s", diff)
	}
	resp.Header.Del("Date")
	want = http.Header{
		"Retry-After": {"7"}, "X-Ratelimit-Remaining-Tokens": {"3"}, "Content-Length": {"6"}, "Clawea-Receipt": {"job-1/1"}, "X-Content-Type-Options": {"nosniff"},
	}
	if diff := cmp.Diff(want, resp.Header); diff != "" {
		t.Errorf("to the agent: %s", diff)
	}
}

func TestAnthropicCredentials(t *testing.T) {
	var got http.Header
	h := newHouse(t, wpc, upstream(t, "ant", "anthropic", func(w http.ResponseWriter, r *http.Request) { got = r.Header.Clone() }))
	resp := h.post(messages, claude, "Authorization", "", "X-Api-Key", h.cst, "Anthropic-Version", "2023-06-01", "User-Agent", "")
	body(t, resp)
	want := http.Header{
		"X-Api-Key": {key}, "Anthropic-Version": {"2023-06-01"}, "Accept-Encoding": {"identity"}, "Content-Length": {strconv.Itoa(len(claude))}, "User-Agent": got["User-Agent"],
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	h.ends(2, receipt.Done, "200", claude, nil)
}

func TestStreamArrivesAsItComes(t *testing.T) {
	next := make(chan bool)
	h := newHouse(t, wpc, upstream(t, "oai", "openai", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.(http.Flusher).Flush()
		for i := range 3 {
			<-next
			fmt.Fprintf(w, "data: %d\n\n", i)
			w.(http.Flusher).Flush()
		}
	}))
	resp := h.post(chat, gpt) // returns with the headers, before the first event
	for i := range 3 {
		next <- true
		want := fmt.Sprintf("data: %d\n\n", i)
		got := make([]byte, len(want))
		if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != want {
			t.Fatalf("event %d: got %q, %v", i, got, err)
		}
	}
	if rest := body(t, resp); len(rest) != 0 {
		t.Errorf("and %q", rest)
	}
}

func TestErrorsOfTheProviderPassUnchanged(t *testing.T) {
	for _, status := range []int{400, 401, 404, 429, 500, 529} {
		want := fmt.Sprintf(`{"error": {"message": "no %d"} }`, status)
		h := newHouse(t, wpc, upstream(t, "oai", "openai", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "12")
			w.Header().Set("Request-Id", "bad id; drop")
			w.WriteHeader(status)
			io.WriteString(w, want)
		}))
		resp := h.post(chat, gpt)
		if b := body(t, resp); resp.StatusCode != status || string(b) != want || resp.Header.Get("Retry-After") != "12" {
			t.Errorf("%d: got %d, %q, %v", status, resp.StatusCode, b, resp.Header)
		}
		if closed := h.ends(2, receipt.Failed, strconv.Itoa(status), gpt, []byte(want)); closed.Outcome.Upstream != "" {
			t.Errorf("unsafe id %q is in the receipt", closed.Outcome.Upstream)
		}
	}
}

func TestLeaksNothing(t *testing.T) {
	h := newHouse(t, wpc,
		upstream(t, "oai", "openai", func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }),
		upstream(t, "ant", "anthropic", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Request-Id", "r1")
			w.WriteHeader(401)
		}))
	all := ""
	for _, resp := range []*http.Response{h.post(chat, gpt), h.post(messages, claude), h.post(chat, gpt, "Authorization", "", "X-Api-Key", "cst-hush")} {
		all += string(body(t, resp)) + fmt.Sprint(resp.Header)
	}
	h.receipts(5)
	for _, line := range h.book.Lines() {
		all += string(line.Envelope.Payload)
		for _, text := range line.Texts {
			all += string(text.Bytes)
		}
	}
	all += h.log.String()
	for _, secret := range []string{"hush", h.cst} {
		if strings.Contains(all, secret) {
			t.Errorf("%.20q is in %s", secret, all)
		}
	}
}

// A stream that a revocation cuts off ends on both sides, and its receipt says why.
func TestRevokedMidStream(t *testing.T) {
	gone := make(chan struct{})
	h := newHouse(t, wpc, upstream(t, "oai", "openai", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "data: 1\n\n")
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(gone)
	}))
	resp := h.post(chat, gpt)
	b := make([]byte, 9)
	if _, err := io.ReadFull(resp.Body, b); err != nil {
		t.Fatal(err)
	}
	h.book.Cut(fmt.Errorf("cut: %w", token.ErrJobRevoked))
	if rest, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("the agent takes a part for the whole: %q", rest)
	}
	<-gone
	h.ends(2, receipt.Aborted, "job.revoked", gpt, b)
}

// Before the provider has answered, the agent is told.
func TestRevokedBeforeAnswer(t *testing.T) {
	arrived := make(chan struct{})
	h := newHouse(t, wpc, upstream(t, "oai", "openai", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		close(arrived)
		<-r.Context().Done()
	}))
	go func() {
		<-arrived
		h.book.Cut(token.ErrAllRevoked)
	}()
	resp := h.post(chat, gpt)
	b := body(t, resp)
	complains(t, resp, b, "openai", 401, "house.revoked")
	if resp.Header.Get("Clawea-Refused") != "house.revoked" {
		t.Errorf("headers %v", resp.Header)
	}
	if r := h.receipts(2)[1]; r.Outcome.Status != receipt.Aborted || r.Outcome.Code != "house.revoked" {
		t.Errorf("%+v", r.Outcome)
	}
}

// An agent that takes nothing of its answer does not keep a call alive that is
// cut off.
func TestRevokedWhileStalled(t *testing.T) {
	flood := bytes.Repeat([]byte("data: 0123456789\n\n"), 4096)
	stalled := make(chan struct{})
	h := newHouse(t, wpc, upstream(t, "oai", "openai", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		c := http.NewResponseController(w)
		for i := 0; ; i++ {
			c.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
			if _, err := w.Write(flood); err != nil {
				close(stalled) // every buffer between is full
				<-r.Context().Done()
				return
			}
		}
	}))
	resp := h.post(chat, gpt)
	defer resp.Body.Close()
	<-stalled
	h.book.Cut(token.ErrAgentRevoked)
	if r := h.receipts(2)[1]; r.Outcome == nil || r.Outcome.Status != receipt.Aborted || r.Outcome.Code != "agent.revoked" {
		t.Errorf("%+v", r.Outcome)
	}
}
