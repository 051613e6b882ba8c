// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// protect keeps other processes of the same user, the program above all, from
// reading this one's memory and environment, and this one's secrets out of core
// dumps: prctl(2), PR_SET_DUMPABLE.
func protect() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("close this process to others: %w", err)
	}
	return nil
}

// isolate gives the program a process group of its own, that ends as a whole,
// and dies with us. At a terminal, the group is put into the foreground until
// release is called.
func isolate(cmd *exec.Cmd) (release func()) {
	cmd.WaitDelay = grace
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	tty, ok := cmd.Stdin.(*os.File)
	if !ok {
		return func() {}
	}
	fd, own := int(tty.Fd()), unix.Getpgrp()
	if front, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP); err != nil || front != own {
		return func() {} // no terminal, or not ours to give
	}
	cmd.SysProcAttr.Foreground, cmd.SysProcAttr.Ctty = true, fd
	signal.Ignore(unix.SIGTTOU) // or taking the terminal back would stop us
	return func() {
		unix.IoctlSetPointerInt(fd, unix.TIOCSPGRP, own) // if it fails, the shell does it
	}
}

// signalChild passes a signal to the program and what it has started.
func signalChild(cmd *exec.Cmd, s os.Signal) {
	if n, ok := s.(syscall.Signal); ok {
		syscall.Kill(-cmd.Process.Pid, n) // fails if they are gone
	}
}

// adopt makes us the parent of what the program leaves behind from now on, so
// that left sees it end: prctl(2), PR_SET_CHILD_SUBREAPER. If it fails, left sees
// that when the system's first process has.
func adopt() { unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// left reports whether anything is left of the program's process group, after
// the program itself.
func left(cmd *exec.Cmd) bool {
	for {
		if pid, err := syscall.Wait4(-cmd.Process.Pid, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
			return syscall.Kill(-cmd.Process.Pid, 0) == nil
		}
	}
}

// killChild ends the program and what it has started.
func killChild(cmd *exec.Cmd) { signalChild(cmd, syscall.SIGKILL) }
