// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
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

type textsRow struct {
	seq    uint64
	sealed []byte
}

func readTexts(scan scanner) (r textsRow, err error) {
	var seq int64
	err = scan(&seq, &r.sealed)
	r.seq = uint64(seq)
	return r, err
}

// Text returns the text behind a commitment in receipt seq of a job. It fails
// with ErrNotFound.
func (db *DB) Text(ctx context.Context, job string, seq uint64, commitment seal.Hash) (receipt.Text, error) {
	found, err := db.texts(ctx, job, `seq = $2`, int64(seq))
	if err != nil {
		return receipt.Text{}, err
	}
	old, err := db.oldTexts(ctx, job, ` AND commitment = $2`, commitment.String())
	for _, t := range append(found, old...) {
		if t.Commitment == commitment {
			return t, err
		}
	}
	return receipt.Text{}, fmt.Errorf("text %s of job %q: %w", commitment, job, cmp.Or(err, ErrNotFound))
}

// Texts returns all texts of a job, those that came with traces included, each once, in the order of their commitments.
func (db *DB) Texts(ctx context.Context, job string) ([]receipt.Text, error) {
	out, err := db.texts(ctx, job, `texts IS NOT NULL`)
	if err != nil {
		return nil, err
	}
	traced, err := db.traceTexts(ctx, job)
	if err != nil {
		return nil, err
	}
	old, err := db.oldTexts(ctx, job, ``)
	out = append(append(out, traced...), old...)
	slices.SortStableFunc(out, func(a, b receipt.Text) int { return bytes.Compare(a.Commitment[:], b.Commitment[:]) })
	return slices.CompactFunc(out, func(a, b receipt.Text) bool { return a.Commitment == b.Commitment }), err
}

func (db *DB) texts(ctx context.Context, job, where string, args ...any) ([]receipt.Text, error) {
	rows, err := all(ctx, db.read, readTexts, `SELECT seq, texts FROM receipt WHERE job = $1 AND `+where, append([]any{job}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("list texts: %w", err)
	}
	var out []receipt.Text
	for _, r := range rows {
		texts, err := db.openTexts(job, r.seq, r.sealed)
		if err != nil {
			return nil, err
		}
		out = append(out, texts...)
	}
	return out, nil
}

// oldTexts returns those of before receipts held their texts.
func (db *DB) oldTexts(ctx context.Context, job, where string, args ...any) ([]receipt.Text, error) {
	list, err := all(ctx, db.read, func(scan scanner) (receipt.Text, error) {
		var commitment seal.Hash
		var sealed []byte
		if err := scan((*digest)(&commitment), &sealed); err != nil {
			return receipt.Text{}, err
		}
		return db.openText(job, commitment, sealed)
	}, `SELECT commitment, sealed FROM sealed_text WHERE job = $1`+where, append([]any{job}, args...)...)
	return list, wrap("list texts", err)
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
