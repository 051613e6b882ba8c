// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"testing"

	"github.com/clawea/clawea/internal/sim/authenticator"
	"github.com/clawea/clawea/seal"
)

// Registrations as the standard has them are read, of the algorithms that seal has.
func TestW3CVectors(t *testing.T) {
	b, err := os.ReadFile("testdata/w3c.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Site    string
		Vectors []struct {
			Name, ID, Attestation string
			Alg                   int
		}
	}
	if err := json.Unmarshal(b, &file); err != nil || len(file.Vectors) < 10 {
		t.Fatalf("%d vectors, %v", len(file.Vectors), err)
	}
	for _, v := range file.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			object, err := hex.DecodeString(v.Attestation)
			if err != nil {
				t.Fatal(err)
			}
			c, err := readAttestation(object)
			if v.Alg == 0 {
				if err == nil {
					t.Error("an algorithm is taken that seal has not")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if hex.EncodeToString(c.id) != v.ID || c.alg != v.Alg || c.site != sha256.Sum256([]byte(file.Site)) || c.flags&(flagPresent|flagCredential) != flagPresent|flagCredential {
				t.Errorf("got %+v", c)
			}
			if _, err := (&seal.Passkey{Name: "kim", Site: file.Site, Alg: c.alg, Key: c.key}).Public(); err != nil {
				t.Error(err)
			}
			for n := range object { // cut short anywhere, it is none
				if _, err := readAttestation(object[:n]); err == nil {
					t.Fatalf("the first %d of %d bytes are read", n, len(object))
				}
			}
			if _, err := readAttestation(append(bytes.Clone(object), 0)); err == nil {
				t.Error("what follows is read over")
			}
		})
	}
}

// A device is an authenticator that makes passkeys. Tests change what it says.
type device struct {
	*authenticator.Authenticator
	id    []byte
	der   []byte
	count uint32
	flags byte
	site  string // whose hash new passkeys are for
	typ   string // what the browser says when it makes one
}

func newDevice(t testing.TB, site string, alg int) *device {
	t.Helper()
	a, err := authenticator.New(rand.Reader, "device", site, alg)
	if err != nil {
		t.Fatal(err)
	}
	parts := bytes.SplitN([]byte(a.Public), []byte("+"), 3)
	b, err := base64.StdEncoding.DecodeString(string(parts[2]))
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.IndexByte(b, 0) + 1
	d := &device{Authenticator: a, der: b[at+1+len(site)+2:], flags: flagPresent | flagVerified | flagCredential, site: site, typ: "webauthn.create"}
	d.id = make([]byte, 16)
	rand.Read(d.id)
	return d
}

// cborHead writes the beginning of an item.
func cborHead(kind byte, n uint64) []byte {
	switch {
	case n < 24:
		return []byte{kind<<5 | byte(n)}
	case n < 1<<8:
		return []byte{kind<<5 | 24, byte(n)}
	case n < 1<<16:
		return binary.BigEndian.AppendUint16([]byte{kind<<5 | 25}, uint16(n))
	}
	return binary.BigEndian.AppendUint32([]byte{kind<<5 | 26}, uint32(n))
}

func cborInt(n int64) []byte {
	if n < 0 {
		return cborHead(cborNint, uint64(-1-n))
	}
	return cborHead(cborUint, uint64(n))
}

func cborString(kind byte, s []byte) []byte { return append(cborHead(kind, uint64(len(s))), s...) }

// cose writes a public key as authenticators do.
func cose(t testing.TB, alg int, der []byte) []byte {
	t.Helper()
	public, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		t.Fatal(err)
	}
	var pairs [][]byte
	add := func(name int64, value []byte) { pairs = append(pairs, append(cborInt(name), value...)) }
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		point, err := k.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		add(coseType, cborInt(ec2))
		add(coseAlg, cborInt(int64(alg)))
		add(coseCurve, cborInt(coseP256))
		add(coseX, cborString(cborBytes, point[1:33]))
		add(coseY, cborString(cborBytes, point[33:]))
	case ed25519.PublicKey:
		add(coseType, cborInt(okp))
		add(coseAlg, cborInt(int64(alg)))
		add(coseCurve, cborInt(coseEd25))
		add(coseX, cborString(cborBytes, k))
	case *rsa.PublicKey:
		add(coseType, cborInt(coseRSA))
		add(coseAlg, cborInt(int64(alg)))
		add(coseModulus, cborString(cborBytes, k.N.Bytes()))
		add(coseExponent, cborString(cborBytes, big.NewInt(int64(k.E)).Bytes()))
	}
	return append(cborHead(cborMap, uint64(len(pairs))), bytes.Join(pairs, nil)...)
}

// attestation is what the device says of its passkey.
func (d *device) attestation(t testing.TB, alg int) []byte {
	t.Helper()
	site := sha256.Sum256([]byte(d.site))
	data := append(site[:], d.flags)
	data = binary.BigEndian.AppendUint32(data, d.count)
	data = append(data, make([]byte, aaguid)...)
	data = binary.BigEndian.AppendUint16(data, uint16(len(d.id)))
	data = append(append(data, d.id...), cose(t, alg, d.der)...)
	out := cborHead(cborMap, 3)
	out = append(append(out, cborString(cborText, []byte("fmt"))...), cborString(cborText, []byte("none"))...)
	out = append(append(out, cborString(cborText, []byte("attStmt"))...), cborHead(cborMap, 0)...)
	return append(append(out, cborString(cborText, []byte("authData"))...), cborString(cborBytes, data)...)
}

// create answers what the house asks a browser for.
func (d *device) create(t testing.TB, c *Creation, origin string, alg int) *Created {
	t.Helper()
	client, err := json.Marshal(map[string]any{"type": d.typ, "challenge": c.Challenge, "origin": origin, "crossOrigin": d.CrossOrigin})
	if err != nil {
		t.Fatal(err)
	}
	a := &Created{ID: base64.RawURLEncoding.EncodeToString(d.id), Type: "public-key", Label: "key ring"}
	a.Response.ClientData = base64.RawURLEncoding.EncodeToString(client)
	a.Response.Attestation = base64.RawURLEncoding.EncodeToString(d.attestation(t, alg))
	return a
}

// get answers what the house asks a browser for, to log in.
func (d *device) get(t testing.TB, q *Request) *Asserted {
	t.Helper()
	challenge, err := base64.RawURLEncoding.DecodeString(q.Challenge)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := d.Assert(challenge)
	if err != nil {
		t.Fatal(err)
	}
	a := &Asserted{ID: base64.RawURLEncoding.EncodeToString(d.id), Type: "public-key"}
	a.Response.ClientData = base64.RawURLEncoding.EncodeToString(sig.ClientData)
	a.Response.AuthenticatorData = base64.RawURLEncoding.EncodeToString(sig.AuthenticatorData)
	a.Response.Signature = base64.RawURLEncoding.EncodeToString(sig.Signature)
	return a
}

func TestAttestationRefuses(t *testing.T) {
	d := newDevice(t, "house.test", seal.ES256)
	good := d.attestation(t, seal.ES256)
	if _, err := readAttestation(good); err != nil {
		t.Fatal(err)
	}
	key := cose(t, seal.ES256, d.der)
	for name, object := range map[string][]byte{
		"nothing":             {},
		"a number":            {0x01},
		"no length said":      append([]byte{0xbf}, good[1:]...),
		"a tag":               append([]byte{0xc1}, good...),
		"deep":                bytes.Repeat([]byte{0x81}, 1000),
		"a long list":         {0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"a long map":          {0xbb, 0x80, 0, 0, 0, 0, 0, 0, 0},
		"an empty map":        {0xa0},
		"another algorithm":   bytes.Replace(good, []byte{0x03, 0x26}, []byte{0x03, 0x27}, 1),
		"another curve":       bytes.Replace(good, []byte{0x20, 0x01}, []byte{0x20, 0x02}, 1),
		"not on the curve":    bytes.Replace(good, key[len(key)-32:], make([]byte, 32), 1),
		"a parameter twice":   bytes.Replace(good, []byte{0x01, 0x02, 0x03, 0x26}, []byte{0x03, 0x26, 0x03, 0x26}, 1),
		"authData that lacks": bytes.Replace(good, []byte("authData"), []byte("authDatA"), 1),
		"longer than it may":  append(bytes.Clone(good), make([]byte, maxAttestation)...),
	} {
		if c, err := readAttestation(object); err == nil {
			t.Errorf("%s: %+v", name, c)
		}
	}
	for name, change := range map[string]func(*device){
		"no credential": func(d *device) { d.flags &^= flagCredential },
		"no id":         func(d *device) { d.id = nil },
		"a long id":     func(d *device) { d.id = make([]byte, maxCredentialID+1) },
		"no extensions": func(d *device) { d.flags |= flagExtensions },
	} {
		bad := *d
		change(&bad)
		if c, err := readAttestation(bad.attestation(t, seal.ES256)); err == nil {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

func FuzzAttestation(f *testing.F) {
	d := newDevice(f, "house.test", seal.EdDSA)
	f.Add(d.attestation(f, seal.EdDSA))
	f.Add([]byte{0xa0})
	if b, err := os.ReadFile("testdata/w3c.json"); err == nil {
		var file struct {
			Vectors []struct{ Attestation string }
		}
		if err := json.Unmarshal(b, &file); err != nil {
			f.Fatal(err)
		}
		for _, v := range file.Vectors {
			object, err := hex.DecodeString(v.Attestation)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(object)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := readAttestation(b)
		if err != nil {
			return
		}
		if len(c.id) == 0 || len(c.id) > maxCredentialID {
			t.Errorf("an id of %d bytes", len(c.id))
		}
		if _, err := x509.ParsePKIXPublicKey(c.key); err != nil {
			t.Error(err)
		}
	})
}
