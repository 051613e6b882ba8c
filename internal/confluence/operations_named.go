// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"net/http"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/policy"
)

// named are operations that Confluence has and the connector does not carry out.
// They have names so that policies can speak of them and documents can say what
// is left out on purpose; no client is ever let send their requests for them.
func named() []atlassian.Operation {
	no := func(name, title string, e ...atlassian.Endpoint) atlassian.Operation {
		return atlassian.Operation{Name: name, Class: policy.Admin, Title: title, Endpoints: e}
	}
	send := func(method, path string, scopes ...string) atlassian.Endpoint {
		return send1(atlassian.ForWriting, method, path, scopes...)
	}
	const put, post, remove = http.MethodPut, http.MethodPost, http.MethodDelete
	page := func(method, path string, scopes ...string) atlassian.Endpoint {
		return send2(atlassian.ForWriting, method, path, scopes...)
	}
	query := func(e atlassian.Endpoint, keys ...string) atlassian.Endpoint {
		e.Query = keys
		return e
	}
	return []atlassian.Operation{
		no("page.purge", "Delete a page from the trash for good", query(page(remove, "/pages/{id}", "delete:page:confluence"), "purge")),
		no("page.draft.delete", "Delete a draft for good", query(page(remove, "/pages/{id}", "delete:page:confluence"), "draft")),
		no("page.archive", "Archive pages", send(post, "/content/archive", "read:content.metadata:confluence", writePage)),
		no("page.copy", "Copy a page", send(post, "/content/{id}/copy", readDetails, writePage)),
		no("page.tree.copy", "Copy a page with all below it", send(post, "/content/{id}/pagehierarchy/copy", "read:content.metadata:confluence", writePage)),
		no("page.tree.delete", "Delete a page with all below it", send(remove, "/content/{id}/pageTree", "delete:content:confluence")),
		no("page.title", "Change a title without comparing versions", page(put, "/pages/{id}/title", writePage)),
		no("page.owner.change", "Give a page to another owner", page(put, "/pages/{id}", writePage)),
		no("page.redact", "Redact a page in all its versions", page(post, "/pages/{id}/redact", writePage)),
		no("page.restrictions.change", "Change who may read or change a page",
			send(put, "/content/{id}/restriction", readDetails, "write:content.restriction:confluence"),
			send(post, "/content/{id}/restriction", readDetails, "write:content.restriction:confluence"),
			send(remove, "/content/{id}/restriction", readDetails, "write:content.restriction:confluence"),
			send(put, "/content/{id}/restriction/byOperation/{operationKey}/byGroupId/{groupId}", "write:content.restriction:confluence"),
			send(remove, "/content/{id}/restriction/byOperation/{operationKey}/byGroupId/{groupId}", "write:content.restriction:confluence"),
			send(put, "/content/{id}/restriction/byOperation/{operationKey}/user", "write:content.restriction:confluence"),
			send(remove, "/content/{id}/restriction/byOperation/{operationKey}/user", "write:content.restriction:confluence")),
		no("page.permission.check", "Ask what somebody else may do with a page", send(post, "/content/{id}/permission/check", "read:content.permission:confluence")),
		no("page.version.delete", "Delete an old version of a page for good", send(remove, "/content/{id}/version/{versionNumber}", "delete:content:confluence")),
		no("attachment.create", "Upload an attachment",
			send(post, "/content/{id}/child/attachment", readDetails, "write:attachment:confluence"),
			send(put, "/content/{id}/child/attachment", readDetails, "write:attachment:confluence"),
			send(post, "/content/{id}/child/attachment/{attachmentId}/data", readDetails, "write:attachment:confluence")),
		no("attachment.update", "Rename an attachment, or move it to another page",
			send(put, "/content/{id}/child/attachment/{attachmentId}", readDetails, "write:attachment:confluence")),
		no("attachment.delete", "Delete an attachment", page(remove, "/attachments/{id}", "delete:attachment:confluence")),
		no("comment.update", "Change a comment", page(put, "/footer-comments/{comment-id}", "write:comment:confluence")),
		no("comment.inline.create", "Comment on words of a page", page(post, "/inline-comments", "write:comment:confluence")),
		no("comment.inline.update", "Change or resolve a comment on words of a page", page(put, "/inline-comments/{comment-id}", "write:comment:confluence")),
		no("comment.inline.delete", "Delete a comment on words of a page", page(remove, "/inline-comments/{comment-id}", "delete:comment:confluence")),
		no("folder.delete", "Delete a folder", page(remove, "/folders/{id}", "delete:folder:confluence")),
		no("space.create", "Create a space", page(post, "/spaces", "write:space:confluence"),
			send(post, "/space", "read:space-details:confluence", "write:space:confluence", "write:space.permission:confluence"),
			send(post, "/space/_private", "read:space-details:confluence", "write:space:confluence", "write:space.permission:confluence")),
		no("space.update", "Change a space's name or settings",
			send(put, "/space/{spaceKey}", "read:space-details:confluence", "write:space:confluence", "write:space.permission:confluence"),
			send(put, "/space/{spaceKey}/settings", "read:space.setting:confluence", "write:space.setting:confluence")),
		no("space.delete", "Delete a space with all that is in it", send(remove, "/space/{spaceKey}", "read:content.metadata:confluence", "delete:space:confluence")),
		no("space.permissions.change", "Change who may do what in a space",
			send(post, "/space/{spaceKey}/permission", "read:space.permission:confluence", "write:space.permission:confluence"),
			send(remove, "/space/{spaceKey}/permission/{id}", "write:space.permission:confluence"),
			page(post, "/spaces/{id}/role-assignments", "write:space.permission:confluence"),
			page(post, "/space-roles", "write:configuration:confluence"),
			page(put, "/space-roles/{id}", "write:configuration:confluence"),
			page(remove, "/space-roles/{id}", "write:configuration:confluence")),
		no("site.admin_key", "Open all restricted pages to an administrator", page(post, "/admin-key"), page(remove, "/admin-key")),
	}
}
