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

// beat is the least time between two heartbeats of a job that are written: what is heard
// in between changes nothing.
const beat = time.Second

// ahead is how far a heartbeat can be from now, into the future, before it is one that cannot be:
// a clock was wrong. Until then, a replica whose clock is behind takes nothing back.
const ahead = time.Minute

// Hear says that the plugin in the runtime of a job's agent was heard of now. The next
// receipt's State has it. It fails with ErrNotFound for a job that is not there.
func (db *DB) Hear(ctx context.Context, job string) error {
	now := db.now().UnixMilli()
	last, err := one(ctx, db.read, column[int64], `SELECT at FROM heartbeat WHERE job = $1`, job)
	if err == nil && now >= last && now-last < beat.Milliseconds() {
		return nil
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("look up heartbeat: %w", err)
	}
	err = db.transact(ctx, func(tx *sql.Tx) error {
		if _, err := one(ctx, tx, column[string], `SELECT id FROM job WHERE id = $1`, job); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO heartbeat (job, at) VALUES ($1, $2) ON CONFLICT (job) DO UPDATE SET at = excluded.at WHERE heartbeat.at < excluded.at OR heartbeat.at > excluded.at + $3`,
			job, now, ahead.Milliseconds())
		return err
	})
	return wrap("keep heartbeat", err)
}
