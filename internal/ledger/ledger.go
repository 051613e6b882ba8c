// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package ledger puts every receipt into a public, append-only log: a Merkle
// tree over entries that say a receipt's job, number and hash, with signed
// checkpoints, served as static files in the form of C2SP tlog-tiles.
//
// It follows the database: receipts commit there first and wait for their turn.
// The database is not trusted to keep the log, only to hold it: before it signs
// again, the ledger checks that what it signed before is still what is there.
// spec/ledger.md is the definition.
package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/clawea/clawea/seal"
)

// ErrTampered is returned when the log in the database is not the one that was
// signed. Nothing is signed any more until that is mended.
var ErrTampered = errors.New("the log in the database is not the one that this house signed\n" +
	"restore the database, the log key and the log's origin that belong together; a new key or origin needs a new database")

// A DB holds the log. internal/store fills it.
type DB interface {
	// Sequence takes up to limit waiting receipts into the log: in one
	// transaction that no other sequencer shares, it calls fold with the log's
	// size, its hashes and the entries to add, and stores the hashes and the
	// checkpoint that fold returns. It returns how many it took; zero, without
	// calling fold, if none wait or someone else is sequencing. fold may use
	// the other methods.
	Sequence(ctx context.Context, limit int, fold func(size int64, read tlog.HashReader, records [][]byte) (hashes []tlog.Hash, checkpoint []byte, err error)) (n int, err error)
	// Checkpoint returns the latest checkpoint and its size, zero before the first.
	Checkpoint(ctx context.Context) (note []byte, size int64, err error)
	// HashReader reads the hashes under the latest checkpoint.
	HashReader(ctx context.Context) tlog.HashReader
	// LeafIndex returns where a receipt is in the log, negative if it is not there yet.
	LeafIndex(ctx context.Context, job string, seq uint64) (int64, error)
	// Records returns up to n entries from leaf from on; fewer only at the end.
	Records(ctx context.Context, from int64, n int) ([][]byte, error)
}

const (
	// batch is how many receipts go under one checkpoint at most. It bounds how
	// long SQLite's other writers wait.
	batch = 256
	// recheck is how often Wait looks for what another replica has sequenced.
	recheck = 250 * time.Millisecond
)

// A Ledger is the log of one house. All its exported fields must be set, and
// it may not be copied. Several replicas may each have a Ledger over one
// database.
type Ledger struct {
	DB     DB
	Signer seal.Signer // signs checkpoints; it must sign the same text the same way each time, as Ed25519 does
	Origin string      // the log's name, the first line of checkpoints
	Log    *slog.Logger

	mu     sync.Mutex
	signed tlog.Tree     // the largest that this Ledger has put its name to
	kicked chan struct{} // holds one kick
	grown  chan struct{} // closed when the log has grown
}

// Step takes waiting receipts into the log and signs the checkpoint, until none
// wait or another replica is at it. It returns how many it took. If it fails,
// those that it took before are in the log all the same.
func (l *Ledger) Step(ctx context.Context) (n int, err error) {
	for {
		taken, err := l.sequence(ctx)
		n += taken
		if err != nil || taken < batch {
			return n, err
		}
	}
}

func (l *Ledger) sequence(ctx context.Context) (int, error) {
	var next tlog.Tree
	n, err := l.DB.Sequence(ctx, batch, func(size int64, read tlog.HashReader, records [][]byte) ([]tlog.Hash, []byte, error) {
		if err := l.check(ctx, size, read); err != nil {
			return nil, nil, err
		}
		var hashes []tlog.Hash
		var err error
		if next, hashes, err = grow(size, read, records); err != nil {
			return nil, nil, err
		}
		note, err := l.sign(next)
		return hashes, note, err
	})
	if err != nil {
		return 0, fmt.Errorf("extend ledger: %w", err)
	}
	if n > 0 {
		l.grew(next)
	}
	return n, nil
}

// check finds out whether the database still has the log that was signed: the
// stored checkpoint is the one that this house signs for the stored hashes, and
// what this Ledger itself has signed is a part of it.
func (l *Ledger) check(ctx context.Context, size int64, read tlog.HashReader) error {
	if err := checkPart(l.latest(), size, read); err != nil {
		return err
	}
	stored, storedSize, err := l.checkpoint(ctx)
	if err != nil {
		return err
	}
	root, err := tlog.TreeHash(size, read)
	if err != nil {
		return err
	}
	want, err := l.sign(tlog.Tree{N: size, Hash: root})
	if err != nil {
		return err
	}
	if storedSize != size || !bytes.Equal(stored, want) {
		return ErrTampered
	}
	return nil
}

// checkPart finds out whether the tree that was signed is a part of the one of
// size.
func checkPart(signed tlog.Tree, size int64, read tlog.HashReader) error {
	if signed.N == 0 {
		return nil
	}
	if signed.N > size {
		return ErrTampered
	}
	root, err := tlog.TreeHash(signed.N, read)
	if err != nil {
		return err
	}
	if root != signed.Hash {
		return ErrTampered
	}
	return nil
}

// latest returns the largest tree that this Ledger has signed.
func (l *Ledger) latest() tlog.Tree {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.signed
}

func (l *Ledger) grew(t tlog.Tree) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.N > l.signed.N {
		l.signed = t
	}
	if l.grown != nil {
		close(l.grown)
		l.grown = nil
	}
}

// growth returns a channel that is closed when the log grows next.
func (l *Ledger) growth() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.grown == nil {
		l.grown = make(chan struct{})
	}
	return l.grown
}

// Run takes receipts into the log every interval, which must be positive, and
// at every Kick, until ctx ends. Trouble is logged when it begins and when it
// is over, and never ends Run.
func (l *Ledger) Run(ctx context.Context, interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	failing := false
	for ctx.Err() == nil {
		_, err := l.Step(ctx)
		switch {
		case ctx.Err() != nil:
		case err != nil && !failing:
			l.Log.ErrorContext(ctx, "ledger stands still", slog.Any("err", err))
		case err == nil && failing:
			l.Log.InfoContext(ctx, "ledger moves again")
		}
		failing = err != nil
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-l.kicks():
		}
	}
}

// Kick makes Run look for receipts soon. It never blocks.
func (l *Ledger) Kick() {
	select {
	case l.kicks() <- struct{}{}:
	default:
	}
}

func (l *Ledger) kicks() chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.kicked == nil {
		l.kicked = make(chan struct{}, 1)
	}
	return l.kicked
}

// Wait returns when a signed checkpoint covers receipt seq of job, or when ctx
// ends. Someone must be running Run, here or in another replica.
func (l *Ledger) Wait(ctx context.Context, job string, seq uint64) error {
	for {
		grown := l.growth() // before looking, so that nothing is missed
		leaf, err := l.DB.LeafIndex(ctx, job, seq)
		if err != nil {
			return fmt.Errorf("wait for ledger: %w", err)
		}
		if leaf >= 0 {
			return nil
		}
		l.Kick()
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for ledger: %w", ctx.Err())
		case <-grown:
		case <-time.After(recheck):
		}
	}
}
