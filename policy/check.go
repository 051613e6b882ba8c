// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/clawea/clawea/seal"
)

// check refuses values that mean nothing, so that no one signs a policy whose
// words do not do what they seem to say. src is what users wrote, for lines.
func (d *document) check(src []byte) error {
	if d.Version == "" {
		return seal.Errorf(src, "/wpc_version", "wpc_version is missing: want one of: v1, 1")
	}
	if err := seal.NoBlanks(src); err != nil {
		return err
	}
	if all := d.complaints(); len(all) > 0 {
		return seal.Errorf(src, all[0].at, "%s", all[0].says)
	}
	return nil
}

// A complaint says what is wrong with the value at a JSON pointer.
type complaint struct{ at, says string }

// complaints are all the values of d that mean nothing.
func (d *document) complaints() []complaint {
	c := checker{}
	c.oneOf("/wpc_version", d.Version, "v1", "1")
	c.each("/tool", d.tools(), toolName, "a tool's name")
	c.marks(d)
	c.list("/connection_mode", d.ConnectionMode, "official_api", "mcp_server")
	c.resources(d.Resources)
	c.actions(d.Actions)
	c.auth(d.Auth)
	c.jira(d.Allow, d.Deny)
	c.tokens(d)
	c.toolPolicy("/tool_policy", d.ToolPolicy)
	c.approvals("/approvals", d.Approvals)
	c.approvers(d.Approvers)
	if s := d.SandboxExpectations; s != nil {
		c.optional("/sandbox_expectations/workspace_access", s.Workspace, workspaces...)
	}
	c.agent(d.AgentRuntime)
	c.models(d.ModelRoute)
	c.egress(d.Egress)
	if k := d.Constraints; k != nil {
		c.constraints(k)
	}
	return c.all
}

var (
	toolName    = regexp.MustCompile(`^[a-z][a-z0-9_-]*$`)
	toolPattern = regexp.MustCompile(`^[A-Za-z0-9_.*-]+$`)
	ruleName    = regexp.MustCompile(`^[A-Za-z0-9.*-]+$`)
	routeName   = regexp.MustCompile(`^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.:/@*-]+)?$`)
	spaceKey    = regexp.MustCompile(`^~?[A-Za-z0-9_.:-]+$`)
	projectKey  = regexp.MustCompile(`^[A-Z][A-Z0-9_]+$`)
	issueType   = regexp.MustCompile(`^([A-Z][A-Z0-9_]+/)?[^/\pC]+$`)
	label       = regexp.MustCompile(`^[^\pC\pZ]+$`)
	// extensionName is that of a plugin or a skill, which may have a scope: "@acme/ledger". A list can say its digest, too.
	extensionName = regexp.MustCompile(`^(@[A-Za-z0-9][A-Za-z0-9_.-]{0,63}/)?[A-Za-z0-9][A-Za-z0-9_.-]{0,127}(@sha256:[0-9a-f]{64})?$`)

	markID     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:#/-]{0,127}$`)
	fieldID    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)
	pagePrefix = regexp.MustCompile(`^~?[A-Za-z0-9_.:-]+/([^/\pC]+/)*$`)
)

// A checker collects complaints.
type checker struct{ all []complaint }

func (c *checker) fail(at, format string, args ...any) {
	c.all = append(c.all, complaint{at, fmt.Sprintf(format, args...)})
}

func (c *checker) oneOf(at, got string, want ...string) {
	if !slices.Contains(want, got) {
		c.fail(at, "%q is not one of: %s", got, strings.Join(want, ", "))
	}
}

func (c *checker) present(at, name, got string) {
	if got == "" {
		c.fail(at+"/"+name, "%s is missing", name)
	}
}

func (c *checker) optional(at, got string, want ...string) {
	if got != "" {
		c.oneOf(at, got, want...)
	}
}

func (c *checker) list(at string, got []string, want ...string) {
	for i, s := range got {
		at := fmt.Sprintf("%s/%d", at, i)
		c.oneOf(at, s, want...)
		if slices.Contains(got[:i], s) {
			c.fail(at, "%q is there twice", s)
		}
	}
}

func (c *checker) each(at string, got []string, want *regexp.Regexp, what string) {
	seen := map[string]bool{}
	for i, s := range got {
		if !want.MatchString(s) {
			c.fail(fmt.Sprintf("%s/%d", at, i), "%q is not %s", s, what)
		}
		if seen[s] {
			c.fail(fmt.Sprintf("%s/%d", at, i), "%q is there twice", s)
		}
		seen[s] = true
	}
}

func (c *checker) positive(at string, n *int) {
	if n != nil && *n <= 0 {
		c.fail(at, "%d is not a positive number", *n)
	}
}

// models checks what is said of model calls.
func (c *checker) models(r *modelRoute) {
	if r == nil {
		return
	}
	const at, tool, rule = "/model_route", "a tool's name, in which * stands for anything", "a rule's id, in which * stands for anything"
	c.each(at+"/allowed", r.Allowed, routeName, "a route, or a route, a slash and a model name in which * stands for anything")
	c.each(at+"/tools_allowlist", r.Tools, toolPattern, tool)
	c.each(at+"/tools_denylist", r.DeniedTools, toolPattern, tool)
	c.positive(at+"/max_output_tokens", r.MaxOutput)
	c.positive(at+"/max_tokens_per_job", r.MaxTokens)
	c.money(at+"/max_cost_per_job", r.MaxCost)
	if s := r.Screening; s != nil {
		c.each(at+"/screening/block", s.Block, ruleName, rule)
		c.each(at+"/screening/mask", s.Mask, ruleName, rule)
	}
}

// agent checks what is said of the program that the agent runs in.
func (c *checker) agent(a *agentRuntime) {
	if a == nil {
		return
	}
	c.each(pluginsAt, a.Plugins, extensionName, "a plugin's name")
	c.each(skillsAt, a.Skills, extensionName, "a skill's name")
	if n := len(a.Plugins) + len(a.Skills); n > MaxExtensions {
		c.fail(agentAt, "%d extensions are too many to pin; at most %d fit", n, MaxExtensions)
	}
	c.once(pluginsAt, Plugin, a.Plugins)
	c.once(skillsAt, Skill, a.Skills)
	if a.Heartbeat != nil && (*a.Heartbeat < 1 || *a.Heartbeat > maxHeartbeat) {
		c.fail(heartbeatAt, "%d is out of range: want 1 to %d", *a.Heartbeat, maxHeartbeat)
	}
}

// once holds that no extension is listed with two digests, or with one and without, or with
// one that nothing has, which would be as good as none.
func (c *checker) once(at, kind string, list []string) {
	seen := map[string]string{}
	for i, s := range list {
		name := extensionOf(kind, s).Name
		if s == name+digestMark+strings.Repeat("0", 64) {
			c.fail(fmt.Sprintf("%s/%d", at, i), "%q has a digest of zeros, which nothing has: say how it is, or leave the digest out", name)
		}
		if other, ok := seen[name]; ok && other != s {
			c.fail(fmt.Sprintf("%s/%d", at, i), "%q is listed before, otherwise: name it once", name)
		}
		seen[name] = s
	}
}

// maxHeartbeat bounds how long a plugin may be silent, in seconds.
const maxHeartbeat = 3600

// egress checks what is said of hosts.
func (c *checker) egress(e *egress) {
	if e == nil {
		return
	}
	const at = "/egress/hosts_"
	c.hosts(at+"allowlist", e.Hosts)
	c.hosts(at+"denylist", e.Denied)
	for i, s := range e.Denied {
		if slices.Contains(e.Hosts, s) {
			c.fail(fmt.Sprintf(at+"denylist/%d", i), "%q is in hosts_allowlist too; the deny list wins", s)
		}
	}
}

func (c *checker) hosts(at string, list []string) {
	c.each(at, list, hostEntry, aHost)
	for i, s := range list {
		if _, _, ok := cutHost(s); !ok && hostEntry.MatchString(s) {
			c.fail(fmt.Sprintf("%s/%d", at, i), "%q is not %s", s, aHost)
		}
	}
}

const aHost = "a host: a name in small letters (api.example.com, or *.example.com for the names below it) or a whole address ([2001:db8::7]), which a port may follow (:8443)"

func (c *checker) money(at string, amount *float64) {
	if amount == nil {
		return
	}
	if _, ok := millionths(*amount); !ok {
		c.fail(at, "%s is not an amount of money: want more than nothing, at most %.0f, with at most six decimals", strconv.FormatFloat(*amount, 'f', -1, 64), maxCost)
	}
}

// maxTTL is the longest life that a policy may give its tokens: 30 days.
const maxTTL = 30 * 24 * 60 * 60

func (c *checker) ttl(at string, n *int) {
	c.positive(at, n)
	if n != nil && *n > maxTTL {
		c.fail(at, "%d seconds are more than 30 days (%d)", *n, maxTTL)
	}
}

// tools checks a list that speaks of tools. An entry for model calls would do
// nothing there, so it is refused.
func (c *checker) tools(at string, got []string, what string) {
	c.each(at, got, toolPattern, what)
	for i, s := range got {
		if s == "model" || strings.HasPrefix(s, "model.") {
			c.fail(fmt.Sprintf("%s/%d", at, i), "this list is for tools: what models may be called is said under /model_route")
		}
	}
}

// marks checks what a policy says about itself.
func (c *checker) marks(d *document) {
	if d.Environment != "" && !toolName.MatchString(d.Environment) {
		c.fail("/environment", "%q is not an environment's name (dev, prod)", d.Environment)
	}
	if r := d.ChangeRecord; r != nil {
		c.present("/change_record", "id", r.ID)
		if r.ID != "" && !markID.MatchString(r.ID) {
			c.fail("/change_record/id", "%q is not the id of a change", r.ID)
		}
	}
	if b := d.BreakGlass; b != nil {
		c.present("/break_glass", "reason", b.Reason)
		if b.Expires.IsZero() {
			c.fail("/break_glass/expires_at", "expires_at is missing")
		}
	}
}

func (c *checker) resources(r *resources) {
	if r == nil {
		return
	}
	c.each("/resources/spaces_allowlist", r.Spaces, spaceKey, "a space key")
	c.each("/resources/page_prefix_allowlist", r.Prefixes, pagePrefix, "a page prefix: a space key, a slash and page titles, each with a slash")
	c.each("/resources/page_labels_allowlist", r.Labels, label, "a label")
	c.each("/resources/spaces_denylist", r.DeniedSpaces, spaceKey, "a space key")
	c.each("/resources/page_prefix_denylist", r.DeniedPrefixes, pagePrefix, "a page prefix: a space key, a slash and page titles, each with a slash")
	for i, p := range r.DeniedPrefixes {
		if slices.Contains(r.Prefixes, p) {
			c.fail(fmt.Sprintf("/resources/page_prefix_denylist/%d", i), "%q is in page_prefix_allowlist too; the deny list wins", p)
		}
	}
	for i, s := range r.DeniedSpaces {
		if slices.Contains(r.Spaces, s) {
			c.fail(fmt.Sprintf("/resources/spaces_denylist/%d", i), "%q is in spaces_allowlist too; the deny list wins", s)
		}
	}
	for i, p := range r.Prefixes {
		space, _, _ := strings.Cut(p, "/")
		if r.Spaces != nil && !slices.Contains(r.Spaces, space) {
			c.fail(fmt.Sprintf("/resources/page_prefix_allowlist/%d", i), "space %s is not in spaces_allowlist, so nothing under %q can be reached", space, p)
		}
	}
}

func (c *checker) actions(a *actions) {
	if a == nil {
		return
	}
	for _, r := range []struct {
		class Class
		*actionRule
	}{{Read, a.Read}, {Search, a.Search}, {Write, a.Write}, {Admin, a.Admin}} {
		if r.actionRule == nil {
			continue
		}
		at := "/actions/" + string(r.class)
		c.optional(at+"/approval_gate", r.Gate, "required", "none")
		c.positive(at+"/max_pages_per_job", r.Pages)
		c.positive(at+"/max_writes_per_job", r.Writes)
		c.list(at+"/query_filters_required", r.Filters, "space", "project")
		c.list(at+"/include", r.Include, includes...)
		if r.Writes != nil && r.class != Write {
			c.fail(at+"/max_writes_per_job", "this belongs under /actions/write; administering counts there too")
		}
		if r.Ticket && !r.class.mutates() {
			c.fail(at+"/ticket_required", "a ticket is for what changes something: this belongs under /actions/write or /actions/admin")
		}
		if r.Pages != nil && r.class != Read {
			c.fail(at+"/max_pages_per_job", "pages are counted for reading: this belongs under /actions/read, and searching counts there too")
		}
		if r.Include != nil && r.class != Read {
			c.fail(at+"/include", "these are reads: this belongs under /actions/read")
		}
		if r.Filters != nil && r.class != Search {
			c.fail(at+"/query_filters_required", "only a search has a query: this belongs under /actions/search")
		}
	}
}

func (c *checker) auth(a *auth) {
	if a == nil || a.Separation == nil {
		return
	}
	const at = "/auth/credential_separation"
	c.optional(at+"/read_credential", a.Separation.Read, "required")
	c.optional(at+"/write_credential", a.Separation.Write, "separate", "separate_and_disabled_by_default")
}

// maxIssueTypes bounds how many issue types a policy names, each with its
// project: a short text could otherwise name hundreds of millions.
const maxIssueTypes = 10_000

const aField = "a field's id (summary, duedate, customfield_10016)"

func (c *checker) jira(a *allow, d *deny) {
	if a != nil {
		c.each("/allow/projects", a.Projects, projectKey, "a project key")
		c.tools("/allow/operations", a.Operations, "an operation")
		c.each("/allow/fields_write_allowlist", a.Fields, fieldID, aField)
		c.each("/allow/fields_read_allowlist", a.Reads, fieldID, aField)
		c.issueTypes(a)
	}
	if d != nil {
		c.tools("/deny/operations", d.Operations, "an operation")
		c.each("/deny/fields_write_denylist", d.Fields, fieldID, aField)
		c.each("/deny/fields_read_denylist", d.Reads, fieldID, aField)
	}
}

func (c *checker) issueTypes(a *allow) {
	c.each("/allow/issue_types", a.IssueTypes, issueType, "an issue type's name, or a project key, a slash and an issue type's name")
	names := 0
	for i, s := range a.IssueTypes {
		project, _, one := strings.Cut(s, "/")
		if !one {
			names += len(a.Projects)
			continue
		}
		names++
		if !slices.Contains(a.Projects, project) {
			c.fail(fmt.Sprintf("/allow/issue_types/%d", i), "project %s is not in /allow/projects", project)
		}
	}
	if names > maxIssueTypes {
		c.fail("/allow/issue_types", "these are %d issue types with their projects, more than %d: name the project of each (ENG/Task)", names, maxIssueTypes)
	}
}

func (c *checker) tokens(d *document) {
	if r := d.Runtime; r != nil {
		c.ttl("/runtime/max_ttl_seconds", r.MaxTTL)
	}
	if r := d.TokenRequirements; r != nil {
		c.ttl("/token_requirements/cst_ttl_seconds_max", r.MaxTTL)
		c.optional("/token_requirements/policy_hash_pinning", r.Pin, "required", "optional")
	}
}

func (c *checker) toolPolicy(at string, t *toolPolicy) {
	if t == nil {
		return
	}
	c.tools(at+"/allow", t.Allow, "a tool name, in which * stands for anything")
	c.tools(at+"/deny", t.Deny, "a tool name, in which * stands for anything")
}

func (c *checker) approvals(at string, a *approvals) {
	switch {
	case a == nil:
	case a.A != nil:
		c.tools(at+"/required_for", a.A.RequiredFor, "a category or a tool name")
	default:
		for i, k := range *a.B {
			at := fmt.Sprintf("%s/%d", at, i)
			c.present(at, "when", k.When)
			c.present(at, "require", k.Require)
			c.oneOf(at+"/require", k.Require, "human_approval")
		}
	}
}

func (c *checker) constraints(k *constraints) {
	c.toolPolicy("/constraints/tool_policy", k.ToolPolicy)
	c.approvals("/constraints/approvals", k.Approvals)
	if s := k.Sandbox; s != nil {
		c.optional("/constraints/sandbox/workspaceAccess", s.Workspace, workspaces...)
		c.optional("/constraints/sandbox/elevated_exec", s.Elevated, "deny", "allow")
	}
	if m := k.ModelCalls; m != nil {
		c.optional("/constraints/model_calls/route_via", m.Via, "clawproxy")
	}
}
