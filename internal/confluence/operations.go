// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"net/http"
	"slices"

	"github.com/clawea/clawea/internal/atlassian"
)

// The actions, as policies name them after "confluence.".
const (
	actionGet          = "page.get"
	actionChildren     = "page.children"
	actionLabels       = "page.labels"
	actionComments     = "page.comments"
	actionAttachments  = "page.attachments"
	actionAttachment   = "attachment.get"
	actionRestrictions = "page.restrictions"
	actionVersions     = "page.versions"
	actionVersion      = "page.version"
	actionSearch       = "page.search"

	actionCreate      = "page.create"
	actionUpdate      = "page.update"
	actionEdit        = "page.edit"
	actionLabelAdd    = "page.label.add"
	actionLabelRemove = "page.label.remove"
	actionComment     = "page.comment.create"
	actionMove        = "page.move"
	actionRestore     = "page.restore"

	actionTrash         = "page.trash"
	actionUntrash       = "page.untrash"
	actionCommentDelete = "comment.delete"
)

// Operations is the table of all that is known of Confluence: what the connector
// carries out, and what it does not and only names. A client that is made with
// [atlassian.Endpoints] of it sends nothing else.
func Operations() []atlassian.Operation {
	return slices.Concat(readings(), writings(), undoings(), named())
}

// operation finds a row by its name.
func operation(action string) (atlassian.Operation, bool) {
	ops := Operations()
	i := slices.IndexFunc(ops, func(o atlassian.Operation) bool { return o.Name == action })
	if i < 0 {
		return atlassian.Operation{}, false
	}
	return ops[i], true
}

// ask2 and ask1 are requests of the two interfaces that read.
func ask2(path, scope string, query ...string) atlassian.Endpoint {
	return atlassian.Endpoint{
		API: atlassian.Confluence2, Method: http.MethodGet, Path: path, Query: query, Scopes: []string{scope}, Use: atlassian.ForReading,
	}
}

func ask1(path, scope string, query ...string) atlassian.Endpoint {
	e := ask2("/wiki/rest/api"+path, scope, query...)
	e.API = atlassian.Confluence1
	return e
}

// send2 and send1 are requests that change something.
func send2(use, method, path string, scopes ...string) atlassian.Endpoint {
	return atlassian.Endpoint{API: atlassian.Confluence2, Method: method, Path: path, Scopes: scopes, Use: use}
}

func send1(use, method, path string, scopes ...string) atlassian.Endpoint {
	e := send2(use, method, "/wiki/rest/api"+path, scopes...)
	e.API = atlassian.Confluence1
	return e
}

// The scopes, as Confluence names them.
const (
	readPage       = "read:page:confluence"
	readSpace      = "read:space:confluence"
	readDetails    = "read:content-details:confluence"
	readComment    = "read:comment:confluence"
	readAttachment = "read:attachment:confluence"
	readTree       = "read:hierarchical-content:confluence"
	readAbove      = "read:content.metadata:confluence"
	writePage      = "write:page:confluence"
	writeLabel     = "write:label:confluence"
	readLabel      = "read:label:confluence"
	writeContent   = "write:content:confluence"
)

// looking are the requests by which a page is found, placed and held to a
// policy. Every operation that names a page sends them before it does anything.
func looking(more ...atlassian.Endpoint) []atlassian.Endpoint {
	return append([]atlassian.Endpoint{
		ask2("/pages/{id}", readPage, "body-format"),
		ask2("/pages", readPage, "id", "status", "limit"),
		ask2("/pages/{id}/ancestors", readAbove, "limit"),
		ask2("/folders/{id}/ancestors", readAbove, "limit"),
		ask2("/whiteboards/{id}/ancestors", readAbove, "limit"),
		ask2("/databases/{id}/ancestors", readAbove, "limit"),
		ask2("/embeds/{id}/ancestors", readAbove, "limit"),
		ask2("/pages/{id}/labels", readPage, "prefix", "limit", "cursor"),
		ask2("/spaces/{id}", readSpace),
		ask2("/folders/{id}", "read:folder:confluence"),
		ask2("/whiteboards/{id}", "read:whiteboard:confluence"),
		ask2("/databases/{id}", "read:database:confluence"),
		ask2("/embeds/{id}", "read:embed:confluence"),
		ask1("/content/{id}/restriction/byOperation", readDetails, "expand"),
	}, more...)
}

// area are the requests by which the part of the site is found that a policy
// lets be searched.
func searching(more ...atlassian.Endpoint) []atlassian.Endpoint {
	return looking(append([]atlassian.Endpoint{
		ask2("/spaces", readSpace, "ids", "keys", "limit"),
		ask2("/spaces/{id}/pages", readPage, "title", "status", "limit"),
	}, more...)...)
}

func required(name, schema string) atlassian.Arg {
	return atlassian.Arg{Name: name, Required: true, Schema: schema}
}

func optional(name, schema string) atlassian.Arg { return atlassian.Arg{Name: name, Schema: schema} }

// The schemas of arguments that more than one operation takes.
const (
	schemaPage    = `{"type":"string","pattern":"^[1-9][0-9]{0,17}$","description":"The page's id, in digits."}`
	schemaBytes   = `{"type":"integer","minimum":1,"maximum":1048576,"description":"Cut the body after so many bytes. Default 262144."}`
	schemaSome    = `{"type":"integer","minimum":1,"maximum":25,"description":"The most results. Default 10."}`
	schemaBased   = `{"type":"integer","minimum":1,"maximum":2147483646,"description":"The version of the page that this is based on, as page.get returned it."}`
	schemaMessage = `{"type":"string","minLength":1,"maxLength":500,"description":"Why, in one line for people. Where Confluence has a place for it, it is kept with the version."}`
	schemaUndoes  = `{"type":"string","maxLength":160,"pattern":"^[^/]+/[1-9][0-9]*$","description":"The receipt of the change that this takes back: JOB/SEQ. Sent by the undo credential."}`
	schemaBody    = `{"type":"string","maxLength":1048576,"description":"The whole body, in storage format."}`
	schemaDrops   = `{"type":"array","maxItems":200,"items":{"type":"string","maxLength":300},"description":"What the change drops on purpose (macros, images, mentions, anchors of comments), by the ids that the refusal names."}`
	schemaLabel   = `{"type":"string","minLength":1,"maxLength":255,"pattern":"^[^ :;,?!()#*&^@A-Z]+$","description":"One global label, in small letters."}`
)

// The arguments that more than one operation takes.
func argPage() atlassian.Arg   { return required("page_id", schemaPage) }
func argBased() atlassian.Arg  { return required("based_on_version", schemaBased) }
func argWhy() atlassian.Arg    { return required("message", schemaMessage) }
func argUndoes() atlassian.Arg { return optional("undoes", schemaUndoes) }

func argSince() atlassian.Arg { return optional("based_on_version", schemaBased) }
func argNote() atlassian.Arg  { return optional("message", schemaMessage) }
