// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// skew is how far the clocks of the house and of Confluence may be apart.
const skew = 2 * time.Minute

// Find looks whether a change that was opened has happened: by the receipt's
// name in the version's message or the page's property, and where Confluence has
// no place for that by state, body and time. It returns what was made or
// changed, with its version after, or nil if that is not there. An error means
// that it cannot be told now.
func (c *Connector) Find(ctx context.Context, opened *receipt.Receipt, ch *receipt.Change) (*policy.Resource, error) {
	use := atlassian.ForWriting
	if ch.Undoes != "" {
		use = atlassian.ForUndoing
	}
	found, _, err := c.seek(ctx, opened, ch, c.actor(ctx, use, nil))
	return found, err
}

// seek is Find where it is known who acts. It reports also whether a change that is
// not there cannot come any more: somebody else has written the version that it was
// to make.
func (c *Connector) seek(ctx context.Context, opened *receipt.Receipt, ch *receipt.Change, by string) (_ *policy.Resource, over bool, _ error) {
	action := ""
	if opened.Call != nil && opened.Call.Tool == name {
		action = opened.Call.Action
	}
	if action != actionCreate && (ch.Target == nil || !isID(ch.Target.ID)) {
		action = ""
	}
	ch, err := c.recalled(ctx, ch)
	if err != nil {
		return nil, false, err
	}
	switch action {
	case actionCreate:
		found, err := c.seekCreated(ctx, opened, ch)
		return found, false, err
	case actionUpdate, actionEdit, actionRestore, actionUntrash:
		return c.seekVersion(ctx, opened, ch, action)
	case actionMove:
		return c.seekMoved(ctx, ch)
	case actionTrash:
		return c.seekTrashed(ctx, ch)
	case actionLabelAdd, actionLabelRemove:
		return c.seekLabel(ctx, ch, action == actionLabelAdd)
	case actionComment:
		found, err := c.seekComment(ctx, opened, ch, by)
		return found, false, err
	case actionCommentDelete:
		_, err := c.getComment(ctx, ch.Target.ID)
		if isNotFound(err) {
			return ch.Target, false, nil
		}
		return nil, false, err
	}
	return nil, false, fmt.Errorf("find change %s: not one of Confluence's", opened.Name())
}

// recalled is the change with its request in Cloud's words, whatever the site's are.
func (c *Connector) recalled(ctx context.Context, ch *receipt.Change) (*receipt.Change, error) {
	r, err := c.read.Recall(ctx, ch.Request)
	if err != nil {
		return nil, explain(err, "the change")
	}
	out := *ch
	out.Request = r
	return &out, nil
}

// seekVersion finds the version whose message names the receipt: the one right
// after that on which the change is based. Another that names it is not believed. A
// restored version may still come where somebody has written the next one.
func (c *Connector) seekVersion(ctx context.Context, opened *receipt.Receipt, ch *receipt.Change, action string) (found *policy.Resource, over bool, _ error) {
	before, err := strconv.Atoi(ch.Target.Version)
	if err != nil {
		return nil, false, fmt.Errorf("find change %s: it is based on no version", opened.Name())
	}
	stray := 0 // a version that names the receipt and is not the next
	err = c.eachVersion(ctx, ch.Target.ID, func(v version) bool {
		next, marked := v.Number == before+1, v.Number > before && markOf(v.Message) == opened.Name()
		switch {
		case marked && next:
			found = &policy.Resource{Type: "page", ID: ch.Target.ID, Version: strconv.Itoa(v.Number)}
		case marked:
			stray = v.Number
		}
		over = over || next && action != actionRestore
		return found == nil && v.Number > before
	})
	if isNotFound(err) && action == actionUntrash { // it is in the trash still
		return nil, false, nil
	}
	if err == nil && found == nil && stray > 0 {
		err = untold(fmt.Sprintf("version %d of page %s", stray, ch.Target.ID))
	}
	return found, over && found == nil, err
}

// untold is the error about what names a receipt and is not what its call sent: a
// database that was restored gives names of receipts out again, and anybody who can
// write a page can write one.
func untold(what string) error {
	return fault("untold", "%s names the receipt and is not what was sent, so it cannot be told what became of the call; have a person look at it", what)
}

// seekCreated finds a page that was made: by its title, which one page of a
// space has at most, or by its mark among what is below the parent, should
// somebody have renamed it.
func (c *Connector) seekCreated(ctx context.Context, opened *receipt.Receipt, ch *receipt.Change) (*policy.Resource, error) {
	var sent creation
	if err := seal.Unmarshal(ch.Request.Body, &sent); err != nil {
		return nil, fmt.Errorf("find change %s: %w", opened.Name(), err)
	}
	if !isID(sent.SpaceID) || !isID(sent.ParentID) {
		return nil, fmt.Errorf("find change %s: it is in no space", opened.Name())
	}
	list, err := c.titled(ctx, &space{ID: sent.SpaceID, Key: sent.SpaceID}, sent.Title)
	if err != nil {
		return nil, err
	}
	below, whole, err := c.pagesBelow(ctx, sent.ParentID)
	if err != nil {
		return nil, err
	}
	found, stray := "", "" // of these that name the receipt, or may: one that is what was sent, and one that is not
	for _, p := range append(list, below...) {
		if !since(p.CreatedAt, opened.At) || p.ID == found {
			continue
		}
		marked, asSent, err := c.madeAs(ctx, p, &sent, opened)
		switch {
		case err != nil:
			return nil, err
		case asSent && found == "":
			found = p.ID
		case asSent:
			return nil, fault("untold", "pages %s and %s are both what was sent, so it cannot be told which of them is the one; have a person look at them", found, p.ID)
		case marked:
			stray = p.ID
		}
	}
	switch {
	case found != "":
		return &policy.Resource{Type: "page", ID: found, Version: "1"}, nil
	case stray != "":
		return nil, untold("page " + stray)
	case !whole:
		return nil, fault("too_large", "more lies right below page %s than can be looked through for the page; have a person look for it", sent.ParentID)
	}
	return nil, nil
}

// madeAs reports whether a page names the receipt of the call that was opened, and
// whether it is what was sent: it began with the title and the body, and lies below
// the parent. One without a mark, which may not have come to be set, must have the
// title still.
func (c *Connector) madeAs(ctx context.Context, p *page, sent *creation, opened *receipt.Receipt) (marked, asSent bool, _ error) {
	mark, err := c.pageMark(ctx, p.ID)
	marked = mark == opened.Name()
	switch {
	case err != nil || mark != "" && !marked:
		return false, false, err
	case p.ParentID != sent.ParentID || !marked && p.Title != sent.Title:
		return marked, false, nil
	}
	first, _, err := c.getVersion(ctx, p.ID, 1)
	if err != nil {
		return false, false, err
	}
	return marked, first.Title == sent.Title && sameBody(sent.Body.Value, first.Body.Storage.Value), nil
}

// pagesBelow reads the pages right below a page that are current, and reports
// whether these are all. Below one that is gone there is nothing.
func (c *Connector) pagesBelow(ctx context.Context, id string) (pages []*page, whole bool, err error) {
	whole, err = inParts(maxChildParts, func(cursor string) (string, error) {
		list, next, _, err := c.childrenFrom(ctx, id, maxChildren, cursor)
		if err != nil {
			return "", err
		}
		var ids []string
		for _, child := range list {
			if child.Type == "page" && isID(child.ID) {
				ids = append(ids, child.ID)
			}
		}
		found, err := c.getPages(ctx, ids)
		pages = slices.AppendSeq(pages, maps.Values(found))
		return next, err
	})
	if isNotFound(err) {
		return nil, true, nil
	}
	return pages, whole, err
}

// since reports whether a time of Confluence's is not before one of the house's.
func since(at string, opened time.Time) bool {
	t, err := time.Parse(time.RFC3339, at)
	return err == nil && !t.Before(opened.Add(-skew))
}

// seekMoved looks where a page is now.
func (c *Connector) seekMoved(ctx context.Context, ch *receipt.Change) (*policy.Resource, bool, error) {
	now, _, err := c.getPage(ctx, ch.Target.ID, false)
	if err != nil {
		return nil, false, err
	}
	was, err := imageOf(ch)
	switch {
	case err != nil:
		return nil, false, err
	case now.ParentID == lastOf(ch.Request.Path):
		return &policy.Resource{Type: "page", ID: now.ID, Version: now.version()}, false, nil
	case now.ParentID == was.ParentID:
		return nil, false, nil
	}
	return nil, false, fault("conflict", "page %s is neither where it was nor where it was moved to; have a person look at it", now.ID)
}

// imageOf reads what a change remembers of what was before.
func imageOf(ch *receipt.Change) (*preImage, error) {
	was := new(preImage)
	if err := seal.Unmarshal(ch.Before, was); err != nil {
		return nil, fmt.Errorf("read what was before the change: %w", err)
	}
	return was, nil
}

// seekTrashed looks whether a page is in the trash now.
func (c *Connector) seekTrashed(ctx context.Context, ch *receipt.Change) (*policy.Resource, bool, error) {
	_, _, err := c.getPage(ctx, ch.Target.ID, false)
	if err == nil {
		return nil, false, nil
	}
	if !isNotFound(err) {
		return nil, false, err
	}
	now, err := c.getTrashed(ctx, ch.Target.ID)
	if err != nil {
		return nil, false, err
	}
	return &policy.Resource{Type: "page", ID: now.ID, Version: now.version()}, false, nil
}

// seekLabel looks whether a page has a label now that it did not have, or the
// other way round. Who did that, Confluence does not say.
func (c *Connector) seekLabel(ctx context.Context, ch *receipt.Change, want bool) (*policy.Resource, bool, error) {
	var r recipe
	if err := seal.Unmarshal(ch.Undo.Args, &r); err != nil || r.Label == "" {
		return nil, false, fmt.Errorf("find the change of a label on page %s: it names none", ch.Target.ID)
	}
	now, err := c.labels(ctx, ch.Target.ID)
	if err != nil || slices.Contains(now, r.Label) != want {
		return nil, false, err
	}
	return ch.Target, false, nil
}

// lastOf is the last segment of a path.
func lastOf(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// clean makes a short text from outside fit for a message.
func clean(s string) string { return atlassian.Clean(s, 40) }
