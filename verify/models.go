// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// A Model is what the closed calls that one model answered come to, as
// providers say it.
type Model struct {
	Name      string `json:"model"`     // by its provider's name for it, or the provider's if it gave none
	Calls     int    `json:"calls"`     //
	Input     int    `json:"input"`     // tokens
	Output    int    `json:"output"`    // tokens
	Uncounted int    `json:"uncounted"` // of Calls: without a usage
	Proposed  int    `json:"proposed"`  // tool calls that it wanted made
}

// add counts one call.
func (m *Model) add(g *receipt.Generation) {
	m.Calls++
	m.Proposed += len(g.Proposed)
	if u := g.Usage; u != nil {
		m.Input += u.Input
		m.Output += u.Output
	} else {
		m.Uncounted++
	}
}

// generation checks what r says of a model's answer against the call that it
// closes (spec/receipt.md 4.5 and 4.7), and what it says of a connection (4.9).
func (a *auditor) generation(r, opened *receipt.Receipt) {
	g := r.Outcome.Model
	if g != nil && !g.Answers(opened.Call) {
		a.find(receiptOutcome, r.Seq, "an answer of the provider %q to %q, which is no call to it", g.Provider, opened.Call.Name())
	}
	if g != nil {
		a.answered(g)
	}
	if n := r.Outcome.Connection; n != nil && !n.Of(opened.Call) {
		a.find(receiptOutcome, r.Seq, "a connection of %q, which is no call to a host", opened.Call.Name())
	}
	if opened.Call.Class == policy.Model {
		a.settled(r, opened)
	}
}

// answered counts g in the report.
func (a *auditor) answered(g *receipt.Generation) {
	name := g.Model
	if name == "" {
		name = g.Provider
	}
	i, found := slices.BinarySearchFunc(a.report.Models, name, func(m Model, name string) int { return strings.Compare(m.Name, name) })
	if !found {
		a.report.Models = slices.Insert(a.report.Models, i, Model{Name: name})
	}
	a.report.Models[i].add(g)
}

// settled checks that a model call gave back what it did not use, and no more.
func (a *auditor) settled(r, opened *receipt.Receipt) {
	reserved := opened.Call.Uses
	if len(reserved) == 0 {
		return // nothing to give back
	}
	want, got := receipt.Settled(reserved, r.Outcome), r.Outcome.Used
	if (want == nil) != (got == nil) || !maps.Equal(want, got) {
		a.find(receiptSettled, r.Seq, "it says that it used %s; by its status and its usage that is %s", amounts(got), amounts(want))
	}
}

// amounts says what was used, for people.
func amounts(used map[string]int) string {
	switch {
	case used == nil:
		return "all that was reserved"
	case len(used) == 0:
		return "nothing"
	}
	var parts []string
	for _, k := range sorted(used) {
		parts = append(parts, fmt.Sprintf("%d %s", used[k], k))
	}
	return strings.Join(parts, ", ")
}
