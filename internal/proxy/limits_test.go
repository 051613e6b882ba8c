// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/token"
)

func TestRates(t *testing.T) {
	now := time.Now()
	r := &rates{jobs: buckets{each: 2}, agents: buckets{each: 3}}
	wait := func(job, agent string) time.Duration { return r.wait(&token.Claims{Job: job, Agent: agent}, now) }
	for i, c := range []struct {
		job, agent string
		after      time.Duration
		want       time.Duration
	}{
		{"j1", "a", 0, 0}, {"j1", "a", 0, 0},
		{"j1", "a", 0, 30 * time.Second}, // the job's two are used up; nothing of the agent's is
		{"j2", "a", 0, 0},
		{"j2", "a", 0, 20 * time.Second}, // the agent's three are; nothing of the job's is
		{"j2", "b", 0, 0},
		{"j1", "a", 20 * time.Second, 10 * time.Second},
		{"j1", "a", 10 * time.Second, 0},
	} {
		now = now.Add(c.after)
		if got := wait(c.job, c.agent).Round(time.Millisecond); got != c.want {
			t.Errorf("%d: wait %v, want %v", i, got, c.want)
		}
	}
	if (&rates{}).wait(&token.Claims{Job: "j"}, now) != 0 {
		t.Error("a house without limits makes callers wait")
	}
}

// Whoever brings many names can neither fill the memory nor start anew himself.
func TestRatesAreBounded(t *testing.T) {
	now := time.Now()
	r := &rates{jobs: buckets{each: 1}, agents: buckets{each: maxRemembered * 2}}
	r.wait(&token.Claims{Job: "spent", Agent: "a"}, now)
	for i := range maxRemembered + 100 {
		r.wait(&token.Claims{Job: fmt.Sprint(i), Agent: "a"}, now)
		if i%1000 == 0 && r.wait(&token.Claims{Job: "spent", Agent: "a"}, now) == 0 {
			t.Fatal("the job starts anew, who has not been quiet")
		}
	}
	if n := len(r.jobs.byName); n != maxRemembered || r.jobs.order.Len() != n {
		t.Errorf("%d jobs are remembered, %d in order", n, r.jobs.order.Len())
	}
	if n := len(r.agents.byName); n != 1 {
		t.Errorf("%d agents are remembered", n)
	}
}

func TestTooManyCalls(t *testing.T) {
	h := newHouse(t, wpc, upstream(t, "oai", "openai", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "{}") }),
		upstream(t, "ant", "anthropic", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "{}") }))
	h.proxy.Limits = Limits{JobCalls: 2, AgentCalls: 3}
	for range 2 {
		if resp := h.post(chat, gpt); resp.StatusCode != 200 {
			t.Fatalf("status %d", resp.StatusCode)
		}
	}
	resp := h.post(chat, gpt)
	complains(t, resp, body(t, resp), "openai", 429, "more often than the house allows")
	if !within(resp, 30) || resp.Header.Get("Clawea-Receipt") != "job-1/5" || resp.Header.Get("Www-Authenticate") != "" {
		t.Errorf("headers %v", resp.Header)
	}
	if r := h.receipts(5)[4]; r.Refused != "limit.rate" || r.Call.Name() != "model.chat.completions" {
		t.Errorf("receipt %+v", r)
	}
	h.cst = h.mint(h.policy, "job-2")
	resp = h.post(messages, claude)
	if body(t, resp); resp.StatusCode != 200 {
		t.Errorf("another job: status %d", resp.StatusCode)
	}
	resp = h.post(messages, claude)
	complains(t, resp, body(t, resp), "anthropic", 429, "more often than the house allows")
	if !within(resp, 20) {
		t.Errorf("headers %v", resp.Header)
	}
}

// within reports whether an answer says to come again after so many seconds, less
// those that have passed.
func within(resp *http.Response, seconds int) bool {
	n, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	return err == nil && n > 0 && n <= seconds
}

// A request that comes slowly is given up, and its connection with it.
func TestSlowAgent(t *testing.T) {
	h := refusing(t, wpc)
	h.proxy.Limits.Read = 100 * time.Millisecond
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: house\r\nAuthorization: Bearer %s\r\nContent-Length: 100\r\n\r\n{\"model\":", chat, h.cst)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	complains(t, resp, body(t, resp), "openai", 408, "did not arrive within 100ms")
	if !resp.Close {
		t.Error("the connection is kept")
	}
	h.receipts(0)
}

// What is declared to be too long is not waited for.
func TestTooLongBeforehand(t *testing.T) {
	h := refusing(t, wpc)
	h.proxy.Limits.Request = 1000
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: house\r\nAuthorization: Bearer %s\r\nContent-Length: 1001\r\n\r\n", chat, h.cst)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	complains(t, resp, body(t, resp), "openai", 413, "longer than 1000 bytes")
	if r := h.receipts(1)[0]; r.Refused != "limit.request" {
		t.Errorf("receipt %+v", r)
	}
}

func TestProviderIsSlowToBegin(t *testing.T) {
	h := newHouse(t, wpc, upstream(t, "oai", "openai", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	h.proxy.Limits.Header = 100 * time.Millisecond
	resp := h.post(chat, gpt)
	b := body(t, resp)
	complains(t, resp, b, "openai", 502, "did not answer")
	h.ends(2, receipt.Unknown, "no-answer", gpt, b)
}

func TestKeyIsFetchedOnceASecond(t *testing.T) {
	n := 0
	fetch := func() (string, error) {
		n++
		return fmt.Sprint("key-", n), nil
	}
	k := new(heldKey)
	for range 10 {
		if key, err := k.get(fetch); key != "key-1" || err != nil {
			t.Fatalf("%q, %v", key, err)
		}
	}
	k.until = time.Now()
	if key, err := k.get(fetch); key != "key-2" || err != nil {
		t.Errorf("%q, %v", key, err)
	}
}

func TestEncoding(t *testing.T) {
	for accept, want := range map[string]string{
		"": "identity", "gzip": "gzip", "gzip, deflate, br": "gzip", "br, GZIP;q=0.5": "gzip", "gzip; q=1.0": "gzip",
		"gzip;q=0": "identity", "gzip;q=0.000, br": "identity", "gzip;q=x": "identity", "br": "identity", "*": "identity", "identity": "identity", "xgzip": "identity",
	} {
		if got := encoding([]string{accept}); got != want {
			t.Errorf("%q: %s, want %s", accept, got, want)
		}
	}
	if got := encoding(nil); got != "identity" {
		t.Errorf("nothing said: %s", got)
	}
}

// No weight makes the header more than a word, or lets an encoding come that was
// not named.
func FuzzEncoding(f *testing.F) {
	for _, s := range []string{"gzip", "br;q=1, gzip;q=0.1", "gzip;q=", ",,;q=1", "gzip;q=1e999", "gzip;Q=1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := encoding([]string{s})
		if got != "identity" && (got != "gzip" || !strings.Contains(strings.ToLower(s), "gzip")) {
			t.Errorf("%q: %q", s, got)
		}
	})
}
