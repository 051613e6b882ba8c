// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/internal/issuer"
	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/token"
)

func (h *house) get(handler http.HandlerFunc, path string) map[string]any {
	h.t.Helper()
	w := httptest.NewRecorder()
	handler(w, httptest.NewRequestWithContext(h.t.Context(), http.MethodGet, path, nil))
	a := h.read(w)
	if a.status != http.StatusOK {
		h.t.Fatalf("%d %v", a.status, a.body)
	}
	return a.body
}

// RFC 8414 sections 2 and 3.2.
func TestServerMetadata(t *testing.T) {
	h := newHouse(t)
	auth, algs := []any{"client_secret_basic", "client_secret_post", "private_key_jwt"}, []any{"EdDSA", "Ed25519", "ES256"}
	want := map[string]any{
		"issuer": "https://house.test", "jwks_uri": "https://house.test/.well-known/jwks.json",
		"authorization_endpoint": "https://house.test/oauth/authorize", "token_endpoint": "https://house.test/oauth/token", "introspection_endpoint": "https://house.test/oauth/introspect", "revocation_endpoint": "https://house.test/oauth/revoke",
		"token_endpoint_auth_methods_supported": auth, "introspection_endpoint_auth_methods_supported": auth, "revocation_endpoint_auth_methods_supported": auth,
		"token_endpoint_auth_signing_alg_values_supported": algs, "introspection_endpoint_auth_signing_alg_values_supported": algs, "revocation_endpoint_auth_signing_alg_values_supported": algs,
		"response_types_supported": []any{}, "grant_types_supported": []any{"client_credentials"},
		"authorization_details_types_supported": []any{"clawea_wpc"}, "dpop_signing_alg_values_supported": []any{"ES256", "EdDSA", "Ed25519"},
		"service_documentation": documentation,
	}
	if diff := cmp.Diff(want, h.get(h.ServeMetadata, "/.well-known/oauth-authorization-server")); diff != "" {
		t.Error(diff)
	}
	h.Identities = []Identity{{Name: "ci"}}
	want["grant_types_supported"] = []any{"client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange"}
	want["token_endpoint_auth_methods_supported"] = append([]any{"none"}, auth...)
	if diff := cmp.Diff(want, h.get(h.ServeMetadata, "/.well-known/oauth-authorization-server")); diff != "" {
		t.Error("with identities:", diff)
	}
}

// RFC 6749 section 4.1.2.1: nobody gets anything in a browser, nor is sent anywhere.
func TestAuthorization(t *testing.T) {
	h := newHouse(t)
	w := httptest.NewRecorder()
	h.ServeAuthorization(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, AuthorizePath+"?response_type=code&client_id=desk&redirect_uri=https://evil.test/&state=1", nil))
	a := h.read(w)
	if a.status != http.StatusBadRequest || a.body["error"] != noResponse || a.header.Get("Location") != "" || len(h.issuer.orders) != 0 {
		t.Errorf("%d %v, to %q", a.status, a.body, a.header.Get("Location"))
	}
}

// spec/oauth.md 3.1: who may order under one policy only need not say which, and orders
// as much as it holds; others must.
func TestWithoutDetails(t *testing.T) {
	h := newHouse(t)
	h.wantToken(h.send(order().basic("single", singleSecret).unset("authorization_details").set("resource", "https://house.test/mcp")))
	if len(h.issuer.orders) != 1 {
		t.Fatalf("%d orders", len(h.issuer.orders))
	}
	o := h.issuer.orders[0]
	if o.Policy != one || o.Agent != "clerk" || o.Client != "single" || o.Grant != nil || o.TTL != 0 || !strings.HasPrefix(o.Job, "job-") {
		t.Errorf("ordered %+v", o)
	}
	h.wantError(h.send(order().basic("single", singleSecret).set("authorization_details", "[]")), 400, invalidDetails)
}

// RFC 9728 sections 2 and 3.3: the resource is what the well-known path names.
func TestResourceMetadata(t *testing.T) {
	for _, path := range []string{"", "/mcp"} {
		for _, plain := range []bool{false, true} {
			h := newHouse(t)
			h.PlainBearer = plain
			want := map[string]any{
				"resource": "https://house.test" + path, "authorization_servers": []any{"https://house.test"}, "jwks_uri": "https://house.test/.well-known/jwks.json",
				"bearer_methods_supported": []any{"header"}, "authorization_details_types_supported": []any{"clawea_wpc"},
				"dpop_signing_alg_values_supported": []any{"ES256", "EdDSA", "Ed25519"}, "dpop_bound_access_tokens_required": !plain,
				"resource_name": "Clawea", "resource_documentation": documentation,
			}
			if diff := cmp.Diff(want, h.get(h.ServeResource, "/.well-known/oauth-protected-resource"+path)); diff != "" {
				t.Errorf("%q, plain %v: %s", path, plain, diff)
			}
		}
	}
}

// Requests that are refused, each by the clause that wants it so.
func TestTokenRequest(t *testing.T) {
	details := func(text string) func(*request) { return func(q *request) { q.set("authorization_details", text) } }
	set := func(name, value string) func(*request) { return func(q *request) { q.set(name, value) } }
	for _, test := range []struct {
		clause string
		change func(q *request)
		status int
		code   string
	}{
		{"RFC 6749 2.3.1: no secret in the URL", func(q *request) { q.query = "client_secret=" + strings.Repeat("x", 40) }, 400, invalidRequest},
		{"RFC 6749 3.2: a parameter twice", func(q *request) { q.params.Add("grant_type", clientCredentials) }, 400, invalidRequest},
		{"RFC 6749 3.2: an unknown parameter twice", func(q *request) { q.params["x"] = []string{"1", "1"} }, 400, invalidRequest},
		{"RFC 6749 3.2: without value is left out", set("grant_type", ""), 400, invalidRequest},
		{"RFC 6749 4.4.2: another media type", func(q *request) { q.head("Content-Type", "application/json") }, 400, invalidRequest},
		{"RFC 6749 5.2: no grant_type", func(q *request) { q.unset("grant_type") }, 400, invalidRequest},
		{"RFC 6749 5.2: unknown grant_type", set("grant_type", "password"), 400, unsupportedGrant},
		{"RFC 6749 5.2: authorization_code", set("grant_type", "authorization_code"), 400, unsupportedGrant},
		{"RFC 6749 3.3: a scope", set("scope", "openid"), 400, invalidScope},
		{"RFC 8707 2: another resource", set("resource", "https://elsewhere.test"), 400, invalidTarget},
		{"RFC 8707 2: one of ours and another", func(q *request) { q.params["resource"] = []string{"https://house.test/mcp", "https://elsewhere.test"} }, 400, invalidTarget},
		{"RFC 8693 2.1: another audience", set("audience", "https://elsewhere.test"), 400, invalidTarget},
		{"too large", set("x", strings.Repeat("x", maxForm)), 413, invalidRequest},
		{"a zero", set("x", "a\x00b"), 400, invalidRequest},
		{"not UTF-8", set("x", "\xff"), 400, invalidRequest},

		{"RFC 9396 5: no details", func(q *request) { q.unset("authorization_details") }, 400, invalidDetails},
		{"RFC 9396 5: not JSON", details("x"), 400, invalidDetails},
		{"RFC 9396 2: an object", details(`{"type":"clawea_wpc"}`), 400, invalidDetails},
		{"RFC 9396 5: none", details(`[]`), 400, invalidDetails},
		{"RFC 9396 5: two", details("[" + strings.Trim(detailOf(`"job":"a"`), "[]") + "," + strings.Trim(detailOf(`"job":"b"`), "[]") + "]"), 400, invalidDetails},
		{"RFC 9396 5: another type", details(`[{"type":"payment"}]`), 400, invalidDetails},
		{"RFC 9396 5: no type", details(`[{}]`), 400, invalidDetails},
		{"RFC 9396 5: an unknown field", details(detailOf(`"locations":["https://house.test"]`)), 400, invalidDetails},
		{"RFC 9396 5: a field twice", details(detailOf(`"job":"a","job":"b"`)), 400, invalidDetails},
		{"RFC 9396 5: in another case", details(detailOf(`"Job":"a"`)), 400, invalidDetails},
		{"RFC 9396 5: a field of another kind", details(detailOf(`"job":7`)), 400, invalidDetails},
		{"RFC 9396 5: no policy", details(`[{"type":"clawea_wpc","job":"a"}]`), 400, invalidDetails},
		{"RFC 9396 5: no hash", details(`[{"type":"clawea_wpc","policy_hash":"sha256:12"}]`), 400, invalidDetails},
		{"RFC 9396 5: a life of zero", details(detailOf(`"ttl_seconds":0`)), 400, invalidDetails},
		{"RFC 9396 5: a life that overflows", details(detailOf(`"ttl_seconds":9223372036`)), 400, invalidDetails},
		{"an attestation that is none", details(detailOf(`"attestation":"x"`)), 400, invalidDetails},
		{"actions without resources", details(detailOf(`"actions":["desk.read"]`)), 400, invalidDetails},
		{"limits alone", details(detailOf(`"limits":{"max_total_steps":1}`)), 400, invalidDetails},
		{"another's agent", details(detailOf(`"agent":"robot"`)), 400, invalidDetails},
		{"no agent among many", func(q *request) { q.basic("many", "many's secret, which is as long as it must be") }, 400, invalidDetails},
		{"another policy than the client's", func(q *request) {
			q.basic("many", "many's secret, which is as long as it must be").set("authorization_details", `[{"type":"clawea_wpc","agent":"robot","policy_hash":"`+two.String()+`"}]`)
		}, 400, invalidDetails},
	} {
		t.Run(test.clause, func(t *testing.T) {
			h := newHouse(t)
			q := order()
			test.change(q)
			a := h.send(q)
			h.wantError(a, test.status, test.code)
			if len(h.issuer.orders) != 0 {
				t.Error("the issuer was asked")
			}
			if !h.Nonces.Good(a.header.Get("DPoP-Nonce")) {
				t.Error("RFC 9449 8.2: no nonce")
			}
		})
	}
}

// RFC 6749 sections 4.4.3 and 5.1, RFC 9396 section 7.
func TestTokenAnswer(t *testing.T) {
	h := newHouse(t)
	a := h.send(order().set("authorization_details", detailOf(
		`"agent":"clerk","job":"job-1","actions":["desk.read"],"resources":["desk:A"],"limits":{"max_total_steps":3},"ttl_seconds":90,"ticket":"OPS-1","runtime":{"sandboxed":true}`)).
		set("resource", "https://house.test/mcp").set("audience", "urn:house").set("unknown", "is passed over"))
	raw := h.wantToken(a)
	want := map[string]any{
		"access_token": raw, "token_type": "Bearer", "expires_in": 90.,
		"authorization_details": []any{map[string]any{
			"type": "clawea_wpc", "policy_hash": one.String(), "agent": "clerk", "job": "job-1", "actions": []any{"desk.read"}, "resources": []any{"desk:A"},
			"limits": map[string]any{"max_total_steps": 3.}, "ttl_seconds": 90., "ticket": "OPS-1", "runtime": map[string]any{"sandboxed": true, "unelevated": false},
		}},
	}
	if diff := cmp.Diff(want, a.body); diff != "" {
		t.Error(diff)
	}
	if a.header.Get("Pragma") != "no-cache" || !h.Nonces.Good(a.header.Get("DPoP-Nonce")) {
		t.Errorf("headers %v", a.header)
	}
	wantOrder := issuer.Order{
		Agent: "clerk", Job: "job-1", Policy: one, TTL: 90 * time.Second, Client: "desk", Ticket: "OPS-1", Runtime: &policy.Runtime{Sandboxed: true},
		Grant: &policy.Grant{Actions: []string{"desk.read"}, Resources: []string{"desk:A"}, Limits: map[string]int{"max_total_steps": 3}},
	}
	if diff := cmp.Diff([]issuer.Order{wantOrder}, h.issuer.orders); diff != "" {
		t.Error(diff)
	}
}

// What an order leaves open is the client's one agent, a fresh job and all that
// the policy holds; the answer says what that came to.
func TestDefaults(t *testing.T) {
	h := newHouse(t)
	jobs := map[string]bool{}
	for range 5 {
		h.wantToken(h.send(order().set("authorization_details", `[{"type":"clawea_wpc","policy_hash":"`+one.String()+`"}]`)))
		o := h.issuer.orders[len(h.issuer.orders)-1]
		if o.Agent != "clerk" || o.Grant != nil || o.TTL != 0 || token.CheckName("job", o.Job) != nil || jobs[o.Job] {
			t.Errorf("ordered %+v", o)
		}
		jobs[o.Job] = true
	}
}

// What a grant leaves out is not there.
func TestGrantWithoutLimits(t *testing.T) {
	h := newHouse(t)
	h.wantToken(h.send(order().set("authorization_details", detailOf(`"actions":["desk.read"],"resources":[]`))))
	want := &policy.Grant{Actions: []string{"desk.read"}, Resources: []string{}, Limits: map[string]int{}}
	if diff := cmp.Diff(want, h.issuer.orders[0].Grant); diff != "" {
		t.Error(diff)
	}
}

// The issuer's refusals, spec/oauth.md section 5.
func TestRefusals(t *testing.T) {
	order1 := func(err error) error { return fmt.Errorf("%w: %w", issuer.ErrOrder, err) }
	for _, test := range []struct {
		err    error
		status int
		code   string
	}{
		{order1(token.ErrTTL), 400, invalidDetails},
		{order1(&policy.GrantError{Clause: "actions", Entry: "désk.\"burn\"\n"}), 400, invalidDetails},
		{order1(token.ErrBearer), 400, invalidProof},
		{order1(fmt.Errorf("%w: %w", errors.New("what it stands on is revoked"), token.ErrJobRevoked)), 400, accessDenied},
		{order1(token.ErrAllRevoked), 400, accessDenied},
		{order1(token.ErrAgentRevoked), 400, accessDenied},
		{order1(token.ErrPolicyRevoked), 400, accessDenied},
		{fmt.Errorf("policy: %w", store.ErrNotFound), 400, invalidDetails},
		{fmt.Errorf("policy: %w", registry.ErrUnusable), 400, invalidDetails},
		{errors.New("disk on fire at /var/lib"), 503, unavailable},
	} {
		h := newHouse(t)
		h.issuer.err = test.err
		a := h.send(order())
		h.wantError(a, test.status, test.code)
		if strings.Contains(fmt.Sprint(a.body), "/var/lib") || (a.status == 503) != (a.header.Get("Retry-After") != "") {
			t.Errorf("%v: tells %v %v", test.err, a.header, a.body)
		}
	}
}

// RFC 9449 sections 4.3, 5 and 8.
func TestProof(t *testing.T) {
	k := newKey(t)
	for _, test := range []struct {
		clause string
		change func(h *house, q *request)
		code   string
	}{
		{"8: without nonce", func(h *house, q *request) {
			q.head("Dpop", h.prove(k, TokenPath, "", func(p *token.Proof) { p.Nonce = "" }))
		}, useNonce},
		{"8: with another's nonce", func(h *house, q *request) {
			q.head("Dpop", h.prove(k, TokenPath, "", func(p *token.Proof) { p.Nonce = "x" }))
		}, useNonce},
		{"8: with an old nonce", func(h *house, q *request) {
			nonce := h.Nonces.New()
			h.now = h.now.Add(10 * time.Minute)
			q.head("Dpop", h.prove(k, TokenPath, "", func(p *token.Proof) { p.Nonce = nonce }))
		}, useNonce},
		{"4.3: two", func(h *house, q *request) {
			q.head("Dpop", h.prove(k, TokenPath, "", nil)).head("Dpop", h.prove(k, TokenPath, "", nil))
		}, invalidProof},
		{"4.3: no JWT", func(_ *house, q *request) { q.head("Dpop", "x") }, invalidProof},
		{"4.3: another endpoint", func(h *house, q *request) { q.head("Dpop", h.prove(k, RevokePath, "", nil)) }, invalidProof},
		{"4.3: another method", func(h *house, q *request) {
			q.head("Dpop", h.prove(k, TokenPath, "", func(p *token.Proof) { p.Method = "GET" }))
		}, invalidProof},
		{"4.3: old", func(h *house, q *request) {
			q.head("Dpop", h.prove(k, TokenPath, "", func(p *token.Proof) { p.Issued -= 3600 }))
		}, invalidProof},
		{"11.1: used", func(h *house, q *request) {
			proof := h.prove(k, TokenPath, "", nil)
			h.wantToken(h.send(order().head("Dpop", proof)))
			q.head("Dpop", proof)
		}, invalidProof},
	} {
		t.Run(test.clause, func(t *testing.T) {
			h := newHouse(t)
			q := order()
			test.change(h, q)
			before := len(h.issuer.orders)
			a := h.send(q)
			h.wantError(a, 400, test.code)
			if len(h.issuer.orders) != before || !h.Nonces.Good(a.header.Get("DPoP-Nonce")) {
				t.Errorf("orders %v, headers %v", h.issuer.orders, a.header)
			}
		})
	}
	h := newHouse(t)
	a := h.send(order().head("Dpop", h.prove(k, TokenPath, "", nil)))
	h.wantToken(a)
	if a.body["token_type"] != "DPoP" || h.issuer.orders[0].Key != k.Thumbprint() {
		t.Errorf("got %v for %+v", a.body, h.issuer.orders)
	}
	h.spent.err = errors.New("no disk")
	h.wantError(h.send(order().head("Dpop", h.prove(k, TokenPath, "", nil))), 503, unavailable)
}

// A client that is told to use a nonce comes again with the same assertion:
// nothing of its first request was used up.
func TestNonceFirst(t *testing.T) {
	h := newHouse(t)
	jwt, k := sign(t, jose.EdDSA, h.ed, "", h.vouch("signer")), newKey(t)
	a := h.send(order().asserted(jwt).head("Dpop", h.prove(k, TokenPath, "", func(p *token.Proof) { p.Nonce = "" })))
	h.wantError(a, 400, useNonce)
	h.wantToken(h.send(order().asserted(jwt).head("Dpop", h.prove(k, TokenPath, "", func(p *token.Proof) { p.Nonce = a.header.Get("DPoP-Nonce") }))))
}
