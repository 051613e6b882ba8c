// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// A Call is the receipts of one call, as they are stored.
type Call struct {
	Opened *seal.Envelope
	Closed *seal.Envelope // nil while it is not closed, which it never is if it was not carried out

	// Learned says what became of it, if nobody knew when it was closed, and somebody
	// does now.
	Learned *seal.Envelope
}

// Call returns the receipts of the call that receipt seq of a job opens, closes or
// says something of later. It fails with ErrNotFound.
func (db *DB) Call(ctx context.Context, job string, seq uint64) (*Call, error) {
	var out *Call
	first, err := one(ctx, db.read, readHalf, halfQuery+` seq = $2 AND kind IN ('opened', 'closed', 'learned')`, job, int64(seq))
	if err == nil {
		out, err = db.other(ctx, job, first)
	}
	if err != nil {
		return nil, fmt.Errorf("call of receipt %d of job %q: %w", seq, job, err)
	}
	return out, nil
}

const halfQuery = `SELECT envelope FROM receipt WHERE job = $1 AND`

// other finds the rest of the call that has h. What was not let through has none.
func (db *DB) other(ctx context.Context, job string, h *half) (*Call, error) {
	if h.receipt.Kind != receipt.Opened {
		var err error
		if h, err = one(ctx, db.read, readHalf, halfQuery+` seq = $2`, job, int64(h.receipt.Opened)); err != nil {
			return nil, err
		}
	}
	out := &Call{Opened: h.envelope}
	if h.receipt.Decision.Effect != policy.Allow {
		return out, nil
	}
	later, err := all(ctx, db.read, readHalf, halfQuery+` seq > $2 AND (opened = $2 OR learned = $2)`, job, int64(h.receipt.Seq))
	for _, l := range later {
		if l.receipt.Kind == receipt.Learned {
			out.Learned = l.envelope
		} else {
			out.Closed = l.envelope
		}
	}
	return out, err
}

// A half is one of a call's receipts.
type half struct {
	receipt  *receipt.Receipt
	envelope *seal.Envelope
}

func readHalf(scan scanner) (*half, error) {
	e, err := readEnvelope(receipt.Type)(scan)
	if err != nil {
		return nil, err
	}
	r, err := receipt.Parse(e.Payload)
	return &half{r, e}, err
}
