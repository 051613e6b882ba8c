// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/jira"
)

// listed is a server's list of tools, as it is known.
type listed struct {
	Tools []struct {
		Name        string            `json:"name"`
		Params      map[string]string `json:"params"` // of a list that was read out of source text
		InputSchema struct {
			Properties map[string]struct {
				Enum []string `json:"enum"`
			} `json:"properties"`
		} `json:"inputSchema"`
	} `json:"tools"`
}

func readList(t *testing.T, file string) *listed {
	t.Helper()
	b, err := os.ReadFile("../../../shared/mcp-tools/" + file)
	if err != nil {
		t.Skipf("no list of tools: %v; put it into ../shared/mcp-tools beside the repository to run this test", err)
	}
	out := new(listed)
	if err := json.Unmarshal(b, out); err != nil {
		t.Fatal(err)
	}
	return out
}

// forgotten holds an adapter to the list of a server's tools: all of those with the
// prefix, every value of the argument that says what a tool does, and no argument
// that is not there.
func forgotten(t *testing.T, adapter, list, prefix string) {
	t.Helper()
	a, err := Shipped(adapter)
	if err != nil {
		t.Fatal(err)
	}
	for _, have := range readList(t, list).Tools {
		if !strings.HasPrefix(have.Name, prefix) {
			continue
		}
		tool := a.tool(have.Name)
		if tool == nil {
			t.Errorf("%s: %s is neither mapped nor denied", adapter, have.Name)
			continue
		}
		is, any := []string{}, tool.By == ""
		for i := range tool.Rows {
			r := &tool.Rows[i]
			is, any = append(is, r.Is...), any || len(r.Is) == 0
			for _, name := range append(slices.Clone(r.Needs), keys(r.known)...) {
				_, inSchema := have.InputSchema.Properties[name]
				_, inParams := have.Params[name]
				if !inSchema && !inParams {
					t.Errorf("%s: %s has no argument %q", adapter, have.Name, name)
				}
			}
		}
		for _, value := range have.InputSchema.Properties[tool.By].Enum {
			if !any && !slices.Contains(is, value) {
				t.Errorf("%s: %s %s is neither mapped nor denied", adapter, have.Name, value)
			}
		}
		for _, value := range is {
			if !slices.Contains(have.InputSchema.Properties[tool.By].Enum, value) {
				t.Errorf("%s: %s has no %s %q", adapter, have.Name, tool.By, value)
			}
		}
	}
}

func keys(m map[string]bool) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	return out
}

func TestNoToolOfJirasIsForgotten(t *testing.T) {
	forgotten(t, "aaronsb-jira", "aaronsb-jira-cloud-mcp-0.11.3.json", "")
	forgotten(t, "sooperset-jira", "sooperset-mcp-atlassian-436b37e-static.json", "jira_")
}

func TestJirasAdaptersHold(t *testing.T) {
	tools := jira.New(jira.Config{}).Tools()
	for _, name := range []string{"aaronsb-jira", "sooperset-jira", "rovo-jira"} {
		a, err := Shipped(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Hold(tools); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if a.System != "jira" || a.Hash().IsZero() {
			t.Errorf("%s is for %q", name, a.System)
		}
	}
}

// made is the action and the arguments that a call comes to, or its refusal.
func made(t *testing.T, adapter, tool, args string) string {
	t.Helper()
	a, err := Shipped(adapter)
	if err != nil {
		t.Fatal(err)
	}
	var given map[string]json.RawMessage
	if err := json.Unmarshal([]byte(args), &given); err != nil {
		t.Fatal(err)
	}
	r, err := a.Map(tool, given)
	if err != nil {
		return err.Error()
	}
	b, err := r.asked(given)
	if err == nil {
		b, err = r.template.complete(b, map[string]json.RawMessage{"version": json.RawMessage(`"V"`)})
	}
	if err != nil {
		return err.Error()
	}
	return r.Action + " " + string(b)
}

// adf is a text as a document.
func adf(text string) string {
	return `{"content":[{"content":[{"text":"` + text + `","type":"text"}],"type":"paragraph"}],"type":"doc","version":1}`
}

func TestJirasCalls(t *testing.T) {
	const issue, ours, sooper, rovo = "manage_jira_issue", `"message":"With manage_jira_issue of @aaronsb/jira-cloud-mcp"`, `sooperset/mcp-atlassian"`, `Atlassian's Rovo server"`
	for _, test := range []struct{ adapter, tool, args, want string }{
		{"aaronsb-jira", issue, `{"operation":"get","issueKey":"ENG-1"}`, `issue.get {"comments":0,"issue_key":"ENG-1"}`},
		{"aaronsb-jira", issue, `{"operation":"get","issueKey":"ENG-1","expand":["comments"]}`, `issue.get {"issue_key":"ENG-1"}`},
		{"aaronsb-jira", issue, `{"operation":"get","issueKey":"ENG-1","issue_key":"ENG-2"}`, `the argument "issue_key" is not mapped`},
		{"aaronsb-jira", issue, `{"operation":"update","issueKey":"ENG-1","summary":"S","description":"**D**","labels":["a"],"priority":"High","dueDate":null}`,
			`issue.edit {"based_on":"V","fields":{"description":{"content":[{"content":[{"marks":[{"type":"strong"}],"text":"D","type":"text"}],"type":"paragraph"}],"type":"doc","version":1},"duedate":null,"labels":["a"],"priority":{"name":"High"},"summary":"S"},"issue_key":"ENG-1",` + ours + `}`},
		{"aaronsb-jira", issue, `{"operation":"update","issueKey":"ENG-1","assignee":"u1"}`, `issue.assign {"account_id":"u1","based_on":"V","issue_key":"ENG-1",` + ours + `}`},
		{"aaronsb-jira", issue, `{"operation":"update","issueKey":"ENG-1","assignee":""}`, `issue.assign {"account_id":null,"based_on":"V","issue_key":"ENG-1",` + ours + `}`},
		{"aaronsb-jira", issue, `{"operation":"update","issueKey":"ENG-1","assignee":"u1","summary":"S"}`, `the argument "assignee" is not mapped`},
		{"aaronsb-jira", issue, `{"operation":"update","issueKey":"ENG-1","parent":"ENG-2"}`, `leave parent away`},
		{"aaronsb-jira", issue, `{"operation":"update","issueKey":"ENG-1","remainingEstimate":"1d"}`, `estimates are not written`},
		{"aaronsb-jira", issue, `{"operation":"update","issueKey":"ENG-1","customFields":{"Points":3,"environment":"*x*"}}`,
			`issue.edit {"based_on":"V","fields":{"Points":3,"environment":{"content":[{"content":[{"marks":[{"type":"em"}],"text":"x","type":"text"}],"type":"paragraph"}],"type":"doc","version":1}},"issue_key":"ENG-1",` + ours + `}`},
		{"aaronsb-jira", issue, `{"operation":"update","issueKey":"ENG-1","summary":"S","customFields":{"summary":"T"}}`, `"summary" has an argument of its own`},
		{"aaronsb-jira", issue, `{"operation":"update","issueKey":"ENG-1","customFields":{"summary":"T"}}`, `"summary" has an argument of its own`},
		{"aaronsb-jira", issue, `{"operation":"update","issueKey":"ENG-1","customFields":[1]}`, `must be an object of fields`},
		{"aaronsb-jira", issue, `{"operation":"create","projectKey":"ENG","issueType":"Task","summary":"S","description":"D","parent":"ENG-1","assignee":"u1"}`,
			`issue.create {"fields":{"assignee":{"accountId":"u1"},"description":` + adf("D") + `,"parent":{"key":"ENG-1"},"summary":"S"},"issue_type":"Task","project_key":"ENG"}`},
		{"aaronsb-jira", issue, `{"operation":"create","projectKey":"ENG","issueType":"Task","summary":"S","originalEstimate":"1d"}`, `estimates are not written`},
		{"aaronsb-jira", issue, `{"operation":"transition","issueKey":"ENG-1","transitionId":"31"}`, `issue.transition {"based_on":"V","issue_key":"ENG-1",` + ours + `,"transition_id":"31"}`},
		{"aaronsb-jira", issue, `{"operation":"transition","issueKey":"ENG-1","transitionId":"31","comment":"x"}`, `a comment is a call of its own`},
		{"aaronsb-jira", issue, `{"operation":"comment","issueKey":"ENG-1","comment":"x"}`, `issue.comment.create {"body":` + adf("x") + `,"issue_key":"ENG-1"}`},
		{"aaronsb-jira", issue, `{"operation":"comment","issueKey":"ENG-1","comment":{"type":"doc"}}`, `comment: must be a text`},
		{"aaronsb-jira", issue, `{"operation":"link","issueKey":"ENG-1","linkedIssueKey":"ENG-2","linkType":"blocks"}`, `issue.link.create {"issue_key":"ENG-1",` + ours + `,"other_key":"ENG-2","phrase":"blocks"}`},
		{"aaronsb-jira", issue, `{"operation":"delete","issueKey":"ENG-1"}`, `nothing takes it back`},
		{"aaronsb-jira", issue, `{"operation":"GET","issueKey":"ENG-1"}`, `"GET" is not mapped`},
		{"aaronsb-jira", issue, `{"issueKey":"ENG-1"}`, `is not mapped`},
		{"aaronsb-jira", issue, `{"operation":["get"],"issueKey":"ENG-1"}`, `must be one word`},
		{"aaronsb-jira", "manage_jira_filter", `{"operation":"execute_jql","jql":"status = Done","maxResults":"5","startAt":0}`, `issue.search {"jql":"status = Done","limit":5}`},
		{"aaronsb-jira", "manage_jira_filter", `{"operation":"execute_jql","jql":"a","filterId":"1"}`, `the argument "filterId" is not mapped`},
		{"aaronsb-jira", "manage_jira_filter", `{"operation":"execute_filter","filterId":"1"}`, `what a saved filter finds`},
		{"aaronsb-jira", "manage_jira_media", `{"operation":"list","issueKey":"ENG-1"}`, `issue.attachments {"issue_key":"ENG-1"}`},
		{"aaronsb-jira", "queue_jira_operations", `{"operations":[]}`, `one by one`},
		{"aaronsb-jira", "analyze_jira_issues", `{"jql":"a"}`, `counts`},
		{"aaronsb-jira", "manage_jira_gadget", `{}`, `is not mapped`},

		{"sooperset-jira", "jira_get_issue", `{"issue_key":"ENG-1","fields":"*all"}`, `issue.get {"comments":10,"issue_key":"ENG-1"}`},
		{"sooperset-jira", "jira_get_issue", `{"issue_key":"ENG-1","comment_limit":"3"}`, `issue.get {"comments":3,"issue_key":"ENG-1"}`},
		{"sooperset-jira", "jira_get_issue", `{"issue_key":"ENG-1","comment_limit":null}`, `must be a whole number`},
		{"sooperset-jira", "jira_get_issue", `{"issue_key":"ENG-1","include":"worklogs"}`, `"include" is not mapped`},
		{"sooperset-jira", "jira_search", `{"jql":"a","limit":5}`, `issue.search {"jql":"a","limit":5}`},
		{"sooperset-jira", "jira_search", `{"jql":"a","projects_filter":"X"}`, `"projects_filter" is not mapped`},
		{"sooperset-jira", "jira_create_issue", `{"project_key":"ENG","summary":"S","issue_type":"Bug","components":"a, b","assignee":"accountid:u1","additional_fields":"{\"priority\":{\"name\":\"High\"}}"}`,
			`issue.create {"fields":{"assignee":{"accountId":"u1"},"components":[{"name":"a"},{"name":"b"}],"priority":{"name":"High"},"summary":"S"},"issue_type":"Bug","project_key":"ENG"}`},
		{"sooperset-jira", "jira_create_issue", `{"project_key":"ENG","summary":"S","issue_type":"Bug","additional_fields":"{\"summary\":\"T\"}"}`, `"summary" has an argument of its own`},
		{"sooperset-jira", "jira_create_issue", `{"project_key":"ENG","summary":"S","issue_type":"Bug","additional_fields":"{\"a\":1,\"a\":2}"}`, `must be JSON`},
		{"sooperset-jira", "jira_update_issue", `{"issue_key":"ENG-1","fields":"{\"summary\":\"S\",\"description\":\"D\"}"}`,
			`issue.edit {"based_on":"V","fields":{"description":` + adf("D") + `,"summary":"S"},"issue_key":"ENG-1","message":"With jira_update_issue of ` + sooper + `}`},
		{"sooperset-jira", "jira_update_issue", `{"issue_key":"ENG-1","fields":{"summary":"S"},"additional_fields":{"a":1}}`, `give all fields in one`},
		{"sooperset-jira", "jira_update_issue", `{"issue_key":"ENG-1","fields":{"summary":"S"},"comment":"x"}`, `a comment is a call of its own`},
		{"sooperset-jira", "jira_assign_issue", `{"issue_key":"ENG-1","assignee":null}`, `issue.assign {"account_id":null,"based_on":"V","issue_key":"ENG-1","message":"With jira_assign_issue of ` + sooper + `}`},
		{"sooperset-jira", "jira_transition_issue", `{"issue_key":"ENG-1","transition_id":31}`, `issue.transition {"based_on":"V","issue_key":"ENG-1","message":"With jira_transition_issue of ` + sooper + `,"transition_id":"31"}`},
		{"sooperset-jira", "jira_add_comment", `{"issue_key":"ENG-1","body":"x","public":false}`, `leave public away`},
		{"sooperset-jira", "jira_create_issue_link", `{"link_type":"blocks","inward_issue_key":"ENG-1","outward_issue_key":"ENG-2"}`,
			`issue.link.create {"issue_key":"ENG-1","message":"With jira_create_issue_link of ` + sooper + `,"other_key":"ENG-2","phrase":"blocks"}`},
		{"sooperset-jira", "jira_delete_issue", `{"issue_key":"ENG-1"}`, `nothing takes it back`},

		{"rovo-jira", "getJiraIssue", `{"cloudId":"c","issueIdOrKey":"ENG-1","fields":["*all"]}`, `issue.get {"comments":0,"issue_key":"ENG-1"}`},
		{"rovo-jira", "getJiraIssue", `{"cloudId":"c","issueIdOrKey":"ENG-1","expand":"changelog"}`, `"expand" is not mapped`},
		{"rovo-jira", "searchJiraIssuesUsingJql", `{"cloudId":"c","jql":"a","nextPageToken":"x"}`, `"nextPageToken" is not mapped`},
		{"rovo-jira", "transitionJiraIssue", `{"cloudId":"c","issueIdOrKey":"ENG-1","transition":{"id":"31"}}`, `issue.transition {"based_on":"V","issue_key":"ENG-1","message":"With transitionJiraIssue of ` + rovo + `,"transition_id":"31"}`},
		{"rovo-jira", "transitionJiraIssue", `{"cloudId":"c","issueIdOrKey":"ENG-1","transition":{"id":"31","looped":true}}`, `an id and nothing else`},
		{"rovo-jira", "addCommentToJiraIssue", `{"cloudId":"c","issueIdOrKey":"ENG-1","commentBody":"x","contentFormat":"markdown"}`, `issue.comment.create {"body":` + adf("x") + `,"issue_key":"ENG-1"}`},
		{"rovo-jira", "addCommentToJiraIssue", `{"cloudId":"c","issueIdOrKey":"ENG-1","commentBody":"{}","contentFormat":"adf"}`, `texts are Markdown`},
		{"rovo-jira", "editJiraIssue", `{"cloudId":"c","issueIdOrKey":"ENG-1","fields":{"summary":"S"}}`, `issue.edit {"based_on":"V","fields":{"summary":"S"},"issue_key":"ENG-1","message":"With editJiraIssue of ` + rovo + `}`},
		{"rovo-jira", "createJiraIssue", `{"cloudId":"c","projectKey":"ENG","issueTypeName":"Task","summary":"S","additional_fields":{"labels":["a"]}}`,
			`issue.create {"fields":{"labels":["a"],"summary":"S"},"issue_type":"Task","project_key":"ENG"}`},
		{"rovo-jira", "fetch", `{"id":"ari:cloud:jira:x:issue/1"}`, `use getJiraIssue`},
	} {
		got := made(t, test.adapter, test.tool, test.args)
		if whole := strings.Contains(test.want, " {"); whole && got != test.want || !strings.Contains(got, test.want) {
			t.Errorf("%s %s %s\ngot  %s\nwant %s", test.adapter, test.tool, test.args, got, test.want)
		}
	}
}

// What a server that reaches Jira by itself says is held to what the house has read.
func TestJirasAnswersAreBounded(t *testing.T) {
	ids := map[string]bool{"10001": true, "ENG-1": true}
	readable := []string{"summary", "status"}
	row := func(adapter, tool string) *Shape {
		a, err := Shipped(adapter)
		if err != nil {
			t.Fatal(err)
		}
		return a.tool(tool).Rows[0].Result
	}
	for _, test := range []struct {
		shape      *Shape
		says, want string
	}{
		{row("sooperset-jira", "jira_get_issue"), `{"id":"10001","key":"ENG-1","summary":"S","description":"D","status":{"name":"Done"},"comments":[]}`,
			`{"item":{"id":"10001","key":"ENG-1","status":{"name":"Done"},"summary":"S"},"untrusted":true}`},
		{row("sooperset-jira", "jira_get_issue"), `{"id":"10009","key":"SECRET-1","summary":"S"}`, ""},
		{row("sooperset-jira", "jira_search"), `{"total":2,"issues":[{"key":"ENG-1","summary":"S","labels":[]},{"key":"SECRET-1","summary":"S"}]}`,
			`{"items":[{"key":"ENG-1","summary":"S"}],"untrusted":true}`},
		{row("sooperset-jira", "jira_search"), `Found 2 issues`, ""},
		{row("rovo-jira", "getJiraIssue"), `{"id":"10001","key":"ENG-1","self":"u","fields":{"summary":"S","description":"D"}}`,
			`{"item":{"fields":{"summary":"S"},"id":"10001","key":"ENG-1"},"untrusted":true}`},
	} {
		got, err := test.shape.bound([]byte(test.says), ids, readable)
		if string(got) != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%s\ngot  %s, %v\nwant %s", test.says, got, err, test.want)
		}
	}
	for _, s := range []Shape{{}, {Own: true, ID: "id"}, {ID: "id", Items: "x"}} {
		if s.check() == nil {
			t.Errorf("%+v is taken", s)
		}
	}
	if !row("rovo-jira", "getTransitionsForJiraIssue").Own {
		t.Error("transitions have nothing that they could be held to")
	}
}
