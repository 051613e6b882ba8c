// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/approval"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/verify"
)

const governed = `{"change_record":{"id":"CHG0042","system":"servicenow"},"environment":"prod","policy_name":"desk clerk","tool_policy":{"allow":["desk.read"]},"wpc_version":"v1"}`

// govern gives the house an environment, prod, and an approver, whose key it returns.
func (h *house) govern(t *testing.T) seal.Signer {
	t.Helper()
	carol, _, text := newKey(t, "carol@house.test", 7)
	q, err := policy.NewQuorum(h.trust.Authors, []string{text}, 1)
	if err != nil {
		t.Fatal(err)
	}
	h.Registry.Environments = map[string]policy.Quorum{"prod": q}
	h.trust.Environments = map[string]verify.Quorum{"prod": {Approvers: []string{text}, Required: 1}}
	return carol
}

// both signs a payload by two keys.
func (h *house) both(payload string, a, b seal.Signer) string {
	h.t.Helper()
	e, err := seal.Sign(a, policy.Type, []byte(payload))
	if err != nil {
		h.t.Fatal(err)
	}
	if err := e.Add(b); err != nil {
		h.t.Fatal(err)
	}
	return h.paper(e)
}

func TestApprovals(t *testing.T) {
	h := newHouse(t)
	carol := h.govern(t)
	p := h.wantProblem(h.post("/v1/wpc", h.signed(governed, h.ada)), 422, "not_approved")
	for _, want := range []string{"prod needs 1 and has 0", "signed by ada@house.test", "missing: 1 of carol@house.test"} {
		if !strings.Contains(p.Detail, want) {
			t.Errorf("%q does not say %q", p.Detail, want)
		}
	}
	if !strings.Contains(p.Hint, "clawea wpc sign -key FILE -o OUT SIGNED") {
		t.Errorf("hint %q", p.Hint)
	}
	published := into[api.Policy](t, h.post("/v1/wpc", h.both(governed, h.ada, carol)))
	got := into[api.Policy](t, h.get("/v1/wpc/"+published.Hash.String()))
	want := []policy.Signature{{Key: seal.KeyID(h.ada), Role: policy.RoleAuthor}, {Key: seal.KeyID(carol), Role: policy.RoleApprover}}
	if diff := cmp.Diff(want, got.Signers); diff != "" {
		t.Error(diff)
	}
	if got.Environment != "prod" || got.ChangeRecord == nil || got.ChangeRecord.ID != "CHG0042" || got.BreakGlass != nil {
		t.Errorf("shown: %+v", got)
	}
	trust, err := verify.ParseTrust(h.do("", "GET", "/v1/trust", "").body)
	if err != nil || trust.Environments["prod"].Required != 1 {
		t.Errorf("trust %+v, %v", trust, err)
	}
}

// A name's history has all that was published under it, oldest first, and what
// no longer verifies as well.
func TestHistory(t *testing.T) {
	h := newHouse(t)
	clock := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)
	h.Registry.Now = func() time.Time { return clock }
	paper := func(name, tool string) *api.Policy {
		clock = clock.Add(time.Hour)
		return into[api.Policy](t, h.post("/v1/wpc", h.signed(`{"policy_name":"`+name+`","tool_policy":{"allow":["`+tool+`"]},"wpc_version":"v1"}`, h.ada)))
	}
	third, first := paper("clerk & co", "z"), paper("clerk", "y")
	second := paper("clerk", "x")
	history := func(name string) []seal.Hash {
		var out []seal.Hash
		for _, p := range into[api.Policies](t, h.get("/v1/wpc?name="+url.QueryEscape(name))).Policies {
			if p.Name != name {
				t.Errorf("%q is listed under %q", p.Name, name)
			}
			out = append(out, p.Hash)
		}
		return out
	}
	if diff := cmp.Diff([]seal.Hash{first.Hash, second.Hash}, history("clerk")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]seal.Hash{third.Hash}, history("clerk & co")); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"", "Clerk", "cler", "nobody"} {
		if got := history(name); got != nil {
			t.Errorf("%q has %v", name, got)
		}
	}
	h.exec(`UPDATE policy SET binding = X'00' WHERE hash = ?`, first.Hash.String())
	if diff := cmp.Diff([]seal.Hash{first.Hash, second.Hash}, history("clerk")); diff != "" {
		t.Error("damaged:", diff)
	}
	h.exec(`UPDATE policy SET name = 'other' WHERE hash = ?`, second.Hash.String())
	if diff := cmp.Diff([]seal.Hash{first.Hash, second.Hash}, history("clerk")); diff != "" {
		t.Error("a row's name counts for more than the signed one:", diff)
	}
}

// A person delegates, is listed, and takes it back; nothing is listed that is over.
func TestDelegations(t *testing.T) {
	h := newHouse(t)
	_, bo, _ := newKey(t, "bo@house.test", 7)
	h.Desk.People = append(h.Desk.People, bo)
	now := time.Now()
	d := approval.NewDelegation("alice@house.test", "bo@house.test", now, now.Add(time.Hour), now, "on leave")
	sign := func() string {
		e, err := d.Sign(h.alice)
		if err != nil {
			t.Fatal(err)
		}
		return h.paper(e)
	}
	want := api.Delegation{ID: d.ID, From: d.From, To: d.To, Begins: d.Begins, Ends: d.Ends, At: d.At, Reason: "on leave"}
	if diff := cmp.Diff(want, *into[api.Delegation](t, h.post("/v1/delegations", sign()))); diff != "" {
		t.Errorf("kept:\n%s", diff)
	}
	if list := into[api.Delegations](t, h.get("/v1/delegations")); !cmp.Equal(list.Delegations, []api.Delegation{want}) {
		t.Errorf("listed %+v", list)
	}
	d.Withdraws, d.At = true, time.Now().UTC().Truncate(time.Millisecond)
	if back := into[api.Delegation](t, h.post("/v1/delegations", sign())); back.Withdrawn == nil || !back.Withdrawn.Equal(d.At) {
		t.Errorf("taken back %+v", back)
	}
	if list := into[api.Delegations](t, h.get("/v1/delegations")); len(list.Delegations) != 1 || list.Delegations[0].Withdrawn == nil {
		t.Errorf("listed %+v", list)
	}
}
