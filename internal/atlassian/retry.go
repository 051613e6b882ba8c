// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"
)

// The bounds of patience: how often a request is tried, and how long all of its
// waiting may take, for its turn and between tries.
const (
	maxTries = 3
	maxWait  = 30 * time.Second
)

// patience counts the waiting of one request.
type patience struct{ spent time.Duration }

// next says how long to wait before another try, and whether to try at all. A
// request is tried again only where that does no harm: a change after 429 alone,
// which the site answers before it acts.
func (p *patience) next(try int, r *Request, e *Error, w wish) (time.Duration, bool) {
	limited := e.Status == http.StatusTooManyRequests && !w.quota
	passing := !r.changes() && (e.Status >= 500 || e.Code == Unreachable)
	if try >= maxTries || !limited && !passing {
		return 0, false
	}
	wait := w.pause(try)
	if wait > maxWait-p.spent { // a sum could pass over the end of numbers
		return 0, false
	}
	return wait, true
}

// wait sleeps for d and a little more, so that those who wait for the same do
// not all come back at once.
func (c *Client) wait(ctx context.Context, p *patience, d time.Duration) error {
	d += c.jitter(d)
	p.spent += d
	return Sleep(ctx, d)
}

// turn waits until r may be sent, and takes one of the places for requests under
// way. Who has it calls done.
func (c *Client) turn(ctx context.Context, p *patience, r *Request) (done func(), fail *Error) {
	for {
		wait, until, ok := c.pacer.turn(time.Now(), r, min(maxWait-p.spent, left(ctx, r)))
		if !ok {
			return nil, &Error{Code: RateLimited, Message: "not sent: the site has asked to wait", Until: until}
		}
		if wait == 0 {
			break
		}
		c.log.InfoContext(ctx, "waiting for a turn", slog.String("method", r.Method), slog.String("path", r.Path), slog.Duration("wait", wait))
		if c.wait(ctx, p, wait) != nil {
			return nil, unanswered(ctx, nil, false)
		}
	}
	begun := time.Now()
	late := time.NewTimer(max(0, maxWait-p.spent))
	defer late.Stop()
	select {
	case c.slots <- struct{}{}:
		p.spent += time.Since(begun)
		return func() { <-c.slots }, nil
	case <-ctx.Done():
		return nil, unanswered(ctx, nil, false)
	case <-late.C:
		return nil, &Error{Code: RateLimited, Message: "not sent: too many requests are under way"}
	}
}

// jitter is up to a quarter of d.
func jitter(d time.Duration) time.Duration { return rand.N(d/4 + 1) }

// Sleep waits for d, or until ctx ends, whose error it then returns.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
