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

	root *node
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
	b := &Body{Format: format, Text: body, root: root}
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
	block := b.at(path)
	switch {
	case block == nil:
		return nil, refuse(Stale, "Read the page again and name a block that it lists.", "block %q is not on this page", label(name, 40))
	case block.Name != name:
		return nil, refuse(Stale, "Read the page again; names are good for one version of it.", "block %q is not what it was", label(name, 40))
	}
	return block, nil
}

// at returns the block at a path, or nil.
func (b *Body) at(path string) *Block {
	steps, ok := strings.CutPrefix(path, "b")
	var block *Block
	for list := b.Blocks; ok; list = block.Children {
		var step string
		step, steps, ok = strings.Cut(steps, ".")
		i, err := strconv.Atoi(step)
		if err != nil || i < 1 || i > len(list) {
			return nil
		}
		block = list[i-1]
	}
	if block == nil || block.path != path { // a number in another way
		return nil
	}
	return block
}

// blocks finds the blocks that stand right inside n.
func (b *Body) blocks(n *node, parent *Block, prefix string) []*Block {
	pieces := b.pieces(n)
	list := make([]*Block, 0, len(pieces))
	for i, nodes := range pieces {
		block := &Block{From: nodes[0].from, To: nodes[len(nodes)-1].to, Kind: nodes[0].kind, parent: parent, nodes: nodes}
		if isRun(b.Format, nodes) {
			block.Kind = "text"
			block.From, block.To = b.trim(nodes)
		}
		block.path = prefix + strconv.Itoa(i+1)
		block.Name = block.path + "-" + short(b.Source(block))
		if block.holder = holder(b.Format, nodes); block.holder != nil {
			block.Children = b.blocks(block.holder, block, block.path+".")
		}
		list = append(list, block)
	}
	return list
}

// pieces cuts what n holds into the nodes of one block each.
func (b *Body) pieces(n *node) [][]*node {
	list := make([][]*node, 0, len(n.kids))
	if b.Format == ADF {
		for i := range n.kids {
			list = append(list, n.kids[i:i+1])
		}
		return list
	}
	for i := 0; i < len(n.kids); {
		from := i
		i++
		switch {
		case !isInline(n.kids[from].kind):
			list = append(list, n.kids[from:i])
		case !b.isGap(n.kids[from]):
			end := i
			for ; i < len(n.kids) && isInline(n.kids[i].kind); i++ {
				if !b.isGap(n.kids[i]) {
					end = i + 1
				}
			}
			list = append(list, n.kids[from:end])
		}
	}
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
