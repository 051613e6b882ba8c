// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// An engine is what differs between the two databases.
type engine struct {
	name         string             // and the directory of its migrations
	lockRows     string             // ends a SELECT whose rows stay locked until the end of the transaction
	lockChains   string             // the same, for the rows of c alone
	lockSchema   string             // keeps other daemons from migrating until the end of the transaction
	tryLog       string             // tells whether the log's lock was free and is now ours, until the end of the transaction
	lockOrders   string             // waits for the transactions that have said beforeOrders, and makes new ones wait for the end of this one
	beforeOrders string             // a condition, always true: no order to revoke is committed between it and the end of the transaction
	tellOrder    string             // wakes who listens, on every daemon, when the transaction is committed
	clock        string             // tells the database's own time, in milliseconds; "": it has none
	rows         int                // that one INSERT adds, at most
	concurrent   bool               // whether several transactions may write at once
	isConflict   func(e error) bool // whether e is about a row that is there already
	isTimeout    func(e error) bool // whether e is about a lock that was waited for too long
}

// sqliteEngine needs no locks: it has one writer at a time (BEGIN IMMEDIATE).
func sqliteEngine() *engine {
	return &engine{
		name: "sqlite", lockSchema: `SELECT 1`, tryLog: `SELECT 1`, lockOrders: `SELECT 1`, beforeOrders: `TRUE`, tellOrder: `SELECT 1`,
		rows:      1,
		isTimeout: func(error) bool { return false },
		isConflict: func(err error) bool {
			var e *sqlite.Error
			return errors.As(err, &e) && (e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY || e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE)
		},
	}
}

// The numbers of the advisory locks mean nothing, but must stay as they are.
func postgresEngine() *engine {
	return &engine{
		name: "postgres", lockRows: ` FOR UPDATE`, lockChains: ` FOR UPDATE OF c`,
		lockSchema: `SELECT pg_advisory_xact_lock(727001)`, tryLog: `SELECT pg_try_advisory_xact_lock(727002)`,
		lockOrders: `SELECT pg_advisory_xact_lock(727003)`, beforeOrders: `(SELECT pg_advisory_xact_lock_shared(727003)) IS NOT NULL`,
		tellOrder:  `SELECT pg_notify('` + channel + `', '')`,
		clock:      `SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint`,
		concurrent: true,
		rows:       64, // each statement is a journey
		isTimeout: func(err error) bool {
			var e *pgconn.PgError
			return errors.As(err, &e) && e.Code == "55P03" // lock_not_available
		},
		isConflict: func(err error) bool {
			var e *pgconn.PgError
			return errors.As(err, &e) && e.Code == "23505" // unique_violation
		},
	}
}

func (db *DB) connect(u string) error {
	path, isFile := strings.CutPrefix(u, "sqlite:")
	switch {
	case isFile:
		return db.connectSQLite(path)
	case strings.HasPrefix(u, "postgres://"), strings.HasPrefix(u, "postgresql://"):
		return db.connectPostgres(u)
	}
	return errors.New("open database: unknown kind of URL; use sqlite:PATH or postgres://USER@HOST/NAME")
}

func (db *DB) connectSQLite(path string) error {
	if path == "" || strings.HasPrefix(path, ":") {
		return errors.New("open database: sqlite: needs the path of a file; use sqlite:/var/lib/clawea/house.db")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	if err := createPrivate(path); err != nil {
		return fmt.Errorf("open database: %w\nname a file in a folder that is there, and that the house may write", err)
	}
	common := url.Values{
		"_busy_timeout": {"10000"}, "_foreign_keys": {"1"}, "_dqs": {"0"}, "_defensive": {"1"},
		"_pragma": {"journal_mode(WAL)", "synchronous(FULL)", "fullfsync(1)", "trusted_schema(0)", "cell_size_check(1)"},
	}
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + common.Encode()
	db.engine = sqliteEngine()
	if db.write, err = sql.Open("sqlite", dsn+"&_txlock=immediate"); err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	if db.read, err = sql.Open("sqlite", dsn+"&_query_only=1"); err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	db.write.SetMaxOpenConns(1)
	readers := max(4, runtime.GOMAXPROCS(0))
	db.read.SetMaxOpenConns(readers)
	db.read.SetMaxIdleConns(readers)
	return nil
}

// createPrivate makes an empty file for its owner only; SQLite gives its WAL
// the same mode. An existing file is left alone: closing it again would drop
// the locks that another connection of this process holds on it (POSIX).
func createPrivate(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

func (db *DB) connectPostgres(u string) error {
	c, err := pgx.ParseConfig(u)
	if err != nil {
		return errors.New("open database: the URL is not one of PostgreSQL's; use postgres://USER@HOST/NAME") // err repeats parts of it
	}
	c.RuntimeParams["synchronous_commit"] = "on"
	c.RuntimeParams["default_transaction_isolation"] = "read committed" // a lock waits, then sees what it waited for
	if c.RuntimeParams["idle_in_transaction_session_timeout"] == "" {
		c.RuntimeParams["idle_in_transaction_session_timeout"] = "5s" // a daemon that hangs must not keep others from revoking for long; a large text on a slow link must arrive in that time
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "clawea"
	}
	db.engine = postgresEngine()
	db.dial = func(ctx context.Context) (*pgx.Conn, error) { return pgx.ConnectConfig(ctx, c.Copy()) }
	db.write = stdlib.OpenDB(*c)
	db.read = db.write
	db.write.SetMaxOpenConns(16)
	db.write.SetMaxIdleConns(16)
	return nil
}
