// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/seal"
)

// Ask returns what p's browser is to be asked so that a passkey of theirs signs a
// paper. It fails with ErrNoSite, and with ErrNoPasskey if p has none.
func (d *Desk) Ask(ctx context.Context, p *Person, typ string, payload []byte) (*Request, error) {
	if d.site == "" {
		return nil, ErrNoSite
	}
	held, err := d.held(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	if len(held) == 0 {
		return nil, ErrNoPasskey
	}
	return &Request{
		Challenge: base64.RawURLEncoding.EncodeToString(seal.Challenge(typ, payload)), Timeout: tryLife.Milliseconds(),
		Site: d.site, Allow: descriptors(held), UserVerification: "required",
	}, nil
}

// Signed returns the paper with the signature that p's browser answered Ask with. It
// fails with ErrPasskey unless that is by a passkey of p's, which is enrolled.
func (d *Desk) Signed(ctx context.Context, p *Person, typ string, payload []byte, answer *Asserted) (*seal.Envelope, error) {
	k, err := d.DB.Passkey(ctx, answer.ID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrPasskey.with(err)
	}
	if err != nil {
		return nil, err
	}
	if k.Person != p.ID || k.Revoked != nil {
		return nil, ErrPasskey.with(errors.New("it is another person's, or was revoked"))
	}
	return d.signedBy(ctx, &k, typ, payload, answer)
}

// signedBy returns the paper with the signature that k's authenticator answered. It
// fails with ErrPasskey unless k is enrolled, the signature holds and the browser says
// that it was asked for on one of the house's own pages: envelopes are taken from the
// whole of a site (spec/bundle.md 2.11), but whoever serves pages on another port or
// below the house's name is not the house.
func (d *Desk) signedBy(ctx context.Context, k *store.Passkey, typ string, payload []byte, answer *Asserted) (*seal.Envelope, error) {
	e, err := enrolled(k, d.roll.Registries)
	if err != nil {
		return nil, ErrPasskey.with(err)
	}
	a, err := answer.Assertion()
	if err != nil {
		return nil, err
	}
	sig, err := a.Marshal()
	if err != nil {
		return nil, ErrPasskey.with(err)
	}
	out := &seal.Envelope{Type: typ, Payload: payload, Signatures: []seal.Signature{{KeyID: seal.KeyID(e.Verifier), Sig: sig}}}
	if _, err := out.Open(typ, e.Verifier); err != nil {
		return nil, ErrPasskey.with(fmt.Errorf("signed %s: %w", typ, err))
	}
	if err := d.askedHere(a.ClientData); err != nil {
		return nil, err
	}
	return out, d.count(ctx, k, a.AuthenticatorData)
}

// askedHere fails with ErrPasskey unless a browser says that what it signed was asked
// for on a page of the house's origin.
func (d *Desk) askedHere(client []byte) error {
	var said struct {
		Origin string `json:"origin"`
	}
	if err := seal.Glance(client, &said); err != nil {
		return ErrPasskey.with(err)
	}
	if said.Origin != d.origin {
		return ErrPasskey.with(fmt.Errorf("signed at %.200q", said.Origin))
	}
	return nil
}
