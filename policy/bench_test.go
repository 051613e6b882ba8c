// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"maps"
	"slices"
	"testing"
)

// longPolicy has lists of n entries for each of the four kinds of tools.
func longPolicy(tb testing.TB, n int) *Policy {
	tb.Helper()
	list := func(format string) string {
		out := ""
		for i := range n {
			out += fmt.Sprintf(`,"`+format+`"`, i)
		}
		return "[" + out[1:] + "]"
	}
	src := `{"wpc_version":"v1",
		"resources": {"spaces_allowlist":` + list("S%d") + `, "spaces_denylist":` + list("D%d") + `, "page_labels_allowlist":` + list("label%d") + `},
		"actions": {"read":{"allowed":true,"max_pages_per_job":9}, "write":{"allowed":true,"approval_gate":"none","max_writes_per_job":9}},
		"allow": {"projects":` + list("P%d") + `, "operations":` + list("issue.get%d") + `, "fields_write_allowlist":` + list("field%d") + `},
		"deny": {"operations":` + list("issue.delete%d") + `, "fields_write_denylist":` + list("denied%d") + `},
		"tool_policy": {"allow":["jira","confluence","repo.diff"], "deny":` + list("shell%d") + `},
		"model_route": {"allowed":` + list("route%d/small-*") + `, "tools_allowlist":` + list("tool%d") + `, "tools_denylist":["*_delete","mcp__*__push"],
			"max_output_tokens":9000, "max_tokens_per_job":100000, "max_cost_per_job":2.5, "screening":{"block":` + list("key-%d") + `, "mask":["*-token"]}},
		"approvals": {"required_for":` + list("category%d") + `}}`
	p, err := Parse([]byte(src))
	if err != nil {
		tb.Fatal(err)
	}
	if p, err = p.Bind(bindingFor(p)); err != nil {
		tb.Fatal(err)
	}
	if p, err = p.Narrow(p.Whole([]Action{{"confluence", "page.get", Read}, {"jira", "issue.get3", Read}, {"model", "", Model}}), nil); err != nil {
		tb.Fatal(err)
	}
	return p
}

// longCalls are allowed by longPolicy, or denied, as their names say. The change
// is asked for where it was made before.
func longCalls() map[string]*Call {
	return map[string]*Call{
		"page":  {Tool: "confluence", Action: "page.get", Class: Read, Mode: "official_api", Site: "s", Uses: map[string]int{"pages": 1}, Resources: []Resource{{Type: "page", ID: "7", Labels: []string{"label3"}, Path: []Place{{"space:S3", "S3"}, {"7", "Some page"}}}}},
		"issue": {Tool: "jira", Action: "issue.get3", Class: Read, Mode: "official_api", Site: "s", Fields: []string{"field3"}, Resources: []Resource{{Type: "issue", ID: "9", Path: []Place{{"project:P3", "P3"}}}}},
		"model": {Tool: "model", Class: Model, Resources: []Resource{{Type: "route", ID: "route3"}, {Type: "model", ID: "small-1"}},
			Offers: numbered("tool%d", 10), Found: map[string]int{"github-token": 1}, Uses: map[string]int{tokens: 5000, outputTokens: 4000, cost: 80000}},
		"tool":   {Tool: "repo", Action: "diff", Class: Read},
		"change": {Tool: "jira", Action: "issue.get3", Class: Write, Mode: "official_api", Site: "s", Fields: []string{"field3"}, Resources: []Resource{{Type: "issue", ID: "9", Path: []Place{{"project:P3", "P3"}}}}},
		"denied": {Tool: "shell3", Action: "run", Class: Write},
	}
}

// TestDecideAllocates says: what is allowed or asked for costs its reasons and
// nothing else, however long the lists are.
func TestDecideAllocates(t *testing.T) {
	p, f := longPolicy(t, 100), &Facts{Now: noon, Repeats: 1}
	for name, c := range longCalls() {
		want := Allow
		switch name {
		case "denied":
			want = Deny
		case "change":
			want = Ask
		}
		if d := p.Decide(c, f); d.Effect != want {
			t.Fatalf("%s: %+v", name, d)
		}
		if got := testing.AllocsPerRun(100, func() { p.Decide(c, f) }); want != Deny && got > 1 {
			t.Errorf("%s: %v allocations, want one", name, got)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{10, 100} {
		p, f := longPolicy(b, n), &Facts{Now: noon}
		calls := longCalls()
		for _, name := range slices.Sorted(maps.Keys(calls)) {
			c := calls[name]
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					p.Decide(c, f)
				}
			})
		}
	}
}
