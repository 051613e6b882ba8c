// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
)

// judgeActions hears what the policy says of reading, searching, writing and
// administering. required tells whether silence denies.
func (p *Policy) judgeActions(c *Call, t *tally, required bool) {
	a := p.doc.Actions
	if a == nil {
		if required {
			t.deny("/actions", "the policy permits no %s action", c.Tool)
		}
		return
	}
	at := "/actions/" + string(c.Class)
	r := a.rule(c.Class)
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
}

// bounds reports whether a filter is one of the queries that tool takes.
func bounds(filter, tool string) bool {
	return filter == "space" && tool == "confluence" || filter == "project" && tool == "jira"
}

func (a *actions) rule(c Class) *actionRule {
	switch c {
	case Read:
		return a.Read
	case Search:
		return a.Search
	case Write:
		return a.Write
	case Admin:
		return a.Admin
	}
	return nil
}

// judgeSpaces holds every resource of a Confluence call to the bound spaces and
// page prefixes, by id and by name: a name that leads elsewhere now is a
// reason to stop.
func (p *Policy) judgeSpaces(c *Call, t *tally) {
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
func (p *Policy) judgeWithin(c *Call, res *Resource, kind, clause string, t *tally) {
	inPolicy := false
	for _, b := range p.bound {
		if b.Tool != c.Tool || b.Kind != kind || b.Site != c.Site || !within(res, b) {
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

// within reports whether res lies in b: some step of its path has b's id, and
// the names down to that step are b's name.
func within(res *Resource, b Bound) bool {
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
func (p *Policy) judgeDeniedPlaces(c *Call, t *tally) {
	r := p.doc.Resources
	if r == nil || r.DeniedSpaces == nil && r.DeniedPrefixes == nil {
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
			if touches(&c.Resources[i], b) {
				t.deny(deniedClause(b.Kind), "%s %s is in %s", c.Resources[i].Type, c.Resources[i].ID, b.Name.Name)
			}
		}
	}
}

func deniedClause(kind string) string {
	if kind == DeniedSpace {
		return "/resources/spaces_denylist"
	}
	return "/resources/page_prefix_denylist"
}

// touches reports whether some step of res's path has b's id or b's name.
func touches(res *Resource, b Bound) bool {
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
func (p *Policy) judgeLabels(c *Call, t *tally) {
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
func (p *Policy) judgeIssueTypes(c *Call, t *tally) {
	if p.doc.Allow == nil || p.doc.Allow.IssueTypes == nil {
		return
	}
	const clause = "/allow/issue_types"
	if c.Class == Search {
		if !slices.Contains(c.Filters, "issue_type") {
			t.deny(clause, "the query is not bounded by issue type")
		}
		return
	}
	named := false
	for i := range c.Resources {
		if res := &c.Resources[i]; res.Type == "issue_type" {
			named = true
			p.judgeWithin(c, res, IssueType, clause, t)
		}
	}
	if !named {
		t.deny(clause, "the call names no issue type")
	}
}

// judgeReads holds what a Jira call shows to the fields that may be read.
func (p *Policy) judgeReads(c *Call, t *tally) {
	var allowed, hidden []string
	if a := p.doc.Allow; a != nil {
		allowed = a.Reads
	}
	if d := p.doc.Deny; d != nil {
		hidden = d.Reads
	}
	if allowed == nil && hidden == nil {
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
func (p *Policy) judgeJira(c *Call, t *tally) {
	a := p.doc.Allow
	if a == nil {
		t.deny("/allow", "the policy permits no Jira operation")
		return
	}
	if anyOperation(a.Operations, c) {
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
