// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package replay_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/issuer"
	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/internal/replay"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

const force = `{"wpc_version":"v1","tool":["confluence","desk"],"resources":{"spaces_allowlist":["ENG"]},
	"actions":{"read":{"allowed":true,"max_pages_per_job":3},"search":{"allowed":true},"write":{"allowed":false,"approval_gate":"required"}},
	"tool_policy":{"allow":["desk.*","confluence"]}}`

var catalog = []policy.Action{
	{Tool: "confluence", Name: "page.get", Class: policy.Read}, {Tool: "confluence", Name: "page.search", Class: policy.Search},
	{Tool: "confluence", Name: "page.update", Class: policy.Write}, {Tool: "desk", Name: "post", Class: policy.Write},
}

// A house is a gate and a replayer over a real store, which raw reaches behind its back.
type house struct {
	*replay.Replayer
	t        *testing.T
	db       *store.DB
	raw      *sql.DB
	registry *registry.Registry
	issuer   *issuer.Issuer
	gate     *gate.Gate
	policy   seal.Hash
	ada      seal.Signer
	resolved int // how often names were looked up
}

func newKey(t *testing.T, name string, seed byte) (seal.Signer, seal.Verifier, string) {
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
	return s, v, public
}

// Resolve makes ids out of names. It fills registry.Resolver.
func (h *house) Resolve(_ context.Context, names []policy.Name) ([]policy.Bound, error) {
	h.resolved++
	var out []policy.Bound
	for _, n := range names {
		if strings.HasPrefix(n.Name, "NOWHERE") {
			return nil, errors.New("no space has the key NOWHERE")
		}
		out = append(out, policy.Bound{Name: n, Site: "site", ID: "id:" + strings.TrimSuffix(n.Name, "/")})
	}
	return out, nil
}

func newHouse(t *testing.T) *house {
	t.Helper()
	path := filepath.Join(t.TempDir(), "house.db")
	db, err := store.Open(t.Context(), store.Config{URL: "sqlite:" + path, Key: bytes.Repeat([]byte{7}, 32), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := sql.Open("sqlite", "file:"+path+"?_busy_timeout=5000")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(raw.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
	h := &house{t: t, db: db, raw: raw}
	ada, adaKey, _ := newKey(t, "ada@house.test", 1)
	reg, regKey, _ := newKey(t, "registry.test", 2)
	iss, issKey, issText := newKey(t, "issuer.test", 3)
	gat, gatKey, _ := newKey(t, "gate.test", 4)
	h.ada = ada
	h.registry = &registry.Registry{
		DB: db, Authors: []seal.Verifier{adaKey}, Signer: reg, Self: regKey, Resolvers: map[string]registry.Resolver{"confluence": h}, Now: time.Now,
	}
	h.issuer = &issuer.Issuer{
		DB: db, Policies: h.registry, Keys: func() *issuer.Keys {
			return &issuer.Keys{Signer: iss, Verifiers: []seal.Verifier{issKey}, Public: []string{issText}}
		},
		Nonces: &issuer.Nonces{Key: []byte("nonces"), Now: time.Now}, PlainBearer: true,
		URL: "https://house.test", House: "https://house.test", Catalog: catalog, Now: time.Now,
	}
	h.gate = &gate.Gate{Tokens: h.issuer, Policies: h.registry, Book: db, Revocations: calm{}, Signer: gat, Salt: bytes.Repeat([]byte{9}, 32), PlainBearer: true, Log: slog.New(slog.DiscardHandler)}
	h.Replayer = &replay.Replayer{DB: db, Policies: h.registry, Gates: []seal.Verifier{gatKey}, Issuers: func() []seal.Verifier { return []seal.Verifier{issKey} }}
	h.policy = h.publish(force)
	return h
}

func (h *house) publish(text string) seal.Hash {
	h.t.Helper()
	canonical, err := seal.Canonical([]byte(text))
	if err != nil {
		h.t.Fatal(err)
	}
	e, err := seal.Sign(h.ada, policy.Type, canonical)
	if err != nil {
		h.t.Fatal(err)
	}
	entry, err := h.registry.Publish(h.t.Context(), e)
	if err != nil {
		h.t.Fatal(err)
	}
	return entry.Policy.Hash()
}

// mint issues a token for a job; grant nil means all.
func (h *house) mint(job string, grant *policy.Grant) string {
	h.t.Helper()
	m, err := h.issuer.Mint(h.t.Context(), issuer.Order{Agent: "robot", Job: job, Policy: h.policy, Grant: grant})
	if err != nil {
		h.t.Fatal(err)
	}
	return m.Raw
}

// do carries a call through the gate, whatever becomes of it. Confluence's are
// about the page that path ends with.
func (h *house) do(raw, tool, name, text string, path ...string) {
	h.t.Helper()
	action := policy.Action{Tool: tool, Name: name, Class: policy.Admin}
	for _, a := range catalog {
		if a.Tool == tool && a.Name == name {
			action = a
		}
	}
	c := &policy.Call{Tool: tool, Action: name, Class: action.Class}
	if tool == "confluence" {
		c.Mode, c.Site, c.Uses = "official_api", "site", map[string]int{"pages": 1}
		r := policy.Resource{Type: "page", ID: "id:" + strings.Join(path, "/")}
		for i, n := range path {
			r.Path = append(r.Path, policy.Place{ID: "id:" + strings.Join(path[:i+1], "/"), Name: n})
		}
		c.Resources = []policy.Resource{r}
	}
	_, _, err := h.gate.Do(h.t.Context(), &token.Presentation{Raw: raw}, &gate.Request{Action: action, Text: []byte(text), Plan: func(context.Context, []policy.Bound) (*gate.Plan, error) {
		return &gate.Plan{Call: c, Act: func(context.Context, *receipt.Receipt) (*gate.Result, error) {
			return &gate.Result{Body: []byte("result"), Outcome: receipt.Outcome{Status: receipt.Done}}, nil
		}}, nil
	}})
	if denied, pending, refused := (*gate.Denied)(nil), (*gate.Pending)(nil), (*gate.Refused)(nil); err != nil && !errors.As(err, &denied) && !errors.As(err, &pending) && !errors.As(err, &refused) {
		h.t.Fatal(err)
	}
}

func (h *house) exec(query string, args ...any) {
	h.t.Helper()
	res, err := h.raw.ExecContext(h.t.Context(), query, args...)
	if err != nil {
		h.t.Fatal(err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		h.t.Fatalf("%s changed %d rows: %v", query, n, err)
	}
}

// replay replays all of a job, or of all jobs, and returns how many calls there
// were and each difference as "job/seq was would".
func (h *house) replay(text, job string) (int, []string) {
	h.t.Helper()
	candidate, _, err := h.Candidate(h.t.Context(), []byte(text), nil, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	calls := 0
	var out []string
	for at := (store.Mark{}); ; {
		page, err := h.Page(h.t.Context(), candidate, at, job)
		if err != nil {
			h.t.Fatal(err)
		}
		calls += page.Calls
		for _, d := range page.Differences {
			was, would := "?", d.Would.Unknown
			if d.Was != nil {
				was = d.Was.Effect.String()
			}
			if d.Would.Decision != nil {
				would = d.Would.Decision.Effect.String()
			}
			out = append(out, fmt.Sprintf("%s/%d %s %s", d.Job, d.Seq, was, would))
		}
		if page.Next == nil {
			return calls, out
		}
		at = *page.Next
	}
}

// calm cuts no call off.
type calm struct{}

// Watch returns ctx.
func (calm) Watch(ctx context.Context, _ *token.Claims, _ policy.Action) (context.Context, func(), error) {
	return ctx, func() {}, nil
}
