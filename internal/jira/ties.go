// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/change"
	"github.com/clawea/clawea/internal/gate"
)

// A telling is an event as one issue's history tells of it.
type telling struct {
	change.Event
	tie *tie // of a link: nil of all else
}

// A tie is what an entry says of a link: whose entry it is, the other end, and in
// words what the first does to the other. The ends are ids of issues, since keys
// change; of an issue that Jira does not show it is the key.
type tie struct{ teller, other, says string }

// An issueIDs finds issues by the keys that they have, or had.
type issueIDs struct {
	c     *Connector
	byKey map[string]string
}

// idsOf knows these issues, by the keys that they have.
func (c *Connector) idsOf(list []*traced) *issueIDs {
	ids := &issueIDs{c, map[string]string{}}
	for _, i := range list {
		ids.byKey[i.Key] = i.ID
	}
	return ids
}

// of is the id of the issue with a key: one that was given up leads to the issue
// still. It is the key itself if Jira shows no such issue.
func (ids *issueIDs) of(ctx context.Context, key string) (string, error) {
	if id, known := ids.byKey[key]; known {
		return id, nil
	}
	if !issueKey.MatchString(key) {
		return key, nil
	}
	id := key
	i, _, err := ids.c.anyIssue(ctx, key, nil, false)
	f := (*gate.Fault)(nil)
	switch {
	case err == nil:
		id = i.ID
	case !errors.As(err, &f) || f.Code != "not_found" && f.Code != "forbidden":
		return "", err
	}
	ids.byKey[key] = id
	return id, nil
}

// tie is what the entry tells of a link, or nil.
func (i *traced) tie(ctx context.Context, e *entry, ids *issueIDs) (*tie, error) {
	if w := what(e); len(e.Items) != 1 || w != actionLink && w != actionUnlink {
		return nil, nil
	}
	item := &e.Items[0]
	key := item.From + item.To // one of them is empty
	other, err := ids.of(ctx, key)
	if err != nil {
		return nil, err
	}
	return &tie{i.ID, other, strings.TrimSuffix(item.FromString+item.ToString, " "+key)}, nil
}

// linkOf is the id of the link that the first of the entries, with this tie, tells of,
// if it is there still; the changelog itself does not name it. The others are those
// since.
func (i *traced) linkOf(ctx context.Context, list []entry, made *tie, ids *issueIDs) (string, error) {
	if what(&list[0]) != actionLink {
		return "", nil
	}
	for n := range list[1:] {
		later := &list[1+n]
		if what(later) != actionUnlink {
			continue
		}
		gone, err := i.tie(ctx, later, ids)
		if err != nil {
			return "", err
		}
		if *gone == *made {
			return "", nil // that link was taken away, and one like it may have been made since
		}
	}
	at := slices.IndexFunc(i.Fields.Links, func(l issueLink) bool {
		o := l.other()
		return o != nil && (o.ID == made.other || o.Key == made.other) && strings.HasSuffix(made.says, " "+l.phrase())
	})
	if at < 0 {
		return "", nil
	}
	return i.Fields.Links[at].ID, nil
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
	return b.tie != nil && a.What == b.What && a.By == b.By && a.tie.teller == b.tie.other && a.tie.other == b.tie.teller &&
		(a.Resource.Type != "link" || b.Resource.Type != "link" || a.Resource.ID == b.Resource.ID)
}
