// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"slices"
	"strings"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// Sentence says in one sentence what an agent asks for, in the words of its
// receipt: no text of the agent's is in it.
func Sentence(agent string, c *policy.Call) string {
	does := map[policy.Class]string{
		policy.Read: "wants to read", policy.Search: "wants to search", policy.Write: "wants to change", policy.Admin: "wants to administer", policy.Model: "asks", policy.Connect: "wants to connect to",
	}[c.Class]
	if does == "" {
		does = "wants something of a kind that this house does not know from"
	}
	what := c.Tool
	switch {
	case len(c.Resources) > 0:
		what = things(c.Resources)
	case c.Action == "": // a tool that does one thing, such as a program's own
		what = "something"
	}
	by := ""
	if c.Carrier != "" {
		by = ", " + c.Elsewhere()
	}
	return Visible(agent + " " + does + " " + what + ", by " + c.Name() + by)
}

// things names resources: the first ones, and how many more there are.
func things(list []policy.Resource) string {
	const named = 3
	var out []string
	for i, r := range list[:min(len(list), named)] {
		text := strings.TrimSpace(r.Type + " " + r.ID)
		if r.Version != "" {
			text += " (version " + r.Version + ")"
		}
		if i == 0 || !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	text := strings.Join(out, ", ")
	if more := len(list) - named; more > 0 {
		text += " and " + count(more) + " more"
	}
	return text
}

// high is the level of risk for which a yes may want a step-up.
const high = "high"

// A Risk is how much can go wrong with a call, and why that is said. It decides
// nothing of the call, which policies do; who says yes to what is of high risk may
// have to show first that it is them.
type Risk struct {
	Level string   // "low", "medium" or "high"
	Why   []string // sentences
}

// RiskOf judges a call by what its receipt and its change say. change is nil if
// the call changes nothing that is told.
func RiskOf(c *policy.Call, change *receipt.Change) Risk {
	r := Risk{Level: "low"}
	raise := func(level, why string) {
		if r.Level != high {
			r.Level = level
		}
		r.Why = append(r.Why, why)
	}
	switch c.Class {
	case policy.Write:
		raise("medium", "It changes content.")
	case policy.Admin:
		raise(high, "It changes permissions, settings or many things at once.")
	case policy.Connect:
		raise("medium", "What the connection carries, nobody here sees.")
	case policy.Model, policy.Read, policy.Search:
	default:
		raise(high, "It is of a kind that this house does not know.")
	}
	if slices.Contains(c.Categories, "external_send") {
		raise(high, "It sends something out of the house.")
	}
	if slices.Contains(c.Categories, "user_provisioning") {
		raise(high, "It gives or takes people's access.")
	}
	switch {
	case change != nil && change.Undo.Irreversible != "":
		raise(high, "Nothing takes it back.")
	case change == nil && c.Mutates():
		raise(high, "It does not say how it is taken back.")
	}
	if len(c.Resources) > 10 {
		raise(high, "It touches "+count(len(c.Resources))+" things at once.")
	}
	if len(r.Why) == 0 {
		r.Why = []string{"It changes nothing."}
	}
	return r
}

// Undoing says whether a change can be taken back, and how.
func Undoing(tool string, c *receipt.Change) (can bool, says string) {
	if c.Undo.Irreversible != "" {
		return false, Visible(c.Undo.Irreversible)
	}
	return true, Visible("by " + tool + "." + c.Undo.Action + ", as it was before")
}
