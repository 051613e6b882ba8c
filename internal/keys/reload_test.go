// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

func reload(t *testing.T, dir string, old *Set) *Set {
	t.Helper()
	s, err := Reload(dir, old)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestReload(t *testing.T) {
	dir, s := used(t)
	if reload(t, dir, s) != s {
		t.Error("nothing has changed, and the set is another")
	}
	for _, change := range []struct {
		name string
		do   func()
	}{
		{"announced", func() { rotate(t, dir, noon) }},
		{"switched", func() { rotate(t, dir, noon) }},
		{"announced again", func() { rotate(t, dir, noon) }},
		{"withdrawn", func() { remove("issuer.next.key")(t, dir) }},
		{"retired later", func() {
			later := PublicKey{Issuer, s.Retired[0].Text, noon.Add(time.Hour)}
			put(filepath.Base(retiredOf(t, dir, later.Text)), retiredPaper(later))(t, dir)
		}},
		{"no longer accepted", func() { remove(filepath.Base(retiredOf(t, dir, s.Retired[0].Text)))(t, dir) }},
	} {
		change.do()
		now := reload(t, dir, s)
		if now == s || !sameState(now, open(t, dir)) {
			t.Errorf("%s: not taken up", change.name)
		}
		if reload(t, dir, now) != now {
			t.Errorf("%s: taken up twice", change.name)
		}
		s = now
	}
}

func retiredOf(t *testing.T, dir, text string) string {
	t.Helper()
	v, err := seal.NewVerifier(text)
	if err != nil {
		t.Fatal(err)
	}
	return retiredFile(dir, v)
}

// Nothing but the issuer's key changes under a daemon that runs.
func TestReloadRefuses(t *testing.T) {
	for _, role := range roles() {
		dir, s := used(t)
		other, _ := used(t)
		copyFile(t, file(other, role), file(dir, role))
		var e *Error
		if got, err := Reload(dir, s); got != nil || !errors.As(err, &e) || e.Path != file(dir, role) {
			t.Errorf("%s: got %v", role, err)
		}
	}
	dir, s := used(t)
	remove("salt.key")(t, dir)
	if _, err := Reload(dir, s); err == nil {
		t.Error("reloaded a set that is not whole")
	}
	if got := names(t, dir); len(got) != 5 {
		t.Errorf("reloading made files: %v", got)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := Reload(dir, s); err == nil {
		t.Error("reloaded nothing")
	}
}

// A rotation reaches a replica file by file, in any order, and nothing is taken
// away there. Reload takes up whole sets only, and in the end the replica is as
// the first.
func TestReloadWhileFilesAreCopied(t *testing.T) {
	for _, reverse := range []bool{false, true} {
		dir, s := used(t)
		replica := private(t)
		copyOver(t, dir, replica)
		first := s.Issuer.Public
		for range 5 { // two whole rotations and an announcement
			rotate(t, dir, noon)
			files := names(t, dir)
			for i := range files {
				n := files[i]
				if reverse {
					n = files[len(files)-1-i]
				}
				put(n, "")(t, replica) // as cp begins it
				s = takeUp(t, replica, s, first)
				copyFile(t, filepath.Join(dir, n), filepath.Join(replica, n))
				s = takeUp(t, replica, s, first)
			}
			if !sameState(s, open(t, dir)) || !sameState(s, open(t, replica)) {
				t.Fatalf("reverse %v: the replica is another house", reverse)
			}
		}
	}
}

// takeUp reloads, if it can be, and wants the first key to be accepted throughout.
func takeUp(t *testing.T, dir string, s *Set, first string) *Set {
	t.Helper()
	now, err := Reload(dir, s)
	if err != nil {
		return s
	}
	if !now.signedAs(first) {
		t.Error("the first key is lost")
	}
	return now
}

// The replica's leftover of the announcement does not hinder its own rotation.
func TestRotateOnAReplica(t *testing.T) {
	dir, _ := used(t)
	replica := private(t)
	rotate(t, dir, noon)
	copyOver(t, dir, replica)
	rotate(t, dir, noon)
	copyOver(t, dir, replica)
	if r := rotate(t, replica, noon.Add(time.Hour)); r.Switched {
		t.Error("switched to the key that signs")
	}
	if s := open(t, replica); s.IssuerNext == nil || s.IssuerNext.Public == s.Issuer.Public {
		t.Error("nothing new is announced")
	}
}

// Readers see a rotation as not begun or as done, whenever they look.
func TestOpenDuringRotation(t *testing.T) {
	dir, s := used(t)
	done := make(chan error, 1)
	go func() {
		var err error
		for range 40 {
			_, e := Rotate(dir, noon, 0)
			err = errors.Join(err, e)
		}
		done <- err
	}()
	for {
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			if now := reload(t, dir, s); len(now.Retired) != 20 {
				t.Errorf("%d keys have retired", len(now.Retired))
			}
			return
		default:
		}
		now, err := Reload(dir, s)
		var e *Error
		switch {
		case errors.As(err, &e): // more than one step went by while it read
		case err != nil:
			t.Error(err)
		default:
			s = now
		}
	}
}

// A retired key is accepted for longer than any policy lets a token live.
func TestAcceptedCoversTheLongestLife(t *testing.T) {
	const wpc = `{"wpc_version":"v1","tool":"confluence","resources":{"spaces_allowlist":["A"]},"actions":{"read":{"allowed":true}},"runtime":{"max_ttl_seconds":SECONDS}}`
	if _, err := policy.Parse([]byte(strings.Replace(wpc, "SECONDS", "2592000", 1))); err != nil {
		t.Fatal(err)
	}
	if _, err := policy.Parse([]byte(strings.Replace(wpc, "SECONDS", "2592001", 1))); err == nil {
		t.Error("policies may give tokens more than 30 days: let retired keys be accepted for longer")
	}
	if accepted < (30*24+1)*time.Hour {
		t.Errorf("accepted for %s", accepted)
	}
}

func FuzzParseRetired(f *testing.F) {
	s, err := Open(filepath.Join(f.TempDir(), "keys"), house)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(s.Issuer.Public + "\nretired 2026-05-04T12:00:00Z\n")
	f.Add(s.Issuer.Public + "\nretired 2026-05-04T12:00:00.5+01:00\n")
	f.Add(s.Issuer.Public)
	f.Add(s.Gate.Public + "\nretired 2026-05-04T12:00:00Z")
	f.Fuzz(func(t *testing.T, text string) {
		k, v, err := parseRetired(text)
		if err != nil {
			if strings.Contains(err.Error(), "PRIVATE") {
				t.Errorf("%q repeats a key", err)
			}
			return
		}
		if k.Role != Issuer || !strings.HasPrefix(v.Name(), "issuer.") || k.Retired.Location() != time.UTC || k.Retired.Nanosecond() != 0 {
			t.Errorf("accepted %q as %+v", text, k)
		}
		if again, _, err := parseRetired(retiredPaper(k) + "\n"); err != nil || again != k {
			t.Errorf("%+v became %+v, %v", k, again, err)
		}
	})
}

func BenchmarkReload(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "keys")
	s, err := Open(dir, house)
	if err != nil {
		b.Fatal(err)
	}
	for range 2 {
		if _, err := Rotate(dir, noon, 0); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if _, err := Reload(dir, s); err != nil {
			b.Fatal(err)
		}
	}
}
