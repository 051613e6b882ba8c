// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/clawea/clawea/seal"
)

// rsaKey is one for all tests: making it takes a while.
var rsaKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func newJWK(t testing.TB, alg jose.SignatureAlgorithm) *jose.JSONWebKey {
	t.Helper()
	var key crypto.Signer
	var err error
	switch alg {
	case jose.ES256:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jose.EdDSA:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		key, err = rsaKey()
	}
	if err != nil {
		t.Fatal(err)
	}
	return &jose.JSONWebKey{Key: key, KeyID: "k1", Algorithm: string(alg), Use: "sig"}
}

func TestLogin(t *testing.T) {
	for _, alg := range []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.PS256, jose.EdDSA} {
		t.Run(string(alg), func(t *testing.T) {
			p := newIDP(t, alg)
			h := houseOf(t, p, nil)
			p.claim = func(c map[string]any) {
				c["roles"], c["groups"], c["acr"] = []string{"r-approver", "another"}, []string{"g-wiki", "g-else"}, "mfa"
			}
			b := h.browser(t)
			who := b.mustLogin(p, "Kim")
			if who.ID != p.URL+" Kim" || who.Name != "Person Kim" || who.ACR != "mfa" || !who.AuthTime.Equal(h.clock.Now()) || who.Enrolling ||
				!slices.Equal(who.Roles, []Role{Approver}) || !slices.Equal(who.Groups, []string{"wiki-owners"}) {
				t.Errorf("got %+v", who)
			}
			if !who.Has(Admin, Approver) || who.Has(Admin) || who.Has() {
				t.Error("the roles are others")
			}
			q := p.last
			if q.Get("response_type") != "code" || q.Get("redirect_uri") != houseURL+"/login/callback/idp" || len(q.Get("state")) < 43 || len(q.Get("nonce")) < 43 ||
				q.Get("code_challenge_method") != "S256" || !slices.Contains(strings.Fields(q.Get("scope")), "openid") || q.Has("max_age") {
				t.Errorf("asked for %v", q)
			}
			if len(b.cookies) != 1 {
				t.Errorf("cookies left: %v", b.cookies)
			}
			for _, c := range b.cookies {
				if strings.Contains(h.log.String(), c) {
					t.Error("the log has the session's secret")
				}
			}
		})
	}
}

// What is wrong with a login is refused, and nobody is logged in then.
func TestRefusals(t *testing.T) {
	set := func(name string, v any) func(*idp) {
		return func(p *idp) { p.claim = func(c map[string]any) { c[name] = v } }
	}
	drop := func(name string) func(*idp) {
		return func(p *idp) { p.claim = func(c map[string]any) { delete(c, name) } }
	}
	at := func(name string, d time.Duration) func(*idp) {
		return func(p *idp) {
			p.claim = func(c map[string]any) { c[name] = p.h.clock.Now().Add(d).Unix() }
		}
	}
	none := func(b []byte) string {
		return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString(b) + "."
	}
	p := newIDP(t, jose.ES256)
	h, key, public := houseOf(t, p, nil), p.key, p.jwk
	for name, test := range map[string]struct {
		change func(*idp)
		want   *Refusal
	}{
		"another nonce":      {set("nonce", "another"), ErrIdentity},
		"no nonce":           {drop("nonce"), ErrIdentity},
		"another issuer":     {set("iss", "https://evil.example"), ErrIdentity},
		"another audience":   {set("aud", "another"), ErrIdentity},
		"issued to another":  {set("azp", "another"), ErrIdentity},
		"for two, to nobody": {set("aud", []string{"house", "another"}), ErrIdentity},
		"expired":            {at("exp", -2*time.Minute), ErrIdentity},
		"no end":             {drop("exp"), ErrIdentity},
		"of long ago":        {at("iat", -time.Hour), ErrIdentity},
		"of the future":      {at("iat", 2*time.Minute), ErrIdentity},
		"not yet good":       {at("nbf", 2*time.Minute), ErrIdentity},
		"logged in later":    {at("auth_time", time.Hour), ErrIdentity},
		"no subject":         {set("sub", ""), ErrIdentity},
		"an odd subject":     {set("sub", "a\nb"), ErrIdentity},
		"no name":            {drop("preferred_username"), ErrName},
		"a list of names":    {set("preferred_username", []string{"kim@house.test"}), ErrName},
		"another token":      {set("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), ErrIdentity},
		"alg none":           {func(p *idp) { p.sign = none }, ErrIdentity},
		"alg HS256": {func(p *idp) {
			public, err := p.jwk.MarshalJSON()
			if err != nil {
				p.t.Fatal(err)
			}
			p.key = jose.SigningKey{Algorithm: jose.HS256, Key: append(public, make([]byte, 64)...)}
		}, ErrIdentity},
		"another's key": {func(p *idp) { p.key.Key = newJWK(p.t, jose.ES256) }, ErrIdentity},
		"an alg not pinned": {func(p *idp) {
			key := newJWK(p.t, jose.RS512)
			p.key, p.jwk = jose.SigningKey{Algorithm: jose.RS512, Key: key}, key.Public()
		}, ErrIdentity},
		"a claim twice": {func(p *idp) {
			p.sign = func(b []byte) string { return p.signed(append([]byte(`{"sub":"admin",`), b[1:]...)) }
		}, ErrIdentity},
		"no ID token":        {func(p *idp) { p.sign = func([]byte) string { return "" } }, ErrIdentity},
		"groups elsewhere":   {func(p *idp) { p.claim = overage("groups") }, ErrOverage},
		"roles elsewhere":    {func(p *idp) { p.claim = overage("roles") }, ErrOverage},
		"more than they say": {set("hasgroups", true), ErrOverage},
		"the local admin":    {set("preferred_username", "Admin@local"), ErrTaken},
		"another discovered": {func(p *idp) { p.meta = func(m map[string]any) { m["issuer"] = "https://evil.example" } }, ErrProvider},
		"pages in clear": {func(p *idp) {
			p.meta = func(m map[string]any) { m["authorization_endpoint"] = "http://evil.example/auth" }
		}, ErrProvider},
		"tokens in clear": {func(p *idp) { p.meta = func(m map[string]any) { m["token_endpoint"] = "http://evil.example/token" } }, ErrProvider},
	} {
		t.Run(name, func(t *testing.T) {
			h.clock.move(providerFresh) // so that the provider is asked again
			p.claim, p.meta, p.sign, p.key, p.jwk = func(map[string]any) {}, func(map[string]any) {}, nil, key, public
			test.change(p)
			b := h.browser(t)
			res := b.do(http.MethodGet, "/login/idp", nil)
			if res.StatusCode == http.StatusSeeOther {
				res = b.do(http.MethodGet, "/login/callback/idp?"+p.authorize(res.Header.Get("Location"), "kim").Encode(), nil)
			}
			h.refused(t, res, test.want)
			if who, _, err := b.who(); !errors.Is(err, ErrNoSession) {
				t.Errorf("logged in: %+v, %v", who, err)
			}
		})
	}
}

// overage is what Entra ID says of who is in too many groups.
func overage(claim string) func(map[string]any) {
	return func(c map[string]any) {
		c["_claim_names"] = map[string]string{claim: "src1"}
		c["_claim_sources"] = map[string]any{"src1": map[string]string{"endpoint": "https://graph.example/groups"}}
	}
}

// The provider's clock may be off by a minute.
func TestSkew(t *testing.T) {
	p := newIDP(t, jose.ES256)
	h := houseOf(t, p, nil)
	p.claim = func(c map[string]any) {
		now := h.clock.Now()
		c["exp"], c["iat"], c["auth_time"] = now.Add(-50*time.Second).Unix(), now.Add(50*time.Second).Unix(), now.Add(50*time.Second).Unix()
	}
	h.browser(t).mustLogin(p, "kim")
}

// A callback counts in the browser where the login began, at the provider where it
// began, and once.
func TestCallbackIsBound(t *testing.T) {
	p, q := newIDP(t, jose.ES256), newIDP(t, jose.ES256)
	h := houseOf(t, p, func(c *Config) { c.Providers = append(c.Providers, q.config("other")) })
	q.h = h
	victim, attacker := h.browser(t), h.browser(t)
	answer := p.authorize(attacker.begin("/login/idp"), "attacker")
	h.refused(t, victim.do(http.MethodGet, "/login/callback/idp?"+answer.Encode(), nil), ErrTry) // login CSRF

	answer = p.authorize(victim.begin("/login/idp"), "kim")
	for name, change := range map[string]func(url.Values){
		"another state": func(v url.Values) { v.Set("state", secret()) },
		"its beginning": func(v url.Values) { v.Set("state", v.Get("state")[:8]+strings.Repeat("A", 35)) },
		"no state":      func(v url.Values) { v.Del("state") },
		"two states":    func(v url.Values) { v.Add("state", "x") },
	} {
		b := &browser{t, h, map[string]string{}, "cross-site"}
		for k, v := range victim.cookies {
			b.cookies[k] = v
		}
		changed := url.Values{"code": answer["code"], "state": answer["state"]}
		change(changed)
		t.Run(name, func(t *testing.T) {
			h.refused(t, b.do(http.MethodGet, "/login/callback/idp?"+changed.Encode(), nil), ErrTry)
		})
	}
	b := &browser{t, h, map[string]string{}, "cross-site"}
	for k, v := range victim.cookies { // a mix-up: the answer of one provider comes as another's
		b.cookies[k] = v
	}
	h.refused(t, b.do(http.MethodGet, "/login/callback/other?"+answer.Encode(), nil), ErrTry)
	answer.Set("iss", q.URL)
	for k, v := range victim.cookies {
		b.cookies[k] = v
	}
	h.refused(t, b.do(http.MethodGet, "/login/callback/idp?"+answer.Encode(), nil), ErrIdentity)

	victim.site = "cross-site" // as a provider's redirect is
	answer = p.authorize(victim.begin("/login/idp"), "kim")
	before := map[string]string{}
	for k, v := range victim.cookies {
		before[k] = v
	}
	if res := victim.do(http.MethodGet, "/login/callback/idp?"+answer.Encode(), nil); res.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d\n%s", res.StatusCode, h.log)
	}
	thief := &browser{t, h, before, "same-origin"}
	h.refused(t, thief.do(http.MethodGet, "/login/callback/idp?"+answer.Encode(), nil), ErrTry) // the code is used up
	p.codes[answer.Get("code")] = p.last                                                        // a provider that takes a code twice
	thief = &browser{t, h, before, "same-origin"}
	h.refused(t, thief.do(http.MethodGet, "/login/callback/idp?"+answer.Encode(), nil), ErrTry)
}

// A provider that says that it names itself in its answers must.
func TestAnswersNameTheirIssuer(t *testing.T) {
	p := newIDP(t, jose.ES256)
	h := houseOf(t, p, nil)
	p.meta = func(m map[string]any) { m["authorization_response_iss_parameter_supported"] = true }
	b := h.browser(t)
	h.refused(t, b.login(p, "kim"), ErrIdentity)
	answer := p.authorize(b.begin("/login/idp"), "kim")
	answer.Set("iss", p.URL)
	if res := b.do(http.MethodGet, "/login/callback/idp?"+answer.Encode(), nil); res.StatusCode != http.StatusSeeOther {
		t.Errorf("%d\n%s", res.StatusCode, h.log)
	}
}

func TestLate(t *testing.T) {
	p := newIDP(t, jose.ES256)
	h := houseOf(t, p, nil)
	b := h.browser(t)
	answer := p.authorize(b.begin("/login/idp"), "kim")
	h.clock.move(tryLife)
	h.refused(t, b.do(http.MethodGet, "/login/callback/idp?"+answer.Encode(), nil), ErrTry)
}

// One login has the provider asked for a code once, whoever repeats it.
func TestProviderIsAskedOnce(t *testing.T) {
	p := newIDP(t, jose.ES256)
	h := houseOf(t, p, nil)
	b := h.browser(t)
	q := p.authorize(b.begin("/login/idp"), "kim")
	kept := maps.Clone(b.cookies)
	for range 5 {
		b.cookies = maps.Clone(kept)
		q.Set("code", secret())
		h.refused(t, b.do(http.MethodGet, "/login/callback/idp?"+q.Encode(), nil), ErrTry)
	}
	if n := strings.Count(h.log.String(), "does not take the code"); n != 1 {
		t.Errorf("one login has the provider asked %d times", n)
	}
}

// The house's word for its own passkeys is no provider's.
func TestProviderSaysPasskey(t *testing.T) {
	p := newIDP(t, jose.ES256)
	h := houseOf(t, p, nil)
	p.claim = func(c map[string]any) { c["acr"] = Passkey }
	if who := h.browser(t).mustLogin(p, "kim"); who.ACR != "" {
		t.Errorf("acr %q", who.ACR)
	}
}

// Single sign-on, which asks a person nothing, is not enough to register a passkey, nor
// is a login long ago; a step-up is.
func TestSingleSignOnRegistersNothing(t *testing.T) {
	p := newIDP(t, jose.ES256)
	h := houseOf(t, p, nil)
	asked := 9 * time.Hour // ago: this morning
	p.claim = func(c map[string]any) {
		c["roles"], c["auth_time"] = "r-approver", h.clock.Now().Add(-asked).Unix()
	}
	b := h.browser(t)
	b.mustLogin(p, "kim")
	d := newDevice(t, "house.test", seal.ES256)
	h.refused(t, b.register(d, seal.ES256), ErrStale)
	asked = 10 * time.Minute
	b.mustLogin(p, "kim")
	if res := b.register(d, seal.ES256); res.StatusCode != http.StatusOK {
		t.Fatalf("asked of late: %d\n%s", res.StatusCode, h.log)
	}
	second := newDevice(t, "house.test", seal.ES256)
	h.refused(t, b.register(second, seal.ES256), ErrStale) // there is a passkey that can be asked for
	asked = 0
	if res := b.do(http.MethodGet, "/login/callback/idp?"+p.authorize(b.begin("/login/idp?again=1"), "kim").Encode(), nil); res.StatusCode != http.StatusSeeOther {
		t.Fatalf("step up: %d", res.StatusCode)
	}
	if res := b.register(second, seal.ES256); res.StatusCode != http.StatusOK {
		t.Errorf("after a step-up: %d\n%s", res.StatusCode, h.log)
	}
	h.clock.move(registerWithin + time.Second)
	third := newDevice(t, "house.test", seal.ES256)
	h.refused(t, b.register(third, seal.ES256), ErrStale)
	b.assert(d)
	if res := b.register(third, seal.ES256); res.StatusCode != http.StatusOK {
		t.Errorf("after the first was used: %d\n%s", res.StatusCode, h.log)
	}
}

// What the provider says instead of a code is told as its refusal, not shown.
func TestProviderSaysNo(t *testing.T) {
	p := newIDP(t, jose.ES256)
	h := houseOf(t, p, nil)
	b := h.browser(t)
	state := p.authorize(b.begin("/login/idp"), "kim").Get("state")
	res := b.do(http.MethodGet, "/login/callback/idp?error=access_denied&error_description=%3Cb%3Eno&state="+state, nil)
	h.refused(t, res, ErrDenied)
	if !strings.Contains(h.log.String(), "access_denied") {
		t.Error("the log does not say why")
	}
	h.refused(t, b.do(http.MethodGet, "/login/nobody", nil), ErrNobody)
}

// Two logins in one browser do not disturb each other, nor do many.
func TestLoginsAtOnce(t *testing.T) {
	p := newIDP(t, jose.ES256)
	h := houseOf(t, p, nil)
	b := h.browser(t)
	one := p.authorize(b.begin("/login/idp?back=/one"), "kim")
	two := p.authorize(b.begin("/login/idp?back=/two"), "lee")
	for _, l := range []struct {
		answer    url.Values
		back, key string
	}{{two, "/two", "lee@house.test"}, {one, "/one", "kim@house.test"}} {
		res := b.do(http.MethodGet, "/login/callback/idp?"+l.answer.Encode(), nil)
		if res.Header.Get("Location") != l.back {
			t.Errorf("%d to %q, want %s\n%s", res.StatusCode, res.Header.Get("Location"), l.back, h.log)
		}
		b.mustBe(l.key)
	}
	for range 20 {
		b.begin("/login/idp")
	}
	if len(b.cookies) > 1+maxTries {
		t.Errorf("%d cookies", len(b.cookies))
	}
	var wait sync.WaitGroup // the provider is asked by many at once, the first time
	h2 := houseOf(t, p, nil)
	for range 8 {
		wait.Go(func() {
			if _, err := h2.Begin(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, houseURL, nil), "idp", "/", false); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
}

type stuck struct{}

func (stuck) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// A provider that says nothing keeps nobody waiting for long, and one stranger who
// gives up does not spoil it for the others.
func TestProviderIsStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{Provider: Provider{Issuer: "https://idp.test"}, client: newClient(), now: time.Now}
		p.client.Transport = stuck{}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		start := time.Now()
		_, err := p.connect(ctx)
		if took := time.Since(start); !errors.Is(err, ErrProvider) || took != patience {
			t.Errorf("after %s: %v", took, err)
		}
		if _, err := p.connect(t.Context()); !errors.Is(err, ErrProvider) || time.Since(start) >= 2*patience {
			t.Errorf("asked again at once: %v", err)
		}
	})
}

// A provider that is in trouble is asked again, but not by every stranger.
func TestProviderTrouble(t *testing.T) {
	p := newIDP(t, jose.ES256)
	h := houseOf(t, p, nil)
	b := h.browser(t)
	p.meta = func(m map[string]any) { m["issuer"] = "https://evil.example" }
	h.refused(t, b.do(http.MethodGet, "/login/idp", nil), ErrProvider)
	p.meta = func(map[string]any) {}
	h.refused(t, b.do(http.MethodGet, "/login/idp", nil), ErrProvider)
	h.clock.move(providerPause)
	b.mustLogin(p, "kim")
	for _, x := range []struct {
		err  string
		want *Refusal
	}{{"invalid_client", ErrProvider}, {"invalid_grant", ErrTry}} {
		err := exchangeRefusal(refused(x.err))
		if !errors.Is(err, x.want) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: %v", x.err, err)
		}
	}
}
