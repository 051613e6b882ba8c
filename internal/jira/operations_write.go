// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/policy"
)

const richTextSchema = `{"description":"Plain text, where blank lines part paragraphs; or an ADF document.","anyOf":[{"type":"string","minLength":1,"maxLength":32767},{"type":"object","required":["type","version","content"],"properties":{"type":{"const":"doc"},"version":{"const":1},"content":{"type":"array","items":{"type":"object"}}},"additionalProperties":false}]}`

// fieldsSchema is of values by field; cleared tells whether null is one.
func fieldsSchema(least, cleared, says string) string {
	return `{"type":"object","minProperties":` + least + `,"maxProperties":50,"description":"` + says + ` A choice is an object such as {\"name\":\"High\"}, a person {\"accountId\":\"...\"}.",` +
		`"properties":{"summary":{"type":"string","minLength":1,"maxLength":255},"description":` + richTextSchema + `,` +
		`"labels":{"type":"array","items":{"type":"string"}},` +
		`"components":{"type":"array","items":{"type":"object","properties":{"id":{"type":"string"},"name":{"type":"string"}},"additionalProperties":false}}},` +
		`"additionalProperties":{"type":["string","number","boolean","object","array"` + cleared + `]}}`
}

const orNull = `,"null"`

// The arguments that several changes have.

func messageArg() atlassian.Arg {
	return atlassian.Arg{Name: "message", Required: true, Schema: `{"type":"string","minLength":1,"maxLength":300,"description":"Why: one line for the people who look after the issue. It is kept with the change."}`}
}

func basedOnArg() atlassian.Arg {
	return atlassian.Arg{Name: "based_on", Required: true, Schema: `{"type":"string","minLength":1,"maxLength":40,"description":"The issue's version as issue.get returned it. If the issue has changed since, nothing is done."}`}
}

func undoesArg(required bool) atlassian.Arg {
	return atlassian.Arg{Name: "undoes", Required: required, Schema: `{"type":"string","pattern":"^[^/]{1,200}/[1-9][0-9]{0,15}$","description":"The receipt of the change that this one takes back: JOB/SEQ."}`}
}

func entryArg() atlassian.Arg {
	return atlassian.Arg{Name: "entry", Schema: `{"type":"string","pattern":"^[0-9]{1,19}$","description":"With undoes: the entry of the issue's changelog that is taken back. Nothing is done if somebody has changed the same fields since."}`}
}

func labelsArg(name, says string) atlassian.Arg {
	return atlassian.Arg{Name: name, Schema: `{"type":"array","uniqueItems":true,"maxItems":50,"items":{"type":"string","minLength":1,"maxLength":255},"description":"` + says + `"}`}
}

func dropsArg() atlassian.Arg {
	return atlassian.Arg{Name: "drops", Schema: `{"type":"array","maxItems":200,"items":{"type":"string","maxLength":300},"description":"What a new rich text drops on purpose (mentions, media, app content, cards, links, tasks), by the ids that the refusal names."}`}
}

func changeArgs(args ...atlassian.Arg) []atlassian.Arg {
	return append(append([]atlassian.Arg{issueKeyArg()}, args...), basedOnArg(), messageArg(), undoesArg(false), entryArg())
}

const (
	carriers = "In every carrier: no update, transition, properties, historyMetadata, project or type among the fields. Names and aliases are resolved to ids first, and a name of two fields is none. A denied field stays denied if it is allowed, too. Rich text: a list of harmless nodes, no mentions, media, cards or app content; links to the web only"
	held     = "The issue is held to its project, type and version again right before; writes to one issue follow one another"
	mails    = "Jira may send mail"
	rules    = "rules that people have made in Jira may run on it, which can send mail, too, and change other things"
	marked   = "The change and its pre-image; the version before and, after it, the id of the changelog entry that it made; the account that acted. The code differs says that Jira shows other values than were sent, overwrote that somebody changed the same field in the same moment. In Jira, the entity property clawea of the issue names the receipt and says why"
)

// writing are the operations that change issues.
func writing() []row { return append(contributing(), steering()...) }

// contributing are the writes of what people read.
func contributing() []row {
	return []row{
		{atlassian.Operation{
			Name: actionCreate, Class: policy.Write, Offered: true, Title: "Create a Jira issue",
			Description: "Creates one issue. Fields are given by id (summary, description, labels, customfield_10016) or by a name that " +
				"only one field has; the policy says which may be written. " +
				"Rich text is plain text or an ADF document of paragraphs, headings, lists, code, quotes, tables, panels and links.",
			Args: []atlassian.Arg{
				{Name: "project_key", Required: true, Schema: projectKeySchema},
				{Name: "issue_type", Required: true, Schema: issueTypeSchema},
				{Name: "fields", Required: true, Schema: fieldsSchema("1", "", `Values by field; the parent is {\"key\":\"ENG-12\"}.`)},
			},
			Endpoints: []atlassian.Endpoint{readProject(), readFields(), readIssue(), createIssue(), searchIssues(), readChangelog()},
			Fields:    carriers,
			Limits:    "50 fields; a parent must lie in the policy's projects and types, too. Project, type and parent are looked at again right before. " + mails + " about it, and " + rules,
			Evidence:  "The change; the new issue's id and when it was made; the account that acted. In Jira, the entity property clawea of the issue names the receipt",
			Undo:      "issue.quarantine. Jira has no trash: deleting an issue is for good, and not offered",
		}, (*Connector).planCreate},
		{atlassian.Operation{
			Name: actionEdit, Class: policy.Write, Offered: true, Title: "Edit a Jira issue",
			Description: "Sets fields of an issue that was read before; null empties one. Labels are added and taken away one by one, so those of others stay. " +
				"Fields are given by id or by a name that only one field has; the policy says which may be written. " +
				"A rich text that would drop a mention, media, app content, a card, a link or a task is refused unless drops names it.",
			Args: changeArgs(
				atlassian.Arg{Name: "fields", Schema: fieldsSchema("0", orNull, "New values by field.")},
				labelsArg("labels_add", "Labels to add."), labelsArg("labels_remove", "Labels to take away."), dropsArg(),
			),
			Endpoints: []atlassian.Endpoint{readIssue(), readFields(), readChangelog(), editIssue(atlassian.ForWriting), editIssue(atlassian.ForUndoing)},
			Fields:    carriers + ". Not project, type, parent, status or resolution; the assignee by issue.assign",
			Limits: "50 fields. " + held + ". Jira itself sends no mail about it (notifyUsers=false); " + rules + ", on a change of labels above all. A rich text that would lose what people rely on is refused (would_lose) unless drops lists it. " +
				"With undoes a former document comes back whole, mentions and media among it, which agents may not write otherwise; that it is the former one is the word of who asks, and so the diff shows the document itself, too. " +
				"Data Center keeps texts in markup, which is read and shown as it is; nothing in it is hidden, and drops lists nothing of it",
			Evidence: marked + ". Documents are compared but for what Jira does to them: ids of nodes (localId), defaults that it writes out, empty attributes, marks and content, the order of marks, texts side by side that are marked alike",
			Undo:     "issue.edit, with the former values, if the last change of each field is still ours; of labels only those that it added or took away",
		}, (*Connector).planEdit},
		{atlassian.Operation{
			Name: actionComment, Class: policy.Write, Offered: true, Title: "Comment on a Jira issue",
			Description: "Adds a comment that everybody who sees the issue sees. " +
				"The body is plain text or an ADF document of paragraphs, headings, lists, code, quotes, tables, panels and links.",
			Args:      []atlassian.Arg{issueKeyArg(), {Name: "body", Required: true, Schema: richTextSchema}},
			Endpoints: []atlassian.Endpoint{readIssue(), addComment(), readComments(), readCommentMark()},
			Fields:    "comment. Rich text: a list of harmless nodes, no mentions, media, cards or app content; links to the web only",
			Limits:    "No visibility, no jsdPublic. " + held + ". " + mails + " to those who watch the issue, and " + rules,
			Evidence:  "The change; the comment's id and time; the account that acted. In Jira, the entity property clawea of the comment names the receipt",
			Undo:      "issue.comment.delete",
		}, (*Connector).planComment},
	}
}

// steering are the writes that say what becomes of an issue.
func steering() []row {
	return []row{
		{atlassian.Operation{
			Name: actionTransition, Class: policy.Write, Offered: true, Title: "Transition a Jira issue",
			Description: "Takes one of the transitions that issue.transitions lists. It writes the field status, so the policy must let that be written.",
			Args:        changeArgs(atlassian.Arg{Name: "transition_id", Required: true, Schema: `{"type":"string","pattern":"^[0-9]{1,19}$","description":"The transition's id."}`}),
			Endpoints:   []atlassian.Endpoint{readIssue(), readTransitions(), readChangelog(), transitionIssue(atlassian.ForWriting), transitionIssue(atlassian.ForUndoing)},
			Fields:      "status. No fields or comments come with it",
			Limits:      "The transition must lead to the same status as when that was decided. " + held + ". " + mails + " about it, and " + rules,
			Evidence:    marked,
			Undo:        "issue.transition back, if the last change of the status is still ours and the workflow has such a transition now",
		}, (*Connector).planTransition},
		{atlassian.Operation{
			Name: actionAssign, Class: policy.Write, Offered: true, Title: "Assign a Jira issue",
			Description: "Makes a person, by account id, or nobody (null), the assignee of an issue. It writes the field assignee, so the policy must let that be written.",
			Args:        changeArgs(atlassian.Arg{Name: "account_id", Required: true, Schema: `{"type":["string","null"],"minLength":1,"maxLength":128,"description":"The account's id; null: nobody."}`}),
			Endpoints:   []atlassian.Endpoint{readIssue(), readChangelog(), editIssue(atlassian.ForWriting), editIssue(atlassian.ForUndoing)},
			Fields:      "assignee",
			Limits:      "By editing the field, where the receipt can be named; Jira's own call for assigning has no place for it. " + held + ". Jira itself sends no mail about it (notifyUsers=false); " + rules,
			Evidence:    marked,
			Undo:        "issue.assign, to the former assignee, if the last change of the assignee is still ours",
		}, (*Connector).planAssign},
		{atlassian.Operation{
			Name: actionLink, Class: policy.Write, Offered: true, Title: "Link two Jira issues",
			Description: "Links an issue to another. It writes the field issuelinks of both, so the policy must let that be written, and both must lie where it lets issues be written.",
			Args: []atlassian.Arg{
				issueKeyArg(),
				{Name: "phrase", Required: true, Schema: `{"type":"string","minLength":1,"maxLength":100,"description":"What the issue does to the other, as Jira words it, such as blocks or is blocked by."}`},
				{Name: "other_key", Required: true, Schema: `{"type":"string","pattern":"^[A-Za-z][A-Za-z0-9_]{0,49}-[1-9][0-9]{0,11}$","description":"The other issue's key."}`},
				messageArg(),
			},
			Endpoints: []atlassian.Endpoint{readIssue(), readLinkTypes(), addLink()},
			Fields:    "issuelinks, of both issues",
			Limits:    "No comment comes with it. Refused if the link is there already. Both issues are held to project, type and version right before; " + rules,
			Evidence:  "The change; the link's id; the account that acted. Jira has no place for the receipt's name; both issues' changelogs have the account and the time",
			Undo:      "issue.link.delete",
		}, (*Connector).planLink},
	}
}

// undoing are the operations that only take others back. Their requests are sent
// by the third credential.
func undoing() []row {
	return []row{
		{atlassian.Operation{
			Name: actionUncomment, Class: policy.Admin, Offered: true, Title: "Take back a comment on a Jira issue",
			Description: "Deletes a comment that a job of this house made, if it is as it was made.",
			Args: []atlassian.Arg{issueKeyArg(), {Name: "comment_id", Required: true, Schema: `{"type":"string","pattern":"^[0-9]{1,19}$","description":"The comment's id."}`},
				messageArg(), undoesArg(true)},
			Endpoints: []atlassian.Endpoint{readIssue(), readComment(), readCommentMark(), deleteComment()},
			Fields:    "comment",
			Limits:    "Only a comment that names the receipt that is undone, and that nobody has edited",
			Evidence:  "The change, with the comment as it was; the account that acted",
			Undo:      "Nothing: Jira does not keep deleted comments. The text is in the receipt's change",
		}, (*Connector).planUncomment},
		{atlassian.Operation{
			Name: actionUnlink, Class: policy.Admin, Offered: true, Title: "Take back a link between Jira issues",
			Description: "Deletes a link between two issues, to take back the call that made it.",
			Args: []atlassian.Arg{issueKeyArg(), {Name: "link_id", Required: true, Schema: `{"type":"string","pattern":"^[0-9]{1,19}$","description":"The link's id."}`},
				messageArg(), undoesArg(true)},
			Endpoints: []atlassian.Endpoint{readIssue(), readLink(), deleteLink()},
			Fields:    "issuelinks, of both issues",
			Limits:    "Both ends must lie in the policy's projects and types. Links have no version and no mark: that this one was made by the receipt's call is the word of who asks, and so the change does not say who made it",
			Evidence:  "The change, with the link's type and ends; the account that acted",
			Undo:      "Nothing: a deleted link does not come back. The change has its type and ends, so that a person, or a call of issue.link.create, can link the issues anew; that is another link",
		}, (*Connector).planUnlink},
		{atlassian.Operation{
			Name: actionQuarantine, Class: policy.Admin, Offered: true, Title: "Put a created Jira issue into quarantine",
			Description: "Adds the label " + quarantineLabel + " to an issue that a job of this house created.",
			Args:        []atlassian.Arg{issueKeyArg(), basedOnArg(), messageArg(), undoesArg(true)},
			Endpoints:   []atlassian.Endpoint{readIssue(), readFields(), readChangelog(), editIssue(atlassian.ForUndoing)},
			Fields:      "labels",
			Limits:      "Only an issue whose mark says that the call that undoes names created it. " + held + ". To move it to another status, too, is a call of issue.transition",
			Evidence:    marked,
			Undo:        "issue.edit, which takes the label away",
		}, (*Connector).planQuarantine},
	}
}
