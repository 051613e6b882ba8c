// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clawea/clawea/receipt"
)

func TestHeaders(t *testing.T) {
	c := newCollector(t)
	secret := "Bearer one"
	r, _ := open(t, Config{OTLP: c.URL + "/", Headers: map[string]func() (string, error){"Authorization": func() (string, error) { return secret, nil }}})
	carry(t.Context(), r, chat, "gpt-9", generated(), nil)
	if err := r.traces.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	secret = "Bearer two" // rotated
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(c.headers) != 2 || c.headers[0].Get("Authorization") != "Bearer one" || c.headers[1].Get("Authorization") != "Bearer two" {
		t.Errorf("sent %v", c.headers)
	}
	if c.metrics["gen_ai.client.token.usage"] == nil || c.metrics["clawea.calls"] == nil {
		t.Errorf("metrics: %v", c.metrics)
	}
}

func TestSecretThatIsGone(t *testing.T) {
	c := newCollector(t)
	r, log := open(t, Config{OTLP: c.URL, Headers: map[string]func() (string, error){"Authorization": func() (string, error) { return "hush", errors.New("the file is not there") }}})
	carry(t.Context(), r, chat, "gpt-9", generated(), nil)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r.Close(ctx)
	if len(c.headers) != 0 || strings.Contains(log.String(), "hush") || !strings.Contains(log.String(), "Authorization") {
		t.Errorf("sent %v, log %s", c.headers, log)
	}
}

func TestRedirect(t *testing.T) {
	var led atomic.Int32
	c, elsewhere := newCollector(t), newCollector(t)
	elsewhere.answer = func(http.ResponseWriter, *http.Request) { led.Add(1) }
	c.answer = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}
	r, log := open(t, Config{OTLP: c.URL})
	carry(t.Context(), r, chat, "gpt-9", generated(), nil)
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if led.Load() != 0 || !strings.Contains(log.String(), "not taken") {
		t.Errorf("%d requests were led elsewhere; log %s", led.Load(), log)
	}
}

// A receiver that is not there costs no call anything, and the log one line.
func TestCollectorDown(t *testing.T) {
	c := newCollector(t)
	c.Close()
	r, log := open(t, Config{OTLP: c.URL})
	const calls = 2 * maxSpans
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	begun := time.Now()
	for range calls {
		carry(context.Background(), r, chat, "gpt-9", generated(), nil)
	}
	took := time.Since(begun)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if took > time.Minute {
		t.Errorf("%d calls took %v", calls, took)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 32<<20 {
		t.Errorf("%d calls left %d bytes behind", calls, grown)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	begun = time.Now()
	r.Close(ctx) // that nothing was taken is in the log
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("stopping took %v", took)
	}
	for _, what := range []string{"what=traces", "what=metrics"} {
		if n := strings.Count(log.String(), what); n != 1 {
			t.Errorf("%d lines about %s:\n%s", n, what, log)
		}
	}
}

// One that takes requests and never answers is no better.
func TestCollectorStalls(t *testing.T) {
	c := newCollector(t)
	release := make(chan struct{})
	c.answer = func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}
	defer close(release)
	r, _ := open(t, Config{OTLP: c.URL})
	begun := time.Now()
	for range 3 * maxSpans {
		carry(context.Background(), r, wiki, "", receipt.Outcome{Status: receipt.Done}, nil)
	}
	if took := time.Since(begun); took > time.Minute { // there would be many requests, each of them for its time
		t.Errorf("calls waited for the receiver: %v", took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	begun = time.Now()
	r.Close(ctx)
	if took := time.Since(begun); took > 2*requestTimeout {
		t.Errorf("stopping took %v", took)
	}
}

// What is wrong is said when it begins and when it ends.
func TestCollectorRecovers(t *testing.T) {
	c := newCollector(t)
	taking := func(w http.ResponseWriter, _ *http.Request) {}
	failing := func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, strings.Repeat("no room ", 1000), http.StatusBadRequest)
	}
	r, log := open(t, Config{OTLP: c.URL})
	for _, answer := range []func(http.ResponseWriter, *http.Request){taking, failing, failing, failing, taking, taking} {
		c.answer = answer
		carry(t.Context(), r, wiki, "", receipt.Outcome{Status: receipt.Done}, nil)
		if err := r.traces.ForceFlush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	said := log.String()
	if strings.Count(said, "not taken") != 1 || strings.Count(said, "taken again") != 1 || len(said) > 2000 {
		t.Errorf("the log says %s", said)
	}
}

// Telemetry that is off costs nothing. The bubble fails the test if anything
// begun in it is still running at its end.
func TestOff(t *testing.T) { synctest.Test(t, costsNothing) }

func costsNothing(t *testing.T) {
	r, err := New(Config{})
	if r != nil || err != nil {
		t.Fatalf("got %v, %v", r, err)
	}
	out, last, l := generated(), opened(chat, "gpt-9"), &ledger{}
	h, ctx := http.Header{"Traceparent": {parent}}, t.Context()
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	n := testing.AllocsPerRun(100, func() {
		ctx, call := r.Call(ctx, job1, chat)
		acting, act := r.Act(ctx, last)
		Inject(acting, h)
		Answered(acting, true, "x")
		act.End(&out)
		call.End(last, "")
		r.Refused(chat, "limit.rate")
		if acting != ctx || r.Book(l) != Book(l) {
			t.Error("something is put in between")
		}
		r.Handler(handler)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
	if r.Page() != nil || r.Close(ctx) != nil {
		t.Errorf("there is a page %v, or something to close", r.Page())
	}
	if h.Get("Traceparent") != parent || h.Get("Baggage") != "" {
		t.Errorf("headers were changed: %v", h)
	}
}

func BenchmarkCall(b *testing.B) {
	for _, test := range []struct {
		name string
		c    Config
	}{{"off", Config{}}, {"prometheus", Config{Prometheus: "127.0.0.1:0"}}, {"otlp", Config{OTLP: "http://127.0.0.1:1"}}} {
		b.Run(test.name, func(b *testing.B) {
			test.c.Log = slog.New(slog.DiscardHandler)
			r, err := New(test.c)
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() {
				now, cancel := context.WithTimeout(context.Background(), time.Millisecond)
				defer cancel()
				r.Close(now) // what is left goes nowhere
			})
			out, first, last := generated(), opened(chat, "gpt-9"), opened(chat, "gpt-9")
			last.Outcome = &out
			b.ReportAllocs()
			for b.Loop() {
				ctx, call := r.Call(b.Context(), job1, chat)
				ctx, act := r.Act(ctx, first)
				Answered(ctx, true, "x")
				act.End(&out)
				call.End(last, "")
			}
		})
	}
}
