// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strings"
)

// storageStock finds what people rely on in the storage format.
type storageStock struct{ *stock }

// visit looks at nodes and below. Strange means inside an element that is not
// known, all of which is one item already.
func (s storageStock) visit(nodes []*node, strange bool) {
	for _, n := range nodes {
		s.node(n, strange)
	}
}

func (s storageStock) node(n *node, strange bool) {
	switch {
	case n.kind == textKind || n.kind == commentKind:
		return
	case isMacro(n):
		s.macro(n, strange)
		return
	}
	switch n.kind {
	case "ac:image":
		s.add(Image, idPart(storageTarget(n)), form(n, "ac:caption"), func() string { return imageLabel(n) })
		for _, k := range n.kids {
			if k.kind == "ac:caption" {
				s.visit(k.kids, strange)
			}
		}
		return
	case "img":
		s.add(Image, idPart(n.attr("src")), form(n), func() string { return imageLabel(n) })
	case "ac:link":
		s.link(n, strange)
		return
	case "a":
		s.add(Link, idPart(n.attr("href")), digest(n.attr("href")), func() string { return "[link: " + inside(n.attr("href"), 120) + "]" })
	case "ri:user":
		s.add(Mention, idPart(account(n)), digest(account(n)), func() string { return "[@" + inside(account(n), 80) + "]" })
	case "ac:inline-comment-marker":
		s.comment(n.attr("ac:ref"), content(n))
	case "ac:task":
		s.task(n)
	case "ac:layout":
		s.add(Layout, "page", "", func() string { return "[layout]" })
	case "ac:layout-section":
		s.section(n)
	default:
		if !isKnown(n.kind) {
			if !strange {
				f := form(n)
				s.add(Unknown, named(n.kind, "", f), f, func() string { return "[element: " + inside(n.kind, 60) + "]" })
			}
			strange = true
		}
	}
	s.visit(n.kids, strange)
}

func (s storageStock) macro(n *node, strange bool) {
	f := form(&node{kind: n.kind, attrs: without(n.attrs, "ac:macro-id"), kids: n.kids}, "ac:rich-text-body", "ac:plain-text-body", textKind)
	id := n.attr("ac:macro-id")
	if id != "" {
		s.once(Macro, id)
	}
	s.add(Macro, named(n.attr("ac:name"), id, f), f, func() string { return macroLabel(n) })
	for _, k := range n.kids {
		if k.kind != "ac:parameter" && k.kind != "ac:default-parameter" {
			s.node(k, strange)
		}
	}
}

// link notes a link by what it leads to; its text is content.
func (s storageStock) link(n *node, strange bool) {
	target := storageTarget(n)
	switch {
	case n.child("ri:user") != nil:
		s.add(Mention, idPart(account(n.child("ri:user"))), digest(account(n.child("ri:user"))), func() string { return linkLabel(n) })
	case n.child("ri:attachment") != nil:
		s.add(Attachment, idPart(target), form(n, linkBodies...), func() string { return linkLabel(n) })
	default:
		s.add(Link, idPart(target), form(n, linkBodies...), func() string { return linkLabel(n) })
	}
	for _, k := range n.kids {
		if slices.Contains(linkBodies, k.kind) {
			s.visit(k.kids, strange)
		}
	}
}

var linkBodies = []string{"ac:link-body", "ac:plain-text-link-body", textKind}

func (s storageStock) task(n *node) {
	id, uuid := childText(n, "ac:task-id"), childText(n, "ac:task-uuid")
	if id != "" {
		s.once(Task, id)
	}
	s.add(Task, idPart(id), uuid, func() string { return "[task: " + inside(childText(n, "ac:task-body"), 80) + "]" })
}

func (s storageStock) section(n *node) {
	cells := 0
	for _, k := range n.kids {
		if k.kind == "ac:layout-cell" {
			cells++
		}
	}
	kind := n.attr("ac:type")
	shape := form(&node{kind: n.kind, attrs: without(n.attrs, "ac:local-id")})
	s.add(Layout, idPart(kind), fmt.Sprint(cells, shape), func() string { return fmt.Sprintf("[layout: %s, %d columns]", inside(kind, 40), cells) })
}

func childText(n *node, kind string) string {
	if c := n.child(kind); c != nil {
		return strings.TrimSpace(c.words())
	}
	return ""
}

// content is what a marker is about: its text, or a sign for what is not text.
func content(n *node) string {
	text := n.words()
	if strings.TrimSpace(text) == "" && slices.ContainsFunc(n.kids, func(k *node) bool { return k.kind != textKind && k.kind != commentKind }) {
		return "(" + n.kids[0].kind + ")"
	}
	return text
}

// storageTarget says what a link or an image leads to.
func storageTarget(n *node) string {
	for _, k := range n.kids {
		if space, ok := strings.CutPrefix(k.kind, "ri:"); ok {
			return resource(space, k) + anchor(n)
		}
	}
	return anchor(n)
}

func anchor(n *node) string {
	if a := n.attr("ac:anchor"); a != "" {
		return "§" + a
	}
	return ""
}

// resource names what an ri: element identifies.
func resource(kind string, n *node) string {
	switch kind {
	case "page", "blog-post":
		title := n.attr("ri:content-title")
		if key := n.attr("ri:space-key"); key != "" {
			title = key + "/" + title
		}
		return title
	case "attachment":
		name := n.attr("ri:filename")
		for _, k := range n.kids { // of another page
			if kind, ok := strings.CutPrefix(k.kind, "ri:"); ok {
				return resource(kind, k) + "/" + name
			}
		}
		return name
	case "user":
		return account(n)
	case "url":
		return n.attr("ri:value")
	case "space":
		return n.attr("ri:space-key")
	case "shortcut":
		return n.attr("ri:key") + "@" + n.attr("ri:parameter")
	}
	return kind + " " + n.attr("ri:content-id")
}

func account(n *node) string {
	for _, name := range []string{"ri:account-id", "ri:userkey", "ri:username"} {
		if v := n.attr(name); v != "" {
			return v
		}
	}
	return ""
}

func without(attrs []attr, name string) []attr {
	return slices.DeleteFunc(slices.Clone(attrs), func(a attr) bool { return a.name == name })
}

// form is a digest of an element that is the same however it is written: the
// order of attributes, entities and CDATA make no difference. Children of the
// kinds left out do not count.
func form(n *node, leave ...string) string {
	h := sha256.New()
	writeStart(h, n)
	for _, k := range n.kids {
		if !slices.Contains(leave, k.kind) {
			writeForm(h, k)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func writeForm(h hash.Hash, n *node) {
	if n.kind == textKind || n.kind == commentKind {
		fmt.Fprintf(h, "%s%s", n.kind[1:2], n.text) // neighbours read as one
		return
	}
	if n.sum != "" { // so that nesting is read once
		fmt.Fprintf(h, "\x02\x02%s\x01", n.sum)
		return
	}
	writeStart(h, n)
	for _, k := range n.kids {
		writeForm(h, k)
	}
	h.Write([]byte{1})
}

// writeStart writes what an element says of itself. Bytes 0 to 2 are in no text of XML.
func writeStart(h hash.Hash, n *node) {
	fmt.Fprintf(h, "\x02%s", n.kind)
	attrs := slices.Clone(n.attrs)
	slices.SortFunc(attrs, func(a, b attr) int { return strings.Compare(a.name, b.name) })
	for _, a := range attrs {
		fmt.Fprintf(h, "\x00%s\x00%s", a.name, a.value)
	}
	h.Write([]byte{2})
}

// isKnown reports whether an element is one whose meaning is in its text and in
// what is inside it.
func isKnown(kind string) bool {
	return isInline(kind) || slices.Contains(storageHolders, kind) || slices.Contains(plain, kind) || strings.HasPrefix(kind, "ri:")
}

var plain = []string{"address", "caption", "center", "col", "colgroup", "dd", "dl", "dt", "figure", "figcaption", "h1", "h2", "h3", "h4", "h5", "h6",
	"hr", "p", "pre", "section", "img",
	"ac:caption", "ac:default-parameter", "ac:image", "ac:link-body", "ac:parameter", "ac:plain-text-body", "ac:plain-text-link-body",
	"ac:rich-text-body", "ac:task", "ac:task-body", "ac:task-id", "ac:task-status", "ac:task-uuid"}
