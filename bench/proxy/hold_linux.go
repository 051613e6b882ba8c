// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// startHeld starts a process of this program (Supervise) that starts args and
// holds what they flush. It runs beside the load, not beside what is measured.
func (h Hold) startHeld(core int, log string, args ...string) (*Process, error) {
	pids, told, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer pids.Close()
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	if CanPin() {
		args = append([]string{"taskset", "-c", strconv.Itoa(core)}, args...)
	}
	cmd := exec.Command(self, append([]string{SuperviseCommand, time.Duration(h).String()}, args...)...)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = f, f, []*os.File{told}
	err = cmd.Start()
	told.Close()
	if err != nil {
		f.Close()
		return nil, err
	}
	line, err := bufio.NewReader(pids).ReadString('\n')
	pid, err2 := strconv.Atoi(strings.TrimSpace(line))
	if err := errors.Join(err, err2); err != nil {
		cmd.Process.Kill()
		cmd.Wait()
		return nil, fmt.Errorf("start what is held: %w; see %s", err, log)
	}
	return &Process{cmd: cmd, pid: pid, log: f}, nil
}

// Supervise is the command that holds another: args are how long and the
// command. It tells the command's process id on file descriptor 3.
func Supervise(args []string) error {
	delay, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("make a pair of sockets: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "theirs")
	cmd := exec.Command(self, append([]string{HeldCommand}, args[1:]...)...)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = os.Stdout, os.Stderr, []*os.File{theirs}
	if err := cmd.Start(); err != nil {
		return err
	}
	theirs.Close()
	notices, err := receiveFile(ours)
	if err != nil {
		cmd.Process.Kill()
		return errors.Join(err, cmd.Wait())
	}
	go hold(notices, delay) // ends with the process that it holds
	told := os.NewFile(3, "told")
	fmt.Fprintln(told, cmd.Process.Pid)
	told.Close()
	go passOn(cmd.Process)
	return cmd.Wait()
}

// passOn tells p to end when this process is told to.
func passOn(p *os.Process) {
	signals := make(chan os.Signal, 1)
	notify(signals)
	for s := range signals {
		p.Signal(s)
	}
}

// Held is the command that lets itself be held, hands whoever holds it the
// means on file descriptor 3, and becomes the command that args are.
func Held(args []string) error {
	path, err := exec.LookPath(args[0])
	if err != nil {
		return err
	}
	runtime.LockOSThread() // what is asked for here holds for this thread, which becomes the command
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("renounce privileges: %w", err)
	}
	fd, err := filter()
	if err != nil {
		return err
	}
	if err := unix.Sendmsg(3, []byte{0}, unix.UnixRights(fd), nil, 0); err != nil {
		return fmt.Errorf("hand over: %w", err)
	}
	unix.CloseOnExec(fd)
	unix.CloseOnExec(3)
	return syscall.Exec(path, args, os.Environ())
}

// filter makes the kernel ask whoever has the returned descriptor before this
// thread, and what it becomes, may flush a file. The caller is locked to it.
func filter() (int, error) {
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	equal := func(k uint32, yes uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: yes, K: k}
	}
	code := []unix.SockFilter{
		load(0), // the number of the call
		equal(unix.SYS_FSYNC, 2),
		equal(unix.SYS_FDATASYNC, 1),
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF},
	}
	prog := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return -1, fmt.Errorf("ask to be held (seccomp): %w", errno)
	}
	return int(fd), nil
}

func receiveFile(from *os.File) (int, error) {
	b, control := make([]byte, 1), make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(int(from.Fd()), b, control, 0)
	if err != nil {
		return -1, fmt.Errorf("take over: %w", err)
	}
	messages, err := unix.ParseSocketControlMessage(control[:n])
	if err != nil || len(messages) != 1 {
		return -1, fmt.Errorf("take over: %d messages: %w", len(messages), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return -1, fmt.Errorf("take over: %d files: %w", len(fds), err)
	}
	return fds[0], nil
}

// The kernel's struct seccomp_notif and struct seccomp_notif_resp.
type (
	notice struct {
		id         uint64
		pid, flags uint32
		nr         int32
		arch       uint32
		ip         uint64
		args       [6]uint64
	}
	response struct {
		id    uint64
		val   int64
		errno int32
		flags uint32
	}
)

const (
	noticeReceive = 0xc0502100 // SECCOMP_IOCTL_NOTIF_RECV
	noticeSend    = 0xc0182101 // SECCOMP_IOCTL_NOTIF_SEND
	letGo         = 1          // SECCOMP_USER_NOTIF_FLAG_CONTINUE
)

// hold lets every call go on, delay after it was made.
func hold(fd int, delay time.Duration) {
	for {
		var n notice
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), noticeReceive, uintptr(unsafe.Pointer(&n)))
		switch {
		case errno == unix.EINTR:
			continue
		case errno != 0:
			return // the process has ended
		}
		time.AfterFunc(delay, func() {
			r := response{id: n.id, flags: letGo}
			unix.Syscall(unix.SYS_IOCTL, uintptr(fd), noticeSend, uintptr(unsafe.Pointer(&r)))
		})
	}
}
