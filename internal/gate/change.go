// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"strings"
	"time"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/token"
)

// Patience is how long after its opened receipt an act may still send what changes
// something. Who looks later what became of it need not fear that it comes after all.
const Patience = time.Minute

// undoing reports whether c's job takes changes back (spec/receipt.md 9.6).
func undoing(c *token.Claims) bool {
	return c.Agent == receipt.Undoer && strings.HasPrefix(c.Job, receipt.UndoPrefix)
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
