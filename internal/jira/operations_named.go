// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"slices"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/policy"
)

// unoffered are the operations that have a name, so that policies can deny them and
// receipts say who tried, and that no connector carries out.
func unoffered() []row { return slices.Concat(notOnIssues(), notBesideIssues(), notElsewhere()) }

// nameOnly is a row of what is never carried out.
func nameOnly(action, title, why string, requests ...atlassian.Endpoint) row {
	return row{Operation: atlassian.Operation{Name: action, Class: policy.Admin, Title: title, Limits: why, Endpoints: requests}}
}

// request is one that would change something.
func request(method, path string, scopes ...string) atlassian.Endpoint {
	return endpoint(atlassian.ForWriting, method, path, jiraScopes(scopes...))
}

// notOnIssues are those of issues themselves.
func notOnIssues() []row {
	bulk := func(path string) atlassian.Endpoint { return request("POST", path, "write:issue", "read:issue") }
	return []row{
		nameOnly("issue.delete", "Delete a Jira issue", "Jira has no trash, so that nothing takes it back. Use issue.quarantine.",
			request("DELETE", issuePath, "delete:issue")),
		nameOnly("issue.bulk_create", "Create many Jira issues", "issues are created one at a time.",
			request("POST", "/issue/bulk", "write:issue", "write:comment", "write:comment.property", "write:attachment", "read:issue")),
		nameOnly("issue.bulk_edit", "Edit many Jira issues", "changes are made one issue at a time.", bulk("/bulk/issues/fields")),
		nameOnly("issue.bulk_delete", "Delete many Jira issues", "nothing takes it back. The scope write:issue:jira is enough for it.", bulk("/bulk/issues/delete")),
		nameOnly("issue.bulk_move", "Move many Jira issues", "issues are not moved between projects here.", bulk("/bulk/issues/move")),
		nameOnly("issue.bulk_transition", "Transition many Jira issues", "transitions are taken one issue at a time.", bulk("/bulk/issues/transition")),
		nameOnly("issue.archive", "Archive Jira issues", "it takes an administrator to find them again.", request("PUT", "/issue/archive", "write:issue")),
		nameOnly("issue.notify", "Send mail about a Jira issue", "it sends mail to whom the caller likes.",
			request("POST", issuePath+"/notify", "send:notification")),
		nameOnly("issue.redact", "Redact Jira issues", "it rewrites history.", request("POST", "/redact", "redact:issue")),
		nameOnly("issue.count", "Count Jira issues", "a count tells of issues and fields that no result would show. Use issue.search.",
			request("POST", "/search/approximate-count", "read:issue-details", "read:field.default-value", "read:field.option", "read:field", "read:group")),
	}
}

// notBesideIssues are those of what hangs on issues.
func notBesideIssues() []row {
	worklog := []string{"write:issue-worklog", "write:issue-worklog.property", "read:avatar", "read:group", "read:issue-worklog", "read:project-role",
		"read:user", "read:issue-worklog.property"}
	return []row{
		nameOnly("issue.comment.update", "Edit a comment on a Jira issue", "Jira keeps no former text of a comment, so that nothing takes it back. Write another with issue.comment.create.",
			endpoint(atlassian.ForWriting, "PUT", issuePath+"/comment/{id}", append(commentScopes(), "write:comment:jira"))),
		nameOnly("issue.worklog.create", "Log work on a Jira issue", "it books people's time.", request("POST", issuePath+"/worklog", worklog...)),
		nameOnly("issue.worklog.update", "Edit a work log of a Jira issue", "it books people's time.",
			request("PUT", issuePath+"/worklog/{id}", append(worklog, "read:comment", "write:comment")...)),
		nameOnly("issue.worklog.delete", "Delete a work log of a Jira issue", "it books people's time, and nothing takes it back.",
			request("DELETE", issuePath+"/worklog/{id}", "delete:issue-worklog", "delete:issue-worklog.property", "write:issue.time-tracking")),
		nameOnly("issue.remotelink.create", "Link a Jira issue to another site", "it leads people to an address of the caller's choice.",
			request("POST", issuePath+"/remotelink", "write:issue", "write:issue.remote-link", "read:issue.remote-link")),
		nameOnly("issue.remotelink.update", "Change a link of a Jira issue to another site", "it leads people to an address of the caller's choice.",
			request("PUT", issuePath+"/remotelink/{linkId}", "write:issue", "write:issue.remote-link")),
		nameOnly("issue.remotelink.delete", "Delete a link of a Jira issue to another site", "nothing takes it back.",
			request("DELETE", issuePath+"/remotelink/{linkId}", "delete:issue.remote-link", "write:issue")),
		nameOnly("issue.watcher.add", "Make somebody watch a Jira issue", "it sends mail to whom the caller likes.", request("POST", issuePath+"/watchers", "write:issue.watcher")),
		nameOnly("issue.watcher.remove", "Let somebody watch a Jira issue no more", "it keeps people from hearing of changes.",
			request("DELETE", issuePath+"/watchers", "write:issue.watcher")),
		nameOnly("issue.attachment.create", "Attach a file to a Jira issue", "what is in files is not held to a policy.",
			request("POST", issuePath+"/attachments", "read:user", "write:attachment", "read:attachment", "read:avatar")),
		nameOnly("issue.attachment.delete", "Delete an attachment of a Jira issue", "nothing takes it back.", request("DELETE", "/attachment/{id}", "delete:attachment")),
	}
}

// notElsewhere are those of projects and of the site.
func notElsewhere() []row {
	return []row{
		nameOnly("project.admin", "Administer a Jira project", "agents change no settings.",
			request("PUT", "/project/{projectIdOrKey}", "read:issue-type", "read:project", "read:project.property", "read:user", "write:project",
				"write:project.avatar", "read:application-role", "read:avatar", "read:group", "read:issue-type-hierarchy",
				"read:project-category", "read:project-version", "read:project.component")),
		nameOnly("workflow.transition", "Transition a Jira issue, by an older name", "use issue.transition, which a policy permits by that name and by the field status.",
			transitionIssue(atlassian.ForWriting)),
		nameOnly("webhook.create", "Make a webhook in Jira", "it sends what happens elsewhere.", request("POST", "/webhook", "read:field", "read:project", "write:webhook")),
		nameOnly("webhook.delete", "Delete a webhook in Jira", "agents change no settings.", request("DELETE", "/webhook", "delete:webhook")),
		nameOnly("permission.change", "Change permissions in Jira", "agents change no permissions.",
			request("PUT", "/permissionscheme/{schemeId}", "write:permission-scheme", "read:application-role", "read:field", "read:group",
				"read:permission-scheme", "read:permission", "read:project-role", "read:user", "read:avatar", "read:project-category", "read:project")),
	}
}
