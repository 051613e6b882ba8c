// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package undo

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/change"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// A Match is a receipt and the change in a system's history that goes with it.
type Match struct {
	Receipt string
	Event   Event
}

// An Event is a change that a system's history has, and which system.
type Event struct {
	Tool string
	change.Event
}

// A Missing is a receipt that says that a change happened, of which the system's
// history knows nothing.
type Missing struct {
	Receipt string
	Call    string
	At      time.Time
	Target  *policy.Resource
	Why     string // of one that history cannot show: why not
}

// A Reconciliation compares a job's receipts with the systems' own history.
type Reconciliation struct {
	Job      string
	From, To time.Time           // the window
	Accounts map[string][]string // who acted, by tool
	Matches  []Match             // of this job
	Others   int                 // changes that receipts of other jobs explain
	Strange  []Event             // changes that no receipt of this house explains
	Missing  []Missing           // receipts of this job without a change
	Unseen   []Missing           // receipts of this job whose changes no history shows
	Notes    []string            // what could not be compared, in sentences
}

// Whole reports whether receipts and history agree, and all was compared that a
// history can show.
func (r *Reconciliation) Whole() bool {
	return len(r.Strange) == 0 && len(r.Missing) == 0 && len(r.Notes) == 0
}

// unseen says why a system's history does not show what an action does; "" if it
// does.
func unseen(call string) string {
	switch call {
	case "confluence.page.label.add", "confluence.page.label.remove":
		return "Confluence keeps no history of labels."
	case "confluence.page.move":
		return "Confluence's history of versions does not show moves."
	case "confluence.page.trash":
		return "Confluence's history of versions does not show what goes to the trash."
	case "confluence.comment.delete", "jira.issue.comment.delete":
		return "A comment that is deleted leaves no history."
	}
	return ""
}

// gone says what list, or its undoing, has taken away, by which receipt: history
// shows nothing of what is not there.
func gone(list []*call, undone map[uint64]*undoing) map[place]string {
	out := map[place]string{}
	for _, c := range list {
		if !c.done() || after(c) == nil {
			continue
		}
		at := place{c.opened.Call.Tool, after(c).Type, after(c).ID}
		if removes(c.opened.Call.Action) {
			out[at] = c.opened.Name()
		}
		if u := undone[c.opened.Seq]; u != nil && removes(u.action) {
			out[at] = u.receipt
		}
	}
	return out
}

// A place is where a change was made.
type place struct{ tool, kind, id string }

func removes(action string) bool {
	return strings.HasSuffix(action, ".trash") || strings.HasSuffix(action, ".delete")
}

// Reconcile compares the job's receipts with the history that the systems have of
// the accounts that acted, from margin before its first change to margin after
// the last. It fails with store.ErrNotFound for a job that is not there, and with
// ErrTooMany.
func (d *Desk) Reconcile(ctx context.Context, job string, margin time.Duration) (*Reconciliation, error) {
	if _, err := d.DB.Job(ctx, job); err != nil {
		return nil, fmt.Errorf("reconcile job %s: %w", job, err)
	}
	list, err := d.calls(ctx, job)
	if err != nil {
		return nil, err
	}
	undone, err := d.undone(ctx, job, list, deepest)
	if err != nil {
		return nil, err
	}
	r := &reconciler{
		Desk: d, job: job, margin: margin, known: map[string]*call{}, compared: map[string]bool{}, matched: map[string]bool{},
		out: &Reconciliation{Job: job, Accounts: map[string][]string{}},
	}
	if len(list) == 0 {
		return r.out, nil
	}
	r.bounds(list)
	if err := r.house(ctx); err != nil {
		return nil, err
	}
	r.gone = gone(list, undone)
	for _, tool := range r.tools(list) {
		r.compare(ctx, tool)
	}
	r.rest(list)
	return r.out, nil
}

// A reconciler is one Reconciliation in the making.
type reconciler struct {
	*Desk
	job    string
	margin time.Duration
	known  map[string]*call // the house's calls of the window and around it, by their opened receipts' names
	order  []*call          // the same, in their order

	gone     map[place]string // by which receipts
	compared map[string]bool  // tools
	matched  map[string]bool  // opened receipts
	out      *Reconciliation
}

// bounds sets the window to what list spans.
func (r *reconciler) bounds(list []*call) {
	from, to := list[0].opened.At, list[0].opened.At
	for _, c := range list {
		from = earlier(from, c.opened.At)
		to = later(to, c.opened.At)
		if c.closed != nil {
			to = later(to, c.closed.At)
		}
	}
	r.out.From, r.out.To = from.Add(-r.margin), to.Add(r.margin)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// page is how many receipts are read at a time.
const page = 100

// house reads the changes of all jobs that may have taken effect in the window.
func (r *reconciler) house(ctx context.Context) error {
	m, end := store.Mark{At: r.out.From.Add(-r.Over - r.margin)}, r.out.To.Add(r.margin)
	for {
		rows, err := r.DB.OpenedAfter(ctx, m, "", page)
		if err != nil {
			return err
		}
		for i := range rows {
			if rows[i].At.After(end) {
				return nil
			}
			if err := r.add(ctx, &rows[i]); err != nil {
				return err
			}
			m = rows[i].Mark
		}
		if len(rows) < page {
			return nil
		}
	}
}

// add takes in an opened receipt, if its call may have changed something.
func (r *reconciler) add(ctx context.Context, row *store.Opened) error {
	e, err := seal.ParseEnvelope(row.Envelope)
	if err != nil {
		return fmt.Errorf("receipt %d of job %s: %w", row.Seq, row.Job, err)
	}
	c, err := r.callOf(ctx, e)
	if c != nil {
		r.known[c.opened.Name()] = c
		r.order = append(r.order, c)
	}
	if len(r.order) > mostCalls {
		return fmt.Errorf("changes of this house in the time of job %s: %w: they are more than %d", r.job, ErrTooMany, mostCalls)
	}
	return err
}

// callOf reads the call of an opened receipt, or nil if it changes nothing.
func (r *reconciler) callOf(ctx context.Context, e *seal.Envelope) (*call, error) {
	opened, err := read(e, r.Gates)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errReceipt, err)
	}
	if !changes(opened) {
		return nil, nil
	}
	c := &call{opened: opened}
	if err := r.learn(ctx, c); err != nil {
		return nil, err
	}
	both, err := r.DB.Call(ctx, opened.Job, opened.Seq)
	if err != nil || both.Closed == nil {
		return c, err
	}
	c.closed, err = read(both.Closed, r.Gates)
	return c, err
}

// tools are those of list, and notes the accounts that acted for it.
func (r *reconciler) tools(list []*call) []string {
	var out []string
	for _, c := range list {
		tool := c.opened.Call.Tool
		if !slices.Contains(out, tool) {
			out = append(out, tool)
		}
		if c.closed == nil || c.closed.Outcome.Actor == "" || slices.Contains(r.out.Accounts[tool], c.closed.Outcome.Actor) {
			continue
		}
		r.out.Accounts[tool] = append(r.out.Accounts[tool], c.closed.Outcome.Actor)
	}
	return out
}

// compare asks one system for its history and holds it against the receipts.
func (r *reconciler) compare(ctx context.Context, tool string) {
	accounts, x := r.out.Accounts[tool], r.Connectors[tool]
	switch {
	case x == nil:
		r.note("This house is not connected to %s any more: its history was not compared.", tool)
		return
	case len(accounts) == 0:
		r.note("No receipt says which account acted in %s: its history was not compared.", tool)
		return
	}
	events, err := x.History(ctx, change.Window{Accounts: accounts, From: r.out.From, To: r.out.To})
	if err != nil {
		r.Log.WarnContext(ctx, "history not read", "tool", tool, "err", err)
		r.note("The history of %s could not be read, or not all of it: the daemon's log says why.", tool)
		return
	}
	r.compared[tool] = true
	by := r.match(tool, events)
	for i, e := range events {
		switch c := by[i]; {
		case c == nil:
			r.stranger(tool, &e)
		case c.opened.Job != r.job:
			r.out.Others++
		default:
			r.out.Matches = append(r.out.Matches, Match{c.opened.Name(), Event{tool, e}})
		}
	}
}

// match finds the call that made each event, or nil: the one that the event names,
// or, for one that names none, one that says that it did just this. No call made
// two.
func (r *reconciler) match(tool string, events []change.Event) []*call {
	out := make([]*call, len(events))
	for _, find := range []func(string, *change.Event) *call{r.named, r.versioned, r.timely} {
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

// stranger takes in an event that no receipt explains. A call that was to make
// something, and of which nobody knows what became, may have made it: that is
// for a person to find out.
func (r *reconciler) stranger(tool string, e *change.Event) {
	for _, c := range r.order {
		if makes(c) && after(c) == nil && e.What == c.opened.Call.Action && (e.Mark == "" || e.Mark == c.opened.Name()) && r.may(c, tool, e) {
			r.matched[c.opened.Name()] = true
			r.note("It is not known what became of %s: it may have made %s %s, by %s at %s.",
				c.opened.Name(), e.Resource.Type, e.Resource.ID, e.By, e.At.UTC().Format(time.RFC3339))
			return
		}
	}
	r.out.Strange = append(r.out.Strange, Event{tool, *e})
}

func (r *reconciler) note(format string, args ...any) {
	r.out.Notes = append(r.out.Notes, fmt.Sprintf(format, args...))
}

// named returns the call that e names, if it can have made e.
func (r *reconciler) named(tool string, e *change.Event) *call {
	c := r.known[e.Mark]
	if c == nil || !r.fits(c, tool, e) || versioned(c, e) && after(c).Version != e.Resource.Version {
		return nil
	}
	return c
}

// versioned returns the call that says that it made e's version.
func (r *reconciler) versioned(tool string, e *change.Event) *call {
	return r.unnamed(tool, e, func(c *call) bool { return versioned(c, e) && after(c).Version == e.Resource.Version })
}

// timely returns the first call that changed this thing in e's time, where
// versions do not tell.
func (r *reconciler) timely(tool string, e *change.Event) *call {
	return r.unnamed(tool, e, func(c *call) bool { return !versioned(c, e) })
}

// unnamed returns the first call that can have made e, which names none.
func (r *reconciler) unnamed(tool string, e *change.Event, tells func(*call) bool) *call {
	if e.Mark != "" {
		return nil
	}
	i := slices.IndexFunc(r.order, func(c *call) bool { return tells(c) && r.fits(c, tool, e) })
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
	return about(after(c)) || about(c.change.Target)
}

// may reports whether c was carried out when e happened, in its system and upon
// such things, as far as anybody knows, and has not made another.
func (r *reconciler) may(c *call, tool string, e *change.Event) bool {
	if c.opened.Call.Tool != tool || r.matched[c.opened.Name()] || c.closed != nil && c.closed.Outcome.Status == receipt.Failed {
		return false
	}
	return kind(e.What) == kind(c.opened.Call.Action) && r.during(c, e)
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
	if c.closed == nil {
		return nil
	}
	return c.closed.Outcome.Target
}

// versioned reports whether both sides say a version, so that they can be told
// apart by it.
func versioned(c *call, e *change.Event) bool {
	return after(c) != nil && same(after(c), &e.Resource) && after(c).Version != "" && e.Resource.Version != ""
}

// during reports whether e may have happened while c was carried out, as far as
// two clocks agree.
func (r *reconciler) during(c *call, e *change.Event) bool {
	end := c.opened.At.Add(r.Over)
	if c.closed != nil {
		end = earlier(end, c.closed.At) // which may be long after, if it broke off
	}
	return !e.At.Before(c.opened.At.Add(-r.margin)) && !e.At.After(end.Add(r.margin))
}

// vanished says why history does not show what c made or changed; "" if it is
// there, for all that the house has done.
func (r *reconciler) vanished(c *call) string {
	if after(c) == nil {
		return ""
	}
	by := r.gone[place{c.opened.Call.Tool, after(c).Type, after(c).ID}]
	if by == "" {
		return ""
	}
	return "It was taken away by " + by + ", and history does not show what is not there."
}

// rest lists the receipts of the job that say done and that nothing has matched.
func (r *reconciler) rest(list []*call) {
	for _, c := range list {
		if !c.done() || r.matched[c.opened.Name()] {
			continue
		}
		m := Missing{Receipt: c.opened.Name(), Call: c.opened.Call.Name(), At: c.opened.At, Target: after(c), Why: unseen(c.opened.Call.Name())}
		m.Why = cmp.Or(m.Why, r.vanished(c))
		switch {
		case m.Why != "":
			r.out.Unseen = append(r.out.Unseen, m)
		case r.compared[c.opened.Call.Tool]:
			r.out.Missing = append(r.out.Missing, m)
		}
	}
}
