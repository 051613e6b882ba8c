// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package seam

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// plainPath reports whether everybody reads path, as it was sent, alike: it begins with
// a slash; no segment but the last is empty, and none is "." or ".."; and only what needs
// it is percent-encoded, none of that a slash, a backslash, a percent sign or a control
// character. A rule that names a path is about one path only then.
func plainPath(path string) bool {
	if !strings.HasPrefix(path, "/") || len(path) > maxPath {
		return false
	}
	segments := strings.Split(path[1:], "/")
	for i, s := range segments {
		if s == "" && i < len(segments)-1 || s == "." || s == ".." || !plainSegment(s) {
			return false
		}
	}
	return true
}

const maxPath = 8 << 10 // bytes

func plainSegment(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case unreserved(c) || strings.IndexByte("!$&'()*+,=:@", c) >= 0:
		case c == '%' && i+2 < len(s) && encoded(s[i+1:i+3]):
			i += 2
		default:
			return false
		}
	}
	decoded, err := url.PathUnescape(s)
	return err == nil && utf8.ValidString(decoded)
}

// encoded reports whether the two digits after a percent sign are of a byte that needs
// that, and is no danger once it is decoded.
func encoded(digits string) bool {
	b, err := url.PathUnescape("%" + digits)
	if err != nil || strings.ToUpper(digits) != digits {
		return false
	}
	c := b[0]
	return c >= ' ' && c != 0x7f && !unreserved(c) && strings.IndexByte(`/\%;`, c) < 0
}

func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
}
