// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"cmp"
	"context"
	"encoding/json"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/page"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// quarantineLabel stands on issues that a job created and that were taken back.
const quarantineLabel = "clawea-quarantine"

// check reads what every call says that takes back one thing on an issue.
func (a *takeArgs) check(ctx context.Context, c *Connector, id string) (issue, use string, err error) {
	if issue, err = key(a.IssueKey); err != nil {
		return "", "", err
	}
	switch {
	case a.Undoes == "":
		return "", "", fault("bad_argument", "undoes: name the receipt of the change that is taken back: JOB/SEQ")
	case !digits.MatchString(id):
		return "", "", fault("bad_argument", "give the id of what is taken back, as the receipt's outcome has it")
	}
	if use, err = c.use(ctx, a.Undoes); err != nil {
		return "", "", err
	}
	return issue, use, checkMessage(a.Message)
}

func (c *Connector) planUncomment(ctx context.Context, args []byte, bounds []policy.Bound) (*gate.Plan, error) {
	var a takeArgs
	if err := decode(args, &a); err != nil {
		return nil, err
	}
	k, use, err := a.check(ctx, c, a.CommentID)
	if err == nil && a.LinkID != "" {
		err = fault("bad_argument", "link_id: it does not belong here; leave it away")
	}
	if err != nil {
		return nil, err
	}
	at, err := c.placed(ctx, k, bounds)
	if err != nil {
		return nil, err
	}
	call := c.on(at, "", actionUncomment, policy.Admin, use)
	if !at.open {
		return unopened(call), nil
	}
	m, raw, err := c.ownComment(ctx, at, a.CommentID, a.Undoes)
	if err != nil {
		return nil, err
	}
	at.Updated = "" // other changes of the issue are of no matter
	mu, err := c.uncommenting(at, m, raw, &a)
	if err != nil {
		return nil, err
	}
	mu.use = use
	return c.plan(ctx, call, mu)
}

// uncommenting is the deletion of a comment of ours.
func (c *Connector) uncommenting(at *place, m *comment, raw json.RawMessage, a *takeArgs) (*mutation, error) {
	body, err := plain(m.Body, maxReadText)
	if err != nil {
		return nil, fault("upstream", "Jira's answer about the comment cannot be read; try again later")
	}
	change := &receipt.Change{
		Summary: "Delete the comment " + m.ID + " on " + at.Key + ", which the call " + a.Undoes + " made: " + visible(a.Message),
		Target:  bare(commentResource(at, m.ID, m.Updated)),
		Undo:    receipt.Undo{Irreversible: "Jira does not keep deleted comments. The text is in this change."},
		Diff:    page.DiffFields([]page.Field{was(commentField, []string{cmp.Or(body, "[no text]")}, nil)}), Undoes: a.Undoes,
	}
	mu := &mutation{
		what: "the comment on " + at.Key, held: []*place{at},
		check: func(ctx context.Context) error {
			is, _, err := c.ownComment(ctx, at, m.ID, a.Undoes)
			if err == nil && is.Updated != m.Updated {
				err = fault("conflict", "the comment on %s was edited meanwhile; a person must decide", at.Key)
			}
			return err
		},
		read: func(context.Context, *policy.Resource, *gate.Result) (any, error) {
			return struct {
				Deleted written `json:"deleted"`
				Issue   written `json:"issue"`
			}{written{ID: m.ID}, written{ID: at.ID, Key: at.Key, URL: c.browse(at.Key)}}, nil
		},
	}
	return mu, mu.seal(change, "DELETE", api+"/issue/"+atlassian.Segment(at.ID)+"/comment/"+atlassian.Segment(m.ID), &preimage{Comment: raw})
}

// ownComment reads a comment that must name the receipt, and be as it was made.
func (c *Connector) ownComment(ctx context.Context, at *place, id, receipt string) (*comment, json.RawMessage, error) {
	m := new(comment)
	what := "the comment on " + at.Key
	res, err := c.get(ctx, api+"/issue/"+atlassian.Segment(at.ID)+"/comment/"+atlassian.Segment(id), nil)
	if err == nil {
		err = res.Glance(m)
	}
	if err != nil {
		return nil, nil, said(err, what)
	}
	name, err := c.markOfComment(ctx, id)
	switch {
	case err != nil:
		return nil, nil, said(err, what)
	case m.ID != id || name != receipt:
		return nil, nil, fault("conflict", "the comment on %s was not made by the call %s; only that can be taken back", at.Key, short(receipt))
	case m.Created != m.Updated:
		return nil, nil, fault("conflict", "%s was edited by %s at %s; a person must decide", what, m.editor(), atlassian.Clean(m.Updated, 40))
	}
	raw, err := seal.Marshal(struct {
		ID      string          `json:"id"`
		Author  *viewedUser     `json:"author,omitzero"`
		Created string          `json:"created"`
		Body    json.RawMessage `json:"body"`
	}{m.ID, m.Author.view(), m.Created, m.Body})
	return m, raw, err
}

// editor says who edited the comment last.
func (m *comment) editor() string {
	if m.Editor == nil {
		return "somebody"
	}
	return atlassian.Clean(m.Editor.DisplayName, 60) + " (" + atlassian.Clean(m.Editor.AccountID, 128) + ")"
}

func (c *Connector) planUnlink(ctx context.Context, args []byte, bounds []policy.Bound) (*gate.Plan, error) {
	var a takeArgs
	if err := decode(args, &a); err != nil {
		return nil, err
	}
	k, use, err := a.check(ctx, c, a.LinkID)
	if err == nil && a.CommentID != "" {
		err = fault("bad_argument", "comment_id: it does not belong here; leave it away")
	}
	if err != nil {
		return nil, err
	}
	at, err := c.placed(ctx, k, bounds)
	if err != nil {
		return nil, err
	}
	if !at.open {
		return unopened(c.on(at, "", actionUnlink, policy.Admin, use, linksField)), nil
	}
	link, err := c.link(ctx, a.LinkID)
	if err != nil {
		return nil, err
	}
	if at.ID != link.Inward.ID && at.ID != link.Outward.ID {
		return nil, fault("bad_argument", "link_id: the link is not one of %s; look which it is", k)
	}
	first, err := c.placed(ctx, link.Inward.ID, bounds)
	if err != nil {
		return nil, err
	}
	second, err := c.placed(ctx, link.Outward.ID, bounds)
	if err != nil {
		return nil, err
	}
	call := c.twoEnded(first, second, actionUnlink, policy.Admin, use)
	if !first.open || !second.open {
		return unopened(call), nil
	}
	mu, err := c.unlinking(link, first, second, &a)
	if err != nil {
		return nil, err
	}
	mu.use = use
	return c.plan(ctx, call, mu)
}

// unlinking is the deletion of a link.
func (c *Connector) unlinking(link *issueLink, first, second *place, a *takeArgs) (*mutation, error) {
	first.Updated, second.Updated = "", "" // other changes of the issues are of no matter
	says := first.Key + " " + atlassian.Clean(link.Type.Outward, 40) + " " + second.Key
	change := &receipt.Change{ // links have no mark: who made this one is not known
		Summary: deletionOf(link.ID, first, second) + ": " + visible(a.Message),
		Target:  &policy.Resource{Type: "link", ID: link.ID, Path: []policy.Place{{ID: first.Project.ID}, {ID: first.ID}}},
		Undo:    receipt.Undo{Irreversible: "A deleted link does not come back. The same issues can be linked anew, which makes another."},
		Diff:    page.DiffFields([]page.Field{was(linksField, some(says), nil)}), Undoes: a.Undoes,
	}
	m := &mutation{
		what: "the link of " + first.Key, held: []*place{first, second},
		check: func(ctx context.Context) error {
			is, err := c.link(ctx, link.ID)
			if err == nil && (is.Type.ID != link.Type.ID || is.Inward.ID != first.ID || is.Outward.ID != second.ID) {
				err = fault("conflict", "the link of %s is another one now; look which it is", first.Key)
			}
			return err
		},
		read: func(context.Context, *policy.Resource, *gate.Result) (any, error) {
			return struct {
				Deleted written `json:"deleted"`
			}{written{ID: link.ID}}, nil
		},
	}
	return m, m.seal(change, "DELETE", api+"/issueLink/"+atlassian.Segment(link.ID), &preimage{Link: link})
}

// deletionOf says which link is deleted.
func deletionOf(id string, first, second *place) string {
	return "Delete the link " + id + " between " + first.Key + " and " + second.Key
}

// link reads a link by its id. It says both of its ends.
func (c *Connector) link(ctx context.Context, id string) (*issueLink, error) {
	l := new(issueLink)
	res, err := c.get(ctx, api+"/issueLink/"+atlassian.Segment(id), nil)
	if err == nil {
		err = res.Glance(l)
	}
	if err != nil {
		return nil, said(err, "the link")
	}
	if l.ID != id || l.Inward == nil || l.Outward == nil || !digits.MatchString(l.Inward.ID) || !digits.MatchString(l.Outward.ID) {
		return nil, fault("upstream", "Jira's answer does not say what the link ties together; try again later")
	}
	return l, nil
}

// planQuarantine is an edit that adds a label to an issue that we made.
func (c *Connector) planQuarantine(ctx context.Context, args []byte, bounds []policy.Bound) (*gate.Plan, error) {
	var b based
	if err := decode(args, &b); err != nil {
		return nil, err
	}
	if b.Undoes == "" || b.Entry != "" {
		return nil, fault("bad_argument", "undoes: name the receipt of the call that made the issue: JOB/SEQ")
	}
	use, err := c.use(ctx, b.Undoes)
	if err != nil {
		return nil, err
	}
	at, err := c.addressed(ctx, &b, bounds)
	if err != nil {
		return nil, err
	}
	if !at.open {
		return unopened(c.on(at, at.Updated, actionQuarantine, policy.Admin, use, labelsField)), nil
	}
	e, err := c.edit(ctx, at, &editArgs{based: b, LabelsAdd: []string{quarantineLabel}})
	switch {
	case err != nil:
		return nil, err
	case e.was.Maker != b.Undoes:
		return nil, notMadeBy(e.was.Key, b.Undoes)
	}
	return c.editing(ctx, actionQuarantine, policy.Admin, use, e)
}

// notMadeBy is the refusal to put an issue into quarantine for another call's sake.
func notMadeBy(key, receipt string) *gate.Fault {
	return fault("conflict", "the issue %s carries no mark that the call %s created it; only what that created is put into quarantine", key, short(receipt))
}
