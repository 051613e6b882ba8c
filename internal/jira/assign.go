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

func (c *Connector) planAssign(ctx context.Context, args []byte, bounds []policy.Bound) (*gate.Plan, error) {
	var a assignArgs
	if err := decode(args, &a); err != nil {
		return nil, err
	}
	use, err := c.use(ctx, a.Undoes)
	if err != nil {
		return nil, err
	}
	to, err := a.assignee()
	if err != nil {
		return nil, err
	}
	at, err := c.addressed(ctx, &a.based, bounds)
	if err != nil {
		return nil, err
	}
	call := c.on(at, at.Updated, actionAssign, policy.Write, use, assigneeField)
	if !at.open {
		return unopened(call), nil
	}
	is, err := c.basedOn(ctx, at, &a.based, assigneeField)
	if err != nil {
		return nil, err
	}
	undo, err := assignment(accountOf(is))
	if err != nil {
		return nil, err
	}
	value, err := assignee(to)
	if err != nil {
		return nil, err
	}
	target, had := at.resource(at.Updated), is.Fields[assigneeField]
	change := &receipt.Change{
		Summary: "Assign " + at.Key + " to " + person(to) + ": " + visible(a.Message),
		Target:  &target, Undo: receipt.Undo{Action: actionAssign, Args: undo}, Diff: page.DiffFields([]page.Field{was(assigneeField, words(had), becoming(had, value))}), Undoes: a.Undoes,
	}
	m := &mutation{
		what: "the assignment of " + at.Key, use: use, held: []*place{at},
		query:  url.Values{"notifyUsers": {"false"}},
		marked: payload{Fields: map[string]json.RawMessage{assigneeField: value}}.marked(a.Message, is.Maker),
		read: func(ctx context.Context, _ *policy.Resource, r *gate.Result) (any, error) {
			return c.compared(ctx, at, assigneeField, func(is *detailed) bool { return accountOf(is) == to }, r)
		},
	}
	before := &preimage{Mark: is.Mark, Fields: map[string]json.RawMessage{assigneeField: had}}
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

// assignee is the field's value for an account; "" is nobody.
func assignee(account string) (json.RawMessage, error) {
	if account == "" {
		return json.RawMessage("null"), nil
	}
	return seal.Marshal(&reference{AccountID: account})
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
