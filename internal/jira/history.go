// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/atlassian"
)

// Bounds of what is read of an issue's changelog.
const (
	historyPage  = 100
	historyPages = 20
)

// An entry is one change in an issue's changelog, of one or more fields at once.
type entry struct {
	ID      string      `json:"id"`
	Author  *user       `json:"author"`
	Created string      `json:"created"`
	Items   []entryItem `json:"items"`
}

type entryItem struct {
	Field      string `json:"field"`
	FieldID    string `json:"fieldId"` // "" of what is no field: Key, Link
	From       string `json:"from"`
	FromString string `json:"fromString"`
	To         string `json:"to"`
	ToString   string `json:"toString"`
}

// touches reports whether the entry changed one of the fields.
func (e *entry) touches(fields ...string) bool {
	return slices.ContainsFunc(e.Items, func(i entryItem) bool { return slices.Contains(fields, i.FieldID) })
}

// touchesAll reports whether the entry changed each of the fields.
func (e *entry) touchesAll(fields []string) bool {
	return !slices.ContainsFunc(fields, func(f string) bool { return !e.touches(f) })
}

// item is the entry's change of a field.
func (e *entry) item(field string) (entryItem, bool) {
	i := slices.IndexFunc(e.Items, func(i entryItem) bool { return i.FieldID == field })
	if i < 0 {
		return entryItem{}, false
	}
	return e.Items[i], true
}

func (e *entry) by(account string) bool { return e.Author != nil && e.Author.AccountID == account }

// who says who made the change and when, in words for people.
func (e *entry) who() string {
	name := "somebody"
	if e.Author != nil {
		name = atlassian.Clean(e.Author.DisplayName, 60) + " (" + atlassian.Clean(e.Author.AccountID, 128) + ")"
	}
	return name + " at " + atlassian.Clean(e.Created, 40)
}

// A changelogPage is a part of a changelog, the oldest entry first.
type changelogPage struct {
	Values []entry `json:"values"`
	Total  int     `json:"total"`
	IsLast bool    `json:"isLast"`
}

func (c *Connector) changelogPage(ctx context.Context, id string, start, most int) (*changelogPage, *atlassian.Response, error) {
	q := url.Values{"startAt": {strconv.Itoa(start)}, "maxResults": {strconv.Itoa(most)}}
	page := new(changelogPage)
	res, err := c.get(ctx, api+"/issue/"+atlassian.Segment(id)+"/changelog", q)
	if err == nil {
		err = res.Glance(page)
	}
	return page, res, err
}

// changelog reads an issue's whole changelog, the oldest entry first. It fails if
// that is longer than anybody's patience.
func (c *Connector) changelog(ctx context.Context, id string) ([]entry, error) {
	var out []entry
	for range historyPages {
		page, _, err := c.changelogPage(ctx, id, len(out), historyPage)
		if err != nil {
			return nil, said(err, "the history of the issue")
		}
		out = append(out, page.Values...)
		if page.IsLast || len(page.Values) == 0 || len(out) >= page.Total {
			return out, nil
		}
	}
	return nil, fault("upstream", "the issue's history is longer than %d changes; ask a person to look at it", historyPage*historyPages)
}

// recent reads at most so many changes of an issue that are to be shown, the newest
// first, and none from before it came into its project: what it said there is not the
// project's to show. Changes that are not shown are not counted.
func (c *Connector) recent(ctx context.Context, id string, most int, shown func(*entry) bool) ([]entry, *atlassian.Response, error) {
	// The oldest come first, so that the newest are found by how many there are.
	first, res, err := c.changelogPage(ctx, id, 0, 1)
	if err != nil {
		return nil, nil, err
	}
	var out []entry
	for end, part := first.Total, most; end > 0 && len(out) < most; part = historyPage {
		if first.Total-end >= historyPage*historyPages {
			return nil, nil, fault("bad_argument", "the history is longer than %d changes\nask for newer ones", historyPage*historyPages)
		}
		start := max(end-min(historyPage, part), 0)
		page, answer, err := c.changelogPage(ctx, id, start, end-start)
		if err != nil {
			return nil, nil, err
		}
		if len(page.Values) != end-start { // what is left away might say where the issue came from
			return nil, nil, fault("upstream", "Jira's answer leaves out part of the history that it tells of; try again later")
		}
		res, end = answer, start
		for _, e := range slices.Backward(page.Values) {
			if e.moved() {
				return out, res, nil
			}
			if shown(&e) && len(out) < most {
				out = append(out, e)
			}
		}
	}
	return out, res, nil
}

// moved reports whether the entry says that the issue came from another project, or
// had another key. What else it changed it changed from what was there.
func (e *entry) moved() bool {
	return slices.ContainsFunc(e.Items, func(i entryItem) bool {
		name := cmp.Or(i.FieldID, i.Field)
		return slices.ContainsFunc([]string{"project", "key", "issuekey"}, func(s string) bool { return strings.EqualFold(s, name) })
	})
}

// last returns the last entry that changed the field, or nil.
func last(list []entry, field string) *entry {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].touches(field) {
			return &list[i]
		}
	}
	return nil
}

// since returns the entries after a time in Jira's own words.
func since(list []entry, stamp string) []entry {
	from, err := stampTime(stamp)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(list), func(e entry) bool {
		at, err := stampTime(e.Created)
		return err != nil || !at.After(from)
	})
}

// stampTime reads a time as Jira writes it.
func stampTime(s string) (time.Time, error) { return time.Parse("2006-01-02T15:04:05.000-0700", s) }
