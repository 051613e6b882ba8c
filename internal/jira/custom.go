// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/query"
)

// Bounds of what is kept of the site's fields.
const (
	fieldLife  = 5 * time.Minute
	maxListed  = 10_000 // fields
	maxReaders = 16     // lists: agents may act as different people, who see different fields
)

// fieldLists keeps the site's fields for a while, as each agent's account sees
// them. The zero value keeps none.
type fieldLists struct {
	mu      sync.Mutex
	byAgent map[string]*fieldList
}

// A fieldList is read by one call at a time; the others wait for its answer.
type fieldList struct {
	turn  chan struct{} // has room for one
	all   []field
	until time.Time
}

func (l *fieldLists) of(agent string) *fieldList {
	l.mu.Lock()
	defer l.mu.Unlock()
	list, ok := l.byAgent[agent]
	if ok {
		return list
	}
	if l.byAgent == nil || len(l.byAgent) >= maxReaders {
		l.byAgent = map[string]*fieldList{}
	}
	list = &fieldList{turn: make(chan struct{}, 1)}
	l.byAgent[agent] = list
	return list
}

// knownFields are the site's fields as they were at most fieldLife ago. That does
// for searching, where a name leads to an id and the id is held to the policy of
// the moment; what is written is resolved by the fields as they are.
func (c *Connector) knownFields(ctx context.Context) ([]field, error) {
	l := c.lists.of(gate.Agent(ctx))
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, said(ctx.Err(), "the list of fields")
	}
	defer func() { <-l.turn }()
	if c.now().Before(l.until) {
		return l.all, nil
	}
	all, err := c.listFields(ctx)
	if err != nil {
		return nil, err
	}
	if len(all) > maxListed {
		return nil, fault("upstream", "Jira lists more than %d fields, which is more than can be told apart here; search without custom fields", maxListed)
	}
	l.all, l.until = all, c.now().Add(fieldLife)
	return all, nil
}

// parse reads a query. Only if it names a field that JQL does not have by itself
// are the site's fields looked at.
func parse(text string, d query.Dialect, custom func() ([]query.CustomField, error)) (*query.Query, error) {
	q, err := query.Parse(d, text)
	if at := (*query.Error)(nil); !errors.As(err, &at) || at.Reason != query.ReasonField {
		return q, err
	}
	list, err := custom()
	if err != nil {
		return nil, err
	}
	return query.Parse(d.WithCustom(list...), text)
}

// custom are the site's fields as a query may name them. Fields that belong to
// projects outside the areas are not there: whether they are is an answer, too.
// Jira's own are, by each of their names, since a name that a custom field shares
// with one of them is not its name alone.
func custom(all []field, areas []area, r *readable) []query.CustomField {
	var out []query.CustomField
	for i := range all {
		f := &all[i]
		if !f.within(areas) {
			continue
		}
		names := []string{f.Name}
		if !strings.HasPrefix(f.ID, customPrefix) {
			names = append(names, f.ClauseNames...)
		}
		for _, name := range names {
			out = append(out, query.CustomField{ID: f.ID, Name: name, Field: f.asked(r)})
		}
	}
	return out
}

const customPrefix = "customfield_"

// within reports whether the field belongs to all projects, or to one of the areas'.
func (f *field) within(areas []area) bool {
	if f.Scope == nil {
		return true
	}
	of := f.Scope.Project
	return of != nil && slices.ContainsFunc(areas, func(a area) bool { return a.project.ID == of.ID })
}

// asked is what a query may ask about a custom field: nothing if it may not be
// read, if Jira does not search it by id, or if its type leads elsewhere.
func (f *field) asked(r *readable) query.Field {
	number, ok := strings.CutPrefix(f.ID, customPrefix)
	if !ok || !r.may(f.ID) || r.hides(f.Name) || !slices.Contains(f.ClauseNames, "cf["+number+"]") {
		return query.Field{}
	}
	return query.CustomType(f.Schema.Custom)
}
