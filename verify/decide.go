// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// decided makes r's decision again, after checking all that it was made from.
func (a *auditor) decided(r *receipt.Receipt, h *held) {
	a.checkUsed(r)
	a.checkApprovals(r)
	a.checkAsks(r)
	if !r.Facts.Now.Equal(r.At) {
		a.find(receiptFacts, r.Seq, "decided at %s, dated %s", stamp(r.Facts.Now), stamp(r.At))
	}
	if h == nil {
		return
	}
	a.checkToken(r, h)
	a.checkOwn(r, h.claims)
	a.checkOrders(r, h.claims)
	if p := a.narrowed(r, h); p != nil {
		a.again(r, p)
	}
}

// checkToken checks that the token held at r's time, for this house.
func (a *auditor) checkToken(r *receipt.Receipt, h *held) {
	c := h.claims
	switch {
	case r.At.Add(token.Leeway).Before(time.Unix(c.Issued, 0)):
		a.find(receiptToken, r.Seq, "token %q was not valid yet", c.ID)
	case !r.At.Before(time.Unix(c.Expires, 0)):
		a.find(receiptToken, r.Seq, "token %q had expired", c.ID)
	}
	if runtime(r.Facts.Runtime) != runtime(c.Runtime) {
		a.find(receiptFacts, r.Seq, "the runtime is not the one that token %q attests", c.ID)
	}
	if r.Facts.Ticket != c.Ticket {
		a.find(receiptFacts, r.Seq, "the ticket is not the one that token %q names", c.ID)
	}
	repeats := 0
	if c.Bound() == "" {
		repeats = receipt.Repeats(a.used, r.Call)
	}
	if r.Facts.Repeats != repeats {
		a.find(receiptFacts, r.Seq, "the call is said to be carried out %d times before; for this token that counts as %d", r.Facts.Repeats, repeats)
	}
	if c.Audience != a.trust.House && !h.accepted {
		a.find(tokenAudience, r.Seq, "token %q is for %q", c.ID, c.Audience)
	}
	h.accepted = true
}

func runtime(r *policy.Runtime) policy.Runtime {
	if r == nil {
		return policy.Runtime{}
	}
	return *r
}

// narrowed finds the policy that r says decided, narrowed to the token's grant.
func (a *auditor) narrowed(r *receipt.Receipt, h *held) *policy.Policy {
	d := r.Decision
	i := slices.IndexFunc(a.policies, func(p *published) bool { return p.policy.Hash() == d.Policy && p.binding == d.Binding })
	if i < 0 {
		a.find(receiptPolicy, r.Seq, "policy %s with binding %s is not in the bundle, or not to be trusted", d.Policy, d.Binding)
		return nil
	}
	a.policies[i].used = true
	a.policies[i].decided++
	a.checkAttested(r, h, a.policies[i])
	f := h.fit(a.policies[i])
	if f.err != nil {
		a.find(tokenFit, r.Seq, "token %q under policy %s: %v", h.claims.ID, d.Policy, f.err)
		return nil
	}
	if allowed, said := f.narrowed.Bearer(); said && !allowed && h.claims.Bound() == "" {
		a.find(tokenFit, r.Seq, "token %q is bound to no key, and policy %s takes no such tokens", h.claims.ID, d.Policy)
	}
	return f.narrowed
}

func (a *auditor) again(r *receipt.Receipt, p *policy.Policy) {
	if p.Minimal(r.Call).Digest() != r.Call.Digest() {
		a.find(receiptMinimal, r.Seq, "the call keeps names that its policy does not say")
	}
	a.checkConditions(r, p)
	a.checkGroups(r, p)
	a.made++
	if d := p.Decide(r.Call, r.Facts); !same(&d, r.Decision) {
		a.find(receiptDecision, r.Seq, "recorded: %s; decided again: %s", text(r.Decision), text(&d))
	}
}

func same(a, b *policy.Decision) bool {
	return a.Effect == b.Effect && a.Policy == b.Policy && a.Binding == b.Binding && a.Approval == b.Approval && a.Missing == b.Missing && a.BreakGlass == b.BreakGlass && slices.Equal(a.Reasons, b.Reasons)
}

func text(d *policy.Decision) string {
	reasons := make([]string, len(d.Reasons))
	for i, r := range d.Reasons {
		reasons[i] = r.String()
	}
	s := fmt.Sprintf("%s, because %s", d.Effect, strings.Join(reasons, "; "))
	if d.Approval != "" {
		s += ", by approval " + d.Approval
	}
	return s
}

// checkUsed compares the counters that the decision saw with what the receipts
// before it add up to. A counter at zero is as good as none.
func (a *auditor) checkUsed(r *receipt.Receipt) {
	a.summed++
	used := receipt.Counted(a.used)
	for _, k := range sorted(r.Facts.Used) {
		if n := r.Facts.Used[k]; n != used[k] {
			a.find(receiptCounters, r.Seq, "%q stands at %d; the receipts before add up to %d", k, n, used[k])
		}
	}
	for _, k := range sorted(used) {
		if _, said := r.Facts.Used[k]; !said && used[k] != 0 {
			a.find(receiptCounters, r.Seq, "%q is left out; the receipts before add up to %d", k, used[k])
		}
	}
}

// checkConditions checks that the facts speak of the policy's conditions only,
// and truly where the text that they are about is disclosed.
func (a *auditor) checkConditions(r *receipt.Receipt, p *policy.Policy) {
	for _, k := range slices.Sorted(maps.Keys(r.Facts.Conditions)) {
		if !isCondition(p, r, k) {
			a.find(receiptConditions, r.Seq, "%q is not a condition of the policy", k)
		}
	}
	d := a.texts[r.Call.Args]
	if d == nil {
		return
	}
	if want := p.Conditions(r.Call, r.Facts, d.Text); !maps.Equal(want, r.Facts.Conditions) {
		a.find(receiptConditions, r.Seq, "evaluated again on the disclosed text, the conditions come out otherwise")
	}
}

// isCondition reports whether k is a condition of p: Decide speaks of it
// exactly if the facts do not.
func isCondition(p *policy.Policy, r *receipt.Receipt, k string) bool {
	spoken := func(conditions map[string]bool) bool {
		f := *r.Facts
		f.Conditions = conditions
		return slices.ContainsFunc(p.Decide(r.Call, &f).Reasons, func(s policy.Reason) bool { return s.Clause == k })
	}
	return spoken(nil) && !spoken(map[string]bool{k: false})
}

// A question is what a call waits for: a person's answer about one exact call
// under one policy.
type question struct {
	call   seal.Hash
	policy seal.Hash
}

// checkAsks checks that r asks exactly if its call waits, and that a question
// is about one call: a new one is named after its receipt.
func (a *auditor) checkAsks(r *receipt.Receipt) {
	if r.Decision.Effect != policy.Ask {
		if r.Asks != "" {
			a.find(receiptAsks, r.Seq, "its call does not wait, and it asks %q", r.Asks)
		}
		return
	}
	about := question{r.Call.Digest(), r.Decision.Policy}
	q, known := a.questions[r.Asks]
	switch {
	case known && q != about:
		a.find(receiptAsks, r.Seq, "question %q is about another call, or under another policy", r.Asks)
	case !known && r.Asks != fmt.Sprintf("%s.%d", r.Job, r.Seq):
		a.find(receiptAsks, r.Seq, "question %q was not asked before, and is not named after this receipt", r.Asks)
	default:
		a.questions[r.Asks] = about
		if !known {
			a.askers[r.Asks] = r
		}
	}
}

func sorted(m map[string]int) []string { return slices.Sorted(maps.Keys(m)) }
