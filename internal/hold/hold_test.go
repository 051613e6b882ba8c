// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package hold

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clawea/clawea/internal/store"
)

// Asked is a question that becomes another after some looks.
type asked struct {
	looks *atomic.Int64 // several may look at once
	until int64
	then  store.Approval
	err   error
}

func (a *asked) Approval(context.Context, string) (*store.Approval, error) {
	if a.looks.Add(1) < a.until {
		return &store.Approval{Expires: time.Now().Add(time.Hour)}, nil
	}
	return &a.then, a.err
}

func TestHold(t *testing.T) {
	open := store.Approval{Expires: time.Now().Add(100 * 365 * 24 * time.Hour)}
	yes, over := open, open
	yes.Reply, over.Expires = store.Yes, time.Unix(0, 0)
	for name, test := range map[string]struct {
		asked
		long  time.Duration
		holds bool
		took  time.Duration
	}{
		"answered":         {asked{looks: new(atomic.Int64), until: 3, then: yes}, 10 * time.Second, true, 3 * glance},
		"nobody answers":   {asked{looks: new(atomic.Int64), then: open}, 5250 * time.Millisecond, false, 5250 * time.Millisecond},
		"over":             {asked{looks: new(atomic.Int64), until: 2, then: over}, 10 * time.Second, false, 2 * glance},
		"trouble":          {asked{looks: new(atomic.Int64), until: 2, err: errors.New("gone")}, 10 * time.Second, false, 2 * glance},
		"it does not wait": {asked{looks: new(atomic.Int64), then: yes}, 0, false, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			var said []string
			got := New(&test.asked, slog.New(slog.DiscardHandler)).Hold(t.Context(), Wait{Question: "q", Long: test.long, Say: func(s string) { said = append(said, s) }})
			if took := time.Since(begun); got != test.holds || took != test.took || (test.long > 0) != (len(said) > 0) {
				t.Errorf("%s: %t after %v, said %q", name, got, took, said)
			}
		})
	}
	if New(nil, nil).Hold(t.Context(), Wait{Question: "q", Long: time.Hour}) {
		t.Error("a room that knows no questions holds")
	}
}

// A client that is gone is not waited for, and a full room sends everybody on at once.
func TestHoldNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(&asked{looks: new(atomic.Int64), until: 1 << 30}, slog.New(slog.DiscardHandler))
		gone, begun := make(chan struct{}), time.Now()
		close(gone)
		if r.Hold(t.Context(), Wait{Question: "q", Long: time.Hour, Gone: gone}) || time.Since(begun) != 0 {
			t.Errorf("held for %v", time.Since(begun))
		}
		for range most {
			go r.Hold(t.Context(), Wait{Question: "q", Long: time.Minute})
		}
		synctest.Wait()
		if r.Hold(t.Context(), Wait{Question: "q", Long: time.Hour}) || time.Since(begun) != 0 {
			t.Errorf("held for %v", time.Since(begun))
		}
		time.Sleep(2 * time.Minute)
		if r.Hold(t.Context(), Wait{Question: "q", Long: time.Second}); time.Since(begun) != 2*time.Minute+time.Second {
			t.Error("no place became free")
		}
	})
}

// No header holds a call for longer than the bound.
func FuzzPreferred(f *testing.F) {
	for _, value := range []string{"wait=20", "respond-async, wait=10", "WAIT = 3", "wait", "wait=", "wait=-1", "wait=1e9", "wait=99999", "a=b;wait=3", `foo="wait=9"`} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if got := Preferred(http.Header{"Prefer": {value}}); got < 0 || got > longest || got > 0 && !strings.Contains(strings.ToLower(value), "wait") || got%time.Second != 0 {
			t.Errorf("%q holds for %v", value, got)
		}
	})
}
