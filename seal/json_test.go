// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package seal

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestCanonicalNumbers is the table of RFC 8785 appendix B. What it writes with
// more digits than 2^53-1 is refused here: such numbers have no one reading.
func TestCanonicalNumbers(t *testing.T) {
	for _, tt := range []struct {
		bits uint64
		want string // "" for refused
	}{
		{0x0000000000000000, "0"},
		{0x8000000000000000, "0"},
		{0x0000000000000001, "5e-324"},
		{0x8000000000000001, "-5e-324"},
		{0x7fefffffffffffff, ""},
		{0xffefffffffffffff, ""},
		{0x433fffffffffffff, "9007199254740991"},
		{0x4340000000000000, ""},
		{0xc340000000000000, ""},
		{0x4430000000000000, ""},
		{0x44b52d02c7e14af6, ""},
		{0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
		{0x3eb0c6f7a0b5ed8d, "0.000001"},
		{0x41b3de4355555553, "333333333.3333332"},
		{0x41b3de4355555554, "333333333.33333325"},
		{0x41b3de4355555555, "333333333.3333333"},
		{0x41b3de4355555556, "333333333.3333334"},
		{0x41b3de4355555557, "333333333.33333343"},
		{0xbecbf647612f3696, "-0.0000033333333333333333"},
		{0x43143ff3c1cb0959, "1424953923781206.2"},
	} {
		in := strconv.FormatFloat(math.Float64frombits(tt.bits), 'e', 17, 64)
		got, err := Canonical([]byte(in))
		if string(got) != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("%016x: %s, %v, want %q", tt.bits, got, err, tt.want)
		}
	}
}

type paper struct {
	Allow  bool              `json:"allow"`
	Name   string            `json:"name,omitempty"`
	Seq    int               `json:"seq,omitempty"`
	Nested map[string]string `json:"nested,omitempty"`
	List   []inner           `json:"list,omitempty"`
}

type inner struct {
	N *int `json:"n"`
}

func TestUnmarshalRefuses(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{`{"allow":false,"allow":true}`, `line 1, column 16 (/allow): duplicate object member name`},
		{`{"allow":false,"ALLOW":true}`, `line 1, column 16 (/ALLOW): unknown field "ALLOW"`},
		{"{\n  \"allow\": true,\n  \"alow\": true\n}", `line 3, column 3 (/alow): unknown field "alow"`},
		{"{\"list\":\n[{\"n\":1},\n{\"m\":2}]}", `line 3, column 2 (/list/1/m): unknown field "m"`},
		{`{"nested":{"a":"1","a":"2"}}`, `line 1, column 20 (/nested/a): duplicate object member name`},
		{`{"seq":9223372036854775808}`, `(/seq)`},
		{`{"seq":1.5}`, `(/seq)`},
		{`{"seq":"1"}`, `(/seq): a string does not belong here`},
		{`{"allow":1}`, `(/allow): a number does not belong here`},
		{"{\"name\":\"\xff\"}", `invalid UTF-8`},
		{`{"allow":true}{}`, `after top-level value`},
		{`{"allow":true`, `unexpected EOF`},
		{``, `EOF`},
		{`[]`, `a [ does not belong here`},
	} {
		var got paper
		err := Unmarshal([]byte(tt.in), &got)
		var at *SyntaxError
		if !errors.As(err, &at) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error = %v, want %q", tt.in, err, tt.want)
		}
	}
}

func TestSizeLimits(t *testing.T) {
	long := []byte(`{"name":"` + strings.Repeat("x", MaxPaper) + `"}`)
	var got paper
	if err := Unmarshal(long, &got); err == nil {
		t.Error("Unmarshal reads an endless paper")
	}
	if err := Glance(long, &got); err == nil {
		t.Error("Glance reads an endless paper")
	}
	if _, err := Canonical(long); err == nil {
		t.Error("Canonical reads an endless paper")
	}
	if _, err := Marshal(paper{Name: strings.Repeat("x", MaxPaper)}); err == nil {
		t.Error("Marshal writes a paper that nobody may read")
	}
	var text string
	if err := UnmarshalUpTo([]byte(`"abcd"`), &text, 6); err != nil || text != "abcd" {
		t.Errorf("%q, %v", text, err)
	}
	if err := UnmarshalUpTo([]byte(`"abcde"`), &text, 6); err == nil {
		t.Error("UnmarshalUpTo reads more than that")
	}
	if b, err := MarshalUpTo("abcde", 6); err == nil {
		t.Errorf("MarshalUpTo writes %s", b)
	}
	deep := []byte(strings.Repeat("[", 1<<20))
	if _, err := Canonical(deep); err == nil {
		t.Error("Canonical reads endless nesting")
	}
}

func TestGlance(t *testing.T) {
	var got paper
	if err := Glance([]byte(`{"other":{"x":[1,null]},"name":"n"}`), &got); err != nil || got.Name != "n" {
		t.Errorf("%+v, %v", got, err)
	}
	if err := Glance([]byte(`{"name":"a","name":"b"}`), &got); err == nil {
		t.Error("Glance takes one of two")
	}
	got = paper{}
	if err := Glance([]byte(`{"Name":"a"}`), &got); err != nil || got.Name != "" {
		t.Errorf("Glance folds case: %+v, %v", got, err)
	}
}

func TestDecode(t *testing.T) {
	var got paper
	if err := Decode([]byte(`{"allow":true,"name":"n"}`), &got); err != nil || !got.Allow {
		t.Errorf("%+v, %v", got, err)
	}
	for _, in := range []string{
		`{"name":"n","allow":true}`, ` {"allow":true}`, `{"allow":true}` + "\n", `{"allow": true}`,
		`{"allow":true,"seq":1e1}`, `{"allow":true,"name":"\u006e"}`, `{"allow":true,"name":"\/"}`,
	} {
		if err := Decode([]byte(in), &got); !errors.Is(err, ErrNotCanonical) {
			t.Errorf("%s: error = %v", in, err)
		}
	}
	if err := Decode([]byte(`{"allow":true,"more":1}`), &got); err == nil {
		t.Error("an unknown field is read")
	}
	if err := Decode([]byte(`{`), &got); err == nil {
		t.Error("half a paper is read")
	}
}

func TestMarshalRefusesWhatHasNoForm(t *testing.T) {
	if _, err := Marshal(paper{Name: "\xff"}); err == nil {
		t.Error("text that is not UTF-8 is written")
	}
	if _, err := Marshal(paper{Seq: 1 << 53}); err == nil {
		t.Error("a number that readers round is written")
	}
}

func TestErrorf(t *testing.T) {
	src := []byte("{\n  \"a\": {\n    \"b\": [\n      1,\n      2\n    ]\n  }\n}")
	for _, tt := range []struct {
		pointer   string
		line, col int
	}{
		{"/a", 2, 3},
		{"/a/b", 3, 5},
		{"/a/b/0", 4, 7},
		{"/a/b/1", 5, 7},
		{"/a/b/9", 3, 5}, // not there: where it should be
		{"/a/bb", 2, 3},
		{"/z", 1, 1},
		{"", 1, 1},
	} {
		e := Errorf(src, tt.pointer, "%s is wrong", "it")
		want := &SyntaxError{tt.line, tt.col, tt.pointer, "it is wrong"}
		if diff := cmp.Diff(want, e); diff != "" {
			t.Errorf("%s: %s", tt.pointer, diff)
		}
	}
}

func TestNoBlanks(t *testing.T) {
	for in, want := range map[string]string{
		`{"a":[1,"x",{"b":false}]}`: "",
		`{"a":[1,null]}`:            "(/a/1)",
		`{"a":""}`:                  "(/a)",
		`{"":1}`:                    "(/)",
		`not json`:                  "",
	} {
		switch err := NoBlanks([]byte(in)); {
		case want == "" && err != nil:
			t.Errorf("%s: %v", in, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: error = %v, want one at %s", in, err, want)
		}
	}
}

type spellings struct {
	Either Either[string, []string] `json:"either"`
}

func TestEither(t *testing.T) {
	for _, in := range []string{`{"either":"a"}`, `{"either":["a","b"]}`, `{"either":[]}`} {
		var got spellings
		if err := Unmarshal([]byte(in), &got); err != nil {
			t.Fatal(err)
		}
		if (got.Either.A == nil) == (got.Either.B == nil) {
			t.Errorf("%s: not exactly one is set", in)
		}
		if b, err := Marshal(got); err != nil || string(b) != in {
			t.Errorf("%s is written %s, %v", in, b, err)
		}
	}
	var got spellings
	if err := Unmarshal([]byte(`{"either":7}`), &got); err == nil {
		t.Error("a third spelling is read")
	}
}

// drawValue draws any JSON value.
func drawValue(t *rapid.T, depth int) any {
	kind := rapid.IntRange(0, 5).Draw(t, "kind")
	if depth == 0 {
		kind %= 4
	}
	switch kind {
	case 0:
		return rapid.Bool().Draw(t, "bool")
	case 1:
		return float64(rapid.Int64Range(-maxSafe, maxSafe).Draw(t, "int"))
	case 2:
		return rapid.Float64Range(-1e15, 1e15).Draw(t, "float")
	case 3:
		return rapid.String().Draw(t, "text")
	case 4:
		out := []any{}
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			out = append(out, drawValue(t, depth-1))
		}
		return out
	}
	out := map[string]any{}
	for range rapid.IntRange(0, 4).Draw(t, "size") {
		out[rapid.String().Draw(t, "name")] = drawValue(t, depth-1)
	}
	return out
}

func TestCanonicalProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawValue(t, 3)
		a, err := Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Canonical(a)
		if err != nil || !bytes.Equal(a, b) {
			t.Fatalf("the canonical form of %s is %s, %v", a, b, err)
		}
		var back any
		if err := Decode(a, &back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(v, back); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzCanonical(f *testing.F) {
	for _, v := range vectorInputs(f) {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		a, err := Canonical(b)
		if !bytes.Equal(b, before) {
			t.Fatal("the input changed")
		}
		if err != nil {
			return
		}
		again, err := Canonical(a)
		if err != nil || !bytes.Equal(a, again) {
			t.Fatalf("not idempotent: %s, then %s, %v", a, again, err)
		}
		var v, w any
		if err := Unmarshal(b, &v); err != nil {
			t.Fatalf("has a canonical form and cannot be read: %v", err)
		}
		if err := Decode(a, &w); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(v, w); diff != "" {
			t.Fatalf("the canonical form means something else: %s", diff)
		}
	})
}

func FuzzUnmarshal(f *testing.F) {
	for _, v := range vectorInputs(f) {
		f.Add(v)
	}
	f.Add([]byte(`{"allow":true,"list":[{"n":1}],"name":"x","nested":{"a":"b"},"seq":3}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var v paper
		err := Unmarshal(b, &v)
		if at := (*SyntaxError)(nil); err != nil && (!errors.As(err, &at) || at.Line < 1 || at.Column < 1) {
			t.Fatalf("error = %#v, want one with a place", err)
		}
		if err != nil {
			return
		}
		c, err := Marshal(v)
		if err != nil {
			return // an integer that has no one form
		}
		var w paper
		if err := Decode(c, &w); err != nil {
			t.Fatal(err)
		}
		if again, err := Marshal(w); err != nil || !bytes.Equal(c, again) {
			t.Fatalf("%s, then %s, %v", c, again, err)
		}
	})
}
