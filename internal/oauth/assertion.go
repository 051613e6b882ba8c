// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

const (
	maxAssertion = 8 << 10 // bytes
	// assertionLife is how far ahead an assertion may expire.
	assertionLife = 5 * time.Minute
	// assertionLead is how far a client's clock may be ahead of ours.
	assertionLead = time.Minute
)

// An assertion is a JWT by which a client says who it is (RFC 7523 section 3).
type assertion struct {
	Issuer    string                         `json:"iss"`
	Subject   string                         `json:"sub"`
	Audience  *seal.Either[string, []string] `json:"aud"`
	Expires   float64                        `json:"exp"` // Unix seconds, as the others
	NotBefore float64                        `json:"nbf"`
	Issued    float64                        `json:"iat"`
	ID        string                         `json:"jti"`

	jws *jose.JSONWebSignature
}

// errAssertion says nothing of who there is.
var errAssertion = &fault{status: http.StatusUnauthorized, code: invalidClient, says: "the client assertion is not a JWT signed with EdDSA, Ed25519 or ES256"}

// readAssertion reads an assertion without believing it.
func readAssertion(raw string) (*assertion, error) {
	if len(raw) > maxAssertion {
		return nil, errAssertion
	}
	jws, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.EdDSA, token.Ed25519, jose.ES256})
	if err != nil || len(jws.Signatures) != 1 || !ofAssertion(jws.Signatures[0].Protected) {
		return nil, errAssertion
	}
	a := &assertion{jws: jws}
	if err := seal.Glance(jws.UnsafePayloadWithoutVerification(), a); err != nil {
		return nil, errAssertion
	}
	return a, nil
}

// ofAssertion reports whether a JWT is not of another kind, such as a proof.
func ofAssertion(h jose.Header) bool {
	k := kind(h)
	return k == "jwt" || k == "client-authentication+jwt"
}

// kind is what a JWT says that it is (RFC 8725 section 3.11), in lower case and
// without "application/". One that does not say is "jwt".
func kind(h jose.Header) string {
	typ, has := h.ExtraHeaders[jose.HeaderType]
	if !has {
		return "jwt"
	}
	name, _ := typ.(string)
	return strings.TrimPrefix(strings.ToLower(name), "application/")
}

// Decoys stand for the keys of clients that there are not, and of those whose
// key is of another kind, so that an answer for them takes its time. Whoever
// signs by one is let in nowhere.
var (
	decoyEd = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public()
	decoyEC = sync.OnceValue(func() crypto.PublicKey {
		key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{1}, 32))
		if err != nil { // unreachable: the number is below the order of P-256
			return nil
		}
		return key.Public()
	})
)

func decoy(alg string) crypto.PublicKey {
	if alg == string(jose.ES256) {
		return decoyEC()
	}
	return decoyEd
}

// suits reports whether key is of the kind that alg takes.
func suits(key crypto.PublicKey, alg string) bool {
	if alg == string(jose.ES256) {
		_, ok := key.(*ecdsa.PublicKey)
		return ok
	}
	_, ok := key.(ed25519.PublicKey)
	return ok
}

// signedBy reports whether key has signed a.
func (a *assertion) signedBy(key crypto.PublicKey) bool {
	_, err := a.jws.Verify(token.JWSKey(key, a.jws.Signatures[0].Protected.Algorithm))
	return err == nil
}

// check verifies that a is client's, who may be nil, and made now for one of
// audiences. Only who has signed it is told what is wrong with it.
func (a *assertion) check(client *Client, now time.Time, audiences []string) error {
	alg := a.jws.Signatures[0].Protected.Algorithm
	key, known := decoy(alg), client != nil && suits(client.Key, alg)
	if known {
		key = client.Key
	}
	if !a.signedBy(key) || !known {
		return errClient
	}
	wrong := ""
	switch {
	case a.Issuer != client.ID || a.Subject != client.ID:
		wrong = "iss and sub must be the client's id"
	case !a.isFor(audiences):
		wrong = "aud must be " + audiences[0]
	case len(a.ID) == 0 || len(a.ID) > 256:
		wrong = "jti must be there, of at most 256 bytes"
	case !timely(a.Expires) || !now.Before(a.until()):
		wrong = "it has expired, or has no exp"
	case a.until().After(now.Add(assertionLife + assertionLead)):
		wrong = "exp must be at most 5 minutes ahead"
	case early(a.NotBefore, now.Add(assertionLead)) || early(a.Issued, now.Add(assertionLead)):
		wrong = "it is not valid yet"
	default:
		return nil
	}
	return &fault{status: http.StatusUnauthorized, code: invalidClient, says: "the client assertion is refused: " + wrong}
}

// isFor reports whether a is for this house and nobody else: who else gets it
// could use it here.
func (a *assertion) isFor(audiences []string) bool {
	if a.Audience == nil {
		return false
	}
	if a.Audience.A != nil {
		return slices.Contains(audiences, *a.Audience.A)
	}
	for _, aud := range *a.Audience.B {
		if !slices.Contains(audiences, aud) {
			return false
		}
	}
	return len(*a.Audience.B) > 0
}

// until is when a expires.
func (a *assertion) until() time.Time { return time.Unix(int64(a.Expires), 0) }

const maxTime = 253402300799 // the year 9999, in Unix seconds

// timely reports whether at is a time that can be reckoned with.
func timely(at float64) bool { return at > 0 && at <= maxTime }

// early reports whether at, which 0 leaves open, is yet to come.
func early(at float64, now time.Time) bool {
	return at != 0 && (!timely(at) || time.Unix(int64(at), 0).After(now))
}
