// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/approval"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/issuer"
	"github.com/clawea/clawea/internal/ledger"
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
	trust    *verify.Trust
	policy   seal.Hash
}

type key struct {
	seal.Signer
	verifier seal.Verifier
	public   string
}

func newKey(t *testing.T, name string, seed byte) key {
	t.Helper()
	private, public, err := seal.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{seed}, 64)), name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := seal.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	v, err := seal.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	return key{s, v, public}
}

func newHouse(t *testing.T) *house {
	t.Helper()
	path := filepath.Join(t.TempDir(), "house.db")
	log := slog.New(slog.DiscardHandler)
	db, err := store.Open(t.Context(), store.Config{URL: "sqlite:" + path, Key: bytes.Repeat([]byte{7}, 32), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := sql.Open("sqlite", "file:"+path+"?_busy_timeout=5000")
	if err != nil {
		t.Fatal(err)
	}
	ada, reg, iss := newKey(t, "ada@house.test", 1), newKey(t, "registry.test", 2), newKey(t, "issuer.test", 3)
	gat, logKey, alice := newKey(t, "gate.test", 4), newKey(t, "log.test", 5), newKey(t, "alice@house.test", 6)
	h := &house{t: t, db: db, raw: raw, alice: alice.Signer}
	h.registry = &registry.Registry{
		DB: db, Authors: []seal.Verifier{ada.verifier}, Signer: reg.Signer, Self: reg.verifier, Resolvers: map[string]registry.Resolver{}, Now: time.Now,
	}
	h.issuer = &issuer.Issuer{
		DB: db, Policies: h.registry, Keys: func() *issuer.Keys {
			return &issuer.Keys{Signer: iss.Signer, Verifiers: []seal.Verifier{iss.verifier}, Public: []string{iss.public}}
		},
		Nonces: &issuer.Nonces{Key: []byte("nonces"), Now: time.Now}, PlainBearer: true,
		URL: "https://house.test", House: "https://house.test", Catalog: catalog, Now: time.Now,
	}
	people := []seal.Verifier{alice.verifier}
	h.gate = &gate.Gate{Tokens: h.issuer, Policies: h.registry, Book: db, Revocations: calm{}, People: people, Signer: gat.Signer, Salt: bytes.Repeat([]byte{9}, 32), PlainBearer: true, Log: slog.New(slog.DiscardHandler)}
	h.desk = &approval.Desk{DB: db, Policies: h.registry, People: people, Now: time.Now}
	l := &ledger.Ledger{DB: db, Signer: logKey.Signer, Origin: "house.test/log", Log: log}
	h.Exporter = &proof.Exporter{DB: db, Policies: h.registry, Ledger: l, Signer: gat.Signer, Now: time.Now, Log: log}
	h.trust = &verify.Trust{
		Format: verify.TrustFormat, House: "https://house.test", Origin: "house.test/log", Authors: []string{ada.public}, Registries: []string{reg.public},
		Issuers: []string{iss.public}, Gates: []string{gat.public}, Logs: []string{logKey.public}, People: []string{alice.public},
	}
	running, stop := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		l.Run(running, 50*time.Millisecond)
	}()
	t.Cleanup(func() {
		stop()
		<-stopped
		if err := errors.Join(raw.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
	h.publish(ada)
	return h
}

func (h *house) publish(author key) {
	h.t.Helper()
	e, err := seal.Sign(author.Signer, policy.Type, []byte(wpc))
	if err != nil {
		h.t.Fatal(err)
	}
	entry, err := h.registry.Publish(h.t.Context(), e)
	if err != nil {
		h.t.Fatal(err)
	}
	h.policy = entry.Policy.Hash()
}

func (h *house) mint(job string) *issuer.Minted {
	h.t.Helper()
	m, err := h.issuer.Mint(h.t.Context(), issuer.Order{Agent: "robot", Job: job, Policy: h.policy})
	if err != nil {
		h.t.Fatal(err)
	}
	return m
}

// do carries a call of desk's through the gate.
func (h *house) do(raw, name, text string) (*receipt.Receipt, error) {
	action := policy.Action{Tool: "desk", Name: name}
	for _, a := range catalog {
		if a.Name == name {
			action = a
		}
	}
	r, _, err := h.gate.Do(context.WithoutCancel(h.t.Context()), &token.Presentation{Raw: raw}, &gate.Request{Action: action, Text: []byte(text), Plan: func(context.Context, []policy.Bound) (*gate.Plan, error) {
		c := &policy.Call{Tool: action.Tool, Action: action.Name, Class: action.Class}
		if name == "post" {
			c.Categories = []string{"external_send"}
		}
		return &gate.Plan{Call: c, Act: func(context.Context, *receipt.Receipt) (*gate.Result, error) {
			return &gate.Result{Body: []byte("result of " + text), Outcome: receipt.Outcome{Status: receipt.Done}}, nil
		}}, nil
	}})
	return r, err
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

// calm cuts no call off.
type calm struct{}

// Watch returns ctx.
func (calm) Watch(ctx context.Context, _ *token.Claims, _ policy.Action) (context.Context, func(), error) {
	return ctx, func() {}, nil
}
