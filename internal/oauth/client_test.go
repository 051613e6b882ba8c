// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// newName signs claims as a JWT whose algorithm has its new name.
func newName(t *testing.T, key ed25519.PrivateKey, claims map[string]any) string {
	t.Helper()
	b, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	text := b64([]byte(`{"alg":"Ed25519"}`)) + "." + b64(b)
	return text + "." + b64(ed25519.Sign(key, []byte(text)))
}

// RFC 6749 section 2.3 and RFC 7523 section 3: who is let in.
func TestClients(t *testing.T) {
	for _, test := range []struct {
		clause string
		change func(h *house, q *request)
		client string
	}{
		{"RFC 6749 2.3.1: secret in the body", func(_ *house, q *request) {}, "desk"},
		{"RFC 6749 2.3.1: Basic, encoded", func(_ *house, q *request) { q.basic("desk", secret) }, "desk"},
		{"RFC 6749 2.3.1: Basic, and its id in the body", func(_ *house, q *request) { q.basic("desk", secret).set("client_id", "desk") }, "desk"},
		{"RFC 7523 3: EdDSA", func(h *house, q *request) { q.asserted(sign(t, jose.EdDSA, h.ed, "", h.vouch("signer"))) }, "signer"},
		{"RFC 9864 2.2: Ed25519", func(h *house, q *request) { q.asserted(newName(t, h.ed.(ed25519.PrivateKey), h.vouch("signer"))) }, "signer"},
		{"RFC 7523 3: ES256", func(h *house, q *request) { q.asserted(sign(t, jose.ES256, h.ec, "JWT", h.vouch("curved"))) }, "curved"},
		{"RFC 7521 4.2: its id in the body", func(h *house, q *request) {
			q.asserted(sign(t, jose.EdDSA, h.ed, "client-authentication+jwt", h.vouch("signer"))).set("client_id", "signer")
		}, "signer"},
		{"RFC 7523 3: for the token endpoint", func(h *house, q *request) {
			claims := h.vouch("signer")
			claims["aud"] = []string{h.URL, h.URL + TokenPath}
			q.asserted(sign(t, jose.EdDSA, h.ed, "", claims))
		}, "signer"},
		{"RFC 7519 2: times with fractions", func(h *house, q *request) {
			claims := h.vouch("signer")
			claims["exp"], claims["nbf"] = float64(h.now.Unix())+60.5, float64(h.now.Unix())-.5
			q.asserted(sign(t, jose.EdDSA, h.ed, "", claims))
		}, "signer"},
	} {
		t.Run(test.clause, func(t *testing.T) {
			h := newHouse(t)
			q := order()
			test.change(h, q)
			h.wantToken(h.send(q))
			if got := h.issuer.orders[0].Client; got != test.client {
				t.Errorf("ordered by %q", got)
			}
		})
	}
}

// Who is not let in. Nobody is told whether there is such a client.
func TestStrangers(t *testing.T) {
	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	claim := func(name string, value any) func(*house, *request) {
		return func(h *house, q *request) {
			claims := h.vouch("signer")
			if claims[name] = value; value == nil {
				delete(claims, name)
			}
			q.asserted(sign(t, jose.EdDSA, h.ed, "", claims))
		}
	}
	now := newHouse(t).now
	same := errClient.says
	for _, test := range []struct {
		clause string
		change func(h *house, q *request)
		says   string
	}{
		{"nobody", func(_ *house, q *request) { q.unset("client_id", "client_secret") }, same},
		{"a name alone", func(_ *house, q *request) { q.unset("client_secret") }, same},
		{"an empty secret", func(_ *house, q *request) { q.set("client_secret", "") }, same},
		{"a wrong secret", func(_ *house, q *request) { q.set("client_secret", secret+"x") }, same},
		{"a wrong name", func(_ *house, q *request) { q.set("client_id", "disk") }, same},
		{"another's secret", func(_ *house, q *request) { q.set("client_id", "many") }, same},
		{"no name", func(_ *house, q *request) { q.unset("client_id") }, same},
		{"a secret that is too short", func(_ *house, q *request) { q.basic("short", "too short") }, same},
		{"a secret that is lost", func(_ *house, q *request) { q.basic("lost", "too short") }, same},
		{"a key's client by a secret", func(_ *house, q *request) { q.basic("signer", secret) }, same},
		{"Basic that is not encoded", func(_ *house, q *request) {
			q.unset("client_id", "client_secret").head("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("desk:"+secret)))
		}, same},
		{"Basic of another in the body", func(_ *house, q *request) { q.basic("desk", secret).set("client_id", "many") }, same},
		{"Basic that is not base64", func(_ *house, q *request) { q.unset("client_id", "client_secret").head("Authorization", "Basic !") }, same},
		{"a bearer token", func(_ *house, q *request) {
			q.unset("client_id", "client_secret").head("Authorization", "Bearer "+secret)
		}, same},

		{"RFC 7523 3: an unknown client", func(h *house, q *request) { q.asserted(sign(t, jose.EdDSA, stranger, "", h.vouch("disk"))) }, same},
		{"RFC 7523 3: a client by the decoy", func(h *house, q *request) {
			q.asserted(sign(t, jose.EdDSA, ed25519.NewKeyFromSeed(make([]byte, 32)), "", h.vouch("disk")))
		}, same},
		{"RFC 7523 3: a client by the other decoy", func(h *house, q *request) {
			q.asserted(sign(t, jose.ES256, curveDecoy(t), "", h.vouch("disk")))
		}, same},
		{"RFC 7523 3: a key's client by the other decoy", func(h *house, q *request) {
			q.asserted(sign(t, jose.ES256, curveDecoy(t), "", h.vouch("signer")))
		}, same},
		{"RFC 7523 3: a key's client by the decoy", func(h *house, q *request) {
			q.asserted(sign(t, jose.EdDSA, ed25519.NewKeyFromSeed(make([]byte, 32)), "", h.vouch("curved")))
		}, same},
		{"RFC 7523 3: a secret's client by the decoy", func(h *house, q *request) {
			q.asserted(sign(t, jose.EdDSA, ed25519.NewKeyFromSeed(make([]byte, 32)), "", h.vouch("desk")))
		}, same},
		{"RFC 7523 3: signed by another", func(h *house, q *request) { q.asserted(sign(t, jose.EdDSA, stranger, "", h.vouch("signer"))) }, same},
		{"RFC 9864 2.2: Ed25519 by another", func(h *house, q *request) { q.asserted(newName(t, stranger, h.vouch("signer"))) }, same},
		{"RFC 9864 2.2: Ed25519 with another kind of key", func(h *house, q *request) {
			q.asserted(newName(t, h.ed.(ed25519.PrivateKey), h.vouch("curved")))
		}, same},
		{"RFC 7523 3: another algorithm than its key's", func(h *house, q *request) { q.asserted(sign(t, jose.ES256, curve, "", h.vouch("signer"))) }, same},
		{"RFC 7523 3: HMAC by the public key", func(h *house, q *request) {
			q.asserted(sign(t, jose.HS256, []byte(h.ed.Public().(ed25519.PublicKey)), "", h.vouch("signer")))
		}, errAssertion.says},
		{"RFC 7523 3: alg none", func(_ *house, q *request) {
			q.asserted("eyJhbGciOiJub25lIn0." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"signer"}`)) + ".")
		}, errAssertion.says},
		{"RFC 7523 3: no JWT", func(_ *house, q *request) { q.asserted("x") }, errAssertion.says},
		{"RFC 8725 3.11: a JWT of another kind", func(h *house, q *request) { q.asserted(sign(t, jose.EdDSA, h.ed, "dpop+jwt", h.vouch("signer"))) }, errAssertion.says},
		{"RFC 7521 4.2: of another in the body", func(h *house, q *request) {
			q.asserted(sign(t, jose.EdDSA, h.ed, "", h.vouch("signer"))).set("client_id", "curved")
		}, same},
		{"RFC 7523 3.1: another issuer", claim("iss", "curved"), "iss and sub"},
		{"RFC 7523 3.1: no issuer", claim("iss", nil), "iss and sub"},
		{"RFC 7523 3.2: no subject", claim("sub", nil), same},
		{"RFC 7523 3.3: no audience", claim("aud", nil), "aud must be"},
		{"RFC 7523 3.3: another audience", claim("aud", "https://elsewhere.test"), "aud must be"},
		{"RFC 7523 3.3: another audience as well", claim("aud", []string{"https://house.test", "https://elsewhere.test"}), "aud must be"},
		{"RFC 7523 3.3: an empty list", claim("aud", []string{}), "aud must be"},
		{"RFC 7523 3.4: no exp", claim("exp", nil), "expired"},
		{"RFC 7523 3.4: expired", claim("exp", now.Unix()), "expired"},
		{"RFC 7523 3.4: far ahead", claim("exp", now.Add(7*time.Minute).Unix()), "5 minutes"},
		{"RFC 7523 3.4: beyond time", claim("exp", 1e300), "expired"},
		{"RFC 7523 3.5: not yet", claim("nbf", now.Add(2*time.Minute).Unix()), "not valid yet"},
		{"RFC 7523 3.6: made tomorrow", claim("iat", now.Add(24*time.Hour).Unix()), "not valid yet"},
		{"RFC 7523 3.7: no jti", claim("jti", nil), "jti"},
		{"RFC 7523 3.7: a long jti", claim("jti", strings.Repeat("x", 257)), "jti"},
		{"RFC 7523 3.7: used", func(h *house, q *request) {
			q.asserted(sign(t, jose.EdDSA, h.ed, "", h.vouch("signer")))
			h.wantToken(h.send(q))
		}, "has been used"},
	} {
		t.Run(test.clause, func(t *testing.T) {
			h := newHouse(t)
			q := order()
			test.change(h, q)
			before := len(h.issuer.orders)
			a := h.send(q)
			h.wantError(a, 401, invalidClient)
			if says, _ := a.body["error_description"].(string); !strings.Contains(says, test.says) {
				t.Errorf("says %q, want %q", says, test.says)
			}
			if len(h.issuer.orders) != before || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Basic ") {
				t.Errorf("orders %v, challenge %q", h.issuer.orders, a.header.Get("WWW-Authenticate"))
			}
		})
	}
}

// curveDecoy is the secret key of the decoy on P-256.
func curveDecoy(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{1}, 32))
	if err != nil || !key.PublicKey.Equal(decoyEC()) {
		t.Fatalf("not the decoy: %v", err)
	}
	return key
}

// RFC 6749 section 2.3: one method in each request.
func TestOneMethod(t *testing.T) {
	h := newHouse(t)
	jwt := func() string { return sign(t, jose.EdDSA, h.ed, "", h.vouch("signer")) }
	for _, q := range []*request{
		order().basic("desk", secret).set("client_secret", secret),
		order().asserted(jwt()).set("client_secret", secret),
		order().asserted(jwt()).head("Authorization", "Basic x"),
		order().head("Authorization", "Basic x").head("Authorization", "Basic y"),
		order().asserted(jwt()).set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"),
		order().asserted(jwt()).unset("client_assertion_type"),
		order().asserted("").set("client_assertion", ""),
	} {
		h.wantError(h.send(q), 400, invalidRequest)
	}
}

// A house in trouble says so, and lets nobody in.
func TestAssertionNotSpent(t *testing.T) {
	h := newHouse(t)
	h.spent.err = errors.New("no disk")
	h.wantError(h.send(order().asserted(sign(t, jose.EdDSA, h.ed, "", h.vouch("signer")))), 503, unavailable)
}

func TestSource(t *testing.T) {
	for from, want := range map[string]string{
		"192.0.2.1:80": "192.0.2.1", "[2001:db8::1]:80": "2001:db8::/64", "[2001:db8::ffff:1%eth0]:80": "2001:db8::/64", "[::ffff:192.0.2.1]:80": "192.0.2.1", "": "?", "@": "?",
	} {
		if got := source(&http.Request{RemoteAddr: from}); got != want {
			t.Errorf("%s: %s, want %s", from, got, want)
		}
	}
}

// A client may show who it is to other routes as well.
func TestClient(t *testing.T) {
	h := newHouse(t)
	ask := func(headers ...string) (string, error) {
		r := httptest.NewRequest(http.MethodGet, "/v1/jobs/job-1/proof", nil)
		r.Header["Authorization"] = headers
		return h.Client(r)
	}
	basic := func(id, secret string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
	}
	elsewhere := h.vouch("signer")
	elsewhere["aud"] = h.URL + TokenPath
	used := "Bearer " + sign(t, jose.EdDSA, h.ed, "", h.vouch("signer"))
	for _, test := range []struct {
		headers []string
		want    string
	}{
		{[]string{basic("desk", secret)}, "desk"},
		{[]string{used}, "signer"},
		{[]string{used}, ""},
		{[]string{"bearer " + sign(t, jose.ES256, h.ec, "", h.vouch("curved"))}, "curved"},
		{[]string{"Bearer " + sign(t, jose.EdDSA, h.ed, "", elsewhere)}, ""},
		{[]string{"Bearer x"}, ""},
		{[]string{"DPoP x"}, ""},
		{nil, ""},
		{[]string{""}, ""},
		{[]string{basic("desk", secret), basic("desk", secret)}, ""},
		{[]string{basic("desk", "wrong")}, ""},
		{[]string{basic("", "")}, ""},
	} {
		got, err := ask(test.headers...)
		if got != test.want || (err == nil) != (test.want != "") || err != nil && !errors.Is(err, ErrClient) {
			t.Errorf("%.40q: got %q, %v", test.headers, got, err)
		}
	}
	h.spent.err = errors.New("no disk")
	if _, err := ask("Bearer " + sign(t, jose.EdDSA, h.ed, "", h.vouch("signer"))); err == nil || errors.Is(err, ErrClient) {
		t.Errorf("in trouble: %v", err)
	}
}
