// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"cmp"
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
		return c.findMade(ctx, opened, ch, cmp.Or(account, c.writer(ctx, ch)))
	case actionComment:
		return c.findComment(ctx, opened, ch, cmp.Or(account, c.writer(ctx, ch)))
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

// findMade searches the project for an issue that our mark says the call created, and
// that is, or was when it was made, like the one that was sent: a name of a receipt
// may have been given out before, in a time that a restored database does not know of.
// If none bears the mark, and one that the account made at that time is just like the
// one that was sent, somebody may have taken our mark off, and it cannot be told.
func (c *Connector) findMade(ctx context.Context, opened *receipt.Receipt, ch *receipt.Change, account string) (*policy.Resource, error) {
	var sent creation
	if err := seal.Glance(ch.Request.Body, &sent); err != nil || !digits.MatchString(sent.Fields.Project.ID) {
		return nil, errUntold
	}
	since := opened.At
	if oldest := time.Now().Add(-findFurther); since.Before(oldest) {
		since = oldest
	}
	q := &query.Query{
		Where: query.All(query.In("project", query.IDs(sent.Fields.Project.ID)...), created(ago(since))),
		Order: []query.Sort{{Field: "created", Direction: query.Descending}},
	}
	var ours *traced
	var others []*traced
	all, err := c.each(ctx, q, []string{"created", "creator", "summary"}, func(i *traced) bool {
		switch {
		case !i.valid():
		case readMaker(i.Properties.Ours) == opened.Name():
			ours = i
		case i.Fields.Creator.may(account) && near(i.Fields.Created, opened.At):
			others = append(others, i)
		}
		return ours == nil
	})
	switch {
	case err != nil:
		return nil, err
	case ours != nil:
		return c.asSent(ctx, ours, &sent)
	case !all:
		return nil, errUntold
	}
	return nil, c.noneIs(ctx, others, &sent)
}

// asSent is an issue that bears our mark as what a call made, if it was made as it
// was sent.
func (c *Connector) asSent(ctx context.Context, i *traced, sent *creation) (*policy.Resource, error) {
	first, err := c.atFirst(ctx, i)
	switch {
	case err != nil:
		return nil, err
	case !first.like(sent):
		return nil, errUntold
	}
	return &policy.Resource{Type: "issue", ID: i.ID, Version: i.Fields.Created, Path: []policy.Place{{ID: i.Fields.Project.ID}}}, nil
}

// A creation is what a request to make an issue says of it, as far as finding needs.
type creation struct {
	Fields struct {
		Project reference `json:"project"`
		Type    reference `json:"issuetype"`
		Summary string    `json:"summary"`
	} `json:"fields"`
}

// like reports whether an issue was made where, of the type and with the summary
// that was sent.
func (n *creation) like(sent *creation) bool {
	a, b := &n.Fields, &sent.Fields
	return a.Project.ID == b.Project.ID && a.Type.ID == b.Type.ID && strings.TrimSpace(a.Summary) == strings.TrimSpace(b.Summary)
}

// noneIs fails if one of some issues is, or was when it was made, like what was sent.
func (c *Connector) noneIs(ctx context.Context, list []*traced, sent *creation) error {
	for _, i := range list {
		first, err := c.atFirst(ctx, i)
		if err != nil {
			return err
		}
		if first.like(sent) {
			return errUntold
		}
	}
	return nil
}

// atFirst is what an issue was made as.
func (c *Connector) atFirst(ctx context.Context, i *traced) (*creation, error) {
	at, out := i.place(), new(creation)
	first := &out.Fields
	first.Project.ID, first.Type.ID, first.Summary = at.Project.ID, at.Type.ID, i.Fields.Summary
	if i.Fields.Updated == i.Fields.Created {
		return out, nil
	}
	list, err := c.changelog(ctx, i.ID)
	for n := range slices.Backward(list) {
		if was, ok := list[n].item("summary"); ok {
			first.Summary = was.FromString
		}
		if was, ok := list[n].item("issuetype"); ok {
			first.Type.ID = was.From
		}
		if was, ok := list[n].item("project"); ok {
			first.Project.ID = was.From
		}
	}
	return out, err
}

// may reports whether somebody may be the account that acts; where either is not
// known, they may.
func (u *user) may(account string) bool {
	return u == nil || account == "" || u.AccountID == account
}

// early reports whether something that Jira dates was there before a call was
// opened, for all that clocks differ.
func early(stamp string, opened time.Time) bool {
	at, err := stampTime(stamp)
	return err == nil && at.Before(opened.Add(-findMargin))
}

// near reports whether something that Jira dates may have come of a call that was
// opened then.
func near(stamp string, opened time.Time) bool {
	at, err := stampTime(stamp)
	return err != nil || !early(stamp, opened) && !at.After(opened.Add(findMargin))
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

// findComment looks through the newest comments for one that bears our mark and says
// what was sent, or was edited since. If only one of both can be said of one that is
// new, it cannot be told: somebody may have taken our mark off, of what the account
// wrote at that time, or the mark is of another call of this name.
func (c *Connector) findComment(ctx context.Context, opened *receipt.Receipt, ch *receipt.Change, account string) (*policy.Resource, error) {
	var sent payload
	if err := seal.Glance(ch.Request.Body, &sent); err != nil || isNull(sent.Body) || ch.Target == nil {
		return nil, errUntold
	}
	at, err := c.locate(ctx, ch.Target.ID)
	if err != nil {
		return nil, err
	}
	list, _, _, err := c.newest(ctx, at, maxComments, 0)
	if err != nil {
		return nil, said(err, "the comments of "+at.Key)
	}
	perhaps := len(list) == maxComments && !early(list[len(list)-1].Created, opened.At) // there are more that are new
	for i := range list {
		m := &list[i]
		if !digits.MatchString(m.ID) || early(m.Created, opened.At) {
			continue
		}
		name, err := c.markOfComment(ctx, m.ID)
		if err != nil {
			return nil, said(err, "the comments of "+at.Key)
		}
		holds := c.mayHold(ctx, m, sent.Body)
		switch {
		case name == opened.Name() && holds:
			return commentResource(at, m.ID, m.Updated), nil
		case name == opened.Name(), holds && m.Author.may(account) && near(m.Created, opened.At):
			perhaps = true
		}
	}
	if perhaps {
		return nil, errUntold
	}
	return nil, nil
}

// mayHold reports whether a comment says what was sent, or may have said it before
// it was edited.
func (c *Connector) mayHold(ctx context.Context, m *comment, sent json.RawMessage) bool {
	return m.Created != m.Updated || sameDocument(sent, m.Body) || c.alike(ctx, atlassian.ForWriting, sent, m.Body)
}

func commentResource(at *place, id, version string) *policy.Resource {
	return &policy.Resource{Type: "comment", ID: id, Version: version, Path: []policy.Place{{ID: at.Project.ID}, {ID: at.ID}}}
}

// findLink looks for a link as the one that was asked for: it was not there when
// the call was decided upon, and there is never a second one.
func (c *Connector) findLink(ctx context.Context, ch *receipt.Change) (*policy.Resource, error) {
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
	at, err := c.locate(ctx, first)
	if err != nil {
		return nil, err
	}
	id, err := c.linkThere(ctx, &linking{types[i], at, &place{ID: second}})
	if err != nil || id == "" {
		return nil, err
	}
	return &policy.Resource{Type: "link", ID: id, Path: []policy.Place{{ID: at.Project.ID}, {ID: at.ID}}}, nil
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
