// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package authenticator simulates a person with a passkey and a browser, for
// tests: it signs as WebAuthn Level 3 says, and wrongly where a test wants that.
package authenticator

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"

	"github.com/clawea/clawea/seal"
)

// An Authenticator is a person's passkey and the browser in which they use it. It
// is a seal.Signer. A test may change what the browser and the authenticator say.
type Authenticator struct {
	seal.Verifier // the public half
	Public        string

	Type        string // what the browser says that it does: "webauthn.get"
	Origin      string
	CrossOrigin bool
	Site        string // whose hash the authenticator signs
	Flags       byte   // 0x01: somebody was there; 0x04: and was verified

	key crypto.Signer
}

// New makes a passkey of name's for a site's domain, with the algorithm alg. The
// same bytes from random make the same ECDSA and Ed25519 keys.
func New(random io.Reader, name, site string, alg int) (*Authenticator, error) {
	key, err := generate(random, alg)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	p := &seal.Passkey{Name: name, Site: site, Alg: alg, Key: der}
	a := &Authenticator{Type: "webauthn.get", Origin: "https://" + site, Site: site, Flags: 0x05, key: key}
	if site == "localhost" {
		a.Origin = "http://localhost:8080"
	}
	if a.Public, err = p.Public(); err != nil {
		return nil, err
	}
	a.Verifier, err = seal.NewVerifier(a.Public)
	return a, err
}

func generate(random io.Reader, alg int) (crypto.Signer, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return nil, err
	}
	switch alg {
	case seal.ES256:
		return ecdsa.ParseRawPrivateKey(elliptic.P256(), seed)
	case seal.EdDSA:
		return ed25519.NewKeyFromSeed(seed), nil
	case seal.RS256:
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return nil, fmt.Errorf("no algorithm %d", alg)
}

// Sign is asked to sign the challenge that stands for msg, and returns the assertion.
func (a *Authenticator) Sign(msg []byte) ([]byte, error) {
	sum := sha256.Sum256(msg)
	out, err := a.Assert(sum[:])
	if err != nil {
		return nil, err
	}
	return out.Marshal()
}

// Assert signs a challenge.
func (a *Authenticator) Assert(challenge []byte) (*seal.Assertion, error) {
	client, err := json.Marshal(map[string]any{
		"type": a.Type, "challenge": base64.RawURLEncoding.EncodeToString(challenge), "origin": a.Origin, "crossOrigin": a.CrossOrigin,
	})
	if err != nil {
		return nil, err
	}
	site := sha256.Sum256([]byte(a.Site))
	data := append(site[:], a.Flags)
	data = binary.BigEndian.AppendUint32(data, 1)
	hash := sha256.Sum256(client)
	sig, err := a.signature(append(append([]byte{}, data...), hash[:]...))
	return &seal.Assertion{AuthenticatorData: data, ClientData: client, Signature: sig}, err
}

func (a *Authenticator) signature(msg []byte) ([]byte, error) {
	if _, ok := a.key.(ed25519.PrivateKey); ok {
		return a.key.Sign(rand.Reader, msg, crypto.Hash(0))
	}
	sum := sha256.Sum256(msg)
	return a.key.Sign(rand.Reader, sum[:], crypto.SHA256)
}
