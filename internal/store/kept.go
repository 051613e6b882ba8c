// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"modernc.org/sqlite"
)

const (
	maxKept   = 128 // pages that are kept at most
	maxWeight = 256 // of a page that is kept: its counters, open calls, changes, questions and orders
)

// Kept is what the last commit of SQLite's writer left: pages that need not be
// read again while nobody has committed since.
type kept struct {
	seen  view
	pages map[string]*page // by job
}

// A view is what a connection sees of a file. Every commit changes it, by whom and
// through which connection ever: SQLite throws away what it remembers of the file
// by the same number.
type view struct {
	conn    any // the driver's; nil: it cannot be told
	version uint32
}

// viewOf returns what conn sees: in a transaction, since its beginning.
func viewOf(conn *sql.Conn) (v view) {
	err := conn.Raw(func(c any) error {
		f, ok := c.(sqlite.FileControl)
		if !ok {
			return nil
		}
		version, err := f.FileControlDataVersion("main")
		if err == nil {
			v = view{c, version}
		}
		return err
	})
	if err != nil {
		return view{}
	}
	return v
}

// attemptAlone is attempt on the one connection that writes, with the pages that
// its last attempt left. One that fails leaves none.
func (db *DB) attemptAlone(ctx context.Context, group []*write) error {
	db.known.learn(ctx, db.write)
	conn, err := db.write.Conn(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer conn.Close()
	last := db.kept
	db.kept = kept{}
	var b *book
	err = transact(ctx, conn, db.commit, func(tx *sql.Tx) error {
		if now := viewOf(conn); now.conn == nil || now != last.seen {
			last.pages = nil
		}
		var err error
		b, err = db.fill(ctx, prepared{tx, db.known}, group, last.pages)
		return err
	})
	if err == nil {
		db.kept = kept{viewOf(conn), b.leave(last.pages)}
	}
	return err
}

// leave returns what is to be kept of b's pages, and of those that were before.
func (b *book) leave(before map[string]*page) map[string]*page {
	if before == nil || len(before)+len(b.pages) > maxKept {
		before = map[string]*page{}
	}
	for id, p := range b.pages {
		if p.leave() {
			before[id] = p
		} else {
			delete(before, id)
		}
	}
	return before
}

// leave makes p what it would be if it were read now, and reports whether it may
// be kept.
func (p *page) leave() bool {
	if len(p.used)+len(p.reserved)+len(p.questions)+len(p.changes)+len(p.revoked) > maxWeight || len(p.debts) > 0 {
		return false
	}
	p.changed, p.asked, p.moved = false, nil, nil
	p.changes = slices.DeleteFunc(p.changes, func(c *change) bool { return c.gone })
	for _, c := range p.changes {
		c.fresh = false
	}
	clear(p.touched)
	clear(p.spent)
	return true
}
