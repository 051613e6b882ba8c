// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// maxRemarks is how many comments of a page are looked at, the newest.
const maxRemarks = 250

// actor is the account that acts by the credential of a use, or "": the one that the
// answer to the change names, where there was one, or that the credential is said to
// be of, or that acted by it last.
func (c *Connector) actor(ctx context.Context, use string, answer error) string {
	if e := (*atlassian.Error)(nil); errors.As(answer, &e) && e.Account != "" {
		return e.Account
	}
	client := c.client(use)
	if client == nil {
		return ""
	}
	account, _ := client.Account(ctx)
	return account
}

// alike are the comments at the foot of a page that say the same as one that is to
// be written, by the account that acts; where that is not known, by anybody. They
// are all that a change remembers of a page's comments, so that what others write
// there leaves the change, and the approval of it, as it is.
func (c *Connector) alike(ctx context.Context, id, body string) ([]string, error) {
	list, _, _, err := c.comments(ctx, id, "footer", maxRemarks)
	if err != nil {
		return nil, err
	}
	by := c.actor(ctx, atlassian.ForWriting, nil)
	out := []string{}
	for i := range list {
		if m := &list[i]; m.Version.Number == 1 && (by == "" || m.Version.AuthorID == by) && sameBody(body, m.Body.Storage.Value) {
			out = append(out, m.ID)
		}
	}
	slices.Sort(out)
	return out, nil
}

// since are the comments at the foot of a page that may have been written at a
// time or after, but for those that a change remembers as alike.
func (c *Connector) since(ctx context.Context, id string, alike []string, from time.Time) ([]comment, error) {
	list, more, _, err := c.comments(ctx, id, "footer", maxRemarks)
	if err != nil {
		return nil, err
	}
	var out []comment
	for i := range list {
		m := &list[i]
		old := before(m.Version.CreatedAt, from)
		if old && m.Version.Number == 1 {
			return out, nil // the rest is older
		}
		if !old && !slices.Contains(alike, m.ID) {
			out = append(out, *m)
		}
	}
	if more || len(list) >= maxRemarks {
		return nil, fault("too_large", "page %s has more comments than can be looked through; have a person look at it", clean(id))
	}
	return out, nil
}

// before reports whether a time of Confluence's is before another, for certain.
func before(at string, t time.Time) bool {
	is, err := time.Parse(time.RFC3339, at)
	return err == nil && is.Before(t)
}

// unsaid refuses to write a comment that somebody has written, to the letter, since
// the change was planned or shortly before: if no answer came, the two could not be
// told apart.
func (c *Connector) unsaid(ctx context.Context, id, body string, alike []string, planned time.Time) error {
	list, err := c.since(ctx, id, alike, planned.Add(-skew))
	if err != nil {
		return err
	}
	if slices.ContainsFunc(list, func(m comment) bool { return sameBody(body, m.Body.Storage.Value) }) {
		return fault("conflict", "a comment with this very text was written on page %s just now; read the comments before writing again", clean(id))
	}
	return nil
}

// seekComment finds a comment by its body, its author and the time when it was
// written: from the opening of its call on, as far as two clocks agree, and none of
// those that were alike before. Confluence has no place for the receipt's name, so
// where that does not leave one comment or none, it cannot be told.
func (c *Connector) seekComment(ctx context.Context, opened *receipt.Receipt, ch *receipt.Change, by string) (*policy.Resource, error) {
	var sent remark
	if err := seal.Unmarshal(ch.Request.Body, &sent); err != nil {
		return nil, fmt.Errorf("find change %s: %w", opened.Name(), err)
	}
	was, err := imageOf(ch)
	switch {
	case err != nil:
		return nil, err
	case was.Alike == nil:
		return nil, fmt.Errorf("find change %s: it does not say which comments there were", opened.Name())
	}
	from := opened.At.Add(-skew)
	list, err := c.since(ctx, ch.Target.ID, was.Alike, from)
	if err != nil {
		return nil, err
	}
	var ours []string
	doubtful := false // whether one of the others may be the one
	for i := range list {
		m := c.original(ctx, &list[i])
		switch {
		case m == nil:
			doubtful = true
		case before(m.Version.CreatedAt, from) || !sameBody(sent.Body.Value, m.Body.Storage.Value):
		case by != "" && m.Version.AuthorID == by:
			ours = append(ours, m.ID)
		default: // by whom it should not be, or it is not known who acts
			doubtful = true
		}
	}
	switch {
	case len(ours) == 1:
		return &policy.Resource{Type: "comment", ID: ours[0], Version: "1"}, nil
	case len(ours) > 1 || doubtful:
		return nil, fault("untold", "it cannot be told which comment on page %s is the one, if any; have a person look at it", clean(ch.Target.ID))
	}
	return nil, nil
}

// original is a comment as it was written, or nil if that cannot be told now.
func (c *Connector) original(ctx context.Context, m *comment) *comment {
	if m.Version.Number == 1 {
		return m
	}
	first, err := c.asWritten(ctx, m.ID)
	if err != nil {
		c.log.WarnContext(ctx, "cannot tell who wrote a comment that was edited", "comment", m.ID, "err", err)
	}
	return first
}
