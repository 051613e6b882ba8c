// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"maps"
	"slices"

	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// shadows makes the verdicts of candidates again, as far as r's call tells what
// they depend on. The gate had the whole call; the record keeps only what the
// policy in force says.
func (a *auditor) shadows(r *receipt.Receipt, h *held) {
	seen := map[seal.Hash]bool{}
	for i := range r.Shadow {
		v := &r.Shadow[i]
		if seen[v.Policy] {
			a.find(shadowVerdict, r.Seq, "candidate %s speaks twice", v.Policy)
		}
		seen[v.Policy] = true
		p := a.candidate(v)
		switch made := p != nil && h != nil && a.shadowed(r, h, p, v); {
		case made:
			a.proved++
		case v.Decision != nil:
			a.unproved++
		}
	}
}

// inForce reports whether p is in the bundle for more than running in shadow.
func (p *published) inForce() bool { return p.used || !p.beside }

// candidate finds the candidate that v is of, nil if it is not in the bundle.
func (a *auditor) candidate(v *receipt.Verdict) *published {
	i := slices.IndexFunc(a.policies, func(p *published) bool {
		return p.policy.Hash() == v.Policy && (v.Decision == nil || p.binding == v.Decision.Binding)
	})
	if i < 0 {
		return nil
	}
	a.policies[i].beside = true
	return a.policies[i]
}

// shadowed makes v again, and reports whether it could.
func (a *auditor) shadowed(r *receipt.Receipt, h *held, p *published, v *receipt.Verdict) bool {
	i := slices.IndexFunc(a.policies, func(p *published) bool {
		return p.policy.Hash() == r.Decision.Policy && p.binding == r.Decision.Binding
	})
	if i < 0 {
		return false
	}
	s := receipt.Shadow{Force: a.policies[i].policy, Candidate: p.policy, Grant: h.claims.Grant(), Recorded: true}
	for _, k := range slices.Sorted(maps.Keys(v.Conditions)) {
		if !isCondition(p.policy, r, k) {
			a.find(shadowVerdict, r.Seq, "candidate %s: %q is not a condition of it", v.Policy, k)
		}
	}
	conditions := v.Conditions
	if d := a.texts[r.Call.Args]; d != nil {
		conditions = p.policy.Conditions(r.Call, r.Facts, d.Text)
	}
	again := s.Decide(r.Call, r.Facts, conditions)
	switch {
	case again.Decision == nil:
		return false
	case v.Decision == nil && v.Unknown != receipt.UnknownPlan && v.Unknown != receipt.UnknownNames:
		return false // the gate's own trouble
	case v.Decision == nil:
		a.find(shadowVerdict, r.Seq, "candidate %s: recorded as unknown (%s); decided again: %s", v.Policy, v.Unknown, text(again.Decision))
	case !maps.Equal(conditions, v.Conditions) || !same(again.Decision, v.Decision):
		a.find(shadowVerdict, r.Seq, "candidate %s: recorded: %s; decided again: %s", v.Policy, text(v.Decision), text(again.Decision))
	}
	return true
}

// candidates says how many verdicts could be made again, and how many are the
// gate's word only.
func (a *auditor) candidates() {
	if n := a.proved; n > 0 {
		a.report.pass(shadowVerdict, "verdicts of candidates that were made again and came out the same: %d", n)
	}
	if n := a.unproved; n > 0 {
		a.find(shadowUnproven, 0, "verdicts of candidates that the record does not suffice to make again: %d", n)
	}
}
