// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package undo

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/change"
	"github.com/clawea/clawea/internal/gate"
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
		u := undone[c.opened.Seq]
		if u == nil && removes(c.opened.Call.Action) {
			out[at] = c.opened.Name()
		}
		if u != nil && removes(u.action) {
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

// Reconcile compares the job's receipts with the history that all systems have of
// the house's accounts, from margin before the job began to margin after its last
// receipt: whether it has changed anything or not. It fails with store.ErrNotFound
// for a job that is not there, and with ErrTooMany.
func (d *Desk) Reconcile(ctx context.Context, job string, margin time.Duration) (*Reconciliation, error) {
	j, err := d.DB.Job(ctx, job)
	if err != nil {
		return nil, fmt.Errorf("reconcile job %s: %w", job, err)
	}
	ctx = gate.WithAgent(ctx, j.Agent)
	list, err := d.calls(ctx, job, mostCalls)
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
	if err := r.bounds(ctx, j); err != nil {
		return nil, err
	}
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

// bounds sets the window to j's life.
func (r *reconciler) bounds(ctx context.Context, j *store.Job) error {
	list, err := r.DB.Receipts(ctx, j.ID)
	if err != nil {
		return err
	}
	from, to := j.Created, j.Created
	if len(list) > 0 {
		last, err := read(list[len(list)-1], r.Gates)
		if err != nil {
			return fmt.Errorf("job %s: %w: %w", j.ID, errReceipt, err)
		}
		to = later(to, last.At)
	}
	r.out.From, r.out.To = from.Add(-r.margin), to.Add(r.margin)
	return nil
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
	if err != nil {
		return nil, err
	}
	if both.Closed != nil {
		c.closed, err = read(both.Closed, r.Gates)
	}
	if both.Learned != nil && err == nil {
		c.later, err = read(both.Learned, r.Gates)
	}
	return c, err
}

// tools are those that the house is connected to, and that list acted on. It takes
// in the accounts that act there: those that receipts of the window name, and
// those of the configuration.
func (r *reconciler) tools(list []*call) []string {
	all := map[string]bool{}
	for tool := range r.Connectors {
		all[tool] = true
	}
	for _, c := range list {
		all[c.opened.Call.Tool] = true
	}
	for _, c := range r.order {
		if c.closed != nil {
			r.account(c.opened.Call.Tool, c.closed.Outcome.Actor)
		}
	}
	for tool := range all {
		for _, id := range r.Desk.Accounts[tool] {
			r.account(tool, id)
		}
	}
	return slices.Sorted(maps.Keys(all))
}

func (r *reconciler) account(tool, id string) {
	if id != "" && !slices.Contains(r.out.Accounts[tool], id) {
		r.out.Accounts[tool] = append(r.out.Accounts[tool], id)
	}
}

// compare asks one system for its history and holds it against the receipts.
func (r *reconciler) compare(ctx context.Context, tool string) {
	accounts, x := r.out.Accounts[tool], r.Connectors[tool]
	switch {
	case x == nil:
		r.note("This house is not connected to %s any more: its history was not compared.", tool)
		return
	case len(accounts) == 0:
		r.note("It is not known which accounts act in %s: its history was not compared. Say \"account\" of its credentials in the configuration.", tool)
		return
	}
	events, err := x.History(ctx, change.Window{Accounts: accounts, From: r.out.From, To: r.out.To, Made: r.made(tool)})
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
			r.out.Matches = append(r.out.Matches, Match{c.opened.Name(), Event{tool, mine(e, c)}})
		}
	}
}

// stranger takes in an event that no receipt explains. A call of which nobody knows
// what became may have made it: that is for a person to find out.
func (r *reconciler) stranger(tool string, e *change.Event) {
	for _, c := range r.order {
		if r.mayHaveMade(c, tool, e) {
			r.matched[c.opened.Name()] = true
			r.note("It is not known what became of %s: it may have made %s %s, by %s at %s.",
				c.opened.Name(), e.Resource.Type, e.Resource.ID+versionWords(e.Resource.Version), e.By, e.At.UTC().Format(time.RFC3339))
			return
		}
	}
	r.out.Strange = append(r.out.Strange, Event{tool, worded(*e)})
}

// mayHaveMade reports whether c, of which nobody knows what became, may have made e.
func (r *reconciler) mayHaveMade(c *call, tool string, e *change.Event) bool {
	if c.done() || e.Mark != "" && e.Mark != c.opened.Name() {
		return false
	}
	if makes(c) {
		return after(c) == nil && e.What == c.opened.Call.Action && r.may(c, tool, e)
	}
	return r.fits(c, tool, e)
}

func versionWords(version string) string {
	if version == "" {
		return ""
	}
	return " at version " + version
}

func (r *reconciler) note(format string, args ...any) {
	r.out.Notes = append(r.out.Notes, fmt.Sprintf(format, args...))
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

// rest lists the receipts of the job that say done and that nothing has matched, and
// the calls of which nobody knows what became.
func (r *reconciler) rest(list []*call) {
	for _, c := range list {
		switch {
		case r.matched[c.opened.Name()] || c.end() != nil && c.end().Outcome.Status == receipt.Failed:
			continue
		case !c.done():
			r.note("It is not known what became of %s (%s); the house looks, and says so in some minutes, or a person has to: clawea job settle.", c.opened.Name(), c.opened.Call.Name())
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
