// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/clawea/clawea/seal"
)

// A Definition is what an upstream MCP server said of itself or of a tool, under the
// digest of that. The store does not verify it.
type Definition struct {
	Digest seal.Hash
	Body   []byte
}

// PutDefinitions keeps definitions, all or none. One that is there already stays as it is.
func (db *DB) PutDefinitions(ctx context.Context, list []Definition) error {
	err := db.transact(ctx, func(tx *sql.Tx) error {
		for _, d := range list {
			_, err := tx.ExecContext(ctx, `INSERT INTO definition (digest, body) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING`, d.Digest.String(), blob(d.Body))
			if err != nil {
				return err
			}
		}
		return nil
	})
	return wrap("keep definitions", err)
}

// Definition returns what is kept under a digest, or ErrNotFound.
func (db *DB) Definition(ctx context.Context, digest seal.Hash) ([]byte, error) {
	b, err := one(ctx, db.read, column[[]byte], `SELECT body FROM definition WHERE digest = $1`, digest.String())
	if err != nil {
		return nil, fmt.Errorf("definition %s: %w", digest, err)
	}
	return b, nil
}
