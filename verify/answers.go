// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"slices"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

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
	a.spent[id] = r.Seq
}

func (a *auditor) checkApproval(r *receipt.Receipt, digest seal.Hash, x policy.Approval) {
	if by, ok := a.spent[x.ID]; ok {
		a.find(receiptReused, r.Seq, "approval %q was used up by receipt %d", x.ID, by)
	}
	if x.Call != digest {
		a.find(receiptApproval, r.Seq, "approval %q is about another call", x.ID)
	}
	if q, ok := a.questions[x.ID]; !ok || q.call != x.Call || q.policy != r.Decision.Policy {
		a.find(receiptApproval, r.Seq, "no receipt before asks %q about this call, under this policy", x.ID)
	}
	if x.At.After(r.Facts.Now.Add(skew)) || !r.Facts.Now.Before(x.Expires) {
		a.find(receiptApproval, r.Seq, "approval %q holds from %s to %s", x.ID, stamp(x.At), stamp(x.Expires))
	}
	about := a.about[x.Call]
	i := slices.IndexFunc(about, func(n *answer) bool { return backs(n, x) && n.Job == r.Job && n.Policy == r.Decision.Policy })
	if i < 0 {
		a.find(receiptApproval, r.Seq, "no signed answer in the bundle says what approval %q of %q says", x.ID, x.By)
		return
	}
	about[i].seen = true
}

// backs reports whether the person signed what x says.
func backs(n *answer, x policy.Approval) bool {
	f := n.Fact()
	return f.ID == x.ID && f.Call == x.Call && f.By == x.By && f.Yes == x.Yes && f.At.Equal(x.At) && f.Expires.Equal(x.Expires)
}

// late finds a person's no to a call that was allowed without regard to it. It
// may have been under way: its time is the person's clock's.
func (a *auditor) late(r *receipt.Receipt, digest seal.Hash) {
	for _, n := range a.about[digest] {
		heard := slices.ContainsFunc(r.Facts.Approvals, func(x policy.Approval) bool { return backs(n, x) })
		_, cancelled := a.cancelled[n.Approval]
		if n.Yes || heard || cancelled || n.At.After(r.At) || !r.At.Before(n.Expires) {
			continue
		}
		a.find(answerLate, r.Seq, "%q said no at %s, and the call was allowed without that", n.By, stamp(n.At))
	}
}
