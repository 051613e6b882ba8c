// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"net/http"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/policy"
)

const (
	writeProof = "The change before it is made: request, pre-image, diff, undo; then the version made, found again where and as it should be, the account and the request's id. The version's message ends with the receipt's name."
	swapped    = placed + " Written only onto the version that it is based on, and only if body and place are still what was read."
)

// changing fills in what the rows of writes have in common.
func changing(o atlassian.Operation) atlassian.Operation {
	o.Offered = true
	if o.Class == "" {
		o.Class = policy.Write
	}
	if o.Evidence == "" {
		o.Evidence = writeProof
	}
	return o
}

// writings are the operations of the write credential.
func writings() []atlassian.Operation {
	const w, u = atlassian.ForWriting, atlassian.ForUndoing
	put := send2(w, http.MethodPut, "/pages/{id}", writePage)
	versions := ask2("/pages/{id}/versions", readPage, "limit", "sort", "cursor")
	relabel := func(method string, query []string, scopes ...string) []atlassian.Endpoint {
		e := send1(w, method, "/content/{id}/label", scopes...)
		e.Query = query
		undo := e
		undo.Use = u
		return looking(e, undo)
	}
	return []atlassian.Operation{
		changing(atlassian.Operation{
			Name: actionCreate, Title: "Create a Confluence page",
			Description: "Makes a page below a parent page. The body is Confluence storage format: XHTML with the macros info, note, warning, tip, panel, " +
				"code, noformat, expand, toc and status. Titles are unique in a space.",
			Args: []atlassian.Arg{
				required("parent_id", `{"type":"string","pattern":"^[1-9][0-9]{0,17}$","description":"The id of the page to create it below."}`),
				required("title", `{"type":"string","minLength":1,"maxLength":255,"description":"The title."}`),
				required("body_storage", schemaBody),
				argNote(),
			},
			Endpoints: searching(
				send2(w, http.MethodPost, "/pages", writePage),
				send2(w, http.MethodPost, "/pages/{page-id}/properties", readPage, writePage),
				ask2("/pages/{page-id}/properties", readPage, "key", "limit"),
				ask2("/pages/{id}", readPage, "body-format", "version"),
				ask2("/pages/{id}/direct-children", readTree, "limit"),
			),
			Fields:   "title, body, parent",
			Limits:   placed + " That is said of the parent. The body may hold only elements and macros on a list. Not under a title that the policy denies.",
			Evidence: "The change before it is made; then the page's id, found where and as it should be. A first version has no message: the content property clawea, set right after by a second request, names the receipt.",
			Undo:     "page.trash, while nobody else has written, commented or put pages below it; else page.move below the quarantine page, if one is configured.",
		}),
		changing(atlassian.Operation{
			Name: actionEdit, Title: "Edit blocks of a Confluence page",
			Description: "Changes some blocks of a page, by the names that page.get lists, and leaves every other byte as it is. Operations: replace, " +
				"insert_before, insert_after, prepend, append, delete, replace_text (old, which must occur once in the block's text, becomes new). " +
				"What would drop a macro, an image, a mention or a comment's anchor is refused unless drops names it. The best way to change a page.",
			Args: []atlassian.Arg{
				argPage(), argBased(), argWhy(),
				required("edits", `{"type":"array","minItems":1,"maxItems":200,"description":"What to change, all of it or nothing.","items":{"type":"object","additionalProperties":false,"required":["op"],"properties":{`+
					`"op":{"enum":["replace","insert_before","insert_after","prepend","append","delete","replace_text"],"description":"What to do."},`+
					`"block":{"type":"string","maxLength":200,"description":"The block's name. Without it, prepend and append mean the page."},`+
					`"content":{"type":"string","maxLength":1048576,"description":"Whole elements in storage format."},`+
					`"old":{"type":"string","maxLength":65536,"description":"Text as people read it."},`+
					`"new":{"type":"string","maxLength":65536,"description":"Text as people read it."},`+
					`"drops":`+schemaDrops+`}}}`),
			},
			Endpoints: looking(put, versions),
			Fields:    "body",
			Limits:    swapped + " What the edits bring may hold only elements and macros on a list; what is there already stays, byte for byte.",
			Undo:      "page.restore of the version before, while the page is as the edit left it.",
		}),
		changing(atlassian.Operation{
			Name: actionUpdate, Title: "Replace a Confluence page's body",
			Description: "Replaces the whole body, and the title if given, of a page. Say the version that your text is based on, as page.get returned it; " +
				"if somebody wrote a newer one, nothing happens and you get a conflict. What would drop a macro, an image, a mention or a comment's " +
				"anchor is refused unless drops names it. To change parts of a page, page.edit is better.",
			Args: []atlassian.Arg{
				argPage(), argBased(), argWhy(), required("body_storage", schemaBody),
				optional("title", `{"type":"string","minLength":1,"maxLength":255,"description":"A new title. Without it the title stays."}`),
				optional("drops", schemaDrops),
			},
			Endpoints: looking(put, versions),
			Fields:    "body, title",
			Limits:    swapped + " The body may hold only elements and macros on a list. A page that the policy names, or below which it names something, keeps its title.",
			Undo:      "page.restore of the version before, title included, while the page is as the update left it.",
		}),
		changing(atlassian.Operation{
			Name: actionLabelAdd, Title: "Label a Confluence page",
			Description: "Puts one global label on a page that does not have it.",
			Args:        []atlassian.Arg{argPage(), required("label", schemaLabel), argSince(), argNote(), argUndoes()},
			Endpoints:   relabel(http.MethodPost, nil, readLabel, writeLabel),
			Fields:      "labels",
			Limits:      placed + " Not a label that the policy decides by.",
			Evidence:    "The change before it is made, with the labels before; then the labels after. Confluence has no place for the receipt's name.",
			Undo:        "page.label.remove of that label, if it is still there.",
		}),
		changing(atlassian.Operation{
			Name: actionLabelRemove, Title: "Take a label off a Confluence page",
			Description: "Takes one global label off a page that has it.",
			Args:        []atlassian.Arg{argPage(), required("label", schemaLabel), argSince(), argNote(), argUndoes()},
			Endpoints:   relabel(http.MethodDelete, []string{"name"}, writeLabel),
			Fields:      "labels",
			Limits:      placed + " Not a label that the policy decides by.",
			Evidence:    "The change before it is made, with the labels before; then the labels after. Confluence has no place for the receipt's name.",
			Undo:        "page.label.add of that label, if nobody has put it back.",
		}),
		changing(atlassian.Operation{
			Name: actionComment, Title: "Comment on a Confluence page",
			Description: "Writes a comment at the foot of a page, in storage format. People who watch the page may be told of it.",
			Args:        []atlassian.Arg{argPage(), required("body_storage", `{"type":"string","minLength":1,"maxLength":65536,"description":"The comment, in storage format."}`), argSince(), argNote()},
			Endpoints: looking(
				send2(w, http.MethodPost, "/footer-comments", "write:comment:confluence"),
				ask2("/pages/{id}/footer-comments", readComment, "body-format", "sort", "limit"),
				ask2("/footer-comments/{comment-id}", readComment, "body-format", "version"),
				ask2("/footer-comments", readComment, "sort", "limit", "cursor"),
			),
			Fields:   "comment",
			Limits:   placed + " The comment may hold only elements and macros on a list, and no mentions.",
			Evidence: "The change before it is made; then the comment's id. Confluence has no place for the receipt's name: after a lost answer the comment is found by body, account and time, and where that does not tell, a person must.",
			Undo:     "comment.delete, while nobody has changed it or replied.",
		}),
		changing(atlassian.Operation{
			Name: actionMove, Title: "Move a Confluence page",
			Description: "Moves a page, with all below it, to the end of what is below another page.",
			Args: []atlassian.Arg{
				argPage(), required("target_id", `{"type":"string","pattern":"^[1-9][0-9]{0,17}$","description":"The id of the page to move it below."}`),
				argBased(), argWhy(), argUndoes(),
			},
			Endpoints: looking(
				ask2("/pages/{id}/descendants", readTree, "depth", "limit"),
				send1(w, http.MethodPut, "/content/{pageId}/move/{position}/{targetId}", writePage),
				send1(u, http.MethodPut, "/content/{pageId}/move/{position}/{targetId}", writePage),
			),
			Fields:   "parent",
			Limits:   placed + " That holds for the page and for the target. Not a homepage, and nothing that the policy names, or below which it names something. What lies below the page goes with it: it must be open to agents too, as far as the read credential sees it, and be at most 100 things in 9 levels. The position is always append.",
			Evidence: "The change before it is made, with the parent before; then the parent after. Confluence has no place for the receipt's name.",
			Undo:     "page.move to the parent before, at the end of what is below it, while the page is still where it was moved to. What lay in a folder is not moved back.",
		}),
	}
}

// undoings are the operations of the undo credential alone. Jobs that undo use
// them; so may others, where a policy permits.
func undoings() []atlassian.Operation {
	const u = atlassian.ForUndoing
	trashed := ask2("/pages/{id}", readPage, "status")
	return []atlassian.Operation{
		changing(atlassian.Operation{
			Name: actionRestore, Class: policy.Admin, Title: "Restore a version of a Confluence page",
			Description: "Makes an old version of a page, with its title, the newest one: also what was taken out of the page on purpose.",
			Args:        []atlassian.Arg{argPage(), required("version", schemaBased), argBased(), argWhy(), argUndoes()},
			Endpoints: looking(
				send1(u, http.MethodPost, "/content/{id}/version", readDetails, writeContent),
				ask2("/pages/{id}", readPage, "body-format", "version"),
				ask2("/pages/{id}/versions", readPage, "limit", "sort", "cursor"),
			),
			Fields: "body, title",
			Limits: placed + " Confluence does not compare versions here: the connector does right before and right after. A page that the policy names, or below which it names something, keeps its title.",
			Undo:   "page.restore of the version before it.",
		}),
		changing(atlassian.Operation{
			Name: actionTrash, Class: policy.Admin, Title: "Move a Confluence page to the trash",
			Description: "Moves a page to the trash of its space, from which it can be taken again. Pages that have others below them are refused.",
			Args:        []atlassian.Arg{argPage(), argBased(), argWhy(), argUndoes()},
			Endpoints: looking(
				send2(u, http.MethodDelete, "/pages/{id}", "delete:page:confluence"),
				ask2("/pages/{id}/direct-children", readTree, "limit"),
				trashed,
			),
			Fields:   "status",
			Limits:   placed + " Nothing may lie below it, and the policy must not name it. Never for good: neither purge nor draft is ever sent.",
			Evidence: "The change before it is made, with the page as it was; then its status. Confluence has no place for the receipt's name.",
			Undo:     "page.untrash, to the same parent.",
		}),
		changing(atlassian.Operation{
			Name: actionUntrash, Class: policy.Admin, Title: "Take a Confluence page out of the trash",
			Description: "Takes a page out of the trash, back to where it was, if its parent is still there.",
			Args:        []atlassian.Arg{argPage(), argBased(), argWhy(), argUndoes()},
			Endpoints: looking(
				send2(u, http.MethodPut, "/pages/{id}", writePage),
				trashed,
			),
			Fields: "status",
			Limits: "The page must be in the trash, and the page that it was below must be current and where the policy allows. Neither may be restricted to some readers, and both must have the labels that the policy wants; where the site does not tell that of a page in the trash, it stays there. Body and title are not changed.",
			Undo:   "page.trash.",
		}),
		changing(atlassian.Operation{
			Name: actionCommentDelete, Class: policy.Admin, Title: "Delete a comment at the foot of a Confluence page",
			Description: "Deletes a comment at the foot of a page, for good. One that has replies is refused.",
			Args: []atlassian.Arg{
				required("comment_id", `{"type":"string","pattern":"^[1-9][0-9]{0,17}$","description":"The comment's id, in digits."}`),
				argWhy(), optional("based_on_version", `{"type":"integer","minimum":1,"maximum":2147483646,"description":"The version of the comment."}`), argUndoes(),
			},
			Endpoints: looking(
				send2(u, http.MethodDelete, "/footer-comments/{comment-id}", "delete:comment:confluence"),
				ask2("/footer-comments/{comment-id}", readComment, "body-format"),
				ask2("/footer-comments/{id}/children", readComment, "limit"),
			),
			Fields:   "comment",
			Limits:   placed + " That is said of the comment's page.",
			Evidence: "The change before it is made, with the comment as it was; then that it is gone.",
			Undo:     "None: a comment that is deleted does not come back. Its text stays in the change.",
		}),
	}
}
