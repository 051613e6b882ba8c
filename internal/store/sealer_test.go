// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// Sealed texts open as they were, and not at all after any one-bit change, for
// another job, for another receipt or under another key.
func FuzzSealTexts(f *testing.F) {
	f.Add([]byte(""), uint(0))
	f.Add([]byte("a prompt"), uint(97))
	f.Add(bytes.Repeat([]byte{0}, 1000), uint(8*12))
	db, other := sealerOnly(f, 1), sealerOnly(f, 2)
	f.Fuzz(func(t *testing.T, b []byte, bit uint) {
		want := []receipt.Text{text(string(b)), text(string(b[len(b)/2:])), text("")}
		sealed, err := db.sealTexts("job-1", 7, want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := db.openTexts("job-1", 7, sealed)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Fatalf("%v\n%s", err, diff)
		}
		if again, err := db.sealTexts("job-1", 7, want); err != nil || bytes.Equal(again, sealed) {
			t.Errorf("sealed twice in the same way: %v", err)
		}
		changed := slices.Clone(sealed)
		changed[bit/8%uint(len(sealed))] ^= 1 << (bit % 8)
		_, bitErr := db.openTexts("job-1", 7, changed)
		_, shortErr := db.openTexts("job-1", 7, sealed[:max(1, bit%uint(len(sealed)))])
		_, jobErr := db.openTexts("job-2", 7, sealed)
		_, placeErr := db.openTexts("job-1", 8, sealed)
		_, keyErr := other.openTexts("job-1", 7, sealed)
		for what, err := range map[string]error{"changed": bitErr, "cut": shortErr, "another job's": jobErr, "another receipt's": placeErr, "under another key": keyErr} {
			if err == nil {
				t.Errorf("opens %s", what)
			}
		}
	})
}

// Whatever was sealed, what is inside is read without harm.
func FuzzOpenTexts(f *testing.F) {
	db := sealerOnly(f, 1)
	f.Add([]byte("short"))
	f.Add(bytes.Repeat([]byte{0}, headerSize))
	f.Add(bytes.Repeat([]byte{255}, 2*headerSize))
	f.Fuzz(func(t *testing.T, plain []byte) {
		texts, err := db.openTexts("job-1", 1, db.sealer.Seal(nil, nil, plain, textsBinding("job-1", 1)))
		size := 0
		for _, t := range texts {
			size += headerSize + len(t.Bytes)
		}
		if err == nil && size != len(plain) {
			t.Errorf("%d bytes are read as texts of %d", len(plain), size)
		}
	})
}

func TestKeyCheck(t *testing.T) {
	db, other := sealerOnly(t, 1), sealerOnly(t, 2)
	if !db.opensKeyCheck(db.keyCheck()) {
		t.Error("a key does not open its own check")
	}
	if db.opensKeyCheck(other.keyCheck()) || db.opensKeyCheck(nil) {
		t.Error("a key opens what is not its check")
	}
}

func TestSealTextSize(t *testing.T) {
	db := sealerOnly(t, 1)
	b := make([]byte, MaxText+1)
	text := receipt.Text{Commitment: seal.Commit(seal.Salt{}, b), Bytes: b}
	if _, err := db.sealTexts("job-1", 1, []receipt.Text{text}); err == nil {
		t.Error("a text over the limit was sealed")
	}
	text.Bytes = b[:MaxText]
	text.Commitment = seal.Commit(seal.Salt{}, text.Bytes)
	if _, err := db.sealTexts("job-1", 1, []receipt.Text{text}); err != nil {
		t.Errorf("a text of the largest size: %v", err)
	}
}

func sealerOnly(t testing.TB, key byte) *DB {
	t.Helper()
	s, err := newSealer(bytes.Repeat([]byte{key}, keySize))
	if err != nil {
		t.Fatal(err)
	}
	return &DB{sealer: s}
}

func TestPlaces(t *testing.T) {
	got := []string{places(1, 0), places(1, 1), places(3, 3)}
	if diff := cmp.Diff([]string{"", "$1", "$3, $4, $5"}, got); diff != "" {
		t.Error(diff)
	}
}
