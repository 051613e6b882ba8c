// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"slices"
	"strings"
)

// A role is how a node is shown in plain text.
type role uint8

const (
	through   role = iota // only what it holds
	words                 // text
	inlined               // a label and what it holds, in the line
	paragraph             // a line of its own
	boxed                 // a label, and below it what it holds
	listed                // a list
	rowed                 // a row of a table, in one line
	verbatim              // a label, and below it text as it is
	brokenOff             // the end of a line
)

// A view is what people see of a node.
type view struct {
	role  role
	label string   // before what it holds: "[macro: toc]", "## "
	after string   // behind it
	kids  []*node  // what it holds
	text  string   // of words and verbatim
	items []string // of a list, what is before each of its kids
}

// lead says where something leads: behind its text if it has one.
func (v *view) lead(where string) {
	if v.label = where; len(v.kids) > 0 {
		v.label, v.after = "", " "+where
	}
}

func (b *Body) view(n *node) view {
	if b.Format == ADF {
		return viewADF(n)
	}
	return viewStorage(n)
}

func viewStorage(n *node) view {
	v := view{kids: n.kids}
	switch n.kind {
	case textKind:
		return view{role: words, text: n.text}
	case commentKind:
		return view{role: inlined, label: "[hidden: " + told(n.text, maxTold) + "]"}
	case "br":
		v.role = brokenOff
	case "hr":
		v.role, v.label = paragraph, "----"
	case "p", "dt", "dd", "caption", "figcaption", "address":
		v.role = paragraph
	case "h1", "h2", "h3", "h4", "h5", "h6":
		v.role, v.label = paragraph, strings.Repeat("#", int(n.kind[1]-'0'))+" "
	case "pre":
		v.role = verbatim // what it holds may have markup
	case "ul", "ol", "ac:task-list":
		v.role, v.items = listed, bullets(n)
	case "blockquote":
		v.role, v.label = boxed, "[quote]"
	case "table":
		v.role, v.label = boxed, "[table]"
	case "tr":
		v.role = rowed
	case "ac:layout-section":
		v.role, v.label = boxed, "[layout: "+told(n.attr("ac:type"), 40)+"]"
	case "ac:layout-cell":
		v.role, v.label = boxed, "[column]"
	case "ac:structured-macro", "ac:macro":
		return viewMacro(n)
	case "ac:image", "img":
		v.role, v.label, v.kids = inlined, imageLabel(n), captions(n)
		if len(v.kids) > 0 {
			v.label += " "
		}
	case "ac:link":
		v.role, v.kids = inlined, bodies(n)
		v.lead(linkLabel(n))
	case "a":
		v.role = inlined
		v.lead("[link: " + told(n.attr("href"), maxTold) + "]")
	case "ac:inline-comment-marker":
		v.role, v.label, v.after = inlined, "[comment]", "[/comment]"
	case "ac:emoticon":
		v.role, v.label = inlined, "[emoji: "+told(emoticon(n), 40)+"]"
	case "time":
		v.role, v.label = inlined, "[date: "+told(n.attr("datetime"), 40)+"]"
	case "ac:placeholder":
		v.role, v.label = inlined, "[placeholder]"
	case "ac:task-id", "ac:task-uuid", "ac:task-status":
		v.kids = nil // bullets says it
	default:
		if !isKnown(n.kind) {
			v.role, v.label = boxed, "[element: "+told(n.kind, 60)+"]"
		} else if strings.HasPrefix(n.kind, "ri:") {
			v.role, v.label = inlined, "["+told(n.kind[3:], 40)+": "+told(resource(n.kind[3:], n), maxTold)+"]"
		}
	}
	return v
}

// bullets says what is before each of a list's kids.
func bullets(n *node) []string {
	items := make([]string, len(n.kids))
	for i, k := range n.kids {
		switch {
		case k.kind == "ac:task" && childText(k, "ac:task-status") == "complete",
			k.json != nil && k.json.str("attrs", "state") == "DONE":
			items[i] = "[x] "
		case k.kind == "ac:task", k.kind == "taskItem", k.kind == "blockTaskItem":
			items[i] = "[ ] "
		case k.kind == "decisionItem":
			items[i] = "<> "
		case n.kind == "ol", n.kind == "orderedList":
			items[i] = "1. "
		default:
			items[i] = "- "
		}
	}
	return items
}

func viewMacro(n *node) view {
	v := view{role: boxed, label: macroLabel(n)}
	for _, k := range n.kids {
		switch k.kind {
		case "ac:plain-text-body":
			return view{role: verbatim, label: v.label, text: k.words()}
		case "ac:parameter", "ac:default-parameter": // the label says them
		default:
			v.kids = append(v.kids, k)
		}
	}
	return v
}

// macroLabel names a macro with its parameters.
func macroLabel(n *node) string {
	parts := []string{"[macro: " + told(n.attr("ac:name"), 60)}
	for _, k := range n.kids {
		if k.kind == "ac:parameter" || k.kind == "ac:default-parameter" {
			parts = append(parts, told(k.attr("ac:name"), 40)+"="+told(k.words()+targets(k), maxTold))
		}
	}
	return strings.Join(parts, " ") + "]"
}

// targets names what the elements inside a parameter identify.
func targets(n *node) string {
	var list []string
	for _, k := range n.kids {
		if kind, ok := strings.CutPrefix(k.kind, "ri:"); ok {
			list = append(list, resource(kind, k))
		} else if k.kind != textKind {
			list = append(list, anchor(k)+targets(k))
		}
	}
	return strings.Join(list, " ")
}

func imageLabel(n *node) string {
	target := n.attr("src")
	if n.kind == "ac:image" {
		target = storageTarget(n)
	}
	return "[image: " + told(target, maxTold) + "]"
}

func captions(n *node) []*node {
	return slices.DeleteFunc(slices.Clone(n.kids), func(k *node) bool { return k.kind != "ac:caption" })
}

func linkLabel(n *node) string {
	target := told(storageTarget(n), maxTold)
	for _, k := range n.kids {
		if kind, ok := strings.CutPrefix(k.kind, "ri:"); ok && kind != "user" {
			return "[" + told(kind, 40) + ": " + target + "]"
		} else if ok {
			return "[@" + target + "]"
		}
	}
	return "[link: " + target + "]"
}

func bodies(n *node) []*node {
	return slices.DeleteFunc(slices.Clone(n.kids), func(k *node) bool { return strings.HasPrefix(k.kind, "ri:") })
}

func emoticon(n *node) string {
	for _, name := range []string{"ac:emoji-shortname", "ac:name"} {
		if v := n.attr(name); v != "" {
			return strings.Trim(v, ":")
		}
	}
	return ""
}
