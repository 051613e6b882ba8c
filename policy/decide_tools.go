// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import "slices"

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
