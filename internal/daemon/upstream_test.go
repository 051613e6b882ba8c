// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/clawea/clawea/internal/npmtest"
	"github.com/clawea/clawea/internal/sandbox"
	"github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/seal"
)

func TestMain(m *testing.M) {
	sandbox.Enter() // upstream servers are started by this program
	if tool := os.Getenv("HOSTILE"); tool != "" {
		hostile(tool)
	}
	os.Exit(m.Run())
}

// theirs returns the configuration of the two servers that other people wrote, as
// npm has them.
func theirs(t *testing.T) string {
	t.Helper()
	node, err := filepath.EvalSymlinks(npmtest.Node(t))
	if err != nil {
		t.Fatal(err)
	}
	packages, err := filepath.Abs("../../test/mcp/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(packages); err != nil {
		npmtest.Absent(t, "the servers are not installed: npm ci --prefix test/mcp --ignore-scripts")
	}
	r := sandbox.Probe()
	without := []string{}
	for _, p := range r.Missing() {
		if !slices.Contains(strings.Fields(os.Getenv("CLAWEA_TEST_EXCEPT")), string(p)) {
			npmtest.Absent(t, "this machine cannot confine them: it lacks %s", p)
		}
		without = append(without, strconv.Quote(string(p)))
	}
	one := func(name, adapter, pkg string) string {
		return fmt.Sprintf(`{"name": %q, "adapter": %q, "command": [%q, %q], "readable": [%q, %q], "without": [%s]},`,
			name, adapter, node, filepath.Join(packages, "@aaronsb", pkg, "build", "index.js"), packages, filepath.Dir(node), strings.Join(without, ", "))
	}
	return `"upstreams": [` + one("jiramcp", "aaronsb-jira", "jira-cloud-mcp") + one("wikimcp", "aaronsb-confluence", "confluence-cloud-mcp") + `],`
}

// A verdict is what became of a call, as its agent sees it.
type verdict struct {
	Status  string
	Code    string
	Reasons json.RawMessage
}

// verdictOf calls a tool.
func verdictOf(t *testing.T, s *mcp.ClientSession, name, args string) (verdict, string) {
	t.Helper()
	res, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: name, Arguments: json.RawMessage(args)})
	if err != nil {
		t.Fatal(err)
	}
	var text []string
	for _, c := range res.Content {
		if x, ok := c.(*mcp.TextContent); ok {
			text = append(text, x.Text)
		}
	}
	body := strings.Join(text, "\n")
	if !res.IsError {
		return verdict{Status: "done"}, body
	}
	var v verdict
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return v, body
}

// policies are four ways to let an agent work on both systems. Each lets them be
// reached through other people's servers, too.
var servedPolicies = map[string]string{
	"wide": `{"wpc_version":"v1","connection_mode":["official_api","mcp_server"],
		"resources":{"spaces_allowlist":["ENG"]},
		"actions":{"read":{"allowed":true,"include":["comments"]},"search":{"allowed":true},"write":{"allowed":true}},
		"allow":{"projects":["ENG"],"operations":["*"],"fields_write_allowlist":["summary","status","issuelinks","labels","description","assignee"]}}`,
	"reads only": `{"wpc_version":"v1","connection_mode":["official_api","mcp_server"],
		"resources":{"spaces_allowlist":["ENG"]},
		"actions":{"read":{"allowed":true},"search":{"allowed":true}},
		"allow":{"projects":["ENG"],"operations":["issue.get","issue.search"]}}`,
	"asks": `{"wpc_version":"v1","connection_mode":["official_api","mcp_server"],
		"resources":{"spaces_allowlist":["ENG"]},
		"actions":{"read":{"allowed":true},"search":{"allowed":true},"write":{"allowed":true,"approval_gate":"required"}},
		"allow":{"projects":["ENG"],"operations":["*"],"fields_write_allowlist":["summary","status"],"fields_read_allowlist":["summary","status"]}}`,
	"elsewhere": `{"wpc_version":"v1","connection_mode":["official_api","mcp_server"],
		"resources":{"spaces_allowlist":["ENG"],"page_prefix_allowlist":["ENG/Elsewhere/"]},
		"actions":{"read":{"allowed":true},"search":{"allowed":true},"write":{"allowed":true}},
		"allow":{"projects":["OPS"],"operations":["*"],"fields_write_allowlist":["summary"]}}`,
}

// TestServersOfOthers runs the two servers from npm in their sandboxes against the
// simulated site. What an agent asks of them is decided as if it had asked the
// house's own tools.
func TestServersOfOthers(t *testing.T) {
	w := newWorld(t, "sqlite:clawea.db")
	w.more = theirs(t)
	w.site.AddProject("OPS", "Operations")
	w.site.AddPage(atlassian.PageSeed{Space: "ENG", Title: "Elsewhere", Body: "<p>Other things.</p>"})
	w.site.AddIssue(atlassian.IssueSeed{Project: "ENG", Summary: "The lift is stuck"})
	w.site.AddIssue(atlassian.IssueSeed{Project: "OPS", Summary: "The secret of the cellar"})
	h := w.start()
	for name, wpc := range servedPolicies {
		t.Run(name, func(t *testing.T) {
			h := *h
			h.world = &world{}
			*h.world = *w
			h.t = t
			p, err := h.client.Publish(t.Context(), h.signed(wpc))
			if err != nil {
				t.Fatal(err)
			}
			h.alike(p.Hash)
		})
	}
}

// alike asks the same in both ways, in a job for each, and holds the answers
// to one another.
func (h *house) alike(p seal.Hash) {
	t := h.t
	const mine, other = "ENG-1", "OPS-1"
	_, name, _ := strings.Cut(t.Name(), "/")
	ours, served := h.agent(h.issue(p, name+"-ours").Token), h.agent(h.issue(p, name+"-theirs").Token)
	version := func(key string) string {
		_, body := verdictOf(t, ours, "jira_issue_get", fmt.Sprintf(`{"issue_key":%q}`, key))
		var r struct{ Issue struct{ Version string } }
		if json.Unmarshal([]byte(body), &r) != nil || r.Issue.Version == "" {
			return "0"
		}
		return r.Issue.Version
	}
	for _, x := range []struct{ what, tool, args, theirTool, theirArgs string }{
		{"read", "jira_issue_get", `{"issue_key":"MINE"}`, "jiramcp_manage_jira_issue", `{"operation":"get","issueKey":"MINE"}`},
		{"read another project", "jira_issue_get", `{"issue_key":"OTHER"}`, "jiramcp_manage_jira_issue", `{"operation":"get","issueKey":"OTHER"}`},
		{"search", "jira_issue_search", `{"jql":"text ~ \"lift\""}`, "jiramcp_manage_jira_filter", `{"operation":"execute_jql","jql":"text ~ \"lift\""}`},
		{"search beyond", "jira_issue_search", `{"jql":"project = OPS"}`, "jiramcp_manage_jira_filter", `{"operation":"execute_jql","jql":"project = OPS"}`},
		{"comment", "jira_issue_comment_create", `{"issue_key":"MINE","body":"I look at it."}`, "jiramcp_manage_jira_issue", `{"operation":"comment","issueKey":"MINE","comment":"I look at it."}`},
		{"comment elsewhere", "jira_issue_comment_create", `{"issue_key":"OTHER","body":"I look at it."}`, "jiramcp_manage_jira_issue", `{"operation":"comment","issueKey":"OTHER","comment":"I look at it."}`},
		{"create", "jira_issue_create", `{"project_key":"ENG","issue_type":"Task","fields":{"summary":"New"}}`, "jiramcp_manage_jira_issue", `{"operation":"create","projectKey":"ENG","issueType":"Task","summary":"New"}`},
		{"create elsewhere", "jira_issue_create", `{"project_key":"OPS","issue_type":"Task","fields":{"summary":"New"}}`, "jiramcp_manage_jira_issue", `{"operation":"create","projectKey":"OPS","issueType":"Task","summary":"New"}`},
		{"edit", "jira_issue_edit", `{"issue_key":"MINE","fields":{"summary":"It moves, POLICY"},"based_on":"VERSION","message":"as asked"}`, "jiramcp_manage_jira_issue", `{"operation":"update","issueKey":"MINE","summary":"It moves again, POLICY"}`},
		{"edit a field too many", "jira_issue_edit", `{"issue_key":"MINE","fields":{"duedate":"2030-01-01"},"based_on":"VERSION","message":"as asked"}`, "jiramcp_manage_jira_issue", `{"operation":"update","issueKey":"MINE","dueDate":"2030-01-02"}`},
		{"read a page", "confluence_page_get", `{"page_id":"PAGE"}`, "wikimcp_manage_confluence_page", `{"operation":"get","pageId":"PAGE"}`},
		{"read comments", "confluence_page_comments", `{"page_id":"PAGE"}`, "wikimcp_manage_confluence_page", `{"operation":"get_comments","pageId":"PAGE"}`},
		{"search pages", "confluence_page_search", `{"cql":"title ~ \"Failover\""}`, "wikimcp_search_confluence", `{"operation":"cql","cql":"title ~ \"Failover\""}`},
		{"label", "confluence_page_label_add", `{"page_id":"PAGE","label":"one"}`, "wikimcp_manage_confluence_page", `{"operation":"add_labels","pageId":"PAGE","labels":["two"]}`},
	} {
		fill := strings.NewReplacer("MINE", mine, "OTHER", other, "PAGE", h.world.page, "VERSION", version(mine), "POLICY", name)
		want, _ := verdictOf(t, ours, x.tool, fill.Replace(x.args))
		got, body := verdictOf(t, served, x.theirTool, fill.Replace(x.theirArgs))
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: through the server (+) not as by the house's own tool (-):\n%s\n%s", x.what, d, body)
		}
		if name != "elsewhere" && strings.Contains(body, "cellar") {
			t.Errorf("%s: the agent sees what is not for it:\n%s", x.what, body)
		}
	}
	h.verified(name+"-theirs", p)
}
