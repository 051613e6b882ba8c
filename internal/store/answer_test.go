// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

const (
	ada = "ada@example.com"
	bob = "bob@example.com"
)

// by is somebody's answer to q, good for an hour, after the clock has moved on.
func (h *house) by(t testing.TB, who string, q *Approval, yes bool) *receipt.Answer {
	t.Helper()
	h.clock.move(time.Millisecond)
	_, a := h.answer(t, q, yes)
	a.By = who
	return a
}

// give gives an answer to a question that two people decide.
func (h *house) give(t testing.TB, a *receipt.Answer) error {
	t.Helper()
	return h.DB.Answer(t.Context(), a.Approval, signedBy(t, h.signerOf(t, a.By), a), a, decides(2))
}

func (h *house) mustGive(t testing.TB, a *receipt.Answer) {
	t.Helper()
	if err := h.give(t, a); err != nil {
		t.Fatal(err)
	}
}

// whose are who counts at present, in order.
func (h *house) whose(t testing.TB, job string) string {
	t.Helper()
	var out []string
	for _, a := range facts(h.state(t, job)) {
		out = append(out, fmt.Sprintf("%.3s %t", a.By, a.Yes))
	}
	return strings.Join(out, ", ")
}

// A question is open, under one id, until as many have answered as it takes.
func TestSeveralAnswers(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		job, c := h.job(t, "job-1"), call(1, "a")
		q := h.ask(t, job, c)
		h.mustGive(t, h.by(t, ada, q, true))
		st := h.state(t, job)
		if st.Pending[c.Digest()] != q.ID || len(st.Answers) != 1 || len(st.Decided) != 0 {
			t.Errorf("after one yes: %v, %v, %d answers", st.Pending, st.Decided, len(st.Answers))
		}
		h.mustWrite(t, job, h.decided(job, c)) // the agent tries again: the same question
		if got, err := h.Approval(t.Context(), q.ID); err != nil || !got.Open(h.clock.Now()) || got.By != "" {
			t.Errorf("after one yes: %+v, %v", got, err)
		}
		h.mustGive(t, h.by(t, bob, q, true))
		st = h.state(t, job)
		if len(st.Pending) != 0 || len(st.Answers) != 2 || st.Decided[c.Digest()] != q.ID {
			t.Errorf("after two: %v, %v, %d answers", st.Pending, st.Decided, len(st.Answers))
		}
		if got, err := h.Approval(t.Context(), q.ID); err != nil || got.Reply != Yes || got.By != bob {
			t.Errorf("after two: %+v, %v", got, err)
		}
		h.mustWrite(t, job, h.decided(job, c))
		if got, err := h.Approval(t.Context(), q.ID); err != nil || got.UsedBy != 3 {
			t.Errorf("used: %+v, %v", got, err)
		}
		if err := h.give(t, h.by(t, bob, q, false)); !errors.Is(err, ErrConflict) {
			t.Errorf("a no after the call: %v", err)
		}
	})
}

// Of one person the last answer counts; a withdrawal takes it back; what was signed
// before what the person said last is not heard again.
func TestSecondThoughts(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		job := h.job(t, "job-1")
		q := h.ask(t, job, call(1, "a"))
		yes := h.by(t, ada, q, true)
		h.mustGive(t, yes)
		h.mustGive(t, h.by(t, bob, q, true))
		back := h.by(t, ada, q, false)
		back.Withdraws = true
		h.mustGive(t, back)
		if got := h.whose(t, job); got != "bob true" {
			t.Errorf("after ada took it back: %s", got)
		}
		if got, err := h.Approval(t.Context(), q.ID); err != nil || !got.Open(h.clock.Now()) {
			t.Errorf("the question is not open again: %+v, %v", got, err)
		}
		again := *yes
		for what, a := range map[string]*receipt.Answer{"the yes of before": &again, "another withdrawal": {}} {
			if a.Approval == "" {
				*a = *h.by(t, ada, q, false)
				a.Withdraws = true
			}
			if err := h.give(t, a); !errors.Is(err, ErrConflict) {
				t.Errorf("%s: %v", what, err)
			}
		}
		h.mustGive(t, h.by(t, ada, q, false))
		h.mustGive(t, h.by(t, ada, q, true))
		if got := h.whose(t, job); got != "bob true, ada true" {
			t.Errorf("in the end: %s", got)
		}
		nobody := h.by(t, "cyd@example.com", q, false)
		nobody.Withdraws = true
		if err := h.give(t, nobody); !errors.Is(err, ErrConflict) {
			t.Errorf("taken back, and never said: %v", err)
		}
		if kept, err := h.Answers(t.Context(), job); err != nil || len(kept) != 5 {
			t.Errorf("%d answers are kept, want all 5: %v", len(kept), err)
		}
	})
}

// A yes that was enough can be taken back and denied as long as it holds, though
// nobody may say yes to its question any more.
func TestLateNo(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		job := h.job(t, "job-1")
		q := h.ask(t, job, call(1, "a"))
		h.clock.move(QuestionLife - time.Minute)
		h.mustGive(t, h.by(t, ada, q, true))
		h.mustGive(t, h.by(t, bob, q, true))
		h.clock.move(2 * time.Minute)
		if err := h.give(t, h.by(t, "cyd@example.com", q, true)); !errors.Is(err, ErrConflict) {
			t.Errorf("a late yes: %v", err)
		}
		back := h.by(t, ada, q, false)
		back.Withdraws = true
		h.mustGive(t, back)
		h.mustGive(t, h.by(t, bob, q, false))
		if got := h.whose(t, job); got != "bob false" {
			t.Errorf("in the end: %s", got)
		}
		h.clock.move(2 * time.Hour)
		if err := h.give(t, h.by(t, ada, q, false)); !errors.Is(err, ErrConflict) {
			t.Errorf("a no to what is over: %v", err)
		}
	})
}

// A yes is good for as many calls as it says, and a question takes more yeses when
// some are used up and others are not.
func TestTimes(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		job, c := h.job(t, "job-1"), call(1, "a")
		q := h.ask(t, job, c)
		a := h.by(t, ada, q, true)
		a.Times = 3
		h.mustGive(t, a)
		h.mustGive(t, h.by(t, bob, q, true))
		h.mustWrite(t, job, h.decided(job, c))
		if got := h.whose(t, job); got != "ada true" {
			t.Errorf("after one call: %s", got)
		}
		h.mustWrite(t, job, h.decided(job, c)) // asks: bob's is used up
		if got, err := h.Approval(t.Context(), q.ID); err != nil || !got.Open(h.clock.Now()) || got.UsedBy != 0 {
			t.Errorf("the question is not open again: %+v, %v", got, err)
		}
		h.mustGive(t, h.by(t, bob, q, true))
		h.mustWrite(t, job, h.decided(job, c))
		given, err := h.Given(t.Context(), q.ID)
		if err != nil || len(given[q.ID]) != 2 || given[q.ID][0].Left != 1 || given[q.ID][1].Left != 0 {
			t.Errorf("given: %+v, %v", given, err)
		}
		allowed := 0
		for _, r := range checkChain(t, h.DB, job) {
			if r.Decision.Effect == policy.Allow {
				allowed++
			}
		}
		if list, err := h.Approvals(t.Context(), Filter{Job: job}); allowed != 2 || err != nil || len(list) != 1 {
			t.Errorf("%d allowed, %d questions, %v", allowed, len(list), err)
		}
	})
}

// However many replicas try at once, a yes allows exactly as many calls as it says.
func TestTimesAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		job, c := h.job(t, "job-1"), call(1, "a")
		q := h.ask(t, job, c)
		for _, who := range []string{ada, bob} {
			a := h.by(t, who, q, true)
			a.Times = 5
			h.mustGive(t, a)
		}
		daemons := []*DB{h.DB, h.open(t)}
		var wg sync.WaitGroup
		for i := range 24 {
			wg.Go(func() {
				if err := daemons[i%2].Write(t.Context(), job, h.decided(job, c)); err != nil {
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
		if got, err := h.Approval(t.Context(), q.ID); allowed != 5 || err != nil || got.UsedBy != 6 {
			t.Errorf("%d calls were allowed; %+v, %v", allowed, got, err)
		}
	})
}

// Two clicks of each of two people at once are one answer of each, and both count.
func TestTwoClicks(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		job := h.job(t, "job-1")
		q := h.ask(t, job, call(1, "a"))
		daemons := []*DB{h.DB, h.open(t)}
		one, two := h.by(t, ada, q, true), h.by(t, bob, q, true)
		var taken atomic.Int32
		var wg sync.WaitGroup
		for i := range 8 {
			a := []*receipt.Answer{one, two}[i/2%2]
			paper := signedBy(t, h.signerOf(t, a.By), a)
			wg.Go(func() {
				err := daemons[i%2].Answer(t.Context(), q.ID, paper, a, decides(2))
				if err == nil {
					taken.Add(1)
				} else if !errors.Is(err, ErrConflict) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		got, err := h.Approval(t.Context(), q.ID)
		if taken.Load() != 2 || err != nil || got.Reply != Yes {
			t.Errorf("%d taken, %+v, %v", taken.Load(), got, err)
		}
	})
}

// What a decision counted must be there, and count.
func TestUseIsExact(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		job, c := h.job(t, "job-1"), call(1, "a")
		q := h.ask(t, job, c)
		h.mustGive(t, h.by(t, ada, q, true))
		good := facts(h.state(t, job))[0]
		for what, lie := range map[string]func(*policy.Approval){
			"another person":      func(a *policy.Approval) { a.By = bob },
			"another time":        func(a *policy.Approval) { a.At = a.At.Add(-time.Millisecond) },
			"the caller's own":    func(a *policy.Approval) { a.Own = true },
			"a no":                func(a *policy.Approval) { a.Yes = false },
			"to another question": func(a *policy.Approval) { a.ID = "job-1.9" },
		} {
			x := good
			lie(&x)
			err := h.Write(t.Context(), job, func(st *receipt.State) (*receipt.Line, error) {
				d := policy.Decision{Effect: policy.Allow, Policy: testPolicy, Approval: q.ID, Reasons: []policy.Reason{}}
				return receipt.Open(st, claims(job), c, &policy.Facts{Now: st.Now, Approvals: []policy.Approval{x}}, d).Line(h.gate)
			})
			if !errors.Is(err, ErrConflict) {
				t.Errorf("%s: %v", what, err)
			}
		}
		h.mustWrite(t, job, h.opens(job, c, policy.Allow))
	})
}

// A question takes a bounded number of one person's answers, and those of others, a
// first no and a withdrawal besides.
func TestTooManyAnswers(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		q := h.ask(t, h.job(t, "job-1"), call(1, "a"))
		withdraws := func() error {
			a := h.by(t, ada, q, false)
			a.Withdraws = true
			return h.give(t, a)
		}
		for _, yes := range []bool{true, false} {
			for range maxAnswers {
				h.mustGive(t, h.by(t, ada, q, yes))
			}
			if err := h.give(t, h.by(t, ada, q, yes)); !errors.Is(err, ErrConflict) {
				t.Errorf("one more (yes: %t): %v", yes, err)
			}
		}
		if err := withdraws(); err != nil {
			t.Errorf("what was said last cannot be taken back: %v", err)
		}
		if err := withdraws(); !errors.Is(err, ErrConflict) {
			t.Errorf("there is nothing left to take back: %v", err)
		}
		h.mustGive(t, h.by(t, bob, q, true))
		h.mustGive(t, h.by(t, "cyd@example.com", q, false))
	})
}

// A yes beside another's no is not taken: it would allow the call when that is over.
func TestYesBesideNo(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		q := h.ask(t, h.job(t, "job-1"), call(1, "a"))
		h.mustGive(t, h.by(t, ada, q, false))
		if err := h.give(t, h.by(t, bob, q, true)); !errors.Is(err, ErrConflict) {
			t.Errorf("bob's yes: %v", err)
		}
		if list, err := h.Answers(t.Context(), "job-1"); err != nil || len(list) != 1 {
			t.Errorf("%d answers are kept, %v", len(list), err)
		}
		h.mustGive(t, h.by(t, ada, q, true)) // her own no is hers to turn
		h.mustGive(t, h.by(t, bob, q, true))
	})
}

// A no that is signed by a clock ahead of the house's counts at once.
func TestNoAhead(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		job, c := h.job(t, "job-1"), call(1, "a")
		q := h.ask(t, job, c)
		a := h.by(t, ada, q, false)
		a.At = a.At.Add(time.Minute)
		h.mustGive(t, a)
		st := h.state(t, job)
		if len(st.Answers) != 1 || len(st.Pending) != 0 || st.Decided[c.Digest()] != q.ID {
			t.Errorf("got %v, %v, %v", facts(st), st.Pending, st.Decided)
		}
	})
}

// An order cancels a question that some have answered, and what they said.
func TestCancelledHalfway(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		job := h.job(t, "job-1")
		q := h.ask(t, job, call(1, "a"))
		h.mustGive(t, h.by(t, ada, q, true))
		h.revoke(t, "agent", "agent", "")
		if st := h.state(t, job); len(st.Answers) != 0 || len(st.Pending) != 0 {
			t.Errorf("still there: %v, %v", facts(st), st.Pending)
		}
		if err := h.give(t, h.by(t, bob, q, true)); !errors.Is(err, ErrConflict) {
			t.Errorf("an answer to it: %v", err)
		}
	})
}

// An old house's answers are kept, those that are used up as well.
func TestMigrateAnswers(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		job := h.job(t, "job-1")
		rows := map[string]*receipt.Answer{}
		var stmts []string
		hex := func(b []byte) string {
			if h.engine.name == "postgres" {
				return fmt.Sprintf(`'\x%x'`, b)
			}
			return fmt.Sprintf(`X'%x'`, b)
		}
		stmts = append(stmts,
			fmt.Sprintf(`INSERT INTO job (id, agent, policy, client, created) VALUES ('job-1', 'agent', '%s', '', 0)`, testPolicy),
			`INSERT INTO chain (job, seq, hash, at, asked) VALUES ('job-1', 0, 'sha256:`+strings.Repeat("0", 64)+`', 0, 3)`)
		for i, what := range []string{"open", "yes", "used"} {
			c := call(1, what)
			q := &Approval{ID: fmt.Sprintf("job-1.%d", i+1), Job: job, Call: c.Digest(), Policy: testPolicy}
			paper, a := h.answer(t, q, true)
			rows[what] = a
			now, until := h.clock.Now().UnixMilli(), h.clock.Now().Add(time.Hour).UnixMilli()
			answer := fmt.Sprintf(`'yes', '%s', %s, %d`, ada, hex(paper), until)
			if what == "open" {
				answer = `'', '', NULL, 0`
			}
			used := map[string]int{"used": 7}[what]
			stmts = append(stmts, fmt.Sprintf(`INSERT INTO approval (id, job, call, policy, seq, asked, expires, reply, answered_by, answer, holds_until, used_by)
				VALUES ('%s', 'job-1', '%s', '%s', %d, %d, %d, %s, %d)`, q.ID, c.Digest(), testPolicy, i+1, now, until, answer, used))
		}
		h.older(t, 7, stmts...)
		h.DB = h.open(t)
		st := h.state(t, job)
		if diff := cmp.Diff([]policy.Approval{rows["yes"].Fact()}, facts(st)); diff != "" || len(st.Pending) != 1 {
			t.Errorf("%v pending\n%s", st.Pending, diff)
		}
		if kept, err := h.Answers(t.Context(), job); err != nil || len(kept) != 2 {
			t.Errorf("%d kept, %v", len(kept), err)
		}
		h.mustWrite(t, job, h.opens(job, call(1, "yes"), policy.Allow))
		if got, err := h.Approval(t.Context(), "job-1.2"); err != nil || got.UsedBy != 1 {
			t.Errorf("used: %+v, %v", got, err)
		}
	})
}
