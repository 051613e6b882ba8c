// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"strconv"
	"strings"
	"time"
)

func viewADF(n *node) view {
	v := view{kids: n.kids}
	switch n.kind {
	case textKind:
		return view{role: words, text: n.text}
	case "hardBreak":
		v.role = brokenOff
	case "rule":
		v.role, v.label = paragraph, "----"
	case "paragraph", "caption":
		v.role = paragraph
	case "taskItem", "decisionItem":
		v.role = paragraph
	case "heading":
		v.role, v.label = paragraph, strings.Repeat("#", headingLevel(n))+" "
	case "codeBlock":
		v.role, v.text, v.label, v.kids = verbatim, n.words(), adfLabel(n), nil
	case "bulletList", "orderedList", "taskList", "decisionList":
		v.role, v.items = listed, bullets(n)
	case "blockquote":
		v.role, v.label = boxed, "[quote]"
	case "table":
		v.role, v.label = boxed, "[table]"
	case "tableRow":
		v.role = rowed
	case "layoutSection", "layoutColumn", "panel", "expand", "nestedExpand", "bodiedExtension", "bodiedSyncBlock":
		v.role, v.label = boxed, adfLabel(n)
	case "extension", "blockCard", "embedCard", "syncBlock":
		v.role, v.label = paragraph, adfLabel(n)
	case "inlineExtension", "inlineCard", "mention", "emoji", "date", "status", "media", "mediaInline", "placeholder":
		v.role, v.label = inlined, adfLabel(n)
	default:
		if !isKnownADF(n.kind) {
			v.role, v.label = boxed, adfLabel(n)
		}
	}
	return v
}

func headingLevel(n *node) int {
	level, err := strconv.Atoi(n.json.str("attrs", "level"))
	if err != nil {
		return 1
	}
	return min(max(level, 1), 6)
}

// adfLabel names a node that is more than its text.
func adfLabel(n *node) string {
	attr := func(name string) string { return told(n.json.str("attrs", name), maxTold) }
	switch n.kind {
	case "extension", "inlineExtension", "bodiedExtension":
		return extensionLabel(n)
	case "media", "mediaInline":
		return "[image: " + told(strings.TrimSpace(n.json.str("attrs", "alt")+" "+mediaName(n)), maxTold) + "]"
	case "inlineCard", "blockCard", "embedCard":
		return "[link: " + told(cardTarget(n), maxTold) + "]"
	case "mention":
		return "[@" + attr("id") + "]"
	case "emoji":
		return "[emoji: " + strings.Trim(attr("shortName"), ":") + "]"
	case "date":
		return "[date: " + adfDate(n.json.str("attrs", "timestamp")) + "]"
	case "status":
		return "[status: " + attr("text") + " " + attr("color") + "]"
	case "placeholder":
		return "[placeholder: " + attr("text") + "]"
	case "codeBlock":
		return strings.TrimSuffix("[code: "+attr("language"), ": ") + "]"
	case "panel":
		return "[panel: " + attr("panelType") + "]"
	case "expand", "nestedExpand":
		return "[expand: " + attr("title") + "]"
	case "layoutSection":
		return "[layout]"
	case "layoutColumn":
		return "[column: " + attr("width") + "]"
	case "syncBlock", "bodiedSyncBlock":
		return "[include: " + attr("resourceId") + "]"
	}
	return "[node: " + told(kindName(n.kind), 60) + "]"
}

// extensionLabel names an extension with the parameters of its macro.
func extensionLabel(n *node) string {
	parts := []string{"[macro: " + told(n.json.str("attrs", "extensionKey"), 60)}
	if params := n.json.get("attrs", "parameters", "macroParams"); params != nil && params.kind == '{' {
		for i, name := range params.names {
			parts = append(parts, told(name, 40)+"="+told(params.items[i].str("value"), maxTold))
		}
	}
	return strings.Join(parts, " ") + "]"
}

// adfDate is the day of a time in milliseconds, or the text itself.
func adfDate(text string) string {
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return told(text, 40)
	}
	return time.UnixMilli(ms).UTC().Format(time.DateOnly)
}
