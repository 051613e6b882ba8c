// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"bytes"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// localHouse opens a house with a local administrator and no providers.
func localHouse(t testing.TB) *house {
	return newHouse(t, func(c *Config) { c.Local = true })
}

// link has b open a new link, and returns where it is sent.
func (b *browser) link() *http.Response {
	b.t.Helper()
	to, err := b.h.Link(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return b.do(http.MethodGet, strings.TrimPrefix(to, b.h.Origin()), nil)
}

// register has b's person register d.
func (b *browser) register(d *device, alg int) *http.Response {
	b.t.Helper()
	var c Creation
	if res := b.post("/passkeys/begin", nil, &c); res.StatusCode != http.StatusOK {
		return res
	}
	return b.post("/passkeys/finish", d.create(b.t, &c, b.h.Origin(), alg), nil)
}

// assert logs b in with d, or has its person show that it is them.
func (b *browser) assert(d *device) *http.Response {
	b.t.Helper()
	var q Request
	if res := b.post("/login/passkey/begin", nil, &q); res.StatusCode != http.StatusOK {
		return res
	}
	return b.post("/login/passkey/finish", d.get(b.t, &q), nil)
}

func TestFirstAdmin(t *testing.T) {
	for _, alg := range []int{seal.ES256, seal.EdDSA, seal.RS256} {
		h := localHouse(t)
		first, err := h.FirstLink(t.Context())
		if err != nil || !strings.HasPrefix(first, houseURL+"/login/link/") {
			t.Fatalf("%q, %v", first, err)
		}
		b := h.browser(t)
		path := strings.TrimPrefix(first, houseURL)
		h.refused(t, b.do(http.MethodGet, path, nil, "Sec-Purpose", "prefetch"), ErrLink)
		h.refused(t, b.do(http.MethodHead, path, nil), ErrLink) // what only looks
		h.refused(t, b.do(http.MethodGet, "/login/link/"+secret(), nil), ErrLink)
		h.refused(t, b.do(http.MethodGet, "/login/link/x", nil), ErrLink)
		if res := b.do(http.MethodGet, path, nil); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/account" || res.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Fatalf("%d %v\n%s", res.StatusCode, res.Header, h.log)
		}
		if who := b.mustBe("admin@local"); len(who.Roles) > 0 || !who.Enrolling || h.SteppedUp(who) {
			t.Errorf("before they have a passkey: %+v", who)
		}
		h.refused(t, h.browser(t).do(http.MethodGet, path, nil), ErrLink) // one use
		before := b.cookies["__Host-clawea"]
		d := newDevice(t, "house.test", alg)
		if res := b.register(d, alg); res.StatusCode != http.StatusOK {
			t.Fatalf("register: %d\n%s", res.StatusCode, h.log)
		}
		if who := b.mustBe("admin@local"); !slices.Equal(who.Roles, []Role{Admin}) || who.Enrolling || !h.SteppedUp(who) || b.cookies["__Host-clawea"] == before {
			t.Errorf("with a passkey: %+v", who)
		}
		if again, err := h.FirstLink(t.Context()); again != "" || err != nil {
			t.Errorf("another first link: %q, %v", again, err)
		}
		later := h.browser(t)
		if res := later.assert(d); res.StatusCode != http.StatusOK {
			t.Fatalf("log in: %d\n%s", res.StatusCode, h.log)
		}
		if who := later.mustBe("admin@local"); !who.Has(Admin) || who.ACR != Passkey || !h.SteppedUp(who) {
			t.Errorf("logged in: %+v", who)
		}
		if strings.Contains(h.log.String(), strings.TrimPrefix(path, "/login/link/")) {
			t.Error("the log has the link")
		}
	}
}

func TestLinks(t *testing.T) {
	h := localHouse(t)
	one, err1 := h.Link(t.Context())
	two, err2 := h.Link(t.Context())
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	b := h.browser(t)
	h.refused(t, b.do(http.MethodGet, strings.TrimPrefix(one, houseURL), nil), ErrLink) // the second is in its place
	h.clock.move(linkLife)
	h.refused(t, b.do(http.MethodGet, strings.TrimPrefix(two, houseURL), nil), ErrLink) // too late

	p := newIDP(t, jose.ES256)
	h = houseOf(t, p, nil)
	if _, err := h.Link(t.Context()); !errors.Is(err, ErrNotLocal) {
		t.Errorf("a house with a provider: %v", err)
	}
	if first, err := h.FirstLink(t.Context()); first != "" || err != nil {
		t.Errorf("a house with a provider: %q, %v", first, err)
	}
	h.refused(t, h.browser(t).do(http.MethodGet, "/login/link/"+secret(), nil), ErrNotLocal)
	h.refused(t, h.browser(t).do(http.MethodPost, "/login/passkey/begin", nil), ErrNotLocal)
	h = newHouse(t, func(c *Config) { c.Local, c.URL = true, "https://192.0.2.7" })
	if _, err := h.Link(t.Context()); !errors.Is(err, ErrNoSite) {
		t.Errorf("a house without a name: %v", err)
	}
}

// Who can write the database makes no link: its hash takes the house's secret.
func TestForgedLink(t *testing.T) {
	h := localHouse(t)
	value := secret()
	for _, hash := range []seal.Hash{seal.Sum([]byte(value)), seal.Sum([]byte("clawea link v1\n" + value)), newHouse(t, func(c *Config) { c.Key = bytes.Repeat([]byte{8}, 32) }).linkHash(value)} {
		if err := h.db.PutLink(t.Context(), hash, h.clock.Now().Add(linkLife)); err != nil {
			t.Fatal(err)
		}
		h.refused(t, h.browser(t).do(http.MethodGet, "/login/link/"+value, nil), ErrLink)
	}
}

// A registration that is not as the house asked for it is none.
func TestRegistrationRefuses(t *testing.T) {
	h := localHouse(t)
	b := h.browser(t)
	b.link()
	const alg = seal.EdDSA
	for name, test := range map[string]struct {
		device func(*device)
		answer func(*Created)
		origin string
		want   *Refusal
	}{
		"another origin":  {origin: "https://evil.test", want: ErrPasskey},
		"a port":          {origin: houseURL + ":444", want: ErrPasskey},
		"a subdomain":     {origin: "https://x.house.test", want: ErrPasskey},
		"in a frame":      {device: func(d *device) { d.CrossOrigin = true }, want: ErrPasskey},
		"not a creation":  {device: func(d *device) { d.typ = "webauthn.get" }, want: ErrPasskey},
		"another site":    {device: func(d *device) { d.site = "evil.test" }, want: ErrPasskey},
		"nobody verified": {device: func(d *device) { d.flags &^= flagVerified }, want: ErrKind},
		"nobody there":    {device: func(d *device) { d.flags &^= flagPresent }, want: ErrKind},
		"another id":      {answer: func(a *Created) { a.ID = "AAAA" }, want: ErrPasskey},
		"not a key":       {answer: func(a *Created) { a.Type = "password" }, want: ErrPasskey},
		"no attestation":  {answer: func(a *Created) { a.Response.Attestation = "" }, want: ErrKind},
		"padded":          {answer: func(a *Created) { a.Response.ClientData += "=" }, want: ErrPasskey},
		"too long":        {answer: func(a *Created) { a.Response.Attestation = strings.Repeat("A", 3*maxAttestation) }, want: ErrPasskey},
		"a challenge of ours": {answer: func(a *Created) {
			a.Response.ClientData = base64.RawURLEncoding.EncodeToString([]byte(`{"type":"webauthn.create","challenge":"x","origin":"https://house.test"}`))
		}, want: ErrPasskey},
		"a challenge twice": {answer: func(a *Created) {
			a.Response.ClientData = base64.RawURLEncoding.EncodeToString([]byte(`{"type":"webauthn.create","type":"x"}`))
		}, want: ErrPasskey},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDevice(t, "house.test", alg)
			if test.device != nil {
				test.device(d)
			}
			var c Creation
			if res := b.post("/passkeys/begin", nil, &c); res.StatusCode != http.StatusOK {
				t.Fatal(res.StatusCode)
			}
			origin := houseURL
			if test.origin != "" {
				origin = test.origin
			}
			a := d.create(t, &c, origin, alg)
			if test.answer != nil {
				test.answer(a)
			}
			h.refused(t, b.post("/passkeys/finish", a, nil), test.want)
			h.refused(t, b.post("/passkeys/finish", a, nil), ErrTry) // its cookie is taken
		})
	}
	if who := b.mustBe("admin@local"); len(who.Roles) > 0 {
		t.Errorf("a role: %+v", who)
	}
	h.clock.move(registerWithin + time.Second)
	b.mustBe("admin@local")
	h.refused(t, b.post("/passkeys/begin", nil, nil), ErrStale)
	h.refused(t, b.do(http.MethodPost, "/passkeys/finish", url.Values{}, CSRFHeader, csrfOf(b)), ErrBody)
}

func csrfOf(b *browser) string {
	_, token, err := b.who()
	if err != nil {
		b.t.Fatal(err)
	}
	return token
}

// A copy of a try's cookie ends nothing a second time.
func TestRegistrationOnce(t *testing.T) {
	h := localHouse(t)
	b := h.browser(t)
	b.link()
	var c Creation
	b.post("/passkeys/begin", nil, &c)
	kept := b.cookies["__Host-clawea-register"]
	if res := b.post("/passkeys/finish", newDevice(t, "house.test", seal.EdDSA).create(t, &c, houseURL, seal.EdDSA), nil); res.StatusCode != http.StatusOK {
		t.Fatal(res.StatusCode)
	}
	b.cookies["__Host-clawea-register"] = kept
	h.refused(t, b.post("/passkeys/finish", newDevice(t, "house.test", seal.EdDSA).create(t, &c, houseURL, seal.EdDSA), nil), ErrTry)
	b.cookies["__Host-clawea-passkey"] = kept // nor is it one of another kind
	h.refused(t, b.post("/login/passkey/finish", &Asserted{}, nil), ErrTry)
}

// A signature is worth something for the login that it was asked for, and nowhere else.
func TestAssertionRefuses(t *testing.T) {
	h := localHouse(t)
	admin := h.browser(t)
	admin.link()
	d := newDevice(t, "house.test", seal.ES256)
	if res := admin.register(d, seal.ES256); res.StatusCode != http.StatusOK {
		t.Fatal(res.StatusCode)
	}
	for name, change := range map[string]func(*device, *Asserted){
		"another origin":  func(d *device, _ *Asserted) { d.Origin = "https://evil.test" },
		"below the house": func(d *device, _ *Asserted) { d.Origin = "https://old-blog.house.test" },
		"another port":    func(d *device, _ *Asserted) { d.Origin = "https://house.test:8443" },
		"another site":    func(d *device, _ *Asserted) { d.Site = "evil.test" },
		"in a frame":      func(d *device, _ *Asserted) { d.CrossOrigin = true },
		"nobody verified": func(d *device, _ *Asserted) { d.Flags = flagPresent },
		"nobody there":    func(d *device, _ *Asserted) { d.Flags = flagVerified },
		"a creation":      func(d *device, _ *Asserted) { d.Type = "webauthn.create" },
		"nobody's":        func(_ *device, a *Asserted) { a.ID = "AAAA" },
		"another person":  func(_ *device, a *Asserted) { a.Response.UserHandle = handle("somebody else") },
		"another key": func(d *device, _ *Asserted) {
			*d = device{Authenticator: newDevice(t, "house.test", seal.ES256).Authenticator, id: d.id}
		},
		"cut short": func(_ *device, a *Asserted) {
			a.Response.Signature = a.Response.Signature[:len(a.Response.Signature)/4*2]
		},
		"no data":       func(_ *device, a *Asserted) { a.Response.AuthenticatorData = "" },
		"not base64url": func(_ *device, a *Asserted) { a.Response.Signature = "+/" },
	} {
		t.Run(name, func(t *testing.T) {
			b := h.browser(t)
			var q Request
			b.post("/login/passkey/begin", nil, &q)
			bad := *d
			sim := *d.Authenticator
			bad.Authenticator = &sim
			change(&bad, &Asserted{})
			a := bad.get(t, &q)
			change(&bad, a)
			h.refused(t, b.post("/login/passkey/finish", a, nil), ErrPasskey)
			if who, _, err := b.who(); !errors.Is(err, ErrNoSession) {
				t.Errorf("logged in: %+v", who)
			}
		})
	}
	t.Run("replayed", func(t *testing.T) {
		b := h.browser(t)
		var q Request
		b.post("/login/passkey/begin", nil, &q)
		kept := b.cookies["__Host-clawea-passkey"]
		a := d.get(t, &q)
		if res := b.post("/login/passkey/finish", a, nil); res.StatusCode != http.StatusOK {
			t.Fatalf("%d\n%s", res.StatusCode, h.log)
		}
		thief := h.browser(t)
		thief.cookies["__Host-clawea-passkey"] = kept
		h.refused(t, thief.post("/login/passkey/finish", a, nil), ErrTry)
		thief.post("/login/passkey/begin", nil, &q)
		h.refused(t, thief.post("/login/passkey/finish", a, nil), ErrPasskey) // of another login
		thief.post("/login/passkey/begin", nil, &q)
		thief.site = "cross-site"
		h.refused(t, thief.post("/login/passkey/finish", d.get(t, &q), nil), ErrCross)
	})
	t.Run("an answer to a question", func(t *testing.T) {
		b := h.browser(t)
		var q Request
		b.post("/login/passkey/begin", nil, &q)
		q.Challenge = base64.RawURLEncoding.EncodeToString(seal.Challenge(receipt.AnswerType, []byte(`{}`)))
		h.refused(t, b.post("/login/passkey/finish", d.get(t, &q), nil), ErrPasskey)
	})
	if !strings.Contains(h.log.String(), "there may be a copy of it") { // this one counts 1, always
		t.Error("a counter that stands still is not noted")
	}
}

// People of providers register passkeys, and show with them that it is them; who they
// are and what they may do stays their provider's word.
func TestPasskeyOfProvidersPerson(t *testing.T) {
	p := newIDP(t, jose.ES256)
	h := houseOf(t, p, func(c *Config) { c.Local = true })
	b := h.browser(t)
	d := newDevice(t, "house.test", seal.ES256)
	b.mustLogin(p, "kim")
	h.refused(t, b.register(d, seal.ES256), ErrNoRole)
	p.claim = func(c map[string]any) { c["roles"], c["groups"] = "r-approver", "g-wiki"; delete(c, "auth_time") }
	b.mustLogin(p, "kim")
	if res := b.register(d, seal.ES256); res.StatusCode != http.StatusOK {
		t.Fatalf("%d\n%s", res.StatusCode, h.log)
	}
	h.refused(t, b.register(newDevice(t, "house.test", seal.ES256), seal.ES256), ErrStale) // who has one uses it first
	if who := b.mustBe("kim@house.test"); h.SteppedUp(who) || !slices.Equal(who.Roles, []Role{Approver}) {
		t.Errorf("registering is no step-up: %+v", who)
	}
	before := b.cookies["__Host-clawea"]
	h.clock.move(time.Minute)
	if res := b.assert(d); res.StatusCode != http.StatusOK {
		t.Fatalf("%d\n%s", res.StatusCode, h.log)
	}
	if who := b.mustBe("kim@house.test"); !h.SteppedUp(who) || !slices.Equal(who.Roles, []Role{Approver}) || b.cookies["__Host-clawea"] == before {
		t.Errorf("stepped up: %+v", who)
	}
	h.refused(t, b.register(d, seal.ES256), ErrKnown)
	if door, passkey := h.StepUp(b.mustBe("kim@house.test")); door == nil || door.Name != "idp" || !passkey {
		t.Errorf("ways to step up: %v, %t", door, passkey)
	}
	h.refused(t, h.browser(t).assert(d), ErrNotLocal) // no way around the provider
	lee := h.browser(t)
	lee.mustLogin(p, "lee")
	h.refused(t, lee.register(d, seal.ES256), ErrKnown)
	var q Request
	lee.post("/login/passkey/begin", nil, &q)
	h.refused(t, lee.post("/login/passkey/finish", d.get(t, &q), nil), ErrOther)

	list, err := h.Enrolled(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	e := list[0]
	if e.Person != p.URL+" kim" || e.Name != "kim@house.test" || e.By != e.Name || e.Verifier.Name() != e.Name || !slices.Equal(e.Groups, []string{"wiki-owners"}) || !e.Until.IsZero() {
		t.Errorf("enrolled: %+v", e)
	}
	p.claim = func(c map[string]any) { c["roles"] = "r-approver" } // out of the group
	b.mustLogin(p, "kim")
	h.clock.move(time.Second)
	if list, err = h.Enrolled(t.Context()); err != nil || len(list) != 1 || len(list[0].Groups) != 0 || list[0].Key != e.Key {
		t.Errorf("after the group is lost: %+v, %v", list, err)
	}
}

// Where the house wants a provider's authentication context, a passkey does not stand
// in for it, and does not undo it.
func TestPasskeyIsNoContext(t *testing.T) {
	p := newIDP(t, jose.ES256)
	h := houseOf(t, p, func(c *Config) { c.Providers[0].ACR = []string{"gold"} })
	p.claim = func(c map[string]any) { c["roles"], c["acr"] = "r-approver", "bronze" }
	b := h.browser(t)
	d := newDevice(t, "house.test", seal.ES256)
	b.mustLogin(p, "kim")
	if res := b.register(d, seal.ES256); res.StatusCode != http.StatusOK {
		t.Fatalf("%d\n%s", res.StatusCode, h.log)
	}
	if res := b.assert(d); res.StatusCode != http.StatusOK || h.SteppedUp(b.mustBe("kim@house.test")) {
		t.Errorf("with a passkey: %d, stepped up %t", res.StatusCode, h.SteppedUp(b.mustBe("kim@house.test")))
	}
	p.claim = func(c map[string]any) { c["roles"], c["acr"] = "r-approver", "gold" }
	if res := b.do(http.MethodGet, "/login/callback/idp?"+p.authorize(b.begin("/login/idp?again=1&back=/approvals/1"), "kim").Encode(), nil); res.Header.Get("Location") != "/approvals/1" {
		t.Fatalf("%d\n%s", res.StatusCode, h.log)
	}
	if res := b.assert(d); res.StatusCode != http.StatusOK || !h.SteppedUp(b.mustBe("kim@house.test")) {
		t.Errorf("with a passkey after that: %d", res.StatusCode)
	}
	if door, passkey := h.StepUp(b.mustBe("kim@house.test")); door == nil || door.Name != "idp" || passkey {
		t.Errorf("ways to step up: %v, %t", door, passkey)
	}
}

// An enrolled passkey's answers are good as seal reads them.
func TestEnrolledSigns(t *testing.T) {
	h := localHouse(t)
	b := h.browser(t)
	b.link()
	d := newDevice(t, "house.test", seal.EdDSA)
	if res := b.register(d, seal.EdDSA); res.StatusCode != http.StatusOK {
		t.Fatal(res.StatusCode)
	}
	people, err := h.People(t.Context())
	if err != nil || len(people.Keys) != 1 {
		t.Fatalf("%v, %v", people, err)
	}
	payload, err := seal.Marshal(&receipt.Answer{Approval: "a", By: "admin@local"})
	if err != nil {
		t.Fatal(err)
	}
	a, err := d.Assert(seal.Challenge(receipt.AnswerType, payload))
	if err != nil {
		t.Fatal(err)
	}
	sig, err := a.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	e := &seal.Envelope{Type: receipt.AnswerType, Payload: payload, Signatures: []seal.Signature{{KeyID: seal.KeyID(people.Keys[0]), Sig: sig}}}
	if got, err := receipt.OpenAnswer(e, people.Keys...); err != nil || got.By != "admin@local" {
		t.Errorf("%+v, %v", got, err)
	}
}
