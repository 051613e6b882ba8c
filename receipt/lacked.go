// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package receipt

import (
	"regexp"
	"strings"

	"github.com/clawea/clawea/policy"
)

// Lacked are the parts of a sandbox that were missing when a server ran in it, by
// name, sorted (spec/receipt.md 4.10). What was to be there is in the server's
// identity, which the call says.
type Lacked []string

const maxLacked = 32

var sandboxPart = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

// Of reports whether l can be of c: a call through an MCP server.
func (l Lacked) Of(c *policy.Call) bool { return !c.Server.IsZero() }

// String is l as people read it.
func (l Lacked) String() string {
	return "its server's sandbox lacked " + strings.Join(l, ", ")
}

// whole reports whether l keeps spec/receipt.md 4.10. None does: a list that is
// there names something.
func (l Lacked) whole() bool {
	if l == nil {
		return true
	}
	for i, part := range l {
		if !sandboxPart.MatchString(part) || i > 0 && l[i-1] >= part {
			return false
		}
	}
	return len(l) > 0 && len(l) <= maxLacked
}
