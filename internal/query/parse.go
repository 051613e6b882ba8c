// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"slices"
	"unicode/utf8"
)

// What Parse accepts at most. No honest search comes near.
const (
	MaxText    = 10_000 // bytes, of the text and of its canonical form
	MaxDepth   = 32     // compounds inside each other
	MaxClauses = 200
	MaxList    = 200 // values of one clause
	MaxSort    = 10
)

type limits struct{ text, depth, clauses int }

// Parse reads a query and checks it against the dialect. A text without words is the zero Query. Every error is an
// [*Error].
func Parse(d Dialect, text string) (*Query, error) {
	return parse(d, text, limits{text: MaxText, depth: MaxDepth, clauses: MaxClauses})
}

func parse(d Dialect, text string, most limits) (*Query, error) {
	if len(text) > most.text {
		return nil, errTooLong()
	}
	if !utf8.ValidString(text) {
		return nil, errorAt("", 0, ReasonEncoding, "Send the query as UTF-8 text.", "the query is not valid UTF-8")
	}
	list, err := tokens(d, text)
	if err != nil {
		return nil, err
	}
	p := &parser{d: d, text: text, tokens: list, most: most}
	q, err := p.query()
	if err != nil {
		return nil, err
	}
	// Quotes and parentheses are added on the way out; with this check the canonical form can always be parsed again.
	if len(q.String()) > most.text {
		return nil, errTooLong()
	}
	return q, nil
}

func errTooLong() *Error {
	return errorAt("", 0, ReasonLimit, "Ask a narrower question.", "the query is too long")
}

type parser struct {
	d       Dialect
	text    string
	tokens  []token // ends with an end token
	most    limits
	nesting int // open parentheses and NOTs
	clauses int
}

func (p *parser) peek() token { return p.tokens[0] }

func (p *parser) take() token {
	t := p.tokens[0]
	if t.kind != end {
		p.tokens = p.tokens[1:]
	}
	return t
}

func (p *parser) takeKeyword(keyword string) bool {
	if !p.peek().is(keyword) {
		return false
	}
	p.take()
	return true
}

func (p *parser) takeMark(text string) bool {
	if !p.peek().isMark(text) {
		return false
	}
	p.take()
	return true
}

func (p *parser) errorAt(t token, why Reason, hint, format string, args ...any) error {
	return errorAt(p.text, t.offset, why, hint, format, args...)
}

func (p *parser) query() (*Query, error) {
	q := &Query{}
	if t := p.peek(); t.kind != end && !t.is("order") {
		e, err := p.or()
		if err != nil {
			return nil, err
		}
		q.Where = e
	}
	if height(q.Where) > p.most.depth {
		return nil, errorAt(p.text, 0, ReasonLimit, "Write the condition with fewer groups inside groups.", "the condition is nested too deeply")
	}
	if p.takeKeyword("order") {
		order, err := p.order()
		if err != nil {
			return nil, err
		}
		q.Order = order
	}
	if t := p.peek(); t.kind != end {
		return nil, p.unexpected(t)
	}
	return q, nil
}

func (p *parser) unexpected(t token) error {
	switch {
	case t.isMark(")"):
		return p.errorAt(t, ReasonSyntax, "Each query must be complete by itself: open every parenthesis that is closed.", "parenthesis was never opened")
	case t.kind == end:
		return p.errorAt(t, ReasonSyntax, "Complete the query.", "the query ends too early")
	case t.is("order"):
		return p.errorAt(t, ReasonSyntax, "Move ORDER BY to the end of the query, outside of parentheses.", "ORDER BY inside a condition")
	}
	return p.errorAt(t, ReasonSyntax, "Join conditions with AND or OR, and put values of several words in double quotes.", "unexpected %q", excerpt(t.text))
}

func (p *parser) or() (Expr, error) {
	list, err := p.joined(p.and, "or", "|", "||")
	if err != nil {
		return nil, err
	}
	return Any(list...), nil
}

func (p *parser) and() (Expr, error) {
	list, err := p.joined(p.unary, "and", "&", "&&")
	if err != nil {
		return nil, err
	}
	return All(list...), nil
}

func (p *parser) joined(part func() (Expr, error), keyword, mark, marks string) ([]Expr, error) {
	var list []Expr
	for {
		e, err := part()
		if err != nil {
			return nil, err
		}
		list = append(list, e)
		if !p.takeKeyword(keyword) && !p.takeMark(mark) && !p.takeMark(marks) {
			return list, nil
		}
	}
}

func (p *parser) unary() (Expr, error) {
	// Canonical text spends a NOT and a parenthesis on one level of the tree, hence twice the depth; twice more is for
	// people's redundant parentheses. The bound keeps the recursion shallow.
	p.nesting++
	defer func() { p.nesting-- }()
	if p.nesting > 4*p.most.depth {
		return nil, p.errorAt(p.peek(), ReasonLimit, "Write the condition with fewer groups inside groups.", "the condition is nested too deeply")
	}
	switch {
	case p.takeKeyword("not"), p.takeMark("!"):
		e, err := p.unary()
		if err != nil {
			return nil, err
		}
		return Not{e}, nil
	case p.takeMark("("):
		e, err := p.or()
		if err != nil {
			return nil, err
		}
		if !p.takeMark(")") {
			return nil, p.unclosed()
		}
		return e, nil
	}
	return p.clause()
}

func (p *parser) unclosed() error {
	if t := p.peek(); t.kind != end {
		return p.unexpected(t)
	}
	return p.errorAt(p.peek(), ReasonSyntax, "Close every parenthesis that is opened.", "parenthesis without an end")
}

func (p *parser) order() ([]Sort, error) {
	if !p.takeKeyword("by") {
		return nil, p.errorAt(p.peek(), ReasonSyntax, "Write ORDER BY and then the fields.", "ORDER without BY")
	}
	var list []Sort
	for {
		s, err := p.sort(list)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
		if !p.takeMark(",") {
			return list, nil
		}
	}
}

func (p *parser) sort(before []Sort) (Sort, error) {
	t := p.take()
	name, f, err := p.field(t)
	if err != nil {
		return Sort{}, err
	}
	if !f.Sort {
		return Sort{}, p.errorAt(t, ReasonSort, "Sort by one of: "+p.d.names(Field.sortable)+".", "cannot sort by %q", name)
	}
	if len(before) == MaxSort || slices.ContainsFunc(before, func(s Sort) bool { return s.Field == name }) {
		return Sort{}, p.errorAt(t, ReasonSort, "Name each field once, the most important first.", "too many sort keys or the same one twice")
	}
	s := Sort{Field: name}
	switch {
	case p.takeKeyword("asc"):
		s.Direction = Ascending
	case p.takeKeyword("desc"):
		s.Direction = Descending
	}
	return s, nil
}
