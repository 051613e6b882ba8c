// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package replay_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/gate/gatetest"
	"github.com/clawea/clawea/internal/issuer"
	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/internal/replay"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
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
	resolved int // how often names were looked up
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
	g := gatetest.New(t, slog.New(slog.DiscardHandler), catalog...)
	h := &house{t: t, db: g.DB, raw: g.Raw, registry: g.Registry, issuer: g.Issuer, gate: g.Gate}
	h.registry.Resolvers["confluence"] = h
	h.Replayer = &replay.Replayer{
		DB: g.DB, Policies: g.Registry, Gates: []seal.Verifier{g.GateKey.Verifier}, Issuers: func() []seal.Verifier { return []seal.Verifier{g.IssuerKey.Verifier} },
	}
	h.policy = g.Publish(t, force)
	return h
}

// mint issues a token for a job; grant nil means all.
func (h *house) mint(job string, grant *policy.Grant) string {
	h.t.Helper()
	return gatetest.Mint(h.t, h.issuer, issuer.Order{Agent: "robot", Job: job, Policy: h.policy, Grant: grant}).Raw
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
	_, err := gatetest.Do(h.t.Context(), h.gate, raw, text, c, "result")
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
