// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package markdown

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	table "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

var errDeep = errors.New("the text nests too deeply; flatten its lists and quotes")

// maxMarkers is how many quotes and list items a line may open. A parser's time grows
// with their square.
const maxMarkers = 100

var markers = regexp.MustCompile(`^(?:[ \t]*(?:>|[-+*][ \t]|[0-9]{1,9}[.)][ \t])){` + strconv.Itoa(maxMarkers) + `}`)

// tooDeep reports whether a line opens more than any text of people's does.
func tooDeep(s string) bool {
	for line := range strings.Lines(s) {
		if markers.MatchString(line) {
			return true
		}
	}
	return false
}

// A builder makes nodes of the parser's tree.
type builder struct {
	src  []byte
	used map[string]bool // labels of references that links were made of
}

func build(s string, most int) (*node, error) {
	b := &builder{src: []byte(s), used: map[string]bool{}}
	parser := goldmark.New(goldmark.WithExtensions(extension.Table, extension.Strikethrough)).Parser()
	root := parser.Parse(text.NewReader(b.src))
	b.note(root)
	doc := &node{Type: "doc", Version: 1, Content: b.blocks(root, true)}
	if len(doc.Content) == 0 {
		return nil, errEmpty
	}
	nodes, depth := doc.size()
	switch {
	case depth > maxDepth:
		return nil, errDeep
	case nodes > most:
		return nil, fmt.Errorf("the text comes to more than %d paragraphs, items, cells and marked words; shorten it", most)
	}
	return doc, nil
}

// size is how many nodes there are and how deep they nest.
func (n *node) size() (nodes, depth int) {
	for _, c := range n.Content {
		m, d := c.size()
		nodes, depth = nodes+m, max(depth, d)
	}
	return nodes + 1, depth + 1
}

// note notes which references links are made of.
func (b *builder) note(n ast.Node) {
	switch n := n.(type) {
	case *ast.Link:
		b.uses(n.Reference)
	case *ast.Image:
		b.uses(n.Reference)
	}
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		b.note(c)
	}
}

func (b *builder) uses(r *ast.ReferenceLink) {
	if r != nil {
		b.used[util.ToLinkReference(r.Value)] = true
	}
}

// blocks are the nodes of what stands in n. Not at the top means in a list or a
// quote, where there are only paragraphs, lists and code.
func (b *builder) blocks(n ast.Node, top bool) []*node {
	var out []*node
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		out = append(out, b.block(c, top)...)
	}
	return out
}

func (b *builder) block(n ast.Node, top bool) []*node {
	switch n := n.(type) {
	case *ast.Paragraph, *ast.TextBlock:
		return paragraphs(b.inlines(n, nil))
	case *ast.Heading:
		if top {
			return []*node{{Type: "heading", Attrs: &attrs{Level: n.Level}, Content: trimmed(b.inlines(n, nil))}}
		}
		return paragraphs(b.inlines(n, []mark{{Type: "strong"}}))
	case *ast.ThematicBreak:
		if top {
			return []*node{{Type: "rule"}}
		}
		return []*node{paragraph(plainText("---"))}
	case *ast.CodeBlock:
		return []*node{code(b.lines(n), "")}
	case *ast.FencedCodeBlock:
		return b.fenced(n)
	case *ast.Blockquote:
		content := b.blocks(n, false)
		if !top || len(content) == 0 {
			return content
		}
		return []*node{{Type: "blockquote", Content: content}}
	case *ast.List:
		return b.list(n)
	case *table.Table:
		return b.table(n, top)
	case *ast.LinkReferenceDefinition:
		return b.definition(n)
	case *ast.HTMLBlock:
		s := b.lines(n)
		if n.HasClosure() {
			s += string(n.ClosureLine.Value(b.src))
		}
		return paragraphs(written(s))
	}
	return paragraphs(written(b.lines(n)))
}

// paragraphs are a paragraph of the content, or none.
func paragraphs(content []*node) []*node {
	if content = trimmed(content); len(content) == 0 {
		return nil
	}
	return []*node{paragraph(content...)}
}

// written is a text as it stands there, line by line.
func written(s string) []*node {
	var out []*node
	for i, line := range strings.Split(strings.Trim(s, "\n"), "\n") {
		if i > 0 {
			out = append(out, &node{Type: "hardBreak"})
		}
		out = append(out, plainText(line))
	}
	return out
}

func (b *builder) lines(n ast.Node) string {
	var out strings.Builder
	for i := range n.Lines().Len() {
		line := n.Lines().At(i)
		out.Write(line.Value(b.src))
	}
	return out.String()
}

func code(s, language string) *node {
	n := &node{Type: "codeBlock"}
	if s = strings.TrimSuffix(s, "\n"); s != "" {
		n.Content = []*node{plainText(s)}
	}
	if language != "" {
		n.Attrs = &attrs{Language: language}
	}
	return n
}

var languageName = regexp.MustCompile(`^[A-Za-z0-9+#._-]{1,40}$`)

// fenced is a code block. What is said of it besides a language stands before it.
func (b *builder) fenced(n *ast.FencedCodeBlock) []*node {
	info := ""
	if n.Info != nil {
		info = strings.TrimSpace(unescape(string(n.Info.Segment.Value(b.src))))
	}
	if languageName.MatchString(info) {
		return []*node{code(b.lines(n), info)}
	}
	return append(paragraphs([]*node{plainText(info)}), code(b.lines(n), ""))
}

// maxOrder is the largest number that a list may begin with.
const maxOrder = 1_000_000

func (b *builder) list(n *ast.List) []*node {
	out := &node{Type: "bulletList"}
	counted := n.IsOrdered() && n.Start <= maxOrder
	if counted {
		out.Type = "orderedList"
		if n.Start != 1 {
			out.Attrs = &attrs{Order: &n.Start}
		}
	}
	number := n.Start
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		content := b.blocks(c, false)
		if n.IsOrdered() && !counted {
			content = append([]*node{paragraph(plainText(strconv.Itoa(number) + "."))}, content...)
		}
		if len(content) == 0 || content[0].Type != "paragraph" && content[0].Type != "codeBlock" {
			content = append([]*node{paragraph()}, content...) // an item begins with one of these
		}
		out.Content = append(out.Content, &node{Type: "listItem", Content: content})
		number++
	}
	return []*node{out}
}

// table is a table, or a paragraph per row where none can stand.
func (b *builder) table(n *table.Table, top bool) []*node {
	out := &node{Type: "table"}
	var flat []*node
	for r := n.FirstChild(); r != nil; r = r.NextSibling() {
		row, line := b.row(r)
		out.Content = append(out.Content, row)
		flat = append(flat, paragraphs(line)...)
	}
	if top {
		return []*node{out}
	}
	return flat
}

// row is a row of a table, as such and as a line of text.
func (b *builder) row(n ast.Node) (row *node, line []*node) {
	kind := "tableCell"
	if n.Kind() == table.KindTableHeader {
		kind = "tableHeader"
	}
	row = &node{Type: "tableRow"}
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		content := b.inlines(c, nil)
		if c.NextSibling() == nil {
			content = append(content, b.excess(c)...)
		}
		content = trimmed(content)
		row.Content = append(row.Content, &node{Type: kind, Content: []*node{paragraph(content...)}})
		if line = append(line, content...); c.NextSibling() != nil {
			line = append(line, plainText(" | "))
		}
	}
	return row, line
}

// excess is what a row has after its last cell, which the parser passes over: cells
// that the head of the table has no place for.
func (b *builder) excess(last ast.Node) []*node {
	if last.Lines().Len() == 0 {
		return nil
	}
	rest := b.src[last.Lines().At(last.Lines().Len()-1).Stop:]
	line, _, _ := strings.Cut(string(rest), "\n")
	line = strings.Trim(line, " \t|")
	if line == "" {
		return nil
	}
	return []*node{plainText(" | " + unescape(line))}
}

// definition is the text of a reference that no link is made of.
func (b *builder) definition(n *ast.LinkReferenceDefinition) []*node {
	label := util.ToLinkReference(n.Label)
	if b.used[label] {
		delete(b.used, label) // a second one of this name is text
		return nil
	}
	s := "[" + string(n.Label) + "]: " + string(n.Destination)
	if len(n.Title) > 0 {
		s += ` "` + string(n.Title) + `"`
	}
	return paragraphs([]*node{plainText(oneLine(s))})
}
