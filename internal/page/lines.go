// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"regexp"
	"slices"
	"strings"
)

// A line is a line of a body as people read it.
type line struct {
	text    string // visible throughout
	sum     string // of all that the line stands for: markup, attributes, where it is
	source  *markup
	heading string // the heading above
	parts   []part // what it is made of
}

// A markup is what lines stand for, as it is written. Several lines have the
// same one if there are breaks in it.
type markup struct {
	text  string
	sum   string // a digest of text, once it is asked for
	shown bool   // in a diff
}

// same compares without reading long markup more than once.
func (m *markup) same(o *markup) bool {
	for _, x := range []*markup{m, o} {
		if x.sum == "" {
			x.sum = digest(x.text)
		}
	}
	return m.sum == o.sum
}

// Lines returns the body as plain text, a line each: headings, paragraphs,
// items, rows. Macros and the like are shown by name in brackets. Characters that
// people cannot see are written out.
func (b *Body) Lines() []string {
	var list []string
	for _, l := range b.lines(b.root.kids) {
		list = append(list, l.text)
	}
	return list
}

// Preview returns a block as plain text, in one line of at most so many
// characters.
func (b *Body) Preview(block *Block, most int) string {
	var list []string
	p := printer{body: b, plain: true, most: 8 * most}
	p.show(block.nodes, "", "")
	for _, l := range p.lines {
		list = append(list, strings.TrimSpace(l.text))
	}
	return label(strings.Join(list, " "), most)
}

func (b *Body) lines(nodes []*node) []line {
	p := printer{body: b, pending: sha256.New()}
	if b.Format == ADF && len(nodes) > 0 && nodes[0] == b.first() {
		p.open(b.root)
	}
	p.show(nodes, "", "")
	return p.lines
}

// first is the first node of the body, or nil.
func (b *Body) first() *node {
	if len(b.root.kids) == 0 {
		return nil
	}
	return b.root.kids[0]
}

// A printer writes lines. What opens around a line and makes none of its own (a
// list, an attribute of a cell) is pending until the next line stands for it.
type printer struct {
	body    *Body
	lines   []line
	pending hash.Hash
	pends   bool     // whether there is anything pending
	opened  []string // markup of what is pending
	parts   []part   // the same as nodes
	heading string

	plain   bool // only the text of lines is wanted
	most    int  // of bytes that are wanted, or 0 for all
	written int
}

// enough reports whether what is written is all that is wanted.
func (p *printer) enough() bool { return p.most > 0 && p.written > p.most }

// show writes nodes that stand one below the other. Indent is before each line;
// in is the kinds of what is around them.
func (p *printer) show(nodes []*node, indent, in string) {
	for row, rest := p.row(nodes); row != nil; row, rest = p.row(rest) {
		if p.enough() {
			return
		}
		v := p.body.view(row[0])
		if len(row) > 1 || v.role == words || v.role == inlined || v.role == brokenOff {
			p.line(indent, "", row, row, in)
			continue
		}
		n := row[0]
		switch v.role {
		case through:
			p.cover(n, v.kids)
			p.show(v.kids, indent, p.within(in, n.kind))
		case paragraph:
			p.line(indent, v.label, row, v.kids, in)
			if strings.HasPrefix(v.label, "#") {
				p.heading = strings.TrimSpace(p.lines[len(p.lines)-1].text)
			}
		case boxed:
			p.cover(n, v.kids)
			p.add(indent+v.label, "", nil, in)
			p.show(v.kids, indent+"  ", p.within(in, n.kind))
		case listed:
			p.cover(n, v.kids)
			inside := p.within(in, n.kind)
			for i, k := range v.kids {
				if p.enough() {
					return
				}
				p.item(k, indent, v.items[i], inside)
			}
		case rowed:
			p.made(row)
			p.add(indent+"| "+p.cells(n)+" |", p.full(row), p.source(row), in)
		case verbatim:
			p.verbatim(n, v, indent, in)
		}
	}
}

// row joins what is inline and side by side, as the first of several rows, and
// returns what is behind it. A row is nil if there is none left.
func (p *printer) row(nodes []*node) (row, rest []*node) {
	for len(nodes) > 0 && p.isBlank(nodes[0]) {
		nodes = nodes[1:]
	}
	if len(nodes) == 0 {
		return nil, nil
	}
	n := 1
	if p.flows(nodes[0]) {
		for n < len(nodes) && p.flows(nodes[n]) {
			n++
		}
	}
	return nodes[:n], nodes[n:]
}

// flows reports whether a node stands in one line with others beside it.
func (p *printer) flows(n *node) bool {
	if p.body.Format == Storage {
		return isInline(n.kind)
	}
	role := p.body.view(n).role
	return role == words || role == inlined || role == brokenOff
}

func (p *printer) isBlank(n *node) bool {
	return p.body.Format == Storage && n.kind == textKind && isBlank(p.body.Text[n.from:n.to])
}

// item writes what a list holds.
func (p *printer) item(k *node, indent, bullet, in string) {
	if p.body.isGap(k) && k.kind == textKind {
		return
	}
	v := p.body.view(k)
	if v.role == listed || v.role == boxed {
		p.show([]*node{k}, indent+"  ", in)
		return
	}
	before := len(p.lines)
	if v.role == through {
		p.cover(k, v.kids)
		p.show(v.kids, indent+"  ", p.within(in, k.kind))
	} else {
		p.show([]*node{k}, indent+"  ", in)
	}
	if len(p.lines) == before {
		p.add(indent+"  ", "", nil, in)
	}
	first := &p.lines[before]
	first.text = indent + bullet + strings.TrimPrefix(first.text, indent+"  ")
	first.sum = digest(bullet + first.sum)
}

// cells writes a row's cells side by side.
func (p *printer) cells(n *node) string {
	var list []string
	size := 0
	for _, k := range n.kids {
		if p.most > 0 && size > p.most {
			break
		}
		if k.kind == textKind && isBlank(p.body.Text[k.from:k.to]) {
			continue
		}
		q := printer{body: p.body, plain: true, most: p.most}
		if slices.Contains(cellKinds, k.kind) {
			q.show(k.kids, "", "")
		} else {
			q.show([]*node{k}, "", "")
		}
		var cell []string
		for _, l := range q.lines {
			cell = append(cell, strings.TrimSpace(l.text))
		}
		list = append(list, strings.Join(cell, " / "))
		size += len(list[len(list)-1]) + len(" | ")
	}
	return strings.Join(list, " | ")
}

// cellKinds are what rows hold. Anything else in them is no cell, and shown as what it is.
var cellKinds = []string{"td", "th", "tableCell", "tableHeader"}

// verbatim writes a label and text as it is. The text's lines stand for
// themselves, unless there is markup in them.
func (p *printer) verbatim(n *node, v view, indent, in string) {
	text := v.text
	if n.kind == "pre" {
		text = p.raw(n.kids)
		p.parts = append(p.parts, part{n, true})
	}
	p.cover(n, slices.DeleteFunc(slices.Clone(n.kids), func(k *node) bool {
		return k.kind != "ac:plain-text-body" && (k.kind != textKind || k.marks != nil)
	}))
	if v.label != "" {
		p.add(indent+v.label, "", nil, in)
	}
	in = p.within(in, n.kind)
	for text := range strings.SplitSeq(text, "\n") {
		if p.enough() {
			return
		}
		p.add(indent+"    "+visible(strings.ReplaceAll(text, "\t", "    ")), text, &markup{text: text}, in)
	}
}

// raw writes nodes as text with its lines and blanks, and what is not text as
// what it is.
func (p *printer) raw(nodes []*node) string {
	var b strings.Builder
	p.addFlow(&b, nodes)
	return strings.ReplaceAll(b.String(), "\v", "\n")
}

// within is the place inside an element of a kind, of one length however deep.
func (p *printer) within(in, kind string) string {
	if p.plain {
		return ""
	}
	return digest(in + "/" + kind)
}

// line writes nodes as text, in one line unless there are breaks in it.
// Shown is what of them is.
func (p *printer) line(indent, prefix string, nodes, shown []*node, in string) {
	sum, source := p.full(nodes), p.source(nodes)
	p.made(nodes)
	for i, text := range strings.Split(p.flow(shown), "\n") {
		p.add(indent+prefix+strings.TrimSpace(text), sum, source, in)
		if i == 0 {
			prefix = strings.Repeat(" ", len(prefix))
		}
	}
}

// made notes what the next line is made of, with all that is in it.
func (p *printer) made(nodes []*node) {
	for _, n := range nodes {
		p.parts = append(p.parts, part{n, true})
	}
}

func (p *printer) add(text, sum string, source *markup, in string) {
	p.written += len(text)
	if p.plain {
		p.lines = append(p.lines, line{text: text, heading: p.heading})
		return
	}
	around := "\x00"
	if p.pends {
		around = "\x01" + string(p.pending.Sum(nil))
		p.pending.Reset()
		p.pends = false
	}
	if source == nil {
		source = &markup{}
	}
	if len(p.opened) > 0 {
		source = &markup{text: strings.Join(p.opened, " ") + " " + source.text}
		p.opened = nil
	}
	p.lines = append(p.lines, line{text, around + in + "\x00" + sum, source, p.heading, p.parts})
	p.parts = nil
}

// flow writes nodes as running text.
func (p *printer) flow(nodes []*node) string {
	var b strings.Builder
	p.addFlow(&b, nodes)
	var list []string
	for text := range strings.SplitSeq(b.String(), "\v") {
		list = append(list, visible(oneLine(text)))
	}
	return strings.Join(list, "\n")
}

// addFlow writes \v, which is in no text of either format's readable kind, for a break.
func (p *printer) addFlow(b *strings.Builder, nodes []*node) {
	for i, n := range nodes {
		if p.most > 0 && b.Len() > p.most {
			return
		}
		v := p.body.view(n)
		if p.most > 0 && len(v.text) > p.most {
			v.text = strings.ToValidUTF8(v.text[:p.most], "")
		}
		if href := n.href(); href != "" && (i+1 == len(nodes) || nodes[i+1].href() != href) {
			v.after += " [link: " + told(href, maxTold) + "]"
		}
		for _, m := range n.marks {
			if m.kind == "annotation" {
				b.WriteString("[comment]")
				v.after = "[/comment]" + v.after
			}
		}
		switch v.role {
		case words:
			b.WriteString(strings.ReplaceAll(unlabelled(v.text), "\v", "<U+000B>"))
		case brokenOff:
			b.WriteByte('\v')
		case verbatim:
			b.WriteString(" " + v.label + " " + v.text + " ")
			if n.kind == "pre" {
				p.addFlow(b, v.kids)
			}
		case listed:
			for i, k := range v.kids {
				if k.kind != textKind || !isBlank(k.text) {
					b.WriteString(" " + v.items[i])
					p.addFlow(b, v.kids[i:i+1])
				}
			}
		case inlined:
			b.WriteString(v.label)
			p.addFlow(b, v.kids)
		case through:
			p.addFlow(b, v.kids)
			if !isInline(n.kind) {
				b.WriteByte(' ')
			}
		case boxed:
			b.WriteString(v.label)
			if len(v.kids) > 0 {
				b.WriteByte(' ')
			}
			p.addFlow(b, v.kids)
		default:
			b.WriteString(" " + v.label + " ")
			p.addFlow(b, v.kids)
			b.WriteByte(' ')
		}
		b.WriteString(v.after)
	}
}

// labelled finds text that reads like one of our labels.
var labelled = regexp.MustCompile(`\[(@|/?[a-z]+(: |\]))`)

// unlabelled marks text of the page that looks like a label.
func unlabelled(s string) string { return labelled.ReplaceAllString(s, `\$0`) }

// open notes a node that is around what comes.
func (p *printer) open(n *node) {
	if p.plain {
		return
	}
	p.pends = true
	p.parts = append(p.parts, part{n, false})
	if p.body.Format == ADF {
		fmt.Fprintf(p.pending, "%s", n.kind)
		for i, name := range n.json.names {
			if name != "content" {
				v := n.json.items[i]
				fmt.Fprintf(p.pending, "%q%s", name, p.body.canonical(v))
				p.opened = append(p.opened, p.body.Text[v.from:v.to])
			}
		}
		return
	}
	writeStart(p.pending, n)
	end := n.to
	if n.in >= 0 {
		end = n.in
	}
	p.opened = append(p.opened, p.body.Text[n.from:end])
}

// cover is open, and notes what n holds but will not be shown.
func (p *printer) cover(n *node, shown []*node) {
	p.open(n)
	if p.plain {
		return
	}
	for _, k := range n.kids {
		if len(shown) > 0 && k == shown[0] { // they are in the order of kids
			shown = shown[1:]
		} else if k.kind != textKind || !isBlank(k.text) {
			p.pending.Write([]byte(p.full([]*node{k})))
			p.opened = append(p.opened, p.body.Text[k.from:k.to])
		}
	}
}

// full is a digest of all that nodes are.
func (p *printer) full(nodes []*node) string {
	if p.plain {
		return ""
	}
	h := sha256.New()
	for _, n := range nodes {
		if p.body.Format == ADF {
			fmt.Fprintf(h, "%s\n", p.body.canonical(n.json))
		} else {
			writeForm(h, n)
		}
	}
	return string(h.Sum(nil))
}

func (p *printer) source(nodes []*node) *markup {
	return &markup{text: p.body.Text[nodes[0].from:nodes[len(nodes)-1].to]}
}
