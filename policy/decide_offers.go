// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
)

// offers are the lists of tools that a model may be offered.
type offers struct {
	allow, deny nameList
	limits      bool // there is an allow list
}

func offersOf(m *modelRoute) offers {
	return offers{nameListOf(m.Tools), nameListOf(m.DeniedTools), m.Tools != nil}
}

// speak reports whether the lists have something to say of any tool.
func (o *offers) speak() bool { return o.limits || len(o.deny.words) > 0 }

// judgeOffers holds the tools that a model is offered to the lists.
func (p *Policy) judgeOffers(c *Call, t *tally) {
	o := &p.rules.offers
	if !o.speak() {
		return
	}
	if !areNames(c.Offers) {
		t.deny("", "the tools that it offers are not names, sorted, each once")
		return
	}
	if denied := filtered(c.Offers, o.deny.holds); denied != nil {
		t.deny("/model_route/tools_denylist", "it offers what is denied: "+firstFew(denied))
	}
	if !o.limits {
		return
	}
	if unlisted := filtered(c.Offers, func(s string) bool { return !o.allow.holds(s) }); unlisted != nil {
		t.deny("/model_route/tools_allowlist", "it offers what is not on the list: "+firstFew(unlisted))
	}
}

// maxToolName bounds the name of a tool that is offered, in bytes.
const maxToolName = 128

// areNames reports whether words are names of tools as providers take them,
// sorted, each once.
func areNames(words []string) bool {
	for i, s := range words {
		if !isToolName(s) || i > 0 && words[i-1] >= s {
			return false
		}
	}
	return true
}

// isToolName reports whether s is a tool's name as providers take it.
func isToolName(s string) bool { return len(s) <= maxToolName && isWord(s, "_.:/-") }

// isWord reports whether s is made of ASCII letters, digits and marks, and not empty.
func isWord(s, marks string) bool {
	for _, r := range s {
		if !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9') && !strings.ContainsRune(marks, r) {
			return false
		}
	}
	return s != ""
}

// filtered returns the words that are so, or nil. It allocates nothing if there
// are none.
func filtered(words []string, are func(string) bool) []string {
	var out []string
	for _, s := range words {
		if are(s) {
			out = append(out, s)
		}
	}
	return out
}

// holds reports whether an entry is word, or matches it as a pattern.
func (l *nameList) holds(word string) bool { return l.has(word) || l.matches(word) }

// judgeFound hears what becomes of what screening found. What is only masked is
// no reason to deny. A rule that is on neither list should not have been applied:
// nobody knows what became of its finds.
func (p *Policy) judgeFound(c *Call, t *tally) {
	var blocked, unlisted []string
	for rule := range c.Found {
		switch {
		case p.rules.block.holds(rule):
			blocked = append(blocked, ruleWord(rule))
		case !p.rules.mask.holds(rule):
			unlisted = append(unlisted, ruleWord(rule))
		}
	}
	if blocked != nil {
		t.deny("/model_route/screening/block", "screening found what is blocked: "+firstFew(sortedUnion(blocked)))
	}
	if unlisted != nil {
		t.deny("/model_route/screening", "screening found what is on neither list: "+firstFew(sortedUnion(unlisted)))
	}
}

// ruleWord is a rule's id, if it is one.
func ruleWord(rule string) string {
	if len(rule) > maxToolName || !isWord(rule, ".-") {
		return "a rule without a name"
	}
	return rule
}

// judgeToolsOwn denies a tool's call that says what only a model call can say.
func judgeToolsOwn(c *Call, t *tally) {
	if len(c.Offers)+len(c.Found) > 0 {
		t.deny("", "only a model call offers tools and is screened")
	}
}

// Screening are the patterns of the rules that p wants requests to models
// screened by: requests in which a rule of block finds something are denied, and
// what a rule of mask finds is masked before the request is sent. A rule that
// both mean blocks. In patterns, * stands for any run of characters. Both are nil
// if p wants no screening.
func (p *Policy) Screening() (block, mask []string) {
	if r := p.doc.ModelRoute; r != nil && r.Screening != nil {
		block, mask = slices.Clone(r.Screening.Block), slices.Clone(r.Screening.Mask)
	}
	return block, mask
}
