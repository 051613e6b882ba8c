// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package query

import "fmt"

// Error says where a text stopped being an acceptable query. Its message is in two lines for people: what is wrong
// and where, then what mends it.
type Error struct {
	Offset int // bytes before the offending token
	Line   int // from 1
	Column int // characters, from 1
	Msg    string
	Hint   string
}

// Error returns the two lines.
func (e *Error) Error() string {
	return fmt.Sprintf("%s (line %d, column %d)\n%s", e.Msg, e.Line, e.Column, e.Hint)
}

func errorAt(text string, offset int, hint, format string, args ...any) *Error {
	e := &Error{Offset: offset, Line: 1, Column: 1, Msg: fmt.Sprintf(format, args...), Hint: hint}
	for _, r := range text[:offset] {
		if r == '\n' {
			e.Line, e.Column = e.Line+1, 1
		} else {
			e.Column++
		}
	}
	return e
}

// excerpt keeps hostile text short inside a message; the message quotes it.
func excerpt(s string) string {
	const most = 40
	n := 0
	for i := range s {
		if n == most {
			return s[:i] + "…"
		}
		n++
	}
	return s
}
