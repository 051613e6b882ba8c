// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/clawea/clawea/seal"
)

// A PublicationOrder asks for a job's bundle to be published, as it stands now.
type PublicationOrder struct {
	Job      string    `json:"job"`
	Disclose string    `json:"disclose,omitzero"` // "none" (the default), "all" or numbers of receipts: "12,13"
	Until    time.Time `json:"until,omitzero"`    // it is deleted after that; absent: as the house does
	Ever     bool      `json:"ever,omitzero"`     // it is never deleted by itself
}

// A Publication is a published bundle. A list leaves out its events and links.
type Publication struct {
	ID      seal.Hash  `json:"id"` // of the bundle's file
	Job     string     `json:"job"`
	Size    int64      `json:"size"`
	By      string     `json:"by"`
	At      time.Time  `json:"at"`
	Until   *time.Time `json:"until,omitzero"` // it is deleted after that; absent: never
	HeldBy  string     `json:"held_by,omitzero"`
	Deleted *time.Time `json:"deleted,omitzero"`
	Links   int        `json:"links"` // that hold now
	Address string     `json:"address"`

	Events []PublicationEvent `json:"events,omitempty"`
	Shares []ShareLink        `json:"shares,omitempty"`
}

// A PublicationEvent is something that was done to a publication: "published",
// "shared", "unshared", "held", "released" or "deleted".
type PublicationEvent struct {
	What string    `json:"what"`
	By   string    `json:"by"`
	Note string    `json:"note,omitzero"`
	At   time.Time `json:"at"`
}

// A ShareLink is a link for somebody from outside. Its address is told once, when it
// is made.
type ShareLink struct {
	ID        seal.Hash  `json:"id"` // of its secret
	By        string     `json:"by"`
	Note      string     `json:"note"` // whom it is for
	Discloses string     `json:"discloses"`
	At        time.Time  `json:"at"`
	Expires   time.Time  `json:"expires"`
	Ended     *time.Time `json:"ended,omitzero"`

	Address string `json:"address,omitzero"` // secret, and only of a new one
}

// Publications are published bundles, the newest first.
type Publications struct {
	Publications []Publication `json:"publications"`
	Next         string        `json:"next,omitzero"` // asks for the rest; absent: this is all
}

// A ShareOrder asks for a link.
type ShareOrder struct {
	Note     string    `json:"note"`
	Until    time.Time `json:"until"`
	Disclose string    `json:"disclose,omitzero"`
}

// A Note says why.
type Note struct {
	Note string `json:"note,omitzero"`
}

// PublishJob publishes the bundle of a job.
func (c *Client) PublishJob(ctx context.Context, o *PublicationOrder) (*Publication, error) {
	return call[Publication](ctx, c, "POST", "/v1/publications", o)
}

// PublishFile publishes the file of a bundle, as it is.
func (c *Client) PublishFile(ctx context.Context, file []byte, until time.Time, ever bool) (*Publication, error) {
	q := url.Values{}
	if !until.IsZero() {
		q.Set("until", until.UTC().Format(time.RFC3339))
	}
	if ever {
		q.Set("ever", "true")
	}
	b, err := c.do(ctx, "POST", "/v1/publications/file?"+q.Encode(), file)
	if err != nil {
		return nil, err
	}
	return answer[Publication](b)
}

// Publications lists what is published. next is what an answer before said, or "".
func (c *Client) Publications(ctx context.Context, next string, limit int) (*Publications, error) {
	return call[Publications](ctx, c, "GET", "/v1/publications?"+url.Values{"before": {next}, "limit": {strconv.Itoa(limit)}}.Encode(), nil)
}

// Publication returns one with its events and links.
func (c *Client) Publication(ctx context.Context, id seal.Hash) (*Publication, error) {
	return call[Publication](ctx, c, "GET", "/v1/publications/"+id.String(), nil)
}

// Share makes a link.
func (c *Client) Share(ctx context.Context, id seal.Hash, o *ShareOrder) (*ShareLink, error) {
	return call[ShareLink](ctx, c, "POST", "/v1/publications/"+id.String()+"/share", o)
}

// Unshare ends a link.
func (c *Client) Unshare(ctx context.Context, link seal.Hash) error {
	_, err := call[struct{}](ctx, c, "POST", "/v1/publications/links/"+link.String()+"/end", nil)
	return err
}

// HoldPublication forbids to delete one.
func (c *Client) HoldPublication(ctx context.Context, id seal.Hash, note string) (*Publication, error) {
	return call[Publication](ctx, c, "POST", "/v1/publications/"+id.String()+"/hold", &Note{note})
}

// ReleasePublication ends that.
func (c *Client) ReleasePublication(ctx context.Context, id seal.Hash, note string) (*Publication, error) {
	return call[Publication](ctx, c, "POST", "/v1/publications/"+id.String()+"/release", &Note{note})
}

// DeletePublication deletes one for good.
func (c *Client) DeletePublication(ctx context.Context, id seal.Hash, note string) (*Publication, error) {
	return call[Publication](ctx, c, "POST", "/v1/publications/"+id.String()+"/delete", &Note{note})
}
