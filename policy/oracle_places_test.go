// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
)

// judgeLimits holds the counters: what was used and what this call can use.
func (p oracle) judgeLimits(c *Call, f *Facts, t *oracleTally) {
	for _, k := range sortedKeys(c.Uses) {
		if n := c.Uses[k]; n < 0 {
			t.deny("", "a call cannot use less than nothing of %s", k)
		} else if k != writes { // which are counted by class, whatever a call says
			used := f.Used[k]
			if k == "output_tokens" { // which is bounded in each call
				used = 0
			}
			p.judgeLimit(k, used, n, t)
		}
	}
	if c.Class == Write || c.Class == Admin {
		p.judgeLimit(writes, f.Used[classCounter(Write)]+f.Used[classCounter(Admin)], 1, t)
	}
	if c.Tool == "model" {
		p.judgeUnknown(c, t)
	}
}

// judgeLimit denies n more of counter, of which used are used.
func (p oracle) judgeLimit(counter string, used, n int, t *oracleTally) {
	if max, ok := p.Limits()[counter]; ok && n > max-used {
		t.deny(limitClause(counter), "%s", overLimit(counter, used, max, n))
	}
	if p.grant == nil {
		return
	}
	if max, ok := p.grant.Limits[counter]; ok && n > max-used {
		t.deny("grant:/limits/"+counter, "%s", overLimit(counter, used, max, n))
	}
}

// judgeApprovals hears the sections that ask for a person by category or condition.
func (p oracle) judgeApprovals(c *Call, f *Facts, t *oracleTally) {
	for _, s := range p.doc.approvalSections() {
		if s.A == nil {
			continue
		}
		for _, want := range s.A.RequiredFor {
			if slices.Contains(c.Categories, want) || c.Tool != "model" && oracleMatch(want, c) {
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

// judgeActions hears what the policy says of reading, searching, writing and
// administering. required tells whether silence denies.
func (p oracle) judgeActions(c *Call, t *oracleTally, required bool) {
	a := p.doc.Actions
	if a == nil {
		if required {
			t.deny("/actions", "the policy permits no %s action", c.Tool)
		}
		return
	}
	at := "/actions/" + string(c.Class)
	r := a.oracleRule(c.Class)
	switch {
	case r == nil:
		t.deny("/actions", "%s is not permitted", c.Class)
	case r.Gate == "required":
		t.permit(at, string(c.Class)+" is permitted with a person's approval")
		t.ask(at+"/approval_gate", "a person must approve it")
	case !r.Allowed:
		t.deny(at+"/allowed", "%s is not permitted", c.Class)
	default:
		t.permit(at, string(c.Class)+" is permitted")
	}
	if r != nil {
		for _, want := range r.Filters {
			if bounds(want, c.Tool) && !slices.Contains(c.Filters, want) {
				t.deny(at+"/query_filters_required", "the query is not bounded by %s", want)
			}
		}
	}
	if r != nil && c.Tool == "confluence" {
		p.judgeInclude(c, a.Read, t)
	}
}

// oracleIncludes are the reads that only their word permits.
var oracleIncludes = map[string][]string{
	"versions": {"page.version", "page.versions"}, "comments": {"page.comments"},
	"attachments": {"page.attachments", "attachment.get"}, "restrictions": {"page.restrictions"},
}

// judgeInclude hears which reads are included.
func (p oracle) judgeInclude(c *Call, r *actionRule, t *oracleTally) {
	for word, actions := range oracleIncludes {
		switch {
		case !slices.Contains(actions, c.Action):
		case c.Class != Read:
			t.deny("/actions", "%s is a read, and the call is of another class", c.Action)
		case slices.Contains(r.Include, word):
			t.permit("/actions/read/include", "reading "+word+" is included")
		case r.Include == nil:
			t.deny("/actions/read", "reading %s is not included", word)
		default:
			t.deny("/actions/read/include", "reading %s is not included", word)
		}
	}
}

// judgeTicket hears who wants a ticket for what changes something.
func (p oracle) judgeTicket(c *Call, f *Facts, t *oracleTally) {
	if a := p.doc.Actions; a != nil && c.Tool != "model" {
		if r := a.oracleRule(c.Class); r != nil && r.Ticket && f.Ticket == "" {
			t.deny("/actions/"+string(c.Class)+"/ticket_required", "the job has no ticket")
		}
	}
}

// judgeSpaces holds every resource of a Confluence call to the bound spaces and
// page prefixes, by id and by name: a name that leads elsewhere now is a
// reason to stop.
func (p oracle) judgeSpaces(c *Call, t *oracleTally) {
	r := p.doc.Resources
	if r == nil || r.Spaces == nil && r.Prefixes == nil {
		t.deny("/resources", "the policy names no space and no page prefix")
		return
	}
	if len(c.Resources) == 0 {
		t.deny("/resources", "the call names no resource")
	}
	for i := range c.Resources {
		res := &c.Resources[i]
		if r.Spaces != nil {
			p.judgeWithin(c, res, "space", "/resources/spaces_allowlist", t)
		}
		if r.Prefixes != nil {
			p.judgeWithin(c, res, "page_prefix", "/resources/page_prefix_allowlist", t)
		}
	}
}

// judgeWithin denies unless res lies in something bound under kind.
func (p oracle) judgeWithin(c *Call, res *Resource, kind, clause string, t *oracleTally) {
	inPolicy := false
	for _, b := range p.bound {
		if b.Tool != c.Tool || b.Kind != kind || b.Site != c.Site || !oracleWithin(res, b) {
			continue
		}
		if p.granted(b.Name) {
			return
		}
		inPolicy = true
	}
	if inPolicy {
		t.deny("grant:/resources", "%s %s is outside the token's grant", res.Type, res.ID)
		return
	}
	t.deny(clause, "%s %s is outside the list", res.Type, res.ID)
}

// oracleWithin reports whether res lies in b: some step of its path has b's id, and
// the names down to that step are b's name.
func oracleWithin(res *Resource, b Bound) bool {
	name := ""
	for i, step := range res.Path {
		if i > 0 {
			name += "/"
		}
		name += step.Name
		if step.ID == b.ID && name == strings.TrimSuffix(b.Name.Name, "/") {
			return true
		}
	}
	return false
}

// judgeDeniedPlaces hears the deny lists of spaces and page prefixes. A place is
// denied by its id, wherever it is now, and by its name, whatever has it now.
func (p oracle) judgeDeniedPlaces(c *Call, t *oracleTally) {
	r := p.doc.Resources
	if r == nil || len(r.DeniedSpaces)+len(r.DeniedPrefixes) == 0 {
		return
	}
	if c.Class == Search && !slices.Contains(c.Filters, "denied") {
		t.deny("/resources", "the query may find what is denied")
	}
	for _, b := range p.bound {
		if !b.denies() || b.Site != c.Site {
			continue
		}
		for i := range c.Resources {
			if oracleTouches(&c.Resources[i], b) {
				t.deny(deniedClause(b.Kind), "%s %s is in %s", c.Resources[i].Type, c.Resources[i].ID, b.Name.Name)
			}
		}
	}
}

// oracleTouches reports whether some step of res's path has b's id or b's name.
func oracleTouches(res *Resource, b Bound) bool {
	name := ""
	for i, step := range res.Path {
		if i > 0 {
			name += "/"
		}
		name += step.Name
		if step.ID == b.ID || name == strings.TrimSuffix(b.Name.Name, "/") {
			return true
		}
	}
	return false
}

// judgeLabels wants one of the listed labels on every page.
func (p oracle) judgeLabels(c *Call, t *oracleTally) {
	r := p.doc.Resources
	if r == nil || r.Labels == nil {
		return
	}
	const clause = "/resources/page_labels_allowlist"
	if c.Class == Search {
		if !slices.Contains(c.Filters, "label") {
			t.deny(clause, "the query is not bounded by label")
		}
		return
	}
	for _, res := range c.Resources {
		if !slices.ContainsFunc(res.Labels, func(l string) bool { return slices.Contains(r.Labels, l) }) {
			t.deny(clause, "%s %s has none of the labels", res.Type, res.ID)
		}
	}
}

// judgeIssueTypes holds a Jira call to the listed issue types.
func (p oracle) judgeIssueTypes(c *Call, t *oracleTally) {
	if p.doc.Allow == nil || p.doc.Allow.IssueTypes == nil {
		return
	}
	const clause = "/allow/issue_types"
	if c.Class == Search && !slices.Contains(c.Filters, "issue_type") {
		t.deny(clause, "the query is not bounded by issue type")
	}
	named := false
	for i := range c.Resources {
		if res := &c.Resources[i]; res.Type == "issue_type" {
			named = true
			p.judgeWithin(c, res, IssueType, clause, t)
		}
	}
	if !named && c.Class != Search {
		t.deny(clause, "the call names no issue type")
	}
}

// judgeReads holds what a Jira call shows to the fields that may be read.
func (p oracle) judgeReads(c *Call, t *oracleTally) {
	var allowed, hidden []string
	if a := p.doc.Allow; a != nil {
		allowed = a.Reads
	}
	if d := p.doc.Deny; d != nil {
		hidden = d.Reads
	}
	if allowed == nil && len(hidden) == 0 {
		return
	}
	if (c.Class == Read || c.Class == Search) && len(c.Reads) == 0 {
		t.deny("/allow/fields_read_allowlist", "the call does not say which fields it shows")
	}
	for _, f := range c.Reads {
		if slices.ContainsFunc(hidden, func(s string) bool { return strings.EqualFold(s, f) }) {
			t.deny("/deny/fields_read_denylist", "field %s is denied", f)
		} else if allowed != nil && !slices.Contains(allowed, f) {
			t.deny("/allow/fields_read_allowlist", "field %s is not on the list", f)
		}
	}
}

// judgeJira hears the allow and deny sections about Jira's operations,
// projects and fields.
func (p oracle) judgeJira(c *Call, t *oracleTally) {
	a := p.doc.Allow
	if a == nil {
		t.deny("/allow", "the policy permits no Jira operation")
		return
	}
	if oracleAnyOperation(a.Operations, c) {
		t.permit("/allow/operations", c.Action+" is on the list")
	} else {
		t.deny("/allow/operations", "%s is not on the list", c.Action)
	}
	if len(c.Resources) == 0 {
		t.deny("/allow/projects", "the call names no resource")
	}
	for i := range c.Resources {
		p.judgeWithin(c, &c.Resources[i], "project", "/allow/projects", t)
	}
	for _, f := range c.Fields {
		if d := p.doc.Deny; d != nil && slices.ContainsFunc(d.Fields, func(s string) bool { return strings.EqualFold(s, f) }) {
			t.deny("/deny/fields_write_denylist", "field %s is denied", f)
		} else if !slices.Contains(a.Fields, f) {
			t.deny("/allow/fields_write_allowlist", "field %s is not on the list", f)
		}
	}
}

func (a *actions) oracleRule(c Class) *actionRule {
	return map[Class]*actionRule{Read: a.Read, Search: a.Search, Write: a.Write, Admin: a.Admin}[c]
}
