// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"encoding/json"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// maxListening bounds the streams on which clients hear that the list of tools has
// changed, in each replica. Who comes later is told that there is nothing to hear.
const maxListening = 256

// watch has clients that listen told when others' tools are not what they were. It
// returns what the server can do.
func (h *Handler) watch() *mcp.ServerCapabilities {
	can := &mcp.ServerCapabilities{Tools: &mcp.ToolCapabilities{}}
	if h.others != nil {
		// The SDK tells clients when a tool is added, also one that is there.
		can.Tools.ListChanged = h.others.Watch(func() { h.server.AddTool(everything(), h.call) })
	}
	return can
}

// everything is what answers all calls.
func everything() *mcp.Tool {
	return &mcp.Tool{Name: anyTool, InputSchema: json.RawMessage(`{"type":"object"}`)}
}

// listening carries subscriptions/listen: for as long as the token is good, and until
// the house closes. What is told on the stream is that something has changed, and
// nothing of what.
func (h *Handler) listening(ctx context.Context, method string, req mcp.Request, next mcp.MethodHandler) (mcp.Result, error) {
	c := caller(req.GetExtra())
	p, ok := req.GetParams().(*mcp.SubscriptionsListenParams)
	if c == nil || !ok || p == nil {
		return next(ctx, method, req)
	}
	select {
	case h.listeners <- struct{}{}:
		defer func() { <-h.listeners }()
	default:
		p.Notifications = new(mcp.NotificationSubscriptions)
	}
	ctx, cancel := context.WithDeadline(ctx, time.Unix(c.Claims().Expires, 0))
	defer cancel()
	go func() {
		select {
		case <-h.resting:
			cancel()
		case <-ctx.Done():
		}
	}()
	return next(ctx, method, req)
}

// Rest ends what clients listen to, which would else keep a server from closing.
func (h *Handler) Rest() { h.rest() }
