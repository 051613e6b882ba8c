// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"context"
	"slices"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// holds reports whether the bounds could allow what lies in a project and is of a
// type: both are as the policy binds them, by id and by name. A nil type is any,
// where it is not known yet.
func (c *Connector) holds(bounds []policy.Bound, p *project, t *issueType) bool {
	in, byType, typed := false, false, t == nil
	for _, b := range bounds {
		if b.Tool != tool {
			continue
		}
		here := b.Site == c.site
		switch b.Kind {
		case policy.Project:
			in = in || here && b.ID == p.ID && b.Name.Name == p.Key
		case policy.IssueType:
			byType = true
			typed = typed || here && b.ID == t.ID && b.Name.Name == p.Key+"/"+t.Name
		}
	}
	return in && (typed || !byType)
}

// placed finds where an issue is and reads nothing else of it. It notes whether the
// bounds could allow the place: of an issue that they could not, nothing more is read
// and nothing said, since whether a call is refused for this or for that is an answer,
// too. Any other must be open to all who see its project.
func (c *Connector) placed(ctx context.Context, idOrKey string, bounds []policy.Bound) (*place, error) {
	i, _, err := c.anyIssue(ctx, idOrKey, nil, false)
	if err != nil {
		return nil, err
	}
	at := i.place()
	if at.open = c.holds(bounds, &at.Project, &at.Type); at.open {
		err = c.unrestricted(i, idOrKey)
	}
	return at, err
}

// inPlace reads fields of an issue that was placed, and must be there still.
func (c *Connector) inPlace(ctx context.Context, at *place, fields []string) (*detailed, error) {
	d, err := c.detail(ctx, at.ID, fields)
	if err == nil {
		err = at.left(d.place)
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// left fails if an issue is not where it was any more, or of another type.
func (was *place) left(is *place) error {
	switch {
	case is.ID != was.ID || is.Project.ID != was.Project.ID || is.Project.Key != was.Project.Key:
		return fault("outside", "the issue %s was moved meanwhile; read it again", was.Key)
	case is.Type != was.Type:
		return fault("outside", "the issue %s is of another type now; read it again", was.Key)
	}
	return nil
}

// on is a call that writes fields of one issue, in the version in which they are read.
func (c *Connector) on(at *place, version, action string, class policy.Class, use string, fields ...string) *policy.Call {
	call := c.callBy(action, class, use)
	call.Categories = at.Project.categories()
	call.Resources = withTypeOf([]policy.Resource{at.resource(version)}, &at.Project, at.Type)
	call.Fields = slices.Sorted(slices.Values(fields))
	return call
}

// unopened plans a call on what the policy denies: nothing is read of that, and
// nothing is ever done.
func unopened(call *policy.Call) *gate.Plan {
	return &gate.Plan{Call: call, Act: func(context.Context, *receipt.Receipt) (*gate.Result, error) {
		return stopped(fault("outside", "the issue is not where the policy allows; have the policy changed"))
	}}
}
