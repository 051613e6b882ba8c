// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"context"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// people are those whose answers count now.
func (g *Gate) people(ctx context.Context) (*receipt.People, error) {
	p := &receipt.People{Keys: g.People, Groups: g.Groups}
	if g.Enrolled != nil {
		enrolled, err := g.Enrolled.People(ctx)
		if err != nil {
			return nil, err
		}
		p = p.With(enrolled)
	}
	if g.Absences == nil {
		return p, nil
	}
	var err error
	p.Delegations, err = g.Absences.Delegations(ctx)
	return p, err
}

// facts are what the decision about plan's call of c may depend on. Of people's
// answers, those count that are about this call and what it changes, and whose
// signature holds now (of a no: or held when its key was revoked), with that of the delegation under which a yes was given in
// somebody's stead: the book is not trusted with a yes.
func facts(st *receipt.State, c *Caller, plan *Plan, people *receipt.People) *policy.Facts {
	f := &policy.Facts{Now: st.Now, Used: receipt.Counted(st.Used), Runtime: c.claims.Runtime, Ticket: c.claims.Ticket, Silence: st.Silence()}
	if c.claims.Bound() == "" {
		f.Repeats = receipt.Repeats(st.Used, plan.Call)
	}
	if len(st.Answers) == 0 {
		return f
	}
	digest, groups := plan.Call.Digest(), c.policy.Groups()
	for _, e := range st.Answers {
		a, err := people.Open(e)
		if err == nil && !a.Withdraws && a.Job == c.claims.Job && a.Policy.Equal(c.claims.Policy) && a.Call.Equal(digest) && a.Fits(plan.Change) && people.Speaks(a, st.Now) {
			f.Approvals = append(f.Approvals, people.Fact(a, c.claims.Client, groups))
		}
	}
	return f
}
