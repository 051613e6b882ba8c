// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/gate"
	sim "github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/google/go-cmp/cmp"
)

func TestCreate(t *testing.T) {
	h := newHouse(t)
	call, result, err := h.do("issue.create", `{"project_key":"ENG","issue_type":"Task","fields":{
		"Summary":"Fix the runbook","description":"It is stale.\n\nSee step 3.","labels":["docs"],"components":[{"name":"api"}]}}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := &policy.Call{
		Tool: "jira", Action: "issue.create", Class: policy.Write, Mode: "official_api", Credential: "write", Site: h.c.site,
		Resources: []policy.Resource{{Type: "project", ID: h.eng, Path: []policy.Place{{ID: h.eng, Name: "ENG"}}}, h.typeIn(h.eng, "ENG", "Task")},
		Fields:    []string{"components", "description", "labels", "summary"},
	}
	if diff := cmp.Diff(want, call); diff != "" {
		t.Error(diff)
	}
	got := decoded[struct{ Issue written }](t, result.Body).Issue
	made, ok := h.site.Issue(got.Key)
	if !ok || made.ID != got.ID || got.URL != h.c.site+"/browse/"+made.Key {
		t.Fatalf("got %+v, which the site does not know", got)
	}
	if made.Summary != "Fix the runbook" || made.CreatorID != h.writer || !strings.Contains(made.Description, "See step 3.") ||
		!cmp.Equal(made.Labels, []string{"docs"}) || !cmp.Equal(made.Components, []string{"api"}) || made.Type != "Task" {
		t.Errorf("made %+v", made)
	}
	outcome := receipt.Outcome{
		Status: receipt.Done, Code: "201", Actor: h.writer,
		Target: &policy.Resource{Type: "issue", ID: made.ID, Version: made.Updated.UTC().Format("2006-01-02T15:04:05.000-0700"), Path: []policy.Place{{ID: h.eng}}},
	}
	if diff := cmp.Diff(outcome, result.Outcome); diff != "" {
		t.Error(diff)
	}
}

func TestCreateChild(t *testing.T) {
	h := newHouse(t)
	call, result, err := h.do("issue.create", `{"project_key":"ENG","issue_type":"Subtask","fields":{"summary":"Turn it down","parent":{"key":"ENG-1"}}}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	parent, _ := h.site.Issue("ENG-1")
	if len(call.Resources) != 4 || call.Resources[1].ID != parent.ID || call.Resources[1].Version == "" {
		t.Errorf("the parent is not among %+v", call.Resources)
	}
	made, _ := h.site.Issue(result.Outcome.Target.ID)
	if made.ParentID != parent.ID {
		t.Errorf("made %+v", made)
	}
}

// TestCarriers tries every way in which a field can travel.
func TestCarriers(t *testing.T) {
	h := newHouse(t)
	points := h.site.AddField("Story Points", sim.NumberField)
	h.site.AddField("Team", sim.TextField)
	h.site.AddField("Team", sim.TextField)
	h.site.AddField("Summary", sim.TextField)
	h.site.AddField("Reporter ", sim.TextField)
	h.policy = h.publish(strings.Replace(testPolicy, `["summary", "description", "labels", "components", "parent"]`,
		`["summary", "description", "environment", "labels", "parent", "duedate", "priority", "`+points+`"]`, 1))
	const head = `{"project_key":"ENG","issue_type":"Task",`
	tests := []struct{ name, args, want string }{
		{"on the list", head + `"fields":{"summary":"a"}}`, ""},
		{"custom by id", head + `"fields":{"summary":"a","` + points + `":3}}`, ""},
		{"custom by name", head + `"fields":{"summary":"a","story points":3}}`, ""},
		{"custom by JQL name", head + `"fields":{"summary":"a","cf[` + strings.TrimPrefix(points, "customfield_") + `]":3}}`, ""},
		{"not on the list", head + `"fields":{"summary":"a","components":[{"name":"api"}]}}`, "denied"},
		{"deny wins", head + `"fields":{"summary":"a","duedate":"2026-05-01"}}`, "denied"},
		{"denied by name", head + `"fields":{"summary":"a","Due date":"2026-05-01"}}`, "denied"},
		{"denied by JQL name", head + `"fields":{"summary":"a","due":"2026-05-01"}}`, "denied"},
		{"denied by case", head + `"fields":{"summary":"a","ASSIGNEE":{"accountId":"x"}}}`, "denied"},
		{"ambiguous", head + `"fields":{"summary":"a","Team":"x"}}`, "bad_argument"},
		{"ambiguous with a system field", head + `"fields":{"Summary":"a"}}`, "bad_argument"},
		{"twice", head + `"fields":{"` + points + `":3,"Story Points":4,"summary":"a"}}`, "bad_argument"},
		{"unknown", head + `"fields":{"summary":"a","nonsense":1}}`, "bad_argument"},
		{"spaces around", head + `"fields":{" summary ":"a"}}`, "bad_argument"},
		{"update", head + `"fields":{"summary":"a"},"update":{"assignee":[{"set":{"accountId":"x"}}]}}`, "bad_argument"},
		{"transition", head + `"fields":{"summary":"a"},"transition":{"id":"31"}}`, "bad_argument"},
		{"properties", head + `"fields":{"summary":"a"},"properties":[{"key":"a","value":1}]}`, "bad_argument"},
		{"history", head + `"fields":{"summary":"a"},"historyMetadata":{"type":"x"}}`, "bad_argument"},
		{"update as a field", head + `"fields":{"summary":"a","update":{}}}`, "bad_argument"},
		{"transition as a field", head + `"fields":{"summary":"a","transition":{"id":"31"}}}`, "bad_argument"},
		{"project as a field", head + `"fields":{"summary":"a","project":{"key":"SECRET"}}}`, "bad_argument"},
		{"project by name", head + `"fields":{"summary":"a","Project":{"key":"SECRET"}}}`, "bad_argument"},
		{"type as a field", head + `"fields":{"summary":"a","issuetype":{"name":"Bug"}}}`, "bad_argument"},
		{"comment as a field", head + `"fields":{"summary":"a","comment":"x"}}`, "bad_argument"},
		{"status as a field", head + `"fields":{"summary":"a","status":{"name":"Done"}}}`, "bad_argument"},
		{"document in a plain field", head + `"fields":{"summary":{"type":"doc","version":1,"content":[]}}}`, "bad_argument"},
		{"operation in a field", head + `"fields":{"summary":"a","labels":[{"add":"x"}]}}`, "bad_argument"},
		{"null", head + `"fields":{"summary":null}}`, "bad_argument"},
		{"reference", head + `"fields":{"summary":"a","priority":{"name":"High"}}}`, ""},
		{"reference and more", head + `"fields":{"summary":"a","priority":{"name":"High","self":"http://x"}}}`, "bad_argument"},
		{"mention", head + `"fields":{"summary":"a","description":{"type":"doc","version":1,"content":[{"type":"paragraph","content":[{"type":"mention","attrs":{"id":"x"}}]}]}}}`, "bad_argument"},
		{"mention in environment", head + `"fields":{"summary":"a","environment":{"type":"doc","version":1,"content":[{"type":"paragraph","content":[{"type":"mention","attrs":{"id":"x"}}]}]}}}`, "bad_argument"},
		{"environment", head + `"fields":{"summary":"a","environment":"production"}}`, ""},
		{"foreign parent", head + `"fields":{"summary":"a","parent":{"key":"SECRET-2"}}}`, "denied"},
		{"foreign parent by id", head + `"fields":{"summary":"a","parent":{"id":"` + h.epic + `"}}}`, "denied"},
		{"parent by path", head + `"fields":{"summary":"a","parent":{"key":"../x"}}}`, "bad_argument"},
		{"parent by nothing", head + `"fields":{"summary":"a","parent":{"name":"x"}}}`, "bad_argument"},
		{"no fields", head + `"fields":{}}`, "bad_argument"},
		{"no summary", head + `"fields":{"labels":["a"]}}`, "bad_argument"},
		{"foreign project", `{"project_key":"SECRET","issue_type":"Task","fields":{"summary":"a"}}`, "denied"},
		{"project by id", `{"project_key":"` + h.eng + `","issue_type":"Task","fields":{"summary":"a"}}`, "bad_argument"},
		{"unknown type", `{"project_key":"ENG","issue_type":"Nonsense","fields":{"summary":"a"}}`, "bad_argument"},
		{"type by id", `{"project_key":"ENG","issue_type":"` + h.site.IssueTypeID("ENG", "Bug") + `","fields":{"summary":"a"}}`, ""},
		{"type as an object", `{"project_key":"ENG","issue_type":{"name":"Task"},"fields":{"summary":"a"}}`, "bad_argument"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := h.writes()
			_, result, err := h.do("issue.create", test.args, nil)
			if code(err) != test.want {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if sent := h.writes() - before; sent != 0 && result == nil {
				t.Errorf("%d writes were sent for a call that did not come to an act", sent)
			}
		})
	}
}

func TestComment(t *testing.T) {
	h := newHouse(t)
	before, _ := h.site.Issue("ENG-1")
	call, result, err := h.do("jira.issue.comment.create", `{"issue_key":"ENG-1","body":"Line one\nline two\n\n[~accountid:x] @all <b>"}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := &policy.Call{
		Tool: "jira", Action: "issue.comment.create", Class: policy.Write, Mode: "official_api", Credential: "write", Site: h.c.site,
		Resources: []policy.Resource{{Type: "issue", ID: before.ID, Path: []policy.Place{{ID: h.eng, Name: "ENG"}}}, h.typeIn(h.eng, "ENG", "Task")},
	}
	if diff := cmp.Diff(want, call); diff != "" {
		t.Error(diff)
	}
	comments := h.site.Comments("ENG-1")
	if len(comments) != 1 || comments[0].AuthorID != h.writer || !strings.Contains(comments[0].Body, "line two") {
		t.Fatalf("the site has %+v", comments)
	}
	target := &policy.Resource{Type: "comment", ID: comments[0].ID, Version: comments[0].At.UTC().Format("2006-01-02T15:04:05.000-0700"), Path: []policy.Place{{ID: h.eng}, {ID: before.ID}}}
	if diff := cmp.Diff(receipt.Outcome{Status: receipt.Done, Code: "201", Actor: h.writer, Target: target}, result.Outcome); diff != "" {
		t.Error(diff)
	}
}

func TestCommentRefusals(t *testing.T) {
	tests := []struct {
		name, args string
		between    func(h *house)
		want       string
	}{
		{name: "other project", args: `{"issue_key":"SECRET-1","body":"x"}`, want: "denied"},
		{name: "visibility", args: `{"issue_key":"ENG-1","body":"x","visibility":{"type":"role","value":"Users"}}`, want: "bad_argument"},
		{name: "internal", args: `{"issue_key":"ENG-1","body":"x","jsdPublic":false}`, want: "bad_argument"},
		{name: "no body", args: `{"issue_key":"ENG-1"}`, want: "bad_argument"},
		{name: "empty body", args: `{"issue_key":"ENG-1","body":" \n "}`, want: "bad_argument"},
		{name: "null body", args: `{"issue_key":"ENG-1","body":null}`, want: "bad_argument"},
		{name: "card", args: `{"issue_key":"ENG-1","body":{"type":"doc","version":1,"content":[{"type":"blockCard","attrs":{"url":"https://x"}}]}}`, want: "bad_argument"},
		{name: "edited meanwhile", args: `{"issue_key":"ENG-1","body":"x"}`, want: "conflict", between: func(h *house) {
			h.site.EditIssue("ENG-1", "", map[string]json.RawMessage{"summary": json.RawMessage(`"other"`)})
		}},
		{name: "moved meanwhile", args: `{"issue_key":"ENG-1","body":"x"}`, want: "outside", between: func(h *house) {
			h.site.MoveIssue("ENG-1", "SECRET")
		}},
		{name: "gone meanwhile", args: `{"issue_key":"ENG-1","body":"x"}`, want: "not_found", between: func(h *house) {
			h.site.RestrictProject("ENG")
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHouse(t)
			_, result, err := h.do("issue.comment.create", test.args, func() {
				if test.between != nil {
					test.between(h)
				}
			})
			if code(err) != test.want {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if h.writes() != 0 {
				t.Errorf("something was sent: %v", h.site.Requests())
			}
			if test.between != nil && result.Outcome.Status != receipt.Failed {
				t.Errorf("outcome %+v", result.Outcome)
			}
		})
	}
}

func TestParentChangedMeanwhile(t *testing.T) {
	h := newHouse(t)
	_, result, err := h.do("issue.create", `{"project_key":"ENG","issue_type":"Subtask","fields":{"summary":"a","parent":{"key":"ENG-1"}}}`, func() {
		h.site.MoveIssue("ENG-1", "PLAT")
	})
	if code(err) != "outside" || result.Outcome.Status != receipt.Failed || h.writes() != 0 {
		t.Errorf("got %v, %+v", err, result.Outcome)
	}
	_, result, err = h.do("issue.create", `{"project_key":"ENG","issue_type":"Task","fields":{"summary":"a"}}`, func() {
		h.site.RenameProjectKey("ENG", "ENGINE")
	})
	if code(err) != "conflict" || result.Outcome.Status != receipt.Failed || h.writes() != 0 {
		t.Errorf("got %v, %+v", err, result.Outcome)
	}
}

// TestMovedWhileWriting moves the issue after the last look and before the write.
func TestMovedWhileWriting(t *testing.T) {
	h := newHouse(t)
	moved := false
	h.site.OnWrite(nil, func(sim.Request) {
		if !moved {
			moved = true
			h.site.MoveIssue("ENG-1", "SECRET")
		}
	})
	_, result, err := h.do("issue.comment.create", `{"issue_key":"ENG-1","body":"x"}`, nil)
	if code(err) != "outside" || result.Body != nil {
		t.Errorf("got %v and %s", err, result.Body)
	}
	if o := result.Outcome; o.Status != receipt.Done || o.Code != "outside" || o.Target == nil {
		t.Errorf("outcome %+v", o)
	}
}

func TestWriteTrouble(t *testing.T) {
	hangUp := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	tests := []struct {
		name   string
		answer http.HandlerFunc
		status receipt.Status
		code   string
	}{
		{"no answer", hangUp, receipt.Unknown, "upstream"},
		{"unavailable", reply(503, `{}`), receipt.Unknown, "upstream"},
		{"forbidden", reply(403, `{}`), receipt.Failed, "forbidden"},
		{"bad", reply(400, `{"errorMessages":[],"errors":{"comment":"too\u001b[2J short"}}`), receipt.Failed, "bad_argument"},
		{"gone", reply(404, `{}`), receipt.Failed, "not_found"},
		{"taken, without an id", reply(201, `{}`), receipt.Done, "201"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHouse(t)
			h.once("POST", "/comment", test.answer)
			_, result, err := h.do("issue.comment.create", `{"issue_key":"ENG-1","body":"x"}`, nil)
			if code(err) == "" || result.Outcome.Status != test.status || result.Outcome.Code != test.code {
				t.Errorf("got %v and %+v", err, result.Outcome)
			}
			if strings.Contains(err.Error(), "\x1b") {
				t.Errorf("the error carries control characters: %q", err)
			}
		})
	}
}

func TestCredentials(t *testing.T) {
	h := newHouse(t)
	for _, call := range [][2]string{
		{"issue.create", `{"project_key":"ENG","issue_type":"Task","fields":{"summary":"a"}}`},
		{"issue.comment.create", `{"issue_key":"ENG-1","body":"x"}`},
		{"issue.get", `{"issue_key":"ENG-1"}`},
		{"issue.search", `{"jql":""}`},
	} {
		if _, _, err := h.do(call[0], call[1], nil); err != nil {
			t.Errorf("%s: %v", call[0], err)
		}
	}
	for _, r := range h.site.Requests() {
		writes := r.Method == http.MethodPost && !strings.HasSuffix(r.Path, "/search/jql")
		if want := map[bool]string{true: h.writer, false: h.reader}[writes]; r.Account != want {
			t.Errorf("%s %s by %s", r.Method, r.Path, r.Account)
		}
	}
	h.c.shared = true
	if _, _, err := h.do("issue.get", `{"issue_key":"ENG-1"}`, nil); code(err) != "denied" {
		t.Errorf("a shared credential: %v", err)
	}
	h.c.shared, h.c.write = false, nil
	if _, _, err := h.do("issue.comment.create", `{"issue_key":"ENG-1","body":"x"}`, nil); code(err) != "write_disabled" {
		t.Errorf("without a credential to write: %v", err)
	}
	if _, _, err := h.do("issue.create", `{}`, nil); code(err) != "write_disabled" {
		t.Errorf("without a credential to write: %v", err)
	}
}

// TestScopedFields gives the site fields that belong to single projects, and
// fields that tie issues together by key.
func TestScopedFields(t *testing.T) {
	h := newHouse(t)
	h.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/field") {
			return false
		}
		reply(200, `[{"id":"summary","name":"Summary","schema":{"type":"string"}},
			{"id":"customfield_1","name":"Size","schema":{"type":"number"},"scope":{"type":"PROJECT","project":{"id":"`+h.eng+`"}}},
			{"id":"customfield_2","name":"Size","schema":{"type":"number"},"scope":{"type":"PROJECT","project":{"id":"`+h.plat+`"}}},
			{"id":"customfield_3","name":"Epic Link","schema":{"type":"any","custom":"com.pyxis.greenhopper.jira:gh-epic-link"}}]`)(w, r)
		return true
	})
	plan := func(field string) (*gate.Plan, error) {
		return h.c.Plan(t.Context(), "issue.create", []byte(`{"project_key":"PLAT","issue_type":"Task","fields":{"summary":"a",`+field+`}}`), h.policy.Bounds(tool))
	}
	p, err := plan(`"size":3`)
	if err != nil || !cmp.Equal(p.Call.Fields, []string{"customfield_2", "summary"}) {
		t.Errorf("size: %v, %v", p, err)
	}
	if _, err = plan(`"customfield_1":3`); code(err) != "bad_argument" {
		t.Errorf("another project's field: %v", err)
	}
	if _, err = plan(`"epic link":"SECRET-2"`); code(err) != "bad_argument" || !strings.Contains(err.Error(), "parent") {
		t.Errorf("epic link: %v", err)
	}
}

// TestServiceDesk marks writes that customers get mail about.
func TestServiceDesk(t *testing.T) {
	h := newHouse(t)
	issue, _ := h.site.Issue("ENG-1")
	desk := `{"id":"` + h.eng + `","key":"ENG","projectTypeKey":"service_desk"}`
	h.once("GET", "/issue/ENG-1", reply(200, `{"id":"`+issue.ID+`","key":"ENG-1","fields":{"updated":"x","project":`+desk+`}}`))
	plan, err := h.c.Plan(t.Context(), "issue.comment.create", []byte(`{"issue_key":"ENG-1","body":"x"}`), nil)
	if err != nil || !cmp.Equal(plan.Call.Categories, []string{"external_send"}) {
		t.Errorf("comment: %v, %v", plan, err)
	}
	typed := strings.TrimSuffix(desk, "}") + `,"issueTypes":[{"id":"1","name":"Task"}]}`
	h.once("GET", "/project/ENG", reply(200, typed))
	plan, err = h.c.Plan(t.Context(), "issue.create", []byte(`{"project_key":"ENG","issue_type":"Task","fields":{"summary":"a"}}`), nil)
	if err != nil || !cmp.Equal(plan.Call.Categories, []string{"external_send"}) {
		t.Errorf("create: %v, %v", plan, err)
	}
}
