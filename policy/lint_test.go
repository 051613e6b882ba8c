// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"

	"github.com/clawea/clawea/internal/vectors"
)

// brief says findings as "LINE:COLUMN POINTER CODE", one to a line.
func brief(found []Finding) string {
	out := ""
	for _, f := range found {
		out += fmt.Sprintf("%d:%d %s %s\n", f.Line, f.Column, f.Pointer, f.Code)
	}
	return out
}

func TestLintFindsEveryMistake(t *testing.T) {
	src := `{
  "wpc_version": "v3",
  "purpose": "",
  "purpose": "again",
  "polcy_name": "x",
  "max_ttl_seconds": 5,
  "tool": "Jira",
  "actions": {
    "read": {"alowed": true, "max_pages_per_job": "fifty"},
    "search": {"allowed": 1, "max_pages_per_job": 5},
    "write": {"approval_gate": "requird", "max_writes_per_job": 1.5},
    "x": {"allowed": true}
  },
  "connection_mode": ["official_api", 7, null, "mcp"],
  "resources": {"page_prefix_allowlist": ["ENG/Run"]},
  "change_record": {"system": "s"},
  "break_glass": {"reason": "r", "expires_at": "tomorrow"},
  "approvals": [
    {"when": "tol == 'x'", "require": "human_approval"},
    {"when": "content.size()", "require": "human"},
    7
  ],
  "runtime": {"max_ttl_seconds": 1e400, "require_cst": null}
}`
	want := `2:18 /wpc_version value
3:14 /purpose empty
4:3 /purpose duplicate-field
5:3 /polcy_name unknown-field
6:3 /max_ttl_seconds unknown-field
7:11 /tool/0 value
9:14 /actions/read/alowed unknown-field
9:51 /actions/read/max_pages_per_job type
10:27 /actions/search/allowed type
10:51 /actions/search/max_pages_per_job value
11:32 /actions/write/approval_gate value
11:65 /actions/write/max_writes_per_job type
12:5 /actions/x unknown-field
14:39 /connection_mode/1 type
14:42 /connection_mode/2 empty
14:48 /connection_mode/3 value
15:43 /resources/page_prefix_allowlist/0 value
16:20 /change_record/id missing
17:48 /break_glass/expires_at value
19:14 /approvals/0/when condition
20:14 /approvals/1/when condition
20:43 /approvals/1/require value
21:5 /approvals/2 type
23:34 /runtime/max_ttl_seconds value
23:56 /runtime/require_cst empty
`
	if diff := cmp.Diff(want, brief(Lint([]byte(src), time.Time{}))); diff != "" {
		t.Error(diff)
	}
}

func TestLintMends(t *testing.T) {
	for _, tt := range []struct{ src, says, mends string }{
		{`{"wpc_version": "v1", "policyname": "v1"}`, `there is no field "policyname" here`, `did you mean "policy_name"?`},
		{`{"wpc_version": "v1", "Tool": "jira"}`, `there is no field "Tool" here`, `did you mean "tool"?`},
		{`{"wpc_version": "v1", "require_scope_hash": true}`, "", "it belongs under /token_requirements"},
		{`{"wpc_version": "v1", "receipts": true}`, "", "leave it out; the fields here are: wpc_version"},
		{`{"wpc_version": "v1", "actions": {"read": {"include": ["version"]}}}`, `"version" is not one of: versions, comments`, `did you mean "versions"?`},
		{`{"wpc_version": "v1", "actions": {"read": {"include": ["comments", "comments"]}}}`, `"comments" is there twice`, "want reads of Confluence"},
		{`{"wpc_version": "v1", "actions": {"write": {"include": ["comments"]}}}`, "this belongs under /actions/read", "want reads of Confluence"},
		{`{"wpc_version": "v1", "actions": {"read": {"wpc_version": true}}}`, "", "it belongs under the WPC itself"},
		{`{"wpc_version": "v1", "actions": {"read": {"` + strings.Repeat("x", 70) + `": true}}}`, "", "leave it out"},
		{`{"wpc_version": "v1", "sandbox_expectations": {"workspace_access": "or"}}`, `"or" is not one of: none, ro, rw`, "did you mean \"ro\"?"},
		{`{"wpc_version": "v1", "sandbox_expectations": {"workspace_access": "full"}}`, "", "want one of: none, ro, rw"},
		{`{"wpc_version": "v1", "tool": {}}`, "an object does not belong here", "want a text or a list: the only tools that may be called"},
		{`{"wpc_version": "v1", "tool": [[]]}`, "a list does not belong here", "want a text: the only tools that may be called"},
		{`{"wpc_version": "v1", "tool": [""]}`, "an empty text means nothing", "say the only tools that may be called, or leave it out"},
		{`{"wpc_version": "v1", "approvals": [{"when": "clas == 'write'", "require": "human_approval"}]}`, "undeclared reference to 'clas'", `did you mean "class"?`},
		{`{"wpc_version": "v1", "approvals": [{"when": "weather == 'bad'", "require": "human_approval"}]}`, "line 1, character 1", "conditions are CEL over"},
		{`{"wpc_version": "v1", "approvals": [{"when": "tool ==", "require": "human_approval"}]}`, "the condition is wrong in its line 1", "conditions are CEL over"},
		{`{"wpc_version": "v1", "approvals": [{"when": "1", "require": "human_approval"}]}`, "its type is int, want bool", "write it so that it comes to true or false"},
		{`{"wpc_version": "v1", "resources": {"spaces_allowlist": ["no space"]}}`, `"no space" is not a space key`, "want the only spaces, by key"},
		{`{"wpc_version": "v1", "runtime": {"max_ttl_seconds": 9007199254740993}}`, "too large to have one form", "want the longest life"},
	} {
		found := Lint([]byte(tt.src), time.Time{})
		if len(found) == 0 || !strings.Contains(found[0].Says, tt.says) || !strings.Contains(found[0].Mends, tt.mends) || !found[0].Refuses() {
			t.Errorf("%s: %+v\nwant %q, mended by %q", tt.src, found, tt.says, tt.mends)
		}
	}
}

// TestLintOfWhatIsNoWPC says: what is not JSON is found where it is, together
// with what is before it.
func TestLintOfWhatIsNoWPC(t *testing.T) {
	for src, want := range map[string]string{
		"":                             "1:1  json\n",
		"7":                            "1:1  type\n",
		"[]":                           "1:1  type\n",
		"null":                         "1:1  empty\n",
		"{":                            "1:2  json\n",
		"{\n 1}":                       "2:2  json\n",
		"}":                            "1:1  json\n",
		`{"wpc_version": "v1"} {}`:     "1:23  json\n",
		`{"wpc_version": "v1"} x`:      "1:23  json\n",
		`{"wpc_version": "v1",`:        "1:22  json\n",
		`{"wpc_version": tru`:          "1:17 /wpc_version type\n1:20 /wpc_version json\n",
		`{"wpc_version": "v1", "x`:     "1:25  json\n",
		`{"bogus": 1, "tool": [1`:      "1:2 /bogus unknown-field\n1:23 /tool/0 type\n1:24 /tool json\n",
		`{"tool": ["jira" "x"]}`:       "1:18 /tool json\n",
		`{"tool": ["a\xff"]}`:          "1:13 /tool/0 json\n",
		`{"tool" ["jira"]}`:            "1:9 /tool json\n",
		`{"approvals": [{} {}]}`:       "1:16 /approvals/0/when missing\n1:16 /approvals/0/require missing\n1:19 /approvals json\n",
		`{"tool": ["jira", }`:          "1:17 /tool json\n",
		`{"x": [}`:                     "1:2 /x unknown-field\n1:8 /x/0 json\n",
		`{"purpose": "a` + "\x01\"}":   "1:15 /purpose json\n",
		`{"purpose": "` + "\xff" + `"`: "1:14 /purpose json\n",
	} {
		if diff := cmp.Diff(want, brief(Lint([]byte(src), time.Time{}))); diff != "" {
			t.Errorf("%q:\n%s", src, diff)
		}
	}
	long := `{"wpc_version":"v1","purpose":"` + strings.Repeat("x", MaxLength) + `"}`
	if diff := cmp.Diff("1:1  json\n", brief(Lint([]byte(long), time.Time{}))); diff != "" {
		t.Error(diff)
	}
	many := `{"tool": [` + strings.Repeat("7,", 1000) + `7]}`
	if got := len(Lint([]byte(many), time.Time{})); got != maxFindings {
		t.Errorf("%d findings, want %d", got, maxFindings)
	}
}

// riskless is a policy that Lint has nothing to say about.
const riskless = `{
  "wpc_version": "v1",
  "policy_name": "n",
  "purpose": "p",
  "change_record": {"id": "CHG1"},
  "runtime": {"max_ttl_seconds": 900},
  "resources": {"spaces_allowlist": ["ENG"], "page_prefix_allowlist": ["ENG/Runbooks/"]},
  "actions": {"read": {"allowed": true, "max_pages_per_job": 5}}
}`

func TestLintRisks(t *testing.T) {
	if found := Lint([]byte(riskless), noon); len(found) > 0 {
		t.Fatalf("found in a policy that takes no risk:\n%s", brief(found))
	}
	base := `"wpc_version": "v1", "policy_name": "n", "purpose": "p", "change_record": {"id": "CHG1"}, "runtime": {"max_ttl_seconds": 900}`
	confluence := `"resources": {"page_prefix_allowlist": ["ENG/Runbooks/"]}`
	reading := `"read": {"allowed": true, "max_pages_per_job": 5}`
	models := `"model_route": {"allowed": ["alpha"]}`
	found := map[string]bool{}
	for _, tt := range []struct{ body, want string }{
		{`"wpc_version": "v1", ` + models, " change-missing,  name-missing,  purpose-missing,  ttl-missing"},
		{base, " nothing-permitted"},
		{base + `, "allow": {"projects": [], "operations": ["issue.get"]}`, " nothing-permitted"},
		{base + `, ` + models + `, "resources": {"spaces_allowlist": ["ENG", "OPS"]}`, "/resources/spaces_allowlist space-whole"},
		{base + `, ` + models + `, "resources": {"spaces_allowlist": ["ENG", "OPS"], "page_prefix_allowlist": ["ENG/"]}`, "/resources/spaces_allowlist/1 space-idle"},
		{base + `, ` + models + `, "approvals": {"required_for": ["write"], "status": "can be implemented"}`, "/approvals/status status-doubtful"},
		{base + `, ` + models + `, "approvals": {"required_for": ["write"], "status": "in force since 2026"}`, ""},
		{base + `, ` + models + `, "approvers": [{"groups": ["a"]}]`, "/approvers/0 approvers-idle"},
		{base + `, ` + models + `, "approvers": [{"for": [], "groups": []}]`, "/approvers/0/for approvers-idle, /approvers/0/groups approvers-nobody"},
		{base + `, ` + models + `, "approvals": {"required_for": ["mail.send", "repo.p*"]}, "approvers": [{"for": ["mail.send", "mail.draft", "mail.*", "repo.push", "repo.read", "*.read", "external", "write"], "required": 2}, {"holds": "30m"}]`,
			"/approvers/0/for/1 approvers-idle, /approvers/0/for/4 approvers-idle"},
		{base + `, ` + models + `, "approvals": {"required_for": ["external"]}, "approvers": [{"for": ["mail.send"]}]`, ""},
		{base + `, ` + models + `, "approvals": {"required_for": ["write"]}, "approvers": [{"for": ["admin"]}, {"for": ["mail.send", "write"]}]`, "/approvers/0/for/0 approvers-idle"},
		{base + `, ` + models + `, "approvals": [{"when": "class == 'write'", "require": "human_approval"}], "approvers": [{"for": ["admin"]}]`, ""},
		{base + `, ` + confluence + `, "actions": {` + reading + `, "write": {"approval_gate": "required", "max_writes_per_job": 3}}, "approvers": [{"for": ["write", "admin", "confluence.page.update", "mail.send", "jira"]}]`,
			"/approvers/0/for/1 approvers-idle, /approvers/0/for/3 approvers-idle"},
		{base + `, ` + models + `, "constraints": {"approvals": {"status": "TODO"}}`, "/constraints/approvals/status status-doubtful"},
		{base + `, ` + models + `, "auth": {"least_privilege_scopes": false}`, "/auth/least_privilege_scopes false-idle"},
		{base + `, ` + models + `, "break_glass": {"reason": "r", "expires_at": "2026-03-02T12:00:00Z"}`, "/break_glass/expires_at emergency-over"},
		{base + `, ` + models + `, "break_glass": {"reason": "r", "expires_at": "2026-03-03T12:00:01Z"}`, "/break_glass/expires_at emergency-long"},
		{base + `, ` + models + `, "break_glass": {"reason": "r", "expires_at": "2026-03-03T12:00:00Z"}`, ""},
		{strings.Replace(base, "900", "7200", 1) + `, ` + models, "/runtime/max_ttl_seconds ttl-long"},
		{strings.Replace(base, "900", "3600", 1) + `, ` + models, ""},
		{strings.Replace(base, "900", "900, \"cst_bearer_allowed\": true", 1) + `, ` + models, "/runtime/cst_bearer_allowed bearer-allowed"},
		{strings.Replace(base, "900", "900, \"cst_bearer_allowed\": false", 1) + `, ` + models, ""},
		{strings.Replace(base, "900", "900, \"require_cst\": false", 1) + `, ` + models, "/runtime/require_cst false-idle"},
		{strings.Replace(base, `"runtime": {"max_ttl_seconds": 900}`, `"token_requirements": {"cst_ttl_seconds_max": 86400}`, 1) + `, ` + models, "/token_requirements/cst_ttl_seconds_max ttl-long"},
		{base + `, ` + confluence + `, "actions": {` + reading + `, "write": {"allowed": true, "max_writes_per_job": 3}, "admin": {"allowed": true}}`,
			"/actions/admin/allowed admin-ungated, /actions/write/allowed write-ungated"},
		{base + `, ` + confluence + `, "actions": {` + reading + `, "write": {"allowed": true, "approval_gate": "required", "max_writes_per_job": 3}, "admin": {"allowed": false}}`, ""},
		{base + `, ` + confluence + `, "actions": {` + reading + `, "write": {"allowed": true, "max_writes_per_job": 3}}, "approvals": {"required_for": ["write"]}`, ""},
		{base + `, ` + confluence + `, "actions": {` + reading + `, "write": {"allowed": true, "max_writes_per_job": 3}}, "approvals": {"required_for": ["admin"]}`, "/actions/write/allowed write-ungated"},
		{base + `, ` + confluence + `, "actions": {` + reading + `, "write": {"allowed": true, "max_writes_per_job": 3}}, "approvals": [{"when": "class == 'write'", "require": "human_approval"}]`, ""},
		{base + `, ` + confluence + `, "actions": {` + reading + `, "write": {"allowed": true, "max_writes_per_job": 3}}, "auth": {"credential_separation": {"write_credential": "separate_and_disabled_by_default"}}`, ""},
		{base + `, ` + confluence + `, "actions": {` + reading + `, "write": {"approval_gate": "required"}}`, "/actions/write writes-unbounded"},
		{base + `, ` + confluence + `, "actions": {"read": {"allowed": true}}`, "/actions/read pages-unbounded"},
		{base + `, ` + confluence + `, "actions": {"search": {"allowed": true, "query_filters_required": ["space"]}}`, "/actions/read pages-unbounded"},
		{base + `, ` + confluence + `, "actions": {` + reading + `, "search": {"allowed": true}}`, "/actions/search search-unbounded"},
		{base + `, "allow": {"projects": ["ENG"], "operations": ["issue.search"]}, "actions": {` + reading + `, "search": {"allowed": true, "query_filters_required": ["space"]}}`, "/actions/search search-unbounded"},
		{base + `, "allow": {"projects": ["ENG"], "operations": ["issue.create", "issue.get"]}`, "/allow/operations/0 fields-missing, /allow/operations/0 write-ungated"},
		{base + `, "allow": {"projects": ["ENG"], "operations": ["jira.issue.comment.create"]}, "approvals": {"required_for": ["jira.issue.comment.*"]}`, ""},
		{base + `, "allow": {"projects": ["ENG"], "operations": ["project.admin"]}`, "/allow/operations/0 admin-ungated"},
		{base + `, "tool_policy": {"allow": ["read", "write"]}`, "/tool_policy/allow/1 write-ungated"},
		{base + `, "tool_policy": {"allow": ["*", "repo.**"]}`, "/tool_policy/allow/0 star-allowed, /tool_policy/allow/1 glob-allowed"},
		{base + `, "constraints": {"tool_policy": {"allow": ["**"]}}`, "/constraints/tool_policy/allow/0 star-allowed"},
		{base + `, "allow": {"projects": ["ENG"], "operations": ["issue.*"], "fields_write_allowlist": ["summary"]}`, "/allow/operations/0 glob-allowed"},
		{base + `, "model_route": {"require_clawproxy": true}`, "/model_route routes-open"},
		{base + `, "constraints": {"model_calls": {"route_via": "clawproxy"}}`, "/constraints/model_calls routes-open"},
		{base + `, ` + models + `, "constraints": {"model_calls": {"route_via": "clawproxy"}}`, ""},
		{base + `, "model_route": {"allowed": []}`, "/model_route/allowed models-none"},
		{base + `, "model_route": {"allowed": ["alpha"], "tools_allowlist": ["shell", "mcp__*", "look.up"], "tools_denylist": ["shell", "mcp__*__delete", "look"]}`,
			"/model_route/tools_allowlist/0 allow-covered, /model_route/tools_allowlist/1 glob-allowed"},
		{base + `, "model_route": {"allowed": ["alpha"], "tools_allowlist": ["*"], "tools_denylist": ["**"]}`,
			"/model_route/tools_allowlist/0 allow-covered, /model_route/tools_allowlist/0 star-allowed"},
		{base + `, "model_route": {"allowed": ["alpha"], "tools_allowlist": [], "max_output_tokens": 9, "max_tokens_per_job": 9, "max_cost_per_job": 0.5}`, ""},
		{base + `, "model_route": {"allowed": ["alpha"], "max_output_tokens": 10, "max_tokens_per_job": 9}`, "/model_route/max_output_tokens output-above-job"},
		{base + `, "model_route": {"allowed": ["alpha"], "screening": {"mask": []}}`, "/model_route/screening screening-idle"},
		{base + `, "model_route": {"allowed": ["alpha"], "screening": {"block": ["aws-*", "private-key"], "mask": ["*-token", "aws-access-token", "private-key"]}}`,
			"/model_route/screening/mask/1 mask-idle, /model_route/screening/mask/2 mask-idle"},
		{base + `, ` + models + `, "constraints": {"sandbox": {"elevated_exec": "allow", "workspaceAccess": "rw"}}, "sandbox_expectations": {"workspace_access": "rw"}`,
			"/constraints/sandbox/elevated_exec elevated-allowed, /constraints/sandbox/workspaceAccess workspace-wide, /sandbox_expectations/workspace_access workspace-wide"},
		{base + `, "tool_policy": {"allow": ["repo.diff", "read"], "deny": ["repo"]}`, "/tool_policy/allow/0 allow-covered"},
		{base + `, "tool_policy": {"allow": ["repo.diff", "read"]}, "constraints": {"tool_policy": {"deny": ["*.diff", "read", "admin"]}}`, "/tool_policy/allow/0 allow-covered, /tool_policy/allow/1 allow-covered"},
		{base + `, "tool_policy": {"allow": ["repo", "read"], "deny": ["re*o", "repo.merge"]}`, ""},
		{base + `, "tool_policy": {"allow": ["repo"], "deny": ["rep*"]}`, "/tool_policy/allow/0 allow-covered"},
		{base + `, "tool_policy": {"allow": ["repo.diff", "mail.send", "read"]}, "deny": {"operations": ["diff", "mail.*"]}`, "/tool_policy/allow/0 allow-covered, /tool_policy/allow/1 allow-covered"},
		{base + `, "tool_policy": {"allow": ["read", "repo"]}, "deny": {"operations": ["*"]}`, "/tool_policy/allow/0 allow-covered, /tool_policy/allow/1 allow-covered"},
		{base + `, "allow": {"projects": ["ENG"], "operations": ["issue.get", "issue.search"]}, "deny": {"operations": ["*.get"]}, "tool_policy": {"deny": ["jira.issue.search"]}`,
			"/allow/operations/0 allow-covered, /allow/operations/1 allow-covered"},
		{base + `, "allow": {"projects": ["ENG"], "operations": ["issue.get"], "fields_write_allowlist": ["labels", "summary"]}, "deny": {"fields_write_denylist": ["Labels"]}`, "/allow/fields_write_allowlist/0 allow-covered"},
		{base + `, "allow": {"projects": ["ENG"], "operations": ["issue.get"], "fields_read_allowlist": ["labels"]}, "deny": {"fields_read_denylist": ["labels"]}`, "/allow/fields_read_allowlist/0 allow-covered"},
		{base + `, ` + models + `, "resources": {"page_prefix_allowlist": ["ENG/A/", "ENG/B/", "OPS/A/"], "page_prefix_denylist": ["ENG/A/B/", "OPS/"]}`, "/resources/page_prefix_allowlist/2 allow-covered"},
		{base + `, ` + models + `, "resources": {"page_prefix_allowlist": ["ENG/A/"], "spaces_denylist": ["ENG"]}`, "/resources/page_prefix_allowlist/0 allow-covered"},
		{base + `, ` + models + `, "resources": {"page_prefix_allowlist": ["ENG/A/"], "page_prefix_denylist": ["ENG/B/"], "spaces_denylist": ["OPS"]}`,
			"/resources/page_prefix_denylist/0 deny-idle, /resources/spaces_denylist/0 deny-idle"},
		{base + `, ` + models + `, "resources": {"spaces_allowlist": ["ENG"], "page_prefix_denylist": ["OPS/B/", "ENG/B/"]}`,
			"/resources/page_prefix_denylist/0 deny-idle, /resources/spaces_allowlist space-whole"},
		{base + `, ` + models + `, "deny": {"operations": ["write", "jira", "issue.delete", "issue.detele", "frobnicate", "issue.delet*"]}`,
			"/deny/operations/0 deny-idle, /deny/operations/1 deny-idle, /deny/operations/3 operation-unknown"},
		{base + `, "allow": {"projects": ["ENG"], "operations": ["read", "confluence.page.get", "isue.get"]}`,
			"/allow/operations/0 allow-idle, /allow/operations/1 allow-idle, /allow/operations/2 operation-unknown"},
		{base + `, ` + models + `, "deny": {"operations": ["page.delete", "comment.create", "jira.issue.update", "confluence.frobnicate", "repo.merge", "merge", "page.trash", "page.pub*"]}`,
			"/deny/operations/0 operation-unknown, /deny/operations/1 operation-unknown, /deny/operations/2 operation-unknown, /deny/operations/3 operation-unknown"},
		{base + `, "allow": {"projects": ["ENG"], "operations": ["issue.get", "jira.issue.comments", "page.get", "frobnicate"]}`,
			"/allow/operations/2 operation-unknown, /allow/operations/3 operation-unknown"},
		{base + `, "tool_policy": {"allow": ["confluence.page.get", "jira.issue.gett"], "deny": ["confluence.page.delete", "page.delete", "jira.*"]}, "approvals": {"required_for": ["jira.issue.link"]}`,
			"/approvals/required_for/0 operation-unknown, /tool_policy/allow/1 allow-covered, /tool_policy/allow/1 operation-unknown, /tool_policy/deny/0 operation-unknown"},
		{base + `, ` + confluence + `, "actions": {"read": {"allowed": true, "max_pages_per_job": 5, "include": ["comments", "versions"]}}`, ""},
		{base + `, ` + models + `, ` + confluence + `, "actions": {"read": {"allowed": false, "include": ["comments"]}}`, "/actions/read/include include-idle"},
		{base + `, ` + models + `, ` + confluence + `, "actions": {"read": {"allowed": false, "include": []}}`, ""},
		{base + `, ` + confluence + `, "actions": {"read": {"approval_gate": "required", "max_pages_per_job": 5, "include": ["comments"]}}`, ""},
		{base + `, ` + models + `, "actions": {"read": {"allowed": true, "max_pages_per_job": 5, "include": ["comments"]}}`, "/actions/read/include include-idle"},
		{base + `, ` + confluence + `, "tool": "jira", "allow": {"projects": ["ENG"], "operations": ["issue.get"]}, "actions": {"read": {"allowed": true, "max_pages_per_job": 5, "include": ["comments"]}}`,
			"/actions/read/include include-idle, /resources section-idle"},
		{base + `, ` + confluence + `, "actions": {"read": {"allowed": true, "max_pages_per_job": 5, "include": ["attachments", "versions"]}}, "deny": {"operations": ["page.version*", "page.attachments"]}`,
			"/actions/read/include/1 allow-covered"},
		{base + `, ` + confluence + `, "actions": {"read": {"allowed": true, "max_pages_per_job": 5, "include": ["versions"]}}, "tool_policy": {"allow": ["confluence.page.version", "confluence.attachment.get", "page.comments"]}`,
			"/tool_policy/allow/1 allow-idle"},
		{base + `, "tool": ["confluence"], ` + confluence + `, "actions": {` + reading + `}, "allow": {"projects": ["ENG"]}`, "/allow section-idle"},
		{base + `, "tool": "jira", ` + confluence + `, "allow": {"projects": ["ENG"], "operations": ["issue.get"]}`, "/resources section-idle"},
		{base + `, "egress": {"hosts_allowlist": ["api.example.com", "a.test:8443"], "hosts_denylist": ["api.example.com:80"]}`, "/egress/hosts_denylist/0 deny-idle"},
		{base + `, ` + models + `, "egress": {"hosts_allowlist": []}`, "/egress/hosts_allowlist hosts-none"},
		{base + `, ` + models + `, "egress": {"hosts_denylist": ["a.test"]}`, "/egress/hosts_allowlist hosts-none, /egress/hosts_denylist/0 deny-idle"},
		{base + `, "egress": {"hosts_allowlist": ["*.com", "*.co.uk:8443", "*.example.com", "*.a.co.uk"]}`,
			"/egress/hosts_allowlist/0 hosts-wide, /egress/hosts_allowlist/1 hosts-wide, /egress/hosts_allowlist/2 glob-allowed, /egress/hosts_allowlist/3 glob-allowed"},
		{base + `, "egress": {"hosts_allowlist": ["192.0.2.7", "[2001:db8::7]:80"]}`,
			"/egress/hosts_allowlist/0 host-address, /egress/hosts_allowlist/1 host-address, /egress/hosts_allowlist/1 host-plain"},
		{base + `, "egress": {"hosts_allowlist": ["a.b.test", "c.b.test:80", "b.test", "d.test"], "hosts_denylist": ["*.b.test:443", "d.test:80"]}`,
			"/egress/hosts_allowlist/0 allow-covered, /egress/hosts_allowlist/1 host-plain, /egress/hosts_denylist/1 deny-idle"},
		{base + `, "egress": {"hosts_allowlist": ["*.b.test", "*.d.test:80"], "hosts_denylist": ["*.b.test:443", "x.d.test"]}`,
			"/egress/hosts_allowlist/0 allow-covered, /egress/hosts_allowlist/0 glob-allowed, /egress/hosts_allowlist/1 glob-allowed, /egress/hosts_allowlist/1 host-plain"},
		{base + `, "egress": {"hosts_allowlist": ["*.a.b.test"], "hosts_denylist": ["*.b.test"]}`, "/egress/hosts_allowlist/0 allow-covered, /egress/hosts_allowlist/0 glob-allowed"},
		{base + `, "egress": {"hosts_allowlist": ["*.b.test"], "hosts_denylist": ["b.test"]}`, "/egress/hosts_allowlist/0 glob-allowed, /egress/hosts_denylist/0 deny-idle"},
		{base + `, "tool": "jira", "egress": {"hosts_allowlist": ["a.test"]}, "tool_policy": {"allow": ["read"]}, "constraints": {"tool_policy": {"allow": ["connect"]}}`,
			"/egress section-idle, /egress section-idle"},
		{base + `, ` + models + `, "approvals": [{"when": "true || tool == 'x'", "require": "human_approval"}]`, "/approvals/0/when condition-always"},
		{base + `, ` + models + `, "approvals": [{"when": "class == 'wriet' && content.contains('x')", "require": "human_approval"}]`, "/approvals/0/when condition-never"},
		{base + `, ` + models + `, "approvals": [{"when": "class in ['read','search','write','admin','model','connect'] && 1 < 2", "require": "human_approval"}]`, "/approvals/0/when condition-always"},
		{base + `, ` + models + `, "approvals": [{"when": "class == 'write'", "require": "human_approval"}, {"when": "job.count('issue.create') >= 5", "require": "human_approval"}]`, ""},
	} {
		var got []string
		for _, f := range Lint([]byte("{"+tt.body+"}"), noon) {
			got = append(got, f.Pointer+" "+f.Code)
			found[f.Code] = true
			if f.Refuses() || f.Says == "" || f.Mends == "" {
				t.Errorf("%s: %+v", tt.body, f)
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(tt.want, strings.Join(got, ", ")); diff != "" {
			t.Errorf("%s:\n%s", tt.body, diff)
		}
	}
	for _, k := range lintCodes() {
		if !k.refuses && !found[k.code] {
			t.Errorf("no case has %s", k.code)
		}
	}
}

// TestLintAgreesWithParse holds that Lint finds a mistake in exactly the WPCs of
// the vectors that Parse refuses.
func TestLintAgreesWithParse(t *testing.T) {
	paths, err := filepath.Glob("../testdata/vectors/policy-*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		agree(t, vectors.Files(a)["policy.json"])
	}
}

type failer interface {
	Helper()
	Errorf(string, ...any)
}

// agree holds Lint to Parse about one text.
func agree(t failer, src []byte) {
	t.Helper()
	_, err := Parse(src)
	found := Lint(src, noon)
	if refused := slices.ContainsFunc(found, Finding.Refuses); refused != (err != nil) {
		t.Errorf("%s: Parse says %v, and Lint finds\n%s", src, err, brief(found))
	}
	lines := strings.Split(string(src), "\n")
	for i, f := range found {
		if f.Line < 1 || f.Line > len(lines) || f.Column < 1 || f.Column > len(lines[f.Line-1])+1 {
			t.Errorf("%s: %+v is at no place of it", src, f)
		}
		if err != nil && !f.Refuses() {
			t.Errorf("%s: %+v is a risk of what does not parse", src, f)
		}
		if slices.Contains(found[:i], f) {
			t.Errorf("%s: %+v is said twice", src, f)
		}
	}
}

func TestLintDrawnPolicies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawDocument(t)
		agree(t, mustMarshal(t, p))
	})
}

func FuzzLint(f *testing.F) {
	f.Add([]byte(riskless))
	f.Add([]byte(allFields))
	for _, src := range []string{`{"wpc_version":"v1","tool":[1,null,{}]}`, `{"approvals":[{"when":"1","x":""}],"approvals":{}}`, `[{}`, `{"runtime":{"max_ttl_seconds":-0}}`} {
		f.Add([]byte(src))
	}
	f.Fuzz(func(t *testing.T, src []byte) { agree(t, src) })
}

// TestLintIsDocumented holds docs/lint.md to the table of codes.
func TestLintIsDocumented(t *testing.T) {
	var want string
	for _, k := range lintCodes() {
		kind := "risk"
		if k.refuses {
			kind = "mistake"
		}
		want += fmt.Sprintf("| `%s` | %s | %s |\n", k.code, kind, k.about)
	}
	if !strings.Contains(readText(t, "../docs/lint.md"), want) {
		t.Errorf("docs/lint.md does not have the table\n%s", want)
	}
}

func TestLintMendsNames(t *testing.T) {
	for name, want := range map[string]string{
		"page.delete": `did you mean "page.trash"?`, "comment.create": `did you mean "page.comment.create"?`, "jira.issue.update": `did you mean "jira.issue.edit"?`,
		"issue.link": `did you mean "issue.link.create"?`, "issue.comment": `did you mean "issue.comment.create"?`, "confluence.page.updat": `did you mean "confluence.page.update"?`,
		"jira.page.delete": "leave it out, or take a name", "page.tree.move": `did you mean "page.tree.copy"?`, "space.administration": "leave it out, or take a name",
	} {
		found := Lint([]byte(strings.Replace(riskless, `"actions"`, fmt.Sprintf(`"deny": {"operations": [%q]}, "actions"`, name), 1)), noon)
		if len(found) != 1 || found[0].Code != "operation-unknown" || !strings.HasPrefix(found[0].Mends, want) {
			t.Errorf("%s: %+v, want %q", name, found, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"kitten", "sitting", 3}, {"allowed", "alowed", 1}} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
