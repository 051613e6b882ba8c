// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// The bounds of what a server that the house starts says unasked.
const (
	maxUnasked  = 10_000 // messages between two calls of the house's
	maxAsked    = 32     // of which are requests
	maxAskedID  = 128    // bytes of a request's id
	writeTime   = 10 * time.Second
	listChanged = "notifications/tools/list_changed"
)

var errFlood = errors.New("the server says more than it is asked for")

// A wire is a transport to a server that the house starts. It lets a server neither
// fill the house's memory with messages that nobody asked for, nor keep the house
// waiting by not reading.
type wire struct {
	mcp.Transport
	kill func() // ends the server
}

// Connect connects it.
func (w *wire) Connect(ctx context.Context) (mcp.Connection, error) {
	c, err := w.Transport.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &wired{Connection: c, kill: w.kill}, nil
}

type wired struct {
	mcp.Connection
	kill    func()
	changed bool // it has said that its tools have
	unasked atomic.Int32
	asked   atomic.Int32
}

// Read returns the next message that means something to the house.
func (c *wired) Read(ctx context.Context) (jsonrpc.Message, error) {
	for {
		msg, err := c.Connection.Read(ctx)
		if err != nil {
			return nil, err
		}
		if c.unasked.Add(1) > maxUnasked {
			return nil, errFlood
		}
		req, ok := msg.(*jsonrpc.Request)
		switch {
		case !ok:
			return msg, nil
		case req.IsCall():
			if id, ok := req.ID.Raw().(string); ok && len(id) > maxAskedID || c.asked.Add(1) > maxAsked {
				return nil, errFlood
			}
			req.Params = nil // a ping has none, and all else is refused
			return req, nil
		case req.Method == listChanged && !c.changed:
			c.changed = true
			return req, nil
		}
	}
}

// Write sends a message. A server that does not take it in time is ended: what it has
// half of, nothing can be sent behind.
func (c *wired) Write(ctx context.Context, msg jsonrpc.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if req, ok := msg.(*jsonrpc.Request); ok && req.IsCall() {
		c.unasked.Store(0)
		c.asked.Store(0)
	}
	ctx, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	stop := context.AfterFunc(ctx, c.kill)
	defer stop() // before cancel
	return c.Connection.Write(ctx, msg)
}
