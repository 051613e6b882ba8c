// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
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
			if diff := gocmp.Diff(h.replay(t, job), h.state(t, job), cmpopts.EquateEmpty()); diff != "" {
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
	switch rapid.SampledFrom([]string{"call", "try", "try", "close", "answer", "answer", "answer", "wait", "race", "revoke", "lift"}).Draw(rt, "step") {
	case "try":
		h.mustWrite(t, job, h.decided(job, c))
	case "call":
		e := rapid.SampledFrom([]policy.Effect{policy.Allow, policy.Deny}).Draw(rt, "effect")
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

// people are those who answer; each call needs two of them.
var people = []string{"ada@example.com", "bob@example.com", "cyd@example.com"}

// answerOne has somebody answer some question of job's, if one takes that.
func (h *house) answerOne(rt *rapid.T, t *testing.T, job string) {
	list, err := h.Approvals(context.Background(), Filter{Job: job})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		return
	}
	q := rapid.SampledFrom(list).Draw(rt, "question")
	_, a := h.answer(t, &q, rapid.Bool().Draw(rt, "yes"))
	a.By = rapid.SampledFrom(people).Draw(rt, "by")
	a.At = a.At.Add(time.Duration(rapid.IntRange(-2000, 2000).Draw(rt, "µs ahead")) * time.Microsecond)
	a.Expires = a.At.Add(time.Duration(rapid.IntRange(1, 48*3600).Draw(rt, "holds")) * time.Second)
	if a.Withdraws = !a.Yes && rapid.Bool().Draw(rt, "withdraws"); a.Yes {
		a.Times = rapid.IntRange(0, 3).Draw(rt, "times")
	}
	err = h.DB.Answer(context.Background(), a.Approval, signedBy(t, h.signerOf(t, a.By), a), a, decides(2))
	if err != nil && !errors.Is(err, ErrConflict) {
		t.Fatal(err)
	}
}

// enough tells what answers come to that count, as the decisions of this test do.
func enough(answers []policy.Approval) policy.Effect {
	for _, a := range answers {
		if !a.Yes {
			return policy.Deny
		}
	}
	if len(answers) < 2 {
		return policy.Ask
	}
	return policy.Allow
}

// decided is a next that asks about c, unless people's answers have decided.
func (h *house) decided(job string, c *policy.Call) next {
	return func(st *receipt.State) (*receipt.Line, error) {
		byQuestion := map[string][]policy.Approval{}
		for _, a := range facts(st) {
			if a.Call == c.Digest() {
				byQuestion[a.ID] = append(byQuestion[a.ID], a)
			}
		}
		d := policy.Decision{Effect: policy.Ask, Policy: testPolicy, Reasons: []policy.Reason{}}
		for id, answers := range byQuestion {
			if e := enough(answers); e == policy.Deny || e == policy.Allow && d.Effect == policy.Ask {
				d.Effect, d.Approval = e, id
			}
		}
		var seen []policy.Approval
		for _, a := range facts(st) {
			if a.Call == c.Digest() {
				seen = append(seen, a)
			}
		}
		r := receipt.Open(st, claims(job), c, &policy.Facts{Now: st.Now, Used: st.Used, Approvals: seen}, d)
		return r.Line(h.gate)
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
	st := &receipt.State{Now: h.clock.Now(), Used: map[string]int{}, Pending: map[seal.Hash]string{}, Decided: map[seal.Hash]string{}}
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
	for _, id := range bySeq(asked) {
		if !cancelled[id] {
			h.replayQuestion(t, st, rs, asked[id])
		}
	}
	return st
}

// bySeq are the questions, in the order of their receipts.
func bySeq(asked map[string]*receipt.Receipt) []string {
	return slices.SortedFunc(maps.Keys(asked), func(a, b string) int { return cmp.Compare(asked[a].Seq, asked[b].Seq) })
}

// replayQuestion works out what the question that r asks has come to.
func (h *house) replayQuestion(t *testing.T, st *receipt.State, rs []*receipt.Receipt, r *receipt.Receipt) {
	t.Helper()
	id, open := r.Asks, st.Now.Before(r.At.Add(QuestionLife))
	var held, ahead []*seal.Envelope
	spent := 0
	yeses := 0
	for _, e := range h.lastAnswers(t, r.Job, id) {
		a := new(receipt.Answer)
		if err := seal.Decode(e.Payload, a); err != nil {
			t.Fatal(err)
		}
		uses := 0
		for _, o := range rs {
			if o.Kind == receipt.Opened && o.Decision.Effect == policy.Allow && o.Decision.Approval == id &&
				slices.ContainsFunc(o.Facts.Approvals, func(x policy.Approval) bool { return x.ID == id && x.By == a.By && x.At.Equal(a.At) }) {
				uses++
			}
		}
		if a.Yes {
			if yeses++; uses == a.Calls() {
				spent++
			}
		}
		switch {
		case a.Withdraws || !st.Now.Before(a.Expires) || a.Yes && uses == a.Calls():
		case a.Yes && a.At.After(st.Now):
			ahead = append(ahead, e)
		default:
			held = append(held, e)
		}
	}
	if yeses > 0 && spent == yeses && usedUp(rs, id) {
		return
	}
	st.Answers = append(st.Answers, held...)
	switch replied := h.replied(t, id); {
	case open && (replied == NoReply || len(ahead) > 0):
		st.Pending[r.Call.Digest()] = id
	case open && len(held) > 0:
		st.Decided[r.Call.Digest()] = id
	}
}

// usedUp reports whether some call was allowed by id.
func usedUp(rs []*receipt.Receipt, id string) bool {
	return slices.ContainsFunc(rs, func(r *receipt.Receipt) bool {
		return r.Kind == receipt.Opened && r.Decision.Effect == policy.Allow && r.Decision.Approval == id
	})
}

// replied is what the lists say of a question: no paper does.
func (h *house) replied(t *testing.T, id string) Reply {
	t.Helper()
	a, err := h.Approval(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	return a.Reply
}

// lastAnswers returns the last that each person has said to a question, in the order
// in which they came.
func (h *house) lastAnswers(t *testing.T, job, id string) []*seal.Envelope {
	t.Helper()
	envelopes, err := h.Answers(context.Background(), job)
	if err != nil {
		t.Fatal(err)
	}
	var out []*seal.Envelope
	for _, e := range envelopes {
		if a := fact(e); a.ID == id {
			out = slices.DeleteFunc(out, func(o *seal.Envelope) bool { return fact(o).By == a.By })
			out = append(out, e)
		}
	}
	return out
}
