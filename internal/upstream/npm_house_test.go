// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package upstream_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/gate"
	sim "github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/internal/upstream"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// An npmHouse is a simulated site with a server from npm before it, and a policy that
// decides what that may do.
type npmHouse struct {
	t      *testing.T
	site   *sim.Site
	set    *upstream.Set
	npm    *npmServer
	policy *policy.Policy
	system string // "jira"
	prefix string // of its tools
	seq    uint64
	calls  []string // that were allowed
}

// carry decides and carries out a call. The policy speaks of REST and pins nothing: what is
// decided otherwise for other people's servers is tested where that is decided.
func (h *npmHouse) carry(ctx context.Context, req *gate.Request) (*gate.Result, error) {
	plan, err := req.Plan(ctx, h.policy.Bounds(h.system))
	if err != nil {
		return nil, err
	}
	byREST := *plan.Call
	byREST.Mode = "official_api"
	if d := h.policy.Decide(&byREST, &policy.Facts{Now: time.Unix(0, 0)}); d.Effect != policy.Allow {
		return nil, &gate.Fault{Code: "denied", Msg: fmt.Sprint("the policy says no: ", d.Reasons)}
	}
	h.calls = append(h.calls, plan.Call.Action)
	h.seq++
	return plan.Act(ctx, &receipt.Receipt{Kind: receipt.Opened, Job: "j", Seq: h.seq, At: time.Now(), Call: plan.Call})
}

func (h *npmHouse) ask(tool, args string) (string, error) {
	h.t.Helper()
	h.calls = nil
	h.npm.requests()
	req := h.set.Request(h.t.Context(), h.prefix+tool, []byte(args), h.carry)
	if req == nil {
		h.t.Fatalf("there is no tool %s", tool)
	}
	res, err := h.carry(h.t.Context(), req)
	h.t.Logf("%s %s\n  %s", tool, args, h.npm.requests())
	if err != nil {
		return "", err
	}
	return string(res.Body), nil
}
