// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/page"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

const labelsField = "labels"

// An edit is a change of fields of one issue.
type edit struct {
	based
	was         *detailed
	known       map[string]*field          // the fields that are named, by id
	values      map[string]json.RawMessage // what they become
	add, remove []string                   // labels
	rich        []*rewriting               // what becomes of the fields among known that are rich
	beyond      bool                       // it writes back what agents may not write: mentions, media, app content
}

func (c *Connector) planEdit(ctx context.Context, args []byte, bounds []policy.Bound) (*gate.Plan, error) {
	var a editArgs
	if err := decode(args, &a); err != nil {
		return nil, err
	}
	use, err := c.use(ctx, a.Undoes)
	if err != nil {
		return nil, err
	}
	at, err := c.addressed(ctx, &a.based, bounds)
	if err != nil {
		return nil, err
	}
	if !at.open {
		return unopened(c.on(at, at.Updated, actionEdit, policy.Write, use)), nil
	}
	e, err := c.edit(ctx, at, &a)
	if err != nil {
		return nil, err
	}
	return c.editing(ctx, actionEdit, policy.Write, use, e)
}

// edit resolves the fields, reads the values that they have, and holds the change
// to what it is based on.
func (c *Connector) edit(ctx context.Context, at *place, a *editArgs) (*edit, error) {
	switch {
	case len(a.Fields) > maxFields:
		return nil, fault("bad_argument", "fields: give at most %d fields", maxFields)
	case len(a.Fields)+len(a.LabelsAdd)+len(a.LabelsRemove) == 0:
		return nil, fault("bad_argument", "the call would change nothing; name fields and the values that they are to have")
	}
	e := &edit{based: a.based, known: map[string]*field{}, values: map[string]json.RawMessage{}}
	all, err := c.fields(ctx, at.Project.ID)
	if err != nil {
		return nil, err
	}
	for _, name := range sortedKeys(a.Fields) {
		if err := e.set(all, name, a.Fields[name]); err != nil {
			return nil, err
		}
	}
	if err := c.base(ctx, e, at); err != nil {
		return nil, err
	}
	if err := e.label(a); err != nil {
		return nil, err
	}
	if err := c.rewrite(ctx, e, a.Drops); err != nil {
		return nil, err
	}
	return e, c.undoing(ctx, e)
}

// set takes one field by whatever name it is given, under its id.
func (e *edit) set(all []field, name string, raw json.RawMessage) error {
	f, err := find(all, name)
	if err != nil {
		return fault("bad_argument", "fields: %v", err)
	}
	if mend := f.fixed(); mend != "" {
		return fault("bad_argument", "fields/%s: %s", short(name), mend)
	}
	if _, twice := e.values[f.ID]; twice {
		return fault("bad_argument", "fields/%s: the field %s is there twice, by id and by name; give it once", short(name), short(f.ID))
	}
	var value json.RawMessage
	switch {
	case string(raw) == "null":
		value = raw
	case e.Undoes != "" && f.rich():
		value, err = e.restored(raw)
	default:
		value, err = f.sent(raw)
	}
	if err != nil && e.Undoes != "" && !f.rich() && areTexts(raw) { // as it was, with what agents may not write
		e.beyond = true
		value, err = seal.Canonical(raw)
	}
	if err != nil {
		return fault("bad_argument", "fields/%s: %v", short(name), err)
	}
	e.known[f.ID], e.values[f.ID] = f, value
	return nil
}

// restored takes a document as Jira had it, whatever is in it; what an agent may
// not write by itself is noted, so that the policy hears of it.
func (e *edit) restored(raw json.RawMessage) (json.RawMessage, error) {
	value, err := document(raw)
	if err == nil {
		if same, err := seal.Canonical(raw); err == nil && string(same) == string(value) {
			return value, nil
		}
	}
	e.beyond = true
	return asItWas(raw)
}

// rewrite works out what becomes of the rich fields, and refuses what would lose
// something that drops does not list. A former value that is restored may lose
// what has come since: that is what restoring is, and the diff shows it.
func (c *Connector) rewrite(ctx context.Context, e *edit, drops []string) error {
	if e.Undoes != "" && len(drops) > 0 {
		return fault("bad_argument", "drops: it does not go with undoes, which needs none; leave it away")
	}
	use, err := c.use(ctx, e.Undoes)
	if err != nil {
		return err
	}
	var used []string
	for _, id := range sortedKeys(e.values) {
		if !e.known[id].rich() {
			continue
		}
		r := c.rewriting(ctx, use, id, e.was.Fields[id], e.values[id])
		e.rich = append(e.rich, r)
		if r.restores = e.Undoes != ""; r.restores {
			continue
		}
		lost, err := r.permit(drops)
		if err != nil {
			return err
		}
		used = append(used, lost...)
	}
	if left := without(drops, used); len(left) > 0 {
		return fault("bad_argument", "drops: %q stays as it is; list only what the edit drops or alters, by the ids of the refusal", short(left[0]))
	}
	return nil
}

// fixed is why a field of an issue is not edited, and what to do instead; "" for
// other fields.
func (f *field) fixed() string {
	switch f.ID {
	case "project", "issuetype", "parent":
		return "leave it away: issues are not moved"
	case "assignee":
		return "assign the issue with jira.issue.assign"
	case "status", "resolution":
		return "transition the issue with jira.issue.transition"
	case "issuelinks":
		return "link issues with jira.issue.link.create"
	case "created", "updated", "creator":
		return "leave it away: Jira sets it"
	}
	if f.apart() != "" {
		if f.ID == "comment" {
			return f.apart()
		}
		return "leave it away: it is not edited"
	}
	return ""
}

// base reads the issue as it is, and fails if that is not what the change is based on.
func (c *Connector) base(ctx context.Context, e *edit, at *place) error {
	var err error
	if e.was, err = c.inPlace(ctx, at, slices.Compact(slices.Sorted(slices.Values(append(sortedKeys(e.values), labelsField))))); err != nil {
		return err
	}
	if !e.holds(e.was.place) {
		return c.changedSince(ctx, e.was.place, &e.based)
	}
	return nil
}

// label works out which labels are added and taken away. Whole sets become the
// difference to what is there, so that labels that come in between stay.
func (e *edit) label(a *editArgs) error {
	var have []string
	if raw := e.was.Fields[labelsField]; !isNull(raw) {
		if err := seal.Unmarshal(raw, &have); err != nil {
			return fault("upstream", "Jira's answer does not say which labels the issue has; try again later")
		}
	}
	slices.Sort(have)
	add, err := e.labelSet("labels_add", a.LabelsAdd)
	if err != nil {
		return err
	}
	remove, err := e.labelSet("labels_remove", a.LabelsRemove)
	if err != nil {
		return err
	}
	if whole, set := e.values[labelsField]; set {
		if len(add)+len(remove) > 0 {
			return fault("bad_argument", "fields/labels: give the whole set, or labels_add and labels_remove, not both")
		}
		var want []string
		if !isNull(whole) && seal.Unmarshal(whole, &want) != nil {
			return fault("bad_argument", "fields/labels: give a list of words")
		}
		if add, err = e.labelSet("fields/labels", want); err != nil {
			return err
		}
		remove = without(have, add)
		delete(e.values, labelsField)
	}
	for _, l := range add {
		if slices.Contains(a.LabelsRemove, l) {
			return fault("bad_argument", "labels_remove: %q is to be added, too; choose", short(l))
		}
	}
	e.add = without(add, have)
	e.remove = slices.DeleteFunc(remove, func(l string) bool { return !slices.Contains(have, l) })
	if e.Undoes == "" {
		return unreserved(slices.Concat(e.add, e.remove))
	}
	return nil
}

// without returns what is in list and not in other.
func without(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(other, s) })
}

// undoing holds a change that takes back another to the fields' history: the last
// change of each must be the one that is taken back. Labels are taken back one by
// one, whatever else happened to them.
func (c *Connector) undoing(ctx context.Context, e *edit) error {
	switch {
	case e.Undoes == "" || len(e.values) == 0:
		return nil
	case e.Entry == "":
		return fault("bad_argument", "entry: name the entry of the changelog that is taken back")
	}
	return c.unchanged(ctx, e.was.place, e.Entry, sortedKeys(e.values))
}

// fields are the ids of all that the edit writes.
func (e *edit) fields() []string {
	out := sortedKeys(e.values)
	if len(e.add)+len(e.remove) > 0 {
		out = append(out, labelsField)
	}
	slices.Sort(out)
	return out
}

// editing is the plan of an edit, under whatever action's name.
func (c *Connector) editing(ctx context.Context, action string, class policy.Class, use string, e *edit) (*gate.Plan, error) {
	at := e.was.place
	fields := e.fields()
	call := c.on(at, at.Updated, action, class, use, fields...)
	if e.beyond && len(call.Categories) == 0 {
		call.Categories = []string{"external_send"} // a mention may be among it
	}
	target := at.resource(at.Updated)
	change := &receipt.Change{
		Summary: "Edit " + names(fields) + " of " + at.Key + ": " + visible(e.Message),
		Target:  &target, Undo: e.undo(), Diff: e.diff(), Undoes: e.Undoes,
	}
	m := &mutation{
		what: "the issue " + at.Key, use: use, held: []*place{at},
		query:  url.Values{"notifyUsers": {"false"}},
		marked: e.payload(),
		read: func(ctx context.Context, _ *policy.Resource, r *gate.Result) (any, error) {
			return c.edited(ctx, e, use, r)
		},
	}
	if err := m.seal(change, "PUT", api+"/issue/"+atlassian.Segment(at.ID), e.before()); err != nil {
		return nil, err
	}
	return c.plan(ctx, call, m)
}

func (e *edit) payload() *payload {
	p := payload{Fields: e.values}
	var verbs []verb
	for _, l := range e.add {
		verbs = append(verbs, verb{Add: l})
	}
	for _, l := range e.remove {
		verbs = append(verbs, verb{Remove: l})
	}
	if len(verbs) > 0 {
		p.Update = map[string][]verb{labelsField: verbs}
	}
	return p.marked(e.Message, e.was.Maker)
}

// before is the pre-image of the fields that change.
func (e *edit) before() *preimage {
	out := &preimage{Mark: e.was.Mark, Fields: map[string]json.RawMessage{}}
	for _, f := range e.fields() {
		out.Fields[f] = e.was.Fields[f]
	}
	return out
}

// undo is the edit that takes this one back.
func (e *edit) undo() receipt.Undo {
	args := struct {
		Fields       map[string]json.RawMessage `json:"fields,omitempty"`
		LabelsAdd    []string                   `json:"labels_add,omitempty"`
		LabelsRemove []string                   `json:"labels_remove,omitempty"`
	}{map[string]json.RawMessage{}, e.remove, e.add}
	for _, id := range sortedKeys(e.known) {
		if id == labelsField {
			continue
		}
		value, err := e.known[id].former(e.was.Fields[id])
		if err != nil {
			return receipt.Undo{Irreversible: "The former value of the field " + visible(short(id)) + " is of a kind that cannot be written back."}
		}
		args.Fields[id] = value
	}
	b, err := seal.Marshal(&args)
	if err != nil {
		return receipt.Undo{Irreversible: "The former values are too long to be kept."}
	}
	return receipt.Undo{Action: actionEdit, Args: b}
}

func (e *edit) diff() string {
	var out []page.Field
	for _, id := range sortedKeys(e.values) {
		if f := e.known[id]; !f.rich() {
			out = append(out, was(id, words(e.was.Fields[id]), becoming(e.was.Fields[id], e.values[id])))
		}
	}
	if e.add != nil || e.remove != nil {
		out = append(out, page.Field{Name: labelsField, Before: e.remove, After: e.add})
	}
	return diffOf(out, e.rich)
}

// A changed is what an agent gets of a change of an issue.
type changed struct {
	Issue   written  `json:"issue"`
	Version string   `json:"version,omitempty"` // of the issue now: what the next change is based on
	Differs []string `json:"differs,omitempty"` // fields that are not as they were sent
}

// edited reads the fields back and compares them with what was sent.
func (c *Connector) edited(ctx context.Context, e *edit, use string, r *gate.Result) (any, error) {
	at := e.was.place
	out := &changed{Issue: written{ID: at.ID, Key: at.Key, URL: c.browse(at.Key)}}
	is, err := c.detail(ctx, at.ID, append(sortedKeys(e.values), labelsField))
	if err != nil {
		c.log.WarnContext(ctx, "written issue cannot be read again", "issue", at.ID, "error", err.Error())
		return out, nil
	}
	if err := c.inside(ctx, is.place, at, r); err != nil {
		return nil, err
	}
	out.Version = is.version()
	for _, id := range sortedKeys(e.values) {
		if !e.known[id].same(e.values[id], is.Fields[id]) && !c.alike(ctx, use, e.values[id], is.Fields[id]) {
			out.Differs = append(out.Differs, id)
		}
	}
	var have []string
	if seal.Unmarshal(is.Fields[labelsField], &have) != nil || len(without(e.add, have)) > 0 || len(without(have, e.remove)) < len(have) {
		if len(e.add)+len(e.remove) > 0 {
			out.Differs = append(out.Differs, labelsField)
		}
	}
	out.note(r)
	return out, nil
}

// note says in r if the issue is not as it was sent.
func (out *changed) note(r *gate.Result) {
	if len(out.Differs) == 0 {
		return
	}
	r.Outcome.Code = differsCode
}
