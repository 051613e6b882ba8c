// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// JQL and CQL have the same grammar, as far as the site goes: clauses of field, operator and operand, joined with AND, OR
// and NOT, then an order. This file reads it leniently: what a real site takes must not fail here. What the fields and
// operators mean is the affair of jql.go and cql.go.

const (
	maxQuery = 50_000 // bytes
	maxDepth = 100    // nested parentheses and NOTs
)

// query is a parsed query. A nil where matches everything.
type query struct {
	where *expr
	order []orderTerm
}

type orderTerm struct {
	field string
	desc  bool
}

// expr is AND or OR over its kids, NOT of its only kid, or a clause.
type expr struct {
	op     string // and, or, not, clause
	kids   []*expr
	clause *clause
}

type clause struct {
	field   string
	op      string // lower case: = != ~ !~ < > <= >= in, not in, is, is not
	operand operand
}

type operand struct {
	list   bool
	values []value
}

// value is a literal or a function call.
type value struct {
	text     string
	quoted   bool
	function bool
	args     []string
}

// empty tells whether the value is the keyword EMPTY or NULL.
func (v value) empty() bool {
	return !v.quoted && !v.function && (strings.EqualFold(v.text, "empty") || strings.EqualFold(v.text, "null"))
}

// eval evaluates the expression, asking match about each clause. A nil expression is true.
func (e *expr) eval(match func(*clause) bool) bool {
	if e == nil {
		return true
	}
	switch e.op {
	case "clause":
		return match(e.clause)
	case "not":
		return !e.kids[0].eval(match)
	case "and":
		for _, kid := range e.kids {
			if !kid.eval(match) {
				return false
			}
		}
		return true
	}
	for _, kid := range e.kids {
		if kid.eval(match) {
			return true
		}
	}
	return false
}

// each calls visit with every clause until it returns an error.
func (e *expr) each(visit func(*clause) error) error {
	if e == nil {
		return nil
	}
	if e.op == "clause" {
		return visit(e.clause)
	}
	for _, kid := range e.kids {
		if err := kid.each(visit); err != nil {
			return err
		}
	}
	return nil
}

type tokenKind int

const (
	tokenEnd tokenKind = iota
	tokenWord
	tokenString
	tokenSymbol
)

type token struct {
	kind tokenKind
	text string
	at   int // byte offset
}

func (t token) String() string {
	if t.kind == tokenEnd {
		return "the end of the query"
	}
	return fmt.Sprintf("'%s' at position %d", t.text, t.at+1)
}

// is tells whether the token is this keyword or symbol.
func (t token) is(words ...string) bool {
	if t.kind != tokenWord && t.kind != tokenSymbol {
		return false
	}
	for _, word := range words {
		if strings.EqualFold(t.text, word) {
			return true
		}
	}
	return false
}

// tokenise cuts a query into tokens; the last one is tokenEnd.
func tokenise(text string) ([]token, error) {
	if len(text) > maxQuery {
		return nil, fmt.Errorf("the query is longer than %d bytes", maxQuery)
	}
	if !utf8.ValidString(text) {
		return nil, fmt.Errorf("the query is not valid UTF-8")
	}
	var tokens []token
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRuneInString(text[at:])
		var tok token
		var err error
		switch {
		case r <= unicode.MaxASCII && unicode.IsSpace(r):
			at += size
			continue
		case r == '"' || r == '\'':
			tok, size, err = quoted(text, at)
		case strings.ContainsRune("()=!<>~,&|", r):
			tok, size = symbol(text, at)
		default:
			size = wordEnd(text[at:])
			tok = token{tokenWord, text[at : at+size], at}
		}
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, tok)
		at += size
	}
	return append(tokens, token{kind: tokenEnd, at: len(text)}), nil
}

func symbol(text string, at int) (token, int) {
	for _, s := range []string{"!=", "!~", "<=", ">=", "&&", "||"} {
		if strings.HasPrefix(text[at:], s) {
			return token{tokenSymbol, s, at}, 2
		}
	}
	return token{tokenSymbol, text[at : at+1], at}, 1
}

// wordEnd returns the length of the unquoted word that the text begins with, at least 1. Only ASCII white space ends it:
// a no-break space is a part of a word, as on a real site.
func wordEnd(text string) int {
	end := strings.IndexFunc(text, func(r rune) bool {
		return r <= unicode.MaxASCII && unicode.IsSpace(r) || strings.ContainsRune(`()=!<>~,&|"'`, r)
	})
	if end < 0 {
		return len(text)
	}
	return max(end, 1)
}

// quoted reads a string, with backslash escapes, and returns its length in the text.
func quoted(text string, at int) (token, int, error) {
	quote := text[at]
	var b strings.Builder
	for i := at + 1; i < len(text); i++ {
		switch ch := text[i]; ch {
		case quote:
			return token{tokenString, b.String(), at}, i + 1 - at, nil
		case '\\':
			n, err := escape(&b, text[i:])
			if err != nil {
				return token{}, 0, err
			}
			i += n - 1
		default:
			b.WriteByte(ch)
		}
	}
	return token{}, 0, fmt.Errorf("the quoted string at position %d is not closed", at+1)
}

// escape decodes the escape sequence that the text begins with and returns its length.
func escape(b *strings.Builder, text string) (int, error) {
	if len(text) < 2 {
		return 0, fmt.Errorf("a backslash is at the end of the query")
	}
	switch text[1] {
	case 'n':
		b.WriteByte('\n')
	case 't':
		b.WriteByte('\t')
	case 'r':
		b.WriteByte('\r')
	case 'u':
		if len(text) < 6 {
			return 0, fmt.Errorf(`\u must be followed by 4 hexadecimal digits`)
		}
		code, err := strconv.ParseUint(text[2:6], 16, 16)
		if err != nil {
			return 0, fmt.Errorf(`\u must be followed by 4 hexadecimal digits`)
		}
		b.WriteRune(rune(code))
		return 6, nil
	default:
		_, size := utf8.DecodeRuneInString(text[1:])
		b.WriteString(text[1 : 1+size])
		return 1 + size, nil
	}
	return 2, nil
}
