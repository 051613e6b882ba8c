// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The reasons that a site gives for a 429.
const (
	ReasonQuota = "jira-quota-tenant-based"
	ReasonBurst = "jira-burst-based"
	ReasonIssue = "jira-per-issue-on-write"
)

// throttle is what the next requests get instead of an answer.
type throttle struct {
	left   int
	status int
	after  time.Duration
	reason string
}

// Throttle makes the site answer the next n authenticated requests with 429, the headers Retry-After (rounded up to whole
// seconds) and RateLimit-Reason, and no effect. The reasons in use are [ReasonQuota], [ReasonBurst] and [ReasonIssue].
func (s *Site) Throttle(n int, retryAfter time.Duration, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.throttle = throttle{left: n, status: http.StatusTooManyRequests, after: retryAfter, reason: reason}
}

// Unavailable makes the site answer the next n authenticated requests with 503, without effect, and with Retry-After if
// it is above 0.
func (s *Site) Unavailable(n int, retryAfter time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.throttle = throttle{left: n, status: http.StatusServiceUnavailable, after: retryAfter}
}

// Limits are rates that the site enforces. A zero stands for no limit.
type Limits struct {
	PointsPerHour   int // of all requests in an hour of UTC: 1 for each, reads 1 more for each object they return
	PerSecond       int // of requests of one method to one operation
	IssueWrites2s   int // of writes to one issue in two seconds
	IssueWrites30s  int // of writes to one issue in thirty seconds
	NearLimitPoints int // points from which on answers carry X-RateLimit-NearLimit
}

// Limit makes the site enforce limits, as real sites do for apps. The counts begin anew.
func (s *Site) Limit(l Limits) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits = &limiter{Limits: l, bursts: make(map[string][]time.Time), issues: make(map[string][]time.Time)}
}

// limiter counts requests against limits.
type limiter struct {
	Limits
	hour   time.Time
	points int
	bursts map[string][]time.Time // by operation
	issues map[string][]time.Time // by issue
}

// throttled answers a request that is not to get through.
func (s *Site) throttled(c *call) *reply {
	if s.throttle.left == 0 {
		return nil
	}
	s.throttle.left--
	t := s.throttle
	if t.status == http.StatusTooManyRequests {
		return tooMany(c, t.reason, 100, t.after, s.now())
	}
	refusal := failure(c.path, t.status, "The service is unavailable.")
	refusal.header = make(http.Header)
	if t.after > 0 {
		refusal.header.Set("Retry-After", wholeSeconds(t.after))
	}
	return &refusal
}

func wholeSeconds(d time.Duration) string {
	return strconv.Itoa(int((d + time.Second - 1) / time.Second))
}

func tooMany(c *call, reason string, limit int, after time.Duration, now time.Time) *reply {
	refusal := failure(c.path, http.StatusTooManyRequests, "Rate limit exceeded.")
	h := make(http.Header)
	h.Set("Retry-After", wholeSeconds(after))
	h.Set("RateLimit-Reason", reason)
	h.Set("X-RateLimit-Limit", strconv.Itoa(limit))
	h.Set("X-RateLimit-Remaining", "0")
	h.Set("X-RateLimit-Reset", now.Add(after).UTC().Format(time.RFC3339))
	refusal.header = h
	return &refusal
}

// limited counts a request, and refuses it when it is one too many.
func (s *Site) limited(op *operation, c *call) *reply {
	l, now := s.limits, s.now()
	if l == nil {
		return nil
	}
	if hour := now.UTC().Truncate(time.Hour); hour != l.hour {
		l.hour, l.points = hour, 0
	}
	if l.PointsPerHour > 0 && l.points >= l.PointsPerHour {
		return tooMany(c, ReasonQuota, l.PointsPerHour, l.hour.Add(time.Hour).Sub(now), now)
	}
	if after, over := count(l.bursts, op.method+op.path, now, time.Second, l.PerSecond); over {
		return tooMany(c, ReasonBurst, l.PerSecond, after, now)
	}
	if i := s.issueNamed(c.vars["issue"]); op.write && i != nil && strings.Contains(op.path, "/issue/") {
		if after, over := count(l.issues, i.id+" 30", now, 30*time.Second, l.IssueWrites30s); over {
			return tooMany(c, ReasonIssue, l.IssueWrites30s, after, now)
		}
		if after, over := count(l.issues, i.id+" 2", now, 2*time.Second, l.IssueWrites2s); over {
			return tooMany(c, ReasonIssue, l.IssueWrites2s, after, now)
		}
	}
	l.points++
	return nil
}

// count adds a request to those in a window of time unless there are too many; then it tells when the first leaves.
func count(seen map[string][]time.Time, key string, now time.Time, window time.Duration, most int) (time.Duration, bool) {
	if most <= 0 {
		return 0, false
	}
	for len(seen[key]) > 0 && now.Sub(seen[key][0]) >= window {
		seen[key] = seen[key][1:]
	}
	if len(seen[key]) >= most {
		return window - now.Sub(seen[key][0]), true
	}
	seen[key] = append(seen[key], now)
	return 0, false
}

// warn charges an answer for the objects in it, and says in its header how many points are left.
func (l *limiter) warn(rep *reply) {
	if l == nil || l.PointsPerHour == 0 {
		return
	}
	if o, isObject := rep.body.(object); isObject {
		for _, member := range []string{"issues", "results", "values", "comments"} {
			if list, isList := o[member].([]object); isList {
				l.points += len(list)
			}
		}
	}
	if rep.header == nil {
		rep.header = make(http.Header)
	}
	rep.header.Set("X-RateLimit-Limit", strconv.Itoa(l.PointsPerHour))
	rep.header.Set("X-RateLimit-Remaining", strconv.Itoa(max(0, l.PointsPerHour-l.points)))
	rep.header.Set("X-RateLimit-Reset", l.hour.Add(time.Hour).Format(time.RFC3339))
	if l.NearLimitPoints > 0 && l.points >= l.NearLimitPoints {
		rep.header.Set("X-RateLimit-NearLimit", "true")
	}
}
