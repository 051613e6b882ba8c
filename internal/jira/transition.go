// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/page"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// A transition is a step that an issue can take now.
type transition struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	To   status `json:"to"`
}

type status struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

const statusField = "status"

// transitions lists the steps that the issue can take now.
func (c *Connector) transitions(ctx context.Context, at *place) ([]transition, *atlassian.Response, error) {
	var answer struct {
		Transitions []transition `json:"transitions"`
	}
	res, err := c.get(ctx, api+"/issue/"+atlassian.Segment(at.ID)+"/transitions", nil)
	if err == nil {
		err = res.Glance(&answer)
	}
	if err != nil {
		return nil, nil, err
	}
	return slices.DeleteFunc(answer.Transitions, func(t transition) bool { return !digits.MatchString(t.ID) || !digits.MatchString(t.To.ID) }), res, nil
}

// step finds the transition with an id among those that the issue can take now.
func (c *Connector) step(ctx context.Context, at *place, id string) (*transition, error) {
	list, _, err := c.transitions(ctx, at)
	if err != nil {
		return nil, said(err, "the transitions of "+at.Key)
	}
	i := slices.IndexFunc(list, func(t transition) bool { return t.ID == id })
	if i < 0 {
		return nil, fault("conflict", "transition_id: the issue %s has no transition %q now; list them with jira.issue.transitions", at.Key, short(id))
	}
	return &list[i], nil
}

func (c *Connector) planTransition(ctx context.Context, args []byte, bounds []policy.Bound) (*gate.Plan, error) {
	var a transitionArgs
	if err := decode(args, &a); err != nil {
		return nil, err
	}
	use, err := c.use(ctx, a.Undoes)
	if err != nil {
		return nil, err
	}
	if !digits.MatchString(a.TransitionID) {
		return nil, fault("bad_argument", "transition_id: %q is not a transition's id; list them with jira.issue.transitions", short(a.TransitionID))
	}
	at, err := c.addressed(ctx, &a.based, bounds)
	if err != nil {
		return nil, err
	}
	call := c.on(at, at.Updated, actionTransition, policy.Write, use, statusField)
	if !at.open {
		return unopened(call), nil
	}
	is, from, err := c.based(ctx, at, &a.based)
	if err != nil {
		return nil, err
	}
	t, err := c.step(ctx, at, a.TransitionID)
	if err != nil {
		return nil, err
	}
	to, err := seal.Marshal(&t.To)
	if err != nil {
		return nil, err
	}
	target := at.resource(at.Updated)
	change := &receipt.Change{
		Summary: "Take the transition " + quote(t.Name) + " of " + at.Key + ", from " + quote(from.Name) + " to " + quote(t.To.Name) + ": " + visible(a.Message),
		Target:  &target, Undo: receipt.Undo{Action: actionTransition}, Diff: page.DiffFields([]page.Field{was(statusField, words(is.Fields[statusField]), words(to))}), Undoes: a.Undoes,
	}
	m := &mutation{
		what: "the transition of " + at.Key, use: use, held: []*place{at},
		marked: payload{Transition: &reference{ID: t.ID}}.marked(a.Message, is.Maker),
		check:  func(ctx context.Context) error { return c.still(ctx, at, t) },
		read: func(ctx context.Context, _ *policy.Resource, r *gate.Result) (any, error) {
			return c.compared(ctx, at, statusField, func(is *detailed) bool { return statusOf(is).ID == t.To.ID }, r)
		},
	}
	before := &preimage{Mark: is.Mark, Fields: map[string]json.RawMessage{statusField: is.Fields[statusField]}}
	if err := m.seal(change, "POST", api+"/issue/"+atlassian.Segment(at.ID)+"/transitions", before); err != nil {
		return nil, err
	}
	return c.plan(ctx, call, m)
}

// based reads the issue that a change of its status names, holds it to the version
// that the change is based on and, if it takes back another, to its history.
func (c *Connector) based(ctx context.Context, at *place, b *based) (*detailed, status, error) {
	was, err := c.basedOn(ctx, at, b, statusField)
	if err != nil {
		return nil, status{}, err
	}
	from := statusOf(was)
	if from.ID == "" {
		return nil, status{}, fault("upstream", "Jira's answer does not say which status %s has; try again later", was.Key)
	}
	return was, from, nil
}

// addressed finds where the issue is that a change names.
func (c *Connector) addressed(ctx context.Context, b *based, bounds []policy.Bound) (*place, error) {
	k, err := b.check()
	if err != nil {
		return nil, err
	}
	return c.placed(ctx, k, bounds)
}

// basedOn reads a field of the issue, and our mark, and holds the change to its version.
func (c *Connector) basedOn(ctx context.Context, at *place, b *based, field string) (*detailed, error) {
	was, err := c.inPlace(ctx, at, []string{field})
	switch {
	case err != nil:
		return nil, err
	case !b.holds(was.place):
		return nil, c.changedSince(ctx, was.place, b)
	case b.Undoes == "":
		return was, nil
	case b.Entry == "":
		return nil, fault("bad_argument", "entry: name the entry of the changelog that is taken back")
	}
	return was, c.unchanged(ctx, was.place, b.Entry, []string{field})
}

// still fails if the transition leads elsewhere now.
func (c *Connector) still(ctx context.Context, at *place, t *transition) error {
	now, err := c.step(ctx, at, t.ID)
	if err != nil {
		return err
	}
	if now.To.ID != t.To.ID {
		return fault("conflict", "the transition of %s leads to another status now; list the transitions again", at.Key)
	}
	return nil
}

func statusOf(d *detailed) status {
	var s status
	if raw := d.Fields[statusField]; isNull(raw) || seal.Glance(raw, &s) != nil || !digits.MatchString(s.ID) {
		return status{}
	}
	return s
}

// compared reads one field back; as says whether it is as it was sent.
func (c *Connector) compared(ctx context.Context, at *place, field string, as func(*detailed) bool, r *gate.Result) (any, error) {
	out := &changed{Issue: written{ID: at.ID, Key: at.Key, URL: c.browse(at.Key)}}
	is, err := c.detail(ctx, at.ID, []string{field})
	if err != nil {
		c.log.WarnContext(ctx, "written issue cannot be read again", "issue", at.ID, "error", err.Error())
		return out, nil
	}
	if err := c.inside(ctx, is.place, at, r); err != nil {
		return nil, err
	}
	out.Version = is.version()
	if !as(is) {
		out.Differs = []string{field}
	}
	out.note(r)
	return out, nil
}
