// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/verify"
)

// traced is what the program of attestedStory says of itself: all that has receipts, and
// that it kept a search back which it did not ask the gate about.
func traced(a *receipt.Attestation) *receipt.Trace {
	at := epoch.Add(time.Second)
	return &receipt.Trace{
		Job: a.Job, Agent: a.Agent, Launcher: a.Launcher, At: epoch.Add(time.Minute), Program: a.Program, Version: a.Version, Attestation: a.Hash(),
		Export: said(programExport).Commitment,
		Calls: []receipt.TracedCall{
			{Kind: receipt.TracedModel, Status: receipt.TracedRan, At: at},
			{Kind: receipt.TracedLocal, Name: "exec", Status: receipt.TracedRan, At: at},
			{Kind: receipt.TracedLocal, Name: "send", Status: receipt.TracedBlocked, At: at},
			{Kind: receipt.TracedRemote, Name: "repo_diff", Status: receipt.TracedRan, At: at},
			{Kind: receipt.TracedRemote, Name: "confluence_page_get", Status: receipt.TracedRan, At: at},
			{Kind: receipt.TracedRemote, Name: "confluence_page_gone", Status: receipt.TracedRan, At: at},
			{Kind: receipt.TracedLocal, Name: "web_search", Status: receipt.TracedBlocked, At: at},
		},
	}
}

// retrace has the launcher find another trace.
func retrace(says func(*receipt.Trace)) func(testing.TB) (*house, *bundle.Bundle) {
	return attested(func(h *house, b *bundle.Bundle) { resign(launcher(h.t), &b.Traces[0], says) })
}

// telling has the program tell of a call more.
func telling(kind receipt.TracedKind, name string, status receipt.TracedStatus) func(testing.TB) (*house, *bundle.Bundle) {
	return retrace(func(x *receipt.Trace) {
		x.Calls = append(x.Calls, receipt.TracedCall{Kind: kind, Name: name, Status: status, At: epoch})
	})
}

// untelling has it keep quiet about the calls of a tool.
func untelling(name string) func(testing.TB) (*house, *bundle.Bundle) {
	return retrace(func(x *receipt.Trace) {
		x.Calls = slices.DeleteFunc(x.Calls, func(c receipt.TracedCall) bool { return c.Name == name })
	})
}

// renewed has the launcher attest a second time, half a minute later, and says on which of the
// two the token stands, and on which the trace.
func renewed(token, trace int) func(testing.TB) (*house, *bundle.Bundle) {
	return attested(func(h *house, b *bundle.Bundle) {
		b.Attestations = append(b.Attestations, b.Attestations[0])
		resign(launcher(h.t), &b.Attestations[1], func(a *receipt.Attestation) { a.At = a.At.Add(30 * time.Second) })
		on := must(receipt.ParseAttestation(b.Attestations[token].Payload))
		resign(launcher(h.t), &b.Traces[0], func(x *receipt.Trace) { x.Attestation = b.Attestations[trace].Hash() })
		h.standOn(b, on.Attested())
	})
}

// tracing are the cases of 3.26.
var tracing = []vector{
	{"3.26-around-the-gate", "A program that tells of a call of its own tools more than it has receipts went around the gate.", telling(receipt.TracedLocal, "exec", receipt.TracedRan), nil},
	{"3.26-denied-and-ran", "A program that tells of a call which the gate denied did not listen.", retrace(func(x *receipt.Trace) { x.Calls[2].Status = receipt.TracedRan }), nil},
	{"3.26-never-asked", "A program that tells of a tool which it never asked for went around the gate.", telling(receipt.TracedLocal, "browser", receipt.TracedRan), nil},
	{"3.26-another-model", "A call of a model that has no receipt went around the proxy.", telling(receipt.TracedModel, "", receipt.TracedRan), nil},
	{"3.26-another-remote", "A call of a tool that the house offers has a receipt.", telling(receipt.TracedRemote, "confluence_page_get", receipt.TracedRan), nil},
	{"3.26-another-server", "So has one that an MCP server carries.", telling(receipt.TracedRemote, "repo_diff", receipt.TracedRan), nil},
	{"3.26-nameless-once", "A receipt of a tool that nobody can name stands for one call.", telling(receipt.TracedRemote, "confluence_page_lost", receipt.TracedRan), nil},
	{"3.26-kept-back", "What a program kept back itself needs no receipt.", telling(receipt.TracedRemote, "confluence_page_get", receipt.TracedBlocked), nil},
	{"3.26-untold", "A receipt of a program's own tool of which it does not tell is a warning.", untelling("exec"), nil},
	{"3.26-untold-denied", "So is one that denies it.", untelling("send"), nil},
	{"3.26-remote-untold", "Of what the house carried out itself the receipts are enough.", untelling("repo_diff"), nil},
	{"3.26-missing", "Where tokens stand on attestations, that no program says anything is a warning.", attested(func(h *house, b *bundle.Bundle) {
		b.Traces, b.Disclosures = nil, b.Disclosures[:len(b.Disclosures)-1]
	}), nil},
	{"3.26-two", "Traces are held together against the receipts.", attested(func(h *house, b *bundle.Bundle) {
		b.Traces = append(b.Traces, b.Traces[0])
		resign(launcher(h.t), &b.Traces[0], func(x *receipt.Trace) { x.Calls = x.Calls[:3] })
		resign(launcher(h.t), &b.Traces[1], func(x *receipt.Trace) { x.Calls = x.Calls[3:] })
	}), nil},
	{"3.26-twice", "No trace is in a bundle twice.", attested(func(h *house, b *bundle.Bundle) { b.Traces = append(b.Traces, b.Traces[0]) }), nil},
	{"3.26-another-job", "A trace is of the bundle's job.", retrace(func(x *receipt.Trace) { x.Job = "another" }), nil},
	{"3.26-another-agent", "What one agent's program tells has that agent's receipts.", retrace(func(x *receipt.Trace) { x.Agent, x.Attestation = "agent-2", seal.Hash{} }), nil},
	{"3.26-another-program", "A trace is of the program that was attested to.", retrace(func(x *receipt.Trace) { x.Version = "OpenClaw 2026.9.5" }), nil},
	{"3.26-another-attestation", "A trace stands on an attestation that is in the bundle.", retrace(func(x *receipt.Trace) { x.Attestation = seal.Sum(nil) }), nil},
	{"3.26-on-nothing", "A trace may stand on nothing.", retrace(func(x *receipt.Trace) { x.Attestation = seal.Hash{} }), nil},
	{"3.26-on-another", "A trace may stand on an attestation on which no token stands.", attested(func(h *house, b *bundle.Bundle) {
		b.Attestations = append(b.Attestations, b.Attestations[0])
		resign(launcher(h.t), &b.Attestations[1], func(a *receipt.Attestation) { a.Config = seal.Sum(nil) })
		resign(launcher(h.t), &b.Traces[0], func(x *receipt.Trace) { x.Attestation = b.Attestations[1].Hash() })
	}), nil},
	{"3.26-another-launcher", "A trace stands on an attestation by the same launcher.", attested(func(h *house, b *bundle.Bundle) {
		other := newKey(h.t, "other")
		h.rules = func(x *verify.Trust) { x.Launchers = []string{launcher(h.t).public, other.public} }
		resign(other, &b.Traces[0], func(x *receipt.Trace) { x.Launcher = "other" })
	}), nil},
	{"3.26-run-before", "A trace from before an attestation does not tell of the run that it is of.", retrace(func(x *receipt.Trace) { x.At = epoch.Add(-2 * time.Minute) }), nil},
	{"3.26-run-after", "Nor does one of a run that was attested to later.", renewed(0, 1), nil},
	{"3.26-run-goes-on", "One of a run that was attested to before does, until it is made.", renewed(1, 0), nil},
	{"3.26-by-the-gate", "A gate says nothing for a program.", attested(func(h *house, b *bundle.Bundle) {
		b.Traces[0] = signed(h.gateKey, receipt.TraceType, string(b.Traces[0].Payload))
	}), nil},
	{"3.26-malformed", "A call of a model has no name.", attested(func(h *house, b *bundle.Bundle) {
		b.Traces[0] = signed(launcher(h.t), receipt.TraceType, strings.Replace(string(b.Traces[0].Payload), `"kind":"model"`, `"kind":"model","name":"gpt"`, 1))
	}), nil},
	{"3.26-server-not-pinned", "Under a policy that pins the server otherwise, its call is of a tool that nobody can name.", attested(func(h *house, b *bundle.Bundle) {
		h.rewrite(b, at(diffServed, func(r *receipt.Receipt) { r.Call.Server = seal.Sum(nil) }))
	}), nil},
	{"3.9-export-edited", "What the program said, where disclosed, is what the launcher committed to.", attested(func(h *house, b *bundle.Bundle) {
		b.Disclosures[len(b.Disclosures)-1].Text = []byte(`{"events":[1]}`)
	}), nil},
	{"2.3-no-traces", "A list of traces that is empty is left out.", small(nil), func(s string) string {
		return strings.Replace(s, `}`+"\n", `,"traces":[]}`+"\n", 1)
	}},
}

// Each thing that a program says against itself, or that is said for it, is found by its own codes.
func TestTraceCodes(t *testing.T) {
	around := []string{"trace.unreceipted"}
	heldTo(t, tracing, map[string][]string{
		"3.26-around-the-gate": around, "3.26-denied-and-ran": around, "3.26-never-asked": around, "3.26-another-model": around, "3.26-another-remote": around,
		"3.26-another-server": around, "3.26-nameless-once": around, "3.26-twice": {"bundle.duplicate"}, "3.26-another-job": {"bundle.job", "trace.attestation"},
		"3.26-another-agent": around, "3.26-another-program": {"trace.attestation"}, "3.26-another-launcher": {"trace.attestation"}, "3.26-another-attestation": {"trace.attestation"},
		"3.26-by-the-gate": {"disclosure.unknown", "trace.signature"}, "3.26-malformed": {"disclosure.unknown", "trace.malformed"},
		"3.26-server-not-pinned": {"receipt.decision"}, "3.9-export-edited": {"disclosure.commitment"}, "2.3-no-traces": {"bundle.malformed"},
	}, map[string][]string{
		"3.26-untold": {"trace.untold"}, "3.26-untold-denied": {"trace.untold"}, "3.26-missing": {"trace.missing"},
		"3.26-another-launcher": {"trace.missing"}, "3.26-run-before": {"trace.missing"}, "3.26-run-after": {"trace.missing"}, "3.26-by-the-gate": {"trace.missing"}, "3.26-malformed": {"trace.missing"},
	})
}

// TestAnyTrace lets programs tell what they please: exactly those verify that tell of no more calls than
// there are receipts by which they can have been made.
func TestAnyTrace(t *testing.T) {
	h, good := attestedStory(t)
	receipts := map[receipt.TracedCall]int{
		{Kind: receipt.TracedModel}: 1, {Kind: receipt.TracedLocal, Name: "exec"}: 1, {Kind: receipt.TracedRemote, Name: "repo_diff"}: 1,
		{Kind: receipt.TracedRemote, Name: "confluence_page_get"}: 1,
	}
	what := []receipt.TracedCall{
		{Kind: receipt.TracedModel}, {Kind: receipt.TracedLocal, Name: "exec"}, {Kind: receipt.TracedLocal, Name: "send"}, {Kind: receipt.TracedLocal, Name: "repo_diff"},
		{Kind: receipt.TracedRemote, Name: "repo_diff"}, {Kind: receipt.TracedRemote, Name: "confluence_page_get"}, {Kind: receipt.TracedRemote, Name: "exec"},
	}
	rapid.Check(t, func(rt *rapid.T) {
		b := clone(good)
		ran, beyond, nameless := map[receipt.TracedCall]int{}, 0, 0
		var calls []receipt.TracedCall
		for range rapid.IntRange(0, 8).Draw(rt, "calls") {
			c := rapid.SampledFrom(what).Draw(rt, "call")
			k := c
			if c.Status = receipt.TracedRan; rapid.Bool().Draw(rt, "blocked") {
				c.Status = receipt.TracedBlocked
			} else if ran[k]++; ran[k] > receipts[k] {
				if k.Kind == receipt.TracedRemote {
					nameless++
				} else {
					beyond++
				}
			}
			calls = append(calls, c)
		}
		resign(launcher(t), &b.Traces[0], func(x *receipt.Trace) { x.Calls = calls })
		r := check(h, b)
		if want := beyond == 0 && nameless <= 1; r.Verified() != want {
			rt.Fatalf("verified %t, and %d calls are beyond their receipts, %d of them nameless: %v", r.Verified(), beyond+nameless, nameless, r.Findings)
		}
	})
}

// Launchers cannot have looked later than the auditor does.
func TestLauncherFromTheFuture(t *testing.T) {
	h, b := attestedStory(t)
	for now, want := range map[time.Time]string{
		epoch: "", epoch.Add(-time.Second): "trace 1 is dated 2026-09-01T08:01:00Z", epoch.Add(-3 * time.Minute): "attestation 1 is dated 2026-09-01T07:59:00Z",
	} {
		r := verify.Bundle(must(b.Marshal()), h.trust(), verify.Expect{Now: now})
		found := slices.ContainsFunc(r.Findings, func(f verify.Finding) bool {
			return f.Code == "expect.time" && want != "" && strings.HasPrefix(f.Text, want)
		})
		if r.Verified() != (want == "") || found != (want != "") {
			t.Errorf("for who looks at %s: %v", now, r.Findings)
		}
	}
}

// What an agent's own tool was asked for and waits is told of by nobody yet.
func TestAskedIsNotTold(t *testing.T) {
	h := newHouse(t)
	h.rules = func(x *verify.Trust) { x.Launchers = []string{launcher(t).public} }
	raw := h.mint(h.publish(`{"wpc_version": "v1", "tool_policy": {"allow": ["exec"]}, "approvals": [{"require": "human_approval", "when": "content.contains('rm')"}]}`), smallJob, "t1", 10*time.Minute, bind)
	h.own(raw, "exec", "rm", policy.Ask)
	b := h.export(smallJob, 1)
	b.Traces = []seal.Envelope{*must((&receipt.Trace{Job: smallJob, Agent: "agent-1", Launcher: "launcher", At: epoch, Program: "openclaw", Version: "1"}).Sign(launcher(t)))}
	if r := check(h, b); !r.Verified() || len(codes(r, verify.Warn)) > 0 {
		t.Errorf("%v", r.Findings)
	}
}
