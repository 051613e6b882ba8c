// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"time"

	"github.com/clawea/clawea/seal"
)

// A document is a WPC as users write it: spec/policy.md section 2. Absent
// sections are nil. Names are the users', the four published shapes' and any
// mixture of them.
type document struct {
	Version string `json:"wpc_version"`
	Name    string `json:"policy_name,omitzero"`
	Purpose string `json:"purpose,omitzero"`

	Environment  string        `json:"environment,omitzero"`
	ChangeRecord *ChangeRecord `json:"change_record,omitzero"`
	BreakGlass   *BreakGlass   `json:"break_glass,omitzero"`

	Tool           *seal.Either[string, []string] `json:"tool,omitzero"`
	ConnectionMode []string                       `json:"connection_mode,omitzero"`
	Resources      *resources                     `json:"resources,omitzero"`
	Actions        *actions                       `json:"actions,omitzero"`
	Auth           *auth                          `json:"auth,omitzero"`
	Attestation    *attestation                   `json:"attestation,omitzero"`

	Allow   *allow   `json:"allow,omitzero"`
	Deny    *deny    `json:"deny,omitzero"`
	Runtime *runtime `json:"runtime,omitzero"`

	ToolPolicy          *toolPolicy          `json:"tool_policy,omitzero"`
	SandboxExpectations *sandboxExpectations `json:"sandbox_expectations,omitzero"`
	AgentRuntime        *agentRuntime        `json:"agent_runtime,omitzero"`
	ModelRoute          *modelRoute          `json:"model_route,omitzero"`
	Egress              *egress              `json:"egress,omitzero"`
	TokenRequirements   *tokenRequirements   `json:"token_requirements,omitzero"`
	Approvals           *approvals           `json:"approvals,omitzero"`
	Approvers           []approver           `json:"approvers,omitzero"`
	Audit               *audit               `json:"audit,omitzero"`

	Constraints *constraints `json:"constraints,omitzero"`
	Binding     *binding     `json:"binding,omitzero"`
}

// A ChangeRecord ties a policy to the change that it was made for.
type ChangeRecord struct {
	System string `json:"system,omitzero"` // "servicenow"
	ID     string `json:"id"`              // "CHG0042"
	URL    string `json:"url,omitzero"`
}

// BreakGlass marks a policy for an emergency. It expires by itself.
type BreakGlass struct {
	Reason  string    `json:"reason"`
	Expires time.Time `json:"expires_at"`
}

type resources struct {
	Spaces         []string `json:"spaces_allowlist,omitzero"`
	Prefixes       []string `json:"page_prefix_allowlist,omitzero"`
	Labels         []string `json:"page_labels_allowlist,omitzero"`
	DeniedSpaces   []string `json:"spaces_denylist,omitzero"`
	DeniedPrefixes []string `json:"page_prefix_denylist,omitzero"`
}

type actions struct {
	Read   *actionRule `json:"read,omitzero"`
	Search *actionRule `json:"search,omitzero"`
	Write  *actionRule `json:"write,omitzero"`
	Admin  *actionRule `json:"admin,omitzero"`
}

type actionRule struct {
	Allowed bool     `json:"allowed"`
	Gate    string   `json:"approval_gate,omitzero"`
	Include []string `json:"include,omitzero"`
	Pages   *int     `json:"max_pages_per_job,omitzero"`
	Writes  *int     `json:"max_writes_per_job,omitzero"`
	Ticket  bool     `json:"ticket_required,omitzero"`
	Filters []string `json:"query_filters_required,omitzero"`
}

type auth struct {
	LeastPrivilege bool                  `json:"least_privilege_scopes,omitzero"`
	Separation     *credentialSeparation `json:"credential_separation,omitzero"`
}

type credentialSeparation struct {
	Read  string `json:"read_credential,omitzero"`
	Write string `json:"write_credential,omitzero"`
}

type attestation struct {
	Receipts      bool `json:"require_gateway_receipts,omitzero"`
	BundleOnWrite bool `json:"require_proof_bundle_on_write,omitzero"`
}

type allow struct {
	Projects   []string `json:"projects,omitzero"`
	IssueTypes []string `json:"issue_types,omitzero"`
	Operations []string `json:"operations,omitzero"`
	Fields     []string `json:"fields_write_allowlist,omitzero"`
	Reads      []string `json:"fields_read_allowlist,omitzero"`
}

type deny struct {
	Operations []string `json:"operations,omitzero"`
	Fields     []string `json:"fields_write_denylist,omitzero"`
	Reads      []string `json:"fields_read_denylist,omitzero"`
}

type runtime struct {
	RequireCST bool  `json:"require_cst,omitzero"`
	Pin        bool  `json:"cst_policy_hash_pin,omitzero"`
	Bearer     *bool `json:"cst_bearer_allowed,omitzero"`
	MaxTTL     *int  `json:"max_ttl_seconds,omitzero"`
}

type toolPolicy struct {
	Allow []string `json:"allow,omitzero"`
	Deny  []string `json:"deny,omitzero"`
}

type sandboxExpectations struct {
	Sandboxed bool   `json:"tools_run_in_sandbox,omitzero"`
	Workspace string `json:"workspace_access,omitzero"`
}

// agentRuntime is what must be known of the program that the agent runs in.
type agentRuntime struct {
	Attested  bool     `json:"attestation_required,omitzero"`
	Heartbeat *int     `json:"heartbeat_seconds,omitzero"`
	Plugins   []string `json:"plugins_allowlist,omitzero"`
	Skills    []string `json:"skills_allowlist,omitzero"`
}

type modelRoute struct {
	RequireProxy bool       `json:"require_clawproxy,omitzero"`
	Allowed      []string   `json:"allowed,omitzero"`
	Tools        []string   `json:"tools_allowlist,omitzero"`
	DeniedTools  []string   `json:"tools_denylist,omitzero"`
	MaxOutput    *int       `json:"max_output_tokens,omitzero"`
	MaxTokens    *int       `json:"max_tokens_per_job,omitzero"`
	MaxCost      *float64   `json:"max_cost_per_job,omitzero"`
	Screening    *screening `json:"screening,omitzero"`
}

type screening struct {
	Block []string `json:"block,omitzero"`
	Mask  []string `json:"mask,omitzero"`
}

type egress struct {
	Hosts  []string `json:"hosts_allowlist,omitzero"`
	Denied []string `json:"hosts_denylist,omitzero"`
}

type tokenRequirements struct {
	MaxTTL    *int   `json:"cst_ttl_seconds_max,omitzero"`
	ScopeHash bool   `json:"require_scope_hash,omitzero"`
	Pin       string `json:"policy_hash_pinning,omitzero"`
}

// approvals is an object of categories or a list of conditions.
type approvals = seal.Either[approvalCategories, []approvalCondition]

type approvalCategories struct {
	RequiredFor []string `json:"required_for,omitzero"`
	Status      string   `json:"status,omitzero"`
}

type approvalCondition struct {
	When    string `json:"when"`
	Require string `json:"require"`
}

// An approver is an entry of /approvers: who must say yes, and how many of them.
type approver struct {
	For      []string `json:"for,omitzero"`
	Groups   []string `json:"groups,omitzero"`
	Required *int     `json:"required,omitzero"`
	Holds    string   `json:"holds,omitzero"`
}

type audit struct {
	Receipts bool `json:"require_gateway_receipts,omitzero"`
	Bundle   bool `json:"require_proof_bundle,omitzero"`
}

type constraints struct {
	ToolPolicy *toolPolicy `json:"tool_policy,omitzero"`
	Sandbox    *sandbox    `json:"sandbox,omitzero"`
	Approvals  *approvals  `json:"approvals,omitzero"`
	ModelCalls *modelCalls `json:"model_calls,omitzero"`
}

type sandbox struct {
	Required  bool   `json:"required,omitzero"`
	Workspace string `json:"workspaceAccess,omitzero"`
	Elevated  string `json:"elevated_exec,omitzero"`
}

type modelCalls struct {
	Via      string `json:"route_via,omitzero"`
	Receipts bool   `json:"receipts_required,omitzero"`
}

type binding struct {
	ScopeHash   bool `json:"cst_scope_hash_required,omitzero"`
	OptionalPin bool `json:"optional_policy_hash_pinning,omitzero"`
}
