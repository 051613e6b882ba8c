// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clawea/clawea/seal"
)

// adfStock finds what people rely on in ADF.
type adfStock struct {
	*stock
	body *Body
}

// visit looks at the nodes of one parent and below. Strange means inside a node
// that is not known, all of which is one item already.
func (s adfStock) visit(nodes []*node, strange bool) {
	last := "" // where the text before leads: a link runs across formatting
	for _, n := range nodes {
		href := n.href()
		for _, m := range n.marks {
			switch m.kind {
			case "annotation":
				s.comment(m.json.str("attrs", "id"), adfContent(n))
			case "link":
			default:
				if !slices.Contains(adfMarks, m.kind) && !strange {
					f := s.form(m.json)
					s.add(Unknown, named(m.kind, "", f), f, func() string { return "[mark: " + inside(m.kind, 60) + "]" })
				}
			}
		}
		if href != "" && href != last {
			s.add(Link, idPart(href), digest(href), func() string { return "[link: " + inside(href, 120) + "]" })
		}
		last = href
		s.node(n, strange)
	}
}

var adfMarks = []string{"alignment", "backgroundColor", "border", "breakout", "code", "dataConsumer", "em", "fontSize", "fragment",
	"indentation", "strike", "strong", "subsup", "textColor", "underline"}

func adfContent(n *node) string {
	if n.kind == textKind {
		return n.text
	}
	if text := n.words(); strings.TrimSpace(text) != "" {
		return text
	}
	return "(" + n.kind + ")"
}

func (s adfStock) node(n *node, strange bool) {
	attrs := n.json.member("attrs")
	id := n.json.str("attrs", "localId")
	switch n.kind {
	case "extension", "inlineExtension", "bodiedExtension":
		s.extension(n)
	case "media", "mediaInline":
		s.add(Image, idPart(mediaName(n)), s.form(attrs), func() string { return adfLabel(n) })
	case "inlineCard", "blockCard", "embedCard":
		s.add(Link, idPart(cardTarget(n)), s.form(attrs), func() string { return adfLabel(n) })
	case "mention":
		s.add(Mention, idPart(n.json.str("attrs", "id")), digest(n.json.str("attrs", "id")), func() string { return adfLabel(n) })
	case "taskItem", "blockTaskItem", "decisionItem":
		if id != "" {
			s.once(Task, id)
		}
		s.add(Task, idPart(id), n.kind, func() string { return "[task: " + inside(n.words(), 80) + "]" })
	case "layoutSection":
		s.section(n)
	case "syncBlock", "bodiedSyncBlock":
		s.add(Include, idPart(n.json.str("attrs", "resourceId")), s.form(attrs), func() string { return adfLabel(n) })
	default:
		if !strange && (!isKnownADF(n.kind) || oddMember(n) != "") {
			f := s.form(n.json)
			s.add(Unknown, named(n.kind, "", f), f, func() string { return "[node: " + inside(kindName(n.kind), 60) + "]" })
			strange = true
		}
	}
	s.visit(n.kids, strange)
}

func (s adfStock) extension(n *node) {
	f := s.form(n.json.member("attrs"))
	id := macroID(n)
	if id != "" {
		s.once(Macro, id)
	}
	s.add(Macro, named(n.json.str("attrs", "extensionKey"), id, f), f, func() string { return adfLabel(n) })
}

// macroID is the id under which the storage format has an extension, or else the
// one that the editor gave it.
func macroID(n *node) string {
	if id := n.json.str("attrs", "parameters", "macroMetadata", "macroId", "value"); id != "" {
		return id
	}
	return n.json.str("attrs", "localId")
}

func (s adfStock) section(n *node) {
	widths := ""
	for _, k := range n.kids {
		widths += " " + k.json.str("attrs", "width")
	}
	s.add(Layout, fmt.Sprint(len(n.kids), " columns"), widths, func() string { return "[layout:" + inside(widths, 60) + "]" })
}

func mediaName(n *node) string {
	for _, name := range []string{"id", "url"} {
		if v := n.json.str("attrs", name); v != "" {
			return v
		}
	}
	return ""
}

func cardTarget(n *node) string {
	if u := n.json.str("attrs", "url"); u != "" {
		return u
	}
	return n.json.str("attrs", "data", "url")
}

// form is a digest of a value that is the same however it is written.
func (s adfStock) form(v *value) string {
	if v == nil {
		return digest("")
	}
	return digest(s.body.canonical(v))
}

// canonical is a value's one form, or its bytes if it has none.
func (b *Body) canonical(v *value) string {
	raw := b.Text[v.from:v.to]
	if c, err := seal.Canonical([]byte(raw)); err == nil {
		return string(c)
	}
	return raw
}

// oddMember returns a member of a node that no node of ADF has, or "".
func oddMember(n *node) string {
	for _, name := range n.json.names {
		if !slices.Contains([]string{"type", "attrs", "content", "marks", "text", "version"}, name) {
			return name
		}
	}
	return ""
}

func isKnownADF(kind string) bool {
	return slices.Contains(adfInline, kind) || slices.Contains(adfHolders, kind) || slices.Contains(adfPlain, kind)
}

var adfPlain = []string{"caption", "codeBlock", "decisionItem", "doc", "heading", "mediaGroup", "mediaSingle", "paragraph", "rule", "taskItem"}
