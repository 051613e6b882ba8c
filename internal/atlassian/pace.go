// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The bounds of what the site's headers can make a client do: whoever speaks for
// the site must not be able to stop it for longer.
const (
	maxGap   = 2 * time.Second  // between requests, near a limit
	maxSlow  = time.Minute      // after the last answer that said so
	maxQuota = 65 * time.Minute // a budget is for an hour
	maxHolds = 1000
)

// A wish is how long the site would like to be left alone.
type wish struct {
	after  time.Duration
	said   bool
	quota  bool // an hour's budget is spent: waiting a little does not help
	object bool // it is about the one issue that was to be written
}

func wishOf(h http.Header, now time.Time) wish {
	reason := h.Get("RateLimit-Reason")
	w := wish{quota: strings.Contains(reason, "quota"), object: strings.Contains(reason, "per-issue")}
	text := strings.TrimSpace(h.Get("Retry-After"))
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		w.after, w.said = time.Duration(n)*time.Second, true
	} else if at, err := http.ParseTime(text); err == nil {
		w.after, w.said = max(0, at.Sub(now)), true
	} else if at := reset(h, now); w.quota && !at.IsZero() {
		w.after, w.said = max(0, at.Sub(now)), true
	}
	return w
}

// pause is how long to wait after a number of tries: as the site wishes, or
// longer each time.
func (w wish) pause(try int) time.Duration {
	if w.said {
		return w.after
	}
	return time.Second << (try - 1)
}

// reset is when a limit begins anew: X-RateLimit-Reset, which Jira writes as a
// date, and others as seconds, since 1970 or from now. It is zero if it says nothing.
func reset(h http.Header, now time.Time) time.Time {
	text := strings.TrimSpace(h.Get("X-RateLimit-Reset"))
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at
		}
	}
	n, err := strconv.ParseUint(text, 10, 43)
	switch {
	case err != nil:
		return time.Time{}
	case n < 1_000_000_000: // no time of our day
		return now.Add(time.Duration(n) * time.Second)
	case n < 100_000_000_000:
		return time.Unix(int64(n), 0)
	}
	return time.UnixMilli(int64(n))
}

// A pacer knows what the site has said of its limits, and when the next request
// may go. Near a limit, requests are spread over the time until it begins anew.
// At a limit, those wait that it is about: the issue, or the endpoint.
type pacer struct {
	mu    sync.Mutex
	gap   time.Duration        // between requests,
	slow  time.Time            // until then
	next  time.Time            // no request before, while it is slow
	spent time.Time            // no request at all before: the hour's budget is spent
	holds map[string]time.Time // no request of this kind before
}

// turn says how long r must wait before it may ask again. If the wait is zero, it
// has its turn. It is not ok if that would take more than most; until is then
// the time when it is worth asking.
func (p *pacer) turn(now time.Time, r *Request, most time.Duration) (wait time.Duration, until time.Time, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Before(p.spent) {
		return 0, p.spent, false
	}
	at := p.held(now, r)
	if now.Before(p.slow) && p.next.After(at) {
		at = p.next
	}
	if wait = at.Sub(now); wait > most {
		return 0, at, false
	}
	if wait > 0 {
		return wait, time.Time{}, true
	}
	if now.Before(p.slow) {
		p.next = now.Add(p.gap)
	}
	return 0, time.Time{}, true
}

// held is until when r is held back, or now.
func (p *pacer) held(now time.Time, r *Request) time.Time {
	at := now
	for _, key := range []string{endpointOf(r), issueOf(r)} {
		if until, ok := p.holds[key]; ok && until.After(at) {
			at = until
		}
	}
	return at
}

// heed takes in what an answer to r says of the site's limits. pause is how long
// r itself will wait, if it was one request too many.
func (p *pacer) heed(now time.Time, r *Request, status int, h http.Header, w wish, pause time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.near(now, h)
	if status != http.StatusTooManyRequests {
		return
	}
	if w.quota {
		if w.said {
			p.spent = now.Add(min(w.after, maxQuota))
		}
		return
	}
	key := endpointOf(r)
	if issue := issueOf(r); w.object && issue != "" {
		key = issue
	}
	p.hold(now, key, now.Add(min(pause, maxWait)))
}

// near slows down where the site says that a limit is near, by word or by numbers.
func (p *pacer) near(now time.Time, h http.Header) {
	limit, errLimit := strconv.ParseUint(h.Get("X-RateLimit-Limit"), 10, 31)
	left, errLeft := strconv.ParseUint(h.Get("X-RateLimit-Remaining"), 10, 31)
	near := strings.EqualFold(h.Get("X-RateLimit-NearLimit"), "true") || errLimit == nil && errLeft == nil && left*10 <= limit
	if !near {
		return // a limit that was near stays so until its reset: others have their own numbers
	}
	d := time.Second
	if at := reset(h, now); at.After(now) {
		d = at.Sub(now)
	}
	gap := d / 10
	if errLeft == nil {
		gap = d / time.Duration(left+1)
	}
	p.gap, p.slow = min(gap, maxGap), now.Add(min(d, maxSlow))
	p.next = now.Add(p.gap)
}

func (p *pacer) hold(now time.Time, key string, until time.Time) {
	for k, at := range p.holds {
		if !at.After(now) {
			delete(p.holds, k)
		}
	}
	if p.holds == nil {
		p.holds = map[string]time.Time{}
	}
	if len(p.holds) < maxHolds && until.After(p.holds[key]) {
		p.holds[key] = until
	}
}

// endpointOf names the endpoint that r asks: the site counts by method and path
// without ids.
func endpointOf(r *Request) string {
	segments := strings.Split(r.Path, "/")
	for i, s := range segments {
		if strings.ContainsAny(s, "0123456789") {
			segments[i] = "*"
		}
	}
	return r.Method + " " + strings.Join(segments, "/")
}

// issueOf names the issue that r changes, or "".
func issueOf(r *Request) string {
	_, rest, found := strings.Cut(r.Path, "/issue/")
	id, _, _ := strings.Cut(rest, "/")
	if !found || id == "" || !r.changes() {
		return ""
	}
	return "issue " + id
}
