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

// operations are all that a site can do. The first match counts, so literal segments come before variables.
func operations(c Config) []operation {
	if c.DataCenter {
		return dataCenterOperations()
	}
	all := append(jiraOperations(), jiraBulkOperations()...)
	all = append(all, confluenceOperations()...)
	all = append(all, confluenceV1Operations()...)
	if c.LegacyContent {
		return append(all, contentOperations("/wiki/rest/api", "write:content:confluence")...)
	}
	return append(all, removedContentOperations()...)
}

func jiraOperations() []operation {
	const jira, issue = "/rest/api/3", "/rest/api/3/issue/{issue}"
	return []operation{
		read("GET", jira+"/search/jql", getSearch, "read:issue-details:jira"),
		read("POST", jira+"/search/jql", postSearch, "read:issue-details:jira"),
		read("POST", jira+"/search/approximate-count", postCount, "read:issue-details:jira"),
		read("GET", jira+"/search", gone, "read:issue-details:jira"),
		read("POST", jira+"/search", gone, "read:issue-details:jira"),
		read("GET", jira+"/issue/createmeta/{project}/issuetypes", getCreateTypes, "read:issue-meta:jira"),
		read("GET", jira+"/issue/createmeta/{project}/issuetypes/{type}", getCreateFields, "read:issue-meta:jira"),
		write("POST", jira+"/issue", postIssue, "write:issue:jira"),
		read("GET", issue, getIssue, "read:issue-meta:jira"),
		write("PUT", issue, putIssue, "write:issue:jira"),
		write("DELETE", issue, deleteIssue, "delete:issue:jira"),
		read("GET", issue+"/editmeta", getEditMeta, "read:issue-meta:jira"),
		read("GET", issue+"/changelog", getChangelog, "read:issue.changelog:jira"),
		read("POST", issue+"/changelog/list", postChangelogList, "read:issue.changelog:jira"),
		write("PUT", issue+"/assignee", putAssignee, "write:issue:jira"),
		read("GET", issue+"/comment", getIssueComments, "read:comment:jira"),
		write("POST", issue+"/comment", postIssueComment, "write:comment:jira"),
		read("GET", issue+"/comment/{comment}", getIssueComment, "read:comment:jira"),
		write("PUT", issue+"/comment/{comment}", putIssueComment, "write:comment:jira"),
		write("DELETE", issue+"/comment/{comment}", deleteIssueComment, "delete:comment:jira"),
		read("GET", issue+"/transitions", getTransitions, "read:issue.transition:jira"),
		write("POST", issue+"/transitions", postTransition, "write:issue:jira"),
		read("GET", issue+"/properties", getProperties, "read:issue.property:jira"),
		read("GET", issue+"/properties/{property}", getProperty, "read:issue.property:jira"),
		write("PUT", issue+"/properties/{property}", putProperty, "write:issue.property:jira"),
		write("DELETE", issue+"/properties/{property}", deleteProperty, "delete:issue.property:jira"),
		read("GET", jira+"/comment/{comment}/properties", getProperties, "read:comment.property:jira"),
		read("GET", jira+"/comment/{comment}/properties/{property}", getProperty, "read:comment.property:jira"),
		write("PUT", jira+"/comment/{comment}/properties/{property}", putProperty, "write:comment.property:jira"),
		write("DELETE", jira+"/comment/{comment}/properties/{property}", deleteProperty, "delete:comment.property:jira"),
		read("GET", issue+"/remotelink", getRemoteLinks, "read:issue.remote-link:jira"),
		write("POST", issue+"/remotelink", postRemoteLink, "write:issue.remote-link:jira"),
		read("GET", issue+"/remotelink/{link}", getRemoteLink, "read:issue.remote-link:jira"),
		write("DELETE", issue+"/remotelink/{link}", deleteRemoteLink, "delete:issue.remote-link:jira"),
		write("POST", jira+"/issueLink", postIssueLink, "write:issue-link:jira"),
		read("GET", jira+"/issueLink/{link}", getIssueLink, "read:issue:jira", "read:issue-link-type:jira"),
		write("DELETE", jira+"/issueLink/{link}", deleteIssueLink, "delete:issue-link:jira"),
		read("GET", jira+"/issueLinkType", getLinkTypes, "read:issue-link-type:jira"),
		read("GET", jira+"/project/search", getProjects, "read:project:jira"),
		read("GET", jira+"/project/{project}", getProject, "read:project:jira"),
		read("GET", jira+"/field", getFields, "read:field:jira"),
		read("GET", jira+"/status", getStatuses, "read:status:jira"),
		read("GET", jira+"/myself", getMyself, "read:user:jira"),
		read("GET", jira+"/user", getUser, "read:user:jira"),
		read("GET", jira+"/user/search", getUsers, "read:user:jira"),
		read("GET", jira+"/user/assignable/search", getUsers, "read:user:jira"),
		read("GET", jira+"/mypermissions", getMyPermissions, "read:permission:jira"),
	}
}

// jiraBulkOperations change many issues at once, read many, or send mail.
func jiraBulkOperations() []operation {
	const jira = "/rest/api/3"
	return []operation{
		write("POST", jira+"/issue/bulk", postBulkCreate, "write:issue:jira"),
		write("POST", jira+"/bulk/issues/delete", postBulkDelete, "write:issue:jira"),
		write("POST", jira+"/bulk/issues/fields", postBulkEdit, "write:issue:jira"),
		write("POST", jira+"/bulk/issues/move", postBulkMove, "write:issue:jira"),
		write("POST", jira+"/bulk/issues/transition", postBulkTransition, "write:issue:jira"),
		read("GET", jira+"/bulk/queue/{task}", getBulkTask, "read:issue:jira"),
		read("POST", jira+"/issue/bulkfetch", postBulkFetch, "read:issue-meta:jira"),
		read("POST", jira+"/changelog/bulkfetch", postBulkChangelog, "read:issue.changelog:jira"),
		write("POST", jira+"/issue/{issue}/notify", postNotify, "send:notification:jira"),
	}
}

func confluenceOperations() []operation {
	const v2, page = "/wiki/api/v2", "/wiki/api/v2/pages/{page}"
	all := []operation{
		read("GET", v2+"/pages", getPages, "read:page:confluence"),
		write("POST", v2+"/pages", postPage, "write:page:confluence"),
		read("GET", page, getPage, "read:page:confluence"),
		write("PUT", page, putPage, "write:page:confluence"),
		write("DELETE", page, deletePage, "delete:page:confluence"),
		write("PUT", page+"/title", putTitle, "write:page:confluence"),
		read("GET", page+"/ancestors", getAncestors, "read:content.metadata:confluence"),
		read("GET", page+"/children", getChildPages, "read:page:confluence"),
		read("GET", page+"/direct-children", getChildren, "read:hierarchical-content:confluence"),
		read("GET", page+"/descendants", getDescendants, "read:hierarchical-content:confluence"),
		read("GET", page+"/versions", getVersions, "read:page:confluence"),
		read("GET", page+"/versions/{version}", getVersion, "read:page:confluence"),
		read("GET", page+"/labels", getLabels, "read:page:confluence"),
		read("GET", page+"/operations", getOperations, "read:page:confluence"),
		read("GET", page+"/attachments", getAttachments, "read:attachment:confluence"),
		read("GET", v2+"/attachments/{attachment}", getAttachment, "read:attachment:confluence"),
		write("DELETE", v2+"/attachments/{attachment}", deleteAttachment, "delete:attachment:confluence"),
		read("GET", page+"/properties", getContentProperties, "read:page:confluence"),
		write("POST", page+"/properties", postContentProperty, "write:page:confluence"),
		read("GET", page+"/properties/{property}", getContentProperty, "read:page:confluence"),
		write("PUT", page+"/properties/{property}", putContentProperty, "write:page:confluence"),
		write("DELETE", page+"/properties/{property}", deleteContentProperty, "write:page:confluence"),
		read("GET", v2+"/spaces", getSpaces, "read:space:confluence"),
		read("GET", v2+"/spaces/{space}", getSpace, "read:space:confluence"),
		read("GET", v2+"/spaces/{space}/pages", getSpacePages, "read:page:confluence"),
		read("GET", v2+"/folders/{folder}", getFolder, "read:folder:confluence"),
		read("GET", v2+"/folders/{page}/ancestors", getAncestors, "read:content.metadata:confluence"),
		read("GET", v2+"/folders/{page}/direct-children", getChildren, "read:hierarchical-content:confluence"),
	}
	for _, kind := range []string{"/footer-comments", "/inline-comments"} {
		all = append(all,
			read("GET", page+kind, getPageComments, "read:comment:confluence"),
			read("GET", v2+kind, getAllComments, "read:comment:confluence"),
			write("POST", v2+kind, postPageComment, "write:comment:confluence"),
			read("GET", v2+kind+"/{comment}", getPageComment, "read:comment:confluence"),
			write("PUT", v2+kind+"/{comment}", putPageComment, "write:comment:confluence"),
			write("DELETE", v2+kind+"/{comment}", deletePageComment, "delete:comment:confluence"),
			read("GET", v2+kind+"/{comment}/children", getCommentReplies, "read:comment:confluence"),
		)
	}
	return all
}

func confluenceV1Operations() []operation {
	const v1, content = "/wiki/rest/api", "/wiki/rest/api/content/{page}"
	return []operation{
		read("GET", v1+"/search", getCQL, "search:confluence", "read:content-details:confluence"),
		read("GET", v1+"/content/search", getContentCQL, "search:confluence", "read:content-details:confluence"),
		read("GET", v1+"/user", getPerson, "read:content-details:confluence"),
		read("GET", v1+"/user/current", getCurrentUser, "read:content-details:confluence"),
		write("POST", content+"/label", postLabels, "write:label:confluence"),
		write("DELETE", content+"/label", deleteLabel, "write:label:confluence"),
		write("DELETE", content+"/label/{label}", deleteLabel, "write:label:confluence"),
		write("POST", content+"/version", postVersion, "write:content:confluence"),
		read("GET", content+"/restriction", getRestrictionList, "read:content-details:confluence"),
		write("PUT", content+"/restriction", putRestrictions, "write:content.restriction:confluence"),
		write("POST", content+"/restriction", putRestrictions, "write:content.restriction:confluence"),
		write("DELETE", content+"/restriction", deleteRestrictions, "write:content.restriction:confluence"),
		read("GET", content+"/restriction/byOperation", getRestrictions, "read:content-details:confluence"),
		read("POST", content+"/permission/check", postPermissionCheck, "read:content.permission:confluence"),
		write("PUT", content+"/move/{position}/{target}", putMove, "write:page:confluence"),
		read("GET", content+"/child/attachment/{attachment}/download", getDownload, "read:attachment:confluence"),
		read("GET", "/wiki/download/attachments/{page}/{name}", getNamedDownload, "read:attachment:confluence"),
		write("POST", v1+"/content/archive", postArchive, "write:page:confluence"),
		write("POST", content+"/copy", postCopy, "write:page:confluence"),
		write("DELETE", content+"/pageTree", deletePageTree, "delete:content:confluence"),
	}
}

// removedContentOperations are those of version 1 that real sites have taken away.
func removedContentOperations() []operation {
	const v1 = "/wiki/rest/api"
	return []operation{
		read("GET", v1+"/content", gone, "read:content-details:confluence"),
		write("POST", v1+"/content", gone, "write:content:confluence"),
		read("GET", v1+"/content/{page}", gone, "read:content-details:confluence"),
		write("PUT", v1+"/content/{page}", gone, "write:content:confluence"),
		write("DELETE", v1+"/content/{page}", gone, "write:content:confluence"),
	}
}

// match finds the operation for a method and escaped path, with the values of the path's variables. The status is 200,
// or 404 or 405 if there is none. http.ServeMux cannot do this: Jira's paths overlap in a way that it refuses
// (/issue/createmeta/{project}/issuetypes and /issue/{issue}/comment/{comment}).
func (s *Site) match(method, path string) (*operation, map[string]string, int) {
	segments := strings.Split(path, "/")
	status := http.StatusNotFound
	for i := range s.operations {
		op := &s.operations[i]
		vars, found := op.vars(segments)
		if !found {
			continue
		}
		if op.method == method {
			return op, vars, http.StatusOK
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
