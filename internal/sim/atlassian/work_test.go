// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestLinks links two issues, by a request for that and by an edit, and looks from both ends.
func TestLinks(t *testing.T) {
	w := newWorld(t)
	w.AddIssue(IssueSeed{Project: "ENG", Summary: "Pay"})
	w.AddProject("SEC", "Secret")
	w.AddIssue(IssueSeed{Project: "SEC", Summary: "Hush"})
	w.RestrictProject("SEC", w.all.id)
	blocks := `{"type":{"name":"Blocks"},"inwardIssue":{"key":"ENG-1"},"outwardIssue":{"key":"ENG-2"}}`
	w.all.do("POST", "/rest/api/3/issueLink", blocks).want(t, 201)
	w.all.do("POST", "/rest/api/3/issueLink", blocks).want(t, 201) // again, it is the same
	w.all.do("PUT", "/rest/api/3/issue/ENG-1", `{"update":{"issuelinks":[{"add":{"type":{"name":"Relates"},"outwardIssue":{"key":"SEC-1"}}}]},"fields":{"summary":"Stuck"}}`).want(t, 204)
	w.all.do("PUT", "/rest/api/3/issue/ENG-1", `{"update":{"issuelinks":[{"add":{"type":{"name":"Blocks"},"outwardIssue":{"key":"SEC-1"}}}]},"fields":{"summary":""}}`).want(t, 400)
	from, _ := w.Issue("ENG-1")
	want := []Link{{from.Links[0].ID, "Blocks", "ENG-1", "ENG-2"}, {from.Links[1].ID, "Relates", "ENG-1", "SEC-1"}}
	if diff := cmp.Diff(want, from.Links); diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
	a := w.reader.get("/rest/api/3/issue/ENG-2?fields=issuelinks&expand=changelog").want(t, 200)
	if a.at("fields.issuelinks.0.inwardIssue.key") != "ENG-1" || a.at("changelog.histories.0.items.0.toString") != "This issue is blocked by ENG-1" {
		t.Errorf("got %s", a.text)
	}
	if a := w.reader.get("/rest/api/3/issue/ENG-1?fields=issuelinks").want(t, 200); a.at("fields.issuelinks.#") != "1" || strings.Contains(a.text, "SEC-1") {
		t.Errorf("what may not be seen shows: %s", a.text)
	}
	w.writer.do("POST", "/rest/api/3/issueLink", strings.Replace(blocks, "ENG-2", "SEC-1", 1)).want(t, 404)
	w.writer.do("DELETE", "/rest/api/3/issueLink/"+from.Links[0].ID, "").want(t, 403)
	w.rollback.do("DELETE", "/rest/api/3/issueLink/"+from.Links[1].ID, "").want(t, 404)
	w.rollback.do("DELETE", "/rest/api/3/issueLink/"+from.Links[0].ID, "").want(t, 204)
	if to, _ := w.Issue("ENG-2"); len(to.Links) != 0 || to.Changes[len(to.Changes)-1].From != "This issue is blocked by ENG-1" {
		t.Errorf("left %+v", to)
	}
	w.all.do("DELETE", "/rest/api/3/issue/SEC-1", "").want(t, 204)
	if from, _ := w.Issue("ENG-1"); len(from.Links) != 0 {
		t.Errorf("linked to what is deleted: %+v", from.Links)
	}
}

// TestMarks carries the id of a job in all places that a site has for it.
func TestMarks(t *testing.T) {
	w := newWorld(t)
	const mark = `"properties":[{"key":"clawea","value":{"job":"7"}}]`
	key := w.writer.do("POST", "/rest/api/3/issue", `{"fields":{"project":{"key":"ENG"},"issuetype":{"name":"Task"},"summary":"Made"},`+mark+`}`).want(t, 201).at("key")
	w.writer.do("PUT", "/rest/api/3/issue/ENG-1", `{`+mark+`}`).want(t, 204)
	w.writer.do("POST", "/rest/api/3/issue/"+key+"/transitions", `{"transition":{"id":"11"},"properties":[{"key":"step","value":1}]}`).want(t, 204)
	for name, want := range map[string]string{key: "clawea step", "ENG-1": "clawea"} {
		a := w.reader.get("/rest/api/3/issue/"+name+"/properties").want(t, 200)
		if got := a.column("keys", "key"); got != want {
			t.Errorf("%s: got the properties %q, want %q", name, got, want)
		}
	}
	if a := w.reader.get("/rest/api/3/search/jql?jql=key%3DENG-1&properties=clawea&fields=summary").want(t, 200); a.at("issues.0.properties.clawea.job") != "7" {
		t.Errorf("got %s", a.text)
	}
	if i, _ := w.Issue("ENG-1"); len(i.Changes) != 0 {
		t.Errorf("a property is no change: %+v", i.Changes)
	}
	w.writer.do("PUT", "/rest/api/3/issue/ENG-1/properties/big", `"`+strings.Repeat("x", maxProperty)+`"`).want(t, 400)
	w.writer.do("PUT", "/rest/api/3/issue/ENG-1", `{"properties":[{"key":"","value":1}],"fields":{"summary":"No"}}`).want(t, 400)
	if i, _ := w.Issue("ENG-1"); i.Summary != "Queue stuck" {
		t.Errorf("half of a refused edit is made: %q", i.Summary)
	}
}

// TestSearchLagsBehindEdits finds a changed issue by what it was, unless it is to be reconciled.
func TestSearchLagsBehindEdits(t *testing.T) {
	w := newWorld(t)
	w.lag = time.Minute
	w.clock.advance(time.Minute)
	w.writer.do("PUT", "/rest/api/3/issue/ENG-1", `{"fields":{"summary":"Moved on"}}`).want(t, 204)
	find := func(word, more string) string {
		return w.reader.do("POST", "/rest/api/3/search/jql", `{"jql":"summary ~ `+word+`","fields":["summary"]`+more+`}`).want(t, 200).column("issues", "fields.summary")
	}
	if find("stuck", "") != "Moved on" || find("moved", "") != "" || find("moved", `,"reconcileIssues":[`+w.bug+`]`) != "Moved on" {
		t.Error("the search is not behind")
	}
	w.clock.advance(time.Minute)
	if find("stuck", "") != "" || find("moved", "") != "Moved on" {
		t.Error("the search does not catch up")
	}
}

// TestBulkNeedsPermission refuses bulk changes of all who are not administrators.
func TestBulkNeedsPermission(t *testing.T) {
	w := newWorld(t)
	for _, c := range []string{
		`delete {"selectedIssueIdsOrKeys":["ENG-1"]}`,
		`transition {"bulkTransitionInputs":[{"selectedIssueIdsOrKeys":["ENG-1"],"transitionId":"11"}]}`,
	} {
		path, body, _ := strings.Cut(c, " ")
		w.writer.do("POST", "/rest/api/3/bulk/issues/"+path, body).want(t, 403)
	}
	if i, found := w.Issue("ENG-1"); !found || i.Status != "To Do" {
		t.Errorf("got %+v", i)
	}
}

// TestMedia sends a client to the other host, where its credentials do not belong.
func TestMedia(t *testing.T) {
	w := newWorld(t)
	id := w.AddAttachment(AttachmentSeed{Page: w.restart, Name: "a b.txt", MediaType: "text/plain", Data: []byte("hello")})
	link := w.reader.get("/wiki/api/v2/attachments/"+id).want(t, 200).at("downloadLink")
	target := w.reader.get("/wiki"+link).want(t, 302).header.Get("Location")
	at, err := url.Parse(target)
	if err != nil || at.Host != "media.invalid" {
		t.Fatalf("sent to %s", target)
	}
	fetch := func(target string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", target, nil)
		r.SetBasicAuth("a", "b")
		rec := httptest.NewRecorder()
		w.Media().ServeHTTP(rec, r)
		return rec
	}
	if got := fetch(target); got.Code != http.StatusOK || got.Body.String() != "hello" {
		t.Errorf("got %d %s", got.Code, got.Body)
	}
	if got := w.MediaRequests(); len(got) != 1 || got[0].Authorization == "" {
		t.Errorf("the log is %+v", got)
	}
	if got := fetch(strings.Replace(target, "token=", "token=x", 1)); got.Code != http.StatusForbidden {
		t.Errorf("with another link: %d", got.Code)
	}
	w.clock.advance(time.Minute)
	if got := fetch(target); got.Code != http.StatusForbidden {
		t.Errorf("with an old link: %d", got.Code)
	}
	w.RestrictRead(w.restart)
	w.reader.get("/wiki"+link).want(t, 404)
	w.reader.get("/wiki/api/v2/attachments/"+id).want(t, 404)
}

// TestInlineComments puts an anchor into the page, which an edit of the page must keep.
func TestInlineComments(t *testing.T) {
	w := newWorld(t)
	post := func(selection string, count int) answer {
		return w.writer.do("POST", "/wiki/api/v2/inline-comments", `{"pageId":"`+w.restart+`","body":{"representation":"storage","value":"<p>which?</p>"},"inlineCommentProperties":{"textSelection":"`+selection+`","textSelectionMatchCount":`+string(rune('0'+count))+`,"textSelectionMatchIndex":0}}`)
	}
	post("nothing", 1).want(t, 400)
	post("p", 1).want(t, 400)
	a := post("queue", 1).want(t, 201)
	p, _ := w.Page(w.restart)
	marker := `<ac:inline-comment-marker ac:ref="` + a.at("properties.inlineMarkerRef") + `">queue</ac:inline-comment-marker>`
	if !strings.Contains(p.Body, marker) || len(p.Versions) != 1 || len(p.Inline) != 1 || len(p.Comments) != 0 {
		t.Errorf("got %+v", p)
	}
	w.rollback.do("DELETE", "/wiki/api/v2/footer-comments/"+a.at("id"), "").want(t, 404)
	w.rollback.do("DELETE", "/wiki/api/v2/inline-comments/"+a.at("id"), "").want(t, 204)
}
