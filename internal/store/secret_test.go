// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func (h *house) keep(t testing.TB, name, value string) {
	t.Helper()
	if err := h.PutSecret(t.Context(), name, []byte(value)); err != nil {
		t.Fatal(err)
	}
}

func TestSecrets(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		if _, err := h.Secret(ctx, "a"); !errors.Is(err, ErrNotFound) {
			t.Errorf("unknown secret: got %v, want ErrNotFound", err)
		}
		if _, err := h.ClaimSecret(ctx, "a", "c", time.Minute); !errors.Is(err, ErrNotFound) {
			t.Errorf("claim of an unknown secret: got %v, want ErrNotFound", err)
		}
		first := h.clock.Now()
		h.keep(t, "b", "two")
		h.keep(t, "a", "one")
		h.clock.move(time.Second)
		h.keep(t, "b", "three")
		list, err := h.Secrets(ctx)
		want := []Secret{{Name: "a", Value: []byte("one"), Changed: first}, {Name: "b", Value: []byte("three"), Changed: first.Add(time.Second)}}
		if diff := cmp.Diff(want, list); err != nil || diff != "" {
			t.Errorf("secrets: %v\n%s", err, diff)
		}
		if err := h.DropSecret(ctx, "a"); err != nil {
			t.Error(err)
		}
		if err := h.DropSecret(ctx, "a"); !errors.Is(err, ErrNotFound) {
			t.Errorf("dropped twice: got %v, want ErrNotFound", err)
		}
		if err := h.PutSecret(ctx, "big", make([]byte, MaxSecret+1)); err == nil {
			t.Error("a secret beyond its bound was kept")
		}
	})
}

func TestSecretClaims(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		h.keep(t, "a", "one")
		s, err := h.ClaimSecret(ctx, "a", "mine", time.Minute)
		if err != nil || string(s.Value) != "one" || s.Broken {
			t.Fatalf("claim: %+v, %v", s, err)
		}
		if _, err := h.ClaimSecret(ctx, "a", "yours", time.Minute); !errors.Is(err, ErrConflict) {
			t.Errorf("a second claim: got %v, want ErrConflict", err)
		}
		for _, claim := range []string{"yours", ""} {
			if err := h.SettleSecret(ctx, "a", claim, []byte("x")); err == nil {
				t.Errorf("claim %q was settled", claim)
			}
		}
		if err := h.SettleSecret(ctx, "a", "mine", []byte("two")); err != nil {
			t.Fatal(err)
		}
		if err := h.SettleSecret(ctx, "a", "mine", []byte("three")); !errors.Is(err, ErrConflict) {
			t.Errorf("settled twice: got %v, want ErrConflict", err)
		}
		s, err = h.ClaimSecret(ctx, "a", "next", time.Minute)
		if err != nil || string(s.Value) != "two" || s.Broken {
			t.Fatalf("claim after the end of one: %+v, %v", s, err)
		}
		h.clock.move(time.Minute) // its holder has gone
		if s, err = h.ClaimSecret(ctx, "a", "heir", time.Minute); err != nil || !s.Broken {
			t.Errorf("claim after one that never ended: %+v, %v", s, err)
		}
		if err := h.SettleSecret(ctx, "a", "next", []byte("late")); !errors.Is(err, ErrConflict) {
			t.Errorf("a claim that was over was settled: %v", err)
		}
		if err := h.SettleSecret(ctx, "a", "heir", nil); err != nil {
			t.Error(err)
		}
		if s, err = h.Secret(ctx, "a"); err != nil || string(s.Value) != "two" {
			t.Errorf("given back: %+v, %v", s, err)
		}
		if s, err = h.ClaimSecret(ctx, "a", "last", time.Minute); err != nil || s.Broken {
			t.Errorf("claim of what was given back: %+v, %v", s, err)
		}
		h.keep(t, "a", "anew")
		if err := h.SettleSecret(ctx, "a", "last", []byte("old")); !errors.Is(err, ErrConflict) {
			t.Errorf("a claim of the former value was settled: %v", err)
		}
	})
}

// Of many that claim at once, on two replicas, one gets it.
func TestSecretClaimsRace(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		h.keep(t, "a", "one")
		other := h.open(t)
		var got atomic.Int32
		var wg sync.WaitGroup
		for i, db := range []*DB{h.DB, other, h.DB, other, h.DB, other} {
			wg.Go(func() {
				if _, err := db.ClaimSecret(t.Context(), "a", fmt.Sprint(i), time.Minute); err == nil {
					got.Add(1)
				} else if !errors.Is(err, ErrConflict) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got.Load() != 1 {
			t.Errorf("%d have the claim", got.Load())
		}
	})
}

// What the database holds of a secret tells nothing, and is bound to its name.
func TestSecretsAreSealed(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		h.keep(t, "a", "refresh-token-hush")
		h.keep(t, "b", "another")
		sealed, err := one(ctx, h.read, column[[]byte], `SELECT sealed FROM secret WHERE name = 'a'`)
		if err != nil || bytes.Contains(sealed, []byte("hush")) {
			t.Fatalf("sealed: %q, %v", sealed, err)
		}
		if _, err := h.write.ExecContext(ctx, `UPDATE secret SET sealed = $1 WHERE name = 'b'`, sealed); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Secret(ctx, "b"); err == nil || strings.Contains(err.Error(), "hush") || !strings.Contains(err.Error(), "changed in the database") {
			t.Errorf("another's secret under its name: got %v", err)
		}
	})
}
