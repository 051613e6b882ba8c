// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package receipt

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/seal"
)

func answerKey(t testing.TB, name string) (seal.Signer, seal.Verifier) {
	t.Helper()
	return testKey(t, name, 5)
}

// What an answer says goes together, or it is none (spec/receipt.md 6.2).
func TestAnswerIsWhole(t *testing.T) {
	k, v := answerKey(t, "ada")
	for name, tt := range map[string]struct {
		change func(*Answer)
		calls  int // -1: it is none
	}{
		"yes":                            {func(*Answer) {}, 1},
		"yes, once":                      {func(a *Answer) { a.Times = 1 }, 1},
		"yes, for as many as there may":  {func(a *Answer) { a.Times = MaxTimes }, MaxTimes},
		"yes, for too many":              {func(a *Answer) { a.Times = MaxTimes + 1 }, -1},
		"yes, for less than none":        {func(a *Answer) { a.Times = -1 }, -1},
		"no":                             {func(a *Answer) { a.Yes = false }, 0},
		"no, twice":                      {func(a *Answer) { a.Yes, a.Times = false, 2 }, -1},
		"no, to what was shown":          {func(a *Answer) { a.Yes, a.Shown = false, ShownHash("x") }, 0},
		"a withdrawal":                   {func(a *Answer) { a.Yes, a.Withdraws = false, true }, 0},
		"a withdrawal that says yes":     {func(a *Answer) { a.Withdraws = true }, -1},
		"for another":                    {func(a *Answer) { a.For = "bob" }, 1},
		"no, for another":                {func(a *Answer) { a.Yes, a.For = false, "bob" }, 0},
		"for oneself":                    {func(a *Answer) { a.For = "ada" }, -1},
		"for two":                        {func(a *Answer) { a.For = "bob cyd" }, -1},
		"a withdrawal for another":       {func(a *Answer) { a.Yes, a.Withdraws, a.For = false, true, "bob" }, -1},
		"a withdrawal of what was shown": {func(a *Answer) { a.Yes, a.Withdraws, a.Shown = false, true, ShownHash("x") }, -1},
	} {
		a := &Answer{Approval: "job-1.7", Job: "job-1", Yes: true, By: "ada", At: time.Unix(0, 0).UTC(), Expires: time.Unix(60, 0).UTC()}
		tt.change(a)
		e, err := a.Sign(k)
		if err != nil {
			t.Fatal(err)
		}
		got, err := OpenAnswer(e, v)
		if (err != nil) != (tt.calls < 0) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && got.Calls() != tt.calls {
			t.Errorf("%s is for %d calls, want %d", name, got.Calls(), tt.calls)
		}
	}
}

func TestAnswerFitsWhatWasShown(t *testing.T) {
	c := &Change{Diff: "-a\n+b\n"}
	for _, tt := range []struct {
		shown seal.Hash
		c     *Change
		want  bool
	}{
		{seal.Hash{}, nil, true}, {seal.Hash{}, c, true}, {ShownHash(c.Diff), c, true}, {ShownHash(""), &Change{}, true},
		{ShownHash(""), c, false}, {ShownHash(c.Diff), nil, false}, {ShownHash(""), nil, false},
	} {
		if got := (&Answer{Shown: tt.shown}).Fits(tt.c); got != tt.want {
			t.Errorf("%v fits %+v: %t", tt.shown, tt.c, got)
		}
	}
}

func TestPeopleFact(t *testing.T) {
	one := &People{Groups: map[string][]string{"owners": {"ada"}, "security": {"bob"}}}
	p := one.With(&People{Groups: map[string][]string{"security": {"ada"}, "other": {"ada"}}})
	a := &Answer{By: "ada", Yes: true}
	f := p.Fact(a, "bob", []string{"absent", "owners", "security"})
	if f.Own || !slices.Equal(f.Groups, []string{"owners", "security"}) {
		t.Errorf("%+v", f)
	}
	if f := p.Fact(a, "ada", nil); !f.Own || f.Groups != nil {
		t.Errorf("%+v", f)
	}
	if f := p.Fact(&Answer{}, "", nil); f.Own {
		t.Error("nobody's is somebody's own")
	}
	if diff := cmp.Diff(map[string][]string{"owners": {"ada"}, "security": {"bob"}}, one.Groups); diff != "" {
		t.Error("the first are changed:", diff)
	}
}

// FuzzAnswer reads whatever a person's key may have signed.
func FuzzAnswer(f *testing.F) {
	k, v := answerKey(f, "ada")
	for _, s := range []string{
		`{}`, `null`, `{"by":"ada","times":3,"yes":true}`,
		`{"approval":"j.1","at":"2026-01-01T00:00:00Z","by":"ada","call":"sha256:0000000000000000000000000000000000000000000000000000000000000000","expires":"2026-01-01T00:00:00Z","job":"j","policy":"sha256:0000000000000000000000000000000000000000000000000000000000000000","times":3,"yes":true}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		e, err := seal.Sign(k, AnswerType, payload)
		if err != nil {
			t.Skip("it cannot be signed")
		}
		a, err := OpenAnswer(e, v)
		if err != nil {
			return
		}
		again, err := a.Sign(k)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := OpenAnswer(again, v); err != nil || !cmp.Equal(a, b) {
			t.Errorf("read %+v, and then %+v, %v, of %q", a, b, err, payload)
		}
		if n := a.Calls(); n < 0 || n > MaxTimes || a.Withdraws && a.Yes || (n > 0) != a.Yes {
			t.Errorf("%d calls of %+v", n, a)
		}
	})
}

// A no counts on when its key is revoked later, and nothing else that the key signed.
func TestPeopleOpen(t *testing.T) {
	k, v := answerKey(t, "ada")
	at := time.Unix(60, 0).UTC()
	for name, tt := range map[string]struct {
		change func(*Answer)
		people People
		want   bool
	}{
		"a yes by a key that holds":     {nil, People{Keys: []seal.Verifier{v}}, true},
		"a yes by one that is revoked":  {nil, People{Former: []Former{{v, at.Add(time.Hour)}}}, false},
		"a no by one that is revoked":   {func(a *Answer) { a.Yes = false }, People{Former: []Former{{v, at}}}, true},
		"a no from after that":          {func(a *Answer) { a.Yes = false }, People{Former: []Former{{v, at.Add(-1)}}}, false},
		"a withdrawal by a former key":  {func(a *Answer) { a.Yes, a.Withdraws = false, true }, People{Former: []Former{{v, at.Add(time.Hour)}}}, false},
		"a no by nobody's key":          {func(a *Answer) { a.Yes = false }, People{}, false},
		"a former key, in another name": {func(a *Answer) { a.Yes, a.By = false, "bob" }, People{Former: []Former{{v, at.Add(time.Hour)}}}, false},
	} {
		a := &Answer{Approval: "job-1.7", Job: "job-1", Yes: true, By: "ada", At: at, Expires: at.Add(NoHold)}
		if tt.change != nil {
			tt.change(a)
		}
		e, err := a.Sign(k)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := (&People{}).With(&tt.people).Open(e); (err == nil) != tt.want || err == nil && !cmp.Equal(got, a) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}
