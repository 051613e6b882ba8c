// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/tailscale/hujson"

	"github.com/clawea/clawea/seal"
)

// MaxConfig bounds a configuration's text, in bytes.
const MaxConfig = 1 << 20

// maxNested bounds how many objects and lists there are, and so how deep they can be
// within each other: reading them takes a stack as deep. OpenClaw's own are some hundreds.
const maxNested = 20_000

// include is the name by which a configuration takes in another file.
const include = "$include"

// loneReturn is a carriage return with no line feed after it. To OpenClaw it ends a comment,
// and what follows on the line is in force.
var loneReturn = regexp.MustCompile(`\r(?:[^\n]|$)`)

// A document is a configuration as its owner wrote it, comments and all.
type document struct {
	text  hujson.Value
	plain map[string]any // the same, as JSON has it
}

// read reads a configuration: JSON, in which comments and trailing commas are kept.
// A text that is empty is a configuration without settings.
func read(b []byte) (*document, error) {
	if len(b) > MaxConfig {
		return nil, fmt.Errorf("the configuration is longer than %d bytes\nis it the right file?", MaxConfig)
	}
	if len(bytes.TrimSpace(b)) == 0 {
		b = []byte("{}\n")
	}
	if bytes.Count(b, []byte("{"))+bytes.Count(b, []byte("[")) > maxNested { // those in texts and comments, too
		return nil, fmt.Errorf("the configuration has more than %d objects and lists\nis it the right file?", maxNested)
	}
	if loneReturn.Match(b) {
		return nil, errors.New("the configuration cannot be read safely: a line ends with a carriage return alone, where a comment ends to OpenClaw and goes on to others\nend lines with a line feed")
	}
	v, err := hujson.Parse(slices.Clone(b))
	if err != nil {
		return nil, fmt.Errorf("the configuration is not JSON, which may have comments: %w\nhave OpenClaw write it as JSON, without comments: openclaw config set update.checkOnStart false; or put names and texts in double quotes yourself", err)
	}
	d := &document{text: v}
	standard := v.Clone()
	standard.Standardize()
	if err := json.Unmarshal(standard.Pack(), &d.plain); err != nil {
		return nil, fmt.Errorf("the configuration cannot be read safely: %w\neach name must be there once, all texts must be UTF-8, and the whole must be one object", err)
	}
	if d.plain == nil { // null
		return nil, errors.New("the configuration is no object\nbegin with {}")
	}
	return d, nil
}

// get returns the value at a path; ok is false if there is none.
func (d *document) get(path []string) (v any, ok bool) {
	v = d.plain
	for _, name := range path {
		m, isMap := v.(map[string]any)
		if !isMap {
			return nil, false
		}
		if v, ok = m[name]; !ok {
			return nil, false
		}
	}
	return v, true
}

// places are the paths that a path with * leads to in d.
func (d *document) places(path []string) [][]string {
	i := slices.Index(path, "*")
	if i < 0 {
		return [][]string{path}
	}
	v, _ := d.get(path[:i])
	m, _ := v.(map[string]any)
	var out [][]string
	for _, name := range sortedNames(m) {
		out = append(out, d.places(slices.Concat(path[:i], []string{name}, path[i+1:]))...)
	}
	return out
}

// included are the paths of values that come from other files.
func (d *document) included() [][]string { return included(d.plain, nil) }

func included(v any, at []string) (out [][]string) {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range sortedNames(v) {
			if name == include {
				out = append(out, slices.Clone(at))
			}
			out = append(out, included(v[name], append(at, name))...)
		}
	case []any:
		for i, e := range v {
			out = append(out, included(e, append(at, fmt.Sprint(i)))...)
		}
	}
	return out
}

// same reports whether two values are the same JSON.
func same(a, b any) bool {
	if a, ok := a.(string); ok { // as entries of lists are
		b, ok := b.(string)
		return ok && a == b
	}
	x, errX := canonical(a)
	y, errY := canonical(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

func canonical(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return seal.Canonical(b)
}

// compact is a value as one line of JSON.
func compact(v any) string {
	b, err := json.Marshal(v, json.Deterministic(true), jsontext.SpaceAfterColon(true), jsontext.SpaceAfterComma(true))
	if err != nil {
		return "?"
	}
	return string(b)
}
