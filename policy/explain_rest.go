// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"time"
)

// tokens says what a token must be.
func (e *explainer) tokens(d *document) {
	if r := d.Runtime; r != nil {
		e.sayIf(r.RequireCST, "/runtime/require_cst", "No call is made without a token.")
		e.sayIf(r.Pin, "/runtime/cst_policy_hash_pin", "A token is for exactly this policy.")
		e.bearer(r.Bearer)
		e.life("/runtime/max_ttl_seconds", r.MaxTTL)
	}
	if r := d.TokenRequirements; r != nil {
		e.life("/token_requirements/cst_ttl_seconds_max", r.MaxTTL)
		e.sayIf(r.ScopeHash, "/token_requirements/require_scope_hash", "A token carries the hash of its scope.")
		e.sayIf(r.Pin != "", "/token_requirements/policy_hash_pinning", "Pinning a token to this policy is "+r.Pin+"; the house always does it.")
	}
	if b := d.Binding; b != nil {
		e.sayIf(b.ScopeHash, "/binding/cst_scope_hash_required", "A token carries the hash of its scope.")
		e.sayIf(b.OptionalPin, "/binding/optional_policy_hash_pinning", "Tokens may be pinned to this policy; the house always does it.")
	}
	if len((&Policy{doc: *d}).maxTTLs()) == 0 {
		e.say("", "A token lives for at most %s, since the policy says nothing else.", DefaultTTL)
	}
}

func (e *explainer) bearer(allowed *bool) {
	if allowed == nil {
		return
	}
	e.sayIf(*allowed, bearerAt, "A token need not be bound to a key: whoever sees one can use it.")
	e.sayIf(!*allowed, bearerAt, "A token that is bound to no key is refused.")
}

func (e *explainer) life(clause string, seconds *int) {
	if seconds != nil {
		e.say(clause, "A token lives for at most %d seconds (%s).", *seconds, time.Duration(*seconds)*time.Second)
	}
}

// toolPolicy says a section of tools.
func (e *explainer) toolPolicy(t placedToolPolicy) {
	e.list(t.at+"/allow", t.Allow, "Only these tools may be called, by name, tool or class: %s.")
	e.list(t.at+"/deny", t.Deny, "These tools must not be called, whatever else is said: %s.")
}

// surroundings says what must be attested for a job.
func (e *explainer) surroundings(d *document) {
	if s := d.SandboxExpectations; s != nil {
		e.sayIf(s.Sandboxed, "/sandbox_expectations/tools_run_in_sandbox", sandboxed)
		e.workspace("/sandbox_expectations/workspace_access", s.Workspace)
	}
	if d.Constraints == nil || d.Constraints.Sandbox == nil {
		return
	}
	const at = "/constraints/sandbox"
	s := d.Constraints.Sandbox
	e.sayIf(s.Required, at+"/required", sandboxed)
	e.workspace(at+"/workspaceAccess", s.Workspace)
	switch s.Elevated {
	case "deny":
		e.say(at+"/elevated_exec", "Tools may be called only in jobs for which elevated execution is attested to be off (deny).")
	case "allow":
		e.say(at+"/elevated_exec", "Elevated execution is nobody's concern (allow).")
	}
}

// agent says what must be known of the program that the agent runs in.
func (e *explainer) agent(a *agentRuntime) {
	if a == nil {
		return
	}
	e.sayIf(a.Attested, agentAt+"/attestation_required", "Nothing may be called with a token that does not stand on a signed attestation of the agent's runtime.")
	if a.Heartbeat != nil {
		e.say(heartbeatAt, "Nothing may be called when the plugin in the agent's runtime has been silent for more than %d seconds.", *a.Heartbeat)
	}
	e.extensions(pluginsAt, "plugins", a.Plugins)
	e.extensions(skillsAt, "skills", a.Skills)
}

func (e *explainer) extensions(clause, what string, names []string) {
	switch {
	case len(names) > 0:
		e.say(clause, "Nothing may be called unless a signed attestation says that the agent's runtime has loaded no %s but these, as they were when the policy was published: %s.", what, and(names))
	case names != nil:
		e.say(clause, "Nothing may be called unless a signed attestation says that the agent's runtime has loaded no %s.", what)
	}
}

const sandboxed = "Tools may be called only in jobs for which a sandbox is attested."

func (e *explainer) workspace(clause, access string) {
	switch access {
	case "none":
		e.say(clause, "Tools may be called only in jobs for which it is attested that they have no access to the workspace (none).")
	case "ro":
		e.say(clause, "Tools may be called only in jobs for which it is attested that they can at most read the workspace (ro).")
	case "rw":
		e.say(clause, "Tools may read and write the workspace (rw).")
	}
}

// models says which models may be asked.
func (e *explainer) models(d *document) {
	if r := d.ModelRoute; r != nil {
		e.sayIf(r.RequireProxy, "/model_route/require_clawproxy", "Models are asked only through the proxy.")
		e.list("/model_route/allowed", r.Allowed, "The only model routes are %s.")
		e.sayIf(r.Allowed == nil, "/model_route", "Every model route of the house may be used.")
		e.requests(r)
	}
	k := d.Constraints
	if k == nil || k.ModelCalls == nil {
		return
	}
	e.sayIf(k.ModelCalls.Via != "", "/constraints/model_calls/route_via", "Models are asked only through the proxy ("+k.ModelCalls.Via+").")
	e.sayIf(k.ModelCalls.Receipts, "/constraints/model_calls/receipts_required", receipted)
	e.sayIf(d.ModelRoute == nil, "/constraints/model_calls", "Every model route of the house may be used.")
}

// requests says what models may be asked for.
func (e *explainer) requests(r *modelRoute) {
	const at = "/model_route"
	e.list(at+"/tools_allowlist", r.Tools, "Models may be offered only the tools %s.")
	e.list(at+"/tools_denylist", r.DeniedTools, "Models must not be offered the tools %s.")
	if r.MaxOutput != nil {
		e.say(at+"/max_output_tokens", "The answer to one model call may have at most %d tokens.", *r.MaxOutput)
	}
	if r.MaxTokens != nil {
		e.say(at+"/max_tokens_per_job", "The model calls of a job may use at most %d tokens, in and out.", *r.MaxTokens)
	}
	if r.MaxCost != nil {
		n, _ := millionths(*r.MaxCost)
		e.say(at+"/max_cost_per_job", "The model calls of a job may cost at most %s, in the house's currency.", money(n))
	}
	if s := r.Screening; s != nil {
		e.list(at+"/screening/block", s.Block, "A request to a model is denied if one of these rules finds something in it: %s.")
		e.list(at+"/screening/mask", s.Mask, "What these rules find in a request to a model is masked before it is sent: %s.")
		e.sayIf(s.Block == nil && s.Mask == nil, at+"/screening", "Requests to models are screened by no rule.")
	}
}

// hosts says which hosts may be connected to.
func (e *explainer) hosts(x *egress) {
	if x == nil {
		return
	}
	e.list("/egress/hosts_allowlist", x.Hosts, "Agents' processes may connect only to the hosts %s, at port 443 where no port is said.")
	e.list("/egress/hosts_denylist", x.Denied, "Agents' processes must not connect to the hosts %s, at any port where none is said.")
	e.sayIf(len(x.Hosts) == 0, "/egress", "Agents' processes may connect to no host.")
}

const receipted = "A job without a receipt for every call is not valid."

// approvals says what a person is asked about.
func (e *explainer) approvals(s placedApprovals) {
	if s.A != nil {
		e.list(s.at+"/required_for", s.A.RequiredFor, "A person must say yes to each call of these categories, tools or classes: %s.")
		if s.A.Status != "" {
			e.say(s.at+"/status", "Of approvals its author says %q, which changes nothing.", s.A.Status)
		}
		return
	}
	for i, k := range *s.B {
		at := fmt.Sprintf("%s/%d", s.at, i)
		e.say(at+"/when "+at+"/require", "A person must say yes (%s) to each call for which this holds: %s; if it cannot be told whether it holds, the call is denied.", k.Require, k.When)
	}
}

// approvers says who has to say yes.
func (e *explainer) approvers(list []approver) {
	if len(list) == 0 {
		e.sayIf(list != nil, approversAt, "The list /approvers is empty: one person's yes is enough.")
		return
	}
	for i, a := range list {
		at := fmt.Sprintf("%s/%d", approversAt, i)
		clauses := at
		for _, f := range []struct {
			name string
			said bool
		}{{"for", a.For != nil}, {"groups", a.Groups != nil}, {"required", a.Required != nil}} {
			if f.said {
				clauses += " " + at + "/" + f.name
			}
		}
		switch {
		case a.For == nil:
			e.say(clauses, "Every call that a person is asked about takes the yes of %s, and nobody counts who ordered the job.", a.who())
		case len(a.For) == 0:
			e.say(clauses, "The list %s/for is empty: no call takes the yes of %s.", at, a.who())
		default:
			e.say(clauses, "If a person is asked about it, each call of these categories, tools or classes takes the yes of %s, and nobody counts who ordered the job: %s.", a.who(), and(a.For))
		}
		if a.Holds != "" {
			e.say(at+"/holds", "Such a yes holds for at most %s.", a.Holds)
		}
	}
	e.say(approversAt, "Each person counts for one of these entries, and as many yeses are needed as all of them want together.")
}

// evidence says what a job must leave behind.
func (e *explainer) evidence(d *document) {
	if a := d.Attestation; a != nil {
		e.sayIf(a.Receipts, "/attestation/require_gateway_receipts", receipted)
		e.sayIf(a.BundleOnWrite, "/attestation/require_proof_bundle_on_write", "A job that wrote must be shown by a proof bundle.")
	}
	if a := d.Audit; a != nil {
		e.sayIf(a.Receipts, "/audit/require_gateway_receipts", receipted)
		e.sayIf(a.Bundle, "/audit/require_proof_bundle", "Every job must be shown by a proof bundle.")
	}
}

// silence says what is denied because no section permits it.
func (e *explainer) silence(d *document) {
	e.sayIf(!d.opensConfluence(), "", "Nothing may be done in Confluence.")
	e.sayIf(!d.opensJira(), "", "Nothing may be done in Jira.")
	e.sayIf(!(&Policy{doc: *d}).hasModels(), "", "No model may be asked.")
	e.say("", "What nothing here permits is denied.")
}
