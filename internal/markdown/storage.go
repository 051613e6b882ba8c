// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package markdown

import (
	"html"
	"strconv"
	"strings"
)

// storage writes n in Confluence's storage format.
func (n *node) storage(b *strings.Builder) {
	switch n.Type {
	case "text":
		n.storageText(b)
		return
	case "codeBlock":
		n.storageCode(b)
		return
	case "hardBreak":
		b.WriteString("<br/>")
		return
	case "rule":
		b.WriteString("<hr/>")
		return
	}
	open, shut := n.tags()
	b.WriteString(open)
	for _, c := range n.Content {
		c.storage(b)
	}
	b.WriteString(shut)
}

// tags are what stands before the content of a node and after it.
func (n *node) tags() (open, shut string) {
	tag := ""
	switch n.Type {
	case "paragraph":
		tag = "p"
	case "heading":
		tag = "h" + strconv.Itoa(n.Attrs.Level)
	case "bulletList":
		tag = "ul"
	case "orderedList":
		if n.Attrs != nil {
			return `<ol start="` + strconv.Itoa(*n.Attrs.Order) + `">`, "</ol>"
		}
		tag = "ol"
	case "listItem":
		tag = "li"
	case "blockquote":
		tag = "blockquote"
	case "table":
		return "<table><tbody>", "</tbody></table>"
	case "tableRow":
		tag = "tr"
	case "tableHeader":
		tag = "th"
	case "tableCell":
		tag = "td"
	default: // the document
		return "", ""
	}
	return "<" + tag + ">", "</" + tag + ">"
}

func (n *node) storageText(b *strings.Builder) {
	var shut []string
	for _, m := range n.Marks {
		tag := m.Type
		switch m.Type {
		case "strike":
			tag = "s"
		case "link":
			tag = "a"
			b.WriteString(`<a href="` + html.EscapeString(m.Attrs.Href) + `">`)
		}
		if tag != "a" {
			b.WriteString("<" + tag + ">")
		}
		shut = append(shut, "</"+tag+">")
	}
	b.WriteString(html.EscapeString(n.Text))
	for i := len(shut) - 1; i >= 0; i-- {
		b.WriteString(shut[i])
	}
}

// storageCode writes code as the macro that Confluence's own editor makes of it.
func (n *node) storageCode(b *strings.Builder) {
	b.WriteString(`<ac:structured-macro ac:name="code">`)
	if n.Attrs != nil {
		b.WriteString(`<ac:parameter ac:name="language">` + html.EscapeString(n.Attrs.Language) + `</ac:parameter>`)
	}
	b.WriteString("<ac:plain-text-body><![CDATA[")
	for _, c := range n.Content {
		b.WriteString(strings.ReplaceAll(c.Text, "]]>", "]]]]><![CDATA[>"))
	}
	b.WriteString("]]></ac:plain-text-body></ac:structured-macro>")
}
