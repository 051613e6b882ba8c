// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/seal"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// used makes the keys of a house.
func used(t *testing.T) (dir string, s *Set) {
	t.Helper()
	dir = private(t)
	return dir, open(t, dir)
}

func rotate(t *testing.T, dir string, now time.Time) *Rotation {
	t.Helper()
	r, err := Rotate(dir, now, 0)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// sameState reports whether a and b are the same, the issuer's other keys included.
func sameState(a, b *Set) bool { return same(a, b) && a.sameIssuers(b) }

// copyOver copies the files of one directory over those of another and removes
// none, as people do.
func copyOver(t *testing.T, from, to string) {
	t.Helper()
	for _, n := range names(t, from) {
		b, err := os.ReadFile(filepath.Join(from, n))
		if err != nil {
			t.Fatal(err)
		}
		put(n, string(b))(t, to)
	}
}

func TestRotate(t *testing.T) {
	dir, before := used(t)
	first := rotate(t, dir, noon.Add(300*time.Millisecond))
	mid := open(t, dir)
	want := &Rotation{Signs: seal.KeyID(before.Issuer), Next: seal.KeyID(mid.IssuerNext), Ready: noon}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Error(diff)
	}
	if !same(before, mid) || mid.IssuerNext.Name() != "issuer.20260504T120000Z."+house {
		t.Errorf("announced %s; the others are the same: %v", seal.KeyID(mid.IssuerNext), same(before, mid))
	}
	if diff := cmp.Diff([]string{before.Issuer.Public, mid.IssuerNext.Public}, mid.IssuerTexts()); diff != "" {
		t.Error(diff)
	}

	later := noon.Add(time.Hour)
	second := rotate(t, dir, later)
	after := open(t, dir)
	want = &Rotation{Switched: true, Signs: first.Next, Retired: first.Signs, Until: later.Add(31 * 24 * time.Hour)}
	if diff := cmp.Diff(want, second); diff != "" {
		t.Error(diff)
	}
	if after.Issuer.Public != mid.IssuerNext.Public || after.IssuerNext != nil {
		t.Errorf("%s signs", seal.KeyID(after.Issuer))
	}
	if diff := cmp.Diff([]PublicKey{{Issuer, before.Issuer.Public, later}}, after.Retired); diff != "" {
		t.Error(diff)
	}
	after.Issuer, after.Retired = before.Issuer, nil
	if !sameState(before, after) {
		t.Error("another key than the issuer's has changed")
	}
	checkFiles(t, dir, before.Issuer)
}

// checkFiles wants a whole set after a switch: fit modes, no leftovers, and no
// trace of the private half of the key that retired.
func checkFiles(t *testing.T, dir string, old *Key) {
	t.Helper()
	v, err := seal.NewVerifier(old.Public)
	if err != nil {
		t.Fatal(err)
	}
	want := append([]string{filepath.Base(retiredFile(dir, v))}, whole...)
	slices.Sort(want)
	if diff := cmp.Diff(want, names(t, dir)); diff != "" {
		t.Error(diff)
	}
	for _, n := range names(t, dir) {
		mode := fs.FileMode(0o600)
		if strings.HasSuffix(n, ".pub") {
			mode = 0o644
		}
		if fi, _ := os.Stat(filepath.Join(dir, n)); fi.Mode().Perm() != mode {
			t.Errorf("%s has mode %v", n, fi.Mode())
		}
		b, err := os.ReadFile(filepath.Join(dir, n))
		if err != nil || bytes.Contains(b, fmt.Appendf(nil, "KEY+%s+%08x", old.Name(), old.KeyHash())) {
			t.Errorf("%s holds the private half of %s (%v)", n, seal.KeyID(old), err)
		}
	}
}

// A kill after any number of steps leaves the keys as they were or as they will
// be, and the next Rotate goes on from there and clears up.
func TestKilledWhileRotating(t *testing.T) {
	for n := 0; ; n++ {
		dir, before := used(t)
		_, steps, err := before.announce(dir, noon, 0)
		if err != nil {
			t.Fatal(err)
		}
		if n > len(steps) {
			break
		}
		walk(t, steps[:n])
		if s := open(t, dir); !same(before, s) || len(s.Retired) != 0 {
			t.Errorf("announcing, after %d steps: another set", n)
		}
		for open(t, dir).Issuer.Public == before.Issuer.Public {
			rotate(t, dir, noon)
		}
		checkFiles(t, dir, before.Issuer)
	}
	for n := 0; ; n++ {
		dir, first := used(t)
		rotate(t, dir, noon)
		before := open(t, dir)
		_, steps, err := before.switchOver(dir, noon, 0)
		if err != nil {
			t.Fatal(err)
		}
		if n > len(steps) {
			break
		}
		walk(t, steps[:n])
		s, switched := open(t, dir), n > 4
		if s.Issuer.Public == first.Issuer.Public == switched || !switched && !sameState(before, s) || switched && len(s.Retired) != 1 {
			t.Errorf("switching, after %d steps: half a switch", n)
		}
		later := noon.Add(time.Minute)
		if !switched {
			rotate(t, dir, later)
			s = open(t, dir)
			if s.Retired[0].Retired != later {
				t.Errorf("after %d steps and another rotation, it retired at %s", n, s.Retired[0].Retired)
			}
		}
		if s.Retired[0].Text != first.Issuer.Public || !slices.Contains(s.IssuerTexts(), before.IssuerNext.Public) {
			t.Errorf("switching, after %d steps: a key is lost", n)
		}
		checkFiles(t, dir, first.Issuer)
	}
}

func walk(t *testing.T, steps []step) {
	t.Helper()
	for i, step := range steps {
		if err := step(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
}

// A draft that a crash tore is nothing to Open and is removed by Rotate.
func TestTornDrafts(t *testing.T) {
	dir, before := used(t)
	put(".issuer.next.key.123", "PRIV")(t, dir)
	put(".issuer.retired-00000000.pub.123", "iss")(t, dir)
	if !sameState(before, open(t, dir)) {
		t.Error("a torn draft changed the set")
	}
	rotate(t, dir, noon)
	rotate(t, dir, noon)
	checkFiles(t, dir, before.Issuer)
}

// A step that fails ends the rotation, and leaves no draft of a private key.
func TestStepFails(t *testing.T) {
	full := errors.New("no space left")
	for n := 0; ; n++ {
		dir, before := used(t)
		_, steps, err := before.announce(dir, noon, 0)
		if err != nil {
			t.Fatal(err)
		}
		if n == len(steps) {
			break
		}
		steps[n] = func() error { return full }
		if err := carryOut(dir, steps); !errors.Is(err, full) {
			t.Errorf("step %d: got %v", n, err)
		}
		s, files := open(t, dir), len(whole)
		if s.IssuerNext != nil {
			files++
		}
		if got := names(t, dir); !same(before, s) || len(got) != files {
			t.Errorf("step %d: left %v", n, got)
		}
	}
}

// An announcement never replaces another.
func TestAnnouncedMeanwhile(t *testing.T) {
	dir, before := used(t)
	_, steps, err := before.announce(dir, noon, 0)
	if err != nil {
		t.Fatal(err)
	}
	rotate(t, dir, noon)
	mid := open(t, dir)
	var e *Error
	if err := carryOut(dir, steps); !errors.As(err, &e) || e.Path != nextFile(dir) {
		t.Errorf("got %v", err)
	}
	if !sameState(mid, open(t, dir)) || len(names(t, dir)) != len(whole)+1 {
		t.Errorf("left %v", names(t, dir))
	}
}

func TestRotateWaits(t *testing.T) {
	dir, _ := used(t)
	if _, err := Rotate(dir, noon, MinAnnounced); err != nil {
		t.Fatal(err)
	}
	mid := open(t, dir)
	for _, early := range []time.Duration{-time.Hour, 0, MinAnnounced - time.Second} {
		var e *Error
		if _, err := Rotate(dir, noon.Add(early), MinAnnounced); !errors.As(err, &e) || !strings.Contains(e.Hint, "come back at 2026-05-04T12:10:00Z") {
			t.Errorf("after %s: got %v", early, err)
		}
	}
	if !sameState(mid, open(t, dir)) {
		t.Error("a refused switch changed the set")
	}
	r, err := Rotate(dir, noon.Add(MinAnnounced), MinAnnounced)
	if err != nil || !r.Switched {
		t.Errorf("in time: %+v, %v", r, err)
	}
}

// A key that somebody put there by hand has no known age.
func TestRotateToAKeyWithoutAge(t *testing.T) {
	dir, _ := used(t)
	text, _, err := seal.GenerateKey(bytes.NewReader(make([]byte, 64)), "issuer.by-hand")
	if err != nil {
		t.Fatal(err)
	}
	put("issuer.next.key", text)(t, dir)
	var e *Error
	if _, err := Rotate(dir, noon, MinAnnounced); !errors.As(err, &e) || !strings.Contains(e.Hint, "-now") {
		t.Errorf("got %v", err)
	}
	if r := rotate(t, dir, noon); !r.Switched || !strings.HasPrefix(r.Signs, "issuer.by-hand+") {
		t.Errorf("got %+v", r)
	}
}

// Keys of many rotations, all within a second, have different names and hashes,
// and are listed as they retired.
func TestRotateOften(t *testing.T) {
	dir, s := used(t)
	seen := map[string]bool{s.Issuer.Name(): true}
	var order []string
	for range 4 {
		order = append(order, open(t, dir).Issuer.Public)
		name, _, _ := strings.Cut(rotate(t, dir, noon).Next, "+")
		if seen[name] {
			t.Errorf("%s is there twice", name)
		}
		seen[name] = true
		rotate(t, dir, noon.Add(time.Duration(len(order))*time.Second))
	}
	s = open(t, dir)
	if diff := cmp.Diff(append([]string{s.Issuer.Public}, order...), s.IssuerTexts()); diff != "" {
		t.Error(diff)
	}
}

func TestIssuerTextsAt(t *testing.T) {
	dir, before := used(t)
	rotate(t, dir, noon)
	rotate(t, dir, noon)
	rotate(t, dir, noon.Add(time.Hour))
	s := open(t, dir)
	present := []string{s.Issuer.Public, s.IssuerNext.Public}
	all := append(slices.Clone(present), before.Issuer.Public)
	for _, c := range []struct {
		after time.Duration
		want  []string
	}{{-time.Hour, all}, {0, all}, {31*24*time.Hour - 1, all}, {31 * 24 * time.Hour, present}} {
		if diff := cmp.Diff(c.want, s.IssuerTextsAt(noon.Add(c.after))); diff != "" {
			t.Errorf("after %s: %s", c.after, diff)
		}
	}
	if diff := cmp.Diff(all, s.IssuerTexts()); diff != "" {
		t.Error(diff)
	}
}

// The names of a rotation go to places where a set of keys is not.
func TestRotateNeedsAHouse(t *testing.T) {
	dir, _ := used(t)
	linked := dir + "-link"
	if err := os.Symlink(dir, linked); err != nil {
		t.Fatal(err)
	}
	exposed, _ := used(t)
	chmod("", 0o755)(t, exposed)
	broken, _ := used(t)
	remove("issuer.key")(t, broken)
	for _, c := range []struct{ dir, msg string }{
		{filepath.Join(private(t), "nowhere"), "is not there"},
		{private(t), "holds no keys"},
		{linked + "/", "is a link"},
		{exposed, "others may enter it"},
		{broken, "is missing"},
	} {
		var e *Error
		if _, err := Rotate(c.dir, noon, 0); !errors.As(err, &e) || !strings.Contains(e.Msg, c.msg) {
			t.Errorf("want %q, got %v", c.msg, err)
		}
	}
}

func TestOpenRefusesIssuers(t *testing.T) {
	first := func(t *testing.T, dir string) (*Set, string) { // after one rotation and an announcement
		s := open(t, dir)
		rotate(t, dir, noon)
		rotate(t, dir, noon)
		rotate(t, dir, noon)
		v, err := seal.NewVerifier(s.Issuer.Public)
		if err != nil {
			t.Fatal(err)
		}
		return s, filepath.Base(retiredFile(dir, v))
	}
	cases := []struct {
		name  string
		spoil func(t *testing.T, dir, retired string, old *Set, key string)
		msg   string
	}{
		{"next is another role's", func(t *testing.T, dir, _ string, old *Set, _ string) {
			copyFile(t, file(dir, Gate), nextFile(dir))
		}, "another role"},
		{"next is no key", func(t *testing.T, dir, _ string, _ *Set, _ string) { put("issuer.next.key", "x")(t, dir) }, "is not a private key"},
		{"next may be read", func(t *testing.T, dir, _ string, _ *Set, _ string) { chmod("issuer.next.key", 0o604)(t, dir) }, "others may read it"},
		{"next has retired", func(t *testing.T, dir, _ string, _ *Set, key string) { put("issuer.next.key", key)(t, dir) }, "holds a key that has retired"},
		{"present has retired", func(t *testing.T, dir, _ string, _ *Set, key string) {
			remove("issuer.next.key")(t, dir)
			put("issuer.key", key)(t, dir)
		}, "holds a key that has retired"},
		{"retired may be written", func(t *testing.T, dir, retired string, _ *Set, _ string) { chmod(retired, 0o666)(t, dir) }, "others may write it"},
		{"retired under another name", func(t *testing.T, dir, retired string, _ *Set, _ string) {
			copyFile(t, filepath.Join(dir, retired), filepath.Join(dir, "issuer.retired-00000000.pub"))
		}, "holds another key"},
		{"retired is a directory", func(t *testing.T, dir, retired string, _ *Set, _ string) {
			remove(retired)(t, dir)
			if err := os.Mkdir(filepath.Join(dir, retired), 0o700); err != nil {
				t.Fatal(err)
			}
		}, "is not a plain file"},
		{"retired without a time", func(t *testing.T, dir, retired string, old *Set, _ string) {
			put(retired, old.Issuer.Public+"\n")(t, dir)
		}, "second line"},
		{"retired is private", func(t *testing.T, dir, retired string, _ *Set, key string) { put(retired, key)(t, dir) }, "is not a public key"},
		{"retired is another role's", func(t *testing.T, dir, retired string, old *Set, _ string) {
			put(retired, old.Gate.Public+"\nretired 2026-05-04T12:00:00Z\n")(t, dir)
		}, "another role"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir, _ := used(t)
			key, err := os.ReadFile(file(dir, Issuer))
			if err != nil {
				t.Fatal(err)
			}
			old, retired := first(t, dir)
			c.spoil(t, dir, retired, old, string(key))
			before := names(t, dir)
			for _, do := range []func() error{
				func() error { _, err := Open(dir, house); return err },
				func() error { _, err := Reload(dir, old); return err },
				func() error { _, err := Rotate(dir, noon, 0); return err },
			} {
				var e *Error
				if err := do(); !errors.As(err, &e) || !strings.Contains(e.Msg, c.msg) || e.Hint == "" || strings.Contains(err.Error(), "PRIVATE") {
					t.Errorf("got %v", err)
				}
			}
			if diff := cmp.Diff(before, names(t, dir)); diff != "" {
				t.Errorf("files changed: %s", diff)
			}
		})
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	put(filepath.Base(to), string(b))(t, filepath.Dir(to))
}
