// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package issuer

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// nonceTurn is how often a house changes its nonce. One is good until the next
// but one.
const nonceTurn = 3 * time.Minute

// Nonces are the house's own for proofs of possession (RFC 9449 section 8): so
// that a proof is made now, and not put by. Replicas with the same key take one
// another's, and nothing is stored. Both fields must be set.
type Nonces struct {
	Key []byte // secret
	Now func() time.Time
}

// New returns the nonce of this turn.
func (n *Nonces) New() string { return n.at(n.turn()) }

// Good reports whether s is the nonce of this turn or the last.
func (n *Nonces) Good(s string) bool {
	turn := n.turn()
	now := hmac.Equal([]byte(s), []byte(n.at(turn)))
	last := hmac.Equal([]byte(s), []byte(n.at(turn-1)))
	return now || last
}

func (n *Nonces) turn() int64 { return n.Now().Unix() / int64(nonceTurn/time.Second) }

func (n *Nonces) at(turn int64) string {
	m := hmac.New(sha256.New, n.Key)
	m.Write([]byte("clawea dpop nonce v1\n"))
	binary.Write(m, binary.BigEndian, turn) // to a hash: never fails
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:18])
}
