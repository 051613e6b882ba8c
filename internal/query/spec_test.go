// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// column returns the first cells of the table of spec/query.md whose head begins
// with the word, and the rest of each row by it.
func column(t *testing.T, head string) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../spec/query.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(text), "\n| "+head+" |")
	if !ok {
		t.Fatalf("spec/query.md has no table of %q", head)
	}
	table, _, _ = strings.Cut(table, "\n\n")
	rows := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` (.*)$").FindAllStringSubmatch(table, -1) {
		rows[row[1]] = row[2]
	}
	return rows
}

// TestSpecListsTheFields holds spec/query.md 4.1 and the dialects to each other.
func TestSpecListsTheFields(t *testing.T) {
	for name, d := range map[string]Dialect{"JQL": JQL(), "CQL": CQL()} {
		want := map[string]string{}
		for field, f := range d.Fields {
			want[field] = specRow(f)
		}
		if diff := cmp.Diff(want, column(t, name)); diff != "" {
			t.Errorf("%s: -code +spec:\n%s", name, diff)
		}
	}
}

// TestSpecListsTheTypes holds spec/query.md 4.13 and CustomType to each other.
func TestSpecListsTheTypes(t *testing.T) {
	want := map[string]string{}
	rows := column(t, "custom field")
	for name := range rows {
		key := name
		if !strings.Contains(name, ":") {
			key = ownTypes + name
		}
		want[name] = specRow(CustomType(key))
	}
	if diff := cmp.Diff(want, rows); diff != "" || len(rows) != 14 {
		t.Errorf("%d types: -code +spec:\n%s", len(rows), diff)
	}
	for _, key := range []string{"", "float", storyPoints + "s", ownTypes, ownTypes + "version", ownTypes + "multigrouppicker", "com.example:float"} {
		if CustomType(key).usable() {
			t.Errorf("fields of the type %q may be asked about", key)
		}
	}
}

// specRow is a field as spec/query.md 4.1 and 4.13 write it, after its name.
func specRow(f Field) string {
	var ops []string
	for _, op := range f.Ops {
		switch op {
		case OpNotIn, OpIsNot:
		case OpIn, OpIs:
			ops = append(ops, op.String())
		default:
			ops = append(ops, "`"+op.String()+"`")
		}
	}
	values := map[Kind]string{Text: "texts", Name: "names", Date: "dates", ID: "ids", Key: "keys", Amount: "numbers", None: "the acting account"}[f.Kind]
	if f.Kind == Name && f.Only != nil {
		values = "`" + strings.Join(f.Only, "`, `") + "`"
	}
	order := "no"
	if f.Sort {
		order = "yes"
	}
	return "| " + strings.Join(ops, " ") + " | " + values + " | " + order + " |"
}

// TestVectorsNameClauses holds the names of vectors to clauses that there are, and
// their reasons to the list of 1.4, each of which some vector has.
func TestVectorsNameClauses(t *testing.T) {
	text, err := os.ReadFile("../../spec/query.md")
	if err != nil {
		t.Fatal(err)
	}
	clause, reason := regexp.MustCompile(`^query-([0-9]+\.[0-9]+)-`), regexp.MustCompile(`refused: ([a-z]+) at`)
	seen := map[string]bool{"encoding": true} // what is not UTF-8 is in no vector
	for _, s := range specimens(t) {
		m := clause.FindStringSubmatch(s.name)
		if m == nil || !strings.Contains(string(text), "\n"+m[1]+" ") {
			t.Errorf("%s names no clause of spec/query.md", s.name)
		}
		b, err := os.ReadFile("../../testdata/vectors/" + s.name)
		if err != nil {
			t.Fatal(err)
		}
		if m := reason.FindSubmatch(b); m != nil {
			seen[string(m[1])] = true
		}
	}
	listed := slices.Sorted(maps.Keys(column(t, "reason")))
	if diff := cmp.Diff(listed, slices.Sorted(maps.Keys(seen))); diff != "" {
		t.Errorf("reasons: -spec +vectors:\n%s", diff)
	}
}
