// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"errors"
	"fmt"
)

type parser struct {
	tokens []token
	depth  int
}

// parseQuery reads a query; an empty one is valid.
func parseQuery(text string) (*query, error) {
	tokens, err := tokenise(text)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	q := new(query)
	if p.peek().kind != tokenEnd && !p.ordering() {
		if q.where, err = p.or(); err != nil {
			return nil, err
		}
	}
	if p.ordering() {
		if q.order, err = p.order(); err != nil {
			return nil, err
		}
	}
	if end := p.peek(); end.kind != tokenEnd {
		return nil, fmt.Errorf("expecting either 'OR' or 'AND' but got %v", end)
	}
	return q, nil
}

func (p *parser) peek() token { return p.tokens[0] }

// after is the token after the next one.
func (p *parser) after() token { return p.tokens[min(1, len(p.tokens)-1)] }

func (p *parser) next() token {
	t := p.tokens[0]
	if t.kind != tokenEnd {
		p.tokens = p.tokens[1:]
	}
	return t
}

// take consumes the next token if it is one of these keywords or symbols.
func (p *parser) take(words ...string) bool {
	if !p.peek().is(words...) {
		return false
	}
	p.next()
	return true
}

func (p *parser) ordering() bool { return p.peek().is("order") && p.after().is("by") }

var errDeep = errors.New("the query is nested too deeply")

func (p *parser) or() (*expr, error) { return p.joined("or", p.and, "or", "||", "|") }

func (p *parser) and() (*expr, error) { return p.joined("and", p.not, "and", "&&", "&") }

// joined reads one or more parts with operators between them.
func (p *parser) joined(op string, part func() (*expr, error), operators ...string) (*expr, error) {
	first, err := part()
	if err != nil {
		return nil, err
	}
	kids := []*expr{first}
	for p.take(operators...) {
		kid, err := part()
		if err != nil {
			return nil, err
		}
		kids = append(kids, kid)
	}
	if len(kids) == 1 {
		return first, nil
	}
	return &expr{op: op, kids: kids}, nil
}

func (p *parser) not() (*expr, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, errDeep
	}
	defer func() { p.depth-- }()
	if p.take("not", "!") {
		kid, err := p.not()
		if err != nil {
			return nil, err
		}
		return &expr{op: "not", kids: []*expr{kid}}, nil
	}
	if p.take("(") {
		inner, err := p.or()
		if err != nil {
			return nil, err
		}
		if !p.take(")") {
			return nil, fmt.Errorf("expecting ')' but got %v", p.peek())
		}
		return inner, nil
	}
	c, err := p.clause()
	if err != nil {
		return nil, err
	}
	return &expr{op: "clause", clause: c}, nil
}

func (p *parser) clause() (*clause, error) {
	field := p.next()
	if field.kind != tokenWord && field.kind != tokenString {
		return nil, fmt.Errorf("expecting a field name but got %v", field)
	}
	op, err := p.operator()
	if err != nil {
		return nil, err
	}
	c := &clause{field: field.text, op: op}
	c.operand, err = p.operand()
	return c, err
}

func (p *parser) operator() (string, error) {
	t := p.next()
	switch {
	case t.kind == tokenSymbol && t.is("=", "!=", "~", "!~", "<", ">", "<=", ">="):
		return t.text, nil
	case t.is("in"):
		return "in", nil
	case t.is("not") && p.take("in"):
		return "not in", nil
	case t.is("is") && p.take("not"):
		return "is not", nil
	case t.is("is"):
		return "is", nil
	}
	return "", fmt.Errorf("expecting operator but got %v. The valid operators are '=', '!=', '<', '>', '<=', '>=', '~', '!~', 'IN', 'NOT IN', 'IS' and 'IS NOT'", t)
}

func (p *parser) operand() (operand, error) {
	if !p.take("(") {
		v, err := p.value()
		return operand{values: []value{v}}, err
	}
	o := operand{list: true}
	for {
		v, err := p.value()
		if err != nil {
			return o, err
		}
		o.values = append(o.values, v)
		if p.take(",") {
			continue
		}
		if !p.take(")") {
			return o, fmt.Errorf("expecting ',' or ')' but got %v", p.peek())
		}
		return o, nil
	}
}

func (p *parser) value() (value, error) {
	t := p.next()
	if t.kind == tokenString {
		return value{text: t.text, quoted: true}, nil
	}
	if t.kind != tokenWord || t.is("and", "or", "not", "in", "is", "order", "by") {
		return value{}, fmt.Errorf("expecting either a value, list or function but got %v", t)
	}
	v := value{text: t.text}
	if !p.take("(") {
		return v, nil
	}
	v.function = true
	for !p.take(")") {
		arg := p.next()
		if arg.kind != tokenWord && arg.kind != tokenString {
			return v, fmt.Errorf("expecting an argument or ')' but got %v", arg)
		}
		v.args = append(v.args, arg.text)
		if !p.take(",") && !p.peek().is(")") {
			return v, fmt.Errorf("expecting ',' or ')' but got %v", p.peek())
		}
	}
	return v, nil
}

// order reads ORDER BY, whose keywords are known to be next.
func (p *parser) order() ([]orderTerm, error) {
	p.next()
	p.next()
	var terms []orderTerm
	for {
		field := p.next()
		if field.kind != tokenWord && field.kind != tokenString {
			return nil, fmt.Errorf("expecting a field name but got %v", field)
		}
		term := orderTerm{field: field.text}
		if p.take("desc") {
			term.desc = true
		} else {
			p.take("asc")
		}
		terms = append(terms, term)
		if !p.take(",") {
			return terms, nil
		}
	}
}
