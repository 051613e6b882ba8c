// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// A Tool is an action as agents are told of it.
type Tool struct {
	Action      policy.Action
	Title       string // for people
	Description string // for agents: what it does, what it takes, what it costs
	Schema      []byte // closed JSON Schema of the arguments
	// Unoffered says that it is only named: agents are not told of it and it is never
	// carried out, but policies can speak of it, and a call of it leaves a receipt
	// under its name.
	Unoffered bool
}

// Listed is the tool's name as agents are told of it: the action's, with _ for dots, since
// clients rewrite dots, each in its own way. A house has no two tools of one such name.
func (t *Tool) Listed() string { return strings.ReplaceAll(t.Action.String(), ".", "_") }

// Definition names the tool as agents are told of it: SHA-256 of the canonical JSON of
// its name (the action's, from which Listed follows), class, title, description and schema. Calls say it, so that a person's
// answer is about the tool as it was then. It fails if the schema is not strict JSON.
func (t *Tool) Definition() (seal.Hash, error) {
	b, err := seal.Marshal(&struct {
		Name        string          `json:"name"`
		Class       policy.Class    `json:"class"`
		Title       string          `json:"title"`
		Description string          `json:"description"`
		Schema      json.RawMessage `json:"inputSchema"`
	}{t.Action.String(), t.Action.Class, t.Title, t.Description, t.Schema})
	if err != nil {
		return seal.Hash{}, fmt.Errorf("define tool %s: %w", t.Action, err)
	}
	return seal.Sum(b), nil
}
