// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package sandbox

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a sandbox promises it promises a house that is not root's as well, as far as its
// machine goes.
func TestUnprivilegedHouse(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("all tests run as such here")
	}
	if testing.Short() {
		t.Skip("this runs most tests again")
	}
	program := filepath.Join(openFolder(t), "program")
	own := filepath.Join(filepath.Dir(program), "tmp")
	if err := os.Mkdir(own, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(own, outside, outside); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-test.v", "-test.run=^Test(FilesOf|Nothing|OtherProc|NoNet|ForkBomb|MemoryBombOfOne|SystemCalls|KilledHouse|Processes|Flood|Listener|Streams|Node$)")
	cmd.Dir = own
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + own, "HOME=" + own, "GORACE=" + os.Getenv("GORACE")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: outside, Gid: outside}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "--- ") || strings.Contains(line, "_test.go") {
			t.Log(strings.TrimSpace(line))
		}
	}
	if !strings.Contains(string(out), "--- PASS: TestStreams") {
		t.Error("not even the simplest was tried")
	}
}

func TestGroupFolders(t *testing.T) {
	const hybrid = `29 23 0:25 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
30 29 0:26 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
31 29 0:27 /docker/ab /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
32 29 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw`
	const unified = `30 29 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate`
	const odd = `30 29 0:26 / /a\040b rw - cgroup2 none rw`
	for _, c := range []struct {
		name, mounts, own, controller string
		want                          []string
		unified                       bool
	}{
		{"version 1", hybrid, "4:memory:/house\n8:pids:/docker/ab/x\n0::/", "memory", []string{"/sys/fs/cgroup/memory/house"}, false},
		{"version 1 in a container", hybrid, "8:cpu,pids:/docker/ab/x\n0::/", "pids", []string{"/sys/fs/cgroup/pids/x"}, false},
		{"version 1 seen from outside", hybrid, "8:pids:/elsewhere", "pids", []string{"/sys/fs/cgroup/pids"}, false},
		{"version 2", unified, "0::/system.slice/clawea.service/house", "memory", []string{"/sys/fs/cgroup/system.slice/clawea.service/house", "/sys/fs/cgroup/system.slice/clawea.service"}, true},
		{"version 2 in a container", unified, "0::/", "memory", []string{"/sys/fs/cgroup"}, true},
		{"version 2 with a blank", odd, "0::/x/../../../y", "memory", []string{"/a b/y", "/a b"}, true},
		{"none", "", "", "memory", nil, false},
	} {
		got, unified := folders(groupMounts([]byte(c.mounts)), ownGroups([]byte(c.own)), c.controller)
		if diff := cmp.Diff(c.want, got); diff != "" || unified != c.unified {
			t.Errorf("%s: %v %s", c.name, unified, diff)
		}
	}
}

// The bounds of an order are what is written into its group's files, by the version that is mounted.
func TestGroupFiles(t *testing.T) {
	o := &order{Parts: Parts(), Limits: Limits{Memory: 100, Processes: 7}}
	for _, c := range []struct {
		unified bool
		want    map[string]string
		events  string
	}{
		{true, map[string]string{"memory.max": "100", "memory.swap.max": "0", "memory.oom.group": "1", "pids.max": "23", "cgroup.procs": "42", "cgroup.kill": "1"}, "memory.events"},
		{false, map[string]string{"memory.limit_in_bytes": "100", "memory.memsw.limit_in_bytes": "100", "pids.max": "23", "cgroup.procs": "42"}, "memory.oom_control"},
	} {
		dir := t.TempDir()
		place := &groupPlace{dir, dir, c.unified}
		if !c.unified {
			place.pids = t.TempDir()
		}
		g, err := place.newGroup(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := g.add(42); err != nil {
			t.Fatal(err)
		}
		g.kill()
		got := map[string]string{}
		for _, dir := range g.folders() {
			files, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				b, err := os.ReadFile(filepath.Join(dir, f.Name()))
				if err != nil {
					t.Fatal(err)
				}
				got[f.Name()] = string(b)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Error(diff)
		}
		for text, want := range map[string]bool{"oom 1\noom_kill 1\n": true, "oom_kill_disable 0\nunder_oom 1\noom_kill 0\n": false, "": false} {
			if err := os.WriteFile(filepath.Join(g.memory, c.events), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := g.outOfMemory(); got != want {
				t.Errorf("%q: %v", text, got)
			}
		}
	}
}

// Whatever the kernel's files say, groups are looked for where they are mounted.
func FuzzGroupFolders(f *testing.F) {
	f.Add("30 29 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw", "0::/a/b")
	f.Add("30 29 0:26 /x /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory", "3:memory:/x/../..")
	f.Add(`1 2 3 \134 /a\040b rw - cgroup cgroup memory`, "::/")
	f.Fuzz(func(t *testing.T, mountinfo, own string) {
		mounts := groupMounts([]byte(mountinfo))
		for _, m := range mounts {
			if !filepath.IsAbs(m.point) {
				return // the kernel's are
			}
			for _, path := range ownGroups([]byte(own)) {
				if at := below(m, path); at != filepath.Clean(m.point) && !strings.HasPrefix(at, strings.TrimSuffix(filepath.Clean(m.point), "/")+"/") {
					t.Errorf("%q leads out of %q", at, m.point)
				}
			}
		}
	})
}

// What killed houses have left is taken away; what is of living ones, or of others, is not.
func TestSweep(t *testing.T) {
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	left, kept := fmt.Sprintf("%s%d-ABC", groupPrefix, gone.Process.Pid), []string{groupName(), groupPrefix + "x", groupPrefix + "-1-A", "other-1"}
	for _, name := range append(kept, left) {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	sweep(dir)
	for _, name := range kept {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, left)); err == nil {
		t.Errorf("%s is still there", left)
	}
}

func FuzzMapped(f *testing.F) {
	for _, s := range []string{"         0          0 4294967295\n", "0 1000 1\n1 100000 65536\n", "", "x", "65534 1 1", "0 0 65534", "18446744073709551615 0 18446744073709551615"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, uidMap string) {
		for line := range strings.Lines(uidMap) {
			if mapped([]byte(line), outside) && !mapped([]byte(uidMap), outside) {
				t.Errorf("%q is not in %q", line, uidMap)
			}
		}
	})
}

func TestMapped(t *testing.T) {
	for text, want := range map[string]bool{"         0          0 4294967295\n": true, "0 1000 1\n1 100000 65536\n": true, "0 1000 1\n": false, "0 0 65534": false, "65534 5 1": true, "": false} {
		if got := mapped([]byte(text), outside); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestAtLeast(t *testing.T) {
	for release, want := range map[string]bool{"5.14": true, "5.14.0-503.el9.x86_64": true, "6.1.0-18-amd64": true, "10.0": true, "5.13.9": false, "4.18.0-553.el8": false, "": false, "x": false, "5": false} {
		if got := atLeast(release, 5, 14); got != want {
			t.Errorf("%q: %v", release, got)
		}
	}
}
