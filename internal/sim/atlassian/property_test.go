// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// consistent tells what is wrong with the site's trees, if anything.
func (s *Site) consistent() error {
	titles := make(map[string]string)
	for _, n := range s.sortedNodes() {
		times := 0
		for _, sibling := range *n.siblings() {
			if sibling == n {
				times++
			}
		}
		want := 1
		if n.status == statusTrashed {
			want = 0
		}
		if times != want {
			return fmt.Errorf("%s page %s is %d times among its siblings", n.status, n.id, times)
		}
		if n.status != statusTrashed && n.parent != nil && (n.parent.space != n.space || !n.parent.listed()) {
			return fmt.Errorf("page %s is below %s page %s of the space %s", n.id, n.parent.status, n.parent.id, n.parent.space.key)
		}
		for _, child := range n.children {
			if child.parent != n || s.nodes[child.id] != child {
				return fmt.Errorf("page %s has the child %s that is not its own", n.id, child.id)
			}
		}
		for at, v := range n.versions {
			if v.number != at+1 {
				return fmt.Errorf("page %s has the version %d at place %d", n.id, v.number, at)
			}
		}
		if key := n.space.id + "/" + strings.ToLower(n.title()); n.listed() {
			if titles[key] != "" {
				return fmt.Errorf("the pages %s and %s have one title", titles[key], n.id)
			}
			titles[key] = n.id
		}
	}
	return nil
}

// TestTreeStaysWhole sends random writes, sensible and not, and checks after each that the pages still are trees, that
// refusals have no effect on a page's version, and that nothing but documented statuses comes back.
func TestTreeStaysWhole(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		site := New(Config{})
		site.AddAccount(Account{Email: "a@example.com", Token: "t", Scopes: everyScope()})
		ids := []string{}
		for _, key := range []string{"A", "B"} {
			site.AddSpace(key, key)
			ids = append(ids, site.HomepageID(key))
			for _, title := range []string{"one", "two"} {
				ids = append(ids, site.AddPage(PageSeed{Space: key, Title: title}))
			}
		}
		send := func(method, target, body string) int {
			r := httptest.NewRequest(method, target, strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			r.SetBasicAuth("a@example.com", "t")
			w := httptest.NewRecorder()
			site.ServeHTTP(w, r)
			return w.Code
		}
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			id, other := rapid.SampledFrom(ids).Draw(rt, "page"), rapid.SampledFrom(ids).Draw(rt, "other")
			title := rapid.SampledFrom([]string{"one", "Two", "three", "four"}).Draw(rt, "title")
			before, there := site.Page(id)
			version := len(before.Versions) + rapid.IntRange(0, 1).Draw(rt, "increment")
			var status int
			switch rapid.SampledFrom([]string{"create", "update", "move", "trash", "purge", "restore"}).Draw(rt, "step") {
			case "create":
				status = send("POST", "/wiki/api/v2/pages", fmt.Sprintf(`{"spaceId":%q,"title":%q,"parentId":%q}`, before.SpaceID, title, other))
				ids = append(ids, site.last())
			case "update":
				status = send("PUT", "/wiki/api/v2/pages/"+id, fmt.Sprintf(
					`{"id":%q,"status":"current","title":%q,"parentId":%q,"body":{"representation":"storage","value":""},"version":{"number":%d}}`, id, title, other, version))
			case "restore":
				status = send("PUT", "/wiki/api/v2/pages/"+id, fmt.Sprintf(
					`{"id":%q,"status":"current","title":%q,"body":{"representation":"storage","value":""},"version":{"number":%d}}`, id, before.Title, version))
			case "move":
				position := rapid.SampledFrom([]string{"before", "after", "append"}).Draw(rt, "position")
				status = send("PUT", "/wiki/rest/api/content/"+id+"/move/"+position+"/"+other, "")
			case "trash":
				status = send("DELETE", "/wiki/api/v2/pages/"+id, "")
			case "purge":
				status = send("DELETE", "/wiki/api/v2/pages/"+id+"?purge=true", "")
			}
			if !slices.Contains([]int{200, 204, 400, 404, 409}, status) {
				rt.Fatalf("got status %d", status)
			}
			after, still := site.Page(id)
			if status >= 400 && (there != still || len(before.Versions) != len(after.Versions) || before.ParentID != after.ParentID) {
				rt.Fatalf("a refusal with %d had an effect", status)
			}
			if err := site.consistent(); err != nil {
				rt.Fatal(err)
			}
		}
	})
}

// last is the id of the newest page.
func (s *Site) last() string {
	nodes := s.sortedNodes()
	return nodes[len(nodes)-1].id
}

// FuzzRequest sends anything. Nothing may crash the site, break its trees, or be done without credentials.
func FuzzRequest(f *testing.F) {
	const issue = "/rest/api/3/issue"
	for _, seed := range [][3]string{
		{"POST", issue, `{"fields":{"project":{"key":"ENG"},"issuetype":{"name":"Task"},"summary":"s","labels":[null]},"update":{"comment":[{"add":{}}]}}`},
		{"PUT", issue + "/ENG-1", `{"fields":{"parent":{"key":"ENG-1"},"components":[{}]},"update":{"labels":[{"add":null}]}}`},
		{"POST", issue + "/ENG-1/comment", `{"body":` + oneLine + `}`},
		{"POST", issue + "/ENG-1/transitions", `{"transition":{"id":"11"}}`},
		{"POST", "/rest/api/3/search/jql", `{"jql":"project = ENG","fields":["*all"],"expand":"changelog,names"}`},
		{"GET", "/rest/api/3/mypermissions?permissions=A,B&issueKey=ENG-1", ""},
		{"GET", "/wiki/rest/api/search?cql=space%3DENG&start=-1&limit=2&excerpt=highlight", ""},
		{"GET", "/wiki/api/v2/pages?limit=1&cursor=AAAA&sort=-title&body-format=storage", ""},
		{"POST", "/wiki/api/v2/pages", `{"spaceId":"10001","title":"x","body":{"storage":{"value":"<p/>"}}}`},
		{"PUT", "/wiki/api/v2/pages/10002", `{"id":"10002","status":"current","title":"x","parentId":"10002","body":{"representation":"storage"},"version":{"number":2}}`},
		{"DELETE", "/wiki/api/v2/pages/10002?purge=true", ""},
		{"POST", "/wiki/rest/api/content/10002/label", `[{"prefix":"global","name":"x"}]`},
		{"PUT", "/wiki/rest/api/content/10003/move/before/10002", ""},
		{"POST", "/wiki/rest/api/content/10002/version", `{"operationKey":"restore","params":{"versionNumber":1,"message":""}}`},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, method, target, body string) {
		site := New(Config{})
		site.AddAccount(Account{Email: "a@example.com", Token: "t", Scopes: everyScope(), Admin: true})
		site.AddSpace("ENG", "Engineering")
		site.AddPage(PageSeed{Space: "ENG", Title: "Runbooks"})
		site.AddProject("ENG", "Engineering")
		site.AddIssue(IssueSeed{Project: "ENG", Summary: "x"})
		r, err := http.NewRequest(method, target, strings.NewReader(body))
		if err != nil {
			t.Skip("no request")
		}
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r.Clone(t.Context()))
		if w.Code != http.StatusUnauthorized && r.URL.Path != "/_edge/tenant_info" {
			t.Errorf("got %d without credentials", w.Code)
		}
		r.SetBasicAuth("a@example.com", "t")
		r.Body = http.NoBody
		if body != "" {
			r.Body = httptest.NewRequest("POST", "/", strings.NewReader(body)).Body
		}
		w = httptest.NewRecorder()
		site.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("got %d", w.Code)
		}
		if err := site.consistent(); err != nil {
			t.Error(err)
		}
	})
}
