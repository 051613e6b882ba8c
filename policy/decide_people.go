// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import "slices"

// judgeLimits holds the counters: what was used and what this call can use.
func (p *Policy) judgeLimits(c *Call, f *Facts, t *tally) {
	for _, k := range sortedKeys(c.Uses) {
		if n := c.Uses[k]; n < 0 {
			t.deny("", "a call cannot use less than nothing of %s", k)
		} else if k != writes { // which are counted by class, whatever a call says
			p.judgeLimit(k, f.Used[k], n, t)
		}
	}
	if c.Class == Write || c.Class == Admin {
		p.judgeLimit(writes, f.Used[classCounter(Write)]+f.Used[classCounter(Admin)], 1, t)
	}
}

// judgeLimit denies n more of counter, of which used are used.
func (p *Policy) judgeLimit(counter string, used, n int, t *tally) {
	if max, ok := p.Limits()[counter]; ok && n > max-used {
		t.deny(limitClause(counter), "%d of %d %s are used and this needs up to %d", used, max, counter, n)
	}
	if p.grant == nil {
		return
	}
	if max, ok := p.grant.Limits[counter]; ok && n > max-used {
		t.deny("grant:/limits/"+counter, "%d of %d %s are used and this needs up to %d", used, max, counter, n)
	}
}

func limitClause(counter string) string {
	if counter == writes {
		return "/actions/write/max_writes_per_job"
	}
	return "/actions/read/max_pages_per_job"
}

// Counters are what allowing c adds to its job's counters: what it reserves,
// and that it was allowed, by name and by class. A call that is allowed counts,
// whatever becomes of it.
func (c *Call) Counters() map[string]int {
	out := map[string]int{callCounter(c.Name()): 1, classCounter(c.Class): 1}
	for k, n := range c.Uses {
		out[k] += n
	}
	return out
}

func callCounter(name string) string  { return "call:" + name }
func classCounter(class Class) string { return "class:" + string(class) }

// judgeTicket hears who wants a ticket for what changes something.
func (p *Policy) judgeTicket(c *Call, f *Facts, t *tally) {
	if a := p.doc.Actions; a != nil && c.Tool != "model" {
		if r := a.rule(c.Class); r != nil && r.Ticket && f.Ticket == "" {
			t.deny("/actions/"+string(c.Class)+"/ticket_required", "the job has no ticket")
		}
	}
}

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
