// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"time"
)

// issueComment is a comment on an issue.
type issueComment struct {
	id         string
	author     *account
	body       json.RawMessage // an Atlassian document
	at         time.Time
	visibility *visibility // nil: all who see the issue
	internal   bool        // not for the customers of a service desk
	editor     *account    // the last; nil if it is as it was written
	edited     time.Time
	properties map[string]json.RawMessage
}

type visibility struct {
	Type       string `json:"type"`
	Value      string `json:"value,omitempty"`
	Identifier string `json:"identifier,omitempty"`
}

func (m *issueComment) json(c *call, i *issue) object {
	o := object{
		"self": i.self(c) + "/comment/" + m.id, "id": m.id, "author": m.author.user(c),
		"updateAuthor": m.author.user(c), "body": m.body, "created": jiraStamp(m.at), "updated": jiraStamp(m.at),
		"jsdPublic": !m.internal,
	}
	if m.visibility != nil {
		o["visibility"] = m.visibility
	}
	if m.editor != nil {
		o["updateAuthor"], o["updated"] = m.editor.user(c), jiraStamp(m.edited)
	}
	if slices.Contains(c.list("expand"), "properties") {
		list := []object{}
		for _, key := range slices.Sorted(maps.Keys(m.properties)) {
			list = append(list, object{"key": key, "value": m.properties[key]})
		}
		o["properties"] = list
	}
	return o
}

// commentsJSON is the field comment.
func (i *issue) commentsJSON(c *call) object {
	o, _ := sheet("comments", i.commentList(c), window{limit: max(len(i.comments), 1)})
	o["self"] = i.self(c) + "/comment"
	return o
}

func (i *issue) commentList(c *call) []object {
	list := []object{}
	for _, m := range i.comments {
		list = append(list, m.json(c, i))
	}
	return list
}

func getIssueComments(s *Site, c *call) reply {
	i, refusal := s.issue(c)
	if refusal != nil {
		return *refusal
	}
	w, refusal := c.pageOf(100, 5000)
	if refusal != nil {
		return *refusal
	}
	list := i.commentList(c)
	switch by := c.query.Get("orderBy"); by {
	case "", "created", "+created":
	case "-created":
		slices.Reverse(list)
	default:
		return jiraError(http.StatusBadRequest, "The comments cannot be ordered by '"+by+"'.")
	}
	o, _ := sheet("comments", list, w)
	return ok(o)
}

// issueCommentWrite is a comment in a request.
type issueCommentWrite struct {
	Body       json.RawMessage  `json:"body"`
	Visibility *visibility      `json:"visibility"`
	Public     *bool            `json:"jsdPublic"`
	Properties []entityProperty `json:"properties"`
}

// check tells what is wrong with a comment.
func (in *issueCommentWrite) check(s *Site) (problem string) {
	if isNull(in.Body) {
		return "Comment body can not be empty!"
	}
	if s.checkText(in.Body) != "" {
		return "Comment body is not valid!"
	}
	if v := in.Visibility; v != nil && (v.Type != "role" && v.Type != "group" || v.Value+v.Identifier == "") {
		return "The visibility must have the type role or group, and a value or identifier."
	}
	return ""
}

// addComment adds the comment of a request to the issue, or tells what is wrong with it.
func (s *Site) addComment(c *call, i *issue, raw json.RawMessage) (problem string) {
	var in issueCommentWrite
	if json.Unmarshal(raw, &in) != nil {
		return notReference
	}
	if problem := in.check(s); problem != "" {
		return problem
	}
	m := &issueComment{
		id: s.newID(), author: c.account, body: slices.Clone(in.Body), at: s.now(),
		visibility: in.Visibility, internal: in.Public != nil && !*in.Public, properties: make(map[string]json.RawMessage),
	}
	if problem := putProperties(m.properties, in.Properties); problem != "" {
		return problem
	}
	i.comments = append(slices.Clone(i.comments), m)
	i.updated = s.now()
	return ""
}

// putIssueComment changes a comment. There is no version check.
func putIssueComment(s *Site, c *call) reply {
	i, at, refusal := s.comment(c)
	if refusal != nil {
		return *refusal
	}
	var in issueCommentWrite
	if refusal := decodeV2(c, &in); refusal != nil {
		return *refusal
	}
	if problem := in.check(s); problem != "" {
		return jiraFieldErrors(map[string]string{"comment": problem})
	}
	m := *i.comments[at]
	m.body, m.visibility, m.editor, m.edited = slices.Clone(in.Body), in.Visibility, c.account, s.now()
	m.properties = maps.Clone(m.properties)
	if problem := putProperties(m.properties, in.Properties); problem != "" {
		return jiraFieldErrors(map[string]string{"comment": problem})
	}
	i.comments = slices.Clone(i.comments)
	i.comments[at] = &m
	i.updated = s.now()
	return ok(m.json(c, i))
}

func postIssueComment(s *Site, c *call) reply {
	i, refusal := s.issue(c)
	if refusal != nil {
		return *refusal
	}
	if problem := s.addComment(c, i, c.body); problem != "" {
		return jiraFieldErrors(map[string]string{"comment": problem})
	}
	return reply{status: http.StatusCreated, body: i.comments[len(i.comments)-1].json(c, i)}
}

// comment finds the comment of the path and its place.
func (s *Site) comment(c *call) (*issue, int, *reply) {
	i, refusal := s.issue(c)
	if refusal != nil {
		return nil, 0, refusal
	}
	at := slices.IndexFunc(i.comments, func(m *issueComment) bool { return m.id == c.vars["comment"] })
	if at < 0 {
		missing := jiraError(http.StatusNotFound, "Can not find a comment for the id: "+c.vars["comment"]+".")
		return nil, 0, &missing
	}
	return i, at, nil
}

func getIssueComment(s *Site, c *call) reply {
	i, at, refusal := s.comment(c)
	if refusal != nil {
		return *refusal
	}
	return ok(i.comments[at].json(c, i))
}

func deleteIssueComment(s *Site, c *call) reply {
	i, at, refusal := s.comment(c)
	if refusal != nil {
		return *refusal
	}
	i.comments = slices.Delete(slices.Clone(i.comments), at, at+1)
	i.updated = s.now()
	return reply{status: http.StatusNoContent}
}
