// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/clawea/clawea/policy"
)

// Resolve finds the ids that a policy's names lead to today: a space's key to
// its id, a page prefix such as "ENG/Runbooks/" to the id of the page. A prefix
// that is a key only, "ENG/", is the space. A name that leads nowhere, or to
// more than one thing, is a *gate.Fault that says so; also one on a deny list,
// which would deny nothing while people trust in it.
func (c *Connector) Resolve(ctx context.Context, names []policy.Name) ([]policy.Bound, error) {
	var out []policy.Bound
	for _, n := range names {
		id, err := c.resolve(ctx, n)
		if denies(n) && isNotFound(err) {
			err = fault("not_found", "%s, or take %s off the deny list: what is denied must be there when the policy is published", err, n.Name)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, policy.Bound{Name: n, Site: c.site, ID: id})
	}
	return out, nil
}

// denies reports whether a name is on a deny list.
func denies(n policy.Name) bool { return n.Kind == policy.DeniedSpace || n.Kind == policy.DeniedPrefix }

// fits reports whether a name is of a kind that the connector knows.
func fits(n policy.Name) bool {
	switch n.Kind {
	case policy.Space, policy.DeniedSpace:
		return n.Tool == name && !strings.Contains(n.Name, "/")
	case policy.PagePrefix, policy.DeniedPrefix:
		return n.Tool == name
	}
	return false
}

func (c *Connector) resolve(ctx context.Context, n policy.Name) (string, error) {
	if !fits(n) {
		return "", fault("bad_name", "%s is not a name of Confluence's; write a space key or a page prefix", n)
	}
	s, err := c.spaceByKey(ctx, keyOf(n.Name))
	if err != nil {
		return "", err
	}
	if len(titlesOf(n.Name)) == 0 {
		return s.ID, nil
	}
	at, err := c.pageByTitles(ctx, s, n.Name)
	if err != nil {
		return "", err
	}
	if !denies(n) { // what only some may read may well be denied to agents
		err = c.unrestricted(ctx, at)
	}
	return at.page.ID, err
}

// keyOf returns the space key of a space's name or a prefix.
func keyOf(prefix string) string {
	key, _, _ := strings.Cut(prefix, "/")
	return key
}

// titlesOf returns the page titles of a prefix "KEY/Title/Title/".
func titlesOf(prefix string) []string {
	steps := strings.Split(strings.TrimSuffix(prefix, "/"), "/")
	return steps[1:]
}

func (c *Connector) spaceByKey(ctx context.Context, key string) (*space, error) {
	var list struct {
		Results []*space `json:"results"`
	}
	if _, err := c.get(ctx, v2+"/spaces", url.Values{"keys": {key}, "limit": {"250"}}, &list); err != nil {
		return nil, explain(err, "space "+key)
	}
	list.Results = slices.DeleteFunc(list.Results, func(s *space) bool { return s == nil || s.Key != key })
	switch len(list.Results) {
	case 0:
		return nil, fault("not_found", "no space has the key %s, or the read credential may not see it; write the key as Confluence shows it", key)
	case 1:
	default:
		return nil, fault("ambiguous", "more than one space has the key %s; have an administrator look at it", key)
	}
	return c.getSpace(ctx, list.Results[0].ID)
}

// titled lists the current pages of a space with a title, which there is one of
// at most, as far as Confluence keeps its word.
func (c *Connector) titled(ctx context.Context, s *space, title string) ([]*page, error) {
	var list struct {
		Results []*page `json:"results"`
	}
	query := url.Values{"title": {title}, "status": {"current"}, "limit": {"25"}}
	if _, err := c.get(ctx, v2+"/spaces/"+s.ID+"/pages", query, &list); err != nil {
		return nil, explain(err, "a page of space "+s.Key)
	}
	return slices.DeleteFunc(list.Results, func(p *page) bool { return p == nil || !isID(p.ID) }), nil
}

// pageByTitles finds the page that the titles of a prefix lead to, from the
// space down. Titles are unique in a space, so the last one finds the page; what
// is above it must then be as the prefix says.
func (c *Connector) pageByTitles(ctx context.Context, s *space, prefix string) (*place, error) {
	titles := titlesOf(prefix)
	list, err := c.titled(ctx, s, titles[len(titles)-1])
	if err != nil {
		return nil, err
	}
	var found *place
	elsewhere := ""
	for _, p := range list {
		if p.ID == s.HomepageID && len(titles) == 1 {
			return nil, fault("bad_name", "%s is the homepage of its space, which stands for the space; write %s/", prefix, s.Key)
		}
		at, path, err := c.named(ctx, p.ID)
		switch {
		case err != nil:
			return nil, err
		case !slices.Equal(path[1:], titles) || at.space.ID != s.ID:
			elsewhere = strings.Join(path, "/") + "/"
		case found != nil:
			return nil, fault("ambiguous", "%s leads to pages %s and %s; give one of them another title", prefix, found.page.ID, p.ID)
		default:
			found = at
		}
	}
	switch {
	case found != nil:
		return found, nil
	case elsewhere != "":
		return nil, fault("not_found", "there is no page %s; the page of that title is %s: write that", prefix, elsewhere)
	}
	return nil, fault("not_found", "there is no page %s, or the read credential may not see it; write the titles as Confluence shows them", prefix)
}

// named returns where a page is and the names down to it.
func (c *Connector) named(ctx context.Context, id string) (*place, []string, error) {
	at, err := c.place(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	r, err := c.resource(ctx, at, true)
	return at, namesOf(r.Path), err
}
