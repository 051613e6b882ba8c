// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// label makes text of a page fit for a message: one line, printable, and at
// most so many characters.
func label(s string, most int) string {
	s, whole := shorten(s, most)
	if !whole {
		s += "…"
	}
	return s
}

// shorten is label, and reports whether nothing is cut.
func shorten(s string, most int) (string, bool) {
	whole := true
	if len(s) > 8*most { // more than enough, whatever is in it
		s, whole = strings.ToValidUTF8(s[:8*most], ""), false
	}
	s = visible(oneLine(s))
	n := 0
	for i := range s {
		if n == most {
			return s[:i], false
		}
		n++
	}
	return s, whole
}

// maxTold bounds what a label tells of one value, in characters. It is more than
// what agents may write.
const maxTold = 2000

// seeFull stands behind what is cut and may be part of a change.
const seeFull = "… (cut here: look at the request in full)"

// told is what stands in brackets for a value of a page. It says so if it is cut.
func told(s string, most int) string {
	s, whole := shorten(s, most)
	s = bracketed(s)
	if !whole {
		s += seeFull
	}
	return s
}

// inside is label for what stands in brackets, which it cannot close.
func inside(s string, most int) string {
	return bracketed(label(s, most))
}

func bracketed(s string) string {
	if !strings.ContainsAny(s, "[]") {
		return s
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "[", `\[`), "]", `\]`)
}

// oneLine makes single blanks of white space.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// visible writes characters that people cannot see, or that turn the order of
// others around, as what they are: <U+202E>.
func visible(s string) string {
	if strings.IndexFunc(s, isHidden) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case unicode.IsSpace(r) && r != '\u2028' && r != '\u2029':
			b.WriteByte(' ')
		case isHidden(r):
			fmt.Fprintf(&b, "<U+%04X>", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// isHidden reports whether a character shows nothing by itself: controls, marks
// of direction, characters without width, tags, and all blanks but the plain one.
func isHidden(r rune) bool {
	switch {
	case r < 0x7f:
		return r < ' '
	case 0xfe00 <= r && r <= 0xfe0f && r != 0xfe0f, 0xe0100 <= r && r <= 0xe01ef: // selectors of variants; fe0f makes an emoji of a sign
		return true
	case r == 0x034f, r == 0x115f, r == 0x1160, r == 0x3164, r == 0xffa0, r == 0x2800: // letters and marks without a shape
		return true
	}
	return !unicode.IsPrint(r)
}

// isForbidden reports whether a character may not be in text that an edit brings.
func isForbidden(r rune) bool {
	return r != '\n' && r != '\t' && isHidden(r) && !unicode.Is(unicode.Zs, r) && r != 0x200d // joins emoji and some scripts' letters
}

// IsText reports whether a text that somebody brings can be seen for what it is: it
// holds no controls but tabs and line ends, nothing that turns the order of letters
// around, and nothing without a shape.
func IsText(s string) bool { return utf8.ValidString(s) && strings.IndexFunc(s, isForbidden) < 0 }

// Visible writes characters that people cannot see, or that turn the order of others
// around, as what they are: <U+202E>. All white space becomes blanks.
func Visible(s string) string { return visible(s) }
