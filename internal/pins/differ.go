// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package pins

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/page"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// The bounds of all differences together.
const (
	maxDifferences = 1000
	maxLines       = 512 << 10 // bytes
	maxShort       = 100       // of a value that is said in a sentence
)

// Differences says how servers are now that were pinned so: what is new, what is gone,
// and what describes itself otherwise. There is none if and only if all digests are the
// same, by the same names. It depends on nothing but what it is given.
func Differences(pinned, now []policy.Server, texts Texts) []api.PinDifference {
	w := &writer{texts: texts, out: []api.PinDifference{}}
	was, is := byName(pinned, serverName), byName(now, serverName)
	for _, name := range union(was, is) {
		w.server, w.tool = name, ""
		before, after := was[name], is[name]
		switch {
		case before == nil:
			w.say("the server %s is new: none of its tools may be called", quote(name, maxName))
		case after == nil:
			w.say("the server %s is gone, or not configured any more", quote(name, maxName))
		default:
			w.compareServers(before, after)
		}
	}
	if w.left > 0 {
		w.server, w.tool = "", ""
		w.out = append(w.out, api.PinDifference{Says: fmt.Sprintf("%d more differences are left out here", w.left)})
	}
	return w.out
}

func serverName(s *policy.Server) string   { return s.Name }
func toolName(t *policy.PinnedTool) string { return t.Name }

func byName[T any](list []T, name func(*T) string) map[string]*T {
	out := make(map[string]*T, len(list))
	for i := range list {
		out[name(&list[i])] = &list[i]
	}
	return out
}

// union are the names of both, in order.
func union[T any](a, b map[string]T) []string {
	names := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(names)
	return slices.Compact(names)
}

// A writer collects differences.
type writer struct {
	texts        Texts
	server, tool string
	out          []api.PinDifference
	lines        int // bytes of lines
	left         int // differences left out
}

// say adds a difference of the server or tool at hand.
func (w *writer) say(format string, args ...any) { w.add(fmt.Sprintf(format, args...), "") }

func (w *writer) add(says, lines string) {
	if len(w.out) == maxDifferences {
		w.left++
		return
	}
	if w.lines += len(lines); w.lines > maxLines {
		says, lines = says+" (there is no room to show how)", ""
	}
	w.out = append(w.out, api.PinDifference{Server: line(w.server, maxName), Tool: line(w.tool, maxName), Says: says, Lines: lines})
}

// value says that something went from one value to another, nil being none: in the
// sentence, if it is short, and otherwise line by line.
func (w *writer) value(what string, was, is json.RawMessage) {
	from, to := quoted(was), quoted(is)
	short := len(from) <= maxShort && len(to) <= maxShort && from != to && !manyLines(was) && !manyLines(is)
	switch {
	case short && was == nil:
		w.say("%s is new: %s", what, to)
	case short && is == nil:
		w.say("%s is gone; it was %s", what, from)
	case short:
		w.say("%s went from %s to %s", what, from, to)
	case was == nil:
		w.add(what+" is new", lines(nil, spread(is)))
	case is == nil:
		w.add(what+" is gone", lines(spread(was), nil))
	default:
		w.add(what+" changed", lines(spread(was), spread(is)))
	}
}

// words is value of texts, "" being none: what goes from one to another is said line by
// line.
func (w *writer) words(what, was, is string) {
	if was == "" || is == "" {
		w.value(what, asJSON(was), asJSON(is))
		return
	}
	w.add(what+" changed", lines([]string{was}, []string{is}))
}

func manyLines(v json.RawMessage) bool {
	s, _ := text(v)
	return strings.Contains(s, "\n")
}

// quoted is a value in one line.
func quoted(v json.RawMessage) string {
	if s, ok := text(v); ok {
		return quote(s, maxText)
	}
	return line(string(v), maxText)
}

// spread is a value in the lines that people read it in.
func spread(v json.RawMessage) []string {
	if s, ok := text(v); ok {
		return []string{s}
	}
	var b bytes.Buffer
	if json.Indent(&b, v, "", "  ") != nil {
		return []string{string(v)}
	}
	return []string{b.String()}
}

// lines are the changed lines between two texts, with some around them.
func lines(was, is []string) string {
	d := page.DiffFields([]page.Field{{Name: "text", Before: was, After: is}})
	_, d, _ = strings.Cut(d, "\n") // the field's name
	return d
}

func (w *writer) compareServers(was, is *policy.Server) {
	if !was.Identity.Equal(is.Identity) {
		w.say("the server %s is not what it was: none of its tools may be called", quote(was.Name, maxName))
		w.compareIdentities(w.texts[was.Identity], w.texts[is.Identity])
	}
	before, after := byName(was.Tools, toolName), byName(is.Tools, toolName)
	for _, name := range union(before, after) {
		w.tool = name
		was, is := before[name], after[name]
		switch {
		case was == nil:
			w.say("the tool %s is new: it may not be called", quote(name, maxName))
		case is == nil:
			w.say("the tool %s is gone", quote(name, maxName))
		case !was.Definition.Equal(is.Definition):
			w.compareTools(quote(name, maxName), w.texts[was.Definition], w.texts[is.Definition])
		}
	}
}

// compareIdentities says what makes it another server.
func (w *writer) compareIdentities(was, is []byte) {
	before, ok1 := members(was)
	after, ok2 := members(is)
	if !ok1 || !ok2 {
		w.say("what it was is not kept, so that nobody can say what changed")
		return
	}
	a, b := flat(before), flat(after)
	for _, name := range union(a, b) {
		if !bytes.Equal(a[name], b[name]) {
			w.compareLists(itsName(name), a[name], b[name])
		}
	}
}

// itsName says a member of an identity as something of the server's.
func itsName(path string) string {
	switch last := path[strings.LastIndexByte(path, '.')+1:]; {
	case strings.HasPrefix(path, "sandbox."):
		return "its sandbox's " + line(strings.TrimPrefix(path, "sandbox."), maxName)
	case last == "version":
		return "the server's version"
	case path == "url":
		return "its address"
	}
	return "its " + line(path, maxName)
}

// compareLists is value, and says of lists of words what came and what went, if that is
// all: the order of words in a command is part of it.
func (w *writer) compareLists(what string, was, is json.RawMessage) {
	a, ok1 := words(was)
	b, ok2 := words(is)
	if !ok1 || !ok2 || what != "its hosts" && !strings.HasPrefix(what, "its sandbox's ") || maps.Equal(a, b) {
		w.value(what, was, is)
		return
	}
	for _, s := range union(a, b) {
		switch {
		case !a[s]:
			w.say("%s has %s too", what, quote(s, maxText))
		case !b[s]:
			w.say("%s has %s no longer", what, quote(s, maxText))
		}
	}
}

func (w *writer) compareTools(name string, was, is []byte) {
	before, ok1 := readTool(was)
	after, ok2 := readTool(is)
	if !ok1 || !ok2 {
		w.say("the tool %s is not what it was, and nobody can say what changed: the text of it is not kept", name)
		return
	}
	said := len(w.out) + w.left
	if before.title != after.title {
		w.value(name+": the title", asJSON(before.title), asJSON(after.title))
	}
	if before.description != after.description {
		w.words(name+": the description", before.description, after.description)
	}
	w.compareArguments(name, before, after)
	for _, h := range hints {
		w.compareHint(name, h, before.annotations[h.name], after.annotations[h.name])
	}
	a, b := before.rest(), after.rest()
	for _, member := range union(a, b) {
		if !bytes.Equal(a[member], b[member]) {
			w.value(name+": "+line(member, maxName), a[member], b[member])
		}
	}
	if len(w.out)+w.left == said { // what is the same to a reader, and not to the digest
		w.add("the tool "+name+" is written otherwise", lines(spread(was), spread(is)))
	}
}

// asJSON is a text as a value; nil if it is empty.
func asJSON(s string) json.RawMessage {
	b, err := seal.Marshal(s)
	if s == "" || err != nil {
		return nil
	}
	return b
}

func (w *writer) compareArguments(tool string, was, is *tool) {
	for _, name := range union(was.arguments, is.arguments) {
		what := tool + ": the argument " + quote(name, maxText)
		a, before := was.arguments[name]
		b, after := is.arguments[name]
		switch {
		case !after:
			w.say("%s is gone", what)
			continue
		case !before && is.required[name]:
			w.say("%s is new, and required", what)
		case !before:
			w.say("%s is new", what)
		}
		if !bytes.Equal(a.schema, b.schema) {
			w.value(what+": its schema", a.schema, b.schema)
		}
		if a.description != b.description {
			w.words(what+": its description", a.description, b.description)
		}
	}
	for _, name := range union(was.required, is.required) {
		_, before := was.arguments[name]
		_, after := is.arguments[name]
		switch now := is.required[name]; {
		case now == was.required[name], now && !before && after, !now && before && !after: // or told already
		case now:
			w.say("%s: the argument %s is required now", tool, quote(name, maxName))
		default:
			w.say("%s: the argument %s is not required any more", tool, quote(name, maxName))
		}
	}
}

// A hint is an annotation by which a tool says what it may do. It binds nobody.
type hint struct{ name, yes, no string }

var hints = []hint{
	{"readOnlyHint", "only reads", "may change things"},
	{"destructiveHint", "is destructive", "destroys nothing"},
	{"idempotentHint", "does nothing more when it is called again", "may do more when it is called again"},
	{"openWorldHint", "reaches beyond its own system", "reaches nothing beyond its own system"},
}

// says is what a value of the hint says, "" if nothing.
func (h hint) says(v json.RawMessage) string {
	switch string(v) {
	case "true":
		return h.yes
	case "false":
		return h.no
	}
	return ""
}

func (w *writer) compareHint(tool string, h hint, was, is json.RawMessage) {
	before, after := h.says(was), h.says(is)
	switch {
	case before == after:
	case before == "":
		w.say("%s says now that it %s", tool, after)
	case after == "":
		w.say("%s says no longer that it %s", tool, before)
	default:
		w.say("%s says now that it %s, and no longer that it %s", tool, after, before)
	}
}
