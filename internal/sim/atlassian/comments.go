// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"net/http"
	"slices"
	"time"
)

type footerComment struct {
	id     string
	page   *node
	author *account
	body   string // storage format
	at     time.Time
}

// commentsOn returns the footer comments of a page, the oldest first.
func (s *Site) commentsOn(n *node) []*footerComment {
	var list []*footerComment
	for _, c := range s.comments {
		if c.page == n {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b *footerComment) int { return compareIDs(a.id, b.id) })
	return list
}

func (f *footerComment) json(c *call) (object, *reply) {
	v := version{number: 1, author: f.author, at: f.at, body: f.body}
	o := object{
		"id": f.id, "status": statusCurrent, "title": "Re: " + f.page.title(), "pageId": f.page.id, "version": v.json(),
		"_links": object{"webui": f.page.webui() + "?focusedCommentId=" + f.id},
	}
	return o, withBody(c, o, &v)
}

func getFooterComments(s *Site, c *call) reply {
	n, refusal := s.listedPage(c)
	if refusal != nil {
		return *refusal
	}
	results := []object{}
	for _, comment := range s.commentsOn(n) {
		o, refusal := comment.json(c)
		if refusal != nil {
			return *refusal
		}
		results = append(results, o)
	}
	if sort := c.query.Get("sort"); sort == "-created-date" || sort == "-modified-date" {
		slices.Reverse(results)
	}
	return v2List(s, c, results)
}

func postFooterComment(s *Site, c *call) reply {
	var in struct {
		PageID string     `json:"pageId"`
		Body   *bodyWrite `json:"body"`
	}
	if refusal := decodeV2(c, &in); refusal != nil {
		return *refusal
	}
	n := s.nodes[in.PageID]
	if n == nil || !n.listed() || !n.readable(c.account) {
		return v2Error(http.StatusNotFound, "Cannot find a page with id '"+in.PageID+"', or you may not view it.")
	}
	if in.Body == nil {
		return v2Error(http.StatusBadRequest, "The body must be specified.")
	}
	body, refusal := in.Body.storage()
	if refusal != nil {
		return *refusal
	}
	comment := &footerComment{id: s.newID(), page: n, author: c.account, body: body, at: s.now()}
	s.comments[comment.id] = comment
	o, refusal := comment.json(c)
	if refusal != nil {
		return *refusal
	}
	o["_links"].(object)["base"] = c.base + "/wiki"
	return reply{status: http.StatusCreated, body: o}
}

// footerComment finds the comment of the path, on a page that the account may see.
func (s *Site) footerComment(c *call) (*footerComment, *reply) {
	comment := s.comments[c.vars["comment"]]
	if comment == nil || !comment.page.listed() || !comment.page.readable(c.account) {
		refusal := v2Error(http.StatusNotFound, "Cannot find a comment with id '"+c.vars["comment"]+"'.")
		return nil, &refusal
	}
	return comment, nil
}

func getFooterComment(s *Site, c *call) reply {
	comment, refusal := s.footerComment(c)
	if refusal != nil {
		return *refusal
	}
	o, refusal := comment.json(c)
	if refusal != nil {
		return *refusal
	}
	o["_links"].(object)["base"] = c.base + "/wiki"
	return ok(o)
}

func deleteFooterComment(s *Site, c *call) reply {
	comment, refusal := s.footerComment(c)
	if refusal != nil {
		return *refusal
	}
	delete(s.comments, comment.id)
	return reply{status: http.StatusNoContent}
}
