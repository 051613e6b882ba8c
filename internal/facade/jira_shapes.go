// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package facade

import (
	"maps"
	"strings"
)

// What our actions' results say, as far as it is shown. What they do not say is in
// no answer.
type (
	jiraNamed struct {
		ID   string `json:"id"`
		Key  string `json:"key"`
		Name string `json:"name"`
	}
	ownUser struct {
		AccountID string `json:"account_id"`
		Name      string `json:"name"`
	}
	ownIssue struct {
		jiraNamed
		Project     jiraNamed `json:"project"`
		Summary     string    `json:"summary"`
		Status      string    `json:"status"`
		IssueType   string    `json:"issuetype"`
		Priority    string    `json:"priority"`
		Resolution  string    `json:"resolution"`
		Labels      []string  `json:"labels"`
		Components  []string  `json:"components"`
		Assignee    *ownUser  `json:"assignee"`
		Reporter    *ownUser  `json:"reporter"`
		Created     string    `json:"created"`
		Updated     string    `json:"updated"`
		DueDate     string    `json:"duedate"`
		Description string    `json:"description"`
	}
	ownComment struct {
		ID      string   `json:"id"`
		Author  *ownUser `json:"author"`
		Created string   `json:"created"`
		Updated string   `json:"updated"`
		Body    string   `json:"body"`
	}
	ownAttachment struct {
		ID      string   `json:"id"`
		Name    string   `json:"name"`
		Type    string   `json:"type"`
		Size    int64    `json:"size"`
		Author  *ownUser `json:"author"`
		Created string   `json:"created"`
	}
	ownLink struct {
		ID     string `json:"id"`
		Phrase string `json:"phrase"`
		Issue  struct {
			jiraNamed
			Summary string `json:"summary"`
			Status  string `json:"status"`
		} `json:"issue"`
	}
	ownChange struct {
		ID      string   `json:"id"`
		Author  *ownUser `json:"author"`
		Created string   `json:"created"`
		Items   []struct {
			Field string `json:"field"`
			From  string `json:"from"`
			To    string `json:"to"`
		} `json:"items"`
	}
	ownMeta struct {
		ID         string           `json:"id"`
		Name       string           `json:"name"`
		Required   bool             `json:"required"`
		Type       string           `json:"type"`
		Items      string           `json:"items"`
		Operations []string         `json:"operations"`
		Choices    []map[string]any `json:"choices"`
	}
)

// A jiraIssue is an issue in Jira's shape.
type jiraIssue struct {
	ID        string         `json:"id"`
	Key       string         `json:"key"`
	Self      string         `json:"self"`
	Fields    map[string]any `json:"fields"`
	Changelog *histories     `json:"changelog,omitempty"`
}

// A jiraChangelog is a page of an issue's history, and histories the same within an issue.
type (
	jiraChangelog struct {
		Values     []any `json:"values"`
		StartAt    int   `json:"startAt"`
		MaxResults int   `json:"maxResults"`
		Total      int   `json:"total"`
		IsLast     bool  `json:"isLast"`
	}
	histories struct {
		Histories  []any `json:"histories"`
		StartAt    int   `json:"startAt"`
		MaxResults int   `json:"maxResults"`
		Total      int   `json:"total"`
	}
)

func (j *jira) self(path string) string { return j.call.Site + jiraAPI + path }

func (j *jira) name(out *jiraIssue, n jiraNamed) {
	out.ID, out.Key, out.Self = n.ID, n.Key, j.self("/issue/"+n.ID)
}

// shape is an issue in Jira's shape, with the fields that are asked for. What our
// result does not have is null, as a field without a value is in Jira.
func (j *jira) shape(v *ownIssue, fields wanted) *jiraIssue {
	all := map[string]any{
		"summary": v.Summary, "status": nameOf(v.Status), "issuetype": nameOf(v.IssueType), "priority": nameOf(v.Priority),
		"resolution": nameOf(v.Resolution), "labels": append([]string{}, v.Labels...), "components": namesOf(v.Components),
		"assignee": j.person(v.Assignee), "reporter": j.person(v.Reporter),
		"created": orNull(v.Created), "updated": orNull(v.Updated), "duedate": orNull(v.DueDate), "description": document(v.Description),
	}
	if v.Project.ID != "" {
		all["project"] = map[string]any{"id": v.Project.ID, "key": v.Project.Key, "name": v.Project.Key, "self": j.self("/project/" + v.Project.ID)}
	}
	out := &jiraIssue{Fields: map[string]any{}}
	j.name(out, v.jiraNamed)
	for name, value := range all {
		if fields.shows(name) {
			out.Fields[name] = value
		}
	}
	return out
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func nameOf(s string) any {
	if s == "" {
		return nil
	}
	return map[string]any{"name": s}
}

func namesOf(list []string) []any {
	out := []any{}
	for _, s := range list {
		out = append(out, nameOf(s))
	}
	return out
}

func (j *jira) person(u *ownUser) any {
	if u == nil {
		return nil
	}
	return map[string]any{"accountId": u.AccountID, "displayName": u.Name, "active": true, "self": j.self("/user?accountId=" + u.AccountID)}
}

// document is a plain text as a document of Jira's: a paragraph between empty lines,
// a break at the end of a line. Nothing in the text is syntax.
func document(s string) any {
	if s == "" {
		return nil
	}
	paragraphs := []any{}
	for p := range strings.SplitSeq(s, "\n\n") {
		content := []any{}
		for i, line := range strings.Split(strings.Trim(p, "\n"), "\n") {
			if i > 0 {
				content = append(content, map[string]any{"type": "hardBreak"})
			}
			if line != "" {
				content = append(content, map[string]any{"type": "text", "text": line})
			}
		}
		if len(content) > 0 {
			paragraphs = append(paragraphs, map[string]any{"type": "paragraph", "content": content})
		}
	}
	return map[string]any{"type": "doc", "version": 1, "content": paragraphs}
}

// comments is a page of comments. How many there are in all nobody is told.
func (j *jira) comments(issue string, list []ownComment, skip int, more bool) any {
	out := []any{}
	for i := range list {
		c := &list[i]
		out = append(out, known(map[string]any{
			"id": c.ID, "author": j.person(c.Author), "updateAuthor": j.person(c.Author), "created": orNull(c.Created), "updated": orNull(c.Updated),
			"body": document(c.Body), "self": j.self("/issue/" + issue + "/comment/" + c.ID),
		}))
	}
	return map[string]any{"comments": out, "startAt": skip, "maxResults": len(out), "total": total(skip, len(out), more)}
}

// known is m without what is null: besides fields, Jira leaves that away.
func known(m map[string]any) map[string]any {
	maps.DeleteFunc(m, func(_ string, v any) bool { return v == nil })
	return m
}

// total is as many as are known of.
func total(skip, have int, more bool) int {
	if more {
		have++
	}
	return skip + have
}

func (j *jira) attachment(a *ownAttachment) any {
	return known(map[string]any{
		"id": a.ID, "filename": a.Name, "mimeType": a.Type, "size": a.Size, "author": j.person(a.Author), "created": a.Created,
		"self": j.self("/attachment/" + a.ID), "content": j.self("/attachment/content/" + a.ID),
	})
}

func (j *jira) link(l *ownLink) any {
	return map[string]any{
		"id": l.ID, "self": j.self("/issueLink/" + l.ID),
		"type": map[string]any{"name": l.Phrase, "outward": l.Phrase, "inward": l.Phrase},
		"outwardIssue": map[string]any{
			"id": l.Issue.ID, "key": l.Issue.Key, "self": j.self("/issue/" + l.Issue.ID),
			"fields": known(map[string]any{"summary": orNull(l.Issue.Summary), "status": nameOf(l.Issue.Status)}),
		},
	}
}

func (j *jira) changelog(list []ownChange, skip int, more bool) *jiraChangelog {
	page := &jiraChangelog{Values: []any{}, StartAt: skip, MaxResults: maxPage, Total: total(skip, len(list), more), IsLast: !more}
	for _, c := range list {
		items := []any{}
		for _, i := range c.Items {
			items = append(items, map[string]any{"field": i.Field, "fieldId": i.Field, "fieldtype": "jira", "fromString": i.From, "toString": i.To})
		}
		page.Values = append(page.Values, known(map[string]any{"id": c.ID, "author": j.person(c.Author), "created": c.Created, "items": items}))
	}
	return page
}

func (m *ownMeta) shape() map[string]any {
	out := map[string]any{
		"key": m.ID, "name": m.Name, "required": m.Required, "hasDefaultValue": false,
		"operations": append([]string{}, m.Operations...), "schema": map[string]any{"type": m.Type},
	}
	if m.Items != "" {
		out["schema"] = map[string]any{"type": m.Type, "items": m.Items}
	}
	if len(m.Choices) > 0 {
		out["allowedValues"] = m.Choices
	}
	return out
}
