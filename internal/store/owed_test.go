// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/token"
)

// tells is a next that records an order in job's chain.
func (h *house) tells(job string, kind receipt.Kind, r Revocation) next {
	return func(st *receipt.State) (*receipt.Line, error) {
		return receipt.Revoke(st, job, kind, &receipt.Revocation{ID: r.ID, Revocation: r.Revocation, By: r.By}).Line(h.gate)
	}
}

// settle writes all receipts that are owed.
func (h *house) settle(t testing.TB) []string {
	t.Helper()
	owed, err := h.Owed(context.Background(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, o := range owed {
		h.mustWrite(t, o.Chain, h.tells(o.Chain, o.Kind, o.Revocation))
		out = append(out, fmt.Sprintf("%s %s in %s", o.Kind, o.Revocation.Revocation, o.Chain))
	}
	return out
}

func (h *house) mustRestore(t testing.TB) {
	t.Helper()
	if err := h.Restore(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// An order is owed to each chain once, and stays in force until all say that it
// is lifted.
func TestOwed(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		h.owned(t, "job-1", "ann", testPolicy)
		h.owned(t, "job-2", "bob", testPolicy)
		r := h.revoke(t, token.RevokeAgent, "ann", "").Revocation
		if owed, err := h.Owed(ctx, 0, time.Millisecond); err != nil || len(owed) != 0 {
			t.Errorf("owed for long: %v, %v", owed, err)
		}
		if owed, err := h.Owed(ctx, r.ID, 0); err != nil || len(owed) != 2 {
			t.Errorf("owed: %v, %v", owed, err)
		}
		if owed, err := h.Owed(ctx, r.ID+1, 0); err != nil || len(owed) != 0 {
			t.Errorf("owed of another: %v, %v", owed, err)
		}
		refused := func(what, job string, n next) {
			t.Helper()
			if err := h.Write(ctx, job, n); !errors.Is(err, ErrConflict) {
				t.Errorf("%s: got %v, want ErrConflict", what, err)
			}
		}
		lie, unknown := r, r
		lie.Target, unknown.ID = "bob", 99
		refused("restored before it is revoked", "job-1", h.tells("job-1", receipt.Restored, r))
		refused("of a job that it does not concern", "job-2", h.tells("job-2", receipt.Revoked, r))
		refused("about something else", "job-1", h.tells("job-1", receipt.Revoked, lie))
		refused("of no order", "job-1", h.tells("job-1", receipt.Revoked, unknown))
		ends := h.together(wish{"job-1", h.tells("job-1", receipt.Revoked, r)}, wish{"job-1", h.tells("job-1", receipt.Revoked, r)})
		if ends[0] != nil || !errors.Is(ends[1], ErrConflict) {
			t.Errorf("twice at once: got %v", ends)
		}
		refused("twice", "job-1", h.tells("job-1", receipt.Revoked, r))
		refused("restored before it is lifted", "job-1", h.tells("job-1", receipt.Restored, r))

		lifted, err := h.Lift(ctx, r.ID, "grace")
		if err != nil || lifted.LiftedBy != "grace" || lifted.Lifted == nil || !slices.Equal(lifted.Jobs, []string{"job-1"}) {
			t.Errorf("lifted: %+v, %v", lifted, err)
		}
		h.mustRestore(t)                                   // which no chain says yet
		again := h.revoke(t, token.RevokeAgent, "ann", "") // before the first has ended
		if again.ID == r.ID {
			t.Error("an order that is being lifted was taken for one that stays")
		}
		want := []string{"revoked agent:ann in house", "restored agent:ann in house", "restored agent:ann in job-1", "revoked agent:ann in house", "revoked agent:ann in job-1"}
		if diff := cmp.Diff(want, h.settle(t)); diff != "" {
			t.Errorf("owed:\n%s", diff)
		}
		if got := len(h.state(t, "job-1").Revoked); got != 2 {
			t.Errorf("%d orders are in force, want both", got)
		}
		h.mustRestore(t)
		h.mustRestore(t)
		if diff := cmp.Diff([]token.Revocation{again.Revocation.Revocation}, h.state(t, "job-1").Revoked); diff != "" {
			t.Errorf("in force:\n%s", diff)
		}
		refused("restored twice", "job-1", h.tells("job-1", receipt.Restored, r))
		if left := h.settle(t); len(left) != 0 {
			t.Errorf("still owed: %v", left)
		}
		list, err := h.Revocations(ctx, false, 0)
		if err != nil || len(list) != 1 || list[0].ID != again.ID {
			t.Errorf("in force: %v, %v", list, err)
		}
		if list, err = h.Revocations(ctx, true, 0); err != nil || len(list) != 2 || list[1].Restored == nil {
			t.Errorf("all: %v, %v", list, err)
		}
		checkChain(t, h.DB, "job-1")
		if got := len(checkChain(t, h.DB, receipt.Journal)); got != 3 {
			t.Errorf("the journal has %d receipts, want 3", got)
		}
	})
}

// A receipt of an order whose commit was carried out unheard is not written
// twice.
func TestOwedCommitUnheard(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		h.owned(t, "job-1", "ann", testPolicy)
		r := h.revoke(t, token.RevokeAgent, "ann", "").Revocation
		h.commits(map[int]func(*sql.Tx) error{1: doneButLost})
		if ends := h.together(wish{"job-1", h.tells("job-1", receipt.Revoked, r)}); ends[0] != nil {
			t.Error(ends[0])
		}
		if got := len(checkChain(t, h.DB, "job-1")); got != 1 {
			t.Errorf("got %d receipts, want 1", got)
		}
	})
}

// The journal is a chain like any other, but in no list of jobs.
func TestJournal(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		c := &policy.Call{Tool: "mcp", Action: "unknown", Args: text("x").Commitment}
		h.mustWrite(t, receipt.Journal, func(st *receipt.State) (*receipt.Line, error) {
			return receipt.RefuseStranger(st, c, token.Code(token.ErrSignature)).Line(h.gate, text("x"))
		})
		if list := checkChain(t, h.DB, receipt.Journal); len(list) != 1 || list[0].Refused != "token.signature" {
			t.Errorf("got %v", list)
		}
		if n, err := h.Sequence(t.Context(), 10, fold); n != 1 || err != nil {
			t.Errorf("sequence: got %d, %v, want 1", n, err)
		}
		if list, err := h.Jobs(t.Context(), 0); err != nil || len(list) != 0 {
			t.Errorf("jobs: %v, %v", list, err)
		}
	})
}
