// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"encoding/json"
	"testing"

	"github.com/clawea/clawea/seal"
)

// FuzzAdapter says: no file makes reading an adapter panic, one that is taken is taken
// again under the same hash, and no call makes mapping by it panic.
func FuzzAdapter(f *testing.F) {
	for _, name := range Names() {
		b, err := files.ReadFile("adapters/" + name + ".hujson")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b), `{"operation":"get","issueKey":"ENG-1"}`)
	}
	f.Add(`{"server":"s","versions":[],"system":"jira","tools":[{"name":"t","rows":[{"action":"a","args":{"x":["$a"],"v":{"$now":"version"},"y":{"...":"$b","z":"$$"}}}]}]}`, `{"a":1,"b":{"c":2}}`)
	f.Add(`{"server":"s","versions":[],"tools":[{"name":"t","by":"b","rows":[{"is":["x"],"class":"read"}]}]}`, `{"b":"x"}`)
	f.Add(`{"server":"s","tools":[{"name":"t","rows":[{"action":"a","args":{"...":"$b"}}]}]}`, `{}`)
	f.Fuzz(func(t *testing.T, text, args string) {
		a, err := ParseAdapter([]byte(text))
		if err != nil {
			return
		}
		again, err := ParseAdapter([]byte(text))
		if err != nil || again.Hash() != a.Hash() {
			t.Fatalf("%q is not what it was: %v", text, err)
		}
		for _, tool := range a.Tools {
			mapped(t, a, tool.Name, args)
		}
	})
}

// FuzzCall says: whatever arguments a call of a shipped adapter's tool comes with, it
// is refused, or comes to one canonical object for an action of the adapter's system.
func FuzzCall(f *testing.F) {
	for _, args := range []string{
		`{"operation":"update","issueKey":"ENG-1","summary":"S","description":"# D","customFields":{"a":[1],"Environment":"*x*"}}`,
		`{"operation":"transition","issueKey":"ENG-1","transitionId":31}`, `{"operation":null}`, `{"operation":"create","dueDate":null,"labels":"x"}`,
		`{"issue_key":"ENG-1","fields":"{\"description\":\"x\"}","additional_fields":"[]"}`, `{"issueIdOrKey":"ENG-1","transition":{"id":{}}}`,
		`{"cloudId":1,"issueIdOrKey":"ENG-1","commentBody":"[a](https://b)","contentFormat":"markdown"}`,
	} {
		f.Add(args)
	}
	var all []*Adapter
	for _, name := range Names() {
		a, err := Shipped(name)
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, a)
	}
	f.Fuzz(func(t *testing.T, args string) {
		for _, a := range all {
			for _, tool := range a.Tools {
				mapped(t, a, tool.Name, args)
			}
		}
	})
}

func mapped(t *testing.T, a *Adapter, tool, args string) {
	canonical, err := seal.Canonical([]byte(args))
	if err != nil {
		return
	}
	var given map[string]json.RawMessage
	if seal.Unmarshal(canonical, &given) != nil {
		return
	}
	r, err := a.Map(tool, given)
	if err != nil || r.template == nil {
		return
	}
	asked, err := r.asked(given)
	if err != nil {
		return
	}
	made, err := r.template.complete(asked, map[string]json.RawMessage{"version": json.RawMessage(`"V"`)})
	if err != nil {
		t.Fatalf("%s %s: %s is not completed: %v", tool, args, asked, err)
	}
	same, err := seal.Canonical(made)
	if err != nil || string(same) != string(made) || made[0] != '{' {
		t.Fatalf("%s %s came to %s, %v", tool, args, made, err)
	}
}
