// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"context"
	"encoding/json"
	"net/url"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/page"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

const assigneeField = "assignee"

func (c *Connector) planAssign(ctx context.Context, args []byte) (*gate.Plan, error) {
	var a assignArgs
	if err := decode(args, &a); err != nil {
		return nil, err
	}
	use, err := c.use(a.Undoes)
	if err != nil {
		return nil, err
	}
	to, err := a.assignee()
	if err != nil {
		return nil, err
	}
	is, err := c.basedOn(ctx, &a.based, assigneeField)
	if err != nil {
		return nil, err
	}
	at, from := is.place, accountOf(is)
	call := c.callBy(actionAssign, policy.Write, use)
	call.Categories = at.Project.categories()
	call.Resources = withTypeOf([]policy.Resource{at.resource(at.Updated)}, &at.Project, at.Type)
	call.Fields = []string{assigneeField}
	undo, err := assignment(from)
	if err != nil {
		return nil, err
	}
	target := at.resource(at.Updated)
	change := &receipt.Change{
		Summary: "Assign " + at.Key + " to " + person(to) + ": " + visible(a.Message),
		Target:  &target, Undo: receipt.Undo{Action: actionAssign, Args: undo}, Diff: page.DiffFields([]page.Field{was(assigneeField, wordsOf(is.Fields[assigneeField]), to)}), Undoes: a.Undoes,
	}
	value := json.RawMessage("null")
	if to != "" {
		if value, err = seal.Marshal(&reference{AccountID: to}); err != nil {
			return nil, err
		}
	}
	m := &mutation{
		what: "the assignment of " + at.Key, use: use, held: []*place{at},
		query:  url.Values{"notifyUsers": {"false"}},
		marked: payload{Fields: map[string]json.RawMessage{assigneeField: value}}.marked(a.Message, is.Maker),
		read: func(ctx context.Context, _ *policy.Resource, r *gate.Result) (any, error) {
			return c.compared(ctx, at, assigneeField, func(is *detailed) bool { return accountOf(is) == to }, r)
		},
	}
	before := &preimage{Mark: is.Mark, Fields: map[string]json.RawMessage{assigneeField: is.Fields[assigneeField]}}
	if err := m.seal(change, "PUT", api+"/issue/"+atlassian.Segment(at.ID), before); err != nil {
		return nil, err
	}
	return c.plan(ctx, call, m)
}

// assignment are the arguments that say who is to be the assignee.
func assignment(account string) (json.RawMessage, error) {
	args := map[string]*string{"account_id": nil}
	if account != "" {
		args["account_id"] = &account
	}
	return seal.Marshal(args)
}

// accountOf is the assignee's account, or "".
func accountOf(d *detailed) string {
	var u user
	if raw := d.Fields[assigneeField]; isNull(raw) || seal.Glance(raw, &u) != nil {
		return ""
	}
	return u.AccountID
}

func person(account string) string {
	if account == "" {
		return "nobody"
	}
	return account
}
