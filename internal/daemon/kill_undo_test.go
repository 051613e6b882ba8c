// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/undo"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// A kill -9 between any two steps of an undoing, which is a write like others, ends
// with the change taken back once and a plan that says so, or with the change as it
// was and a plan that still takes it back.
func TestKillInAnUndo(t *testing.T) {
	for _, d := range deeds {
		if d.by == "" {
			continue
		}
		t.Run(d.tool, func(t *testing.T) {
			t.Parallel()
			killInAll(t, &d, "sqlite:house.db", (*mortal).undoing)
		})
	}
}

// undoing has a deed done, its job stopped and, where that is called for, its policy
// locked, and somebody about to take it back under another.
func (m *mortal) undoing(d *deed, p seal.Hash, round int) *errand {
	m.t.Helper()
	s, own := d.begin(m, fmt.Sprintf("Round%d", round)), m.permit(fmt.Sprintf("mortal-%d", round))
	before := s.image()
	done := m.ordered("robot", fmt.Sprintf("job-%d", round), own)
	session := m.agent(done.raw)
	m.approved(session, d.tool, s.args)
	if status, says := m.try(session, d.tool, s.args); status != "done" || s.image() == before {
		m.t.Fatalf("what is to be taken back is %s: %s", status, says)
	}
	m.end(token.RevokeJob, done.job)
	plan := m.plan(done.job, p)
	if plan.Lock != "" {
		m.end(token.RevokePolicy, own.String())
	}
	x := &plan.Changes[0]
	if x.State != string(undo.Ready) || x.Tool != d.by {
		m.t.Fatalf("it is taken back by %q: %s, %s", x.Tool, x.State, x.Why)
	}
	e := m.ordered(receipt.Undoer, plan.UndoJob, p)
	e.tool, e.args, e.sends = x.Tool, m.takesBack(x), d.back
	e.made = func() int { return one(s.image() == before) }
	e.told = func(made bool) {
		m.t.Helper()
		x := &m.plan(done.job, p).Changes[0]
		switch {
		case made && (x.State != string(undo.Undone) || x.By == ""):
			m.t.Errorf("it is taken back, and the plan says %s by %q: %s", x.State, x.By, x.Why)
		case !made && (x.State != string(undo.Ready) || x.Tool != e.tool || m.takesBack(x) != e.args):
			m.t.Errorf("it is not taken back, and the plan says %s: %s %s %s", x.State, x.Tool, x.Args, x.Why)
		}
	}
	return e
}

// end gives an order to revoke.
func (m *mortal) end(kind, target string) {
	m.t.Helper()
	if _, err := m.client.End(m.t.Context(), &api.RevocationOrder{Kind: kind, Target: target, Reason: "undo"}); err != nil {
		m.t.Fatal(err)
	}
}

// plan says how the one change of a job is undone.
func (m *mortal) plan(job string, p seal.Hash) *api.Undo {
	m.t.Helper()
	plan, err := m.client.Undo(m.t.Context(), job, 0, p)
	if err != nil {
		m.t.Fatal(err)
	}
	if !plan.Stopped || len(plan.Changes) != 1 {
		m.t.Fatalf("the plan is %+v", plan)
	}
	return plan
}

// takesBack are the arguments of the call that takes x back.
func (m *mortal) takesBack(x *api.Change) string {
	m.t.Helper()
	args := map[string]any{}
	if err := json.Unmarshal(x.Args, &args); err != nil {
		m.t.Fatal(err)
	}
	args["undoes"], args["message"] = x.Receipt, "Undo"
	b, err := json.Marshal(args)
	if err != nil {
		m.t.Fatal(err)
	}
	return string(b)
}
