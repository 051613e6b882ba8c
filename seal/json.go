// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package seal

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// MaxPaper bounds what the readers of this package accept, in bytes.
const MaxPaper = 16 << 20

// ErrNotCanonical is returned for a signed paper that is not in its one form.
var ErrNotCanonical = errors.New("not in canonical form (RFC 8785)")

// A SyntaxError says where a paper is wrong. Line and Column count from 1, in
// bytes; Pointer is the RFC 6901 pointer of the value concerned, or "".
type SyntaxError struct {
	Line, Column int
	Pointer      string
	Msg          string
}

func (e *SyntaxError) Error() string {
	at := fmt.Sprintf("line %d, column %d", e.Line, e.Column)
	if e.Pointer != "" {
		at += " (" + e.Pointer + ")"
	}
	return at + ": " + e.Msg
}

// Unmarshal reads b into v strictly: names must match in case, occur once and
// be known to v; nothing may follow the value. encoding/json promises none of
// these. Errors are *SyntaxError.
func Unmarshal(b []byte, v any) error {
	return unmarshal(b, v, MaxPaper, json.RejectUnknownMembers(true))
}

// UnmarshalUpTo is Unmarshal for files of at most max bytes, which may be more
// than MaxPaper.
func UnmarshalUpTo(b []byte, v any, max int) error {
	return unmarshal(b, v, max, json.RejectUnknownMembers(true))
}

// Glance reads the members of b that v names and passes over the others. It is
// as strict as Unmarshal about duplicates and case; it is for other people's
// formats, of which we need a field or two.
func Glance(b []byte, v any) error {
	return unmarshal(b, v, MaxPaper, json.RejectUnknownMembers(false))
}

func unmarshal(b []byte, v any, max int, o json.Options) error {
	if err := checkLength(b, max); err != nil {
		return err
	}
	if err := json.Unmarshal(b, v, o); err != nil {
		return locate(b, err)
	}
	return nil
}

func checkLength(b []byte, max int) error {
	if len(b) > max {
		return &SyntaxError{1, 1, "", fmt.Sprintf("longer than %d bytes", max)}
	}
	return nil
}

// Marshal writes v in canonical form (RFC 8785).
func Marshal(v any) ([]byte, error) { return MarshalUpTo(v, MaxPaper) }

// MarshalUpTo is Marshal for files of at most max bytes, which may be more
// than MaxPaper.
func MarshalUpTo(v any, max int) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return canonical(b, max)
}

// Canonical returns b in canonical form (RFC 8785). It refuses what has no one
// form: duplicate names, invalid UTF-8, and integers that a float64 cannot
// hold, which RFC 8785 would silently round. b is not changed.
func Canonical(b []byte) ([]byte, error) { return canonical(b, MaxPaper) }

func canonical(b []byte, max int) ([]byte, error) {
	if err := checkLength(b, max); err != nil {
		return nil, err
	}
	if c, ok := oneForm(b); ok {
		return c, nil
	}
	return canonicalAtLength(b)
}

// canonicalAtLength is canonical for what oneForm gives up at. It is slower, and
// says what is wrong, and where.
func canonicalAtLength(b []byte) ([]byte, error) {
	if err := checkNumbers(b); err != nil {
		return nil, err
	}
	v := jsontext.Value(bytes.Clone(b))
	if err := v.Canonicalize(); err != nil {
		return nil, locate(b, err)
	}
	return v, nil
}

// Decode reads a signed paper: as Unmarshal does, and the bytes must be
// canonical, so that a paper has one hash whoever reads it.
func Decode(b []byte, v any) error {
	c, err := Canonical(b)
	if err != nil {
		return err
	}
	if !bytes.Equal(b, c) {
		return ErrNotCanonical
	}
	return Unmarshal(b, v)
}

const maxSafe = 1<<53 - 1

func checkNumbers(b []byte) error {
	d := jsontext.NewDecoder(bytes.NewReader(b))
	for {
		tok, err := d.ReadToken()
		if err != nil {
			if end := d.InputOffset(); end == int64(len(b)) || len(bytes.TrimSpace(b[end:])) == 0 {
				return nil // the end, or an error that the caller's own reading reports
			}
			return locate(b, err)
		}
		if tok.Kind() != '0' {
			continue
		}
		s := tok.String()
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || math.Abs(f) > maxSafe {
			line, col := position(b, d.InputOffset()-int64(len(s)))
			return &SyntaxError{line, col, string(d.StackPointer()), "number " + s + " is too large to have one form"}
		}
	}
}

func locate(b []byte, err error) error {
	var sem *json.SemanticError
	var syn *jsontext.SyntacticError
	out := &SyntaxError{Line: 1, Column: 1, Msg: err.Error()}
	switch {
	case errors.As(err, &sem):
		out.Line, out.Column = position(b, sem.ByteOffset)
		out.Pointer = string(sem.JSONPointer)
		out.Msg = semantic(sem)
	case errors.As(err, &syn):
		out.Line, out.Column = position(b, syn.ByteOffset)
		out.Pointer = string(syn.JSONPointer)
		out.Msg = syn.Err.Error()
	}
	return out
}

func semantic(e *json.SemanticError) string {
	switch {
	case errors.Is(e.Err, json.ErrUnknownName):
		return fmt.Sprintf("unknown field %q", e.JSONPointer.LastToken())
	case e.Err != nil:
		return e.Err.Error()
	case e.JSONKind != 0:
		return fmt.Sprintf("a %s does not belong here", e.JSONKind)
	}
	return "does not belong here"
}

func position(b []byte, off int64) (line, col int) {
	off = min(max(off, 0), int64(len(b)))
	// The decoder reports the end of the value before; people look for the
	// value itself.
	for off < int64(len(b)) && bytes.IndexByte([]byte(" \t\r\n,:"), b[off]) >= 0 {
		off++
	}
	head := b[:off]
	return bytes.Count(head, []byte("\n")) + 1, int(off) - bytes.LastIndexByte(head, '\n')
}

// Either is a value with two spellings: B is the list form, A any other.
// Exactly one is set after reading.
type Either[A, B any] struct {
	A *A
	B *B
}

// UnmarshalJSONFrom reads a list into B and anything else into A.
func (e *Either[A, B]) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if d.PeekKind() == '[' {
		e.B = new(B)
		return json.UnmarshalDecode(d, e.B)
	}
	e.A = new(A)
	return json.UnmarshalDecode(d, e.A)
}

// MarshalJSONTo writes the form that is set.
func (e Either[A, B]) MarshalJSONTo(enc *jsontext.Encoder) error {
	if e.B != nil {
		return json.MarshalEncode(enc, e.B)
	}
	return json.MarshalEncode(enc, e.A)
}

// NoBlanks returns a *SyntaxError for the first null or empty text in b: an
// author may mean nothing by it and a reader take it for anything. What is not
// JSON is for the caller's own reading to report.
func NoBlanks(b []byte) error {
	d := jsontext.NewDecoder(bytes.NewReader(b))
	for {
		before := d.InputOffset()
		tok, err := d.ReadToken()
		if err != nil {
			return nil
		}
		if tok.Kind() == 'n' || tok.Kind() == '"' && tok.String() == "" {
			line, col := position(b, before)
			return &SyntaxError{line, col, string(d.StackPointer()), "is empty: say what it is to be, or leave it out"}
		}
	}
}

// Errorf says what is wrong with the value at pointer (RFC 6901) in b. Where b
// has no such value, it shows the place of what should hold it.
func Errorf(b []byte, pointer, format string, args ...any) *SyntaxError {
	e := &SyntaxError{1, 1, pointer, fmt.Sprintf(format, args...)}
	d := jsontext.NewDecoder(bytes.NewReader(b))
	deepest := ""
	for {
		before := d.InputOffset()
		if _, err := d.ReadToken(); err != nil {
			return e
		}
		at := string(d.StackPointer())
		if len(at) > len(deepest) && (at == pointer || strings.HasPrefix(pointer, at+"/")) {
			e.Line, e.Column = position(b, before)
			deepest = at
		}
		if at == pointer {
			return e
		}
	}
}
