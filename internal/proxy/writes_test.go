// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
)

// A counter counts the writes on a listener's connections.
type counter struct {
	net.Listener
	writes *atomic.Int32
}

func (l counter) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return countedConn{c, l.writes}, err
}

type countedConn struct {
	net.Conn
	writes *atomic.Int32
}

func (c countedConn) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}

// A short answer is one write; a long one is not sent in small pieces; an event
// is sent at once, and with it nothing else.
func TestWrites(t *testing.T) {
	sized := func(n int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(n))
			w.Write(bytes.Repeat([]byte("x"), n))
		}
	}
	events := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for range 10 {
			w.Write([]byte("data: {}\n\n"))
			http.NewResponseController(w).Flush()
		}
	}
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		most    int32
	}{
		{"short", sized(1000), 1},
		{"a page", sized(30_000), 2},
		{"long", sized(1 << 20), 40},
		{"stream", events, 12}, // with its headers and its end
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, wpc, upstream(t, "oai", "openai", c.handler))
			var writes atomic.Int32
			srv := httptest.NewUnstartedServer(h.proxy)
			srv.Listener = counter{srv.Listener, &writes}
			srv.Start()
			defer srv.Close()
			h.url = srv.URL
			if b := body(t, h.post(chat, gpt)); len(b) == 0 {
				t.Error("no answer")
			}
			if n := writes.Load(); n > c.most {
				t.Errorf("%d writes, want at most %d", n, c.most)
			}
		})
	}
}
