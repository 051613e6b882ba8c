// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

type messagesRequest struct {
	Model         string          `json:"model"`
	MaxTokens     *int            `json:"max_tokens"`
	System        blocks          `json:"system"`
	Messages      []turn          `json:"messages"`
	Tools         []messageTool   `json:"tools"`
	ToolChoice    json.RawMessage `json:"tool_choice"`
	StopSequences []string        `json:"stop_sequences"`
	Stream        bool            `json:"stream"`
}

type turn struct {
	Role    string `json:"role"`
	Content blocks `json:"content"`
}

type messageTool struct {
	Type        string          `json:"type"` // none or custom, or that of a tool which the vendor runs
	Name        string          `json:"name"`
	Description string          `json:"description"`
	InputSchema json.RawMessage `json:"input_schema"`
}

func (anthropic) decode(body []byte) (*request, *Error) {
	var in messagesRequest
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, invalid("", "The request body is not valid JSON: "+err.Error())
	}
	if e := in.check(); e != nil {
		return nil, e
	}
	system, e := in.System.text("system", "text")
	if e != nil {
		return nil, e
	}
	out := &request{stream: in.Stream, most: *in.MaxTokens, stops: in.StopSequences}
	out.Conversation = Conversation{Dialect: Anthropic, Model: in.Model, System: system}
	for i, t := range in.Tools {
		if t.Type != "" && t.Type != "custom" {
			continue
		}
		if !object(t.InputSchema) {
			return nil, invalid("", fmt.Sprintf("tools[%d].input_schema: Field required", i))
		}
		out.Tools = append(out.Tools, Tool{t.Name, t.Description, t.InputSchema})
	}
	if e := checkTools(out.Tools, "tools"); e != nil {
		return nil, e
	}
	if e := (&turnReader{c: &out.Conversation}).read(in.Messages); e != nil {
		return nil, e
	}
	return out, nil
}

func (in *messagesRequest) check() *Error {
	switch {
	case in.Model == "":
		return invalid("", "model: Field required")
	case in.MaxTokens == nil:
		return invalid("", "max_tokens: Field required")
	case *in.MaxTokens < 1:
		return invalid("", "max_tokens: Input should be greater than or equal to 1")
	case in.Messages == nil:
		return invalid("", "messages: Field required")
	case len(in.Messages) == 0:
		return invalid("", "messages: at least one message is required")
	case slices.Contains(in.StopSequences, ""):
		return invalid("", "stop_sequences: each stop sequence must contain non-whitespace")
	case in.ToolChoice != nil && string(in.ToolChoice) != "null" && len(in.Tools) == 0:
		return invalid("", "tool_choice: may only be specified while providing tools")
	}
	return nil
}

// A turnReader checks turn for turn that results answer the calls of the turn before, all of them and nothing else.
type turnReader struct {
	c    *Conversation
	open map[string]string // calls of the turn before: their tools by id
}

func (r *turnReader) read(list []turn) *Error {
	if list[0].Role != "user" {
		return invalid("", `messages: first message must use the "user" role`)
	}
	list = combined(list)
	for i, t := range list {
		var e *Error
		switch t.Role {
		case "user":
			e = r.user(t.Content, i)
		case "assistant":
			e = r.assistant(t.Content, i)
		default:
			e = invalid("", fmt.Sprintf("messages.%d: Input should be 'user' or 'assistant'", i))
		}
		if e != nil {
			return e
		}
	}
	return r.unanswered(len(list))
}

// combined joins neighbouring turns of one side into one, as the vendor does.
func combined(list []turn) []turn {
	var out []turn
	for _, t := range list {
		if n := len(out); n > 0 && out[n-1].Role == t.Role && t.Content != nil {
			out[n-1].Content = slices.Concat(out[n-1].Content, t.Content)
			continue
		}
		out = append(out, t)
	}
	return out
}

func (r *turnReader) user(content blocks, i int) *Error {
	text, e := content.checked(i, "text", "image", "document", "search_result", "tool_result")
	if e != nil {
		return e
	}
	m := Message{Role: User, Text: text}
	for j, b := range content {
		if b.Type != "tool_result" {
			continue
		}
		if j > 0 && content[j-1].Type != "tool_result" {
			return invalid("", fmt.Sprintf("messages.%d.content.%d: `tool_result` blocks must come first.", i, j))
		}
		name, ok := r.open[b.ToolUseID]
		if !ok {
			return invalid("", fmt.Sprintf("messages.%d.content.%d: unexpected `tool_use_id` found in `tool_result` blocks: %s. "+
				"Each `tool_result` block must have a corresponding `tool_use` block in the previous message.", i, j, b.ToolUseID))
		}
		delete(r.open, b.ToolUseID)
		text, e := b.result(i, j)
		if e != nil {
			return e
		}
		m.Results = append(m.Results, ToolResult{b.ToolUseID, name, text, b.IsError})
	}
	r.c.add(m)
	return r.unanswered(i)
}

func (r *turnReader) unanswered(i int) *Error {
	if len(r.open) == 0 {
		return nil
	}
	ids := strings.Join(slices.Sorted(maps.Keys(r.open)), ", ")
	return invalid("", fmt.Sprintf("messages.%d: `tool_use` ids were found without `tool_result` blocks immediately after: %s.", i-1, ids))
}

func (b block) result(i, j int) (string, *Error) {
	if b.Content == nil {
		return "", nil
	}
	var content blocks
	if err := json.Unmarshal(b.Content, &content); err != nil {
		return "", invalid("", fmt.Sprintf("messages.%d.content.%d.content: Input should be a valid string or list", i, j))
	}
	return content.text(fmt.Sprintf("messages.%d.content.%d.content", i, j), "text", "image", "document", "search_result")
}

func (r *turnReader) assistant(content blocks, i int) *Error {
	text, e := content.checked(i, "text", "thinking", "redacted_thinking", "tool_use")
	if e != nil {
		return e
	}
	m := Message{Role: Assistant, Text: text}
	r.open = map[string]string{}
	for j, b := range content {
		if b.Type != "tool_use" {
			continue
		}
		at := fmt.Sprintf("messages.%d.content.%d", i, j)
		switch {
		case b.ID == "" || !toolName(b.Name):
			return invalid("", at+".tool_use: `id` and `name` are required")
		case !object(b.Input):
			return invalid("", at+".tool_use.input: Input should be a valid dictionary")
		case r.open[b.ID] != "":
			return invalid("", at+": `tool_use` ids must be unique")
		}
		r.open[b.ID] = b.Name
		m.Calls = append(m.Calls, ToolCall{b.ID, b.Name, b.Input})
	}
	r.c.add(m)
	return nil
}

// checked is text for a whole message, which may not be empty.
func (b blocks) checked(i int, kinds ...string) (string, *Error) {
	if len(b) == 0 {
		return "", invalid("", fmt.Sprintf("messages.%d: all messages must have non-empty content", i))
	}
	for _, part := range b {
		if part.Type == "text" && part.Text != nil && *part.Text == "" {
			return "", invalid("", "messages: text content blocks must be non-empty")
		}
	}
	return b.text(fmt.Sprintf("messages.%d.content", i), kinds...)
}
