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
// their behalf. It fails if there is more than it reads.
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
	for _, i := range hits {
		list, err := c.eventsOf(ctx, i, &w)
		if err != nil {
			return nil, err
		}
		told = append(told, list...)
	}
	slices.SortStableFunc(told, func(a, b telling) int { return a.At.Compare(b.At) })
	return once(told), nil
}

// A telling is an event as one issue's history tells of it.
type telling struct {
	change.Event
	tie *tie // of a link: nil of all else
}

// A tie is what an entry says of a link: the keys of its ends, in their order, and
// whose entry it is.
type tie struct{ first, second, teller string }

// eventsOf are the changes of one issue by the accounts in the window.
func (c *Connector) eventsOf(ctx context.Context, i *traced, w *change.Window) ([]telling, error) {
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
		if list[n].Author == nil {
			continue
		}
		if e := event(w, list[n].Author.AccountID, list[n].Created, what(&list[n])); e != nil {
			r := at.resource(list[n].ID)
			e.Resource = *bare(&r)
			t := telling{*e, i.tie(&list[n])}
			if l := i.linkOf(list[n:]); l != "" {
				t.Resource = policy.Resource{Type: "link", ID: l}
			}
			out = append(out, t)
		}
	}
	said, err := c.commented(ctx, at, w)
	for _, e := range said {
		out = append(out, telling{Event: e})
	}
	return out, err
}

// tie is what the entry tells of a link, or nil.
func (i *traced) tie(e *entry) *tie {
	if w := what(e); len(e.Items) != 1 || w != actionLink && w != actionUnlink {
		return nil
	}
	t := &tie{i.Key, e.Items[0].From + e.Items[0].To, i.Key} // one of them is empty
	if t.second < t.first {
		t.first, t.second = t.second, t.first
	}
	return t
}

// linkOf is the id of the link that the first of the entries tells of, if it is
// there still; the changelog itself does not name it. The others are those since.
func (i *traced) linkOf(list []entry) string {
	e := &list[0]
	if what(e) != actionLink || len(e.Items) != 1 {
		return ""
	}
	made := e.Items[0]
	for n := range list[1:] {
		later := &list[1+n]
		if what(later) == actionUnlink && later.Items[0].From == made.To && later.Items[0].FromString == made.ToString {
			return "" // that link was taken away, and one like it may have been made since
		}
	}
	for _, l := range i.Fields.Links {
		if o := l.other(); o != nil && o.Key == made.To && strings.HasSuffix(made.ToString, " "+l.phrase()+" "+o.Key) {
			return l.ID
		}
	}
	return ""
}

// together is how far apart the entries of both ends of a link may be.
const together = 2 * time.Second

// once leaves out the second telling of a link: both of its ends have one.
func once(list []telling) []change.Event {
	var out []change.Event
	other := map[int]bool{} // tellings that are the second of an earlier one
	for i := range list {
		if other[i] {
			continue
		}
		out = append(out, list[i].Event)
		for j := i + 1; list[i].tie != nil && j < len(list) && list[j].At.Sub(list[i].At) <= together; j++ {
			if !other[j] && list[i].same(&list[j]) {
				other[j] = true
				break
			}
		}
	}
	return out
}

// same reports whether a and b are the two ends' tellings of one link.
func (a *telling) same(b *telling) bool {
	return b.tie != nil && a.What == b.What && a.By == b.By && a.tie.teller != b.tie.teller && a.tie.first == b.tie.first && a.tie.second == b.tie.second &&
		(a.Resource.Type != "link" || b.Resource.Type != "link" || a.Resource.ID == b.Resource.ID)
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
			if !digits.MatchString(list[n].ID) {
				continue
			}
			events, err := c.saidBy(ctx, at, &list[n], w)
			if err != nil {
				return nil, said(err, "the comments of "+at.Key)
			}
			out = append(out, events...)
		}
		if skip+len(list) >= total || len(list) == 0 || skip >= historyPage*historyPages {
			return out, nil
		}
	}
}

// saidBy is what a comment tells of the accounts in the window: that one of them
// wrote it, or edited it last, or both.
func (c *Connector) saidBy(ctx context.Context, at *place, m *comment, w *change.Window) (out []change.Event, err error) {
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
