// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/change"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// Revert returns the call that takes the change back as things are now, or why
// that is not offered: it cannot be, somebody has changed the same since, or it is
// not there any more. after is what the change made, as its closed receipt or Find
// says.
func (c *Connector) Revert(ctx context.Context, opened *receipt.Receipt, ch *receipt.Change, after *policy.Resource) (*change.Step, error) {
	if ch.Undo.Action == "" {
		return &change.Step{Blocked: ch.Undo.Irreversible}, nil
	}
	if opened.Call == nil || after == nil {
		return nil, errUntold
	}
	r := reversal{c, opened, ch, after}
	var step *change.Step
	var err error
	switch opened.Call.Action {
	case actionCreate:
		step, err = r.create(ctx)
	case actionComment:
		step, err = r.comment(ctx)
	case actionLink:
		step, err = r.link(ctx)
	case actionEdit, actionQuarantine:
		step, err = r.edit(ctx)
	case actionTransition:
		step, err = r.transition(ctx)
	case actionAssign:
		step, err = r.assign(ctx)
	default:
		return nil, errUntold
	}
	return blockedBy(step, err)
}

// blockedBy turns a fault that says why a change cannot be taken back into that.
// Others, such as that Jira cannot be reached, stay errors.
func blockedBy(step *change.Step, err error) (*change.Step, error) {
	f := (*gate.Fault)(nil)
	if errors.As(err, &f) && slices.Contains([]string{"conflict", "not_found", "restricted", "outside"}, f.Code) {
		return &change.Step{Blocked: f.Msg}, nil
	}
	return step, err
}

// A reversal is a change that is to be taken back.
type reversal struct {
	c      *Connector
	opened *receipt.Receipt
	ch     *receipt.Change
	after  *policy.Resource
}

// says is the message of the call that takes the change back, if nobody writes another.
func (r *reversal) says() string {
	return "Undo of " + short(r.opened.Name())
}

// What does not come back with a change that is taken back.
const (
	mailed = " Jira may have told watchers by mail; that is not undone."
	ruled  = " What rules in Jira did upon it is not undone."
)

func (r *reversal) step(action, says string, args any) (*change.Step, error) {
	b, err := seal.Marshal(args)
	if err != nil {
		return nil, err
	}
	return &change.Step{Action: action, Args: b, Says: says}, nil
}

// based is what the step says of the issue that it changes, as that is now.
func (r *reversal) based(at *place, entry string) based {
	return based{IssueKey: at.Key, BasedOn: at.Updated, Message: r.says(), Undoes: r.opened.Name(), Entry: entry}
}

func (r *reversal) create(ctx context.Context) (*change.Step, error) {
	d, err := r.c.detail(ctx, r.after.ID, []string{labelsField})
	if err != nil {
		return nil, err
	}
	if d.Maker != r.opened.Name() {
		return nil, notMadeBy(d.Key, r.opened.Name())
	}
	if slices.Contains(words(d.Fields[labelsField]), quarantineLabel) {
		return &change.Step{Blocked: d.Key + " is in quarantine already: it has the label " + quarantineLabel + "."}, nil
	}
	at := d.place
	b := r.based(at, "")
	return r.step(actionQuarantine, "Put "+at.Key+" into quarantine: add the label "+quarantineLabel+". Jira has no trash, so that it is not deleted."+mailed+ruled, &b)
}

func (r *reversal) comment(ctx context.Context) (*change.Step, error) {
	at, err := r.c.locate(ctx, r.ch.Target.ID)
	if err != nil {
		return nil, err
	}
	if _, _, err := r.c.ownComment(ctx, at, r.after.ID, r.opened.Name()); err != nil {
		return nil, err
	}
	return r.step(actionUncomment, "Delete the comment "+r.after.ID+" on "+at.Key+"."+mailed+ruled,
		&takeArgs{IssueKey: at.Key, CommentID: r.after.ID, Message: r.says(), Undoes: r.opened.Name()})
}

func (r *reversal) link(ctx context.Context) (*change.Step, error) {
	kind, firstID, secondID, err := linkBody(r.ch.Request.Body)
	if err != nil {
		return nil, errUntold
	}
	l, err := r.c.link(ctx, r.after.ID)
	if err != nil {
		return nil, err
	}
	if l.Type.ID != kind || l.Inward.ID != firstID || l.Outward.ID != secondID {
		return nil, fault("conflict", "The link %s ties other issues together now; a person must look at it.", r.after.ID)
	}
	first, err := r.c.locate(ctx, firstID)
	if err != nil {
		return nil, err
	}
	second, err := r.c.locate(ctx, secondID)
	if err != nil {
		return nil, err
	}
	return r.step(actionUnlink, deletionOf(l.ID, first, second)+"."+ruled,
		&takeArgs{IssueKey: first.Key, LinkID: l.ID, Message: r.says(), Undoes: r.opened.Name()})
}

// edit gives the fields their former values, if the last change of each is the one
// that is taken back, and takes back those labels that are still as it left them.
func (r *reversal) edit(ctx context.Context) (*change.Step, error) {
	a := editArgs{}
	if err := seal.Unmarshal(r.ch.Undo.Args, &a); err != nil {
		return nil, errUntold
	}
	now, err := r.c.detail(ctx, r.after.ID, []string{labelsField})
	if err != nil {
		return nil, err
	}
	fields := sortedKeys(a.Fields)
	entry := ""
	if len(fields) > 0 {
		entry = r.after.Version
		if !digits.MatchString(entry) { // it made no entry: nothing was other than before
			return &change.Step{Blocked: "The change left everything as it was; nothing is to be taken back."}, nil
		}
		if err := r.c.unchanged(ctx, now.place, entry, fields); err != nil {
			return nil, err
		}
	}
	var have []string
	if raw := now.Fields[labelsField]; !isNull(raw) && seal.Unmarshal(raw, &have) != nil {
		return nil, errUntold
	}
	a.LabelsAdd = without(a.LabelsAdd, have)
	a.LabelsRemove = slices.DeleteFunc(a.LabelsRemove, func(l string) bool { return !slices.Contains(have, l) })
	what := slices.Concat(fields, labelled(a.LabelsAdd, "+"), labelled(a.LabelsRemove, "-"))
	if len(what) == 0 {
		return &change.Step{Blocked: "The labels are as they were before; somebody has taken the change back already."}, nil
	}
	a.based = r.based(now.place, entry)
	return r.step(actionEdit, "Give "+now.Key+" its former values of "+names(what)+"."+ruled, &a)
}

// labelled names labels that are added or taken away.
func labelled(labels []string, sign string) []string {
	var out []string
	for _, l := range labels {
		out = append(out, "label "+sign+visible(short(l)))
	}
	return out
}

// transition takes the issue back to its former status, if there is a way.
func (r *reversal) transition(ctx context.Context) (*change.Step, error) {
	before, err := beforeOf(r.ch)
	if err != nil {
		return nil, errUntold
	}
	former := statusOf(&detailed{Fields: before.Fields})
	now, err := r.c.detail(ctx, r.after.ID, []string{statusField})
	if err != nil {
		return nil, err
	}
	if statusOf(now).ID == former.ID {
		return &change.Step{Blocked: now.Key + " has its former status already."}, nil
	}
	if err := r.c.unchanged(ctx, now.place, r.after.Version, []string{statusField}); err != nil {
		return nil, err
	}
	list, _, err := r.c.transitions(ctx, now.place)
	if err != nil {
		return nil, said(err, "the transitions of "+now.Key)
	}
	list = slices.DeleteFunc(list, func(t transition) bool { return t.To.ID != former.ID })
	if len(list) == 0 {
		return &change.Step{Blocked: "The workflow has no transition of " + now.Key + " to its former status, " + atlassian.Clean(former.Name, 40) + ", now; a person must decide."}, nil
	}
	return r.step(actionTransition, "Take "+now.Key+" back to the status "+atlassian.Clean(former.Name, 40)+"."+mailed+ruled,
		&transitionArgs{r.based(now.place, r.after.Version), slices.MinFunc(list, byID).ID})
}

// byID orders transitions, whose order is Jira's own and may change.
func byID(a, b transition) int {
	return cmp.Or(cmp.Compare(len(a.ID), len(b.ID)), strings.Compare(a.ID, b.ID))
}

func (r *reversal) assign(ctx context.Context) (*change.Step, error) {
	var former struct {
		AccountID json.RawMessage `json:"account_id"`
	}
	if err := seal.Unmarshal(r.ch.Undo.Args, &former); err != nil {
		return nil, errUntold
	}
	now, err := r.c.detail(ctx, r.after.ID, []string{assigneeField})
	if err != nil {
		return nil, err
	}
	a := assignArgs{r.based(now.place, r.after.Version), former.AccountID}
	to, err := a.assignee()
	if err != nil {
		return nil, errUntold
	}
	if accountOf(now) == to {
		return &change.Step{Blocked: now.Key + " has its former assignee already."}, nil
	}
	if err := r.c.unchanged(ctx, now.place, r.after.Version, []string{assigneeField}); err != nil {
		return nil, err
	}
	return r.step(actionAssign, "Assign "+now.Key+" to "+person(to)+" again."+ruled, &a)
}
