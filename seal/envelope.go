// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package seal

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// An Envelope is a paper as it travels: typed bytes and the signatures over
// them, in the DSSE v1 JSON form.
type Envelope struct {
	Payload    []byte      `json:"payload"`
	Type       string      `json:"payloadType"`
	Signatures []Signature `json:"signatures"`
}

// A Signature is one key's signature over an envelope's type and payload.
type Signature struct {
	KeyID string `json:"keyid"`
	Sig   []byte `json:"sig"`
}

var (
	// ErrUnsigned is returned for an envelope without any signature.
	ErrUnsigned = errors.New("not signed")
	// ErrUnknownKey is returned for a signature by a key outside the trusted ones.
	ErrUnknownKey = errors.New("signed by a key that is not trusted for this")
	// ErrBadSignature is returned for a signature that does not match its key.
	ErrBadSignature = errors.New("signature does not match")
	// ErrType is returned for an envelope of another type than expected.
	ErrType = errors.New("wrong type of paper")
)

// Sign seals payload as a paper of type typ.
func Sign(s Signer, typ string, payload []byte) (*Envelope, error) {
	e := &Envelope{Payload: payload, Type: typ}
	if err := e.Add(s); err != nil {
		return nil, err
	}
	return e, nil
}

// Add adds the signature of s.
func (e *Envelope) Add(s Signer) error {
	id := KeyID(s)
	if slices.ContainsFunc(e.Signatures, func(g Signature) bool { return g.KeyID == id }) {
		return fmt.Errorf("sign as %s: it has signed already", id)
	}
	sig, err := s.Sign(pae(e.Type, e.Payload))
	if err != nil {
		return fmt.Errorf("sign as %s: %w", id, err)
	}
	e.Signatures = append(e.Signatures, Signature{id, sig})
	return nil
}

// Open returns who signed e. It is all or nothing: e must have type typ and at
// least one signature, and every signature must be valid, by a different one of
// vs. A signature that nobody can check is a reason to stop, not to look away.
func (e *Envelope) Open(typ string, vs ...Verifier) ([]Verifier, error) {
	if e.Type != typ {
		return nil, fmt.Errorf("%w: %q, want %q", ErrType, e.Type, typ)
	}
	if len(e.Signatures) == 0 {
		return nil, ErrUnsigned
	}
	m := pae(e.Type, e.Payload)
	var signers []Verifier
	for _, s := range e.Signatures {
		i := slices.IndexFunc(vs, func(v Verifier) bool { return KeyID(v) == s.KeyID })
		if i < 0 {
			return nil, fmt.Errorf("%w: %q", ErrUnknownKey, s.KeyID)
		}
		if slices.ContainsFunc(signers, func(v Verifier) bool { return KeyID(v) == s.KeyID }) {
			return nil, fmt.Errorf("%w: %q signed twice", ErrBadSignature, s.KeyID)
		}
		if !vs[i].Verify(m, s.Sig) {
			return nil, fmt.Errorf("%w: %q", ErrBadSignature, s.KeyID)
		}
		signers = append(signers, vs[i])
	}
	return signers, nil
}

// Hash names the envelope's payload. Signatures are not part of the name.
func (e *Envelope) Hash() Hash { return Sum(e.Payload) }

// Marshal returns the canonical JSON of e.
func (e *Envelope) Marshal() ([]byte, error) { return Marshal(e) }

// ParseEnvelope reads the canonical JSON of an envelope, the one form that
// Marshal writes: any other spelling of the same envelope is refused.
func ParseEnvelope(b []byte) (*Envelope, error) {
	e := new(Envelope)
	if err := Decode(b, e); err != nil {
		return nil, fmt.Errorf("read envelope: %w", err)
	}
	again, err := e.Marshal()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, b) { // base64 has several spellings; one is ours
		return nil, fmt.Errorf("read envelope: %w", ErrNotCanonical)
	}
	return e, nil
}

// pae is the DSSE v1 pre-authentication encoding.
func pae(typ string, b []byte) []byte {
	return fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(typ), typ, len(b), b)
}
