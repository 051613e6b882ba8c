// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/seal"
)

const house = "clawea.local"

func open(t *testing.T, dir string) *Set {
	t.Helper()
	s, err := Open(dir, house)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// private makes an empty directory that its owner alone may enter.
func private(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "keys")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// same reports whether a and b are the same keys.
func same(a, b *Set) bool {
	return slices.Equal(a.Public(), b.Public()) && bytes.Equal(a.Store, b.Store) && bytes.Equal(a.Salt, b.Salt)
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

var whole = []string{"gate.key", "issuer.key", "log.key", "registry.key", "salt.key", "store.key"}

func TestOpenMakesAWholeSetOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "keys")
	first := open(t, dir)
	if diff := cmp.Diff(whole, names(t, dir)); diff != "" {
		t.Error(diff)
	}
	if fi, _ := os.Stat(dir); fi.Mode().Perm() != 0o700 {
		t.Errorf("directory has mode %v", fi.Mode())
	}
	for _, n := range whole {
		if fi, _ := os.Stat(filepath.Join(dir, n)); fi.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", n, fi.Mode())
		}
	}
	if len(first.Store) != 32 || len(first.Salt) != 32 || bytes.Equal(first.Store, first.Salt) {
		t.Errorf("secrets of %d and %d bytes", len(first.Store), len(first.Salt))
	}
	if !same(first, open(t, dir)) {
		t.Error("opening again gave other keys")
	}
	if same(first, open(t, private(t))) {
		t.Error("two houses have the same keys")
	}
}

func TestPublicHalvesVerify(t *testing.T) {
	s := open(t, private(t))
	signers := []*Key{s.Gate, s.Issuer, s.Registry, s.Log}
	for i, p := range s.Public() {
		v, err := seal.NewVerifier(p.Text)
		if err != nil {
			t.Fatal(err)
		}
		if want := p.Role + "." + house; v.Name() != want || signers[i].Name() != want {
			t.Errorf("keys %q and %q, want %q", v.Name(), signers[i].Name(), want)
		}
		sig, err := signers[i].Sign([]byte("x"))
		if err != nil || !v.Verify([]byte("x"), sig) || v.Verify([]byte("y"), sig) {
			t.Errorf("%s: signature does not match its public half: %v", p.Role, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	cases := []struct {
		name  string
		spoil func(t *testing.T, dir string)
		path  string // under the directory
		msg   string
		hint  string
	}{
		{"readable key", chmod("salt.key", 0o640), "salt.key", "others may read it (mode 0640)", "chmod 600 "},
		{"world-readable key", chmod("gate.key", 0o604), "gate.key", "others may read it", "chmod 600 "},
		{"open directory", chmod("", 0o750), "", "others may enter it", "chmod 700 "},
		{"missing key", remove("issuer.key"), "issuer.key", "is missing", "backup"},
		{"missing secret", remove("store.key"), "store.key", "is missing", "backup"},
		{"link", link, "log.key", "is not a plain file", "not a link"},
		{"empty key", put("gate.key", ""), "gate.key", "is not a private key", ""},
		{"public half", publicOnly, "gate.key", "is not a private key", ".pub"},
		{"huge key", put("gate.key", strings.Repeat("x", maxFile+1)), "gate.key", "longer than", ""},
		{"short secret", put("store.key", "abcd"), "store.key", "want 64 hex digits", "backup"},
		{"swapped keys", swap("gate.key", "issuer.key"), "gate.key", "another role", "names"},
		{"strange files only", strange, "", "is not empty: notes.txt", "empty directory"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := private(t)
			open(t, dir)
			c.spoil(t, dir)
			before := names(t, dir)
			_, err := Open(dir, house)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if e.Path != filepath.Join(dir, c.path) || !strings.Contains(e.Msg, c.msg) || !strings.Contains(e.Hint, c.hint) {
				t.Errorf("got %q", err)
			}
			if diff := cmp.Diff(before, names(t, dir)); diff != "" {
				t.Errorf("files changed: %s", diff)
			}
		})
	}
}

// A crash at any point of making a set leaves a directory that opens: with new
// keys while nothing can have used the old, with the same keys from then on.
func TestCrashWhileMaking(t *testing.T) {
	t.Run("between drafts", func(t *testing.T) {
		dir := private(t)
		torn := draftFile(dir, Issuer)
		if err := draft(dir, house); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.WriteFile(torn, []byte("PRIV"), 0o600), os.Remove(draftFile(dir, salt))); err != nil {
			t.Fatal(err)
		}
		first := open(t, dir)
		if diff := cmp.Diff(whole, names(t, dir)); diff != "" || !same(first, open(t, dir)) {
			t.Errorf("not settled: %s", diff)
		}
	})
	for n := 1; n <= len(roles()); n++ {
		t.Run(fmt.Sprintf("after %d names", n), func(t *testing.T) {
			dir := private(t)
			if err := draft(dir, house); err != nil {
				t.Fatal(err)
			}
			for _, role := range roles()[:n] {
				if err := publish(draftFile(dir, role), file(dir, role)); err != nil {
					t.Fatal(err)
				}
			}
			gate, err := LoadSigner(file(dir, Gate))
			if err != nil {
				t.Fatal(err)
			}
			s := open(t, dir)
			if s.Gate.Public != gate.Public {
				t.Error("a key that was in use has changed")
			}
			if diff := cmp.Diff(whole, names(t, dir)); diff != "" || !same(s, open(t, dir)) {
				t.Errorf("not settled: %s", diff)
			}
		})
	}
}

func TestOpenRefusesLinkedDirectory(t *testing.T) {
	dir := private(t)
	open(t, dir)
	link := dir + "-link"
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	var e *Error
	for _, d := range []string{link, link + "/", file(dir, Gate)} {
		if _, err := Open(d, house); err == nil {
			t.Errorf("%s: opened", d)
		}
	}
	if _, err := Open(link+"/", house); !errors.As(err, &e) || !strings.Contains(e.Msg, "is a link") {
		t.Errorf("got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	private, public, err := seal.GenerateKey(rand.Reader, "gate."+house)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(private)
	f.Add(public)
	f.Add("PRIVATE+KEY+a+00000000+AA==")
	f.Fuzz(func(t *testing.T, text string) {
		key, err := parse(text)
		if err != nil {
			return
		}
		v, err := seal.NewVerifier(key.Public)
		if err != nil || seal.KeyID(v) != seal.KeyID(key) {
			t.Errorf("public half %q of %s: %v", key.Public, seal.KeyID(key), err)
		}
	})
}

func TestPublishNeverReplaces(t *testing.T) {
	dir := private(t)
	s := open(t, dir)
	if err := draft(dir, house); err != nil {
		t.Fatal(err)
	}
	if err := publish(draftFile(dir, Gate), file(dir, Gate)); err != nil {
		t.Fatal(err)
	}
	if !same(s, open(t, dir)) {
		t.Error("a key was replaced by another process's draft")
	}
}

func TestBadHouseNameMakesNothing(t *testing.T) {
	dir := private(t)
	if _, err := Open(dir, "two words"); err == nil {
		t.Fatal("a key name with a space was accepted")
	}
	if got := names(t, dir); len(got) != 0 {
		t.Errorf("left %v", got)
	}
}

func TestGenerateTo(t *testing.T) {
	path := filepath.Join(private(t), "alice.key")
	public, err := GenerateTo(path, "alice")
	if err != nil {
		t.Fatal(err)
	}
	key, err := LoadSigner(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	if string(b) != public+"\n" || key.Public != public || key.Name() != "alice" {
		t.Errorf("public halves %q, %q and %q of %q", b, public, key.Public, key.Name())
	}
	if fi, _ := os.Stat(path); fi.Mode().Perm() != 0o600 {
		t.Errorf("private half has mode %v", fi.Mode())
	}
	if diff := cmp.Diff([]string{"alice.key", "alice.key.pub"}, names(t, filepath.Dir(path))); diff != "" {
		t.Error(diff)
	}
	var e *Error
	if _, err := GenerateTo(path, "alice"); !errors.As(err, &e) || e.Msg != "is there already" {
		t.Errorf("second time: got %v", err)
	}
	if again, err := LoadSigner(path); err != nil || again.Public != public {
		t.Errorf("the key was replaced: %v", err)
	}
	if _, err := GenerateTo(path+"2", "a+b"); err == nil {
		t.Error("a name with a plus sign was accepted")
	}
	if _, err := LoadSigner(path + "3"); !errors.As(err, &e) {
		t.Errorf("missing file: got %v", err)
	}
}

func TestNothingLeaks(t *testing.T) {
	dir := private(t)
	s := open(t, dir)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("keys", "set", s, "value", *s, "gate", s.Gate)
	out := log.String() + fmt.Sprintf("%v %+v %#v %s %v", s, s, s, s, *s)
	if err := os.WriteFile(file(dir, Gate), []byte("PRIVATE+KEY+gate."+house+"+00000000+secretsecret"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(dir, house)
	out += err.Error()
	for _, secret := range []string{hex.EncodeToString(s.Store), fmt.Sprint(s.Store), hex.EncodeToString(s.Salt), "PRIVATE", "secretsecret"} {
		if strings.Contains(out, secret) {
			t.Errorf("%q in %s", secret, out)
		}
	}
}

func chmod(name string, mode os.FileMode) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
}

func remove(name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func put(name, text string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func link(t *testing.T, dir string) {
	elsewhere := filepath.Join(private(t), "log.key")
	if err := errors.Join(os.Rename(file(dir, Log), elsewhere), os.Symlink(elsewhere, file(dir, Log))); err != nil {
		t.Fatal(err)
	}
}

func publicOnly(t *testing.T, dir string) {
	key, err := LoadSigner(file(dir, Gate))
	if err != nil {
		t.Fatal(err)
	}
	put("gate.key", key.Public)(t, dir)
}

func swap(a, b string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		a, b, c := filepath.Join(dir, a), filepath.Join(dir, b), filepath.Join(dir, "c")
		if err := errors.Join(os.Rename(a, c), os.Rename(b, a), os.Rename(c, b)); err != nil {
			t.Fatal(err)
		}
	}
}

func strange(t *testing.T, dir string) {
	for _, n := range names(t, dir) {
		remove(n)(t, dir)
	}
	put("notes.txt", "x")(t, dir)
}
