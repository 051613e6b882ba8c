// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package dialect

import "strings"

// word reports whether s is 1 to most letters, digits and bytes of marks.
func word[T string | []byte](s T, most int, marks string) bool {
	for i := range len(s) {
		if !alphanumeric(s[i]) && strings.IndexByte(marks, s[i]) < 0 {
			return false
		}
	}
	return 0 < len(s) && len(s) <= most
}

func alphanumeric(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' }

// isModel reports whether s can be a model's name.
func isModel[T string | []byte](s T) bool { return word(s, 200, "._:/@-") && alphanumeric(s[0]) }

// isGemini reports whether s can be a model's name in a path.
func isGemini(s string) bool { return word(s, 200, "._-") && alphanumeric(s[0]) }

// isTool reports whether s can be the name of a tool, offered or called, as
// receipts take it.
func isTool(s []byte) bool { return word(s, 128, "_.:/-") }

// isFinish reports whether s can be why an answer ended.
func isFinish(s []byte) bool { return word(s, 64, "_-") }

// isID reports whether s can be the id of an answer: printable ASCII.
func isID(s []byte) bool {
	for _, c := range s {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return 0 < len(s) && len(s) <= 128
}
