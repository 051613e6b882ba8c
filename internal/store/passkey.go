// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/clawea/clawea/seal"
)

// ErrLast is returned for a passkey that its owner cannot do without.
var ErrLast = errors.New("the last one")

// ErrTooMany is returned for a passkey beyond those that a person may have.
var ErrTooMany = errors.New("too many")

// ErrTooOften is returned for a passkey beyond those that a person may make in a while.
var ErrTooOften = errors.New("too often")

// A person makes no more than PasskeysMade passkeys within PasskeysWithin: what was
// revoked stays, for what it has signed, and so nobody fills what is read of all people.
const (
	PasskeysMade   = 20
	PasskeysWithin = 90 * 24 * time.Hour
)

// A Passkey is a person's passkey, and the house's paper that says so. The key
// itself is in the paper, whose signature the reader checks.
type Passkey struct {
	ID        string // the credential's, in base64url
	Person    string // their id
	Sum       seal.Hash
	Label     string // what its owner calls it
	Enrolment []byte // an envelope
	Count     uint32 // the authenticator's signatures, as it counted them last
	Created   time.Time
	Revoked   *time.Time // nil: it holds
}

const passkeyQuery = `SELECT id, person, sum, label, enrolment, count, created, revoked FROM passkey`

func readPasskey(scan scanner) (p Passkey, err error) {
	var revoked time.Time
	err = scan(&p.ID, &p.Person, (*digest)(&p.Sum), &p.Label, &p.Enrolment, &p.Count, (*instant)(&p.Created), (*instant)(&revoked))
	p.Revoked = since(revoked)
	return p, err
}

// AddPasskey keeps a passkey of a person who is known, unless they have max that
// hold (ErrTooMany), or have made PasskeysMade of late (ErrTooOften). It fails with ErrConflict if the credential's id or the key,
// whose hash p.Sum is, ever was anybody's.
func (db *DB) AddPasskey(ctx context.Context, p Passkey, max int) error {
	err := db.transact(ctx, func(tx *sql.Tx) error {
		if err := db.lockPerson(ctx, tx, p.Person); err != nil {
			return err
		}
		n, err := one(ctx, tx, column[int], `SELECT count(*) FROM passkey WHERE person = $1 AND revoked = 0`, p.Person)
		if err != nil {
			return err
		}
		if n >= max {
			return ErrTooMany
		}
		made, err := one(ctx, tx, column[int], `SELECT count(*) FROM passkey WHERE person = $1 AND created > $2`, p.Person, p.Created.Add(-PasskeysWithin).UnixMilli())
		if err != nil {
			return err
		}
		if made >= PasskeysMade {
			return ErrTooOften
		}
		res, err := tx.ExecContext(ctx, `INSERT INTO passkey (id, person, sum, label, enrolment, count, created) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
			p.ID, p.Person, p.Sum.String(), p.Label, p.Enrolment, int64(p.Count), p.Created.UnixMilli())
		return touched(res, err, ErrConflict)
	})
	return wrap("add passkey", err)
}

// Passkey returns a passkey by its credential's id, or ErrNotFound.
func (db *DB) Passkey(ctx context.Context, id string) (Passkey, error) {
	p, err := one(ctx, db.read, readPasskey, passkeyQuery+` WHERE id = $1`, id)
	return p, wrap("read passkey", err)
}

// Passkeys lists the passkeys of a person, and of all people if person is "", the
// first to be made first, those that are revoked as well.
func (db *DB) Passkeys(ctx context.Context, person string) ([]Passkey, error) {
	list, err := all(ctx, db.read, readPasskey, passkeyQuery+` WHERE person = $1 OR $1 = '' ORDER BY created, id`, person)
	return list, wrap("list passkeys", err)
}

// SetEnrolment puts another paper of the house about a passkey in the place of the
// one that it has.
func (db *DB) SetEnrolment(ctx context.Context, id string, enrolment []byte) error {
	res, err := db.write.ExecContext(ctx, `UPDATE passkey SET enrolment = $2 WHERE id = $1`, id, enrolment)
	return wrap("enrol passkey", touched(res, err, ErrNotFound))
}

// CountPasskey notes how many signatures an authenticator has counted, and returns
// what it had before. The highest is kept.
func (db *DB) CountPasskey(ctx context.Context, id string, count uint32) (former uint32, err error) {
	err = db.transact(ctx, func(tx *sql.Tx) error {
		if former, err = one(ctx, tx, column[uint32], `SELECT count FROM passkey WHERE id = $1`+db.engine.lockRows, id); err != nil || count <= former {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE passkey SET count = $2 WHERE id = $1`, id, int64(count))
		return err
	})
	return former, wrap("count passkey's signatures", err)
}

// RevokePasskey ends a passkey now, for good. It fails with ErrNotFound if there is
// none that holds, and with ErrLast if keep is set and its owner would have none left.
// Of several at once, each sees those before it.
func (db *DB) RevokePasskey(ctx context.Context, id string, keep bool) error {
	err := db.transact(ctx, func(tx *sql.Tx) error {
		owner, err := one(ctx, tx, column[string], `SELECT person FROM passkey WHERE id = $1`, id)
		if err != nil {
			return err
		}
		if err := db.lockPerson(ctx, tx, owner); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `UPDATE passkey SET revoked = $2 WHERE id = $1 AND revoked = 0`, id, db.now().UnixMilli())
		if err := touched(res, err, ErrNotFound); err != nil || !keep {
			return err
		}
		left, err := one(ctx, tx, column[int], `SELECT count(*) FROM passkey WHERE person = $1 AND revoked = 0`, owner)
		if err == nil && left == 0 {
			return ErrLast
		}
		return err
	})
	return wrap("revoke passkey", err)
}
