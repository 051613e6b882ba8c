// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/pgtest"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// fold is what a ledger does, its signature left out.
func fold(size int64, read tlog.HashReader, records [][]byte) ([]tlog.Hash, []byte, error) {
	var added []tlog.Hash
	first := tlog.StoredHashCount(size)
	both := tlog.HashReaderFunc(func(positions []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(positions))
		for i, p := range positions {
			if p >= first {
				out[i] = added[p-first]
				continue
			}
			h, err := read.ReadHashes([]int64{p})
			if err != nil {
				return nil, err
			}
			out[i] = h[0]
		}
		return out, nil
	})
	for i, r := range records {
		hashes, err := tlog.StoredHashes(size+int64(i), r, both)
		if err != nil {
			return nil, nil, err
		}
		added = append(added, hashes...)
	}
	root, err := tlog.TreeHash(size+int64(len(records)), both)
	return added, fmt.Appendf(nil, "%d %s", size+int64(len(records)), root), err
}

func TestSequence(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		if note, size, err := h.Checkpoint(ctx); note != nil || size != 0 || err != nil {
			t.Errorf("checkpoint of an empty log: %q, %d, %v", note, size, err)
		}
		if n, err := h.Sequence(ctx, 10, nil); n != 0 || err != nil {
			t.Errorf("nothing to sequence: got %d, %v", n, err)
		}
		var want [][]byte
		for i := range uint64(5) {
			for _, job := range []string{h.job(t, "job-1"), h.job(t, "job-2")} {
				h.mustWrite(t, job, h.opens(job, call(1, "a"), policy.Deny))
				e, err := h.Receipt(ctx, job, i+1)
				if err != nil {
					t.Fatal(err)
				}
				b, err := e.Marshal()
				if err != nil {
					t.Fatal(err)
				}
				want = append(want, bundle.LogEntry(job, i+1, seal.Sum(b)))
			}
		}
		for _, n := range []int{3, 7, 0} {
			if got, err := h.Sequence(ctx, max(n, 1), fold); got != n || err != nil {
				t.Fatalf("sequence: got %d, %v, want %d", got, err, n)
			}
		}
		checkLog(t, h.DB, want)
		if leaf, err := h.LeafIndex(ctx, "job-2", 2); leaf != 3 || err != nil {
			t.Errorf("leaf of job-2 2: got %d, %v, want 3", leaf, err)
		}
		if leaf, err := h.LeafIndex(ctx, "job-2", 6); leaf != -1 || err != nil {
			t.Errorf("leaf of what is not there: got %d, %v, want -1", leaf, err)
		}
		part, err := h.Records(ctx, 8, 5)
		if err != nil || len(part) != 2 || string(part[0]) != string(want[8]) {
			t.Errorf("records from 8: %q, %v", part, err)
		}
		if _, err := h.HashReader(ctx).ReadHashes([]int64{1000}); err == nil {
			t.Error("a hash that is not there was read")
		}
	})
}

// checkLog checks that the log holds records, in this order, under a right checkpoint.
func checkLog(t *testing.T, db *DB, records [][]byte) {
	t.Helper()
	ctx := t.Context()
	note, size, err := db.Checkpoint(ctx)
	if err != nil || size != int64(len(records)) {
		t.Fatalf("checkpoint: size %d, %v, want %d", size, err, len(records))
	}
	root, err := tlog.TreeHash(size, db.HashReader(ctx))
	if want := fmt.Sprintf("%d %s", size, root); err != nil || string(note) != want {
		t.Errorf("checkpoint: got %q, %v, want %q", note, err, want)
	}
	got, err := db.Records(ctx, 0, len(records)+1)
	if err != nil || len(got) != len(records) {
		t.Fatalf("got %d records, %v, want %d", len(got), err, len(records))
	}
	for i, r := range records {
		if string(got[i]) != string(r) {
			t.Errorf("record %d: got %q, want %q", i, got[i], r)
		}
		proof, err := tlog.ProveRecord(size, int64(i), db.HashReader(ctx))
		if err != nil {
			t.Fatal(err)
		}
		if err := tlog.CheckRecord(proof, size, root, int64(i), tlog.RecordHash(r)); err != nil {
			t.Errorf("record %d: %v", i, err)
		}
	}
}

// A fold that fails or returns nonsense leaves the log and the queue as they were.
func TestSequenceFails(t *testing.T) {
	broken := errors.New("no signature today")
	folds := map[string]func(int64, tlog.HashReader, [][]byte) ([]tlog.Hash, []byte, error){
		"error": func(int64, tlog.HashReader, [][]byte) ([]tlog.Hash, []byte, error) { return nil, nil, broken },
		"too few hashes": func(size int64, read tlog.HashReader, records [][]byte) ([]tlog.Hash, []byte, error) {
			hashes, note, err := fold(size, read, records)
			return hashes[1:], note, err
		},
	}
	onBoth(t, func(t *testing.T, h *house) {
		job := h.job(t, "job-1")
		h.mustWrite(t, job, h.opens(job, call(1, "a"), policy.Deny))
		for name, f := range folds {
			if n, err := h.Sequence(t.Context(), 10, f); n != 0 || err == nil {
				t.Errorf("%s: got %d, %v", name, n, err)
			}
		}
		if n, err := h.Sequence(t.Context(), 10, fold); n != 1 || err != nil {
			t.Errorf("afterwards: got %d, %v, want 1", n, err)
		}
	})
}

// Receipts come from two daemons' writers while both daemons sequence: each
// enters the log once, and each job's in their order.
func TestSequenceWhileWriting(t *testing.T) {
	const each = 60
	onBoth(t, func(t *testing.T, h *house) {
		second := h.open(t)
		h.job(t, "job-1")
		h.job(t, "job-2")
		var writers, sequencers sync.WaitGroup
		stop := make(chan struct{})
		for i, db := range []*DB{h.DB, second} {
			job := fmt.Sprintf("job-%d", i+1)
			writers.Go(func() {
				for range each {
					if err := db.Write(t.Context(), job, h.opens(job, call(1, "a"), policy.Deny)); err != nil {
						t.Error(err)
					}
				}
			})
			sequencers.Go(func() {
				for {
					n, err := db.Sequence(t.Context(), 7, fold)
					if err != nil {
						t.Error(err)
						return
					}
					select {
					case <-stop:
						if n == 0 {
							return
						}
					case <-time.After(5 * time.Millisecond):
					}
				}
			})
		}
		writers.Wait()
		close(stop)
		sequencers.Wait()
		for n := 1; n > 0; { // what one sequencer left to the other
			var err error
			if n, err = h.Sequence(t.Context(), 100, fold); err != nil {
				t.Fatal(err)
			}
		}
		records, err := h.Records(t.Context(), 0, 1000)
		if err != nil || len(records) != 2*each {
			t.Fatalf("got %d records, %v, want %d", len(records), err, 2*each)
		}
		checkLog(t, h.DB, records)
		for _, job := range []string{"job-1", "job-2"} {
			last := int64(-1)
			for seq := uint64(1); seq <= each; seq++ {
				leaf, err := h.LeafIndex(t.Context(), job, seq)
				if err != nil || leaf <= last {
					t.Fatalf("receipt %d of %s is at %d, %v, and the one before at %d", seq, job, leaf, err, last)
				}
				last = leaf
			}
		}
	})
}

// On PostgreSQL, a daemon does not wait for another one that sequences.
func TestOneSequencer(t *testing.T) {
	h := newHouse(t, pgtest.New(t))
	second := h.open(t)
	job := h.job(t, "job-1")
	h.mustWrite(t, job, h.opens(job, call(1, "a"), policy.Deny))
	n, err := h.Sequence(t.Context(), 10, func(size int64, read tlog.HashReader, records [][]byte) ([]tlog.Hash, []byte, error) {
		if n, err := second.Sequence(t.Context(), 10, fold); n != 0 || err != nil {
			t.Errorf("second sequencer: got %d, %v, want 0", n, err)
		}
		return fold(size, read, records)
	})
	if n != 1 || err != nil {
		t.Errorf("first sequencer: got %d, %v, want 1", n, err)
	}
}
