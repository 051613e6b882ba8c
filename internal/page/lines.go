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
	source  string // the markup it stands for
	heading string // the heading above
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
	for _, l := range b.lines(block.nodes) {
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
	opened  []string // markup of what is pending
	heading string
}

// show writes nodes that stand one below the other. Indent is before each line;
// in is the kinds of what is around them.
func (p *printer) show(nodes []*node, indent, in string) {
	for _, row := range p.rows(nodes) {
		v := p.body.view(row[0])
		if len(row) > 1 || v.role == words || v.role == inlined || v.role == brokenOff {
			p.line(indent, "", row, row, in)
			continue
		}
		n := row[0]
		inside := in + "/" + n.kind
		switch v.role {
		case through:
			p.cover(n, v.kids)
			p.show(v.kids, indent, inside)
		case paragraph:
			p.line(indent, v.label, row, v.kids, in)
			if strings.HasPrefix(v.label, "#") {
				p.heading = strings.TrimSpace(p.lines[len(p.lines)-1].text)
			}
		case boxed:
			p.cover(n, v.kids)
			p.add(indent+v.label, "", "", in)
			p.show(v.kids, indent+"  ", inside)
		case listed:
			p.cover(n, v.kids)
			for i, k := range v.kids {
				p.item(k, indent, v.items[i], inside)
			}
		case rowed:
			p.add(indent+"| "+p.cells(n)+" |", p.full(row), p.source(row), in)
		case verbatim:
			p.verbatim(n, v, indent, in)
		}
	}
}

// rows joins what is inline and side by side.
func (p *printer) rows(nodes []*node) [][]*node {
	var list [][]*node
	joined := false
	for _, n := range nodes {
		if p.body.Format == Storage && n.kind == textKind && isBlank(p.body.Text[n.from:n.to]) && !joined {
			continue
		}
		role := p.body.view(n).role
		flows := role == words || role == inlined || role == brokenOff
		if p.body.Format == Storage {
			flows = isInline(n.kind)
		}
		if flows && joined {
			list[len(list)-1] = append(list[len(list)-1], n)
		} else {
			list = append(list, []*node{n})
		}
		joined = flows
	}
	return list
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
		p.show(v.kids, indent+"  ", in+"/"+k.kind)
	} else {
		p.show([]*node{k}, indent+"  ", in)
	}
	if len(p.lines) == before {
		p.add(indent+"  ", "", "", in)
	}
	first := &p.lines[before]
	first.text = indent + bullet + strings.TrimPrefix(first.text, indent+"  ")
	first.sum = digest(bullet + first.sum)
}

// cells writes a row's cells side by side.
func (p *printer) cells(n *node) string {
	var list []string
	for _, k := range n.kids {
		if p.body.isGap(k) {
			continue
		}
		q := printer{body: p.body, pending: sha256.New()}
		q.show(k.kids, "", "")
		var cell []string
		for _, l := range q.lines {
			cell = append(cell, strings.TrimSpace(l.text))
		}
		list = append(list, strings.Join(cell, " / "))
	}
	return strings.Join(list, " | ")
}

// verbatim writes a label and text as it is. The text's lines stand for
// themselves, unless there is markup in them.
func (p *printer) verbatim(n *node, v view, indent, in string) {
	p.cover(n, slices.DeleteFunc(slices.Clone(n.kids), func(k *node) bool {
		return k.kind != "ac:plain-text-body" && (k.kind != textKind || k.marks != nil)
	}))
	if v.label != "" {
		p.add(indent+v.label, "", "", in)
	}
	for text := range strings.SplitSeq(v.text, "\n") {
		p.add(indent+"    "+visible(strings.ReplaceAll(text, "\t", "    ")), text, text, in+"/"+n.kind)
	}
}

// line writes nodes as text, in one line unless there are breaks in it.
// Shown is what of them is.
func (p *printer) line(indent, prefix string, nodes, shown []*node, in string) {
	sum, source := p.full(nodes), p.source(nodes)
	for i, text := range strings.Split(p.flow(shown), "\n") {
		p.add(indent+prefix+strings.TrimSpace(text), sum, source, in)
		if i == 0 {
			prefix = strings.Repeat(" ", len(prefix))
		}
	}
}

func (p *printer) add(text, sum, source, in string) {
	around := string(p.pending.Sum(nil))
	p.pending.Reset()
	if len(p.opened) > 0 {
		source = strings.Join(p.opened, " ") + " " + source
		p.opened = nil
	}
	p.lines = append(p.lines, line{text, digest(around + "\x00" + sum + "\x00" + in), source, p.heading})
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
		v := p.body.view(n)
		if href := n.href(); href != "" && (i+1 == len(nodes) || nodes[i+1].href() != href) {
			v.after += " [link: " + inside(href, 300) + "]"
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
	for _, k := range n.kids {
		if len(shown) > 0 && k == shown[0] { // they are in the order of kids
			shown = shown[1:]
		} else if k.kind != textKind || !isBlank(k.text) {
			p.pending.Write([]byte(p.full([]*node{k})))
			p.opened = append(p.opened, p.source([]*node{k}))
		}
	}
}

// full is a digest of all that nodes are.
func (p *printer) full(nodes []*node) string {
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

func (p *printer) source(nodes []*node) string {
	return p.body.Text[nodes[0].from:nodes[len(nodes)-1].to]
}
