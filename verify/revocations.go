// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"slices"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/token"
)

// An order is a revocation in force, and the receipt that says so.
type order struct {
	*receipt.Revocation
	seq uint64
}

// ordered follows what is ended and what may go on (spec/receipt.md section 8).
func (a *auditor) ordered(r *receipt.Receipt) {
	v := r.Revocation
	a.ordersRead++
	if err := token.CheckRevocation(v.Revocation); err != nil {
		a.find(receiptRevoked, r.Seq, "%v", err)
		return
	}
	i := slices.IndexFunc(a.orders, func(o order) bool { return o.ID == v.ID })
	if r.Kind == receipt.Restored {
		if i < 0 || a.orders[i].Revocation.Revocation != v.Revocation || v.Kind == token.RevokeToken || v.Kind == token.RevokeJob {
			a.find(receiptRevoked, r.Seq, "it restores %s, by order %d, which no receipt before has ended so that it could be", v.Revocation, v.ID)
			return
		}
		a.orders = slices.Delete(a.orders, i, i+1)
		return
	}
	if i >= 0 && a.orders[i].Revocation.Revocation != v.Revocation {
		a.find(receiptRevoked, r.Seq, "order %d was to end %s before, and is to end %s", v.ID, a.orders[i].Revocation.Revocation, v.Revocation)
		i = -1 // both count
	}
	if i < 0 {
		a.orders = append(a.orders, order{v, r.Seq})
	}
	a.cancel(v, r.Seq)
}

// cancel notes the questions that v, recorded at seq, has cancelled: those first
// asked by what it ends.
func (a *auditor) cancel(v *receipt.Revocation, seq uint64) {
	for id, asked := range a.askers {
		if h := a.tokens[asked.Token]; h != nil && v.Ends(h.claims, action(asked.Call)) {
			a.cancelled[id] = seq
		}
	}
}

// checkOrders checks that nothing that r's call stands on was ended.
func (a *auditor) checkOrders(r *receipt.Receipt, c *token.Claims) {
	for _, o := range a.orders {
		if o.Ends(c, action(r.Call)) {
			a.find(receiptRevoked, r.Seq, "it is decided after %s was revoked by receipt %d", o.Revocation.Revocation, o.seq)
		}
	}
	for _, x := range r.Facts.Approvals {
		if seq, ok := a.cancelled[x.ID]; ok {
			a.find(receiptRevoked, r.Seq, "approval %q was cancelled by receipt %d", x.ID, seq)
		}
	}
}

func action(c *policy.Call) policy.Action {
	return policy.Action{Tool: c.Tool, Name: c.Action, Class: c.Class}
}

// stranger checks a receipt that no token stands behind: it is a refusal, and
// in the journal.
func (a *auditor) stranger(r *receipt.Receipt) {
	if r.Kind != receipt.Opened || r.Refused == "" || a.bundle.Job != receipt.Journal {
		a.find(receiptToken, r.Seq, "it names no token")
		return
	}
	a.made++
	want := receipt.RefuseStranger(&receipt.State{}, r.Call, r.Refused).Decision
	if !same(want, r.Decision) {
		a.find(receiptDecision, r.Seq, "a refusal decides nothing but %s", text(want))
	}
}

// Across finds the tokens that several jobs' bundles hold. A token belongs to
// one job (spec/token.md 1.2); its id in two is either forged or reused.
func Across(reports ...*Report) []Finding {
	var out []Finding
	first := map[token.ID]string{}
	for _, r := range reports {
		for _, id := range r.Tokens {
			job, seen := first[id]
			if !seen {
				first[id] = r.Job
				continue
			}
			if job != r.Job {
				into := new(Report)
				into.find(tokenShared, 0, "token %q is in job %q and in job %q", id, job, r.Job)
				out = append(out, into.Findings...)
			}
		}
	}
	return out
}
