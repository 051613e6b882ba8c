// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"maps"
	"slices"
	"strings"
)

// Dialect is one query language as far as a policy lets it be used. [JQL] and [CQL] return the conservative ones; a
// caller may narrow them by deleting fields or with [Dialect.Restrict]. The zero Dialect allows nothing.
type Dialect struct {
	Name    string            // for people: "JQL"
	Fields  map[string]Field  // by canonical name, lower case
	Aliases map[string]string // other lower-case names of fields, to the canonical one
	Denied  map[string]string // fields and functions people will miss, lower case: why they are not allowed

	Reserved      string // words that cannot be values without quotes: lower case, with blanks between
	WordMarks     string // what an unquoted word may hold besides ASCII letters and digits
	RelativeUnits string // the units of a relative date such as -7d; none if the language has no such dates
	Symbols       bool   // whether & && | || ! stand for AND, OR and NOT

	shared map[string]string // names that several fields have, lower case: which to say instead
}

// Field is what a clause over a field may say. The zero Field cannot be searched.
type Field struct {
	Kind  Kind
	Ops   []Op
	Funcs []Func
	Only  []string // if not nil, the only literals allowed, in any case; for Key, the only projects
	Over  []string // if not nil, the fields that a condition is written over, in place of this one
	Sort  bool     // may be an ORDER BY key
}

// Kind says which literals a field takes.
type Kind uint8

// The kinds of literals.
const (
	None   Kind = iota // no literals, only the listed functions and EMPTY
	Text               // words to look for
	Name               // the name or id of something
	Date               // 2026-03-31, "2026-03-31 14:00" or, where the language has them, -7d
	ID                 // digits
	Amount             // a decimal number such as 3 or 0.5
	Key                // an issue key such as ENG-12, of a project in Only
)

// Func is a function that may stand as a value.
type Func struct {
	Name string // as the language writes it; matched in any case
	Args int    // how many offsets such as "-1d" it takes at most
}

// Restrict returns a copy of the dialect in which the field takes no literals but these, or for a field of issue keys
// no keys but these projects'. Without values the field takes none. An unknown field stays unknown, hence denied.
func (d Dialect) Restrict(field string, values ...string) Dialect {
	f, ok := d.Fields[field]
	if !ok {
		return d
	}
	f.Only = append([]string{}, values...)
	d.Fields = maps.Clone(d.Fields)
	d.Fields[field] = f
	return d
}

// Spread returns a copy of the dialect in which a condition over the field is written over others in its place: `field ~
// x` as `(a ~ x OR b ~ x)`. The others must be fields of the dialect that take what the field takes; if one is not, the
// field is taken away. It is for fields that look into more than may be told of (spec/query.md 4.16).
func (d Dialect) Spread(field string, over ...string) Dialect {
	f, ok := d.Fields[field]
	if !ok {
		return d
	}
	d.Fields = maps.Clone(d.Fields)
	if len(over) == 0 || slices.ContainsFunc(over, func(name string) bool { return name == field || !d.Fields[name].takes(f) }) {
		delete(d.Fields, field)
		return d
	}
	f.Over, f.Sort = slices.Clone(over), false
	d.Fields[field] = f
	return d
}

// takes reports whether whatever may be asked about another field may be asked about this one, which is written as itself.
func (f Field) takes(other Field) bool {
	return f.Over == nil && f.Only == nil && f.Kind == other.Kind && len(other.Funcs) == 0 &&
		!slices.ContainsFunc(other.Ops, func(op Op) bool { return !f.allows(op) })
}

// field resolves a name as written.
func (d Dialect) field(written string) (string, Field, bool) {
	name := strings.ToLower(written)
	if canonical, ok := d.Aliases[name]; ok {
		name = canonical
	}
	f, ok := d.Fields[name]
	return name, f, ok
}

func (d Dialect) reserves(text string) bool {
	return slices.Contains(strings.Fields(d.Reserved), strings.ToLower(text))
}

// maxHinted is how many custom fields a hint lists.
const maxHinted = 20

// names lists the fields that pass the test, for hints: custom fields at the end, and not all of many.
func (d Dialect) names(pass func(Field) bool) string {
	var list, custom []string
	for name, f := range d.Fields {
		switch {
		case !pass(f):
		case isCustomField(name):
			custom = append(custom, name)
		default:
			list = append(list, name)
		}
	}
	slices.Sort(list)
	slices.Sort(custom)
	if len(custom) > maxHinted {
		custom = append(custom[:maxHinted], "and other custom fields")
	}
	return strings.Join(append(list, custom...), ", ")
}

func (f Field) searchable() bool { return len(f.Ops) > 0 }
func (f Field) sortable() bool   { return f.Sort }

func (f Field) allows(op Op) bool { return slices.Contains(f.Ops, op) }

func (f Field) function(written string) (Func, bool) {
	for _, fn := range f.Funcs {
		if strings.EqualFold(fn.Name, written) {
			return fn, true
		}
	}
	return Func{}, false
}

// only returns the permitted spelling of text.
func (f Field) only(text string) (string, bool) {
	for _, v := range f.Only {
		if strings.EqualFold(v, text) {
			return v, true
		}
	}
	return "", false
}

func opNames(ops []Op) string {
	var list []string
	for _, op := range ops {
		list = append(list, op.String())
	}
	return strings.Join(list, " ")
}
