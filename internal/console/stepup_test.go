// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// unshownAlice is alice, who has not shown of late that it is her.
func unshownAlice(s StepUp) alone {
	return alone{&Person{ID: "local/2", Name: "Alice", Key: "alice@house.test", Roles: []string{Approver}, CSRF: "good", StepUp: s}}
}

// wanted fails the test unless res says that a step-up is wanted, at link.
func wanted(t *testing.T, what string, res *reply, link string) {
	t.Helper()
	var said complaint
	if err := json.Unmarshal([]byte(res.body), &said); err != nil || res.status != 409 || said.Code != "step_up" || said.Link != link || said.Hint == "" {
		t.Errorf("%s: %d %s, %v", what, res.status, res.body, err)
	}
}

// Who has not shown of late that it is them says no yes to what is of high risk: the
// page says so before, no yes is offered, and none is taken that was signed without.
func TestStepUp(t *testing.T) {
	h, question := asked(t)
	_, payload := h.offered(question, yes) // while alice had stepped up
	offer, page := "/approvals/"+question+"/offer", "/approvals/"+question
	link := "/login/entra?again=1&back=%2Fapprovals%2F" + question
	h.Door = unshownAlice(StepUp{Provider: &Provider{"entra", "Entra"}, Passkey: true})
	a := h.get("approver", page)
	for want, there := range map[string]bool{
		"A yes to this wants a fresh login": true, `href="` + strings.ReplaceAll(link, "&", "&amp;") + `"`: true, `data-passkey="again"`: true,
		"Approve with a passkey": false, ">Deny<": true,
	} {
		if strings.Contains(a.body, want) != there {
			t.Errorf("the page has %s: %t", want, !there)
		}
	}
	checkPage(t, page, a.body)
	wanted(t, "an offer", h.post(offer, "good", yes), link)
	wanted(t, "an answer that was offered before", h.sent(question, payload), link)
	if given, err := h.DB.Given(t.Context(), question); err != nil || len(given[question]) != 0 {
		t.Fatalf("kept: %v, %v", given, err)
	}
	h.Door = unshownAlice(StepUp{Passkey: true})
	wanted(t, "where no provider is", h.post(offer, "good", yes), page)
	if a := h.get("approver", page); strings.Contains(a.body, "again=1") || !strings.Contains(a.body, `data-passkey="again"`) {
		t.Error("the local administrator is not led to their passkey")
	}
	_, no := h.offered(question, `{"yes":false,"withdraws":false,"reason":"no","minutes":60,"times":0}`)
	if res := h.sent(question, no); res.status != 200 {
		t.Errorf("a no: %d %s", res.status, res.body)
	}
	_, back := h.offered(question, `{"yes":false,"withdraws":true,"reason":"","minutes":60,"times":0}`)
	if res := h.sent(question, back); res.status != 200 {
		t.Errorf("a withdrawal: %d %s", res.status, res.body)
	}
	h.Door = unshownAlice(StepUp{Done: true})
	if a := h.get("approver", page); strings.Contains(a.body, "fresh login") || !strings.Contains(a.body, "Approve with a passkey") {
		t.Error("who has stepped up is asked again")
	}
	_, payload = h.offered(question, yes)
	if res := h.sent(question, payload); res.status != 200 {
		t.Errorf("after the step-up: %d %s", res.status, res.body)
	}
}

// A yes that a page's script has made up itself is held to the same.
func TestStepUpWithoutOffer(t *testing.T) {
	h, question := asked(t)
	a, _ := h.offered(question, yes)
	a.Reason = "of the script's own"
	b, err := seal.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	h.Door = unshownAlice(StepUp{Passkey: true})
	wanted(t, "a yes of the script's own", h.sent(question, b), "/approvals/"+question)
	if res := h.sent(question, []byte(`{"yes":tru`)); res.status != 409 {
		t.Errorf("half an answer: %d", res.status)
	}
}

// What wants a step-up is the house's to say; without a word it is what is of high risk.
func TestStepUpOf(t *testing.T) {
	for _, test := range []struct {
		answers, level string
		done, want     bool
	}{
		{"", "high", false, true}, {"", "medium", false, false}, {"?", "high", false, true}, {StepUpHigh, "high", true, false}, {StepUpHigh, "low", false, false},
		{StepUpAll, "low", false, true}, {StepUpAll, "high", true, false}, {StepUpNever, "high", false, false},
	} {
		c := &Console{StepUp: test.answers}
		if got := c.wantsStepUp(Risk{Level: test.level}, &Person{StepUp: StepUp{Done: test.done}}); got != test.want {
			t.Errorf("%q, %s, shown %t: %t", test.answers, test.level, test.done, got)
		}
	}
}

// The list, the question and what is wanted of who answers say the same risk: that of
// the change as it is kept, and high where nobody can say what it is.
func TestOneRisk(t *testing.T) {
	h, question := asked(t)
	q, err := h.Desk.Question(t.Context(), question)
	if err != nil {
		t.Fatal(err)
	}
	list, err := h.questions(t.Context(), "", 10)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	if r := h.riskOf(q); r.Level != list[0].Risk.Level || len(r.Why) != len(list[0].Risk.Why) || strings.Contains(strings.Join(r.Why, ""), "does not say how") {
		t.Errorf("the question says %v, the list %v", r, list[0].Risk)
	}
	other := *q
	other.Change = &receipt.Text{Salt: q.Change.Salt, Bytes: []byte(`{}`)}
	if r := h.riskOf(&other); r.Level != high || !strings.Contains(strings.Join(r.Why, ""), "cannot be shown") {
		t.Errorf("another change: %v", r)
	}
	other = *q
	other.Call = seal.Sum(nil)
	if r := h.riskOf(&other); r.Level != high {
		t.Errorf("another call: %v", r)
	}
	reads := &policy.Call{Tool: "desk", Action: "page.get", Class: policy.Read}
	if r := risk(reads, nil); r.Level != "low" {
		t.Errorf("reading: %v", r)
	}
	if reads.Change = seal.Sum(nil); risk(reads, nil).Level != high {
		t.Error("a change that is not kept")
	}
}
