// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package datacenter

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/clawea/clawea/seal"
)

// A node is one of a document in the Atlassian Document Format, with what is
// written of it as wiki markup.
type node struct {
	Type    string `json:"type"`
	Version int    `json:"version,omitzero"`
	Attrs   *attrs `json:"attrs,omitzero"`
	Content []node `json:"content,omitempty"`
	Marks   []mark `json:"marks,omitempty"`
	Text    string `json:"text,omitzero"`
}

type mark struct {
	Type  string `json:"type"`
	Attrs *attrs `json:"attrs,omitzero"`
}

type attrs struct {
	Level         int    `json:"level,omitzero"`
	Language      string `json:"language,omitzero"`
	PanelType     string `json:"panelType,omitzero"`
	Href          string `json:"href,omitzero"`
	Type          string `json:"type,omitzero"`
	ExtensionType string `json:"extensionType,omitzero"`
	ExtensionKey  string `json:"extensionKey,omitzero"`
}

// The node that holds wiki markup as others wrote it. Agents cannot write nodes of
// this type.
const (
	keptNode = "bodiedExtension"
	keptType = "clawea.datacenter"
	keptKey  = "wiki-markup"
)

// isDocument reports whether a value is a document and not another object.
func isDocument(raw json.RawMessage) bool {
	var doc struct {
		Type    string          `json:"type"`
		Version int             `json:"version"`
		Content json.RawMessage `json:"content"`
	}
	return first(raw) == '{' && seal.Glance(raw, &doc) == nil && doc.Type == "doc" && doc.Version == 1 && first(doc.Content) == '['
}

// toWiki is a document as wiki markup. It fails on nodes for which there is none.
func toWiki(raw json.RawMessage) (string, error) {
	var doc node
	if err := seal.Glance(raw, &doc); err != nil || doc.Type != "doc" || doc.Version != 1 {
		return "", errForm
	}
	if kept, ok := doc.kept(); ok {
		return kept, nil
	}
	return blocks(doc.Content, 1)
}

// fromWiki is the document of wiki markup: of plain text the paragraphs, and of
// anything else the markup itself. toWiki makes the same bytes of it.
func fromWiki(s string) node {
	doc := node{Type: "doc", Version: 1}
	if p, ok := paragraphs(s); ok {
		doc.Content = p
		return doc
	}
	doc.Content = []node{{
		Type: keptNode, Attrs: &attrs{ExtensionType: keptType, ExtensionKey: keptKey},
		Content: []node{{Type: "paragraph", Content: texts(s)}},
	}}
	return doc
}

// texts is a text node, or none: there are no empty ones.
func texts(s string) []node {
	if s == "" {
		return nil
	}
	return []node{{Type: "text", Text: s}}
}

// kept is the markup that the document keeps, if it is one that does.
func (n *node) kept() (string, bool) {
	if len(n.Content) != 1 || n.Content[0].Type != keptNode {
		return "", false
	}
	k := &n.Content[0]
	if k.Attrs == nil || k.Attrs.ExtensionType != keptType || k.Attrs.ExtensionKey != keptKey || len(k.Content) != 1 || len(k.Content[0].Content) > 1 {
		return "", false
	}
	if p := k.Content[0].Content; len(p) == 1 {
		return p[0].Text, p[0].Type == "text" && len(p[0].Marks) == 0
	}
	return "", true
}

// paragraphs reads plain text, with everything escaped as it is written here; false if
// it is not that to the last byte.
func paragraphs(s string) ([]node, bool) {
	if s == "" {
		return nil, false
	}
	var out []node
	for part := range strings.SplitSeq(s, "\n\n") {
		p := node{Type: "paragraph"}
		for i, line := range strings.Split(part, "\n") {
			if i > 0 {
				p.Content = append(p.Content, node{Type: "hardBreak"})
			}
			p.Content = append(p.Content, texts(plain(line))...)
		}
		out = append(out, p)
	}
	again, err := blocks(out, 1)
	return out, err == nil && again == s
}

// blocks writes nodes below each other, with an empty line between.
func blocks(list []node, depth int) (string, error) {
	var out []string
	for i := range list {
		s, err := list[i].block(depth)
		if err != nil {
			return "", err
		}
		out = append(out, s)
	}
	return strings.Join(out, "\n\n"), nil
}

func (n *node) block(depth int) (string, error) {
	if depth > maxDepth {
		return "", errForm
	}
	switch n.Type {
	case "paragraph":
		return line(n.Content, "\n")
	case "heading":
		if n.Attrs == nil || n.Attrs.Level < 1 || n.Attrs.Level > 6 {
			return "", errForm
		}
		s, err := line(n.Content, forced)
		return fmt.Sprintf("h%d. %s", n.Attrs.Level, s), err
	case "bulletList", "orderedList":
		return n.list("", depth)
	case "codeBlock":
		return n.code()
	case "blockquote":
		s, err := blocks(n.Content, depth+1)
		return "{quote}\n" + s + "\n{quote}", err
	case "panel":
		s, err := blocks(n.Content, depth+1)
		return "{panel:title=" + n.panel() + "}\n" + s + "\n{panel}", err
	case "table":
		return n.table(depth)
	case "rule":
		return "----", nil
	}
	return "", fmt.Errorf("node %q: %w", n.Type, errForm)
}

// panel is the title of a panel by its kind: Jira's own panels have no kinds.
func (n *node) panel() string {
	kinds := map[string]string{"note": "Note", "tip": "Tip", "warning": "Warning", "error": "Error", "success": "Success"}
	if n.Attrs == nil || kinds[n.Attrs.PanelType] == "" {
		return "Info"
	}
	return kinds[n.Attrs.PanelType]
}

// list writes items behind the markers of all lists that they are in.
func (n *node) list(markers string, depth int) (string, error) {
	if depth > maxDepth {
		return "", errForm
	}
	if markers += "*"; n.Type == "orderedList" {
		markers = markers[:len(markers)-1] + "#"
	}
	var out []string
	for i := range n.Content {
		item := &n.Content[i]
		if item.Type != "listItem" {
			return "", errForm
		}
		var text, below []string
		for j := range item.Content {
			s, under, err := item.Content[j].within(markers, depth+1)
			if err != nil {
				return "", err
			}
			if under {
				below = append(below, s)
			} else {
				text = append(text, s)
			}
		}
		out = append(out, markers+" "+strings.Join(text, forced))
		out = append(out, below...)
	}
	return strings.Join(out, "\n"), nil
}

// within is a block of an item of a list: below says that it stands on lines of its own.
func (n *node) within(markers string, depth int) (s string, below bool, err error) {
	switch n.Type {
	case "paragraph":
		s, err = line(n.Content, forced)
		return s, false, err
	case "bulletList", "orderedList":
		s, err = n.list(markers, depth)
		return s, true, err
	}
	s, err = n.block(depth)
	return s, true, err
}

// languages are those that Jira's code blocks know. For others they show an error.
var languages = strings.Fields("actionscript ada applescript bash c c# c++ cpp css erlang go groovy haskell html java javascript js json lua objc perl php " +
	"python r ruby scala sh sql swift visualbasic xml yaml")

// code is a block in which nothing means anything but its end. What would end it
// is written as text.
func (n *node) code() (string, error) {
	s := ""
	for i := range n.Content {
		s += n.Content[i].Text
	}
	lower := strings.ToLower(s)
	switch {
	case strings.Contains(lower, "{code") || strings.Contains(lower, "{noformat"):
		return line(n.Content, "\n")
	case n.Attrs != nil && slices.Contains(languages, strings.ToLower(n.Attrs.Language)):
		return "{code:" + strings.ToLower(n.Attrs.Language) + "}\n" + s + "\n{code}", nil
	}
	return "{noformat}\n" + s + "\n{noformat}", nil
}

func (n *node) table(depth int) (string, error) {
	var rows []string
	for i := range n.Content {
		row, end := "", "|"
		for j := range n.Content[i].Content {
			cell := &n.Content[i].Content[j]
			if end = "|"; cell.Type == "tableHeader" {
				end = "||"
			}
			s, err := cell.flat(depth + 1)
			if err != nil {
				return "", err
			}
			row += end + " " + s + " "
		}
		rows = append(rows, row+end)
	}
	return strings.Join(rows, "\n"), nil
}

// flat writes all that is in a cell into one line.
func (n *node) flat(depth int) (string, error) {
	if depth > maxDepth {
		return "", errForm
	}
	var out []string
	for i := range n.Content {
		c := &n.Content[i]
		var s string
		var err error
		switch c.Type {
		case "paragraph", "heading":
			s, err = line(c.Content, forced)
		case "codeBlock":
			s, err = line(c.Content, forced)
		case "rule":
			continue
		case "listItem":
			s, err = c.flat(depth + 1)
			s = "• " + s
		case "bulletList", "orderedList", "blockquote", "panel":
			s, err = c.flat(depth + 1)
		default:
			err = errForm
		}
		if err != nil {
			return "", err
		}
		out = append(out, s)
	}
	return strings.Join(out, forced), nil
}

// address is a link's address fit to stand in a link, or "".
func address(href string) string {
	u, err := url.Parse(href)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return ""
	}
	var b strings.Builder
	for _, c := range []byte(href) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`[]{}|\^~*!"<>'()`+"`", c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}
