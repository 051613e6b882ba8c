// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/clawea/clawea/internal/memo"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// EnrolmentType is the payload type of an enrolment.
const EnrolmentType = "application/vnd.clawea.enrolment.v1+json"

// An Enrolment is the house's word that a key is a person's, and in which groups of
// approvers they are. The house's registry key signs it.
type Enrolment struct {
	Person string    `json:"person"` // their stable id
	Name   string    `json:"name"`   // of the key: what answers say in "by"
	Key    string    `json:"key"`    // public, for seal.NewVerifier
	Groups []string  `json:"groups,omitempty"`
	At     time.Time `json:"at"` // UTC, in whole seconds
	By     string    `json:"by"` // the key name of who enrolled it: the person
}

// Sign seals e.
func (e *Enrolment) Sign(s seal.Signer) (*seal.Envelope, error) {
	b, err := seal.Marshal(e)
	if err != nil {
		return nil, err
	}
	return seal.Sign(s, EnrolmentType, b)
}

// OpenEnrolment verifies an enrolment by one of the registries, and returns it and
// the key that it is about.
func OpenEnrolment(e *seal.Envelope, registries ...seal.Verifier) (*Enrolment, seal.Verifier, error) {
	if _, err := e.Open(EnrolmentType, registries...); err != nil {
		return nil, nil, err
	}
	p := new(Enrolment)
	if err := seal.Decode(e.Payload, p); err != nil {
		return nil, nil, fmt.Errorf("read enrolment: %w", err)
	}
	v, err := seal.NewVerifier(p.Key)
	if err != nil {
		return nil, nil, fmt.Errorf("read enrolment: %w", err)
	}
	if v.Name() != p.Name || p.Person == "" || p.At.IsZero() {
		return nil, nil, errors.New("read enrolment: it does not say whose key it is, and since when")
	}
	return p, v, nil
}

// An Enrolled key is one that the house has enrolled.
type Enrolled struct {
	Enrolment
	Verifier seal.Verifier
	Paper    *seal.Envelope
	Until    time.Time // when it was revoked; zero: it holds
}

// A Roll lists the keys that are enrolled. It is for who counts answers and for who
// says what is to be trusted. All fields must be set.
type Roll struct {
	DB interface {
		Passkeys(ctx context.Context, person string) ([]store.Passkey, error)
	}
	Registries []seal.Verifier
	Now        func() time.Time

	lately memo.Memo[struct{}, []Enrolled]
}

// Enrolled lists all keys whose enrolments verify, those that are revoked as well. A
// paper that does not verify is left out: its row was changed. What changes shows
// within a second. The list is shared: it must not be changed.
func (r *Roll) Enrolled(ctx context.Context) ([]Enrolled, error) {
	now := r.Now()
	if list, ok := r.lately.Get(struct{}{}, now); ok {
		return list, nil
	}
	age := r.lately.Age()
	rows, err := r.DB.Passkeys(ctx, "")
	if err != nil {
		return nil, err
	}
	out := []Enrolled{}
	for i := range rows {
		if e, err := enrolled(&rows[i], r.Registries); err == nil {
			out = append(out, *e)
		}
	}
	r.lately.PutSince(age, struct{}{}, out, now, time.Second)
	return out, nil
}

// People are those whose passkeys sign for them now, and the groups that they were in
// when they last logged in.
func (r *Roll) People(ctx context.Context) (*receipt.People, error) {
	list, err := r.Enrolled(ctx)
	if err != nil {
		return nil, err
	}
	out := &receipt.People{Groups: map[string][]string{}}
	for i := range list {
		e := &list[i]
		if !e.Until.IsZero() {
			continue
		}
		out.Keys = append(out.Keys, e.Verifier)
		for _, g := range e.Groups {
			out.Groups[g] = append(out.Groups[g], e.Name)
		}
	}
	return out, nil
}

// enrolled reads a row. The row's person must be the paper's, and its hash the key's.
func enrolled(p *store.Passkey, registries []seal.Verifier) (*Enrolled, error) {
	paper, err := seal.ParseEnvelope(p.Enrolment)
	if err != nil {
		return nil, err
	}
	e, v, err := OpenEnrolment(paper, registries...)
	if err != nil {
		return nil, err
	}
	if e.Person != p.Person {
		return nil, errors.New("read enrolment: it is about another person's key")
	}
	out := &Enrolled{Enrolment: *e, Verifier: v, Paper: paper}
	if p.Revoked != nil {
		out.Until = *p.Revoked
	}
	return out, nil
}

// enrol signs that a key is p's.
func (d *Desk) enrol(p *Person, public string) ([]byte, error) {
	e := &Enrolment{Person: p.ID, Name: p.Key, Key: public, Groups: p.Groups, At: d.Now().UTC().Truncate(time.Second), By: p.Key}
	paper, err := e.Sign(d.Registry)
	if err != nil {
		return nil, fmt.Errorf("enrol: %w", err)
	}
	return paper.Marshal()
}

// regroup has the enrolments of a person's passkeys say in which groups they are now.
func (d *Desk) regroup(ctx context.Context, p *Person) error {
	held, err := d.held(ctx, p.ID)
	if err != nil {
		return err
	}
	for i := range held {
		e, err := enrolled(&held[i], d.roll.Registries)
		if err != nil || slices.Equal(e.Groups, p.Groups) {
			continue // what does not verify is not made good
		}
		b, err := d.enrol(p, e.Key)
		if err != nil {
			return err
		}
		if err := d.DB.SetEnrolment(ctx, held[i].ID, b); err != nil {
			return err
		}
		d.Log.InfoContext(ctx, "groups have changed", "person", p.Key, "groups", p.Groups)
	}
	return nil
}

// held are the passkeys of a person that are not revoked.
func (d *Desk) held(ctx context.Context, person string) ([]store.Passkey, error) {
	list, err := d.DB.Passkeys(ctx, person)
	return slices.DeleteFunc(list, func(p store.Passkey) bool { return p.Revoked != nil }), err
}
