// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"maps"
	"math"
	"sync"
	"time"
)

// How long to wait for a server that is to say what its tools are.
const (
	// again is how long after a failed start it is not started for that.
	again = 10 * time.Second
	// moment is how long a list of tools waits for one that nothing is known of yet:
	// long enough for one that starts as it should, since many clients ask once.
	moment = 3 * time.Second
)

// anyAge lets what is known of a server be as old as it is: each call is held to what
// the server says by then.
const anyAge = time.Duration(math.MaxInt64)

// A known is what is known of a server. Who asks does not wait behind who else asks.
type known struct {
	mu    sync.Mutex
	now   *catalogue // as it was seen last
	seen  time.Time  // when
	tried time.Time  // when it could not be seen last
	fault error      // why
	look  *look      // the one that is under way
}

// A look is a server being asked what its tools are, on nobody's behalf: it goes on
// when who wanted it has given up, and comes to its end with the server's pool.
type look struct {
	begun time.Time
	done  chan struct{} // closed when there is a catalogue or an error
	*catalogue
	err error
}

// wait returns what comes of the look, or an error if ctx ends before.
func (l *look) wait(ctx context.Context) (*catalogue, error) {
	select {
	case <-l.done:
		return l.catalogue, l.err
	default:
	}
	select {
	case <-l.done:
		return l.catalogue, l.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// catalogue returns what the server says of itself, asked no longer than age ago.
func (s *Server) catalogue(ctx context.Context, age time.Duration) (*catalogue, error) {
	return s.ask(age).wait(ctx)
}

// begin has the server asked for its tools, unless they are known, or it is not time.
func (s *Server) begin() { s.ask(anyAge) }

// glance returns what is known of the server, or nil if that is nothing a moment after
// it was begun. One that has failed is not waited for: it is there when it is.
func (s *Server) glance(ctx context.Context) *catalogue {
	l := s.ask(anyAge)
	until := l.begun.Add(moment)
	if s.failed() {
		until = time.Time{}
	}
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	c, _ := l.wait(ctx) // why there is none is in the log
	return c
}

// failed reports whether the server could not be asked when it was asked last.
func (s *Server) failed() bool {
	s.known.mu.Lock()
	defer s.known.mu.Unlock()
	return s.known.fault != nil
}

// ask returns a look at what the server says, begun or ended no longer than age ago.
func (s *Server) ask(age time.Duration) *look {
	k := &s.known
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.now != nil && time.Since(k.seen) < age:
		return ended(k.now, nil)
	case time.Since(k.tried) < again:
		return ended(nil, k.fault)
	case k.look != nil:
		return k.look
	}
	l := &look{begun: time.Now(), done: make(chan struct{})}
	if !s.pool.beside(func(ctx context.Context) { s.look(ctx, l) }) {
		return ended(nil, errClosed)
	}
	k.look = l
	return l
}

// ended is a look that is over.
func ended(c *catalogue, err error) *look {
	l := &look{done: make(chan struct{}), catalogue: c, err: err}
	close(l.done)
	return l
}

// look asks the server, and notes what it says.
func (s *Server) look(ctx context.Context, l *look) {
	l.catalogue, l.err = s.start(ctx)
	if l.err == nil {
		s.saw(l.catalogue)
	} else {
		s.Log.WarnContext(ctx, "upstream server not there", "server", s.Name, "err", l.err)
	}
	k := &s.known
	k.mu.Lock()
	defer k.mu.Unlock()
	defer close(l.done)
	k.look = nil
	if l.err != nil {
		k.tried, k.fault = time.Now(), l.err
	}
}

// start starts the server, to hear what it says of itself.
func (s *Server) start(ctx context.Context) (*catalogue, error) {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	x, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	if err := x.shut(); err != nil {
		s.Log.WarnContext(ctx, "upstream server not ended well", "server", s.Name, "err", err)
	}
	return x.catalogue, nil
}

// saw notes what the server says of itself now.
func (s *Server) saw(c *catalogue) {
	s.known.mu.Lock()
	was := s.known.now
	s.known.now, s.known.seen, s.known.fault = c, time.Now(), nil
	s.known.mu.Unlock()
	if s.changed != nil && !c.says(was) {
		s.changed()
	}
}

// says reports whether c says what o does, of the server and of each of its tools.
func (c *catalogue) says(o *catalogue) bool {
	return o != nil && c.identity.digest.Equal(o.identity.digest) &&
		maps.EqualFunc(c.defined, o.defined, func(a, b digested) bool { return a.digest.Equal(b.digest) })
}
