// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"strings"
)

// mendName says what an unknown field may have been meant to be: one of n, or
// one of another section.
func (n *node) mendName(name string, whole *node) string {
	if near := nearest(name, n.names()); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	if homes := whole.homes("", name); len(homes) > 0 {
		return "it belongs under " + strings.Join(homes, " or ")
	}
	return "leave it out; the fields here are: " + strings.Join(n.names(), ", ")
}

// homes lists where under n, which is at a pointer, a field of that name belongs.
func (n *node) homes(at, name string) []string {
	var out []string
	for _, f := range n.fields {
		switch {
		case f.misplaced:
		case f.name == name:
			out = append(out, cmp.Or(at, "the WPC itself"))
		default:
			out = append(out, f.homes(at+"/"+f.name, name)...)
		}
	}
	return out
}

// mendWord says what a word may have been meant to be.
func mendWord(s string, words []string) string {
	if near := nearest(s, words); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "want one of: " + strings.Join(words, ", ")
}

// nearest returns the word that s is most likely a slip of, or "". Case does
// not count; one letter in three may be wrong, and one in any case.
func nearest(s string, words []string) string { return slipOf(max(1, len(s)/3), s, words) }

// slipOf returns the nearest word that is at most that far from s, or "".
func slipOf(most int, s string, words []string) string {
	best, least := "", most+1
	if len(s) > 64 {
		return ""
	}
	for _, w := range words {
		if d := distance(strings.ToLower(s), strings.ToLower(w)); d < least {
			best, least = w, d
		}
	}
	return best
}

// distance counts the letters to insert, drop, replace or swap with their
// neighbour to make a into b.
func distance(a, b string) int {
	before, last, row := []int(nil), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, make([]int, len(b)+1)
	}
	return last[len(b)]
}
