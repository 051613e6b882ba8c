// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package upstream_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/upstream"
	"github.com/clawea/clawea/receipt"
)

// A shop is an MCP server of the tests', in this process.
type shop struct {
	tools   func(*mcp.Server)            // adds its tools
	started atomic.Int32                 // how often it was
	open    atomic.Int32                 // how many run
	serve   atomic.Pointer[http.Handler] // what it takes for its system
	broken  error
	lacked  receipt.Lacked // of the sandbox that it says it runs in
}

// dial is the shop's Dialer.
func (s *shop) dial(ctx context.Context, serve http.Handler) (*upstream.Connection, error) {
	if s.broken != nil {
		return nil, s.broken
	}
	s.started.Add(1)
	s.open.Add(1)
	s.serve.Store(&serve)
	server := mcp.NewServer(&mcp.Implementation{Name: "shop", Version: "1.0.0"}, nil)
	s.tools(server)
	here, there := net.Pipe()
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer s.open.Add(-1)
		_ = server.Run(ctx, &mcp.IOTransport{Reader: there, Writer: there})
	}()
	return &upstream.Connection{
		Transport: &mcp.IOTransport{Reader: here, Writer: here}, Origin: upstream.Origin{Command: []string{"/shop"}}, Lacked: s.lacked,
		Close: func() error { // as a process is ended: it would wait for clients that listen
			err := errors.Join(here.Close(), there.Close())
			cancel()
			<-ended
			return err
		},
	}, nil
}

// answers returns a tool's handler that always says the same.
func answers(text string) mcp.ToolHandler {
	return func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}, nil
	}
}

func tool(name, description string) *mcp.Tool {
	return &mcp.Tool{Name: name, Description: description, InputSchema: json.RawMessage(`{"type":"object"}`)}
}

func adapter(t *testing.T, text string) *upstream.Adapter {
	t.Helper()
	a, err := upstream.ParseAdapter([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

const ownAdapter = `{
	"server": "shop", "versions": ["1.0.0"],
	"tools": [
		{"name": "look", "rows": [{"class": "read"}]},
		{"name": "order", "by": "what", "rows": [
			{"is": ["book"], "class": "write", "action": "order_book", "categories": ["external_send"]},
			{"is": ["bomb"], "denied": "nobody needs one"}]},
		{"name": "batch", "denied": "it nests other calls"}]}`

// set is one server with the shop behind it.
func set(t *testing.T, s *shop) *upstream.Set {
	t.Helper()
	out := &upstream.Set{Servers: []*upstream.Server{{
		Name: "shop", Adapter: adapter(t, ownAdapter), Dial: s.dial, Timeout: time.Minute, Version: "test", Log: slog.New(slog.DiscardHandler),
	}}}
	if err := out.Check(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := out.Close(); err != nil {
			t.Error(err)
		}
	})
	return out
}

// ask plans a call and carries it out for a job.
func ask(t *testing.T, s *upstream.Set, job, name, args string) (*gate.Result, error) {
	t.Helper()
	return askIn(t.Context(), s, job, name, args)
}

func askIn(ctx context.Context, s *upstream.Set, job, name, args string) (*gate.Result, error) {
	req := s.Request(ctx, name, []byte(args), nil)
	if req == nil {
		return nil, errors.New("no such tool")
	}
	plan, err := req.Plan(ctx, nil)
	if err != nil {
		return nil, err
	}
	plan.Call.Definition, plan.Call.Server = req.Definition, req.Server
	return plan.Act(ctx, &receipt.Receipt{Job: job, Call: plan.Call})
}

func code(err error) string {
	if f := (*gate.Fault)(nil); errors.As(err, &f) {
		return f.Code
	}
	return ""
}
