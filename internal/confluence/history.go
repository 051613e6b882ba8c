// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/change"
	"github.com/clawea/clawea/internal/query"
	"github.com/clawea/clawea/policy"
)

// historyLimit is how many results of a list are asked for at once.
const historyLimit = 100

// History returns what Confluence's own history has of the accounts in the
// window, by time: versions of pages, and comments at the foot of pages. Of a
// comment it has the first version and the newest: that somebody has edited it
// since, and who did so last. Labels, moves, ways into the trash and what was
// deleted are not in it, nor is what the read credential may not see. Where what
// there is cannot be read to its end, it is an error.
func (c *Connector) History(ctx context.Context, w change.Window) ([]change.Event, error) {
	if len(w.Accounts) == 0 {
		return nil, nil
	}
	ids, err := c.contributions(ctx, w)
	if err != nil {
		return nil, err
	}
	var out []change.Event
	for _, id := range ids {
		events, err := c.written(ctx, id, w)
		if err != nil && !isNotFound(err) { // one that is gone is not in the history
			return nil, err
		}
		out = append(out, events...)
	}
	said, err := c.said(ctx, w)
	if err != nil {
		return nil, err
	}
	out = append(out, said...)
	slices.SortStableFunc(out, func(a, b change.Event) int {
		if a.At.Equal(b.At) && a.Resource.ID == b.Resource.ID { // versions were read the newest first
			return cmp.Or(cmp.Compare(len(a.Resource.Version), len(b.Resource.Version)), strings.Compare(a.Resource.Version, b.Resource.Version))
		}
		return a.At.Compare(b.At)
	})
	return out, nil
}

// contributions finds the pages that the accounts have written, and that were
// last written in the window or after. Days of a query are those of the account
// that asks, so it begins a day early.
func (c *Connector) contributions(ctx context.Context, w change.Window) ([]string, error) {
	from := query.Value{Text: w.From.UTC().AddDate(0, 0, -1).Format(time.DateOnly)}
	q := query.Query{Where: query.All(
		query.In("contributor", query.Strings(w.Accounts...)...),
		query.In("type", query.Strings("page")...),
		query.Clause{Field: "lastmodified", Op: query.OpGe, Values: []query.Value{from}},
	)}
	ask := url.Values{"cql": {q.String()}, "limit": {strconv.Itoa(historyLimit)}, "includeArchivedSpaces": {"true"}, "excerpt": {"none"}}
	var ids []string
	whole, err := inParts(maxPaging, func(cursor string) (string, error) {
		if cursor != "" {
			ask.Set("cursor", cursor)
		}
		var answer struct {
			Results []hit `json:"results"`
			Links   links `json:"_links"`
		}
		if _, err := c.get(ctx, v1+"/search", ask, &answer); err != nil {
			return "", explainSearch(err)
		}
		for _, h := range answer.Results {
			if h.Content != nil && isID(h.Content.ID) {
				ids = append(ids, h.Content.ID)
			}
		}
		return answer.Links.next()
	})
	if err == nil && !whole {
		err = tooMuch()
	}
	slices.Sort(ids)
	return slices.Compact(ids), err
}

func tooMuch() error {
	return fault("too_large", "the accounts have written more in that time than can be looked through; ask about a shorter time")
}

// holds reports whether something is by one of the accounts and in the window.
func holds(w change.Window, by, at string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, at)
	return t, err == nil && slices.Contains(w.Accounts, by) && !t.Before(w.From) && !t.After(w.To)
}

// written are the versions of a page that the accounts wrote in the window.
func (c *Connector) written(ctx context.Context, id string, w change.Window) ([]change.Event, error) {
	var out []change.Event
	err := c.eachVersion(ctx, id, func(v version) bool {
		at, ours := holds(w, v.AuthorID, v.CreatedAt)
		if ours {
			e := change.Event{Resource: policy.Resource{Type: "page", ID: id, Version: strconv.Itoa(v.Number)}, What: actionUpdate, At: at, By: v.AuthorID, Mark: markOf(v.Message)}
			if v.Number == 1 {
				e.What = actionCreate
			}
			out = append(out, e)
		}
		return at.IsZero() || !at.Before(w.From) // the newest come first
	})
	for i := range out {
		if out[i].Resource.Version == "1" && err == nil {
			out[i].Mark, err = c.pageMark(ctx, id)
		}
	}
	return out, err
}

// said are the comments of the accounts in the window.
func (c *Connector) said(ctx context.Context, w change.Window) ([]change.Event, error) {
	var out []change.Event
	ask := url.Values{"sort": {"-modified-date"}, "limit": {strconv.Itoa(historyLimit)}}
	whole, err := inParts(maxPaging, func(cursor string) (string, error) {
		if cursor != "" {
			ask.Set("cursor", cursor)
		}
		var answer struct {
			Results []comment `json:"results"`
			Links   links     `json:"_links"`
		}
		if _, err := c.get(ctx, v2+"/footer-comments", ask, &answer); err != nil {
			return "", explain(err, "the comments")
		}
		for i := range answer.Results {
			if before(answer.Results[i].Version.CreatedAt, w.From) {
				return "", nil // the rest is older
			}
			events, err := c.saidBy(ctx, &answer.Results[i], w)
			if err != nil {
				return "", err
			}
			out = append(out, events...)
		}
		return answer.Links.next()
	})
	if err == nil && !whole {
		err = tooMuch()
	}
	return out, err
}

// saidBy is what a comment tells of the accounts in the window: that one of them
// wrote it, or edited it last, or both.
func (c *Connector) saidBy(ctx context.Context, m *comment, w change.Window) (out []change.Event, _ error) {
	if !isID(m.ID) {
		return nil, nil
	}
	at, ours := holds(w, m.Version.AuthorID, m.Version.CreatedAt)
	now := policy.Resource{Type: "comment", ID: m.ID, Version: strconv.Itoa(m.Version.Number)}
	if m.Version.Number == 1 {
		if ours {
			out = append(out, change.Event{Resource: now, What: actionComment, At: at, By: m.Version.AuthorID})
		}
		return out, nil
	}
	e, err := c.edited(ctx, m, w)
	if err != nil {
		return nil, err
	}
	if e != nil {
		out = append(out, *e)
	}
	if ours {
		out = append(out, change.Event{Resource: now, What: "comment.update", At: at, By: m.Version.AuthorID})
	}
	return out, nil
}

// edited is the writing of a comment that was edited since, if one of the accounts
// wrote it in the window. Where Confluence does not say that any more, it is told
// of what receipts say was made.
func (c *Connector) edited(ctx context.Context, m *comment, w change.Window) (*change.Event, error) {
	e := &change.Event{Resource: policy.Resource{Type: "comment", ID: m.ID, Version: "1"}, What: actionComment, Edited: &change.Edit{By: account(m.Version.AuthorID)}}
	e.Edited.At, _ = time.Parse(time.RFC3339, m.Version.CreatedAt)
	first, err := c.asWritten(ctx, m.ID)
	if err != nil {
		return nil, err
	}
	if first == nil {
		if slices.ContainsFunc(w.Made, func(r policy.Resource) bool { return r.Type == "comment" && r.ID == m.ID }) {
			return e, nil
		}
		return nil, nil
	}
	at, ours := holds(w, first.Version.AuthorID, first.Version.CreatedAt)
	if !ours {
		return nil, nil
	}
	e.At, e.By = at, first.Version.AuthorID
	return e, nil
}
