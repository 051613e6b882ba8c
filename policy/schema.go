// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A node is what the grammar has at one place of a WPC. Lint and Schema are
// made from it; a test holds it to the fields that Parse reads.
type node struct {
	kinds   string         // what may stand there: some of { [ " 0 t, as jsontext names kinds
	about   string         // for people
	fields  []field        // of an object
	item    *node          // of a list
	words   []string       // the only texts that may stand there, or nil
	pattern *regexp.Regexp // of texts
	tools   bool           // texts that speak of tools, so not of models
	moment  bool           // texts that are a time, RFC 3339
	max     int64          // of numbers
	parts   bool           // numbers that need not be whole
}

// A field is a member of an object. A misplaced one is read, so that the
// complaint about it can say where it belongs, and is refused.
type field struct {
	name string
	*node
	required, misplaced bool
}

// field returns the member of n with a name, or nil.
func (n *node) field(name string) *field {
	for i := range n.fields {
		if n.fields[i].name == name {
			return &n.fields[i]
		}
	}
	return nil
}

// names lists the members that n may have.
func (n *node) names() []string {
	var out []string
	for _, f := range n.fields {
		if !f.misplaced {
			out = append(out, f.name)
		}
	}
	return out
}

// at returns what the grammar has at a JSON pointer, or the nearest around it.
func (n *node) at(pointer string) *node {
	for _, part := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		switch f := n.field(part); {
		case f != nil:
			n = f.node
		case n.item != nil:
			n = n.item
		default:
			return n
		}
	}
	return n
}

// schema is a JSON Schema, as far as WPCs need one.
type schema struct {
	Dialect     string             `json:"$schema,omitzero"`
	Title       string             `json:"title,omitzero"`
	Description string             `json:"description,omitzero"`
	Type        []string           `json:"type,omitzero"`
	Properties  map[string]*schema `json:"properties,omitzero"`
	Additional  *bool              `json:"additionalProperties,omitzero"`
	Required    []string           `json:"required,omitzero"`
	Items       *schema            `json:"items,omitzero"`
	Unique      bool               `json:"uniqueItems,omitzero"`
	Enum        []string           `json:"enum,omitzero"`
	MinLength   int                `json:"minLength,omitzero"`
	Pattern     string             `json:"pattern,omitzero"`
	Not         *schema            `json:"not,omitzero"`
	Format      string             `json:"format,omitzero"`
	Above       *float64           `json:"exclusiveMinimum,omitzero"`
	Minimum     int64              `json:"minimum,omitzero"`
	Maximum     int64              `json:"maximum,omitzero"`
}

// Schema returns a JSON Schema (2020-12) of WPCs, for editors: it offers the
// fields and words of the language and refuses what no WPC can hold. It accepts
// all that Parse accepts. Parse refuses more: what takes several fields to see,
// and conditions that do not compile.
func Schema() ([]byte, error) {
	s := grammar().schema()
	s.Dialect = "https://json-schema.org/draft/2020-12/schema"
	s.Title = "Work Policy Contract (WPC), version 1"
	return json.Marshal(s, json.Deterministic(true), jsontext.WithIndent("  "))
}

func (n *node) schema() *schema {
	s := &schema{Description: n.about}
	for _, k := range n.kinds {
		s.Type = append(s.Type, n.schemaType(jsontext.Kind(k)))
	}
	if n.fields != nil {
		n.object(s)
	}
	if n.item != nil {
		s.Items = n.item.schema()
		s.Unique = n.item.fields == nil
	}
	if strings.Contains(n.kinds, `"`) {
		n.text(s)
	}
	if strings.Contains(n.kinds, "0") {
		s.Maximum = n.max
		if s.Minimum = 1; n.parts {
			s.Minimum, s.Above = 0, new(float64)
		}
	}
	return s
}

func (n *node) object(s *schema) {
	closed := false
	s.Additional = &closed
	s.Properties = map[string]*schema{}
	for _, f := range n.fields {
		if f.misplaced {
			continue
		}
		s.Properties[f.name] = f.schema()
		if f.required {
			s.Required = append(s.Required, f.name)
		}
	}
}

func (n *node) text(s *schema) {
	s.Enum = slices.Clone(n.words)
	if n.words == nil {
		s.MinLength = 1
	}
	if n.pattern != nil {
		s.Pattern = ecma(n.pattern)
	}
	if n.tools {
		s.Not = &schema{Pattern: `^model(\..*)?$`}
	}
	if n.moment {
		s.Format = "date-time"
	}
}

// ecma spells a pattern as ECMA-262 does, which JSON Schema goes by.
func ecma(r *regexp.Regexp) string {
	return strings.NewReplacer(`\pC`, `\p{C}`, `\pZ`, `\p{Z}`).Replace(r.String())
}

// kindName says a kind of JSON value that n takes to people.
func (n *node) kindName(k jsontext.Kind) string {
	if n.parts && k == '0' {
		return "a number"
	}
	return kindName(k)
}

// kindName says a kind of JSON value to people.
func kindName(k jsontext.Kind) string {
	switch k {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a text"
	case '0':
		return "a whole number"
	}
	return "true or false"
}

func (n *node) schemaType(k jsontext.Kind) string {
	switch k {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case '0':
		if n.parts {
			return "number"
		}
		return "integer"
	}
	return "boolean"
}
