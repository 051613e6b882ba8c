// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package keys holds the house's own keys in a directory, and makes keys for
// people. Users meet it as the keys directory of the daemon and as the key
// files that sign WPCs and approvals.
//
// A set of keys is whole or it is an error: a key that is missing from a house
// that has run is never made anew, for what the old one signed or encrypted
// would be lost without a word.
//
// The issuer's key alone can be rotated (Rotate). Beside the set lie then, as
// long as there are such keys, "issuer.next.key" and "issuer.retired-HASH.pub".
package keys

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/subtle"
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
	"time"

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

	IssuerNext *Key        // announced, accepted, and not signing yet; nil between rotations
	Retired    []PublicKey // signed as issuer once, the first to retire first
}

// String says nothing of the keys.
func (Set) String() string { return "[secret]" }

// GoString says nothing of the keys.
func (Set) GoString() string { return "[secret]" }

// LogValue says nothing of the keys.
func (Set) LogValue() slog.Value { return slog.StringValue("[secret]") }

// A PublicKey is the public half of the key of one role.
type PublicKey struct {
	Role    string    // Gate, Issuer, Registry or Log
	Text    string    // for seal.NewVerifier
	Retired time.Time // when it ceased to sign, UTC in whole seconds; zero: it has not
}

// Public lists the public halves of the keys that sign now, in the order of the
// roles above.
func (s *Set) Public() []PublicKey {
	return []PublicKey{
		{Role: Gate, Text: s.Gate.Public}, {Role: Issuer, Text: s.Issuer.Public},
		{Role: Registry, Text: s.Registry.Public}, {Role: Log, Text: s.Log.Public},
	}
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

// Reload reads the keys in dir again, for a daemon that runs with old, and
// returns old itself if nothing has changed. It makes and removes no file, and
// is cheap enough for every few seconds. It takes up a rotation of the issuer's
// key, and refuses (*Error) a set that differs in anything else, or that does
// not know the key which old signs with any more: so it is while files are
// being copied, and then the next Reload succeeds.
func Reload(dir string, old *Set) (*Set, error) {
	dir = filepath.Clean(dir)
	if err := checkDir(dir); err != nil {
		return nil, err
	}
	s, err := load(dir)
	if err != nil {
		return nil, err
	}
	if path := old.lost(s, dir); path != "" {
		return nil, &Error{path, "is not of the keys that the daemon runs with", "put the files back, or restart the daemon if you mean it"}
	}
	if s.sameIssuers(old) {
		return old, nil
	}
	return s, nil
}

// lost names a file of new that lacks what it held in s, or returns "".
func (s *Set) lost(new *Set, dir string) string {
	for _, k := range []struct {
		role      string
		unchanged bool
	}{
		{Gate, new.Gate.Public == s.Gate.Public},
		{Issuer, new.signedAs(s.Issuer.Public)},
		{Registry, new.Registry.Public == s.Registry.Public},
		{Log, new.Log.Public == s.Log.Public},
		{store, subtle.ConstantTimeCompare(new.Store, s.Store) == 1},
		{salt, subtle.ConstantTimeCompare(new.Salt, s.Salt) == 1},
	} {
		if !k.unchanged {
			return file(dir, k.role)
		}
	}
	return ""
}

// load reads a set. The next issuer's key comes first, the present ones then,
// and the retired last: in this order a rotation that goes on meanwhile is seen
// as not begun or as done.
func load(dir string) (*Set, error) {
	s := new(Set)
	next, err := loadNext(dir)
	if err != nil {
		return nil, err
	}
	for _, k := range []struct {
		role string
		key  **Key
	}{{Gate, &s.Gate}, {Issuer, &s.Issuer}, {Registry, &s.Registry}, {Log, &s.Log}} {
		if *k.key, err = loadRole(file(dir, k.role), k.role); err != nil {
			return nil, err
		}
	}
	if s.Store, err = loadSecret(file(dir, store)); err != nil {
		return nil, err
	}
	if s.Salt, err = loadSecret(file(dir, salt)); err != nil {
		return nil, err
	}
	retired, err := loadRetired(dir)
	if err != nil {
		return nil, err
	}
	return s, s.addIssuers(dir, next, retired)
}

func loadRole(path, role string) (*Key, error) {
	key, err := LoadSigner(path)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(key.Name(), role+".") {
		return nil, &Error{path, "holds the key of another role, " + seal.KeyID(key), "put the files of the set back under their own names"}
	}
	return key, nil
}

func loadSecret(path string) ([]byte, error) {
	text, err := readPrivate(path)
	if err != nil {
		return nil, err
	}
	b, err := hex.DecodeString(strings.TrimSpace(text))
	if err != nil || len(b) != secretSize {
		return nil, &Error{path, fmt.Sprintf("want %d hex digits", 2*secretSize), "put the file back from your backup of the keys"}
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
		return nil, &Error{path, "is not a private key", "name the file that was made with the key; its public half ends in .pub"}
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
			return "", &Error{p, "is there already", "choose another file, or move this one away first"}
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
