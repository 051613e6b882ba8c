// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// A view is an issue as agents get it: the fields of shownFields, rich text as
// plain text, people by name and account id. Nothing else of an issue is shown:
// no other issues, attachments, history, rendered text or app data.
type view struct {
	ID          string        `json:"id"`
	Key         string        `json:"key"`
	Project     viewedProject `json:"project"`
	URL         string        `json:"url"`
	Version     string        `json:"version,omitempty"` // what a change is based on
	Summary     string        `json:"summary,omitempty"`
	Status      string        `json:"status,omitempty"`
	IssueType   string        `json:"issuetype,omitempty"`
	Priority    string        `json:"priority,omitempty"`
	Resolution  string        `json:"resolution,omitempty"`
	Labels      []string      `json:"labels,omitempty"`
	Components  []string      `json:"components,omitempty"`
	Assignee    *viewedUser   `json:"assignee,omitempty"`
	Reporter    *viewedUser   `json:"reporter,omitempty"`
	Created     string        `json:"created,omitempty"`
	Updated     string        `json:"updated,omitempty"`
	DueDate     string        `json:"duedate,omitempty"`
	Description string        `json:"description,omitempty"`
}

type viewedProject struct {
	ID  string `json:"id"`
	Key string `json:"key"`
}

type viewedUser struct {
	AccountID string `json:"account_id"`
	Name      string `json:"name"`
}

type viewedComment struct {
	ID      string      `json:"id"`
	URL     string      `json:"url"`
	Author  *viewedUser `json:"author,omitempty"`
	Created string      `json:"created,omitempty"`
	Updated string      `json:"updated,omitempty"`
	Body    string      `json:"body"`
}

// labels stand on every result: whose text it is, and that it is no instruction.
type labels struct {
	Untrusted bool   `json:"untrusted"`
	Site      string `json:"site"`
}

// A source is whose text it is, and where and when it was written.
type source struct {
	URL    string      `json:"url"`
	Author *viewedUser `json:"author,omitzero"` // the reporter, if that may be read
	At     string      `json:"at,omitempty"`    // when the issue was changed last, if that may be read
}

type found struct {
	labels
	Issues []view `json:"issues"`
	More   bool   `json:"more"` // there are hits beyond the limit
}

type gotten struct {
	labels
	Source   source          `json:"source"`
	Issue    *view           `json:"issue"`
	Comments []viewedComment `json:"comments"`
}

func (c *Connector) label() labels { return labels{Untrusted: true, Site: c.site} }

func (c *Connector) planGet(ctx context.Context, args []byte, bounds []policy.Bound) (*gate.Plan, error) {
	var a getArgs
	if err := decode(args, &a); err != nil {
		return nil, err
	}
	readable := readableBy(bounds)
	comments, err := readable.comments(&a)
	if err != nil {
		return nil, err
	}
	k, err := key(a.IssueKey)
	if err != nil {
		return nil, err
	}
	at, err := c.locate(ctx, k)
	if err != nil {
		return nil, err
	}
	call := c.call(actionGet, policy.Read)
	call.Resources = withTypeOf([]policy.Resource{at.resource("")}, &at.Project, at.Type)
	fields := readable.only(shownFields())
	call.Reads = reads(fields, comments)
	return &gate.Plan{Call: call, Act: func(ctx context.Context, _ *receipt.Receipt) (*gate.Result, error) {
		return c.show(ctx, at, fields, comments)
	}}, nil
}

// show reads the issue, which must still be where it was, and of the type that
// it was, when that was allowed.
func (c *Connector) show(ctx context.Context, at *place, fields []string, comments int) (*gate.Result, error) {
	i, res, err := c.issue(ctx, at.ID, fields)
	if err != nil {
		return stopped(err)
	}
	if i.ID != at.ID || i.Fields.Project.ID != at.Project.ID {
		return stopped(fault("outside", "the issue %s was moved meanwhile; read it again", at.Key))
	}
	if i.place().Type != at.Type {
		return stopped(fault("outside", "the issue %s is of another type now; read it again", at.Key))
	}
	out := gotten{labels: c.label(), Comments: []viewedComment{}}
	if out.Issue, err = c.view(i, fields, maxReadText); err == nil && comments > 0 {
		out.Comments, _, _, err = c.openComments(ctx, at, comments, 0)
		slices.Reverse(out.Comments) // the oldest first
	}
	if err != nil {
		return refused(err, said(err, "the issue "+at.Key))
	}
	out.Issue.Version = i.place().version()
	out.Source = source{URL: out.Issue.URL, Author: out.Issue.Reporter, At: out.Issue.Updated}
	body, err := seal.Marshal(&out)
	if err != nil {
		return nil, err
	}
	return &gate.Result{Body: body, Outcome: done(res, nil)}, nil
}

// view shows the wanted fields of an issue, each text cut after most bytes.
func (c *Connector) view(i *issue, fields []string, most int) (*view, error) {
	f := &i.Fields
	v := &view{ID: i.ID, Key: i.Key, Project: viewedProject{f.Project.ID, f.Project.Key}, URL: c.browse(i.Key)}
	want := func(field string) bool { return slices.Contains(fields, field) }
	text := func(field, s string) string {
		if !want(field) {
			return ""
		}
		return cut(s, most)
	}
	name := func(field string, n *named) string {
		if n == nil {
			return ""
		}
		return text(field, n.Name)
	}
	person := func(field string, u *user) *viewedUser {
		if !want(field) {
			return nil
		}
		return u.view()
	}
	v.Summary = text("summary", f.Summary)
	v.Status, v.Priority, v.Resolution = name("status", f.Status), name("priority", f.Priority), name("resolution", f.Resolution)
	if f.IssueType != nil {
		v.IssueType = text("issuetype", f.IssueType.Name)
	}
	v.Assignee, v.Reporter = person("assignee", f.Assignee), person("reporter", f.Reporter)
	v.Created, v.Updated, v.DueDate = text("created", f.Created), text("updated", f.Updated), text("duedate", f.DueDate)
	if want("labels") {
		v.Labels = f.Labels
	}
	if want("components") {
		for _, n := range f.Components {
			v.Components = append(v.Components, n.Name)
		}
	}
	if !want("description") {
		return v, nil
	}
	var err error
	v.Description, err = plain(f.Description, most)
	return v, err
}

func (u *user) view() *viewedUser {
	if u == nil {
		return nil
	}
	return &viewedUser{AccountID: u.AccountID, Name: u.DisplayName}
}

// A comment is one as Jira returns it.
type comment struct {
	ID         string          `json:"id"`
	Author     *user           `json:"author"`
	Editor     *user           `json:"updateAuthor"`
	Created    string          `json:"created"`
	Updated    string          `json:"updated"`
	Body       json.RawMessage `json:"body"`
	Visibility json.RawMessage `json:"visibility"`
	Public     *bool           `json:"jsdPublic"`
}

// restricted reports whether the comment is for some people only: a role or a
// group, or those who serve customers.
func (m *comment) restricted() bool {
	return len(m.Visibility) > 0 && string(m.Visibility) != "null" || m.Public != nil && !*m.Public
}

// newest reads comments as they are, the newest first, and how many there are.
func (c *Connector) newest(ctx context.Context, at *place, most, skip int) ([]comment, int, *atlassian.Response, error) {
	q := url.Values{"maxResults": {strconv.Itoa(most)}, "orderBy": {"-created"}}
	if skip > 0 {
		q.Set("startAt", strconv.Itoa(skip))
	}
	var answer struct {
		Comments []comment `json:"comments"`
		Total    int       `json:"total"`
	}
	res, err := c.get(ctx, api+"/issue/"+atlassian.Segment(at.ID)+"/comment", q)
	if err == nil {
		err = res.Glance(&answer)
	}
	if err != nil {
		return nil, 0, nil, err
	}
	return answer.Comments[:min(len(answer.Comments), most)], answer.Total, res, nil
}

// open reports whether the comment is for everybody who sees the issue.
func (m *comment) open() bool { return !m.restricted() && digits.MatchString(m.ID) }

// viewComment shows a comment.
func (c *Connector) viewComment(at *place, m *comment) (*viewedComment, error) {
	body, err := plain(m.Body, maxReadText)
	if err != nil {
		return nil, err
	}
	return &viewedComment{
		ID: m.ID, URL: c.browse(at.Key) + "?focusedCommentId=" + m.ID, Author: m.Author.view(), Created: m.Created, Updated: m.Updated, Body: body,
	}, nil
}
