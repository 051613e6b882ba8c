// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

// A wire is one dialect: how requests are read and answers are written.
type wire interface {
	key(h http.Header) string
	checkHeader(h http.Header) *Error
	unauthorized(key string) *Error
	unknownModel(name string) *Error
	decode(body []byte) (*request, *Error)

	name(h http.Header, number int)                                   // says the request's id
	pace(h http.Header, l *Limits, wait time.Duration, now time.Time) // says the rate limits; l may be nil
	failure(e *Error, number int) []byte                              // the body of a failed request
	late(e *Error) int                                                // the status of one that failed while the model spoke
	plain(a *answer) []byte
	streamType() string // a content type
	events(a *answer) []event
	ping() event                                 // keeps a stream alive; the zero event where the vendor has nothing of the kind
	abort(a *answer, e *Error, sent int) []event // the end of a stream that failed after so many events
	models(names []string, now time.Time) []byte
}

// A request is a conversation and how its answer is wanted.
type request struct {
	Conversation
	stream bool
	usage  bool              // OpenAI: usage at the end of a stream
	most   int               // tokens of text, 0: any number
	stops  []string          // texts to stop before
	echo   *responsesRequest // Responses: what is said back
}

// An ending is why the model stopped.
type ending uint8

const (
	finished  ending = iota
	stopped          // before one of the client's stop texts
	truncated        // at the client's token limit
	calling          // to have tools run
)

// An answer is a reply with all that the wire needs to know.
type answer struct {
	number  int
	model   string
	created time.Time
	text    string
	calls   []ToolCall
	end     ending
	stop    string // the stop text met
	usage   *Usage // nil: not told
	asked   *request
}

// finish does what a provider does after the model has spoken: it stops at stop texts and limits, numbers the calls and
// counts tokens.
func finish(req *request, reply Reply, number int, now time.Time) *answer {
	a := &answer{number: number, model: req.Model, created: now.UTC(), asked: req}
	a.text, a.end, a.stop = cut(strings.ToValidUTF8(reply.Text, "\uFFFD"), req.stops, req.most)
	if a.end == finished && len(reply.Calls) > 0 {
		a.calls, a.end = numbered(reply.Calls, req.Dialect, number), calling
	}
	switch {
	case reply.NoUsage:
	case reply.Usage != nil:
		a.usage = reply.Usage
	default:
		a.usage = &Usage{Input: size(req.Conversation), Output: tokens(a.text)}
		for _, c := range a.calls {
			a.usage.Output += tokens(c.Name) + tokens(string(c.Arguments))
		}
	}
	return a
}

func cut(text string, stops []string, most int) (string, ending, string) {
	end, at, met := finished, len(text), ""
	for _, s := range stops {
		if i := strings.Index(text, s); s != "" && i >= 0 && i < at {
			end, at, met = stopped, i, s
		}
	}
	if limit := most * bytesPerToken; most > 0 && limit/bytesPerToken == most && at > limit {
		end, at, met = truncated, limit, ""
		for !utf8.RuneStart(text[at]) {
			at--
		}
	}
	return text[:at], end, met
}

func numbered(calls []ToolCall, d Dialect, number int) []ToolCall {
	prefix := "call"
	switch d {
	case Anthropic:
		prefix = "toolu"
	case Gemini:
		prefix = "fc"
	}
	list := make([]ToolCall, len(calls))
	for i, c := range calls {
		if c.ID == "" {
			c.ID = fmt.Sprintf("%s_sim_%d_%d", prefix, number, i+1)
		}
		if c.Arguments == nil {
			c.Arguments = json.RawMessage("{}")
		}
		list[i] = c
	}
	return list
}

// bytesPerToken is the rule of thumb that this model counts by.
const bytesPerToken = 4

func tokens(s string) int { return (len(s) + bytesPerToken - 1) / bytesPerToken }

func size(c Conversation) int {
	n := tokens(c.System)
	for _, m := range c.Messages {
		n += tokens(m.Text)
		for _, call := range m.Calls {
			n += tokens(call.Name) + tokens(string(call.Arguments))
		}
		for _, r := range m.Results {
			n += tokens(r.Text)
		}
	}
	for _, t := range c.Tools {
		n += tokens(t.Name) + tokens(t.Description) + tokens(string(t.Schema))
	}
	return n
}

// pieces cuts s into what the events of a stream carry. No character is cut in two.
func pieces(s string) []string {
	const length = 12
	var list []string
	for len(s) > length {
		at := length
		for at > 0 && !utf8.RuneStart(s[at]) {
			at--
		}
		if at == 0 { // not UTF-8
			at = length
		}
		list, s = append(list, s[:at]), s[at:]
	}
	if s != "" {
		list = append(list, s)
	}
	return list
}

// An event is one server-sent event.
type event struct {
	name string // empty: no event line
	data []byte // one line
	raw  []byte // instead of both, as it is
}

func (e event) bytes() []byte {
	if e.data == nil {
		return e.raw
	}
	var b bytes.Buffer
	if e.name != "" {
		fmt.Fprintf(&b, "event: %s\n", e.name)
	}
	fmt.Fprintf(&b, "data: %s\n\n", e.data)
	return b.Bytes()
}

// encode writes JSON on one line and without HTML escapes, as the vendors do. Every value it is given can be written:
// texts are strings, and raw messages have been read or checked before.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("encode %T: %v", v, err))
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}
