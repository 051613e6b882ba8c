// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"cmp"
	"slices"
	"strings"
)

// A reading is all that people read in a body: no parameters, ids or comments.
// It is made once for all edits, so that each costs no more than a search.
type reading struct {
	body   *Body
	pieces []piece // in the order of the body
	text   string  // of the pieces: a run without markup in it reads as one, others have a border between them
	rulers map[*node][]place
	work   int // characters read, and bytes searched
}

// A piece is a node of text.
type piece struct {
	node   *node
	at     int // where it begins in the reading's text
	source int // where the innermost macro begins whose source it is and no text, or -1
}

// border stands between runs. It is in no text that an edit may look for.
const border = "\x00"

func newReading(b *Body) *reading {
	r := &reading{body: b, rulers: map[*node][]place{}}
	var text strings.Builder
	r.read(&text, b.root.kids, -1)
	r.text = text.String()
	r.work = len(r.text)
	return r
}

func (r *reading) read(text *strings.Builder, nodes []*node, source int) {
	var last *node // text, right before
	for _, n := range nodes {
		if n.kind != textKind {
			last = nil
			if !slices.Contains(unread, n.kind) {
				r.read(text, n.kids, sourceIn(n, source))
			}
			continue
		}
		if last == nil || last.to != n.from || n.written == escapedJSON {
			text.WriteString(border)
		}
		r.pieces = append(r.pieces, piece{n, text.Len(), source})
		text.WriteString(n.text)
		last = n
	}
}

// sourceIn is what piece.source is inside n, if it is source around it.
func sourceIn(n *node, source int) int {
	if isMacro(n) && !slices.Contains(shown, n.attr("ac:name")) && n.child("ac:plain-text-body") != nil {
		return n.from
	}
	return source
}

// unread are elements whose text is for programs.
var unread = []string{"ac:parameter", "ac:default-parameter", "ac:task-id", "ac:task-uuid", "ac:task-status",
	"ac:adf-attribute", "ac:adf-parameter", "ac:adf-parameter-value", "script", "style"}

// shown are the macros that show their plain text as it is. Another's may be a
// query, a drawing or a script.
var shown = []string{"code", "noformat"}

// span returns where in the text a block is.
func (r *reading) span(block *Block) (from, to int) {
	begins := func(at int) int { // the first piece at or behind a place of the body
		i, _ := slices.BinarySearchFunc(r.pieces, at, func(p piece, at int) int { return cmp.Compare(p.node.from, at) })
		return i
	}
	first, end := begins(block.nodes[0].from), begins(block.nodes[len(block.nodes)-1].to)
	if first == end {
		return 0, 0
	}
	last := r.pieces[end-1]
	return r.pieces[first].at, last.at + len(last.node.text)
}

// piece returns the piece that holds the character at a place of the text.
func (r *reading) piece(at int) piece {
	i, _ := slices.BinarySearchFunc(r.pieces, at+1, func(p piece, at int) int { return cmp.Compare(p.at, at) })
	return r.pieces[i-1]
}

// A place is one between two characters of a text, and where in the body that is.
type place struct{ text, raw int }

// apart is how many bytes of text lie between two places of a ruler.
const apart = 1 << 10

// rawAt returns where in the body the place at of a node's text is written.
func (r *reading) rawAt(n *node, at int) int {
	ruler, ok := r.rulers[n]
	if !ok {
		ruler = []place{{raw: rawStart(n)}}
		r.walk(n, ruler[0], len(n.text), func(p place) {
			if p.text >= len(ruler)*apart {
				ruler = append(ruler, p)
			}
		})
		r.rulers[n] = ruler
	}
	near, _ := slices.BinarySearchFunc(ruler, at+1, func(p place, at int) int { return cmp.Compare(p.text, at) })
	return r.walk(n, ruler[near-1], at, func(place) {})
}

// walk goes from a place of a node's text to another behind it, and calls visit
// at each on the way but the last.
func (r *reading) walk(n *node, p place, to int, visit func(place)) int {
	for p.text < to {
		visit(p)
		size, stands := character(n.written, r.body.Text[p.raw:n.to])
		p.raw, p.text = p.raw+size, p.text+len(stands)
		r.work++
	}
	return p.raw
}

// rawStart is where in the body a node's text begins to be written.
func rawStart(n *node) int {
	switch n.written {
	case cdata:
		return n.from + len("<![CDATA[")
	case escapedJSON:
		return n.in
	}
	return n.from
}
