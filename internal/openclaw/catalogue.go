// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"fmt"
	"strings"

	guard "github.com/clawea/clawea/integrations/openclaw"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// A Tool is one of OpenClaw's own tools.
type Tool struct {
	Name   string       `json:"name"`
	Class  policy.Class `json:"class"`
	Group  string       `json:"group"`
	Plugin string       `json:"plugin,omitempty"` // the bundled plugin that has it; "": OpenClaw itself
}

// A Catalogue is what tools a release of OpenClaw has of its own.
type Catalogue struct {
	Release string `json:"openclaw"` // "2026.9.6"
	Tools   []Tool `json:"tools"`
}

// Own returns the catalogue of the release that this package knows.
func Own() (*Catalogue, error) { return ReadCatalogue(guard.Tools) }

// ReadCatalogue reads a catalogue strictly: every tool once, by a name that OpenClaw
// takes, with a class that tools can have.
func ReadCatalogue(b []byte) (*Catalogue, error) {
	c := new(Catalogue)
	if err := seal.Unmarshal(b, c); err != nil {
		return nil, fmt.Errorf("read the catalogue of tools: %w", err)
	}
	seen := map[string]bool{}
	for _, t := range c.Tools {
		switch t.Class {
		case policy.Read, policy.Search, policy.Write, policy.Admin:
		default:
			return nil, fmt.Errorf("read the catalogue of tools: %q has class %q", t.Name, t.Class)
		}
		if !isName(t.Name) || seen[t.Name] {
			return nil, fmt.Errorf("read the catalogue of tools: %q is no name, or there twice", t.Name)
		}
		seen[t.Name] = true
	}
	return c, nil
}

// isName reports whether s can name a tool, plugin or skill: a to z, 0 to 9, '_'
// and '-', beginning with a letter or digit, at most 128.
func isName(s string) bool {
	return s != "" && len(s) <= 128 && s[0] != '_' && s[0] != '-' && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") == ""
}
