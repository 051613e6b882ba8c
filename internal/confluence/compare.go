// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
)

// given are the attributes that Confluence adds to what it is sent, or changes:
// ids of its own, and which version of a page a link was made on.
var given = []string{"ac:macro-id", "ac:schema-version", "ac:local-id", "local-id", "ac:task-id", "ri:version-at-save"}

// sameBody reports whether two bodies in storage format are one, but for what
// Confluence does to a body when it keeps it: it gives ids to macros, tasks and
// blocks and versions to macros and links, orders attributes, writes <p/> as
// <p />, writes characters for entities, cuts CDATA otherwise, and drops white
// space between elements.
func sameBody(a, b string) bool {
	if a == b {
		return true
	}
	x, err := tokens(a)
	if err != nil {
		return false
	}
	y, err := tokens(b)
	return err == nil && slices.Equal(x, y)
}

// tokens are a body without what Confluence adds or changes.
func tokens(body string) ([]string, error) {
	d := xml.NewDecoder(strings.NewReader(body))
	d.Entity = xml.HTMLEntity
	var out []string
	text := ""
	skip := 0 // levels inside an element that Confluence fills in
	flush := func() {
		if strings.TrimSpace(text) != "" {
			out = append(out, "="+text)
		}
		text = ""
	}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			flush()
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			flush()
			if skip > 0 || slices.Contains([]string{"ac:task-id", "ac:task-uuid"}, written(t.Name)) {
				skip++
				continue
			}
			out = append(out, "<"+written(t.Name)+attributes(t.Attr))
		case xml.EndElement:
			if skip > 0 {
				skip, text = skip-1, ""
				continue
			}
			flush()
			out = append(out, ">"+written(t.Name))
		case xml.CharData:
			text += string(t)
		}
	}
}

// attributes are those of an element that its writer gave it, in an order.
func attributes(list []xml.Attr) string {
	var out []string
	for _, a := range list {
		if name := written(a.Name); !slices.Contains(given, name) {
			out = append(out, " "+name+"="+a.Value)
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\x00")
}
