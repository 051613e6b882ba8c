// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package store keeps what the house must not forget: policies, jobs, tokens,
// receipts, the texts behind them, people's answers, what is revoked, and the
// log's hashes. It holds all SQL of the house, one text for SQLite and
// PostgreSQL; the engines differ in their CREATE TABLE statements and in what
// engine.go says.
//
// The database is not trusted for evidence: who edits it breaks signatures, a
// job's chain or the log. It is trusted for counters, for what is revoked and
// for which answers and proofs are used up. It hands answers out as they were
// signed; the gate verifies them. Texts are sealed before they reach it.
package store

import (
	"context"
	"crypto/cipher"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clawea/clawea/internal/memo"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// The errors that callers branch on. All others mean that the database is in
// trouble, or that the caller broke a rule of this package.
var (
	// ErrNotFound is returned for what is not in the database.
	ErrNotFound = errors.New("not found")
	// ErrConflict is returned for what contradicts what is in the database.
	ErrConflict = errors.New("conflicts with what is stored")
	// ErrRevoked is returned for a token whose job, agent or policy is revoked.
	ErrRevoked = errors.New("what it stands on is revoked")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("database is closed")
)

// A Config says where the database is and what seals its texts.
type Config struct {
	// URL is sqlite:PATH, or postgres://… as libpq reads it. A SQLite file is
	// created, readable by its owner only, if it is missing.
	URL string
	// Key seals texts (AES-256): 32 secret bytes, the same for the whole life of
	// the database.
	Key []byte
	// Now is the house's clock. Nil means time.Now.
	Now func() time.Time
	// Log hears of commits that failed or whose end is unknown. Nil discards.
	Log *slog.Logger
}

// A DB is an open database. Its methods may be called from many goroutines, and
// several daemons may share one PostgreSQL.
type DB struct {
	engine *engine
	write  *sql.DB // SQLite: the one writing connection
	read   *sql.DB
	sealer cipher.AEAD
	now    func() time.Time
	log    *slog.Logger

	queue  chan *write   // to the writer
	quit   chan struct{} // closed by Close
	done   chan struct{} // closed by the writer when it has ended
	close  sync.Once
	commit func(*sql.Tx) error // (*sql.Tx).Commit, but for tests of its failure
	known  *statements         // the writer's; nil: the driver sees to that
	kept   kept                // the writer's, where known is not nil
	hot    *sql.Stmt           // what each call asks first, inForceQuery; nil: the driver sees to that

	beside memo.Memo[seal.Hash, []seal.Hash]    // candidates, by policy
	lately memo.Memo[owner, []token.Revocation] // what RevokingJob found

	settledTo atomic.Int64 // no receipt up to this number is still to come
	settling  atomic.Int64 // how long finding that out may take, in milliseconds

	dial   func(context.Context) (*pgx.Conn, error) // PostgreSQL: a connection of one's own
	orders bell                                     // rung when this daemon has revoked something
}

// Open opens the database, and makes or upgrades its tables. It refuses a
// database of a newer house and one that was made with another sealing key.
// Its errors never repeat the URL, which may hold a password.
func Open(ctx context.Context, c Config) (*DB, error) {
	sealer, err := newSealer(c.Key)
	if err != nil {
		return nil, err
	}
	db := &DB{
		sealer: sealer, now: c.Now, log: c.Log, commit: (*sql.Tx).Commit,
		queue: make(chan *write), quit: make(chan struct{}), done: make(chan struct{}),
	}
	if db.now == nil {
		db.now = time.Now
	}
	if db.log == nil {
		db.log = slog.New(slog.DiscardHandler)
	}
	if err := db.connect(c.URL); err != nil {
		return nil, err
	}
	if err := db.prepare(ctx); err != nil {
		return nil, errors.Join(err, db.disconnect())
	}
	if !db.engine.concurrent { // pgx does it by itself
		db.known = &statements{ready: map[string]*sql.Stmt{}}
		if db.hot, err = db.read.PrepareContext(ctx, inForceQuery(len(owner{}.concerns()))); err != nil {
			return nil, errors.Join(fmt.Errorf("open database: %w", err), db.disconnect())
		}
	}
	go db.serve()
	return db, nil
}

// Close waits for the commit under way, fails the writes that wait behind it
// with ErrClosed, and lets go of the database.
func (db *DB) Close() error {
	db.close.Do(func() { close(db.quit) })
	<-db.done
	return db.disconnect()
}

func (db *DB) disconnect() error {
	if db.read == db.write {
		return db.write.Close()
	}
	return errors.Join(db.read.Close(), db.write.Close())
}

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error {
	var version int
	if err := db.read.QueryRowContext(ctx, `SELECT version FROM schema_version`).Scan(&version); err != nil {
		return fmt.Errorf("ping database: %w", err)
	}
	return nil
}

// transact runs f in a transaction and commits it if f succeeds.
func (db *DB) transact(ctx context.Context, f func(*sql.Tx) error) error {
	return transact(ctx, db.write, db.commit, f)
}

// A beginner is a database or one of its connections.
type beginner interface {
	BeginTx(context.Context, *sql.TxOptions) (*sql.Tx, error)
}

func transact(ctx context.Context, on beginner, commit func(*sql.Tx) error, f func(*sql.Tx) error) error {
	tx, err := on.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() // also if f panics; after a commit it does nothing
	if err := f(tx); err != nil {
		return err
	}
	if err := commit(tx); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}
