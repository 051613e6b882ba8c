// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"fmt"
	"strings"

	"github.com/clawea/clawea/internal/atlassian"
)

const docsHead = `# Jira

What agents can do in Jira Cloud through this house. This page is written from the connector's table of operations by
` + "`go test ./internal/jira -run TestDocs -update`" + `; a test holds it to that.

## How it is bounded

- **By id.** Keys and names are resolved first; the project and type that Jira's answer has count. An issue that was moved is
  judged where it is. It is looked at again right before a change, and read back after it.
- **By field.** What is written is held to the policy's lists in every carrier. A transition writes ` + "`status`" + `, assigning
  writes ` + "`assignee`" + `, linking writes ` + "`issuelinks`" + `, quarantine writes ` + "`labels`" + `: a policy permits the operation and
  the field. Comments are no field. What may not be read is not shown, searched, sorted by, or told of in a history.
  Custom fields are searched by id: those that may be read, of the types that [spec/query.md](../spec/query.md) lists in 4.13.
- **By request.** A client sends no other requests than those below, with no other keys in the query. Jira's scopes are wider:
  ` + "`write:issue:jira`" + ` alone is enough to delete a thousand issues at once.
- **Constants.** ` + "`notifyUsers=false`" + ` in edits (Jira may want the account to administer the project for that; it then answers
  403). ` + "`overrideScreenSecurity`, `overrideEditableFlag`, `updateHistory`, `returnIssue`, `expand`" + ` are never sent.
- **In this order.** Of an issue in a project, or of a type, that the policy does not let be touched, a write reads where it is and nothing
  else, and is denied: no refusal tells what is in it. ` + "`undoes`" + ` is refused at once in a job that takes nothing back.
- **As it is sent.** A choice, a person or a component is named in one way only (an id, a name), and the diff that a person approves
  holds just that: names in quotes, ids by their kind. A write that would change nothing is refused (no_change). Characters that cannot be
  seen, or that turn the order of letters around, are refused in what agents write and shown as ` + "`<U+202E>`" + ` where they stand already.
- **External.** A write is ` + "`external_send`" + ` where the project serves customers, who get mail; and where an undo writes back what
  agents may not write by themselves, such as a mention. Notices to people who watch an issue are Jira's own.
- **Hostile text.** Results say ` + "`untrusted`" + ` and whose text they hold.

## How changes leave a trace

The opened receipt has the change: what is sent, what was there, how it is undone. In Jira, the entity property ` + "`clawea`" + ` of the
issue or comment has ` + "`{\"receipt\": \"JOB/SEQ\", \"message\": \"...\"}`" + `, in the same request as the change; ` + "`created`" + ` or
` + "`created_by`" + ` in it keep which call created the issue. The version after a change is
the id of the changelog entry that it made; of a new issue the time when it was made; of a comment the time of its last edit.
If no answer comes, the house looks for the property before it says anything, and nothing is sent twice. Others can take the
property off: where none is found, and a comment or an issue of that quarter of an hour by the acting account says just what was
sent (an issue: type and summary as it was made with), the house does not call it not done, and a person has to look. Nor is a
property believed by itself, since a restored database gives receipts' names out again: what bears it must also be what was sent (an
issue as it was made; a comment, if nobody has edited it; of an edit, an entry that changes all that it was to change), and an issue that
bore the name before the edit tells nothing.

A comment and a link are based on no version of the issue, since that counts what others say on it: a person's yes holds
whatever is written there meanwhile. That the issue is as it was is looked at right before the act.

## How changes are taken back

An undo is a call like any other, by the credential ` + "`undo`" + `. It is refused, with who and when, if somebody has changed the same
field since: the last entry of the changelog that has the field must be the one that is taken back, or all that came after it are by
accounts of this house (those that the configuration names, or that its credentials have acted by) and left the same value. Of labels, only those that
the change added or took away are touched. Rich text is written back as it was, whatever is in it. Since Jira
keeps no former documents to hold it to, the diff that a person approves shows the document itself, too. An issue is put
into quarantine only for the call that created it, as its property says. Links have no property: who made one is not known, and the
change says only which link goes. A deleted comment and a deleted link do not come back: taking them back cannot be taken back in turn, though the
change keeps what they said. Mail that went out, and what people's rules in Jira did upon a change, are not undone either; the plan says so. A resolution that a transition
set or cleared follows the workflow. There is no trash in Jira: a created issue is labelled ` + "`" + quarantineLabel + "`" + `, and not deleted.

## What Jira's own history does not show

Reconciling reads every issue that was changed since the window began, as far as the reading account sees it: up to 500 issues,
2,000 entries of each changelog, 2,000 comments of each issue. It fails where there is more; only of comments from before the window, beyond
the newest 2,000 of an issue, it goes untold who edited them. Jira keeps no trace of deleted issues and comments, of former texts
of comments, and of properties. Of a comment that was edited it is told who wrote it, who edited it last, and when. A link's entries do not name the link: one that is gone shows as a change of both issues.
Searches lag behind by seconds: an issue that was just made may be found only later, which is why a call that broke off is not
closed as failed before some minutes have passed.

## Operations

`

const notOffered = `## Named, not offered

These have names so that a policy can deny them and a receipt says who tried. No policy makes the house carry them out.

| operation | what it would be | why not |
|---|---|---|
`

// manual is docs/jira.md.
func manual() string {
	var b strings.Builder
	b.WriteString(docsHead)
	for _, o := range Operations() {
		if o.Offered {
			writeOperation(&b, &o)
		}
	}
	b.WriteString(notOffered)
	for _, o := range Operations() {
		if !o.Offered {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", o.Name, o.Title, o.Limits)
		}
	}
	b.WriteString("\n## Scopes\n\nGranular OAuth scopes, as Atlassian lists them for the requests that each credential sends.\n\n")
	for _, use := range []string{atlassian.ForReading, atlassian.ForWriting, atlassian.ForUndoing} {
		fmt.Fprintf(&b, "- **%s**: `%s`\n", use, strings.Join(atlassian.Scopes(Operations(), use), "`, `"))
	}
	return b.String()
}

func writeOperation(b *strings.Builder, o *atlassian.Operation) {
	fmt.Fprintf(b, "### %s\n\n%s. Class: %s.\n\n", o.Name, o.Title, o.Class)
	b.WriteString("| argument | |\n|---|---|\n")
	for _, a := range o.Args {
		need := "optional"
		if a.Required {
			need = "required"
		}
		fmt.Fprintf(b, "| `%s` | %s |\n", a.Name, need)
	}
	b.WriteString("\n")
	for _, line := range [][2]string{{"Fields", o.Fields}, {"Limits", o.Limits}, {"Evidence", o.Evidence}, {"Undo", o.Undo}} {
		if line[1] != "" {
			fmt.Fprintf(b, "- **%s**: %s.\n", line[0], strings.TrimSuffix(line[1], "."))
		}
	}
	b.WriteString("\n")
	for _, e := range o.Endpoints {
		path := e.API.Prefix() + e.Path
		if len(e.Query) > 0 {
			path += "?" + strings.Join(e.Query, "&")
		}
		fmt.Fprintf(b, "    %-5s %s %s\n", e.Use, e.Method, path)
	}
	b.WriteString("\n")
}
