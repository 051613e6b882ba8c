// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// QuestionLife is how long a question waits for its answer.
const QuestionLife = 24 * time.Hour

// A Reply is what a person said.
type Reply string

// The replies.
const (
	NoReply Reply = "" // nobody has answered
	No      Reply = "no"
	Yes     Reply = "yes"
)

// An Approval is a question to people about one exact call, with the answer if
// there is one. Times are kept to the millisecond; the signed answer, which
// Answers returns, says its own exactly.
type Approval struct {
	ID      string
	Job     string
	Call    seal.Hash // digest of the canonical call
	Policy  seal.Hash
	Seq     uint64 // the receipt that asks
	Asked   time.Time
	Expires time.Time // of the question, if nobody answers; of the answer, if somebody did
	Reply   Reply
	By      string // who answered
	UsedBy  uint64 // the receipt whose call the answer allowed; zero if none has

	// When a revocation made the question, and its answer, count no more. Nil: none
	// has.
	Cancelled *time.Time
}

// Open reports whether a person may still answer at now.
func (a *Approval) Open(now time.Time) bool {
	return a.Reply == NoReply && a.Cancelled == nil && now.Before(a.Expires)
}

// A Filter selects approvals. The zero Filter selects the newest.
type Filter struct {
	Job   string // "" means all jobs
	Open  bool   // only those that a person may still answer
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

// Approvals returns the approvals that f selects, the newest first.
func (db *DB) Approvals(ctx context.Context, f Filter) ([]Approval, error) {
	query, args := approvalQuery+` WHERE asked > $1`, []any{int64(-1)}
	if f.Open {
		query += ` AND reply = '' AND cancelled = 0 AND expires > $2`
		args = append(args, db.now().UnixMilli())
	}
	if f.Job != "" {
		query += ` AND job = ` + places(len(args)+1, 1)
		args = append(args, f.Job)
	}
	query += ` ORDER BY asked DESC, id DESC LIMIT ` + places(len(args)+1, 1)
	list, err := all(ctx, db.read, readApproval, query, append(args, bounded(f.Limit))...)
	return list, wrap("list approvals", err)
}

// Answer takes a person's answer to a question: a, and the canonical bytes of
// the envelope that holds it, whose signature the caller has verified. A
// question takes one answer: it fails with ErrConflict if there is one, if the
// question has expired or is cancelled, or if a is not about what was asked, and
// with ErrNotFound if there is no such question.
func (db *DB) Answer(ctx context.Context, id string, envelope []byte, a *receipt.Answer) error {
	if err := holds(envelope, a); err != nil {
		return fmt.Errorf("answer approval %q: %w", id, err)
	}
	q, err := db.Approval(ctx, id)
	if err != nil {
		return err
	}
	if a.Approval != q.ID || a.Job != q.Job || !a.Call.Equal(q.Call) || !a.Policy.Equal(q.Policy) {
		return fmt.Errorf("answer approval %q: it is about something else: %w", id, ErrConflict)
	}
	reply := No
	if a.Yes {
		reply = Yes
	}
	until := a.Expires.Add(time.Millisecond - 1).UnixMilli() // rounded up: the exact time is in the envelope
	res, err := db.write.ExecContext(ctx, `
		UPDATE approval SET reply = $1, answered_by = $2, answer = $3, holds_until = $4
		WHERE id = $5 AND reply = '' AND cancelled = 0 AND expires > $6`, string(reply), a.By, envelope, until, id, db.now().UnixMilli())
	if err != nil {
		return fmt.Errorf("answer approval: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return fmt.Errorf("approval %q is answered, cancelled or has expired: %w", id, errors.Join(ErrConflict, err))
	}
	return nil
}

// holds checks that envelope is a's.
func holds(envelope []byte, a *receipt.Answer) error {
	e, err := parseEnvelope(receipt.AnswerType, envelope)
	if err != nil {
		return err
	}
	payload, err := seal.Marshal(a)
	if err != nil {
		return err
	}
	if !bytes.Equal(e.Payload, payload) {
		return errors.New("the envelope holds another answer")
	}
	return nil
}

func readAnswer(envelope []byte) (*seal.Envelope, *receipt.Answer, error) {
	e, err := parseEnvelope(receipt.AnswerType, envelope)
	if err != nil {
		return nil, nil, err
	}
	a := new(receipt.Answer)
	if err := seal.Decode(e.Payload, a); err != nil {
		return nil, nil, fmt.Errorf("read answer: %w", err)
	}
	return e, a, nil
}

// Answers returns the signed answers to a job's questions, in the order of the
// questions.
func (db *DB) Answers(ctx context.Context, job string) ([]*seal.Envelope, error) {
	list, err := all(ctx, db.read, readEnvelope(receipt.AnswerType), `SELECT answer FROM approval WHERE job = $1 AND reply <> '' ORDER BY seq`, job)
	return list, wrap("list answers", err)
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
