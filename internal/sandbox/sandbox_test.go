// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package sandbox

import (
	"bytes"
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
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// newSandbox is a sandbox of all parts that this machine has. Where it lacks some, tests
// say so, except when CI=true is set, where they fail, unless the part is listed in
// CLAWEA_TEST_EXCEPT (with blanks between): an exception that somebody has made.
func newSandbox(t testing.TB) *Sandbox {
	t.Helper()
	r := probed()
	lack := r.Missing()
	for _, p := range lack {
		f, _ := r.Finding(p)
		excepted := slices.Contains(strings.Fields(os.Getenv("CLAWEA_TEST_EXCEPT")), string(p))
		if os.Getenv("CI") == "true" && !excepted || p == PartLandlock || p == PartSeccomp {
			absent(t, fmt.Sprintf("no %s here: %s; %s", p, f.Why, f.Mends))
		}
	}
	s, err := made()
	if err != nil {
		absent(t, err.Error())
	}
	return s
}

// probed and made ask the machine once for all tests.
var (
	probed = sync.OnceValue(Probe)
	made   = sync.OnceValues(func() (*Sandbox, error) {
		r := probed()
		return New(r.Missing())
	})
)

func absent(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" && os.Getenv("CLAWEA_TEST_EXCEPT") == "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// need skips a test that is about parts which this machine lacks.
func need(t *testing.T, s *Sandbox, parts ...Part) {
	t.Helper()
	for _, p := range parts {
		if !s.has(p) {
			t.Skipf("no %s here", p)
		}
	}
}

// hostile is the command of an attack.
func hostile(t testing.TB, attack ...string) *Command {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return &Command{Path: exe, Args: append([]string{"hostile"}, attack...), Env: raceless(), Readable: append(SystemTrees(), exe), Limits: Limits{Wall: 300}}
}

// raceless keeps the race detector from waiting a second at the end of each process.
func raceless() []string {
	if race {
		return []string{"GORACE=atexit_sleep_ms=0"}
	}
	return nil
}

// outcome runs a command to its end and returns the lines that it said.
func outcome(t testing.TB, s *Sandbox, c *Command) ([]string, error) {
	t.Helper()
	var errs bytes.Buffer
	if c.Stderr == nil {
		c.Stderr = &errs
	}
	p, err := s.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	p.Stdin.Close()
	b, err := io.ReadAll(p.Stdout)
	if err != nil {
		t.Fatal(err)
	}
	err = p.Wait()
	return strings.Split(strings.TrimSpace(string(b)), "\n"), err
}

// says runs an attack, which must end well and say just that.
func says(t *testing.T, s *Sandbox, c *Command, want ...string) {
	t.Helper()
	got, err := outcome(t, s, c)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v: %v\ngot  %q\nwant %q", c.Args, err, got, want)
	}
}

func TestFilesOfOthers(t *testing.T) {
	s := newSandbox(t)
	need(t, s, PartMount)
	dir := t.TempDir()
	secret := filepath.Join(dir, "key")
	if err := os.WriteFile(secret, []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	says(t, s, hostile(t, "read", "/etc/passwd", "/etc/shadow", secret, "/proc/1/root"+secret, "/proc/1/environ", "/proc/1/exe", "/proc/sys/kernel/hostname", "/proc/kcore", "/sys/kernel/notes", "/dev/kmsg", "/dev/mem", "/run/x"),
		`/etc/passwd says "program:x:1000:1000::/tmp:/bin/false\n"`, "/etc/shadow ENOENT", secret+" ENOENT", "/proc/1/root"+secret+" EACCES", "/proc/1/environ EACCES", "/proc/1/exe EACCES",
		"/proc/sys/kernel/hostname ENOENT", "/proc/kcore ENOENT", "/sys/kernel/notes ENOENT", "/dev/kmsg ENOENT", "/dev/mem ENOENT", "/run/x ENOENT")
}

func TestNothingIsWritten(t *testing.T) {
	s := newSandbox(t)
	need(t, s, PartMount)
	tree := t.TempDir()
	if err := os.Chmod(tree, 0o777); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(tree, "open")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o666); err != nil {
		t.Fatal(err)
	}
	c := hostile(t, "write", file, tree+"/new", "/usr/x", "/x", "/etc/x", "/etc/hosts", "/dev/x", "/proc/self/oom_score_adj", "/tmp/x", "/dev/null")
	c.Readable = append(c.Readable, tree)
	got, err := outcome(t, s, c)
	if err != nil || len(got) != 10 {
		t.Fatal(got, err)
	}
	for i, line := range got {
		if _, what, _ := strings.Cut(line, " "); i < 8 && what != "EACCES" && what != "EROFS" || i >= 8 && what != "worked" {
			t.Error(line)
		}
	}
	if b, err := os.ReadFile(file); err != nil || len(b) > 0 {
		t.Errorf("%q, %v", b, err)
	}
}

func TestTemporaryFolder(t *testing.T) {
	s := newSandbox(t)
	need(t, s, PartMount)
	c := hostile(t, "fill")
	c.Limits.Temporary, c.Limits.FileSize = 10<<20, 4<<20
	says(t, s, c, "file of 4194304", "file of 4194304", "total ENOSPC", "bytes 10485760")
	got, err := outcome(t, s, hostile(t, "files"))
	if err != nil || len(got) != 2 || got[0] != "folder ENOSPC" {
		t.Errorf("%q, %v", got, err)
	}
	says(t, s, hostile(t, "execute"), "write worked", "execute EACCES")
}

func TestOtherProcesses(t *testing.T) {
	s := newSandbox(t)
	need(t, s, PartPID, PartMount)
	says(t, s, hostile(t, "processes", strconv.Itoa(os.Getpid())), "sees 1", "kill the house ESRCH", "its memory ENOENT")
	says(t, s, hostile(t, "killall"), "killall ESRCH") // we are still here to see it
}

func TestNoNetwork(t *testing.T) {
	s := newSandbox(t)
	need(t, s, PartNet)
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	abstract, err := net.Listen("unix", fmt.Sprintf("@clawea-test-%d", os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	defer abstract.Close()
	says(t, s, hostile(t, "connect", "tcp!"+tcp.Addr().String(), "tcp!192.0.2.1:443", "udp!192.0.2.1:53", "tcp!169.254.169.254:80", "tcp![2001:db8::1]:443", "unix!"+abstract.Addr().String()),
		"tcp ECONNREFUSED", "tcp ENETUNREACH", "udp ENETUNREACH", "tcp ENETUNREACH", "tcp ENETUNREACH", "unix EAFNOSUPPORT", "lookup fails: true")
	says(t, s, hostile(t, "connect", "udp!"+udp.LocalAddr().String()), "udp worked", "lookup fails: true") // into its own loopback
	if err := udp.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, _, err := udp.ReadFrom(make([]byte, 10)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the house heard %d bytes, %v", n, err)
	}
	says(t, s, hostile(t, "interfaces"), "interface lo", "list worked")
	says(t, s, hostile(t, "sockets"), "unix EAFNOSUPPORT", "raw EAFNOSUPPORT", "packet EAFNOSUPPORT", "netfilter EAFNOSUPPORT", "alg EAFNOSUPPORT", "vsock EAFNOSUPPORT",
		"mptcp EAFNOSUPPORT", "tcp worked", "udp worked")
}

func TestForkBomb(t *testing.T) {
	s := newSandbox(t)
	need(t, s, PartProcesses)
	c := hostile(t, "forks")
	c.Limits.Processes = 40
	got, err := outcome(t, s, c)
	if err != nil || len(got) != 2 || got[0] != "fork EAGAIN" {
		t.Fatalf("%q, %v", got, err)
	}
	if n, err := strconv.Atoi(strings.TrimPrefix(got[1], "count ")); err != nil || n < 10 || n > 40+guardThreads {
		t.Error(got)
	}
	if out, err := exec.Command("true").CombinedOutput(); err != nil {
		t.Errorf("the house cannot start anything: %s, %v", out, err)
	}
}

func TestMemoryBomb(t *testing.T) {
	s := newSandbox(t)
	need(t, s, PartMemory)
	c := hostile(t, "memory", "70", "two")
	c.Limits.Memory = 100 << 20
	got, err := outcome(t, s, c)
	if !errors.Is(err, ErrMemory) {
		t.Errorf("%q, %v", got, err)
	}
}

// Without a bound on all memory, that on each process holds, and shared memory, which it does
// not count, cannot be had.
func TestMemoryBombOfOne(t *testing.T) {
	s := without(t, newSandbox(t), PartMemory)
	c := hostile(t, "memory", "1000")
	c.Limits.Memory = 100 << 20
	if got, err := outcome(t, s, c); err == nil || errors.Is(err, ErrTime) {
		t.Errorf("%q, %v", got, err)
	}
	says(t, s, hostile(t, "shared"), "mmap EPERM", "memfd ENOSYS", "shm ENOSYS")
}

// without is s as it would be on a machine that lacks parts more.
func without(t *testing.T, s *Sandbox, parts ...Part) *Sandbox {
	lack := append(slices.Clone(s.missing), parts...)
	slices.Sort(lack)
	lack = slices.Compact(lack)
	w := &Sandbox{except: lack, missing: lack, machine: s.machine}
	if err := w.standIns(); err != nil {
		t.Skip(err)
	}
	return w
}

func TestSystemCalls(t *testing.T) {
	s := newSandbox(t)
	got, err := outcome(t, s, hostile(t, "calls"))
	if err != nil || len(got) != 30 {
		t.Fatalf("%q, %v", got, err)
	}
	eperm := []string{"clone EPERM", "personality EPERM", "setuid EPERM", "setuid EINVAL"} // the last where there is no root to become
	for _, line := range got {
		if !strings.HasSuffix(line, " ENOSYS") && !slices.Contains(eperm, line) {
			t.Error(line)
		}
	}
	says(t, s, hostile(t, "terminal"), "TIOCSTI EPERM", "high EPERM", "tty "+map[bool]string{true: "ENOENT", false: "EACCES"}[s.has(PartMount)])
}

func TestEnvironment(t *testing.T) {
	t.Setenv("CLAWEA_SECRET", "must not be seen")
	s := newSandbox(t)
	need(t, s, PartMount)
	c := hostile(t, "environment")
	c.Env = []string{"JIRA_HOST=http://127.0.0.1:8080"}
	says(t, s, c, "HOME=/tmp", "JIRA_HOST=http://127.0.0.1:8080", "TMPDIR=/tmp", "in /tmp <nil>")
	c.Env = []string{"HOME=/usr"}
	says(t, s, c, "HOME=/usr", "TMPDIR=/tmp", "in /tmp <nil>")
}

func TestDescriptors(t *testing.T) {
	s := newSandbox(t)
	fd, err := syscall.Open("/etc/passwd", syscall.O_RDONLY, 0) // not closed by execution
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	says(t, s, hostile(t, "descriptors"), "looked")
}

func TestPrivileges(t *testing.T) {
	s := newSandbox(t)
	need(t, s, PartUser, PartMount, PartPID, PartUTS)
	none := "0000000000000000"
	got, err := outcome(t, s, hostile(t, "who"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"effective 1000", "CapInh " + none, "CapPrm " + none, "CapEff " + none, "CapBnd " + none, "CapAmb " + none, "NoNewPrivs 1", "Seccomp 2", "host sandbox"}
	got = slices.DeleteFunc(got, func(l string) bool { return strings.HasPrefix(l, "groups ") })
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if os.Geteuid() != 0 {
		t.Skip("only root can make a setuid program")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	c := hostile(t, "who")
	c.Path = filepath.Join(t.TempDir(), "setuid")
	if err := errors.Join(os.WriteFile(c.Path, b, 0o755), os.Chmod(c.Path, 0o755|os.ModeSetuid)); err != nil {
		t.Fatal(err)
	}
	c.Readable = append(c.Readable, c.Path)
	if got, err := outcome(t, s, c); err != nil || got[0] != "effective 1000" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestOtherABI(t *testing.T) {
	if auditArch != unix.AUDIT_ARCH_X86_64 {
		t.Skip("there is one ABI here")
	}
	got, err := outcome(t, newSandbox(t), hostile(t, "x32"))
	if err == nil || !strings.Contains(err.Error(), "bad system call") {
		t.Errorf("%q, %v", got, err)
	}
}

func TestLimitsOfEach(t *testing.T) {
	s := newSandbox(t)
	c := hostile(t, "open")
	c.Limits.Files = 30
	got, err := outcome(t, s, c)
	if err != nil || got[0] != "open EMFILE" {
		t.Errorf("%q, %v", got, err)
	}
	var errs bytes.Buffer
	c = hostile(t, "shout")
	c.Stderr = &errs
	says(t, s, c, "said")
	if errs.Len() != MaxStderr {
		t.Errorf("%d bytes", errs.Len())
	}
}

func TestListener(t *testing.T) {
	s := newSandbox(t)
	need(t, s, PartNet)
	c := hostile(t, "fetch", "http://127.0.0.1:80/a", "http://localhost:8080/b")
	c.Listen = []uint16{8080, 80}
	p, err := s.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for _, port := range c.Listen {
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, port, r.URL.Path) })}
		defer srv.Close()
		go srv.Serve(p.Listener(port))
	}
	b, err := io.ReadAll(p.Stdout)
	if err != nil || string(b) != "80/a\n8080/b\n" || p.Wait() != nil {
		t.Errorf("%q, %v, %v", b, err, p.Wait())
	}
	if p.Listener(81) != nil {
		t.Error("a listener at a port that was not named")
	}
	if _, err := p.Listener(80).Accept(); err == nil {
		t.Error("a listener outlives its program")
	}
}

func TestStreams(t *testing.T) {
	s := newSandbox(t)
	p, err := s.Start(t.Context(), hostile(t, "echo"))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		fmt.Fprintln(p.Stdin, "hello")
		p.Stdin.Close()
	}()
	b, err := io.ReadAll(p.Stdout)
	if err != nil || string(b) != "hello\n6 <nil>\n" || p.Wait() != nil {
		t.Errorf("%q, %v, %v", b, err, p.Wait())
	}
}

// A program can do nothing to the guard before it, and not come before the house.
func TestGuard(t *testing.T) {
	if abi := landlockABI(); abi < 6 && os.Geteuid() != 0 {
		t.Skipf("version %d of Landlock leaves signals alone", abi)
	}
	want := []string{"stopped (signal) EPERM", "terminated EPERM", "killed EPERM", "priority EACCES"}
	s := newSandbox(t)
	says(t, s, hostile(t, "guard"), want...)
	says(t, bareSandbox(t), hostileToAll(t, "guard"), want...)
}

// A program cannot use up the open files of the house.
func TestFlood(t *testing.T) {
	s := newSandbox(t)
	need(t, s, PartNet)
	c := hostile(t, "flood", "127.0.0.1:80")
	c.Listen = []uint16{80}
	p, err := s.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	var accepted atomic.Int32
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := p.Listener(80).Accept()
			if err != nil {
				return
			}
			defer c.Close()
			accepted.Add(1)
		}
	}()
	b := make([]byte, len("flooded true\n"))
	if _, err := io.ReadFull(p.Stdout, b); err != nil || string(b) != "flooded true\n" {
		t.Errorf("%q, %v", b, err)
	}
	for deadline := time.Now().Add(time.Minute); accepted.Load() < MaxConns && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	p.Kill()
	if err := p.Wait(); err == nil {
		t.Error("it ended well")
	}
	<-ended
	if n := accepted.Load(); n != MaxConns {
		t.Errorf("%d connections", n)
	}
}
