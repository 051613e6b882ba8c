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

// How many comments of a page are looked at, and how many of the newest a change
// remembers.
const (
	maxRemarks  = 250
	keptRemarks = 25
)

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

// remarks are the newest comments at the foot of a page at some time.
type remarks struct {
	IDs []string `json:"ids"`         // the newest first
	At  string   `json:"at,omitzero"` // when the oldest of them was written, if there may be others
}

// remarked reads the newest comments at the foot of a page.
func (c *Connector) remarked(ctx context.Context, id string) (*remarks, error) {
	list, _, err := c.comments(ctx, id, "footer", keptRemarks)
	if err != nil {
		return nil, err
	}
	out := &remarks{IDs: []string{}}
	for _, m := range list {
		out.IDs = append(out.IDs, m.ID)
		if len(list) >= keptRemarks && m.Version.Number == 1 { // of an edited one it is not known
			out.At = m.Version.CreatedAt
		}
	}
	return out, nil
}

// older reports whether a comment that is not among those of r is older than they.
func (r *remarks) older(m *comment) bool {
	at, errAt := time.Parse(time.RFC3339, m.Version.CreatedAt)
	oldest, errOldest := time.Parse(time.RFC3339, r.At)
	return m.Version.Number == 1 && errAt == nil && errOldest == nil && !at.After(oldest)
}

// since are the comments at the foot of a page that were not there at the time of r.
func (c *Connector) since(ctx context.Context, id string, r *remarks) ([]comment, error) {
	list, _, err := c.comments(ctx, id, "footer", maxRemarks)
	if err != nil {
		return nil, err
	}
	var out []comment
	for i := range list {
		if slices.Contains(r.IDs, list[i].ID) {
			continue
		}
		if r.older(&list[i]) {
			return out, nil
		}
		out = append(out, list[i])
	}
	if len(list) >= maxRemarks {
		return nil, fault("outside", "page %s has more comments than can be looked through; have a person look at it", clean(id))
	}
	return out, nil
}

// unsaid refuses to write a comment that somebody has written, to the letter, since
// the change was planned: if no answer came, the two could not be told apart.
func (c *Connector) unsaid(ctx context.Context, id, body string, before *remarks) error {
	list, err := c.since(ctx, id, before)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(list, func(m comment) bool { return sameBody(body, m.Body.Storage.Value) }) {
		return fault("conflict", "a comment with this very text was written on page %s meanwhile; read the comments before writing again", clean(id))
	}
	return nil
}

// seekComment finds a comment by its body and author among those that were not
// there before. Confluence has no place for the receipt's name, so where that does
// not leave one comment or none, it cannot be told.
func (c *Connector) seekComment(ctx context.Context, opened *receipt.Receipt, ch *receipt.Change, by string) (*policy.Resource, error) {
	var sent remark
	if err := seal.Unmarshal(ch.Request.Body, &sent); err != nil {
		return nil, fmt.Errorf("find change %s: %w", opened.Name(), err)
	}
	was, err := imageOf(ch)
	switch {
	case err != nil:
		return nil, err
	case was.Comments == nil:
		return nil, fmt.Errorf("find change %s: it does not say which comments there were", opened.Name())
	}
	list, err := c.since(ctx, ch.Target.ID, was.Comments)
	if err != nil {
		return nil, err
	}
	var ours []string
	doubtful := false // whether one of the others may be the one
	for _, m := range list {
		switch same := sameBody(sent.Body.Value, m.Body.Storage.Value); {
		case m.Version.Number > 1: // somebody has edited it, and who wrote it is not known
			doubtful = true
		case same && by != "" && m.Version.AuthorID == by:
			ours = append(ours, m.ID)
		case same: // by whom it should not be, or it is not known who acts
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
