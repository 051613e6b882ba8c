// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
	"github.com/clawea/clawea/verify"
)

// The receipts of the job that one owner allows, and somebody in the other's stead.
const (
	standInOpen = 3
	standInEnd  = 4
)

// absent are the papers of who answers for whom.
type absent []*seal.Envelope

// Delegations fills gate.Absences.
func (a absent) Delegations(context.Context) ([]*seal.Envelope, error) { return a, nil }

// bensLeave is ben's word that cat answers in his stead, from an hour ago for a day.
func bensLeave() *receipt.Delegation {
	begins := epoch.Add(-time.Hour)
	return &receipt.Delegation{ID: "d-1", From: "ben", To: "cat", Begins: begins, Ends: begins.Add(24 * time.Hour), At: begins, Reason: "on leave"}
}

// standInStory is a change that ann allows, and cat in the stead of ben.
func standInStory(t testing.TB) (*house, *bundle.Bundle) {
	h := newHouse(t)
	leave := must(bensLeave().Sign(h.ben))
	h.gate.Groups, h.gate.Absences = map[string][]string{"owners": {"ann", "ben"}}, absent{leave}
	h.gate.People = append(h.gate.People, h.verifier(h.cat))
	h.rules = func(t *verify.Trust) { t.Groups, t.People = h.gate.Groups, append(t.People, h.cat.public) }
	raw := h.mint(h.publish(ownersPolicy), smallJob, "t1", time.Hour, func(c *token.Claims) { c.Client = "ci"; bind(c) })
	req := request(merge, "m", policy.Call{Resources: []policy.Resource{{Type: "branch", ID: "main", Version: "7"}}}, done("ok", nil), nil)
	const question = smallJob + ".1"
	h.do(raw, req, &gate.Pending{})
	h.say(h.ann, question, nil)
	h.do(raw, req, &gate.Pending{})
	h.say(h.cat, question, func(a *receipt.Answer) { a.For = "ben" })
	h.do(raw, req, nil)
	b := h.export(smallJob, standInEnd)
	b.Delegations = []seal.Envelope{*leave}
	return h, b
}

func standIn(edit func(*house, *bundle.Bundle)) func(testing.TB) (*house, *bundle.Bundle) {
	return edited(standInStory, edit)
}

// releave has ben's delegation say something else.
func releave(says func(*receipt.Delegation)) func(testing.TB) (*house, *bundle.Bundle) {
	return standIn(func(h *house, b *bundle.Bundle) { resign(h.ben, &b.Delegations[0], says) })
}

// takenBack has ben take his delegation back, some time after the chain began.
func takenBack(after time.Duration) func(testing.TB) (*house, *bundle.Bundle) {
	return standIn(func(h *house, b *bundle.Bundle) {
		d := bensLeave()
		d.At, d.Withdraws = epoch.Add(after), true
		b.Delegations = append(b.Delegations, *must(d.Sign(h.ben)))
	})
}

// counted has the gate believe something else of cat's answer.
func counted(says func(*policy.Approval)) func(testing.TB) (*house, *bundle.Bundle) {
	return standIn(func(h *house, b *bundle.Bundle) {
		h.rewrite(b, at(standInOpen, func(r *receipt.Receipt) { says(&r.Facts.Approvals[1]) }))
	})
}

// standingIn are the cases of 3.23.
var standingIn = []vector{
	{"3.23-stand-in", "Somebody answers in another's stead, under that person's signed delegation.", standIn(nil), nil},
	{"3.23-redacted", "Delegations stay when texts are taken out.", standIn(func(h *house, b *bundle.Bundle) { *b = *b.Redact(nothing) }), nil},
	{"3.23-no-delegation", "Without the delegation nobody answers in another's stead.", standIn(func(h *house, b *bundle.Bundle) { b.Delegations = nil }), nil},
	{"3.23-by-who-stands-in", "Nobody makes themselves a stand-in.", standIn(func(h *house, b *bundle.Bundle) {
		b.Delegations[0] = signed(h.cat, receipt.DelegationType, string(b.Delegations[0].Payload))
	}), nil},
	{"3.23-by-gate", "A gate cannot delegate for a person.", standIn(func(h *house, b *bundle.Bundle) {
		b.Delegations[0] = signed(h.gateKey, receipt.DelegationType, string(b.Delegations[0].Payload))
	}), nil},
	{"3.23-malformed", "A delegation for too long is none.", standIn(func(h *house, b *bundle.Bundle) {
		b.Delegations[0] = signed(h.ben, receipt.DelegationType, strings.Replace(string(b.Delegations[0].Payload), `"ends":"2026-`, `"ends":"2027-`, 1))
	}), nil},
	{"3.23-to-another", "A delegation is to one person.", releave(func(d *receipt.Delegation) { d.To = "ann" }), nil},
	{"3.23-over", "A delegation that is over covers nothing.", releave(func(d *receipt.Delegation) { d.Ends = epoch }), nil},
	{"3.23-over-when-counted", "A delegation that was in force when somebody answered has to be when that is counted.", releave(func(d *receipt.Delegation) {
		d.Ends = epoch.Add(2600 * time.Millisecond)
	}), nil},
	{"3.23-not-yet", "A delegation that has not begun covers nothing.", releave(func(d *receipt.Delegation) { d.Begins = epoch.Add(2600 * time.Millisecond) }), nil},
	{"3.23-taken-back", "What was taken back covers nothing.", takenBack(-30 * time.Minute), nil},
	{"3.23-taken-back-lately", "A withdrawal that may have been under way when the call was allowed is a warning.", takenBack(2 * time.Second), nil},
	{"3.23-taken-back-later", "A withdrawal after the call was allowed is no matter.", takenBack(time.Minute), nil},
	{"3.23-taken-back-by-another", "Only who has delegated takes it back.", standIn(func(h *house, b *bundle.Bundle) {
		d := bensLeave()
		d.Withdraws, d.From = true, "ann"
		b.Delegations = append(b.Delegations, *must(d.Sign(h.ann)))
	}), nil},
	{"3.23-another-holds", "One delegation is taken back, and another still holds.", standIn(func(h *house, b *bundle.Bundle) {
		back, other := bensLeave(), bensLeave()
		back.Withdraws, other.ID = true, "d-2"
		b.Delegations = append(b.Delegations, *must(back.Sign(h.ben)), *must(other.Sign(h.ben)))
	}), nil},
	{"3.23-passed-on", "What was delegated is not passed on.", standIn(func(h *house, b *bundle.Bundle) {
		first, second := bensLeave(), bensLeave()
		first.To, second.From = "ann", "ann"
		b.Delegations = []seal.Envelope{*must(first.Sign(h.ben)), *must(second.Sign(h.ann))}
	}), nil},
	{"3.23-groups", "Who stands in counts in the other's groups, as the auditor has them.", standIn(func(h *house, b *bundle.Bundle) {
		h.rules = func(t *verify.Trust) {
			t.Groups, t.People = map[string][]string{"owners": {"ann", "cat"}}, append(t.People, h.cat.public)
		}
	}), nil},
	{"3.23-own", "Nobody allows the calls of who ordered the token in their stead.", standIn(func(h *house, b *bundle.Bundle) {
		resign(h.issuer, &b.Tokens[0], func(c *token.Claims) { c.Client = "ben" })
	}), nil},
	{"3.23-own-stand-in", "Who ordered the token does not allow its calls in another's stead.", standIn(func(h *house, b *bundle.Bundle) {
		resign(h.issuer, &b.Tokens[0], func(c *token.Claims) { c.Client = "cat" })
	}), nil},
	{"3.23-besides-oneself", "An absent person and their stand-in are one voice.", standIn(func(h *house, b *bundle.Bundle) {
		resign(h.ben, &b.Answers[0], func(a *receipt.Answer) { a.By = "ben" })
		h.rewrite(b, func(r *receipt.Receipt) {
			if r.Facts != nil && len(r.Facts.Approvals) > 0 {
				r.Facts.Approvals[0].By = "ben"
			}
		})
	}), nil},
	{"3.23-unsaid", "A gate cannot leave out whom somebody stands in for.", counted(func(x *policy.Approval) { x.For = "" }), nil},
	{"3.23-other-person", "A gate cannot have somebody stand in for another person.", counted(func(x *policy.Approval) { x.For = "ann" }), nil},
	{"3.23-unused", "A delegation that no answer is under explains nothing.", standIn(func(h *house, b *bundle.Bundle) {
		d := bensLeave()
		d.ID, d.To = "d-2", "ann"
		b.Delegations = append(b.Delegations, *must(d.Sign(h.ben)))
	}), nil},
	{"3.23-withdrawal-of-nothing", "What takes back a delegation that is not there explains nothing.", standIn(func(h *house, b *bundle.Bundle) {
		d := bensLeave()
		d.ID, d.Withdraws = "d-2", true
		b.Delegations = append(b.Delegations, *must(d.Sign(h.ben)))
	}), nil},
	{"3.23-twice", "No delegation is in a bundle twice.", standIn(func(h *house, b *bundle.Bundle) { b.Delegations = append(b.Delegations, b.Delegations[0]) }), nil},
	{"2.3-no-delegations", "A list of delegations that is empty is left out.", small(nil), func(s string) string {
		return strings.Replace(s, `"disclosures"`, `"delegations":[],"disclosures"`, 1)
	}},
}

// Each lie about who stands in for whom is found by its own codes.
func TestStandInCodes(t *testing.T) {
	want := map[string][]string{
		"3.23-no-delegation": {"answer.delegation"}, "3.23-by-who-stands-in": {"answer.delegation", "delegation.signature"},
		"3.23-by-gate": {"answer.delegation", "delegation.signature"}, "3.23-malformed": {"answer.delegation", "delegation.malformed"},
		"3.23-to-another": {"answer.delegation", "bundle.unused"}, "3.23-over": {"answer.delegation", "bundle.unused"},
		"3.23-over-when-counted": {"answer.delegation"}, "3.23-not-yet": {"answer.delegation", "bundle.unused"},
		"3.23-taken-back": {"answer.delegation"}, "3.23-taken-back-by-another": {"bundle.unused"}, "3.23-passed-on": {"answer.delegation", "bundle.unused"},
		"3.23-groups": {"answer.groups"}, "3.23-own": {"answer.own"}, "3.23-own-stand-in": {"answer.own"}, "3.23-besides-oneself": {"receipt.decision"},
		"3.23-unsaid": {"answer.groups", "receipt.approval"}, "3.23-other-person": {"receipt.approval", "receipt.decision"},
		"3.23-unused": {"bundle.unused"}, "3.23-withdrawal-of-nothing": {"bundle.unused"}, "3.23-twice": {"bundle.duplicate"},
		"2.3-no-delegations": {"bundle.malformed"},
	}
	warned := map[string][]string{"3.23-taken-back-lately": {"answer.late"}}
	for _, v := range standingIn {
		h, b := v.make(t)
		file := string(must(b.Marshal()))
		if v.spell != nil {
			file = v.spell(file)
		}
		r := verify.Bundle([]byte(file), h.trust(), verify.Expect{})
		if diff := cmp.Diff(want[v.name], codes(r, verify.Fail)); diff != "" {
			t.Errorf("%s fails (-want +got):\n%s%v", v.name, diff, r.Findings)
		}
		if diff := cmp.Diff(warned[v.name], codes(r, verify.Warn)); diff != "" {
			t.Errorf("%s warns:\n%s%v", v.name, diff, r.Findings)
		}
	}
}

// What stood in the receipt is what was signed: whom cat stood in for, and their
// groups.
func TestStandInStory(t *testing.T) {
	_, b := standInStory(t)
	r := must(receipt.Parse(b.Receipts[standInOpen-1].Payload))
	x := r.Facts.Approvals[1]
	if x.By != "cat" || x.For != "ben" || !slices.Equal(x.Groups, []string{"owners"}) || r.Decision.Effect != policy.Allow {
		t.Errorf("%+v, %+v", x, r.Decision)
	}
}
