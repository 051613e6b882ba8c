// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package upstream_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/clawea/clawea/internal/upstream"
)

// serveMCP serves s over streamable HTTP.
func serveMCP(t *testing.T, s *mcp.Server, o *mcp.StreamableHTTPOptions) string {
	t.Helper()
	srv := httptest.NewServer(mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s }, o))
	t.Cleanup(srv.Close)
	return srv.URL
}

// A server is spoken to in the version that it knows, whatever the agent speaks
// whose call is the first.
func TestAnOlderServerBehindANewerAgent(t *testing.T) {
	older := mcp.NewServer(&mcp.Implementation{Name: "shop", Version: "1.0.0"}, nil)
	plainShop().tools(older)
	url := serveMCP(t, older, nil) // it keeps sessions, which the newest version does not have
	house := &upstream.Set{Servers: []*upstream.Server{{
		Name: "shop", Adapter: adapter(t, ownAdapter), Dial: upstream.Remote(url, func() (http.Header, error) { return nil, nil }),
		Timeout: time.Minute, Version: "test", Log: slog.New(slog.DiscardHandler),
	}}}

	front := mcp.NewServer(&mcp.Implementation{Name: "house", Version: "1"}, nil)
	front.AddTool(tool("shop_look", ""), func(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		res, err := askIn(ctx, house, "job", "shop_look", `{}`)
		if err != nil {
			return nil, err
		}
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: string(res.Body)}}}, nil
	})
	agent := mcp.NewClient(&mcp.Implementation{Name: "agent", Version: "1"}, nil)
	s, err := agent.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: serveMCP(t, front, &mcp.StreamableHTTPOptions{Stateless: true})}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	defer func() {
		if err := house.Close(); err != nil {
			t.Error(err)
		}
	}()
	if v := s.InitializeResult().ProtocolVersion; v < "2026-07-28" {
		t.Errorf("the agent speaks %s", v)
	}
	res, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "shop_look"})
	if err != nil {
		t.Fatal(err)
	}
	if text, ok := res.Content[0].(*mcp.TextContent); !ok || text.Text != "shelves" {
		t.Errorf("answer %v", res.Content[0])
	}
}

// What breaks a call off is in the log: the agent is not told.
func TestWhyACallBrokeOffIsLogged(t *testing.T) {
	s := &shop{tools: func(s *mcp.Server) {
		s.AddTool(tool("look", ""), func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return nil, &jsonrpc.Error{Code: -32000, Message: "the shelf fell"}
		})
	}}
	house := set(t, s)
	var log bytes.Buffer
	house.Servers[0].Log = slog.New(slog.NewTextHandler(&log, nil))
	_, err := ask(t, house, "job", "shop_look", `{}`)
	if code(err) != "upstream" {
		t.Errorf("%v, want the code upstream", err)
	}
	if !strings.Contains(log.String(), "server=shop tool=look") || !strings.Contains(log.String(), "the shelf fell") {
		t.Errorf("log %q", log.String())
	}
}
