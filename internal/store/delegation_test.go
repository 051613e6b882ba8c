// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// delegates has ana have lee answer in her stead for a day, but for what change
// makes of it, and keeps that.
func (h *house) delegates(t testing.TB, change func(*receipt.Delegation)) ([]byte, error) {
	t.Helper()
	now := h.clock.Now()
	d := &receipt.Delegation{ID: "d-1", From: "ana", To: "lee", Begins: now, Ends: now.Add(24 * time.Hour), At: now}
	if change != nil {
		change(d)
	}
	e, err := d.Sign(h.signerOf(t, d.From))
	if err != nil {
		t.Fatal(err)
	}
	b, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b, h.Delegate(t.Context(), b, d)
}

func (h *house) wantDelegations(t *testing.T, when string, want ...[]byte) {
	t.Helper()
	list, err := h.Delegations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantPapers(t, when, list, want)
}

func wantPapers(t *testing.T, when string, list []*seal.Envelope, want [][]byte) {
	t.Helper()
	var got [][]byte
	for _, e := range list {
		b, err := e.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, b)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: (-want +got)\n%s", when, diff)
	}
}

func TestDelegations(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		h.wantDelegations(t, "at first")
		begun := h.clock.Now()
		paper, err := h.delegates(t, func(d *receipt.Delegation) { d.Ends = d.Ends.Add(time.Microsecond) })
		if err != nil {
			t.Fatal(err)
		}
		h.clock.move(time.Millisecond)
		same := func(d *receipt.Delegation) {
			d.Begins, d.Ends, d.Withdraws = begun, begun.Add(24*time.Hour+time.Microsecond), true
		}
		for name, tt := range map[string]struct {
			change func(*receipt.Delegation)
			want   error
		}{
			"the same id again":      {nil, ErrConflict},
			"somebody else's id":     {func(d *receipt.Delegation) { d.From = "bob" }, ErrConflict},
			"taking back nothing":    {func(d *receipt.Delegation) { same(d); d.ID = "d-9" }, ErrNotFound},
			"taking back another's":  {func(d *receipt.Delegation) { same(d); d.From = "bob" }, ErrNotFound},
			"taking back from other": {func(d *receipt.Delegation) { same(d); d.To = "kim" }, ErrNotFound},
			"taking back until then": {func(d *receipt.Delegation) { same(d); d.Ends = d.Ends.Add(-time.Microsecond) }, ErrNotFound},
		} {
			if _, err := h.delegates(t, tt.change); !errors.Is(err, tt.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
		h.wantDelegations(t, "after what was refused", paper)
		back, err := h.delegates(t, same)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.delegates(t, same); !errors.Is(err, ErrConflict) {
			t.Errorf("taking it back twice: %v", err)
		}
		h.wantDelegations(t, "when it was taken back", paper, back)
		h.clock.move(24*time.Hour - time.Millisecond)
		h.wantDelegations(t, "at its last moment", paper, back)
		h.clock.move(time.Millisecond)
		h.wantDelegations(t, "when it is over")
		for _, tt := range []struct {
			from, to string
			want     [][]byte
		}{{"ana", "lee", [][]byte{paper, back}}, {"lee", "ana", nil}, {"ana", "kim", nil}} {
			list, err := h.DelegationsTo(t.Context(), tt.from, tt.to)
			if err != nil {
				t.Fatal(err)
			}
			wantPapers(t, tt.from+" to "+tt.to, list, tt.want)
		}
	})
}

// Of one person there are not more than can be read for each answer.
func TestTooManyDelegations(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		for i := range maxDelegations {
			if _, err := h.delegates(t, func(d *receipt.Delegation) { d.ID = fmt.Sprint("d-", i) }); err != nil {
				t.Fatal(err)
			}
		}
		one := func(id, from string) error {
			_, err := h.delegates(t, func(d *receipt.Delegation) { d.ID, d.From = id, from })
			return err
		}
		if err := one("more", "ana"); !errors.Is(err, ErrTooMany) {
			t.Errorf("one more: %v", err)
		}
		if err := one("other", "bob"); err != nil {
			t.Errorf("another's: %v", err)
		}
		h.clock.move(24 * time.Hour)
		if err := one("more", "ana"); err != nil {
			t.Errorf("when those are over: %v", err)
		}
	})
}

// What is not the paper that it is said to be is not kept.
func TestDelegateOtherPaper(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		paper, err := h.delegates(t, nil)
		if err != nil {
			t.Fatal(err)
		}
		now := h.clock.Now()
		d := &receipt.Delegation{ID: "d-2", From: "ana", To: "kim", Begins: now, Ends: now.Add(time.Hour), At: now}
		for _, b := range [][]byte{paper, nil, bytes.Replace(paper, []byte("delegation"), []byte("approval"), 1)} {
			if err := h.Delegate(t.Context(), b, d); err == nil {
				t.Errorf("it takes %q", b)
			}
		}
		h.wantDelegations(t, "then", paper)
	})
}

// Of one human the last answer counts, whoever it is for.
func TestAnswersForOthers(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		job := h.job(t, "job-1")
		q := h.ask(t, job, call(1, "a"))
		for i, whose := range []string{"ana", "", "bob"} {
			h.clock.move(time.Second)
			_, a := h.answer(t, q, true)
			a.For = whose
			if err := h.DB.Answer(t.Context(), q.ID, h.signAnswer(t, a), a, decides(2)); err != nil {
				t.Fatal(err)
			}
			given, err := h.Given(t.Context(), q.ID)
			if err != nil || len(given[q.ID]) != 1 || given[q.ID][0].For != whose {
				t.Errorf("after answer %d: %+v, %v", i+1, given, err)
			}
			if f := facts(h.state(t, job)); len(f) != 1 || f[0].For != whose {
				t.Errorf("after answer %d: %+v", i+1, f)
			}
		}
	})
}
