// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"context"
	"net"
	"net/http"
	"slices"
	"sync"
)

const (
	maxStrangers = 128 // connections that have not shown the secret
	maxGuests    = 256 // those that have
)

// A door bounds the connections to a sidecar. Any user of this machine can make
// some; only the program can show the secret. So those that have not shown it
// give way to newer ones, and never to the program's, whose are counted apart.
type door struct {
	mu        sync.Mutex
	strangers []net.Conn // oldest first
	guests    map[net.Conn]bool
}

// guard has a server report its connections to d.
func (d *door) guard(s *http.Server) {
	d.guests = map[net.Conn]bool{}
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) }
	s.ConnState = func(c net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			d.enter(c)
		case http.StateClosed, http.StateHijacked:
			d.leave(c)
		}
	}
}

type connKey struct{}

// enter takes in a stranger. If there are too many, the oldest is turned out:
// it had the most time to show the secret.
func (d *door) enter(c net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.strangers = append(d.strangers, c)
	if len(d.strangers) > maxStrangers {
		d.strangers[0].Close()
		d.strangers = slices.Delete(d.strangers, 0, 1)
	}
}

// welcome makes a guest of the one that a request came by, since it showed the
// secret. It is false if there are too many of them.
func (d *door) welcome(ctx context.Context) bool {
	c, ok := ctx.Value(connKey{}).(net.Conn)
	if !ok {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.guests[c] {
		return true
	}
	at := slices.Index(d.strangers, c)
	if at < 0 || len(d.guests) >= maxGuests { // turned out meanwhile, or too many
		return false
	}
	d.strangers = slices.Delete(d.strangers, at, at+1)
	d.guests[c] = true
	return true
}

func (d *door) leave(c net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.guests, c)
	if at := slices.Index(d.strangers, c); at >= 0 {
		d.strangers = slices.Delete(d.strangers, at, at+1)
	}
}
