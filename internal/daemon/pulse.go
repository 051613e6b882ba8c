// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/clawea/clawea/internal/blobs"
	"github.com/clawea/clawea/internal/config"
	"github.com/clawea/clawea/internal/console"
	"github.com/clawea/clawea/internal/keys"
	"github.com/clawea/clawea/internal/proof"
	"github.com/clawea/clawea/internal/pulse"
	"github.com/clawea/clawea/internal/server"
)

// sweepEvery is how often bundles are deleted whose time is over.
const sweepEvery = time.Hour

// openPulse makes the desk of published bundles; nil if the house publishes none.
func (d *Daemon) openPulse(c *config.Config, set *keys.Set, url string, x *proof.Exporter) error {
	p := c.Publishing(url)
	if p == nil {
		return nil
	}
	place, err := placeOf(p)
	if err != nil {
		return fmt.Errorf("open pulse: %w", err)
	}
	shelf, err := blobs.New(place, set.Store)
	if err != nil {
		return fmt.Errorf("open pulse: %w", err)
	}
	d.pulse = pulse.New(pulse.Config{
		Blobs: shelf, Store: d.db, Default: p.Until, Log: d.log, Now: time.Now,
		Export: func(ctx context.Context, job string, texts bool) ([]byte, error) {
			what := proof.Nothing
			if texts {
				what = proof.Everything
			}
			return x.Export(ctx, job, what)
		},
	})
	return nil
}

// placeOf is where the configuration says that bundles are.
func placeOf(p *config.Pulse) (blobs.Place, error) {
	if s := p.S3; s != nil {
		return blobs.NewS3(blobs.S3Config{
			Endpoint: s.Endpoint, Region: s.Region, Bucket: s.Bucket, Prefix: s.Prefix, AccessKey: s.AccessKey.Get, SecretKey: s.SecretKey.Get,
		})
	}
	return blobs.NewDir(p.Dir)
}

// proofPages are the pages of published bundles. Who reads them by role comes through
// the console's door; who has a link comes through none.
func (d *Daemon) proofPages() []server.Page {
	if d.pulse == nil {
		return nil
	}
	v, err := pulse.Embedded()
	if err != nil {
		d.log.Warn("published bundles can be saved, and have no pages", "err", err)
	}
	h := d.pulse.Handler(pulse.Doors{
		Allowed: func(r *http.Request) bool { return console.MayProofs(r.Context()) },
		Texts:   func(r *http.Request) bool { return console.MayTexts(r.Context()) },
		Refuse:  d.console.Say, Verifier: v,
	})
	within := d.console.Proofed(h)
	return []server.Page{
		{Pattern: "GET /pulse/{id}", Handler: within}, {Pattern: "GET /pulse/{id}/bundle", Handler: within},
		{Pattern: "GET /share/{secret}", Handler: h}, {Pattern: "GET /share/{secret}/bundle", Handler: h},
		{Pattern: "GET /assets/pulse/", Handler: h},
	}
}

// sweep deletes published bundles whose time is over, until ctx ends.
func (d *Daemon) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := d.pulse.Sweep(ctx); err != nil && !errors.Is(err, context.Canceled) {
			d.log.WarnContext(ctx, "published bundles are not deleted although their time is over", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
