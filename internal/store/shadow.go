// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/clawea/clawea/seal"
)

// MaxShadows is how many candidates may run beside one policy: each costs every
// call under it another decision.
const MaxShadows = 4

// A Shadow is a candidate that runs beside a policy.
type Shadow struct {
	Policy    seal.Hash
	Candidate seal.Hash
	Since     time.Time // kept to the millisecond
}

// PutShadow lets candidate run beside policy, both published. One that does
// already goes on as it was. It fails with ErrNotFound if one of them is not
// there, and with ErrConflict if MaxShadows candidates run beside policy.
func (db *DB) PutShadow(ctx context.Context, policy, candidate seal.Hash) error {
	err := db.transact(ctx, func(tx *sql.Tx) error {
		// The policy's row is locked, so that two cannot both be the last that fit.
		if _, err := one(ctx, tx, readPolicy, policyQuery+` WHERE hash = $1`+db.engine.lockRows, policy.String()); err != nil {
			return fmt.Errorf("policy %s: %w", policy, err)
		}
		if _, err := one(ctx, tx, readPolicy, policyQuery+` WHERE hash = $1`, candidate.String()); err != nil {
			return fmt.Errorf("policy %s: %w", candidate, err)
		}
		others, err := one(ctx, tx, column[int], `SELECT COUNT(*) FROM shadow WHERE policy = $1 AND candidate <> $2`, policy.String(), candidate.String())
		if err != nil {
			return err
		}
		if others >= MaxShadows {
			return fmt.Errorf("%d candidates run beside policy %s: %w", others, policy, ErrConflict)
		}
		return db.engine.insert(ctx, tx, `shadow (policy, candidate, since)`, [][]any{{policy.String(), candidate.String(), db.now().UnixMilli()}},
			`ON CONFLICT (policy, candidate) DO NOTHING`)
	})
	db.beside.Forget()
	return wrap("start shadow", err)
}

// DropShadow ends candidate's running beside policy. It fails with ErrNotFound
// if it does not run.
func (db *DB) DropShadow(ctx context.Context, policy, candidate seal.Hash) error {
	res, err := db.write.ExecContext(ctx, `DELETE FROM shadow WHERE policy = $1 AND candidate = $2`, policy.String(), candidate.String())
	db.beside.Forget()
	if err != nil {
		return fmt.Errorf("stop shadow: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return fmt.Errorf("stop shadow: %s does not run beside %s: %w", candidate, policy, ErrNotFound)
	}
	return nil
}

// Shadows returns what runs beside policy, in the order of their starting.
func (db *DB) Shadows(ctx context.Context, policy seal.Hash) ([]Shadow, error) {
	list, err := all(ctx, db.read, readShadow, `SELECT policy, candidate, since FROM shadow WHERE policy = $1 ORDER BY since, candidate`, policy.String())
	return list, wrap("list shadows", err)
}

func readShadow(scan scanner) (s Shadow, err error) {
	err = scan((*digest)(&s.Policy), (*digest)(&s.Candidate), (*instant)(&s.Since))
	return s, err
}

// Candidates returns the hashes of the policies that run beside policy. What
// another daemon starts or stops shows within a second. It fills gate.Shadows.
func (db *DB) Candidates(ctx context.Context, policy seal.Hash) ([]seal.Hash, error) {
	now := time.Now()
	if out, ok := db.beside.Get(policy, now); ok {
		return out, nil
	}
	list, err := db.Shadows(ctx, policy)
	if err != nil {
		return nil, err
	}
	var out []seal.Hash
	for _, s := range list {
		out = append(out, s.Candidate)
	}
	db.beside.Put(policy, out, now, time.Second)
	return out, nil
}
