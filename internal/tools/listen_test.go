// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package tools_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/issuer"
	"github.com/clawea/clawea/internal/tools"
)

// others are upstream servers without tools, which may change.
type others struct {
	can     bool
	changed func()
	open    atomic.Int64 // requests that the house answers, of which nobody listens to all but one
}

func (o *others) Watch(changed func()) bool {
	o.changed = changed
	return o.can
}

func (*others) Tools(context.Context, *gate.Caller) []*mcp.Tool { return nil }

func (*others) Request(context.Context, string, []byte, func(context.Context, *gate.Request) (*gate.Result, error)) *gate.Request {
	return nil
}

// listens serves the house with other servers' tools. It returns what connects a client
// that listens from then on, and what that is told of changes.
func (h *house) listens(o *others) (*tools.Handler, func(raw string) (*mcp.ClientSession, <-chan bool)) {
	h.t.Helper()
	handler, dial := h.listensAt(o)
	return handler, func(raw string) (*mcp.ClientSession, <-chan bool) {
		h.t.Helper()
		s, heard, err := dial(raw)
		if err != nil {
			h.t.Fatal(err)
		}
		return s, heard
	}
}

func (h *house) listensAt(o *others) (*tools.Handler, func(raw string) (*mcp.ClientSession, <-chan bool, error)) {
	h.t.Helper()
	handler, err := tools.New(h.gate, &gate.Door{URL: "https://house.test", Nonces: h.issuer.Nonces}, h.connectors, o, tools.Waits{}, "test", h.gate.Log)
	if err != nil {
		h.t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.open.Add(1)
		defer o.open.Add(-1)
		handler.ServeHTTP(w, r)
	}))
	h.t.Cleanup(srv.Close)
	return handler, func(raw string) (*mcp.ClientSession, <-chan bool, error) {
		heard := make(chan bool, 16)
		client := mcp.NewClient(&mcp.Implementation{Name: "robot", Version: "1"}, &mcp.ClientOptions{
			ToolListChangedHandler: func(context.Context, *mcp.ToolListChangedRequest) { heard <- true },
		})
		s, err := client.Connect(h.t.Context(), &mcp.StreamableClientTransport{Endpoint: srv.URL, HTTPClient: &http.Client{Transport: bearer(raw)}}, nil)
		if err == nil {
			h.t.Cleanup(func() { s.Close() })
		}
		return s, heard, err
	}
}

// letGo waits until nobody listens.
func (o *others) letGo(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); o.open.Load() > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("somebody listens still")
		}
	}
}

// hears fails the test unless something is heard.
func hears(t *testing.T, heard <-chan bool) {
	t.Helper()
	select {
	case <-heard:
	case <-time.After(30 * time.Second):
		t.Fatal("nothing is heard of a change")
	}
}

// deaf fails the test if something is heard.
func deaf(t *testing.T, heard <-chan bool) {
	t.Helper()
	select {
	case <-heard:
		t.Error("a change is heard")
	case <-time.After(300 * time.Millisecond):
	}
}

// A client that listens hears that other servers' tools have changed, and goes on with
// its calls meanwhile; when the house closes, it is let go.
func TestClientsHearOfChanges(t *testing.T) {
	h := newHouse(t)
	o := &others{can: true}
	handler, connect := h.listens(o)
	s, heard := connect(h.mint("job-1").Raw)
	for range 2 {
		o.changed()
		hears(t, heard)
		if _, err := s.ListTools(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
	if o.open.Load() == 0 {
		t.Error("nobody listens any more")
	}
	handler.Rest()
	handler.Rest()
	o.letGo(t)
}

// Nobody listens for longer than their token is good.
func TestListeningEndsWithTheToken(t *testing.T) {
	h := newHouse(t)
	o := &others{can: true}
	_, dial := h.listensAt(o)
	for ttl := 2 * time.Second; ; ttl *= 2 { // so long that this machine connects within it
		m, err := h.issuer.Mint(t.Context(), issuer.Order{Agent: "robot", Job: "job-1", Policy: h.policy.Hash(), TTL: ttl})
		if err != nil {
			t.Fatal(err)
		}
		over := time.Unix(m.Claims.Expires, 0)
		if _, _, err := dial(m.Raw); err != nil {
			if time.Now().Before(over) {
				t.Fatal(err)
			}
			continue
		}
		o.letGo(t)
		if left := time.Until(over); left > 0 {
			t.Errorf("nobody listens, and the token is good for %v more", left)
		}
		return
	}
}

// Streams are bounded. Who finds no place can do all the rest.
func TestManyListeners(t *testing.T) {
	h := newHouse(t)
	o := &others{can: true}
	_, connect := h.listens(o)
	raw := h.mint("job-1").Raw
	var first <-chan bool
	for i := range 256 {
		if _, heard := connect(raw); i == 0 {
			first = heard
		}
	}
	s, late := connect(raw)
	o.changed()
	hears(t, first)
	deaf(t, late)
	if _, err := s.ListTools(t.Context(), nil); err != nil {
		t.Error(err)
	}
}

// A house whose list never changes says so, and nobody listens to it.
func TestAListThatNeverChanges(t *testing.T) {
	h := newHouse(t)
	o := &others{}
	_, connect := h.listens(o)
	s, heard := connect(h.mint("job-1").Raw)
	if c := s.InitializeResult().Capabilities; c.Tools == nil || c.Tools.ListChanged {
		t.Errorf("capabilities %+v", c.Tools)
	}
	o.changed()
	deaf(t, heard)
}
