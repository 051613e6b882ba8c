// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package seal

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// A Signer signs as one named key. It has the shape of note.Signer.
type Signer interface {
	Name() string
	KeyHash() uint32
	Sign(msg []byte) ([]byte, error)
}

// A Verifier checks signatures by one named key. It has the shape of note.Verifier.
type Verifier interface {
	Name() string
	KeyHash() uint32
	Verify(msg, sig []byte) bool
}

// KeyID is a key's name in envelopes: its name, a plus and eight hex digits.
func KeyID(k interface {
	Name() string
	KeyHash() uint32
}) string {
	var hash [4]byte
	binary.BigEndian.PutUint32(hash[:], k.KeyHash())
	name := k.Name()
	id := make([]byte, 0, len(name)+9)
	id = append(append(id, name...), '+')
	return string(hex.AppendEncode(id, hash[:]))
}

// GenerateKey makes an Ed25519 key in the text forms of signed notes: the
// private one for NewSigner, the public one for NewVerifier. name may hold
// neither spaces nor plus signs.
func GenerateKey(rand io.Reader, name string) (private, public string, err error) {
	if err := checkKeyName(name); err != nil {
		return "", "", err
	}
	return note.GenerateKey(rand, name)
}

func checkKeyName(name string) error {
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == '+' || r > '~' }) {
		return fmt.Errorf("key name %q: want printable ASCII without spaces or plus signs", name)
	}
	return nil
}

// NewSigner reads a private key. Its errors never repeat the key.
func NewSigner(private string) (Signer, error) {
	s, err := note.NewSigner(strings.TrimSpace(private))
	if err != nil {
		return nil, errors.New("malformed private key")
	}
	return s, nil
}

// NewVerifier reads a public key: an Ed25519 key, or a Passkey. Its errors repeat
// the text, unless it is a private key that got into the wrong place.
func NewVerifier(public string) (Verifier, error) {
	if p, ok, err := parsePasskey(public); err != nil {
		return nil, fmt.Errorf("malformed public key %.200q: %w", public, err)
	} else if ok {
		return p, nil
	}
	v, err := note.NewVerifier(public)
	switch {
	case err == nil:
		return v, nil
	case strings.Contains(public, "PRIVATE"):
		return nil, errors.New("a private key is not a public one: give the key's public text, and replace the key if others have seen this one")
	}
	return nil, fmt.Errorf("malformed public key %.200q", public)
}

// PublicKey returns the Ed25519 key in a public key's text. It fails for a passkey.
func PublicKey(public string) (ed25519.PublicKey, error) {
	if _, err := NewVerifier(public); err != nil {
		return nil, err
	}
	enc := strings.SplitN(public, "+", 3)[2]
	b, err := base64.StdEncoding.DecodeString(enc)
	if err != nil || len(b) != 1+ed25519.PublicKeySize {
		return nil, fmt.Errorf("malformed public key %q", public)
	}
	return ed25519.PublicKey(b[1:]), nil
}

// KeyBytes returns the key in a public key's text, an Ed25519 key or a Passkey, as the
// DER of a SubjectPublicKeyInfo (RFC 5280). Two texts have the same exactly if they are
// of one key, by whatever name and for whatever site.
func KeyBytes(public string) ([]byte, error) {
	if p, ok, err := parsePasskey(public); err == nil && ok {
		return p.Key, nil
	}
	k, err := PublicKey(public)
	if err != nil {
		return nil, err
	}
	return x509.MarshalPKIXPublicKey(k)
}
