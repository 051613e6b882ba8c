// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// probe asks the machine by having it do what it is asked for: first all namespaces
// at once, and if that fails, one by one.
func probe() (Report, machine) {
	r := Report{System: runtime.GOOS + "/" + runtime.GOARCH, Kernel: kernel(), User: os.Geteuid()}
	spaces := []Part{PartUser, PartMount, PartPID, PartNet, PartIPC, PartUTS}
	if trial(spaces) == nil {
		for _, p := range spaces {
			r.found(p, "it was made, and used", nil, "")
		}
	} else {
		r.oneByOne(spaces)
	}
	abi := landlockABI()
	r.found(PartLandlock, fmt.Sprintf("version %d of the kernel's interface", abi), onlyIf(abi > 0, "the kernel has none, or does not start it"),
		"use Linux 5.13 or newer, with landlock among the security modules that it starts (lsm=)")
	r.found(PartSeccomp, "a filter was set", trial([]Part{PartSeccomp}), "use a kernel with CONFIG_SECCOMP_FILTER")
	place, noMemory, noPids := findGroups()
	r.found(PartMemory, "a control group was made", noMemory, delegates("memory"))
	user, _ := r.Finding(PartUser)
	switch {
	case user.OK && atLeast(r.Kernel, 5, 14):
		r.found(PartProcesses, "the kernel counts them in each user namespace", nil, "")
	default:
		r.found(PartProcesses, "a control group was made", noPids, delegates("pids"))
	}
	slices.SortFunc(r.Findings, func(a, b Finding) int { return strings.Compare(string(a.Part), string(b.Part)) })
	return r, machine{place}
}

func (r *Report) found(p Part, how string, err error, mends string) {
	f := Finding{Part: p, OK: err == nil, Why: how}
	if err != nil {
		f.Why, f.Mends = err.Error(), mends
	}
	r.Findings = append(r.Findings, f)
}

// oneByOne tries the namespaces apart, within a user namespace if there can be one.
func (r *Report) oneByOne(spaces []Part) {
	var base []Part
	for _, p := range spaces {
		err := trial(append(slices.Clone(base), p))
		r.found(p, "it was made, and used", bare(err), spaceMends(p, len(base) > 0))
		if p == PartUser && err == nil {
			base = []Part{PartUser}
		}
	}
}

// trial starts a process that puts up some walls and ends.
func trial(parts []Part) error {
	r := &run{order: &order{Parts: parts, Trial: true, Temporary: "/", Limits: Default()}}
	if has(parts, PartMount) {
		r.order.Temporary = temporary
	}
	p, err := r.start(context.Background())
	if err != nil {
		return err
	}
	defer p.Stdout.Close()
	p.Stdin.Close()
	return p.Wait()
}

// bare is what the kernel said, without what we say around it.
func bare(err error) error {
	var failed *partError
	var errno unix.Errno
	switch {
	case errors.As(err, &failed):
		return failed.err
	case errors.As(err, &errno):
		return fmt.Errorf("the kernel says: %w", errno)
	}
	return err
}

// spaceMends says what lets a namespace be made, by what forbids it.
func spaceMends(p Part, withUser bool) string {
	limit := "max_" + map[Part]string{PartUser: "user", PartMount: "mnt", PartPID: "pid", PartNet: "net", PartIPC: "ipc", PartUTS: "uts"}[p] + "_namespaces"
	switch {
	case sysctl("user/"+limit) == "0":
		return "set the sysctl user." + limit + " to 10000, say"
	case sysctl("kernel/unprivileged_userns_clone") == "0" && os.Geteuid() != 0:
		return "set the sysctl kernel.unprivileged_userns_clone to 1"
	case sysctl("kernel/apparmor_restrict_unprivileged_userns") == "1" && os.Geteuid() != 0:
		return "give the house's binary an AppArmor profile with the rule userns, or set the sysctl kernel.apparmor_restrict_unprivileged_userns to 0"
	case p != PartUser && !withUser && os.Geteuid() != 0:
		return "see to the user namespace: without one only root can make this"
	}
	return "in a container, let its runtime allow unshare and mount (a seccomp profile of its own, or --security-opt seccomp=unconfined); else use a kernel that has it"
}

func sysctl(name string) string {
	b, err := os.ReadFile("/proc/sys/" + name)
	if err != nil {
		return "" // there is no such thing here
	}
	return strings.TrimSpace(string(b))
}

func delegates(controller string) string {
	return "under systemd, write Delegate=yes and DelegateSubgroup=house into the house's unit; in a container, mount /sys/fs/cgroup writable, with the controller " + controller
}

// onlyIf is an error unless ok.
func onlyIf(ok bool, text string) error {
	if ok {
		return nil
	}
	return errors.New(text)
}

// kernel is its release.
func kernel() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

// atLeast reports whether a release such as 6.1.0-18-amd64 is of a version or newer.
// One that it cannot read is not.
func atLeast(release string, major, minor int) bool {
	var a, b int
	if _, err := fmt.Sscanf(release, "%d.%d", &a, &b); err != nil {
		return false
	}
	return a > major || a == major && b >= minor
}

// standIns says which part is missing that something else would have to stand in
// for, and does not: without a mount namespace, Landlock has to hold truncation
// too; without a network of its own, TCP; without a process namespace, signals.
func (s *Sandbox) standIns() error {
	abi := landlockABI()
	for _, need := range []struct {
		part  Part
		abi   int
		linux string
	}{{PartMount, 3, "6.2"}, {PartNet, 4, "6.7"}, {PartPID, 6, "6.12"}} {
		if !s.has(need.part) && abi < need.abi {
			return fmt.Errorf("the sandbox lacks its %s, and Landlock, which would stand in for it, is version %d where %d is the least\nsee to the namespace (clawea doctor), or use Linux %s or newer",
				need.part, abi, need.abi, need.linux)
		}
	}
	return nil
}
