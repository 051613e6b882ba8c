// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"bytes"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/tailscale/hujson"
)

// put sets the value at a path and leaves the text around it as it is. What stands
// in the way and is no object gives way.
func (d *document) put(path []string, value any) error {
	at := &d.text
	for i, name := range path {
		object, ok := at.Value.(*hujson.Object)
		if !ok {
			object = new(hujson.Object)
			at.Value = object
		}
		next := member(object, name)
		if next == nil {
			next = appendMember(object, name, i)
		}
		at = next
	}
	text, err := json.Marshal(value, json.Deterministic(true), jsontext.WithIndentPrefix(indent(len(path))), jsontext.WithIndent("  "))
	if err != nil {
		return err
	}
	v, err := hujson.Parse(text)
	if err != nil {
		return err
	}
	at.Value = v.Value
	return nil
}

// cut removes the member at a path, with the comments before it.
func (d *document) cut(path []string) {
	at := &d.text
	for _, name := range path[:len(path)-1] {
		object, ok := at.Value.(*hujson.Object)
		if !ok {
			return
		}
		if at = member(object, name); at == nil {
			return
		}
	}
	object, ok := at.Value.(*hujson.Object)
	if !ok {
		return
	}
	name := path[len(path)-1]
	object.Members = slices.DeleteFunc(object.Members, func(m hujson.ObjectMember) bool { return isNamed(&m, name) })
}

func isNamed(m *hujson.ObjectMember, name string) bool {
	l, ok := m.Name.Value.(hujson.Literal)
	return ok && l.String() == name
}

// member is the value of a member, or nil.
func member(object *hujson.Object, name string) *hujson.Value {
	for i := range object.Members {
		if isNamed(&object.Members[i], name) {
			return &object.Members[i].Value
		}
	}
	return nil
}

// appendMember adds a member at the end of an object that is so deep, on a line of
// its own. A comment at the end of the last line stays there.
func appendMember(object *hujson.Object, name string, depth int) *hujson.Value {
	before := bytes.TrimRight(object.AfterExtra, " \t\r\n")
	m := hujson.ObjectMember{
		Name:  hujson.Value{BeforeExtra: append(slices.Clone(before), newline(depth+1)...), Value: hujson.String(name)},
		Value: hujson.Value{BeforeExtra: hujson.Extra(" "), Value: hujson.Literal("null")},
	}
	if n := len(object.Members); n > 0 && object.Members[n-1].Value.AfterExtra != nil {
		m.Value.AfterExtra = hujson.Extra{} // a comma at the end, as before
	}
	object.Members = append(object.Members, m)
	object.AfterExtra = newline(depth)
	return &object.Members[len(object.Members)-1].Value
}

func newline(depth int) hujson.Extra { return hujson.Extra("\n" + indent(depth)) }

func indent(depth int) string { return strings.Repeat("  ", depth) }
