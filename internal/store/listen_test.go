// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/pgtest"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/token"
)

// listen returns where wakes arrive, until the test ends.
func listen(t *testing.T, db *DB) <-chan struct{} {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	woken := make(chan struct{}, 100)
	var listening sync.WaitGroup
	listening.Go(func() { db.Listen(ctx, func() { woken <- struct{}{} }) })
	t.Cleanup(func() {
		cancel()
		listening.Wait()
	})
	return woken
}

func mustWake(t *testing.T, what string, woken <-chan struct{}) {
	t.Helper()
	select {
	case <-woken:
	case <-time.After(30 * time.Second):
		t.Fatalf("%s: nobody woke", what)
	}
}

func TestListen(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		near := listen(t, h.DB)
		var far <-chan struct{}
		if h.engine.name == "postgres" {
			far = listen(t, h.open(t))
			mustWake(t, "listening", near)
			mustWake(t, "listening", far)
		}
		for len(h.orders.joined()) == 0 {
			time.Sleep(time.Millisecond)
		}
		h.revoke(t, token.RevokeAgent, "ann", "")
		mustWake(t, "this daemon", near)
		if far != nil {
			mustWake(t, "another daemon", far)
		}
	})
}

func (b *bell) joined() []int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return sortedKeys(b.wakes)
}

// A listener whose connection breaks comes back, and wakes for what it missed.
func TestListenAgain(t *testing.T) {
	h := newHouse(t, pgtest.New(t))
	woken := listen(t, h.open(t))
	mustWake(t, "listening", woken)
	drop := `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`
	if _, err := h.write.ExecContext(t.Context(), drop); err != nil {
		t.Fatal(err)
	}
	mustWake(t, "back", woken)
	h.revoke(t, token.RevokeAgent, "ann", "")
	mustWake(t, "after it was back", woken)
}

// A daemon that hangs with a receipt half written keeps nobody from revoking for
// long, and does not commit it after all.
func TestHungDaemon(t *testing.T) {
	h := newHouse(t, pgtest.New(t)) // with the time that daemons have, which no other transaction here may come near
	other := h.open(t)
	h.owned(t, "job-1", "ann", testPolicy)
	hanging, wake := make(chan struct{}), make(chan struct{})
	calls, seen := 0, false
	end := make(chan error, 1)
	go func() {
		end <- h.Write(context.Background(), "job-1", func(st *receipt.State) (*receipt.Line, error) {
			calls++
			seen = len(st.Revoked) > 0
			if calls == 1 {
				close(hanging)
				<-wake
			}
			return h.opens("job-1", call(0, "a"), policy.Deny)(st)
		})
	}()
	<-hanging
	began := time.Now()
	_, err := other.Revoke(t.Context(), Revocation{Revocation: token.Revocation{Kind: token.RevokeAll}})
	if took := time.Since(began); err != nil || took > 30*time.Second {
		t.Errorf("revoke: %v, after %v", err, took)
	}
	close(wake)
	if err := <-end; err != nil {
		t.Error(err)
	}
	if got := len(checkChain(t, h.DB, "job-1")); got != 1 || calls != 2 || !seen {
		t.Errorf("got %d receipts by %d calls, that saw the order: %t", got, calls, seen)
	}
}
