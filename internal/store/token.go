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

	// When and why the token was revoked, or its job; nil: neither was. PutToken
	// ignores these.
	Revoked *time.Time
	Reason  string
}

// PutToken records a token of a job. It fails with ErrNotFound if there is no
// such job, with ErrConflict if the id is taken or the job is another agent's or
// under another policy, and with ErrRevoked if the job, the agent, the policy or
// everything is revoked.
func (db *DB) PutToken(ctx context.Context, t Token) error {
	err := db.transact(ctx, func(tx *sql.Tx) error {
		p, err := one(ctx, tx, readOwner, `SELECT id, agent, policy FROM job WHERE id = $1 AND `+db.engine.beforeOrders, t.Job)
		if err != nil {
			return fmt.Errorf("job %q: %w", t.Job, err)
		}
		if p.agent != t.Agent || p.policy != t.Policy.String() {
			return fmt.Errorf("job %s is another agent's or under another policy: %w", t.Job, ErrConflict)
		}
		if err := mayMint(ctx, tx, p); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO token (id, job, agent, policy, record, issued, expires) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			string(t.ID), t.Job, t.Agent, t.Policy.String(), blob(t.Record), t.Issued.UnixMilli(), t.Expires.UnixMilli())
		return err
	})
	if db.engine.isConflict(err) {
		return fmt.Errorf("token %q is recorded already: %w", t.ID, ErrConflict)
	}
	return wrap("put token", err)
}

// mayMint fails with ErrRevoked if no token of o's may be good.
func mayMint(ctx context.Context, tx *sql.Tx, o owner) error {
	list, err := inForce(ctx, tx, o.concerns())
	if err != nil {
		return err
	}
	for _, r := range list {
		if r.Kind != token.RevokeToken && r.Kind != token.RevokeAction {
			return fmt.Errorf("%w: %w", ErrRevoked, r.Err())
		}
	}
	return nil
}

// A token's or a job's revocation is never lifted: the first one stays.
const tokenQuery = `
	SELECT t.id, t.job, t.agent, t.policy, t.record, t.issued, t.expires, r.at, COALESCE(r.reason, '')
	FROM token t LEFT JOIN revocation r ON r.id = (
		SELECT MIN(f.id) FROM revocation f WHERE f.restored = 0 AND f.concerns = 'job ' || t.job AND (f.kind = 'job' OR f.target = t.id))`

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
	t, err := one(ctx, db.read, readToken, tokenQuery+` WHERE t.id = $1`, string(id))
	if err != nil {
		return nil, fmt.Errorf("token %q: %w", id, err)
	}
	return &t, nil
}

// Tokens returns the tokens of a job, in the order of their issue.
func (db *DB) Tokens(ctx context.Context, job string) ([]Token, error) {
	list, err := all(ctx, db.read, readToken, tokenQuery+` WHERE t.job = $1 ORDER BY t.issued, t.id`, job)
	return list, wrap("list tokens", err)
}
