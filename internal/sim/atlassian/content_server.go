// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"net/http"
	"slices"
	"strings"
)

// otherContent answers, on Data Center, with a comment or an attachment, which are content there as pages are; nil if the id
// is that of neither.
func (s *Site) otherContent(c *call) *reply {
	if !c.v2 {
		return nil
	}
	if f := s.comments[c.vars["page"]]; f != nil && f.page.readable(c.account) {
		found := ok(f.v1JSON(c))
		return &found
	}
	for _, a := range s.attachments {
		if a.id == c.vars["page"] && a.page.readable(c.account) {
			o := a.v1JSON(c)
			o["container"] = a.page.v1JSON(c, nil)
			found := ok(o)
			return &found
		}
	}
	return nil
}

// replies answers, on Data Center, with the replies to a comment; nil if the id is not that of one.
func (s *Site) replies(c *call) *reply {
	f := s.comments[c.vars["page"]]
	if !c.v2 || f == nil || !f.page.readable(c.account) {
		return nil
	}
	var results []object
	for _, other := range s.commentsOn(f.page) {
		if other.parent == f {
			results = append(results, other.v1JSON(c))
		}
	}
	found := contentPage(s, c, results)
	return &found
}

// at tells where a comment is, as Data Center has it.
func (f *pageComment) at() string {
	switch {
	case f.inline && f.resolved:
		return "resolved"
	case f.inline:
		return "inline"
	}
	return "footer"
}

// wantsPlace tells whether the request asks for comments at a place; without one it asks for all.
func (c *call) wantsPlace(at string) bool {
	places := c.query["location"]
	return len(places) == 0 || slices.Contains(places, at)
}

// searchComments answers to the one question about comments that Data Center's search is simulated for: all of them, those
// that were changed last first. It is nil for other questions.
func (s *Site) searchComments(c *call) *reply {
	if !c.v2 || !strings.HasPrefix(c.query.Get("cql"), "type = comment order by lastmodified desc") {
		return nil
	}
	var list []*pageComment
	for _, f := range s.comments {
		if f.page.listed() && f.page.readable(c.account) {
			list = append(list, f)
		}
	}
	slices.SortFunc(list, func(a, b *pageComment) int { return b.now().at.Compare(a.now().at) })
	results := []object{}
	for _, f := range list {
		results = append(results, f.v1JSON(c))
	}
	found := contentPage(s, c, results)
	return &found
}

func (f *pageComment) v1JSON(c *call) object {
	extensions := object{"location": f.at()}
	if f.inline {
		state := "open"
		if f.resolved {
			state = "resolved"
		}
		extensions["resolution"] = object{"status": state}
	}
	up := []object{}
	if f.parent != nil {
		up = append(up, object{"id": f.parent.id, "type": "comment"})
	}
	return object{
		"id": f.id, "type": "comment", "status": statusCurrent, "title": "Re: " + f.page.title(), "version": f.now().v1JSON(c),
		"body":       object{"storage": object{"value": f.now().body, "representation": "storage"}},
		"container":  f.page.v1JSON(c, nil),
		"ancestors":  up,
		"history":    object{"latest": true, "createdBy": f.author.person(c), "createdDate": stamp(f.versions[0].at)},
		"extensions": extensions,
		"_links":     object{"self": c.wiki() + "/rest/api/content/" + f.id},
	}
}

func (a *attachment) v1JSON(c *call) object {
	return object{
		"id": a.id, "type": "attachment", "status": statusCurrent, "title": a.name, "version": a.version.v1JSON(c),
		"metadata":   object{"mediaType": a.media},
		"extensions": object{"mediaType": a.media, "fileSize": len(a.data)},
		"_links":     object{"download": a.download(), "self": c.wiki() + "/rest/api/content/" + a.id},
	}
}

func getContentComments(s *Site, c *call) reply {
	if found := s.replies(c); found != nil {
		return *found
	}
	n, refusal := s.listedPage(c)
	if refusal != nil {
		return *refusal
	}
	var results []object
	for _, f := range s.commentsOn(n) {
		if f.parent == nil && c.wantsPlace(f.at()) {
			results = append(results, f.v1JSON(c))
		}
	}
	return contentPage(s, c, results)
}

func getContentAttachments(s *Site, c *call) reply {
	n, refusal := s.listedPage(c)
	if refusal != nil {
		return *refusal
	}
	var results []object
	for _, a := range s.attachmentsOf(n) {
		results = append(results, a.v1JSON(c))
	}
	return contentPage(s, c, results)
}

// getContent answers with a page, or with a comment or an attachment where these are content, too.
func getContent(s *Site, c *call) reply {
	if found := s.otherContent(c); found != nil {
		return *found
	}
	return s.pageContent(c)
}

// deleteContent moves a page to the trash, and purges it when it is there already and the request says so. It deletes a
// comment for good.
func deleteContent(s *Site, c *call) reply {
	if comment := s.comments[c.vars["page"]]; comment != nil && comment.page.readable(c.account) {
		delete(s.comments, comment.id)
		return reply{status: http.StatusNoContent}
	}
	return s.deletePageContent(c)
}
