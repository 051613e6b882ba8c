// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"
)

// Operations are all that the house knows of Confluence and Jira: what its
// connectors carry out, and what they only have a name for. Lint knows them;
// Decide does not need to.
func Operations() []Action {
	var out []Action
	add := func(tool string, c Class, names string) {
		for name := range strings.FieldsSeq(names) {
			out = append(out, Action{tool, name, c})
		}
	}
	add("confluence", Read, `page.get page.children page.labels page.comments page.attachments attachment.get page.restrictions
		page.versions page.version`)
	add("confluence", Search, `page.search`)
	add("confluence", Write, `page.create page.edit page.update page.label.add page.label.remove page.comment.create page.move`)
	add("confluence", Admin, `page.restore page.trash page.untrash comment.delete page.purge page.draft.delete page.archive page.copy page.tree.copy
		page.tree.delete page.title page.owner.change page.redact page.restrictions.change page.permission.check page.version.delete
		attachment.create attachment.update attachment.delete
		comment.update comment.inline.create comment.inline.update comment.inline.delete folder.delete space.create space.update space.delete space.permissions.change site.admin_key`)
	add("jira", Read, `issue.get issue.comments issue.changelog issue.transitions issue.createmeta issue.editmeta issue.links issue.attachments`)
	add("jira", Search, `issue.search`)
	add("jira", Write, `issue.create issue.edit issue.comment.create issue.transition issue.assign issue.link.create`)
	add("jira", Admin, `issue.comment.delete issue.link.delete issue.quarantine issue.delete issue.bulk_edit issue.bulk_delete
		issue.bulk_create issue.bulk_move issue.bulk_transition issue.count issue.comment.update
		issue.worklog.create issue.worklog.update issue.worklog.delete issue.remotelink.create issue.remotelink.update issue.remotelink.delete
		issue.watcher.add issue.watcher.remove issue.attachment.create issue.attachment.delete issue.archive issue.notify issue.redact project.admin workflow.transition
		webhook.create webhook.delete permission.change`)
	return out
}

// ClassOf returns the class of an operation of Confluence or Jira (Operations),
// by its name with or without the tool, or "". It is for tools that help
// people write; a gate takes the class from its connector.
func ClassOf(tool, name string) Class {
	for _, a := range Operations() {
		if a.Tool == tool && (name == a.Name || name == a.String()) {
			return a.Class
		}
	}
	return ""
}

// meantBy returns the operation that people mean by a name that is none, or "".
func meantBy(name string) string {
	switch name {
	case "page.delete":
		return "page.trash"
	case "page.comment", "comment.create":
		return "page.comment.create"
	case "issue.update":
		return "issue.edit"
	case "issue.comment", "issue.link":
		return name + ".create"
	}
	return ""
}

// names looks at what lists of tools and approvals call operations of
// Confluence and Jira.
func (l *linter) names(d *document) {
	look := func(at string, entries []string) {
		for i, e := range entries {
			if tool, _, full := strings.Cut(e, "."); full && (tool == "confluence" || tool == "jira") {
				l.known(fmt.Sprintf("%s/%d", at, i), e, tool)
			}
		}
	}
	for _, t := range d.toolPolicies() {
		look(t.at+"/allow", t.Allow)
		look(t.at+"/deny", t.Deny)
	}
	for _, s := range d.approvalSections() {
		if s.A != nil {
			look(s.at+"/required_for", s.A.RequiredFor)
		}
	}
}

// known finds an entry that should name an operation of tool, or of either if
// tool is "", and names none. What only may be meant for one is found if it
// looks so: it is a slip of one, or about the same kind of thing.
func (l *linter) known(at, entry, tool string) {
	prefix, name := "", entry
	if rest, full := strings.CutPrefix(entry, tool+"."); full && tool != "" {
		prefix, name = tool+".", rest
	}
	var names, kinds []string
	for _, a := range Operations() {
		if tool == "" || tool == a.Tool {
			kind, _, _ := strings.Cut(a.Name, ".")
			names, kinds = append(names, a.Name), append(kinds, kind)
		}
	}
	kind, _, _ := strings.Cut(name, ".")
	if strings.Contains(entry, "*") || slices.Contains(names, name) ||
		tool == "" && slipOf(2, name, names) == "" && !slices.Contains(kinds, kind) {
		return
	}
	near := meantBy(name)
	if !slices.Contains(names, near) {
		near = nearest(name, names)
	}
	mends := "leave it out, or take a name from docs/confluence.md or docs/jira.md"
	if near != "" {
		mends = fmt.Sprintf("did you mean %q?", prefix+near)
	}
	l.add(at, "operation-unknown", mends, "no operation %q is known", entry)
}

// includes looks at what reading includes.
func (l *linter) includes(d *document) {
	if d.Actions == nil || d.Actions.Read == nil {
		return
	}
	r := d.Actions.Read
	if len(r.Include) > 0 && !(r.open() && d.Resources != nil && (d.Tool == nil || slices.Contains(d.tools(), "confluence"))) {
		l.add(includeAt, "include-idle", "leave it out, or permit reading in Confluence", "reading includes more where nothing of Confluence may be read")
	}
	for i, word := range r.Include {
		if by := d.includeDenied(word); by != "" {
			l.add(fmt.Sprintf("%s/%d", includeAt, i), "allow-covered", "leave one of them out", "%q is denied by %q", word, by)
		}
	}
	for _, t := range d.toolPolicies() {
		for i, entry := range t.Allow {
			name, full := strings.CutPrefix(entry, "confluence.")
			if word := includedBy(&Call{Tool: "confluence", Action: name}); full && word != "" && !slices.Contains(r.Include, word) {
				l.add(fmt.Sprintf("%s/allow/%d", t.at, i), "allow-idle", fmt.Sprintf("say %q under actions.read.include", word), "%q is a read that reading does not include", entry)
			}
		}
	}
}

// includeDenied returns an entry of a deny list if deny lists deny all that a
// word includes, or "".
func (d *document) includeDenied(word string) string {
	by := ""
	for _, r := range ownReads {
		if r.word != word {
			continue
		}
		if by = d.toolDenied("confluence." + r.action); by == "" {
			return ""
		}
	}
	return by
}
