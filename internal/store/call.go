// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"

	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// A Call is the receipts of one call, as they are stored.
type Call struct {
	Opened *seal.Envelope
	Closed *seal.Envelope // nil while it is not closed, which it never is if it was not carried out
}

// Call returns the receipts of the call that receipt seq of a job opens or
// closes. It fails with ErrNotFound.
func (db *DB) Call(ctx context.Context, job string, seq uint64) (*Call, error) {
	const query = `SELECT kind, envelope FROM receipt WHERE job = $1 AND seq = $2 AND kind IN ('opened', 'closed')
		UNION ALL SELECT * FROM (SELECT kind, envelope FROM receipt WHERE job = $1 AND seq > $2 AND opened = $2 ORDER BY seq LIMIT 1) closing
		UNION ALL SELECT kind, envelope FROM receipt WHERE job = $1 AND seq = (SELECT opened FROM receipt WHERE job = $1 AND seq = $2)`
	rows, err := all(ctx, db.read, readHalf, query, job, int64(seq))
	if err != nil {
		return nil, fmt.Errorf("call of receipt %d of job %q: %w", seq, job, err)
	}
	out := new(Call)
	for _, r := range rows {
		if r.kind == receipt.Opened {
			out.Opened = r.envelope
		} else {
			out.Closed = r.envelope
		}
	}
	if out.Opened == nil {
		return nil, fmt.Errorf("call of receipt %d of job %q: %w", seq, job, ErrNotFound)
	}
	return out, nil
}

// A half is one of a call's receipts.
type half struct {
	kind     receipt.Kind
	envelope *seal.Envelope
}

func readHalf(scan scanner) (h half, err error) {
	var b []byte
	if err = scan((*string)(&h.kind), &b); err == nil {
		h.envelope, err = parseEnvelope(receipt.Type, b)
	}
	return h, err
}
