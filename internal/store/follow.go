// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
)

// A Followed is a receipt as it is stored, with what is known of its job. Nothing of
// it is verified.
type Followed struct {
	ID       int64 // its place in the order, which has gaps
	Agent    string
	Client   string // who ordered the job
	Envelope []byte
	Opened   []byte // the opened receipt that it closes or says something of later; nil: it is none of these
}

// ReceiptsAfter returns up to limit receipts of all jobs, the house's own included,
// behind receipt seq of a job, in the order in which the log takes them; from the
// first on if job is "". None that is still to come belongs before one that it
// returns, so that who goes on behind the last misses none. It fails with ErrNotFound
// if there is no such receipt.
func (db *DB) ReceiptsAfter(ctx context.Context, job string, seq uint64, limit int) ([]Followed, error) {
	after, err := int64(0), error(nil)
	if job != "" {
		if after, err = one(ctx, db.read, column[int64], `SELECT id FROM receipt WHERE job = $1 AND seq = $2`, job, int64(seq)); err != nil {
			return nil, fmt.Errorf("receipt %d of job %q: %w", seq, job, err)
		}
	}
	return db.ReceiptsBehind(ctx, after, limit)
}

// ReceiptsBehind is ReceiptsAfter by a receipt's place in that order, Followed.ID; 0:
// from the first on.
func (db *DB) ReceiptsBehind(ctx context.Context, after int64, limit int) ([]Followed, error) {
	_, err := one(ctx, db.read, column[int64], `SELECT id FROM receipt WHERE id > $1 LIMIT 1`, after)
	if errors.Is(err, ErrNotFound) {
		return nil, nil // without stopping the writers to see
	}
	last := db.settledTo.Load()
	if err == nil && last <= after {
		last, err = db.settled(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("follow receipts: %w", err)
	}
	list, err := all(ctx, db.read, func(scan scanner) (f Followed, err error) {
		err = scan(&f.ID, &f.Envelope, &f.Agent, &f.Client, &f.Opened)
		return f, err
	}, `SELECT r.id, r.envelope, j.agent, j.client, o.envelope FROM receipt r JOIN job j ON j.id = r.job
		LEFT JOIN receipt o ON o.job = r.job AND o.seq = coalesce(r.opened, r.learned)
		WHERE r.id > $1 AND r.id <= $2 ORDER BY r.id LIMIT $3`, after, last, bounded(limit))
	return list, wrap("follow receipts", err)
}
