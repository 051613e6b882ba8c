// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/seal"
)

// Sequence takes up to limit receipts into the log, in one transaction, in the
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
	done, err := sequenced(ctx, db.read)
	if err != nil {
		return 0, fmt.Errorf("sequence: %w", err)
	}
	_, err = one(ctx, db.read, column[int64], `SELECT id FROM receipt WHERE id > $1 LIMIT 1`, done)
	if errors.Is(err, ErrNotFound) {
		return 0, nil // without stopping the writers to see
	}
	if err != nil {
		return 0, fmt.Errorf("sequence: %w", err)
	}
	last := db.settledTo.Load()
	if last <= done {
		last, err = db.settled(ctx)
	}
	if err != nil || last <= done {
		return 0, wrap("sequence", err)
	}
	err = db.transact(ctx, func(tx *sql.Tx) error {
		ours, err := one(ctx, tx, column[bool], db.engine.tryLog)
		if err != nil || !ours {
			return err
		}
		if done, err = sequenced(ctx, tx); err != nil {
			return err
		}
		add, err := all(ctx, tx, readWaiting, `SELECT id, job, seq, sum FROM receipt WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3`, done, last, bounded(limit))
		if err != nil || len(add) == 0 {
			return err
		}
		n = len(add)
		return db.extend(ctx, tx, add, fold)
	})
	if err != nil {
		return 0, fmt.Errorf("sequence: %w", err)
	}
	return n, nil
}

// sequenced returns the number of the last receipt that is in the log.
func sequenced(ctx context.Context, q querier) (int64, error) {
	last, err := one(ctx, q, column[int64], `SELECT last FROM log_part ORDER BY leaf DESC LIMIT 1`)
	if errors.Is(err, ErrNotFound) {
		return 0, nil
	}
	return last, err
}

// settled returns a number such that no receipt up to it is still to come: on
// PostgreSQL, transactions commit in another order than they number receipts in.
// It is zero if it cannot be told in a moment; then the next attempt has more time.
func (db *DB) settled(ctx context.Context) (last int64, err error) {
	const newest = `SELECT coalesce(max(id), 0) FROM receipt`
	if !db.engine.concurrent {
		return one(ctx, db.read, column[int64], newest)
	}
	wait := max(db.settling.Load(), firstWait)
	err = db.transact(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, fmt.Sprintf(`SET LOCAL lock_timeout = '%dms'`, wait)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, db.engine.lockOrders); err != nil { // which whoever writes receipts holds a part of
			return err
		}
		last, err = one(ctx, tx, column[int64], newest)
		return err
	})
	if db.engine.isTimeout(err) { // commits take longer than that: those who come behind us wait, too
		db.settling.Store(min(2*wait, lastWait))
		db.log.WarnContext(ctx, "the log waits for commits under way", "waited ms", wait)
		return 0, nil
	}
	if err == nil {
		db.settling.Store(0)
		db.settledTo.Store(last)
	}
	return last, err
}

// For how long the log waits for the commits under way, in milliseconds: at
// first, and at most.
const (
	firstWait = 100
	lastWait  = 5000
)

// A waiting is a receipt on its way into the log.
type waiting struct {
	id    int64
	entry []byte
}

func readWaiting(scan scanner) (w waiting, err error) {
	var job string
	var seq int64
	var sum []byte
	if err := scan(&w.id, &job, &seq, &sum); err != nil {
		return w, err
	}
	if len(sum) != len(seal.Hash{}) {
		return w, fmt.Errorf("receipt %d of job %s has a hash of %d bytes", seq, job, len(sum))
	}
	w.entry = bundle.LogEntry(job, uint64(seq), seal.Hash(sum))
	return w, nil
}

func (db *DB) extend(ctx context.Context, tx *sql.Tx, add []waiting, fold func(int64, tlog.HashReader, [][]byte) ([]tlog.Hash, []byte, error)) error {
	_, size, err := checkpoint(ctx, tx)
	if err != nil {
		return err
	}
	records := make([][]byte, len(add))
	for i, w := range add {
		records[i] = w.entry
	}
	hashes, note, err := fold(size, hashReader(ctx, tx), records)
	if err != nil {
		return fmt.Errorf("fold: %w", err)
	}
	first, grown := tlog.StoredHashCount(size), size+int64(len(add))
	if want := tlog.StoredHashCount(grown) - first; int64(len(hashes)) != want {
		return fmt.Errorf("fold: it returned %d hashes; %d records add %d", len(hashes), len(add), want)
	}
	if err := db.putHashes(ctx, tx, first, hashes); err != nil {
		return err
	}
	if err := db.engine.insert(ctx, tx, `log_part (leaf, first, last)`, [][]any{{size, add[0].id, add[len(add)-1].id}}, ``); err != nil {
		return err
	}
	return db.engine.insert(ctx, tx, `log_checkpoint (id, size, note)`, [][]any{{1, grown, note}}, `ON CONFLICT (id) DO UPDATE SET size = excluded.size, note = excluded.note`)
}

// chunk is how many hashes a row holds.
const chunk = 128

// putHashes stores hashes from position first on.
func (db *DB) putHashes(ctx context.Context, tx *sql.Tx, first int64, hashes []tlog.Hash) error {
	chunks, err := readChunks(ctx, tx, []int64{first / chunk})
	if err != nil {
		return err
	}
	if len(chunks[first/chunk]) != int(first%chunk) {
		return fmt.Errorf("log has %d hashes in chunk %d; %d belong there", len(chunks[first/chunk]), first/chunk, first%chunk)
	}
	for i, h := range hashes {
		n := (first + int64(i)) / chunk
		chunks[n] = append(chunks[n], h)
	}
	var rows [][]any
	for _, n := range sortedKeys(chunks) {
		rows = append(rows, []any{n, flat(chunks[n])})
	}
	return db.engine.insert(ctx, tx, `log_hashes (chunk, hashes)`, rows, `ON CONFLICT (chunk) DO UPDATE SET hashes = excluded.hashes`)
}

func flat(hashes []tlog.Hash) []byte {
	var b []byte
	for _, h := range hashes {
		b = append(b, h[:]...)
	}
	return b
}

// readChunks returns those of the chunks that there are, by number.
func readChunks(ctx context.Context, q querier, numbers []int64) (map[int64][]tlog.Hash, error) {
	out := map[int64][]tlog.Hash{}
	for rest := numbers; len(rest) > 0; {
		n := min(len(rest), maxLimit)
		rows, err := all(ctx, q, readChunk, `SELECT chunk, hashes FROM log_hashes WHERE chunk IN (`+places(1, n)+`)`, values(rest[:n])...)
		if err != nil {
			return nil, fmt.Errorf("read log: %w", err)
		}
		for _, r := range rows {
			out[r.number] = r.hashes
		}
		rest = rest[n:]
	}
	return out, nil
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
		numbers := make([]int64, len(positions))
		for i, p := range positions {
			numbers[i] = p / chunk
		}
		slices.Sort(numbers)
		chunks, err := readChunks(ctx, q, slices.Compact(numbers))
		if err != nil {
			return nil, err
		}
		out := make([]tlog.Hash, len(positions))
		for i, p := range positions {
			hashes := chunks[p/chunk]
			if p < 0 || int(p%chunk) >= len(hashes) {
				return nil, fmt.Errorf("read log: no hash at %d", p)
			}
			out[i] = hashes[p%chunk]
		}
		return out, nil
	})
}

type chunkRow struct {
	number int64
	hashes []tlog.Hash
}

func readChunk(scan scanner) (r chunkRow, err error) {
	var b []byte
	if err := scan(&r.number, &b); err != nil {
		return r, err
	}
	if len(b)%tlog.HashSize != 0 || len(b) > chunk*tlog.HashSize {
		return r, fmt.Errorf("log's hashes in chunk %d have %d bytes", r.number, len(b))
	}
	for ; len(b) > 0; b = b[tlog.HashSize:] {
		r.hashes = append(r.hashes, tlog.Hash(b[:tlog.HashSize]))
	}
	return r, nil
}

// A part is a piece of the log: receipts that follow one another in it.
type part struct{ leaf, first, last int64 }

func readPart(scan scanner) (p part, err error) {
	err = scan(&p.leaf, &p.first, &p.last)
	return p, err
}

// LeafIndex returns where in the log a receipt is, and -1 if it is not there,
// or not yet.
func (db *DB) LeafIndex(ctx context.Context, job string, seq uint64) (int64, error) {
	leaf, err := db.leaf(ctx, job, seq)
	if errors.Is(err, ErrNotFound) {
		return -1, nil
	}
	if err != nil {
		return -1, fmt.Errorf("find receipt in log: %w", err)
	}
	return leaf, nil
}

func (db *DB) leaf(ctx context.Context, job string, seq uint64) (int64, error) {
	id, err := one(ctx, db.read, column[int64], `SELECT id FROM receipt WHERE job = $1 AND seq = $2`, job, int64(seq))
	if err != nil {
		return 0, err
	}
	p, err := one(ctx, db.read, readPart, `SELECT leaf, first, last FROM log_part WHERE first <= $1 ORDER BY first DESC LIMIT 1`, id)
	if err == nil && p.last < id {
		err = ErrNotFound
	}
	if err != nil {
		return 0, err
	}
	before, err := one(ctx, db.read, column[int64], `SELECT count(*) FROM receipt WHERE id >= $1 AND id < $2`, p.first, id)
	return p.leaf + before, err
}

// Records returns up to n records of the log, from leaf from on, each as
// bundle.LogEntry writes it. Fewer come back only at the log's end, or if n is
// over 10000.
func (db *DB) Records(ctx context.Context, from int64, n int) ([][]byte, error) {
	if n <= 0 {
		return nil, nil
	}
	p, err := one(ctx, db.read, readPart, `SELECT leaf, first, last FROM log_part WHERE leaf <= $1 ORDER BY leaf DESC LIMIT 1`, from)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read log: %w", err)
	}
	list, err := all(ctx, db.read, readWaiting, `
		SELECT id, job, seq, sum FROM receipt WHERE id >= $1 AND id <= (SELECT last FROM log_part ORDER BY leaf DESC LIMIT 1) ORDER BY id LIMIT $2 OFFSET $3`,
		p.first, min(n, maxLimit), from-p.leaf)
	if err != nil {
		return nil, fmt.Errorf("read log: %w", err)
	}
	out := make([][]byte, len(list))
	for i, w := range list {
		out[i] = w.entry
	}
	return out, nil
}
