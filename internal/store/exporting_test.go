// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clawea/clawea/policy"
)

func (h *house) exported(t testing.TB, channel string) *Export {
	t.Helper()
	x, err := h.Exported(t.Context(), channel)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// A channel begins with what comes, and its place moves by what is claimed and ended.
func TestExporting(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx, job := t.Context(), h.job(t, "job-1")
		for range 3 {
			h.mustWrite(t, job, h.opens(job, call(1, "a"), policy.Allow))
		}
		x := h.exported(t, "siem")
		list, err := h.ReceiptsBehind(ctx, x.Last, 10)
		if err != nil || len(list) != 3 || x.Last != 0 || x.Tries != 0 || x.UpTo != 0 {
			t.Fatalf("begins with %d behind %+v, %v", len(list), x, err)
		}
		if err := h.ClaimExport(ctx, x, list[1].ID, "claim-1", time.Minute); err != nil {
			t.Fatal(err)
		}
		h.clock.move(time.Second)
		if err := h.DelayExport(ctx, x, h.clock.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if err := h.EndExport(ctx, x); !errors.Is(err, ErrConflict) {
			t.Errorf("ended without a claim: %v", err)
		}
		x = h.exported(t, "siem")
		if x.Last != 0 || x.Tries != 1 || x.UpTo != list[1].ID || !x.Due.Equal(h.clock.Now().Add(time.Hour)) {
			t.Errorf("delayed: %+v", x)
		}
		if err := h.ClaimExport(ctx, x, x.UpTo, "claim-2", time.Minute); err != nil {
			t.Fatal(err)
		}
		if err := h.EndExport(ctx, x); err != nil {
			t.Fatal(err)
		}
		if err := h.EndExport(ctx, x); !errors.Is(err, ErrConflict) {
			t.Errorf("ended twice: %v", err)
		}
		x = h.exported(t, "siem")
		rest, err := h.ReceiptsBehind(ctx, x.Last, 10)
		if err != nil || len(rest) != 1 || rest[0].ID != list[2].ID || x.Tries != 0 || x.Last != list[1].ID {
			t.Errorf("then %d behind %+v, %v", len(rest), x, err)
		}
		if other := h.exported(t, "other"); other.Last != 0 {
			t.Errorf("another channel is at %d", other.Last)
		}
	})
}

// What the log has when a channel begins is of before.
func TestExportingBegins(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		job := h.job(t, "job-1")
		h.mustWrite(t, job, h.opens(job, call(1, "a"), policy.Allow))
		if n, err := h.Sequence(t.Context(), 10, fold); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		h.mustWrite(t, job, h.opens(job, call(1, "b"), policy.Allow))
		x := h.exported(t, "siem")
		if list, err := h.ReceiptsBehind(t.Context(), x.Last, 10); err != nil || len(list) != 1 {
			t.Errorf("begins with %d, %v", len(list), err)
		}
	})
}

// One replica has a claim at a time, until it is over; whose claim was taken over
// moves nothing.
func TestExportingClaims(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx, job := t.Context(), h.job(t, "job-1")
		h.mustWrite(t, job, h.opens(job, call(1, "a"), policy.Allow))
		h.exported(t, "siem")
		var won atomic.Int32
		var all sync.WaitGroup
		claims := make([]*Export, 8)
		for i := range claims {
			claims[i] = h.exported(t, "siem")
			all.Go(func() {
				err := h.ClaimExport(ctx, claims[i], 1, fmt.Sprint("claim-", i), time.Minute)
				if err == nil {
					won.Add(1)
				} else if claims[i] = nil; !errors.Is(err, ErrConflict) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 {
			t.Fatalf("%d have the claim", won.Load())
		}
		late := h.exported(t, "siem")
		if err := h.ClaimExport(ctx, late, 1, "late", time.Minute); !errors.Is(err, ErrConflict) {
			t.Errorf("claimed while another has it: %v", err)
		}
		h.clock.move(time.Minute)
		stale := *late
		if err := h.ClaimExport(ctx, late, 1, "late", time.Minute); err != nil {
			t.Errorf("claimed after it is over: %v", err)
		}
		if err := h.ClaimExport(ctx, &stale, 1, "stale", time.Minute); !errors.Is(err, ErrConflict) {
			t.Errorf("claimed by who has not seen the last claim: %v", err)
		}
		for _, x := range claims {
			if x == nil {
				continue
			}
			if err := h.EndExport(ctx, x); !errors.Is(err, ErrConflict) {
				t.Errorf("ended without the claim: %v", err)
			}
			if err := h.DelayExport(ctx, x, h.clock.Now()); !errors.Is(err, ErrConflict) {
				t.Errorf("delayed without the claim: %v", err)
			}
		}
		if err := h.EndExport(ctx, late); err != nil {
			t.Error(err)
		}
	})
}
