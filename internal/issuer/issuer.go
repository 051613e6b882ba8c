// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package issuer mints the tokens of jobs and checks them (users say clawscope,
// the CST issuer). It never keeps a token, only the signed record of its claims.
package issuer

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/clawea/clawea/internal/memo"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// A DB keeps jobs and the records of tokens. internal/store fills it.
type DB interface {
	CreateJob(ctx context.Context, j store.Job) error
	PutToken(ctx context.Context, t store.Token) error
	PutAttestation(ctx context.Context, a store.Attestation) error
	Token(ctx context.Context, id token.ID) (*store.Token, error)
	// RevokingJob lists what is revoked and may concern an agent's job under a policy.
	RevokingJob(ctx context.Context, job, agent string, policy seal.Hash) ([]token.Revocation, error)
}

// Policies finds policies by hash. internal/registry fills it.
type Policies interface {
	Policy(ctx context.Context, h seal.Hash) (*policy.Policy, error)
}

// ErrOrder is returned, wrapped with the cause, for an order that asks for what
// its policy does not hold.
var ErrOrder = errors.New("not issued")

// ErrTaken is the cause of ErrOrder where the job is somebody else's.
var ErrTaken = errors.New("the job is taken")

// An Issuer mints and checks. All fields must be set, but for PlainBearer and Launchers.
type Issuer struct {
	DB       DB
	Policies Policies
	Keys     func() *Keys    // as they are now: they rotate
	Nonces   *Nonces         // for proofs
	URL      string          // the issuer's own name (iss)
	House    string          // whom tokens are for (aud)
	Catalog  []policy.Action // all that the house's tools can do
	Now      func() time.Time

	Launchers []seal.Verifier // whose attestations count; none: no policy that asks for one has tokens

	PlainBearer bool // whether tokens that are bound to no key are minted where their policy does not say

	good memo.Memo[seal.Hash, *checked]
}

// believed is for how long a token that was checked is not looked up again. What
// is revoked is looked up each time.
const believed = time.Second

// A checked is what the token with a hash was found to say, under keys.
type checked struct {
	claims *token.Claims
	keys   *Keys
}

// Keys are an issuer's, at one time.
type Keys struct {
	Signer    seal.Signer
	Verifiers []seal.Verifier // whose tokens are good here: Signer's own, the next one's, and those that have signed lately
	Public    []string        // of the same, in the text form of seal.NewVerifier
}

// An Order asks for a token.
type Order struct {
	Agent   string
	Job     string
	Policy  seal.Hash
	TTL     time.Duration   // zero: the policy's maximum
	Grant   *policy.Grant   // nil: all that the policy holds
	Runtime *policy.Runtime // what whoever orders says about the agent's surroundings
	Ticket  string          // what the job is done for: a ticket's id, or ""
	Client  string          // who orders: an operator, an OAuth client or an identity
	Key     string          // thumbprint of the key that the token is bound to; "": a plain bearer token

	Attestation *seal.Envelope // a launcher's signed word for those surroundings, in place of Runtime; nil: none

	Operator bool // whether it is an operator who orders
}

// A Minted is a fresh token. Raw is secret and exists nowhere else.
type Minted struct {
	Raw    string
	Claims *token.Claims
}

// Mint makes a token for one job under one published policy, and records it
// before it is handed out. A job belongs to the agent and the policy that its
// first token names, and to who ordered that; another's order for it is refused. It fails with
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
	ordered := i.Now().UTC()
	now := ordered.Truncate(time.Second)
	if err := i.attest(&o, p, ordered, now); err != nil {
		return nil, fmt.Errorf("%w: %w: %w", ErrOrder, ErrAttestation, err)
	}
	c := &token.Claims{
		Issuer: i.URL, Audience: i.House, Agent: o.Agent, ID: newID(), Job: o.Job,
		Issued: now.Unix(), Expires: now.Add(o.TTL).Unix(), Runtime: o.Runtime, Ticket: o.Ticket, Client: o.Client,
	}
	if o.Key != "" {
		c.Confirm = &token.Confirmation{Thumbprint: o.Key}
	}
	raw, record, err := token.Mint(i.Keys().Signer, p, i.Catalog, *o.Grant, c)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOrder, err)
	}
	paper, err := record.Marshal()
	if err != nil {
		return nil, err
	}
	err = i.DB.CreateJob(ctx, store.Job{ID: o.Job, Agent: o.Agent, Policy: o.Policy, Client: o.Client, Created: now})
	if errors.Is(err, store.ErrConflict) {
		return nil, fmt.Errorf("%w: %w: %s belongs to another agent or policy, or was ordered by somebody else", ErrOrder, ErrTaken, o.Job)
	}
	if err != nil {
		return nil, err
	}
	if err := i.keep(ctx, &o); err != nil {
		return nil, err
	}
	row := store.Token{ID: c.ID, Job: c.Job, Agent: c.Agent, Policy: c.Policy, Record: paper, Issued: now, Expires: now.Add(o.TTL)}
	err = i.DB.PutToken(ctx, row)
	if errors.Is(err, store.ErrRevoked) {
		return nil, fmt.Errorf("%w: %w", ErrOrder, err)
	}
	if err != nil {
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
	if o.Job == receipt.Journal {
		return fmt.Errorf("the job %q is the house's own; choose another name", o.Job)
	}
	if undoes := strings.HasPrefix(o.Job, receipt.UndoPrefix); undoes != (o.Agent == receipt.Undoer) || undoes && !o.Operator {
		return fmt.Errorf("jobs named %s... are of the agent %q, and operators order them; choose another name, or use clawea job undo", receipt.UndoPrefix, receipt.Undoer)
	}
	if allowed, said := p.Bearer(); o.Key == "" && !(allowed || !said && i.PlainBearer) {
		return token.ErrBearer
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

// Check verifies a token, the proof that it comes with, and looks up whether
// what it stands on is revoked. It fills gate.Tokens. Where the token's signature
// holds and the house has minted it, the claims come back even with an error, and
// so does a proof that holds, which is used up all the same; a token that the
// house has not minted counts as revoked, and what it says of itself is not to
// be believed, whoever signed it.
func (i *Issuer) Check(ctx context.Context, p *token.Presentation) (token.Shown, error) {
	now := i.Now()
	c, err := i.own(ctx, p.Raw, now)
	shown := token.Shown{Claims: c}
	if err == nil {
		err = p.Expects(c)
	}
	if err != nil {
		return shown, err
	}
	if shown.Proof, err = p.Proven(c, now, i.Nonces.Good); err != nil {
		return shown, err
	}
	shown.Revoked, err = i.standing(ctx, c)
	return shown, err
}

// Look is Check for who only asks what a token is worth, and does not use it:
// without a proof.
func (i *Issuer) Look(ctx context.Context, raw string) (*token.Claims, error) {
	c, err := i.own(ctx, raw, i.Now())
	if err == nil {
		_, err = i.standing(ctx, c)
	}
	return c, err
}

// own verifies a token of this house's. The claims of one that is not come back
// as nil.
func (i *Issuer) own(ctx context.Context, raw string, now time.Time) (*token.Claims, error) {
	keys, name := i.Keys(), seal.Sum([]byte(raw))
	if t, ok := i.good.Get(name, now); ok && t.keys == keys {
		return t.claims, t.claims.At(now)
	}
	c, err := i.look(ctx, raw, now, keys)
	if err == nil {
		i.good.Put(name, &checked{c, keys}, now, believed)
	}
	return c, err
}

func (i *Issuer) look(ctx context.Context, raw string, now time.Time, keys *Keys) (*token.Claims, error) {
	c, err := token.Check(raw, i.House, now, keys.Verifiers...)
	if c == nil {
		return nil, err
	}
	switch stranger, trouble := i.minted(ctx, c); {
	case trouble != nil:
		return nil, trouble
	case stranger != nil && err == nil:
		return nil, stranger
	case stranger != nil:
		return nil, err
	}
	return c, err
}

// minted says why c is no token of this house's minting.
func (i *Issuer) minted(ctx context.Context, c *token.Claims) (stranger, trouble error) {
	row, err := i.DB.Token(ctx, c.ID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("%w: this house has no record of it", token.ErrRevoked), nil
	case err != nil:
		return nil, fmt.Errorf("look up token: %w", err)
	case row.Job != c.Job:
		return fmt.Errorf("%w: its id is on record for that one", token.ErrJob), nil
	}
	if recorded, err := recorded(row, c); err != nil || !recorded {
		return errors.Join(fmt.Errorf("%w: this house has minted another by that id", token.ErrRevoked), err), nil
	}
	return nil, nil
}

// standing looks up what is revoked and may concern c, and says whether it ends
// what c stands on. Whether an action is stopped depends on the call: the gate
// sees to that.
func (i *Issuer) standing(ctx context.Context, c *token.Claims) ([]token.Revocation, error) {
	list, err := i.DB.RevokingJob(ctx, c.Job, c.Agent, c.Policy)
	if err != nil {
		return nil, fmt.Errorf("look up revocations: %w", err)
	}
	for _, r := range list {
		if r.Kind != token.RevokeAction && r.Ends(c, policy.Action{}) {
			return nil, r.Err()
		}
	}
	return list, nil
}

// recorded reports whether the house minted these very claims: who has stolen
// the issuer's key must steal the database too.
func recorded(row *store.Token, c *token.Claims) (bool, error) {
	e, err := seal.ParseEnvelope(row.Record)
	if err != nil {
		return false, fmt.Errorf("read the record: %w", err)
	}
	payload, err := seal.Marshal(c)
	return err == nil && bytes.Equal(payload, e.Payload), err
}

// JWKS returns the issuer's public keys as a JSON Web Key Set (RFC 7517): the
// one that signs, the one that will, and those whose tokens may still be good.
func (i *Issuer) JWKS() (*jose.JSONWebKeySet, error) {
	set := &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	keys := i.Keys()
	for n, text := range keys.Public {
		k, err := seal.PublicKey(text)
		if err != nil {
			return nil, err
		}
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k, KeyID: seal.KeyID(keys.Verifiers[n]), Algorithm: string(jose.EdDSA), Use: "sig"})
	}
	return set, nil
}
