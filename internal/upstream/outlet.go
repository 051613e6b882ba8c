// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"net/http"
	"sync"

	"github.com/clawea/clawea/internal/facade"
	"github.com/clawea/clawea/receipt"
)

// A Connect carries one CONNECT of a server's, which asks for it while it carries the
// call of opened, and returns when the connection has ended and its receipts are written.
// ctx ends with the call. internal/egress fills it.
type Connect func(ctx context.Context, w http.ResponseWriter, r *http.Request, opened *receipt.Receipt, carry Carry)

// maxConnects bounds how often a server may ask for a connection in one call: each has
// receipts, and a server is not let fill the book.
const maxConnects = 64

// An outlet is how a server reaches hosts in the course of one call.
type outlet struct {
	connect Connect
	ctx     context.Context // ends with the call
	cancel  context.CancelFunc
	opened  *receipt.Receipt // of the call
	carry   Carry

	mu    sync.Mutex
	ended bool           // whether the call is over
	asked int            // how often it was asked for a connection
	busy  sync.WaitGroup // connections; added to until ended
}

// outlet is that of the call of opened, or nil if the server reaches no hosts. It must be ended.
func (c *call) outlet(ctx context.Context, opened *receipt.Receipt) *outlet {
	if c.server.Connect == nil {
		return nil
	}
	o := &outlet{connect: c.server.Connect, opened: opened, carry: c.carry}
	o.ctx, o.cancel = context.WithCancel(ctx)
	return o
}

// end is for when the call is over: no more connections are made then, and those that
// there are have ended, with their receipts, when end returns.
func (o *outlet) end() {
	if o == nil {
		return
	}
	o.mu.Lock()
	o.ended = true
	o.mu.Unlock()
	o.cancel()
	o.busy.Wait()
}

// ServeHTTP answers a CONNECT.
func (o *outlet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if status := o.begin(); status != http.StatusOK {
		http.Error(w, "no connection is made for this call any more", status)
		return
	}
	defer o.busy.Done()
	o.connect(o.ctx, w, r, o.opened, o.carry)
}

// begin notes a connection, which busy.Done ends. It returns 200, or why there is none.
func (o *outlet) begin() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.ended:
		return http.StatusForbidden
	case o.asked == maxConnects:
		return http.StatusTooManyRequests
	}
	o.asked++
	o.busy.Add(1)
	return http.StatusOK
}

// A front is all that a server finds of the house in the course of one call, at one port.
type front struct {
	stage  *facade.Stage // its system; nil: it has none
	outlet *outlet       // nil: it reaches no hosts
}

// ServeHTTP answers the server.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodConnect && f.outlet != nil:
		f.outlet.ServeHTTP(w, r)
	case f.stage != nil:
		f.stage.ServeHTTP(w, r)
	default:
		http.Error(w, "there is nothing here but a proxy, which knows CONNECT only", http.StatusMethodNotAllowed)
	}
}
