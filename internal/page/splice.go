// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"cmp"
	"slices"
	"strings"
)

// A splice puts text in place of some bytes of a body, or between two.
type splice struct {
	from, to int
	text     string
	rank     rank
}

// A rank is the order of splices that begin at one byte.
type rank uint8

const (
	opening  rank = iota // first in a holder
	trailing             // behind a block
	closing              // last in a holder
	leading              // before a block
	cutting              // instead of something
)

// text carries the plan out.
func (p *plan) text() (string, error) {
	if err := p.holders(); err != nil {
		return "", err
	}
	p.additions()
	slices.SortStableFunc(p.splices, func(a, b splice) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.rank, b.rank))
	})
	var out strings.Builder
	done := 0
	for _, s := range p.splices {
		if s.from < done {
			return "", refuse(BadEdit, "Make one edit of them, or name smaller blocks.", "two edits change the same place")
		}
		out.WriteString(p.body.Text[done:s.from])
		out.WriteString(s.text)
		done = s.to
		if out.Len() > MaxBody {
			return "", refuse(TooLarge, "Split the page.", "the body would be longer than %d bytes", MaxBody)
		}
	}
	out.WriteString(p.body.Text[done:])
	return out.String(), nil
}

// holders looks at each list of blocks of which some go: the list must not end
// up empty where that is no valid content, nothing may be put beside a block that
// goes, and in ADF a comma goes with each.
func (p *plan) holders() error {
	seen := map[*Block]bool{} // by parent; nil is the page
	for block := range p.gone {
		if seen[block.parent] {
			continue
		}
		seen[block.parent] = true
		siblings, kind := p.body.Blocks, ""
		if block.parent != nil {
			siblings, kind = block.parent.Children, block.parent.Kind
		}
		left := slices.ContainsFunc(siblings, func(b *Block) bool { return !p.gone[b] })
		if !left && needsChildren(p.body.Format, kind) && !p.extends(siblings) {
			return refuse(BadEdit, "Delete block "+block.parent.Name+" itself.", "block %s would be left empty", block.parent.Name)
		}
		if p.body.Format == ADF {
			p.dropCommas(siblings)
		}
	}
	for _, s := range p.splices {
		for block := range p.gone {
			if s.rank == leading && s.from == block.From || s.rank == trailing && s.from == block.To {
				return refuse(BadEdit, "Replace the block, or insert beside another.", "block %s is deleted, and something inserted beside it", block.Name)
			}
		}
	}
	return nil
}

// extends reports whether something is added to the holder of these blocks.
func (p *plan) extends(siblings []*Block) bool {
	return slices.ContainsFunc(p.starts, func(a addition) bool { return len(a.in) > 0 && a.in[0] == siblings[0] })
}

// dropCommas takes away one comma for each block that goes, as long as others
// stay: the one behind it, or if none stays behind it, the one before.
func (p *plan) dropCommas(siblings []*Block) {
	for i, b := range siblings {
		if !p.gone[b] {
			continue
		}
		at := -1
		if slices.ContainsFunc(siblings[i+1:], func(b *Block) bool { return !p.gone[b] }) {
			at = b.To + strings.IndexByte(p.body.Text[b.To:], ',')
		} else if i > 0 {
			before := siblings[i-1].To
			at = before + strings.IndexByte(p.body.Text[before:], ',')
		}
		if at >= 0 {
			p.splices = append(p.splices, splice{from: at, to: at + 1, rank: cutting})
		}
	}
}

// additions places what goes to the start or end of a holder.
func (p *plan) additions() {
	used := map[*node]bool{} // holders without blocks of their own that have got one
	for _, a := range p.starts {
		stays := slices.ContainsFunc(a.in, func(b *Block) bool { return !p.gone[b] })
		comma := p.body.comma()
		switch {
		case stays && a.first:
			p.splices = append(p.splices, splice{a.holder.in, a.holder.in, a.content + comma, opening})
		case stays:
			p.splices = append(p.splices, splice{a.holder.out, a.holder.out, comma + a.content, closing})
		default:
			p.sole(a, used)
		}
	}
}

// sole places content in a holder in which nothing else stays: all at its end,
// in the order of the edits, whether first or last.
func (p *plan) sole(a addition, used map[*node]bool) {
	text := a.content
	if used[a.holder] {
		text = p.body.comma() + text
	}
	used[a.holder] = true
	p.splices = append(p.splices, splice{a.holder.out, a.holder.out, text, closing})
}
