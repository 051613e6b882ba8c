// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/clawea/clawea/internal/pgtest"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

func BenchmarkWrite(b *testing.B) {
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprintf("sqlite/%d", writers), func(b *testing.B) { benchmarkWrite(b, sqliteURL(b), writers) })
		b.Run(fmt.Sprintf("postgres/%d", writers), func(b *testing.B) { benchmarkWrite(b, pgtest.New(b), writers) })
	}
}

// benchmarkWrite opens and closes calls, each with durable receipts of about 900
// bytes and a text, signatures included in the time, from as many goroutines, each
// with a job of its own.
func benchmarkWrite(b *testing.B, u string, writers int) {
	h := newHouse(b, u)
	if h.engine.name == "postgres" {
		for _, stmt := range []string{`ALTER SYSTEM SET fsync = on`, `SELECT pg_reload_conf()`} {
			if _, err := h.write.ExecContext(b.Context(), stmt); err != nil {
				b.Fatal(err)
			}
		}
	}
	for w := range writers {
		h.job(b, fmt.Sprintf("job-%d", w))
	}
	b.ResetTimer()
	var wg sync.WaitGroup
	for w := range writers {
		job := fmt.Sprintf("job-%d", w)
		wg.Go(func() {
			for range (b.N + writers - 1 - w) / writers {
				if err := h.callOnce(job); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func (h *house) callOnce(job string) error {
	var opened uint64
	open := h.opens(job, call(1, "a"), policy.Allow, text("a"))
	err := h.Write(context.Background(), job, func(st *receipt.State) (*receipt.Line, error) {
		opened = st.Seq + 1
		return open(st)
	})
	if err != nil {
		return err
	}
	return h.Write(context.Background(), job, h.closes(job, opened, 1))
}
