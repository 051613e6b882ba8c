// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package seal_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/sim/authenticator"
	"github.com/clawea/clawea/seal"
)

const paperType = "application/vnd.clawea.test+json"

func newPasskey(t testing.TB, site string, alg int) *authenticator.Authenticator {
	t.Helper()
	a, err := authenticator.New(bytes.NewReader(bytes.Repeat([]byte{5}, 64)), "kim@house.test", site, alg)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// sign has a sign a paper, and returns whether that counts.
func sign(t testing.TB, a *authenticator.Authenticator, by ...seal.Verifier) error {
	t.Helper()
	e, err := seal.Sign(a, paperType, []byte(`{"yes":true}`))
	if err != nil {
		t.Fatal(err)
	}
	b, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if e, err = seal.ParseEnvelope(b); err != nil {
		t.Fatal(err)
	}
	if len(by) == 0 {
		by = []seal.Verifier{a}
	}
	_, err = e.Open(paperType, by...)
	return err
}

func TestPasskey(t *testing.T) {
	for _, alg := range []int{seal.ES256, seal.EdDSA, seal.RS256} {
		a := newPasskey(t, "house.test", alg)
		if err := sign(t, a); err != nil {
			t.Errorf("algorithm %d: %v", alg, err)
		}
		for name, spoil := range map[string]func(*authenticator.Authenticator){
			"nobody was there":       func(a *authenticator.Authenticator) { a.Flags = 0x04 },
			"nobody was verified":    func(a *authenticator.Authenticator) { a.Flags = 0x01 },
			"another site's key":     func(a *authenticator.Authenticator) { a.Site = "evil.test" },
			"another site's page":    func(a *authenticator.Authenticator) { a.Origin = "https://evil.test" },
			"a look-alike":           func(a *authenticator.Authenticator) { a.Origin = "https://ahouse.test" },
			"a site above":           func(a *authenticator.Authenticator) { a.Origin = "https://test" },
			"plain HTTP":             func(a *authenticator.Authenticator) { a.Origin = "http://house.test" },
			"with a path":            func(a *authenticator.Authenticator) { a.Origin = "https://house.test/x" },
			"with a person":          func(a *authenticator.Authenticator) { a.Origin = "https://house.test@evil.test" },
			"inside another's page":  func(a *authenticator.Authenticator) { a.CrossOrigin = true },
			"a registration":         func(a *authenticator.Authenticator) { a.Type = "webauthn.create" },
			"another kind of paying": func(a *authenticator.Authenticator) { a.Type = "payment.get" },
		} {
			bad := *a
			spoil(&bad)
			if sign(t, &bad) == nil {
				t.Errorf("algorithm %d: %s: it counts", alg, name)
			}
		}
	}
	below := newPasskey(t, "house.test", seal.ES256)
	if below.Origin = "https://console.house.test:8443"; sign(t, below) != nil {
		t.Error("a page below the site, on a port, does not count")
	}
	if local := newPasskey(t, "localhost", seal.ES256); sign(t, local) != nil {
		t.Error("one's own machine does not count")
	}
	if other := newPasskey(t, "other.test", seal.ES256); sign(t, below, other) == nil {
		t.Error("another key's signature counts")
	}
}

// A signature is for one paper.
func TestPasskeySignsOnePaper(t *testing.T) {
	a := newPasskey(t, "house.test", seal.ES256)
	e, err := seal.Sign(a, paperType, []byte(`{"yes":true}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []seal.Envelope{
		{Type: paperType, Payload: []byte(`{"yes":false}`)}, {Type: "application/vnd.clawea.approval.v1+json", Payload: e.Payload},
	} {
		other.Signatures = e.Signatures
		if _, err := other.Open(other.Type, a); err == nil {
			t.Errorf("it is good for %s %s", other.Type, other.Payload)
		}
	}
	for i := range e.Signatures[0].Sig {
		bent := bytes.Clone(e.Signatures[0].Sig)
		bent[i] ^= 1
		other := &seal.Envelope{Type: paperType, Payload: e.Payload, Signatures: []seal.Signature{{KeyID: e.Signatures[0].KeyID, Sig: bent}}}
		if _, err := other.Open(paperType, a); err == nil {
			t.Errorf("byte %d of the assertion may be changed", i)
		}
	}
}

func TestPasskeyTexts(t *testing.T) {
	good := newPasskey(t, "house.test", seal.ES256)
	v, err := seal.NewVerifier(good.Public)
	if err != nil || v.Name() != "kim@house.test" || seal.KeyID(v) != seal.KeyID(good) {
		t.Fatalf("%v, %v", v, err)
	}
	if _, err := seal.PublicKey(good.Public); err == nil {
		t.Error("a passkey is no Ed25519 key")
	}
	name, rest, _ := strings.Cut(good.Public, "+")
	hash, key, _ := strings.Cut(rest, "+")
	for what, text := range map[string]string{
		"another name": "eve+" + rest, "another hash": name + "+00000000+" + key, "cut short": name + "+" + hash + "+" + key[:40],
		"no name": "+" + rest, "upper case": name + "+" + strings.ToUpper(hash) + "+" + key,
	} {
		if strings.ToUpper(hash) == hash && what == "upper case" {
			continue
		}
		if _, err := seal.NewVerifier(text); err == nil {
			t.Errorf("%s: it is taken", what)
		}
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	der := func(k any) []byte {
		b, err := x509.MarshalPKIXPublicKey(k)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for what, p := range map[string]seal.Passkey{
		"another curve":      {Name: "kim", Site: "house.test", Alg: seal.ES256, Key: der(p384.Public())},
		"a weak key":         {Name: "kim", Site: "house.test", Alg: seal.RS256, Key: der(weak.Public())},
		"another algorithm":  {Name: "kim", Site: "house.test", Alg: seal.EdDSA, Key: der(p256.Public())},
		"no algorithm":       {Name: "kim", Site: "house.test", Key: der(p256.Public())},
		"no key":             {Name: "kim", Site: "house.test", Alg: seal.ES256},
		"more than a key":    {Name: "kim", Site: "house.test", Alg: seal.ES256, Key: append(der(p256.Public()), 0)},
		"no site":            {Name: "kim", Alg: seal.ES256, Key: der(p256.Public())},
		"a site in capitals": {Name: "kim", Site: "House.test", Alg: seal.ES256, Key: der(p256.Public())},
		"a long site":        {Name: "kim", Site: strings.Repeat("a", 254), Alg: seal.ES256, Key: der(p256.Public())},
		"a name of two":      {Name: "kim lee", Site: "house.test", Alg: seal.ES256, Key: der(p256.Public())},
	} {
		if text, err := p.Public(); err == nil {
			t.Errorf("%s: %s", what, text)
		}
	}
	if _, err := (&seal.Passkey{Name: "kim", Site: "house.test", Alg: seal.ES256, Key: der(p256.Public())}).Public(); err != nil {
		t.Error(err)
	}
}

func FuzzPasskey(f *testing.F) {
	a := newPasskey(f, "house.test", seal.EdDSA) // signs the same each time, in each process
	e, err := seal.Sign(a, paperType, []byte(`{}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(a.Public, e.Signatures[0].Sig)
	f.Fuzz(func(t *testing.T, text string, sig []byte) {
		v, err := seal.NewVerifier(text)
		if err != nil {
			return
		}
		bent := &seal.Envelope{Type: paperType, Payload: []byte(`{}`), Signatures: []seal.Signature{{KeyID: seal.KeyID(v), Sig: sig}}}
		if _, err := bent.Open(paperType, v); err == nil && text == a.Public && !bytes.Equal(sig, e.Signatures[0].Sig) {
			t.Errorf("%q is a signature, too", sig)
		}
	})
}

// A key is the same by whatever name, for whatever site, and as a passkey too.
func TestKeyBytes(t *testing.T) {
	seed := bytes.Repeat([]byte{5}, 64)
	_, file, err := seal.GenerateKey(bytes.NewReader(seed), "ada")
	if err != nil {
		t.Fatal(err)
	}
	want, err := seal.KeyBytes(file)
	if err != nil || len(want) == 0 {
		t.Fatal(err)
	}
	for alg, same := range map[int]bool{seal.EdDSA: true, seal.ES256: false, seal.RS256: false} {
		one, err := seal.KeyBytes(newPasskey(t, "house.test", alg).Public)
		if err != nil || bytes.Equal(one, want) != same {
			t.Errorf("algorithm %d: %x, %v", alg, one, err)
		}
		if alg == seal.RS256 { // another key each time
			continue
		}
		if two, err := seal.KeyBytes(newPasskey(t, "other.test", alg).Public); err != nil || !bytes.Equal(one, two) {
			t.Errorf("algorithm %d for another site: %x, %v", alg, two, err)
		}
	}
	for _, bad := range []string{"", "ada", file + "=", newPasskey(t, "house.test", seal.ES256).Public[:40]} {
		if b, err := seal.KeyBytes(bad); err == nil {
			t.Errorf("%q has the bytes %x", bad, b)
		}
	}
}
