// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package sandbox

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// guardThreads is more than a guard has, which are counted with the program's.
const guardThreads = 16

// guard starts the program, from this thread and so within all that holds it, and
// stays before it, as the first process of its namespace: the program can put off
// the signal that it would get at the house's end (PR_SET_PDEATHSIG), and cannot
// put off the end of the guard, who sees the house's end of the socket close. It
// returns only if there is no program.
func guard(o *order) error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil { // the program looks into no guard
		return fmt.Errorf("close the guard: %w", err)
	}
	if err := setLimits(lateLimits(o)); err != nil {
		return fmt.Errorf("set limits: %w", err)
	}
	pid, err := syscall.ForkExec(o.Path, append([]string{o.Path}, o.Args...), &syscall.ProcAttr{
		Env: o.Env, Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		return fmt.Errorf("start %s: %w\nname a program that this machine can execute, with what it needs to be loaded among what is readable", o.Path, err)
	}
	if err := say(&answer{}, nil); err != nil {
		return err
	}
	for fd := range 3 {
		unix.Close(fd) // the program's alone, so that their end is its own
	}
	return watch(pid, o.has(PartPID))
}

// watch waits for the end of the program, and says how that was, or of the house.
// It runs on this thread alone, without any of Go's, of which there may be no more
// now: signals are blocked, and what waits is a raw call. Once a second it takes
// what others have left for it to wait for.
func watch(pid int, own bool) error {
	all := ^uint64(0)
	if _, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_BLOCK, uintptr(unsafe.Pointer(&all)), 0, unsafe.Sizeof(all), 0, 0); errno != 0 {
		return errno
	}
	program, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return err
	}
	wait := []unix.PollFd{{Fd: controlFD}, {Fd: int32(program), Events: unix.POLLIN}} // the hanging up of the one, the end of the other
	for {
		second := unix.Timespec{Sec: 1}
		unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&wait[0])), uintptr(len(wait)), uintptr(unsafe.Pointer(&second)), 0, 0, 0)
		if wait[0].Revents != 0 {
			if !own {
				unix.Kill(0, unix.SIGKILL) // the group, and this process with it
			}
			unix.Exit(1) // all of the namespace with it
		}
		if status, ended, err := reap(pid); ended || err != nil {
			return errors.Join(err, say(&answer{Ended: true, Status: uint32(status)}, nil))
		}
	}
}

// reap takes all that have ended, and reports whether the program is among them, and how
// it ended.
func reap(program int) (status unix.WaitStatus, ended bool, err error) {
	for {
		var s unix.WaitStatus
		switch pid, err := unix.Wait4(-1, &s, unix.WNOHANG, nil); {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return 0, false, err
		case pid == 0:
			return status, ended, nil
		case pid == program:
			status, ended = s, true
		}
		if ended {
			return status, true, nil // what is left ends with us
		}
	}
}
