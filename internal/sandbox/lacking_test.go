// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package sandbox

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// lacking runs the rest of a test as root of a user namespace of its own, in which take has
// taken something away: the machine keeps what it has. It reports whether this is there.
func lacking(t *testing.T, take func() error) bool {
	t.Helper()
	const stage = "CLAWEA_TEST_LACKS"
	switch os.Getenv(stage) {
	case "":
		if os.Geteuid() != 0 {
			t.Skip("only root can take a part away")
		}
		all := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: outside + 1}}
		cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), stage+"=take")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS, UidMappings: all, GidMappings: all}
		out, err := cmd.CombinedOutput()
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC) {
			absent(t, "no user namespace here")
		}
		if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
			t.Errorf("%v\n%s", err, out)
		}
		return false
	case "take":
		runtime.LockOSThread()
		if err := take(); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Setenv(stage, "taken"), unix.Exec("/proc/self/exe", os.Args, os.Environ())); err != nil {
			t.Fatal(err)
		}
	}
	return true
}

// bound sets how many of a namespace there may be in this one.
func bound(name, n string) error { return os.WriteFile("/proc/sys/user/"+name, []byte(n), 0) }

// lacksJust has this machine lack just these parts, with what mends each, and New say so.
func lacksJust(t *testing.T, want ...Part) *Sandbox {
	t.Helper()
	r := Probe()
	got := slices.DeleteFunc(r.Missing(), func(p Part) bool { return p == PartMemory }) // that depends on the machine
	if slices.Sort(want); !slices.Equal(got, want) {
		t.Errorf("%+v\nwant %v to lack", r, want)
	}
	for _, p := range got {
		if f, _ := r.Finding(p); f.Why == "" || f.Mends == "" {
			t.Errorf("%+v", f)
		}
	}
	var missing *MissingError
	if _, err := New(nil); !errors.As(err, &missing) || !slices.Contains(want, missing.Part) || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("%v", err)
	}
	s, err := New(r.Missing())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A part that lacks and is not excepted is named; if it is, the others hold.
func TestWithoutOneNamespace(t *testing.T) {
	if !lacking(t, func() error { return bound("max_uts_namespaces", "0") }) {
		return
	}
	s := lacksJust(t, PartUTS)
	says(t, s, hostile(t, "interfaces"), "interface lo", "list worked")
}

// Where nobody may have user namespaces, root can still make the others.
func TestWithoutUserNamespaces(t *testing.T) {
	if !lacking(t, func() error { return bound("max_user_namespaces", "0") }) {
		return
	}
	s := lacksJust(t, PartUser)
	says(t, s, hostile(t, "read", "/etc/shadow"), "/etc/shadow ENOENT")
	says(t, s, hostile(t, "interfaces"), "interface lo", "list worked")
	got, err := outcome(t, s, hostile(t, "who"))
	if err != nil || !slices.Contains(got, "effective 65534") || !slices.Contains(got, "CapEff 0000000000000000") || !slices.Contains(got, "CapBnd 0000000000000000") {
		t.Errorf("%q, %v", got, err)
	}
}

// A container in its usual confinement has root, and can make no namespace.
func TestInContainer(t *testing.T) {
	if !lacking(t, func() error {
		return errors.Join(bound("max_user_namespaces", "0"), unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_SYS_ADMIN, 0, 0, 0))
	}) {
		return
	}
	s := lacksJust(t, PartUser, PartMount, PartPID, PartNet, PartIPC, PartUTS)
	says(t, s, hostileToAll(t, "read", "/etc/passwd", "/proc/self/environ"), "/etc/passwd EACCES", "/proc/self/environ EACCES")
	says(t, s, hostileToAll(t, "connect", "tcp!127.0.0.1:1", "udp!127.0.0.1:1"), "tcp EACCES", "udp EAFNOSUPPORT", "lookup fails: true")
	got, err := outcome(t, s, hostileToAll(t, "who"))
	if err != nil || got[0] != "effective 65534" {
		t.Errorf("%q, %v", got, err)
	}
}
