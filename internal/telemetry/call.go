// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/token"
)

// A Call is one on its way through the gate. It belongs to the goroutine that
// carries it. The methods of a nil Call do nothing.
type Call struct {
	recorder *Recorder
	span     trace.Span // nil: no traces
	job      string
	action   policy.Action
	begun    time.Time
	acted    time.Duration // what the act took
	act      *Act          // under way
}

// callKey is what a context holds its Call by.
type callKey struct{}

// Call begins telling of a call of a by c; it must be ended. The context is for
// all that the call does.
func (r *Recorder) Call(ctx context.Context, c *token.Claims, a policy.Action) (context.Context, *Call) {
	if r == nil {
		return ctx, nil
	}
	call := &Call{recorder: r, job: c.Job, action: a, begun: time.Now()}
	if r.tracer != nil {
		ctx, call.span = r.tracer.Start(ctx, a.String(), trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
			attribute.String("clawea.job", c.Job), attribute.String("clawea.agent", c.Agent),
			attribute.String("clawea.tool", a.Tool), attribute.String("clawea.action", a.Name)))
	}
	r.meters.active.Add(ctx, 1)
	return context.WithValue(ctx, callKey{}, call), call
}

// End tells how c ended: r is its last receipt, nil if it has none, and refused
// is the code of what did not hold, a token's, a policy's or the house's bound,
// "" if nothing of that kind.
func (c *Call) End(r *receipt.Receipt, refused string) {
	if c == nil {
		return
	}
	v := c.recorder.verdict(r, refused)
	c.recorder.count(c.action, v)
	// The call's context may have ended, and nothing here hangs on it.
	ctx, took := context.Background(), time.Since(c.begun)
	c.recorder.meters.active.Add(ctx, -1)
	c.recorder.meters.gate.Record(ctx, (took - c.acted).Seconds(), c.recorder.meters.of(&ofCall, labels{c.action.Tool, c.action.Name, v.effect}))
	if c.span == nil {
		return
	}
	c.span.SetAttributes(line{&ofCall, labels{"", "", v.effect, v.code, v.status}}.attributes()...)
	if r != nil {
		c.span.SetAttributes(attribute.String("clawea.receipt", r.Name()))
	}
	if v.trouble() {
		c.span.SetStatus(codes.Error, "")
		c.span.SetAttributes(attribute.String("error.type", v.effect))
	}
	c.span.End()
}

// Refused tells of a call of a that was turned away before it was a Call's.
// code is as of Call.End; "" says that the house was in trouble.
func (r *Recorder) Refused(a policy.Action, code string) {
	if r != nil {
		r.count(a, r.verdict(nil, code))
	}
}

func (r *Recorder) count(a policy.Action, v verdict) {
	r.meters.calls.Add(context.Background(), 1, r.meters.of(&ofCall, labels{a.Tool, a.Name, v.effect, v.code, v.status}))
}

// A verdict is how a call ended, in words that are few.
type verdict struct {
	effect string // "allow", "ask", "deny", "refused", "unavailable"
	code   string // why it was refused, could not be decided, or what the other side said
	status string // of what was allowed: as receipts say it, "elsewhere" if a gateway carries it out, or "unclosed"
}

func (r *Recorder) verdict(last *receipt.Receipt, refused string) verdict {
	switch {
	case refused != "":
		return verdict{effect: "refused", code: r.codes.label(refused, true)}
	case last != nil && last.Outcome != nil:
		return verdict{policy.Allow.String(), r.codes.label(last.Outcome.Code, true), string(last.Outcome.Status)}
	case last == nil || last.Decision == nil:
		return verdict{effect: "unavailable"}
	case last.Decision.Effect == policy.Allow && last.Call != nil && last.Call.Carrier != "":
		return verdict{effect: policy.Allow.String(), status: "elsewhere"}
	case last.Decision.Effect == policy.Allow:
		return verdict{effect: policy.Allow.String(), status: "unclosed"}
	}
	v := verdict{effect: last.Decision.Effect.String()}
	if last.Call != nil {
		v.code = r.codes.label(last.Call.Unresolved, true)
	}
	return v
}

// trouble reports whether the house itself failed.
func (v verdict) trouble() bool { return v.effect == "unavailable" || v.status == "unclosed" }
