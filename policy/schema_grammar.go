// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"regexp"
	"slices"
)

// grammar is spec/policy.md section 2 as a tree.
func grammar() *node {
	return objectNode("what an agent may do; what no section permits is denied",
		must("wpc_version", wordNode("the version of the language", "v1", "1")),
		may("policy_name", textNode("the policy's name, for people")),
		may("purpose", textNode("what the policy is for, for people")),
		may("environment", patternNode("where the policy is for", toolName)),
		may("change_record", changeGrammar()),
		may("break_glass", emergencyGrammar()),
		may("tool", textOrListNode("the only tools that may be called", toolName)),
		may("connection_mode", listNode("the only ways to reach a system", wordNode("", "official_api", "mcp_server"))),
		may("resources", resourcesGrammar()),
		may("actions", actionsGrammar()),
		may("auth", authGrammar()),
		may("attestation", objectNode("what must be shown about a job",
			may("require_gateway_receipts", boolNode("a job without a receipt for every call is not valid")),
			may("require_proof_bundle_on_write", boolNode("a job that wrote is shown by a proof bundle")))),
		may("allow", allowGrammar()),
		may("deny", denyGrammar()),
		may("runtime", objectNode("tokens and the jobs that use them",
			may("require_cst", boolNode("no call without a token")),
			may("cst_policy_hash_pin", boolNode("a token is for exactly one policy")),
			may("cst_bearer_allowed", boolNode("a token that is bound to no key may be used; false: it is refused; left out: the house says")),
			may("max_ttl_seconds", numberNode("the longest life of a token, in seconds", maxTTL)))),
		may("tool_policy", toolPolicyGrammar()),
		may("sandbox_expectations", objectNode("what must be attested for a job before any tool is called",
			may("tools_run_in_sandbox", boolNode("tools run in a sandbox")),
			may("workspace_access", wordNode("the widest access to the workspace", workspaces...)))),
		may("agent_runtime", objectNode("what must be known of the program that the agent runs in, before anything is called",
			may("attestation_required", boolNode("a token stands on an attestation that the launcher signed")),
			may("heartbeat_seconds", numberNode("how long the plugin in the program may be silent, in seconds", maxHeartbeat)),
			may("plugins_allowlist", patternList("the only plugins that it may have loaded, as they are when the policy is published", extensionName)),
			may("skills_allowlist", patternList("the only skills that it may have loaded, as they are when the policy is published", extensionName)))),
		may("model_route", modelGrammar()),
		may("egress", egressGrammar()),
		may("token_requirements", objectNode("what a token must be",
			may("cst_ttl_seconds_max", numberNode("the longest life of a token, in seconds", maxTTL)),
			may("require_scope_hash", boolNode("a token carries the hash of its scope")),
			may("policy_hash_pinning", wordNode("a token is for exactly one policy", "required", "optional")))),
		may("approvals", approvalsGrammar()),
		may("approvers", approversGrammar()),
		may("audit", objectNode("what must be left behind",
			may("require_gateway_receipts", boolNode("a job without a receipt for every call is not valid")),
			may("require_proof_bundle", boolNode("every job is shown by a proof bundle")))),
		may("constraints", constraintsGrammar()),
		may("binding", objectNode("what ties a token to the policy",
			may("cst_scope_hash_required", boolNode("a token carries the hash of its scope")),
			may("optional_policy_hash_pinning", boolNode("a token may be for exactly one policy")))),
	)
}

func changeGrammar() *node {
	return objectNode("the change that the policy was made for",
		may("system", textNode("where the change is kept")),
		must("id", patternNode("the change's id", markID)),
		may("url", textNode("where the change can be read")))
}

func emergencyGrammar() *node {
	expires := textNode("when the emergency ends; everything is denied from then on (RFC 3339)")
	expires.moment = true
	return objectNode("the policy is one for an emergency",
		must("reason", textNode("what the emergency is")),
		must("expires_at", expires))
}

func resourcesGrammar() *node {
	return objectNode("where in Confluence an agent may act",
		may("spaces_allowlist", patternList("the only spaces, by key", spaceKey)),
		may("page_prefix_allowlist", patternList("the only pages: a space key and page titles, each with a slash (ENG/Runbooks/)", pagePrefix)),
		may("page_labels_allowlist", patternList("pages must carry one of these labels", label)),
		may("spaces_denylist", patternList("spaces that nothing is touched in, by key", spaceKey)),
		may("page_prefix_denylist", patternList("pages that nothing is touched under: a space key and page titles, each with a slash", pagePrefix)))
}

func actionsGrammar() *node {
	pages := may("max_pages_per_job", numberNode("how many pages a job may read or find", 0))
	writes := may("max_writes_per_job", numberNode("how many calls of a job may change something", 0))
	ticket := may("ticket_required", boolNode("only in jobs that have a ticket"))
	include := may("include", listNode("reads of Confluence that show more than a page, and are denied unless they are listed here", wordNode("", includes...)))
	filters := may("query_filters_required", listNode("what every query must be bounded by", wordNode("", "space", "project")))
	rule := func(about string, own ...field) *node {
		for _, other := range []field{include, pages, writes, ticket, filters} {
			if !slices.ContainsFunc(own, func(f field) bool { return f.name == other.name }) {
				other.misplaced = true
				own = append(own, other)
			}
		}
		return objectNode(about, append([]field{
			may("allowed", boolNode("it is permitted")),
			may("approval_gate", wordNode("required: it is permitted, and a person must approve each call", "required", "none")),
		}, own...)...)
	}
	return objectNode("what an agent may do, by the kind of power that it needs",
		may("read", rule("reading what is named by id", include, pages)),
		may("search", rule("searching by a query", filters)),
		may("write", rule("changing content", writes, ticket)),
		may("admin", rule("changing permissions, settings or many things at once", ticket)))
}

func authGrammar() *node {
	return objectNode("the credentials that calls are made with",
		may("least_privilege_scopes", boolNode("credentials must be declared to have no more scopes than they need")),
		may("credential_separation", objectNode("reading and writing are done with credentials of their own",
			may("read_credential", wordNode("reading has a credential of its own", "required")),
			may("write_credential", wordNode("so has writing; disabled by default: a person enables it for each call",
				"separate", "separate_and_disabled_by_default")))))
}

func allowGrammar() *node {
	return objectNode("what an agent may do in Jira",
		may("projects", patternList("the only projects, by key", projectKey)),
		may("issue_types", patternList("the only issue types: Task, or ENG/Task for one project", issueType)),
		may("operations", toolNode("the only operations, such as issue.create; * stands for anything")),
		may("fields_write_allowlist", patternList("the only fields that may be written, by id", fieldID)),
		may("fields_read_allowlist", patternList("the only fields that may be shown, by id", fieldID)))
}

func denyGrammar() *node {
	return objectNode("what is denied, whatever else is said",
		may("operations", toolNode("operations of any tool; * stands for anything")),
		may("fields_write_denylist", patternList("fields that must not be written, by id", fieldID)),
		may("fields_read_denylist", patternList("fields that must not be shown, by id", fieldID)))
}

func toolPolicyGrammar() *node {
	return objectNode("which tools may be called, by full name, tool or class",
		may("allow", toolNode("the only tools; * stands for anything")),
		may("deny", toolNode("tools that are denied, whatever else is said")))
}

func approvalsGrammar() *node {
	n := objectNode("when a person must approve a call: categories of calls, or a list of conditions",
		may("required_for", toolNode("categories (external_send), tools or classes that a person must approve")),
		may("status", textNode("how far this is, for people; it changes nothing")))
	n.kinds += "["
	n.item = objectNode("a person must approve calls for which the condition holds",
		must("when", textNode("a CEL expression over tool, action, class, content and job")),
		must("require", wordNode("what it takes", "human_approval")))
	return n
}

func approversGrammar() *node {
	return listNode("who must say yes to what a person is asked about; every entry that is for a call must be met, each person counting for one",
		objectNode("some people, and how many of them",
			may("for", toolNode("categories (external_send), tools or classes; left out, every call that a person is asked about")),
			may("groups", patternList("groups of people, one of which is theirs; left out, whoever may answer", groupName)),
			may("required", numberNode("how many people; left out, 1", maxRequired)),
			may("holds", patternNode("how long a yes holds at most (30m, 1h30m)", holdTime))))
}

func egressGrammar() *node {
	return objectNode("which hosts an agent's processes may connect to, by the egress proxy",
		may("hosts_allowlist", patternList("the only hosts: api.example.com, *.example.com for the names below it, a whole address; each with a port, or 443", hostEntry)),
		may("hosts_denylist", patternList("hosts that nothing connects to, whatever else is said; each with a port, or all", hostEntry)))
}

func modelGrammar() *node {
	return objectNode("which language models may be asked, and for what",
		may("require_clawproxy", boolNode("model calls go through the proxy")),
		may("allowed", patternList("the only routes: ROUTE, or ROUTE/MODEL, where * in MODEL stands for anything", routeName)),
		may("tools_allowlist", patternList("the only tools that a model may be offered, by name; * stands for anything", toolPattern)),
		may("tools_denylist", patternList("tools that a model must not be offered, by name; * stands for anything", toolPattern)),
		may("max_output_tokens", numberNode("how many tokens the answer to one call may have", 0)),
		may("max_tokens_per_job", numberNode("how many tokens a job's model calls may use, in and out", 0)),
		may("max_cost_per_job", moneyNode("how much a job's model calls may cost, in the house's currency, with at most six decimals")),
		may("screening", objectNode("what is looked for in requests to models, by rules that have ids; * stands for anything",
			may("block", patternList("rules whose finds deny the call", ruleName)),
			may("mask", patternList("rules whose finds are masked before the request is sent", ruleName)))))
}

func constraintsGrammar() *node {
	return objectNode("more bounds; they add up with the others",
		may("tool_policy", toolPolicyGrammar()),
		may("sandbox", objectNode("what must be attested for a job before any tool is called",
			may("required", boolNode("tools run in a sandbox")),
			may("workspaceAccess", wordNode("the widest access to the workspace", workspaces...)),
			may("elevated_exec", wordNode("deny: elevated execution must be attested to be off", "deny", "allow")))),
		may("approvals", approvalsGrammar()),
		may("model_calls", objectNode("asking language models",
			may("route_via", wordNode("model calls go through the proxy", "clawproxy")),
			may("receipts_required", boolNode("a job without a receipt for every call is not valid")))))
}

func may(name string, n *node) field  { return field{name: name, node: n} }
func must(name string, n *node) field { return field{name: name, node: n, required: true} }

func objectNode(about string, fields ...field) *node {
	return &node{kinds: "{", about: about, fields: fields}
}

func textNode(about string) *node { return &node{kinds: `"`, about: about} }
func boolNode(about string) *node { return &node{kinds: "t", about: about} }

func numberNode(about string, max int64) *node {
	if max == 0 {
		max = maxSafe
	}
	return &node{kinds: "0", about: about, max: max}
}

func moneyNode(about string) *node {
	return &node{kinds: "0", about: about, max: maxCost, parts: true}
}

// maxSafe is the greatest number that has one form (spec/policy.md 1.2).
const maxSafe = 1<<53 - 1

func wordNode(about string, words ...string) *node {
	return &node{kinds: `"`, about: about, words: words}
}

func patternNode(about string, r *regexp.Regexp) *node {
	return &node{kinds: `"`, about: about, pattern: r}
}

func listNode(about string, item *node) *node {
	return &node{kinds: "[", about: about, item: item}
}

func patternList(about string, r *regexp.Regexp) *node { return listNode(about, patternNode("", r)) }

func toolNode(about string) *node {
	n := patternList(about, toolPattern)
	n.item.tools = true
	return n
}

func textOrListNode(about string, r *regexp.Regexp) *node {
	n := patternList(about, r)
	n.kinds, n.pattern = `"[`, r
	return n
}
