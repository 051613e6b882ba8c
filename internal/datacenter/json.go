// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package datacenter

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/seal"
)

// maxDepth is how deep answers and documents may nest.
const maxDepth = 60

// An object is a JSON object of which only some members are of interest.
type object map[string]json.RawMessage

var errForm = errors.New("not of the expected form")

// write is v as JSON. It keeps what it was given of numbers and order.
func write(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// answer is an answer of the site's with another body.
func answer(res *atlassian.Response, v any) (*atlassian.Response, error) {
	body, err := write(v)
	if err != nil {
		return nil, strange(res)
	}
	out := *res
	out.Body = body
	return &out, nil
}

func first(raw json.RawMessage) byte {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	if len(raw) == 0 {
		return 0
	}
	return raw[0]
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || first(raw) == 'n' }

// text is a JSON string, or "".
func text(raw json.RawMessage) string {
	var s string
	if first(raw) != '"' || seal.Glance(raw, &s) != nil {
		return ""
	}
	return s
}

func quoted(s string) json.RawMessage {
	b, err := write(s)
	if err != nil { // unreachable: strings have a JSON form
		return json.RawMessage(`""`)
	}
	return b
}

// each puts every object of a value through change, the innermost first.
func each(raw json.RawMessage, depth int, change func(object) error) (json.RawMessage, error) {
	if depth > maxDepth {
		return nil, errForm
	}
	switch first(raw) {
	case '{':
		var o object
		if err := seal.Glance(raw, &o); err != nil {
			return nil, err
		}
		for name, value := range o {
			v, err := each(value, depth+1, change)
			if err != nil {
				return nil, err
			}
			o[name] = v
		}
		if err := change(o); err != nil {
			return nil, err
		}
		return write(o)
	case '[':
		var list []json.RawMessage
		if err := seal.Glance(raw, &list); err != nil {
			return nil, err
		}
		for i := range list {
			v, err := each(list[i], depth+1, change)
			if err != nil {
				return nil, err
			}
			list[i] = v
		}
		return write(list)
	}
	return raw, nil
}

// parse reads other people's JSON, of which we need a member or two.
func parse(raw []byte, v any) error { return seal.Glance(raw, v) }

// canonical is v as requests are written.
func canonical(v any) ([]byte, error) { return seal.Marshal(v) }

// strict reads JSON of ours, of which nothing may get lost.
func strict(raw []byte, v any) error { return seal.Unmarshal(raw, v) }
