// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// client wraps the members of a client for agent a; identity those of an identity.
func client(members string) string {
	return `{"clients": [{"id": "c", "agents": ["a"], ` + members + `}]}`
}

func identity(members string) string {
	return `{"identities": [{"name": "i", "issuer": "https://id.example", "audience": "house", "agent": "a", ` + members + `}]}`
}

func TestWhoMayOrder(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := ec.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	okp := fmt.Sprintf(`{"kty": "OKP", "crv": "Ed25519", "x": %q, "kid": "1", "use": "sig", "alg": "EdDSA"}`, b64(make([]byte, 32)))
	p256 := fmt.Sprintf(`{"kty": "EC", "crv": "P-256", "x": %q, "y": %q}`, b64(point[1:33]), b64(point[33:]))

	c, err := load(t, `{"clients": [
		{"id": "s", "agents": ["a", "b"], "secret": "env:S"}, {"id": "k", "agents": ["a"], "key": "`+bob+`"},
		{"id": "o", "agents": ["a"], "jwk": `+okp+`}, {"id": "e", "agents": ["a"], "jwk": `+p256+`}]}`)
	if err != nil {
		t.Fatal(err)
	}
	if c.Clients[0].PublicKey() != nil {
		t.Error("a secret's client has a key")
	}
	for _, i := range []int{1, 2} {
		if _, ok := c.Clients[i].PublicKey().(ed25519.PublicKey); !ok {
			t.Errorf("client %d has %T", i, c.Clients[i].PublicKey())
		}
	}
	if got, ok := c.Clients[3].PublicKey().(*ecdsa.PublicKey); !ok || !got.Equal(&ec.PublicKey) {
		t.Errorf("got %v", got)
	}
	t.Setenv("S", "hush")
	if got, err := c.Clients[0].Secret.Get(); err != nil || got != "hush" {
		t.Errorf("got %q, %v", got, err)
	}

	off := fmt.Sprintf(`{"kty": "EC", "crv": "P-256", "x": %q, "y": %q}`, b64(point[1:33]), b64(point[1:33]))
	for _, test := range []struct{ name, text, at, says string }{
		{"client without id", `{"clients": [{"secret": "env:S", "agents": ["a"]}]}`, "/clients/0", `client ""`},
		{"client twice", `{"clients": [{"id": "c", "secret": "env:S", "agents": ["a"]}, {"id": "c", "secret": "env:S", "agents": ["a"]}]}`, "/clients/1/id", "taken by another client"},
		{"client as an operator", `{"operators": [{"name": "c", "token": "env:T"}], ` + client(`"secret": "env:S"`)[1:], "/clients/0/id", "taken by another operator"},
		{"identity as a client", client(`"secret": "env:S"`)[:len(client(`"secret": "env:S"`))-1] + `, ` + strings.Replace(identity(`"match": {"a": "b"}`), `"i"`, `"c"`, 1)[1:], "/identities/0/name", "taken by another client"},
		{"neither secret nor key", client(`"secret": ""`), "/clients/0", "no secret and no key"},
		{"both secret and key", client(`"secret": "env:S", "key": "` + bob + `"`), "/clients/0", "more than one"},
		{"both keys", client(`"jwk": ` + okp + `, "key": "` + bob + `"`), "/clients/0", "more than one"},
		{"literal secret", client(`"secret": "hush"`), "/clients/0/secret", "not the secret itself"},
		{"no key", client(`"key": "hush"`), "/clients/0/key", "not a public key"},
		{"private key", client(`"key": "PRIVATE+KEY+c+hush"`), "/clients/0/key", "not a public key"},
		{"private JWK", client(`"jwk": {"kty": "OKP", "d": "hush"}`), "/clients/0/jwk/d", "unknown field"},
		{"another kind of JWK", client(`"jwk": {"kty": "RSA"}`), "/clients/0/jwk", "not a public key"},
		{"another curve", client(`"jwk": ` + strings.Replace(p256, "P-256", "P-384", 1)), "/clients/0/jwk", "not a public key"},
		{"a point off the curve", client(`"jwk": ` + off), "/clients/0/jwk", "not a public key"},
		{"no agents", `{"clients": [{"id": "c", "secret": "env:S"}]}`, "/clients/0", "names no agents"},
		{"strange agent", `{"clients": [{"id": "c", "secret": "env:S", "agents": ["a", "B"]}]}`, "/clients/0/agents/1", `agent "B"`},
		{"no policies", client(`"secret": "env:S", "policies": []`), "/clients/0/policies", "is empty"},
		{"no hash", client(`"secret": "env:S", "policies": ["sha256:1"]`), "/clients/0/policies/0", "hash"},

		{"issuer in clear", strings.Replace(identity(`"match": {"a": "b"}`), "https", "http", 1), "/identities/0", "must begin with https://"},
		{"no audience", strings.Replace(identity(`"match": {"a": "b"}`), `"house"`, `""`, 1), "/identities/0", "its audience"},
		{"matches all", identity(`"match": {}`), "/identities/0", "whom it means"},
		{"matches a list", identity(`"match": {"a": ["b"]}`), "/identities/0/match", "not a text"},
		{"matches null", identity(`"match": {"a": null}`), "/identities/0/match", "not a text"},
		{"matches a huge number", identity(`"match": {"a": 12345678901234567890}`), "/identities/0/match", "not a text"},
		{"strange agent of an identity", strings.Replace(identity(`"match": {"a": "b"}`), `"agent": "a"`, `"agent": "A"`, 1), "/identities/0", `agent "A"`},
		{"no policies of an identity", identity(`"match": {"a": "b"}, "policies": []`), "/identities/0/policies", "is empty"},

		{"no time", `{"revocation_bound": "5"}`, "/revocation_bound", "not a time"},
		{"too short", `{"revocation_bound": "99ms"}`, "/revocation_bound", "from 100ms to 60s"},
		{"too long", `{"revocation_bound": "61s"}`, "/revocation_bound", "from 100ms to 60s"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := load(t, test.text)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if e.Field != test.at || !strings.Contains(e.Msg, test.says) || e.Hint == "" || strings.Contains(err.Error(), "hush") {
				t.Errorf("got %q, want it to say %q at %q", err, test.says, test.at)
			}
		})
	}
}

func TestRevocationBound(t *testing.T) {
	for text, want := range map[string]time.Duration{`{}`: 5 * time.Second, `{"revocation_bound": "100ms"}`: 100 * time.Millisecond, `{"revocation_bound": "1m"}`: time.Minute} {
		c, err := load(t, text)
		if err != nil || time.Duration(c.RevocationBound) != want {
			t.Errorf("%s: got %v, %v", text, c, err)
		}
	}
}
