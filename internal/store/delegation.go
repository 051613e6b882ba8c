// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// maxDelegations is how many delegations of one person are kept that are not over:
// all are read to count an answer.
const maxDelegations = 20

// Delegate keeps a person's delegation, or what takes one back: d, and the canonical
// bytes of the envelope that holds it, whose signature the caller has verified. It
// fails with ErrConflict if there is one of that id already, with ErrTooMany for
// more of one person than are kept at a time, and with ErrNotFound for taking back
// what is not there, or is of other people or times.
func (db *DB) Delegate(ctx context.Context, envelope []byte, d *receipt.Delegation) error {
	err := delegatedBy(envelope, d)
	if err == nil {
		err = db.transact(ctx, func(tx *sql.Tx) error {
			if err := db.mayDelegate(ctx, tx, d); err != nil {
				return err
			}
			res, err := tx.ExecContext(ctx, `INSERT INTO delegation (id, withdraws, absent, stand_in, ends, came, envelope) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
				d.ID, flag(d.Withdraws), d.From, d.To, lastMilli(d.Ends), db.now().UnixMilli(), envelope)
			return touched(res, err, ErrConflict)
		})
	}
	return wrap("delegate", err)
}

// delegatedBy checks that envelope is d's.
func delegatedBy(envelope []byte, d *receipt.Delegation) error {
	e, err := parseEnvelope(receipt.DelegationType, envelope)
	if err != nil {
		return err
	}
	payload, err := seal.Marshal(d)
	if err == nil && !bytes.Equal(e.Payload, payload) {
		err = errors.New("the envelope holds another delegation")
	}
	return err
}

func (db *DB) mayDelegate(ctx context.Context, tx *sql.Tx, d *receipt.Delegation) error {
	if !d.Withdraws {
		n, err := one(ctx, tx, column[int], `SELECT count(*) FROM delegation WHERE absent = $1 AND withdraws = 0 AND ends > $2`, d.From, db.now().UnixMilli())
		if err == nil && n >= maxDelegations {
			err = ErrTooMany
		}
		return err
	}
	e, err := one(ctx, tx, readEnvelope(receipt.DelegationType), `SELECT envelope FROM delegation WHERE id = $1 AND withdraws = 0`, d.ID)
	if err != nil {
		return err
	}
	o, err := receipt.ParseDelegation(e.Payload)
	if err != nil {
		return err
	}
	if !d.TakesBack(o) || d.To != o.To || !d.Begins.Equal(o.Begins) || !d.Ends.Equal(o.Ends) {
		return fmt.Errorf("it is another's, or of other times: %w", ErrNotFound)
	}
	return nil
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// lastMilli is t in milliseconds, rounded up: papers say their times exactly.
func lastMilli(t time.Time) int64 { return t.Add(time.Millisecond - 1).UnixMilli() }

// Delegations returns the signed delegations that are not over, and what takes some
// of them back, in the order in which they came. Nothing of it is verified.
func (db *DB) Delegations(ctx context.Context) ([]*seal.Envelope, error) {
	list, err := all(ctx, db.read, readEnvelope(receipt.DelegationType), `SELECT envelope FROM delegation WHERE ends > $1 ORDER BY came, id, withdraws`, db.now().UnixMilli())
	return list, wrap("list delegations", err)
}

// DelegationsTo returns all signed delegations that there ever were from one person
// to another, and what takes some of them back.
func (db *DB) DelegationsTo(ctx context.Context, absent, standIn string) ([]*seal.Envelope, error) {
	list, err := all(ctx, db.read, readEnvelope(receipt.DelegationType), `
		SELECT envelope FROM delegation WHERE absent = $1 AND stand_in = $2 ORDER BY came, id, withdraws`, absent, standIn)
	return list, wrap("list delegations", err)
}
