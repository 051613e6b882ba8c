// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"testing"
	"time"

	"github.com/clawea/clawea/policy"
)

// What is behind shows, and since when.
func TestHealth(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		never := func(what string, at time.Time, err error) {
			t.Helper()
			if err != nil || !at.IsZero() {
				t.Errorf("%s: %v, %v", what, at, err)
			}
		}
		at, err := h.Unlogged(ctx)
		never("unlogged in an empty house", at, err)
		at, err = h.Newest(ctx)
		never("newest in an empty house", at, err)
		job := h.job(t, "job-1")
		first := h.clock.Now()
		h.mustWrite(t, job, h.opens(job, call(1, "a"), policy.Deny))
		h.clock.move(time.Minute)
		h.mustWrite(t, job, h.opens(job, call(2, "b"), policy.Deny))
		if at, err := h.Unlogged(ctx); err != nil || !at.Equal(first) {
			t.Errorf("unlogged since %v, %v; want %v", at, err, first)
		}
		if at, err := h.Newest(ctx); err != nil || !at.Equal(h.clock.Now()) {
			t.Errorf("newest %v, %v", at, err)
		}
		if n, err := h.Sequence(ctx, 1, fold); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if at, err := h.Unlogged(ctx); err != nil || !at.Equal(h.clock.Now()) {
			t.Errorf("after the first is in the log: %v, %v", at, err)
		}
		if n, err := h.Sequence(ctx, 10, fold); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		at, err = h.Unlogged(ctx)
		never("after both are", at, err)
		if at, err := h.Clock(ctx); err != nil || h.engine.name == "sqlite" && !at.Equal(h.clock.Now()) || h.engine.name != "sqlite" && time.Since(at).Abs() > time.Minute {
			t.Errorf("the database's clock: %v, %v", at, err)
		}
	})
}

// Notices wait for their channels, each by itself.
func TestUndelivered(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		a := h.ask(t, h.job(t, "job-1"), call(1, "a"))
		first := h.clock.Now()
		h.note(t, a, false, noticeOf(h, "asked", ""))
		h.clock.move(time.Minute)
		h.note(t, a, false, noticeOf(h, "answered", "1"))
		waits := func(channel string, n int, since time.Time) {
			t.Helper()
			if got, at, err := h.Undelivered(t.Context(), channel); err != nil || got != n || !at.Equal(since) {
				t.Errorf("%s: %d since %v, %v; want %d since %v", channel, got, at, err, n, since)
			}
		}
		waits("chat", 2, first)
		waits("mail", 2, first)
		waits("none", 0, time.Time{})
		if err := h.EndDelivery(t.Context(), h.claimed(t, "chat"), ""); err != nil {
			t.Fatal(err)
		}
		waits("chat", 1, h.clock.Now())
		if err := h.EndDelivery(t.Context(), h.claimed(t, "chat"), ""); err != nil {
			t.Fatal(err)
		}
		waits("chat", 0, time.Time{})
		waits("mail", 2, first)
	})
}
