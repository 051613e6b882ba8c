// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/markdown"
	"github.com/clawea/clawea/seal"
)

// A node is a piece of a template (spec/mcp.md 2.3): JSON, in which
//
//	"$name"                    is the argument name of the call, as it is
//	{"$":"name","as":"..."}    is the argument, converted
//	{"$now":"..."}             is something of the system as it is now: "version"; a
//	                           member of the template itself
//	{"$join":[...]}            is the texts in it, one after the other
//	"$$..."                    is a text that begins with a dollar sign
//	{"...":{"$":"name"}}       has the members of an argument that is an object, beside its own
//
// and all else stands for itself. What is made of an argument that is not there
// is left out, and so is an object or a list of which that leaves nothing but
// constants, and a text of which a piece is missing that is no $join itself.
type node struct {
	literal json.RawMessage // if it stands for itself
	from    string          // or the argument's name
	as      string          //   and how it is converted
	now     string          // or what it is now
	members map[string]*node
	rest    *node // further members
	items   []*node
	list    bool
	join    bool // of items
}

const maxDepth = 16

// conversions are what arguments can be turned into. A conversion fails for what it
// is not for, and never guesses.
var conversions = map[string]func(json.RawMessage) (json.RawMessage, error){
	"":         func(b json.RawMessage) (json.RawMessage, error) { return b, nil },
	"string":   asString,
	"integer":  asInteger,
	"list":     asList,
	"csv":      asCSV,
	"json":     asJSON,
	"adf":      func(b json.RawMessage) (json.RawMessage, error) { return asText(b, markdown.ADF) },
	"storage":  func(b json.RawMessage) (json.RawMessage, error) { return asText(b, storage) },
	"csv_name": asNames,
	"fields":   asFields,
	"id":       asID,
	"account":  asAccount,
	"one":      asOne,
	"quoted":   asQuoted,
}

// parseTemplate reads a template of an object.
func parseTemplate(b json.RawMessage) (*node, error) {
	if len(b) == 0 {
		return nil, errors.New(`"args" is missing`)
	}
	n, err := parseNode(b, 0)
	if err != nil {
		return nil, err
	}
	if n.members == nil || n.rest != nil {
		return nil, errors.New(`"args" must be an object whose members are known`)
	}
	for _, name := range n.memberNames() { // so that the others are what the agent asked for
		if x := n.members[name]; x.now == "" && x.wantsNow() {
			return nil, fmt.Errorf(`/%s: "$now" makes an argument of its own, and no part of one`, name)
		}
	}
	return n, nil
}

func parseNode(b json.RawMessage, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, errors.New("the template is nested too deeply")
	}
	switch b[0] {
	case '"':
		var s string
		if err := seal.Unmarshal(b, &s); err != nil {
			return nil, err
		}
		if rest, ok := strings.CutPrefix(s, "$$"); ok {
			literal, err := seal.Marshal("$" + rest)
			return &node{literal: literal}, err
		}
		if name, ok := strings.CutPrefix(s, "$"); ok {
			return &node{from: name}, nil
		}
	case '{':
		return parseObject(b, depth)
	case '[':
		var items []json.RawMessage
		if err := seal.Unmarshal(b, &items); err != nil {
			return nil, err
		}
		n := &node{list: true}
		for _, item := range items {
			x, err := parseNode(item, depth+1)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, x)
		}
		return n, nil
	}
	return &node{literal: b}, nil
}

func parseObject(b json.RawMessage, depth int) (*node, error) {
	var m map[string]json.RawMessage
	if err := seal.Unmarshal(b, &m); err != nil {
		return nil, err
	}
	if m["$"] != nil || m["$now"] != nil {
		var d struct {
			From string `json:"$,omitempty"`
			As   string `json:"as,omitempty"`
			Now  string `json:"$now,omitempty"`
		}
		if err := seal.Unmarshal(b, &d); err != nil {
			return nil, err
		}
		if conversions[d.As] == nil || (d.From == "") == (d.Now == "") || d.Now != "" && (d.As != "" || d.Now != "version") {
			return nil, fmt.Errorf("%s is neither an argument that is converted nor what is known now", b)
		}
		return &node{from: d.From, as: d.As, now: d.Now}, nil
	}
	if pieces, ok := m["$join"]; ok {
		return parseJoin(pieces, len(m), depth)
	}
	n := &node{members: map[string]*node{}}
	for name, v := range m {
		x, err := parseNode(v, depth+1)
		switch {
		case err != nil:
			return nil, err
		case name == "..." && x.from == "":
			return nil, fmt.Errorf("%s: %q wants an argument", b, name)
		case name == "...":
			n.rest = x
		default:
			n.members[name] = x
		}
	}
	return n, nil
}

// args adds the names of the arguments that n is made of to names.
func (n *node) args(names map[string]bool) map[string]bool {
	if names == nil {
		names = map[string]bool{}
	}
	if n.from != "" {
		names[n.from] = true
	}
	for _, x := range n.members {
		x.args(names)
	}
	if n.rest != nil {
		n.rest.args(names)
	}
	for _, x := range n.items {
		x.args(names)
	}
	return names
}

func (n *node) memberNames() []string { return slices.Sorted(maps.Keys(n.members)) }

// constant reports whether n is made of no argument.
func (n *node) constant() bool { return len(n.args(nil)) == 0 }

// wantsNow reports whether n is made of something that has to be looked up.
func (n *node) wantsNow() bool {
	return n.now != "" || slices.ContainsFunc(slices.Collect(maps.Values(n.members)), (*node).wantsNow) || slices.ContainsFunc(n.items, (*node).wantsNow)
}

// complete adds to what a template has made what is known of the system now.
func (n *node) complete(made json.RawMessage, now map[string]json.RawMessage) (json.RawMessage, error) {
	var out map[string]json.RawMessage
	if err := seal.Unmarshal(made, &out); err != nil {
		return nil, err
	}
	for name, x := range n.members {
		if v := now[x.now]; v != nil {
			out[name] = v
		}
	}
	return seal.Marshal(out)
}

// fill makes the action's arguments of the call's, without what is to be looked up.
// It returns nil where nothing is made.
func (n *node) fill(args map[string]json.RawMessage) (json.RawMessage, error) {
	switch {
	case n.literal != nil:
		return n.literal, nil
	case n.now != "":
		return nil, nil
	case n.from != "":
		v, ok := args[n.from]
		if !ok {
			return nil, nil
		}
		out, err := conversions[n.as](v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", n.from, err)
		}
		return out, nil
	case n.join:
		return n.fillJoin(args)
	case n.list:
		return n.fillList(args)
	}
	out := map[string]json.RawMessage{}
	made := n.constant()
	for _, name := range n.memberNames() {
		x := n.members[name]
		v, err := x.fill(args)
		if err != nil {
			return nil, err
		}
		if v != nil {
			out[name] = v
			made = made || !x.constant()
		}
	}
	more, err := n.fillRest(args, out)
	if err != nil || !made && !more {
		return nil, err
	}
	return seal.Marshal(out)
}

// fillRest adds further members to out, and reports whether there are any.
func (n *node) fillRest(args, out map[string]json.RawMessage) (bool, error) {
	if n.rest == nil {
		return false, nil
	}
	b, err := n.rest.fill(args)
	if err != nil || b == nil {
		return false, err
	}
	var rest map[string]json.RawMessage
	if seal.Unmarshal(b, &rest) != nil || rest == nil {
		return false, fmt.Errorf("%s: must be an object", n.rest.from)
	}
	for name, v := range rest {
		if out[name] != nil || n.members[name] != nil {
			return false, fmt.Errorf("%s: %q has an argument of its own; give it there", n.rest.from, atlassian.Clean(name, 40))
		}
		out[name] = v
	}
	return len(rest) > 0, nil
}

func (n *node) fillList(args map[string]json.RawMessage) (json.RawMessage, error) {
	out := []json.RawMessage{}
	made := n.constant()
	for _, x := range n.items {
		v, err := x.fill(args)
		if err != nil {
			return nil, err
		}
		if v != nil {
			out = append(out, v)
			made = made || !x.constant()
		}
	}
	if !made {
		return nil, nil
	}
	return seal.Marshal(out)
}

func text(b json.RawMessage) (string, error) {
	var s string
	if seal.Unmarshal(b, &s) != nil {
		return "", errors.New("must be a text")
	}
	return s, nil
}

// asString makes a number a text.
func asString(b json.RawMessage) (json.RawMessage, error) {
	if b[0] == '"' {
		return b, nil
	}
	var i int64
	if seal.Unmarshal(b, &i) != nil {
		return nil, errors.New("must be a text or a whole number")
	}
	return seal.Marshal(strconv.FormatInt(i, 10))
}

// asInteger makes a text of digits a number.
func asInteger(b json.RawMessage) (json.RawMessage, error) {
	s := string(b)
	if b[0] == '"' {
		var err error
		if s, err = text(b); err != nil {
			return nil, err
		}
	}
	i, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return nil, errors.New("must be a whole number")
	}
	return seal.Marshal(i)
}

// asList makes one text a list of one.
func asList(b json.RawMessage) (json.RawMessage, error) {
	if b[0] == '[' {
		return b, nil
	}
	s, err := text(b)
	if err != nil {
		return nil, err
	}
	return seal.Marshal([]string{s})
}

func split(b json.RawMessage) ([]string, error) {
	s, err := text(b)
	if err != nil {
		return nil, err
	}
	out := []string{}
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out, nil
}

// asCSV makes a text with commas a list.
func asCSV(b json.RawMessage) (json.RawMessage, error) {
	if b[0] == '[' {
		return b, nil
	}
	list, err := split(b)
	if err != nil {
		return nil, err
	}
	return seal.Marshal(list)
}

// asNames makes a text with commas a list of objects with names.
func asNames(b json.RawMessage) (json.RawMessage, error) {
	list, err := split(b)
	if err != nil {
		return nil, err
	}
	type named struct {
		Name string `json:"name"`
	}
	out := make([]named, len(list))
	for i, s := range list {
		out[i].Name = s
	}
	return seal.Marshal(out)
}

// asJSON reads JSON that came as a text.
func asJSON(b json.RawMessage) (json.RawMessage, error) {
	if b[0] != '"' {
		return b, nil
	}
	s, err := text(b)
	if err != nil {
		return nil, err
	}
	out, err := seal.Canonical([]byte(s))
	if err != nil {
		return nil, errors.New("must be JSON")
	}
	return out, nil
}

// asFields reads fields of an issue, in which rich texts are Markdown.
func asFields(b json.RawMessage) (json.RawMessage, error) {
	b, err := asJSON(b)
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if seal.Unmarshal(b, &fields) != nil || fields == nil {
		return nil, errors.New("must be an object of fields")
	}
	for name, v := range fields {
		if !slices.ContainsFunc([]string{"description", "environment"}, func(rich string) bool { return strings.EqualFold(rich, name) }) || v[0] != '"' {
			continue
		}
		if fields[name], err = asText(v, markdown.ADF); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return seal.Marshal(fields)
}

// asID makes an object that has an id and nothing else a text.
func asID(b json.RawMessage) (json.RawMessage, error) {
	if b[0] != '{' {
		return asString(b)
	}
	var named struct {
		ID json.RawMessage `json:"id"`
	}
	if seal.Unmarshal(b, &named) != nil || named.ID == nil {
		return nil, errors.New(`must be an object with an id and nothing else: {"id":"31"}`)
	}
	return asString(named.ID)
}

// asAccount takes an account's id, with or without a word before it that says so;
// none is nobody.
func asAccount(b json.RawMessage) (json.RawMessage, error) {
	if string(b) == "null" {
		return b, nil
	}
	s, err := text(b)
	if err != nil {
		return nil, err
	}
	if s = strings.TrimPrefix(s, "accountid:"); s == "" {
		return json.RawMessage("null"), nil
	}
	return seal.Marshal(s)
}

func asText(b json.RawMessage, convert func(string) ([]byte, error)) (json.RawMessage, error) {
	s, err := text(b)
	if err != nil {
		return nil, err
	}
	return convert(s)
}

func storage(s string) ([]byte, error) {
	xhtml, err := markdown.Storage(s)
	if err != nil {
		return nil, err
	}
	return seal.Marshal(xhtml)
}
