// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"errors"
	"io"
	"net"
)

// ErrTime is why a program ended that ran longer than its limit.
var ErrTime = errors.New("the sandboxed program ran longer than it may\nraise its limit of wall time, or have it work on less")

// ErrMemory is why a program ended that needed more memory than its limit.
var ErrMemory = errors.New("the sandboxed program needed more memory than it may have\nraise its memory limit, or have it work on less")

// A Process is a sandboxed program under way.
type Process struct {
	Stdin  io.WriteCloser
	Stdout io.ReadCloser // all of it is hostile; it ends when the program has. Who does not read it has the program wait. It is the caller's to close

	profile   *Profile
	listeners map[uint16]net.Listener
	kill      func()
	done      chan struct{} // closed when nothing is left of it
	err       error         // why it ended; read after done
}

// Listener returns where the program's connections to one of its ports arrive, at most
// MaxConns at once; nil for a port that the command did not name. It is closed when the
// program has ended.
func (p *Process) Listener(port uint16) net.Listener { return p.listeners[port] }

// Profile is what is in force.
func (p *Process) Profile() *Profile { return p.profile }

// Kill ends the program and all that it has started. Wait says when that is done.
func (p *Process) Kill() { p.kill() }

// Wait waits until nothing is left of the program, and says why it ended: nil for
// its exit code 0, ErrTime, ErrMemory, the cause of its context's end, or an error
// with its exit code or signal.
func (p *Process) Wait() error {
	<-p.done
	return p.err
}
