// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// Bounds of what is shown of the fields that issues can have.
const (
	maxMeta    = 200
	maxChoices = 100
)

// A fieldMeta is what Jira says of a field of a form.
type fieldMeta struct {
	FieldID  string `json:"fieldId"`
	Key      string `json:"key"`
	Name     string `json:"name"`
	Required bool   `json:"required"`
	Schema   struct {
		Type  string `json:"type"`
		Items string `json:"items"`
	} `json:"schema"`
	Operations []string          `json:"operations"`
	Allowed    []json.RawMessage `json:"allowedValues"`
}

// A viewedMeta is the same, as agents get it.
type viewedMeta struct {
	ID         string         `json:"id"`
	Name       string         `json:"name"`
	Required   bool           `json:"required"`
	Type       string         `json:"type"`
	Items      string         `json:"items,omitempty"`
	Operations []string       `json:"operations,omitempty"`
	Choices    []viewedChoice `json:"choices,omitempty"`
	More       bool           `json:"more_choices,omitzero"`
}

// A viewedChoice is a value to choose from, as it is written.
type viewedChoice struct {
	ID    string `json:"id,omitempty"`
	Name  string `json:"name,omitempty"`
	Value string `json:"value,omitempty"`
}

// A metaArgs names a type of a project.
type metaArgs struct {
	ProjectKey string `json:"project_key"`
	IssueType  string `json:"issue_type"`
}

func (c *Connector) planCreatemeta(ctx context.Context, args []byte, bounds []policy.Bound) (*gate.Plan, error) {
	var a metaArgs
	if err := decode(args, &a); err != nil {
		return nil, err
	}
	named := createArgs{ProjectKey: a.ProjectKey, IssueType: a.IssueType}
	k, err := named.project()
	if err != nil {
		return nil, err
	}
	meantType, err := named.issueType()
	if err != nil {
		return nil, err
	}
	p, err := c.project(ctx, k)
	if err != nil {
		return nil, err
	}
	t, err := p.issueType(meantType)
	if err != nil {
		return nil, err
	}
	readable := readableBy(bounds)
	list, _, err := c.createmeta(ctx, p, t)
	if err != nil {
		return nil, said(err, "the fields of "+k)
	}
	call := c.call(actionCreatemeta, policy.Read)
	call.Resources = withTypeOf([]policy.Resource{p.resource()}, p, *t)
	call.Reads = may(&readable, list)
	return &gate.Plan{Call: call, Act: func(ctx context.Context, _ *receipt.Receipt) (*gate.Result, error) {
		if err := c.unmoved(ctx, &draft{project: p, kind: t}); err != nil {
			return stopped(err)
		}
		list, res, err := c.createmeta(ctx, p, t)
		return told(res, &struct {
			labels
			Fields []viewedMeta `json:"fields"`
		}{c.label(), viewMeta(list, call.Reads)}, err)
	}}, nil
}

// createmeta reads the fields that issues of a type can be created with.
func (c *Connector) createmeta(ctx context.Context, p *project, t *issueType) ([]fieldMeta, *atlassian.Response, error) {
	q := url.Values{"startAt": {"0"}, "maxResults": {strconv.Itoa(maxMeta)}}
	var answer struct {
		Fields []fieldMeta `json:"fields"`
	}
	res, err := c.get(ctx, api+"/issue/createmeta/"+atlassian.Segment(p.ID)+"/issuetypes/"+atlassian.Segment(t.ID), q)
	if err == nil {
		err = res.Glance(&answer)
	}
	return answer.Fields, res, err
}

func (c *Connector) planEditmeta(ctx context.Context, args []byte, bounds []policy.Bound) (*gate.Plan, error) {
	at, err := c.asked(ctx, args)
	if err != nil {
		return nil, err
	}
	readable := readableBy(bounds)
	list, _, err := c.editmeta(ctx, at)
	if err != nil {
		return nil, said(err, "the fields of "+at.Key)
	}
	fields := may(&readable, list)
	return c.reading(actionEditmeta, at, fields, func(ctx context.Context, of *about) (*atlassian.Response, any, error) {
		list, res, err := c.editmeta(ctx, at)
		return res, &struct {
			about
			Fields []viewedMeta `json:"fields"`
		}{*of, viewMeta(list, fields)}, err
	}), nil
}

// editmeta reads the fields of an issue that can be edited, sorted by id.
func (c *Connector) editmeta(ctx context.Context, at *place) ([]fieldMeta, *atlassian.Response, error) {
	var answer struct {
		Fields map[string]fieldMeta `json:"fields"`
	}
	res, err := c.get(ctx, api+"/issue/"+atlassian.Segment(at.ID)+"/editmeta", nil)
	if err == nil {
		err = res.Glance(&answer)
	}
	if err != nil {
		return nil, nil, err
	}
	var out []fieldMeta
	for _, id := range sortedKeys(answer.Fields) {
		f := answer.Fields[id]
		f.FieldID = id
		out = append(out, f)
	}
	return out, res, nil
}

// may are the ids of those fields that may be read, sorted.
func may(r *readable, list []fieldMeta) []string {
	var out []string
	for i := range list {
		if id := list[i].id(); id != "" && r.may(id) && len(out) < maxMeta {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (f *fieldMeta) id() string {
	if f.FieldID != "" {
		return f.FieldID
	}
	return f.Key
}

// viewMeta shows those of the fields.
func viewMeta(list []fieldMeta, fields []string) []viewedMeta {
	out := []viewedMeta{}
	for i := range list {
		f := &list[i]
		if !slices.Contains(fields, f.id()) {
			continue
		}
		v := viewedMeta{ID: f.id(), Name: cut(f.Name, 255), Required: f.Required, Type: f.Schema.Type, Items: f.Schema.Items, Operations: f.Operations}
		for _, raw := range f.Allowed {
			var choice viewedChoice
			if seal.Glance(raw, &choice) == nil && choice != (viewedChoice{}) {
				v.Choices = append(v.Choices, choice)
			}
		}
		v.More = len(v.Choices) > maxChoices
		v.Choices = v.Choices[:min(len(v.Choices), maxChoices)]
		out = append(out, v)
	}
	return out
}
