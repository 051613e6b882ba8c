// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// late is a Dialer of a server that takes a while to be there, and what ends it.
func late(name string, takes time.Duration, fails error) Dialer {
	return func(ctx context.Context, _ http.Handler) (*Connection, error) {
		select {
		case <-time.After(takes):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if fails != nil {
			return nil, fails
		}
		server := mcp.NewServer(&mcp.Implementation{Name: name}, nil)
		server.AddTool(&mcp.Tool{Name: "look", InputSchema: json.RawMessage(`{"type":"object"}`)}, nil)
		here, there := net.Pipe()
		ctx, cancel := context.WithCancel(ctx)
		ended := make(chan struct{})
		go func() { defer close(ended); _ = server.Run(ctx, &mcp.IOTransport{Reader: there, Writer: there}) }()
		return &Connection{Transport: &mcp.IOTransport{Reader: here, Writer: here}, Close: func() error { // as a process is ended: it would wait for clients that listen
			err := errors.Join(here.Close(), there.Close())
			cancel()
			<-ended
			return err
		}}, nil
	}
}

func lateServer(dial Dialer) *Server {
	return &Server{Name: "late", Adapter: new(Adapter), Dial: dial, Timeout: time.Minute, Log: slog.New(slog.DiscardHandler)}
}

// took is how long f does.
func took(f func()) time.Duration {
	begun := time.Now()
	f()
	return time.Since(begun)
}

// A list waits a moment for a server of which nothing is known, and no more; the server
// is known when it is, and whoever needs one of its tools waits until then.
func TestAListWaitsAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := lateServer(late("late", 20*time.Second, nil))
		defer s.pool.close()
		if d := took(func() {
			if s.glance(t.Context()) != nil {
				t.Error("it is known at once")
			}
		}); d != moment {
			t.Errorf("a list waited for %s", d)
		}
		if d := took(func() { s.glance(t.Context()) }); d != 0 {
			t.Errorf("another list waited for %s more", d)
		}
		if d := took(func() {
			if c, err := s.catalogue(t.Context(), anyAge); err != nil || len(c.tools) != 1 {
				t.Errorf("a call finds %v, %v", c, err)
			}
		}); d != 20*time.Second-moment {
			t.Errorf("a call waited for %s", d)
		}
		if d := took(func() {
			if s.glance(t.Context()) == nil {
				t.Error("it is not known")
			}
		}); d != 0 {
			t.Errorf("a list waited for %s for what is known", d)
		}
	})
}

// Who watches is told when a server is there, and when it is another; not otherwise.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := lateServer(late("late", time.Second, nil))
		defer s.pool.close()
		told := 0
		if !(&Set{Servers: []*Server{s}}).Watch(func() { told++ }) || new(Set).Watch(nil) {
			t.Error("a set does not know whether it can change")
		}
		for i, step := range []struct {
			dial Dialer
			want int
		}{{s.Dial, 1}, {s.Dial, 1}, {late("other", 0, nil), 2}, {late("other", 0, errors.New("boom")), 2}} {
			s.Dial = step.dial
			_, _ = s.catalogue(t.Context(), 0)
			if told != step.want {
				t.Errorf("after step %d told %d times, want %d", i, told, step.want)
			}
		}
	})
}

// Servers are asked at the same time, and one that starts as it should is on the list.
func TestServersAreAskedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		quick, slow := lateServer(late("quick", time.Second, nil)), lateServer(late("slow", time.Hour, nil))
		defer quick.pool.close()
		defer slow.pool.close()
		if d := took(func() {
			for _, s := range []*Server{slow, quick} {
				s.begin()
			}
			if slow.glance(t.Context()) != nil || quick.glance(t.Context()) == nil {
				t.Error("the slow one is known, or the quick one is not")
			}
		}); d != moment {
			t.Errorf("both took %s", d)
		}
	})
}

// A server that has failed is not waited for, and not started anew each time.
func TestAServerThatFailedIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started := 0
		slow := late("late", time.Second, errors.New("boom"))
		s := lateServer(func(ctx context.Context, serve http.Handler) (*Connection, error) {
			started++
			return slow(ctx, serve)
		})
		defer s.pool.close()
		for range 5 {
			s.glance(t.Context())
		}
		if _, err := s.catalogue(t.Context(), anyAge); err == nil || started != 1 {
			t.Errorf("%v, started %d times", err, started)
		}
		time.Sleep(again)
		if d := took(func() { s.glance(t.Context()) }); d != 0 {
			t.Errorf("a list waited for %s", d)
		}
		time.Sleep(time.Second)
		if synctest.Wait(); started != 2 {
			t.Errorf("started %d times", started)
		}
	})
}

// Who gives up leaves the look to others, and closing ends it.
func TestALookIsNobodys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := lateServer(late("late", time.Hour, nil))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.catalogue(ctx, anyAge); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who gave up got %v", err)
		}
		if s.failed() {
			t.Error("that somebody gave up counts as the server's fault")
		}
		if d := took(s.pool.close); d != 0 {
			t.Errorf("closing took %s", d)
		}
		if _, err := s.catalogue(t.Context(), anyAge); err == nil {
			t.Error("it is asked after it was closed")
		}
	})
}
