// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package gatetest

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// A Memory is a gate whose tokens are real, and whose policies and receipts are in
// memory. It fills what the gate needs of others.
type Memory struct {
	Gate   *gate.Gate
	Broken receipt.Kind // what cannot be written just now

	key    seal.Verifier // of the gate
	issuer housetest.Key

	mu       sync.Mutex
	policies map[seal.Hash]*policy.Policy
	jobs     map[string]*receipt.State
	lines    []*receipt.Line
	cut      context.CancelCauseFunc // cuts off the last call
}

// NewMemory opens a gate that logs to log. No other takes its tokens.
func NewMemory(t testing.TB, log *slog.Logger) *Memory {
	t.Helper()
	key := housetest.FreshKey(t, "gate")
	m := &Memory{
		key: key.Verifier, issuer: housetest.FreshKey(t, "issuer"), policies: map[seal.Hash]*policy.Policy{}, jobs: map[string]*receipt.State{},
	}
	m.Gate = NewGate(m, m, m, key, log)
	m.Gate.Revocations = m
	return m
}

// Publish has a policy take effect.
func (m *Memory) Publish(t testing.TB, wpc string) *policy.Policy {
	t.Helper()
	p := housetest.Policy(t, wpc)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.policies[p.Hash()] = p
	return p
}

// Withdraw loses all policies.
func (m *Memory) Withdraw() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.policies)
}

// Mint returns a token of the agent's, for a job, that holds all of a policy.
func (m *Memory) Mint(t testing.TB, p *policy.Policy, catalog []policy.Action, job string) string {
	t.Helper()
	now := time.Now().Unix()
	raw, _, err := token.Mint(m.issuer, p, catalog, p.Whole(catalog), &token.Claims{
		Issuer: URL, Audience: URL, Agent: "agent", ID: "cst-" + token.ID(job), Issued: now, Expires: now + 600, Job: job,
	})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Check checks a token, and passes over its proofs.
func (m *Memory) Check(_ context.Context, p *token.Presentation) (token.Shown, error) {
	c, err := token.Check(p.Raw, URL, time.Now(), m.issuer.Verifier)
	return token.Shown{Claims: c}, err
}

// New is the one nonce of the house.
func (m *Memory) New() string { return "n1" }

// Policy returns what was published. What it and Write say of their troubles is not for
// agents: tests look for "hush".
func (m *Memory) Policy(_ context.Context, h seal.Hash) (*policy.Policy, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p := m.policies[h]; p != nil {
		return p, nil
	}
	return nil, errors.New("no such policy in table hush")
}

// Watch remembers the call for Cut.
func (m *Memory) Watch(ctx context.Context, _ *token.Claims, _ policy.Action) (context.Context, func(), error) {
	ctx, cancel := context.WithCancelCause(ctx)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cut = cancel
	return ctx, func() { cancel(nil) }, nil
}

// Cut cuts off the call that was last let through.
func (m *Memory) Cut(cause error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cut(cause)
}

var errBook = errors.New("disk full at hush.db")

// Spend is never asked: no test of these admits a caller for several calls.
func (m *Memory) Spend(context.Context, string, receipt.Spent) error { return errBook }

// Write keeps a receipt, unless it is of the broken kind.
func (m *Memory) Write(_ context.Context, job string, next func(*receipt.State) (*receipt.Line, error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	st := m.jobs[job]
	if st == nil {
		st = &receipt.State{Used: map[string]int{}, Pending: map[seal.Hash]string{}}
		m.jobs[job] = st
	}
	st.Now = time.Now().UTC()
	line, err := next(st)
	if err == nil {
		err = line.Sign()
	}
	if err != nil {
		return err
	}
	if line.Receipt.Kind == m.Broken {
		return errBook
	}
	m.lines = append(m.lines, line)
	if r := line.Receipt; r.Asks != "" {
		st.Pending[r.Call.Digest()] = r.Asks
	}
	st.Head = receipt.Head{Seq: line.Receipt.Seq, Hash: line.Hash()}
	return nil
}

// Lines returns what was written so far.
func (m *Memory) Lines() []*receipt.Line {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.lines)
}

// Receipts waits for n receipts and returns them as an auditor reads them: signed, and
// each job's in a chain.
func (m *Memory) Receipts(t testing.TB, n int) []*receipt.Receipt {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); len(m.Lines()) < n && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	lines := m.Lines()
	if len(lines) != n {
		t.Fatalf("%d receipts, want %d", len(lines), n)
	}
	var out []*receipt.Receipt
	prev := map[string]seal.Hash{}
	for _, line := range lines {
		if _, err := line.Envelope.Open(receipt.Type, m.key); err != nil {
			t.Fatal(err)
		}
		r, err := receipt.Parse(line.Envelope.Payload)
		if err != nil {
			t.Fatal(err)
		}
		if r.Prev != prev[r.Job] {
			t.Fatalf("receipt %s/%d is out of its chain", r.Job, r.Seq)
		}
		prev[r.Job] = line.Hash()
		out = append(out, r)
	}
	return out
}
