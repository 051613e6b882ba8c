// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package pulse

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDisclosure(t *testing.T) {
	for text, want := range map[string]Disclosure{"": {}, "*": {All: true}, "1": {Only: []uint64{1}}, "12,4": {Only: []uint64{12, 4}}} {
		got, err := parseDisclosure(text)
		if d := cmp.Diff(want, got); err != nil || d != "" || got.text() != text {
			t.Errorf("%q: %v %q\n%s", text, err, got.text(), d)
		}
	}
	for _, text := range []string{",", "1,", "x", "-1", "*,1", " 1"} {
		if got, err := parseDisclosure(text); err == nil || got.All || got.Only != nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

// Whatever is read discloses what it says when it is written again.
func FuzzDisclosure(f *testing.F) {
	for _, s := range []string{"", "*", "1,2", "01"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		x, err := parseDisclosure(s)
		if err != nil {
			return
		}
		again, err := parseDisclosure(x.text())
		if d := cmp.Diff(x, again); err != nil || d != "" {
			t.Errorf("%q: %v\n%s", s, err, d)
		}
	})
}
