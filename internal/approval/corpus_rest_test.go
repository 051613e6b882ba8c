// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package approval_test

import (
	"errors"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/approval"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// More of the known bugs: answers that wander, clocks that go back, jobs that are over,
// and differences that are not those that were shown.
func TestCorpusRest(t *testing.T) {
	const hello = "hello"
	over := func(kind string, after bool) func(t *testing.T, h *house, people map[string]seal.Signer, q *approval.Question) {
		return func(t *testing.T, h *house, people map[string]seal.Signer, q *approval.Question) {
			target := map[string]string{token.RevokeToken: string(h.claims.ID), token.RevokeJob: q.Job, token.RevokeAgent: "robot"}[kind]
			if after {
				h.all(t, people, q)
			}
			if _, err := h.db.Revoke(t.Context(), store.Revocation{Revocation: token.Revocation{Kind: kind, Target: target}, By: "ops", At: h.now()}); err != nil {
				t.Fatal(err)
			}
			for name, k := range people {
				if err := h.says(t, k, q, nil); !errors.Is(err, store.ErrConflict) {
					t.Errorf("%s answers after it is over: %v", name, err)
				}
			}
			_, err := h.send(t.Context(), hello)
			if refused := (*gate.Refused)(nil); !errors.As(err, &refused) {
				t.Errorf("it is not refused: %v", err)
			}
		}
	}
	for name, do := range map[string]func(t *testing.T, h *house, people map[string]seal.Signer, q *approval.Question){
		"an answer to the same call of another job": func(t *testing.T, h *house, people map[string]seal.Signer, q *approval.Question) {
			h.order(t, "t3", "ci")
			other := h.ask(t, hello)
			h.move(time.Millisecond)
			for name, k := range people {
				a := h.yes(q)
				a.By = name
				e, err := a.Sign(k)
				if err != nil {
					t.Fatal(err)
				}
				_, err = h.Answer(t.Context(), other.ID, e)
				h.wantRefused(t, err, approval.ErrOther)
				if _, err := h.Answer(t.Context(), q.ID, e); err != nil {
					t.Fatal(err)
				}
			}
			if got := h.waits(t, hello, other); got != "3 more people have to say yes" {
				t.Error(got)
			}
		},
		"a clock that is set back brings no yes to life again": func(t *testing.T, h *house, people map[string]seal.Signer, q *approval.Question) {
			for _, name := range []string{"alice@house.test", "bo@house.test", "cy@house.test"} {
				h.mustSay(t, people[name], q, func(a *receipt.Answer) { a.Expires = a.At.Add(time.Minute) })
			}
			h.move(2 * time.Minute)
			h.mustAsk(t, hello, q)
			h.move(-90 * time.Second)
			h.mustAsk(t, hello, q)
		},
		"a clock that is set back before the answer": func(t *testing.T, h *house, people map[string]seal.Signer, q *approval.Question) {
			for _, k := range people {
				h.mustSay(t, k, q, nil)
			}
			h.move(-time.Hour)
			_, err := h.send(t.Context(), hello)
			if pending := (*gate.Pending)(nil); !errors.As(err, &pending) {
				t.Errorf("an answer of the future counts: %v", err)
			}
		},
		"answered after its token was revoked": over(token.RevokeToken, false),
		"answered after its job was stopped":   over(token.RevokeJob, false),
		"answered after all was stopped":       over(token.RevokeAll, false),
		"its token is revoked after the yes":   over(token.RevokeToken, true),
		"its job is stopped after the yes":     over(token.RevokeJob, true),
		"its agent is stopped after the yes":   over(token.RevokeAgent, true),
		"another difference at the time of the call": func(t *testing.T, h *house, people map[string]seal.Signer, _ *approval.Question) {
			h.version = "7"
			q := h.ask(t, hello)
			for _, k := range people {
				h.mustSay(t, k, q, func(a *receipt.Answer) { a.Shown = receipt.ShownHash(difference) })
			}
			h.diff = "-a\n+everything\n"
			h.mustAsk(t, hello, q)
		},
		"another difference between the question and the answer": func(t *testing.T, h *house, people map[string]seal.Signer, _ *approval.Question) {
			h.version = "7"
			seen := h.ask(t, hello)
			h.diff = "-a\n+everything\n"
			now := h.ask(t, hello)
			for _, k := range people { // who was shown the first, and is handed the second
				h.wantRefused(t, h.says(t, k, now, func(a *receipt.Answer) { a.Shown = receipt.ShownHash(difference) }), approval.ErrShown)
				h.wantRefused(t, h.says(t, k, now, func(a *receipt.Answer) { a.Call, a.Shown = seen.Call, receipt.ShownHash(difference) }), approval.ErrOther)
			}
			h.waits(t, hello, now)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			people := h.govern(t, ownersWPC, "bo@house.test", "cy@house.test")
			do(t, h, people, h.ask(t, hello))
			if h.sent.Load() != 0 {
				t.Errorf("%d were sent", h.sent.Load())
			}
		})
	}
}
