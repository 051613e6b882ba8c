// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"time"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// A Shadow is a candidate that runs beside a policy.
type Shadow struct {
	Candidate seal.Hash `json:"candidate"`
	Since     time.Time `json:"since"`
}

// Shadows are the candidates that run beside a policy, in the order of their
// starting.
type Shadows struct {
	Shadows []Shadow `json:"shadows"`
}

// Shadowing starts a candidate beside a policy, or stops it.
type Shadowing struct {
	Candidate seal.Hash `json:"candidate"`
	Stop      bool      `json:"stop,omitzero"`
}

// A Replay asks what a WPC, which need not be published, would have said of past
// calls. It is answered a page at a time.
type Replay struct {
	Policy  string          `json:"policy"`            // the WPC's text
	Since   time.Time       `json:"since,omitzero"`    // absent: from the first receipt on
	Job     string          `json:"job,omitzero"`      // absent: all jobs
	Names   []policy.Bound  `json:"names,omitempty"`   // as the page before had them; absent: what they lead to now
	Servers []policy.Server `json:"servers,omitempty"` // the same
	After   *Mark           `json:"after,omitzero"`    // where the page before ended
}

// A Mark is a place among the receipts of all jobs.
type Mark struct {
	At  time.Time `json:"at"`
	Job string    `json:"job"`
	Seq uint64    `json:"seq"`
}

// Replayed is a page of a Replay.
type Replayed struct {
	Policy      seal.Hash       `json:"policy"`
	Names       []policy.Bound  `json:"names"`
	Servers     []policy.Server `json:"servers,omitempty"`
	Calls       int             `json:"calls"` // decided ones on this page
	Differences []Difference    `json:"differences"`
	Next        *Mark           `json:"next,omitzero"` // absent: this was the last page
}

// A Difference is a past call that the candidate decides otherwise, or of which
// that is not known.
type Difference struct {
	Mark
	Call  string           `json:"call,omitzero"` // its full name; absent with Was, if the receipt is damaged
	Was   *policy.Decision `json:"was,omitzero"`
	Would receipt.Verdict  `json:"would"`
}

// Shadow starts a candidate beside a policy, or stops it, and returns all that
// run beside it then.
func (c *Client) Shadow(ctx context.Context, h seal.Hash, s *Shadowing) (*Shadows, error) {
	return call[Shadows](ctx, c, "POST", "/v1/wpc/"+h.String()+"/shadow", s)
}

// Replay returns a page of what a WPC would have said of past calls.
func (c *Client) Replay(ctx context.Context, r *Replay) (*Replayed, error) {
	return call[Replayed](ctx, c, "POST", "/v1/wpc/replay", r)
}
