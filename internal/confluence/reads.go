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

// maxChildren is how many children of a page are looked at.
const maxChildren = 250

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

func (c *Connector) actChildren(ctx context.Context, at *place, a *area, limit int) (*gate.Result, error) {
	list, answer, err := c.children(ctx, at.page.ID, maxChildren)
	if err != nil {
		return failed(err), err
	}
	var ids []string
	for _, child := range list {
		if child.Type == "page" && child.Status == "current" && isID(child.ID) {
			ids = append(ids, child.ID)
		}
	}
	shown, err := c.allowedHits(ctx, ids, a)
	if err != nil {
		return failed(err), err
	}
	out := listing{Pages: shown[:min(limit, len(shown))], More: len(shown) > limit || len(list) >= maxChildren, Untrusted: true, Source: c.source(at, at.page)}
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

// children reads what is right below a page, of any type, in the order of the tree.
func (c *Connector) children(ctx context.Context, id string, limit int) ([]child, *atlassian.Response, error) {
	var list struct {
		Results []child `json:"results"`
	}
	res, err := c.get(ctx, v2+"/pages/"+atlassian.Segment(id)+"/direct-children", url.Values{"limit": {strconv.Itoa(limit)}}, &list)
	if err != nil {
		return nil, nil, explain(err, "what is below page "+id)
	}
	return list.Results, res, nil
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
