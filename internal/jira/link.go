// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/page"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

const linksField = "issuelinks"

// A linkType is a kind of link with the words for its two directions: the first
// issue "blocks" the second, which "is blocked by" the first. Jira calls the first
// inward and the second outward when a link is made.
type linkType struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Inward  string `json:"inward"`
	Outward string `json:"outward"`
}

// An issueLink is a link as Jira shows it: with both ends by itself, and with the
// other end only among an issue's fields.
type issueLink struct {
	ID      string    `json:"id"`
	Type    linkType  `json:"type"`
	Inward  *linkedTo `json:"inwardIssue,omitzero"`
	Outward *linkedTo `json:"outwardIssue,omitzero"`
}

type linkedTo struct {
	ID  string `json:"id"`
	Key string `json:"key"`
}

// other is the end of a link of an issue that is not the issue; nil if Jira does
// not say.
func (l *issueLink) other() *linkedTo {
	if l.Outward != nil && digits.MatchString(l.Outward.ID) {
		return l.Outward
	}
	if l.Inward != nil && digits.MatchString(l.Inward.ID) {
		return l.Inward
	}
	return nil
}

// phrase is what the issue does to the other end.
func (l *issueLink) phrase() string {
	if l.Outward != nil {
		return l.Type.Outward
	}
	return l.Type.Inward
}

// A linking is two issues and what the first does to the second.
type linking struct {
	kind          linkType
	first, second *place
}

// is reports whether a link among the first issue's fields is this one.
func (l *linking) is(have *issueLink) bool {
	if have.Type.ID != l.kind.ID {
		return false
	}
	if l.kind.Inward == l.kind.Outward { // it has no direction
		o := have.other()
		return o != nil && o.ID == l.second.ID
	}
	return have.Outward != nil && have.Outward.ID == l.second.ID
}

// linkTypes reads the site's kinds of links.
func (c *Connector) linkTypes(ctx context.Context) ([]linkType, error) {
	var answer struct {
		Types []linkType `json:"issueLinkTypes"`
	}
	res, err := c.get(ctx, api+"/issueLinkType", nil)
	if err == nil {
		err = res.Glance(&answer)
	}
	if err != nil {
		return nil, said(err, "the kinds of links")
	}
	return slices.DeleteFunc(answer.Types, func(t linkType) bool { return !digits.MatchString(t.ID) }), nil
}

// meant finds the kind and the direction that a phrase means: this issue does so
// to the other, or the other to this.
func meant(types []linkType, phrase string, this, other *place) (*linking, error) {
	var hits []linking
	var phrases []string
	for _, t := range types {
		phrases = append(phrases, atlassian.Clean(t.Outward, 40), atlassian.Clean(t.Inward, 40))
		switch {
		case strings.EqualFold(t.Outward, phrase):
			hits = append(hits, linking{t, this, other})
		case strings.EqualFold(t.Inward, phrase):
			hits = append(hits, linking{t, other, this})
		}
	}
	slices.Sort(phrases)
	phrases = slices.Compact(phrases)
	switch len(hits) {
	case 1:
		return &hits[0], nil
	case 0:
		return nil, fault("bad_argument", "phrase: no kind of link is worded %q; write one of: %s", short(phrase), strings.Join(phrases[:min(len(phrases), 20)], ", "))
	}
	return nil, fault("bad_argument", "phrase: more than one kind of link is worded %q; write the words of its other direction, and swap the issues", short(phrase))
}

// linksOf reads the links of an issue.
func linksOf(d *detailed) ([]issueLink, error) {
	var list []issueLink
	raw := d.Fields[linksField]
	if isNull(raw) {
		return nil, nil
	}
	if err := seal.Glance(raw, &list); err != nil {
		return nil, fault("upstream", "Jira's answer does not say which links %s has; try again later", d.Key)
	}
	return slices.DeleteFunc(list, func(l issueLink) bool { return !digits.MatchString(l.ID) }), nil
}

func (c *Connector) planLink(ctx context.Context, args []byte, bounds []policy.Bound) (*gate.Plan, error) {
	var a linkArgs
	if err := decode(args, &a); err != nil {
		return nil, err
	}
	use, err := c.use(ctx, "")
	if err != nil {
		return nil, err
	}
	this, other, err := c.ends(ctx, &a, bounds)
	if err != nil {
		return nil, err
	}
	if !this.open || !other.open {
		return unopened(c.twoEnded(this, other, actionLink, policy.Write, use)), nil
	}
	l, err := c.linking(ctx, &a, this, other)
	if err != nil {
		return nil, err
	}
	call := c.twoEnded(l.first, l.second, actionLink, policy.Write, use)
	body, err := seal.Marshal(map[string]reference{"type": {ID: l.kind.ID}, "inwardIssue": {ID: l.first.ID}, "outwardIssue": {ID: l.second.ID}})
	if err != nil {
		return nil, err
	}
	target := l.first.resource("")
	says := l.first.Key + " " + atlassian.Clean(l.kind.Outward, 40) + " " + l.second.Key
	change := &receipt.Change{
		Summary: "Link: " + says + ": " + visible(a.Message),
		Target:  &target, Undo: receipt.Undo{Action: actionUnlink}, Diff: page.DiffFields([]page.Field{was(linksField, nil, some(says))}),
	}
	m := &mutation{
		what: "the link of " + l.first.Key, use: use, held: []*place{l.first, l.second},
		plain: body,
		read: func(ctx context.Context, _ *policy.Resource, r *gate.Result) (any, error) {
			return c.linked(ctx, l, r)
		},
	}
	if err := m.seal(change, "POST", api+"/issueLink", nil); err != nil {
		return nil, err
	}
	return c.plan(ctx, call, m)
}

// ends finds where both issues are.
func (c *Connector) ends(ctx context.Context, a *linkArgs, bounds []policy.Bound) (this, other *place, err error) {
	k, err := key(a.IssueKey)
	if err != nil {
		return nil, nil, err
	}
	o := strings.ToUpper(a.OtherKey)
	if !issueKey.MatchString(o) {
		return nil, nil, fault("bad_argument", "other_key: %q is not an issue's key; write one such as ENG-12", short(a.OtherKey))
	}
	if err := checkMessage(a.Message); err != nil {
		return nil, nil, err
	}
	if this, err = c.placed(ctx, k, bounds); err != nil {
		return nil, nil, err
	}
	other, err = c.placed(ctx, o, bounds)
	return this, other, err
}

// linking resolves the kind of link, and fails if the link is there.
func (c *Connector) linking(ctx context.Context, a *linkArgs, this, other *place) (*linking, error) {
	if this.ID == other.ID {
		return nil, fault("bad_argument", "other_key: an issue is not linked to itself; name another")
	}
	types, err := c.linkTypes(ctx)
	if err != nil {
		return nil, err
	}
	l, err := meant(types, a.Phrase, this, other)
	if err != nil {
		return nil, err
	}
	there, err := c.linkThere(ctx, l)
	if err == nil && there != "" {
		err = fault("bad_argument", "%s and %s are linked so already; nothing is to be done", this.Key, other.Key)
	}
	return l, err
}

// linkThere finds the link among those of the first issue; "" if it is not there.
func (c *Connector) linkThere(ctx context.Context, l *linking) (id string, err error) {
	d, err := c.detail(ctx, l.first.ID, []string{linksField})
	if err != nil {
		return "", err
	}
	list, err := linksOf(d)
	if i := slices.IndexFunc(list, func(have issueLink) bool { return l.is(&have) }); i >= 0 {
		id = list[i].ID
	}
	return id, err
}

// twoEnded is a call that touches the links of two issues. It is based on no version
// of theirs: other links and comments make new ones.
func (c *Connector) twoEnded(first, second *place, action string, class policy.Class, use string) *policy.Call {
	call := c.callBy(action, class, use)
	call.Categories = slices.Concat(first.Project.categories(), second.Project.categories())
	slices.Sort(call.Categories)
	call.Categories = slices.Compact(call.Categories)
	call.Resources = []policy.Resource{first.resource(""), second.resource("")}
	call.Resources = withTypeOf(call.Resources, &first.Project, first.Type)
	call.Resources = withTypeOf(call.Resources, &second.Project, second.Type)
	call.Fields = []string{linksField}
	return call
}

// linked reads both ends back.
func (c *Connector) linked(ctx context.Context, l *linking, r *gate.Result) (any, error) {
	for _, was := range []*place{l.first, l.second} {
		is, err := c.locate(ctx, was.ID)
		if err != nil {
			c.log.WarnContext(ctx, "linked issue cannot be read again", "issue", was.ID, "error", err.Error())
			continue
		}
		if err := c.inside(ctx, is, was, r); err != nil {
			return nil, err
		}
	}
	return struct {
		Link   written   `json:"link"`
		Issues []written `json:"issues"`
	}{written{ID: r.Outcome.Target.ID}, []written{
		{ID: l.first.ID, Key: l.first.Key, URL: c.browse(l.first.Key)}, {ID: l.second.ID, Key: l.second.Key, URL: c.browse(l.second.Key)},
	}}, nil
}

// linkBody reads what a request to link two issues says.
func linkBody(raw json.RawMessage) (kind, first, second string, err error) {
	var body struct {
		Type    reference `json:"type"`
		Inward  reference `json:"inwardIssue"`
		Outward reference `json:"outwardIssue"`
	}
	err = seal.Glance(raw, &body)
	return body.Type.ID, body.Inward.ID, body.Outward.ID, err
}
