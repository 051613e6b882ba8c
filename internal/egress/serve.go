// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Serve answers on ln until ctx ends, and then lets what is open end for as long
// as grace, cuts off the rest, and waits for its receipts as long again. ln is
// closed.
func (p *Proxy) Serve(ctx context.Context, ln net.Listener, grace time.Duration) error {
	base, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	var open sync.WaitGroup
	s := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			open.Add(1)
			defer open.Done()
			p.ServeHTTP(w, r)
		}),
		BaseContext:                  func(net.Listener) context.Context { return base },
		DisableGeneralOptionsHandler: true,
		ReadHeaderTimeout:            10 * time.Second,
		IdleTimeout:                  time.Minute,
		MaxHeaderBytes:               64 << 10,
		ErrorLog:                     slog.NewLogLogger(p.Log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(ln) }()
	select {
	case err := <-failed:
		cut()
		err = errors.Join(fmt.Errorf("serve egress: %w", err), s.Close())
		open.Wait()
		return err
	case <-ctx.Done():
	}
	timely, cancel := context.WithTimeout(base, grace)
	defer cancel()
	if err := s.Shutdown(timely); err != nil { // does not wait for tunnels
		cut()
		_ = s.Close()
	}
	ended := make(chan struct{})
	go func() { open.Wait(); close(ended) }()
	select {
	case <-ended:
		return nil
	case <-timely.Done():
		cut()
	}
	select {
	case <-ended:
		return nil
	case <-time.After(grace):
		return errors.New("stop egress: connections are still open")
	}
}
