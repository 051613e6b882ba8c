// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// A Token is what is on record about a token; the token itself is nowhere.
type Token struct {
	ID      token.ID
	Job     string
	Agent   string
	Policy  seal.Hash
	Record  []byte // canonical envelope of its claims, signed by the issuer
	Issued  time.Time
	Expires time.Time

	// PutToken ignores these.
	Revoked *time.Time // nil: it is not
	Reason  string     // why it is revoked
}

// PutToken records a token of a job. It fails with ErrNotFound if there is no
// such job, and with ErrConflict if the id is taken.
func (db *DB) PutToken(ctx context.Context, t Token) error {
	err := db.transact(ctx, func(tx *sql.Tx) error {
		if _, err := one(ctx, tx, column[string], `SELECT id FROM job WHERE id = $1`, t.Job); err != nil {
			return fmt.Errorf("job %q: %w", t.Job, err)
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO token (id, job, agent, policy, record, issued, expires) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			string(t.ID), t.Job, t.Agent, t.Policy.String(), blob(t.Record), t.Issued.UnixMilli(), t.Expires.UnixMilli())
		return err
	})
	if db.engine.isConflict(err) {
		return fmt.Errorf("token %q is recorded already: %w", t.ID, ErrConflict)
	}
	return wrap("put token", err)
}

const tokenQuery = `SELECT id, job, agent, policy, record, issued, expires, revoked, reason FROM token`

func readToken(scan scanner) (t Token, err error) {
	var revoked sql.NullInt64
	err = scan(&t.ID, &t.Job, &t.Agent, (*digest)(&t.Policy), &t.Record, (*instant)(&t.Issued), (*instant)(&t.Expires), &revoked, &t.Reason)
	if revoked.Valid {
		at := time.UnixMilli(revoked.Int64).UTC()
		t.Revoked = &at
	}
	return t, err
}

// Token returns what is on record about one token, revocation included. It
// fails with ErrNotFound.
func (db *DB) Token(ctx context.Context, id token.ID) (*Token, error) {
	t, err := one(ctx, db.read, readToken, tokenQuery+` WHERE id = $1`, string(id))
	if err != nil {
		return nil, fmt.Errorf("token %q: %w", id, err)
	}
	return &t, nil
}

// Tokens returns the tokens of a job, in the order of their issue.
func (db *DB) Tokens(ctx context.Context, job string) ([]Token, error) {
	list, err := all(ctx, db.read, readToken, tokenQuery+` WHERE job = $1 ORDER BY issued, id`, job)
	return list, wrap("list tokens", err)
}

const revocation = `UPDATE token SET revoked = $1, reason = $2 WHERE revoked IS NULL`

// Revoke ends one token. A token that is revoked already stays as it is. It
// fails with ErrNotFound.
func (db *DB) Revoke(ctx context.Context, id token.ID, reason string) error {
	if _, err := db.write.ExecContext(ctx, revocation+` AND id = $3`, db.now().UnixMilli(), reason, string(id)); err != nil {
		return fmt.Errorf("revoke token: %w", err)
	}
	_, err := one(ctx, db.read, column[string], `SELECT id FROM token WHERE id = $1`, string(id))
	return wrap(fmt.Sprintf("revoke token %q", id), err)
}

// RevokeJob ends all tokens of a job and returns how many were not revoked
// before. It fails with ErrNotFound if there is no such job.
func (db *DB) RevokeJob(ctx context.Context, job, reason string) (int, error) {
	if _, err := one(ctx, db.read, column[string], `SELECT id FROM job WHERE id = $1`, job); err != nil {
		return 0, fmt.Errorf("revoke job %q: %w", job, err)
	}
	res, err := db.write.ExecContext(ctx, revocation+` AND job = $3`, db.now().UnixMilli(), reason, job)
	if err != nil {
		return 0, fmt.Errorf("revoke job: %w", err)
	}
	n, err := res.RowsAffected()
	return int(n), wrap("revoke job", err)
}
