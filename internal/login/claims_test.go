// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/seal"
)

// The name of a person's keys is given once, and is theirs alone.
func TestNames(t *testing.T) {
	p := newIDP(t, jose.ES256)
	h := houseOf(t, p, func(c *Config) {
		c.Providers[0].Names = map[string]string{"b1": "bob", "x1": "kim.2@house.test"}
		c.Reserved = func(name string) bool { return name == "bob" }
	})
	name := func(s string) func(map[string]any) {
		return func(c map[string]any) { c["preferred_username"] = s }
	}
	log := func(sub, claim string) (*Person, *http.Response, *browser) {
		t.Helper()
		b := h.browser(t)
		p.claim = name(claim)
		res := b.login(p, sub)
		who, _, _ := b.who()
		return who, res, b
	}
	if who, _, _ := log("u1", "Kim Müller+x@House.test"); who == nil || who.Key != "kim-m-ller-x@house.test" {
		t.Errorf("cleaned: %+v\n%s", who, h.log)
	}
	if who, _, _ := log("u1", "renamed@house.test"); who == nil || who.Key != "kim-m-ller-x@house.test" {
		t.Errorf("renamed: %+v", who)
	}
	_, res, _ := log("u2", "kim m+ller x@house.test")
	h.refused(t, res, ErrTaken) // becomes what another has
	if who, _, _ := log("u3", "renamed@house.test"); who == nil || who.Key != "renamed@house.test" {
		t.Errorf("a name that the first one never had: %+v", who)
	}
	_, res, _ = log("u4", "BOB")
	h.refused(t, res, ErrTaken) // a key file's name
	_, res, _ = log("u5", "kim.2@house.test")
	h.refused(t, res, ErrTaken) // "names" gives it to another, who has never been here
	if who, _, _ := log("b1", "whatever"); who == nil || who.Key != "bob" {
		t.Errorf("given in the configuration: %+v", who)
	}
	if who, _, _ := log("x1", "kim@house.test"); who == nil || who.Key != "kim.2@house.test" {
		t.Errorf("given in the configuration: %+v", who)
	}
	// A name that becomes reserved later is not kept by whoever took it before.
	h.Reserved = func(name string) bool { return name == "renamed@house.test" }
	_, res, _ = log("u3", "renamed@house.test")
	h.refused(t, res, ErrTaken)
}

// Who has enrolled a passkey that the configuration lists is who is meant by its name,
// and nobody else is.
func TestListedPasskey(t *testing.T) {
	p := newIDP(t, jose.ES256)
	var public string
	h := houseOf(t, p, func(c *Config) {
		c.Listed = func(name string) []string { return []string{public} }
	})
	p.claim = func(c map[string]any) { c["preferred_username"], c["roles"] = "kim@house.test", []string{"r-admin"} }
	kim := h.browser(t)
	who := kim.mustLogin(p, "kim")
	kim.register(newDevice(t, h.site, seal.ES256), seal.ES256)
	list, err := h.Passkeys(t.Context(), who.ID)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	h.Reserved = func(name string) bool { return name == "kim@house.test" }
	h.refused(t, h.browser(t).login(p, "kim"), ErrTaken) // not listed yet
	public = list[0].Public
	if v, err := seal.NewVerifier(public); err != nil || seal.KeyID(v) != list[0].Key {
		t.Errorf("the public text is %q: %v", public, err)
	}
	if again := h.browser(t).mustLogin(p, "kim"); again.ID != who.ID {
		t.Errorf("kim is %+v", again)
	}
	h.refused(t, h.browser(t).login(p, "eve"), ErrTaken)
}

func TestEmailAsName(t *testing.T) {
	p := newIDP(t, jose.ES256)
	h := houseOf(t, p, func(c *Config) { c.Providers[0].NameClaim = "email" })
	for _, verified := range []any{nil, false, "true"} {
		p.claim = func(c map[string]any) { c["email"], c["email_verified"] = "kim@house.test", verified }
		h.refused(t, h.browser(t).login(p, "kim"), ErrName)
	}
	p.claim = func(c map[string]any) { c["email"], c["email_verified"] = "kim@house.test", true }
	h.browser(t).mustLogin(p, "kim")
}

// Entra ID's people are of one tenant, and known by their object ids.
func TestEntra(t *testing.T) {
	const tid = "3c0e5f1a-5b6c-4d7e-8f90-0a1b2c3d4e5f"
	p := newIDP(t, jose.ES256)
	h := houseOf(t, p, func(c *Config) { c.Providers[0].Tenant, c.Providers[0].ACR = tid, []string{"c1"} })
	entra := func(tid, oid string, more map[string]any) func(map[string]any) {
		return func(c map[string]any) {
			c["tid"], c["oid"], c["sub"] = tid, oid, secret() // pairwise
			for k, v := range more {
				c[k] = v
			}
		}
	}
	b := h.browser(t)
	p.claim = entra(tid, "0b1", map[string]any{"roles": []string{"r-admin"}, "acrs": []string{"c9", "c1"}})
	one, two := b.mustLogin(p, "kim"), b.mustLogin(p, "kim")
	if one.ID != p.URL+" 0b1" || two.ID != one.ID || !one.Has(Admin) || one.ACR != "c1" {
		t.Errorf("got %+v and %+v", one, two)
	}
	for name, x := range map[string]struct {
		claim func(map[string]any)
		want  *Refusal
	}{
		"another tenant": {entra("4c0e5f1a-5b6c-4d7e-8f90-0a1b2c3d4e5f", "0b1", nil), ErrIdentity},
		"no tenant":      {entra("", "0b1", nil), ErrIdentity},
		"no object":      {entra(tid, "", nil), ErrIdentity},
	} {
		t.Run(name, func(t *testing.T) {
			p.claim = x.claim
			h.refused(t, h.browser(t).login(p, "kim"), x.want)
		})
	}
	p.claim = entra(tid, "0b1", map[string]any{"acrs": []string{"c1"}})
	answer := p.authorize(b.begin("/login/idp?again=1"), "kim")
	if got := p.last.Get("claims"); got != `{"id_token":{"acrs":{"essential":true,"values":["c1"]}}}` || p.last.Has("acr_values") || p.last.Get("max_age") != "300" {
		t.Errorf("asked for %v", p.last)
	}
	if res := b.do(http.MethodGet, "/login/callback/idp?"+answer.Encode(), nil); res.StatusCode != http.StatusSeeOther {
		t.Errorf("%d\n%s", res.StatusCode, h.log)
	}
}

// Who only has app roles mapped may be in however many groups.
func TestOverageThatDoesNotMatter(t *testing.T) {
	p := newIDP(t, jose.ES256)
	h := houseOf(t, p, func(c *Config) { c.Providers[0].Groups = nil })
	p.claim = overage("groups")
	h.browser(t).mustLogin(p, "kim")
}

func TestStepUp(t *testing.T) {
	p := newIDP(t, jose.ES256)
	h := houseOf(t, p, func(c *Config) { c.Providers[0].ACR = []string{"gold", "silver"} })
	b := h.browser(t)
	p.claim = func(c map[string]any) { c["acr"], c["roles"] = "bronze", "r-approver" }
	if who := b.mustLogin(p, "kim"); h.SteppedUp(who) || !who.Has(Approver) {
		t.Errorf("without a step-up: %+v", who)
	}
	h.refused(t, h.browser(t).do(http.MethodGet, "/login/idp?again=1", nil), ErrNoSession)
	again := func(sub string, claim func(map[string]any)) *http.Response {
		t.Helper()
		p.claim = claim
		answer := p.authorize(b.begin("/login/idp?again=1&back=/approvals/1"), sub)
		if p.last.Get("acr_values") != "gold silver" || p.last.Get("max_age") != "300" {
			t.Errorf("asked for %v", p.last)
		}
		return b.do(http.MethodGet, "/login/callback/idp?"+answer.Encode(), nil)
	}
	before := b.cookies["__Host-clawea"]
	h.refused(t, again("kim", func(c map[string]any) { c["acr"] = "bronze" }), ErrWeak)
	h.refused(t, again("kim", func(c map[string]any) { delete(c, "acr") }), ErrWeak)
	h.refused(t, again("kim", func(c map[string]any) { c["acr"] = "gold"; delete(c, "auth_time") }), ErrWeak)
	h.refused(t, again("kim", func(c map[string]any) { c["acr"] = "gold"; c["auth_time"] = h.clock.Now().Add(-6 * time.Minute).Unix() }), ErrWeak)
	h.refused(t, again("lee", func(c map[string]any) { c["acr"] = "gold" }), ErrOther)
	if b.mustBe("kim@house.test"); b.cookies["__Host-clawea"] != before {
		t.Error("a step-up that failed changed the session")
	}
	if res := again("kim", func(c map[string]any) { c["acr"] = "gold" }); res.Header.Get("Location") != "/approvals/1" {
		t.Fatalf("%d to %q\n%s", res.StatusCode, res.Header.Get("Location"), h.log)
	}
	if who := b.mustBe("kim@house.test"); !h.SteppedUp(who) || b.cookies["__Host-clawea"] == before || who.Has(Approver) {
		t.Errorf("after a step-up, by somebody who has lost their role: %+v", who)
	}
	h.clock.move(5*time.Minute + time.Second)
	if h.SteppedUp(b.mustBe("kim@house.test")) {
		t.Error("a step-up holds on")
	}
}

// Claims inside of others, and as one text.
func TestClaims(t *testing.T) {
	var c claims
	if err := json.Unmarshal([]byte(`{"realm_access": {"roles": ["a", "b"]}, "a/b~": {"c": "one"}, "https://x/roles": ["ns"], "n": 1, "mixed": ["a", 1], "o": {}}`), &c); err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string][]string{
		"/realm_access/roles": {"a", "b"}, "/a~1b~0/c": {"one"}, "https://x/roles": {"ns"},
		"n": nil, "mixed": nil, "o": nil, "/o/x/y": nil, "/n/x": nil, "missing": nil, "/": nil, "": nil,
	} {
		if got := c.list(at); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", at, got, want)
		}
	}
}

func FuzzClaims(f *testing.F) {
	f.Add([]byte(`{"realm_access": {"roles": ["a", "b"]}}`), "/realm_access/roles")
	f.Add([]byte(`{"groups": "a", "_claim_names": {"groups": "s"}}`), "groups")
	f.Add([]byte(`{"a": [1, "x"], "auth_time": 1e400}`), "/a~1b/~0")
	f.Fuzz(func(t *testing.T, b []byte, at string) {
		c := claims{}
		if seal.Glance(b, &c) != nil {
			return
		}
		c.elsewhere(at)
		c.time(at)
		if s := c.text(at); s != "" && !slices.Contains(c.list(at), s) {
			t.Errorf("%q is not in %q", s, c.list(at))
		}
		if key := clean(c.text(at)); key != "" {
			if _, _, err := seal.GenerateKey(rand.Reader, key); err != nil || len(key) > 128 {
				t.Errorf("%q is no key's name: %v", key, err)
			}
		}
	})
}

// Nothing sends a person to another site.
func TestBack(t *testing.T) {
	for _, good := range []string{"/", "/jobs", "/approvals/1?x=1#y", "/a%20b", "/login-help"} {
		if got := ours(good); got != good {
			t.Errorf("%q became %q", good, got)
		}
	}
	for _, evil := range []string{
		"", "jobs", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example", "https:evil.example", "javascript:alert(1)",
		"/\t/evil.example", "\t//evil.example", " //evil.example", "/%2f/../..//evil.example\n", "//evil.example/%2e%2e", "/x\r\nSet-Cookie: a=b", "/login/idp", "/login", "/logout",
		"/é", "/" + strings.Repeat("a", maxBack), "http://house.test@evil.example/", "/%2f/evil.example"[:2] + "/evil.example", "/%zz",
	} {
		if got := ours(evil); got != "/" {
			t.Errorf("%q became %q", evil, got)
		}
	}
}

// A person who has lost a role has lost it with the next login.
func TestRoleIsLost(t *testing.T) {
	p := newIDP(t, jose.ES256)
	h := houseOf(t, p, nil)
	b := h.browser(t)
	p.claim = func(c map[string]any) { c["roles"] = []string{"r-admin"} }
	if who := b.mustLogin(p, "kim"); !who.Has(Admin) {
		t.Errorf("got %+v", who)
	}
	p.claim = func(c map[string]any) { c["roles"] = []string{"x"} }
	if who := b.mustLogin(p, "kim"); len(who.Roles) > 0 {
		t.Errorf("got %+v", who)
	}
	if _, err := h.db.Person(t.Context(), p.URL+" kim"); err != nil {
		t.Error(err)
	}
	if _, err := h.db.Person(t.Context(), "nobody"); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
}
