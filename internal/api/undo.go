// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"time"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// An Undo says how a job's changes are taken back, as things stand now.
type Undo struct {
	Job     string    `json:"job"`
	Stopped bool      `json:"stopped"`              // the job is revoked, as it must be before it is undone
	UndoJob string    `json:"undo_job"`             // the job to take them back in, under the policy that was asked about
	Policy  seal.Hash `json:"undo_policy,omitzero"` // the one that the house's configuration names for it
	Lock    string    `json:"lock,omitzero"`        // why the job's policy is to be locked before; absent: it is not
	Changes []Change  `json:"changes"`              // newest first

	// Hindered says why nothing of it would be let through under the policy that was
	// asked about; absent: nothing is known that stands in the way.
	Hindered *Hindrance `json:"hindered,omitzero"`
}

// A Hindrance is what is known to stand in the way, and what mends it.
type Hindrance struct {
	Says string `json:"says"`
	Hint string `json:"hint"`
}

// A Change is one that a job made, and how it is taken back.
type Change struct {
	Receipt string           `json:"receipt"` // the opened one: JOB/SEQ
	Seq     uint64           `json:"seq"`
	Call    string           `json:"call"` // the full name of its action
	At      time.Time        `json:"at"`
	Summary string           `json:"summary"`
	Target  *policy.Resource `json:"target,omitzero"` // what it made or changed, with the version after
	State   string           `json:"state"`           // "ready", "later", "blocked", "irreversible", "undone", "never" or "unclear"
	Why     string           `json:"why,omitzero"`    // of one that is not ready
	By      string           `json:"by,omitzero"`     // of one that is undone: the receipt of the call that did it

	// Hindered says, of one that is ready or later, why what takes it back would not
	// be let through under the policy that was asked about; absent: nothing is known.
	Hindered *Hindrance `json:"hindered,omitzero"`

	// Of one that is ready.
	Tool string          `json:"tool,omitzero"` // "confluence.page.restore"
	Args json.RawMessage `json:"args,omitzero"`
	Says string          `json:"says,omitzero"` // what the tool will do
}

// A Word is what a person says of a call of which the house cannot tell what
// became.
type Word struct {
	Seq      uint64 `json:"seq"`      // its opened receipt
	Happened *bool  `json:"happened"` //
	Reason   string `json:"reason"`   // how they know, for the log
}

// A Reconciliation compares a job's receipts with the systems' own history.
type Reconciliation struct {
	Job      string     `json:"job"`
	From     time.Time  `json:"from"` // the window: the job's life, and the margin around it
	To       time.Time  `json:"to"`   //
	Accounts []Accounts `json:"accounts"`
	Matches  []Match    `json:"matches"`
	Others   int        `json:"others"`   // changes in the window that receipts of other jobs explain
	Strange  []Event    `json:"strange"`  // changes that no receipt of the house explains
	Missing  []Claim    `json:"missing"`  // receipts whose changes the history does not have
	Unseen   []Claim    `json:"unseen"`   // receipts whose changes no history shows
	Notes    []string   `json:"notes"`    // what could not be compared
	Agreeing bool       `json:"agreeing"` // nothing is strange, missing or left out
}

// Accounts are those who acted in one system.
type Accounts struct {
	Tool string   `json:"tool"`
	IDs  []string `json:"ids"`
}

// An Event is a change that a system's own history has.
type Event struct {
	Tool     string          `json:"tool"`
	Resource policy.Resource `json:"resource"`
	What     string          `json:"what"`
	At       time.Time       `json:"at"`
	By       string          `json:"by"`
	Mark     string          `json:"mark,omitzero"` // the receipt that it names
}

// A Match is a receipt and the change that goes with it.
type Match struct {
	Receipt string `json:"receipt"`
	Event   Event  `json:"event"`
}

// A Claim is a receipt that says that a change happened.
type Claim struct {
	Receipt string           `json:"receipt"`
	Call    string           `json:"call"`
	At      time.Time        `json:"at"`
	Target  *policy.Resource `json:"target,omitzero"`
	Why     string           `json:"why,omitzero"`
}

// Undo says how a job's changes are taken back under a policy, or, if that is zero,
// under the house's own: of all, or of the one whose receipt is seq if that is not
// 0. It changes nothing.
func (c *Client) Undo(ctx context.Context, job string, seq uint64, policy seal.Hash) (*Undo, error) {
	path, query := "/v1/jobs/"+url.PathEscape(job)+"/undo", url.Values{}
	if seq != 0 {
		query.Set("seq", strconv.FormatUint(seq, 10))
	}
	if !policy.IsZero() {
		query.Set("policy", policy.String())
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return call[Undo](ctx, c, "GET", path, nil)
}

// Settle says what became of a call of which the house cannot tell.
func (c *Client) Settle(ctx context.Context, job string, w *Word) (*Call, error) {
	return call[Call](ctx, c, "POST", "/v1/jobs/"+url.PathEscape(job)+"/settle", w)
}

// Reconcile compares a job's receipts with the systems' own history, from margin
// before its first change to margin after its last.
func (c *Client) Reconcile(ctx context.Context, job string, margin time.Duration) (*Reconciliation, error) {
	return call[Reconciliation](ctx, c, "GET", "/v1/jobs/"+url.PathEscape(job)+"/reconcile?margin="+margin.String(), nil)
}
