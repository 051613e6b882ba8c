// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package facade

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"

	"github.com/clawea/clawea/seal"
)

// The reading actions that requests come to.
const (
	pageGet         = "page.get"
	pageVersion     = "page.version"
	pageChildren    = "page.children"
	pageLabels      = "page.labels"
	pageComments    = "page.comments"
	pageAttachments = "page.attachments"
	pageSearch      = "page.search"
)

// mostResults is how many results our lists have at most.
const mostResults = 25

// A wiki is the facade of Confluence Cloud: of the requests of its two REST
// interfaces, as many as servers need for what our actions do, and the one request
// of GraphQL by which they move pages.
//
// Reads are made of results of actions, and show nothing that these do not: what a
// result lacks is missing, and bodies are in the format that was asked for, made of
// the storage format. A write has to be for the target of the call: the page, the
// parent, the label. Whatever else is in it, such as the text, is neither compared
// nor sent: what was planned, shown to people and allowed is.
type wiki struct {
	stage   *Stage
	planned targets

	mu   sync.Mutex
	seen map[string]*outcome // by action and arguments
	made *seenPage           // the page as the change of this call has left it
}

// An outcome is what a read has come to, which it does once.
type outcome struct {
	once sync.Once
	body []byte
	err  error
}

// targets are what the arguments of an action name.
type targets struct {
	PageID   string `json:"page_id"`
	ParentID string `json:"parent_id"`
	TargetID string `json:"target_id"`
	Label    string `json:"label"`
	Version  int    `json:"version"`
}

func (s *Stage) confluence() {
	wiki := &wiki{stage: s, seen: map[string]*outcome{}}
	if err := seal.Glance(s.call.Args, &wiki.planned); err != nil {
		wiki.planned = targets{} // which no request is for
	}
	const v1, v2 = "/wiki/rest/api", "/wiki/api/v2"
	type route struct {
		pattern string
		query   []string // the keys that it may have
		answer  func(http.ResponseWriter, *http.Request)
	}
	for _, r := range []route{
		{"GET " + v2 + "/pages/{id}", []string{"body-format", "version"}, wiki.getPage},
		{"GET " + v2 + "/pages/{id}/ancestors", []string{"limit"}, wiki.getAncestors},
		{"GET " + v2 + "/pages/{id}/children", []string{"limit"}, wiki.getChildren},
		{"GET " + v2 + "/pages/{id}/direct-children", []string{"limit"}, wiki.getChildren},
		{"GET " + v2 + "/pages/{id}/labels", []string{"limit", "prefix"}, wiki.getLabels},
		{"GET " + v2 + "/pages/{id}/attachments", []string{"limit", "sort", "status"}, wiki.getAttachments},
		{"GET " + v2 + "/pages/{id}/footer-comments", []string{"limit", "body-format", "sort"}, wiki.getComments("footer")},
		{"GET " + v2 + "/pages/{id}/inline-comments", []string{"limit", "body-format", "sort"}, wiki.getComments("inline")},
		{"GET " + v2 + "/footer-comments/{id}/children", []string{"limit", "body-format", "sort"}, wiki.getReplies},
		{"GET " + v2 + "/inline-comments/{id}/children", []string{"limit", "body-format", "sort"}, wiki.getReplies},
		{"GET " + v2 + "/footer-comments/{id}/versions/1", nil, wiki.nothing},
		{"GET " + v2 + "/inline-comments/{id}/versions/1", nil, wiki.nothing},
		{"POST " + v2 + "/users-bulk", nil, wiki.nobody},
		{"GET " + v1 + "/search", []string{"cql", "limit", "excerpt", "includeArchivedSpaces"}, wiki.search},

		{"POST " + v2 + "/pages", nil, wiki.createPage},
		{"PUT " + v2 + "/pages/{id}", nil, wiki.updatePage},
		{"DELETE " + v2 + "/pages/{id}", nil, wiki.deletePage},
		{"POST " + v2 + "/footer-comments", nil, wiki.createComment},
		{"POST " + v1 + "/content/{id}/label", nil, wiki.addLabel},
		{"DELETE " + v1 + "/content/{id}/label", []string{"name"}, wiki.removeLabel},
		{"PUT " + v1 + "/content/{id}/move/append/{target}", nil, wiki.movePage},
		{"POST /cgraphql", []string{"q"}, wiki.moveByGraphQL},
	} {
		s.mux.HandleFunc(r.pattern, func(w http.ResponseWriter, q *http.Request) {
			if !wiki.plain(q, r.query) {
				s.refuse(w, http.StatusBadRequest, "this request asks for more than the call that was allowed")
				return
			}
			r.answer(w, q)
		})
	}
}

// plain reports whether a request is for one thing, by an id that can be one, and
// has no query but keys that are expected, once each.
func (c *wiki) plain(r *http.Request, keys []string) bool {
	for _, name := range []string{"id", "target"} {
		if v := r.PathValue(name); v != "" && !isID(v) {
			return false
		}
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return false
	}
	for key, values := range query {
		if len(values) != 1 || !slices.Contains(keys, key) {
			return false
		}
	}
	return true
}

// isID reports whether s can be the id of content.
func isID(s string) bool {
	n, err := strconv.ParseInt(s, 10, 64)
	return err == nil && n > 0 && strconv.FormatInt(n, 10) == s
}

// read carries out a reading action once, or takes what the call itself has read,
// if it is that one. same says so.
func (c *wiki) read(action string, same bool, args map[string]any, into any) error {
	key, err := json.Marshal(args)
	if err != nil {
		return err
	}
	o := c.outcome(action + " " + string(key))
	o.once.Do(func() { o.body, o.err = c.stage.result(action, same, args) })
	if o.err != nil {
		return o.err
	}
	return seal.Glance(o.body, into)
}

// outcome is where the result of a read is kept.
func (c *wiki) outcome(key string) *outcome {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.seen[key]
	if o == nil {
		o = new(outcome)
		c.seen[key] = o
	}
	return o
}

// is reports whether a page is the one that the call is about.
func (c *wiki) is(id string) bool { return isID(id) && id == c.planned.PageID }

// nothing answers what a server may well ask and results do not show. Servers do
// without it.
func (c *wiki) nothing(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusNotFound, map[string]any{"statusCode": http.StatusNotFound, "message": "this is not shown"})
}

// nobody answers who accounts are: results name no people but by their accounts.
func (c *wiki) nobody(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, list[struct{}]{Results: []struct{}{}})
}
