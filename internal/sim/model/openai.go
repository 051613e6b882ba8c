// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// openAI is the dialect of chat completions.
type openAI struct{}

func (openAI) key(h http.Header) string       { return credential(h, "Bearer") }
func (openAI) checkHeader(http.Header) *Error { return nil }
func (openAI) name(h http.Header, number int) { h.Set("X-Request-Id", requestID(number)) }

func (openAI) pace(h http.Header, l *Limits, wait time.Duration, _ time.Time) {
	retryAfter(h, wait)
	if l == nil {
		return
	}
	for kind, n := range map[string][2]int{"Requests": {l.Requests, l.RequestsLeft}, "Tokens": {l.Tokens, l.TokensLeft}} {
		h.Set("X-Ratelimit-Limit-"+kind, strconv.Itoa(n[0]))
		h.Set("X-Ratelimit-Remaining-"+kind, strconv.Itoa(n[1]))
		h.Set("X-Ratelimit-Reset-"+kind, l.Reset.String())
	}
}

func (openAI) unauthorized(string) *Error {
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

func (openAI) failure(e *Error, _ int) []byte {
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

func (openAI) late(e *Error) int  { return e.Status }
func (openAI) streamType() string { return sse }
func (openAI) ping() event        { return comment("ping") }

func (d openAI) abort(a *answer, e *Error, _ int) []event {
	return []event{{data: d.failure(e, a.number)}}
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

type chatCompletion struct {
	ID                string     `json:"id"`
	Provider          string     `json:"provider,omitempty"` // OpenRouter
	Object            string     `json:"object"`
	Created           int64      `json:"created"`
	Model             string     `json:"model"`
	Choices           []choice   `json:"choices"`
	Usage             *chatUsage `json:"usage,omitempty"`
	ServiceTier       string     `json:"service_tier,omitempty"`
	SystemFingerprint string     `json:"system_fingerprint"`
}

type choice struct {
	Index        int       `json:"index"`
	Message      said      `json:"message"`
	Logprobs     *struct{} `json:"logprobs"`
	FinishReason string    `json:"finish_reason"`
	NativeReason string    `json:"native_finish_reason,omitempty"` // OpenRouter
}

type chatUsage struct {
	PromptTokens     int          `json:"prompt_tokens"`
	CompletionTokens int          `json:"completion_tokens"`
	TotalTokens      int          `json:"total_tokens"`
	Prompt           promptDetail `json:"prompt_tokens_details"`
	Completion       outputDetail `json:"completion_tokens_details"`
	*costs                        // OpenRouter
}

type promptDetail struct {
	Cached int `json:"cached_tokens"`
}

type outputDetail struct {
	Reasoning int `json:"reasoning_tokens"`
}

func chatUsageOf(a *answer) *chatUsage {
	if a.usage == nil {
		return nil
	}
	u := *a.usage
	return &chatUsage{
		PromptTokens: u.Input, CompletionTokens: u.Output, TotalTokens: u.Input + u.Output,
		Prompt: promptDetail{u.Cached}, Completion: outputDetail{u.Reasoning},
	}
}

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

func (openAI) plain(a *answer) []byte { return encode(completion(a)) }

func completion(a *answer) chatCompletion {
	m := said{Role: "assistant", Content: &a.text, Annotations: []struct{}{}}
	for _, c := range a.calls {
		m.ToolCalls = append(m.ToolCalls, chatCall{ID: c.ID, Type: "function", Function: chatFunction{c.Name, string(c.Arguments)}})
	}
	if a.text == "" && len(a.calls) > 0 {
		m.Content = nil
	}
	return chatCompletion{
		ID: completionID(a), Object: "chat.completion", Created: a.created.Unix(), Model: a.model,
		Choices: []choice{{Message: m, FinishReason: finishReason(a)}},
		Usage:   chatUsageOf(a), ServiceTier: "default", SystemFingerprint: fingerprint,
	}
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
	Provider          string        `json:"provider,omitempty"` // OpenRouter
	Object            string        `json:"object"`
	Created           int64         `json:"created"`
	Model             string        `json:"model"`
	ServiceTier       string        `json:"service_tier,omitempty"`
	SystemFingerprint string        `json:"system_fingerprint"`
	Choices           []chunkChoice `json:"choices"`
	Error             *routedError  `json:"error,omitempty"` // OpenRouter
	Usage             optional      `json:"usage,omitzero"`
}

// optional is usage that is left out, null or there.
type optional struct {
	asked bool
	usage *chatUsage
}

// MarshalJSON writes the usage, or null where it was asked for and has not come yet.
func (o optional) MarshalJSON() ([]byte, error) { return encode(o.usage), nil }

type chunkChoice struct {
	Index        int       `json:"index"`
	Delta        delta     `json:"delta"`
	Logprobs     *struct{} `json:"logprobs"`
	FinishReason *string   `json:"finish_reason"`
	NativeReason *string   `json:"native_finish_reason,omitempty"` // OpenRouter
}

type delta struct {
	Role      string     `json:"role,omitempty"`
	Content   *string    `json:"content,omitempty"`
	ToolCalls []chatCall `json:"tool_calls,omitempty"`
}

func (openAI) events(a *answer) []event {
	asked := a.asked.usage && a.usage != nil
	var list []event
	for _, c := range chunks(a) {
		c.Usage.asked = asked
		list = append(list, event{data: encode(c)})
	}
	if asked {
		last := chunk(a)
		last.Usage = optional{asked, chatUsageOf(a)}
		list = append(list, event{data: encode(last)})
	}
	return append(list, done)
}

var done = event{data: []byte("[DONE]")}

// chunks is all of the answer but its usage. The last one has the finish reason.
func chunks(a *answer) []chatChunk {
	empty, reason := "", finishReason(a)
	list := []chatChunk{chunk(a, chunkChoice{Delta: delta{Role: "assistant", Content: &empty}})}
	for _, s := range pieces(a.text) {
		list = append(list, chunk(a, chunkChoice{Delta: delta{Content: &s}}))
	}
	for i, c := range a.calls {
		list = append(list, chunk(a, callDelta(chatCall{Index: &i, ID: c.ID, Type: "function", Function: chatFunction{Name: c.Name}})))
		for _, s := range pieces(string(c.Arguments)) {
			list = append(list, chunk(a, callDelta(chatCall{Index: &i, Function: chatFunction{Arguments: s}})))
		}
	}
	return append(list, chunk(a, chunkChoice{FinishReason: &reason}))
}

func chunk(a *answer, choices ...chunkChoice) chatChunk {
	return chatChunk{
		ID: completionID(a), Object: "chat.completion.chunk", Created: a.created.Unix(), Model: a.model,
		ServiceTier: "default", SystemFingerprint: fingerprint, Choices: append([]chunkChoice{}, choices...),
	}
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
