// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package receipt

import (
	"bytes"
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// testKey is the key of a seed.
func testKey(t testing.TB, name string, seed byte) (seal.Signer, seal.Verifier) {
	t.Helper()
	k := housetest.NewKey(t, name, seed)
	return k.Signer, k.Verifier
}

var (
	noon   = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	claims = &token.Claims{ID: "cst-1", Job: "job-1", Agent: "reviewer", Policy: seal.Sum([]byte("policy"))}
)

func newCall() *policy.Call {
	return &policy.Call{
		Tool: "confluence", Action: "page.get", Class: policy.Read, Site: "s",
		Resources: []policy.Resource{{Type: "page", ID: "7", Path: []policy.Place{{ID: "1", Name: "ENG"}, {ID: "7"}}}},
		Uses:      map[string]int{"pages": 3}, Args: seal.Sum([]byte("args")),
	}
}

func decided(e policy.Effect) policy.Decision {
	return policy.Decision{Effect: e, Policy: claims.Policy, Reasons: []policy.Reason{{Clause: "/actions/read", Says: "read is permitted"}}}
}

func signed(t testing.TB, r *Receipt) *Line {
	t.Helper()
	s, _ := testKey(t, "gate", 1)
	l, err := r.Sign(s)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestStory(t *testing.T) {
	s, v := testKey(t, "gate", 1)
	st := &State{Now: noon}
	opened := Open(st, claims, newCall(), &policy.Facts{Now: noon}, decided(policy.Allow))
	if opened.Seq != 1 || !opened.Prev.IsZero() || opened.Asks != "" || opened.Job != "job-1" || opened.Token != "cst-1" || opened.At != noon {
		t.Errorf("opened = %+v", opened)
	}
	text := Text{Commitment: seal.Sum(nil), Bytes: []byte("x")}
	line, err := opened.Sign(s, text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Text{text}, line.Texts); diff != "" {
		t.Error(diff)
	}
	if _, err := line.Envelope.Open(Type, v); err != nil {
		t.Error(err)
	}
	st = &State{Head: Head{1, line.Hash()}, Now: noon.Add(time.Second)}
	closed := Close(st, opened, &Outcome{Status: Done, Code: "200", Used: map[string]int{}})
	if closed.Seq != 2 || closed.Prev != line.Hash() || closed.Opened != 1 || closed.Token != "cst-1" {
		t.Errorf("closed = %+v", closed)
	}
	for _, r := range []*Receipt{opened, closed} {
		got, err := Parse(signed(t, r).Envelope.Payload)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestAsking(t *testing.T) {
	call := newCall()
	st := &State{Head: Head{Seq: 6}, Now: noon}
	if r := Open(st, claims, call, &policy.Facts{Now: noon}, decided(policy.Ask)); r.Asks != "job-1.7" {
		t.Errorf("a new question is %q", r.Asks)
	}
	st.Pending = map[seal.Hash]string{call.Digest(): "job-1.3"}
	if r := Open(st, claims, call, &policy.Facts{Now: noon}, decided(policy.Ask)); r.Asks != "job-1.3" {
		t.Errorf("a question that waits is asked anew as %q", r.Asks)
	}
	if r := Open(st, claims, call, &policy.Facts{Now: noon}, decided(policy.Allow)); r.Asks != "" {
		t.Errorf("an allowed call asks %q", r.Asks)
	}
}

func TestRefuse(t *testing.T) {
	r := Refuse(&State{Now: noon}, claims, newCall(), "token.revoked")
	if r.Decision.Effect != policy.Deny || r.Decision.Policy != claims.Policy || r.Facts != nil || r.Refused != "token.revoked" {
		t.Errorf("%+v", r)
	}
	if _, err := Parse(signed(t, r).Envelope.Payload); err != nil {
		t.Error(err)
	}
	if got := r.Uses(nil); len(got) != 0 {
		t.Errorf("a refused call uses %v", got)
	}
}

func TestParseRefuses(t *testing.T) {
	open := func() *Receipt {
		return Open(&State{Now: noon}, claims, newCall(), &policy.Facts{Now: noon}, decided(policy.Allow))
	}
	shut := func() *Receipt {
		return Close(&State{Head: Head{Seq: 1}, Now: noon}, open(), &Outcome{Status: Done})
	}
	for name, tt := range map[string]struct {
		r     *Receipt
		spoil func(*Receipt)
	}{
		"kind":                   {open(), func(r *Receipt) { r.Kind = "reopened" }},
		"no kind":                {open(), func(r *Receipt) { r.Kind = "" }},
		"before the first":       {open(), func(r *Receipt) { r.Seq = 0 }},
		"job":                    {open(), func(r *Receipt) { r.Job = "a/b" }},
		"opened without call":    {open(), func(r *Receipt) { r.Call = nil }},
		"opened without facts":   {open(), func(r *Receipt) { r.Facts = nil }},
		"opened undecided":       {open(), func(r *Receipt) { r.Decision = nil }},
		"opened with outcome":    {open(), func(r *Receipt) { r.Outcome = &Outcome{} }},
		"opened closes another":  {open(), func(r *Receipt) { r.Seq, r.Opened = 5, 2 }},
		"refused and decided":    {open(), func(r *Receipt) { r.Refused = "token.revoked" }},
		"closed without outcome": {shut(), func(r *Receipt) { r.Outcome = nil }},
		"closes nothing":         {shut(), func(r *Receipt) { r.Opened = 0 }},
		"closes itself":          {shut(), func(r *Receipt) { r.Opened = r.Seq }},
		"closes what comes":      {shut(), func(r *Receipt) { r.Opened = r.Seq + 1 }},
		"closed with call":       {shut(), func(r *Receipt) { r.Call = newCall() }},
		"closed with facts":      {shut(), func(r *Receipt) { r.Facts = &policy.Facts{} }},
		"closed with decision":   {shut(), func(r *Receipt) { d := decided(policy.Allow); r.Decision = &d }},
		"closed and refused":     {shut(), func(r *Receipt) { r.Refused = "x" }},
		"closed and asking":      {shut(), func(r *Receipt) { r.Asks = "x" }},
	} {
		tt.spoil(tt.r)
		if got, err := Parse(signed(t, tt.r).Envelope.Payload); err == nil || got != nil {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	good := signed(t, open()).Envelope.Payload
	for name, bad := range map[string][]byte{
		"space":         append([]byte(" "), good...),
		"unknown field": bytes.Replace(good, []byte(`{"at"`), []byte(`{"aa":1,"at"`), 1),
		"half":          good[:len(good)/2],
		"empty":         nil,
	} {
		if got, err := Parse(bad); err == nil || got != nil {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestUses(t *testing.T) {
	opened := Open(&State{Now: noon}, claims, newCall(), &policy.Facts{Now: noon}, decided(policy.Allow))
	if diff := cmp.Diff(map[string]int{"pages": 3, "call:confluence.page.get": 1, "class:read": 1}, opened.Uses(nil)); diff != "" {
		t.Error(diff)
	}
	for name, tt := range map[string]struct {
		used map[string]int
		want map[string]int
	}{
		"not said":  {nil, map[string]int{}},
		"nothing":   {map[string]int{}, map[string]int{"pages": -3}},
		"some":      {map[string]int{"pages": 1}, map[string]int{"pages": -2}},
		"all":       {map[string]int{"pages": 3}, map[string]int{}},
		"more":      {map[string]int{"pages": 9}, map[string]int{}},
		"negative":  {map[string]int{"pages": -9}, map[string]int{"pages": -3}},
		"not asked": {map[string]int{"pages": 3, "issues": -4}, map[string]int{}},
	} {
		closed := Close(&State{Head: Head{Seq: 1}, Now: noon}, opened, &Outcome{Status: Done, Used: tt.used})
		if diff := cmp.Diff(tt.want, closed.Uses(opened)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		// The receipt says the same after it was written and read.
		back, err := Parse(signed(t, closed).Envelope.Payload)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, back.Uses(opened)); diff != "" {
			t.Errorf("%s, read back: %s", name, diff)
		}
	}
	for _, e := range []policy.Effect{policy.Deny, policy.Ask} {
		r := Open(&State{Now: noon}, claims, newCall(), &policy.Facts{Now: noon}, decided(e))
		if got := r.Uses(nil); len(got) != 0 {
			t.Errorf("%v uses %v", e, got)
		}
	}
	closed := Close(&State{Head: Head{Seq: 1}, Now: noon}, opened, &Outcome{Status: Done, Used: map[string]int{}})
	if got := closed.Uses(nil); len(got) != 0 {
		t.Errorf("closing something unknown gives back %v", got)
	}
}

func TestAnswer(t *testing.T) {
	ada, adaKey := testKey(t, "ada", 1)
	bob, bobKey := testKey(t, "bob", 2)
	a := &Answer{
		Approval: "job-1.7", Job: "job-1", Call: newCall().Digest(), Policy: claims.Policy,
		Yes: true, By: "ada", Reason: "the owner asked", At: noon, Expires: noon.Add(time.Hour),
	}
	e, err := a.Sign(ada)
	if err != nil {
		t.Fatal(err)
	}
	got, err := OpenAnswer(e, bobKey, adaKey)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a, got); diff != "" {
		t.Error(diff)
	}
	want := policy.Approval{ID: "job-1.7", Call: a.Call, By: "ada", Yes: true, At: noon, Expires: noon.Add(time.Hour)}
	if diff := cmp.Diff(want, got.Fact()); diff != "" {
		t.Error(diff)
	}
	if _, err := OpenAnswer(e, bobKey); !errors.Is(err, seal.ErrUnknownKey) {
		t.Errorf("a stranger answers: error = %v", err)
	}
	byBob, err := a.Sign(bob)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenAnswer(byBob, adaKey, bobKey); !errors.Is(err, seal.ErrBadSignature) {
		t.Errorf("bob answers as ada: error = %v", err)
	}
	if err := e.Add(bob); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenAnswer(e, adaKey, bobKey); !errors.Is(err, seal.ErrBadSignature) {
		t.Errorf("an answer of two: error = %v", err)
	}
	odd, err := seal.Sign(ada, AnswerType, []byte(`{"by":"ada","maybe":true}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenAnswer(odd, adaKey); err == nil {
		t.Error("an answer with an unknown field is read")
	}
}

func TestStanding(t *testing.T) {
	s, v := testKey(t, "gate", 1)
	want := &Standing{Job: "job-1", Seq: 9, Hash: seal.Sum([]byte("last")), At: noon}
	e, err := want.Sign(s)
	if err != nil {
		t.Fatal(err)
	}
	got, err := OpenStanding(e, v)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := OpenStanding(e); !errors.Is(err, seal.ErrUnknownKey) {
		t.Errorf("error = %v", err)
	}
	// A receipt is no standing, though the same gate signed it.
	r := signed(t, Refuse(&State{Now: noon}, claims, newCall(), "token.expired"))
	if _, err := OpenStanding(r.Envelope, v); !errors.Is(err, seal.ErrType) {
		t.Errorf("error = %v", err)
	}
	odd, err := seal.Sign(s, StandingType, []byte(`{"job": "job-1"}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenStanding(odd, v); !errors.Is(err, seal.ErrNotCanonical) {
		t.Errorf("error = %v", err)
	}
}

type brokenSigner struct{ seal.Signer }

func (brokenSigner) Sign([]byte) ([]byte, error) { return nil, errors.New("no hardware") }

func TestLine(t *testing.T) {
	s, v := testKey(t, "gate", 1)
	r := Open(&State{Now: noon}, claims, newCall(), &policy.Facts{Now: noon}, decided(policy.Deny))
	l, err := r.Line(s)
	if err != nil || l.Signed() || l.Signer != s {
		t.Fatalf("%+v, %v", l, err)
	}
	hash := l.Hash()
	for range 2 {
		if err := l.Sign(); err != nil || !l.Signed() || l.Hash() != hash {
			t.Errorf("%+v, %v", l.Envelope, err)
		}
		if _, err := l.Envelope.Open(Type, v); err != nil || len(l.Envelope.Signatures) != 1 {
			t.Errorf("%+v, %v", l.Envelope.Signatures, err)
		}
	}
	if got, err := l.Says(); err != nil || got != r {
		t.Errorf("%+v, %v", got, err)
	}
	other, err := r.Line(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Sign(); !errors.Is(err, seal.ErrUnsigned) {
		t.Errorf("signed by nobody: %v", err)
	}
	l.Envelope = other.Envelope
	if got, err := l.Says(); err != nil || got == r || !cmp.Equal(r, got) {
		t.Errorf("of another envelope: %+v, %v", got, err)
	}
}

func TestSigningFails(t *testing.T) {
	s, _ := testKey(t, "gate", 1)
	r := Refuse(&State{Now: noon}, claims, newCall(), "token.expired")
	if l, err := r.Sign(brokenSigner{s}); err == nil || l != nil {
		t.Errorf("%v, %v", l, err)
	}
	r.Refused = "\xff"
	if l, err := r.Sign(s); err == nil || l != nil {
		t.Errorf("text that is not UTF-8: %v, %v", l, err)
	}
	if e, err := (&Answer{Reason: "\xff"}).Sign(s); err == nil || e != nil {
		t.Errorf("%v, %v", e, err)
	}
	if e, err := (&Standing{Job: "\xff"}).Sign(s); err == nil || e != nil {
		t.Errorf("%v, %v", e, err)
	}
}

// TestChain plays any story: the chain holds at every prefix, and what is in
// use never falls below nothing nor above what open calls reserve and closed
// ones used.
func TestChain(t *testing.T) {
	s, v := testKey(t, "gate", 1)
	rapid.Check(t, func(t *rapid.T) {
		st := State{Now: noon, Used: map[string]int{}}
		var open []*Receipt
		bound := 0
		commit := func(r, closes *Receipt) {
			l, err := r.Sign(s)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := l.Envelope.Open(Type, v); err != nil {
				t.Fatal(err)
			}
			back, err := Parse(l.Envelope.Payload)
			if err != nil {
				t.Fatal(err)
			}
			if back.Seq != st.Seq+1 || back.Prev != st.Hash {
				t.Fatalf("receipt %d does not follow %d", back.Seq, st.Seq)
			}
			used := maps.Clone(st.Used)
			for k, n := range back.Uses(closes) {
				used[k] += n
			}
			st = State{Head: Head{back.Seq, l.Hash()}, Now: st.Now.Add(time.Second), Used: used}
			if n := st.Used["pages"]; n < 0 || n > bound {
				t.Fatalf("%d pages are in use, of at most %d", n, bound)
			}
		}
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			if len(open) > 0 && rapid.Bool().Draw(t, "close") {
				i := rapid.IntRange(0, len(open)-1).Draw(t, "which")
				out := &Outcome{Status: Done}
				if rapid.Bool().Draw(t, "says") {
					out.Used = map[string]int{"pages": rapid.IntRange(-2, 9).Draw(t, "used")}
				}
				commit(Close(&st, open[i], out), open[i])
				open = append(open[:i], open[i+1:]...)
				continue
			}
			effect := rapid.SampledFrom([]policy.Effect{policy.Deny, policy.Ask, policy.Allow}).Draw(t, "effect")
			c := newCall()
			c.Uses["pages"] = rapid.IntRange(0, 5).Draw(t, "reserved")
			r := Open(&st, claims, c, &policy.Facts{Now: st.Now, Used: st.Used}, decided(effect))
			if effect == policy.Allow {
				bound += c.Uses["pages"]
				open = append(open, r)
			}
			commit(r, nil)
		}
	})
}
