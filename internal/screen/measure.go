// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package screen

import (
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf8"
)

// far is a length without bound.
const far = 1 << 30

// lengths returns how many bytes parts match, one after the other, at least and
// at most.
func lengths(parts []*syntax.Regexp) (least, most int) {
	for _, p := range parts {
		a, b := length(p)
		least, most = min(least+a, far), min(most+b, far)
	}
	return least, most
}

func length(r *syntax.Regexp) (least, most int) {
	switch r.Op {
	case syntax.OpLiteral:
		for _, c := range r.Rune {
			a, b := widths(folds(c, r.Flags))
			least, most = least+a, most+b
		}
	case syntax.OpCharClass:
		return widths(r.Rune)
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return 1, utf8.UTFMax
	case syntax.OpConcat, syntax.OpCapture:
		return lengths(r.Sub)
	case syntax.OpAlternate:
		least = far
		for _, sub := range r.Sub {
			a, b := length(sub)
			least, most = min(least, a), max(most, b)
		}
	case syntax.OpQuest:
		_, most = length(r.Sub[0])
	case syntax.OpStar:
		return 0, far
	case syntax.OpPlus:
		least, _ = length(r.Sub[0])
		return least, far
	case syntax.OpRepeat:
		return repeated(r)
	}
	return least, most
}

func repeated(r *syntax.Regexp) (least, most int) {
	a, b := length(r.Sub[0])
	if r.Max < 0 {
		return min(a*r.Min, far), far
	}
	return min(a*r.Min, far), min(b*r.Max, far)
}

// folds returns the cases of c that a literal with flags means.
func folds(c rune, flags syntax.Flags) []rune {
	all := []rune{c}
	if flags&syntax.FoldCase != 0 {
		for f := unicode.SimpleFold(c); f != c; f = unicode.SimpleFold(f) {
			all = append(all, f)
		}
	}
	return all
}

// widths returns the bytes of the shortest and the longest of runes. An invalid
// byte is read as utf8.RuneError, and is one.
func widths(runes []rune) (least, most int) {
	least = utf8.UTFMax
	for _, c := range runes {
		n := max(utf8.RuneLen(c), 1)
		least, most = min(least, n), max(most, n)
	}
	if most > 1 {
		least = 1
	}
	return least, most
}

// alphabet adds to a the bytes that parts match.
func alphabet(parts []*syntax.Regexp, a *bytes256) {
	for _, r := range parts {
		switch r.Op {
		case syntax.OpLiteral:
			for _, c := range r.Rune {
				for _, f := range folds(c, r.Flags) {
					a.span(f, f)
				}
			}
		case syntax.OpCharClass:
			for i := 0; i < len(r.Rune); i += 2 {
				a.span(r.Rune[i], r.Rune[i+1])
			}
		case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
			a.span(0, unicode.MaxRune)
		default:
			alphabet(r.Sub, a)
		}
	}
}

// opening adds to a the bytes that what parts match can begin with.
func opening(parts []*syntax.Regexp, a *bytes256) {
	for _, r := range parts {
		switch r.Op {
		case syntax.OpLiteral:
			for _, f := range folds(r.Rune[0], r.Flags) {
				a.span(f, f)
			}
		case syntax.OpAlternate:
			for _, sub := range r.Sub {
				opening([]*syntax.Regexp{sub}, a)
			}
		case syntax.OpConcat, syntax.OpCapture, syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
			opening(r.Sub, a)
		default:
			alphabet([]*syntax.Regexp{r}, a)
		}
		if least, _ := length(r); least > 0 {
			return
		}
	}
}

// span adds the bytes of the runes from lo to hi: of a few that are not ASCII
// exactly those, of many all that are not ASCII.
func (a *bytes256) span(lo, hi rune) {
	for c := lo; c <= min(hi, unicode.MaxASCII); c++ {
		a[c] = true
	}
	if hi <= unicode.MaxASCII {
		return
	}
	if lo = max(lo, unicode.MaxASCII+1); hi-lo < maxRunes {
		for c := lo; c <= hi; c++ {
			for _, b := range []byte(string(c)) {
				a[b] = true
			}
		}
		return
	}
	for i := utf8.RuneSelf; i < len(a); i++ {
		a[i] = true
	}
}

// few returns the runes of a class in lower case, nil if they are many.
func few(class []rune) []rune {
	var runes []rune
	for i := 0; i < len(class); i += 2 {
		if class[i+1]-class[i] >= maxRunes {
			return nil
		}
		for c := class[i]; c <= class[i+1]; c++ {
			runes = append(runes, c)
		}
	}
	if len(runes) > 2*maxRunes {
		return nil
	}
	return runes
}

// lowerRune returns c as keywords have it. The Kelvin sign is no k here: no
// keyword is looked for in such a spelling.
func lowerRune(c rune) string {
	if c > unicode.MaxASCII {
		return string(c)
	}
	return strings.ToLower(string(c))
}
