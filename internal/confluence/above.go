// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strconv"

	"github.com/clawea/clawea/internal/atlassian"
)

// The bounds of what is above a page. One that lies deeper is refused.
const (
	maxAncestors = 250 // that Confluence tells at once, and that a page may have
	maxTellings  = 10  // parts in which it tells of them
)

// An ancestor is content that lies above other content.
type ancestor struct {
	ID   string `json:"id"`
	Type string `json:"type"`
}

// container returns where content of a type that pages lie in, other than
// pages, is read.
func container(typ string) (path string, ok bool) {
	switch typ {
	case "folder":
		return v2 + "/folders/", true
	case "whiteboard":
		return v2 + "/whiteboards/", true
	case "database":
		return v2 + "/databases/", true
	case "embed":
		return v2 + "/embeds/", true
	}
	return "", false
}

// getAncestors reads what is above a page, from the outside in, up to where there
// is nothing above. Confluence tells ids and types only.
func (c *Connector) getAncestors(ctx context.Context, id string) ([]ancestor, error) {
	near, err := c.askAncestors(ctx, ancestor{id, "page"})
	if err != nil || len(near) == 0 {
		return nil, err
	}
	far, err := c.beyond(ctx, near[0])
	if err != nil {
		return nil, err
	}
	return joined(id, far, near)
}

// beyond reads what is above the first ancestor that was told. Confluence may tell
// of the nearest ones only, and does not say so: there are no others when there is
// nothing above the first.
func (c *Connector) beyond(ctx context.Context, first ancestor) ([]ancestor, error) {
	var out []ancestor
	for range maxTellings {
		more, err := c.askAncestors(ctx, first)
		if err != nil || len(more) == 0 {
			return out, err
		}
		out, first = append(more, out...), more[0]
	}
	return nil, tooDeep(first.ID)
}

func tooDeep(id string) error {
	return fault("outside", "page %s lies too deep to say where it is; move it up", id)
}

// joined puts what was told of a page's ancestors in parts together.
func joined(id string, far, near []ancestor) ([]ancestor, error) {
	if len(far)+len(near) >= maxAncestors {
		return nil, tooDeep(id)
	}
	return append(slices.Clone(far), near...), nil
}

// askAncestors asks once what is above a page, or above other content that pages
// lie in.
func (c *Connector) askAncestors(ctx context.Context, of ancestor) ([]ancestor, error) {
	path, ok := v2+"/pages/", true
	if of.Type != "page" {
		path, ok = container(of.Type)
	}
	if !ok {
		return nil, unplaced(of)
	}
	var list struct {
		Results []ancestor `json:"results"`
	}
	query := url.Values{"limit": {strconv.Itoa(maxAncestors)}}
	if _, err := c.get(ctx, path+atlassian.Segment(of.ID)+"/ancestors", query, &list); err != nil {
		return nil, explain(err, "what is above "+of.Type+" "+of.ID)
	}
	if len(list.Results) >= maxAncestors {
		return nil, tooDeep(of.ID)
	}
	for _, a := range list.Results {
		if !isID(a.ID) {
			return nil, fault("upstream", "Confluence does not say what is above %s %s; try again later", of.Type, of.ID)
		}
	}
	return list.Results, nil
}

func unplaced(a ancestor) error {
	return fault("outside", "%s is of a type that cannot be placed; move the page below pages and folders", a.ID)
}

// A chain is what is above some content, if that can be told.
type chain struct {
	above []ancestor
	told  bool
}

// knownOf leaves it to callers what to do about content of which it cannot be told
// what is above it.
func knownOf(above []ancestor, err error) (chain, error) {
	return chain{above, err == nil}, unlessUntold(err)
}

// chains reads what is above some pages. Those that share their first ancestors
// are not asked about these twice.
func (c *Connector) chains(ctx context.Context, ids []string) ([]chain, error) {
	near, err := each(ctx, ids, func(ctx context.Context, id string) (chain, error) {
		return knownOf(c.askAncestors(ctx, ancestor{id, "page"}))
	})
	if err != nil {
		return nil, err
	}
	firsts := map[ancestor]chain{}
	for _, n := range near {
		if len(n.above) > 0 {
			firsts[n.above[0]] = chain{}
		}
	}
	list := slices.Collect(maps.Keys(firsts))
	far, err := each(ctx, list, func(ctx context.Context, first ancestor) (chain, error) {
		return knownOf(c.beyond(ctx, first))
	})
	if err != nil {
		return nil, err
	}
	for i, first := range list {
		firsts[first] = far[i]
	}
	for i, n := range near {
		if !n.told || len(n.above) == 0 {
			continue
		}
		if near[i] = firsts[n.above[0]]; near[i].told {
			above, err := joined(ids[i], near[i].above, n.above)
			near[i] = chain{above, err == nil}
		}
	}
	return near, nil
}
