// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"unicode"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/sidecar"
	"github.com/clawea/clawea/internal/undo"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// An undoing is one run of clawea job undo: an ordinary client of the house,
// which holds a token of its own and calls tools.
type undoing struct {
	*call
	api    *api.Client
	job    string
	note   string
	dry    bool // nothing is to be changed
	policy seal.Hash
	plan   *api.Undo
	locked *api.Revoked // the order that locks the job's policy; nil: none
	done   int          // steps that are undone, and were not before
}

// jobUndo takes a job's changes back, newest first. Its exit code is 3 if not all
// of them are undone when it ends.
func jobUndo(ctx context.Context, c *call) error {
	u := &undoing{call: c}
	wpc := c.String("policy", "", "the `HASH` of the policy to undo under (default: the house's own undo_policy)")
	c.BoolVar(&u.dry, "dry-run", false, "say what would be done, and what stands in the way; change nothing")
	c.StringVar(&u.note, "note", "", "why, in a line of `TEXT` for the people who look after what is changed; the same when the command is run again")
	var err error
	if u.api, err = c.dial(1, 1); err != nil {
		return err
	}
	u.job = c.args[0]
	if err := checkNote(u.note, u.dry); err != nil {
		return err
	}
	if *wpc != "" {
		if u.policy, err = parseHash(*wpc); err != nil {
			return err
		}
	}
	if u.plan, err = u.api.Undo(ctx, u.job, 0, u.policy); err != nil {
		return err
	}
	u.show()
	if u.dry {
		return nil
	}
	if !u.open() {
		return u.sum()
	}
	if err := u.ready(ctx); err != nil {
		return err
	}
	err = u.walk(ctx)
	if err != nil && !errors.Is(err, errFalse) {
		u.sayLocked()
	}
	return err
}

const maxNote = 300 // bytes

// checkNote refuses what is no note. It stands in the history of what is changed, so
// it is a person's own words; only who changes nothing needs none.
func checkNote(s string, dry bool) error {
	switch {
	case len(s) > maxNote || strings.ContainsFunc(s, unicode.IsControl):
		return usagef("-note is too long, or of several lines\nwrite one line of at most %d bytes", maxNote)
	case strings.TrimSpace(s) == "" && !dry:
		return usagef("there is no note, and whoever finds the change will ask why\nsay it in a line of your own: -note TEXT; to change nothing and look, -dry-run")
	}
	return nil
}

// show prints the plan.
func (u *undoing) show() {
	if len(u.plan.Changes) == 0 {
		fmt.Fprintf(u.stdout, "%s has changed nothing outside\n", clean(u.job))
	}
	for i := range u.plan.Changes {
		u.showStep(&u.plan.Changes[i])
	}
	if u.plan.Lock != "" {
		fmt.Fprintf(u.stdout, "its policy is locked before the first step, until a person has reviewed it: %s\n", clean(u.plan.Lock))
	}
	if u.dry && u.open() {
		u.showHindrances()
	}
}

// showHindrances prints what is known to stand in the way of all of it.
func (u *undoing) showHindrances() {
	if !u.plan.Stopped {
		fmt.Fprintf(u.stdout, "NOT NOW: the job is not stopped; stop it first: clawea job stop %s\n", clean(u.job))
	}
	if h := u.plan.Hindered; h != nil {
		fmt.Fprintf(u.stdout, "NOT NOW: %s\n", clean(h.Says+"; "+h.Hint))
	}
}

func (u *undoing) showStep(x *api.Change) {
	fmt.Fprintf(u.stdout, "%-20s  %-12s  %s  %s\n", clean(x.Receipt), x.State, clean(x.Call), clean(x.Summary))
	if says := cmp.Or(x.Says, x.Why); says != "" {
		fmt.Fprintf(u.stdout, "%-20s  %s\n", "", clean(says))
	}
	if h := x.Hindered; h != nil && u.dry {
		fmt.Fprintf(u.stdout, "%-20s  NOT NOW: %s\n", "", clean(h.Says+"; "+h.Hint))
	}
}

// undoable reports whether x is still to be undone, and can be.
func undoable(x *api.Change) bool {
	return x.State == string(undo.Ready) || x.State == string(undo.Later)
}

// open reports whether anything can be done now. What comes later waits for
// something that can.
func (u *undoing) open() bool {
	return slices.ContainsFunc(u.plan.Changes, func(x api.Change) bool { return x.State == string(undo.Ready) })
}

// ready makes sure, before anything is changed, that the job is stopped and that
// nothing is known to stand in the way of a step, and then locks the job's own
// policy, if that is called for.
func (u *undoing) ready(ctx context.Context) error {
	if !u.plan.Stopped {
		return fmt.Errorf("job %s is not stopped: it could go on while it is undone\nstop it first: clawea job stop %s", u.job, u.job)
	}
	if u.policy.IsZero() {
		u.policy = u.plan.Policy
	}
	if h := u.plan.Hindered; h != nil {
		return usagef("%s\n%s", h.Says, h.Hint)
	}
	for i := range u.plan.Changes {
		if x := &u.plan.Changes[i]; x.Hindered != nil {
			return usagef("%s cannot be undone so, and nothing is begun: %s\n%s", x.Receipt, x.Hindered.Says, x.Hindered.Hint)
		}
	}
	return u.lock(ctx, u.plan)
}

// lock revokes the job's policy if p calls for it and this has not been done yet. An
// order that is in force already is as good.
func (u *undoing) lock(ctx context.Context, p *api.Undo) error {
	if p.Lock == "" || u.locked != nil {
		return nil
	}
	j, err := u.api.Job(ctx, u.job)
	if err != nil {
		return err
	}
	if u.locked, err = u.api.End(ctx, &api.RevocationOrder{Kind: token.RevokePolicy, Target: j.Policy.String(), Reason: "undo of " + u.job + ": review"}); err != nil {
		return err
	}
	u.plan.Lock = p.Lock
	fmt.Fprintf(u.stdout, "locked     policy %s, order %d\n", j.Policy.Short(), u.locked.ID)
	return nil
}

// walk undoes one change after the other, with a token of its own, and stops at
// the first that is not done.
func (u *undoing) walk(ctx context.Context) error {
	order := &sidecar.Detail{Agent: receipt.Undoer, Job: u.plan.UndoJob, Policy: u.policy}
	car, err := sidecar.Start(ctx, &sidecar.Config{
		House: u.Lookup("server").Value.String(), Source: &login{u.api, order}, Log: slog.New(slog.NewTextHandler(u.stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return err
	}
	defer car.Close()
	h, err := openHand(ctx, car.URL(), u.note)
	if err != nil {
		return err
	}
	defer h.close()
	for round, before := 0, -1; u.done > before; round++ {
		before = u.done
		for i := range u.plan.Changes {
			x := &u.plan.Changes[i]
			if again := round > 0 && x.State == string(undo.Blocked); !again && !undoable(x) { // what was in its way may be undone by now
				continue
			}
			if err := u.advance(ctx, h, x); err != nil {
				return err
			}
		}
	}
	return u.sum()
}

// advance undoes x if that can be done as things are now.
func (u *undoing) advance(ctx context.Context, h *hand, x *api.Change) error {
	p, err := u.look(ctx, x.Seq)
	if err != nil {
		return err
	}
	*x = p.Changes[0]
	if x.State != string(undo.Ready) {
		u.showStep(x)
		return nil
	}
	for _, hindered := range []*api.Hindrance{p.Hindered, x.Hindered} {
		if hindered != nil {
			return u.halt(fmt.Sprintf("%s cannot be undone so: %s", x.Receipt, hindered.Says), hindered.Hint)
		}
	}
	if err := u.lock(ctx, p); err != nil { // alone, it may be one of more than were counted together
		return err
	}
	return u.step(ctx, h, x)
}

// look asks how one change is undone, as things stand now.
func (u *undoing) look(ctx context.Context, seq uint64) (*api.Undo, error) {
	p, err := u.api.Undo(ctx, u.job, seq, u.policy)
	if err != nil {
		return nil, err
	}
	if len(p.Changes) != 1 || p.Changes[0].Seq != seq {
		return nil, fmt.Errorf("the daemon does not say how %s/%d is undone\nis it of this version? its log may say more", u.job, seq)
	}
	return p, nil
}

// step undoes x. It counts as undone if the house's receipts say so afterwards,
// and not because a tool has answered.
func (u *undoing) step(ctx context.Context, h *hand, x *api.Change) error {
	failure, err := h.do(ctx, x)
	if err != nil {
		return u.halt(fmt.Sprintf("%s: the call that undoes it got no answer: %v", x.Receipt, err), "it may have happened: run the same command again in some minutes, when the house has looked")
	}
	if failure != nil {
		return u.stopped(x, failure)
	}
	p, err := u.look(ctx, x.Seq)
	if err != nil {
		return err
	}
	now := &p.Changes[0]
	if now.State != string(undo.Undone) {
		return u.halt(fmt.Sprintf("%s: the tool has answered, and no receipt says that it is undone", x.Receipt), "look at what is there, and tell the operator of the house: clawea job show "+u.plan.UndoJob)
	}
	says := x.Says
	*x = *now
	u.done++
	fmt.Fprintf(u.stdout, "undone     %s by %s  %s\n", clean(x.Receipt), clean(x.By), clean(says))
	return nil
}

// stopped says why x was not undone.
func (u *undoing) stopped(x *api.Change, f *failure) error {
	if f.Status == "waiting" {
		return u.halt(fmt.Sprintf("%s waits for a person: approval %s", x.Receipt, f.Approval),
			fmt.Sprintf("clawea approve show %s; then clawea approve yes %s -key FILE; then run the same command again", f.Approval, f.Approval))
	}
	wrong := fmt.Sprintf("%s is not undone: %s: %s", x.Receipt, f.Status, f.Message)
	for _, r := range f.Reasons {
		wrong += "; " + r.String()
	}
	return u.halt(wrong, f.Hint)
}

// halt ends the command with two lines for people, and what was locked.
func (u *undoing) halt(wrong, mends string) error {
	u.sayLocked()
	fmt.Fprintf(u.stderr, "clawea: error: %s\nclawea: hint: %s\n", clean(wrong), clean(strings.ReplaceAll(mends, "\n", "; ")))
	return errFalse
}

func (u *undoing) sayLocked() {
	if u.locked != nil {
		fmt.Fprintf(u.stdout, "its policy stays locked (%s); once a person has reviewed it: clawea revocation lift %d\n", clean(u.plan.Lock), u.locked.ID)
	}
}

// sum says what is left.
func (u *undoing) sum() error {
	counts := map[string]int{}
	left := 0
	for _, x := range u.plan.Changes {
		counts[x.State]++
		if x.State != string(undo.Undone) && x.State != string(undo.Never) {
			left++
		}
	}
	fmt.Fprintf(u.stdout, "undone now %d, before %d; left %d\n", u.done, counts[string(undo.Undone)]-u.done, left)
	if left > 0 {
		return u.halt(fmt.Sprintf("%d of %d changes of %s are not undone", left, len(u.plan.Changes), u.job), "the table says why; have a person look at each of them")
	}
	u.sayLocked()
	return nil
}
