// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// changing is a call that changes something outside.
func changing(what string) *policy.Call {
	return &policy.Call{Tool: "confluence", Action: "page.update", Class: policy.Write, Args: seal.Sum([]byte("args of " + what)), Change: seal.Sum([]byte(what))}
}

// ends is a next that closes receipt opened so.
func (h *house) ends(job string, opened uint64, out *receipt.Outcome) next {
	return func(st *receipt.State) (*receipt.Line, error) {
		return receipt.Close(st, &receipt.Receipt{Job: job, Seq: opened, Token: "token-1"}, out).Sign(h.gate)
	}
}

// told is a next that refuses c for what became of an identical call.
func (h *house) told(job string, c *policy.Call, why receipt.Unsettled) next {
	return func(st *receipt.State) (*receipt.Line, error) {
		return receipt.Refuse(st, claims(job), c, string(why)).Sign(h.gate)
	}
}

// A change is unsettled until it is closed as done or failed.
func TestUnsettled(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		target := policy.Resource{Type: "page", ID: "123", Version: "8"}
		for _, test := range []struct {
			name string
			out  *receipt.Outcome // nil: it is not closed
			want receipt.Earlier  // zero: it is settled
		}{
			{"open", nil, receipt.Earlier{Seq: 1, State: receipt.UnderWay}},
			{"done", &receipt.Outcome{Status: receipt.Done, Code: "200", Target: &target}, receipt.Earlier{Seq: 1, State: receipt.Lately, Target: target}},
			{"failed", &receipt.Outcome{Status: receipt.Failed}, receipt.Earlier{}},
			{"unknown", &receipt.Outcome{Status: receipt.Unknown}, receipt.Earlier{Seq: 1, State: receipt.Unclear}},
			{"aborted", &receipt.Outcome{Status: receipt.Aborted}, receipt.Earlier{Seq: 1, State: receipt.Unclear}},
			{"found", &receipt.Outcome{Status: receipt.Done, Code: receipt.Found, Target: &target}, receipt.Earlier{Seq: 1, State: receipt.Untold, Target: target}},
			{"found without a target", &receipt.Outcome{Status: receipt.Done, Code: receipt.Found}, receipt.Earlier{Seq: 1, State: receipt.Untold}},
		} {
			job, c := h.job(t, "job-"+seal.Sum([]byte(test.name)).String()[7:15]), changing(test.name)
			h.mustWrite(t, job, h.opens(job, c, policy.Allow))
			if test.out != nil {
				h.mustWrite(t, job, h.ends(job, 1, test.out))
			}
			want := map[seal.Hash]receipt.Earlier{receipt.Attempt(c): test.want}
			if test.want.State == "" {
				want = nil
			}
			if diff := cmp.Diff(want, h.state(t, job).Changes); diff != "" {
				t.Errorf("%s:\n%s", test.name, diff)
			}
		}
		job := h.job(t, "job-deny")
		h.mustWrite(t, job, h.opens(job, changing("denied"), policy.Deny))
		h.mustWrite(t, job, h.opens(job, call(0, "reads"), policy.Allow))
		if got := h.state(t, job).Changes; got != nil {
			t.Errorf("what was denied and what changes nothing is unsettled: %v", got)
		}
	})
}

// What was done stands in the way of the same attempt for a while.
func TestLately(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		job, c := h.job(t, "job-1"), changing("a")
		lately := func() bool { return h.state(t, job).Changes[receipt.Attempt(c)].State == receipt.Lately }
		do := func(opened uint64) {
			h.mustWrite(t, job, h.opens(job, c, policy.Allow))
			h.mustWrite(t, job, h.ends(job, opened, &receipt.Outcome{Status: receipt.Done}))
		}
		do(1)
		h.mustWrite(t, job, h.told(job, c, receipt.Lately))
		if !lately() {
			t.Error("it is told once, and that answer can be lost too")
		}
		h.clock.move(receipt.Lull - time.Second)
		if !lately() {
			t.Error("it is not told in time")
		}
		h.clock.move(time.Second)
		if lately() {
			t.Error("it is told when no answer can be lost any more")
		}
		rows := func() int {
			n, err := one(t.Context(), h.read, column[int], `SELECT count(*) FROM change`)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		if h.mustWrite(t, job, h.opens(job, call(0, "reads"), policy.Deny)); rows() != 0 {
			t.Errorf("%d rows of what is past are left by the job's next receipt", rows())
		}
		do(5)
		if _, err := h.Forget(t.Context(), h.clock.Now().Add(time.Hour)); err != nil || rows() != 0 {
			t.Errorf("%d rows of what is past are left: %v", rows(), err)
		}
	})
}

// What was found is told to who tries the same call, and then for a while.
func TestFoundIsTold(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		job, c := h.job(t, "job-1"), changing("a")
		h.mustWrite(t, job, h.opens(job, c, policy.Allow))
		h.mustWrite(t, job, h.ends(job, 1, &receipt.Outcome{Status: receipt.Done, Code: receipt.Found}))
		h.mustWrite(t, job, h.told(job, changing("b"), receipt.Untold))
		if got := h.state(t, job).Changes[receipt.Attempt(c)].State; got != receipt.Untold {
			t.Errorf("after another call was refused: %q", got)
		}
		h.mustWrite(t, job, h.told(job, c, receipt.Untold))
		if got := h.state(t, job).Changes[receipt.Attempt(c)].State; got != receipt.Lately {
			t.Errorf("after it was told: %v", got)
		}
		if h.clock.move(receipt.Lull); h.state(t, job).Changes != nil {
			t.Error("it stands in the way for ever")
		}
	})
}

// What became of a call that was closed as unknown is learned once.
func TestLearn(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		job := h.job(t, "job-1")
		for i, what := range []string{"a", "b", "c"} {
			h.mustWrite(t, job, h.opens(job, changing(what), policy.Allow))
			if i < 2 {
				h.mustWrite(t, job, h.ends(job, uint64(2*i+1), &receipt.Outcome{Status: receipt.Unknown}))
			}
		}
		later := h.clock.Now().Add(time.Minute)
		list, err := h.Unsettled(ctx, Mark{}, later, 0)
		var got []Unsettled
		for _, u := range list {
			got = append(got, Unsettled{Job: u.Job, Seq: u.Seq, State: u.State})
		}
		want := []Unsettled{{Job: job, Seq: 1, State: receipt.Unclear}, {Job: job, Seq: 3, State: receipt.Unclear}, {Job: job, Seq: 5, State: receipt.UnderWay}}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
		if list, err := h.Unsettled(ctx, Mark{}, h.clock.Now().Add(-time.Hour), 0); err != nil || len(list) > 0 {
			t.Errorf("before any was opened: %v, %v", list, err)
		}
		target := &policy.Resource{Type: "page", ID: "9"}
		h.mustWrite(t, job, h.learns(job, 1, &receipt.Late{Happened: true, Target: target}))
		h.mustWrite(t, job, h.learns(job, 3, &receipt.Late{By: "op"}))
		for _, seq := range []uint64{1, 3, 5} { // told, gone, open
			if err := h.Write(ctx, job, h.learns(job, seq, &receipt.Late{})); !errors.Is(err, ErrConflict) {
				t.Errorf("learn of %d: got %v, want ErrConflict", seq, err)
			}
		}
		receipts, err := h.Receipts(ctx, job)
		if err != nil {
			t.Fatal(err)
		}
		for _, seq := range []uint64{1, 2, 6} {
			c, err := h.Call(ctx, job, seq)
			if diff := cmp.Diff(&Call{Opened: receipts[0], Closed: receipts[1], Learned: receipts[5]}, c); err != nil || diff != "" {
				t.Errorf("call of %d: %v\n%s", seq, err, diff)
			}
		}
		after := map[seal.Hash]receipt.Earlier{
			receipt.Attempt(changing("a")): {Seq: 1, State: receipt.Untold, Target: *target},
			receipt.Attempt(changing("c")): {Seq: 5, State: receipt.UnderWay},
		}
		if diff := cmp.Diff(after, h.state(t, job).Changes); diff != "" {
			t.Error(diff)
		}
	})
}
