// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"
)

// An oracle decides as spec/policy.md reads, clause by clause, and takes its
// time. Decide is held to it, reason for reason.
type oracle struct{ *Policy }

// Decide answers c. It is total, pure and deterministic: the same policy, call
// and facts always give the same decision. Every section that has something to
// say about the call is heard, and all of them must permit it; one denial
// denies, whatever the others say; a call that no section permits is denied;
// where a section asks for a person, a person's yes to this exact call allows
// it (spec/policy.md section 4).
func (p oracle) Decide(c *Call, f *Facts) Decision {
	t := oracleTally{}
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
		p.judgeDeniedPlaces(c, &t)
		p.judgeLabels(c, &t)
	case "jira":
		p.judgeTool(c, &t)
		p.judgeActions(c, &t, false)
		p.judgeJira(c, &t)
		p.judgeIssueTypes(c, &t)
		p.judgeReads(c, &t)
	case "egress":
		p.judgeTool(c, &t)
		p.judgeHosts(c, &t)
	default:
		p.judgeTool(c, &t)
		p.judgeOwnTool(c, &t)
	}
	if c.Tool != "model" {
		if len(c.Offers) > 0 || len(c.Found) > 0 {
			t.deny("", "only a model call offers tools and is screened")
		}
		p.judgeSandbox(f, &t)
	}
	p.judgeAgent(f, &t)
	p.judgeDenied(c, &t)
	p.judgeBreakGlass(f, &t)
	p.judgeTicket(c, f, &t)
	p.judgeLimits(c, f, &t)
	p.judgeApprovals(c, f, &t)
	if f.Repeats > 0 && (c.Class == "write" || c.Class == "admin") {
		t.ask("", "this exact call was carried out before, and its token is bound to no key")
	}
	p.judgeGrant(c, &t)
	p.judgeReached(c, &t)
	p.judgeServer(c, &t)
	p.judgeCarrier(c, &t)
	return p.settle(&t, c, f)
}

// A oracleTally collects what the sections say.
type oracleTally struct {
	denied, asked, permitted []Reason
}

func (t *oracleTally) deny(clause, format string, args ...any) {
	t.denied = append(t.denied, Reason{clause, fmt.Sprintf(format, args...)})
}

func (t *oracleTally) ask(clause, format string, args ...any) {
	t.asked = append(t.asked, Reason{clause, fmt.Sprintf(format, args...)})
}

func (t *oracleTally) permit(clause, says string) {
	t.permitted = append(t.permitted, Reason{clause, says})
}

func (p oracle) settle(t *oracleTally, c *Call, f *Facts) Decision {
	d := Decision{Policy: p.hash, Binding: p.bindingHash, BreakGlass: p.doc.BreakGlass != nil}
	switch {
	case len(t.denied) > 0:
		d.Reasons = t.denied
	case len(t.permitted) == 0: // a person's yes is no substitute for a section's
		d.Reasons = []Reason{{"", "no section permits it"}}
	case len(t.asked) > 0:
		p.answered(&d, t.asked, c, f)
	default:
		d.Effect, d.Reasons = Allow, t.permitted
	}
	return d
}

// judgeBreakGlass ends a policy for an emergency when its time is over.
func (p oracle) judgeBreakGlass(f *Facts, t *oracleTally) {
	if b := p.doc.BreakGlass; b != nil && !f.Now.Before(b.Expires) {
		t.deny("/break_glass/expires_at", "the emergency is over")
	}
}

// judgeGrant holds the call to what the token was granted.
func (p oracle) judgeGrant(c *Call, t *oracleTally) {
	if p.grant == nil {
		return
	}
	if !slices.ContainsFunc(p.grant.Actions, func(s string) bool { return oracleMatch(s, c) }) {
		t.deny("grant:/actions", "%s is not granted to the token", c.Name())
	}
	if c.Tool == "egress" && !oracleHostHeld(p.grantedHosts(), oracleHost(c), "443") {
		t.deny("grant:/resources", "this host is not granted to the token")
	}
	if c.Tool != "model" {
		return
	}
	if !slices.ContainsFunc(p.routes(), func(n Name) bool { return p.granted(n) && oracleRouteHolds(n.Name, c) }) {
		t.deny("grant:/resources", "this route is not granted to the token")
	}
}

func (p oracle) judgeModel(c *Call, t *oracleTally) {
	if !p.hasModels() {
		t.deny("/model_route", "the policy names no model route")
		return
	}
	if r := p.doc.ModelRoute; r != nil && r.Allowed != nil {
		if !slices.ContainsFunc(r.Allowed, func(e string) bool { return oracleRouteHolds(e, c) }) {
			t.deny("/model_route/allowed", "this route or model is not on the list")
		}
	}
	p.judgeOffers(c, t)
	p.judgeFound(c, t)
	if p.doc.ModelRoute == nil {
		t.permit("/constraints/model_calls", "model calls are permitted")
		return
	}
	t.permit("/model_route", "the route is permitted")
}

// oracleRouteHolds matches an entry "ROUTE" or "ROUTE/MODEL-GLOB".
func oracleRouteHolds(entry string, c *Call) bool {
	route, model := c.resource("route"), c.resource("model")
	if route == "" || model == "" {
		return false
	}
	name, pattern, limited := strings.Cut(entry, "/")
	return (name == route || name == "*") && (!limited || oracleGlob(pattern, model))
}

// judgeTool hears the sections that speak about every tool call.
func (p oracle) judgeTool(c *Call, t *oracleTally) {
	if e := p.doc.Tool; e != nil && !slices.Contains(p.doc.tools(), c.Tool) {
		t.deny("/tool", "the policy is not for %s", c.Tool)
	}
	for _, s := range p.doc.toolPolicies() {
		if s.Allow != nil && !oracleAnyMatch(s.Allow, c) {
			t.deny(s.at+"/allow", "%s is not on the list", c.Name())
		}
	}
}

// judgeReached hears how a system is reached, and by which credential.
// Confluence and Jira are always reached somehow, so a call that does not say
// how is denied, unless it is denied anyway, before anyone planned it. An
// agent's own tool may be no system at all.
func (p oracle) judgeReached(c *Call, t *oracleTally) {
	outside := c.Tool == "confluence" || c.Tool == "jira"
	if c.Tool == "model" || c.Tool == "egress" || c.Mode == "" && (!outside || len(t.denied) > 0) {
		return
	}
	if p.doc.ConnectionMode != nil && !slices.Contains(p.doc.ConnectionMode, c.Mode) {
		t.deny("/connection_mode", "connection mode %q is not on the list", c.Mode)
	}
	if p.doc.Auth == nil {
		return
	}
	if s := p.doc.Auth.Separation; s != nil {
		want := credential(c.Class)
		if c.Credential != want {
			t.deny("/auth/credential_separation", "needs the %s credential", want)
		}
		if want == "write" && s.Write == "separate_and_disabled_by_default" {
			t.ask("/auth/credential_separation/write_credential", "a person enables the write credential for one call")
		}
	}
	if p.doc.Auth.LeastPrivilege && c.Privilege != "least" {
		t.deny("/auth/least_privilege_scopes", "the credential's scopes are not declared, or more than it needs")
	}
}

// judgeServer hears what 4.39 says of calls through servers of tools.
func (p oracle) judgeServer(c *Call, t *oracleTally) {
	through, listed, pinned := c.Mode == "mcp_server", false, false
	for _, m := range p.doc.ConnectionMode {
		listed = listed || m == "mcp_server"
	}
	for k := range p.pins {
		pinned = pinned || k.server == c.Server && k.definition == c.Definition
	}
	if !through && c.Server.IsZero() {
		return
	}
	switch {
	case c.Tool == "model":
		t.deny("", "a model call goes through no server of tools")
	case c.Tool == "egress":
		t.deny("", "a connection goes through no server of tools")
	case c.Carrier != "":
		if !c.Server.IsZero() {
			t.deny("", "what a gateway carries out goes through no server of the house's")
		}
	case !through:
		t.deny("/connection_mode", "it names a server, and its connection mode is another")
	case p.doc.ConnectionMode == nil:
		t.deny("/connection_mode", `connection mode "mcp_server" has to be listed`)
	case listed && !pinned:
		t.deny("/connection_mode", "the tool or its server is not as it was when the policy was published")
	}
}

// judgeOwnTool hears the tool list about a tool that no other section knows.
func (p oracle) judgeOwnTool(c *Call, t *oracleTally) {
	for _, s := range p.doc.toolPolicies() {
		if oracleAnyMatch(s.Allow, c) {
			t.permit(s.at+"/allow", c.Name()+" is on the list")
		}
	}
}

// judgeDenied hears the deny lists. They win over everything.
func (p oracle) judgeDenied(c *Call, t *oracleTally) {
	for _, s := range p.doc.toolPolicies() {
		if c.Tool != "model" && (oracleAnyMatch(s.Deny, c) || oracleOld(c) != nil && oracleAnyMatch(s.Deny, oracleOld(c))) {
			t.deny(s.at+"/deny", "%s is denied", c.Name())
		}
	}
	if d := p.doc.Deny; d != nil && (oracleAnyOperation(d.Operations, c) || oracleOld(c) != nil && oracleAnyOperation(d.Operations, oracleOld(c))) {
		t.deny("/deny/operations", "%s is denied", c.Name())
	}
}

func (p oracle) judgeAgent(f *Facts, t *oracleTally) {
	a := p.doc.AgentRuntime
	if a == nil {
		return
	}
	if f.Runtime == nil || f.Runtime.Attestation.IsZero() {
		const says = "no signed attestation of the agent's runtime stands behind the token"
		if a.Attested {
			t.deny("/agent_runtime/attestation_required", says)
		} else if a.Plugins != nil {
			t.deny("/agent_runtime/plugins_allowlist", says)
		} else if a.Skills != nil {
			t.deny("/agent_runtime/skills_allowlist", says)
		}
	}
	if a.Heartbeat == nil {
		return
	}
	if f.Silence == nil || *f.Silence > *a.Heartbeat {
		t.deny("/agent_runtime/heartbeat_seconds", "the plugin in the agent's runtime is silent")
	}
}

func (p oracle) judgeSandbox(f *Facts, t *oracleTally) {
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

// oracleMatch reports whether an entry of a tool list means c: by full name with
// globs, by tool, or by class.
func oracleMatch(entry string, c *Call) bool {
	return oracleGlob(entry, c.Name()) || entry == c.Tool || c.Class != "" && entry == string(c.Class)
}

func oracleAnyMatch(entries []string, c *Call) bool {
	return slices.ContainsFunc(entries, func(s string) bool { return oracleMatch(s, c) })
}

// oracleAnyOperation matches entries that name operations without their tool
// ("issue.create") or with it ("jira.issue.create").
func oracleAnyOperation(entries []string, c *Call) bool {
	return slices.ContainsFunc(entries, func(s string) bool {
		return c.Tool != "model" && (oracleGlob(s, c.Action) || oracleGlob(s, c.Name()))
	})
}

// oracleGlob matches s against a pattern in which * stands for any run of characters.
func oracleGlob(pattern, s string) bool {
	head, rest, starred := strings.Cut(pattern, "*")
	if !starred {
		return pattern == s
	}
	s, ok := strings.CutPrefix(s, head)
	if !ok {
		return false
	}
	for {
		part, more, starred := strings.Cut(rest, "*")
		if !starred {
			return strings.HasSuffix(s, part)
		}
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s, rest = s[i+len(part):], more
	}
}

// oracleOld is c by the older name of its operation, which deny lists may say
// (4.35).
func oracleOld(c *Call) *Call {
	if c.Tool != "jira" || c.Action != "issue.transition" {
		return nil
	}
	old := *c
	old.Action = "workflow.transition"
	return &old
}
