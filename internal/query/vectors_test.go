// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/vectors"
	"github.com/rogpeppe/go-internal/txtar"
)

// TestVectors runs the cases of spec/query.md, section 6.
func TestVectors(t *testing.T) {
	t.Chdir("..") // from where testdata lies as it does for the packages at the top
	vectors.Run(t, "query", runVector)
}

func runVector(t *testing.T, files map[string][]byte) string {
	d := vectorDialect(t, files)
	q, err := Parse(d, vectorText(t, files))
	if at := (*Error)(nil); errors.As(err, &at) {
		if !strings.Contains(at.Error(), "\n") || at.Hint == "" {
			t.Errorf("the message says not what mends it: %q", at.Error())
		}
		return fmt.Sprintf("refused: %s at line %d, column %d", at.Reason, at.Line, at.Column)
	}
	if err != nil {
		t.Fatal(err)
	}
	bound := vectorBound(d)
	for field := range strings.FieldsSeq(string(files["empty"])) {
		bound = All(bound, IsEmpty(field))
	}
	bounded, err := Bound(bound, q)
	if err != nil {
		t.Fatal(err)
	}
	checkBound(t, d, q.String())
	return bounded.String()
}

// vectorBound is what every vector's query is bounded by.
func vectorBound(d Dialect) Expr {
	if d.Name == "JQL" {
		return In("project", IDs("10001", "10002")...)
	}
	return All(In("space", Strings("ENG")...), Any(In("ancestor", IDs("77")...), In("id", IDs("77")...)), In("type", Strings("page")...))
}

func vectorDialect(t testing.TB, files map[string][]byte) Dialect {
	t.Helper()
	d, ok := dialects()[strings.TrimSpace(string(files["dialect"]))]
	if !ok {
		t.Fatalf("no dialect %q", files["dialect"])
	}
	for line := range strings.Lines(string(files["only"])) {
		words := strings.Fields(line)
		d = d.Restrict(words[0], words[1:]...)
	}
	for line := range strings.Lines(string(files["spread"])) {
		words := strings.Fields(line)
		d = d.Spread(words[0], words[1:]...)
	}
	var custom []CustomField
	for line := range strings.Lines(string(files["custom"])) {
		custom = append(custom, vectorField(strings.TrimSpace(line)))
	}
	if custom == nil {
		return d
	}
	return d.WithCustom(custom...)
}

// vectorField reads a line of a vector's file custom: the type, the id and the name.
func vectorField(line string) CustomField {
	kind, rest, _ := strings.Cut(line, " ")
	switch {
	case strings.HasPrefix(kind, "customfield_"):
		kind, rest = ownTypes+"float", line
	case !strings.Contains(kind, ":"):
		kind = ownTypes + kind // of "-" nothing may be asked, as of any type that there is not
	}
	id, name, _ := strings.Cut(rest, " ")
	return CustomField{ID: id, Name: name, Field: CustomType(kind)}
}

// vectorText is the query, which stands in one line, or is made of parts: how
// often, and what as a JSON string.
func vectorText(t testing.TB, files map[string][]byte) string {
	t.Helper()
	if text, ok := files["query"]; ok {
		return strings.TrimSuffix(string(text), "\n")
	}
	var b strings.Builder
	for line := range strings.Lines(string(files["parts"])) {
		count, quoted, _ := strings.Cut(line, " ")
		n, err := strconv.Atoi(count)
		if err != nil {
			t.Fatal(err)
		}
		var text string
		if err := json.Unmarshal([]byte(quoted), &text); err != nil {
			t.Fatal(err)
		}
		b.WriteString(strings.Repeat(text, n))
	}
	return b.String()
}

// A specimen is the query of a vector, with the dialect that it is for.
type specimen struct {
	name, text string
	dialect    Dialect
}

// specimens are all of the vectors' queries.
func specimens(t testing.TB) []specimen {
	t.Helper()
	paths, err := filepath.Glob("../../testdata/vectors/query-*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	var list []specimen
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files := vectors.Files(a)
		list = append(list, specimen{filepath.Base(path), vectorText(t, files), vectorDialect(t, files)})
	}
	return list
}
