// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"context"
	"net/url"
	"strconv"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
)

// maxPaging is how many pages of a list are read.
const maxPaging = 40

type shownVersion struct {
	Number  int    `json:"number"`
	Author  string `json:"author"` // account
	At      string `json:"at"`
	Message string `json:"message,omitempty"`
	Receipt string `json:"receipt,omitempty"` // JOB/SEQ that the message ends with; anybody could have written it
}

// A history is what page.versions returns.
type history struct {
	Versions  []shownVersion `json:"versions"` // the newest first
	More      bool           `json:"more"`     // there are others
	Untrusted bool           `json:"untrusted"`
	Source    source         `json:"source"`
}

func (c *Connector) planVersions(ctx context.Context, raw []byte, bounds []policy.Bound) (*gate.Plan, error) {
	args, err := parseList(raw)
	if err != nil {
		return nil, err
	}
	return c.planRead(ctx, actionVersions, args.PageID, bounds, func(ctx context.Context, at *place) (*gate.Result, error) {
		list, _, answer, err := c.versions(ctx, at.page.ID, *args.Limit+1, "")
		if err != nil {
			return failed(err), err
		}
		out := history{Versions: []shownVersion{}, More: len(list) > *args.Limit, Untrusted: true, Source: c.source(at, at.page)}
		for _, v := range list[:min(*args.Limit, len(list))] {
			out.Versions = append(out.Versions, shownVersion{v.Number, account(v.AuthorID), v.CreatedAt, atlassian.Clean(v.Message, 2*maxMessage), markOf(v.Message)})
		}
		return c.shows(ctx, at, answer, out)
	})
}

// versions reads some versions of a page, the newest first, from a cursor on. It
// returns the cursor to the next ones, or "".
func (c *Connector) versions(ctx context.Context, id string, limit int, cursor string) ([]version, string, *atlassian.Response, error) {
	var list struct {
		Results []version `json:"results"`
		Links   links     `json:"_links"`
	}
	query := url.Values{"sort": {"-modified-date"}, "limit": {strconv.Itoa(limit)}}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	res, err := c.get(ctx, v2+"/pages/"+atlassian.Segment(id)+"/versions", query, &list)
	if err != nil {
		return nil, "", nil, explain(err, "the versions of page "+id)
	}
	next, err := list.Links.next()
	return list.Results, next, res, err
}

// links are what a list says about its next page. Of its address only the
// cursor is used.
type links struct {
	Next string `json:"next"`
}

// next is the cursor to the next page of a list, or "" if there is none. Nothing may
// be missed: a list that goes on says where.
func (l links) next() (string, error) {
	if l.Next == "" {
		return "", nil
	}
	u, err := url.Parse(l.Next)
	if err != nil || u.Query().Get("cursor") == "" {
		return "", fault("upstream", "Confluence does not say how a list goes on; try again later")
	}
	return u.Query().Get("cursor"), nil
}

// inParts calls read with the cursor of each part of a list, "" for the first,
// until there is no other. It reports whether that was within most parts.
func inParts(most int, read func(cursor string) (next string, err error)) (whole bool, err error) {
	cursor := ""
	for range most {
		if cursor, err = read(cursor); err != nil || cursor == "" {
			return err == nil, err
		}
	}
	return false, nil
}

// eachVersion calls do with every version of a page, the newest first, until it
// returns false. A page with more versions than are looked at is an error.
func (c *Connector) eachVersion(ctx context.Context, id string, do func(version) bool) error {
	whole, err := inParts(maxPaging, func(cursor string) (string, error) {
		list, next, _, err := c.versions(ctx, id, 50, cursor)
		if err != nil {
			return "", err
		}
		for _, v := range list {
			if !do(v) {
				return "", nil
			}
		}
		return next, nil
	})
	if err == nil && !whole {
		err = fault("too_large", "page %s has more versions than can be looked through; have a person look at it", id)
	}
	return err
}

func (c *Connector) planVersion(ctx context.Context, raw []byte, bounds []policy.Bound) (*gate.Plan, error) {
	args, err := parseVersion(raw)
	if err != nil {
		return nil, err
	}
	return c.planRead(ctx, actionVersion, args.PageID, bounds, func(ctx context.Context, at *place) (*gate.Result, error) {
		p, answer, err := c.getVersion(ctx, at.page.ID, args.Version)
		if err != nil {
			return failed(err), err
		}
		p.SpaceID, p.ParentID = at.page.SpaceID, at.page.ParentID // where it is now, not where it was
		return c.shows(ctx, at, answer, c.reading(at, p, *args.MaxBytes))
	})
}
