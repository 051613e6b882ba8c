// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/clawea/clawea/seal"
)

// A diffSection is a part of the language, drawn at random, with all that the
// small world has to say about it. The world is written down here, and is not
// made from the policies that are compared.
type diffSection struct {
	name string
	draw func(*rapid.T, *document)
	ways func() []func(*Example)
}

var diffEnd = exampleTime.Add(time.Hour)

// diffSections have short lists over a few words, so that the world is
// exhaustive: it has every word, and one that no policy has.
func diffSections() []diffSection {
	return []diffSection{
		{"tool", drawDiffTool, nil},
		{"plain tokens", drawDiffBearer, nil},
		{"tool policy", func(t *rapid.T, d *document) { d.ToolPolicy = drawDiffToolPolicy(t, "tool policy") }, nil},
		{"constraints", drawDiffConstraints, nil},
		{"actions", drawDiffActions, nil},
		{"include", drawDiffInclude, nil},
		{"operations", drawDiffOperations, nil},
		{"required for", drawDiffRequired, categoryWays},
		{"places", drawDiffPlaces, placeWays},
		{"labels", drawDiffLabels, func() []func(*Example) {
			return append(labelWays(), filterWays()...)
		}},
		{"filters", drawDiffFilters, filterWays},
		{"projects", drawDiffProjects, projectWays},
		{"issue types", drawDiffTypes, typeWays},
		{"fields", drawDiffFields, fieldWays},
		{"reads", drawDiffReads, readWays},
		{"mode", drawDiffMode, reachedWays},
		{"auth", drawDiffAuth, reachedWays},
		{"tickets", drawDiffTickets, func() []func(*Example) {
			return []func(*Example){func(e *Example) {}, func(e *Example) { e.Facts.Ticket = "T-1" }}
		}},
		{"sandbox", drawDiffSandbox, runtimeWays},
		{"agent's runtime", drawDiffAgent, agentWays},
		{"limits", drawDiffLimits, usedWays},
		{"emergency", drawDiffEmergency, func() []func(*Example) {
			return []func(*Example){func(e *Example) {}, func(e *Example) { e.Facts.Now = diffEnd }, func(e *Example) { e.Facts.Now = diffEnd.Add(time.Hour) }}
		}},
		{"conditions", drawDiffConditions, conditionWays},
		{"routes", drawDiffRoutes, routeWays},
		{"offers", drawDiffOffers, offerWays},
		{"hosts", drawDiffHosts, hostWays},
		{"model limits", drawDiffModelLimits, modelUseWays},
	}
}

func drawDiffBearer(t *rapid.T, d *document) {
	d.Runtime = optional(t, "runtime", func() runtime {
		return runtime{Bearer: optional(t, "bearer", func() bool { return rapid.Bool().Draw(t, "bearer allowed") })}
	})
}

func drawDiffTool(t *rapid.T, d *document) {
	d.Tool = nil
	if rapid.IntRange(0, 2).Draw(t, "tool") == 0 {
		tools := subset(t, "tool", []string{"confluence", "jira", "repo"})
		d.Tool = &seal.Either[string, []string]{B: &tools}
	}
}

var diffEntries = []string{"read", "confluence", "*", "repo.*", "repo", "re*f", "jira.issue.*", "*.get"}

func drawDiffToolPolicy(t *rapid.T, label string) *toolPolicy {
	return optional(t, label, func() toolPolicy {
		p := toolPolicy{Deny: subset(t, label+" deny", diffEntries[3:])}
		if rapid.Bool().Draw(t, label+" has allow") {
			p.Allow = subset(t, label+" allow", diffEntries)
		}
		return p
	})
}

func drawDiffConstraints(t *rapid.T, d *document) {
	if d.Constraints == nil {
		d.Constraints = &constraints{}
	}
	d.Constraints.ToolPolicy = drawDiffToolPolicy(t, "constraints")
}

func drawDiffActions(t *rapid.T, d *document) {
	if d.Actions = nil; rapid.IntRange(0, 4).Draw(t, "actions") > 0 {
		a := drawActions(t)
		for _, r := range []*actionRule{a.Read, a.Search, a.Write, a.Admin} {
			if r != nil {
				*r = actionRule{Allowed: r.Allowed, Gate: r.Gate}
			}
		}
		d.Actions = &a
	}
}

func drawDiffInclude(t *rapid.T, d *document) {
	if d.Actions == nil || d.Actions.Read == nil {
		return
	}
	r := *d.Actions.Read
	if r.Include = nil; rapid.Bool().Draw(t, "included") {
		r.Include = subset(t, "include", includes)
	}
	d.Actions.Read = &r
}

func drawDiffOperations(t *rapid.T, d *document) {
	entries := []string{"issue.get", "issue.*", "*.create", "jira.issue.create", "*"}
	if d.Allow != nil {
		d.Allow.Operations = subset(t, "operations", entries)
	}
	d.Deny.Operations = subset(t, "denied operations", append(entries[:3:3], "page.*", "*ments"))
}

func drawDiffRequired(t *rapid.T, d *document) {
	d.Approvals = optional(t, "approvals", func() approvals {
		return approvals{A: &approvalCategories{RequiredFor: subset(t, "required", []string{"external_send", "write", "repo.*", "issue"})}}
	})
}

func categoryWays() []func(*Example) {
	var out []func(*Example)
	for _, s := range [][]string{nil, {"external_send"}, {"issue", "external_send"}, {"other"}} {
		out = append(out, func(e *Example) { e.Call.Categories = s })
	}
	return out
}

func drawDiffPlaces(t *rapid.T, d *document) {
	d.Resources = optional(t, "resources", func() resources {
		r := resources{}
		if rapid.Bool().Draw(t, "spaces") {
			r.Spaces = subset(t, "space", []string{"ENG", "OPS"})
		}
		if rapid.Bool().Draw(t, "prefixes") {
			r.Prefixes = slices.DeleteFunc(subset(t, "prefix", []string{"ENG/A/", "ENG/A/B/", "OPS/"}), func(s string) bool {
				return r.Spaces != nil && !slices.Contains(r.Spaces, s[:3])
			})
		}
		if rapid.Bool().Draw(t, "denied spaces") {
			r.DeniedSpaces = slices.DeleteFunc(subset(t, "denied space", []string{"OPS", "SEC"}), func(s string) bool { return slices.Contains(r.Spaces, s) })
		}
		if rapid.Bool().Draw(t, "denied prefixes") {
			r.DeniedPrefixes = slices.DeleteFunc(subset(t, "denied prefix", []string{"ENG/A/", "ENG/A/B/", "SEC/C/"}), func(s string) bool { return slices.Contains(r.Prefixes, s) })
		}
		return r
	})
}

// placeWays are every path of up to three steps in which each is what its name
// says or something else, with every denied place moved to its end.
func placeWays() []func(*Example) {
	var out []func(*Example)
	paths := [][]Place{nil}
	for _, chain := range [][]string{{"ENG"}, {"OPS"}, {"SEC"}, {"ENG", "A"}, {"ENG", "A", "B"}, {"ENG", "A/B"}, {"ENG/A/B"}, {"SEC", "C"}, {"NEW"}} {
		for bits := range 1 << len(chain) {
			var path []Place
			for i, s := range chain {
				id := strings.Join(chain[:i+1], "/")
				if bits&(1<<i) != 0 {
					id = "7"
				}
				path = append(path, Place{ID: id, Name: s})
			}
			for _, id := range []string{"8", "OPS", "SEC", "ENG/A", "ENG/A/B", "SEC/C"} {
				paths = append(paths, append(path[:len(path):len(path)], Place{ID: id, Name: "a page"}))
			}
		}
	}
	for _, p := range paths {
		out = append(out, onConfluence(func(c *Call) { c.Resources = []Resource{{Type: "page", ID: "9", Path: p}} }))
	}
	return append(out, onConfluence(func(c *Call) { c.Resources = nil }))
}

func onConfluence(f func(*Call)) func(*Example) {
	return func(e *Example) {
		if e.Call.Tool == "confluence" {
			f(&e.Call)
		}
	}
}

func onJira(f func(*Call)) func(*Example) {
	return func(e *Example) {
		if e.Call.Tool == "jira" {
			f(&e.Call)
		}
	}
}

func drawDiffLabels(t *rapid.T, d *document) {
	if d.Resources == nil {
		return
	}
	if d.Resources.Labels = nil; rapid.IntRange(0, 2).Draw(t, "labels") > 0 {
		d.Resources.Labels = subset(t, "label", []string{"one", "two"})
	}
}

func labelWays() []func(*Example) {
	var out []func(*Example)
	for _, s := range [][]string{nil, {"one"}, {"two"}, {"one", "two"}, {"three"}} {
		out = append(out, onConfluence(func(c *Call) {
			for i := range c.Resources {
				c.Resources[i].Labels = s
			}
		}))
	}
	return out
}

func drawDiffFilters(t *rapid.T, d *document) {
	if d.Actions == nil {
		d.Actions = &actions{}
	}
	d.Actions.Search = optional(t, "search", func() actionRule {
		return actionRule{Allowed: true, Filters: subset(t, "filter", []string{"space", "project"})}
	})
}

func filterWays() []func(*Example) {
	var out []func(*Example)
	for bits := range 1 << len(searchFilters) {
		var filters []string
		for i, s := range searchFilters {
			if bits&(1<<i) != 0 {
				filters = append(filters, s)
			}
		}
		out = append(out, func(e *Example) { e.Call.Filters = filters })
	}
	return out
}

func drawDiffProjects(t *rapid.T, d *document) {
	if d.Allow != nil {
		d.Allow.Projects = subset(t, "projects", []string{"ENG", "SEC"})
		d.Allow.IssueTypes = nil
	}
}

func projectWays() []func(*Example) {
	out := []func(*Example){onJira(func(c *Call) { c.Resources = nil })}
	for _, keys := range [][]string{{"ENG"}, {"SEC"}, {"NEW"}, {"ENG", "SEC"}} {
		out = append(out, onJira(func(c *Call) {
			c.Resources = nil
			for _, k := range keys {
				c.Resources = append(c.Resources, Resource{Type: "issue", ID: "1", Path: []Place{{k, k}}})
			}
		}))
	}
	return out
}

func drawDiffTypes(t *rapid.T, d *document) {
	if d.Allow == nil {
		return
	}
	if d.Allow.IssueTypes = nil; rapid.IntRange(0, 2).Draw(t, "issue types") > 0 {
		d.Allow.IssueTypes = slices.DeleteFunc(subset(t, "type", []string{"Task", "Bug", "ENG/Bug", "SEC/Task"}), func(s string) bool {
			p, _, one := strings.Cut(s, "/")
			return one && !slices.Contains(d.Allow.Projects, p)
		})
	}
}

func typeWays() []func(*Example) {
	out := []func(*Example){func(*Example) {}}
	for _, p := range []string{"ENG", "SEC"} {
		for _, s := range []string{"Task", "Bug", "Epic"} {
			out = append(out, onJira(func(c *Call) {
				c.Resources = append(slices.Clone(c.Resources), Resource{Type: "issue_type", ID: "2", Path: []Place{{p, p}, {p + "/" + s, s}}})
			}))
		}
	}
	return out
}

func drawDiffFields(t *rapid.T, d *document) {
	if d.Allow != nil {
		d.Allow.Fields = subset(t, "writable", []string{"summary", "Labels"})
	}
	d.Deny.Fields = subset(t, "not writable", []string{"labels", "summary"})
}

func fieldWays() []func(*Example) {
	var out []func(*Example)
	for _, s := range [][]string{nil, {"summary"}, {"Labels"}, {"labels"}, {"summary", "Labels"}, {"new"}} {
		out = append(out, onJira(func(c *Call) { c.Fields = s }))
	}
	return out
}

func drawDiffReads(t *rapid.T, d *document) {
	if d.Allow != nil {
		if d.Allow.Reads = nil; rapid.Bool().Draw(t, "readable") {
			d.Allow.Reads = subset(t, "readable", []string{"summary", "Labels"})
		}
	}
	if d.Deny.Reads = nil; rapid.Bool().Draw(t, "hidden") {
		d.Deny.Reads = subset(t, "hidden", []string{"labels", "reporter"})
	}
}

func readWays() []func(*Example) {
	var out []func(*Example)
	for _, s := range [][]string{nil, {"summary"}, {"Labels"}, {"labels"}, {"reporter"}, {"summary", "Labels"}, {"new"}} {
		out = append(out, onJira(func(c *Call) { c.Reads = s }))
	}
	return out
}

func drawDiffMode(t *rapid.T, d *document) {
	if d.ConnectionMode = nil; rapid.Bool().Draw(t, "mode") {
		d.ConnectionMode = subset(t, "mode", []string{"official_api", "mcp_server"})
	}
}

func drawDiffAuth(t *rapid.T, d *document) {
	d.Auth = optional(t, "auth", func() auth {
		a := auth{LeastPrivilege: rapid.Bool().Draw(t, "least privilege")}
		a.Separation = optional(t, "separation", func() credentialSeparation {
			return credentialSeparation{Write: rapid.SampledFrom([]string{"", "separate", "separate_and_disabled_by_default"}).Draw(t, "write credential")}
		})
		return a
	})
}

func reachedWays() []func(*Example) {
	var out []func(*Example)
	for _, mode := range []string{"", "official_api", "mcp_server", "new"} {
		for _, credential := range []string{"", "read", "write", "shared"} {
			for _, privilege := range []string{"", "least"} {
				out = append(out, func(e *Example) {
					if e.Call.Mode = mode; mode == ServerMode && e.Call.Tool != "model" {
						throughServer(e)
					}
					e.Call.Credential, e.Call.Privilege = credential, privilege
				})
			}
		}
	}
	return out
}

func drawDiffTickets(t *rapid.T, d *document) {
	if d.Actions == nil {
		return
	}
	for _, r := range []**actionRule{&d.Actions.Write, &d.Actions.Admin} {
		if *r != nil {
			rule := **r
			rule.Ticket = rapid.Bool().Draw(t, "ticket")
			*r = &rule
		}
	}
}

func drawDiffSandbox(t *rapid.T, d *document) {
	workspace := append([]string{""}, workspaces...)
	d.SandboxExpectations = optional(t, "sandbox", func() sandboxExpectations {
		return sandboxExpectations{rapid.Bool().Draw(t, "sandboxed"), rapid.SampledFrom(workspace).Draw(t, "workspace")}
	})
	if d.Constraints != nil {
		d.Constraints.Sandbox = optional(t, "constraints", func() sandbox {
			return sandbox{rapid.Bool().Draw(t, "required"), rapid.SampledFrom(workspace).Draw(t, "access"), rapid.SampledFrom([]string{"", "allow", "deny"}).Draw(t, "elevated")}
		})
	}
}

func drawDiffAgent(t *rapid.T, d *document) {
	d.AgentRuntime = optional(t, "agent's runtime", func() agentRuntime { return drawAgent(t) })
}

func agentWays() []func(*Example) {
	var out []func(*Example)
	for _, attested := range []seal.Hash{{}, seal.Sum([]byte("x"))} {
		for silence := range 6 {
			out = append(out, func(e *Example) {
				e.Facts.Runtime = &Runtime{Attestation: attested}
				e.Facts.Silence = nil
				if silence > 0 {
					n := silence - 1
					e.Facts.Silence = &n
				}
			})
		}
	}
	return out
}

func runtimeWays() []func(*Example) {
	out := []func(*Example){func(*Example) {}}
	for _, w := range append([]string{""}, workspaces...) {
		for bits := range 4 {
			out = append(out, func(e *Example) {
				e.Facts.Runtime = &Runtime{Sandboxed: bits&1 != 0, Workspace: w, Unelevated: bits&2 != 0}
			})
		}
	}
	return out
}

func drawDiffLimits(t *rapid.T, d *document) {
	if d.Actions == nil {
		return
	}
	limit := func(label string) *int {
		return optional(t, label, func() int { return rapid.IntRange(1, 3).Draw(t, label) })
	}
	if r := d.Actions.Read; r != nil {
		rule := *r
		rule.Pages = limit("pages")
		d.Actions.Read = &rule
	}
	if r := d.Actions.Write; r != nil {
		rule := *r
		rule.Writes = limit("writes")
		d.Actions.Write = &rule
	}
}

func usedWays() []func(*Example) {
	var out []func(*Example)
	for used := range 5 {
		for n := range 3 {
			out = append(out, func(e *Example) {
				e.Call.Uses = map[string]int{"pages": n}
				e.Facts.Used = map[string]int{"pages": used, "class:write": used, "class:admin": n}
			})
		}
	}
	return append(out, func(*Example) {})
}

func drawDiffEmergency(t *rapid.T, d *document) {
	d.BreakGlass = optional(t, "emergency", func() BreakGlass {
		return BreakGlass{"a fire", diffEnd.Add(time.Duration(rapid.IntRange(0, 1).Draw(t, "end")) * time.Hour)}
	})
}

var diffConditions = []string{"content.contains('!')", "job.ticket == ''"}

func drawDiffConditions(t *rapid.T, d *document) {
	list := []approvalCondition{}
	for _, s := range subset(t, "condition", diffConditions) {
		list = append(list, approvalCondition{s, "human_approval"})
	}
	if rapid.Bool().Draw(t, "other order") {
		slices.Reverse(list)
	}
	if d.Approvals = nil; len(list) > 0 {
		d.Approvals = &approvals{B: &list}
	}
}

func conditionWays() []func(*Example) {
	var out []func(*Example)
	for n := range 9 {
		out = append(out, func(e *Example) {
			e.Conditions = map[string]bool{}
			for i, s := range diffConditions {
				if v := []int{n % 3, n / 3}[i]; v < 2 {
					e.Conditions[s] = v == 1
				}
			}
		})
	}
	return out
}
