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

// scopes are what the fence permits. Scopes that are denied are left out, and so are
// those that are gone, or not what was signed any more. If nothing else is left, the
// latter are the error; denied ones stay, and the policy denies the search by them.
func (c *Connector) scopes(ctx context.Context, f *fence) ([]*scope, error) {
	var open, denied []*scope
	var lost error
	for _, b := range f.roots() {
		s, err := c.scope(ctx, b)
		switch {
		case err != nil:
		case !f.counts(s):
			continue
		case f.hush(s.resource.Path):
			denied = append(denied, s)
			continue
		default:
			err = f.signed(s.resource.Path)
		}
		if unlessUntold(err) != nil {
			return nil, err
		}
		if err != nil {
			c.log.WarnContext(ctx, "searches leave out what the policy names", "name", b.Name.Name, "err", err)
			lost = firstError(lost, err)
			continue
		}
		open = append(open, s)
	}
	switch {
	case len(open) > 0:
		return open, nil
	case lost != nil:
		return nil, lost
	case len(denied) > 0:
		return denied, nil
	}
	return nil, fault("outside", "there is no space and no page tree of this site that the token may search; have the grant or the policy changed")
}

// roots are the bounds in which searches look: where the policy names page prefixes,
// these, and else its spaces.
func (f *fence) roots() []policy.Bound {
	if len(f.prefixes) > 0 {
		return f.prefixes
	}
	return f.spaces
}

// counts reports whether a scope lies in the spaces that the policy names, if it
// names some: it must hold to these and to the prefixes.
func (f *fence) counts(s *scope) bool {
	return len(f.spaces) == 0 || slices.ContainsFunc(f.spaces, func(b policy.Bound) bool { return b.ID == s.space.ID })
}

// scope reads what a space or a page prefix is now. A prefix without titles is a space.
func (c *Connector) scope(ctx context.Context, b policy.Bound) (*scope, error) {
	if len(titlesOf(b.Name.Name)) == 0 {
		s, err := c.getSpace(ctx, b.ID)
		if err != nil {
			return nil, err
		}
		return &scope{space: s, resource: policy.Resource{Type: "space", ID: s.ID, Path: []policy.Place{{ID: s.ID, Name: s.Key}}}}, nil
	}
	at, err := c.place(ctx, b.ID)
	if err != nil {
		return nil, err
	}
	r, err := c.resource(ctx, at, true)
	return &scope{space: at.space, root: b.ID, resource: r}, err
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
