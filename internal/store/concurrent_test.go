// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// Many agents work on few jobs through two daemons: no quota is overdrawn by
// one page, none is left unused, and every chain is whole.
func TestQuotaIsExact(t *testing.T) {
	const jobs, workers, rounds, quota = 4, 32, 10, 25
	onBoth(t, func(t *testing.T, h *house) {
		daemons := []*DB{h.DB, h.open(t)}
		var allowed [jobs]atomic.Int64
		var wg sync.WaitGroup
		for j := range jobs {
			h.job(t, fmt.Sprintf("job-%d", j))
		}
		for w := range workers {
			wg.Go(func() {
				j := w % jobs
				job := fmt.Sprintf("job-%d", j)
				for range rounds {
					var r *receipt.Receipt
					err := daemons[w/jobs%2].Write(t.Context(), job, func(st *receipt.State) (*receipt.Line, error) {
						line, err := h.limited(job, call(1, "a"), quota)(st)
						if err == nil {
							r = line.Receipt
						}
						return line, err
					})
					if err != nil {
						t.Error(err)
						return
					}
					if r.Decision.Effect == policy.Allow {
						allowed[j].Add(1)
					}
				}
			})
		}
		wg.Wait()
		for j := range jobs {
			job := fmt.Sprintf("job-%d", j)
			if got := allowed[j].Load(); got != quota {
				t.Errorf("%s: %d calls allowed, want %d", job, got, quota)
			}
			if got := h.state(t, job).Used["pages"]; got != quota {
				t.Errorf("%s: %d pages used, want %d", job, got, quota)
			}
			if got := len(checkChain(t, h.DB, job)); got != workers/jobs*rounds {
				t.Errorf("%s: %d receipts, want %d", job, got, workers/jobs*rounds)
			}
		}
	})
}

// Many retries of one approved call run at once: one is allowed, all others ask
// anew, and all of these wait for one question.
func TestYesAllowsOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		job, c := h.job(t, "job-1"), call(1, "a")
		daemons := []*DB{h.DB, h.open(t)}
		q := h.ask(t, job, c)
		paper, a := h.answer(t, q, true)
		if err := h.Answer(t.Context(), q.ID, paper, a); err != nil {
			t.Fatal(err)
		}
		retry := func(st *receipt.State) (*receipt.Line, error) {
			if len(st.Answers) > 0 {
				return h.opens(job, c, policy.Allow)(st)
			}
			return h.opens(job, c, policy.Ask)(st)
		}
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				if err := daemons[i%2].Write(t.Context(), job, retry); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		allowed := 0
		for _, r := range checkChain(t, h.DB, job) {
			if r.Decision.Effect == policy.Allow {
				allowed++
			}
		}
		if allowed != 1 {
			t.Errorf("%d calls were allowed by one yes", allowed)
		}
		list, err := h.Approvals(t.Context(), Filter{Job: job})
		if err != nil || len(list) != 2 {
			t.Errorf("got %d questions, %v, want 2", len(list), err)
		}
	})
}

// Many people answer one question at once: one answer counts.
func TestOneAnswer(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		q := h.ask(t, h.job(t, "job-1"), call(1, "a"))
		daemons := []*DB{h.DB, h.open(t)}
		var taken atomic.Int64
		var wg sync.WaitGroup
		for i := range 8 {
			paper, a := h.answer(t, q, i%2 == 0)
			wg.Go(func() {
				err := daemons[i/2%2].Answer(t.Context(), q.ID, paper, a, oneDecides)
				if err == nil {
					taken.Add(1)
				} else if !errors.Is(err, ErrConflict) {
					t.Errorf("got %v, want ErrConflict", err)
				}
			})
		}
		wg.Wait()
		if got := taken.Load(); got != 1 {
			t.Errorf("%d answers were taken, want 1", got)
		}
	})
}

// Daemons create the same jobs and open the same fresh database at once.
func TestSameJobAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		daemons := []*DB{h.DB, h.open(t)}
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				if err := daemons[i%2].CreateJob(t.Context(), Job{ID: "job-1", Agent: "agent", Policy: testPolicy, Created: h.clock.Now()}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if list, err := h.Jobs(t.Context(), 0); err != nil || len(list) != 1 {
			t.Errorf("got %v, %v, want one job", list, err)
		}
	})
}
