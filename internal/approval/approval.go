// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package approval brings questions to people and their signed answers back
// (users say approval gate). A question is about one exact call; an answer
// counts only under the signature of an enrolled person's own key.
package approval

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// MaxHold is the longest that a person's yes may wait for its call.
const MaxHold = 24 * time.Hour

// ErrAnswer is returned, wrapped with the cause, for an answer that does not count.
var ErrAnswer = errors.New("answer does not count")

// A DB keeps questions and answers. internal/store fills it.
type DB interface {
	Approval(ctx context.Context, id string) (*store.Approval, error)
	Receipt(ctx context.Context, job string, seq uint64) (*seal.Envelope, error)
	Text(ctx context.Context, job string, seq uint64, commitment seal.Hash) (receipt.Text, error)
	Answer(ctx context.Context, id string, envelope []byte, a *receipt.Answer) error
}

// A Desk is where people answer. All fields must be set.
type Desk struct {
	DB     DB
	People []seal.Verifier // who may answer
	Now    func() time.Time
}

// A Question is all that a person needs to decide, and to check that what they
// are shown is what their answer will be bound to: the signed receipt names the
// call, and the call commits to Text and Change.
type Question struct {
	store.Approval
	Asked *seal.Envelope // the receipt that asks
	Text  receipt.Text   // the exact arguments

	// Change is what exactly the call will change outside: canonical JSON of a
	// receipt.Change. Nil if its receipt commits to none.
	Change *receipt.Text
}

// Question returns one question. It fails with store.ErrNotFound.
func (d *Desk) Question(ctx context.Context, id string) (*Question, error) {
	a, err := d.DB.Approval(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("approval %s: %w", id, err)
	}
	q := &Question{Approval: *a}
	if q.Asked, err = d.DB.Receipt(ctx, a.Job, a.Seq); err != nil {
		return nil, fmt.Errorf("approval %s: receipt: %w", id, err)
	}
	r, err := receipt.Parse(q.Asked.Payload)
	if err != nil {
		return nil, fmt.Errorf("approval %s: %w", id, err)
	}
	if q.Text, err = d.DB.Text(ctx, a.Job, a.Seq, r.Call.Args); err != nil {
		return nil, fmt.Errorf("approval %s: arguments: %w", id, err)
	}
	if r.Call.Change.IsZero() {
		return q, nil
	}
	change, err := d.DB.Text(ctx, a.Job, a.Seq, r.Call.Change)
	if err != nil {
		return nil, fmt.Errorf("approval %s: change: %w", id, err)
	}
	q.Change = &change
	return q, nil
}

// Answer takes a person's signed answer to a question that is still open. It
// fails with ErrAnswer if the signature, the question or the times are wrong,
// with store.ErrNotFound if there is no such question and with
// store.ErrConflict if it has been answered or has expired.
func (d *Desk) Answer(ctx context.Context, id string, e *seal.Envelope) (*receipt.Answer, error) {
	a, err := receipt.OpenAnswer(e, d.People...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	q, err := d.DB.Approval(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("approval %s: %w", id, err)
	}
	if err := d.fits(a, q); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	paper, err := e.Marshal()
	if err != nil {
		return nil, err
	}
	if err := d.DB.Answer(ctx, id, paper, a); err != nil {
		return nil, fmt.Errorf("approval %s: %w", id, err)
	}
	return a, nil
}

func (d *Desk) fits(a *receipt.Answer, q *store.Approval) error {
	now := d.Now()
	switch {
	case a.Approval != q.ID || a.Job != q.Job:
		return errors.New("it answers another question")
	case !a.Call.Equal(q.Call) || !a.Policy.Equal(q.Policy):
		return errors.New("it is about another call or policy")
	case a.At.After(now.Add(time.Minute)) || a.At.Before(now.Add(-5*time.Minute)):
		return errors.New("it was not signed just now; check the clock of the machine that signed it")
	case !a.Expires.After(a.At) || a.Expires.Sub(a.At) > MaxHold:
		return fmt.Errorf("it must expire within %v after it was signed", MaxHold)
	case !a.Expires.After(now):
		return errors.New("it has expired on its way; sign one that holds longer")
	}
	return nil
}
