// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"
)

const (
	scope = "github.com/clawea/clawea"

	// How often metrics are sent over OTLP, and spans at the latest.
	metricsEvery = 15 * time.Second
	spansEvery   = 5 * time.Second
	// maxSpans is how many spans wait to be sent. Beyond that they are lost.
	maxSpans = 4096
	maxBatch = 512 // spans that are sent together
	// maxSeries is how many combinations of labels a metric has. What is beyond
	// goes into one that says so (otel_metric_overflow).
	maxSeries = 2000
)

// A Config says what is told to whom. Its zero value tells nobody anything.
type Config struct {
	// OTLP is the base URL of an OTLP/HTTP receiver, to which /v1/traces and
	// /v1/metrics are appended. "": traces and metrics are sent nowhere.
	OTLP string
	// Headers fetch the secrets that are sent to OTLP, for each request anew, by
	// the header's name. Their errors must not hold the secret: they are logged.
	Headers map[string]func() (string, error)
	// Prometheus is the address that a page for Prometheus listens on, at
	// /metrics. "": there is none.
	Prometheus string

	House   string // the house's name
	Version string // of the daemon
	// Providers say how each route's provider is spoken to, by the route's name:
	// "openai", "anthropic", "gemini", "fal".
	Providers map[string]string
	// Waiting counts the questions that wait for a person. It is asked at most once
	// in a few seconds. Nil: that is not told.
	Waiting func(ctx context.Context) (int, error)
	Log     *slog.Logger // must be set
}

// A Recorder tells what the house does. Its methods may be called from many
// goroutines; those of a nil Recorder do nothing.
type Recorder struct {
	tracer    trace.Tracer // nil: no traces
	meters    *meters
	providers map[string]string
	models    *names
	codes     *names

	page    *page                    // nil: none
	traces  *sdktrace.TracerProvider // nil: no traces
	metrics *sdkmetric.MeterProvider
}

// New starts telling. It reaches nobody: a receiver that is not there is said in
// the log. It fails if the page's address cannot be listened on. It returns nil
// if c tells nobody anything.
func New(c Config) (*Recorder, error) {
	if c.OTLP == "" && c.Prometheus == "" {
		return nil, nil
	}
	r := &Recorder{providers: c.Providers, models: newNames(), codes: newNames()}
	about := resource.NewSchemaless(
		attribute.String("service.name", "clawea"), attribute.String("service.version", cmp.Or(c.Version, "unknown")),
		attribute.String("service.instance.id", rand.Text()), attribute.String("clawea.house", c.House),
	)
	options := []sdkmetric.Option{sdkmetric.WithResource(about), sdkmetric.WithCardinalityLimit(maxSeries)}
	if c.Prometheus != "" {
		p, reader, err := newPage(c.Prometheus, c.Log)
		if err != nil {
			return nil, err
		}
		r.page, options = p, append(options, sdkmetric.WithReader(reader))
	}
	if c.OTLP != "" {
		spans, metrics, err := exporters(c)
		if err != nil {
			return nil, errors.Join(err, r.page.stop())
		}
		r.traces = sdktrace.NewTracerProvider(sdktrace.WithResource(about), sdktrace.WithSampler(sdktrace.AlwaysSample()),
			sdktrace.WithBatcher(spans, sdktrace.WithMaxQueueSize(maxSpans), sdktrace.WithMaxExportBatchSize(maxBatch), sdktrace.WithBatchTimeout(spansEvery)))
		r.tracer = r.traces.Tracer(scope)
		options = append(options, sdkmetric.WithReader(sdkmetric.NewPeriodicReader(metrics, sdkmetric.WithInterval(metricsEvery), sdkmetric.WithTimeout(sendTimeout))))
	}
	r.metrics = sdkmetric.NewMeterProvider(options...)
	var err error
	if r.meters, err = newMeters(r.metrics.Meter(scope), c); err != nil {
		return nil, errors.Join(err, r.Close(context.Background()))
	}
	r.page.start()
	return r, nil
}

// Page is the address that the page for Prometheus listens on, or nil.
func (r *Recorder) Page() net.Addr {
	if r == nil || r.page == nil {
		return nil
	}
	return r.page.ln.Addr()
}

// Close sends what is left, for as long as ctx lets it, and stops. Nothing of r
// may be under way or be begun after.
func (r *Recorder) Close(ctx context.Context) error {
	if r == nil {
		return nil
	}
	var ends errgroup.Group // side by side: either may use up ctx
	ends.Go(r.page.stop)
	if r.traces != nil {
		ends.Go(func() error { return r.traces.Shutdown(ctx) })
	}
	ends.Go(func() error { return r.metrics.Shutdown(ctx) })
	if err := ends.Wait(); err != nil {
		return fmt.Errorf("stop telemetry: %w", err)
	}
	return nil
}
