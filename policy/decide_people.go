// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import "slices"

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

const (
	writeCounter = "class:" + string(Write)
	adminCounter = "class:" + string(Admin)
)

func callCounter(name string) string  { return "call:" + name }
func classCounter(class Class) string { return "class:" + string(class) }

// judgeTicket hears who wants a ticket for what changes something.
func (p *Policy) judgeTicket(c *Call, f *Facts, t *tally) {
	if r := p.rules.rule(c.Class); r != nil && c.Tool != "model" && r.Ticket && f.Ticket == "" {
		t.deny(r.at+"/ticket_required", "the job has no ticket")
	}
}

// judgeApprovals hears the sections that ask for a person by category or condition.
func (p *Policy) judgeApprovals(c *Call, f *Facts, t *tally) {
	for i := range p.rules.categories {
		if s := &p.rules.categories[i]; s.has(c) {
			s.ask(c, t)
		}
	}
	for _, k := range p.conds {
		switch met, ok := f.Conditions[k.clause]; {
		case !ok:
			t.deny(k.clause, "its condition could not be evaluated")
		case met:
			t.ask(Reason{k.clause, "its condition holds"})
		}
	}
}

// judgeRepeats asks about a change that was made before by a token that is bound
// to no key: whoever saw the token could have sent the call again. No section
// says so, so the reason has no clause.
func judgeRepeats(c *Call, f *Facts, t *tally) {
	if f.Repeats > 0 && c.Mutates() {
		t.ask(Reason{"", "this exact call was carried out before, and its token is bound to no key"})
	}
}

// An approvalSet is a list of what needs a person's approval.
type approvalSet struct {
	nameList
	entries []string
	asks    []Reason // one for each entry
}

func approvalSetOf(clause string, entries []string) approvalSet {
	s := approvalSet{nameListOf(entries), entries, nil}
	for _, e := range entries {
		s.asks = append(s.asks, Reason{clause, e + " needs a person's approval"})
	}
	return s
}

// has reports whether an entry is one of c's categories or means c.
func (s *approvalSet) has(c *Call) bool {
	return slices.ContainsFunc(c.Categories, s.nameList.has) || c.Tool != "model" && s.means(c)
}

// ask asks for every entry that is one of c's categories or means c, in order.
func (s *approvalSet) ask(c *Call, t *tally) {
	for i, want := range s.entries {
		if slices.Contains(c.Categories, want) || c.Tool != "model" && match(want, c) {
			t.ask(s.asks[i])
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
