// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
)

// sortedUnion are the words of all lists, each once.
func sortedUnion(lists ...[]string) []string {
	out := slices.Concat(lists...)
	slices.Sort(out)
	return slices.Compact(out)
}

// both gives what f says of each of the policies.
func (w *comparison) both(f func(*document) []string) []string {
	return sortedUnion(f(&w.a), f(&w.b))
}

func keepLabels(to, from *document) {
	if from.Resources != nil {
		to.Resources.Labels = from.Resources.Labels
	}
}

// labelOptions are a page without labels, and with each one that is listed.
func labelOptions(w *comparison, h head, judged func(option) option) []option {
	said := w.both(func(d *document) []string {
		if d.Resources == nil {
			return nil
		}
		return d.Resources.Labels
	})
	label := func(says string, labels []string) option {
		return judged(option{says: says, set: func(e *Example) {
			for i := range e.Call.Resources {
				e.Call.Resources[i].Labels = labels
			}
		}})
	}
	out := []option{label("on pages with none of the labels", nil)}
	for _, s := range said {
		out = append(out, label("on pages with the label "+s, []string{s}))
	}
	return out
}

// keepFilters keeps what wants a search to be bounded.
func keepFilters(to, from *document) {
	if r := from.Resources; r != nil {
		to.Resources.Labels = r.Labels
		to.Resources.DeniedSpaces, to.Resources.DeniedPrefixes = r.DeniedSpaces, r.DeniedPrefixes
	}
	if from.Actions != nil && from.Actions.Search != nil {
		to.Actions.Search.Filters = from.Actions.Search.Filters
	}
	if a := from.Allow; a != nil {
		to.Allow.Projects = append(slices.Clone(a.Projects), to.Allow.Projects...)
		to.Allow.IssueTypes = a.IssueTypes
	}
}

// filterOptions are a search with every bound, and with all but one.
func filterOptions(_ *comparison, _ head, judged func(option) option) []option {
	filters := func(says string, filters []string) option {
		return judged(option{says: says, set: func(e *Example) { e.Call.Filters = filters }})
	}
	out := []option{filters("", slices.Clone(searchFilters))}
	for i, s := range searchFilters {
		says := "by queries that are not bounded by " + strings.ReplaceAll(s, "_", " ")
		if s == "denied" {
			says = "by queries that may find what is denied"
		}
		out = append(out, filters(says, slices.Delete(slices.Clone(searchFilters), i, i+1)))
	}
	return out
}

func keepProjects(to, from *document) {
	if from.Allow == nil {
		to.Allow = nil
		return
	}
	to.Allow.Projects = from.Allow.Projects
}

func issueIn(project string) Resource {
	return Resource{Type: "issue", ID: "issue", Path: []Place{{ID: project, Name: project}}}
}

func (w *comparison) projects() []string {
	return w.both(func(d *document) []string {
		if d.Allow == nil {
			return nil
		}
		return d.Allow.Projects
	})
}

// projectOptions are an issue in each project that is named, and in none of them.
func projectOptions(w *comparison, _ head, judged func(option) option) []option {
	var out []option
	for _, s := range append(w.projects(), w.fresh) {
		says := "in project " + s
		if s == w.fresh {
			says = "in projects that neither policy names"
		}
		out = append(out, judged(option{says: says, set: func(e *Example) {
			e.Call.Site, e.Call.Resources = exampleSite, []Resource{issueIn(s)}
		}}))
	}
	return out
}

// keepIssueTypes keeps the issue types. What they speak of are resources of
// their own, so a project is kept for the issue.
func keepIssueTypes(to, from *document) {
	if a := from.Allow; a != nil {
		to.Allow.Projects = append(slices.Clone(a.Projects), to.Allow.Projects...)
		to.Allow.IssueTypes = a.IssueTypes
	}
}

// issueTypeOptions are no issue type, and each that is named, and another, in
// each project.
func issueTypeOptions(w *comparison, _ head, judged func(option) option) []option {
	types := w.both(func(d *document) []string {
		var out []string
		if d.Allow != nil {
			for _, s := range d.Allow.IssueTypes {
				_, name, one := strings.Cut(s, "/")
				if !one {
					name = s
				}
				out = append(out, name)
			}
		}
		return out
	})
	out := []option{judged(option{says: "without naming issue types", set: func(*Example) {}})}
	if len(types) == 0 && !w.typed() {
		return out
	}
	for _, p := range w.projects() {
		for _, s := range append(slices.Clone(types), w.fresh) {
			says := "on issues of type " + p + "/" + s
			if s == w.fresh {
				says = "on issues of other types in " + p
			}
			r := Resource{Type: "issue_type", ID: "type", Path: []Place{{ID: p, Name: p}, {ID: p + "/" + s, Name: s}}}
			out = append(out, judged(option{says: says, set: func(e *Example) { e.Call.Resources = append(e.Call.Resources, r) }}))
		}
	}
	return out
}

// typed reports whether a policy bounds issue types, though it may list none.
func (w *comparison) typed() bool {
	return w.a.Allow != nil && w.a.Allow.IssueTypes != nil || w.b.Allow != nil && w.b.Allow.IssueTypes != nil
}

func keepFields(to, from *document) {
	if from.Allow != nil {
		to.Allow.Fields = from.Allow.Fields
	}
	if from.Deny != nil {
		to.Deny = &deny{Fields: from.Deny.Fields}
	}
}

// fieldOptions are no field, and each that a list allows. No other field is
// ever written, and of several each is judged alone.
func fieldOptions(w *comparison, _ head, judged func(option) option) []option {
	said := w.both(func(d *document) []string {
		if d.Allow == nil {
			return nil
		}
		return d.Allow.Fields
	})
	out := []option{judged(option{says: "that write no field", set: func(*Example) {}})}
	for _, s := range said {
		out = append(out, judged(option{says: "that write field " + s, set: func(e *Example) { e.Call.Fields = []string{s} }}))
	}
	return out
}

func keepReads(to, from *document) {
	if from.Allow != nil {
		to.Allow.Reads = from.Allow.Reads
	}
	if from.Deny != nil {
		to.Deny = &deny{Reads: from.Deny.Reads}
	}
}

// readOptions are no field, each that is listed, and another one.
func readOptions(w *comparison, h head, judged func(option) option) []option {
	said := w.both(func(d *document) []string {
		var out []string
		if d.Allow != nil {
			out = append(out, d.Allow.Reads...)
		}
		if d.Deny != nil {
			out = append(out, d.Deny.Reads...)
		}
		return out
	})
	out := []option{judged(option{says: "that do not say which fields they show", set: func(*Example) {}})}
	other := "other"
	for slices.ContainsFunc(said, func(s string) bool { return strings.EqualFold(s, other) }) {
		other += "x"
	}
	for _, s := range append(said, other) {
		says := "that show field " + s
		if s == other {
			says = "that show fields that neither policy lists"
		}
		out = append(out, judged(option{says: says, set: func(e *Example) { e.Call.Reads = []string{s} }}))
	}
	return out
}

// routeOptions are each route that is named and another one, each with models
// for every set of patterns that can match together.
func routeOptions(w *comparison, _ head, judged func(option) option) []option {
	entries := w.both(func(d *document) []string {
		if d.ModelRoute == nil {
			return nil
		}
		return d.ModelRoute.Allowed
	})
	var names []string
	for _, s := range entries {
		name, _, _ := strings.Cut(s, "/")
		names = append(names, name)
	}
	other := "other"
	for slices.Contains(names, other) {
		other += "x"
	}
	var out []option
	for _, route := range append(sortedUnion(names), other) {
		for _, m := range w.models(route, entries) {
			says := "by route " + route
			switch {
			case route == other:
				says = "by routes that neither policy names"
			case m.label != "":
				says += " to models " + m.label
			case m.others:
				says += " to other models"
			}
			out = append(out, judged(option{says: says, set: func(e *Example) {
				e.Call.Resources = []Resource{{Type: "route", ID: route}, {Type: "model", ID: m.name}}
			}}))
		}
	}
	return out
}

// A modelRegion is a model for one set of patterns.
type modelRegion struct {
	name   string
	label  string // the most that its patterns say
	others bool   // other models are told apart
}

func (w *comparison) models(route string, entries []string) []modelRegion {
	var patterns []namePattern
	for _, s := range entries {
		if name, g, limited := strings.Cut(s, "/"); limited && name == route {
			patterns = append(patterns, namePattern{glob: g})
		}
	}
	texts, ok := witnesses(patterns, atAction)
	w.beyond = w.beyond || !ok
	var out []modelRegion
	for _, text := range texts {
		m := modelRegion{name: legible(patterns, text), others: len(texts) > 1}
		for _, p := range patterns {
			if p.matches(m.name, "") && len(p.glob) >= len(m.label) {
				m.label = p.glob
			}
		}
		out = append(out, m)
	}
	return out
}
