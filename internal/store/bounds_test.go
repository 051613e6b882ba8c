// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"testing"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// A job's open calls are bounded; closing one makes room for another.
func TestOpenCallsAreBounded(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		job := h.job(t, "job-1")
		open := h.opens(job, call(1, "a"), policy.Allow)
		h.mustWrite(t, job, open)
		held := map[uint64]*receipt.Reservation{1: receipt.Reserve(call(1, "a"))}
		for i := range uint64(maxOpen - 2) { // as if there had been as many
			held[100000+i] = &receipt.Reservation{}
		}
		paper, err := seal.Marshal(held)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.write.ExecContext(t.Context(), `UPDATE chain SET reserved = $1 WHERE job = $2`, string(paper), job); err != nil {
			t.Fatal(err)
		}
		h.mustWrite(t, job, open)
		if err := h.Write(t.Context(), job, open); !errors.Is(err, ErrConflict) {
			t.Errorf("one more: got %v, want ErrConflict", err)
		}
		h.mustWrite(t, job, h.opens(job, call(1, "a"), policy.Deny))
		h.mustWrite(t, job, h.closes(job, 1, 1))
		h.mustWrite(t, job, open)
	})
}

// A counter that JSON cannot hold refuses its own call, and no other's.
func TestCountersAreBounded(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		one, two := h.job(t, "job-1"), h.job(t, "job-2")
		h.mustWrite(t, one, h.opens(one, call(maxCounter, "a"), policy.Allow))
		ends := h.together(
			wish{one, h.opens(one, call(1, "a"), policy.Allow)},
			wish{two, h.opens(two, call(1, "a"), policy.Allow)})
		if ends[0] == nil || ends[1] != nil {
			t.Errorf("got %v and %v", ends[0], ends[1])
		}
		if got := h.state(t, one).Used["pages"]; got != maxCounter {
			t.Errorf("%d pages are used", got)
		}
	})
}

// A line that another daemon has written with the same bytes, at the same time,
// is not taken for ours.
func TestLandedIsOurs(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		job := h.job(t, "job-1")
		w := &write{ctx: context.Background(), job: job}
		open := h.opens(job, call(1, "a"), policy.Allow, text("a"))
		w.next = func(st *receipt.State) (*receipt.Line, error) { return open(st) }
		if err := h.try([]*write{w}); err != nil || w.err != nil || len(w.tried) != 1 {
			t.Fatalf("%v, %v, %d tried", err, w.err, len(w.tried))
		}
		if landed, err := h.look(w); !landed || err != nil {
			t.Errorf("ours: %t, %v", landed, err)
		}
		other := &write{ctx: w.ctx, job: job, tried: []tried{w.tried[0]}}
		other.tried[0].nonce = make([]byte, nonceSize)
		if landed, err := h.look(other); landed || err != nil {
			t.Errorf("another's: %t, %v", landed, err)
		}
	})
}

// Where the commits under way take long, the log has more patience each time.
func TestLogGetsPatient(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		if !h.engine.concurrent {
			return // nothing is under way when the log looks
		}
		job := h.job(t, "job-1")
		h.mustWrite(t, job, h.opens(job, call(1, "a"), policy.Deny))
		tx, err := h.write.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		if _, err := tx.ExecContext(t.Context(), `SELECT `+h.engine.beforeOrders); err != nil {
			t.Fatal(err)
		}
		for _, want := range []int64{2 * firstWait, 4 * firstWait} {
			if n, err := h.Sequence(t.Context(), 10, fold); n != 0 || err != nil || h.settling.Load() != want {
				t.Errorf("took %d, %v; waits %d ms next, want %d", n, err, h.settling.Load(), want)
			}
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		if n, err := h.Sequence(t.Context(), 10, fold); n != 1 || err != nil || h.settling.Load() != 0 {
			t.Errorf("took %d, %v; waits %d ms", n, err, h.settling.Load())
		}
	})
}
