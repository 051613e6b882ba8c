// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package sandbox

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/clawea/clawea/seal"
)

// filterName changes with what the filter means, beside its list of calls.
const filterName = "clawea-1"

// A test looks at the low half of one argument of a call: under mask it must, or
// must not, be value.
type test struct {
	arg         int
	mask, value uint32
	not         bool
}

// A rule is about one call: it passes if all tests of one of the alternatives hold, and else
// fails with errno.
type rule struct {
	sysCall
	any   [][]test
	errno unix.Errno
}

// namespaces are the flags of clone(2) that make new ones.
const namespaces = unix.CLONE_NEWCGROUP | unix.CLONE_NEWIPC | unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUSER | unix.CLONE_NEWUTS

// shared are the flags of mmap(2) for memory that no file has and processes share.
const shared = unix.MAP_SHARED | unix.MAP_ANONYMOUS

// rules are the calls of which the arguments decide. What has another call at hand
// that would do the same fails with that: clone3 does not exist here, so that
// clone is used, whose flags can be seen.
func rules(parts []Part) []rule {
	is := func(arg int, n uint32) test { return test{arg: arg, mask: ^uint32(0), value: n} }
	var sockets [][]test
	inet := func(kind, protocol uint32) {
		of := test{arg: 1, mask: 0xf, value: kind} // beside it are SOCK_CLOEXEC and SOCK_NONBLOCK
		for _, family := range []uint32{unix.AF_INET, unix.AF_INET6} {
			sockets = append(sockets, []test{is(0, family), of, is(2, 0)}, []test{is(0, family), of, is(2, protocol)})
		}
	}
	inet(unix.SOCK_STREAM, unix.IPPROTO_TCP) // no other protocol of streams: Landlock knows TCP alone
	not := func(n uint32) test { return test{arg: 1, mask: ^uint32(0), value: n, not: true} }
	sends := []rule{{sysCall: sysCall{"sendto", unix.SYS_SENDTO}}, {sysCall: sysCall{"sendmsg", unix.SYS_SENDMSG}}, {sysCall: sysCall{"sendmmsg", unix.SYS_SENDMMSG}}}
	if has(parts, PartNet) {
		inet(unix.SOCK_DGRAM, unix.IPPROTO_UDP)
		sockets = append(sockets, []test{is(0, unix.AF_NETLINK), is(2, unix.NETLINK_ROUTE)}) // by which programs list their own interfaces
	} else { // datagrams would go out, and connections that begin with what they send, none of which Landlock sees
		for i, flags := range []int{3, 2, 3} {
			sends[i].any, sends[i].errno = [][]test{{{arg: flags, mask: unix.MSG_FASTOPEN}}}, unix.EPERM
		}
	}
	all := append(sends, []rule{
		{sysCall{"clone", unix.SYS_CLONE}, [][]test{{{arg: 0, mask: namespaces}}}, unix.EPERM},
		{sysCall{"ioctl", unix.SYS_IOCTL}, [][]test{{not(unix.TIOCSTI), not(unix.TIOCLINUX), not(unix.TIOCSETD)}}, unix.EPERM},
		{sysCall{"personality", unix.SYS_PERSONALITY}, [][]test{{is(0, 0)}, {is(0, ^uint32(0))}}, unix.EPERM},
		{sysCall{"socket", unix.SYS_SOCKET}, sockets, unix.EAFNOSUPPORT},
		{sysCall{"socketpair", unix.SYS_SOCKETPAIR}, [][]test{{is(0, unix.AF_UNIX)}}, unix.EAFNOSUPPORT},
	}...)
	if has(parts, PartPID) { // else a process group is what ends as a whole, and nobody leaves it
		all = append(all, rule{sysCall: sysCall{"setpgid", unix.SYS_SETPGID}}, rule{sysCall: sysCall{"setsid", unix.SYS_SETSID}})
	}
	if has(parts, PartMemory) { // else only private memory is bounded
		return append(all, rule{sysCall: sysCall{"memfd_create", unix.SYS_MEMFD_CREATE}}, rule{sysCall: sysCall{"mmap", unix.SYS_MMAP}})
	}
	return append(all, rule{sysCall{"mmap", unix.SYS_MMAP}, [][]test{{{arg: 3, mask: shared, value: shared, not: true}}}, unix.EPERM})
}

// rulesText is what the filter for parts says, the same on every machine.
func rulesText(parts []Part) string {
	var b strings.Builder
	for _, c := range allowed() {
		fmt.Fprintln(&b, c.name)
	}
	for _, r := range rules(parts) {
		fmt.Fprintln(&b, r.name, r.any, int(r.errno))
	}
	return b.String()
}

// filterOf names the filter that goes with parts, and its rules.
func filterOf(parts []Part) (name string, rules seal.Hash) {
	return filterName, seal.Sum([]byte(rulesText(parts)))
}

// Where the kernel's struct seccomp_data has what a filter looks at.
const (
	offNumber = 0
	offArch   = 4
	offArgs   = 16
)

// filter is the program for parts. Calls of another architecture or ABI end the
// process; those that it does not know do not exist (ENOSYS), as for a program on
// an older kernel.
func filter(parts []Part) []unix.SockFilter {
	prog := []unix.SockFilter{
		load(offArch), jump(unix.BPF_JEQ, auditArch, 1, 0), ret(unix.SECCOMP_RET_KILL_PROCESS),
		load(offNumber),
	}
	if otherABI != 0 {
		prog = append(prog, jump(unix.BPF_JGE, otherABI, 0, 1), ret(unix.SECCOMP_RET_KILL_PROCESS))
	}
	for _, c := range slices.Concat(allowed(), legacy()) {
		prog = append(prog, jump(unix.BPF_JEQ, c.number, 0, 1), ret(unix.SECCOMP_RET_ALLOW))
	}
	for _, r := range rules(parts) {
		body := r.body()
		prog = append(prog, jump(unix.BPF_JEQ, r.number, 0, uint8(len(body))))
		prog = append(prog, body...)
	}
	return append(prog, refuse(unix.ENOSYS))
}

// body is the rule once its number is known: it always returns.
func (r *rule) body() []unix.SockFilter {
	if r.any == nil {
		return []unix.SockFilter{ret(unix.SECCOMP_RET_ALLOW)}
	}
	var body []unix.SockFilter
	for _, all := range r.any {
		left := 3 * len(all) // instructions of this alternative, beside its last, which allows
		for _, t := range all {
			left -= 3
			hit, miss := uint8(0), uint8(left+1)
			if t.not {
				hit, miss = miss, hit
			}
			body = append(body, load(offArgs+8*uint32(t.arg)), unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: t.mask},
				jump(unix.BPF_JEQ, t.value, hit, miss))
		}
		body = append(body, ret(unix.SECCOMP_RET_ALLOW))
	}
	return append(body, refuse(r.errno))
}

// The instructions of seccomp(2)'s machine that filter uses.
func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}

func jump(how uint16, k uint32, hit, miss uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | how | unix.BPF_K, K: k, Jt: hit, Jf: miss}
}

func ret(k uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k}
}

func refuse(e unix.Errno) unix.SockFilter { return ret(unix.SECCOMP_RET_ERRNO | uint32(e)) }

// install puts this thread under the filter for parts, for good, and with it what it
// executes. It must not be able to gain privileges any more.
func install(parts []Part) error {
	prog := filter(parts)
	fprog := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&fprog)))
	runtime.KeepAlive(prog)
	if errno != 0 {
		return errno
	}
	return nil
}
