// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package pins says in words what upstream MCP servers say of themselves and how that
// differs from what a policy was published with, for people who read it before they
// sign. It depends on nothing but what it is given. What servers say is anybody's text:
// it is shown as it is, with what cannot be seen made visible and within bounds, and
// never followed.
package pins

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/page"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// Texts are what is behind digests: canonical JSON. What is not there is not known.
type Texts map[seal.Hash][]byte

// The bounds of what is shown, in characters. A definition is no longer than maxText, so
// that nothing of it is hidden from who signs.
const (
	maxName = 128
	maxText = 64 << 10
)

// Tell is all there is to say of the servers that a policy pins and of how they are now,
// which fault keeps from being known.
func Tell(p seal.Hash, pinned, now []policy.Server, texts Texts, fault error) *api.Pins {
	out := &api.Pins{Policy: p, Servers: Show(pinned, texts), Differences: []api.PinDifference{}}
	if fault != nil {
		out.Fault = block(fault.Error())
		return out
	}
	out.Differences = Differences(pinned, now, texts)
	return out
}

// Show returns servers as people read them.
func Show(servers []policy.Server, texts Texts) []api.PinnedServer {
	out := []api.PinnedServer{}
	for _, s := range servers {
		shown := api.PinnedServer{Name: line(s.Name, maxName), Identity: s.Identity, Is: []api.PinnedFact{}, Tools: []api.PinnedTool{}}
		is, ok := members(texts[s.Identity])
		if shown.Lost = !ok; ok {
			shown.Is = facts(flat(is))
		}
		for _, t := range s.Tools {
			shown.Tools = append(shown.Tools, showTool(t, texts[t.Definition]))
		}
		out = append(out, shown)
	}
	return out
}

func showTool(t policy.PinnedTool, text []byte) api.PinnedTool {
	out := api.PinnedTool{Name: line(t.Name, maxName), Definition: t.Definition}
	d, ok := readTool(text)
	if !ok {
		out.Lost = true
		return out
	}
	out.Title, out.Description = line(d.title, maxText), block(d.description)
	for _, h := range hints {
		if word := h.says(d.annotations[h.name]); word != "" {
			out.Hints = append(out.Hints, "it "+word)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.arguments)) {
		a := d.arguments[name]
		out.Arguments = append(out.Arguments, api.PinnedArgument{
			Name: line(name, maxText), Required: d.required[name], Description: block(a.description), Schema: line(string(a.schema), maxText),
		})
	}
	out.More = facts(d.rest())
	return out
}

// facts are values by their names, in order.
func facts(m map[string]json.RawMessage) []api.PinnedFact {
	out := []api.PinnedFact{}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out = append(out, api.PinnedFact{Name: line(name, maxText), Value: line(plain(m[name]), maxText)})
	}
	return out
}

// A tool is what a server says of one of its tools, by the names that MCP has for it.
// What has another shape than MCP says is among the other members.
type tool struct {
	title, description string
	arguments          map[string]argument
	required           map[string]bool
	schema             map[string]json.RawMessage // of the arguments, and what else it has
	annotations        map[string]json.RawMessage
	others             map[string]json.RawMessage
}

// An argument is a property of a tool's schema.
type argument struct {
	description string
	schema      json.RawMessage // without the description
}

// readTool reads a tool's definition. It reports false if there is none, or it is no
// JSON object.
func readTool(b []byte) (*tool, bool) {
	m, ok := members(b)
	if !ok {
		return nil, false
	}
	t := &tool{others: m}
	t.title, _ = take(m, "title", text)
	t.description, _ = take(m, "description", text)
	t.annotations, _ = take(m, "annotations", members)
	if t.schema, ok = take(m, "inputSchema", members); ok {
		t.arguments, _ = take(t.schema, "properties", properties)
		t.required, _ = take(t.schema, "required", words)
	}
	return t, true
}

// rest is all that people are told of a tool besides: other annotations, the rest of
// the schema, other members. Its name they know.
func (t *tool) rest() map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	for name, v := range t.others {
		if name != "name" {
			out[step(name)] = v
		}
	}
	for name, v := range t.schema {
		out["inputSchema."+step(name)] = v
	}
	for name, v := range t.annotations {
		if !slices.ContainsFunc(hints, func(h hint) bool { return h.name == name && h.says(v) != "" }) {
			out["annotations."+step(name)] = v
		}
	}
	return out
}

// take reads a member by a reader of its shape, and takes it out if it has that.
func take[T any](m map[string]json.RawMessage, name string, read func([]byte) (T, bool)) (v T, ok bool) {
	if v, ok = read(m[name]); ok {
		delete(m, name)
	}
	return v, ok
}

// members reads a JSON object.
func members(b []byte) (map[string]json.RawMessage, bool) {
	var m map[string]json.RawMessage
	if seal.Unmarshal(b, &m) != nil || m == nil {
		return nil, false
	}
	return m, true
}

// text reads a JSON string.
func text(b []byte) (s string, ok bool) {
	return s, bytes.HasPrefix(b, []byte(`"`)) && seal.Unmarshal(b, &s) == nil
}

// words reads a list of strings, none of them twice, as a set.
func words(b []byte) (map[string]bool, bool) {
	var list []string
	if !bytes.HasPrefix(b, []byte("[")) || seal.Unmarshal(b, &list) != nil {
		return nil, false
	}
	out := map[string]bool{}
	for _, s := range list {
		out[s] = true
	}
	return out, len(out) == len(list)
}

// properties reads the arguments of a schema.
func properties(b []byte) (map[string]argument, bool) {
	m, ok := members(b)
	if !ok {
		return nil, false
	}
	out := map[string]argument{}
	for name, v := range m {
		a := argument{schema: v}
		if inner, ok := members(v); ok {
			if a.description, ok = take(inner, "description", text); ok {
				a.schema, _ = seal.Marshal(inner) // it was canonical, and is without a member
			}
		}
		out[name] = a
	}
	return out, true
}

// flat are the values of m, and of the objects in it, by the names that lead to them,
// as far down as people look.
func flat(m map[string]json.RawMessage) map[string]json.RawMessage { return flatten(m, 3) }

func flatten(m map[string]json.RawMessage, levels int) map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	for name, v := range m {
		inner, ok := members(v)
		if !ok || len(inner) == 0 || levels == 1 {
			out[step(name)] = v
			continue
		}
		for n, v := range flatten(inner, levels-1) {
			out[step(name)+"."+n] = v
		}
	}
	return out
}

// step is a name as a step of a path, which no name can pass for two steps of.
func step(name string) string {
	if strings.ContainsAny(name, `."`) {
		return strconv.Quote(name)
	}
	return name
}

// plain is a value as people read it: a text without its quotes, all else in JSON.
func plain(v json.RawMessage) string {
	if s, ok := text(v); ok {
		return s
	}
	return string(v)
}

// line is text of anybody's in one line that can be seen for what it is, cut.
func line(s string, most int) string {
	return cut(page.Visible(strings.ToValidUTF8(s, "\ufffd")), most)
}

// block is line for text of several lines.
func block(s string) string {
	lines := strings.Split(strings.ToValidUTF8(s, "\ufffd"), "\n")
	for i := range lines {
		lines[i] = page.Visible(lines[i])
	}
	return cut(strings.Join(lines, "\n"), maxText)
}

// quote is line in quotation marks, which the text cannot close.
func quote(s string, most int) string {
	return `"` + strings.ReplaceAll(line(s, most), `"`, `\"`) + `"`
}

func cut(s string, most int) string {
	if len(s) <= most || utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}
