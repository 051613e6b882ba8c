// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/clawea/clawea/seal"
)

// gone fails the test unless b is logged out.
func (b *browser) gone(why string) {
	b.t.Helper()
	if _, _, err := b.who(); !errors.Is(err, ErrNoSession) {
		b.t.Errorf("%s is logged in still: %v", why, err)
	}
}

// What a provider takes from a person is lost in all their sessions with the next login,
// and nobody else's.
func TestRolesAreLostEverywhere(t *testing.T) {
	p := newIDP(t, jose.ES256)
	h := houseOf(t, p, nil)
	desk, phone, lee := h.browser(t), h.browser(t), h.browser(t)
	p.claim = func(c map[string]any) { c["roles"] = []string{"r-approver", "r-admin"} }
	desk.mustLogin(p, "kim")
	lee.mustLogin(p, "lee")
	p.claim = func(c map[string]any) { c["roles"] = "r-approver" }
	if who := phone.mustLogin(p, "kim"); who.Has(Admin) || !who.Has(Approver) {
		t.Errorf("at the next login: %v", who.Roles)
	}
	desk.gone("the one with the role that was lost")
	if !lee.mustBe("lee@house.test").Has(Admin) {
		t.Error("another person has lost a role")
	}
	desk.mustLogin(p, "kim")
	phone.mustBe("kim@house.test")
	p.claim = func(c map[string]any) { c["roles"] = []string{"r-approver", "r-admin"} }
	desk.mustLogin(p, "kim")
	if phone.mustBe("kim@house.test").Has(Admin) {
		t.Error("a session has more than it began with")
	}
}

// Who revokes a passkey of theirs ends the sessions in which it was used, and no other.
func TestRevokedPasskeyEndsItsSessions(t *testing.T) {
	h := localHouse(t)
	one, two := newDevice(t, "house.test", seal.ES256), newDevice(t, "house.test", seal.ES256)
	first, second := h.browser(t), h.browser(t)
	first.link()
	for _, d := range []*device{one, two} {
		if res := first.register(d, seal.ES256); res.StatusCode != http.StatusOK {
			t.Fatalf("%d\n%s", res.StatusCode, h.log)
		}
	}
	if res := second.assert(two); res.StatusCode != http.StatusOK {
		t.Fatal(res.StatusCode)
	}
	third := h.browser(t)
	if res := third.assert(one); res.StatusCode != http.StatusOK {
		t.Fatal(res.StatusCode)
	}
	id := base64.RawURLEncoding.EncodeToString(one.id)
	if res := second.do(http.MethodPost, "/passkeys/"+id+"/revoke", url.Values{CSRFField: {csrfOf(second)}}); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/account" {
		t.Fatalf("%d to %q", res.StatusCode, res.Header.Get("Location"))
	}
	first.gone("who became administrator by it")
	third.gone("who logged in with it")
	second.mustBe("admin@local")
}

// Administrators see who there is, and end their sessions; others end their own.
func TestAccounts(t *testing.T) {
	p := newIDP(t, jose.ES256)
	h := houseOf(t, p, nil)
	kim, other, ada := h.browser(t), h.browser(t), h.browser(t)
	p.claim = func(c map[string]any) { c["roles"] = "r-approver" }
	kim.mustLogin(p, "kim")
	h.clock.move(time.Minute)
	other.mustLogin(p, "kim")
	if res := kim.register(newDevice(t, "house.test", seal.EdDSA), seal.EdDSA); res.StatusCode != http.StatusOK {
		t.Fatal(res.StatusCode)
	}
	p.claim = func(c map[string]any) { c["roles"] = "r-admin" }
	admin := ada.mustLogin(p, "ada")
	list, err := h.Accounts(t.Context(), "", 10)
	if err != nil || len(list) != 2 || list[0].Key != "ada@house.test" {
		t.Fatalf("%+v, %v", list, err)
	}
	k := list[1]
	if k.ID != p.URL+" kim" || k.Name != "Person kim" || k.Sessions != 2 || !slices.Equal(k.Roles, []Role{Approver}) || len(k.Passkeys) != 1 || !k.Entered.Equal(h.clock.Now()) {
		t.Errorf("kim: %+v", k)
	}
	if list, err := h.Accounts(t.Context(), "ada@house.test", 1); err != nil || len(list) != 1 || list[0].Key != "kim@house.test" {
		t.Errorf("the next page: %+v, %v", list, err)
	}
	end := func(b *browser, person, token string) *http.Response {
		return b.do(http.MethodPost, "/people/end", url.Values{"person": {person}, "back": {"/settings/people"}, CSRFField: {token}})
	}
	h.refused(t, end(kim, admin.ID, csrfOf(kim)), ErrNotAdmin)
	h.refused(t, end(ada, k.ID, "x"), ErrCross)
	h.refused(t, end(ada, "nobody", csrfOf(ada)), ErrNoPerson)
	h.refused(t, end(h.browser(t), k.ID, ""), ErrNoSession)
	kim.mustBe("kim@house.test")
	if res := end(ada, k.ID, csrfOf(ada)); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/settings/people" {
		t.Errorf("%d to %q", res.StatusCode, res.Header.Get("Location"))
	}
	kim.gone("whose sessions an administrator ended")
	other.gone("whose other session an administrator ended")
	ada.mustBe("ada@house.test")
	if !strings.Contains(h.log.String(), `msg="sessions ended" person=kim@house.test by=ada@house.test`) {
		t.Error("the log does not say who did it")
	}
	h.clock.move(13 * time.Hour)
	if list, err := h.Accounts(t.Context(), "", 10); err != nil || list[0].Sessions != 0 || len(list[0].Roles) != 0 {
		t.Errorf("after sessions are over: %+v, %v", list, err)
	}
	p.claim = func(c map[string]any) { c["roles"] = "r-approver" }
	kim.mustLogin(p, "kim")
	if res := end(kim, k.ID, csrfOf(kim)); res.StatusCode != http.StatusSeeOther {
		t.Errorf("one's own: %d", res.StatusCode)
	}
	kim.gone("who ended their own sessions")
}
