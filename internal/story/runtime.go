// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// An Attestation is a launcher's word for what an agent ran in.
type Attestation struct {
	Number     int       `json:"number"` // its place in the bundle, from 1
	Unread     string    `json:"unread"` // why nothing else of it is told; "": it is
	Hash       string    `json:"hash"`
	Agent      string    `json:"agent"`
	Policy     string    `json:"policy"`
	Launcher   string    `json:"launcher"`
	At         time.Time `json:"at"`
	Until      time.Time `json:"until"` // tokens are ordered on it before then
	Program    string    `json:"program"`
	Around     []string  `json:"around"` // what surrounds the agent
	Tools      []string  `json:"tools"`
	Extensions []string  `json:"extensions"`
	Checks     []string  `json:"checks"` // what the launcher went by
	Texts      []Text    `json:"texts"`
}

// A Trace is what a program says itself of the calls that it made.
type Trace struct {
	Number      int       `json:"number"`
	Unread      string    `json:"unread"`
	Agent       string    `json:"agent"`
	Launcher    string    `json:"launcher"`
	At          time.Time `json:"at"`
	Program     string    `json:"program"`
	Attestation string    `json:"attestation"` // its hash; "": it stands on none
	Calls       []string  `json:"calls"`       // of each kind and name, how many ran and how many were kept back
	Texts       []Text    `json:"texts"`
}

func (n *narrator) attestation(i int) Attestation {
	out := Attestation{Number: i + 1}
	e := &n.bundle.Attestations[i]
	if _, err := e.Open(receipt.AttestationType, n.keys.launchers...); err != nil {
		out.Unread = "it is not signed by a launcher whom you trust"
		return out
	}
	a, err := receipt.OpenAttestation(e, n.keys.launchers...)
	if err != nil {
		out.Unread = "it is signed, and is no attestation of who signed it"
		return out
	}
	out.Hash, out.Agent, out.Policy, out.Launcher = a.Hash().String(), Visible(a.Agent), a.Policy.String(), Visible(a.Launcher)
	out.At, out.Until, out.Program = a.At, a.Until, Visible(a.Program+", "+a.Version)
	out.Around, out.Tools = around(a), visibles(a.Tools)
	for _, x := range a.Extensions {
		out.Extensions = append(out.Extensions, extension(x))
	}
	for _, c := range a.Checks {
		out.Checks = append(out.Checks, Visible(checked(&c)))
		out.Texts = append(out.Texts, n.text(Visible("What the check said: "+c.Name), c.Output)...)
	}
	return out
}

// around says what surrounds the agent, the worst too: what is not attested is not so.
func around(a *receipt.Attestation) []string {
	r := a.Runtime
	out := []string{"its tools are not known to run in a sandbox", "it may run with elevated rights", "what it may do to the workspace is not known", "no plugin asks the house about the program's own tools"}
	if r.Sandboxed {
		out[0] = "its tools run in a sandbox"
	}
	if r.Unelevated {
		out[1] = "it does not run with elevated rights"
	}
	if r.Workspace != "" {
		out[2] = map[string]string{"none": "it has no access to the workspace", "ro": "it reads the workspace", "rw": "it reads and writes the workspace"}[r.Workspace]
	}
	if !a.Guard.IsZero() {
		out[3] = "a plugin asks the house about the program's own tools: " + a.Guard.String()
	}
	return append(out, "the program's configuration: "+a.Config.String())
}

func extension(x policy.Extension) string {
	return Visible(fmt.Sprintf("%s %s (%s)", x.Kind, x.Name, x.Digest))
}

func checked(c *receipt.Check) string {
	out := fmt.Sprintf("%s ended with %d", c.Name, c.Exit)
	if c.Exit < 0 {
		out = c.Name + " did not end by itself"
	}
	if c.Critical > 0 {
		out += fmt.Sprintf(", and found %d things that it calls critical", c.Critical)
	}
	return out
}

func (n *narrator) trace(i int) Trace {
	out := Trace{Number: i + 1}
	e := &n.bundle.Traces[i]
	if _, err := e.Open(receipt.TraceType, n.keys.launchers...); err != nil {
		out.Unread = "it is not signed by a launcher whom you trust"
		return out
	}
	t, err := receipt.OpenTrace(e, n.keys.launchers...)
	if err != nil {
		out.Unread = "it is signed, and is no trace of who signed it"
		return out
	}
	out.Agent, out.Launcher, out.At, out.Program = Visible(t.Agent), Visible(t.Launcher), t.At, Visible(t.Program+", "+t.Version)
	if !t.Attestation.IsZero() {
		out.Attestation = t.Attestation.String()
	}
	out.Calls = told(t.Calls)
	out.Texts = n.text("All that the program says, as it says it", t.Export)
	return out
}

// told counts calls of one kind and name together.
func told(calls []receipt.TracedCall) []string {
	type counts struct{ ran, blocked int }
	of := map[string]counts{}
	for _, c := range calls {
		what := map[receipt.TracedKind]string{receipt.TracedModel: "models", receipt.TracedLocal: "its own tool " + c.Name, receipt.TracedRemote: "the house's tool " + c.Name}[c.Kind]
		k := of[what]
		if c.Status == receipt.TracedRan {
			k.ran++
		} else {
			k.blocked++
		}
		of[what] = k
	}
	var out []string
	for _, what := range slices.Sorted(maps.Keys(of)) {
		out = append(out, Visible(fmt.Sprintf("%s: %d ran, %d were kept back", what, of[what].ran, of[what].blocked)))
	}
	return out
}
