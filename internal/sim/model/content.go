// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// A block is a part of a message's content, with the fields of both dialects that matter here.
type block struct {
	Type      string          `json:"type"`
	Text      *string         `json:"text"`
	ID        string          `json:"id"`          // of a tool_use
	Name      string          `json:"name"`        // of a tool_use
	Input     json.RawMessage `json:"input"`       // of a tool_use
	ToolUseID string          `json:"tool_use_id"` // of a tool_result
	Content   json.RawMessage `json:"content"`     // of a tool_result; read one level deep
	IsError   bool            `json:"is_error"`    // of a tool_result

	plain bool // from the plain spelling, which has no type
}

// blocks is content in either of its spellings: a plain text is one text block, null is none.
type blocks []block

// UnmarshalJSON reads either spelling.
func (b *blocks) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		var s string
		err := json.Unmarshal(data, &s)
		*b = blocks{{Type: "text", Text: &s, plain: true}}
		return err
	}
	var list []block
	err := json.Unmarshal(data, &list)
	*b = list
	return err
}

// text joins the text blocks. at names the content in errors; kinds are the types of block that belong there.
func (b blocks) text(at string, kinds ...string) (string, *Error) {
	text := ""
	for i, part := range b {
		at := fmt.Sprintf("%s[%d]", at, i)
		if !part.plain && !slices.Contains(kinds, part.Type) {
			return "", invalid(at+".type", fmt.Sprintf("%s.type: %q does not belong here. Supported values are: %q.", at, part.Type, kinds))
		}
		if !slices.Contains([]string{"text", "input_text", "output_text"}, part.Type) {
			continue
		}
		if part.Text == nil {
			return "", invalid(at+".text", at+".text: Field required")
		}
		text = lines(text, *part.Text)
	}
	return text, nil
}

// texts is a list of texts or a single one.
type texts []string

// UnmarshalJSON reads either spelling.
func (t *texts) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		var s string
		err := json.Unmarshal(data, &s)
		*t = texts{s}
		return err
	}
	return json.Unmarshal(data, (*[]string)(t))
}

// toolName reports whether both vendors accept s as the name of a tool.
func toolName(s string) bool {
	for _, c := range []byte(s) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// validObject reports whether b is a JSON object.
func validObject(b []byte) bool { return json.Valid(b) && object(bytes.TrimSpace(b)) }

// object reports whether raw is a JSON object. raw has been read as JSON before.
func object(raw json.RawMessage) bool { return len(raw) > 0 && raw[0] == '{' }

func checkTools(list []Tool, at string) *Error {
	seen := map[string]bool{}
	for i, t := range list {
		switch {
		case !toolName(t.Name):
			return invalid(fmt.Sprintf("%s[%d].name", at, i), fmt.Sprintf("%s[%d].name: %q does not match '^[a-zA-Z0-9_-]{1,64}$'.", at, i, t.Name))
		case seen[t.Name]:
			return invalid(fmt.Sprintf("%s[%d].name", at, i), fmt.Sprintf("%s: Tool names must be unique.", at))
		}
		seen[t.Name] = true
	}
	return nil
}
