// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package datacenter

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"github.com/clawea/clawea/internal/atlassian"
)

// A writing is content as the site takes it.
type writing struct {
	ID        string         `json:"id,omitempty"`
	Type      string         `json:"type"`
	Status    string         `json:"status,omitempty"`
	Title     string         `json:"title,omitempty"`
	Space     *spaceKey      `json:"space,omitempty"`
	Ancestors []reference    `json:"ancestors,omitempty"`
	Container *container     `json:"container,omitempty"`
	Body      *shownBody     `json:"body,omitempty"`
	Version   *writtenNumber `json:"version,omitempty"`
}

type spaceKey struct {
	Key string `json:"key"`
}

type reference struct {
	ID string `json:"id"`
}

type container struct {
	ID   string `json:"id"`
	Type string `json:"type"`
}

type writtenNumber struct {
	Number  int    `json:"number"`
	Message string `json:"message,omitempty"`
}

// sends is the request that carries a writing.
func sends(method, path, mark string, w *writing) (*atlassian.Request, error) {
	body, err := canonical(w)
	if err != nil {
		return nil, refusedBody()
	}
	return &atlassian.Request{Method: method, Path: path, Body: body, Mark: mark}, nil
}

func refusedBody() error {
	return &atlassian.Error{Code: atlassian.Invalid, Message: "a body of an unknown form"}
}

// versionMark is where the receipt's name goes: behind the message of a version.
const versionMark = "/version/message"

// markFrom is versionMark if Cloud's request has a place for it, too.
func markFrom(t *trip) string {
	if t.Mark == "" {
		return ""
	}
	return versionMark
}

func (c *confluence) formCreate(ctx context.Context, t *trip) (*atlassian.Request, error) {
	var in struct {
		SpaceID  string `json:"spaceId"`
		Status   string `json:"status"`
		Title    string `json:"title"`
		ParentID string `json:"parentId"`
		Body     body   `json:"body"`
	}
	if strict(t.Body, &in) != nil || in.Status != "current" || in.Body.Representation != "storage" || in.ParentID == "" {
		return nil, refusedBody()
	}
	s, _, err := c.byID(ctx, t, in.SpaceID)
	if err != nil {
		return nil, err
	}
	return sends("POST", content, "", &writing{
		Type: "page", Status: "current", Title: in.Title, Space: &spaceKey{s.Key}, Ancestors: []reference{{in.ParentID}}, Body: &shownBody{in.Body},
	})
}

// formUpdate writes a page's next version, or takes it out of the trash: which of
// the two, only the page's status tells.
func formUpdate(_ context.Context, t *trip) (*atlassian.Request, error) {
	var in struct {
		ID      string        `json:"id"`
		Status  string        `json:"status"`
		Title   string        `json:"title"`
		Body    body          `json:"body"`
		Version writtenNumber `json:"version"`
	}
	if strict(t.Body, &in) != nil || in.ID != t.part[0] || in.Status != "current" || in.Body.Representation != "storage" || in.Version.Number < 2 {
		return nil, refusedBody()
	}
	return sends("PUT", contentPath(in.ID), markFrom(t), &writing{
		ID: in.ID, Type: "page", Status: "current", Title: in.Title, Body: &shownBody{in.Body}, Version: &in.Version,
	})
}

// formTrash moves a page to the trash. Content of other types would be deleted for
// good, so it must be a page.
func formTrash(ctx context.Context, t *trip) (*atlassian.Request, error) {
	if _, _, err := t.read(ctx, t.part[0], "page", nil); err != nil {
		return nil, err
	}
	return &atlassian.Request{Method: "DELETE", Path: contentPath(t.part[0])}, nil
}

// formUncomment deletes a comment: not a page, which has the same path here.
func formUncomment(ctx context.Context, t *trip) (*atlassian.Request, error) {
	if _, _, err := t.remark(ctx, t.part[0]); err != nil {
		return nil, err
	}
	return &atlassian.Request{Method: "DELETE", Path: contentPath(t.part[0])}, nil
}

func formProperty(_ context.Context, t *trip) (*atlassian.Request, error) {
	return &atlassian.Request{Method: "POST", Path: contentPath(t.part[0], "property"), Body: t.Body, Mark: t.Mark}, nil
}

func formLabel(_ context.Context, t *trip) (*atlassian.Request, error) {
	return &atlassian.Request{Method: t.Method, Path: contentPath(t.part[0], "label"), Query: t.Query, Body: t.Body}, nil
}

func formComment(_ context.Context, t *trip) (*atlassian.Request, error) {
	var in struct {
		PageID string `json:"pageId"`
		Body   body   `json:"body"`
	}
	if strict(t.Body, &in) != nil || in.PageID == "" || in.Body.Representation != "storage" {
		return nil, refusedBody()
	}
	return sends("POST", content, "", &writing{Type: "comment", Container: &container{in.PageID, "page"}, Body: &shownBody{in.Body}})
}

// formMove puts a page below another of the same space, by writing its next version
// with the same title and body.
func (c *confluence) formMove(ctx context.Context, t *trip) (*atlassian.Request, error) {
	now, err := c.based(ctx, t, url.Values{"expand": {pageParts + ",body.storage"}})
	if err != nil {
		return nil, err
	}
	to, _, err := t.read(ctx, t.part[1], "page", url.Values{"expand": {"space"}})
	if err != nil {
		return nil, err
	}
	if to.Space.ID != now.Space.ID {
		return nil, notOffered("moving a page to another space")
	}
	return sends("PUT", contentPath(now.ID), "", &writing{
		ID: now.ID, Type: "page", Status: "current", Title: now.Title, Ancestors: []reference{{to.ID}},
		Body: &shownBody{body{now.Body.Storage.Value, "storage"}}, Version: &writtenNumber{Number: t.Based + 1},
	})
}

// based reads the page as it is now, if that is the version that the change is based on.
func (c *confluence) based(ctx context.Context, t *trip, q url.Values) (*piece, error) {
	if t.Based < 1 {
		return nil, &atlassian.Error{Code: atlassian.Invalid, Message: "a change that is based on no version"}
	}
	now, res, err := t.read(ctx, t.part[0], "page", q)
	if err == nil && (now.Version.Number != t.Based || now.Status != "current") {
		err = &atlassian.Error{Status: 409, Code: atlassian.Conflict, Message: "the page has another version now", RequestID: res.RequestID, Account: res.Account}
	}
	return now, err
}

// formRestore writes what an old version held as the next one: there is no call for
// that here. Unlike Cloud's, it is compared with the version that is there.
func (c *confluence) formRestore(ctx context.Context, t *trip) (*atlassian.Request, error) {
	var in struct {
		Operation string `json:"operationKey"`
		Params    struct {
			Version      int    `json:"versionNumber"`
			Message      string `json:"message"`
			RestoreTitle bool   `json:"restoreTitle"`
		} `json:"params"`
	}
	if strict(t.Body, &in) != nil || in.Operation != "restore" || in.Params.Version < 1 || !in.Params.RestoreTitle {
		return nil, refusedBody()
	}
	if _, err := c.based(ctx, t, url.Values{"expand": {pageParts}}); err != nil {
		return nil, err
	}
	q := url.Values{"version": {strconv.Itoa(in.Params.Version)}, "body-format": {"storage"}}
	old, res, err := t.read(ctx, t.part[0], "page", pageQuery(q))
	if err == nil && old.Version.Number != in.Params.Version {
		err = strange(res)
	}
	if err != nil {
		return nil, err
	}
	return sends("PUT", contentPath(t.part[0]), markFrom(t), &writing{
		ID: t.part[0], Type: "page", Status: "current", Title: old.Title, Body: &shownBody{body{old.Body.Storage.Value, "storage"}},
		Version: &writtenNumber{t.Based + 1, in.Params.Message},
	})
}

// made reads the answer to a writing.
func made(res *atlassian.Response, typ string) (*piece, error) {
	f := new(piece)
	if err := res.Glance(f); err != nil || f.Type != typ || f.ID == "" || f.Version.Number < 1 {
		return nil, lost(res)
	}
	return f, nil
}

func (c *confluence) answerPage(_ context.Context, _ *trip, res *atlassian.Response) (*atlassian.Response, error) {
	f, err := made(res, "page")
	if err != nil {
		return nil, err
	}
	return answer(res, f.page(false))
}

func answerComment(_ context.Context, t *trip, res *atlassian.Response) (*atlassian.Response, error) {
	f, err := made(res, "comment")
	if err != nil {
		return nil, err
	}
	return answer(res, f.comment(""))
}

// answerMove says which version the move has made, which Cloud's does not.
func answerMove(_ context.Context, t *trip, res *atlassian.Response) (*atlassian.Response, error) {
	f, err := made(res, "page")
	if err != nil {
		return nil, err
	}
	return answer(res, struct {
		PageID  string        `json:"pageId"`
		Version *shownVersion `json:"version"`
	}{f.ID, f.Version.shown()})
}

func answerRestore(_ context.Context, _ *trip, res *atlassian.Response) (*atlassian.Response, error) {
	f, err := made(res, "page")
	if err != nil {
		return nil, err
	}
	return answer(res, f.Version.shown())
}

// Back implements [atlassian.Driver], for what looking for a change reads of its
// request. Other requests are returned as they are.
func (c *confluence) Back(ctx context.Context, form *atlassian.Request, send atlassian.Send) (*atlassian.Request, error) {
	t := &trip{Request: form, send: send}
	var w writing
	if form.Body == nil || strings.HasSuffix(form.Path, "/label") || strict(form.Body, &w) != nil {
		return form, nil
	}
	switch {
	case form.Method == "PUT" && len(w.Ancestors) == 1:
		return &atlassian.Request{Method: "PUT", Path: cloud1 + "/content/" + atlassian.Segment(w.ID) + "/move/append/" + atlassian.Segment(w.Ancestors[0].ID)}, nil
	case form.Method == "POST" && w.Type == "comment" && w.Container != nil && w.Body != nil:
		return back("/footer-comments", struct {
			PageID string `json:"pageId"`
			Body   body   `json:"body"`
		}{w.Container.ID, w.Body.Storage})
	case form.Method == "POST" && w.Type == "page" && w.Space != nil && len(w.Ancestors) == 1 && w.Body != nil:
		s, _, err := c.byKey(ctx, t, w.Space.Key)
		if err != nil {
			return nil, err
		}
		return back("/pages", struct {
			SpaceID  string `json:"spaceId"`
			Status   string `json:"status"`
			Title    string `json:"title"`
			ParentID string `json:"parentId"`
			Body     body   `json:"body"`
		}{s.id(), "current", w.Title, w.Ancestors[0].ID, w.Body.Storage})
	}
	return form, nil
}

func back(path string, v any) (*atlassian.Request, error) {
	b, err := canonical(v)
	return &atlassian.Request{Method: "POST", Path: cloud2 + path, Body: b}, err
}
