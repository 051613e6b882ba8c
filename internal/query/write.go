// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package query

import "strings"

// String returns the query's canonical text: what the upstream is sent, what is hashed for an approval and what
// people are shown. Keywords are upper case, fields canonical, strings in double quotes; every compound inside another
// stands in parentheses, so no precedence matters. For a parsed query, Parse(String()) is the same query.
func (q *Query) String() string {
	var b strings.Builder
	if q.Where != nil {
		q.Where.write(&b)
	}
	for i, s := range q.Order {
		switch {
		case i > 0:
			b.WriteString(", ")
		case q.Where != nil:
			b.WriteString(" ORDER BY ")
		default:
			b.WriteString("ORDER BY ")
		}
		s.write(&b)
	}
	return b.String()
}

func (s Sort) write(b *strings.Builder) {
	writeField(b, s.Field)
	switch s.Direction {
	case Ascending:
		b.WriteString(" ASC")
	case Descending:
		b.WriteString(" DESC")
	}
}

func (e And) write(b *strings.Builder) { writeJoined(b, e, " AND ") }
func (e Or) write(b *strings.Builder)  { writeJoined(b, e, " OR ") }

func (e Not) write(b *strings.Builder) {
	b.WriteString("NOT (")
	if e.X != nil {
		e.X.write(b)
	}
	b.WriteByte(')')
}

func (e Clause) write(b *strings.Builder) {
	writeField(b, e.Field)
	b.WriteByte(' ')
	b.WriteString(e.Op.String())
	b.WriteByte(' ')
	list := e.Op == OpIn || e.Op == OpNotIn
	if list {
		b.WriteByte('(')
	}
	for i, v := range e.Values {
		if i > 0 {
			b.WriteString(", ")
		}
		v.write(b)
	}
	if list {
		b.WriteByte(')')
	}
}

func (v Value) write(b *strings.Builder) {
	switch {
	case v.Form == Empty:
		b.WriteString("EMPTY")
	case v.Form == Number && isNumber(v.Text):
		b.WriteString(v.Text)
	case v.Form == Call && isName(v.Text):
		b.WriteString(v.Text)
		b.WriteByte('(')
		for i, arg := range v.Args {
			if i > 0 {
				b.WriteString(", ")
			}
			writeQuoted(b, arg)
		}
		b.WriteByte(')')
	default:
		writeQuoted(b, v.Text)
	}
}

func writeJoined(b *strings.Builder, list []Expr, word string) {
	for i, e := range list {
		if i > 0 {
			b.WriteString(word)
		}
		if _, simple := e.(Clause); simple {
			e.write(b)
			continue
		}
		b.WriteByte('(')
		e.write(b)
		b.WriteByte(')')
	}
}

func writeField(b *strings.Builder, name string) {
	if isName(name) || isCustomField(name) {
		b.WriteString(name)
		return
	}
	writeQuoted(b, name)
}

func writeQuoted(b *strings.Builder, text string) {
	b.WriteByte('"')
	for i := range len(text) {
		if text[i] == '"' || text[i] == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(text[i])
	}
	b.WriteByte('"')
}

// isName reports whether s can stand for a field or function without quotes.
func isName(s string) bool {
	if s == "" || !isLetter(s[0]) {
		return false
	}
	for i := range len(s) {
		if !isLetter(s[i]) && !isDigit(s[i]) && s[i] != '_' && s[i] != '.' {
			return false
		}
	}
	return true
}

// isCustomField reports whether s is Jira's cf[10001].
func isCustomField(s string) bool {
	digits, ok := strings.CutPrefix(s, "cf[")
	if !ok {
		return false
	}
	digits, ok = strings.CutSuffix(digits, "]")
	return ok && isDigits(digits)
}

func isDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

// isNumber reports whether s is digits only and short enough to be an id; anything longer is a name.
func isNumber(s string) bool { return len(s) <= 18 && isDigits(s) }

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
