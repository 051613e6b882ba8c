// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package sandbox

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// hostileToAll is hostile, where everybody can read the program: without a file system of
// its own, a sandbox sees it where it is.
func hostileToAll(t *testing.T, attack ...string) *Command {
	c := hostile(t, attack...)
	c.Path = filepath.Join(openFolder(t), "program")
	c.Readable = append(SystemTrees(), c.Path)
	return c
}

// openFolder is a folder that everybody can look into, with a copy of this program.
func openFolder(t *testing.T) string {
	dir, err := os.MkdirTemp("", "clawea-test-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	b, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(filepath.Join(dir, "program"), b, 0o755)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// bareSandbox is one without any namespace, such as a container in its usual
// confinement can give.
func bareSandbox(t *testing.T) *Sandbox {
	return without(t, newSandbox(t), PartUser, PartMount, PartPID, PartNet, PartIPC, PartUTS)
}

// Where there is no mount namespace, Landlock keeps to what is readable.
func TestFilesByLandlockAlone(t *testing.T) {
	s := bareSandbox(t)
	dir := t.TempDir()
	secret := filepath.Join(dir, "key")
	if err := errors.Join(os.WriteFile(secret, []byte("secret"), 0o666), os.Chmod(secret, 0o666), os.Chmod(dir, 0o777)); err != nil {
		t.Fatal(err)
	}
	says(t, s, hostileToAll(t, "read", "/etc/passwd", secret, "/proc/self/environ", "/proc/1/cmdline"),
		"/etc/passwd EACCES", secret+" EACCES", "/proc/self/environ EACCES", "/proc/1/cmdline EACCES")
	says(t, s, hostileToAll(t, "write", secret, dir+"/new", "/tmp/x", "/var/tmp/x", "/dev/shm/x", "/dev/null"),
		secret+" EACCES", dir+"/new EACCES", "/tmp/x EACCES", "/var/tmp/x EACCES", "/dev/shm/x EACCES", "/dev/null worked")
	c := hostileToAll(t, "fill")
	c.Limits.FileSize = 1 << 20
	if got, err := outcome(t, s, c); err != nil || got[0] != "file of 1048576" {
		t.Errorf("%q, %v", got, err)
	}
	if left, err := filepath.Glob(filepath.Join(os.TempDir(), "clawea-sandbox-*")); err != nil || len(left) > 0 {
		t.Errorf("left in the machine's temporary folder: %q, %v", left, err)
	}
	says(t, s, hostileToAll(t, "execute"), "write worked", "execute EACCES")
}

// Where there is no network namespace, Landlock keeps to the ports, and the filter
// to streams.
func TestNetworkByLandlockAlone(t *testing.T) {
	s := bareSandbox(t)
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	says(t, s, hostileToAll(t, "connect", "tcp!"+other.Addr().String(), "udp!192.0.2.1:53"), "tcp EACCES", "udp EAFNOSUPPORT", "lookup fails: true")
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := uint16(free.Addr().(*net.TCPAddr).Port)
	c := hostileToAll(t, "fetch", fmt.Sprintf("http://127.0.0.1:%d/x", port))
	c.Listen = []uint16{port}
	if _, err := s.Start(t.Context(), c); err == nil || !strings.Contains(err.Error(), "listen at port") {
		t.Errorf("at a port that is in use: %v", err)
	}
	free.Close()
	p, err := s.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.Path) })}
	defer srv.Close()
	go srv.Serve(p.Listener(port))
	if b, err := io.ReadAll(p.Stdout); err != nil || string(b) != "/x\n" {
		t.Errorf("%q, %v", b, err)
	}
	if err := p.Wait(); err != nil {
		t.Error(err)
	}
}

// Where there is no process namespace, nobody leaves the group that ends as a whole,
// and Landlock keeps signals inside.
func TestProcessesByGroupAlone(t *testing.T) {
	s := bareSandbox(t)
	says(t, s, hostileToAll(t, "leave"), "setsid ENOSYS", "setpgid ENOSYS")
	says(t, s, hostileToAll(t, "processes", strconv.Itoa(os.Getpid())), "/proc EACCES")
	marker := fmt.Sprintf("marker-%d-%d", os.Getpid(), time.Now().UnixNano())
	says(t, s, hostileToAll(t, "daemon", marker, "here"), "daemon worked")
	gone(t, marker)
	victim := exec.Command("/bin/sleep", "600")
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	defer victim.Process.Kill()
	says(t, s, hostileToAll(t, "kill", strconv.Itoa(victim.Process.Pid)), "kill EPERM")
	if err := victim.Process.Signal(syscall.Signal(0)); err != nil {
		t.Error(err)
	}
}

// What is missing is said, and what only could be is used.
func TestExceptions(t *testing.T) {
	s := newSandbox(t)
	c := hostile(t, "echo")
	whole, err := New(append(slices.Clone(s.missing), PartNet)) // it may be missing, and is not, on most machines
	if err != nil {
		t.Fatal(err)
	}
	p, err := whole.Profile(c)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(p.Exceptions, PartNet) || slices.Contains(p.Missing, PartNet) != !s.has(PartNet) || slices.Contains(p.Parts, PartNet) != s.has(PartNet) {
		t.Errorf("%+v", p)
	}
	less := without(t, whole, PartNet)
	less.except = whole.except
	q, err := less.Profile(c)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(q.Missing, PartNet) || slices.Contains(q.Parts, PartNet) || q.Rules == p.Rules {
		t.Errorf("%+v", q)
	}
	one, two := digest(t, p), digest(t, q)
	if one == two || digest(t, p.Asked()) != digest(t, q.Asked()) {
		t.Error("profiles that differ in what is missing must have different digests, and be asked for alike")
	}
}
