// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package keys holds the house's own keys in a directory, and makes keys for
// people. Users meet it as the keys directory of the daemon and as the key
// files that sign WPCs and approvals.
//
// A set of keys is whole or it is an error: a key that is missing from a house
// that has run is never made anew, for what the old one signed or encrypted
// would be lost without a word.
package keys

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/clawea/clawea/seal"
)

// The roles of the house's signing keys. Each is the name of its file, without
// ".key", and the first part of its key's name.
const (
	Gate     = "gate"     // signs receipts and standings
	Issuer   = "issuer"   // signs CSTs and their records
	Registry = "registry" // signs bindings
	Log      = "log"      // signs checkpoints
)

// The secrets beside them, 32 random bytes each.
const (
	store = "store" // encrypts texts at rest
	salt  = "salt"  // derives the salts of commitments
)

var (
	signing = [...]string{Gate, Issuer, Registry, Log}
	secrets = [...]string{store, salt}
)

const secretSize = 32

// A Key signs, and knows its public half.
type Key struct {
	seal.Signer
	Public string // text form, for seal.NewVerifier
}

// LogValue says which key it is and nothing of it.
func (k *Key) LogValue() slog.Value { return slog.StringValue(seal.KeyID(k)) }

// A Set is the keys of one house.
type Set struct {
	Gate     *Key   // signs receipts and standings
	Issuer   *Key   // signs CSTs and their records
	Registry *Key   // signs bindings
	Log      *Key   // signs the log's checkpoints
	Store    []byte // 32 bytes: encrypts texts at rest
	Salt     []byte // 32 bytes: derives the salts of commitments
}

// String says nothing of the keys.
func (Set) String() string { return "[secret]" }

// GoString says nothing of the keys.
func (Set) GoString() string { return "[secret]" }

// LogValue says nothing of the keys.
func (Set) LogValue() slog.Value { return slog.StringValue("[secret]") }

// A PublicKey is the public half of the key of one role.
type PublicKey struct {
	Role string // Gate, Issuer, Registry or Log
	Text string // for seal.NewVerifier
}

// Public lists the public halves, in the order of the roles above.
func (s *Set) Public() []PublicKey {
	return []PublicKey{{Gate, s.Gate.Public}, {Issuer, s.Issuer.Public}, {Registry, s.Registry.Public}, {Log, s.Log.Public}}
}

// An Error says what is wrong with a file of keys, and what mends it.
type Error struct {
	Path string
	Msg  string
	Hint string
}

// Error returns two lines: what is wrong; what mends it.
func (e *Error) Error() string { return e.Path + ": " + e.Msg + "\n" + e.Hint }

// Open reads the keys in dir. A directory that is missing or empty gets new
// ones first, named after their role and house ("gate.clawea.local"). Errors
// about what is found there are *Error: a set that is not whole, a file or a
// directory that others may read, a link, a file that is not a key.
func Open(dir, house string) (*Set, error) {
	dir = filepath.Clean(dir) // a slash at the end would follow a link
	if err := prepare(dir, house); err != nil {
		return nil, err
	}
	return load(dir)
}

func load(dir string) (*Set, error) {
	s := new(Set)
	for _, k := range []struct {
		role string
		key  **Key
	}{{Gate, &s.Gate}, {Issuer, &s.Issuer}, {Registry, &s.Registry}, {Log, &s.Log}} {
		key, err := LoadSigner(file(dir, k.role))
		if err != nil {
			return nil, err
		}
		if !strings.HasPrefix(key.Name(), k.role+".") {
			return nil, &Error{file(dir, k.role), "holds the key of another role, " + seal.KeyID(key),
				"Put the files of the set back under their own names."}
		}
		*k.key = key
	}
	var err error
	if s.Store, err = loadSecret(file(dir, store)); err != nil {
		return nil, err
	}
	if s.Salt, err = loadSecret(file(dir, salt)); err != nil {
		return nil, err
	}
	return s, nil
}

func loadSecret(path string) ([]byte, error) {
	text, err := readPrivate(path)
	if err != nil {
		return nil, err
	}
	b, err := hex.DecodeString(strings.TrimSpace(text))
	if err != nil || len(b) != secretSize {
		return nil, &Error{path, fmt.Sprintf("want %d hex digits", 2*secretSize), "Put the file back from your backup of the keys."}
	}
	return b, nil
}

// LoadSigner reads a private key's file, such as Open and GenerateTo write. It
// refuses a file that others may read.
func LoadSigner(path string) (*Key, error) {
	text, err := readPrivate(path)
	if err != nil {
		return nil, err
	}
	key, err := parse(text)
	if err != nil {
		return nil, &Error{path, "is not a private key", "Name the file that was made with the key; its public half ends in .pub."}
	}
	return key, nil
}

func parse(text string) (*Key, error) {
	text = strings.TrimSpace(text)
	signer, err := seal.NewSigner(text)
	if err != nil {
		return nil, err
	}
	public, err := publicHalf(text, signer.Name())
	if err != nil {
		return nil, err
	}
	return &Key{signer, public}, nil
}

// publicHalf derives the public text of a private one that seal.NewSigner
// accepts: "PRIVATE+KEY+name+hash+base64", the last an algorithm byte and a seed.
func publicHalf(private, name string) (string, error) {
	parts := strings.SplitN(private, "+", 5)
	b, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil || len(b) != 1+ed25519.SeedSize {
		return "", errors.New("not an Ed25519 key")
	}
	public := ed25519.NewKeyFromSeed(b[1:]).Public().(ed25519.PublicKey)
	return note.NewEd25519VerifierKey(name, public)
}

// GenerateTo makes a key for a person or an author: the private half at path,
// readable by its owner alone, and the public half, which it returns, beside it
// with ".pub" added. It never replaces a file.
func GenerateTo(path, name string) (public string, err error) {
	for _, p := range []string{path, path + ".pub"} {
		if _, err := os.Lstat(p); !errors.Is(err, fs.ErrNotExist) {
			return "", &Error{p, "is there already", "Choose another file, or move this one away first."}
		}
	}
	private, public, err := seal.GenerateKey(rand.Reader, name)
	if err != nil {
		return "", err
	}
	if err := write(path, private, 0o600); err != nil {
		return "", err
	}
	return public, write(path+".pub", public, 0o644)
}

func file(dir, role string) string { return filepath.Join(dir, role+".key") }

func roles() []string { return slices.Concat(signing[:], secrets[:]) }
