// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"
)

// The bounds of histograms: those of the conventions for models, and for the
// house, whose part of a call is a few dozen microseconds, its own.
var (
	operationBounds = []float64{0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92}
	tokenBounds     = []float64{1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864}
	houseBounds     = []float64{0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10}
)

// Meters are the metrics.
type meters struct {
	*series

	calls    metric.Int64Counter
	active   metric.Int64UpDownCounter
	gate     metric.Float64Histogram
	receipts metric.Int64Counter
	commit   metric.Float64Histogram

	tokens    metric.Int64Histogram
	operation metric.Float64Histogram
	first     metric.Float64Histogram
	tool      metric.Float64Histogram
}

func newMeters(m metric.Meter, c Config) (*meters, error) {
	out := meters{series: newSeries()}
	var errs [10]error
	out.calls, errs[0] = m.Int64Counter("clawea.calls", metric.WithUnit("{call}"),
		metric.WithDescription("Calls that were carried through the gate or turned away there."))
	out.active, errs[1] = m.Int64UpDownCounter("clawea.calls.active", metric.WithUnit("{call}"),
		metric.WithDescription("Calls under way."))
	out.gate, errs[2] = m.Float64Histogram("clawea.gate.duration", metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(houseBounds...),
		metric.WithDescription("The house's own part of a call: all but the act."))
	out.receipts, errs[3] = m.Int64Counter("clawea.receipts", metric.WithUnit("{receipt}"),
		metric.WithDescription("Receipts committed by the gate."))
	out.commit, errs[4] = m.Float64Histogram("clawea.commit.duration", metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(houseBounds...),
		metric.WithDescription("From asking for a receipt's commit until it is durable."))
	out.tokens, errs[5] = m.Int64Histogram("gen_ai.client.token.usage", metric.WithUnit("{token}"), metric.WithExplicitBucketBoundaries(tokenBounds...),
		metric.WithDescription("Number of input and output tokens used."))
	out.operation, errs[6] = m.Float64Histogram("gen_ai.client.operation.duration", metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(operationBounds...),
		metric.WithDescription("GenAI operation duration."))
	out.first, errs[7] = m.Float64Histogram("gen_ai.client.operation.time_to_first_chunk", metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(operationBounds...),
		metric.WithDescription("Time to the first chunk of a streamed answer."))
	out.tool, errs[8] = m.Float64Histogram("gen_ai.execute_tool.duration", metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(operationBounds...),
		metric.WithDescription("GenAI tool execution duration."))
	if c.Waiting != nil {
		w := &waiting{count: c.Waiting, log: c.Log}
		_, errs[9] = m.Int64ObservableGauge("clawea.approvals.waiting", metric.WithUnit("{approval}"), metric.WithInt64Callback(w.observe),
			metric.WithDescription("Questions that wait for a person."))
	}
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("make metrics: %w", err)
	}
	return &out, nil
}

const (
	waitingEvery   = 5 * time.Second // how often the book is asked at most
	waitingTimeout = 2 * time.Second
)

// Waiting tells how many questions wait, and keeps the book from being asked
// whenever anyone looks.
type waiting struct {
	count func(context.Context) (int, error)
	log   *slog.Logger

	mu      sync.Mutex
	at      time.Time // when it was asked
	n       int
	known   bool
	failing bool
}

// observe never fails: the other metrics would be lost with it.
func (w *waiting) observe(ctx context.Context, o metric.Int64Observer) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.at.IsZero() || time.Since(w.at) >= waitingEvery {
		w.ask(ctx)
	}
	if w.known {
		o.Observe(int64(w.n))
	}
	return nil
}

func (w *waiting) ask(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, waitingTimeout)
	defer cancel()
	n, err := w.count(ctx)
	w.at, w.n, w.known = time.Now(), n, err == nil
	if err != nil && !w.failing {
		w.log.WarnContext(ctx, "telemetry: waiting approvals cannot be counted", "err", err)
	}
	w.failing = err != nil
}
