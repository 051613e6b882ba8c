// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package gatetest opens gates for tests of what stands before one, or reads what
// one has written: a House is all of real parts, a Memory is a gate over small parts
// in memory.
package gatetest

import (
	"bytes"
	"context"
	"database/sql"
	"log/slog"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/internal/issuer"
	"github.com/clawea/clawea/internal/ledger"
	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/internal/store/storetest"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
	"github.com/clawea/clawea/verify"
)

// URL is that of the house, and of its issuer.
const URL = "https://house.test"

// A House is everything that writes what a proof holds. Ada signs its policies, and
// Alice answers its questions; nothing is revoked in it. Tests may change what it
// has before they use it.
type House struct {
	DB       *store.DB
	Raw      *sql.DB // behind the store's back
	Registry *registry.Registry
	Issuer   *issuer.Issuer
	Gate     *gate.Gate
	Ledger   *ledger.Ledger
	Trust    *verify.Trust // what an auditor of it brings

	Ada, Alice housetest.Key
	GateKey    housetest.Key
	IssuerKey  housetest.Key
}

// New opens a house whose tools can do what catalog says, until the test ends.
func New(t testing.TB, log *slog.Logger, catalog ...policy.Action) *House {
	t.Helper()
	url := storetest.URL(t)
	db := storetest.Open(t, store.Config{URL: url, Log: log})
	h := &House{
		DB: db, Raw: storetest.Raw(t, url), Ada: housetest.NewKey(t, "ada@house.test", 1), Alice: housetest.NewKey(t, "alice@house.test", 6),
		IssuerKey: housetest.NewKey(t, "issuer.test", 3), GateKey: housetest.NewKey(t, "gate.test", 4),
	}
	reg, logKey := housetest.NewKey(t, "registry.test", 2), housetest.NewKey(t, "log.test", 5)
	h.Registry = &registry.Registry{
		DB: db, Authors: []seal.Verifier{h.Ada.Verifier}, Signer: reg, Self: reg.Verifier, Resolvers: map[string]registry.Resolver{}, Now: time.Now,
	}
	h.Issuer = NewIssuer(db, h.Registry, h.IssuerKey, catalog)
	h.Gate = NewGate(h.Issuer, h.Registry, db, h.GateKey, log)
	h.Gate.People = []seal.Verifier{h.Alice.Verifier}
	h.Ledger = &ledger.Ledger{DB: db, Signer: logKey, Origin: "house.test/log", Log: log}
	h.Trust = &verify.Trust{
		Format: verify.TrustFormat, House: URL, Origin: h.Ledger.Origin, Authors: []string{h.Ada.Public}, Registries: []string{reg.Public},
		Issuers: []string{h.IssuerKey.Public}, Gates: []string{h.GateKey.Public}, Logs: []string{logKey.Public}, People: []string{h.Alice.Public},
	}
	return h
}

// NewIssuer returns the house's issuer, which issues plain bearer tokens too.
func NewIssuer(db *store.DB, policies issuer.Policies, key housetest.Key, catalog []policy.Action) *issuer.Issuer {
	keys := &issuer.Keys{Signer: key, Verifiers: []seal.Verifier{key.Verifier}, Public: []string{key.Public}}
	return &issuer.Issuer{
		DB: db, Policies: policies, Keys: func() *issuer.Keys { return keys }, Nonces: &issuer.Nonces{Key: []byte("nonces"), Now: time.Now},
		URL: URL, House: URL, Catalog: catalog, PlainBearer: true, Now: time.Now,
	}
}

// NewGate returns a gate that takes plain bearer tokens, and in which nothing is revoked.
func NewGate(tokens gate.Tokens, policies gate.Policies, book gate.Book, key seal.Signer, log *slog.Logger) *gate.Gate {
	return &gate.Gate{
		Tokens: tokens, Policies: policies, Book: book, Revocations: calm{}, Signer: key, Salt: bytes.Repeat([]byte{9}, 32), PlainBearer: true, Log: log,
	}
}

// calm cuts no call off.
type calm struct{}

func (calm) Watch(ctx context.Context, _ *token.Claims, _ policy.Action) (context.Context, func(), error) {
	return ctx, func() {}, nil
}

// Log has receipts put into the ledger, one batch at most in every, until the test ends.
func (h *House) Log(t testing.TB, every time.Duration) {
	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		h.Ledger.Run(ctx, every)
	}()
	t.Cleanup(func() {
		stop()
		<-stopped
	})
}

// Publish has ada publish a policy, and returns its hash.
func (h *House) Publish(t testing.TB, wpc string) seal.Hash {
	t.Helper()
	entry, err := h.Registry.Publish(t.Context(), housetest.Sign(t, wpc, h.Ada))
	if err != nil {
		t.Fatal(err)
	}
	return entry.Policy.Hash()
}

// Mint issues what is ordered.
func Mint(t testing.TB, i *issuer.Issuer, o issuer.Order) *issuer.Minted {
	t.Helper()
	m, err := i.Mint(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Do carries a call through a gate. If it is allowed, the act succeeds with result.
func Do(ctx context.Context, g *gate.Gate, raw, args string, c *policy.Call, result string) (*receipt.Receipt, error) {
	return Carry(ctx, g, raw, args, &gate.Plan{Call: c, Act: func(context.Context, *receipt.Receipt) (*gate.Result, error) {
		return &gate.Result{Body: []byte(result), Outcome: receipt.Outcome{Status: receipt.Done}}, nil
	}})
}

// Carry carries what is planned through a gate.
func Carry(ctx context.Context, g *gate.Gate, raw, args string, p *gate.Plan) (*receipt.Receipt, error) {
	r, _, err := g.Do(ctx, &token.Presentation{Raw: raw}, &gate.Request{
		Action: policy.Action{Tool: p.Call.Tool, Name: p.Call.Action, Class: p.Call.Class}, Text: []byte(args),
		Plan: func(context.Context, []policy.Bound) (*gate.Plan, error) { return p, nil },
	})
	return r, err
}
