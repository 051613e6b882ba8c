// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

type chatRequest struct {
	Model               string          `json:"model"`
	Messages            []chatMessage   `json:"messages"`
	Tools               []chatTool      `json:"tools"`
	ToolChoice          json.RawMessage `json:"tool_choice"`
	Stream              bool            `json:"stream"`
	StreamOptions       *streamOptions  `json:"stream_options"`
	MaxTokens           *int            `json:"max_tokens"`
	MaxCompletionTokens *int            `json:"max_completion_tokens"`
	N                   *int            `json:"n"`
	Stop                texts           `json:"stop"`
}

type streamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

type chatMessage struct {
	Role       string     `json:"role"`
	Content    blocks     `json:"content"`
	ToolCalls  []chatCall `json:"tool_calls"`
	ToolCallID string     `json:"tool_call_id"`
}

type chatCall struct {
	Index    *int         `json:"index,omitempty"` // in streams
	ID       string       `json:"id,omitempty"`
	Type     string       `json:"type,omitempty"`
	Function chatFunction `json:"function"`
}

type chatFunction struct {
	Name      string `json:"name,omitempty"`
	Arguments string `json:"arguments"`
}

type chatTool struct {
	Type     string `json:"type"`
	Function struct {
		Name        string          `json:"name"`
		Description string          `json:"description"`
		Parameters  json.RawMessage `json:"parameters"`
	} `json:"function"`
}

func (openAI) decode(body []byte) (*request, *Error) { return decodeChat(body, OpenAI) }

func decodeChat(body []byte, d Dialect) (*request, *Error) {
	var in chatRequest
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, invalid("", "We could not parse the JSON body of your request: "+err.Error())
	}
	if e := in.check(); e != nil {
		return nil, e
	}
	out := &request{Conversation: Conversation{Dialect: d, Model: in.Model}, stream: in.Stream, stops: in.Stop}
	out.usage = in.StreamOptions != nil && in.StreamOptions.IncludeUsage
	for _, n := range []*int{in.MaxTokens, in.MaxCompletionTokens} {
		if n != nil {
			out.most = *n
		}
	}
	for i, t := range in.Tools {
		if t.Type != "function" {
			return nil, invalid(fmt.Sprintf("tools[%d].type", i), fmt.Sprintf("Invalid value: %q. Supported values are: 'function'.", t.Type))
		}
		if t.Function.Parameters != nil && !object(t.Function.Parameters) {
			at := fmt.Sprintf("tools[%d].function.parameters", i)
			return nil, invalid(at, "Invalid schema for function: "+at+" is not an object.")
		}
		out.Tools = append(out.Tools, Tool{t.Function.Name, t.Function.Description, t.Function.Parameters})
	}
	if e := checkTools(out.Tools, "tools"); e != nil {
		return nil, e
	}
	if e := (&chatReader{c: &out.Conversation, names: map[string]string{}}).read(in.Messages); e != nil {
		return nil, e
	}
	return out, nil
}

func (in *chatRequest) check() *Error {
	switch {
	case in.Model == "":
		return invalid("model", "you must provide a model parameter")
	case in.Messages == nil:
		return &Error{Status: 400, Param: "messages", Code: "missing_required_parameter", Message: "Missing required parameter: 'messages'."}
	case len(in.Messages) == 0:
		return &Error{Status: 400, Param: "messages", Code: "empty_array", Message: "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead."}
	case in.N != nil && *in.N != 1:
		return invalid("n", "This model answers with one choice: 'n' must be 1.")
	case in.StreamOptions != nil && !in.Stream:
		return invalid("stream_options", "The 'stream_options' parameter is only allowed when 'stream' is enabled.")
	case len(in.Stop) > 4:
		return invalid("stop", "Invalid 'stop': at most 4 sequences.")
	case in.ToolChoice != nil && string(in.ToolChoice) != "null" && len(in.Tools) == 0:
		return invalid("tool_choice", "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.")
	}
	for name, n := range map[string]*int{"max_tokens": in.MaxTokens, "max_completion_tokens": in.MaxCompletionTokens} {
		if n != nil && *n < 1 {
			return &Error{Status: 400, Param: name, Code: "integer_below_min_value", Message: fmt.Sprintf("Invalid '%s': integer below minimum value. Expected a value >= 1, but got %d instead.", name, *n)}
		}
	}
	return nil
}

// A chatReader turns messages into turns and checks that tools' results answer the calls before them.
type chatReader struct {
	c     *Conversation
	names map[string]string // of tools, by call
	open  []string          // calls of the last turn without a result
}

func (r *chatReader) read(list []chatMessage) *Error {
	for i, m := range list {
		at := fmt.Sprintf("messages[%d]", i)
		if m.Role != "tool" && len(r.open) > 0 {
			return r.unanswered(at)
		}
		if e := r.message(m, at); e != nil {
			return e
		}
	}
	if len(r.open) > 0 {
		return r.unanswered(fmt.Sprintf("messages[%d]", len(list)))
	}
	return nil
}

func (r *chatReader) unanswered(at string) *Error {
	return invalid(at+".role", "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "+
		"The following tool_call_ids did not have response messages: "+strings.Join(r.open, ", "))
}

func (r *chatReader) message(m chatMessage, at string) *Error {
	kinds := []string{"text"}
	switch m.Role {
	case "user":
		kinds = []string{"text", "image_url", "input_audio", "file"}
	case "assistant":
		kinds = []string{"text", "refusal"}
	case "system", "developer", "tool":
	default:
		return &Error{Status: 400, Param: at + ".role", Code: "invalid_value", Message: fmt.Sprintf("Invalid value: '%s'. Supported values are: 'system', 'assistant', 'user', 'developer', and 'tool'.", m.Role)}
	}
	text, e := m.Content.text(at+".content", kinds...)
	if e != nil {
		return e
	}
	if m.Content == nil && len(m.ToolCalls) == 0 {
		return invalid(at+".content", fmt.Sprintf("Invalid value for 'content': expected a string, got null (%s).", at))
	}
	switch m.Role {
	case "tool":
		return r.result(m.ToolCallID, text, at)
	case "assistant":
		return r.assistant(m, text, at)
	case "user":
		r.c.add(Message{Role: User, Text: text})
	default:
		r.c.System = lines(r.c.System, text)
	}
	return nil
}

func (r *chatReader) result(id, text, at string) *Error {
	i := slices.Index(r.open, id)
	if i < 0 {
		return invalid(at+".role", "Invalid parameter: messages with role 'tool' must be a response to a preceding message with 'tool_calls'.")
	}
	r.open = slices.Delete(r.open, i, i+1)
	r.c.add(Message{Role: User, Results: []ToolResult{{CallID: id, Name: r.names[id], Text: text}}})
	return nil
}

func (r *chatReader) assistant(m chatMessage, text, at string) *Error {
	out := Message{Role: Assistant, Text: text}
	for i, call := range m.ToolCalls {
		at := fmt.Sprintf("%s.tool_calls[%d]", at, i)
		switch {
		case call.Type != "function":
			return invalid(at+".type", fmt.Sprintf("Invalid value: '%s'. Supported values are: 'function'.", call.Type))
		case call.ID == "" || slices.Contains(r.open, call.ID):
			return invalid(at+".id", "Invalid '"+at+".id': each call needs an id of its own.")
		case !toolName(call.Function.Name):
			return invalid(at+".function.name", fmt.Sprintf("Invalid '%s.function.name': string does not match pattern '^[a-zA-Z0-9_-]{1,64}$'.", at))
		}
		r.open = append(r.open, call.ID)
		r.names[call.ID] = call.Function.Name
		out.Calls = append(out.Calls, ToolCall{call.ID, call.Function.Name, json.RawMessage(call.Function.Arguments)})
	}
	r.c.add(out)
	return nil
}
