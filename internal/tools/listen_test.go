// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package tools_test

import (
	"context"
	"net/http"
	"net/http/httptest"
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
// that listens, and what that is told of changes. Whenever a stream has ended, ended says so.
func (h *house) listens(o *others) (handler *tools.Handler, ended <-chan bool, connect func(raw string) (*mcp.ClientSession, <-chan bool)) {
	h.t.Helper()
	handler, err := tools.New(h.gate, &gate.Door{URL: "https://house.test", Nonces: h.issuer.Nonces}, h.connectors, o, tools.Waits{}, "test", h.gate.Log)
	if err != nil {
		h.t.Fatal(err)
	}
	over := make(chan bool, 300)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(w, r)
		if r.Header.Get("Mcp-Method") == "subscriptions/listen" {
			over <- true
		}
	}))
	h.t.Cleanup(srv.Close)
	return handler, over, func(raw string) (*mcp.ClientSession, <-chan bool) {
		h.t.Helper()
		heard := make(chan bool, 16)
		client := mcp.NewClient(&mcp.Implementation{Name: "robot", Version: "1"}, &mcp.ClientOptions{
			ToolListChangedHandler: func(context.Context, *mcp.ToolListChangedRequest) { heard <- true },
		})
		s, err := client.Connect(h.t.Context(), &mcp.StreamableClientTransport{Endpoint: srv.URL, HTTPClient: &http.Client{Transport: bearer(raw)}}, nil)
		if err != nil {
			h.t.Fatal(err)
		}
		h.t.Cleanup(func() { s.Close() })
		return s, heard
	}
}

// hears fails the test unless something is heard.
func hears(t *testing.T, heard <-chan bool) {
	t.Helper()
	select {
	case <-heard:
	case <-time.After(time.Minute):
		t.Fatal("nothing is heard")
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
	handler, ended, connect := h.listens(o)
	s, heard := connect(h.mint("job-1").Raw)
	for range 2 {
		o.changed()
		hears(t, heard)
		if _, err := s.ListTools(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
	handler.Rest()
	handler.Rest()
	hears(t, ended)
	o.changed()
	deaf(t, heard)
}

// Nobody listens for longer than their token is good.
func TestListeningEndsWithTheToken(t *testing.T) {
	h := newHouse(t)
	at := time.Now()
	h.issuer.Now = func() time.Time { return at } // it lets in who comes late
	o := &others{can: true}
	_, ended, connect := h.listens(o)
	m, err := h.issuer.Mint(t.Context(), issuer.Order{Agent: "robot", Job: "job-1", Policy: h.policy.Hash(), TTL: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	_, heard := connect(m.Raw)
	hears(t, ended)
	if time.Now().Before(time.Unix(m.Claims.Expires, 0)) {
		t.Error("it has ended before the token")
	}
	o.changed()
	deaf(t, heard)
}

// Streams are bounded. Who finds no place can do all the rest.
func TestManyListeners(t *testing.T) {
	h := newHouse(t)
	o := &others{can: true}
	_, _, connect := h.listens(o)
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
	_, _, connect := h.listens(o)
	s, heard := connect(h.mint("job-1").Raw)
	if c := s.InitializeResult().Capabilities; c.Tools == nil || c.Tools.ListChanged {
		t.Errorf("capabilities %+v", c.Tools)
	}
	o.changed()
	deaf(t, heard)
}
