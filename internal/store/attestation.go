// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"

	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// An Attestation is a launcher's signed word for what a job's agent runs in. The store
// does not verify it.
type Attestation struct {
	Job      string
	Hash     seal.Hash // of the attestation, as tokens have it
	Envelope []byte    // canonical
}

// PutAttestation keeps a job's attestation. One that is there already stays as it is.
func (db *DB) PutAttestation(ctx context.Context, a Attestation) error {
	_, err := db.write.ExecContext(ctx, `INSERT INTO attestation (job, hash, at, envelope) VALUES ($1, $2, $3, $4) ON CONFLICT (job, hash) DO NOTHING`,
		a.Job, a.Hash.String(), db.now().UnixMilli(), blob(a.Envelope))
	return wrap("keep attestation", err)
}

// Attestation returns one attestation of a job. It fails with ErrNotFound.
func (db *DB) Attestation(ctx context.Context, job string, hash seal.Hash) (*seal.Envelope, error) {
	e, err := one(ctx, db.read, readEnvelope(receipt.AttestationType), `SELECT envelope FROM attestation WHERE job = $1 AND hash = $2`, job, hash.String())
	if err != nil {
		return nil, fmt.Errorf("attestation %s of job %q: %w", hash, job, err)
	}
	return e, nil
}
