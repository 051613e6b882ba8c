// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/seal"
)

// Bounds of a document that an agent writes. Jira itself takes 32,767
// characters of text.
const (
	maxDocument = 128 << 10 // bytes of JSON
	maxText     = 32_767    // bytes of text, over all nodes
	maxNodes    = 4_000
	maxDepth    = 24
	maxURL      = 2_000 // bytes
)

// A node is one node of a document in the Atlassian Document Format. It has the
// members and attributes that are allowed in writing and no others, so that
// reading one strictly refuses the rest.
type node struct {
	Type    string `json:"type"`
	Version *int   `json:"version,omitempty"`
	Attrs   *attrs `json:"attrs,omitempty"`
	Content []node `json:"content,omitempty"`
	Marks   []mark `json:"marks,omitempty"`
	Text    string `json:"text,omitempty"`
}

type mark struct {
	Type  string `json:"type"`
	Attrs *attrs `json:"attrs,omitempty"`
}

type attrs struct {
	Level     *int    `json:"level,omitempty"`                 // heading
	Order     *int    `json:"order,omitempty"`                 // orderedList
	Language  *string `json:"language,omitempty"`              // codeBlock
	PanelType *string `json:"panelType,omitempty"`             // panel
	Numbered  *bool   `json:"isNumberColumnEnabled,omitempty"` // table
	Layout    *string `json:"layout,omitempty"`                // table
	Colspan   *int    `json:"colspan,omitempty"`               // tableCell, tableHeader
	Rowspan   *int    `json:"rowspan,omitempty"`               // tableCell, tableHeader
	Href      *string `json:"href,omitempty"`                  // link
	Title     *string `json:"title,omitempty"`                 // link
	Type      *string `json:"type,omitempty"`                  // subsup
}

// A kind is what a node or mark may hold.
type kind struct {
	holds []string // types of its content
	needs bool     // it must have content
	attrs []string // attributes it may have
	must  string   // the attribute it must have, or ""
}

// The content of nodes, by the published schema (adf-schema, full), less what
// sends notifications, shows other places' content or runs apps: mention,
// media, cards, extensions, and colours, which can hide text from a reviewer.
var (
	inline = []string{"text", "hardBreak"}
	listed = []string{"paragraph", "bulletList", "orderedList", "codeBlock"}
	paned  = []string{"paragraph", "heading", "bulletList", "orderedList", "codeBlock", "rule"}
	celled = []string{"paragraph", "heading", "bulletList", "orderedList", "codeBlock", "rule", "panel", "blockquote"}
	blocks = append([]string{"table"}, celled...)
)

func nodeKind(typ string) (kind, bool) {
	switch typ {
	case "doc":
		return kind{holds: blocks, needs: true}, true
	case "paragraph":
		return kind{holds: inline}, true
	case "heading":
		return kind{holds: inline, attrs: []string{"level"}, must: "level"}, true
	case "bulletList":
		return kind{holds: []string{"listItem"}, needs: true}, true
	case "orderedList":
		return kind{holds: []string{"listItem"}, needs: true, attrs: []string{"order"}}, true
	case "listItem":
		return kind{holds: listed, needs: true}, true
	case "codeBlock":
		return kind{holds: []string{"text"}, attrs: []string{"language"}}, true
	case "blockquote":
		return kind{holds: listed, needs: true}, true
	case "panel":
		return kind{holds: paned, needs: true, attrs: []string{"panelType"}, must: "panelType"}, true
	case "table":
		return kind{holds: []string{"tableRow"}, needs: true, attrs: []string{"isNumberColumnEnabled", "layout"}}, true
	case "tableRow":
		return kind{holds: []string{"tableHeader", "tableCell"}, needs: true}, true
	case "tableHeader", "tableCell":
		return kind{holds: celled, needs: true, attrs: []string{"colspan", "rowspan"}}, true
	case "text", "hardBreak", "rule":
		return kind{}, true
	}
	return kind{}, false
}

func markKind(typ string) (kind, bool) {
	switch typ {
	case "strong", "em", "strike", "underline", "code":
		return kind{}, true
	case "subsup":
		return kind{attrs: []string{"type"}, must: "type"}, true
	case "link":
		return kind{attrs: []string{"href", "title"}, must: "href"}, true
	}
	return kind{}, false
}

// parseDocument reads a document that an agent wrote and refuses what is not
// on the list. The error names the place by JSON pointer, and the mend.
func parseDocument(b []byte) (*node, error) {
	if len(b) > maxDocument {
		return nil, fmt.Errorf("the document is longer than %d bytes; shorten it", maxDocument)
	}
	doc := new(node)
	if err := seal.Unmarshal(b, doc); err != nil {
		return nil, fmt.Errorf("the document is not of the allowed form: %s; use paragraphs, headings, lists, code, quotes, tables, panels and rules", atlassian.Clean(err.Error(), 200))
	}
	if doc.Type != "doc" || doc.Version == nil || *doc.Version != 1 {
		return nil, fmt.Errorf(`the document must begin with {"type":"doc","version":1}`)
	}
	w := walker{}
	if err := w.node(doc, "", 1); err != nil {
		return nil, err
	}
	return doc, nil
}

// A walker checks a document and counts what it has seen.
type walker struct{ nodes, text int }

func (w *walker) node(n *node, at string, depth int) error {
	k, ok := nodeKind(n.Type)
	w.nodes++
	w.text += len(n.Text)
	switch {
	case !ok:
		return fmt.Errorf("%s: a node %q is not allowed; write it as plain text", where(at), short(n.Type))
	case depth > maxDepth:
		return fmt.Errorf("%s: nested too deeply; flatten the document", where(at))
	case w.nodes > maxNodes || w.text > maxText:
		return fmt.Errorf("the document is too long; Jira takes %d bytes of text", maxText)
	case n.Version != nil && depth > 1:
		return fmt.Errorf("%s: only the document has a version", where(at))
	case (n.Text != "") != (n.Type == "text"):
		return fmt.Errorf("%s: a node %q must have text if and only if it is a text", where(at), n.Type)
	case len(n.Marks) > 0 && n.Type != "text":
		return fmt.Errorf("%s: only text can be marked", where(at))
	case k.needs && len(n.Content) == 0:
		return fmt.Errorf("%s: a node %q must have content", where(at), n.Type)
	case !isText(n.Text):
		return fmt.Errorf("%s: the text holds control characters; leave them away", where(at))
	}
	if err := n.Attrs.check(k); err != nil {
		return fmt.Errorf("%s/attrs: %w", at, err)
	}
	if err := checkMarks(n.Marks, at); err != nil {
		return err
	}
	return w.content(n, k, at, depth)
}

func (w *walker) content(n *node, k kind, at string, depth int) error {
	for i := range n.Content {
		child := &n.Content[i]
		below := at + "/content/" + strconv.Itoa(i)
		if _, known := nodeKind(child.Type); known && !slices.Contains(k.holds, child.Type) {
			return fmt.Errorf("%s: a node %q cannot stand in a %q", where(below), child.Type, n.Type)
		}
		if n.Type == "codeBlock" && len(child.Marks) > 0 {
			return fmt.Errorf("%s: code blocks have no marks", where(below))
		}
		if err := w.node(child, below, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func checkMarks(marks []mark, at string) error {
	var seen []string
	for i, m := range marks {
		here := at + "/marks/" + strconv.Itoa(i)
		k, ok := markKind(m.Type)
		if !ok {
			return fmt.Errorf("%s: a mark %q is not allowed; use strong, em, code, strike, underline, subsup or link", here, short(m.Type))
		}
		if slices.Contains(seen, m.Type) {
			return fmt.Errorf("%s: the mark %q is there twice", here, m.Type)
		}
		seen = append(seen, m.Type)
		if err := m.Attrs.check(k); err != nil {
			return fmt.Errorf("%s/attrs: %w", here, err)
		}
	}
	if slices.Contains(seen, "code") && slices.ContainsFunc(seen, func(s string) bool { return s != "code" && s != "link" }) {
		return fmt.Errorf("%s/marks: code goes with a link only", at)
	}
	return nil
}

// check holds the attributes to those that k may have, and their values to what is harmless.
func (a *attrs) check(k kind) error {
	set := a.set()
	for _, name := range set {
		if !slices.Contains(k.attrs, name) {
			return fmt.Errorf("%q does not belong here; leave it away", name)
		}
	}
	if k.must != "" && !slices.Contains(set, k.must) {
		return fmt.Errorf("%q is missing", k.must)
	}
	if a == nil {
		return nil
	}
	return a.values()
}

// set names the attributes that are there.
func (a *attrs) set() []string {
	if a == nil {
		return nil
	}
	var out []string
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"level", a.Level != nil}, {"order", a.Order != nil}, {"language", a.Language != nil},
		{"panelType", a.PanelType != nil}, {"isNumberColumnEnabled", a.Numbered != nil}, {"layout", a.Layout != nil},
		{"colspan", a.Colspan != nil}, {"rowspan", a.Rowspan != nil},
		{"href", a.Href != nil}, {"title", a.Title != nil}, {"type", a.Type != nil},
	} {
		if f.set {
			out = append(out, f.name)
		}
	}
	return out
}

var language = regexp.MustCompile(`^[A-Za-z0-9+#._-]{0,40}$`)

func (a *attrs) values() error {
	in := func(n *int, from, to int) bool { return n == nil || from <= *n && *n <= to }
	of := func(s *string, want ...string) bool { return s == nil || slices.Contains(want, *s) }
	switch {
	case !in(a.Level, 1, 6):
		return fmt.Errorf("level is 1 to 6")
	case !in(a.Order, 0, 1_000_000):
		return fmt.Errorf("order is 0 or more")
	case a.Language != nil && !language.MatchString(*a.Language):
		return fmt.Errorf("language is a word such as go or python")
	case !of(a.PanelType, "info", "note", "tip", "warning", "error", "success"):
		return fmt.Errorf("panelType is one of info, note, tip, warning, error, success")
	case !of(a.Layout, "default", "center", "wide", "full-width", "align-start", "align-end"):
		return fmt.Errorf("layout is not one that tables have; leave it away")
	case !in(a.Colspan, 1, 100) || !in(a.Rowspan, 1, 100):
		return fmt.Errorf("spans are 1 to 100")
	case !of(a.Type, "sub", "sup"):
		return fmt.Errorf("type is sub or sup")
	case a.Title != nil && (len(*a.Title) > 200 || !isText(*a.Title)):
		return fmt.Errorf("title is a short text")
	case a.Href != nil:
		return checkLink(*a.Href)
	}
	return nil
}

// checkLink lets links lead to the web only, where a reader sees which host.
func checkLink(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || len(s) > maxURL || strings.ContainsAny(s, " \\") || !isText(s):
		return fmt.Errorf("href is not a web address; write https://host/path")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Opaque != "":
		return fmt.Errorf("links lead to http or https only; write https://host/path")
	case u.User != nil:
		return fmt.Errorf("links carry no user name; leave away what is before the @")
	}
	return nil
}

func where(pointer string) string {
	if pointer == "" {
		return "the document"
	}
	return pointer
}

// document puts a text or a document of the agent's into the form that is sent:
// written anew, never the agent's own bytes.
func document(raw json.RawMessage) (json.RawMessage, error) {
	if len(raw) == 0 {
		return nil, errors.New("it is missing; write some text")
	}
	var text string
	if len(raw) > 0 && raw[0] == '"' {
		if err := seal.Unmarshal(raw, &text); err != nil {
			return nil, err
		}
		return paragraphs(text)
	}
	doc, err := parseDocument(raw)
	if err != nil {
		return nil, err
	}
	return seal.Marshal(doc)
}
