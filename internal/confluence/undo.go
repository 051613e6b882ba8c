// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/clawea/clawea/internal/change"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// Revert returns the call that takes a change back which has happened: after is
// what it made or changed. It looks what is there now, and where somebody has
// gone on from there, the step is blocked and says who and when. It reads with
// the read credential and changes nothing.
func (c *Connector) Revert(ctx context.Context, opened *receipt.Receipt, ch *receipt.Change, after *policy.Resource) (*change.Step, error) {
	if ch.Undo.Irreversible != "" {
		return blocked("%s", ch.Undo.Irreversible), nil
	}
	var r recipe
	if len(ch.Undo.Args) > 0 { // a change that comes out of the store has none if they are empty
		if err := seal.Unmarshal(ch.Undo.Args, &r); err != nil {
			return nil, fmt.Errorf("read the undo of %s: %w", opened.Name(), err)
		}
	}
	r.Undoes = opened.Name()
	if after == nil || !isID(after.ID) {
		return nil, fmt.Errorf("undo %s: it is not known what it changed", opened.Name())
	}
	ch, err := c.recalled(ctx, ch)
	if err != nil {
		return nil, err
	}
	step, err := c.step(ctx, ch, r, after)
	if f := (*gate.Fault)(nil); errors.As(err, &f) && slices.Contains([]string{"not_found", "not_current", "outside"}, f.Code) {
		return blocked("%s", sentence(f.Msg)), nil
	}
	return step, err
}

// step fills in what is known only now.
func (c *Connector) step(ctx context.Context, ch *receipt.Change, r recipe, after *policy.Resource) (*change.Step, error) {
	switch ch.Undo.Action {
	case actionRestore:
		return c.stepRestore(ctx, r, after)
	case actionTrash:
		return c.stepTrash(ctx, r, after)
	case actionUntrash:
		return c.stepUntrash(ctx, r, after)
	case actionMove:
		return c.stepMove(ctx, ch, r)
	case actionLabelAdd, actionLabelRemove:
		return c.stepLabel(ctx, ch.Undo.Action, r)
	case actionCommentDelete:
		return c.stepComment(ctx, r, after)
	}
	return nil, fmt.Errorf("undo by %q: not an action of Confluence's", ch.Undo.Action)
}

func blocked(format string, args ...any) *change.Step {
	return &change.Step{Blocked: fmt.Sprintf(format, args...)}
}

// sentence is a fault's first half, as one.
func sentence(msg string) string {
	s, _, _ := strings.Cut(msg, ";")
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

func taking(action string, r recipe, format string, args ...any) (*change.Step, error) {
	b, err := encode(r)
	return &change.Step{Action: action, Args: b, Says: fmt.Sprintf(format, args...)}, err
}

// asLeft returns a page as it is now, if that is what a change left: the same
// version, or a later one with the same title and body, as undoing in turn makes
// them. If not, it says who has gone on.
func (c *Connector) asLeft(ctx context.Context, id, left string) (*page, *change.Step, error) {
	now, _, err := c.getPage(ctx, id, true)
	if err != nil || now.version() == left {
		return now, nil, err
	}
	number, err := strconv.Atoi(left)
	if err != nil {
		return nil, nil, fmt.Errorf("undo on page %s: no version is known", id)
	}
	then, _, err := c.getVersion(ctx, id, number)
	if err != nil {
		return nil, nil, err
	}
	if then.Title != now.Title || then.Body.Storage.Value != now.Body.Storage.Value {
		return nil, edited(now, number), nil
	}
	return now, nil, nil
}

func edited(now *page, left int) *change.Step {
	return blocked("Account %s has written version %d of page %s since, at %s; the change made version %d.",
		account(now.Version.AuthorID), now.Version.Number, now.ID, now.Version.CreatedAt, left)
}

func (c *Connector) stepRestore(ctx context.Context, r recipe, after *policy.Resource) (*change.Step, error) {
	now, stop, err := c.asLeft(ctx, r.PageID, after.Version)
	if err != nil || stop != nil {
		return stop, err
	}
	r.BasedOn = now.Version.Number
	return taking(actionRestore, r, "Restore version %d of page %s."+watched, r.Version, r.PageID)
}

// stepTrash takes back a page that was made. What others have put on it would be
// gone from sight with it: then it goes into quarantine, if there is one.
func (c *Connector) stepTrash(ctx context.Context, r recipe, after *policy.Resource) (*change.Step, error) {
	r.PageID = after.ID
	now, stop, err := c.asLeft(ctx, after.ID, after.Version)
	if err != nil {
		return nil, err
	}
	if stop == nil {
		if stop, err = c.touched(ctx, now); err != nil {
			return nil, err
		}
	}
	if stop == nil {
		r.BasedOn = now.Version.Number
		return taking(actionTrash, r, "Move page %s to the trash."+watched, r.PageID)
	}
	if c.quarantine == "" {
		return stop, nil
	}
	if now, _, err = c.getPage(ctx, after.ID, false); err != nil {
		return nil, err
	}
	if now.ParentID == c.quarantine {
		return blocked("Page %s is in quarantine, below page %s. %s", now.ID, c.quarantine, stop.Blocked), nil
	}
	r.TargetID, r.BasedOn = c.quarantine, now.Version.Number
	return taking(actionMove, r, "Move page %s into quarantine, below page %s. %s"+watched, r.PageID, c.quarantine, stop.Blocked)
}

// watched names what does not come back of a change that Confluence tells people of
// who watch the page.
const watched = " People who watch the page may have had mail of it; that is not undone."

// touched says what others have done around a page: put pages below it, or
// commented on it.
func (c *Connector) touched(ctx context.Context, p *page) (*change.Step, error) {
	list, _, err := c.children(ctx, p.ID, 1)
	if err != nil {
		return nil, err
	}
	if len(list) > 0 {
		return blocked("Something lies below page %s: %s %s.", p.ID, clean(list[0].Type), clean(list[0].ID)), nil
	}
	for _, kind := range []string{"footer", "inline"} {
		said, more, _, err := c.comments(ctx, p.ID, kind, 100)
		if err != nil {
			return nil, err
		}
		for _, m := range said {
			if m.Version.AuthorID != p.AuthorID {
				return blocked("Account %s has commented on page %s, at %s.", account(m.Version.AuthorID), p.ID, clean(m.Version.CreatedAt)), nil
			}
		}
		if more || len(said) >= 100 {
			return blocked("Page %s has more comments than can be looked through.", p.ID), nil
		}
	}
	return nil, nil
}

func (c *Connector) stepUntrash(ctx context.Context, r recipe, after *policy.Resource) (*change.Step, error) {
	now, err := c.getTrashed(ctx, r.PageID)
	if err != nil {
		return nil, err
	}
	if now.version() != after.Version {
		return blocked("Account %s has changed page %s since, at %s.", account(now.Version.AuthorID), now.ID, clean(now.Version.CreatedAt)), nil
	}
	r.BasedOn = now.Version.Number
	return taking(actionUntrash, r, "Take page %s out of the trash."+watched, r.PageID)
}

func (c *Connector) stepMove(ctx context.Context, ch *receipt.Change, r recipe) (*change.Step, error) {
	now, _, err := c.getPage(ctx, r.PageID, false)
	if err != nil {
		return nil, err
	}
	if to := lastOf(ch.Request.Path); now.ParentID != to {
		return blocked("Page %s has been moved since: it is below page %s, and the change put it below page %s. Confluence does not say who moved it.", now.ID, clean(now.ParentID), clean(to)), nil
	}
	r.BasedOn = now.Version.Number
	return taking(actionMove, r, "Move page %s back below page %s.", r.PageID, r.TargetID)
}

func (c *Connector) stepLabel(ctx context.Context, action string, r recipe) (*change.Step, error) {
	labels, err := c.labels(ctx, r.PageID)
	if err != nil {
		return nil, err
	}
	switch has := slices.Contains(labels, r.Label); {
	case action == actionLabelRemove && has:
		return taking(action, r, "Take the label %s off page %s.", r.Label, r.PageID)
	case action == actionLabelAdd && !has:
		return taking(action, r, "Put the label %s back on page %s.", r.Label, r.PageID)
	case has:
		return blocked("The label %s is on page %s again. Confluence does not say who put it there.", r.Label, r.PageID), nil
	}
	return blocked("The label %s is not on page %s any more. Confluence does not say who took it off.", r.Label, r.PageID), nil
}

func (c *Connector) stepComment(ctx context.Context, r recipe, after *policy.Resource) (*change.Step, error) {
	m, err := c.getComment(ctx, after.ID)
	if err != nil {
		return nil, err
	}
	if strconv.Itoa(m.Version.Number) != after.Version {
		return blocked("Account %s has changed comment %s since, at %s.", account(m.Version.AuthorID), m.ID, clean(m.Version.CreatedAt)), nil
	}
	some, err := c.replies(ctx, m.ID)
	if err != nil {
		return nil, err
	}
	if some {
		return blocked("Comment %s has replies.", m.ID), nil
	}
	r.CommentID, r.BasedOn = m.ID, m.Version.Number
	return taking(actionCommentDelete, r, "Delete comment %s."+watched, m.ID)
}
