// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/seal"
)

// A querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// A scanner is the Scan method of a row.
type scanner func(dest ...any) error

// all returns what f makes of each row.
func all[T any](ctx context.Context, q querier, f func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return read(rows, f)
}

// read is the rest of all.
func read[T any](rows *sql.Rows, f func(scanner) (T, error)) ([]T, error) {
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := f(rows.Scan)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// one returns what read makes of the only row, and ErrNotFound if there is none.
func one[T any](ctx context.Context, q querier, read func(scanner) (T, error), query string, args ...any) (T, error) {
	found, err := all(ctx, q, read, query, args...)
	if err == nil && len(found) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		var none T
		return none, err
	}
	return found[0], nil
}

// column reads a single column as it is.
func column[T any](scan scanner) (v T, err error) {
	err = scan(&v)
	return v, err
}

// A digest reads a hash from its text.
type digest seal.Hash

// Scan reads v, a string.
func (d *digest) Scan(v any) error {
	s, ok := v.(string)
	if !ok {
		return fmt.Errorf("read hash: it is a %T", v)
	}
	return (*seal.Hash)(d).UnmarshalText([]byte(s))
}

// An instant reads a time from milliseconds since 1970.
type instant time.Time

// Scan reads v, an integer.
func (t *instant) Scan(v any) error {
	ms, ok := v.(int64)
	if !ok {
		return fmt.Errorf("read time: it is a %T", v)
	}
	*t = instant(time.UnixMilli(ms).UTC())
	return nil
}

// since is t, and nil for the time that stands for never: zero milliseconds.
func since(t time.Time) *time.Time {
	if t.UnixMilli() == 0 {
		return nil
	}
	return &t
}

// places writes n placeholders: "$1, $2". Values follow one another from first.
func places(first, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "$%d", first+i)
	}
	return b.String()
}

// insert adds rows of the same width. into names table and columns; after is what
// follows VALUES. Statements are few, and their texts too, so that they are
// parsed once: each adds a power of two of rows.
func (e *engine) insert(ctx context.Context, q querier, into string, rows [][]any, after string) error {
	for n := e.rows; len(rows) > 0; {
		for n > len(rows) {
			n /= 2
		}
		if _, err := q.ExecContext(ctx, insertion(into, len(rows[0]), n, after), slices.Concat(rows[:n]...)...); err != nil {
			return fmt.Errorf("insert into %s: %w", strings.Fields(into)[0], err)
		}
		rows = rows[n:]
	}
	return nil
}

// insertion is an INSERT of n rows.
func insertion(into string, width, n int, after string) string {
	var b strings.Builder
	b.WriteString("INSERT INTO " + into + " VALUES ")
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("(" + places(i*width+1, width) + ")")
	}
	b.WriteString(" " + after)
	return b.String()
}

// padded returns list with its last element again and again, until its length is
// a power of two: so that the texts of statements with lists are few.
func padded[T any](list []T) []T {
	for n := len(list); n > 0 && n&(n-1) != 0; n++ {
		list = append(list, list[len(list)-1])
	}
	return list
}

// values turns a list into a statement's arguments.
func values[T any](list []T) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}

const (
	defaultLimit = 100
	maxLimit     = 10_000
)

// bounded is how many rows a list may have that limit asks for.
func bounded(limit int) int {
	if limit <= 0 {
		return defaultLimit
	}
	return min(limit, maxLimit)
}
