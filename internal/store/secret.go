// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// MaxSecret bounds a secret, in bytes.
const MaxSecret = 64 << 10

// A Secret is something that the house was given to keep, and who is about to
// change it.
type Secret struct {
	Name    string
	Value   []byte
	Changed time.Time // kept to the millisecond
	// Broken means that a claim before this one was over without its end: who held
	// it may have done half of what it was for.
	Broken bool
}

func secretBinding(name string) []byte { return []byte("clawea secret v1\n" + name) }

const secretQuery = `SELECT name, sealed, changed FROM secret`

func (db *DB) readSecret(scan scanner) (s Secret, err error) {
	var sealed []byte
	if err := scan(&s.Name, &sealed, (*instant)(&s.Changed)); err != nil {
		return s, err
	}
	if s.Value, err = db.sealer.Open(nil, nil, sealed, secretBinding(s.Name)); err != nil {
		return s, fmt.Errorf("open secret %s: it was changed in the database", s.Name)
	}
	return s, nil
}

func (db *DB) sealSecret(name string, value []byte) ([]byte, error) {
	if len(value) > MaxSecret {
		return nil, fmt.Errorf("seal secret %s: %d bytes; at most %d fit", name, len(value), MaxSecret)
	}
	return db.sealer.Seal(nil, nil, value, secretBinding(name)), nil
}

// Secret returns a secret by its name, or ErrNotFound.
func (db *DB) Secret(ctx context.Context, name string) (Secret, error) {
	s, err := one(ctx, db.read, db.readSecret, secretQuery+` WHERE name = $1`, name)
	return s, wrap("read secret", err)
}

// Secrets lists all secrets in the order of their names.
func (db *DB) Secrets(ctx context.Context) ([]Secret, error) {
	list, err := all(ctx, db.read, db.readSecret, secretQuery+` ORDER BY name`)
	return list, wrap("list secrets", err)
}

// PutSecret keeps value under name, in the place of what was there. A claim of
// the former value is over.
func (db *DB) PutSecret(ctx context.Context, name string, value []byte) error {
	sealed, err := db.sealSecret(name, value)
	if err != nil {
		return err
	}
	_, err = db.write.ExecContext(ctx, `INSERT INTO secret (name, sealed, changed, claim, until) VALUES ($1, $2, $3, '', 0)
		ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed, changed = excluded.changed, claim = '', until = 0`,
		name, sealed, db.now().UnixMilli())
	return wrap("keep secret", err)
}

// DropSecret forgets a secret. It fails with ErrNotFound if there is none.
func (db *DB) DropSecret(ctx context.Context, name string) error {
	res, err := db.write.ExecContext(ctx, `DELETE FROM secret WHERE name = $1`, name)
	return wrap("drop secret", touched(res, err, ErrNotFound))
}

// ClaimSecret says that claim, an id that is used once, is about to change a
// secret, for as long as d, and returns the secret as it is now. It fails with
// ErrConflict while somebody else's claim holds, on whatever replica, and with
// ErrNotFound if there is no such secret. The replicas' clocks must agree better
// than d is long.
func (db *DB) ClaimSecret(ctx context.Context, name, claim string, d time.Duration) (Secret, error) {
	var s Secret
	err := db.transact(ctx, func(tx *sql.Tx) error {
		var until int64
		var err error
		s, err = one(ctx, tx, func(scan scanner) (Secret, error) {
			return db.readSecret(func(dest ...any) error { return scan(append(dest, &until)...) })
		}, `SELECT name, sealed, changed, until FROM secret WHERE name = $1`+db.engine.lockRows, name)
		if err != nil {
			return err
		}
		now := db.now()
		if until > now.UnixMilli() {
			return ErrConflict
		}
		s.Broken = until != 0
		_, err = tx.ExecContext(ctx, `UPDATE secret SET claim = $2, until = $3 WHERE name = $1`, name, claim, now.Add(d).UnixMilli())
		return err
	})
	return s, wrap("claim secret", err)
}

// SettleSecret ends a claim: the secret is value from now on, or stays as it is
// if value is nil. It fails with ErrConflict if the claim does not hold any more.
func (db *DB) SettleSecret(ctx context.Context, name, claim string, value []byte) error {
	if claim == "" {
		return errors.New("settle secret: no claim")
	}
	if value == nil {
		res, err := db.write.ExecContext(ctx, `UPDATE secret SET claim = '', until = 0 WHERE name = $1 AND claim = $2`, name, claim)
		return wrap("settle secret", touched(res, err, ErrConflict))
	}
	sealed, err := db.sealSecret(name, value)
	if err != nil {
		return err
	}
	res, err := db.write.ExecContext(ctx, `UPDATE secret SET sealed = $3, changed = $4, claim = '', until = 0 WHERE name = $1 AND claim = $2`,
		name, claim, sealed, db.now().UnixMilli())
	return wrap("settle secret", touched(res, err, ErrConflict))
}

// touched is none if a statement touched no row.
func touched(res sql.Result, err, none error) error {
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return none
}
