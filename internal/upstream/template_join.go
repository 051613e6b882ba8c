// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/clawea/clawea/seal"
)

// parseJoin reads the pieces of a join.
func parseJoin(b json.RawMessage, members, depth int) (*node, error) {
	n, err := parseNode(b, depth+1)
	if err != nil {
		return nil, err
	}
	if members != 1 || !n.list || slices.ContainsFunc(n.items, func(x *node) bool {
		return x.members != nil || x.list && !x.join || x.now != "" || x.literal != nil && x.literal[0] != '"'
	}) {
		return nil, fmt.Errorf("%s is not a list of texts", b)
	}
	n.join = true
	return n, nil
}

// fillJoin puts the pieces of a join together.
func (n *node) fillJoin(args map[string]json.RawMessage) (json.RawMessage, error) {
	var out strings.Builder
	for _, x := range n.items {
		v, err := x.fill(args)
		if err != nil || v == nil && !x.join {
			return nil, err
		}
		if v == nil {
			continue
		}
		s, err := text(v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", x.from, err)
		}
		out.WriteString(s)
	}
	return seal.Marshal(out.String())
}

// asOne takes the item of a list that has one.
func asOne(b json.RawMessage) (json.RawMessage, error) {
	if b[0] != '[' {
		return b, nil
	}
	var list []json.RawMessage
	if err := seal.Unmarshal(b, &list); err != nil || len(list) != 1 {
		return nil, errors.New("must have one item; send the others in calls of their own")
	}
	return list[0], nil
}

// asQuoted makes a text one in a query, and a list one of these: what is in them
// stays text there.
func asQuoted(b json.RawMessage) (json.RawMessage, error) {
	quote := func(s string) string { return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"` }
	if b[0] != '[' {
		s, err := text(b)
		if err != nil {
			return nil, err
		}
		return seal.Marshal(quote(s))
	}
	var list []string
	if err := seal.Unmarshal(b, &list); err != nil || len(list) == 0 {
		return nil, errors.New("must be texts")
	}
	for i, s := range list {
		list[i] = quote(s)
	}
	return seal.Marshal("(" + strings.Join(list, ", ") + ")")
}
