// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"context"
	"net/url"
	"slices"
	"strconv"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// How many children of a page are asked for at once, and how often.
const (
	maxChildren   = 250
	maxChildParts = 8
)

// A listing is what page.children returns.
type listing struct {
	Pages     []shownPage `json:"pages"`
	More      bool        `json:"more"` // there are others
	Untrusted bool        `json:"untrusted"`
	Source    source      `json:"source"`
}

func (c *Connector) planChildren(ctx context.Context, raw []byte, bounds []policy.Bound) (*gate.Plan, error) {
	args, err := parseList(raw)
	if err != nil {
		return nil, err
	}
	at, res, err := c.locate(ctx, args.PageID, bounds)
	if err != nil {
		return nil, err
	}
	call := c.call(actionChildren, policy.Read, atlassian.ForReading)
	call.Resources = []policy.Resource{res}
	call.Uses = map[string]int{"pages": *args.Limit}
	plan := &gate.Plan{Call: call, Act: func(context.Context, *receipt.Receipt) (*gate.Result, error) { return outside() }}
	if !at.open {
		return plan, nil
	}
	a, err := c.area(ctx, bounds)
	if err != nil {
		return nil, err
	}
	plan.Act = func(ctx context.Context, _ *receipt.Receipt) (*gate.Result, error) {
		return c.actChildren(ctx, at, a, *args.Limit)
	}
	return plan, nil
}

// actChildren shows the first children that may be shown, and whether there are
// more of these: what may not be shown does not count.
func (c *Connector) actChildren(ctx context.Context, at *place, a *area, limit int) (*gate.Result, error) {
	var answer *atlassian.Response
	s := sift(a, limit+1)
	whole, err := inParts(maxChildParts, func(cursor string) (string, error) {
		list, next, res, err := c.childrenFrom(ctx, at.page.ID, maxChildren, cursor)
		if err != nil {
			return "", err
		}
		answer = res
		var ids []string
		for _, child := range list {
			if child.Type == "page" && child.Status == "current" && isID(child.ID) {
				ids = append(ids, child.ID)
			}
		}
		err = c.sift(ctx, s, ids)
		if s.full() {
			next = ""
		}
		return next, err
	})
	if err == nil && !whole {
		err = fault("too_large", "more lies right below page %s than can be looked through; search below it", at.page.ID)
	}
	if err != nil {
		return failed(err), err
	}
	out := listing{Pages: s.shown[:min(limit, len(s.shown))], More: s.full(), Untrusted: true, Source: c.source(at, at.page)}
	if out.Pages == nil {
		out.Pages = []shownPage{}
	}
	result, err := c.shows(ctx, at, answer, out)
	if err == nil {
		result.Outcome.Used = map[string]int{"pages": len(out.Pages)}
	}
	return result, err
}

// A child is content right below a page.
type child struct {
	ID     string `json:"id"`
	Type   string `json:"type"`
	Status string `json:"status"`
}

// children reads what is right below a page, of any type, in the order of the
// tree: the first of it, if there is more than limit.
func (c *Connector) children(ctx context.Context, id string, limit int) ([]child, *atlassian.Response, error) {
	list, _, res, err := c.childrenFrom(ctx, id, limit, "")
	return list, res, err
}

// childrenFrom reads children from a cursor on. It returns the cursor to the next
// ones, or "".
func (c *Connector) childrenFrom(ctx context.Context, id string, limit int, cursor string) ([]child, string, *atlassian.Response, error) {
	var list struct {
		Results []child `json:"results"`
		Links   links   `json:"_links"`
	}
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	res, err := c.get(ctx, v2+"/pages/"+atlassian.Segment(id)+"/direct-children", query, &list)
	if err != nil {
		return nil, "", nil, explain(err, "what is below page "+id)
	}
	next, err := list.Links.next()
	return list.Results, next, res, err
}

// A labelling is what page.labels returns.
type labelling struct {
	Labels    []string `json:"labels"`
	Untrusted bool     `json:"untrusted"`
	Source    source   `json:"source"`
}

func (c *Connector) planLabels(ctx context.Context, raw []byte, bounds []policy.Bound) (*gate.Plan, error) {
	args, err := parseOne(raw)
	if err != nil {
		return nil, err
	}
	return c.planRead(ctx, actionLabels, args.PageID, bounds, func(ctx context.Context, at *place) (*gate.Result, error) {
		labels, answer, err := c.askLabels(ctx, at.page.ID)
		if err != nil {
			return failed(err), err
		}
		return c.shows(ctx, at, answer, labelling{slices.Concat([]string{}, labels), true, c.source(at, at.page)})
	})
}

// A limited is the restrictions of one page of a chain.
type limited struct {
	PageID string  `json:"page_id"`
	Read   *people `json:"read,omitempty"`   // who alone may read it; missing: everybody who may read the space
	Update *people `json:"update,omitempty"` // who alone may change it
}

type people struct {
	Accounts []string `json:"accounts"`
	Groups   []string `json:"groups"`
}

// A restricting is what page.restrictions returns.
type restricting struct {
	Restrictions []limited `json:"restrictions"` // from the outside in, of the page and all above it that have some
	Untrusted    bool      `json:"untrusted"`
	Source       source    `json:"source"`
}

func (c *Connector) planRestrictions(ctx context.Context, raw []byte, bounds []policy.Bound) (*gate.Plan, error) {
	args, err := parseOne(raw)
	if err != nil {
		return nil, err
	}
	return c.planRead(ctx, actionRestrictions, args.PageID, bounds, c.actRestrictions)
}

func (c *Connector) actRestrictions(ctx context.Context, at *place) (*gate.Result, error) {
	var answer *atlassian.Response
	out := restricting{Restrictions: []limited{}, Untrusted: true, Source: c.source(at, at.page)}
	for _, id := range at.chain() {
		by, res, err := c.restrictions(ctx, id)
		if err != nil {
			return failed(err), err
		}
		answer = res
		if l := (limited{id, by.Read.people(), by.Update.people()}); l.Read != nil || l.Update != nil {
			out.Restrictions = append(out.Restrictions, l)
		}
	}
	return c.shows(ctx, at, answer, out)
}

// people are whom a restriction lets through, or nil if it lets everybody.
func (r *restriction) people() *people {
	if !r.whole() || !r.Restrictions.User.some() && !r.Restrictions.Group.some() {
		return nil
	}
	p := &people{[]string{}, []string{}}
	for _, s := range r.Restrictions.User.Results {
		p.Accounts = append(p.Accounts, account(s.AccountID))
	}
	for _, s := range r.Restrictions.Group.Results {
		p.Groups = append(p.Groups, atlassian.Clean(s.Name, 255))
	}
	return p
}
