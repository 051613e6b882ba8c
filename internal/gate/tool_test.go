// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"testing"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
)

// A definition is all that agents are told of a tool, however it is spelled, and
// nothing else.
func TestDefinition(t *testing.T) {
	tool := gate.Tool{
		Action: policy.Action{Tool: "mail", Name: "send", Class: policy.Write}, Title: "Send a mail", Description: "Sends it.",
		Schema: []byte(`{"type":"object","additionalProperties":false}`),
	}
	want, err := tool.Definition()
	if err != nil || want.IsZero() {
		t.Fatal(want, err)
	}
	for name, change := range map[string]func(*gate.Tool){
		"name":        func(x *gate.Tool) { x.Action.Name = "send2" },
		"class":       func(x *gate.Tool) { x.Action.Class = policy.Admin },
		"title":       func(x *gate.Tool) { x.Title = "Send mail" },
		"description": func(x *gate.Tool) { x.Description += " Call it first." },
		"schema":      func(x *gate.Tool) { x.Schema = []byte(`{"type":"object","additionalProperties":true}`) },
	} {
		other := tool
		change(&other)
		if got, err := other.Definition(); err != nil || got.Equal(want) {
			t.Errorf("with another %s the definition is the same: %v", name, err)
		}
	}
	for name, change := range map[string]func(*gate.Tool){
		"order of the schema's members": func(x *gate.Tool) { x.Schema = []byte(`{ "additionalProperties": false, "type": "object" }`) },
		"word for policies only":        func(x *gate.Tool) { x.Unoffered = true },
	} {
		same := tool
		change(&same)
		if got, err := same.Definition(); err != nil || !got.Equal(want) {
			t.Errorf("with another %s the definition is another: %v", name, err)
		}
	}
	tool.Schema = []byte(`{"type":"object","type":"object"}`)
	if _, err := tool.Definition(); err == nil {
		t.Error("a schema that says one thing twice has a definition")
	}
}
