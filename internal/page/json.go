// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

const jsonHint = "Send one JSON document in UTF-8, in which no name is there twice."

// maxNesting bounds how deep JSON values nest: a node of ADF takes two levels,
// and its attributes some more.
const maxNesting = 2*MaxDepth + 40

// A value is a JSON value and where it stands.
type value struct {
	kind     jsontext.Kind
	from, to int
	text     string // of a string, unescaped; of other scalars as written
	names    []string
	items    []*value // members of an object, beside names, or elements of an array
}

// get returns the value at a path of names, or nil.
func (v *value) get(path ...string) *value {
	for _, name := range path {
		if v == nil {
			return nil
		}
		v = v.member(name)
	}
	return v
}

func (v *value) member(name string) *value {
	for i, n := range v.names {
		if n == name {
			return v.items[i]
		}
	}
	return nil
}

// str returns the string at a path of names; numbers and words count as written.
// It is "" where there is none.
func (v *value) str(path ...string) string {
	if v = v.get(path...); v == nil || v.kind == '{' || v.kind == '[' || v.kind == 'n' {
		return ""
	}
	return v.text
}

// parseJSON reads one value, strictly: valid UTF-8, no name twice in an object,
// nothing behind it.
func parseJSON(text string) (*value, error) {
	d := jsontext.NewDecoder(strings.NewReader(text))
	r := jsonReader{text, d}
	v, err := r.value(0)
	if err != nil {
		return nil, err
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, malformed(text, int(d.InputOffset()), jsonHint, "something follows the JSON document")
	}
	return v, nil
}

type jsonReader struct {
	text string
	d    *jsontext.Decoder
}

func (r *jsonReader) value(depth int) (*value, error) {
	kind := r.d.PeekKind()
	if kind == '{' || kind == '[' {
		return r.compound(kind, depth)
	}
	raw, err := r.d.ReadValue()
	if err != nil {
		return nil, r.wrong(err)
	}
	to := int(r.d.InputOffset())
	v := &value{kind: kind, from: to - len(raw), to: to, text: string(raw)}
	if kind == '"' {
		b, err := jsontext.AppendUnquote(nil, raw)
		if err != nil {
			return nil, r.wrong(err)
		}
		v.text = string(b)
	}
	return v, nil
}

func (r *jsonReader) compound(kind jsontext.Kind, depth int) (*value, error) {
	if depth >= maxNesting {
		return nil, malformed(r.text, int(r.d.InputOffset()), "Flatten the page.", "values nest deeper than %d", maxNesting)
	}
	if _, err := r.d.ReadToken(); err != nil {
		return nil, r.wrong(err)
	}
	v := &value{kind: kind, from: int(r.d.InputOffset()) - 1}
	for {
		if k := r.d.PeekKind(); k == '}' || k == ']' {
			break
		}
		if kind == '{' {
			name, err := r.d.ReadToken()
			if err != nil {
				return nil, r.wrong(err)
			}
			v.names = append(v.names, name.String())
		}
		item, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		v.items = append(v.items, item)
	}
	if _, err := r.d.ReadToken(); err != nil {
		return nil, r.wrong(err)
	}
	v.to = int(r.d.InputOffset())
	return v, nil
}

func (r *jsonReader) wrong(err error) error {
	at, reason := int(r.d.InputOffset()), err.Error()
	if e := (*jsontext.SyntacticError)(nil); errors.As(err, &e) {
		at, reason = int(e.ByteOffset), e.Err.Error()
	}
	return malformed(r.text, at, jsonHint, "not strict JSON: %s", label(reason, 80))
}
