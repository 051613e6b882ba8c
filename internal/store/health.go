// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Unlogged returns when the oldest receipt was written that is not in the log yet, by
// the clock of who wrote it; the zero time if all are.
func (db *DB) Unlogged(ctx context.Context) (time.Time, error) {
	at, err := one(ctx, db.read, readInstant, `SELECT at FROM receipt WHERE id > coalesce((SELECT last FROM log_part ORDER BY leaf DESC LIMIT 1), 0) ORDER BY id LIMIT 1`)
	return orNever(at, err, "look for receipts before the log")
}

// Newest returns when the newest receipt was written, by the clock of who wrote it; the
// zero time if there is none.
func (db *DB) Newest(ctx context.Context) (time.Time, error) {
	at, err := one(ctx, db.read, readInstant, `SELECT at FROM receipt ORDER BY id DESC LIMIT 1`)
	return orNever(at, err, "look for the newest receipt")
}

// Undelivered returns how many notices wait for a channel, and when what the oldest of
// them tells happened; the zero time if none does.
func (db *DB) Undelivered(ctx context.Context, channel string) (n int, since time.Time, err error) {
	_, err = one(ctx, db.read, func(scan scanner) (struct{}, error) {
		return struct{}{}, scan(&n, (*instant)(&since))
	}, `SELECT count(*), coalesce(min(n.at), 0) FROM notice_delivery d JOIN notice n ON n.id = d.notice WHERE d.channel = $1 AND d.ended = 0`, channel)
	if n == 0 {
		since = time.Time{}
	}
	return n, since, wrap("count notices", err)
}

// Clock returns the time by the database's own clock, where it has one: SQLite's is this
// process's.
func (db *DB) Clock(ctx context.Context) (time.Time, error) {
	if db.engine.clock == "" {
		return db.now(), nil
	}
	at, err := one(ctx, db.read, readInstant, db.engine.clock)
	return at, wrap("read the database's clock", err)
}

func readInstant(scan scanner) (t time.Time, err error) {
	err = scan((*instant)(&t))
	return t, err
}

func orNever(at time.Time, err error, doing string) (time.Time, error) {
	if errors.Is(err, ErrNotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: %w", doing, err)
	}
	return at, nil
}
