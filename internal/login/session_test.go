// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/seal"
)

// refused is a token endpoint's error, with an answer that must not be told.
func refused(code string) error {
	return &oauth2.RetrieveError{Response: &http.Response{StatusCode: 400}, Body: []byte("SECRET"), ErrorCode: code}
}

func TestSessionEnds(t *testing.T) {
	p := newIDP(t, jose.ES256)
	h := houseOf(t, p, nil)
	b := h.browser(t)
	b.mustLogin(p, "kim")
	for range 3 { // in use, it lasts
		h.clock.move(29 * time.Minute)
		b.mustBe("kim@house.test")
	}
	h.clock.move(30 * time.Minute)
	if _, _, err := b.who(); !errors.Is(err, ErrNoSession) {
		t.Errorf("an idle session: %v", err)
	}
	b.mustLogin(p, "kim")
	for range 24 {
		h.clock.move(29*time.Minute + 59*time.Second)
		b.mustBe("kim@house.test")
	}
	h.clock.move(time.Minute)
	if _, _, err := b.who(); !errors.Is(err, ErrNoSession) {
		t.Errorf("a session beyond its longest: %v", err)
	}
	if err := h.Tidy(t.Context()); err != nil {
		t.Error(err)
	}
	raw, err := h.carried(request(b))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.db.Session(t.Context(), seal.Sum(raw)); err == nil {
		t.Error("a session that is over is still there")
	}
}

// request is one of b's, for what reads cookies.
func request(b *browser) *http.Request {
	r := httptest.NewRequestWithContext(b.t.Context(), http.MethodGet, b.h.Origin()+"/", nil)
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return r
}

// A secret that a browser had before the login is worth nothing after it: neither one
// that was planted, nor that of the session before.
func TestFixation(t *testing.T) {
	p := newIDP(t, jose.ES256)
	h := houseOf(t, p, nil)
	b := h.browser(t)
	planted := secret()
	b.cookies["__Host-clawea"] = planted
	b.mustLogin(p, "kim")
	if b.cookies["__Host-clawea"] == planted {
		t.Fatal("the planted secret was kept")
	}
	thief := h.browser(t)
	thief.cookies["__Host-clawea"] = planted
	if _, _, err := thief.who(); !errors.Is(err, ErrNoSession) {
		t.Errorf("the planted secret: %v", err)
	}
	thief.cookies["__Host-clawea"] = b.cookies["__Host-clawea"]
	thief.mustBe("kim@house.test") // stolen
	b.mustLogin(p, "kim")
	if _, _, err := thief.who(); !errors.Is(err, ErrNoSession) {
		t.Errorf("after the next login, the stolen secret: %v", err)
	}
}

// Of two that rotate one session, one has it then.
func TestRotate(t *testing.T) {
	p := newIDP(t, jose.ES256)
	h := houseOf(t, p, nil)
	b := h.browser(t)
	b.mustLogin(p, "kim")
	_, token, err := b.who()
	if err != nil {
		t.Fatal(err)
	}
	mine, theirs := b.mustBe("kim@house.test"), b.mustBe("kim@house.test")
	w := httptest.NewRecorder()
	if err := h.Rotate(w, request(b), mine); err != nil {
		t.Fatal(err)
	}
	if err := h.Rotate(httptest.NewRecorder(), request(b), theirs); !errors.Is(err, ErrNoSession) {
		t.Errorf("the second: %v", err)
	}
	if _, _, err := b.who(); !errors.Is(err, ErrNoSession) {
		t.Errorf("the former secret: %v", err)
	}
	b.cookies["__Host-clawea"] = w.Result().Cookies()[0].Value
	if _, again, err := b.who(); err != nil || again == token {
		t.Errorf("the new secret has the old forms' token, %v", err)
	}
	h.clock.move(time.Minute)
	if err := h.Rotate(httptest.NewRecorder(), request(b), b.mustBe("kim@house.test")); err != nil {
		t.Error(err)
	}
}

func TestCookies(t *testing.T) {
	p := newIDP(t, jose.ES256)
	h := houseOf(t, p, nil)
	b := h.browser(t)
	b.mustLogin(p, "kim")
	good := b.cookies["__Host-clawea"]
	for _, bad := range []string{"", "x", good + "A", good[:len(good)-1], secret()} {
		b.cookies["__Host-clawea"] = bad
		if _, _, err := b.who(); !errors.Is(err, ErrNoSession) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	b.cookies["__Host-clawea"] = good
	r := request(b)
	r.AddCookie(&http.Cookie{Name: "__Host-clawea", Value: secret()})
	if _, _, err := h.Session(r); !errors.Is(err, ErrNoSession) {
		t.Errorf("two: %v", err)
	}
	delete(b.cookies, "__Host-clawea")
	b.cookies["clawea"] = good // which a host without TLS can set
	if _, _, err := b.who(); !errors.Is(err, ErrNoSession) {
		t.Errorf("without the prefix: %v", err)
	}
}

// Nothing is changed by another site's page, nor by one that has no token.
func TestCSRF(t *testing.T) {
	p := newIDP(t, jose.ES256)
	h := houseOf(t, p, nil)
	b, other := h.browser(t), h.browser(t)
	b.mustLogin(p, "kim")
	other.mustLogin(p, "lee")
	_, token, err1 := b.who()
	_, others, err2 := other.who()
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	try := func(site, origin, token string) *http.Response {
		b.site = site
		return b.do(http.MethodPost, "/logout", url.Values{CSRFField: {token}}, "Origin", origin)
	}
	h.refused(t, try("cross-site", "https://evil.example", token), ErrCross)
	h.refused(t, try("same-site", "https://evil.house.test", token), ErrCross)
	h.refused(t, try("", "https://evil.example", token), ErrCross)
	h.refused(t, try("", "null", token), ErrCross)
	h.refused(t, try("same-origin", houseURL, ""), ErrCross)
	h.refused(t, try("same-origin", houseURL, others), ErrCross)
	h.refused(t, try("same-origin", houseURL, token[:len(token)-1]), ErrCross)
	b.site = "same-origin"
	h.refused(t, b.do(http.MethodPost, "/passkeys/begin", nil), ErrCross)
	h.refused(t, b.do(http.MethodPost, "/passkeys/x/revoke", nil), ErrCross)
	b.mustBe("kim@house.test")
	stolen := b.cookies["__Host-clawea"]
	if res := try("same-origin", houseURL, token); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/login" {
		t.Errorf("logging out: %d", res.StatusCode)
	}
	b.cookies["__Host-clawea"] = stolen
	if _, _, err := b.who(); !errors.Is(err, ErrNoSession) {
		t.Errorf("after logging out: %v", err)
	}
	if err := h.Checked(httptest.NewRequestWithContext(t.Context(), http.MethodPost, houseURL+"/x", nil), ""); !errors.Is(err, ErrCross) {
		t.Errorf("no token at all: %v", err)
	}
}

// What is sent for nothing is not read to its end, and nothing of it is put on the disk.
func TestBodiesAreBounded(t *testing.T) {
	p := newIDP(t, jose.ES256)
	h := houseOf(t, p, nil)
	b := h.browser(t)
	b.mustLogin(p, "kim")
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	for path, kind := range map[string]string{
		"/passkeys/begin": "multipart/form-data; boundary=x", "/passkeys/finish": "application/json", "/login/passkey/finish": "application/x-www-form-urlencoded",
		"/passkeys/x/revoke": "multipart/form-data; boundary=x", "/people/end": "application/x-www-form-urlencoded",
	} {
		body := &metered{Reader: io.MultiReader(strings.NewReader("--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n"), zeros{})}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, houseURL+path, body)
		r.Header.Set("Content-Type", kind)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		for name, value := range b.cookies {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		w := httptest.NewRecorder()
		h.mux.ServeHTTP(w, r)
		h.refused(t, w.Result(), ErrCross)
		if files, err := os.ReadDir(dir); body.n > 2*maxBody || len(files) > 0 || err != nil {
			t.Errorf("%s: %d bytes read, %v on the disk, %v", path, body.n, files, err)
		}
	}
	_, token, err := b.who()
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, houseURL+"/logout", strings.NewReader("--x\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n"+token+"\r\n--x--\r\n"))
	r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	if err := h.Checked(r, token); !errors.Is(err, ErrCross) {
		t.Errorf("a token in a part of several: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// metered counts what is read.
type metered struct {
	io.Reader
	n int
}

func (c *metered) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n += n
	return n, err
}

// Of one person's sessions the oldest end where others begin.
func TestSessionsOfOne(t *testing.T) {
	p := newIDP(t, jose.ES256)
	h := houseOf(t, p, nil)
	list := make([]*browser, store.MaxSessions+1)
	for i := range list {
		list[i] = h.browser(t)
		list[i].mustLogin(p, "kim")
		h.clock.move(time.Second)
	}
	for i, b := range list {
		if _, _, err := b.who(); errors.Is(err, ErrNoSession) != (i == 0) {
			t.Errorf("session %d: %v", i, err)
		}
	}
}

// Whoever a provider vouched for is out once the configuration has it no more.
func TestProviderIsGone(t *testing.T) {
	p, q := newIDP(t, jose.ES256), newIDP(t, jose.ES256)
	h := houseOf(t, p, nil)
	b := h.browser(t)
	b.mustLogin(p, "kim")
	c := h.Config
	c.Providers = []Provider{q.config("idp")}
	later, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := later.Session(request(b)); !errors.Is(err, ErrNoSession) {
		t.Errorf("got %v", err)
	}
}

// On this machine the house is localhost, without TLS.
func TestLocalhost(t *testing.T) {
	p := newIDP(t, jose.ES256)
	h := houseOf(t, p, func(c *Config) { c.URL, c.Local = "http://127.0.0.1:7433", true })
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:7433/login/idp?back=/jobs", nil)
	w := httptest.NewRecorder()
	h.mux.ServeHTTP(w, r)
	if to := w.Result().Header.Get("Location"); to != "http://localhost:7433/login/idp?back=/jobs" || len(w.Result().Cookies()) > 0 {
		t.Errorf("sent to %q", to)
	}
	b := h.browser(t)
	b.mustLogin(p, "kim")
	if len(b.cookies) != 1 || b.cookies["clawea"] == "" {
		t.Errorf("cookies %v", b.cookies)
	}
	admin := h.browser(t)
	admin.link()
	d := newDevice(t, "localhost", seal.ES256)
	d.Origin = h.Origin()
	if res := admin.register(d, seal.ES256); res.StatusCode != http.StatusOK {
		t.Errorf("register: %d\n%s", res.StatusCode, h.log)
	}
	if res := h.browser(t).assert(d); res.StatusCode != http.StatusOK {
		t.Errorf("log in: %d\n%s", res.StatusCode, h.log)
	}
	d.Origin = "http://localhost:3000" // what else serves pages on this machine
	h.refused(t, h.browser(t).assert(d), ErrPasskey)
}

func TestNewRefuses(t *testing.T) {
	p := newIDP(t, jose.ES256)
	good := houseOf(t, p, nil).Config
	for name, change := range map[string]func(*Config){
		"a house in clear": func(c *Config) { c.URL = "http://house.test" },
		"no URL":           func(c *Config) { c.URL = "" },
		"a short key":      func(c *Config) { c.Key = make([]byte, 31) },
	} {
		c := good
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for u, want := range map[string][2]string{
		"https://house.test":     {"https://house.test", "house.test"},
		"https://house.test:444": {"https://house.test:444", "house.test"},
		"http://127.0.0.1:7433":  {"http://localhost:7433", "localhost"},
		"http://[::1]:7433":      {"http://localhost:7433", "localhost"},
		"http://localhost:7433":  {"http://localhost:7433", "localhost"},
		"https://192.0.2.7":      {"https://192.0.2.7", ""},
	} {
		c := good
		c.URL = u
		d, err := New(c)
		if err != nil || d.Origin() != want[0] || d.Site() != want[1] {
			t.Errorf("%s: %v; %s, %s", u, err, d.Origin(), d.Site())
		}
	}
}

func FuzzBack(f *testing.F) {
	for _, s := range []string{"/", "/jobs?x=1", "//evil", "/\\evil", "https://evil", "/%2f"} {
		f.Add(s)
	}
	home, err := url.Parse(houseURL + "/login/callback/idp")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := home.Parse(ours(s))
		if err != nil || u.Scheme != "https" || u.Host != "house.test" || u.User != nil {
			t.Errorf("%q leads to %v, %v", s, u, err)
		}
	})
}
