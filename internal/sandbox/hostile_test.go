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
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestMain is also what enters sandboxes, the hostile program in them, and a house
// that starts one and is killed.
func TestMain(m *testing.M) {
	Enter()
	if len(os.Args) > 2 && os.Args[1] == "hostile" {
		attack := attacks()[os.Args[2]]
		if attack == nil {
			fmt.Println("no such attack")
			os.Exit(2)
		}
		attack(os.Args[3:])
		os.Exit(0)
	}
	if len(os.Args) > 3 && os.Args[1] == "house" {
		house(os.Args[2], os.Args[3] == "bare")
	}
	os.Exit(m.Run())
}

// attacks are what the hostile program tries. Each prints what came of it, a line for
// each try.
func attacks() map[string]func(args []string) {
	return map[string]func([]string){
		"read": readFiles, "write": writeFiles, "fill": fill, "files": manyFiles, "execute": execute, "processes": processes, "connect": connect,
		"sockets": sockets, "interfaces": interfaces, "forks": forks, "memory": memory, "shared": sharedMemory, "calls": calls, "killall": killAll,
		"environment": environment, "daemon": daemon, "sleep": sleep, "descriptors": descriptors, "who": who, "terminal": terminal, "x32": otherNumbers,
		"spin": spin, "shout": shout, "fetch": fetch, "echo": echo, "open": openMany, "leave": leaveGroup, "kill": kill, "flood": flood, "evade": evade, "guard": killGuard,
	}
}

// try prints what came of one try: its error, or that it worked.
func try(what string, err error) {
	var errno syscall.Errno
	switch {
	case err == nil:
		fmt.Println(what, "worked")
	case errors.As(err, &errno):
		fmt.Println(what, unix.ErrnoName(errno))
	default:
		fmt.Println(what, err)
	}
}

func readFiles(paths []string) {
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err == nil {
			fmt.Printf("%s says %q\n", p, b)
			continue
		}
		try(p, err)
	}
}

func writeFiles(paths []string) {
	for _, p := range paths {
		f, err := os.OpenFile(p, os.O_WRONLY|os.O_CREATE, 0o600)
		if err == nil {
			_, err = f.WriteString("x")
			f.Close()
		}
		try(p, err)
	}
}

// fill writes into its temporary folder until that fails, and says how much went there.
func fill([]string) {
	signal.Ignore(syscall.SIGXFSZ)
	block := make([]byte, 1<<20)
	total := 0
	for i := range 100 {
		f, err := os.Create(filepath.Join(os.TempDir(), strconv.Itoa(i)))
		if err != nil {
			try("file", err)
			break
		}
		n, written := 0, 0
		for err == nil {
			n, err = f.Write(block)
			written += n
		}
		f.Close()
		if total += written; errors.Is(err, syscall.ENOSPC) {
			try("total", err)
			break
		}
		fmt.Println("file of", written)
	}
	fmt.Println("bytes", total)
}

func manyFiles([]string) {
	for i := range 100_000 {
		if err := os.Mkdir(filepath.Join(os.TempDir(), "d"+strconv.Itoa(i)), 0o700); err != nil {
			try("folder", err)
			fmt.Println("count", i)
			return
		}
	}
	fmt.Println("no end")
}

// execute makes a program of itself in the temporary folder and starts that.
func execute([]string) {
	to := filepath.Join(os.TempDir(), "program")
	try("write", os.WriteFile(to, []byte("#!/bin/sh\necho out\n"), 0o700))
	try("execute", exec.Command(to).Run())
}

func processes(args []string) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		try("/proc", err)
		return
	}
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err == nil && e.Name() != strconv.Itoa(os.Getpid()) {
			fmt.Println("sees", e.Name())
		}
	}
	pid, _ := strconv.Atoi(args[0])
	try("kill the house", syscall.Kill(pid, syscall.SIGKILL))
	try("its memory", errors.Join(func() error { _, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid)); return err }()))
}

func connect(addresses []string) {
	for _, a := range addresses {
		network, address, _ := strings.Cut(a, "!")
		c, err := net.DialTimeout(network, address, 30*time.Second)
		if err == nil {
			_, err = c.Write([]byte("hello"))
			c.Close()
		}
		try(network, err)
	}
	_, err := net.LookupHost("example.com")
	fmt.Println("lookup fails:", err != nil)
}

func sockets([]string) {
	for _, s := range []struct {
		name                   string
		family, kind, protocol int
	}{
		{"unix", unix.AF_UNIX, unix.SOCK_STREAM, 0}, {"raw", unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP}, {"packet", unix.AF_PACKET, unix.SOCK_RAW, 0},
		{"netfilter", unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_NETFILTER}, {"alg", unix.AF_ALG, unix.SOCK_SEQPACKET, 0}, {"vsock", unix.AF_VSOCK, unix.SOCK_STREAM, 0},
		{"mptcp", unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP}, {"tcp", unix.AF_INET, unix.SOCK_STREAM, 0}, {"udp", unix.AF_INET6, unix.SOCK_DGRAM, 0},
	} {
		_, err := unix.Socket(s.family, s.kind|unix.SOCK_CLOEXEC, s.protocol)
		try(s.name, err)
	}
}

func interfaces([]string) {
	all, err := net.Interfaces()
	for _, i := range all {
		fmt.Println("interface", i.Name)
	}
	try("list", err)
}

// forks starts processes until the kernel says no.
func forks([]string) {
	for i := range 10_000 {
		cmd := exec.Command("/bin/sleep", "600")
		if err := cmd.Start(); err != nil {
			try("fork", err)
			fmt.Println("count", i)
			return
		}
	}
	fmt.Println("no end")
}

// memory takes as many MiB as its argument says and holds them, in two processes if
// there is another.
func memory(args []string) {
	second := exec.Command(os.Args[0], "hostile", "memory", args[0])
	if len(args) > 1 && second.Start() != nil {
		fmt.Println("alone")
	}
	n, _ := strconv.Atoi(args[0])
	kept := make([][]byte, n)
	for i := range kept {
		kept[i] = make([]byte, 1<<20)
		for j := range kept[i] {
			kept[i][j] = byte(j)
		}
	}
	if len(args) == 1 {
		time.Sleep(time.Hour)
	}
	if err := second.Wait(); err != nil {
		os.Exit(1)
	}
	runtime.KeepAlive(kept)
}

func sharedMemory([]string) {
	_, err := unix.Mmap(-1, 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANON)
	try("mmap", err)
	_, err = unix.MemfdCreate("x", 0)
	try("memfd", err)
	_, err = unix.SysvShmGet(unix.IPC_PRIVATE, 1<<20, 0o600)
	try("shm", err)
}

// calls tries what would widen a sandbox, or look at what is not its own.
func calls([]string) {
	flags := uintptr(unix.CLONE_NEWUSER | unix.SIGCHLD)
	for _, c := range []struct {
		name   string
		number uintptr
		a, b   uintptr
	}{
		{"ptrace", unix.SYS_PTRACE, unix.PTRACE_TRACEME, 0}, {"mount", unix.SYS_MOUNT, 0, 0}, {"umount", unix.SYS_UMOUNT2, 0, 0}, {"pivot_root", unix.SYS_PIVOT_ROOT, 0, 0},
		{"chroot", unix.SYS_CHROOT, 0, 0}, {"unshare", unix.SYS_UNSHARE, unix.CLONE_NEWUSER, 0}, {"setns", unix.SYS_SETNS, 0, 0}, {"clone3", unix.SYS_CLONE3, 0, 0},
		{"clone", unix.SYS_CLONE, flags, 0}, {"keyctl", unix.SYS_KEYCTL, 0, 0}, {"add_key", unix.SYS_ADD_KEY, 0, 0}, {"bpf", unix.SYS_BPF, 0, 0}, {"perf", unix.SYS_PERF_EVENT_OPEN, 0, 0},
		{"userfaultfd", unix.SYS_USERFAULTFD, 0, 0}, {"io_uring", unix.SYS_IO_URING_SETUP, 1, 0}, {"kexec", unix.SYS_KEXEC_LOAD, 0, 0}, {"module", unix.SYS_INIT_MODULE, 0, 0},
		{"process_vm_readv", unix.SYS_PROCESS_VM_READV, 1, 0}, {"open_tree", unix.SYS_OPEN_TREE, 0, 0}, {"fsopen", unix.SYS_FSOPEN, 0, 0}, {"handle", unix.SYS_OPEN_BY_HANDLE_AT, 0, 0},
		{"seccomp", unix.SYS_SECCOMP, 0, 0}, {"mknod", unix.SYS_MKNODAT, 0, 0}, {"personality", unix.SYS_PERSONALITY, 0x0400000, 0}, {"shmget", unix.SYS_SHMGET, 0, 4096},
		{"pidfd_getfd", unix.SYS_PIDFD_GETFD, 0, 0}, {"reboot", unix.SYS_REBOOT, 0, 0}, {"settimeofday", unix.SYS_SETTIMEOFDAY, 0, 0}, {"mbind", unix.SYS_MBIND, 0, 0},
	} {
		_, _, errno := unix.RawSyscall(c.number, c.a, c.b, 0)
		fmt.Println(c.name, unix.ErrnoName(errno))
	}
	fmt.Println("setuid", unix.ErrnoName(syscall.Setuid(0).(syscall.Errno)))
}

func killAll([]string) { try("killall", syscall.Kill(-1, syscall.SIGKILL)) }

func environment([]string) {
	env := os.Environ()
	slices.Sort(env)
	fmt.Println(strings.Join(env, "\n"))
	dir, err := os.Getwd()
	fmt.Println("in", dir, err)
}

// daemon leaves a process behind that goes on in a session of its own, and ends.
func daemon(args []string) {
	cmd := exec.Command(os.Args[0], "hostile", "sleep", args[0])
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: args[1] == "session"}
	try("daemon", cmd.Start())
	if len(args) > 2 {
		time.Sleep(time.Hour)
	}
}

func sleep([]string) {
	signal.Ignore(syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT)
	fmt.Println("asleep")
	time.Sleep(time.Hour)
}

func descriptors([]string) {
	for fd := range 1024 {
		var st unix.Stat_t
		if unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT != unix.S_IFIFO {
			if name, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); !strings.HasPrefix(name, "anon_inode:") { // Go's own poller
				fmt.Println("descriptor", fd, name)
			}
		}
	}
	fmt.Println("looked")
}

func who([]string) {
	fmt.Println("effective", os.Geteuid())
	groups, _ := os.Getgroups()
	fmt.Println("groups", len(groups))
	b, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(b)) {
		if name, value, _ := strings.Cut(line, ":"); strings.HasPrefix(name, "Cap") || name == "NoNewPrivs" || name == "Seccomp" {
			fmt.Println(name, strings.TrimSpace(value))
		}
	}
	name, _ := os.Hostname()
	fmt.Println("host", name)
}

func terminal([]string) {
	c := byte('x')
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, 0, unix.TIOCSTI, uintptr(unsafe.Pointer(&c)))
	fmt.Println("TIOCSTI", unix.ErrnoName(errno))
	_, _, errno = unix.Syscall(unix.SYS_IOCTL, 0, 1<<32|unix.TIOCSTI, uintptr(unsafe.Pointer(&c))) // the kernel looks at the low half
	fmt.Println("high", unix.ErrnoName(errno))
	_, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	try("tty", err)
}

func otherNumbers([]string) {
	unix.RawSyscall(0x40000000|39, 0, 0, 0)
	fmt.Println("survived")
}

func spin([]string) {
	for {
		runtime.KeepAlive(1)
	}
}

func shout([]string) {
	line := strings.Repeat("x", 1023) + "\n"
	for range 4096 {
		io.WriteString(os.Stderr, line)
	}
	fmt.Println("said")
}

func fetch(urls []string) {
	for _, u := range urls {
		res, err := http.Get(u)
		if err != nil {
			try("fetch", err)
			continue
		}
		b, _ := io.ReadAll(res.Body)
		res.Body.Close()
		fmt.Printf("%s\n", b)
	}
}

func echo([]string) {
	n, err := io.Copy(os.Stdout, os.Stdin)
	fmt.Println(n, err)
}

func openMany([]string) {
	for i := range 10_000 {
		if _, err := os.Open("/dev/null"); err != nil {
			try("open", err)
			fmt.Println("count", i)
			return
		}
	}
}

func leaveGroup([]string) {
	_, err := syscall.Setsid()
	try("setsid", err)
	try("setpgid", syscall.Setpgid(0, 0))
}

func kill(args []string) {
	pid, _ := strconv.Atoi(args[0])
	try("kill", syscall.Kill(pid, syscall.SIGKILL))
}

// flood opens more connections to the house than it takes, and no more than can wait
// for that.
func flood(args []string) {
	n := 0
	for range 3 * MaxConns {
		c, err := net.DialTimeout("tcp", args[0], 30*time.Second)
		if err != nil {
			break
		}
		if _, err := c.Write([]byte("x")); err != nil {
			break
		}
		n++
	}
	fmt.Println("flooded", n == 3*MaxConns)
	time.Sleep(time.Hour)
}

// evade puts off the signal that its parent's end would send, and, in case that is not
// to be had, goes on from a thread that has never asked for one.
func evade(args []string) {
	unix.Prctl(unix.PR_SET_PDEATHSIG, 0, 0, 0, 0)
	go func() {
		runtime.LockOSThread()
		try("evade", syscall.Exec(os.Args[0], []string{os.Args[0], "hostile", "sleep", args[0]}, os.Environ()))
	}()
	time.Sleep(time.Hour)
}

func killGuard([]string) {
	for _, s := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGTERM, syscall.SIGKILL} {
		try(s.String(), syscall.Kill(os.Getppid(), s))
	}
	try("priority", syscall.Setpriority(unix.PRIO_PROCESS, 0, -20))
}
