// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"crypto"
	"crypto/ed25519"

	"github.com/go-jose/go-jose/v4"
)

// Ed25519 is the new name of EdDSA with keys of that curve (RFC 9864 section
// 2.2). Jose does not know it yet.
const Ed25519 = jose.SignatureAlgorithm("Ed25519")

// JWSKey returns what jose verifies signatures of key with that go by alg.
func JWSKey(key crypto.PublicKey, alg string) any {
	if k, ok := key.(ed25519.PublicKey); ok && alg == string(Ed25519) {
		return renamed{k}
	}
	return key
}

// A renamed key is one whose signatures go by the new name.
type renamed struct{ ed25519.PublicKey }

// VerifyPayload checks a signature for jose.
func (k renamed) VerifyPayload(payload, signature []byte, alg jose.SignatureAlgorithm) error {
	if alg != Ed25519 || len(k.PublicKey) != ed25519.PublicKeySize || !ed25519.Verify(k.PublicKey, payload, signature) {
		return ErrSignature
	}
	return nil
}
