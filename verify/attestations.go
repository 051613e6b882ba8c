// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"fmt"
	"strings"
	"time"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// An attestation is a launcher's word for what an agent ran in.
type attestation struct {
	*receipt.Attestation
	attested *policy.Runtime // what a token has that stands on it
	traced   bool            // a trace stands on it
}

func (a *auditor) readAttestations() {
	for i := range a.bundle.Attestations {
		x, err := receipt.OpenAttestation(&a.bundle.Attestations[i], a.keys.launchers...)
		switch {
		case err != nil && unsigned(err):
			a.find(attestationSignature, 0, "attestation %d: %s", i+1, wrong(err))
			continue
		case err != nil:
			a.find(attestationMalformed, 0, "attestation %d: %s", i+1, wrong(err))
			continue
		}
		a.dated(0, fmt.Sprintf("attestation %d", i+1), x.At)
		attested := x.Attested()
		if a.attested[attested.Attestation] != nil {
			a.find(bundleDuplicate, 0, "attestation %d, %s: it is there twice", i+1, attested.Attestation)
			continue
		}
		held := &attestation{Attestation: x, attested: attested}
		a.runtimes = append(a.runtimes, held)
		a.attested[attested.Attestation] = held
		a.report.Runtimes = append(a.report.Runtimes, runtimeOf(held))
		for _, c := range x.Checks {
			a.committed[c.Output] = true
		}
	}
}

// wrong is what is wrong, of an error whose second line says what mends it: an auditor
// mends nothing.
func wrong(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// A Runtime is what an agent ran in, by the word of its launcher.
type Runtime struct {
	Program    string             `json:"program"`
	Version    string             `json:"version"`
	Launcher   string             `json:"launcher"`
	Runtime    policy.Runtime     `json:"runtime"`    // what surrounded it, and the attestation's hash
	Guarded    bool               `json:"guarded"`    // a plugin asked the gate about the program's own tools
	Tools      int                `json:"tools"`      // that the agent had, by the program's names
	Extensions []policy.Extension `json:"extensions"` // that were loaded
}

func runtimeOf(x *attestation) Runtime {
	return Runtime{x.Program, x.Version, x.Launcher, *x.attested, !x.Guard.IsZero(), len(x.Tools), x.Extensions}
}

// String says r in a line.
func (r *Runtime) String() string {
	words := []string{fmt.Sprintf("%s, %s, as %s attests", r.Program, r.Version, r.Launcher)}
	words = append(words, either(r.Runtime.Sandboxed, "tools in a sandbox", "no sandbox"))
	if r.Runtime.Workspace != "" {
		words = append(words, "workspace "+r.Runtime.Workspace)
	}
	words = append(words, either(r.Runtime.Unelevated, "not elevated", "perhaps elevated"), either(r.Guarded, "guarded", "without a guard"), fmt.Sprintf("%d tools", r.Tools))
	for _, x := range r.Extensions {
		words = append(words, x.Kind+" "+x.Name)
	}
	return strings.Join(words, ", ")
}

func either(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

// checkAttested checks that r's token stands on the attestation that it says it does, under p.
func (a *auditor) checkAttested(r *receipt.Receipt, h *held, p *published) {
	c := h.claims
	on := runtime(c.Runtime).Attestation
	if on.IsZero() {
		return
	}
	x := a.attested[on]
	if x == nil {
		a.find(tokenAttestation, r.Seq, "token %q stands on attestation %s, which is not in the bundle, or not to be trusted", c.ID, on)
		return
	}
	if *c.Runtime != *x.attested {
		a.find(tokenAttestation, r.Seq, "token %q says otherwise what its agent runs in than attestation %s, on which it stands", c.ID, on)
		return
	}
	if err := x.Fits(c.Agent, c.Job, c.Bound(), p.policy, time.Unix(c.Issued, 0)); err != nil {
		a.find(tokenAttestation, r.Seq, "token %q stands on attestation %s, and that does not fit: %s", c.ID, on, wrong(err))
		return
	}
	h.grounded = true
}

// grounded is how many tokens stand on an attestation as they say.
func (a *auditor) grounded() int {
	n := 0
	for _, h := range a.held {
		if h.grounded {
			n++
		}
	}
	return n
}

// unusedAttestations finds those on which neither a token nor a trace stands.
func (a *auditor) unusedAttestations() {
	stood := map[seal.Hash]bool{}
	for _, h := range a.held {
		stood[runtime(h.claims.Runtime).Attestation] = true
	}
	for _, x := range a.runtimes {
		if on := x.attested.Attestation; !x.traced && !stood[on] {
			a.find(attestationUnused, 0, "attestation %s: neither a token nor a trace stands on it", on)
		}
	}
}
