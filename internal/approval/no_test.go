// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package approval_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/approval"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// One yes of anybody is enough.
const anybodyWPC = `{"wpc_version":"v1","tool_policy":{"allow":["mail.*"]},"approvals":{"required_for":["external_send"]}}`

func no(a *receipt.Answer) { a.Yes = false }

// A no signed by a clock that is ahead holds the call up at once.
func TestNoAhead(t *testing.T) {
	h := newHouse(t)
	people := h.govern(t, anybodyWPC, "bo@house.test")
	q := h.ask(t, "hello")
	h.mustSay(t, people["bo@house.test"], q, nil)
	h.mustSay(t, h.alice, q, func(a *receipt.Answer) { a.Yes, a.At = false, a.At.Add(50*time.Second) })
	h.mustDeny(t, "hello")
}

// A no outlasts every yes before it, whatever the two clocks say; no other is taken, and
// no yes beside it.
func TestNoOutlasts(t *testing.T) {
	h := newHouse(t)
	people := h.govern(t, anybodyWPC, "bo@house.test", "cy@house.test")
	bo, cy := people["bo@house.test"], people["cy@house.test"]
	q := h.ask(t, "hello")
	h.mustSay(t, bo, q, func(a *receipt.Answer) {
		a.At = a.At.Add(time.Minute)
		a.Expires = a.At.Add(approval.MaxHold)
	})
	for _, hold := range []time.Duration{0, time.Hour, approval.MaxHold, receipt.NoHold - 1, receipt.NoHold + 1} {
		a := h.yes(q)
		a.Yes, a.Expires = false, a.At.Add(hold)
		h.wantRefused(t, h.answer(t, q.ID, a), approval.ErrTime)
	}
	h.mustSay(t, h.alice, q, func(a *receipt.Answer) { a.Yes, a.At = false, a.At.Add(-5*time.Minute) })
	h.wantRefused(t, h.says(t, cy, q, nil), store.ErrConflict)
	h.mustDeny(t, "hello")
	h.claims.Expires = h.now().Add(48 * time.Hour).Unix()
	h.move(approval.MaxHold + 30*time.Second) // bo's yes still holds
	h.mustDeny(t, "hello")
	h.move(30 * time.Second)
	h.mustDeny(t, "hello")
	h.move(time.Hour)
	h.mustAsk(t, "hello", q)
}

// Nobody's yeses keep others from saying no, or themselves from thinking better of it.
func TestNoRoomTaken(t *testing.T) {
	h := newHouse(t)
	people := h.govern(t, anybodyWPC, "bo@house.test")
	bo := people["bo@house.test"]
	q := h.ask(t, "hello")
	var err error
	for n := 0; err == nil; n++ {
		if err = h.says(t, bo, q, func(a *receipt.Answer) { a.Times = 20 }); n > 100 {
			t.Fatal("there is no end to one person's yeses")
		}
	}
	h.wantRefused(t, err, store.ErrConflict)
	h.mustSay(t, h.alice, q, no)
	h.mustSay(t, bo, q, func(a *receipt.Answer) { a.Yes, a.Withdraws = false, true })
	h.mustDeny(t, "hello")
}

// A no counts on after the key that signed it is revoked; a yes does not, nor a no that
// is dated after that.
func TestNoOfRevokedKey(t *testing.T) {
	for name, tt := range map[string]struct {
		yes    bool
		until  time.Duration // after the answer
		denied bool
	}{
		"a no": {false, time.Second, true}, "a no, at that moment": {false, 0, true},
		"a no from after that": {false, -time.Millisecond, false}, "a yes": {true, time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.govern(t, anybodyWPC)
			bo, v := newKey(t, "bo@house.test", 30)
			roll := &enrolled{people: &receipt.People{Keys: []seal.Verifier{v}}}
			h.Enrolled, h.gate.Enrolled = roll, roll
			q := h.ask(t, "hello")
			h.mustSay(t, bo, q, func(a *receipt.Answer) { a.Yes = tt.yes })
			roll.people = &receipt.People{Former: []receipt.Former{{Key: v, Until: h.now().Add(tt.until)}}}
			if tt.denied {
				h.mustDeny(t, "hello")
			} else {
				h.waits(t, "hello", q)
			}
			s, err := h.Standings(t.Context(), []store.Approval{q.Approval})
			if err != nil || s[0].No != tt.denied || (s[0].Unproven == 0) != tt.denied {
				t.Errorf("it stands at %+v, %v", s, err)
			}
			h.wantRefused(t, h.says(t, bo, q, no), seal.ErrUnknownKey)
		})
	}
}

// What nobody has signed for the question is not shown as an answer to it, and counts
// for nothing; that it is there is said.
func TestUnproven(t *testing.T) {
	h := newHouse(t)
	h.govern(t, ownersWPC, "bo@house.test")
	q, other := h.ask(t, "hello"), h.ask(t, "bye")
	h.mustSay(t, h.alice, q, nil)
	h.mustSay(t, h.alice, other, nil)
	forged := &forger{DB: h.db, rows: func(given map[string][]store.Given) {
		mallory, _ := newKey(t, "ceo@house.test", 66)
		a := h.yes(q)
		a.By = "ceo@house.test"
		e, err := a.Sign(mallory)
		if err != nil {
			t.Fatal(err)
		}
		given[q.ID] = append(given[q.ID], store.Given{Answer: *a, Left: 1, Paper: e})
		given[q.ID] = append(given[q.ID], given[other.ID]...) // alice's, of another question
	}}
	h.Desk.DB = forged
	s, err := h.Standings(t.Context(), []store.Approval{q.Approval, other.Approval})
	if err != nil || len(s[0].Given) != 1 || s[0].Unproven != 2 || s[0].Missing != 2 || s[1].Unproven != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	done := q.Approval
	done.UsedBy, done.Reply = 9, store.Yes
	if s, err = h.Standings(t.Context(), []store.Approval{done, other.Approval}); err != nil || len(s[0].Given) != 1 || s[0].Unproven != 2 {
		t.Errorf("of one that is over: %+v, %v", s, err)
	}
	got, err := h.Question(t.Context(), q.ID)
	if err != nil || len(got.Given) != 1 || got.Unproven != 1 { // the other's is not read then
		t.Errorf("%+v, %v", got, err)
	}
}

// A forger writes into the table of answers.
type forger struct {
	approval.DB
	rows func(map[string][]store.Given)
}

// A row that is not as the receipt that asks takes no answer and shows none.
func TestAltered(t *testing.T) {
	for name, alter := range map[string]func(q *store.Approval, other *approval.Question){
		"another call":    func(q *store.Approval, o *approval.Question) { q.Call = o.Call },
		"another receipt": func(q *store.Approval, o *approval.Question) { q.Seq = o.Seq },
		"all of another":  func(q *store.Approval, o *approval.Question) { q.Call, q.Seq = o.Call, o.Seq },
		"another policy":  func(q *store.Approval, _ *approval.Question) { q.Policy[0] ^= 1 },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.govern(t, anybodyWPC)
			q, other := h.ask(t, "hello"), h.ask(t, "bye")
			row := q.Approval
			alter(&row, other)
			h.Desk.DB = &altered{DB: h.db, row: &row}
			if _, err := h.Question(t.Context(), q.ID); !errors.Is(err, approval.ErrAltered) {
				t.Errorf("it is shown: %v", err)
			}
			a := h.yes(q)
			a.Call, a.Policy = row.Call, row.Policy
			if err := h.answer(t, q.ID, a); !errors.Is(err, approval.ErrAltered) {
				t.Errorf("it is answered: %v", err)
			}
		})
	}
}

// altered is a database with a row that somebody has changed.
type altered struct {
	approval.DB
	row *store.Approval
}

func (d *altered) Approval(context.Context, string) (*store.Approval, error) { return d.row, nil }

func (f *forger) Given(ctx context.Context, ids ...string) (map[string][]store.Given, error) {
	given, err := f.DB.Given(ctx, ids...)
	f.rows(given)
	return given, err
}
