// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import "slices"

// includes are the words of /actions/read/include.
var includes = []string{"versions", "comments", "attachments", "restrictions"}

// An ownRead is a read of Confluence that shows what its page does not, and so
// is no part of reading pages (spec/policy.md 4.34).
type ownRead struct{ action, word string }

var ownReads = [...]ownRead{
	{"page.version", "versions"}, {"page.versions", "versions"},
	{"page.comments", "comments"},
	{"page.attachments", "attachments"}, {"attachment.get", "attachments"},
	{"page.restrictions", "restrictions"},
}

// includedBy returns the word that includes a call in reading, or "" if its
// action is no read of its own.
func includedBy(c *Call) string {
	if c.Tool != "confluence" {
		return ""
	}
	for i := range ownReads {
		if ownReads[i].action == c.Action {
			return ownReads[i].word
		}
	}
	return ""
}

const includeAt = "/actions/read/include"

// judgeInclude denies a read of its own that reading does not include. Who has
// one carried out under another class gains nothing by it.
func (p *Policy) judgeInclude(c *Call, t *tally) {
	word := includedBy(c)
	if word == "" {
		return
	}
	r := p.rules.read
	switch {
	case c.Class != Read:
		t.deny("/actions", c.Action+" is a read, and the call is of another class")
	case r == nil: // and reading is denied
	case r.Include == nil:
		t.deny(r.at, "reading "+word+" is not included")
	case !slices.Contains(r.Include, word):
		t.deny(includeAt, "reading "+word+" is not included")
	}
}
