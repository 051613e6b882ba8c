// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"

	"github.com/clawea/clawea/internal/vectors"
	"github.com/clawea/clawea/seal"
)

// wide has words that make lists disagree about how they are read: with dots,
// with globs, in another case, beyond ASCII.
var wide = struct{ entries, tools, actions, fields, spaces, prefixes, labels []string }{
	entries:  []string{"read", "write", "admin", "repo", "repo.*", "repo.diff", "repo.diff.all", "mail", "*.diff", "*", "m*l", "jira", "jira.issue.*", "workflow.*", "issue.get", "confluence.*", "page.get", "a.b", "a.b.c"},
	tools:    []string{"repo", "repo.diff", "mail", "a", "a.b", "read", "m*l", "", "jira", "confluence", "model"},
	actions:  []string{"diff", "diff.all", "all", "issue.get", "issue.transition", "page.get", "page.versions", "page.comments", "b.c", "c", "*", ""},
	fields:   []string{"summary", "Summary", "task", "tas\u212a", "ta\u017fk", "Tasks", "\xff", "ä"},
	spaces:   []string{"ENG", "OPS", "HR"},
	prefixes: []string{"ENG/Runbooks/", "ENG/Runbooks/Oncall/", "OPS/Wiki/"},
	labels:   []string{"public", "Public", "runbook"},
}

// drawWideDocument is drawDocument with every field that Decide reads.
func drawWideDocument(t *rapid.T) document {
	d := drawDocument(t)
	if rapid.Bool().Draw(t, "one tool") {
		one := rapid.SampledFrom(wide.tools[:2]).Draw(t, "the tool")
		if toolName.MatchString(one) {
			d.Tool = &seal.Either[string, []string]{A: &one}
		}
	}
	lists := func(label string) *toolPolicy {
		return optional(t, label, func() toolPolicy {
			p := toolPolicy{Deny: subset(t, label+" deny", wide.entries[:9])}
			if rapid.Bool().Draw(t, label+" has allow") {
				p.Allow = subset(t, label+" allow", wide.entries)
			}
			return p
		})
	}
	d.ToolPolicy = lists("wide tool policy")
	d.Constraints = optional(t, "constraints", func() constraints {
		k := constraints{ToolPolicy: lists("constraints tool policy")}
		k.Sandbox = optional(t, "sandbox", func() sandbox {
			return sandbox{rapid.Bool().Draw(t, "required"), rapid.SampledFrom(workspaces).Draw(t, "workspace"), rapid.SampledFrom([]string{"", "deny", "allow"}).Draw(t, "elevated")}
		})
		k.ModelCalls = optional(t, "model calls", func() modelCalls { return modelCalls{Via: "clawproxy"} })
		k.Approvals = optional(t, "also approvals", func() approvals { return drawApprovals(t, "constraints approvals") })
		return k
	})
	d.Approvals = optional(t, "wide approvals", func() approvals {
		return approvals{A: &approvalCategories{RequiredFor: append(subset(t, "required for", wide.entries), world.categories...)}}
	})
	if d.Resources != nil {
		drawWidePlaces(t, d.Resources)
	}
	if a := d.Actions; a != nil && a.Read != nil && rapid.Bool().Draw(t, "wide include") {
		a.Read.Include = subset(t, "also included", includes)
	}
	if a := d.Actions; a != nil && a.Write != nil {
		a.Write.Ticket = rapid.Bool().Draw(t, "ticket")
		a.Write.Writes = optional(t, "writes", func() int { return rapid.IntRange(1, 3).Draw(t, "max writes") })
	}
	d.Auth = optional(t, "wide auth", func() auth {
		write := rapid.SampledFrom([]string{"separate", "separate_and_disabled_by_default"}).Draw(t, "write credential")
		return auth{rapid.Bool().Draw(t, "least privilege"), &credentialSeparation{Write: write}}
	})
	drawWideJira(t, &d)
	d.BreakGlass = optional(t, "break glass", func() BreakGlass {
		return BreakGlass{"fire", noon.Add(rapid.SampledFrom([]time.Duration{-1, 0, 1}).Draw(t, "until"))}
	})
	return d
}

func drawWidePlaces(t *rapid.T, r *resources) {
	if rapid.Bool().Draw(t, "places") {
		r.Spaces, r.Prefixes = []string{"ENG", "OPS"}, subset(t, "prefix", wide.prefixes)
	}
	if rapid.Bool().Draw(t, "denied places") {
		r.DeniedSpaces = []string{"HR"}
		r.DeniedPrefixes = slices.DeleteFunc(subset(t, "denied prefix", wide.prefixes), func(s string) bool { return slices.Contains(r.Prefixes, s) })
	}
	if rapid.Bool().Draw(t, "labels") {
		r.Labels = subset(t, "label", wide.labels)
	}
}

func drawWideJira(t *rapid.T, d *document) {
	if a := d.Allow; a != nil && rapid.Bool().Draw(t, "wide jira") {
		a.Projects, a.Operations = []string{"ENG", "OPS"}, subset(t, "wide ops", wide.entries)
		if rapid.Bool().Draw(t, "types") {
			a.IssueTypes = []string{"Task", "OPS/Bug"}
		}
		a.Fields = subset(t, "wide writable", wide.fields[:3])
		if rapid.Bool().Draw(t, "reads") {
			a.Reads = subset(t, "readable", wide.fields[:3])
		}
	}
	if n := d.Deny; n != nil && rapid.Bool().Draw(t, "wide denials") {
		n.Operations, n.Fields, n.Reads = subset(t, "wide denied ops", wide.entries[:9]), subset(t, "denied", wide.fields[:3]), subset(t, "hidden", wide.fields[:3])
	}
}

func drawWideCall(t *rapid.T) *Call {
	c := drawCall(t)
	if rapid.Bool().Draw(t, "wide name") {
		c.Tool = rapid.SampledFrom(wide.tools).Draw(t, "wide tool")
		c.Action = rapid.SampledFrom(wide.actions).Draw(t, "wide action")
	}
	if rapid.IntRange(0, 5).Draw(t, "odd class") == 0 {
		c.Class = rapid.SampledFrom([]Class{"mail", "repo.*", "*"}).Draw(t, "which class")
	}
	c.Site = rapid.SampledFrom([]string{"s", "s", "s", "elsewhere"}).Draw(t, "site")
	c.Privilege = rapid.SampledFrom([]string{"", "least"}).Draw(t, "privilege")
	c.Fields, c.Reads = subset(t, "wide field", wide.fields), subset(t, "read field", wide.fields)
	c.Filters = subset(t, "filter", []string{"space", "project", "label", "issue_type", "denied"})
	c.Categories = append(c.Categories, subset(t, "wide category", wide.entries[6:8])...)
	if c.Tool != "model" {
		c.Resources = append(c.Resources, rapid.SliceOfN(rapid.Custom(drawWideResource), 0, 2).Draw(t, "wide resources")...)
	}
	if rapid.Bool().Draw(t, "more uses") {
		c.Uses = map[string]int{"pages": rapid.IntRange(-1, 3).Draw(t, "pages"), "writes": rapid.IntRange(-1, 9).Draw(t, "writes"), "other": rapid.IntRange(-1, 1).Draw(t, "other")}
	}
	return c
}

// drawWideResource draws a path of any steps, with the ids that bindingFor gives,
// under their own names or others'.
func drawWideResource(t *rapid.T) Resource {
	ids := []string{"space:ENG", "space:OPS", "space_denied:HR", "page_prefix:ENG/Runbooks", "page_prefix_denied:ENG/Runbooks", "page_prefix:OPS/Wiki", "project:ENG", "project:OPS", "issue_type:ENG/Task", "issue_type:OPS/Bug", "7"}
	names := []string{"ENG", "OPS", "HR", "Runbooks", "Oncall", "Wiki", "Task", "Bug", "ENG/Runbooks", "", "Run"}
	r := Resource{Type: rapid.SampledFrom([]string{"page", "issue", "issue_type"}).Draw(t, "type"), ID: "7", Labels: subset(t, "carried", wide.labels)}
	for range rapid.IntRange(0, 3).Draw(t, "steps") {
		r.Path = append(r.Path, Place{rapid.SampledFrom(ids).Draw(t, "id"), rapid.SampledFrom(names).Draw(t, "name")})
	}
	if rapid.Bool().Draw(t, "in place") { // where the ids lead: otherwise hardly a path is a name
		r.Path = slices.Clone(rapid.SampledFrom([][]Place{
			{{"space:ENG", "ENG"}, {"page_prefix:ENG/Runbooks", "Runbooks"}, {"page_prefix:ENG/Runbooks/Oncall", "Oncall"}},
			{{"space:OPS", "OPS"}, {"page_prefix:OPS/Wiki", "Wiki"}},
			{{"project:ENG", "ENG"}, {"issue_type:ENG/Task", "Task"}},
			{{"project:OPS", "OPS"}, {"issue_type:OPS/Bug", "Bug"}},
		}).Draw(t, "place"))
	}
	return r
}

func drawWideFacts(t *rapid.T, c *Call) *Facts {
	f := drawFacts(t, c)
	f.Used["class:write"], f.Used["class:admin"] = rapid.IntRange(0, 2).Draw(t, "wrote"), rapid.IntRange(0, 1).Draw(t, "administered")
	f.Ticket = rapid.SampledFrom([]string{"", "OPS-1"}).Draw(t, "the ticket")
	f.Conditions["/constraints/approvals/0"] = rapid.Bool().Draw(t, "condition")
	if len(f.Approvals) > 0 && rapid.Bool().Draw(t, "stale") {
		f.Approvals[0].Expires = noon
	}
	return f
}

// relax leaves out most of what denies, so that not everything is denied.
func relax(t *rapid.T, d *document) {
	some := func(label string) bool { return rapid.IntRange(0, 3).Draw(t, "relax "+label) > 0 }
	for _, s := range []struct {
		label string
		drop  func()
	}{
		{"tool", func() { d.Tool = nil }},
		{"mode", func() { d.ConnectionMode = nil }},
		{"auth", func() { d.Auth = nil }},
		{"deny", func() { d.Deny = nil }},
		{"tools", func() { d.ToolPolicy = &toolPolicy{Allow: []string{"*"}} }},
		{"sandbox", func() { d.SandboxExpectations = nil }},
		{"agent's runtime", func() { d.AgentRuntime = nil }},
		{"constraints", func() { d.Constraints = nil }},
		{"approvals", func() { d.Approvals = nil }},
		{"break glass", func() { d.BreakGlass = nil }},
		{"actions", func() {
			d.Actions = &actions{&actionRule{Allowed: true}, &actionRule{Allowed: true}, &actionRule{Allowed: true, Gate: "required"}, nil}
		}},
		{"resources", func() { d.Resources = &resources{Spaces: []string{"ENG", "OPS"}} }},
		{"allow", func() {
			d.Allow = &allow{Projects: []string{"ENG"}, Operations: []string{"*.get", "diff"}, Fields: []string{"summary"}}
		}},
	} {
		if some(s.label) {
			s.drop()
		}
	}
}

// drawGoodCall draws a call that most policies have no more than one thing against.
func drawGoodCall(t *rapid.T) *Call {
	c := drawWideCall(t)
	c.Class, c.Tool = Read, rapid.SampledFrom([]string{"jira", "confluence", "repo", "model", "egress"}).Draw(t, "good tool")
	c.Action = map[string]string{"jira": "issue.get", "confluence": "page.get", "repo": "diff", "egress": "connect"}[c.Tool]
	if c.Tool == "confluence" && rapid.Bool().Draw(t, "a read of its own") {
		c.Action = rapid.SampledFrom([]string{"page.version", "page.versions", "page.comments", "page.attachments", "attachment.get", "page.restrictions"}).Draw(t, "which read")
	}
	c.Site, c.Credential, c.Privilege, c.Unresolved = "s", "read", "least", ""
	if c.Server.IsZero() || c.Tool == "model" {
		c.Mode, c.Server = "official_api", seal.Hash{}
	}
	c.Filters, c.Fields, c.Uses = []string{"space", "label", "issue_type", "denied"}, []string{"summary"}, map[string]int{"pages": 1}
	switch c.Tool {
	case "model":
		c.Class, c.Resources = Model, []Resource{{Type: "route", ID: "alpha"}, {Type: "model", ID: "small-1"}}
	case "egress":
		c.Resources = drawTouched(t, c.Tool)
	case "jira":
		c.Resources = []Resource{{Type: "issue", ID: "9", Path: []Place{{"project:ENG", "ENG"}}}, {Type: "issue_type", ID: "1", Path: []Place{{"project:ENG", "ENG"}, {"issue_type:ENG/Task", "Task"}}}}
	default:
		c.Resources = []Resource{{Type: "page", ID: "7", Labels: wide.labels, Path: []Place{{"space:ENG", "ENG"}, {"page_prefix:ENG/Runbooks", "Runbooks"}, {"page_prefix:ENG/Runbooks/Oncall", "Oncall"}}}}
	}
	if c.Tool == "model" {
		maps.Copy(c.Uses, map[string]int{tokens: 1, cost: 1, outputTokens: 1})
	} else {
		c.Class = rapid.SampledFrom([]Class{Read, Search, Write}).Draw(t, "good class")
		c.Offers, c.Found = nil, nil
	}
	if c.Tool == EgressTool {
		c.Class, c.Mode = Connect, ""
	}
	if c.Class == Write {
		c.Credential = "write"
	}
	return c
}

// drawWidePolicy draws a policy as Decide may meet it: bound or not, narrowed or not.
func drawWidePolicy(t *rapid.T) *Policy {
	d := drawWideDocument(t)
	if rapid.Bool().Draw(t, "relaxed") {
		relax(t, &d)
	}
	b, err := seal.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Parse(b)
	if err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	bind := func() {
		b := bindingFor(p)
		if len(b.Names) > 0 && rapid.Bool().Draw(t, "two sites") {
			b.Names[rapid.IntRange(0, len(b.Names)-1).Draw(t, "moved")].Site = "elsewhere"
		}
		if p, err = p.Bind(b); err != nil {
			t.Fatal(err)
		}
	}
	order := rapid.IntRange(0, 4).Draw(t, "bound and narrowed")
	if order < 3 {
		bind()
	}
	if order > 1 {
		whole := p.Whole([]Action{{"confluence", "page.get", Read}, {"jira", "issue.get", Read}, {"model", "", Model}, {"repo", "diff", Read}, {"egress", "connect", Connect}})
		g := Grant{Actions: subset(t, "granted", append(whole.Actions, "", "repo", "*.get")), Resources: subset(t, "granted", whole.Resources), Limits: whole.Limits}
		for k, max := range g.Limits {
			g.Limits[k] = rapid.IntRange(0, max).Draw(t, "granted "+k)
		}
		if p, err = p.Narrow(g, nil); err != nil {
			t.Fatal(err)
		}
	}
	if order == 3 {
		bind()
	}
	return p
}

// TestDecideIsTheOracle says: Decide looks things up and leaves things out, and
// nobody can tell, by effect or by reason.
func TestDecideIsTheOracle(t *testing.T) {
	effects := map[Effect]int{}
	rapid.Check(t, func(t *rapid.T) {
		p := drawWidePolicy(t)
		if rapid.IntRange(0, 50).Draw(t, "no policy") == 0 {
			p = new(Policy)
		}
		for i := range 8 { // calls are cheaper than policies
			c := drawWideCall(t)
			if i%2 == 0 {
				c = drawGoodCall(t)
			}
			drawCarrier(t, c)
			f := drawWideFacts(t, c)
			got := p.Decide(c, f)
			effects[got.Effect]++
			if diff := cmp.Diff(oracle{p}.Decide(c, f), got); diff != "" {
				t.Fatalf("%s\n%+v", diff, c)
			}
		}
	})
	t.Log(effects)
}

// TestDecideIsTheOracleOfVectors is the same for what the vectors have.
func TestDecideIsTheOracleOfVectors(t *testing.T) {
	paths, err := filepath.Glob("../testdata/vectors/policy-*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files := vectors.Files(a)
		p, err := Parse(files["policy.json"])
		if err != nil || files["call.json"] == nil {
			continue
		}
		if b, err := ParseBinding([]byte(strings.TrimSpace(string(files["binding.json"])))); err == nil {
			if q, err := p.Bind(b); err == nil {
				p = q
			}
		}
		c, f := new(Call), new(Facts)
		decodeVector(t, files["call.json"], c)
		decodeVector(t, files["facts.json"], f)
		if diff := cmp.Diff(oracle{p}.Decide(c, f), p.Decide(c, f)); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}
