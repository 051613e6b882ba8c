// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

func TestApprovalLife(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		job, c := h.job(t, "job-1"), call(1, "a")
		asked := h.clock.Now()
		q := h.ask(t, job, c)
		want := &Approval{ID: "job-1.1", Job: job, Call: c.Digest(), Policy: testPolicy, Seq: 1, Asked: asked, Expires: asked.Add(QuestionLife)}
		if diff := cmp.Diff(want, q); diff != "" {
			t.Errorf("question:\n%s", diff)
		}
		h.mustWrite(t, job, h.opens(job, c, policy.Ask)) // the agent tries again: the same question
		if diff := cmp.Diff(map[seal.Hash]string{c.Digest(): q.ID}, h.state(t, job).Pending); diff != "" {
			t.Errorf("pending:\n%s", diff)
		}
		h.clock.move(time.Minute)
		paper, a := h.answer(t, q, true)
		if err := h.Answer(ctx, q.ID, paper, a); err != nil {
			t.Fatal(err)
		}
		if err := h.Answer(ctx, q.ID, paper, a); !errors.Is(err, ErrConflict) {
			t.Errorf("a second answer: got %v, want ErrConflict", err)
		}
		st := h.state(t, job)
		if diff := cmp.Diff([]policy.Approval{a.Fact()}, facts(st)); diff != "" || len(st.Pending) != 0 {
			t.Errorf("answered: %d pending\n%s", len(st.Pending), diff)
		}
		h.mustWrite(t, job, h.opens(job, c, policy.Allow))
		if st = h.state(t, job); len(st.Answers) != 0 || len(st.Pending) != 0 {
			t.Errorf("a used answer still counts: %v, %v", facts(st), st.Pending)
		}
		want.Reply, want.By, want.UsedBy, want.Expires = Yes, h.person.Name(), 3, a.Expires
		got, err := h.Approval(ctx, q.ID)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("used: %v\n%s", err, diff)
		}
		answers, err := h.Answers(ctx, job)
		if err != nil || len(answers) != 1 {
			t.Fatalf("answers: %v, %v", answers, err)
		}
		if b, err := answers[0].Marshal(); err != nil || string(b) != string(paper) {
			t.Errorf("the answer changed in the database: %v", err)
		}
	})
}

// A no outlives every call that it denies, until it expires.
func TestNoStays(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		job, c := h.job(t, "job-1"), call(1, "a")
		q := h.ask(t, job, c)
		paper, a := h.answer(t, q, false)
		if err := h.Answer(t.Context(), q.ID, paper, a); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			h.mustWrite(t, job, h.opens(job, c, policy.Deny))
			if diff := cmp.Diff([]policy.Approval{a.Fact()}, facts(h.state(t, job))); diff != "" {
				t.Errorf("a no is gone:\n%s", diff)
			}
		}
		cites := func(st *receipt.State) (*receipt.Line, error) {
			d := policy.Decision{Effect: policy.Allow, Policy: testPolicy, Approval: q.ID, Reasons: []policy.Reason{}}
			return receipt.Open(st, claims(job), c, &policy.Facts{Now: st.Now}, d).Line(h.gate)
		}
		if err := h.Write(t.Context(), job, cites); !errors.Is(err, ErrConflict) {
			t.Errorf("a no allows: got %v, want ErrConflict", err)
		}
		h.clock.move(time.Hour)
		if st := h.state(t, job); len(st.Answers) != 0 {
			t.Errorf("an expired no counts: %v", facts(st))
		}
		if again := h.ask(t, job, c); again.ID == q.ID {
			t.Errorf("the old question %s came back", q.ID)
		}
	})
}

func TestQuestionExpires(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		job, c := h.job(t, "job-1"), call(1, "a")
		q := h.ask(t, job, c)
		h.clock.move(QuestionLife)
		paper, a := h.answer(t, q, true)
		if err := h.Answer(t.Context(), q.ID, paper, a); !errors.Is(err, ErrConflict) {
			t.Errorf("too late: got %v, want ErrConflict", err)
		}
		if st := h.state(t, job); len(st.Pending) != 0 {
			t.Errorf("an expired question waits: %v", st.Pending)
		}
		stale := func(st *receipt.State) (*receipt.Line, error) {
			st.Pending[c.Digest()] = q.ID
			return h.opens(job, c, policy.Ask)(st)
		}
		if err := h.Write(t.Context(), job, stale); !errors.Is(err, ErrConflict) {
			t.Errorf("waits for an expired question: got %v, want ErrConflict", err)
		}
	})
}

// An answer signed by a clock ahead of the house's does not count yet, and the
// call is not asked about anew.
func TestAnswerAhead(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		job, c := h.job(t, "job-1"), call(1, "a")
		q := h.ask(t, job, c)
		_, a := h.answer(t, q, true)
		a.At = a.At.Add(1500 * time.Microsecond)
		a.Expires = a.At.Add(time.Minute)
		if err := h.Answer(t.Context(), q.ID, h.signAnswer(t, a), a); err != nil {
			t.Fatal(err)
		}
		st := h.state(t, job)
		if len(st.Answers) != 0 || st.Pending[c.Digest()] != q.ID {
			t.Errorf("early: got %v, %v", facts(st), st.Pending)
		}
		h.mustWrite(t, job, h.opens(job, c, policy.Ask))
		h.clock.move(2 * time.Millisecond)
		if diff := cmp.Diff([]policy.Approval{a.Fact()}, facts(h.state(t, job))); diff != "" {
			t.Errorf("in time:\n%s", diff)
		}
		h.clock.move(time.Minute - time.Millisecond) // half a millisecond is left
		if got := len(facts(h.state(t, job))); got != 1 {
			t.Errorf("just before its end %d answers count, want 1", got)
		}
		h.clock.move(time.Millisecond)
		if got := len(facts(h.state(t, job))); got != 0 {
			t.Errorf("after its end %d answers count, want 0", got)
		}
	})
}

func TestAnswerFits(t *testing.T) {
	cases := map[string]func(*receipt.Answer){
		"approval": func(a *receipt.Answer) { a.Approval = "job-1.9" },
		"job":      func(a *receipt.Answer) { a.Job = "job-2" },
		"call":     func(a *receipt.Answer) { a.Call[0] ^= 1 },
		"policy":   func(a *receipt.Answer) { a.Policy[0] ^= 1 },
	}
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		job, c := h.job(t, "job-1"), call(1, "a")
		q := h.ask(t, job, c)
		for what, change := range cases {
			_, a := h.answer(t, q, true)
			change(a)
			if err := h.Answer(ctx, q.ID, h.signAnswer(t, a), a); !errors.Is(err, ErrConflict) {
				t.Errorf("another %s: got %v, want ErrConflict", what, err)
			}
		}
		paper, a := h.answer(t, q, false)
		a.Yes = true
		if err := h.Answer(ctx, q.ID, paper, a); err == nil {
			t.Error("a no was taken for a yes")
		}
		if err := h.Answer(ctx, q.ID, []byte("{}"), a); err == nil {
			t.Error("an answer without its paper was taken")
		}
		a.Approval = "job-1.9"
		if err := h.Answer(ctx, a.Approval, h.signAnswer(t, a), a); !errors.Is(err, ErrNotFound) {
			t.Errorf("unknown question: got %v, want ErrNotFound", err)
		}
		if got, err := h.Approval(ctx, q.ID); err != nil || !got.Open(h.clock.Now()) {
			t.Errorf("the question is not open any more: %v, %v", got, err)
		}
	})
}

func TestApprovals(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		one, two := h.job(t, "job-1"), h.job(t, "job-2")
		first := h.ask(t, one, call(1, "a"))
		h.clock.move(time.Second)
		h.ask(t, two, call(1, "a"))
		h.clock.move(time.Second)
		h.ask(t, one, call(1, "b"))
		paper, a := h.answer(t, first, true)
		if err := h.Answer(t.Context(), first.ID, paper, a); err != nil {
			t.Fatal(err)
		}
		cases := []struct {
			filter Filter
			want   []string
		}{
			{Filter{}, []string{"job-1.2", "job-2.1", "job-1.1"}},
			{Filter{Limit: 2}, []string{"job-1.2", "job-2.1"}},
			{Filter{Open: true}, []string{"job-2.1", "job-1.2"}}, // what waits longest is first
			{Filter{Job: one}, []string{"job-1.2", "job-1.1"}},
			{Filter{Job: one, Open: true}, []string{"job-1.2"}},
			{Filter{Job: "nobody"}, nil},
		}
		for _, c := range cases {
			list, err := h.Approvals(t.Context(), c.filter)
			var got []string
			for _, a := range list {
				got = append(got, a.ID)
			}
			if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
				t.Errorf("%+v: %v\n%s", c.filter, err, diff)
			}
		}
		h.clock.move(QuestionLife)
		if list, err := h.Approvals(t.Context(), Filter{Open: true}); err != nil || len(list) != 0 {
			t.Errorf("expired questions are open: %v, %v", list, err)
		}
	})
}

// Open questions are listed the oldest first and all of them the newest first, page by
// page; what changes between pages hides none.
func TestListsGoOn(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		job := h.job(t, "job-1")
		var want []string
		for i := range 7 {
			want = append(want, h.ask(t, job, call(1, string(rune('a'+i)))).ID)
			h.clock.move(time.Duration(i%2) * time.Millisecond) // some at once
		}
		for _, open := range []bool{true, false} {
			var got []string
			for after := ""; ; after = got[len(got)-1] {
				list, err := h.Approvals(t.Context(), Filter{Job: job, Open: open, After: after, Limit: 3})
				if err != nil {
					t.Fatal(err)
				}
				if len(list) == 0 {
					break
				}
				for _, a := range list {
					got = append(got, a.ID)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("open: %t\n%s", open, diff)
			}
			slices.Reverse(want)
		}
		if list, err := h.Approvals(t.Context(), Filter{After: "nothing"}); err != nil || len(list) != 0 {
			t.Errorf("after what is not there: %v, %v", list, err)
		}
	})
}
