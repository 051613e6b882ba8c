// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"context"
	"errors"
	"math"
	"net/http/httptrace"
	"sync"
	"time"
)

// A departure holds a change to its caller's context until it is on its way: it is
// not sent after that has ended. From then on it is seen through, within a bound
// of the client's own: a caller who hangs up must not leave a change of which
// nobody knows the end.
type departure struct {
	context.Context // of the request

	caller context.Context
	cancel context.CancelFunc
	mu     sync.Mutex
	stop   func() bool
}

// depart begins a try of r. Who does calls end.
func (c *Client) depart(ctx context.Context, r *Request) (d *departure, end func()) {
	if !r.changes() {
		limited, cancel := context.WithTimeout(ctx, c.timeout)
		return &departure{Context: limited}, cancel
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.timeout)
	d = &departure{caller: ctx, cancel: cancel, stop: context.AfterFunc(ctx, cancel)}
	// A connection may turn out to be dead before anything went out by it; the
	// transport asks for another then.
	d.Context = httptrace.WithClientTrace(limited, &httptrace.ClientTrace{
		GetConn:      func(string) { d.hold() },
		WroteHeaders: d.free,
	})
	return d, func() { d.free(); cancel() }
}

func (d *departure) hold() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stop()
	d.stop = context.AfterFunc(d.caller, d.cancel)
}

func (d *departure) free() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stop()
}

// late is err, or [TooLate] if r is a change that was not sent because the time of
// ctx had passed.
func late(ctx context.Context, r *Request, err error) error {
	e := (*Error)(nil)
	if !r.changes() || !errors.Is(ctx.Err(), context.DeadlineExceeded) || !errors.As(err, &e) || e.Uncertain || e.Status != 0 {
		return err
	}
	return &Error{Code: TooLate, Message: "not sent: its time had passed"}
}

// left is for how long a request may still wait: a change is not sent after the
// time of ctx.
func left(ctx context.Context, r *Request) time.Duration {
	at, bound := ctx.Deadline()
	if !bound || !r.changes() {
		return math.MaxInt64
	}
	return time.Until(at)
}

// Account is the account that acts by the client's credential, by the site's own
// id, or "". It is sure if the credential is said to be that account's; otherwise
// it is who acted last.
func (c *Client) Account(ctx context.Context) (id string, sure bool) {
	cred, fail := c.fetchCredential(ctx)
	if fail != nil {
		return "", false
	}
	if cred.account != "" {
		return cred.account, true
	}
	if last := c.last.Load(); last != nil {
		return *last, false
	}
	return "", false
}
