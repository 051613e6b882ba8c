// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
)

// approversKind says which way the people who must say yes change: nothing, if
// they do not. It is Tightened only where each entry of a has one of b's that wants
// as much. Everything else may let more happen.
func approversKind(a, b []approver) ChangeKind {
	switch there, back := wantsAll(b, a), wantsAll(a, b); {
	case there && back:
		return ""
	case there:
		return Tightened
	case back:
		return Loosened
	}
	return Changed
}

// wantsAll reports whether each entry of less has one of more, and each another,
// that wants as much and is for all its calls.
func wantsAll(more, less []approver) bool {
	taken := make([]bool, len(more))
	for _, l := range less {
		found := false
		for i := range more {
			if found = !taken[i] && more[i].wants(&l); found {
				taken[i] = true
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}

// wants reports whether a wants as much as l does, of all calls that l is for.
func (a *approver) wants(l *approver) bool {
	within := func(small, large []string) bool {
		return large == nil || small != nil && !slices.ContainsFunc(small, func(s string) bool { return !slices.Contains(large, s) })
	}
	return within(l.For, a.For) && within(a.Groups, l.Groups) && a.required() >= l.required() &&
		(l.Holds == "" || a.Holds != "" && a.holds() <= l.holds())
}

// approversText says entries in a line.
func approversText(list []approver) string {
	var out []string
	for _, a := range list {
		s := a.who()
		if a.For != nil {
			s += " for " + orNone(strings.Join(a.For, " and "))
		}
		if a.Holds != "" {
			s += " within " + a.Holds
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}
