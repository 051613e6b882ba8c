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
	if p.doc.Actions == nil {
		if required {
			t.deny("/actions", "the policy permits no "+c.Tool+" action")
		}
		return
	}
	r := p.rules.rule(c.Class)
	switch {
	case r == nil:
		t.deny("/actions", string(c.Class)+" is not permitted")
		return
	case r.Gate == "required":
		t.ask(r.ask)
	case !r.Allowed:
		t.deny(r.at+"/allowed", string(c.Class)+" is not permitted")
	}
	for _, want := range r.Filters {
		if bounds(want, c.Tool) && !slices.Contains(c.Filters, want) {
			t.deny(r.at+"/query_filters_required", "the query is not bounded by "+want)
		}
	}
	p.judgeInclude(c, t)
}

// bounds reports whether a filter is one of the queries that tool takes.
func bounds(filter, tool string) bool {
	return filter == "space" && tool == "confluence" || filter == "project" && tool == "jira"
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
	inPolicy, granted := p.hold(kind, res, c.Site)
	switch {
	case granted:
	case inPolicy:
		t.deny("grant:/resources", res.Type+" "+res.ID+" is outside the token's grant")
	default:
		t.deny(clause, res.Type+" "+res.ID+" is outside the list")
	}
}

// boundPlaces are bound names that permit, by the id that they stand for.
type boundPlaces map[string][]boundPlace

// A boundPlace is a bound name as paths lead to it, and as grants have it.
type boundPlace struct{ site, path, name string }

// hold reports whether res lies in one of the places, and in one that is
// granted: some step of its path has the place's id, and the names down to that
// step are the place's (spec/policy.md 3.3).
func (p *Policy) hold(kind string, res *Resource, site string) (in, granted bool) {
	for i, step := range res.Path {
		for _, b := range p.ground.within[kind][step.ID] {
			if b.site == site && called(res.Path[:i+1], b.path) {
				in, granted = true, granted || p.grantsName(b.name)
			}
		}
	}
	return in, granted
}

// called reports whether the names of path, with slashes between them, are name.
func called(path []Place, name string) bool {
	ok := true
	for i, step := range path {
		if i > 0 {
			name, ok = strings.CutPrefix(name, "/")
		}
		if ok {
			name, ok = strings.CutPrefix(name, step.Name)
		}
		if !ok {
			return false
		}
	}
	return name == ""
}

// judgeDeniedPlaces hears the deny lists of spaces and page prefixes. A place is
// denied by its id, wherever it is now, and by its name, whatever has it now.
func (p *Policy) judgeDeniedPlaces(c *Call, t *tally) {
	r := p.doc.Resources
	if r == nil || len(r.DeniedSpaces)+len(r.DeniedPrefixes) == 0 {
		return
	}
	if c.Class == Search && !slices.Contains(c.Filters, "denied") {
		t.deny("/resources", "the query may find what is denied")
	}
	if !p.ground.denies(c) {
		return
	}
	for _, b := range p.ground.denied { // for reasons in an order
		for i := range c.Resources {
			if res := &c.Resources[i]; b.Site == c.Site && touches(res, b) {
				t.deny(deniedClause(b.Kind), res.Type+" "+res.ID+" is in "+b.Name.Name)
			}
		}
	}
}

// A ground is a binding as Decide wants it: calls look for their places in it.
type ground struct {
	within      map[string]boundPlaces // by kind
	denied      []Bound
	deniedIDs   map[sited]struct{}
	deniedNames map[sited]struct{}
}

// sited is an id or a name on a site.
type sited struct{ site, of string }

func groundOf(names []Bound) ground {
	g := ground{within: map[string]boundPlaces{}, deniedIDs: map[sited]struct{}{}, deniedNames: map[sited]struct{}{}}
	for _, b := range names {
		path := strings.TrimSuffix(b.Name.Name, "/")
		if b.denies() {
			g.denied = append(g.denied, b)
			g.deniedIDs[sited{b.Site, b.ID}] = struct{}{}
			g.deniedNames[sited{b.Site, path}] = struct{}{}
			continue
		}
		if g.within[b.Kind] == nil {
			g.within[b.Kind] = boundPlaces{}
		}
		g.within[b.Kind][b.ID] = append(g.within[b.Kind][b.ID], boundPlace{b.Site, path, b.String()})
	}
	return g
}

// denies reports whether some step of a path of c's has the id or the name of a
// denied place.
func (g *ground) denies(c *Call) bool {
	if len(g.denied) == 0 {
		return false
	}
	var room [128]byte
	for i := range c.Resources {
		name := room[:0]
		for j, step := range c.Resources[i].Path {
			if j > 0 {
				name = append(name, '/')
			}
			name = append(name, step.Name...)
			if _, ok := g.deniedIDs[sited{c.Site, step.ID}]; ok {
				return true
			}
			if _, ok := g.deniedNames[sited{c.Site, string(name)}]; ok {
				return true
			}
		}
	}
	return false
}

func deniedClause(kind string) string {
	if kind == DeniedSpace {
		return "/resources/spaces_denylist"
	}
	return "/resources/page_prefix_denylist"
}

// touches reports whether some step of res's path has b's id or b's name.
func touches(res *Resource, b Bound) bool {
	path := strings.TrimSuffix(b.Name.Name, "/")
	for i, step := range res.Path {
		if step.ID == b.ID || called(res.Path[:i+1], path) {
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
	for i := range c.Resources {
		if res := &c.Resources[i]; !slices.ContainsFunc(res.Labels, p.rules.labels.has) {
			t.deny(clause, res.Type+" "+res.ID+" has none of the labels")
		}
	}
}

// judgeIssueTypes holds a Jira call to the listed issue types.
func (p *Policy) judgeIssueTypes(c *Call, t *tally) {
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
func (p *Policy) judgeReads(c *Call, t *tally) {
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
		if p.rules.notReadable.has(f) {
			t.deny("/deny/fields_read_denylist", "field "+f+" is denied")
		} else if allowed != nil && !p.rules.readable.has(f) {
			t.deny("/allow/fields_read_allowlist", "field "+f+" is not on the list")
		}
	}
}

// judgeJira hears the allow and deny sections about Jira's operations,
// projects and fields.
func (p *Policy) judgeJira(c *Call, t *tally) {
	if p.doc.Allow == nil {
		t.deny("/allow", "the policy permits no Jira operation")
		return
	}
	if !p.rules.operations.meansOperation(c) {
		t.deny("/allow/operations", c.Action+" is not on the list")
	}
	if len(c.Resources) == 0 {
		t.deny("/allow/projects", "the call names no resource")
	}
	for i := range c.Resources {
		p.judgeWithin(c, &c.Resources[i], "project", "/allow/projects", t)
	}
	for _, f := range c.Fields {
		if p.rules.notWritable.has(f) {
			t.deny("/deny/fields_write_denylist", "field "+f+" is denied")
		} else if !p.rules.writable.has(f) {
			t.deny("/allow/fields_write_allowlist", "field "+f+" is not on the list")
		}
	}
}
