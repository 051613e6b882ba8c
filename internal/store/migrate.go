// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
)

// migrations holds NNNN.sql files per engine, applied in order, each once.
// A released file never changes.
//
//go:embed sqlite/*.sql postgres/*.sql
var migrations embed.FS

// prepare brings the tables up to date and checks the sealing key.
func (db *DB) prepare(ctx context.Context) error {
	err := db.transact(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, db.engine.lockSchema); err != nil {
			return err
		}
		isNew, err := db.migrate(ctx, tx)
		if err != nil {
			return err
		}
		if isNew {
			_, err := tx.ExecContext(ctx, `INSERT INTO sealing (id, sealed) VALUES (1, $1)`, db.keyCheck())
			return err
		}
		return db.checkKey(ctx, tx)
	})
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	return nil
}

// migrate applies what is missing, and tells whether that was everything.
func (db *DB) migrate(ctx context.Context, tx *sql.Tx) (isNew bool, err error) {
	files, err := fs.Glob(migrations, db.engine.name+"/*.sql") // in order
	if err != nil {
		return false, err
	}
	if _, err := tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)`); err != nil {
		return false, err
	}
	var version int
	err = tx.QueryRowContext(ctx, `SELECT version FROM schema_version`).Scan(&version)
	if isNew = errors.Is(err, sql.ErrNoRows); isNew {
		_, err = tx.ExecContext(ctx, `INSERT INTO schema_version (version) VALUES (0)`)
	}
	if err != nil {
		return false, err
	}
	if version > len(files) {
		return false, fmt.Errorf("it has schema %d and this clawea knows schemas up to %d; use a newer clawea", version, len(files))
	}
	for _, f := range files[version:] {
		text, err := migrations.ReadFile(f)
		if err != nil {
			return false, err
		}
		if _, err := tx.ExecContext(ctx, string(text)); err != nil {
			return false, fmt.Errorf("apply %s: %w", f, err)
		}
	}
	if version == len(files) {
		return isNew, nil
	}
	_, err = tx.ExecContext(ctx, `UPDATE schema_version SET version = $1`, len(files))
	return isNew, err
}

func (db *DB) checkKey(ctx context.Context, tx *sql.Tx) error {
	var sealed []byte
	if err := tx.QueryRowContext(ctx, `SELECT sealed FROM sealing`).Scan(&sealed); err != nil {
		return fmt.Errorf("read sealing key's check: %w", err)
	}
	if !db.opensKeyCheck(sealed) {
		return errors.New("it was made with another sealing key; give the sealing key it was made with, without which its texts are lost")
	}
	return nil
}
