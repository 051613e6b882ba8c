// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/seal"
)

// paragraphs makes a document of plain text: blank lines part paragraphs, and
// the other line ends stay. Nothing in the text is syntax.
func paragraphs(text string) (json.RawMessage, error) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	switch {
	case strings.TrimSpace(text) == "":
		return nil, fmt.Errorf("the text is empty; write some")
	case len(text) > maxText:
		return nil, fmt.Errorf("the text is longer than %d bytes; shorten it", maxText)
	case !isText(text):
		return nil, fmt.Errorf("the text holds control characters; leave them away")
	}
	version := 1
	doc := node{Type: "doc", Version: &version}
	var lines []string
	for _, line := range append(strings.Split(text, "\n"), "") {
		if strings.TrimSpace(line) != "" {
			lines = append(lines, line)
			continue
		}
		if len(lines) > 0 {
			doc.Content = append(doc.Content, paragraph(lines))
		}
		lines = nil
	}
	return seal.Marshal(&doc)
}

func paragraph(lines []string) node {
	p := node{Type: "paragraph"}
	for i, line := range lines {
		if i > 0 {
			p.Content = append(p.Content, node{Type: "hardBreak"})
		}
		p.Content = append(p.Content, node{Type: "text", Text: line})
	}
	return p
}

// Bounds of what is read of one document.
const (
	maxReadDepth = 60
	maxReadText  = 64 << 10 // bytes, of an issue or comment that is read
	maxHitText   = 4 << 10  // bytes, of a hit of a search
)

// A shown is a node of a document that Jira returns. Its attributes are read one
// by one, since other people's nodes may have any.
type shown struct {
	Type    string                     `json:"type"`
	Text    string                     `json:"text"`
	Attrs   map[string]json.RawMessage `json:"attrs"`
	Content []shown                    `json:"content"`
	Marks   []struct {
		Type  string                     `json:"type"`
		Attrs map[string]json.RawMessage `json:"attrs"`
	} `json:"marks"`
}

// plain returns the text of a rich-text field: a document, a string, or null.
// What is not text stands there in brackets, by its kind; nothing is fetched or
// expanded. It is cut after most bytes, with a word about it.
func plain(raw json.RawMessage, most int) (string, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return "", nil
	}
	if raw[0] == '"' {
		var s string
		err := seal.Glance(raw, &s)
		return cut(s, most), err
	}
	var doc shown
	if err := seal.Glance(raw, &doc); err != nil {
		return "", err
	}
	var b strings.Builder
	doc.write(&b, 0)
	return cut(strings.TrimSpace(b.String()), most), nil
}

func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "\n[cut: the text is longer]"
}

func (n *shown) write(b *strings.Builder, depth int) {
	if depth > maxReadDepth || b.Len() > maxReadText {
		return
	}
	switch n.Type {
	case "text":
		b.WriteString(n.Text)
		n.writeLink(b)
		return
	case "hardBreak":
		b.WriteByte('\n')
		return
	case "rule":
		b.WriteString("----\n")
		return
	case "listItem", "taskItem", "decisionItem":
		b.WriteString("- ")
	case "heading":
		b.WriteString("# ")
	}
	if word := n.inlineWord(); word != "" {
		b.WriteString(word)
		return
	}
	if n.Type == "tableCell" || n.Type == "tableHeader" {
		var cell strings.Builder
		n.writeContent(&cell, depth)
		b.WriteString(strings.TrimSpace(cell.String()) + " | ")
		return
	}
	n.writeContent(b, depth)
	if n.isLine() {
		b.WriteByte('\n')
	}
}

func (n *shown) writeContent(b *strings.Builder, depth int) {
	for i := range n.Content {
		n.Content[i].write(b, depth+1)
	}
}

// isLine reports whether the node ends a line.
func (n *shown) isLine() bool {
	return slices.Contains([]string{"paragraph", "heading", "codeBlock", "tableRow", "taskItem", "decisionItem", "mediaSingle", "mediaGroup", "caption"}, n.Type)
}

// inlineWord stands for a node that shows something other than its content.
func (n *shown) inlineWord() string {
	switch n.Type {
	case "mention", "status", "placeholder":
		return n.attr("text")
	case "emoji":
		return n.attr("shortName")
	case "date":
		ms, err := strconv.ParseInt(n.attr("timestamp"), 10, 64)
		if err != nil {
			return "[date]"
		}
		return time.UnixMilli(ms).UTC().Format(time.DateOnly)
	case "inlineCard", "blockCard", "embedCard":
		return "<" + n.attr("url") + ">"
	case "media", "mediaInline":
		return "[attachment]"
	case "extension", "inlineExtension", "syncBlock":
		return "[" + atlassian.Clean("app content "+n.attr("extensionKey"), 60) + "]"
	}
	return ""
}

func (n *shown) writeLink(b *strings.Builder) {
	for _, m := range n.Marks {
		var href string
		if m.Type != "link" || seal.Glance(m.Attrs["href"], &href) != nil || href == n.Text {
			continue
		}
		b.WriteString(" <" + href + ">")
	}
}

// attr is an attribute that is a string, or "".
func (n *shown) attr(name string) string {
	var s string
	if raw, ok := n.Attrs[name]; !ok || seal.Glance(raw, &s) != nil {
		return ""
	}
	return s
}

// short quotes little of an agent's text in a message.
func short(s string) string { return atlassian.Clean(s, 40) }
