// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"
)

// places looks at where in Confluence a policy leads.
func (l *linter) places(d *document) {
	r := d.Resources
	if r == nil {
		return
	}
	if len(r.Spaces) > 0 && r.Prefixes == nil {
		l.add("/resources/spaces_allowlist", "space-whole", "list page prefixes under page_prefix_allowlist", "everything in %s can be reached, now and later", and(r.Spaces))
	}
	for i, s := range r.Spaces {
		if r.Prefixes != nil && !slices.ContainsFunc(r.Prefixes, func(p string) bool { return strings.HasPrefix(p, s+"/") }) {
			l.add(fmt.Sprintf("/resources/spaces_allowlist/%d", i), "space-idle", "list a page prefix of it, or leave it out", "no page prefix of %s is listed, so nothing in it can be reached", s)
		}
	}
	for i, p := range r.Prefixes {
		for _, n := range r.denied() {
			if strings.HasPrefix(p, n) {
				l.add(fmt.Sprintf("/resources/page_prefix_allowlist/%d", i), "allow-covered", "leave one of them out", "%q is denied with %q", p, n)
			}
		}
	}
	l.idleDenials("/resources/spaces_denylist", r.DeniedSpaces, r)
	l.idleDenials("/resources/page_prefix_denylist", r.DeniedPrefixes, r)
}

// denied lists r's denied places, each with a slash at its end.
func (r *resources) denied() []string {
	out := slices.Clone(r.DeniedPrefixes)
	for _, s := range r.DeniedSpaces {
		out = append(out, s+"/")
	}
	return out
}

// idleDenials finds denied places that nothing is permitted in.
func (l *linter) idleDenials(at string, places []string, r *resources) {
	for i, place := range places {
		place = strings.TrimSuffix(place, "/") + "/"
		space, _, _ := strings.Cut(place, "/")
		meets := func(p string) bool { return strings.HasPrefix(p, place) || strings.HasPrefix(place, p) }
		if r.Spaces != nil && !slices.Contains(r.Spaces, space) || r.Prefixes != nil && !slices.ContainsFunc(r.Prefixes, meets) {
			l.add(fmt.Sprintf("%s/%d", at, i), "deny-idle", "leave it out, or mend the name", "nothing is permitted there anyway")
		}
	}
}

// toolLists looks at the lists of tools.
func (l *linter) toolLists(d *document) {
	for _, t := range d.toolPolicies() {
		for i, entry := range t.Allow {
			at := fmt.Sprintf("%s/allow/%d", t.at, i)
			l.stars(at, entry)
			if by := d.toolDenied(entry); by != "" {
				l.add(at, "allow-covered", "leave one of them out", "%q is denied by %q", entry, by)
			}
		}
	}
}

// toolDenied returns the entry of a deny list that denies all that entry
// means, or "".
func (d *document) toolDenied(entry string) string {
	for _, t := range d.toolPolicies() {
		for _, n := range t.Deny {
			if coversTool(n, entry) {
				return n
			}
		}
	}
	if d.Deny == nil {
		return ""
	}
	tool, action, full := strings.Cut(entry, ".")
	for _, n := range d.Deny.Operations {
		if everything(n) || full && !isClass(entry) && (covers(n, entry) || !strings.Contains(tool, "*") && covers(n, action)) {
			return n
		}
	}
	return ""
}

// covers reports whether a pattern matches all that another matches.
func covers(pattern, other string) bool {
	return Glob(pattern, strings.ReplaceAll(other, "*", "\x00")) // which only a star can match
}

// everything reports whether a pattern is of stars only.
func everything(pattern string) bool { return strings.Trim(pattern, "*") == "" }

// coversTool reports whether an entry of a list of tools means all that another
// means, which may be a name, a pattern, a tool or a class.
func coversTool(entry, other string) bool {
	switch {
	case entry == other || everything(entry):
		return true
	case isClass(other) || isClass(entry):
		return false
	case strings.HasPrefix(other, entry+"."): // entry is a tool
		return true
	}
	bare := !strings.Contains(other, ".") // other may be a tool, which means all of its names
	return covers(entry, other) && (!bare || covers(entry, other+".*"))
}

func (l *linter) stars(at, entry string) {
	switch {
	case everything(entry):
		l.add(at, "star-allowed", "list what is needed", "this is everything, now and later")
	case strings.Contains(entry, "*"):
		l.add(at, "glob-allowed", "list what is needed", "%q also means what is added later", entry)
	}
}

// jiraLists looks at the lists of operations and fields.
func (l *linter) jiraLists(d *document) {
	if n := d.Deny; n != nil {
		for i, entry := range n.Operations {
			l.operation(fmt.Sprintf("/deny/operations/%d", i), entry, "deny-idle")
		}
	}
	a := d.Allow
	if a == nil {
		return
	}
	for i, entry := range a.Operations {
		at := fmt.Sprintf("/allow/operations/%d", i)
		l.stars(at, entry)
		l.operation(at, entry, "allow-idle")
		if by := d.operationDenied(strings.TrimPrefix(entry, "jira.")); by != "" {
			l.add(at, "allow-covered", "leave one of them out", "%q is denied by %q", entry, by)
		}
		if len(a.Fields) == 0 && (covers(entry, "issue.create") || covers(entry, "issue.edit")) {
			l.add(at, "fields-missing", "list fields under allow.fields_write_allowlist", "%q writes fields, and none may be written", entry)
		}
	}
	if n := d.Deny; n != nil {
		l.deniedFields("/allow/fields_write_allowlist", a.Fields, n.Fields)
		l.deniedFields("/allow/fields_read_allowlist", a.Reads, n.Reads)
	}
}

// operation looks at an entry that names operations.
func (l *linter) operation(at, entry, code string) {
	if tool, _, named := strings.Cut(entry, "."); code == "allow-idle" && named && tool == "confluence" {
		l.add(at, code, "what may be done in Confluence is said under actions", "this list is of Jira's operations")
		return
	}
	if isClass(entry) || entry == "jira" || entry == "confluence" {
		l.add(at, code, "name operations (issue.create), or use a list of tools", "%q is no operation; classes and tools are said under actions and tool_policy", entry)
		return
	}
	tool, _, _ := strings.Cut(entry, ".")
	if code == "allow-idle" { // this list is of Jira's
		tool = "jira"
	} else if tool != "confluence" && tool != "jira" {
		tool = ""
	}
	l.known(at, entry, tool)
}

// operationDenied returns the entry of a deny list that denies all that an
// entry of Jira's operations means, or "".
func (d *document) operationDenied(entry string) string {
	if d.Deny != nil {
		for _, n := range d.Deny.Operations {
			if covers(n, entry) || covers(n, "jira."+entry) {
				return n
			}
		}
	}
	for _, t := range d.toolPolicies() {
		for _, n := range t.Deny {
			if coversTool(n, "jira."+entry) {
				return n
			}
		}
	}
	return ""
}

func (l *linter) deniedFields(at string, allowed, denied []string) {
	for i, f := range allowed {
		if slices.ContainsFunc(denied, func(n string) bool { return strings.EqualFold(n, f) }) {
			l.add(fmt.Sprintf("%s/%d", at, i), "allow-covered", "leave one of them out", "%q is on the deny list, which wins", f)
		}
	}
}
