// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
)

// Tools lists what the connector can do, each with the closed JSON Schema of
// its arguments, as [Operations] has it. Writing is listed even where it is
// disabled: policies may name it.
func (c *Connector) Tools() []gate.Tool {
	var out []gate.Tool
	for _, o := range Operations() {
		out = append(out, gate.Tool{
			Action: policy.Action{Tool: name, Name: o.Name, Class: o.Class},
			Title:  o.Title, Description: o.Description, Schema: o.Schema(), Unoffered: !o.Offered,
		})
	}
	return out
}
