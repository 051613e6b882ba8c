// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package sandbox

import "golang.org/x/sys/unix"

// legacy are the older spellings of allowed calls that this machine has as well.
func legacy() []sysCall {
	return []sysCall{
		{"access", unix.SYS_ACCESS},
		{"alarm", unix.SYS_ALARM},
		{"arch_prctl", unix.SYS_ARCH_PRCTL},
		{"chmod", unix.SYS_CHMOD},
		{"chown", unix.SYS_CHOWN},
		{"creat", unix.SYS_CREAT},
		{"dup2", unix.SYS_DUP2},
		{"epoll_create", unix.SYS_EPOLL_CREATE},
		{"epoll_wait", unix.SYS_EPOLL_WAIT},
		{"eventfd", unix.SYS_EVENTFD},
		{"fork", unix.SYS_FORK},
		{"futimesat", unix.SYS_FUTIMESAT},
		{"getdents", unix.SYS_GETDENTS},
		{"getpgrp", unix.SYS_GETPGRP},
		{"inotify_init", unix.SYS_INOTIFY_INIT},
		{"lchown", unix.SYS_LCHOWN},
		{"link", unix.SYS_LINK},
		{"lstat", unix.SYS_LSTAT},
		{"mkdir", unix.SYS_MKDIR},
		{"open", unix.SYS_OPEN},
		{"pause", unix.SYS_PAUSE},
		{"pipe", unix.SYS_PIPE},
		{"poll", unix.SYS_POLL},
		{"readlink", unix.SYS_READLINK},
		{"rename", unix.SYS_RENAME},
		{"rmdir", unix.SYS_RMDIR},
		{"select", unix.SYS_SELECT},
		{"signalfd", unix.SYS_SIGNALFD},
		{"stat", unix.SYS_STAT},
		{"symlink", unix.SYS_SYMLINK},
		{"time", unix.SYS_TIME},
		{"unlink", unix.SYS_UNLINK},
		{"utime", unix.SYS_UTIME},
		{"utimes", unix.SYS_UTIMES},
		{"vfork", unix.SYS_VFORK},
	}
}

const (
	auditArch = unix.AUDIT_ARCH_X86_64
	otherABI  = 0x40000000 // __X32_SYSCALL_BIT: numbers of the x32 ABI begin there
)
