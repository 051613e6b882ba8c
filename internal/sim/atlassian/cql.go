// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// cqlFields are the fields of CQL that the site knows, in lower case, each with the operators that it takes.
var cqlFields = map[string]string{
	"space":        "= != in not in",
	"space.key":    "= != in not in",
	"space.id":     "= != in not in",
	"id":           "= != in not in",
	"content":      "= != in not in",
	"type":         "= != in not in",
	"title":        "= != ~ !~ in not in",
	"text":         "~ !~",
	"sitesearch":   "~ !~",
	"label":        "= != in not in",
	"ancestor":     "= != in not in",
	"parent":       "= != in not in",
	"creator":      "= != in not in",
	"contributor":  "= != in not in",
	"created":      "= != < > <= >=",
	"lastmodified": "= != < > <= >=",
}

// cqlOrder are the fields that CQL can order by.
var cqlOrder = []string{"id", "title", "type", "space", "space.key", "created", "lastmodified"}

// cql is a CQL query ready to run, for one account.
type cql struct {
	*query
	site  *Site
	asker *account
	times map[*clause]time.Time
	terms []string // what ~ clauses look for
}

// parseCQL reads a CQL query and checks its fields, operators and values.
func (s *Site) parseCQL(text string, asker *account) (*cql, error) {
	parsed, err := parseQuery(text)
	if err != nil {
		return nil, err
	}
	if parsed.where == nil {
		return nil, fmt.Errorf("the query has no clause")
	}
	q := &cql{query: parsed, site: s, asker: asker, times: make(map[*clause]time.Time)}
	if err := q.where.each(q.check); err != nil {
		return nil, err
	}
	for _, term := range q.order {
		if !slices.Contains(cqlOrder, strings.ToLower(term.field)) {
			return nil, fmt.Errorf("no sort field exists with name: %s", term.field)
		}
	}
	return q, nil
}

func (q *cql) check(c *clause) error {
	c.field = strings.ToLower(c.field)
	ops, known := cqlFields[c.field]
	if !known {
		return fmt.Errorf("no field exists with name: %s", c.field)
	}
	if !slices.Contains(strings.Split(strings.ReplaceAll(ops, "not in", "not_in"), " "), strings.ReplaceAll(c.op, " ", "_")) {
		return fmt.Errorf("the operator %s is not supported for the field %s", c.op, c.field)
	}
	if c.operand.list != strings.HasSuffix(c.op, "in") {
		return fmt.Errorf("the operator %s does not fit its operand", c.op)
	}
	for i, v := range c.operand.values {
		if err := q.checkValue(c, v); err != nil {
			return err
		}
		if v.function && strings.EqualFold(v.text, "currentUser") {
			c.operand.values[i] = value{text: q.asker.id, quoted: true}
		}
	}
	return nil
}

func (q *cql) checkValue(c *clause, v value) error {
	switch c.field {
	case "created", "lastmodified":
		t, err := queryTime(v, q.site.now())
		q.times[c] = t
		return err
	case "creator", "contributor":
		if v.function && strings.EqualFold(v.text, "currentUser") {
			return nil
		}
	case "title", "text", "sitesearch":
		if strings.HasPrefix(v.text, "*") || v.text == "" {
			return fmt.Errorf("the value '%s' of the field %s is empty or begins with a wildcard", v.text, c.field)
		}
		if c.op == "~" && !v.function {
			q.terms = append(q.terms, words(v.text)...)
		}
	}
	if v.function {
		return fmt.Errorf("no function with the name %s fits the field %s", v.text, c.field)
	}
	return nil
}

// run returns the pages and folders that match and that the asker may see.
func (q *cql) run() []*node {
	var hits []*node
	for _, n := range q.site.sortedNodes() {
		if n.status != statusCurrent || !n.readable(q.asker) || q.site.now().Sub(n.created) < q.site.lag {
			continue
		}
		if q.where.eval(func(c *clause) bool { return q.match(c, n) }) {
			hits = append(hits, n)
		}
	}
	slices.SortStableFunc(hits, q.compare)
	return hits
}

// match evaluates one clause, negative operators by their positive.
func (q *cql) match(c *clause, n *node) bool {
	switch c.op {
	case "!=", "not in", "!~":
		positive := *c
		positive.op = map[string]string{"!=": "=", "not in": "in", "!~": "~"}[c.op]
		if t, isTime := q.times[c]; isTime {
			return !n.at(c.field).Equal(t)
		}
		return !q.match(&positive, n)
	}
	if t, isTime := q.times[c]; isTime {
		return ordered(c.op, n.at(c.field).Compare(t))
	}
	return slices.ContainsFunc(c.operand.values, func(v value) bool { return n.has(c.field, c.op, v.text) })
}

// at is the time field of a node.
func (n *node) at(field string) time.Time {
	if field == "created" {
		return n.created
	}
	return n.now().at
}

// has tells whether a field of the node equals the text or, with the operator ~, contains it.
func (n *node) has(field, op, text string) bool {
	switch field {
	case "space", "space.key":
		return strings.EqualFold(n.space.key, text)
	case "space.id":
		return n.space.id == text
	case "id", "content":
		return n.id == text
	case "type":
		return strings.EqualFold(n.kind, text)
	case "title":
		if op == "~" {
			return contains(n.title(), text)
		}
		return strings.EqualFold(n.title(), text)
	case "text", "sitesearch":
		return contains(n.title()+" "+storageText(n.now().body)+" "+strings.Join(n.labelNames(), " "), text)
	case "label":
		return slices.Contains(n.labelNames(), strings.ToLower(text))
	case "ancestor":
		return slices.ContainsFunc(n.ancestors(), func(a *node) bool { return a.id == text })
	case "parent":
		return n.parent != nil && n.parent.id == text
	case "creator":
		return n.author.is(text)
	case "contributor":
		return slices.ContainsFunc(n.versions, func(v version) bool { return v.author.is(text) })
	}
	return false
}

// is tells whether a query means the account: by its id or, on a Data Center site, its name or key.
func (a *account) is(text string) bool {
	return a.id == text || a.onServer() && strings.EqualFold(a.Username, text)
}

// onServer tells whether the account is one of a Data Center site.
func (a *account) onServer() bool { return !strings.Contains(a.id, ":") }

func (q *cql) compare(a, b *node) int {
	for _, term := range q.order {
		order := 0
		switch strings.ToLower(term.field) {
		case "id":
			order = compareIDs(a.id, b.id)
		case "title":
			order = strings.Compare(strings.ToLower(a.title()), strings.ToLower(b.title()))
		case "type":
			order = strings.Compare(a.kind, b.kind)
		case "space", "space.key":
			order = strings.Compare(a.space.key, b.space.key)
		case "created":
			order = a.created.Compare(b.created)
		case "lastmodified":
			order = a.now().at.Compare(b.now().at)
		}
		if term.desc {
			order = -order
		}
		if order != 0 {
			return order
		}
	}
	return 0
}
