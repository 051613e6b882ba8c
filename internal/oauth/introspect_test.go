// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/token"
)

// about is a request of the client desk about a token.
func about(path, raw string) *request {
	q := order().unset("grant_type", "authorization_details")
	q.path = path
	return q.set("token", raw)
}

// held is a request about a token, by the token itself.
func (h *house) held(k *token.ProofKey, path, raw string) *request {
	q := about(path, raw).unset("client_id", "client_secret")
	if k == nil {
		return q.head("Authorization", "Bearer "+raw)
	}
	return q.head("Authorization", "DPoP "+raw).head("Dpop", h.prove(k, path, raw, nil))
}

// buy orders a token that is bound to k, or to nothing.
func (h *house) buy(k *token.ProofKey) string {
	h.t.Helper()
	q := order()
	if k != nil {
		q.head("Dpop", h.prove(k, TokenPath, "", nil))
	}
	return h.wantToken(h.send(q))
}

// RFC 7662 section 2.2, RFC 9396 section 9.2, RFC 9449 section 6.2.
func TestIntrospection(t *testing.T) {
	h := newHouse(t)
	k := newKey(t)
	bound, plain := h.buy(k), h.buy(nil)
	want := map[string]any{
		"active": true, "client_id": "desk", "sub": "clerk", "aud": "urn:house", "iss": "https://house.test", "jti": "id-1", "token_type": "DPoP",
		"iat": float64(h.now.Unix()), "exp": float64(h.now.Unix() + 600), "cnf": map[string]any{"jkt": k.Thumbprint()}, "job": "job-1", "policy_hash": one.String(),
		"authorization_details": []any{map[string]any{"type": "clawea_wpc", "actions": []any{"desk.read"}, "resources": []any{}, "limits": map[string]any{"max_total_steps": 5.}}},
	}
	for name, q := range map[string]*request{
		"client": about(IntrospectPath, bound), "hinted": about(IntrospectPath, bound).set("token_type_hint", "refresh_token"), "holder": h.held(k, IntrospectPath, bound),
	} {
		if diff := cmp.Diff(want, h.send(q).body); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	want["jti"], want["token_type"] = "id-2", "Bearer"
	delete(want, "cnf")
	for name, q := range map[string]*request{"client": about(IntrospectPath, plain), "holder": h.held(nil, IntrospectPath, plain)} {
		if diff := cmp.Diff(want, h.send(q).body); diff != "" {
			t.Errorf("plain, %s: %s", name, diff)
		}
	}
}

// RFC 7662 section 2.2: of a token that is not good now, or is none of the
// client's business, it says that and nothing else.
func TestInactive(t *testing.T) {
	h := newHouse(t)
	k := newKey(t)
	inactive := map[string]any{"active": false}
	want := func(name string, q *request) {
		t.Helper()
		if a := h.send(q); a.status != 200 || cmp.Diff(inactive, a.body) != "" {
			t.Errorf("%s: got %d %v", name, a.status, a.body)
		}
	}
	raw := h.buy(k)
	want("another client's", about(IntrospectPath, raw).basic("many", "many's secret, which is as long as it must be"))
	want("unknown", about(IntrospectPath, "x"))
	want("unknown, by itself", h.held(nil, IntrospectPath, "x"))
	for _, err := range []error{token.ErrExpired, token.ErrNotYet, token.ErrRevoked, token.ErrJobRevoked, token.ErrAgentRevoked, token.ErrPolicyRevoked, token.ErrAllRevoked, token.ErrAudience, token.ErrJob} {
		h.issuer.wrong[raw] = err
		want(err.Error(), about(IntrospectPath, raw))
		want(err.Error()+", by itself", h.held(k, IntrospectPath, raw))
	}
}

// RFC 7662 sections 2.1 and 2.3, RFC 9449 section 7.1.
func TestIntrospectionRefused(t *testing.T) {
	h := newHouse(t)
	k := newKey(t)
	raw, plain := h.buy(k), h.buy(nil)
	used := h.held(k, IntrospectPath, raw)
	if a := h.send(used); a.body["active"] != true {
		t.Fatalf("got %v", a.body)
	}
	for _, test := range []struct {
		name   string
		q      *request
		status int
		code   string
	}{
		{"no token", about(IntrospectPath, ""), 400, invalidRequest},
		{"nobody", about(IntrospectPath, raw).unset("client_id", "client_secret"), 401, invalidClient},
		{"a stranger", about(IntrospectPath, raw).set("client_secret", "x"), 401, invalidClient},
		{"a token about another", h.held(nil, IntrospectPath, plain).set("token", raw), 401, invalidClient},
		{"two ways", h.held(nil, IntrospectPath, plain).set("client_secret", secret), 401, invalidClient},
		{"another scheme", about(IntrospectPath, raw).unset("client_id", "client_secret").head("Authorization", "Negotiate x"), 401, invalidClient},
		{"bound, without proof", h.held(nil, IntrospectPath, raw), 401, invalidProof},
		{"by another key", h.held(newKey(t), IntrospectPath, raw), 401, invalidProof},
		{"a proof for another endpoint", func() *request { q := h.held(k, RevokePath, raw); q.path = IntrospectPath; return q }(), 401, invalidProof},
		{"a proof that is used", used, 401, invalidProof},
		{"a plain one under DPoP", h.held(k, IntrospectPath, plain), 401, invalidProof},
		{"without nonce", about(IntrospectPath, raw).unset("client_id", "client_secret").head("Authorization", "dpop "+raw).
			head("Dpop", h.prove(k, IntrospectPath, raw, func(p *token.Proof) { p.Nonce = "" })), 401, useNonce},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := h.send(test.q)
			h.wantError(a, test.status, test.code)
			if test.code == useNonce && !h.Nonces.Good(a.header.Get("DPoP-Nonce")) {
				t.Errorf("headers %v", a.header)
			}
		})
	}
	h.issuer.err = errors.New("no disk")
	h.wantError(h.send(about(IntrospectPath, raw)), 503, unavailable)
	h.wantError(h.send(h.held(k, IntrospectPath, raw)), 503, unavailable)
}

// RFC 7009 sections 2.1 and 2.2.
func TestRevocation(t *testing.T) {
	k := newKey(t)
	for _, test := range []struct {
		name   string
		wrong  error
		q      func(h *house, raw string) *request
		status int
		code   string
		ends   string
	}{
		{"by its client", nil, func(_ *house, raw string) *request { return about(RevokePath, raw) }, 200, "", "token:id-1 by desk"},
		{"with a hint that is wrong", nil, func(_ *house, raw string) *request { return about(RevokePath, raw).set("token_type_hint", "x") }, 200, "", "token:id-1 by desk"},
		{"by itself", nil, func(h *house, raw string) *request { return h.held(k, RevokePath, raw) }, 200, "", "token:id-1 by desk"},
		{"its agent is stopped for now", token.ErrAgentRevoked, func(_ *house, raw string) *request { return about(RevokePath, raw) }, 200, "", "token:id-1 by desk"},
		{"everything is stopped for now", token.ErrAllRevoked, func(_ *house, raw string) *request { return about(RevokePath, raw) }, 200, "", "token:id-1 by desk"},
		{"by itself, its agent is stopped for now", token.ErrAgentRevoked, func(h *house, raw string) *request { return h.held(k, RevokePath, raw) }, 400, accessDenied, ""},
		{"expired", token.ErrExpired, func(_ *house, raw string) *request { return about(RevokePath, raw) }, 200, "", ""},
		{"revoked", token.ErrRevoked, func(_ *house, raw string) *request { return about(RevokePath, raw) }, 200, "", ""},
		{"its job is stopped", token.ErrJobRevoked, func(_ *house, raw string) *request { return about(RevokePath, raw) }, 200, "", ""},
		{"unknown", nil, func(*house, string) *request { return about(RevokePath, "x") }, 200, "", ""},
		{"unknown, by itself", nil, func(h *house, _ string) *request { return h.held(nil, RevokePath, "x") }, 200, "", ""},
		{"another client's", nil, func(_ *house, raw string) *request {
			return about(RevokePath, raw).basic("many", "many's secret, which is as long as it must be")
		}, 400, invalidGrant, ""},
		{"nobody", nil, func(_ *house, raw string) *request { return about(RevokePath, raw).unset("client_id", "client_secret") }, 401, invalidClient, ""},
		{"by itself without proof", nil, func(h *house, raw string) *request { return h.held(nil, RevokePath, raw) }, 401, invalidProof, ""},
		{"no token", nil, func(*house, string) *request { return about(RevokePath, "") }, 400, invalidRequest, ""},
		{"the house in trouble", errors.New("no disk"), func(_ *house, raw string) *request { return about(RevokePath, raw) }, 503, unavailable, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHouse(t)
			raw := h.buy(k)
			h.issuer.wrong[raw] = test.wrong
			a := h.send(test.q(h, raw))
			if test.code != "" {
				h.wantError(a, test.status, test.code)
			} else if a.status != test.status || len(a.body) != 0 {
				t.Errorf("got %d %v", a.status, a.body)
			}
			var want []string
			if test.ends != "" {
				want = []string{test.ends}
			}
			if diff := cmp.Diff(want, h.ended.all); diff != "" {
				t.Error(diff)
			}
		})
	}
	h := newHouse(t)
	raw := h.buy(nil)
	h.ended.err = errors.New("no disk")
	h.wantError(h.send(about(RevokePath, raw)), 503, unavailable)
}
