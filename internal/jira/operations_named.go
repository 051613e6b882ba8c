// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/policy"
)

// unoffered are the operations that have a name, so that policies can deny them and
// receipts say who tried, and that no connector carries out.
func unoffered() []row {
	name := func(action, title, why string, requests ...atlassian.Endpoint) row {
		return row{Operation: atlassian.Operation{Name: action, Class: policy.Admin, Title: title, Limits: why, Endpoints: requests}}
	}
	request := func(method, path string, scopes ...string) atlassian.Endpoint {
		return endpoint(atlassian.ForWriting, method, path, jiraScopes(scopes...))
	}
	bulk := func(path string) atlassian.Endpoint { return request("POST", path, "write:issue", "read:issue") }
	return []row{
		name("issue.delete", "Delete a Jira issue", "Jira has no trash, so that nothing takes it back. Use issue.quarantine.",
			request("DELETE", issuePath, "delete:issue")),
		name("issue.bulk_edit", "Edit many Jira issues", "changes are made one issue at a time.", bulk("/bulk/issues/fields")),
		name("issue.bulk_delete", "Delete many Jira issues", "nothing takes it back. The scope write:issue:jira is enough for it.", bulk("/bulk/issues/delete")),
		name("issue.bulk_move", "Move many Jira issues", "issues are not moved between projects here.", bulk("/bulk/issues/move")),
		name("issue.bulk_transition", "Transition many Jira issues", "transitions are taken one issue at a time.", bulk("/bulk/issues/transition")),
		name("issue.archive", "Archive Jira issues", "it takes an administrator to find them again.", request("PUT", "/issue/archive", "write:issue")),
		name("issue.notify", "Send mail about a Jira issue", "it sends mail to whom the caller likes.",
			request("POST", issuePath+"/notify", "send:notification")),
		name("issue.redact", "Redact Jira issues", "it rewrites history.", request("POST", "/redact", "redact:issue")),
		name("project.admin", "Administer a Jira project", "agents change no settings.",
			request("PUT", "/project/{projectIdOrKey}", "read:issue-type", "read:project", "read:project.property", "read:user", "write:project",
				"write:project.avatar", "read:application-role", "read:avatar", "read:group", "read:issue-type-hierarchy",
				"read:project-category", "read:project-version", "read:project.component")),
		name("workflow.transition", "Transition a Jira issue, by an older name", "use issue.transition, which a policy permits by that name and by the field status.",
			transitionIssue(atlassian.ForWriting)),
		name("webhook.create", "Make a webhook in Jira", "it sends what happens elsewhere.", request("POST", "/webhook", "read:field", "read:project", "write:webhook")),
		name("webhook.delete", "Delete a webhook in Jira", "agents change no settings.", request("DELETE", "/webhook", "delete:webhook")),
		name("permission.change", "Change permissions in Jira", "agents change no permissions.",
			request("PUT", "/permissionscheme/{schemeId}", "write:permission-scheme", "read:application-role", "read:field", "read:group",
				"read:permission-scheme", "read:permission", "read:project-role", "read:user", "read:avatar", "read:project-category", "read:project")),
	}
}
