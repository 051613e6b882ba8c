// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package replay decides past calls again under a policy that is not published,
// so that people see what it would have changed before they sign it. It is a
// report for people and no evidence: each call is looked at by itself, with the
// facts that its receipt has, and what the record cannot tell is said to be
// unknown, never guessed.
package replay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// PageSize is how many receipts one Page looks at.
const PageSize = 200

// A DB has the receipts. internal/store fills it.
type DB interface {
	OpenedAfter(ctx context.Context, m store.Mark, job string, limit int) ([]store.Opened, error)
	Text(ctx context.Context, job string, seq uint64, commitment seal.Hash) (receipt.Text, error)
	Token(ctx context.Context, id token.ID) (*store.Token, error)
}

// Policies finds published policies, and what the names of others lead to.
// internal/registry fills it.
type Policies interface {
	Policy(ctx context.Context, h seal.Hash) (*policy.Policy, error)
	Resolve(ctx context.Context, p *policy.Policy) (*policy.Binding, error)
}

// A Replayer replays. All fields must be set. The database is not trusted: a
// receipt or token's record that is not signed by Gates or Issuers tells nothing.
type Replayer struct {
	DB       DB
	Policies Policies
	Gates    []seal.Verifier
	Issuers  func() []seal.Verifier // those of today and of before
}

// Why a past call's verdict is not known, beyond what receipt.Shadow says.
const (
	UnknownReceipt = "receipt" // the receipt is damaged
	UnknownToken   = "token"   // the token's record is gone or damaged, so that nobody knows what it was granted
	UnknownText    = "text"    // the text that the candidate's conditions look at is gone or damaged
)

// A Difference is a past call that the candidate decides otherwise, or of which
// that is unknown.
type Difference struct {
	Job   string
	Seq   uint64
	At    time.Time
	Call  string           // its full name; "" if the receipt is damaged
	Was   *policy.Decision // nil if the receipt is damaged
	Would receipt.Verdict
}

// A Page is what came out of some receipts.
type Page struct {
	Calls       int // decided ones, differences included
	Differences []Difference
	Next        *store.Mark // where the next page begins; nil: there is none
}

// Candidate reads a WPC and binds it without publishing it: to names and servers, if a
// page before has found out what they lead to, and otherwise to what they lead to now,
// which comes back. Errors of the text are *seal.SyntaxError.
func (r *Replayer) Candidate(ctx context.Context, text []byte, names []policy.Bound, servers []policy.Server) (*policy.Policy, *policy.Binding, error) {
	p, err := policy.Parse(text)
	if err != nil {
		return nil, nil, err
	}
	b := &policy.Binding{Policy: p.Hash(), Names: names, Servers: servers}
	if len(names)+len(servers) == 0 {
		if b, err = r.Policies.Resolve(ctx, p); err != nil {
			return nil, nil, err
		}
	}
	bound, err := p.Bind(b)
	return bound, b, err
}

// Page decides the opened receipts behind m again under candidate, which is
// bound: those of one job, or of all if job is "". Refused calls were never
// decided, and are left out. It holds one receipt's text at a time.
func (r *Replayer) Page(ctx context.Context, candidate *policy.Policy, m store.Mark, job string) (*Page, error) {
	rows, err := r.DB.OpenedAfter(ctx, m, job, PageSize)
	if err != nil {
		return nil, err
	}
	p := &page{Replayer: r, candidate: candidate, policies: map[seal.Hash]*policy.Policy{}, grants: map[token.ID]*policy.Grant{}}
	for i := range rows {
		if err := p.add(ctx, &rows[i]); err != nil {
			return nil, fmt.Errorf("replay receipt %d of job %s: %w", rows[i].Seq, rows[i].Job, err)
		}
	}
	if len(rows) == PageSize {
		p.out.Next = &rows[len(rows)-1].Mark
	}
	return &p.out, nil
}

// A page is one Page in the making, and what it has looked up for it.
type page struct {
	*Replayer
	candidate *policy.Policy
	policies  map[seal.Hash]*policy.Policy // nil: unusable
	grants    map[token.ID]*policy.Grant   // nil: unknown
	out       Page
}

func (p *page) add(ctx context.Context, row *store.Opened) error {
	rec := p.read(row)
	if rec == nil {
		p.out.Calls++
		p.out.Differences = append(p.out.Differences, Difference{Job: row.Job, Seq: row.Seq, At: row.At, Would: p.unknown(UnknownReceipt)})
		return nil
	}
	if rec.Refused != "" {
		return nil
	}
	v, err := p.verdict(ctx, rec)
	if err != nil {
		return err
	}
	p.out.Calls++
	if v.Decision == nil || v.Decision.Effect != rec.Decision.Effect {
		p.out.Differences = append(p.out.Differences, Difference{rec.Job, rec.Seq, rec.At, rec.Call.Name(), rec.Decision, v})
	}
	return nil
}

// read returns the opened receipt that row holds, nil if it is damaged.
func (p *page) read(row *store.Opened) *receipt.Receipt {
	e, err := seal.ParseEnvelope(row.Envelope)
	if err != nil {
		return nil
	}
	if _, err := e.Open(receipt.Type, p.Gates...); err != nil {
		return nil
	}
	rec, err := receipt.Parse(e.Payload)
	if err != nil || rec.Kind != receipt.Opened || rec.Job != row.Job || rec.Seq != row.Seq {
		return nil
	}
	return rec
}

func (p *page) unknown(why string) receipt.Verdict {
	return receipt.Verdict{Policy: p.candidate.Hash(), Unknown: why}
}

// verdict is the candidate's on the call of rec. An error is the house's.
func (p *page) verdict(ctx context.Context, rec *receipt.Receipt) (receipt.Verdict, error) {
	force, err := p.policy(ctx, rec.Decision.Policy)
	if force == nil || err != nil {
		return p.unknown(receipt.UnknownPolicy), err
	}
	grant, err := p.grant(ctx, rec.Token)
	if grant == nil || err != nil {
		return p.unknown(UnknownToken), err
	}
	text, err := p.text(ctx, rec)
	if text == nil || err != nil {
		return p.unknown(UnknownText), err
	}
	s := &receipt.Shadow{Force: force, Candidate: p.candidate, Grant: *grant, Recorded: true}
	return s.Decide(rec.Call, rec.Facts, p.candidate.Conditions(rec.Call, rec.Facts, text)), nil
}

// policy returns the published policy h, nil if it is unusable.
func (p *page) policy(ctx context.Context, h seal.Hash) (*policy.Policy, error) {
	if found, ok := p.policies[h]; ok {
		return found, nil
	}
	found, err := p.Policies.Policy(ctx, h)
	if errors.Is(err, registry.ErrUnusable) || errors.Is(err, store.ErrNotFound) {
		found, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	p.policies[h] = found
	return found, nil
}

// grant returns what the token id was granted, nil if its record does not tell.
func (p *page) grant(ctx context.Context, id token.ID) (*policy.Grant, error) {
	if g, ok := p.grants[id]; ok {
		return g, nil
	}
	t, err := p.DB.Token(ctx, id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	if err == nil {
		p.grants[id] = p.granted(id, t.Record)
	} else {
		p.grants[id] = nil
	}
	return p.grants[id], nil
}

func (p *page) granted(id token.ID, record []byte) *policy.Grant {
	e, err := seal.ParseEnvelope(record)
	if err != nil {
		return nil
	}
	if _, err := e.Open(token.RecordType, p.Issuers()...); err != nil {
		return nil
	}
	c := new(token.Claims)
	if err := seal.Decode(e.Payload, c); err != nil || c.ID != id {
		return nil
	}
	g := c.Grant()
	return &g
}

// text returns the exact arguments or request of rec's call, if the candidate
// has conditions that look at them; nil if they are gone or damaged.
func (p *page) text(ctx context.Context, rec *receipt.Receipt) ([]byte, error) {
	none := []byte{}
	if p.candidate.Conditions(&policy.Call{}, &policy.Facts{}, none) == nil {
		return none, nil
	}
	t, err := p.DB.Text(ctx, rec.Job, rec.Seq, rec.Call.Args)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return nil, err
	}
	if err != nil || !seal.Commit(t.Salt, t.Bytes).Equal(rec.Call.Args) {
		return nil, nil
	}
	return append(none, t.Bytes...), nil
}
