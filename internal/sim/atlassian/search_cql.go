// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"html"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// askCQL runs the query of the request and returns the part of the results that it asks for.
func askCQL(s *Site, c *call) (q *cql, hits []*node, w window, total int, refusal *reply) {
	text := c.query.Get("cql")
	q, err := s.parseCQL(text, c.account)
	if err != nil {
		bad := v1Error(http.StatusBadRequest, "Could not parse cql : "+text+" : "+err.Error())
		return nil, nil, w, 0, &bad
	}
	if w, refusal = s.window(c, 25, 250); refusal != nil {
		return nil, nil, w, 0, refusal
	}
	if start := c.query.Get("start"); start != "" && c.query.Get("cursor") == "" {
		n, err := strconv.Atoi(start)
		if err != nil || n < 0 {
			bad := v1Error(http.StatusBadRequest, "The start must be a number from 0.")
			return nil, nil, w, 0, &bad
		}
		w.offset = n
	}
	all := q.run()
	hits, _ = cut(all, w)
	return q, hits, w, len(all), nil
}

// v1Results is a page of results of Confluence v1. Links are relative to the context, not to the host.
func v1Results(s *Site, c *call, w window, results []object, total int) object {
	links := object{"base": c.wiki(), "context": c.context(), "self": c.base + c.path + "?" + c.query.Encode()}
	if w.offset+len(results) < total {
		path := strings.TrimPrefix(c.path, c.context())
		links["next"] = path + "?next=true&" + s.nextQuery(c, w)
	}
	return object{"results": results, "start": w.offset, "limit": w.limit, "size": len(results), "_links": links}
}

func getCQL(s *Site, c *call) reply {
	q, hits, w, total, refusal := askCQL(s, c)
	if refusal != nil {
		return *refusal
	}
	strategy := c.query.Get("excerpt")
	expand := c.expansions("content.")
	results := []object{}
	for _, n := range hits {
		results = append(results, q.result(c, n, strategy, expand))
	}
	body := v1Results(s, c, w, results, total)
	body["totalSize"] = total
	body["cqlQuery"] = c.query.Get("cql")
	body["searchDuration"] = 1
	return ok(body)
}

// getContentCQL is the search that answers with bare content.
func getContentCQL(s *Site, c *call) reply {
	if found := s.searchComments(c); found != nil {
		return *found
	}
	_, hits, w, total, refusal := askCQL(s, c)
	if refusal != nil {
		return *refusal
	}
	results := []object{}
	for _, n := range hits {
		results = append(results, n.v1JSON(c, c.expansions("")))
	}
	return ok(v1Results(s, c, w, results, total))
}

// expansions are the parts to expand, those that begin with the prefix, without it.
func (c *call) expansions(prefix string) []string {
	var parts []string
	for _, part := range c.list("expand") {
		if rest, found := strings.CutPrefix(part, prefix); found {
			parts = append(parts, rest)
		}
	}
	return parts
}

func (q *cql) result(c *call, n *node, strategy string, expand []string) object {
	o := object{
		"content":               n.v1JSON(c, expand),
		"title":                 q.highlight(html.EscapeString(n.title()), strategy),
		"excerpt":               q.excerpt(n, strategy),
		"url":                   n.webui(),
		"resultGlobalContainer": object{"title": n.space.name, "displayUrl": "/spaces/" + n.space.key},
		"breadcrumbs":           []object{},
		"entityType":            "content",
		"iconCssClass":          "aui-icon content-type-" + n.kind,
		"lastModified":          stamp(n.now().at),
		"friendlyLastModified":  n.now().at.UTC().Format("Jan 02, 2006"),
		"score":                 0.0,
	}
	if n.parent != nil {
		o["resultParentContainer"] = object{"title": n.parent.title(), "displayUrl": n.parent.webui()}
	}
	return o
}

// excerptWords is the length of an excerpt.
const excerptWords = 40

// excerpt is the beginning of the text or, if the query looks for words, the part around the first of them.
func (q *cql) excerpt(n *node, strategy string) string {
	if strategy == "none" {
		return ""
	}
	text := strings.Fields(storageText(n.now().body))
	start := max(0, slices.IndexFunc(text, q.wanted)-excerptWords/4)
	text = text[start:min(start+excerptWords, len(text))]
	plain := strings.Join(text, " ")
	if strings.HasSuffix(strategy, "_unescaped") {
		return q.highlight(plain, strategy)
	}
	return q.highlight(html.EscapeString(plain), strategy)
}

// wanted tells whether a word of a text is one that the query looks for.
func (q *cql) wanted(word string) bool {
	return slices.ContainsFunc(words(word), func(part string) bool { return slices.Contains(q.terms, part) })
}

// highlight puts Confluence's markers around the words that the query looks for.
func (q *cql) highlight(text, strategy string) string {
	if strategy != "" && !strings.HasPrefix(strategy, "highlight") {
		return text
	}
	parts := strings.Split(text, " ")
	for i, word := range parts {
		if q.wanted(word) {
			parts[i] = "@@@hl@@@" + word + "@@@endhl@@@"
		}
	}
	return strings.Join(parts, " ")
}
