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

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/query"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

func (c *Connector) planSearch(ctx context.Context, raw []byte, bounds []policy.Bound) (*gate.Plan, error) {
	args, err := parseSearch(raw)
	if err != nil {
		return nil, err
	}
	a, err := c.area(ctx, bounds)
	if err != nil {
		return nil, err
	}
	cql, err := a.cql(args.CQL)
	if err != nil {
		return nil, err
	}
	call := c.call(actionSearch, policy.Search, atlassian.ForReading)
	for _, s := range a.scopes {
		call.Resources = append(call.Resources, s.resource)
	}
	call.Filters = a.filters()
	call.Uses = map[string]int{"pages": *args.Limit}
	return &gate.Plan{Call: call, Act: func(ctx context.Context, _ *receipt.Receipt) (*gate.Result, error) {
		return c.actSearch(ctx, cql, *args.Limit, a)
	}}, nil
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

func (c *Connector) actSearch(ctx context.Context, cql string, limit int, a *area) (*gate.Result, error) {
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
	shown, err := c.allowedHits(ctx, ids, a)
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
