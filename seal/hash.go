// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package seal names bytes by their hash, reads and writes the one JSON form
// that is signed here, and signs it. Users meet it as the hash of a WPC and as
// the signatures on WPCs, CSTs' records, receipts and approvals.
//
// It is the leaf of the house: pure, without clock, randomness of its own,
// files or network.
package seal

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"hash"
	"strconv"
	"strings"
)

// A Hash is the SHA-256 of a paper's canonical bytes. Its text form, in JSON,
// flags, SQL and URLs alike, is "sha256:" and 64 lower-case hex digits.
type Hash [sha256.Size]byte

// Sum hashes b.
func Sum(b []byte) Hash { return sha256.Sum256(b) }

// ParseHash reads the text form of a Hash.
func ParseHash(s string) (Hash, error) {
	var h Hash
	err := h.UnmarshalText([]byte(s))
	return h, err
}

// String returns the text form.
func (h Hash) String() string { return algorithm + hex.EncodeToString(h[:]) }

// Short returns the first twelve hex digits, for people. It identifies nothing.
func (h Hash) Short() string { return hex.EncodeToString(h[:6]) }

// IsZero reports whether h names nothing.
func (h Hash) IsZero() bool { return h == Hash{} }

// Equal compares in constant time.
func (h Hash) Equal(o Hash) bool { return subtle.ConstantTimeCompare(h[:], o[:]) == 1 }

// MarshalText returns the text form.
func (h Hash) MarshalText() ([]byte, error) { return h.AppendText(nil) }

// AppendText appends the text form.
func (h Hash) AppendText(b []byte) ([]byte, error) {
	return hex.AppendEncode(append(b, algorithm...), h[:]), nil
}

const algorithm = "sha256:"

// UnmarshalText reads the text form and nothing else: no upper case, no other
// length, no other algorithm.
func (h *Hash) UnmarshalText(b []byte) error {
	s, ok := bytes.CutPrefix(b, []byte(algorithm))
	if !ok || len(s) != 2*sha256.Size || bytes.ContainsAny(s, "ABCDEF") {
		return fmt.Errorf("malformed hash %.80q: want sha256: and 64 lower-case hex digits", b)
	}
	var out Hash
	if _, err := hex.Decode(out[:], s); err != nil {
		return fmt.Errorf("malformed hash %q: %w", b, err)
	}
	*h = out
	return nil
}

// A Salt hides what a commitment covers until the salt is disclosed.
type Salt [32]byte

// MarshalText returns 64 lower-case hex digits.
func (s Salt) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(s[:])), nil }

// UnmarshalText reads 64 lower-case hex digits.
func (s *Salt) UnmarshalText(b []byte) error {
	if len(b) != 2*len(s) || strings.ToLower(string(b)) != string(b) {
		return fmt.Errorf("malformed salt: want 64 lower-case hex digits")
	}
	var out Salt
	if _, err := hex.Decode(out[:], b); err != nil {
		return fmt.Errorf("malformed salt: %w", err)
	}
	*s = out
	return nil
}

// NewSalt derives the salt for text under a secret key. The same text in the
// same context gets the same salt, so that a retried call is the same call;
// knowing one salt tells nothing about another (HMAC-SHA-256, spec/receipt.md 5.2).
func NewSalt(key []byte, context string, text []byte) Salt {
	m := hmac.New(sha256.New, key)
	head := append(make([]byte, 0, 40+len(context)), "clawea salt v1\n"...)
	head = strconv.AppendInt(head, int64(len(context)), 10)
	head = append(append(append(head, ' '), context...), '\n')
	m.Write(head)
	m.Write(text)
	return Salt(m.Sum(nil))
}

// Commit is the commitment to text under salt: SHA-256 of salt, then text
// (spec/receipt.md 5.1).
func Commit(salt Salt, text []byte) Hash {
	h := NewCommitment(salt)
	h.Write(text)
	return Hash(h.Sum(nil))
}

// NewCommitment starts a commitment whose text arrives in pieces.
func NewCommitment(salt Salt) hash.Hash {
	h := sha256.New()
	h.Write(salt[:])
	return h
}
