// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"bytes"
	"compress/gzip"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/clawea/clawea/receipt"
)

const (
	maxAnswer   = 64 << 20 // bytes of an answer once it is unpacked
	bigAnswer   = 8 << 20  // bytes of one that may be packed as tightly as can be
	maxRatio    = 32       // to which a longer one may be packed: no text is that repetitive for so long
	maxProposed = 128
	maxFinishes = 15 // which fit into a receipt
)

// A listener gathers what an answer says, event by event.
type listener struct {
	a        *Answered
	usage    *receipt.Usage // the latest
	calls    []*call        // in the order of their first mention
	finishes []finish
	counted  messageCount // what the latest comes from, in the messages dialect
	seen     []int        // candidates, in the generate dialect
	choices  int          // candidates that were asked for
	blocked  bool         // there will be no candidate
	events   bool         // it is a stream, of which parts may be missing
}

// A call is a tool call that may come in pieces.
type call struct {
	choice, index int
	name          string
	args          []byte
}

// A finish is why one of several choices ended.
type finish struct {
	choice int
	why    string
}

// Answer reads an answer as it was sent to the agent, plain or as a stream,
// whole or cut off; choices is Asked.Choices. It never fails: what cannot be read
// is missing.
func (d *Dialect) Answer(h http.Header, body []byte, choices int) *Answered {
	l := &listener{a: &Answered{}, choices: choices}
	body = bytes.TrimPrefix(unpacked(h.Get("Content-Encoding"), body, most(len(body))), []byte("\ufeff"))
	kind, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	switch {
	case kind == "text/event-stream":
		l.events = true
		events(body, func(data []byte) { d.event(l, data) })
		l.a.Whole = l.a.Whole || d.shape == generate && l.ended()
	case d == geminiArray:
		l.events = true
		l.array(body)
	default:
		s := &scanner{b: body, loose: true}
		l.a.Whole = d.object(l, s) && s.end()
	}
	return l.said()
}

// most is how many bytes an answer is unpacked to that has this many packed.
func most(packed int) int64 { return min(maxAnswer, max(bigAnswer, maxRatio*int64(packed))) }

// unpacked returns what body is without its encoding, as far as it goes: nothing
// if that is not known, or has more than most bytes.
func unpacked(encoding string, body []byte, most int64) []byte {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		return body
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil
		}
		b, _ := io.ReadAll(io.LimitReader(z, most+1)) // one that was cut off says what it says
		if int64(len(b)) > most {
			return nil
		}
		return b
	}
	return nil
}

// event reads one event of a stream.
func (d *Dialect) event(l *listener, data []byte) {
	if d.shape == chat && string(data) == "[DONE]" {
		l.a.Whole = true
		return
	}
	d.object(l, &scanner{b: data, loose: true})
}

// array reads Gemini's stream in its other form.
func (l *listener) array(body []byte) {
	s := &scanner{b: body, loose: true}
	if s.next() == '{' { // an error
		l.a.Whole = l.generate(s) && s.end()
		return
	}
	l.a.Whole = s.elements(func() bool { return l.generate(s) }) && s.end()
}

// object reads a plain answer or an event of one.
func (d *Dialect) object(l *listener, s *scanner) bool {
	switch d.shape {
	case chat:
		return l.chat(s)
	case responses:
		return l.responses(s)
	case messages:
		return l.messages(s)
	}
	return l.generate(s)
}

// said returns all that has been gathered.
func (l *listener) said() *Answered {
	a := l.a
	if a.Whole && !a.Failed {
		a.Usage = l.usage
	}
	var all []string
	for _, f := range l.finishes {
		all = append(all, f.why)
	}
	a.Finish = strings.Join(all, ",")
	for _, c := range l.calls {
		a.Proposed = append(a.Proposed, ToolCall{c.name, c.args})
	}
	return a
}
