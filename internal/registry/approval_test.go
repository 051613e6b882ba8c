// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package registry_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// A governed house has environments: dev takes one approval, prod two, an
// emergency three. Ada and Bo are its authors; Bo approves prod's, too, as does
// Ada's key by another name.
type governed struct {
	*house
	adaToo, carol, dave, erin key
}

func newGoverned(t *testing.T) *governed {
	t.Helper()
	h := &governed{
		house: newHouse(t), adaToo: newKey(t, "ada2@house.test", 2), carol: newKey(t, "carol@house.test", 4),
		dave: newKey(t, "dave@house.test", 5), erin: newKey(t, "erin@house.test", 6),
	}
	h.Environments = map[string]policy.Quorum{
		"dev":  h.quorum(t, 1, h.dave),
		"prod": h.quorum(t, 2, h.second, h.adaToo, h.carol, h.erin),
	}
	h.BreakGlass = &policy.Emergency{Quorum: h.quorum(t, 3, h.carol, h.dave, h.erin, h.second), Longest: 24 * time.Hour}
	return h
}

func (h *governed) quorum(t *testing.T, required int, approvers ...key) policy.Quorum {
	t.Helper()
	var texts []string
	for _, k := range approvers {
		texts = append(texts, k.Public)
	}
	q, err := policy.NewQuorum([]string{h.ada.Public, h.second.Public}, texts, required)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

const (
	prod    = `{"environment":"prod","policy_name":"reader","tool_policy":{"allow":["desk.read"]},"wpc_version":"v1"}`
	dev     = `{"environment":"dev","policy_name":"reader","tool_policy":{"allow":["desk.read"]},"wpc_version":"v1"}`
	nowhere = `{"policy_name":"reader","tool_policy":{"allow":["desk.read"]},"wpc_version":"v1"}`
)

// hasty is a policy for an emergency that ends after a while.
func hasty(after time.Duration) string {
	end := time.Now().Add(after).UTC().Format(time.RFC3339)
	return `{"break_glass":{"expires_at":"` + end + `","reason":"outage"},"environment":"prod","policy_name":"reader","tool_policy":{"allow":["desk.read"]},"wpc_version":"v1"}`
}

func TestApprovals(t *testing.T) {
	h := newGoverned(t)
	mallory, impostor := newKey(t, "mallory@house.test", 9), newKey(t, "carol@house.test", 10)
	for _, test := range []struct {
		name, wpc string
		by        []key
		is        error
		says      string
	}{
		{"by its author alone", prod, []key{h.ada}, policy.ErrApprovals, "prod needs 2 and has 0; signed by ada@house.test"},
		{"one of two", prod, []key{h.ada, h.carol}, policy.ErrApprovals, "missing: 1 of erin@house.test"},
		{"one of two and another environment's", prod, []key{h.ada, h.carol, h.dave}, policy.ErrApprovals, "dave@house.test"},
		{"the author's own", prod, []key{h.second, h.carol}, policy.ErrOwnApproval, "prod needs 2 and has 1"},
		{"the author's own by another name", prod, []key{h.ada, h.adaToo, h.carol}, policy.ErrOwnApproval, "ada2@house.test"},
		{"a second author's", prod, []key{h.ada, h.second, h.carol}, policy.ErrOwnApproval, "bo@house.test"},
		{"approvers alone", prod, []key{h.carol, h.erin}, policy.ErrAuthor, "carol@house.test"},
		{"an author by another name, and approvers", prod, []key{h.adaToo, h.carol, h.erin}, policy.ErrAuthor, "ada2@house.test"},
		{"a stranger as well", prod, []key{h.ada, h.carol, h.erin, mallory}, seal.ErrUnknownKey, "mallory@house.test"},
		{"an approver's name and another key", prod, []key{h.ada, impostor, h.erin}, seal.ErrUnknownKey, "carol@house.test"},
		{"for no environment", nowhere, []key{h.ada, h.carol, h.erin}, policy.ErrEnvironment, "this house has dev, prod"},
		{"for another environment", strings.Replace(prod, "prod", "test", 1), []key{h.ada, h.carol, h.erin}, policy.ErrEnvironment, `"test"`},
		{"emergency with too few", hasty(time.Hour), []key{h.ada, h.carol, h.erin}, policy.ErrApprovals, "an emergency needs 3 and has 2"},
		{"emergency with the author's own", hasty(time.Hour), []key{h.second, h.carol, h.erin}, policy.ErrOwnApproval, "an emergency needs 3"},
		{"emergency that is over", hasty(-time.Second), []key{h.ada, h.carol, h.dave, h.erin}, policy.ErrEmergency, "it ended at"},
		{"emergency for too long", hasty(24*time.Hour + 5*time.Minute), []key{h.ada, h.carol, h.dave, h.erin}, policy.ErrEmergency, "more than 24h0m0s"},
	} {
		_, err := h.Publish(t.Context(), signed(t, test.wpc, test.by...))
		if !errors.Is(err, registry.ErrRefused) || !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: got %v", test.name, err)
		}
	}
	if list, err := h.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("left %d behind, %v", len(list), err)
	}
}

func TestApproved(t *testing.T) {
	for _, test := range []struct {
		name, wpc string
		by        func(h *governed) []key
	}{
		{"dev", dev, func(h *governed) []key { return []key{h.ada, h.dave} }},
		{"prod", prod, func(h *governed) []key { return []key{h.ada, h.carol, h.erin} }},
		{"prod, the author last", prod, func(h *governed) []key { return []key{h.erin, h.carol, h.second} }},
		{"prod, and others", prod, func(h *governed) []key { return []key{h.ada, h.second, h.adaToo, h.carol, h.dave, h.erin} }},
		{"emergency", hasty(24*time.Hour - 5*time.Minute), func(h *governed) []key { return []key{h.ada, h.carol, h.dave, h.erin} }},
	} {
		h := newGoverned(t)
		e, err := h.Publish(t.Context(), signed(t, test.wpc, test.by(h)...))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if got, err := h.Policy(t.Context(), e.Policy.Hash()); err != nil || got.Hash() != seal.Sum([]byte(test.wpc)) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func TestRoles(t *testing.T) {
	h := newGoverned(t)
	e, err := h.Publish(t.Context(), signed(t, prod, h.carol, h.ada, h.dave, h.erin))
	if err != nil {
		t.Fatal(err)
	}
	want := []policy.Signature{
		{Key: seal.KeyID(h.carol), Role: policy.RoleApprover}, {Key: seal.KeyID(h.ada), Role: policy.RoleAuthor},
		{Key: seal.KeyID(h.dave), Role: policy.RoleNone}, {Key: seal.KeyID(h.erin), Role: policy.RoleApprover},
	}
	if diff := cmp.Diff(want, e.Signatures); diff != "" {
		t.Error(diff)
	}
}

// A house without environments is as it was, and has no policies for any.
func TestWithoutEnvironments(t *testing.T) {
	h := newHouse(t)
	h.publish(t, nowhere)
	if _, err := h.Publish(t.Context(), signed(t, prod, h.ada)); !errors.Is(err, registry.ErrRefused) || !errors.Is(err, policy.ErrEnvironment) {
		t.Errorf("for an environment: %v", err)
	}
	urgent := strings.Replace(hasty(time.Hour), `"environment":"prod",`, "", 1)
	if _, err := h.Publish(t.Context(), signed(t, urgent, h.ada)); !errors.Is(err, policy.ErrEmergency) {
		t.Errorf("for an emergency: %v", err)
	}
}

// What is published is held to the house's rules as they are now, on every read.
func TestRulesChanged(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(t *testing.T, h *governed)
		is     error
	}{
		{"more are required", func(t *testing.T, h *governed) {
			h.Environments["prod"] = h.quorum(t, 3, h.carol, h.dave, h.erin)
		}, policy.ErrApprovals},
		{"an approver has gone", func(t *testing.T, h *governed) {
			h.Environments["prod"] = h.quorum(t, 1, h.erin)
			h.BreakGlass = nil
		}, seal.ErrUnknownKey},
		{"an approver has another role", func(t *testing.T, h *governed) {
			h.Environments["prod"] = h.quorum(t, 2, h.dave, h.erin)
		}, policy.ErrApprovals},
		{"an approver has become an author", func(t *testing.T, h *governed) {
			h.Authors = append(h.Authors, h.carol.Verifier)
		}, policy.ErrApprovals},
		{"the environment has gone", func(t *testing.T, h *governed) {
			h.Environments["live"] = h.Environments["prod"]
			delete(h.Environments, "prod")
		}, policy.ErrEnvironment},
		{"all environments have gone", func(t *testing.T, h *governed) {
			h.Authors = append(h.Authors, h.carol.Verifier, h.erin.Verifier)
			h.Environments = nil
		}, policy.ErrEnvironment},
		{"the author has gone", func(t *testing.T, h *governed) { h.Authors = h.Authors[1:] }, seal.ErrUnknownKey},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newGoverned(t)
			e, err := h.Publish(t.Context(), signed(t, prod, h.ada, h.carol, h.erin))
			if err != nil {
				t.Fatal(err)
			}
			test.change(t, h)
			_, err = h.Policy(t.Context(), e.Policy.Hash())
			if !errors.Is(err, registry.ErrUnusable) || !errors.Is(err, test.is) {
				t.Errorf("got %v, want %v", err, test.is)
			}
			h.wantFault(t, e.Policy.Hash())
		})
	}
}

// A signature that is taken away from the database takes the policy along.
func TestApprovalTakenAway(t *testing.T) {
	h := newGoverned(t)
	e, err := h.Publish(t.Context(), signed(t, prod, h.ada, h.carol, h.erin))
	if err != nil {
		t.Fatal(err)
	}
	e.Envelope.Signatures = e.Envelope.Signatures[:2]
	h.exec(t, `UPDATE policy SET envelope = ?`, marshal(t, e.Envelope))
	if _, err := h.Entry(t.Context(), e.Policy.Hash()); !errors.Is(err, registry.ErrUnusable) || !errors.Is(err, policy.ErrApprovals) {
		t.Errorf("got %v", err)
	}
}

// A policy for an emergency is still there to read, and to prove by, when the
// emergency is over; deciding denies then. It is not published again.
func TestEmergencyIsOver(t *testing.T) {
	h := newGoverned(t)
	paper := hasty(time.Hour)
	e, err := h.Publish(t.Context(), signed(t, paper, h.ada, h.carol, h.dave, h.erin))
	if err != nil {
		t.Fatal(err)
	}
	h.Now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	p, err := h.Policy(t.Context(), e.Policy.Hash())
	if err != nil {
		t.Fatalf("it is not there any more: %v", err)
	}
	call := &policy.Call{Tool: "desk", Action: "read", Class: policy.Read}
	if d := p.Decide(call, &policy.Facts{Now: time.Now()}); d.Effect != policy.Allow || !d.BreakGlass {
		t.Errorf("in time: %+v", d)
	}
	if d := p.Decide(call, &policy.Facts{Now: h.Now()}); d.Effect != policy.Deny {
		t.Errorf("too late: %+v", d)
	}
	if _, err := h.Publish(t.Context(), signed(t, paper, h.ada, h.carol, h.dave, h.erin)); !errors.Is(err, policy.ErrEmergency) {
		t.Errorf("published again: %v", err)
	}
}

// The papers of a policy for an emergency cannot be given a later publication:
// the binding's time is signed, and the life counts from there.
func TestEmergencyIsHeldToItsPublication(t *testing.T) {
	h := newGoverned(t)
	e, err := h.Publish(t.Context(), signed(t, hasty(23*time.Hour), h.ada, h.carol, h.dave, h.erin))
	if err != nil {
		t.Fatal(err)
	}
	h.exec(t, `UPDATE policy SET published = published - 86400000`)
	if _, err := h.Policy(t.Context(), e.Policy.Hash()); err != nil {
		t.Errorf("an unsigned time counts: %v", err)
	}
	h.BreakGlass.Longest = 22 * time.Hour
	if _, err := h.Policy(t.Context(), e.Policy.Hash()); !errors.Is(err, policy.ErrEmergency) {
		t.Errorf("got %v", err)
	}
}

// Two replicas of which one has other rules: each holds what is published to
// its own, whoever published it.
func TestReplicasWithOtherRules(t *testing.T) {
	h := newGoverned(t)
	strict := &registry.Registry{
		DB: h.DB, Authors: h.Authors, Environments: map[string]policy.Quorum{"prod": h.quorum(t, 3, h.carol, h.dave, h.erin)},
		Signer: h.Signer, Self: h.Self, Resolvers: h.Resolvers, Now: h.Now,
	}
	paper := signed(t, prod, h.ada, h.carol, h.erin)
	if _, err := strict.Publish(t.Context(), paper); !errors.Is(err, policy.ErrApprovals) {
		t.Errorf("the strict one: %v", err)
	}
	e, err := h.Publish(t.Context(), paper)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := strict.Policy(t.Context(), e.Policy.Hash()); !errors.Is(err, registry.ErrUnusable) || !errors.Is(err, policy.ErrApprovals) {
		t.Errorf("the strict one, reading: %v", err)
	}
	if _, err := h.Policy(t.Context(), e.Policy.Hash()); err != nil {
		t.Errorf("the other one, reading: %v", err)
	}
}

// Approvals race each other to the registry: whichever paper is first, all
// replicas then tell of the same.
func TestReplicasPublishAtOnce(t *testing.T) {
	h := newGoverned(t)
	twin := &registry.Registry{
		DB: h.DB, Authors: h.Authors, Environments: h.Environments, BreakGlass: h.BreakGlass,
		Signer: h.Signer, Self: h.Self, Resolvers: h.Resolvers, Now: h.Now,
	}
	papers := []*seal.Envelope{signed(t, prod, h.ada, h.carol, h.erin), signed(t, prod, h.second, h.erin, h.carol)}
	got := make([]*registry.Entry, 12)
	errs := make([]error, len(got))
	var all sync.WaitGroup
	for i := range got {
		r := []*registry.Registry{h.Registry, twin}[i%2]
		e := *papers[i/2%2]
		all.Go(func() { got[i], errs[i] = r.Publish(t.Context(), &e) })
	}
	all.Wait()
	for i := range got {
		if errs[i] != nil {
			t.Fatal(errs[i])
		}
		if diff := cmp.Diff(got[0].Signatures, got[i].Signatures); diff != "" {
			t.Fatal(diff)
		}
	}
}
