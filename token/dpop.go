// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/clawea/clawea/seal"
)

const (
	proofType = "dpop+jwt" // RFC 9449 section 4.2

	// MaxProof bounds a proof's text, in bytes.
	MaxProof = 8 << 10
	// ProofAge is how long a proof is good after it was made.
	ProofAge = 5 * time.Minute
	// proofLead is how far the clock of who proves may be ahead.
	proofLead = time.Minute
)

// ProofAlgorithms are the algorithms that proofs may be signed with.
func ProofAlgorithms() []string {
	return []string{string(jose.ES256), string(jose.EdDSA), string(Ed25519)}
}

// The reasons to refuse a proof of possession. Each has a stable code (Code).
var (
	ErrProofMissing   = errors.New("token is bound to a key, and there is not one proof that the sender holds it")
	ErrProofMalformed = errors.New("proof is malformed")
	ErrProofSignature = errors.New("proof is not signed by the key that it shows")
	ErrProofMethod    = errors.New("proof is for another method")
	ErrProofURL       = errors.New("proof is for another URL")
	ErrProofTime      = errors.New("proof was not made just now")
	ErrProofToken     = errors.New("proof is for another token")
	ErrProofKey       = errors.New("proof is by another key than the token's")
	ErrProofNonce     = errors.New("proof has no nonce of this house, or an old one")
	ErrReplayed       = errors.New("proof has been used")
)

// A Confirmation says what its bearer must prove (cnf, RFC 7800).
type Confirmation struct {
	Thumbprint string `json:"jkt"` // of a key: RFC 9449 section 6.1, RFC 7638
}

// Bound returns the thumbprint of the key that c is bound to, or "" if c is a
// plain bearer token, good for whoever has it.
func (c *Claims) Bound() string {
	if c.Confirm == nil {
		return ""
	}
	return c.Confirm.Thumbprint
}

// CheckThumbprint says what is wrong with a key's thumbprint: it is 32 bytes in
// base64url.
func CheckThumbprint(s string) error {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) != sha256.Size || base64.RawURLEncoding.EncodeToString(b) != s {
		return errors.New("a key's thumbprint is 43 characters of base64url (RFC 7638, SHA-256)")
	}
	return nil
}

// A Presentation is how a request shows its token. The zero value shows nothing.
type Presentation struct {
	Raw    string   // the token
	Scheme string   // "DPoP", or "Bearer" for whatever else it came as
	Proofs []string // the values of the DPoP header: one, for a token that is bound
	Method string   // of the request
	URL    string   // where the house is asked, without query

	// What who sends it expects of the token; "" expects nothing.
	Job    string
	Policy string // a hash
}

// The schemes of Presentation.
const (
	SchemeBearer = "Bearer"
	SchemeDPoP   = "DPoP"
)

// Shown is what a presentation comes to. The zero value shows nothing.
type Shown struct {
	Claims  *Claims      // nil if there are none that can be believed
	Proof   *Proof       // nil if it does not hold, and for a plain bearer token
	Revoked []Revocation // what is in force and may concern the job
}

// Expects says whether c's token is the one that its sender expects to send
// (spec/token.md 2.7).
func (p *Presentation) Expects(c *Claims) error {
	switch {
	case p.Job != "" && p.Job != c.Job:
		return ErrJob
	case p.Policy != "" && p.Policy != c.Policy.String():
		return ErrPolicy
	}
	return nil
}

// Proven checks that who sends c's token holds the key that it is bound to, and
// returns the proof: nil for a plain bearer token (spec/token.md 6.1). nonce is
// as of ProofWant.
func (p *Presentation) Proven(c *Claims, now time.Time, nonce func(string) bool) (*Proof, error) {
	switch key := c.Bound(); {
	case key == "" && p.Scheme == SchemeDPoP:
		return nil, fmt.Errorf("%w: it is bound to none", ErrProofKey)
	case key == "":
		return nil, nil
	case p.Scheme != SchemeDPoP || len(p.Proofs) != 1:
		return nil, ErrProofMissing
	default:
		return CheckProof(p.Proofs[0], &ProofWant{Method: p.Method, URL: p.URL, Token: p.Raw, Key: key, Now: now, Nonce: nonce})
	}
}

// A Proof says that who sends a request holds a key (RFC 9449 section 4.2).
type Proof struct {
	ID     string `json:"jti"`
	Method string `json:"htm"`
	URL    string `json:"htu"`
	Issued int64  `json:"iat"` // Unix seconds
	Token  string `json:"ath,omitempty"`
	Nonce  string `json:"nonce,omitempty"`

	Key string `json:"-"` // thumbprint of the key that signed; CheckProof sets it
}

// Until is when p is no longer good, so that nobody need remember it.
func (p *Proof) Until() time.Time { return time.Unix(p.Issued, 0).Add(ProofAge) }

// HashToken is what a proof says of the token that it goes with (ath).
func HashToken(raw string) string {
	sum := sha256.Sum256([]byte(raw))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// A ProofKey makes proofs. It is the sender's, and never leaves it.
type ProofKey struct {
	key        ed25519.PrivateKey
	jwk        *jose.JSONWebKey // the public half
	thumbprint string
}

// NewProofKey makes a key from random.
func NewProofKey(random io.Reader) (*ProofKey, error) {
	public, key, err := ed25519.GenerateKey(random)
	if err != nil {
		return nil, fmt.Errorf("make a key for proofs: %w", err)
	}
	k := &ProofKey{key: key, jwk: &jose.JSONWebKey{Key: public}}
	sum, err := k.jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("make a key for proofs: %w", err)
	}
	k.thumbprint = base64.RawURLEncoding.EncodeToString(sum)
	return k, nil
}

// Thumbprint names the key (RFC 7638, SHA-256, base64url).
func (k *ProofKey) Thumbprint() string { return k.thumbprint }

// String says which key it is and nothing of it.
func (k *ProofKey) String() string { return "proof key " + k.thumbprint }

// GoString says which key it is and nothing of it.
func (k *ProofKey) GoString() string { return k.String() }

// Prove signs p. Its ID must be fresh: a proof is good once.
func (k *ProofKey) Prove(p *Proof) (string, error) {
	payload, err := seal.Marshal(p)
	if err != nil {
		return "", err
	}
	opts := (&jose.SignerOptions{}).WithType(proofType).WithHeader("jwk", k.jwk)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: k.key}, opts)
	if err != nil {
		return "", fmt.Errorf("sign proof: %w", err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign proof: %w", err)
	}
	return jws.CompactSerialize()
}

// A ProofWant is what a proof must be for. Method and URL are the request's.
type ProofWant struct {
	Method string
	URL    string
	Token  string // that it goes with; "" if it goes with none, as where tokens are asked for
	Key    string // thumbprint of the token's key; "" takes any
	Now    time.Time
	Nonce  func(string) bool // whether a nonce is of this house and not old; nil wants none
}

// CheckProof verifies raw (RFC 9449 section 4.3) but for one thing: whether it
// has been used before, which its ID tells.
func CheckProof(raw string, w *ProofWant) (*Proof, error) {
	p, err := readProof(raw)
	if err != nil {
		return nil, err
	}
	made := time.Unix(p.Issued, 0)
	token := ""
	if w.Token != "" {
		token = HashToken(w.Token)
	}
	switch {
	case p.Method != w.Method:
		return nil, ErrProofMethod
	case !sameURL(p.URL, w.URL):
		return nil, ErrProofURL
	case made.After(w.Now.Add(proofLead)) || !w.Now.Before(p.Until()):
		return nil, ErrProofTime
	case subtle.ConstantTimeCompare([]byte(p.Token), []byte(token)) != 1:
		return nil, ErrProofToken
	case w.Key != "" && subtle.ConstantTimeCompare([]byte(p.Key), []byte(w.Key)) != 1:
		return nil, ErrProofKey
	case w.Nonce != nil && !w.Nonce(p.Nonce):
		return nil, ErrProofNonce
	}
	return p, nil
}

// readProof reads a proof and verifies it by the key in its own header.
func readProof(raw string) (*Proof, error) {
	if len(raw) > MaxProof || !plain(raw) {
		return nil, ErrProofMalformed
	}
	jws, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.ES256, jose.EdDSA, Ed25519})
	if err != nil || len(jws.Signatures) != 1 {
		return nil, ErrProofMalformed
	}
	h := jws.Signatures[0].Protected
	if typ, _ := h.ExtraHeaders[jose.HeaderType].(string); typ != proofType || h.JSONWebKey == nil {
		return nil, ErrProofMalformed
	}
	if _, said := h.ExtraHeaders["b64"]; said { // signed in another spelling: not for JWTs (RFC 7797 section 7)
		return nil, ErrProofMalformed
	}
	payload, err := jws.Verify(JWSKey(h.JSONWebKey.Key, h.Algorithm))
	if err != nil {
		return nil, ErrProofSignature
	}
	p := new(Proof)
	if err := seal.Glance(payload, p); err != nil || len(p.ID) == 0 || len(p.ID) > 256 || p.Issued <= 0 || p.Issued > maxTime {
		return nil, ErrProofMalformed
	}
	sum, err := h.JSONWebKey.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, ErrProofMalformed
	}
	p.Key = base64.RawURLEncoding.EncodeToString(sum)
	return p, nil
}

// maxTime is the year 9999, in Unix seconds: past it, adding to a time means nothing.
const maxTime = 253402300799

// sameURL compares two URLs as RFC 9449 section 4.3 wants: without query and
// fragment, and normalised by scheme and host (RFC 3986 section 6.2).
func sameURL(a, b string) bool {
	x, ok := normal(a)
	if !ok {
		return false
	}
	y, ok := normal(b)
	return ok && x == y
}

func normal(s string) (string, bool) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.Opaque != "" {
		return "", false
	}
	scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	switch scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	default:
		return "", false
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	return scheme + "://" + host + path, true
}
