// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/clawea/clawea/seal"
)

// TestParseRefusesNew has one case for every value that means nothing in the
// fields that bound more than the published shapes do.
func TestParseRefusesNew(t *testing.T) {
	long := strings.Repeat("x", 129)
	for _, tt := range []struct{ body, want string }{
		{`"connection_mode": ["official_api", "mcp_server", "official_api"]`, `(/connection_mode/2): "official_api" is there twice`},
		{`"actions": {"search": {"query_filters_required": ["space", "space"]}}`, `"space" is there twice`},
		{`"environment": "Prod"`, "is not an environment's name"},
		{`"environment": ["prod"]`, "(/environment)"},
		{`"change_record": {}`, "id is missing"},
		{`"change_record": {"id": "two words"}`, "(/change_record/id)"},
		{`"change_record": {"id": "` + long + `"}`, "is not the id of a change"},
		{`"change_record": {"id": "CHG1", "by": "me"}`, `unknown field "by"`},
		{`"break_glass": {"reason": "down"}`, "expires_at is missing"},
		{`"break_glass": {"reason": "down", "expires_at": "0001-01-01T00:00:00Z"}`, "expires_at is missing"},
		{`"break_glass": {"reason": "down", "expires_at": "tomorrow"}`, "(/break_glass/expires_at)"},
		{`"break_glass": {"expires_at": "2026-03-02T10:00:00Z"}`, "reason is missing"},
		{`"resources": {"spaces_denylist": ["no space"]}`, "is not a space key"},
		{`"resources": {"spaces_denylist": ["ENG", "ENG"]}`, "is there twice"},
		{`"resources": {"spaces_denylist": ["ENG"], "spaces_allowlist": ["ENG"]}`, "the deny list wins"},
		{`"resources": {"page_prefix_denylist": ["ENG"]}`, "is not a page prefix"},
		{`"resources": {"page_prefix_denylist": ["ENG/A/"], "page_prefix_allowlist": ["ENG/A/"]}`, "(/resources/page_prefix_denylist/0)"},
		{`"resources": {"page_labels_allowlist": ["two words"]}`, "is not a label"},
		{`"resources": {"page_labels_allowlist": ["tab\t"]}`, "is not a label"},
		{`"resources": {"page_labels_allowlist": ["a", "a"]}`, "is there twice"},
		{`"actions": {"write": {"max_writes_per_job": 0}}`, "0 is not a positive number"},
		{`"actions": {"read": {"max_writes_per_job": 1}}`, "belongs under /actions/write"},
		{`"actions": {"search": {"ticket_required": true}}`, "(/actions/search/ticket_required)"},
		{`"actions": {"write": {"ticket_required": "yes"}}`, "(/actions/write/ticket_required)"},
		{`"actions": {"admin": {"max_pages_per_job": 1}}`, "belongs under /actions/read"},
		{`"allow": {"issue_types": ["ENG/Task"]}`, "project ENG is not in /allow/projects"},
		{`"allow": {"projects": ["ENG"], "issue_types": ["ENG/Task/Sub"]}`, "is not an issue type's name"},
		{`"allow": {"projects": ["ENG"], "issue_types": ["eng/Task"]}`, "is not an issue type's name"},
		{`"allow": {"projects": ["ENG"], "issue_types": ["ENG/"]}`, "is not an issue type's name"},
		{`"allow": {"projects": ["ENG"], "issue_types": ["Task", "Task"]}`, "is there twice"},
		{`"allow": {"fields_read_allowlist": ["Story points"]}`, "is not a field's id"},
		{`"deny": {"fields_read_denylist": ["*"]}`, "is not a field's id"},
		{`"model_route": {"max_output_tokens": 0}`, `(/model_route/max_output_tokens): 0 is not a positive number`},
		{`"model_route": {"max_tokens_per_job": -1}`, "-1 is not a positive number"},
		{`"model_route": {"max_tokens_per_job": 1.5}`, "(/model_route/max_tokens_per_job)"},
		{`"model_route": {"max_cost_per_job": 0}`, "(/model_route/max_cost_per_job): 0 is not an amount of money"},
		{`"model_route": {"max_cost_per_job": -0.5}`, "-0.5 is not an amount of money"},
		{`"model_route": {"max_cost_per_job": 0.0000001}`, "0.0000001 is not an amount of money"},
		{`"model_route": {"max_cost_per_job": 1.0000001}`, "1.0000001 is not an amount of money"},
		{`"model_route": {"max_cost_per_job": 1000000000.5}`, "at most 1000000000"},
		{`"model_route": {"max_cost_per_job": 1e300}`, "(/model_route/max_cost_per_job)"},
		{`"model_route": {"max_cost_per_job": "5"}`, "(/model_route/max_cost_per_job)"},
		{`"model_route": {"max_cost_per_job": null}`, "(/model_route/max_cost_per_job)"},
		{`"model_route": {"tools_allowlist": ["two words"]}`, `(/model_route/tools_allowlist/0): "two words" is not a tool's name`},
		{`"model_route": {"tools_denylist": ["a", "a"]}`, "is there twice"},
		{`"model_route": {"tools_denylist": [""]}`, "(/model_route/tools_denylist/0)"},
		{`"model_route": {"screening": {"block": ["a b"]}}`, `(/model_route/screening/block/0): "a b" is not a rule's id`},
		{`"model_route": {"screening": {"mask": ["a", "a"]}}`, "is there twice"},
		{`"model_route": {"screening": {"masks": []}}`, `unknown field "masks"`},
		{`"model_route": {"screening": []}`, "(/model_route/screening)"},
		{`"egress": []`, "(/egress)"},
		{`"egress": {"hosts": []}`, `unknown field "hosts"`},
		{`"egress": {"hosts_allowlist": ["API.example.com"]}`, `(/egress/hosts_allowlist/0): "API.example.com" is not a host`},
		{`"egress": {"hosts_allowlist": ["*"]}`, "is not a host"},
		{`"egress": {"hosts_allowlist": ["a.*.test"]}`, "is not a host"},
		{`"egress": {"hosts_allowlist": ["https://a.test"]}`, "is not a host"},
		{`"egress": {"hosts_allowlist": ["a.test."]}`, "is not a host"},
		{`"egress": {"hosts_allowlist": ["a.test:0"]}`, "is not a host"},
		{`"egress": {"hosts_allowlist": ["a.test:65536"]}`, "is not a host"},
		{`"egress": {"hosts_allowlist": ["127.1"]}`, "is not a host"},
		{`"egress": {"hosts_allowlist": ["0x7f000001"]}`, "is not a host"},
		{`"egress": {"hosts_allowlist": ["192.0.2.0/24"]}`, "is not a host"},
		{`"egress": {"hosts_allowlist": ["*.0.2.7"]}`, "is not a host"},
		{`"egress": {"hosts_allowlist": ["[2001:DB8::7]"]}`, "is not a host"},
		{`"egress": {"hosts_allowlist": ["[2001:db8:0::7]"]}`, "is not a host"},
		{`"egress": {"hosts_allowlist": ["[::ffff:192.0.2.7]"]}`, "is not a host"},
		{`"egress": {"hosts_allowlist": ["2001:db8::7"]}`, "is not a host"},
		{`"egress": {"hosts_allowlist": ["b\u00fccher.test"]}`, "is not a host"},
		{`"egress": {"hosts_allowlist": ["` + strings.Repeat("a.", 126) + `test"]}`, "is not a host"},
		{`"egress": {"hosts_allowlist": ["a.test", "a.test"]}`, "is there twice"},
		{`"egress": {"hosts_allowlist": ["a.test"], "hosts_denylist": ["a.test"]}`, "(/egress/hosts_denylist/0)"},
		{`"approvals": [{"when": "job.count('x') > 4 &&", "require": "human_approval"}]`, "(/approvals/0/when)"},
		{`"approvals": [{"when": "job.count('x')", "require": "human_approval"}]`, "its type is int, want bool"},
		{`"approvals": [{"when": "job.counts['x'] > 0", "require": "human_approval"}]`, "undeclared reference"},
		{`"approvals": [{"when": "job.count() > 0", "require": "human_approval"}]`, "undeclared reference"},
		{`"approvals": [{"when": "['x'].exists(job, job.count('x') > 0 && job == '')", "require": "x"}]`, "(/approvals/0/require)"},
	} {
		_, err := Parse([]byte("{\n\"wpc_version\": \"v1\",\n" + tt.body + "\n}"))
		var at *seal.SyntaxError
		if !errors.As(err, &at) {
			t.Errorf("%s: error = %v, want one with a place", tt.body, err)
			continue
		}
		if !strings.Contains(err.Error(), tt.want) || at.Line != 3 {
			t.Errorf("%s: error = %v, want one in line 3 with %q", tt.body, err, tt.want)
		}
	}
}

// numbered are n names, each with a number.
func numbered(format string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf(format, i)
	}
	return out
}

// TestTooManyIssueTypes says that a short text cannot name hundreds of millions
// of types, and that one project's can be many.
func TestTooManyIssueTypes(t *testing.T) {
	for _, tt := range []struct {
		projects, types []string
		want            bool
	}{
		{numbered("P%d", 100), numbered("T%d", 100), true},
		{numbered("P%d", 101), numbered("T%d", 100), false},
		{numbered("P%d", 9000), numbered("T%d", 9000), false},
		{numbered("P%d", 5000), []string{"Task", "P1/Bug"}, true},
		{numbered("P%d", 5000), []string{"Task", "Bug", "P1/Bug"}, false},
	} {
		b, err := seal.Marshal(document{Version: "v1", Allow: &allow{Projects: tt.projects, IssueTypes: tt.types}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = Parse(b)
		if (err == nil) != tt.want || err != nil && !strings.Contains(err.Error(), "(/allow/issue_types)") {
			t.Errorf("%d types in %d projects: error = %v", len(tt.types), len(tt.projects), err)
		}
	}
}

func TestNested(t *testing.T) {
	deep := "'x'"
	for range 40 { // a count that is written out twice would be 2^40
		deep = "string(job.count(" + deep + "))"
	}
	p := parse(t, `{"wpc_version":"v1","approvals":[{"when":"`+deep+` == '0'","require":"human_approval"}]}`)
	want := map[string]bool{"/approvals/0": true}
	if diff := cmp.Diff(want, p.Conditions(&Call{}, &Facts{Used: map[string]int{"call:x": 3}}, nil)); diff != "" {
		t.Error(diff)
	}
}

func TestMarks(t *testing.T) {
	p := parse(t, `{"wpc_version":"v1","environment":"prod",
		"change_record":{"system":"servicenow","id":"CHG0042","url":"https://change.example/CHG0042"},
		"break_glass":{"reason":"cluster down","expires_at":"2026-03-02T10:00:00Z"}}`)
	if p.Environment() != "prod" {
		t.Errorf("environment = %q", p.Environment())
	}
	if diff := cmp.Diff(&ChangeRecord{"servicenow", "CHG0042", "https://change.example/CHG0042"}, p.ChangeRecord()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(&BreakGlass{"cluster down", time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)}, p.BreakGlass()); diff != "" {
		t.Error(diff)
	}
	p = parse(t, `{"wpc_version":"v1"}`)
	if p.Environment() != "" || p.ChangeRecord() != nil || p.BreakGlass() != nil {
		t.Error("a policy has marks that it does not say")
	}
}

func TestLimits(t *testing.T) {
	for src, want := range map[string]map[string]int{
		`{"wpc_version":"v1"}`:              {},
		`{"wpc_version":"v1","actions":{}}`: {},
		`{"wpc_version":"v1","actions":{"read":{"allowed":true,"max_pages_per_job":9}}}`:                                          {"pages": 9},
		`{"wpc_version":"v1","actions":{"write":{"allowed":true,"max_writes_per_job":2}}}`:                                        {"writes": 2},
		`{"wpc_version":"v1","actions":{"read":{"max_pages_per_job":9},"write":{"max_writes_per_job":2},"admin":{},"search":{}}}`: {"pages": 9, "writes": 2},
		`{"wpc_version":"v1","model_route":{"max_output_tokens":7,"max_tokens_per_job":800,"max_cost_per_job":0.000001}}`:         {"output_tokens": 7, "tokens": 800, "cost": 1},
		`{"wpc_version":"v1","model_route":{"max_cost_per_job":1e9}}`:                                                             {"cost": 1_000_000_000_000_000},
	} {
		if diff := cmp.Diff(want, parse(t, src).Limits()); diff != "" {
			t.Errorf("%s: %s", src, diff)
		}
	}
}

const everywhere = `{"wpc_version":"v1",
	"resources":{"spaces_allowlist":["ENG"],"page_prefix_allowlist":["ENG/Runbooks/"],"page_labels_allowlist":["runbook"],
		"spaces_denylist":["HR"],"page_prefix_denylist":["ENG/Runbooks/Keys/"]},
	"actions":{"read":{"allowed":true,"max_pages_per_job":9},"write":{"allowed":true,"max_writes_per_job":2}},
	"allow":{"projects":["ENG","OPS"],"issue_types":["Task","ENG/Bug"],"operations":["issue.get"],"fields_read_allowlist":["summary"]},
	"deny":{"fields_read_denylist":["description"]}}`

// TestNamesAndBounds says what is bound to ids, and what a connector is told of
// it: what is denied and what is a word whatever is granted.
func TestNamesAndBounds(t *testing.T) {
	p := parse(t, everywhere)
	names := []Name{
		{"confluence", Space, "ENG"}, {"confluence", PagePrefix, "ENG/Runbooks/"},
		{"confluence", DeniedSpace, "HR"}, {"confluence", DeniedPrefix, "ENG/Runbooks/Keys/"},
		{"jira", Project, "ENG"}, {"jira", Project, "OPS"},
		{"jira", IssueType, "ENG/Bug"}, {"jira", IssueType, "ENG/Task"}, {"jira", IssueType, "OPS/Task"},
	}
	if diff := cmp.Diff(names, p.Names()); diff != "" {
		t.Error(diff)
	}
	p, err := p.Bind(bindingFor(p))
	if err != nil {
		t.Fatal(err)
	}
	n, err := p.Narrow(Grant{Resources: []string{"confluence:ENG", "jira:ENG", "jira:ENG/Task"}, Limits: map[string]int{"writes": 1}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	confluence := []Bound{
		{names[0], "s", "space:ENG"}, {names[2], "s", "space:HR"}, {names[3], "s", "page_prefix:ENG/Runbooks/Keys"},
		{Name: Name{"confluence", Label, "runbook"}, ID: "runbook"},
	}
	if diff := cmp.Diff(confluence, n.Bounds("confluence")); diff != "" {
		t.Error(diff)
	}
	jira := []Bound{
		{names[4], "s", "project:ENG"}, {names[7], "s", "issue_type:ENG/Task"},
		{Name: Name{"jira", ReadField, "summary"}, ID: "summary"}, {Name: Name{"jira", HiddenField, "description"}, ID: "description"},
	}
	if diff := cmp.Diff(jira, n.Bounds("jira")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]int{"pages": 9, "writes": 1}, n.Scope().Limits); diff != "" {
		t.Error(diff)
	}
}

// TestDeniedPlaces says: what is denied cannot be granted, and is part of the
// scope, so that a token does not outlive the ids that it was minted for.
func TestDeniedPlaces(t *testing.T) {
	p := parse(t, everywhere)
	b := bindingFor(p)
	bound, err := p.Bind(b)
	if err != nil {
		t.Fatal(err)
	}
	whole := bound.Whole([]Action{{"jira", "issue.get", Read}})
	if slices.Contains(whole.Resources, "confluence:HR") {
		t.Error("the widest grant has a denied place")
	}
	if diff := cmp.Diff([]string{"confluence:ENG", "confluence:ENG/Runbooks/", "jira:ENG", "jira:ENG/Bug", "jira:ENG/Task", "jira:OPS", "jira:OPS/Task"}, whole.Resources); diff != "" {
		t.Error(diff)
	}
	if _, err := bound.Narrow(Grant{Resources: []string{"confluence:HR"}}, nil); !errors.Is(err, ErrGrant) {
		t.Errorf("a denied place is granted: %v", err)
	}
	scope := func(b *Binding) Scope {
		q, err := p.Bind(b)
		if err != nil {
			t.Fatal(err)
		}
		if q, err = q.Narrow(whole, nil); err != nil {
			t.Fatal(err)
		}
		return q.Scope()
	}
	before := scope(b)
	want := []Bound{
		{Name{"confluence", DeniedPrefix, "ENG/Runbooks/Keys/"}, "s", "page_prefix:ENG/Runbooks/Keys"},
		{Name{"confluence", DeniedSpace, "HR"}, "s", "space:HR"},
	}
	slices.SortFunc(want, compareBound)
	if diff := cmp.Diff(want, before.Denied); diff != "" {
		t.Error(diff)
	}
	i := slices.IndexFunc(b.Names, func(n Bound) bool { return n.Kind == DeniedSpace })
	b.Names[i].ID = "another"
	one, err1 := before.Hash()
	two, err2 := scope(b).Hash()
	if err1 != nil || err2 != nil || one == two {
		t.Errorf("a denied name leads elsewhere, and the scope is the same: %v %v", err1, err2)
	}
}

// TestNotUTF8 says that what has no canonical form has no hash, instead of
// another's.
func TestNotUTF8(t *testing.T) {
	if _, err := (Scope{Actions: []string{"\xff"}}).Hash(); err == nil {
		t.Error("a scope that is not UTF-8 has a hash")
	}
	if _, err := new(Policy).Bind(&Binding{Names: []Bound{{ID: "\xff"}}}); err == nil {
		t.Error("a binding that is not UTF-8 is taken")
	}
	if b, err := ParseBinding([]byte(`{"policy": 1}`)); err == nil || b != nil {
		t.Errorf("a binding that is none reads as %v", b)
	}
}

// TestCounters says that job.count is exact: for any calls that a job was
// allowed, each word counts the calls whose class it is or, if it is no class,
// whose full name or action it is.
func TestCounters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		used := map[string]int{}
		var calls []*Call
		for range rapid.IntRange(0, 12).Draw(t, "calls") {
			tool := rapid.SampledFrom(world.tools).Draw(t, "tool")
			a := rapid.SampledFrom(worldActions[tool]).Draw(t, "action")
			c := &Call{Tool: a.Tool, Action: a.Name, Class: a.Class}
			if rapid.Bool().Draw(t, "uses") {
				c.Uses = map[string]int{"pages": rapid.IntRange(0, 3).Draw(t, "pages")}
			}
			calls = append(calls, c)
			for k, n := range c.Counters() {
				used[k] += n
			}
		}
		pages := 0
		words := map[string]bool{"nothing": true, "pages": true, "admin": true}
		for _, c := range calls {
			words[c.Name()], words[c.Action], words[string(c.Class)] = true, true, true
			pages += c.Uses["pages"]
		}
		if used["pages"] != pages {
			t.Fatalf("%d pages are used, and counted as %d", pages, used["pages"])
		}
		for _, w := range slices.Sorted(maps.Keys(words)) {
			want := int64(0)
			for _, c := range calls {
				if isClass(w) && string(c.Class) == w || !isClass(w) && (c.Name() == w || c.Action == w && w != "") {
					want++
				}
			}
			if got := counts(used)[w]; got != want {
				t.Fatalf("%q is counted %d times, want %d, in %v", w, got, want, used)
			}
		}
	})
}

// TestJobFacts evaluates each fact about the job.
func TestJobFacts(t *testing.T) {
	facts := &Facts{Ticket: "INC-7", Used: map[string]int{
		"pages": 40, "call:jira.issue.create": 5, "call:jira.issue.get": 2, "call:mail": 1, "class:write": 6, "class:read": 2, "call:model.chat": 3, "class:model": 3,
	}}
	for _, tt := range []struct {
		when string
		want bool
	}{
		{"job.count('issue.create') == 5", true},
		{"job.count('jira.issue.create') == 5", true},
		{"job.count('write') == 6 && job.count('read') == 2 && job.count('model') == 3", true},
		{"job.count('mail') == 1", true},
		{"job.count('model.chat') == 3 && job.count('chat') == 3", true},
		{"job.count('search') == 0 && job.count('') == 0 && job.count('issue.*') == 0", true},
		{"job.count('pages') == 0 && job.count('class:write') == 0 && job.count('call:mail') == 0", true},
		{"job.count(tool) == 5 && job.count(action) == 5 && job.count(class) == 6", true},
		{"['mail', 'issue.get'].all(a, job.count(a) > 0)", true},
		{"job.read_untrusted", true},
		{"job.ticket == 'INC-7'", true},
		{"job.ticket.startsWith('CHG')", false},
	} {
		p := parse(t, `{"wpc_version":"v1","approvals":[{"when":"`+tt.when+`","require":"human_approval"}]}`)
		c := &Call{Tool: "jira", Action: "issue.create", Class: Write}
		if diff := cmp.Diff(map[string]bool{"/approvals/0": tt.want}, p.Conditions(c, facts, []byte("{}"))); diff != "" {
			t.Errorf("%s: %s", tt.when, diff)
		}
	}
	p := parse(t, `{"wpc_version":"v1","approvals":[{"when":"job.read_untrusted","require":"human_approval"}]}`)
	for used, want := range map[string]bool{"class:read": true, "class:search": true, "class:connect": true, "class:model": false, "class:write": false, "pages": false} {
		if got := p.Conditions(&Call{}, &Facts{Used: map[string]int{used: 1}}, nil)["/approvals/0"]; got != want {
			t.Errorf("after %s: %t", used, got)
		}
	}
}

// TestConditionsSpelling says that no spelling of JSON hides a word.
func TestConditionsSpelling(t *testing.T) {
	p := parse(t, `{"wpc_version":"v1","approvals":[{"when":"content.contains('SECURITY')","require":"human_approval"}]}`)
	for content, want := range map[string]map[string]bool{
		`{"a":"SECURITY"}`:                             {"/approvals/0": true},
		`{"a":"\u0053ECURITY"}`:                        {"/approvals/0": true},
		` {"a" : "\u0053\u0045CURITY"} `:               {"/approvals/0": true},
		`{"a":"\u0053ECURITY","n":9007199254740993}`:   {},
		`{"a":"\u0053ECURITY","n":1e999}`:              {},
		`{"a":"x","a":"\u0053ECURITY"}`:                {},
		"{\"a\":\"\\u0053ECURITY\",\"b\":\"\xff\"}":    {},
		`{"a":"\u0053ECURITY","b":"\ud800"}`:           {},
		`{"a":"harmless"}`:                             {"/approvals/0": false},
		"plain SECURITY":                               {"/approvals/0": true},
		"":                                             {"/approvals/0": false},
		`"` + strings.Repeat("x", seal.MaxPaper) + `"`: {}, // too long for a canonical form
	} {
		if diff := cmp.Diff(want, p.Conditions(&Call{}, &Facts{}, []byte(content))); diff != "" {
			t.Errorf("%.60q: %s", content, diff)
		}
	}
}
