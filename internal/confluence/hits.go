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

// A sieve keeps of hits those that may be shown, until there are enough of them.
type sieve struct {
	area    *area
	most    int             // to show
	seen    map[string]bool // hits that were looked at
	shown   []shownPage     // in the order of the hits
	dropped int             // hits that may not be shown
	outside int             // of these, hits that lie where the policy does not let look
}

func sift(a *area, most int) *sieve { return &sieve{area: a, most: most, seen: map[string]bool{}} }

func (s *sieve) full() bool { return len(s.shown) >= s.most }

// leastSifted is how many hits are looked up together, unless more are wanted or
// there are fewer.
const leastSifted = 5

// sift adds hits to those that are shown. What may not be shown takes nothing from
// the others: how many there are does not tell of it.
func (c *Connector) sift(ctx context.Context, s *sieve, ids []string) error {
	for len(ids) > 0 && !s.full() {
		n := min(len(ids), max(s.most-len(s.shown), leastSifted))
		some := slices.DeleteFunc(slices.Clone(ids[:n]), func(id string) bool {
			again := s.seen[id]
			s.seen[id] = true
			return again
		})
		ids = ids[n:]
		shown, outside, err := c.allowedHits(ctx, some, s.area)
		if err != nil {
			return err
		}
		s.shown, s.dropped, s.outside = append(s.shown, shown...), s.dropped+len(some)-len(shown), s.outside+outside
	}
	s.shown = s.shown[:min(len(s.shown), s.most)]
	return nil
}

// allowedHits looks every hit up by id and keeps those that are where the
// search may look, current and not restricted, in nothing denied and with a
// label that the policy wants. The index may lag behind all of these. It returns
// also how many lie outside.
func (c *Connector) allowedHits(ctx context.Context, ids []string, a *area) (out []shownPage, outside int, err error) {
	found, err := c.getPages(ctx, ids)
	if err != nil {
		return nil, 0, err
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return found[id] == nil })
	places, err := c.hitPlaces(ctx, ids, found)
	if err != nil {
		return nil, 0, err
	}
	all := len(places)
	places = slices.DeleteFunc(places, func(p *place) bool { return !a.holds(p) })
	admitted, err := each(ctx, places, func(ctx context.Context, p *place) (bool, error) { return c.admits(ctx, p, a.fence) })
	if err != nil {
		return nil, 0, err
	}
	var inside []*place
	var steps []string
	for i, p := range places {
		if admitted[i] {
			inside, steps = append(inside, p), append(steps, p.chain()...)
		}
	}
	restricted := map[string]bool{}
	if !c.allowRestricted {
		slices.Sort(steps)
		if restricted, err = c.restrictedAmong(ctx, slices.Compact(steps)); err != nil {
			return nil, 0, err
		}
	}
	for _, p := range inside {
		if !slices.ContainsFunc(p.chain(), func(step string) bool { return restricted[step] }) {
			out = append(out, c.shown(p.page, shownSpace{p.space.ID, p.space.Key}))
		}
	}
	return out, all - len(inside), nil
}

// hitPlaces reads where pages lie. A page of which that cannot be told is left
// out; of their spaces only the ids are known.
func (c *Connector) hitPlaces(ctx context.Context, ids []string, found map[string]*page) ([]*place, error) {
	above, err := c.chains(ctx, ids)
	if err != nil {
		return nil, err
	}
	var out []*place
	for i, id := range ids {
		if above[i].told {
			out = append(out, &place{page: found[id], space: &space{ID: found[id].SpaceID}, above: above[i].above})
		}
	}
	return out, nil
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

// unlessUntold drops the errors that say of one thing that it is not there, or that
// it cannot be told whether the policy lets it be seen: callers leave that out. A list
// that was not read to its end ("too_large") is no such error.
func unlessUntold(err error) error {
	if f := (*gate.Fault)(nil); errors.As(err, &f) && slices.Contains([]string{"not_found", "not_current", "outside"}, f.Code) {
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
