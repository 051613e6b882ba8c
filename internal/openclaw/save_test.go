// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What somebody else has written meanwhile is neither lost nor kept twice.
func TestSaveOverAnother(t *testing.T) {
	for name, was := range map[string][]byte{"there was a file": []byte("{}"), "there was none": nil} {
		dir := lay(t, t.TempDir(), map[string]string{"openclaw.json": `{"theirs":1}`})
		path := filepath.Join(dir, "openclaw.json")
		if _, err := Save(path, was, []byte(`{"ours":1}`)); err == nil || !strings.Contains(err.Error(), "has changed meanwhile\n") {
			t.Errorf("%s: %v", name, err)
		}
		left, err := os.ReadDir(dir)
		if err != nil || len(left) != 1 {
			t.Errorf("%s: left are %v %v", name, left, err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != `{"theirs":1}` {
			t.Errorf("%s: %s %v", name, b, err)
		}
	}
}

// What was there is kept, each time under a name of its own, and only its owner reads either.
func TestSaveKeeps(t *testing.T) {
	dir := lay(t, t.TempDir(), map[string]string{"openclaw.json": "0"})
	path := filepath.Join(dir, "openclaw.json")
	for i, was := range []string{"0", "1"} {
		backup, err := Save(path, []byte(was), []byte{was[0] + 1})
		if err != nil || backup != path+".clawea-"+string(rune('1'+i))+".bak" {
			t.Fatal(backup, err)
		}
		for file, want := range map[string]string{backup: was, path: string(was[0] + 1)} {
			b, err := os.ReadFile(file)
			info, _ := os.Stat(file)
			if err != nil || string(b) != want || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %s %v %v", file, b, info.Mode(), err)
			}
		}
	}
}

// A trace is no longer than it may be, and no link.
func TestReadRegular(t *testing.T) {
	dir := lay(t, t.TempDir(), map[string]string{"events.jsonl": "12345"})
	path, link := filepath.Join(dir, "events.jsonl"), filepath.Join(dir, "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if b, err := readRegular(path, 5); err != nil || string(b) != "12345" {
		t.Errorf("%s %v", b, err)
	}
	for name, says := range map[string]string{path: "is longer than 4 bytes", link: "is no regular file", dir: "is no regular file"} {
		if _, err := readRegular(name, 4); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", name, err, says)
		}
	}
}
