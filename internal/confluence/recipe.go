// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"encoding/json"
	"strings"

	pagebody "github.com/clawea/clawea/internal/page"
	"github.com/clawea/clawea/receipt"
)

// A recipe is the arguments of a call that takes a change back: in a change
// those that are known beforehand, in a step all but what its person says.
type recipe struct {
	PageID    string `json:"page_id,omitzero"`
	CommentID string `json:"comment_id,omitzero"`
	TargetID  string `json:"target_id,omitzero"`
	Label     string `json:"label,omitzero"`
	Version   int    `json:"version,omitzero"`
	BasedOn   int    `json:"based_on_version,omitzero"`
	Undoes    string `json:"undoes,omitzero"`
}

func (r recipe) undo(action string) receipt.Undo {
	return receipt.Undo{Action: action, Args: remember(r)}
}

func irreversible(why string) receipt.Undo { return receipt.Undo{Irreversible: why} }

// remember writes what a change keeps of ours. Text that has no JSON form was
// refused when it was read.
func remember(v any) json.RawMessage {
	b, err := encode(v)
	if err != nil {
		return nil
	}
	return b
}

// field is a field of a diff.
func field(name, before, after string) pagebody.Field {
	return pagebody.Field{Name: name, Before: values(before), After: values(after)}
}

func values(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// join puts parts of a diff below each other.
func join(parts ...string) string {
	var out []string
	for _, p := range parts {
		if p != "" {
			out = append(out, strings.TrimRight(p, "\n"))
		}
	}
	return strings.Join(out, "\n")
}

// nothing is the body of a page that is not there.
func nothing() *pagebody.Body {
	b, err := pagebody.Parse(pagebody.Storage, "")
	if err != nil { // unreachable: an empty body is one
		return new(pagebody.Body)
	}
	return b
}
