// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"errors"
	"testing"
)

// TestReplaceTextWork holds that many edits of text read a body once, and no
// text twice from its start: counted in characters and bytes.
func TestReplaceTextWork(t *testing.T) {
	for _, test := range retypings {
		for _, each := range []bool{false, true} {
			b := mustParse(t, test.format, test.make(256<<10))
			r := newReading(b)
			read := r.work
			if read > len(b.Text) {
				t.Errorf("%s: %d bytes read of %d", test.name, read, len(b.Text))
			}
			searched := 0
			for _, e := range test.edits(b, each) {
				block, err := b.Find(e.Block)
				if err != nil {
					t.Fatal(err)
				}
				from, to := r.span(block)
				searched += to - from
				if _, err := r.replaceText(block, e.Old, e.New); err != nil {
					t.Fatalf("%s: %v", test.name, err)
				}
			}
			walked, most := r.work-read-searched, len(b.Text)+len(r.rulers)*apart+2*MaxEdits*(apart+len("w199."))
			if walked > most {
				t.Errorf("%s: %d characters walked, want at most %d", test.name, walked, most)
			}
		}
	}
}

// TestRulers holds that every place of a text is found, whatever way it is written.
func TestRulers(t *testing.T) {
	for _, test := range retypings {
		r := newReading(mustParse(t, test.format, test.make(8<<10)))
		for _, p := range r.pieces {
			for at := range p.node.text {
				want := r.walk(p.node, place{raw: rawStart(p.node)}, at, func(place) {})
				if got := r.rawAt(p.node, at); got != want {
					t.Fatalf("%s: place %d is at %d, want %d", test.name, at, got, want)
				}
			}
		}
	}
}

// TestShapes holds for pages made to be slow that their diff is bounded and the
// same each time, and that they are blocks and gaps.
func TestShapes(t *testing.T) {
	for _, s := range shapes {
		before, after := s.bodies(t, 16<<10)
		text, _ := diff(before, after)
		if text == "" || len(text) > MaxDiff {
			t.Errorf("%s: a diff of %d bytes", s.name, len(text))
		}
		if again := Diff(s.bodies(t, 16<<10)); again != text {
			t.Errorf("%s: another diff the second time", s.name)
		}
		for _, b := range []*Body{before, after} {
			if err := checkWhole(b); err != nil {
				t.Errorf("%s: %v", s.name, err)
			}
		}
	}
}

// TestLargestToldApart makes the two shapes at their largest in which each of
// very many children was once compared with all before it.
func TestLargestToldApart(t *testing.T) {
	for _, s := range shapes {
		if s.name != "many bodies" && s.name != "many targets" {
			continue
		}
		before, after := s.bodies(t, fullSize)
		if got := Diff(before, after); got == "" || len(got) > MaxDiff {
			t.Errorf("%s: a diff of %d bytes", s.name, len(got))
		}
	}
}

// TestDiffOrder holds that lines which share their markup are shown in the order
// of the page, every time: an approval binds to the diff.
func TestDiffOrder(t *testing.T) {
	before := mustParse(t, Storage, "<p><i>a</i></p><p><i>b</i></p>")
	after := mustParse(t, Storage, "<p>a</p><p>b</p><p>a<br/>b</p>")
	want := "@@\n-a {<p><i>a</i></p>}\n-b {<p><i>b</i></p>}\n+a {<p>a</p>}\n+b {<p>b</p>}\n+a {<p>a<br/>b</p>}\n+b {as with the line before it}\n"
	for range 50 {
		if got := Diff(before, after); got != want {
			t.Fatalf("got %s\nwant %s", got, want)
		}
	}
}

// TestContentTooLarge holds that what cannot fit is not read.
func TestContentTooLarge(t *testing.T) {
	b := mustParse(t, Storage, "<p>a</p>")
	half := "<p>" + fill(MaxBody/2, "a") + "</p>"
	_, err := Apply(b, []Edit{{Op: Append, Content: half}, {Op: Append, Content: half}})
	var refusal *Error
	if !errors.As(err, &refusal) || refusal.Code != TooLarge {
		t.Errorf("got %v, want a refusal with code %s", err, TooLarge)
	}
}
