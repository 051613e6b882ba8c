// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A wish is how long the site would like to be left alone.
type wish struct {
	after time.Duration
	said  bool
	quota bool // an hour's budget is spent: waiting a little does not help
}

func wishOf(h http.Header) wish {
	w := wish{quota: strings.Contains(h.Get("RateLimit-Reason"), "quota")}
	text := strings.TrimSpace(h.Get("Retry-After"))
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		w.after, w.said = time.Duration(n)*time.Second, true
	} else if at, err := http.ParseTime(text); err == nil {
		w.after, w.said = max(0, time.Until(at)), true
	}
	return w
}

// patience counts the waiting of one request.
type patience struct{ spent time.Duration }

// next says how long to wait before another try, and whether to try at all.
func (p *patience) next(try int, r *Request, e *Error, w wish) (time.Duration, bool) {
	limited := e.Code == RateLimited && !w.quota
	passing := !r.changes() && (e.Status >= 500 || e.Code == Unreachable)
	if try >= maxTries || !limited && !passing {
		return 0, false
	}
	wait := w.after
	if !w.said {
		wait = time.Second << (try - 1)
	}
	if p.spent+wait > maxWait {
		return 0, false
	}
	p.spent += wait
	return wait, true
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
