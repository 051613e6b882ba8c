// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package screen

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// personal are the rules for personal data. No expression tells it; what does is
// a check digit, a country's code, or how a standard says that it is written.
var personal = []struct {
	id   string
	scan func(text []byte, found func(from, to int))
}{
	{"pii-card", cards},
	{"pii-email", emails},
	{"pii-iban", ibans},
	{"pii-phone", phones},
}

func personalIDs() []string {
	var ids []string
	for _, p := range personal {
		ids = append(ids, p.id)
	}
	return ids
}

// Bounds of the parts of an address: RFC 5321 section 4.5.3.1.
const (
	maxLocal  = 64
	maxDomain = 255
	maxLabel  = 63
)

// emails finds addresses: a dot-atom (RFC 5322 section 3.2.3, with the letters of
// RFC 6531), an at sign, and a host's name with a top level of letters.
func emails(text []byte, found func(from, to int)) {
	done := 0
	for i := 0; ; i++ {
		n := bytes.IndexByte(text[i:], '@')
		if n < 0 {
			return
		}
		i += n
		from, to := local(text[done:i])+done, domain(text[i+1:])+i+1
		if from < i && to > i+1 {
			found(from, to)
			done, i = to, to-1
		}
	}
}

// local returns where the local part begins that b ends with, len(b) if there is
// none. Of characters that RFC 5322 has and that more often stand before an
// address than in it (email=a@b.example) only ._%+-~' count.
func local(b []byte) int {
	if len(b) == 0 || b[len(b)-1] == '.' {
		return len(b)
	}
	from := len(b)
	for from > 0 {
		c, size := utf8.DecodeLastRune(b[:from])
		if !letter(c) && (c >= utf8.RuneSelf || !digit(byte(c)) && !strings.ContainsRune("._%+-~'", c)) {
			break
		}
		if len(b)-from+size > maxLocal || c == '.' && b[from] == '.' {
			break
		}
		from -= size
	}
	for from < len(b) && (b[from] == '.' || b[from] == '\'') {
		from++
	}
	return from
}

// domain returns where the host's name ends that b begins with, 0 if there is none.
func domain(b []byte) (end int) {
	for labels, i := 0, 0; i <= maxDomain; labels++ {
		n, letters := label(b[i:])
		if n == 0 {
			break
		}
		i += n
		if labels > 0 && letters {
			end = i
		}
		if i == len(b) || b[i] != '.' {
			break
		}
		i++
	}
	if end > maxDomain {
		return 0
	}
	return end
}

// label returns how long the label is that b begins with, 0 if there is none, and
// whether it can be a top level: two letters at least and nothing else, or xn--.
func label(b []byte) (n int, top bool) {
	letters := 0
	for n < len(b) {
		c, size := utf8.DecodeRune(b[n:])
		switch {
		case letter(c):
			letters++
		case !digit(b[n]) && b[n] != '-':
			size = 0
		}
		if size == 0 {
			break
		}
		n += size
	}
	for n > 0 && b[n-1] == '-' {
		n--
	}
	if n > maxLabel || n > 0 && b[0] == '-' {
		return 0, false
	}
	return n, letters >= 2 && letters == utf8.RuneCount(b[:n]) || bytes.HasPrefix(bytes.ToLower(b[:n]), []byte("xn--"))
}

func letter(c rune) bool {
	if c < utf8.RuneSelf {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
	}
	return c != utf8.RuneError && unicode.IsLetter(c)
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

// beside reports whether what is at text[from:to] goes on to either side as a
// word or number would.
func beside(text []byte, from, to int) bool {
	before, _ := utf8.DecodeLastRune(text[:from])
	after, _ := utf8.DecodeRune(text[to:])
	return wordRune(before) || wordRune(after)
}

func wordRune(c rune) bool { return c == '_' || '0' <= c && c <= '9' || letter(c) }
