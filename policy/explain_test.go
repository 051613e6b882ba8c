// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/clawea/clawea/seal"
)

// allFields is a policy that sets every field of the language.
const allFields = `{
  "wpc_version": "v1", "policy_name": "all-fields", "purpose": "everything at once", "environment": "prod",
  "change_record": {"system": "servicenow", "id": "CHG0042", "url": "https://change.example/CHG0042"},
  "break_glass": {"reason": "cluster down", "expires_at": "2026-03-02T10:00:00Z"},
  "agent_runtime": {"attestation_required": true, "heartbeat_seconds": 30, "plugins_allowlist": ["ledger"], "skills_allowlist": ["triage"]},
  "tool": ["confluence", "jira"], "connection_mode": ["official_api", "mcp_server"],
  "resources": {
    "spaces_allowlist": ["ENG"], "page_prefix_allowlist": ["ENG/Run books/"], "page_labels_allowlist": ["published"],
    "spaces_denylist": ["HR"], "page_prefix_denylist": ["ENG/Run books/Secret/"]
  },
  "actions": {
    "read": {"allowed": true, "approval_gate": "none", "include": ["versions", "comments"], "max_pages_per_job": 50},
    "search": {"allowed": true, "approval_gate": "none", "query_filters_required": ["space", "project"]},
    "write": {"allowed": false, "approval_gate": "required", "max_writes_per_job": 7, "ticket_required": true},
    "admin": {"allowed": false, "approval_gate": "none", "ticket_required": true}
  },
  "auth": {"least_privilege_scopes": true, "credential_separation": {"read_credential": "required", "write_credential": "separate_and_disabled_by_default"}},
  "attestation": {"require_gateway_receipts": true, "require_proof_bundle_on_write": true},
  "allow": {
    "projects": ["SEC"], "issue_types": ["Sub task"], "operations": ["issue.get"],
    "fields_write_allowlist": ["summary"], "fields_read_allowlist": ["labels"]
  },
  "deny": {"operations": ["issue.delete"], "fields_write_denylist": ["duedate"], "fields_read_denylist": ["assignee"]},
  "runtime": {"require_cst": true, "cst_policy_hash_pin": true, "cst_bearer_allowed": true, "max_ttl_seconds": 901},
  "tool_policy": {"allow": ["read", "search", "write"], "deny": ["exec"]},
  "sandbox_expectations": {"tools_run_in_sandbox": true, "workspace_access": "ro"},
  "model_route": {
    "require_clawproxy": true, "allowed": ["alpha/small-*"], "tools_allowlist": ["mcp__jira__*"], "tools_denylist": ["*delete*"],
    "max_output_tokens": 4096, "max_tokens_per_job": 200001, "max_cost_per_job": 2.5,
    "screening": {"block": ["private-key"], "mask": ["*-token"]}
  },
  "egress": {"hosts_allowlist": ["*.example.com", "[2001:db8::7]:8443"], "hosts_denylist": ["old.example.com"]},
  "token_requirements": {"cst_ttl_seconds_max": 902, "require_scope_hash": true, "policy_hash_pinning": "optional"},
  "approvals": {"required_for": ["external_send"], "status": "in force"},
  "approvers": [{"for": ["external_send", "mail.*"], "groups": ["wiki-owners", "security"], "required": 2, "holds": "1h30m"}],
  "audit": {"require_gateway_receipts": true, "require_proof_bundle": true},
  "constraints": {
    "tool_policy": {"allow": ["jira.*"], "deny": ["shell"]},
    "sandbox": {"required": true, "workspaceAccess": "none", "elevated_exec": "deny"},
    "approvals": [{"when": "content.contains('SECURITY:')", "require": "human_approval"}],
    "model_calls": {"route_via": "clawproxy", "receipts_required": true}
  },
  "binding": {"cst_scope_hash_required": true, "optional_policy_hash_pinning": true}
}`

// eachValue calls f with every text, number, boolean and list of src, the texts
// of a list with the list's pointer.
func eachValue(t failer, src []byte, f func(at string, tok jsontext.Token)) {
	d := jsontext.NewDecoder(bytes.NewReader(src))
	for {
		tok, err := d.ReadToken()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Errorf("%v", err)
			return
		}
		at, name := string(d.StackPointer()), false
		if kind, n := d.StackIndex(d.StackDepth()); kind == '{' {
			name = n%2 == 1
		} else if kind == '[' && tok.Kind() != '[' {
			at = holderOf(at)
		}
		if !name && !strings.ContainsRune("{}[]", rune(tok.Kind())) {
			f(at, tok.Clone())
		}
	}
}

// explained holds that every field that src sets is spoken of, by its clause
// and with its value.
func explained(t failer, src []byte) {
	t.Helper()
	p, err := Parse(src)
	if err != nil {
		t.Errorf("%v", err)
		return
	}
	said := p.Explain()
	eachValue(t, src, func(at string, tok jsontext.Token) {
		if tok.Kind() == 'f' && !strings.HasSuffix(at, "/allowed") && at != bearerAt {
			return
		}
		i := slices.IndexFunc(said, func(s Sentence) bool { return slices.Contains(s.Clauses, at) })
		switch {
		case i < 0:
			t.Errorf("%s: nothing is said of %s", src, at)
		case strings.ContainsRune(`"0`, rune(tok.Kind())) && !strings.HasSuffix(at, "/approval_gate") && !strings.Contains(said[i].Says, strings.Trim(tok.String(), "0Z")):
			t.Errorf("%s: %s is %s; said is %q", src, at, tok.String(), said[i].Says)
		}
	})
	for _, s := range said {
		if !strings.HasSuffix(s.Says, ".") || strings.Contains(s.Says, "%!") || strings.ToUpper(s.Says[:1]) != s.Says[:1] {
			t.Errorf("%q is no sentence", s.Says)
		}
	}
	if diff := cmp.Diff(said, p.Explain()); diff != "" {
		t.Errorf("said otherwise the second time:\n%s", diff)
	}
}

func TestExplainSpeaksOfEveryField(t *testing.T) {
	explained(t, []byte(allFields))
	set := map[string]bool{}
	eachValue(t, []byte(allFields), func(at string, _ jsontext.Token) { set[at] = true })
	for _, at := range grammar().leaves("") {
		if !set[at] && at != approversAt && !strings.HasPrefix(at, "/approvals/") && !strings.HasPrefix(at, "/constraints/approvals/") {
			t.Errorf("allFields does not set %s", at)
		}
	}
	for path, src := range exampleTexts(t) {
		t.Run(filepath.Base(path), func(t *testing.T) { explained(t, src) })
	}
	t.Run("drawn", rapid.MakeCheck(func(t *rapid.T) { explained(t, mustMarshal(t, drawDocument(t))) }))
}

// leaves lists the pointers of what n can hold that holds nothing else.
func (n *node) leaves(at string) []string {
	var out []string
	for _, f := range n.fields {
		if f.misplaced {
			continue
		}
		if f.fields == nil {
			out = append(out, at+"/"+f.name)
		}
		out = append(out, f.leaves(at+"/"+f.name)...)
	}
	return out
}

func exampleTexts(t *testing.T) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("../examples/policies/*.json")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("../../shared/wpc/*.json")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, path := range append(paths, more...) {
		if !strings.HasSuffix(path, ".test.json") {
			out[path] = []byte(readText(t, path))
		}
	}
	if len(out) < 5 {
		t.Fatalf("%d examples, want five or more", len(out))
	}
	return out
}

func mustMarshal(t interface{ Fatal(...any) }, d document) []byte {
	b, err := seal.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestExplainReads(t *testing.T) {
	for src, want := range map[string][]string{
		`{"wpc_version": "v1"}`: {
			"This is a work policy contract of version v1.",
			"A token lives for at most 1h0m0s, since the policy says nothing else.",
			"Nothing may be done in Confluence.", "Nothing may be done in Jira.", "No model may be asked.",
			"What nothing here permits is denied.",
		},
		`{"wpc_version": "v1", "tool": "jira", "allow": {"projects": ["ENG", "SEC"], "operations": [], "issue_types": []}, "deny": {"operations": ["issue.delete"]}, "runtime": {"max_ttl_seconds": 1800}}`: {
			"This is a work policy contract of version v1.",
			"The only tools are jira.",
			"In Jira, agents may touch only the projects ENG and SEC.",
			"The list /allow/issue_types is empty.",
			"The list /allow/operations is empty.",
			"Denied for every tool, whatever else is said: issue.delete.",
			"A token lives for at most 1800 seconds (30m0s).",
			"Nothing may be done in Confluence.", "Nothing may be done in Jira.", "No model may be asked.",
			"What nothing here permits is denied.",
		},
		`{"wpc_version": "v1", "agent_runtime": {"plugins_allowlist": [], "skills_allowlist": ["runbooks"]}, "tool_policy": {"allow": ["exec"]}}`: {
			"This is a work policy contract of version v1.",
			"A token lives for at most 1h0m0s, since the policy says nothing else.",
			"Only these tools may be called, by name, tool or class: exec.",
			"Nothing may be called unless a signed attestation says that the agent's runtime has loaded no plugins.",
			"Nothing may be called unless a signed attestation says that the agent's runtime has loaded no skills but these, as they were when the policy was published: runbooks.",
			"Nothing may be done in Confluence.", "Nothing may be done in Jira.", "No model may be asked.",
			"What nothing here permits is denied.",
		},
		`{"wpc_version": "v1", "resources": {"page_prefix_allowlist": ["ENG/Runbooks/"]}, "actions": {"read": {"allowed": true, "max_pages_per_job": 50}, "write": {"allowed": false, "approval_gate": "required"}}, "runtime": {"max_ttl_seconds": 60}, "model_route": {}, "constraints": {"model_calls": {}, "sandbox": {"elevated_exec": "allow", "workspaceAccess": "rw"}}, "auth": {"credential_separation": {"write_credential": "separate"}}}`: {
			"This is a work policy contract of version v1.",
			`In Confluence, agents may touch only pages under "ENG/Runbooks/".`,
			"Agents may read.", "A job may read or find at most 50 pages.",
			"Agents may write only with a person's yes to each call.",
			"Nothing is said of searching and administering, so it is denied.",
			"Reading and writing are done with credentials of their own.",
			"Writing needs the credential for writing (separate).",
			"A token lives for at most 60 seconds (1m0s).",
			"Tools may read and write the workspace (rw).",
			"Elevated execution is nobody's concern (allow).",
			"Every model route of the house may be used.",
			"Nothing may be done in Jira.",
			"What nothing here permits is denied.",
		},
	} {
		var got []string
		for _, s := range parse(t, src).Explain() {
			got = append(got, s.Says)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", src, diff)
		}
	}
}

func TestExplainClause(t *testing.T) {
	p := parse(t, allFields)
	for clause, want := range map[string]string{
		"/actions/write/approval_gate":     "Agents may write only with a person's yes to each call.",
		"/actions/read":                    "Agents may read.",
		"/approvals":                       "A person must say yes to each call of these categories, tools or classes: external_send.",
		"/constraints/approvals/0":         "A person must say yes (human_approval) to each call for which this holds: content.contains('SECURITY:'); if it cannot be told whether it holds, the call is denied.",
		"/allow/projects/0":                "In Jira, agents may touch only the projects SEC.",
		"/auth/credential_separation/what": "Reading and writing are done with credentials of their own.",
		"/nowhere":                         "",
	} {
		got := ""
		if s := p.ExplainClause(clause); len(s) > 0 {
			got = s[0].Says
		}
		if got != want {
			t.Errorf("%s: %q, want %q", clause, got, want)
		}
	}
}

func ExamplePolicy_Explain() {
	p, err := Parse([]byte(`{
		"wpc_version": "v1",
		"model_route": {"allowed": ["alpha"]},
		"runtime": {"max_ttl_seconds": 600}
	}`))
	if err != nil {
		return
	}
	for _, s := range p.Explain() {
		fmt.Println(s.Says)
	}
	// Output:
	// This is a work policy contract of version v1.
	// A token lives for at most 600 seconds (10m0s).
	// The only model routes are alpha.
	// Nothing may be done in Confluence.
	// Nothing may be done in Jira.
	// What nothing here permits is denied.
}

func ExampleLint() {
	for _, f := range Lint([]byte("{\n  \"wpc_version\": \"v1\",\n  \"actoins\": {}\n}"), time.Time{}) {
		fmt.Printf("%d:%d: %s (%s)\n", f.Line, f.Column, f.Says, f.Mends)
	}
	// Output: 3:3: there is no field "actoins" here (did you mean "actions"?)
}
