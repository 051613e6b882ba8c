// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"context"
	"slices"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/query"
	"github.com/clawea/clawea/policy"
)

const maxLinks = 50

// A viewedLink is a link as agents get it: what the issue does to the other.
type viewedLink struct {
	ID     string     `json:"id"`
	Phrase string     `json:"phrase"` // "blocks", "is blocked by"
	Other  viewedSide `json:"issue"`
}

type viewedSide struct {
	ID      string `json:"id"`
	Key     string `json:"key"`
	URL     string `json:"url"`
	Summary string `json:"summary,omitempty"`
	Status  string `json:"status,omitempty"`
}

// planLinks shows only links whose other end lies where the policy lets issues be
// seen. Both ends are named in the call, so that the policy hears of all of them.
func (c *Connector) planLinks(ctx context.Context, args []byte, bounds []policy.Bound) (*gate.Plan, error) {
	at, err := c.asked(ctx, args)
	if err != nil {
		return nil, err
	}
	readable := readableBy(bounds)
	s, err := c.searchIn(ctx, bounds)
	if err != nil {
		return nil, err
	}
	list, _, err := c.linksOn(ctx, at)
	if err != nil {
		return nil, err
	}
	sides, err := c.sides(ctx, list, s)
	if err != nil {
		return nil, err
	}
	reads := append([]string{linksField}, readable.only(sideFields())...)
	plan := c.reading(actionLinks, at, reads, func(ctx context.Context, of *about) (*atlassian.Response, any, error) {
		list, res, err := c.linksOn(ctx, at)
		if err != nil {
			return nil, nil, err
		}
		now, err := c.sides(ctx, list, s)
		if err != nil {
			return nil, nil, err
		}
		return res, &struct {
			about
			Links []viewedLink `json:"links"`
		}{*of, c.viewLinks(list, sides, now, reads)}, nil
	})
	for i := range sides {
		p := sides[i].place()
		plan.Call.Resources = append(plan.Call.Resources, p.resource(""))
		plan.Call.Resources = withTypeOf(plan.Call.Resources, &p.Project, p.Type)
	}
	return plan, nil
}

func sideFields() []string { return []string{"summary", statusField} }

// linksOn reads the links of an issue, the first of them if there are many.
func (c *Connector) linksOn(ctx context.Context, at *place) ([]issueLink, *atlassian.Response, error) {
	_, res, err := c.issue(ctx, at.ID, []string{linksField})
	if err != nil {
		return nil, nil, err
	}
	var answer struct {
		Fields struct {
			Links []issueLink `json:"issuelinks"`
		} `json:"fields"`
	}
	if err := res.Glance(&answer); err != nil {
		return nil, nil, said(err, "the links of "+at.Key)
	}
	list := slices.DeleteFunc(answer.Fields.Links, func(l issueLink) bool { return !digits.MatchString(l.ID) || l.other() == nil })
	return list[:min(len(list), maxLinks)], res, nil
}

// sides finds the other ends that lie where the policy lets issues be seen: by a
// bounded search, whose hits are held to the bound again.
func (c *Connector) sides(ctx context.Context, list []issueLink, s *search) ([]traced, error) {
	var ids []string
	for i := range list {
		ids = append(ids, list[i].other().ID)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	slices.Sort(ids)
	q := &query.Query{Where: query.All(s.within(), query.In("id", query.IDs(slices.Compact(ids)...)...))}
	var out []traced
	_, err := c.each(ctx, q, sideFields(), func(i *traced) bool {
		if s.holds(&i.issue) && s.shows(&i.issue) && slices.Contains(ids, i.ID) {
			out = append(out, *i)
		}
		return true
	})
	return out, err
}

// viewLinks shows the links whose other end was allowed and lies there still.
func (c *Connector) viewLinks(list []issueLink, allowed, now []traced, reads []string) []viewedLink {
	out := []viewedLink{}
	for i := range list {
		l := &list[i]
		o := l.other()
		is := func(m traced) bool { return m.ID == o.ID }
		was, at := slices.IndexFunc(allowed, is), slices.IndexFunc(now, is)
		if was < 0 || at < 0 || allowed[was].place().Project.ID != now[at].place().Project.ID || allowed[was].place().Type != now[at].place().Type {
			continue
		}
		v := viewedLink{ID: l.ID, Phrase: cut(l.phrase(), 100), Other: viewedSide{ID: o.ID, Key: now[at].Key, URL: c.browse(now[at].Key)}}
		if f := &now[at].Fields; slices.Contains(reads, "summary") {
			v.Other.Summary = cut(f.Summary, maxHitText)
		}
		if f := &now[at].Fields; slices.Contains(reads, statusField) && f.Status != nil {
			v.Other.Status = cut(f.Status.Name, 100)
		}
		out = append(out, v)
	}
	return out
}
