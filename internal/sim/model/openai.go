// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"fmt"
	"net/http"
	"time"
)

// openAI is the dialect of chat completions.
type openAI struct{}

func (openAI) key(h http.Header) string       { return bearer(h) }
func (openAI) checkHeader(http.Header) *Error { return nil }
func (openAI) idHeader() string               { return "X-Request-Id" }

func (openAI) unauthorized() *Error {
	return &Error{Status: http.StatusUnauthorized, Code: "invalid_api_key", Message: "Incorrect API key provided."}
}

func (openAI) unknownModel(name string) *Error {
	return &Error{Status: http.StatusNotFound, Code: "model_not_found", Message: fmt.Sprintf("The model `%s` does not exist or you do not have access to it.", name)}
}

type chatError struct {
	Error chatErrorBody `json:"error"`
}

type chatErrorBody struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    *string `json:"code"`
}

func (openAI) failure(e *Error, _ string) []byte {
	kind := e.Type
	switch {
	case kind != "":
	case e.Status == http.StatusTooManyRequests:
		kind = "requests"
	case e.Status >= 500:
		kind = "server_error"
	default:
		kind = "invalid_request_error"
	}
	return encode(chatError{chatErrorBody{e.Message, kind, orNull(e.Param), orNull(e.Code)}})
}

func (d openAI) abort(e *Error, id string) event { return event{data: d.failure(e, id)} }

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

type chatCompletion struct {
	ID                string     `json:"id"`
	Object            string     `json:"object"`
	Created           int64      `json:"created"`
	Model             string     `json:"model"`
	Choices           []choice   `json:"choices"`
	Usage             *chatUsage `json:"usage"`
	ServiceTier       string     `json:"service_tier"`
	SystemFingerprint string     `json:"system_fingerprint"`
}

type choice struct {
	Index        int       `json:"index"`
	Message      said      `json:"message"`
	Logprobs     *struct{} `json:"logprobs"`
	FinishReason string    `json:"finish_reason"`
}

type chatUsage struct {
	PromptTokens     int `json:"prompt_tokens"`
	CompletionTokens int `json:"completion_tokens"`
	TotalTokens      int `json:"total_tokens"`
}

func usageOf(a *answer) *chatUsage { return &chatUsage{a.in, a.out, a.in + a.out} }

func finishReason(a *answer) string {
	switch a.end {
	case truncated:
		return "length"
	case calling:
		return "tool_calls"
	}
	return "stop"
}

const fingerprint = "fp_sim"

func (openAI) plain(a *answer) []byte {
	m := said{Role: "assistant", Content: &a.text, Annotations: []struct{}{}}
	for _, c := range a.calls {
		m.ToolCalls = append(m.ToolCalls, chatCall{ID: c.ID, Type: "function", Function: chatFunction{c.Name, string(c.Arguments)}})
	}
	if a.text == "" && len(a.calls) > 0 {
		m.Content = nil
	}
	return encode(chatCompletion{
		ID: completionID(a), Object: "chat.completion", Created: a.created.Unix(), Model: a.model,
		Choices: []choice{{Message: m, FinishReason: finishReason(a)}},
		Usage:   usageOf(a), ServiceTier: "default", SystemFingerprint: fingerprint,
	})
}

// said is the assistant's message as answered.
type said struct {
	Role        string     `json:"role"`
	Content     *string    `json:"content"`
	Refusal     *string    `json:"refusal"`
	Annotations []struct{} `json:"annotations"`
	ToolCalls   []chatCall `json:"tool_calls,omitempty"`
}

func completionID(a *answer) string { return fmt.Sprintf("chatcmpl-sim-%d", a.number) }

type chatChunk struct {
	ID                string        `json:"id"`
	Object            string        `json:"object"`
	Created           int64         `json:"created"`
	Model             string        `json:"model"`
	ServiceTier       string        `json:"service_tier"`
	SystemFingerprint string        `json:"system_fingerprint"`
	Choices           []chunkChoice `json:"choices"`
	Usage             *chatUsage    `json:"usage,omitempty"`
}

type chunkChoice struct {
	Index        int       `json:"index"`
	Delta        delta     `json:"delta"`
	Logprobs     *struct{} `json:"logprobs"`
	FinishReason *string   `json:"finish_reason"`
}

type delta struct {
	Role      string     `json:"role,omitempty"`
	Content   *string    `json:"content,omitempty"`
	ToolCalls []chatCall `json:"tool_calls,omitempty"`
}

func (openAI) events(a *answer, usage bool) []event {
	var list []event
	add := func(usage *chatUsage, choices ...chunkChoice) {
		list = append(list, event{data: encode(chatChunk{
			ID: completionID(a), Object: "chat.completion.chunk", Created: a.created.Unix(), Model: a.model,
			ServiceTier: "default", SystemFingerprint: fingerprint, Choices: append([]chunkChoice{}, choices...), Usage: usage,
		})})
	}
	empty := ""
	add(nil, chunkChoice{Delta: delta{Role: "assistant", Content: &empty}})
	for _, s := range pieces(a.text) {
		add(nil, chunkChoice{Delta: delta{Content: &s}})
	}
	for i, c := range a.calls {
		add(nil, callDelta(chatCall{Index: &i, ID: c.ID, Type: "function", Function: chatFunction{Name: c.Name}}))
		for _, s := range pieces(string(c.Arguments)) {
			add(nil, callDelta(chatCall{Index: &i, Function: chatFunction{Arguments: s}}))
		}
	}
	reason := finishReason(a)
	add(nil, chunkChoice{FinishReason: &reason})
	if usage {
		add(usageOf(a))
	}
	return append(list, event{data: []byte("[DONE]")})
}

func callDelta(c chatCall) chunkChoice {
	return chunkChoice{Delta: delta{ToolCalls: []chatCall{c}}}
}

type openAIModel struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
}

type openAIModels struct {
	Object string        `json:"object"`
	Data   []openAIModel `json:"data"`
}

func (openAI) models(names []string, now time.Time) []byte {
	out := openAIModels{Object: "list", Data: []openAIModel{}}
	for _, name := range names {
		out.Data = append(out.Data, openAIModel{name, "model", now.Unix(), "sim"})
	}
	return encode(out)
}
