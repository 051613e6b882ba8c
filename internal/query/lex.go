// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

type kind uint8

const (
	end    kind = iota
	word        // without quotes
	quoted      // text is the content, unescaped
	mark        // an operator or punctuation
)

type token struct {
	kind   kind
	text   string
	offset int
}

// is reports whether the token is the keyword, in any case.
func (t token) is(keyword string) bool {
	return t.kind == word && strings.EqualFold(t.text, keyword)
}

func (t token) isMark(text string) bool {
	return t.kind == mark && t.text == text
}

// tokens cuts the text up. Outside quotes it takes ASCII only: a no-break space is part of a word to Jira and a blank
// to a reader, and such differences are where bounds break.
func tokens(d Dialect, text string) ([]token, error) {
	l := lexer{d: d, text: text}
	var list []token
	for {
		t, err := l.next()
		if err != nil {
			return nil, err
		}
		list = append(list, t)
		if t.kind == end {
			return list, nil
		}
	}
}

type lexer struct {
	d    Dialect
	text string
	pos  int
}

func (l *lexer) next() (token, error) {
	for l.pos < len(l.text) && strings.IndexByte(" \t\r\n", l.text[l.pos]) >= 0 {
		l.pos++
	}
	if l.pos == len(l.text) {
		return token{kind: end, offset: l.pos}, nil
	}
	c := l.text[l.pos]
	switch {
	case c == '"' || c == '\'':
		return l.quoted(c)
	case l.isWord(c):
		return l.word(), nil
	}
	if m := l.mark(); m != "" {
		l.pos += len(m)
		return token{kind: mark, text: m, offset: l.pos - len(m)}, nil
	}
	return token{}, l.unexpected()
}

func (l *lexer) isWord(c byte) bool {
	return isLetter(c) || isDigit(c) || strings.IndexByte(l.d.WordMarks, c) >= 0
}

func (l *lexer) word() token {
	start := l.pos
	for l.pos < len(l.text) && l.isWord(l.text[l.pos]) {
		l.pos++
	}
	if strings.EqualFold(l.text[start:l.pos], "cf") {
		l.customField()
	}
	return token{kind: word, text: l.text[start:l.pos], offset: start}
}

// customField goes on over the "[10001]" of Jira's cf[10001]. Any other bracket stays where it is and is refused.
func (l *lexer) customField() {
	rest := l.text[l.pos:]
	n := strings.IndexByte(rest, ']')
	if n > 0 && isCustomField("cf"+rest[:n+1]) {
		l.pos += n + 1
	}
}

// mark returns the longest operator or punctuation here, or "".
func (l *lexer) mark() string {
	rest := l.text[l.pos:]
	for _, m := range []string{"!=", "!~", "<=", ">=", "=", "~", "<", ">", "(", ")", ","} {
		if strings.HasPrefix(rest, m) {
			return m
		}
	}
	if !l.d.Symbols {
		return ""
	}
	for _, m := range []string{"&&", "||", "&", "|", "!"} {
		if strings.HasPrefix(rest, m) {
			return m
		}
	}
	return ""
}

func (l *lexer) quoted(quote byte) (token, error) {
	start := l.pos
	var b strings.Builder
	for i := start + 1; i < len(l.text); {
		r, size := utf8.DecodeRuneInString(l.text[i:])
		switch {
		case r == rune(quote):
			l.pos = i + 1
			return token{kind: quoted, text: b.String(), offset: start}, nil
		case r == '\\':
			if i+1 == len(l.text) || strings.IndexByte(`"'\`, l.text[i+1]) < 0 {
				return token{}, errorAt(l.text, i, ReasonEscape, `After a backslash only ", ' and \ may follow; write any other character itself.`,
					"unknown escape in a quoted text")
			}
			b.WriteByte(l.text[i+1])
			i += 2
			continue
		case isHidden(r):
			return token{}, errorAt(l.text, i, ReasonHidden, "Remove the character; a search does not need it.",
				"invisible character %U in a quoted text", r)
		}
		b.WriteRune(r)
		i += size
	}
	return token{}, errorAt(l.text, start, ReasonSyntax, "Close the text with the quote that opened it.", "quote without an end")
}

// isHidden reports whether r would end a line, vanish or turn the reading direction round, so that a person who
// approves the query sees something else than what runs. The joiners U+200C and U+200D are letters' business in many
// scripts, and stay.
func isHidden(r rune) bool {
	switch {
	case unicode.IsControl(r), r == 0x2028, r == 0x2029:
		return true
	case r == 0x200C, r == 0x200D, unicode.Is(unicode.Prepended_Concatenation_Mark, r):
		return false
	case unicode.Is(unicode.Cf, r), unicode.Is(unicode.Noncharacter_Code_Point, r):
		return true
	case r == 0x034F, r == 0x115F, r == 0x1160, r == 0x3164, r == 0xFFA0: // fillers, which have no shape
		return true
	case 0xE0000 <= r && r <= 0xE0FFF: // tags and more selectors of variants
		return true
	}
	return false
}

func (l *lexer) unexpected() error {
	r, _ := utf8.DecodeRuneInString(l.text[l.pos:])
	switch {
	case r >= utf8.RuneSelf && unicode.IsSpace(r):
		return errorAt(l.text, l.pos, ReasonCharacter, "Use a plain space.", "the blank %U is not a space", r)
	case r >= utf8.RuneSelf:
		return errorAt(l.text, l.pos, ReasonCharacter, `Put the value in double quotes.`, "character %U outside quotes", r)
	case unicode.IsControl(r):
		return errorAt(l.text, l.pos, ReasonCharacter, "Remove the character.", "control character %U", r)
	case r == '[':
		return errorAt(l.text, l.pos, ReasonProperty, "Only fields by name, or as cf[10001] where the policy lists them, can be searched.",
			"properties cannot be searched")
	}
	return errorAt(l.text, l.pos, ReasonCharacter, "Put the value in double quotes.", "character %q outside quotes", r)
}
