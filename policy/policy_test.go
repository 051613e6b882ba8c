// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/clawea/clawea/internal/vectors"
	"github.com/clawea/clawea/seal"
)

func parse(t *testing.T, src string) *Policy {
	t.Helper()
	p, err := Parse([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestParseRefuses has one case for every value that means nothing. The vectors
// have those that people meet.
func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct{ body, want string }{
		{`"tool": 7`, "(/tool)"},
		{`"tool": "Not A Tool"`, `is not a tool's name`},
		{`"tool": ["jira", "jira"]`, "(/tool/1): \"jira\" is there twice"},
		{`"connection_mode": ["telnet"]`, "(/connection_mode/0)"},
		{`"resources": {"spaces_allowlist": ["no space"]}`, "is not a space key"},
		{`"resources": {"page_prefix_allowlist": ["/Runbooks/"]}`, "is not a page prefix"},
		{`"resources": {"page_prefix_allowlist": ["ENG//"]}`, "is not a page prefix"},
		{`"actions": {"read": {"allowed": true, "approval_gate": "maybe"}}`, "(/actions/read/approval_gate)"},
		{`"actions": {"read": {"allowed": true, "max_pages_per_job": 0}}`, "0 is not a positive number"},
		{`"actions": {"read": {"allowed": true, "max_pages_per_job": 1.5}}`, "(/actions/read/max_pages_per_job)"},
		{`"actions": {"read": {"allowed": "yes"}}`, "(/actions/read/allowed)"},
		{`"actions": {"read": {"query_filters_required": ["space"]}}`, "only a search has a query"},
		{`"actions": {"write": {"include": []}}`, "these are reads"},
		{`"actions": {"read": {"include": ["likes"]}}`, `"likes" is not one of: versions, comments`},
		{`"actions": {"read": {"include": "comments"}}`, "(/actions/read/include)"},
		{`"actions": {"search": {"query_filters_required": ["owner"]}}`, `"owner" is not one of: space`},
		{`"actions": {"model": {"allowed": true}}`, `unknown field "model"`},
		{`"auth": {"credential_separation": {"read_credential": "shared"}}`, "(/auth/credential_separation/read_credential)"},
		{`"auth": {"credential_separation": {"write_credential": "same"}}`, "(/auth/credential_separation/write_credential)"},
		{`"allow": {"projects": ["eng"]}`, "is not a project key"},
		{`"allow": {"operations": ["issue get"]}`, "is not an operation"},
		{`"allow": {"operations": ["model.chat"]}`, "this list is for tools"},
		{`"allow": {"fields_write_allowlist": ["Story points"]}`, "is not a field's id"},
		{`"deny": {"operations": ["issue/delete"]}`, "(/deny/operations/0)"},
		{`"runtime": {"max_ttl_seconds": -1}`, "-1 is not a positive number"},
		{`"token_requirements": {"cst_ttl_seconds_max": 2592001}`, "more than 30 days"},
		{`"token_requirements": {"policy_hash_pinning": "perhaps"}`, "(/token_requirements/policy_hash_pinning)"},
		{`"tool_policy": {"allow": ["a b"]}`, "is not a tool name"},
		{`"sandbox_expectations": {"workspace_access": "rwx"}`, "(/sandbox_expectations/workspace_access)"},
		{`"model_route": {"allowed": ["*"]}`, "is not a route"},
		{`"approvals": "always"`, "(/approvals)"},
		{`"approvals": {"required_for": ["a category"]}`, "is not a category or a tool name"},
		{`"approvals": {"required_for": [], "bogus": 1}`, `unknown field "bogus"`},
		{`"approvals": [{"when": "true", "require": "two_people"}]`, "(/approvals/0/require)"},
		{`"approvals": [{"when": "true"}]`, "require is missing"},
		{`"approvals": [{"require": "human_approval"}]`, "when is missing"},
		{`"constraints": {"tool_policy": {"deny": ["model"]}}`, "(/constraints/tool_policy/deny/0)"},
		{`"constraints": {"sandbox": {"workspaceAccess": "all"}}`, "(/constraints/sandbox/workspaceAccess)"},
		{`"constraints": {"sandbox": {"elevated_exec": "ask"}}`, "(/constraints/sandbox/elevated_exec)"},
		{`"constraints": {"model_calls": {"route_via": "direct"}}`, "(/constraints/model_calls/route_via)"},
		{`"constraints": {"approvals": [{"when": "tool =", "require": "human_approval"}]}`, "(/constraints/approvals/0"},
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
	if _, err := Parse([]byte(`{"wpc_version":"v1","purpose":"` + strings.Repeat("x", MaxLength) + `"}`)); err == nil {
		t.Error("an endless policy is read")
	}
}

func TestMaxTTL(t *testing.T) {
	for src, want := range map[string]time.Duration{
		`{"wpc_version":"1"}`:                                    time.Hour,
		`{"wpc_version":"1","runtime":{"require_cst":true}}`:     time.Hour,
		`{"wpc_version":"1","runtime":{"max_ttl_seconds":7200}}`: 2 * time.Hour,
		`{"wpc_version":"1","runtime":{"max_ttl_seconds":7200},"token_requirements":{"cst_ttl_seconds_max":600}}`:   10 * time.Minute,
		`{"wpc_version":"1","runtime":{"max_ttl_seconds":60},"token_requirements":{"cst_ttl_seconds_max":600}}`:     time.Minute,
		`{"wpc_version":"1","token_requirements":{"policy_hash_pinning":"optional","cst_ttl_seconds_max":2592000}}`: 30 * 24 * time.Hour,
	} {
		if got := parse(t, src).MaxTTL(); got != want {
			t.Errorf("%s: %v, want %v", src, got, want)
		}
	}
}

func TestRequiresReceipts(t *testing.T) {
	for src, want := range map[string]bool{
		`{"wpc_version":"1"}`: false,
		`{"wpc_version":"1","attestation":{"require_proof_bundle_on_write":true}}`:     false,
		`{"wpc_version":"1","attestation":{"require_gateway_receipts":true}}`:          true,
		`{"wpc_version":"1","audit":{"require_gateway_receipts":true}}`:                true,
		`{"wpc_version":"1","constraints":{"model_calls":{"receipts_required":true}}}`: true,
		`{"wpc_version":"1","constraints":{"model_calls":{"route_via":"clawproxy"}}}`:  false,
		`{"wpc_version":"1","audit":{"require_gateway_receipts":false}}`:               false,
	} {
		if got := parse(t, src).RequiresReceipts(); got != want {
			t.Errorf("%s: %t, want %t", src, got, want)
		}
	}
}

func TestGlob(t *testing.T) {
	for _, tt := range []struct {
		pattern, s string
		want       bool
	}{
		{"issue.get", "issue.get", true},
		{"issue.get", "issue.getx", false},
		{"*", "", true},
		{"issue.*", "issue.comment.create", true},
		{"issue.*", "issues.get", false},
		{"*.delete", "issue.delete", true},
		{"*.delete", "issue.deleted", false},
		{"a*b*c", "aXbYc", true},
		{"a*b*c", "aXcYb", false},
		{"a*b*c", "aXc", false},
		{"a*a", "a", false},
		{"**", "x", true},
		{"", "x", false},
	} {
		if got := Glob(tt.pattern, tt.s); got != tt.want {
			t.Errorf("Glob(%q, %q) = %t", tt.pattern, tt.s, got)
		}
	}
}

func TestEffectText(t *testing.T) {
	for _, e := range []Effect{Deny, Ask, Allow} {
		b, err := e.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var got Effect
		if err := got.UnmarshalText(b); err != nil || got != e {
			t.Errorf("%s reads as %v, %v", b, got, err)
		}
	}
	e := Allow
	if err := e.UnmarshalText([]byte("permit")); err == nil {
		t.Error("an unknown effect is read")
	}
	if got := Effect(9).String(); got != "deny" {
		t.Errorf("an unknown effect is %q, want deny", got)
	}
}

func TestDigestlessCallIsNotAnswered(t *testing.T) {
	p := parse(t, `{"wpc_version":"v1","tool_policy":{"allow":["mail"]},"approvals":{"required_for":["mail"]}}`)
	c := &Call{Tool: "mail", Class: Write, Fields: []string{"\xff"}}
	if !c.Digest().IsZero() {
		t.Fatal("a call that has no JSON form has a digest")
	}
	f := &Facts{Now: noon, Approvals: []Approval{{Yes: true, At: noon, Expires: noon.Add(time.Hour)}}}
	if got := p.Decide(c, f).Effect; got != Ask {
		t.Errorf("an answer to nothing gives %v", got)
	}
}

func TestConditions(t *testing.T) {
	p := parse(t, `{"wpc_version":"v1",
		"approvals": [{"when":"tool == 'repo.comment' && content.contains('SECURITY:')","require":"human_approval"}],
		"constraints": {"approvals": [{"when":"int(content) > 100","require":"human_approval"},{"when":"class == 'write' && action == 'comment'","require":"human_approval"}]}}`)
	c := &Call{Tool: "repo", Action: "comment", Class: Write}
	for _, tt := range []struct {
		content string
		want    map[string]bool
	}{
		{"SECURITY: 7", map[string]bool{"/approvals/0": true, "/constraints/approvals/1": true}},
		{"700", map[string]bool{"/approvals/0": false, "/constraints/approvals/0": true, "/constraints/approvals/1": true}},
		{strings.Repeat("long ", 4<<20), map[string]bool{"/constraints/approvals/1": true}},
	} {
		if diff := cmp.Diff(tt.want, p.Conditions(c, &Facts{}, []byte(tt.content))); diff != "" {
			t.Errorf("%.20q: %s", tt.content, diff)
		}
	}
	if got := parse(t, `{"wpc_version":"v1"}`).Conditions(c, &Facts{}, nil); got != nil {
		t.Errorf("conditions of a policy without any: %v", got)
	}
}

func TestBind(t *testing.T) {
	p := parse(t, `{"wpc_version":"v1","resources":{"spaces_allowlist":["ENG"]},"allow":{"projects":["ENG"],"operations":["issue.get"]}}`)
	good := func() *Binding { return bindingFor(p) }
	bound, err := p.Bind(good())
	if err != nil {
		t.Fatal(err)
	}
	want := []Bound{{Name{"jira", "project", "ENG"}, "s", "project:ENG"}}
	if diff := cmp.Diff(want, bound.Bounds("jira")); diff != "" {
		t.Error(diff)
	}
	if p.Bounds("jira") != nil {
		t.Error("Bind changed the policy that it was called on")
	}
	for name, spoil := range map[string]func(*Binding){
		"other policy": func(b *Binding) { b.Policy = seal.Sum(nil) },
		"one missing":  func(b *Binding) { b.Names = b.Names[1:] },
		"one twice":    func(b *Binding) { b.Names[1] = b.Names[0] },
		"one more":     func(b *Binding) { b.Names = append(b.Names, Bound{Name{"jira", "project", "OPS"}, "s", "1"}) },
		"other kind":   func(b *Binding) { b.Names[0].Kind = "project" },
		"no id":        func(b *Binding) { b.Names[0].ID = "" },
		"no site":      func(b *Binding) { b.Names[0].Site = "" },
	} {
		b := good()
		spoil(b)
		if _, err := p.Bind(b); !errors.Is(err, ErrBinding) {
			t.Errorf("%s: error = %v", name, err)
		}
	}
}

func TestGrantAndScope(t *testing.T) {
	p := parse(t, `{"wpc_version":"v1",
		"resources":{"spaces_allowlist":["ENG","OPS"]},
		"actions":{"read":{"allowed":true,"max_pages_per_job":9},"write":{"allowed":false}},
		"allow":{"projects":["ENG"],"operations":["issue.get"]},
		"model_route":{"allowed":["alpha"]}}`)
	catalog := []Action{{"confluence", "page.get", Read}, {"confluence", "page.update", Write}, {"jira", "issue.get", Read}, {"model", "", Model}}
	p, err := p.Bind(bindingFor(p))
	if err != nil {
		t.Fatal(err)
	}
	whole := Grant{
		Actions:   []string{"confluence.page.get", "jira.issue.get", "model"},
		Resources: []string{"confluence:ENG", "confluence:OPS", "jira:ENG", "model:alpha"},
		Limits:    map[string]int{"pages": 9},
	}
	if diff := cmp.Diff(whole, p.Whole(catalog)); diff != "" {
		t.Error(diff)
	}
	n, err := p.Narrow(Grant{Actions: []string{"jira.issue.get", "jira.issue.get"}, Resources: []string{"model:alpha", "jira:ENG"}}, catalog)
	if err != nil {
		t.Fatal(err)
	}
	want := Scope{
		Actions:   []string{"jira.issue.get"},
		Limits:    map[string]int{"pages": 9},
		Resources: []Bound{{Name{"jira", "project", "ENG"}, "s", "project:ENG"}, {Name: Name{"model", "route", "alpha"}}},
	}
	if diff := cmp.Diff(want, n.Scope()); diff != "" {
		t.Error(diff)
	}
	n.Scope().Actions[0] = "spoiled"
	if diff := cmp.Diff(want, n.Scope()); diff != "" {
		t.Error("a scope leads into its policy:", diff)
	}
	if got := n.Bounds("confluence"); got != nil {
		t.Errorf("bounds outside the grant: %v", got)
	}
	if diff := cmp.Diff(Scope{Actions: []string{}, Resources: []Bound{}, Limits: map[string]int{"pages": 9}}, p.Scope()); diff != "" {
		t.Error("a policy without a grant has a scope:", diff)
	}
	for _, g := range []Grant{
		{Actions: []string{"confluence.page.update"}},
		{Actions: []string{"*"}},
		{Resources: []string{"jira:OPS"}},
		{Limits: map[string]int{"pages": 10}},
		{Limits: map[string]int{"pages": -1}},
	} {
		var entry *GrantError
		if _, err := p.Narrow(g, catalog); !errors.Is(err, ErrGrant) || !errors.As(err, &entry) || !strings.Contains(err.Error(), entry.Entry) {
			t.Errorf("%v: error = %v", g, err)
		}
	}
	if _, err := n.Narrow(whole, nil); err == nil {
		t.Error("a narrowed policy is narrowed to a wider grant")
	}
}

// TestGrantsIncludeNothing says: the widest grant has what reading includes, and
// no grant has more.
func TestGrantsIncludeNothing(t *testing.T) {
	var catalog []Action
	for _, a := range Operations() {
		if a.Tool == "confluence" {
			catalog = append(catalog, a)
		}
	}
	p := parse(t, `{"wpc_version":"v1","resources":{"spaces_allowlist":["ENG"]},"actions":{"read":{"allowed":true,"include":["attachments"]}}}`)
	want := []string{"confluence.attachment.get", "confluence.page.attachments", "confluence.page.children", "confluence.page.get", "confluence.page.labels"}
	if diff := cmp.Diff(want, p.Whole(catalog).Actions); diff != "" {
		t.Error(diff)
	}
	for _, r := range ownReads {
		name := "confluence." + r.action
		if _, err := p.Narrow(Grant{Actions: []string{name}}, catalog); (err == nil) != slices.Contains(want, name) {
			t.Errorf("%s: error = %v", name, err)
		}
	}
}

// TestMinimal says which names a receipt keeps: those that the policy says, from
// the outside in, whole.
func TestMinimal(t *testing.T) {
	p := parse(t, `{"wpc_version":"v1","resources":{"spaces_allowlist":["ENG","OPS"],"page_prefix_allowlist":["ENG/Runbooks/Oncall/"]}}`)
	p, err := p.Bind(bindingFor(p))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ in, want []Place }{
		{[]Place{{"1", "ENG"}, {"2", "Runbooks"}, {"3", "Oncall"}, {"4", "Salaries"}}, []Place{{"1", "ENG"}, {"2", "Runbooks"}, {"3", "Oncall"}, {"4", ""}}},
		{[]Place{{"1", "ENG"}, {"2", "Run"}}, []Place{{"1", "ENG"}, {"2", ""}}},
		{[]Place{{"1", "ENG"}, {"2", "Runbooks and more"}}, []Place{{"1", "ENG"}, {"2", ""}}},
		{[]Place{{"1", "ENG"}, {"2", "Other"}, {"3", "Runbooks"}}, []Place{{"1", "ENG"}, {"2", ""}, {"3", ""}}},
		{[]Place{{"1", "HR"}, {"2", "ENG"}}, []Place{{"1", ""}, {"2", ""}}},
		{[]Place{{"1", "OPS"}}, []Place{{"1", "OPS"}}},
		{[]Place{{"1", "OPSY"}}, []Place{{"1", ""}}},
	} {
		c := &Call{Tool: "confluence", Resources: []Resource{{Type: "page", ID: "9", Version: "3", Path: tt.in}}}
		before := append([]Place{}, tt.in...)
		want := &Call{Tool: "confluence", Resources: []Resource{{Type: "page", ID: "9", Version: "3", Path: tt.want}}}
		if diff := cmp.Diff(want, p.Minimal(c)); diff != "" {
			t.Errorf("%v: %s", tt.in, diff)
		}
		if diff := cmp.Diff(before, c.Resources[0].Path); diff != "" {
			t.Error("Minimal changes its argument:", diff)
		}
	}
}

func TestScopeHashDependsOnAll(t *testing.T) {
	base := func() Scope {
		return Scope{Actions: []string{"a"}, Limits: map[string]int{"pages": 1}, Resources: []Bound{{Name{"jira", "project", "ENG"}, "s", "1"}}}
	}
	seen := map[seal.Hash]string{}
	for name, change := range map[string]func(*Scope){
		"same":     func(*Scope) {},
		"action":   func(s *Scope) { s.Actions[0] = "b" },
		"limit":    func(s *Scope) { s.Limits["pages"] = 2 },
		"id":       func(s *Scope) { s.Resources[0].ID = "2" },
		"site":     func(s *Scope) { s.Resources[0].Site = "t" },
		"resource": func(s *Scope) { s.Resources[0].Name.Name = "OPS" },
		"none":     func(s *Scope) { s.Resources = []Bound{} },
	} {
		s := base()
		change(&s)
		h, err := s.Hash()
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[h]; ok {
			t.Errorf("%s and %s have one scope hash", name, other)
		}
		seen[h] = name
	}
}

func TestCanEver(t *testing.T) {
	for _, tt := range []struct {
		name, src string
		action    Action
		want      bool
	}{
		{"no spaces", `{"wpc_version":"v1","actions":{"read":{"allowed":true}}}`, Action{"confluence", "page.get", Read}, false},
		{"search", `{"wpc_version":"v1","resources":{"spaces_allowlist":["ENG"]},"actions":{"search":{"allowed":true,"query_filters_required":["space"]}}}`, Action{"confluence", "page.search", Search}, true},
		{"gated", `{"wpc_version":"v1","resources":{"spaces_allowlist":["ENG"]},"actions":{"write":{"approval_gate":"required"}}}`, Action{"confluence", "page.update", Write}, true},
		{"not included", `{"wpc_version":"v1","resources":{"spaces_allowlist":["ENG"]},"actions":{"read":{"allowed":true,"include":["versions"]}}}`, Action{"confluence", "page.comments", Read}, false},
		{"included", `{"wpc_version":"v1","resources":{"spaces_allowlist":["ENG"]},"actions":{"read":{"approval_gate":"required","include":["comments"]}}}`, Action{"confluence", "page.comments", Read}, true},
		{"not listed", `{"wpc_version":"v1","allow":{"projects":["ENG"],"operations":["issue.get"]}}`, Action{"jira", "issue.create", Write}, false},
		{"no project", `{"wpc_version":"v1","allow":{"operations":["issue.get"]}}`, Action{"jira", "issue.get", Read}, false},
		{"denied", `{"wpc_version":"v1","allow":{"projects":["ENG"],"operations":["*"]},"deny":{"operations":["issue.*"]}}`, Action{"jira", "issue.get", Read}, false},
		{"own tool", `{"wpc_version":"v1","tool_policy":{"allow":["read"]}}`, Action{"files", "open", Read}, true},
		{"own tool unlisted", `{"wpc_version":"v1"}`, Action{"files", "open", Read}, false},
		{"model", `{"wpc_version":"v1","model_route":{}}`, Action{"model", "", Model}, true},
		{"no model", `{"wpc_version":"v1"}`, Action{"model", "", Model}, false},
	} {
		if got := parse(t, tt.src).CanEver(tt.action); got != tt.want {
			t.Errorf("%s: %t, want %t", tt.name, got, tt.want)
		}
	}
}

// seeds are the files of a name in the vectors.
func seeds(f *testing.F, file string) {
	f.Helper()
	paths, _ := filepath.Glob("../testdata/vectors/policy-*.txtar")
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		if b, ok := vectors.Files(a)[file]; ok {
			f.Add([]byte(strings.TrimSpace(string(b))))
		}
	}
}

func FuzzParse(f *testing.F) {
	seeds(f, "policy.json")
	examples, _ := filepath.Glob("../examples/policies/*.json")
	for _, path := range examples {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Parse(b)
		if err != nil {
			if p != nil {
				t.Fatal("a policy with an error")
			}
			return
		}
		c, err := seal.Canonical(b)
		if err != nil {
			t.Fatalf("parsed, and has no canonical form: %v", err)
		}
		q, err := Parse(c)
		if err != nil || q.Hash() != p.Hash() || q.Hash() != seal.Sum(c) {
			t.Fatalf("the canonical form reads as %v, %v, want %v", q, err, p.Hash())
		}
		if got := p.Decide(&Call{}, &Facts{}).Effect; got != Deny {
			t.Fatalf("the empty call: %v", got)
		}
	})
}

func FuzzParseBinding(f *testing.F) {
	seeds(f, "binding.json")
	p, err := Parse([]byte(`{"wpc_version":"v1","allow":{"projects":["ENG"]}}`))
	if err != nil {
		f.Fatal(err)
	}
	through, err := Parse([]byte(throughServers))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		parsed, err := ParseBinding(b)
		if err != nil {
			return
		}
		if _, err := p.Bind(parsed); err != nil && !errors.Is(err, ErrBinding) {
			t.Fatal(err)
		}
		pinning := &Binding{Policy: through.Hash(), Servers: parsed.Servers}
		bound, err := through.Bind(pinning)
		if (err == nil) != (through.CheckServers(parsed.Servers) == nil) {
			t.Fatal(err)
		}
		for _, s := range parsed.Servers {
			for _, tool := range s.Tools {
				if err == nil && !bound.Pinned(s.Identity, tool.Definition) {
					t.Fatalf("%s of %s is bound, and not pinned", tool.Name, s.Name)
				}
			}
		}
	})
}
