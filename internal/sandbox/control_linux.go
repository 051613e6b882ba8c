// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/clawea/clawea/seal"
)

// entering is how long a program may take to be started, in a loaded machine.
const entering = 20 * time.Second

// controls makes the socket and the pipe that the process is directed by.
func (r *run) controls() error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	mine, theirs := os.NewFile(uintptr(pair[0]), "control"), os.NewFile(uintptr(pair[1]), "control")
	r.closing = append(r.closing, theirs)
	conn, err := net.FileConn(mine)
	mine.Close()
	if err != nil {
		return err
	}
	r.control = conn.(*net.UnixConn)
	r.ours = append(r.ours, conn)
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	r.orders = write
	r.closing, r.ours = append(r.closing, read), append(r.ours, write)
	r.cmd.ExtraFiles = []*os.File{theirs, read} // controlFD, orderFD
	return nil
}

// direct puts the process where its limits hold, gives it its order, and hears how
// far it got.
func (r *run) direct(ctx context.Context, p *Process) error {
	if r.group != nil {
		if err := r.group.add(r.cmd.Process.Pid); err != nil {
			return err
		}
	}
	deadline := time.Now().Add(entering)
	if end, ok := ctx.Deadline(); ok && end.Before(deadline) {
		deadline = end
	}
	if err := errors.Join(r.control.SetDeadline(deadline), r.orders.SetDeadline(deadline)); err != nil {
		return err
	}
	b, err := seal.Marshal(r.order)
	if err != nil {
		return err
	}
	if _, err := r.orders.Write(b); err != nil {
		return fmt.Errorf("order the sandbox: %w", err)
	}
	r.orders.Close()
	_, fds, err := r.hear() // that all walls stand
	if err != nil || r.order.Trial {
		closeFDs(fds)
		return err
	}
	if err := p.listen(r.order.Listen, fds); err != nil {
		return err
	}
	for _, l := range p.listeners {
		r.ours = append(r.ours, l)
	}
	_, _, err = r.hear() // that the program has started
	return err
}

// hear reads one answer of the process, with the files that come with it. What it says is
// wrong is the error; io.EOF is its end.
func (r *run) hear() (*answer, []int, error) {
	b, rights := make([]byte, 8<<10), make([]byte, unix.CmsgSpace(4*maxListen))
	n, m, _, _, err := r.control.ReadMsgUnix(b, rights)
	switch {
	case err == nil && n == 0, errors.Is(err, unix.ECONNRESET):
		return nil, nil, io.EOF
	case err != nil:
		return nil, nil, fmt.Errorf("hear from the sandbox: %w", err)
	}
	var fds []int
	messages, err := unix.ParseSocketControlMessage(rights[:m])
	if err != nil {
		return nil, nil, err
	}
	for i := range messages {
		got, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return nil, nil, err
		}
		fds = append(fds, got...)
	}
	var a answer
	switch err := seal.Unmarshal(b[:n], &a); {
	case err != nil:
		return nil, fds, err
	case a.Error != "" && a.Part != "":
		return nil, fds, &partError{a.Part, errors.New(a.Error)}
	case a.Error != "":
		return nil, fds, errors.New("the sandbox could not " + a.Error)
	}
	return &a, fds, nil
}

// listen takes the listening sockets that were made inside.
func (p *Process) listen(ports []uint16, fds []int) error {
	var failed error
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "listener")
		l, err := net.FileListener(f)
		f.Close()
		if err != nil {
			failed = err
			continue
		}
		p.listeners[ports[i]] = bounded(l, MaxConns)
	}
	if failed == nil && len(fds) != len(ports) {
		failed = fmt.Errorf("the sandbox gave %d listening sockets for %d ports", len(fds), len(ports))
	}
	return failed
}

// lastWord is how the program ended, if its guard was there to say it.
func (r *run) lastWord() (status unix.WaitStatus, ok bool) {
	if r.control.SetReadDeadline(time.Now().Add(time.Second)) != nil {
		return 0, false
	}
	for {
		a, fds, err := r.hear()
		closeFDs(fds)
		if err != nil {
			return 0, false
		}
		if a.Ended {
			return unix.WaitStatus(a.Status), true
		}
	}
}

// statusText says a status as wait(2) does.
func statusText(s unix.WaitStatus) string {
	if s.Signaled() {
		return "signal: " + s.Signal().String()
	}
	return fmt.Sprintf("exit status %d", s.ExitStatus())
}

func closeFDs(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}
