// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/clawea/clawea/receipt"
)

// Owed is a receipt of an order that a chain does not have yet.
type Owed struct {
	Revocation
	Chain string       // the job that it belongs to: the journal, or one concerned
	Kind  receipt.Kind // Revoked or Restored
}

// Owed returns the receipts that are owed for longer than age, in the order in
// which each chain takes them: those of order id, or of all if id is zero. Write
// takes each once.
func (db *DB) Owed(ctx context.Context, id int64, age time.Duration) ([]Owed, error) {
	const columns = `SELECT c.job, c.revoked, c.restored, r.id, r.kind, r.target, r.concerns, r.by_whom, r.reason, r.at, r.lifted, r.lifted_by, r.restored
		FROM revocation_receipt c JOIN revocation r ON r.id = c.revocation WHERE (r.id = $1 OR $1 = 0)`
	rows, err := all(ctx, db.read, readDebt, columns+` AND c.revoked = 0 AND r.at <= $2
		UNION `+columns+` AND c.restored = 0 AND r.restored = 0 AND r.lifted > 0 AND r.lifted <= $2 ORDER BY 4, 1`, id, db.now().Add(-age).UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("list owed receipts: %w", err)
	}
	var out []Owed
	for _, d := range rows {
		if d.revoked == 0 {
			out = append(out, Owed{d.Revocation, d.chain, receipt.Revoked})
		}
		if d.Lifted != nil && d.restored == 0 {
			out = append(out, Owed{d.Revocation, d.chain, receipt.Restored})
		}
	}
	return out, nil
}

// A debt is a chain that an order belongs in, and the receipts that it has.
type debt struct {
	order
	chain             string
	revoked, restored int64
	changed           bool // in this book
}

func readDebt(scan scanner) (d debt, err error) {
	d.order, err = readOrder(func(dest ...any) error {
		return scan(append([]any{&d.chain, &d.revoked, &d.restored}, dest...)...)
	})
	return d, err
}

// readDebt finds what p's job is owed of the order that r is about, if r is
// about one.
func (b *book) readDebt(p *page, r *receipt.Receipt) error {
	if r.Revocation == nil || p.debts[r.Revocation.ID] != nil {
		return nil
	}
	d, err := one(b.ctx, b.tx, readDebt, `
		SELECT c.job, c.revoked, c.restored, r.id, r.kind, r.target, r.concerns, r.by_whom, r.reason, r.at, r.lifted, r.lifted_by, r.restored
		FROM revocation_receipt c JOIN revocation r ON r.id = c.revocation WHERE c.job = $1 AND r.id = $2`, p.job, r.Revocation.ID)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read order: %w", err)
	}
	p.debts[d.ID] = &d
	return nil
}

// pays returns what r pays, nil if it is about no order, or says why it may not.
func (p *page) pays(r *receipt.Receipt) (*debt, error) {
	if r.Revocation == nil {
		return nil, nil
	}
	d := p.debts[r.Revocation.ID]
	switch {
	case d == nil || d.Revocation.Revocation != r.Revocation.Revocation:
		return nil, fmt.Errorf("no such order belongs in this chain: %w", ErrConflict)
	case r.Kind == receipt.Revoked && d.revoked == 0:
		return d, nil
	case r.Kind == receipt.Restored && d.revoked > 0 && d.Lifted != nil && d.restored == 0:
		return d, nil
	}
	return nil, fmt.Errorf("the chain has this, or it is not time for it: %w", ErrConflict)
}

// pay notes that the chain has r.
func (d *debt) pay(r *receipt.Receipt) {
	d.changed = true
	if r.Kind == receipt.Revoked {
		d.revoked = int64(r.Seq)
	} else {
		d.restored = int64(r.Seq)
	}
}

func (b *book) flushDebts(p *page) error {
	for _, id := range sortedKeys(p.debts) {
		d := p.debts[id]
		if !d.changed {
			continue
		}
		if _, err := b.tx.ExecContext(b.ctx, `UPDATE revocation_receipt SET revoked = $1, restored = $2 WHERE revocation = $3 AND job = $4`,
			d.revoked, d.restored, id, p.job); err != nil {
			return fmt.Errorf("note receipt of order %d: %w", id, err)
		}
	}
	return nil
}
