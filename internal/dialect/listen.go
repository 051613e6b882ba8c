// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package dialect

import "strconv"

// inside is members for what ought to be an object: anything else is passed over.
func (s *scanner) inside(visit func(name []byte) bool) bool {
	if s.next() != '{' {
		return s.skip()
	}
	return s.members(visit)
}

// each is elements for what ought to be an array: anything else is passed over.
func (s *scanner) each(visit func() bool) bool {
	if s.next() != '[' {
		return s.skip()
	}
	return s.elements(visit)
}

// say reads what ought to be a string, and keeps the first that fits.
func (s *scanner) say(to *string, fits func([]byte) bool) bool {
	if s.next() != '"' {
		return s.skip()
	}
	b, ok := s.text()
	if ok && *to == "" && fits(b) {
		*to = string(b)
	}
	return ok
}

// bytes reads what ought to be a string, of any length.
func (s *scanner) bytes(to *[]byte) bool {
	if s.next() != '"' {
		return s.skip()
	}
	b, ok := s.text()
	*to = b
	return ok
}

// keep passes over any value and keeps its text, for when more is known.
func (s *scanner) keep(to *[]byte) bool {
	b, ok := s.raw()
	*to = b
	return ok
}

// amount reads what ought to be a plain whole number from 0 to maxCount.
func (s *scanner) amount(to *int) bool {
	b, ok := s.raw()
	if n, err := strconv.Atoi(string(b[:min(len(b), 20)])); err == nil && len(b) < 20 && n >= 0 && n <= maxCount {
		*to = n
	}
	return ok
}

// within reads a part that was kept.
func within(b []byte) *scanner { return &scanner{b: b, loose: true} }

// failed reads the member that says what went wrong.
func (l *listener) failed(s *scanner) bool {
	b, ok := s.raw()
	if ok && string(b) != "null" && string(b) != `""` {
		l.a.Failed = true
	}
	return ok
}

// finish notes why a choice ended. The choices are kept in order.
func (l *listener) finish(choice int, why string) {
	if why == "" {
		return
	}
	i := 0
	for i < len(l.finishes) && l.finishes[i].choice < choice {
		i++
	}
	if i < len(l.finishes) && l.finishes[i].choice == choice {
		l.finishes[i].why = why
		return
	}
	if len(l.finishes) == maxFinishes {
		return
	}
	l.finishes = append(l.finishes, finish{})
	copy(l.finishes[i+1:], l.finishes[i:])
	l.finishes[i] = finish{choice, why}
}

// call returns the call of a choice that has the index, a new one if there is
// none; nil if there are too many.
func (l *listener) call(choice, index int) *call {
	for i := len(l.calls) - 1; i >= 0; i-- {
		if c := l.calls[i]; c.choice == choice && c.index == index {
			return c
		}
	}
	return l.propose(&call{choice: choice, index: index})
}

// propose adds a call, and returns it; nil if there are too many.
func (l *listener) propose(c *call) *call {
	if len(l.calls) == maxProposed {
		return nil
	}
	l.calls = append(l.calls, c)
	return c
}
