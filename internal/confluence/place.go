// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"context"
	"net/url"
	"slices"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/policy"
)

// A place is a page and where it lies.
type place struct {
	page  *page
	space *space
	above []ancestor // from the outside in
	fence *fence     // that it was held to, if it was planned
	open  bool       // the fence holds it, by ids, names and labels
}

// place reads where a page lies now.
func (c *Connector) place(ctx context.Context, id string) (*place, error) {
	p, _, err := c.getPage(ctx, id, false)
	if err != nil {
		return nil, err
	}
	s, err := c.getSpace(ctx, p.SpaceID)
	if err != nil {
		return nil, err
	}
	above, err := c.getAncestors(ctx, id)
	if err != nil {
		return nil, err
	}
	at := &place{page: p, space: s, above: above}
	if p.ParentID != at.parent() {
		return nil, fault("conflict", "page %s is being moved; ask again", id)
	}
	return at, nil
}

// parent is the id of what is right above the page, or "".
func (p *place) parent() string {
	if len(p.above) == 0 {
		return ""
	}
	return p.above[len(p.above)-1].ID
}

// chain is the ids of the page and all above it, without the space.
func (p *place) chain() []string {
	var ids []string
	for _, a := range p.above {
		ids = append(ids, a.ID)
	}
	return append(ids, p.page.ID)
}

// ids is the ids of the page, of all above it and of the space.
func (p *place) ids() []string { return append(p.chain(), p.space.ID) }

// locate finds a page, holds it to the bounds and puts it in policy terms. A
// page inside the bounds must not be restricted; of one outside or denied, only
// ids are read, since the policy denies by these, and its labels, since a
// receipt says which are missing.
func (c *Connector) locate(ctx context.Context, id string, bounds []policy.Bound) (*place, policy.Resource, error) {
	at, err := c.place(ctx, id)
	if err != nil {
		return nil, policy.Resource{}, err
	}
	at.fence = c.fence(bounds)
	at.open = at.fence.holds(at)
	res, err := c.resource(ctx, at, at.open)
	if err != nil {
		return nil, policy.Resource{}, err
	}
	if at.fence.hush(res.Path) {
		at.open = false
	}
	if err := at.fence.signed(res.Path); at.open && err != nil {
		return nil, policy.Resource{}, err
	}
	if len(at.fence.labels) > 0 {
		if res.Labels, err = c.labels(ctx, id); err != nil {
			return nil, policy.Resource{}, err
		}
		at.open = at.open && at.fence.labelled(res.Labels)
	}
	if at.open {
		err = c.unrestricted(ctx, at)
	}
	return at, res, err
}

// resource puts the page in policy terms. Its path holds the present names of
// all above it if they are wanted.
func (c *Connector) resource(ctx context.Context, p *place, wanted bool) (policy.Resource, error) {
	r := policy.Resource{Type: "page", ID: p.page.ID, Path: []policy.Place{{ID: p.space.ID, Name: p.space.Key}}}
	above := p.above
	if len(above) > 0 && above[0].ID == p.space.HomepageID {
		above = above[1:] // the homepage stands for the space
	}
	names := map[string]string{}
	if wanted {
		var err error
		if names, err = c.titles(ctx, above); err != nil {
			return r, err
		}
	}
	for _, a := range above {
		r.Path = append(r.Path, policy.Place{ID: a.ID, Name: names[a.ID]})
	}
	r.Path = append(r.Path, policy.Place{ID: p.page.ID, Name: p.page.Title})
	return r, nil
}

// unmoved looks again whether the page is where and what it was planned to be.
// It returns the page as it is now, with its body if wanted.
func (c *Connector) unmoved(ctx context.Context, planned *place, body bool) (*page, *atlassian.Response, error) {
	now, res, err := c.getPage(ctx, planned.page.ID, body)
	if err != nil {
		return nil, nil, err
	}
	above, err := c.getAncestors(ctx, planned.page.ID)
	if err != nil {
		return nil, nil, err
	}
	if now.SpaceID != planned.page.SpaceID || now.ParentID != planned.page.ParentID || !slices.Equal(above, planned.above) {
		return nil, nil, fault("conflict", "page %s was moved meanwhile; ask again", planned.page.ID)
	}
	return now, res, nil
}

// unrestricted refuses a page that a read restriction keeps from some people.
// Confluence tells only of a page's own restrictions, so all above it are asked.
func (c *Connector) unrestricted(ctx context.Context, p *place) error {
	if c.allowRestricted {
		return nil
	}
	restricted, err := c.restrictedAmong(ctx, p.chain())
	if err != nil {
		return err
	}
	if len(restricted) > 0 {
		return fault("restricted", "page %s, or a page above it, is open to some people only; have a person lift the restriction, or work without the page", p.page.ID)
	}
	return nil
}

// restrictedAmong returns which of the ids have a read restriction of their own.
func (c *Connector) restrictedAmong(ctx context.Context, ids []string) (map[string]bool, error) {
	found, err := each(ctx, ids, func(ctx context.Context, id string) (bool, error) {
		yes, err := c.restricted(ctx, id)
		if isNotFound(err) { // what cannot be seen is not open to all
			return true, nil
		}
		return yes, err
	})
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for i, id := range ids {
		if found[i] {
			out[id] = true
		}
	}
	return out, nil
}

// A restriction lists whom an operation is open to; nobody listed means everybody.
type restriction struct {
	Restrictions *struct {
		User  *subjects `json:"user"`
		Group *subjects `json:"group"`
	} `json:"restrictions"`
}

type subjects struct {
	Results []struct {
		AccountID string `json:"accountId"`
		Name      string `json:"name"`
	} `json:"results"`
	Size int `json:"size"`
}

func (s *subjects) some() bool { return len(s.Results) > 0 || s.Size > 0 }

// whole reports whether an answer tells of users and of groups.
func (r *restriction) whole() bool {
	return r != nil && r.Restrictions != nil && r.Restrictions.User != nil && r.Restrictions.Group != nil
}

// restrictions are those of one page's own, by what they restrict.
type restrictions struct {
	Read   *restriction `json:"read"`
	Update *restriction `json:"update"`
}

// restrictions reads a page's own restrictions. An answer that does not tell of
// those on reading is an error.
func (c *Connector) restrictions(ctx context.Context, id string) (*restrictions, *atlassian.Response, error) {
	by := new(restrictions)
	query := url.Values{"expand": {"restrictions.user,restrictions.group"}}
	res, err := c.get(ctx, v1+"/content/"+atlassian.Segment(id)+"/restriction/byOperation", query, by)
	if err != nil {
		return nil, nil, explain(err, "who may read page "+id)
	}
	if !by.Read.whole() {
		return nil, nil, fault("upstream", "Confluence does not say who may read page %s; try again later", id)
	}
	return by, res, nil
}

// restricted reports whether content has a read restriction of its own.
func (c *Connector) restricted(ctx context.Context, id string) (bool, error) {
	by, _, err := c.restrictions(ctx, id)
	if err != nil {
		return false, err
	}
	return by.Read.Restrictions.User.some() || by.Read.Restrictions.Group.some(), nil
}
