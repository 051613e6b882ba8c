// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// jql returns the keys of what a query finds, in order.
func (c *client) jql(query string) string {
	c.t.Helper()
	body, err := json.Marshal(object{"jql": query, "fields": []string{"summary"}, "maxResults": 100})
	if err != nil {
		c.t.Fatal(err)
	}
	return c.do("POST", "/rest/api/3/search/jql", string(body)).want(c.t, 200).column("issues", "key")
}

func TestSearch(t *testing.T) {
	w := newWorld(t)
	for n := range 6 {
		w.AddIssue(IssueSeed{Project: "ENG", Summary: "Issue " + strconv.Itoa(n)})
	}
	search := func(body string) answer { return w.reader.do("POST", "/rest/api/3/search/jql", body) }
	first := search(`{"jql":"project = ENG ORDER BY key","maxResults":3}`).want(t, 200)
	if diff := cmp.Diff(map[string]any{"id": w.bug}, first.body.(map[string]any)["issues"].([]any)[0]); diff != "" {
		t.Errorf("without fields an issue is its id (-want +got):\n%s", diff)
	}
	pages, found := 1, strings.Fields(first.column("issues", "id"))
	for token := first.at("nextPageToken"); token != ""; pages++ {
		a := search(`{"jql":"project = ENG ORDER BY key","maxResults":3,"nextPageToken":"`+token+`"}`).want(t, 200)
		found = append(found, strings.Fields(a.column("issues", "id"))...)
		token = a.at("nextPageToken")
		if (token == "") != (a.at("isLast") == "true") {
			t.Errorf("got isLast %s and token %q", a.at("isLast"), token)
		}
	}
	if pages != 3 || len(found) != 7 {
		t.Errorf("got %d issues on %d pages, want 7 on 3", len(found), pages)
	}

	token := first.at("nextPageToken")
	refused := []string{
		`{"jql":"project = OPS OR project = ENG","nextPageToken":"` + token + `"}`, // a token is of one query
		`{"jql":"project = ENG","nextPageToken":"made-up"}`,
		`{"jql":"project = ENG","maxResults":0}`,
		`{"jql":"project = ENG","startAt":1}`,
		`{"jql":""}`, `{}`, `{"jql":"ORDER BY created"}`,
		`{"jql":"project = NONE"}`,
	}
	for _, body := range refused {
		if a := w.raw.do("POST", "/rest/api/3/search/jql", body); a.status != 400 || a.at("errorMessages.0") == "" {
			t.Errorf("%s: got %d %s, want 400", body, a.status, a.text)
		}
	}
	if a := w.raw.do("POST", "/rest/api/3/search/jql", `{"jql":"order by key"}`); !strings.HasPrefix(a.at("errorMessages.0"), "Unbounded JQL") {
		t.Errorf("got %s", a.text)
	}
	if a := w.raw.get("/rest/api/3/search/jql"); a.status != 400 {
		t.Errorf("GET without a query: got %d, want 400", a.status)
	}
	w.clock.advance(8 * 24 * time.Hour)
	search(`{"jql":"project = ENG ORDER BY key","maxResults":3,"nextPageToken":"`+token+`"}`).want(t, 400)
}

func TestSearchPageSizes(t *testing.T) {
	w := newWorld(t)
	for range 150 {
		w.AddIssue(IssueSeed{Project: "ENG", Summary: "x"})
	}
	tests := []struct{ body, want string }{
		{`{"jql":"project = ENG"}`, "50"},
		{`{"jql":"project = ENG","maxResults":1000}`, "151"},
		{`{"jql":"project = ENG","maxResults":1000,"fields":["summary"]}`, "100"},
	}
	for _, test := range tests {
		if got := w.reader.do("POST", "/rest/api/3/search/jql", test.body).want(t, 200).at("issues.#"); got != test.want {
			t.Errorf("%s: got %s issues, want %s", test.body, got, test.want)
		}
	}
}

func TestSearchLag(t *testing.T) {
	w := newWorld(t)
	w.lag = time.Minute
	w.clock.advance(time.Hour)
	id := w.AddIssue(IssueSeed{Project: "ENG", Summary: "New"})
	page := w.AddPage(PageSeed{Space: "ENG", Title: "New"})
	if got := w.reader.jql("project = ENG"); got != "ENG-1" {
		t.Errorf("got %q before the index has caught up, want ENG-1", got)
	}
	a := w.reader.do("POST", "/rest/api/3/search/jql", `{"jql":"project = ENG","reconcileIssues":[`+id+`]}`).want(t, 200)
	if got := a.at("issues.#"); got != "2" {
		t.Errorf("got %s reconciled issues, want 2", got)
	}
	if got := w.reader.cql("title = New"); got != "" {
		t.Errorf("got %q before the index has caught up", got)
	}
	w.clock.advance(time.Minute)
	if got := w.reader.jql("project = ENG") + " " + w.reader.cql("title = New"); got != "ENG-2 ENG-1 "+page {
		t.Errorf("got %q after the index has caught up", got)
	}
}

// TestSearchByGet holds the two ways to ask against each other.
func TestSearchByGet(t *testing.T) {
	w := library(t)
	id := w.AddIssue(IssueSeed{Project: "OPS", Summary: "Newest"})
	get := w.reader.get("/rest/api/3/search/jql?jql=project+%3D+ENG+order+by+key&fields=summary,status&maxResults=2&expand=names&reconcileIssues="+id).want(t, 200)
	post := w.reader.do("POST", "/rest/api/3/search/jql",
		`{"jql":"project = ENG order by key","fields":["summary","status"],"maxResults":2,"expand":"names","reconcileIssues":[`+id+`]}`).want(t, 200)
	if diff := cmp.Diff(post.text, get.text); diff != "" {
		t.Errorf("GET differs from POST (-POST +GET):\n%s", diff)
	}
	if got := get.at("names.summary"); got != "Summary" {
		t.Errorf("got name %q, want Summary", got)
	}
	for _, query := range []string{"maxResults=many", "reconcileIssues=ENG-1", "maxResults=-1"} {
		w.raw.get("/rest/api/3/search/jql?jql=project%3DENG&"+query).want(t, 400)
	}
	many := `{"jql":"project = ENG","reconcileIssues":[` + strings.Repeat("1,", 50) + `1]}`
	w.raw.do("POST", "/rest/api/3/search/jql", many).want(t, 400)
}

func TestSearchOrder(t *testing.T) {
	w := library(t)
	tests := []struct{ order, want string }{
		{"key", "ENG-1 ENG-2 ENG-3 ENG-4 ENG-5 OPS-1"},
		{"id desc", "OPS-1 ENG-5 ENG-4 ENG-3 ENG-2 ENG-1"},
		{"created, key desc", "ENG-1 OPS-1 ENG-5 ENG-4 ENG-3 ENG-2"},
		{"updated desc, key", "ENG-2 ENG-3 ENG-4 ENG-5 OPS-1 ENG-1"},
		{"project desc, key", "OPS-1 ENG-1 ENG-2 ENG-3 ENG-4 ENG-5"},
		{"status desc, key", "ENG-2 ENG-3 ENG-1 ENG-4 ENG-5 OPS-1"},
		{"issuetype, key", "ENG-1 ENG-4 ENG-5 ENG-2 ENG-3 OPS-1"},
		{"assignee desc, key", "ENG-2 ENG-1 ENG-3 ENG-4 ENG-5 OPS-1"},
		{"reporter desc, key", "ENG-2 ENG-1 ENG-3 ENG-4 ENG-5 OPS-1"},
		{"due, key", "ENG-1 ENG-2 ENG-3 ENG-4 ENG-5 OPS-1"},
	}
	for _, test := range tests {
		if got := w.reader.jql("project in (ENG, OPS) ORDER BY " + test.order); got != test.want {
			t.Errorf("by %s\ngot  %s\nwant %s", test.order, got, test.want)
		}
	}
}
