// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"context"
	"encoding/json"
	"slices"
	"sync"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/seal"
)

// A detailed is an issue with fields as Jira has them, and our mark.
type detailed struct {
	*place
	Fields map[string]json.RawMessage
	Mark   string // the receipt that the property names; "" if there is none
	Maker  string // the receipt of our call that created the issue, as the property says; "" if it does not
}

// detail reads fields of the issue as they are, where it is, and our mark.
func (c *Connector) detail(ctx context.Context, idOrKey string, fields []string) (*detailed, error) {
	i, res, err := c.issueWith(ctx, idOrKey, fields, true)
	if err != nil {
		return nil, err
	}
	var raw struct {
		Fields     map[string]json.RawMessage `json:"fields"`
		Properties struct {
			Ours json.RawMessage `json:"clawea"`
		} `json:"properties"`
	}
	if err := res.Glance(&raw); err != nil {
		return nil, said(err, "the issue "+idOrKey)
	}
	d := &detailed{place: i.place(), Fields: map[string]json.RawMessage{}, Mark: readMark(raw.Properties.Ours), Maker: readMaker(raw.Properties.Ours)}
	for _, f := range fields {
		if v, ok := raw.Fields[f]; ok {
			d.Fields[f] = v
			continue
		}
		d.Fields[f] = json.RawMessage("null")
	}
	return d, nil
}

// readMark reads our property; "" if it is not of the form that we write, since
// others can write properties, too.
func readMark(raw json.RawMessage) string {
	var m struct {
		Receipt string `json:"receipt"`
	}
	if len(raw) == 0 || seal.Glance(raw, &m) != nil || !receiptName.MatchString(m.Receipt) {
		return ""
	}
	return m.Receipt
}

// readMaker reads from our property which call of ours created the issue, or "".
func readMaker(raw json.RawMessage) string {
	var m struct {
		Created   bool   `json:"created"`
		CreatedBy string `json:"created_by"`
	}
	switch {
	case len(raw) == 0 || seal.Glance(raw, &m) != nil:
		return ""
	case m.Created:
		return readMark(raw)
	case receiptName.MatchString(m.CreatedBy):
		return m.CreatedBy
	}
	return ""
}

// wrote finds in the changelog the entry that our change of these fields made:
// the first one after the version before. account, if known, is who made it.
func wrote(list []entry, before string, fields []string, account string) *entry {
	after := since(list, before)
	i := slices.IndexFunc(after, func(e entry) bool { return e.touches(fields...) && (account == "" || e.by(account)) })
	if i < 0 {
		return nil
	}
	return &after[i]
}

// unchanged fails if somebody has changed one of the fields since our entry, and
// says who and when.
func (c *Connector) unchanged(ctx context.Context, at *place, ours string, fields []string) error {
	if len(fields) == 0 {
		return nil
	}
	list, err := c.changelog(ctx, at.ID)
	if err != nil {
		return err
	}
	own := c.own(ctx)
	for _, f := range fields {
		e := last(list, f)
		if e == nil {
			return fault("conflict", "entry: the changelog of %s has no change of %s; look at the issue", at.Key, short(f))
		}
		if e.ID != ours && !backTo(list, ours, f, own) {
			return fault("conflict", "the field %s of %s was changed by %s; a person must decide which value is right", short(f), at.Key, e.who())
		}
	}
	return nil
}

// own returns what tells of somebody whether they are this house: by an account
// that the configuration names, that a credential which changes things is known to
// be of, or that has changed something for this house since its start.
func (c *Connector) own(ctx context.Context) func(*user) bool {
	credentials := sync.OnceValue(func() []string {
		var ids []string
		for _, client := range []*atlassian.Client{c.write, c.undo} {
			if client != nil {
				id, _ := client.Account(ctx)
				ids = append(ids, id)
			}
		}
		return ids
	})
	return func(u *user) bool {
		if u == nil || u.AccountID == "" {
			return false
		}
		_, acted := c.acted.Load(u.AccountID)
		return acted || slices.Contains(c.accounts, u.AccountID) || slices.Contains(credentials(), u.AccountID)
	}
}

// backTo reports whether a field is again what our entry left, and nobody but this
// house, which own tells, has changed it since: later changes of it were taken back.
func backTo(list []entry, ours, field string, own func(*user) bool) bool {
	i := slices.IndexFunc(list, func(e entry) bool { return e.ID == ours })
	if i < 0 {
		return false
	}
	left, ok := list[i].item(field)
	now := left
	for _, e := range list[i+1:] {
		item, touched := e.item(field)
		switch {
		case !touched:
		case !own(e.Author):
			return false
		default:
			now = item
		}
	}
	return ok && now.To == left.To && now.ToString == left.ToString
}

// changedSince says that the issue is not as it was in the version that b is based
// on. Who takes a change back is told, too, who changed a field last, and when;
// others may not be allowed to read that.
func (c *Connector) changedSince(ctx context.Context, at *place, b *based) error {
	says := "based_on: the issue " + at.Key + " changed since that version"
	if b.Undoes != "" {
		if list, err := c.changelog(ctx, at.ID); err == nil && len(list) > 0 {
			says += "; a field of it was changed last by " + list[len(list)-1].who()
		}
	}
	return fault("conflict", "%s; read it again and repeat the call with its new version", says)
}

// markOfComment reads the receipt that a comment names, or "".
func (c *Connector) markOfComment(ctx context.Context, id string) (string, error) {
	var p struct {
		Value json.RawMessage `json:"value"`
	}
	res, err := c.get(ctx, api+"/comment/"+atlassian.Segment(id)+"/properties/"+propertyKey, nil)
	if err == nil {
		err = res.Glance(&p)
	}
	if atlassian.Code(err) == atlassian.NotFound {
		return "", nil
	}
	return readMark(p.Value), err
}
