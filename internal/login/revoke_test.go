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
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/seal"
)

func TestRevoke(t *testing.T) {
	p := newIDP(t, jose.ES256)
	h := houseOf(t, p, nil)
	kim, lee, admin := h.browser(t), h.browser(t), h.browser(t)
	p.claim = func(c map[string]any) { c["roles"] = "r-approver" }
	kim.mustLogin(p, "kim")
	lee.mustLogin(p, "lee")
	p.claim = func(c map[string]any) { c["roles"] = "r-admin" }
	admin.mustLogin(p, "ada")
	var ids []string
	for range MaxPasskeys {
		d := newDevice(t, "house.test", seal.EdDSA)
		if res := kim.register(d, seal.EdDSA); res.StatusCode != http.StatusOK {
			t.Fatalf("%d\n%s", res.StatusCode, h.log)
		}
		ids = append(ids, base64.RawURLEncoding.EncodeToString(d.id))
	}
	h.refused(t, kim.register(newDevice(t, "house.test", seal.EdDSA), seal.EdDSA), ErrMany)
	revoke := func(b *browser, id string) *http.Response {
		return b.do(http.MethodPost, "/passkeys/"+id+"/revoke", url.Values{CSRFField: {csrfOf(b)}})
	}
	h.refused(t, revoke(lee, ids[0]), ErrNotYours)
	h.refused(t, revoke(lee, "nothing"), ErrNotYours)
	if res := revoke(kim, ids[0]); res.StatusCode != http.StatusSeeOther {
		t.Error(res.StatusCode)
	}
	h.refused(t, revoke(kim, ids[0]), ErrNotYours)
	kim.mustBe("kim@house.test")
	list, err := h.Passkeys(t.Context(), p.URL+" kim")
	if err != nil || len(list) != MaxPasskeys || list[0].Owner != "kim@house.test" || list[0].Label != "key ring" {
		t.Fatalf("%+v, %v", list, err)
	}
	people, err := h.People(t.Context())
	if err != nil || len(people.Keys) != MaxPasskeys-1 {
		t.Errorf("%d sign, %v", len(people.Keys), err)
	}
	if len(people.Former) != 1 || !people.Former[0].Until.Equal(h.clock.Now()) { // its noes count on
		t.Errorf("of those that were revoked there are %+v", people.Former)
	}
	all, err := h.Enrolled(t.Context())
	if err != nil || len(all) != MaxPasskeys || !slices.ContainsFunc(all, func(e Enrolled) bool { return e.Until.Equal(h.clock.Now()) }) {
		t.Errorf("%d enrolled, %v", len(all), err)
	}
	if res := revoke(admin, ids[1]); res.StatusCode != http.StatusSeeOther {
		t.Error(res.StatusCode)
	}
	if _, _, err := kim.who(); !errors.Is(err, ErrNoSession) {
		t.Errorf("whose passkey an administrator revokes is logged out: %v", err)
	}
	var mine, theirs struct {
		Passkeys []PasskeyInfo `json:"passkeys"`
	}
	admin.json("/passkeys?all=1", &theirs)
	lee.json("/passkeys?all=1", &mine)
	if len(theirs.Passkeys) != MaxPasskeys || len(mine.Passkeys) != 0 {
		t.Errorf("%d are shown to an administrator, and %d to another", len(theirs.Passkeys), len(mine.Passkeys))
	}
}

func (b *browser) json(path string, v any) {
	b.t.Helper()
	res := b.do(http.MethodGet, path, nil)
	var text bytes.Buffer
	_, err := text.ReadFrom(res.Body)
	if err == nil {
		err = seal.Unmarshal(text.Bytes(), v)
	}
	if err != nil || res.StatusCode != http.StatusOK {
		b.t.Fatalf("%s: %d %s, %v", path, res.StatusCode, &text, err)
	}
}

// Nobody makes passkeys without end by revoking them.
func TestMadeTooOften(t *testing.T) {
	h := localHouse(t)
	b := h.browser(t)
	b.link()
	b.register(newDevice(t, "house.test", seal.EdDSA), seal.EdDSA)
	who := b.mustBe("admin@local")
	for range store.PasskeysMade - 1 {
		d := newDevice(t, "house.test", seal.EdDSA)
		if res := b.register(d, seal.EdDSA); res.StatusCode != http.StatusOK {
			t.Fatal(res.StatusCode)
		}
		if err := h.Revoke(t.Context(), who, base64.RawURLEncoding.EncodeToString(d.id)); err != nil {
			t.Fatal(err)
		}
	}
	h.refused(t, b.do(http.MethodPost, "/passkeys/begin", nil, CSRFHeader, csrfOf(b)), ErrOften)
	h.clock.move(store.PasskeysWithin) // the way out is to wait
	b = h.browser(t)
	b.link()
	if res := b.register(newDevice(t, "house.test", seal.EdDSA), seal.EdDSA); res.StatusCode != http.StatusOK {
		t.Error(res.StatusCode)
	}
}

// The local administrator keeps one passkey, and nobody logs in with a revoked one.
func TestLastPasskey(t *testing.T) {
	h := localHouse(t)
	b := h.browser(t)
	b.link()
	one, two := newDevice(t, "house.test", seal.ES256), newDevice(t, "house.test", seal.ES256)
	b.register(one, seal.ES256)
	id := base64.RawURLEncoding.EncodeToString(one.id)
	who := b.mustBe("admin@local")
	if err := h.Revoke(t.Context(), who, id); !errors.Is(err, ErrLast) {
		t.Errorf("the last: %v", err)
	}
	b.register(two, seal.ES256)
	if err := h.Revoke(t.Context(), who, id); err != nil {
		t.Error(err)
	}
	h.refused(t, h.browser(t).assert(one), ErrPasskey)
	if res := h.browser(t).assert(two); res.StatusCode != http.StatusOK {
		t.Error(res.StatusCode)
	}
	lost := h.browser(t) // with a new link, whoever has lost theirs begins again
	lost.link()
	if who := lost.mustBe("admin@local"); len(who.Roles) > 0 {
		t.Errorf("a link alone gives %v", who.Roles)
	}
	h.refused(t, lost.do(http.MethodPost, "/passkeys/"+base64.RawURLEncoding.EncodeToString(two.id)+"/revoke", url.Values{CSRFField: {csrfOf(lost)}}), ErrLast)
	if res := lost.assert(two); res.StatusCode != http.StatusOK || !lost.mustBe("admin@local").Has(Admin) {
		t.Errorf("a link and a passkey: %d", res.StatusCode)
	}
}

// Of the last two, revoked at once, one stays.
func TestLastTwoAtOnce(t *testing.T) {
	h := localHouse(t)
	b := h.browser(t)
	b.link()
	for range 2 {
		if res := b.register(newDevice(t, "house.test", seal.ES256), seal.ES256); res.StatusCode != http.StatusOK {
			t.Fatal(res.StatusCode)
		}
	}
	list, err := h.Passkeys(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	who, done := b.mustBe("admin@local"), make(chan error, len(list))
	for _, k := range list {
		go func() { done <- h.Revoke(t.Context(), who, k.ID) }()
	}
	if err1, err2 := <-done, <-done; (err1 == nil) == (err2 == nil) || !errors.Is(errors.Join(err1, err2), ErrLast) {
		t.Errorf("%v, %v", err1, err2)
	}
}

// Who writes into the database enrols nobody.
func TestForgedEnrolment(t *testing.T) {
	h := localHouse(t)
	b := h.browser(t)
	b.link()
	mine, evil := newDevice(t, "house.test", seal.EdDSA), newDevice(t, "house.test", seal.EdDSA)
	b.register(mine, seal.EdDSA)
	id := base64.RawURLEncoding.EncodeToString(mine.id)
	row, err := h.db.Passkey(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	paper, err := seal.ParseEnvelope(row.Enrolment)
	if err != nil {
		t.Fatal(err)
	}
	e, _, err := OpenEnrolment(paper, h.Self)
	if err != nil {
		t.Fatal(err)
	}
	public, err := (&seal.Passkey{Name: "admin@local", Site: "house.test", Alg: seal.EdDSA, Key: evil.der}).Public()
	if err != nil {
		t.Fatal(err)
	}
	e.Key = public
	if paper.Payload, err = seal.Marshal(e); err != nil {
		t.Fatal(err)
	}
	forged, err := paper.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.db.SetEnrolment(t.Context(), id, forged); err != nil {
		t.Fatal(err)
	}
	evil.id = mine.id
	h.refused(t, h.browser(t).assert(evil), ErrPasskey)
	h.clock.move(time.Second)
	if list, err := h.People(t.Context()); err != nil || len(list.Keys) != 0 {
		t.Errorf("%v sign, %v", list, err)
	}
	if list, err := h.Passkeys(t.Context(), ""); err != nil || len(list) != 0 {
		t.Errorf("%v are shown, %v", list, err)
	}
}
