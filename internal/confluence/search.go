// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/query"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// A scope is a part of the site that a search may show: a space, or the tree
// below and with a page of it.
type scope struct {
	space    *space
	root     string // id of the tree's page; "" for all of the space
	resource policy.Resource
}

// holds reports whether a page in a space, with these ids from the outermost
// ancestor down to itself, is in the scope.
func (s *scope) holds(spaceID string, chain []string) bool {
	return spaceID == s.space.ID && (s.root == "" || slices.Contains(chain, s.root))
}

func (c *Connector) planSearch(ctx context.Context, raw []byte, bounds []policy.Bound) (*gate.Plan, error) {
	args, err := parseSearch(raw)
	if err != nil {
		return nil, err
	}
	scopes, err := c.scopes(ctx, bounds)
	if err != nil {
		return nil, err
	}
	cql, err := boundCQL(args.CQL, scopes)
	if err != nil {
		return nil, err
	}
	call := c.call(actionSearch, policy.Search)
	for _, s := range scopes {
		call.Resources = append(call.Resources, s.resource)
	}
	call.Filters = []string{"space"}
	call.Uses = map[string]int{"pages": *args.Limit}
	return &gate.Plan{Call: call, Act: func(ctx context.Context, _ *receipt.Receipt) (*gate.Result, error) {
		return c.actSearch(ctx, cql, *args.Limit, scopes)
	}}, nil
}

// scopes are what the bounds leave to search in. Where the policy names spaces
// and page prefixes, both must hold, so only prefixes in those spaces count.
func (c *Connector) scopes(ctx context.Context, bounds []policy.Bound) ([]*scope, error) {
	var spaces []string
	var prefixes []policy.Bound
	for _, b := range bounds {
		switch {
		case b.Tool != name || b.Site != c.site:
		case b.Kind == "space":
			spaces = append(spaces, b.ID)
		case b.Kind == "page_prefix":
			prefixes = append(prefixes, b)
		}
	}
	var out []*scope
	if len(prefixes) == 0 {
		for _, id := range spaces {
			s, err := c.spaceScope(ctx, id)
			if err != nil {
				return nil, err
			}
			out = append(out, s)
		}
	}
	for _, b := range prefixes {
		s, err := c.prefixScope(ctx, b)
		if err != nil {
			return nil, err
		}
		if len(spaces) == 0 || slices.Contains(spaces, s.space.ID) {
			out = append(out, s)
		}
	}
	if len(out) == 0 {
		return nil, fault("outside", "there is no space and no page tree of this site that the token may search; have the grant or the policy changed")
	}
	return out, nil
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
	r, err := c.resource(ctx, at, []policy.Bound{b})
	if err != nil {
		return nil, err
	}
	return &scope{space: at.space, root: b.ID, resource: r}, nil
}

// boundCQL returns the text of the query that finds what the agent's query
// finds, inside the scopes only.
func boundCQL(text string, scopes []*scope) (string, error) {
	var keys, whole, roots []string
	for _, s := range scopes {
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
	if q, err = query.Bound(query.All(bound...), q); err != nil {
		return "", fault("outside", "there is nothing that the token may search; have the grant or the policy changed")
	}
	return q.String(), nil
}

func badQuery(err error) string {
	if e := (*query.Error)(nil); errors.As(err, &e) {
		return "cql: " + strings.ReplaceAll(e.Error(), "\n", "; ")
	}
	return "cql is not a query that is allowed here; write a simpler one"
}

// A hit is what the search index says of a page. It is believed only about
// which page it is, and for its excerpt.
type hit struct {
	Content *struct {
		ID   string `json:"id"`
		Type string `json:"type"`
	} `json:"content"`
	Excerpt      string    `json:"excerpt"`
	LastModified time.Time `json:"lastModified"`
}

type shownHit struct {
	Page    shownPage `json:"page"`
	Excerpt string    `json:"excerpt"`
}

// A finding is what page.search returns.
type finding struct {
	Results   []shownHit `json:"results"`
	Untrusted bool       `json:"untrusted"`
	Source    source     `json:"source"`
}

func (c *Connector) actSearch(ctx context.Context, cql string, limit int, scopes []*scope) (*gate.Result, error) {
	var answer struct {
		Results []hit `json:"results"`
	}
	res, err := c.get(ctx, v1+"/search", url.Values{
		"cql": {cql}, "limit": {strconv.Itoa(limit)}, "includeArchivedSpaces": {"false"}, "excerpt": {"highlight_unescaped"},
	}, &answer)
	if err != nil {
		err := explainSearch(err)
		return failed(err), err
	}
	ids, hits := pageHits(answer.Results, limit)
	shown, err := c.allowedHits(ctx, ids, scopes)
	if err != nil {
		return failed(err), err
	}
	out := finding{Results: []shownHit{}, Untrusted: true, Source: source{Site: c.site}}
	for _, p := range shown {
		out.Results = append(out.Results, shownHit{p, excerpt(hits[p.ID], p)})
	}
	body, err := encode(out)
	if err != nil {
		return failed(err), err
	}
	result := done(res, body)
	result.Outcome.Used = map[string]int{"pages": len(shown)}
	if len(shown) < len(answer.Results) {
		result.Outcome.Code = "filtered" // for the record; the agent is not told
	}
	return result, nil
}

func explainSearch(err error) error {
	if atlassian.Code(err) == atlassian.BadRequest {
		return fault("bad_query", "Confluence does not take this query; write a simpler one")
	}
	return explain(err, "the search")
}

// pageHits returns the ids of hits that are pages, in order and once each, and
// the hits by id.
func pageHits(list []hit, limit int) ([]string, map[string]hit) {
	var ids []string
	hits := map[string]hit{}
	for _, h := range list {
		if h.Content == nil || h.Content.Type != "page" || !isID(h.Content.ID) || len(ids) == limit || slices.Contains(ids, h.Content.ID) {
			continue
		}
		ids = append(ids, h.Content.ID)
		hits[h.Content.ID] = h
	}
	return ids, hits
}

// excerpt is the hit's excerpt without its marks. The index may still hold what
// somebody has removed from the page, so an excerpt of another version than
// the present one is left out.
func excerpt(h hit, p shownPage) string {
	written, err := time.Parse(time.RFC3339, p.ModifiedAt)
	if err != nil || written.Sub(h.LastModified).Abs() > time.Second {
		return ""
	}
	return atlassian.Clean(strings.NewReplacer("@@@hl@@@", "", "@@@endhl@@@", "").Replace(h.Excerpt), 500)
}

// allowedHits looks every hit up by id and keeps those that are where the
// scopes allow, current and not restricted. The index may lag behind all of these.
func (c *Connector) allowedHits(ctx context.Context, ids []string, scopes []*scope) ([]shownPage, error) {
	found, err := c.getPages(ctx, ids)
	if err != nil {
		return nil, err
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return found[id] == nil })
	chains, err := c.chains(ctx, ids)
	if err != nil {
		return nil, err
	}
	keys := map[string]string{} // of the spaces of hits inside a scope
	var inside, all []string
	for _, id := range ids {
		i := slices.IndexFunc(scopes, func(s *scope) bool { return s.holds(found[id].SpaceID, chains[id]) })
		if i < 0 || chains[id] == nil {
			continue
		}
		keys[found[id].SpaceID] = scopes[i].space.Key
		inside = append(inside, id)
		all = append(all, chains[id]...)
	}
	restricted := map[string]bool{}
	if !c.allowRestricted {
		slices.Sort(all)
		if restricted, err = c.restrictedAmong(ctx, slices.Compact(all)); err != nil {
			return nil, err
		}
	}
	var out []shownPage
	for _, id := range inside {
		if !slices.ContainsFunc(chains[id], func(step string) bool { return restricted[step] }) {
			space := found[id].SpaceID
			out = append(out, c.shown(found[id], shownSpace{space, keys[space]}))
		}
	}
	return out, nil
}

// chains reads for every page the ids of its ancestors, and its own. A page
// that is gone meanwhile has none.
func (c *Connector) chains(ctx context.Context, ids []string) (map[string][]string, error) {
	list := make([][]string, len(ids))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for i, id := range ids {
		g.Go(func() error {
			above, err := c.getAncestors(ctx, id)
			if isNotFound(err) {
				return nil
			}
			list[i] = (&place{page: &page{ID: id}, above: above}).chain()
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	out := make(map[string][]string, len(ids))
	for i, id := range ids {
		out[id] = list[i]
	}
	return out, nil
}
