// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"slices"
	"strings"
)

// The kinds of node that are no elements.
const (
	textKind    = "#text"
	commentKind = "#comment"
)

// A node is a piece of a body: an element of the storage format or a node of
// ADF, or text, or a comment. All places are bytes of the body.
type node struct {
	kind     string // "p", "ac:link", "paragraph", or one of those above
	from, to int
	in, out  int // where what it holds begins and ends; in is -1 if it has no inside
	attrs    []attr
	kids     []*node
	text     string // of text and comments, as people read it
	written  script // of text
	marks    []*mark
	json     *value // of ADF
	sum      string // a digest of all of it, of elements that may nest and are compared as a whole
}

// An attr is an attribute of the storage format, as written: "ac:name".
type attr struct{ name, value string }

// A mark is what ADF says about a text: a link, a comment's anchor.
type mark struct {
	kind string
	json *value
}

// A script is the way in which text is written.
type script uint8

const (
	escapedXML script = iota
	cdata
	escapedJSON
)

func (n *node) attr(name string) string {
	for _, a := range n.attrs {
		if a.name == name {
			return a.value
		}
	}
	return ""
}

// child returns the first child of a kind, or nil.
func (n *node) child(kind string) *node {
	i := slices.IndexFunc(n.kids, func(k *node) bool { return k.kind == kind })
	if i < 0 {
		return nil
	}
	return n.kids[i]
}

// href is where the marks of a node of ADF lead, or "".
func (n *node) href() string {
	for _, m := range n.marks {
		if m.kind == "link" {
			return m.json.str("attrs", "href")
		}
	}
	return ""
}

// words returns all text below n.
func (n *node) words() string {
	var b strings.Builder
	n.addWords(&b)
	return b.String()
}

func (n *node) addWords(b *strings.Builder) {
	if n.kind == textKind {
		b.WriteString(n.text)
	}
	for _, k := range n.kids {
		k.addWords(b)
	}
}

// isBlank reports whether s holds nothing but what both formats take for white
// space between things.
func isBlank(s string) bool { return strings.Trim(s, blanks) == "" }

const blanks = " \t\r\n"
