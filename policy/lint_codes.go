// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

// A lintCode is one kind of finding. Codes are stable: pipelines go by them.
type lintCode struct {
	code    string
	refuses bool // Parse refuses it; otherwise it is a risk
	about   string
}

// lintCodes is the table that docs/lint.md follows.
func lintCodes() []lintCode {
	return []lintCode{
		{"json", true, "it is not one JSON object of at most 256 KiB"},
		{"duplicate-field", true, "a field is there twice"},
		{"unknown-field", true, "a field does not exist, or not here"},
		{"type", true, "a value is of another type"},
		{"empty", true, "a value is null or an empty text"},
		{"missing", true, "a field that must be there is not"},
		{"value", true, "a value means nothing where it stands"},
		{"condition", true, "a condition does not compile to true or false"},

		{"name-missing", false, "the policy has no name"},
		{"purpose-missing", false, "the policy does not say what it is for"},
		{"change-missing", false, "the policy names no change record"},
		{"status-doubtful", false, "`approvals.status` sounds as if approvals were not in force; they are"},
		{"approvers-idle", false, "an entry of `approvers` is for nothing that a person is asked about"},
		{"approvers-nobody", false, "an entry of `approvers` can never be met: it lists no group"},
		{"false-idle", false, "a field is false that does nothing when it is false"},
		{"emergency-over", false, "a policy for an emergency has ended: it denies everything"},
		{"emergency-long", false, "a policy for an emergency holds for more than a day"},
		{"ttl-missing", false, "the policy does not bound a token's life; an hour then holds"},
		{"ttl-long", false, "a token may live longer than an hour"},
		{"bearer-allowed", false, "a token that is bound to no key may be used, by anyone who sees it"},
		{"write-ungated", false, "something may be changed without a person"},
		{"admin-ungated", false, "something may be administered without a person"},
		{"writes-unbounded", false, "writing is permitted and not bounded per job"},
		{"pages-unbounded", false, "reading or searching is permitted and not bounded per job"},
		{"search-unbounded", false, "searching is permitted and need not be bounded by a filter"},
		{"space-whole", false, "whole spaces are permitted, since no page prefix is listed"},
		{"space-idle", false, "a space is listed of which no page prefix is"},
		{"fields-missing", false, "creating or editing issues is permitted, and no field may be written"},
		{"star-allowed", false, "an allow list has `*`, which is everything"},
		{"glob-allowed", false, "an allow list has a pattern, which also means what is added later"},
		{"routes-open", false, "model calls are permitted by every route and for every model"},
		{"models-none", false, "`model_route.allowed` is empty, so no model may be asked"},
		{"output-above-job", false, "an answer may have more tokens than all calls of its job"},
		{"hosts-none", false, "`egress` lists no host, so nothing may be connected to"},
		{"hosts-wide", false, "hosts are permitted below a name that anyone can have a name below"},
		{"host-address", false, "an address is permitted in place of a host's name"},
		{"host-plain", false, "port 80 is permitted, where nothing is encrypted"},
		{"screening-idle", false, "screening is asked for, and by no rule"},
		{"mask-idle", false, "what a rule would mask is blocked already"},
		{"elevated-allowed", false, "elevated execution need not be off"},
		{"workspace-wide", false, "agents may write to the workspace"},
		{"allow-covered", false, "an entry of an allow list is wholly denied by a deny list"},
		{"deny-idle", false, "an entry of a deny list can match nothing"},
		{"allow-idle", false, "an entry of an allow list can match nothing"},
		{"operation-unknown", false, "an operation is named that Confluence and Jira do not have here"},
		{"include-idle", false, "reading includes more in Confluence, where nothing may be read"},
		{"section-idle", false, "a section speaks of a tool that `tool` or a list of tools leaves out"},
		{"nothing-permitted", false, "no section permits anything"},
		{"condition-always", false, "a condition holds whatever is called"},
		{"condition-never", false, "a condition holds for no call"},
	}
}
