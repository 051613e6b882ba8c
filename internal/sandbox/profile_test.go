// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package sandbox

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/clawea/clawea/seal"
)

func digest(t *testing.T, p *Profile) seal.Hash {
	t.Helper()
	h, err := p.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// A profile is written in one form, whatever order things were named in.
func TestProfile(t *testing.T) {
	s := &Sandbox{except: []Part{PartMemory}, missing: []Part{PartMemory}}
	c := &Command{Path: "/usr/bin/node", Readable: []string{"/usr", "/bin"}, Listen: []uint16{9, 8}}
	p, err := s.Profile(c)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(c.Readable)
	slices.Reverse(c.Listen)
	q, err := s.Profile(c)
	if err != nil {
		t.Fatal(err)
	}
	if digest(t, p) != digest(t, q) {
		t.Errorf("%+v and %+v", p, q)
	}
	b, err := p.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"exceptions":["memory_limit"]`, `"missing":["memory_limit"]`, `"v":1`, `"filter":"clawea-1"`, `"listen":[8,9]`, `"readable":["/bin","/usr"]`,
		`"limits":{"cpu_seconds":300,"file_bytes":16777216,"files":1024,"memory_bytes":536870912,"processes":64,"temporary_bytes":33554432,"wall_seconds":3600}`,
		`"parts":["ipc_namespace","landlock","mount_namespace","network_namespace","pid_namespace","process_limit","seccomp","user_namespace","uts_namespace"]`,
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s lacks %s", b, want)
		}
	}
	c.Limits.Memory = 100 << 20
	if q, err = s.Profile(c); err != nil || digest(t, p) == digest(t, q) {
		t.Errorf("another limit has the same digest, %v", err)
	}
}

func TestCommandIsChecked(t *testing.T) {
	for name, break_ := range map[string]func(*Command){
		"an absolute path":      func(c *Command) { c.Path = "node" },
		"whole":                 func(c *Command) { c.Readable = []string{"/"} },
		"as a whole":            func(c *Command) { c.Readable = []string{"/tmp"} },
		"cannot be readable":    func(c *Command) { c.Readable = []string{"/proc/self"} },
		"without . and ..":      func(c *Command) { c.Readable = []string{"/usr/../etc"} },
		"does not exist":        func(c *Command) { c.Readable = []string{"/usr/no such tree"} },
		"has no name":           func(c *Command) { c.Env = []string{"SECRET"} },
		"zero byte":             func(c *Command) { c.Args = []string{"a\x00b"} },
		"twice":                 func(c *Command) { c.Listen = []uint16{1, 1} },
		"from 1 to 65535":       func(c *Command) { c.Listen = []uint16{0} },
		"are the most":          func(c *Command) { c.Listen = make([]uint16, maxListen+1) },
		"negative":              func(c *Command) { c.Limits.CPU = -1 },
		"no program runs":       func(c *Command) { c.Limits.Processes = 1 },
		"longer than a year":    func(c *Command) { c.Limits.Wall = 1 << 40 },
		"arguments and environ": func(c *Command) { c.Args = []string{strings.Repeat("x", maxOrder)} },
	} {
		c := &Command{Path: "/usr/bin/node", Readable: []string{"/usr"}}
		if err := c.Check(); err != nil {
			t.Fatal(err)
		}
		break_(c)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), name) || strings.Count(err.Error(), "\n") != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheckExceptions(t *testing.T) {
	for _, bad := range [][]Part{{PartLandlock}, {PartSeccomp}, {"everything"}, {PartNet, PartNet}, {""}} {
		if err := CheckExceptions(bad); err == nil || strings.Count(err.Error(), "\n") != 1 {
			t.Errorf("%q: %v", bad, err)
		}
		if _, err := New(bad); err == nil {
			t.Errorf("%q makes a sandbox", bad)
		}
	}
	if err := CheckExceptions([]Part{PartNet, PartMemory}); err != nil {
		t.Error(err)
	}
}

func TestLacks(t *testing.T) {
	r := Report{}
	for _, p := range Parts() {
		r.Findings = append(r.Findings, Finding{Part: p, OK: p != PartUser && p != PartIPC, Why: "not permitted", Mends: "permit it"})
	}
	want := "the sandbox lacks its user_namespace (and ipc_namespace): not permitted\npermit it; or let that be missing, as an exception of this server"
	if err := r.lacks(nil); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %v", err, want)
	}
	if err := r.lacks([]Part{PartUser, PartIPC}); err != nil {
		t.Error(err)
	}
	none := Report{}
	want = "the sandbox lacks its landlock (and "
	if err := none.lacks(Parts()[:1]); err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "exception") {
		t.Error("of nothing found, something is there:", err)
	}
}

// evaluate runs a filter as the kernel does (seccomp(2)), for the instructions that it uses.
func evaluate(t *testing.T, prog []unix.SockFilter, number, arch uint32, args ...uint64) uint32 {
	t.Helper()
	data := map[uint32]uint32{offNumber: number, offArch: arch}
	for i, a := range args {
		data[offArgs+8*uint32(i)] = uint32(a)
	}
	var acc uint32
	for pc := 0; pc < len(prog); pc++ {
		in := prog[pc]
		step := func(ok bool) {
			if ok {
				pc += int(in.Jt)
			} else {
				pc += int(in.Jf)
			}
		}
		switch in.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			acc = data[in.K]
		case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K:
			acc &= in.K
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			step(acc == in.K)
		case unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K:
			step(acc >= in.K)
		case unix.BPF_RET | unix.BPF_K:
			return in.K
		default:
			t.Fatalf("instruction %d: %+v", pc, in)
		}
	}
	t.Fatal("the filter has no end")
	return 0
}

func TestFilter(t *testing.T) {
	const allow, kill = unix.SECCOMP_RET_ALLOW, unix.SECCOMP_RET_KILL_PROCESS
	fail := func(e unix.Errno) uint32 { return unix.SECCOMP_RET_ERRNO | uint32(e) }
	whole := Parts()
	apart := slices.DeleteFunc(Parts(), func(p Part) bool { return p == PartNet || p == PartPID || p == PartMemory })
	stream := uint64(unix.SOCK_STREAM | unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK)
	for _, c := range []struct {
		parts  []Part
		number uint32
		args   []uint64
		want   uint32
	}{
		{whole, unix.SYS_READ, nil, allow},
		{whole, unix.SYS_EXECVE, nil, allow},
		{whole, unix.SYS_PTRACE, nil, fail(unix.ENOSYS)},
		{whole, 100_000, nil, fail(unix.ENOSYS)},
		{whole, unix.SYS_CLONE, []uint64{unix.CLONE_VM | unix.CLONE_VFORK | uint64(unix.SIGCHLD)}, allow},
		{whole, unix.SYS_CLONE, []uint64{unix.CLONE_NEWNET}, fail(unix.EPERM)},
		{whole, unix.SYS_CLONE, []uint64{unix.CLONE_NEWUSER | 1<<32}, fail(unix.EPERM)},
		{whole, unix.SYS_SOCKET, []uint64{unix.AF_INET, stream, 0}, allow},
		{whole, unix.SYS_SOCKET, []uint64{unix.AF_INET6, stream, unix.IPPROTO_TCP}, allow},
		{whole, unix.SYS_SOCKET, []uint64{unix.AF_INET, stream, unix.IPPROTO_SCTP}, fail(unix.EAFNOSUPPORT)},
		{whole, unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_DGRAM, 0}, allow},
		{whole, unix.SYS_SOCKET, []uint64{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE}, allow},
		{whole, unix.SYS_SOCKET, []uint64{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_NETFILTER}, fail(unix.EAFNOSUPPORT)},
		{whole, unix.SYS_SOCKET, []uint64{unix.AF_UNIX, stream, 0}, fail(unix.EAFNOSUPPORT)},
		{whole, unix.SYS_SOCKETPAIR, []uint64{unix.AF_UNIX}, allow},
		{whole, unix.SYS_IOCTL, []uint64{0, unix.TCGETS}, allow},
		{whole, unix.SYS_IOCTL, []uint64{0, unix.TIOCSTI}, fail(unix.EPERM)},
		{whole, unix.SYS_IOCTL, []uint64{0, unix.TIOCLINUX}, fail(unix.EPERM)},
		{whole, unix.SYS_PERSONALITY, []uint64{0}, allow},
		{whole, unix.SYS_PERSONALITY, []uint64{0xffffffff}, allow},
		{whole, unix.SYS_PERSONALITY, []uint64{8}, fail(unix.EPERM)},
		{whole, unix.SYS_SETSID, nil, allow},
		{whole, unix.SYS_MMAP, []uint64{0, 0, 0, unix.MAP_SHARED | unix.MAP_ANONYMOUS}, allow},
		{whole, unix.SYS_SENDTO, []uint64{0, 0, 0, unix.MSG_FASTOPEN}, allow},
		{apart, unix.SYS_SETSID, nil, fail(unix.ENOSYS)},
		{apart, unix.SYS_MEMFD_CREATE, nil, fail(unix.ENOSYS)},
		{apart, unix.SYS_MMAP, []uint64{0, 0, 0, unix.MAP_SHARED | unix.MAP_ANONYMOUS}, fail(unix.EPERM)},
		{apart, unix.SYS_MMAP, []uint64{0, 0, 0, unix.MAP_PRIVATE | unix.MAP_ANONYMOUS}, allow},
		{apart, unix.SYS_MMAP, []uint64{0, 0, 0, unix.MAP_SHARED}, allow},
		{apart, unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_DGRAM, 0}, fail(unix.EAFNOSUPPORT)},
		{apart, unix.SYS_SOCKET, []uint64{unix.AF_INET, stream, 0}, allow},
		{apart, unix.SYS_SENDTO, []uint64{0, 0, 0, unix.MSG_NOSIGNAL | unix.MSG_FASTOPEN}, fail(unix.EPERM)},
		{apart, unix.SYS_SENDMSG, []uint64{0, 0, unix.MSG_FASTOPEN}, fail(unix.EPERM)},
		{apart, unix.SYS_SENDMSG, []uint64{0, 0, unix.MSG_NOSIGNAL}, allow},
	} {
		if got := evaluate(t, filter(c.parts), c.number, auditArch, c.args...); got != c.want {
			t.Errorf("call %d %x: %#x, want %#x", c.number, c.args, got, c.want)
		}
	}
	if got := evaluate(t, filter(whole), unix.SYS_READ, unix.AUDIT_ARCH_I386); got != kill {
		t.Errorf("another architecture: %#x", got)
	}
	if otherABI != 0 && evaluate(t, filter(whole), otherABI|unix.SYS_READ, auditArch) != kill {
		t.Error("another ABI passes")
	}
}

// No call is decided twice: what comes first would hold.
func TestFilterNamesEachCallOnce(t *testing.T) {
	for _, parts := range [][]Part{Parts(), {PartSeccomp}} {
		seen := map[uint32]string{}
		for _, c := range slices.Concat(allowed(), legacy()) {
			if seen[c.number] != "" {
				t.Errorf("%s and %s", seen[c.number], c.name)
			}
			seen[c.number] = c.name
		}
		for _, r := range rules(parts) {
			if seen[r.number] != "" {
				t.Errorf("%s and %s", seen[r.number], r.name)
			}
			seen[r.number] = r.name
		}
		if n := len(filter(parts)); n > 4096 { // BPF_MAXINSNS
			t.Errorf("%d instructions", n)
		}
	}
}
