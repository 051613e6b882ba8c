// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// jqlField finds the field of JQL with this name, in lower case; nil if there is none.
func (s *Site) jqlField(name string) *jqlField {
	if f := referenceField(name); f != nil {
		return f
	}
	if f := plainField(name); f != nil {
		return f
	}
	if f := s.customNamed(name); f != nil {
		return customField(f)
	}
	return nil
}

// customNamed finds the custom field with this clause name, in any case; nil if there is none.
func (s *Site) customNamed(name string) *field {
	for _, f := range s.fields {
		if f.custom != "" && slices.ContainsFunc(f.clauses, func(clause string) bool { return strings.EqualFold(clause, name) }) {
			return f
		}
	}
	return nil
}

// one is the values of a field that is never empty.
func one(of func(*issue) string) func(*issue) []string {
	return func(i *issue) []string { return []string{of(i)} }
}

// referenceField are the fields whose values must exist.
func referenceField(name string) *jqlField {
	switch name {
	case "project":
		return &jqlField{ops: equalOps, resolve: (*jql).projectID, values: one(func(i *issue) string { return i.project.id })}
	case "key", "issuekey", "id", "issue":
		return &jqlField{ops: equalOps, resolve: (*jql).issueID, values: one(func(i *issue) string { return i.id })}
	case "parent":
		return &jqlField{ops: equalOps, resolve: (*jql).issueID, values: func(i *issue) []string { return present(markParent(i).id) }}
	case "issuetype", "type":
		return &jqlField{ops: equalOps, resolve: (*jql).typeName, values: func(i *issue) []string { return []string{i.kind.id, strings.ToLower(i.kind.name)} }}
	case "status":
		return &jqlField{ops: equalOps, resolve: resolveStatus, values: one(func(i *issue) string { return i.status.id })}
	case "statuscategory":
		return &jqlField{ops: equalOps, resolve: resolveStatus, values: one(func(i *issue) string { return i.status.id })}
	case "priority":
		return &jqlField{ops: equalOps, resolve: resolvePriority, values: one(func(i *issue) string { return i.priority.id })}
	case "resolution":
		return &jqlField{ops: equalOps, values: func(i *issue) []string {
			if i.status.done() {
				return []string{"done"}
			}
			return []string{"unresolved"}
		}}
	case "assignee":
		return userClause(func(i *issue) *account { return i.assignee })
	case "reporter":
		return userClause(func(i *issue) *account { return i.reporter })
	case "creator":
		return userClause(func(i *issue) *account { return i.creator })
	}
	return nil
}

// plainField are the fields whose values may be anything.
func plainField(name string) *jqlField {
	switch name {
	case "summary":
		return &jqlField{ops: textOps, text: func(i *issue) string { return i.summary }}
	case "description":
		return &jqlField{ops: textOps, text: func(i *issue) string { return docText(i.description) }}
	case "environment":
		return &jqlField{ops: textOps, text: func(i *issue) string { return docText(i.environment) }}
	case "comment":
		return &jqlField{ops: textOps, text: commentText}
	case "text", "textfields":
		return &jqlField{ops: textOps, text: func(i *issue) string {
			return strings.Join([]string{i.summary, docText(i.description), docText(i.environment), commentText(i)}, " \n")
		}}
	case "labels":
		return &jqlField{ops: equalOps, values: func(i *issue) []string { return lower(i.labels) }}
	case "component":
		return &jqlField{ops: equalOps, values: func(i *issue) []string {
			var names []string
			for _, m := range i.components {
				names = append(names, strings.ToLower(m.name), m.id)
			}
			return names
		}}
	case "level":
		return &jqlField{ops: equalOps, values: func(i *issue) []string { return present(strings.ToLower(i.level)) }}
	case "created", "createddate":
		return &jqlField{ops: orderOps, at: func(i *issue) time.Time { return i.created }}
	case "updated", "updateddate":
		return &jqlField{ops: orderOps, at: func(i *issue) time.Time { return i.updated }}
	case "due", "duedate":
		return &jqlField{ops: orderOps, at: dueTime}
	}
	return nil
}

func customField(f *field) *jqlField {
	if f.kind == "number" {
		return &jqlField{ops: orderOps, number: func(i *issue) (float64, bool) {
			var n float64
			raw := i.extra[f.id]
			return n, raw != nil && json.Unmarshal(raw, &n) == nil
		}}
	}
	return &jqlField{ops: textOps, text: func(i *issue) string { return plainText(i.extra[f.id]) }}
}

func commentText(i *issue) string {
	var texts []string
	for _, m := range i.comments {
		texts = append(texts, docText(m.body))
	}
	return strings.Join(texts, "\n")
}

// dueTime is the beginning of the due date; zero if there is none.
func dueTime(i *issue) time.Time {
	t, err := time.Parse(time.DateOnly, i.due)
	if err != nil {
		return time.Time{}
	}
	return t
}

func lower(texts []string) []string {
	var list []string
	for _, text := range texts {
		list = append(list, strings.ToLower(text))
	}
	return list
}

// present is a list of the text, or of nothing if it is empty.
func present(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

func userClause(of func(*issue) *account) *jqlField {
	return &jqlField{
		ops: equalOps,
		values: func(i *issue) []string {
			switch a := of(i); {
			case a == nil:
				return nil
			case a.onServer():
				return []string{strings.ToLower(a.id), strings.ToLower(a.Username)}
			default:
				return []string{strings.ToLower(a.id)}
			}
		},
	}
}

func (q *jql) projectID(literal string) (string, bool) {
	if p := q.site.findProject(q.asker, literal); p != nil {
		return p.id, true
	}
	for _, p := range q.site.projects {
		if p.browsable(q.asker) && strings.EqualFold(p.name, literal) {
			return p.id, true
		}
	}
	return "", false
}

func (q *jql) issueID(literal string) (string, bool) {
	if i := q.site.findIssue(q.asker, literal); i != nil {
		return i.id, true
	}
	return "", false
}

// typeName resolves an issue type: an id stands for itself, a name for the types of this name in all projects.
func (q *jql) typeName(literal string) (string, bool) {
	name := ""
	for _, p := range q.site.projects {
		if t := p.typeNamed(literal); t != nil && p.browsable(q.asker) {
			if t.id == literal {
				return t.id, true
			}
			name = strings.ToLower(t.name)
		}
	}
	return name, name != ""
}

func resolveStatus(_ *jql, literal string) (string, bool) {
	st, found := statusNamed(literal)
	return st.id, found
}

func resolvePriority(_ *jql, literal string) (string, bool) {
	p, found := priorityNamed(literal)
	return p.id, found
}

// order is the order by a field; nil if the site cannot order by it. Custom fields that are empty come last.
func (s *Site) order(name string) func(a, b *issue) int {
	if key := sortKey(name); key != nil {
		return key
	}
	found := s.customNamed(name)
	if found == nil || found.custom == string(ParagraphField) {
		return nil
	}
	f := customField(found)
	return func(a, b *issue) int {
		switch {
		case f.empty(a) != f.empty(b):
			return map[bool]int{true: 1, false: -1}[f.empty(a)]
		case f.number != nil:
			m, _ := f.number(a)
			n, _ := f.number(b)
			return cmp.Compare(m, n)
		}
		return strings.Compare(strings.ToLower(f.text(a)), strings.ToLower(f.text(b)))
	}
}

// sortKey is the order by a field that every site has; nil if there is none. Names compare without case.
func sortKey(field string) func(a, b *issue) int {
	by := func(of func(*issue) string) func(a, b *issue) int {
		return func(a, b *issue) int { return strings.Compare(strings.ToLower(of(a)), strings.ToLower(of(b))) }
	}
	switch strings.ToLower(field) {
	case "key", "issuekey":
		return func(a, b *issue) int {
			return cmp.Or(strings.Compare(a.project.key, b.project.key), cmp.Compare(a.number, b.number))
		}
	case "id", "issue":
		return func(a, b *issue) int { return compareIDs(a.id, b.id) }
	case "created", "createddate":
		return func(a, b *issue) int { return a.created.Compare(b.created) }
	case "updated", "updateddate":
		return func(a, b *issue) int { return a.updated.Compare(b.updated) }
	case "due", "duedate":
		return func(a, b *issue) int { return dueTime(a).Compare(dueTime(b)) }
	case "project":
		return by(func(i *issue) string { return i.project.name })
	case "summary":
		return by(func(i *issue) string { return i.summary })
	case "status":
		return by(func(i *issue) string { return i.status.id })
	case "issuetype", "type":
		return by(func(i *issue) string { return i.kind.name })
	case "priority": // the ids run from the highest down; the order runs up
		return func(a, b *issue) int { return strings.Compare(b.priority.id, a.priority.id) }
	case "assignee":
		return by(func(i *issue) string { return userName(i.assignee) })
	case "reporter":
		return by(func(i *issue) string { return userName(i.reporter) })
	}
	return nil
}

func userName(a *account) string {
	if a == nil {
		return ""
	}
	return a.Name
}
