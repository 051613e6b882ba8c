// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"errors"
	"time"

	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/token"
)

// A Book commits receipts, as the gate asks it to.
type Book interface {
	// Write commits the line that next makes of what the job has come to.
	Write(ctx context.Context, job string, next func(*receipt.State) (*receipt.Line, error)) error
	// Spend uses up a proof by itself.
	Spend(ctx context.Context, job string, p receipt.Spent) error
}

// Book returns b, its commits counted and measured. A nil Recorder returns b.
func (r *Recorder) Book(b Book) Book {
	if r == nil {
		return b
	}
	return &book{b, r.meters}
}

type book struct {
	Book
	meters *meters
}

// Write measures a commit, be it that it fails.
func (b *book) Write(ctx context.Context, job string, next func(*receipt.State) (*receipt.Line, error)) error {
	kind, begun := "none", time.Now()
	err := b.Book.Write(ctx, job, func(st *receipt.State) (*receipt.Line, error) {
		line, err := next(st)
		if err == nil {
			kind = kindOf(line.Receipt)
		}
		return line, err
	})
	took := time.Since(begun).Seconds()
	as := b.meters.of(&ofCommit, labels{kind, failure(err)})
	b.meters.commit.Record(ctx, took, as)
	if err == nil {
		b.meters.receipts.Add(ctx, 1, as)
	}
	return err
}

// failure is why a line was not committed, in a word, or "".
func failure(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, token.ErrReplayed):
		return "replayed"
	}
	return "commit"
}

// kindOf is a receipt's kind as it is counted.
func kindOf(r *receipt.Receipt) string {
	if r.Refused != "" {
		return "refused"
	}
	return string(r.Kind)
}
