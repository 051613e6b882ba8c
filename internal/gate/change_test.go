// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// changing asks for deploy.run, which changes something outside.
func changing(acts *int, diff string, change ...func(*policy.Call)) *gate.Request {
	req := request(acts, change...)
	plain := req.Plan
	req.Plan = func(ctx context.Context, bounds []policy.Bound) (*gate.Plan, error) {
		p, err := plain(ctx, bounds)
		if err == nil {
			p.Change = &receipt.Change{
				Summary: "Deploy to prod", Request: receipt.Request{Method: "POST", Path: "/deploy", Body: json.RawMessage(`{"to":"prod"}`)},
				Undo: receipt.Undo{Irreversible: "it is out"}, Diff: diff,
			}
		}
		return p, err
	}
	return req
}

// unplannable is the same request, which cannot be put in policy terms any more.
func unplannable(acts *int) *gate.Request {
	req := changing(acts, "")
	req.Plan = func(context.Context, []policy.Bound) (*gate.Plan, error) {
		return nil, &gate.Fault{Code: "conflict", Msg: "it is at another version; read it again"}
	}
	return req
}

// text is the text behind a commitment of line n, or nothing.
func (h *house) text(n int, of seal.Hash) []byte {
	for _, t := range h.lines[n].Texts {
		if t.Commitment == of {
			return t.Bytes
		}
	}
	return nil
}

func TestChangeIsWrittenDown(t *testing.T) {
	h, acts := newHouse(t), 0
	if _, _, err := h.Do(t.Context(), show(h.raw), changing(&acts, "+ prod")); err != nil || acts != 1 {
		t.Fatalf("%v, %d acts", err, acts)
	}
	c, err := receipt.ParseChange(h.text(0, h.lines[0].Receipt.Call.Change))
	if err != nil || c.Diff != "+ prod" {
		t.Errorf("the opened receipt's change: %v, %v", c, err)
	}
	external := func(c *policy.Call) { c.Categories = []string{"external_send"} }
	asked := func(diff string) string {
		var p *gate.Pending
		if _, _, err := h.Do(t.Context(), show(h.raw), changing(&acts, diff, external)); !errors.As(err, &p) {
			t.Fatalf("got %v, want a question", err)
		}
		if h.text(len(h.lines)-1, p.Receipt.Call.Change) == nil {
			t.Error("who is asked is not shown the change")
		}
		return p.Receipt.Call.Digest().String()
	}
	one, again, two := asked("+ one"), asked("+ one"), asked("+ two")
	if one != again || one == two {
		t.Error("a question is about the exact change, and only about it")
	}
	denied := changing(&acts, "+ prod", func(c *policy.Call) { c.Unresolved = "outside" })
	r, _, err := h.Do(t.Context(), show(h.raw), denied)
	if !is[*gate.Denied](err) || h.text(len(h.lines)-1, r.Call.Change) != nil {
		t.Errorf("%v; of what is denied nothing is kept but what the agent sent", err)
	}
	if acts != 1 {
		t.Errorf("%d acts", acts)
	}
}

func TestChangeTooLong(t *testing.T) {
	h, acts := newHouse(t), 0
	if _, _, err := h.Do(t.Context(), show(h.raw), changing(&acts, strings.Repeat("x", receipt.MaxChange))); err == nil || len(h.lines) > 0 || acts > 0 {
		t.Errorf("%v, %d receipts, %d acts", err, len(h.lines), acts)
	}
}

// What may have happened is not done again, and what has happened is told.
func TestEarlierCall(t *testing.T) {
	for _, test := range []struct {
		state receipt.Unsettled
		says  string
	}{
		{receipt.UnderWay, "under way, or broke off"},
		{receipt.Unclear, "not known yet"},
		{receipt.Untold, "its answer was lost: see page 123, version 8"},
		{receipt.Lately, "less than a minute ago: see page 123, version 8"},
	} {
		t.Run(string(test.state), func(t *testing.T) {
			h, acts := newHouse(t), 0
			if _, _, err := h.Do(t.Context(), show(h.raw), changing(&acts, "+ a")); err != nil {
				t.Fatal(err)
			}
			attempt := receipt.Attempt(h.lines[0].Receipt.Call)
			h.state.Changes = map[seal.Hash]receipt.Earlier{attempt: {Seq: 1, State: test.state, Target: policy.Resource{Type: "page", ID: "123", Version: "8"}}}
			r, _, err := h.Do(t.Context(), show(h.raw), changing(&acts, "+ a"))
			refused := (*gate.Refused)(nil)
			if !errors.As(err, &refused) || refused.Code != string(test.state) || r.Refused != refused.Code || refused.Status() != http.StatusConflict || refused.Hint() == "" {
				t.Fatalf("got %v, %v", err, r)
			}
			if !strings.Contains(err.Error(), test.says) {
				t.Errorf("it says %q", err)
			}
			// That what is there has changed since makes it no other attempt.
			for name, req := range map[string]*gate.Request{"another version": changing(&acts, "+ b"), "a plan that cannot be made": unplannable(&acts)} {
				if _, _, err := h.Do(t.Context(), show(h.raw), req); !is[*gate.Unsettled](err) {
					t.Errorf("%s: %v", name, err)
				}
			}
			other := changing(&acts, "+ a")
			other.Text = []byte(`{"to":"test"}`)
			if _, _, err := h.Do(t.Context(), show(h.raw), other); err != nil || acts != 2 {
				t.Errorf("another attempt: %v, %d acts", err, acts)
			}
		})
	}
}
