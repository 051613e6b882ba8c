// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"testing"

	"pgregory.net/rapid"
)

// deciders are all languages' answers to r, by name.
func deciders(t interface{ Fatalf(string, ...any) }, r Rules) map[string]Decider {
	out := map[string]Decider{}
	for _, l := range Languages() {
		d, err := l.New(r)
		if err != nil {
			t.Fatalf("%s: %v", l.Name, err)
		}
		out[l.Name] = d
	}
	return out
}

// TestMeasuredCalls says: what is measured is decided alike, and about half of it is allowed.
func TestMeasuredCalls(t *testing.T) {
	for _, n := range Sizes() {
		all, calls, allowed := deciders(t, Sized(n)), Calls(n), 0
		for _, r := range calls {
			want := all["clawea"].Prepare(r)()
			if want {
				allowed++
			}
			for name, d := range all {
				if got := d.Prepare(r)(); got != want {
					t.Errorf("%d clauses: %s says %t of %+v, clawea %t", n, name, got, r, want)
				}
			}
		}
		if 2*allowed != len(calls) {
			t.Errorf("%d clauses: %d of %d calls are allowed, want half", n, allowed, len(calls))
		}
	}
}

var world = struct{ operations, patterns, projects, fields []string }{
	operations: []string{"issue.get", "issue.create", "issue.comment.create", "report.weekly", "workflow.transition", "issue"},
	patterns:   []string{"issue.get", "issue.create", "issue.*", "*.create", "i*.c*e", "report.*", "*", "issue.comment.create", "workflow.transition"},
	projects:   []string{"ENG", "OPS", "HR"},
	fields:     []string{"summary", "labels", "assignee"},
}

// subset draws some of all, in order.
func subset(t *rapid.T, label string, all []string) []string {
	out := []string{}
	for _, s := range all {
		if rapid.Bool().Draw(t, label+" "+s) {
			out = append(out, s)
		}
	}
	return out
}

// subsets are all subsets of all.
func subsets(all []string) [][]string {
	out := [][]string{nil}
	for _, s := range all {
		for _, o := range out {
			out = append(out, append(append([]string{}, o...), s))
		}
	}
	return out
}

// TestLanguagesAgree draws rules, writes them in every language, and has every
// request of a small world decided by all.
func TestLanguagesAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Rules{
			Operations:       subset(t, "operation", world.patterns),
			Projects:         subset(t, "project", world.projects),
			Fields:           subset(t, "field", world.fields),
			DeniedOperations: subset(t, "denied operation", world.patterns[:5]),
			DeniedFields:     subset(t, "denied field", world.fields),
		}
		all := deciders(t, r)
		for _, operation := range world.operations {
			for _, project := range world.projects {
				for _, fields := range subsets(world.fields) {
					q := Request{operation, project, fields}
					want := all["clawea"].Prepare(q)()
					for name, d := range all {
						if got := d.Prepare(q)(); got != want {
							t.Fatalf("%s says %t of %+v, clawea %t, under %+v", name, got, q, want, r)
						}
					}
				}
			}
		}
	})
}
