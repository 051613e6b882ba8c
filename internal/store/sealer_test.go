// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// A sealed text opens as it was, and not at all after any one-bit change, for
// another job, as another commitment or under another key.
func FuzzSealText(f *testing.F) {
	f.Add([]byte(""), uint(0))
	f.Add([]byte("a prompt"), uint(97))
	f.Add(bytes.Repeat([]byte{0}, 1000), uint(8*12))
	db, other := sealerOnly(f, 1), sealerOnly(f, 2)
	f.Fuzz(func(t *testing.T, b []byte, bit uint) {
		salt := seal.Salt(seal.Sum(b))
		want := receipt.Text{Commitment: seal.Commit(salt, b), Salt: salt, Bytes: b}
		sealed, err := db.sealText("job-1", want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := db.openText("job-1", want.Commitment, sealed)
		if err != nil || !bytes.Equal(got.Bytes, b) || got.Salt != salt || got.Commitment != want.Commitment {
			t.Fatalf("got %v, %v, want %v", got, err, want)
		}
		if again, err := db.sealText("job-1", want); err != nil || bytes.Equal(again, sealed) {
			t.Errorf("sealed twice in the same way: %v", err)
		}
		changed := slices.Clone(sealed)
		changed[bit/8%uint(len(sealed))] ^= 1 << (bit % 8)
		_, bitErr := db.openText("job-1", want.Commitment, changed)
		_, shortErr := db.openText("job-1", want.Commitment, sealed[:bit%uint(len(sealed))])
		_, jobErr := db.openText("job-2", want.Commitment, sealed)
		_, nameErr := db.openText("job-1", seal.Sum(sealed), sealed)
		_, keyErr := other.openText("job-1", want.Commitment, sealed)
		for what, err := range map[string]error{"changed": bitErr, "cut": shortErr, "another job's": jobErr, "renamed": nameErr, "under another key": keyErr} {
			if err == nil {
				t.Errorf("opens %s", what)
			}
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
	if _, err := db.sealText("job-1", text); err == nil {
		t.Error("a text over the limit was sealed")
	}
	text.Bytes = b[:MaxText]
	text.Commitment = seal.Commit(seal.Salt{}, text.Bytes)
	if _, err := db.sealText("job-1", text); err != nil {
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
