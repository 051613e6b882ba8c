// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package upstream_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/internal/jira"
	sim "github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/internal/sim/specs"
	"github.com/clawea/clawea/internal/upstream"
)

const jiraPolicy = `{
	"wpc_version": "v1", "tool": "jira", "connection_mode": ["official_api"],
	"allow": {
		"projects": ["ENG"],
		"operations": ["issue.search", "issue.get", "issue.comments", "issue.transitions", "issue.changelog", "issue.attachments", "issue.links",
			"issue.create", "issue.edit", "issue.assign", "issue.transition", "issue.link.create", "issue.comment.create"],
		"fields_write_allowlist": ["summary", "description", "labels", "priority", "status", "assignee", "issuelinks", "parent"]
	},
	"auth": {"credential_separation": {"read_credential": "required", "write_credential": "separate"}}
}`

// A jiraHouse is a simulated site, its connector, and a gate that decides by one
// policy and keeps no receipts.
type jiraHouse struct {
	npmHouse
	person string
}

func newJiraHouse(t *testing.T) *jiraHouse {
	t.Helper()
	index := installed(t, "@aaronsb/jira-cloud-mcp/build/index.js")
	h := &jiraHouse{npmHouse: npmHouse{t: t, site: sim.New(sim.Config{}), system: "jira", prefix: "jiramcp_"}}
	h.site.AddAccount(sim.Account{Email: "r@example.com", Token: "r", Name: "Reader", Scopes: sim.ReaderScopes()})
	h.site.AddAccount(sim.Account{Email: "w@example.com", Token: "w", Name: "Writer", Scopes: sim.WriterScopes()})
	h.person = h.site.AddAccount(sim.Account{Email: "ann@example.com", Token: "a", Name: "Ann Person"})
	h.site.AddProject("ENG", "Engineering")
	h.site.AddProject("SECRET", "Secret plans")
	h.site.AddIssue(sim.IssueSeed{Project: "ENG", Summary: "Pager is loud", Description: "At night."})
	h.site.AddIssue(sim.IssueSeed{Project: "ENG", Summary: "Disk is full"})
	h.site.AddIssue(sim.IssueSeed{Project: "SECRET", Summary: "Buy the pager company"})
	server := httptest.NewServer(h.site)
	t.Cleanup(server.Close)
	client := func(email, token, use string) *atlassian.Client {
		c, err := atlassian.New(atlassian.Config{
			BaseURL: server.URL, MaxBody: 1 << 20, Endpoints: atlassian.Endpoints(jira.Operations(), use), Log: slog.New(slog.DiscardHandler),
			Credential: func(context.Context) (atlassian.Credential, error) { return atlassian.Basic(email, token), nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := jira.New(jira.Config{Site: server.URL, Read: client("r@example.com", "r", atlassian.ForReading), Write: client("w@example.com", "w", atlassian.ForWriting)})
	h.policy = housetest.Resolved(t, jiraPolicy, c.Resolve)
	h.npm = &npmServer{t: t, index: index, host: "JIRA_HOST", env: []string{"JIRA_EMAIL=nobody@example.invalid", "JIRA_API_TOKEN=none"}}
	h.npm.inner = func(next http.Handler) http.Handler {
		if !specs.Present() {
			t.Log("no published specifications in ../shared/specs beside the repository: the server's requests are not checked against them")
			return next
		}
		checked := specs.Validator(t, next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/rest/api/3/field") { // which it asks for when it starts, before it stands for any call
				next.ServeHTTP(w, r)
				return
			}
			checked.ServeHTTP(w, r)
		})
	}
	a, err := upstream.Shipped("aaronsb-jira")
	if err != nil {
		t.Fatal(err)
	}
	h.set = &upstream.Set{Servers: []*upstream.Server{{
		Name: "jiramcp", Adapter: a, System: c, Site: server.URL, Dial: h.npm.dial, Timeout: time.Minute, Version: "test", Log: slog.New(slog.DiscardHandler),
	}}}
	if err := h.set.Check(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.set.Close() }) // it was killed
	return h
}

// TestAaronsbJira runs the server from npm: everything that its adapter maps.
func TestAaronsbJira(t *testing.T) {
	h := newJiraHouse(t)
	for _, test := range []struct{ name, tool, args, calls, has, hasnt, code string }{
		{"get", "manage_jira_issue", `{"operation":"get","issueKey":"ENG-1"}`, "issue.get", "At night.", "SECRET", ""},
		{"get more", "manage_jira_issue", `{"operation":"get","issueKey":"ENG-1","expand":["comments","transitions","attachments","history"]}`,
			"issue.get issue.attachments issue.changelog issue.transitions", "In Progress", "", ""},
		{"get elsewhere", "manage_jira_issue", `{"operation":"get","issueKey":"SECRET-1"}`, "", "", "", "denied"},
		{"search", "manage_jira_filter", `{"operation":"execute_jql","jql":"status = \"To Do\" ORDER BY key","maxResults":10}`, "issue.search", "ENG-2", "SECRET", ""},
		{"search for other fields", "manage_jira_filter", `{"operation":"execute_jql","jql":"watcher = currentUser()"}`, "", "", "", "bad_query"},
		{"attachments", "manage_jira_media", `{"operation":"list","issueKey":"ENG-1"}`, "issue.attachments", "ENG-1", "", ""},
		{"create", "manage_jira_issue", `{"operation":"create","projectKey":"ENG","issueType":"Task","summary":"Buy *milk*","description":"## Why\n\n- **thirst**","labels":["shop"]}`,
			"issue.create issue.get", "ENG-3", "", ""},
		{"create elsewhere", "manage_jira_issue", `{"operation":"create","projectKey":"SECRET","issueType":"Task","summary":"x"}`, "", "", "", "denied"},
		{"update", "manage_jira_issue", `{"operation":"update","issueKey":"ENG-1","summary":"Pager is quiet","priority":"High"}`, "issue.edit issue.get", "Pager is quiet", "", ""},
		{"update another field", "manage_jira_issue", `{"operation":"update","issueKey":"ENG-1","dueDate":"2026-05-01"}`, "", "", "", "denied"},
		{"assign", "manage_jira_issue", `{"operation":"update","issueKey":"ENG-1","assignee":"` + h.person + `"}`, "issue.assign issue.get", "Ann Person", "", ""},
		{"comment", "manage_jira_issue", `{"operation":"comment","issueKey":"ENG-1","comment":"It *was* loud."}`, "issue.comment.create issue.get", "was", "", ""},
		{"transition", "manage_jira_issue", `{"operation":"transition","issueKey":"ENG-1","transitionId":"11"}`, "issue.transition issue.get", "In Progress", "", ""},
		{"transition to nowhere", "manage_jira_issue", `{"operation":"transition","issueKey":"ENG-1","transitionId":"999"}`, "", "", "", "conflict"},
		{"link", "manage_jira_issue", `{"operation":"link","issueKey":"ENG-1","linkedIssueKey":"ENG-2","linkType":"blocks"}`, "issue.link.create issue.get issue.links", "ENG-2", "", ""},
		{"delete", "manage_jira_issue", `{"operation":"delete","issueKey":"ENG-1"}`, "", "", "", "unmapped"},
		{"queue", "queue_jira_operations", `{"operations":[{"tool":"manage_jira_issue","args":{"operation":"delete","issueKey":"ENG-1"}}]}`, "", "", "", "unmapped"},
	} {
		got, err := h.ask(test.tool, test.args)
		calls := strings.Join(h.calls, " ")
		if code(err) != test.code || !strings.Contains(got, test.has) || test.hasnt != "" && strings.Contains(got, test.hasnt) || calls != test.calls {
			t.Errorf("%s: %s\n%v, after %s", test.name, got, err, calls)
		}
	}
	h.holds()
}

// holds looks at what the calls have left in Jira.
func (h *jiraHouse) holds() {
	h.t.Helper()
	one, _ := h.site.Issue("ENG-1")
	if one.Summary != "Pager is quiet" || one.Status != "In Progress" || one.AssigneeID != h.person {
		h.t.Errorf("ENG-1 is %+v", one)
	}
	three, ok := h.site.Issue("ENG-3")
	if !ok || three.Summary != "Buy *milk*" || !strings.Contains(three.Description, "thirst") || strings.Contains(three.Description, "**") {
		h.t.Errorf("ENG-3 is %+v", three)
	}
	comments := h.site.Comments("ENG-1")
	if len(comments) != 1 || strings.Contains(comments[0].Body, "*") {
		h.t.Errorf("comments %+v", comments)
	}
	if _, there := h.site.Issue("ENG-4"); there {
		h.t.Error("there is an issue more than was made")
	}
	if n := len(one.Links); n != 1 {
		h.t.Errorf("ENG-1 has %d links", n)
	}
}
