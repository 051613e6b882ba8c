// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// What programs say of themselves proves nothing. But one that tells of a call without a
// receipt says against itself that it went around the gate; and a receipt of which it
// does not tell may be somebody else's call, by its token.

// A Trace is what a program said of the calls that it made.
type Trace struct {
	Program  string `json:"program"`
	Version  string `json:"version"`
	Launcher string `json:"launcher"`
	Agent    string `json:"agent"`
	Ran      int    `json:"ran"`     // calls
	Blocked  int    `json:"blocked"` // calls that the program kept back
}

// String says t in a line.
func (t *Trace) String() string {
	return fmt.Sprintf("%s, %s, found by %s: %d calls ran, %d were kept back", t.Program, t.Version, t.Launcher, t.Ran, t.Blocked)
}

// A told is what an agent called, as its program names it.
type told struct {
	agent string
	kind  receipt.TracedKind
	name  string // "" of a model, and of a tool that receipts do not name
}

func (k told) String() string {
	if k.kind == receipt.TracedModel {
		return "calls of models"
	}
	return fmt.Sprintf("calls of the %s tool %q", k.kind, k.name)
}

func compareTold(a, b told) int {
	return cmp.Or(cmp.Compare(a.agent, b.agent), cmp.Compare(a.kind, b.kind), cmp.Compare(a.name, b.name))
}

// A tally is how many calls of one told there were.
type tally struct {
	ran, blocked int // by traces
	able         int // receipts by which such a call can have been made
	heard        int // receipts of such calls, but those that the program was told to wait by
}

func (a *auditor) tally(k told) *tally {
	t := a.told[k]
	if t == nil {
		t = new(tally)
		a.told[k] = t
	}
	return t
}

func (a *auditor) readTraces() {
	there := map[seal.Hash]bool{}
	for i := range a.bundle.Traces {
		e := &a.bundle.Traces[i]
		t, err := receipt.OpenTrace(e, a.keys.launchers...)
		switch {
		case err != nil && unsigned(err):
			a.find(traceSignature, 0, "trace %d: %s", i+1, wrong(err))
		case err != nil:
			a.find(traceMalformed, 0, "trace %d: %s", i+1, wrong(err))
		case there[e.Hash()]:
			a.find(bundleDuplicate, 0, "trace %d: it is there twice", i+1)
		default:
			there[e.Hash()] = true
			a.trace(i+1, t)
		}
	}
}

// trace checks t, which is in that place, and counts what it tells.
func (a *auditor) trace(place int, t *receipt.Trace) {
	a.committed[t.Export] = true
	a.dated(0, fmt.Sprintf("trace %d", place), t.At)
	if t.Job != a.bundle.Job {
		a.find(bundleJob, 0, "trace %d is of job %q", place, t.Job)
	}
	of := run{launcher: t.Launcher, to: t.At}
	if !t.Attestation.IsZero() {
		x := a.attested[t.Attestation]
		switch {
		case x == nil:
			a.find(traceAttestation, 0, "trace %d stands on attestation %s, which is not in the bundle, or not to be trusted", place, t.Attestation)
		case !t.On(x.Attestation):
			a.find(traceAttestation, 0, "trace %d stands on attestation %s, which is for another job, agent or program, or another launcher's", place, t.Attestation)
		}
		if x != nil {
			of.from, x.traced = x.At, true
		}
	}
	a.runs = append(a.runs, of)
	out := Trace{Program: t.Program, Version: t.Version, Launcher: t.Launcher, Agent: t.Agent}
	for _, c := range t.Calls {
		k := a.tally(told{t.Agent, c.Kind, c.Name})
		if c.Status == receipt.TracedRan {
			k.ran++
			out.Ran++
		} else {
			k.blocked++
			out.Blocked++
		}
	}
	a.tells[t.Agent] = true
	a.report.Traces = append(a.report.Traces, out)
}

// A run is of a program, which a trace tells of: from the attestation that it was started on
// to when the launcher looked.
type run struct {
	launcher string
	from, to time.Time // from is zero if it was started on none
}

// of reports whether x was made in the course of r: by the same launcher's clock.
func (r *run) of(x *attestation) bool {
	return r.launcher == x.Launcher && !x.At.Before(r.from) && !x.At.After(r.to)
}

// silentRuns is how many tokens stand on an attestation that was made in the course of no
// run of which a trace tells.
func (a *auditor) silentRuns() int {
	n := 0
	for _, h := range a.held {
		if h.grounded && !slices.ContainsFunc(a.runs, func(r run) bool { return r.of(a.attested[h.claims.Runtime.Attestation]) }) {
			n++
		}
	}
	return n
}

// unnamed is the tool of receipts whose call the house cannot name: one that it does
// not know, or by a token that it did not let in. None of these is carried out.
const unnamed = "mcp"

// witness counts r, by token h, which may be unknown, for what traces tell of it. What it
// names itself runs only by a receipt that allows it; what others carry out ends, for
// the program, also with their no.
func (a *auditor) witness(r *receipt.Receipt, h *held) {
	if r.Kind != receipt.Opened || h == nil || r.Call.Tool == policy.EgressTool {
		return
	}
	if r.Call.Carrier != policy.RuntimeCarrier {
		k := told{h.claims.Agent, receipt.TracedModel, ""}
		if r.Call.Tool != "model" {
			k.kind, k.name = receipt.TracedRemote, a.listed(r)
		}
		t := a.tally(k)
		t.able++
		t.heard++
		return
	}
	t := a.tally(told{h.claims.Agent, receipt.TracedLocal, r.Call.Name()})
	switch r.Decision.Effect {
	case policy.Allow:
		t.able++
		t.heard++
	case policy.Deny:
		t.heard++
	}
}

// listed is how agents are told of the tool that r is a call of: its name, with _ for dots,
// after that of the MCP server that carries it, if one does. It is "" where that cannot be known.
func (a *auditor) listed(r *receipt.Receipt) string {
	c := r.Call
	if c.Tool == unnamed {
		return ""
	}
	name := c.Name()
	if !c.Server.IsZero() {
		i := slices.IndexFunc(a.policies, func(p *published) bool {
			return p.policy.Hash() == r.Decision.Policy && (r.Refused != "" || p.binding == r.Decision.Binding)
		})
		if i < 0 {
			return ""
		}
		server, tool := a.policies[i].policy.Through(c)
		if server == "" {
			return ""
		}
		name = server + "_" + tool
	}
	return strings.ReplaceAll(name, ".", "_")
}

// compareTraces holds what programs tell against the receipts.
func (a *auditor) compareTraces() {
	if n := a.silentRuns(); n > 0 {
		a.find(traceMissing, 0, "tokens that stand on an attestation of a run of which no trace tells: %d", n)
	}
	if len(a.report.Traces) == 0 {
		return
	}
	ran, kept, own := 0, 0, 0
	for _, k := range slices.SortedFunc(maps.Keys(a.told), compareTold) {
		t := a.told[k]
		if k == (told{k.agent, receipt.TracedRemote, ""}) || !a.tells[k.agent] {
			continue
		}
		if more := a.unreceipted(k, t); more > 0 {
			a.find(traceUnreceipted, 0, "%s by %s that were made, as its program says: %d; receipts by which they can have been: %d", k, k.agent, t.ran, t.ran-more)
		}
		if k.kind == receipt.TracedLocal && t.heard > t.ran+t.blocked {
			a.find(traceUntold, 0, "%s by %s that have receipts: %d; that its program tells of: %d", k, k.agent, t.heard, t.ran+t.blocked)
		}
		ran, kept = ran+t.ran, kept+min(t.blocked, max(0, t.ran+t.blocked-t.heard))
		if k.kind == receipt.TracedLocal {
			own += t.heard
		}
	}
	a.report.pass(traceUnreceipted, "calls that programs say they made, each with its receipt: %d; that they say they kept back themselves, without one: %d", ran, kept)
	if own > 0 {
		a.report.pass(traceUntold, "calls of agents' own tools that have receipts, each told of by its program: %d", own)
	}
}

// unreceipted is how many of the calls that were made by k have no receipt. Receipts of tools that
// nobody can name stand for any that the house offers, once each.
func (a *auditor) unreceipted(k told, t *tally) int {
	more := max(0, t.ran-t.able)
	if k.kind != receipt.TracedRemote || more == 0 {
		return more
	}
	spare := a.tally(told{k.agent, receipt.TracedRemote, ""})
	n := min(more, spare.able)
	spare.able -= n
	return more - n
}
