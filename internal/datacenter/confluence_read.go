// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package datacenter

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/clawea/clawea/internal/atlassian"
)

// Bounds of reading lists in parts.
const (
	partSize  = 100
	maxParts  = 101
	maxSpaces = 10_000
)

// A list is a list as Cloud answers with.
type list[T any] struct {
	Results []T   `json:"results"`
	Links   links `json:"_links"`
}

type links struct {
	Next string `json:"next,omitempty"`
}

// next is the link to where a list goes on, by where that is.
func next(start int) links { return links{"?cursor=" + strconv.Itoa(start)} }

// begin is where a list is to begin, by its cursor, which is ours.
func begin(t *trip) (int, error) {
	text := t.Query.Get("cursor")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxStart || strconv.Itoa(n) != text {
		return 0, notOffered("this part of a list")
	}
	return n, nil
}

// all reads a list in parts, until it has as much as most or there is no more.
func all[T any](ctx context.Context, t *trip, path string, query url.Values, most int) ([]T, *atlassian.Response, error) {
	var out []T
	for range maxParts {
		q := with(query, "start", strconv.Itoa(len(out)))
		q.Set("limit", strconv.Itoa(min(partSize, most-len(out))))
		var part struct {
			Results []T   `json:"results"`
			Links   links `json:"_links"`
		}
		res, err := t.get(ctx, path, q, &part)
		if err != nil {
			return nil, nil, err
		}
		out = append(out, part.Results...)
		if part.Links.Next == "" || len(part.Results) == 0 || len(out) >= most {
			return out[:min(len(out), most)], res, nil
		}
	}
	return nil, nil, endless()
}

// whole reads a list that must not be longer than most: its end counts, too.
func whole[T any](ctx context.Context, t *trip, path string, query url.Values, most int) ([]T, *atlassian.Response, error) {
	out, res, err := all[T](ctx, t, path, query, most+1)
	if err == nil && len(out) > most {
		err = endless()
	}
	return out, res, err
}

func endless() error {
	return &atlassian.Error{Code: atlassian.Upstream, Message: "a list that is too long"}
}

// pageQuery is how a page is asked for, by Cloud's query.
func pageQuery(q url.Values) url.Values {
	out := url.Values{"expand": {pageParts}}
	if q.Get("body-format") != "" {
		out.Set("expand", pageParts+",body.storage")
	}
	if s := q.Get("status"); s != "" {
		out.Set("status", s)
	}
	if v := q.Get("version"); v != "" { // which may be the present one, too
		out.Set("version", v)
		out.Set("status", "any")
	}
	return out
}

func (c *confluence) readPage(ctx context.Context, t *trip) (*atlassian.Response, error) {
	if f := t.Query.Get("body-format"); f != "" && f != "storage" {
		return nil, notOffered("bodies that are not in storage format")
	}
	f, res, err := t.read(ctx, t.part[0], "page", pageQuery(t.Query))
	if err != nil {
		return nil, err
	}
	c.met(f.Space.ID, f.Space.Key)
	return answer(res, f.page(t.Query.Get("body-format") != ""))
}

// readPages reads pages one by one: there is no list of them by ids that does not
// lag behind.
func (c *confluence) readPages(ctx context.Context, t *trip) (*atlassian.Response, error) {
	ids := t.Query["id"]
	if len(ids) == 0 || t.Query.Get("status") != "current" {
		return nil, notOffered("this list of pages")
	}
	pages := make([]*shown, len(ids))
	answers := make([]*atlassian.Response, len(ids))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for i, id := range ids {
		g.Go(func() error {
			f, res, err := t.read(ctx, id, "page", pageQuery(nil))
			if is(err, atlassian.NotFound) {
				return nil
			}
			if err == nil {
				c.met(f.Space.ID, f.Space.Key)
				pages[i], answers[i] = f.page(false), res
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	out := list[*shown]{Results: slices.DeleteFunc(pages, func(p *shown) bool { return p == nil })}
	return answer(lastOf(answers), out)
}

// lastOf is the last answer of several that there was.
func lastOf(answers []*atlassian.Response) *atlassian.Response {
	for _, a := range slices.Backward(answers) {
		if a != nil {
			return a
		}
	}
	return &atlassian.Response{Status: 200}
}

func (c *confluence) readAncestors(ctx context.Context, t *trip) (*atlassian.Response, error) {
	f, res, err := t.read(ctx, t.part[0], "page", pageQuery(nil))
	if err != nil {
		return nil, err
	}
	out := list[ancestor]{Results: []ancestor{}}
	for _, a := range f.Ancestors {
		out.Results = append(out.Results, ancestor{a.ID, "page"})
	}
	return answer(res, out)
}

// A ancestor is content of which only id and type are told.
type ancestor struct {
	ID   string `json:"id"`
	Type string `json:"type"`
}

func (c *confluence) readChildren(ctx context.Context, t *trip) (*atlassian.Response, error) {
	start, err := begin(t)
	if err != nil {
		return nil, err
	}
	q := url.Values{"start": {strconv.Itoa(start)}, "limit": {strconv.Itoa(number(t.Query, "limit", 25, 250))}}
	var part list[piece]
	res, err := t.get(ctx, childPages(t.part[0]), q, &part)
	if err != nil {
		return nil, err
	}
	out := list[*shown]{Results: []*shown{}}
	for _, f := range part.Results {
		out.Results = append(out.Results, &shown{ID: f.ID, Type: f.Type, Status: f.Status, Title: f.Title})
	}
	if part.Links.Next != "" && len(part.Results) > 0 {
		out.Links = next(start + len(part.Results))
	}
	return answer(res, out)
}

func childPages(id string) string { return contentPath(id, "child", "page") }

// A descendant is content below a page, at any depth.
type descendant struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Status   string `json:"status"`
	Title    string `json:"title"`
	ParentID string `json:"parentId"`
	Depth    int    `json:"depth"`
}

// readBelow reads what lies below a page, level by level: there is no list of it
// that does not lag behind. It stops at the limit, and then says that there is more.
func readBelow(ctx context.Context, t *trip) (*atlassian.Response, error) {
	depth, limit := number(t.Query, "depth", 2, 10), number(t.Query, "limit", 25, 250)
	out := list[descendant]{Results: []descendant{}}
	var res *atlassian.Response
	level := []string{t.part[0]}
	for d := 1; d <= depth && len(level) > 0; d++ {
		var below []string
		for _, parent := range level {
			found, last, err := all[piece](ctx, t, childPages(parent), nil, limit+1)
			if err != nil {
				return nil, err
			}
			res = last
			for _, f := range found {
				out.Results = append(out.Results, descendant{f.ID, f.Type, f.Status, f.Title, parent, d})
				below = append(below, f.ID)
			}
			if len(out.Results) > limit {
				out.Results, out.Links = out.Results[:limit], next(limit)
				return answer(res, out)
			}
		}
		level = below
	}
	return answer(res, out)
}

func readLabels(ctx context.Context, t *trip) (*atlassian.Response, error) {
	type label struct {
		Prefix string `json:"prefix"`
		Name   string `json:"name"`
	}
	found, res, err := whole[label](ctx, t, contentPath(t.part[0], "label"), nil, maxSpaces)
	if err != nil {
		return nil, err
	}
	prefix := t.Query.Get("prefix")
	found = slices.DeleteFunc(found, func(l label) bool { return prefix != "" && l.Prefix != prefix })
	return answer(res, list[label]{Results: append([]label{}, found[:min(len(found), number(t.Query, "limit", 25, 250))]...)})
}

// A space as the site shows it.
type space struct {
	ID       int64  `json:"id"`
	Key      string `json:"key"`
	Name     string `json:"name"`
	Status   string `json:"status"`
	Homepage struct {
		ID string `json:"id"`
	} `json:"homepage"`
}

type shownSpace struct {
	ID         string `json:"id"`
	Key        string `json:"key"`
	Name       string `json:"name"`
	Status     string `json:"status,omitempty"`
	HomepageID string `json:"homepageId,omitempty"`
}

func (s *space) id() string { return strconv.FormatInt(s.ID, 10) }

func (s *space) shown() *shownSpace {
	return &shownSpace{s.id(), s.Key, s.Name, strings.ToLower(s.Status), s.Homepage.ID}
}

// byKey reads a space.
func (c *confluence) byKey(ctx context.Context, t *trip, key string) (*space, *atlassian.Response, error) {
	s := new(space)
	res, err := t.get(ctx, spaces+"/"+atlassian.Segment(key), url.Values{"expand": {"homepage"}}, s)
	if err != nil {
		return nil, nil, err
	}
	if s.Key != key || s.ID <= 0 {
		return nil, nil, gone(res) // keys are found in any case
	}
	c.met(s.ID, s.Key)
	return s, res, nil
}

// byID reads the space with an id. The key of one that was deleted may have become
// another's, so the answer counts.
func (c *confluence) byID(ctx context.Context, t *trip, id string) (*space, *atlassian.Response, error) {
	key, err := c.key(ctx, t, id)
	if err != nil {
		return nil, nil, err
	}
	s, res, err := c.byKey(ctx, t, key)
	if err == nil && s.id() != id {
		c.forget(id)
		return nil, nil, gone(res)
	}
	return s, res, err
}

// key finds the key of a space: in what was met, or by going through all spaces.
func (c *confluence) key(ctx context.Context, t *trip, id string) (string, error) {
	if key, ok := c.known(id); ok {
		return key, nil
	}
	found, res, err := whole[space](ctx, t, spaces, nil, maxSpaces)
	if err != nil {
		return "", err
	}
	for _, s := range found {
		c.met(s.ID, s.Key)
		if s.id() == id {
			return s.Key, nil
		}
	}
	return "", gone(res)
}

func (c *confluence) readSpace(ctx context.Context, t *trip) (*atlassian.Response, error) {
	s, res, err := c.byID(ctx, t, t.part[0])
	if err != nil {
		return nil, err
	}
	return answer(res, s.shown())
}

func (c *confluence) readSpaces(ctx context.Context, t *trip) (*atlassian.Response, error) {
	out := list[*shownSpace]{Results: []*shownSpace{}}
	last := &atlassian.Response{Status: 200}
	add := func(s *space, res *atlassian.Response, err error) error {
		if err == nil {
			out.Results, last = append(out.Results, s.shown()), res
		}
		if is(err, atlassian.NotFound) {
			return nil
		}
		return err
	}
	for _, key := range t.Query["keys"] {
		if err := add(c.byKey(ctx, t, key)); err != nil {
			return nil, err
		}
	}
	for _, id := range t.Query["ids"] {
		if err := add(c.byID(ctx, t, id)); err != nil {
			return nil, err
		}
	}
	return answer(last, out)
}

// readTitled lists the pages of a space with a title.
func (c *confluence) readTitled(ctx context.Context, t *trip) (*atlassian.Response, error) {
	key, err := c.key(ctx, t, t.part[0])
	if err != nil {
		return nil, err
	}
	if t.Query.Get("title") == "" || t.Query.Get("status") != "current" {
		return nil, notOffered("this list of pages")
	}
	q := url.Values{"type": {"page"}, "spaceKey": {key}, "title": {t.Query.Get("title")}, "status": {"current"}, "expand": {pageParts}}
	found, res, err := all[piece](ctx, t, content, q, number(t.Query, "limit", 25, 250))
	if err != nil {
		return nil, err
	}
	out := list[*shown]{Results: []*shown{}}
	for i := range found {
		if f := &found[i]; f.Type == "page" && strconv.FormatInt(f.Space.ID, 10) == t.part[0] {
			out.Results = append(out.Results, f.page(false))
		}
	}
	return answer(res, out)
}
