// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"
)

// Decide answers c. It is total, pure and deterministic: the same policy, call
// and facts always give the same decision. Every section that has something to
// say about the call is heard, and all of them must permit it; one denial
// denies, whatever the others say; a call that no section permits is denied;
// where a section asks for a person, a person's yes to this exact call allows
// it (spec/policy.md section 4).
func (p *Policy) Decide(c *Call, f *Facts) Decision {
	t := tally{}
	if p.hash.IsZero() {
		t.deny("", "there is no policy")
	}
	if c.Unresolved != "" {
		t.deny("", "the call could not be resolved: %s", c.Unresolved)
	}
	if !c.classed() {
		t.deny("", "the call is of no class that its tool has")
	}
	switch c.Tool {
	case "model":
		p.judgeModel(c, &t)
	case "confluence":
		p.judgeTool(c, &t)
		p.judgeActions(c, &t, true)
		p.judgeSpaces(c, &t)
	case "jira":
		p.judgeTool(c, &t)
		p.judgeActions(c, &t, false)
		p.judgeJira(c, &t)
	default:
		p.judgeTool(c, &t)
		p.judgeOwnTool(c, &t)
	}
	if c.Tool != "model" {
		p.judgeSandbox(f, &t)
	}
	p.judgeDenied(c, &t)
	p.judgeLimits(c, f, &t)
	p.judgeApprovals(c, f, &t)
	p.judgeGrant(c, &t)
	p.judgeReached(c, &t)
	return p.settle(&t, c, f)
}

// A tally collects what the sections say.
type tally struct {
	denied, asked, permitted []Reason
}

func (t *tally) deny(clause, format string, args ...any) {
	t.denied = append(t.denied, Reason{clause, fmt.Sprintf(format, args...)})
}

func (t *tally) ask(clause, format string, args ...any) {
	t.asked = append(t.asked, Reason{clause, fmt.Sprintf(format, args...)})
}

func (t *tally) permit(clause, says string) {
	t.permitted = append(t.permitted, Reason{clause, says})
}

func (p *Policy) settle(t *tally, c *Call, f *Facts) Decision {
	d := Decision{Policy: p.hash, Binding: p.bindingHash}
	switch {
	case len(t.denied) > 0:
		d.Reasons = t.denied
	case len(t.permitted) == 0: // a person's yes is no substitute for a section's
		d.Reasons = []Reason{{"", "no section permits it"}}
	case len(t.asked) > 0:
		answered(&d, t.asked, c, f)
	default:
		d.Effect, d.Reasons = Allow, t.permitted
	}
	return d
}

// answered looks for a person's answer to this exact call. A no outweighs a yes.
func answered(d *Decision, asked []Reason, c *Call, f *Facts) {
	digest := c.Digest()
	d.Effect, d.Reasons = Ask, asked
	if digest.IsZero() { // the call has no name, so nothing can be an answer to it
		return
	}
	for _, a := range f.Approvals {
		if !a.Call.Equal(digest) || a.At.After(f.Now) || !f.Now.Before(a.Expires) {
			continue
		}
		d.Approval = a.ID
		if !a.Yes {
			d.Effect, d.Reasons = Deny, []Reason{{asked[0].Clause, "a person said no"}}
			return
		}
		d.Effect, d.Reasons = Allow, []Reason{{asked[0].Clause, "a person said yes"}}
	}
}

func (p *Policy) judgeModel(c *Call, t *tally) {
	if !p.hasModels() {
		t.deny("/model_route", "the policy names no model route")
		return
	}
	if r := p.doc.ModelRoute; r != nil && r.Allowed != nil {
		if !slices.ContainsFunc(r.Allowed, func(e string) bool { return routeHolds(e, c) }) {
			t.deny("/model_route/allowed", "this route or model is not on the list")
			return
		}
	}
	if p.doc.ModelRoute == nil {
		t.permit("/constraints/model_calls", "model calls are permitted")
		return
	}
	t.permit("/model_route", "the route is permitted")
}

// routeHolds matches an entry "ROUTE" or "ROUTE/MODEL-GLOB".
func routeHolds(entry string, c *Call) bool {
	route, model := c.resource("route"), c.resource("model")
	if route == "" || model == "" {
		return false
	}
	name, pattern, limited := strings.Cut(entry, "/")
	return (name == route || name == "*") && (!limited || glob(pattern, model))
}

// resource returns the id of the only resource of a type, or "".
func (c *Call) resource(typ string) string {
	id := ""
	for _, r := range c.Resources {
		if r.Type != typ {
			continue
		}
		if id != "" {
			return ""
		}
		id = r.ID
	}
	return id
}

// judgeTool hears the sections that speak about every tool call.
func (p *Policy) judgeTool(c *Call, t *tally) {
	if e := p.doc.Tool; e != nil && !slices.Contains(p.tools(), c.Tool) {
		t.deny("/tool", "the policy is not for %s", c.Tool)
	}
	for _, s := range p.toolPolicies() {
		if s.Allow != nil && !anyMatch(s.Allow, c) {
			t.deny(s.at+"/allow", "%s is not on the list", c.Name())
		}
	}
}

// judgeReached hears how a system is reached, and by which credential.
// Confluence and Jira are always reached somehow, so a call that does not say
// how is denied, unless it is denied anyway, before anyone planned it. An
// agent's own tool may be no system at all.
func (p *Policy) judgeReached(c *Call, t *tally) {
	outside := c.Tool == "confluence" || c.Tool == "jira"
	if c.Tool == "model" || c.Mode == "" && (!outside || len(t.denied) > 0) {
		return
	}
	if p.doc.ConnectionMode != nil && !slices.Contains(p.doc.ConnectionMode, c.Mode) {
		t.deny("/connection_mode", "connection mode %q is not on the list", c.Mode)
	}
	if a := p.doc.Auth; a != nil && a.Separation != nil {
		if want := credential(c.Class); c.Credential != want {
			t.deny("/auth/credential_separation", "needs the %s credential", want)
		}
	}
}

func credential(c Class) string {
	if c == Read || c == Search {
		return "read"
	}
	return "write"
}

// judgeOwnTool hears the tool list about a tool that no other section knows.
func (p *Policy) judgeOwnTool(c *Call, t *tally) {
	for _, s := range p.toolPolicies() {
		if anyMatch(s.Allow, c) {
			t.permit(s.at+"/allow", c.Name()+" is on the list")
		}
	}
}

type placedToolPolicy struct {
	*toolPolicy
	at string
}

func (p *Policy) toolPolicies() []placedToolPolicy {
	var out []placedToolPolicy
	if s := p.doc.ToolPolicy; s != nil {
		out = append(out, placedToolPolicy{s, "/tool_policy"})
	}
	if s := p.doc.Constraints; s != nil && s.ToolPolicy != nil {
		out = append(out, placedToolPolicy{s.ToolPolicy, "/constraints/tool_policy"})
	}
	return out
}

func (p *Policy) toolEntries() []string {
	var out []string
	for _, s := range p.toolPolicies() {
		out = append(out, s.Allow...)
	}
	return out
}

func (p *Policy) tools() []string {
	switch e := p.doc.Tool; {
	case e == nil:
		return nil
	case e.A != nil:
		return []string{*e.A}
	default:
		return *e.B
	}
}

// judgeDenied hears the deny lists. They win over everything.
func (p *Policy) judgeDenied(c *Call, t *tally) {
	for _, s := range p.toolPolicies() {
		if c.Tool != "model" && anyMatch(s.Deny, c) {
			t.deny(s.at+"/deny", "%s is denied", c.Name())
		}
	}
	if d := p.doc.Deny; d != nil && anyOperation(d.Operations, c) {
		t.deny("/deny/operations", "%s is denied", c.Name())
	}
}

// judgeActions hears what the policy says of reading, searching, writing and
// administering. required tells whether silence denies.
func (p *Policy) judgeActions(c *Call, t *tally, required bool) {
	a := p.doc.Actions
	if a == nil {
		if required {
			t.deny("/actions", "the policy permits no %s action", c.Tool)
		}
		return
	}
	at := "/actions/" + string(c.Class)
	r := a.rule(c.Class)
	switch {
	case r == nil:
		t.deny("/actions", "%s is not permitted", c.Class)
	case r.Gate == "required":
		t.permit(at, string(c.Class)+" is permitted with a person's approval")
		t.ask(at+"/approval_gate", "a person must approve it")
	case !r.Allowed:
		t.deny(at+"/allowed", "%s is not permitted", c.Class)
	default:
		t.permit(at, string(c.Class)+" is permitted")
	}
	if r != nil {
		for _, want := range r.Filters {
			if bounds(want, c.Tool) && !slices.Contains(c.Filters, want) {
				t.deny(at+"/query_filters_required", "the query is not bounded by %s", want)
			}
		}
	}
}

// bounds reports whether a filter is one of the queries that tool takes.
func bounds(filter, tool string) bool {
	return filter == "space" && tool == "confluence" || filter == "project" && tool == "jira"
}

func (a *actions) rule(c Class) *actionRule {
	switch c {
	case Read:
		return a.Read
	case Search:
		return a.Search
	case Write:
		return a.Write
	case Admin:
		return a.Admin
	}
	return nil
}

// judgeSpaces holds every resource of a Confluence call to the bound spaces and
// page prefixes, by id and by name: a name that leads elsewhere now is a
// reason to stop.
func (p *Policy) judgeSpaces(c *Call, t *tally) {
	r := p.doc.Resources
	if r == nil || r.Spaces == nil && r.Prefixes == nil {
		t.deny("/resources", "the policy names no space and no page prefix")
		return
	}
	if len(c.Resources) == 0 {
		t.deny("/resources", "the call names no resource")
	}
	for i := range c.Resources {
		res := &c.Resources[i]
		if r.Spaces != nil {
			p.judgeWithin(c, res, "space", "/resources/spaces_allowlist", t)
		}
		if r.Prefixes != nil {
			p.judgeWithin(c, res, "page_prefix", "/resources/page_prefix_allowlist", t)
		}
	}
}

// judgeWithin denies unless res lies in something bound under kind.
func (p *Policy) judgeWithin(c *Call, res *Resource, kind, clause string, t *tally) {
	inPolicy := false
	for _, b := range p.bound {
		if b.Tool != c.Tool || b.Kind != kind || b.Site != c.Site || !within(res, b) {
			continue
		}
		if p.granted(b.Name) {
			return
		}
		inPolicy = true
	}
	if inPolicy {
		t.deny("grant:/resources", "%s %s is outside the token's grant", res.Type, res.ID)
		return
	}
	t.deny(clause, "%s %s is outside the list", res.Type, res.ID)
}

// within reports whether res lies in b: some step of its path has b's id, and
// the names down to that step are b's name.
func within(res *Resource, b Bound) bool {
	name := ""
	for i, step := range res.Path {
		if i > 0 {
			name += "/"
		}
		name += step.Name
		if step.ID == b.ID && name == strings.TrimSuffix(b.Name.Name, "/") {
			return true
		}
	}
	return false
}

// judgeJira hears the allow and deny sections about Jira's operations,
// projects and fields.
func (p *Policy) judgeJira(c *Call, t *tally) {
	a := p.doc.Allow
	if a == nil {
		t.deny("/allow", "the policy permits no Jira operation")
		return
	}
	if anyOperation(a.Operations, c) {
		t.permit("/allow/operations", c.Action+" is on the list")
	} else {
		t.deny("/allow/operations", "%s is not on the list", c.Action)
	}
	if len(c.Resources) == 0 {
		t.deny("/allow/projects", "the call names no resource")
	}
	for i := range c.Resources {
		p.judgeWithin(c, &c.Resources[i], "project", "/allow/projects", t)
	}
	for _, f := range c.Fields {
		if d := p.doc.Deny; d != nil && slices.ContainsFunc(d.Fields, func(s string) bool { return strings.EqualFold(s, f) }) {
			t.deny("/deny/fields_write_denylist", "field %s is denied", f)
		} else if !slices.Contains(a.Fields, f) {
			t.deny("/allow/fields_write_allowlist", "field %s is not on the list", f)
		}
	}
}

func (p *Policy) judgeSandbox(f *Facts, t *tally) {
	have := Runtime{}
	if f.Runtime != nil {
		have = *f.Runtime
	}
	if s := p.doc.SandboxExpectations; s != nil {
		if s.Sandboxed && !have.Sandboxed {
			t.deny("/sandbox_expectations/tools_run_in_sandbox", "no sandbox is attested for the job")
		}
		if !narrowEnough(have.Workspace, s.Workspace) {
			t.deny("/sandbox_expectations/workspace_access", "no such workspace access is attested for the job")
		}
	}
	if p.doc.Constraints == nil || p.doc.Constraints.Sandbox == nil {
		return
	}
	s := p.doc.Constraints.Sandbox
	if s.Required && !have.Sandboxed {
		t.deny("/constraints/sandbox/required", "no sandbox is attested for the job")
	}
	if !narrowEnough(have.Workspace, s.Workspace) {
		t.deny("/constraints/sandbox/workspaceAccess", "no such workspace access is attested for the job")
	}
	if s.Elevated == "deny" && !have.Unelevated {
		t.deny("/constraints/sandbox/elevated_exec", "it is not attested that elevated execution is off")
	}
}

var workspaces = []string{"none", "ro", "rw"}

func narrowEnough(have, want string) bool {
	if want == "" || want == "rw" {
		return true
	}
	h := slices.Index(workspaces, have)
	return h >= 0 && h <= slices.Index(workspaces, want)
}

// judgeLimits holds the counters: what was used and what this call can use.
func (p *Policy) judgeLimits(c *Call, f *Facts, t *tally) {
	for _, k := range sortedKeys(c.Uses) {
		n := c.Uses[k]
		if n < 0 {
			t.deny("", "a call cannot use less than nothing of %s", k)
			continue
		}
		if max, ok := p.Limits()[k]; ok && n > max-f.Used[k] {
			t.deny(limitClauses[k], "%d of %d %s are used and this needs up to %d", f.Used[k], max, k, n)
		}
		if p.grant == nil {
			continue
		}
		if max, ok := p.grant.Limits[k]; ok && n > max-f.Used[k] {
			t.deny("grant:/limits/"+k, "%d of %d %s are used and this needs up to %d", f.Used[k], max, k, n)
		}
	}
}

var limitClauses = map[string]string{"pages": "/actions/read/max_pages_per_job"}

// judgeApprovals hears the sections that ask for a person by category or condition.
func (p *Policy) judgeApprovals(c *Call, f *Facts, t *tally) {
	for _, s := range p.approvalSections() {
		if s.A == nil {
			continue
		}
		for _, want := range s.A.RequiredFor {
			if slices.Contains(c.Categories, want) || c.Tool != "model" && match(want, c) {
				t.ask(s.at+"/required_for", "%s needs a person's approval", want)
			}
		}
	}
	for _, k := range p.conds {
		switch met, ok := f.Conditions[k.clause]; {
		case !ok:
			t.deny(k.clause, "its condition could not be evaluated")
		case met:
			t.ask(k.clause, "its condition holds")
		}
	}
}

type placedApprovals struct {
	*approvals
	at string
}

func (d *document) approvalSections() []placedApprovals {
	var out []placedApprovals
	if d.Approvals != nil {
		out = append(out, placedApprovals{d.Approvals, "/approvals"})
	}
	if d.Constraints != nil && d.Constraints.Approvals != nil {
		out = append(out, placedApprovals{d.Constraints.Approvals, "/constraints/approvals"})
	}
	return out
}

func (p *Policy) approvalSections() []placedApprovals { return p.doc.approvalSections() }

// judgeGrant holds the call to what the token was granted.
func (p *Policy) judgeGrant(c *Call, t *tally) {
	if p.grant == nil {
		return
	}
	if !slices.ContainsFunc(p.grant.Actions, func(s string) bool { return match(s, c) }) {
		t.deny("grant:/actions", "%s is not granted to the token", c.Name())
	}
	if c.Tool != "model" {
		return
	}
	if !slices.ContainsFunc(p.routes(), func(n Name) bool { return p.granted(n) && routeHolds(n.Name, c) }) {
		t.deny("grant:/resources", "this route is not granted to the token")
	}
}
