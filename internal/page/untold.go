// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"slices"
	"strings"
)

// A part is a node that a line is made of: with all that is in it, or only what
// it says of itself because what is in it has lines of its own.
type part struct {
	node *node
	deep bool
}

// untold returns what the parts of a line hold that its text does not tell:
// attributes, and what stands where nobody would see it. Left out are the ids
// that Confluence gives to things, as long as they look like ids.
func (b *Body) untold(parts []part) string {
	var list []string
	for _, p := range parts {
		b.addUntold(p.node, p.deep, func(s string) { list = append(list, s) })
	}
	return strings.Join(list, "; ")
}

func (b *Body) addUntold(n *node, deep bool, add func(string)) {
	if isBookkeeping(n.kind) && onlyText(n) && isID(strings.TrimSpace(n.words())) {
		addAttrs(n, add)
		return
	}
	if b.Format == ADF {
		b.addMembers(n, add)
	} else {
		addAttrs(n, add)
	}
	shown, told := b.view(n).kids, toldOf(n)
	for _, k := range n.kids {
		if len(shown) > 0 && k == shown[0] { // they are in the order of kids
			shown = shown[1:]
			if deep {
				b.addUntold(k, true, add)
			}
			continue
		}
		b.addHidden(n, told, k, add)
	}
}

// toldKids are the children that the label or the text of a node tells of.
type toldKids struct {
	body   *node // of a macro, in plain text
	target *node // of a link or an image
}

func toldOf(n *node) toldKids { return toldKids{n.child("ac:plain-text-body"), firstTarget(n)} }

// addHidden tells of a child that the view of its parent leaves out, unless the
// parent's label or text tells it wholly.
func (b *Body) addHidden(n *node, told toldKids, k *node, add func(string)) {
	switch {
	case k.kind == textKind && isBlank(k.text):
	case k.kind == textKind && k.marks == nil && (n.kind == "codeBlock" || n.kind == "ac:plain-text-body"):
	case isBookkeeping(k.kind) && onlyText(k) && isID(strings.TrimSpace(k.words())):
		addAttrs(k, add)
	case k == told.body && onlyText(k):
		addAttrs(k, add)
	case (k.kind == "ac:parameter" || k.kind == "ac:default-parameter") && isMacro(n), k == told.target:
		addAttrs(k, add)
		inside := toldOf(k)
		for _, below := range k.kids {
			if below.kind != textKind || strings.HasPrefix(k.kind, "ri:") {
				b.addHidden(k, inside, below, add)
			}
		}
	case strings.HasPrefix(k.kind, "ri:") && n.kind == "ac:parameter" && len(k.kids) == 0:
		addAttrs(k, add)
	default:
		add(escape(b.Text[k.from:k.to]))
	}
}

func firstTarget(n *node) *node {
	for _, k := range n.kids {
		if strings.HasPrefix(k.kind, "ri:") {
			return k
		}
	}
	return nil
}

func onlyText(n *node) bool {
	return !slices.ContainsFunc(n.kids, func(k *node) bool { return k.kind != textKind })
}

// addAttrs tells the attributes of an element that its view does not show.
func addAttrs(n *node, add func(string)) {
	var list []string
	for _, a := range n.attrs {
		if !isToldAttr(n, a) && !(isBookkeeping(a.name) && isID(a.value)) {
			list = append(list, attrText(a.name, a.value))
		}
	}
	if len(list) > 0 {
		add(escape(n.kind) + " " + strings.Join(list, " "))
	}
}

func attrText(name, value string) string {
	return escape(name) + `="` + strings.ReplaceAll(escape(value), `"`, `\"`) + `"`
}

// toldAttrs are the attributes that views show, by element.
var toldAttrs = map[string][]string{
	"a": {"href"}, "img": {"src"}, "time": {"datetime"}, "ac:link": {"ac:anchor"}, "ac:layout-section": {"ac:type"},
	"ac:structured-macro": {"ac:name"}, "ac:macro": {"ac:name"}, "ac:parameter": {"ac:name"}, "ac:default-parameter": {"ac:name"},
	"ri:page": {"ri:content-title", "ri:space-key"}, "ri:blog-post": {"ri:content-title", "ri:space-key"},
	"ri:url": {"ri:value"}, "ri:space": {"ri:space-key"}, "ri:shortcut": {"ri:key", "ri:parameter"},
}

func isToldAttr(n *node, a attr) bool {
	switch n.kind {
	case "ac:emoticon":
		return (a.name == "ac:emoji-shortname" || a.name == "ac:name") && strings.Trim(a.value, ":") == emoticon(n)
	case "ri:user":
		return strings.HasPrefix(a.name, "ri:") && a.value == account(n)
	case "ri:attachment":
		return a.name == "ri:filename"
	case "ac:image":
		return a.name == "ac:anchor"
	}
	if list, ok := toldAttrs[n.kind]; ok {
		return slices.Contains(list, a.name)
	}
	return strings.HasPrefix(n.kind, "ri:") && a.name == "ri:content-id"
}

// isBookkeeping reports whether an attribute or an element holds an id or a
// number that Confluence gives, and that readers do not see.
func isBookkeeping(name string) bool {
	switch name {
	case "local-id", "ac:local-id", "localId", "ac:macro-id", "ac:schema-version", "ri:version-at-save", "ac:ref",
		"ac:task-list-id", "ac:task-id", "ac:task-uuid", "ac:task-status":
		return true
	}
	return false
}

// isID reports whether a value looks like an id: short, of letters, digits and dashes.
func isID(s string) bool {
	const most = 64
	return len(s) <= most && strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
	}) < 0
}

// toldMembers are the attributes that views of ADF show, by node.
var toldMembers = map[string][]string{
	"mention": {"id"}, "emoji": {"shortName"}, "date": {"timestamp"}, "status": {"text", "color"}, "placeholder": {"text"},
	"codeBlock": {"language"}, "panel": {"panelType"}, "expand": {"title"}, "nestedExpand": {"title"}, "layoutColumn": {"width"},
	"syncBlock": {"resourceId"}, "bodiedSyncBlock": {"resourceId"}, "heading": {"level"}, "taskItem": {"state"}, "blockTaskItem": {"state"},
	"extension": {"extensionKey"}, "inlineExtension": {"extensionKey"}, "bodiedExtension": {"extensionKey"}, "media": {"alt"}, "mediaInline": {"alt"},
}

// addMembers tells what a node of ADF says of itself and its view does not show.
func (b *Body) addMembers(n *node, add func(string)) {
	var list []string
	tell := func(name string, v *value) { list = append(list, escape(name)+"="+escape(b.Text[v.from:v.to])) }
	for i, name := range n.json.names {
		v := n.json.items[i]
		switch {
		case name == "type", name == "content", name == "marks", name == "version" && n.kind == "doc", name == "text" && n.kind == textKind:
		case name != "attrs" || v.kind != '{':
			tell(name, v)
		default:
			b.addAttributes(n, v, tell)
		}
	}
	role := b.view(n).role
	inLine := role == words || role == inlined || role == brokenOff
	linked := false
	for _, m := range n.marks {
		first := m.kind == "link" && inLine && !linked
		linked = linked || m.kind == "link"
		b.addMark(m, first, tell)
	}
	if len(list) > 0 {
		add(escape(kindName(n.kind)) + " " + strings.Join(list, " "))
	}
}

func (b *Body) addAttributes(n *node, attrs *value, tell func(string, *value)) {
	for i, name := range attrs.names {
		v := attrs.items[i]
		scalar := v.kind != '{' && v.kind != '['
		switch {
		case scalar && (slices.Contains(toldMembers[n.kind], name) || isBookkeeping(name) && isID(v.text)):
		case scalar && (name == "id" || name == "url") && strings.HasPrefix(n.kind, "media") && v.text == mediaName(n):
		case scalar && name == "url" && strings.HasSuffix(n.kind, "Card"):
		case name == "parameters" && v.kind == '{' && strings.HasSuffix(strings.ToLower(n.kind), "extension"):
			b.addParameters(v, tell)
		default:
			tell(name, v)
		}
	}
}

// addParameters tells what the parameters of an extension are beside the values
// that its label shows.
func (b *Body) addParameters(params *value, tell func(string, *value)) {
	for i, name := range params.names {
		v := params.items[i]
		if name != "macroParams" || v.kind != '{' {
			tell("parameters."+name, v)
			continue
		}
		for j, param := range v.names {
			if p := v.items[j]; len(p.names) != 1 || p.names[0] != "value" || p.items[0].kind == '{' || p.items[0].kind == '[' {
				tell("parameters."+param, p)
			}
		}
	}
}

// addMark tells a mark that says more than its kind. Of the first link of a text
// the view shows the address.
func (b *Body) addMark(m *mark, first bool, tell func(string, *value)) {
	if !slices.Contains(adfMarks, m.kind) && m.kind != "link" && m.kind != "annotation" {
		tell("mark", m.json)
		return
	}
	for i, name := range m.json.names {
		v := m.json.items[i]
		switch {
		case name == "type":
		case name != "attrs" || v.kind != '{':
			tell(m.kind+"."+name, v)
		default:
			for j, attr := range v.names {
				shown := m.kind == "link" && first && attr == "href" || m.kind == "annotation" && (attr == "id" || attr == "annotationType") && isID(v.items[j].text)
				if !shown {
					tell(m.kind+"."+attr, v.items[j])
				}
			}
		}
	}
}
