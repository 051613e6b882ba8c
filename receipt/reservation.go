// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package receipt

import (
	"maps"
	"strings"

	"github.com/clawea/clawea/policy"
)

// A Reservation is what an allowed call holds until it is closed: all that its
// closing has to know of it.
type Reservation struct {
	Uses     map[string]int `json:"uses,omitempty"`     // the most that it can use
	Executed string         `json:"executed,omitempty"` // the counter of its executions, if it changes something
}

// Reserve returns what c holds when it is allowed.
func Reserve(c *policy.Call) *Reservation {
	h := &Reservation{Uses: c.Uses}
	if c.Mutates() {
		h.Executed = executed(c)
	}
	return h
}

// Uses is what committing r changes in its job's counters. opened is the
// receipt that a closed one closes, nil otherwise. An allowed call reserves
// what it can use; its closing gives back what it did not.
func (r *Receipt) Uses(opened *Receipt) map[string]int {
	switch {
	case r.Kind == Opened && r.Decision.Effect == policy.Allow:
		out := r.Call.Counters()
		if h := Reserve(r.Call); h.Executed != "" {
			out[h.Executed]++
		}
		return out
	case opened != nil && opened.Call != nil:
		return r.GivesBack(Reserve(opened.Call))
	}
	return map[string]int{}
}

// GivesBack is what closing a call takes from its job's counters, if r does: what
// it held and did not use, and that it was carried out, if it was not.
func (r *Receipt) GivesBack(held *Reservation) map[string]int {
	if r.Kind != Closed {
		return map[string]int{}
	}
	out := map[string]int{}
	for k, reserved := range held.Uses {
		if back := reserved - max(r.Outcome.Used[k], 0); r.Outcome.Used != nil && back > 0 {
			out[k] = -back
		}
	}
	if r.Outcome.Status == Failed && held.Executed != "" {
		out[held.Executed]--
	}
	return out
}

// executions begins the counters that say how often one exact call was carried
// out. Policies do not bound them.
const executions = "done:"

func executed(c *policy.Call) string { return executions + c.Digest().String() }

// Execution reports whether counter says how often one exact call was carried
// out.
func Execution(counter string) bool { return strings.HasPrefix(counter, executions) }

// Repeats is how often this exact call has been carried out, or may have been,
// by a job's counters.
func Repeats(used map[string]int, c *policy.Call) int {
	if !c.Mutates() {
		return 0
	}
	return used[executed(c)]
}

// Counted are those of a job's counters that policies know.
func Counted(used map[string]int) map[string]int {
	out := maps.Clone(used)
	maps.DeleteFunc(out, func(k string, _ int) bool { return Execution(k) })
	return out
}
