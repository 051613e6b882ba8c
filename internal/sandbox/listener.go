// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"errors"
	"net"
	"sync"
)

// MaxConns is how many connections of a program one Listener holds open at once.
// The next is accepted when one of them is closed, so that a program cannot use up
// the open files of the house.
const MaxConns = 32

// A listener is one whose connections are counted.
type listener struct {
	net.Listener
	free   chan struct{} // one for each connection that may still be accepted
	closed chan struct{}
	once   sync.Once
}

func bounded(l net.Listener, n int) *listener {
	b := &listener{Listener: l, free: make(chan struct{}, n), closed: make(chan struct{})}
	for range n {
		b.free <- struct{}{}
	}
	return b
}

// Accept waits for a connection, and before that for the closing of another if
// there are MaxConns.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case <-l.free:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		l.free <- struct{}{}
		return nil, err
	}
	return &conn{Conn: c, done: sync.OnceFunc(func() { l.free <- struct{}{} })}, nil
}

// Close ends the listening, and every Accept that waits.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// A conn is one that is counted until it is closed.
type conn struct {
	net.Conn
	done func()
}

// CloseWrite ends what is said to the program, which may go on.
func (c *conn) CloseWrite() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}

// Close closes it.
func (c *conn) Close() error {
	defer c.done()
	return c.Conn.Close()
}
