// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// An Export is how far the receipts have been sent to one channel.
type Export struct {
	Channel string
	Last    int64     // the receipt that the other side has last, by its place in the order; 0: none
	UpTo    int64     // where the batch ended that was tried last, and is to be tried again; not above Last: none
	Tries   int       // in vain, since something was sent
	Due     time.Time // when to try again
	Claim   string    // whose it is to try now

	until int64 // when a claim is over
}

// Exported returns how far receipts have been sent to a channel. The first time that
// it is asked, the channel begins: with what the log has not taken yet.
func (db *DB) Exported(ctx context.Context, channel string) (*Export, error) {
	x, err := db.exported(ctx, channel)
	if !errors.Is(err, ErrNotFound) {
		return x, wrap("read how far receipts are sent", err)
	}
	last, err := sequenced(ctx, db.read)
	if err == nil {
		_, err = db.write.ExecContext(ctx, `INSERT INTO export_place (channel, last) VALUES ($1, $2) ON CONFLICT (channel) DO NOTHING`, channel, last)
	}
	if err != nil {
		return nil, fmt.Errorf("begin to send receipts: %w", err)
	}
	x, err = db.exported(ctx, channel)
	return x, wrap("read how far receipts are sent", err)
}

func (db *DB) exported(ctx context.Context, channel string) (*Export, error) {
	return one(ctx, db.read, func(scan scanner) (*Export, error) {
		x := &Export{Channel: channel}
		err := scan(&x.Last, &x.UpTo, &x.Tries, (*instant)(&x.Due), &x.until)
		return x, err
	}, `SELECT last, upto, tries, due, until FROM export_place WHERE channel = $1`, channel)
}

// ClaimExport claims, for as long as d, that the receipts behind x.Last and up to upto
// are sent. claim is an id that is used once. It fails with ErrConflict if another
// replica is at it, or was since x was read. A claim that is over can be
// another's: what it was for may have been done, and is done again.
func (db *DB) ClaimExport(ctx context.Context, x *Export, upto int64, claim string, d time.Duration) error {
	now := db.now()
	if x.until > now.UnixMilli() {
		return fmt.Errorf("receipts to channel %s: %w", x.Channel, ErrConflict)
	}
	until := now.Add(d).UnixMilli()
	res, err := db.write.ExecContext(ctx, `UPDATE export_place SET upto = $1, claim = $2, until = $3 WHERE channel = $4 AND last = $5 AND tries = $6 AND until = $7`,
		upto, claim, until, x.Channel, x.Last, x.Tries, x.until)
	if err = touched(res, err, ErrConflict); err != nil {
		return wrap("claim receipts to send", err)
	}
	x.UpTo, x.Claim, x.until = upto, claim, until
	return nil
}

// EndExport says that the other side has the receipts that x claims. It fails with
// ErrConflict if the claim does not hold any more.
func (db *DB) EndExport(ctx context.Context, x *Export) error {
	res, err := db.write.ExecContext(ctx, `UPDATE export_place SET last = upto, tries = 0, due = 0, claim = '', until = 0 WHERE channel = $1 AND claim = $2 AND last = $3`,
		x.Channel, x.Claim, x.Last)
	return wrap("end sending receipts", touched(res, err, ErrConflict))
}

// DelayExport says that x was tried in vain and is not to be tried again before due.
// It fails with ErrConflict if the claim does not hold any more.
func (db *DB) DelayExport(ctx context.Context, x *Export, due time.Time) error {
	res, err := db.write.ExecContext(ctx, `UPDATE export_place SET tries = tries + 1, due = $1, claim = '', until = 0 WHERE channel = $2 AND claim = $3`,
		due.UnixMilli(), x.Channel, x.Claim)
	return wrap("delay sending receipts", touched(res, err, ErrConflict))
}
