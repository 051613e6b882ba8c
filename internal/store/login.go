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

// A Person is somebody who has logged in.
type Person struct {
	ID      string // who vouches for them, and what they are called there
	Key     string // the name of their keys, for good
	Name    string // as people read it
	Created time.Time
	Entered time.Time // when they logged in last; zero: not since that is kept
}

// A Session is what a browser may do that has logged in. Its secret is in the
// browser; the house has the hash.
type Session struct {
	Hash    seal.Hash
	Person  string
	Data    []byte    // sealed in the database, and bound to the hash
	Started time.Time // with the login, kept to the millisecond
	Seen    time.Time // when it was used last, about
}

func personBinding(id string) []byte         { return []byte("clawea person v1\n" + id) }
func sessionBinding(h seal.Hash) []byte      { return []byte("clawea session v1\n" + h.String()) }
func sessionData(s *Session, d int64) string { return fmt.Sprintf("%s\n%d\n", s.Person, d) }

const personQuery = `SELECT id, key, name, sealed, created, entered FROM person`

func (db *DB) readPerson(scan scanner) (p Person, err error) {
	var sealed []byte
	if err := scan(&p.ID, &p.Key, &p.Name, &sealed, (*instant)(&p.Created), (*instant)(&p.Entered)); err != nil {
		return p, err
	}
	key, err := db.sealer.Open(nil, nil, sealed, personBinding(p.ID))
	if err != nil || string(key) != p.Key {
		return p, fmt.Errorf("read person %q: it was changed in the database", p.ID)
	}
	return p, nil
}

// Enter returns the person with p's id, who logs in now and is called p.Name from now
// on. The first time they are kept with p.Key; later they keep the key name that they
// have. It fails with ErrConflict if that key name is somebody else's.
func (db *DB) Enter(ctx context.Context, p Person) (Person, error) {
	var found Person
	err := db.transact(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO person (id, key, name, sealed, created) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
			p.ID, p.Key, p.Name, db.sealer.Seal(nil, nil, []byte(p.Key), personBinding(p.ID)), db.now().UnixMilli())
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE person SET name = $2, entered = $3 WHERE id = $1`, p.ID, p.Name, db.now().UnixMilli()); err != nil {
			return err
		}
		found, err = one(ctx, tx, db.readPerson, personQuery+` WHERE id = $1`, p.ID)
		if errors.Is(err, ErrNotFound) { // not kept: the key name is taken
			return ErrConflict
		}
		return err
	})
	return found, wrap("enter person", err)
}

// Person returns a person by their id, or ErrNotFound.
func (db *DB) Person(ctx context.Context, id string) (Person, error) {
	p, err := one(ctx, db.read, db.readPerson, personQuery+` WHERE id = $1`, id)
	return p, wrap("read person", err)
}

// People lists who has ever logged in, in the order of their key names: up to limit
// of those whose key names come after one.
func (db *DB) People(ctx context.Context, after string, limit int) ([]Person, error) {
	list, err := all(ctx, db.read, db.readPerson, personQuery+` WHERE key > $1 ORDER BY key LIMIT $2`, after, bounded(limit))
	return list, wrap("list people", err)
}

// Sessions lists the sessions of a person, the newest first. Whether one is over by its
// age, the caller says.
func (db *DB) Sessions(ctx context.Context, person string) ([]Session, error) {
	list, err := all(ctx, db.read, db.readSession, `SELECT hash, person, sealed, started, seen FROM session WHERE person = $1 ORDER BY started DESC, hash`, person)
	return list, wrap("list sessions", err)
}

// MaxSessions is how many sessions a person may have. The oldest ends where another
// begins.
const MaxSessions = 20

// StartSession keeps a session, and ends the former one of the same browser, if
// there is one, and the oldest of a person who would have more than MaxSessions.
func (db *DB) StartSession(ctx context.Context, s Session, former seal.Hash) error {
	return db.putSession(ctx, s, former, nil)
}

// RotateSession keeps s in the place of former. It fails with ErrNotFound if that
// is over: of two that rotate one session, one succeeds.
func (db *DB) RotateSession(ctx context.Context, s Session, former seal.Hash) error {
	return db.putSession(ctx, s, former, ErrNotFound)
}

func (db *DB) putSession(ctx context.Context, s Session, former seal.Hash, none error) error {
	started := s.Started.UnixMilli()
	sealed := db.sealer.Seal(nil, nil, append([]byte(sessionData(&s, started)), s.Data...), sessionBinding(s.Hash))
	return wrap("keep session", db.transact(ctx, func(tx *sql.Tx) error {
		if err := db.lockPerson(ctx, tx, s.Person); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `DELETE FROM session WHERE hash = $1`, former.String())
		if err := touched(res, err, none); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM session WHERE person = $1 AND hash NOT IN (SELECT hash FROM session WHERE person = $1 ORDER BY started DESC, hash LIMIT $2)`,
			s.Person, MaxSessions-1)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO session (hash, person, sealed, started, seen) VALUES ($1, $2, $3, $4, $5)`,
			s.Hash.String(), s.Person, sealed, started, s.Seen.UnixMilli())
		return err
	}))
}

// Session returns a session by the hash of its secret, or ErrNotFound. Whether it
// is over by its age, the caller says.
func (db *DB) Session(ctx context.Context, hash seal.Hash) (Session, error) {
	s, err := one(ctx, db.read, db.readSession, `SELECT hash, person, sealed, started, seen FROM session WHERE hash = $1`, hash.String())
	return s, wrap("read session", err)
}

func (db *DB) readSession(scan scanner) (s Session, err error) {
	var sealed []byte
	var started int64
	if err := scan((*digest)(&s.Hash), &s.Person, &sealed, &started, (*instant)(&s.Seen)); err != nil {
		return s, err
	}
	s.Started = time.UnixMilli(started).UTC()
	data, err := db.sealer.Open(nil, nil, sealed, sessionBinding(s.Hash))
	head := sessionData(&s, started)
	if err != nil || len(data) < len(head) || string(data[:len(head)]) != head {
		return s, errors.New("it was changed in the database")
	}
	s.Data = data[len(head):]
	return s, nil
}

// TouchSession notes that a session was used at seen. One that is over stays so.
func (db *DB) TouchSession(ctx context.Context, hash seal.Hash, seen time.Time) error {
	_, err := db.write.ExecContext(ctx, `UPDATE session SET seen = $2 WHERE hash = $1 AND seen < $2`, hash.String(), seen.UnixMilli())
	return wrap("touch session", err)
}

// EndSession ends a session. That it is over already is no error.
func (db *DB) EndSession(ctx context.Context, hash seal.Hash) error {
	_, err := db.write.ExecContext(ctx, `DELETE FROM session WHERE hash = $1`, hash.String())
	return wrap("end session", err)
}

// EndSessions ends all sessions of a person, those too that are given a new secret
// meanwhile. That there is no such person is no error.
func (db *DB) EndSessions(ctx context.Context, person string) error {
	err := db.transact(ctx, func(tx *sql.Tx) error {
		if err := db.lockPerson(ctx, tx, person); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM session WHERE person = $1`, person)
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return wrap("end sessions", err)
}

// lockPerson has what is done to a person's sessions and passkeys wait for one
// another, until the end of the transaction: what is put in the place of a row that is
// about to go would stay otherwise. It fails with ErrNotFound if there is nobody like
// that.
func (db *DB) lockPerson(ctx context.Context, tx *sql.Tx, id string) error {
	_, err := one(ctx, tx, column[string], `SELECT id FROM person WHERE id = $1`+db.engine.lockRows, id)
	return err
}

// PutLink keeps the hash of a one-time link until expires. Links before it are
// over.
func (db *DB) PutLink(ctx context.Context, hash seal.Hash, expires time.Time) error {
	return wrap("keep link", db.transact(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM link`); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO link (hash, expires) VALUES ($1, $2)`, hash.String(), expires.UnixMilli())
		return err
	}))
}

// UseLink uses a link up. It fails with ErrNotFound if there is none that holds.
func (db *DB) UseLink(ctx context.Context, hash seal.Hash) error {
	res, err := db.write.ExecContext(ctx, `DELETE FROM link WHERE hash = $1 AND expires > $2`, hash.String(), db.now().UnixMilli())
	return wrap("use link", touched(res, err, ErrNotFound))
}

// UseLogin says that a login or a registration ends now, which can be done until
// expires. It fails with ErrConflict if it has ended before, on whatever replica.
func (db *DB) UseLogin(ctx context.Context, hash seal.Hash, expires time.Time) error {
	res, err := db.write.ExecContext(ctx, `INSERT INTO login_used (hash, expires) VALUES ($1, $2) ON CONFLICT DO NOTHING`, hash.String(), expires.UnixMilli())
	return wrap("use login", touched(res, err, ErrConflict))
}

// ForgetLogins forgets sessions that started before started or were seen last
// before seen, and links and logins that are over.
func (db *DB) ForgetLogins(ctx context.Context, started, seen time.Time) error {
	now := db.now().UnixMilli()
	for _, stmt := range []struct {
		query string
		args  []any
	}{
		{`DELETE FROM session WHERE started < $1 OR seen < $2`, []any{started.UnixMilli(), seen.UnixMilli()}},
		{`DELETE FROM link WHERE expires < $1`, []any{now}},
		{`DELETE FROM login_used WHERE expires < $1`, []any{now}},
	} {
		if _, err := db.write.ExecContext(ctx, stmt.query, stmt.args...); err != nil {
			return fmt.Errorf("forget logins: %w", err)
		}
	}
	return nil
}
