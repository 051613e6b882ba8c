// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"bytes"
	"slices"

	"github.com/clawea/clawea/receipt"
)

// generate reads Gemini's answer or a chunk of one, which look alike.
func (l *listener) generate(s *scanner) bool {
	return s.inside(func(name []byte) bool {
		switch string(name) {
		case "responseId":
			return s.say(&l.a.ID, isID)
		case "modelVersion":
			return s.say(&l.a.Model, isModel)
		case "candidates":
			return s.each(func() bool { return l.candidate(s) })
		case "promptFeedback":
			return l.feedback(s)
		case "usageMetadata":
			return l.generateUsage(s)
		case "error":
			return l.failed(s)
		}
		return s.skip()
	})
}

func (l *listener) candidate(s *scanner) bool {
	var index int
	var why string
	ok := s.inside(func(name []byte) bool {
		switch string(name) {
		case "index":
			return s.amount(&index)
		case "finishReason":
			return s.say(&why, isFinish)
		case "content":
			return s.inside(func(name []byte) bool {
				if string(name) == "parts" {
					return s.each(func() bool { return l.part(s) })
				}
				return s.skip()
			})
		}
		return s.skip()
	})
	if !slices.Contains(l.seen, index) && len(l.seen) <= maxFinishes {
		l.seen = append(l.seen, index)
	}
	l.finish(index, why)
	return ok
}

// ended reports whether all candidates have ended, those that have not begun
// included: these streams have no other end.
func (l *listener) ended() bool {
	return l.blocked || len(l.finishes) > 0 && len(l.finishes) >= max(l.choices, len(l.seen))
}

func (l *listener) part(s *scanner) bool {
	return s.inside(func(name []byte) bool {
		if string(name) != "functionCall" || s.next() != '{' {
			return s.skip()
		}
		var tool string
		var args []byte
		ok := s.inside(func(name []byte) bool {
			switch string(name) {
			case "name":
				return s.say(&tool, isTool)
			case "args":
				return s.keep(&args)
			}
			return s.skip()
		})
		l.propose(&call{name: tool, args: bytes.Clone(args)})
		return ok
	})
}

// feedback reads why there is no candidate.
func (l *listener) feedback(s *scanner) bool {
	var why string
	ok := s.inside(func(name []byte) bool {
		if string(name) == "blockReason" {
			return s.say(&why, isFinish)
		}
		return s.skip()
	})
	l.blocked = l.blocked || why != ""
	l.finish(0, why)
	return ok
}

// generateUsage reads what was counted so far.
func (l *listener) generateUsage(s *scanner) bool {
	var u receipt.Usage
	var tools, total, thoughts int
	ok := s.inside(func(name []byte) bool {
		switch string(name) {
		case "promptTokenCount":
			return s.amount(&u.Input)
		case "toolUsePromptTokenCount":
			return s.amount(&tools)
		case "cachedContentTokenCount":
			return s.amount(&u.CacheRead)
		case "candidatesTokenCount":
			return s.amount(&u.Output)
		case "thoughtsTokenCount":
			return s.amount(&thoughts)
		case "totalTokenCount":
			return s.amount(&total)
		}
		return s.skip()
	})
	u.Input += tools
	u.Output = max(u.Output+thoughts, total-u.Input)
	u.Reasoning = thoughts
	if ok {
		l.count(&u)
	}
	return ok
}
