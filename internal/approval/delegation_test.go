// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package approval_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/approval"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// absences has people delegate, at the desk and at the gate.
func (h *house) absences() *approval.Absences {
	if h.Absences == nil {
		h.Absences = &approval.Absences{DB: h.db, Now: h.now}
		h.gate.Absences = h.Absences
	}
	return h.Absences
}

// delegates has somebody have another answer in their stead for an hour, but for
// what change makes of it.
func (h *house) delegates(t *testing.T, k seal.Signer, to string, change func(*receipt.Delegation)) (*receipt.Delegation, error) {
	t.Helper()
	h.absences()
	now := h.now()
	d := &receipt.Delegation{ID: "d-" + to[:2] + k.Name()[:2], From: k.Name(), To: to, Begins: now, Ends: now.Add(time.Hour), At: now}
	if change != nil {
		change(d)
	}
	b, err := seal.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	e, err := seal.Sign(k, receipt.DelegationType, b)
	if err != nil {
		t.Fatal(err)
	}
	return h.Delegate(t.Context(), e)
}

func (h *house) mustDelegate(t *testing.T, k seal.Signer, to string) *receipt.Delegation {
	t.Helper()
	d, err := h.delegates(t, k, to, nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// takesBack has somebody take a delegation of theirs back.
func (h *house) takesBack(t *testing.T, k seal.Signer, d *receipt.Delegation) {
	t.Helper()
	if _, err := h.delegates(t, k, d.To, func(w *receipt.Delegation) {
		at := w.At
		*w = *d
		w.At, w.Withdraws = at, true
	}); err != nil {
		t.Fatal(err)
	}
}

// smuggle puts an answer into the book that the desk would not take.
func (h *house) smuggle(t *testing.T, k seal.Signer, q *approval.Question, whose string) {
	t.Helper()
	h.move(time.Millisecond)
	a := h.yes(q)
	a.By, a.For = k.Name(), whose
	e, err := a.Sign(k)
	if err != nil {
		t.Fatal(err)
	}
	paper, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.db.Answer(t.Context(), q.ID, paper, a, func([]*seal.Envelope) store.Reply { return store.Yes }); err != nil {
		t.Fatal(err)
	}
}

func inStead(whose string) func(*receipt.Answer) {
	return func(a *receipt.Answer) { a.For = whose }
}

const alice, bo, cy, dee, eve = "alice@house.test", "bo@house.test", "cy@house.test", "dee@house.test", "eve@house.test"

// Dee, who is in no group, answers in Bo's stead, who is an owner.
func TestStandIn(t *testing.T) {
	h := newHouse(t)
	people := h.govern(t, ownersWPC, bo, cy, dee)
	q := h.ask(t, "hello")
	h.mustSay(t, h.alice, q, nil)
	h.mustSay(t, people[cy], q, nil)
	h.mustSay(t, people[dee], q, nil)
	if got := h.waits(t, "hello", q); got != "1 more person has to say yes" {
		t.Error(got)
	}
	h.mustDelegate(t, people[bo], dee)
	if got, err := h.Absent(t.Context(), dee); err != nil || len(got) != 1 || got[0] != bo {
		t.Errorf("dee stands in for %q, %v", got, err)
	}
	h.mustSay(t, people[dee], q, inStead(bo))
	if s, err := h.Question(t.Context(), q.ID); err != nil || s.Missing != 0 || len(s.Given) != 3 || s.Given[2].For != bo {
		t.Errorf("%+v, %v", s, err)
	}
	r, err := h.send(t.Context(), "hello")
	if err != nil || h.sent.Load() != 1 {
		t.Fatalf("with all of them: %v; sent %d", err, h.sent.Load())
	}
	e, err := h.db.Receipt(t.Context(), r.Job, r.Opened)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := receipt.Parse(e.Payload)
	if err != nil {
		t.Fatal(err)
	}
	if x := opened.Facts.Approvals[2]; x.By != dee || x.For != bo || len(x.Groups) != 1 || x.Groups[0] != "owners" {
		t.Errorf("the receipt says %+v", x)
	}
}

// The known bugs of answering in another's stead, each refused.
func TestStandInCorpus(t *testing.T) {
	cases := []struct {
		name string
		do   func(t *testing.T, h *house, people map[string]seal.Signer, q *approval.Question)
		says string // what the agent hears at last
	}{
		{"a stand-in for who ordered the job", func(t *testing.T, h *house, people map[string]seal.Signer, q *approval.Question) {
			h.order(t, "t4", bo)
			own := h.ask(t, "hello")
			h.mustDelegate(t, people[bo], dee)
			h.wantRefused(t, h.says(t, people[dee], own, inStead(bo)), approval.ErrOwn)
			h.mustSay(t, h.alice, own, nil)
			h.mustSay(t, people[cy], own, nil)
			h.smuggle(t, people[dee], own, bo)
			*q = *own
		}, "1 more person has to say yes"},
		{"a stand-in who has ordered the job", func(t *testing.T, h *house, people map[string]seal.Signer, q *approval.Question) {
			h.order(t, "t4", dee)
			own := h.ask(t, "hello")
			h.mustDelegate(t, people[bo], dee)
			h.wantRefused(t, h.says(t, people[dee], own, inStead(bo)), approval.ErrOwn)
			h.mustSay(t, h.alice, own, nil)
			h.mustSay(t, people[cy], own, nil)
			h.smuggle(t, people[dee], own, bo)
			*q = *own
		}, "1 more person has to say yes"},
		{"a delegation that is over", func(t *testing.T, h *house, people map[string]seal.Signer, q *approval.Question) {
			h.mustDelegate(t, people[bo], dee)
			h.standsInForBo(t, people, q)
			h.move(time.Hour)
			h.wantRefused(t, h.says(t, people[dee], q, inStead(bo)), approval.ErrStandIn)
		}, "1 more person has to say yes"},
		{"a delegation that was taken back after the answer", func(t *testing.T, h *house, people map[string]seal.Signer, q *approval.Question) {
			d := h.mustDelegate(t, people[bo], dee)
			h.standsInForBo(t, people, q)
			h.takesBack(t, people[bo], d)
			h.wantRefused(t, h.says(t, people[dee], q, inStead(bo)), approval.ErrStandIn)
		}, "1 more person has to say yes"},
		{"a delegation that does not hold yet", func(t *testing.T, h *house, people map[string]seal.Signer, q *approval.Question) {
			if _, err := h.delegates(t, people[bo], dee, func(d *receipt.Delegation) { d.Begins, d.Ends = d.At.Add(time.Hour), d.At.Add(2*time.Hour) }); err != nil {
				t.Fatal(err)
			}
			h.wantRefused(t, h.says(t, people[dee], q, inStead(bo)), approval.ErrStandIn)
			h.smuggle(t, people[dee], q, bo)
		}, "3 more people have to say yes"},
		{"a delegation to another person", func(t *testing.T, h *house, people map[string]seal.Signer, q *approval.Question) {
			h.mustDelegate(t, people[bo], dee)
			h.wantRefused(t, h.says(t, people[eve], q, inStead(bo)), approval.ErrStandIn)
			h.smuggle(t, people[eve], q, bo)
		}, "3 more people have to say yes"},
		{"a delegation from another person", func(t *testing.T, h *house, people map[string]seal.Signer, q *approval.Question) {
			h.mustDelegate(t, people[bo], dee)
			h.wantRefused(t, h.says(t, people[dee], q, inStead(alice)), approval.ErrStandIn)
			h.smuggle(t, people[dee], q, alice)
		}, "3 more people have to say yes"},
		{"a delegation that is passed on", func(t *testing.T, h *house, people map[string]seal.Signer, q *approval.Question) {
			h.mustDelegate(t, people[bo], dee)
			h.mustDelegate(t, people[dee], eve)
			h.wantRefused(t, h.says(t, people[eve], q, inStead(bo)), approval.ErrStandIn)
			h.mustSay(t, people[eve], q, inStead(dee)) // with dee's own standing, which is none
		}, "3 more people have to say yes"},
		{"an absent person and their stand-in, counted as two", func(t *testing.T, h *house, people map[string]seal.Signer, q *approval.Question) {
			h.mustDelegate(t, people[bo], dee)
			h.mustSay(t, people[dee], q, inStead(bo))
			h.mustSay(t, people[bo], q, nil)
			h.mustSay(t, people[cy], q, nil)
		}, "1 more person has to say yes"},
		{"two who stand in for one, counted as two", func(t *testing.T, h *house, people map[string]seal.Signer, q *approval.Question) {
			h.mustDelegate(t, people[bo], dee)
			h.mustDelegate(t, people[bo], eve)
			h.mustSay(t, people[dee], q, inStead(bo))
			h.mustSay(t, people[eve], q, inStead(bo))
			h.mustSay(t, people[cy], q, nil)
		}, "1 more person has to say yes"},
		{"one who stands in for two, and answers for themselves", func(t *testing.T, h *house, people map[string]seal.Signer, q *approval.Question) {
			h.mustDelegate(t, people[bo], alice)
			h.mustDelegate(t, people[cy], alice)
			h.mustSay(t, h.alice, q, nil)
			h.mustSay(t, h.alice, q, inStead(bo))
			h.mustSay(t, h.alice, q, inStead(cy))
		}, "2 more people have to say yes"},
		{"a delegation that the book has from nobody", func(t *testing.T, h *house, people map[string]seal.Signer, q *approval.Question) {
			_, err := h.delegates(t, people[dee], dee, func(d *receipt.Delegation) { d.From = bo })
			h.wantRefused(t, err, seal.ErrBadSignature)
			now := h.now()
			d := &receipt.Delegation{ID: "forged", From: bo, To: dee, Begins: now, Ends: now.Add(time.Hour), At: now}
			e, err := d.Sign(people[dee])
			if err != nil {
				t.Fatal(err)
			}
			paper, err := e.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			if err := h.db.Delegate(t.Context(), paper, d); err != nil {
				t.Fatal(err)
			}
			h.move(time.Second) // that the desk remembers
			h.wantRefused(t, h.says(t, people[dee], q, inStead(bo)), approval.ErrStandIn)
			h.smuggle(t, people[dee], q, bo)
		}, "3 more people have to say yes"},
		{"whose key was revoked stands behind nothing", func(t *testing.T, h *house, people map[string]seal.Signer, q *approval.Question) {
			h.mustDelegate(t, people[bo], dee)
			h.standsInForBo(t, people, q)
			for i, v := range h.People {
				if v.Name() == bo {
					h.People = append(append([]seal.Verifier{}, h.People[:i]...), h.People[i+1:]...)
					break
				}
			}
			h.gate.People = h.People
		}, "1 more person has to say yes"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			people := h.govern(t, ownersWPC, bo, cy, dee, eve)
			q := h.ask(t, "hello")
			c.do(t, h, people, q)
			h.claims.Expires = h.now().Add(time.Hour).Unix()
			if got := h.waits(t, "hello", q); got != c.says {
				t.Errorf("the agent hears %q, want %q", got, c.says)
			}
			if h.sent.Load() != 0 {
				t.Errorf("%d were sent", h.sent.Load())
			}
		})
	}
}

// standsInForBo has everybody say yes who is wanted, dee in Bo's stead.
func (h *house) standsInForBo(t *testing.T, people map[string]seal.Signer, q *approval.Question) {
	t.Helper()
	long := func(whose string) func(*receipt.Answer) {
		return func(a *receipt.Answer) { a.For, a.Expires = whose, a.At.Add(approval.MaxHold) }
	}
	h.mustSay(t, h.alice, q, long(""))
	h.mustSay(t, people[cy], q, long(""))
	h.mustSay(t, people[dee], q, long(bo))
	if got, err := h.db.Approval(t.Context(), q.ID); err != nil || got.Reply != store.Yes {
		t.Fatalf("it is not answered: %+v, %v", got, err)
	}
}

// A no in another's stead counts, even after the delegation is over: it could have
// been their own.
func TestStandInsNo(t *testing.T) {
	h := newHouse(t)
	people := h.govern(t, ownersWPC, bo, cy, dee)
	q := h.ask(t, "hello")
	h.absences()
	h.wantRefused(t, h.says(t, people[dee], q, func(a *receipt.Answer) { a.Yes, a.For = false, bo }), approval.ErrStandIn)
	d := h.mustDelegate(t, people[bo], dee)
	h.mustSay(t, people[dee], q, func(a *receipt.Answer) { a.Yes, a.For = false, bo })
	h.takesBack(t, people[bo], d)
	h.mustDeny(t, "hello")
}

// What the desk does not keep.
func TestRefusedDelegations(t *testing.T) {
	h := newHouse(t)
	people := h.govern(t, ownersWPC, bo, cy, dee)
	stranger, _ := newKey(t, bo, 66)
	for _, c := range []struct {
		name   string
		by     seal.Signer
		to     string
		change func(*receipt.Delegation)
		want   error
	}{
		{"to nobody", people[bo], "zoe@house.test", nil, approval.ErrNobody},
		{"by a stranger", stranger, dee, nil, seal.ErrUnknownKey},
		{"signed long ago", people[bo], dee, func(d *receipt.Delegation) { d.At = d.At.Add(-receipt.Underway - time.Second); d.Begins = d.At }, approval.ErrTime},
		{"signed later", people[bo], dee, func(d *receipt.Delegation) { d.At = d.At.Add(time.Minute + time.Second); d.Begins = d.At }, approval.ErrTime},
		{"over", people[bo], dee, func(d *receipt.Delegation) {
			d.At = d.At.Add(-2 * time.Minute)
			d.Begins, d.Ends = d.At, d.At.Add(time.Minute)
		}, approval.ErrTime},
		{"too long", people[bo], dee, func(d *receipt.Delegation) { d.Ends = d.Ends.Add(receipt.MaxDelegation) }, approval.ErrDelegation},
		{"taking back nothing", people[bo], dee, func(d *receipt.Delegation) { d.Withdraws = true }, store.ErrNotFound},
	} {
		if _, err := h.delegates(t, c.by, c.to, c.change); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
	if list, err := h.Desk.Delegations(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("it keeps %+v, %v", list, err)
	}
	d := h.mustDelegate(t, people[bo], dee)
	if _, err := h.delegates(t, people[bo], dee, nil); !errors.Is(err, store.ErrConflict) {
		t.Errorf("twice: %v", err)
	}
	h.takesBack(t, people[bo], d)
	if list, err := h.Desk.Delegations(t.Context()); err != nil || len(list) != 1 || list[0].Withdrawn == nil || list[0].From != bo {
		t.Errorf("it lists %+v, %v", list, err)
	}
	if got, err := h.Absent(t.Context(), dee); err != nil || len(got) != 0 {
		t.Errorf("dee stands in for %q, %v", got, err)
	}
	h.Absences = nil
	if _, err := h.Delegate(t.Context(), signedDelegation(t, people[bo])); !errors.Is(err, approval.ErrDelegation) {
		t.Errorf("where none are kept: %v", err)
	}
}

// signedDelegation is one that nobody has kept yet.
func signedDelegation(t *testing.T, k seal.Signer) *seal.Envelope {
	t.Helper()
	at := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	e, err := (&receipt.Delegation{ID: "d-9", From: k.Name(), To: dee, Begins: at, Ends: at.Add(time.Hour), At: at}).Sign(k)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Where the delegations cannot be read nothing is carried out, and nothing answered.
func TestDelegationsUnread(t *testing.T) {
	h := newHouse(t)
	people := h.govern(t, ownersWPC, bo, cy, dee)
	q := h.ask(t, "hello")
	h.all(t, people, q)
	broken := &approval.Absences{DB: noDelegations{}, Now: h.now}
	h.Absences, h.gate.Absences = broken, broken
	if _, err := h.send(t.Context(), "hello"); !errors.Is(err, errUnread) || h.sent.Load() != 0 {
		t.Errorf("the gate: %v", err)
	}
	if err := h.says(t, h.alice, q, nil); !errors.Is(err, errUnread) {
		t.Errorf("the desk: %v", err)
	}
	h.gate.Absences = gate.Absences(nil)
	if _, err := h.send(t.Context(), "hello"); err != nil {
		t.Errorf("with nobody absent: %v", err)
	}
}

var errUnread = errors.New("the delegations cannot be read")

type noDelegations struct{}

func (noDelegations) Delegate(context.Context, []byte, *receipt.Delegation) error { return errUnread }

func (noDelegations) Delegations(context.Context) ([]*seal.Envelope, error) { return nil, errUnread }
