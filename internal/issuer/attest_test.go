// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package issuer_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/internal/issuer"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

const attested = `{"wpc_version":"v1","tool_policy":{"allow":["deploy.*"]},"agent_runtime":{"attestation_required":true,"plugins_allowlist":["clawea"]}}`

var guard = policy.Extension{Kind: policy.Plugin, Name: "clawea", Digest: seal.Sum([]byte("guard"))}

// launcher makes a launcher's key; listed: the house lists it.
func (h *house) launcher(t *testing.T, name string, seed byte, listed bool) seal.Signer {
	t.Helper()
	k := housetest.NewKey(t, name, seed)
	if listed {
		h.Launchers = append(h.Launchers, k.Verifier)
	}
	return k
}

// publishAttested publishes a policy that asks for an attestation.
func (h *house) publishAttested(t *testing.T) seal.Hash {
	t.Helper()
	p, err := policy.Parse([]byte(attested))
	if err != nil {
		t.Fatal(err)
	}
	if p, err = p.Bind(&policy.Binding{Policy: p.Hash(), At: h.now, Names: []policy.Bound{}, Extensions: []policy.Extension{guard}}); err != nil {
		t.Fatal(err)
	}
	h.Policies.(policies)[p.Hash()] = p
	return p.Hash()
}

// A token stands on an attestation only if a listed launcher has signed it, it is for this
// very order, holds now, and has loaded nothing but what the policy was published with.
func TestAttestation(t *testing.T) {
	jkt := strings.Repeat("A", 43)
	for name, test := range map[string]struct {
		change func(h *house, a *receipt.Attestation, o *issuer.Order)
		by     string // "" is the listed launcher
		wrong  string // "" if the token is issued
	}{
		"whole":                 {},
		"of the other policy":   {change: func(h *house, a *receipt.Attestation, o *issuer.Order) { o.Policy = h.policy }, wrong: "another agent, job or policy"},
		"not asked for":         {change: func(h *house, a *receipt.Attestation, o *issuer.Order) { o.Policy, a.Policy = h.policy, h.policy }},
		"of another job":        {change: func(_ *house, a *receipt.Attestation, _ *issuer.Order) { a.Job = "job-2" }, wrong: "another agent, job or policy"},
		"of another agent":      {change: func(_ *house, a *receipt.Attestation, _ *issuer.Order) { a.Agent = "other" }, wrong: "another agent, job or policy"},
		"over":                  {change: func(_ *house, a *receipt.Attestation, _ *issuer.Order) { a.At, a.Until = a.At.Add(-time.Hour), a.At }, wrong: "does not hold now"},
		"not yet":               {change: func(_ *house, a *receipt.Attestation, _ *issuer.Order) { a.At = a.At.Add(10 * time.Minute) }, wrong: "does not hold now"},
		"with a changed plugin": {change: func(_ *house, a *receipt.Attestation, _ *issuer.Order) { a.Extensions[0].Digest = seal.Sum(nil) }, wrong: `plugin "clawea", as it is`},
		"with another plugin":   {change: func(_ *house, a *receipt.Attestation, _ *issuer.Order) { a.Extensions[0].Name = "other" }, wrong: `plugin "other", as it is`},
		"for its key":           {change: func(_ *house, a *receipt.Attestation, o *issuer.Order) { a.Key, o.Key = jkt, jkt }},
		"for another key":       {change: func(_ *house, a *receipt.Attestation, o *issuer.Order) { a.Key, o.Key = jkt, "B"+jkt[1:] }, wrong: "of another key"},
		"for a key, unbound":    {change: func(_ *house, a *receipt.Attestation, o *issuer.Order) { a.Key = jkt }, wrong: "of another key"},
		"by a stranger":         {by: "stranger", wrong: "no launcher that the house lists"},
		"by another launcher":   {by: "second", wrong: "no launcher that the house lists"},
		"besides a runtime":     {change: func(_ *house, _ *receipt.Attestation, o *issuer.Order) { o.Runtime = &policy.Runtime{Sandboxed: true} }, wrong: "says itself"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.now = h.now.Truncate(time.Millisecond)
			signers := map[string]seal.Signer{"": h.launcher(t, "ci", 41, true), "second": h.launcher(t, "second", 42, true), "stranger": h.launcher(t, "ci", 43, false)}
			o := h.order()
			o.Policy = h.publishAttested(t)
			a := &receipt.Attestation{
				Job: o.Job, Agent: o.Agent, Policy: o.Policy, Launcher: "ci", At: h.now, Until: h.now.Add(time.Hour), Program: "openclaw", Version: "2026.1",
				Runtime: policy.Runtime{Sandboxed: true, Workspace: "ro"}, Config: seal.Sum([]byte("config")), Guard: guard.Digest, Tools: []string{"exec"},
				Extensions: []policy.Extension{guard}, Checks: []receipt.Check{},
			}
			if test.change != nil {
				test.change(h, a, &o)
			}
			var err error
			if o.Attestation, err = a.Sign(signers[test.by]); err != nil {
				t.Fatal(err)
			}
			m, err := h.Mint(t.Context(), o)
			if test.wrong == "" {
				if err != nil || m.Claims.Runtime == nil || *m.Claims.Runtime != *a.Attested() {
					t.Fatalf("%+v: %v", m, err)
				}
				if e, err := h.db.Attestation(t.Context(), o.Job, a.Hash()); err != nil || !e.Hash().Equal(o.Attestation.Hash()) {
					t.Errorf("it is not kept: %v", err)
				}
				return
			}
			if !errors.Is(err, issuer.ErrOrder) || !errors.Is(err, issuer.ErrAttestation) || !strings.Contains(err.Error(), test.wrong) || strings.Count(err.Error(), "\n") != 1 {
				t.Errorf("got %v, want %q", err, test.wrong)
			}
			if _, err := h.db.Attestation(t.Context(), o.Job, a.Hash()); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("what is refused is kept: %v", err)
			}
		})
	}
}

// Nobody makes a token stand on an attestation by hand, and a policy that asks for one has
// no token without.
func TestNoAttestation(t *testing.T) {
	h := newHouse(t)
	for _, o := range []issuer.Order{
		{Agent: "robot", Job: "job-1", Policy: h.publishAttested(t)},
		{Agent: "robot", Job: "job-1", Policy: h.publishAttested(t), Runtime: &policy.Runtime{Sandboxed: true}},
		{Agent: "robot", Job: "job-1", Policy: h.policy, Runtime: &policy.Runtime{Attestation: seal.Sum(nil)}},
		{Agent: "robot", Job: "job-1", Policy: h.policy, Attestation: &seal.Envelope{Type: receipt.AttestationType, Payload: []byte("{}")}},
		{Agent: "robot", Job: "job-1", Policy: h.policy, Attestation: &seal.Envelope{}},
	} {
		if m, err := h.Mint(t.Context(), o); !errors.Is(err, issuer.ErrAttestation) || strings.Count(err.Error(), "\n") != 1 {
			t.Errorf("%+v: %v, %v", o, m, err)
		}
	}
}

// A token is issued only on an attestation that holds at the time that the token says: whoever
// verifies it later knows no other.
func TestAttestationHoldsWhenIssued(t *testing.T) {
	for name, test := range map[string]struct {
		from, until time.Duration // since the second in which the order comes, 0.9 seconds after it began
		tick        time.Duration // how far the house's clock goes from one look to the next
		good        bool
	}{
		"holds":                         {0, time.Hour, 0, true},
		"by a clock ahead":              {token.Leeway, time.Hour, 0, true},
		"by one too far ahead":          {token.Leeway + 500*time.Millisecond, time.Hour, 0, false},
		"until the next second":         {-time.Minute, time.Second, 0, true},
		"over, while the token is made": {-time.Minute, time.Second, 200 * time.Millisecond, true},
		"over, when the order comes":    {-time.Minute, 900 * time.Millisecond, 0, false},
	} {
		h := newHouse(t)
		begun := h.now.Truncate(time.Second)
		h.now = begun.Add(900 * time.Millisecond)
		h.Now = func() time.Time {
			defer func() { h.now = h.now.Add(test.tick) }()
			return h.now
		}
		o := h.order()
		o.TTL = time.Minute
		o.Policy = h.publishAttested(t)
		a := &receipt.Attestation{
			Job: o.Job, Agent: o.Agent, Policy: o.Policy, Launcher: "ci", At: begun.Add(test.from), Until: begun.Add(test.until), Program: "openclaw", Version: "2026.1",
			Config: seal.Sum([]byte("config")),
		}
		var err error
		if o.Attestation, err = a.Sign(h.launcher(t, "ci", 41, true)); err != nil {
			t.Fatal(err)
		}
		m, err := h.Mint(t.Context(), o)
		if err == nil {
			err = a.Fits(o.Agent, o.Job, o.Key, h.Policies.(policies)[o.Policy], time.Unix(m.Claims.Issued, 0))
			if err != nil || !test.good {
				t.Errorf("%s: it is issued, and does not fit then: %v", name, err)
			}
			continue
		}
		if test.good || !errors.Is(err, issuer.ErrAttestation) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
