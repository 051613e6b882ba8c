// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package facade

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// maxNesting is how deep what is in a body may nest to be read as more than text.
const maxNesting = 64

// A docNode is a node of a document in ADF.
type docNode struct {
	Type    string         `json:"type"`
	Attrs   map[string]any `json:"attrs,omitempty"`
	Text    string         `json:"text,omitempty"`
	Marks   []docMark      `json:"marks,omitempty"`
	Content []*docNode     `json:"content,omitempty"`
}

type docMark struct {
	Type  string            `json:"type"`
	Attrs map[string]string `json:"attrs,omitempty"`
}

// documentOf is a body in storage format as a document of ADF, for servers that
// read nothing else. It is for reading: of layouts, sizes and ids there is nothing in
// it, and it is never written back. All its text is the body's. What is not
// well-formed, such as the end of a body that was cut, is in it as it is written.
func documentOf(storage string) []byte {
	root, rest := parseStorage(storage)
	content := append([]*docNode{}, (&drawer{}).blocks(root.kids)...)
	if rest != "" {
		content = append(content, paragraph([]*docNode{{Type: "text", Text: rest}}))
	}
	b, err := json.Marshal(struct {
		Type    string     `json:"type"`
		Version int        `json:"version"`
		Content []*docNode `json:"content"`
	}{"doc", 1, content})
	if err != nil { // which strings and numbers never cause
		return []byte(`{"type":"doc","version":1,"content":[]}`)
	}
	return b
}

// An element is one of the storage format, or text if it has no name.
type element struct {
	name  string // "p", "ac:link"
	attrs map[string]string
	text  string
	kids  []*element
}

// parseStorage reads a body as far as it is well-formed, and returns what is left.
func parseStorage(storage string) (root *element, rest string) {
	root = &element{}
	d := xml.NewDecoder(strings.NewReader(storage))
	d.Entity = xml.HTMLEntity
	open, at := []*element{root}, int64(0)
	for {
		t, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return root, ""
		}
		top := open[len(open)-1]
		switch t := t.(type) {
		case xml.StartElement:
			e := &element{name: qualified(t.Name), attrs: map[string]string{}}
			for _, a := range t.Attr {
				e.attrs[qualified(a.Name)] = a.Value
			}
			if len(open) > maxNesting {
				return root, storage[at:]
			}
			top.kids, open = append(top.kids, e), append(open, e)
		case xml.EndElement:
			if qualified(t.Name) != top.name {
				return root, storage[at:]
			}
			open = open[:len(open)-1]
		case xml.CharData:
			top.kids = append(top.kids, &element{text: string(t)})
		}
		if err != nil {
			return root, storage[at:]
		}
		at = d.InputOffset()
	}
}

func qualified(n xml.Name) string {
	if n.Space != "" {
		return n.Space + ":" + n.Local
	}
	return n.Local
}

// child is the first child of a name, or nil.
func (e *element) child(name string) *element {
	for _, k := range e.kids {
		if k.name == name {
			return k
		}
	}
	return nil
}

// words is all the text in e.
func (e *element) words() string {
	var b strings.Builder
	b.WriteString(e.text)
	for _, k := range e.kids {
		b.WriteString(k.words())
	}
	return b.String()
}
