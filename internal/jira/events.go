// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/change"
	"github.com/clawea/clawea/internal/query"
	"github.com/clawea/clawea/policy"
)

// History returns what Jira itself has of changes by the accounts in the window:
// issues that they created, entries of changelogs, and comments. Versions are as
// Find gives them.
//
// What Jira does not keep it cannot tell: deleted issues and deleted comments,
// comments before they were edited, entity properties, work that another account
// did on their behalf. It fails if there is more than it reads.
func (c *Connector) History(ctx context.Context, w change.Window) ([]change.Event, error) {
	if len(w.Accounts) == 0 || w.To.Before(w.From) {
		return nil, nil
	}
	q := &query.Query{
		Where: query.Clause{Field: "updated", Op: query.OpGe, Values: query.Strings(ago(w.From))},
		Order: []query.Sort{{Field: "updated", Direction: query.Descending}},
	}
	var hits []*traced
	all, err := c.each(ctx, q, []string{"created", "creator", linksField}, func(i *traced) bool {
		if i.valid() {
			hits = append(hits, i)
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	if !all {
		return nil, fault("upstream", "more than %d issues have changed since; ask about a shorter time", findPages*findHits)
	}
	var out []change.Event
	for _, i := range hits {
		events, err := c.eventsOf(ctx, i, &w)
		if err != nil {
			return nil, err
		}
		out = append(out, events...)
	}
	slices.SortStableFunc(out, func(a, b change.Event) int { return a.At.Compare(b.At) })
	return once(out), nil
}

// eventsOf are the changes of one issue by the accounts in the window.
func (c *Connector) eventsOf(ctx context.Context, i *traced, w *change.Window) ([]change.Event, error) {
	at := i.place()
	var out []change.Event
	if by := i.Fields.Creator; by != nil {
		e := event(w, by.AccountID, i.Fields.Created, actionCreate)
		if e != nil {
			e.Resource = policy.Resource{Type: "issue", ID: at.ID, Version: i.Fields.Created, Path: []policy.Place{{ID: at.Project.ID}}}
			e.Mark = readMark(i.Properties.Ours)
			if at.Updated != i.Fields.Created { // it may have been covered by the mark of a later change
				e.Mark = ""
			}
			out = append(out, *e)
		}
	}
	list, err := c.changelog(ctx, at.ID)
	if err != nil {
		return nil, err
	}
	for n := range list {
		if list[n].Author == nil {
			continue
		}
		if e := event(w, list[n].Author.AccountID, list[n].Created, what(&list[n])); e != nil {
			r := at.resource(list[n].ID)
			e.Resource = *bare(&r)
			if l := i.linkOf(&list[n]); l != "" {
				e.Resource = policy.Resource{Type: "link", ID: l}
			}
			out = append(out, *e)
		}
	}
	said, err := c.commented(ctx, at, w)
	return append(out, said...), err
}

// linkOf is the id of the link that the entry tells of, if it is there still; the
// changelog itself does not name it.
func (i *traced) linkOf(e *entry) string {
	if what(e) != actionLink || len(e.Items) != 1 {
		return ""
	}
	for _, l := range i.Fields.Links {
		if o := l.other(); o != nil && o.Key == e.Items[0].To && strings.HasSuffix(e.Items[0].ToString, " "+l.phrase()+" "+o.Key) {
			return l.ID
		}
	}
	return ""
}

// once leaves out the second event of a link: both of its ends have one.
func once(list []change.Event) []change.Event {
	var seen []string
	return slices.DeleteFunc(list, func(e change.Event) bool {
		if e.Resource.Type != "link" {
			return false
		}
		twice := slices.Contains(seen, e.Resource.ID)
		seen = append(seen, e.Resource.ID)
		return twice
	})
}

// commented are the comments on an issue by the accounts in the window.
func (c *Connector) commented(ctx context.Context, at *place, w *change.Window) ([]change.Event, error) {
	var out []change.Event
	for skip := 0; ; skip += maxComments {
		list, total, _, err := c.newest(ctx, at, maxComments, skip)
		if err != nil {
			return nil, said(err, "the comments of "+at.Key)
		}
		for n := range list {
			m := &list[n]
			if m.Author == nil || !digits.MatchString(m.ID) {
				continue
			}
			e := event(w, m.Author.AccountID, m.Created, actionComment)
			if e == nil {
				continue
			}
			e.Resource = *commentResource(at, m.ID, m.Updated)
			if e.Mark, err = c.markOfComment(ctx, m.ID); err != nil {
				return nil, said(err, "the comments of "+at.Key)
			}
			out = append(out, *e)
		}
		if skip+len(list) >= total || len(list) == 0 || skip >= historyPage*historyPages {
			return out, nil
		}
	}
}

// event is a change at a time in Jira's words, if it is by one of the accounts and
// in the window.
func event(w *change.Window, account, stamp, what string) *change.Event {
	at, err := stampTime(stamp)
	if err != nil || !slices.Contains(w.Accounts, account) || at.Before(w.From.Truncate(time.Millisecond)) || at.After(w.To) {
		return nil
	}
	return &change.Event{What: what, At: at, By: account}
}

// what names the action that makes such entries, or the fields that changed.
func what(e *entry) string {
	var fields []string
	for _, i := range e.Items {
		name := i.FieldID
		if name == "" {
			name = i.Field
		}
		fields = append(fields, visible(short(name)))
	}
	slices.Sort(fields)
	fields = slices.Compact(fields)
	switch {
	case slices.Equal(fields, []string{"Link"}):
		return actionLink
	case slices.Contains(fields, statusField):
		return actionTransition
	case slices.Equal(fields, []string{assigneeField}):
		return actionAssign
	}
	return actionEdit + " (" + strings.Join(fields, ", ") + ")"
}
