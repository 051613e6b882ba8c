// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/clawea/clawea/seal"
)

// diffNames are the names that calls have, each with every class.
var diffNames = []string{
	"confluence.page.get", "confluence.page.comments", "confluence.attachment.get", "confluence.page.create", "confluence", "jira.issue.get", "jira.issue.create", "jira.other",
	"repo.diff", "repo", "ref", "ref.issue.get", "read.all", "new.page.get", "new.one", "model", "egress.connect",
}

// diffBase is a policy that permits much, to change something about.
func diffBase() document {
	yes := func() *actionRule { return &actionRule{Allowed: true} }
	return document{
		Version:     "v1",
		Resources:   &resources{Spaces: []string{"ENG"}},
		Actions:     &actions{yes(), yes(), yes(), yes()},
		Allow:       &allow{Projects: []string{"ENG"}, Operations: []string{"issue.*"}, Fields: []string{"summary"}},
		Deny:        &deny{},
		ToolPolicy:  &toolPolicy{Allow: []string{"*"}},
		Constraints: &constraints{},
		ModelRoute:  &modelRoute{},
		Egress:      &egress{Hosts: []string{"api.example.com"}},
	}
}

// deepCopy makes drawing into one document leave another alone.
func deepCopy(t *rapid.T, d document) document {
	b, err := seal.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var out document
	if err := seal.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	if out.Deny == nil {
		out.Deny = &deny{}
	}
	return out
}

// drawPair draws two policies that differ in up to three sections, and the
// world in which everything that they speak of varies.
func drawPair(t *rapid.T) (a, b *Policy, world []*Example) {
	all := diffSections()
	da := diffBase()
	var varied []diffSection
	for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, len(all)-1), 0, 3, rapid.ID[int]).Draw(t, "sections") {
		all[i].draw(t, &da)
		varied = append(varied, all[i])
	}
	db := deepCopy(t, da)
	if len(varied) > 0 && rapid.Bool().Draw(t, "the same sections") {
		for _, s := range varied[:rapid.IntRange(1, len(varied)).Draw(t, "redrawn")] {
			s.draw(t, &db)
		}
	} else if len(varied) < 3 {
		i := rapid.IntRange(0, len(all)-1).Draw(t, "another section")
		all[i].draw(t, &db)
		varied = append(varied, all[i])
	}
	slices.SortFunc(varied, func(x, y diffSection) int { return sectionIndex(all, x) - sectionIndex(all, y) })
	varied = slices.CompactFunc(varied, func(x, y diffSection) bool { return x.name == y.name })
	return diffPolicy(t, da), diffPolicy(t, db), diffWorld(t, varied)
}

func sectionIndex(all []diffSection, s diffSection) int {
	return slices.IndexFunc(all, func(o diffSection) bool { return o.name == s.name })
}

func diffPolicy(t interface {
	Helper()
	Fatalf(string, ...any)
}, d document) *Policy {
	t.Helper()
	b, err := seal.Marshal(d)
	if err != nil {
		t.Fatalf("%v", err)
	}
	p, err := Parse(b)
	if err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return p.bindToThemselves()
}

// diffWorld is every call of every name and class, in every way that the
// sections look at.
func diffWorld(t *rapid.T, sections []diffSection) []*Example {
	var out []*Example
	for _, name := range diffNames {
		tool, action, _ := strings.Cut(name, ".")
		classes := toolClasses()
		switch tool {
		case "model":
			classes = []Class{Model}
		case EgressTool:
			classes = []Class{Connect}
		}
		for _, c := range classes {
			e := &Example{Call: Call{Tool: tool, Action: action, Class: c, Site: exampleSite, Filters: searchFilters}, Facts: Facts{Now: exampleTime}}
			e.Conditions = map[string]bool{diffConditions[0]: false, diffConditions[1]: false}
			switch tool {
			case "confluence":
				e.Call.Resources = []Resource{{Type: "page", ID: "9", Path: []Place{{"ENG", "ENG"}, {"9", "a page"}}}}
			case "jira":
				e.Call.Resources = []Resource{{Type: "issue", ID: "1", Path: []Place{{"ENG", "ENG"}}}}
			case EgressTool:
				e.Call.Resources = []Resource{{Type: "host", ID: "api.example.com:443"}}
			case "model":
				e.Call.Resources = []Resource{{Type: "route", ID: "alpha"}, {Type: "model", ID: "s1"}}
			}
			out = append(out, e)
		}
	}
	const most = 4000
	for _, s := range sections {
		if s.ways == nil {
			continue
		}
		ways := s.ways()
		var next []*Example
		for i, e := range out {
			for j, way := range ways {
				if len(out)*len(ways) > most && (i*len(ways)+j)%(1+len(out)*len(ways)/most) != 0 {
					continue // the product of three large sections: an even part of it
				}
				one := *e
				way(&one)
				next = append(next, &one)
			}
		}
		out = next
	}
	return out
}

// withRepeats is a world in which every change has also been made before.
func withRepeats(world []*Example) []*Example {
	out := slices.Clip(world)
	for _, e := range world {
		if e.Call.Mutates() {
			again := *e
			again.Facts.Repeats = 1
			out = append(out, &again)
		}
	}
	return out
}

func effects2(a, b *Policy, e *Example) pair {
	return pair{a.Decide(&e.Call, e.For(a)).Effect, b.Decide(&e.Call, e.For(b)).Effect}
}

// told reports whether some change speaks of a difference of such a call.
func told(changes []Change, e *Example, p pair) bool {
	return slices.ContainsFunc(changes, func(c Change) bool {
		if c.Example == nil || c.Widens != (p.after > p.before) && c.Kind != Changed {
			return false
		}
		if c.Calls == nil {
			return true
		}
		if c.Classes != nil && !slices.Contains(c.Classes, e.Call.Class) {
			return false
		}
		kind := (&region{tool: e.Call.Tool}).kind()
		return slices.ContainsFunc(c.Calls, func(l string) bool {
			return l == kindLabel(kind) || l == e.Call.Name() || labelCovers(l, e.Call.Name()) || l == anyOtherTool && kind == ""
		})
	})
}

func TestDiffIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, world := drawPair(t)
		changes := Diff(a, b)
		for _, e := range withRepeats(world) {
			if p := effects2(a, b, e); !p.same() && !told(changes, e, p) {
				t.Fatalf("%v became %v, and the diff does not say so: %+v\ncall %+v\nfacts %+v\nbefore %+v\nafter %+v", p.before, p.after, changes, e.Call, e.Facts, a.Decide(&e.Call, e.For(a)), b.Decide(&e.Call, e.For(b)))
			}
		}
		for _, c := range changes {
			if c.Example == nil {
				continue
			}
			if got, want := effects2(a, b, c.Example), (pair{c.Example.Before, c.Example.After}); got != want || got.same() {
				t.Fatalf("%s: the example is decided %v, want %v\n%+v", c.Says, got, want, c.Example)
			}
		}
	})
}

func TestDiffOfTheSameIsEmpty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, _, _ := drawPair(t)
		if changes := Diff(a, a); len(changes) != 0 {
			t.Fatalf("changes = %+v", changes)
		}
	})
}

func TestDiffTurnsAround(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, _ := drawPair(t)
		there, back := Diff(a, b), Diff(b, a)
		if len(there) != len(back) {
			t.Fatalf("%d changes there, %d back:\n%+v\n%+v", len(there), len(back), there, back)
		}
		for _, c := range there {
			turned := func(o Change) bool {
				if o.Kind != c.Kind && c.Kind == Changed {
					return false
				}
				if c.Kind != Changed && (o.Example == nil) != (c.Example == nil) || c.Kind != Changed && c.Example != nil && (o.Example.Before != c.Example.After || o.Example.After != c.Example.Before) {
					return false
				}
				return (o.Kind == Changed || o.Widens != c.Widens) &&
					slices.Equal(o.Calls, c.Calls) && slices.Equal(o.Classes, c.Classes) && o.Was == c.Is && o.Is == c.Was
			}
			if !slices.ContainsFunc(back, turned) {
				t.Fatalf("%s %s: there is no such change back: %+v", c.Kind, c.Says, back)
			}
		}
	})
}
