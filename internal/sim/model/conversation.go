// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"encoding/json"
	"net/http"
	"time"
)

// A Dialect is a way of speaking to a model on the wire.
type Dialect string

// The dialects.
const (
	OpenAI    Dialect = "openai"    // POST /v1/chat/completions
	Responses Dialect = "responses" // POST /v1/responses, of OpenAI
	Anthropic Dialect = "anthropic" // POST /v1/messages
	Gemini    Dialect = "gemini"    // POST /v1beta/models/{model}:generateContent and :streamGenerateContent, with or without ?alt=sse

	// POST /openrouter/router/openai/v1/chat/completions, as on fal.run. A token costs a millionth of a dollar on its
	// way in and two on its way out.
	OpenRouter Dialect = "openrouter"
)

// A Script is the model's mind: what it says next in a conversation. It may be called from several goroutines at once.
type Script func(Conversation) Reply

// A Conversation is a request, the same in all dialects. Neighbouring messages of one side are one turn, and results
// of tools are the user's, as Anthropic has it.
type Conversation struct {
	Dialect  Dialect
	Model    string
	System   string // system and developer texts, a line break between them
	Messages []Message
	Tools    []Tool
}

// A Role is a side of the conversation.
type Role string

// The roles.
const (
	User      Role = "user"
	Assistant Role = "assistant"
)

// A Message is one turn. Its Text is the text parts with a line break between them; pictures and documents are left out.
type Message struct {
	Role    Role
	Text    string
	Calls   []ToolCall   // of the assistant
	Results []ToolResult // of the user
}

// A ToolCall is a tool that the model wants run. In a [Reply] an empty ID is filled in, and nil Arguments are "{}";
// Arguments need not be JSON in OpenAI's dialects and OpenRouter's, where models get them wrong too. The client need not
// give an ID in the Gemini dialect.
type ToolCall struct {
	ID        string
	Name      string
	Arguments json.RawMessage
}

// A ToolResult is what the client says that a called tool gave. Failed is known in the Anthropic and Gemini dialects only.
// In the latter, Text is a JSON object.
type ToolResult struct {
	CallID string
	Name   string // of the tool called
	Text   string
	Failed bool
}

// A Tool is one that the client offers and runs itself. Schema is the JSON Schema of its arguments, nil if there is none.
type Tool struct {
	Name        string
	Description string
	Schema      json.RawMessage
}

// Last returns the latest message.
func (c Conversation) Last() Message {
	if len(c.Messages) == 0 {
		return Message{}
	}
	return c.Messages[len(c.Messages)-1]
}

// Turn returns how many times the assistant has spoken.
func (c Conversation) Turn() int {
	n := 0
	for _, m := range c.Messages {
		if m.Role == Assistant {
			n++
		}
	}
	return n
}

func (c *Conversation) add(m Message) {
	if n := len(c.Messages); n > 0 && c.Messages[n-1].Role == m.Role {
		last := &c.Messages[n-1]
		last.Text = lines(last.Text, m.Text)
		last.Calls = append(last.Calls, m.Calls...)
		last.Results = append(last.Results, m.Results...)
		return
	}
	c.Messages = append(c.Messages, m)
}

func lines(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "\n" + b
}

// A Reply is what the model does with a conversation: it speaks, calls tools, both or neither; or the request fails.
type Reply struct {
	Text  string
	Calls []ToolCall
	Err   *Error // answers instead, before anything else is sent

	// Fault strikes after so many chunks. The chunks of a stream, whose headers always arrive, are its events; those of
	// a plain answer are its two halves, and before the first not even the headers arrive. An answer of fewer chunks is
	// sent whole.
	Fault   Fault
	After   int
	Failure *Error // what a Fail says; nil: status 500

	Usage   *Usage  // nil: counted
	NoUsage bool    // no tokens are told, neither in a plain answer nor in a stream
	Limits  *Limits // told with any answer, an Err included; nil: none

	// PingEvery sends a keep-alive before every so many events of a stream, the first included: a comment, or a ping in
	// the Anthropic dialect. They don't count as chunks. The Gemini dialect has none. 0: those that the vendor always
	// sends, which are Anthropic's first ping and OpenRouter's first comment, and count.
	PingEvery int
}

// Usage is tokens. Every dialect has its own way of adding them up.
type Usage struct {
	Input     int
	Cached    int // of the Input, read from the vendor's cache
	Output    int
	Reasoning int // of the Output, not shown
}

// A Fault is what goes wrong while an answer is being sent.
type Fault uint8

// The faults.
const (
	None  Fault = iota
	Cut         // the connection breaks off
	Stall       // nothing more comes until the client hangs up
	Fail        // the stream ends with the dialect's error event; a plain answer is an error (in the OpenRouter dialect with status 200)
	Hang        // nothing comes at all, not even headers, until the client hangs up
)

// An Error is a failed request. An empty Type is the dialect's usual one for the Status.
type Error struct {
	Status     int
	Type       string
	Code       string // OpenAI's dialects only
	Param      string // OpenAI's dialects only
	Message    string
	RetryAfter time.Duration // sent if positive, in whole seconds; in the Gemini dialect as details of the error
}

func invalid(param, message string) *Error {
	return &Error{Status: http.StatusBadRequest, Param: param, Message: message}
}

// Steps is a script that gives the first reply on the assistant's first turn, the second on its second and so on, for
// any number of conversations at once. Past the last one, requests fail with status 500.
func Steps(replies ...Reply) Script {
	return func(c Conversation) Reply {
		n := c.Turn()
		if n >= len(replies) {
			return Reply{Err: &Error{Status: http.StatusInternalServerError, Message: "The script has no further step."}}
		}
		return replies[n]
	}
}
