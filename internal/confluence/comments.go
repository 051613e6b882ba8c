// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	pagebody "github.com/clawea/clawea/internal/page"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// A remark is the body of the request that writes a comment.
type remark struct {
	PageID string      `json:"pageId"`
	Body   storageBody `json:"body"`
}

// A commenting is what page.comment.create and comment.delete return.
type commenting struct {
	CommentID string `json:"comment_id"`
	PageID    string `json:"page_id"`
}

func (c *Connector) planComment(ctx context.Context, raw []byte, bounds []policy.Bound) (*gate.Plan, error) {
	if err := c.changeable(atlassian.ForWriting); err != nil {
		return nil, err
	}
	args, err := parseComment(raw)
	if err != nil {
		return nil, err
	}
	at, res, err := c.locate(ctx, args.PageID, bounds)
	if err != nil {
		return nil, err
	}
	call := c.writeCall(actionComment, policy.Write, atlassian.ForWriting, res, at.page)
	call.Fields = []string{"comment"}
	if !at.open {
		return unopened(call), nil
	}
	if args.Version != nil && *args.Version != at.page.Version.Number {
		return nil, newer(at.page, strconv.Itoa(*args.Version))
	}
	body, err := pagebody.Parse(pagebody.Storage, args.Body)
	if err != nil {
		return nil, refusedEdit(err)
	}
	alike, err := c.alike(ctx, at.page.ID, body.Text)
	if err != nil {
		return nil, err
	}
	return c.plan(ctx, call, c.commenting(at, body, alike))
}

// commenting is the draft of a comment. alike are those that c.alike has found.
func (c *Connector) commenting(at *place, body *pagebody.Body, alike []string) *draft {
	id, planned := at.page.ID, time.Now()
	return &draft{
		what: "the comment on page " + id, use: atlassian.ForWriting, method: http.MethodPost, path: v2 + "/footer-comments",
		body: func(string) any { return remark{id, storageBody{"storage", body.Text}} },
		change: &receipt.Change{
			Summary: fmt.Sprintf("Comment on page %s in %s", id, at.space.Key),
			Target:  &policy.Resource{Type: "page", ID: id, Version: at.page.version()},
			Before:  remember(preImage{Version: at.page.Version.Number, Alike: alike}),
			Undo:    recipe{}.undo(actionCommentDelete),
			Diff:    pagebody.Diff(nothing(), body),
		},
		check: func(ctx context.Context) error {
			if err := c.unchanged(ctx, at, nil); err != nil {
				return err
			}
			return c.unsaid(ctx, id, body.Text, alike, planned)
		},
		answer: func(res *atlassian.Response) (*policy.Resource, error) {
			made := new(comment)
			if err := res.Glance(made); err != nil || !isID(made.ID) || made.Version.Number < 1 {
				return nil, errors.New("not a comment")
			}
			return &policy.Resource{Type: "comment", ID: made.ID, Version: strconv.Itoa(made.Version.Number)}, nil
		},
		confirm: func(ctx context.Context, target *policy.Resource) (any, error) {
			now, err := c.getComment(ctx, target.ID)
			if err != nil || now.PageID != id || strconv.Itoa(now.Version.Number) != target.Version || !sameBody(body.Text, now.Body.Storage.Value) {
				return nil, unconfirmed("the comment on page "+id, "it is not found as it should be")
			}
			return commenting{target.ID, id}, nil
		},
	}
}

// getComment reads a comment at the foot of a page, with its body.
func (c *Connector) getComment(ctx context.Context, id string) (*comment, error) {
	m := new(comment)
	if _, err := c.get(ctx, v2+"/footer-comments/"+atlassian.Segment(id), url.Values{"body-format": {"storage"}}, m); err != nil {
		return nil, explain(err, "comment "+id)
	}
	switch {
	case m.ID != id || m.Version.Number < 1:
		return nil, fault("upstream", "Confluence answered with something else than comment %s; try again later", id)
	case m.Status != "" && m.Status != "current":
		return nil, fault("not_found", "comment %s is deleted; check the id", id)
	}
	return m, nil
}

// asWritten reads a comment, which was edited, as it was written: who wrote it and
// when is known by its first version only. It returns nil where Confluence does
// not show that.
func (c *Connector) asWritten(ctx context.Context, id string) (*comment, error) {
	m := new(comment)
	_, err := c.get(ctx, v2+"/footer-comments/"+atlassian.Segment(id), url.Values{"body-format": {"storage"}, "version": {"1"}}, m)
	switch atlassian.Code(err) {
	case atlassian.NotFound, atlassian.BadRequest, atlassian.NotOffered:
		return nil, nil
	}
	if err != nil {
		return nil, explain(err, "comment "+id)
	}
	if m.ID != id || m.Version.Number != 1 {
		return nil, nil
	}
	return m, nil
}

// replies reports whether a comment has any.
func (c *Connector) replies(ctx context.Context, id string) (bool, error) {
	var list struct {
		Results []comment `json:"results"`
	}
	if _, err := c.get(ctx, v2+"/footer-comments/"+atlassian.Segment(id)+"/children", url.Values{"limit": {"1"}}, &list); err != nil {
		return false, explain(err, "the replies to comment "+id)
	}
	return len(list.Results) > 0, nil
}

func (c *Connector) planCommentDelete(ctx context.Context, raw []byte, bounds []policy.Bound) (*gate.Plan, error) {
	if err := c.changeable(atlassian.ForUndoing); err != nil {
		return nil, err
	}
	args, err := parseCommentDelete(raw)
	if err != nil {
		return nil, err
	}
	m, err := c.getComment(ctx, args.CommentID)
	if err == nil && !isID(m.PageID) {
		err = fault("bad_argument", "comment %s is a reply, or not at the foot of a page; have a person delete it", m.ID)
	}
	if err != nil {
		return nil, err
	}
	at, res, err := c.locate(ctx, m.PageID, bounds)
	if err != nil {
		return nil, err
	}
	call := c.writeCall(actionCommentDelete, policy.Admin, atlassian.ForUndoing, res, at.page)
	call.Fields = []string{"comment"}
	if !at.open {
		return unopened(call), nil
	}
	if args.Version != nil && *args.Version != m.Version.Number {
		return nil, newerComment(m, *args.Version)
	}
	if err := c.unanswered(ctx, m.ID); err != nil {
		return nil, err
	}
	return c.plan(ctx, call, c.uncommenting(at, m, args.Undoes))
}

func newerComment(m *comment, based int) error {
	return fault("conflict", "comment %s is at version %d, not %d: account %s changed it at %s; read it again", m.ID, m.Version.Number, based,
		account(m.Version.AuthorID), atlassian.Clean(m.Version.CreatedAt, 40))
}

// unanswered refuses a comment that has replies: they would go with it.
func (c *Connector) unanswered(ctx context.Context, id string) error {
	some, err := c.replies(ctx, id)
	if err == nil && some {
		err = fault("bad_argument", "comment %s has replies; have a person look at it", id)
	}
	return err
}

// uncommenting is the draft of a comment's deletion.
func (c *Connector) uncommenting(at *place, m *comment, undoes string) *draft {
	text := m.Body.Storage.Value
	ch := &receipt.Change{
		Summary: fmt.Sprintf("Delete comment %s on page %s in %s", m.ID, at.page.ID, at.space.Key),
		Target:  &policy.Resource{Type: "comment", ID: m.ID, Version: strconv.Itoa(m.Version.Number)},
		Before:  remember(preImage{Version: m.Version.Number, ParentID: m.PageID, Body: &text, Author: account(m.Version.AuthorID), At: atlassian.Clean(m.Version.CreatedAt, 40)}),
		Undo:    irreversible("A comment that is deleted does not come back; its text is in the change."),
		Undoes:  undoes,
		Diff:    pagebody.DiffFields([]pagebody.Field{field("comment", text, "")}),
	}
	if body, err := pagebody.Parse(pagebody.Storage, text); err == nil {
		ch.Diff = pagebody.Diff(body, nothing())
	}
	return &draft{
		what: "comment " + m.ID, use: atlassian.ForUndoing, method: http.MethodDelete, path: v2 + "/footer-comments/" + atlassian.Segment(m.ID),
		change: ch,
		check: func(ctx context.Context) error {
			if _, _, err := c.unmoved(ctx, at, false); err != nil {
				return err
			}
			now, err := c.getComment(ctx, m.ID)
			if err == nil && (now.Version.Number != m.Version.Number || now.PageID != m.PageID) {
				err = newerComment(now, m.Version.Number)
			}
			return firstError(err, c.unrestricted(ctx, at), c.stillLabelled(ctx, at), c.unanswered(ctx, m.ID))
		},
		confirm: func(ctx context.Context, _ *policy.Resource) (any, error) {
			if _, err := c.getComment(ctx, m.ID); !isNotFound(err) {
				return nil, unconfirmed("comment "+m.ID, "it cannot be told that it is gone")
			}
			return commenting{m.ID, m.PageID}, nil
		},
	}
}
