// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"maps"
	"slices"
	"time"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// A call is an allowed one, on its way.
type call struct {
	opened *receipt.Receipt
	closed uint64 // the receipt that closed it, or 0

	status  receipt.Status // what that says
	learned uint64         // the receipt that said later what became of it, or 0
}

// walk follows the chain from the first receipt to the last. A receipt that
// cannot be read keeps its place, so that those behind it are still checked.
func (a *auditor) walk() {
	for i := range a.bundle.Receipts {
		e := &a.bundle.Receipts[i]
		seq := uint64(i) + 1
		if r := a.readReceipt(seq, e); r != nil {
			a.read++
			a.link(seq, r)
			a.commitments(r)
			a.story(r)
		}
		a.head = receipt.Head{Seq: seq, Hash: e.Hash()}
	}
}

func (a *auditor) readReceipt(place uint64, e *seal.Envelope) *receipt.Receipt {
	if _, err := e.Open(receipt.Type, a.keys.gates...); err != nil {
		a.find(receiptSignature, place, "%v", err)
		return nil
	}
	r, err := receipt.Parse(e.Payload)
	if err != nil {
		a.find(receiptMalformed, place, "%v", err)
		return nil
	}
	return r
}

// link checks that r belongs at its place in the chain, in its time.
func (a *auditor) link(place uint64, r *receipt.Receipt) {
	if r.Seq != place {
		a.find(receiptChain, place, "the receipt at this place has number %d", r.Seq)
	}
	if !r.Prev.Equal(a.head.Hash) {
		a.find(receiptChain, place, "it follows %s; the receipt before is %s", r.Prev, a.head.Hash)
	}
	if r.Job != a.bundle.Job {
		a.find(receiptChain, place, "it is of job %q", r.Job)
	}
	if r.At.Before(a.last) {
		a.find(receiptTime, place, "it is dated %s, before the one before it", stamp(r.At))
	}
	a.dated(place, "it", r.At)
	a.last = r.At
	if a.report.From.IsZero() {
		a.report.From = r.At
	}
	a.report.To = r.At
}

// dated finds a paper that is of later than the auditor's time.
func (a *auditor) dated(place uint64, what string, at time.Time) {
	if now := a.expect.Now; !now.IsZero() && at.After(now.Add(skew)) {
		a.find(expectTime, place, "%s is dated %s; for you it is %s", what, stamp(at), stamp(now))
	}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// story checks what r tells, given what has come before.
func (a *auditor) story(r *receipt.Receipt) {
	if r.Kind == receipt.Revoked || r.Kind == receipt.Restored {
		a.ordered(r)
		return
	}
	if r.Kind == receipt.Learned {
		a.changes(r)
		return
	}
	h := a.tokens[r.Token]
	if r.Token == "" {
		a.stranger(r)
	} else if h == nil {
		a.find(receiptToken, r.Seq, "token %q is not in the bundle", r.Token)
	} else {
		h.used = true
	}
	a.changes(r)
	a.witness(r, h)
	switch {
	case r.Kind == receipt.Closed:
		a.close(r)
	case r.Refused != "":
		a.report.Calls.Refused++
		a.underPolicy(r)
		a.refused(r, h)
	default:
		a.underPolicy(r)
		a.decided(r, h)
		a.shadows(r, h)
		a.count(r)
	}
}

func (a *auditor) underPolicy(r *receipt.Receipt) {
	a.compared++
	if want := a.expect.Policy; !want.IsZero() && !want.Equal(r.Decision.Policy) {
		a.find(expectPolicy, r.Seq, "it is under %s; you expect %s", r.Decision.Policy, want)
	}
}

func (a *auditor) count(r *receipt.Receipt) {
	switch r.Decision.Effect {
	case policy.Allow:
		a.report.Calls.Allowed++
		a.calls[r.Seq] = &call{opened: r}
		a.add(r.Uses(nil))
	case policy.Ask:
		a.report.Calls.Asked++
	default:
		a.report.Calls.Denied++
	}
}

func (a *auditor) add(uses map[string]int) {
	for k, n := range uses {
		a.used[k] += n
	}
}

// close checks that r closes an allowed call of the same token, for the first
// time, and gives back what the call did not use.
func (a *auditor) close(r *receipt.Receipt) {
	c := a.calls[r.Opened]
	switch {
	case c == nil:
		a.find(receiptClosed, r.Seq, "receipt %d did not allow a call", r.Opened)
		return
	case c.closed != 0:
		a.find(receiptClosed, r.Seq, "receipt %d was closed by receipt %d already", r.Opened, c.closed)
		return
	case c.opened.Token != r.Token:
		a.find(receiptClosed, r.Seq, "receipt %d is by token %q, this one by %q", r.Opened, c.opened.Token, r.Token)
	}
	a.carried(r, c.opened.Call)
	c.closed, c.status = r.Seq, r.Outcome.Status
	a.outcome(r, c.opened)
	a.add(r.Uses(c.opened))
}

// carried checks that what became of a call is the word of who carried it out, and
// says so where that is not the house.
func (a *auditor) carried(r *receipt.Receipt, c *policy.Call) {
	switch {
	case c.Carrier == "" && !r.Reported():
	case c.Carrier != r.By:
		a.find(receiptClosed, r.Seq, "receipt %d's call was carried out by %s, and this is the word of %s", r.Opened, who(c.Carrier), who(r.By))
	case c.Unreported:
		a.find(receiptClosed, r.Seq, "receipt %d says that %s never reports what became of its call", r.Opened, who(c.Carrier))
	default:
		a.find(receiptReported, r.Seq, "%q was carried out by %s: that it is %s is its word, and not the house's", c.Name(), who(c.Carrier), r.Outcome.Status)
	}
}

func who(by string) string {
	switch by {
	case "":
		return "the house"
	case policy.RuntimeCarrier:
		return "the program that the agent runs in"
	}
	return by
}

func (a *auditor) outcome(r, opened *receipt.Receipt) {
	out := r.Outcome
	if !slices.Contains(receipt.Statuses(), out.Status) {
		a.find(receiptOutcome, r.Seq, "status %q is not one of done, failed, aborted and unknown", out.Status)
	}
	if out.Size < 0 {
		a.find(receiptOutcome, r.Seq, "a result of %d bytes", out.Size)
	}
	for _, k := range sorted(out.Used) {
		if n, reserved := out.Used[k], opened.Call.Uses[k]; n < 0 || n > reserved {
			a.find(receiptOutcome, r.Seq, "%d %s used; %d were reserved", n, k, reserved)
		}
	}
	a.generation(r, opened)
	a.served(r, opened)
}

// unclosed finds the calls that may have happened.
func (a *auditor) unclosed() {
	for _, seq := range slices.Sorted(maps.Keys(a.calls)) {
		if c := a.calls[seq]; c.status == receipt.Unknown && c.learned == 0 {
			a.find(receiptUnknown, c.closed, "%q was sent, and its outcome is not known: it may have happened", c.opened.Call.Name())
		}
	}
	for _, c := range a.open() {
		a.report.Calls.Unclosed++
		a.find(receiptUnclosed, c.opened.Seq, "%q was allowed %sand has no closing receipt: it may have happened", c.opened.Call.Name(), elsewhere(c.opened.Call))
	}
}

// elsewhere says that a call was allowed to somebody else than the house, if it was.
func elsewhere(c *policy.Call) string {
	switch {
	case c.Carrier == "":
		return ""
	case c.Unreported:
		return "to " + who(c.Carrier) + ", which never reports, "
	}
	return "to " + who(c.Carrier) + ", which has not reported, "
}

// open returns the allowed calls without a closing receipt, in order.
func (a *auditor) open() []*call {
	var open []*call
	for _, seq := range slices.Sorted(maps.Keys(a.calls)) {
		if c := a.calls[seq]; c.closed == 0 {
			open = append(open, c)
		}
	}
	return open
}

// refused checks that a call was refused for a reason that its token bears
// out, where the token can tell, and that the receipt says nothing else.
func (a *auditor) refused(r *receipt.Receipt, h *held) {
	if r.Asks != "" {
		a.find(receiptAsks, r.Seq, "a refused call asks %q", r.Asks)
	}
	if h == nil {
		return
	}
	c := h.claims
	a.made++
	want := policy.Decision{Policy: c.Policy, Reasons: []policy.Reason{{Says: r.Refused}}}
	if !same(&want, r.Decision) {
		a.find(receiptDecision, r.Seq, "a refusal decides nothing but %s", text(&want))
	}
	a.minimalIfFit(r, h)
	ok := true
	switch r.Refused {
	case token.Code(token.ErrExpired):
		ok = !r.At.Before(time.Unix(c.Expires, 0))
	case token.Code(token.ErrNotYet):
		ok = r.At.Before(time.Unix(c.Issued, 0))
	case token.Code(token.ErrAudience):
		ok = c.Audience != a.trust.House
	case token.Code(token.ErrTTL), token.Code(token.ErrScope), token.Code(policy.ErrGrant):
		ok = a.misfits(h, r.Refused)
	case token.Code(token.ErrBearer):
		ok = c.Bound() == "" && !a.takesBearers(c.Policy)
	}
	if !ok {
		a.find(receiptRefused, r.Seq, "refused as %q, and the token does not bear that out", r.Refused)
	}
}

// minimalIfFit checks a refused call for names, under every policy that its
// token fits, and marks the token's policies as explained.
func (a *auditor) minimalIfFit(r *receipt.Receipt, h *held) {
	minimal := true
	for _, p := range a.policies {
		if p.policy.Hash() != h.claims.Policy {
			continue
		}
		p.used = true
		if f := h.fit(p); f.err == nil {
			if minimal = f.narrowed.Minimal(r.Call).Digest() == r.Call.Digest(); minimal {
				return
			}
		}
	}
	if !minimal {
		a.find(receiptMinimal, r.Seq, "the call keeps names that its policy does not say")
	}
}

// takesBearers reports whether the policy is at hand and says that plain bearer
// tokens are good.
func (a *auditor) takesBearers(h seal.Hash) bool {
	return slices.ContainsFunc(a.policies, func(p *published) bool {
		allowed, _ := p.policy.Bearer()
		return allowed && p.policy.Hash() == h
	})
}

// misfits reports whether some policy at hand refuses the token with code, or
// none is at hand that could tell.
func (a *auditor) misfits(h *held, code string) bool {
	told := false
	for _, p := range a.policies {
		if p.policy.Hash() != h.claims.Policy {
			continue
		}
		told = true
		if f := h.fit(p); f.err != nil && token.Code(f.err) == code {
			return true
		}
	}
	return !told
}
