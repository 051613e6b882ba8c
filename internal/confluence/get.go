// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"context"
	"unicode/utf8"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	pagebody "github.com/clawea/clawea/internal/page"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// A source says where text comes from that is not to be trusted.
type source struct {
	Site    string `json:"site"`
	PageID  string `json:"page_id,omitempty"`
	Version int    `json:"version,omitempty"`
	URL     string `json:"url,omitempty"`
	Author  string `json:"author,omitempty"` // the account that wrote this version
}

type shownSpace struct {
	ID  string `json:"id"`
	Key string `json:"key"`
}

type shownPage struct {
	ID         string     `json:"id"`
	Title      string     `json:"title"`
	Space      shownSpace `json:"space"`
	ParentID   string     `json:"parent_id,omitempty"`
	Version    int        `json:"version"`
	CreatedAt  string     `json:"created_at,omitempty"`
	ModifiedAt string     `json:"modified_at,omitempty"`
	URL        string     `json:"url"`
}

func (c *Connector) shown(p *page, s shownSpace) shownPage {
	return shownPage{
		ID: p.ID, Title: p.Title, Space: s, ParentID: p.ParentID, Version: p.Version.Number,
		CreatedAt: p.CreatedAt, ModifiedAt: p.Version.CreatedAt, URL: c.url(s.Key, p.ID),
	}
}

// A shownBlock is a piece of the body that page.edit can name.
type shownBlock struct {
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	Begins string `json:"begins,omitempty"` // its first characters, as they are written
}

// A reading is what page.get and page.version return.
type reading struct {
	Page      shownPage    `json:"page"`
	Body      string       `json:"body"`
	Format    string       `json:"format"`
	Truncated bool         `json:"truncated"`
	Blocks    []shownBlock `json:"blocks,omitempty"` // of the body as shown, in its order
	Untrusted bool         `json:"untrusted"`
	Source    source       `json:"source"`
}

// The bounds of the list of blocks.
const (
	maxBlocks = 1000
	maxBegins = 60
)

func (c *Connector) planGet(ctx context.Context, raw []byte, bounds []policy.Bound) (*gate.Plan, error) {
	args, err := parseGet(raw)
	if err != nil {
		return nil, err
	}
	return c.planRead(ctx, actionGet, args.PageID, bounds, func(ctx context.Context, at *place) (*gate.Result, error) {
		return c.actGet(ctx, at, *args.MaxBytes)
	})
}

// planRead plans a call that reads a page, or something of it, and uses one page
// of what the job may.
func (c *Connector) planRead(ctx context.Context, action, id string, bounds []policy.Bound, act func(context.Context, *place) (*gate.Result, error)) (*gate.Plan, error) {
	at, res, err := c.locate(ctx, id, bounds)
	if err != nil {
		return nil, err
	}
	call := c.call(action, policy.Read, atlassian.ForReading)
	call.Resources = []policy.Resource{res}
	call.Uses = map[string]int{"pages": 1}
	return &gate.Plan{Call: call, Act: func(ctx context.Context, _ *receipt.Receipt) (*gate.Result, error) {
		return act(ctx, at)
	}}, nil
}

// shows is the result of a read that shows v, if the page is still where the
// decision saw it: what has moved out of the policy is not shown.
func (c *Connector) shows(ctx context.Context, at *place, answer *atlassian.Response, v any) (*gate.Result, error) {
	_, _, err := c.unmoved(ctx, at, false)
	if err == nil {
		err = firstError(c.unrestricted(ctx, at), c.stillLabelled(ctx, at))
	}
	if err != nil {
		return failed(err), err
	}
	body, err := encode(v)
	if err != nil {
		return failed(err), err
	}
	return done(answer, body), nil
}

func (c *Connector) actGet(ctx context.Context, at *place, maxBytes int) (*gate.Result, error) {
	p, answer, err := c.unmoved(ctx, at, true)
	if err == nil { // after the body, so that nothing is shown that was written when it was restricted, or the label gone
		err = firstError(c.unrestricted(ctx, at), c.stillLabelled(ctx, at))
	}
	if err != nil {
		return failed(err), err
	}
	out := c.reading(at, p, maxBytes)
	out.Blocks = blocks(p.Body.Storage.Value, len(out.Body))
	body, err := encode(out)
	if err != nil {
		return failed(err), err
	}
	return done(answer, body), nil
}

// reading shows a page in one of its versions.
func (c *Connector) reading(at *place, p *page, maxBytes int) *reading {
	out := &reading{
		Page: c.shown(p, shownSpace{at.space.ID, at.space.Key}), Format: "storage", Untrusted: true,
		Source: c.source(at, p),
	}
	out.Body, out.Truncated = cut(p.Body.Storage.Value, maxBytes)
	return out
}

func (c *Connector) source(at *place, p *page) source {
	return source{c.site, p.ID, p.Version.Number, c.url(at.space.Key, p.ID), account(p.Version.AuthorID)}
}

// blocks lists the blocks of a body that begin in its first n bytes. A body that
// cannot be read has none, and can only be replaced as a whole.
func blocks(text string, n int) []shownBlock {
	parsed, err := pagebody.Parse(pagebody.Storage, text)
	if err != nil {
		return nil
	}
	var out []shownBlock
	parsed.All(func(b *pagebody.Block) {
		if b.From < n && len(out) < maxBlocks {
			begins, _ := cut(parsed.Source(b), maxBegins)
			out = append(out, shownBlock{b.Name, b.Kind, begins})
		}
	})
	return out
}

// account keeps of an account's id what is fit for messages and results.
func account(id string) string { return atlassian.Clean(id, 128) }

// cut returns the beginning of s, of at most n bytes and whole characters.
func cut(s string, n int) (string, bool) {
	if len(s) <= n {
		return s, false
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n], true
}
