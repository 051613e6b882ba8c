// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"cmp"
	"container/list"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/clawea/clawea/token"
)

// Limits bound what one agent, one job or one provider can ask of the house.
// What is zero has its default.
type Limits struct {
	JobCalls   int           // a job's calls in a minute; 0: any number
	AgentCalls int           // an agent's calls in a minute, over all its jobs; 0: any number
	Request    int           // bytes of a request; default DefaultRequest
	Answer     int           // bytes of an answer, all of which are kept until it ends; default DefaultAnswer
	Read       time.Duration // for a request's body to arrive; default DefaultRead
	Header     time.Duration // from a request to the provider's first header; default DefaultHeader
	// Idle bounds the silence of a provider in its answer, and of an agent that takes
	// it. A stream may last as long as it says something. Default DefaultIdle.
	Idle time.Duration
}

// What limits are unless the house says otherwise.
const (
	DefaultRequest = 16 << 20
	DefaultAnswer  = 64 << 20
	DefaultRead    = time.Minute
	DefaultHeader  = 10 * time.Minute // a long answer that is not streamed has its first byte last
	DefaultIdle    = 5 * time.Minute
)

// complete returns l with its defaults.
func (l Limits) complete() Limits {
	l.Request = cmp.Or(max(l.Request, 0), DefaultRequest)
	l.Answer = cmp.Or(max(l.Answer, 0), DefaultAnswer)
	l.Read = cmp.Or(max(l.Read, 0), DefaultRead)
	l.Header = cmp.Or(max(l.Header, 0), DefaultHeader)
	l.Idle = cmp.Or(max(l.Idle, 0), DefaultIdle)
	return l
}

// maxRemembered is how many jobs' and how many agents' calls are counted. Beyond
// it, the one is forgotten that has been quiet for longest: after a minute, it may
// do again all that it may do.
const maxRemembered = 1 << 16

// rates bound how often calls come.
type rates struct {
	mu           sync.Mutex
	jobs, agents buckets
}

// wait takes one call of c's, or returns how long it has to wait and takes
// nothing.
func (r *rates) wait(c *token.Claims, now time.Time) time.Duration {
	if r.jobs.each <= 0 && r.agents.each <= 0 {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	job, agent := r.jobs.reserve(c.Job, now), r.agents.reserve(c.Agent, now)
	wait := max(delay(job, now), delay(agent, now))
	if wait > 0 {
		cancel(job, now)
		cancel(agent, now)
	}
	return wait
}

func delay(r *rate.Reservation, now time.Time) time.Duration {
	if r == nil {
		return 0
	}
	return r.DelayFrom(now)
}

func cancel(r *rate.Reservation, now time.Time) {
	if r != nil {
		r.CancelAt(now)
	}
}

// buckets hold what each name may still do, the longest quiet one last.
type buckets struct {
	each   int // calls in a minute; 0: any number
	order  list.List
	byName map[string]*list.Element
}

type bucket struct {
	name  string
	calls *rate.Limiter
}

// reserve takes one call of name's, now or later. It is nil where calls are not
// counted.
func (b *buckets) reserve(name string, now time.Time) *rate.Reservation {
	if b.each <= 0 {
		return nil
	}
	return b.of(name).ReserveN(now, 1)
}

func (b *buckets) of(name string) *rate.Limiter {
	if e := b.byName[name]; e != nil {
		b.order.MoveToFront(e)
		return e.Value.(*bucket).calls
	}
	if b.byName == nil {
		b.byName = map[string]*list.Element{}
	}
	if len(b.byName) >= maxRemembered {
		last := b.order.Remove(b.order.Back()).(*bucket)
		delete(b.byName, last.name)
	}
	added := &bucket{name, rate.NewLimiter(rate.Limit(float64(b.each)/60), b.each)}
	b.byName[name] = b.order.PushFront(added)
	return added.calls
}
