// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// FuzzServe sends anything to the sites of both kinds. They answer, in JSON, and never with what a bug would look like.
func FuzzServe(f *testing.F) {
	const doc = `{"type":"doc","version":1,"content":[]}`
	for _, seed := range [][3]string{
		{"GET", "/rest/api/3/search/jql?jql=project%3DENG&fields=*all&expand=changelog,editmeta", ""},
		{"POST", "/rest/api/3/issue", `{"fields":{"project":{"key":"ENG"},"issuetype":{"name":"Task"},"summary":"x","description":` + doc + `},"update":{"issuelinks":[{"add":{"type":{"name":"Blocks"},"outwardIssue":{"key":"ENG-1"}}}]}}`},
		{"PUT", "/rest/api/3/issue/ENG-1", `{"update":{"labels":[{"add":"x"}],"comment":[{"add":{"body":` + doc + `}}]},"properties":[{"key":"k","value":null}]}`},
		{"PUT", "/rest/api/3/issue/ENG-1/assignee", `{"accountId":null}`},
		{"POST", "/rest/api/3/issue/ENG-1/remotelink", `{"object":{"url":"https://example.com","title":"t"}}`},
		{"POST", "/rest/api/3/bulk/issues/move", `{"targetToSourcesMapping":{",,":{"issueIdsOrKeys":["ENG-1"]}}}`},
		{"POST", "/rest/api/3/bulk/issues/fields", `{"selectedIssueIdsOrKeys":["ENG-1"],"editedFieldsInput":{"labelsFields":[{"bulkEditMultiSelectFieldOption":"REMOVE_ALL"}]}}`},
		{"PUT", "/wiki/api/v2/pages/PAGE", `{"id":"PAGE","status":"draft","title":"x","body":{"storage":{"value":"<p/>"}},"version":{"number":2}}`},
		{"POST", "/wiki/api/v2/inline-comments", `{"pageId":"PAGE","body":{"representation":"storage","value":""},"inlineCommentProperties":{"textSelection":"a","textSelectionMatchCount":2,"textSelectionMatchIndex":1}}`},
		{"PUT", "/wiki/rest/api/content/PAGE/restriction", `{"results":[{"operation":"read","restrictions":{"user":{"results":[]}}}]}`},
		{"PUT", "/wiki/rest/api/content/PAGE/move/before/PAGE", ""},
		{"POST", "/wiki/rest/api/content/PAGE/copy", `{"destination":{"type":"space","value":"ENG"},"pageTitle":"c"}`},
		{"GET", "/wiki/rest/api/content/search?cql=contributor%3DcurrentUser()&expand=history,body.storage&cursor=x", ""},
		{"POST", "/oauth/token", `{"grant_type":"refresh_token"}`},
		{"GET", "/ex/jira/x/rest/api/3/myself", ""},
		{"PUT", "/rest/api/content/PAGE", `{"type":"page","title":"t","version":{"number":2},"ancestors":[{"id":"PAGE"}]}`},
		{"POST", "/rest/api/2/search", `{"jql":"key=ENG-1","startAt":-1,"maxResults":-1}`},
		{"POST", "/rest/api/content", `{"type":"comment","container":{"id":"PAGE"},"body":{"storage":{"value":"<p/>"}}}`},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, method, target, body string) {
		for _, config := range []Config{{LegacyContent: true}, {DataCenter: true}} {
			s := New(config)
			s.AddSpace("ENG", "Engineering")
			page := s.AddPage(PageSeed{Space: "ENG", Title: "A page", Body: "<p>a a</p>"})
			s.AddProject("ENG", "Engineering")
			s.AddIssue(IssueSeed{Project: "ENG", Summary: "An issue"})
			s.AddAccount(Account{Email: "a@example.com", Token: "t", Admin: true, Scopes: append(everyScope(), "write:content:confluence")})
			at, err := url.ParseRequestURI(strings.ReplaceAll(target, "PAGE", page))
			if err != nil || at.Host != "" {
				return
			}
			r := &http.Request{Method: method, URL: at, Header: http.Header{}, Host: "example.com", ContentLength: int64(len(body))}
			r.Body = http.NoBody
			if body != "" {
				body = strings.ReplaceAll(body, "PAGE", page)
				r.Body = io.NopCloser(strings.NewReader(body))
				r.Header.Set("Content-Type", "application/json")
			}
			r.SetBasicAuth("a@example.com", "t")
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r.WithContext(t.Context()))
			if w.Code < 200 || w.Code >= 500 {
				t.Errorf("%s %s: status %d %s", method, target, w.Code, w.Body)
			}
			s.Page(page)
			s.Issue("ENG-1")
		}
	})
}
