// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// Whatever happens to a job, its State is what its receipts and its people's
// answers say, and nothing else.
func TestStateIsWhatPapersSay(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		n := 0
		rapid.Check(t, func(rt *rapid.T) {
			n++
			job := fmt.Sprintf("job-%d", n)
			h.owned(t, job, "agent-of-"+job, testPolicy)
			h.endless(t, job)
			for range rapid.IntRange(1, 10).Draw(rt, "steps") {
				h.step(rt, t, job)
			}
			if diff := cmp.Diff(h.replay(t, job), h.state(t, job), cmpopts.EquateEmpty()); diff != "" {
				rt.Fatalf("state differs from the papers:\n%s", diff)
			}
		})
	})
}

// endless makes job's token outlive the test.
func (h *house) endless(t *testing.T, job string) {
	t.Helper()
	end := h.clock.Now().AddDate(100, 0, 0).UnixMilli()
	if _, err := h.write.ExecContext(t.Context(), `UPDATE token SET expires = $1 WHERE job = $2`, end, job); err != nil {
		t.Fatal(err)
	}
}

// step does one random thing to job that is allowed.
func (h *house) step(rt *rapid.T, t *testing.T, job string) {
	c := call(rapid.IntRange(0, 3).Draw(rt, "pages"), rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "args"))
	switch rapid.SampledFrom([]string{"call", "close", "answer", "wait", "race", "revoke", "lift"}).Draw(rt, "step") {
	case "call":
		e := rapid.SampledFrom([]policy.Effect{policy.Allow, policy.Ask, policy.Deny}).Draw(rt, "effect")
		h.mustWrite(t, job, h.opens(job, c, e, text("a")))
	case "close":
		if open := openCalls(checkChain(t, h.DB, job)); len(open) > 0 {
			seq := rapid.SampledFrom(open).Draw(rt, "closes")
			h.mustWrite(t, job, h.closes(job, seq, rapid.IntRange(0, 4).Draw(rt, "used")))
		}
	case "answer":
		h.answerOne(rt, t, job)
	case "wait":
		h.clock.move(time.Duration(rapid.IntRange(0, 30*3600).Draw(rt, "seconds")) * time.Second)
	case "revoke":
		h.revokeOne(rt, t, job)
	case "lift":
		h.liftOne(t, job)
	case "race":
		ends := make([]chan error, 3)
		for i := range ends {
			ends[i] = make(chan error, 1)
			go func() { ends[i] <- h.Write(context.Background(), job, h.limited(job, c, 6)) }()
		}
		for _, end := range ends {
			if err := <-end; err != nil {
				t.Error(err)
			}
		}
	}
}

// revokeOne revokes something that job stands on, unless nothing is left that
// it stands on: what is ended for good is not told of more.
func (h *house) revokeOne(rt *rapid.T, t *testing.T, job string) {
	r := rapid.SampledFrom([]token.Revocation{
		{Kind: token.RevokeAgent, Target: "agent-of-" + job}, {Kind: token.RevokeToken, Target: "token-" + job}, {Kind: token.RevokeJob, Target: job},
	}).Draw(rt, "revokes")
	list, err := h.Revoking(context.Background(), []string{job})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(list, func(o Revocation) bool { return o.Kind != token.RevokeAgent }) {
		h.revoke(t, r.Kind, r.Target, "")
		h.settle(t)
	}
}

func (h *house) liftOne(t *testing.T, job string) {
	list, err := h.Revoking(context.Background(), []string{job})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		if r.Kind == token.RevokeAgent {
			if _, err := h.Lift(context.Background(), r.ID, "ada"); err != nil {
				t.Fatal(err)
			}
			h.settle(t)
			h.mustRestore(t)
		}
	}
}

func (h *house) answerOne(rt *rapid.T, t *testing.T, job string) {
	list, err := h.Approvals(context.Background(), Filter{Job: job, Open: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		return
	}
	_, a := h.answer(t, &list[0], rapid.Bool().Draw(rt, "yes"))
	a.At = a.At.Add(time.Duration(rapid.IntRange(-2000, 2000).Draw(rt, "µs ahead")) * time.Microsecond)
	a.Expires = a.At.Add(time.Duration(rapid.IntRange(1, 48*3600).Draw(rt, "holds")) * time.Second)
	if err := h.Answer(context.Background(), a.Approval, h.signAnswer(t, a), a); err != nil {
		t.Fatal(err)
	}
}

func openCalls(rs []*receipt.Receipt) []uint64 {
	var open []uint64
	for _, r := range rs {
		switch {
		case r.Kind == receipt.Closed:
			open = slices.DeleteFunc(open, func(seq uint64) bool { return seq == r.Opened })
		case r.Kind == receipt.Opened && r.Decision.Effect == policy.Allow:
			open = append(open, r.Seq)
		}
	}
	return open
}

// replay works out a job's state from its papers alone.
func (h *house) replay(t *testing.T, job string) *receipt.State {
	t.Helper()
	rs := checkChain(t, h.DB, job)
	st := &receipt.State{Now: h.clock.Now(), Used: map[string]int{}, Pending: map[seal.Hash]string{}}
	asked := map[string]*receipt.Receipt{}
	cancelled := map[string]bool{}
	for i, r := range rs {
		var opened *receipt.Receipt
		if r.Kind == receipt.Closed {
			opened = rs[r.Opened-1]
		} else if r.Asks != "" && asked[r.Asks] == nil {
			asked[r.Asks] = rs[i]
		}
		switch what := r.Revocation; r.Kind {
		case receipt.Revoked:
			st.Revoked = append(st.Revoked, what.Revocation)
			for id := range asked {
				cancelled[id] = true
			}
		case receipt.Restored:
			st.Revoked = slices.DeleteFunc(st.Revoked, func(o token.Revocation) bool { return o == what.Revocation })
		}
		for k, n := range r.Uses(opened) {
			st.Used[k] += n
		}
	}
	if len(rs) > 0 {
		last, err := h.Receipt(context.Background(), job, uint64(len(rs)))
		if err != nil {
			t.Fatal(err)
		}
		st.Head = receipt.Head{Seq: uint64(len(rs)), Hash: last.Hash()}
	}
	answers, papers := h.answersOf(t, job)
	for id, r := range asked {
		a, answered := answers[id]
		used := slices.ContainsFunc(rs, func(r *receipt.Receipt) bool {
			return r.Kind == receipt.Opened && r.Decision.Effect == policy.Allow && r.Decision.Approval == id
		})
		switch {
		case used || cancelled[id] || answered && !st.Now.Before(a.Expires):
		case answered && !a.At.After(st.Now):
			st.Answers = append(st.Answers, papers[id])
		case answered || st.Now.Before(r.At.Add(QuestionLife)):
			st.Pending[r.Call.Digest()] = id
		}
	}
	slices.SortFunc(st.Answers, func(a, b *seal.Envelope) int {
		return strings.Compare(fmt.Sprintf("%20s", fact(a).ID), fmt.Sprintf("%20s", fact(b).ID))
	})
	return st
}

// answersOf returns a job's answers by approval, and the papers that hold them.
func (h *house) answersOf(t *testing.T, job string) (map[string]policy.Approval, map[string]*seal.Envelope) {
	t.Helper()
	envelopes, err := h.Answers(context.Background(), job)
	if err != nil {
		t.Fatal(err)
	}
	answers, papers := map[string]policy.Approval{}, map[string]*seal.Envelope{}
	for _, e := range envelopes {
		a := fact(e)
		answers[a.ID], papers[a.ID] = a, e
	}
	return answers, papers
}
