// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"testing"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/verify"
)

// A bundle has the papers of the candidates that its receipts name, so that
// their verdicts can be made again.
func TestShadow(t *testing.T) {
	h := newHouse(t)
	e, err := seal.Sign(h.ada, policy.Type, []byte(`{"tool_policy":{"allow":["desk.*"],"deny":["desk.read"]},"wpc_version":"v1"}`))
	if err != nil {
		t.Fatal(err)
	}
	entry, err := h.registry.Publish(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	candidate := entry.Policy.Hash()
	if err := h.db.PutShadow(t.Context(), h.policy, candidate); err != nil {
		t.Fatal(err)
	}
	h.gate.Shadows = h.db
	m := h.mint("job-1")
	if _, err := h.do(m.Raw, "read", "x"); err != nil {
		t.Fatal(err)
	}
	file := h.export("job-1", false)
	r := h.wantVerified(file)
	if warned := codes(r, verify.Warn); len(warned) > 0 {
		t.Errorf("warnings: %v", warned)
	}
	if !codes(r, verify.Pass)["shadow.verdict"] {
		t.Error("no verdict was made again")
	}
	b, err := bundle.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Policies) != 2 || b.Policies[1].Policy.Hash() != candidate {
		t.Errorf("%d policies", len(b.Policies))
	}
	if _, err := h.raw.ExecContext(t.Context(), `UPDATE policy SET binding = X'00' WHERE hash = ?`, candidate.String()); err != nil {
		t.Fatal(err)
	}
	if r := h.wantVerified(h.export("job-1", false)); !codes(r, verify.Warn)["shadow.unproven"] {
		t.Error("a verdict by a candidate that is damaged now is not said to be the gate's word")
	}
}
