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

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/pgtest"
	"github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// An errand is a call that an agent makes, and in which a daemon is killed.
type errand struct {
	job, raw   string
	tool, args string
	sends      sends
	made       func() int // how often it was done, as the site has it
	before     int        // requests of its kind that the site had seen
	// told holds what the house says of it against whether it was made; nil: nothing
	// is said but by its receipts.
	told func(made bool)
}

// A moment is a step of a write, and what a kill -9 there comes to.
type moment struct {
	name string
	// catch brings the call to the step. It returns what lets go of what it holds,
	// once the daemon is dead: before somebody carries on, or, if late, after.
	catch func(m *mortal, e *errand) (release func())
	// reached waits until the call is there; nil: until a request is held.
	reached func(m *mortal, e *errand)
	late    bool
	sent    int // requests that the site has seen of it
	// What the call's receipts say in the end.
	status receipt.Status // "": there are none
	code   string         // "": any
}

// holding holds the first request that spring is true of, and then answers f.
func holding(spring func(e *errand, s atlassian.Stage, r atlassian.Request) bool, f atlassian.Fault) func(*mortal, *errand) func() {
	return func(m *mortal, e *errand) func() {
		m.trap.set(func(s atlassian.Stage, r atlassian.Request) bool { return spring(e, s, r) })
		return func() { m.trap.release <- f }
	}
}

var lost = atlassian.Fault{Drop: true}

// notThere is the code of a call that broke off before it took effect.
const notThere = "not_found"

var moments = []moment{
	{
		name:    "before the opened receipt is durable",
		catch:   func(m *mortal, _ *errand) func() { return m.freeze() },
		reached: (*mortal).unopened,
	},
	{
		name: "after it, and before anything is sent",
		catch: func(m *mortal, e *errand) func() {
			m.trap.set(func(s atlassian.Stage, _ atlassian.Request) bool {
				opened, _ := m.acted(e.job)
				return s == atlassian.Received && opened != nil
			})
			return func() { m.trap.release <- lost }
		},
		status: receipt.Failed, code: notThere,
	},
	{
		name: "received, and never applied",
		catch: holding(func(e *errand, s atlassian.Stage, r atlassian.Request) bool {
			return s == atlassian.Received && e.sends.is(r)
		}, lost),
		sent: 1, status: receipt.Failed, code: notThere,
	},
	{
		name: "received, and applied late",
		catch: holding(func(e *errand, s atlassian.Stage, r atlassian.Request) bool {
			return s == atlassian.Received && e.sends.is(r)
		}, atlassian.Fault{}),
		late: true, sent: 1, status: receipt.Done, code: receipt.Found,
	},
	{
		name: "applied, and not answered",
		catch: holding(func(e *errand, s atlassian.Stage, r atlassian.Request) bool {
			return s == atlassian.Applied && e.sends.is(r)
		}, lost),
		sent: 1, status: receipt.Done, code: receipt.Found,
	},
	{
		name: "answered, and not read back",
		catch: func(m *mortal, e *errand) func() {
			sent := false
			m.trap.set(func(s atlassian.Stage, r atlassian.Request) bool {
				sent = sent || s == atlassian.Applied && e.sends.is(r)
				return sent && s == atlassian.Received
			})
			return func() { m.trap.release <- lost }
		},
		sent: 1, status: receipt.Done, code: receipt.Found,
	},
	{
		name: "read back, and before the closed receipt is durable",
		catch: func(m *mortal, e *errand) func() {
			var thaw func()
			m.trap.set(func(s atlassian.Stage, r atlassian.Request) bool {
				if s == atlassian.Applied && e.sends.is(r) {
					thaw = m.freeze()
					m.trap.release <- atlassian.Fault{}
					return true
				}
				return false
			})
			return func() { thaw() }
		},
		reached: (*mortal).unclosed,
		sent:    1, status: receipt.Done, code: receipt.Found,
	},
	{
		name: "after the closed receipt, and before the answer",
		catch: func(m *mortal, _ *errand) func() {
			m.trap.set(nil)
			return func() {}
		},
		reached: (*mortal).closed,
		sent:    1, status: receipt.Done,
	},
}

// caught waits until the trap holds a request.
func (m *mortal) caught(*errand) {
	m.t.Helper()
	select {
	case <-m.trap.caught:
	case <-time.After(time.Minute):
		m.t.Fatalf("no request came that is to be held\n%s", m.errs.String())
	}
}

// unopened waits until all is read that the call reads before it is opened.
func (m *mortal) unopened(e *errand) {
	m.t.Helper()
	time.Sleep(100 * time.Millisecond)
	m.wait("silence", m.trap.quiet)
	if opened, _ := m.acted(e.job); opened != nil {
		m.t.Fatal("the receipt is durable")
	}
}

// unclosed waits until all is read back.
func (m *mortal) unclosed(e *errand) {
	m.t.Helper()
	m.caught(e)
	m.wait("silence", m.trap.quiet)
	if opened, out := m.acted(e.job); opened == nil || out != nil {
		m.t.Fatalf("opened %v, closed %+v", opened != nil, out)
	}
}

// closed waits until the closed receipt is durable.
func (m *mortal) closed(e *errand) {
	m.t.Helper()
	m.wait("the closed receipt", func() bool {
		_, out := m.acted(e.job)
		return out != nil
	})
}

// A kill -9 between any two steps of a write ends with the change made once and a
// receipt that says so, or with no change and none that says it was made; and an
// agent that sends the same call again never makes it twice.
func TestKillInAWrite(t *testing.T) {
	for _, d := range deeds {
		t.Run(d.tool, func(t *testing.T) {
			t.Parallel()
			killInAll(t, &d, "sqlite:house.db", (*mortal).writing)
		})
	}
}

// The same holds of two daemons over one database: one is killed, and the other
// finds out what became of its calls, and answers the agent.
func TestKillOneOfTwo(t *testing.T) {
	for _, tool := range []string{"confluence.page.update", "confluence.page.move", "jira.issue.comment.create"} {
		t.Run(tool, func(t *testing.T) {
			t.Parallel()
			killInAll(t, deedOf(t, tool), pgtest.New(t), (*mortal).writing)
		})
	}
}

// killInAll kills a daemon at all moments of the errand that prepare makes of a
// deed; with -short at every fourth, each deed at others, which is enough for the
// race detector.
func killInAll(t *testing.T, d *deed, store string, prepare func(m *mortal, d *deed, p seal.Hash, round int) *errand) {
	t.Helper()
	m := newMortal(t, store)
	p := m.permit("mortal")
	for round, at := range moments {
		if testing.Short() && round%4 != len(d.tool)%4 {
			continue
		}
		if !t.Run(at.name, func(t *testing.T) {
			m.t = t
			e := prepare(m, d, p, round)
			m.killAt(e, &at)
			m.verified(e.job, p)
		}) {
			t.Fatalf("the daemons' log:\n%s", m.errs.String())
		}
	}
	m.t = t
}

// ordered is an errand's token and, for now, nothing else.
func (m *mortal) ordered(agent, job string, p seal.Hash) *errand {
	m.t.Helper()
	i, err := m.client.Issue(m.t.Context(), &api.Order{Agent: agent, Job: job, Policy: p})
	if err != nil {
		m.t.Fatal(err)
	}
	return &errand{job: job, raw: i.Token}
}

// writing has an agent about to do a deed.
func (m *mortal) writing(d *deed, p seal.Hash, round int) *errand {
	m.t.Helper()
	s := d.begin(m, fmt.Sprintf("Round%d", round))
	e := m.ordered("robot", fmt.Sprintf("job-%d", round), p)
	e.tool, e.args, e.sends, e.made = d.tool, s.args, d.sends, s.made
	return e
}

// killAt has an agent go on its errand, kills the daemon at a moment, and looks
// what has become of it.
func (m *mortal) killAt(e *errand, at *moment) {
	t := m.t
	s := m.agent(e.raw)
	m.approved(s, e.tool, e.args)
	e.before = m.seen(e)
	release := at.catch(m, e)
	go s.CallTool(context.Background(), &mcp.CallToolParams{Name: e.tool, Arguments: json.RawMessage(e.args)}) // it gets no answer, or nobody hears it
	if at.reached == nil {
		m.caught(e)
	} else {
		at.reached(m, e)
	}
	dead := m.on
	m.kill(dead)
	m.trap.disarm()
	if !at.late {
		release()
	}
	m.inherit()
	if at.late {
		time.Sleep(150 * time.Millisecond) // it is looked for, and not there yet
		if opened, out := m.acted(e.job); opened == nil || out != nil {
			t.Fatalf("closed as %+v while it could still take effect", out)
		}
		m.says(m.agent(e.raw), e, "refused", receipt.UnderWay)
		release()
		m.wait("the request to take effect", func() bool { return e.made() == 1 })
	}
	m.settled(e, at)
	m.again(e, at)
	if m.cmds[dead] == nil {
		m.live(dead)
	}
}

// seen counts the requests of an errand's kind that the site has seen.
func (m *mortal) seen(e *errand) (n int) {
	for _, r := range m.site.Requests() {
		n += one(e.sends.is(r))
	}
	return n
}

// is holds what is there, what was sent, and what the receipts say, against what
// should be.
func (m *mortal) is(e *errand, when string, made, sent int) {
	m.t.Helper()
	if got := e.made(); got != made {
		m.t.Errorf("%s: it was made %d times, want %d", when, got, made)
	}
	if got := m.seen(e) - e.before; got != sent {
		m.t.Errorf("%s: it was sent %d times, want %d", when, got, sent)
	}
	done := 0
	for _, r := range m.receipts(e.job) {
		done += one(r.Kind == receipt.Closed && r.Outcome.Status == receipt.Done)
	}
	if done != made {
		m.t.Errorf("%s: the receipts say %d times that it was made, want %d", when, done, made)
	}
	if e.told != nil {
		e.told(made > 0)
	}
}

// settled waits until the house has found out what became of the call, and holds
// that against the site.
func (m *mortal) settled(e *errand, at *moment) {
	m.t.Helper()
	back := m.later()
	defer back()
	var opened *receipt.Receipt
	var out *receipt.Outcome
	m.wait("the call to be settled", func() bool {
		opened, out = m.acted(e.job)
		return opened == nil || out != nil
	})
	status, code := receipt.Status(""), ""
	if out != nil {
		status, code = out.Status, out.Code
	}
	if status != at.status || at.code != "" && code != at.code {
		m.t.Errorf("it is closed as %q %q, want %q %q", status, code, at.status, at.code)
	}
	if status == receipt.Done && (out.Target == nil || out.Target.ID == "") {
		m.t.Errorf("it is done, and what was made is not said: %+v", out)
	}
	m.is(e, "settled", one(at.status == receipt.Done), at.sent)
}

// says has the agent send the call, and holds what it is told against what it
// should be.
func (m *mortal) says(s *mcp.ClientSession, e *errand, status string, code receipt.Unsettled) (detail string) {
	m.t.Helper()
	got, detail := m.try(s, e.tool, e.args)
	if got != status || code != "" && detail != string(code) {
		m.t.Fatalf("sent again, it is %s %s, want %s %s", got, detail, status, code)
	}
	return detail
}

// again has the agent send the same call: it is told that it is done, or asked to
// wait for a person once more, and it is made once in the end.
func (m *mortal) again(e *errand, at *moment) {
	m.t.Helper()
	s, sent := m.agent(e.raw), at.sent
	switch {
	case at.code == receipt.Found:
		m.says(s, e, "refused", receipt.Untold)
		m.says(s, e, "refused", receipt.Lately)
	case at.status == receipt.Done:
		m.says(s, e, "refused", receipt.Lately)
	case at.status == receipt.Failed:
		m.yes(m.says(s, e, "waiting", ""))
		fallthrough
	default:
		m.says(s, e, "done", "")
		sent++
	}
	m.is(e, "in the end", 1, sent)
}
