// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package datacenter

import (
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// forced is a line break inside what must stand in one line. Behind it stands a
// space: another backslash would mean something else.
const forced = ` \\ `

// line writes text with its marks, and breaks between its lines.
func line(list []node, br string) (string, error) {
	var b strings.Builder
	list = merged(list)
	for i := range list {
		n := &list[i]
		switch n.Type {
		case "hardBreak":
			b.WriteString("\n")
		case "text":
			b.WriteString(n.marked(edge(list, i-1, true), edge(list, i+1, false)))
		default:
			return "", errForm
		}
	}
	lines := strings.Split(b.String(), "\n")
	for i := range lines {
		lines[i] = unblocked(lines[i])
	}
	return strings.Join(lines, br), nil
}

// merged puts texts with the same marks that follow one another into one, so that
// no sign is cut in two.
func merged(list []node) []node {
	var out []node
	for _, n := range list {
		if last := len(out) - 1; last >= 0 && n.Type == "text" && out[last].Type == "text" && slices.EqualFunc(out[last].Marks, n.Marks, mark.same) {
			out[last].Text += n.Text
			continue
		}
		if n.Type != "text" || n.Text != "" {
			out = append(out, n)
		}
	}
	return out
}

func (m mark) same(other mark) bool {
	return m.Type == other.Type && (m.Attrs == nil) == (other.Attrs == nil) && (m.Attrs == nil || *m.Attrs == *other.Attrs)
}

// edge reports whether the text next to a node is joined to it by a letter or digit.
func edge(list []node, i int, last bool) bool {
	if i < 0 || i >= len(list) || list[i].Type != "text" || list[i].Text == "" {
		return false
	}
	r, _ := utf8.DecodeRuneInString(list[i].Text)
	if last {
		r, _ = utf8.DecodeLastRuneInString(list[i].Text)
	}
	return wordly(r)
}

// wordly errs on the side of yes beyond ASCII.
func wordly(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r >= utf8.RuneSelf
}

// signs stand around text with a mark.
var signs = map[string]string{"strong": "*", "em": "_", "strike": "-", "underline": "+"}

// marked is a text with its marks, line by line: marks do not go over line ends.
// before and after say that it is joined to other letters, between which only the
// longer form of a mark is one.
func (n *node) marked(before, after bool) string {
	lines := strings.Split(strings.ReplaceAll(n.Text, "\r", ""), "\n")
	for i, s := range lines {
		core := strings.Trim(s, " \t")
		if len(n.Marks) == 0 || core == "" {
			lines[i] = escape(s)
			continue
		}
		at := strings.Index(s, core)
		lead, trail := s[:at], s[at+len(core):]
		joined := before && i == 0 && lead == "" || after && i == len(lines)-1 && trail == ""
		lines[i] = lead + n.wrap(escape(core), joined) + trail
	}
	return strings.Join(lines, "\n")
}

func (n *node) wrap(s string, joined bool) string {
	href := ""
	for _, m := range n.Marks {
		sign := signs[m.Type]
		switch {
		case m.Type == "code":
			s = "{{" + s + "}}"
			continue
		case m.Type == "link" && m.Attrs != nil:
			href = address(m.Attrs.Href)
			continue
		case m.Type == "subsup" && m.Attrs != nil && m.Attrs.Type == "sup":
			sign = "^"
		case m.Type == "subsup":
			sign = "~"
		}
		if sign != "" && joined {
			sign = "{" + sign + "}"
		}
		s = sign + s + sign
	}
	if href != "" {
		s = "[" + escaped.ReplaceAllStringFunc(s, entityOf) + "|" + href + "]"
	}
	return s
}

// entityOf writes an escaped sign as it must be in the words of a link.
func entityOf(s string) string { return fmt.Sprintf("&#%d;", s[1]) }

// blockStart is what makes a line a heading or a quote.
var blockStart = regexp.MustCompile(`^([ \t]*(?:h[1-6]|bq))\.`)

// unblocked takes the meaning from the start of a line.
func unblocked(s string) string { return blockStart.ReplaceAllString(s, "$1&#46;") }

// entity is what shows as one character, or may with what follows.
var entity = regexp.MustCompile(`^&#?[A-Za-z0-9]+;`)

// faces become small images: what is in parentheses, and what begins with a colon.
var (
	faceIn = regexp.MustCompile(`^\((?:/|x|y|n|i|on|off|flag|flagoff|\*[a-z]?)\)`)
	faceAt = regexp.MustCompile(`^(?::[-']?[()PpDO|*]|;[-']?\))(?:[^A-Za-z0-9]|$)`)
)

// escape writes text so that none of its signs means anything. Where text ends it
// takes the worst of what may follow.
func escape(s string) string {
	var b strings.Builder
	start := true // nothing but blanks in this line so far
	for i, r := range s {
		var prev, next rune
		if i > 0 {
			prev, _ = utf8.DecodeLastRuneInString(s[:i])
		}
		if rest := s[i+len(string(r)):]; rest != "" {
			next, _ = utf8.DecodeRuneInString(rest)
		}
		switch {
		case r == '\\':
			b.WriteString("&#92;")
		case r == '&' && entity.MatchString(s[i:]):
			b.WriteString("&amp;")
		case r == '|':
			b.WriteString("&#124;")
		case r == ':' && faceAt.MatchString(s[i:]):
			b.WriteString("&#58;")
		case r == ';' && faceAt.MatchString(s[i:]):
			b.WriteString("&#59;")
		case means(r, prev, next, start) || r == '(' && faceIn.MatchString(s[i:]):
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
		start = r == '\n' || start && (r == ' ' || r == '\t')
	}
	return b.String()
}

// means reports whether a sign may mean something between these two.
func means(r, prev, next rune, start bool) bool {
	switch r {
	case '{', '}', '[', ']', '*', '^', '~':
		return true
	case '-', '_', '+':
		return !letter(prev) || !letter(next)
	case '!':
		return next != ' ' && next != '\n'
	case '?':
		return prev == '?' || next == '?'
	case '#':
		return start || prev == '#'
	}
	return false
}

// letter reports whether a sign next to r is within a word, for certain: beside
// blanks and quotes that are not ASCII it may mean something as beside others.
func letter(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

var escaped = regexp.MustCompile(`\\([-{}\[\]*^~_+!?#(])`)

// plain is escaped text without its escapes. What is not escaped it leaves.
func plain(s string) string { return html.UnescapeString(escaped.ReplaceAllString(s, "$1")) }
