// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

const pageTimeout = 10 * time.Second

// A page is what Prometheus reads, on a listener of its own, so that who may
// read it need not be who may reach the house.
type page struct {
	ln      net.Listener
	server  *http.Server
	log     *slog.Logger
	serving sync.WaitGroup
}

// newPage listens on address and returns the reader whose metrics the page
// shows, once it has been started.
func newPage(address string, log *slog.Logger) (*page, sdkmetric.Reader, error) {
	registry := prometheus.NewRegistry()
	reader, err := exporter.New(exporter.WithRegisterer(registry), exporter.WithoutScopeInfo())
	if err == nil {
		err = errors.Join(registry.Register(collectors.NewGoCollector()), registry.Register(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})))
	}
	if err != nil {
		return nil, nil, fmt.Errorf("make the page for Prometheus: %w", err)
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, nil, fmt.Errorf("listen for Prometheus: %w\nname another address in \"telemetry\", or stop what listens there", err)
	}
	errorLog := slog.NewLogLogger(log.Handler(), slog.LevelWarn)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog: errorLog, ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4, Timeout: pageTimeout,
	}))
	s := &http.Server{
		Handler: mux, ReadHeaderTimeout: pageTimeout, ReadTimeout: pageTimeout, WriteTimeout: 2 * pageTimeout, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 16 << 10, ErrorLog: errorLog,
	}
	return &page{ln: ln, server: s, log: log}, reader, nil
}

// start serves p until it is stopped. A nil page does nothing.
func (p *page) start() {
	if p != nil {
		p.serving.Go(p.serve)
	}
}

func (p *page) serve() {
	if err := p.server.Serve(p.ln); !errors.Is(err, http.ErrServerClosed) {
		p.log.Error("the page for Prometheus is gone", "err", err)
	}
}

// stop ends serving at once: a scrape that is cut off is made again.
func (p *page) stop() error {
	if p == nil {
		return nil
	}
	err := errors.Join(p.server.Close(), ignoreClosed(p.ln.Close())) // the second for one that was not started
	p.serving.Wait()
	return err
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
