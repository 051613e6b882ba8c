// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"errors"
	"slices"
	"time"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// approved checks that those whom a policy needed had signed it when it was
// published. It reports whether an author has: else the policy is nobody's.
func (a *auditor) approved(i int, p *policy.Policy, signers []seal.Verifier, at time.Time) bool {
	_, err := a.keys.publishers.Check(p, signers, at)
	if err == nil {
		return true
	}
	a.find(unapproved(err), 0, "policy %d, %s: %v", i+1, p.Hash(), err)
	return !errors.Is(err, policy.ErrAuthor)
}

// unapproved is the code of what policy.Publishers.Check finds.
func unapproved(err error) Code {
	switch {
	case errors.Is(err, policy.ErrAuthor):
		return policySignature
	case errors.Is(err, policy.ErrEnvironment):
		return policyEnvironment
	case errors.Is(err, policy.ErrEmergency):
		return policyExpiry
	case errors.Is(err, policy.ErrOwnApproval):
		return policySelf
	}
	return policyApprovals
}

// emergencies tells of the policies for emergencies, each once.
func (a *auditor) emergencies() {
	seen := map[seal.Hash]bool{}
	for _, p := range a.policies {
		b, h := p.policy.BreakGlass(), p.policy.Hash()
		if b == nil || seen[h] || !p.inForce() {
			continue
		}
		seen[h] = true
		n := 0
		for _, o := range a.policies {
			if o.policy.Hash() == h {
				n += o.decided
			}
		}
		a.find(policyEmergency, 0, "%s is for an emergency, %q, until %s; calls decided under it: %d", h, b.Reason, stamp(b.Expires), n)
	}
}

// bundled fails a bundle that is not whole where a policy is only content with
// a whole one.
func (a *auditor) bundled() {
	i := slices.IndexFunc(a.policies, a.wantsBundle)
	if i < 0 {
		return
	}
	h := a.policies[i].policy.Hash()
	if a.report.found(logMissing, logGap, logProof, logSignature, logMalformed, logOrigin) {
		a.find(policyBundle, 0, "%s requires a whole proof bundle, and receipts are not proven to be in the log", h)
	}
	if a.report.found(standingMissing, standingSignature, standingMalformed, standingEnd) {
		a.find(policyBundle, 0, "%s requires a whole proof bundle, and the gate does not say that the chain ends here", h)
	}
	for _, c := range a.open() {
		if c.opened.Call.Mutates() {
			a.find(policyBundle, c.opened.Seq, "%s requires a whole proof bundle, and %q may have happened", h, c.opened.Call.Name())
		}
	}
	a.report.pass(policyBundle, "the policy requires a whole proof bundle, and this is one")
}

// wantsBundle reports whether p requires a whole bundle of this chain.
func (a *auditor) wantsBundle(p *published) bool {
	return p.inForce() && (p.policy.RequiresBundle() || p.policy.RequiresBundleOnWrite() && a.changed(p.policy.Hash()))
}

// changed reports whether a call that changes something was allowed under h.
func (a *auditor) changed(h seal.Hash) bool {
	for _, c := range a.calls {
		if c.opened.Decision.Policy == h && c.opened.Call.Mutates() {
			return true
		}
	}
	return false
}
