// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

func TestWriteChain(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		job := h.job(t, "job-1")
		empty := &receipt.State{Now: h.clock.Now(), Used: map[string]int{}, Pending: map[seal.Hash]string{}}
		if diff := cmp.Diff(empty, h.state(t, job)); diff != "" {
			t.Errorf("state of a new job:\n%s", diff)
		}
		h.mustWrite(t, job, h.opens(job, call(5, "arguments"), policy.Allow, text("arguments")))
		h.mustWrite(t, job, h.opens(job, call(5, "arguments"), policy.Deny, text("arguments"))) // the same text again
		if got := h.state(t, job).Used["pages"]; got != 5 {
			t.Errorf("an allowed and a denied call use %d pages, want 5", got)
		}
		h.mustWrite(t, job, h.closes(job, 1, 2, text("result")))
		if got := h.state(t, job).Used["pages"]; got != 2 {
			t.Errorf("a closed call uses %d pages, want 2", got)
		}
		if got := checkChain(t, h.DB, job); len(got) != 3 {
			t.Errorf("got %d receipts, want 3", len(got))
		}
		second, err := h.Receipt(ctx, job, 2)
		if err != nil {
			t.Fatal(err)
		}
		third, err := h.Receipt(ctx, job, 3)
		if err != nil {
			t.Fatal(err)
		}
		want := receipt.Head{Seq: 3, Hash: third.Hash()}
		if got := h.state(t, job).Head; got != want {
			t.Errorf("head: got %v, want %v", got, want)
		}
		if r, err := receipt.Parse(second.Payload); err != nil || r.Seq != 2 {
			t.Errorf("receipt 2: %v, %v", r, err)
		}
		if _, err := h.Receipt(ctx, job, 4); !errors.Is(err, ErrNotFound) {
			t.Errorf("receipt 4: got %v, want ErrNotFound", err)
		}
		if err := h.Write(ctx, "nobody", h.opens("nobody", call(0, ""), policy.Deny)); !errors.Is(err, ErrNotFound) {
			t.Errorf("unknown job: got %v, want ErrNotFound", err)
		}
	})
}

func TestTexts(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		job, other := h.job(t, "job-1"), h.job(t, "job-2")
		empty := text("")
		h.mustWrite(t, job, h.opens(job, call(0, "a"), policy.Deny, text("a"), text("a"), empty))
		h.mustWrite(t, job, h.opens(job, call(0, "a"), policy.Deny, text("a")))
		got, err := h.Text(ctx, job, 2, text("a").Commitment)
		if diff := cmp.Diff(text("a"), got); err != nil || diff != "" {
			t.Errorf("text: %v\n%s", err, diff)
		}
		list, err := h.Texts(ctx, job)
		want := []receipt.Text{text("a"), empty}
		byCommitment := cmpopts.SortSlices(func(a, b receipt.Text) bool { return a.Commitment.String() < b.Commitment.String() })
		if diff := cmp.Diff(want, list, byCommitment, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Errorf("texts: %v\n%s", err, diff)
		}
		if _, err := h.Text(ctx, other, 1, text("a").Commitment); !errors.Is(err, ErrNotFound) {
			t.Errorf("another job's text: got %v, want ErrNotFound", err)
		}
		h.mustWrite(t, other, h.opens(other, call(0, "b"), policy.Deny, text("b")))
		move := `UPDATE receipt SET texts = (SELECT texts FROM receipt WHERE job = 'job-1' AND seq = 1) WHERE job = 'job-2'`
		if _, err := h.write.ExecContext(ctx, move); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Text(ctx, other, 1, text("a").Commitment); err == nil || errors.Is(err, ErrNotFound) {
			t.Errorf("a text moved to another job opens: %v", err)
		}
		lie := text("a")
		lie.Bytes = []byte("b")
		if err := h.Write(ctx, job, h.opens(job, call(0, "a"), policy.Deny, lie)); err == nil {
			t.Error("a text that its commitment does not cover was written")
		}
		if got := len(checkChain(t, h.DB, job)); got != 2 {
			t.Errorf("got %d receipts, want 2", got)
		}
	})
}

// Each case changes one thing about a line that would be good.
func TestWriteRefuses(t *testing.T) {
	change := func(f func(*receipt.Receipt)) func(h *house) next {
		return func(h *house) next {
			return func(st *receipt.State) (*receipt.Line, error) {
				r := receipt.Open(st, claims("job-1"), call(1, "a"), &policy.Facts{Now: st.Now}, policy.Decision{Effect: policy.Allow, Policy: testPolicy, Reasons: []policy.Reason{}})
				f(r)
				return r.Line(h.gate)
			}
		}
	}
	cases := map[string]func(h *house) next{
		"wrong seq":           change(func(r *receipt.Receipt) { r.Seq++ }),
		"wrong prev":          change(func(r *receipt.Receipt) { r.Prev[0] ^= 1 }),
		"another job":         change(func(r *receipt.Receipt) { r.Job = "job-2" }),
		"another time":        change(func(r *receipt.Receipt) { r.At = r.At.Add(-time.Millisecond) }),
		"less than nothing":   change(func(r *receipt.Receipt) { r.Call.Uses["pages"] = -7 }),
		"asks when it allows": change(func(r *receipt.Receipt) { r.Asks = "job-1.4" }),
		"asks without asking": change(func(r *receipt.Receipt) { r.Decision.Effect = policy.Ask }),
		"another's question": change(func(r *receipt.Receipt) {
			r.Decision.Effect, r.Asks = policy.Ask, "job-2.1"
		}),
		"unknown approval": change(func(r *receipt.Receipt) { r.Decision.Approval = "job-1.1" }),
		"closes nothing":   func(h *house) next { return h.closes("job-1", 1, 0) },
		"closes a denied":  func(h *house) next { return h.closes("job-1", 3, 0) },
		"closes twice":     func(h *house) next { return h.closes("job-1", 1, 0) },
		"nothing":          func(*house) next { return func(*receipt.State) (*receipt.Line, error) { return nil, nil } },
		"panic":            func(*house) next { return func(*receipt.State) (*receipt.Line, error) { panic("hostile") } },
		"another paper": func(h *house) next {
			return func(st *receipt.State) (*receipt.Line, error) {
				l, err := h.opens("job-1", call(1, "a"), policy.Allow)(st)
				l.Envelope.Type = receipt.AnswerType
				return l, err
			}
		},
		"signed another": func(h *house) next {
			return func(st *receipt.State) (*receipt.Line, error) {
				good, err := h.opens("job-1", call(1, "a"), policy.Allow)(st)
				if err != nil {
					return nil, err
				}
				other, err := h.opens("job-2", call(1, "a"), policy.Allow)(st)
				good.Envelope = other.Envelope
				return good, err
			}
		},
	}
	onBoth(t, func(t *testing.T, h *house) {
		job := h.job(t, "job-1")
		h.job(t, "job-2")
		h.ask(t, "job-2", call(1, "a"))
		h.mustWrite(t, job, h.opens(job, call(2, "a"), policy.Allow))
		h.mustWrite(t, job, h.closes(job, 1, 2))
		h.mustWrite(t, job, h.opens(job, call(1, "a"), policy.Deny))
		before := h.state(t, job)
		for name, c := range cases {
			if err := h.Write(t.Context(), job, c(h)); err == nil {
				t.Errorf("%s: written", name)
			}
		}
		if diff := cmp.Diff(before, h.state(t, job)); diff != "" {
			t.Errorf("refused lines changed the job:\n%s", diff)
		}
		h.mustWrite(t, job, h.opens(job, call(1, "a"), policy.Allow))
	})
}

func TestWriteTime(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		job := h.job(t, "job-1")
		h.mustWrite(t, job, h.opens(job, call(0, "a"), policy.Deny))
		before := h.clock.Now()
		h.clock.move(-time.Hour)
		if got := h.state(t, job).Now; !got.Equal(before) {
			t.Errorf("after the clock went back: got %v, want %v", got, before)
		}
		h.clock.move(2 * time.Hour)
		if got := h.state(t, job).Now; !got.Equal(h.clock.Now()) {
			t.Errorf("got %v, want %v", got, h.clock.Now())
		}
	})
}

// The state that next gets is its own.
func TestStateIsNotShared(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		job := h.job(t, "job-1")
		h.mustWrite(t, job, func(st *receipt.State) (*receipt.Line, error) {
			line, err := h.opens(job, call(1, "a"), policy.Allow)(st)
			st.Used["pages"], st.Seq = 99, 99
			return line, err
		})
		if got := h.state(t, job); got.Used["pages"] != 1 || got.Seq != 1 {
			t.Errorf("got %d pages at %d, want 1 at 1", got.Used["pages"], got.Seq)
		}
	})
}

// hold keeps the writer busy until release.
func (h *house) hold(t *testing.T, job string) (release func()) {
	t.Helper()
	entered, leave := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- h.Write(context.Background(), job, func(*receipt.State) (*receipt.Line, error) {
			close(entered)
			<-leave
			return nil, errOnlyLooking
		})
	}()
	<-entered
	return func() {
		close(leave)
		if err := <-done; err != errOnlyLooking {
			t.Errorf("hold: %v", err)
		}
	}
}

func TestGroupFailsOneByOne(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		job := h.job(t, "job-1")
		mine := errors.New("mine")
		good := wish{job, h.opens(job, call(1, "a"), policy.Allow)}
		ends := h.together(good, wish{job, func(*receipt.State) (*receipt.Line, error) { return nil, mine }}, good)
		if ends[0] != nil || ends[1] != mine || ends[2] != nil {
			t.Errorf("got %v, want only the second to fail", ends)
		}
		if got := len(checkChain(t, h.DB, job)); got != 2 {
			t.Errorf("got %d receipts, want 2", got)
		}
	})
}

func TestCancelBeforeTurn(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		job := h.job(t, "job-1")
		release := h.hold(t, job)
		ctx, cancel := context.WithCancel(t.Context())
		end := make(chan error, 1)
		go func() { end <- h.Write(ctx, job, h.opens(job, call(1, "a"), policy.Allow)) }()
		cancel()
		if err := <-end; err != context.Canceled {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
		release()
		if err := h.Write(ctx, job, h.opens(job, call(1, "a"), policy.Allow)); err != context.Canceled {
			t.Errorf("already cancelled: got %v, want %v", err, context.Canceled)
		}
		if got := len(checkChain(t, h.DB, job)); got != 0 {
			t.Errorf("got %d receipts, want 0", got)
		}
	})
}

// A wish is what a write is made from.
type wish struct {
	job  string
	next next
}

// together makes the writes in one group, and returns how they end. h's writer
// must have nothing to do.
func (h *house) together(wishes ...wish) []error {
	var group []*write
	for _, w := range wishes {
		group = append(group, &write{ctx: context.Background(), job: w.job, next: w.next, done: make(chan error, 1)})
	}
	h.commitGroup(group)
	var ends []error
	for _, w := range group {
		ends = append(ends, <-w.done)
	}
	return ends
}

// commits makes the nth commit of h from now go through f[n] instead. h's
// writer must have nothing to do.
func (h *house) commits(f map[int]func(*sql.Tx) error) {
	n := 0
	h.commit = func(tx *sql.Tx) error {
		n++
		if f := f[n]; f != nil {
			return f(tx)
		}
		return tx.Commit()
	}
}

var errFire = errors.New("disk on fire")

func lost(*sql.Tx) error { return errFire }

func doneButLost(tx *sql.Tx) error { return errors.Join(errFire, tx.Commit()) }

// A group's commit fails: each write is tried again by itself, unless its line
// turns out to be there.
func TestCommitFails(t *testing.T) {
	cases := []struct {
		name     string
		faults   map[int]func(*sql.Tx) error
		errs     [2]error
		calls    int
		receipts int
	}{
		{"once", map[int]func(*sql.Tx) error{1: lost}, [2]error{}, 4, 2},
		{"done, but nobody heard", map[int]func(*sql.Tx) error{1: doneButLost}, [2]error{}, 2, 2},
		{"again for one", map[int]func(*sql.Tx) error{1: lost, 2: lost}, [2]error{errFire, nil}, 4, 1},
		{"again, done, but nobody heard", map[int]func(*sql.Tx) error{1: lost, 2: doneButLost}, [2]error{}, 4, 2},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, h *house) {
				job := h.job(t, "job-1")
				calls := 0
				counting := func(st *receipt.State) (*receipt.Line, error) {
					calls++
					return h.opens(job, call(1, "a"), policy.Allow)(st)
				}
				h.commits(c.faults)
				for i, err := range h.together(wish{job, counting}, wish{job, counting}) {
					if !errors.Is(err, c.errs[i]) {
						t.Errorf("write %d: got %v, want %v", i, err, c.errs[i])
					}
				}
				if got := len(checkChain(t, h.DB, job)); got != c.receipts || calls != c.calls {
					t.Errorf("got %d receipts by %d calls, want %d by %d", got, calls, c.receipts, c.calls)
				}
				if got := h.state(t, job).Used["pages"]; got != c.receipts {
					t.Errorf("%d pages are used, want %d", got, c.receipts)
				}
			})
		})
	}
}

// Those who wait make one group, in the order of their coming, up to its limit.
func TestGather(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const waiting = maxGroup + 10
		db := &DB{queue: make(chan *write), quit: make(chan struct{}), done: make(chan struct{})}
		for i := range waiting {
			go db.Write(t.Context(), fmt.Sprintf("job-%d", i), nil)
			synctest.Wait() // it waits for the writer
		}
		groups := [][]*write{db.gather(<-db.queue), db.gather(<-db.queue)}
		if len(groups[0]) != maxGroup || len(groups[1]) != waiting-maxGroup {
			t.Errorf("got groups of %d and %d, want %d and %d", len(groups[0]), len(groups[1]), maxGroup, waiting-maxGroup)
		}
		for i, w := range slices.Concat(groups...) {
			if want := fmt.Sprintf("job-%d", i); w.job != want {
				t.Errorf("write %d is of %s, want %s", i, w.job, want)
			}
			w.done <- nil
		}
	})
}

// Large texts do not share a commit, so that whoever waits for its end does not
// wait for all of them.
func TestLargeTextsApart(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		var group []*write
		for i := range 6 {
			job := h.job(t, fmt.Sprintf("job-%d", i))
			words := fmt.Sprint(i) + strings.Repeat("x", 600<<10)
			group = append(group, &write{ctx: t.Context(), job: job, next: h.opens(job, call(1, words), policy.Deny, text(words)), done: make(chan error, 1)})
		}
		commits := 0
		commit := h.commit
		h.commit = func(tx *sql.Tx) error {
			commits++
			return commit(tx)
		}
		h.commitGroup(group)
		for i, w := range group {
			if err := <-w.done; err != nil {
				t.Errorf("write %d: %v", i, err)
			}
			if got := checkChain(t, h.DB, w.job); len(got) != 1 {
				t.Errorf("job %d has %d receipts", i, len(got))
			}
		}
		if commits != 3 {
			t.Errorf("%d commits, want 3 of two texts each", commits)
		}
	})
}
