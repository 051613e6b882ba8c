// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestDecideProperties(t *testing.T) {
	t.Run("is a function", rapid.MakeCheck(func(t *rapid.T) {
		d, c := drawDocument(t), drawCall(t)
		f := drawFacts(t, c)
		if diff := cmp.Diff(policyOf(t, d).Decide(c, f), policyOf(t, d).Decide(c, f)); diff != "" {
			t.Fatal(diff)
		}
	}))
	t.Run("the zero policy denies", rapid.MakeCheck(func(t *rapid.T) {
		c := drawCall(t)
		if got := new(Policy).Decide(c, drawFacts(t, c)).Effect; got != Deny {
			t.Fatalf("effect = %v", got)
		}
	}))
	t.Run("always gives a reason", rapid.MakeCheck(func(t *rapid.T) {
		p, c := policyOf(t, drawDocument(t)), drawCall(t)
		if d := p.Decide(c, drawFacts(t, c)); len(d.Reasons) == 0 || d.Policy != p.Hash() {
			t.Fatalf("decision = %+v", d)
		}
	}))
	t.Run("what it permits can ever be", rapid.MakeCheck(func(t *rapid.T) {
		p, c := policyOf(t, drawDocument(t)), drawCall(t)
		a := Action{c.Tool, c.Action, c.Class}
		if d := p.Decide(c, drawFacts(t, c)); d.Effect != Deny && !p.CanEver(a) {
			t.Fatalf("%v of %v, which CanEver rules out", d.Effect, a)
		}
	}))
	t.Run("answers matter only to what is asked", rapid.MakeCheck(func(t *rapid.T) {
		p, c := policyOf(t, drawDocument(t)), drawCall(t)
		f := drawFacts(t, c)
		bare := *f
		bare.Approvals = nil
		got, alone := p.Decide(c, f), p.Decide(c, &bare)
		if alone.Effect != Ask && got.Effect != alone.Effect {
			t.Fatalf("%v became %v by answers", alone.Effect, got.Effect)
		}
	}))
	t.Run("a no never allows", rapid.MakeCheck(func(t *rapid.T) {
		p, c := policyOf(t, drawDocument(t)), drawCall(t)
		f := drawFacts(t, c)
		bare := *f
		bare.Approvals = nil
		f.Approvals = append(f.Approvals, answer(c, false))
		if p.Decide(c, &bare).Effect == Ask && p.Decide(c, f).Effect != Deny {
			t.Fatal("a no did not deny")
		}
	}))
	t.Run("an answer to another call never helps", rapid.MakeCheck(func(t *rapid.T) {
		p, c, other := policyOf(t, drawDocument(t)), drawCall(t), drawCall(t)
		if c.Digest() == other.Digest() {
			t.Skip("the same call")
		}
		f := drawFacts(t, other)
		bare := *f
		bare.Approvals = nil
		if diff := cmp.Diff(p.Decide(c, &bare), p.Decide(c, f)); diff != "" {
			t.Fatal(diff)
		}
	}))
	t.Run("the recorded call decides the same", rapid.MakeCheck(func(t *rapid.T) {
		p, c := policyOf(t, drawDocument(t)), drawCall(t)
		f := drawFacts(t, c)
		minimal := p.Minimal(c)
		if diff := cmp.Diff(p.Decide(c, f), p.Decide(minimal, minimalFacts(p, c, f))); diff != "" {
			t.Fatal(diff)
		}
		if diff := cmp.Diff(minimal, p.Minimal(minimal)); diff != "" {
			t.Fatal("not the least:", diff)
		}
	}))
	t.Run("the recorded call says only what its policy says", rapid.MakeCheck(func(t *rapid.T) {
		p := policyOf(t, drawDocument(t))
		for _, r := range p.Minimal(drawCall(t)).Resources {
			for _, l := range r.Labels {
				if !slices.ContainsFunc(p.Bounds("confluence"), func(b Bound) bool { return b.Kind == Label && b.ID == l }) {
					t.Fatalf("label %q is recorded", l)
				}
			}
			for _, place := range r.Path {
				if place.Name != "" && !slices.ContainsFunc(p.Names(), func(n Name) bool { return slices.Contains(strings.Split(n.Name, "/"), place.Name) }) {
					t.Fatalf("name %q is recorded", place.Name)
				}
			}
		}
	}))
	t.Run("an emergency ends, and changes nothing until then", rapid.MakeCheck(func(t *rapid.T) {
		d, c := drawDocument(t), drawCall(t)
		f := drawFacts(t, c)
		d.BreakGlass = nil
		plain := policyOf(t, d).Decide(c, f)
		d.BreakGlass = &BreakGlass{Reason: "down", Expires: noon.Add(time.Duration(rapid.Int64().Draw(t, "left")))}
		got := policyOf(t, d).Decide(c, f)
		if !got.BreakGlass {
			t.Fatal("the decision is not marked")
		}
		if d.BreakGlass.Expires.After(f.Now) {
			if got.Effect != plain.Effect || !slices.Equal(got.Reasons, plain.Reasons) {
				t.Fatalf("%v became %v: %v", plain.Effect, got.Effect, got.Reasons)
			}
		} else if got.Effect != Deny || !slices.ContainsFunc(got.Reasons, func(r Reason) bool { return r.Clause == "/break_glass/expires_at" }) {
			t.Fatalf("%v after the emergency: %v", got.Effect, got.Reasons)
		}
	}))
	t.Run("what was done before asks, if it changes something, and does nothing else", rapid.MakeCheck(func(t *rapid.T) {
		d, c := drawDocument(t), drawCall(t)
		d.Approvers = nil // one person is enough
		p, f := policyOf(t, d), drawFacts(t, c)
		f.Approvals = nil
		first := *f
		f.Repeats, first.Repeats = rapid.IntRange(1, 3).Draw(t, "times"), 0
		before, after := p.Decide(c, &first), p.Decide(c, f)
		if !c.Mutates() || before.Effect == Deny {
			if diff := cmp.Diff(before, after); diff != "" {
				t.Fatal(diff)
			}
			return
		}
		if after.Effect != Ask {
			t.Fatalf("%v became %v: %v", before.Effect, after.Effect, after.Reasons)
		}
		f.Approvals = []Approval{answer(c, true)}
		if got := p.Decide(c, f); got.Effect != Allow {
			t.Fatalf("a yes gives %v: %v", got.Effect, got.Reasons)
		}
	}))
	t.Run("what is said of plain tokens decides nothing", rapid.MakeCheck(func(t *rapid.T) {
		d, c := drawDocument(t), drawCall(t)
		f := drawFacts(t, c)
		d.Runtime = nil
		silent := policyOf(t, d)
		allowed := rapid.Bool().Draw(t, "allowed")
		d.Runtime = &runtime{Bearer: &allowed}
		p := policyOf(t, d)
		if got, said := p.Bearer(); got != allowed || !said {
			t.Fatalf("it says %t, %t, want %t", got, said, allowed)
		}
		if got, said := silent.Bearer(); got || said {
			t.Fatalf("a silent policy says %t, %t", got, said)
		}
		if got, want := p.Decide(c, f), silent.Decide(c, f); got.Effect != want.Effect || !slices.Equal(got.Reasons, want.Reasons) {
			t.Fatalf("%+v, want %+v", got, want)
		}
	}))
	t.Run("a ticket never hurts, and using more never helps", rapid.MakeCheck(func(t *rapid.T) {
		p, c := policyOf(t, drawDocument(t)), drawCall(t)
		f := drawFacts(t, c)
		less := *f
		less.Ticket = ""
		less.Used = maps.Clone(f.Used)
		less.Used[rapid.SampledFrom([]string{"pages", "class:write", "class:admin", tokens, cost}).Draw(t, "spent")] += rapid.IntRange(0, 3).Draw(t, "more")
		if before, after := p.Decide(c, f), p.Decide(c, &less); after.Effect > before.Effect {
			t.Fatalf("%v became %v", before, after)
		}
	}))
}

// lessOrEqual fails if b permits more than a: a deny that becomes anything
// else, or an ask that becomes an allow.
func lessOrEqual(t *rapid.T, a, b *Policy, c *Call, f *Facts) {
	t.Helper()
	before, after := a.Decide(c, f), b.Decide(c, f)
	if after.Effect > before.Effect {
		t.Fatalf("%v became %v:\nbefore %v\nafter %v", before.Effect, after.Effect, before.Reasons, after.Reasons)
	}
}

func TestNarrowNeverAllowsMore(t *testing.T) {
	catalog := []Action{}
	for _, tool := range world.tools {
		catalog = append(catalog, worldActions[tool]...)
	}
	t.Run("a part", rapid.MakeCheck(func(t *rapid.T) {
		p, c := policyOf(t, drawDocument(t)), drawCall(t)
		f := drawFacts(t, c)
		whole := p.Whole(catalog)
		g := Grant{Actions: subset(t, "granted", whole.Actions), Resources: subset(t, "granted", whole.Resources), Limits: whole.Limits}
		for _, k := range sortedKeys(g.Limits) {
			g.Limits[k] = rapid.IntRange(0, g.Limits[k]).Draw(t, "granted "+k)
		}
		narrowed, err := p.Narrow(g, catalog)
		if err != nil {
			t.Fatalf("a part of the whole is refused: %v", err)
		}
		lessOrEqual(t, p, narrowed, c, f)
	}))
	t.Run("the whole changes nothing", rapid.MakeCheck(func(t *rapid.T) {
		p, c := policyOf(t, drawDocument(t)), drawCall(t)
		f := drawFacts(t, c)
		called := Action{c.Tool, c.Action, c.Class}
		others := slices.DeleteFunc(slices.Clone(catalog), func(a Action) bool { return a.String() == called.String() })
		all := append(others, called)
		narrowed, err := p.Narrow(p.Whole(all), all)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := narrowed.Decide(c, f).Effect, p.Decide(c, f).Effect; got != want {
			t.Fatalf("effect = %v under the whole grant, %v without", got, want)
		}
	}))
	t.Run("nothing is nothing", rapid.MakeCheck(func(t *rapid.T) {
		p, c := policyOf(t, drawDocument(t)), drawCall(t)
		narrowed, err := p.Narrow(Grant{}, catalog)
		if err != nil {
			t.Fatal(err)
		}
		if got := narrowed.Decide(c, drawFacts(t, c)).Effect; got != Deny {
			t.Fatalf("effect = %v", got)
		}
	}))
}
