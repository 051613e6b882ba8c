// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// A Trace is what a launcher found that a job's program says of itself, with texts behind
// commitments. The store does not verify it.
type Trace struct {
	Job      string
	Envelope *seal.Envelope
	Texts    []receipt.Text // kept sealed, as those of receipts are
}

// PutTrace keeps a trace. One that is there already stays as it is. It fails with ErrNotFound
// for a job that is not there, and with ErrTooMany if the job has max others.
func (db *DB) PutTrace(ctx context.Context, t Trace, max int) error {
	paper, err := t.Envelope.Marshal()
	if err != nil {
		return err
	}
	hash := seal.Sum(paper)
	sealed, err := db.sealBound(traceBinding(t.Job, hash), t.Texts)
	if err != nil {
		return err
	}
	err = db.transact(ctx, func(tx *sql.Tx) error {
		if _, err := one(ctx, tx, column[string], `SELECT id FROM job WHERE id = $1`+db.engine.lockRows, t.Job); err != nil {
			return err
		}
		others, err := one(ctx, tx, column[int], `SELECT count(*) FROM trace WHERE job = $1 AND hash <> $2`, t.Job, hash.String())
		if err == nil && others >= max {
			err = ErrTooMany
		}
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO trace (job, hash, at, envelope, texts) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (job, hash) DO NOTHING`,
			t.Job, hash.String(), db.now().UnixMilli(), paper, sealed)
		return err
	})
	return wrap("keep trace", err)
}

// Traces returns a job's traces, in the order in which they were kept.
func (db *DB) Traces(ctx context.Context, job string) ([]*seal.Envelope, error) {
	list, err := all(ctx, db.read, readEnvelope(receipt.TraceType), `SELECT envelope FROM trace WHERE job = $1 ORDER BY at, hash`, job)
	return list, wrap("list traces", err)
}

// traceTexts returns the texts that came with a job's traces.
func (db *DB) traceTexts(ctx context.Context, job string) ([]receipt.Text, error) {
	type row struct {
		hash   seal.Hash
		sealed []byte
	}
	rows, err := all(ctx, db.read, func(scan scanner) (r row, err error) {
		err = scan((*digest)(&r.hash), &r.sealed)
		return r, err
	}, `SELECT hash, texts FROM trace WHERE job = $1 AND texts IS NOT NULL`, job)
	if err != nil {
		return nil, fmt.Errorf("list texts of traces: %w", err)
	}
	var out []receipt.Text
	for _, r := range rows {
		texts, err := db.openBound(traceBinding(job, r.hash), r.sealed)
		if err != nil {
			return nil, fmt.Errorf("open texts of a trace of job %s: %w", job, err)
		}
		out = append(out, texts...)
	}
	return out, nil
}

func traceBinding(job string, hash seal.Hash) []byte {
	return fmt.Appendf(nil, "clawea trace texts v1\n%s\n%s", job, hash)
}
