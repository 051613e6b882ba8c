// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/keys"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/verify"
)

// attestedTools is a policy that asks for an attestation.
const attestedTools = `{"wpc_version":"v1","tool_policy":{"allow":["exec","read"]},"agent_runtime":{"attestation_required":true}}`

// launched is a world whose house takes the attestations of a launcher.
func launched(t *testing.T) (*world, *keys.Key) {
	w := newWorld(t, "sqlite:clawea.db")
	k := w.person("ci")
	w.more += fmt.Sprintf(` "launchers": [%q],`, k.Public)
	return w, k
}

// attests is a launcher's word for what an agent runs in.
func attests(p seal.Hash, job string) *receipt.Attestation {
	now := time.Now().UTC().Truncate(time.Millisecond)
	return &receipt.Attestation{
		Job: job, Agent: "robot", Policy: p, Launcher: "ci@house.test", At: now, Until: now.Add(time.Hour), Program: "openclaw", Version: "2026.1.1",
		Runtime: policy.Runtime{Sandboxed: true, Workspace: "ro", Unelevated: true}, Config: seal.Sum([]byte("config")), Tools: []string{"exec", "read"},
		Extensions: []policy.Extension{}, Checks: []receipt.Check{},
	}
}

// A policy that asks for an attestation has tokens for whom a listed launcher attests it
// only, and its receipts say on which they stand.
func TestAttestedStory(t *testing.T) {
	w, ci := launched(t)
	h := w.start()
	published, err := h.client.Publish(t.Context(), h.signed(attestedTools))
	if err != nil {
		t.Fatal(err)
	}
	order := &api.Order{Agent: "robot", Job: "job-1", Policy: published.Hash}
	var refused *api.Problem
	if _, err := h.client.Issue(t.Context(), order); !errors.As(err, &refused) || refused.Code != "not_attested" || !strings.Contains(refused.Hint, "clawea cst issue -attestation") {
		t.Fatalf("without an attestation: %v", err)
	}
	a := attests(published.Hash, "job-1")
	for _, by := range []seal.Signer{h.alice, ci} {
		if order.Attestation, err = a.Sign(by); err != nil {
			t.Fatal(err)
		}
		issued, err := h.client.Issue(t.Context(), order)
		if by != seal.Signer(ci) {
			if !errors.As(err, &refused) || refused.Code != "not_attested" || !strings.Contains(refused.Detail, "no launcher") || !strings.Contains(refused.Hint, "launchers") {
				t.Errorf("by a person: %v", err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		var v api.Verdict
		if h.post("/v1/local", issued.Token, api.OwnCall{Tool: "read", Class: policy.Read, Args: json.RawMessage(`{}`)}, &v); v.Effect != policy.Allow {
			t.Errorf("%+v", v)
		}
	}
	if r := h.first("job-1").Facts.Runtime; r == nil || *r != *a.Attested() {
		t.Errorf("the facts have %+v", r)
	}
	paper, err := h.client.Trust(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if trust, err := verify.ParseTrust(paper); err != nil || !slices.Equal(trust.Launchers, []string{ci.Public}) {
		t.Errorf("the house says %s: %v", paper, err)
	}
}
