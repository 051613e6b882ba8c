// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// A draft is an issue about to be created.
type draft struct {
	project *project
	kind    *issueType
	parent  *place // nil if it has none
	fields  map[string]json.RawMessage
}

func (c *Connector) planCreate(ctx context.Context, args []byte) (*gate.Plan, error) {
	if err := c.writable(); err != nil {
		return nil, err
	}
	var a createArgs
	if err := decode(args, &a); err != nil {
		return nil, err
	}
	d, err := c.draft(ctx, &a)
	if err != nil {
		return nil, err
	}
	call := c.call(actionCreate, policy.Write)
	call.Categories = d.project.categories()
	call.Resources = d.resources()
	call.Fields = slices.Sorted(maps.Keys(d.fields))
	body, err := d.body()
	if err != nil {
		return nil, err
	}
	return &gate.Plan{Call: call, Act: func(ctx context.Context, _ *receipt.Receipt) (*gate.Result, error) {
		return c.create(ctx, d, body)
	}}, nil
}

// resources are what making the issue touches: its project and parent, and the types of both issues.
func (d *draft) resources() []policy.Resource {
	out := []policy.Resource{d.project.resource()}
	if d.parent != nil {
		out = append(out, d.parent.resource(d.parent.Updated))
	}
	out = withTypeOf(out, d.project, *d.kind)
	if d.parent != nil {
		out = withTypeOf(out, &d.parent.Project, d.parent.Type)
	}
	return out
}

// draft resolves the project, the type, the fields and the parent, and reads the values.
func (c *Connector) draft(ctx context.Context, a *createArgs) (*draft, error) {
	k, err := a.project()
	if err != nil {
		return nil, err
	}
	meant, err := a.issueType()
	if err != nil {
		return nil, err
	}
	if len(a.Fields) == 0 || len(a.Fields) > maxFields {
		return nil, fault("bad_argument", "fields: give 1 to %d fields; an issue needs a summary", maxFields)
	}
	d := &draft{fields: map[string]json.RawMessage{}}
	if d.project, err = c.project(ctx, k); err != nil {
		return nil, err
	}
	if d.kind, err = d.project.issueType(meant); err != nil {
		return nil, err
	}
	all, err := c.fields(ctx, d.project.ID)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(a.Fields)) {
		if err := d.set(all, name, a.Fields[name]); err != nil {
			return nil, err
		}
	}
	if raw, ok := d.fields["parent"]; ok {
		err = c.adopt(ctx, d, raw)
	}
	return d, err
}

// set takes one field by whatever name it is given, under its id.
func (d *draft) set(all []field, name string, raw json.RawMessage) error {
	f, err := find(all, name)
	if err != nil {
		return fault("bad_argument", "fields: %v", err)
	}
	if mend := f.apart(); mend != "" {
		return fault("bad_argument", "fields/%s: %s", short(name), mend)
	}
	if _, twice := d.fields[f.ID]; twice {
		return fault("bad_argument", "fields/%s: the field %s is there twice, by id and by name; give it once", short(name), short(f.ID))
	}
	value, err := f.encode(raw)
	if err != nil {
		return fault("bad_argument", "fields/%s: %v", short(name), err)
	}
	d.fields[f.ID] = value
	return nil
}

// adopt resolves the parent, which is touched too, so the policy must hold it.
func (c *Connector) adopt(ctx context.Context, d *draft, raw json.RawMessage) error {
	var ref reference
	if err := seal.Unmarshal(raw, &ref); err != nil || ref.ID == "" && ref.Key == "" {
		return fault("bad_argument", `fields/parent: name an issue, such as {"key":"ENG-12"}`)
	}
	name := ref.ID
	if name == "" {
		name = ref.Key
	}
	if !digits.MatchString(name) && !issueKey.MatchString(name) {
		return fault("bad_argument", `fields/parent: %q is not an issue's key; write one such as {"key":"ENG-12"}`, short(name))
	}
	parent, err := c.locate(ctx, name)
	if err != nil {
		return err
	}
	d.parent = parent
	d.fields["parent"], err = seal.Marshal(reference{ID: parent.ID})
	return err
}

// body is the request, of which every byte is ours.
func (d *draft) body() ([]byte, error) {
	fields := maps.Clone(d.fields)
	var err error
	if fields["issuetype"], err = seal.Marshal(reference{ID: d.kind.ID}); err != nil {
		return nil, err
	}
	if fields["project"], err = seal.Marshal(reference{ID: d.project.ID}); err != nil {
		return nil, err
	}
	return seal.Marshal(map[string]map[string]json.RawMessage{"fields": fields})
}

// create makes the issue, if project, type and parent are as they were when that was allowed.
func (c *Connector) create(ctx context.Context, d *draft, body []byte) (*gate.Result, error) {
	if err := c.unmoved(ctx, d); err != nil {
		return stopped(err)
	}
	res, err := c.write.Do(ctx, &atlassian.Request{Method: "POST", Path: api + "/issue", Body: body})
	if err != nil {
		return refused(err, writeFault(err, "the issue"))
	}
	var made struct {
		ID  string `json:"id"`
		Key string `json:"key"`
	}
	if err := res.Glance(&made); err != nil || !digits.MatchString(made.ID) || !issueKey.MatchString(made.Key) {
		return &gate.Result{Outcome: done(res, nil)}, unnamed("the issue")
	}
	target := &policy.Resource{Type: "issue", ID: made.ID, Path: []policy.Place{{ID: d.project.ID}}}
	result := &gate.Result{Outcome: done(res, target)}
	at, err := c.confirm(context.WithoutCancel(ctx), made.ID, d.project.ID, d.kind.ID, result)
	if err != nil {
		return result, err
	}
	if at != nil {
		target.Version = at.Updated
	}
	result.Body, err = seal.Marshal(struct {
		Issue written `json:"issue"`
	}{written{ID: made.ID, Key: made.Key, URL: c.browse(made.Key)}})
	return result, err
}

// unmoved holds project, type and parent to what was decided about.
func (c *Connector) unmoved(ctx context.Context, d *draft) error {
	now, err := c.project(ctx, d.project.ID)
	if err != nil {
		return err
	}
	if now.ID != d.project.ID || now.Key != d.project.Key {
		return fault("conflict", "the project %s has another key now; look which", d.project.Key)
	}
	if now.typed(d.kind.ID, d.kind.Name) == nil {
		return fault("conflict", "the issue type of %s was renamed or taken away; look which types there are", d.project.Key)
	}
	if d.parent == nil {
		return nil
	}
	return c.again(ctx, d.parent)
}
