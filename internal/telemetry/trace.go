// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// maxParent bounds a traceparent header: one of version 00 has 55 bytes, and
// later ones may have more.
const maxParent = 128 // bytes

// Handler returns h, with requests whose traceparent header (W3C Trace Context)
// is good having their calls' spans below the agent's. What else agents send of
// traces, tracestate and baggage, is not read: it is text of theirs. Whether a
// trace is kept is not theirs to say either. A nil Recorder returns h.
func (r *Recorder) Handler(h http.Handler) http.Handler {
	if r == nil {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if parent := arriving(req.Header); parent.IsValid() {
			req = req.WithContext(trace.ContextWithRemoteSpanContext(req.Context(), parent))
		}
		h.ServeHTTP(w, req)
	})
}

// arriving reads where a request belongs. It is not valid if h does not say, or
// says it in a way that readers might take differently.
func arriving(h http.Header) trace.SpanContext {
	given := h.Values("Traceparent")
	if len(given) != 1 || len(given[0]) > maxParent {
		return trace.SpanContext{}
	}
	only := propagation.MapCarrier{"traceparent": given[0]}
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), only))
}

// Inject tells whoever is asked next where the request with header h belongs:
// traceparent, and the job's id as the baggage clawea.job (W3C Baggage). It does
// nothing if ctx has no call. What stood there is replaced.
func Inject(ctx context.Context, h http.Header) {
	c := callOf(ctx)
	if c == nil {
		return
	}
	h.Del("Tracestate")
	h.Del("Traceparent")
	h.Del("Baggage")
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(h))
	job, err := baggage.NewMemberRaw("clawea.job", c.job)
	if err != nil { // unreachable: jobs have plain names
		return
	}
	b, err := baggage.New(job)
	if err != nil { // unreachable: it is one short member
		return
	}
	h.Set("Baggage", b.String())
}
