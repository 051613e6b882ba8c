// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
)

// A namePattern is an entry of some list as it speaks of full names: a glob
// over the whole name, or over what follows the tool and its dot.
type namePattern struct {
	glob   string
	action bool
}

// matches reports whether the pattern means the call of tool and action.
func (n namePattern) matches(tool, action string) bool {
	if n.action {
		return action != "" && Glob(n.glob, action)
	}
	return Glob(n.glob, join(tool, action))
}

// maxStates and maxSteps bound the work of witnesses. Patterns with few stars
// stay far below them; with many, the ways to overlap can double with each.
const (
	maxStates = 1 << 19
	maxSteps  = 1 << 22
)

// anyByte stands for every character that no pattern has.
const anyByte = '?'

// The phases of reading a full name.
const (
	atTool   = iota // nothing read
	inTool          // some of the tool; a call may end here
	atAction        // the tool and its dot
	inAction        // some of the action; a call may end here
)

// A reading is a state of all patterns' automata at once, after some text.
type reading struct {
	text  string
	phase int
	at    []position
}

// A position is how far one pattern has come: the index in it of what it needs next.
type position struct{ pattern, next int }

// witnesses returns one text for each set of patterns that can match together,
// beginning in a phase: atTool for full names, atAction for texts in which dots
// mean nothing. It walks the product of the patterns' automata, so no
// combination is missed; ok is false if there are too many.
func witnesses(patterns []namePattern, phase int) (texts []string, ok bool) {
	first := reading{phase: phase}
	for i, p := range patterns {
		if !p.action {
			first.at = reach(first.at, patterns, position{i, 0})
		}
	}
	first.at = latest(patterns, first.at)
	states := map[string]bool{stateKey(first.phase, first.at): true}
	found := map[string]bool{}
	steps := 0
	for queue := []reading{first}; len(queue) > 0; queue = queue[1:] {
		r := queue[0]
		if r.phase == inTool || r.phase == inAction {
			if k := stateKey(0, accepted(patterns, r.at)); !found[k] {
				found[k] = true
				texts = append(texts, r.text)
			}
		}
		for _, c := range r.following(patterns) {
			next := r.read(patterns, c)
			k := stateKey(next.phase, next.at)
			if steps += 1 + len(r.at); steps > maxSteps || len(states) > maxStates {
				return texts, false
			}
			if states[k] {
				continue
			}
			states[k] = true
			queue = append(queue, next)
		}
	}
	return texts, true
}

// following are the characters that lead to different states.
func (r *reading) following(patterns []namePattern) []byte {
	out := []byte{anyByte}
	if r.phase == inTool {
		out = append(out, '.')
	}
	for _, p := range r.at {
		g := patterns[p.pattern].glob
		if p.next == len(g) || g[p.next] == '*' || g[p.next] == '.' && r.phase == atTool {
			continue
		}
		if !slices.Contains(out, g[p.next]) {
			out = append(out, g[p.next])
		}
	}
	return out
}

// read is the state after one more character.
func (r *reading) read(patterns []namePattern, c byte) reading {
	next := reading{text: r.text + string(c), phase: r.phase}
	for _, p := range r.at {
		g := patterns[p.pattern].glob
		switch {
		case p.next == len(g):
		case g[p.next] == '*':
			next.at = reach(next.at, patterns, p)
		case g[p.next] == c:
			next.at = reach(next.at, patterns, position{p.pattern, p.next + 1})
		}
	}
	switch {
	case r.phase == inTool && c == '.':
		next.phase = atAction
		for i, p := range patterns {
			if p.action {
				next.at = reach(next.at, patterns, position{i, 0})
			}
		}
	case r.phase == atTool:
		next.phase = inTool
	case r.phase == atAction:
		next.phase = inAction
	}
	next.at = latest(patterns, next.at)
	return next
}

// enter adds a position, and those that its stars let it skip to.
func reach(at []position, patterns []namePattern, p position) []position {
	for g := patterns[p.pattern].glob; ; p.next++ {
		if !slices.Contains(at, p) {
			at = append(at, p)
		}
		if p.next == len(g) || g[p.next] != '*' {
			return at
		}
	}
}

// latest sorts positions and leaves out those before the last star that their
// pattern has reached: what they can still match, that star can too.
func latest(patterns []namePattern, at []position) []position {
	star := map[int]int{}
	for _, p := range at {
		if g := patterns[p.pattern].glob; p.next < len(g) && g[p.next] == '*' {
			star[p.pattern] = max(star[p.pattern], p.next)
		}
	}
	at = slices.DeleteFunc(at, func(p position) bool { return p.next < star[p.pattern] })
	slices.SortFunc(at, func(a, b position) int {
		if a.pattern != b.pattern {
			return a.pattern - b.pattern
		}
		return a.next - b.next
	})
	return at
}

// accepted are the positions at the end of their patterns.
func accepted(patterns []namePattern, at []position) []position {
	var out []position
	for _, p := range at {
		if p.next == len(patterns[p.pattern].glob) {
			out = append(out, p)
		}
	}
	return out
}

func stateKey(phase int, at []position) string {
	b := make([]byte, 0, 1+6*len(at))
	b = append(b, byte(phase))
	for _, p := range at {
		b = append(b, byte(p.pattern>>16), byte(p.pattern>>8), byte(p.pattern), byte(p.next>>16), byte(p.next>>8), byte(p.next))
	}
	return string(b)
}

// A region is the names that the same entries mean, with one of them.
type region struct {
	tool, action string
	label        string // how people call it: an entry, or "any other tool"
}

// ownRead reports whether r is a read that is included by a word (4.34).
func (r *region) ownRead() bool { return includedBy(&Call{Tool: r.tool, Action: r.action}) != "" }

func (r *region) name() string { return join(r.tool, r.action) }

// kind is the tool as heads have it.
func (r *region) kind() string {
	switch r.tool {
	case "confluence", "jira", "model", EgressTool:
		return r.tool
	}
	return ""
}

// findRegions divides all names of calls by the entries of both policies.
func (w *comparison) findRegions() {
	patterns, tools := w.namePatterns()
	texts, ok := witnesses(patterns, atTool)
	w.beyond = w.beyond || !ok
	for _, text := range texts {
		tool, action := readable(patterns, text)
		if tool == "model" || tool == EgressTool || strings.HasPrefix(action, tool+".") { // no list means models, egress has one action, and no other repeats its tool
			continue
		}
		w.regions = append(w.regions, region{tool, action, labelOf(patterns, tools, tool, action)})
	}
	slices.SortStableFunc(w.regions, func(a, b region) int { return strings.Compare(a.name(), b.name()) })
	w.regions = append(w.regions, region{tool: "model", label: "model calls"}, region{EgressTool, EgressAction, connections})
}

// namePatterns are all entries that speak of names, in both policies, the reads
// that are included by a word (4.34), and the names of tools.
func (w *comparison) namePatterns() (patterns []namePattern, tools []string) {
	add := func(p namePattern) {
		if !slices.Contains(patterns, p) {
			patterns = append(patterns, p)
		}
	}
	addTool := func(s string) {
		if !strings.ContainsAny(s, ".*") && !slices.Contains(tools, s) {
			tools = append(tools, s)
			add(namePattern{glob: s})
			add(namePattern{glob: s + ".*"})
		}
	}
	for _, s := range []string{"confluence", "jira", "model", EgressTool} {
		addTool(s)
	}
	for _, r := range ownReads {
		add(namePattern{glob: "confluence." + r.action})
	}
	if w.a.denies(oldTransition) || w.b.denies(oldTransition) {
		add(namePattern{glob: "jira.issue.transition"}) // which is meant too (4.35)
	}
	for _, d := range []*document{&w.a, &w.b} {
		for _, s := range append(d.entries(), d.named()...) {
			add(namePattern{glob: s})
			addTool(s)
		}
		for _, s := range d.operations() {
			add(namePattern{glob: s})
			add(namePattern{glob: s, action: true})
		}
	}
	return patterns, tools
}

// named are the tools that d is for.
func (d *document) named() []string {
	switch {
	case d.Tool == nil:
		return nil
	case d.Tool.A != nil:
		return []string{*d.Tool.A}
	}
	return *d.Tool.B
}

// entries are d's entries about tools, classes and full names.
func (d *document) entries() []string {
	var out []string
	lists := []*toolPolicy{d.ToolPolicy}
	if d.Constraints != nil {
		lists = append(lists, d.Constraints.ToolPolicy)
	}
	for _, t := range lists {
		if t != nil {
			out = append(append(out, t.Allow...), t.Deny...)
		}
	}
	return append(out, d.categories()...)
}

// denies reports whether a deny list of d has an entry that means an operation of
// Jira.
func (d *document) denies(operation string) bool {
	var list []string
	if d.Deny != nil {
		list = append(list, d.Deny.Operations...)
	}
	for _, t := range d.toolPolicies() {
		list = append(list, t.Deny...)
	}
	return slices.ContainsFunc(list, func(s string) bool { return Glob(s, operation) || Glob(s, "jira."+operation) })
}

// categories are d's entries that ask for a person.
func (d *document) categories() []string {
	var out []string
	for _, a := range d.bothApprovals() {
		if a != nil && a.A != nil {
			out = append(out, a.A.RequiredFor...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (d *document) operations() []string {
	var out []string
	if d.Allow != nil {
		out = append(out, d.Allow.Operations...)
	}
	if d.Deny != nil {
		out = append(out, d.Deny.Operations...)
	}
	return out
}

// readable splits a witness, with something that people can read for what
// stands for any character.
func readable(patterns []namePattern, text string) (tool, action string) {
	text = rewritten(text, func(to string) bool {
		t, a, _ := strings.Cut(to, ".")
		tool, action, _ := strings.Cut(text, ".")
		return !slices.ContainsFunc(patterns, func(p namePattern) bool { return p.matches(t, a) != p.matches(tool, action) })
	})
	tool, action, _ = strings.Cut(text, ".")
	return tool, action
}

// legible does the same to a text that is no call's name.
func legible(patterns []namePattern, text string) string {
	return rewritten(text, func(to string) bool {
		return !slices.ContainsFunc(patterns, func(p namePattern) bool { return Glob(p.glob, to) != Glob(p.glob, text) })
	})
}

// rewritten is text as people would write it: not ending in the midst, if what
// follows is alike.
func rewritten(text string, alike func(to string) bool) string {
	if longer := text + string(anyByte); strings.ContainsAny(text[len(text)-1:], ".-_/:@") && alike(longer) {
		text = longer
	}
	return filled(text, wordFor(func(word string) bool { return alike(filled(text, word)) }))
}

// wordFor is the first word that matches as any character would. No pattern
// has the last one.
func wordFor(alike func(word string) bool) string {
	words := []string{"other", "x", "q", "7", "~"}
	return words[max(0, slices.IndexFunc(words, alike))]
}

func filled(text, word string) string { return strings.ReplaceAll(text, string(anyByte), word) }

const anyOtherTool = "any other tool"

// alsoLabel joins the patterns of a label that no one of them says.
const alsoLabel = " that is also "

// labelOf names a region by what its entries say: a full name, or the patterns
// that mean it, without those that mean all that another does.
func labelOf(patterns []namePattern, tools []string, tool, action string) string {
	var globs []string
	for _, p := range patterns {
		if !p.matches(tool, action) {
			continue
		}
		says := p.glob
		if p.action && slices.Contains(tools, tool) {
			says = tool + "." + says
		} else if p.action {
			says = "*." + says
		}
		if !strings.Contains(says, "*") {
			return says
		}
		if strings.Trim(says, "*.") != "" {
			globs = append(globs, says)
		}
	}
	if globs = innermost(globs); len(globs) == 0 {
		return anyOtherTool
	}
	return strings.Join(globs, alsoLabel)
}

// innermost are the globs that mean no more than none of the others does.
func innermost(globs []string) []string {
	globs = sortedUnion(globs)
	wider := func(s string) bool {
		return slices.ContainsFunc(globs, func(o string) bool { return o != s && Glob(s, o) && !Glob(o, s) })
	}
	return slices.DeleteFunc(slices.Clone(globs), wider)
}
