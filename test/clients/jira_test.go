// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"testing"

	"github.com/ctreminiom/go-atlassian/v2/pkg/infra/models"

	"github.com/clawea/clawea/internal/sim/atlassian"
)

// paragraph is a document of one paragraph in the Atlassian document format.
func paragraph(text string) *models.CommentNodeScheme {
	return &models.CommentNodeScheme{Version: 1, Type: "doc", Content: []*models.CommentNodeScheme{
		{Type: "paragraph", Content: []*models.CommentNodeScheme{{Type: "text", Text: text}}},
	}}
}

// said is the text of such a document.
func said(doc *models.CommentNodeScheme) string {
	if doc == nil || len(doc.Content) != 1 || len(doc.Content[0].Content) != 1 {
		return ""
	}
	return doc.Content[0].Content[0].Text
}

func TestJiraIssues(t *testing.T) {
	t.Parallel()
	s := openSite(t)
	s.AddProject("ENG", "Engineering")
	s.AddIssue(atlassian.IssueSeed{Project: "ENG", Type: "Bug", Summary: "Queue stuck", Description: "It is stuck.", Labels: []string{"payments"}})
	c := s.jira(t, siteToken)

	got, _, err := c.Issue.Get(t.Context(), "ENG-1", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	f := got.Fields
	if got.Key != "ENG-1" || f.Summary != "Queue stuck" || f.Project.Key != "ENG" || f.IssueType.Name != "Bug" ||
		said(f.Description) != "It is stuck." || !slices.Equal(f.Labels, []string{"payments"}) || f.Status == nil || f.Created == nil {
		t.Errorf("got %+v %+v", got, f)
	}
	got, _, err = c.Issue.Get(t.Context(), "ENG-1", []string{"summary", "status"}, []string{"changelog"})
	if err != nil {
		t.Fatal(err)
	}
	if got.Fields.Summary != "Queue stuck" || got.Fields.Status == nil || got.Fields.Description != nil || got.Changelog == nil {
		t.Errorf("of two fields and the changelog: got %+v %+v", got, got.Fields)
	}

	made, _, err := c.Issue.Create(t.Context(), &models.IssueScheme{Fields: &models.IssueFieldsScheme{
		Project: &models.ProjectScheme{Key: "ENG"}, IssueType: &models.IssueTypeScheme{Name: "Task"},
		Summary: "Watch the queue", Description: paragraph("Day and night."), Labels: []string{"ops"},
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	left, ok := s.Issue(made.Key)
	if !ok || made.Key != "ENG-2" || left.Summary != "Watch the queue" || left.Type != "Task" || !slices.Equal(left.Labels, []string{"ops"}) {
		t.Errorf("made %+v, left %+v", made, left)
	}

	comment, _, err := c.Issue.Comment.Add(t.Context(), "ENG-2", &models.CommentPayloadScheme{Body: paragraph("On it.")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if said(comment.Body) != "On it." || comment.Author.AccountID != s.account || comment.Created == "" {
		t.Errorf("got %+v", comment)
	}
	all, _, err := c.Issue.Comment.Gets(t.Context(), "ENG-2", "", nil, 0, 50)
	if err != nil {
		t.Fatal(err)
	}
	if all.Total != 1 || len(all.Comments) != 1 || all.Comments[0].ID != comment.ID {
		t.Errorf("got %+v", all)
	}
}

func TestJiraErrors(t *testing.T) {
	t.Parallel()
	s := openSite(t)
	s.AddProject("ENG", "Engineering")
	c := s.jira(t, siteToken)

	_, resp, err := c.Issue.Get(t.Context(), "ENG-9", nil, nil)
	wantStatus(t, resp, err, http.StatusNotFound)
	_, resp, err = c.Issue.Create(t.Context(), &models.IssueScheme{Fields: &models.IssueFieldsScheme{
		Project: &models.ProjectScheme{Key: "ENG"}, IssueType: &models.IssueTypeScheme{Name: "Task"},
	}}, nil)
	wantStatus(t, resp, err, http.StatusBadRequest) // no summary
	_, resp, err = c.Issue.Search.SearchJQL(t.Context(), "project = ", nil, nil, 10, "")
	wantStatus(t, resp, err, http.StatusBadRequest)
	_, resp, err = s.jira(t, "another").MySelf.Details(t.Context(), nil)
	wantStatus(t, resp, err, http.StatusUnauthorized)
	resp, err = c.Issue.Delete(t.Context(), "ENG-9", false)
	wantStatus(t, resp, err, http.StatusForbidden) // the account has no such scope
}

func TestJiraSearch(t *testing.T) {
	t.Parallel()
	s := openSite(t)
	s.AddProject("ENG", "Engineering")
	var want []string
	for i := range 5 {
		s.AddIssue(atlassian.IssueSeed{Project: "ENG", Type: "Task", Summary: fmt.Sprintf("Drill %d", i+1)})
		want = append(want, fmt.Sprintf("ENG-%d", i+1))
	}
	c := s.jira(t, siteToken)

	var got []string
	next, pages := "", 0
	for {
		found, _, err := c.Issue.Search.SearchJQL(t.Context(), "project = ENG ORDER BY key ASC", []string{"summary"}, nil, 2, next)
		if err != nil {
			t.Fatal(err)
		}
		pages++
		for _, issue := range found.Issues {
			if issue.Fields == nil || issue.Fields.Summary == "" {
				t.Errorf("%s has no summary", issue.Key)
			}
			got = append(got, issue.Key)
		}
		if next = found.NextPageToken; next == "" || pages > 5 {
			break
		}
	}
	if pages != 3 || !slices.Equal(got, want) {
		t.Errorf("got %q on %d pages, want %q on 3", got, pages, want)
	}
	ids, _, err := c.Issue.Search.SearchJQL(t.Context(), `summary ~ "drill" AND key = ENG-3`, nil, nil, 10, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(ids.Issues) != 1 || ids.Issues[0].ID == "" {
		t.Errorf("got %+v", ids)
	}
}

// TestJiraRemovedSearch uses what go-atlassian still offers and Jira has
// removed. The specification still has it as deprecated, without its answer.
func TestJiraRemovedSearch(t *testing.T) {
	t.Parallel()
	s := openSite(t,
		&tolerance{reason: "Search.Get uses the removed GET /search", fault: regexp.MustCompile(`GET /rest/api/3/search\?.* is deprecated`)},
		&tolerance{reason: "its answer is not specified", fault: regexp.MustCompile(`GET /rest/api/3/search\?.* response 410: status is not supported`)},
		&tolerance{reason: "Search.Post uses the removed POST /search", fault: regexp.MustCompile(`POST /rest/api/3/search: .* is deprecated`)},
		&tolerance{reason: "its answer is not specified", fault: regexp.MustCompile(`POST /rest/api/3/search: response 410: status is not supported`)},
	)
	s.AddProject("ENG", "Engineering")
	c := s.jira(t, siteToken)
	//lint:ignore SA1019 that it is removed is the point
	_, resp, err := c.Issue.Search.Get(t.Context(), "project = ENG", nil, nil, 0, 10, "")
	wantStatus(t, resp, err, http.StatusGone)
	//lint:ignore SA1019 so is this
	_, resp, err = c.Issue.Search.Post(t.Context(), "project = ENG", nil, nil, 0, 10, "")
	wantStatus(t, resp, err, http.StatusGone)
}

func TestJiraProjects(t *testing.T) {
	t.Parallel()
	s := openSite(t)
	id := s.AddProject("ENG", "Engineering")
	s.AddProject("OPS", "Operations")
	c := s.jira(t, siteToken)

	for _, name := range []string{"ENG", id} {
		got, _, err := c.Project.Get(t.Context(), name, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got.ID != id || got.Key != "ENG" || got.Name != "Engineering" || len(got.IssueTypes) == 0 {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	_, resp, err := c.Project.Get(t.Context(), "NONE", nil)
	wantStatus(t, resp, err, http.StatusNotFound)

	page, _, err := c.Project.Search(t.Context(), &models.ProjectSearchOptionsScheme{Keys: []string{"OPS"}}, 0, 50)
	if err != nil {
		t.Fatal(err)
	}
	if page.Total != 1 || len(page.Values) != 1 || page.Values[0].Key != "OPS" || !page.IsLast {
		t.Errorf("got %+v", page)
	}
	me, _, err := c.MySelf.Details(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if me.AccountID != s.account || me.EmailAddress != siteEmail || me.DisplayName != "Bot" || !me.Active {
		t.Errorf("got %+v", me)
	}
}
