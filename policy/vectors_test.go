// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/internal/vectors"
	"github.com/clawea/clawea/seal"
)

// TestVectors decides every case of testdata/vectors/policy-*.txtar. A vector's
// name begins with the clause of spec/policy.md that it proves.
func TestVectors(t *testing.T) { vectors.Run(t, "policy", runVector) }

// runVector does what the files of a vector ask for and says what came of it.
func runVector(t *testing.T, files map[string][]byte) string {
	t.Helper()
	if text, ok := files["pattern"]; ok {
		return runPattern(strings.TrimSuffix(string(text), "\n"), string(files["actions"]))
	}
	p, err := Parse(files["policy.json"])
	if err != nil {
		return fmt.Sprintf("refused: %v\n", err)
	}
	out := fmt.Sprintf("policy: %v\n", p.Hash())
	if allowed, said := p.Bearer(); said {
		out += fmt.Sprintf("bearer: %t\n", allowed)
	}
	if b, ok := files["binding.json"]; ok {
		parsed, err := ParseBinding([]byte(strings.TrimSpace(string(b))))
		if err != nil {
			t.Fatal(err)
		}
		if p, err = p.Bind(parsed); err != nil {
			return out + fmt.Sprintf("refused: %v\n", err)
		}
	}
	if b, ok := files["grant.json"]; ok {
		var g Grant
		decodeVector(t, b, &g)
		if p, err = p.Narrow(g, nil); err != nil {
			return out + fmt.Sprintf("refused: %v\n", err)
		}
	}
	if files["call.json"] == nil {
		return out
	}
	c, f := new(Call), new(Facts)
	decodeVector(t, files["call.json"], c)
	decodeVector(t, files["facts.json"], f)
	if content, ok := files["content"]; ok {
		f.Conditions = p.Conditions(c, f, bytes.TrimSuffix(content, []byte("\n")))
		for _, at := range slices.Sorted(maps.Keys(f.Conditions)) {
			out += fmt.Sprintf("condition %s: %t\n", at, f.Conditions[at])
		}
	}
	d := p.Decide(c, f)
	if want, ok := files["marks"]; ok {
		if diff := cmp.Diff(string(want), marks(p, d)); diff != "" {
			t.Errorf("marks: -want +got:\n%s", diff)
		}
	}
	if diff := cmp.Diff(d.Effect, p.Decide(p.Minimal(c), minimalFacts(p, c, f)).Effect); diff != "" {
		t.Errorf("the recorded call decides otherwise:\n%s", diff)
	}
	return out + describe(d)
}

// runPattern says what a pattern means of actions, "TOOL NAME CLASS" on each line.
func runPattern(text, actions string) string {
	p, err := ParsePattern(text)
	if err != nil {
		return fmt.Sprintf("refused: %v\n", err)
	}
	out := fmt.Sprintf("pattern: %v\n", p)
	for line := range strings.Lines(actions) {
		words := append(strings.Fields(line), "", "", "")
		a := Action{words[0], words[1], Class(words[2])}
		if words[2] == "" { // an action that has only its tool's name
			a = Action{words[0], "", Class(words[1])}
		}
		out += fmt.Sprintf("%v (%s): %t\n", a, a.Class, p.Means(a))
	}
	return out
}

// minimalFacts are f about the minimal c: its approvals are for the call that
// is recorded.
func minimalFacts(p *Policy, c *Call, f *Facts) *Facts {
	out := *f
	out.Approvals = nil
	for _, a := range f.Approvals {
		if a.Call == c.Digest() {
			a.Call = p.Minimal(c).Digest()
		}
		out.Approvals = append(out.Approvals, a)
	}
	return &out
}

func decodeVector(t *testing.T, b []byte, v any) {
	t.Helper()
	if err := seal.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}

// marks are what a policy says about itself, and whether its decision is marked
// as one of an emergency.
func marks(p *Policy, d Decision) string {
	out := fmt.Sprintf("break_glass: %t\n", d.BreakGlass)
	if e := p.Environment(); e != "" {
		out += "environment: " + e + "\n"
	}
	if r := p.ChangeRecord(); r != nil {
		out += fmt.Sprintf("change: %s %s %s\n", r.System, r.ID, r.URL)
	}
	return out
}

func describe(d Decision) string {
	out := fmt.Sprintf("effect: %v\n", d.Effect)
	if d.Approval != "" {
		out += "approval: " + d.Approval + "\n"
	}
	if d.Missing > 0 {
		out += fmt.Sprintf("missing: %d\n", d.Missing)
	}
	for _, r := range d.Reasons {
		out += fmt.Sprintf("reason: %v\n", r)
	}
	return out
}
