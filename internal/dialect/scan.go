// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxDepth = 512 // of values in values
	maxNames = 256 // of members in an object whose names must differ
	maxCount = 1 << 40
)

// A scanner reads one JSON text (RFC 8259) from its beginning to its end. Its
// methods read the next value and say whether it could be read; after the first
// that could not, all say no. It notes whether there are bytes that may not be
// UTF-8, and does not look at them.
type scanner struct {
	b     []byte
	i     int
	depth int
	loose bool     // half a surrogate pair is a replacement character, as most readers have it
	high  uint64   // all eights of bytes in strings, one over the other
	names [][]byte // of the objects that are being read and whose names must differ
	wrong string   // what was wrong first
}

func (s *scanner) fail(what string) bool {
	if s.wrong == "" {
		s.wrong = what + " at byte " + strconv.Itoa(s.i)
	}
	s.i = len(s.b)
	return false
}

// next returns the first byte of what comes next, 0 at the end.
func (s *scanner) next() byte {
	if s.i < len(s.b) && s.b[s.i] > ' ' {
		return s.b[s.i]
	}
	return s.afterBlanks()
}

func (s *scanner) afterBlanks() byte {
	for ; s.i < len(s.b); s.i++ {
		if c := s.b[s.i]; c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return c
		}
	}
	return 0
}

// end reports whether nothing comes any more, and nothing was wrong.
func (s *scanner) end() bool {
	if s.wrong == "" && s.next() == 0 && s.i == len(s.b) {
		return true
	}
	return s.fail("something else after the end")
}

// ascii reports whether all strings so far are plain ASCII.
func (s *scanner) ascii() bool { return s.high&highs == 0 }

// skip passes over any value.
func (s *scanner) skip() bool {
	switch c := s.next(); c {
	case '"':
		_, _, ok := s.quoted()
		return ok
	case '{':
		return s.skipObject()
	case '[':
		return s.skipArray()
	default:
		return s.scalar(c)
	}
}

func (s *scanner) skipObject() bool {
	if !s.enter() {
		return false
	}
	for first := true; s.more(first, '}'); first = false {
		if _, _, ok := s.name(); !ok || !s.skip() {
			return false
		}
	}
	return s.leave()
}

func (s *scanner) skipArray() bool {
	if !s.enter() {
		return false
	}
	for first := true; s.more(first, ']'); first = false {
		if !s.skip() {
			return false
		}
	}
	return s.leave()
}

// enter passes over the opening bracket that comes next.
func (s *scanner) enter() bool {
	s.i++
	s.depth++
	return s.depth <= maxDepth || s.fail("values too deep in values")
}

// leave passes over the closing bracket that comes next, if one does.
func (s *scanner) leave() bool {
	if s.wrong != "" {
		return false
	}
	s.i++
	s.depth--
	return true
}

// more reports whether another member or element comes, and passes over the comma
// before it.
func (s *scanner) more(first bool, end byte) bool {
	c := s.next()
	if c == end {
		return false
	}
	if first {
		return c != 0 || s.fail("no end")
	}
	if c != ',' {
		return s.fail("no comma")
	}
	s.i++
	return true
}

// name reads a member's name and the colon after it.
func (s *scanner) name() (raw []byte, escaped, ok bool) {
	if s.next() != '"' {
		return nil, false, s.fail("no name")
	}
	if raw, escaped, ok = s.quoted(); !ok {
		return nil, false, false
	}
	if s.next() != ':' {
		return nil, false, s.fail("no colon")
	}
	s.i++
	return raw, escaped, true
}

// quoted reads the string that comes next and returns what is between its
// quotes. It looks at eight bytes at a time.
func (s *scanner) quoted() (raw []byte, escaped, ok bool) {
	b, start := s.b, s.i+1
	for i := start; i < len(b); {
		if i+8 <= len(b) {
			w := binary.LittleEndian.Uint64(b[i:])
			s.high |= w
			m := marks(w)
			if m == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(m) / 8
		}
		switch c := b[i]; {
		case c == '"':
			s.i = i + 1
			return b[start:i], escaped, true
		case c == '\\':
			n := 2
			if i+1 == len(b) || !short[b[i+1]] {
				n = long(b[i:], s.loose)
			}
			if n == 0 {
				s.i = i
				return nil, false, s.fail("no such escape in a string")
			}
			escaped, i = true, i+n
		case c < ' ':
			s.i = i
			return nil, false, s.fail("a control character in a string")
		default: // near the end of the text
			s.high |= uint64(c)
			i++
		}
	}
	s.i = len(b)
	return nil, false, s.fail("no end of a string")
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// marks has the high bit set of each byte of w that is a quote, a backslash or a
// control character. The lowest mark is exact; those above it need not be.
func marks(w uint64) uint64 {
	quote, slash := w^(ones*'"'), w^(ones*'\\')
	return ((quote-ones)&^quote | (slash-ones)&^slash | (w-ones*' ')&^w) & highs
}

// short are the escapes of two bytes.
var short = [256]bool{'"': true, '\\': true, '/': true, 'b': true, 'f': true, 'n': true, 'r': true, 't': true}

// long returns the length of the escape that b begins with and that is not a
// short one, 0 if it is none. Half a surrogate pair is none, unless loose.
func long(b []byte, loose bool) int {
	switch u := unit(b); {
	case u < 0:
		return 0
	case u < 0xD800 || u > 0xDFFF || loose:
		return 6
	case u > 0xDBFF:
		return 0
	}
	if u := unit(b[6:]); u < 0xDC00 || u > 0xDFFF {
		return 0
	}
	return 12
}

// unit reads the four digits of \uXXXX, and is negative if b does not begin with
// that.
func unit(b []byte) int {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	u := 0
	for _, c := range b[2:6] {
		switch {
		case '0' <= c && c <= '9':
			u = u<<4 | int(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			u = u<<4 | int(c|0x20-'a'+10)
		default:
			return -1
		}
	}
	return u
}

// scalar reads a value that begins with c and is neither a string nor nested.
func (s *scanner) scalar(c byte) bool {
	switch c {
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	}
	return s.number()
}

func (s *scanner) literal(w string) bool {
	if !bytes.HasPrefix(s.b[s.i:], []byte(w)) {
		return s.fail("no value")
	}
	s.i += len(w)
	return true
}

func (s *scanner) number() bool {
	if s.at('-') {
		s.i++
	}
	if s.at('0') {
		s.i++
	} else if !s.digits() {
		return s.fail("no value")
	}
	if s.at('.') {
		if s.i++; !s.digits() {
			return s.fail("no number")
		}
	}
	if !s.at('e') && !s.at('E') {
		return true
	}
	if s.i++; s.at('+') || s.at('-') {
		s.i++
	}
	return s.digits() || s.fail("no number")
}

func (s *scanner) at(c byte) bool { return s.i < len(s.b) && s.b[s.i] == c }

// digits passes over digits and reports whether there was one.
func (s *scanner) digits() bool {
	start := s.i
	for s.i < len(s.b) && '0' <= s.b[s.i] && s.b[s.i] <= '9' {
		s.i++
	}
	return s.i > start
}

// raw passes over any value and returns its text.
func (s *scanner) raw() ([]byte, bool) {
	s.next()
	start := s.i
	if !s.skip() {
		return nil, false
	}
	return s.b[start:s.i], true
}

// null reports whether a null comes next, and passes over it if so.
func (s *scanner) null() bool { return s.next() == 'n' && s.literal("null") }

// text reads a string and returns what it says.
func (s *scanner) text() ([]byte, bool) {
	if s.next() != '"' {
		return nil, s.fail("no string")
	}
	raw, escaped, ok := s.quoted()
	return s.unescape(raw, escaped), ok
}

func (s *scanner) unescape(raw []byte, escaped bool) []byte {
	if !escaped {
		return raw
	}
	quoted := append(append(append(make([]byte, 0, len(raw)+2), '"'), raw...), '"')
	out, _ := jsontext.AppendUnquote(make([]byte, 0, len(raw)), quoted) // it fails at halves of pairs only, and replaces those
	return out
}

// optional reads a string, or null for none. Of several values it keeps the
// first.
func (s *scanner) optional(to *[]byte) bool {
	if s.null() {
		return true
	}
	b, ok := s.text()
	if len(*to) == 0 {
		*to = b
	}
	return ok
}

// count reads a plain whole number from 0 to maxCount. Other numbers are refused:
// readers differ over 1.0, 1e2 and what is too large.
func (s *scanner) count() (int, bool) {
	s.next()
	start := s.i
	if !s.digits() || s.at('.') || s.at('e') || s.at('E') || s.b[start] == '0' && s.i > start+1 {
		return 0, s.fail("no plain whole number")
	}
	n, err := strconv.Atoi(string(s.b[start:s.i]))
	if err != nil || n > maxCount {
		return 0, s.fail("too large a number")
	}
	return n, true
}

// members reads an object: visit reads the value of each of its members.
func (s *scanner) members(visit func(name []byte) bool) bool {
	if s.next() != '{' {
		return s.fail("no object")
	}
	if !s.enter() {
		return false
	}
	for first := true; s.more(first, '}'); first = false {
		raw, escaped, ok := s.name()
		if !ok || !visit(s.unescape(raw, escaped)) {
			return s.fail("no member")
		}
	}
	return s.leave()
}

// distinct is members for an object whose names must differ.
func (s *scanner) distinct(visit func(name []byte) bool) bool {
	base := len(s.names)
	ok := s.members(func(name []byte) bool {
		return s.fresh(base, name) && visit(name)
	})
	s.names = s.names[:base]
	return ok
}

// fresh notes name, unless it is among the names from base on.
func (s *scanner) fresh(base int, name []byte) bool {
	for _, n := range s.names[base:] {
		if bytes.Equal(n, name) {
			return s.fail("a name that occurs twice")
		}
	}
	if len(s.names)-base == maxNames {
		return s.fail("too many members")
	}
	s.names = append(s.names, name)
	return true
}

// elements reads an array: visit reads each of its elements.
func (s *scanner) elements(visit func() bool) bool {
	if s.next() != '[' {
		return s.fail("no array")
	}
	if !s.enter() {
		return false
	}
	for first := true; s.more(first, ']'); first = false {
		if !visit() {
			return s.fail("no element")
		}
	}
	return s.leave()
}
