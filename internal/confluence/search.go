// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"context"
	"errors"
	"net/url"
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

// The bounds of looking through what a query finds.
const (
	hitsAtOnce  = maxLimit
	maxHitParts = 10
)

// actSearch shows the first hits that may be shown. It reads on where others are
// left out, so that their number tells nothing of these; and where it does not get
// to the end, it shows nothing.
func (c *Connector) actSearch(ctx context.Context, cql string, limit int, a *area) (*gate.Result, error) {
	var answer *atlassian.Response
	s, hits := sift(a, limit), map[string]hit{}
	whole, err := inParts(maxHitParts, func(cursor string) (string, error) {
		list, next, res, err := c.askHits(ctx, cql, cursor)
		if err != nil {
			return "", err
		}
		answer = res
		ids := pageHits(list, hits)
		s.dropped += len(list) - len(ids)
		err = c.sift(ctx, s, ids)
		if s.full() {
			next = ""
		}
		return next, err
	})
	if err == nil && !whole {
		err = fault("bad_query", "the query finds more pages than can be looked through; write one that finds fewer")
	}
	if err != nil {
		return failed(err), err
	}
	return c.shownHits(ctx, s, hits, answer)
}

// askHits asks for a part of what a query finds.
func (c *Connector) askHits(ctx context.Context, cql, cursor string) ([]hit, string, *atlassian.Response, error) {
	var part struct {
		Results []hit `json:"results"`
		Links   links `json:"_links"`
	}
	query := url.Values{
		"cql": {cql}, "limit": {strconv.Itoa(hitsAtOnce)}, "includeArchivedSpaces": {"false"}, "excerpt": {"highlight_unescaped"},
	}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	res, err := c.get(ctx, v1+"/search", query, &part)
	if err != nil {
		return nil, "", nil, explainSearch(err)
	}
	next, err := part.Links.next()
	return part.Results, next, res, err
}

// shownHits is the result. That hits were left out is for the receipt, not for the
// agent: it would tell about what it may not see.
func (c *Connector) shownHits(ctx context.Context, s *sieve, hits map[string]hit, answer *atlassian.Response) (*gate.Result, error) {
	out := finding{Results: []shownHit{}, Untrusted: true, Source: source{Site: c.site}}
	for _, p := range s.shown {
		out.Results = append(out.Results, shownHit{p, excerpt(hits[p.ID], p)})
	}
	body, err := encode(out)
	if err != nil {
		return failed(err), err
	}
	result := done(answer, body)
	result.Outcome.Used = map[string]int{"pages": len(s.shown)}
	if s.dropped > 0 {
		result.Outcome.Code = "filtered"
	}
	if s.outside > 0 {
		c.log.ErrorContext(ctx, "incident: a search found pages outside of its bound", "dropped", s.outside, "upstream", answer.RequestID)
	}
	return result, nil
}

func explainSearch(err error) error {
	if atlassian.Code(err) == atlassian.BadRequest {
		return fault("bad_query", "Confluence does not take this query; write a simpler one")
	}
	return explain(err, "the search")
}

// pageHits returns the ids of hits that are pages, in order, and puts the hits
// beside those that are there already.
func pageHits(list []hit, hits map[string]hit) []string {
	var ids []string
	for _, h := range list {
		if h.Content == nil || h.Content.Type != "page" || !isID(h.Content.ID) {
			continue
		}
		ids = append(ids, h.Content.ID)
		hits[h.Content.ID] = h
	}
	return ids
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
