// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/seal"
)

// readShapes reads the policies of dir as plain values, by file name.
func readShapes(t *testing.T, dir string) map[string]map[string]any {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	shapes := map[string]map[string]any{}
	for _, path := range paths {
		if strings.HasSuffix(path, ".test.json") { // cases for clawea wpc test
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		shape := map[string]any{}
		if err := seal.Unmarshal(b, &shape); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		shapes[filepath.Base(path)] = shape
	}
	return shapes
}

// merge lays b over a: members of objects one by one, anything else whole.
func merge(a, b map[string]any) map[string]any {
	out := maps.Clone(a)
	for k, v := range b {
		under, ok1 := out[k].(map[string]any)
		over, ok2 := v.(map[string]any)
		if ok1 && ok2 {
			v = merge(under, over)
		}
		out[k] = v
	}
	return out
}

func mustParse(t *testing.T, what string, v any) *Policy {
	t.Helper()
	b, err := seal.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Parse(b)
	if err != nil {
		t.Fatalf("%s: %v\n%s", what, err, b)
	}
	if p.Hash() != seal.Sum(b) {
		t.Errorf("%s: hash = %v, want that of its canonical form", what, p.Hash())
	}
	return p
}

// orders calls f with every order of names, or, where those are too many, with
// each name first and last, and the others around it.
func orders(names []string, f func([]string)) {
	if len(names) <= 4 {
		permute(names, nil, f)
		return
	}
	for i := range names {
		turned := append(slices.Clone(names[i:]), names[:i]...)
		f(turned)
		slices.Reverse(turned)
		f(turned)
	}
}

// permute calls f with every order of names.
func permute(names []string, done []string, f func([]string)) {
	if len(names) == 0 {
		f(done)
		return
	}
	for i := range names {
		rest := append(append([]string{}, names[:i]...), names[i+1:]...)
		permute(rest, append(done[:len(done):len(done)], names[i]), f)
	}
}

// testMixtures parses every shape, every pair and all of them, in many orders of
// precedence.
func testMixtures(t *testing.T, shapes map[string]map[string]any) {
	t.Helper()
	var names []string
	for a, shape := range shapes {
		names = append(names, a)
		mustParse(t, a, shape)
		for b, other := range shapes {
			mustParse(t, a+" under "+b, merge(shape, other))
		}
	}
	slices.Sort(names)
	orders(names, func(order []string) {
		all := map[string]any{}
		for _, n := range order {
			all = merge(all, shapes[n])
		}
		mustParse(t, strings.Join(order, " under "), all)
	})
}

func TestPublishedShapes(t *testing.T) {
	shapes := readShapes(t, "../../shared/wpc")
	if len(shapes) == 0 {
		t.Skip("the published shapes are not here (../shared/wpc beside the repository)")
	}
	if len(shapes) != 4 {
		t.Errorf("%d published shapes, want 4", len(shapes))
	}
	testMixtures(t, shapes)
}

func TestExampleShapes(t *testing.T) {
	shapes := readShapes(t, "../examples/policies")
	if len(shapes) < 5 {
		t.Fatalf("%d examples, want five or more", len(shapes))
	}
	testMixtures(t, shapes)
}

// TestRunbookAgent decides by the example that mixes most sections.
func TestRunbookAgent(t *testing.T) {
	b, err := os.ReadFile("../examples/policies/runbook-agent.json")
	if err != nil {
		t.Fatal(err)
	}
	p, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.MaxTTL(); got != 15*time.Minute {
		t.Errorf("MaxTTL = %v", got)
	}
	if !p.RequiresReceipts() || p.Name() != "runbook-agent" || p.Purpose() == "" {
		t.Errorf("name %q, purpose %q, receipts %t", p.Name(), p.Purpose(), p.RequiresReceipts())
	}
	if diff := cmp.Diff(map[string]int{"pages": 50}, p.Limits()); diff != "" {
		t.Error(diff)
	}
	if p, err = p.Bind(bindingFor(p)); err != nil {
		t.Fatal(err)
	}
	page := []Resource{{Type: "page", ID: "7", Path: []Place{{"space:ENG", "ENG"}, {"page_prefix:ENG/Runbooks", "Runbooks"}, {"7", ""}}}}
	issue := []Resource{{Type: "issue", ID: "9", Path: []Place{{"project:ENG", "ENG"}, {"9", ""}}}}
	route := func(r, m string) []Resource { return []Resource{{Type: "route", ID: r}, {Type: "model", ID: m}} }
	for _, tt := range []struct {
		name string
		call Call
		want Effect
	}{
		{"read", Call{Tool: "confluence", Action: "page.get", Class: Read, Credential: "read", Privilege: "least", Resources: page}, Allow},
		{"search", Call{Tool: "confluence", Action: "page.search", Class: Search, Credential: "read", Filters: []string{"space"}, Privilege: "least", Resources: page}, Allow},
		{"write", Call{Tool: "confluence", Action: "page.update", Class: Write, Credential: "write", Privilege: "least", Resources: page}, Ask},
		{"write as reader", Call{Tool: "confluence", Action: "page.update", Class: Write, Credential: "read", Resources: page}, Deny},
		{"admin", Call{Tool: "confluence", Action: "page.delete", Class: Admin, Credential: "write", Resources: page}, Deny},
		{"issue", Call{Tool: "jira", Action: "issue.get", Class: Read, Credential: "read", Privilege: "least", Resources: issue}, Allow},
		{"new issue", Call{Tool: "jira", Action: "issue.create", Class: Write, Credential: "write", Privilege: "least", Resources: issue, Fields: []string{"summary"}}, Ask},
		{"assignee", Call{Tool: "jira", Action: "issue.create", Class: Write, Credential: "write", Resources: issue, Fields: []string{"assignee"}}, Deny},
		{"edit", Call{Tool: "jira", Action: "issue.update", Class: Write, Credential: "write", Resources: issue}, Deny},
		{"model", Call{Tool: "model", Class: Model, Resources: route("sim-openai", "gpt-x")}, Allow},
		{"claude", Call{Tool: "model", Class: Model, Resources: route("sim-anthropic", "claude-x")}, Allow},
		{"other model", Call{Tool: "model", Class: Model, Resources: route("sim-anthropic", "other")}, Deny},
		{"shell", Call{Tool: "exec", Action: "run", Class: Write}, Deny},
	} {
		c := tt.call
		c.Site, c.Mode = "s", "official_api"
		if got := p.Decide(&c, &Facts{Now: noon}); got.Effect != tt.want {
			t.Errorf("%s: %v, want %v: %v", tt.name, got.Effect, tt.want, got.Reasons)
		}
	}
}
