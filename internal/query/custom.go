// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"maps"
	"slices"
	"strings"
)

// CustomField is a field that people have added to a Jira site.
type CustomField struct {
	ID    string // as Jira lists it: customfield_10016
	Name  string // as people see it; others may have the same
	Field Field  // what may be asked about it; the zero Field is one that is there and may not be asked about
}

// WithCustom returns a copy of the dialect that lists those of the fields that may be asked about. They are written by
// id, as cf[10016], and may be called by that, by customfield_10016 and by name.
//
// Names lead to ids here and not upstream, where one name stands for all of the fields that have it. A name that several
// of the fields have is refused, so all of the site's fields belong in the list, also those that may not be asked about. A
// name that the dialect has already, or denies, keeps its meaning. A field whose id is not of that form is not listed.
func (d Dialect) WithCustom(fields ...CustomField) Dialect {
	d.Fields, d.Aliases = maps.Clone(d.Fields), maps.Clone(d.Aliases)
	named := map[string][]string{} // by name: the fields that have it
	for _, f := range fields {
		name, canonical := strings.ToLower(f.Name), customName(f.ID)
		if d.knows(name) || slices.Contains(named[name], canonical) {
			name = ""
		}
		named[name] = append(named[name], canonical)
		if canonical != "" && f.Field.usable() {
			d.Fields[canonical] = f.Field
			d.Aliases[f.ID] = canonical
		}
	}
	delete(named, "")
	d.shared = map[string]string{}
	for name, list := range named {
		if len(list) > 1 {
			d.shared[name] = d.instead(list)
		} else if _, listed := d.Fields[list[0]]; listed {
			d.Aliases[name] = list[0]
		}
	}
	return d
}

// customName turns customfield_10016 into cf[10016], and anything else into "".
func customName(id string) string {
	digits, ok := strings.CutPrefix(id, "customfield_")
	if !ok || !isNumber(digits) {
		return ""
	}
	return "cf[" + digits + "]"
}

// knows reports whether a name means something in the dialect before any field is added, or would be read as an id.
func (d Dialect) knows(name string) bool {
	_, _, ok := d.field(name)
	return ok || d.Denied[name] != "" || isCustomField(name) || customName(name) != ""
}

func (d Dialect) instead(list []string) string {
	listed := slices.DeleteFunc(slices.Clone(list), func(name string) bool { _, ok := d.Fields[name]; return !ok })
	if len(listed) == 0 {
		return "None of them may be searched by; leave the condition away."
	}
	return "Say which by its id: " + strings.Join(listed, ", ") + "."
}

func (f Field) usable() bool { return f.searchable() || f.sortable() }
