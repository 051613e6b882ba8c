// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"

	"github.com/clawea/clawea/seal"
)

// What authenticators say (WebAuthn Level 3, 6.1).
const (
	flagPresent    = 1 << 0
	flagVerified   = 1 << 2
	flagCredential = 1 << 6
	flagExtensions = 1 << 7

	headSize = sha256.Size + 1 + 4 // the site's hash, flags, counter
	aaguid   = 16

	maxCredentialID = 1023 // bytes (WebAuthn Level 3, 4)
	maxAttestation  = 64 << 10
)

// A credential is what an authenticator says of a passkey that it has made.
type credential struct {
	site  [sha256.Size]byte // hash of the domain
	flags byte
	count uint32
	id    []byte
	alg   int
	key   []byte // DER of a SubjectPublicKeyInfo
}

var errAttestation = errors.New("not an attestation object")

// readAttestation reads an attestation object (WebAuthn Level 3, 6.5). The house asks
// for no attestation and believes none: which make an authenticator is of changes
// nothing here, so the statement is read over.
func readAttestation(b []byte) (*credential, error) {
	if len(b) > maxAttestation {
		return nil, errAttestation
	}
	v, rest, err := readCBOR(b)
	if err != nil {
		return nil, err
	}
	format, ok1 := v.named("fmt")
	_, ok2 := v.named("attStmt")
	data, ok3 := v.named("authData")
	if !ok1 || !ok2 || !ok3 || format.kind != cborText || data.kind != cborBytes || len(rest) > 0 {
		return nil, errAttestation
	}
	return readCredential(data.bytes)
}

// readCredential reads authenticator data with a new credential in it.
func readCredential(b []byte) (*credential, error) {
	if len(b) < headSize+aaguid+2 || b[sha256.Size]&flagCredential == 0 {
		return nil, errAttestation
	}
	c := &credential{site: [sha256.Size]byte(b), flags: b[sha256.Size], count: binary.BigEndian.Uint32(b[sha256.Size+1:])}
	b = b[headSize+aaguid:]
	n := int(binary.BigEndian.Uint16(b))
	if b = b[2:]; n == 0 || n > maxCredentialID || n > len(b) {
		return nil, errAttestation
	}
	c.id, b = bytes.Clone(b[:n]), b[n:]
	key, rest, err := readCBOR(b)
	if err != nil {
		return nil, err
	}
	if c.flags&flagExtensions != 0 {
		var more item
		if more, rest, err = readCBOR(rest); err != nil || more.kind != cborMap {
			return nil, errAttestation
		}
	}
	if len(rest) > 0 {
		return nil, errAttestation
	}
	c.alg, c.key, err = readKey(key)
	return c, err
}

// The parameters of COSE keys (RFC 9053, 7; RFC 8230, 4).
const (
	coseType, coseAlg  = 1, 3
	coseCurve          = -1
	coseX, coseY       = -2, -3
	coseModulus        = -1
	coseExponent       = -2
	okp, ec2, coseRSA  = 1, 2, 3
	coseP256, coseEd25 = 1, 6
)

// readKey reads a COSE key of one of seal's algorithms.
func readKey(v item) (alg int, der []byte, err error) {
	typ, _ := integerOf(v, coseType)
	n, ok := integerOf(v, coseAlg)
	if !ok {
		return 0, nil, errAttestation
	}
	var public any
	switch {
	case n == seal.ES256 && typ == ec2:
		public, err = readPoint(v)
	case n == seal.EdDSA && typ == okp:
		curve, _ := integerOf(v, coseCurve)
		x := bytesOf(v, coseX)
		if curve != coseEd25 || len(x) != ed25519.PublicKeySize {
			return 0, nil, errAttestation
		}
		public = ed25519.PublicKey(x)
	case n == seal.RS256 && typ == coseRSA:
		public, err = readRSA(v)
	default:
		return 0, nil, fmt.Errorf("a key of type %d and algorithm %d", typ, n)
	}
	if err != nil {
		return 0, nil, err
	}
	der, err = x509.MarshalPKIXPublicKey(public)
	return int(n), der, err
}

func readPoint(v item) (*ecdsa.PublicKey, error) {
	curve, _ := integerOf(v, coseCurve)
	x, y := bytesOf(v, coseX), bytesOf(v, coseY)
	if curve != coseP256 || len(x) != 32 || len(y) != 32 {
		return nil, errAttestation
	}
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...)) // SEC 1, 2.3.3
}

func readRSA(v item) (*rsa.PublicKey, error) {
	n, e := bytesOf(v, coseModulus), bytesOf(v, coseExponent)
	if len(n) < 256 || len(n) > 1024 || n[0] == 0 || len(e) == 0 || len(e) > 4 {
		return nil, errAttestation
	}
	exponent := int(new(big.Int).SetBytes(e).Int64())
	if exponent < 3 || exponent%2 == 0 || exponent > 1<<31-1 {
		return nil, errAttestation
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: exponent}, nil
}

func integerOf(v item, name int64) (int64, bool) {
	found, ok := v.numbered(name)
	if !ok {
		return 0, false
	}
	return found.integer()
}

func bytesOf(v item, name int64) []byte {
	found, ok := v.numbered(name)
	if !ok || found.kind != cborBytes {
		return nil
	}
	return found.bytes
}
