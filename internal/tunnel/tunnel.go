// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package tunnel joins two connections: what comes from one goes to the other,
// until both have ended, or something ends it for them.
package tunnel

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Limits bound a tunnel. Zero bounds nothing.
type Limits struct {
	Idle  time.Duration // without a byte either way
	Total time.Duration // from beginning to end
	Bytes int64         // both ways together
}

// Why a tunnel ended before both sides had.
var (
	ErrIdle  = errors.New("nothing came from either side for too long")
	ErrTotal = errors.New("it was open for too long")
	ErrBytes = errors.New("it carried more bytes than it may")
	ErrNear  = errors.New("the near side broke off")
	ErrFar   = errors.New("the far side broke off")
)

// A Count is what a tunnel has carried so far, in bytes. Its methods may be
// called from several goroutines.
type Count struct{ sent, received atomic.Int64 }

// Sent is from the near side to the far one.
func (c *Count) Sent() int64 { return c.sent.Load() }

// Received is from the far side to the near one.
func (c *Count) Received() int64 { return c.received.Load() }

// An End is one side of a tunnel.
type End struct {
	net.Conn
	Reader io.Reader // what is read of it: bytes that came early, and then the rest; nil: Conn
}

// chunk is how much is carried at once.
const chunk = 32 << 10

// Join carries bytes both ways until both sides have ended, and closes them. A
// side that has ended what it says is told to the other, which may go on. The
// error is nil if both ended so; else it is one of this package's, the reader's,
// or the cause with which ctx ended. No goroutine is left.
func Join(ctx context.Context, near, far End, l Limits, c *Count) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if l.Total > 0 {
		timer := time.AfterFunc(l.Total, func() { cancel(ErrTotal) })
		defer timer.Stop()
	}
	t := &joined{cancel: cancel, limits: l}
	if l.Idle > 0 {
		t.idle = time.AfterFunc(l.Idle, func() { cancel(ErrIdle) })
		defer t.idle.Stop()
	}
	shut := func() { near.Close(); far.Close() }
	defer context.AfterFunc(ctx, shut)()
	var both sync.WaitGroup
	n, f := &side{End: near, broke: ErrNear}, &side{End: far, broke: ErrFar}
	both.Go(func() { t.carry(f, n, &c.sent) })
	both.Go(func() { t.carry(n, f, &c.received) })
	both.Wait()
	err := context.Cause(ctx)
	shut()
	if errors.Is(err, errEnded) {
		return nil
	}
	return err
}

// errEnded ends a tunnel one side of which takes nothing more, having said all
// that it had to say.
var errEnded = errors.New("ended")

// A side is an end of a tunnel at work.
type side struct {
	End
	broke error       // that it broke off
	ended atomic.Bool // it has said all that it had to say
}

// gone is why a tunnel ends a side of which takes nothing more.
func (s *side) gone() error {
	if s.ended.Load() {
		return errEnded
	}
	return s.broke
}

// A joined is a tunnel at work.
type joined struct {
	cancel context.CancelCauseFunc
	limits Limits
	idle   *time.Timer  // nil: no bound
	taken  atomic.Int64 // bytes of both ways that were let through, and may be on their way still
}

// carry carries one way, and ends the tunnel with an error if it has to.
func (t *joined) carry(to, from *side, n *atomic.Int64) {
	r := from.Reader
	if r == nil {
		r = from.Conn
	}
	buf := make([]byte, chunk)
	for {
		k, err := r.Read(buf)
		if k > 0 {
			if t.idle != nil {
				t.idle.Reset(t.limits.Idle)
			}
			if t.over(k) {
				t.cancel(ErrBytes)
				return
			}
			w, failed := to.Write(buf[:k])
			n.Add(int64(w))
			if failed != nil {
				t.cancel(to.gone())
				return
			}
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			from.ended.Store(true)
			if closeWrite(to.Conn) != nil {
				t.cancel(to.gone())
			}
			return
		default:
			why := from.broke
			if own := (*Refused)(nil); errors.As(err, &own) {
				why = own
			}
			t.cancel(why)
			return
		}
	}
}

// over takes k bytes of what may be carried, and reports whether that is too
// much. They are taken before they are written: what is counted afterwards is
// not seen in time by the other way.
func (t *joined) over(k int) bool {
	return t.taken.Add(int64(k)) > t.limits.Bytes && t.limits.Bytes > 0
}

// A Refused is a reader's own reason to end the tunnel.
type Refused struct{ Code, Msg string }

func (e *Refused) Error() string { return e.Msg }

// closeWrite ends what is said to c, and leaves open what c says. A connection
// that cannot do that is closed.
func closeWrite(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		err := half.CloseWrite()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		return err
	}
	return c.Close()
}
