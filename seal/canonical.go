// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package seal

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// oneForm returns the canonical form of b, in one pass. It is for papers as
// they mostly are: at whatever has no canonical form, and at nesting that no
// paper needs, it gives up, and the caller asks those who can say what is wrong.
func oneForm(b []byte) (c []byte, ok bool) {
	w := former{in: b, out: make([]byte, 0, len(b)), members: make([]member, 0, 32)}
	if !w.value(0) {
		return nil, false
	}
	w.space()
	return w.out, w.at == len(b)
}

// maxDepth is how deep a former goes.
const maxDepth = 100

// A former reads in and writes its canonical form to out.
type former struct {
	in      []byte
	at      int // what of in has been read
	out     []byte
	members []member // of the objects under way, the innermost last
	spare   []byte   // where members are put in order
}

// A member is one of an object, by its places in out.
type member struct{ start, named, end int } // of its name, the end of its name, the end of its value

func (w *former) space() {
	for w.at < len(w.in) && (w.in[w.at] == ' ' || w.in[w.at] == '\n' || w.in[w.at] == '\r' || w.in[w.at] == '\t') {
		w.at++
	}
}

// peek returns the next byte, 0 at the end.
func (w *former) peek() byte {
	if w.at < len(w.in) {
		return w.in[w.at]
	}
	return 0
}

// pass passes the next byte on if it is c.
func (w *former) pass(c byte) bool {
	if w.peek() != c {
		return false
	}
	w.at++
	w.out = append(w.out, c)
	return true
}

// value, like all that follow, reports whether all is well.
func (w *former) value(depth int) bool {
	w.space()
	switch w.peek() {
	case '"':
		return w.text()
	case '{':
		return depth < maxDepth && w.object(depth)
	case '[':
		return depth < maxDepth && w.array(depth)
	case 't':
		return w.literal("true")
	case 'f':
		return w.literal("false")
	case 'n':
		return w.literal("null")
	}
	return w.number()
}

func (w *former) literal(s string) bool {
	if !bytes.HasPrefix(w.in[w.at:], []byte(s)) {
		return false
	}
	w.at += len(s)
	w.out = append(w.out, s...)
	return true
}

func (w *former) array(depth int) bool {
	w.pass('[')
	w.space()
	if w.pass(']') {
		return true
	}
	for {
		if !w.value(depth + 1) {
			return false
		}
		w.space()
		if w.pass(']') {
			return true
		}
		if !w.pass(',') {
			return false
		}
	}
}

func (w *former) object(depth int) bool {
	start, first, sorted := len(w.out), len(w.members), true
	w.pass('{')
	w.space()
	if w.pass('}') {
		return true
	}
	for {
		m := member{start: len(w.out)}
		if !w.text() {
			return false
		}
		m.named = len(w.out)
		if n := len(w.members); n > first && sorted {
			sorted = w.compare(w.members[n-1], m) < 0
		}
		w.space()
		if !w.pass(':') || !w.value(depth+1) {
			return false
		}
		m.end = len(w.out)
		w.members = append(w.members, m)
		w.space()
		if w.pass('}') {
			ok := sorted || w.sort(start, w.members[first:])
			w.members = w.members[:first]
			return ok
		}
		if !w.pass(',') {
			return false
		}
		w.space()
	}
}

// sort puts the members of the object that begins at start in order. It gives up
// if two have one name.
func (w *former) sort(start int, ms []member) bool {
	slices.SortFunc(ms, w.compare)
	if w.spare == nil {
		w.spare = make([]byte, 0, len(w.in))
	}
	w.spare = w.spare[:0]
	for i, m := range ms {
		if i > 0 {
			if w.compare(ms[i-1], m) == 0 {
				return false
			}
			w.spare = append(w.spare, ',')
		}
		w.spare = append(w.spare, w.out[m.start:m.end]...)
	}
	copy(w.out[start+1:], w.spare)
	return true
}

// compare orders members by their names, as RFC 8785 section 3.2.3 does: by
// UTF-16 code units.
func (w *former) compare(a, b member) int {
	x, y := w.out[a.start+1:a.named-1], w.out[b.start+1:b.named-1]
	n := min(len(x), len(y))
	i := 0
	for i < n && x[i] == y[i] {
		i++
	}
	switch {
	case i == n:
		return len(x) - len(y)
	case x[i]|y[i] < utf8.RuneSelf && x[i] != '\\' && y[i] != '\\' && bytes.IndexByte(x[:i], '\\') < 0:
		return int(x[i]) - int(y[i])
	}
	return compareText(x, y)
}

// compareText orders the insides of JSON strings in their one form by what they
// stand for.
func compareText(x, y []byte) int {
	for len(x) > 0 && len(y) > 0 {
		a, n := char(x)
		b, m := char(y)
		if a != b {
			return cmp.Compare(rank(a), rank(b))
		}
		x, y = x[n:], y[m:]
	}
	return len(x) - len(y)
}

// rank is r's place in the order of UTF-16: characters of two units begin with
// one from 0xd800 to 0xdbff, and so come before those from 0xe000 on.
func rank(r rune) rune {
	if 0xe000 <= r && r <= 0xffff {
		return r + utf8.MaxRune
	}
	return r
}

// char returns the first character of a string in its one form, and how many
// bytes it takes there.
func char(b []byte) (rune, int) {
	if b[0] != '\\' {
		return utf8.DecodeRune(b)
	}
	switch c := b[1]; c {
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		r, _ := unit(b)
		return r, 6
	default:
		return rune(c), 2
	}
}

// text writes a string: with escapes where there must be some, and no others.
func (w *former) text() bool {
	if !w.pass('"') {
		return false
	}
	for {
		n := plain(w.in[w.at:])
		w.out = append(w.out, w.in[w.at:w.at+n]...)
		w.at += n
		switch w.peek() {
		case '"':
			return w.pass('"')
		case '\\':
			if !w.escape() {
				return false
			}
		default:
			r, n := utf8.DecodeRune(w.in[w.at:])
			if r < utf8.RuneSelf || r == utf8.RuneError && n <= 1 {
				return false
			}
			w.out = append(w.out, w.in[w.at:w.at+n]...)
			w.at += n
		}
	}
}

// plain returns how many bytes at the beginning of b are of a string and stay as
// they are: ASCII but for controls, quotes and backslashes. It may stop early.
func plain(b []byte) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	n := 0
	for ; len(b)-n >= 8; n += 8 {
		x := binary.LittleEndian.Uint64(b[n:])
		quote, slash := x^(ones*'"'), x^(ones*'\\')
		// A top bit is set in the first byte that is out of the ordinary, and in none
		// before it (it may be in some after it).
		odd := ((x - ones*0x20) | (quote - ones) | (slash - ones) | x) & tops
		if odd != 0 {
			return n + bits.TrailingZeros64(odd)/8
		}
	}
	for n < len(b) && b[n] >= 0x20 && b[n] < utf8.RuneSelf && b[n] != '"' && b[n] != '\\' {
		n++
	}
	return n
}

// escape reads one escape and writes what it stands for, in its one form.
func (w *former) escape() bool {
	b := w.in[w.at:]
	if len(b) < 2 {
		return false
	}
	switch c := b[1]; c {
	case '"', '\\', 'b', 'f', 'n', 'r', 't':
		w.out = append(w.out, '\\', c)
		w.at += 2
		return true
	case '/':
		w.out = append(w.out, c)
		w.at += 2
		return true
	}
	r, ok := unit(b)
	w.at += 6
	if ok && utf16.IsSurrogate(r) {
		low, pair := unit(b[6:])
		r, ok = utf16.DecodeRune(r, low), pair
		ok = ok && r != utf8.RuneError
		w.at += 6
	}
	w.out = appendRune(w.out, r)
	return ok
}

// unit reads the escape of one UTF-16 code unit at the beginning of b.
func unit(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	return rune(n), err == nil
}

// appendText writes a string that is UTF-8.
func appendText(out []byte, s string) []byte {
	out = append(out, '"')
	for _, r := range s {
		out = appendRune(out, r)
	}
	return append(out, '"')
}

// appendRune writes a character of a string (RFC 8785 section 3.2.2.2).
func appendRune(out []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	switch r {
	case '"', '\\':
		return append(out, '\\', byte(r))
	case '\b':
		return append(out, `\b`...)
	case '\f':
		return append(out, `\f`...)
	case '\n':
		return append(out, `\n`...)
	case '\r':
		return append(out, `\r`...)
	case '\t':
		return append(out, `\t`...)
	}
	if r < ' ' {
		return append(out, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
	}
	return utf8.AppendRune(out, r)
}

// number writes a number as RFC 8785 section 3.2.2.3 does. It gives up where
// that would round an integer.
func (w *former) number() bool {
	s, integer := numeral(w.in[w.at:])
	w.at += len(s)
	if len(s) == 0 {
		return false
	}
	if integer && len(s) <= 15 && s[0] != '-' {
		w.out = append(w.out, s...)
		return true
	}
	f, err := strconv.ParseFloat(string(s), 64)
	if err != nil || math.Abs(f) > maxSafe {
		return false
	}
	if f == 0 {
		f = 0 // without a sign
	}
	w.out = jsontext.AppendFloat(w.out, f, 64)
	return true
}

// numeral returns the JSON number at the beginning of b, none if there is none,
// and whether it is written as an integer.
func numeral(b []byte) (s []byte, integer bool) {
	at := 0
	if at < len(b) && b[at] == '-' {
		at++
	}
	n := digits(b[at:])
	if n == 0 || n > 1 && b[at] == '0' {
		return nil, false
	}
	at += n
	integer = true
	if at < len(b) && b[at] == '.' {
		if n = digits(b[at+1:]); n == 0 {
			return nil, false
		}
		at += 1 + n
		integer = false
	}
	if at < len(b) && b[at]|0x20 == 'e' {
		at++
		if at < len(b) && (b[at] == '+' || b[at] == '-') {
			at++
		}
		if n = digits(b[at:]); n == 0 {
			return nil, false
		}
		at += n
		integer = false
	}
	return b[:at], integer
}

// digits returns how many decimal digits b begins with.
func digits(b []byte) int {
	n := 0
	for n < len(b) && '0' <= b[n] && b[n] <= '9' {
		n++
	}
	return n
}
