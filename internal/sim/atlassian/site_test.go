// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAuthentication(t *testing.T) {
	w := newWorld(t)
	w.AddAccount(Account{Email: "tokenless@example.com", Scopes: ReaderScopes()})
	tests := []struct{ name, email, token string }{
		{"no credentials", "", ""},
		{"wrong token", w.reader.email, "guess"},
		{"other's token", w.reader.email, w.writer.token},
		{"unknown account", "who@example.com", w.reader.token},
		{"account without a token", "tokenless@example.com", ""},
		{"the site's own account", "editor@site.invalid", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := &client{t: t, handler: w.checked, email: test.email, token: test.token}
			for _, target := range []string{"/rest/api/3/myself", "/wiki/api/v2/spaces", "/wiki/rest/api/search?cql=space%3DENG"} {
				a := c.get(target).want(t, 401)
				if a.header.Get("X-AAccountId") != "" || a.header.Get("WWW-Authenticate") == "" {
					t.Errorf("%s: got headers %v", target, a.header)
				}
			}
		})
	}
	if got := (&client{t: t, handler: w.checked}).get("/_edge/tenant_info").want(t, 200).at("cloudId"); got != w.CloudID() {
		t.Errorf("got cloud id %q, want %q", got, w.CloudID())
	}
	if got := w.reader.get("/rest/api/3/myself").want(t, 200).at("accountId"); got != w.reader.id {
		t.Errorf("got account %q, want %q", got, w.reader.id)
	}
}

// TestCredentialSeparation checks that the published sets of scopes keep to their sides.
func TestCredentialSeparation(t *testing.T) {
	w := newWorld(t)
	writerOnly := w.client("writer only", WriterScopes(), false)
	page := `{"spaceId":"` + w.eng + `","status":"current","title":"X","body":{"representation":"storage","value":""}}`
	tests := []struct {
		who                  *client
		method, target, body string
		want                 int
	}{
		{w.reader, "GET", "/wiki/api/v2/pages/" + w.restart, "", 200},
		{w.reader, "POST", "/wiki/api/v2/pages", page, 403},
		{w.reader, "DELETE", "/rest/api/3/issue/ENG-1", "", 403},
		{writerOnly, "GET", "/wiki/api/v2/pages/" + w.restart, "", 403},
		{writerOnly, "GET", "/rest/api/3/issue/ENG-1", "", 403},
		{writerOnly, "POST", "/wiki/api/v2/pages", page, 200},
		{writerOnly, "DELETE", "/wiki/api/v2/pages/" + w.restart, "", 403},
		{writerOnly, "DELETE", "/rest/api/3/issue/ENG-1", "", 403},
		{w.rollback, "DELETE", "/rest/api/3/issue/ENG-1", "", 403},
		{w.rollback, "DELETE", "/wiki/api/v2/pages/" + w.restart, "", 204},
	}
	for _, test := range tests {
		a := test.who.do(test.method, test.target, test.body)
		if a.status != test.want {
			t.Errorf("%s as %s: got %d %s, want %d", test.method+" "+test.target, test.who.email, a.status, a.text, test.want)
		}
	}
}

func TestThrottle(t *testing.T) {
	w := newWorld(t)
	w.Throttle(2, 1500*time.Millisecond, "jira-burst-based")
	for range 2 {
		a := w.writer.do("PUT", "/rest/api/3/issue/ENG-1", `{"fields":{"summary":"changed"}}`).want(t, 429)
		got := []string{a.header.Get("Retry-After"), a.header.Get("RateLimit-Reason"), a.header.Get("X-RateLimit-Remaining"), a.header.Get("X-RateLimit-Reset")}
		if diff := cmp.Diff([]string{"2", "jira-burst-based", "0", "2026-03-02T10:00:01Z"}, got); diff != "" {
			t.Errorf("headers (-want +got):\n%s", diff)
		}
	}
	if i, _ := w.Issue("ENG-1"); i.Summary != "Queue stuck" {
		t.Errorf("a throttled request had an effect: %q", i.Summary)
	}
	w.writer.do("PUT", "/rest/api/3/issue/ENG-1", `{"fields":{"summary":"changed"}}`).want(t, 204)
}

func TestRequestsAreLogged(t *testing.T) {
	w := newWorld(t)
	w.reader.get("/wiki/api/v2/pages/" + w.restart + "?body-format=storage")
	(&client{t: t, handler: w.checked, email: "who@example.com", token: "x"}).get("/rest/api/3/myself")
	got := w.Requests()
	want := []Request{
		{Method: "GET", Path: "/wiki/api/v2/pages/" + w.restart, Query: map[string][]string{"body-format": {"storage"}}, Account: w.reader.id},
		{Method: "GET", Path: "/rest/api/3/myself", Query: map[string][]string{}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestHookIsTheConcurrentEditor(t *testing.T) {
	w := newWorld(t)
	calls := 0
	w.OnWrite(func(r Request) bool { return r.Method == "PUT" && strings.HasPrefix(r.Path, "/wiki/") }, func(r Request) {
		if calls++; calls == 1 {
			w.EditPage(w.restart, "", "<p>Somebody else was here</p>")
		}
	})
	w.writer.get("/wiki/api/v2/pages/"+w.restart).want(t, 200)
	w.writer.do("PUT", "/rest/api/3/issue/ENG-1", `{"fields":{"summary":"changed"}}`).want(t, 204)
	if calls != 0 {
		t.Error("the hook ran for a request that does not match")
	}
	w.writer.update(w.restart, "Restart payments", "<p>mine</p>", 2).want(t, 409)
	w.writer.update(w.restart, "Restart payments", "<p>mine</p>", 3).want(t, 200)
	w.reader.update(w.restart, "Restart payments", "<p>mine</p>", 4).want(t, 403)
	if calls != 2 {
		t.Errorf("the hook ran %d times, want 2: not for what is not authorised", calls)
	}
}

func TestRequestLimits(t *testing.T) {
	w := newWorld(t)
	big := `{"fields":{"summary":"` + strings.Repeat("x", maxBody) + `"}}`
	if a := w.raw.do("PUT", "/rest/api/3/issue/ENG-1", big); a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("got %d, want 413", a.status)
	}
	r := httptest.NewRequest("PUT", "/rest/api/3/issue/ENG-1", strings.NewReader("summary=x"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(w.all.email, w.all.token)
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	if rec.Code != http.StatusUnsupportedMediaType {
		t.Errorf("got %d, want 415", rec.Code)
	}
	for _, target := range []string{"/rest/api/3/issue/ENG-1", "/wiki/api/v2/pages/" + w.restart} {
		if a := w.raw.do("PUT", target, "{"); a.status != http.StatusBadRequest {
			t.Errorf("%s with half an object: got %d, want 400", target, a.status)
		}
	}
}

// TestErrorShapes holds the bodies of errors against what the three interfaces document.
func TestErrorShapes(t *testing.T) {
	w := newWorld(t)
	a := w.reader.get("/rest/api/3/issue/ENG-99").want(t, 404)
	if a.at("errorMessages.0") == "" || a.at("errors") == "" {
		t.Errorf("Jira: got %s", a.text)
	}
	a = w.reader.get("/wiki/api/v2/pages/99").want(t, 404)
	if got := a.at("errors.0.status") + " " + a.at("errors.0.code"); got != "404 NOT_FOUND" || a.at("errors.0.title") == "" {
		t.Errorf("Confluence v2: got %s", a.text)
	}
	a = w.reader.get("/wiki/rest/api/content/99/restriction/byOperation").want(t, 404)
	if got := a.at("statusCode") + " " + a.at("data.successful"); got != "404 false" || a.at("data.errors.0.message.translation") == "" {
		t.Errorf("Confluence v1: got %s", a.text)
	}
}

func TestIDsAreNeverReused(t *testing.T) {
	w := newWorld(t)
	seen := make(map[string]bool)
	for n := range 20 {
		page := w.AddPage(PageSeed{Space: "ENG", Title: fmt.Sprint("Page ", n)})
		issue := w.AddIssue(IssueSeed{Project: "ENG", Summary: "x"})
		for _, id := range []string{page, issue} {
			if seen[id] {
				t.Fatalf("the id %s is used twice", id)
			}
			seen[id] = true
		}
		w.all.do("DELETE", "/wiki/api/v2/pages/"+page, "").want(t, 204)
		w.all.do("DELETE", "/wiki/api/v2/pages/"+page+"?purge=true", "").want(t, 204)
		w.all.do("DELETE", "/rest/api/3/issue/"+issue, "").want(t, 204)
	}
	if got := w.reader.get("/rest/api/3/search/jql?jql=project%3DENG").want(t, 200).at("issues.#"); got != "1" {
		t.Errorf("got %s issues left, want 1", got)
	}
	if key := w.AddIssue(IssueSeed{Project: "ENG", Summary: "x"}); w.mustKey(key) != "ENG-22" {
		t.Errorf("got key %s, want ENG-22: keys are not reused either", w.mustKey(key))
	}
}

func (w *world) mustKey(id string) string {
	w.t.Helper()
	i, found := w.Issue(id)
	if !found {
		w.t.Fatalf("no issue has the id %s", id)
	}
	return i.Key
}

// TestConcurrentUpdates lets many editors increment one page. Each version must have exactly one winner, and no update
// may be lost.
func TestConcurrentUpdates(t *testing.T) {
	w := newWorld(t)
	const editors, rounds = 8, 5
	var group sync.WaitGroup
	for range editors {
		group.Go(func() {
			for won := 0; won < rounds; {
				page := w.writer.get("/wiki/api/v2/pages/" + w.restart + "?body-format=storage")
				var version int
				if _, err := fmt.Sscan(page.at("version.number"), &version); err != nil {
					t.Error(err)
					return
				}
				a := w.writer.update(w.restart, "Restart payments", page.at("body.storage.value")+"+", version+1)
				switch a.status {
				case 200:
					won++
				case 409:
				default:
					t.Errorf("got %d %s", a.status, a.text)
					return
				}
			}
		})
	}
	group.Wait()
	p, _ := w.Page(w.restart)
	if got, want := len(p.Versions), 1+editors*rounds; got != want {
		t.Errorf("got %d versions, want %d", got, want)
	}
	if got, want := strings.Count(p.Body, "+"), editors*rounds; got != want {
		t.Errorf("got %d updates in the body, want %d", got, want)
	}
}

// update replaces a page.
func (c *client) update(id, title, body string, version int) answer {
	c.t.Helper()
	return c.do("PUT", "/wiki/api/v2/pages/"+id, fmt.Sprintf(
		`{"id":%q,"status":"current","title":%q,"body":{"representation":"storage","value":%q},"version":{"number":%d}}`, id, title, body, version))
}
