// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"cmp"
	"encoding/json"
	"fmt"
)

// responses is OpenAI's dialect of responses. Keys, errors and limits are those of chat completions.
type responses struct{ openAI }

type response struct {
	ID                 string            `json:"id"`
	Object             string            `json:"object"`
	CreatedAt          int64             `json:"created_at"`
	Status             string            `json:"status"`
	Background         bool              `json:"background"`
	CompletedAt        *int64            `json:"completed_at"`
	Error              *responseFailure  `json:"error"`
	IncompleteDetails  *incomplete       `json:"incomplete_details"`
	Instructions       *string           `json:"instructions"`
	MaxOutputTokens    *int              `json:"max_output_tokens"`
	Model              string            `json:"model"`
	Output             []outputItem      `json:"output"`
	ParallelToolCalls  bool              `json:"parallel_tool_calls"`
	PreviousResponseID *string           `json:"previous_response_id"`
	ServiceTier        string            `json:"service_tier"`
	Store              bool              `json:"store"`
	Temperature        float64           `json:"temperature"`
	Text               textConfig        `json:"text"`
	ToolChoice         json.RawMessage   `json:"tool_choice"`
	Tools              []json.RawMessage `json:"tools"`
	TopP               float64           `json:"top_p"`
	Truncation         string            `json:"truncation"`
	Usage              *responseUsage    `json:"usage"`
	Metadata           map[string]string `json:"metadata"`
}

type responseFailure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

type incomplete struct {
	Reason string `json:"reason"`
}

type textConfig struct {
	Format textFormat `json:"format"`
}

type textFormat struct {
	Type string `json:"type"`
}

// An outputItem is a message or a function_call.
type outputItem struct {
	ID        string        `json:"id"`
	Type      string        `json:"type"`
	Status    string        `json:"status"`
	Role      string        `json:"role,omitempty"`
	Content   *[]outputText `json:"content,omitempty"`
	CallID    string        `json:"call_id,omitempty"`
	Name      string        `json:"name,omitempty"`
	Arguments *string       `json:"arguments,omitempty"`
}

type outputText struct {
	Type        string     `json:"type"`
	Annotations []struct{} `json:"annotations"`
	Logprobs    []struct{} `json:"logprobs"`
	Text        string     `json:"text"`
}

func textPart(s string) outputText {
	return outputText{"output_text", []struct{}{}, []struct{}{}, s}
}

type responseUsage struct {
	InputTokens  int          `json:"input_tokens"`
	Input        promptDetail `json:"input_tokens_details"`
	OutputTokens int          `json:"output_tokens"`
	Output       outputDetail `json:"output_tokens_details"`
	TotalTokens  int          `json:"total_tokens"`
}

// begun is the answer before the model has spoken.
func begun(a *answer) response {
	in := a.asked.echo
	return response{
		ID: fmt.Sprintf("resp_sim_%d", a.number), Object: "response", CreatedAt: a.created.Unix(), Status: "in_progress", Model: a.model,
		Instructions: in.Instructions, MaxOutputTokens: in.MaxOutputTokens, Output: []outputItem{},
		ParallelToolCalls: orElse(in.ParallelToolCalls, true), ServiceTier: "default", Store: orElse(in.Store, true),
		Temperature: orElse(in.Temperature, 1), Text: textConfig{textFormat{"text"}}, ToolChoice: choiceOf(in), Tools: append([]json.RawMessage{}, in.Tools...),
		TopP: orElse(in.TopP, 1), Truncation: "disabled", Metadata: metadataOf(in),
	}
}

func orElse[T any](p *T, other T) T {
	if p == nil {
		return other
	}
	return *p
}

func choiceOf(in *responsesRequest) json.RawMessage {
	if !given(in.ToolChoice) {
		return json.RawMessage(`"auto"`)
	}
	return in.ToolChoice
}

func metadataOf(in *responsesRequest) map[string]string {
	if in.Metadata == nil {
		return map[string]string{}
	}
	return in.Metadata
}

// ended is the answer when the model has spoken.
func ended(a *answer) response {
	r, at := begun(a), a.created.Unix()
	r.Status, r.Output = "completed", outputOf(a)
	if a.end == truncated {
		r.Status, r.IncompleteDetails = "incomplete", &incomplete{"max_output_tokens"}
	} else {
		r.CompletedAt = &at
	}
	if u := a.usage; u != nil {
		r.Usage = &responseUsage{u.Input, promptDetail{u.Cached}, u.Output, outputDetail{u.Reasoning}, u.Input + u.Output}
	}
	return r
}

func outputOf(a *answer) []outputItem {
	list := []outputItem{}
	if a.text != "" || len(a.calls) == 0 {
		status := "completed"
		if a.end == truncated {
			status = "incomplete"
		}
		list = append(list, outputItem{ID: fmt.Sprintf("msg_sim_%d", a.number), Type: "message", Status: status, Role: "assistant", Content: &[]outputText{textPart(a.text)}})
	}
	for i, c := range a.calls {
		arguments := string(c.Arguments)
		list = append(list, outputItem{ID: fmt.Sprintf("fc_sim_%d_%d", a.number, i+1), Type: "function_call", Status: "completed", CallID: c.ID, Name: c.Name, Arguments: &arguments})
	}
	return list
}

func (responses) plain(a *answer) []byte { return encode(ended(a)) }

// A progress is an event of a stream; Type is the event's name, too.
type progress struct {
	Type           string      `json:"type"`
	SequenceNumber int         `json:"sequence_number"`
	Response       *response   `json:"response,omitempty"`
	ItemID         string      `json:"item_id,omitempty"`
	OutputIndex    *int        `json:"output_index,omitempty"`
	ContentIndex   *int        `json:"content_index,omitempty"`
	Item           *outputItem `json:"item,omitempty"`
	Part           *outputText `json:"part,omitempty"`
	Delta          *string     `json:"delta,omitempty"`
	Text           *string     `json:"text,omitempty"`
	Logprobs       *[]struct{} `json:"logprobs,omitempty"`
	Name           string      `json:"name,omitempty"`
	Arguments      *string     `json:"arguments,omitempty"`
}

// A fault of a stream is told on the top level.
type streamFault struct {
	Type           string  `json:"type"`
	Code           string  `json:"code"`
	Message        string  `json:"message"`
	Param          *string `json:"param"`
	SequenceNumber int     `json:"sequence_number"`
}

func (responses) events(a *answer) []event {
	first, last := begun(a), ended(a)
	steps := []progress{{Type: "response.created", Response: &first}, {Type: "response.in_progress", Response: &first}}
	for i, it := range last.Output {
		if it.Content != nil {
			steps = append(steps, messageSteps(i, it)...)
		} else {
			steps = append(steps, callSteps(i, it)...)
		}
	}
	steps = append(steps, progress{Type: "response." + last.Status, Response: &last})
	list := make([]event, len(steps))
	for i, s := range steps {
		s.SequenceNumber = i
		list[i] = event{name: s.Type, data: encode(s)}
	}
	return list
}

func messageSteps(index int, it outputItem) []progress {
	zero, none := 0, []struct{}{}
	step := func(kind string) progress {
		return progress{Type: kind, ItemID: it.ID, OutputIndex: &index, ContentIndex: &zero}
	}
	opened, empty, full := it, textPart(""), (*it.Content)[0]
	opened.Status, opened.Content = "in_progress", &[]outputText{}
	part := step("response.content_part.added")
	part.Part = &empty
	list := []progress{{Type: "response.output_item.added", OutputIndex: &index, Item: &opened}, part}
	for _, s := range pieces(full.Text) {
		p := step("response.output_text.delta")
		p.Delta, p.Logprobs = &s, &none
		list = append(list, p)
	}
	text, closed := step("response.output_text.done"), step("response.content_part.done")
	text.Text, text.Logprobs, closed.Part = &full.Text, &none, &full
	return append(list, text, closed, progress{Type: "response.output_item.done", OutputIndex: &index, Item: &it})
}

func callSteps(index int, it outputItem) []progress {
	opened, empty := it, ""
	opened.Status, opened.Arguments = "in_progress", &empty
	list := []progress{{Type: "response.output_item.added", OutputIndex: &index, Item: &opened}}
	for _, s := range pieces(*it.Arguments) {
		list = append(list, progress{Type: "response.function_call_arguments.delta", ItemID: it.ID, OutputIndex: &index, Delta: &s})
	}
	return append(list,
		progress{Type: "response.function_call_arguments.done", ItemID: it.ID, OutputIndex: &index, Name: it.Name, Arguments: it.Arguments},
		progress{Type: "response.output_item.done", OutputIndex: &index, Item: &it})
}

// abort says that the stream failed, and then that the response did.
func (responses) abort(a *answer, e *Error, sent int) []event {
	code := cmp.Or(e.Code, "server_error")
	failed := begun(a)
	failed.Status, failed.Error = "failed", &responseFailure{code, e.Message}
	return []event{
		{name: "error", data: encode(streamFault{"error", code, e.Message, orNull(e.Param), sent})},
		{name: "response.failed", data: encode(progress{Type: "response.failed", SequenceNumber: sent + 1, Response: &failed})},
	}
}
