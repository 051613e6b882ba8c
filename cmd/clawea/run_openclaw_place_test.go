// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The agent's workspace has nothing in it by which the agent could speak for others.
func TestApart(t *testing.T) {
	dir := t.TempDir()
	work, elsewhere := filepath.Join(dir, "work"), filepath.Join(dir, "elsewhere")
	key := filepath.Join(work, "launcher.key")
	for _, d := range []string{work, elsewhere, filepath.Join(work, "in")} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{key, filepath.Join(elsewhere, "k"), filepath.Join(dir, "workings")} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(key, filepath.Join(elsewhere, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(elsewhere, "k"), filepath.Join(work, "back")); err != nil {
		t.Fatal(err)
	}
	if err := apart(work, elsewhere, "", filepath.Join(elsewhere, "k"), filepath.Join(dir, "workings"), "env:NAME"); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"the folder within":   apart(work, filepath.Join(work, "in")),
		"the folder around":   apart(work, dir),
		"the same":            apart(work, work),
		"a key within":        apart(work, elsewhere, key),
		"a link to it":        apart(work, elsewhere, filepath.Join(elsewhere, "link")),
		"a link within":       apart(work, elsewhere, filepath.Join(work, "back")),
		"a second one within": apart(work, elsewhere, filepath.Join(elsewhere, "k"), key),
	} {
		if err == nil || strings.Count(err.Error(), "\n") != 1 {
			t.Errorf("%s: %v, want two lines", name, err)
		}
	}
}

// OpenClaw, and what it is run by, are not looked for where the agent writes.
func TestOutside(t *testing.T) {
	dir := t.TempDir()
	work, bin := filepath.Join(dir, "work"), filepath.Join(dir, "bin")
	for _, d := range []string{work, bin, filepath.Join(work, "tools")} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	link, home := filepath.Join(dir, "link"), filepath.Join(dir, "home")
	for at, to := range map[string]string{link: filepath.Join(work, "tools"), home: work} {
		if err := os.Symlink(to, at); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{filepath.Join(work, "node_modules/.bin"), link, work, ".", "", filepath.Join(home, "tools")}
	rest, within := outside(home, strings.Join(append(slices.Clone(want), bin, filepath.Join(dir, "workings")), ":"))
	if rest != bin+":"+filepath.Join(dir, "workings") || !slices.Equal(within, want) {
		t.Errorf("left are %q, within %q", rest, within)
	}
}

func TestPlain(t *testing.T) {
	got := plain([]string{"PATH=/bin", "NODE_OPTIONS=--require x", "AWS_SECRET_ACCESS_KEY=s", "LC_ALL=C", "https_proxy=http://p", "HOME=/h", "OPENCLAW_HOME=/x", "LD_PRELOAD=x.so"})
	if want := []string{"LC_ALL=C", "https_proxy=http://p"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
