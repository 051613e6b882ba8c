// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify_test

import (
	"testing"
	"time"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/token"
)

const ticketed = `{
	"wpc_version": "v1",
	"resources": {"spaces_allowlist": ["ENG"]},
	"actions": {"read": {"allowed": true}, "write": {"allowed": true, "ticket_required": true}}
}`

// The receipts of ticketStory, by number.
const (
	ticketDenied = 1 // a change without a ticket
	ticketOpened = 2 // the same with one
	ticketRead   = 4 // reading without
	ticketLength = 5
)

// ticketStory is a job whose first token names no ticket, and whose second does.
func ticketStory(t testing.TB) (*house, *bundle.Bundle) {
	h := newHouse(t)
	p := h.publish(ticketed)
	without := h.mint(p, smallJob, "t1", 10*time.Minute, nil)
	with := h.mint(p, smallJob, "t2", 10*time.Minute, func(c *token.Claims) { c.Ticket = "ENG-7" })
	args := policy.Call{Resources: []policy.Resource{page("11", "x")}}
	h.do(without, request(pageUpdate, `{"id":"11"}`, args, done("ok", nil), nil), &gate.Denied{})
	h.do(with, request(pageUpdate, `{"id":"11"}`, args, done("ok", nil), nil), nil)
	h.do(without, request(pageGet, `{"id":"11"}`, args, done("ok", nil), nil), nil)
	return h, h.export(smallJob, ticketLength)
}

// TestTickets says that a change happens under a ticket or not at all, and that
// an auditor sees which.
func TestTickets(t *testing.T) {
	h, b := ticketStory(t)
	if r := check(h, b); !r.Verified() {
		t.Fatalf("not verified: %v", r.Findings)
	}
	for seq, want := range map[uint64]string{ticketDenied: "", ticketOpened: "ENG-7", ticketRead: ""} {
		if got := must(receipt.Parse(b.Receipts[seq-1].Payload)).Facts.Ticket; got != want {
			t.Errorf("receipt %d has ticket %q, want %q", seq, got, want)
		}
	}
	says := func(ticket string) func(*receipt.Receipt) {
		return func(r *receipt.Receipt) { r.Facts.Ticket = ticket }
	}
	names := func(ticket string) func(*house, *bundle.Bundle) {
		return func(h *house, b *bundle.Bundle) {
			resign(h.issuer, &b.Tokens[1], func(c *token.Claims) { c.Ticket = ticket })
		}
	}
	for _, x := range []tamper{
		lie("another ticket", ticketOpened, says("ENG-8"), "receipt.facts"),
		lie("no ticket any more", ticketOpened, says(""), "receipt.facts", "receipt.decision"),
		lie("a ticket that nobody gave", ticketDenied, says("ENG-7"), "receipt.facts", "receipt.decision"),
		lie("a ticket where none was needed", ticketRead, says("ENG-7"), "receipt.facts"),
		lie("allowed for a ticket that nobody gave", ticketDenied, func(r *receipt.Receipt) {
			r.Facts.Ticket = "ENG-7"
			r.Decision.Effect, r.Decision.Reasons = policy.Allow, []policy.Reason{{Clause: "/actions/write", Says: "write is permitted"}}
		}, "receipt.facts", "receipt.counters"),
		{"the issuer's record names another", names("ENG-8"), fails("receipt.facts")},
		{"the issuer's record names none", names(""), fails("receipt.facts")},
	} {
		t.Run(x.name, func(t *testing.T) {
			b := clone(b)
			x.do(h, b)
			tampered(t, h, b, x.want)
		})
	}
}

// TestEmergencyIsMarked has the gate lie about which calls were made under a
// policy for an emergency.
func TestEmergencyIsMarked(t *testing.T) {
	h, b := governed(t, hastyPolicy, func(h *house) []key { return []key{h.author, h.approver, h.ann, h.ben} })
	if r := must(receipt.Parse(b.Receipts[0].Payload)); !r.Decision.BreakGlass {
		t.Fatal("the call is not marked")
	}
	unmarked := lie("the mark is taken off", 1, func(r *receipt.Receipt) { r.Decision.BreakGlass = false }, "receipt.decision")
	unmarked.do(h, b)
	tampered(t, h, b, unmarked.want)

	h, b = smallStory(t)
	marked := lie("a mark is put on", 1, func(r *receipt.Receipt) { r.Decision.BreakGlass = true }, "receipt.decision")
	marked.do(h, b)
	tampered(t, h, b, marked.want)
}
