// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package screen

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
)

// A search goes through the texts of one request.
type search struct {
	*Rules
	found   map[string]int
	watches []watch // by rule
	touched []int   // the rules that have a watch on this text
	hits    []hit
	marks   []span
	scratch []byte
	seams   []seam
}

// A watch is where a rule has to look in a text.
type watch struct {
	on      bool
	near    around
	line    line
	windows []span
}

// A hit is a rule's match in a text.
type hit struct {
	span
	rule int
}

func newSearch(r *Rules) *search {
	return &search{Rules: r, found: map[string]int{}, watches: make([]watch, len(r.uses))}
}

// hitsIn returns what the rules match in text, in order, until the next call.
func (s *search) hitsIn(text []byte) []hit {
	s.hits = s.hits[:0]
	s.marks = s.marksIn(text)
	s.all.words.each(text, func(at int, w *keyword) bool {
		for _, r := range w.rules {
			if s.uses[r] {
				s.look(text, r, at)
			}
		}
		return false
	})
	for _, r := range s.touched {
		here := &s.watches[r]
		for _, w := range here.windows {
			s.all.rules[r].secrets(text, w, &here.line, func(found span) { s.add(found, r) })
		}
		*here = watch{windows: here.windows[:0]}
	}
	s.touched = s.touched[:0]
	for r, used := range s.uses {
		if scan := s.all.rules[r].scan; used && scan != nil {
			scan(text, func(from, to int) { s.add(span{from, to}, r) })
		}
	}
	s.hits = s.sorted(s.hits)
	return s.hits
}

// look notes where the rule r has to look because of its keyword at i. Windows
// that meet become one, so that no match is found twice.
func (s *search) look(text []byte, r, i int) {
	rule, here := s.all.rules[r], &s.watches[r]
	rule.ready()
	if !here.on {
		here.on = true
		s.touched = append(s.touched, r)
	}
	last := len(here.windows) - 1
	if last >= 0 && here.windows[last].to == len(text) && rule.shape.after == far {
		return // the last window is all there can be
	}
	w, ok := rule.window(text, i, &here.near)
	if !ok {
		return
	}
	for ; last >= 0 && here.windows[last].to >= w.from; last-- {
		w = span{min(w.from, here.windows[last].from), max(w.to, here.windows[last].to)}
	}
	here.windows = append(here.windows[:last+1], w)
}

// add notes a match, unless it is of nothing but marks. A mark that it meets
// goes with it.
func (s *search) add(found span, rule int) {
	first, _ := slices.BinarySearchFunc(s.marks, found.from, func(m span, from int) int { return cmp.Compare(m.to, from+1) })
	bare, wide := found.len(), found
	for _, m := range s.marks[first:] {
		if !m.meets(found) {
			break
		}
		bare -= min(m.to, found.to) - max(m.from, found.from)
		wide = span{min(m.from, wide.from), max(m.to, wide.to)}
	}
	if bare > 0 {
		s.hits = append(s.hits, hit{wide, rule})
	}
}

// sorted puts hits in order and leaves out those that are a guess of what another
// rule knows: the generic rule yields to one that says what it is.
func (s *search) sorted(hits []hit) []hit {
	slices.SortFunc(hits, func(a, b hit) int {
		return cmp.Or(a.from-b.from, b.to-a.to, s.vague(a)-s.vague(b), a.rule-b.rule)
	})
	known := 0 // how far what is known reaches
	return slices.DeleteFunc(hits, func(h hit) bool {
		if s.vague(h) == 0 {
			known = max(known, h.to)
			return false
		}
		return h.to <= known
	})
}

func (s *search) vague(h hit) int {
	if strings.HasPrefix(s.all.rules[h.rule].id, "generic") {
		return 1
	}
	return 0
}

// A patch is a part of a text that a mark takes the place of.
type patch struct {
	span
	mark string
}

// patches turns hits into what has to be masked. Of hits that meet nothing is
// left; the longest says which mark there is.
func (s *search) patches(hits []hit) []patch {
	var all []patch
	longest := 0
	for _, h := range hits {
		s.found[s.all.rules[h.rule].id]++
		if n := len(all) - 1; n >= 0 && all[n].to > h.from {
			all[n].to = max(all[n].to, h.to)
			if h.len() > longest {
				all[n].mark, longest = s.mark(h.rule), h.len()
			}
			continue
		}
		all = append(all, patch{h.span, s.mark(h.rule)})
		longest = h.len()
	}
	return all
}

const markHead = "[masked:"

func (s *search) mark(rule int) string { return markHead + s.all.rules[rule].id + "]" }

// marksIn returns where text has marks, in order.
func (s *search) marksIn(text []byte) []span {
	marks := s.marks[:0]
	for i := 0; ; {
		n := bytes.Index(text[i:], []byte(markHead))
		if n < 0 {
			return marks
		}
		from := i + n
		i = from + len(markHead)
		end := bytes.IndexByte(text[i:min(i+maxID+1, len(text))], ']')
		if end >= 0 && s.all.byID[string(text[i:i+end])] != nil {
			i += end + 1
			marks = append(marks, span{from, i})
		}
	}
}

// maxID is the length of the longest id; a test sees to it.
const maxID = 48
