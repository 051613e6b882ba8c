// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/clawea/clawea/internal/gate"
)

// The bounds of running servers.
const (
	maxSessions = 32              // of one server's at once
	idleTime    = 2 * time.Minute // after which a server is ended that nobody uses
)

// A pool holds the running sessions of a server, by job; "" is all jobs'.
type pool struct {
	mu       sync.Mutex
	sessions map[string]*slot
	live     map[*slot]bool // these, broken ones that are used still, and what is not ended yet
	ending   sync.WaitGroup // one for each live slot, and for what runs beside them; added to until closed
	closed   bool
	living   context.Context // of what runs beside; nil: nothing does
	stop     func()          // ends it
}

// A slot is a session that is there, or being opened by whoever made the slot.
type slot struct {
	ready chan struct{} // closed when it is
	*session
	err    error
	left   bool            // who opened it gave up meanwhile; err is why
	living context.Context // ends when it does
	cancel context.CancelFunc
	over   bool          // somebody ends it
	gone   chan struct{} // closed when nothing is left of it
	users  int
	idle   *time.Timer // ends it; nil while it is used
}

var (
	errClosed = errors.New("the house is closing")
	errMany   = &gate.Fault{Code: "busy", Msg: "too many jobs use this server at once; try again in a minute"}
)

// get returns the session for key, opened if there is none that lives, and what
// gives it back: for good if it is broken.
func (p *pool) get(ctx context.Context, key string, open func(context.Context) (*session, error)) (*session, func(broken bool), error) {
	for {
		s, mine, err := p.claim(ctx, key)
		if err != nil {
			return nil, nil, err
		}
		if mine {
			s.fill(ctx, open)
		} else if !s.wait(ctx) {
			p.put(key, s, false)
			return nil, nil, ctx.Err()
		}
		switch {
		case s.err != nil && (mine || !s.left):
			p.put(key, s, true)
			return nil, nil, s.err
		case s.err == nil && (mine || !s.session.over()):
			return s.session, func(broken bool) { p.put(key, s, broken || s.session.over() || s.stale.Load()) }, nil
		}
		p.put(key, s, true) // it has ended since somebody used it, or who opened it gave up
	}
}

// fill opens the session of a slot that the caller has made. Who gives up meanwhile
// ends it.
func (s *slot) fill(ctx context.Context, open func(context.Context) (*session, error)) {
	defer close(s.ready)
	stop := context.AfterFunc(ctx, s.cancel)
	s.session, s.err = open(s.living)
	if s.left = !stop(); s.left {
		s.err = ctx.Err()
	}
}

// wait waits until a slot that somebody else has made is filled. It is false if ctx ends before.
func (s *slot) wait(ctx context.Context) bool {
	select {
	case <-s.ready:
		return true
	case <-ctx.Done():
		return false
	}
}

// claim is reserve, once there is room: what is being ended is waited for, so that no
// more servers run than may.
func (p *pool) claim(ctx context.Context, key string) (s *slot, mine bool, err error) {
	for {
		s, mine, gone, err := p.reserve(ctx, key)
		if gone == nil {
			return s, mine, err
		}
		select {
		case <-gone:
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
	}
}

// reserve returns the slot for key, and whether the caller has to fill it; or, if there
// is no room for one, what tells that there may be.
func (p *pool) reserve(ctx context.Context, key string) (_ *slot, mine bool, gone <-chan struct{}, _ error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, false, nil, errClosed
	}
	if s := p.sessions[key]; s != nil {
		if s.idle != nil {
			s.idle.Stop()
			s.idle = nil
		}
		s.users++
		return s, false, nil, nil
	}
	if len(p.live) >= maxSessions {
		if s := p.evict(); s != nil {
			return nil, false, s.gone, nil
		}
		return nil, false, nil, errMany
	}
	s := &slot{ready: make(chan struct{}), gone: make(chan struct{}), users: 1}
	s.living, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if p.sessions == nil {
		p.sessions, p.live = map[string]*slot{}, map[*slot]bool{}
	}
	p.sessions[key], p.live[s] = s, true
	p.ending.Add(1)
	return s, true, nil, nil
}

// running is how many sessions there are.
func (p *pool) running() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.live)
}

// evict returns a session that is being ended: one that is already, or else one that
// nobody uses, or nil. The caller holds the lock.
func (p *pool) evict() *slot {
	for s := range p.live {
		if s.over {
			return s
		}
	}
	for key, s := range p.sessions {
		if s.users == 0 {
			p.drop(key, s)
			return s
		}
	}
	return nil
}

// put gives a slot back. A broken one is used by nobody else.
func (p *pool) put(key string, s *slot, broken bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.users--
	if broken && p.sessions[key] == s {
		delete(p.sessions, key)
	}
	switch {
	case s.users > 0:
	case p.sessions[key] != s:
		p.end(s)
	default:
		s.idle = time.AfterFunc(idleTime, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			if s.users == 0 && p.sessions[key] == s {
				p.drop(key, s)
			}
		})
	}
}

// drop takes an unused slot out and ends it. The caller holds the lock.
func (p *pool) drop(key string, s *slot) {
	delete(p.sessions, key)
	if s.idle != nil {
		s.idle.Stop()
	}
	p.end(s)
}

// end ends a server, which may take its time. The caller holds the lock.
func (p *pool) end(s *slot) {
	if s.over {
		return
	}
	s.over = true
	s.cancel()
	go func() {
		defer p.ending.Done()
		<-s.ready // an opening that is cancelled comes to its end
		if s.session != nil {
			_ = s.shut() // nothing is to be done about an error
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.live, s)
		close(s.gone)
	}()
}

// beside runs f, with a context that ends when the pool is closed, which waits for it.
// It reports whether it does: not once the pool is closed.
func (p *pool) beside(f func(context.Context)) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	if p.stop == nil {
		p.living, p.stop = context.WithCancel(context.Background())
	}
	living := p.living
	p.ending.Go(func() { f(living) })
	return true
}

// close ends all servers, whoever uses them, lets nobody open more, and waits until
// nothing is left of them.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	if p.stop != nil {
		p.stop()
	}
	for key := range p.sessions {
		delete(p.sessions, key)
	}
	for s := range p.live {
		if s.idle != nil {
			s.idle.Stop()
		}
		p.end(s)
	}
	p.mu.Unlock()
	p.ending.Wait()
}
