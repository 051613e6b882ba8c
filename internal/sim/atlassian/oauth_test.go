// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
	"time"
)

// app is an application for people, with a service account's client beside it.
func (w *world) app(reader string) *client {
	w.AddClient(Client{ID: "app", Secret: "hush", Scopes: []string{"read:issue-meta:jira", "read:page:confluence"}, RedirectURIs: []string{"http://127.0.0.1:9/back"}})
	w.AddClient(Client{ID: "service", Secret: "hush", Scopes: []string{"read:page:confluence"}, Account: reader})
	return &client{t: w.t, handler: w.checked}
}

const authorizeQuery = "/authorize?audience=api.atlassian.com&client_id=app&response_type=code&prompt=consent&state=s&redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fback"

// consent goes through the browser and returns what comes back to the application.
func (c *client) consent(query string) url.Values {
	c.t.Helper()
	a := c.get(authorizeQuery+query).want(c.t, 302)
	back, err := url.Parse(a.header.Get("Location"))
	if err != nil {
		c.t.Fatal(err)
	}
	return back.Query()
}

func TestServiceAccount(t *testing.T) {
	w := newWorld(t)
	app := w.app(w.reader.id)
	gateway := "/ex/confluence/" + w.CloudID()
	ask := `{"grant_type":"client_credentials","client_id":"service","client_secret":"hush","audience":"api.atlassian.com"}`
	a := app.do("POST", "/oauth/token", ask).want(t, 200)
	if a.at("refresh_token") != "" || a.at("expires_in") != "3600" || a.at("token_type") != "Bearer" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("got %s", a.text)
	}
	service := &client{t: t, handler: w.checked, bearer: a.at("access_token")}
	got := service.get(gateway+"/wiki/api/v2/pages/"+w.restart).want(t, 200)
	if got.header.Get("X-AAccountId") != w.reader.id || got.at("title") != "Restart payments" {
		t.Errorf("got %s as %s", got.text, got.header.Get("X-AAccountId"))
	}
	if got := service.get("/oauth/token/accessible-resources").want(t, 200); got.column("", "") != "" || !strings.Contains(got.text, w.CloudID()) || strings.Contains(got.text, "jira") {
		t.Errorf("got %s", got.text)
	}
	for target, status := range map[string]int{
		"/wiki/api/v2/pages/" + w.restart:                                          401, // not at the site itself
		gateway + "/wiki/api/v2/spaces":                                            401, // no scope
		gateway + "/rest/api/3/myself":                                             404, // the other product
		"/ex/jira/" + w.CloudID() + "/rest/api/3/issue/ENG-1":                      401,
		"/ex/confluence/" + newUUID() + "/wiki/api/v2/pages/" + w.restart:          404,
		gateway + "/wiki/api/v2/pages/" + w.restart + "/../../../rest/api/3/field": 404,
	} {
		raw := &client{t: t, handler: w.Site, bearer: service.bearer}
		if got := raw.get(target); got.status != status {
			t.Errorf("%s: got %d %s, want %d", target, got.status, got.text, status)
		}
	}
	w.clock.advance(time.Hour)
	if got := service.get(gateway+"/wiki/api/v2/pages/"+w.restart).want(t, 401); got.at("message") != "Unauthorized" {
		t.Errorf("with an old token: %s", got.text)
	}
	app.do("POST", "/oauth/token", strings.Replace(ask, "hush", "hash", 1)).want(t, 401)
	app.do("POST", "/oauth/token", strings.Replace(ask, `"service"`, `"app"`, 1)).want(t, 403)
	app.do("POST", "/oauth/token", strings.Replace(ask, "client_credentials", "password", 1)).want(t, 400)
}

func TestConsent(t *testing.T) {
	w := newWorld(t)
	app := w.app(w.reader.id)
	const scopes = "&scope=read%3Aissue-meta%3Ajira+offline_access"
	if got := app.consent(scopes); got.Get("error") != "access_denied" || got.Get("state") != "s" {
		t.Errorf("with nobody at the browser: %v", got)
	}
	w.SignIn(w.writer.id)
	if got := app.consent("&scope=delete%3Aissue%3Ajira"); got.Get("error") != "invalid_scope" {
		t.Errorf("beyond the application's scopes: %v", got)
	}
	app.get("/authorize?client_id=app&redirect_uri=http%3A%2F%2Fevil.example%2F").want(t, 400)

	sum := sha256.Sum256([]byte("verifier"))
	back := app.consent(scopes + "&code_challenge_method=S256&code_challenge=" + base64.RawURLEncoding.EncodeToString(sum[:]))
	redeem := func(code, verifier string) answer {
		return app.do("POST", "/oauth/token", `{"grant_type":"authorization_code","client_id":"app","client_secret":"hush","redirect_uri":"http://127.0.0.1:9/back","code":"`+code+`","code_verifier":"`+verifier+`"}`)
	}
	redeem(back.Get("code"), "another").want(t, 403)
	redeem(back.Get("code"), "verifier").want(t, 403) // a code is good for one use
	tokens := redeem(app.consent(scopes).Get("code"), "").want(t, 200)
	person := &client{t: t, handler: w.checked, bearer: tokens.at("access_token")}
	issue := "/ex/jira/" + w.CloudID() + "/rest/api/3/issue/ENG-1"
	got := person.get(issue).want(t, 200)
	if got.header.Get("X-AAccountId") != w.writer.id || !strings.HasPrefix(got.at("self"), "https://example.atlassian.net/ex/jira/"+w.CloudID()+"/rest/api/3/issue/") {
		t.Errorf("got %s as %s", got.at("self"), got.header.Get("X-AAccountId"))
	}
	w.Revoke("app", w.writer.id)
	person.get(issue).want(t, 401)
	w.renew(app, tokens.at("refresh_token")).want(t, 403)
}

func (w *world) renew(app *client, token string) answer {
	return app.do("POST", "/oauth/token", `{"grant_type":"refresh_token","client_id":"app","client_secret":"hush","refresh_token":"`+token+`"}`)
}

// TestRefreshTokensRotate uses each refresh token once. One that comes again ends all that came of the consent.
func TestRefreshTokensRotate(t *testing.T) {
	for leeway, again := range map[time.Duration]int{0: 403, time.Minute: 200} {
		w := newWorld(t)
		w.config.RefreshLeeway = leeway
		app := w.app(w.reader.id)
		w.SignIn(w.writer.id)
		code := app.consent("&scope=read%3Aissue-meta%3Ajira+offline_access").Get("code")
		first := app.do("POST", "/oauth/token", `{"grant_type":"authorization_code","client_id":"app","client_secret":"hush","redirect_uri":"http://127.0.0.1:9/back","code":"`+code+`"}`).want(t, 200).at("refresh_token")
		second := w.renew(app, first).want(t, 200)
		if second.at("refresh_token") == first || second.at("refresh_token") == "" {
			t.Errorf("the refresh token did not rotate: %s", second.text)
		}
		w.clock.advance(30 * time.Second)
		if got := w.renew(app, first); got.status != again {
			t.Errorf("the first again, with a leeway of %v: got %d, want %d", leeway, got.status, again)
		}
		if got := w.renew(app, second.at("refresh_token")); got.status != again {
			t.Errorf("the second, after the first came again: got %d, want %d", got.status, again)
		}
		w.clock.advance(time.Hour)
		w.renew(app, first).want(t, 403)
	}
}
