// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/query"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// Bounds of a search.
const (
	maxProjects = 50
	maxTypes    = 200
	maxSortKeys = 7 // what Jira takes
)

// A search is one bounded query, ready to be sent.
type search struct {
	jql    string
	limit  int
	fields []string
	areas  []area
	byType bool
}

func (c *Connector) planSearch(ctx context.Context, args []byte, bounds []policy.Bound) (*gate.Plan, error) {
	var a searchArgs
	if err := decode(args, &a); err != nil {
		return nil, err
	}
	s, readable := &search{}, readableBy(bounds)
	var err error
	if s.limit, err = a.limit(); err != nil {
		return nil, err
	}
	if s.fields, err = readable.fields(&a); err != nil {
		return nil, err
	}
	if s.areas, s.byType, err = c.areas(ctx, bounds); err != nil {
		return nil, err
	}
	if s.jql, err = bound(a.JQL, s.areas, s.byType, &readable); err != nil {
		return nil, err
	}
	call := c.call(actionSearch, policy.Search)
	call.Resources = resources(s.areas)
	call.Reads = reads(s.fields, 0)
	call.Filters = []string{"project"}
	if s.byType {
		call.Filters = []string{"issue_type", "project"}
	}
	return &gate.Plan{Call: call, Act: func(ctx context.Context, _ *receipt.Receipt) (*gate.Result, error) {
		return c.search(ctx, s)
	}}, nil
}

// bound returns the query that finds what text finds, within the areas, and that
// tells of no field that may not be read. Nothing of the text goes into it but
// what the parser understood.
func bound(text string, areas []area, byType bool, r *readable) (string, error) {
	q, err := query.Parse(dialect(areas, byType, r), text)
	if at := (*query.Error)(nil); errors.As(err, &at) {
		return "", fault("bad_query", "%s", at.Error())
	}
	if err != nil {
		return "", fmt.Errorf("parse query: %w", err)
	}
	if len(q.Order) > maxSortKeys {
		return "", fault("bad_query", "the query sorts by more than %d fields; sort by fewer", maxSortKeys)
	}
	if q, err = query.Bound(within(areas, byType), q); err != nil {
		return "", fmt.Errorf("bound query: %w", err)
	}
	return q.String(), nil
}

// dialect is JQL as far as it may be used here. Projects, keys and listed types
// can be named only if they are among the areas': Jira answers otherwise for what
// is elsewhere than for what is nowhere.
func dialect(areas []area, byType bool, r *readable) query.Dialect {
	var names, keys []string
	for _, a := range areas {
		keys = append(keys, a.project.Key)
		names = append(names, a.project.Key, a.project.ID)
	}
	d := r.narrow(query.JQL()).Restrict("project", names...).Restrict("key", keys...)
	if byType {
		d = d.Restrict("issuetype", typeWords(areas)...)
	}
	return d
}

// within is the bound. Types go with their project, since a type may be shared
// with a project for which the policy does not list it.
func within(areas []area, byType bool) query.Expr {
	var ids []string
	var parts []query.Expr
	for _, a := range areas {
		ids = append(ids, a.project.ID)
		var types []string
		for _, t := range a.types {
			types = append(types, t.ID)
		}
		parts = append(parts, query.All(query.In("project", query.IDs(a.project.ID)...), query.In("issuetype", query.IDs(types...)...)))
	}
	if byType {
		return query.Any(parts...)
	}
	return query.In("project", query.IDs(ids...)...)
}

// search asks Jira and shows what lies within the bound.
func (c *Connector) search(ctx context.Context, s *search) (*gate.Result, error) {
	body, err := seal.Marshal(struct {
		JQL        string   `json:"jql"`
		MaxResults int      `json:"maxResults"`
		Fields     []string `json:"fields"`
	}{s.jql, s.limit, withStanding(s.fields)})
	if err != nil {
		return nil, err
	}
	var answer struct {
		Issues []issue `json:"issues"`
		IsLast bool    `json:"isLast"`
	}
	res, err := c.read.Do(ctx, &atlassian.Request{Method: "POST", Path: api + "/search/jql", Body: body, Safe: true})
	if err == nil {
		err = res.Glance(&answer)
	}
	if err != nil {
		return refused(err, searchFault(err))
	}
	out := found{Issues: []view{}, More: !answer.IsLast, labels: c.label()}
	dropped := 0
	for i := range answer.Issues {
		is := &answer.Issues[i]
		if !c.mayShow(is, s) || len(out.Issues) == s.limit {
			dropped++
			continue
		}
		v, err := c.view(is, s.fields, maxHitText)
		if err != nil {
			return refused(err, said(err, "the hits"))
		}
		out.Issues = append(out.Issues, *v)
	}
	return c.shownHits(ctx, res, &out, dropped)
}

// mayShow holds a hit to the bound, whatever the query said.
func (c *Connector) mayShow(i *issue, s *search) bool {
	inside := func(a area) bool { return a.holds(i, s.byType) }
	return i.valid() && slices.ContainsFunc(s.areas, inside) && (c.allowRestricted || !i.restricted())
}

// shownHits is the result. How many hits were left out is for the receipt, not
// for the agent: it would tell about what it may not see.
func (c *Connector) shownHits(ctx context.Context, res *atlassian.Response, out *found, dropped int) (*gate.Result, error) {
	body, err := seal.Marshal(out)
	if err != nil {
		return nil, err
	}
	outcome := done(res, nil)
	if dropped > 0 {
		outcome.Code = "filtered"
		c.log.WarnContext(ctx, "search found issues outside its bound", "dropped", dropped, "upstream", res.RequestID)
	}
	return &gate.Result{Body: body, Outcome: outcome}, nil
}

// searchFault says nothing of Jira's reason: it tells which names exist elsewhere.
func searchFault(err error) *gate.Fault {
	if atlassian.Code(err) == atlassian.BadRequest {
		return fault("bad_query", "Jira does not take the query; check that the statuses, types, components and keys in it exist")
	}
	return said(err, "the search")
}
