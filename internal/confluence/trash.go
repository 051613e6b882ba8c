// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	pagebody "github.com/clawea/clawea/internal/page"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// A trashing is what page.trash returns.
type trashing struct {
	PageID string `json:"page_id"`
	Status string `json:"status"`
}

func (c *Connector) planTrash(ctx context.Context, raw []byte, bounds []policy.Bound) (*gate.Plan, error) {
	if err := c.changeable(atlassian.ForUndoing); err != nil {
		return nil, err
	}
	args, err := parseTrash(raw)
	if err != nil {
		return nil, err
	}
	at, res, err := c.locate(ctx, args.PageID, bounds)
	if err != nil {
		return nil, err
	}
	call := c.writeCall(actionTrash, policy.Admin, atlassian.ForUndoing, res, at.page)
	call.Fields = []string{"status"}
	if !at.open {
		return unopened(call), nil
	}
	before, err := c.basis(ctx, at, args.Version)
	if err == nil {
		err = c.movable(ctx, at, res.Path, args.Version)
	}
	if err == nil {
		err = c.childless(ctx, at.page.ID)
	}
	if err != nil {
		return nil, err
	}
	return c.plan(ctx, call, c.trashing(at, before, args.Undoes))
}

// childless refuses a page that others lie below: they would go up to its parent.
// Agents may not see these, so only the log says what lies there.
func (c *Connector) childless(ctx context.Context, id string) error {
	list, _, err := c.children(ctx, id, 1)
	if err == nil && len(list) > 0 {
		c.log.WarnContext(ctx, "a page is not moved to the trash for what lies below it", "page", id, "below", clean(list[0].ID))
		return fault("bad_argument", "something lies below page %s; have a person move that first", id)
	}
	return err
}

// trashing is the draft of a page's way into the trash.
func (c *Connector) trashing(at *place, before *pagebody.Body, undoes string) *draft {
	p := at.page
	undo := recipe{PageID: p.ID}.undo(actionUntrash)
	if last := at.above[len(at.above)-1]; last.Type != "page" {
		undo = irreversible(fmt.Sprintf("The page lay in a %s, into which pages are not restored here; a person can.", last.Type))
	}
	return &draft{
		what: "page " + p.ID, use: atlassian.ForUndoing, method: http.MethodDelete, path: v2 + "/pages/" + atlassian.Segment(p.ID),
		change: &receipt.Change{
			Summary: fmt.Sprintf("Move page %s in %s to the trash", p.ID, at.space.Key),
			Target:  &policy.Resource{Type: "page", ID: p.ID, Version: p.version()},
			Before:  remember(preImage{Version: p.Version.Number, Title: p.Title, SpaceID: p.SpaceID, ParentID: p.ParentID, Body: &before.Text}),
			Undo:    undo, Undoes: undoes,
			Diff: join(pagebody.DiffFields([]pagebody.Field{field("title", p.Title, p.Title), field("status", "current", "trashed")}),
				pagebody.Diff(before, nothing())),
		},
		check: func(ctx context.Context) error {
			if err := c.unchanged(ctx, at, &before.Text); err != nil {
				return err
			}
			return c.childless(ctx, p.ID)
		},
		confirm: func(ctx context.Context, target *policy.Resource) (any, error) {
			now, err := c.getTrashed(ctx, p.ID)
			switch {
			case err != nil:
				return nil, unconfirmed("page "+p.ID, "it is not found in the trash")
			case now.version() != target.Version:
				return nil, fault("conflict", "page %s went to the trash with what account %s wrote at the same moment; have a person look at it", p.ID, account(now.Version.AuthorID))
			}
			return trashing{p.ID, now.Status}, nil
		},
	}
}

func (c *Connector) planUntrash(ctx context.Context, raw []byte, bounds []policy.Bound) (*gate.Plan, error) {
	if err := c.changeable(atlassian.ForUndoing); err != nil {
		return nil, err
	}
	args, err := parseTrash(raw)
	if err != nil {
		return nil, err
	}
	p, err := c.getTrashed(ctx, args.PageID)
	if err != nil {
		return nil, err
	}
	at, res, err := c.locateTrashed(ctx, p, bounds)
	if err != nil {
		return nil, err
	}
	call := c.writeCall(actionUntrash, policy.Admin, atlassian.ForUndoing, res, p)
	call.Fields = []string{"message", "status"}
	if !at.open {
		return unopened(call), nil
	}
	if p.Version.Number != args.Version {
		return nil, newer(p, strconv.Itoa(args.Version))
	}
	p, err = c.trashedBody(ctx, p)
	if err != nil {
		return nil, err
	}
	return c.plan(ctx, call, c.untrashing(at, p, args))
}

// locateTrashed places a page of the trash where it would come back to: below
// its former parent, which is held to the bounds, as the page itself is then.
func (c *Connector) locateTrashed(ctx context.Context, p *page, bounds []policy.Bound) (*place, policy.Resource, error) {
	if !isID(p.ParentID) {
		return nil, policy.Resource{}, fault("not_found", "page %s was at the top of its space; have a person restore it", p.ID)
	}
	parent, res, err := c.locate(ctx, p.ParentID, bounds)
	if isNotFound(err) || err == nil && parent.space.ID != p.SpaceID {
		err = fault("not_found", "what page %s was below is not there any more; have a person restore it", p.ID)
	}
	if err != nil {
		return nil, policy.Resource{}, err
	}
	at := &place{page: p, space: parent.space, fence: parent.fence, open: parent.open}
	at.above = append(slices.Clone(parent.above), ancestor{parent.page.ID, "page"})
	res.ID = p.ID
	res.Path = append(slices.Clone(inside(parent, res.Path)), policy.Place{ID: p.ID, Name: p.Title})
	if at.fence.denies([]string{p.ID}) || at.fence.hush(res.Path) {
		at.open = false
	}
	if len(at.fence.labels) > 0 {
		if res.Labels, err = c.labels(ctx, p.ID); err != nil {
			return nil, policy.Resource{}, err
		}
		at.open = at.open && at.fence.labelled(res.Labels)
	}
	if at.open {
		err = c.unrestrictedTrash(ctx, at)
	}
	return at, res, err
}

// unrestrictedTrash refuses a page of the trash that was open to some people only,
// or of which that cannot be told.
func (c *Connector) unrestrictedTrash(ctx context.Context, at *place) error {
	err := c.unrestricted(ctx, at)
	if f := (*gate.Fault)(nil); errors.As(err, &f) && f.Code == "restricted" {
		err = fault("restricted", "page %s, which is in the trash, or a page above it is open to some people only, or it cannot be told; have a person restore it", at.page.ID)
	}
	return err
}

// trashedBody reads a page of the trash with its body.
func (c *Connector) trashedBody(ctx context.Context, p *page) (*page, error) {
	now, _, err := c.askPage(ctx, p.ID, url.Values{"status": {"trashed"}, "body-format": {"storage"}})
	if err == nil && (now.Status != "trashed" || now.Version.Number != p.Version.Number || now.ParentID != p.ParentID) {
		err = fault("conflict", "page %s is being changed; ask again", p.ID)
	}
	return now, err
}

// untrashing is the draft of a page's way out of the trash. Confluence leaves
// body and title as they are; they are sent as they are.
func (c *Connector) untrashing(at *place, p *page, args *trashArgs) *draft {
	body := p.Body.Storage.Value
	return &draft{
		what: "page " + p.ID, use: atlassian.ForUndoing, method: http.MethodPut, path: v2 + "/pages/" + atlassian.Segment(p.ID),
		body: func(receipt string) any {
			return update{p.ID, "current", p.Title, storageBody{"storage", body}, updateVersion{p.Version.Number + 1, marked(args.Message, receipt)}}
		},
		change: &receipt.Change{
			Summary: fmt.Sprintf("Take page %s in %s out of the trash", p.ID, at.space.Key),
			Target:  &policy.Resource{Type: "page", ID: p.ID, Version: p.version()},
			Request: receipt.Request{Mark: "/version/message"},
			Before:  remember(preImage{Version: p.Version.Number, Title: p.Title, SpaceID: p.SpaceID, ParentID: p.ParentID}),
			Undo:    recipe{PageID: p.ID}.undo(actionTrash), Undoes: args.Undoes,
			Diff: pagebody.DiffFields([]pagebody.Field{field("status", "trashed", "current"), field("parent", "", p.ParentID)}),
		},
		check: func(ctx context.Context) error {
			now, err := c.trashedBody(ctx, p)
			if err == nil && (now.Body.Storage.Value != body || now.Title != p.Title) {
				err = newer(now, p.version())
			}
			if err != nil {
				return err
			}
			above, err := c.getAncestors(ctx, p.ParentID)
			if err == nil && !slices.Equal(append(above, ancestor{p.ParentID, "page"}), at.above) {
				err = fault("conflict", "what page %s was below was moved meanwhile; ask again", p.ID)
			}
			if err != nil {
				return err
			}
			parent := &place{page: &page{ID: p.ParentID}, fence: at.fence}
			return firstError(c.unrestrictedTrash(ctx, at), c.stillLabelled(ctx, parent), c.stillLabelled(ctx, at))
		},
		answer:  versionMade(p.ID, p.Version.Number+1),
		confirm: c.confirmed(at, at.above, at.space, p.Title, &body),
	}
}
