// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/clawea/clawea/seal"
)

var world = struct {
	tools, hosts, names, routes, models, fields, categories, labels, filters, offers, rules []string
	classes                                                                                 []Class
}{
	tools:      []string{"confluence", "jira", "model", "egress", "repo", "mail"},
	hosts:      []string{"api.example.com:443", "api.example.com:8443", "a.b.example.com:443", "example.com:443", "192.0.2.7:443", "[2001:db8::7]:8443", "other.test:443"},
	names:      []string{"page.get", "page.version", "attachment.get", "page.update", "issue.get", "issue.create", "diff", "write", ""},
	routes:     []string{"alpha", "beta"},
	models:     []string{"small-1", "large-1"},
	fields:     []string{"summary", "labels", "assignee", "Assignee"},
	categories: []string{"external_send", "user_provisioning"},
	labels:     []string{"runbook", "public", "secret"},
	filters:    []string{"space", "project", "label", "issue_type", "denied"},
	offers:     []string{"lookup", "mcp__jira", "mcp__jira__delete", "shell"},
	rules:      []string{"aws-access-token", "gcp-token", "no rule", "private-key"},
	classes:    []Class{Read, Search, Write, Admin, Model, Connect, ""},
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

// drawRarely draws true once in 2^n times. (Drawn integers are mostly small.)
func drawRarely(t *rapid.T, label string, n int) bool {
	for range n {
		if !rapid.Bool().Draw(t, label) {
			return false
		}
	}
	return true
}

// drawMost draws most of all, in order.
func drawMost(t *rapid.T, label string, all []string) []string {
	out := []string{}
	for _, s := range all {
		if !drawRarely(t, label+" without "+s, 2) {
			out = append(out, s)
		}
	}
	return out
}

// drawListed draws a list that may be left out, or hold nothing.
func drawListed(t *rapid.T, label string, all ...string) []string {
	if !drawRarely(t, label+" there", 2) {
		return nil
	}
	return drawMost(t, label, all)
}

// optional draws a section, present seven times of eight.
func optional[T any](t *rapid.T, label string, draw func() T) *T {
	if drawRarely(t, "no "+label, 3) {
		return nil
	}
	v := draw()
	return &v
}

// drawSeldom draws a section, present once of four times.
func drawSeldom[T any](t *rapid.T, label string, draw func() T) *T {
	if !drawRarely(t, label, 2) {
		return nil
	}
	v := draw()
	return &v
}

func drawToolPolicy(t *rapid.T, label string) toolPolicy {
	entries := []string{"read", "write", "confluence", "jira.*", "repo.diff", "mail", "*"}
	p := toolPolicy{}
	if rapid.Bool().Draw(t, label+" has allow") {
		p.Allow = drawMost(t, label+" allow", entries)
	}
	if drawRarely(t, label+" has deny", 2) {
		p.Deny = subset(t, label+" deny", entries[2:6])
	}
	return p
}

func drawRule(t *rapid.T, label string) actionRule {
	if drawRarely(t, label+" gated", 2) {
		return actionRule{Gate: "required"}
	}
	return actionRule{
		Allowed: !drawRarely(t, label+" forbidden", 2),
		Gate:    rapid.SampledFrom([]string{"", "none"}).Draw(t, label+" gate"),
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
		a.Read.Include = drawListed(t, "include", includes...)
		a.Read.Pages = drawSeldom(t, "pages", func() int { return rapid.IntRange(1, 4).Draw(t, "max pages") })
	}
	if a.Search != nil {
		a.Search.Filters = drawListed(t, "filters", "space", "project")
	}
	if a.Write != nil {
		a.Write.Writes = drawSeldom(t, "writes", func() int { return rapid.IntRange(1, 4).Draw(t, "max writes") })
		a.Write.Ticket = drawRarely(t, "ticket to write", 2)
	}
	if a.Admin != nil {
		a.Admin.Ticket = drawRarely(t, "ticket to administer", 2)
	}
	return a
}

func drawApprovals(t *rapid.T, label string) approvals {
	if !drawRarely(t, label+" by condition", 2) { // compiling conditions takes most of the time
		wanted := append([]string{"write", "mail.*"}, world.categories...)
		return approvals{A: &approvalCategories{RequiredFor: subset(t, label, wanted)}}
	}
	list := []approvalCondition{}
	for range rapid.IntRange(0, 2).Draw(t, label+" conditions") {
		list = append(list, approvalCondition{When: "content.contains('!')", Require: "human_approval"})
	}
	return approvals{B: &list}
}

func drawResources(t *rapid.T) resources {
	r := resources{
		Spaces:         []string{"ENG", "OPS"},
		Labels:         drawListed(t, "label", world.labels[:2]...),
		DeniedSpaces:   drawListed(t, "denied space", "HR", "~ada"),
		DeniedPrefixes: drawListed(t, "denied prefix", "ENG/Runbooks/Secret/", "ENG/Old/"),
	}
	if drawRarely(t, "prefixes", 2) {
		r.Prefixes = []string{"ENG/Runbooks/"}
	}
	return r
}

func drawAuth(t *rapid.T) auth {
	a := auth{LeastPrivilege: drawRarely(t, "least privilege", 2)}
	if rapid.Bool().Draw(t, "separation") {
		a.Separation = &credentialSeparation{Write: rapid.SampledFrom([]string{"", "separate", "separate_and_disabled_by_default"}).Draw(t, "write credential")}
	}
	return a
}

func drawConstraints(t *rapid.T) constraints {
	return constraints{
		ToolPolicy: drawSeldom(t, "constrained tools", func() toolPolicy { return drawToolPolicy(t, "constrained tools") }),
		Approvals:  drawSeldom(t, "constrained approvals", func() approvals { return drawApprovals(t, "constrained approvals") }),
		ModelCalls: optional(t, "model calls", func() modelCalls { return modelCalls{Via: "clawproxy"} }),
		Sandbox: drawSeldom(t, "constrained sandbox", func() sandbox {
			return sandbox{
				Required:  rapid.Bool().Draw(t, "sandbox required"),
				Workspace: rapid.SampledFrom(append([]string{""}, workspaces...)).Draw(t, "constrained workspace"),
				Elevated:  rapid.SampledFrom([]string{"", "deny", "allow"}).Draw(t, "elevated"),
			}
		}),
	}
}

func drawAllow(t *rapid.T) allow {
	return allow{
		Projects:   []string{"ENG"},
		Operations: drawMost(t, "ops", []string{"issue.get", "issue.*", "*"}),
		Fields:     drawMost(t, "writable", world.fields[:3]),
		IssueTypes: drawListed(t, "issue type", "Task", "ENG/Bug"),
		Reads:      drawListed(t, "readable", world.fields[:3]...),
	}
}

func drawDeny(t *rapid.T) deny {
	return deny{
		Operations: drawListed(t, "denied ops", "issue.create", "page.update", "diff"),
		Fields:     drawListed(t, "denied fields", world.fields[1:3]...),
		Reads:      drawListed(t, "hidden", world.fields[1:3]...),
	}
}

func drawAgent(t *rapid.T) agentRuntime {
	return agentRuntime{
		Attested:  rapid.Bool().Draw(t, "attestation"),
		Heartbeat: drawSeldom(t, "heartbeat", func() int { return rapid.IntRange(1, 3).Draw(t, "longest silence") }),
		Plugins:   drawListed(t, "plugins", "ledger", "@acme/mail"),
		Skills:    drawListed(t, "skills", "triage"),
	}
}

// drawDocument draws any mixture of the language's sections.
func drawDocument(t *rapid.T) document {
	d := document{Version: "v1"}
	if drawRarely(t, "for tools", 2) {
		tools := drawMost(t, "tool", world.tools)
		d.Tool = &seal.Either[string, []string]{B: &tools}
	}
	if drawRarely(t, "mode", 2) {
		d.ConnectionMode = rapid.SampledFrom([][]string{{"official_api"}, {"official_api", "mcp_server"}}).Draw(t, "modes")
	}
	d.Environment = rapid.SampledFrom([]string{"", "dev", "prod"}).Draw(t, "environment")
	d.ChangeRecord = drawSeldom(t, "change", func() ChangeRecord { return ChangeRecord{ID: "CHG0042"} })
	d.BreakGlass = drawSeldom(t, "break glass", func() BreakGlass {
		return BreakGlass{Reason: "down", Expires: noon.Add(time.Duration(rapid.SampledFrom([]int{1, 2, 3, 0, -1}).Draw(t, "emergency's end")) * time.Hour)}
	})
	d.Runtime = drawSeldom(t, "runtime", func() runtime {
		return runtime{Bearer: optional(t, "bearer", func() bool { return rapid.Bool().Draw(t, "bearer allowed") })}
	})
	d.Resources = optional(t, "resources", func() resources { return drawResources(t) })
	d.Actions = optional(t, "actions", func() actions { return drawActions(t) })
	d.Auth = drawSeldom(t, "auth", func() auth { return drawAuth(t) })
	d.Allow = optional(t, "allow", func() allow { return drawAllow(t) })
	d.Deny = optional(t, "deny", func() deny { return drawDeny(t) })
	d.ToolPolicy = optional(t, "tool policy", func() toolPolicy { return drawToolPolicy(t, "tool policy") })
	d.SandboxExpectations = drawSeldom(t, "sandbox", func() sandboxExpectations {
		return sandboxExpectations{Sandboxed: rapid.Bool().Draw(t, "sandboxed"), Workspace: rapid.SampledFrom(workspaces).Draw(t, "workspace")}
	})
	d.AgentRuntime = drawSeldom(t, "agent's runtime", func() agentRuntime { return drawAgent(t) })
	d.ModelRoute = optional(t, "route", func() modelRoute { return drawRoute(t) })
	d.Egress = optional(t, "egress", func() egress { return drawEgress(t) })
	if drawRarely(t, "asking", 1) {
		a := drawApprovals(t, "approvals")
		d.Approvals = &a
	}
	if drawRarely(t, "approvers", 1) {
		d.Approvers = drawApprovers(t)
	}
	d.Constraints = drawSeldom(t, "constraints", func() constraints { return drawConstraints(t) })
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

// bindingFor binds p's names to ids that say what they are: a denied place has
// the id that it would have if it were permitted.
func bindingFor(p *Policy) *Binding {
	b := &Binding{Policy: p.Hash(), At: time.Unix(0, 0).UTC()}
	for _, n := range p.Names() {
		b.Names = append(b.Names, Bound{Name: n, Site: "s", ID: strings.TrimSuffix(n.Kind, "_denied") + ":" + strings.TrimSuffix(n.Name, "/")})
	}
	if p.Upstream() {
		b.Servers = worldServers
	}
	return b
}

var (
	engPlace      = Place{"space:ENG", "ENG"}
	runbooksPlace = Place{"page_prefix:ENG/Runbooks", "Runbooks"}

	pagePaths = [][]Place{ // the first two are the usual ones
		{engPlace, runbooksPlace, {"7", "secret title"}},
		{engPlace, runbooksPlace},
		{engPlace, runbooksPlace, {"page_prefix:ENG/Runbooks/Secret", "Secret"}, {"7", "x"}},
		{engPlace, runbooksPlace, {"page_prefix:ENG/Runbooks/Secret", "renamed"}},
		{engPlace, {"99", "Old"}, {"7", "x"}},
		{engPlace, {"8", "Elsewhere"}},
		{{"space:OPS", "OPS"}},
		{{"space:OPS", "OPS"}, {"page_prefix:ENG/Old", "moved"}},
		{{"space:HR", "HR"}, {"7", "x"}},
		{{"space:ENG", "renamed"}},
		{},
	}
	typePaths = [][]Place{
		{{"project:ENG", "ENG"}, {"issue_type:ENG/Task", "Task"}},
		{{"project:ENG", "ENG"}, {"issue_type:ENG/Bug", "Bug"}},
		{{"project:ENG", "ENG"}, {"issue_type:ENG/Task", "renamed"}},
		{{"project:ENG", "ENG"}, {"5", "Task"}},
	}
)

func drawPage(t *rapid.T) Resource {
	paths := pagePaths[:2]
	if drawRarely(t, "elsewhere", 1) {
		paths = pagePaths
	}
	return Resource{Type: "page", ID: "7", Path: rapid.SampledFrom(paths).Draw(t, "path"), Labels: drawMost(t, "carries", world.labels)}
}

// drawTouched draws what a call of the tool touches, most often what such calls do.
func drawTouched(t *rapid.T, tool string) []Resource {
	if tool == "model" {
		return []Resource{
			{Type: "route", ID: rapid.SampledFrom(world.routes).Draw(t, "call route")},
			{Type: "model", ID: rapid.SampledFrom(world.models).Draw(t, "call model")},
		}
	}
	if tool == EgressTool {
		id := rapid.SampledFrom(world.hosts).Draw(t, "call host")
		if drawRarely(t, "odd host", 4) {
			id = rapid.SampledFrom([]string{"", "api.example.com", "*.example.com:443", "API.example.com:443", "127.1:443", "api.example.com:0", "[::1:443"}).Draw(t, "odd call host")
		}
		return []Resource{{Type: "host", ID: id}}
	}
	if tool != "jira" {
		if drawRarely(t, "nothing touched", 3) {
			return nil
		}
		out := []Resource{drawPage(t)}
		if drawRarely(t, "two pages", 2) {
			out = append(out, drawPage(t))
		}
		return out
	}
	out := []Resource{{Type: "issue", ID: "9", Path: []Place{{"project:ENG", "ENG"}, {"9", "ENG-9"}}}}
	for range rapid.SampledFrom([]int{1, 0, 2}).Draw(t, "types") {
		path := rapid.SampledFrom(typePaths).Draw(t, "type")
		out = append(out, Resource{Type: "issue_type", ID: path[1].ID, Path: path})
	}
	return out
}

// worldActions are the actions that a drawn tool has. The own tools have one that is
// called like a class, and one that is called like nothing.
var worldActions = map[string][]Action{
	"confluence": {{"confluence", "page.get", Read}, {"confluence", "page.comments", Read}, {"confluence", "page.search", Search}, {"confluence", "page.update", Write}, {"confluence", "space.edit", Admin}},
	"jira":       {{"jira", "issue.get", Read}, {"jira", "issue.search", Search}, {"jira", "issue.create", Write}, {"jira", "project.edit", Admin}},
	"model":      {{"model", "", Model}, {"model", "chat", Model}},
	"egress":     {{"egress", "connect", Connect}},
	"repo":       {{"repo", "diff", Read}, {"repo", "write", Write}},
	"mail":       {{"mail", "", Write}, {"mail", "read", Read}},
}

func drawCall(t *rapid.T) *Call {
	tool := rapid.SampledFrom(world.tools).Draw(t, "call tool")
	a := rapid.SampledFrom(worldActions[tool]).Draw(t, "call action")
	c := &Call{
		Tool: tool, Action: a.Name, Class: a.Class, Mode: "official_api", Privilege: "least", Site: "s",
		Credential: credential(a.Class),
		Resources:  drawTouched(t, tool),
		Reads:      []string{"summary"},
		Filters:    world.filters,
	}
	if drawRarely(t, "odd class", 3) {
		c.Class = rapid.SampledFrom(world.classes).Draw(t, "call class")
	}
	if drawRarely(t, "odd action", 3) {
		c.Action = rapid.SampledFrom(world.names).Draw(t, "odd call action")
	}
	if drawRarely(t, "odd reach", 2) {
		c.Mode = rapid.SampledFrom([]string{"mcp_server", ""}).Draw(t, "call mode")
		c.Privilege = rapid.SampledFrom([]string{"least", ""}).Draw(t, "call privilege")
		c.Credential = rapid.SampledFrom([]string{"read", "write", "shared"}).Draw(t, "call credential")
	}
	if drawRarely(t, "through a server", 2) {
		drawThrough(t, c)
	}
	if drawRarely(t, "odd site", 4) {
		c.Site = "elsewhere"
	}
	if rapid.Bool().Draw(t, "categorized") {
		c.Categories = subset(t, "category", world.categories)
	}
	if rapid.Bool().Draw(t, "writes fields") {
		c.Fields = subset(t, "field", world.fields)
	}
	if rapid.Bool().Draw(t, "shows fields") {
		c.Reads = subset(t, "shows", world.fields)
	}
	if drawRarely(t, "loose", 2) {
		c.Filters = drawMost(t, "filter", world.filters)
	}
	if rapid.Bool().Draw(t, "uses") {
		c.Uses = map[string]int{"pages": rapid.SampledFrom([]int{1, 2, 3, 0, -1}).Draw(t, "pages used")}
	}
	if tool == "model" || drawRarely(t, "as if a model", 5) {
		drawAsked(t, c)
	}
	if drawRarely(t, "unresolved", 4) {
		c.Unresolved = "not_found"
	}
	return c
}

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func drawFacts(t *rapid.T, c *Call) *Facts {
	f := &Facts{Now: noon, Used: map[string]int{}, Ticket: rapid.SampledFrom([]string{"", "ENG-1"}).Draw(t, "ticket")}
	for _, counter := range []string{"pages", "class:write", "class:admin", "class:read", "writes", tokens, cost, outputTokens} {
		f.Used[counter] = rapid.IntRange(0, 3).Draw(t, counter+" so far")
	}
	if rapid.Bool().Draw(t, "attested") {
		f.Runtime = &Runtime{
			Sandboxed:  !drawRarely(t, "no sandbox attested", 2),
			Workspace:  rapid.SampledFrom(workspaces).Draw(t, "attested workspace"),
			Unelevated: !drawRarely(t, "elevated", 2),
		}
		if !drawRarely(t, "no attestation", 2) {
			f.Runtime.Attestation = seal.Sum([]byte("attestation"))
		}
	}
	f.Silence = optional(t, "heard of", func() int { return rapid.IntRange(0, 4).Draw(t, "silence") })
	if drawRarely(t, "carried out before", 2) {
		f.Repeats = rapid.SampledFrom([]int{1, 2, -1}).Draw(t, "repeats")
	}
	f.Conditions = map[string]bool{}
	for _, at := range []string{"/approvals/0", "/approvals/1", "/constraints/approvals/0", "/constraints/approvals/1"} {
		if !drawRarely(t, at+" unknown", 3) {
			f.Conditions[at] = rapid.Bool().Draw(t, at)
		}
	}
	for range rapid.SampledFrom([]int{0, 0, 1, 2, 4}).Draw(t, "answers") {
		a := answer(c, !drawRarely(t, "no", 2))
		a.By = rapid.SampledFrom([]string{"ada", "bob", "cyd"}).Draw(t, "by")
		a.ID = rapid.SampledFrom([]string{"q", "q", "r"}).Draw(t, "question")
		a.Groups = subset(t, "groups", drawnGroups)
		a.For = rapid.SampledFrom([]string{"", "", "", "ada", "bob", "cyd"}).Draw(t, "for")
		a.Own = drawRarely(t, "own", 3)
		if drawRarely(t, "lately", 1) {
			a.At = noon.Add(-time.Minute)
		}
		f.Approvals = append(f.Approvals, a)
	}
	return f
}

func answer(c *Call, yes bool) Approval {
	return Approval{ID: "q", Call: c.Digest(), By: "ada", Yes: yes, At: noon.Add(-time.Hour), Expires: noon.Add(time.Hour)}
}

// TestDrawnWorld keeps the drawn policies and calls worth deciding: each tool
// must get each effect.
func TestDrawnWorld(t *testing.T) {
	type outcome struct {
		tool   string
		effect Effect
	}
	seen := map[outcome]int{}
	for i := range 6000 {
		rapid.Custom(func(t *rapid.T) int {
			d := drawDocument(t)
			if d.Approvals != nil && d.Approvals.B != nil {
				d.Approvals = nil // compiling takes most of the time
			}
			c := drawCall(t)
			p := policyOf(t, d)
			seen[outcome{c.Tool, p.Decide(c, drawFacts(t, c)).Effect}]++
			return 0
		}).Example(i)
	}
	for _, tool := range world.tools {
		for _, e := range []Effect{Deny, Ask, Allow} {
			if seen[outcome{tool, e}] == 0 {
				t.Errorf("no call of %s is ever decided %v: %v", tool, e, seen)
			}
		}
	}
	t.Log(seen)
}
