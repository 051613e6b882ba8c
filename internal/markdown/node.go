// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package markdown

import (
	"slices"
	"strings"
)

// A node is one of a document in the Atlassian Document Format, of those that
// agents may write. Both formats are written from it.
type node struct {
	Type    string  `json:"type"`
	Version int     `json:"version,omitzero"`
	Attrs   *attrs  `json:"attrs,omitzero"`
	Content []*node `json:"content,omitempty"`
	Marks   []mark  `json:"marks,omitempty"`
	Text    string  `json:"text,omitzero"`
}

type mark struct {
	Type  string `json:"type"`
	Attrs *attrs `json:"attrs,omitzero"`
}

type attrs struct {
	Level    int    `json:"level,omitzero"`    // heading
	Order    *int   `json:"order,omitzero"`    // orderedList, if it does not begin with 1
	Language string `json:"language,omitzero"` // codeBlock
	Href     string `json:"href,omitzero"`     // link
}

func paragraph(content ...*node) *node { return &node{Type: "paragraph", Content: content} }

func plainText(s string, marks ...mark) *node { return &node{Type: "text", Text: s, Marks: marks} }

// length is how many bytes of text there are.
func (n *node) length() int {
	out := len(n.Text)
	for _, c := range n.Content {
		out += c.length()
	}
	return out
}

// marked are marks with one more. Code goes with links only, as both systems have it.
func marked(marks []mark, m mark) []mark {
	has := func(typ string) bool {
		return slices.ContainsFunc(marks, func(have mark) bool { return have.Type == typ })
	}
	switch {
	case has(m.Type), has("code") && m.Type != "link":
		return marks
	case m.Type == "code":
		marks = slices.DeleteFunc(slices.Clone(marks), func(have mark) bool { return have.Type != "link" })
	}
	return append(slices.Clone(marks), m)
}

func sameMarks(a, b []mark) bool {
	return slices.EqualFunc(a, b, func(a, b mark) bool {
		return a.Type == b.Type && (a.Attrs == nil) == (b.Attrs == nil) && (a.Attrs == nil || *a.Attrs == *b.Attrs)
	})
}

// joined is content with texts side by side that are marked alike as one, and
// without empty ones.
func joined(content []*node) []*node {
	var out []*node
	for _, n := range content {
		last := len(out) - 1
		switch {
		case n.Type == "text" && n.Text == "":
		case n.Type == "text" && last >= 0 && out[last].Type == "text" && sameMarks(out[last].Marks, n.Marks):
			out[last] = plainText(out[last].Text+n.Text, n.Marks...)
		default:
			out = append(out, n)
		}
	}
	return out
}

// trimmed is joined content without blanks at its ends.
func trimmed(content []*node) []*node {
	out := joined(content)
	if len(out) > 0 && out[0].Type == "text" {
		out[0] = plainText(strings.TrimLeft(out[0].Text, " \t\n"), out[0].Marks...)
	}
	if last := len(out) - 1; last >= 0 && out[last].Type == "text" {
		out[last] = plainText(strings.TrimRight(out[last].Text, " \t\n"), out[last].Marks...)
	}
	return joined(out)
}
