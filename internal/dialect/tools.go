// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// A tool is what an entry of a request's tools says of itself.
type tool struct {
	kind []byte // its type
	name []byte
}

// list reads a member that is an array of objects, or null.
func (r *reader) list(entry func() bool) bool {
	return r.null() || r.elements(func() bool {
		if r.entries++; r.entries > maxOffers {
			return r.tooMany()
		}
		return entry()
	})
}

func (r *reader) tooMany() bool {
	return r.refuse(fmt.Sprintf("the request offers more than %d tools", maxOffers), "offer fewer")
}

func (r *reader) tools() bool {
	switch r.d.shape {
	case messages:
		return r.list(r.messagesTool)
	case generate:
		return r.oneOrMore(r.generateTool)
	}
	return r.list(r.openAITool)
}

// oneOrMore reads an array; Google takes its only element for it as well.
func (r *reader) oneOrMore(entry func() bool) bool {
	if r.next() == '{' {
		return entry()
	}
	return r.list(entry)
}

// toolMembers are those that OpenAI's and Anthropic's tools are known by.
var toolMembers = []string{"type", "name", "function", "custom", "model", "models", "tools"}

// entry reads what all kinds of tools have alike.
func (r *reader) entry(t *tool) bool {
	return r.distinct(func(name []byte) bool {
		switch string(name) {
		case "type":
			return r.optional(&t.kind)
		case "name":
			return r.toolName(t)
		case "function", "custom":
			return r.null() || r.entry(t)
		case "model":
			return r.otherModel()
		case "models":
			return r.refuse("a tool of the request names models", "leave them out")
		case "tools":
			return r.list(r.openAITool)
		}
		if alike(name, toolMembers) {
			return r.fail("a name in a spelling of its own: " + excerpt(name))
		}
		return r.skip()
	})
}

// toolName reads a tool's name, which it may have in one place only.
func (r *reader) toolName(t *tool) bool {
	var name []byte
	if !r.optional(&name) {
		return false
	}
	if len(t.name) > 0 && len(name) > 0 && !bytes.Equal(name, t.name) {
		return r.refuse("a tool of the request has two names", "name it once")
	}
	if len(name) > 0 {
		t.name = name
	}
	return true
}

// otherModel reads a model that a tool names, to be compared with the request's.
func (r *reader) otherModel() bool {
	var name []byte
	ok := r.optional(&name)
	if len(name) > 0 {
		r.others = append(r.others, string(name))
	}
	return ok
}

// ownTools are OpenAI's types of tools that the agent runs itself. All others
// are the provider's, and have it read more than the request.
var ownTools = []string{"function", "custom", "namespace", "local_shell", "apply_patch", "computer", "computer_use_preview"}

func (r *reader) openAITool() bool {
	var t tool
	if !r.entry(&t) {
		return false
	}
	kind := string(t.kind)
	r.a.Refers = r.a.Refers || !slices.Contains(ownTools, kind)
	if len(t.name) == 0 && kind != "function" && kind != "custom" {
		t.name = t.kind
	}
	return r.offer(t.name)
}

// function reads an entry of what was there before tools.
func (r *reader) function() bool {
	var t tool
	return r.entry(&t) && r.offer(t.name)
}

// ownPrefixes begin Anthropic's types of tools that the agent runs itself.
var ownPrefixes = []string{"bash_", "text_editor_", "computer_", "memory_"}

func (r *reader) messagesTool() bool {
	var t tool
	if !r.entry(&t) {
		return false
	}
	kind := string(t.kind)
	own := kind == "" || kind == "custom" || slices.ContainsFunc(ownPrefixes, func(p string) bool { return strings.HasPrefix(kind, p) })
	r.a.Refers = r.a.Refers || !own
	if len(t.name) == 0 && kind != "custom" {
		t.name = t.kind
	}
	return r.offer(t.name)
}

// plugin reads an entry of OpenRouter's plugins, which work on its side.
func (r *reader) plugin() bool {
	var id []byte
	r.a.Refers = true
	return r.distinct(func(name []byte) bool {
		switch string(name) {
		case "id":
			return r.optional(&id)
		case "model":
			return r.otherModel()
		case "models", "allowed_models":
			return r.refuse("a plugin of the request names models", "leave them out")
		}
		return r.skip()
	}) && r.offer(id)
}

// generateTool reads one of Gemini's tools: functions, and what the provider
// runs itself.
func (r *reader) generateTool() bool {
	seen := make([]string, 0, 8)
	return r.distinct(func(raw []byte) bool {
		name := camel(string(raw))
		if slices.ContainsFunc(seen, func(s string) bool { return strings.EqualFold(s, name) }) {
			return r.fail("a name that occurs twice, in two spellings: " + excerpt(raw))
		}
		seen = append(seen, name)
		switch {
		case r.null():
			return true
		case name == "functionDeclarations":
			return r.oneOrMore(r.declaration)
		case strings.EqualFold(name, "functionDeclarations"):
			return r.fail("a name in a spelling of its own: " + excerpt(raw))
		}
		r.a.Refers = r.a.Refers || name != "computerUse"
		return r.offer([]byte(name)) && r.skip()
	})
}

func (r *reader) declaration() bool {
	var t tool
	return r.entry(&t) && r.offer(t.name)
}

// camel returns the spelling that Google's JSON writes for name, which may be in
// the one of its .proto files.
func camel(name string) string {
	parts := strings.Split(name, "_")
	for i, p := range parts[1:] {
		if p != "" {
			parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "")
}
