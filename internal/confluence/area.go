// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"context"
	"net/url"
	"slices"

	"github.com/clawea/clawea/internal/query"
	"github.com/clawea/clawea/policy"
)

// An area is where a search may look.
type area struct {
	scopes []*scope // in one of which every hit must lie
	fence  *fence   // which says what is denied in them, and the labels

	// What is denied, as queries say it: keys of spaces, and ids of pages that
	// are left out with all below them.
	withoutKeys, withoutRoots []string
}

// A scope is a part of the site: a space, or the tree below and with a page of it.
type scope struct {
	space    *space
	root     string // id of the tree's page; "" for all of the space
	resource policy.Resource
}

// holds reports whether a place lies in one of the scopes and in nothing
// denied, by its ids. It completes the place with what the scope knows of its space.
func (a *area) holds(p *place) bool {
	i := slices.IndexFunc(a.scopes, func(s *scope) bool {
		return p.space.ID == s.space.ID && (s.root == "" || slices.Contains(p.chain(), s.root))
	})
	if i < 0 || a.fence.denies(p.ids()) {
		return false
	}
	p.space = a.scopes[i].space
	return true
}

// filters are the bounds that the area's queries carry, as policies name them.
func (a *area) filters() []string {
	out := []string{"space"}
	if len(a.fence.labels) > 0 {
		out = append(out, "label")
	}
	if len(a.fence.denied) > 0 {
		out = append(out, "denied")
	}
	return out
}

// area finds what the bounds leave to search in.
func (c *Connector) area(ctx context.Context, bounds []policy.Bound) (*area, error) {
	f := c.fence(bounds)
	scopes, err := c.scopes(ctx, f)
	if err != nil {
		return nil, err
	}
	a := &area{scopes: scopes, fence: f}
	if a.withoutKeys, err = c.deniedKeys(ctx, f); err != nil {
		return nil, err
	}
	a.withoutRoots, err = c.deniedRoots(ctx, a)
	return a, err
}

// scopes are what the fence permits. Where the policy names spaces and page
// prefixes, both must hold, so only prefixes in those spaces count. Scopes that
// are denied are left out; if nothing else is left, they stay, and the policy
// denies the search by them.
func (c *Connector) scopes(ctx context.Context, f *fence) ([]*scope, error) {
	var all, open []*scope
	add := func(s *scope) error {
		all = append(all, s)
		if f.hush(s.resource.Path) {
			return nil
		}
		open = append(open, s)
		if name := f.astray(s.resource.Path); name != "" {
			return unsigned(name)
		}
		return nil
	}
	if len(f.prefixes) == 0 {
		for _, b := range f.spaces {
			s, err := c.spaceScope(ctx, b.ID)
			if err == nil {
				err = add(s)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	for _, b := range f.prefixes {
		s, err := c.prefixScope(ctx, b)
		if err == nil && (len(f.spaces) == 0 || slices.ContainsFunc(f.spaces, func(b policy.Bound) bool { return b.ID == s.space.ID })) {
			err = add(s)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(all) == 0 {
		return nil, fault("outside", "there is no space and no page tree of this site that the token may search; have the grant or the policy changed")
	}
	if len(open) == 0 {
		return all, nil
	}
	return open, nil
}

func (c *Connector) spaceScope(ctx context.Context, id string) (*scope, error) {
	s, err := c.getSpace(ctx, id)
	if err != nil {
		return nil, err
	}
	return &scope{space: s, resource: policy.Resource{Type: "space", ID: s.ID, Path: []policy.Place{{ID: s.ID, Name: s.Key}}}}, nil
}

func (c *Connector) prefixScope(ctx context.Context, b policy.Bound) (*scope, error) {
	if len(titlesOf(b.Name.Name)) == 0 {
		return c.spaceScope(ctx, b.ID)
	}
	at, err := c.place(ctx, b.ID)
	if err != nil {
		return nil, err
	}
	r, err := c.resource(ctx, at, true)
	if err != nil {
		return nil, err
	}
	return &scope{space: at.space, root: b.ID, resource: r}, nil
}

// deniedKeys reads the present keys of denied spaces. One that the read
// credential does not see has no hits, and its key would be an error in a query.
func (c *Connector) deniedKeys(ctx context.Context, f *fence) ([]string, error) {
	var ids, keys []string
	for _, b := range f.denied {
		if len(titlesOf(b.Name.Name)) == 0 {
			ids = append(ids, b.ID)
		}
	}
	for some := range slices.Chunk(ids, 100) {
		var list struct {
			Results []*space `json:"results"`
		}
		if _, err := c.get(ctx, v2+"/spaces", url.Values{"ids": some, "limit": {"250"}}, &list); err != nil {
			return nil, explain(err, "the spaces that are denied")
		}
		for _, s := range list.Results {
			if s != nil && s.Key != "" && slices.Contains(some, s.ID) {
				keys = append(keys, s.Key)
			}
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}

// deniedRoots are the pages that are denied with all below them: those that
// were bound, and in the area's spaces those that have a denied name now, so
// that a query does not even count what lies below an impostor.
func (c *Connector) deniedRoots(ctx context.Context, a *area) ([]string, error) {
	var roots []string
	for _, b := range a.fence.denied {
		titles := titlesOf(b.Name.Name)
		if len(titles) == 0 {
			continue
		}
		roots = append(roots, b.ID)
		i := slices.IndexFunc(a.scopes, func(s *scope) bool { return s.space.Key == keyOf(b.Name.Name) })
		if i < 0 {
			continue
		}
		impostors, err := c.impostors(ctx, a.scopes[i].space, b)
		if err != nil {
			return nil, err
		}
		roots = append(roots, impostors...)
	}
	slices.Sort(roots)
	return slices.Compact(roots), nil
}

// impostors are the pages of a space, other than the bound one, that have the
// bound name now.
func (c *Connector) impostors(ctx context.Context, s *space, b policy.Bound) ([]string, error) {
	titles := titlesOf(b.Name.Name)
	list, err := c.titled(ctx, s, titles[len(titles)-1])
	if err != nil {
		return nil, err
	}
	var out []string
	for _, p := range list {
		if p.ID == b.ID {
			continue
		}
		_, path, err := c.named(ctx, p.ID)
		if unlessUntold(err) != nil {
			return nil, err
		}
		if err == nil && slices.Equal(path[1:], titles) {
			out = append(out, p.ID)
		}
	}
	return out, nil
}

// cql returns the text of the query that finds what the agent's query finds,
// inside the area only.
func (a *area) cql(text string) (string, error) {
	var keys, whole, roots []string
	for _, s := range a.scopes {
		keys = append(keys, s.space.Key)
		if s.root == "" {
			whole = append(whole, s.space.Key)
		} else {
			roots = append(roots, s.root)
		}
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	q, err := query.Parse(query.CQL().Restrict("space", keys...).Restrict("type", "page"), text)
	if err != nil {
		return "", fault("bad_query", "%s", badQuery(err))
	}
	bound := []query.Expr{query.In("space", query.Strings(keys...)...)}
	if len(roots) > 0 {
		tree := []query.Expr{query.In("ancestor", query.IDs(roots...)...), query.In("id", query.IDs(roots...)...)}
		if len(whole) > 0 {
			tree = append(tree, query.In("space", query.Strings(whole...)...))
		}
		bound = append(bound, query.Any(tree...))
	}
	bound = append(bound, query.In("type", query.Strings("page")...))
	if len(a.fence.labels) > 0 {
		bound = append(bound, query.In("label", query.Strings(a.fence.labels...)...))
	}
	if len(a.withoutKeys) > 0 {
		bound = append(bound, query.NotIn("space", query.Strings(a.withoutKeys...)...))
	}
	if len(a.withoutRoots) > 0 {
		bound = append(bound, query.NotIn("ancestor", query.IDs(a.withoutRoots...)...), query.NotIn("id", query.IDs(a.withoutRoots...)...))
	}
	if q, err = query.Bound(query.All(bound...), q); err != nil {
		return "", fault("outside", "there is nothing that the token may search; have the grant or the policy changed")
	}
	return q.String(), nil
}
