// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import "github.com/clawea/clawea/policy"

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
