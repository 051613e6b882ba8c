// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"context"
	"slices"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
)

// A row of the table is an operation and what puts a call of it into policy
// terms; nil if it is not offered.
type row struct {
	atlassian.Operation
	plan func(c *Connector, ctx context.Context, args []byte, bounds []policy.Bound) (*gate.Plan, error)
}

// table is all that is known of Jira's operations, in the order in which they
// are documented. Tools, their schemas, the requests that are let out, scopes
// and docs/jira.md come from it.
func table() []row {
	return slices.Concat(reading(), writing(), undoing(), unoffered())
}

// Operations returns the table. It is for clients, which let out no other
// requests ([atlassian.Config]'s Endpoints), for configurations, which name the
// scopes that credentials need, and for documentation.
func Operations() []atlassian.Operation {
	var out []atlassian.Operation
	for _, r := range table() {
		out = append(out, r.Operation)
	}
	return out
}

// Tools returns what the connector can do, as agents are told of it. Writes are
// on the list even where writing is disabled, and operations that are not
// offered are, too, so that policies can name them and calls of them leave a
// receipt; both then fail with a fault that says so.
func (c *Connector) Tools() []gate.Tool {
	var out []gate.Tool
	for i := range c.rows {
		r := &c.rows[i]
		t := gate.Tool{
			Action: policy.Action{Tool: tool, Name: r.Name, Class: r.Class},
			Title:  r.Title, Description: r.Description, Schema: r.Schema(), Unoffered: !r.Offered,
		}
		out = append(out, t)
	}
	return out
}

// find returns the row with this name, or nil.
func (c *Connector) find(name string) *row {
	i := slices.IndexFunc(c.rows, func(r row) bool { return r.Name == name })
	if i < 0 {
		return nil
	}
	return &c.rows[i]
}

// offered names the operations that are carried out.
func (c *Connector) offered() []string {
	var out []string
	for i := range c.rows {
		if c.rows[i].Offered {
			out = append(out, c.rows[i].Name)
		}
	}
	return out
}

// The actions, as policies name them.
const (
	actionSearch      = "issue.search"
	actionGet         = "issue.get"
	actionComments    = "issue.comments"
	actionChangelog   = "issue.changelog"
	actionTransitions = "issue.transitions"
	actionCreatemeta  = "issue.createmeta"
	actionEditmeta    = "issue.editmeta"
	actionLinks       = "issue.links"
	actionAttachments = "issue.attachments"

	actionCreate     = "issue.create"
	actionEdit       = "issue.edit"
	actionComment    = "issue.comment.create"
	actionTransition = "issue.transition"
	actionAssign     = "issue.assign"
	actionLink       = "issue.link.create"

	actionUncomment  = "issue.comment.delete"
	actionUnlink     = "issue.link.delete"
	actionQuarantine = "issue.quarantine"
)

// An endpoint of Jira's interface, with the granular scopes that its published
// description lists.
func endpoint(use, method, path string, scopes []string, query ...string) atlassian.Endpoint {
	return atlassian.Endpoint{API: atlassian.Jira3, Method: method, Path: api + path, Query: query, Scopes: scopes, Use: use}
}

const issuePath = "/issue/{issueIdOrKey}"

func jiraScopes(names ...string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = n + ":jira"
	}
	return out
}

// The requests that only read.

func readIssue() atlassian.Endpoint {
	return endpoint(atlassian.ForReading, "GET", issuePath, jiraScopes("read:issue-meta", "read:issue-security-level", "read:issue.vote",
		"read:issue.changelog", "read:avatar", "read:issue", "read:status", "read:user", "read:field-configuration"), "fields", "properties")
}

func readChangelog() atlassian.Endpoint {
	return endpoint(atlassian.ForReading, "GET", issuePath+"/changelog",
		jiraScopes("read:issue-meta", "read:avatar", "read:issue.changelog"), "startAt", "maxResults")
}

func readComments() atlassian.Endpoint {
	return endpoint(atlassian.ForReading, "GET", issuePath+"/comment", commentScopes(), "startAt", "maxResults", "orderBy")
}

func readComment() atlassian.Endpoint {
	return endpoint(atlassian.ForReading, "GET", issuePath+"/comment/{id}", commentScopes())
}

func commentScopes() []string {
	return jiraScopes("read:comment", "read:comment.property", "read:group", "read:project", "read:project-role", "read:user", "read:avatar")
}

func readCommentMark() atlassian.Endpoint {
	return endpoint(atlassian.ForReading, "GET", "/comment/{commentId}/properties/{propertyKey}", jiraScopes("read:comment.property"))
}

func readTransitions() atlassian.Endpoint {
	return endpoint(atlassian.ForReading, "GET", issuePath+"/transitions", jiraScopes("read:issue.transition", "read:status", "read:field-configuration"))
}

func readCreateTypeMeta() atlassian.Endpoint {
	return endpoint(atlassian.ForReading, "GET", "/issue/createmeta/{projectIdOrKey}/issuetypes/{issueTypeId}",
		jiraScopes("read:issue-meta", "read:avatar", "read:field-configuration"), "startAt", "maxResults")
}

func readEditmeta() atlassian.Endpoint {
	return endpoint(atlassian.ForReading, "GET", issuePath+"/editmeta", jiraScopes("read:issue-meta", "read:field-configuration"))
}

func readProject() atlassian.Endpoint {
	return endpoint(atlassian.ForReading, "GET", "/project/{projectIdOrKey}", jiraScopes("read:issue-type", "read:project", "read:project.property",
		"read:user", "read:application-role", "read:avatar", "read:group", "read:issue-type-hierarchy", "read:project-category",
		"read:project-version", "read:project.component"))
}

func readFields() atlassian.Endpoint {
	return endpoint(atlassian.ForReading, "GET", "/field",
		jiraScopes("read:field", "read:avatar", "read:project-category", "read:project", "read:field-configuration"))
}

func readLinkTypes() atlassian.Endpoint {
	return endpoint(atlassian.ForReading, "GET", "/issueLinkType", jiraScopes("read:issue-link-type"))
}

func readLink() atlassian.Endpoint {
	return endpoint(atlassian.ForReading, "GET", "/issueLink/{linkId}", jiraScopes("read:field", "read:issue-link-type", "read:issue",
		"read:issue-type", "read:priority", "read:status", "read:avatar", "read:issue.time-tracking", "read:project-category",
		"read:project", "read:user"))
}

func searchIssues() atlassian.Endpoint {
	e := endpoint(atlassian.ForReading, "POST", "/search/jql",
		jiraScopes("read:issue-details", "read:field.default-value", "read:field.option", "read:field", "read:group"))
	e.Safe = true
	return e
}

// The requests that change something, by the credential that sends them.

func createIssue() atlassian.Endpoint {
	return endpoint(atlassian.ForWriting, "POST", "/issue",
		jiraScopes("write:issue", "write:comment", "write:comment.property", "write:attachment", "read:issue"))
}

func editIssue(use string) atlassian.Endpoint {
	return endpoint(use, "PUT", issuePath, jiraScopes("write:issue"), "notifyUsers")
}

func transitionIssue(use string) atlassian.Endpoint {
	return endpoint(use, "POST", issuePath+"/transitions", jiraScopes("write:issue", "write:issue.property"))
}

func addComment() atlassian.Endpoint {
	return endpoint(atlassian.ForWriting, "POST", issuePath+"/comment", append(commentScopes(), "write:comment:jira"))
}

func addLink() atlassian.Endpoint {
	return endpoint(atlassian.ForWriting, "POST", "/issueLink", jiraScopes("write:comment", "write:issue", "write:issue-link"))
}

func deleteComment() atlassian.Endpoint {
	return endpoint(atlassian.ForUndoing, "DELETE", issuePath+"/comment/{id}", jiraScopes("delete:comment", "delete:comment.property"))
}

func deleteLink() atlassian.Endpoint {
	return endpoint(atlassian.ForUndoing, "DELETE", "/issueLink/{linkId}", jiraScopes("delete:issue-link"))
}
