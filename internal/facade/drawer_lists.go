// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package facade

import "strings"

// list is a list. Servers read no more than two levels of one: what is deeper is
// put on the second, so that no item runs into another.
func (d *drawer) list(kind string, e *element) []*docNode {
	out := &docNode{Type: kind}
	for _, item := range items(e) {
		n := &docNode{Type: "listItem", Content: d.line(item)}
		var below []*docNode
		d.below(item, &below)
		if below != nil {
			n.Content = append(n.Content, &docNode{Type: lists[first(item)], Content: below})
		}
		if n.Content != nil {
			out.Content = append(out.Content, n)
		}
	}
	if out.Content == nil {
		return nil
	}
	return []*docNode{out}
}

var lists = map[string]string{"ul": "bulletList", "ol": "orderedList", "ac:task-list": "bulletList"}

// items are the items of a list.
func items(e *element) []*element {
	var out []*element
	for _, k := range e.kids {
		switch k.name {
		case "li":
			out = append(out, k)
		case "ac:task":
			if b := k.child("ac:task-body"); b != nil {
				out = append(out, b)
			}
		}
	}
	return out
}

// first is the name of the first list in an item.
func first(item *element) string {
	for _, k := range item.kids {
		if lists[k.name] != "" {
			return k.name
		}
	}
	return ""
}

// below adds the items of all lists in an item, at any depth.
func (d *drawer) below(item *element, out *[]*docNode) {
	for _, k := range item.kids {
		if lists[k.name] == "" {
			continue
		}
		for _, i := range items(k) {
			if line := d.line(i); line != nil {
				*out = append(*out, &docNode{Type: "listItem", Content: line})
			}
			d.below(i, out)
		}
	}
}

// line is what an item or a cell says, as one paragraph, without lists in an item.
func (d *drawer) line(e *element) []*docNode {
	var run []*docNode
	for _, k := range e.kids {
		if lists[k.name] != "" && e.name != "td" && e.name != "th" {
			continue
		}
		made, isBlock := d.block(k)
		if !isBlock || isInline(k) {
			run = append(run, d.inline(k)...)
			continue
		}
		for _, n := range made {
			if len(run) > 0 {
				run = append(run, &docNode{Type: "text", Text: "\n"})
			}
			run = flat(run, n)
		}
	}
	for _, n := range run {
		if strings.TrimSpace(n.Text) != "" {
			return []*docNode{paragraph(run)}
		}
	}
	return nil
}

// flat adds the text of a node to a run, one line for each block in it.
func flat(run []*docNode, n *docNode) []*docNode {
	if n.Text != "" {
		return append(run, n)
	}
	for i, k := range n.Content {
		if i > 0 && k.Text == "" {
			run = append(run, &docNode{Type: "text", Text: "\n"})
		}
		run = flat(run, k)
	}
	return run
}

// table is a table of cells of one line each.
func (d *drawer) table(e *element) []*docNode {
	out := &docNode{Type: "table"}
	var rows func(*element)
	rows = func(e *element) {
		for _, k := range e.kids {
			if k.name != "tr" {
				rows(k)
				continue
			}
			row := &docNode{Type: "tableRow"}
			for _, cell := range k.kids {
				if kind := map[string]string{"th": "tableHeader", "td": "tableCell"}[cell.name]; kind != "" {
					row.Content = append(row.Content, &docNode{Type: kind, Content: spaced(d.line(cell))})
				}
			}
			out.Content = append(out.Content, row)
		}
	}
	rows(e)
	return []*docNode{out}
}

// spaced puts blanks for the ends of lines.
func spaced(line []*docNode) []*docNode {
	for _, p := range line {
		for _, n := range p.Content {
			n.Text = strings.ReplaceAll(n.Text, "\n", " ")
		}
	}
	return line
}
