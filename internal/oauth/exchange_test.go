// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/seal"
)

// A voucher is an OpenID provider on this machine.
type voucher struct {
	url    string
	keys   map[string]any // by kid: private
	asked  atomic.Int64
	broken atomic.Bool
	names  string // the issuer that it says it is; "": url
	jwks   string // where it says that its keys are; "": at url
}

func newVoucher(t *testing.T) *voucher {
	t.Helper()
	v := &voucher{keys: map[string]any{"k1": rsaKey(t)}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		v.asked.Add(1)
		if v.broken.Load() {
			http.Error(w, "no disk", http.StatusInternalServerError)
			return
		}
		iss, jwks := v.url, v.url+"/keys"
		if v.names != "" {
			iss = v.names
		}
		if v.jwks != "" {
			jwks = v.jwks
		}
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q,"id_token_signing_alg_values_supported":["RS256"]}`, iss, jwks)
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, r *http.Request) {
		set := jose.JSONWebKeySet{}
		for id, key := range v.keys {
			set.Keys = append(set.Keys, jose.JSONWebKey{Key: public(key), KeyID: id})
		}
		b, err := json.Marshal(set)
		if err != nil {
			t.Error(err)
		}
		// Keys of kinds that nobody here knows, and a secret one, are passed over.
		fmt.Fprint(w, strings.Replace(string(b), `"keys":[`, `"keys":[{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"},{"kty":"oct","k":"AAAA","kid":"k1"},`, 1))
	})
	mux.Handle("GET /moved/.well-known/openid-configuration", http.RedirectHandler("/.well-known/openid-configuration", http.StatusFound))
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	v.url = srv.URL
	return v
}

func rsaKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func public(key any) any {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return k.Public()
	case *ecdsa.PrivateKey:
		return k.Public()
	}
	return nil
}

// subject signs a token of the voucher's that is good at now, but for changes.
func (v *voucher) subject(t *testing.T, now time.Time, changes map[string]any) string {
	t.Helper()
	return v.sign(t, "k1", v.claims(now, changes))
}

func (v *voucher) claims(now time.Time, changes map[string]any) map[string]any {
	claims := map[string]any{
		"iss": v.url, "sub": "repo:acme/site", "aud": "https://house.test", "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
		"repository": "acme/site", "run": 7, "protected": true, "groups": []string{"dev", "release"},
	}
	for name, value := range changes {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	return claims
}

func (v *voucher) sign(t *testing.T, kid string, claims map[string]any) string {
	t.Helper()
	return v.signAs(t, kid, "JWT", claims)
}

func (v *voucher) signAs(t *testing.T, kid, typ string, claims map[string]any) string {
	t.Helper()
	alg := jose.RS256
	if _, ok := v.keys[kid].(*ecdsa.PrivateKey); ok {
		alg = jose.ES256
	}
	return sign(t, alg, jose.JSONWebKey{Key: v.keys[kid], KeyID: kid}, typ, claims)
}

// newExchange is a house with an identity that v vouches for.
func newExchange(t *testing.T) (*house, *voucher) {
	t.Helper()
	h, v := newHouse(t), newVoucher(t)
	h.Identities = []Identity{
		{Name: "other", Issuer: "https://elsewhere.test", Audience: "https://house.test", Match: match(`"repository":"acme/site"`), Agent: "thief"},
		{Name: "deploy", Issuer: v.url, Audience: "https://house.test", Match: match(`"repository":"acme/site","environment":"prod"`), Agent: "deployer"},
		{Name: "ci", Issuer: v.url, Audience: "https://house.test", Match: match(`"repository":"acme/site","run":7,"protected":true,"groups":"release"`), Agent: "clerk"},
	}
	return h, v
}

func match(members string) map[string]jsontext.Value {
	var out map[string]jsontext.Value
	if err := seal.Unmarshal([]byte("{"+members+"}"), &out); err != nil {
		panic(err)
	}
	return out
}

// swap is a good request to exchange a subject token.
func swap(subject string) *request {
	return order().unset("client_id", "client_secret").set("grant_type", tokenExchange).set("subject_token", subject).set("subject_token_type", idTokenType)
}

// RFC 8693 section 2.2.1.
func TestExchange(t *testing.T) {
	h, v := newExchange(t)
	k := newKey(t)
	for _, kind := range []string{idTokenType, jwtType, accessTokenType} {
		q := swap(v.subject(t, h.now, nil)).set("subject_token_type", kind).set("requested_token_type", accessTokenType).set("audience", h.URL).
			head("Dpop", h.prove(k, TokenPath, "", nil))
		a := h.send(q)
		h.wantToken(a)
		if a.body["issued_token_type"] != accessTokenType || a.body["token_type"] != "DPoP" {
			t.Errorf("got %v", a.body)
		}
		o := h.issuer.orders[len(h.issuer.orders)-1]
		if o.Agent != "clerk" || o.Client != "ci" || o.Key != k.Thumbprint() {
			t.Errorf("ordered %+v", o)
		}
	}
	if n := v.asked.Load(); n != 1 {
		t.Errorf("its issuer was asked %d times", n)
	}
	h.wantToken(h.send(swap(v.subject(t, h.now, map[string]any{"environment": "prod"})).set("client_id", "deploy")))
	h.wantToken(h.send(swap(v.subject(t, h.now, map[string]any{"environment": "prod", "aud": []string{"x", h.URL}, "azp": h.URL})).set("client_id", "ci")))
	var got []string
	for _, o := range h.issuer.orders[3:] {
		got = append(got, o.Client+" for "+o.Agent)
	}
	if diff := cmp.Diff([]string{"deploy for deployer", "ci for clerk"}, got); diff != "" {
		t.Error(diff)
	}
}

// With a client that authenticates as well, both bounds hold, and the order is the client's.
func TestExchangeByClient(t *testing.T) {
	h, v := newExchange(t)
	h.wantToken(h.send(swap(v.subject(t, h.now, nil)).basic("desk", secret)))
	if o := h.issuer.orders[0]; o.Client != "desk" || o.Agent != "clerk" {
		t.Errorf("ordered %+v", o)
	}
	h.Identities[2].Agent = "somebody"
	h.wantError(h.send(swap(v.subject(t, h.now, nil)).basic("desk", secret)), 400, invalidDetails)
	h.wantError(h.send(swap(v.subject(t, h.now, nil)).basic("desk", "wrong")), 401, invalidClient)
	h.wantError(h.send(swap(v.subject(t, h.now, nil)).set("client_id", "desk")), 401, invalidClient)
	h.wantError(h.send(swap(v.subject(t, h.now, nil)).set("client_id", "nobody")), 401, invalidClient)
}

// RFC 8693 sections 2.1 and 2.2.2: an invalid subject token is an invalid request.
func TestExchangeRefused(t *testing.T) {
	h, v := newExchange(t)
	h.Identities[2].Policies = []seal.Hash{one}
	good := v.subject(t, h.now, nil)
	hmac := sign(t, jose.HS256, []byte("0123456789abcdef0123456789abcdef"), "JWT", map[string]any{"iss": v.url})
	stranger := &voucher{url: v.url, keys: map[string]any{"k1": rsaKey(t)}}
	changed := func(name string, value any) string { return v.subject(t, h.now, map[string]any{name: value}) }
	for _, test := range []struct {
		name string
		q    *request
		code string
	}{
		{"no subject token", swap(""), invalidRequest},
		{"no type", swap(good).unset("subject_token_type"), invalidRequest},
		{"an unknown type", swap(good).set("subject_token_type", "urn:ietf:params:oauth:token-type:saml2"), invalidRequest},
		{"another type wanted", swap(good).set("requested_token_type", idTokenType), invalidRequest},
		{"an actor", swap(good).set("actor_token", good).set("actor_token_type", idTokenType), invalidRequest},
		{"for another", swap(good).set("audience", "https://elsewhere.test"), invalidTarget},
		{"a scope", swap(good).set("scope", "all"), invalidScope},
		{"another policy than the identity's", swap(good).set("authorization_details", `[{"type":"clawea_wpc","policy_hash":"`+two.String()+`"}]`), invalidDetails},
		{"another agent than the identity's", swap(good).set("authorization_details", detailOf(`"agent":"deployer"`)), invalidDetails},
		{"no JWT", swap("x"), invalidRequest},
		{"too long", swap(strings.Repeat("x", maxSubject+1)), invalidRequest},
		{"HMAC", swap(hmac), invalidRequest},
		{"alg none", swap("eyJhbGciOiJub25lIn0.eyJpc3MiOiJ4In0."), invalidRequest},
		{"signed by another", swap(stranger.subject(t, h.now, nil)), invalidRequest},
		{"an issuer that nobody configured", swap(changed("iss", "https://nobody.test")), invalidRequest},
		{"another identity's issuer", swap(good).set("client_id", "other"), invalidRequest},
		{"another identity of its issuer", swap(good).set("client_id", "deploy"), invalidRequest},
		{"expired", swap(changed("exp", h.now.Add(-time.Second).Unix())), invalidRequest},
		{"without exp", swap(changed("exp", nil)), invalidRequest},
		{"tomorrow's", swap(changed("nbf", h.now.Add(24*time.Hour).Unix())), invalidRequest},
		{"for another audience", swap(changed("aud", "https://elsewhere.test")), invalidRequest},
		{"without audience", swap(changed("aud", nil)), invalidRequest},
		{"another text", swap(changed("repository", "acme/site2")), invalidRequest},
		{"a text in another case", swap(changed("repository", "Acme/site")), invalidRequest},
		{"a claim missing", swap(changed("repository", nil)), invalidRequest},
		{"null", swap(changed("repository", (*string)(nil))), invalidRequest},
		{"another number", swap(changed("run", 8)), invalidRequest},
		{"a number as text", swap(changed("run", "7")), invalidRequest},
		{"a number in a list", swap(changed("run", []int{7})), invalidRequest},
		{"true as text", swap(changed("protected", "true")), invalidRequest},
		{"not in the list", swap(changed("groups", []string{"releases"})), invalidRequest},
		{"a list of other things", swap(changed("groups", []any{"release", 7})), invalidRequest},
		{"an object", swap(changed("groups", map[string]string{"release": ""})), invalidRequest},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := h.send(test.q)
			h.wantError(a, 400, test.code)
			if says, _ := a.body["error_description"].(string); strings.Contains(says, "acme") {
				t.Errorf("says %q", says)
			}
		})
	}
	if len(h.issuer.orders) != 0 {
		t.Errorf("ordered %+v", h.issuer.orders)
	}
}

// An identity that matches everybody matches nobody.
func TestNoMatch(t *testing.T) {
	h, v := newExchange(t)
	h.Identities[2].Match = nil
	h.wantError(h.send(swap(v.subject(t, h.now, nil))), 400, invalidRequest)
}

// Keys come and go at their issuer: new ones are found soon, withdrawn ones are
// good for an hour, and nobody can have the issuer asked as often as they like.
func TestKeysRotate(t *testing.T) {
	h, v := newExchange(t)
	old := func() *request { return swap(v.subject(t, h.now, nil)) }
	h.wantToken(h.send(old()))
	claims := func() map[string]any {
		return map[string]any{
			"iss": v.url, "aud": h.URL, "exp": h.now.Add(time.Minute).Unix(), "repository": "acme/site", "run": 7, "protected": true, "groups": "release",
		}
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	both := maps.Clone(v.keys)
	both["k2"] = ec
	v.keys = both
	h.wantError(h.send(swap(v.sign(t, "k2", claims()))), 400, invalidRequest)
	for range 5 {
		h.wantToken(h.send(old()))
	}
	if n := v.asked.Load(); n != 1 {
		t.Errorf("asked %d times at once", n)
	}
	h.now = h.now.Add(sourcePause)
	h.wantToken(h.send(swap(v.sign(t, "k2", claims()))))
	if n := v.asked.Load(); n != 2 {
		t.Errorf("asked %d times", n)
	}
	withdrawn := &voucher{url: v.url, keys: maps.Clone(v.keys)}
	v.keys = map[string]any{"k2": ec}
	h.wantToken(h.send(swap(withdrawn.subject(t, h.now, nil))))
	h.now = h.now.Add(sourceFresh)
	h.wantError(h.send(swap(withdrawn.subject(t, h.now, nil))), 400, invalidRequest)
}

// The issuer's trouble is not the token's.
func TestIssuerInTrouble(t *testing.T) {
	h, v := newExchange(t)
	v.broken.Store(true)
	for range 3 {
		h.wantError(h.send(swap(v.subject(t, h.now, nil))), 503, unavailable)
	}
	if n := v.asked.Load(); n != 1 {
		t.Errorf("asked %d times at once", n)
	}
	v.broken.Store(false)
	h.now = h.now.Add(sourcePause)
	h.wantToken(h.send(swap(v.subject(t, h.now, nil))))
	for name, change := range map[string]func(v *voucher, i *Identity){
		"another issuer":     func(v *voucher, _ *Identity) { v.names = "https://elsewhere.test" },
		"keys in clear":      func(v *voucher, _ *Identity) { v.jwks = "http://192.0.2.1/keys" },
		"keys in a file":     func(v *voucher, _ *Identity) { v.jwks = "file:///etc/passwd" },
		"no keys":            func(v *voucher, _ *Identity) { v.jwks = v.url + "/nowhere" },
		"keys that are none": func(v *voucher, _ *Identity) { v.jwks = v.url + "/.well-known/openid-configuration" },
		"moved":              func(v *voucher, i *Identity) { i.Issuer = v.url + "/moved" },
	} {
		t.Run(name, func(t *testing.T) {
			h, v := newExchange(t)
			change(v, &h.Identities[2])
			h.wantError(h.send(swap(v.subject(t, h.now, map[string]any{"iss": h.Identities[2].Issuer}))), 503, unavailable)
		})
	}
}
