// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package registry_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/internal/store/storetest"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

const (
	wpc   = `{"actions":{"read":{"allowed":true}},"policy_name":"reader","resources":{"spaces_allowlist":["ENG"]},"tool":"confluence","wpc_version":"v1"}`
	other = `{"actions":{"read":{"allowed":true}},"policy_name":"other","resources":{"spaces_allowlist":["OPS"]},"tool":"confluence","wpc_version":"v1"}`
)

// A house is a registry over a real store, which raw reaches behind its back.
type house struct {
	*registry.Registry
	raw         *sql.DB
	ada, second key // authors
}

type key = housetest.Key

func newKey(t *testing.T, name string, seed byte) key {
	t.Helper()
	return housetest.NewKey(t, name, seed)
}

// spaces resolves the spaces that it holds to their ids.
type spaces map[string]string

func (s spaces) Resolve(_ context.Context, names []policy.Name) ([]policy.Bound, error) {
	var out []policy.Bound
	for _, n := range names {
		if s[n.Name] == "" {
			return nil, errors.New("no space has the key " + n.Name)
		}
		out = append(out, policy.Bound{Name: n, Site: "https://site.test", ID: s[n.Name]})
	}
	return out, nil
}

func newHouse(t *testing.T) *house {
	t.Helper()
	url := storetest.URL(t)
	db := storetest.Open(t, store.Config{URL: url})
	raw := storetest.Raw(t, url)
	self := newKey(t, "registry.test", 1)
	h := &house{raw: raw, ada: newKey(t, "ada@house.test", 2), second: newKey(t, "bo@house.test", 3)}
	h.Registry = &registry.Registry{
		DB: db, Authors: []seal.Verifier{h.ada.Verifier, h.second.Verifier}, Signer: self.Signer, Self: self.Verifier,
		Resolvers: map[string]registry.Resolver{"confluence": spaces{"ENG": "11", "OPS": "12"}}, Now: time.Now,
	}
	return h
}

func signed(t *testing.T, payload string, keys ...key) *seal.Envelope {
	t.Helper()
	e, err := seal.Sign(keys[0].Signer, policy.Type, []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys[1:] {
		if err := e.Add(k.Signer); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

func (h *house) publish(t *testing.T, payload string) *registry.Entry {
	t.Helper()
	e, err := h.Publish(t.Context(), signed(t, payload, h.ada))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (h *house) exec(t *testing.T, query string, args ...any) {
	t.Helper()
	res, err := h.raw.ExecContext(t.Context(), query, args...)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		t.Fatalf("%s changed %d rows: %v", query, n, err)
	}
}

func marshal(t *testing.T, e *seal.Envelope) []byte {
	t.Helper()
	b, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}
