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
	// Items is the JSON pointer of the list of what it found, "/issues"; "/" if the
	// answer is the list. "": the answer is the one thing that it read.
	Items string `json:"items,omitempty"`
	// Item is the JSON pointer of the one thing, if there is more in the answer:
	// "/metadata".
	Item string `json:"item,omitempty"`
	// ID is the member of an item that has its id or key, or the JSON pointer of one
	// deeper in it, "/content/id", which is shown as "id".
	ID string `json:"id,omitempty"`
	// Fields is the member that has the item's fields by their ids, or "." for the item
	// itself; of these, those are kept that may be read.
	Fields string `json:"fields,omitempty"`
	// Keep are other members that are kept.
	Keep []string `json:"keep,omitempty"`
	// Own says that the server's answer has nothing by which it could be held to
	// anything. Then the agent gets what the house has read, and the server is not called.
	Own bool `json:"own,omitempty"`
}

func (s *Shape) check() error {
	switch {
	case s.Own && (s.ID != "" || s.Items != "" || s.Item != "" || s.Fields != "" || s.Keep != nil):
		return errors.New(`"own" is the house's own result; leave away what the server's is like`)
	case s.Own:
		return nil
	case s.ID == "":
		return errors.New(`"result" wants an "id": the member that says which item it is`)
	case !pointer(s.Items) || !pointer(s.Item) || strings.HasPrefix(s.ID, "/") && !pointer(s.ID):
		return errors.New(`"items" and "item" are JSON pointers without escapes, such as /issues`)
	case s.Items != "" && s.Item != "":
		return errors.New(`"items" and "item" are not both right: there is one thing, or a list`)
	}
	return nil
}

func pointer(s string) bool {
	return s == "" || strings.HasPrefix(s, "/") && !strings.Contains(s, "~")
}

// steps are the names of members that a pointer leads along.
func steps(s string) []string {
	if s == "" || s == "/" {
		return nil
	}
	return strings.Split(s, "/")[1:]
}

// errShape is why an answer is withheld.
var errShape = &gate.Fault{Code: "unbounded", Msg: "the server's answer is not in the form that its adapter says, so it cannot be held to the policy, and is withheld; tell the operator of this house"}

// bound holds an answer to what the house has read itself: items that are not among
// ids are left out, and so is what is no readable field.
func (s *Shape) bound(text []byte, ids map[string]bool, readable []string) ([]byte, error) {
	var items []json.RawMessage
	if s.Items == "" {
		one, err := at(text, steps(s.Item))
		if err != nil {
			return nil, errShape
		}
		items = []json.RawMessage{one}
	} else {
		list, err := at(text, steps(s.Items))
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
	member, raw, err := s.id(b, in)
	if err != nil {
		return nil, errShape
	}
	id, err := asString(raw)
	var name string
	if err != nil || seal.Unmarshal(id, &name) != nil {
		return nil, errShape
	}
	if !ids[name] {
		return nil, nil
	}
	out := map[string]json.RawMessage{member: raw}
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

// id is an item's id, and the member as which it is shown.
func (s *Shape) id(b json.RawMessage, in map[string]json.RawMessage) (member string, _ json.RawMessage, _ error) {
	if !strings.HasPrefix(s.ID, "/") {
		return s.ID, orNothing(in[s.ID]), nil
	}
	raw, err := at(b, steps(s.ID))
	return "id", raw, err
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

// shown are the ids and keys of what a result of the house's shows; of labels, which
// have no others, the names.
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
		Pages       []named  `json:"pages"`
		Comments    []named  `json:"comments"`
		Attachments []named  `json:"attachments"`
		Labels      []string `json:"labels"`
	}
	out := map[string]bool{}
	if json.Unmarshal(result, &r) != nil { // not strictly: the results say more
		return out
	}
	all := slices.Concat(r.Issues, r.Pages, r.Comments, r.Attachments)
	for _, name := range r.Labels {
		all = append(all, named{ID: name})
	}
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
// read is held to what the house reads. A change is made by the house: the
// server could neither name the receipt in it nor be kept from changing more.
func (t *turn) remote(ctx context.Context) (*gate.Result, error) {
	t.result, t.failure = t.act(ctx, t.opened)
	if t.failure != nil || t.changes() || t.row.Result.Own {
		return t.result, t.failure
	}
	said, err := t.send(ctx, t.opened, nil)
	if err != nil {
		return t.spoiled(err)
	}
	if said.form != gate.Text {
		return t.spoiled(errShape)
	}
	if t.result.Body, err = t.row.Result.bound(said.body, shown(t.result.Body), t.opened.Call.Reads); err != nil {
		return t.spoiled(err)
	}
	return t.result, nil
}
