// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package markdown

import (
	"html"
	"net/url"
	"regexp"
	"strings"

	"github.com/yuin/goldmark/ast"
	table "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/util"

	"github.com/clawea/clawea/internal/page"
)

// inlines are the texts that stand in n, with these marks and its own.
func (b *builder) inlines(n ast.Node, marks []mark) []*node {
	var out []*node
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		out = append(out, b.inline(c, marks)...)
	}
	return out
}

func (b *builder) inline(n ast.Node, marks []mark) []*node {
	switch n := n.(type) {
	case *ast.Text:
		return b.text(n, marks)
	case *ast.String:
		return []*node{plainText(oneLine(string(n.Value)), marks...)}
	case *ast.CodeSpan:
		return b.span(n, marked(marks, mark{Type: "code"}))
	case *ast.Emphasis:
		if n.Level == 2 {
			return b.inlines(n, marked(marks, mark{Type: "strong"}))
		}
		return b.inlines(n, marked(marks, mark{Type: "em"}))
	case *table.Strikethrough:
		return b.inlines(n, marked(marks, mark{Type: "strike"}))
	case *ast.Link:
		return b.link(n, marks, n.Destination, n.Title)
	case *ast.Image:
		return b.link(n, marks, n.Destination, n.Title)
	case *ast.AutoLink:
		return []*node{autoLink(string(n.Label(b.src)), n.AutoLinkType, marks)}
	case *ast.RawHTML:
		var s strings.Builder
		for i := range n.Segments.Len() {
			segment := n.Segments.At(i)
			s.Write(segment.Value(b.src))
		}
		return []*node{plainText(oneLine(s.String()), marks...)}
	}
	return b.inlines(n, marks)
}

func (b *builder) text(n *ast.Text, marks []mark) []*node {
	s := string(n.Segment.Value(b.src))
	if !n.IsRaw() {
		s = unescape(s)
	}
	out := []*node{plainText(oneLine(s), marks...)}
	switch {
	case n.HardLineBreak():
		out = append(out, &node{Type: "hardBreak"})
	case n.SoftLineBreak():
		out = append(out, plainText(" ", marks...))
	}
	return out
}

// span is code in a line, in which nothing is syntax.
func (b *builder) span(n *ast.CodeSpan, marks []mark) []*node {
	var s strings.Builder
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if t, ok := c.(*ast.Text); ok {
			s.Write(t.Segment.Value(b.src))
		}
	}
	return []*node{plainText(oneLine(s.String()), marks...)}
}

// link is a link, or an image, which becomes one. What leads elsewhere than to the
// web stays as text, and so does a title.
func (b *builder) link(n ast.Node, marks []mark, destination, title []byte) []*node {
	to := oneLine(unescape(string(destination)))
	inner := marks
	leads := isWeb(to) && !linked(marks)
	if leads {
		inner = marked(marks, linkTo(to))
	}
	out := b.inlines(n, inner)
	words := ""
	for _, c := range out {
		words += c.Text
	}
	switch {
	case leads && strings.TrimSpace(words) == "":
		out = append(out, plainText(to, inner...))
	case !leads && to != "" && to != words:
		out = append(out, plainText(" ("+to+")", marks...))
	}
	if len(title) > 0 {
		out = append(out, plainText(" ("+oneLine(unescape(string(title)))+")", marks...))
	}
	return out
}

// autoLink is an address in angle brackets. What leads elsewhere than to the web stays
// as it is written: it looks like an element of a page.
func autoLink(label string, typ ast.AutoLinkType, marks []mark) *node {
	switch {
	case typ == ast.AutoLinkEmail:
		return plainText(label, marks...)
	case isWeb(label) && !linked(marks):
		return plainText(label, marked(marks, linkTo(label))...)
	}
	return plainText("<"+label+">", marks...)
}

func linkTo(href string) mark { return mark{"link", &attrs{Href: href}} }

func linked(marks []mark) bool {
	for _, m := range marks {
		if m.Type == "link" {
			return true
		}
	}
	return false
}

const maxURL = 2_000 // bytes

// isWeb reports whether a link may be written: it leads to the web, to a host that a
// reader sees.
func isWeb(s string) bool {
	u, err := url.Parse(s)
	return err == nil && len(s) <= maxURL && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" &&
		u.Opaque == "" && u.User == nil && !strings.ContainsAny(s, " \\\t\r\n") && page.IsText(s)
}

// oneLine makes line ends blanks.
func oneLine(s string) string { return strings.ReplaceAll(s, "\n", " ") }

const punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"

var entity = regexp.MustCompile(`^&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});`)

// unescape takes away backslashes before punctuation and writes entities out
// (CommonMark 2.4, 2.5). In one pass: what comes of one is not read as the other.
// An entity of what nobody sees stays as it is.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && strings.IndexByte(punctuation, s[i+1]) >= 0:
			i++
		case s[i] == '&':
			if name := entity.FindString(s[i:]); name != "" {
				b.WriteString(character(name))
				i += len(name) - 1
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// character is what an entity stands for, or the entity.
func character(name string) string {
	out := ""
	if name[1] == '#' {
		out = html.UnescapeString(name)
	} else if e, ok := util.LookUpHTML5EntityByName(name[1 : len(name)-1]); ok {
		out = string(e.Characters)
	}
	if out == "" || !page.IsText(out) || strings.ContainsAny(out, "\n\t") {
		return name
	}
	return out
}
