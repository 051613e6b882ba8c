// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// jqlField is what a field means in JQL: it has values to equal, a text to search, or a time or number to compare.
type jqlField struct {
	ops     string
	resolve func(q *jql, literal string) (string, bool) // a literal as it is among the values; nil: in lower case
	values  func(i *issue) []string
	text    func(i *issue) string
	at      func(i *issue) time.Time // zero: empty
	number  func(i *issue) (float64, bool)
}

// The operators that fields take; underscores keep the two-word ones together.
const (
	equalOps = "= != in not_in is is_not"
	textOps  = "~ !~ is is_not"
	orderOps = "= != < > <= >= in not_in is is_not"
)

// jql is a JQL query ready to run, for one account.
type jql struct {
	*query
	site  *Site
	asker *account
	ready map[*clause]*prepared
}

// prepared is a clause with its field found and its values resolved.
type prepared struct {
	field   *jqlField
	wanted  []string
	times   []time.Time
	numbers []float64
	empty   bool // EMPTY is among the values
}

// jqlError is what is wrong with a query, in the words of a site.
type jqlError string

func (e jqlError) Error() string { return string(e) }

func jqlErrorf(format string, args ...any) error { return jqlError(fmt.Sprintf(format, args...)) }

// parseJQL reads a JQL query and checks its fields, operators and values. A query without a clause is refused, since it
// would return everything.
func (s *Site) parseJQL(text string, asker *account) (*jql, error) {
	parsed, err := parseQuery(text)
	if err != nil {
		return nil, jqlErrorf("Error in the JQL Query: %v", err)
	}
	if parsed.where == nil {
		return nil, jqlError("Unbounded JQL queries are not allowed here. Please add a search restriction to your query.")
	}
	parsed.where = parsed.where.pushNot(false)
	q := &jql{query: parsed, site: s, asker: asker, ready: make(map[*clause]*prepared)}
	if err := q.where.each(q.prepare); err != nil {
		return nil, err
	}
	for _, term := range q.order {
		if s.order(term.field) == nil {
			return nil, jqlErrorf("Field '%s' does not exist or you do not have permission to view it.", term.field)
		}
	}
	return q, nil
}

// pushNot returns the expression without NOT, its clauses turned into their opposites, as Jira does. This matters: like
// the negative operators, NOT does not find issues in which the field is empty.
func (e *expr) pushNot(negate bool) *expr {
	switch {
	case e.op == "not":
		return e.kids[0].pushNot(!negate)
	case e.op == "clause" && negate:
		c := *e.clause
		c.op = opposite(c.op)
		return &expr{op: "clause", clause: &c}
	case e.op == "clause":
		return e
	}
	pushed := &expr{op: e.op}
	if negate {
		pushed.op = map[string]string{"and": "or", "or": "and"}[e.op]
	}
	for _, kid := range e.kids {
		pushed.kids = append(pushed.kids, kid.pushNot(negate))
	}
	return pushed
}

func opposite(op string) string {
	pairs := [...][2]string{{"=", "!="}, {"~", "!~"}, {"in", "not in"}, {"is", "is not"}, {"<", ">="}, {">", "<="}}
	for _, pair := range pairs {
		switch op {
		case pair[0]:
			return pair[1]
		case pair[1]:
			return pair[0]
		}
	}
	return op
}

// prepare checks a clause and resolves its values.
func (q *jql) prepare(c *clause) error {
	f := q.site.jqlField(strings.ToLower(c.field))
	if f == nil {
		return jqlErrorf("Field '%s' does not exist or you do not have permission to view it.", c.field)
	}
	if !slices.Contains(strings.Fields(f.ops), strings.ReplaceAll(c.op, " ", "_")) {
		return jqlErrorf("The operator '%s' is not supported by the '%s' field.", c.op, c.field)
	}
	p := &prepared{field: f}
	many := strings.HasSuffix(c.op, "in")
	if c.operand.list != many && (c.operand.list || !c.operand.values[0].function) {
		return jqlErrorf("Operator '%s' does not fit its operand for field '%s'.", c.op, c.field)
	}
	for _, v := range c.operand.values {
		if err := q.prepareValue(c, p, v); err != nil {
			return err
		}
	}
	q.ready[c] = p
	return nil
}

func (q *jql) prepareValue(c *clause, p *prepared, v value) error {
	switch {
	case v.empty():
		p.empty = true
		if !slices.Contains([]string{"=", "!=", "in", "not in", "is", "is not"}, c.op) {
			return jqlErrorf("Operator '%s' does not support searching for empty values.", c.op)
		}
		return nil
	case strings.HasPrefix(c.op, "is"):
		return jqlErrorf("The '%s' operator only supports EMPTY or NULL.", c.op)
	case p.field.at != nil:
		t, err := queryTime(v, q.site.now())
		if err != nil {
			return jqlErrorf("Error in the JQL Query: %v", err)
		}
		p.times = append(p.times, t)
	case p.field.number != nil:
		n, err := strconv.ParseFloat(v.text, 64)
		if err != nil || v.function {
			return jqlErrorf("The value '%s' is not a number, for the field '%s'.", v.text, c.field)
		}
		p.numbers = append(p.numbers, n)
	case p.field.text != nil && (v.function || v.text == "" || strings.HasPrefix(v.text, "*")):
		return jqlErrorf("The value '%s' of the field '%s' is empty, a function, or begins with a wildcard.", v.text, c.field)
	case p.field.text != nil:
		p.wanted = append(p.wanted, v.text)
	default:
		return q.resolve(c, p, v)
	}
	return nil
}

// resolve finds what a literal or function stands for. What does not exist, or may not be seen, is an error.
func (q *jql) resolve(c *clause, p *prepared, v value) error {
	literal := v.text
	if v.function {
		if !strings.EqualFold(v.text, "currentUser") || len(v.args) > 0 {
			return jqlErrorf("Unable to find JQL function '%s(%s)'.", v.text, strings.Join(v.args, ", "))
		}
		literal = q.asker.id
	}
	if p.field.resolve == nil {
		p.wanted = append(p.wanted, strings.ToLower(literal))
		return nil
	}
	found, exists := p.field.resolve(q, literal)
	if !exists {
		return jqlErrorf("The value '%s' does not exist for the field '%s'.", literal, c.field)
	}
	p.wanted = append(p.wanted, found)
	return nil
}

// match evaluates one clause. Negative operators do not find issues in which the field is empty.
func (q *jql) match(c *clause, i *issue) bool {
	p := q.ready[c]
	empty := p.field.empty(i)
	switch c.op {
	case "=", "in", "is", "~":
		return empty && p.empty || !empty && p.equals(i)
	case "!=", "not in", "is not", "!~":
		return !empty && !p.equals(i)
	}
	return !empty && p.compares(c.op, i)
}

func (f *jqlField) empty(i *issue) bool {
	switch {
	case f.at != nil:
		return f.at(i).IsZero()
	case f.number != nil:
		_, there := f.number(i)
		return !there
	case f.text != nil:
		return f.text(i) == ""
	}
	return len(f.values(i)) == 0
}

// equals tells whether a field that is not empty has one of the values.
func (p *prepared) equals(i *issue) bool {
	f := p.field
	switch {
	case f.at != nil:
		return slices.ContainsFunc(p.times, f.at(i).Equal)
	case f.number != nil:
		n, _ := f.number(i)
		return slices.Contains(p.numbers, n)
	case f.text != nil:
		return slices.ContainsFunc(p.wanted, func(wanted string) bool { return contains(f.text(i), wanted) })
	}
	return slices.ContainsFunc(f.values(i), func(have string) bool { return slices.Contains(p.wanted, have) })
}

func (p *prepared) compares(op string, i *issue) bool {
	if p.field.at != nil {
		return ordered(op, p.field.at(i).Compare(p.times[0]))
	}
	n, _ := p.field.number(i)
	switch {
	case n < p.numbers[0]:
		return ordered(op, -1)
	case n > p.numbers[0]:
		return ordered(op, 1)
	}
	return ordered(op, 0)
}

// compare orders issues; without an order, or when it leaves them equal, the newest come first.
func (q *jql) compare(a, b *issue) int {
	for _, term := range q.order {
		order := q.site.order(term.field)(a, b)
		if term.desc {
			order = -order
		}
		if order != 0 {
			return order
		}
	}
	return compareIDs(b.id, a.id)
}
