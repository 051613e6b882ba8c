// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import "strings"

// moreCalls calls what is about links, properties, comments and attachments, and what changes many things at once.
func (w *world) moreCalls() []wantedCall {
	const jira, issue, v2, v1 = "/rest/api/3", "/rest/api/3/issue/ENG-1", "/wiki/api/v2", "/wiki/rest/api"
	const doc = `{"type":"doc","version":1,"content":[{"type":"paragraph","content":[{"type":"text","text":"Hi"}]}]}`
	w.AddProject("OPS", "Operations")
	for _, summary := range []string{"one", "two", "three"} { // OPS-1 to OPS-3
		w.AddIssue(IssueSeed{Project: "OPS", Summary: summary})
	}
	comment := w.AddComment("OPS-1", CommentSeed{Body: "Seen."})
	w.all.do("POST", jira+"/issueLink", `{"type":{"name":"Blocks"},"inwardIssue":{"key":"OPS-1"},"outwardIssue":{"key":"OPS-2"}}`).want(w.t, 201)
	linked, _ := w.Issue("OPS-1")
	remote := w.all.do("POST", issue+"/remotelink", `{"globalId":"g","object":{"url":"https://example.com/1","title":"One"}}`).want(w.t, 201).at("id")
	task := w.all.do("POST", jira+"/bulk/issues/transition", `{"bulkTransitionInputs":[{"selectedIssueIdsOrKeys":["OPS-3"],"transitionId":"11"}]}`).want(w.t, 201).at("taskId")
	page := w.AddPage(PageSeed{Space: "ENG", Title: "Tree", Body: "<p>mark these words</p>"})
	child := w.AddPage(PageSeed{Space: "ENG", Title: "Leaf", Parent: page})
	tree := w.AddPage(PageSeed{Space: "ENG", Title: "Old tree"})
	w.AddPage(PageSeed{Space: "ENG", Title: "Old leaf", Parent: tree})
	footer := w.CommentPage(page, "", "<p>Hm</p>")
	inline := w.all.do("POST", v2+"/inline-comments", `{"pageId":"`+page+`","body":{"representation":"storage","value":"<p>why</p>"},"inlineCommentProperties":{"textSelection":"mark","textSelectionMatchCount":1,"textSelectionMatchIndex":0}}`).want(w.t, 201).at("id")
	property := w.all.do("POST", v2+"/pages/"+page+"/properties", `{"key":"clawea","value":{"job":"1"}}`).want(w.t, 200).at("id")
	file := w.AddAttachment(AttachmentSeed{Page: page, Name: "a b.txt", MediaType: "text/plain", Data: []byte("hello")})
	doomed := w.AddAttachment(AttachmentSeed{Page: page, Name: "b.txt", Data: []byte("hello")})
	return []wantedCall{
		{"POST", jira + "/search/approximate-count", `{"jql":"project = OPS"}`, 200},
		{"GET", issue + "/editmeta", "", 200},
		{"GET", issue + "?fields=*all&properties=*all&expand=editmeta,transitions.fields", "", 200},
		{"GET", issue + "/transitions?expand=transitions.fields", "", 200},
		{"POST", issue + "/changelog/list", `{"changelogIds":[1,2]}`, 200},
		{"PUT", issue + "/assignee", `{"accountId":"` + w.all.id + `"}`, 204},
		{"PUT", jira + "/issue/OPS-1/comment/" + comment, `{"body":` + doc + `,"properties":[{"key":"k","value":{"a":1}}]}`, 200},
		{"GET", jira + "/issue/OPS-1/comment/" + comment + "?expand=properties", "", 200},
		{"PUT", issue + "/properties/clawea", `{"job":"1"}`, 201},
		{"PUT", issue + "/properties/clawea", `{"job":"2"}`, 200},
		{"GET", issue + "/properties", "", 200},
		{"GET", issue + "/properties/clawea", "", 200},
		{"DELETE", issue + "/properties/clawea", "", 204},
		{"PUT", jira + "/comment/" + comment + "/properties/clawea", `{"job":"1"}`, 201},
		{"GET", jira + "/comment/" + comment + "/properties", "", 200},
		{"GET", jira + "/comment/" + comment + "/properties/clawea", "", 200},
		{"DELETE", jira + "/comment/" + comment + "/properties/clawea", "", 204},
		{"POST", issue + "/remotelink", `{"globalId":"g","object":{"url":"https://example.com/2","title":"Two"}}`, 200},
		{"GET", issue + "/remotelink", "", 200},
		{"GET", issue + "/remotelink/" + remote, "", 200},
		{"DELETE", issue + "/remotelink/" + remote, "", 204},
		{"POST", jira + "/issueLink", `{"type":{"name":"Relates"},"inwardIssue":{"key":"ENG-1"},"outwardIssue":{"key":"OPS-2"},"comment":{"body":` + doc + `}}`, 201},
		{"GET", jira + "/issueLink/" + linked.Links[0].ID, "", 200},
		{"GET", jira + "/issue/OPS-1?fields=issuelinks&expand=changelog", "", 200},
		{"GET", jira + "/issue/OPS-1/changelog", "", 200},
		{"DELETE", jira + "/issueLink/" + linked.Links[0].ID, "", 204},
		{"GET", jira + "/issueLinkType", "", 200},
		{"GET", jira + "/status", "", 200},
		{"GET", jira + "/user?accountId=" + w.all.id, "", 200},
		{"GET", jira + "/user/search?query=all", "", 200},
		{"GET", jira + "/user/assignable/search?project=ENG&query=a", "", 200},
		{"POST", jira + "/issue/bulk", `{"issueUpdates":[{"fields":{"project":{"key":"OPS"},"issuetype":{"name":"Task"},"summary":"four"}}]}`, 201},
		{"POST", jira + "/issue/bulkfetch", `{"issueIdsOrKeys":["OPS-1","OPS-4"],"fields":["summary"],"properties":["*all"]}`, 200},
		{"POST", jira + "/changelog/bulkfetch", `{"issueIdsOrKeys":["OPS-1"]}`, 200},
		{"POST", jira + "/bulk/issues/transition", `{"bulkTransitionInputs":[{"selectedIssueIdsOrKeys":["OPS-4"],"transitionId":"11"}]}`, 201},
		{"POST", jira + "/bulk/issues/fields", `{"selectedActions":["labels"],"selectedIssueIdsOrKeys":["OPS-4"],"editedFieldsInput":{"labelsFields":[{"fieldId":"labels","bulkEditMultiSelectFieldOption":"ADD","labels":[{"name":"x"}]}],"priority":{"priorityId":"1"}}}`, 201},
		{"POST", jira + "/bulk/issues/move", `{"targetToSourcesMapping":{"` + w.project + `,` + w.IssueTypeID("ENG", "Task") + `":{"issueIdsOrKeys":["OPS-4"],"inferClassificationDefaults":true,"inferFieldDefaults":true,"inferStatusDefaults":true,"inferSubtaskTypeDefault":true}}}`, 201},
		{"POST", jira + "/bulk/issues/delete", `{"selectedIssueIdsOrKeys":["OPS-3"]}`, 201},
		{"GET", jira + "/bulk/queue/" + task, "", 200},
		{"POST", issue + "/notify", `{"subject":"s","textBody":"t","to":{"reporter":true}}`, 204},

		{"GET", v2 + "/pages/" + page + "/operations", "", 200},
		{"GET", v2 + "/pages/" + page + "?include-operations=true&include-properties=true&include-versions=true", "", 200},
		{"GET", v2 + "/pages/" + page + "/attachments", "", 200},
		{"GET", v2 + "/attachments/" + file, "", 200},
		{"DELETE", v2 + "/attachments/" + strings.TrimPrefix(doomed, "att"), "", 204},
		{"GET", v1 + "/content/" + page + "/child/attachment/" + file + "/download", "", 302},
		{"GET", "/wiki/download/attachments/" + page + "/a%20b.txt?version=1", "", 302},
		{"GET", v2 + "/pages/" + page + "/properties?key=clawea", "", 200},
		{"POST", v2 + "/pages/" + page + "/properties", `{"key":"other","value":1}`, 200},
		{"GET", v2 + "/pages/" + page + "/properties/" + property, "", 200},
		{"PUT", v2 + "/pages/" + page + "/properties/" + property, `{"key":"clawea","value":{"job":"2"},"version":{"number":2,"message":"m"}}`, 200},
		{"DELETE", v2 + "/pages/" + page + "/properties/" + property, "", 204},
		{"GET", v2 + "/footer-comments?body-format=storage", "", 200},
		{"POST", v2 + "/footer-comments", `{"parentCommentId":"` + footer + `","body":{"representation":"storage","value":"<p>Aye</p>"}}`, 201},
		{"PUT", v2 + "/footer-comments/" + footer, `{"version":{"number":2},"body":{"representation":"storage","value":"<p>Hm!</p>"}}`, 200},
		{"GET", v2 + "/footer-comments/" + footer + "/children?body-format=storage", "", 200},
		{"GET", v2 + "/inline-comments", "", 200},
		{"POST", v2 + "/inline-comments", `{"pageId":"` + page + `","body":{"representation":"storage","value":"<p>so</p>"},"inlineCommentProperties":{"textSelection":"these","textSelectionMatchCount":1,"textSelectionMatchIndex":0}}`, 201},
		{"GET", v2 + "/pages/" + page + "/inline-comments?body-format=storage", "", 200},
		{"GET", v2 + "/inline-comments/" + inline + "?body-format=storage", "", 200},
		{"PUT", v2 + "/inline-comments/" + inline, `{"version":{"number":2},"body":{"representation":"storage","value":"<p>y</p>"},"resolved":true}`, 200},
		{"GET", v2 + "/inline-comments/" + inline + "/children", "", 200},
		{"DELETE", v2 + "/inline-comments/" + inline, "", 204},

		{"GET", v1 + "/user/current", "", 200},
		{"GET", v1 + "/user?accountId=" + w.all.id, "", 200},
		{"GET", v1 + "/content/search?cql=contributor%3DcurrentUser()&expand=body.storage,history,metadata.labels", "", 200},
		{"GET", v1 + "/content/" + page + "/restriction", "", 200},
		{"PUT", v1 + "/content/" + page + "/restriction", `[{"operation":"read","restrictions":{"user":[{"type":"known","accountId":"` + w.all.id + `"}]}}]`, 200},
		{"POST", v1 + "/content/" + page + "/restriction", `{"results":[{"operation":"update","restrictions":{"user":[{"type":"known","accountId":"` + w.all.id + `"}]}}]}`, 200},
		{"DELETE", v1 + "/content/" + page + "/restriction", "", 200},
		{"POST", v1 + "/content/" + page + "/copy", `{"pageTitle":"Copied","destination":{"type":"parent_page","value":"` + w.home + `"}}`, 200},
		{"POST", v1 + "/content/archive", `{"pages":[{"id":` + child + `}]}`, 202},
		{"DELETE", v1 + "/content/" + tree + "/pageTree", "", 202},
	}
}
