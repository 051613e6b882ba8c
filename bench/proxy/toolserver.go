// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"encoding/json"
	"net/http"
	"os/signal"
	"syscall"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

const toolServerVersion = "1.0.0"

// toolAdapter says what the server's tool is in policies.
const toolAdapter = `{"server": "bench", "versions": ["` + toolServerVersion + `"], "tools": [{"name": "say", "rows": [{"class": "read"}]}]}`

// A saying is the argument of the tool.
type saying struct {
	Text string `json:"text"`
	Wait int64  `json:"wait"` // in microseconds, before the answer
}

// ServeTools is an MCP server with one tool, which answers what it is told, after a
// while. It listens on addr, or speaks on its standard input and output if that
// is "stdio".
func ServeTools(addr string) error {
	s := newToolServer(say)
	if addr == "stdio" {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		return s.Run(ctx, &mcp.StdioTransport{})
	}
	h := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s }, nil)
	return http.ListenAndServe(addr, h)
}

func newToolServer(say mcp.ToolHandler) *mcp.Server {
	s := mcp.NewServer(&mcp.Implementation{Name: "bench", Version: toolServerVersion}, nil)
	s.AddTool(&mcp.Tool{
		Name: "say", Description: "Says a text.",
		InputSchema: json.RawMessage(`{"type":"object","properties":{"text":{"type":"string"},"wait":{"type":"integer"}}}`),
	}, say)
	return s
}

// RelayTools is an MCP server at addr that passes calls on to the one at upstream as
// a client, and does nothing else: what reading and writing MCP twice takes. It keeps
// no sessions, as Clawea does not.
func RelayTools(addr, upstream string) error {
	ctx := context.Background()
	client := mcp.NewClient(&mcp.Implementation{Name: "relay", Version: toolServerVersion}, nil)
	there, err := client.Connect(ctx, &mcp.StreamableClientTransport{
		Endpoint: "http://" + upstream + toolPath, DisableStandaloneSSE: true, MaxRetries: -1,
		HTTPClient: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
	}, nil)
	if err != nil {
		return err
	}
	s := newToolServer(func(_ context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return there.CallTool(ctx, &mcp.CallToolParams{Name: req.Params.Name, Arguments: req.Params.Arguments})
	})
	h := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s }, &mcp.StreamableHTTPOptions{Stateless: true})
	return http.ListenAndServe(addr, h)
}

func say(_ context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	var in saying
	if err := json.Unmarshal(req.Params.Arguments, &in); err != nil {
		return nil, err
	}
	if in.Wait > 0 {
		time.Sleep(time.Duration(in.Wait) * time.Microsecond)
	}
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: in.Text}}}, nil
}
