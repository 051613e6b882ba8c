// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// An endpoint gives out tokens in the test's own process, so that synctest rules
// its time. Refresh tokens are good once, and for reuse after that.
type endpoint struct {
	mu     sync.Mutex
	forms  []url.Values
	good   map[string]bool      // refresh tokens that are good
	used   map[string]time.Time // and that were used up, when
	reuse  time.Duration
	ttl    int // seconds
	slow   time.Duration
	answer func(n int, form url.Values) (status int, body string, err error) // in the place of all that
}

func (e *endpoint) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		return nil, errors.New("not a form")
	}
	if e.slow > 0 {
		time.Sleep(e.slow)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.forms = append(e.forms, form)
	status, text, err := e.say(form)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
}

func (e *endpoint) say(form url.Values) (int, string, error) {
	n := len(e.forms)
	if e.answer != nil {
		if status, body, err := e.answer(n, form); status != 0 || err != nil {
			return status, body, err
		}
	}
	if form.Get("client_id") != "app" || form.Get("client_secret") != "hush" {
		return 401, `{"error":"invalid_client"}`, nil
	}
	if form.Get("grant_type") == "client_credentials" {
		return 200, fmt.Sprintf(`{"access_token":"access-%d","expires_in":%d,"token_type":"Bearer"}`, n, e.ttl), nil
	}
	old := form.Get("refresh_token")
	if at, was := e.used[old]; !e.good[old] && !(was && time.Since(at) < e.reuse) {
		return 403, `{"error":"unauthorized_client","error_description":"refresh_token is invalid"}`, nil
	}
	delete(e.good, old)
	if _, was := e.used[old]; !was {
		e.used[old] = time.Now()
	}
	e.good[fmt.Sprintf("refresh-%d", n)] = true
	return 200, fmt.Sprintf(`{"access_token":"access-%d","refresh_token":"refresh-%d","expires_in":%d,"scope":"a b"}`, n, n, e.ttl), nil
}

func newEndpoint() *endpoint {
	return &endpoint{good: map[string]bool{}, used: map[string]time.Time{}, ttl: 3600, reuse: 10 * time.Minute}
}

func (e *endpoint) app() App {
	return App{ID: "app", Secret: func() (string, error) { return "hush", nil }, Transport: e}
}

func (e *endpoint) asked() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.forms)
}

func authCode(err error) string {
	if e := (*AuthError)(nil); errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func TestServiceAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint()
		e.slow = time.Second
		s := &ServiceAccount{App: e.app(), Account: "712020:bot"}
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if c, err := s.Credential(t.Context()); err != nil || c != Bearer("access-1").For("712020:bot") {
					t.Errorf("first: %v", err)
				}
			})
		}
		wg.Wait()
		if n := e.asked(); n != 1 {
			t.Fatalf("asked %d times, want once", n)
		}
		time.Sleep(59*time.Minute - 2*time.Second)
		if _, err := s.Credential(t.Context()); err != nil || e.asked() != 1 {
			t.Errorf("before the last minute: %v, asked %d times", err, e.asked())
		}
		time.Sleep(time.Second)
		if c, err := s.Credential(t.Context()); err != nil || c != Bearer("access-2").For("712020:bot") {
			t.Errorf("in the last minute: %v, asked %d times", err, e.asked())
		}
	})
}

// What the site refuses is renewed once; if that does not help, the reason is
// another, and nobody asks again for a while.
func TestServiceAccountRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint()
		s := &ServiceAccount{App: e.app()}
		site := &answers{list: []answer{{200, nil}, {401, nil}, {200, nil}, {401, nil}, {401, nil}}}
		c := client(t, "https://example.atlassian.net", func(c *Config) {
			c.Transport, c.Credential, c.Refused = site, s.Credential, s.Refused
		})
		do := func() error {
			_, err := c.Do(t.Context(), &Request{Method: "POST", Path: "/x"})
			return err
		}
		if err := do(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		if err := do(); err != nil || e.asked() != 2 || len(site.at) != 3 {
			t.Errorf("refused once: %v, asked %d times, %d requests", err, e.asked(), len(site.at))
		}
		if err := do(); Code(err) != Unauthorized || e.asked() != 2 || len(site.at) != 4 {
			t.Errorf("refused at once again: %v, asked %d times, %d requests", err, e.asked(), len(site.at))
		}
		time.Sleep(10 * time.Minute)
		if err := do(); Code(err) != Unauthorized || e.asked() != 3 || len(site.at) != 6 {
			t.Errorf("refused twice: %v, asked %d times, %d requests", err, e.asked(), len(site.at))
		}
	})
}

func TestServiceAccountInTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint()
		down := false
		e.answer = func(int, url.Values) (int, string, error) {
			if down {
				return 503, "busy", nil
			}
			return 0, "", nil
		}
		s := &ServiceAccount{App: e.app()}
		if _, err := s.Credential(t.Context()); err != nil {
			t.Fatal(err)
		}
		down = true
		time.Sleep(59*time.Minute + 30*time.Second)
		for range 10 {
			if c, err := s.Credential(t.Context()); err != nil || c != Bearer("access-1") {
				t.Errorf("while the token is good: %v", err)
			}
		}
		if e.asked() != 2 {
			t.Errorf("asked %d times, want once more", e.asked())
		}
		time.Sleep(time.Minute)
		if _, err := s.Credential(t.Context()); authCode(err) != AuthTrouble {
			t.Errorf("after its end: %v", err)
		}
	})
}

func TestTokenEndpointSaysNo(t *testing.T) {
	tests := []struct {
		name   string
		status int
		body   string
		err    error
		code   string
		sent   bool
	}{
		{"revoked", 403, `{"error":"invalid_grant","error_description":"Unknown or invalid refresh token."}`, nil, GrantEnded, true},
		{"revoked, as others say it", 403, `{"error":"unauthorized_client","error_description":"refresh_token is invalid"}`, nil, GrantEnded, true},
		{"wrong secret", 401, `{"error":"invalid_client"}`, nil, AppRefused, false},
		{"wrong app", 403, `{"error":"unauthorized_client"}`, nil, AppRefused, false},
		{"hostile words", 400, `{"error":"` + strings.Repeat("x", 500) + `\u0007"}`, nil, AppRefused, false},
		{"limited", 429, ``, nil, AuthTrouble, false},
		{"down", 502, `<html>`, nil, AuthTrouble, true},
		{"redirect", 302, ``, nil, AuthTrouble, true},
		{"no token", 200, `{"access_token":""}`, nil, AuthTrouble, true},
		{"a token of two lines", 200, `{"access_token":"a\r\nX: y"}`, nil, AuthTrouble, true},
		{"another kind of token", 200, `{"access_token":"a","token_type":"mac"}`, nil, AuthTrouble, true},
		{"not JSON", 200, `access_token=a`, nil, AuthTrouble, true},
		{"too long", 200, `{"access_token":"` + strings.Repeat("a", maxTokens) + `"}`, nil, AuthTrouble, true},
		{"no answer", 0, ``, io.ErrUnexpectedEOF, AuthTrouble, true},
	}
	for _, test := range tests {
		e := newEndpoint()
		e.answer = func(int, url.Values) (int, string, error) { return test.status, test.body, test.err }
		a := e.app()
		_, err := a.refresh(t.Context(), "refresh-hush")
		no := (*AuthError)(nil)
		if !errors.As(err, &no) || no.Code != test.code || no.sent != test.sent {
			t.Errorf("%s: got %v, want %s, sent %v", test.name, err, test.code, test.sent)
			continue
		}
		what, mend, two := strings.Cut(no.Error(), "\n")
		if !two || mend == "" || len(what) > 200 || strings.Contains(no.Error(), "hush") {
			t.Errorf("%s: says %q", test.name, no)
		}
	}
}

func TestTokenEndpointMustBeSafe(t *testing.T) {
	asked := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		_, _ = io.WriteString(w, `{"access_token":"a","expires_in":60}`)
	}))
	defer srv.Close()
	a := App{ID: "app", Secret: func() (string, error) { return "hush", nil }}
	for _, test := range []struct {
		url string
		ok  bool
	}{{srv.URL + "/oauth/token", true}, {"http://auth.example/oauth/token", false}, {"ftp://127.0.0.1/", false}, {"::", false}} {
		a.TokenURL = test.url
		if _, err := a.refresh(t.Context(), "r"); (err == nil) != test.ok {
			t.Errorf("%s: got %v", test.url, err)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	a.Secret = func() (string, error) { return "", context.DeadlineExceeded }
	if _, err := a.refresh(t.Context(), "r"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("no secret: got %v", err)
	}
}

func TestTokensStaySecret(t *testing.T) {
	tokens := Tokens{Access: "hush-access", Refresh: "hush-refresh"}
	grant := Grant{Access: "hush-access", Refresh: "hush-refresh"}
	shown := fmt.Sprintf("%v %+v %#v %s %v %+v %#v %v", tokens, tokens, tokens, tokens, grant, grant, grant, &grant)
	if strings.Contains(shown, "hush") {
		t.Errorf("a secret shows in %q", shown)
	}
	b, err := grant.Encode()
	if err != nil || !json.Valid(b) {
		t.Errorf("encode: %v", err)
	}
	if g, err := ParseGrant(b); err != nil || g.Refresh != grant.Refresh {
		t.Errorf("parse: %v", err)
	}
}

func FuzzParseGrant(f *testing.F) {
	f.Add([]byte(`{"refresh":"r","access":"a","expires":"2026-11-21T08:00:00Z","scopes":[],"account":"1","name":"n","given":"2026-11-21T08:00:00Z","refreshed":"2026-11-21T08:00:00Z"}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := ParseGrant(b)
		if err != nil {
			return
		}
		again, err := g.Encode()
		if err != nil {
			return // a name that is not Unicode cannot come from Clean
		}
		if h, err := ParseGrant(again); err != nil || h.Refresh != g.Refresh || !h.Expires.Equal(g.Expires) {
			t.Fatalf("%q read again: %v", again, err)
		}
	})
}

func FuzzRefusedBy(f *testing.F) {
	f.Add(403, []byte(`{"error":"invalid_grant"}`))
	f.Add(500, []byte(`<html>`))
	f.Fuzz(func(t *testing.T, status int, b []byte) {
		if e := refusedBy("app", status, b); e.Code == "" || strings.Count(e.Error(), "\n") != 1 || len([]rune(e.Msg)) > 300 {
			t.Fatalf("%+v", e)
		}
	})
}
