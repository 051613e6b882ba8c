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
	"github.com/clawea/clawea/internal/page"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// A draft is an issue about to be created.
type draft struct {
	project *project
	kind    *issueType // nil if the project is not open
	parent  *place     // nil if it has none
	open    bool       // the bounds of the call could allow project, type and parent
	fields  map[string]json.RawMessage
	known   map[string]*field // the same fields
	key     string            // of the issue, once Jira has made it
}

func (c *Connector) planCreate(ctx context.Context, args []byte, bounds []policy.Bound) (*gate.Plan, error) {
	use, err := c.use(ctx, "")
	if err != nil {
		return nil, err
	}
	var a createArgs
	if err := decode(args, &a); err != nil {
		return nil, err
	}
	d, err := c.draft(ctx, &a, bounds)
	if err != nil {
		return nil, err
	}
	call := c.callBy(actionCreate, policy.Write, use)
	call.Categories = d.project.categories()
	call.Resources = d.resources()
	call.Fields = slices.Sorted(maps.Keys(d.fields))
	if !d.open {
		return unopened(call), nil
	}
	p, err := d.payload()
	if err != nil {
		return nil, err
	}
	change := &receipt.Change{
		Summary: "Create a " + atlassian.Clean(d.kind.Name, 40) + " in " + d.project.Key + ": " + visible(atlassian.Clean(wordsOf(d.fields["summary"]), 100)),
		Undo:    receipt.Undo{Action: actionQuarantine}, Diff: c.draftDiff(ctx, d),
	}
	if change.Diff == "" {
		return nil, fault("bad_argument", "fields: none of them has a value; an issue needs a summary")
	}
	m := &mutation{
		what: "the issue", use: use, marked: p,
		check: func(ctx context.Context) error { return c.unmoved(ctx, d) },
		made:  func(res *atlassian.Response) (*policy.Resource, error) { return madeIssue(d, res) },
		read: func(ctx context.Context, target *policy.Resource, r *gate.Result) (any, error) {
			return c.made(ctx, d, target, r)
		},
	}
	if err := m.seal(change, "POST", api+"/issue", nil); err != nil {
		return nil, err
	}
	return c.plan(ctx, call, m)
}

// resources are what making the issue touches: its project and parent, and the types of both issues.
func (d *draft) resources() []policy.Resource {
	out := []policy.Resource{d.project.resource()}
	if d.parent != nil {
		out = append(out, d.parent.resource(d.parent.Updated))
	}
	if d.kind != nil {
		out = withTypeOf(out, d.project, *d.kind)
	}
	if d.parent != nil {
		out = withTypeOf(out, &d.parent.Project, d.parent.Type)
	}
	return out
}

// draft resolves the project, the type, the fields and the parent, and reads the
// values. It goes no further than to what is not open.
func (c *Connector) draft(ctx context.Context, a *createArgs, bounds []policy.Bound) (*draft, error) {
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
	d := &draft{fields: map[string]json.RawMessage{}, known: map[string]*field{}}
	if d.project, err = c.project(ctx, k); err != nil || !c.holds(bounds, d.project, nil) {
		return d, err
	}
	if d.kind, err = d.project.issueType(meant); err != nil || !c.holds(bounds, d.project, d.kind) {
		return d, err
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
	var labels []string
	if seal.Unmarshal(d.fields[labelsField], &labels) == nil && unreserved(labels) != nil {
		return nil, unreserved(labels)
	}
	d.open = true
	if raw, ok := d.fields["parent"]; ok {
		err = c.adopt(ctx, d, raw, bounds)
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
	value, err := f.sent(raw)
	if err != nil {
		return fault("bad_argument", "fields/%s: %v", short(name), err)
	}
	d.fields[f.ID], d.known[f.ID] = value, f
	return nil
}

// adopt resolves the parent, which is touched too, so the policy must hold it.
func (c *Connector) adopt(ctx context.Context, d *draft, raw json.RawMessage, bounds []policy.Bound) error {
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
	parent, err := c.placed(ctx, name, bounds)
	if err != nil {
		return err
	}
	d.parent, d.open = parent, parent.open
	d.fields["parent"], err = seal.Marshal(reference{ID: parent.ID})
	return err
}

// payload is the request, of which every byte is ours.
func (d *draft) payload() (*payload, error) {
	fields := maps.Clone(d.fields)
	var err error
	if fields["issuetype"], err = seal.Marshal(reference{ID: d.kind.ID}); err != nil {
		return nil, err
	}
	if fields["project"], err = seal.Marshal(reference{ID: d.project.ID}); err != nil {
		return nil, err
	}
	p := payload{Fields: fields}.marked("", "")
	p.Properties[0].Value.Created = true
	return p, nil
}

func (c *Connector) draftDiff(ctx context.Context, d *draft) string {
	var out []page.Field
	var rich []*rewriting
	for _, id := range sortedKeys(d.fields) {
		if d.known[id].rich() {
			rich = append(rich, c.rewriting(ctx, atlassian.ForWriting, id, nil, d.fields[id]))
			continue
		}
		out = append(out, was(id, nil, words(d.fields[id])))
	}
	return diffOf(out, rich)
}

// madeIssue reads from Jira's answer which issue it made.
func madeIssue(d *draft, res *atlassian.Response) (*policy.Resource, error) {
	var made struct {
		ID  string `json:"id"`
		Key string `json:"key"`
	}
	if err := res.Glance(&made); err != nil || !digits.MatchString(made.ID) || !issueKey.MatchString(made.Key) {
		return nil, unnamed("the issue")
	}
	d.key = made.Key
	return &policy.Resource{Type: "issue", ID: made.ID, Path: []policy.Place{{ID: d.project.ID}}}, nil
}

// made reads the new issue back, notes when it was made as its version, and
// compares its fields with what was sent.
func (c *Connector) made(ctx context.Context, d *draft, target *policy.Resource, r *gate.Result) (any, error) {
	out := &changed{Issue: written{ID: target.ID, Key: d.key}}
	if d.key != "" {
		out.Issue.URL = c.browse(d.key)
	}
	is, err := c.detail(ctx, target.ID, append(sortedKeys(d.fields), "created"))
	if err != nil {
		c.log.WarnContext(ctx, "written issue cannot be read again", "issue", target.ID, "error", err.Error())
		return out, nil
	}
	if err := c.inside(ctx, is.place, &place{Project: *d.project, Type: *d.kind}, r); err != nil {
		return nil, err
	}
	if err := seal.Unmarshal(is.Fields["created"], &target.Version); err != nil {
		target.Version = is.Updated
	}
	out.Issue.Key, out.Issue.URL, out.Version = is.Key, c.browse(is.Key), is.version()
	for _, id := range sortedKeys(d.fields) {
		if !d.known[id].same(d.fields[id], is.Fields[id]) && !c.alike(ctx, atlassian.ForWriting, d.fields[id], is.Fields[id]) {
			out.Differs = append(out.Differs, id)
		}
	}
	out.note(r)
	return out, nil
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
