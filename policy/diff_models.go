// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
)

func keepOffers(to, from *document) {
	if r := from.ModelRoute; r != nil {
		to.ModelRoute = &modelRoute{Tools: r.Tools, DeniedTools: r.DeniedTools}
	}
}

// offerOptions are no tool, and one for every set of patterns that can match
// together. Of several tools each is judged alone.
func offerOptions(w *comparison, _ head, judged func(option) option) []option {
	out := []option{judged(option{set: func(*Example) {}})}
	for _, m := range w.namesBy(func(d *document) []string {
		if d.ModelRoute == nil {
			return nil
		}
		return slices.Concat(d.ModelRoute.Tools, d.ModelRoute.DeniedTools)
	}) {
		says := "that offer tools which neither policy names"
		if m.label != "" {
			says = "that offer the tool " + m.label
		}
		out = append(out, judged(option{says: says, set: func(e *Example) { e.Call.Offers = []string{m.name} }}))
	}
	return out
}

// namesBy has a name for every set of the two policies' patterns that can match
// together, in which dots mean nothing.
func (w *comparison) namesBy(f func(*document) []string) []modelRegion {
	var patterns []namePattern
	for _, s := range w.both(f) {
		patterns = append(patterns, namePattern{glob: s})
	}
	texts, ok := witnesses(patterns, atAction)
	w.beyond = w.beyond || !ok
	var out []modelRegion
	for _, text := range texts {
		var globs []string
		for _, p := range patterns {
			if p.matches(text, "") {
				globs = append(globs, p.glob)
			}
		}
		out = append(out, modelRegion{name: offerable(patterns, text), label: strings.Join(innermost(globs), alsoLabel)})
	}
	return out
}

// offerable is a witness as a name of a tool that can be offered, if there is one
// that the same patterns match.
func offerable(patterns []namePattern, text string) string {
	if len(text) <= maxToolName-len("other") {
		text = legible(patterns, text)
	}
	return strings.NewReplacer(string(anyByte), ":", "~", ":").Replace(text) // no pattern has a colon
}

// What becomes of what a rule finds, the narrowest first.
const (
	blocks = iota
	masks
	ignores
)

// fate is what d has become of what a rule finds.
func (d *document) fate(rule string) int {
	if d.ModelRoute == nil || d.ModelRoute.Screening == nil {
		return ignores
	}
	matches := func(s string) bool { return Glob(s, rule) }
	switch s := d.ModelRoute.Screening; {
	case slices.ContainsFunc(s.Block, matches):
		return blocks
	case slices.ContainsFunc(s.Mask, matches):
		return masks
	}
	return ignores
}

// screenings compares what is looked for in requests to models. It is not a
// matter of calls: a call says what was found by its own policy's rules, and the
// same request is another call under another policy.
func (w *comparison) screenings() []Change {
	looser, tighter := false, false
	for _, rule := range w.namesBy((*document).screeningRules) {
		before, after := w.a.fate(rule.name), w.b.fate(rule.name)
		looser, tighter = looser || after > before, tighter || after < before
	}
	c := Change{Kind: Loosened, Widens: looser, Was: w.a.screeningWords(), Is: w.b.screeningWords()}
	switch {
	case !looser && !tighter:
		return nil
	case !looser:
		c.Kind = Tightened
	case tighter:
		c.Kind = Changed
	}
	c.Says = boundSays("screening of requests to models", c.Was, c.Is)
	return []Change{c}
}

func (d *document) screeningRules() []string {
	if d.ModelRoute == nil || d.ModelRoute.Screening == nil {
		return nil
	}
	return slices.Concat(d.ModelRoute.Screening.Block, d.ModelRoute.Screening.Mask)
}

// screeningWords is d's screening for people, or "".
func (d *document) screeningWords() string {
	if d.ModelRoute == nil || d.ModelRoute.Screening == nil {
		return ""
	}
	var out []string
	for _, l := range []struct {
		does  string
		rules []string
	}{{"block", d.ModelRoute.Screening.Block}, {"mask", d.ModelRoute.Screening.Mask}} {
		if len(l.rules) > 0 {
			out = append(out, l.does+" "+and(l.rules))
		}
	}
	return strings.Join(out, "; ")
}
