// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// lay writes files under a folder.
func lay(t *testing.T, dir string, files map[string]string) string {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestDigestFolder(t *testing.T) {
	digest := func(files map[string]string) seal.Hash {
		t.Helper()
		h, err := DigestFolder(lay(t, t.TempDir(), files))
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	one := digest(map[string]string{"a.mjs": "a", "lib/b.mjs": "b"})
	// {"a.mjs":"sha256:ca97...","lib/b.mjs":"sha256:3e23..."}, as anybody can compute it
	want := seal.Sum([]byte(`{"a.mjs":"` + seal.Sum([]byte("a")).String() + `","lib/b.mjs":"` + seal.Sum([]byte("b")).String() + `"}`))
	if !one.Equal(want) {
		t.Errorf("digest %s, want %s", one, want)
	}
	for name, files := range map[string]map[string]string{
		"another text":   {"a.mjs": "A", "lib/b.mjs": "b"},
		"another name":   {"c.mjs": "a", "lib/b.mjs": "b"},
		"another folder": {"a.mjs": "a", "b.mjs": "b"},
		"one more":       {"a.mjs": "a", "lib/b.mjs": "b", ".x": ""},
		"one fewer":      {"a.mjs": "a"},
		"moved text":     {"a.mjs": "b", "lib/b.mjs": "a"},
	} {
		if digest(files).Equal(one) {
			t.Errorf("%s has the same digest", name)
		}
	}
	linked := lay(t, t.TempDir(), map[string]string{"a.mjs": "a"})
	if err := os.Symlink("a.mjs", filepath.Join(linked, "b.mjs")); err != nil {
		t.Fatal(err)
	}
	if _, err := DigestFolder(linked); err == nil || !strings.Contains(err.Error(), "b.mjs is a link") {
		t.Errorf("a link: %v", err)
	}
	if _, err := DigestFolder(t.TempDir()); err == nil {
		t.Error("an empty folder has a digest")
	}
	if _, err := DigestFolder(lay(t, t.TempDir(), map[string]string{"a\xff": ""})); err == nil {
		t.Error("a name that is no UTF-8 has a digest")
	}
}

func TestScan(t *testing.T) {
	dir := lay(t, t.TempDir(), map[string]string{
		"state/extensions/loud/openclaw.plugin.json":              `{"id":"quiet"}`,
		"state/extensions/bare/index.mjs":                         "x",
		"state/npm/projects/p-1/node_modules/p/package.json":      "{}",
		"state/skills/a/SKILL.md":                                 "---\ndescription: d\nname: \"b\"\n---\n",
		"state/agents/main/agent/workshop-skills/learnt/SKILL.md": "no front matter",
		"state/hooks/h/HOOK.md":                                   "",
		"work/.openclaw/extensions/w/index.mjs":                   "x",
		"work/skills/1/2/3/4/deep/SKILL.md":                       "---\nname: deep\n---\n",
		"work/skills/1/2/3/4/deep/inner/SKILL.md":                 "---\nname: inner\n---\n",
		"work/skills/notes.md":                                    "",
		"work/.agents/skills/c/SKILL.md":                          "---\n---\nname: not this\n",
		"work/hooks/useState.ts":                                  "react",
		"elsewhere/guard/openclaw.plugin.json":                    `{"id":"clawea"}`,
		"elsewhere/one.mjs":                                       "x",
	})
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), filepath.Join(dir, "work/skills/linked")); err != nil {
		t.Fatal(err)
	}
	found, err := Scan(Places{filepath.Join(dir, "state"), filepath.Join(dir, "work"), []string{filepath.Join(dir, "elsewhere/guard"), filepath.Join(dir, "elsewhere/one.mjs"), "/nowhere"}, nil})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	var pins []policy.Extension
	for _, f := range found {
		name := f.Kind + " " + f.Name + " " + strings.TrimPrefix(f.Path, dir+"/")
		if f.Fault != "" {
			name += " FAULT"
		} else {
			pins = append(pins, f.Extension)
		}
		got = append(got, name)
	}
	want := `hook h state/hooks/h
plugin clawea elsewhere/guard
plugin one elsewhere/one.mjs
plugin bare state/extensions/bare
plugin quiet state/extensions/loud
plugin p-1 state/npm/projects/p-1
plugin w work/.openclaw/extensions/w
skill learnt state/agents/main/agent/workshop-skills/learnt
skill b state/skills/a
skill c work/.agents/skills/c
skill deep work/skills/1/2/3/4/deep
skill linked work/skills/linked FAULT`
	if strings.Join(got, "\n") != want {
		t.Errorf("found\n%s", strings.Join(got, "\n"))
	}
	if all := Unpinned(found, nil); len(all) != len(found) {
		t.Errorf("without a list, %d of %d drift", len(all), len(found))
	}
	if drifts := Unpinned(found, pins); len(drifts) != 1 || !strings.HasSuffix(drifts[0].Path, "linked") {
		t.Errorf("with all on the list: %v", drifts)
	}
	lay(t, dir, map[string]string{"state/skills/a/run.sh": "rm"})
	again, err := Scan(Places{State: filepath.Join(dir, "state"), Workspace: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if drifts := Unpinned(again, pins); len(drifts) != 1 || drifts[0].Path != filepath.Join(dir, "state/skills/a") || !strings.HasPrefix(drifts[0].Want, "sha256:") {
		t.Errorf("one that has changed: %v", drifts)
	}
}

// What cannot be looked at is an error: nobody knows what is in there.
func TestScanFails(t *testing.T) {
	dir := lay(t, t.TempDir(), map[string]string{"state/extensions": "a file where a folder should be"})
	if found, err := Scan(Places{State: filepath.Join(dir, "state"), Workspace: t.TempDir()}); err == nil {
		t.Errorf("found %v", found)
	}
}

func FuzzFrontName(f *testing.F) {
	f.Add([]byte("---\nname: a\n---\n"))
	f.Add([]byte("---\nname:\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if name := frontName(b); strings.ContainsAny(name, "\n") {
			t.Errorf("%q", name)
		}
	})
}
