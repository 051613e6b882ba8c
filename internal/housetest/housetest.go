// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package housetest makes what the tests of most packages begin with: keys,
// policies whose names are bound, and a log that is read while it is written. It stands on the policy alone, so that tests on any
// floor may use it.
package housetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"sync"
	"testing"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// A Key signs, and has with it what others know of it.
type Key struct {
	seal.Signer
	Verifier seal.Verifier
	Public   string // the text that Verifier is read from
}

// NewKey returns the key of a name and a seed: the same in every run.
func NewKey(t testing.TB, name string, seed byte) Key {
	t.Helper()
	return generate(t, bytes.NewReader(bytes.Repeat([]byte{seed}, 64)), name)
}

// FreshKey returns a key that there was not before.
func FreshKey(t testing.TB, name string) Key {
	t.Helper()
	return generate(t, rand.Reader, name)
}

func generate(t testing.TB, random io.Reader, name string) Key {
	t.Helper()
	private, public, err := seal.GenerateKey(random, name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := seal.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	v, err := seal.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	return Key{s, v, public}
}

// Sign returns the policy text, in the one form that is signed, as the keys sign it.
func Sign(t testing.TB, text string, keys ...seal.Signer) *seal.Envelope {
	t.Helper()
	payload, err := seal.Canonical([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	e := &seal.Envelope{Type: policy.Type, Payload: payload}
	for _, k := range keys {
		if err := e.Add(k); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

// Policy returns the policy text. It may name nothing that needs to be looked up.
func Policy(t testing.TB, text string) *policy.Policy {
	t.Helper()
	return Resolved(t, text, func(context.Context, []policy.Name) ([]policy.Bound, error) { return []policy.Bound{}, nil })
}

// Resolved returns the policy text, bound to what resolve says its names are.
func Resolved(t testing.TB, text string, resolve func(context.Context, []policy.Name) ([]policy.Bound, error)) *policy.Policy {
	t.Helper()
	p, err := policy.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	names, err := resolve(t.Context(), p.Names())
	if err != nil {
		t.Fatal(err)
	}
	if p, err = p.Bind(&policy.Binding{Policy: p.Hash(), Names: names}); err != nil {
		t.Fatal(err)
	}
	return p
}

// A Log is what was written to it so far. The zero Log is ready, and may be used by
// many goroutines.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write adds p. It never fails.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String returns all that was written.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
