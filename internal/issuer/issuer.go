// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package issuer mints the tokens of jobs, checks them and revokes them (users
// say clawscope, the CST issuer). It never keeps a token, only the signed
// record of its claims.
package issuer

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// A DB keeps jobs and the records of tokens. internal/store fills it.
type DB interface {
	CreateJob(ctx context.Context, j store.Job) error
	PutToken(ctx context.Context, t store.Token) error
	Token(ctx context.Context, id token.ID) (*store.Token, error)
	Revoke(ctx context.Context, id token.ID, reason string) error
	RevokeJob(ctx context.Context, job, reason string) (int, error)
}

// Policies finds policies by hash. internal/registry fills it.
type Policies interface {
	Policy(ctx context.Context, h seal.Hash) (*policy.Policy, error)
}

// ErrOrder is returned, wrapped with the cause, for an order that asks for what
// its policy does not hold.
var ErrOrder = errors.New("not issued")

// An Issuer mints, checks and revokes. All fields must be set.
type Issuer struct {
	DB        DB
	Policies  Policies
	Signer    seal.Signer
	PublicKey string          // of Signer, in the text form of seal.NewVerifier
	Verifiers []seal.Verifier // whose tokens are good here
	URL       string          // the issuer's own name (iss)
	House     string          // whom tokens are for (aud)
	Catalog   []policy.Action // all that the house's tools can do
	Now       func() time.Time
}

// An Order asks for a token.
type Order struct {
	Agent   string
	Job     string
	Policy  seal.Hash
	TTL     time.Duration   // zero: the policy's maximum
	Grant   *policy.Grant   // nil: all that the policy holds
	Runtime *policy.Runtime // what the launcher attests about the agent's surroundings
	Ticket  string          // what the job is done for: a ticket's id, or ""
}

// A Minted is a fresh token. Raw is secret and exists nowhere else.
type Minted struct {
	Raw    string
	Claims *token.Claims
}

// Mint makes a token for one job under one published policy, and records it
// before it is handed out. A job belongs to the agent and the policy that its
// first token names; another agent or policy for it is refused. It fails with
// ErrOrder for an order beyond the policy, and with the registry's errors for a
// policy that is not published or does not verify.
func (i *Issuer) Mint(ctx context.Context, o Order) (*Minted, error) {
	p, err := i.Policies.Policy(ctx, o.Policy)
	if err != nil {
		return nil, err
	}
	if err := i.check(&o, p); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOrder, err)
	}
	now := i.Now().UTC().Truncate(time.Second)
	c := &token.Claims{
		Issuer: i.URL, Audience: i.House, Agent: o.Agent, ID: newID(), Job: o.Job,
		Issued: now.Unix(), Expires: now.Add(o.TTL).Unix(), Runtime: o.Runtime, Ticket: o.Ticket,
	}
	raw, record, err := token.Mint(i.Signer, p, i.Catalog, *o.Grant, c)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOrder, err)
	}
	paper, err := record.Marshal()
	if err != nil {
		return nil, err
	}
	err = i.DB.CreateJob(ctx, store.Job{ID: o.Job, Agent: o.Agent, Policy: o.Policy, Created: now})
	if errors.Is(err, store.ErrConflict) {
		return nil, fmt.Errorf("%w: job %s belongs to another agent or policy; a new purpose needs a new job", ErrOrder, o.Job)
	}
	if err != nil {
		return nil, err
	}
	row := store.Token{ID: c.ID, Job: c.Job, Agent: c.Agent, Policy: c.Policy, Record: paper, Issued: now, Expires: now.Add(o.TTL)}
	if err := i.DB.PutToken(ctx, row); err != nil {
		return nil, err
	}
	return &Minted{raw, c}, nil
}

// check fills in what o leaves to the policy, and refuses what it may not ask.
func (i *Issuer) check(o *Order, p *policy.Policy) error {
	if err := token.CheckName("agent", o.Agent); err != nil {
		return err
	}
	if err := token.CheckName("job", o.Job); err != nil {
		return err
	}
	if o.TTL == 0 {
		o.TTL = p.MaxTTL()
		if b := p.BreakGlass(); b != nil {
			o.TTL = min(o.TTL, b.Expires.Sub(i.Now().Truncate(time.Second)))
		}
	}
	o.TTL = o.TTL.Truncate(time.Second)
	if o.TTL <= 0 || o.TTL > p.MaxTTL() {
		return fmt.Errorf("%w: want more than 0 and at most %v", token.ErrTTL, p.MaxTTL())
	}
	if o.Grant == nil {
		g := p.Whole(i.Catalog)
		o.Grant = &g
	}
	return nil
}

func newID() token.ID {
	b := make([]byte, 16)
	rand.Read(b) // never fails (crypto/rand since Go 1.24)
	return token.ID(hex.EncodeToString(b))
}

// Check verifies a token and looks up whether it is revoked; one that this
// house has no record of counts as revoked. It fills gate.Tokens: where the
// signature holds, the claims come back even with an error.
func (i *Issuer) Check(ctx context.Context, raw string) (*token.Claims, error) {
	c, err := token.Check(raw, i.House, i.Now(), i.Verifiers...)
	if err != nil {
		return c, err
	}
	row, err := i.DB.Token(ctx, c.ID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, fmt.Errorf("%w: this house has no record of it", token.ErrRevoked)
	case err != nil:
		return nil, fmt.Errorf("look up token: %w", err)
	case row.Job != c.Job:
		return nil, fmt.Errorf("%w: it is recorded for another job", token.ErrRevoked)
	case row.Revoked != nil:
		return c, token.ErrRevoked
	}
	return c, nil
}

// Revoke ends one token. It takes effect for every call that is checked after
// it returns. It fails with store.ErrNotFound.
func (i *Issuer) Revoke(ctx context.Context, id token.ID, reason string) error {
	return i.DB.Revoke(ctx, id, reason)
}

// RevokeJob ends all tokens of a job and returns how many that were.
func (i *Issuer) RevokeJob(ctx context.Context, job, reason string) (int, error) {
	return i.DB.RevokeJob(ctx, job, reason)
}

// JWKS returns the issuer's public keys as a JSON Web Key Set (RFC 7517).
func (i *Issuer) JWKS() (*jose.JSONWebKeySet, error) {
	k, err := seal.PublicKey(i.PublicKey)
	if err != nil {
		return nil, err
	}
	return &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{
		Key: k, KeyID: seal.KeyID(i.Signer), Algorithm: string(jose.EdDSA), Use: "sig",
	}}}, nil
}
