// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// findEdited looks for our mark on the issue, and for the entry that it is of. If the
// issue bears another mark than before and not ours, a later change of this house has
// covered it, and then only that nobody changed the fields since can tell. If it bears
// the same as before, somebody may have taken ours off: then it can be told only if the
// account that would have made the change has not changed the fields since. account is
// who made it, where Jira has said that it was made.
func (c *Connector) findEdited(ctx context.Context, opened *receipt.Receipt, ch *receipt.Change, account string) (*policy.Resource, error) {
	before, err := beforeOf(ch)
	if err != nil || ch.Target == nil {
		return nil, errUntold
	}
	is, err := c.detail(ctx, ch.Target.ID, opened.Call.Fields)
	if err != nil {
		return nil, err
	}
	ours := is.Mark == opened.Name()
	switch {
	case !ours && is.Updated == ch.Target.Version:
		return nil, nil
	case ours && account == "" && before.Mark == is.Mark: // of a call whose record was lost: names are given out anew then
		return nil, errUntold
	}
	list, err := c.changelog(ctx, is.ID)
	switch {
	case err != nil:
		return nil, err
	case ours && account == "":
		return c.editMarked(ctx, opened, ch, is, list)
	case is.Mark == before.Mark && !ours && account == "":
		account = c.writer(ctx, ch)
	}
	e := wrote(list, ch.Target.Version, opened.Call.Fields, account)
	switch {
	case ours && e != nil:
		return is.changedIn(e.ID), nil
	case ours: // it set what was there already
		return is.changedIn(is.Updated), nil
	case e == nil:
		return nil, nil
	}
	return nil, errUntold
}

// editMarked is what a change made of an issue that has come to bear our mark since: a
// mark alone proves nothing, and so an entry must change all that the change was to
// change, or everything must be as it was sent, and no entry tell of it.
func (c *Connector) editMarked(ctx context.Context, opened *receipt.Receipt, ch *receipt.Change, is *detailed, list []entry) (*policy.Resource, error) {
	before, err := beforeOf(ch)
	var sent payload
	if err != nil || seal.Glance(ch.Request.Body, &sent) != nil {
		return nil, errUntold
	}
	meant := altered(&sent, before.Fields)
	after := slices.DeleteFunc(since(list, ch.Target.Version), func(e entry) bool { return !e.touches(opened.Call.Fields...) })
	made := slices.DeleteFunc(slices.Clone(after), func(e entry) bool { return !e.touchesAll(meant) })
	switch account := c.writer(ctx, ch); {
	case len(made) > 0: // the account's before others': these may have been quicker
		i := slices.IndexFunc(made, func(e entry) bool { return e.by(account) })
		return is.changedIn(made[max(i, 0)].ID), nil
	case len(after) > 0, len(altered(&sent, is.Fields)) > 0:
		return nil, errUntold
	}
	return is.changedIn(is.Updated), nil
}

// changedIn is the issue with a version that a change of it made.
func (d *detailed) changedIn(version string) *policy.Resource {
	out := d.resource(version)
	return bare(&out)
}

// altered lists the fields of which a request sends another value than there is. A
// transition always leads to another status.
func altered(sent *payload, is map[string]json.RawMessage) []string {
	var out []string
	for _, id := range sortedKeys(sent.Fields) {
		if v := sent.Fields[id]; !new(field).same(v, is[id]) && !sameDocument(v, is[id]) {
			out = append(out, id)
		}
	}
	var labels []string
	if raw := is[labelsField]; !isNull(raw) && seal.Unmarshal(raw, &labels) != nil {
		labels = nil
	}
	if slices.ContainsFunc(sent.Update[labelsField], func(v verb) bool { return v.alters(labels) }) {
		out = append(out, labelsField)
	}
	if sent.Transition != nil {
		out = append(out, statusField)
	}
	return out
}

// alters reports whether the verb makes other labels of these.
func (v verb) alters(labels []string) bool {
	return v.Add != "" && !slices.Contains(labels, v.Add) || v.Remove != "" && slices.Contains(labels, v.Remove)
}
