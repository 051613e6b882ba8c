// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// wide lets canonical and bounded text be read again, which may be a little larger than what users may send.
func wide() limits { return limits{text: 100 * MaxText, depth: MaxDepth + 2, clauses: MaxClauses + 10} }

// drawExpr draws a condition that the dialect allows, in the shape that Parse would give it.
func drawExpr(t *rapid.T, d Dialect, depth int) Expr {
	shape := rapid.IntRange(0, 5).Draw(t, "shape")
	if depth == 0 || shape > 2 {
		return drawClause(t, d)
	}
	if shape == 0 {
		return Not{drawExpr(t, d, depth-1)}
	}
	list := make([]Expr, rapid.IntRange(2, 4).Draw(t, "parts"))
	for i := range list {
		list[i] = drawExpr(t, d, depth-1)
	}
	if shape == 1 {
		return And(list)
	}
	return Or(list)
}

func drawClause(t *rapid.T, d Dialect) Expr {
	var names []string
	for name, f := range d.Fields {
		if f.searchable() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	name := rapid.SampledFrom(names).Draw(t, "field")
	f := d.Fields[name]
	op := rapid.SampledFrom(f.Ops).Draw(t, "op")
	n := 1
	if op == OpIn || op == OpNotIn {
		n = rapid.IntRange(1, 4).Draw(t, "values")
	}
	c := Clause{Field: name, Op: op}
	for range n {
		c.Values = append(c.Values, drawValue(t, d, f, op))
	}
	return c
}

func drawValue(t *rapid.T, d Dialect, f Field, op Op) Value {
	if op == OpIs || op == OpIsNot {
		return Value{Form: Empty}
	}
	if len(f.Funcs) > 0 && (f.Kind == None || rapid.Bool().Draw(t, "call")) {
		fn := rapid.SampledFrom(f.Funcs).Draw(t, "function")
		v := Value{Form: Call, Text: fn.Name}
		if fn.Args > 0 && rapid.Bool().Draw(t, "offset") {
			v.Args = []string{rapid.StringMatching(`[-+]?[0-9]{1,3}[yMwdhm]?`).Draw(t, "offset")}
		}
		return v
	}
	switch f.Kind {
	case Date:
		return Value{Text: rapid.SampledFrom([]string{"2026-03-31", "2026/03/31", "2026-03-31 23:59"}).Draw(t, "date")}
	case ID:
		return Value{Form: Number, Text: rapid.StringMatching(`[0-9]{1,18}`).Draw(t, "id")}
	case Key:
		return Value{Text: rapid.SampledFrom(f.Only).Draw(t, "project") + rapid.StringMatching(`-[0-9]{1,5}`).Draw(t, "number")}
	}
	if f.Only != nil {
		return Value{Text: rapid.SampledFrom(f.Only).Draw(t, "only")}
	}
	if f.Kind == Name && rapid.Bool().Draw(t, "numeric") {
		return Value{Form: Number, Text: rapid.StringMatching(`[0-9]{1,18}`).Draw(t, "number")}
	}
	nasty := rapid.SampledFrom([]string{`"`, `\`, `'`, `) OR (`, ` ORDER BY `, `EMPTY`, `--`, "ü", "😀", "\u00a0", "x", "1"})
	text := strings.Join(rapid.SliceOfN(nasty, 0, 6).Draw(t, "text"), "")
	return Value{Text: "v" + text}
}

func drawOrder(t *rapid.T, d Dialect) []Sort {
	var order []Sort
	for _, name := range strings.Split(d.names(Field.sortable), ", ") {
		if len(order) < 3 && rapid.IntRange(0, 5).Draw(t, "sort") == 0 {
			order = append(order, Sort{name, Direction(rapid.IntRange(0, 2).Draw(t, "direction"))})
		}
	}
	return order
}

func TestDrawnTreesReadBack(t *testing.T) {
	for name, d := range dialects() {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				q := &Query{Where: drawExpr(t, d, 4), Order: drawOrder(t, d)}
				text := q.String()
				got, err := parse(d, text, wide())
				if err != nil {
					t.Fatalf("%s: %v", text, err)
				}
				if diff := cmp.Diff(q, got); diff != "" {
					t.Fatalf("%s reads differently (-drawn +read):\n%s", text, diff)
				}
			})
		})
	}
}

// pieces are what hostile text is made of.
func pieces() []string {
	return []string{
		"(", ")", " ", "AND", "OR", "NOT", "!", "&&", "|", "=", "!=", "~", "IN", "IS", "EMPTY", ",", `"`, `'`, `\`, "ORDER BY", "created",
		"project", "status", "space", "text", "type", "Open", "SECRET", "10001", "page", "-7d", "now()", `"a b"`, "status = Open", "project = SECRET",
		"space = SECRET", "text ~ x", "(status = a OR project = b)", "id = 1", "\u00a0", "WAS", "\n",
	}
}

// TestBoundHoldsOnAnyText is the promise of the package: whatever text gets through Parse, the text that is sent reads
// as the bound AND exactly what the user wrote.
func TestBoundHoldsOnAnyText(t *testing.T) {
	for name, d := range dialects() {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				words := rapid.SliceOfN(rapid.SampledFrom(pieces()), 0, 12).Draw(t, "words")
				text := strings.Join(words, rapid.SampledFrom([]string{"", " "}).Draw(t, "glue"))
				checkBound(t, d, text)
			})
		})
	}
}

type fataler interface {
	Fatalf(format string, args ...any)
}

func checkBound(t fataler, d Dialect, text string) {
	q, err := Parse(d, text)
	if err != nil {
		return
	}
	again, err := Parse(d, q.String())
	if err != nil {
		t.Fatalf("%q: canonical %q is refused: %v", text, q, err)
	}
	if diff := cmp.Diff(q, again); diff != "" {
		t.Fatalf("%q: canonical %q reads differently (-first +again):\n%s", text, q, diff)
	}
	field := map[string]string{"JQL": "project", "CQL": "space"}[d.Name]
	bound := All(In(field, IDs("10001", "10002")...), NotIn(field, IDs("10003")...))
	bounded, err := Bound(bound, q)
	if err != nil {
		t.Fatalf("Bound(%q): %v", text, err)
	}
	sent, err := parse(d, bounded.String(), wide())
	if err != nil {
		t.Fatalf("%q: bounded text %q is refused: %v", text, bounded, err)
	}
	want := &Query{Where: bound, Order: q.Order}
	if q.Where != nil {
		want.Where = And{bound, q.Where}
	}
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Fatalf("%q: sent %q, which is not the bound over the user's query (-want +got):\n%s", text, bounded, diff)
	}
}

func FuzzParse(f *testing.F) {
	for _, tt := range refusals() {
		f.Add(tt.text)
	}
	for _, text := range []string{
		`project in (ENG, 10001) AND (assignee = currentUser() OR due is not EMPTY) ORDER BY created DESC, key`,
		`NOT (created >= startOfDay("-1d")) && !status = 'Really done' || summary ~ "\"exact\" \\ x"`,
		`type in (page, blogpost) and ancestor in (1, "2") and lastmodified > now("-4w") order by title asc`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, d := range dialects() {
			checkBound(t, d, text)
		}
	})
}
