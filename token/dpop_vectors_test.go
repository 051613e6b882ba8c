// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/clawea/clawea/internal/vectors"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// TestProofVectors checks every testdata/vectors/dpop-*.txtar: the proofs of a
// request, a line each, and what the request is. With a scheme it is how a
// token that is bound to the key comes, or a plain bearer token.
func TestProofVectors(t *testing.T) {
	vectors.Run(t, "dpop", func(t *testing.T, files map[string][]byte) string { return runProof(t, texts(files)) })
}

func runProof(t *testing.T, files map[string]string) string {
	t.Helper()
	now, err := time.Parse(time.RFC3339Nano, files["now"])
	if err != nil {
		t.Fatal(err)
	}
	var nonce func(string) bool
	if n, ok := files["nonce"]; ok {
		nonce = func(s string) bool { return s == n }
	}
	var p *Proof
	if scheme, ok := files["scheme"]; ok {
		c := new(Claims)
		if files["key"] != "" {
			c.Confirm = &Confirmation{files["key"]}
		}
		shown := &Presentation{Raw: files["token"], Scheme: scheme, Proofs: strings.Fields(files["proof"]), Method: files["method"], URL: files["url"]}
		p, err = shown.Proven(c, now, nonce)
	} else {
		p, err = CheckProof(files["proof"], &ProofWant{Method: files["method"], URL: files["url"], Token: files["token"], Key: files["key"], Now: now, Nonce: nonce})
	}
	switch {
	case err != nil:
		return "refused: " + Code(err)
	case p == nil:
		return "no proof wanted"
	}
	return fmt.Sprintf("proof: %s\nkey: %s", canonical(t, p), p.Key)
}

// runRevocation says whether an order ends a call.
func runRevocation(t *testing.T, files map[string]string) string {
	t.Helper()
	var r Revocation
	if err := seal.Decode([]byte(files["revocation.json"]), &r); err != nil {
		t.Fatal(err)
	}
	if CheckRevocation(r) != nil {
		return "cannot be ordered"
	}
	c := new(Claims)
	if err := seal.Decode([]byte(files["claims.json"]), c); err != nil {
		t.Fatal(err)
	}
	name, class, _ := strings.Cut(files["action"], " ")
	tool, action, _ := strings.Cut(name, ".")
	if !r.Ends(c, policy.Action{Tool: tool, Name: action, Class: policy.Class(class)}) {
		return "goes on"
	}
	return "refused: " + Code(r.Err())
}

// The examples of RFC 9449: a proof of section 4.2's key for a token of section
// 7.1, whose thumbprint is in section 6.1.
const (
	rfcToken = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
	rfcHash  = "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"
	rfcKey   = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
)

func TestHashToken(t *testing.T) {
	if got := HashToken(rfcToken); got != rfcHash {
		t.Errorf("%s, want %s", got, rfcHash)
	}
	if err := CheckThumbprint(rfcKey); err != nil {
		t.Error(err)
	}
}

// signedByOwnKey verifies a proof with nothing of go-jose: the key in the header
// has signed header and payload, and p is what the payload says.
func signedByOwnKey(raw string) error {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return fmt.Errorf("%d parts", len(parts))
	}
	var decoded [3][]byte
	for i, part := range parts {
		b, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil {
			return err
		}
		decoded[i] = b
	}
	var h struct {
		Type      string `json:"typ"`
		Algorithm string `json:"alg"`
		Key       struct {
			Kind  string `json:"kty"`
			Curve string `json:"crv"`
			X     string `json:"x"`
			Y     string `json:"y"`
			D     string `json:"d"`
		} `json:"jwk"`
	}
	if err := seal.Glance(decoded[0], &h); err != nil {
		return err
	}
	if h.Type != "dpop+jwt" || h.Key.D != "" {
		return fmt.Errorf("header %s", decoded[0])
	}
	x, err := base64.RawURLEncoding.DecodeString(h.Key.X)
	if err != nil {
		return err
	}
	signed := []byte(parts[0] + "." + parts[1])
	switch {
	case h.Algorithm == "EdDSA" && h.Key.Kind == "OKP" && h.Key.Curve == "Ed25519":
		if !ed25519.Verify(x, signed, decoded[2]) {
			return errors.New("not signed")
		}
		return nil
	case h.Algorithm == "ES256" && h.Key.Kind == "EC" && h.Key.Curve == "P-256":
		y, err := base64.RawURLEncoding.DecodeString(h.Key.Y)
		if err != nil {
			return err
		}
		key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y))
		if err != nil {
			return err
		}
		sum := sha256.Sum256(signed)
		if len(decoded[2]) != 64 || !ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(decoded[2][:32]), new(big.Int).SetBytes(decoded[2][32:])) {
			return errors.New("not signed")
		}
		return nil
	}
	return fmt.Errorf("%s by a key of %s %s", h.Algorithm, h.Key.Kind, h.Key.Curve)
}

// FuzzProof says: a proof is refused with a code, or the key in its own header
// has signed it.
func FuzzProof(f *testing.F) {
	k := proofKey(f, 1)
	f.Add(prove(f, k, newProof()))
	paths, err := filepath.Glob("../testdata/vectors/dpop-*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(texts(vectors.Files(a))["proof"])
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if p, err := readProof(raw); err == nil {
			if err := signedByOwnKey(raw); err != nil {
				t.Fatalf("%s is a proof: %v", raw, err)
			}
			if CheckThumbprint(p.Key) != nil || p.ID == "" || p.Issued <= 0 {
				t.Fatalf("%+v", p)
			}
		}
		p, err := CheckProof(raw, wanted(k.Thumbprint()))
		if err != nil && (p != nil || !strings.HasPrefix(Code(err), "dpop.")) {
			t.Fatalf("%+v: a refusal without a code: %v", p, err)
		}
		if err == nil && (p.Key != k.Thumbprint() || p.Method != "POST" || p.Token != HashToken("cst")) {
			t.Fatalf("%+v", p)
		}
	})
}

// FuzzProofClaims has a key's holder sign anything: it is refused with a code,
// or it says what was wanted.
func FuzzProofClaims(f *testing.F) {
	k := proofKey(f, 1)
	header := `{"alg":"EdDSA","jwk":` + publicJWK(f, k) + `,"typ":"dpop+jwt"}`
	f.Add(header, canonical(f, newProof()))
	f.Add(strings.Replace(header, "EdDSA", "ES256", 1), `{"iat":1e9,"jti":null}`)
	f.Add(`{"alg":"EdDSA","crit":["b64"],"b64":false}`, `[]`)
	f.Fuzz(func(t *testing.T, header, payload string) {
		raw := signEd(k, header, payload)
		p, err := CheckProof(raw, wanted(k.Thumbprint()))
		if err != nil {
			if p != nil || !strings.HasPrefix(Code(err), "dpop.") {
				t.Fatalf("%+v: a refusal without a code: %v", p, err)
			}
			return
		}
		if err := signedByOwnKey(raw); err != nil {
			t.Fatalf("%s is a proof: %v", raw, err)
		}
		if p.Method != "POST" || p.Nonce != "n1" || p.Token != HashToken("cst") || p.Until().Before(issued) {
			t.Fatalf("%+v", p)
		}
	})
}
