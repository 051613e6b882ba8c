// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package facade

import (
	"slices"
	"strings"
)

// A drawer makes nodes of ADF out of elements of the storage format.
type drawer struct {
	marks []docMark // of the text that it is in
}

// panels are the macros that ADF has as panels, by their types there.
var panels = map[string]string{"info": "info", "note": "note", "warning": "warning", "tip": "success", "panel": "custom"}

// blocks are the nodes of what stands by itself, and a paragraph around each run of
// what does not.
func (d *drawer) blocks(kids []*element) []*docNode {
	var out, run []*docNode
	end := func() {
		if slices.ContainsFunc(run, func(n *docNode) bool { return strings.TrimSpace(n.Text) != "" || n.Type != "text" }) {
			out = append(out, paragraph(run))
		}
		run = nil
	}
	for _, e := range kids {
		if made, isBlock := d.block(e); isBlock {
			end()
			out = append(out, made...)
			continue
		}
		run = append(run, d.inline(e)...)
	}
	end()
	return out
}

// block is what an element is that stands by itself; isBlock says whether it does.
func (d *drawer) block(e *element) (_ []*docNode, isBlock bool) {
	switch e.name {
	case "p":
		return d.text("paragraph", e), true
	case "h1", "h2", "h3", "h4", "h5", "h6":
		made := d.text("heading", e)
		for _, n := range made {
			n.Attrs = map[string]any{"level": int(e.name[1] - '0')}
		}
		return made, true
	case "ul", "ac:task-list":
		return d.list("bulletList", e), true
	case "ol":
		return d.list("orderedList", e), true
	case "table":
		return d.table(e), true
	case "pre":
		return code(e.words(), ""), true
	case "hr":
		return nil, true
	case "ac:structured-macro", "ac:macro":
		return d.macro(e), true
	case "blockquote", "div", "ac:layout", "ac:layout-section", "ac:layout-cell", "ac:rich-text-body", "ac:adf-extension", "ac:adf-node", "ac:adf-content":
		return d.blocks(e.kids), true
	}
	return nil, false
}

func paragraph(run []*docNode) *docNode { return &docNode{Type: "paragraph", Content: run} }

// text is a block of text, or nothing. Blocks that stand where only text should are
// put behind it.
func (d *drawer) text(kind string, e *element) []*docNode {
	var run, behind []*docNode
	for _, k := range e.kids {
		if made, isBlock := d.block(k); isBlock && !isInline(k) {
			behind = append(behind, made...)
			continue
		}
		run = append(run, d.inline(k)...)
	}
	if len(run) == 0 {
		return behind
	}
	return append([]*docNode{{Type: kind, Content: run}}, behind...)
}

// isInline reports whether a macro is one within a line.
func isInline(e *element) bool {
	return e.name == "ac:structured-macro" && e.attrs["ac:name"] == "status"
}

// inline are the nodes of an element within a line: text, mostly.
func (d *drawer) inline(e *element) []*docNode {
	switch e.name {
	case "":
		return d.words(e.text)
	case "br":
		return d.words("\n")
	case "strong", "b":
		return d.marked(docMark{Type: "strong"}, e)
	case "em", "i":
		return d.marked(docMark{Type: "em"}, e)
	case "u":
		return d.marked(docMark{Type: "underline"}, e)
	case "del", "s":
		return d.marked(docMark{Type: "strike"}, e)
	case "code":
		return d.marked(docMark{Type: "code"}, e)
	case "a":
		return d.marked(docMark{Type: "link", Attrs: map[string]string{"href": e.attrs["href"]}}, e)
	case "time":
		return d.words(e.attrs["datetime"])
	case "ac:emoticon":
		return d.words(e.attrs["ac:emoji-fallback"])
	case "ac:image":
		return d.image(e)
	case "ac:link":
		return d.link(e)
	case "ac:structured-macro":
		return d.words(parameters(e)["title"]) // a status
	case "ac:parameter":
		return nil
	}
	var out []*docNode
	for _, k := range e.kids {
		out = append(out, d.inline(k)...)
	}
	return out
}

func (d *drawer) words(s string) []*docNode {
	if s == "" {
		return nil
	}
	return []*docNode{{Type: "text", Text: s, Marks: slices.Clone(d.marks)}}
}

func (d *drawer) marked(m docMark, e *element) []*docNode {
	within := &drawer{marks: append(slices.Clone(d.marks), m)}
	var out []*docNode
	for _, k := range e.kids {
		out = append(out, within.inline(k)...)
	}
	return out
}

// link is a link to something of Confluence's: its words, or else what it leads to.
// An address of that is not in the body.
func (d *drawer) link(e *element) []*docNode {
	for _, name := range []string{"ac:link-body", "ac:plain-text-link-body"} {
		if b := e.child(name); b != nil && strings.TrimSpace(b.words()) != "" {
			return d.inline(b)
		}
	}
	for _, k := range e.kids {
		for _, attr := range []string{"ri:content-title", "ri:filename", "ri:account-id", "ri:space-key"} {
			if v := k.attrs[attr]; v != "" {
				return d.words(v)
			}
		}
	}
	return nil
}

// image is what people would read in an image's place: its name.
func (d *drawer) image(e *element) []*docNode {
	name := e.attrs["ac:alt"]
	for _, k := range e.kids {
		if name == "" {
			name = k.attrs["ri:filename"] + k.attrs["ri:value"]
		}
	}
	return d.words(name)
}

// macro is a macro with its parameters and what is in it.
func (d *drawer) macro(e *element) []*docNode {
	name, given := e.attrs["ac:name"], parameters(e)
	plain := ""
	if b := e.child("ac:plain-text-body"); b != nil {
		plain = b.words()
	}
	var within []*docNode
	if b := e.child("ac:rich-text-body"); b != nil {
		within = d.blocks(b.kids)
	}
	switch {
	case name == "status":
		return []*docNode{paragraph(d.words(given["title"]))}
	case name == "code" || name == "noformat":
		return code(plain, given["language"])
	case panels[name] != "":
		if title := given["title"]; title != "" {
			within = append([]*docNode{paragraph((&drawer{marks: []docMark{{Type: "strong"}}}).words(title))}, within...)
		}
		return []*docNode{{Type: "panel", Attrs: map[string]any{"panelType": panels[name]}, Content: within}}
	case name == "expand":
		return []*docNode{{Type: "expand", Attrs: map[string]any{"title": given["title"]}, Content: within}}
	}
	macro := map[string]any{}
	for k, v := range given {
		macro[k] = map[string]string{"value": v}
	}
	out := &docNode{Type: "extension", Content: within, Attrs: map[string]any{
		"extensionType": "com.atlassian.confluence.macro.core", "extensionKey": name, "parameters": map[string]any{"macroParams": macro},
	}}
	if within != nil {
		out.Type = "bodiedExtension"
	}
	return append([]*docNode{out}, code(plain, "")...)
}

func parameters(e *element) map[string]string {
	out := map[string]string{}
	for _, k := range e.kids {
		if k.name == "ac:parameter" {
			out[k.attrs["ac:name"]] = k.words()
		}
	}
	return out
}

func code(s, language string) []*docNode {
	if s == "" {
		return nil
	}
	n := &docNode{Type: "codeBlock", Content: []*docNode{{Type: "text", Text: s}}}
	if language != "" {
		n.Attrs = map[string]any{"language": language}
	}
	return []*docNode{n}
}
