// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package seal

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// testKey is the key of a seed, its texts made by hand from the signed-note
// specification.
func testKey(t testing.TB, name string, seed byte) (Signer, Verifier, string) {
	t.Helper()
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	public := append([]byte{1}, key.Public().(ed25519.PublicKey)...)
	sum := sha256.Sum256(append([]byte(name+"\n"), public...))
	id := fmt.Sprintf("%s+%08x", name, binary.BigEndian.Uint32(sum[:]))
	s, err := NewSigner("PRIVATE+KEY+" + id + "+" + base64.StdEncoding.EncodeToString(append([]byte{1}, key.Seed()...)) + "\n")
	if err != nil {
		t.Fatal(err)
	}
	text := id + "+" + base64.StdEncoding.EncodeToString(public)
	v, err := NewVerifier(text)
	if err != nil {
		t.Fatal(err)
	}
	if KeyID(s) != id || KeyID(v) != id {
		t.Fatalf("key ids %s and %s, want %s", KeyID(s), KeyID(v), id)
	}
	return s, v, text
}

func TestHashText(t *testing.T) {
	const empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	h := Sum(nil)
	if h.String() != empty || h.Short() != "e3b0c44298fc" || h.IsZero() {
		t.Errorf("%v, %s, %t", h, h.Short(), h.IsZero())
	}
	got, err := ParseHash(empty)
	if err != nil || !got.Equal(h) || got.Equal(Hash{}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{
		"", "sha256:", empty[:70], empty + "0", strings.ToUpper(empty), "sha256:" + strings.ToUpper(empty[7:]),
		"sha512:" + empty[7:], empty[7:], " " + empty, empty[:70] + "g",
	} {
		got, err := ParseHash(bad)
		if err == nil || !got.IsZero() {
			t.Errorf("%q is read as %v", bad, got)
		}
	}
}

func TestSaltText(t *testing.T) {
	s := NewSalt([]byte("key"), "job-1", []byte("text"))
	b, err := s.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	var got Salt
	if err := got.UnmarshalText(b); err != nil || got != s {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "00", strings.ToUpper(strings.Repeat("ab", 32)), strings.Repeat("zz", 32)} {
		if err := got.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}

func TestCommitments(t *testing.T) {
	key := []byte("a secret key of the house, long ")
	salt := NewSalt(key, "job-1", []byte("text"))
	if salt != NewSalt(key, "job-1", []byte("text")) {
		t.Error("a salt is not a function of its inputs")
	}
	for name, other := range map[string]Salt{
		"key":     NewSalt([]byte("another"), "job-1", []byte("text")),
		"context": NewSalt(key, "job-2", []byte("text")),
		"text":    NewSalt(key, "job-1", []byte("Text")),
		"border":  NewSalt(key, "job-1 text", nil),
	} {
		if other == salt {
			t.Errorf("the salt does not depend on %s", name)
		}
	}
	c := Commit(salt, []byte("text"))
	if c != Sum(append(salt[:], "text"...)) {
		t.Error("a commitment is not SHA-256 of salt and text")
	}
	w := NewCommitment(salt)
	w.Write([]byte("te"))
	w.Write([]byte("xt"))
	if Hash(w.Sum(nil)) != c {
		t.Error("a text in pieces has another commitment")
	}
}

func TestKeys(t *testing.T) {
	private, public, err := GenerateKey(rand.Reader, "gate.example")
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSigner(private + "\n")
	if err != nil {
		t.Fatal(err)
	}
	v, err := NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := s.Sign([]byte("m"))
	if err != nil || !v.Verify([]byte("m"), sig) || v.Verify([]byte("n"), sig) {
		t.Errorf("sign and verify: %v", err)
	}
	k, err := PublicKey(public)
	if err != nil || !ed25519.Verify(k, []byte("m"), sig) {
		t.Errorf("the Ed25519 key does not verify: %v", err)
	}
	for _, name := range []string{"", "a b", "a+b", "é", "a\n"} {
		if _, _, err := GenerateKey(rand.Reader, name); err == nil {
			t.Errorf("a key is named %q", name)
		}
	}
	for _, bad := range []string{"", "x", public + "A", strings.Replace(public, "gate", "gatf", 1)} {
		if _, err := NewVerifier(bad); err == nil {
			t.Errorf("public key %q is read", bad)
		}
		if _, err := PublicKey(bad); err == nil {
			t.Errorf("public key %q is read", bad)
		}
	}
	if _, err := NewVerifier(private); err == nil || strings.Contains(err.Error(), private[30:40]) {
		t.Errorf("error = %v, want one that does not repeat the key", err)
	}
	if _, err := NewSigner(private[:len(private)-4]); err == nil || strings.Contains(err.Error(), private[30:40]) {
		t.Errorf("error = %v, want one that does not repeat the key", err)
	}
}

// TestPAE is the example of the DSSE v1 protocol text.
func TestPAE(t *testing.T) {
	got := string(pae("http://example.com/HelloWorld", []byte("hello world")))
	if want := "DSSEv1 29 http://example.com/HelloWorld 11 hello world"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := string(pae("é", nil)); got != "DSSEv1 2 é 0 " {
		t.Errorf("%q: lengths are in bytes", got)
	}
}

func TestEnvelope(t *testing.T) {
	ada, adaKey, _ := testKey(t, "ada", 1)
	bob, bobKey, _ := testKey(t, "bob", 2)
	_, eveKey, _ := testKey(t, "eve", 3)
	signed := func() *Envelope {
		e, err := Sign(ada, "t", []byte("{}"))
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	e := signed()
	if err := e.Add(ada); err == nil {
		t.Error("one key signs twice")
	}
	if err := e.Add(bob); err != nil {
		t.Fatal(err)
	}
	got, err := e.Open("t", bobKey, eveKey, adaKey)
	if err != nil || len(got) != 2 || got[0] != adaKey || got[1] != bobKey {
		t.Errorf("signers = %v, %v", got, err)
	}
	if e.Hash() != Sum([]byte("{}")) || e.Hash() != signed().Hash() {
		t.Error("signatures are part of the name")
	}
	for name, tt := range map[string]struct {
		spoil func(*Envelope)
		want  error
	}{
		"type":         {func(e *Envelope) { e.Type = "u" }, ErrType},
		"unsigned":     {func(e *Envelope) { e.Signatures = nil }, ErrUnsigned},
		"payload":      {func(e *Envelope) { e.Payload = []byte("[]") }, ErrBadSignature},
		"signature":    {func(e *Envelope) { e.Signatures[0].Sig[5] ^= 1 }, ErrBadSignature},
		"no signature": {func(e *Envelope) { e.Signatures[0].Sig = nil }, ErrBadSignature},
		"twice":        {func(e *Envelope) { e.Signatures = append(e.Signatures, e.Signatures[0]) }, ErrBadSignature},
		"unknown beside": {func(e *Envelope) {
			e.Signatures = append(e.Signatures, Signature{KeyID: "mallory+00000000", Sig: []byte("x")})
		}, ErrUnknownKey},
		"another's name":   {func(e *Envelope) { e.Signatures[0].KeyID = KeyID(eveKey) }, ErrBadSignature},
		"name without sum": {func(e *Envelope) { e.Signatures[0].KeyID = "ada" }, ErrUnknownKey},
	} {
		e := signed()
		tt.spoil(e)
		if _, err := e.Open("t", adaKey, eveKey); !errors.Is(err, tt.want) {
			t.Errorf("%s: error = %v, want %v", name, err, tt.want)
		}
	}
	if _, err := signed().Open("t"); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("nobody is trusted: error = %v", err)
	}
	// The type is signed: a paper cannot be passed off as one of another type.
	e = signed()
	e.Type = "u"
	if _, err := e.Open("u", adaKey); !errors.Is(err, ErrBadSignature) {
		t.Errorf("another type: error = %v", err)
	}
}

// listed is a Verifier that Go cannot compare.
type listed struct {
	Verifier
	roles []string
}

func TestOpenWithIncomparableKeys(t *testing.T) {
	ada, adaKey, _ := testKey(t, "ada", 1)
	e, err := Sign(ada, "t", nil)
	if err != nil {
		t.Fatal(err)
	}
	e.Signatures = append(e.Signatures, e.Signatures[0])
	if _, err := e.Open("t", listed{adaKey, []string{"author"}}); !errors.Is(err, ErrBadSignature) {
		t.Errorf("error = %v", err)
	}
}

type brokenSigner struct{ Signer }

func (brokenSigner) Sign([]byte) ([]byte, error) { return nil, errors.New("no hardware") }

func TestSignFails(t *testing.T) {
	s, _, _ := testKey(t, "ada", 1)
	if e, err := Sign(brokenSigner{s}, "t", nil); err == nil || e != nil {
		t.Errorf("%v, %v", e, err)
	}
}

func TestParseEnvelope(t *testing.T) {
	s, _, _ := testKey(t, "ada", 1)
	e, err := Sign(s, "t", []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseEnvelope(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(e, got); diff != "" {
		t.Error(diff)
	}
	for name, bad := range map[string]string{
		"space":          " " + string(b),
		"line end":       string(b) + "\n",
		"unknown field":  strings.Replace(string(b), `{"payload"`, `{"extra":1,"payload"`, 1),
		"no signatures":  `{"payload":"e30=","payloadType":"t"}`,
		"null":           `{"payload":"e30=","payloadType":"t","signatures":null}`,
		"loose base64":   strings.Replace(string(b), `"e30="`, `"e31="`, 1),
		"line in base64": strings.Replace(string(b), `"e30="`, `"e3\n0="`, 1),
		"url base64":     `{"payload":"_-8=","payloadType":"t","signatures":[]}`,
		"other value":    `[]`,
	} {
		if e, err := ParseEnvelope([]byte(bad)); err == nil {
			t.Errorf("%s: read as %+v", name, e)
		}
	}
}

func TestEnvelopeProperties(t *testing.T) {
	s, v, _ := testKey(t, "ada", 1)
	rapid.Check(t, func(t *rapid.T) {
		typ, payload := rapid.String().Draw(t, "type"), rapid.SliceOf(rapid.Byte()).Draw(t, "payload")
		e := &Envelope{Type: typ, Payload: payload}
		es := []*Envelope{e}
		for n := range rapid.IntRange(0, 5).Draw(t, "others") {
			es = slices.Insert(es, n%2*len(es), &Envelope{Type: "t", Payload: fmt.Append(nil, n)})
		}
		if err := SignAll(s, es...); err != nil {
			t.Fatal(err)
		}
		b, err := e.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseEnvelope(b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := got.Open(typ, v); err != nil {
			t.Fatal(err)
		}
		i := rapid.IntRange(0, 8*len(b)-1).Draw(t, "bit")
		b[i/8] ^= 1 << (i % 8)
		if got, err := ParseEnvelope(b); err == nil {
			if _, err := got.Open(typ, v); err == nil {
				t.Fatalf("one bit is changed, and it opens: %s", b)
			}
		}
	})
}

func FuzzParseEnvelope(f *testing.F) {
	s, v, _ := testKey(f, "ada", 1)
	e, err := Sign(s, "t", []byte("{}"))
	if err != nil {
		f.Fatal(err)
	}
	b, err := e.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	for _, e := range group(f, s, 3) {
		b, err := e.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, in := range vectorInputs(f) {
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		fast, ok := readOneForm(in)
		var slow Envelope
		if err := Decode(in, &slow); ok && (err != nil || !cmp.Equal(fast, &slow)) {
			t.Fatalf("%s is read as %+v, and as %+v, %v", in, fast, slow, err)
		}
		got, err := ParseEnvelope(in)
		if err != nil {
			return
		}
		again, err := got.Marshal()
		if err != nil || !bytes.Equal(in, again) {
			t.Fatalf("%s is written %s, %v", in, again, err)
		}
		if _, err := got.Open("t", v); err == nil && !slices.Contains([]string{"{}", "0", "1", "2"}, string(got.Payload)) {
			t.Fatalf("a forged paper opens: %s", in)
		}
	})
}
