// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/clawea/clawea/internal/config"
	"github.com/clawea/clawea/internal/egress"
)

// newEgress returns the proxy that e is about. It is for servers that the house starts,
// until it is given a gate; without e, agents are not told of it.
func newEgress(e *config.Egress, log *slog.Logger) *egress.Proxy {
	if e == nil {
		return &egress.Proxy{Log: log}
	}
	return &egress.Proxy{
		URL: e.URL, Private: e.Private, Log: log,
		Limits: egress.Limits{Idle: time.Duration(e.Idle), Total: time.Duration(e.Longest), Bytes: int64(e.Bytes), Job: e.Job, All: e.All},
	}
}

// egressURL is where agents reach the egress proxy, or "".
func egressURL(c *config.Config) string {
	if c.Egress == nil {
		return ""
	}
	return c.Egress.URL
}

func egressSettings(e *config.Egress) list {
	var l list
	if e == nil {
		return l
	}
	by := "the daemon"
	if e.Apart {
		by = "clawea egress"
	}
	l.add("Agents' processes connect to hosts by", e.URL+", served by "+by)
	l.add("Hosts of the operator's own network", slices.Sorted(maps.Keys(e.Private))...)
	return l
}

// ServeEgress serves the egress proxy, and nothing else, on ln until ctx ends: in a
// process of its own. What is under way then ends as with Serve.
func (d *Daemon) ServeEgress(ctx context.Context, ln net.Listener) error {
	if d.egress.Gate == nil {
		return errors.Join(errNoEgress, ln.Close())
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	var chores sync.WaitGroup
	chores.Go(d.feed.Start(running)) // now: a call that comes at once is not to find it unready
	chores.Go(func() { d.keyring.run(running) })
	defer func() {
		stop()
		chores.Wait()
	}()
	return d.egress.Serve(ctx, ln, d.grace)
}

var errNoEgress = errors.New("the configuration has no \"egress\"\nsay there where the proxy listens, as docs/egress.md has it")

// startEgress serves the egress proxy until ctx ends, if it is the daemon's to serve.
// end waits until what is under way has ended, as with ServeEgress.
func (d *Daemon) startEgress(ctx context.Context) (end func(), err error) {
	if d.egressAt == "" {
		return func() {}, nil
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", d.egressAt)
	if err != nil {
		return nil, fmt.Errorf("%w\nname another address under \"egress\", or have clawea egress serve it (\"apart\": true)", err)
	}
	ctx, stop := context.WithCancel(ctx)
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := d.egress.Serve(ctx, ln, d.grace); err != nil {
			d.log.ErrorContext(ctx, "serve egress", "err", err)
		}
	})
	return func() { stop(); serving.Wait() }, nil
}
