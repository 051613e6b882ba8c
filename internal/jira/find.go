// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/query"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// Bounds of looking for what was made.
const (
	findPages   = 10
	findHits    = 50
	findMargin  = 15 * time.Minute    // by which clocks may differ
	findFurther = 30 * 24 * time.Hour // further back nothing is looked for
)

// errUntold is returned where Jira does not tell what became of a change.
var errUntold = errors.New("it cannot be told from Jira what became of it; a person must look at the issue's history")

// Find returns what the change c of the call opened made or changed, with its
// version after: the id of the entry in the changelog, of a comment the time of
// its last edit, of a new issue the time when it was made. It returns nil, nil if
// Jira shows that the change is not there, and an error if that cannot be told
// now. A new issue may be found only after a while: searches lag behind.
func (c *Connector) Find(ctx context.Context, opened *receipt.Receipt, ch *receipt.Change) (*policy.Resource, error) {
	return c.findBy(ctx, opened, ch, "")
}

// findBy is Find where the account is known that made the change; "": it is not.
func (c *Connector) findBy(ctx context.Context, opened *receipt.Receipt, ch *receipt.Change, account string) (*policy.Resource, error) {
	if opened.Call == nil {
		return nil, errUntold
	}
	ch, err := c.recalled(ctx, ch)
	if err != nil {
		return nil, err
	}
	switch opened.Call.Action {
	case actionCreate:
		return c.findMade(ctx, opened, ch)
	case actionComment:
		return c.findComment(ctx, opened, ch)
	case actionLink:
		return c.findLink(ctx, ch)
	case actionUncomment, actionUnlink:
		return c.findGone(ctx, ch)
	case actionEdit, actionTransition, actionAssign, actionQuarantine:
		return c.findEdited(ctx, opened, ch, account)
	}
	return nil, errUntold
}

// recalled is the change with its request in Cloud's words, whatever the site's are.
func (c *Connector) recalled(ctx context.Context, ch *receipt.Change) (*receipt.Change, error) {
	r, err := c.read.Recall(ctx, ch.Request)
	if err != nil {
		return nil, errUntold
	}
	out := *ch
	out.Request = r
	return &out, nil
}

// beforeOf reads the pre-image of a change.
func beforeOf(ch *receipt.Change) (*preimage, error) {
	p := new(preimage)
	if len(ch.Before) == 0 {
		return p, nil
	}
	return p, seal.Unmarshal(ch.Before, p)
}

// findEdited looks for our mark on the issue. If it bears another than before and
// not ours, a later change of this house has covered it, and then only that
// nobody changed the fields since can tell. If it bears the same as before,
// somebody may have taken ours off: then it can be told only if the account that
// would have made the change has not changed the fields since.
func (c *Connector) findEdited(ctx context.Context, opened *receipt.Receipt, ch *receipt.Change, account string) (*policy.Resource, error) {
	before, err := beforeOf(ch)
	if err != nil || ch.Target == nil {
		return nil, errUntold
	}
	is, err := c.detail(ctx, ch.Target.ID, nil)
	switch {
	case err != nil:
		return nil, err
	case is.Mark != opened.Name() && is.Updated == ch.Target.Version:
		return nil, nil
	}
	list, err := c.changelog(ctx, is.ID)
	if err != nil {
		return nil, err
	}
	if is.Mark == before.Mark && is.Mark != opened.Name() && account == "" {
		account = c.writer(ctx, ch)
	}
	e := wrote(list, ch.Target.Version, opened.Call.Fields, account)
	switch {
	case is.Mark == opened.Name() && e != nil:
		out := is.resource(e.ID)
		return bare(&out), nil
	case is.Mark == opened.Name(): // it set what was there already
		out := is.resource(is.Updated)
		return bare(&out), nil
	case e == nil:
		return nil, nil
	}
	return nil, errUntold
}

// writer is the account that a change is sent by, where the credential is said to
// be that account's; else "".
func (c *Connector) writer(ctx context.Context, ch *receipt.Change) string {
	use := atlassian.ForWriting
	if ch.Undoes != "" {
		use = atlassian.ForUndoing
	}
	client := c.client(use)
	if client == nil {
		return ""
	}
	if account, sure := client.Account(ctx); sure {
		return account
	}
	return ""
}

// bare leaves the names of places out of what goes into receipts.
func bare(r *policy.Resource) *policy.Resource {
	for i := range r.Path {
		r.Path[i].Name = ""
	}
	return r
}

// findMade searches the project for an issue that bears our mark.
func (c *Connector) findMade(ctx context.Context, opened *receipt.Receipt, ch *receipt.Change) (*policy.Resource, error) {
	var body struct {
		Fields struct {
			Project reference `json:"project"`
		} `json:"fields"`
	}
	if err := seal.Glance(ch.Request.Body, &body); err != nil || !digits.MatchString(body.Fields.Project.ID) {
		return nil, errUntold
	}
	since := opened.At
	if oldest := time.Now().Add(-findFurther); since.Before(oldest) {
		since = oldest
	}
	q := &query.Query{
		Where: query.All(query.In("project", query.IDs(body.Fields.Project.ID)...), created(ago(since))),
		Order: []query.Sort{{Field: "created", Direction: query.Descending}},
	}
	var found *policy.Resource
	all, err := c.each(ctx, q, []string{"created"}, func(i *traced) bool {
		if readMark(i.Properties.Ours) != opened.Name() || !i.valid() {
			return true
		}
		found = &policy.Resource{Type: "issue", ID: i.ID, Version: i.Fields.Created, Path: []policy.Place{{ID: i.Fields.Project.ID}}}
		return false
	})
	switch {
	case err != nil:
		return nil, err
	case found == nil && !all:
		return nil, errUntold
	}
	return found, nil
}

// ago is how far back a time lies by the house's clock, as JQL writes it, and a
// margin for clocks that differ.
func ago(at time.Time) string {
	return "-" + strconv.Itoa(int((max(time.Since(at), 0) + findMargin).Minutes())) + "m"
}

// created is the clause that an issue is not older than a time in JQL's words.
func created(from string) query.Expr {
	return query.Clause{Field: "created", Op: query.OpGe, Values: query.Strings(from)}
}

// A traced is a hit with our property.
type traced struct {
	issue
	Properties struct {
		Ours json.RawMessage `json:"clawea"`
	} `json:"properties"`
}

// each calls see for each hit until it returns false, and reports whether all of
// them were seen or see had enough.
func (c *Connector) each(ctx context.Context, q *query.Query, fields []string, see func(*traced) bool) (bool, error) {
	token := ""
	for range findPages {
		body, err := seal.Marshal(struct {
			JQL        string   `json:"jql"`
			MaxResults int      `json:"maxResults"`
			Fields     []string `json:"fields"`
			Properties []string `json:"properties"`
			Token      string   `json:"nextPageToken,omitempty"`
		}{q.String(), findHits, withStanding(fields), []string{propertyKey}, token})
		if err != nil {
			return false, err
		}
		var answer struct {
			Issues []traced `json:"issues"`
			IsLast bool     `json:"isLast"`
			Token  string   `json:"nextPageToken"`
		}
		res, err := c.read.Do(ctx, &atlassian.Request{Method: "POST", Path: api + "/search/jql", Body: body, Safe: true})
		if err == nil {
			err = res.Glance(&answer)
		}
		if err != nil {
			return false, said(err, "the search for what was changed")
		}
		for i := range answer.Issues {
			if !see(&answer.Issues[i]) {
				return true, nil
			}
		}
		if token = answer.Token; answer.IsLast || token == "" {
			return true, nil
		}
	}
	return false, nil
}

// findComment looks through the newest comments for our mark.
func (c *Connector) findComment(ctx context.Context, opened *receipt.Receipt, ch *receipt.Change) (*policy.Resource, error) {
	if ch.Target == nil {
		return nil, errUntold
	}
	at, err := c.locate(ctx, ch.Target.ID)
	switch {
	case err != nil:
		return nil, err
	case at.Updated == ch.Target.Version:
		return nil, nil
	}
	list, _, _, err := c.newest(ctx, at, maxComments, 0)
	if err != nil {
		return nil, said(err, "the comments of "+at.Key)
	}
	for i := range list {
		m := &list[i]
		if !digits.MatchString(m.ID) || !later(m.Created, ch.Target.Version) {
			continue
		}
		name, err := c.markOfComment(ctx, m.ID)
		if err != nil {
			return nil, said(err, "the comments of "+at.Key)
		}
		if name == opened.Name() {
			return commentResource(at, m.ID, m.Updated), nil
		}
	}
	if len(list) == maxComments && later(list[len(list)-1].Created, ch.Target.Version) {
		return nil, errUntold // there are more that are new
	}
	return nil, nil
}

// later reports whether one of Jira's times is not before another; what cannot be
// read may be.
func later(a, b string) bool {
	at, errA := stampTime(a)
	bt, errB := stampTime(b)
	return errA != nil || errB != nil || !at.Before(bt)
}

func commentResource(at *place, id, version string) *policy.Resource {
	return &policy.Resource{Type: "comment", ID: id, Version: version, Path: []policy.Place{{ID: at.Project.ID}, {ID: at.ID}}}
}

// findLink looks for a link as the one that was asked for, which was not there before.
func (c *Connector) findLink(ctx context.Context, ch *receipt.Change) (*policy.Resource, error) {
	before, err := beforeOf(ch)
	if err != nil {
		return nil, errUntold
	}
	kind, first, second, err := linkBody(ch.Request.Body)
	if err != nil || !digits.MatchString(first) || !digits.MatchString(second) {
		return nil, errUntold
	}
	types, err := c.linkTypes(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(types, func(t linkType) bool { return t.ID == kind })
	if i < 0 {
		return nil, errUntold
	}
	d, err := c.detail(ctx, first, []string{linksField})
	if err != nil {
		return nil, err
	}
	list, err := linksOf(d)
	if err != nil {
		return nil, err
	}
	l := linking{types[i], d.place, &place{ID: second}}
	for i := range list {
		if l.is(&list[i]) && !slices.Contains(before.Links, list[i].ID) {
			return &policy.Resource{Type: "link", ID: list[i].ID, Path: []policy.Place{{ID: d.Project.ID}, {ID: d.ID}}}, nil
		}
	}
	return nil, nil
}

// findGone looks whether what was to be deleted is gone. The issue must still be
// seen: Jira answers that nothing is there to who may not look, too.
func (c *Connector) findGone(ctx context.Context, ch *receipt.Change) (*policy.Resource, error) {
	if ch.Target == nil || len(ch.Target.Path) == 0 {
		return nil, errUntold
	}
	if _, err := c.locate(ctx, ch.Target.Path[len(ch.Target.Path)-1].ID); err != nil {
		return nil, err
	}
	path, _, _ := strings.Cut(ch.Request.Path, "?")
	_, err := c.get(ctx, path, url.Values{})
	switch {
	case atlassian.Code(err) == atlassian.NotFound:
		return ch.Target, nil
	case err != nil:
		return nil, fmt.Errorf("look whether it is gone: %w", err)
	}
	return nil, nil
}
