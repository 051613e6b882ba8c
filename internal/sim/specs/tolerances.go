// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package specs

import (
	"net/http"
	"regexp"

	"github.com/getkin/kin-openapi/openapi3"
)

// repair mends a known defect of a published document: something that the real service is seen to do and the document
// forbids.
type repair struct {
	file   string
	defect string
	mend   func(doc *openapi3.T)
}

// repairs are all known defects that this package works around. (The ambiguous request bodies of Confluence v2, its
// untyped ids and the missing 409 of page updates are already mended in the patched copy.)
var repairs = [...]repair{
	{
		file:   "jira-platform-v3.json",
		defect: "dates are declared as RFC 3339, but Jira writes offsets without a colon: 2026-01-02T15:04:05.000+0000",
		mend:   func(doc *openapi3.T) { eachSchema(doc, dropDateFormat) },
	},
	{
		file:   "jira-platform-v3.json",
		defect: "values of fields have the empty schema, which takes null too, but the schema validator refuses it",
		mend:   func(doc *openapi3.T) { eachSchema(doc, allowNull) },
	},
	{
		file:   "jira-platform-v3.json",
		defect: "a bulk move requires properties under names that it does not know",
		mend: func(doc *openapi3.T) {
			renameRequired(doc, "targetToSourcesMapping", "issueIdOrKeys", "issueIdsOrKeys")
			renameRequired(doc, "IssueBulkMovePayload", "targetToMultipleSourceMapping", "targetToSourcesMapping")
		},
	},
	{
		file:   "jira-platform-v3.json",
		defect: "values in a changelog are declared as strings, but are null where there is none",
		mend: func(doc *openapi3.T) {
			for _, name := range []string{"from", "fromString", "to", "toString"} {
				doc.Components.Schemas["ChangeDetails"].Value.Properties[name].Value.Nullable = true
			}
		},
	},
	{
		file:   "confluence-v2.patched.json",
		defect: "children and descendants are declared current or archived, but drafts are returned too",
		mend:   func(doc *openapi3.T) { eachSchema(doc, allowDraft) },
	},
}

// edgeStatuses may answer any operation, documented or not: they come from the layers before it, and the documents list
// them unevenly.
var edgeStatuses = map[int]string{
	http.StatusUnauthorized:          "credentials are missing or wrong",
	http.StatusForbidden:             "the token lacks the scope of the operation",
	http.StatusNotFound:              "the object is not there or may not be seen",
	http.StatusRequestEntityTooLarge: "the body is over the size limit",
	http.StatusUnsupportedMediaType:  "the body is not JSON",
	http.StatusTooManyRequests:       "a rate limit is reached",
	http.StatusServiceUnavailable:    "the service is overloaded",
}

// undocumented are answers of single operations that the documents leave out and real sites give.
var undocumented = [...]struct {
	method string
	path   *regexp.Regexp // of the document, without the server's prefix
	status int
	reason string
}{
	{http.MethodPut, regexp.MustCompile(`^/pages/\{id\}(/title)?$`), http.StatusConflict, "version conflict"},
	{http.MethodPost, regexp.MustCompile(`^/wiki/rest/api/content/\{id\}/version$`), http.StatusConflict, "version conflict"},
	{http.MethodGet, regexp.MustCompile(`^/rest/api/3/issue/\{issueIdOrKey\}$`), http.StatusBadRequest, "bad field or expand list"},
}

// givenKeys are query keys that the documents leave out and real sites put into the links that they give for the next
// page, by path of the document.
var givenKeys = map[string][]string{
	"/wiki/rest/api/search":         {"next", "prev"},
	"/wiki/rest/api/content/search": {"next", "prev", "start"},
}

// unspecified are paths outside every document that clients may use all the same.
var unspecified = [...]struct {
	path   *regexp.Regexp
	reason string
}{
	{regexp.MustCompile(`^/_edge/tenant_info$`), "finds the cloud id of a site"},
	{regexp.MustCompile(`^/authorize$`), "the authorization server asks for consent"},
	{regexp.MustCompile(`^/oauth/token(/accessible-resources)?$`), "the authorization server gives tokens, and tells what they are for"},
	{regexp.MustCompile(`^/wiki/download/attachments/[^/]+/[^/]+$`), "downloads of attachments, by the links that documents declare as text"},
}

// outside tells whether a path is outside every document.
func outside(path string) bool {
	for _, u := range unspecified {
		if u.path.MatchString(path) {
			return true
		}
	}
	return false
}

// gateway is the part of a path that leads through the gateway before the products.
var gateway = regexp.MustCompile(`^/ex/(?:jira|confluence)/[^/]+`)

// bodiless tells whether an answer may be empty although a document declares a body of any form for it: all of status
// 204, and the answer to a new link between issues.
func bodiless(method, path string, status int) bool {
	return status == http.StatusNoContent || method == http.MethodPost && path == "/rest/api/3/issueLink" && status == http.StatusCreated
}

func tolerated(method, path string, status int) bool {
	if _, ok := edgeStatuses[status]; ok {
		return true
	}
	for _, u := range undocumented {
		if u.method == method && u.status == status && u.path.MatchString(path) {
			return true
		}
	}
	return false
}

// renameRequired corrects the name of a property that a schema requires.
func renameRequired(doc *openapi3.T, schema, from, to string) {
	if ref := doc.Components.Schemas[schema]; ref != nil && ref.Value != nil {
		for i, name := range ref.Value.Required {
			if name == from {
				ref.Value.Required[i] = to
			}
		}
	}
}

// dropDateFormat lets a string be any date.
func dropDateFormat(s *openapi3.Schema) {
	if s.Format == "date-time" {
		s.Format = ""
	}
}

// allowNull lets a schema without a type take null.
func allowNull(s *openapi3.Schema) {
	if s.Type == nil && len(s.AllOf)+len(s.AnyOf)+len(s.OneOf) == 0 {
		s.Nullable = true
	}
}

// allowDraft adds draft to a status that is declared as current or archived only.
func allowDraft(s *openapi3.Schema) {
	if len(s.Enum) == 2 && s.Enum[0] == "current" && s.Enum[1] == "archived" {
		s.Enum = append(s.Enum, "draft")
	}
}

// eachSchema calls visit with every schema of the document's components and responses, once.
func eachSchema(doc *openapi3.T, visit func(*openapi3.Schema)) {
	w := walk{visit: visit, seen: make(map[*openapi3.Schema]bool)}
	for _, ref := range doc.Components.Schemas {
		w.schema(ref)
	}
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			for _, response := range op.Responses.Map() {
				w.content(response.Value.Content)
			}
		}
	}
}

// walk visits schemas; documents refer to themselves, so it remembers where it has been.
type walk struct {
	visit func(*openapi3.Schema)
	seen  map[*openapi3.Schema]bool
}

func (w *walk) content(content openapi3.Content) {
	for _, media := range content {
		w.schema(media.Schema)
	}
}

func (w *walk) schema(ref *openapi3.SchemaRef) {
	if ref == nil || ref.Value == nil || w.seen[ref.Value] {
		return
	}
	s := ref.Value
	w.seen[s] = true
	w.visit(s)
	for _, list := range []openapi3.SchemaRefs{s.AllOf, s.AnyOf, s.OneOf} {
		for _, sub := range list {
			w.schema(sub)
		}
	}
	for _, property := range s.Properties {
		w.schema(property)
	}
	w.schema(s.Items)
	w.schema(s.Not)
	w.schema(s.AdditionalProperties.Schema)
}
