// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"

	"github.com/clawea/clawea/seal"
)

// Pins are the MCP servers that a policy was published with, as people read them, and
// how they differ now; of a draft, those that publishing would pin now. All texts of
// servers are made visible and cut to bounds.
type Pins struct {
	Policy      seal.Hash       `json:"policy"`
	Draft       bool            `json:"draft,omitzero"` // it is not published
	Servers     []PinnedServer  `json:"servers"`
	Differences []PinDifference `json:"differences"`
	Fault       string          `json:"fault,omitzero"` // why it is not known how they are now
}

// A PinnedServer is a server and what it says of itself.
type PinnedServer struct {
	Name     string       `json:"name"`
	Identity seal.Hash    `json:"identity"`
	Is       []PinnedFact `json:"is"` // what makes it this server
	Tools    []PinnedTool `json:"tools"`
	Lost     bool         `json:"lost,omitzero"` // the text behind the digest is not kept, or is damaged
}

// A PinnedFact is something by its name.
type PinnedFact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// A PinnedTool is a tool and what it says of itself.
type PinnedTool struct {
	Name        string           `json:"name"`
	Definition  seal.Hash        `json:"definition"`
	Title       string           `json:"title,omitzero"`
	Description string           `json:"description,omitzero"`
	Hints       []string         `json:"hints,omitempty"` // "it only reads"
	Arguments   []PinnedArgument `json:"arguments,omitempty"`
	More        []PinnedFact     `json:"more,omitempty"` // all else
	Lost        bool             `json:"lost,omitzero"`  // the text behind the digest is not kept, or is damaged
}

// A PinnedArgument is an argument of a tool.
type PinnedArgument struct {
	Name        string `json:"name"`
	Required    bool   `json:"required,omitzero"`
	Description string `json:"description,omitzero"`
	Schema      string `json:"schema"` // without the description
}

// A PinDifference is something that is not as it was pinned, in words.
type PinDifference struct {
	Server string `json:"server"`
	Tool   string `json:"tool,omitzero"`
	Says   string `json:"says"`           // a sentence
	Lines  string `json:"lines,omitzero"` // of what changed, "-" before what was and "+" before what is
}

// Pins returns the MCP servers that a policy was published with, and how they differ now;
// of a draft, those that publishing would pin now.
func (c *Client) Pins(ctx context.Context, h seal.Hash) (*Pins, error) {
	return call[Pins](ctx, c, "GET", "/v1/wpc/"+h.String()+"/pins", nil)
}
