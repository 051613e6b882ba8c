// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package keys

import (
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

// accepted is how long a retired key's tokens can still be good: 30 days, the
// longest life that a policy may give one, and a day for replicas that switch
// later than the first.
const accepted = 31 * 24 * time.Hour

// IssuerTexts lists the public texts of every key that signs, has signed or
// will sign as issuer: the present one, the announced one, and the retired. A
// trust file needs them for ever, since old bundles do.
func (s *Set) IssuerTexts() []string { return s.issuers(func(PublicKey) bool { return true }) }

// IssuerTextsAt lists those of IssuerTexts whose tokens can be good at now: a
// key falls out 31 days after it retired. These belong into the JWKS, and
// tokens are checked against them.
func (s *Set) IssuerTextsAt(now time.Time) []string {
	return s.issuers(func(k PublicKey) bool { return now.Before(k.Retired.Add(accepted)) })
}

func (s *Set) issuers(want func(retired PublicKey) bool) []string {
	texts := []string{s.Issuer.Public}
	if s.IssuerNext != nil {
		texts = append(texts, s.IssuerNext.Public)
	}
	for _, k := range s.Retired {
		if want(k) {
			texts = append(texts, k.Text)
		}
	}
	return texts
}

// signedAs reports whether the key signs as issuer or once did.
func (s *Set) signedAs(text string) bool {
	return s.Issuer.Public == text || slices.ContainsFunc(s.Retired, func(k PublicKey) bool { return k.Text == text })
}

func (s *Set) sameIssuers(o *Set) bool {
	return slices.Equal(s.IssuerTexts(), o.IssuerTexts()) && slices.Equal(s.Retired, o.Retired)
}

func nextFile(dir string) string { return filepath.Join(dir, Issuer+".next.key") }

// loadNext returns nil if no key is announced.
func loadNext(dir string) (*Key, error) {
	if _, err := os.Lstat(nextFile(dir)); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return loadRole(nextFile(dir), Issuer)
}

// A retired key's file has the hash of its key id in its name.
const (
	retiredPrefix = Issuer + ".retired-"
	retiredSuffix = ".pub"
)

func retiredFile(dir string, key seal.Verifier) string {
	return filepath.Join(dir, fmt.Sprintf("%s%08x%s", retiredPrefix, key.KeyHash(), retiredSuffix))
}

// loadRetired reads the retired keys, the first to retire first.
func loadRetired(dir string) ([]PublicKey, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list the directory of keys: %w", err)
	}
	var keys []PublicKey
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), retiredPrefix) || !strings.HasSuffix(e.Name(), retiredSuffix) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		text, err := readPublic(path)
		if err != nil {
			return nil, err
		}
		k, v, err := parseRetired(text)
		if err != nil {
			return nil, &Error{path, err.Error(), "put the file back from your backup of the keys"}
		}
		if retiredFile(dir, v) != path {
			return nil, &Error{path, "holds another key, " + seal.KeyID(v), "put the files of the set back under their own names"}
		}
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b PublicKey) int {
		if c := a.Retired.Compare(b.Retired); c != 0 {
			return c
		}
		return strings.Compare(a.Text, b.Text)
	})
	return keys, nil
}

// The paper of a retired key has two lines: its public text, and when it
// retired.
const retiredLine = "retired "

func retiredPaper(k PublicKey) string {
	return k.Text + "\n" + retiredLine + k.Retired.Format(time.RFC3339)
}

func parseRetired(text string) (PublicKey, seal.Verifier, error) {
	public, rest, _ := strings.Cut(strings.TrimSuffix(text, "\n"), "\n")
	v, err := seal.NewVerifier(public)
	if err != nil {
		return PublicKey{}, nil, errors.New("is not a public key") // says nothing of a private one
	}
	if !strings.HasPrefix(v.Name(), Issuer+".") {
		return PublicKey{}, nil, errors.New("holds the key of another role, " + seal.KeyID(v))
	}
	at, err := time.Parse(retiredLine+time.RFC3339, rest)
	k := PublicKey{Role: Issuer, Text: public, Retired: at.UTC()}
	if err != nil || retiredPaper(k) != public+"\n"+rest {
		return PublicKey{}, nil, fmt.Errorf("its second line is not %q and a time in UTC", strings.TrimSpace(retiredLine))
	}
	return k, v, nil
}

// addIssuers takes the issuer's other keys into s, which must agree with the
// present one.
func (s *Set) addIssuers(dir string, next *Key, retired []PublicKey) error {
	if next != nil && next.Public == s.Issuer.Public {
		next = nil // left behind where the files of a finished rotation were copied to
	}
	for _, k := range retired {
		switch {
		case next != nil && k.Text == next.Public:
			return &Error{nextFile(dir), "holds a key that has retired, " + seal.KeyID(next), "remove the file"}
		case k.Text != s.Issuer.Public:
			s.Retired = append(s.Retired, k)
		case next == nil:
			return &Error{file(dir, Issuer), "holds a key that has retired, " + seal.KeyID(s.Issuer),
				"put the key back that signs now, from another replica or your backup"}
		}
		// Else a switch was cut off before it was done: the key still signs.
	}
	s.IssuerNext = next
	return nil
}
