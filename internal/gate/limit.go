// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// Refusals cost whoever causes them nothing, and the house a durable line each,
// in a chain that has to fit into a bundle. Beyond these bounds, in each job, they
// are refused all the same and only the daemon's log says so.
const (
	refusalsEvery  = time.Minute
	refusalsAtOnce = 100

	maxLimits = 1024 // jobs that are remembered
)

// maxQuestions is how many questions of a job may wait for people. With more nobody
// reads them, and the one that matters is lost among them.
const maxQuestions = 50

const codeQuestions = "limit.questions" // more of them

// floods says why the call of opened, which asks, does not ask: so many others of its job
// wait for people.
func floods(st *receipt.State, opened *receipt.Receipt) error {
	if opened.Decision.Effect != policy.Ask || len(st.Pending) < maxQuestions || st.Pending[opened.Call.Digest()] != "" || st.Decided[opened.Call.Digest()] != "" {
		return nil
	}
	return &Beyond{codeQuestions, fmt.Sprintf("%d other calls of this job wait for people's approval\nwait until some are answered: clawea approve list", len(st.Pending))}
}

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
