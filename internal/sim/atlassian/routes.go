// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"net/http"
	"net/url"
	"strings"
)

// operation is one method of one path. It needs any one of its scopes.
type operation struct {
	method string
	path   string // {name} stands for one segment
	scopes []string
	write  bool
	handle func(*Site, *call) reply
}

func (op *operation) takesBody() bool {
	return op.method == http.MethodPost || op.method == http.MethodPut
}

func read(method, path string, handle func(*Site, *call) reply, scopes ...string) operation {
	return operation{method: method, path: path, scopes: scopes, handle: handle}
}

func write(method, path string, handle func(*Site, *call) reply, scopes ...string) operation {
	return operation{method: method, path: path, scopes: scopes, write: true, handle: handle}
}

// operations are all that the site can do. The first match counts, so literal segments come before variables.
func operations() []operation {
	return append(jiraOperations(), confluenceOperations()...)
}

func jiraOperations() []operation {
	const jira = "/rest/api/3"
	return []operation{
		read("GET", jira+"/search/jql", getSearch, "read:issue-details:jira"),
		read("POST", jira+"/search/jql", postSearch, "read:issue-details:jira"),
		read("GET", jira+"/search", gone, "read:issue-details:jira"),
		read("POST", jira+"/search", gone, "read:issue-details:jira"),
		read("GET", jira+"/issue/createmeta/{project}/issuetypes", getCreateTypes, "read:issue-meta:jira"),
		read("GET", jira+"/issue/createmeta/{project}/issuetypes/{type}", getCreateFields, "read:issue-meta:jira"),
		write("POST", jira+"/issue", postIssue, "write:issue:jira"),
		read("GET", jira+"/issue/{issue}", getIssue, "read:issue-meta:jira"),
		write("PUT", jira+"/issue/{issue}", putIssue, "write:issue:jira"),
		write("DELETE", jira+"/issue/{issue}", deleteIssue, "delete:issue:jira"),
		read("GET", jira+"/issue/{issue}/changelog", getChangelog, "read:issue.changelog:jira"),
		read("GET", jira+"/issue/{issue}/comment", getIssueComments, "read:comment:jira"),
		write("POST", jira+"/issue/{issue}/comment", postIssueComment, "write:comment:jira"),
		read("GET", jira+"/issue/{issue}/comment/{comment}", getIssueComment, "read:comment:jira"),
		write("DELETE", jira+"/issue/{issue}/comment/{comment}", deleteIssueComment, "delete:comment:jira"),
		read("GET", jira+"/issue/{issue}/transitions", getTransitions, "read:issue.transition:jira"),
		write("POST", jira+"/issue/{issue}/transitions", postTransition, "write:issue:jira"),
		read("GET", jira+"/project/search", getProjects, "read:project:jira"),
		read("GET", jira+"/project/{project}", getProject, "read:project:jira"),
		read("GET", jira+"/field", getFields, "read:field:jira"),
		read("GET", jira+"/myself", getMyself, "read:user:jira"),
		read("GET", jira+"/mypermissions", getMyPermissions, "read:permission:jira"),
	}
}

func confluenceOperations() []operation {
	const v2, v1 = "/wiki/api/v2", "/wiki/rest/api"
	return []operation{
		read("GET", v2+"/pages", getPages, "read:page:confluence"),
		write("POST", v2+"/pages", postPage, "write:page:confluence"),
		read("GET", v2+"/pages/{page}", getPage, "read:page:confluence"),
		write("PUT", v2+"/pages/{page}", putPage, "write:page:confluence"),
		write("DELETE", v2+"/pages/{page}", deletePage, "delete:page:confluence"),
		write("PUT", v2+"/pages/{page}/title", putTitle, "write:page:confluence"),
		read("GET", v2+"/pages/{page}/ancestors", getAncestors, "read:content.metadata:confluence"),
		read("GET", v2+"/pages/{page}/direct-children", getChildren, "read:hierarchical-content:confluence"),
		read("GET", v2+"/pages/{page}/descendants", getDescendants, "read:hierarchical-content:confluence"),
		read("GET", v2+"/pages/{page}/versions", getVersions, "read:page:confluence"),
		read("GET", v2+"/pages/{page}/versions/{version}", getVersion, "read:page:confluence"),
		read("GET", v2+"/pages/{page}/labels", getLabels, "read:page:confluence"),
		read("GET", v2+"/pages/{page}/footer-comments", getFooterComments, "read:comment:confluence"),
		write("POST", v2+"/footer-comments", postFooterComment, "write:comment:confluence"),
		read("GET", v2+"/footer-comments/{comment}", getFooterComment, "read:comment:confluence"),
		write("DELETE", v2+"/footer-comments/{comment}", deleteFooterComment, "delete:comment:confluence"),
		read("GET", v2+"/spaces", getSpaces, "read:space:confluence"),
		read("GET", v2+"/spaces/{space}", getSpace, "read:space:confluence"),
		read("GET", v2+"/spaces/{space}/pages", getSpacePages, "read:page:confluence"),
		read("GET", v2+"/folders/{folder}", getFolder, "read:folder:confluence"),
		read("GET", v2+"/folders/{page}/ancestors", getAncestors, "read:content.metadata:confluence"),
		read("GET", v2+"/folders/{page}/direct-children", getChildren, "read:hierarchical-content:confluence"),

		read("GET", v1+"/search", getCQL, "search:confluence", "read:content-details:confluence"),
		read("GET", v1+"/content/search", getContentCQL, "search:confluence", "read:content-details:confluence"),
		read("GET", v1+"/content", gone, "read:content-details:confluence"),
		write("POST", v1+"/content", gone, "write:content:confluence"),
		read("GET", v1+"/content/{page}", gone, "read:content-details:confluence"),
		write("PUT", v1+"/content/{page}", gone, "write:content:confluence"),
		write("DELETE", v1+"/content/{page}", gone, "write:content:confluence"),
		write("POST", v1+"/content/{page}/label", postLabels, "write:label:confluence"),
		write("DELETE", v1+"/content/{page}/label", deleteLabel, "write:label:confluence"),
		write("DELETE", v1+"/content/{page}/label/{label}", deleteLabel, "write:label:confluence"),
		write("POST", v1+"/content/{page}/version", postVersion, "write:content:confluence"),
		read("GET", v1+"/content/{page}/restriction/byOperation", getRestrictions, "read:content-details:confluence"),
		read("POST", v1+"/content/{page}/permission/check", postPermissionCheck, "read:content.permission:confluence"),
		write("PUT", v1+"/content/{page}/move/{position}/{target}", putMove, "write:page:confluence"),
	}
}

// match finds the operation for a method and escaped path, with the values of the path's variables. The status is 200,
// or 404 or 405 if there is none. http.ServeMux cannot do this: Jira's paths overlap in a way that it refuses
// (/issue/createmeta/{project}/issuetypes and /issue/{issue}/comment/{comment}).
func match(method, path string) (*operation, map[string]string, int) {
	segments := strings.Split(path, "/")
	status := http.StatusNotFound
	for _, op := range operations() {
		vars, found := op.vars(segments)
		if !found {
			continue
		}
		if op.method == method {
			return &op, vars, http.StatusOK
		}
		status = http.StatusMethodNotAllowed
	}
	return nil, nil, status
}

func (op *operation) vars(segments []string) (map[string]string, bool) {
	pattern := strings.Split(op.path, "/")
	if len(pattern) != len(segments) {
		return nil, false
	}
	vars := make(map[string]string)
	for i, part := range pattern {
		if !strings.HasPrefix(part, "{") {
			if part != segments[i] {
				return nil, false
			}
			continue
		}
		value, err := url.PathUnescape(segments[i])
		if err != nil || value == "" {
			return nil, false
		}
		vars[strings.Trim(part, "{}")] = value
	}
	return vars, true
}
