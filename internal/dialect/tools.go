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
	kind   []byte // its type
	member []byte // the kind that its definition's place says: "function", "custom"
	name   []byte
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
	ok := r.distinct(func(name []byte) bool {
		switch string(name) {
		case "type":
			return r.optional(&t.kind)
		case "function", "custom":
			return r.null() || r.definition(t, name)
		}
		return r.toolMember(t, name)
	})
	if ok && len(t.kind) > 0 && len(t.member) > 0 && !bytes.Equal(t.kind, t.member) {
		return r.twoKinds()
	}
	return ok
}

// definition reads the object that a tool's entry may have its name in. What it
// says of a type is not the entry's.
func (r *reader) definition(t *tool, kind []byte) bool {
	if len(t.member) > 0 {
		return r.twoKinds()
	}
	t.member = kind
	return r.distinct(func(name []byte) bool {
		if string(name) == "type" {
			return r.skip()
		}
		return r.toolMember(t, name)
	})
}

func (r *reader) twoKinds() bool {
	return r.refuse("a tool of the request is of two kinds", "give it one type, and the members of that")
}

// toolMember reads a member that an entry and the definition in it may have.
func (r *reader) toolMember(t *tool, name []byte) bool {
	switch string(name) {
	case "name":
		return r.toolName(t)
	case "model":
		return r.otherModel()
	case "models":
		return r.namesModels(name)
	case "tools":
		return r.innerTools()
	}
	if alike(name, toolMembers) {
		return r.fail("a name in a spelling of its own: " + excerpt(name))
	}
	return r.skip()
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

// innerTools reads the tools in a tool. As hosted ones are read twice, they are
// not in one another at will.
func (r *reader) innerTools() bool {
	if r.nested == maxNested {
		return r.refuse("tools of the request are too deep in tools", "list them side by side")
	}
	r.nested++
	ok := r.list(r.openAITool)
	r.nested--
	return ok
}

func (r *reader) namesModels(name []byte) bool {
	return r.refuse("a tool of the request names models, in "+excerpt(name), "leave them out")
}

// noModels passes over a part of a tool that the provider runs, which may name
// no model: it would be called unseen.
func (r *reader) noModels() bool {
	switch r.next() {
	case '{':
		return r.members(r.noModelMember)
	case '[':
		return r.elements(r.noModels)
	}
	return r.skip()
}

func (r *reader) noModelMember(name []byte) bool {
	upper := bytes.ToUpper(name) // which folds more than ToLower: a long s to S
	if bytes.HasSuffix(upper, []byte("MODEL")) || bytes.HasSuffix(upper, []byte("MODELS")) {
		return r.namesModels(name)
	}
	return r.noModels()
}

// hostedMember is noModelMember for the tool itself, whose model is compared with
// the request's elsewhere.
func (r *reader) hostedMember(name []byte) bool {
	if string(name) == "model" {
		return r.skip()
	}
	return r.noModelMember(name)
}

// hostedTool reads again, from start on, an entry that turned out to be the
// provider's.
func (r *reader) hostedTool(start int) bool {
	r.a.Refers = true
	r.i = start
	return r.members(r.hostedMember)
}

// ownTools are OpenAI's types of tools that the agent runs itself. All others
// are the provider's, and have it read more than the request.
var ownTools = []string{"function", "custom", "namespace", "local_shell", "apply_patch", "computer", "computer_use_preview"}

func (r *reader) openAITool() bool {
	var t tool
	r.next()
	start := r.i
	if !r.entry(&t) {
		return false
	}
	kind := string(t.kind)
	switch {
	case kind == "": // what it is is the provider's guess
		r.a.Refers = true
	case !slices.Contains(ownTools, kind) && !r.hostedTool(start):
		return false
	}
	return r.offerTool(&t, kind == "namespace")
}

// offerTool offers t by its name if that is all that it is known by, or byName
// says so. Else it offers its type, which the provider goes by, and the name too.
func (r *reader) offerTool(t *tool, byName bool) bool {
	switch string(t.kind) {
	case "", "function", "custom":
		return r.offer(t.name)
	}
	if len(t.name) == 0 {
		return r.offer(t.kind)
	}
	return (byName || r.offer(t.kind)) && r.offer(t.name)
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
	r.next()
	start := r.i
	if !r.entry(&t) {
		return false
	}
	kind := string(t.kind)
	own := kind == "" || kind == "custom" || slices.ContainsFunc(ownPrefixes, func(p string) bool { return strings.HasPrefix(kind, p) })
	if !own && !r.hostedTool(start) {
		return false
	}
	return r.offerTool(&t, own)
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
		}
		return r.noModelMember(name)
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
		return r.offer([]byte(name)) && r.noModels()
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
