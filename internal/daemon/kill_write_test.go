// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// A moment is a step of a write, and what a kill -9 there comes to.
type moment struct {
	name string
	// catch brings the call to the step. It returns what lets go of what it holds,
	// once the daemon is dead: before another starts, or, if late, while it is open.
	catch func(m *mortal, d *deed, job string) (release func())
	late  bool
	// What the call's receipts say in the end.
	status receipt.Status // "": there are none
	code   string         // "": any
}

// caught waits until the trap holds a request.
func (m *mortal) caught() {
	m.t.Helper()
	select {
	case <-m.trap.caught:
	case <-time.After(20 * time.Second):
		m.t.Fatalf("no request came that is to be held\n%s", m.errs.String())
	}
}

// holding holds the first request that spring is true of, and then answers f.
func holding(spring func(d *deed, s atlassian.Stage, r atlassian.Request) bool, f atlassian.Fault) func(*mortal, *deed, string) func() {
	return func(m *mortal, d *deed, _ string) func() {
		m.trap.set(func(s atlassian.Stage, r atlassian.Request) bool { return spring(d, s, r) })
		return func() { m.trap.release <- f }
	}
}

var moments = []moment{
	{"before the opened receipt is durable", func(m *mortal, _ *deed, _ string) func() { return m.freeze() }, false, "", ""},
	{"after it, and before anything is sent", func(m *mortal, _ *deed, job string) func() {
		m.trap.set(func(s atlassian.Stage, _ atlassian.Request) bool {
			opened, _ := m.acted(job)
			return s == atlassian.Received && opened != nil
		})
		return func() { m.trap.release <- atlassian.Fault{Drop: true} }
	}, false, receipt.Failed, NotThere},
	{"received, and never applied", holding(func(d *deed, s atlassian.Stage, r atlassian.Request) bool {
		return s == atlassian.Received && d.is(r)
	}, atlassian.Fault{Drop: true}), false, receipt.Failed, NotThere},
	{"received, and applied late", holding(func(d *deed, s atlassian.Stage, r atlassian.Request) bool {
		return s == atlassian.Received && d.is(r)
	}, atlassian.Fault{}), true, receipt.Done, receipt.Found},
	{"applied, and not answered", holding(func(d *deed, s atlassian.Stage, r atlassian.Request) bool {
		return s == atlassian.Applied && d.is(r)
	}, atlassian.Fault{Drop: true}), false, receipt.Done, receipt.Found},
	{"answered, and not read back", func(m *mortal, d *deed, _ string) func() {
		sent := false
		m.trap.set(func(s atlassian.Stage, r atlassian.Request) bool {
			sent = sent || s == atlassian.Applied && d.is(r)
			return sent && s == atlassian.Received
		})
		return func() { m.trap.release <- atlassian.Fault{Drop: true} }
	}, false, receipt.Done, receipt.Found},
	{"read back, and before the closed receipt is durable", func(m *mortal, d *deed, _ string) func() {
		var thaw func()
		m.trap.set(func(s atlassian.Stage, r atlassian.Request) bool {
			if s == atlassian.Applied && d.is(r) {
				thaw = m.freeze()
				m.trap.release <- atlassian.Fault{}
				return true
			}
			return false
		})
		return func() { thaw() }
	}, false, receipt.Done, receipt.Found},
	{"after the closed receipt, and before the answer", func(m *mortal, _ *deed, job string) func() {
		m.trap.set(nil)
		return func() {}
	}, false, receipt.Done, ""},
}

// NotThere is the code of a call that broke off before it took effect.
const NotThere = "not_found"

// A kill -9 between any two steps of a write ends with the change made once and a
// receipt that says so, or with no change and none that says it was made; and an
// agent that sends the same call again never makes it twice.
func TestKillInAWrite(t *testing.T) {
	for _, d := range deeds {
		t.Run(d.tool, func(t *testing.T) {
			t.Parallel()
			m := newMortal(t)
			p := m.setUp()
			for round, at := range moments {
				if !t.Run(at.name, func(t *testing.T) {
					m.t = t
					m.killAt(&d, &at, p, round)
				}) {
					t.Fatalf("the daemon's log:\n%s", m.errs.String())
				}
			}
			m.t = t
		})
	}
}

// killAt has an agent make one change, kills the daemon at a moment, and looks what
// has become of it.
func (m *mortal) killAt(d *deed, at *moment, p seal.Hash, round int) {
	t, job := m.t, fmt.Sprintf("job-%d", round)
	raw := m.issue(p, job).Token
	s, args := m.agent(raw), d.args(m, round)
	m.approved(s, d.tool, args)
	release := at.catch(m, d, job)
	go s.CallTool(context.Background(), &mcp.CallToolParams{Name: d.tool, Arguments: json.RawMessage(args)}) // it gets no answer, or nobody hears it
	m.reached(at, job)
	m.kill()
	m.trap.disarm()
	over := 200 * time.Millisecond
	if at.late {
		over = time.Minute
	} else {
		release()
	}
	m.live(over)
	if at.late {
		time.Sleep(200 * time.Millisecond) // it is looked for, and not there yet
		if opened, out := m.acted(job); opened == nil || out != nil {
			t.Fatalf("closed as %+v while it could still take effect", out)
		}
		if status, detail := m.try(m.agent(raw), d.tool, args); status != "refused" || detail != string(receipt.UnderWay) {
			t.Errorf("nobody knows what became of it, and sent again it is %s %s", status, detail)
		}
		release()
	}
	m.settled(d, at, job, round)
	m.again(d, at, job, raw, args, round)
	m.verified(job, p)
}

// reached waits until the call is at the moment.
func (m *mortal) reached(at *moment, job string) {
	m.t.Helper()
	switch at.name {
	case moments[0].name: // all that it reads before it commits is read
		time.Sleep(100 * time.Millisecond)
		m.wait("silence", m.trap.quiet)
		if opened, _ := m.acted(job); opened != nil {
			m.t.Fatal("the receipt is durable")
		}
	case moments[6].name:
		m.caught()
		m.wait("silence", m.trap.quiet)
		if opened, out := m.acted(job); opened == nil || out != nil {
			m.t.Fatalf("opened %v, closed %+v", opened != nil, out)
		}
	case moments[7].name:
		m.wait("the closed receipt", func() bool {
			_, out := m.acted(job)
			return out != nil
		})
	default:
		m.caught()
	}
}

// settled waits until the house has found out what became of the call, and holds
// that against the site.
func (m *mortal) settled(d *deed, at *moment, job string, round int) {
	m.t.Helper()
	var opened *receipt.Receipt
	var out *receipt.Outcome
	m.wait("the call to be settled", func() bool {
		opened, out = m.acted(job)
		return opened == nil || out != nil
	})
	status, code, made := receipt.Status(""), "", 0
	if out != nil {
		status, code = out.Status, out.Code
	}
	if status == receipt.Done {
		made = 1
	}
	if status != at.status || at.code != "" && code != at.code {
		m.t.Errorf("it is closed as %q %q, want %q %q", status, code, at.status, at.code)
	}
	if got := d.count(m, round); got != made {
		m.t.Errorf("the receipts say %q, and it was made %d times", status, got)
	}
	if status == receipt.Done && (out.Target == nil || out.Target.ID == "") {
		m.t.Errorf("it is done, and what was made is not said: %+v", out)
	}
}

// again has the agent send the same call until it is told that it is done, or
// asked to wait for a person once more: it is made once in the end, or was.
func (m *mortal) again(d *deed, at *moment, job, raw, args string, round int) {
	m.t.Helper()
	s := m.agent(raw)
	status, detail := m.try(s, d.tool, args)
	switch {
	case at.code == receipt.Found:
		if told := status == "refused" && detail == string(receipt.Untold); !told && (!d.moves || status != "denied" && status != "waiting") {
			m.t.Errorf("it is done, and the agent is told %s %s", status, detail)
		}
		status, detail = m.try(s, d.tool, args) // told once, it may ask for another
		fallthrough
	case at.status == receipt.Done:
		if status == "done" {
			m.t.Errorf("the same call was carried out again: %s", detail)
		}
	case at.status == receipt.Failed:
		if status != "waiting" {
			m.t.Fatalf("it was not made, and sent again it is %s %s", status, detail)
		}
		m.yes(detail)
		status, detail = m.try(s, d.tool, args)
		fallthrough
	default:
		if status != "done" {
			m.t.Errorf("it was not made, and sent again it is %s %s", status, detail)
		}
	}
	if got := d.count(m, round); got != 1 {
		m.t.Errorf("in the end it was made %d times", got)
	}
}
