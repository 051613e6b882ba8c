// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package query

import "fmt"

// Reason says which rule of spec/query.md a text breaks. Only ReasonSyntax says that it is no query at all; what is
// refused for another reason may be one upstream.
type Reason string

// The reasons.
const (
	ReasonEncoding  Reason = "encoding"  // not UTF-8
	ReasonLimit     Reason = "limit"     // too long, too deep or too many of something
	ReasonCharacter Reason = "character" // one that may not stand outside quotes
	ReasonHidden    Reason = "hidden"    // a character that people do not see, in quotes
	ReasonEscape    Reason = "escape"    // a backslash before anything else than " ' and \
	ReasonSyntax    Reason = "syntax"    // not a query that is complete by itself
	ReasonReserved  Reason = "reserved"  // a reserved word as a value, without quotes
	ReasonField     Reason = "field"     // a field that may not be asked about
	ReasonAmbiguous Reason = "ambiguous" // a name that several fields have
	ReasonProperty  Reason = "property"  // something within a field, in brackets
	ReasonOperator  Reason = "operator"  // one that the field, or what follows, does not go with
	ReasonHistory   Reason = "history"   // WAS or CHANGED
	ReasonFunction  Reason = "function"  // one that the field may not be compared with, or its arguments
	ReasonValue     Reason = "value"     // not a value of the field's kind, or not one of those that are allowed
	ReasonSort      Reason = "sort"      // a field that results may not be sorted by, or that is there twice
)

// Error says where a text stopped being an acceptable query. Its message is in two lines for people: what is wrong
// and where, then what mends it.
type Error struct {
	Reason Reason
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

func errorAt(text string, offset int, why Reason, hint, format string, args ...any) *Error {
	e := &Error{Reason: why, Offset: offset, Line: 1, Column: 1, Msg: fmt.Sprintf(format, args...), Hint: hint}
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
