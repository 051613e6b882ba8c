// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
)

// maxStatements bounds how many statements are kept prepared. The writer's are
// fewer.
const maxStatements = 200

// statements are those of the writer's, by their texts, where the engine wants
// them prepared. They belong to the writer's goroutine.
type statements struct {
	ready  map[string]*sql.Stmt
	missed []string
}

// A prepared runs a transaction's statements, prepared where they are.
type prepared struct {
	*sql.Tx
	statements *statements
}

// ExecContext is that of the transaction.
func (p prepared) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if s := p.statement(ctx, query); s != nil {
		return s.ExecContext(ctx, args...)
	}
	return p.Tx.ExecContext(ctx, query, args...)
}

// QueryContext is that of the transaction.
func (p prepared) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if s := p.statement(ctx, query); s != nil {
		return s.QueryContext(ctx, args...)
	}
	return p.Tx.QueryContext(ctx, query, args...)
}

func (p prepared) statement(ctx context.Context, query string) *sql.Stmt {
	if p.statements == nil {
		return nil
	}
	if s := p.statements.ready[query]; s != nil {
		return p.StmtContext(ctx, s)
	}
	p.statements.missed = append(p.statements.missed, query) // the transaction has the connection
	return nil
}

// learn prepares what was missed. No transaction may be open.
func (s *statements) learn(ctx context.Context, db *sql.DB) {
	for _, query := range s.missed {
		if s.ready[query] != nil || len(s.ready) >= maxStatements {
			continue
		}
		if st, err := db.PrepareContext(ctx, query); err == nil { // else it goes on as it did
			s.ready[query] = st
		}
	}
	s.missed = nil
}

func (s *statements) close() {
	for _, st := range s.ready {
		st.Close() // the connection is closed next
	}
}
