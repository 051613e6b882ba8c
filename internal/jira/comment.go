// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"context"
	"encoding/json"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

func (c *Connector) planComment(ctx context.Context, args []byte) (*gate.Plan, error) {
	if err := c.writable(); err != nil {
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
	body, err := seal.Marshal(map[string]json.RawMessage{"body": doc})
	if err != nil {
		return nil, err
	}
	at, err := c.locate(ctx, k)
	if err != nil {
		return nil, err
	}
	call := c.call(actionComment, policy.Write)
	call.Categories = at.Project.categories()
	call.Resources = withTypeOf([]policy.Resource{at.resource(at.Updated)}, &at.Project, at.Type)
	return &gate.Plan{Call: call, Act: func(ctx context.Context, _ *receipt.Receipt) (*gate.Result, error) {
		return c.comment(ctx, at, body)
	}}, nil
}

// comment writes the comment on the issue as it was when that was allowed.
func (c *Connector) comment(ctx context.Context, at *place, body []byte) (*gate.Result, error) {
	if err := c.again(ctx, at); err != nil {
		return stopped(err)
	}
	res, err := c.write.Do(ctx, &atlassian.Request{Method: "POST", Path: api + "/issue/" + atlassian.Segment(at.ID) + "/comment", Body: body})
	if err != nil {
		return refused(err, writeFault(err, "the comment on "+at.Key))
	}
	var made struct {
		ID      string `json:"id"`
		Updated string `json:"updated"`
	}
	if err := res.Glance(&made); err != nil || !digits.MatchString(made.ID) {
		return &gate.Result{Outcome: done(res, nil)}, unnamed("the comment")
	}
	target := &policy.Resource{Type: "comment", ID: made.ID, Version: made.Updated, Path: []policy.Place{{ID: at.Project.ID}, {ID: at.ID}}}
	result := &gate.Result{Outcome: done(res, target)}
	if _, err := c.confirm(context.WithoutCancel(ctx), at.ID, at.Project.ID, at.Type.ID, result); err != nil {
		return result, err
	}
	result.Body, err = seal.Marshal(struct {
		Comment written `json:"comment"`
		Issue   written `json:"issue"`
	}{written{ID: made.ID}, written{ID: at.ID, Key: at.Key, URL: c.browse(at.Key)}})
	return result, err
}

// A written is a thing made or changed, as agents are told of it.
type written struct {
	ID  string `json:"id"`
	Key string `json:"key,omitempty"`
	URL string `json:"url,omitempty"`
}

// confirm reads again the issue that was written to. If it is in another project
// or of another type than was allowed, the write stays on record as done, and the
// agent gets an error instead of a result; a person must look at it. If it cannot
// be read, the write is done all the same.
func (c *Connector) confirm(ctx context.Context, id, project, kind string, r *gate.Result) (*place, error) {
	at, err := c.locate(ctx, id)
	if err != nil {
		c.log.WarnContext(ctx, "written issue cannot be read again", "issue", id, "error", err.Error())
		return nil, nil
	}
	if at.Project.ID == project && at.Type.ID == kind {
		return at, nil
	}
	c.log.ErrorContext(ctx, "written issue is in another project or of another type than allowed", "issue", id, "project", at.Project.ID, "type", at.Type.ID)
	r.Outcome.Code = "outside"
	return nil, fault("outside", "it was written, but the issue is in another project or of another type now; ask a person to look at it")
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
