// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/internal/store/storetest"
	"github.com/clawea/clawea/receipt"
)

// Agents that go away in the middle leave nothing behind: no goroutine, no
// provider that goes on talking, and no call without its closed receipt, in the
// database that houses have.
func TestAborted(t *testing.T) {
	streams, agents := 10_000, 32
	if testing.Short() || raced {
		streams = 1000
	}
	event := []byte("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"word \"}}]}\n\n")
	var talking atomic.Int64
	h := newHouse(t, wpc, upstream(t, "oai", "openai", func(w http.ResponseWriter, r *http.Request) {
		talking.Add(1)
		defer talking.Add(-1)
		w.Header().Set("Content-Type", "text/event-stream")
		for range 4 {
			w.Write(event)
			http.NewResponseController(w).Flush()
		}
		if r.Header.Get("X-Stainless-Helper") != "all" {
			<-r.Context().Done()
		}
	}))
	db, before := h.onDisk(), runtime.NumGoroutine()
	var wg sync.WaitGroup
	for range agents {
		wg.Go(func() {
			for range streams / agents {
				h.abandon(rand.N(4 * len(event)))
			}
		})
	}
	wg.Wait()
	for end := time.Now().Add(time.Minute); talking.Load() > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d providers talk on", talking.Load())
		}
	}
	settled(t, h, before)
	opened, ends := h.stories(db)
	for deadline := time.Now().Add(30 * time.Second); len(ends) < len(opened) && time.Now().Before(deadline); opened, ends = h.stories(db) {
		time.Sleep(100 * time.Millisecond) // the last are being written
	}
	if len(opened) != len(ends) || len(opened) < streams/2 {
		t.Errorf("%d calls, %d ends", len(opened), len(ends))
	}
	count := map[receipt.Status]int{}
	for seq := range opened {
		switch out := ends[seq]; {
		case out == nil:
			t.Errorf("call %d has no end", seq)
		case out.Status == receipt.Done && out.Code == "200" && out.Size == int64(4*len(event)):
		case out.Status == receipt.Aborted && out.Code == "hangup" && out.Size <= int64(4*len(event)):
		default:
			t.Errorf("call %d: %+v", seq, out)
		}
		if ends[seq] != nil {
			count[ends[seq].Status]++
		}
	}
	if count[receipt.Done] == 0 || count[receipt.Aborted] == 0 {
		t.Errorf("%v: the places are not random", count)
	}
}

// onDisk gives the house a database, with its job.
func (h *house) onDisk() *store.DB {
	h.t.Helper()
	db := storetest.Open(h.t, store.Config{})
	if err := db.CreateJob(h.t.Context(), store.Job{ID: "job-1", Agent: "agent", Policy: h.policy.Hash(), Client: "ops", Created: time.Now()}); err != nil {
		h.t.Fatal(err)
	}
	h.proxy.Gate.Book = db
	return db
}

// abandon makes a call and goes away after so many bytes of its answer, or before
// any; or, now and then, it stays to the end.
func (h *house) abandon(after int) {
	ctx, cancel := context.WithCancel(h.t.Context())
	defer cancel()
	if after < 50 {
		timer := time.AfterFunc(time.Duration(after)*20*time.Microsecond, cancel)
		defer timer.Stop()
	}
	wants := "some"
	if rand.N(8) == 0 {
		wants = "all"
	}
	resp, err := h.try(ctx, chat, gpt, "X-Stainless-Helper", wants)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	if wants == "all" {
		io.Copy(io.Discard, resp.Body) // unless it went away before
		return
	}
	io.CopyN(io.Discard, resp.Body, int64(after))
}

// stories are the calls of the house's job that were let happen, and how they
// ended, by the opened receipt's number.
func (h *house) stories(db *store.DB) (opened map[uint64]bool, ends map[uint64]*receipt.Outcome) {
	h.t.Helper()
	list, err := db.Receipts(h.t.Context(), "job-1")
	if err != nil {
		h.t.Fatal(err)
	}
	opened, ends = map[uint64]bool{}, map[uint64]*receipt.Outcome{}
	for _, e := range list {
		r, err := receipt.Parse(e.Payload)
		switch {
		case err != nil:
			h.t.Fatal(err)
		case r.Kind == receipt.Opened:
			opened[r.Seq] = true
		case ends[r.Opened] != nil:
			h.t.Errorf("call %d has two ends", r.Opened)
		default:
			ends[r.Opened] = r.Outcome
		}
	}
	return opened, ends
}

// settled fails if there are more goroutines than before.
func settled(t *testing.T, h *house, before int) {
	t.Helper()
	plain.CloseIdleConnections()
	h.proxy.transport.(*http.Transport).CloseIdleConnections()
	for deadline := time.Now().Add(30 * time.Second); runtime.NumGoroutine() > before+5; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
}
