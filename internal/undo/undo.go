// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package undo looks after changes outside once their calls are over: it finds
// out what became of those that broke off (Settler), says how a job's changes are
// taken back (Desk.Plan), and holds the receipts against the systems' own history
// (Desk.Reconcile).
//
// It changes nothing outside. A change is taken back by a call through the gate
// like any other, of a job of its own, under a policy of its own; what counts as
// undone is what the receipts of that job say.
package undo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/change"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// A Connector looks into a system after the fact. The connectors fill it. It
// changes nothing there.
type Connector interface {
	// Find returns what the change of opened made or changed, with the version
	// after; nil if it is not there. An error means that it cannot be told now.
	Find(ctx context.Context, opened *receipt.Receipt, c *receipt.Change) (*policy.Resource, error)
	// Revert returns how the change is taken back now. after is what it made or
	// changed, at the version where what it left stands now: its own, or the one
	// that the undoing of a later change has made.
	Revert(ctx context.Context, opened *receipt.Receipt, c *receipt.Change, after *policy.Resource) (*change.Step, error)
	// History returns what the system's own history has of w.
	History(ctx context.Context, w change.Window) ([]change.Event, error)
}

// A DB has the receipts and the texts behind them. internal/store fills it.
type DB interface {
	Job(ctx context.Context, id string) (*store.Job, error)
	Receipts(ctx context.Context, job string) ([]*seal.Envelope, error)
	Text(ctx context.Context, job string, seq uint64, commitment seal.Hash) (receipt.Text, error)
	Call(ctx context.Context, job string, seq uint64) (*store.Call, error)
	OpenedAfter(ctx context.Context, m store.Mark, job string, limit int) ([]store.Opened, error)
	// RevokingJob lists what is revoked and may concern an agent's job under a policy.
	RevokingJob(ctx context.Context, job, agent string, policy seal.Hash) ([]token.Revocation, error)
}

// A Desk answers what people ask about a job's changes. All fields must be set.
// The database is not trusted: a receipt that is not signed by Gates is an error.
type Desk struct {
	DB         DB
	Connectors map[string]Connector // by the tool's name in policies
	Accounts   map[string][]string  // by the same: the accounts that the house has there, as far as the configuration says
	Gates      []seal.Verifier
	Over       time.Duration // how long after its opening a call can still take effect
	Now        func() time.Time
	Log        *slog.Logger
}

// ErrTooMany is returned for a job that has more than can be held: changes, or
// jobs that undo it.
var ErrTooMany = errors.New("there are too many to be looked through")

const (
	mostCalls = 10_000  // changes that are looked at together, of a job or of the house in a job's time
	everyCall = 200_000 // changes of a job among which one is looked for
	mostJobs  = 32      // jobs that undo one job
)

// A call is one that was let through to change something outside.
type call struct {
	opened *receipt.Receipt
	closed *receipt.Receipt // nil while it is not closed
	later  *receipt.Receipt // says what became of it, if nobody knew when it was closed
	change *receipt.Change  // nil until it was read; without what is sent, and what was there
}

// end is the receipt that says what became of c, or nil.
func (c *call) end() *receipt.Receipt { return cmp.Or(c.later, c.closed) }

// done reports whether its receipts say that it was carried out.
func (c *call) done() bool { return c.end() != nil && c.end().Outcome.Status == receipt.Done }

var errReceipt = errors.New("the house's record of the job is damaged")

// calls reads a job's changes, in the order in which they were opened, and learns
// nothing of them yet. A job that is not there has none, and one that has more than
// most is an error.
func (d *Desk) calls(ctx context.Context, job string, most int) ([]*call, error) {
	list, err := d.DB.Receipts(ctx, job)
	if err != nil {
		return nil, err
	}
	var out []*call
	open := map[uint64]*call{}
	for _, e := range list {
		r, err := read(e, d.Gates)
		if err != nil || r.Job != job {
			return nil, fmt.Errorf("job %s: %w: %w", job, errReceipt, err)
		}
		switch {
		case changes(r):
			c := &call{opened: r}
			if out, open[r.Seq] = append(out, c), c; len(out) > most {
				return nil, fmt.Errorf("changes of job %s: %w: they are more than %d", job, ErrTooMany, most)
			}
		case r.Kind == receipt.Closed && open[r.Opened] != nil:
			open[r.Opened].closed = r
		case r.Kind == receipt.Learned && open[r.Opened] != nil:
			open[r.Opened].later = r
		}
	}
	return out, nil
}

// read opens a receipt that one of gates has signed.
func read(e *seal.Envelope, gates []seal.Verifier) (*receipt.Receipt, error) {
	if _, err := e.Open(receipt.Type, gates...); err != nil {
		return nil, err
	}
	return receipt.Parse(e.Payload)
}

// changes reports whether r lets a call change something outside.
func changes(r *receipt.Receipt) bool {
	return r.Kind == receipt.Opened && r.Refused == "" && r.Decision.Effect == policy.Allow && !r.Call.Change.IsZero()
}

// Texts are what is behind commitments.
type texts interface {
	Text(ctx context.Context, job string, seq uint64, commitment seal.Hash) (receipt.Text, error)
}

// changeOf reads what opened's call was about to do.
func changeOf(ctx context.Context, db texts, opened *receipt.Receipt) (*receipt.Change, error) {
	t, err := db.Text(ctx, opened.Job, opened.Seq, opened.Call.Change)
	if err != nil {
		return nil, fmt.Errorf("change of %s: %w", opened.Name(), err)
	}
	if !seal.Commit(t.Salt, t.Bytes).Equal(opened.Call.Change) {
		return nil, fmt.Errorf("change of %s: %w", opened.Name(), errReceipt)
	}
	c, err := receipt.ParseChange(t.Bytes)
	if err != nil {
		return nil, fmt.Errorf("change of %s: %w", opened.Name(), err)
	}
	return c, nil
}

// learn reads of c's change what is held of it.
func (d *Desk) learn(ctx context.Context, c *call) error {
	if c.change != nil {
		return nil
	}
	whole, err := changeOf(ctx, d.DB, c.opened)
	if err != nil {
		return err
	}
	c.change = &receipt.Change{
		Summary: whole.Summary, Target: whole.Target, Undoes: whole.Undoes,
		Undo: receipt.Undo{Action: whole.Undo.Action, Irreversible: whole.Undo.Irreversible},
	}
	return nil
}

// over reports whether opened's call can no longer take effect.
func over(opened *receipt.Receipt, now time.Time, d time.Duration) bool {
	return now.Sub(opened.At) >= d
}

// parseName reads a receipt's name, JOB/SEQ.
func parseName(s string) (job string, seq uint64, ok bool) {
	job, text, _ := strings.Cut(s, "/")
	seq, err := strconv.ParseUint(text, 10, 63)
	return job, seq, err == nil && (&receipt.Receipt{Job: job, Seq: seq}).Name() == s
}

func same(a, b *policy.Resource) bool { return a.Type == b.Type && a.ID == b.ID }
