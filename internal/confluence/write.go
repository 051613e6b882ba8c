// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	pagebody "github.com/clawea/clawea/internal/page"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// storageBody is a body in a request.
type storageBody struct {
	Representation string `json:"representation"`
	Value          string `json:"value"`
}

// An update is the body of the request that writes a page's next version, with
// all the fields that it ever has: it moves no page and gives none to another
// owner.
type update struct {
	ID      string        `json:"id"`
	Status  string        `json:"status"`
	Title   string        `json:"title"`
	Body    storageBody   `json:"body"`
	Version updateVersion `json:"version"`
}

type updateVersion struct {
	Number  int    `json:"number"`
	Message string `json:"message,omitzero"`
}

// A preImage is what was there before a write.
type preImage struct {
	Version  int      `json:"version"`
	Title    string   `json:"title,omitzero"`
	SpaceID  string   `json:"space_id,omitzero"`
	ParentID string   `json:"parent_id,omitzero"`
	Body     *string  `json:"body_storage,omitempty"`
	Labels   []string `json:"labels,omitempty"`
	Author   string   `json:"author,omitzero"` // of a comment
	At       string   `json:"at,omitzero"`
	Alike    []string `json:"alike,omitzero"` // comments of ours that said the same already; never nil of a comment
}

// A writing is what writes of pages return.
type writing struct {
	Page      shownPage `json:"page"`
	Untrusted bool      `json:"untrusted"` // of its title
	Source    source    `json:"source"`
}

func (c *Connector) planUpdate(ctx context.Context, raw []byte, bounds []policy.Bound) (*gate.Plan, error) {
	if err := c.changeable(atlassian.ForWriting); err != nil {
		return nil, err
	}
	args, err := parseUpdate(raw)
	if err != nil {
		return nil, err
	}
	at, res, err := c.locate(ctx, args.PageID, bounds)
	if err != nil {
		return nil, err
	}
	call := c.writeCall(actionUpdate, policy.Write, atlassian.ForWriting, res, at.page)
	call.Fields = []string{"body"}
	title := at.page.Title
	if args.Title != nil && *args.Title != title {
		if err := c.renamable(ctx, at, res.Path, *args.Title); err != nil {
			return nil, err
		}
		title, call.Fields = *args.Title, append(call.Fields, "title")
	}
	call.Fields = append(call.Fields, "message")
	if !at.open {
		return unopened(call), nil
	}
	before, err := c.basis(ctx, at, args.Version)
	if err != nil {
		return nil, err
	}
	after, err := pagebody.Parse(pagebody.Storage, *args.Body)
	if err == nil {
		err = pagebody.Permit(before, after, args.Drops)
	}
	if err != nil {
		return nil, refusedEdit(err)
	}
	return c.plan(ctx, call, c.rewriting(at, before, after, title, args.Message))
}

func (c *Connector) planEdit(ctx context.Context, raw []byte, bounds []policy.Bound) (*gate.Plan, error) {
	if err := c.changeable(atlassian.ForWriting); err != nil {
		return nil, err
	}
	args, err := parseEdit(raw)
	if err != nil {
		return nil, err
	}
	at, res, err := c.locate(ctx, args.PageID, bounds)
	if err != nil {
		return nil, err
	}
	call := c.writeCall(actionEdit, policy.Write, atlassian.ForWriting, res, at.page)
	call.Fields = []string{"body", "message"}
	if !at.open {
		return unopened(call), nil
	}
	before, err := c.basis(ctx, at, args.Version)
	if err != nil {
		return nil, err
	}
	if err := checkEdits(before, args.Edits); err != nil {
		return nil, err
	}
	after, err := pagebody.Apply(before, args.Edits)
	if err != nil {
		return nil, refusedEdit(err)
	}
	return c.plan(ctx, call, c.rewriting(at, before, after, at.page.Title, args.Message))
}

// writeCall is a call that writes to one page.
func (c *Connector) writeCall(action string, class policy.Class, use string, res policy.Resource, p *page) *policy.Call {
	call := c.call(action, class, use)
	res.Version = p.version()
	call.Resources = []policy.Resource{res}
	return call
}

// basis reads the body that a write is based on. It must be of the version that
// the writer has seen, and one that can be read.
func (c *Connector) basis(ctx context.Context, at *place, based int) (*pagebody.Body, error) {
	now, _, err := c.unmoved(ctx, at, true)
	switch {
	case err != nil:
		return nil, err
	case now.Version.Number != based:
		return nil, newer(now, strconv.Itoa(based))
	case now.Version.Number != at.page.Version.Number || now.Title != at.page.Title:
		return nil, fault("conflict", "page %s is being changed; ask again", now.ID)
	}
	body, err := pagebody.Parse(pagebody.Storage, now.Body.Storage.Value)
	if err != nil {
		return nil, fault("unreadable", "what page %s holds now cannot be read for certain, so that nothing of it would get lost: %s; have a person change it", now.ID, oneLine(err))
	}
	return body, nil
}

// refusedEdit is a refusal of the page's own, for the agent.
func refusedEdit(err error) error {
	code := "bad_argument"
	if e := (*pagebody.Error)(nil); errors.As(err, &e) {
		switch e.Code {
		case pagebody.Stale:
			code = "conflict"
		case pagebody.Loss:
			code = "would_lose"
		}
	}
	return fault(code, "%s", oneLine(err))
}

// oneLine puts a text of two lines, what is wrong and what mends it, into one.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// checkEdits holds what edits bring to the lists of elements.go. What is there
// already is not theirs to answer for.
func checkEdits(body *pagebody.Body, edits []pagebody.Edit) error {
	holders := map[string]string{} // kinds of what holds blocks, by their names
	kinds := map[string]string{}
	body.All(func(b *pagebody.Block) {
		kinds[b.Name] = b.Kind
		for _, child := range b.Children {
			holders[child.Name] = b.Kind
		}
	})
	for i, e := range edits {
		in := holders[e.Block]
		if e.Op == pagebody.Prepend || e.Op == pagebody.Append {
			in = kinds[e.Block]
		}
		if err := checkFragment(e.Content, in); err != nil {
			return fault("bad_argument", "edits[%d].content: %s", i, err)
		}
		if err := (&checker{}).text(e.New); err != nil {
			return fault("bad_argument", "edits[%d].new: %s", i, err)
		}
	}
	return nil
}

// rewriting is the draft of a page's next version.
func (c *Connector) rewriting(at *place, before, after *pagebody.Body, title, message string) *draft {
	p, what := at.page, "page "+at.page.ID
	return &draft{
		what: what, use: atlassian.ForWriting, method: http.MethodPut, path: v2 + "/pages/" + atlassian.Segment(p.ID),
		body: func(receipt string) any {
			return update{p.ID, "current", title, storageBody{"storage", after.Text}, updateVersion{p.Version.Number + 1, marked(message, receipt)}}
		},
		change: &receipt.Change{
			Summary: fmt.Sprintf("Write version %d of %s in %s", p.Version.Number+1, what, at.space.Key),
			Target:  &policy.Resource{Type: "page", ID: p.ID, Version: p.version()},
			Request: receipt.Request{Mark: "/version/message"},
			Before:  remember(preImage{Version: p.Version.Number, Title: p.Title, ParentID: p.ParentID, SpaceID: p.SpaceID, Body: &before.Text}),
			Undo:    recipe{PageID: p.ID, Version: p.Version.Number}.undo(actionRestore),
			Diff:    join(pagebody.DiffFields([]pagebody.Field{field("title", p.Title, title)}), pagebody.Diff(before, after)),
		},
		check:   func(ctx context.Context) error { return c.unchanged(ctx, at, &before.Text) },
		answer:  versionMade(p.ID, p.Version.Number+1),
		confirm: c.confirmed(at, at.above, at.space, title, &after.Text),
	}
}

// versionMade reads from the answer to a write which version it made.
func versionMade(id string, want int) func(*atlassian.Response) (*policy.Resource, error) {
	return func(res *atlassian.Response) (*policy.Resource, error) {
		p := new(page)
		if err := res.Glance(p); err != nil || p.ID != id || p.Version.Number != want {
			return nil, errors.New("not the page that was written")
		}
		return &policy.Resource{Type: "page", ID: id, Version: p.version()}, nil
	}
}

// confirmed looks whether a page is now what and where it was written to be: in
// the version that was made, below what it should be below, with the title and
// the body as sent, and open to those to whom it was.
func (c *Connector) confirmed(at *place, above []ancestor, s *space, title string, body *string) func(context.Context, *policy.Resource) (any, error) {
	return func(ctx context.Context, target *policy.Resource) (any, error) {
		what := "page " + target.ID
		want := &place{page: &page{ID: target.ID, SpaceID: s.ID}, space: s, above: above, fence: at.fence}
		want.page.ParentID = want.parent()
		now, _, err := c.unmoved(ctx, want, body != nil)
		switch {
		case err != nil:
			return nil, unconfirmed(what+", as version "+target.Version+",", "is not found where it should be")
		case now.version() != target.Version:
			return nil, fault("conflict", "%s was written, and changed at the same moment by account %s; have a person look at it", what, account(now.Version.AuthorID))
		case now.Title != title:
			return nil, unconfirmed(what, "has another title")
		case body != nil && !sameBody(*body, now.Body.Storage.Value):
			return nil, unconfirmed(what, "what Confluence kept of it is not what was sent")
		}
		if err := c.unrestricted(ctx, want); err != nil {
			return nil, unconfirmed(what, "it is restricted now, or it cannot be told whether it is")
		}
		if err := c.stillLabelled(ctx, want); err != nil && at.page.ID == target.ID {
			return nil, unconfirmed(what, "it has lost the label that allowed this, or it cannot be told whether it has")
		}
		return writing{c.shown(now, shownSpace{s.ID, s.Key}), true, c.source(want, now)}, nil
	}
}

// unchanged looks again, before a write, whether a page is what and where it
// was when the write was decided, and labelled as the policy wants. A body is
// compared by itself, if given: a comment on words changes it, and not the version.
func (c *Connector) unchanged(ctx context.Context, at *place, body *string) error {
	now, _, err := c.unmoved(ctx, at, body != nil)
	switch {
	case err != nil:
		return err
	case now.Version.Number != at.page.Version.Number || now.Title != at.page.Title:
		return newer(now, at.page.version())
	case body != nil && now.Body.Storage.Value != *body:
		return fault("conflict", "page %s was changed meanwhile within version %d, by a comment on its text perhaps; read it again and write on that", now.ID, now.Version.Number)
	}
	if err := c.unrestricted(ctx, at); err != nil {
		return err
	}
	return c.stillLabelled(ctx, at)
}

// renamable refuses a new title for a page that the policy names, or below which
// it names something: under the new one the names would lead nowhere. Of a page
// that is not open nothing is told: the policy denies it.
func (c *Connector) renamable(ctx context.Context, at *place, path []policy.Place, title string) error {
	if !at.open || at.page.ID == at.space.HomepageID { // which is named by the space and not by its title
		return nil
	}
	if err := c.upheld(ctx, at, path); err != nil {
		return err
	}
	return unnamed(at, append(slices.Clone(path[:len(path)-1]), policy.Place{Name: title}))
}

// untaken refuses a title for a page below parent under which the policy
// would deny it from then on.
func untaken(parent *place, path []policy.Place, title string) error {
	return unnamed(parent, append(slices.Clone(inside(parent, path)), policy.Place{Name: title}))
}

// inside is the path of what lies right below a page, but for its own step.
func inside(parent *place, path []policy.Place) []policy.Place {
	if parent.page.ID == parent.space.HomepageID {
		return path[:1] // the homepage stands for the space
	}
	return path
}

func unnamed(at *place, path []policy.Place) error {
	if at.open && at.fence.touch(path) >= 0 {
		return fault("outside", "the policy denies what has this title in this place; choose another title")
	}
	return nil
}
