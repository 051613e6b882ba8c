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

// Forget drops the proofs whose time was over well before a time, and what was
// done so long ago that its answer cannot be lost any more. It returns how many
// proofs they were.
func (db *DB) Forget(ctx context.Context, before time.Time) (int, error) {
	res, err := db.write.ExecContext(ctx, `DELETE FROM proof WHERE until < $1`, before.Add(-margin).UnixMilli())
	if err != nil {
		return 0, fmt.Errorf("forget proofs: %w", err)
	}
	if _, err := db.write.ExecContext(ctx, `DELETE FROM change WHERE state = 'change.done' AND at < $1`, before.Add(-margin).UnixMilli()); err != nil {
		return 0, fmt.Errorf("forget changes: %w", err)
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
	var list []*entry
	for _, e := range b.entries {
		if e.spent != nil {
			list = append(list, e)
		}
	}
	for n := b.db.engine.rows; len(list) > 0; list = list[min(n, len(list)):] {
		fresh, err := b.fresh(list[:min(n, len(list))])
		if err != nil {
			return 0, fmt.Errorf("use up proofs: %w", err)
		}
		for _, e := range list[:min(n, len(list))] {
			if !fresh[proof{e.receipt.Job, e.spent.ID}] {
				e.by.drop(token.ErrReplayed)
				replayed++
			}
		}
	}
	return replayed, nil
}

const (
	spendQuery = `INSERT INTO proof (job, id, until) VALUES `
	unlessUsed = ` ON CONFLICT (job, id) DO NOTHING`
)

// fresh uses up the proofs of list and returns those that were not used up
// before. SQLite keeps a journal of any statement that may add several rows, or
// returns them, should it have to undo a part.
func (b *book) fresh(list []*entry) (map[proof]bool, error) {
	var rows []string
	var args []any
	for _, e := range list {
		rows = append(rows, "("+places(len(args)+1, 3)+")")
		args = append(args, e.receipt.Job, e.spent.ID, e.spent.Until.UnixMilli())
	}
	fresh := map[proof]bool{}
	if len(list) == 1 {
		res, err := b.tx.ExecContext(b.ctx, spendQuery+rows[0]+unlessUsed, args...)
		if err != nil {
			return nil, err
		}
		n, err := res.RowsAffected()
		fresh[proof{list[0].receipt.Job, list[0].spent.ID}] = n == 1
		return fresh, err
	}
	added, err := all(b.ctx, b.tx, readProof, spendQuery+strings.Join(rows, ", ")+unlessUsed+` RETURNING job, id`, args...)
	for _, p := range added {
		fresh[p] = true
	}
	return fresh, err
}
