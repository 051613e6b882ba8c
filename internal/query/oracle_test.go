// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/clawea/clawea/internal/npmtest"
)

var oracleDir = filepath.Join("..", "..", "test", "jql")

// A reading is what Atlassian's own parser makes of a text (test/jql/parse.mjs).
// Words are as they stand in the text.
type reading struct {
	Error string
	Where *node
	Order []struct{ Field, Direction string }
}

// A node is a condition, in their shape.
type node struct {
	And    []*node `json:",omitempty"`
	Or     []*node `json:",omitempty"`
	Not    *node   `json:",omitempty"`
	Field  string  `json:",omitempty"`
	Op     string  `json:",omitempty"`
	Values []leaf  `json:",omitempty"`
	List   bool    `json:",omitempty"`
	More   int     `json:",omitempty"` // what only history and properties have
}

type leaf struct {
	Value, Keyword, Function string   `json:",omitempty"`
	Args                     []string `json:",omitempty"`
	Nested                   []leaf   `json:",omitempty"`
}

// oracle has Atlassian's parser read all of the texts, in one process. Where there
// is no Node, or what it needs is not installed, the test is skipped, except when
// CI=true is set, where that is a failure.
func oracle(t *testing.T, texts []string) []reading {
	t.Helper()
	command := npmtest.Node(t)
	if _, err := os.Stat(filepath.Join(oracleDir, "node_modules")); err != nil {
		npmtest.Absent(t, "Atlassian's JQL parser is not at hand: run npm ci in test/jql")
	}
	var in bytes.Buffer
	for _, text := range texts {
		line, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		in.Write(append(line, '\n'))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var complaint bytes.Buffer
	cmd := exec.CommandContext(ctx, command, "parse.mjs")
	cmd.Dir, cmd.Stdin, cmd.Stderr = oracleDir, &in, &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("Atlassian's parser: %v\n%s", err, complaint.Bytes())
	}
	var list []reading
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, len(out)+1)
	for lines.Scan() {
		var r reading
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		list = append(list, r)
	}
	if len(list) != len(texts) {
		t.Fatalf("Atlassian's parser answered %d of %d texts", len(list), len(texts))
	}
	return list
}

// TestAtlassianReadsTheSame holds the parser to Atlassian's: whatever it takes,
// theirs takes and groups alike; what is sent, theirs reads as the bound AND the
// user's condition, with the same clauses in the same order; and what only it
// refuses, it refuses for another reason than that it were no query.
func TestAtlassianReadsTheSame(t *testing.T) {
	var list []specimen
	for _, s := range specimens(t) {
		if s.dialect.Name == "JQL" && len(s.text) < 1000 && s.dialect.Fields["text"].Over == nil { // which is grouped otherwise than it was written
			list = append(list, s)
		}
	}
	drawn := rapid.Custom(func(t *rapid.T) string { return drawText(t, dialects()["JQL"]) })
	draws := 1500
	if testing.Short() {
		draws = 300
	}
	for seed := range draws {
		list = append(list, specimen{"drawn", drawn.Example(seed), dialects()["JQL"]})
	}
	var texts []string
	for _, s := range list {
		if !utf8.ValidString(s.text) {
			t.Fatalf("%q cannot be asked about", s.text)
		}
		texts = append(texts, s.text, sent(s))
	}
	readings := oracle(t, texts)
	count := map[Reason]int{}
	for i, s := range list {
		count[compareReadings(t, s, &readings[2*i], &readings[2*i+1])]++
	}
	t.Logf("%d queries: %v", len(list), count)
	for _, reason := range []Reason{"", ReasonSyntax, ReasonField, ReasonHistory, ReasonCharacter, ReasonFunction} {
		if count[reason] < 5 {
			t.Errorf("%d queries came to %q: too few to tell", count[reason], reason)
		}
	}
}

func oracleBound() Expr { return All(In("project", IDs("10001", "10002")...)) }

// sent is the effective query, or nothing if the text is refused.
func sent(s specimen) string {
	q, err := Parse(s.dialect, s.text)
	if err != nil {
		return ""
	}
	bounded, err := Bound(oracleBound(), q)
	if err != nil {
		return ""
	}
	return bounded.String()
}

// compareReadings returns the reason for which the text is refused, if it is.
func compareReadings(t *testing.T, s specimen, raw, bounded *reading) Reason {
	t.Helper()
	q, err := Parse(s.dialect, s.text)
	if err != nil {
		reason := err.(*Error).Reason
		if raw.Error == "" && (reason == ReasonSyntax || reason == ReasonEncoding || reason == "") {
			t.Errorf("%s: theirs takes %q, and it is refused as no query: %v", s.name, s.text, err)
		}
		return reason
	}
	if raw.Error != "" {
		t.Errorf("%s: %q is taken, and theirs refuses it: %s", s.name, s.text, raw.Error)
	} else if got, want := skeleton(raw.Where), skeleton(mirror(q.Where)); got != want {
		t.Errorf("%s: %q is grouped %s, and by theirs %s", s.name, s.text, want, got)
	}
	want := mirror(oracleBound())
	if q.Where != nil {
		want = &node{And: []*node{want, mirror(q.Where)}}
	}
	if bounded.Error != "" || !reflect.DeepEqual(bounded.Where, want) {
		t.Errorf("%s: sent %q, which theirs reads as %s (%s)", s.name, sent(s), show(bounded.Where), bounded.Error)
	}
	if len(bounded.Order) != len(q.Order) {
		t.Fatalf("%s: sent %q, in which theirs reads %d fields to sort by", s.name, sent(s), len(bounded.Order))
	}
	for i, o := range q.Order {
		if got := bounded.Order[i]; got.Field != o.Field || got.Direction != []string{"", "ASC", "DESC"}[o.Direction] {
			t.Errorf("%s: sent %q, which theirs sorts by %v", s.name, sent(s), got)
		}
	}
	return ""
}

// mirror is a condition in their shape, as its canonical text has it.
func mirror(e Expr) *node {
	several := func(list []Expr) []*node {
		var out []*node
		for _, part := range list {
			out = append(out, mirror(part))
		}
		return out
	}
	switch e := e.(type) {
	case And:
		return &node{And: several(e)}
	case Or:
		return &node{Or: several(e)}
	case Not:
		return &node{Not: mirror(e.X)}
	case Clause:
		n := &node{Field: e.Field, Op: e.Op.String(), List: e.Op == OpIn || e.Op == OpNotIn}
		for _, v := range e.Values {
			n.Values = append(n.Values, mirrorValue(v))
		}
		return n
	}
	return nil
}

func mirrorValue(v Value) leaf {
	quote := func(text string) string {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
	}
	switch v.Form {
	case Number:
		return leaf{Value: v.Text}
	case Empty:
		return leaf{Keyword: "empty"}
	case Call:
		l := leaf{Function: v.Text}
		for _, arg := range v.Args {
			l.Args = append(l.Args, quote(arg))
		}
		return l
	}
	return leaf{Value: quote(v.Text)}
}

// skeleton is how a condition is grouped, whatever its clauses say.
func skeleton(n *node) string {
	var parts []string
	join := func(list []*node, word string) string {
		for _, part := range list {
			parts = append(parts, skeleton(part))
		}
		return "(" + strings.Join(parts, word) + ")"
	}
	switch {
	case n == nil:
		return ""
	case n.And != nil:
		return join(n.And, "&")
	case n.Or != nil:
		return join(n.Or, "|")
	case n.Not != nil:
		return "!" + skeleton(n.Not)
	}
	return "x"
}

func show(n *node) string {
	b, err := json.Marshal(n)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
