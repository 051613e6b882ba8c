// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"testing"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// A call of which nobody ever says what became of it is not held open: a job may have
// any number of them, and none is closed.
func TestUnreported(t *testing.T) {
	p := newPage()
	opened := func(seq uint64, c *policy.Call) *receipt.Receipt {
		return &receipt.Receipt{Kind: receipt.Opened, Job: "job-1", Seq: seq, Call: c, Decision: &policy.Decision{Effect: policy.Allow}}
	}
	c := &policy.Call{Tool: "shell", Class: policy.Read, Carrier: policy.Gateway("envoy"), Unreported: true}
	for seq := range uint64(maxOpen + 1) {
		if err := p.take(&entry{receipt: opened(seq+1, c)}); err != nil {
			t.Fatalf("receipt %d: %v", seq+1, err)
		}
	}
	if len(p.reserved) != 0 {
		t.Errorf("%d are held open", len(p.reserved))
	}
	if _, err := p.uses(&receipt.Receipt{Kind: receipt.Closed, Job: "job-1", Seq: maxOpen + 2, Opened: 1, Outcome: &receipt.Outcome{Status: receipt.Done}}); err == nil {
		t.Error("one is closed")
	}
}
