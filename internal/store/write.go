// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

const (
	patience     = 4                // times that the writer lets others go first, before it commits what there is
	maxGroup     = 64               // writes that share one commit
	maxBytes     = 1 << 20          // of texts that a commit takes before it leaves the rest to the next: orders to revoke wait for it
	writeTimeout = 30 * time.Second // for one commit, waiting for locks included
)

// A write is one caller's wish to add a line to a job's chain.
type write struct {
	ctx   context.Context
	job   string
	next  func(*receipt.State) (*receipt.Line, error)
	tried []tried // lines that went into a commit whose end is unknown
	later bool    // left to the next commit
	err   error   // the answer, once the group's commit has ended
	done  chan error

	dropped bool // its line cannot be written, and err says why
}

// drop takes w out of its group, with err as its answer.
func (w *write) drop(err error) { w.dropped, w.err = true, err }

// A tried is a line by its place, its envelope's hash and how its texts were
// sealed, which is never twice the same: two calls that say the same at the same
// time may have the same envelope. One call has another in each commit that it
// goes into, if it is signed together with others.
type tried struct {
	seq   uint64
	sum   seal.Hash
	nonce []byte
}

// Write adds one receipt to a job's chain. It locks the job, calls next with
// what the job has come to, and commits the line that next returns with all
// that follows from it: the texts, sealed; the counters; a new question; an
// answer used up. It fills gate.Book.
//
// Nil means durable. If next fails, its error comes back and nothing is
// written; so it is for a line that does not continue the chain, that closes
// what is not open, that cites an answer it may not use or records an order that
// its chain is not owed (ErrConflict), or that uses a proof which is used up
// (token.ErrReplayed); for a job that is not there (ErrNotFound); and if ctx ends
// before the write's turn.
// Any other error means that the line is not known to be durable.
//
// Writes that wait at the same time share a commit, in the order of their
// coming. next runs with the jobs of its group locked: it must be quick and
// must not use the database. It is called again, with a fresh State, only if
// nothing of its first line was committed.
func (db *DB) Write(ctx context.Context, job string, next func(*receipt.State) (*receipt.Line, error)) error {
	w := &write{ctx: ctx, job: job, next: next, done: make(chan error, 1)}
	select {
	case db.queue <- w:
		return <-w.done // not ctx: next may be running
	case <-ctx.Done():
		return ctx.Err()
	case <-db.quit:
		return ErrClosed
	}
}

// serve is the writer: one goroutine, from Open to Close.
func (db *DB) serve() {
	defer close(db.done)
	if db.known != nil {
		defer db.known.close()
	}
	for {
		select {
		case <-db.quit:
			return
		case w := <-db.queue:
			db.commitGroup(db.gather(w))
		}
	}
}

// gather returns first and the writes that wait behind it. It waits for no more,
// but lets those come that are ready to: where a commit is quick, the writer would
// be back before they are, and commit each alone.
func (db *DB) gather(first *write) []*write {
	group := []*write{first}
	for idle := 0; len(group) < maxGroup && idle < patience; {
		select {
		case w := <-db.queue:
			group, idle = append(group, w), 0
		default:
			runtime.Gosched()
			idle++
		}
	}
	return group
}

// commitGroup answers every write of group, in as many commits as their texts need.
func (db *DB) commitGroup(group []*write) {
	for len(group) > 0 {
		err := db.try(group)
		var later []*write
		for _, w := range group {
			if err == nil && w.later {
				later = append(later, w)
				continue
			}
			if err != nil {
				db.log.WarnContext(w.ctx, "commit again, alone", "job", w.job, "group", len(group), "error", err)
				db.tryAlone(w)
			}
			w.done <- w.err
		}
		group = later
	}
}

// tryAlone tries w once more. If that fails too, it looks whether the line is
// there all the same: a connection can break after the commit was carried out.
func (db *DB) tryAlone(w *write) {
	err := db.try([]*write{w})
	if err == nil {
		return
	}
	w.err = fmt.Errorf("write receipt: %w", err)
	landed, err := db.look(w)
	if err != nil {
		db.log.ErrorContext(w.ctx, "a receipt may or may not be committed", "job", w.job, "error", err)
	}
	if landed {
		w.err = nil
	}
}

// look reports whether a line of w is there. The lock on the job waits for the
// end of a commit that is still under way.
func (db *DB) look(w *write) (landed bool, err error) {
	if len(w.tried) == 0 {
		return false, nil
	}
	ctx, cancel := db.patient()
	defer cancel()
	err = db.transact(ctx, func(tx *sql.Tx) error {
		b, err := db.openBook(ctx, prepared{tx, db.known}, []*write{w}, nil)
		if err != nil {
			return err
		}
		landed, err = b.landed(w)
		return err
	})
	return landed, err
}

// errDropped says that some of a group are dropped, and the others may try again.
var errDropped = errors.New("lines cannot be written")

// try puts group into one transaction. An error means that the transaction
// failed; otherwise every write has its own answer.
func (db *DB) try(group []*write) error {
	for len(group) > 0 {
		err := db.attempt(group)
		if !errors.Is(err, errDropped) {
			return err
		}
		group = slices.DeleteFunc(slices.Clone(group), func(w *write) bool { return w.dropped })
	}
	return nil
}

// attempt is try, but fails with errDropped, and commits nothing, if some of
// group are dropped: they have their answer.
func (db *DB) attempt(group []*write) error {
	ctx, cancel := db.patient()
	defer cancel()
	if db.known != nil {
		return db.attemptAlone(ctx, group)
	}
	return db.transact(ctx, func(tx *sql.Tx) error {
		_, err := db.fill(ctx, tx, group, nil)
		return err
	})
}

// fill lets group add its lines to a book, and writes it.
func (db *DB) fill(ctx context.Context, tx querier, group []*write, kept map[string]*page) (*book, error) {
	b, err := db.openBook(ctx, tx, group, kept)
	if err != nil {
		return nil, err
	}
	for _, w := range group {
		if w.later = b.bytes > maxBytes; w.later {
			continue
		}
		if err := b.serve(w); err != nil {
			return nil, err
		}
	}
	return b, b.flush()
}

// patient returns the context of a commit, which belongs to no one caller. SQLite
// bounds the one thing that it waits for, the file's lock, itself, and would
// start a goroutine for each statement that can be cut off.
func (db *DB) patient() (context.Context, context.CancelFunc) {
	if !db.engine.concurrent {
		return context.Background(), func() {}
	}
	return context.WithTimeout(context.Background(), writeTimeout)
}

// serve lets w add its line. An error is the transaction's; w's own is in w.err.
func (b *book) serve(w *write) error {
	w.dropped = false
	p := b.pages[w.job]
	if p == nil {
		w.err = fmt.Errorf("job %q: %w", w.job, ErrNotFound)
		return nil
	}
	landed, err := b.landed(w)
	if landed || err != nil {
		w.err = nil
		return err
	}
	if w.err = w.ctx.Err(); w.err != nil {
		return nil
	}
	st := p.state(b.db.now())
	now := st.Now // next may do with st as it likes
	line, err := w.call(st)
	if err != nil {
		w.err = err
		return nil
	}
	e, err := b.db.draft(p, now, line)
	if err != nil {
		w.err = err
		return nil
	}
	e.by = w
	if err := b.readDebt(p, e.receipt); err != nil {
		return err
	}
	if w.err = p.take(e); w.err == nil {
		b.entries = append(b.entries, e)
		b.bytes += len(e.texts)
	}
	return nil
}

// landed reports whether a line of w, whose commit seemed to fail, is there.
func (b *book) landed(w *write) (bool, error) {
	for _, l := range w.tried {
		_, err := one(b.ctx, b.tx, column[int64], `SELECT seq FROM receipt WHERE job = $1 AND seq = $2 AND sum = $3 AND (texts IS NULL OR substr(texts, 1, $4) = $5)`,
			w.job, int64(l.seq), l.sum[:], nonceSize, blob(l.nonce))
		if !errors.Is(err, ErrNotFound) {
			return err == nil, err
		}
	}
	return false, nil
}

// call runs next. A panic in it is an error: the writer serves everyone.
func (w *write) call(st *receipt.State) (l *receipt.Line, err error) {
	defer func() {
		if v := recover(); v != nil {
			l, err = nil, fmt.Errorf("next receipt: panic: %v", v)
		}
	}()
	l, err = w.next(st)
	if err == nil && (l == nil || l.Envelope == nil) {
		err = errors.New("next receipt: there is none")
	}
	return l, err
}

// jobs returns the jobs of group, sorted: the order in which all lock them.
func jobs(group []*write) []string {
	var out []string
	for _, w := range group {
		out = append(out, w.job)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
