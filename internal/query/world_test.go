// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// row is an item of the small world in which the tests evaluate queries.
type row map[string]string // a missing field is empty

func world() []row {
	var rows []row
	for _, project := range []string{"1", "2", "3"} {
		for _, status := range []string{"open", "done", "x) OR (y"} {
			for _, resolution := range []string{"", "fixed"} {
				r := row{"project": project, "status": status}
				if resolution != "" {
					r["resolution"] = resolution
				}
				rows = append(rows, r)
			}
		}
	}
	return rows
}

func holds(e Expr, r row) bool {
	switch e := e.(type) {
	case And:
		return !slices.ContainsFunc(e, func(part Expr) bool { return !holds(part, r) })
	case Or:
		return slices.ContainsFunc(e, func(part Expr) bool { return holds(part, r) })
	case Not:
		return !holds(e.X, r)
	case Clause:
		var texts []string
		for _, v := range e.Values {
			texts = append(texts, v.Text)
		}
		return compares(r, e.Field, e.Op.String(), texts)
	}
	panic("unknown expression")
}

func compares(r row, field, op string, values []string) bool {
	got, present := r[field]
	switch op {
	case "=", "IN":
		return present && slices.Contains(values, got)
	case "!=", "NOT IN":
		return !slices.Contains(values, got)
	case "IS":
		return !present
	case "IS NOT":
		return present
	}
	panic("unknown operator " + op)
}

// reader evaluates canonical text without knowing the package's parser. It takes either AND or OR to bind tighter, as
// an upstream might; canonical text must not depend on which.
type reader struct {
	text    string
	row     row
	orFirst bool
}

func (r *reader) skip(s string) bool {
	rest, ok := strings.CutPrefix(r.text, s)
	r.text = rest
	return ok
}

func (r *reader) loose() bool {
	if r.orFirst {
		v := r.tightOr()
		for r.skip(" AND ") {
			v = r.tightOr() && v
		}
		return v
	}
	v := r.tightAnd()
	for r.skip(" OR ") {
		v = r.tightAnd() || v
	}
	return v
}

func (r *reader) tightOr() bool {
	v := r.single()
	for r.skip(" OR ") {
		v = r.single() || v
	}
	return v
}

func (r *reader) tightAnd() bool {
	v := r.single()
	for r.skip(" AND ") {
		v = r.single() && v
	}
	return v
}

func (r *reader) single() bool {
	if r.skip("NOT ") {
		return !r.single()
	}
	if r.skip("(") {
		v := r.loose()
		if !r.skip(")") {
			panic("no closing parenthesis before " + r.text)
		}
		return v
	}
	field := r.until(' ')
	for _, op := range []string{"= ", "!= ", "IN (", "NOT IN (", "IS NOT ", "IS "} {
		if r.skip(op) {
			return compares(r.row, field, strings.Trim(op, " ("), r.values(strings.HasSuffix(op, "(")))
		}
	}
	panic("no operator in " + r.text)
}

func (r *reader) until(c byte) string {
	word, rest, _ := strings.Cut(r.text, string(c))
	r.text = rest
	return word
}

func (r *reader) values(list bool) []string {
	var out []string
	for {
		out = append(out, r.value())
		if !list || !r.skip(", ") {
			break
		}
	}
	if list && !r.skip(")") {
		panic("no end of the list in " + r.text)
	}
	return out
}

func (r *reader) value() string {
	if r.skip(`"`) {
		return r.until('"') // the small world has neither quotes nor backslashes
	}
	end := strings.IndexAny(r.text, " ,)")
	if end < 0 {
		end = len(r.text)
	}
	word := r.text[:end]
	r.text = r.text[end:]
	return word
}

func drawSmall(t *rapid.T, depth int) Expr {
	shape := rapid.IntRange(0, 5).Draw(t, "shape")
	if depth > 0 && shape == 0 {
		return Not{drawSmall(t, depth-1)}
	}
	if depth > 0 && shape <= 2 {
		list := []Expr{drawSmall(t, depth-1), drawSmall(t, depth-1)}
		if shape == 1 {
			return And(list)
		}
		return Or(list)
	}
	op := rapid.SampledFrom([]Op{OpEq, OpNe, OpIn, OpNotIn}).Draw(t, "op")
	switch rapid.IntRange(0, 3).Draw(t, "field") {
	case 0:
		return Clause{"project", op, IDs(rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "project"))}
	case 1:
		return Clause{"resolution", rapid.SampledFrom([]Op{OpIs, OpIsNot}).Draw(t, "op"), []Value{{Form: Empty}}}
	}
	return Clause{"status", op, Strings(rapid.SampledFrom([]string{"open", "done", "x) OR (y"}).Draw(t, "status"))}
}

func TestNoRowEscapesTheBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		user := drawSmall(t, 4)
		bound := All(In("project", IDs("1", "2")...), NotIn("status", Strings("done")...))
		bounded, err := Bound(bound, &Query{Where: user})
		if err != nil {
			t.Fatal(err)
		}
		read, err := parse(JQL(), bounded.String(), wide())
		if err != nil {
			t.Fatalf("%s: %v", bounded, err)
		}
		for _, r := range world() {
			want := r["project"] != "3" && r["status"] != "done" && holds(user, r)
			if got := holds(read.Where, r); got != want {
				t.Fatalf("%s: the tree says %v of %v, want %v", bounded, got, r, want)
			}
			for _, orFirst := range []bool{false, true} {
				other := reader{text: bounded.String(), row: r, orFirst: orFirst}
				if got := other.loose(); got != want || other.text != "" {
					t.Fatalf("%s: another reader (OR first: %v) says %v of %v, want %v; rest %q", bounded, orFirst, got, r, want, other.text)
				}
			}
		}
	})
}
