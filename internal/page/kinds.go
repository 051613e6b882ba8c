// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package page

import "slices"

// isInline reports whether an element of the storage format, text or a comment
// is part of a run of text rather than a block of its own.
func isInline(kind string) bool { return slices.Contains(inline, kind) }

var inline = []string{textKind, commentKind,
	"a", "abbr", "acronym", "b", "big", "br", "cite", "code", "del", "dfn", "em", "font", "i", "ins", "kbd", "mark", "q", "s", "samp", "small",
	"span", "strike", "strong", "sub", "sup", "time", "tt", "u", "var",
	"ac:emoticon", "ac:inline-comment-marker", "ac:link", "ac:placeholder"}

func isRun(format Format, nodes []*node) bool {
	return format == Storage && isInline(nodes[0].kind)
}

// holder returns the node that a block's children stand in: itself, or the body
// of a macro or task. It is nil for a block that is edited as one.
func holder(format Format, nodes []*node) *node {
	n := nodes[0]
	switch {
	case len(nodes) > 1 || isRun(format, nodes):
		return nil
	case format == ADF && slices.Contains(adfHolders, n.kind), format == Storage && slices.Contains(storageHolders, n.kind):
	case format == Storage && isMacro(n):
		n = n.child("ac:rich-text-body")
	case format == Storage && n.kind == "ac:task":
		n = n.child("ac:task-body")
	default:
		return nil
	}
	if n == nil || n.in < 0 {
		return nil
	}
	return n
}

var storageHolders = []string{"ac:layout", "ac:layout-section", "ac:layout-cell", "ac:task-list", "blockquote", "div",
	"ul", "ol", "li", "table", "thead", "tbody", "tfoot", "tr", "td", "th"}

var adfHolders = []string{"blockquote", "blockTaskItem", "bodiedExtension", "bodiedSyncBlock", "bulletList", "decisionList", "expand",
	"layoutColumn", "layoutSection", "listItem", "nestedExpand", "orderedList", "panel", "table", "tableCell", "tableHeader", "tableRow", "taskList"}

func isMacro(n *node) bool { return n.kind == "ac:structured-macro" || n.kind == "ac:macro" }

// A fit says what may stand right inside what.
type fit struct {
	in   []string // holders
	take []string // the only kinds that they take, and which stand nowhere else
}

var storageFits = []fit{
	{[]string{"ul", "ol"}, []string{"li"}},
	{[]string{"table"}, []string{"colgroup", "thead", "tbody", "tfoot", "tr"}},
	{[]string{"thead", "tbody", "tfoot"}, []string{"tr"}},
	{[]string{"tr"}, []string{"td", "th"}},
	{[]string{"ac:layout"}, []string{"ac:layout-section"}},
	{[]string{"ac:layout-section"}, []string{"ac:layout-cell"}},
	{[]string{"ac:task-list"}, []string{"ac:task", "ac:task-list"}},
}

var adfFits = []fit{
	{[]string{"bulletList", "orderedList"}, []string{"listItem"}},
	{[]string{"table"}, []string{"tableRow"}},
	{[]string{"tableRow"}, []string{"tableCell", "tableHeader"}},
	{[]string{"layoutSection"}, []string{"layoutColumn"}},
	{[]string{"taskList"}, []string{"taskItem", "blockTaskItem", "taskList"}},
	{[]string{"decisionList"}, []string{"decisionItem"}},
}

// adfInline are the nodes of ADF that stand in paragraphs only.
var adfInline = []string{textKind, "date", "emoji", "hardBreak", "inlineCard", "inlineExtension", "mediaInline", "mention", "placeholder", "status"}

// fits reports whether a block of a kind may stand right inside a holder. At the
// top the holder is "".
func fits(format Format, kind, in string) bool {
	list := storageFits
	if format == ADF {
		if list = adfFits; slices.Contains(adfInline, kind) {
			return false
		}
	}
	bound := false // somewhere else
	for _, f := range list {
		if slices.Contains(f.in, in) {
			return slices.Contains(f.take, kind)
		}
		bound = bound || slices.Contains(f.take, kind)
	}
	return !bound || anywhere(kind)
}

// anywhere are the kinds that have a place of their own and any other as well.
func anywhere(kind string) bool { return kind == "ac:task-list" || kind == "taskList" }

// needsChildren reports whether a holder without any child is no valid content.
func needsChildren(format Format, kind string) bool {
	if format == ADF {
		return kind != ""
	}
	return slices.ContainsFunc(storageFits, func(f fit) bool { return slices.Contains(f.in, kind) })
}
