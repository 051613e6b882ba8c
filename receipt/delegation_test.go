// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package receipt

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/seal"
)

var leaves = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

// ana has lee answer in her stead for a day.
func delegation() *Delegation {
	return &Delegation{ID: "d-1", From: "ana", To: "lee", Begins: leaves, Ends: leaves.Add(24 * time.Hour), At: leaves}
}

// What a delegation says goes together, or it is none (spec/receipt.md 6.8).
func TestDelegationIsWhole(t *testing.T) {
	k, v := answerKey(t, "ana")
	for name, tt := range map[string]struct {
		change func(*Delegation)
		good   bool
	}{
		"a day":                         {func(*Delegation) {}, true},
		"a reason":                      {func(d *Delegation) { d.Reason = "on leave" }, true},
		"as long as there may":          {func(d *Delegation) { d.Ends = d.Begins.Add(MaxDelegation) }, true},
		"too long":                      {func(d *Delegation) { d.Ends = d.Begins.Add(MaxDelegation + time.Second) }, false},
		"no time":                       {func(d *Delegation) { d.Ends = d.Begins }, false},
		"just begun":                    {func(d *Delegation) { d.Begins = d.At.Add(-Underway) }, true},
		"backdated":                     {func(d *Delegation) { d.Begins = d.At.Add(-Underway - time.Second) }, false},
		"long before":                   {func(d *Delegation) { d.At = d.Begins.Add(-MaxDelegation) }, true},
		"too long before":               {func(d *Delegation) { d.At = d.Begins.Add(-MaxDelegation - time.Second) }, false},
		"over before it is signed":      {func(d *Delegation) { d.Begins, d.Ends = d.At.Add(-time.Minute), d.At }, false},
		"to oneself":                    {func(d *Delegation) { d.To = d.From }, false},
		"to nobody":                     {func(d *Delegation) { d.To = "" }, false},
		"to two":                        {func(d *Delegation) { d.To = "lee kim" }, false},
		"to a key":                      {func(d *Delegation) { d.To = "lee+1" }, false},
		"without an id":                 {func(d *Delegation) { d.ID = "" }, false},
		"with an id of another kind":    {func(d *Delegation) { d.ID = "d/1" }, false},
		"with a long reason":            {func(d *Delegation) { d.Reason = strings.Repeat("x", 1001) }, false},
		"a withdrawal":                  {func(d *Delegation) { d.Withdraws, d.At = true, d.At.Add(time.Hour) }, true},
		"a withdrawal of one that ends": {func(d *Delegation) { d.Withdraws, d.At = true, d.Ends.Add(time.Hour) }, true},
		"a withdrawal of too long a one": {func(d *Delegation) {
			d.Withdraws, d.Ends = true, d.Begins.Add(MaxDelegation+time.Second)
		}, false},
	} {
		d := delegation()
		tt.change(d)
		if e, err := d.Sign(k); (err == nil) != tt.good {
			t.Errorf("%s is signed: %v", name, err)
		} else if err == nil {
			if got, err := OpenDelegation(e, v); err != nil || !cmp.Equal(got, d) {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
		} else if wrong, mends, two := strings.Cut(err.Error(), "\n"); !two || wrong == "" || mends == "" {
			t.Errorf("%s is refused as %q", name, err)
		}
		b, err := seal.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		e, err := seal.Sign(k, DelegationType, b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := OpenDelegation(e, v); (err == nil) != tt.good {
			t.Errorf("%s is read: %v", name, err)
		}
	}
}

// A delegation is the absent person's own word.
func TestDelegationIsSigned(t *testing.T) {
	ana, anas := answerKey(t, "ana")
	lee, lees := answerKey(t, "lee")
	for name, tt := range map[string]struct {
		by   seal.Signer
		typ  string
		want error
	}{
		"her own":             {ana, DelegationType, nil},
		"by who is to answer": {lee, DelegationType, seal.ErrBadSignature},
		"another paper":       {ana, AnswerType, seal.ErrType},
	} {
		b, err := seal.Marshal(delegation())
		if err != nil {
			t.Fatal(err)
		}
		e, err := seal.Sign(tt.by, tt.typ, b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := OpenDelegation(e, anas, lees); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
		if err := e.Add(lee); tt.by == ana && err == nil {
			if _, err := OpenDelegation(e, anas, lees); err == nil {
				t.Errorf("%s: by two", name)
			}
		}
	}
	if _, err := OpenDelegation(must(delegation().Sign(ana)), lees); !errors.Is(err, seal.ErrUnknownKey) {
		t.Errorf("without her key: %v", err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Who stands in for whom, when (spec/receipt.md 6.9).
func TestStandsIn(t *testing.T) {
	ana, anas := answerKey(t, "ana")
	lee, lees := answerKey(t, "lee")
	paper := func(k seal.Signer, change func(*Delegation)) *seal.Envelope {
		d := delegation()
		if change != nil {
			change(d)
		}
		return must(d.Sign(k))
	}
	takenBack := func(d *Delegation) { d.Withdraws, d.At = true, d.At.Add(time.Hour) }
	noon := leaves.Add(4 * time.Hour)
	for name, tt := range map[string]struct {
		papers []*seal.Envelope
		at     time.Time // of the answer
		now    time.Time
		whose  string // in whose stead
		want   bool
	}{
		"in force":                     {[]*seal.Envelope{paper(ana, nil)}, noon, noon, "ana", true},
		"nothing said":                 {nil, noon, noon, "ana", false},
		"for another":                  {[]*seal.Envelope{paper(ana, nil)}, noon, noon, "bob", false},
		"to another":                   {[]*seal.Envelope{paper(ana, func(d *Delegation) { d.To = "kim" })}, noon, noon, "ana", false},
		"not yet when it was answered": {[]*seal.Envelope{paper(ana, nil)}, leaves.Add(-time.Second), noon, "ana", false},
		"not yet":                      {[]*seal.Envelope{paper(ana, nil)}, noon, leaves.Add(-time.Second), "ana", false},
		"over":                         {[]*seal.Envelope{paper(ana, nil)}, noon, leaves.Add(24 * time.Hour), "ana", false},
		"over when it was answered":    {[]*seal.Envelope{paper(ana, nil)}, leaves.Add(24 * time.Hour), noon, "ana", false},
		"at its last moment":           {[]*seal.Envelope{paper(ana, nil)}, noon, leaves.Add(24*time.Hour - 1), "ana", true},
		"taken back":                   {[]*seal.Envelope{paper(ana, nil), paper(ana, takenBack)}, noon, noon, "ana", false},
		"taken back alone":             {[]*seal.Envelope{paper(ana, takenBack)}, noon, noon, "ana", false},
		"taken back beside another": {[]*seal.Envelope{paper(ana, nil), paper(ana, takenBack), paper(ana, func(d *Delegation) { d.ID = "d-2" })},
			noon, noon, "ana", true},
		"taken back by somebody else": {[]*seal.Envelope{paper(ana, nil), must(seal.Sign(lee, DelegationType, must(seal.Marshal(func() *Delegation {
			d := delegation()
			takenBack(d)
			return d
		}()))))}, noon, noon, "ana", true},
		"made by who stands in": {[]*seal.Envelope{must(seal.Sign(lee, DelegationType, must(seal.Marshal(delegation()))))}, noon, noon, "ana", false},
		"passed on": {[]*seal.Envelope{paper(ana, func(d *Delegation) { d.To = "kim" }), must((&Delegation{
			ID: "d-3", From: "kim", To: "lee", Begins: leaves, Ends: leaves.Add(time.Hour), At: leaves}).Sign(lee))}, noon, noon, "ana", false},
	} {
		p := (&People{Keys: []seal.Verifier{anas}}).With(&People{Keys: []seal.Verifier{lees}, Delegations: tt.papers})
		a := &Answer{Yes: true, By: "lee", For: tt.whose, At: tt.at}
		if got := p.StandsIn(a, tt.now); got != tt.want || p.Speaks(a, tt.now) != tt.want {
			t.Errorf("%s: %t", name, got)
		}
		if a.Yes = false; !p.Speaks(a, tt.now) {
			t.Errorf("%s: a no is not heard", name)
		}
	}
	if (&People{}).StandsIn(&Answer{By: "lee"}, noon) || !(&People{}).Speaks(&Answer{By: "lee", Yes: true}, noon) {
		t.Error("who speaks for themselves stands in for nobody, and needs nobody")
	}
}

// Whose standing an answer has.
func TestStandInFact(t *testing.T) {
	p := &People{Groups: map[string][]string{"owners": {"ana"}, "security": {"lee"}}}
	a := &Answer{By: "lee", For: "ana", Yes: true}
	f := p.Fact(a, "bob", []string{"owners", "security"})
	if !cmp.Equal(f.Groups, []string{"owners"}) || f.Own || f.By != "lee" || f.For != "ana" {
		t.Errorf("%+v", f)
	}
	for _, client := range []string{"lee", "ana"} {
		if f := p.Fact(a, client, nil); !f.Own {
			t.Errorf("%s ordered it, and that is nobody's own", client)
		}
	}
	if f := p.Fact(&Answer{By: "lee"}, "", nil); f.Own {
		t.Error("nobody's is somebody's own")
	}
}

// FuzzDelegation reads whatever a person's key may have signed.
func FuzzDelegation(f *testing.F) {
	k, v := answerKey(f, "ana")
	withdrawal := delegation()
	withdrawal.Withdraws = true
	for _, d := range []*Delegation{delegation(), withdrawal, {}} {
		f.Add(must(seal.Marshal(d)))
	}
	f.Add([]byte(`null`))
	f.Add([]byte(`{"id":"d-1","from":"ana"}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		e, err := seal.Sign(k, DelegationType, payload)
		if err != nil {
			t.Skip("it cannot be signed")
		}
		d, err := OpenDelegation(e, v)
		if err != nil {
			return
		}
		again, err := d.Sign(k)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := OpenDelegation(again, v); err != nil || !cmp.Equal(d, b) {
			t.Errorf("read %+v, and then %+v, %v, of %q", d, b, err, payload)
		}
		if d.From != "ana" || d.To == "ana" || d.Holds(d.Ends) || d.Withdraws && d.Holds(d.Begins) || d.Ends.Sub(d.Begins) > MaxDelegation {
			t.Errorf("%+v", d)
		}
	})
}
