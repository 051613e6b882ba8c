// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/policy"
)

func TestCall(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		job, other := h.job(t, "job-1"), h.job(t, "job-2")
		h.mustWrite(t, job, h.opens(job, call(1, "a"), policy.Allow)) // 1, closed by 3
		h.mustWrite(t, job, h.opens(job, call(1, "b"), policy.Allow)) // 2, open
		h.mustWrite(t, job, h.closes(job, 1, 1))
		h.mustWrite(t, job, h.opens(job, call(1, "c"), policy.Deny)) // 4
		h.mustWrite(t, other, h.opens(other, call(1, "a"), policy.Allow))
		receipts, err := h.Receipts(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			seq  uint64
			want *Call
		}{
			{1, &Call{Opened: receipts[0], Closed: receipts[2]}}, {3, &Call{Opened: receipts[0], Closed: receipts[2]}}, {2, &Call{Opened: receipts[1]}}, {4, &Call{Opened: receipts[3]}},
		} {
			got, err := h.Call(t.Context(), job, c.seq)
			if err != nil {
				t.Errorf("%d: %v", c.seq, err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%d: %s", c.seq, diff)
			}
		}
		for _, c := range []struct {
			job string
			seq uint64
		}{{job, 0}, {job, 5}, {job, 1 << 63}, {other, 2}, {"job-3", 1}, {"", 1}} {
			if got, err := h.Call(t.Context(), c.job, c.seq); !errors.Is(err, ErrNotFound) {
				t.Errorf("%q/%d: %+v, %v", c.job, c.seq, got, err)
			}
		}
	})
}
