// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// A voice is a person's in one question.
type voice struct{ approval, person string }

// A spending is how often calls were allowed by one answer, and the last receipt
// that did it.
type spending struct {
	times int
	last  uint64
}

// checkApprovals checks every approval among r's facts, and which of them r
// uses up.
func (a *auditor) checkApprovals(r *receipt.Receipt) {
	digest := r.Call.Digest()
	for i, x := range r.Facts.Approvals {
		if slices.ContainsFunc(r.Facts.Approvals[:i], func(o policy.Approval) bool { return o.ID == x.ID && o.By == x.By }) {
			a.find(bundleDuplicate, r.Seq, "approval %q of %q is among the facts twice", x.ID, x.By)
		}
		a.checkApproval(r, digest, x)
	}
	id := r.Decision.Approval
	if id == "" || r.Decision.Effect != policy.Allow {
		return
	}
	a.late(r, digest)
	counted := false
	for _, x := range r.Facts.Approvals {
		if x.ID == id && x.Yes && !x.Own {
			s := &a.voiceOf(x).spent
			s.times, s.last, counted = s.times+1, r.Seq, true
		}
	}
	if !counted { // whoever's yes it was
		a.spent[id] = r.Seq
	}
}

func (a *auditor) checkApproval(r *receipt.Receipt, digest seal.Hash, x policy.Approval) {
	if x.Call != digest {
		a.find(receiptApproval, r.Seq, "approval %q is about another call", x.ID)
	}
	if q, ok := a.questions[x.ID]; !ok || q.call != x.Call || q.policy != r.Decision.Policy {
		a.find(receiptApproval, r.Seq, "no receipt before asks %q about this call, under this policy", x.ID)
	}
	if x.At.After(r.Facts.Now.Add(skew)) || !r.Facts.Now.Before(x.Expires) {
		a.find(receiptApproval, r.Seq, "approval %q holds from %s to %s", x.ID, stamp(x.At), stamp(x.Expires))
	}
	v := a.voiceOf(x)
	if x.At.Before(v.latest) {
		a.find(receiptApproval, r.Seq, "%q had said something else to %q already", x.By, x.ID)
	}
	good := 1
	if n := a.backing(r, x); n == nil {
		a.find(receiptApproval, r.Seq, "no signed answer in the bundle says what approval %q of %q says", x.ID, x.By)
	} else {
		n.seen, good = true, n.Calls()
		a.checkShown(r, n)
		a.checkStandIn(r, n)
	}
	if by, ok := a.spent[x.ID]; ok {
		a.find(receiptReused, r.Seq, "approval %q was used up by receipt %d", x.ID, by)
	} else if x.Yes && v.spent.times >= good {
		a.find(receiptReused, r.Seq, "approval %q of %q was used up by receipt %d", x.ID, x.By, v.spent.last)
	}
}

// A heard is what was counted of a person in one question.
type heard struct {
	latest time.Time // when what was counted last was given
	spent  spending  // of that
}

// voiceOf is what was counted of x's person, x included.
func (a *auditor) voiceOf(x policy.Approval) *heard {
	v := a.voices[voice{x.ID, x.By}]
	if v == nil {
		v = &heard{latest: x.At}
		a.voices[voice{x.ID, x.By}] = v
	}
	if x.At.After(v.latest) {
		*v = heard{latest: x.At}
	}
	return v
}

// backing is the answer in which the person signed what x says, or nil.
func (a *auditor) backing(r *receipt.Receipt, x policy.Approval) *answer {
	about := a.about[x.Call]
	i := slices.IndexFunc(about, func(n *answer) bool { return backs(n, x) && n.Job == r.Job && n.Policy == r.Decision.Policy })
	if i < 0 {
		return nil
	}
	return about[i]
}

// backs reports whether the person signed what x says.
func backs(n *answer, x policy.Approval) bool {
	f := n.Fact()
	return !n.Withdraws && f.ID == x.ID && f.Call == x.Call && f.By == x.By && f.For == x.For && f.Yes == x.Yes && f.At.Equal(x.At) && f.Expires.Equal(x.Expires)
}

// checkShown checks that n was given on the difference that r's call makes, as far
// as that is disclosed.
func (a *auditor) checkShown(r *receipt.Receipt, n *answer) {
	if n.Shown.IsZero() {
		return
	}
	var c *receipt.Change
	if !r.Call.Change.IsZero() {
		d := a.texts[r.Call.Change]
		if d == nil {
			return
		}
		var err error
		if c, err = receipt.ParseChange(d.Text); err != nil {
			return // that is found where changes are read
		}
	}
	if !n.Fits(c) {
		a.find(answerShown, r.Seq, "%q was shown another difference than the call makes", n.By)
	}
}

// checkOwn checks that the facts tell who ordered the token that r came with.
func (a *auditor) checkOwn(r *receipt.Receipt, c *token.Claims) {
	for _, x := range r.Facts.Approvals {
		if own := c.Client != "" && (c.Client == x.By || c.Client == x.For); own != x.Own {
			a.find(answerOwn, r.Seq, "approval %q of %q is said to be their own: %t; token %q was ordered by %q", x.ID, x.By, x.Own, c.ID, c.Client)
		}
	}
}

// checkGroups checks which groups of p's the facts say that people are in.
func (a *auditor) checkGroups(r *receipt.Receipt, p *policy.Policy) {
	named := p.Groups()
	people := receipt.People{Groups: a.trust.Groups}
	for _, x := range r.Facts.Approvals {
		whose := cmp.Or(x.For, x.By)
		want := people.Fact(&receipt.Answer{By: whose}, "", named).Groups
		switch {
		case len(named) == 0 && len(x.Groups) > 0:
			a.find(answerGroups, r.Seq, "%q is counted in groups, and the policy names none", whose)
		case len(x.Groups) == 0 && want == nil:
		case len(a.trust.Groups) == 0:
			a.find(answerUngrouped, r.Seq, "%q is counted in %s; your trust file has no groups", whose, strings.Join(x.Groups, ", "))
		case !slices.Equal(want, x.Groups):
			a.find(answerGroups, r.Seq, "%q is counted in %q; your trust file has them in %q", whose, x.Groups, want)
		}
	}
}

// late finds what would have kept a call from being allowed and was not heard: a
// person's no, and that one whose yes was counted had taken it back. It may have been
// under way: its time is the person's clock's. A house takes no answer that was longer
// under way than that: it had what is older, and did not heed it.
func (a *auditor) late(r *receipt.Receipt, digest seal.Hash) {
	said := func(n *answer, counts func(*answer) bool) bool { // by the same person, to the same question
		return slices.ContainsFunc(a.about[digest], func(o *answer) bool { return o.Approval == n.Approval && o.By == n.By && counts(o) })
	}
	counted := func(n *answer) bool {
		return slices.ContainsFunc(r.Facts.Approvals, func(x policy.Approval) bool { return backs(n, x) })
	}
	for _, n := range a.about[digest] {
		_, cancelled := a.cancelled[n.Approval]
		if n.Yes || cancelled || n.At.After(r.At) || counted(n) || said(n, func(o *answer) bool { return o.At.After(n.At) && !o.At.After(r.At) }) {
			continue
		}
		code := answerLate
		if r.At.After(n.At.Add(receipt.Underway + skew)) {
			code = answerUnheard
		}
		switch {
		case n.Withdraws && said(n, counted):
			a.find(code, r.Seq, "%q took their yes back at %s, and the call was allowed by it", n.By, stamp(n.At))
		case !n.Withdraws && r.At.Before(n.Expires):
			a.find(code, r.Seq, "%q said no at %s, and the call was allowed without that", n.By, stamp(n.At))
		}
	}
}
