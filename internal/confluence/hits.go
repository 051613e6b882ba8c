// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/clawea/clawea/internal/gate"
)

// allowedHits looks every hit up by id and keeps those that are where the
// search may look, current and not restricted, in nothing denied and with a
// label that the policy wants. The index may lag behind all of these.
func (c *Connector) allowedHits(ctx context.Context, ids []string, a *area) ([]shownPage, error) {
	found, err := c.getPages(ctx, ids)
	if err != nil {
		return nil, err
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return found[id] == nil })
	places, err := c.hitPlaces(ctx, ids, found)
	if err != nil {
		return nil, err
	}
	places = slices.DeleteFunc(places, func(p *place) bool { return !a.holds(p) })
	admitted, err := each(ctx, places, func(ctx context.Context, p *place) (bool, error) { return c.admits(ctx, p, a.fence) })
	if err != nil {
		return nil, err
	}
	var inside []*place
	var all []string
	for i, p := range places {
		if admitted[i] {
			inside, all = append(inside, p), append(all, p.chain()...)
		}
	}
	restricted := map[string]bool{}
	if !c.allowRestricted {
		slices.Sort(all)
		if restricted, err = c.restrictedAmong(ctx, slices.Compact(all)); err != nil {
			return nil, err
		}
	}
	var out []shownPage
	for _, p := range inside {
		if !slices.ContainsFunc(p.chain(), func(step string) bool { return restricted[step] }) {
			out = append(out, c.shown(p.page, shownSpace{p.space.ID, p.space.Key}))
		}
	}
	return out, nil
}

// hitPlaces reads where pages lie. A page that is gone meanwhile is left out;
// of their spaces only the ids are known.
func (c *Connector) hitPlaces(ctx context.Context, ids []string, found map[string]*page) ([]*place, error) {
	places, err := each(ctx, ids, func(ctx context.Context, id string) (*place, error) {
		above, err := c.getAncestors(ctx, id)
		if isNotFound(err) {
			return nil, nil
		}
		return &place{page: found[id], space: &space{ID: found[id].SpaceID}, above: above}, err
	})
	return slices.DeleteFunc(places, func(p *place) bool { return p == nil }), err
}

// admits reports whether a page that lies in a search's area may be shown, as
// far as it takes another look at the site to tell: by the names down to it,
// where a name is denied, and by its labels. What cannot be told is not shown.
func (c *Connector) admits(ctx context.Context, p *place, f *fence) (bool, error) {
	if f.deniesTitles() {
		r, err := c.resource(ctx, p, true)
		if err != nil || f.touch(r.Path) >= 0 {
			return false, unlessUntold(err)
		}
	}
	if len(f.labels) == 0 {
		return true, nil
	}
	labels, err := c.labels(ctx, p.page.ID)
	return err == nil && f.labelled(labels), unlessUntold(err)
}

// unlessUntold drops the errors that are about one page and not about the site.
func unlessUntold(err error) error {
	if f := (*gate.Fault)(nil); errors.As(err, &f) && (f.Code == "not_found" || f.Code == "outside") {
		return nil
	}
	return err
}

// each calls f with every item, a few at a time, and returns what it returned, in order.
func each[T, R any](ctx context.Context, items []T, f func(context.Context, T) (R, error)) ([]R, error) {
	out := make([]R, len(items))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for i, item := range items {
		g.Go(func() (err error) {
			out[i], err = f(ctx, item)
			return err
		})
	}
	return out, g.Wait()
}
