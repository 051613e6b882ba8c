// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package screen

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// A shape is what can be said of all matches of an expression without running
// it: how far they reach around a keyword, and over which bytes. Running
// expressions is what screening costs, and by its shape most of a text needs
// none. It errs on the far side only: no match is out of shape.
type shape struct {
	whole   bool           // matches need not have a keyword: they may be anywhere
	before  int            // bytes of a match before its keyword, at most
	after   int            // bytes of a match from its keyword on, at most
	least   int            // bytes of a match, at least
	leftOf  bytes256       // what a match has before its keyword
	rightOf bytes256       // what it has from there on
	edge    bool           // a keyword begins where a word begins or ends
	bridge  *bridge        // what comes between a keyword and something else, nil if nobody can say
	head    *regexp.Regexp // how it goes on where a keyword begins, nil if nobody can say
	sight   int            // bytes that head looks at, at most
}

type bytes256 [256]bool

// shapeOf returns the shape of expr, whose keywords are words.
func shapeOf(expr string, words []string) (*shape, error) {
	root, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil, err
	}
	parts := flatten(nil, root)
	s := new(shape)
	s.least, _ = lengths(parts)
	in := &walk{words: words}
	end := 0
	for end <= len(parts) && !in.everyWay(parts[:end]) {
		end++
	}
	if end > len(parts) {
		s.whole = true
		return s, nil
	}
	begin := end
	for !in.everyWay(parts[begin:end]) {
		begin--
	}
	_, s.before = lengths(parts[:end])
	_, s.after = lengths(parts[begin:])
	alphabet(parts[:end], &s.leftOf)
	alphabet(parts[begin:], &s.rightOf)
	if first := (&walk{words: words, first: true}); first.everyWay(parts[begin:end]) {
		s.edge = begin > 0 && parts[begin-1].Op == syntax.OpWordBoundary
		s.bridge = bridgeOf(parts[begin:], end-begin)
		s.head, s.sight, err = headOf(parts[begin:])
	}
	return s, err
}

// maxBridge is how long a bridge may be: it is looked for at every keyword.
const maxBridge = 256

// A bridge is what every match has from its keyword to the first byte that cannot
// be between: as in "key", some words, and then an equals sign. Most places that
// have a keyword have no such byte where it should be.
type bridge struct {
	over, end bytes256
	most      int // bytes between, with the keyword
}

// bridgeOf returns the bridge of parts, of which the first n have the keyword.
func bridgeOf(parts []*syntax.Regexp, n int) *bridge {
	for least := 0; n < len(parts); n++ {
		if least, _ = length(parts[n]); least > 0 {
			break
		}
	}
	if n == len(parts) {
		return nil
	}
	b := new(bridge)
	if _, b.most = lengths(parts[:n]); b.most > maxBridge {
		return nil
	}
	alphabet(parts[:n], &b.over)
	opening(parts[n:n+1], &b.end)
	for c := range b.over {
		if b.over[c] && b.end[c] {
			return nil
		}
	}
	return b
}

// crosses reports whether the bridge is where text begins.
func (b *bridge) crosses(text []byte) bool {
	for _, c := range text[:min(b.most+1, len(text))] {
		if !b.over[c] {
			return b.end[c]
		}
	}
	return false
}

// maxPart is the length of a part that a head still has whole. What is longer is
// cut to the least of it: heads have to be cheap wherever they fail.
const maxPart = 64

// headOf returns an expression for what every match of parts begins with, and how
// many bytes it looks at.
func headOf(parts []*syntax.Regexp) (head *regexp.Regexp, sight int, err error) {
	begin, _ := beginning(&syntax.Regexp{Op: syntax.OpConcat, Sub: parts})
	_, sight = length(begin)
	whole := &syntax.Regexp{Op: syntax.OpConcat, Sub: []*syntax.Regexp{{Op: syntax.OpBeginText}, begin}}
	head, err = regexp.Compile(whole.String())
	return head, sight + utf8.UTFMax, err
}

// beginning returns what every match of r begins with, and whether that is all of it.
func beginning(r *syntax.Regexp) (head *syntax.Regexp, all bool) {
	if _, most := length(r); most <= maxPart {
		return r, true
	}
	head, all = &syntax.Regexp{Op: syntax.OpEmptyMatch}, false
	switch r.Op {
	case syntax.OpLiteral, syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return r, true
	case syntax.OpCapture, syntax.OpConcat:
		all = true
		head.Op = syntax.OpConcat
		for i := 0; i < len(r.Sub) && all; i++ {
			var part *syntax.Regexp
			part, all = beginning(r.Sub[i])
			head.Sub = append(head.Sub, part)
		}
	case syntax.OpAlternate:
		all = true
		head.Op = syntax.OpAlternate
		for _, sub := range r.Sub {
			part, whole := beginning(sub)
			head.Sub, all = append(head.Sub, part), all && whole
		}
	case syntax.OpPlus:
		head, _ = beginning(r.Sub[0])
	case syntax.OpRepeat:
		if _, most := length(r.Sub[0]); most <= maxPart && r.Min > 0 {
			head = &syntax.Regexp{Op: syntax.OpRepeat, Min: r.Min, Max: r.Min, Sub: r.Sub, Flags: r.Flags}
		}
	}
	return head, all
}

// flatten appends the parts that follow each other in r.
func flatten(parts []*syntax.Regexp, r *syntax.Regexp) []*syntax.Regexp {
	switch r.Op {
	case syntax.OpCapture, syntax.OpConcat:
		for _, sub := range r.Sub {
			parts = flatten(parts, sub)
		}
		return parts
	}
	return append(parts, r)
}

// A walk looks for keywords along all ways through an expression. It carries the
// texts that lead to a place and have no keyword yet; where none is left, every
// way has had one.
type walk struct {
	words []string
	first bool // a keyword counts only where the walk began
}

const (
	maxTails = 128 // texts that are carried
	maxTail  = 40  // bytes of them
	maxRunes = 4   // of a class that is gone through one by one
)

// forget returns what is carried past something that cannot be written down.
func (w *walk) forget() []string {
	if w.first {
		return []string{"\xff"} // no keyword begins so
	}
	return []string{""}
}

// everyWay reports whether every way through parts has a keyword.
func (w *walk) everyWay(parts []*syntax.Regexp) bool {
	return len(w.through(parts, []string{""})) == 0
}

func (w *walk) through(parts []*syntax.Regexp, tails []string) []string {
	for _, p := range parts {
		if tails = w.over(p, tails); len(tails) == 0 {
			return nil
		}
	}
	return tails
}

func (w *walk) over(r *syntax.Regexp, tails []string) []string {
	switch r.Op {
	case syntax.OpLiteral:
		for _, c := range r.Rune {
			tails = w.extend(tails, []rune{c})
		}
		return tails
	case syntax.OpCharClass:
		if runes := few(r.Rune); runes != nil {
			return w.extend(tails, runes)
		}
		return w.forget()
	case syntax.OpConcat, syntax.OpCapture:
		return w.through(r.Sub, tails)
	case syntax.OpAlternate:
		var all []string
		for _, sub := range r.Sub {
			all = append(all, w.over(sub, tails)...)
		}
		return w.limit(all)
	case syntax.OpQuest:
		return w.limit(slices.Concat(w.over(r.Sub[0], tails), tails))
	case syntax.OpPlus, syntax.OpRepeat:
		return w.again(r, tails)
	case syntax.OpStar:
		return w.limit(slices.Concat(w.forget(), tails))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return w.forget()
	}
	return tails // nothing is matched: a bound of a word, a text
}

// again is over, of what comes more than once.
func (w *walk) again(r *syntax.Regexp, tails []string) []string {
	if r.Op == syntax.OpRepeat && r.Min == 0 {
		return w.limit(slices.Concat(w.forget(), tails))
	}
	once := w.over(r.Sub[0], tails)
	if len(once) == 0 || r.Op == syntax.OpRepeat && r.Max == 1 {
		return once
	}
	return w.limit(slices.Concat(w.forget(), once))
}

// extend carries tails over one of runes, and leaves out those that come to a keyword.
func (w *walk) extend(tails []string, runes []rune) []string {
	var next []string
	for _, t := range tails {
		for _, c := range runes {
			if u := t + lowerRune(c); !w.done(u) {
				next = append(next, u)
			}
		}
	}
	return w.limit(next)
}

func (w *walk) done(text string) bool {
	return slices.ContainsFunc(w.words, func(word string) bool {
		if w.first {
			return text == word
		}
		return len(text) >= len(word) && text[len(text)-len(word):] == word
	})
}

func (w *walk) limit(tails []string) []string {
	slices.Sort(tails)
	tails = slices.Compact(tails)
	if len(tails) > maxTails || slices.ContainsFunc(tails, func(t string) bool { return len(t) > maxTail }) {
		return w.forget()
	}
	return tails
}
