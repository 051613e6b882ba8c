// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"maps"
	"slices"
	"strings"
	"unicode"
)

// CanEver reports whether p could allow a under some facts and arguments, with
// or without a person. It errs only on the side of yes. Tool lists and grants
// are made from it.
func (p *Policy) CanEver(a Action) bool {
	c := &Call{Tool: a.Tool, Action: a.Name, Class: a.Class}
	var t tally
	switch c.Tool {
	case "model":
		return p.hasModels() && p.grants(c)
	case "confluence":
		r := p.doc.Resources
		if r == nil || len(r.Spaces)+len(r.Prefixes) == 0 {
			return false
		}
		p.judgeActions(c, &t, true)
	case "jira":
		if p.doc.Allow == nil || len(p.doc.Allow.Projects) == 0 || !p.rules.operations.meansOperation(c) {
			return false
		}
		p.judgeActions(c, &t, false)
	case EgressTool:
		if !c.classed() || !p.doc.opensHosts() {
			return false
		}
	default:
		if !p.permits(c) {
			return false
		}
	}
	p.judgeTool(c, &t)
	p.judgeDenied(c, &t)
	// A filter is an argument's matter, not the action's.
	t.denied = slices.DeleteFunc(t.denied, func(r Reason) bool { return strings.HasSuffix(r.Clause, "/query_filters_required") })
	return len(t.denied) == 0 && p.grants(c)
}

// Minimal returns c as it may be recorded: of the names on its resources'
// paths, only those that the policy says itself, and of the tools that it offers
// to a model nothing, unless the policy has a list of them. Deciding c and
// deciding the minimal c give the same decision, since only such names can match.
func (p *Policy) Minimal(c *Call) *Call {
	out := *c
	if c.Tool == "model" && !p.rules.offers.speak() {
		out.Offers = nil
	}
	out.Resources = slices.Clone(c.Resources)
	for i := range out.Resources {
		r := &out.Resources[i]
		r.Labels = p.saidLabels(r.Labels)
		r.Path = slices.Clone(r.Path)
		name := ""
		for j := range r.Path {
			if j > 0 {
				name += "/"
			}
			name += r.Path[j].Name
			if !p.says(name) {
				for k := j; k < len(r.Path); k++ {
					r.Path[k].Name = ""
				}
				break
			}
		}
	}
	return &out
}

// saidLabels returns those labels that the policy says, in their order.
func (p *Policy) saidLabels(labels []string) []string {
	var out []string
	for _, l := range labels {
		if p.rules.labels.has(l) {
			out = append(out, l)
		}
	}
	return out
}

// says reports whether name is one of the policy's names, or the beginning of one.
func (p *Policy) says(name string) bool {
	for _, b := range p.bound {
		rest, ok := strings.CutPrefix(strings.TrimSuffix(b.Name.Name, "/"), name)
		if ok && (rest == "" || rest[0] == '/') {
			return true
		}
	}
	return false
}

func sortedKeys(m map[string]int) []string { return slices.Sorted(maps.Keys(m)) }

// match reports whether an entry of a tool list means c: by full name with
// globs, by tool, or by class.
func match(entry string, c *Call) bool {
	return Glob(entry, c.Name()) || entry == c.Tool || c.Class != "" && entry == string(c.Class)
}

// Glob reports whether s is as pattern says, in which * stands for any run of
// characters and all else for itself.
func Glob(pattern, s string) bool {
	head, rest, starred := strings.Cut(pattern, "*")
	if !starred {
		return pattern == s
	}
	return cutGlob{head, rest}.match(s)
}

// A cutGlob is a pattern, cut at its first *.
type cutGlob struct{ head, rest string }

func (g cutGlob) match(s string) bool {
	s, ok := strings.CutPrefix(s, g.head)
	if !ok {
		return false
	}
	rest := g.rest
	for {
		part, more, starred := strings.Cut(rest, "*")
		if !starred {
			return strings.HasSuffix(s, part)
		}
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s, rest = s[i+len(part):], more
	}
}

// A set is a list of words whose length doesn't matter.
type set map[string]struct{}

func setOf(words []string) set {
	s := make(set, len(words))
	for _, w := range words {
		s[w] = struct{}{}
	}
	return s
}

func (s set) has(word string) bool { _, ok := s[word]; return ok }

// A foldedSet is a set of field ids, which are ASCII, in any case.
type foldedSet struct{ folded set }

func foldedSetOf(words []string) foldedSet {
	s := foldedSet{make(set, len(words))}
	for _, w := range words {
		s.folded[strings.Map(fold, w)] = struct{}{}
	}
	return s
}

func (s foldedSet) has(word string) bool {
	if len(s.folded) == 0 {
		return false
	}
	if !isFolded(word) {
		word = strings.Map(fold, word)
	}
	return s.folded.has(word)
}

func isFolded(word string) bool {
	for i := range len(word) {
		if b := word[i]; b > unicode.MaxASCII || 'A' <= b && b <= 'Z' {
			return false
		}
	}
	return true
}

// fold returns what stands for all runes that strings.EqualFold takes for r:
// the lower-case letter of ASCII among them, if there is one. The Kelvin sign
// is a k, too.
func fold(r rune) rune {
	for o := unicode.SimpleFold(r); r > unicode.MaxASCII && o != r; o = unicode.SimpleFold(o) {
		if o <= unicode.MaxASCII {
			r = o
		}
	}
	if 'A' <= r && r <= 'Z' {
		r += 'a' - 'A'
	}
	return r
}

// A nameList is a list of names of tools or operations, some of them with globs.
type nameList struct {
	words map[string]string   // the entries, and what is said of what is listed
	names map[fullName]string // the same by tool and action, wherever an entry can be cut
	globs []cutGlob           // the entries that have a *
}

type fullName struct{ tool, action string }

func nameListOf(entries []string) nameList {
	l := nameList{words: make(map[string]string, len(entries)), names: make(map[fullName]string, len(entries))}
	for _, e := range entries {
		says := e + onTheList
		l.words[e] = says
		l.names[fullName{e, ""}] = says
		for i := range len(e) {
			if e[i] == '.' && i+1 < len(e) {
				l.names[fullName{e[:i], e[i+1:]}] = says
			}
		}
		if head, rest, starred := strings.Cut(e, "*"); starred {
			l.globs = append(l.globs, cutGlob{head, rest})
		}
	}
	return l
}

const onTheList = " is on the list"

func (l *nameList) has(word string) bool { _, ok := l.words[word]; return ok }

func (l *nameList) hasName(c *Call) bool { _, ok := l.names[fullName{c.Tool, c.Action}]; return ok }

// means reports whether an entry means c (spec/policy.md 4.13): by full name,
// by tool, by class, or as a glob of the full name.
func (l *nameList) means(c *Call) bool {
	if len(l.words) == 0 {
		return false
	}
	if l.has(c.Tool) || c.Class != "" && l.has(string(c.Class)) || l.hasName(c) {
		return true
	}
	return len(l.globs) > 0 && l.matches(c.Name())
}

// meansOperation reports whether an entry is c's operation, with its tool or
// without. Model calls are no operations.
func (l *nameList) meansOperation(c *Call) bool {
	if len(l.words) == 0 || c.Tool == "model" {
		return false
	}
	if l.has(c.Action) || l.hasName(c) {
		return true
	}
	return len(l.globs) > 0 && (l.matches(c.Action) || l.matches(c.Name()))
}

func (l *nameList) matches(name string) bool {
	return slices.ContainsFunc(l.globs, func(g cutGlob) bool { return g.match(name) })
}

// permitsTool says that c is on a list that means it.
func (l *nameList) permitsTool(c *Call) string {
	if says, ok := l.names[fullName{c.Tool, c.Action}]; ok {
		return says
	}
	return c.Name() + onTheList
}

// permitsOperation says that c's operation is on a list that means it.
func (l *nameList) permitsOperation(c *Call) string {
	if says, ok := l.words[c.Action]; ok {
		return says
	}
	return c.Action + onTheList
}
