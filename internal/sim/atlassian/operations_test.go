// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/sim/specs"
)

// readsByPost are the operations that take a question as a body.
var readsByPost = regexp.MustCompile(`/search/jql$|/approximate-count$|/check$|/changelog/list$|/bulkfetch$`)

var pathVariable = regexp.MustCompile(`\{[a-z]+\}`)

// removed tells whether an operation is one that real sites have taken away.
func (op *operation) removed() bool {
	return strings.HasPrefix(op.path, "/wiki/rest/api/content") && (strings.HasSuffix(op.path, "/content") || strings.HasSuffix(op.path, "{page}")) ||
		op.path == "/rest/api/3/search"
}

// deprecated tells whether an operation is one that the specification advises against; the validator takes no call of it.
func (op *operation) deprecated() bool { return op.path == "/wiki/api/v2/pages/{page}/children" }

// TestScopesArePublished holds the table of operations against the specifications.
func TestScopesArePublished(t *testing.T) {
	for _, op := range operations(Config{}) {
		if op.removed() || strings.HasPrefix(op.path, "/wiki/download/") {
			continue
		}
		published := specs.Scopes(t, op.method, pathVariable.ReplaceAllString(op.path, "1"))
		for _, scope := range op.scopes {
			if !slices.Contains(published, scope) {
				t.Errorf("%s %s needs %s, published are %s", op.method, op.path, scope, published)
			}
		}
		if len(op.scopes) == 0 {
			t.Errorf("%s %s needs no scope", op.method, op.path)
		}
		if op.write == (op.method == http.MethodGet) && !readsByPost.MatchString(op.path) {
			t.Errorf("%s %s: write = %v", op.method, op.path, op.write)
		}
	}
}

// wantedCall is a request and the status that it must be answered with.
type wantedCall struct {
	method, target, body string
	status               int
}

// TestEveryOperation calls each operation through the validator, and once without any scope.
func TestEveryOperation(t *testing.T) {
	w := newWorld(t)
	comment := w.AddComment("ENG-1", CommentSeed{Body: "Seen."})
	doomedComment := w.AddComment("ENG-1", CommentSeed{Body: "Wrong."})
	bugType := w.IssueTypeID("ENG", "Bug")
	draft := w.AddPage(PageSeed{Space: "ENG", Title: "Doomed"})
	doomedIssue := w.AddIssue(IssueSeed{Project: "ENG", Summary: "Doomed"})
	const doc = `{"type":"doc","version":1,"content":[{"type":"paragraph","content":[{"type":"text","text":"Hi"}]}]}`
	posted := w.all.do("POST", "/wiki/api/v2/footer-comments", `{"pageId":"`+w.restart+`","body":{"representation":"storage","value":"<p>Hm</p>"}}`).want(t, 201).at("id")

	const jira, v2, v1 = "/rest/api/3", "/wiki/api/v2", "/wiki/rest/api"
	calls := []wantedCall{
		{"GET", jira + "/search/jql?jql=project%3DENG&fields=*all&expand=names,schema,changelog,transitions,renderedFields", "", 200},
		{"POST", jira + "/search/jql", `{"jql":"project = ENG","fields":["*all"],"expand":"names,schema,changelog"}`, 200},
		{"GET", jira + "/issue/createmeta/ENG/issuetypes", "", 200},
		{"GET", jira + "/issue/createmeta/ENG/issuetypes/" + bugType, "", 200},
		{"POST", jira + "/issue", `{"fields":{"project":{"key":"ENG"},"issuetype":{"name":"Task"},"summary":"New","description":` + doc + `},"transition":{"id":"11"}}`, 201},
		{"PUT", jira + "/issue/ENG-1?notifyUsers=false", `{"fields":{"summary":"Queue is stuck"},"update":{"labels":[{"add":"triaged"}]}}`, 204},
		{"GET", jira + "/issue/ENG-1?expand=names,schema,changelog,transitions,renderedFields", "", 200},
		{"GET", jira + "/issue/ENG-1/changelog", "", 200},
		{"DELETE", jira + "/issue/" + doomedIssue, "", 204},
		{"GET", jira + "/issue/ENG-1/comment", "", 200},
		{"POST", jira + "/issue/ENG-1/comment", `{"body":` + doc + `,"visibility":{"type":"role","value":"Administrators"}}`, 201},
		{"GET", jira + "/issue/ENG-1/comment/" + comment, "", 200},
		{"DELETE", jira + "/issue/ENG-1/comment/" + doomedComment, "", 204},
		{"GET", jira + "/issue/ENG-1/transitions", "", 200},
		{"POST", jira + "/issue/ENG-1/transitions", `{"transition":{"id":"11"}}`, 204},
		{"GET", jira + "/project/search", "", 200},
		{"GET", jira + "/project/ENG", "", 200},
		{"GET", jira + "/field", "", 200},
		{"GET", jira + "/myself", "", 200},
		{"GET", jira + "/mypermissions?permissions=BROWSE_PROJECTS,ADMINISTER&projectKey=ENG", "", 200},

		{"GET", v2 + "/pages?space-id=" + w.eng + "&body-format=storage", "", 200},
		{"POST", v2 + "/pages", `{"spaceId":"` + w.eng + `","status":"current","title":"New","body":{"representation":"storage","value":"<p>New</p>"}}`, 200},
		{"GET", v2 + "/pages/" + w.restart + "?body-format=storage&include-labels=true", "", 200},
		{"PUT", v2 + "/pages/" + w.restart, `{"id":"` + w.restart + `","status":"current","title":"Restart payments","body":{"representation":"storage","value":"<p>2</p>"},"version":{"number":2,"message":"m"}}`, 200},
		{"PUT", v2 + "/pages/" + w.restart + "/title", `{"status":"current","title":"Restart payments"}`, 200},
		{"DELETE", v2 + "/pages/" + draft, "", 204},
		{"GET", v2 + "/pages/" + w.restart + "/ancestors", "", 200},
		{"GET", v2 + "/pages/" + w.runbooks + "/direct-children", "", 200},
		{"GET", v2 + "/pages/" + w.home + "/descendants?depth=5", "", 200},
		{"GET", v2 + "/pages/" + w.restart + "/versions?body-format=storage", "", 200},
		{"GET", v2 + "/pages/" + w.restart + "/versions/1", "", 200},
		{"GET", v2 + "/pages/" + w.restart + "/labels", "", 200},
		{"GET", v2 + "/pages/" + w.restart + "/footer-comments?body-format=storage", "", 200},
		{"POST", v2 + "/footer-comments", `{"pageId":"` + w.restart + `","body":{"representation":"storage","value":"<p>Ok</p>"}}`, 201},
		{"GET", v2 + "/footer-comments/" + posted + "?body-format=storage", "", 200},
		{"DELETE", v2 + "/footer-comments/" + posted, "", 204},
		{"GET", v2 + "/spaces?keys=ENG", "", 200},
		{"GET", v2 + "/spaces/" + w.eng, "", 200},
		{"GET", v2 + "/spaces/" + w.eng + "/pages", "", 200},
		{"GET", v2 + "/folders/" + w.folder, "", 200},
		{"GET", v2 + "/folders/" + w.folder + "/ancestors", "", 200},
		{"GET", v2 + "/folders/" + w.folder + "/direct-children", "", 200},

		{"GET", v1 + "/search?cql=space%3DENG&expand=content.version,content.space,content.ancestors", "", 200},
		{"GET", v1 + "/content/search?cql=space%3DENG&expand=version,space,ancestors", "", 200},
		{"POST", v1 + "/content/" + w.restart + "/label", `[{"prefix":"global","name":"queue"},{"prefix":"global","name":"old"}]`, 200},
		{"DELETE", v1 + "/content/" + w.restart + "/label?name=queue", "", 204},
		{"DELETE", v1 + "/content/" + w.restart + "/label/old", "", 204},
		{"POST", v1 + "/content/" + w.restart + "/version", `{"operationKey":"restore","params":{"versionNumber":1,"message":"back"}}`, 200},
		{"GET", v1 + "/content/" + w.restart + "/restriction/byOperation", "", 200},
		{"POST", v1 + "/content/" + w.restart + "/permission/check", `{"subject":{"type":"user","identifier":"` + w.all.id + `"},"operation":"read"}`, 200},
		{"PUT", v1 + "/content/" + w.restart + "/move/append/" + w.home, "", 200},
	}
	calls = append(calls, w.moreCalls()...)
	nobody := w.client("nobody", nil, false)
	called := make(map[string]bool)
	for _, call := range calls {
		path, _, _ := strings.Cut(call.target, "?")
		op, _, status := w.match(call.method, path)
		if status != http.StatusOK {
			t.Fatalf("%s %s: no operation", call.method, path)
		}
		called[op.method+" "+op.path] = true
		if a := nobody.do(call.method, call.target, call.body); a.status != http.StatusForbidden {
			t.Errorf("%s %s without scopes: got %d, want 403", call.method, call.target, a.status)
		}
		a := w.all.do(call.method, call.target, call.body)
		if a.status != call.status {
			t.Errorf("%s %s: got %d %s, want %d", call.method, call.target, a.status, a.text, call.status)
		}
		if got := a.header.Get("X-AAccountId"); got != w.all.id {
			t.Errorf("%s %s: got X-AAccountId %q, want %q", call.method, call.target, got, w.all.id)
		}
	}
	for _, op := range operations(Config{}) {
		if !called[op.method+" "+op.path] && !op.removed() && !op.deprecated() {
			t.Errorf("%s %s is not called", op.method, op.path)
		}
	}
}

// TestRemovedOperations tells clients of old interfaces what they would hear from a real site.
func TestRemovedOperations(t *testing.T) {
	w := newWorld(t)
	for _, op := range operations(Config{}) {
		if !op.removed() {
			continue
		}
		body := ""
		if op.takesBody() {
			body = `{}`
		}
		a := w.raw.do(op.method, pathVariable.ReplaceAllString(op.path, w.restart), body)
		if a.status != http.StatusGone || !strings.Contains(a.text, "has been removed") {
			t.Errorf("%s %s: got %d %s, want 410", op.method, op.path, a.status, a.text)
		}
	}
}

func TestUnknownOperations(t *testing.T) {
	w := newWorld(t)
	tests := []struct {
		method, target string
		want           int
	}{
		{"GET", "/rest/api/3/nonsense", 404},
		{"GET", "/rest/api/2/issue/ENG-1", 404},
		{"GET", "/rest/api/3/issue/ENG-1/", 404},
		{"GET", "/rest/api/3/issue//ENG-1", 404},
		{"GET", "/rest/api/3/issue/%2e%2e/changelog", 404},
		{"PATCH", "/wiki/api/v2/pages", 405},
		{"DELETE", "/rest/api/3/myself", 405},
	}
	for _, test := range tests {
		if a := w.raw.do(test.method, test.target, ""); a.status != test.want {
			t.Errorf("%s %s: got %d, want %d", test.method, test.target, a.status, test.want)
		}
	}
}
