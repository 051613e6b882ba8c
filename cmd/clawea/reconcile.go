// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/policy"
)

// jobReconcile holds a job's receipts against the systems' own history. Its exit
// code is 3 if they do not agree, or could not be compared.
func jobReconcile(ctx context.Context, c *call) error {
	margin := c.Duration("margin", 2*time.Minute, "how far before the job's first change and after its last to look")
	cl, err := c.dial(1, 1)
	if err != nil {
		return err
	}
	r, err := cl.Reconcile(ctx, c.args[0], *margin)
	if err != nil {
		return err
	}
	c.showReconciliation(r)
	if r.Agreeing {
		return nil
	}
	wrong, mends := disagreement(r)
	fmt.Fprintf(c.stderr, "clawea: error: %s\nclawea: hint: %s\n", wrong, mends)
	return errFalse
}

// disagreement says why a reconciliation does not come out even, and who can tell.
func disagreement(r *api.Reconciliation) (wrong, mends string) {
	switch {
	case len(r.Strange) > 0:
		return "receipts and history do not agree", "have a person look at each line above: who else uses the house's accounts?"
	case len(r.Missing) > 0:
		return "receipts and history do not agree: there are changes that the history does not have", "have a person look at each line above: has somebody removed what was changed, or its history?"
	}
	return "receipts and history could not be compared wholly; what could be agrees", "see what NOT KNOWN says above, mend that, and run it again; what cannot be mended, a person has to look at"
}

func (c *call) showReconciliation(r *api.Reconciliation) {
	fmt.Fprintf(c.stdout, "window     %s to %s\n", stamp(r.From), stamp(r.To))
	for _, a := range r.Accounts {
		fmt.Fprintf(c.stdout, "accounts   %s\n", clean(a.Tool+": "+strings.Join(a.IDs, ", ")))
	}
	for _, m := range r.Matches {
		fmt.Fprintf(c.stdout, "match      %-20s  %s\n", clean(m.Receipt), eventLine(&m.Event))
	}
	for _, x := range r.Unseen {
		fmt.Fprintf(c.stdout, "unseen     %-20s  %s\n", clean(x.Receipt), claimLine(&x))
	}
	for i := range r.Strange {
		fmt.Fprintf(c.stdout, "NO RECEIPT %-20s  %s\n", "", eventLine(&r.Strange[i]))
	}
	for _, x := range r.Missing {
		fmt.Fprintf(c.stdout, "NO CHANGE  %-20s  %s\n", clean(x.Receipt), claimLine(&x))
	}
	for _, note := range r.Notes {
		fmt.Fprintf(c.stdout, "NOT KNOWN  %s\n", clean(note))
	}
	fmt.Fprintf(c.stdout, "matches %d, of other jobs %d, unseen %d, without a receipt %d, without a change %d\n", len(r.Matches), r.Others, len(r.Unseen), len(r.Strange), len(r.Missing))
}

func eventLine(e *api.Event) string {
	s := fmt.Sprintf("%s  %s %s by %s", stamp(e.At), e.Tool+"."+e.What, about(&e.Resource), e.By)
	if e.Mark != "" {
		s += ", which names receipt " + e.Mark
	}
	return clean(s)
}

func claimLine(x *api.Claim) string {
	return clean(strings.TrimSpace(fmt.Sprintf("%s  %s %s  %s", stamp(x.At), x.Call, about(x.Target), x.Why)))
}

func about(r *policy.Resource) string {
	if r == nil {
		return "(what it changed is not known)"
	}
	return resourceLine(policy.Resource{Type: r.Type, ID: r.ID, Version: r.Version})
}
