// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"bytes"

	"github.com/clawea/clawea/receipt"
)

// messages reads a message or an event of one.
func (l *listener) messages(s *scanner) bool {
	if !l.events {
		return l.message(s)
	}
	var kind, message, block, delta []byte
	index := 0
	ok := s.inside(func(name []byte) bool {
		switch string(name) {
		case "type":
			return s.bytes(&kind)
		case "index":
			return s.amount(&index)
		case "message":
			return s.keep(&message)
		case "content_block":
			return s.keep(&block)
		case "delta":
			return s.keep(&delta)
		case "usage":
			return l.messageUsage(s)
		}
		return s.skip()
	})
	switch string(kind) {
	case "message_start":
		l.message(within(message))
	case "content_block_start":
		l.block(within(block), index)
	case "content_block_delta":
		l.pieceOf(within(delta), index)
	case "message_delta":
		l.message(within(delta))
	case "message_stop":
		l.a.Whole = ok
	case "error":
		l.a.Failed = true
	}
	return ok
}

// message reads a message, or what of one has changed.
func (l *listener) message(s *scanner) bool {
	var why string
	ok := s.inside(func(name []byte) bool {
		switch string(name) {
		case "id":
			return s.say(&l.a.ID, isID)
		case "model":
			return s.say(&l.a.Model, isModel)
		case "stop_reason":
			return s.say(&why, isFinish)
		case "content":
			at := 0
			return s.each(func() bool { at++; return l.block(s, at-1) })
		case "usage":
			return l.messageUsage(s)
		case "error":
			return l.failed(s)
		}
		return s.skip()
	})
	l.finish(0, why)
	return ok
}

// block reads a block of content. Calls of tools that the provider runs are not
// proposals. In a stream its input is still to come.
func (l *listener) block(s *scanner, index int) bool {
	var kind, name string
	var input []byte
	ok := s.inside(func(member []byte) bool {
		switch string(member) {
		case "type":
			return s.say(&kind, isTool)
		case "name":
			return s.say(&name, isTool)
		case "input":
			return s.keep(&input)
		}
		return s.skip()
	})
	if kind != "tool_use" {
		return ok
	}
	c := l.call(0, index)
	if c == nil {
		return ok
	}
	c.name = name
	if !l.events || string(input) != "{}" {
		c.args = bytes.Clone(input)
	}
	return ok
}

// pieceOf reads a piece of a call's input.
func (l *listener) pieceOf(s *scanner, index int) {
	var piece []byte
	s.inside(func(name []byte) bool {
		if string(name) == "partial_json" {
			return s.bytes(&piece)
		}
		return s.skip()
	})
	if len(piece) == 0 {
		return
	}
	for _, c := range l.calls { // the provider's own calls have pieces as well
		if c.index == index {
			c.add("", piece)
		}
	}
}

// A messageCount is what Anthropic counts, each apart.
type messageCount struct{ fresh, made, read, output, thought int }

func (c *messageCount) member(s *scanner, name []byte) bool {
	switch string(name) {
	case "input_tokens":
		return s.amount(&c.fresh)
	case "cache_creation_input_tokens":
		return s.amount(&c.made)
	case "cache_read_input_tokens":
		return s.amount(&c.read)
	case "output_tokens":
		return s.amount(&c.output)
	case "output_tokens_details":
		return s.inside(func(name []byte) bool {
			if string(name) == "thinking_tokens" {
				return s.amount(&c.thought)
			}
			return s.skip()
		})
	}
	return s.skip()
}

// messageUsage reads what was counted so far: what a stream says again replaces
// what it said before. Where several rounds are told apart (iterations), the sums
// may leave some of them out.
func (l *listener) messageUsage(s *scanner) bool {
	c := &l.counted
	var rounds messageCount
	ok := s.inside(func(name []byte) bool {
		if string(name) != "iterations" {
			return c.member(s, name)
		}
		return s.each(func() bool {
			var one messageCount
			ok := s.inside(func(name []byte) bool { return one.member(s, name) })
			rounds.fresh += one.fresh
			rounds.made += one.made
			rounds.read += one.read
			rounds.output += one.output
			return ok
		})
	})
	fresh, made, read := max(c.fresh, rounds.fresh), max(c.made, rounds.made), max(c.read, rounds.read)
	l.count(&receipt.Usage{
		Input: fresh + made + read, Output: max(c.output, rounds.output),
		CacheRead: read, CacheMade: made, Reasoning: c.thought,
	})
	return ok
}
