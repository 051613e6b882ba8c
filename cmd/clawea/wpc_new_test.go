// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/confluence"
	"github.com/clawea/clawea/internal/jira"
	"github.com/clawea/clawea/policy"
)

// TestNewShapesTakeNoRisk says: what wpc new writes without being told anything
// lacks a change record, and nothing else.
func TestNewShapesTakeNoRisk(t *testing.T) {
	for _, shape := range shapeNames() {
		b, err := newDraft(shape).render()
		if err != nil {
			t.Fatal(err)
		}
		found := policy.Lint(b, time.Now())
		if len(found) != 1 || found[0].Code != "change-missing" {
			t.Errorf("%s: %+v\n%s", shape, found, b)
		}
	}
}

// TestNewTakesAnyAnswer says: whatever is answered, the draft is a policy or
// the answer is refused.
func TestNewTakesAnyAnswer(t *testing.T) {
	for _, shape := range shapeNames() {
		for _, answer := range []string{`a "quoted" \ name`, "{{.Name}}", "</script>", ",", "*", "0", "-1", "99999999999999999999", "ENG/Ä/", "model", "ENG, ENG", "x\ty"} {
			for i := range newDraft(shape).questions() {
				d := newDraft(shape)
				if d.questions()[i].set(answer) != nil || d.check() != nil {
					continue
				}
				b, err := d.render()
				if err != nil {
					t.Fatal(err)
				}
				if _, err := policy.Parse(b); err != nil {
					t.Errorf("%s, answer %d is %q: %v", shape, i, answer, err)
				}
			}
		}
	}
}

// TestExamplesHaveCases decides the cases beside every example.
func TestExamplesHaveCases(t *testing.T) {
	paths, err := filepath.Glob("../../examples/policies/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, ".test.json") {
			continue
		}
		var out, errs bytes.Buffer
		e := &env{stdin: strings.NewReader(""), stdout: &out, stderr: &errs, getenv: func(string) string { return "" }}
		if err := run(context.Background(), e, []string{"wpc", "test", path}); err != nil {
			t.Errorf("%s: %v\n%s", path, err, out.String())
		}
	}
}

// TestConnectorsAreKnown holds the operations that lint and test know to those
// that the connectors have or name: all of them, by their class, and no other.
func TestConnectorsAreKnown(t *testing.T) {
	var all []policy.Action
	for tool, ops := range map[string][]atlassian.Operation{"confluence": confluence.Operations(), "jira": jira.Operations()} {
		if len(ops) < 20 {
			t.Errorf("only %d operations of %s", len(ops), tool)
		}
		for _, o := range ops {
			all = append(all, policy.Action{Tool: tool, Name: o.Name, Class: o.Class})
		}
	}
	for _, tool := range slices.Concat(new(confluence.Connector).Tools(), new(jira.Connector).Tools()) {
		if !slices.Contains(all, tool.Action) {
			t.Errorf("%s is offered, and in no table", tool.Action)
		}
	}
	for _, a := range all {
		if got := policy.ClassOf(a.Tool, a.Name); got != a.Class {
			t.Errorf("%s is known as %q, and is %q", a, got, a.Class)
		}
	}
	seen := map[policy.Action]bool{}
	for _, a := range policy.Operations() {
		if !slices.Contains(all, a) || seen[a] {
			t.Errorf("%s (%s) is known, and is in no table or known twice", a, a.Class)
		}
		seen[a] = true
	}
}
