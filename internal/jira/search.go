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
	maxSortKeys = 7 // what Jira takes
)

// A search is one bounded query, ready to be sent.
type search struct {
	jql      string
	limit    int
	fields   []string
	projects []string // ids
}

func (c *Connector) planSearch(ctx context.Context, args []byte, bounds []policy.Bound) (*gate.Plan, error) {
	var a searchArgs
	if err := decode(args, &a); err != nil {
		return nil, err
	}
	limit, err := a.limit()
	if err != nil {
		return nil, err
	}
	fields, err := a.fields()
	if err != nil {
		return nil, err
	}
	projects, err := c.bounded(ctx, bounds)
	if err != nil {
		return nil, err
	}
	s := &search{limit: limit, fields: fields}
	call := c.call(actionSearch, policy.Search)
	call.Filters = []string{"project"}
	for _, p := range projects {
		s.projects = append(s.projects, p.ID)
		call.Resources = append(call.Resources, p.resource())
	}
	if s.jql, err = bound(a.JQL, projects); err != nil {
		return nil, err
	}
	return &gate.Plan{Call: call, Act: func(ctx context.Context, _ *receipt.Receipt) (*gate.Result, error) {
		return c.search(ctx, s)
	}}, nil
}

// bounded reads the projects that the policy names on this site as they are
// now, so that the decision sees under which key each goes.
func (c *Connector) bounded(ctx context.Context, bounds []policy.Bound) ([]*project, error) {
	var out []*project
	for _, b := range bounds {
		if b.Tool != tool || b.Kind != kindProject || b.Site != c.site || b.ID == "" {
			continue
		}
		if len(out) == maxProjects {
			return nil, fault("outside", "the policy names more than %d projects, which is more than a search can carry; ask for a narrower token", maxProjects)
		}
		p, err := c.project(ctx, b.ID)
		if err != nil {
			return nil, err
		}
		if p.ID != b.ID {
			return nil, fault("upstream", "Jira answered with another project than was asked for; try again later")
		}
		out = append(out, p)
	}
	if len(out) == 0 {
		return nil, fault("outside", "the policy names no project of this site; ask for a policy that does")
	}
	return out, nil
}

// bound returns the query that finds what text finds, within the projects.
// Nothing of the text goes into it but what the parser understood.
func bound(text string, projects []*project) (string, error) {
	var ids, names, keys []string
	for _, p := range projects {
		ids = append(ids, p.ID)
		keys = append(keys, p.Key)
		names = append(names, p.Key, p.ID)
	}
	dialect := query.JQL().Restrict("project", names...).Restrict("key", keys...)
	q, err := query.Parse(dialect, text)
	if at := (*query.Error)(nil); errors.As(err, &at) {
		return "", fault("bad_query", "%s", at.Error())
	}
	if err != nil {
		return "", fmt.Errorf("parse query: %w", err)
	}
	if len(q.Order) > maxSortKeys {
		return "", fault("bad_query", "the query sorts by more than %d fields; sort by fewer", maxSortKeys)
	}
	if q, err = query.Bound(query.In("project", query.IDs(ids...)...), q); err != nil {
		return "", fmt.Errorf("bound query: %w", err)
	}
	return q.String(), nil
}

// search asks Jira and shows what lies within the bound.
func (c *Connector) search(ctx context.Context, s *search) (*gate.Result, error) {
	body, err := seal.Marshal(struct {
		JQL        string   `json:"jql"`
		MaxResults int      `json:"maxResults"`
		Fields     []string `json:"fields"`
	}{s.jql, s.limit, slices.Compact(slices.Sorted(slices.Values(append(standing(), s.fields...))))})
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
		if !c.mayShow(is, s.projects) || len(out.Issues) == s.limit {
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
func (c *Connector) mayShow(i *issue, projects []string) bool {
	return i.valid() && slices.Contains(projects, i.Fields.Project.ID) && (c.allowRestricted || !i.restricted())
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
