// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package undo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/clawea/clawea/internal/change"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// A State is what stands between a change and its being undone.
type State string

// The states.
const (
	Ready        State = "ready"        // its Step takes it back
	Later        State = "later"        // once a later change of the same thing is undone
	Blocked      State = "blocked"      // not offered: Why says who has edited since, and when
	Irreversible State = "irreversible" // nothing takes it back: Why says why
	Undone       State = "undone"       // By has taken it back
	Never        State = "never"        // it never happened
	Unclear      State = "unclear"      // it is not known now whether it happened, or how it is taken back
)

// An Item is one change of a job, and how it is undone.
type Item struct {
	Receipt string           // the opened receipt: JOB/SEQ
	Seq     uint64           //
	Call    string           // the full name of its action
	At      time.Time        // when it was opened
	Summary string           // one sentence for people
	Target  *policy.Resource // what it made or changed, with the version after; nil if that is not known
	State   State
	Step    *change.Step // of a Ready one
	Why     string       // of one that is not Ready: why not, in a sentence
	By      string       // of an Undone one: the receipt of the call that undid it
}

// A Plan says how a job's changes are undone.
type Plan struct {
	Job     string
	Stopped bool    // the job is revoked: nothing of it goes on while it is undone
	Lock    string  // why the job's policy is to be locked before; "": it is not
	Locked  bool    // it is
	Items   []*Item // newest first
}

// many is how many changes may be undone without a person's review before the
// same policy is used again.
const many = 10

// Plan says how the changes of a job are undone, as things stand now: of all of
// them, or of the one whose receipt is seq if that is not 0, and then it reads no
// more than that one and what was changed upon it. It fails with
// store.ErrNotFound for a job that is not there, and with ErrTooMany.
func (d *Desk) Plan(ctx context.Context, job string, seq uint64) (*Plan, error) {
	j, err := d.DB.Job(ctx, job)
	if err != nil {
		return nil, fmt.Errorf("undo of job %s: %w", job, err)
	}
	ctx = gate.WithAgent(ctx, j.Agent)
	stopped, err := d.stopped(ctx, j)
	if err != nil {
		return nil, err
	}
	locked, err := d.locked(ctx, j)
	if err != nil {
		return nil, err
	}
	most := mostCalls
	if seq != 0 {
		most = everyCall
	}
	list, err := d.calls(ctx, job, most)
	if err != nil {
		return nil, err
	}
	undone, err := d.undone(ctx, job, list, deepest)
	if err != nil {
		return nil, err
	}
	p := &planner{Desk: d, undone: undone, calls: list, ends: make([]end, len(list)), items: make([]*Item, len(list))}
	if err := p.plan(ctx, seq); err != nil {
		return nil, err
	}
	slices.Reverse(p.items)
	out := &Plan{Job: job, Stopped: stopped, Lock: p.lock(), Locked: locked}
	out.Items = slices.DeleteFunc(p.items, func(x *Item) bool { return x == nil })
	return out, nil
}

// Step returns how a call of tool's, in the job by, takes back the change of the
// opened receipt undoes as things are now. Where it does not, Blocked says why: in
// a sentence that agents may see.
func (d *Desk) Step(ctx context.Context, by, undoes, tool string) (*change.Step, error) {
	no := &change.Step{Blocked: "There is no change " + undoes + " of " + tool + "'s that this job takes back."}
	job, seq, ok := parseName(undoes)
	if !ok || seq == 0 || !undoesFor(by, job) {
		return no, nil
	}
	p, err := d.Plan(ctx, job, seq)
	if errors.Is(err, store.ErrNotFound) {
		return no, nil
	}
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(p.Items, func(x *Item) bool { return x.Receipt == undoes })
	switch {
	case i < 0 || !strings.HasPrefix(p.Items[i].Call, tool+"."):
		return no, nil
	case !p.Stopped:
		return &change.Step{Blocked: "The job " + job + " is not stopped: it could go on while it is undone."}, nil
	case p.Lock != "" && !p.Locked:
		return &change.Step{Blocked: "The policy of the job " + job + " is to be locked first, for a person's review: " + p.Lock + "."}, nil
	case p.Items[i].State != Ready:
		return &change.Step{Blocked: p.Items[i].Why}, nil
	}
	return p.Items[i].Step, nil
}

// An undoing is a call that took a change back.
type undoing struct {
	receipt string
	action  string
	target  *policy.Resource // as it was after; nil if that is not known
}

// An end is what became of a call.
type end struct {
	happened answer
	target   *policy.Resource
	why      string // it is not known
}

type answer uint8

const (
	unknown answer = iota
	yes
	no
)

// ended is what c's receipts say of its end. What they do not say is not looked
// for: the settler does that, and writes it down, before anything is taken back on
// the strength of it.
func ended(c *call) end {
	r := c.end()
	if r == nil {
		return end{why: "It is under way, or broke off; the house looks what became of it, and says so in some minutes."}
	}
	switch r.Outcome.Status {
	case receipt.Done:
		return end{yes, r.Outcome.Target, ""}
	case receipt.Failed:
		return end{happened: no}
	}
	return end{why: "Nobody knows yet whether it happened; the house looks, and says so in some minutes."}
}

func notConnected(c *call) string {
	return "This house is not connected to " + c.opened.Call.Tool + " any more."
}

// A planner is one Plan in the making.
type planner struct {
	*Desk
	calls  []*call // in their order
	ends   []end   // of the same
	items  []*Item // of the same; nil: it is not asked for
	undone map[uint64]*undoing
}

// plan makes the items of all calls, or of the one whose receipt is seq.
func (p *planner) plan(ctx context.Context, seq uint64) error {
	asked := func(i int) bool { return seq == 0 || p.calls[i].opened.Seq == seq }
	for i, c := range p.calls {
		p.ends[i] = ended(c)
	}
	learn := func(i int) error { return p.learn(ctx, p.calls[i]) }
	if err := p.each(asked, learn); err != nil {
		return err
	}
	if i := slices.IndexFunc(p.calls, func(c *call) bool { return c.opened.Seq == seq }); i >= 0 {
		upon := func(j int) bool { return j > i && p.mayTouch(i, j) }
		if err := p.each(upon, learn); err != nil {
			return err
		}
	}
	return p.each(asked, func(i int) error {
		p.items[i] = p.item(ctx, i)
		return nil
	})
}

// mayTouch reports whether call j may be about what call i left, as far as
// receipts tell.
func (p *planner) mayTouch(i, j int) bool {
	a, b := p.ends[i].target, p.ends[j].target
	return a != nil && p.ends[j].happened != no && p.calls[i].opened.Call.Tool == p.calls[j].opened.Call.Tool && (b == nil || same(a, b))
}

// each calls do for each call that is asked for, several at a time.
func (p *planner) each(asked func(i int) bool, do func(i int) error) error {
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i := range p.calls {
		if asked(i) {
			g.Go(func() error { return do(i) })
		}
	}
	return g.Wait()
}

// item says how call i is undone.
func (p *planner) item(ctx context.Context, i int) *Item {
	c, e := p.calls[i], p.ends[i]
	x := &Item{Receipt: c.opened.Name(), Seq: c.opened.Seq, Call: c.opened.Call.Name(), At: c.opened.At, Summary: c.change.Summary, Target: e.target}
	switch u := p.undone[x.Seq]; {
	case u != nil:
		x.State, x.By, x.Why = Undone, u.receipt, "It was undone by "+u.receipt+"."
	case e.happened == no:
		x.State, x.Why = Never, "It did not happen."
	case e.happened == unknown:
		x.State, x.Why = Unclear, e.why
	case c.change.Undo.Irreversible != "":
		x.State, x.Why = Irreversible, c.change.Undo.Irreversible
	case c.end().Untold() && byState(x.Call):
		x.State, x.Why = Blocked, "Its answer was lost. That it is so now was seen, and not who did it: somebody else may have. A person must look, and undo it by hand."
	case e.target == nil:
		x.State, x.Why = Blocked, "Its receipt does not say what it changed. A person must look, and undo it by hand."
	default:
		p.step(ctx, x, i)
	}
	return x
}

// step asks the connector how call i is taken back, if its turn has come.
func (p *planner) step(ctx context.Context, x *Item, i int) {
	after, waits := p.stands(i)
	if waits != "" {
		x.State, x.Why = Later, "First "+waits+" is to be undone, which changed the same thing later."
		return
	}
	c := p.calls[i]
	conn := p.Connectors[c.opened.Call.Tool]
	if conn == nil {
		x.State, x.Why = Blocked, notConnected(c)
		return
	}
	whole, err := changeOf(ctx, p.DB, c.opened)
	var s *change.Step
	if err == nil {
		s, err = conn.Revert(ctx, c.opened, whole, after)
	}
	switch {
	case err != nil || s == nil:
		p.Log.WarnContext(ctx, "cannot tell how a change is undone", "receipt", x.Receipt, "err", err)
		x.State, x.Why = Unclear, "It cannot be told now how it is undone; the daemon's log says why."
	case s.Blocked != "":
		x.State, x.Why = Blocked, s.Blocked
	case s.Action == "":
		x.State, x.Why = Blocked, "The connector does not say how it is undone."
	default:
		x.State, x.Step = Ready, s
	}
}

// stands returns at which version what call i left stands now, as far as this job
// and its undoing go: later changes of the same thing that are undone again have
// made newer versions of the same content. If one of them is not undone, it
// returns that call's receipt.
func (p *planner) stands(i int) (after *policy.Resource, waits string) {
	target := *p.ends[i].target
	if !p.moves(i) {
		return &target, ""
	}
	for j := i + 1; j < len(p.calls); j++ {
		c, e := p.calls[j], p.ends[j]
		if c.change == nil {
			continue // it is about something else
		}
		at := e.target
		if at == nil {
			at = c.change.Target
		}
		if e.happened == no || at == nil || c.opened.Call.Tool != p.calls[i].opened.Call.Tool || !same(at, &target) || !p.moves(j) {
			continue
		}
		u := p.undone[c.opened.Seq]
		if u == nil {
			waits = c.opened.Name() // the last of them is the first to go
			continue
		}
		if before := c.change.Target; u.target != nil && before != nil && before.Version == target.Version {
			target.Version = u.target.Version
		}
	}
	return &target, waits
}

// byState reports whether, when the answer to a call is lost, only what is there
// now says that it happened, and nothing says who did it.
func byState(call string) bool {
	return unseen(call) != "" || call == "jira.issue.link.create" || call == "jira.issue.link.delete"
}

// moves reports whether call i makes a new version of what it changes, so that
// earlier versions lie below it. Labels, for one, do not.
func (p *planner) moves(i int) bool {
	before, after := p.calls[i].change.Target, p.ends[i].target
	return before == nil || after == nil || before.Version == "" || before.Version != after.Version
}

// lock says why the job's policy is to be locked once its changes are undone.
func (p *planner) lock() string {
	n, labels := 0, false
	for i, c := range p.calls {
		if p.ends[i].happened == no {
			continue
		}
		n++
		labels = labels || labelling(c.opened.Call)
	}
	switch {
	case n > many:
		return fmt.Sprintf("it made %d changes", n)
	case labels:
		return "it changed labels, which other automation may follow"
	}
	return ""
}

func labelling(c *policy.Call) bool {
	return strings.Contains(c.Action, "label") || slices.Contains(c.Fields, "labels")
}
