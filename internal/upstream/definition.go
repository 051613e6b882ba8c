// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"encoding/json"
	"fmt"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/clawea/clawea/seal"
)

// The bounds of what a server says of itself.
const (
	maxTools      = 1024
	maxDefinition = 64 << 10 // bytes
	maxCatalogue  = 4 << 20  // bytes of all definitions together
)

// An Origin is where a server's answers come from, as the house set it up.
type Origin struct {
	Command []string `json:"command,omitempty"` // of a server that the house starts
	// Files are the digests of the command's files, and of the server's own files and
	// trees, by path: what is started is what was looked at.
	Files map[string]seal.Hash `json:"files,omitempty"`
	// Env is its environment; of variables that are secrets, the names.
	Env []string `json:"env,omitempty"`
	// Sandbox is the profile that confines it, as it was asked for: canonical JSON.
	Sandbox json.RawMessage `json:"sandbox,omitempty"`
	// Hosts are those that the house lets it reach, where a job's policy lists them too.
	Hosts []string `json:"hosts,omitempty"`
	URL   string   `json:"url,omitempty"` // of one that is somewhere else
}

// An identity is what a server is: who answers, in whose name, and what its tools
// are taken for. Policies pin its digest.
type identity struct {
	Name    string    `json:"name"` // in the configuration
	Origin  Origin    `json:"origin"`
	Server  string    `json:"server"`  // as it calls itself
	Version string    `json:"version"` // as it says
	Adapter seal.Hash `json:"adapter"`
}

// A definition is how a tool describes itself: all that agents are told of it.
type definition struct {
	Name         string          `json:"name"`
	Title        string          `json:"title,omitempty"`
	Description  string          `json:"description,omitempty"`
	InputSchema  json.RawMessage `json:"inputSchema"`
	OutputSchema json.RawMessage `json:"outputSchema,omitempty"`
	Annotations  json.RawMessage `json:"annotations,omitempty"`
}

// A digested is a paper in canonical JSON and its digest.
type digested struct {
	digest seal.Hash
	body   []byte
}

func digest(v any) (digested, error) {
	b, err := seal.Marshal(v)
	if err == nil && len(b) > maxDefinition {
		err = fmt.Errorf("longer than %d bytes", maxDefinition)
	}
	if err != nil {
		return digested{}, err
	}
	return digested{seal.Sum(b), b}, nil
}

// define returns how t describes itself.
func define(t *mcp.Tool) (digested, error) {
	d := definition{Name: t.Name, Title: t.Title, Description: t.Description}
	for _, x := range []struct {
		from any
		to   *json.RawMessage
		have bool
	}{{t.InputSchema, &d.InputSchema, true}, {t.OutputSchema, &d.OutputSchema, t.OutputSchema != nil}, {t.Annotations, &d.Annotations, t.Annotations != nil}} {
		if !x.have {
			continue
		}
		var err error
		if *x.to, err = json.Marshal(x.from); err != nil {
			return digested{}, err
		}
	}
	return digest(&d)
}
