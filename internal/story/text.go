// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// A Text is one that a receipt commits to.
type Text struct {
	Of    string `json:"of"`
	State State  `json:"state"`
	Text  string `json:"text"` // of a disclosed one: its beginning, or all of it
	Size  int    `json:"size"` // of a disclosed one, in bytes
	Cut   int    `json:"cut"`  // bytes that are not told
}

// A State is whether a text is there.
type State string

// The states of texts.
const (
	Disclosed State = "disclosed" // it is there, and is the one committed to
	Redacted  State = "redacted"  // it is not there
	Broken    State = "broken"    // something is there, and it is not the one committed to
)

// text tells the text behind a commitment; nothing if there is none.
func (n *narrator) text(of string, h seal.Hash) []Text {
	if h.IsZero() {
		return nil
	}
	b, ok := n.texts[h]
	switch {
	case ok:
		told := n.tell(string(b))
		return []Text{{of, Disclosed, Visible(told), len(b), len(b) - len(told)}}
	case n.broken[h]:
		return []Text{{Of: of, State: Broken}}
	}
	return []Text{{Of: of, State: Redacted}}
}

// tell cuts s to what is told of a text.
func (n *narrator) tell(s string) string {
	max := min(MaxText, n.room)
	if len(s) > max {
		for max > 0 && !utf8.RuneStart(s[max]) {
			max--
		}
		s = s[:max]
	}
	n.room -= len(s)
	return s
}

// A Line is one of a difference. Its mark is '+', '-', '@' (where it is) or ' '.
type Line struct {
	Mark string `json:"mark"`
	Text string `json:"text"`
}

// diff tells a difference by lines.
func (n *narrator) diff(s string) []Line {
	told := n.tell(s)
	var out []Line
	for l := range strings.Lines(told) {
		l = strings.TrimSuffix(l, "\n")
		mark := " "
		if l != "" && strings.Contains("+-@", l[:1]) {
			mark = l[:1]
		}
		out = append(out, Line{mark, Visible(l)})
	}
	if cut := len(s) - len(told); cut > 0 {
		out = append(out, Line{"@", fmt.Sprintf("%d bytes more are in the file", cut)})
	}
	return out
}

// resource says what a call touches.
func resource(r policy.Resource) string {
	s := r.Type + " " + r.ID
	if r.Version != "" {
		s += " at version " + r.Version
	}
	var in []string
	for _, p := range r.Path {
		in = append(in, cmp.Or(p.Name, p.ID))
	}
	if len(in) > 0 {
		s += " in " + strings.Join(in, "/")
	}
	return Visible(s)
}

// counts says limits, in the order of their names.
func counts(m map[string]int) (out []string) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out = append(out, Visible(fmt.Sprintf("%s: %d", name, m[name])))
	}
	return out
}

func visibles(list []string) (out []string) {
	for _, s := range list {
		out = append(out, Visible(s))
	}
	return out
}

// Visible makes characters visible that are not, or that change how the text
// around them reads: controls, directions, joiners, tags. Lines and tabs stay.
func Visible(s string) string {
	if !strings.ContainsFunc(s, hidden) && utf8.ValidString(s) {
		return s
	}
	var out strings.Builder
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		if hidden(r) {
			fmt.Fprintf(&out, "⟨U+%04X⟩", r)
		} else {
			out.WriteRune(r)
		}
	}
	return out.String()
}

// hidden leaves joiners and the two marks of emoji alone, without which ordinary
// text in several scripts would be full of escapes.
func hidden(r rune) bool {
	switch r {
	case '\n', '\t', 0x200C, 0x200D, 0xFE0E, 0xFE0F:
		return false
	case 0x2028, 0x2029:
		return true
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Variation_Selector)
}
