// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/clawea/clawea/seal"
)

var world = struct {
	tools, names, routes, models, fields, categories []string
	classes                                          []Class
}{
	tools:      []string{"confluence", "jira", "model", "repo", "mail"},
	names:      []string{"page.get", "page.update", "issue.get", "issue.create", "diff", ""},
	routes:     []string{"alpha", "beta"},
	models:     []string{"small-1", "large-1"},
	fields:     []string{"summary", "labels", "assignee", "Assignee"},
	categories: []string{"external_send", "user_provisioning"},
	classes:    []Class{Read, Search, Write, Admin, Model, ""},
}

// subset draws some of all, in order, so that lists differ by their members only.
func subset(t *rapid.T, label string, all []string) []string {
	out := []string{}
	for _, s := range all {
		if rapid.Bool().Draw(t, label+" "+s) {
			out = append(out, s)
		}
	}
	return out
}

// optional draws a section, present three times of four.
func optional[T any](t *rapid.T, label string, draw func() T) *T {
	if rapid.IntRange(0, 3).Draw(t, label) == 0 {
		return nil
	}
	v := draw()
	return &v
}

func drawToolPolicy(t *rapid.T, label string) toolPolicy {
	entries := []string{"read", "write", "confluence", "jira.*", "repo.diff", "mail", "*"}
	p := toolPolicy{Deny: subset(t, label+" deny", entries[2:6])}
	if rapid.Bool().Draw(t, label+" has allow") {
		p.Allow = subset(t, label+" allow", entries)
	}
	return p
}

func drawRule(t *rapid.T, label string) actionRule {
	return actionRule{
		Allowed: rapid.Bool().Draw(t, label+" allowed"),
		Gate:    rapid.SampledFrom([]string{"", "none", "required"}).Draw(t, label+" gate"),
	}
}

func drawActions(t *rapid.T) actions {
	a := actions{
		Read:   optional(t, "read", func() actionRule { return drawRule(t, "read") }),
		Search: optional(t, "search", func() actionRule { return drawRule(t, "search") }),
		Write:  optional(t, "write", func() actionRule { return drawRule(t, "write") }),
		Admin:  optional(t, "admin", func() actionRule { return drawRule(t, "admin") }),
	}
	if a.Read != nil {
		a.Read.Pages = optional(t, "pages", func() int { return rapid.IntRange(1, 4).Draw(t, "max pages") })
	}
	if a.Search != nil && rapid.Bool().Draw(t, "filters") {
		a.Search.Filters = []string{"space"}
	}
	return a
}

func drawApprovals(t *rapid.T, label string) approvals {
	if rapid.IntRange(0, 4).Draw(t, label+" by condition") > 0 { // compiling conditions takes most of the time
		wanted := append([]string{"write", "mail.*"}, world.categories...)
		return approvals{A: &approvalCategories{RequiredFor: subset(t, label, wanted)}}
	}
	list := []approvalCondition{}
	for range rapid.IntRange(0, 2).Draw(t, label+" conditions") {
		list = append(list, approvalCondition{When: "content.contains('!')", Require: "human_approval"})
	}
	return approvals{B: &list}
}

// drawDocument draws any mixture of the language's sections.
func drawDocument(t *rapid.T) document {
	d := document{Version: "v1"}
	if rapid.Bool().Draw(t, "tool") {
		tools := subset(t, "tool", world.tools)
		d.Tool = &seal.Either[string, []string]{B: &tools}
	}
	if rapid.Bool().Draw(t, "mode") {
		d.ConnectionMode = []string{"official_api"}
	}
	d.Resources = optional(t, "resources", func() resources {
		r := resources{Spaces: []string{"ENG", "OPS"}}
		if rapid.Bool().Draw(t, "prefixes") {
			r.Prefixes = []string{"ENG/Runbooks/"}
		}
		return r
	})
	d.Actions = optional(t, "actions", func() actions { return drawActions(t) })
	d.Auth = optional(t, "auth", func() auth { return auth{Separation: &credentialSeparation{Write: "separate"}} })
	d.Allow = optional(t, "allow", func() allow {
		return allow{Projects: []string{"ENG"}, Operations: subset(t, "ops", []string{"issue.get", "issue.*"}), Fields: subset(t, "writable", world.fields[:3])}
	})
	d.Deny = optional(t, "deny", func() deny {
		return deny{Operations: subset(t, "denied ops", []string{"issue.create", "page.update", "diff"}), Fields: subset(t, "denied fields", world.fields[1:3])}
	})
	d.ToolPolicy = optional(t, "tool policy", func() toolPolicy { return drawToolPolicy(t, "tool policy") })
	d.SandboxExpectations = optional(t, "sandbox", func() sandboxExpectations {
		return sandboxExpectations{Sandboxed: rapid.Bool().Draw(t, "sandboxed"), Workspace: rapid.SampledFrom(workspaces).Draw(t, "workspace")}
	})
	d.ModelRoute = optional(t, "route", func() modelRoute {
		return modelRoute{Allowed: subset(t, "routes", []string{"alpha", "beta/small-*"})}
	})
	d.Approvals = optional(t, "approvals", func() approvals { return drawApprovals(t, "approvals") })
	return d
}

// policyOf writes d and reads it back, and binds its names.
func policyOf(t *rapid.T, d document) *Policy {
	b, err := seal.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Parse(b)
	if err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	bound, err := p.Bind(bindingFor(p))
	if err != nil {
		t.Fatal(err)
	}
	return bound
}

// bindingFor binds p's names to ids that say what they are.
func bindingFor(p *Policy) *Binding {
	b := &Binding{Policy: p.Hash(), At: time.Unix(0, 0).UTC()}
	for _, n := range p.Names() {
		b.Names = append(b.Names, Bound{Name: n, Site: "s", ID: n.Kind + ":" + strings.TrimSuffix(n.Name, "/")})
	}
	return b
}

func drawResource(t *rapid.T) Resource {
	paths := [][]Place{
		{{"space:ENG", "ENG"}, {"page_prefix:ENG/Runbooks", "Runbooks"}, {"7", "secret title"}},
		{{"space:ENG", "ENG"}, {"8", "Elsewhere"}},
		{{"space:OPS", "OPS"}},
		{{"space:ENG", "renamed"}},
		{{"project:ENG", "ENG"}, {"9", "ENG-9"}},
		{},
	}
	return Resource{Type: "page", ID: "7", Path: rapid.SampledFrom(paths).Draw(t, "path")}
}

func drawCall(t *rapid.T) *Call {
	c := &Call{
		Tool:       rapid.SampledFrom(world.tools).Draw(t, "call tool"),
		Action:     rapid.SampledFrom(world.names).Draw(t, "call action"),
		Class:      rapid.SampledFrom(world.classes).Draw(t, "call class"),
		Mode:       rapid.SampledFrom([]string{"official_api", "mcp_server", ""}).Draw(t, "call mode"),
		Credential: rapid.SampledFrom([]string{"read", "write", "shared"}).Draw(t, "call credential"),
		Site:       "s",
		Categories: subset(t, "category", world.categories),
		Fields:     subset(t, "field", world.fields),
	}
	if c.Tool == "model" {
		c.Resources = []Resource{
			{Type: "route", ID: rapid.SampledFrom(world.routes).Draw(t, "call route")},
			{Type: "model", ID: rapid.SampledFrom(world.models).Draw(t, "call model")},
		}
	} else {
		c.Resources = rapid.SliceOfN(rapid.Custom(drawResource), 0, 2).Draw(t, "resources")
	}
	if rapid.Bool().Draw(t, "filtered") {
		c.Filters = []string{"space"}
	}
	if rapid.Bool().Draw(t, "uses") {
		c.Uses = map[string]int{"pages": rapid.IntRange(-1, 3).Draw(t, "pages used")}
	}
	if rapid.IntRange(0, 9).Draw(t, "unresolved") == 0 {
		c.Unresolved = "not_found"
	}
	return c
}

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func drawFacts(t *rapid.T, c *Call) *Facts {
	f := &Facts{Now: noon, Used: map[string]int{"pages": rapid.IntRange(0, 4).Draw(t, "used")}}
	if rapid.Bool().Draw(t, "attested") {
		f.Runtime = &Runtime{Sandboxed: true, Workspace: rapid.SampledFrom(workspaces).Draw(t, "attested workspace"), Unelevated: true}
	}
	f.Conditions = map[string]bool{}
	for _, at := range []string{"/approvals/0", "/approvals/1"} {
		if rapid.IntRange(0, 3).Draw(t, at+" known") > 0 {
			f.Conditions[at] = rapid.Bool().Draw(t, at)
		}
	}
	for range rapid.IntRange(0, 2).Draw(t, "answers") {
		f.Approvals = append(f.Approvals, answer(c, rapid.Bool().Draw(t, "yes")))
	}
	return f
}

func answer(c *Call, yes bool) Approval {
	return Approval{ID: "q", Call: c.Digest(), By: "ada", Yes: yes, At: noon.Add(-time.Hour), Expires: noon.Add(time.Hour)}
}

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

func TestTighteningNeverAllowsMore(t *testing.T) {
	tighten := map[string]func(*rapid.T, *document){
		"deny a tool": func(t *rapid.T, d *document) {
			if d.ToolPolicy == nil {
				d.ToolPolicy = new(toolPolicy)
			}
			d.ToolPolicy.Deny = append(slices.Clone(d.ToolPolicy.Deny), rapid.SampledFrom([]string{"*", "admin", "search"}).Draw(t, "also denied"))
		},
		"deny an operation": func(t *rapid.T, d *document) {
			if d.Deny == nil {
				d.Deny = new(deny)
			}
			d.Deny.Operations = append(slices.Clone(d.Deny.Operations), rapid.SampledFrom([]string{"*", "page.*", "issue.get"}).Draw(t, "also denied"))
		},
		"deny a field": func(t *rapid.T, d *document) {
			if d.Deny == nil {
				d.Deny = new(deny)
			}
			d.Deny.Fields = append(slices.Clone(d.Deny.Fields), "summary")
		},
		"drop an allowed tool": func(t *rapid.T, d *document) {
			if d.ToolPolicy != nil && len(d.ToolPolicy.Allow) > 0 {
				d.ToolPolicy.Allow = d.ToolPolicy.Allow[1:]
			}
		},
		"drop an allowed operation": func(t *rapid.T, d *document) {
			if d.Allow != nil && len(d.Allow.Operations) > 0 {
				d.Allow.Operations = d.Allow.Operations[1:]
			}
		},
		"drop an allowed field": func(t *rapid.T, d *document) {
			if d.Allow != nil && len(d.Allow.Fields) > 0 {
				d.Allow.Fields = d.Allow.Fields[1:]
			}
		},
		"drop a space": func(t *rapid.T, d *document) {
			if d.Resources != nil {
				d.Resources.Spaces = d.Resources.Spaces[:1]
			}
		},
		"add a prefix": func(t *rapid.T, d *document) {
			if d.Resources != nil {
				d.Resources.Prefixes = []string{"ENG/Runbooks/"}
			}
		},
		"drop a route": func(t *rapid.T, d *document) {
			if d.ModelRoute != nil && len(d.ModelRoute.Allowed) > 0 {
				d.ModelRoute.Allowed = d.ModelRoute.Allowed[1:]
			}
		},
		"ask for a person": func(t *rapid.T, d *document) {
			d.Constraints = &constraints{Approvals: &approvals{A: &approvalCategories{RequiredFor: []string{"*"}}}}
		},
		"expect a sandbox": func(t *rapid.T, d *document) {
			d.Constraints = &constraints{Sandbox: &sandbox{Required: true, Workspace: "none", Elevated: "deny"}}
		},
	}
	for name, f := range tighten {
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
			d := drawDocument(t)
			a := policyOf(t, d)
			f(t, &d)
			c := drawCall(t)
			facts := drawFacts(t, c)
			lessOrEqual(t, a, policyOf(t, d), c, facts)
		}))
	}
}

func TestNarrowNeverAllowsMore(t *testing.T) {
	catalog := []Action{
		{"confluence", "page.get", Read}, {"confluence", "page.update", Write},
		{"jira", "issue.get", Read}, {"jira", "issue.create", Write}, {"model", "", Model},
	}
	t.Run("a part", rapid.MakeCheck(func(t *rapid.T) {
		p, c := policyOf(t, drawDocument(t)), drawCall(t)
		f := drawFacts(t, c)
		whole := p.Whole(catalog)
		g := Grant{Actions: subset(t, "granted", whole.Actions), Resources: subset(t, "granted", whole.Resources), Limits: whole.Limits}
		if max, ok := g.Limits["pages"]; ok {
			g.Limits = map[string]int{"pages": rapid.IntRange(0, max).Draw(t, "granted pages")}
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
