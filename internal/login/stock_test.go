// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"bufio"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/npmtest"
)

var stockDir = filepath.Join("..", "..", "test", "oidc")

// stock starts a provider that others made, and returns its issuer. Where there is no
// Node, or what it needs is out of reach, the test is skipped, except when CI=true is
// set, where that is a failure.
func stock(t *testing.T) string {
	t.Helper()
	node := npmtest.Install(t, stockDir)
	provider := exec.CommandContext(t.Context(), node, "provider.mjs")
	provider.Dir, provider.Stderr = stockDir, os.Stderr
	in, err1 := provider.StdinPipe()
	out, err2 := provider.StdoutPipe()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if err := provider.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = provider.Wait() // it may have been killed with the test
	})
	if _, err := io.WriteString(in, houseURL+"/login/callback/\n"); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the provider says %q: %v", line, err)
	}
	return strings.TrimSpace(line)
}

var formAction = regexp.MustCompile(`action="([^"]+)"`)

// visit does what a person does at the provider's pages, from the address that the
// house sends them to until they are sent back.
func visit(t *testing.T, jar http.CookieJar, to, sub string) string {
	t.Helper()
	client := &http.Client{Jar: jar, Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get(to)
	for range 20 {
		if err != nil {
			t.Fatal(err)
		}
		page, err2 := io.ReadAll(io.LimitReader(res.Body, 1<<20))
		if err := res.Body.Close(); err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		if next, locErr := res.Location(); locErr == nil {
			if strings.HasPrefix(next.String(), houseURL) {
				return next.RequestURI()
			}
			res, err = client.Get(next.String())
			continue
		}
		action := formAction.FindSubmatch(page)
		if action == nil {
			t.Fatalf("%d at %s: %s", res.StatusCode, res.Request.URL, page)
		}
		prompt := "consent"
		if strings.Contains(string(page), `value="login"`) {
			prompt = "login"
		}
		at, parseErr := res.Request.URL.Parse(string(action[1]))
		if parseErr != nil {
			t.Fatal(parseErr)
		}
		res, err = client.PostForm(at.String(), url.Values{"prompt": {prompt}, "login": {sub}, "password": {"x"}})
	}
	t.Fatal("the provider does not send the person back")
	return ""
}

// A provider that others made, and that knows nothing of Clawea, logs people in.
func TestStockProvider(t *testing.T) {
	issuer := stock(t)
	for _, alg := range []string{"RS256", "ES256", "PS256", "EdDSA"} {
		t.Run(alg, func(t *testing.T) {
			name := strings.ToLower(alg)
			h := newHouse(t, func(c *Config) {
				c.Now = time.Now
				c.Providers = []Provider{{
					Name: name, Title: alg, Issuer: issuer, ClientID: "house-" + alg, Secret: func() (string, error) { return "hush-hush-hush-hush-hush-hush-hush", nil },
					NameClaim: "preferred_username", RolesClaim: "roles", GroupsClaim: "groups", MaxAge: 5 * time.Minute, Roles: map[Role][]string{Approver: {"r-approver"}},
				}}
			})
			jar, err := cookiejar.New(nil)
			if err != nil {
				t.Fatal(err)
			}
			b := h.browser(t)
			b.site = "cross-site"
			back := visit(t, jar, b.begin("/login/"+name+"?back=/jobs"), "kim")
			if !strings.Contains(back, "iss=") {
				t.Errorf("the provider does not name itself in %s", back)
			}
			if res := b.do(http.MethodGet, back, nil); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/jobs" {
				t.Fatalf("%d\n%s", res.StatusCode, h.log)
			}
			who := b.mustBe("kim@house.test")
			if who.ID != issuer+" kim" || who.Name != "Person kim" || !slices.Equal(who.Roles, []Role{Approver}) {
				t.Errorf("got %+v", who)
			}
			res := b.do(http.MethodGet, back, nil)
			h.refused(t, res, ErrTry)
			back = visit(t, jar, b.begin("/login/"+name+"?again=1"), "kim")
			if res := b.do(http.MethodGet, back, nil); res.StatusCode != http.StatusSeeOther {
				t.Fatalf("step-up: %d\n%s", res.StatusCode, h.log)
			}
			if who := b.mustBe("kim@house.test"); !h.SteppedUp(who) || time.Since(who.AuthTime) > time.Minute {
				t.Errorf("stepped up: %+v", who)
			}
			other, err := cookiejar.New(nil)
			if err != nil {
				t.Fatal(err)
			}
			back = visit(t, other, b.begin("/login/"+name+"?again=1"), "lee")
			h.refused(t, b.do(http.MethodGet, back, nil), ErrOther)
			denied := b.begin("/login/" + name)
			u, err := url.Parse(denied)
			if err != nil {
				t.Fatal(err)
			}
			q := u.Query() // a provider's error comes back as one
			q.Set("prompt", "none")
			u.RawQuery = q.Encode()
			nobody, err := cookiejar.New(nil)
			if err != nil {
				t.Fatal(err)
			}
			h.refused(t, b.do(http.MethodGet, visit(t, nobody, u.String(), "kim"), nil), ErrDenied)
		})
	}
}
