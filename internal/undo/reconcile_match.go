// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package undo

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/change"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// made is what the house's receipts say was made in a system.
func (r *reconciler) made(tool string) []policy.Resource {
	var out []policy.Resource
	for _, c := range r.order {
		if c.opened.Call.Tool == tool && makes(c) && after(c) != nil {
			out = append(out, *after(c))
		}
	}
	return out
}

// worded is e as people are told of it: with who has edited since what it made.
func worded(e change.Event) change.Event {
	if e.Edited == nil {
		return e
	}
	by := e.Edited.By
	if by == "" {
		by = "somebody"
	}
	e.What += fmt.Sprintf(" (edited since by %s at %s)", by, e.Edited.At.UTC().Format(time.RFC3339))
	return e
}

// mine is e, which c has made: where the system does not say any more who made it
// and when, the receipts do.
func mine(e change.Event, c *call) change.Event {
	if e.At.IsZero() {
		e.At = c.opened.At
		if c.closed != nil {
			e.By = c.closed.Outcome.Actor
		}
	}
	return worded(e)
}

// match finds the call that made each event, or nil: the one that the event names,
// or, for one that names none, one that says that it did just this. No call made
// two.
func (r *reconciler) match(tool string, events []change.Event) []*call {
	out := make([]*call, len(events))
	for _, find := range []func(string, *change.Event) *call{r.named, r.edited, r.versioned, r.timely} {
		for i := range events {
			if out[i] != nil {
				continue
			}
			if out[i] = find(tool, &events[i]); out[i] != nil {
				r.matched[out[i].opened.Name()] = true
			}
		}
	}
	return out
}

// named returns the call that e names, if it can have made e.
func (r *reconciler) named(tool string, e *change.Event) *call {
	c := r.known[e.Mark]
	if c == nil || !r.fits(c, tool, e) || versioned(c, e) && after(c).Version != e.Resource.Version {
		return nil
	}
	return c
}

// edited returns the call that says that it made the very thing that e tells of,
// which was edited since: of that neither version nor time need tell any more.
func (r *reconciler) edited(tool string, e *change.Event) *call {
	if e.Edited == nil {
		return nil
	}
	return r.unnamed(tool, e, func(c *call) bool { return makes(c) && after(c) != nil && same(after(c), &e.Resource) })
}

// versioned returns the call that says that it made e's version.
func (r *reconciler) versioned(tool string, e *change.Event) *call {
	return r.unnamed(tool, e, func(c *call) bool { return versioned(c, e) && after(c).Version == e.Resource.Version })
}

// timely returns the first call that changed this thing in e's time, where
// versions do not tell.
func (r *reconciler) timely(tool string, e *change.Event) *call {
	return r.unnamed(tool, e, func(c *call) bool { return e.Edited == nil && !versioned(c, e) })
}

// unnamed returns the first call that can have made e, which names none. What became
// of it must be known: of others only the system's own word counts.
func (r *reconciler) unnamed(tool string, e *change.Event, tells func(*call) bool) *call {
	if e.Mark != "" {
		return nil
	}
	i := slices.IndexFunc(r.order, func(c *call) bool { return c.done() && tells(c) && r.fits(c, tool, e) })
	if i < 0 {
		return nil
	}
	return r.order[i]
}

// fits reports whether c can have made e: it may have, and is about the same thing.
// History may tell of a comment or a link as a change of what it hangs on.
func (r *reconciler) fits(c *call, tool string, e *change.Event) bool {
	if makes(c) && after(c) == nil || !r.may(c, tool, e) {
		return false
	}
	about := func(t *policy.Resource) bool { return t != nil && t.ID == e.Resource.ID }
	ends := func(t policy.Resource) bool { return linking(c) && about(&t) }
	return about(after(c)) || about(c.change.Target) || slices.ContainsFunc(c.opened.Call.Resources, ends)
}

// linking reports whether c ties two things together, or unties them: where the
// link is gone, history tells of it as a change of one of its ends.
func linking(c *call) bool { return kind(c.opened.Call.Action) == "issue.link" }

// may reports whether c was carried out when e happened, in its system and upon
// such things, as far as anybody knows, and has not made another.
func (r *reconciler) may(c *call, tool string, e *change.Event) bool {
	if c.opened.Call.Tool != tool || r.matched[c.opened.Name()] || c.end() != nil && c.end().Outcome.Status == receipt.Failed {
		return false
	}
	if unseen(c.opened.Call.Name()) != "" && !raised(c, e) || c.closed != nil && c.closed.Outcome.Actor != "" && e.By != "" && e.By != c.closed.Outcome.Actor {
		return false
	}
	return kind(e.What) == kind(c.opened.Call.Action) && r.during(c, e)
}

// raised reports whether c says that it has raised a version to e's: what leaves no
// trace in one system's history may make a version in another's.
func raised(c *call, e *change.Event) bool {
	before := c.change.Target
	return versioned(c, e) && after(c).Version == e.Resource.Version && before != nil && before.Version != after(c).Version
}

// makes reports whether c was to make something, whose id nobody knew before.
func makes(c *call) bool {
	return c.change.Target == nil || strings.HasSuffix(c.opened.Call.Action, ".create")
}

// kind is an action without what is done: "issue.link" of "issue.link.create", and
// "issue" of "issue.edit (summary)".
func kind(action string) string {
	action, _, _ = strings.Cut(action, " ")
	if i := strings.LastIndexByte(action, '.'); i >= 0 {
		return action[:i]
	}
	return action
}

// after is what c made or changed, or nil if nothing tells.
func after(c *call) *policy.Resource {
	if c.end() == nil {
		return nil
	}
	return c.end().Outcome.Target
}

// versioned reports whether both sides say a version, so that they can be told
// apart by it.
func versioned(c *call, e *change.Event) bool {
	return e.Edited == nil && after(c) != nil && same(after(c), &e.Resource) && after(c).Version != "" && e.Resource.Version != ""
}

// during reports whether e may have happened while c was carried out, as far as
// two clocks agree, and as far as the system says when it did.
func (r *reconciler) during(c *call, e *change.Event) bool {
	if e.At.IsZero() {
		return true
	}
	end := c.opened.At.Add(r.Over)
	if c.closed != nil {
		end = earlier(end, c.closed.At) // which may be long after, if it broke off
	}
	return !e.At.Before(c.opened.At.Add(-r.margin)) && !e.At.After(end.Add(r.margin))
}
