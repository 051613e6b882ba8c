// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// Patience is how long after its opened receipt is dated an act may still send what
// changes something. Who looks later what became of it need not fear that it comes
// after all.
const Patience = time.Minute

// inTime is act, which is not begun when its time is over: the book can take long
// to say that the opened receipt is durable.
func inTime(act Act) Act {
	return func(ctx context.Context, opened *receipt.Receipt) (*Result, error) {
		if ctx.Err() != nil {
			return &Result{Outcome: receipt.Outcome{Status: receipt.Failed, Code: "late", Used: map[string]int{}}},
				&Fault{Code: "late", Msg: "the house or the agent was too slow, and nothing was sent; send it again"}
		}
		return act(ctx, opened)
	}
}

// undoing reports whether c's job takes changes back (spec/receipt.md 9.6).
func undoing(c *token.Claims) bool {
	return c.Agent == receipt.Undoer && strings.HasPrefix(c.Job, receipt.UndoPrefix)
}

// takesBack checks that plan takes back what it says, and as the house itself
// would: its arguments are those that the change's own recipe comes to now. Only
// the note for people is whoever's who asks (spec/receipt.md 9.6).
func (g *Gate) takesBack(ctx context.Context, c *token.Claims, plan *Plan, args []byte) error {
	undoes := plan.Change.Undoes
	if !undoing(c) || g.Undoing == nil {
		return &Fault{Code: "not_undoing", Msg: "undoes: this job takes nothing back; leave it away"}
	}
	s, err := g.Undoing.Step(ctx, c.Job, undoes, plan.Call.Tool)
	switch {
	case err != nil:
		return fmt.Errorf("how %s is undone: %w", undoes, err)
	case s.Blocked != "":
		return &Fault{Code: "conflict", Msg: "undoes: " + s.Blocked}
	case s.Action != plan.Call.Action || !alike(s.Args, args):
		return &Fault{Code: "other_undo", Msg: "undoes: that is not how " + undoes + " is taken back as things are now; ask anew, and send what the plan says: clawea job undo JOB -dry-run"}
	}
	return nil
}

// alike reports whether two calls' arguments are the same but for the note.
func alike(a, b []byte) bool {
	one, two := withoutNote(a), withoutNote(b)
	return one != nil && bytes.Equal(one, two)
}

func withoutNote(args []byte) []byte {
	var m map[string]json.RawMessage
	if seal.Unmarshal(args, &m) != nil {
		return nil
	}
	delete(m, "message")
	b, err := seal.Marshal(m)
	if err != nil {
		return nil
	}
	return b
}

// arguments binds plan's call to its arguments, and to what the agent asked for where
// the house has looked up some of these, so that the same asked again is the same
// attempt whatever is found then. It returns the arguments, and the texts of both.
func (g *Gate) arguments(job string, plan *Plan, req *Request) ([]byte, []receipt.Text) {
	asked := g.text(job, req.Text)
	plan.Call.Args = asked.Commitment
	if plan.Args == nil || bytes.Equal(plan.Args, req.Text) {
		return req.Text, []receipt.Text{asked}
	}
	args := g.text(job, plan.Args)
	plan.Call.Args, plan.Call.Attempt = args.Commitment, asked.Commitment
	return plan.Args, []receipt.Text{args, asked}
}

// change is the text of what plan will change, to which its call is bound.
func (g *Gate) change(job string, plan *Plan) ([]receipt.Text, error) {
	if plan.Change == nil {
		return nil, nil
	}
	b, err := plan.Change.Marshal()
	if err != nil {
		return nil, err
	}
	t := g.text(job, b)
	plan.Call.Change = t.Commitment
	return []receipt.Text{t}, nil
}

// earlier is the same attempt that stands in the way of c, at st, or nil: what may
// have happened is not done again before somebody has looked. Where it did happen,
// c meets another version, and may not even be put in policy terms.
func earlier(st *receipt.State, c *policy.Call) *Unsettled {
	if len(st.Changes) == 0 {
		return nil
	}
	e, ok := st.Changes[receipt.Attempt(c)]
	if !ok {
		return nil
	}
	return &Unsettled{e}
}

// Unsettled is the cause of a refusal: the same attempt, in the same job, stands in
// the way, and may have happened, or has.
type Unsettled struct{ receipt.Earlier }

func (e *Unsettled) Error() string {
	switch e.State {
	case receipt.UnderWay:
		return "the same call is under way, or broke off"
	case receipt.Untold:
		return "the same call was carried out before, and its answer was lost" + e.changed()
	case receipt.Lately:
		return "the same call was carried out less than a minute ago" + e.changed()
	}
	return "the same call was sent before, and it is not known yet whether it took effect"
}

// changed says what an earlier call made or changed, where that is known.
func (e *Unsettled) changed() string {
	t := e.Target
	if t.ID == "" {
		return ""
	}
	says := ": see " + t.Type + " " + t.ID
	if t.Version != "" {
		says += ", version " + t.Version
	}
	return says
}
