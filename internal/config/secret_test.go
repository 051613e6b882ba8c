// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSecretGet(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "good"), "  hush\n", 0o600)
	write(t, filepath.Join(dir, "read-only"), "hush", 0o400)
	write(t, filepath.Join(dir, "group"), "hush", 0o640)
	write(t, filepath.Join(dir, "world"), "hush", 0o604)
	write(t, filepath.Join(dir, "empty"), " \n", 0o600)
	write(t, filepath.Join(dir, "lines"), "hush\nhush", 0o600)
	write(t, filepath.Join(dir, "huge"), strings.Repeat("hush", maxSecret), 0o600)
	if err := os.Symlink("good", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CLAWEA_TEST", "hush ")
	t.Setenv("CLAWEA_TEST_EMPTY", "")
	for _, c := range []struct{ ref, says string }{
		{"file:good", ""},
		{"file:" + dir + "/good", ""},
		{"file:read-only", ""},
		{"file:link", ""},
		{"env:CLAWEA_TEST", ""},
		{"file:group", "(mode 0640)\nchmod 600 " + dir + "/group"},
		{"file:world", "(mode 0604)\nchmod 600 "},
		{"file:empty", "is empty"},
		{"file:lines", "more than one line"},
		{"file:huge", "longer than"},
		{"file:none", "/none: the secret's file is not there"},
		{"file:.", "not a plain file"},
		{"env:CLAWEA_TEST_EMPTY", "env:CLAWEA_TEST_EMPTY: the secret is empty"},
		{"env:CLAWEA_TEST_UNSET", "is empty"},
	} {
		s, err := ParseSecret(c.ref, dir)
		if err != nil {
			t.Errorf("%s: %v", c.ref, err)
			continue
		}
		got, err := s.Get()
		if c.says == "" {
			if err != nil || got != "hush" {
				t.Errorf("%s: got %q, %v", c.ref, got, err)
			}
			continue
		}
		if err == nil || got != "" || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %q, %v, want an error in two lines that says %q", c.ref, got, err, c.says)
		}
		if err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: repeats the secret: %v", c.ref, err)
		}
	}
}

func TestSecretIsFetchedLate(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "key"), "one", 0o600)
	s, err := ParseSecret("file:"+path, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"one", "two"} {
		write(t, path, want, 0o600)
		if got, err := s.Get(); err != nil || got != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
}

func TestParseSecretRefusesLiterals(t *testing.T) {
	for _, ref := range []string{"", "hush", "FILE:hush", "env:", "env:1hush", "file:", "https://hush"} {
		s, err := ParseSecret(ref, "/")
		if err == nil || s != (Secret{}) || strings.Contains(err.Error(), "hush") || !strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: got %v, %v", ref, s, err)
		}
	}
	if _, err := (Secret{}).Get(); err == nil {
		t.Error("the zero Secret has a value")
	}
}

func TestStoreURL(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PG", "postgres://u:hush@h/d")
	t.Setenv("LITE", "sqlite:rel.db")
	t.Setenv("BAD", "hush")
	for _, c := range []struct{ text, want string }{
		{"sqlite:a.db", "sqlite:" + dir + "/a.db"},
		{"sqlite:/var/a.db", "sqlite:/var/a.db"},
		{"postgres://u@h/d", "postgres://u@h/d"},
		{"postgresql:///d?host=/run", "postgresql:///d?host=/run"},
		{"env:PG", "postgres://u:hush@h/d"},
		{"env:LITE", "sqlite:" + dir + "/rel.db"},
		{"env:BAD", ""},
		{"env:UNSET", ""},
	} {
		s := Store{c.text, dir}
		if msg := s.wrong(); msg != "" {
			t.Errorf("%s: %s", c.text, msg)
		}
		got, err := s.URL()
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: got %q, %v", c.text, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: repeats the secret: %v", c.text, err)
		}
	}
}
