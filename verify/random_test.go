// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
	"github.com/clawea/clawea/verify"
)

// TestAnyStory lets agents, people and disks do as they please: whatever a
// sound gate over a sound book makes of it verifies, and so does any beginning.
func TestAnyStory(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := newHouse(t)
		p := h.publish(bigPolicy)
		life := 10 * time.Minute
		raw := h.mint(p, "j", "t0", life, nil)
		program := &witnessed{t: t, policy: p}
		h.rules = func(x *verify.Trust) { x.Launchers = []string{launcher(t).public} }
		for i := range rapid.IntRange(1, 25).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"call", "call", "call", "call", "answer", "wait", "mint", "revoke", "order", "restore", "full"}).Draw(rt, "step") {
			case "call":
				req := anyRequest(rt)
				h.gate.Do(context.Background(), show(raw), req)
				program.ran(req.Action)
			case "answer":
				if ids := slices.Sorted(maps.Values(h.book.pending["j"])); len(ids) > 0 {
					who := rapid.SampledFrom([]key{h.ann, h.ben}).Draw(rt, "who")
					h.answer(who, rapid.SampledFrom(ids).Draw(rt, "id"), rapid.Bool().Draw(rt, "yes"))
				}
			case "wait":
				h.now = h.now.Add(time.Duration(rapid.IntRange(1, 40).Draw(rt, "minutes")) * time.Minute)
			case "mint":
				mod := func(*token.Claims) {}
				if rapid.Bool().Draw(rt, "bound") {
					mod = bind
				}
				if rapid.Bool().Draw(rt, "attested") {
					mod = program.attested(h.now, mod)
				}
				raw = h.mint(p, "j", fmt.Sprintf("t%d", i+1), life, mod)
			case "revoke":
				h.revoked["t0"] = true
			case "order":
				h.order(receipt.Revoked, int64(i+1), rapid.SampledFrom(orders).Draw(rt, "order"), "j")
			case "restore":
				if o := h.book.orders; len(o) > 0 && o[0].Kind != token.RevokeToken && o[0].Kind != token.RevokeJob {
					h.order(receipt.Restored, o[0].ID, o[0].Revocation, "j")
				}
			case "full":
				h.book.full = !h.book.full
			}
		}
		n := len(h.book.lines["j"])
		if r := check(h, h.export(receipt.Journal, len(h.book.lines[receipt.Journal]))); !r.Verified() {
			rt.Fatalf("the journal: %v", r.Findings)
		}
		for _, n := range []int{n, rapid.IntRange(0, n).Draw(rt, "prefix")} {
			b := h.export("j", n)
			program.attest(b)
			if r := check(h, b); !r.Verified() {
				rt.Fatalf("the first %d: %v", n, r.Findings)
			}
		}
		b := h.export("j", n)
		program.attest(b)
		b.Traces = program.trace()
		if r := check(h, b); !r.Verified() {
			rt.Fatalf("with what the program says: %v", r.Findings)
		}
	})
}

// A witnessed is an agent's program to which a launcher attests, and which tells all that it does.
type witnessed struct {
	t            testing.TB
	policy       *policy.Policy
	attestations []*receipt.Attestation
	calls        []receipt.TracedCall
}

// attested lets a token stand on a new attestation, besides mod.
func (w *witnessed) attested(now time.Time, mod func(*token.Claims)) func(*token.Claims) {
	a := attest(w.policy)
	a.Job, a.At, a.Until, a.Extensions = "j", now, now.Add(time.Hour), nil
	if !slices.ContainsFunc(w.attestations, func(o *receipt.Attestation) bool { return o.Hash() == a.Hash() }) {
		w.attestations = append(w.attestations, a)
	}
	return func(c *token.Claims) {
		mod(c)
		c.Runtime = a.Attested()
	}
}

// attest puts all attestations into b, those of tokens that were never used too.
func (w *witnessed) attest(b *bundle.Bundle) {
	for _, a := range w.attestations {
		b.Attestations = append(b.Attestations, *must(a.Sign(launcher(w.t))))
	}
}

// ran has the program make a call, whatever came of it.
func (w *witnessed) ran(a policy.Action) {
	c := receipt.TracedCall{Kind: receipt.TracedRemote, Name: strings.ReplaceAll(a.String(), ".", "_"), Status: receipt.TracedRan}
	if a.Class == policy.Model {
		c.Kind, c.Name = receipt.TracedModel, ""
	}
	w.calls = append(w.calls, c)
}

func (w *witnessed) trace() []seal.Envelope {
	x := &receipt.Trace{Job: "j", Agent: "agent-1", Launcher: "launcher", At: epoch, Program: "openclaw", Version: "1", Calls: w.calls}
	return []seal.Envelope{*must(x.Sign(launcher(w.t)))}
}

// orders are what anybody may order in any story.
var orders = []token.Revocation{
	ends(token.RevokeToken, "t0"), ends(token.RevokeAgent, "agent-1"), ends(token.RevokeAgent, "agent-2"), ends(token.RevokeAction, "confluence:write"),
	ends(token.RevokeAction, "*:read"), ends(token.RevokeAction, "model"), ends(token.RevokeJob, "other"), ends(token.RevokeJob, "j"), {Kind: token.RevokeAll},
}

func anyRequest(t *rapid.T) *gate.Request {
	a := rapid.SampledFrom(catalog).Draw(t, "action")
	c := policy.Call{
		Resources: rapid.SliceOfN(rapid.SampledFrom([]policy.Resource{
			page("11", "Restart"), page("12", ""), elsewhere, project, {Type: "route", ID: "sim-openai"}, {Type: "model", ID: "m"},
		}), 0, 2).Draw(t, "resources"),
		Fields:  rapid.SliceOfN(rapid.SampledFrom([]string{"summary", "assignee"}), 0, 2).Draw(t, "fields"),
		Filters: rapid.SliceOfN(rapid.Just("space"), 0, 1).Draw(t, "filters"),
		Uses:    rapid.MapOfN(rapid.SampledFrom([]string{"pages", "tokens"}), rapid.IntRange(0, 20), 0, 2).Draw(t, "uses"),
	}
	out := &gate.Result{Body: []byte("b"), Outcome: receipt.Outcome{
		Status: rapid.SampledFrom([]receipt.Status{receipt.Done, receipt.Failed, receipt.Aborted, receipt.Unknown}).Draw(t, "status"),
		Used:   map[string]int{},
	}}
	for k, n := range c.Uses {
		out.Outcome.Used[k] = rapid.IntRange(0, n).Draw(t, "used")
	}
	var err error
	switch rapid.IntRange(0, 3).Draw(t, "end") {
	case 0:
		out, err = nil, errTimeout
	case 1:
		out.Outcome.Used = nil
	}
	if out != nil && a.Class == policy.Model { // whose connector settles by what was counted
		out.Outcome.Used = receipt.Settled(c.Uses, &out.Outcome)
	}
	return request(a, rapid.SampledFrom([]string{"", "x", "SECURITY: y"}).Draw(t, "text"), c, out, err)
}
