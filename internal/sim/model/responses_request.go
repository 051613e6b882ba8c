// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
)

type responsesRequest struct {
	Model              string            `json:"model"`
	Input              *items            `json:"input"`
	Instructions       *string           `json:"instructions"`
	Tools              []json.RawMessage `json:"tools"`
	ToolChoice         json.RawMessage   `json:"tool_choice"`
	ParallelToolCalls  *bool             `json:"parallel_tool_calls"`
	MaxOutputTokens    *int              `json:"max_output_tokens"`
	PreviousResponseID *string           `json:"previous_response_id"`
	Background         bool              `json:"background"`
	Store              *bool             `json:"store"`
	Stream             bool              `json:"stream"`
	StreamOptions      *struct{}         `json:"stream_options"`
	Temperature        *float64          `json:"temperature"`
	TopP               *float64          `json:"top_p"`
	Metadata           map[string]string `json:"metadata"`
}

// An item is a part of the input, with the fields of all kinds that matter here.
type item struct {
	Type      string `json:"type"`
	Role      string `json:"role"`      // of a message
	Content   blocks `json:"content"`   // of a message
	ID        string `json:"id"`        // of an item_reference
	CallID    string `json:"call_id"`   // of a function_call and its output
	Name      string `json:"name"`      // of a function_call
	Arguments string `json:"arguments"` // of a function_call
	Output    blocks `json:"output"`    // of a function_call_output
}

// UnmarshalJSON reads content and output only of the kinds that have them in the form of blocks; other kinds of item
// have other things under these names.
func (i *item) UnmarshalJSON(data []byte) error {
	type bare struct {
		Type string `json:"type"`
	}
	var kind bare
	if err := json.Unmarshal(data, &kind); err != nil {
		return err
	}
	switch kind.Type {
	case "", "message", "function_call", "function_call_output", "item_reference":
		type all item
		return json.Unmarshal(data, (*all)(i))
	}
	i.Type = kind.Type
	return nil
}

// items is input in either of its spellings: a plain text is one message of the user.
type items []item

// UnmarshalJSON reads either spelling.
func (l *items) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		var text blocks
		err := json.Unmarshal(data, &text)
		*l = items{{Role: "user", Content: text}}
		return err
	}
	return json.Unmarshal(data, (*[]item)(l))
}

// leastOutput is the lowest limit that the vendor takes.
const leastOutput = 16

func (responses) decode(body []byte) (*request, *Error) {
	in := new(responsesRequest)
	if err := json.Unmarshal(body, in); err != nil {
		return nil, invalid("", "We could not parse the JSON body of your request: "+err.Error())
	}
	if e := in.check(); e != nil {
		return nil, e
	}
	out := &request{Conversation: Conversation{Dialect: Responses, Model: in.Model}, stream: in.Stream, echo: in}
	if in.Instructions != nil {
		out.System = *in.Instructions
	}
	if in.MaxOutputTokens != nil {
		out.most = *in.MaxOutputTokens
	}
	for i, raw := range in.Tools {
		tool, e := readTool(raw, fmt.Sprintf("tools[%d]", i))
		if e != nil {
			return nil, e
		}
		if tool != nil {
			out.Tools = append(out.Tools, *tool)
		}
	}
	if e := checkTools(out.Tools, "tools"); e != nil {
		return nil, e
	}
	if e := (&itemReader{c: &out.Conversation, names: map[string]string{}}).read(*in.Input); e != nil {
		return nil, e
	}
	return out, nil
}

func (in *responsesRequest) check() *Error {
	switch {
	case in.Model == "":
		return &Error{Status: 400, Param: "model", Code: "missing_required_parameter", Message: "Missing required parameter: 'model'."}
	case in.PreviousResponseID != nil:
		return &Error{Status: 400, Param: "previous_response_id", Code: "previous_response_not_found", Message: fmt.Sprintf("Previous response with id '%s' not found.", *in.PreviousResponseID)}
	case in.Input == nil:
		return &Error{Status: 400, Param: "input", Code: "missing_required_parameter", Message: "Missing required parameter: 'input'."}
	case len(*in.Input) == 0:
		return &Error{Status: 400, Param: "input", Code: "empty_array", Message: "Invalid 'input': an empty array was given where at least one item is expected."}
	case in.Background:
		return invalid("background", "This model keeps nothing, and so cannot answer in the background.")
	case in.MaxOutputTokens != nil && *in.MaxOutputTokens < leastOutput:
		return &Error{Status: 400, Param: "max_output_tokens", Code: "integer_below_min_value", Message: fmt.Sprintf("Invalid 'max_output_tokens': %d is below the minimum of %d.", *in.MaxOutputTokens, leastOutput)}
	case in.StreamOptions != nil && !in.Stream:
		return invalid("stream_options", "The 'stream_options' parameter is only allowed when 'stream' is enabled.")
	case in.Temperature != nil && (*in.Temperature < 0 || *in.Temperature > 2):
		return invalid("temperature", "Invalid 'temperature': a number from 0 to 2 is expected.")
	case in.TopP != nil && (*in.TopP < 0 || *in.TopP > 1):
		return invalid("top_p", "Invalid 'top_p': a number from 0 to 1 is expected.")
	case given(in.ToolChoice) && string(in.ToolChoice) != `"auto"` && string(in.ToolChoice) != `"none"` && len(in.Tools) == 0:
		return invalid("tool_choice", "Tool choice must be 'auto' or 'none' where no 'tools' are specified.")
	case len(in.Metadata) > 16:
		return invalid("metadata", "Invalid 'metadata': at most 16 pairs.")
	}
	return nil
}

func given(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }

// hosted are tools that the vendor runs, or that come in another form than functions.
var hosted = []string{"apply_patch", "code_interpreter", "computer", "computer_use_preview", "custom", "file_search", "image_generation",
	"local_shell", "mcp", "namespace", "shell", "tool_search", "web_search", "web_search_2025_08_26", "web_search_preview", "web_search_preview_2025_03_11"}

// readTool returns nil for a hosted tool.
func readTool(raw json.RawMessage, at string) (*Tool, *Error) {
	var t struct {
		Type        string          `json:"type"`
		Name        string          `json:"name"`
		Description string          `json:"description"`
		Parameters  json.RawMessage `json:"parameters"`
	}
	if err := json.Unmarshal(raw, &t); err != nil {
		return nil, invalid(at, fmt.Sprintf("Invalid type for '%s': expected an object.", at))
	}
	switch {
	case slices.Contains(hosted, t.Type):
		return nil, nil
	case t.Type != "function":
		return nil, &Error{Status: 400, Param: at + ".type", Code: "invalid_value", Message: fmt.Sprintf("Invalid value: '%s'. Supported values are: 'function' and %q.", t.Type, hosted)}
	case given(t.Parameters) && !object(t.Parameters):
		return nil, invalid(at+".parameters", "Invalid schema for function: "+at+".parameters is not an object.")
	case !given(t.Parameters):
		t.Parameters = nil
	}
	return &Tool{t.Name, t.Description, t.Parameters}, nil
}

// otherItems are kinds of item that say nothing here: what models thought, and what hosted tools did.
var otherItems = []string{"apply_patch_call", "apply_patch_call_output", "code_interpreter_call", "compaction", "computer_call", "computer_call_output",
	"custom_tool_call", "custom_tool_call_output", "file_search_call", "image_generation_call", "local_shell_call", "local_shell_call_output",
	"mcp_approval_request", "mcp_approval_response", "mcp_call", "mcp_list_tools", "reasoning", "shell_call", "shell_call_output", "web_search_call"}

// An itemReader turns items into turns and checks that each call has its output and each output its call.
type itemReader struct {
	c     *Conversation
	names map[string]string // of functions, by call
	open  []string          // calls without output so far
}

func (r *itemReader) read(list []item) *Error {
	for i, it := range list {
		if e := r.item(it, fmt.Sprintf("input[%d]", i)); e != nil {
			return e
		}
	}
	if len(r.open) > 0 {
		return invalid("input", "No tool output found for function call "+r.open[0]+".")
	}
	return nil
}

func (r *itemReader) item(it item, at string) *Error {
	switch it.Type {
	case "", "message":
		return r.message(it, at)
	case "function_call":
		return r.call(it, at)
	case "function_call_output":
		return r.output(it, at)
	case "item_reference":
		return &Error{Status: http.StatusNotFound, Param: "input", Message: fmt.Sprintf("Item with id '%s' not found. This model keeps nothing: send the item itself.", it.ID)}
	}
	if !slices.Contains(otherItems, it.Type) {
		return &Error{Status: 400, Param: at + ".type", Code: "invalid_value", Message: fmt.Sprintf("Invalid value: '%s'. It is no type of item.", it.Type)}
	}
	return nil
}

func (r *itemReader) message(it item, at string) *Error {
	kinds := []string{"input_text", "input_image", "input_file", "input_audio"}
	switch it.Role {
	case "user", "system", "developer":
	case "assistant":
		kinds = []string{"output_text", "refusal"}
	default:
		return &Error{Status: 400, Param: at + ".role", Code: "invalid_value", Message: fmt.Sprintf("Invalid value: '%s'. Supported values are: 'assistant', 'system', 'developer', and 'user'.", it.Role)}
	}
	if it.Content == nil {
		return &Error{Status: 400, Param: at + ".content", Code: "missing_required_parameter", Message: fmt.Sprintf("Missing required parameter: '%s.content'.", at)}
	}
	text, e := it.Content.text(at+".content", kinds...)
	if e != nil {
		return e
	}
	switch it.Role {
	case "user":
		r.c.add(Message{Role: User, Text: text})
	case "assistant":
		r.c.add(Message{Role: Assistant, Text: text})
	default:
		r.c.System = lines(r.c.System, text)
	}
	return nil
}

func (r *itemReader) call(it item, at string) *Error {
	switch {
	case it.CallID == "" || r.names[it.CallID] != "":
		return invalid(at+".call_id", fmt.Sprintf("Invalid '%s.call_id': each call needs an id of its own.", at))
	case !toolName(it.Name):
		return invalid(at+".name", fmt.Sprintf("Invalid '%s.name': string does not match pattern '^[a-zA-Z0-9_-]{1,64}$'.", at))
	}
	r.names[it.CallID] = it.Name
	r.open = append(r.open, it.CallID)
	r.c.add(Message{Role: Assistant, Calls: []ToolCall{{it.CallID, it.Name, json.RawMessage(it.Arguments)}}})
	return nil
}

func (r *itemReader) output(it item, at string) *Error {
	i := slices.Index(r.open, it.CallID)
	if i < 0 {
		return invalid("input", "No tool call found for function call output with call_id "+it.CallID+".")
	}
	if it.Output == nil {
		return &Error{Status: 400, Param: at + ".output", Code: "missing_required_parameter", Message: fmt.Sprintf("Missing required parameter: '%s.output'.", at)}
	}
	text, e := it.Output.text(at+".output", "input_text", "input_image", "input_file")
	if e != nil {
		return e
	}
	r.open = slices.Delete(r.open, i, i+1)
	r.c.add(Message{Role: User, Results: []ToolResult{{CallID: it.CallID, Name: r.names[it.CallID], Text: text}}})
	return nil
}
