// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"testing"
	"time"
)

// What is heard through any replica, every replica's next receipt knows, and of no other job.
func TestHear(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		other := h.open(t)
		h.job(t, "job-1")
		h.job(t, "job-2")
		if err := h.Hear(t.Context(), "nobody"); !errors.Is(err, ErrNotFound) {
			t.Errorf("a job that is not there: got %v, want ErrNotFound", err)
		}
		h.mustWrite(t, "job-1", h.limited("job-1", call(1, "a"), 10)) // SQLite's writer keeps its page
		if st := h.state(t, "job-1"); st.Heard != nil || st.Silence() != nil {
			t.Errorf("heard of before it was: %v", st.Heard)
		}
		heard := h.clock.Now()
		for _, test := range []struct {
			by    *DB
			after time.Duration
			then  time.Duration // since the first: what is kept
		}{
			{h.DB, 0, 0},
			{other, 500 * time.Millisecond, 0}, // not written
			{other, 500 * time.Millisecond, time.Second},
			{h.DB, -10 * time.Second, time.Second}, // a clock that went back
			{other, 20 * time.Second, 11 * time.Second},
			{h.DB, time.Hour, time.Hour + 11*time.Second},
			{other, -time.Hour, 11 * time.Second}, // that clock was wrong
		} {
			h.clock.move(test.after)
			if err := test.by.Hear(t.Context(), "job-1"); err != nil {
				t.Fatal(err)
			}
			if st := h.state(t, "job-1"); st.Heard == nil || !st.Heard.Equal(heard.Add(test.then)) {
				t.Errorf("after %v: heard %v, want %v", test.after, st.Heard, heard.Add(test.then))
			}
		}
		h.clock.move(1500 * time.Millisecond)
		h.mustWrite(t, "job-1", h.limited("job-1", call(1, "b"), 10))
		if st := h.state(t, "job-1"); st.Silence() == nil || *st.Silence() != 2 {
			t.Errorf("silent for %v, want 2 s", st.Silence())
		}
		if st := h.state(t, "job-2"); st.Heard != nil {
			t.Errorf("another job is heard of: %v", st.Heard)
		}
	})
}
