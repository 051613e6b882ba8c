// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Refusals cost whoever causes them nothing, and the house a durable line each,
// in a chain that has to fit into a bundle. Beyond these bounds, in each job, they
// are refused all the same and only the daemon's log says so.
const (
	refusalsEvery  = time.Minute
	refusalsAtOnce = 100

	maxLimits = 1024 // jobs that are remembered
)

// A limiter bounds refusals by job. The zero value is ready.
type limiter struct {
	mu   sync.Mutex
	jobs map[string]*rate.Limiter
}

// allow reports whether one more refusal of job may be recorded.
func (l *limiter) allow(job string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.jobs[job] == nil {
		if len(l.jobs) >= maxLimits {
			clear(l.jobs)
		}
		if l.jobs == nil {
			l.jobs = map[string]*rate.Limiter{}
		}
		l.jobs[job] = rate.NewLimiter(rate.Every(refusalsEvery), refusalsAtOnce)
	}
	return l.jobs[job].Allow()
}
