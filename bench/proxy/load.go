// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A Load is how requests come. With a Rate the loop is open: requests are due
// at fixed times, whatever became of those before, and a latency counts from
// when its request was due, so that waiting for a connection is part of it.
// Without one it is closed: each connection sends its next request when it has
// the answer to the last.
type Load struct {
	Kind
	Conns int
	Rate  int // requests a second; 0: as many as there are
}

// A Round is what one target did under one load.
type Round struct {
	Requests  int
	Seconds   float64
	CPU       float64         // seconds of the gateway's process
	Others    float64         // the share of its core that other processes took
	Latencies []time.Duration // sorted
	Unready   int             // proofs that were made during the round
	Behind    bool            // the target could not keep up with the rate
}

// PerSecond is how many requests were answered in a second.
func (r *Round) PerSecond() float64 { return float64(r.Requests) / r.Seconds }

// CPUPerRequest is in seconds of the gateway's process.
func (r *Round) CPUPerRequest() float64 { return r.CPU / float64(r.Requests) }

// At returns the latency that the share q of requests did not exceed.
func (r *Round) At(q float64) time.Duration {
	if len(r.Latencies) == 0 {
		return 0
	}
	return r.Latencies[min(len(r.Latencies)-1, int(q*float64(len(r.Latencies))))]
}

// Run puts t under load for about d. expect is how many requests to make proofs
// for ahead of time. The first wrong answer is an error.
func (l Load) Run(t *Target, d time.Duration, expect int) (*Round, error) {
	conns, err := l.open(t, expect)
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	if err != nil {
		return nil, err
	}
	r, err := observe(t.Process, func(start time.Time) ([][]time.Duration, error) { return l.drive(conns, start, d) })
	if err != nil {
		return nil, err
	}
	for _, c := range conns {
		r.Unready += c.unready
	}
	last := d + d/20 + 50*time.Millisecond + time.Duration(l.Chunks)*l.Pause*5/4 // the last answer, of a target that is not behind
	r.Behind = l.Rate > 0 && (r.Requests < int(float64(l.Rate)*d.Seconds()) || r.Seconds > last.Seconds())
	return r, nil
}

// observe looks on while drive has requests sent, which p is to carry.
func observe(p *Process, drive func(start time.Time) ([][]time.Duration, error)) (*Round, error) {
	cpu, err1 := p.CPU()
	busy, err2 := coreBusy()
	start := time.Now()
	lists, err := drive(start)
	end := time.Since(start)
	cpuAfter, err3 := p.CPU()
	busyAfter, err4 := coreBusy()
	if err := errors.Join(err, err1, err2, err3, err4); err != nil {
		return nil, err
	}
	r := &Round{Seconds: end.Seconds(), CPU: cpuAfter - cpu, Latencies: slices.Concat(lists...)}
	if p != nil {
		r.Others = max(0, (busyAfter-busy-r.CPU)/r.Seconds)
	}
	r.Requests = len(r.Latencies)
	slices.Sort(r.Latencies)
	return r, nil
}

func (l Load) open(t *Target, expect int) ([]*conn, error) {
	if err := t.meet(); err != nil {
		return nil, err
	}
	var conns []*conn
	for i := range l.Conns {
		c, err := t.dial(i, l.Kind)
		if err != nil {
			return conns, err
		}
		conns = append(conns, c)
		if err := c.prepare(expect/l.Conns + 2); err != nil {
			return conns, err
		}
	}
	return conns, first(conns)
}

// first sends a request on every connection, so that those behind the gateway
// are open before it counts.
func first(conns []*conn) error {
	errs := make([]error, len(conns))
	var all sync.WaitGroup
	for i, c := range conns {
		all.Go(func() { errs[i] = c.do() })
	}
	all.Wait()
	return errors.Join(errs...)
}

// drive lets every connection work, and returns the latencies of each.
func (l Load) drive(conns []*conn, start time.Time, d time.Duration) ([][]time.Duration, error) {
	var due atomic.Int64 // requests of the open loop that somebody has taken
	return together(len(conns), func(i int, failed *atomic.Bool) ([]time.Duration, error) {
		if l.Rate > 0 {
			return l.onTime(conns[i], start, d, &due, failed)
		}
		return closed(conns[i].do, start.Add(d), failed)
	})
}

// together lets n connections work at once, until one has failed.
func together(n int, work func(i int, failed *atomic.Bool) ([]time.Duration, error)) ([][]time.Duration, error) {
	lists, errs := make([][]time.Duration, n), make([]error, n)
	var failed atomic.Bool
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			if lists[i], errs[i] = work(i, &failed); errs[i] != nil {
				failed.Store(true)
				errs[i] = fmt.Errorf("connection %d: %w", i, errs[i])
			}
		})
	}
	all.Wait()
	return lists, errors.Join(errs...)
}

// closed does one after another until end.
func closed(do func() error, end time.Time, failed *atomic.Bool) ([]time.Duration, error) {
	var list []time.Duration
	for {
		start := time.Now()
		if start.After(end) || failed.Load() {
			return list, nil
		}
		if err := do(); err != nil {
			return list, err
		}
		list = append(list, time.Since(start))
	}
}

// onTime sends requests when they are due. It gives up on the rest if it is
// behind by as much as the round was to take.
func (l Load) onTime(c *conn, start time.Time, d time.Duration, due *atomic.Int64, failed *atomic.Bool) ([]time.Duration, error) {
	clock, err := newAlarm()
	if err != nil {
		return nil, err
	}
	defer clock.close()
	var list []time.Duration
	total := int64(float64(l.Rate) * d.Seconds())
	for {
		i := due.Add(1) - 1
		if i >= total || time.Since(start) > 2*d || failed.Load() {
			return list, nil
		}
		at := start.Add(time.Duration(float64(i) / float64(l.Rate) * float64(time.Second)))
		if err := errors.Join(clock.wait(time.Until(at)), c.do()); err != nil {
			return list, err
		}
		list = append(list, time.Since(at))
	}
}
