// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// A Client is a program that orders tokens at URL/oauth/token (OAuth 2.0, grant
// client_credentials). It has a secret or a key, and not both.
type Client struct {
	// ID is the client's name (client_id).
	ID string `json:"id"`
	// Secret proves that a request is the client's, 32 characters or more.
	Secret Secret `json:"secret"`
	// Key is the client's public key, as clawea key new writes it. The client
	// signs JWTs with the private one (private_key_jwt, EdDSA).
	Key Key `json:"key"`
	// JWK is the client's public key for those who have it in this form: Ed25519
	// or P-256 (private_key_jwt, EdDSA or ES256).
	JWK *JWK `json:"jwk"`
	// Agents are those that it may order tokens for. If there is one, an order
	// need not name it.
	Agents []string `json:"agents"`
	// Policies are the hashes of those that it may order tokens under. Optional:
	// without it, any that is published.
	Policies []seal.Hash `json:"policies"`

	public crypto.PublicKey
}

// PublicKey returns the client's key, an ed25519.PublicKey or an
// *ecdsa.PublicKey, or nil if it has a secret.
func (c *Client) PublicKey() crypto.PublicKey { return c.public }

// A JWK is a public key (RFC 7517).
type JWK struct {
	// Type is "OKP" or "EC".
	Type string `json:"kty"`
	// Curve is "Ed25519" or "P-256".
	Curve string `json:"crv"`
	// X is the key, or its point's first coordinate, in base64url.
	X string `json:"x"`
	// Y is the point's other coordinate. For EC only.
	Y string `json:"y"`
	// ID is passed over: the client has one key.
	ID string `json:"kid"`
	// Algorithm is passed over: the key's type says it.
	Algorithm string `json:"alg"`
	// Use is passed over: the key signs and nothing else.
	Use string `json:"use"`
}

var errJWK = errors.New("is not a public key of kty OKP, crv Ed25519 or of kty EC, crv P-256")

func (k *JWK) public() (crypto.PublicKey, error) {
	x, errX := base64.RawURLEncoding.DecodeString(k.X)
	y, errY := base64.RawURLEncoding.DecodeString(k.Y)
	switch {
	case errX != nil || errY != nil || len(x) != 32:
		return nil, errJWK
	case k.Type == "OKP" && k.Curve == "Ed25519" && len(y) == 0:
		return ed25519.PublicKey(x), nil
	case k.Type != "EC" || k.Curve != "P-256" || len(y) != 32:
		return nil, errJWK
	}
	point := append(append([]byte{4}, x...), y...) // SEC 1 section 2.3.3, uncompressed
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return nil, errJWK
	}
	return public, nil
}

// An Identity lets someone whom another issuer vouches for order tokens at
// URL/oauth/token (OAuth 2.0, grant token exchange, RFC 8693): a workload of
// GitHub Actions, or an account of Entra ID, Okta or Keycloak.
type Identity struct {
	// Name is what tokens and the log call it.
	Name string `json:"name"`
	// Issuer is who vouches: the "iss" of its tokens to the letter, at which it
	// answers /.well-known/openid-configuration. https, unless it is this machine.
	Issuer string `json:"issuer"`
	// Audience is whom its tokens must be for ("aud"). Choose one that is used for
	// this house and nothing else.
	Audience string `json:"audience"`
	// Match is what the tokens must say, claim by claim: a text, a whole number,
	// true or false. A claim that is a list of texts matches if it holds the text.
	// At least one: an issuer vouches for many.
	Match map[string]jsontext.Value `json:"match"`
	// Agent is whom it may order tokens for.
	Agent string `json:"agent"`
	// Policies are the hashes of those that it may order tokens under. Optional:
	// without it, any that is published.
	Policies []seal.Hash `json:"policies"`
}

// A Delay is a length of time, written like "5s" or "500ms".
type Delay time.Duration

// String returns the length as it is written.
func (d Delay) String() string { return time.Duration(d).String() }

// MarshalText returns the length as it is written.
func (d Delay) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads a length; Load checks it.
func (d *Delay) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil || v <= 0 {
		return fmt.Errorf("%.40q is not a time like \"5s\" or \"500ms\"", b)
	}
	*d = Delay(v)
	return nil
}

const (
	defaultBound = Delay(5 * time.Second)
	minBound     = Delay(100 * time.Millisecond)
	maxBound     = Delay(time.Minute)
)

func (c *Config) checkBound() *problem {
	if b := c.RevocationBound; b != 0 && (b < minBound || b > maxBound) {
		return &problem{"/revocation_bound", "must be from 100ms to 60s", "write it like \"5s\", or leave it out"}
	}
	return nil
}

// checkWho checks clients and identities. Tokens say who ordered them, so no
// two of those who may have one name.
func (c *Config) checkWho() *problem {
	taken := map[string]string{}
	for _, o := range c.Operators {
		taken[o.Name] = "operator"
	}
	for i := range c.Clients {
		at, client := fmt.Sprintf("/clients/%d", i), &c.Clients[i]
		if p := checkOrderer(at, "id", "client", client.ID, taken); p != nil {
			return p
		}
		if p := client.check(at); p != nil {
			return p
		}
	}
	for i := range c.Identities {
		at, id := fmt.Sprintf("/identities/%d", i), &c.Identities[i]
		if p := checkOrderer(at, "name", "identity", id.Name, taken); p != nil {
			return p
		}
		if p := id.check(at); p != nil {
			return p
		}
	}
	return nil
}

func checkOrderer(at, field, what, name string, taken map[string]string) *problem {
	if p := checkParty(at, what, name, nil); p != nil {
		return p
	}
	if other, ok := taken[name]; ok {
		return &problem{at + "/" + field, fmt.Sprintf("the name %q is taken by another %s", name, other),
			"choose another name: tokens say by name who ordered them"}
	}
	taken[name] = what
	return nil
}

const mendProof = `write one of them: "secret": "file:PATH" (or "env:NAME"), or "key": the one line of the file that ends in .pub`

func (c *Client) check(at string) *problem {
	n := 0
	for _, has := range []bool{c.Secret.ref != "", c.Key.Text != "", c.JWK != nil} {
		if has {
			n++
		}
	}
	switch {
	case n == 0:
		return &problem{at, "has no secret and no key", mendProof}
	case n > 1:
		return &problem{at, "has more than one of secret, key and jwk", mendProof}
	case c.Key.Text != "":
		v, err := seal.NewVerifier(c.Key.Text)
		if err != nil { // the text may be a private key that went astray
			return &problem{at + "/key", "is not a public key", "copy the one line from the file that ends in .pub"}
		}
		public, err := seal.PublicKey(c.Key.Text)
		if err != nil { // unreachable: NewVerifier has read it
			return &problem{at + "/key", "is not a public key", "copy the one line from the file that ends in .pub"}
		}
		c.Key.Verifier, c.public = v, public
	case c.JWK != nil:
		public, err := c.JWK.public()
		if err != nil {
			return &problem{at + "/jwk", err.Error(), `write it like {"kty": "EC", "crv": "P-256", "x": "...", "y": "..."}`}
		}
		c.public = public
	}
	if len(c.Agents) == 0 {
		return &problem{at, "names no agents", "list those that it may order tokens for under \"agents\""}
	}
	for i, a := range c.Agents {
		if err := token.CheckName("agent", a); err != nil {
			return &problem{fmt.Sprintf("%s/agents/%d", at, i), err.Error(), "choose such a name: it stands in tokens and receipts"}
		}
	}
	return checkPolicies(at, c.Policies)
}

func checkPolicies(at string, list []seal.Hash) *problem {
	if list != nil && len(list) == 0 {
		return &problem{at + "/policies", "is empty", "list policies' hashes, or leave \"policies\" out for any that is published"}
	}
	return nil
}

func (id *Identity) check(at string) *problem {
	if msg := wrongURL(id.Issuer, true); msg != "" {
		return &problem{at, "its issuer " + msg, `write it as its tokens do, like "https://token.actions.githubusercontent.com"`}
	}
	if !printable.MatchString(id.Audience) {
		return &problem{at, "its audience must be 1 to 200 printable characters without spaces", `have its tokens made for this house, and write "audience" as they do`}
	}
	if len(id.Match) == 0 {
		return &problem{at, "does not say whom it means", `write what its tokens must say, like "match": {"repository": "acme/site"}`}
	}
	for _, claim := range slices.Sorted(maps.Keys(id.Match)) {
		if v, err := seal.Canonical(id.Match[claim]); err != nil || claim == "" || !scalar(v) {
			return &problem{at + "/match", fmt.Sprintf("the claim %.40q is not a text, a whole number, true or false", claim), `write it like {"repository": "acme/site", "private": true}`}
		}
	}
	if err := token.CheckName("agent", id.Agent); err != nil {
		return &problem{at, err.Error(), "name the agent that it may order tokens for under \"agent\""}
	}
	return checkPolicies(at, id.Policies)
}

func scalar(v jsontext.Value) bool {
	switch v.Kind() {
	case '"', 't', 'f', '0':
		return true
	}
	return false
}
