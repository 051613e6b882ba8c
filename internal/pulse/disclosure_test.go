// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package pulse

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDisclosure(t *testing.T) {
	for text, want := range map[string]Disclosure{"": {}, "*": {All: true}, "1": {Only: []uint64{1}}, "12,4": {Only: []uint64{12, 4}}} {
		got, err := Disclosed(text)
		if d := cmp.Diff(want, got); err != nil || d != "" || got.text() != text {
			t.Errorf("%q: %v %q\n%s", text, err, got.text(), d)
		}
	}
	for _, text := range []string{",", "1,", "x", "-1", "*,1", " 1"} {
		if got, err := Disclosed(text); err == nil || got.All || got.Only != nil {
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
		x, err := Disclosed(s)
		if err != nil {
			return
		}
		again, err := Disclosed(x.text())
		if d := cmp.Diff(x, again); err != nil || d != "" {
			t.Errorf("%q: %v\n%s", s, err, d)
		}
	})
}

// What is read is written again as it was meant, and nothing else is read.
func FuzzReadDisclosure(f *testing.F) {
	for _, s := range []string{"", "none", "all", "1", " 12, 4 ", "0", "-1", "1,,2", "*", "all,1", "9223372036854775808"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		x, err := ReadDisclosure(s)
		if r := (*Refusal)(nil); err != nil && !errors.As(err, &r) {
			t.Fatalf("%q: %v", s, err)
		}
		if err != nil {
			return
		}
		again, err := ReadDisclosure(x.String())
		if d := cmp.Diff(x, again); err != nil || d != "" {
			t.Errorf("%q: %v %s", s, err, d)
		}
		kept, err := Disclosed(x.text())
		if d := cmp.Diff(x, kept); err != nil || d != "" {
			t.Errorf("%q is kept as another: %v %s", s, err, d)
		}
	})
}

func TestReadDisclosure(t *testing.T) {
	for s, want := range map[string]Disclosure{"": {}, "none": {}, "all": {All: true}, " 12, 4 ": {Only: []uint64{12, 4}}} {
		if got, err := ReadDisclosure(s); err != nil || cmp.Diff(want, got) != "" {
			t.Errorf("%q: %+v %v", s, got, err)
		}
	}
	for _, s := range []string{"some", "0", "1,,2", "-1", "*", "1-3", strings.Repeat("1,", 1000) + "1"} {
		if x, err := ReadDisclosure(s); err == nil {
			t.Errorf("%.20q is %+v", s, x)
		}
	}
}
