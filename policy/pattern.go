// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"strings"
)

// maxPattern bounds a pattern's text, in bytes.
const maxPattern = 256

// A Pattern means some actions under whatever policy, so that an operator can
// stop them (spec/policy.md 2.21). Only ParsePattern makes one; two are equal if
// their texts are, but for case. The zero value means nothing.
type Pattern struct {
	entry string // as in a list of tools, in small letters
	class Class  // the only one that is meant, or ""
}

// ParsePattern reads a pattern of actions: an entry as lists of tools have it
// ("jira", "jira.*", "deploy.run", "write", "*", and also "model"), which MAY be
// followed by a colon and a class ("jira:write", "*:admin"). Case makes no
// difference: whoever stops something in a hurry must not miss it by a capital.
func ParsePattern(s string) (Pattern, error) {
	if len(s) > maxPattern {
		return Pattern{}, fmt.Errorf("a pattern of actions has at most %d bytes", maxPattern)
	}
	entry, class, limited := strings.Cut(strings.ToLower(s), ":")
	if !toolPattern.MatchString(entry) {
		return Pattern{}, fmt.Errorf("%q is no pattern of actions: want a tool's name or a full name, in which * stands for anything (jira, jira.issue.*)", entry)
	}
	if limited && !isClass(class) {
		return Pattern{}, fmt.Errorf("%q is no class: want read, search, write, admin or model", class)
	}
	return Pattern{entry, Class(class)}, nil
}

// Means reports whether p means a: its entry means it as one in a list of tools
// would (4.13), and its class is a's, if p names one.
func (p Pattern) Means(a Action) bool {
	if p.entry == "" || p.class != "" && p.class != a.Class {
		return false
	}
	return match(p.entry, &Call{Tool: strings.ToLower(a.Tool), Action: strings.ToLower(a.Name), Class: a.Class})
}

// String returns p's text in small letters, or "" for the zero value.
func (p Pattern) String() string {
	if p.class == "" {
		return p.entry
	}
	return p.entry + ":" + string(p.class)
}
