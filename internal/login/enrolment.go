// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/memo"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// EnrolmentType is the payload type of an enrolment.
const EnrolmentType = "application/vnd.clawea.enrolment.v1+json"

// An Enrolment is the house's word that a key is a person's, whether they have a role
// that answers questions, and in which groups of approvers they are. The house's
// registry key signs it.
type Enrolment struct {
	Person  string    `json:"person"` // their stable id
	Name    string    `json:"name"`   // of the key: what answers say in "by"
	Key     string    `json:"key"`    // public, for seal.NewVerifier
	Answers bool      `json:"answers,omitempty"`
	Groups  []string  `json:"groups,omitempty"`
	At      time.Time `json:"at"` // UTC, in whole seconds
	By      string    `json:"by"` // the key name of who enrolled it: the person
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

// over is since when e's key answers nothing: since it was revoked, or since its paper
// says that its person has no role which answers. Zero: it may.
func (e *Enrolled) over() time.Time {
	if e.Until.IsZero() && !e.Answers {
		return e.At
	}
	return e.Until
}

// Papers finds, by person, what is said of them now: the last of their enrolments in
// list, and of two of one second one whose key holds.
func Papers(list []Enrolled) map[string]*Enrolled {
	out := map[string]*Enrolled{}
	for i := range list {
		e := &list[i]
		was := out[e.Person]
		if was == nil || e.At.After(was.At) || e.At.Equal(was.At) && (e.Until.IsZero() || !was.Until.IsZero()) {
			out[e.Person] = e
		}
	}
	return out
}

// A Roll lists the keys that are enrolled. It is for who counts answers and for who
// says what is to be trusted. Its desk makes it.
type Roll struct {
	DB interface {
		Passkeys(ctx context.Context, person string) ([]store.Passkey, error)
	}
	Registries []seal.Verifier
	Vouches    func(issuer string) bool // whether people of an issuer are let in
	Now        func() time.Time

	lately memo.Memo[struct{}, *reading]
	busy   chan struct{}           // holds one while the roll is read
	papers map[seal.Hash]*Enrolled // those that were read last, by the envelope's hash; nil: does not verify. Whose is reading has them
}

// A reading is what was read at one time.
type reading struct {
	enrolled []Enrolled
	people   *receipt.People
}

// Enrolled lists all keys whose enrolments verify, those that are revoked as well. A
// paper that does not verify is left out: its row was changed. What changes shows
// within a second. The list is shared: it must not be changed.
func (r *Roll) Enrolled(ctx context.Context) ([]Enrolled, error) {
	l, err := r.list(ctx)
	if err != nil {
		return nil, err
	}
	return l.enrolled, nil
}

// People are those whose passkeys answer for them now, and the groups that they were in
// when they last logged in. They had a role then that answers, at somebody who is let
// vouch for people still. A person has one name. What it returns is shared: it must not
// be changed.
func (r *Roll) People(ctx context.Context) (*receipt.People, error) {
	l, err := r.list(ctx)
	if err != nil {
		return nil, err
	}
	return l.people, nil
}

// list reads the roll, unless somebody has done so lately. One does at a time.
func (r *Roll) list(ctx context.Context) (*reading, error) {
	if l, ok := r.lately.Get(struct{}{}, r.Now()); ok {
		return l, nil
	}
	select {
	case r.busy <- struct{}{}:
		defer func() { <-r.busy }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	now := r.Now()
	if l, ok := r.lately.Get(struct{}{}, now); ok {
		return l, nil
	}
	age := r.lately.Age()
	rows, err := r.DB.Passkeys(ctx, "")
	if err != nil {
		return nil, err
	}
	list := r.verified(rows)
	l := &reading{list, r.answering(list)}
	r.lately.PutSince(age, struct{}{}, l, now, time.Second)
	return l, nil
}

// verified lists what rows say whose papers verify. Each paper is verified once: what
// it says does not change, and its row may.
func (r *Roll) verified(rows []store.Passkey) []Enrolled {
	out := []Enrolled{}
	papers := make(map[seal.Hash]*Enrolled, len(rows))
	for i := range rows {
		sum := seal.Sum(rows[i].Enrolment)
		e, known := r.papers[sum]
		if !known {
			e, _ = readPaper(rows[i].Enrolment, r.Registries)
		}
		papers[sum] = e
		if e != nil && e.Person == rows[i].Person {
			out = append(out, *e.at(&rows[i]))
		}
	}
	r.papers = papers
	return out
}

// answering are those of list who answer, and the keys with which somebody did so lately
// that a no of theirs may stand.
func (r *Roll) answering(list []Enrolled) *receipt.People {
	out := &receipt.People{Groups: map[string][]string{}}
	papers := Papers(list)
	for i := range list {
		e := &list[i]
		if until := e.over(); !until.IsZero() {
			if r.Now().Before(until.Add(receipt.NoHold)) {
				out.Former = append(out.Former, receipt.Former{Key: e.Verifier, Until: until})
			}
			continue
		}
		issuer, _, _ := strings.Cut(e.Person, " ")
		if e.Name != papers[e.Person].Name || !r.Vouches(issuer) {
			continue
		}
		out.Keys = append(out.Keys, e.Verifier)
		for _, g := range e.Groups {
			out.Groups[g] = append(out.Groups[g], e.Name)
		}
	}
	return out
}

// readPaper reads an enrolment.
func readPaper(envelope []byte, registries []seal.Verifier) (*Enrolled, error) {
	paper, err := seal.ParseEnvelope(envelope)
	if err != nil {
		return nil, err
	}
	e, v, err := OpenEnrolment(paper, registries...)
	if err != nil {
		return nil, err
	}
	return &Enrolled{Enrolment: *e, Verifier: v, Paper: paper}, nil
}

// at is e as its row has it.
func (e Enrolled) at(p *store.Passkey) *Enrolled {
	if p.Revoked != nil {
		e.Until = *p.Revoked
	}
	return &e
}

// enrolled reads a row. The row's person must be the paper's, and its hash the key's.
func enrolled(p *store.Passkey, registries []seal.Verifier) (*Enrolled, error) {
	e, err := readPaper(p.Enrolment, registries)
	if err != nil {
		return nil, err
	}
	if e.Person != p.Person {
		return nil, errors.New("read enrolment: it is about another person's key")
	}
	return e.at(p), nil
}

// enrol signs that a key, whose text says its name, is p's.
func (d *Desk) enrol(p *Person, name, public string) ([]byte, error) {
	e := &Enrolment{Person: p.ID, Name: name, Key: public, Answers: p.answers(), Groups: p.Groups, At: d.Now().UTC().Truncate(time.Second), By: p.Key}
	paper, err := e.Sign(d.Registry)
	if err != nil {
		return nil, fmt.Errorf("enrol: %w", err)
	}
	return paper.Marshal()
}

// answers reports whether p has a role that answers questions, or has it as soon as
// they have a passkey.
func (p *Person) answers() bool { return p.Has(Approver, Admin) || p.Enrolling }

// regroup has the enrolments of a person's passkeys say whether they answer now, and in
// which groups they are.
func (d *Desk) regroup(ctx context.Context, p *Person) error {
	held, err := d.held(ctx, p.ID)
	if err != nil {
		return err
	}
	for i := range held {
		e, err := enrolled(&held[i], d.roll.Registries)
		if err != nil || e.Answers == p.answers() && slices.Equal(e.Groups, p.Groups) {
			continue // what does not verify is not made good
		}
		b, err := d.enrol(p, e.Name, e.Key)
		if err != nil {
			return err
		}
		if err := d.DB.SetEnrolment(ctx, held[i].ID, b); err != nil {
			return err
		}
		d.roll.lately.Forget()
		d.Log.InfoContext(ctx, "what a passkey's owner may answer has changed", "person", p.Key, "passkey", held[i].ID, "answers", p.answers(), "groups", p.Groups)
	}
	return nil
}

// held are the passkeys of a person that are not revoked.
func (d *Desk) held(ctx context.Context, person string) ([]store.Passkey, error) {
	list, err := d.DB.Passkeys(ctx, person)
	return slices.DeleteFunc(list, func(p store.Passkey) bool { return p.Revoked != nil }), err
}
