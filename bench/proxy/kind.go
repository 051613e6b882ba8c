// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Kind is what is asked of the model, and so what the model answers.
type Kind struct {
	Chunks int           // of a stream; 0: the answer is one JSON object
	Pause  time.Duration // between two chunks
	Size   int           // of the request, in bytes, about
}

// model is the name by which the upstream knows k.
func (k Kind) model() string {
	if k.Chunks == 0 {
		return "plain"
	}
	return fmt.Sprintf("stream-%d-%d", k.Chunks, k.Pause.Milliseconds())
}

// kindOf is the kind that a model's name stands for.
func kindOf(model string) (Kind, bool) {
	if model == "plain" {
		return Kind{}, true
	}
	words := strings.Split(model, "-")
	if len(words) != 3 || words[0] != "stream" {
		return Kind{}, false
	}
	chunks, err1 := strconv.Atoi(words[1])
	pause, err2 := strconv.Atoi(words[2])
	return Kind{Chunks: chunks, Pause: time.Duration(pause) * time.Millisecond}, err1 == nil && err2 == nil && chunks > 0
}

// numberLen is the length of a request's number. Every request has another, and
// its answer repeats it: no two texts are the same, as they are not in life, and
// an answer to another request is not taken for a good one.
const numberLen = 16

const noNumber = "@@@@@@@@@@@@@@@@"

// A form is a text with places for a request's number.
type form struct {
	text   []byte
	places []int
}

func newForm(text string) *form {
	f := &form{text: []byte(text)}
	for at := 0; ; at += numberLen {
		i := strings.Index(text[at:], noNumber)
		if i < 0 {
			return f
		}
		at += i
		f.places = append(f.places, at)
	}
}

// fill appends the text with number in its places to b.
func (f *form) fill(b []byte, number []byte) []byte {
	start := len(b)
	b = append(b, f.text...)
	for _, at := range f.places {
		copy(b[start+at:], number)
	}
	return b
}

// number writes n as a request's number.
func number(n uint64) []byte { return fmt.Appendf(nil, "%016x", n) }

// request is the body that asks for k.
func (k Kind) request() *form {
	stream := ""
	if k.Chunks > 0 {
		stream = `"stream":true,`
	}
	head := fmt.Sprintf(`{"model":%q,"user":"%s",%s"messages":[{"role":"system","content":"You answer briefly."},{"role":"user","content":"`, k.model(), noNumber, stream)
	tail := `"}],"temperature":0.2,"max_tokens":256}`
	const words = "What does the runbook say about the failover of the database? "
	text := strings.Repeat(words, max(1, (k.Size-len(head)-len(tail))/len(words)))
	return newForm(head + text + tail)
}

// answer is the body that answers k: of a stream, the text of its events.
func (k Kind) answer() *form {
	if k.Chunks == 0 {
		return newForm(`{"id":"chatcmpl-` + noNumber + `","object":"chat.completion","created":1790000000,"model":"plain","choices":[{"index":0,"message":{"role":"assistant","content":"` +
			strings.Repeat("Page the database owner, then promote the replica. ", 6) +
			`"},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":210,"completion_tokens":66,"total_tokens":276},"system_fingerprint":"fp_0123456789"}`)
	}
	var b strings.Builder
	for i := range k.Chunks {
		b.WriteString(k.event(i))
	}
	return newForm(b.String() + done)
}

const done = "data: [DONE]\n\n"

// event is one chunk of a stream.
func (k Kind) event(i int) string {
	delta, reason := `{"content":" replica"}`, "null"
	if i == k.Chunks-1 {
		delta, reason = "{}", `"stop"`
	}
	return fmt.Sprintf("data: {\"id\":\"chatcmpl-%s\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,\"model\":%q,\"choices\":[{\"index\":0,\"delta\":%s,\"finish_reason\":%s}]}\n\n",
		noNumber, k.model(), delta, reason)
}

// asked reads what a request asks for, which is at its beginning. A gateway may
// have written the JSON anew, in another order.
func asked(body []byte) (kind Kind, number []byte, ok bool) {
	const near = 512
	kind, number, ok = find(body[:min(len(body), near)])
	if !ok && len(body) > near {
		kind, number, ok = find(body)
	}
	return kind, number, ok
}

func find(body []byte) (kind Kind, number []byte, ok bool) {
	kind, ok = kindOf(string(member(body, `"model":"`)))
	number = member(body, `"user":"`)
	return kind, number, ok && len(number) == numberLen
}

func member(body []byte, name string) []byte {
	_, rest, _ := bytes.Cut(body, []byte(name))
	value, _, _ := bytes.Cut(rest, []byte(`"`))
	return value
}
