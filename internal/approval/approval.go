// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package approval brings questions to people and their signed answers back
// (users say approval gate). A question is about one exact call; an answer
// counts only under the signature of an enrolled person's own key. How many people
// it takes, and of which groups, its policy says.
package approval

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// MaxHold is the longest that a person's yes may wait for its call. A no holds for
// receipt.NoHold.
const MaxHold = 24 * time.Hour

// ErrAnswer is returned, wrapped with the cause, for an answer that does not count.
var ErrAnswer = errors.New("answer does not count")

// Why answers do not count, besides their signatures. Each comes with ErrAnswer.
var (
	ErrOther = errors.New("it is about something else")                           // another question, job, call or policy
	ErrShown = errors.New("another difference was shown than the call makes")     // its Shown is not of the call's change
	ErrOwn   = errors.New("who ordered the job does not allow its calls")         // nobody approves for themselves
	ErrTime  = errors.New("it is not from now, or holds for too long or no time") // its times
)

// ErrAltered is returned for a question whose receipt asks something else than its row
// in the database says: somebody has changed that.
var ErrAltered = errors.New("what the question says is not what its receipt asks")

// A DB keeps questions and answers. internal/store fills it.
type DB interface {
	Approval(ctx context.Context, id string) (*store.Approval, error)
	Receipt(ctx context.Context, job string, seq uint64) (*seal.Envelope, error)
	Text(ctx context.Context, job string, seq uint64, commitment seal.Hash) (receipt.Text, error)
	Token(ctx context.Context, id token.ID) (*store.Token, error)
	Given(ctx context.Context, ids ...string) (map[string][]store.Given, error)
	Answer(ctx context.Context, id string, envelope []byte, a *receipt.Answer, judge store.Judge) error
}

// Policies finds policies by hash. internal/registry fills it.
type Policies interface {
	// Policy returns the published policy h.
	Policy(ctx context.Context, h seal.Hash) (*policy.Policy, error)
}

// Enrolled finds who may answer besides those whom the configuration names.
// internal/login fills it.
type Enrolled interface {
	// People returns the keys whose enrolment holds now, and the groups of their
	// people.
	People(ctx context.Context) (*receipt.People, error)
}

// A Desk is where people answer. All fields must be set, but for Groups, Enrolled and
// Absences.
type Desk struct {
	DB       DB
	Policies Policies
	People   []seal.Verifier     // who may answer
	Groups   map[string][]string // by group: the names of its people
	Enrolled Enrolled            // nil: nobody besides People answers
	Absences *Absences           // nil: nobody answers in another's stead
	Now      func() time.Time
}

// A Question is all that a person needs to decide, and to check that what they
// are shown is what their answer will be bound to: the signed receipt names the
// call, and the call commits to Text and Change.
type Question struct {
	store.Approval
	Standing
	Asked  *seal.Envelope // the receipt that asks
	Text   receipt.Text   // the exact arguments
	Client string         // who ordered the token of the call: their yes does not count

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
	m, err := d.matter(ctx, a)
	if err != nil {
		return nil, fmt.Errorf("approval %s: %w", id, err)
	}
	q := &Question{Approval: *a, Asked: m.paper, Client: m.client}
	given, err := d.DB.Given(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("approval %s: %w", id, err)
	}
	q.Standing = m.standing(d.Now(), a, given[id])
	if q.Text, err = d.DB.Text(ctx, a.Job, a.Seq, m.call.Args); err != nil {
		return nil, fmt.Errorf("approval %s: arguments: %w", id, err)
	}
	if m.call.Change.IsZero() {
		return q, nil
	}
	change, err := d.DB.Text(ctx, a.Job, a.Seq, m.call.Change)
	if err != nil {
		return nil, fmt.Errorf("approval %s: change: %w", id, err)
	}
	q.Change = &change
	return q, nil
}

// Answer takes a person's signed answer to a question: a yes while the question is
// open and nobody else has said no, a no or a withdrawal also as long as answers to it
// count. It fails with
// ErrAnswer, and one of the errors above, if the signature, the matter or the times
// are wrong, with store.ErrNotFound if there is no such question and with
// store.ErrConflict if it takes no such answer as things stand.
func (d *Desk) Answer(ctx context.Context, id string, e *seal.Envelope) (*receipt.Answer, error) {
	people, err := d.people(ctx)
	if err != nil {
		return nil, err
	}
	a, err := receipt.OpenAnswer(e, people.Keys...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	q, err := d.DB.Approval(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("approval %s: %w", id, err)
	}
	m, err := d.matter(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("approval %s: %w", id, err)
	}
	if err := d.fits(ctx, a, q, m); err != nil {
		return nil, err
	}
	paper, err := e.Marshal()
	if err != nil {
		return nil, err
	}
	if err := d.DB.Answer(ctx, id, paper, a, func(held []*seal.Envelope) store.Reply { return m.judge(d.Now(), held) }); err != nil {
		return nil, fmt.Errorf("approval %s: %w", id, err)
	}
	return a, nil
}

func (d *Desk) fits(ctx context.Context, a *receipt.Answer, q *store.Approval, m *matter) error {
	now := d.Now()
	wrong := func(kind error, format string, args ...any) error {
		return fmt.Errorf("%w: %w: "+format, append([]any{ErrAnswer, kind}, args...)...)
	}
	switch {
	case a.Approval != q.ID || a.Job != q.Job:
		return wrong(ErrOther, "it answers another question")
	case !a.Call.Equal(q.Call) || !a.Policy.Equal(q.Policy):
		return wrong(ErrOther, "it is about another call or policy")
	case a.At.After(now.Add(time.Minute)) || a.At.Before(now.Add(-5*time.Minute)):
		return wrong(ErrTime, "it was not signed just now; check the clock of the machine that signed it")
	case !a.Yes && !a.Withdraws && a.Expires.Sub(a.At) != receipt.NoHold:
		return wrong(ErrTime, "a no must expire %v after it was signed, so that it outlasts every yes before it", receipt.NoHold)
	case (a.Yes || a.Withdraws) && (!a.Expires.After(a.At) || a.Expires.Sub(a.At) > MaxHold):
		return wrong(ErrTime, "it must expire within %v after it was signed", MaxHold)
	case !a.Expires.After(now):
		return wrong(ErrTime, "it has expired on its way; sign one that holds longer")
	case a.Yes && m.people.Fact(a, m.client, nil).Own:
		return wrong(ErrOwn, "%s ordered the token of this call", m.client)
	}
	if err := m.standsIn(a, now); err != nil || a.Shown.IsZero() {
		return err
	}
	c, err := d.change(ctx, q, m)
	if err != nil {
		return fmt.Errorf("approval %s: change: %w", q.ID, err)
	}
	if !a.Fits(c) {
		return wrong(ErrShown, "look at the question again, and sign what it shows now")
	}
	return nil
}

// change is what a question's call will change, or nil.
func (d *Desk) change(ctx context.Context, q *store.Approval, m *matter) (*receipt.Change, error) {
	if m.call.Change.IsZero() {
		return nil, nil
	}
	t, err := d.DB.Text(ctx, q.Job, q.Seq, m.call.Change)
	if err != nil {
		return nil, err
	}
	return receipt.ParseChange(t.Bytes)
}
