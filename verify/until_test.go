// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/verify"
)

// until has a person's key revoked so long after the bundle's first answer, which is
// ann's.
func until(who func(*house) key, after time.Duration) func(*house, *bundle.Bundle) {
	return func(h *house, b *bundle.Bundle) {
		at := withdrawal(b, 0).At.Add(-500 * time.Millisecond).Add(after)
		groups := h.rules
		h.rules = func(t *verify.Trust) {
			groups(t)
			t.Until = map[string]time.Time{seal.KeyID(h.verifier(who(h))): at}
		}
	}
}

func ann(h *house) key { return h.ann }
func ben(h *house) key { return h.ben }

// ending are the cases of 7.4.
var ending = []vector{
	{"7.4-revoked-afterwards", "What a person signed before their key was revoked stays good.", owners(until(ann, time.Hour)), nil},
	{"7.4-revoked-that-moment", "An answer of the moment in which its key was revoked is not a later one.", owners(until(ann, 0)), nil},
	{"7.4-revoked-before", "A key that was revoked answers nothing, though its signature holds and the gate counted it.", owners(until(ann, -time.Millisecond)), nil},
	{"7.4-revoked-between", "Of two answers by one key, the one after its end is found.", owners(until(ben, 2*time.Second)), nil},
	{"7.4-revoked-unseen", "An answer by a revoked key is found also where no decision saw it.", owners(func(h *house, b *bundle.Bundle) {
		until(ann, 0)(h, b)
		took := withdrawal(b, 0)
		took.At = took.At.Add(time.Hour)
		b.Answers = append(b.Answers, *must(took.Sign(h.ann)))
	}), nil},
}

func TestUntil(t *testing.T) {
	for _, v := range ending {
		h, b := v.make(t)
		r := verify.Bundle(must(b.Marshal()), h.trust(), verify.Expect{})
		got, want := codes(r, verify.Fail), []string{"answer.revoked"}
		if strings.HasSuffix(v.name, "afterwards") || strings.HasSuffix(v.name, "moment") {
			want = nil
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s fails %v, want %v\n%v", v.name, got, want, r.Findings)
		}
	}
}

// A trust file says of its people's keys alone when they were revoked.
func TestUntilOfWhom(t *testing.T) {
	h := newHouse(t)
	id := seal.KeyID(h.verifier(h.ann))
	for name, x := range map[string]struct {
		until map[string]time.Time
		good  bool
	}{
		"a person's":      {map[string]time.Time{id: h.now}, true},
		"none":            {map[string]time.Time{}, true},
		"a gate's":        {map[string]time.Time{seal.KeyID(h.verifier(h.gateKey)): h.now}, false},
		"a person's name": {map[string]time.Time{"ann": h.now}, false},
		"at no time":      {map[string]time.Time{id: {}}, false},
	} {
		trust := h.trust()
		trust.Until = x.until
		b, err := trust.Marshal()
		if x.good != (err == nil) || err != nil && !errors.Is(err, verify.ErrTrust) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !x.good {
			continue
		}
		if got := must(verify.ParseTrust(b)); len(got.Until) != len(x.until) || !got.Until[id].Equal(x.until[id]) {
			t.Errorf("%s reads as %v", name, got.Until)
		}
	}
}
