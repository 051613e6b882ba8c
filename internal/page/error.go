// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// A Code tells programs why something was refused.
type Code string

// The codes of an [Error].
const (
	Malformed Code = "malformed" // the body or an edit's content cannot be read
	TooLarge  Code = "too_large" // beyond a limit of this package
	BadEdit   Code = "bad_edit"  // the edit does not say what can be done
	Stale     Code = "stale"     // no such block in this version of the page
	Loss      Code = "loss"      // something would be dropped that the edit does not name
	Repeat    Code = "repeat"    // an id would be there more than once
)

// An Error says why something was refused, in two lines for people: what is
// wrong, and what mends it. Text of the page in it is short and printable.
type Error struct {
	Code   Code
	Msg    string
	Hint   string
	Losses []Lost // of Code Loss: what is not named, in the order of the page
}

// Error returns the two lines.
func (e *Error) Error() string { return e.Msg + "\n" + e.Hint }

func refuse(code Code, hint, format string, args ...any) *Error {
	return &Error{Code: code, Msg: fmt.Sprintf(format, args...), Hint: hint}
}

// malformed refuses a text at a byte of it.
func malformed(text string, at int, hint, format string, args ...any) *Error {
	at = min(max(at, 0), len(text))
	line := 1 + strings.Count(text[:at], "\n")
	column := 1 + utf8.RuneCountInString(text[strings.LastIndexByte(text[:at], '\n')+1:at])
	return refuse(Malformed, hint, "%s (line %d, column %d)", fmt.Sprintf(format, args...), line, column)
}
