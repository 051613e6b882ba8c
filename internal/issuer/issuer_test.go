// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package issuer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/internal/issuer"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/internal/store/storetest"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

const (
	wpc     = `{"runtime":{"max_ttl_seconds":600},"tool_policy":{"allow":["deploy.run","deploy.show"]},"wpc_version":"v1"}`
	other   = `{"tool_policy":{"allow":["deploy.show"]},"wpc_version":"v1"}`
	thisOne = "https://house.test"
)

var catalog = []policy.Action{
	{Tool: "deploy", Name: "run", Class: policy.Write},
	{Tool: "deploy", Name: "show", Class: policy.Read},
	{Tool: "deploy", Name: "delete", Class: policy.Admin},
}

// A house is an issuer over a real store.
type house struct {
	*issuer.Issuer
	db            *store.DB
	now           time.Time
	policy, other seal.Hash
}

// policies are bound and published, as far as the issuer can see.
type policies map[seal.Hash]*policy.Policy

var errNotPublished = errors.New("not published")

func (p policies) Policy(_ context.Context, h seal.Hash) (*policy.Policy, error) {
	if p := p[h]; p != nil {
		return p, nil
	}
	return nil, errNotPublished
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{now: time.Date(2026, 11, 21, 8, 0, 0, 987e6, time.UTC)}
	now := func() time.Time { return h.now }
	h.db = storetest.Open(t, store.Config{Now: now})
	published := policies{}
	for text, hash := range map[string]*seal.Hash{wpc: &h.policy, other: &h.other} {
		p := housetest.Policy(t, text)
		published[p.Hash()], *hash = p, p.Hash()
	}
	key := housetest.NewKey(t, "issuer.house.test", 3)
	h.Issuer = &issuer.Issuer{
		DB: h.db, Policies: published, Keys: func() *issuer.Keys {
			return &issuer.Keys{Signer: key, Verifiers: []seal.Verifier{key.Verifier}, Public: []string{key.Public}}
		},
		Nonces: &issuer.Nonces{Key: []byte("nonces"), Now: now}, PlainBearer: true,
		URL: "https://issuer.test", House: thisOne, Catalog: catalog, Now: now,
	}
	return h
}

func (h *house) order() issuer.Order {
	return issuer.Order{Agent: "robot", Job: "job-1", Policy: h.policy}
}

func (h *house) mint(t *testing.T) *issuer.Minted {
	t.Helper()
	m, err := h.Mint(t.Context(), h.order())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMint(t *testing.T) {
	h := newHouse(t)
	o := h.order()
	o.TTL = 90*time.Second + 900*time.Millisecond
	o.Grant = &policy.Grant{Actions: []string{"deploy.show"}, Resources: []string{}, Limits: map[string]int{}}
	o.Runtime = &policy.Runtime{Sandboxed: true}
	m, err := h.Mint(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	c := m.Claims
	if c.Issuer != h.URL || c.Audience != thisOne || c.Agent != "robot" || c.Job != "job-1" || c.Policy != h.policy {
		t.Errorf("claims: %+v", c)
	}
	if c.Issued != h.now.Unix() || c.Expires-c.Issued != 90 {
		t.Errorf("from %d to %d", c.Issued, c.Expires)
	}
	if got := c.Grant().Actions; len(got) != 1 || got[0] != "deploy.show" {
		t.Errorf("granted %v", got)
	}
	checked, err := h.check(t, m.Raw)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c, checked); diff != "" {
		t.Error("what is minted is not what is checked:", diff)
	}
}

// The record is the token's claims, signed by the issuer; the token itself is
// nowhere in the database.
func TestRecord(t *testing.T) {
	h := newHouse(t)
	m := h.mint(t)
	row, err := h.db.Token(t.Context(), m.Claims.ID)
	if err != nil {
		t.Fatal(err)
	}
	e, err := seal.ParseEnvelope(row.Record)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Open(token.RecordType, h.Keys().Verifiers...); err != nil {
		t.Fatal(err)
	}
	var recorded token.Claims
	if err := seal.Decode(e.Payload, &recorded); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m.Claims, &recorded); diff != "" {
		t.Error(diff)
	}
	if row.Job != "job-1" || row.Agent != "robot" || row.Policy != h.policy || row.Issued.Unix() != m.Claims.Issued || row.Expires.Unix() != m.Claims.Expires {
		t.Errorf("row: %+v", row)
	}
	if signature := m.Raw[strings.LastIndex(m.Raw, ".")+1:]; bytes.Contains(row.Record, []byte(signature)) {
		t.Error("the record holds the token's signature")
	}
}

// An order beyond the policy is refused, and leaves neither job nor token.
func TestOrders(t *testing.T) {
	grant := func(actions ...string) *policy.Grant {
		return &policy.Grant{Actions: actions, Resources: []string{}, Limits: map[string]int{}}
	}
	for _, test := range []struct {
		name   string
		change func(h *house, o *issuer.Order)
		is     error // beside ErrOrder; nil: ErrOrder alone
	}{
		{name: "a second too long", change: func(_ *house, o *issuer.Order) { o.TTL = 601 * time.Second }, is: token.ErrTTL},
		{name: "less than a second", change: func(_ *house, o *issuer.Order) { o.TTL = time.Second - 1 }, is: token.ErrTTL},
		{name: "negative", change: func(_ *house, o *issuer.Order) { o.TTL = -time.Minute }, is: token.ErrTTL},
		{name: "centuries", change: func(_ *house, o *issuer.Order) { o.TTL = 1<<63 - 1 }, is: token.ErrTTL},
		{name: "an action outside", change: func(_ *house, o *issuer.Order) { o.Grant = grant("deploy.run", "deploy.delete") }, is: policy.ErrGrant},
		{name: "all actions", change: func(_ *house, o *issuer.Order) { o.Grant = grant("*") }, is: policy.ErrGrant},
		{name: "a resource outside", change: func(_ *house, o *issuer.Order) {
			o.Grant = grant("deploy.run")
			o.Grant.Resources = []string{"confluence:ENG"}
		}, is: policy.ErrGrant},
		{name: "no agent", change: func(_ *house, o *issuer.Order) { o.Agent = "" }},
		{name: "an agent's name with a line break", change: func(_ *house, o *issuer.Order) { o.Agent = "robot\nroot" }},
		{name: "a job that is a path", change: func(_ *house, o *issuer.Order) { o.Job = "../job" }},
		{name: "a job's name too long", change: func(_ *house, o *issuer.Order) { o.Job = strings.Repeat("a", 65) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHouse(t)
			o := h.order()
			test.change(h, &o)
			m, err := h.Mint(t.Context(), o)
			if !errors.Is(err, issuer.ErrOrder) || test.is != nil && !errors.Is(err, test.is) || m != nil {
				t.Errorf("got %v, %v", m, err)
			}
			if jobs, err := h.db.Jobs(t.Context(), 0); err != nil || len(jobs) != 0 {
				t.Errorf("left %v behind, %v", jobs, err)
			}
		})
	}
}

func TestTTL(t *testing.T) {
	h := newHouse(t)
	for ask, want := range map[time.Duration]int64{0: 600, 600 * time.Second: 600, time.Second: 1} {
		o := h.order()
		o.TTL = ask
		m, err := h.Mint(t.Context(), o)
		if err != nil || m.Claims.Expires-m.Claims.Issued != want {
			t.Errorf("TTL %v: %+v, %v", ask, m, err)
		}
	}
}

// Without a grant, a token holds all that its policy does, and no more.
func TestWhole(t *testing.T) {
	got := newHouse(t).mint(t).Claims.Grant().Actions
	if diff := cmp.Diff([]string{"deploy.run", "deploy.show"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestUnknownPolicy(t *testing.T) {
	h := newHouse(t)
	o := h.order()
	o.Policy = seal.Sum([]byte("no such policy"))
	if _, err := h.Mint(t.Context(), o); !errors.Is(err, errNotPublished) || errors.Is(err, issuer.ErrOrder) {
		t.Errorf("got %v", err)
	}
}

// A job is one agent's, under one policy.
func TestJobOfAnother(t *testing.T) {
	h := newHouse(t)
	h.mint(t)
	h.mint(t) // the same again is fine
	for name, change := range map[string]func(o *issuer.Order){
		"agent": func(o *issuer.Order) { o.Agent = "stranger" }, "policy": func(o *issuer.Order) { o.Policy = h.other },
	} {
		o := h.order()
		change(&o)
		if _, err := h.Mint(t.Context(), o); !errors.Is(err, issuer.ErrOrder) {
			t.Errorf("of another %s: %v", name, err)
		}
	}
	if list, err := h.db.Tokens(t.Context(), "job-1"); err != nil || len(list) != 2 {
		t.Errorf("%d tokens, %v", len(list), err)
	}
}

// Of several agents that ask for one job at once, one gets it.
func TestJobRace(t *testing.T) {
	h := newHouse(t)
	won := make([]bool, 8)
	var all sync.WaitGroup
	for i := range won {
		o := h.order()
		o.Agent = fmt.Sprintf("robot-%d", i)
		all.Go(func() {
			_, err := h.Mint(t.Context(), o)
			won[i] = err == nil
			if err != nil && !errors.Is(err, issuer.ErrOrder) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	n := 0
	for _, w := range won {
		if w {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d agents have the job", n)
	}
}

func TestIDs(t *testing.T) {
	h := newHouse(t)
	seen := map[token.ID]bool{}
	for range 50 {
		id := h.mint(t).Claims.ID
		if len(id) != 32 || seen[id] {
			t.Fatalf("id %q", id)
		}
		seen[id] = true
	}
}

// check presents a token as a plain bearer.
func (h *house) check(t *testing.T, raw string) (*token.Claims, error) {
	t.Helper()
	shown, err := h.Check(t.Context(), &token.Presentation{Raw: raw, Scheme: token.SchemeBearer})
	return shown.Claims, err
}

func (h *house) revoke(t *testing.T, kind, target string) {
	t.Helper()
	if _, err := h.db.Revoke(t.Context(), store.Revocation{Revocation: token.Revocation{Kind: kind, Target: target}, By: "olga"}); err != nil {
		t.Fatal(err)
	}
}

// A revocation counts for the very next check, says whose token it was, and
// ends minting too.
func TestRevoke(t *testing.T) {
	for kind, target := range map[string]string{"token": "", "job": "job-1", "agent": "robot", "policy": "", "all": ""} {
		t.Run(kind, func(t *testing.T) {
			h := newHouse(t)
			m := h.mint(t)
			switch kind {
			case "token":
				target = string(m.Claims.ID)
			case "policy":
				target = m.Claims.Policy.String()
			case "agent":
				target = m.Claims.Agent
			}
			h.revoke(t, kind, target)
			c, err := h.check(t, m.Raw)
			want := token.Revocation{Kind: kind}.Err()
			if !errors.Is(err, want) || c == nil || c.Job != "job-1" {
				t.Errorf("got %v, %v, want %v", c, err, want)
			}
			_, err = h.Mint(t.Context(), issuer.Order{Agent: m.Claims.Agent, Job: "job-1", Policy: h.policy})
			if ended := errors.Is(err, issuer.ErrOrder); ended != (kind != "token") {
				t.Errorf("minting: %v", err)
			}
		})
	}
	h := newHouse(t)
	m := h.mint(t)
	h.revoke(t, token.RevokeAction, "deploy.run")
	if _, err := h.check(t, m.Raw); err != nil {
		t.Errorf("an action that is stopped ends its token: %v", err)
	}
}

// records answers with what a test wants to be on record.
type records struct {
	issuer.DB
	row *store.Token
	err error
}

func (r records) Token(context.Context, token.ID) (*store.Token, error) { return r.row, r.err }

// What the database says about a token decides; what it cannot say is no
// verdict, so that the gate does not write one down.
func TestRecords(t *testing.T) {
	broken := errors.New("disk on fire")
	for _, test := range []struct {
		name   string
		db     records
		code   string
		claims bool
	}{
		{"no record", records{err: fmt.Errorf("token: %w", store.ErrNotFound)}, "token.revoked", false},
		{"record of another job", records{row: &store.Token{Job: "job-2"}}, "token.job", false},
		{"record of other claims", records{row: &store.Token{Job: "job-1", Record: []byte(`{"payload":"e30","payloadType":"x","signatures":[]}`)}}, "token.revoked", false},
		{"no readable record", records{row: &store.Token{Job: "job-1"}}, "token.revoked", false},
		{"database in trouble", records{err: broken}, token.CodeUnknown, false},
		{"database closed", records{err: store.ErrClosed}, token.CodeUnknown, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHouse(t)
			raw := h.mint(t).Raw
			h.DB = test.db
			c, err := h.check(t, raw)
			if token.Code(err) != test.code || (c != nil) != test.claims {
				t.Errorf("got %v, %v", c, err)
			}
			if test.db.err == broken && !errors.Is(err, broken) {
				t.Errorf("the cause is lost: %v", err)
			}
		})
	}
}

// A token that another house minted with the same key and the same record is
// not good here, and one of a copied database is not without its key.
func TestAnotherHouse(t *testing.T) {
	h := newHouse(t)
	here := h.House
	h.House = "https://elsewhere.test"
	raw := h.mint(t).Raw
	h.House = here
	c, err := h.check(t, raw)
	if !errors.Is(err, token.ErrAudience) || c == nil {
		t.Errorf("got %v, %v", c, err)
	}
	good := h.mint(t).Raw
	h.Keys = func() *issuer.Keys { return &issuer.Keys{} }
	if c, err := h.check(t, good); !errors.Is(err, token.ErrSignature) || c != nil {
		t.Errorf("without its key: %v, %v", c, err)
	}
}

func TestTime(t *testing.T) {
	h := newHouse(t)
	m := h.mint(t)
	h.now = time.Unix(m.Claims.Expires, 0).Add(-time.Millisecond)
	if _, err := h.check(t, m.Raw); err != nil {
		t.Errorf("in its last moment: %v", err)
	}
	h.now = time.Unix(m.Claims.Expires, 0)
	if c, err := h.check(t, m.Raw); !errors.Is(err, token.ErrExpired) || c == nil {
		t.Errorf("when it is over: %v, %v", c, err)
	}
	h.now = time.Unix(m.Claims.Issued, 0).Add(-token.Leeway - time.Second)
	if _, err := h.check(t, m.Raw); !errors.Is(err, token.ErrNotYet) {
		t.Errorf("before its time: %v", err)
	}
}

// Anyone can verify a token with the published keys and a standard library.
func TestJWKS(t *testing.T) {
	h := newHouse(t)
	m := h.mint(t)
	set, err := h.JWKS()
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	var read jose.JSONWebKeySet
	if err := json.Unmarshal(b, &read); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(b, []byte(`"d"`)) {
		t.Fatal("the set holds a private key")
	}
	jws, err := jose.ParseSignedCompact(m.Raw, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		t.Fatal(err)
	}
	keys := read.Key(jws.Signatures[0].Protected.KeyID)
	if len(keys) != 1 || !keys[0].Valid() || !keys[0].IsPublic() {
		t.Fatalf("keys: %s", b)
	}
	payload, err := jws.Verify(keys[0])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil || claims["job"] != "job-1" || claims["policy_hash"] != h.policy.String() {
		t.Errorf("claims %v, %v", claims, err)
	}
}

// A record that cannot be kept means no token.
func TestNotRecorded(t *testing.T) {
	h := newHouse(t)
	if err := h.db.Close(); err != nil {
		t.Fatal(err)
	}
	if m, err := h.Mint(t.Context(), h.order()); err == nil || m != nil || errors.Is(err, issuer.ErrOrder) {
		t.Errorf("got %v, %v", m, err)
	}
}
