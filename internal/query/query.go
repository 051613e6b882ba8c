// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package query reads the query languages that users and agents write, Jira's JQL and Confluence's CQL, so that a
// policy can bound them. spec/query.md defines what it takes and what it makes of that; its vectors are the cases of
// testdata/vectors/query-*, and Atlassian's own parser is held against both (test/jql).
//
// Wrapping a user's text, as in "project in (1) AND (" + text + ")", bounds nothing: the text `a = 1) OR (b = 2` is no
// query by itself, yet it closes the bracket and escapes. So text is never passed on. [Parse] turns it into a tree and
// refuses whatever a [Dialect] does not list; [Bound] puts the policy's bound above the tree; [Query.String] writes
// the whole anew, with every literal quoted or made of digits only and every compound in parentheses.
//
// A dialect lists a field only if a clause over it depends on nothing but the item itself, the clock and the acting
// account. Then the bound decides what can be learned. Fields and functions that reach other items (parents, links,
// saved filters, other people's votes) would answer questions about things outside the bound even though no such
// thing is ever returned; the dialects name them, with the reason, under Denied.
//
// One leak is left and must be closed by the caller: an upstream answers a clause that names an unknown project,
// status or component with an error, and one that names a foreign but existing one with an empty list. Use
// [Dialect.Restrict] for fields whose permitted values are known, and do not pass upstream errors on word by word.
package query

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

// ErrUnbounded is returned by [Bound] when the bound would not bound anything: it is nil, some part of it is nil or
// names no plain values, or it only says what is not to be found. A policy that allows nothing has no query; the caller
// answers without asking upstream.
var ErrUnbounded = errors.New("query: the bound names nothing")

// Query is a search: a condition and the order of its results. The zero Query has no condition and finds everything,
// so it must not be sent without [Bound].
type Query struct {
	Where Expr // nil if the text had no condition
	Order []Sort
}

// Expr is a condition: [And], [Or], [Not] or [Clause].
type Expr interface {
	// write appends the condition's canonical text.
	write(b *strings.Builder)
	// whole reports whether every part of the condition names something.
	whole() bool
	// names reports whether the condition says what is to be found, and not only what is not.
	names() bool
}

// And holds where all of its parts hold. Parse makes it of two parts or more, in the order of the text.
type And []Expr

// Or holds where any of its parts holds. Parse makes it of two parts or more, in the order of the text.
type Or []Expr

// Not holds where X does not.
type Not struct{ X Expr }

// Clause compares one field. OpIn and OpNotIn carry one value or more; every other operator carries exactly one, which
// for OpIs and OpIsNot is Empty.
type Clause struct {
	Field  string // canonical, lower case
	Op     Op
	Values []Value
}

// Op is a comparison. The zero Op is none, and no language accepts its text.
type Op uint8

// The comparisons of both languages. OpIs and OpIsNot only ever compare with EMPTY; Parse turns `= EMPTY` into OpIs.
const (
	OpEq Op = iota + 1
	OpNe
	OpLike
	OpNotLike
	OpLt
	OpLe
	OpGt
	OpGe
	OpIn
	OpNotIn
	OpIs
	OpIsNot
)

// String returns the operator as both languages write it.
func (o Op) String() string {
	switch o {
	case OpEq:
		return "="
	case OpNe:
		return "!="
	case OpLike:
		return "~"
	case OpNotLike:
		return "!~"
	case OpLt:
		return "<"
	case OpLe:
		return "<="
	case OpGt:
		return ">"
	case OpGe:
		return ">="
	case OpIn:
		return "IN"
	case OpNotIn:
		return "NOT IN"
	case OpIs:
		return "IS"
	case OpIsNot:
		return "IS NOT"
	}
	return "?"
}

// Form says how a value is written.
type Form uint8

// The forms of values. The zero Form is String, which is always quoted, so that nothing is taken for syntax by
// accident.
const (
	String Form = iota
	Number      // decimal digits: an id. Jira reads a bare number as an id first, a quoted one as a name first.
	Empty       // the keyword EMPTY; Text is unused
	Call        // a function: Text is its name, Args its literal arguments
)

// Value is one operand of a clause.
type Value struct {
	Form Form
	Text string
	Args []string
}

// Direction is the direction of a sort key.
type Direction uint8

// The directions. Default leaves the choice to the upstream, which in Jira depends on the field.
const (
	Default Direction = iota
	Ascending
	Descending
)

// Sort is one key of an ORDER BY.
type Sort struct {
	Field     string // canonical, lower case
	Direction Direction
}

// Strings returns quoted values, for [In].
func Strings(texts ...string) []Value {
	return values(String, texts)
}

// IDs returns values written as bare numbers, for [In]. A text that is not made of digits only is quoted all the
// same, so hostile input cannot become syntax.
func IDs(digits ...string) []Value {
	return values(Number, digits)
}

func values(f Form, texts []string) []Value {
	list := make([]Value, len(texts))
	for i, t := range texts {
		list[i] = Value{Form: f, Text: t}
	}
	return list
}

// In is the condition that the field has one of the values. Without values it bounds nothing and [Bound]
// refuses it.
func In(field string, values ...Value) Expr {
	return Clause{Field: field, Op: OpIn, Values: values}
}

// NotIn is the condition that the field has none of the values. It is a part of a bound and never all of one: what is
// merely left out bounds nothing, so [Bound] refuses it alone. A list of things left out is several of these under
// [All] rather than a negated group, since Confluence takes no condition, and perhaps no group, that begins with NOT.
func NotIn(field string, values ...Value) Expr {
	return Clause{Field: field, Op: OpNotIn, Values: values}
}

// IsEmpty is the condition that the field has no value. Like [NotIn] it is a part of a bound and never all of one.
func IsEmpty(field string) Expr {
	return Clause{Field: field, Op: OpIs, Values: []Value{{Form: Empty}}}
}

// All is the condition that all of the conditions hold; one condition stands for itself.
func All(exprs ...Expr) Expr {
	if len(exprs) == 1 {
		return exprs[0]
	}
	return And(exprs)
}

// Any is the condition that any of the conditions holds; one condition stands for itself.
func Any(exprs ...Expr) Expr {
	if len(exprs) == 1 {
		return exprs[0]
	}
	return Or(exprs)
}

// Bound returns the query that finds what q finds, inside the bound only, in q's order. It returns [ErrUnbounded]
// rather than a query that bounds nothing. q is not changed, and shares its parts with the result.
func Bound(bound Expr, q *Query) (*Query, error) {
	if bound == nil || !bound.whole() || !bound.names() {
		return nil, ErrUnbounded
	}
	if q.Where == nil {
		return &Query{Where: bound, Order: q.Order}, nil
	}
	return &Query{Where: And{bound, q.Where}, Order: q.Order}, nil
}

func (e And) whole() bool { return allWhole(e) }
func (e Or) whole() bool  { return allWhole(e) }
func (e Not) whole() bool { return e.X != nil && e.X.whole() }
func (e Clause) whole() bool {
	if e.Op == OpIs {
		return len(e.Values) == 1 && e.Values[0].Form == Empty
	}
	return e.Op != 0 && len(e.Values) > 0 && !slices.ContainsFunc(e.Values, func(v Value) bool { return !v.plain() })
}

// plain reports whether the value names one thing, which everybody reads alike: no function, not EMPTY, not blank, and
// without anything that people do not see.
func (v Value) plain() bool {
	return (v.Form == String || v.Form == Number) && strings.TrimSpace(v.Text) != "" && utf8.ValidString(v.Text) &&
		!strings.ContainsFunc(v.Text, isHidden)
}

func allWhole(list []Expr) bool {
	return len(list) > 0 && !slices.ContainsFunc(list, func(e Expr) bool { return e == nil || !e.whole() })
}

func (e And) names() bool    { return slices.ContainsFunc(e, Expr.names) }
func (e Or) names() bool     { return !slices.ContainsFunc(e, func(e Expr) bool { return !e.names() }) }
func (e Not) names() bool    { return false }
func (e Clause) names() bool { return e.Op == OpEq || e.Op == OpIn }

// height is the number of compounds on the longest way from e to a clause.
func height(e Expr) int {
	var parts []Expr
	switch e := e.(type) {
	case And:
		parts = e
	case Or:
		parts = e
	case Not:
		parts = []Expr{e.X}
	default:
		return 0
	}
	deepest := 0
	for _, part := range parts {
		deepest = max(deepest, height(part))
	}
	return deepest + 1
}
