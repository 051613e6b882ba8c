// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"context"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

func (c *Connector) planComment(ctx context.Context, args []byte, bounds []policy.Bound) (*gate.Plan, error) {
	use, err := c.use(ctx, "")
	if err != nil {
		return nil, err
	}
	var a commentArgs
	if err := decode(args, &a); err != nil {
		return nil, err
	}
	k, err := key(a.IssueKey)
	if err != nil {
		return nil, err
	}
	doc, err := document(a.Body)
	if err != nil {
		return nil, fault("bad_argument", "body: %v", err)
	}
	at, err := c.placed(ctx, k, bounds)
	if err != nil {
		return nil, err
	}
	// An issue's version counts what others say on it, and a comment is based on no
	// version: it is compared right before the act only.
	target := at.resource("")
	call := c.on(at, target.Version, actionComment, policy.Write, use)
	if !at.open {
		return unopened(call), nil
	}
	change := &receipt.Change{
		Summary: "Comment on " + at.Key, Target: &target, Undo: receipt.Undo{Action: actionUncomment},
		Diff: c.rewriting(ctx, use, commentField, nil, doc).diff(),
	}
	m := &mutation{
		what: "the comment on " + at.Key, use: use, held: []*place{at},
		marked: payload{Body: doc}.marked("", ""),
		made:   func(res *atlassian.Response) (*policy.Resource, error) { return madeComment(at, res) },
		read: func(ctx context.Context, target *policy.Resource, r *gate.Result) (any, error) {
			return c.commentedOn(ctx, at, target, r)
		},
	}
	if err := m.seal(change, "POST", api+"/issue/"+atlassian.Segment(at.ID)+"/comment", nil); err != nil {
		return nil, err
	}
	return c.plan(ctx, call, m)
}

// madeComment reads from Jira's answer which comment it made.
func madeComment(at *place, res *atlassian.Response) (*policy.Resource, error) {
	var made struct {
		ID      string `json:"id"`
		Updated string `json:"updated"`
	}
	if err := res.Glance(&made); err != nil || !digits.MatchString(made.ID) {
		return nil, unnamed("the comment")
	}
	return commentResource(at, made.ID, made.Updated), nil
}

// commentedOn tells the agent of the comment, if the issue is still where it was.
func (c *Connector) commentedOn(ctx context.Context, at *place, target *policy.Resource, r *gate.Result) (any, error) {
	is, err := c.confirm(ctx, at.ID, at, r)
	if err != nil {
		return nil, err
	}
	out := struct {
		Comment written `json:"comment"`
		Issue   written `json:"issue"`
		Version string  `json:"version,omitempty"` // of the issue now
	}{Comment: written{ID: target.ID}, Issue: written{ID: at.ID, Key: at.Key, URL: c.browse(at.Key)}}
	if is != nil {
		out.Version = is.version()
	}
	return out, nil
}

// A written is a thing made or changed, as agents are told of it.
type written struct {
	ID  string `json:"id"`
	Key string `json:"key,omitempty"`
	URL string `json:"url,omitempty"`
}

// confirm reads again the issue that was written to, and holds it to where and of
// what type it was. If it cannot be read, the write is done all the same.
func (c *Connector) confirm(ctx context.Context, id string, was *place, r *gate.Result) (*place, error) {
	is, err := c.locate(ctx, id)
	if err != nil {
		c.log.WarnContext(ctx, "written issue cannot be read again", "issue", id, "error", err.Error())
		return nil, nil
	}
	return is, c.inside(ctx, is, was, r)
}

// Codes of changes that a person must look at.
const (
	outsideCode = "outside" // it went where it was not allowed
	differsCode = "differs" // what is there is not what was sent
)

// inside holds an issue that was written to: if it is in another project or of
// another type than was allowed, the write stays on record as done, and the agent
// gets an error instead of a result; a person must look at it.
func (c *Connector) inside(ctx context.Context, is, was *place, r *gate.Result) error {
	if is.Project.ID == was.Project.ID && is.Type.ID == was.Type.ID {
		return nil
	}
	r.Outcome.Code = outsideCode
	return fault(outsideCode, "it was written, but the issue is in another project or of another type now; ask a person to look at it")
}

// unnamed is the error for a write that Jira took without saying what came of it.
func unnamed(what string) *gate.Fault {
	return fault("upstream", "Jira took %s but did not say under which id; look in Jira before repeating it", what)
}

// writeFault is the answer to a write that Jira refused, with its reason, cut short
// and quoted: it is about what the agent itself sent.
func writeFault(err error, what string) *gate.Fault {
	f := said(err, what)
	if e := asError(err); e != nil && e.Code == atlassian.BadRequest && e.Message != "" {
		f.Msg += ": Jira says " + quote(e.Message)
	}
	return f
}
