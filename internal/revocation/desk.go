// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// ErrUnrecorded is returned, with what the order came to, for one that holds and
// whose receipts are not all written. Complete writes them later.
var ErrUnrecorded = errors.New("the order holds, and not all of its receipts are written yet")

const (
	recordTime = time.Minute      // for the receipts of one order
	settled    = 10 * time.Second // receipts that are owed for longer are nobody's who is still writing them
	atOnce     = 32               // chains that are written to
)

// Orders are where orders take effect. internal/store fills it.
type Orders interface {
	Revoke(ctx context.Context, r store.Revocation) (*store.Revoked, error)
	Lift(ctx context.Context, id int64, by string) (*store.Revoked, error)
	// Owed lists the receipts of an order, or of all orders, that are owed for
	// longer than age.
	Owed(ctx context.Context, id int64, age time.Duration) ([]store.Owed, error)
	// Restore ends the lifted orders that owe nothing.
	Restore(ctx context.Context) error
}

// A Book holds every job's chain of receipts. internal/store fills it.
type Book interface {
	// Write adds a receipt to a job's chain. It fails with store.ErrConflict for one
	// of an order that the chain is not owed.
	Write(ctx context.Context, job string, next func(*receipt.State) (*receipt.Line, error)) error
}

// A Desk takes orders to revoke and to lift, and has them recorded: in the
// journal, and in the chain of every job concerned. All fields must be set.
type Desk struct {
	DB     Orders
	Book   Book
	Signer seal.Signer // the gate's
	Log    *slog.Logger
}

// Revoke ends what r names. When it returns, the order holds on every replica,
// unless the error is another than ErrUnrecorded: receipts follow the order, and
// it does not wait for them. Errors are as of store.DB.Revoke.
func (d *Desk) Revoke(ctx context.Context, r store.Revocation) (*store.Revoked, error) {
	done, err := d.DB.Revoke(ctx, r)
	if err != nil {
		return nil, err
	}
	d.Log.InfoContext(ctx, "revoked", "what", done.Revocation.Revocation.String(), "order", done.ID, "by", done.By,
		"tokens", done.Tokens, "jobs", len(done.Jobs), "cancelled", len(done.Cancelled))
	return done, d.record(ctx, done.ID)
}

// Lift ends an order. What it had ended may go on when Lift returns; with
// ErrUnrecorded, once Complete has done the rest. Errors are as of
// store.DB.Lift.
func (d *Desk) Lift(ctx context.Context, id int64, by string) (*store.Revoked, error) {
	done, err := d.DB.Lift(ctx, id, by)
	if err != nil {
		return nil, err
	}
	d.Log.InfoContext(ctx, "revocation lifted", "what", done.Revocation.Revocation.String(), "order", done.ID, "by", by)
	return done, d.record(ctx, done.ID)
}

// record writes the receipts of order id, whether or not who gave it still waits.
func (d *Desk) record(ctx context.Context, id int64) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer cancel()
	err := d.complete(ctx, id, 0)
	if err != nil {
		d.Log.ErrorContext(ctx, "receipts of an order are not written; they will be tried again", "order", id, "error", err)
		return fmt.Errorf("%w: %w", ErrUnrecorded, err)
	}
	return nil
}

// Complete makes good what a crash or a fault left between orders and their
// receipts. It leaves alone those that are being written just now.
func (d *Desk) Complete(ctx context.Context) error { return d.complete(ctx, 0, settled) }

func (d *Desk) complete(ctx context.Context, id int64, age time.Duration) error {
	owed, err := d.DB.Owed(ctx, id, age)
	if err != nil {
		return err
	}
	chains := map[string][]store.Owed{}
	for _, o := range owed {
		chains[o.Chain] = append(chains[o.Chain], o)
	}
	var g errgroup.Group // without its context: one chain's trouble is not another's
	g.SetLimit(atOnce)
	for _, list := range chains {
		g.Go(func() error { return d.write(ctx, list) })
	}
	return errors.Join(g.Wait(), d.DB.Restore(ctx))
}

// write adds receipts to one chain, in their order.
func (d *Desk) write(ctx context.Context, list []store.Owed) error {
	for _, o := range list {
		err := d.Book.Write(ctx, o.Chain, func(st *receipt.State) (*receipt.Line, error) {
			said := &receipt.Revocation{ID: o.ID, Revocation: o.Revocation.Revocation, By: o.By}
			if o.Kind == receipt.Restored {
				said.By = o.LiftedBy
			}
			return receipt.Revoke(st, o.Chain, o.Kind, said).Line(d.Signer)
		})
		if errors.Is(err, store.ErrConflict) {
			continue // another replica has just written it
		}
		if err != nil {
			return fmt.Errorf("record %s of %s in job %s: %w", o.Kind, o.Revocation.Revocation, o.Chain, err)
		}
	}
	return nil
}
