// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/policy"
)

// The bounds of what a page takes along when it is moved.
const (
	maxBelow  = 100 // things, at any depth
	maxLevels = 10  // that Confluence tells of at once
)

// A descendant is content that lies below a page, at any depth.
type descendant struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Status   string `json:"status"`
	Title    string `json:"title"`
	ParentID string `json:"parentId"`
	Depth    int    `json:"depth"`
}

// descendants reads all that lies below a page, what is above before what is below it.
// More than maxBelow is an error.
func (c *Connector) descendants(ctx context.Context, id string) ([]descendant, error) {
	var list struct {
		Results []descendant `json:"results"`
		Links   links        `json:"_links"`
	}
	query := url.Values{"depth": {strconv.Itoa(maxLevels)}, "limit": {strconv.Itoa(2 * maxBelow)}}
	if _, err := c.get(ctx, v2+"/pages/"+atlassian.Segment(id)+"/descendants", query, &list); err != nil {
		return nil, explain(err, "what is below page "+id)
	}
	deep := func(d descendant) bool { return d.Depth >= maxLevels }
	if len(list.Results) > maxBelow || list.Links.Next != "" || slices.ContainsFunc(list.Results, deep) {
		return nil, fault("too_large", "more lies below page %s than can be looked through; have a person move it", id)
	}
	return list.Results, nil
}

// along reads what a page takes along from its path to below another one, and
// refuses it if the policy does not let all of that be touched, or would not there.
func (c *Connector) along(ctx context.Context, at *place, from, to []policy.Place) ([]descendant, error) {
	list, err := c.descendants(ctx, at.page.ID)
	if err != nil {
		return nil, err
	}
	old := map[string][]policy.Place{at.page.ID: from}
	moved := map[string][]policy.Place{at.page.ID: append(slices.Clone(to), from[len(from)-1])}
	var ids []string
	for _, d := range list {
		if !isID(d.ID) || old[d.ParentID] == nil || old[d.ID] != nil {
			return nil, fault("upstream", "Confluence does not say what is below page %s; try again later", at.page.ID)
		}
		step := policy.Place{ID: d.ID, Name: d.Title}
		old[d.ID] = append(slices.Clone(old[d.ParentID]), step)
		moved[d.ID] = append(slices.Clone(moved[d.ParentID]), step)
		if at.fence.touch(old[d.ID]) >= 0 || at.fence.touch(moved[d.ID]) >= 0 {
			return nil, c.untouchable(ctx, at, d)
		}
		ids = append(ids, d.ID)
	}
	if err := c.allLabelled(ctx, at, list); err != nil || c.allowRestricted {
		return list, err
	}
	restricted, err := c.restrictedAmong(ctx, ids)
	if i := slices.IndexFunc(list, func(d descendant) bool { return restricted[d.ID] }); i >= 0 {
		err = c.untouchable(ctx, at, list[i])
	}
	return list, err
}

// untouchable is the refusal to move a page because of what it would take along.
// What that is, agents may not see: only the log says it.
func (c *Connector) untouchable(ctx context.Context, at *place, d descendant) error {
	c.log.WarnContext(ctx, "a page is not moved for what lies below it", "page", at.page.ID, "below", d.ID)
	return fault("outside", "something below page %s may not be moved along; have a person move the page", at.page.ID)
}

// allLabelled refuses pages below a page without a label that the policy wants.
// Other content has no labels.
func (c *Connector) allLabelled(ctx context.Context, at *place, list []descendant) error {
	if len(at.fence.labels) == 0 {
		return nil
	}
	errs, err := each(ctx, list, func(ctx context.Context, d descendant) (error, error) {
		if d.Type != "page" {
			return nil, nil
		}
		labels, err := c.labels(ctx, d.ID)
		if err == nil && at.fence.labelled(labels) {
			return nil, nil
		}
		return c.untouchable(ctx, at, d), unlessUntold(err)
	})
	return firstError(append(errs, err)...)
}

// counted says how much lies below a page: "3 pages", "1 page and 2 other things".
func counted(list []descendant) string {
	pages := 0
	for _, d := range list {
		if d.Type == "page" {
			pages++
		}
	}
	some := func(n int, one, many string) string {
		if n == 1 {
			return "1 " + one
		}
		return fmt.Sprintf("%d %s", n, many)
	}
	switch others := len(list) - pages; {
	case others == 0:
		return some(pages, "page", "pages")
	case pages == 0:
		return some(others, "thing", "things") + " other than pages"
	default:
		return some(pages, "page", "pages") + " and " + some(others, "other thing", "other things")
	}
}

// upheld refuses what would make the policy's names lead elsewhere, or nowhere: to
// take a page away, or its title, below which something lies that the policy names,
// or would lie by its name. A denial by name holds whatever has the name; if what is
// above that had another name, it would hold no more.
func (c *Connector) upheld(ctx context.Context, at *place, path []policy.Place) error {
	if at.fence.names(at.page.ID) || at.fence.namesAlong(path) {
		return fault("bad_argument", "the policy names page %s, or something below it, by where it is and what it is called; have a person change that", at.page.ID)
	}
	for _, b := range slices.Concat(at.fence.prefixes, at.fence.denied) {
		if len(titlesOf(b.Name.Name)) == 0 {
			continue
		}
		above, err := c.getAncestors(ctx, b.ID)
		if isNotFound(err) { // it is gone, and lies nowhere
			continue
		}
		if err != nil {
			return err
		}
		if slices.ContainsFunc(above, func(a ancestor) bool { return a.ID == at.page.ID }) {
			return fault("bad_argument", "something that the policy names lies below page %s; have a person change that", at.page.ID)
		}
	}
	return nil
}
