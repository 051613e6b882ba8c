// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import "slices"

// judgeLimits holds the counters: what was used and what this call can use.
func (p *Policy) judgeLimits(c *Call, f *Facts, t *tally) {
	for _, k := range sortedKeys(c.Uses) {
		n := c.Uses[k]
		if n < 0 {
			t.deny("", "a call cannot use less than nothing of %s", k)
			continue
		}
		if max, ok := p.Limits()[k]; ok && n > max-f.Used[k] {
			t.deny(limitClauses[k], "%d of %d %s are used and this needs up to %d", f.Used[k], max, k, n)
		}
		if p.grant == nil {
			continue
		}
		if max, ok := p.grant.Limits[k]; ok && n > max-f.Used[k] {
			t.deny("grant:/limits/"+k, "%d of %d %s are used and this needs up to %d", f.Used[k], max, k, n)
		}
	}
}

var limitClauses = map[string]string{"pages": "/actions/read/max_pages_per_job"}

// judgeApprovals hears the sections that ask for a person by category or condition.
func (p *Policy) judgeApprovals(c *Call, f *Facts, t *tally) {
	for _, s := range p.approvalSections() {
		if s.A == nil {
			continue
		}
		for _, want := range s.A.RequiredFor {
			if slices.Contains(c.Categories, want) || c.Tool != "model" && match(want, c) {
				t.ask(s.at+"/required_for", "%s needs a person's approval", want)
			}
		}
	}
	for _, k := range p.conds {
		switch met, ok := f.Conditions[k.clause]; {
		case !ok:
			t.deny(k.clause, "its condition could not be evaluated")
		case met:
			t.ask(k.clause, "its condition holds")
		}
	}
}

type placedApprovals struct {
	*approvals
	at string
}

func (d *document) approvalSections() []placedApprovals {
	var out []placedApprovals
	if d.Approvals != nil {
		out = append(out, placedApprovals{d.Approvals, "/approvals"})
	}
	if d.Constraints != nil && d.Constraints.Approvals != nil {
		out = append(out, placedApprovals{d.Constraints.Approvals, "/constraints/approvals"})
	}
	return out
}

func (p *Policy) approvalSections() []placedApprovals { return p.doc.approvalSections() }
