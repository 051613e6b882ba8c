// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	pagebody "github.com/clawea/clawea/internal/page"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// A creation is the body of the request that makes a page.
type creation struct {
	SpaceID  string      `json:"spaceId"`
	Status   string      `json:"status"`
	Title    string      `json:"title"`
	ParentID string      `json:"parentId"`
	Body     storageBody `json:"body"`
}

// propertyKey is the content property that names the receipt of a page that was
// made: its first version has no message.
const propertyKey = "clawea"

type property struct {
	Key   string        `json:"key"`
	Value propertyValue `json:"value"`
}

type propertyValue struct {
	Receipt string `json:"receipt"`
}

func (c *Connector) planCreate(ctx context.Context, raw []byte, bounds []policy.Bound) (*gate.Plan, error) {
	if err := c.changeable(atlassian.ForWriting); err != nil {
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
	call := c.writeCall(actionCreate, policy.Write, atlassian.ForWriting, res, parent.page)
	call.Fields = []string{"body", "title"}
	if !parent.open {
		return unopened(call), nil
	}
	if err := untaken(parent, res.Path, args.Title); err != nil {
		return nil, err
	}
	body, err := pagebody.Parse(pagebody.Storage, args.Body)
	if err != nil {
		return nil, refusedEdit(err)
	}
	return c.plan(ctx, call, c.creating(parent, body, args.Title))
}

// creating is the draft of a new page below parent.
func (c *Connector) creating(parent *place, body *pagebody.Body, title string) *draft {
	empty := nothing()
	above := append(slices.Clone(parent.above), ancestor{parent.page.ID, "page"})
	return &draft{
		what: "the new page", use: atlassian.ForWriting, method: http.MethodPost, path: v2 + "/pages",
		body: func(string) any {
			return creation{parent.space.ID, "current", title, parent.page.ID, storageBody{"storage", body.Text}}
		},
		change: &receipt.Change{
			Summary: fmt.Sprintf("Create a page below page %s in %s", parent.page.ID, parent.space.Key),
			Undo:    recipe{}.undo(actionTrash),
			Diff:    join(pagebody.DiffFields([]pagebody.Field{field("title", "", title)}), pagebody.Diff(empty, body)),
		},
		check: func(ctx context.Context) error { return c.unchanged(ctx, parent, nil) },
		answer: func(res *atlassian.Response) (*policy.Resource, error) {
			p := new(page)
			if err := res.Glance(p); err != nil || !isID(p.ID) || p.Version.Number < 1 {
				return nil, errors.New("not a page")
			}
			return &policy.Resource{Type: "page", ID: p.ID, Version: p.version()}, nil
		},
		mark:    c.markPage,
		confirm: c.confirmed(parent, above, parent.space, title, &body.Text),
	}
}

// markPage names the receipt in a property of a page that was just made. If it
// does already, that is as good.
func (c *Connector) markPage(ctx context.Context, target *policy.Resource, receipt string) error {
	body, err := encode(property{propertyKey, propertyValue{receipt}})
	if err != nil {
		return err
	}
	path := v2 + "/pages/" + atlassian.Segment(target.ID) + "/properties"
	_, err = c.write.Do(ctx, &atlassian.Request{Method: http.MethodPost, Path: path, Body: body})
	if err == nil {
		return nil
	}
	if mark, failure := c.pageMark(ctx, target.ID); failure == nil && mark == receipt {
		return nil
	}
	return err
}

// pageMark returns the receipt that a page's property names, or "".
func (c *Connector) pageMark(ctx context.Context, id string) (string, error) {
	var list struct {
		Results []property `json:"results"`
	}
	query := url.Values{"key": {propertyKey}, "limit": {"1"}}
	if _, err := c.get(ctx, v2+"/pages/"+atlassian.Segment(id)+"/properties", query, &list); err != nil {
		return "", explain(err, "the properties of page "+id)
	}
	if len(list.Results) == 0 || list.Results[0].Key != propertyKey || checkUndoes(list.Results[0].Value.Receipt) != nil {
		return "", nil
	}
	return list.Results[0].Value.Receipt, nil
}

func (c *Connector) planMove(ctx context.Context, raw []byte, bounds []policy.Bound) (*gate.Plan, error) {
	args, err := parseMove(raw)
	if err != nil {
		return nil, err
	}
	use := credentialFor(args.Undoes)
	if err := c.changeable(use); err != nil {
		return nil, err
	}
	at, res, err := c.locate(ctx, args.PageID, bounds)
	if err != nil {
		return nil, err
	}
	to, toRes, err := c.locate(ctx, args.TargetID, bounds)
	if err != nil {
		return nil, err
	}
	call := c.writeCall(actionMove, policy.Write, use, res, at.page)
	call.Resources = append(call.Resources, toRes)
	call.Fields = []string{"parent"}
	if !at.open || !to.open {
		return unopened(call), nil
	}
	if err := c.movable(ctx, at, res.Path, args.Version); err != nil {
		return nil, err
	}
	switch {
	case slices.Contains(to.chain(), at.page.ID):
		return nil, fault("bad_argument", "page %s lies below page %s; write another target_id", to.page.ID, at.page.ID)
	case at.parent() == to.page.ID:
		return nil, fault("no_change", "page %s is right below page %s already; there is nothing to do", at.page.ID, to.page.ID)
	}
	w := &passage{at: at, to: to, from: res.Path, by: inside(to, toRes.Path), undoes: args.Undoes}
	if err := unnamed(to, append(slices.Clone(w.by), policy.Place{Name: at.page.Title})); err != nil {
		return nil, err
	}
	if w.with, err = c.along(ctx, at, w.from, w.by); err != nil {
		return nil, err
	}
	return c.plan(ctx, call, c.moving(w))
}

// movable refuses to take a page from its place on an old version, from the top of
// its space, or where the policy's names would lead elsewhere, or nowhere.
func (c *Connector) movable(ctx context.Context, at *place, path []policy.Place, based int) error {
	switch {
	case at.page.Version.Number != based:
		return newer(at.page, strconv.Itoa(based))
	case at.page.ID == at.space.HomepageID || at.parent() == "":
		return fault("bad_argument", "page %s is at the top of its space; have a person move it", at.page.ID)
	}
	return c.upheld(ctx, at, path)
}

// A passage is a page's move to the end of what is below another.
type passage struct {
	at, to   *place
	from, by []policy.Place // the page's path, and that of what it comes below
	with     []descendant   // what lies below the page
	undoes   string
}

// moving is the draft of a passage.
func (c *Connector) moving(w *passage) *draft {
	at, to, p := w.at, w.to, w.at.page
	undo := recipe{PageID: p.ID, TargetID: p.ParentID}.undo(actionMove)
	if last := at.above[len(at.above)-1]; last.Type != "page" {
		undo = irreversible(fmt.Sprintf("The page lay in a %s, into which pages are not moved back here; a person can.", last.Type))
	}
	with := "with nothing below it"
	if len(w.with) > 0 {
		with = "with " + counted(w.with) + " below it"
	}
	above := append(slices.Clone(to.above), ancestor{to.page.ID, "page"})
	return &draft{
		what: "page " + p.ID, use: credentialFor(w.undoes), method: http.MethodPut,
		path: v1 + "/content/" + atlassian.Segment(p.ID) + "/move/append/" + atlassian.Segment(to.page.ID),
		change: &receipt.Change{
			Summary: fmt.Sprintf("Move page %s, %s, from below page %s in %s to below page %s in %s", p.ID, with, p.ParentID, at.space.Key, to.page.ID, to.space.Key),
			Target:  &policy.Resource{Type: "page", ID: p.ID, Version: p.version()},
			Before:  remember(preImage{Version: p.Version.Number, Title: p.Title, SpaceID: p.SpaceID, ParentID: p.ParentID}),
			Undo:    undo, Undoes: w.undoes,
			Diff: pagebody.DiffFields([]pagebody.Field{
				field("parent", p.ParentID, to.page.ID), field("space", at.space.Key, to.space.Key), field("moved", "", "page "+p.ID+", "+with),
			}),
		},
		check:   func(ctx context.Context) error { return c.passable(ctx, w) },
		answer:  moved(p),
		confirm: c.confirmed(at, above, to.space, p.Title, nil),
	}
}

// passable looks again, right before, whether a page, what is below it and what it
// comes below are what and where they were.
func (c *Connector) passable(ctx context.Context, w *passage) error {
	if err := c.unchanged(ctx, w.at, nil); err != nil {
		return err
	}
	if _, _, err := c.unmoved(ctx, w.to, false); err != nil {
		return err
	}
	if err := firstError(c.unrestricted(ctx, w.to), c.stillLabelled(ctx, w.to)); err != nil {
		return err
	}
	with, err := c.along(ctx, w.at, w.from, w.by)
	if err == nil && !slices.Equal(with, w.with) {
		err = fault("conflict", "what lies below page %s was changed meanwhile; ask again", w.at.page.ID)
	}
	return err
}

// moved reads from the answer to a move which version it made: in Cloud none, so
// that it says nothing of it.
func moved(p *page) func(*atlassian.Response) (*policy.Resource, error) {
	return func(res *atlassian.Response) (*policy.Resource, error) {
		made := page{Version: p.Version}
		if err := res.Glance(&made); err != nil || made.Version.Number < p.Version.Number {
			return nil, errors.New("not a page that was moved")
		}
		return &policy.Resource{Type: "page", ID: p.ID, Version: made.version()}, nil
	}
}

func (c *Connector) planRestore(ctx context.Context, raw []byte, bounds []policy.Bound) (*gate.Plan, error) {
	if err := c.changeable(atlassian.ForUndoing); err != nil {
		return nil, err
	}
	args, err := parseRestore(raw)
	if err != nil {
		return nil, err
	}
	at, res, err := c.locate(ctx, args.PageID, bounds)
	if err != nil {
		return nil, err
	}
	call := c.writeCall(actionRestore, policy.Admin, atlassian.ForUndoing, res, at.page)
	call.Fields = []string{"body", "message", "title"}
	if !at.open {
		return unopened(call), nil
	}
	before, err := c.basis(ctx, at, args.Version)
	if err != nil {
		return nil, err
	}
	old, _, err := c.getVersion(ctx, at.page.ID, args.Old)
	if err != nil {
		return nil, err
	}
	if old.Title != at.page.Title {
		if err := c.renamable(ctx, at, res.Path, old.Title); err != nil {
			return nil, err
		}
	}
	after, err := pagebody.Parse(pagebody.Storage, old.Body.Storage.Value)
	if err != nil {
		return nil, fault("unreadable", "version %d of page %s cannot be read for certain: %s; have a person restore it", args.Old, at.page.ID, oneLine(err))
	}
	call.Categories = categories(before, after)
	return c.plan(ctx, call, c.restoring(at, old, before, after, args))
}

// categories says what else it is to write a body that agents did not bring: a
// mention that is not there now tells somebody, and an image may be fetched from
// elsewhere by whoever reads the page.
func categories(before, after *pagebody.Body) []string {
	for _, back := range pagebody.Losses(after, before) {
		if back.Kind == pagebody.Mention || back.Kind == pagebody.Image {
			return []string{"external_send"}
		}
	}
	return nil
}

// A restoration is the body of the request that makes an old version the newest.
type restoration struct {
	Operation string            `json:"operationKey"`
	Params    restorationParams `json:"params"`
}

type restorationParams struct {
	Version      int    `json:"versionNumber"`
	Message      string `json:"message"`
	RestoreTitle bool   `json:"restoreTitle"`
}

// restoring is the draft of a restored version. Confluence compares no versions
// here, so that is done right before, and shows right after.
func (c *Connector) restoring(at *place, old *page, before, after *pagebody.Body, args *restoreArgs) *draft {
	p := at.page
	d := c.rewriting(at, before, after, old.Title, args.Message)
	d.use, d.method, d.path = atlassian.ForUndoing, http.MethodPost, v1+"/content/"+atlassian.Segment(p.ID)+"/version"
	d.body = func(receipt string) any {
		return restoration{"restore", restorationParams{args.Old, marked(args.Message, receipt), true}}
	}
	d.change.Summary = fmt.Sprintf("Restore version %d of page %s in %s", args.Old, p.ID, at.space.Key)
	d.change.Request.Mark, d.change.Undoes = "/params/message", args.Undoes
	d.answer = func(res *atlassian.Response) (*policy.Resource, error) {
		var made version
		if err := res.Glance(&made); err != nil || made.Number <= p.Version.Number {
			return nil, errors.New("not a new version")
		}
		return &policy.Resource{Type: "page", ID: p.ID, Version: strconv.Itoa(made.Number)}, nil
	}
	confirm := d.confirm
	d.confirm = func(ctx context.Context, target *policy.Resource) (any, error) {
		shown, err := confirm(ctx, target)
		if err == nil && target.Version != strconv.Itoa(p.Version.Number+1) {
			err = fault("conflict", "version %d of page %s was restored, over what somebody wrote at the same moment; have a person look at its versions", args.Old, p.ID)
		}
		return shown, err
	}
	return d
}
