// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"
)

func seeds(f *testing.F, format Format) []string {
	var list []string
	for _, s := range corpus(f) {
		if s.format == format && len(s.text) < 10<<10 {
			list = append(list, s.text)
		}
	}
	return list
}

// FuzzStorage holds what is true of every text: reading does not fail but by an
// error, blocks and gaps are the body, nothing is lost to itself, and what is
// read is what the library's own reader takes for well-formed.
func FuzzStorage(f *testing.F) {
	for _, text := range seeds(f, Storage) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		b := fuzzBody(t, Storage, text)
		if b == nil {
			return
		}
		d := xml.NewDecoder(strings.NewReader(text))
		d.Entity = xml.HTMLEntity
		var words strings.Builder
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("encoding/xml refuses %q: %v", text, err)
			}
			if data, ok := token.(xml.CharData); ok {
				words.Write(data)
			}
		}
		if got := b.root.words(); got != words.String() {
			t.Fatalf("text is %q, encoding/xml reads %q", got, words.String())
		}
		checkPlaces(t, newReading(b), b.root)
	})
}

// FuzzADF is FuzzStorage for the other format.
func FuzzADF(f *testing.F) {
	for _, text := range seeds(f, ADF) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		b := fuzzBody(t, ADF, text)
		if b == nil {
			return
		}
		if !json.Valid([]byte(text)) {
			t.Fatalf("encoding/json refuses %q", text)
		}
		checkPlaces(t, newReading(b), b.root)
	})
}

func fuzzBody(t *testing.T, format Format, text string) *Body {
	t.Helper()
	b, err := Parse(format, text)
	if err != nil {
		var e *Error
		if !errors.As(err, &e) || e.Hint == "" || strings.IndexFunc(e.Msg, isHidden) >= 0 {
			t.Fatalf("refusal %q of %q", err, text)
		}
		return nil
	}
	if err := checkWhole(b); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	if lost := Losses(b, b); len(lost) > 0 {
		t.Fatalf("%q loses %v to itself", text, lost)
	}
	if err := Permit(b, b, nil); err != nil {
		t.Fatalf("%q is refused instead of itself: %v", text, err)
	}
	for _, l := range b.Lines() {
		if strings.IndexFunc(l, isHidden) >= 0 || !utf8.ValidString(l) {
			t.Fatalf("line %q of %q", l, text)
		}
	}
	return b
}

// checkPlaces holds that nodes are where they say: text is written between its
// places, character by character.
func checkPlaces(t *testing.T, r *reading, n *node) {
	t.Helper()
	for _, k := range n.kids {
		if k.from < n.from || k.to > n.to {
			t.Fatalf("%s at %d to %d, in %d to %d", k.kind, k.from, k.to, n.from, n.to)
		}
		if k.kind != textKind {
			checkPlaces(t, r, k)
			continue
		}
		if at := r.rawAt(k, len(k.text)); at > k.to || decode(r, k) != k.text {
			t.Fatalf("text %q is written as %q, read as %q", k.text, r.body.Text[k.from:k.to], decode(r, k))
		}
	}
}

// decode reads a text as replaceText does.
func decode(r *reading, n *node) string {
	from, to := r.rawAt(n, 0), r.rawAt(n, len(n.text))
	var out strings.Builder
	for raw := r.body.Text[from:to]; raw != ""; {
		size, stands := character(n.written, raw)
		out.WriteString(stands)
		raw = raw[size:]
	}
	return out.String()
}

// FuzzApply holds that whatever an edit brings, what it does not name stays.
func FuzzApply(f *testing.F) {
	storage := seeds(f, Storage)
	adfs := seeds(f, ADF)
	for i, op := range ops {
		f.Add(true, uint(i), uint(i), string(op), storagePieces[i], "e", "x")
		f.Add(false, uint(i), uint(i), string(op), adfPieces[i], "e", "x")
	}
	f.Fuzz(func(t *testing.T, isStorage bool, page, block uint, op, content, old, new string) {
		format, texts := ADF, adfs
		if isStorage {
			format, texts = Storage, storage
		}
		before := mustParse(t, format, texts[page%uint(len(texts))])
		d := newDrawer(nil, before)
		e := Edit{Op: Op(op), Content: content, Old: old, New: new}
		var named *Block
		if n := uint(len(d.blocks)); block%(n+1) < n {
			named = d.blocks[block%(n+1)]
			e.Block = named.Name
		}
		switch e.Op {
		case Delete:
			e.Content, e.Old, e.New = "", "", ""
		case ReplaceText:
			e.Content = ""
		default:
			e.Old, e.New = "", ""
		}
		after, err := Apply(before, []Edit{e})
		var refusal *Error
		if errors.As(err, &refusal) && refusal.Code == Loss {
			e.Drops = ids(refusal.Losses)
			after, err = Apply(before, []Edit{e})
		}
		if err != nil {
			if !errors.As(err, &refusal) {
				t.Fatal(err)
			}
			return
		}
		if why := outside(before, after, e, named); why != "" {
			t.Fatalf("edit %+v: %s: %q", e, why, after.Text)
		}
		if err := checkWhole(after); err != nil {
			t.Fatalf("edit %+v: %v", e, err)
		}
		if shown := Diff(before, after); (shown == "") != (before.Text == after.Text) || len(shown) > MaxDiff {
			t.Fatalf("edit %+v: diff %q", e, shown)
		}
	})
}
