// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// is has one person be logged in, and sign.
func (h *house) is(k seal.Signer, roles ...string) {
	h.Door = alone{&Person{ID: "local/" + k.Name(), Name: "Somebody", Key: k.Name(), Roles: roles, CSRF: "good", StepUp: StepUp{Done: true}}}
	h.Passkeys.(*keyring).signer = k
}

// leaves has who is logged in wish for a delegation, and returns what is offered to
// be signed.
func (h *house) leaves(wish string) (*receipt.Delegation, []byte) {
	h.t.Helper()
	res := h.post("/account/delegations/offer", "good", wish)
	var o offer
	if err := json.Unmarshal([]byte(res.body), &o); err != nil || res.status != 200 {
		h.t.Fatalf("offer: %d %s %v", res.status, res.body, err)
	}
	d, err := receipt.ParseDelegation(o.Payload)
	if err != nil {
		h.t.Fatal(err)
	}
	return d, o.Payload
}

// brings sends what was offered back, signed.
func (h *house) brings(payload []byte) *reply {
	h.t.Helper()
	b, err := json.Marshal(map[string]any{"payload": payload, "answer": map[string]any{}})
	if err != nil {
		h.t.Fatal(err)
	}
	return h.post("/account/delegations", "good", string(b))
}

func leaveUntil(t time.Time) string {
	return `{"to":"alice@house.test","begins":"","ends":"` + t.UTC().Format(time.DateOnly) + `","reason":"on leave ` + "<b>\u202e" + `","withdraws":""}`
}

// Kim delegates on her page, alice answers in her stead, and kim takes it back.
func TestDelegate(t *testing.T) {
	h, question := lived(t)
	h.is(h.kim, Approver)
	page := h.get("-", "/account").body
	checkPage(t, "/account", page)
	if !strings.Contains(page, `<option value="alice@house.test">`) || strings.Contains(page, `<option value="kim@house.test">`) || !strings.Contains(page, "you for nobody") {
		t.Errorf("the account offers\n%s", page)
	}
	now := time.Now().UTC()
	d, payload := h.leaves(leaveUntil(now))
	if d.From != "kim@house.test" || d.To != "alice@house.test" || d.Begins.After(d.At) || !d.Ends.Equal(now.Truncate(24*time.Hour).AddDate(0, 0, 1)) {
		t.Errorf("it is offered to sign %+v", d)
	}
	if res := h.brings(payload); res.status != 200 {
		t.Fatalf("%d %s", res.status, res.body)
	}
	if res := h.brings(payload); res.status != 409 || !strings.Contains(res.body, "done already") {
		t.Errorf("twice: %d %s", res.status, res.body)
	}
	for _, who := range []seal.Signer{h.kim, h.alice} {
		h.is(who, Approver)
		page := h.get("-", "/account").body
		checkPage(t, "/account", page)
		if !strings.Contains(page, "in force") || strings.Contains(page, `data-delegation="`+d.ID+`"`) != (who == h.kim) {
			t.Errorf("the account of %s shows\n%s", who.Name(), page)
		}
	}

	page = h.get("-", "/approvals/"+question).body
	checkPage(t, "/approvals", page)
	if !strings.Contains(page, `<option value="kim@house.test">in the stead of kim@house.test</option>`) {
		t.Error("alice is not asked for whom she answers")
	}
	a, payload := h.offered(question, strings.Replace(yes, `"yes"`, `"for":"kim@house.test","yes"`, 1))
	if a.For != "kim@house.test" || a.By != "alice@house.test" {
		t.Errorf("it is offered to sign %+v", a)
	}
	if res := h.sent(question, payload); res.status != 200 {
		t.Fatalf("%d %s", res.status, res.body)
	}
	if page := h.get("-", "/approvals/"+question).body; !strings.Contains(page, "by alice@house.test, for kim@house.test,") {
		t.Error("the page does not say for whom alice has answered")
	}
	if _, payload := h.offered(question, `{"yes":false,"withdraws":true,"for":"kim@house.test","reason":"","minutes":60,"times":0}`); h.sent(question, payload).status != 200 {
		t.Error("alice cannot take it back")
	}

	h.is(h.kim, Approver)
	w, payload := h.leaves(`{"to":"","begins":"","ends":"","reason":"","withdraws":"` + d.ID + `"}`)
	if !w.TakesBack(d) {
		t.Errorf("it is offered to sign %+v", w)
	}
	if res := h.brings(payload); res.status != 200 {
		t.Fatalf("%d %s", res.status, res.body)
	}
	if page := h.get("-", "/account").body; !strings.Contains(page, "taken back") || strings.Contains(page, `data-delegation=`) {
		t.Error("the account does not say that it was taken back")
	}
	h.is(h.alice, Approver)
	if page := h.get("-", "/approvals/"+question).body; strings.Contains(page, "in the stead of") {
		t.Error("alice is still asked for whom she answers")
	}
	_, payload = h.offered(question, strings.Replace(yes, `"yes"`, `"for":"kim@house.test","yes"`, 1))
	if res := h.sent(question, payload); res.status != 409 || !strings.Contains(res.body, "has not asked alice@house.test") {
		t.Errorf("after it was taken back: %d %s", res.status, res.body)
	}
}

// What is not a person's own delegation from our own page is refused in two lines.
func TestDelegateRefused(t *testing.T) {
	h, _ := lived(t)
	h.is(h.kim, Approver)
	now := time.Now()
	good := leaveUntil(now)
	const at = "/account/delegations/offer"
	for name, c := range map[string]struct{ token, body, says string }{
		"another site's page": {"bad", good, "does not come from one of the house's pages"},
		"no last day":         {"good", strings.Replace(good, now.UTC().Format(time.DateOnly), "", 1), "a day is missing"},
		"no first day":        {"good", strings.Replace(good, `"begins":""`, `"begins":"soon"`, 1), "a day is missing"},
		"too long":            {"good", leaveUntil(now.AddDate(0, 0, 91)), "within 90 days"},
		"over":                {"good", leaveUntil(now.AddDate(0, 0, -2)), "ends after it begins"},
		"to oneself":          {"good", strings.Replace(good, "alice", "kim", 1), "nobody stands in for themselves"},
		"to nobody":           {"good", strings.Replace(good, "alice@house.test", "", 1), "does not say who"},
		"no such one":         {"good", strings.Replace(good, `"withdraws":""`, `"withdraws":"d-1"`, 1), "no such delegation of yours"},
		"more than is known":  {"good", strings.Replace(good, "{", `{"from":"eve",`, 1), "cannot be read"},
	} {
		res := h.post(at, c.token, c.body)
		var said complaint
		if err := json.Unmarshal([]byte(res.body), &said); err != nil || res.status != 409 || !strings.Contains(said.Title, c.says) || said.Hint == "" {
			t.Errorf("%s: %d %s, %v", name, res.status, res.body, err)
		}
	}
	_, payload := h.leaves(strings.Replace(good, "alice@", "zoe@", 1))
	if res := h.brings(payload); res.status != 409 || !strings.Contains(res.body, "may not answer themselves") {
		t.Errorf("to who may not answer: %d %s", res.status, res.body)
	}
	_, payload = h.leaves(good)
	h.is(h.alice, Approver)
	if res := h.brings(payload); res.status != 409 || !strings.Contains(res.body, "delegation does not count") {
		t.Errorf("signed by another: %d %s", res.status, res.body)
	}
	h.is(h.kim, Auditor)
	for _, path := range []string{at, "/account/delegations"} {
		if res := h.post(path, "good", good); res.status != 403 {
			t.Errorf("an auditor at %s: %d", path, res.status)
		}
	}
	if page := h.get("-", "/account").body; strings.Contains(page, "h-standing-in") {
		t.Error("who may not answer is offered to delegate")
	}
}
