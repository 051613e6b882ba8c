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
)

// Bounds of a search.
const (
	maxProjects = 50
	maxTypes    = 200
	maxSortKeys = 7 // what Jira takes
)

// A search is one bounded query, ready to be sent.
type search struct {
	jql     string
	limit   int
	fields  []string
	areas   []area
	byType  bool
	secured bool // issues with a security level are within, too
}

// searchIn begins a search of where the bounds lead to.
func (c *Connector) searchIn(ctx context.Context, bounds []policy.Bound) (*search, error) {
	s := &search{secured: c.allowRestricted}
	var err error
	s.areas, s.byType, err = c.areas(ctx, bounds)
	return s, err
}

func (c *Connector) planSearch(ctx context.Context, args []byte, bounds []policy.Bound) (*gate.Plan, error) {
	var a searchArgs
	if err := decode(args, &a); err != nil {
		return nil, err
	}
	readable := readableBy(bounds)
	limit, err := a.limit()
	if err != nil {
		return nil, err
	}
	shown, err := readable.fields(&a)
	if err != nil {
		return nil, err
	}
	s, err := c.searchIn(ctx, bounds)
	if err != nil {
		return nil, err
	}
	s.limit, s.fields = limit, shown
	fields := func() ([]field, error) { return c.knownFields(ctx) }
	if s.jql, err = s.bound(a.JQL, &readable, fields); err != nil {
		return nil, err
	}
	call := c.call(actionSearch, policy.Search)
	call.Resources = resources(s.areas)
	call.Reads = reads(s.fields, 0)
	call.Filters = []string{"project"}
	if s.byType {
		call.Filters = []string{"issue_type", "project"}
	}
	return &gate.Plan{Call: call, Act: func(ctx context.Context, opened *receipt.Receipt) (*gate.Result, error) {
		return c.search(ctx, opened, s)
	}}, nil
}

// bound returns the query that finds what text finds, within the bound, and that
// tells of no field that may not be read. fields lists the site's, and is called
// only if the text needs them. Nothing of the text goes into the query but what the
// parser understood.
func (s *search) bound(text string, r *readable, fields func() ([]field, error)) (string, error) {
	q, err := parse(text, s.dialect(r), func() ([]query.CustomField, error) {
		all, err := fields()
		return custom(all, s.areas, r), err
	})
	if at := (*query.Error)(nil); errors.As(err, &at) {
		return "", fault("bad_query", "%s", at.Error())
	}
	if err != nil {
		return "", err
	}
	if len(q.Order) > maxSortKeys {
		return "", fault("bad_query", "the query sorts by more than %d fields; sort by fewer", maxSortKeys)
	}
	if q, err = query.Bound(s.within(), q); err != nil {
		return "", fmt.Errorf("bound query: %w", err)
	}
	return q.String(), nil
}

// dialect is JQL as far as it may be used here. Projects, keys and listed types
// can be named only if they are among the areas': Jira answers otherwise for what
// is elsewhere than for what is nowhere.
func (s *search) dialect(r *readable) query.Dialect {
	var names, keys []string
	for _, a := range s.areas {
		keys = append(keys, a.project.Key)
		names = append(names, a.project.Key, a.project.ID)
	}
	d := r.narrow(query.JQL()).Restrict("project", names...).Restrict("key", keys...)
	if s.byType {
		d = d.Restrict("issuetype", typeWords(s.areas)...)
	}
	return d
}

// within is the bound. An issue with a security level is found only if it may be
// shown: which of them are found would tell what is in them.
func (s *search) within() query.Expr {
	if s.secured {
		return s.places()
	}
	return query.All(s.places(), query.IsEmpty("level"))
}

// places are the projects, or the types in each. Types go with their project, since
// a type may be shared with a project for which the policy does not list it.
func (s *search) places() query.Expr {
	var ids []string
	var parts []query.Expr
	for _, a := range s.areas {
		ids = append(ids, a.project.ID)
		var types []string
		for _, t := range a.types {
			types = append(types, t.ID)
		}
		parts = append(parts, query.All(query.In("project", query.IDs(a.project.ID)...), query.In("issuetype", query.IDs(types...)...)))
	}
	if s.byType {
		return query.Any(parts...)
	}
	return query.In("project", query.IDs(ids...)...)
}

// holds reports whether an issue lies in the areas, whatever the query said.
func (s *search) holds(i *issue) bool {
	return i.valid() && slices.ContainsFunc(s.areas, func(a area) bool { return a.holds(i, s.byType) })
}

// shows reports whether an issue of the areas may be shown.
func (s *search) shows(i *issue) bool { return s.secured || !i.restricted() }

// searchFault says nothing of Jira's reason: it tells which names exist elsewhere.
func searchFault(err error) *gate.Fault {
	if atlassian.Code(err) == atlassian.BadRequest {
		return fault("bad_query", "Jira does not take the query; check that the statuses, types, components and keys in it exist")
	}
	return said(err, "the search")
}
