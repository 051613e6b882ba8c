// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
	"github.com/clawea/clawea/verify"
)

const ownersPolicy = `{"approvals": {"required_for": ["repo.merge"]}, "approvers": [{"groups": ["owners"], "required": 2}], "tool_policy": {"allow": ["repo.merge"]}, "wpc_version": "v1"}`

// The receipts of the job that two owners approve, by number.
const (
	ownersAsk   = 1 // nobody has answered
	ownersAgain = 2 // ann has
	ownersOpen  = 3 // and ben: it is done, for the first time
	ownersNext  = 5 // ann's yes was for two calls, ben's for one
	ownersLast  = 6 // ben has said yes once more
	ownersEnd   = 7
)

// ownersStory is a change that two people of a group allow, twice.
func ownersStory(t testing.TB) (*house, *bundle.Bundle) { return ownersAfter(t, 2*receipt.Lull) }

// ownersAfter is that story, with a pause between the two.
func ownersAfter(t testing.TB, pause time.Duration) (*house, *bundle.Bundle) {
	h := newHouse(t)
	h.gate.Groups = map[string][]string{"owners": {"ann", "ben"}, "others": {"ann"}}
	h.rules = func(t *verify.Trust) { t.Groups = h.gate.Groups }
	raw := h.mint(h.publish(ownersPolicy), smallJob, "t1", time.Hour, func(c *token.Claims) { c.Client = "ci"; bind(c) })
	branch := policy.Resource{Type: "branch", ID: "main", Version: "7"}
	change := &receipt.Change{
		Summary: "Merge it", Target: &branch, Request: receipt.Request{Method: "POST", Path: "/merge", Body: json.RawMessage(`{}`)},
		Undo: receipt.Undo{Irreversible: "history is not rewritten"}, Diff: "-a\n+b\n",
	}
	req := request(merge, "m", policy.Call{Resources: []policy.Resource{branch}}, done("ok", nil), nil)
	plain := req.Plan
	req.Plan = func(ctx context.Context, bounds []policy.Bound) (*gate.Plan, error) {
		p, err := plain(ctx, bounds)
		p.Change = change
		return p, err
	}
	shown := func(times int) func(*receipt.Answer) {
		return func(a *receipt.Answer) { a.Shown, a.Times = receipt.ShownHash(change.Diff), times }
	}
	const question = smallJob + ".1"
	h.do(raw, req, &gate.Pending{})
	h.say(h.ann, question, shown(2))
	h.do(raw, req, &gate.Pending{})
	h.say(h.ben, question, shown(0))
	h.do(raw, req, nil)
	h.now = h.now.Add(pause)
	h.do(raw, req, &gate.Pending{})
	h.say(h.ben, question, shown(1))
	h.do(raw, req, nil)
	return h, h.export(smallJob, ownersEnd)
}

// owners is that story, edited.
func owners(edit func(*house, *bundle.Bundle)) func(testing.TB) (*house, *bundle.Bundle) {
	return edited(ownersStory, edit)
}

// resaid has ann's first answer say something else, and the gate believe it.
func resaid(says func(*receipt.Answer), counted func(*policy.Approval)) func(*house, *bundle.Bundle) {
	return func(h *house, b *bundle.Bundle) {
		resign(h.ann, &b.Answers[0], says)
		h.rewrite(b, func(r *receipt.Receipt) {
			if r.Facts == nil || counted == nil {
				return
			}
			for i := range r.Facts.Approvals {
				if x := &r.Facts.Approvals[i]; x.By == "ann" {
					counted(x)
				}
			}
		})
	}
}

// approving are the cases of 3.7 that are about several people.
var approving = []vector{
	{"3.7-quorum", "Two people of a group allow a call, twice: one by a yes for two calls, one by two yeses.", owners(nil), nil},
	{"3.7-one-of-two", "One of two people allows nothing, whatever the gate says.", owners(func(h *house, b *bundle.Bundle) {
		h.rewrite(b, at(ownersOpen, func(r *receipt.Receipt) { r.Facts.Approvals = r.Facts.Approvals[:1] }))
	}), nil},
	{"3.7-used-too-often", "A yes for one call allows no second.", owners(resaid(func(a *receipt.Answer) { a.Times = 0 }, nil)), nil},
	{"3.7-own", "Who ordered the token does not allow its call, though the gate says that it was somebody else.", owners(func(h *house, b *bundle.Bundle) {
		resign(h.issuer, &b.Tokens[0], func(c *token.Claims) { c.Client = "ann" })
	}), nil},
	{"3.7-own-counted-for-nothing", "A gate cannot make a yes somebody's own to be rid of it.", owners(func(h *house, b *bundle.Bundle) {
		h.rewrite(b, at(ownersAgain, func(r *receipt.Receipt) {
			r.Facts.Approvals[0].Own, r.Decision.Missing = true, 2
			r.Decision.Reasons[2].Says = "2 more people have to say yes"
		}))
	}), nil},
	{"3.7-other-group", "People are in the groups in which the auditor has them.", owners(func(h *house, b *bundle.Bundle) {
		h.rules = func(t *verify.Trust) { t.Groups = map[string][]string{"owners": {"ann"}} }
	}), nil},
	{"3.7-no-groups", "Without the auditor's groups, those of the receipts are the gate's word: a warning.", owners(func(h *house, b *bundle.Bundle) { h.rules = nil }), nil},
	{"3.7-other-difference", "Who was shown another difference has not approved this one.", owners(resaid(func(a *receipt.Answer) { a.Shown = receipt.ShownHash("-a\n+c\n") }, nil)), nil},
	{"3.7-difference-undisclosed", "What was shown is not compared where the change is not disclosed.", owners(func(h *house, b *bundle.Bundle) { *b = *b.Redact(nothing) }), nil},
	{"3.7-withdrawal-unheard", "A yes that was taken back before its call was allowed is a warning: the withdrawal may have been under way.", owners(func(h *house, b *bundle.Bundle) {
		took := withdrawal(b, 0)
		b.Answers = append(b.Answers, *must(took.Sign(h.ann)))
	}), nil},
	{"3.7-no-unheard", "A no from more than six minutes before a call was with the house when it allowed it.", unheard(func(a *receipt.Answer) { a.Withdraws = false }), nil},
	{"3.7-withdrawal-ignored", "And so was a withdrawal.", unheard(func(*receipt.Answer) {}), nil},
	{"3.7-withdrawal-as-no", "A withdrawal is no answer.", owners(func(h *house, b *bundle.Bundle) {
		took := withdrawal(b, 0)
		b.Answers[0] = *must(took.Sign(h.ann))
	}), nil},
	{"3.7-older-answer", "Of one person the last answer that was counted stays the last.", owners(func(h *house, b *bundle.Bundle) {
		newer := withdrawal(b, 0)
		newer.Withdraws, newer.Yes = false, true
		b.Answers = append(b.Answers, *must(newer.Sign(h.ann)))
		h.rewrite(b, at(ownersNext, func(r *receipt.Receipt) { r.Facts.Approvals[0].At = newer.At }))
	}), nil},
	{"3.7-last-word", "What a person thought better of is no warning.", owners(func(h *house, b *bundle.Bundle) {
		no := withdrawal(b, 0)
		no.Withdraws, no.At = false, no.At.Add(-time.Second-time.Millisecond)
		b.Answers = append(b.Answers, *must(no.Sign(h.ann)))
	}), nil},
}

// unheard is that story with ten minutes between its two halves; after the first, the
// person whose yes was for both says something else, which the second does not heed.
func unheard(says func(*receipt.Answer)) func(testing.TB) (*house, *bundle.Bundle) {
	pause := func(t testing.TB) (*house, *bundle.Bundle) { return ownersAfter(t, 10*time.Minute) }
	return edited(pause, func(h *house, b *bundle.Bundle) {
		a := withdrawal(b, 0)
		a.At = a.At.Add(90 * time.Second)
		a.Expires = a.At.Add(receipt.NoHold)
		says(a)
		b.Answers = append(b.Answers, *must(a.Sign(h.ann)))
	})
}

// withdrawal takes an answer of b's back, half a second later.
func withdrawal(b *bundle.Bundle, i int) *receipt.Answer {
	a := new(receipt.Answer)
	if err := seal.Decode(b.Answers[i].Payload, a); err != nil {
		panic(err)
	}
	a.Yes, a.Shown, a.Times, a.Withdraws, a.At = false, seal.Hash{}, 0, true, a.At.Add(500*time.Millisecond)
	return a
}

// The story comes to what its vectors expect.
func TestOwnersStory(t *testing.T) {
	h, b := ownersStory(t)
	r := verify.Bundle(must(b.Marshal()), h.trust(), verify.Expect{})
	if !r.Verified() || len(codes(r, verify.Warn)) > 0 {
		t.Errorf("%v", r.Findings)
	}
	for seq, missing := range map[int]int{ownersAsk: 2, ownersAgain: 1, ownersOpen: 0, ownersNext: 1, ownersLast: 0} {
		got := must(receipt.Parse(b.Receipts[seq-1].Payload))
		want := policy.Ask
		if missing == 0 {
			want = policy.Allow
		}
		if got.Decision.Missing != missing || got.Decision.Effect != want {
			t.Errorf("receipt %d: %v", seq, got.Decision)
		}
	}
}

// Each lie about people is found by its own code.
func TestApprovingCodes(t *testing.T) {
	want := map[string]string{
		"3.7-quorum": "", "3.7-one-of-two": "receipt.decision", "3.7-used-too-often": "receipt.reused", "3.7-own": "answer.own",
		"3.7-own-counted-for-nothing": "answer.own", "3.7-other-group": "answer.groups", "3.7-no-groups": "", "3.7-other-difference": "answer.shown",
		"3.7-difference-undisclosed": "", "3.7-withdrawal-unheard": "", "3.7-no-unheard": "answer.unheard", "3.7-withdrawal-ignored": "answer.unheard", "3.7-withdrawal-as-no": "receipt.approval", "3.7-older-answer": "receipt.approval", "3.7-last-word": "",
	}
	warned := map[string]string{"3.7-no-groups": "answer.ungrouped", "3.7-withdrawal-unheard": "answer.late"}
	for _, v := range approving {
		h, b := v.make(t)
		r := verify.Bundle(must(b.Marshal()), h.trust(), verify.Expect{})
		if got := codes(r, verify.Fail); want[v.name] == "" && len(got) > 0 || want[v.name] != "" && !slices.Contains(got, want[v.name]) {
			t.Errorf("%s fails %v, want %q\n%v", v.name, got, want[v.name], r.Findings)
		}
		var wanted []string
		if w := warned[v.name]; w != "" {
			wanted = []string{w}
		}
		if diff := cmp.Diff(wanted, codes(r, verify.Warn)); diff != "" {
			t.Errorf("%s warns:\n%s", v.name, diff)
		}
	}
}

// say has a person say something to a question that others answer, too.
func (h *house) say(who key, id string, says func(*receipt.Answer)) {
	h.t.Helper()
	h.now = h.now.Add(time.Second)
	q := h.book.asked[id]
	a := &receipt.Answer{Approval: id, Job: q.Job, Call: q.Call.Digest(), Policy: q.Decision.Policy, Yes: true, By: who.Name(), At: h.now, Expires: h.now.Add(time.Hour)}
	if says != nil {
		says(a)
	}
	h.book.answers = append(h.book.answers, a)
	h.book.papers[q.Job] = append(h.book.papers[q.Job], must(a.Sign(who)))
}
