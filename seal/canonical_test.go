// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package seal

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// sameForm holds oneForm to canonicalAtLength, which others wrote.
func sameForm(t interface{ Fatalf(string, ...any) }, b []byte) {
	fast, ok := oneForm(b)
	slow, err := canonicalAtLength(b)
	switch {
	case ok && err != nil:
		t.Fatalf("%q has a form, %q, and none: %v", b, fast, err)
	case ok && !bytes.Equal(fast, slow):
		t.Fatalf("%q has the forms %q and %q", b, fast, slow)
	case !ok && err == nil && nesting(b) < maxDepth:
		t.Fatalf("%q has a form, %q, and oneForm gives up", b, slow)
	}
}

// nesting is how deep a valid b is nested, or more.
func nesting(b []byte) int { return bytes.Count(b, []byte("[")) + bytes.Count(b, []byte("{")) }

func TestOneForm(t *testing.T) {
	ok := []string{
		`0`, `-0`, `-0.0`, `0e5`, `1e-400`, `-1e-400`, `1E5`, `1e+5`, `1.50`, `123456789012345`, `1234567890123456`, `-1`, `-12.5e-3`,
		`9007199254740991`, `-9007199254740991`, `9007199254740991.4`, `0.1e16`, "\t[ 1 ,\r\n2 ] ", `[]`, `{}`, `[[],{}]`, ` true `, `null`,
		`"\/"`, `"\u002f\u0022\u005c\u0008\u000A\u001f\u007f"`, `"\ud83d\ude00 \uFFFD \ufeff"`, "\"\u00e9\u2028\U0001f600\"", `"12345678\n12345678"`,
		`{"b":1,"a":2}`, `{"a":1,"aa":2,"":3}`, `{"b":{"d":1,"c":[{"f":1,"e":2}]},"a":2}`, "{\"\uffee\":1,\"\U0001f600\":2,\"z\":3}",
		`{"\n":1,"!":2,"\\":3,"]":4,"[":5,"\"":6,"\u0001":7}`, `{"a\n":1,"a ":2,"a":3}`, "{\"\u00e9\":1,\"e\":2,\"\u00ea\":3}",
		strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth),
	}
	for _, in := range ok {
		if _, good := oneForm([]byte(in)); !good {
			t.Errorf("oneForm gives up at %s", in)
		}
		sameForm(t, []byte(in))
	}
	for _, in := range []string{
		``, ` `, `-`, `01`, `1.`, `.5`, `1e`, `1e+`, `+1`, `0x1`, `1_0`, `Infinity`, `NaN`, `1e400`, `9007199254740992`, `-1e16`,
		`tru`, `truee`, `nul`, `[1,]`, `[,]`, `[1 2]`, `[`, `]`, `{"a":1,}`, `{"a"}`, `{a:1}`, `{"a":1 "b":2}`, `{`, `{"a":`, `{"a"`, `1 2`, `[]]`,
		`"`, `"\`, `"\"`, `"\x"`, `"\u12"`, `"\u12g4"`, `"\u+123"`, `"\ud83d"`, `"\ud83d\u0041"`, `"\ude00\ud83d"`, `"\ud83dx\ude00"`, "\"\n\"", "\"\x00\"",
		"\"\xff\"", "\"\xed\xa0\x80\"", "\"\xc0\xaf\"", "\"12345678\xff\"", "\ufeff1",
		`{"a":1,"a":2}`, `{"a":1,"b":2,"a":3}`, `{"a":1,"\u0061":2}`, `{"\u00e9":1,"x":2,"é":3}`,
		strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1),
	} {
		if got, good := oneForm([]byte(in)); good {
			t.Errorf("oneForm takes %s for %s", in, got)
		}
		sameForm(t, []byte(in))
	}
}

// TestDeepPapers says: what oneForm leaves to others still has its form.
func TestDeepPapers(t *testing.T) {
	in := strings.Repeat(`{"b":0,"a":`, maxDepth+1) + `1.0` + strings.Repeat(`}`, maxDepth+1)
	want := strings.Repeat(`{"a":`, maxDepth+1) + `1` + strings.Repeat(`,"b":0}`, maxDepth+1)
	if got, err := Canonical([]byte(in)); err != nil || string(got) != want {
		t.Errorf("%.60s..., %v", got, err)
	}
}

// TestOneFormProperties shuffles and spoils papers.
func TestOneFormProperties(t *testing.T) {
	odd := rapid.SampledFrom([]string{`"`, `\`, `\u00e9`, `\ud83d`, `\ude00`, `{`, `}`, `[`, `]`, `,`, `:`, `-`, `0`, `.5`, `e9`, " ", "\n", "\xff", "\u00e9", "\U0001f600", "\uffee", `"a":`, `"a":1`, `true`})
	rapid.Check(t, func(t *rapid.T) {
		b, err := Marshal(drawValue(t, 3))
		if err != nil {
			t.Fatal(err)
		}
		sameForm(t, b)
		for range rapid.IntRange(1, 4).Draw(t, "changes") {
			at := rapid.IntRange(0, len(b)).Draw(t, "at")
			cut := rapid.IntRange(at, min(len(b), at+4)).Draw(t, "to")
			b = append(append(bytes.Clone(b[:at]), odd.Draw(t, "put")...), b[cut:]...)
		}
		sameForm(t, b)
	})
}

// TestNamesInOrder sorts names that begin alike and go on oddly.
func TestNamesInOrder(t *testing.T) {
	piece := rapid.SampledFrom([]string{"a", "b", "\\", "\"", "\n", "\x01", "\x1f", " ", "~", "\u00e9", "\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0010ffff"})
	name := rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(piece, 0, 5).Draw(t, "pieces"), "") })
	rapid.Check(t, func(t *rapid.T) {
		in := []byte("{")
		for i, s := range rapid.SliceOfNDistinct(name, 0, 30, rapid.ID).Draw(t, "names") {
			if i > 0 {
				in = append(in, ',')
			}
			in = append(appendText(in, s), ":0"...)
		}
		in = append(in, '}')
		if _, ok := oneForm(in); !ok {
			t.Fatalf("oneForm gives up at %s", in)
		}
		sameForm(t, in)
	})
}

func FuzzOneForm(f *testing.F) {
	for _, v := range vectorInputs(f) {
		f.Add(v)
	}
	f.Add([]byte(`{"b":[1.5e3,-0,"\u00e9\ud83d\ude00\n"],"a\n":{"d":null,"c":true},"a":12345678901234567}`))
	f.Fuzz(func(t *testing.T, b []byte) { sameForm(t, b) })
}

// TestPlain holds the scan of words to one of bytes.
func TestPlain(t *testing.T) {
	for c := range 256 {
		for at := range 20 {
			b := []byte(strings.Repeat("~", 20))
			b[at] = byte(c)
			want := 20
			if c < 0x20 || c >= 0x80 || c == '"' || c == '\\' {
				want = at
			}
			if got := plain(b); got != want {
				t.Fatalf("with %#x at %d: %d", c, at, got)
			}
		}
	}
}

func drawSignature(t *rapid.T) Signature {
	s := Signature{KeyID: rapid.String().Draw(t, "key"), Sig: rapid.SliceOf(rapid.Byte()).Draw(t, "sig")}
	if size := rapid.IntRange(0, maxTree).Draw(t, "size"); size > 1 {
		index := rapid.IntRange(0, size-1).Draw(t, "index")
		n := 32 * depth(index, size)
		s.Leaf = &Leaf{index, rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "path"), size}
	}
	return s
}

// TestEnvelopeForms says: an envelope's own way to write and to read itself is
// that of every other paper.
func TestEnvelopeForms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := &Envelope{Payload: rapid.SliceOf(rapid.Byte()).Draw(t, "payload"), Type: rapid.String().Draw(t, "type"), Signatures: []Signature{}}
		for range rapid.IntRange(0, 3).Draw(t, "signatures") {
			e.Signatures = append(e.Signatures, drawSignature(t))
		}
		own, err := e.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if other, err := Marshal(e); err != nil || !bytes.Equal(own, other) {
			t.Fatalf("%s, and %s, %v", own, other, err)
		}
		back, err := ParseEnvelope(own)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, back); diff != "" {
			t.Fatal(diff)
		}
	})
	for _, e := range []*Envelope{{Type: "\xff"}, {Signatures: []Signature{{KeyID: "a\xff"}}}, {Payload: make([]byte, MaxPaper)}} {
		if b, err := e.Marshal(); err == nil {
			t.Errorf("%.40s is written", b)
		}
	}
}
