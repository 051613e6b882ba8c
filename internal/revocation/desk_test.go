// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/internal/pgtest"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/internal/store/storetest"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// A house is a database with a desk before it.
type house struct {
	*store.DB
	desk   *Desk
	config store.Config
	ahead  *atomic.Int64 // how far the house's clock is ahead of ours, in milliseconds
}

var underPolicy = seal.Sum([]byte("policy"))

// onBoth runs f as a subtest on each engine.
func onBoth(t *testing.T, f func(t *testing.T, h *house)) {
	t.Run("sqlite", func(t *testing.T) { f(t, newHouse(t, "sqlite:"+filepath.Join(t.TempDir(), "house.db"))) })
	t.Run("postgres", func(t *testing.T) { f(t, newHouse(t, pgtest.New(t))) })
}

func newHouse(t *testing.T, url string) *house {
	t.Helper()
	h := &house{ahead: new(atomic.Int64)}
	now := func() time.Time { return time.Now().Add(time.Duration(h.ahead.Load()) * time.Millisecond) }
	h.config = store.Config{URL: url, Now: now}
	h.DB = storetest.Open(t, h.config)
	h.desk = &Desk{DB: h.DB, Book: h.DB, Signer: housetest.FreshKey(t, "gate.example"), Log: slog.New(slog.DiscardHandler)}
	return h
}

// job makes a job of agent with a good token, and returns its claims.
func (h *house) job(t *testing.T, job, agent string) *token.Claims {
	t.Helper()
	now := h.config.Now()
	c := &token.Claims{ID: token.ID("token-" + job), Job: job, Agent: agent, Policy: underPolicy}
	if err := h.CreateJob(t.Context(), store.Job{ID: job, Agent: agent, Policy: underPolicy, Created: now}); err != nil {
		t.Fatal(err)
	}
	row := store.Token{ID: c.ID, Job: job, Agent: agent, Policy: underPolicy, Issued: now, Expires: now.Add(time.Hour)}
	if err := h.PutToken(t.Context(), row); err != nil {
		t.Fatal(err)
	}
	return c
}

func order(kind, target string) store.Revocation {
	return store.Revocation{Revocation: token.Revocation{Kind: kind, Target: target}, By: "ada", Reason: "a drill"}
}

// said returns what the orders in a job's chain are: "revoked agent:ann by ada".
func (h *house) said(t *testing.T, job string) []string {
	t.Helper()
	list, err := h.Receipts(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range list {
		r, err := receipt.Parse(e.Payload)
		if err != nil {
			t.Fatal(err)
		}
		if r.Revocation != nil {
			out = append(out, fmt.Sprintf("%s %s by %s", r.Kind, r.Revocation.Revocation, r.Revocation.By))
		}
	}
	return out
}

func (h *house) wantSaid(t *testing.T, job string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, h.said(t, job), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("in %s:\n%s", job, diff)
	}
}

// held reports whether job is told that something is in force.
func (h *house) held(t *testing.T, job string) bool {
	t.Helper()
	list, err := h.Revoking(t.Context(), []string{job})
	if err != nil {
		t.Fatal(err)
	}
	return len(list) > 0
}

func TestOrders(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		h.job(t, "job-1", "ann")
		h.job(t, "job-2", "ann")
		h.job(t, "job-3", "bob")
		first, err := h.desk.Revoke(ctx, order(token.RevokeAgent, "ann"))
		if err != nil || first.Tokens != 2 || !slices.Equal(first.Jobs, []string{"job-1", "job-2"}) {
			t.Fatalf("revoke: %+v, %v", first, err)
		}
		again, err := h.desk.Revoke(ctx, order(token.RevokeAgent, "ann"))
		if err != nil || again.ID != first.ID || again.Tokens != 0 {
			t.Errorf("revoke again: %+v, %v", again, err)
		}
		if !h.held(t, "job-1") || h.held(t, "job-3") {
			t.Error("it is not in force for job-1, or it is for job-3")
		}
		if _, err := h.desk.Lift(ctx, first.ID, "grace"); err != nil {
			t.Fatal(err)
		}
		if h.held(t, "job-1") {
			t.Error("it is in force after it was lifted")
		}
		if _, err := h.desk.Lift(ctx, first.ID, "grace"); !errors.Is(err, store.ErrConflict) {
			t.Errorf("lift again: got %v, want ErrConflict", err)
		}
		if _, err := h.desk.Revoke(ctx, order(token.RevokeJob, "nobody")); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a job that is not there: got %v, want ErrNotFound", err)
		}
		for _, job := range []string{receipt.Journal, "job-1", "job-2"} {
			h.wantSaid(t, job, "revoked agent:ann by ada", "restored agent:ann by grace")
		}
		h.wantSaid(t, "job-3")
	})
}

// What a crash left between an order and its receipts is made good, once, by
// however many replicas, and not while somebody may still be writing it.
func TestComplete(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		h.job(t, "job-1", "ann")
		r, err := h.DB.Revoke(ctx, order(token.RevokeAgent, "ann"))
		if err != nil {
			t.Fatal(err)
		}
		other := *h.desk
		second := storetest.Open(t, h.config)
		other.DB, other.Book = second, second
		complete := func() {
			t.Helper()
			var both sync.WaitGroup
			for _, d := range []*Desk{h.desk, &other} {
				both.Go(func() {
					if err := d.Complete(context.Background()); err != nil {
						t.Error(err)
					}
				})
			}
			both.Wait()
		}
		complete()
		h.wantSaid(t, "job-1")
		h.ahead.Add(settled.Milliseconds() + 1)
		complete()
		h.wantSaid(t, "job-1", "revoked agent:ann by ada")

		if _, err := h.DB.Lift(ctx, r.ID, "grace"); err != nil {
			t.Fatal(err)
		}
		complete()
		if !h.held(t, "job-1") {
			t.Error("it may go on, and its chain does not say so")
		}
		h.ahead.Add(settled.Milliseconds() + 1)
		complete()
		if h.held(t, "job-1") {
			t.Error("what was lifted is still in force")
		}
		for _, job := range []string{receipt.Journal, "job-1"} {
			h.wantSaid(t, job, "revoked agent:ann by ada", "restored agent:ann by grace")
		}
	})
}

// A crash may also come between the last receipt and the end of the order.
func TestCompleteRestores(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		h.job(t, "job-1", "ann")
		crashes := *h.desk
		crashes.DB = noRestore{h.DB}
		r, err := crashes.Revoke(ctx, order(token.RevokeAll, ""))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := crashes.Lift(ctx, r.ID, "grace"); err != nil {
			t.Fatal(err)
		}
		if !h.held(t, "job-1") {
			t.Fatal("it ended by itself")
		}
		if err := h.desk.Complete(ctx); err != nil {
			t.Fatal(err)
		}
		if h.held(t, "job-1") {
			t.Error("what was lifted is still in force")
		}
	})
}

type noRestore struct{ *store.DB }

func (noRestore) Restore(context.Context) error { return nil }

// An order holds though its receipts cannot be written, and says so; those of
// other chains are written all the same.
func TestUnrecorded(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		h.job(t, "job-1", "ann")
		h.job(t, "job-2", "ann")
		broken := *h.desk
		broken.Book = brokenBook{h.DB, "job-1"}
		r, err := broken.Revoke(ctx, order(token.RevokeAgent, "ann"))
		if !errors.Is(err, ErrUnrecorded) || r == nil || r.Tokens != 2 {
			t.Fatalf("got %+v, %v, want ErrUnrecorded and what was revoked", r, err)
		}
		if !h.held(t, "job-1") || !h.held(t, "job-2") {
			t.Error("the order does not hold")
		}
		h.wantSaid(t, "job-1")
		h.wantSaid(t, "job-2", "revoked agent:ann by ada")
		if r, err := broken.Lift(ctx, r.ID, "grace"); !errors.Is(err, ErrUnrecorded) || r == nil || !h.held(t, "job-1") {
			t.Errorf("lift: %+v, %v", r, err)
		}
		h.ahead.Add(settled.Milliseconds() + 1)
		if err := h.desk.Complete(ctx); err != nil {
			t.Fatal(err)
		}
		for _, job := range []string{receipt.Journal, "job-1", "job-2"} {
			h.wantSaid(t, job, "revoked agent:ann by ada", "restored agent:ann by grace")
		}
	})
}

// A brokenBook takes nothing for one job.
type brokenBook struct {
	*store.DB
	job string
}

func (b brokenBook) Write(ctx context.Context, job string, next func(*receipt.State) (*receipt.Line, error)) error {
	if job == b.job {
		return errDown
	}
	return b.DB.Write(ctx, job, next)
}

// Who orders may hang up: the receipts are written.
func TestOrdererHangsUp(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		h.job(t, "job-1", "ann")
		ctx, hangUp := context.WithCancel(t.Context())
		d := *h.desk
		d.DB = hangsUp{h.DB, hangUp}
		if _, err := d.Revoke(ctx, order(token.RevokeJob, "job-1")); err != nil {
			t.Fatal(err)
		}
		h.wantSaid(t, "job-1", "revoked job:job-1 by ada")
	})
}

type hangsUp struct {
	*store.DB
	hangUp func()
}

func (o hangsUp) Revoke(ctx context.Context, r store.Revocation) (*store.Revoked, error) {
	done, err := o.DB.Revoke(ctx, r)
	o.hangUp()
	return done, err
}

// An order at one replica cuts what another has under way within a second.
func TestCutOnAnotherReplica(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		feed := &Feed{DB: storetest.Open(t, h.config)}
		ctx, cancel := context.WithCancel(t.Context())
		wait := feed.Start(ctx)
		defer wait()
		defer cancel()
		const rounds = 21
		var took []time.Duration
		for i := range rounds {
			c := h.job(t, fmt.Sprintf("job-%d", i), fmt.Sprintf("agent-%d", i))
			watched, stop, err := feed.Watch(t.Context(), c, policy.Action{Tool: "jira", Name: "issue.get", Class: policy.Read})
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(i*11) * time.Millisecond) // anywhere between two looks
			began := time.Now()
			if _, err := h.DB.Revoke(t.Context(), order(token.RevokeAgent, c.Agent)); err != nil {
				t.Fatal(err)
			}
			<-watched.Done()
			took = append(took, time.Since(began))
			if err := context.Cause(watched); token.Code(err) != "agent.revoked" {
				t.Errorf("got %v", err)
			}
			stop()
		}
		slices.Sort(took)
		t.Logf("from the order at one replica to the cut at another: median %v, worst of %d %v", took[rounds/2], rounds, took[rounds-1])
		if took[rounds/2] >= time.Second { // the slowest say how busy this machine is
			t.Errorf("half of them took %v and longer", took[rounds/2])
		}
	})
}
