// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package pulse_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/pulse"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/seal"
)

func TestPublish(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	file := vector(t, "3.7-approved")
	if _, err := h.Publish(ctx, []byte("{}"), "ada", pulse.Keep{}); !errors.Is(err, bundle.ErrFormat) {
		t.Errorf("no bundle: got %v, want ErrFormat", err)
	}
	past := h.clock()
	if _, err := h.Publish(ctx, file, "ada", pulse.Keep{Until: past}); err == nil {
		t.Error("until now: no error")
	}
	id, err := h.Publish(ctx, file, "ada", pulse.Keep{})
	if err != nil || id != seal.Sum(file) {
		t.Fatalf("%v %v", id, err)
	}
	if again, err := h.Publish(ctx, file, "bob", pulse.Keep{}); err != nil || again != id {
		t.Errorf("again: %v %v", again, err)
	}
	if got, err := h.Read(ctx, id); err != nil || !bytes.Equal(got, file) {
		t.Errorf("read: %v", err)
	}
	if _, err := h.Read(ctx, seal.Sum(nil)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("read another: got %v, want ErrNotFound", err)
	}
	paths := h.files(t)
	if len(paths) != 1 {
		t.Fatalf("files %q", paths)
	}
	info, err := os.Stat(paths[0])
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v %v", info.Mode(), err)
	}
	b, err := os.ReadFile(paths[0])
	if err != nil || bytes.Contains(b, []byte("clawea")) {
		t.Errorf("it is not sealed: %v", err)
	}
}

// A file that was changed is not read, and publishing it again mends it.
func TestChangedFile(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	file := vector(t, "3.7-approved")
	id, err := h.Publish(ctx, file, "ada", pulse.Keep{})
	if err != nil {
		t.Fatal(err)
	}
	path := h.files(t)[0]
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(b); i += len(b)/20 + 1 {
		odd := slices.Clone(b)
		odd[i] ^= 1
		if err := os.WriteFile(path, odd, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Read(ctx, id); err == nil {
			t.Errorf("byte %d: no error", i)
		}
	}
	if err := os.Truncate(path, 3); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Read(ctx, id); err == nil {
		t.Error("cut off: no error")
	}
	if _, err := h.Publish(ctx, file, "ada", pulse.Keep{}); err != nil {
		t.Error(err)
	}
	if got, err := h.Read(ctx, id); err != nil || !bytes.Equal(got, file) {
		t.Errorf("mended: %v", err)
	}
}

// lacks checks that b holds the texts in no spelling that bundles and pages have.
func lacks(t *testing.T, b []byte, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if holds(b, s) {
			t.Errorf("it holds %.40q", s)
		}
	}
}

// holds reports whether b holds s, as it is or in base64, which spells it in three
// ways, by where it begins.
func holds(b []byte, s string) bool {
	for i := range 3 {
		enc := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", i) + s))
		from, to := (i*8+5)/6, (i+len(s))*8/6
		if bytes.Contains(b, []byte(enc[from:to])) {
			return true
		}
	}
	return bytes.Contains(b, []byte(s))
}

func TestShare(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	file := vector(t, "3.7-approved") // discloses {"id":"11"} of receipt 2, and "ok" of receipt 3
	id, err := h.Publish(ctx, file, "ada", pulse.Keep{})
	if err != nil {
		t.Fatal(err)
	}
	soon := h.clock().Add(time.Hour)
	texts := func(x pulse.Disclosure) (got []string) {
		t.Helper()
		secret, err := h.Share(ctx, id, "ada", "for Eve", soon, x)
		if err != nil {
			t.Fatal(err)
		}
		shared, err := h.Shared(ctx, secret)
		if err != nil {
			t.Fatal(err)
		}
		b, err := bundle.Read(shared)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range b.Disclosures {
			got = append(got, string(d.Text))
		}
		return got
	}
	if got := texts(pulse.Disclosure{}); got != nil {
		t.Errorf("none: %q", got)
	}
	if got := texts(pulse.Disclosure{Only: []uint64{3}}); !slices.Equal(got, []string{"ok"}) {
		t.Errorf("one: %q", got)
	}
	if got := texts(pulse.Disclosure{All: true}); !slices.Equal(got, []string{`{"id":"11"}`, "ok"}) {
		t.Errorf("all: %q", got)
	}
	for what, x := range map[string]struct {
		until time.Time
		shows pulse.Disclosure
	}{
		"over":     {h.clock(), pulse.Disclosure{}},
		"too long": {h.clock().Add(pulse.MaxShare + time.Second), pulse.Disclosure{}},
		"of what":  {soon, pulse.Disclosure{Only: []uint64{9}}},
		"too many": {soon, pulse.Disclosure{Only: make([]uint64, 1001)}},
	} {
		if _, err := h.Share(ctx, id, "ada", "for Eve", x.until, x.shows); err == nil || !strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := h.Share(ctx, seal.Sum(nil), "ada", "for Eve", soon, pulse.Disclosure{}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("of nothing: got %v, want ErrNotFound", err)
	}
}

func TestShareEnds(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	id, err := h.Publish(ctx, vector(t, "3.7-approved"), "ada", pulse.Keep{})
	if err != nil {
		t.Fatal(err)
	}
	link := func() string {
		t.Helper()
		secret, err := h.Share(ctx, id, "ada", "for Eve", h.clock().Add(time.Hour), pulse.Disclosure{})
		if err != nil {
			t.Fatal(err)
		}
		return secret
	}
	one, two, three := link(), link(), link()
	if err := h.Unshare(ctx, seal.Sum([]byte(one)), "bob"); err != nil {
		t.Error(err)
	}
	for what, secret := range map[string]string{"revoked": one, "empty": "", "cut": two[1:], "another": strings.Repeat("A", len(two)), "its hash": seal.Sum([]byte(two)).String()} {
		if _, err := h.Shared(ctx, secret); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: got %v, want ErrNotFound", what, err)
		}
	}
	if _, err := h.Shared(ctx, two); err != nil {
		t.Error(err)
	}
	h.move(time.Hour)
	if _, err := h.Shared(ctx, two); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("expired: got %v, want ErrNotFound", err)
	}
	h.move(-time.Hour)
	if err := h.Delete(ctx, id, "ada", "over"); err != nil {
		t.Error(err)
	}
	if _, err := h.Shared(ctx, three); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("deleted: got %v, want ErrNotFound", err)
	}
	for _, secret := range []string{one, two, three} {
		if strings.Contains(h.log.String(), secret) {
			t.Error("a secret is in the log")
		}
	}
}

func TestSweep(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	until := h.clock().Add(time.Hour)
	file := vector(t, "3.7-approved")
	id, err := h.Publish(ctx, file, "ada", pulse.Keep{Until: until})
	if err != nil {
		t.Fatal(err)
	}
	held, err := h.Publish(ctx, vector(t, "2.1-good"), "ada", pulse.Keep{Until: until})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Hold(ctx, held, "eve", "case 7"); err != nil {
		t.Fatal(err)
	}
	sweep := func(want int) {
		t.Helper()
		if err := h.Sweep(ctx); err != nil {
			t.Error(err)
		}
		if got := h.files(t); len(got) != want {
			t.Errorf("files %q, want %d", got, want)
		}
	}
	sweep(2)
	h.move(time.Hour)
	sweep(1)
	if _, err := h.Read(ctx, id); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("deleted: got %v, want ErrNotFound", err)
	}
	if _, err := h.Publish(ctx, file, "ada", pulse.Keep{}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("publish what was deleted: got %v, want ErrConflict", err)
	}
	sweep(1)
	if err := h.Delete(ctx, held, "ada", ""); !errors.Is(err, store.ErrHeld) {
		t.Errorf("delete held: got %v, want ErrHeld", err)
	}
	if err := h.Release(ctx, held, "eve", ""); err != nil {
		t.Error(err)
	}
	sweep(0)
}

// A deletion that broke off before the file was gone is ended by the next sweep.
func TestDeletionBrokeOff(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	id, err := h.Publish(ctx, vector(t, "3.7-approved"), "ada", pulse.Keep{})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.db.DropPublication(ctx, id, "ada", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Read(ctx, id); !errors.Is(err, store.ErrNotFound) || len(h.files(t)) != 1 {
		t.Errorf("deleted: %v", err)
	}
	if err := h.Sweep(ctx); err != nil || len(h.files(t)) != 0 {
		t.Errorf("swept: %v, %q", err, h.files(t))
	}
	if p, err := h.db.Publication(ctx, id); err != nil || p.Gone == nil {
		t.Errorf("%+v %v", p, err)
	}
}

// TestLacks says: the search for texts finds them, in each spelling.
func TestLacks(t *testing.T) {
	const secret = "Merge a"
	if !holds([]byte(`{"summary":"`+secret+`"}`), secret) {
		t.Error("not found as it is")
	}
	for i := range 3 {
		enc := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("{", i) + secret + `","`))
		if !holds([]byte(enc), secret) {
			t.Errorf("not found in base64, at %d", i)
		}
	}
}
