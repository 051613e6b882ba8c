// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/token"
)

// Spend uses up a proof of a job by itself; Write does it with a line. It fails
// with token.ErrReplayed if it is used up.
func (db *DB) Spend(ctx context.Context, job string, p receipt.Spent) error {
	_, err := db.write.ExecContext(ctx, `INSERT INTO proof (job, id, until) VALUES ($1, $2, $3)`, job, p.ID, p.Until.UnixMilli())
	if db.engine.isConflict(err) {
		return token.ErrReplayed
	}
	return wrap("use up proof", err)
}

// margin is how long proofs are remembered beyond their time: another replica's
// clock may be behind the one that forgets.
const margin = 10 * time.Minute

// Forget drops the proofs whose time was over well before a time, and returns
// how many they were.
func (db *DB) Forget(ctx context.Context, before time.Time) (int, error) {
	res, err := db.write.ExecContext(ctx, `DELETE FROM proof WHERE until < $1`, before.Add(-margin).UnixMilli())
	if err != nil {
		return 0, fmt.Errorf("forget proofs: %w", err)
	}
	n, err := res.RowsAffected()
	return int(n), wrap("forget proofs", err)
}

// A proof that a line uses up.
type proof struct{ job, id string }

func readProof(scan scanner) (p proof, err error) {
	err = scan(&p.job, &p.id)
	return p, err
}

// spend uses up the proofs of b's lines. It drops the writes whose proofs were
// used up before and returns how many they are: with them, b cannot be flushed.
func (b *book) spend() (replayed int, err error) {
	var rows []string
	var args []any
	for _, e := range b.entries {
		if e.spent != nil {
			rows = append(rows, "("+places(len(args)+1, 3)+")")
			args = append(args, e.receipt.Job, e.spent.ID, e.spent.Until.UnixMilli())
		}
	}
	if len(rows) == 0 {
		return 0, nil
	}
	list, err := all(b.ctx, b.tx, readProof, `INSERT INTO proof (job, id, until) VALUES `+strings.Join(rows, ", ")+` ON CONFLICT (job, id) DO NOTHING RETURNING job, id`, args...)
	if err != nil {
		return 0, fmt.Errorf("use up proofs: %w", err)
	}
	fresh := map[proof]bool{}
	for _, p := range list {
		fresh[p] = true
	}
	for _, e := range b.entries {
		if e.spent != nil && !fresh[proof{e.receipt.Job, e.spent.ID}] {
			e.by.drop(token.ErrReplayed)
			replayed++
		}
	}
	return replayed, nil
}
