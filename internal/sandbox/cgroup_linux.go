// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package sandbox

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// groupPrefix begins the names of the control groups that are made here. After it
// come the id of the process that made them, and random letters.
const groupPrefix = "clawea-sandbox-"

// A groupPlace is where this process can make control groups, cgroups(7): one
// folder for both controllers with version 2, one for each with version 1.
type groupPlace struct {
	memory, pids string // "" where there is none
	unified      bool   // version 2
}

// A groupMount is a mounted hierarchy of control groups.
type groupMount struct {
	root, point string
	unified     bool
	controllers []string
}

// groupMounts reads /proc/self/mountinfo (proc(5)).
func groupMounts(mountinfo []byte) []groupMount {
	var mounts []groupMount
	for lines := bufio.NewScanner(bytes.NewReader(mountinfo)); lines.Scan(); {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		f, kind := strings.Fields(before), strings.Fields(after)
		if !ok || len(f) < 6 || len(kind) < 3 || !strings.HasPrefix(kind[0], "cgroup") {
			continue
		}
		m := groupMount{root: unescape(f[3]), point: unescape(f[4]), unified: kind[0] == "cgroup2"}
		if !m.unified {
			m.controllers = strings.Split(kind[2], ",")
		}
		mounts = append(mounts, m)
	}
	return mounts
}

// unescape undoes the kernel's octal escapes of blanks in mountinfo.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// ownGroups reads /proc/self/cgroup: where a process is in the hierarchy of each
// controller of version 1, and, by "", of version 2.
func ownGroups(cgroup []byte) map[string]string {
	own := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(cgroup)); lines.Scan(); {
		f := strings.SplitN(lines.Text(), ":", 3)
		if len(f) != 3 || !strings.HasPrefix(f[2], "/") {
			continue
		}
		for c := range strings.SplitSeq(f[1], ",") {
			own[c] = f[2]
		}
	}
	return own
}

// folders are where groups for a controller could be made, the nearest first:
// within our own group, and, with version 2, beside it, since a group that holds
// processes has no others in it that are bounded.
func folders(mounts []groupMount, own map[string]string, controller string) (paths []string, unified bool) {
	for _, m := range mounts {
		if m.unified || !slices.Contains(m.controllers, controller) {
			continue
		}
		return []string{below(m, own[controller])}, false
	}
	for _, m := range mounts {
		if !m.unified {
			continue
		}
		here := below(m, own[""])
		if here == m.point {
			return []string{here}, true
		}
		return []string{here, filepath.Dir(here)}, true
	}
	return nil, false
}

// below is the folder of a group, seen through a mount. A path that leads out of what
// is mounted is its top.
func below(m groupMount, path string) string {
	rel, err := filepath.Rel(m.root, filepath.Clean("/"+path))
	if err != nil || rel == ".." || strings.HasPrefix(rel, "../") {
		rel = "."
	}
	return filepath.Join(m.point, rel)
}

// findGroups looks for where control groups can be made, and says why there is no
// bound on memory, or on processes.
func findGroups() (place *groupPlace, noMemory, noPids error) {
	mountinfo, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err, err
	}
	cgroup, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, err, err
	}
	mounts, own := groupMounts(mountinfo), ownGroups(cgroup)
	place = &groupPlace{}
	var unified bool
	place.memory, unified, noMemory = usable(mounts, own, "memory")
	place.pids, place.unified, noPids = usable(mounts, own, "pids")
	if place.memory != "" && place.pids != "" && unified != place.unified {
		place.pids, noPids = "", errors.New("memory and processes are bounded by different versions of control groups here") // one way is enough of a maze
	}
	place.unified = unified || place.memory == "" && place.unified
	if place.memory == "" && place.pids == "" {
		return nil, noMemory, noPids
	}
	return place, noMemory, noPids
}

// usable is the folder in which groups that bound what a controller counts can be
// made: it is tried.
func usable(mounts []groupMount, own map[string]string, controller string) (folder string, unified bool, err error) {
	paths, unified := folders(mounts, own, controller)
	err = fmt.Errorf("no control group for %s is mounted here", controller)
	for _, dir := range paths {
		trial := filepath.Join(dir, groupName())
		if unified {
			// It is often set already. If it cannot be, the trial fails below, and says so.
			_ = os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+controller), 0o644)
		}
		if e := unix.Mkdir(trial, 0o755); e != nil {
			err = fmt.Errorf("no control group can be made in %s: %w", dir, e)
			continue
		}
		_, err = os.Stat(filepath.Join(trial, boundFile(controller, unified)))
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%s has no controller for %s", dir, controller)
		}
		if err == nil && unified {
			err = movable(trial)
		}
		if rm := unix.Rmdir(trial); err == nil && rm == nil {
			sweep(dir)
			return dir, unified, nil
		}
	}
	return "", unified, err
}

// movable reports whether processes can be moved into a group: who may write there may
// still lack the right to take them out of where they are.
func movable(group string) error {
	f, err := os.OpenFile(filepath.Join(filepath.Dir(group), "cgroup.procs"), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

func boundFile(controller string, unified bool) string {
	switch {
	case controller == "pids":
		return "pids.max"
	case unified:
		return "memory.max"
	}
	return "memory.limit_in_bytes"
}

func groupName() string { return fmt.Sprintf("%s%d-%s", groupPrefix, os.Getpid(), rand.Text()[:8]) }

// sweep takes away groups that were left by processes that were killed.
func sweep(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // what is left is empty, and in nobody's way
	}
	for _, e := range entries {
		rest, ours := strings.CutPrefix(e.Name(), groupPrefix)
		word, _, _ := strings.Cut(rest, "-")
		if pid, err := strconv.Atoi(word); ours && err == nil && pid > 0 && errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
			unix.Rmdir(filepath.Join(dir, e.Name())) // fails while anybody is in it
		}
	}
}

// A group is the control group of one sandbox.
type group struct {
	memory, pids string // its folders; the same with version 2
	unified      bool
}

// newGroup makes a group with the bounds of an order, those of them that it has.
func (place *groupPlace) newGroup(o *order) (*group, error) {
	name := groupName()
	g := &group{unified: place.unified}
	if place.memory != "" && o.has(PartMemory) {
		g.memory = filepath.Join(place.memory, name)
	}
	if place.pids != "" && o.has(PartProcesses) {
		g.pids = filepath.Join(place.pids, name)
	}
	if err := g.make(o.Limits); err != nil {
		g.remove()
		return nil, fmt.Errorf("bound what the sandbox uses: %w", err)
	}
	return g, nil
}

func (g *group) make(l Limits) error {
	for _, dir := range g.folders() {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	if g.pids != "" {
		if err := set(g.pids, "pids.max", l.Processes+guardThreads); err != nil {
			return err
		}
	}
	if g.memory == "" {
		return nil
	}
	if err := set(g.memory, boundFile("memory", g.unified), l.Memory); err != nil {
		return err
	}
	if g.unified {
		return errors.Join(optional(set(g.memory, "memory.swap.max", 0)), optional(set(g.memory, "memory.oom.group", 1)))
	}
	return optional(set(g.memory, "memory.memsw.limit_in_bytes", l.Memory))
}

func set(dir, file string, n int64) error {
	return os.WriteFile(filepath.Join(dir, file), strconv.AppendInt(nil, n, 10), 0o644)
}

// optional forgives what this kernel does not have: no swap, no bound on it.
func optional(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}

// folders are the group's, each once.
func (g *group) folders() []string {
	var dirs []string
	for _, dir := range []string{g.memory, g.pids} {
		if dir != "" && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// add puts a process into the group.
func (g *group) add(pid int) error {
	for _, dir := range g.folders() {
		if err := set(dir, "cgroup.procs", int64(pid)); err != nil {
			return fmt.Errorf("bound what the sandbox uses: %w", err)
		}
	}
	return nil
}

// kill ends all in the group, where the kernel can do that: version 2, from Linux
// 5.14 on.
func (g *group) kill() {
	if g.unified {
		for _, dir := range g.folders() {
			_ = set(dir, "cgroup.kill", 1) // an older kernel has no such file
		}
	}
}

// outOfMemory reports whether a process of the group was ended for its memory.
func (g *group) outOfMemory() bool {
	if g.memory == "" {
		return false
	}
	file := "memory.oom_control"
	if g.unified {
		file = "memory.events"
	}
	b, err := os.ReadFile(filepath.Join(g.memory, file))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == "oom_kill" {
			return f[1] != "0"
		}
	}
	return false
}

// remove takes the group away. What was in it has ended, or is about to.
func (g *group) remove() {
	for _, dir := range g.folders() {
		for range 50 {
			if err := unix.Rmdir(dir); !errors.Is(err, unix.EBUSY) {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}
