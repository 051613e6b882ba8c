// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/clawea/clawea/seal"
)

// A Config is what Clawea sets in OpenClaw's configuration; all else there is none
// of its business.
type Config struct {
	Policy   seal.Hash // that it is made from
	Settings []Setting
	Notes    []string // what a person should know of it
}

// A Rule is how a setting in force may differ from the planned one.
type Rule uint8

// The rules.
const (
	Exactly Rule = iota // not at all
	Within              // it is a list that may have fewer entries, but for none at all, which OpenClaw takes for everything
	Holding             // it is a list that may have more entries
	Unset               // it may not be there
)

// A Severity is how bad it is if a setting is otherwise.
type Severity string

// The severities.
const (
	Critical Severity = "critical" // there is a way round the house's doors, or the sandbox
	Warning  Severity = "warn"     // what the house would deny is offered, or something asks the world
)

// A Setting is one place in OpenClaw's configuration and what it has to be.
type Setting struct {
	Path     []string // names of members, from the outside in; "*" stands for every member
	Value    any      // as JSON has it; nil for Unset
	Rule     Rule
	Severity Severity
	Why      string // what it is for, in a few words
}

// Name is the setting's path, as OpenClaw writes it: "tools.exec.mode".
func (s *Setting) Name() string { return strings.Join(s.Path, ".") }

// set adds a setting that is exactly so.
func (b *builder) set(severity Severity, path string, value any, why string) {
	b.add(Exactly, severity, path, value, why)
}

// unset adds settings that may not be there.
func (b *builder) unset(severity Severity, why string, paths ...string) {
	for _, path := range paths {
		b.add(Unset, severity, path, nil, why)
	}
}

func (b *builder) add(rule Rule, severity Severity, path string, value any, why string) {
	b.config.Settings = append(b.config.Settings, Setting{strings.Split(path, "."), value, rule, severity, why})
}

// JSON is the configuration as a file by itself.
func (c *Config) JSON() ([]byte, error) {
	root := map[string]any{}
	for _, s := range c.Settings {
		if s.Rule == Unset {
			continue
		}
		at := root
		for _, name := range s.Path[:len(s.Path)-1] {
			next, ok := at[name].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[name] = next
			}
			at = next
		}
		at[s.Path[len(s.Path)-1]] = s.Value
	}
	b, err := json.Marshal(root, json.Deterministic(true), jsontext.WithIndent("  "), jsontext.SpaceAfterColon(true))
	return append(b, '\n'), err
}
