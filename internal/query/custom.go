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
	Field Field  // what may be asked about it, at most [CustomType]'s; the zero Field is one that is there and may not be asked about
}

// The types of fields that come with Jira, and the one of estimates in projects that teams manage themselves.
const (
	ownTypes    = "com.atlassian.jira.plugin.system.customfieldtypes:"
	storyPoints = "com.pyxis.greenhopper.jira:jsw-story-points"
)

// CustomType returns what may be asked about a custom field of a type, by the type's key as Jira's schema.custom has it
// (spec/query.md 4.13). It is the zero Field for types whose values lead elsewhere or belong to an app, and for unknown
// ones.
func CustomType(key string) Field {
	names := []Op{OpEq, OpNe, OpIn, OpNotIn, OpIs, OpIsNot}
	name, own := strings.CutPrefix(key, ownTypes)
	switch {
	case key == storyPoints, own && name == "float":
		return Field{Kind: Amount, Ops: []Op{OpEq, OpNe, OpLt, OpLe, OpGt, OpGe, OpIn, OpNotIn, OpIs, OpIsNot}, Sort: true}
	case !own:
		return Field{}
	}
	switch name {
	case "textfield", "textarea":
		return Field{Kind: Text, Ops: []Op{OpLike, OpNotLike, OpIs, OpIsNot}, Sort: name == "textfield"}
	case "select", "radiobuttons":
		return Field{Kind: Name, Ops: names, Sort: true}
	case "multiselect", "multicheckboxes", "labels", "url":
		return Field{Kind: Name, Ops: names}
	case "datepicker", "datetime":
		return Field{Kind: Date, Ops: append(dateOps(), OpIs, OpIsNot), Funcs: dayFuncs(), Sort: true}
	case "userpicker", "multiuserpicker":
		return Field{Ops: names, Funcs: []Func{{Name: "currentUser"}}, Sort: name == "userpicker"}
	}
	return Field{}
}

// WithCustom returns a copy of the dialect that lists those of the fields that may be asked about. They are written by
// id, as cf[10016], and may be called by that, by customfield_10016 and by name.
//
// Names lead to ids here and not upstream, where one name stands for all of the fields that have it. A name that several
// of the fields have is refused, so all of the site's fields belong in the list, also those that may not be asked about,
// and once for each of its names. A name that the dialect has already, or denies, keeps its meaning. A field whose id is
// not of that form is not listed; its names are names nevertheless.
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
		listed := slices.DeleteFunc(slices.Clone(list), func(canonical string) bool { _, ok := d.Fields[canonical]; return !ok })
		switch {
		case len(listed) == 0: // like a name that no field has: what is hidden is not told of
		case len(list) > 1:
			d.shared[name] = "Say which by its id: " + strings.Join(listed, ", ") + "."
		default:
			d.Aliases[name] = listed[0]
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
	canonical, _, ok := d.field(name)
	return ok || d.Denied[canonical] != "" || d.Denied[name] != "" || isCustomField(name) || customName(name) != ""
}

func (f Field) usable() bool { return f.searchable() || f.sortable() }
