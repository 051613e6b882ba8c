// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify_test

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/verify"
)

// together has k sign papers again, in one tree.
func together(k key, es ...*seal.Envelope) {
	for _, e := range es {
		e.Signatures = nil
	}
	if err := seal.SignAll(k, es...); err != nil {
		panic(err)
	}
}

// grouped is the small story, whose receipts the gate signs together with two of
// another job. others are the signatures of these.
func grouped(edit func(h *house, b *bundle.Bundle, others []seal.Signature)) func(testing.TB) (*house, *bundle.Bundle) {
	return small(func(h *house, b *bundle.Bundle) {
		other := []*seal.Envelope{{Type: receipt.Type, Payload: []byte("{}")}, {Type: receipt.StandingType, Payload: b.Receipts[0].Payload}}
		together(h.gateKey, other[0], &b.Receipts[0], other[1], &b.Receipts[1])
		if edit != nil {
			edit(h, b, []seal.Signature{other[0].Signatures[0], other[1].Signatures[0]})
		}
		h.prove(b)
	})
}

// leaf makes a function for grouped that changes the first receipt's.
func leaf(edit func(l *seal.Leaf)) func(*house, *bundle.Bundle, []seal.Signature) {
	return func(_ *house, b *bundle.Bundle, _ []seal.Signature) { edit(b.Receipts[0].Signatures[0].Leaf) }
}

// grouping are bundles with papers that were signed together.
var grouping = []vector{
	{"2.8-together", "Receipts that were signed together verify, each by itself.", grouped(nil), nil},
	{"2.8-every-paper", "Papers of all kinds may be signed together.", small(func(h *house, b *bundle.Bundle) {
		together(h.gateKey, &b.Receipts[0], b.Standing, &b.Receipts[1])
		together(h.registry, &b.Policies[0].Binding, &seal.Envelope{Type: "t"})
		h.prove(b)
	}), nil},
	{"2.8-stranger", "A tree is signed by its key: a stranger's is a stranger's.", grouped(func(h *house, b *bundle.Bundle, _ []seal.Signature) {
		together(h.stranger, &b.Receipts[0], &b.Receipts[1])
	}), nil},
	{"2.8-payload-swapped", "A leaf is of its own payload.", grouped(func(_ *house, b *bundle.Bundle, _ []seal.Signature) {
		b.Receipts[0].Signatures, b.Receipts[1].Signatures = b.Receipts[1].Signatures, b.Receipts[0].Signatures
	}), nil},
	{"2.8-another-type", "A leaf is of its own type: a standing's is no receipt's, though they say the same.", grouped(func(_ *house, b *bundle.Bundle, others []seal.Signature) {
		b.Receipts[0].Signatures = others[1:]
	}), nil},
	{"2.8-another-tree", "A signature is of one tree.", grouped(func(h *house, b *bundle.Bundle, _ []seal.Signature) {
		e := b.Receipts[0]
		together(h.gateKey, &e, &b.Receipts[1])
		b.Receipts[0].Signatures[0].Sig = e.Signatures[0].Sig
	}), nil},
	{"2.8-without-leaf", "The signature of a tree is none of a paper alone.", grouped(func(_ *house, b *bundle.Bundle, _ []seal.Signature) {
		b.Receipts[0].Signatures[0].Leaf = nil
	}), nil},
	{"2.9-wrong-path", "Another path leads to another root.", grouped(leaf(func(l *seal.Leaf) { l.Path[33] ^= 1 })), nil},
	{"2.9-wrong-index", "The index says on which side the path is.", grouped(leaf(func(l *seal.Leaf) { l.Index = 0 })), nil},
	{"2.9-another-size", "The size is signed, though the path is as long in other trees.", grouped(leaf(func(l *seal.Leaf) { l.Size = 3 })), nil},
	{"2.9-path-too-long", "A path is no longer than index and size make it.", grouped(leaf(func(l *seal.Leaf) { l.Path = append(l.Path, make([]byte, 32)...) })), nil},
	{"2.9-path-too-short", "A path is no shorter than index and size make it.", grouped(leaf(func(l *seal.Leaf) { l.Path = l.Path[:32] })), nil},
	{"2.9-index-beyond", "An index is less than the size.", grouped(leaf(func(l *seal.Leaf) { l.Index = 4 })), nil},
	{"2.9-size-of-one", "What is signed alone is in no tree.", small(func(h *house, b *bundle.Bundle) {
		b.Receipts[0].Signatures[0].Leaf = &seal.Leaf{Path: []byte{}, Size: 1}
		h.prove(b)
	}), nil},
	{"2.9-too-large", "A tree has a bound.", grouped(leaf(func(l *seal.Leaf) { l.Size = 1<<16 + 1; l.Path = make([]byte, 17*32) })), nil},
	{"2.9-path-for-urls", "A path has one spelling.", grouped(nil), func(s string) string {
		i := strings.Index(s, `"path":"`) + 8
		j := i + strings.Index(s[i:], `"`)
		raw, err := base64.StdEncoding.DecodeString(s[i:j])
		if err != nil {
			panic(err)
		}
		return s[:i] + base64.URLEncoding.EncodeToString(raw) + s[j:]
	}},
	{"2.9-no-path", "A leaf says its path.", grouped(nil), func(s string) string {
		i := strings.Index(s, `"path":"`)
		j := i + strings.Index(s[i:], `"size":`)
		return s[:i] + s[j:]
	}},
	{"2.9-null", "What is signed alone has no leaf, not one of nothing.", small(nil), func(s string) string {
		return strings.Replace(s, `,"sig":`, `,"leaf":null,"sig":`, 1)
	}},
}

// TestGrouping says what each of them comes to.
func TestGrouping(t *testing.T) {
	good := []string{"2.8-together", "2.8-every-paper"}
	spelt := []string{"2.9-path-for-urls", "2.9-no-path", "2.9-null"}
	for _, v := range grouping {
		h, b := v.make(t)
		file := string(must(b.Marshal()))
		if v.spell != nil {
			file = v.spell(file)
		}
		var want []string
		if slices.Contains(spelt, v.name) {
			want = fails("bundle.malformed")
		} else if !slices.Contains(good, v.name) {
			want = fails("receipt.signature")
		}
		r := verify.Bundle([]byte(file), h.trust(), verify.Expect{})
		got := codes(r, verify.Fail)
		if want == nil && len(got) > 0 || want != nil && !slices.Contains(got, want[0]) {
			t.Errorf("%s: failing codes (-want +got):\n%s", v.name, cmp.Diff(want, got))
		}
	}
}
