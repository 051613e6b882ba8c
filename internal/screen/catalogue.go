// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package screen

import (
	"fmt"
	"sync"
)

// A catalogue has all rules there are. Its expressions are compiled one by one,
// when first needed, and shared.
type catalogue struct {
	rules []*rule
	byID  map[string]*rule
	words keywords
}

// theCatalogue reads the rules when they are first asked for.
var theCatalogue = sync.OnceValues(func() (*catalogue, error) {
	rules, everywhere, err := gitleaks()
	if err != nil {
		return nil, fmt.Errorf("read the screening rules: %w", err)
	}
	c, allowed := &catalogue{byID: map[string]*rule{}}, &allowlists{sources: everywhere}
	for i := range rules {
		src := &rules[i]
		c.add(&rule{id: src.id, source: src, allowed: []*allowlists{allowed, {sources: src.allowlists}}})
		for _, word := range src.keywords {
			c.words.add(word, len(c.rules)-1)
		}
	}
	for _, p := range personal {
		c.add(&rule{id: p.id, scan: p.scan})
	}
	c.words.index()
	return c, nil
})

func (c *catalogue) add(r *rule) {
	c.rules = append(c.rules, r)
	c.byID[r.id] = r
}

// keywords find which rules a text may concern. A word begins with two bytes
// that few places of a text have, so most places cost one look at a table.
type keywords struct {
	words []keyword
	first [1 << 16]uint16 // by two bytes: 1 + the place in from
	from  [][]int         // places in words
}

type keyword struct {
	text  string
	rules []int
}

func (k *keywords) add(text string, rule int) {
	for i := range k.words {
		if k.words[i].text == text {
			k.words[i].rules = append(k.words[i].rules, rule)
			return
		}
	}
	k.words = append(k.words, keyword{text, []int{rule}})
}

// index prepares the search. Words must have two bytes at least; a test sees to it.
func (k *keywords) index() {
	for i, w := range k.words {
		a, b := w.text[0], w.text[1]
		at := k.first[pair(a, b)]
		if at == 0 {
			k.from = append(k.from, nil)
			at = uint16(len(k.from))
		}
		k.from[at-1] = append(k.from[at-1], i)
		for _, p := range []uint16{pair(a, b), pair(upper(a), b), pair(a, upper(b)), pair(upper(a), upper(b))} {
			k.first[p] = at
		}
	}
}

func pair(a, b byte) uint16 { return uint16(a)<<8 | uint16(b) }

// each calls hit for every place in text where a keyword begins, in any case,
// until hit says that it is enough.
func (k *keywords) each(text []byte, hit func(at int, w *keyword) (enough bool)) {
	if len(text) == 0 {
		return
	}
	here := uint16(text[0])
	for i, c := range text[1:] {
		here = here<<8 | uint16(c)
		from := k.first[here]
		if from == 0 {
			continue
		}
		for _, w := range k.from[from-1] {
			if word := &k.words[w]; begins(text[i:], word.text) && hit(i, word) {
				return
			}
		}
	}
}

// in reports whether text has one of the keywords. No keywords are in nothing.
func (k *keywords) in(text []byte) (found bool) {
	if k != nil {
		k.each(text, func(int, *keyword) bool { found = true; return true })
	}
	return found
}

// begins reports whether text, whose first two bytes are known to be word's,
// begins with word in any case.
func begins(text []byte, word string) bool {
	if len(text) < len(word) {
		return false
	}
	for i := 2; i < len(word); i++ {
		if lower(text[i]) != word[i] {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func upper(c byte) byte {
	if 'a' <= c && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}
