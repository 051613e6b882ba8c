// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
)

// The bounds of what an attachment may hold to be shown, in bytes.
const (
	maxText   = 256 << 10
	maxBinary = 32 << 10
)

// A comment is what we use of Confluence's comments.
type comment struct {
	ID         string  `json:"id"`
	PageID     string  `json:"pageId"`
	ParentID   string  `json:"parentCommentId"`
	Status     string  `json:"status"`
	Version    version `json:"version"`
	Body       stored  `json:"body"`
	Resolution string  `json:"resolutionStatus"` // of comments on words
}

type shownComment struct {
	ID      string `json:"id"`
	Kind    string `json:"kind"`   // "footer" or "inline"
	Author  string `json:"author"` // account
	At      string `json:"at"`
	Version int    `json:"version"`
	Body    string `json:"body"`
	State   string `json:"state,omitempty"` // of an inline one: "open", "resolved", …
}

// A discussion is what page.comments returns.
type discussion struct {
	Comments  []shownComment `json:"comments"`
	More      bool           `json:"more"` // there are others
	Format    string         `json:"format"`
	Untrusted bool           `json:"untrusted"`
	Source    source         `json:"source"`
}

func (c *Connector) planComments(ctx context.Context, raw []byte, bounds []policy.Bound) (*gate.Plan, error) {
	args, err := parseList(raw)
	if err != nil {
		return nil, err
	}
	return c.planRead(ctx, actionComments, args.PageID, bounds, func(ctx context.Context, at *place) (*gate.Result, error) {
		return c.actComments(ctx, at, *args.Limit)
	})
}

func (c *Connector) actComments(ctx context.Context, at *place, limit int) (*gate.Result, error) {
	out := discussion{Comments: []shownComment{}, Format: "storage", Untrusted: true, Source: c.source(at, at.page)}
	var answer *atlassian.Response
	for _, kind := range []string{"footer", "inline"} {
		list, more, res, err := c.comments(ctx, at.page.ID, kind, limit+1)
		if err != nil {
			return failed(err), err
		}
		answer, out.More = res, out.More || more
		for _, m := range list {
			body, _ := cut(m.Body.Storage.Value, maxComment)
			out.Comments = append(out.Comments, shownComment{m.ID, kind, account(m.Version.AuthorID), m.Version.CreatedAt, m.Version.Number, body, atlassian.Clean(m.Resolution, 20)})
		}
	}
	slices.SortStableFunc(out.Comments, func(a, b shownComment) int { return strings.Compare(b.At, a.At) })
	if len(out.Comments) > limit {
		out.Comments, out.More = out.Comments[:limit], true
	}
	return c.shows(ctx, at, answer, out)
}

// comments reads the newest comments of a page, without replies, of a kind. It
// reports also whether Confluence says that there are others.
func (c *Connector) comments(ctx context.Context, id, kind string, limit int) (_ []comment, more bool, _ *atlassian.Response, _ error) {
	var list struct {
		Results []comment `json:"results"`
		Links   links     `json:"_links"`
	}
	query := url.Values{"body-format": {"storage"}, "sort": {"-created-date"}, "limit": {strconv.Itoa(limit)}}
	res, err := c.get(ctx, v2+"/pages/"+atlassian.Segment(id)+"/"+kind+"-comments", query, &list)
	if err != nil {
		return nil, false, nil, explain(err, "the comments of page "+id)
	}
	return slices.DeleteFunc(list.Results, func(m comment) bool { return !isID(m.ID) }), list.Links.Next != "", res, nil
}

// An attachment is what we use of Confluence's attachments.
type attachment struct {
	ID        string  `json:"id"`
	PageID    string  `json:"pageId"`
	Status    string  `json:"status"`
	Title     string  `json:"title"`
	MediaType string  `json:"mediaType"`
	Size      int64   `json:"fileSize"`
	Version   version `json:"version"`
}

type shownAttachment struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	MediaType string `json:"media_type"` // as the uploader said
	Size      int64  `json:"size"`
	Version   int    `json:"version"`
	At        string `json:"at"`
	Author    string `json:"author"` // account
}

func (a *attachment) shown() shownAttachment {
	return shownAttachment{a.ID, a.Title, atlassian.Clean(a.MediaType, 100), a.Size, a.Version.Number, a.Version.CreatedAt, account(a.Version.AuthorID)}
}

// A collection is what page.attachments returns.
type collection struct {
	Attachments []shownAttachment `json:"attachments"`
	More        bool              `json:"more"` // there are others
	Untrusted   bool              `json:"untrusted"`
	Source      source            `json:"source"`
}

func (c *Connector) planAttachments(ctx context.Context, raw []byte, bounds []policy.Bound) (*gate.Plan, error) {
	args, err := parseList(raw)
	if err != nil {
		return nil, err
	}
	return c.planRead(ctx, actionAttachments, args.PageID, bounds, func(ctx context.Context, at *place) (*gate.Result, error) {
		var list struct {
			Results []attachment `json:"results"`
		}
		query := url.Values{"status": {"current"}, "sort": {"-modified-date"}, "limit": {strconv.Itoa(*args.Limit + 1)}}
		answer, err := c.get(ctx, v2+"/pages/"+atlassian.Segment(at.page.ID)+"/attachments", query, &list)
		if err != nil {
			err = explain(err, "the attachments of page "+at.page.ID)
			return failed(err), err
		}
		out := collection{Attachments: []shownAttachment{}, More: len(list.Results) > *args.Limit, Untrusted: true, Source: c.source(at, at.page)}
		for _, a := range list.Results[:min(*args.Limit, len(list.Results))] {
			out.Attachments = append(out.Attachments, a.shown())
		}
		return c.shows(ctx, at, answer, out)
	})
}

// A holding is what attachment.get returns.
type holding struct {
	Attachment shownAttachment `json:"attachment"`
	Text       string          `json:"text,omitempty"`
	Base64     string          `json:"base64,omitempty"` // of what is not text
	Untrusted  bool            `json:"untrusted"`
	Source     source          `json:"source"`
}

func (c *Connector) planAttachment(ctx context.Context, raw []byte, bounds []policy.Bound) (*gate.Plan, error) {
	args, err := parseAttachment(raw)
	if err != nil {
		return nil, err
	}
	return c.planRead(ctx, actionAttachment, args.PageID, bounds, func(ctx context.Context, at *place) (*gate.Result, error) {
		return c.actAttachment(ctx, at, args.AttachmentID)
	})
}

func (c *Connector) actAttachment(ctx context.Context, at *place, id string) (*gate.Result, error) {
	a, err := c.attachment(ctx, at.page.ID, id)
	if err != nil {
		return failed(err), err
	}
	path := v1 + "/content/" + atlassian.Segment(at.page.ID) + "/child/attachment/" + atlassian.Segment(a.ID) + "/download"
	query := url.Values{"version": {strconv.Itoa(a.Version.Number)}}
	file, err := c.read.Fetch(ctx, &atlassian.Request{Method: http.MethodGet, Path: path, Query: query}, bound(a.MediaType))
	if err != nil {
		err = explain(err, "attachment "+a.ID)
		return failed(err), err
	}
	out := holding{Attachment: a.shown(), Untrusted: true, Source: c.source(at, at.page)}
	out.Source.Author = out.Attachment.Author
	switch {
	case isText(a.MediaType) && utf8.Valid(file.Body):
		out.Text = string(file.Body)
	case len(file.Body) > maxBinary:
		err := fault("too_large", "attachment %s is not the text that it says to be, and larger than %d bytes; have a person look at it", a.ID, maxBinary)
		return failed(err), err
	default:
		out.Base64 = base64.StdEncoding.EncodeToString(file.Body)
	}
	return c.shows(ctx, at, &atlassian.Response{Status: http.StatusOK, RequestID: file.RequestID, Account: file.Account}, out)
}

// attachment reads what an attachment is. It must be the page's, and small
// enough to be shown.
func (c *Connector) attachment(ctx context.Context, pageID, id string) (*attachment, error) {
	id = "att" + strings.TrimPrefix(id, "att")
	a := new(attachment)
	if _, err := c.get(ctx, v2+"/attachments/"+atlassian.Segment(id), nil, a); err != nil {
		return nil, explain(err, "attachment "+id)
	}
	switch {
	case a.PageID != pageID: // of which nothing is told
		return nil, fault("not_found", "page %s has no attachment %s; list its attachments", pageID, id)
	case a.ID != id || a.Version.Number < 1:
		return nil, fault("upstream", "Confluence answered with something else than attachment %s; try again later", id)
	case a.Status != "current":
		return nil, fault("not_current", "attachment %s is in the archive or in the trash; have a person restore it", id)
	case a.Size < 0 || a.Size > bound(a.MediaType):
		return nil, fault("too_large", "attachment %s has %d bytes, and at most %d of its type are shown; have a person look at it", id, a.Size, bound(a.MediaType))
	}
	return a, nil
}

func bound(mediaType string) int64 {
	if isText(mediaType) {
		return maxText
	}
	return maxBinary
}

// isText reports whether a media type is one of texts that people read.
func isText(mediaType string) bool {
	media, _, _ := strings.Cut(strings.ToLower(mediaType), ";")
	switch media = strings.TrimSpace(media); media {
	case "application/json", "application/yaml", "application/x-yaml", "application/xml", "application/toml", "application/sql":
		return true
	}
	return strings.HasPrefix(media, "text/")
}
