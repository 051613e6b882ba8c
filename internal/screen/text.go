// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package screen

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maskJSON masks the strings of b, which is valid JSON: values and names. It
// returns nil if there is nothing to mask.
func (s *search) maskJSON(b []byte) []byte {
	var out []byte
	done := 0 // bytes of b that out has
	for i := 0; ; {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			break
		}
		from := i + n + 1
		to := from + closing(b[from:])
		i = to + 1
		if raw := b[from:to]; len(raw) > 0 {
			if masked := s.maskText(raw, escaped); masked != nil {
				out = append(append(out, b[done:from]...), masked...)
				done = to
			}
		}
	}
	if out == nil {
		return nil
	}
	return append(out, b[done:]...)
}

// closing returns where the string ends whose text begins b.
func closing(b []byte) int {
	for i := 0; ; {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return len(b) // not JSON: nobody comes here with it
		}
		i += n
		slashes := 0
		for slashes < i && b[i-slashes-1] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return i
		}
		i++
	}
}

// A reading tells how a text is written.
type reading func(s *search, raw []byte) (text []byte, seams []seam)

// plain is a text that is written as it is.
func plain(_ *search, raw []byte) ([]byte, []seam) { return raw, nil }

// escaped is a text in a JSON string.
func escaped(s *search, raw []byte) ([]byte, []seam) {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw, nil
	}
	return s.unescape(raw)
}

// maxRounds is how often a text is masked: a mark may make a match of what is
// beside it. What has not come to rest by then is masked whole.
const maxRounds = 4

// maskText masks what the rules match in raw, and returns nil if that is nothing.
func (s *search) maskText(raw []byte, as reading) (masked []byte) {
	for range maxRounds {
		text, seams := as(s, raw)
		hits := s.hitsIn(text)
		if len(hits) == 0 {
			return masked
		}
		patches := s.patches(hits)
		masked = patched(raw, patches, seams)
		raw = masked
	}
	text, _ := as(s, raw)
	if hits := s.hitsIn(text); len(hits) > 0 {
		return []byte(s.patches(hits)[0].mark)
	}
	return masked
}

// patched returns raw with patches in it, whose places are in the text that raw
// was read as.
func patched(raw []byte, patches []patch, seams []seam) []byte {
	out := make([]byte, 0, len(raw)+64)
	done := 0
	for _, p := range patches {
		out = append(append(out, raw[done:inRaw(seams, p.from)]...), p.mark...)
		done = inRaw(seams, p.to)
	}
	return append(out, raw[done:]...)
}

// A seam is a place behind an escape: from there to the next escape, a text and
// what it is written as run side by side.
type seam struct{ text, raw int }

// inRaw returns where the text's place i is in what it was read from. It is never
// within what one escape stands for.
func inRaw(seams []seam, i int) int {
	n, exact := slices.BinarySearchFunc(seams, i, func(s seam, i int) int { return cmp.Compare(s.text, i) })
	if exact {
		return seams[n].raw
	}
	if n == 0 {
		return i
	}
	return seams[n-1].raw + i - seams[n-1].text
}

// unescape reads the text of a JSON string. Half a surrogate pair is a
// replacement character.
func (s *search) unescape(raw []byte) (text []byte, seams []seam) {
	text = slices.Grow(s.scratch[:0], len(raw))
	seams = slices.Grow(s.seams[:0], bytes.Count(raw, []byte{'\\'}))
	for i := 0; i < len(raw); {
		n := bytes.IndexByte(raw[i:], '\\')
		if n < 0 {
			text = append(text, raw[i:]...)
			break
		}
		text = append(text, raw[i:i+n]...)
		i += n
		c, size := escape(raw[i:])
		i += size
		text = utf8.AppendRune(text, c)
		seams = append(seams, seam{len(text), i})
	}
	s.scratch, s.seams = text, seams
	return text, seams
}

// escape returns what the escape at the beginning of b, or a pair of them, stands
// for, and how long it is.
func escape(b []byte) (c rune, size int) {
	if len(b) < 2 {
		return utf8.RuneError, len(b) // not JSON
	}
	switch b[1] {
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
		c, size = unit(b), min(6, len(b))
		if !utf16.IsSurrogate(c) {
			return c, size
		}
		if c = utf16.DecodeRune(c, unit(b[size:])); c != utf8.RuneError {
			size *= 2
		}
		return c, size
	}
	return rune(b[1]), 2
}

// unit reads \uXXXX, and returns utf8.RuneError where there is none.
func unit(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return utf8.RuneError
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	if err != nil {
		return utf8.RuneError
	}
	return rune(n)
}
