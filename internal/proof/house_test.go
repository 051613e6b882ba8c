// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/approval"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/gate/gatetest"
	"github.com/clawea/clawea/internal/issuer"
	"github.com/clawea/clawea/internal/proof"
	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
	"github.com/clawea/clawea/verify"
)

const wpc = `{"approvals":{"required_for":["external_send"]},"model_route":{"allowed":["main"]},"tool_policy":{"allow":["desk.read","desk.post"]},"wpc_version":"v1"}`

var catalog = []policy.Action{
	{Tool: "desk", Name: "read", Class: policy.Read}, {Tool: "desk", Name: "post", Class: policy.Write}, {Tool: "desk", Name: "wipe", Class: policy.Admin},
	{Tool: "model", Name: "chat.completions", Class: policy.Model},
}

// A house is everything that writes what a bundle holds, and its exporter.
type house struct {
	*proof.Exporter
	t        *testing.T
	db       *store.DB
	raw      *sql.DB // behind the store's back
	registry *registry.Registry
	issuer   *issuer.Issuer
	gate     *gate.Gate
	desk     *approval.Desk
	alice    seal.Signer
	ada      seal.Signer
	trust    *verify.Trust
	policy   seal.Hash
}

func newHouse(t *testing.T) *house {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	g := gatetest.New(t, log, catalog...)
	h := &house{
		t: t, db: g.DB, raw: g.Raw, registry: g.Registry, issuer: g.Issuer, gate: g.Gate, alice: g.Alice, ada: g.Ada, trust: g.Trust,
		desk:     &approval.Desk{DB: g.DB, Policies: g.Registry, People: g.Gate.People, Now: time.Now},
		Exporter: &proof.Exporter{DB: g.DB, Policies: g.Registry, Ledger: g.Ledger, Signer: g.GateKey, Now: time.Now, Log: log},
		policy:   g.Publish(t, wpc),
	}
	g.Log(t, 50*time.Millisecond)
	return h
}

func (h *house) mint(job string) *issuer.Minted {
	h.t.Helper()
	return gatetest.Mint(h.t, h.issuer, issuer.Order{Agent: "robot", Job: job, Policy: h.policy})
}

// do carries a call of desk's through the gate.
func (h *house) do(raw, name, text string) (*receipt.Receipt, error) {
	action := policy.Action{Tool: "desk", Name: name}
	for _, a := range catalog {
		if a.Name == name {
			action = a
		}
	}
	c := &policy.Call{Tool: action.Tool, Action: action.Name, Class: action.Class}
	if name == "post" {
		c.Categories = []string{"external_send"}
	}
	return gatetest.Do(context.WithoutCancel(h.t.Context()), h.gate, raw, text, c, "result of "+text)
}

// yes has alice approve a question.
func (h *house) yes(id string) {
	h.t.Helper()
	q, err := h.desk.Question(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	a := &receipt.Answer{Approval: id, Job: q.Job, Call: q.Call, Policy: q.Policy, Yes: true, By: "alice@house.test", At: now, Expires: now.Add(time.Hour)}
	e, err := a.Sign(h.alice)
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := h.desk.Answer(h.t.Context(), id, e); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) export(job string, disclose bool) []byte {
	h.t.Helper()
	what := proof.Nothing
	if disclose {
		what = proof.Everything
	}
	file, err := h.Export(h.t.Context(), job, what)
	if err != nil {
		h.t.Fatal(err)
	}
	return file
}

func (h *house) verify(file []byte) *verify.Report {
	return verify.Bundle(file, h.trust, verify.Expect{Policy: h.policy, Now: time.Now()})
}

func (h *house) wantVerified(file []byte) *verify.Report {
	h.t.Helper()
	r := h.verify(file)
	if !r.Verified() {
		var b bytes.Buffer
		if err := verify.WriteText(&b, r); err != nil {
			h.t.Fatal(err)
		}
		h.t.Fatalf("the bundle does not verify:\n%s", b.String())
	}
	return r
}

// codes lists the codes of the findings of a level.
func codes(r *verify.Report, l verify.Level) map[verify.Code]bool {
	out := map[verify.Code]bool{}
	for _, f := range r.Findings {
		if f.Level == l {
			out[f.Code] = true
		}
	}
	return out
}

// A leaky book loses the closing receipt of every call.
type leakyBook struct{ *store.DB }

var errDisk = errors.New("disk is full")

func (b leakyBook) Write(ctx context.Context, job string, next func(*receipt.State) (*receipt.Line, error)) error {
	return b.DB.Write(ctx, job, func(st *receipt.State) (*receipt.Line, error) {
		l, err := next(st)
		if err == nil && l.Receipt.Kind == receipt.Closed {
			return nil, errDisk
		}
		return l, err
	})
}

// A noisyDB lets something happen between reading the chain and the rest.
type noisyDB struct {
	*store.DB
	then func()
}

func (d *noisyDB) Receipts(ctx context.Context, job string) ([]*seal.Envelope, error) {
	list, err := d.DB.Receipts(ctx, job)
	if d.then != nil {
		d.then()
	}
	return list, err
}

// brokenPolicies cannot be read just now.
type brokenPolicies struct{}

func (brokenPolicies) Entry(context.Context, seal.Hash) (*registry.Entry, error) { return nil, errDisk }

// brokenDB cannot read tokens just now.
type brokenDB struct{ *store.DB }

func (brokenDB) Token(context.Context, token.ID) (*store.Token, error) { return nil, errDisk }
