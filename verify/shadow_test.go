// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/verify"
)

// candidates are what runs beside every policy of a house.
type candidates []seal.Hash

func (c candidates) Candidates(context.Context, seal.Hash) ([]seal.Hash, error) { return c, nil }

const (
	shadowForce = `{"wpc_version": "v1", "resources": {"spaces_allowlist": ["ENG"]}, "actions": {"read": {"allowed": true}, "write": {"allowed": false, "approval_gate": "required"}}}`
	// A candidate that every record can tell of, and one that asks for a name that the policy in force does not say.
	shadowOpen   = `{"wpc_version": "v1", "resources": {"spaces_allowlist": ["ENG"]}, "actions": {"read": {"allowed": true}, "write": {"allowed": true}}, "approvals": [{"when": "content.contains('SECURITY:')", "require": "human_approval"}]}`
	shadowNarrow = `{"wpc_version": "v1", "resources": {"page_prefix_allowlist": ["ENG/Runbooks/"]}, "actions": {"read": {"allowed": true}, "write": {"allowed": false}}}`
)

// The receipts of the shadowed job, by number.
const (
	shadowRead   = 1 // both would allow; of the narrow one only the gate knows
	shadowAsked  = 3 // the open one would allow, the narrow one cannot
	shadowSecret = 4 // the open one would ask
	shadowLength = 5
)

// shadowStory is a job beside which two candidates run, and its bundle.
func shadowStory(t testing.TB) (*house, *bundle.Bundle) {
	h := newHouse(t)
	p, open, narrow := h.publish(shadowForce), h.publish(shadowOpen), h.publish(shadowNarrow)
	h.gate.Shadows = candidates{open.Hash(), narrow.Hash()}
	raw := h.mint(p, smallJob, "t1", time.Minute, nil)
	at := policy.Call{Resources: []policy.Resource{page("11", "Restart the queue")}}
	h.do(raw, request(pageGet, `{"id":"11"}`, at, done("a page", nil), nil), nil)
	h.do(raw, request(pageUpdate, `{"id":"11"}`, at, nil, nil), &gate.Pending{})
	h.do(raw, request(pageGet, `{"id":"11","note":"SECURITY: x"}`, at, done("a page", nil), nil), nil)
	return h, h.exportBeside(smallJob, shadowLength, open, narrow)
}

// exportBeside is export with the papers of candidates.
func (h *house) exportBeside(job string, n int, list ...*policy.Policy) *bundle.Bundle {
	b := h.export(job, n)
	for _, p := range list {
		b.Policies = append(b.Policies, h.policies[p.Hash()].papers)
	}
	return b
}

func TestShadow(t *testing.T) {
	h, b := shadowStory(t)
	file := must(b.Marshal())
	r := verify.Bundle(file, h.trust(), verify.Expect{Policy: h.gatePolicy(b), Now: h.now})
	if !r.Verified() {
		t.Fatalf("%+v", r.Findings)
	}
	if diff := cmp.Diff([]string{"shadow.unproven"}, codes(r, verify.Warn)); diff != "" {
		t.Error(diff)
	}
	for _, f := range r.Findings {
		if f.Code == "shadow.unproven" && f.Text != "verdicts of candidates that the record does not suffice to make again: 2" ||
			f.Code == "shadow.verdict" && f.Text != "verdicts of candidates that were made again and came out the same: 4" {
			t.Errorf("%s: %s", f.Code, f.Text)
		}
	}
	var said []string
	for _, e := range b.Receipts {
		if r := must(receipt.Parse(e.Payload)); r.Facts != nil {
			for _, v := range r.Shadow {
				said = append(said, v.Decision.Effect.String())
			}
		}
	}
	if diff := cmp.Diff([]string{"allow", "allow", "allow", "deny", "ask", "allow"}, said); diff != "" {
		t.Error(diff)
	}
}

// gatePolicy is the policy of a bundle's first decision.
func (h *house) gatePolicy(b *bundle.Bundle) seal.Hash {
	return must(receipt.Parse(b.Receipts[0].Payload)).Decision.Policy
}

// A gate that lies about its candidates, with its real key, is caught where the
// record tells enough.
func TestShadowLies(t *testing.T) {
	open := func(f func(r *receipt.Receipt, v *receipt.Verdict)) func(*receipt.Receipt) {
		return func(r *receipt.Receipt) { f(r, &r.Shadow[0]) }
	}
	for _, test := range []struct {
		name string
		seq  uint64
		lie  func(*receipt.Receipt)
		want []string
	}{
		{"a permission becomes a denial", shadowRead, open(func(_ *receipt.Receipt, v *receipt.Verdict) { v.Decision.Effect = policy.Deny }), fails("shadow.verdict")},
		{"a question becomes a permission", shadowSecret, open(func(_ *receipt.Receipt, v *receipt.Verdict) { v.Decision.Effect = policy.Allow }), fails("shadow.verdict")},
		{"other reasons", shadowAsked, open(func(_ *receipt.Receipt, v *receipt.Verdict) { v.Decision.Reasons[0].Says = "why not" }), fails("shadow.verdict")},
		{"the text does not say so", shadowRead, open(func(_ *receipt.Receipt, v *receipt.Verdict) {
			v.Conditions["/approvals/0"] = true
			v.Decision.Effect = policy.Ask
		}), fails("shadow.verdict")},
		{"a condition that nobody has", shadowRead, open(func(_ *receipt.Receipt, v *receipt.Verdict) { v.Conditions["/approvals/9"] = true }), fails("shadow.verdict")},
		{"what is known is said to be unknown", shadowRead, open(func(_ *receipt.Receipt, v *receipt.Verdict) {
			v.Decision, v.Conditions, v.Unknown = nil, nil, receipt.UnknownPlan
		}), fails("shadow.verdict")},
		{"a candidate speaks twice", shadowRead, func(r *receipt.Receipt) { r.Shadow = append(r.Shadow, r.Shadow[0]) }, fails("shadow.verdict")},
		{"a denial for names that are not recorded", shadowRead, func(r *receipt.Receipt) { r.Shadow[1].Decision.Effect = policy.Deny }, fails()},
		{"a call for the candidate's names", shadowRead, func(r *receipt.Receipt) { r.Call.Resources[0].Path[1].Name = "Runbooks" }, fails("receipt.minimal")},
		{"the house was in trouble", shadowRead, open(func(_ *receipt.Receipt, v *receipt.Verdict) {
			v.Decision, v.Conditions, v.Unknown = nil, nil, receipt.UnknownPolicy
		}), fails()},
		{"verdicts left out", shadowRead, func(r *receipt.Receipt) { r.Shadow = nil }, fails()},
		{"a verdict as a decision", shadowAsked, func(r *receipt.Receipt) { r.Decision, r.Asks = r.Shadow[0].Decision, "" }, fails("receipt.counters", "token.fit")},
	} {
		t.Run(test.name, func(t *testing.T) {
			h, b := shadowStory(t)
			h.rewrite(b, at(test.seq, test.lie))
			got := codes(verify.Bundle(must(b.Marshal()), h.trust(), verify.Expect{Now: h.now}), verify.Fail)
			if diff := cmp.Diff(test.want, got); diff != "" && len(test.want)+len(got) > 0 {
				t.Error(diff)
			}
		})
	}
}

// What is not in the bundle makes verdicts the gate's word, and what no verdict
// names has no place in it.
func TestShadowPapers(t *testing.T) {
	for name, test := range map[string]struct {
		do   func(h *house, b *bundle.Bundle)
		want []string
	}{
		"without the candidates": {func(_ *house, b *bundle.Bundle) { b.Policies = b.Policies[:1] }, nil},
		"without the policy":     {func(_ *house, b *bundle.Bundle) { b.Policies = b.Policies[1:] }, fails("receipt.policy")},
		"with another": {func(h *house, b *bundle.Bundle) {
			b.Policies = append(b.Policies, h.policies[h.publish(`{"wpc_version": "v1"}`).Hash()].papers)
		}, fails("bundle.unused")},
		"a candidate by a stranger": {func(h *house, b *bundle.Bundle) {
			b.Policies[1].Policy = signed(h.stranger, policy.Type, string(b.Policies[1].Policy.Payload))
		}, fails("policy.signature")},
		"a candidate bound elsewhere": {func(h *house, b *bundle.Bundle) {
			resign(h.registry, &b.Policies[1].Binding, func(x *policy.Binding) { x.Names[0].ID = "id:HR" })
		}, fails("bundle.unused")},
		"without the token": {func(_ *house, b *bundle.Bundle) { b.Tokens = nil }, fails("receipt.token", "bundle.unused")},
	} {
		t.Run(name, func(t *testing.T) {
			h, b := shadowStory(t)
			b.Tokens = slices.Clone(b.Tokens)
			if test.do(h, b); b.Tokens == nil {
				b.Tokens = []seal.Envelope{}
			}
			r := verify.Bundle(must(b.Marshal()), h.trust(), verify.Expect{Now: h.now})
			if diff := cmp.Diff(test.want, codes(r, verify.Fail)); diff != "" {
				t.Error(diff)
			}
			if !slices.Contains(codes(r, verify.Warn), "shadow.unproven") {
				t.Error("nothing is said of verdicts that cannot be made again")
			}
		})
	}
}

// A candidate that wants more of a bundle than the policy in force does not
// make the bundle fail.
func TestShadowRequiresNothing(t *testing.T) {
	h := newHouse(t)
	p, strict := h.publish(smallPolicy), h.publish(`{"wpc_version": "v1", "tool_policy": {"allow": ["repo.diff"]}, "audit": {"require_gateway_receipts": true, "require_proof_bundle": true}}`)
	h.gate.Shadows = candidates{strict.Hash()}
	h.do(h.mint(p, smallJob, "t1", time.Minute, nil), request(diff, "d", policy.Call{}, done("r", nil), nil), nil)
	b := h.exportBeside(smallJob, 2, strict)
	b.Log = nil
	r := verify.Bundle(must(b.Marshal()), h.trust(), verify.Expect{Now: h.now})
	if !r.Verified() {
		t.Errorf("%v", codes(r, verify.Fail))
	}
}

// shadowing are the vectors of candidates.
var shadowing = []vector{
	{"3.17-candidates", "Candidates' verdicts are made again where the record tells enough; others are the gate's word, and a warning.", edited(shadowStory, nil), nil},
	{"3.17-gate-lies", "A gate that lies about a candidate's verdict is found out, though all its signatures hold.", edited(shadowStory, func(h *house, b *bundle.Bundle) {
		h.rewrite(b, at(shadowRead, func(r *receipt.Receipt) { r.Shadow[0].Decision.Effect = policy.Deny }))
	}), nil},
	{"3.17-condition-turned", "A candidate's condition is evaluated again on the disclosed text.", edited(shadowStory, func(h *house, b *bundle.Bundle) {
		h.rewrite(b, at(shadowSecret, func(r *receipt.Receipt) {
			r.Shadow[0].Conditions["/approvals/0"] = false
			r.Shadow[0].Decision.Effect = policy.Allow
			r.Shadow[0].Decision.Reasons = []policy.Reason{{Clause: "/actions/read", Says: "read is permitted"}}
		}))
	}), nil},
	{"3.17-undisclosed", "Where the text is not disclosed, a candidate's conditions are the gate's word, as others are.", edited(shadowStory, func(_ *house, b *bundle.Bundle) { *b = *b.Redact(nothing) }), nil},
	{"3.17-without-candidate", "Without a candidate's papers its verdicts are the gate's word.", edited(shadowStory, func(_ *house, b *bundle.Bundle) { b.Policies = b.Policies[:1] }), nil},
}
