// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"bytes"

	"github.com/clawea/clawea/receipt"
)

// responses reads a response or an event of one.
func (l *listener) responses(s *scanner) bool {
	if !l.events {
		return l.response(s)
	}
	var kind, response, item []byte
	ok := s.inside(func(name []byte) bool {
		switch string(name) {
		case "type":
			return s.bytes(&kind)
		case "response":
			return s.keep(&response)
		case "item":
			return s.keep(&item)
		}
		return s.skip()
	})
	switch string(kind) {
	case "response.created":
		l.response(within(response))
	case "response.output_item.done":
		l.item(within(item))
	case "response.completed", "response.incomplete", "response.failed", "response.cancelled":
		l.a.Whole = l.response(within(response)) && ok
	case "error":
		l.a.Failed = true
	}
	return ok
}

func (l *listener) response(s *scanner) bool {
	var status, reason string
	ok := s.inside(func(name []byte) bool {
		switch string(name) {
		case "id":
			return s.say(&l.a.ID, isID)
		case "model":
			return s.say(&l.a.Model, isModel)
		case "status":
			return s.say(&status, isFinish)
		case "incomplete_details":
			return s.inside(func(name []byte) bool {
				if string(name) == "reason" {
					return s.say(&reason, isFinish)
				}
				return s.skip()
			})
		case "output":
			return l.output(s)
		case "usage":
			return l.responseUsage(s)
		case "error":
			return l.failed(s)
		}
		return s.skip()
	})
	switch status {
	case "failed", "cancelled":
		l.a.Failed = true
		l.finish(0, status)
	case "completed":
		l.finish(0, status)
	case "incomplete":
		if reason == "" {
			reason = status
		}
		l.finish(0, reason)
	}
	return ok
}

// output reads all items. They take the place of those that came one by one,
// unless there are none.
func (l *listener) output(s *scanner) bool {
	before := l.calls
	l.calls = nil
	ok := s.each(func() bool { return l.item(s) })
	if len(l.calls) == 0 {
		l.calls = before
	}
	return ok
}

// item reads one item of the output. Those that are calls to what the agent runs
// are proposals.
func (l *listener) item(s *scanner) bool {
	var kind, name string
	var args, action []byte
	ok := s.inside(func(member []byte) bool {
		switch string(member) {
		case "type":
			return s.say(&kind, isTool)
		case "name":
			return s.say(&name, isTool)
		case "arguments", "input":
			return s.bytes(&args)
		case "action", "actions", "operation":
			return s.keep(&action)
		}
		return s.skip()
	})
	switch kind {
	case "function_call", "custom_tool_call":
		l.propose(&call{name: name, args: bytes.Clone(args)})
	case "local_shell_call", "shell_call", "apply_patch_call", "computer_call":
		l.propose(&call{name: kind, args: bytes.Clone(action)})
	}
	return ok
}

func (l *listener) responseUsage(s *scanner) bool {
	var u receipt.Usage
	part := func(wanted string, to *int) bool {
		return s.inside(func(name []byte) bool {
			if string(name) == wanted {
				return s.amount(to)
			}
			return s.skip()
		})
	}
	ok := s.inside(func(name []byte) bool {
		switch string(name) {
		case "input_tokens":
			return s.amount(&u.Input)
		case "output_tokens":
			return s.amount(&u.Output)
		case "input_tokens_details":
			return part("cached_tokens", &u.CacheRead)
		case "output_tokens_details":
			return part("reasoning_tokens", &u.Reasoning)
		}
		return s.skip()
	})
	if ok {
		l.count(&u)
	}
	return ok
}
