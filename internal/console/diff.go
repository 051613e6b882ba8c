// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"strings"

	"github.com/clawea/clawea/internal/page"
)

// A DiffLine is a line of a difference, as people see it and as it is read out.
type DiffLine struct {
	Tone string // "gone", "new", "same", "part" or "note"
	Sign string // a minus, "+" or ""
	Word string // "removed", "added", "unchanged", "a part" or "note"
	Text string
}

// maxDiffLines bounds what is shown of a difference. A difference is bounded in
// bytes where it is made; this holds for what comes from elsewhere.
const maxDiffLines = 4000

// DiffLines reads the text of a change's diff, as internal/page writes it: a sign
// and a line, where "-" goes, "+" comes and a blank stays; "@@" before a part; and
// sentences between. Text from a page cannot pass for a sign: it stands behind one.
// more is how many lines are left out.
func DiffLines(diff string) (lines []DiffLine, more int) {
	if diff == "" {
		return nil, 0
	}
	all := strings.Split(strings.TrimSuffix(diff, "\n"), "\n")
	if more = max(0, len(all)-maxDiffLines); more > 0 {
		all = all[:maxDiffLines]
	}
	for _, l := range all {
		lines = append(lines, diffLine(strings.ToValidUTF8(l, "\uFFFD")))
	}
	return lines, more
}

func diffLine(l string) DiffLine {
	if l == "" {
		return DiffLine{"note", "", "note", ""}
	}
	switch rest := page.Visible(l[1:]); l[0] {
	case '-':
		return DiffLine{"gone", "\u2212", "removed", rest}
	case '+':
		return DiffLine{"new", "+", "added", rest}
	case ' ':
		return DiffLine{"same", "", "unchanged", rest}
	case '@':
		if under, part := strings.CutPrefix(l, "@@"); part {
			return DiffLine{"part", "", "a part", page.Visible(strings.TrimSpace(under))}
		}
	}
	return DiffLine{"note", "", "note", page.Visible(l)}
}
