// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/token"
	"github.com/clawea/clawea/verify"
)

// bearing are the bundles of the stories below, told truly and otherwise.
var bearing = []vector{
	{"3.6-repeated", "A change that was made before waits for a person if its token is bound to no key.", repeatedStory, nil},
	{"3.6-repeated-hushed-up", "How often a change was made before adds up from the receipts.", edited(repeatedStory, lied(repeating, "a repetition is hushed up")), nil},
	{"3.6-repeated-with-key", "Who holds the token's key repeats nothing.", edited(repeatedStory, lied(repeating, "a repetition by who holds the key")), nil},
	{"3.6-repeated-failed", "What failed was not made.", edited(repeatedStory, lied(repeating, "the first time failed")), nil},
	{"3.4-bound", "A policy that takes no plain bearer tokens has calls by tokens that are bound to a key, and refusals.", boundStory, nil},
	{"3.4-bearer", "A plain bearer token under a policy that takes none is found.", edited(boundStory, lied(unbinding, "the bound token is plain")), nil},
	{"3.4-bearer-refused-in-vain", "A token that is bound to a key is no plain bearer token, whatever the gate says.", edited(boundStory, lied(unbinding, "the plain token is bound")), nil},
}

// The receipts of the job with repetitions, by number.
const (
	repeatFirst    = 1
	repeatClosed   = 2
	repeatAsked    = 3
	repeatApproved = 4
	repeatBound    = 6
	repeatLength   = 7
)

// repeatedStory is a job that makes one change three times: by a plain bearer
// token, by the same with a person's yes, and by a token that is bound to a key.
func repeatedStory(t testing.TB) (*house, *bundle.Bundle) {
	h := newHouse(t)
	p := h.publish(`{"actions": {"write": {"allowed": true}}, "resources": {"spaces_allowlist": ["ENG"]}, "wpc_version": "v1"}`)
	plain, bound := h.mint(p, smallJob, "t1", 10*time.Minute, nil), h.mint(p, smallJob, "t2", 10*time.Minute, bind)
	write := request(pageUpdate, `{"id":"11"}`, policy.Call{Resources: []policy.Resource{page("11", "x")}}, done("ok", nil), nil)
	h.do(plain, write, nil)
	h.do(plain, write, &gate.Pending{})
	h.answer(h.ann, smallJob+".3", true)
	h.do(plain, write, nil)
	h.do(bound, write, nil)
	return h, h.export(smallJob, repeatLength)
}

// repeating are lies about what was carried out before.
var repeating = []tamper{
	lie("a repetition is hushed up", repeatAsked, func(r *receipt.Receipt) { r.Facts.Repeats = 0 }, "receipt.facts", "receipt.decision"),
	lie("a repetition too many", repeatApproved, func(r *receipt.Receipt) { r.Facts.Repeats = 2 }, "receipt.facts"),
	lie("a first time that is a repetition", repeatFirst, func(r *receipt.Receipt) { r.Facts.Repeats = 1 }, "receipt.facts", "receipt.decision"),
	lie("a repetition by who holds the key", repeatBound, func(r *receipt.Receipt) { r.Facts.Repeats = 2 }, "receipt.facts", "receipt.decision"),
	lie("the first time failed", repeatClosed, func(r *receipt.Receipt) { r.Outcome.Status = receipt.Failed }, "receipt.facts"),
	lie("the first time was of something else", repeatFirst, func(r *receipt.Receipt) { r.Call.Resources[0].Version = "6" }, "receipt.facts"),
	{"the plain token is bound", func(h *house, b *bundle.Bundle) { resign(h.issuer, &b.Tokens[0], bind) }, fails("receipt.facts")},
	{"the bound token is plain", func(h *house, b *bundle.Bundle) {
		resign(h.issuer, &b.Tokens[1], func(c *token.Claims) { c.Confirm = nil })
	}, fails("receipt.facts")},
	{"the bound token is bound to nothing", func(h *house, b *bundle.Bundle) {
		resign(h.issuer, &b.Tokens[1], func(c *token.Claims) { c.Confirm.Thumbprint = "" })
	}, fails("token.malformed", "receipt.token")},
}

func TestRepeated(t *testing.T) {
	h, b := repeatedStory(t)
	if r := check(h, b); !r.Verified() || r.Calls != (verify.Calls{Allowed: 3, Asked: 1}) {
		t.Errorf("%+v: %v", r.Calls, r.Findings)
	}
	for seq, want := range map[int]int{repeatFirst: 0, repeatAsked: 1, repeatApproved: 1, repeatBound: 0} {
		if got := h.book.lines[smallJob][seq-1].Receipt.Facts.Repeats; got != want {
			t.Errorf("receipt %d says %d repetitions, want %d", seq, got, want)
		}
	}
}

// The receipts of the job whose policy takes no plain bearer tokens, by number.
const (
	boundOpened  = 1
	boundRefused = 3
	boundLength  = 3
)

const boundPolicy = `{"runtime": {"cst_bearer_allowed": false}, "tool_policy": {"allow": ["repo.diff"]}, "wpc_version": "v1"}`

// boundStory is a call by a token that is bound to a key, and one by a plain
// bearer token, under a policy that takes none of those.
func boundStory(t testing.TB) (*house, *bundle.Bundle) {
	h := newHouse(t)
	p := h.publish(boundPolicy)
	bound, plain := h.mint(p, smallJob, "t1", time.Minute, bind), h.mint(p, smallJob, "t2", time.Minute, nil)
	req := request(diff, "d", policy.Call{}, done("r", nil), nil)
	h.do(bound, req, nil)
	h.do(plain, req, &gate.Refused{})
	return h, h.export(smallJob, boundLength)
}

// unbinding are lies about who held a key.
var unbinding = []tamper{
	{"the bound token is plain", func(h *house, b *bundle.Bundle) {
		resign(h.issuer, &b.Tokens[0], func(c *token.Claims) { c.Confirm = nil })
	}, fails("token.fit")},
	{"the plain token is bound", func(h *house, b *bundle.Bundle) { resign(h.issuer, &b.Tokens[1], bind) }, fails("receipt.refused")},
	lie("the plain token was the one that called", boundOpened, func(r *receipt.Receipt) { r.Token = "t2" }, "token.fit", "receipt.closed"),
	lie("the bound token was the one refused", boundRefused, func(r *receipt.Receipt) { r.Token = "t1" }, "receipt.refused", "bundle.unused"),
}

// TestBearers says whose refusals and calls a policy's word on plain bearer
// tokens bears out; where it says nothing, the house's configuration may.
func TestBearers(t *testing.T) {
	req := request(diff, "d", policy.Call{}, done("r", nil), nil)
	for name, x := range map[string]struct {
		src     string
		open    bool // the house's configuration
		refused int
		want    []string
	}{
		"it takes none":         {boundPolicy, true, 1, nil},
		"it takes them":         {`{"runtime": {"cst_bearer_allowed": true}, "tool_policy": {"allow": ["repo.diff"]}, "wpc_version": "v1"}`, false, 0, nil},
		"the house takes them":  {smallPolicy, true, 0, nil},
		"the house takes none":  {smallPolicy, false, 1, nil},
		"it takes them in vain": {`{"runtime": {"cst_bearer_allowed": true}, "tool_policy": {"allow": ["repo.diff"]}, "wpc_version": "v1"}`, true, 1, fails("receipt.refused")},
	} {
		h := newHouse(t)
		h.gate.PlainBearer = x.open
		raw := h.mint(h.publish(x.src), "j", "t", time.Minute, nil)
		h.gate.Do(t.Context(), show(raw), req)
		b := h.export("j", len(h.book.lines["j"]))
		if x.want != nil {
			b = h.export("j", 1)
			h.rewrite(b, func(r *receipt.Receipt) {
				r.Facts, r.Refused = nil, "token.bearer"
				r.Decision = &policy.Decision{Policy: r.Decision.Policy, Reasons: []policy.Reason{{Says: "token.bearer"}}}
			})
		}
		r := check(h, b)
		if d := cmp.Diff(x.want, codes(r, verify.Fail)); d != "" || r.Calls.Refused != x.refused {
			t.Errorf("%s: %+v, failing codes (-want +got):\n%s", name, r.Calls, d)
		}
	}
}
