// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const oneLine = `{"type":"doc","version":1,"content":[{"type":"paragraph","content":[{"type":"text","text":"One line."}]}]}`

func TestIssueCreate(t *testing.T) {
	w := newWorld(t)
	w.RestrictProject(w.AddProject("SEC", "Secret"))
	ops := w.AddProject("OPS", "Operations")
	elsewhere := w.AddIssue(IssueSeed{Project: "OPS", Summary: "x"})
	points := w.AddField("Story Points", NumberField)
	w.AddComponent("ENG", "Payments")
	const base = `"project":{"key":"ENG"},"issuetype":{"name":"Task"},"summary":"s"`
	tests := []struct{ name, fields, want string }{ // want is the field that the error is about
		{"minimum", base, ""},
		{"everything", base + `,"description":` + oneLine + `,"labels":["b","a"],"priority":{"name":"High"},"assignee":{"accountId":"` + w.reader.id +
			`"},"components":[{"name":"Payments"}],"duedate":"2026-04-01","` + points + `":3`, ""},
		{"no project", `"issuetype":{"name":"Task"},"summary":"s"`, "project"},
		{"unseen project", `"project":{"key":"SEC"},"issuetype":{"name":"Task"},"summary":"s"`, "project"},
		{"no type", `"project":{"key":"ENG"},"summary":"s"`, "issuetype"},
		{"type of another project", `"project":{"key":"ENG"},"issuetype":{"id":"` + w.IssueTypeID(ops, "Task") + `"},"summary":"s"`, "issuetype"},
		{"no summary", `"project":{"key":"ENG"},"issuetype":{"name":"Task"}`, "summary"},
		{"blank summary", strings.Replace(base, `"s"`, `" "`, 1), "summary"},
		{"summary of two lines", strings.Replace(base, `"s"`, `"a\nb"`, 1), "summary"},
		{"long summary", strings.Replace(base, `"s"`, `"`+strings.Repeat("x", 256)+`"`, 1), "summary"},
		{"text for a document", base + `,"description":"text"`, "description"},
		{"document without version", base + `,"description":{"type":"doc","content":[]}`, "description"},
		{"document with empty text", base + `,"description":{"type":"doc","version":1,"content":[{"type":"paragraph","content":[{"type":"text","text":""}]}]}`, "description"},
		{"unknown field", base + `,"customfield_1":"x"`, "customfield_1"},
		{"read-only field", base + `,"status":{"name":"Done"}`, "status"},
		{"comment as a field", base + `,"comment":{"body":` + oneLine + `}`, "comment"},
		{"spaced label", base + `,"labels":["a b"]`, "labels"},
		{"unknown account", base + `,"assignee":{"accountId":"712020:who"}`, "assignee"},
		{"unknown component", base + `,"components":[{"name":"None"}]`, "components"},
		{"unknown priority", base + `,"priority":{"name":"Extreme"}`, "priority"},
		{"bad date", base + `,"duedate":"tomorrow"`, "duedate"},
		{"text for a number", base + `,"` + points + `":"3"`, points},
		{"parent elsewhere", base + `,"parent":{"id":"` + elsewhere + `"}`, "parent"},
		{"parent of the same level", base + `,"parent":{"key":"ENG-1"}`, "parent"},
		{"subtask alone", strings.Replace(base, "Task", "Subtask", 1), "parent"},
		{"subtask", strings.Replace(base, "Task", "Subtask", 1) + `,"parent":{"key":"ENG-1"}`, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := w.writer.do("POST", "/rest/api/3/issue", `{"fields":{`+test.fields+`}}`)
			if test.want == "" {
				a.want(t, 201)
				if i, found := w.Issue(a.at("id")); !found || i.Key != a.at("key") || i.CreatorID != w.writer.id {
					t.Errorf("got %+v for %s", i, a.text)
				}
				return
			}
			a.want(t, 400)
			errs, _ := a.body.(map[string]any)["errors"].(map[string]any)
			if len(errs) != 1 || errs[test.want] == "" || errs[test.want] == nil {
				t.Errorf("got %s, want an error about %s only", a.text, test.want)
			}
		})
	}
	a := w.writer.do("POST", "/rest/api/3/issue", `{"fields":{`+base+`},"transition":{"id":"41"}}`).want(t, 201)
	if got := a.at("transition.status"); got != "400" {
		t.Errorf("got status %s of a transition that is not possible, want 400: %s", got, a.text)
	}
	i, _ := w.Issue("ENG-3")
	got := []string{i.Description, strings.Join(i.Labels, " "), i.Priority, i.AssigneeID, strings.Join(i.Components, " "), i.DueDate, string(i.Fields[points])}
	if diff := cmp.Diff([]string{"One line.", "a b", "High", w.reader.id, "Payments", "2026-04-01", "3"}, got); diff != "" {
		t.Errorf("issue (-want +got):\n%s", diff)
	}
}

func TestIssueEdit(t *testing.T) {
	w := newWorld(t)
	edit := func(body string) answer { return w.writer.do("PUT", "/rest/api/3/issue/ENG-1", body) }
	refused := []struct{ body, about string }{
		{`{}`, ""},
		{`{"fields":{"project":{"key":"OPS"}}}`, "project"},
		{`{"fields":{"summary":"changed","labels":["a b"]}}`, "labels"},
		{`{"fields":{"labels":["a"]},"update":{"labels":[{"add":"b"}]}}`, "labels"},
		{`{"update":{"summary":[{"add":"b"}]}}`, "summary"},
		{`{"update":{"issuelinks":[{"add":{}}]}}`, "issuelinks"},
		{`{"update":{"worklog":[{"add":{"timeSpent":"1h"}}]}}`, "worklog"},
		{`{"update":{"comment":[{"add":{"body":"text"}}]}}`, "comment"},
		{`{"fields":{"issuetype":{"name":"Subtask"}}}`, "issuetype"},
	}
	before, _ := w.Issue("ENG-1")
	for _, test := range refused {
		a := edit(test.body).want(t, 400)
		if test.about != "" && a.at("errors."+test.about) == "" {
			t.Errorf("%s: got %s, want an error about %s", test.body, a.text, test.about)
		}
	}
	after, _ := w.Issue("ENG-1")
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("a refused edit had an effect:\n%s", diff)
	}
	writer := func(query string) int {
		return w.writer.do("PUT", "/rest/api/3/issue/ENG-1?"+query, `{"fields":{"summary":"x"}}`).status
	}
	if got := writer("overrideScreenSecurity=true"); got != 403 {
		t.Errorf("overrideScreenSecurity: got %d, want 403", got)
	}

	w.clock.advance(time.Minute)
	edit(`{"fields":{"summary":"New","description":null},"update":{"labels":[{"add":"b"},{"remove":"payments"}],"comment":[{"add":{"body":`+oneLine+`}}]},"transition":{"id":"11"}}`).want(t, 204)
	i, _ := w.Issue("ENG-1")
	if i.Summary != "New" || i.Document != nil || strings.Join(i.Labels, " ") != "b" || i.Status != "To Do" || !i.Updated.Equal(w.clock.Now()) {
		t.Errorf("got %+v; a transition in an edit is ignored", i)
	}
	if got := w.Comments("ENG-1"); len(got) != 1 || got[0].Body != "One line." || got[0].AuthorID != w.writer.id {
		t.Errorf("got comments %+v", got)
	}
	changed := i.Changes[0].ID
	want := []Change{
		{changed, w.writer.id, "summary", "Queue stuck", "New", i.Updated},
		{changed, w.writer.id, "description", "The payments queue is stuck.", "", i.Updated},
		{changed, w.writer.id, "labels", "payments", "b", i.Updated},
	}
	if diff := cmp.Diff(want, i.Changes); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	a := w.writer.do("PUT", "/rest/api/3/issue/ENG-1?returnIssue=true", `{"fields":{"summary":"Newer"}}`).want(t, 200)
	if got := a.at("fields.summary"); got != "Newer" {
		t.Errorf("got summary %q in the returned issue", got)
	}
}

func TestIssueRead(t *testing.T) {
	w := newWorld(t)
	a := w.reader.get("/rest/api/3/issue/eng-1").want(t, 200)
	for path, want := range map[string]string{
		"id": w.bug, "key": "ENG-1", "fields.project.id": w.project, "fields.status.name": "To Do", "fields.summary": "Queue stuck",
		"fields.description.type": "doc", "fields.labels.0": "payments", "fields.created": "2026-03-02T10:00:00.000+0000",
		"fields.assignee": "", "fields.resolution": "", "fields.comment.total": "0",
	} {
		if got := a.at(path); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	a = w.reader.get("/rest/api/3/issue/"+w.bug+"?fields=summary,status,nonsense").want(t, 200)
	if fields := a.body.(map[string]any)["fields"].(map[string]any); len(fields) != 2 {
		t.Errorf("got fields %v, want summary and status", fields)
	}
	a = w.reader.get("/rest/api/3/issue/"+w.bug+"?fields=-comment&expand=renderedFields").want(t, 200)
	if fields := a.body.(map[string]any)["fields"].(map[string]any); fields["comment"] != nil || fields["summary"] == nil {
		t.Errorf("got fields %v, want all but comment", fields)
	}
	if got := a.at("renderedFields.description"); got != "<p>The payments queue is stuck.</p>" {
		t.Errorf("got rendered description %q", got)
	}
	w.reader.get("/rest/api/3/issue/ENG-2").want(t, 404)
}

func TestHierarchy(t *testing.T) {
	w := newWorld(t)
	epic := w.AddIssue(IssueSeed{Project: "ENG", Type: "Epic", Summary: "Epic"})
	w.AddIssue(IssueSeed{Project: "ENG", Type: "Subtask", Summary: "Part", Parent: "ENG-1"})
	edit := func(key, parent string) answer {
		return w.writer.do("PUT", "/rest/api/3/issue/"+key, `{"fields":{"parent":`+parent+`}}`)
	}
	edit("ENG-1", `{"id":"`+epic+`"}`).want(t, 204)
	edit("ENG-3", `{"id":"`+epic+`"}`).want(t, 400) // two levels up
	edit("ENG-3", `null`).want(t, 400)              // a subtask cannot be alone
	edit("ENG-1", `"ENG-2"`).want(t, 400)
	a := w.reader.get("/rest/api/3/issue/ENG-1?fields=parent,issuetype").want(t, 200)
	if got := a.at("fields.parent.key") + " " + a.at("fields.parent.fields.summary") + " " + a.at("fields.issuetype.hierarchyLevel"); got != "ENG-2 Epic 0" {
		t.Errorf("got %s", got)
	}
	edit("ENG-1", `null`).want(t, 204)
	if i, _ := w.Issue("ENG-1"); i.ParentID != "" || len(i.Changes) != 2 || i.Changes[1].From != "ENG-2" {
		t.Errorf("got parent %q and changes %+v", i.ParentID, i.Changes)
	}
}

func TestMovedIssue(t *testing.T) {
	w := newWorld(t)
	sec := w.AddProject("SEC", "Secret")
	sub := w.AddIssue(IssueSeed{Project: "ENG", Type: "Subtask", Parent: "ENG-1", Summary: "Part"})
	if got := w.MoveIssue("ENG-1", "SEC"); got != "SEC-1" {
		t.Fatalf("got key %s, want SEC-1", got)
	}
	a := w.reader.get("/rest/api/3/issue/ENG-1").want(t, 200)
	if got := a.at("key") + " " + a.at("id") + " " + a.at("fields.project.id"); got != "SEC-1 "+w.bug+" "+sec {
		t.Errorf("the old key leads to %s", got)
	}
	if got := w.mustKey(sub); got != "SEC-2" {
		t.Errorf("got key %s of the subtask, want SEC-2", got)
	}
	log := w.reader.get("/rest/api/3/issue/ENG-1/changelog").want(t, 200)
	if !strings.Contains(log.text, `"field":"Key"`) || !strings.Contains(log.text, `"toString":"SEC-1"`) {
		t.Errorf("the changelog does not tell of the move: %s", log.text)
	}
	w.RestrictProject("SEC", w.all.id)
	for _, path := range []string{"", "/changelog", "/comment", "/transitions"} {
		w.reader.get("/rest/api/3/issue/ENG-1"+path).want(t, 404)
	}
	w.reader.get("/rest/api/3/project/SEC").want(t, 404)
	w.writer.do("PUT", "/rest/api/3/issue/ENG-1", `{"fields":{"summary":"x"}}`).want(t, 404)
	if w.MoveIssue("ENG-1", "ENG") != "ENG-3" || w.mustKey(sub) != "ENG-4" {
		t.Error("a moved issue gets a new key, also when it comes back")
	}
	w.reader.get("/rest/api/3/issue/SEC-1").want(t, 200)
}

func TestRenamedProjectKey(t *testing.T) {
	w := newWorld(t)
	w.RenameProjectKey("ENG", "CORE")
	for _, target := range []string{"/rest/api/3/project/ENG", "/rest/api/3/project/CORE", "/rest/api/3/project/" + w.project} {
		if got := w.reader.get(target).want(t, 200).at("key"); got != "CORE" {
			t.Errorf("%s: got key %s, want CORE", target, got)
		}
	}
	for _, key := range []string{"ENG-1", "CORE-1"} {
		if got := w.reader.get("/rest/api/3/issue/"+key).want(t, 200).at("key"); got != "CORE-1" {
			t.Errorf("%s: got key %s, want CORE-1", key, got)
		}
	}
	if got := w.reader.jql("project = ENG"); got != "CORE-1" {
		t.Errorf("the old key finds %q", got)
	}
}

func TestIssueComments(t *testing.T) {
	w := newWorld(t)
	w.AddComment("ENG-1", CommentSeed{Body: "First"})
	w.AddComment("ENG-1", CommentSeed{Body: "Among us", Role: "Administrators", Internal: true})
	target := "/rest/api/3/issue/ENG-1/comment"
	id := w.writer.do("POST", target, `{"body":`+oneLine+`}`).want(t, 201).at("id")
	a := w.reader.get(target+"?startAt=1&maxResults=1").want(t, 200)
	if got := a.at("total") + " " + a.at("comments.#") + " " + a.at("comments.0.visibility.value") + " " + a.at("comments.0.jsdPublic"); got != "3 1 Administrators false" {
		t.Errorf("got %s", got)
	}
	if got := w.reader.get(target+"?orderBy=-created").want(t, 200).at("comments.0.id"); got != id {
		t.Errorf("got %s first, want the newest, %s", got, id)
	}
	for _, bad := range []string{`{}`, `{"body":"text"}`, `{"body":{"type":"paragraph"}}`, `{"body":` + oneLine + `,"visibility":{"type":"role"}}`} {
		w.writer.do("POST", target, bad).want(t, 400)
	}
	w.rollback.do("DELETE", target+"/"+id, "").want(t, 204)
	w.rollback.do("DELETE", target+"/"+id, "").want(t, 404)
	if got := len(w.Comments("ENG-1")); got != 2 {
		t.Errorf("got %d comments, want 2", got)
	}
}

func TestTransitions(t *testing.T) {
	w := newWorld(t)
	target := "/rest/api/3/issue/ENG-1/transitions"
	step := func(id string) answer { return w.writer.do("POST", target, `{"transition":{"id":"`+id+`"}}`) }
	if got := w.reader.get(target).want(t, 200).column("transitions", "name"); got != "Start work" {
		t.Errorf("got transitions %q", got)
	}
	step("31").want(t, 400) // not from here
	w.writer.do("POST", target, `{}`).want(t, 400)
	w.writer.do("POST", target, `{"transition":{"id":"11"},"fields":{"labels":["a b"]}}`).want(t, 400)
	if i, _ := w.Issue("ENG-1"); i.Status != "To Do" {
		t.Errorf("got status %s after refused transitions", i.Status)
	}
	w.writer.do("POST", target, `{"transition":{"id":"11"},"fields":{"labels":["started"]}}`).want(t, 204)
	step("31").want(t, 204)
	i, _ := w.Issue("ENG-1")
	if i.Status != "Done" || strings.Join(i.Labels, " ") != "started" || len(i.Changes) != 3 {
		t.Errorf("got %+v", i)
	}
	if got := w.reader.get(target).column("transitions", "id"); got != "41" {
		t.Errorf("got transitions %s, want only the one that reopens", got)
	}
	if got := w.reader.get("/rest/api/3/issue/ENG-1").at("fields.resolution.name"); got != "Done" {
		t.Errorf("got resolution %q", got)
	}
}

func TestIssueDelete(t *testing.T) {
	w := newWorld(t)
	epic := w.AddIssue(IssueSeed{Project: "ENG", Type: "Epic", Summary: "Epic"})
	story := w.AddIssue(IssueSeed{Project: "ENG", Type: "Story", Summary: "Story", Parent: epic})
	w.AddIssue(IssueSeed{Project: "ENG", Type: "Subtask", Summary: "Part", Parent: story})
	w.all.do("DELETE", "/rest/api/3/issue/"+story, "").want(t, 400)
	w.all.do("DELETE", "/rest/api/3/issue/"+epic, "").want(t, 204) // a story lives on without its epic
	if i, _ := w.Issue(story); i.ParentID != "" {
		t.Errorf("got parent %s, want none", i.ParentID)
	}
	w.all.do("DELETE", "/rest/api/3/issue/"+story+"?deleteSubtasks=true", "").want(t, 204)
	if got := w.reader.jql("project = ENG"); got != "ENG-1" {
		t.Errorf("got %q left, want ENG-1", got)
	}
	w.reader.get("/rest/api/3/issue/ENG-3").want(t, 404)
}

func TestChangelogPages(t *testing.T) {
	w := newWorld(t)
	for n := range 5 {
		w.EditIssue("ENG-1", w.writer.id, map[string]json.RawMessage{"summary": mustJSON("Summary " + strconv.Itoa(n))})
	}
	w.EditIssue("ENG-1", "", map[string]json.RawMessage{"summary": mustJSON("Summary 4")}) // changes nothing
	a := w.reader.get("/rest/api/3/issue/ENG-1/changelog?startAt=3&maxResults=1").want(t, 200)
	if got := a.at("total") + " " + a.at("isLast") + " " + a.at("values.0.items.0.toString"); got != "5 false Summary 3" {
		t.Errorf("got %s", got)
	}
	next, found := strings.CutPrefix(a.at("nextPage"), "https://example.atlassian.net")
	if !found {
		t.Fatalf("got next page %q", a.at("nextPage"))
	}
	a = w.reader.get(next).want(t, 200)
	if got := a.at("isLast") + " " + a.at("values.0.items.0.toString") + " " + a.at("values.0.author.accountId"); got != "true Summary 4 "+w.writer.id {
		t.Errorf("got %s", got)
	}
	w.raw.get("/rest/api/3/issue/ENG-1/changelog?startAt=-1").want(t, 400)
	a = w.reader.get("/rest/api/3/issue/ENG-1?expand=changelog").want(t, 200)
	if got := a.at("changelog.histories.0.items.0.toString"); got != "Summary 4" {
		t.Errorf("got %q first, want the newest", got)
	}
}

func TestCreateMeta(t *testing.T) {
	w := newWorld(t)
	w.AddField("Story Points", NumberField)
	if got := w.reader.get("/rest/api/3/issue/createmeta/ENG/issuetypes").want(t, 200).column("issueTypes", "name"); got != "Epic Story Task Bug Subtask" {
		t.Errorf("got types %q", got)
	}
	if got := w.reader.get("/rest/api/3/issue/createmeta/ENG/issuetypes?startAt=1&maxResults=2").want(t, 200).column("issueTypes", "name"); got != "Story Task" {
		t.Errorf("got types %q", got)
	}
	required := func(name string) string {
		a := w.reader.get("/rest/api/3/issue/createmeta/ENG/issuetypes/"+w.IssueTypeID("ENG", name)).want(t, 200)
		var ids []string
		n, _ := strconv.Atoi(a.at("fields.#"))
		for i := range n {
			if at := "fields." + strconv.Itoa(i); a.at(at+".required") == "true" {
				ids = append(ids, a.at(at+".fieldId"))
			}
		}
		return strings.Join(ids, " ")
	}
	if got := required("Bug"); got != "project issuetype summary" {
		t.Errorf("a bug requires %q", got)
	}
	if got := required("Subtask"); got != "project issuetype parent summary" {
		t.Errorf("a subtask requires %q", got)
	}
	w.reader.get("/rest/api/3/issue/createmeta/NONE/issuetypes").want(t, 400)
	w.reader.get("/rest/api/3/issue/createmeta/ENG/issuetypes/1").want(t, 400)
	fields := w.reader.get("/rest/api/3/field").want(t, 200)
	if !strings.Contains(fields.text, `"Story Points"`) || !strings.Contains(fields.text, `"clauseNames":["cf[`) {
		t.Errorf("the custom field is not listed: %s", fields.text)
	}
}

func TestProjects(t *testing.T) {
	w := newWorld(t)
	w.AddProject("OPS", "Operations")
	w.RestrictProject(w.AddProject("SEC", "Secret"), w.all.id)
	if got := w.reader.get("/rest/api/3/project/search").want(t, 200).column("values", "key"); got != "ENG OPS" {
		t.Errorf("got projects %q", got)
	}
	if got := w.reader.get("/rest/api/3/project/search?keys=OPS&keys=SEC").want(t, 200).column("values", "key"); got != "OPS" {
		t.Errorf("got projects %q", got)
	}
	a := w.all.get("/rest/api/3/project/search?maxResults=2").want(t, 200)
	if got := a.at("total") + " " + a.at("isLast") + " " + a.column("values", "key"); got != "3 false ENG OPS" {
		t.Errorf("got %s", got)
	}
}

func TestMyPermissions(t *testing.T) {
	w := newWorld(t)
	w.RestrictProject(w.AddProject("SEC", "Secret"), w.all.id)
	comment := w.AddComment("ENG-1", CommentSeed{Body: "x"})
	tests := []struct {
		query string
		want  int
		has   string
	}{
		{"projectKey=ENG&permissions=BROWSE_PROJECTS", 200, "true"},
		{"issueKey=ENG-1&permissions=BROWSE_PROJECTS", 200, "true"},
		{"issueId=" + w.bug + "&permissions=BROWSE_PROJECTS", 200, "true"},
		{"commentId=" + comment + "&permissions=BROWSE_PROJECTS", 200, "true"},
		{"permissions=BROWSE_PROJECTS", 200, "true"},
		{"projectKey=SEC&permissions=BROWSE_PROJECTS", 404, ""},
		{"issueKey=SEC-1&permissions=BROWSE_PROJECTS", 404, ""},
		{"commentId=1&permissions=BROWSE_PROJECTS", 404, ""},
		{"projectKey=ENG", 400, ""},
		{"projectKey=ENG&permissions=FLY", 400, ""},
	}
	for _, test := range tests {
		a := w.reader.get("/rest/api/3/mypermissions?" + test.query)
		if got := a.at("permissions.BROWSE_PROJECTS.havePermission"); a.status != test.want || got != test.has {
			t.Errorf("%s: got %d %q, want %d %q", test.query, a.status, got, test.want, test.has)
		}
	}
	if got := w.reader.get("/rest/api/3/mypermissions?permissions=ADMINISTER").at("permissions.ADMINISTER.havePermission"); got != "false" {
		t.Errorf("the reader administers: %s", got)
	}
}

// TestConcurrentIssues has many writers at once; -race watches.
func TestConcurrentIssues(t *testing.T) {
	w := newWorld(t)
	var group sync.WaitGroup
	for n := range 8 {
		group.Go(func() {
			label := "l" + strconv.Itoa(n)
			for range 5 {
				if a := w.writer.do("POST", "/rest/api/3/issue", `{"fields":{"project":{"key":"ENG"},"issuetype":{"name":"Task"},"summary":"s","labels":["`+label+`"]}}`); a.status != 201 {
					t.Errorf("create: got %d %s", a.status, a.text)
				}
				if a := w.writer.do("PUT", "/rest/api/3/issue/ENG-1", `{"update":{"labels":[{"add":"`+label+`"}]}}`); a.status != 204 {
					t.Errorf("edit: got %d %s", a.status, a.text)
				}
				if a := w.reader.get("/rest/api/3/search/jql?jql=project%3DENG&fields=*all"); a.status != 200 {
					t.Errorf("search: got %d %s", a.status, a.text)
				}
			}
		})
	}
	group.Wait()
	if i, _ := w.Issue("ENG-1"); len(i.Labels) != 9 || len(i.Changes) != 8 {
		t.Errorf("got %d labels and %d changes, want 9 and 8", len(i.Labels), len(i.Changes))
	}
	if i, found := w.Issue("ENG-41"); !found || i.Key != "ENG-41" {
		t.Errorf("got %+v, want 40 new issues", i.Key)
	}
}

func TestFieldsWithManyValues(t *testing.T) {
	w := newWorld(t)
	gateway := w.AddComponent("ENG", "Gateway")
	w.AddComponent("ENG", "Ledger")
	note := w.AddField("Note", ParagraphField)
	line := w.AddField("Line", TextField)
	edit := func(update string, want int) {
		t.Helper()
		w.writer.do("PUT", "/rest/api/3/issue/ENG-1", `{"update":{`+update+`}}`).want(t, want)
	}
	edit(`"components":[{"add":{"name":"ledger"}},{"add":{"id":"`+gateway+`"}},{"add":{"name":"Ledger"}}]`, 204)
	edit(`"components":[{"remove":{"name":"Ledger"}}],"`+note+`":[{"set":`+oneLine+`}],"`+line+`":[{"set":"x"}]`, 204)
	edit(`"components":[{"add":"None"}]`, 400)
	edit(`"components":[{"add":7}]`, 400)
	edit(`"labels":[{"set":["a"]},{"add":"b"},{"remove":"a"},{"remove":"missing"}]`, 204)
	edit(`"`+note+`":[{"set":"text"}]`, 400)
	edit(`"`+line+`":[{"set":`+oneLine+`}]`, 400)
	edit(`"nothing":[{"set":"x"}]`, 400)
	i, _ := w.Issue("ENG-1")
	got := []string{strings.Join(i.Components, " "), strings.Join(i.Labels, " "), docText(i.Fields[note]), string(i.Fields[line])}
	if diff := cmp.Diff([]string{"Gateway", "b", "One line.", `"x"`}, got); diff != "" {
		t.Errorf("issue (-want +got):\n%s", diff)
	}
	a := w.reader.get("/rest/api/3/issue/ENG-1").want(t, 200)
	if got := a.at("fields.components.0.id") + a.at("fields."+line) + a.at("fields."+note+".type"); got != gateway+"xdoc" {
		t.Errorf("got %s", got)
	}
	w.writer.do("PUT", "/rest/api/3/issue/ENG-1", `{"fields":{"components":[],"labels":[],"assignee":null,"duedate":null,"`+note+`":null}}`).want(t, 204)
	if i, _ := w.Issue("ENG-1"); len(i.Components)+len(i.Labels) != 0 || i.Fields[note] != nil {
		t.Errorf("got %+v, want these fields empty", i)
	}
}

// TestSnapshotsAreCopies changes an issue after looking at it.
func TestSnapshotsAreCopies(t *testing.T) {
	w := newWorld(t)
	points := w.AddField("Points", NumberField)
	w.EditIssue("ENG-1", "", raws(points, "1"))
	before, _ := w.Issue("ENG-1")
	kept := before.Fields[points]
	w.EditIssue("ENG-1", "", raws(points, "2"))
	w.EditIssue("ENG-1", "", raws("labels", `["x"]`))
	if string(before.Fields[points]) != string(kept) || before.Labels[0] != "payments" || len(before.Changes) != 1 {
		t.Errorf("the snapshot has changed: %+v", before)
	}
	before.Labels[0], before.Fields[points] = "mine", nil
	if after, _ := w.Issue("ENG-1"); after.Labels[0] != "x" || string(after.Fields[points]) != "2" {
		t.Errorf("the snapshot is not a copy: %+v", after)
	}
}
