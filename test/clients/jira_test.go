// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"testing"

	jirav2 "github.com/ctreminiom/go-atlassian/v2/jira/v2"
	jirav3 "github.com/ctreminiom/go-atlassian/v2/jira/v3"
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

// TestJiraWork does the rest of what go-atlassian has: workflow, people, marks,
// and links both ways.
func TestJiraWork(t *testing.T) {
	t.Parallel()
	s := openSite(t)
	account := s.AddAccount(atlassian.Account{Email: "all@example.com", Token: "t", Name: "All", Scopes: wholeScopes(), Admin: true})
	s.AddProject("ENG", "Engineering")
	s.AddIssue(atlassian.IssueSeed{Project: "ENG", Summary: "One"})
	s.AddIssue(atlassian.IssueSeed{Project: "ENG", Summary: "Two"})
	c := s.jira(t, siteToken)
	c.Auth.SetBasicAuth("all@example.com", "t")

	_, err := c.Issue.Update(t.Context(), "ENG-1", false, &models.IssueScheme{Fields: &models.IssueFieldsScheme{Summary: "First"}}, nil, nil)
	must(t, err)
	_, err = c.Issue.Assign(t.Context(), "ENG-1", account)
	must(t, err)
	steps, _, err := c.Issue.Transitions(t.Context(), "ENG-1")
	must(t, err)
	_, err = c.Issue.Move(t.Context(), "ENG-1", steps.Transitions[0].ID, nil)
	must(t, err)
	log, _, err := c.Issue.Get(t.Context(), "ENG-1", nil, []string{"changelog"})
	must(t, err)
	if log.Fields.Status.Name != "In Progress" || log.Fields.Assignee.AccountID != account || len(log.Changelog.Histories) != 3 || log.Changelog.Histories[0].Author.AccountID != account {
		t.Errorf("got %+v %+v", log.Fields, log.Changelog)
	}

	_, err = c.Issue.Property.Set(t.Context(), "ENG-1", "clawea", map[string]string{"job": "1"})
	must(t, err)
	keys, _, err := c.Issue.Property.Gets(t.Context(), "ENG-1")
	must(t, err)
	property, _, err := c.Issue.Property.Get(t.Context(), "ENG-1", "clawea")
	must(t, err)
	if len(keys.Keys) != 1 || fmt.Sprint(property.Value) != "map[job:1]" {
		t.Errorf("got %+v, %+v", keys, property)
	}
	_, err = c.Issue.Property.Delete(t.Context(), "ENG-1", "clawea")
	must(t, err)

	_, err = c.Issue.Link.Create(t.Context(), &models.LinkPayloadSchemeV3{
		Type: &models.LinkTypeScheme{Name: "Blocks"}, InwardIssue: &models.LinkedIssueScheme{Key: "ENG-1"}, OutwardIssue: &models.LinkedIssueScheme{Key: "ENG-2"},
	})
	must(t, err)
	links, _, err := c.Issue.Link.Gets(t.Context(), "ENG-2")
	must(t, err)
	if got := links.Fields.IssueLinks; len(got) != 1 || got[0].InwardIssue.Key != "ENG-1" || got[0].Type.Name != "Blocks" {
		t.Fatalf("got %+v", got)
	}
	link, _, err := c.Issue.Link.Get(t.Context(), links.Fields.IssueLinks[0].ID)
	must(t, err)
	if link.OutwardIssue.Key != "ENG-2" {
		t.Errorf("got %+v", link)
	}
	_, err = c.Issue.Link.Delete(t.Context(), link.ID)
	must(t, err)
	remote, _, err := c.Issue.Link.Remote.Create(t.Context(), "ENG-1", &models.RemoteLinkScheme{
		GlobalID: "job-1", Object: &models.RemoteLinkObjectScheme{URL: "https://example.com/1", Title: "Job 1"},
	})
	must(t, err)
	all, _, err := c.Issue.Link.Remote.Gets(t.Context(), "ENG-1", "")
	must(t, err)
	if len(all) != 1 || all[0].ID != remote.ID || all[0].Object.Title != "Job 1" {
		t.Errorf("got %+v", all)
	}
	_, err = c.Issue.Link.Remote.DeleteByID(t.Context(), "ENG-1", fmt.Sprint(remote.ID))
	must(t, err)
	_, err = c.Issue.Delete(t.Context(), "ENG-2", false)
	must(t, err)
}

// TestJiraGateway comes through the gateway with a service account's token,
// whose scopes hold.
func TestJiraGateway(t *testing.T) {
	t.Parallel()
	s := openSite(t)
	s.AddProject("ENG", "Engineering")
	s.AddIssue(atlassian.IssueSeed{Project: "ENG", Summary: "One"})
	c, err := jirav3.New(nil, s.url+"/ex/jira/"+s.CloudID()+"/")
	must(t, err)
	c.Auth.SetBearerToken(s.serviceToken(t, s.account, "read:issue-meta:jira"))
	got, _, err := c.Issue.Get(t.Context(), "ENG-1", nil, nil)
	must(t, err)
	if got.Fields.Summary != "One" {
		t.Errorf("got %+v", got)
	}
	_, resp, err := c.MySelf.Details(t.Context(), nil)
	wantStatus(t, resp, err, http.StatusUnauthorized)
}

// TestJiraServer speaks version 2 of the interface, with a Data Center site.
func TestJiraServer(t *testing.T) {
	t.Parallel()
	s := openSiteWith(t, atlassian.Config{DataCenter: true})
	s.AddProject("ENG", "Engineering")
	s.AddIssue(atlassian.IssueSeed{Project: "ENG", Summary: "One", Description: "h1. Stuck"})
	c, err := jirav2.New(nil, s.url)
	must(t, err)
	c.Auth.SetBearerToken(siteToken)

	made, _, err := c.Issue.Create(t.Context(), &models.IssueSchemeV2{Fields: &models.IssueFieldsSchemeV2{
		Project: &models.ProjectScheme{Key: "ENG"}, IssueType: &models.IssueTypeScheme{Name: "Task"}, Summary: "Two", Description: "*bold*",
	}}, nil)
	must(t, err)
	comment, _, err := c.Issue.Comment.Add(t.Context(), made.Key, &models.CommentPayloadSchemeV2{Body: "_seen_"}, nil)
	must(t, err)
	//lint:ignore SA1019 it is the search of Data Center
	found, _, err := c.Issue.Search.Post(t.Context(), "project = ENG ORDER BY key", []string{"summary", "description"}, nil, 1, 1, "")
	must(t, err)
	if found.Total != 2 || found.StartAt != 1 || len(found.Issues) != 1 || found.Issues[0].Key != made.Key || found.Issues[0].Fields.Description != "*bold*" {
		t.Errorf("got %+v", found)
	}
	me, _, err := c.MySelf.Details(t.Context(), nil)
	must(t, err)
	if me.Name != "bot" || comment.Author.Name != "bot" || comment.Body != "_seen_" {
		t.Errorf("got %+v, %+v", me, comment)
	}
	info, _, err := c.Server.Info(t.Context())
	must(t, err)
	if info.DeploymentType != "Server" {
		t.Errorf("got %+v", info)
	}
}
