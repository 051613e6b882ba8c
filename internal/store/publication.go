// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/clawea/clawea/seal"
)

// A Publication is a bundle that was published. Times are kept to the millisecond.
type Publication struct {
	ID      seal.Hash // of the bundle's file
	Job     string
	Size    int64 // in bytes
	By      string
	At      time.Time
	Until   *time.Time // it is deleted after that; nil: never
	HeldBy  string     // who forbids deleting it; "": nobody
	Deleted *time.Time // when that was ordered; nil: it is there
	Gone    *time.Time // when its file was deleted
	Links   int        // that hold now
}

// An Event is something that was done to a publication: "published", "shared",
// "unshared", "held", "released" or "deleted".
type Event struct {
	ID          int64
	Publication seal.Hash
	What        string
	By          string
	Note        string
	At          time.Time
}

// ErrHeld is returned for what must not be deleted.
var ErrHeld = errors.New("it is under legal hold")

// Publish notes a bundle that was published, with By, Job, Size and Until of p.
// One that is published already stays as it is, but is kept at least until then.
// It fails with ErrConflict if it was deleted.
func (db *DB) Publish(ctx context.Context, p Publication) error {
	err := db.transact(ctx, func(tx *sql.Tx) error {
		now, until := db.now().UnixMilli(), int64(0)
		if p.Until != nil {
			until = p.Until.UnixMilli()
		}
		res, err := tx.ExecContext(ctx, `
			INSERT INTO publication (id, job, size, by_whom, at, keep_until, held_by, deleted, gone) VALUES ($1, $2, $3, $4, $5, $6, '', 0, 0)
			ON CONFLICT (id) DO UPDATE SET keep_until = CASE WHEN publication.keep_until = 0 OR excluded.keep_until = 0 THEN 0
				WHEN excluded.keep_until > publication.keep_until THEN excluded.keep_until ELSE publication.keep_until END
			WHERE publication.deleted = 0`,
			p.ID.String(), p.Job, p.Size, p.By, now, until)
		if err := touched(res, err, ErrConflict); err != nil {
			return err
		}
		return db.event(ctx, tx, p.ID, "published", p.By, "")
	})
	return wrap("note publication", err)
}

func (db *DB) event(ctx context.Context, tx *sql.Tx, id seal.Hash, what, by, note string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO publication_event (publication, what, by_whom, note, at) VALUES ($1, $2, $3, $4, $5)`,
		id.String(), what, by, note, db.now().UnixMilli())
	return err
}

// publicationQuery takes the time as $1.
const publicationQuery = `SELECT id, job, size, by_whom, at, keep_until, held_by, deleted, gone,
	(SELECT count(*) FROM share WHERE share.publication = publication.id AND share.revoked = 0 AND share.expires > $1) FROM publication`

func readPublication(scan scanner) (p Publication, err error) {
	var until, deleted, gone time.Time
	err = scan((*digest)(&p.ID), &p.Job, &p.Size, &p.By, (*instant)(&p.At), (*instant)(&until), &p.HeldBy, (*instant)(&deleted), (*instant)(&gone), &p.Links)
	p.Until, p.Deleted, p.Gone = since(until), since(deleted), since(gone)
	if p.Deleted != nil {
		p.Links = 0
	}
	return p, err
}

// Publication returns a publication, deleted ones too, or ErrNotFound.
func (db *DB) Publication(ctx context.Context, id seal.Hash) (Publication, error) {
	p, err := one(ctx, db.read, readPublication, publicationQuery+` WHERE id = $2`, db.now().UnixMilli(), id.String())
	return p, wrap("read publication", err)
}

// Publications returns up to limit publications behind a spot, or the first ones if
// that is nil, the newest first. A limit of zero means 100.
func (db *DB) Publications(ctx context.Context, before *Spot, limit int) ([]Publication, error) {
	if before == nil {
		before = &Spot{At: db.now().Add(time.Hour)}
	}
	list, err := all(ctx, db.read, readPublication, publicationQuery+` WHERE at <= $2 AND (at < $2 OR id < $3) ORDER BY at DESC, id DESC LIMIT $4`,
		db.now().UnixMilli(), before.At.UnixMilli(), before.ID, bounded(limit))
	return list, wrap("list publications", err)
}

// Events returns what was done to a publication, the oldest first.
func (db *DB) Events(ctx context.Context, id seal.Hash) ([]Event, error) {
	list, err := all(ctx, db.read, func(scan scanner) (e Event, err error) {
		return e, scan(&e.ID, (*digest)(&e.Publication), &e.What, &e.By, &e.Note, (*instant)(&e.At))
	}, `SELECT id, publication, what, by_whom, note, at FROM publication_event WHERE publication = $1 ORDER BY id`, id.String())
	return list, wrap("list events", err)
}

// Hold forbids to delete a publication until Release. It fails with ErrNotFound if
// it is not there, and with ErrConflict if it is held already.
func (db *DB) Hold(ctx context.Context, id seal.Hash, by, note string) error {
	if by == "" {
		return errors.New("hold publication: nobody says so")
	}
	return db.change(ctx, id, "held", by, note, ErrConflict, `UPDATE publication SET held_by = $2 WHERE id = $1 AND held_by = '' AND deleted = 0`, by)
}

// Release ends a hold. It fails with ErrConflict if there is none.
func (db *DB) Release(ctx context.Context, id seal.Hash, by, note string) error {
	return db.change(ctx, id, "released", by, note, ErrConflict, `UPDATE publication SET held_by = '' WHERE id = $1 AND held_by <> '' AND deleted = 0`)
}

// DropPublication orders a publication to be deleted: from here on nobody reads
// it. It fails with ErrHeld if it is held and with ErrNotFound if it is not there.
func (db *DB) DropPublication(ctx context.Context, id seal.Hash, by, note string) error {
	return db.change(ctx, id, "deleted", by, note, ErrHeld, `UPDATE publication SET deleted = $2 WHERE id = $1 AND held_by = '' AND deleted = 0`, db.now().UnixMilli())
}

// Expire is DropPublication for one whose time is over. It fails with ErrConflict if
// that is not so any more.
func (db *DB) Expire(ctx context.Context, id seal.Hash, by string) error {
	return db.change(ctx, id, "deleted", by, "its time is over", ErrConflict,
		`UPDATE publication SET deleted = $2 WHERE id = $1 AND held_by = '' AND deleted = 0 AND keep_until > 0 AND keep_until <= $2`, db.now().UnixMilli())
}

// change does one thing to a publication that is there. It fails with none if that
// is not to be done.
func (db *DB) change(ctx context.Context, id seal.Hash, what, by, note string, none error, stmt string, args ...any) error {
	err := db.transact(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, stmt, append([]any{id.String()}, args...)...)
		err = touched(res, err, none)
		if errors.Is(err, none) {
			if _, missing := one(ctx, tx, column[string], `SELECT id FROM publication WHERE id = $1 AND deleted = 0`, id.String()); missing != nil {
				return missing
			}
		}
		if err != nil {
			return err
		}
		return db.event(ctx, tx, id, what, by, note)
	})
	return wrap(fmt.Sprintf("publication %s: %s", id, what), err)
}

// Due returns publications that are to be deleted by now, and those whose files
// are to be: deleted ones that are not gone. Zero means 100.
func (db *DB) Due(ctx context.Context, limit int) (due, deleted []Publication, err error) {
	due, err = all(ctx, db.read, readPublication, publicationQuery+` WHERE keep_until > 0 AND keep_until <= $1 AND held_by = '' AND deleted = 0 ORDER BY keep_until LIMIT $2`,
		db.now().UnixMilli(), bounded(limit))
	if err != nil {
		return nil, nil, wrap("find what is due", err)
	}
	deleted, err = all(ctx, db.read, readPublication, publicationQuery+` WHERE deleted > 0 AND gone = 0 ORDER BY deleted LIMIT $2`, db.now().UnixMilli(), bounded(limit))
	return due, deleted, wrap("find what is deleted", err)
}

// Gone notes that a deleted publication's file is gone.
func (db *DB) Gone(ctx context.Context, id seal.Hash) error {
	res, err := db.write.ExecContext(ctx, `UPDATE publication SET gone = $2 WHERE id = $1 AND deleted > 0 AND gone = 0`, id.String(), db.now().UnixMilli())
	return wrap("note that it is gone", touched(res, err, ErrConflict))
}
