// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package dialect

import "github.com/clawea/clawea/receipt"

// chat reads a chat completion or a chunk of one.
func (l *listener) chat(s *scanner) bool {
	return s.inside(func(name []byte) bool {
		switch string(name) {
		case "id":
			return s.say(&l.a.ID, isID)
		case "model":
			return s.say(&l.a.Model, isModel)
		case "choices":
			return s.each(func() bool { return l.choice(s) })
		case "usage":
			return l.chatUsage(s)
		case "error":
			return l.failed(s)
		}
		return s.skip()
	})
}

func (l *listener) choice(s *scanner) bool {
	var index int
	var why string
	var said []byte
	ok := s.inside(func(name []byte) bool {
		switch string(name) {
		case "index":
			return s.amount(&index)
		case "finish_reason":
			return s.say(&why, isFinish)
		case "message", "delta":
			return s.keep(&said)
		case "error":
			return l.failed(s)
		}
		return s.skip()
	})
	l.a.Failed = l.a.Failed || why == "error" // as OpenRouter says it
	l.finish(index, why)
	l.saidBy(within(said), index)
	return ok
}

// saidBy reads a choice's message, or a piece of one.
func (l *listener) saidBy(s *scanner, choice int) bool {
	return s.inside(func(name []byte) bool {
		switch string(name) {
		case "tool_calls":
			at := -1
			return s.each(func() bool { at++; return l.chatCall(s, choice, at) })
		case "function_call": // what was there before tool_calls
			if s.next() != '{' {
				return s.skip()
			}
			var c call
			ok := c.function(s)
			l.add(choice, 0, &c)
			return ok
		}
		return s.skip()
	})
}

// chatCall reads a tool call or a piece of one, which is the choice's at-th if it
// does not say.
func (l *listener) chatCall(s *scanner, choice, at int) bool {
	if s.next() != '{' {
		return s.skip()
	}
	var c call
	ok := s.inside(func(name []byte) bool {
		switch string(name) {
		case "index":
			return s.amount(&at)
		case "function", "custom":
			return c.function(s)
		}
		return s.skip()
	})
	l.add(choice, at, &c)
	return ok
}

// function reads a call's name and arguments, or pieces of them.
func (c *call) function(s *scanner) bool {
	return s.inside(func(name []byte) bool {
		switch string(name) {
		case "name":
			return s.say(&c.name, isTool)
		case "arguments", "input":
			return s.bytes(&c.args)
		}
		return s.skip()
	})
}

// add takes up a piece of a call.
func (l *listener) add(choice, index int, piece *call) {
	if c := l.call(choice, index); c != nil {
		c.add(piece.name, piece.args)
	}
}

// add takes up a piece of a call. What it keeps of args is its own.
func (c *call) add(name string, args []byte) {
	if c.name == "" {
		c.name = name
	}
	c.args = append(c.args, args...)
}

// chatUsage reads what was counted. Some that speak this dialect leave thoughts
// out of the completion's tokens, and have them in the total only.
func (l *listener) chatUsage(s *scanner) bool {
	var u receipt.Usage
	total, told := 0, s.next() == '{'
	ok := s.inside(func(name []byte) bool {
		switch string(name) {
		case "prompt_tokens":
			return s.amount(&u.Input)
		case "completion_tokens":
			return s.amount(&u.Output)
		case "total_tokens":
			return s.amount(&total)
		case "prompt_tokens_details":
			return s.inside(func(name []byte) bool {
				switch string(name) {
				case "cached_tokens":
					return s.amount(&u.CacheRead)
				case "cache_write_tokens": // OpenRouter
					return s.amount(&u.CacheMade)
				}
				return s.skip()
			})
		case "completion_tokens_details":
			return s.inside(func(name []byte) bool {
				if string(name) == "reasoning_tokens" {
					return s.amount(&u.Reasoning)
				}
				return s.skip()
			})
		}
		return s.skip()
	})
	if told && ok {
		u.Output = max(u.Output, total-u.Input)
		l.count(&u)
	}
	return ok
}

// count notes the latest usage. Its parts are no more than the whole.
func (l *listener) count(u *receipt.Usage) {
	if u.Input+u.Output == 0 {
		return
	}
	u.CacheRead = min(u.CacheRead, u.Input)
	u.CacheMade = min(u.CacheMade, u.Input-u.CacheRead)
	u.Reasoning = min(u.Reasoning, u.Output)
	l.usage = u
}
