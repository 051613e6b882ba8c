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
	if asked("+ one") != asked("+ one") || asked("+ one") == asked("+ two") {
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
		{receipt.Untold, "it changed page 123, version 8"},
	} {
		t.Run(string(test.state), func(t *testing.T) {
			h, acts := newHouse(t), 0
			if _, _, err := h.Do(t.Context(), show(h.raw), changing(&acts, "+ a")); err != nil {
				t.Fatal(err)
			}
			digest := h.lines[0].Receipt.Call.Digest()
			h.state.Changes = map[seal.Hash]receipt.Earlier{digest: {Seq: 1, State: test.state, Target: policy.Resource{Type: "page", ID: "123", Version: "8"}}}
			r, _, err := h.Do(t.Context(), show(h.raw), changing(&acts, "+ a"))
			refused := (*gate.Refused)(nil)
			if !errors.As(err, &refused) || refused.Code != string(test.state) || r.Refused != refused.Code || refused.Status() != http.StatusConflict || refused.Hint() == "" {
				t.Fatalf("got %v, %v", err, r)
			}
			if !strings.Contains(err.Error(), test.says) {
				t.Errorf("it says %q", err)
			}
			if _, _, err := h.Do(t.Context(), show(h.raw), changing(&acts, "+ b")); err != nil {
				t.Errorf("another change: %v", err)
			}
			if _, _, err := h.Do(t.Context(), show(h.raw), request(&acts)); err != nil {
				t.Errorf("the same call, of which nobody says what it changes: %v", err)
			}
			if acts != 3 || !strings.HasSuffix(h.kinds(), "refused "+string(test.state)+", opened allow, closed done, opened allow, closed done") {
				t.Errorf("%d acts: %s", acts, h.kinds())
			}
		})
	}
}
