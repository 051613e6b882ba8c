// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

const (
	requestTimeout = 5 * time.Second  // of one request to the receiver
	sendTimeout    = 15 * time.Second // of sending, trying again included
	retryAfter     = time.Second
	maxComplaint   = 300 // bytes of an error of the receiver's that the log takes
)

// exporters send to c's receiver. They are not connected to anything yet.
func exporters(c Config) (sdktrace.SpanExporter, sdkmetric.Exporter, error) {
	base := strings.TrimRight(c.OTLP, "/")
	client := &http.Client{
		Transport:     &sender{headers: c.Headers, next: newTransport()},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // secrets go where they were meant to go
		Timeout:       requestTimeout,
	}
	ctx := context.Background() // both start without doing anything
	spans, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(base+"/v1/traces"), otlptracehttp.WithHTTPClient(client),
		otlptracehttp.WithHeaders(map[string]string{}), otlptracehttp.WithTimeout(sendTimeout), otlptracehttp.WithCompression(otlptracehttp.GzipCompression),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: true, InitialInterval: retryAfter, MaxInterval: 4 * retryAfter, MaxElapsedTime: sendTimeout}))
	if err != nil {
		return nil, nil, fmt.Errorf("send traces: %w", err)
	}
	metrics, err := otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpointURL(base+"/v1/metrics"), otlpmetrichttp.WithHTTPClient(client),
		otlpmetrichttp.WithHeaders(map[string]string{}), otlpmetrichttp.WithTimeout(sendTimeout), otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression),
		otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig{Enabled: true, InitialInterval: retryAfter, MaxInterval: 4 * retryAfter, MaxElapsedTime: sendTimeout}))
	if err != nil {
		return nil, nil, fmt.Errorf("send metrics: %w", err)
	}
	return &spanExporter{spans, complaint{what: "traces", log: c.Log}}, &metricExporter{metrics, complaint{what: "metrics", log: c.Log}}, nil
}

func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: requestTimeout}).DialContext,
		TLSHandshakeTimeout:    requestTimeout,
		MaxIdleConns:           2,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 16 << 10,
		ForceAttemptHTTP2:      true,
	}
}

// A sender adds the receiver's secrets to requests, which it fetches each time:
// they may have changed.
type sender struct {
	headers map[string]func() (string, error)
	next    http.RoundTripper
}

func (s *sender) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	for name, fetch := range s.headers {
		secret, err := fetch()
		if err != nil {
			return nil, fmt.Errorf("fetch the secret of header %s: %w", name, err)
		}
		r.Header.Set(name, secret)
	}
	return s.next.RoundTrip(r)
}

// A complaint says in the log that something is not taken, once until it is
// taken again.
type complaint struct {
	what string
	log  *slog.Logger

	mu      sync.Mutex
	failing bool
}

// note takes how a sending went.
func (c *complaint) note(ctx context.Context, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err != nil && !c.failing:
		says := err.Error()
		if len(says) > maxComplaint {
			says = says[:maxComplaint] + "..."
		}
		c.log.WarnContext(ctx, "telemetry is not taken, and is lost until it is", "what", c.what, "err", says)
	case err == nil && c.failing:
		c.log.InfoContext(ctx, "telemetry is taken again", "what", c.what)
	}
	c.failing = err != nil
}

// A spanExporter keeps its errors to itself: OpenTelemetry would hand them to a
// handler of the whole process.
type spanExporter struct {
	sdktrace.SpanExporter
	complaint complaint
}

func (e *spanExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	e.complaint.note(ctx, e.SpanExporter.ExportSpans(ctx, spans))
	return nil
}

// A metricExporter does the same for metrics.
type metricExporter struct {
	sdkmetric.Exporter
	complaint complaint
}

func (e *metricExporter) Export(ctx context.Context, m *metricdata.ResourceMetrics) error {
	e.complaint.note(ctx, e.Exporter.Export(ctx, m))
	return nil
}
