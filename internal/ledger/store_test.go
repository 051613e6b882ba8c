// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/pgtest"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/internal/store/storetest"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

var _ DB = (*store.DB)(nil)

// TestStore runs a ledger in each of two replicas while receipts are written in
// both; every receipt then has a proof that leads to a checkpoint, and an
// auditor finds each in the log once.
func TestStore(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		db := open(t, "sqlite:"+filepath.Join(t.TempDir(), "house.db"))
		testStore(t, db, db)
	})
	t.Run("postgres", func(t *testing.T) {
		url := pgtest.New(t)
		testStore(t, open(t, url), open(t, url))
	})
}

func open(t *testing.T, url string) *store.DB {
	t.Helper()
	return storetest.Open(t, store.Config{URL: url})
}

func testStore(t *testing.T, here, there *store.DB) {
	const jobs, writers, each = 4, 3, 12
	l, auditor := newLedger(t, here)
	second := &Ledger{DB: there, Signer: l.Signer, Origin: origin, Log: slog.New(slog.DiscardHandler)}
	defer running(t.Context(), l, 5*time.Millisecond)()
	defer running(t.Context(), second, 5*time.Millisecond)()
	gate, _ := newKey(t)
	var wg sync.WaitGroup
	for i := range jobs {
		job := fmt.Sprintf("job-%d", i)
		if err := here.CreateJob(t.Context(), store.Job{ID: job, Agent: "agent", Created: time.Now()}); err != nil {
			t.Fatal(err)
		}
		for w := range writers {
			db := []*store.DB{here, there}[w%2]
			wg.Go(func() {
				for range each {
					if err := write(t.Context(), db, gate, job); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
	}
	for range 5 { // the log as it grows
		if _, err := auditor.all(); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	for i := range jobs {
		checkJob(t, l, auditor, here, fmt.Sprintf("job-%d", i), writers*each)
	}
	list, err := auditor.all()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, e := range list {
		seen[e] = true
	}
	if len(list) != jobs*writers*each || len(seen) != len(list) {
		t.Errorf("%d entries, %d different ones, want %d", len(list), len(seen), jobs*writers*each)
	}
}

func write(ctx context.Context, db *store.DB, gate seal.Signer, job string) error {
	return db.Write(ctx, job, func(st *receipt.State) (*receipt.Line, error) {
		call := &policy.Call{Tool: "jira", Action: "issue.get", Class: policy.Read}
		return receipt.Refuse(st, &token.Claims{Job: job, ID: "token-1"}, call, "token.revoked").Sign(gate)
	})
}

// checkJob proves all n receipts of a job.
func checkJob(t *testing.T, l *Ledger, a *auditor, db *store.DB, job string, n uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, seq := range numbers(1, n) {
		if err := l.Wait(ctx, job, seq); err != nil {
			t.Fatal(err)
		}
	}
	log, err := l.Prove(ctx, job, numbers(1, n)...)
	if err != nil || uint64(len(log.Proofs)) != n {
		t.Fatalf("%d proofs for %d receipts: %v", len(log.Proofs), n, err)
	}
	tree, err := a.open(log.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	envelopes, err := db.Receipts(ctx, job)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range log.Proofs {
		b, err := envelopes[i].Marshal()
		if err != nil {
			t.Fatal(err)
		}
		entry := bundle.LogEntry(job, p.Seq, seal.Sum(b))
		if err := tlog.CheckRecord(p.Hashes, tree.N, tree.Hash, p.Index, tlog.RecordHash(entry)); err != nil {
			t.Errorf("receipt %d of %s: %v", p.Seq, job, err)
		}
	}
}
