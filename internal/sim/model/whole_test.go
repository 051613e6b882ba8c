// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// heard is what a client makes of an answer, put together from its pieces where it was streamed.
type heard struct {
	Text   string
	Names  []string
	Args   []string
	Reason string
	Total  int // tokens
}

func (h *heard) call(name, args string) {
	h.Names, h.Args = append(h.Names, name), append(h.Args, args)
}

func parse(t *rapid.T, data string, v any) {
	if err := json.Unmarshal([]byte(data), v); err != nil {
		t.Fatalf("%v: %s", err, data)
	}
}

// chat reads a completion or a chunk.
func (h *heard) chat(t *rapid.T, data string) {
	var v struct {
		Choices []struct {
			Message, Delta struct {
				Content   *string
				ToolCalls []chatCall `json:"tool_calls"`
			}
			FinishReason *string `json:"finish_reason"`
		}
		Usage *struct {
			TotalTokens int `json:"total_tokens"`
		}
	}
	parse(t, data, &v)
	for _, c := range v.Choices {
		for _, content := range []*string{c.Message.Content, c.Delta.Content} {
			if content != nil {
				h.Text += *content
			}
		}
		for _, call := range append(c.Message.ToolCalls, c.Delta.ToolCalls...) {
			if call.ID != "" {
				h.call(call.Function.Name, "")
			}
			h.Args[len(h.Args)-1] += call.Function.Arguments
		}
		if c.FinishReason != nil {
			h.Reason = *c.FinishReason
		}
	}
	if v.Usage != nil {
		h.Total = v.Usage.TotalTokens
	}
}

// respond reads a response or an event; the parts in the events are held against the whole at the end.
func (h *heard) respond(t *rapid.T, data string) {
	var v struct {
		Type, Delta string
		Item        outputItem
		Response    *response
	}
	parse(t, data, &v)
	switch v.Type {
	case "":
		var all response
		parse(t, data, &all)
		h.whole(all)
	case "response.output_text.delta":
		h.Text += v.Delta
	case "response.output_item.added":
		if v.Item.Type == "function_call" {
			h.call(v.Item.Name, "")
		}
	case "response.function_call_arguments.delta":
		h.Args[len(h.Args)-1] += v.Delta
	case "response.completed", "response.incomplete":
		var all heard
		all.whole(*v.Response)
		h.Reason, h.Total = all.Reason, all.Total
		if diff := cmp.Diff(all, *h); diff != "" {
			t.Fatal(diff)
		}
	}
}

func (h *heard) whole(r response) {
	for _, it := range r.Output {
		if it.Content != nil {
			h.Text += (*it.Content)[0].Text
			continue
		}
		h.call(it.Name, *it.Arguments)
	}
	h.Reason, h.Total = r.Status, r.Usage.TotalTokens
}

// message reads a message or an event.
func (h *heard) message(t *rapid.T, data string) {
	var v struct {
		Content    []spoken
		StopReason string `json:"stop_reason"`
		Usage      *messagesUsage
		Type       string
		Block      spoken `json:"content_block"`
		Delta      struct {
			Text       string
			Partial    string `json:"partial_json"`
			StopReason string `json:"stop_reason"`
		}
	}
	parse(t, data, &v)
	for _, c := range v.Content {
		if c.Text != nil {
			h.Text += *c.Text
		} else {
			h.call(c.Name, string(c.Input))
		}
	}
	if v.Block.Type == "tool_use" {
		h.call(v.Block.Name, "")
	}
	h.Text += v.Delta.Text
	if v.Delta.Partial != "" {
		h.Args[len(h.Args)-1] += v.Delta.Partial
	}
	if reason := v.StopReason + v.Delta.StopReason; reason != "" {
		h.Reason = reason
	}
	if v.Usage != nil {
		h.Total = v.Usage.InputTokens + v.Usage.OutputTokens
	}
}

// generate reads an answer or a chunk.
func (h *heard) generate(t *rapid.T, data string) {
	var v generated
	parse(t, data, &v)
	for _, p := range v.Candidates[0].Content.Parts {
		if p.Text != nil {
			h.Text += *p.Text
		} else {
			h.call(p.FunctionCall.Name, string(p.FunctionCall.Args))
		}
	}
	if v.UsageMetadata.Total < h.Total {
		t.Fatalf("the total falls from %d: %s", h.Total, data)
	}
	h.Reason, h.Total = v.Candidates[0].FinishReason, v.UsageMetadata.Total
}

// TestStreamsAreWhole has random replies answered plainly and in streams: a client hears the same.
func TestStreamsAreWhole(t *testing.T) {
	for _, l := range tongues() {
		t.Run(strings.ReplaceAll(l.String(), "/", "_"), func(t *testing.T) {
			rapid.Check(t, func(r *rapid.T) {
				reply := Reply{Text: rapid.String().Draw(r, "text")}
				for range rapid.IntRange(0, 3).Draw(r, "calls") {
					args := encode(map[string]string{"a": rapid.String().Draw(r, "argument")})
					reply.Calls = append(reply.Calls, ToolCall{Name: rapid.StringMatching(`[a-z]{1,9}`).Draw(r, "name"), Arguments: args})
				}
				ear := map[Dialect]func(*heard, *rapid.T, string){OpenAI: (*heard).chat, OpenRouter: (*heard).chat, Responses: (*heard).respond, Anthropic: (*heard).message, Gemini: (*heard).generate}[l.dialect]
				var plain, streamed heard
				ear(&plain, r, l.plain(t, provider(reply)).Body.String())
				for _, v := range values(t, l.streamed(t, provider(reply)).Body.String()) {
					ear(&streamed, r, v)
				}
				if diff := cmp.Diff(plain, streamed); diff != "" {
					r.Fatal(diff)
				}
				if plain.Text != reply.Text || len(plain.Args) != len(reply.Calls) || plain.Reason == "" || plain.Total == 0 {
					r.Fatalf("heard %+v of %+v", plain, reply)
				}
				for i, c := range reply.Calls {
					if plain.Names[i] != c.Name || plain.Args[i] != string(c.Arguments) {
						r.Fatalf("heard %+v of %+v", plain, reply)
					}
				}
			})
		})
	}
}
