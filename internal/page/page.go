// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// MaxBody bounds a body, in bytes.
	MaxBody = 1 << 20
	// MaxDepth bounds how deep elements or nodes nest.
	MaxDepth = 64
)

// A Format is the way in which a body is written, in Confluence's own words.
type Format string

// The formats. No other is read.
const (
	Storage Format = "storage"
	ADF     Format = "atlas_doc_format"
)

// A Body is a body that was read. Its blocks and the gaps between them are all
// of its bytes.
type Body struct {
	Format Format
	Text   string   // every byte, as it was given to Parse
	Blocks []*Block // of the top, in order

	root  *node
	named map[string]*Block // by path
}

// A Block is a piece of a body that edits can name: an element or node that
// stands by itself, or, in the storage format, a run of text with what is inline
// in it (Kind "text").
type Block struct {
	Name     string // where it is and what it holds: "b3.1-1a2b3c4d"; good for one version of a page
	Kind     string // the element's or node's name, as written
	From, To int    // its bytes: Text[From:To]
	Children []*Block

	path   string
	parent *Block  // nil at the top
	nodes  []*node // one, or those of a run
	holder *node   // what its children stand in; nil if it takes none
}

// Parse reads a body. What cannot be read for certain is refused with an [*Error]
// that says where: markup that is not well-formed, an attribute or a JSON name
// that is there twice, document types, more than [MaxBody] bytes or [MaxDepth]
// levels. An empty body of the storage format is a page without blocks.
func Parse(format Format, body string) (*Body, error) {
	root, err := parse(format, body)
	if err != nil {
		return nil, err
	}
	b := &Body{Format: format, Text: body, root: root, named: map[string]*Block{}}
	b.Blocks = b.blocks(root, nil, "b")
	return b, nil
}

func parse(format Format, body string) (*node, error) {
	if len(body) > MaxBody {
		return nil, refuse(TooLarge, "Split the page.", "the body is longer than %d bytes", MaxBody)
	}
	if !utf8.ValidString(body) {
		return nil, refuse(Malformed, "Send text.", "the body is not UTF-8")
	}
	switch format {
	case Storage:
		return parseStorage(body)
	case ADF:
		return parseADF(body)
	}
	return nil, refuse(Malformed, `Use "storage" or "atlas_doc_format".`, "format %q is not known", label(string(format), 40))
}

// Source returns a block's exact bytes.
func (b *Body) Source(block *Block) string { return b.Text[block.From:block.To] }

// All calls do for every block, parents before their children, in the order of
// the body.
func (b *Body) All(do func(*Block)) { each(b.Blocks, do) }

func each(list []*Block, do func(*Block)) {
	for _, block := range list {
		do(block)
		each(block.Children, do)
	}
}

// Find returns the block of a name, or an [*Error] (Stale) if this version of
// the body has none.
func (b *Body) Find(name string) (*Block, error) {
	path, _, _ := strings.Cut(name, "-")
	block := b.named[path]
	switch {
	case block == nil:
		return nil, refuse(Stale, "Read the page again and name a block that it lists.", "block %q is not on this page", label(name, 40))
	case block.Name != name:
		return nil, refuse(Stale, "Read the page again; names are good for one version of it.", "block %q is not what it was", label(name, 40))
	}
	return block, nil
}

// blocks finds the blocks that stand right inside n.
func (b *Body) blocks(n *node, parent *Block, prefix string) []*Block {
	var list []*Block
	for i, nodes := range b.pieces(n) {
		block := &Block{From: nodes[0].from, To: nodes[len(nodes)-1].to, Kind: nodes[0].kind, parent: parent, nodes: nodes}
		if isRun(b.Format, nodes) {
			block.Kind = "text"
			block.From, block.To = b.trim(nodes)
		}
		block.path = prefix + strconv.Itoa(i+1)
		block.Name = block.path + "-" + short(b.Source(block))
		b.named[block.path] = block
		if block.holder = holder(b.Format, nodes); block.holder != nil {
			block.Children = b.blocks(block.holder, block, block.path+".")
		}
		list = append(list, block)
	}
	return list
}

// pieces cuts what n holds into the nodes of one block each.
func (b *Body) pieces(n *node) [][]*node {
	var list [][]*node
	if b.Format == ADF {
		for _, k := range n.kids {
			list = append(list, []*node{k})
		}
		return list
	}
	var run []*node
	flush := func() {
		for len(run) > 0 && b.isGap(run[len(run)-1]) {
			run = run[:len(run)-1]
		}
		if len(run) > 0 {
			list = append(list, run)
		}
		run = nil
	}
	for _, k := range n.kids {
		switch {
		case !isInline(k.kind):
			flush()
			list = append(list, []*node{k})
		case len(run) > 0 || !b.isGap(k):
			run = append(run, k)
		}
	}
	flush()
	return list
}

// isGap reports whether a node is nothing to readers: white space or a comment.
func (b *Body) isGap(n *node) bool {
	return n.kind == commentKind || n.kind == textKind && isBlank(b.Text[n.from:n.to])
}

// trim returns where a run begins and ends without the white space around it.
func (b *Body) trim(run []*node) (from, to int) {
	from, to = run[0].from, run[len(run)-1].to
	s := b.Text[from:to]
	if run[0].kind == textKind {
		from += len(s) - len(strings.TrimLeft(s, blanks))
	}
	if run[len(run)-1].kind == textKind {
		to -= len(s) - len(strings.TrimRight(s, blanks))
	}
	return from, to
}

// short is the part of a name that changes with the block.
func short(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:4])
}

// digest tells texts apart, also those that somebody made to look alike.
func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:16])
}
