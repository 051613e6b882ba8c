// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/clawea/clawea/internal/atlassian"
)

// The roots of the two REST interfaces that Confluence Cloud has.
const (
	v2 = "/wiki/api/v2"
	v1 = "/wiki/rest/api"
)

// A page is what we use of Confluence's page.
type page struct {
	ID        string  `json:"id"`
	Status    string  `json:"status"`
	Title     string  `json:"title"`
	SpaceID   string  `json:"spaceId"`
	ParentID  string  `json:"parentId"` // "" at the root of the space
	AuthorID  string  `json:"authorId"` // who made it
	CreatedAt string  `json:"createdAt"`
	Version   version `json:"version"`
	Body      stored  `json:"body"`
}

// A version is who wrote what was written at once, and when.
type version struct {
	Number    int    `json:"number"`
	AuthorID  string `json:"authorId"`
	CreatedAt string `json:"createdAt"`
	Message   string `json:"message"`
}

// stored is a body in storage format.
type stored struct {
	Storage struct {
		Value string `json:"value"`
	} `json:"storage"`
}

func (p *page) version() string { return strconv.Itoa(p.Version.Number) }

type space struct {
	ID         string `json:"id"`
	Key        string `json:"key"`
	Status     string `json:"status"`
	HomepageID string `json:"homepageId"`
}

// get reads one resource into v. Errors are *atlassian.Error.
func (c *Connector) get(ctx context.Context, path string, query url.Values, v any) (*atlassian.Response, error) {
	res, err := c.read.Do(ctx, &atlassian.Request{Method: http.MethodGet, Path: path, Query: query})
	if err != nil {
		return nil, err
	}
	return res, res.Glance(v)
}

// getPage reads a current page, with its body in storage format if wanted.
func (c *Connector) getPage(ctx context.Context, id string, body bool) (*page, *atlassian.Response, error) {
	query := url.Values{}
	if body {
		query.Set("body-format", "storage")
	}
	p, res, err := c.askPage(ctx, id, query)
	if err == nil && p.Status != "current" {
		err = fault("not_current", "page %s is not a current page but in the archive, in the trash or a draft; have a person publish it", id)
	}
	if err != nil {
		return nil, nil, err
	}
	return p, res, nil
}

// getVersion reads a page as it was in one of its versions.
func (c *Connector) getVersion(ctx context.Context, id string, number int) (*page, *atlassian.Response, error) {
	p, res, err := c.askPage(ctx, id, url.Values{"body-format": {"storage"}, "version": {strconv.Itoa(number)}})
	switch {
	case isNotFound(err):
		return nil, nil, fault("not_found", "page %s has no version %d; list its versions", id, number)
	case err != nil:
		return nil, nil, err
	case p.Version.Number != number || p.Status != "current" && p.Status != "historical":
		return nil, nil, fault("upstream", "Confluence answered with something else than version %d of page %s; try again later", number, id)
	}
	return p, res, nil
}

// getTrashed reads a page that is in the trash.
func (c *Connector) getTrashed(ctx context.Context, id string) (*page, error) {
	p, _, err := c.askPage(ctx, id, url.Values{"status": {"trashed"}})
	switch {
	case isNotFound(err):
		return nil, fault("not_found", "page %s is not in the trash, or the read credential may not see it; check the id", id)
	case err != nil:
		return nil, err
	case p.Status != "trashed":
		return nil, fault("conflict", "page %s is not in the trash; read it", id)
	}
	return p, nil
}

// askPage reads the page of an id, whatever its status.
func (c *Connector) askPage(ctx context.Context, id string, query url.Values) (*page, *atlassian.Response, error) {
	p := new(page)
	res, err := c.get(ctx, v2+"/pages/"+atlassian.Segment(id), query, p)
	switch {
	case err != nil:
		return nil, nil, explain(err, "page "+id)
	case p.ID != id || p.SpaceID == "" || p.Version.Number < 1:
		return nil, nil, fault("upstream", "Confluence answered with something else than page %s; try again later", id)
	}
	return p, res, nil
}

// getPages reads the pages of these ids that are current and may be seen.
func (c *Connector) getPages(ctx context.Context, ids []string) (map[string]*page, error) {
	out := make(map[string]*page, len(ids))
	if len(ids) == 0 {
		return out, nil
	}
	var list struct {
		Results []*page `json:"results"`
	}
	query := url.Values{"id": ids, "status": {"current"}, "limit": {"250"}}
	if _, err := c.get(ctx, v2+"/pages", query, &list); err != nil {
		return nil, explain(err, "the pages")
	}
	for _, p := range list.Results {
		if p != nil && p.Status == "current" {
			out[p.ID] = p
		}
	}
	return out, nil
}

func (c *Connector) getSpace(ctx context.Context, id string) (*space, error) {
	s := new(space)
	if _, err := c.get(ctx, v2+"/spaces/"+atlassian.Segment(id), nil, s); err != nil {
		return nil, explain(err, "space "+id)
	}
	switch {
	case s.ID != id || s.Key == "":
		return nil, fault("upstream", "Confluence answered with something else than space %s; try again later", id)
	case s.Status != "" && s.Status != "current":
		return nil, fault("not_current", "space %s is in the archive; have a person restore it", s.Key)
	}
	return s, nil
}

// titles reads the titles of ancestors, by id.
func (c *Connector) titles(ctx context.Context, list []ancestor) (map[string]string, error) {
	out := make(map[string]string, len(list))
	var pages []string
	for _, a := range list {
		if a.Type == "page" {
			pages = append(pages, a.ID)
			continue
		}
		path, ok := container(a.Type)
		if !ok {
			return nil, unplaced(a)
		}
		var holder struct {
			Title string `json:"title"`
		}
		if _, err := c.get(ctx, path+atlassian.Segment(a.ID), nil, &holder); err != nil {
			return nil, explain(err, fmt.Sprintf("%s %s", a.Type, a.ID))
		}
		out[a.ID] = holder.Title
	}
	found, err := c.getPages(ctx, pages)
	if err != nil {
		return nil, err
	}
	for _, id := range pages {
		if found[id] == nil {
			return nil, fault("not_found", "page %s, above the page asked for, is not current; have a person look at it", id)
		}
		out[id] = found[id].Title
	}
	return out, nil
}

// isID reports whether s can be the id of content: digits that fit an int64.
func isID(s string) bool {
	if s == "" || len(s) > 18 || s[0] == '0' {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
