// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"time"

	"github.com/clawea/clawea/seal"
)

// QuestionLife is how long a question waits for its answer.
const QuestionLife = 24 * time.Hour

// A Reply is what people have said together.
type Reply string

// The replies.
const (
	NoReply Reply = "" // nobody has answered, or too few to decide
	No      Reply = "no"
	Yes     Reply = "yes"
)

// An Approval is a question to people about one exact call, with what their answers
// come to. That is for lists: what counts is decided from the signed answers, which
// Answers returns. Times are kept to the millisecond; answers say their own exactly.
type Approval struct {
	ID      string
	Job     string
	Call    seal.Hash // digest of the canonical call
	Policy  seal.Hash
	Seq     uint64 // the receipt that asks
	Asked   time.Time
	Expires time.Time // of the question, while there is no reply; of the answers, when there is
	Reply   Reply
	By      string // who answered last
	UsedBy  uint64 // the receipt whose call used up what was left of the answers; zero if none has

	// When a revocation made the question, and its answer, count no more. Nil: none
	// has.
	Cancelled *time.Time
}

// Open reports whether people are still to answer at now.
func (a *Approval) Open(now time.Time) bool {
	return a.Reply == NoReply && a.Cancelled == nil && now.Before(a.Expires)
}

// A Filter selects approvals. The zero Filter selects the newest.
type Filter struct {
	Job   string // "" means all jobs
	Open  bool   // only those that people are still to answer, the oldest first: no new ones put them out of sight
	After string // the id of the one that the list goes on after; "" means from its beginning
	Limit int    // zero means 100
}

const approvalQuery = `SELECT id, job, call, policy, seq, asked, expires, reply, answered_by, holds_until, used_by, cancelled FROM approval`

func readApproval(scan scanner) (a Approval, err error) {
	var seq, usedBy int64
	var holds, cancelled time.Time
	err = scan(&a.ID, &a.Job, (*digest)(&a.Call), (*digest)(&a.Policy), &seq, (*instant)(&a.Asked), (*instant)(&a.Expires), &a.Reply, &a.By, (*instant)(&holds), &usedBy, (*instant)(&cancelled))
	a.Seq, a.UsedBy = uint64(seq), uint64(usedBy)
	if a.Reply != NoReply {
		a.Expires = holds
	}
	a.Cancelled = since(cancelled)
	return a, err
}

// Approval returns one approval. It fails with ErrNotFound.
func (db *DB) Approval(ctx context.Context, id string) (*Approval, error) {
	a, err := one(ctx, db.read, readApproval, approvalQuery+` WHERE id = $1`, id)
	if err != nil {
		return nil, fmt.Errorf("approval %q: %w", id, err)
	}
	return &a, nil
}

// Approvals returns the approvals that f selects, the newest first unless they are Open.
func (db *DB) Approvals(ctx context.Context, f Filter) ([]Approval, error) {
	query, args := approvalQuery+` WHERE asked > $1`, []any{int64(-1)}
	order, beyond := ` ORDER BY asked DESC, id DESC LIMIT `, `<`
	if f.Open {
		order, beyond = ` ORDER BY asked, id LIMIT `, `>`
		query += ` AND reply = '' AND cancelled = 0 AND expires > $2`
		args = append(args, db.now().UnixMilli())
	}
	if f.Job != "" {
		query += ` AND job = ` + places(len(args)+1, 1)
		args = append(args, f.Job)
	}
	if f.After != "" {
		query += ` AND (asked, id) ` + beyond + ` (SELECT asked, id FROM approval WHERE id = ` + places(len(args)+1, 1) + `)`
		args = append(args, f.After)
	}
	query += order + places(len(args)+1, 1)
	list, err := all(ctx, db.read, readApproval, query, append(args, bounded(f.Limit))...)
	return list, wrap("list approvals", err)
}

// readEnvelope reads a paper of type typ.
func readEnvelope(typ string) func(scanner) (*seal.Envelope, error) {
	return func(scan scanner) (*seal.Envelope, error) {
		b, err := column[[]byte](scan)
		if err != nil {
			return nil, err
		}
		return parseEnvelope(typ, b)
	}
}

func parseEnvelope(typ string, b []byte) (*seal.Envelope, error) {
	e, err := seal.ParseEnvelope(b)
	if err == nil && e.Type != typ {
		err = fmt.Errorf("%w: %q, want %q", seal.ErrType, e.Type, typ)
	}
	if err != nil {
		return nil, err
	}
	return e, nil
}
