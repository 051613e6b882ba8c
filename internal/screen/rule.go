// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package screen

import (
	"bytes"
	"math"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"
)

// A rule finds one kind of secret: by an expression, or by a function of ours.
type rule struct {
	id   string
	scan func(text []byte, found func(from, to int))

	source  *ruleSource
	allowed []*allowlists
	once    sync.Once
	regex   *regexp.Regexp
	shape   *shape
}

// A span is a part of a text.
type span struct{ from, to int }

func (s span) len() int           { return s.to - s.from }
func (s span) meets(t span) bool  { return s.from < t.to && t.from < s.to }
func (s span) covers(t span) bool { return s.from <= t.from && t.to <= s.to }

// ready compiles r. That the rules compile is tested where they are built, so
// one that does not is a fault of the program.
func (r *rule) ready() {
	r.once.Do(func() {
		r.regex = regexp.MustCompile(r.source.regex)
		var err error
		if r.shape, err = shapeOf(r.source.regex, r.source.keywords); err != nil {
			panic(err)
		}
	})
}

// around is what a rule may match around the keyword that it saw last. With it a
// text is gone through once, and not once for every keyword.
type around struct{ left, right span }

// window returns the part of text in which a match around the keyword at i would
// be, and whether there can be one.
func (r *rule) window(text []byte, i int, near *around) (span, bool) {
	s := r.shape
	if s.whole {
		return span{0, len(text)}, true
	}
	if s.edge && i > 0 && wordByte(text[i-1]) == wordByte(text[i]) {
		return span{}, false
	}
	if i >= near.right.to {
		near.right = span{i, i}
		for near.right.to < len(text) && s.rightOf[text[near.right.to]] {
			near.right.to++
		}
	}
	w := span{i, min(near.right.to, i+s.after)}
	if w.len()+s.before < s.least {
		return w, false
	}
	if s.bridge != nil && !s.bridge.crosses(text[i:w.to]) {
		return w, false
	}
	if s.head != nil && !s.head.Match(text[i:min(w.to+utf8.UTFMax, i+s.sight, len(text))]) {
		return w, false
	}
	for w.from > 0 && i-w.from < s.before && s.leftOf[text[w.from-1]] {
		if w.from == near.left.to {
			w.from = max(near.left.from, i-s.before)
			break
		}
		w.from--
	}
	near.left = span{w.from, i}
	return w, w.len() >= s.least
}

// wordByte reports whether c is of a word as \b understands it.
func wordByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= lower(c) && lower(c) <= 'z'
}

// secrets calls found for every secret in window. on is the line of the last one.
func (r *rule) secrets(text []byte, window span, on *line, found func(span)) {
	for _, match := range r.matches(text, window) {
		for match.len() > 0 && text[match.from] == '\n' {
			match.from++
		}
		for match.len() > 0 && text[match.to-1] == '\n' {
			match.to--
		}
		if secret := r.secretOf(text, match); secret.len() > 0 && !r.allows(text, match, secret, on) {
			found(secret)
		}
	}
}

// matches returns what r matches in window. A little of what is around it is
// looked at as well, for bounds of words: no match reaches so far, unless the cut
// itself is taken for the beginning or end of the text. Then more is looked at.
func (r *rule) matches(text []byte, window span) (all []span) {
	for around := 1; ; around *= 8 {
		cut := span{max(window.from-around, 0), min(window.to+around, len(text))}
		for cut.from > 0 && !utf8.RuneStart(text[cut.from]) {
			cut.from--
		}
		for cut.to < len(text) && !utf8.RuneStart(text[cut.to]) {
			cut.to++
		}
		all = all[:0]
		again := false
		for _, at := range r.regex.FindAllIndex(text[cut.from:cut.to], -1) {
			m := span{cut.from + at[0], cut.from + at[1]}
			again = again || m.from == cut.from && cut.from > 0 || m.to == cut.to && cut.to < len(text)
			if m.meets(window) {
				all = append(all, m)
			}
		}
		if !again {
			return all
		}
	}
}

// secretOf returns the part of match that is the secret: the rule's group, else
// the first group that has something, else all.
func (r *rule) secretOf(text []byte, match span) span {
	groups := r.regex.FindSubmatchIndex(text[match.from:match.to])
	if len(groups) < 4 {
		return match
	}
	if g := 2 * r.source.secretGroup; g > 0 {
		return span{match.from + groups[g], match.from + groups[g+1]}
	}
	for g := 2; g < len(groups); g += 2 {
		if groups[g] < groups[g+1] {
			return span{match.from + groups[g], match.from + groups[g+1]}
		}
	}
	return match
}

// allows reports whether the rule lets a match go.
func (r *rule) allows(text []byte, match, secret span, on *line) bool {
	s := text[secret.from:secret.to]
	if r.source.entropy != 0 && entropy(s) <= r.source.entropy {
		return true
	}
	for _, a := range r.allowed {
		if a.allow(text, match, s, on) {
			return true
		}
	}
	return false
}

// entropy is Shannon's, in bits for a character.
func entropy(b []byte) (bits float64) {
	counts := map[rune]int{}
	for _, c := range string(b) {
		counts[c]++
	}
	for _, n := range counts {
		share := float64(n) / float64(len(b))
		bits -= share * math.Log2(share)
	}
	return bits
}

// allowlists say which matches are none. They are compiled when first asked.
type allowlists struct {
	sources []allowedSource
	once    sync.Once
	regexes []*regexp.Regexp // nil where a list has none
	stops   []*keywords      // nil where a list has none
}

func (a *allowlists) ready() {
	a.once.Do(func() {
		for _, s := range a.sources {
			var re *regexp.Regexp
			if len(s.regexes) > 0 {
				re = regexp.MustCompile("(?:" + strings.Join(s.regexes, "|") + ")")
			}
			var stops *keywords
			if len(s.stopWords) > 0 {
				stops = new(keywords)
				for _, word := range s.stopWords {
					stops.words = append(stops.words, keyword{text: word})
				}
				stops.index()
			}
			a.regexes, a.stops = append(a.regexes, re), append(a.stops, stops)
		}
	})
}

func (a *allowlists) allow(text []byte, match span, secret []byte, on *line) bool {
	a.ready()
	for i := range a.sources {
		if re := a.regexes[i]; re != nil && a.sources[i].matches(re, text, match, secret, on) || a.stops[i].in(secret) {
			return true
		}
	}
	return false
}

func (s *allowedSource) matches(re *regexp.Regexp, text []byte, match span, secret []byte, on *line) bool {
	switch s.target {
	case "match":
		return re.Match(text[match.from:match.to])
	case "line":
		return on.matches(re, text, match)
	}
	return re.Match(secret)
}

// A line is that of the match that was looked at last, and which expressions match
// it: a line may be long and have many matches.
type line struct {
	span
	many    bool // it is several lines, which are no other match's
	matched map[*regexp.Regexp]bool
}

// matches reports whether re matches the line that match is on, or the lines.
func (l *line) matches(re *regexp.Regexp, text []byte, match span) bool {
	many := bytes.IndexByte(text[match.from:match.to], '\n') >= 0
	if l.matched == nil || l.many || many || !l.covers(match) {
		*l = line{lines(text, match), many, map[*regexp.Regexp]bool{}}
	}
	is, known := l.matched[re]
	if !known {
		is = re.Match(text[l.from:l.to])
		l.matched[re] = is
	}
	return is
}

// lines returns the lines that match is on.
func lines(text []byte, match span) span {
	l := span{bytes.LastIndexByte(text[:match.from], '\n') + 1, len(text)}
	if n := bytes.IndexByte(text[match.to:], '\n'); n >= 0 {
		l.to = match.to + n
	}
	return l
}
