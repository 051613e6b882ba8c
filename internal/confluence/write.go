// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"context"
	"net/http"
	"slices"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// storageBody is a body in a request.
type storageBody struct {
	Representation string `json:"representation"`
	Value          string `json:"value"`
}

// creation and change are the bodies of the two requests that write, with all
// the fields that they ever have: nothing here moves a page, gives it to
// another owner, or takes one out of the trash.
type creation struct {
	SpaceID  string      `json:"spaceId"`
	Status   string      `json:"status"`
	Title    string      `json:"title"`
	ParentID string      `json:"parentId"`
	Body     storageBody `json:"body"`
}

type change struct {
	ID      string        `json:"id"`
	Status  string        `json:"status"`
	Title   string        `json:"title"`
	Body    storageBody   `json:"body"`
	Version changeVersion `json:"version"`
}

type changeVersion struct {
	Number  int    `json:"number"`
	Message string `json:"message,omitzero"`
}

// A writing is what page.create and page.update return.
type writing struct {
	Page shownPage `json:"page"`
}

func (c *Connector) writable() error {
	if c.write == nil {
		return fault("write_disabled", "this house has no credential that writes to Confluence; its operator must configure one")
	}
	return nil
}

func (c *Connector) planCreate(ctx context.Context, raw []byte, bounds []policy.Bound) (*gate.Plan, error) {
	if err := c.writable(); err != nil {
		return nil, err
	}
	args, err := parseCreate(raw)
	if err != nil {
		return nil, err
	}
	parent, res, err := c.locate(ctx, args.ParentID, bounds)
	if err != nil {
		return nil, err
	}
	body, err := encode(creation{
		SpaceID: parent.space.ID, Status: "current", Title: args.Title, ParentID: args.ParentID,
		Body: storageBody{"storage", args.Body},
	})
	if err != nil {
		return nil, err
	}
	if err := untaken(parent, res.Path, args.Title); err != nil {
		return nil, err
	}
	res.Version = parent.page.version()
	call := c.call(actionCreate, policy.Write)
	call.Resources = []policy.Resource{res}
	call.Fields = []string{"body", "title"}
	request := &atlassian.Request{Method: http.MethodPost, Path: v2 + "/pages", Body: body}
	return &gate.Plan{Call: call, Act: func(ctx context.Context, _ *receipt.Receipt) (*gate.Result, error) {
		return c.actCreate(ctx, parent, request)
	}}, nil
}

func (c *Connector) planUpdate(ctx context.Context, raw []byte, bounds []policy.Bound) (*gate.Plan, error) {
	if err := c.writable(); err != nil {
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
	if at.open && at.page.Version.Number != args.Version {
		return nil, fault("conflict", "page %s is at version %d, not %d; read it again and write on that version", at.page.ID, at.page.Version.Number, args.Version)
	}
	fields := []string{"body"}
	title := at.page.Title
	if args.Title != nil && *args.Title != title {
		if err := renamable(at, res.Path, *args.Title); err != nil {
			return nil, err
		}
		title, fields = *args.Title, append(fields, "title")
	}
	if args.Message != "" {
		fields = append(fields, "message")
	}
	body, err := encode(change{
		ID: args.PageID, Status: "current", Title: title, Body: storageBody{"storage", *args.Body},
		Version: changeVersion{args.Version + 1, args.Message},
	})
	if err != nil {
		return nil, err
	}
	res.Version = at.page.version()
	call := c.call(actionUpdate, policy.Write)
	call.Resources, call.Fields = []policy.Resource{res}, fields
	request := &atlassian.Request{Method: http.MethodPut, Path: v2 + "/pages/" + atlassian.Segment(args.PageID), Body: body}
	return &gate.Plan{Call: call, Act: func(ctx context.Context, _ *receipt.Receipt) (*gate.Result, error) {
		return c.actUpdate(ctx, at, request)
	}}, nil
}

// renamable refuses a new title for a page that the policy names: under the
// new one the name would lead nowhere, and everything below would be denied.
// Of a page that is not open nothing is told: the policy denies it.
func renamable(at *place, path []policy.Place, title string) error {
	if at.open && at.fence.names(at.page.ID) {
		return fault("bad_argument", "the policy knows page %s by its title; leave title away", at.page.ID)
	}
	if at.page.ID == at.space.HomepageID { // which is named by the space and not by its title
		return nil
	}
	return unnamed(at, append(slices.Clone(path[:len(path)-1]), policy.Place{Name: title}))
}

// untaken refuses a title for a new page below parent under which the policy
// would deny it from then on.
func untaken(parent *place, path []policy.Place, title string) error {
	if parent.page.ID == parent.space.HomepageID {
		path = path[:1] // the homepage stands for the space
	}
	return unnamed(parent, append(slices.Clone(path), policy.Place{Name: title}))
}

func unnamed(at *place, path []policy.Place) error {
	if at.open && at.fence.touch(path) >= 0 {
		return fault("outside", "the policy denies what has this title in this place; choose another title")
	}
	return nil
}

func (c *Connector) actCreate(ctx context.Context, parent *place, request *atlassian.Request) (*gate.Result, error) {
	if err := c.unchanged(ctx, parent); err != nil {
		return failed(err), err
	}
	made, res, err := c.send(ctx, request, "the new page")
	if err != nil {
		return failed(err), explainWrite(err, "the new page")
	}
	above := append(slices.Clone(parent.above), ancestor{parent.page.ID, "page"})
	want := place{page: &page{ID: made.ID, SpaceID: parent.space.ID, ParentID: parent.page.ID}, space: parent.space, above: above}
	want.page.Version.Number = made.Version.Number
	return c.written(ctx, &want, res)
}

func (c *Connector) actUpdate(ctx context.Context, at *place, request *atlassian.Request) (*gate.Result, error) {
	if err := c.unchanged(ctx, at); err != nil {
		return failed(err), err
	}
	what := "page " + at.page.ID
	made, res, err := c.send(ctx, request, what)
	if err != nil {
		return failed(err), explainWrite(err, what)
	}
	want := place{page: &page{ID: at.page.ID, SpaceID: at.page.SpaceID, ParentID: at.page.ParentID}, space: at.space, above: at.above}
	want.page.Version.Number = made.Version.Number
	return c.written(ctx, &want, res)
}

// unchanged looks again, before a write, whether a page is what and where it
// was when the write was decided, and labelled as the policy wants.
func (c *Connector) unchanged(ctx context.Context, at *place) error {
	now, _, err := c.unmoved(ctx, at, false)
	if err != nil {
		return err
	}
	if now.Version.Number != at.page.Version.Number || now.Title != at.page.Title {
		return fault("conflict", "page %s was changed meanwhile; read it again and write on version %d", at.page.ID, now.Version.Number)
	}
	return c.stillLabelled(ctx, at)
}

// send carries out a write. Errors are *atlassian.Error.
func (c *Connector) send(ctx context.Context, request *atlassian.Request, what string) (*page, *atlassian.Response, error) {
	// Once it is on its way it is seen through: a caller who hangs up must not
	// leave a write of which nobody knows the end. The client's own limits hold.
	res, err := c.write.Do(context.WithoutCancel(ctx), request)
	if err != nil {
		return nil, nil, err
	}
	p := new(page)
	if err := res.Glance(p); err != nil || !isID(p.ID) || p.Version.Number < 1 {
		c.log.WarnContext(ctx, "write answered in an unknown form", "what", what, "request", res.RequestID)
		return nil, nil, &atlassian.Error{
			Status: res.Status, Code: atlassian.Upstream, RequestID: res.RequestID, Account: res.Account, Uncertain: true,
		}
	}
	return p, res, nil
}

// written looks, after a write, at what has become of it. The write has
// happened in any case; a page that ended up elsewhere, or as another version,
// is a matter for a person.
func (c *Connector) written(ctx context.Context, want *place, res *atlassian.Response) (*gate.Result, error) {
	target := &policy.Resource{Type: "page", ID: want.page.ID, Version: want.page.version()}
	now, _, err := c.unmoved(context.WithoutCancel(ctx), want, false)
	if err == nil && now.Version.Number != want.page.Version.Number {
		err = fault("conflict", "page %s was written, and changed by somebody at the same moment; have a person look at it", want.page.ID)
	} else if err != nil {
		c.log.WarnContext(ctx, "write not confirmed", "page", want.page.ID, "err", err)
		err = fault("unconfirmed", "page %s was written as version %s, but is not found where it should be; have a person look at it", want.page.ID, want.page.version())
	}
	var body []byte
	if err == nil {
		body, err = encode(writing{c.shown(now, shownSpace{want.space.ID, want.space.Key})})
	}
	result := done(res, body)
	result.Outcome.Target = target
	if err != nil {
		result.Outcome.Code = failed(err).Outcome.Code
	}
	return result, err
}
