// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"context"
	"unicode/utf8"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// A source says where text comes from that is not to be trusted.
type source struct {
	Site    string `json:"site"`
	PageID  string `json:"page_id,omitempty"`
	Version int    `json:"version,omitempty"`
	URL     string `json:"url,omitempty"`
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

// A reading is what page.get returns.
type reading struct {
	Page      shownPage `json:"page"`
	Body      string    `json:"body"`
	Format    string    `json:"format"`
	Truncated bool      `json:"truncated"`
	Untrusted bool      `json:"untrusted"`
	Source    source    `json:"source"`
}

func (c *Connector) planGet(ctx context.Context, raw []byte, bounds []policy.Bound) (*gate.Plan, error) {
	args, err := parseGet(raw)
	if err != nil {
		return nil, err
	}
	at, res, err := c.locate(ctx, args.PageID, bounds)
	if err != nil {
		return nil, err
	}
	call := c.call(actionGet, policy.Read)
	call.Resources = []policy.Resource{res}
	call.Uses = map[string]int{"pages": 1}
	return &gate.Plan{Call: call, Act: func(ctx context.Context, _ *receipt.Receipt) (*gate.Result, error) {
		return c.actGet(ctx, at, *args.MaxBytes)
	}}, nil
}

func (c *Connector) actGet(ctx context.Context, at *place, maxBytes int) (*gate.Result, error) {
	p, answer, err := c.unmoved(ctx, at, true)
	if err == nil { // after the body, so that nothing is shown that was written when the label was gone
		err = c.stillLabelled(ctx, at)
	}
	if err != nil {
		return failed(err), err
	}
	out := reading{
		Page: c.shown(p, shownSpace{at.space.ID, at.space.Key}), Format: "storage", Untrusted: true,
		Source: source{c.site, p.ID, p.Version.Number, c.url(at.space.Key, p.ID)},
	}
	out.Body, out.Truncated = cut(p.Body.Storage.Value, maxBytes)
	body, err := encode(out)
	if err != nil {
		return failed(err), err
	}
	return done(answer, body), nil
}

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
