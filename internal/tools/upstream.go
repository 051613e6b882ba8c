// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/clawea/clawea/internal/gate"
)

// Upstreams are other MCP servers' tools. internal/upstream fills it.
type Upstreams interface {
	// Tools lists those that c's policy pins as they are now, and could ever let be
	// used.
	Tools(ctx context.Context, c *gate.Caller) []*mcp.Tool
	// Watch has changed called when what Tools lists may be another than it was, and
	// reports whether that can ever be.
	Watch(changed func()) bool
	// Request puts a call in the gate's terms, or returns nil if there is no such tool.
	// carry is for what the server reads besides: another call of the same caller's.
	Request(ctx context.Context, name string, args []byte, carry func(context.Context, *gate.Request) (*gate.Result, error)) *gate.Request
}

// upstream asks the upstream servers for a tool that is none of the connectors'.
func (h *Handler) upstream(ctx context.Context, c *gate.Caller, name string, args []byte) *gate.Request {
	if h.others == nil {
		return nil
	}
	return h.others.Request(ctx, name, args, func(ctx context.Context, req *gate.Request) (*gate.Result, error) {
		_, res, err := h.gate.Carry(ctx, c, req)
		return res, err
	})
}
