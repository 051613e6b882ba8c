// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package issuer_test

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clawea/clawea/internal/issuer"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/token"
)

func newProofKey(t *testing.T) *token.ProofKey {
	t.Helper()
	k, err := token.NewProofKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// show presents raw with a proof by k, after change.
func (h *house) show(t *testing.T, raw string, k *token.ProofKey, change func(*token.Proof)) *token.Presentation {
	t.Helper()
	p := &token.Proof{ID: rand.Text(), Method: "POST", URL: "https://house.test/mcp", Issued: h.now.Unix(), Token: token.HashToken(raw), Nonce: h.Nonces.New()}
	if change != nil {
		change(p)
	}
	proof, err := k.Prove(p)
	if err != nil {
		t.Fatal(err)
	}
	return &token.Presentation{Raw: raw, Scheme: token.SchemeDPoP, Proofs: []string{proof}, Method: "POST", URL: "https://house.test/mcp"}
}

// A token that is bound to a key is worth nothing without it.
func TestBound(t *testing.T) {
	h := newHouse(t)
	k, plain := newProofKey(t), h.mint(t)
	m, err := h.Mint(t.Context(), issuer.Order{Agent: "robot", Job: "job-1", Policy: h.policy, Client: "ci", Key: k.Thumbprint()})
	if err != nil {
		t.Fatal(err)
	}
	if m.Claims.Bound() != k.Thumbprint() || m.Claims.Client != "ci" {
		t.Errorf("%+v", m.Claims)
	}
	shown, err := h.Check(t.Context(), h.show(t, m.Raw, k, nil))
	if err != nil || shown.Proof == nil || shown.Claims.ID != m.Claims.ID {
		t.Fatalf("%+v, %v", shown, err)
	}
	for name, test := range map[string]struct {
		p    *token.Presentation
		want error
	}{
		"stolen":          {&token.Presentation{Raw: m.Raw, Scheme: token.SchemeBearer}, token.ErrProofMissing},
		"no proof":        {&token.Presentation{Raw: m.Raw, Scheme: token.SchemeDPoP}, token.ErrProofMissing},
		"thief's key":     {h.show(t, m.Raw, newProofKey(t), nil), token.ErrProofKey},
		"other URL":       {h.show(t, m.Raw, k, func(p *token.Proof) { p.URL = "https://house.test/proxy/x" }), token.ErrProofURL},
		"other method":    {h.show(t, m.Raw, k, func(p *token.Proof) { p.Method = "GET" }), token.ErrProofMethod},
		"other token":     {h.show(t, m.Raw, k, func(p *token.Proof) { p.Token = token.HashToken("x") }), token.ErrProofToken},
		"put by":          {h.show(t, m.Raw, k, func(p *token.Proof) { p.Issued -= 301 }), token.ErrProofTime},
		"no nonce":        {h.show(t, m.Raw, k, func(p *token.Proof) { p.Nonce = "" }), token.ErrProofNonce},
		"another's nonce": {h.show(t, m.Raw, k, func(p *token.Proof) { p.Nonce = strings.Repeat("A", 24) }), token.ErrProofNonce},
		"a plain token":   {h.show(t, plain.Raw, k, nil), token.ErrProofKey},
	} {
		shown, err := h.Check(t.Context(), test.p)
		if !errors.Is(err, test.want) || shown.Proof != nil || shown.Claims == nil {
			t.Errorf("%s: %+v, %v", name, shown, err)
		}
	}
	twice := h.show(t, m.Raw, k, nil)
	twice.Proofs = append(twice.Proofs, twice.Proofs[0])
	if _, err := h.Check(t.Context(), twice); !errors.Is(err, token.ErrProofMissing) {
		t.Errorf("two proofs: %v", err)
	}
}

// A proof that holds comes back even if what the token stands on is revoked, so
// that it is used up; and who does not prove learns nothing of that.
func TestRevokedAndBound(t *testing.T) {
	h := newHouse(t)
	k := newProofKey(t)
	m, err := h.Mint(t.Context(), issuer.Order{Agent: "robot", Job: "job-1", Policy: h.policy, Key: k.Thumbprint()})
	if err != nil {
		t.Fatal(err)
	}
	h.revoke(t, token.RevokeAgent, "robot")
	if shown, err := h.Check(t.Context(), h.show(t, m.Raw, k, nil)); !errors.Is(err, token.ErrAgentRevoked) || shown.Proof == nil || shown.Claims == nil {
		t.Errorf("%+v, %v", shown, err)
	}
	if _, err := h.Check(t.Context(), &token.Presentation{Raw: m.Raw}); !errors.Is(err, token.ErrProofMissing) {
		t.Errorf("unproved: %v", err)
	}
	if c, err := h.Look(t.Context(), m.Raw); !errors.Is(err, token.ErrAgentRevoked) || c == nil {
		t.Errorf("looked at: %v, %v", c, err)
	}
}

// What the sender expects of its token is held to.
func TestExpected(t *testing.T) {
	h := newHouse(t)
	m := h.mint(t)
	for want, p := range map[error]*token.Presentation{
		nil:             {Raw: m.Raw, Job: "job-1", Policy: h.policy.String()},
		token.ErrJob:    {Raw: m.Raw, Job: "job-2"},
		token.ErrPolicy: {Raw: m.Raw, Policy: h.other.String()},
	} {
		if shown, err := h.Check(t.Context(), p); !errors.Is(err, want) || shown.Claims == nil {
			t.Errorf("%v: %v", want, err)
		}
	}
}

// Plain bearer tokens are not made unless the house or the policy says so.
func TestPlainBearer(t *testing.T) {
	h := newHouse(t)
	h.PlainBearer = false
	_, err := h.Mint(t.Context(), issuer.Order{Agent: "robot", Job: "job-1", Policy: h.policy})
	if !errors.Is(err, issuer.ErrOrder) || !errors.Is(err, token.ErrBearer) {
		t.Errorf("%v", err)
	}
	if _, err := h.Mint(t.Context(), issuer.Order{Agent: "robot", Job: "job-1", Policy: h.policy, Key: "short"}); !errors.Is(err, issuer.ErrOrder) {
		t.Errorf("a key's thumbprint that is none: %v", err)
	}
}

func TestJournalTakesNoTokens(t *testing.T) {
	h := newHouse(t)
	if _, err := h.Mint(t.Context(), issuer.Order{Agent: "robot", Job: receipt.Journal, Policy: h.policy}); !errors.Is(err, issuer.ErrOrder) {
		t.Errorf("%v", err)
	}
}

// A nonce is good for its turn and the next, on every replica.
func TestNonces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, two := &issuer.Nonces{Key: []byte("k"), Now: time.Now}, &issuer.Nonces{Key: []byte("k"), Now: time.Now}
		thief := &issuer.Nonces{Key: []byte("x"), Now: time.Now}
		n := one.New()
		if !two.Good(n) || two.Good(thief.New()) || two.Good("") || two.Good(n+"A") {
			t.Error("good is not what a replica made")
		}
		time.Sleep(3 * time.Minute)
		if one.New() == n || !one.Good(n) {
			t.Error("it must change, and the last one stay good")
		}
		time.Sleep(3 * time.Minute)
		if one.Good(n) {
			t.Error("it stays good for ever")
		}
	})
}
