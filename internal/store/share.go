// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/clawea/clawea/seal"
)

// A Share is a link to a publication, for whoever has its secret. Times are kept
// to the millisecond.
type Share struct {
	ID          seal.Hash // of the secret
	Publication seal.Hash
	By          string
	Note        string // whom it is for
	Discloses   string // the receipts whose texts it discloses, "1,4"; "": none; "*": all
	At          time.Time
	Expires     time.Time
	Revoked     *time.Time // nil: it is not
}

// Share notes a link, of which it takes all but At and Revoked. It fails with
// ErrNotFound if its publication is not there.
func (db *DB) Share(ctx context.Context, s Share) error {
	err := db.transact(ctx, func(tx *sql.Tx) error {
		if _, err := one(ctx, tx, column[string], `SELECT id FROM publication WHERE id = $1 AND deleted = 0`+db.engine.lockRows, s.Publication.String()); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO share (id, publication, by_whom, note, discloses, at, expires, revoked) VALUES ($1, $2, $3, $4, $5, $6, $7, 0)`,
			s.ID.String(), s.Publication.String(), s.By, s.Note, s.Discloses, db.now().UnixMilli(), s.Expires.UnixMilli())
		if err != nil {
			return err
		}
		return db.event(ctx, tx, s.Publication, "shared", s.By, s.ID.String()+" "+s.Note)
	})
	return wrap("share publication", err)
}

const shareQuery = `SELECT s.id, s.publication, s.by_whom, s.note, s.discloses, s.at, s.expires, s.revoked FROM share s`

func readShare(scan scanner) (s Share, err error) {
	var revoked time.Time
	err = scan((*digest)(&s.ID), (*digest)(&s.Publication), &s.By, &s.Note, &s.Discloses, (*instant)(&s.At), (*instant)(&s.Expires), (*instant)(&revoked))
	s.Revoked = since(revoked)
	return s, err
}

// OpenShare returns the link whose secret has this hash, or ErrNotFound if there is
// none, it is over or revoked, or its publication is deleted.
func (db *DB) OpenShare(ctx context.Context, id seal.Hash) (Share, error) {
	s, err := one(ctx, db.read, readShare, shareQuery+` JOIN publication p ON p.id = s.publication
		WHERE s.id = $1 AND s.expires > $2 AND s.revoked = 0 AND p.deleted = 0`, id.String(), db.now().UnixMilli())
	return s, wrap("open share", err)
}

// Shares returns the links of a publication, over and revoked ones too, the newest
// first. Zero means 100.
func (db *DB) Shares(ctx context.Context, publication seal.Hash, limit int) ([]Share, error) {
	list, err := all(ctx, db.read, readShare, shareQuery+` WHERE s.publication = $1 ORDER BY s.at DESC, s.id LIMIT $2`, publication.String(), bounded(limit))
	return list, wrap("list shares", err)
}

// Unshare ends a link at once. It fails with ErrNotFound if there is none that is
// not revoked.
func (db *DB) Unshare(ctx context.Context, id seal.Hash, by string) error {
	err := db.transact(ctx, func(tx *sql.Tx) error {
		s, err := one(ctx, tx, readShare, shareQuery+` WHERE s.id = $1`, id.String())
		if err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `UPDATE share SET revoked = $2 WHERE id = $1 AND revoked = 0`, id.String(), db.now().UnixMilli())
		if err := touched(res, err, ErrNotFound); err != nil {
			return err
		}
		return db.event(ctx, tx, s.Publication, "unshared", by, id.String())
	})
	return wrap("end share", err)
}
