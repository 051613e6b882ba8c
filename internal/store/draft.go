// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// The states of a draft.
const (
	DraftOpen      = "open"
	DraftPublished = "published"
	DraftDiscarded = "discarded"
)

// A Draft is a policy that people sign before it is published. The store does not
// verify it. Times are kept to the millisecond.
type Draft struct {
	ID       seal.Hash // the policy's
	Name     string
	Envelope []byte // with the signatures so far; empty once the draft has ended
	By       string // who began it
	At       time.Time
	State    string
	Ended    *time.Time // nil: it is open
	EndedBy  string

	Extensions []policy.Extension // how those are that the policy lists; nil: nobody has said
}

// AddDraft keeps an open draft, of which it takes the id, the name, the envelope, who
// began it and the extensions. One that was discarded begins anew. It fails with ErrConflict for one
// that is open or published, and with ErrTooMany if max are open.
func (db *DB) AddDraft(ctx context.Context, d Draft, max int) error {
	extensions, err := seal.Marshal(d.Extensions)
	if err != nil {
		return err
	}
	err = db.transact(ctx, func(tx *sql.Tx) error {
		n, err := one(ctx, tx, column[int], `SELECT count(*) FROM draft WHERE state = 'open'`)
		if err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `
			INSERT INTO draft (id, name, envelope, by_whom, at, state, ended, ended_by, extensions) VALUES ($1, $2, $3, $4, $5, 'open', 0, '', $6)
			ON CONFLICT (id) DO UPDATE SET name = excluded.name, envelope = excluded.envelope, by_whom = excluded.by_whom, at = excluded.at,
				state = 'open', ended = 0, ended_by = '', extensions = excluded.extensions WHERE draft.state = 'discarded'`,
			d.ID.String(), d.Name, blob(d.Envelope), d.By, db.now().UnixMilli(), string(extensions))
		if err := touched(res, err, ErrConflict); err != nil {
			return err
		}
		if n >= max {
			return ErrTooMany
		}
		return nil
	})
	return wrap("keep draft", err)
}

const draftQuery = `SELECT id, name, envelope, by_whom, at, state, ended, ended_by, extensions FROM draft`

func readDraft(scan scanner) (d Draft, err error) {
	var ended time.Time
	var extensions string
	if err = scan((*digest)(&d.ID), &d.Name, &d.Envelope, &d.By, (*instant)(&d.At), &d.State, (*instant)(&ended), &d.EndedBy, &extensions); err != nil {
		return d, err
	}
	d.Ended = since(ended)
	if err = seal.Unmarshal([]byte(extensions), &d.Extensions); len(d.Extensions) == 0 {
		d.Extensions = nil
	}
	return d, err
}

// Draft returns one draft, whatever its state, or ErrNotFound.
func (db *DB) Draft(ctx context.Context, id seal.Hash) (Draft, error) {
	d, err := one(ctx, db.read, readDraft, draftQuery+` WHERE id = $1`, id.String())
	return d, wrap("read draft", err)
}

// Drafts returns the open drafts, the newest first. Zero means 100.
func (db *DB) Drafts(ctx context.Context, limit int) ([]Draft, error) {
	list, err := all(ctx, db.read, readDraft, draftQuery+` WHERE state = 'open' ORDER BY at DESC, id LIMIT $1`, bounded(limit))
	return list, wrap("list drafts", err)
}

// ExtendDraft says how the extensions are that an open draft's policy lists. It fails with
// ErrConflict if something else is said of them already, or the draft is not open.
func (db *DB) ExtendDraft(ctx context.Context, id seal.Hash, extensions []policy.Extension) error {
	text, err := seal.Marshal(extensions)
	if err != nil {
		return err
	}
	res, err := db.write.ExecContext(ctx, `UPDATE draft SET extensions = $2 WHERE id = $1 AND extensions IN ('[]', $2) AND state = 'open'`, id.String(), string(text))
	return wrap("extend draft", touched(res, err, ErrConflict))
}

// SignDraft puts an envelope with more signatures in the place of the former one. It
// fails with ErrConflict if the draft has another by now, or is not open.
func (db *DB) SignDraft(ctx context.Context, id seal.Hash, former, envelope []byte) error {
	res, err := db.write.ExecContext(ctx, `UPDATE draft SET envelope = $3 WHERE id = $1 AND envelope = $2 AND state = 'open'`, id.String(), blob(former), blob(envelope))
	return wrap("sign draft", touched(res, err, ErrConflict))
}

// EndDraft ends an open draft in a state. It fails with ErrConflict if it is not open,
// and with ErrNotFound if there is none.
func (db *DB) EndDraft(ctx context.Context, id seal.Hash, state, by string) error {
	if state != DraftPublished && state != DraftDiscarded {
		return errors.New("end draft: " + state + " is no end")
	}
	res, err := db.write.ExecContext(ctx, `UPDATE draft SET state = $2, ended = $3, ended_by = $4, envelope = $5 WHERE id = $1 AND state = 'open'`,
		id.String(), state, db.now().UnixMilli(), by, []byte{})
	err = touched(res, err, ErrConflict)
	if errors.Is(err, ErrConflict) {
		if _, found := db.Draft(ctx, id); found != nil {
			err = found
		}
	}
	return wrap("end draft", err)
}
