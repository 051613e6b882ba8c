// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// channel is what PostgreSQL tells listening daemons on that something was
// revoked.
const channel = "clawea_revocation"

// Pauses between attempts to listen.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
)

// Listen calls wake soon after each order to revoke is committed: by this
// daemon, and on PostgreSQL by any. It returns when ctx ends. While PostgreSQL
// cannot be reached it calls nobody, and wakes once when it is back; wake may be
// called without reason. So who must not miss anything polls as well.
func (db *DB) Listen(ctx context.Context, wake func()) {
	defer db.orders.join(wake)()
	if db.dial == nil {
		<-ctx.Done()
		return
	}
	pause := firstPause
	for ctx.Err() == nil {
		heard, err := db.hear(ctx, wake)
		if ctx.Err() != nil {
			return
		}
		if heard {
			pause = firstPause
		}
		db.log.WarnContext(ctx, "listening for revocations broke off; polling goes on", "again in", pause, "error", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		pause = min(2*pause, lastPause)
	}
}

// hear listens until its connection breaks, and tells whether it had one.
func (db *DB) hear(ctx context.Context, wake func()) (heard bool, err error) {
	conn, err := db.dial(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{channel}.Sanitize()); err != nil {
		return false, err
	}
	for {
		wake() // for the first time, for what was committed before
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return true, err
		}
	}
}

// A bell wakes those who have joined it. The zero bell is ready.
type bell struct {
	mu    sync.Mutex
	next  int
	wakes map[int]func()
}

// join adds wake and returns what removes it.
func (b *bell) join(wake func()) (leave func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.wakes == nil {
		b.wakes = map[int]func(){}
	}
	id := b.next
	b.next++
	b.wakes[id] = wake
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.wakes, id)
	}
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, wake := range b.wakes {
		wake()
	}
}
