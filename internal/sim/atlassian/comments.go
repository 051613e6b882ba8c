// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// pageComment is a comment on a page, at its foot or on words of its text.
type pageComment struct {
	id       string
	page     *node
	parent   *pageComment // that it replies to; nil for none
	author   *account
	versions []version
	inline   bool
	marker   string // id of the anchor in the page's storage format, of inline comments
	words    string // that the anchor is around
	resolved bool
}

func (f *pageComment) now() *version { return &f.versions[len(f.versions)-1] }

// commentsOn returns the comments of a page, the oldest first.
func (s *Site) commentsOn(n *node) []*pageComment {
	var list []*pageComment
	for _, c := range s.comments {
		if c.page == n {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b *pageComment) int { return compareIDs(a.id, b.id) })
	return list
}

func (f *pageComment) json(c *call) (object, *reply) {
	v := f.now()
	o := object{
		"id": f.id, "status": statusCurrent, "title": "Re: " + f.page.title(), "version": v.json(),
		"_links": object{"webui": f.page.webui() + "?focusedCommentId=" + f.id},
	}
	if f.parent != nil {
		o["parentCommentId"] = f.parent.id
	} else {
		o["pageId"] = f.page.id
	}
	if f.inline {
		o["resolutionStatus"] = "open"
		if f.resolved {
			o["resolutionStatus"] = "resolved"
		}
		o["properties"] = object{"inlineMarkerRef": f.marker, "inlineOriginalSelection": f.words}
	}
	return o, withBody(c, o, v)
}

// inlineCall tells whether the path is about inline comments.
func (c *call) inlineCall() bool { return strings.Contains(c.path, "/inline-comments") }

// getPageComments answers with the comments of a page that are no replies.
func getPageComments(s *Site, c *call) reply {
	n, refusal := s.listedPage(c)
	if refusal != nil {
		return *refusal
	}
	return s.listComments(c, s.commentsOn(n), nil)
}

// getCommentReplies answers with the replies to a comment.
func getCommentReplies(s *Site, c *call) reply {
	comment, refusal := s.pageComment(c)
	if refusal != nil {
		return *refusal
	}
	return s.listComments(c, s.commentsOn(comment.page), comment)
}

// getAllComments answers with the comments on all pages that the account may see.
func getAllComments(s *Site, c *call) reply {
	var list []*pageComment
	for _, n := range s.sortedNodes() {
		if n.listed() && n.readable(c.account) {
			list = append(list, s.commentsOn(n)...)
		}
	}
	slices.SortFunc(list, func(a, b *pageComment) int { return compareIDs(a.id, b.id) })
	return s.listComments(c, list, nil)
}

func (s *Site) listComments(c *call, list []*pageComment, parent *pageComment) reply {
	results := []object{}
	for _, comment := range list {
		if comment.parent != parent || comment.inline != c.inlineCall() {
			continue
		}
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

// commentWrite is the body of a request that makes or changes a comment.
type commentWrite struct {
	PageID          string     `json:"pageId"`
	ParentCommentID string     `json:"parentCommentId"`
	Body            *bodyWrite `json:"body"`
	Inline          *struct {
		TextSelection string `json:"textSelection"`
		MatchCount    int    `json:"textSelectionMatchCount"`
		MatchIndex    int    `json:"textSelectionMatchIndex"`
	} `json:"inlineCommentProperties"`
	Resolved *bool `json:"resolved"`
	Version  *struct {
		Number  int    `json:"number"`
		Message string `json:"message"`
	} `json:"version"`
}

func postPageComment(s *Site, c *call) reply {
	var in commentWrite
	if refusal := decodeV2(c, &in); refusal != nil {
		return *refusal
	}
	parent := s.comments[in.ParentCommentID]
	if in.ParentCommentID != "" && (parent == nil || parent.inline != c.inlineCall()) {
		return v2Error(http.StatusNotFound, "Cannot find a comment with id '"+in.ParentCommentID+"'.")
	}
	n := s.nodes[in.PageID]
	if parent != nil {
		n = parent.page
	}
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
	comment := &pageComment{id: s.newID(), page: n, parent: parent, author: c.account, inline: c.inlineCall()}
	if comment.inline && parent == nil {
		if refusal := s.anchor(comment, &in); refusal != nil {
			return *refusal
		}
	}
	s.comments[comment.id] = comment
	return s.saveComment(c, comment, body, "", http.StatusCreated)
}

// saveComment makes the next version of a comment and answers with it.
func (s *Site) saveComment(c *call, comment *pageComment, body, message string, status int) reply {
	comment.versions = append(comment.versions, version{
		number: len(comment.versions) + 1, body: body, message: message, author: c.account, at: s.now(),
	})
	o, refusal := comment.json(c)
	if refusal != nil {
		return *refusal
	}
	o["body"] = object{"storage": object{"representation": "storage", "value": body}}
	o["_links"].(object)["base"] = c.base + "/wiki"
	return reply{status: status, body: o}
}

// anchor puts the marker of an inline comment around words of its page. It leaves the version as it is: on a real site
// too, a comment is no edit.
func (s *Site) anchor(comment *pageComment, in *commentWrite) *reply {
	refuse := func(text string) *reply {
		refusal := v2Error(http.StatusBadRequest, text)
		return &refusal
	}
	v := comment.page.now()
	if in.Inline == nil || in.Inline.TextSelection == "" {
		return refuse("The inlineCommentProperties must be specified.")
	}
	words := in.Inline.TextSelection
	if have := strings.Count(v.body, words); have != in.Inline.MatchCount || in.Inline.MatchIndex < 0 || in.Inline.MatchIndex >= have {
		return refuse(fmt.Sprintf("The text selection is in the page %d times, which does not fit the match count and index.", have))
	}
	at := 0
	for range in.Inline.MatchIndex {
		at += strings.Index(v.body[at:], words) + len(words)
	}
	at += strings.Index(v.body[at:], words)
	comment.marker, comment.words = newUUID(), words
	anchored := v.body[:at] + `<ac:inline-comment-marker ac:ref="` + comment.marker + `">` + words + `</ac:inline-comment-marker>` + v.body[at+len(words):]
	if wellFormed(anchored) != nil {
		return refuse("The text selection is not within the text of one element.")
	}
	v.body = anchored
	return nil
}

// putPageComment changes a comment. Its version must be the next one.
func putPageComment(s *Site, c *call) reply {
	comment, refusal := s.pageComment(c)
	if refusal != nil {
		return *refusal
	}
	var in commentWrite
	if refusal := decodeV2(c, &in); refusal != nil {
		return *refusal
	}
	if in.Version == nil {
		return v2Error(http.StatusBadRequest, "The version must be specified.")
	}
	if have := comment.now().number; in.Version.Number != have+1 {
		return v2Error(http.StatusConflict, fmt.Sprintf(
			"Version must be incremented when updating a comment. Current Version: [%d]. Provided version: [%d]", have, in.Version.Number))
	}
	body := comment.now().body
	if in.Body != nil {
		if body, refusal = in.Body.storage(); refusal != nil {
			return *refusal
		}
	}
	if in.Resolved != nil && comment.inline {
		comment.resolved = *in.Resolved
	}
	return s.saveComment(c, comment, body, in.Version.Message, http.StatusOK)
}

// pageComment finds the comment of the path, on a page that the account may see.
func (s *Site) pageComment(c *call) (*pageComment, *reply) {
	comment := s.comments[c.vars["comment"]]
	if comment == nil || comment.inline != c.inlineCall() || !comment.page.listed() || !comment.page.readable(c.account) {
		refusal := v2Error(http.StatusNotFound, "Cannot find a comment with id '"+c.vars["comment"]+"'.")
		return nil, &refusal
	}
	return comment, nil
}

func getPageComment(s *Site, c *call) reply {
	comment, refusal := s.pageComment(c)
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

// deletePageComment deletes a comment and the replies to it, for good.
func deletePageComment(s *Site, c *call) reply {
	comment, refusal := s.pageComment(c)
	if refusal != nil {
		return *refusal
	}
	for _, other := range s.commentsOn(comment.page) {
		if other == comment || other.parent == comment {
			delete(s.comments, other.id)
		}
	}
	return reply{status: http.StatusNoContent}
}
