// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"cmp"
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// The words of OpenTelemetry's conventions for what the house does.
const (
	opChat     = "chat"
	opGenerate = "generate_content"
	opTool     = "execute_tool"
)

// An Act is what an allowed call does outside the house: it asks a model, or has
// a tool work. The methods of a nil Act do nothing.
type Act struct {
	call      *Call
	span      trace.Span // nil: no traces
	begun     time.Time
	operation string
	model     string // that was asked for; "" of a tool
	route     string

	stream bool
	id     string // the provider's, of the answer
}

// Act begins telling of what the call of ctx does, whose opened receipt is
// durable; it must be ended. The context is for the act.
func (r *Recorder) Act(ctx context.Context, opened *receipt.Receipt) (context.Context, *Act) {
	c := callOf(ctx)
	if r == nil || c == nil {
		return ctx, nil
	}
	a := &Act{call: c, begun: time.Now(), operation: opTool}
	name, kind := opTool+" "+c.action.String(), trace.SpanKindInternal
	if c.action.Class == policy.Model {
		a.operation, a.model, a.route = operation(c.action), touched(opened, "model"), touched(opened, "route")
		name, kind = a.operation+" "+told(a.model), trace.SpanKindClient
	}
	c.act = a
	if r.tracer != nil {
		ctx, a.span = r.tracer.Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(attribute.String("clawea.job", c.job)))
	}
	return ctx, a
}

// callOf returns the call of ctx, or nil.
func callOf(ctx context.Context) *Call {
	c, _ := ctx.Value(callKey{}).(*Call)
	return c
}

// operation is what the conventions call asking a model by a.
func operation(a policy.Action) string {
	if a.Name == "generateContent" {
		return opGenerate
	}
	return opChat
}

// touched is the id of the first resource of a kind that r's call is about.
func touched(r *receipt.Receipt, kind string) string {
	if r.Call == nil {
		return ""
	}
	for _, res := range r.Call.Resources {
		if res.Type == kind {
			return res.ID
		}
	}
	return ""
}

// Answered tells of a model's answer what receipts do not say: whether it was to
// come as a stream, and the provider's id of it. It does nothing if ctx is not
// one that Act returned.
func Answered(ctx context.Context, stream bool, id string) {
	if c := callOf(ctx); c != nil && c.act != nil {
		c.act.stream, c.act.id = stream, id
	}
}

// End tells how a ended, and what the model said of itself.
func (a *Act) End(out *receipt.Outcome) {
	if a == nil {
		return
	}
	took := time.Since(a.begun)
	a.call.acted, a.call.act = took, nil
	failed := ""
	if out.Status != receipt.Done {
		failed = cmp.Or(a.call.recorder.codes.label(out.Code, true), string(out.Status))
	}
	if a.operation == opTool {
		a.endTool(took, failed)
	} else {
		a.endModel(took, failed, out.Model)
	}
	if a.span == nil {
		return
	}
	if failed != "" {
		a.span.SetStatus(codes.Error, "")
		a.span.SetAttributes(attribute.String("error.type", failed))
	}
	a.span.End()
}

func (a *Act) endTool(took time.Duration, failed string) {
	m, name := a.call.recorder.meters, a.call.action.String()
	m.tool.Record(context.Background(), took.Seconds(), m.of(&ofTool, labels{name, failed}))
	if a.span != nil {
		a.span.SetAttributes(attribute.String("gen_ai.operation.name", a.operation), attribute.String("gen_ai.tool.name", name))
	}
}

func (a *Act) endModel(took time.Duration, failed string, g *receipt.Generation) {
	if g == nil {
		g = &receipt.Generation{}
	}
	r, ctx := a.call.recorder, context.Background()
	provider := r.provider(a.route, g)
	model := r.models.label(a.model, failed == "") // a name that no provider has answered to may be made up
	of := func(kind, failed string) metric.MeasurementOption {
		return r.meters.of(&ofModel, labels{a.operation, provider, model, kind, failed})
	}
	r.meters.operation.Record(ctx, took.Seconds(), of("", failed))
	if a.stream && g.Took > 0 {
		r.meters.first.Record(ctx, float64(g.First)/1000, of("", ""))
	}
	if u := g.Usage; u != nil {
		r.meters.tokens.Record(ctx, int64(u.Input), of("input", ""))
		r.meters.tokens.Record(ctx, int64(u.Output), of("output", ""))
	}
	if a.span != nil {
		a.span.SetAttributes(attribute.String("gen_ai.operation.name", a.operation), attribute.String("gen_ai.provider.name", provider))
		a.describe(g)
	}
}

// provider is what the conventions call the provider behind route.
func (r *Recorder) provider(route string, g *receipt.Generation) string {
	switch dialect := cmp.Or(g.Provider, r.providers[route]); dialect {
	case "gemini":
		return "gcp.gemini"
	case "openai", "anthropic", "fal":
		return dialect
	}
	return other
}

// describe says on a's span what was asked for and what came.
func (a *Act) describe(g *receipt.Generation) {
	about := make([]attribute.KeyValue, 0, 16)
	for _, name := range []struct{ key, value string }{
		{"gen_ai.request.model", a.model}, {"clawea.route", a.route}, {"gen_ai.response.model", g.Model}, {"gen_ai.response.id", a.id},
	} {
		if plain(name.value) { // and no text
			about = append(about, attribute.String(name.key, name.value))
		}
	}
	if plain(g.Finish) {
		about = append(about, attribute.StringSlice("gen_ai.response.finish_reasons", []string{g.Finish}))
	}
	if a.stream {
		about = append(about, attribute.Bool("gen_ai.request.stream", true))
		if g.Took > 0 {
			about = append(about, attribute.Float64("gen_ai.response.time_to_first_chunk", float64(g.First)/1000))
		}
	}
	if u := g.Usage; u != nil {
		about = append(about, attribute.Int("gen_ai.usage.input_tokens", u.Input), attribute.Int("gen_ai.usage.output_tokens", u.Output))
		for _, part := range []struct {
			name string
			n    int
		}{
			{"gen_ai.usage.cache_read.input_tokens", u.CacheRead}, {"gen_ai.usage.cache_creation.input_tokens", u.CacheMade},
			{"gen_ai.usage.reasoning.output_tokens", u.Reasoning},
		} {
			if part.n > 0 {
				about = append(about, attribute.Int(part.name, part.n))
			}
		}
	}
	a.span.SetAttributes(about...)
}
