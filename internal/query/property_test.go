// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"hash/fnv"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// wide lets canonical and bounded text be read again, which may be a little larger than what users may send.
func wide() limits { return limits{text: 100 * MaxText, depth: MaxDepth + 2, clauses: MaxClauses + 10} }

// every are the dialects, and JQL with a custom field of each type.
func every() map[string]Dialect {
	all := dialects()
	custom := []CustomField{{ID: "customfield_10001", Name: "Order", Field: CustomType(ownTypes + "float")}, {ID: "customfield_10002", Name: `order" = 1 OR "x`, Field: CustomType(ownTypes + "labels")}}
	for i, name := range []string{"textfield", "textarea", "url", "select", "multiselect", "datepicker", "userpicker"} {
		custom = append(custom, CustomField{ID: "customfield_1001" + strconv.Itoa(i), Name: name, Field: CustomType(ownTypes + name)})
	}
	all["JQL with custom fields"] = all["JQL"].WithCustom(custom...)
	return all
}

// sendable are the dialects of every, and JQL as it is where text may not be sent (spec/query.md 4.16).
func sendable() map[string]Dialect {
	all := every()
	all["JQL without text"] = all["JQL"].Spread("text", "summary", "description")
	return all
}

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
	case Amount:
		return Value{Text: rapid.StringMatching(`-?[0-9]{1,4}(\.[0-9]{1,4})?`).Draw(t, "amount")}
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
	for name, d := range every() {
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
		"space = SECRET", "text ~ x", "(status = a OR project = b)", "id = 1", "\u00a0", "WAS", "CHANGED", "status WAS Open", "linkedIssues(ENG-1)", "cf[10001]", "[x]", "\n",
	}
}

// drawText draws a text as people and attackers write them: a soup of pieces, a query, or a query into which a piece of
// soup fell.
func drawText(t *rapid.T, d Dialect) string {
	soup := rapid.SliceOfN(rapid.SampledFrom(pieces()), 0, 12).Draw(t, "soup")
	if rapid.IntRange(0, 3).Draw(t, "kind") == 0 {
		return strings.Join(soup, rapid.SampledFrom([]string{"", " "}).Draw(t, "glue"))
	}
	text := people(t, &Query{Where: drawExpr(t, d, 3), Order: drawOrder(t, d)})
	if rapid.Bool().Draw(t, "whole") {
		return text
	}
	at := rapid.IntRange(0, len(text)).Draw(t, "at")
	for !utf8.RuneStart((text + " ")[at]) {
		at--
	}
	return text[:at] + strings.Join(soup[:min(len(soup), 2)], " ") + text[at:]
}

// people writes a query less neatly than String does.
func people(t *rapid.T, q *Query) string {
	text := q.String()
	for _, change := range [][2]string{{" AND ", " and "}, {" OR ", " || "}, {" AND ", "&&"}, {"NOT (", "!("}, {" IN ", " in"}, {", ", ","}, {"EMPTY", "null"}} {
		if rapid.IntRange(0, 3).Draw(t, "change") == 0 {
			text = strings.Replace(text, change[0], change[1], rapid.IntRange(1, 3).Draw(t, "times"))
		}
	}
	return text
}

// TestNothingEscapesWhateverConditionsMean lets every condition but the bound hold or not as it pleases: an issue that is
// found lies within the bound, and everything within that the user's condition finds is found.
func TestNothingEscapesWhateverConditionsMean(t *testing.T) {
	d := dialects()["JQL"]
	accepted := 0
	rapid.Check(t, func(t *rapid.T) {
		text := drawText(t, d)
		q, err := Parse(d, text)
		if err != nil {
			return
		}
		accepted++
		bounded, err := Bound(All(In("project", IDs("10001", "10002")...), NotIn("project", IDs("10003")...)), q)
		if err != nil {
			t.Fatal(err)
		}
		sent, err := parse(d, bounded.String(), wide())
		if err != nil {
			t.Fatal(err)
		}
		for _, project := range []string{"10001", "10002", "10003", "10004"} {
			mood := rapid.Uint64().Draw(t, "mood")
			inside := project == "10001" || project == "10002"
			found := whim(sent.Where, project, mood)
			if found != (inside && (q.Where == nil || whim(q.Where, project, mood))) {
				t.Fatalf("%q: sent %q, which finds an issue of project %s: %v", text, bounded, project, found)
			}
		}
	})
	if accepted == 0 {
		t.Error("no text was a query")
	}
}

// whim evaluates a condition over an issue of the project. Conditions over lists of projects are true or not; all
// others are as the mood is.
func whim(e Expr, project string, mood uint64) bool {
	switch e := e.(type) {
	case And:
		return !slices.ContainsFunc(e, func(part Expr) bool { return !whim(part, project, mood) })
	case Or:
		return slices.ContainsFunc(e, func(part Expr) bool { return whim(part, project, mood) })
	case Not:
		return !whim(e.X, project, mood)
	case Clause:
		if e.Field == "project" && (e.Op == OpIn || e.Op == OpNotIn) {
			listed := slices.ContainsFunc(e.Values, func(v Value) bool { return v.Text == project })
			return listed == (e.Op == OpIn)
		}
		h := fnv.New64a()
		h.Write([]byte((&Query{Where: e}).String()))
		return (h.Sum64()^mood)*0x9E3779B97F4A7C15>>63 == 1
	}
	panic("unknown expression")
}

// TestBoundHoldsOnAnyText is the promise of the package: whatever text gets through Parse, the text that is sent reads
// as the bound AND exactly what the user wrote.
func TestBoundHoldsOnAnyText(t *testing.T) {
	for name, d := range sendable() {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				checkBound(t, d, drawText(t, d))
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
	if !reflect.DeepEqual(q, again) { // go-cmp takes time that doubles with each level
		t.Fatalf("%q: canonical %q reads as %q", text, q, again)
	}
	field := map[string]string{"JQL": "project", "CQL": "space"}[d.Name]
	bound := All(In(field, IDs("10001", "10002")...), NotIn(field, IDs("10003")...))
	bounded, err := Bound(bound, q)
	if err != nil {
		t.Fatalf("Bound(%q): %v", text, err)
	}
	sent, err := parse(opened(d, field), bounded.String(), wide())
	if err != nil {
		t.Fatalf("%q: bounded text %q is refused: %v", text, bounded, err)
	}
	want := &Query{Where: bound, Order: q.Order}
	if q.Where != nil {
		want.Where = And{bound, q.Where}
	}
	if !reflect.DeepEqual(want, sent) {
		t.Fatalf("%q: sent %q, which reads as %q and is not the bound over the user's query", text, bounded, sent)
	}
}

// opened lets a field take any value, as the bound's own may be others than the user's.
func opened(d Dialect, field string) Dialect {
	f := d.Fields[field]
	f.Only = nil
	d.Fields = maps.Clone(d.Fields)
	d.Fields[field] = f
	return d
}

// FuzzBound takes the bound from strangers as well: what is sent reads as that bound AND the user's condition, or there
// is no query.
func FuzzBound(f *testing.F) {
	f.Add("10001", "ENG", `status = Open OR project = SECRET ORDER BY key`)
	f.Add("1) OR (project = SECRET", `x" OR "y`, `type = page`)
	f.Add("", "\x00", "")
	f.Fuzz(func(t *testing.T, id, name, text string) {
		for _, d := range dialects() {
			field := map[string]string{"JQL": "project", "CQL": "space"}[d.Name]
			q, err := Parse(d, text)
			if err != nil {
				continue
			}
			bounded, err := Bound(All(In(field, IDs(id)...), NotIn(field, Strings(name)...)), q)
			if err != nil {
				continue
			}
			sent, err := parse(opened(d, field), bounded.String(), limits{text: 1 << 30, depth: MaxDepth + 2, clauses: MaxClauses + 2})
			if err != nil {
				t.Fatalf("bound %q, %q over %q: sent %q, which is refused: %v", id, name, text, bounded, err)
			}
			bound := sent.Where
			if q.Where != nil {
				both := sent.Where.(And)
				if bound = both[0]; len(both) != 2 || !reflect.DeepEqual(both[1], q.Where) {
					t.Fatalf("%q: sent %q, which is not two conditions, the user's last", text, bounded)
				}
			}
			parts := bound.(And)
			in, out := parts[0].(Clause), parts[1].(Clause)
			if len(parts) != 2 || in.Op != OpIn || out.Op != OpNotIn || len(in.Values) != 1 || in.Values[0].Text != id || out.Values[0].Text != name {
				t.Fatalf("bound %q, %q: sent %q, which reads as %q", id, name, bounded, &Query{Where: bound})
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range specimens(f) {
		f.Add(s.text)
	}
	for _, text := range []string{
		`project in (ENG, 10001) AND (assignee = currentUser() OR due is not EMPTY) ORDER BY created DESC, key`,
		`NOT (created >= startOfDay("-1d")) && !status = 'Really done' || summary ~ "\"exact\" \\ x"`,
		`type in (page, blogpost) and ancestor in (1, "2") and lastmodified > now("-4w") order by title asc`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, d := range sendable() {
			checkBound(t, d, text)
		}
	})
}
