// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"regexp"
	"runtime"
	"strings"

	"github.com/clawea/clawea/seal"
)

const maxSecret = 64 << 10 // bytes

// A Secret is a reference to a secret: "file:PATH" or "env:NAME". It is a
// comparable value; the zero Secret refers to nothing. The secret itself is
// never held, so it can be changed while the daemon runs.
type Secret struct{ ref, dir string }

// ParseSecret reads a reference. PATH is relative to dir. The error does not
// repeat ref, which may be a secret itself.
func ParseSecret(ref, dir string) (Secret, error) {
	s := Secret{ref, dir}
	if msg := s.wrong(); msg != "" {
		return Secret{}, &Error{File: "secret", Msg: msg, Hint: mendSecret}
	}
	return s, nil
}

const mendSecret = "put the secret into a file that only you can read and write \"file:PATH\", or write \"env:NAME\""

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// wrong says what is wrong with the reference, or nothing.
func (s Secret) wrong() string {
	path, isFile := strings.CutPrefix(s.ref, "file:")
	name, isEnv := strings.CutPrefix(s.ref, "env:")
	switch {
	case s.ref == "":
		return "is missing"
	case isFile && path == "":
		return "names no file"
	case isEnv && !envName.MatchString(name):
		return "does not name an environment variable"
	case !isFile && !isEnv:
		return "must be a reference to a secret, not the secret itself"
	}
	return ""
}

// Get fetches the secret, without white space around it. It refuses a file that
// anyone but its owner may read, and a secret of several lines. No error
// repeats any of it.
func (s Secret) Get() (string, error) {
	if msg := s.wrong(); msg != "" {
		return "", &Error{File: "secret", Msg: msg, Hint: mendSecret}
	}
	text, err := s.fetch()
	if err != nil {
		return "", err
	}
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return "", &Error{File: s.ref, Msg: "the secret is empty", Hint: "put the secret there"}
	case strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "", &Error{File: s.ref, Msg: "the secret is more than one line of text", Hint: "put the secret there and nothing else"}
	}
	return text, nil
}

func (s Secret) fetch() (string, error) {
	if name, ok := strings.CutPrefix(s.ref, "env:"); ok {
		return os.Getenv(name), nil
	}
	path := absolute(s.dir, strings.TrimPrefix(s.ref, "file:"))
	fi, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", &Error{File: path, Msg: "the secret's file is not there", Hint: "make it with umask 077 and write the secret into it"}
	case err != nil:
		return "", fmt.Errorf("read a secret: %w", err)
	case !fi.Mode().IsRegular():
		return "", &Error{File: path, Msg: "not a plain file", Hint: "name the file that holds the secret"}
	case runtime.GOOS != "windows" && fi.Mode().Perm()&0o077 != 0:
		return "", &Error{File: path, Msg: fmt.Sprintf("others may read it (mode %04o)", fi.Mode().Perm()), Hint: "chmod 600 " + path}
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read a secret: %w", err)
	}
	defer f.Close()
	if opened, err := f.Stat(); err != nil || !os.SameFile(fi, opened) {
		return "", &Error{File: path, Msg: "was replaced while it was being read", Hint: "try again"}
	}
	b, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("read a secret: %w", err)
	}
	if len(b) > maxSecret {
		return "", &Error{File: path, Msg: fmt.Sprintf("longer than %d bytes", maxSecret), Hint: "name the file that holds the secret"}
	}
	return string(b), nil
}

// String says nothing: what should be a reference may be a secret.
func (Secret) String() string { return "[secret]" }

// GoString says nothing.
func (Secret) GoString() string { return "[secret]" }

// LogValue says nothing.
func (Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }

// MarshalText says nothing.
func (Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// UnmarshalText keeps the reference; Load checks it, where it can say how to
// mend it.
func (s *Secret) UnmarshalText(b []byte) error {
	s.ref = string(b)
	return nil
}

// A Store says where the database is.
type Store struct{ text, dir string }

// URL returns "sqlite:PATH", the path absolute, or "postgres://...". It fetches
// a secret if that is where the store is named.
func (s Store) URL() (string, error) {
	text := s.text
	if s.secret() {
		var err error
		if text, err = (Secret{s.text, s.dir}).Get(); err != nil {
			return "", err
		}
	}
	path, isFile := strings.CutPrefix(text, "sqlite:")
	switch {
	case isFile && path != "":
		return "sqlite:" + absolute(s.dir, path), nil
	case isPostgres(text):
		return text, nil
	}
	return "", &Error{File: s.text, Msg: "the secret names no store", Hint: "write sqlite:PATH or postgres://... into it"}
}

// Kind is the name of the database: "SQLite", "PostgreSQL", or "" if the secret that
// names the store cannot be read.
func (s Store) Kind() string {
	url, err := s.URL()
	switch {
	case err != nil:
		return ""
	case isPostgres(url):
		return "PostgreSQL"
	}
	return "SQLite"
}

func (s Store) secret() bool {
	return strings.HasPrefix(s.text, "file:") || strings.HasPrefix(s.text, "env:")
}

func isPostgres(s string) bool {
	return strings.HasPrefix(s, "postgres://") || strings.HasPrefix(s, "postgresql://")
}

// wrong says what is wrong with the store as it is written in the file.
func (s Store) wrong() string {
	switch {
	case s.text == "" || strings.HasPrefix(s.text, "sqlite:") && s.text != "sqlite:":
		return ""
	case s.secret():
		return Secret{ref: s.text}.wrong()
	case !isPostgres(s.text):
		return "must be sqlite:PATH, postgres://... or a reference to a secret"
	}
	u, err := url.Parse(s.text)
	if err != nil {
		return "is not a URL"
	}
	if _, has := u.User.Password(); has || u.Query().Has("password") {
		return "must not hold a password"
	}
	return ""
}

// String says which kind of store it is.
func (s Store) String() string {
	switch {
	case strings.HasPrefix(s.text, "sqlite:"):
		return s.text
	case isPostgres(s.text):
		return "postgres"
	}
	return "[secret]"
}

// GoString is String.
func (s Store) GoString() string { return s.String() }

// LogValue is String.
func (s Store) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is String.
func (s Store) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText keeps the text; Load checks it.
func (s *Store) UnmarshalText(b []byte) error {
	s.text = string(b)
	return nil
}

// A Key is someone's public key.
type Key struct {
	seal.Verifier
	Text string // "alice+1a2b3c4d+..."
}

// MarshalText returns the key's text.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.Text), nil }

// UnmarshalText keeps the text; Load reads the key.
func (k *Key) UnmarshalText(b []byte) error {
	k.Text = string(b)
	return nil
}

// Texts returns the keys as they are written.
func Texts(keys []Key) []string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = k.Text
	}
	return out
}

// Verifiers returns the keys as seal takes them.
func Verifiers(keys []Key) []seal.Verifier {
	out := make([]seal.Verifier, len(keys))
	for i, k := range keys {
		out[i] = k.Verifier
	}
	return out
}
