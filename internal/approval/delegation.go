// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package approval

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/memo"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// ErrDelegation is returned, wrapped with the cause, for a delegation that is not
// kept: ErrTime, ErrNobody, or what is wrong with its signature.
var ErrDelegation = errors.New("delegation does not count")

// ErrNobody comes with ErrDelegation where nobody of that name may answer.
var ErrNobody = errors.New("who is to stand in may not answer themselves")

// ErrStandIn comes with ErrAnswer where nobody has asked who answers to stand in.
var ErrStandIn = errors.New("no delegation in force covers it")

// Absences are people's delegations, as they were signed: who answers in whose
// stead. It is for all who count answers. All fields must be set.
type Absences struct {
	// DB keeps the papers. internal/store fills it.
	DB interface {
		Delegate(ctx context.Context, envelope []byte, d *receipt.Delegation) error
		Delegations(ctx context.Context) ([]*seal.Envelope, error)
	}
	Now func() time.Time

	lately memo.Memo[struct{}, []*seal.Envelope]
}

// Delegations lists the papers of delegations that are not over, withdrawals as
// well. None of it is verified. What other replicas took shows within a second. The
// list is shared: it must not be changed.
func (a *Absences) Delegations(ctx context.Context) ([]*seal.Envelope, error) {
	now := a.Now()
	if list, ok := a.lately.Get(struct{}{}, now); ok {
		return list, nil
	}
	age := a.lately.Age()
	list, err := a.DB.Delegations(ctx)
	if err != nil {
		return nil, err
	}
	a.lately.PutSince(age, struct{}{}, list, now, time.Second)
	return list, nil
}

func (a *Absences) keep(ctx context.Context, paper []byte, d *receipt.Delegation) error {
	defer a.lately.Forget()
	return a.DB.Delegate(ctx, paper, d)
}

// Delegate takes a person's signed delegation, or what takes one of theirs back. It
// fails with ErrDelegation, and with store.ErrConflict, store.ErrTooMany and
// store.ErrNotFound as the store does.
func (d *Desk) Delegate(ctx context.Context, e *seal.Envelope) (*receipt.Delegation, error) {
	people, err := d.people(ctx)
	if err != nil {
		return nil, err
	}
	paper, err := receipt.OpenDelegation(e, people.Keys...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDelegation, err)
	}
	now := d.Now()
	switch {
	case d.Absences == nil:
		return nil, fmt.Errorf("%w: this house keeps none", ErrDelegation)
	case paper.At.After(now.Add(time.Minute)) || paper.At.Before(now.Add(-receipt.Underway)):
		return nil, fmt.Errorf("%w: %w: it was not signed just now; check the clock of the machine that signed it", ErrDelegation, ErrTime)
	case !paper.Withdraws && !paper.Ends.After(now):
		return nil, fmt.Errorf("%w: %w: it is over already; choose a later end", ErrDelegation, ErrTime)
	case !paper.Withdraws && !slices.ContainsFunc(people.Keys, func(v seal.Verifier) bool { return v.Name() == paper.To }):
		return nil, fmt.Errorf("%w: %w: there is no key of %q; names are those of keys", ErrDelegation, ErrNobody, paper.To)
	}
	b, err := e.Marshal()
	if err != nil {
		return nil, err
	}
	if err := d.Absences.keep(ctx, b, paper); err != nil {
		return nil, fmt.Errorf("delegation %s: %w", paper.ID, err)
	}
	return paper, nil
}

// A Delegated is a delegation that is not over.
type Delegated struct {
	receipt.Delegation
	Withdrawn *time.Time // when it was taken back; nil: it was not
}

// Delegations lists the delegations that are not over, those as well that were taken
// back, the first to be made first. What does not verify is left out: it counts for
// nothing.
func (d *Desk) Delegations(ctx context.Context) ([]Delegated, error) {
	people, err := d.people(ctx)
	if err != nil {
		return nil, err
	}
	var out []Delegated
	var taken []*receipt.Delegation
	for _, e := range people.Delegations {
		switch p, err := receipt.OpenDelegation(e, people.Keys...); {
		case err != nil:
		case p.Withdraws:
			taken = append(taken, p)
		default:
			out = append(out, Delegated{Delegation: *p})
		}
	}
	for i := range out {
		if j := slices.IndexFunc(taken, func(w *receipt.Delegation) bool { return w.TakesBack(&out[i].Delegation) }); j >= 0 {
			out[i].Withdrawn = &taken[j].At
		}
	}
	return out, nil
}

// Absent lists whom the person of that name stands in for now, sorted.
func (d *Desk) Absent(ctx context.Context, name string) ([]string, error) {
	list, err := d.Delegations(ctx)
	if err != nil {
		return nil, err
	}
	var out []string
	for i := range list {
		if g := &list[i]; g.To == name && g.Withdrawn == nil && g.Holds(d.Now()) {
			out = append(out, g.From)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// Answerers are the names of those who may answer now, sorted.
func (d *Desk) Answerers(ctx context.Context) ([]string, error) {
	people, err := d.people(ctx)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, v := range people.Keys {
		out = append(out, v.Name())
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// NewDelegation returns a delegation that is to be signed, with a name of its own.
// Its times are in milliseconds.
func NewDelegation(from, to string, begins, ends, now time.Time, reason string) *receipt.Delegation {
	in := func(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
	return &receipt.Delegation{
		ID: "d-" + strings.ToLower(rand.Text()[:12]), From: from, To: to, Begins: in(begins), Ends: in(ends), At: in(now), Reason: reason,
	}
}

// standsIn checks that who answers stands in for whom they say.
func (m *matter) standsIn(a *receipt.Answer, now time.Time) error {
	switch {
	case a.For == "" || m.people.StandsIn(a, now):
		return nil
	case !a.Yes:
		return fmt.Errorf("%w: %w: %s has not asked %s to answer in their stead, or not for now; say no in your own name", ErrAnswer, ErrStandIn, a.For, a.By)
	}
	return fmt.Errorf("%w: %w: %s has not asked %s to answer in their stead, or not for now", ErrAnswer, ErrStandIn, a.For, a.By)
}
