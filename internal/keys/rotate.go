// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/seal"
)

// MinAnnounced is how long a key should be announced before it signs: long
// enough for every replica to have it and for every cached JWKS to be fetched
// again.
const MinAnnounced = 10 * time.Minute

// A Rotation says what Rotate did. Keys are named by their ids.
type Rotation struct {
	Switched bool      // the second step, else the first
	Signs    string    // the issuer's key from now on
	Next     string    // announced; "" after a switch
	Ready    time.Time // when Next may sign; zero after a switch
	Retired  string    // signs no more; "" after an announcement
	Until    time.Time // when the last token of Retired has expired; zero after an announcement
}

// Rotate takes the next step in changing the issuer's key in dir, which must
// hold a whole set. The first step announces: it makes the next key, which is
// accepted and does not sign. The second switches: the next key signs, and of
// the old one only the public half is left, with the time. It is refused
// (*Error) before the key was announced for wait; wait is MinAnnounced, or 0 if
// the old key has leaked.
//
// A crash at any point leaves the set as before or as after; what it left lying
// about is removed by the next Rotate. Only one Rotate may work on a directory
// at a time.
func Rotate(dir string, now time.Time, wait time.Duration) (*Rotation, error) {
	dir = filepath.Clean(dir)
	s, err := openUsed(dir)
	if err != nil {
		return nil, err
	}
	now = now.UTC().Truncate(time.Second)
	do := s.announce
	if s.IssuerNext != nil {
		do = s.switchOver
	}
	r, steps, err := do(dir, now, wait)
	if err != nil {
		return nil, err
	}
	if err := carryOut(dir, steps); err != nil {
		return nil, err
	}
	return r, nil
}

// openUsed reads the set of a house that has one; unlike Open, it never makes one.
func openUsed(dir string) (*Set, error) {
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, &Error{dir, "is not there", "name the directory of the house's keys, \"keys\" in the daemon's configuration"}
	}
	if err := checkDir(dir); err != nil {
		return nil, err
	}
	have, err := survey(dir)
	if err != nil {
		return nil, err
	}
	if len(have.keys) == 0 {
		return nil, &Error{dir, "holds no keys", "name the directory of the house's keys, \"keys\" in the daemon's configuration"}
	}
	if err := settle(dir, have); err != nil {
		return nil, err
	}
	return load(dir)
}

// A step is done or not done; a crash comes between two.
type step func() error

// carryOut leaves no drafts behind if a step fails.
func carryOut(dir string, steps []step) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return errors.Join(err, sweep(dir))
		}
	}
	return nil
}

// announce makes the next key. It signs nothing before a switch, so that it may
// be lost until its file has its name.
func (s *Set) announce(dir string, now time.Time, wait time.Duration) (*Rotation, []step, error) {
	private, next, at, err := s.newIssuer(now)
	if err != nil {
		return nil, nil, err
	}
	var draft string
	steps := []step{
		func() error { return removeSwitched(dir, s.Issuer) },
		func() (err error) { draft, err = draftOf(nextFile(dir), private, 0o600); return err },
		func() error { return nameNext(draft, nextFile(dir)) },
		func() error { return syncDir(dir) },
		func() error { return sweep(dir) },
	}
	return &Rotation{Signs: seal.KeyID(s.Issuer), Next: seal.KeyID(next), Ready: at.Add(wait)}, steps, nil
}

// switchOver lets the next key sign. One rename does it, and takes the old
// private half away; the old public half is safe by then.
func (s *Set) switchOver(dir string, now time.Time, wait time.Duration) (*Rotation, []step, error) {
	if err := s.ready(dir, now, wait); err != nil {
		return nil, nil, err
	}
	old, err := seal.NewVerifier(s.Issuer.Public)
	if err != nil {
		return nil, nil, err
	}
	paper := retiredPaper(PublicKey{Role: Issuer, Text: s.Issuer.Public, Retired: now})
	var draft string
	steps := []step{
		func() error { return sweep(dir) },
		func() (err error) { draft, err = draftOf(retiredFile(dir, old), paper, 0o644); return err },
		func() error { return replace(draft, retiredFile(dir, old)) },
		func() error { return syncDir(dir) },
		func() error { return replace(nextFile(dir), file(dir, Issuer)) },
		func() error { return syncDir(dir) },
	}
	return &Rotation{Switched: true, Signs: seal.KeyID(s.IssuerNext), Retired: seal.KeyID(old), Until: now.Add(accepted)}, steps, nil
}

// The name of an issuer's key that came by rotation says when it was announced:
// "issuer.20060102T150405Z.HOUSE". So no two have one name, and no file has to
// keep the time.
const announcedForm = "20060102T150405Z"

func issuerName(at time.Time, house string) string {
	return Issuer + "." + at.Format(announcedForm) + "." + house
}

// announced returns when the key of this name was announced; false if the name
// does not say.
func announced(name string) (time.Time, bool) {
	label, _, _ := strings.Cut(strings.TrimPrefix(name, Issuer+"."), ".")
	at, err := time.Parse(announcedForm, label)
	return at, err == nil
}

// newIssuer makes a key whose name and hash no other issuer's key here has: of
// several in a second, the later bear the seconds after it.
func (s *Set) newIssuer(now time.Time) (private string, public seal.Verifier, at time.Time, err error) {
	house := strings.TrimPrefix(s.Gate.Name(), Gate+".")
	for at = now; ; at = at.Add(time.Second) {
		private, text, err := seal.GenerateKey(rand.Reader, issuerName(at, house))
		if err != nil {
			return "", nil, at, err
		}
		public, err := seal.NewVerifier(text)
		if err != nil {
			return "", nil, at, err
		}
		taken := slices.ContainsFunc(s.IssuerTexts(), func(other string) bool {
			v, err := seal.NewVerifier(other)
			return err != nil || v.Name() == public.Name() || v.KeyHash() == public.KeyHash()
		})
		if !taken {
			return private, public, at, nil
		}
	}
}

// ready refuses a switch to a key that was not announced for wait.
func (s *Set) ready(dir string, now time.Time, wait time.Duration) error {
	if wait <= 0 {
		return nil
	}
	at, ok := announced(s.IssuerNext.Name())
	if !ok {
		return &Error{nextFile(dir), "does not say since when its key is announced, " + seal.KeyID(s.IssuerNext),
			"switch with -now, once every replica has had the file for " + minutes(wait)}
	}
	if first := at.Add(wait); now.Before(first) {
		return &Error{nextFile(dir), fmt.Sprintf("is announced since %s, which is less than %s", at.Format(time.RFC3339), minutes(wait)),
			fmt.Sprintf("come back at %s, or use -now if the key that signs has leaked", first.Format(time.RFC3339))}
	}
	return nil
}

func minutes(d time.Duration) string { return strings.TrimSuffix(d.String(), "0s") }

// sweep removes what a crash left of the issuer's drafts: private halves among it.
func sweep(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("list the directory of keys: %w", err)
	}
	next, retired := "."+filepath.Base(nextFile(dir))+".", "."+retiredPrefix
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), next) && !strings.HasPrefix(e.Name(), retired) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove a key's draft: %w", err)
		}
	}
	return nil
}

// removeSwitched removes an announcement that has become the present key
// already: its file was left behind when another directory's were copied here.
func removeSwitched(dir string, present *Key) error {
	next, err := loadNext(dir)
	if err != nil || next == nil || next.Public != present.Public {
		return err
	}
	if err := os.Remove(nextFile(dir)); err != nil {
		return fmt.Errorf("remove a key that signs already from the announced: %w", err)
	}
	return nil
}

func nameNext(from, to string) error {
	err := os.Link(from, to)
	if errors.Is(err, fs.ErrExist) {
		return &Error{to, "was made by somebody else meanwhile", "see which key it holds, and rotate once more if you mean to switch to it"}
	}
	if err != nil {
		return fmt.Errorf("name a new key: %w", err)
	}
	return nil
}

func replace(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("name a key: %w", err)
	}
	return nil
}
