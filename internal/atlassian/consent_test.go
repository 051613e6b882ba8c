// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// An authority is Atlassian's side of a consent.
type authority struct {
	*httptest.Server
	tokens string // what the code is traded for
	me     string
	sites  string
	form   url.Values
}

func newAuthority(t *testing.T) *authority {
	a := &authority{
		tokens: `{"access_token":"access","refresh_token":"refresh","expires_in":3600,"scope":"write:page:confluence read:me offline_access"}`,
		me:     `{"account_id":"712020:alice","name":"Alice \u202eA."}`,
		sites:  `[{"id":"other"},{"id":"cloud","url":"https://acme.atlassian.net","scopes":[]}]`,
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /oauth/token", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		a.form = r.PostForm
		_, _ = io.WriteString(w, a.tokens)
	})
	for path, text := range map[string]*string{"/me": &a.me, "/oauth/token/accessible-resources": &a.sites} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer access" {
				w.WriteHeader(http.StatusUnauthorized)
			}
			_, _ = io.WriteString(w, *text)
		})
	}
	a.Server = httptest.NewServer(mux)
	t.Cleanup(a.Close)
	return a
}

func (a *authority) consent() *Consent {
	return &Consent{
		App: App{ID: "app", Secret: func() (string, error) { return "hush", nil }, TokenURL: a.URL + "/oauth/token"},
		API: a.URL, CloudIDs: []string{"cloud"}, Redirect: "http://127.0.0.1:7434/callback", Scopes: []string{"write:page:confluence"},
	}
}

// asks begins a consent and returns the query of its address.
func asks(t *testing.T, c *Consent) url.Values {
	t.Helper()
	u, err := url.Parse(c.Begin())
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

func TestConsent(t *testing.T) {
	a := newAuthority(t)
	c := a.consent()
	q := asks(t, c)
	want := url.Values{
		"audience": {"api.atlassian.com"}, "client_id": {"app"}, "scope": {"offline_access read:me write:page:confluence"},
		"redirect_uri": {"http://127.0.0.1:7434/callback"}, "response_type": {"code"}, "prompt": {"consent"}, "code_challenge_method": {"S256"},
		"state": q["state"], "code_challenge": q["code_challenge"],
	}
	if diff := cmp.Diff(want, q); diff != "" || len(q.Get("state")) < 26 {
		t.Errorf("state %q\n%s", q.Get("state"), diff)
	}
	g, err := c.Finish(t.Context(), url.Values{"state": q["state"], "code": {"code"}})
	if err != nil {
		t.Fatal(err)
	}
	if g.Refresh != "refresh" || g.Account != "712020:alice" || g.Name != "Alice A." || g.State() != "good" || len(g.Scopes) != 3 {
		t.Errorf("granted %q to %q (%q), %s", g.Scopes, g.Account, g.Name, g.State())
	}
	sum := sha256.Sum256([]byte(a.form.Get("code_verifier")))
	if base64.RawURLEncoding.EncodeToString(sum[:]) != q.Get("code_challenge") || a.form.Get("redirect_uri") != q.Get("redirect_uri") || a.form.Get("code") != "code" {
		t.Errorf("the code was traded with %v", a.form)
	}
	if _, err := c.Finish(t.Context(), url.Values{"state": q["state"], "code": {"code"}}); authCode(err) != WrongGrant {
		t.Errorf("the same answer again: %v", err)
	}
	if again := asks(t, c); again.Get("state") == q.Get("state") || again.Get("code_challenge") == q.Get("code_challenge") {
		t.Error("two consents have the same state")
	}
}

func TestConsentRefused(t *testing.T) {
	tests := []struct {
		name   string
		answer url.Values // without state, that of the question
		change func(*authority)
		code   string
		says   string
	}{
		{"another state", url.Values{"state": {"x"}, "code": {"code"}}, nil, WrongGrant, "not to this question"},
		{"two states", url.Values{"state": {"", "x"}, "code": {"code"}}, nil, WrongGrant, "not to this question"},
		{"an empty state", url.Values{"state": {""}, "code": {"code"}}, nil, WrongGrant, "not to this question"},
		{"the person says no", url.Values{"error": {"access_denied"}, "code": {"code"}}, nil, WrongGrant, "access_denied"},
		{"no code", url.Values{}, nil, WrongGrant, "no consent"},
		{"no refresh token", url.Values{"code": {"code"}}, func(a *authority) { a.tokens = `{"access_token":"access","scope":"write:page:confluence read:me"}` }, WrongGrant, "offline_access"},
		{"fewer scopes", url.Values{"code": {"code"}}, func(a *authority) { a.tokens = `{"access_token":"access","refresh_token":"r","scope":"read:me"}` }, WrongGrant, "lacks the scope write:page:confluence"},
		{"another site", url.Values{"code": {"code"}}, func(a *authority) { a.sites = `[{"id":"other"}]` }, WrongGrant, "not for the configured site"},
		{"no sites", url.Values{"code": {"code"}}, func(a *authority) { a.sites = `{}` }, AuthTrouble, "accessible-resources"},
		{"nobody", url.Values{"code": {"code"}}, func(a *authority) { a.me = `{}` }, WrongGrant, "whose consent"},
		{"a strange account", url.Values{"code": {"code"}}, func(a *authority) { a.me = `{"account_id":"a b"}` }, WrongGrant, "whose consent"},
		{"the token is not taken", url.Values{"code": {"code"}}, func(a *authority) { a.tokens = strings.Replace(a.tokens, `"access"`, `"hush"`, 1) }, AuthTrouble, "/me, status 401"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := newAuthority(t)
			if test.change != nil {
				test.change(a)
			}
			c := a.consent()
			q := asks(t, c)
			if !test.answer.Has("state") {
				test.answer["state"] = q["state"]
			}
			_, err := c.Finish(t.Context(), test.answer)
			if authCode(err) != test.code || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "hush") {
				t.Errorf("got %v, want %s: %s", err, test.code, test.says)
			}
		})
	}
	if new(Consent).Ours(url.Values{"state": {""}}) {
		t.Error("an answer to no question at all is ours")
	}
}
