// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/clawea/clawea/internal/vectors"
	"github.com/clawea/clawea/seal"
)

// A tableRow is one of spec/policy.md 2.20.
type tableRow struct {
	fields   []string // the fields that it is about, each with its section if the row says it: "deny.operations"
	enforced string
	vectors  []string
}

func tableRows(t *testing.T) []tableRow {
	t.Helper()
	_, table, _ := strings.Cut(readText(t, "../spec/policy.md"), "|---|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	quoted := regexp.MustCompile("`([^`]+)`")
	vector := regexp.MustCompile(`\b(?:policy|token|bundle|receipt)-\d[\w.-]*`)
	var rows []tableRow
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) != 6 {
			t.Fatalf("row %q has %d cells", line, len(cells)-2)
		}
		row := tableRow{enforced: cells[3], vectors: vector.FindAllString(cells[4], -1)}
		for _, m := range quoted.FindAllStringSubmatch(cells[1], -1) {
			names := strings.Split(strings.Trim(strings.ReplaceAll(m[1], "[]", ""), "."), ".")
			row.fields = append(row.fields, strings.Join(names[max(0, len(names)-2):], "."))
		}
		rows = append(rows, row)
	}
	return rows
}

// TestTableNamesVectors says that every row names a vector, and that each is there.
func TestTableNamesVectors(t *testing.T) {
	rows := tableRows(t)
	if len(rows) < 55 {
		t.Fatalf("only %d rows found", len(rows))
	}
	for _, row := range rows {
		if len(row.fields) == 0 || len(row.vectors) == 0 {
			t.Errorf("the row of %v names %d vectors", row.fields, len(row.vectors))
		}
		for _, v := range row.vectors {
			if _, err := os.Stat(filepath.Join("../testdata/vectors", v+".txtar")); err != nil {
				t.Errorf("the table names a vector that is not there: %v", err)
			}
		}
	}
}

// impliedBySection are fields that say what their section's being there means
// already (4.7, 4.15).
var impliedBySection = []string{"read_credential", "model_calls.route_via"}

// TestTableVectorsProve takes each field out of the vectors of its row: what
// Decide enforces must then come out otherwise.
func TestTableVectorsProve(t *testing.T) {
	for _, row := range tableRows(t) {
		if !strings.Contains(row.enforced, "gate, ") {
			continue
		}
		for _, field := range row.fields {
			proved := slices.Contains(impliedBySection, field)
			for _, v := range row.vectors {
				proved = proved || strings.HasPrefix(v, "policy-") && matters(t, v, field)
			}
			if !proved {
				t.Errorf("%v come out the same without %s", row.vectors, field)
			}
		}
	}
}

// matters reports whether a vector comes out otherwise without a field.
func matters(t *testing.T, vector, field string) bool {
	t.Helper()
	a, err := txtar.ParseFile(filepath.Join("../testdata/vectors", vector+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	files := vectors.Files(a)
	delete(files, "marks")
	before := runVector(t, files)
	var doc map[string]any
	decodeVector(t, files["policy.json"], &doc)
	section, name, ok := strings.Cut(field, ".")
	if !ok {
		section, name = "", section
	}
	if !without(doc, "", section, name) {
		return false // it is not there, so this vector says nothing about it
	}
	b, err := seal.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	files["policy.json"] = b
	rebind(t, files)
	return outcome(runVector(t, files)) != outcome(before)
}

// outcome is what a vector came to, without the policy's hash.
func outcome(s string) string {
	_, out, _ := strings.Cut(s, "\n")
	return out
}

// without takes every member called name of a section out of v, which is the
// section in, and reports whether there was one. No section means any.
func without(v any, in, section, name string) bool {
	found := false
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Collect(maps.Keys(v)) {
			if k == name && (section == "" || section == in) {
				delete(v, k)
				found = true
				continue
			}
			found = without(v[k], k, section, name) || found
		}
	case []any:
		for _, e := range v {
			found = without(e, in, section, name) || found
		}
	}
	return found
}

// rebind makes a vector's binding one of its policy as it is now.
func rebind(t *testing.T, files map[string][]byte) {
	t.Helper()
	p, err := Parse(files["policy.json"])
	if err != nil || files["binding.json"] == nil {
		return // the vector comes out as a refusal
	}
	b, err := ParseBinding([]byte(strings.TrimSpace(string(files["binding.json"]))))
	if err != nil {
		t.Fatal(err)
	}
	names := p.Names()
	b.Policy, b.At = p.Hash(), b.At.Truncate(time.Second)
	b.Names = slices.DeleteFunc(b.Names, func(n Bound) bool { return !slices.Contains(names, n.Name) })
	if files["binding.json"], err = seal.Marshal(b); err != nil {
		t.Fatal(err)
	}
}
