// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"
)

// approvers looks at who must say yes.
func (l *linter) approvers(d *document) {
	for i, a := range d.Approvers {
		at := fmt.Sprintf("%s/%d", approversAt, i)
		if a.Groups != nil && len(a.Groups) == 0 {
			l.add(at+"/groups", "approvers-nobody", "list groups, or leave it out: then whoever may answer counts", "nobody is in no group, so what this is for is never allowed")
		}
		if a.For == nil {
			if !d.mayAsk("") {
				l.add(at, "approvers-idle", "say under approvals what a person is asked about", "nothing here asks a person")
			}
			continue
		}
		if len(a.For) == 0 {
			l.add(at+"/for", "approvers-idle", "say what it is for, or leave it out: then it is for every call that a person is asked about", "this is for no call")
		}
		for j, entry := range a.For {
			if !d.mayAsk(entry) {
				l.add(fmt.Sprintf("%s/for/%d", at, j), "approvers-idle", "name it under approvals.required_for as well", "no person is asked about %s", entry)
			}
		}
	}
}

// mayAsk reports whether a person may be asked about something that an entry means,
// or about anything, if the entry is "". Where it cannot be told, it is so.
func (d *document) mayAsk(entry string) bool {
	for _, s := range d.approvalSections() {
		if s.B != nil && len(*s.B) > 0 {
			return true // a condition can be about anything
		}
		if s.A != nil && slices.ContainsFunc(s.A.RequiredFor, func(e string) bool { return meet(e, entry) }) {
			return true
		}
	}
	gated := func(c Class) bool { // Confluence's and Jira's calls of a class ask
		r := d.Actions.rule(c)
		return r != nil && r.Gate == "required" || c.mutates() && d.Auth != nil && d.Auth.Separation != nil && d.Auth.Separation.Write == "separate_and_disabled_by_default"
	}
	return slices.ContainsFunc(toolClasses(), func(c Class) bool {
		return gated(c) && meet(string(c), entry) && (isClass(entry) || meet("confluence", entry) || meet("jira", entry))
	})
}

// rule returns what a says of a class, or nil.
func (a *actions) rule(c Class) *actionRule {
	if a == nil {
		return nil
	}
	return map[Class]*actionRule{Read: a.Read, Search: a.Search, Write: a.Write, Admin: a.Admin}[c]
}

// meet reports whether some call may be meant by two entries of lists like
// required_for. A word may be a category, and a class any tool's.
func meet(a, b string) bool {
	if isClass(a) && isClass(b) {
		return a == b
	}
	begins := func(s string) (string, bool) { // how all names begin that s means, and whether there are several
		if s == "confluence" || s == "jira" {
			return s + ".", true
		}
		if isClass(s) || !strings.ContainsAny(s, ".*") {
			return "", true
		}
		return strings.CutSuffix(s[:min(len(s), strings.Index(s+"*", "*")+1)], "*")
	}
	x, manyX := begins(a)
	y, manyY := begins(b)
	return x == y || manyX && strings.HasPrefix(y, x) || manyY && strings.HasPrefix(x, y)
}
