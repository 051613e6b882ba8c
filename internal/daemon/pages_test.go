// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/login"
)

// framed fails the test unless body is a page of the console's that says what is wrong
// and what mends it.
func framed(t *testing.T, what string, header http.Header, body, wrong, mends string) {
	t.Helper()
	for _, want := range []string{"<!doctype html>", `<main id="main"`, "<h1>" + html.EscapeString(wrong) + "</h1>", html.EscapeString(mends)} {
		if !strings.Contains(body, want) {
			t.Errorf("%s: no %q in\n%s", what, want, body)
		}
	}
	if kind := header.Get("Content-Type"); kind != "text/html; charset=utf-8" || header.Get("Cache-Control") != "no-store" || header.Get("Content-Security-Policy") == "" {
		t.Errorf("%s: %s, %v", what, kind, header)
	}
}

// A browser is one that goes to pages.
type browser struct {
	t      *testing.T
	origin string
	client *http.Client
}

func (h *house) browser() *browser {
	h.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	client := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &browser{h.t, h.login.Origin(), client}
}

// goes navigates, by a link or by a form.
func (v *browser) goes(method, path, site string, form url.Values) (*http.Response, string) {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), method, v.origin+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	req.Header.Set("Sec-Fetch-Mode", "navigate")
	req.Header.Set("Sec-Fetch-Site", site)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := v.client.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return res, string(b)
}

// refusals are all that login refuses people for.
var refusals = map[string]*login.Refusal{
	"ErrNoSession": login.ErrNoSession, "ErrNoRole": login.ErrNoRole, "ErrCross": login.ErrCross, "ErrTry": login.ErrTry, "ErrNobody": login.ErrNobody,
	"ErrProvider": login.ErrProvider, "ErrDenied": login.ErrDenied, "ErrIdentity": login.ErrIdentity, "ErrOverage": login.ErrOverage, "ErrName": login.ErrName,
	"ErrTaken": login.ErrTaken, "ErrOther": login.ErrOther, "ErrWeak": login.ErrWeak, "ErrStale": login.ErrStale, "ErrLink": login.ErrLink, "ErrNotLocal": login.ErrNotLocal,
	"ErrNoSite": login.ErrNoSite, "ErrNoPasskey": login.ErrNoPasskey, "ErrPasskey": login.ErrPasskey, "ErrKind": login.ErrKind, "ErrKnown": login.ErrKnown,
	"ErrMany": login.ErrMany, "ErrOften": login.ErrOften, "ErrLast": login.ErrLast, "ErrNotYours": login.ErrNotYours, "ErrNotAdmin": login.ErrNotAdmin, "ErrNoPerson": login.ErrNoPerson,
	"ErrBody": login.ErrBody, "ErrTrouble": login.ErrTrouble,
}

// Each refusal is a page in the console's frame.
func TestRefusalsArePages(t *testing.T) {
	h := newWorld(t, "sqlite:"+filepath.Join(t.TempDir(), "house.db")).start()
	source, err := os.ReadFile("../login/refusal.go")
	if err != nil {
		t.Fatal(err)
	}
	all := regexp.MustCompile(`(?m)^\t(Err\w+)\s+= &Refusal`).FindAllStringSubmatch(string(source), -1)
	if len(all) != len(refusals) {
		t.Errorf("login has %d refusals, and the test %d", len(all), len(refusals))
	}
	for _, m := range all {
		e := refusals[m[1]]
		if e == nil {
			t.Errorf("%s is not looked at", m[1])
			continue
		}
		w := httptest.NewRecorder()
		h.login.Refuse(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/login/x", nil), e)
		if w.Code != e.Status {
			t.Errorf("%s: status %d", m[1], w.Code)
		}
		framed(t, m[1], w.Header(), w.Body.String(), e.Msg, e.Hint)
	}
}

// Wherever a person's browser is led astray, a page says so.
func TestNavigations(t *testing.T) {
	h := newWorld(t, "sqlite:"+filepath.Join(t.TempDir(), "house.db")).start()
	v := h.browser()
	unused := "/login/link/" + strings.Repeat("A", 43)
	for _, x := range []struct {
		method, path, site string
		want               *login.Refusal
	}{
		{"GET", "/login/nobody", "none", login.ErrNobody},
		{"GET", "/login/nobody?again=1&back=/approvals/1", "same-origin", login.ErrNobody},
		{"GET", "/login/callback/nobody?code=c&state=s", "cross-site", login.ErrNobody},
		{"GET", "/login/link/x", "none", login.ErrLink},
		{"GET", unused, "none", login.ErrLink},
		{"GET", "/passkeys", "none", login.ErrNoSession},
		{"POST", "/passkeys/k/revoke", "same-origin", login.ErrNoSession},
		{"POST", "/people/end", "same-origin", login.ErrNoSession},
	} {
		res, body := v.goes(x.method, x.path, x.site, nil)
		if res.StatusCode != x.want.Status {
			t.Errorf("%s %s: %d", x.method, x.path, res.StatusCode)
		}
		framed(t, x.path, res.Header, body, x.want.Msg, x.want.Hint)
	}
	for _, path := range []string{"/nothing", "/logout", "/approvals/1", "/account", "/settings/people", "/people/end"} {
		if res, _ := v.goes("GET", path, "none", nil); res.StatusCode != http.StatusSeeOther || !strings.HasPrefix(res.Header.Get("Location"), "/login?back=") {
			t.Errorf("%s: %d to %q", path, res.StatusCode, res.Header.Get("Location"))
		}
	}
	link, err := h.login.Link(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if res, _ := v.goes("GET", strings.TrimPrefix(link, v.origin), "none", nil); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/account" {
		t.Fatalf("the link: %d", res.StatusCode)
	}
	res, body := v.goes("POST", "/logout", "cross-site", nil)
	if framed(t, "another site's form", res.Header, body, login.ErrCross.Msg, login.ErrCross.Hint); !strings.Contains(body, "Sign out") || res.StatusCode != http.StatusForbidden {
		t.Errorf("who is logged in is not told so: %d\n%s", res.StatusCode, body)
	}
	res, body = v.goes("GET", "/nothing", "none", nil)
	framed(t, "nothing, without a role", res.Header, body, "You have no role in this house", "An admin gives roles")
	if res, body := v.goes("GET", "/account", "same-origin", nil); res.StatusCode != 200 || !strings.Contains(body, "One thing is missing") {
		t.Errorf("the page at which a role begins: %d", res.StatusCode)
	}
	bare, err := http.Get(h.url + "/nothing")
	if err != nil {
		t.Fatal(err)
	}
	bare.Body.Close()
	if bare.StatusCode != http.StatusNotFound || bare.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("a program is told: %d %s", bare.StatusCode, bare.Header.Get("Content-Type"))
	}
}

// The console knows of who looks whether they have shown of late that it is them, and
// how they do.
func TestLobby(t *testing.T) {
	h := newWorld(t, "sqlite:"+filepath.Join(t.TempDir(), "house.db")).start()
	link, err := h.login.Link(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	_, value, _ := strings.Cut(link, "/link/")
	if _, err := h.login.UseLink(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), value); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	for _, c := range w.Result().Cookies() {
		r.AddCookie(c)
	}
	l := lobby{h.login}
	p, err := l.Person(r)
	if err != nil || p == nil || p.Key != "admin@local" || p.StepUp.Done || p.StepUp.Provider != nil || !p.StepUp.Passkey {
		t.Errorf("%+v, %v", p, err)
	}
	if list, err := l.accounts(t.Context(), "", 10); err != nil || len(list) != 1 || list[0].Key != "admin@local" || list[0].Sessions != 1 || len(list[0].Roles) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}
