// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/token"
)

// spends is n, and uses up proof id with it.
func (h *house) spends(id string, n next) next {
	return func(st *receipt.State) (*receipt.Line, error) {
		l, err := n(st)
		if err == nil {
			l.Spent = &receipt.Spent{ID: id, Until: st.Now.Add(time.Minute)}
		}
		return l, err
	}
}

func TestProofIsUsedOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		one, two := h.job(t, "job-1"), h.job(t, "job-2")
		opens := func(job, proof string) wish {
			return wish{job, h.spends(proof, h.opens(job, call(1, "a"), policy.Allow))}
		}
		h.mustWrite(t, one, opens(one, "p").next)
		before := h.state(t, one)
		if err := h.Write(ctx, one, opens(one, "p").next); !errors.Is(err, token.ErrReplayed) {
			t.Errorf("again: got %v, want ErrReplayed", err)
		}
		if err := h.Spend(ctx, one, receipt.Spent{ID: "p", Until: h.clock.Now()}); !errors.Is(err, token.ErrReplayed) {
			t.Errorf("by itself: got %v, want ErrReplayed", err)
		}
		if got := h.state(t, one); got.Head != before.Head || got.Used["pages"] != 1 {
			t.Errorf("a replay left something: %+v", got)
		}
		h.mustWrite(t, two, opens(two, "p").next) // another job's is another
		if err := h.Spend(ctx, one, receipt.Spent{ID: "q", Until: h.clock.Now().Add(time.Minute)}); err != nil {
			t.Fatal(err)
		}
		if err := h.Write(ctx, one, opens(one, "q").next); !errors.Is(err, token.ErrReplayed) {
			t.Errorf("after it was used by itself: got %v, want ErrReplayed", err)
		}

		ends := h.together(opens(one, "r"), opens(one, "r"), opens(two, "q"), opens(one, "p"), wish{one, h.opens(one, call(1, "a"), policy.Allow)}, opens(one, "s"))
		for i, want := range []error{nil, token.ErrReplayed, nil, token.ErrReplayed, nil, nil} {
			if !errors.Is(ends[i], want) {
				t.Errorf("write %d of a group: got %v, want %v", i, ends[i], want)
			}
		}
		if got := len(checkChain(t, h.DB, one)); got != 4 {
			t.Errorf("job-1 has %d receipts, want 4", got)
		}
		if got := h.state(t, one).Used["pages"]; got != 4 {
			t.Errorf("job-1 has used %d pages, want 4", got)
		}
		if ends := h.together(opens(one, "r"), opens(one, "s")); !errors.Is(ends[0], token.ErrReplayed) || !errors.Is(ends[1], token.ErrReplayed) {
			t.Errorf("a group of replays: got %v", ends)
		}
	})
}

// A refused line does not use up its proof.
func TestRefusedLineSpendsNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		job := h.job(t, "job-1")
		if err := h.Write(t.Context(), job, h.spends("p", h.closes(job, 7, 0))); err == nil {
			t.Fatal("it closes nothing")
		}
		h.mustWrite(t, job, h.spends("p", h.opens(job, call(0, "a"), policy.Deny)))
	})
}

func TestForget(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		now := h.clock.Now()
		for i := range 3 {
			if err := h.Spend(ctx, "job-1", receipt.Spent{ID: fmt.Sprint(i), Until: now.Add(time.Duration(i) * time.Second)}); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := h.Forget(ctx, now.Add(margin+time.Second)); n != 1 || err != nil {
			t.Errorf("forgot %d, %v, want 1", n, err)
		}
		for i, want := range []error{nil, token.ErrReplayed, token.ErrReplayed} {
			if err := h.Spend(ctx, "job-1", receipt.Spent{ID: fmt.Sprint(i), Until: now}); !errors.Is(err, want) {
				t.Errorf("proof %d: got %v, want %v", i, err, want)
			}
		}
	})
}

// A commit that nobody heard of: a line that landed has used up its own proof,
// and is not a replay of itself.
func TestProofCommitUnheard(t *testing.T) {
	cases := map[string]map[int]func(*sql.Tx) error{
		"once":                           {1: lost},
		"done, but nobody heard":         {1: doneButLost},
		"again, done, but nobody heard":  {1: lost, 2: doneButLost},
		"both of them, and nobody heard": {1: doneButLost, 2: lost},
	}
	for name, faults := range cases {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, h *house) {
				job := h.job(t, "job-1")
				h.commits(faults)
				opens := func(proof string) wish { return wish{job, h.spends(proof, h.opens(job, call(1, "a"), policy.Allow))} }
				for i, err := range h.together(opens("p"), opens("q")) {
					if err != nil {
						t.Errorf("write %d: %v", i, err)
					}
				}
				for i, err := range h.together(opens("p"), opens("q")) {
					if !errors.Is(err, token.ErrReplayed) {
						t.Errorf("again, write %d: got %v, want ErrReplayed", i, err)
					}
				}
				if got := len(checkChain(t, h.DB, job)); got != 2 {
					t.Errorf("got %d receipts, want 2", got)
				}
			})
		})
	}
}

// Many senders replay one proof through two daemons: it is good once.
func TestProofRace(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		job := h.job(t, "job-1")
		daemons := []*DB{h.DB, h.open(t)}
		var good atomic.Int64
		var wg sync.WaitGroup
		for i := range 24 {
			wg.Go(func() {
				var err error
				if i%3 == 0 {
					err = daemons[i%2].Spend(t.Context(), job, receipt.Spent{ID: "p", Until: h.clock.Now()})
				} else {
					err = daemons[i%2].Write(t.Context(), job, h.spends("p", h.opens(job, call(1, "a"), policy.Allow)))
				}
				if err == nil {
					good.Add(1)
				} else if !errors.Is(err, token.ErrReplayed) {
					t.Errorf("got %v, want ErrReplayed", err)
				}
			})
		}
		wg.Wait()
		if got := good.Load(); got != 1 {
			t.Errorf("a proof was good %d times", got)
		}
		if got := len(checkChain(t, h.DB, job)); got > 1 {
			t.Errorf("got %d receipts, want at most 1", got)
		}
	})
}
