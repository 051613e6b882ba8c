// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
)

// judgeTool hears the sections that speak about every tool call.
func (p *Policy) judgeTool(c *Call, t *tally) {
	if p.doc.Tool != nil && !p.rules.tools.has(c.Tool) {
		t.deny("/tool", "the policy is not for "+c.Tool)
	}
	for i := range p.rules.toolLists {
		if l := &p.rules.toolLists[i]; l.limits && !l.allow.means(c) {
			t.deny(l.allowAt, c.Name()+" is not on the list")
		}
	}
}

// judgeReached hears how a system is reached, and by which credential.
// Confluence and Jira are always reached somehow, so a call that does not say
// how is denied, unless it is denied anyway, before anyone planned it. An
// agent's own tool may be no system at all, and a connection says where it leads.
func (p *Policy) judgeReached(c *Call, t *tally) {
	outside := c.Tool == "confluence" || c.Tool == "jira"
	if c.Tool == "model" || c.Tool == EgressTool || c.Mode == "" && (!outside || len(t.denied) > 0) {
		return
	}
	if p.doc.ConnectionMode != nil && !slices.Contains(p.doc.ConnectionMode, c.Mode) {
		t.deny(modeAt, fmt.Sprintf("connection mode %q is not on the list", c.Mode))
	}
	if p.doc.Auth == nil {
		return
	}
	if s := p.doc.Auth.Separation; s != nil {
		want := credential(c.Class)
		if c.Credential != want {
			t.deny("/auth/credential_separation", "needs the "+want+" credential")
		}
		if want == "write" && s.Write == "separate_and_disabled_by_default" {
			t.ask(Reason{"/auth/credential_separation/write_credential", "a person enables the write credential for one call"})
		}
	}
	if p.doc.Auth.LeastPrivilege && c.Privilege != "least" {
		t.deny("/auth/least_privilege_scopes", "the credential's scopes are not declared, or more than it needs")
	}
}

func credential(c Class) string {
	if c == Read || c == Search {
		return "read"
	}
	return "write"
}

type placedToolPolicy struct {
	*toolPolicy
	at string
}

func (d *document) toolPolicies() []placedToolPolicy {
	var out []placedToolPolicy
	if s := d.ToolPolicy; s != nil {
		out = append(out, placedToolPolicy{s, "/tool_policy"})
	}
	if s := d.Constraints; s != nil && s.ToolPolicy != nil {
		out = append(out, placedToolPolicy{s.ToolPolicy, "/constraints/tool_policy"})
	}
	return out
}

func (p *Policy) toolEntries() []string {
	var out []string
	for _, s := range p.doc.toolPolicies() {
		out = append(out, s.Allow...)
	}
	return out
}

func (d *document) tools() []string {
	switch e := d.Tool; {
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
	for i := range p.rules.toolLists {
		if l := &p.rules.toolLists[i]; c.Tool != "model" && (l.deny.means(c) || c.transitions() && l.deny.means(c.old())) {
			t.deny(l.denyAt, c.Name()+" is denied")
		}
	}
	if p.rules.deniedOps.meansOperation(c) || c.transitions() && p.rules.deniedOps.meansOperation(c.old()) {
		t.deny("/deny/operations", c.Name()+" is denied")
	}
}

func (c *Call) transitions() bool { return c.Tool == "jira" && c.Action == "issue.transition" }

// old is what deny lists look at, besides c, if c transitions an issue: it by the
// name that transitions have in older policies (spec/policy.md 4.35).
func (c *Call) old() *Call { return &Call{Tool: c.Tool, Action: oldTransition, Class: c.Class} }

const oldTransition = "workflow.transition"

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
