// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package facade

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/sim/specs"
)

const (
	gotENG1 = `{"untrusted":true,"site":"https://s.example","source":{"url":"https://s.example/browse/ENG-1"},"issue":{"id":"10001","key":"ENG-1",` +
		`"project":{"id":"1","key":"ENG"},"url":"https://s.example/browse/ENG-1","version":"v1","summary":"Pager","status":"To Do","issuetype":"Task",` +
		`"labels":["ops"],"components":["api"],"assignee":{"account_id":"u1","name":"Ann"},"updated":"2026-01-02T03:04:05.000+0000",` +
		`"description":"At *night*.\n\n<b>Every</b>\nnight."},"comments":[{"id":"7","url":"u","author":{"account_id":"u2","name":"Bob"},"created":"2026-01-02T03:04:05.000+0000","body":"Yes"}]}`
	about = `{"untrusted":true,"site":"https://s.example","issue":{"id":"10001","key":"ENG-1"},`
)

// results are what the house's other reads say.
var results = map[string]string{
	"issue.get":         gotENG1,
	"issue.comments":    about + `"comments":[{"id":"7","url":"u","body":"Yes"}],"more":true}`,
	"issue.transitions": about + `"transitions":[{"id":"31","name":"Start","to":{"id":"3","name":"In Progress"}}]}`,
	"issue.changelog":   about + `"changes":[{"id":"5","author":{"account_id":"u1","name":"Ann"},"created":"2026-01-02T03:04:05.000+0000","items":[{"field":"status","from":"To Do","to":"Done"}]}],"more":false}`,
	"issue.editmeta":    about + `"fields":[{"id":"summary","name":"Summary","required":true,"type":"string","operations":["set"]},{"id":"labels","name":"Labels","required":false,"type":"array","items":"string"}]}`,
	"issue.createmeta":  `{"fields":[{"id":"priority","name":"Priority","required":false,"type":"priority","choices":[{"id":"1","name":"High"}]}]}`,
	"issue.attachments": about + `"attachments":[{"id":"9","name":"a.txt","type":"text/plain","size":3,"author":{"account_id":"u1","name":"Ann"},"created":"2026-01-02T03:04:05.000+0000"}],"more":false}`,
	"issue.links":       about + `"links":[{"id":"4","phrase":"blocks","issue":{"id":"10002","key":"ENG-2","url":"u","summary":"Disk","status":"Done"}}]}`,
	"issue.search":      `{"issues":[{"id":"10001","key":"ENG-1","project":{"id":"1","key":"ENG"},"url":"u","summary":"Pager"}],"more":true}`,
}

// A rig is a facade with a house behind it that keeps book.
type rig struct {
	stage *Stage
	http.Handler
	reads   []string // actions and arguments
	changes int
	refuses string // an action that the policy refuses
	result  string // of the change
	fault   error  // of the change
}

func newRig(t testing.TB, action, args, result string) *rig {
	t.Helper()
	r := &rig{result: `{"issue":{"id":"10001","key":"ENG-1","url":"u"},"comment":{"id":"8"},"version":"v2"}`}
	call := &Call{Site: "https://s.example", Action: action, Args: []byte(args), Perform: func() ([]byte, error) {
		r.changes++
		return []byte(r.result), r.fault
	}, Read: func(action string, args []byte) ([]byte, error) {
		r.reads = append(r.reads, action+" "+string(args))
		if action == r.refuses || results[action] == "" {
			return nil, &gate.Fault{Code: "denied", Msg: "the policy says no"}
		}
		return []byte(results[action]), nil
	}}
	if result != "" {
		call.Result = []byte(result)
	}
	var err error
	if r.stage, err = New("jira", call); err != nil {
		t.Fatal(err)
	}
	r.Handler = r.stage
	return r
}

// checked holds requests and answers to the published description.
func (r *rig) checked(t *testing.T) *rig {
	if specs.Present() {
		r.Handler = specs.Validator(t, r.stage)
	} else {
		t.Log("no published specifications in ../shared/specs beside the repository: the answers are not checked against them")
	}
	return r
}

func (r *rig) ask(method, target, body string) (int, string) {
	w := httptest.NewRecorder()
	q := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		q.Header.Set("Content-Type", "application/json")
	}
	r.ServeHTTP(w, q)
	return w.Code, w.Body.String()
}

func TestJiraReads(t *testing.T) {
	const get, args = "issue.get", `{"comments":0,"issue_key":"ENG-1"}`
	for _, test := range []struct {
		name, action, args, result, target string
		status                             int
		has, hasnt, reads                  string
	}{
		{"the call's own", get, args, gotENG1, "/issue/ENG-1?fields=summary,status,assignee,parent", 200, `"summary":"Pager"`, "description", ""},
		{"in another case", get, args, gotENG1, "/issue/eng-1?fields=description", 200, `{"text":"\u003cb\u003eEvery\u003c/b\u003e","type":"text"},{"type":"hardBreak"}`, "Pager", ""},
		{"by id", get, args, gotENG1, "/issue/10001", 200, `"comment":{"comments":[{"author":{"accountId":"u2"`, "", ""},
		{"its history", get, args, gotENG1, "/issue/ENG-1?fields=summary&expand=changelog", 200, `"toString":"Done"`, "", `issue.changelog {"issue_key":"ENG-1","limit":50,"skip":0}`},
		{"its attachments", get, args, gotENG1, "/issue/ENG-1?fields=summary,attachment", 200, `"filename":"a.txt"`, "", `issue.attachments {"issue_key":"ENG-1"}`},
		{"its links are not read", get, args, gotENG1, "/issue/ENG-1?fields=summary,issuelinks", 200, `"issuelinks":[]`, "", ""},
		{"attachments alone", "issue.attachments", `{"issue_key":"ENG-1"}`, results["issue.attachments"], "/issue/ENG-1?fields=attachment", 200, `"key":"ENG-1"`, "Pager", ""},
		{"another issue", get, args, gotENG1, "/issue/ENG-2?fields=summary", 200, "Pager", "", `issue.get {"comments":0,"issue_key":"ENG-2"}`},
		{"another issue's comments", get, args, gotENG1, "/issue/ENG-2?fields=comment", 200, "Yes", "", `issue.get {"issue_key":"ENG-2"}`},
		{"comments", get, args, gotENG1, "/issue/ENG-1/comment?maxResults=5&startAt=2", 200, `"total":4`, "", `issue.comments {"issue_key":"ENG-1","limit":5,"skip":2}`},
		{"transitions", get, args, gotENG1, "/issue/ENG-1/transitions", 200, `"to":{"id":"3","name":"In Progress"}`, "", `issue.transitions {"issue_key":"ENG-1"}`},
		{"the call's own transitions", "issue.transitions", `{"issue_key":"ENG-1"}`, results["issue.transitions"], "/issue/ENG-1/transitions", 200, `"31"`, "", ""},
		{"changelog", get, args, gotENG1, "/issue/ENG-1/changelog", 200, `"isLast":true`, "", `issue.changelog {"issue_key":"ENG-1","limit":50,"skip":0}`},
		{"editmeta", get, args, gotENG1, "/issue/ENG-1/editmeta", 200, `"items":"string"`, "", `issue.editmeta {"issue_key":"ENG-1"}`},
		{"createmeta", "issue.create", `{"project_key":"ENG","issue_type":"Task"}`, "", "/issue/createmeta/ENG/issuetypes/10002", 200, `"name":"High"`, "", `issue.createmeta {"issue_type":"10002","project_key":"ENG"}`},
		{"search", "issue.search", `{"jql":"a"}`, results["issue.search"], "/search/jql?jql=project=SECRET&fields=summary,status", 200, `"nextPageToken":"none"`, "", ""},
		{"a search of its own", get, args, gotENG1, "/search/jql?jql=b&maxResults=100", 200, `"key":"ENG-1"`, "Pager", `issue.search {"jql":"b","limit":50}`},
		{"no second page", "issue.search", `{"jql":"a"}`, results["issue.search"], "/search/jql?jql=a&nextPageToken=none", 400, "no further page", "ENG", ""},
		{"projects", "issue.search", `{"jql":"a"}`, results["issue.search"], "/project/search", 200, `"key":"ENG"`, "", ""},
		{"project", get, args, gotENG1, "/project/eng", 200, `"id":"1"`, "", ""},
		{"another project", get, args, gotENG1, "/project/SECRET", 404, "no such project", "", ""},
		{"fields", get, args, gotENG1, "/field", 200, `"duedate"`, "customfield", ""},
		{"custom fields", get, args, gotENG1, "/field/search?type=custom", 200, `"values":[]`, "", ""},
		{"kinds of links", "issue.link.create", `{"issue_key":"ENG-1","other_key":"ENG-2","phrase":"blocks"}`, "", "/issueLinkType", 200, `"outward":"blocks"`, "", ""},
		{"myself", get, args, gotENG1, "/myself", 200, `"Clawea"`, "Ann", ""},
		{"server", get, args, gotENG1, "/serverInfo", 200, `"https://s.example"`, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, test.action, test.args, test.result).checked(t)
			status, body := r.ask("GET", "/rest/api/3"+test.target, "")
			if status != test.status || !strings.Contains(body, test.has) || test.hasnt != "" && strings.Contains(body, test.hasnt) {
				t.Errorf("got %d %s", status, body)
			}
			if got := strings.Join(r.reads, "; "); got != test.reads {
				t.Errorf("it read %s, want %s", got, test.reads)
			}
			if r.changes != 0 || r.stage.Performed() {
				t.Error("it changed something")
			}
		})
	}
}

const (
	editENG1   = `{"issue_key":"ENG-1","fields":{"summary":"x"},"based_on":"v","message":"m"}`
	linkENG1   = `{"issue_key":"ENG-1","other_key":"ENG-2","phrase":"blocks","message":"m"}`
	createTask = `{"project_key":"ENG","issue_type":"Task","fields":{"summary":"x"}}`
	moveENG1   = `{"issue_key":"ENG-1","transition_id":"31","based_on":"v","message":"m"}`
	sayENG1    = `{"issue_key":"ENG-1","body":"x"}`
	adfBody    = `{"type":"doc","version":1,"content":[]}`
)

func TestJiraWrites(t *testing.T) {
	for _, test := range []struct {
		name, action, args, method, target, body string
		status                                   int
		has                                      string
	}{
		{"edit", "issue.edit", editENG1, "PUT", "/issue/ENG-1", `{"fields":{"summary":"y"}}`, 204, ""},
		{"assign by editing", "issue.assign", editENG1, "PUT", "/issue/eng-1", `{"fields":{"assignee":{"accountId":"z"}}}`, 204, ""},
		{"assign", "issue.assign", editENG1, "PUT", "/issue/ENG-1/assignee", `{"accountId":"z"}`, 204, ""},
		{"comment", "issue.comment.create", sayENG1, "POST", "/issue/ENG-1/comment", `{"body":` + adfBody + `}`, 201, `"id":"8"`},
		{"transition", "issue.transition", moveENG1, "POST", "/issue/ENG-1/transitions", `{"transition":{"id":"31"}}`, 204, ""},
		{"create", "issue.create", createTask, "POST", "/issue", `{"fields":{"project":{"key":"ENG"},"issuetype":{"name":"Task"},"summary":"z"}}`, 201, `"key":"ENG-1"`},
		{"link", "issue.link.create", linkENG1, "POST", "/issueLink", `{"type":{"name":"blocks"},"inwardIssue":{"key":"ENG-1"},"outwardIssue":{"key":"ENG-2"}}`, 201, ""},
		{"link the other way", "issue.link.create", linkENG1, "POST", "/issueLink", `{"type":{"name":"blocks"},"inwardIssue":{"key":"ENG-2"},"outwardIssue":{"key":"ENG-1"}}`, 201, ""},

		{"edit another", "issue.edit", editENG1, "PUT", "/issue/ENG-2", `{"fields":{"summary":"y"}}`, 403, "not the change"},
		{"edit by an id that nobody said", "issue.edit", editENG1, "PUT", "/issue/10001", `{"fields":{}}`, 403, "not the change"},
		{"edit in a call that reads", "issue.get", `{"issue_key":"ENG-1"}`, "PUT", "/issue/ENG-1", `{"fields":{}}`, 403, "not the change"},
		{"comment in an edit", "issue.edit", editENG1, "POST", "/issue/ENG-1/comment", `{"body":` + adfBody + `}`, 403, "not the change"},
		{"assign in an edit", "issue.edit", editENG1, "PUT", "/issue/ENG-1/assignee", `{"accountId":"z"}`, 403, "not the change"},
		{"transition elsewhere", "issue.transition", moveENG1, "POST", "/issue/ENG-1/transitions", `{"transition":{"id":"41"}}`, 403, "not the change"},
		{"transition of another", "issue.transition", moveENG1, "POST", "/issue/ENG-11/transitions", `{"transition":{"id":"31"}}`, 403, "not the change"},
		{"create elsewhere", "issue.create", createTask, "POST", "/issue", `{"fields":{"project":{"key":"SECRET"},"issuetype":{"name":"Task"}}}`, 403, "not the change"},
		{"create by id", "issue.create", createTask, "POST", "/issue", `{"fields":{"project":{"id":"1"},"issuetype":{"name":"Task"}}}`, 403, "not the change"},
		{"create another type", "issue.create", createTask, "POST", "/issue", `{"fields":{"project":{"key":"ENG"},"issuetype":{"name":"Bug"}}}`, 403, "not the change"},
		{"link to another", "issue.link.create", linkENG1, "POST", "/issueLink", `{"type":{"name":"blocks"},"inwardIssue":{"key":"ENG-1"},"outwardIssue":{"key":"ENG-3"}}`, 403, "not the change"},
		{"link to itself", "issue.link.create", linkENG1, "POST", "/issueLink", `{"type":{"name":"blocks"},"inwardIssue":{"key":"ENG-1"},"outwardIssue":{"key":"ENG-1"}}`, 403, "not the change"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, test.action, test.args, "")
			if test.status < 300 {
				r.checked(t)
			}
			status, body := r.ask(test.method, "/rest/api/3"+test.target, test.body)
			done := test.status < 300
			if status != test.status || !strings.Contains(body, test.has) || (r.changes == 1) != done || r.stage.Performed() != done || (r.stage.Refused() == 0) != done {
				t.Errorf("got %d %s after %d changes and %d refusals", status, body, r.changes, r.stage.Refused())
			}
			r.Handler = r.stage
			if again, _ := r.ask(test.method, "/rest/api/3"+test.target, test.body); again < 400 || r.changes > 1 {
				t.Errorf("the second time it got %d, after %d changes", again, r.changes)
			}
		})
	}
}

func TestJiraAfterAChange(t *testing.T) {
	r := newRig(t, "issue.create", createTask, "").checked(t)
	r.refuses = "issue.get"
	if status, _ := r.ask("GET", "/rest/api/3/issue/ENG-1", ""); status != http.StatusForbidden {
		t.Errorf("before the change: %d", status)
	}
	r.ask("POST", "/rest/api/3/issue", `{"fields":{"project":{"key":"ENG"},"issuetype":{"name":"Task"}}}`)
	status, body := r.ask("GET", "/rest/api/3/issue/ENG-1?fields=summary,status", "")
	if status != http.StatusOK || !strings.Contains(body, `"key":"ENG-1"`) || strings.Contains(body, "Pager") {
		t.Errorf("what was made, and may not be read: %d %s", status, body)
	}
	r = newRig(t, "issue.link.create", linkENG1, "").checked(t)
	r.ask("POST", "/rest/api/3/issueLink", `{"type":{"name":"blocks"},"inwardIssue":{"key":"ENG-1"},"outwardIssue":{"key":"ENG-2"}}`)
	if _, body := r.ask("GET", "/rest/api/3/issue/ENG-1?fields=issuelinks", ""); !strings.Contains(body, `"outwardIssue":{"fields":{"status":{"name":"Done"},"summary":"Disk"},"id":"10002"`) {
		t.Errorf("the link is not in %s", body)
	}
	r = newRig(t, "issue.edit", editENG1, "")
	r.fault = &gate.Fault{Code: "conflict", Msg: "somebody was faster"}
	if status, body := r.ask("PUT", "/rest/api/3/issue/ENG-1", `{}`); status != http.StatusConflict || !strings.Contains(body, "faster") {
		t.Errorf("a change that failed: %d %s", status, body)
	}
}

func TestJiraNotThere(t *testing.T) {
	for _, target := range []string{
		"GET /_edge/tenant_info", "POST /gateway/api/graphql", "GET /rest/api/3/issue/ENG-1/worklog", "DELETE /rest/api/3/issue/ENG-1",
		"POST /rest/api/3/search/approximate-count", "GET /rest/api/3/filter/1", "GET /rest/agile/1.0/board", "GET /rest/api/2/issue/ENG-1",
		"GET /rest/api/3/issue/ENG-1%2Ftransitions", "GET /rest/api/3/issue/ENG-1%2F..%2FENG-2", "GET /rest/api/3/issue/%2e%2e", "GET /rest/api/3/issue/ENG-1%00",
		"GET /rest/api/3/Issue/ENG-1", "GET /rest/api/3/attachment/content/9", "POST /rest/api/3/issue/bulk", "PATCH /rest/api/3/issue/ENG-1",
		"GET /", "GET /rest/api/3/user/search?query=a", "GET /rest/api/3/issue/ENG-1/", "GET http://other.example/rest/api/3/issue/..%5c",
	} {
		r := newRig(t, "issue.get", `{"issue_key":"ENG-1"}`, gotENG1)
		method, path, _ := strings.Cut(target, " ")
		if status, body := r.ask(method, path, ""); status != http.StatusNotFound && status != http.StatusMethodNotAllowed || strings.Contains(body, "Pager") || len(r.reads) > 0 {
			t.Errorf("%s: got %d %s, and %q was read", target, status, body, r.reads)
		}
	}
}

// FuzzJira says: whatever a server sends, only the planned change of the planned issue
// is made, at most once; what is read is one of the actions that read, of an issue that
// the request names, and every answer is JSON.
func FuzzJira(f *testing.F) {
	reading := []string{"issue.get", "issue.comments", "issue.transitions", "issue.changelog", "issue.editmeta", "issue.createmeta", "issue.attachments", "issue.links", "issue.search"}
	for _, s := range [][3]string{
		{"PUT", "/rest/api/3/issue/ENG-1", `{"fields":{}}`}, {"PUT", "/rest/api/3/issue/ENG-1%2F..%2FENG-2", `{}`}, {"PUT", "/rest/api/3/issue/ENG-2/../ENG-1?overrideEditableFlag=true", `{}`},
		{"POST", "/rest/api/3/issue/ENG-1/transitions", `{"transition":{"id":"31"}}`}, {"GET", "/rest/api/3/issue/ENG-2?fields=*all,comment,attachment&expand=changelog", ""},
		{"GET", "/rest/api/3/search/jql?jql=a&maxResults=-1", ""}, {"POST", "/rest/api/3//issue//", `{"fields":[]}`}, {"PUT", "/REST/API/3/ISSUE/ENG-1", "{"},
	} {
		f.Add(s[0], s[1], s[2])
	}
	f.Fuzz(func(t *testing.T, method, target, body string) {
		q, err := http.NewRequestWithContext(t.Context(), method, "http://127.0.0.1"+target, strings.NewReader(body))
		if err != nil {
			return
		}
		r := newRig(t, "issue.edit", editENG1, "")
		for range 2 {
			w := httptest.NewRecorder()
			q.Body = http.NoBody
			if body != "" {
				q.Body = readCloser{strings.NewReader(body)}
			}
			r.ServeHTTP(w, q)
			if w.Body.Len() > 0 && w.Code/100 != 3 && !json.Valid(w.Body.Bytes()) {
				t.Fatalf("%s %s: %d %q", method, target, w.Code, w.Body)
			}
		}
		if r.changes > 1 || r.changes == 1 && (method != "PUT" || !strings.EqualFold(q.URL.Path, "/rest/api/3/issue/ENG-1")) {
			t.Fatalf("%s %q made %d changes", method, target, r.changes)
		}
		for _, read := range r.reads {
			action, args, _ := strings.Cut(read, " ")
			var a struct {
				Key string `json:"issue_key"`
			}
			if err := json.Unmarshal([]byte(args), &a); err != nil || !slices.Contains(reading, action) {
				t.Fatalf("%s %q read %s", method, target, read)
			}
			if a.Key != "" && !slices.Contains(strings.Split(q.URL.Path, "/"), a.Key) {
				t.Fatal(fmt.Sprint(target, " read ", a.Key))
			}
		}
	})
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }
