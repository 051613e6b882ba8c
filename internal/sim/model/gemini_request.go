// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"

	jsonv2 "github.com/go-json-experiment/json"
)

type geminiRequest struct {
	Contents          []geminiContent `json:"contents"`
	SystemInstruction *geminiContent  `json:"systemInstruction"`
	Tools             []geminiTool    `json:"tools"`
	GenerationConfig  struct {
		MaxOutputTokens *int     `json:"maxOutputTokens"`
		StopSequences   []string `json:"stopSequences"`
		CandidateCount  *int     `json:"candidateCount"`
		Temperature     *float64 `json:"temperature"`
		TopP            *float64 `json:"topP"`
	} `json:"generationConfig"`
}

type geminiContent struct {
	Role  string       `json:"role"`
	Parts []geminiPart `json:"parts"`
}

type geminiPart struct {
	Text                *string         `json:"text"`
	Thought             bool            `json:"thought"`
	InlineData          *geminiBlob     `json:"inlineData"`
	FileData            *geminiFile     `json:"fileData"`
	FunctionCall        *geminiCall     `json:"functionCall"`
	FunctionResponse    *geminiResult   `json:"functionResponse"`
	ExecutableCode      json.RawMessage `json:"executableCode"`
	CodeExecutionResult json.RawMessage `json:"codeExecutionResult"`
	ToolCall            json.RawMessage `json:"toolCall"`
	ToolResponse        json.RawMessage `json:"toolResponse"`
}

type geminiBlob struct {
	MimeType string `json:"mimeType"`
	Data     string `json:"data"`
}

type geminiFile struct {
	FileURI string `json:"fileUri"`
}

type geminiCall struct {
	ID   string          `json:"id,omitempty"`
	Name string          `json:"name"`
	Args json.RawMessage `json:"args"`
}

type geminiResult struct {
	ID       string          `json:"id"`
	Name     string          `json:"name"`
	Response json.RawMessage `json:"response"`
}

type geminiTool struct {
	FunctionDeclarations []struct {
		Name                 string          `json:"name"`
		Description          string          `json:"description"`
		Parameters           json.RawMessage `json:"parameters"`
		ParametersJSONSchema json.RawMessage `json:"parametersJsonSchema"`
	} `json:"functionDeclarations"`
}

// decode takes names in either of the spellings that Google's servers take: maxOutputTokens and max_output_tokens.
func (g gemini) decode(body []byte) (*request, *Error) {
	var in geminiRequest
	if err := jsonv2.Unmarshal(body, &in, jsonv2.MatchCaseInsensitiveNames(true)); err != nil {
		return nil, invalid("", "Invalid JSON payload received. "+err.Error())
	}
	if e := in.check(); e != nil {
		return nil, e
	}
	out := &request{Conversation: Conversation{Dialect: Gemini, Model: g.model}, stream: g.streaming(), stops: in.GenerationConfig.StopSequences}
	if n := in.GenerationConfig.MaxOutputTokens; n != nil {
		out.most = *n
	}
	if s := in.SystemInstruction; s != nil {
		m, e := s.message("system_instruction")
		if e != nil {
			return nil, e
		}
		if len(m.Calls)+len(m.Results) > 0 {
			return nil, invalid("", "* GenerateContentRequest.system_instruction.parts: only texts belong here.")
		}
		out.System = m.Text
	}
	var e *Error
	if out.Tools, e = in.tools(); e != nil {
		return nil, e
	}
	if e := (&contentReader{c: &out.Conversation}).read(in.Contents); e != nil {
		return nil, e
	}
	return out, nil
}

func (in *geminiRequest) check() *Error {
	c := in.GenerationConfig
	switch {
	case len(in.Contents) == 0:
		return invalid("", "* GenerateContentRequest.contents: contents is not specified")
	case c.MaxOutputTokens != nil && *c.MaxOutputTokens < 1:
		return invalid("", "* GenerateContentRequest.generation_config.max_output_tokens: max_output_tokens must be positive.")
	case c.CandidateCount != nil && *c.CandidateCount != 1:
		return invalid("", "* GenerateContentRequest.generation_config.candidate_count: this model answers with one candidate.")
	case len(c.StopSequences) > 5:
		return invalid("", "* GenerateContentRequest.generation_config.stop_sequences: at most 5 sequences.")
	case c.Temperature != nil && (*c.Temperature < 0 || *c.Temperature > 2):
		return invalid("", "* GenerateContentRequest.generation_config.temperature: temperature must be in the range [0.0, 2.0].")
	case c.TopP != nil && (*c.TopP < 0 || *c.TopP > 1):
		return invalid("", "* GenerateContentRequest.generation_config.top_p: top_p must be in the range [0.0, 1.0].")
	}
	return nil
}

// tools are the functions; the tools that Google runs say nothing here.
func (in *geminiRequest) tools() ([]Tool, *Error) {
	var list []Tool
	seen := map[string]bool{}
	for i, t := range in.Tools {
		for j, f := range t.FunctionDeclarations {
			at := fmt.Sprintf("* GenerateContentRequest.tools[%d].function_declarations[%d]", i, j)
			schema := f.Parameters
			if given(f.ParametersJSONSchema) {
				schema = f.ParametersJSONSchema
			}
			switch {
			case !functionName(f.Name):
				return nil, invalid("", at+".name: Invalid function name. It begins with a letter or an underscore and has at most 64 letters, digits, underscores, dots, colons and dashes.")
			case seen[f.Name]:
				return nil, invalid("", at+".name: Duplicate function declaration found: "+f.Name)
			case given(f.Parameters) && given(f.ParametersJSONSchema):
				return nil, invalid("", at+": only one of parameters and parameters_json_schema may be set.")
			case given(schema) && !object(schema):
				return nil, invalid("", at+".parameters: an object is expected.")
			case !given(schema):
				schema = nil
			}
			seen[f.Name] = true
			list = append(list, Tool{f.Name, f.Description, schema})
		}
	}
	return list, nil
}

func functionName(s string) bool {
	for i, c := range []byte(s) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '.' && c != ':' && c != '-') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// message reads the parts. at names the content in errors.
func (c geminiContent) message(at string) (Message, *Error) {
	var m Message
	if len(c.Parts) == 0 {
		return m, invalid("", fmt.Sprintf("* GenerateContentRequest.%s.parts: contents.parts must not be empty.", at))
	}
	for i, p := range c.Parts {
		at := fmt.Sprintf("* GenerateContentRequest.%s.parts[%d]", at, i)
		if e := p.check(at); e != nil {
			return m, e
		}
		switch {
		case p.Text != nil && !p.Thought:
			m.Text = lines(m.Text, *p.Text)
		case p.FunctionCall != nil:
			args := p.FunctionCall.Args
			if !given(args) {
				args = json.RawMessage("{}")
			}
			m.Calls = append(m.Calls, ToolCall{p.FunctionCall.ID, p.FunctionCall.Name, args})
		case p.FunctionResponse != nil:
			m.Results = append(m.Results, p.FunctionResponse.result())
		}
	}
	return m, nil
}

// check wants exactly one kind of data, and what that kind needs.
func (p geminiPart) check(at string) *Error {
	kinds := 0
	for _, has := range []bool{p.Text != nil, p.InlineData != nil, p.FileData != nil, p.FunctionCall != nil, p.FunctionResponse != nil,
		given(p.ExecutableCode), given(p.CodeExecutionResult), given(p.ToolCall), given(p.ToolResponse)} {
		if has {
			kinds++
		}
	}
	switch {
	case kinds != 1:
		return invalid("", at+".data: required oneof field 'data' must have one initialized field")
	case p.InlineData != nil && p.InlineData.MimeType == "":
		return invalid("", at+".inline_data.mime_type: a type is required.")
	case p.InlineData != nil && !base64Text(p.InlineData.Data):
		return invalid("", at+".inline_data.data: Base64 decoding failed.")
	case p.FileData != nil && p.FileData.FileURI == "":
		return invalid("", at+".file_data.file_uri: a URI is required.")
	case p.FunctionCall != nil && p.FunctionCall.Name == "":
		return invalid("", at+".function_call.name: Name cannot be empty.")
	case p.FunctionCall != nil && given(p.FunctionCall.Args) && !object(p.FunctionCall.Args):
		return invalid("", at+".function_call.args: an object is expected.")
	case p.FunctionResponse != nil && p.FunctionResponse.Name == "":
		return invalid("", at+".function_response.name: Name cannot be empty.")
	case p.FunctionResponse != nil && !object(p.FunctionResponse.Response):
		return invalid("", at+".function_response.response: an object is required.")
	}
	return nil
}

// base64Text reports whether s is base64 of either alphabet, as JSON has bytes in Google's APIs.
func base64Text(s string) bool {
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.RawURLEncoding} {
		if _, err := e.DecodeString(s); err == nil {
			return true
		}
	}
	return false
}

// result is failed if it has an error, which is how a function says so.
func (r geminiResult) result() ToolResult {
	var fields map[string]json.RawMessage
	failed := json.Unmarshal(r.Response, &fields) == nil && given(fields["error"])
	var text bytes.Buffer
	if json.Compact(&text, r.Response) != nil {
		text.Write(r.Response)
	}
	return ToolResult{CallID: r.ID, Name: r.Name, Text: text.String(), Failed: failed}
}

// A contentReader checks turn for turn that responses answer the calls of the turn before, all of them and nothing else.
type contentReader struct {
	c    *Conversation
	open []ToolCall // calls of the turn before
}

func (r *contentReader) read(list []geminiContent) *Error {
	for i, content := range list {
		m, e := content.message(fmt.Sprintf("contents[%d]", i))
		if e != nil {
			return e
		}
		if m.Role = roleOf(content.Role); m.Role == "" {
			return invalid("", "Please use a valid role: user, model.")
		}
		if e := r.turn(m); e != nil {
			return e
		}
	}
	return r.unanswered()
}

// roleOf knows function, too, which older clients say for the user.
func roleOf(role string) Role {
	switch role {
	case "", "user", "function":
		return User
	case "model":
		return Assistant
	}
	return ""
}

func (r *contentReader) turn(m Message) *Error {
	switch {
	case m.Role == User && len(m.Calls) > 0:
		return invalid("", "Please ensure that function calls are the model's.")
	case m.Role == Assistant && len(m.Results) > 0:
		return invalid("", "Please ensure that function responses are the user's.")
	case len(m.Results) == 0 && len(r.open) > 0:
		return r.unanswered()
	case len(m.Results) > 0 && len(r.open) == 0:
		return invalid("", "Please ensure that function response turn comes immediately after a function call turn.")
	case len(m.Results) != len(r.open):
		return r.unanswered()
	case m.Role == Assistant && len(m.Calls) > 0 && len(r.c.Messages) == 0:
		return invalid("", "Please ensure that function call turn comes immediately after a user turn or after a function response turn.")
	}
	for i := range m.Results {
		if e := r.match(&m.Results[i]); e != nil {
			return e
		}
	}
	r.open = append([]ToolCall(nil), m.Calls...)
	r.c.add(m)
	return nil
}

func (r *contentReader) unanswered() *Error {
	if len(r.open) == 0 {
		return nil
	}
	return invalid("", "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.")
}

// match takes the call that is answered off the open ones: the one with the id, or else the first of the name.
func (r *contentReader) match(result *ToolResult) *Error {
	for i, c := range r.open {
		if c.Name == result.Name && (c.ID == result.CallID || c.ID == "" || result.CallID == "") {
			result.CallID = c.ID
			r.open = append(r.open[:i], r.open[i+1:]...)
			return nil
		}
	}
	return invalid("", fmt.Sprintf("Please ensure that function responses answer the function calls of the turn before: %q does not.", result.Name))
}
