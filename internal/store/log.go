// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Sequence moves up to limit receipts into the log, in one transaction, in the
// order in which they were written; where several daemons write, that of two
// jobs may differ by a commit, and each job's holds. It calls fold with the log's size, its hashes, and
// the records to add, each as bundle.LogEntry writes it; fold returns the
// hashes that these add (tlog.StoredHashes of each, joined) and the checkpoint
// of the log that results, which are stored. Sequence returns how many records
// it added. It is zero, without a call of fold, if none wait or if another
// daemon is sequencing.
//
// fold may read the database but not write to it. On SQLite, receipts wait until
// it returns.
func (db *DB) Sequence(ctx context.Context, limit int, fold func(size int64, read tlog.HashReader, records [][]byte) (hashes []tlog.Hash, checkpoint []byte, err error)) (n int, err error) {
	_, err = one(ctx, db.read, column[int64], `SELECT id FROM log_queue ORDER BY id LIMIT 1`)
	if errors.Is(err, ErrNotFound) {
		return 0, nil // without stopping the writer to see
	}
	if err != nil {
		return 0, fmt.Errorf("sequence: %w", err)
	}
	err = db.transact(ctx, func(tx *sql.Tx) error {
		ours, err := one(ctx, tx, column[bool], db.engine.tryLog)
		if err != nil || !ours {
			return err
		}
		queued, err := all(ctx, tx, readQueued, `SELECT id, job, seq, entry FROM log_queue ORDER BY id LIMIT $1`, bounded(limit))
		if err != nil || len(queued) == 0 {
			return err
		}
		n = len(queued)
		return extend(ctx, tx, queued, fold)
	})
	if err != nil {
		return 0, fmt.Errorf("sequence: %w", err)
	}
	return n, nil
}

type queued struct {
	id, seq int64
	job     string
	entry   []byte
}

func readQueued(scan scanner) (q queued, err error) {
	err = scan(&q.id, &q.job, &q.seq, &q.entry)
	return q, err
}

func extend(ctx context.Context, tx *sql.Tx, add []queued, fold func(int64, tlog.HashReader, [][]byte) ([]tlog.Hash, []byte, error)) error {
	_, size, err := checkpoint(ctx, tx)
	if err != nil {
		return err
	}
	records := make([][]byte, len(add))
	for i, q := range add {
		records[i] = q.entry
	}
	hashes, note, err := fold(size, hashReader(ctx, tx), records)
	if err != nil {
		return fmt.Errorf("fold: %w", err)
	}
	first, grown := tlog.StoredHashCount(size), size+int64(len(add))
	if want := tlog.StoredHashCount(grown) - first; int64(len(hashes)) != want {
		return fmt.Errorf("fold: it returned %d hashes; %d records add %d", len(hashes), len(add), want)
	}
	var entries, stored [][]any
	var done []int64
	for i, q := range add {
		entries = append(entries, []any{size + int64(i), q.job, q.seq, q.entry})
		done = append(done, q.id)
	}
	for i, h := range hashes {
		stored = append(stored, []any{first + int64(i), h[:]})
	}
	if err := insert(ctx, tx, `log_entry (leaf, job, seq, entry)`, entries, ``); err != nil {
		return err
	}
	if err := insert(ctx, tx, `log_hash (position, hash)`, stored, ``); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM log_queue WHERE id IN (`+places(1, len(done))+`)`, values(done)...); err != nil {
		return fmt.Errorf("clear queue: %w", err)
	}
	return insert(ctx, tx, `log_checkpoint (id, size, note)`, [][]any{{1, grown, note}}, `ON CONFLICT (id) DO UPDATE SET size = excluded.size, note = excluded.note`)
}

// Checkpoint returns the log's latest checkpoint and the size it is for. Both
// are zero before the first.
func (db *DB) Checkpoint(ctx context.Context) (note []byte, size int64, err error) {
	note, size, err = checkpoint(ctx, db.read)
	return note, size, wrap("read checkpoint", err)
}

func checkpoint(ctx context.Context, q querier) ([]byte, int64, error) {
	type row struct {
		note []byte
		size int64
	}
	r, err := one(ctx, q, func(scan scanner) (r row, err error) {
		err = scan(&r.note, &r.size)
		return r, err
	}, `SELECT note, size FROM log_checkpoint`)
	if errors.Is(err, ErrNotFound) {
		return nil, 0, nil
	}
	return r.note, r.size, err
}

// HashReader reads the log's hashes, those under the latest checkpoint at
// least. It fails for a hash that is not there.
func (db *DB) HashReader(ctx context.Context) tlog.HashReader { return hashReader(ctx, db.read) }

func hashReader(ctx context.Context, q querier) tlog.HashReader {
	return tlog.HashReaderFunc(func(positions []int64) ([]tlog.Hash, error) {
		found := make(map[int64]tlog.Hash, len(positions))
		for rest := positions; len(rest) > 0; {
			n := min(len(rest), maxLimit)
			rows, err := all(ctx, q, readHash, `SELECT position, hash FROM log_hash WHERE position IN (`+places(1, n)+`)`, values(rest[:n])...)
			if err != nil {
				return nil, fmt.Errorf("read log: %w", err)
			}
			for _, r := range rows {
				found[r.position] = r.hash
			}
			rest = rest[n:]
		}
		out := make([]tlog.Hash, len(positions))
		for i, p := range positions {
			h, ok := found[p]
			if !ok {
				return nil, fmt.Errorf("read log: no hash at %d", p)
			}
			out[i] = h
		}
		return out, nil
	})
}

type hashRow struct {
	position int64
	hash     tlog.Hash
}

func readHash(scan scanner) (r hashRow, err error) {
	var b []byte
	if err := scan(&r.position, &b); err != nil {
		return r, err
	}
	if len(b) != tlog.HashSize {
		return r, fmt.Errorf("hash at %d has %d bytes", r.position, len(b))
	}
	r.hash = tlog.Hash(b)
	return r, nil
}

// LeafIndex returns where in the log a receipt is, and -1 if it is not there,
// or not yet.
func (db *DB) LeafIndex(ctx context.Context, job string, seq uint64) (int64, error) {
	leaf, err := one(ctx, db.read, column[int64], `SELECT leaf FROM log_entry WHERE job = $1 AND seq = $2`, job, int64(seq))
	if errors.Is(err, ErrNotFound) {
		return -1, nil
	}
	if err != nil {
		return -1, fmt.Errorf("find receipt in log: %w", err)
	}
	return leaf, nil
}

// Records returns up to n records of the log, from leaf from on, each as
// bundle.LogEntry writes it. Fewer come back only at the log's end, or if n is
// over 10000.
func (db *DB) Records(ctx context.Context, from int64, n int) ([][]byte, error) {
	if n <= 0 {
		return nil, nil
	}
	list, err := all(ctx, db.read, column[[]byte], `SELECT entry FROM log_entry WHERE leaf >= $1 ORDER BY leaf LIMIT $2`, from, min(n, maxLimit))
	return list, wrap("read log", err)
}
