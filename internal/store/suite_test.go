// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

var errOnlyLooking = errors.New("only looking")

func TestJobs(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		created := h.clock.Now()
		one := Job{ID: "job-1", Agent: "agent", Policy: testPolicy, Client: "ada", Created: created}
		two := Job{ID: "job-2", Agent: "agent", Policy: testPolicy, Created: created.Add(time.Millisecond)}
		for _, j := range []Job{one, two, one} {
			if err := h.CreateJob(ctx, j); err != nil {
				t.Fatalf("create %s: %v", j.ID, err)
			}
		}
		other := one
		other.Client = "grace"
		if err := h.CreateJob(ctx, other); !errors.Is(err, ErrConflict) {
			t.Errorf("the same job, ordered by another: got %v, want ErrConflict", err)
		}
		other = two // nobody knows who ordered it
		other.Client = "grace"
		if err := h.CreateJob(ctx, other); err != nil {
			t.Errorf("a job of before there were clients: %v", err)
		}
		if err := h.CreateJob(ctx, Job{ID: receipt.Journal, Agent: "house"}); !errors.Is(err, ErrConflict) {
			t.Errorf("the house's own job: got %v, want ErrConflict", err)
		}
		other = one
		other.Agent = "other"
		if err := h.CreateJob(ctx, other); !errors.Is(err, ErrConflict) {
			t.Errorf("another agent's job: got %v, want ErrConflict", err)
		}
		other = one
		other.Policy = seal.Sum([]byte("other"))
		if err := h.CreateJob(ctx, other); !errors.Is(err, ErrConflict) {
			t.Errorf("job under another policy: got %v, want ErrConflict", err)
		}
		if err := h.CreateJob(ctx, Job{ID: "Job 1", Agent: "agent"}); err == nil {
			t.Error("a job with a bad name was created")
		}
		if err := h.CreateJob(ctx, Job{ID: "job-3", Agent: "../agent"}); err == nil {
			t.Error("an agent with a bad name was let in")
		}
		h.mustWrite(t, "job-1", h.limited("job-1", call(3, "a"), 10))
		one.Receipts, one.Used = 1, map[string]int{"pages": 3, "call:confluence.page.get": 1, "class:read": 1}
		two.Used = map[string]int{}
		list, err := h.Jobs(ctx, 0)
		if diff := cmp.Diff([]Job{two, one}, list); err != nil || diff != "" {
			t.Errorf("jobs: %v\n%s", err, diff)
		}
		list, err = h.Jobs(ctx, 1)
		if diff := cmp.Diff([]Job{two}, list); err != nil || diff != "" {
			t.Errorf("newest job: %v\n%s", err, diff)
		}
		got, err := h.Job(ctx, "job-1")
		if diff := cmp.Diff(&one, got); err != nil || diff != "" {
			t.Errorf("job: %v\n%s", err, diff)
		}
		if _, err := h.Job(ctx, "nobody"); !errors.Is(err, ErrNotFound) {
			t.Errorf("unknown job: got %v, want ErrNotFound", err)
		}
	})
}

func TestPolicies(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		p := Policy{Hash: testPolicy, Name: "Read the wiki", Envelope: []byte("envelope"), Binding: []byte("binding"), Published: h.clock.Now()}
		q := Policy{Hash: seal.Sum([]byte("q")), Name: "", Envelope: []byte{0, 255}, Binding: []byte{}, Published: h.clock.Now().Add(time.Second)}
		again := p
		again.Published = p.Published.Add(time.Hour)
		for _, p := range []Policy{p, q, again} {
			if err := h.PutPolicy(ctx, p); err != nil {
				t.Fatal(err)
			}
		}
		for name, change := range map[string]func(*Policy){
			"name":     func(p *Policy) { p.Name = "x" },
			"envelope": func(p *Policy) { p.Envelope = []byte("x") },
			"binding":  func(p *Policy) { p.Binding = nil },
		} {
			changed := p
			change(&changed)
			if err := h.PutPolicy(ctx, changed); !errors.Is(err, ErrConflict) {
				t.Errorf("another %s: got %v, want ErrConflict", name, err)
			}
		}
		got, err := h.Policy(ctx, p.Hash)
		if diff := cmp.Diff(&p, got); err != nil || diff != "" {
			t.Errorf("policy: %v\n%s", err, diff)
		}
		list, err := h.Policies(ctx)
		if diff := cmp.Diff([]Policy{p, q}, list, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Errorf("policies: %v\n%s", err, diff)
		}
		if _, err := h.Policy(ctx, seal.Hash{}); !errors.Is(err, ErrNotFound) {
			t.Errorf("unknown policy: got %v, want ErrNotFound", err)
		}
	})
}

func TestTokens(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		h.job(t, "job-1")
		now := h.clock.Now()
		put := func(id token.ID, job string) (Token, error) {
			tok := Token{ID: id, Job: job, Agent: "agent", Policy: testPolicy, Record: []byte("record"), Issued: now, Expires: now.Add(time.Hour)}
			return tok, h.PutToken(ctx, tok)
		}
		if _, err := put("t1", "nobody"); !errors.Is(err, ErrNotFound) {
			t.Errorf("token of an unknown job: got %v, want ErrNotFound", err)
		}
		t1, err1 := put("t1", "job-1")
		t2, err2 := put("t2", "job-1")
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		if _, err := put("t1", "job-1"); !errors.Is(err, ErrConflict) {
			t.Errorf("id taken: got %v, want ErrConflict", err)
		}
		other := Token{ID: "t3", Job: "job-1", Agent: "other", Policy: testPolicy, Issued: now, Expires: now.Add(time.Hour)}
		if err := h.PutToken(ctx, other); !errors.Is(err, ErrConflict) {
			t.Errorf("another agent's token: got %v, want ErrConflict", err)
		}
		other.Agent, other.Policy = "agent", seal.Sum([]byte("other"))
		if err := h.PutToken(ctx, other); !errors.Is(err, ErrConflict) {
			t.Errorf("a token under another policy: got %v, want ErrConflict", err)
		}
		h.clock.move(time.Minute)
		first := h.clock.Now()
		h.revoke(t, token.RevokeToken, "t1", "lost")
		h.clock.move(time.Minute)
		h.revoke(t, token.RevokeToken, "t1", "again")
		h.revoke(t, token.RevokeAgent, "agent", "a token's own revocation is what counts here")
		t1.Revoked, t1.Reason = &first, "lost"
		got, err := h.Token(ctx, "t1")
		if diff := cmp.Diff(&t1, got); err != nil || diff != "" {
			t.Errorf("revoked token: %v\n%s", err, diff)
		}
		second := h.clock.Now()
		h.revoke(t, token.RevokeJob, "job-1", "stop")
		t2.Revoked, t2.Reason = &second, "stop"
		list, err := h.Tokens(ctx, "job-1")
		if diff := cmp.Diff([]Token{t1, t2}, list); err != nil || diff != "" {
			t.Errorf("tokens: %v\n%s", err, diff)
		}
		if _, err := h.Token(ctx, "t9"); !errors.Is(err, ErrNotFound) {
			t.Errorf("unknown token: got %v, want ErrNotFound", err)
		}
	})
}

func TestPing(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		if err := h.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
		if err := h.Ping(t.Context()); err == nil {
			t.Error("a closed database answers")
		}
		if err := h.Write(t.Context(), "job-1", nil); !errors.Is(err, ErrClosed) {
			t.Errorf("write: got %v, want ErrClosed", err)
		}
	})
}
