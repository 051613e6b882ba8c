// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// connect opens a connection to a sidecar that says nothing.
func connect(t *testing.T, s *Sidecar) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// say sends a request by c and returns the answer.
func say(t *testing.T, c net.Conn, url string) *http.Response {
	t.Helper()
	r, err := http.NewRequest("POST", url, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Write(c); err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	res, err := http.ReadResponse(bufio.NewReader(c), r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	return res
}

// open reports whether the other side of c has not closed it within d.
func open(t *testing.T, c net.Conn, d time.Duration) bool {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(d))
	_, err := c.Read(make([]byte, 1))
	return errors.Is(err, os.ErrDeadlineExceeded)
}

// Who does not know the secret cannot keep those out who do, however many
// connections they hold.
func TestStrangers(t *testing.T) {
	t.Parallel()
	h := newFakeHouse(t)
	h.serve = func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") }
	s := h.start()
	guest, first := connect(t, s), connect(t, s)
	if res := say(t, guest, s.URL()+"/mcp"); res.StatusCode != 200 {
		t.Fatalf("the program: %d", res.StatusCode)
	}
	var last net.Conn
	for range 2 * maxStrangers {
		last = connect(t, s)
	}
	if open(t, first, 10*time.Second) {
		t.Error("the oldest is still there")
	}
	if !open(t, last, 50*time.Millisecond) {
		t.Error("the newest is not let in")
	}
	if res := say(t, guest, s.URL()+"/mcp"); res.StatusCode != 200 {
		t.Errorf("the program goes on: %d", res.StatusCode)
	}
	if res := say(t, connect(t, s), s.URL()+"/mcp"); res.StatusCode != 200 {
		t.Errorf("the program comes again: %d", res.StatusCode)
	}
	wrong := connect(t, s)
	if res := say(t, wrong, "http://"+s.host+"/guess/mcp"); res.StatusCode != 404 || !res.Close {
		t.Errorf("a guess: %d", res.StatusCode)
	}
	if open(t, wrong, 10*time.Second) {
		t.Error("who guesses can guess again by the same connection")
	}
	s.door.mu.Lock()
	defer s.door.mu.Unlock()
	if len(s.door.strangers) > maxStrangers || len(s.door.guests) != 2 {
		t.Errorf("%d strangers, %d guests", len(s.door.strangers), len(s.door.guests))
	}
}

// The program's own connections are bounded too, and those that it closes make
// room.
func TestGuests(t *testing.T) {
	d := &door{}
	d.guard(new(http.Server))
	var all []net.Conn
	come := func() bool {
		c, other := net.Pipe()
		t.Cleanup(func() { c.Close(); other.Close() })
		all = append(all, c)
		d.enter(c)
		return d.welcome(context.WithValue(t.Context(), connKey{}, c))
	}
	for i := range maxGuests {
		if !come() {
			t.Fatalf("guest %d is one too many", i+1)
		}
	}
	if come() || len(d.guests) != maxGuests || len(d.strangers) != 1 {
		t.Errorf("%d guests, %d strangers", len(d.guests), len(d.strangers))
	}
	d.leave(all[maxGuests])
	d.leave(all[0])
	if !come() || len(d.strangers) != 0 {
		t.Error("there is room, and nobody is let in")
	}
	if d.welcome(t.Context()) || d.welcome(context.WithValue(t.Context(), connKey{}, all[0])) {
		t.Error("who is not there is welcome")
	}
}

// A connection that is not used is closed.
func TestIdle(t *testing.T) {
	t.Parallel()
	h := newFakeHouse(t)
	h.serve = func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") }
	s := h.start(func(c *Config) { c.idle = 100 * time.Millisecond })
	c := connect(t, s)
	if res := say(t, c, s.URL()+"/mcp"); res.StatusCode != 200 {
		t.Fatalf("status %d", res.StatusCode)
	}
	if open(t, c, 10*time.Second) {
		t.Error("it is open still")
	}
	if h.start().server.IdleTimeout != idleTime {
		t.Error("there is no limit unless a test sets one")
	}
}
