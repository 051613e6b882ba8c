// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/internal/store/storetest"
)

// A house is a desk and what tests need around it.
type house struct {
	*Desk
	db    *store.DB
	mux   *http.ServeMux
	clock *clock
	log   *housetest.Log
}

// A clock stands still until it is moved.
type clock struct{ ms atomic.Int64 }

func (c *clock) Now() time.Time       { return time.UnixMilli(c.ms.Load()).UTC() }
func (c *clock) move(d time.Duration) { c.ms.Add(d.Milliseconds()) }

const houseURL = "https://house.test"

// newHouse opens a house that change has been asked about.
func newHouse(t testing.TB, change func(*Config)) *house {
	t.Helper()
	h := &house{clock: new(clock), log: new(housetest.Log), mux: http.NewServeMux()}
	h.clock.ms.Store(time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC).UnixMilli())
	h.db = storetest.Open(t, store.Config{Now: h.clock.Now})
	key := housetest.FreshKey(t, "registry.house.test")
	c := Config{DB: h.db, Key: bytes.Repeat([]byte{9}, 32), URL: houseURL, Idle: 30 * time.Minute, Longest: 12 * time.Hour, Registry: key, Self: key.Verifier, Now: h.clock.Now}
	c.Log = slog.New(slog.NewTextHandler(h.log, nil))
	change(&c)
	var err error
	if h.Desk, err = New(c); err != nil {
		t.Fatal(err)
	}
	for _, r := range h.Routes() {
		h.mux.Handle(r.Pattern, r.Handler)
	}
	return h
}

// A browser keeps cookies, and says where its requests come from.
type browser struct {
	t       testing.TB
	h       *house
	cookies map[string]string
	site    string // Sec-Fetch-Site
}

func (h *house) browser(t testing.TB) *browser {
	return &browser{t, h, map[string]string{}, "same-origin"}
}

// do sends a request. body is JSON, or a form if it is a url.Values.
func (b *browser) do(method, path string, body any, header ...string) *http.Response {
	b.t.Helper()
	var r *http.Request
	switch v := body.(type) {
	case nil:
		r = httptest.NewRequestWithContext(b.t.Context(), method, b.h.Origin()+path, nil)
	case url.Values:
		r = httptest.NewRequestWithContext(b.t.Context(), method, b.h.Origin()+path, strings.NewReader(v.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	default:
		text, err := json.Marshal(v)
		if err != nil {
			b.t.Fatal(err)
		}
		r = httptest.NewRequestWithContext(b.t.Context(), method, b.h.Origin()+path, bytes.NewReader(text))
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Sec-Fetch-Site", b.site)
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	b.h.mux.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if !c.HttpOnly || c.Secure != strings.HasPrefix(c.Name, "__Host-") || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode {
			b.t.Errorf("cookie %s is not a careful one: %s", c.Name, c.Raw)
		}
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return w.Result()
}

// who returns who is logged in, and the token of forms.
func (b *browser) who() (*Person, string, error) {
	r := httptest.NewRequestWithContext(b.t.Context(), http.MethodGet, b.h.Origin()+"/", nil)
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return b.h.Session(r)
}

// mustBe fails the test unless somebody is logged in.
func (b *browser) mustBe(key string) *Person {
	b.t.Helper()
	p, _, err := b.who()
	if err != nil || p.Key != key {
		b.t.Fatalf("logged in: %+v, %v; want %s\n%s", p, err, key, b.h.log)
	}
	return p
}

// post sends JSON with the session's token, as a page's script does.
func (b *browser) post(path string, body, answer any) *http.Response {
	b.t.Helper()
	var header []string
	if _, token, err := b.who(); err == nil {
		header = []string{CSRFHeader, token}
	}
	res := b.do(http.MethodPost, path, body, header...)
	if answer != nil && res.StatusCode == http.StatusOK {
		if err := json.NewDecoder(res.Body).Decode(answer); err != nil {
			b.t.Fatal(err)
		}
	}
	return res
}

// refused fails the test unless res says code.
func (h *house) refused(t testing.TB, res *http.Response, want *Refusal) {
	t.Helper()
	var b bytes.Buffer
	if _, err := b.ReadFrom(res.Body); err != nil {
		t.Fatal(err)
	}
	told := strings.Contains(b.String(), want.Msg+"\n"+want.Hint)
	if res.Header.Get("Content-Type") == "application/problem+json" {
		told = strings.Contains(b.String(), `"code":"`+want.Code+`"`)
	}
	if res.StatusCode != want.Status || !told {
		t.Errorf("got %d %s %s; want %d %s\n%s", res.StatusCode, b.String(), res.Header.Get("Location"), want.Status, want.Code, h.log)
	}
}

// An idp is an OpenID Connect provider. Tests change what it says.
type idp struct {
	*httptest.Server
	t     testing.TB
	h     *house // for its clock
	key   jose.SigningKey
	jwk   jose.JSONWebKey
	iss   string
	meta  func(map[string]any)
	claim func(map[string]any) // changes an ID token's claims
	sign  func(claims []byte) string
	last  url.Values // of the last request for a code

	mu    sync.Mutex
	codes map[string]url.Values // what was asked, by the code that answers it
}

// newIDP starts a provider of people called sub.
func newIDP(t testing.TB, alg jose.SignatureAlgorithm) *idp {
	t.Helper()
	p := &idp{t: t, codes: map[string]url.Values{}, meta: func(map[string]any) {}, claim: func(map[string]any) {}}
	key := newJWK(t, alg)
	p.key, p.jwk = jose.SigningKey{Algorithm: alg, Key: key}, key.Public()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		p.json(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{p.jwk}})
	})
	mux.HandleFunc("POST /token", p.token)
	p.Server = httptest.NewServer(mux)
	p.iss = p.URL
	t.Cleanup(p.Close)
	return p
}

func (p *idp) json(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		p.t.Error(err)
	}
}

func (p *idp) discovery(w http.ResponseWriter, _ *http.Request) {
	m := map[string]any{
		"issuer": p.iss, "authorization_endpoint": p.URL + "/auth", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
		"id_token_signing_alg_values_supported": []string{"none", "HS256", "RS256", "ES256", "PS256", "EdDSA"},
	}
	p.meta(m)
	p.json(w, http.StatusOK, m)
}

// authorize answers the address that the house sent the browser to with a callback's
// query, for the person sub.
func (p *idp) authorize(to, sub string) url.Values {
	p.t.Helper()
	u, err := url.Parse(to)
	if err != nil || !strings.HasPrefix(to, p.URL+"/auth?") {
		p.t.Fatalf("sent to %q, %v", to, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	q := u.Query()
	q.Set("sub", sub)
	p.last = q
	code := secret()
	p.codes[code] = q
	return url.Values{"code": {code}, "state": {q.Get("state")}}
}

func (p *idp) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	q := p.codes[r.PostFormValue("code")]
	delete(p.codes, r.PostFormValue("code"))
	p.mu.Unlock()
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	id, password, _ := r.BasicAuth()
	switch {
	case id != "house" || password != "hush":
		p.json(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	case q == nil || q.Get("code_challenge_method") != "S256" || base64.RawURLEncoding.EncodeToString(sum[:]) != q.Get("code_challenge") ||
		r.PostFormValue("redirect_uri") != q.Get("redirect_uri"):
		p.json(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant", "error_description": "no such code"})
		return
	}
	now := p.h.clock.Now().Unix()
	c := map[string]any{
		"iss": p.iss, "aud": q.Get("client_id"), "sub": q.Get("sub"), "nonce": q.Get("nonce"), "iat": now, "exp": now + 300, "auth_time": now,
		"preferred_username": q.Get("sub") + "@house.test", "name": "Person " + q.Get("sub"),
	}
	p.claim(c)
	b, err := json.Marshal(c)
	if err != nil {
		p.t.Error(err)
	}
	sign := p.signed
	if p.sign != nil {
		sign = p.sign
	}
	p.json(w, http.StatusOK, map[string]any{"access_token": "access", "token_type": "Bearer", "id_token": sign(b)})
}

func (p *idp) signed(b []byte) string {
	s, err := jose.NewSigner(p.key, nil)
	if err != nil {
		p.t.Error(err)
		return ""
	}
	jws, err := s.Sign(b)
	if err != nil {
		p.t.Error(err)
		return ""
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		p.t.Error(err)
	}
	return text
}

// config is p as the house has it.
func (p *idp) config(name string) Provider {
	return Provider{
		Name: name, Title: name, Issuer: p.iss, ClientID: "house", Secret: func() (string, error) { return "hush", nil },
		NameClaim: "preferred_username", RolesClaim: "roles", GroupsClaim: "groups", MaxAge: 5 * time.Minute,
		Roles:  map[Role][]string{Approver: {"r-approver"}, Admin: {"r-admin"}},
		Groups: map[string][]string{"wiki-owners": {"g-wiki"}},
	}
}

// houseOf opens a house with one provider, called idp.
func houseOf(t testing.TB, p *idp, change func(*Config)) *house {
	t.Helper()
	h := newHouse(t, func(c *Config) {
		c.Providers = []Provider{p.config("idp")}
		if change != nil {
			change(c)
		}
	})
	p.h = h
	return h
}

// begin begins a login and returns where the browser is sent.
func (b *browser) begin(path string) string {
	b.t.Helper()
	res := b.do(http.MethodGet, path, nil)
	if res.StatusCode != http.StatusSeeOther {
		var text bytes.Buffer
		_, _ = text.ReadFrom(res.Body)
		b.t.Fatalf("%s: %d %s\n%s", path, res.StatusCode, &text, b.h.log)
	}
	return res.Header.Get("Location")
}

// login logs sub in, and returns what the callback answered.
func (b *browser) login(p *idp, sub string) *http.Response {
	b.t.Helper()
	return b.do(http.MethodGet, "/login/callback/idp?"+p.authorize(b.begin("/login/idp?back=/jobs"), sub).Encode(), nil)
}

// mustLogin is login where it must succeed.
func (b *browser) mustLogin(p *idp, sub string) *Person {
	b.t.Helper()
	if res := b.login(p, sub); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/jobs" {
		b.t.Fatalf("login: %d to %q\n%s", res.StatusCode, res.Header.Get("Location"), b.h.log)
	}
	return b.mustBe(strings.ToLower(sub) + "@house.test")
}
