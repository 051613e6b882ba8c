// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/seal"
)

// A Shape says where in a server's answer, which is JSON, stands what it has read
// (spec/mcp.md 4.3). It is for servers that reach the system by themselves.
type Shape struct {
	// Items is the JSON pointer of the list of what it found, "/issues". "": the
	// answer is the one thing that it read.
	Items string `json:"items,omitempty"`
	// ID is the member of an item that has its id or key.
	ID string `json:"id,omitempty"`
	// Fields is the member that has the item's fields by their ids, or "." for the item
	// itself; of these, those are kept that may be read.
	Fields string `json:"fields,omitempty"`
	// Keep are other members that are kept.
	Keep []string `json:"keep,omitempty"`
}

func (s *Shape) check() error {
	switch {
	case s.ID == "":
		return errors.New(`"result" wants an "id": the member that says which item it is`)
	case s.Items != "" && (!strings.HasPrefix(s.Items, "/") || strings.Contains(s.Items, "~")):
		return errors.New(`"items" is a JSON pointer without escapes, such as /issues`)
	}
	return nil
}

// errShape is why an answer is withheld.
var errShape = &gate.Fault{Code: "unbounded", Msg: "the server's answer is not in the form that its adapter says, so it cannot be held to the policy, and is withheld; tell the operator of this house"}

// bound holds an answer to what the house has read itself: items that are not among
// ids are left out, and so is what is no readable field.
func (s *Shape) bound(text []byte, ids map[string]bool, readable []string) ([]byte, error) {
	var items []json.RawMessage
	if s.Items == "" {
		items = []json.RawMessage{text}
	} else {
		list, err := at(text, strings.Split(s.Items, "/")[1:])
		if err != nil || seal.Unmarshal(list, &items) != nil {
			return nil, errShape
		}
	}
	kept := []json.RawMessage{}
	for _, item := range items {
		out, err := s.item(item, ids, readable)
		if err != nil {
			return nil, err
		}
		if out != nil {
			kept = append(kept, out)
		}
	}
	if s.Items != "" {
		return seal.Marshal(map[string]any{"untrusted": true, "items": kept})
	}
	if len(kept) == 0 {
		return nil, errShape
	}
	return seal.Marshal(map[string]any{"untrusted": true, "item": kept[0]})
}

// item is what may be shown of one; nil: nothing.
func (s *Shape) item(b json.RawMessage, ids map[string]bool, readable []string) (json.RawMessage, error) {
	var in map[string]json.RawMessage
	if seal.Unmarshal(b, &in) != nil {
		return nil, errShape
	}
	id, err := asString(orNothing(in[s.ID]))
	var name string
	if err != nil || seal.Unmarshal(id, &name) != nil {
		return nil, errShape
	}
	if !ids[name] {
		return nil, nil
	}
	out := map[string]json.RawMessage{s.ID: in[s.ID]}
	for _, k := range s.Keep {
		if in[k] != nil {
			out[k] = in[k]
		}
	}
	if s.Fields == "." {
		for name, v := range in {
			if slices.Contains(readable, name) {
				out[name] = v
			}
		}
	} else if in[s.Fields] != nil {
		var fields map[string]json.RawMessage
		if seal.Unmarshal(in[s.Fields], &fields) != nil {
			return nil, errShape
		}
		for name := range fields {
			if !slices.Contains(readable, name) {
				delete(fields, name)
			}
		}
		if out[s.Fields], err = seal.Marshal(fields); err != nil {
			return nil, err
		}
	}
	return seal.Marshal(out)
}

func orNothing(b json.RawMessage) json.RawMessage {
	if b == nil {
		return json.RawMessage("null")
	}
	return b
}

// at returns the member of b that a path leads to.
func at(b json.RawMessage, path []string) (json.RawMessage, error) {
	for _, name := range path {
		var m map[string]json.RawMessage
		if err := seal.Unmarshal(b, &m); err != nil {
			return nil, err
		}
		b = orNothing(m[name])
	}
	return b, nil
}

// shown are the ids and keys of what a result of the house's shows.
func shown(result []byte) map[string]bool {
	type named struct {
		ID  string `json:"id"`
		Key string `json:"key"`
	}
	var r struct {
		Issue   *named  `json:"issue"`
		Issues  []named `json:"issues"`
		Page    *named  `json:"page"`
		Results []struct {
			Page named `json:"page"`
		} `json:"results"`
	}
	out := map[string]bool{}
	if json.Unmarshal(result, &r) != nil { // not strictly: the results say more
		return out
	}
	all := r.Issues
	for _, n := range []*named{r.Issue, r.Page} {
		if n != nil {
			all = append(all, *n)
		}
	}
	for _, x := range r.Results {
		all = append(all, x.Page)
	}
	for _, n := range all {
		for _, s := range []string{n.ID, n.Key} {
			if s != "" {
				out[s] = true
			}
		}
	}
	return out
}

// remote carries out a call by a server that reaches the system itself. What it has
// read is held to what the house reads, and is not asked for where its form is not
// known. A change is made by the house: the server could neither name the receipt
// in it nor be kept from changing more.
func (t *turn) remote(ctx context.Context) (*gate.Result, error) {
	t.result, t.failure = t.act(ctx, t.opened)
	if t.failure != nil || t.changes() || t.row.Result == nil {
		return t.result, t.failure
	}
	said, err := t.send(ctx, t.opened.Job, nil)
	if err != nil {
		return broken(err)
	}
	if said.form != gate.Text {
		return broken(errShape)
	}
	if t.result.Body, err = t.row.Result.bound(said.body, shown(t.result.Body), t.opened.Call.Reads); err != nil {
		return broken(err)
	}
	return t.result, nil
}
