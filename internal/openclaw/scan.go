// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/clawea/clawea/policy"
	"github.com/go-json-experiment/json"
)

// A Found is an extension on the disk, where OpenClaw could find it.
type Found struct {
	policy.Extension
	Path  string `json:"path"`
	Fault string `json:"fault,omitempty"` // why it has no digest
}

// Places are where OpenClaw looks for extensions, besides what it comes with.
type Places struct {
	State     string   // OPENCLAW_STATE_DIR
	Workspace string   //
	Plugins   []string // plugins.load.paths of the configuration
	Skills    []string // skills.load.extraDirs of the configuration
}

// kindHook is a hook of a folder. None is ever on the list: the plan switches them off.
const kindHook = "hook"

// skillDepth is how deep under a place for skills OpenClaw looks for them.
const skillDepth = 6

// Scan lists what is in places, whether it is switched on or not: what is there can
// be switched on by one line.
func Scan(p Places) ([]Found, error) {
	if !filepath.IsAbs(p.State) || !filepath.IsAbs(p.Workspace) {
		return nil, fmt.Errorf("%q and %q are no places of OpenClaw\nname its state folder and its workspace from the root on", p.State, p.Workspace)
	}
	var s scanner
	for _, path := range p.Plugins {
		s.plugin(path)
	}
	for _, dir := range []string{filepath.Join(p.State, "extensions"), filepath.Join(p.Workspace, ".openclaw/extensions")} {
		s.children(dir, s.plugin)
	}
	for _, dir := range []string{"npm/projects", "git"} { // what openclaw plugins install has brought
		s.children(filepath.Join(p.State, dir), s.plugin)
	}
	places := []string{
		filepath.Join(p.Workspace, "skills"), filepath.Join(p.Workspace, ".agents/skills"),
		filepath.Join(p.State, "skills"), filepath.Join(p.State, "skill-library"),
	}
	workshops, err := filepath.Glob(filepath.Join(escape(p.State), "agents/*/agent/workshop-skills"))
	s.fail(err)
	for _, dir := range slices.Concat(places, workshops, p.Skills) {
		s.skills(dir, skillDepth)
	}
	for _, dir := range []string{filepath.Join(p.State, "hooks"), filepath.Join(p.Workspace, "hooks")} {
		s.children(dir, s.hook)
	}
	slices.SortFunc(s.found, func(a, b Found) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Path, b.Path)) })
	s.found = slices.CompactFunc(s.found, func(a, b Found) bool { return a.Kind == b.Kind && a.Path == b.Path })
	return s.found, s.err
}

// escape makes a path stand for itself in a pattern.
func escape(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

// A scanner gathers what is found. What cannot be looked at is its error: nobody
// knows what is there.
type scanner struct {
	found []Found
	err   error
}

func (s *scanner) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

func (s *scanner) add(kind, name, path string) {
	f := Found{Extension: policy.Extension{Kind: kind, Name: name}, Path: path}
	var err error
	if f.Digest, err = DigestFolder(path); err != nil {
		f.Fault = err.Error()
	}
	s.found = append(s.found, f)
}

// children does something with each entry of a folder, if it is there.
func (s *scanner) children(dir string, do func(path string)) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	s.fail(err)
	for _, e := range entries {
		do(filepath.Join(dir, e.Name()))
	}
}

func (s *scanner) plugin(path string) {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return
	}
	name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	if b, err := head(filepath.Join(path, "openclaw.plugin.json")); err == nil {
		var manifest struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(b, &manifest) == nil && manifest.ID != "" {
			name = manifest.ID
		}
	}
	s.add(policy.Plugin, name, path)
}

// skills finds skills under a folder. Where one is, OpenClaw looks no deeper. A link is
// looked at as one thing, which has no digest.
func (s *scanner) skills(dir string, depth int) {
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) || depth < 0 {
		return
	}
	s.fail(err)
	if err != nil || info.Mode().IsRegular() {
		return
	}
	if !info.IsDir() {
		s.add(policy.Skill, filepath.Base(dir), dir)
		return
	}
	if _, err := os.Lstat(filepath.Join(dir, "SKILL.md")); err == nil {
		s.add(policy.Skill, skillName(dir), dir)
		return
	}
	s.children(dir, func(path string) { s.skills(path, depth-1) })
}

func (s *scanner) hook(dir string) {
	for _, file := range []string{"HOOK.md", "package.json"} {
		if _, err := os.Lstat(filepath.Join(dir, file)); err == nil {
			s.add(kindHook, filepath.Base(dir), dir)
			return
		}
	}
}

// skillName is the name by which OpenClaw knows a skill: the one in its front matter,
// or else its folder's.
func skillName(dir string) string {
	b, err := head(filepath.Join(dir, "SKILL.md"))
	if err == nil {
		if name := frontName(b); name != "" {
			return name
		}
	}
	return filepath.Base(dir)
}

// frontName is the name in a front matter, or "".
func frontName(b []byte) string {
	lines := bufio.NewScanner(bytes.NewReader(b))
	if !lines.Scan() || strings.TrimSpace(lines.Text()) != "---" {
		return ""
	}
	for lines.Scan() && strings.TrimSpace(lines.Text()) != "---" {
		if name, ok := strings.CutPrefix(lines.Text(), "name:"); ok {
			return strings.Trim(strings.TrimSpace(name), `"'`)
		}
	}
	return ""
}

// head is the beginning of a regular file, more than any name needs.
func head(file string) ([]byte, error) {
	info, err := os.Lstat(file)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("no regular file")
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 64<<10))
}

// Unpinned lists what was found and is not on the list, by kind, name and digest.
func Unpinned(found []Found, pinned []policy.Extension) []Drift {
	var out []Drift
	for _, f := range found {
		if f.Fault == "" && slices.Contains(pinned, f.Extension) {
			continue
		}
		have := cmp.Or(f.Fault, f.Digest.String())
		out = append(out, Drift{f.Path, Critical, wanted(f, pinned), "the " + f.Kind + " " + f.Name + ", " + have, "only what the policy pins is on the disk"})
	}
	return out
}

// wanted is what the list has for an extension.
func wanted(f Found, pinned []policy.Extension) string {
	var digests []string
	for _, e := range pinned {
		if e.Kind == f.Kind && e.Name == f.Name {
			digests = append(digests, e.Digest.String())
		}
	}
	if digests == nil {
		return "no such " + f.Kind
	}
	return strings.Join(digests, " or ")
}
