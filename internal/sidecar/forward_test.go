// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/api"
)

// What the program sends arrives with our token and proof, and without whatever
// it takes for its credentials; what comes back has nothing of ours.
func TestForward(t *testing.T) {
	t.Parallel()
	h := newFakeHouse(t)
	h.serve = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Clawea-Receipt", "job-1/7")
		w.Header().Set("Set-Cookie", "a=b")
		w.Header().Set("X-Request-Id", "up-1")
		w.WriteHeader(201)
		io.WriteString(w, "made")
	}
	s := h.start()
	res, body := ask(t, "POST", s.URL()+"/proxy/sim/v1/chat/completions?beta=true", `{"model":"m"}`,
		"Authorization", "Bearer eyJ.own.key", "X-Api-Key", "own", "Api-Key", "own", "Cookie", "c=own", "Dpop", "own", "Proxy-Authorization", "Basic own",
		"Clawea-Job", "job-2", "Clawea-Policy", "own", "Clawea-Anything", "own", "X-Forwarded-For", "203.0.113.9", "Idempotency-Key", "k-1", "Content-Type", "application/json")
	if res.StatusCode != 201 || body != "made" || res.Header.Get("X-Request-Id") != "up-1" || res.Header.Get("Clawea-Receipt") != "job-1/7" {
		t.Errorf("got %d %q %v", res.StatusCode, body, res.Header)
	}
	for _, name := range withheld {
		if v := res.Header.Values(name); v != nil {
			t.Errorf("the program gets %s: %q", name, v)
		}
	}
	r := h.seen[0]
	if r.Method != "POST" || r.URL.RequestURI() != "/proxy/sim/v1/chat/completions?beta=true" || h.bodies[0] != `{"model":"m"}` {
		t.Errorf("arrived: %s %s %q", r.Method, r.URL, h.bodies[0])
	}
	if r.Header.Get("Clawea-Job") != "job-1" || r.Header.Get("Clawea-Policy") != s.Claims().Policy.String() || r.Header.Get("Idempotency-Key") != "k-1" {
		t.Errorf("arrived: %v", r.Header)
	}
	for name, values := range r.Header {
		if strings.Contains(strings.Join(values, " "), "own") || name == "Cookie" || name == "X-Forwarded-For" {
			t.Errorf("%s: %q arrived", name, values)
		}
	}
	if s.Cited() != 7 {
		t.Errorf("cited %d", s.Cited())
	}
	if _, body := ask(t, "POST", s.URL()+"/mcp", "{}"); body != "made" || h.seen[1].URL.Path != "/mcp" {
		t.Errorf("mcp: %q", body)
	}
	if _, body := ask(t, "GET", s.URL()+"/v1/receipts/job-1/7", ""); body != "made" || h.seen[2].URL.Path != "/v1/receipts/job-1/7" {
		t.Errorf("receipts: %q", body)
	}
}

// A change of nonces costs one more request, and the program sees none of it,
// whatever the size of what it sent.
func TestNonce(t *testing.T) {
	t.Parallel()
	h := newFakeHouse(t)
	h.serve = func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") }
	s := h.start()
	big := strings.Repeat("x", 5<<20)
	for i := range 3 {
		h.mu.Lock()
		h.nonce = fmt.Sprintf("next-%d", i)
		h.refused = nil
		h.mu.Unlock()
		res, body := ask(t, "POST", s.URL()+"/proxy/sim/v1/messages", big)
		if res.StatusCode != 200 || body != "ok" || h.bodies[i] != big {
			t.Errorf("round %d: %d %.60q", i, res.StatusCode, body)
		}
	}
}

// A house that always wants another nonce is asked twice and not for ever.
func TestNonceForEver(t *testing.T) {
	t.Parallel()
	h := newFakeHouse(t)
	s := h.start()
	asked := 0
	h.serve = func(w http.ResponseWriter, r *http.Request) {
		asked++
		w.Header().Set("DPoP-Nonce", fmt.Sprint("never-", asked))
		w.Header().Set("WWW-Authenticate", `DPoP error="use_dpop_nonce"`)
		w.WriteHeader(401)
		h.mu.Lock()
		h.nonce = fmt.Sprint("never-", asked)
		h.mu.Unlock()
	}
	if res, _ := ask(t, "POST", s.URL()+"/mcp", "{}"); res.StatusCode != 401 || asked > 2 || res.Header.Get("WWW-Authenticate") != "" {
		t.Errorf("%d after %d", res.StatusCode, asked)
	}
}

func TestClosedDoors(t *testing.T) {
	t.Parallel()
	h := newFakeHouse(t)
	h.serve = func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") }
	s := h.start()
	base := "http://" + s.host
	wrong := []byte(s.secret)
	wrong[5] ^= 1
	for _, test := range []struct {
		name, url string
		header    []string
	}{
		{"no secret", base + "/mcp", nil},
		{"no secret, proxy", base + "/proxy/sim/v1/messages", nil},
		{"empty secret", base + "//mcp", nil},
		{"wrong secret", base + "/" + string(wrong) + "/mcp", nil},
		{"secret's beginning", base + "/" + s.secret[:20] + "/mcp", nil},
		{"root", s.URL(), nil},
		{"slash", s.URL() + "/", nil},
		{"changing receipts", s.URL() + "/v1/receipts/job-1/1", nil},
		{"operators' routes", s.URL() + "/v1/jobs", nil},
		{"token endpoint", s.URL() + "/oauth/token", nil},
		{"proxy alone", s.URL() + "/proxy", nil},
		{"below mcp", s.URL() + "/mcp/x", nil},
		{"climbing", s.URL() + "/proxy/../v1/jobs", nil},
		{"climbing, escaped", s.URL() + "/proxy/%2e%2e/v1/jobs", nil},
		{"slash escaped", s.URL() + "/proxy%2fsim/v1/messages", nil},
		{"two slashes", s.URL() + "/proxy//sim", nil},
		{"browser", s.URL() + "/mcp", []string{"Origin", base}},
		{"browser of nowhere", s.URL() + "/mcp", []string{"Origin", "null"}},
		{"another name", s.URL() + "/mcp", []string{"Host", "evil.example:80"}},
		{"localhost", s.URL() + "/mcp", []string{"Host", "localhost" + s.host[strings.LastIndex(s.host, ":"):]}},
	} {
		res, body := ask(t, "POST", test.url, "{}", test.header...)
		if res.StatusCode != 404 || strings.Contains(body, s.secret) {
			t.Errorf("%s: %d %q", test.name, res.StatusCode, body)
		}
	}
	if len(h.seen) != 0 {
		t.Errorf("%d requests came through", len(h.seen))
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	h := newFakeHouse(t)
	h.serve = func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") }
	s := h.start()
	if res, _ := ask(t, "POST", s.URL()+"/mcp", strings.Repeat("x", maxBody)); res.StatusCode != 200 {
		t.Errorf("the largest: %d", res.StatusCode)
	}
	res, body := ask(t, "POST", s.URL()+"/mcp", strings.Repeat("x", maxBody+1))
	if res.StatusCode != 413 || !strings.Contains(body, `"too_large"`) || len(h.seen) != 1 {
		t.Errorf("one more: %d %q, %d arrived", res.StatusCode, body, len(h.seen))
	}
}

// A body without a length arrives with one, and trailers come back.
func TestChunkedAndTrailers(t *testing.T) {
	t.Parallel()
	h := newFakeHouse(t)
	h.serve = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		fmt.Fprint(w, r.ContentLength)
		w.Header().Set("X-Sum", "42")
	}
	s := h.start()
	res, err := http.Post(s.URL()+"/mcp", "application/json", io.MultiReader(strings.NewReader("ab"), strings.NewReader("cd")))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || string(b) != "4" || res.Trailer.Get("X-Sum") != "42" {
		t.Errorf("got %q, %v, %v", b, res.Trailer, err)
	}
}

// Each event of a stream arrives when it is sent, and hanging up ends it on the
// other side.
func TestStream(t *testing.T) {
	t.Parallel()
	h := newFakeHouse(t)
	next, gone := make(chan string), make(chan struct{})
	h.serve = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for {
			select {
			case event := <-next:
				fmt.Fprintf(w, "data: %s\n\n", event)
				http.NewResponseController(w).Flush()
			case <-r.Context().Done():
				close(gone)
				return
			}
		}
	}
	s := h.start()
	ctx, hangUp := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, "POST", s.URL()+"/proxy/sim/v1/messages", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	go func() { next <- "0" }()
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for i := range 4 {
		if i > 0 {
			next <- fmt.Sprint(i)
		}
		if lines.Scan(); lines.Text() != fmt.Sprintf("data: %d", i) {
			t.Fatalf("event %d: %q", i, lines.Text())
		}
		lines.Scan()
	}
	hangUp()
	select {
	case <-gone:
	case <-time.After(30 * time.Second):
		t.Fatal("the house was not told")
	}
}

// A redirect is neither followed nor passed on.
func TestRedirect(t *testing.T) {
	t.Parallel()
	h := newFakeHouse(t)
	h.serve = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://elsewhere.example/", http.StatusTemporaryRedirect)
	}
	s := h.start()
	res, body := ask(t, "POST", s.URL()+"/mcp", "{}")
	if res.StatusCode != 502 || res.Header.Get("Location") != "" || !strings.Contains(body, `"redirect"`) {
		t.Errorf("got %d %v %q", res.StatusCode, res.Header, body)
	}
}

// A house that is down is a 502 that says so, and ends nothing.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	h := newFakeHouse(t)
	s := h.start()
	h.srv.CloseClientConnections()
	h.srv.Close()
	res, body := ask(t, "POST", s.URL()+"/mcp", "{}")
	if res.StatusCode != 502 || !strings.Contains(body, `"unreachable"`) || res.Header.Get("Content-Type") != "application/json" {
		t.Errorf("got %d %q", res.StatusCode, body)
	}
	time.Sleep(2 * testEvery)
	if s.Err() != nil {
		t.Errorf("it ended: %v", s.Err())
	}
}

// A refusal keeps its words, and its challenge stays here.
func TestRefusal(t *testing.T) {
	t.Parallel()
	h := newFakeHouse(t)
	h.serve = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer resource_metadata="x"`)
		w.Header().Set("Clawea-Refused", "action.revoked")
		w.WriteHeader(403)
		io.WriteString(w, "no writing today")
	}
	s := h.start()
	res, body := ask(t, "POST", s.URL()+"/mcp", "{}")
	if res.StatusCode != 403 || body != "no writing today" || res.Header.Get("WWW-Authenticate") != "" || res.Header.Get("Clawea-Refused") != "action.revoked" {
		t.Errorf("got %d %q %v", res.StatusCode, body, res.Header)
	}
	if s.Err() != nil {
		t.Errorf("an action that is stopped ended all: %v", s.Err())
	}
}

// Closing cuts what is under way, in a way that shows.
func TestClose(t *testing.T) {
	t.Parallel()
	h := newFakeHouse(t)
	h.serve = func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "a beginning")
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
	s := h.start()
	res, err := http.Post(s.URL()+"/mcp", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.ReadFull(res.Body, make([]byte, 11)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil || !errors.Is(s.Err(), errClosed) {
		t.Errorf("%v, %v", err, s.Err())
	}
	if _, err := io.ReadAll(res.Body); err == nil {
		t.Error("a stream that was cut looks whole")
	}
	if _, err := http.Post(s.URL()+"/mcp", "", nil); err == nil {
		t.Error("it still listens")
	}
}

func TestBase(t *testing.T) {
	s := &Sidecar{url: "http://127.0.0.1:1/s"}
	for route, want := range map[api.Route]string{
		{Name: "a", Dialect: "openai"}:    "http://127.0.0.1:1/s/proxy/a/v1",
		{Name: "b", Dialect: "anthropic"}: "http://127.0.0.1:1/s/proxy/b",
	} {
		if got := s.Base(route); got != want {
			t.Errorf("%v: %q", route, got)
		}
	}
}

// No two sidecars have a secret in common, and none prints it.
func TestSecret(t *testing.T) {
	t.Parallel()
	h := newFakeHouse(t)
	a, b := h.start(), h.start()
	if a.secret == b.secret || len(a.secret) < 43 {
		t.Errorf("%q, %q", a.secret, b.secret)
	}
	for _, text := range []string{fmt.Sprint(a), fmt.Sprintf("%+v", a), fmt.Sprintf("%#v", a), fmt.Sprintf("%+v", *a.keeper.now().Grant), fmt.Sprintf("%#v", a.keeper.now().Grant)} {
		if strings.Contains(text, a.secret) {
			t.Errorf("%q", text)
		}
		h.scan(text)
	}
}

// What counts is the nonce that a request was made with: another one may have
// learned the new one in between.
func TestLearn(t *testing.T) {
	p := new(prover)
	for _, test := range []struct {
		given, used string
		again       bool
	}{{"b", "a", true}, {"b", "a", true}, {"b", "b", false}, {"", "b", false}, {"c", "", true}} {
		h := http.Header{}
		h.Set("DPoP-Nonce", test.given)
		if got := p.learn(h, test.used); got != test.again {
			t.Errorf("%+v: %v", test, got)
		}
	}
	if p.nonce != "c" {
		t.Errorf("it goes on with %q", p.nonce)
	}
}
