// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"time"

	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// Receipts returns a job's receipts, in order. A job without any, or that is
// not there, has none.
func (db *DB) Receipts(ctx context.Context, job string) ([]*seal.Envelope, error) {
	list, err := all(ctx, db.read, readEnvelope(receipt.Type), `SELECT envelope FROM receipt WHERE job = $1 ORDER BY seq`, job)
	return list, wrap("list receipts", err)
}

// Receipt returns one receipt. It fails with ErrNotFound.
func (db *DB) Receipt(ctx context.Context, job string, seq uint64) (*seal.Envelope, error) {
	e, err := one(ctx, db.read, readEnvelope(receipt.Type), `SELECT envelope FROM receipt WHERE job = $1 AND seq = $2`, job, int64(seq))
	if err != nil {
		return nil, fmt.Errorf("receipt %d of job %q: %w", seq, job, err)
	}
	return e, nil
}

type textRow struct {
	commitment seal.Hash
	sealed     []byte
}

func readText(scan scanner) (r textRow, err error) {
	err = scan((*digest)(&r.commitment), &r.sealed)
	return r, err
}

const textQuery = `SELECT commitment, sealed FROM sealed_text WHERE job = $1`

// Text returns the text behind a commitment in a job's receipts. It fails with
// ErrNotFound.
func (db *DB) Text(ctx context.Context, job string, commitment seal.Hash) (receipt.Text, error) {
	r, err := one(ctx, db.read, readText, textQuery+` AND commitment = $2`, job, commitment.String())
	if err != nil {
		return receipt.Text{}, fmt.Errorf("text %s of job %q: %w", commitment, job, err)
	}
	return db.openText(job, r.commitment, r.sealed)
}

// Texts returns all texts of a job, in the order of their commitments.
func (db *DB) Texts(ctx context.Context, job string) ([]receipt.Text, error) {
	rows, err := all(ctx, db.read, readText, textQuery+` ORDER BY commitment`, job)
	if err != nil {
		return nil, fmt.Errorf("list texts: %w", err)
	}
	out := make([]receipt.Text, len(rows))
	for i, r := range rows {
		if out[i], err = db.openText(job, r.commitment, r.sealed); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// A Mark is a place among the opened receipts of all jobs, in the order of
// their times. The zero Mark is before the first.
type Mark struct {
	At  time.Time
	Job string
	Seq uint64
}

// An Opened is an opened receipt as it is stored, with its place. Nothing of it
// is verified.
type Opened struct {
	Mark
	Envelope []byte
}

// OpenedAfter returns up to limit opened receipts behind m, in order: of one
// job, or of all if job is "".
func (db *DB) OpenedAfter(ctx context.Context, m Mark, job string, limit int) ([]Opened, error) {
	query := `SELECT at, job, seq, envelope FROM receipt WHERE kind = 'opened' AND (at, job, seq) > ($1, $2, $3)`
	args := []any{m.At.UnixMilli(), m.Job, int64(m.Seq)}
	if job != "" {
		query += ` AND job = $4`
		args = append(args, job)
	}
	query += ` ORDER BY at, job, seq LIMIT ` + places(len(args)+1, 1)
	list, err := all(ctx, db.read, readOpened, query, append(args, bounded(limit))...)
	return list, wrap("list opened receipts", err)
}

func readOpened(scan scanner) (o Opened, err error) {
	var seq int64
	err = scan((*instant)(&o.At), &o.Job, &seq, &o.Envelope)
	o.Seq = uint64(seq)
	return o, err
}
