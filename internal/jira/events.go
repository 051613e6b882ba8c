// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/change"
	"github.com/clawea/clawea/internal/query"
	"github.com/clawea/clawea/policy"
)

// History returns what Jira itself has of changes by the accounts in the window:
// issues that they created, entries of changelogs, and comments, with who edited
// them last. Versions are as Find gives them; of a comment that was edited since,
// when it was written.
//
// What Jira does not keep it cannot tell: deleted issues and deleted comments,
// former texts of comments, entity properties, work that another account did on
// their behalf. It fails if there is more than it reads, but for comments from before
// the window on an issue that has more than 2,000: of these it does not tell who edited
// them.
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
	var told []telling
	ids := c.idsOf(hits)
	for _, i := range hits {
		list, err := c.eventsOf(ctx, i, ids, &w)
		if err != nil {
			return nil, err
		}
		told = append(told, list...)
	}
	slices.SortStableFunc(told, func(a, b telling) int { return a.At.Compare(b.At) })
	return once(told), nil
}

// eventsOf are the changes of one issue by the accounts in the window.
func (c *Connector) eventsOf(ctx context.Context, i *traced, ids *issueIDs, w *change.Window) ([]telling, error) {
	at := i.place()
	var out []telling
	if by := i.Fields.Creator; by != nil {
		e := event(w, by.AccountID, i.Fields.Created, actionCreate)
		if e != nil {
			e.Resource = policy.Resource{Type: "issue", ID: at.ID, Version: i.Fields.Created, Path: []policy.Place{{ID: at.Project.ID}}}
			e.Mark = readMark(i.Properties.Ours)
			if at.Updated != i.Fields.Created { // it may have been covered by the mark of a later change
				e.Mark = ""
			}
			out = append(out, telling{Event: *e})
		}
	}
	list, err := c.changelog(ctx, at.ID)
	if err != nil {
		return nil, err
	}
	for n := range list {
		t, err := i.tell(ctx, list[n:], ids, w)
		if err != nil {
			return nil, err
		}
		if t != nil {
			out = append(out, *t)
		}
	}
	said, err := c.commented(ctx, at, w)
	for _, e := range said {
		out = append(out, telling{Event: e})
	}
	return out, err
}

// tell is what the first of the entries tells of the accounts in the window, or nil.
// The others are those since.
func (i *traced) tell(ctx context.Context, list []entry, ids *issueIDs, w *change.Window) (*telling, error) {
	first := &list[0]
	if first.Author == nil {
		return nil, nil
	}
	e := event(w, first.Author.AccountID, first.Created, what(first))
	if e == nil {
		return nil, nil
	}
	r := i.place().resource(first.ID)
	e.Resource = *bare(&r)
	tie, err := i.tie(ctx, first, ids)
	if err != nil || tie == nil {
		return &telling{Event: *e}, err
	}
	l, err := i.linkOf(ctx, list, tie, ids)
	if l != "" {
		e.Resource = policy.Resource{Type: "link", ID: l}
	}
	return &telling{*e, tie}, err
}

// commented are the comments on an issue by the accounts in the window. It reads as
// many as it may, for those that were edited in the window; where there are more, all
// that were written in the window must be among them.
func (c *Connector) commented(ctx context.Context, at *place, w *change.Window) ([]change.Event, error) {
	var out []change.Event
	begun := false // what was read goes back to before the window
	for read := 0; ; {
		list, total, _, err := c.newest(ctx, at, maxComments, read)
		if err != nil {
			return nil, said(err, "the comments of "+at.Key)
		}
		for n := range list {
			events, err := c.saidBy(ctx, at, &list[n], w)
			if err != nil {
				return nil, said(err, "the comments of "+at.Key)
			}
			out = append(out, events...)
			begun = begun || isBefore(list[n].Created, w.From)
		}
		read += len(list)
		switch {
		case read >= total:
			return out, nil
		case len(list) > 0 && read < historyPage*historyPages:
		case begun:
			return out, nil
		default:
			return nil, fault("upstream", "the issue %s has more comments of that time than can be looked through\nask about a shorter time", at.Key)
		}
	}
}

// isBefore reports whether Jira dates something before a time.
func isBefore(stamp string, t time.Time) bool {
	at, err := stampTime(stamp)
	return err == nil && at.Before(t)
}

// saidBy is what a comment tells of the accounts in the window: that one of them
// wrote it, or edited it last, or both.
func (c *Connector) saidBy(ctx context.Context, at *place, m *comment, w *change.Window) (out []change.Event, err error) {
	if !digits.MatchString(m.ID) {
		return nil, nil
	}
	edited, editor := m.Updated != m.Created, ""
	if m.Editor != nil {
		editor = atlassian.Clean(m.Editor.AccountID, 128)
	}
	if m.Author != nil {
		if e := event(w, m.Author.AccountID, m.Created, actionComment); e != nil {
			e.Resource = *commentResource(at, m.ID, m.Created)
			if edited {
				e.Edited = &change.Edit{By: editor}
				e.Edited.At, _ = stampTime(m.Updated)
			}
			if e.Mark, err = c.markOfComment(ctx, m.ID); err != nil {
				return nil, err
			}
			out = append(out, *e)
		}
	}
	if e := event(w, editor, m.Updated, "issue.comment.update"); edited && e != nil {
		e.Resource = *commentResource(at, m.ID, m.Updated)
		out = append(out, *e)
	}
	return out, nil
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
		if len(e.Items) == 1 && e.Items[0].To == "" {
			return actionUnlink
		}
		return actionLink
	case slices.Contains(fields, statusField):
		return actionTransition
	case slices.Equal(fields, []string{assigneeField}):
		return actionAssign
	}
	return actionEdit + " (" + strings.Join(fields, ", ") + ")"
}
