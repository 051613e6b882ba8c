// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package seam

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

const maxName = 128 // bytes of a tool's name, and of an action's

var (
	toolName = regexp.MustCompile(`^[a-z][a-z0-9_-]*$`)
	actions  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)
)

func actionName(s string) bool { return len(s) <= maxName && actions.MatchString(s) }

// A request is a call in the gate's terms. Of one that is of no tool it says why.
type request struct {
	*gate.Request
	code, says string
}

// request puts a call of tool's action with args into the gate's terms: of the house's
// tools as their connectors plan it, of an agent's own as one that touches nothing the
// house knows. Its class is class then.
func (h *Handler) request(toolName, action string, class policy.Class, args []byte, by *gate.Carrier) *request {
	a := policy.Action{Tool: toolName, Name: action, Class: class}
	canonical, err := seal.Canonical(args)
	t, ours := h.tools[a.String()]
	switch {
	case ours:
		a = t.Action
	case !h.own(toolName) || action != "" && !actionName(action):
		return stranger("unknown_tool", "there is no such tool; name one of the house's, or of the agent's own", args, by)
	}
	req := &gate.Request{Action: a, Text: canonical, Carrier: by}
	switch {
	case err != nil:
		req.Text = args
		req.Plan = fails("bad_argument", fmt.Sprintf("the arguments are not strict JSON: %v; send one object without duplicate names", err))
	case ours:
		req.Plan = func(ctx context.Context, bounds []policy.Bound) (*gate.Plan, error) {
			return t.connector.Plan(ctx, a.Name, canonical, bounds)
		}
	default:
		req.Plan = func(context.Context, []policy.Bound) (*gate.Plan, error) {
			return &gate.Plan{Call: &policy.Call{Tool: a.Tool, Action: a.Name, Class: a.Class}}, nil
		}
	}
	return &request{Request: req}
}

// stranger is a call of no tool. The gate denies it, with a receipt.
func stranger(code, says string, text []byte, by *gate.Carrier) *request {
	return &request{&gate.Request{Action: unknown, Text: text, Carrier: by, Plan: fails(code, says)}, code, says}
}

func fails(code, says string) func(context.Context, []policy.Bound) (*gate.Plan, error) {
	return func(context.Context, []policy.Bound) (*gate.Plan, error) {
		return nil, &gate.Fault{Code: code, Msg: says}
	}
}

// decide asks the gate. The error is a *gate.Refused, or the house's trouble.
func (h *Handler) decide(ctx context.Context, c *gate.Caller, req *request) (*api.Verdict, error) {
	r, err := h.gate.Open(ctx, c, req.Request)
	var denied *gate.Denied
	var fault *gate.Fault
	switch {
	case err == nil || errors.As(err, new(*gate.Pending)):
	case errors.As(err, &denied):
	default:
		return nil, err
	}
	out := &api.Verdict{Effect: r.Decision.Effect, Receipt: r.Name(), Reasons: r.Decision.Reasons, Approval: r.Asks}
	if denied != nil && errors.As(denied.Cause, &fault) {
		out.Code, out.Message = fault.Code, fault.Msg
	}
	if req.code != "" { // the policy could never allow it, so the gate has not asked why
		out.Code, out.Message = req.code, req.says
	}
	if out.Effect == policy.Allow && !req.Carrier.Silent {
		out.Ticket, out.Until = h.gate.Ticket(r), r.At.Add(h.gate.ReportTime)
	}
	return out, nil
}

// opened returns the opened receipt job/seq, if the house has signed it.
func (h *Handler) opened(ctx context.Context, job string, seq uint64) (*receipt.Receipt, error) {
	e, err := h.db.Receipt(ctx, job, seq)
	if err != nil {
		return nil, err
	}
	if _, err := e.Open(receipt.Type, h.gates...); err != nil {
		return nil, fmt.Errorf("receipt %s/%d: %w", job, seq, err)
	}
	r, err := receipt.Parse(e.Payload)
	if err != nil || r.Kind != receipt.Opened {
		return nil, gate.ErrNotCarried
	}
	return r, nil
}

// reasons are v's in words, with what it waits for.
func reasons(v *api.Verdict) string {
	var out []string
	for _, r := range v.Reasons {
		out = append(out, r.String())
	}
	return strings.Join(out, "; ")
}
