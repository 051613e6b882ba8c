// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"
)

// wantRevoked checks why a sidecar ended.
func wantRevoked(t *testing.T, err error, code string) {
	t.Helper()
	var r *Revoked
	if !errors.As(err, &r) || r.Code != code {
		t.Errorf("ended by %v, want %s", err, code)
	}
}

// A program that sends nothing is stopped all the same, within the time of two
// looks.
func TestWatch(t *testing.T) {
	t.Parallel()
	h := newFakeHouse(t)
	s := h.start()
	h.revoke("job.revoked")
	wantRevoked(t, wait(t, s), "revoked") // introspection does not say why
	res, body := ask(t, "POST", s.URL()+"/mcp", "{}")
	if res.StatusCode != 403 || res.Header.Get("Clawea-Refused") != "revoked" || !strings.Contains(body, "the run is over") {
		t.Errorf("after it: %d %v %q", res.StatusCode, res.Header, body)
	}
	if len(h.seen) != 0 {
		t.Error("something came through")
	}
}

// An answer that says so ends it at once, streams under way included.
func TestRevokedByAnswer(t *testing.T) {
	t.Parallel()
	h := newFakeHouse(t)
	h.look = func(w http.ResponseWriter, _ string) bool { // sees nothing
		io.WriteString(w, `{"active":true}`)
		return true
	}
	h.serve = func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "a beginning")
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
	s := h.start()
	stream, err := http.Post(s.URL()+"/mcp", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	if _, err := io.ReadFull(stream.Body, make([]byte, 11)); err != nil {
		t.Fatal(err)
	}
	h.revoke("agent.revoked")
	if res, body := ask(t, "POST", s.URL()+"/mcp", "{}"); res.StatusCode != 403 || !strings.Contains(body, `"agent.revoked"`) {
		t.Errorf("told: %d %q", res.StatusCode, body)
	}
	wantRevoked(t, wait(t, s), "agent.revoked")
	if _, err := io.ReadAll(stream.Body); err == nil {
		t.Error("the stream goes on")
	}
}

// Introspection may be refused as a request is, with a code.
func TestRevokedByRefusedLook(t *testing.T) {
	t.Parallel()
	h := newFakeHouse(t)
	s := h.start()
	h.mu.Lock()
	h.keys = map[string]string{}
	h.mu.Unlock()
	refusals := func() int {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.refused)
	}
	for end := time.Now().Add(30 * time.Second); refusals() < 2; time.Sleep(testEvery / 10) { // the first has been heeded when the second comes
		if time.Now().After(end) {
			t.Fatal("it does not look")
		}
	}
	if s.Err() != nil {
		t.Errorf("a refusal that is no revocation ended it: %v", s.Err())
	}

	h = newFakeHouse(t)
	asked := 0
	h.look = func(w http.ResponseWriter, _ string) bool {
		if asked++; asked == 1 {
			return false
		}
		h.refuse(w, "policy.revoked")
		return true
	}
	wantRevoked(t, wait(t, h.start()), "policy.revoked")
}

// A token that merely expired while this machine slept is renewed, not mourned.
func TestExpiredMeanwhile(t *testing.T) {
	t.Parallel()
	h := newFakeHouse(t)
	h.serve = func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") }
	s := h.start()
	first := s.keeper.now()
	h.look = func(w http.ResponseWriter, raw string) bool {
		if raw == first.Raw {
			io.WriteString(w, `{"active":false}`)
		}
		return raw == first.Raw
	}
	s.keeper.mu.Lock() // as if its life were over by the wall's clock
	s.keeper.held = &held{first.Grant, first.got, first.wall.Add(-time.Hour), first.life}
	s.keeper.mu.Unlock()
	for range 600 {
		if s.keeper.now().Raw != first.Raw {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if res, _ := ask(t, "POST", s.URL()+"/mcp", "{}"); res.StatusCode != 200 || s.Err() != nil {
		t.Errorf("%d, %v", res.StatusCode, s.Err())
	}
}

// Tokens follow one another, and nothing is refused in between.
func TestOneAfterAnother(t *testing.T) {
	t.Parallel()
	h := newFakeHouse(t)
	h.serve = func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") }
	s := h.start()
	orders := func() int {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.orders
	}
	for end := time.Now().Add(30 * time.Second); orders() < 3; time.Sleep(20 * time.Millisecond) {
		s.keeper.hurry()
		if res, body := ask(t, "POST", s.URL()+"/mcp", "{}"); res.StatusCode != 200 {
			t.Fatalf("%d %q, %v", res.StatusCode, body, s.Err())
		}
		if time.Now().After(end) {
			t.Fatalf("%d tokens", orders())
		}
	}
}

// Nothing starts that could not be stopped, or would be refused.
func TestNoStart(t *testing.T) {
	t.Parallel()
	start := func(h *fakeHouse, change func(c *Config)) error {
		c := &Config{House: h.srv.URL, Source: h, Log: slog.New(slog.DiscardHandler)}
		if change != nil {
			change(c)
		}
		s, err := Start(t.Context(), c)
		if err == nil {
			s.Close()
		}
		return err
	}
	h := newFakeHouse(t)
	h.fail = errDown
	if err := start(h, nil); !errors.Is(err, errDown) {
		t.Errorf("no token: %v", err)
	}
	h = newFakeHouse(t)
	h.revoke("job.revoked")
	wantRevoked(t, start(h, nil), "revoked")

	for name, look := range map[string]http.HandlerFunc{
		"no endpoint":   http.NotFound,
		"another thing": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<p>hello") },
		"says nothing":  func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "{}") },
		"no end":        func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, maxAnswer+1)) },
	} {
		h := newFakeHouse(t)
		h.look = func(w http.ResponseWriter, _ string) bool { look(w, &http.Request{}); return true }
		if err := start(h, nil); err == nil || !strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	h = newFakeHouse(t)
	if err := start(h, func(c *Config) { c.House = strings.Replace(h.srv.URL, "127.0.0.1", "localhost", 1) }); err == nil || !strings.Contains(err.Error(), "dpop.url") || !strings.Contains(err.Error(), "address that it calls itself") {
		t.Errorf("another name of the house: %v", err)
	}
	if err := start(h, func(c *Config) { c.House = "http://198.51.100.1" }); !errors.Is(err, errHouse) {
		t.Errorf("unprotected: %v", err)
	}
	if err := start(h, func(c *Config) { c.Until = time.Now() }); !errors.Is(err, ErrUntil) {
		t.Errorf("no time: %v", err)
	}
}
