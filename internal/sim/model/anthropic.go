// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// anthropic is the dialect of messages.
type anthropic struct{}

func (anthropic) key(h http.Header) string { return h.Get("X-Api-Key") }

func (anthropic) checkHeader(h http.Header) *Error {
	if h.Get("Anthropic-Version") == "" {
		return invalid("", "anthropic-version: header is required")
	}
	return nil
}

func (anthropic) name(h http.Header, number int) { h.Set("Request-Id", requestID(number)) }

func (anthropic) pace(h http.Header, l *Limits, wait time.Duration, now time.Time) {
	retryAfter(h, wait)
	if l == nil {
		return
	}
	reset := now.Add(l.Reset).UTC().Format(time.RFC3339)
	for kind, n := range map[string][2]int{"Requests": {l.Requests, l.RequestsLeft}, "Tokens": {l.Tokens, l.TokensLeft}} {
		h.Set("Anthropic-Ratelimit-"+kind+"-Limit", strconv.Itoa(n[0]))
		h.Set("Anthropic-Ratelimit-"+kind+"-Remaining", strconv.Itoa(n[1]))
		h.Set("Anthropic-Ratelimit-"+kind+"-Reset", reset)
	}
}

func (anthropic) unauthorized(string) *Error {
	return &Error{Status: http.StatusUnauthorized, Message: "invalid x-api-key"}
}

func (anthropic) unknownModel(name string) *Error {
	return &Error{Status: http.StatusNotFound, Message: "model: " + name}
}

type messagesError struct {
	Type      string            `json:"type"`
	Error     messagesErrorBody `json:"error"`
	RequestID string            `json:"request_id"`
}

type messagesErrorBody struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

func (anthropic) failure(e *Error, number int) []byte {
	kind := e.Type
	if kind == "" {
		kind = errorType(e.Status)
	}
	return encode(messagesError{"error", messagesErrorBody{kind, e.Message}, requestID(number)})
}

func errorType(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "authentication_error"
	case http.StatusForbidden:
		return "permission_error"
	case http.StatusNotFound:
		return "not_found_error"
	case http.StatusRequestEntityTooLarge:
		return "request_too_large"
	case http.StatusTooManyRequests:
		return "rate_limit_error"
	case 529:
		return "overloaded_error"
	}
	if status >= 500 {
		return "api_error"
	}
	return "invalid_request_error"
}

func (anthropic) late(e *Error) int  { return e.Status }
func (anthropic) streamType() string { return sse }
func (anthropic) ping() event        { return event{name: "ping", data: encode(stage{Type: "ping"})} }

func (d anthropic) abort(a *answer, e *Error, _ int) []event {
	return []event{{name: "error", data: d.failure(e, a.number)}}
}

type reply struct {
	ID           string         `json:"id"`
	Type         string         `json:"type"`
	Role         string         `json:"role"`
	Model        string         `json:"model"`
	Content      []spoken       `json:"content"`
	StopReason   *string        `json:"stop_reason"`
	StopSequence *string        `json:"stop_sequence"`
	Usage        *messagesUsage `json:"usage,omitempty"`
}

// spoken is a content block as answered: a text or a tool_use.
type spoken struct {
	Type  string          `json:"type"`
	Text  *string         `json:"text,omitempty"`
	ID    string          `json:"id,omitempty"`
	Name  string          `json:"name,omitempty"`
	Input json.RawMessage `json:"input,omitempty"`
}

type messagesUsage struct {
	InputTokens              int    `json:"input_tokens"`
	CacheCreationInputTokens int    `json:"cache_creation_input_tokens"`
	CacheReadInputTokens     int    `json:"cache_read_input_tokens"`
	OutputTokens             int    `json:"output_tokens"`
	ServiceTier              string `json:"service_tier,omitempty"`
}

func stopReason(a *answer) *string {
	reason := "end_turn"
	switch a.end {
	case stopped:
		reason = "stop_sequence"
	case truncated:
		reason = "max_tokens"
	case calling:
		reason = "tool_use"
	}
	return &reason
}

func (anthropic) plain(a *answer) []byte {
	out := opening(a)
	if a.text != "" {
		out.Content = append(out.Content, spoken{Type: "text", Text: &a.text})
	}
	for _, c := range a.calls {
		out.Content = append(out.Content, spoken{Type: "tool_use", ID: c.ID, Name: c.Name, Input: c.Arguments})
	}
	out.StopReason, out.StopSequence = stopReason(a), orNull(a.stop)
	if out.Usage = messagesUsageOf(a); out.Usage != nil {
		out.Usage.ServiceTier = "standard"
	}
	return encode(out)
}

// opening is the answer before the model has spoken.
func opening(a *answer) reply {
	return reply{ID: fmt.Sprintf("msg_sim_%d", a.number), Type: "message", Role: "assistant", Model: a.model, Content: []spoken{}}
}

// messagesUsageOf counts as the vendor does: what was read from its cache is not input.
func messagesUsageOf(a *answer) *messagesUsage {
	if a.usage == nil {
		return nil
	}
	return &messagesUsage{InputTokens: a.usage.Input - a.usage.Cached, CacheReadInputTokens: a.usage.Cached, OutputTokens: a.usage.Output}
}

// A stage is one event of a stream; Type is the event's name, too.
type stage struct {
	Type         string          `json:"type"`
	Message      *reply          `json:"message,omitempty"`
	Index        *int            `json:"index,omitempty"`
	ContentBlock *spoken         `json:"content_block,omitempty"`
	Delta        json.RawMessage `json:"delta,omitempty"`
	Usage        *messagesUsage  `json:"usage,omitempty"`
}

// A blockDelta adds text or arguments to a block.
type blockDelta struct {
	Type        string  `json:"type"`
	Text        *string `json:"text,omitempty"`
	PartialJSON *string `json:"partial_json,omitempty"`
}

// A messageDelta ends the message.
type messageDelta struct {
	StopReason   *string `json:"stop_reason"`
	StopSequence *string `json:"stop_sequence"`
}

func (anthropic) events(a *answer) []event {
	start := opening(a)
	if start.Usage = messagesUsageOf(a); start.Usage != nil {
		start.Usage.OutputTokens, start.Usage.ServiceTier = 1, "standard"
	}
	stages := []stage{{Type: "message_start", Message: &start}}
	empty, index := "", 0
	if a.text != "" {
		var parts []blockDelta
		for _, s := range pieces(a.text) {
			parts = append(parts, blockDelta{Type: "text_delta", Text: &s})
		}
		stages = append(stages, blockStages(index, spoken{Type: "text", Text: &empty}, parts)...)
		index++
	}
	for _, c := range a.calls {
		parts := []blockDelta{{Type: "input_json_delta", PartialJSON: &empty}}
		for _, s := range pieces(string(c.Arguments)) {
			parts = append(parts, blockDelta{Type: "input_json_delta", PartialJSON: &s})
		}
		stages = append(stages, blockStages(index, spoken{Type: "tool_use", ID: c.ID, Name: c.Name, Input: json.RawMessage("{}")}, parts)...)
		index++
	}
	stages = append(stages,
		stage{Type: "message_delta", Delta: encode(messageDelta{stopReason(a), orNull(a.stop)}), Usage: messagesUsageOf(a)},
		stage{Type: "message_stop"})
	list := make([]event, len(stages))
	for i, s := range stages {
		list[i] = event{name: s.Type, data: encode(s)}
	}
	return list
}

func blockStages(index int, first spoken, parts []blockDelta) []stage {
	list := []stage{{Type: "content_block_start", Index: &index, ContentBlock: &first}}
	if index == 0 {
		list = append(list, stage{Type: "ping"})
	}
	for _, p := range parts {
		list = append(list, stage{Type: "content_block_delta", Index: &index, Delta: encode(p)})
	}
	return append(list, stage{Type: "content_block_stop", Index: &index})
}

type anthropicModel struct {
	Type        string    `json:"type"`
	ID          string    `json:"id"`
	DisplayName string    `json:"display_name"`
	CreatedAt   time.Time `json:"created_at"`
}

type anthropicModels struct {
	Data    []anthropicModel `json:"data"`
	HasMore bool             `json:"has_more"`
	FirstID *string          `json:"first_id"`
	LastID  *string          `json:"last_id"`
}

func (anthropic) models(names []string, now time.Time) []byte {
	out := anthropicModels{Data: []anthropicModel{}}
	for _, name := range names {
		out.Data = append(out.Data, anthropicModel{"model", name, name, now.UTC().Truncate(time.Second)})
	}
	if n := len(names); n > 0 {
		out.FirstID, out.LastID = &names[0], &names[n-1]
	}
	return encode(out)
}
