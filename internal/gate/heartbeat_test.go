// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/token"
)

const watched = `{"wpc_version":"v1","tool_policy":{"allow":["deploy.*"]},"model_route":{"allowed":["alpha"]},"agent_runtime":{"heartbeat_seconds":30}}`

var messages = policy.Action{Tool: "model", Name: "messages", Class: policy.Model}

// under puts h under another policy.
func (h *house) under(t *testing.T, wpc string, catalog ...policy.Action) {
	t.Helper()
	h.policy = housetest.Policy(t, wpc)
	h.claims.Expires = time.Now().Add(time.Hour).Unix()
	var err error
	if h.raw, _, err = token.Mint(newSigner(t, "issuer.test", 2), h.policy, catalog, h.policy.Whole(catalog), h.claims); err != nil {
		t.Fatal(err)
	}
}

// asksModel is a model call.
func asksModel(acts *int) *gate.Request {
	return &gate.Request{Action: messages, Text: []byte(`{}`), Plan: func(context.Context, []policy.Bound) (*gate.Plan, error) {
		c := &policy.Call{Tool: "model", Action: "messages", Class: policy.Model, Resources: []policy.Resource{{Type: "route", ID: "alpha"}, {Type: "model", ID: "m"}}}
		return &gate.Plan{Call: c, Act: func(context.Context, *receipt.Receipt) (*gate.Result, error) {
			*acts++
			return &gate.Result{Body: []byte("hello"), Outcome: receipt.Outcome{Status: receipt.Done}}, nil
		}}, nil
	}}
}

// Where a policy wants a heartbeat, nothing is let through before the job's plugin was
// heard of, and after it was silent for too long: neither tools, nor models, nor the
// program's own. The receipts say how long that was.
func TestHeartbeat(t *testing.T) {
	for name, test := range map[string]struct {
		ago     time.Duration // when it was heard of; -1: never
		silence int
		allowed bool
	}{
		"never":                    {-1, 0, false},
		"now":                      {0, 0, true},
		"a moment ago":             {time.Millisecond, 1, true},
		"in time":                  {30 * time.Second, 30, true},
		"a moment too late":        {30*time.Second + time.Millisecond, 31, false},
		"far too late":             {time.Hour, 3600, false},
		"by a clock that is ahead": {-2 * time.Second, 0, true}, // another replica's
	} {
		synctest.Test(t, func(t *testing.T) {
			h, acts := newHouse(t), 0
			h.ReportTime = time.Minute
			h.under(t, watched, deploy, messages)
			heard := time.Now().Add(-test.ago)
			if test.ago != -1 {
				h.state.Heard = &heard
			}
			_, _, toolErr := h.Do(t.Context(), show(h.raw), request(&acts))
			_, _, modelErr := h.Do(t.Context(), show(h.raw), asksModel(&acts))
			c, err := h.Authenticate(t.Context(), show(h.raw), deploy)
			if err != nil {
				t.Fatal(err)
			}
			own := request(&acts)
			own.Carrier = &gate.Carrier{Own: true}
			_, ownErr := h.Open(t.Context(), c, own)
			if (toolErr == nil) != test.allowed || (modelErr == nil) != test.allowed || (ownErr == nil) != test.allowed || (acts == 2) != test.allowed {
				t.Errorf("%s: tool %v, model %v, own %v, %d acts", name, toolErr, modelErr, ownErr, acts)
			}
			f := h.lines[0].Receipt.Facts
			if never := test.ago == -1; (f.Silence == nil) != never || !never && *f.Silence != test.silence {
				t.Errorf("%s: facts %+v", name, f)
			}
		})
	}
}
