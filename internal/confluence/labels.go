// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"context"
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

// A label is one in a request.
type label struct {
	Prefix string `json:"prefix"`
	Name   string `json:"name"`
}

// A relabelling is what writes of labels return.
type relabelling struct {
	PageID    string   `json:"page_id"`
	Labels    []string `json:"labels"` // that the page has now
	Untrusted bool     `json:"untrusted"`
	Source    source   `json:"source"`
}

func (c *Connector) planLabelAdd(ctx context.Context, raw []byte, bounds []policy.Bound) (*gate.Plan, error) {
	return c.planLabel(ctx, actionLabelAdd, raw, bounds)
}

func (c *Connector) planLabelRemove(ctx context.Context, raw []byte, bounds []policy.Bound) (*gate.Plan, error) {
	return c.planLabel(ctx, actionLabelRemove, raw, bounds)
}

func (c *Connector) planLabel(ctx context.Context, action string, raw []byte, bounds []policy.Bound) (*gate.Plan, error) {
	args, err := parseLabel(raw)
	if err != nil {
		return nil, err
	}
	use := credentialFor(args.Undoes)
	if err := c.changeable(use); err != nil {
		return nil, err
	}
	at, res, err := c.locate(ctx, args.PageID, bounds)
	if err != nil {
		return nil, err
	}
	call := c.writeCall(action, policy.Write, use, res, at.page)
	call.Fields = []string{"labels"}
	if !at.open {
		return unopened(call), nil
	}
	if slices.Contains(at.fence.labels, args.Label) {
		return nil, fault("outside", "the policy decides by the label %s; have a person change it", args.Label)
	}
	if args.Version != nil && *args.Version != at.page.Version.Number {
		return nil, newer(at.page, strconv.Itoa(*args.Version))
	}
	before, err := c.labels(ctx, at.page.ID)
	if err != nil {
		return nil, err
	}
	switch has := slices.Contains(before, args.Label); {
	case has && action == actionLabelAdd:
		return nil, fault("no_change", "page %s has the label %s already; there is nothing to do", at.page.ID, args.Label)
	case !has && action == actionLabelRemove:
		return nil, fault("no_change", "page %s does not have the label %s; there is nothing to do", at.page.ID, args.Label)
	}
	return c.plan(ctx, call, c.relabelling(at, action, before, args, use))
}

// relabelling is the draft of one label's change.
func (c *Connector) relabelling(at *place, action string, before []string, args *labelArgs, use string) *draft {
	id := at.page.ID
	d := &draft{
		what: "page " + id, use: use, method: http.MethodPost, path: v1 + "/content/" + atlassian.Segment(id) + "/label",
		body: func(string) any { return []label{{"global", args.Label}} },
		change: &receipt.Change{
			Summary: fmt.Sprintf("Put the label %s on page %s in %s", args.Label, id, at.space.Key),
			Undo:    recipe{PageID: id, Label: args.Label}.undo(actionLabelRemove),
		},
		check: func(ctx context.Context) error {
			if err := c.unchanged(ctx, at, nil); err != nil {
				return err
			}
			now, err := c.labels(ctx, id)
			if err == nil && !slices.Equal(now, before) {
				err = fault("conflict", "the labels of page %s were changed meanwhile; ask again", id)
			}
			return err
		},
	}
	after := with(before, args.Label)
	if action == actionLabelRemove {
		after = without(before, args.Label)
		d.method, d.body, d.query = http.MethodDelete, nil, url.Values{"name": {args.Label}}
		d.change.Summary = fmt.Sprintf("Take the label %s off page %s in %s", args.Label, id, at.space.Key)
		d.change.Undo = recipe{PageID: id, Label: args.Label}.undo(actionLabelAdd)
	}
	d.change.Target = &policy.Resource{Type: "page", ID: id, Version: at.page.version()}
	d.change.Before = remember(preImage{Version: at.page.Version.Number, Labels: before})
	d.change.Undoes = args.Undoes
	d.change.Diff = pagebody.DiffFields([]pagebody.Field{{Name: "labels", Before: before, After: after}})
	d.confirm = func(ctx context.Context, _ *policy.Resource) (any, error) {
		now, err := c.labels(ctx, id)
		if err != nil || !slices.Equal(now, after) {
			return nil, unconfirmed("a label of page "+id, "its labels are not what they should be now")
		}
		return relabelling{id, slices.Concat([]string{}, now), true, c.source(at, at.page)}, nil
	}
	return d
}
