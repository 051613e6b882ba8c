// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/clawea/clawea/internal/config"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/internal/telemetry"
)

const (
	// lastWords is how long a stop waits for telemetry to be taken.
	lastWords = 3 * time.Second
	// countedWaiting is up to how many waiting approvals are counted.
	countedWaiting = 1000
)

// newRecorder starts telling what the house does, to whom c says. It returns nil
// if that is nobody.
func newRecorder(c *config.Config, db *store.DB, version string, log *slog.Logger) (*telemetry.Recorder, error) {
	t := c.Telemetry
	if t == nil {
		return nil, nil
	}
	told := telemetry.Config{
		OTLP: t.OTLP, Headers: map[string]func() (string, error){}, Prometheus: t.Prometheus,
		House: c.House, Version: version, Providers: map[string]string{}, Log: log,
		Waiting: func(ctx context.Context) (int, error) {
			open, err := db.Approvals(ctx, store.Filter{Open: true, Limit: countedWaiting})
			return len(open), err
		},
	}
	for name, secret := range t.Headers {
		told.Headers[name] = secret.Get
	}
	for _, p := range c.Providers {
		told.Providers[p.Name] = p.Dialect
	}
	r, err := telemetry.New(told)
	if page := r.Page(); err == nil && page != nil {
		log.Info("the page for Prometheus is there", "url", "http://"+page.String()+"/metrics")
	}
	return r, err
}

// Close lets go of the database, and tells what is left to tell. Serve must
// have returned.
func (d *Daemon) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), lastWords)
	defer cancel()
	if err := d.telemetry.Close(ctx); err != nil { // no reason to call the stop a failure
		d.log.WarnContext(ctx, "what telemetry had left to tell is lost", "err", err)
	}
	if d.others == nil { // it was never built
		return d.db.Close()
	}
	return errors.Join(d.others.Close(), d.db.Close())
}
