// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// sectionOf is the section at p, made if it is not there.
func sectionOf[T any](p **T) *T {
	if *p == nil {
		*p = new(T)
	}
	return *p
}

// withEntry is a list with one entry more, unless it has it.
func withEntry(list []string, entry string) []string {
	if slices.Contains(list, entry) {
		return list
	}
	return append(slices.Clone(list), entry)
}

// withoutFirst is a list without its first entry; a list that is not there stays so.
func withoutFirst(list []string) []string {
	if len(list) == 0 {
		return list
	}
	return append([]string{}, list[1:]...)
}

// lowerBound draws a bound that is not above the one that is there.
func lowerBound(t *rapid.T, label string, p **int) {
	max := 4
	if *p != nil {
		max = **p
	}
	n := rapid.IntRange(1, max).Draw(t, label)
	*p = &n
}

// tightenings are edits of a policy that must never allow more.
var tightenings = map[string]func(*rapid.T, *document){
	"deny a tool": func(t *rapid.T, d *document) {
		p := sectionOf(&d.ToolPolicy)
		p.Deny = withEntry(p.Deny, rapid.SampledFrom([]string{"*", "admin", "search"}).Draw(t, "also denied"))
	},
	"deny an operation": func(t *rapid.T, d *document) {
		p := sectionOf(&d.Deny)
		p.Operations = withEntry(p.Operations, rapid.SampledFrom([]string{"*", "page.*", "issue.get"}).Draw(t, "also denied"))
	},
	"deny writing a field": func(_ *rapid.T, d *document) {
		p := sectionOf(&d.Deny)
		p.Fields = withEntry(p.Fields, "summary")
	},
	"deny showing a field": func(_ *rapid.T, d *document) {
		p := sectionOf(&d.Deny)
		p.Reads = withEntry(p.Reads, "SUMMARY")
	},
	"deny a space": func(t *rapid.T, d *document) {
		p := sectionOf(&d.Resources)
		p.DeniedSpaces = withEntry(p.DeniedSpaces, rapid.SampledFrom([]string{"HR", "~ada", "DEV"}).Draw(t, "also denied"))
	},
	"deny a listed space": func(_ *rapid.T, d *document) {
		p := sectionOf(&d.Resources)
		p.Spaces = slices.DeleteFunc(slices.Clone(p.Spaces), func(s string) bool { return s == "ENG" })
		if p.Prefixes != nil {
			p.Prefixes = []string{}
		}
		p.DeniedSpaces = withEntry(p.DeniedSpaces, "ENG")
	},
	"deny a page": func(t *rapid.T, d *document) {
		p := sectionOf(&d.Resources)
		p.DeniedPrefixes = withEntry(p.DeniedPrefixes, rapid.SampledFrom([]string{"ENG/", "OPS/", "ENG/Runbooks/Secret/", "ENG/Old/"}).Draw(t, "also denied"))
	},
	"drop an allowed tool":      func(_ *rapid.T, d *document) { p := sectionOf(&d.ToolPolicy); p.Allow = withoutFirst(p.Allow) },
	"drop an allowed operation": func(_ *rapid.T, d *document) { p := sectionOf(&d.Allow); p.Operations = withoutFirst(p.Operations) },
	"drop a writable field":     func(_ *rapid.T, d *document) { p := sectionOf(&d.Allow); p.Fields = withoutFirst(p.Fields) },
	"drop a readable field":     func(_ *rapid.T, d *document) { p := sectionOf(&d.Allow); p.Reads = withoutFirst(p.Reads) },
	"drop an issue type":        func(_ *rapid.T, d *document) { p := sectionOf(&d.Allow); p.IssueTypes = withoutFirst(p.IssueTypes) },
	"drop a label":              func(_ *rapid.T, d *document) { p := sectionOf(&d.Resources); p.Labels = withoutFirst(p.Labels) },
	"drop a space": func(_ *rapid.T, d *document) {
		p := sectionOf(&d.Resources)
		p.Spaces = append([]string{}, p.Spaces[:min(1, len(p.Spaces))]...)
	},
	"drop a host": func(_ *rapid.T, d *document) { p := sectionOf(&d.Egress); p.Hosts = withoutFirst(p.Hosts) },
	"deny a host": func(t *rapid.T, d *document) {
		p := sectionOf(&d.Egress)
		p.Denied = withEntry(p.Denied, rapid.SampledFrom([]string{"a.b.example.com", "*.b.example.com", "*.example.com:443"}).Draw(t, "also denied"))
		p.Hosts = slices.DeleteFunc(slices.Clone(p.Hosts), func(s string) bool { return slices.Contains(p.Denied, s) })
	},
	"drop a route": func(_ *rapid.T, d *document) {
		if d.ModelRoute != nil {
			d.ModelRoute.Allowed = withoutFirst(d.ModelRoute.Allowed)
		}
	},
	"deny an offered tool": func(t *rapid.T, d *document) {
		if p := d.ModelRoute; p != nil {
			p.DeniedTools = withEntry(p.DeniedTools, rapid.SampledFrom([]string{"*", "lookup", "*__delete"}).Draw(t, "also denied"))
		}
	},
	"drop an offered tool": func(_ *rapid.T, d *document) {
		if p := d.ModelRoute; p != nil {
			p.Tools = withoutFirst(p.Tools)
		}
	},
	"list offered tools": func(t *rapid.T, d *document) {
		if p := d.ModelRoute; p != nil && p.Tools == nil {
			p.Tools = subset(t, "offered", world.offers)
		}
	},
	"lower the bound of tokens": func(t *rapid.T, d *document) {
		if p := d.ModelRoute; p != nil {
			lowerBound(t, "tokens", &p.MaxTokens)
		}
	},
	"lower the bound of an answer": func(t *rapid.T, d *document) {
		if p := d.ModelRoute; p != nil {
			lowerBound(t, "output", &p.MaxOutput)
		}
	},
	"lower the bound of cost": func(t *rapid.T, d *document) {
		p := d.ModelRoute
		if p == nil {
			return
		}
		max := 4
		if p.MaxCost != nil {
			max, _ = millionths(*p.MaxCost)
		}
		amount := float64(rapid.IntRange(1, max).Draw(t, "cost")) / 1e6
		p.MaxCost = &amount
	},
	"block a rule": func(_ *rapid.T, d *document) {
		if p := d.ModelRoute; p != nil && p.Screening != nil {
			p.Screening.Block = withEntry(p.Screening.Block, "*-token")
		}
	},
	"drop a rule that masks": func(_ *rapid.T, d *document) {
		if p := d.ModelRoute; p != nil && p.Screening != nil {
			p.Screening.Mask = withoutFirst(p.Screening.Mask)
		}
	},
	"list readable fields": func(t *rapid.T, d *document) {
		if p := sectionOf(&d.Allow); p.Reads == nil {
			p.Reads = subset(t, "readable", world.fields)
		}
	},
	"list issue types": func(t *rapid.T, d *document) {
		if p := sectionOf(&d.Allow); p.IssueTypes == nil && p.Projects != nil {
			p.IssueTypes = subset(t, "types", []string{"Task", "ENG/Bug"})
		}
	},
	"list labels": func(t *rapid.T, d *document) {
		if p := sectionOf(&d.Resources); p.Labels == nil {
			p.Labels = subset(t, "labels", world.labels)
		}
	},
	"list a prefix": func(_ *rapid.T, d *document) {
		if d.Resources != nil {
			d.Resources.Prefixes = []string{"ENG/Runbooks/"}
		}
	},
	"drop an included read": func(_ *rapid.T, d *document) {
		p := sectionOf(&sectionOf(&d.Actions).Read)
		p.Include = withoutFirst(p.Include)
	},
	"include nothing": func(_ *rapid.T, d *document) { sectionOf(&sectionOf(&d.Actions).Read).Include = nil },
	"want a filter": func(t *rapid.T, d *document) {
		p := sectionOf(&sectionOf(&d.Actions).Search)
		p.Filters = withEntry(p.Filters, rapid.SampledFrom([]string{"space", "project"}).Draw(t, "filter"))
	},
	"want a ticket": func(_ *rapid.T, d *document) {
		p := sectionOf(&d.Actions)
		sectionOf(&p.Write).Ticket, sectionOf(&p.Admin).Ticket = true, true
	},
	"lower the bound of writes": func(t *rapid.T, d *document) {
		lowerBound(t, "writes", &sectionOf(&sectionOf(&d.Actions).Write).Writes)
	},
	"lower the bound of pages": func(t *rapid.T, d *document) { lowerBound(t, "pages", &sectionOf(&sectionOf(&d.Actions).Read).Pages) },
	"forbid a class": func(_ *rapid.T, d *document) {
		p := sectionOf(&sectionOf(&d.Actions).Read)
		p.Allowed, p.Gate = false, ""
	},
	"gate a class": func(_ *rapid.T, d *document) {
		if p := sectionOf(&sectionOf(&d.Actions).Read); p.Allowed {
			p.Gate = "required"
		}
	},
	"ask for a person": func(_ *rapid.T, d *document) {
		sectionOf(&d.Constraints).Approvals = &approvals{A: &approvalCategories{RequiredFor: []string{"*"}}}
	},
	"expect a sandbox": func(_ *rapid.T, d *document) {
		sectionOf(&d.Constraints).Sandbox = &sandbox{Required: true, Workspace: "none", Elevated: "deny"}
	},
	"expect a heartbeat": func(t *rapid.T, d *document) {
		lowerBound(t, "silence", &sectionOf(&d.AgentRuntime).Heartbeat)
	},
	"expect an attestation":  func(_ *rapid.T, d *document) { sectionOf(&d.AgentRuntime).Attested = true },
	"expect least privilege": func(_ *rapid.T, d *document) { sectionOf(&d.Auth).LeastPrivilege = true },
	"separate credentials": func(_ *rapid.T, d *document) {
		sectionOf(&sectionOf(&d.Auth).Separation).Write = "separate_and_disabled_by_default"
	},
	"narrow the ways": func(_ *rapid.T, d *document) {
		if d.ConnectionMode == nil {
			d.ConnectionMode = []string{"official_api"}
		}
	},
	"end the emergency sooner": func(t *rapid.T, d *document) {
		sooner := time.Duration(rapid.IntRange(0, 3).Draw(t, "sooner")) * time.Hour
		if d.BreakGlass == nil {
			d.BreakGlass = &BreakGlass{Reason: "down", Expires: noon.Add(3 * time.Hour)}
		}
		d.BreakGlass.Expires = d.BreakGlass.Expires.Add(-sooner)
	},
}

func TestTighteningNeverAllowsMore(t *testing.T) {
	for name, tighten := range tightenings {
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
			d := drawDocument(t)
			if name == "ask for a person" && d.Constraints != nil {
				d.Constraints.Approvals = nil // for this one to add to
			}
			if name == "expect a sandbox" && d.Constraints != nil {
				d.Constraints.Sandbox = nil
			}
			a := policyOf(t, d)
			tighten(t, &d)
			c := drawCall(t)
			facts := drawFacts(t, c)
			lessOrEqual(t, a, policyOf(t, d), c, facts)
		}))
	}
}

// TestTighteningsBite says that each edit takes something away from some
// policy: one that never does would prove nothing.
func TestTighteningsBite(t *testing.T) {
	for name, tighten := range tightenings {
		bites := false
		for i := 0; i < 20000 && !bites; i++ {
			rapid.Custom(func(t *rapid.T) int {
				d := drawDocument(t)
				d.Approvals, d.Constraints = nil, nil // compiling conditions takes most of the time
				a := policyOf(t, d)
				tighten(t, &d)
				c := drawCall(t)
				f := drawFacts(t, c)
				bites = bites || policyOf(t, d).Decide(c, f).Effect < a.Decide(c, f).Effect
				return 0
			}).Example(i)
		}
		if !bites {
			t.Errorf("%s: never takes anything away", name)
		}
	}
}
