// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package seal

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

// group signs n papers of type t together: "0", "1" and so on.
func group(t testing.TB, s Signer, n int) []*Envelope {
	t.Helper()
	es := make([]*Envelope, n)
	for i := range es {
		es[i] = &Envelope{Type: "t", Payload: fmt.Append(nil, i)}
	}
	if err := SignAll(s, es...); err != nil {
		t.Fatal(err)
	}
	return es
}

func TestSignAll(t *testing.T) {
	ada, adaKey, _ := testKey(t, "ada", 1)
	bob, bobKey, _ := testKey(t, "bob", 2)
	for n := range 70 {
		for i, e := range group(t, ada, n) {
			if got, err := e.Open("t", bobKey, adaKey); err != nil || len(got) != 1 || got[0] != adaKey {
				t.Fatalf("%d of %d: %v, %v", i, n, got, err)
			}
			if (e.Signatures[0].Leaf == nil) != (n == 1) {
				t.Fatalf("%d of %d is signed as %+v", i, n, e.Signatures[0])
			}
			b, err := e.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := readOneForm(b); !ok {
				t.Fatalf("not read at once: %s", b)
			}
			back, err := ParseEnvelope(b)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := back.Open("t", adaKey); err != nil {
				t.Fatal(err)
			}
		}
	}
	// Others sign what is in a tree, alone and in another tree.
	es := group(t, ada, 3)
	if err := es[0].Add(bob); err != nil {
		t.Fatal(err)
	}
	if err := SignAll(bob, es[1:]...); err != nil {
		t.Fatal(err)
	}
	for _, e := range es {
		if got, err := e.Open("t", adaKey, bobKey); err != nil || len(got) != 2 {
			t.Errorf("%v, %v", got, err)
		}
	}
}

func TestSignAllRefuses(t *testing.T) {
	ada, _, _ := testKey(t, "ada", 1)
	fresh := func() *Envelope { return &Envelope{Type: "t", Payload: []byte("{}")} }
	signed := fresh()
	if err := signed.Add(ada); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		s  Signer
		es []*Envelope
	}{
		"signed before":      {ada, []*Envelope{fresh(), signed}},
		"signed before, one": {ada, []*Envelope{signed}},
		"the root's type":    {ada, []*Envelope{fresh(), {Type: treeType}}},
		"the same, one":      {ada, []*Envelope{{Type: treeType}}},
		"broken":             {brokenSigner{ada}, []*Envelope{fresh(), fresh()}},
		"too many":           {ada, make([]*Envelope, maxTree+1)},
	} {
		before := len(signed.Signatures)
		if err := SignAll(tt.s, tt.es...); err == nil {
			t.Errorf("%s: signed", name)
		}
		for _, e := range tt.es {
			if e != nil && e != signed && len(e.Signatures) > 0 || len(signed.Signatures) != before {
				t.Errorf("%s: an error, and a signature", name)
			}
		}
	}
	if _, err := Sign(ada, treeType, nil); !errors.Is(err, ErrType) {
		t.Errorf("a root is signed as a paper: %v", err)
	}
}

// TestLeafForgeries takes a leaf of a tree of five and spoils it.
func TestLeafForgeries(t *testing.T) {
	ada, adaKey, _ := testKey(t, "ada", 1)
	for name, spoil := range map[string]func(g *Signature, e *Envelope, others []*Envelope){
		"wrong path":           func(g *Signature, _ *Envelope, _ []*Envelope) { g.Leaf.Path[40] ^= 1 },
		"wrong index":          func(g *Signature, _ *Envelope, _ []*Envelope) { g.Leaf.Index = 0 },
		"index beyond":         func(g *Signature, _ *Envelope, _ []*Envelope) { g.Leaf.Index = 5 },
		"index below":          func(g *Signature, _ *Envelope, _ []*Envelope) { g.Leaf.Index = -1 },
		"another size":         func(g *Signature, _ *Envelope, _ []*Envelope) { g.Leaf.Size = 6 },
		"size of another path": func(g *Signature, _ *Envelope, _ []*Envelope) { g.Leaf.Size = 4 },
		"size one":             func(g *Signature, _ *Envelope, _ []*Envelope) { g.Leaf.Index, g.Leaf.Size, g.Leaf.Path = 0, 1, nil },
		"size none":            func(g *Signature, _ *Envelope, _ []*Envelope) { *g.Leaf = Leaf{} },
		"too large":            func(g *Signature, _ *Envelope, _ []*Envelope) { g.Leaf.Size = maxTree + 1 },
		"path too long":        func(g *Signature, _ *Envelope, _ []*Envelope) { g.Leaf.Path = append(g.Leaf.Path, make([]byte, 32)...) },
		"path too short":       func(g *Signature, _ *Envelope, _ []*Envelope) { g.Leaf.Path = g.Leaf.Path[32:] },
		"path of part":         func(g *Signature, _ *Envelope, _ []*Envelope) { g.Leaf.Path = g.Leaf.Path[:95] },
		"no leaf":              func(g *Signature, _ *Envelope, _ []*Envelope) { g.Leaf = nil },
		"another's signature":  func(g *Signature, _ *Envelope, others []*Envelope) { *g = others[2].Signatures[0] },
		"another tree's":       func(g *Signature, _ *Envelope, _ []*Envelope) { g.Sig = group(t, ada, 6)[1].Signatures[0].Sig },
		"another type":         func(_ *Signature, e *Envelope, _ []*Envelope) { e.Type = "u" },
		"another payload":      func(_ *Signature, e *Envelope, _ []*Envelope) { e.Payload = []byte("2") },
		"a node for a leaf": func(g *Signature, e *Envelope, others []*Envelope) {
			e.Payload = append(bytes.Clone(g.Leaf.Path[:32]), g.Leaf.Path[:32]...)
			*g = Signature{g.KeyID, &Leaf{0, g.Leaf.Path[32:], 3}, g.Sig}
		},
	} {
		es := group(t, ada, 5)
		e := es[1]
		spoil(&e.Signatures[0], e, es)
		if _, err := e.Open(e.Type, adaKey); !errors.Is(err, ErrBadSignature) {
			t.Errorf("%s: error = %v", name, err)
		}
	}
	// A root is no paper, and a paper no root.
	es := group(t, ada, 2)
	root := tlog.NodeHash(tlog.RecordHash(pae("t", []byte("0"))), tlog.RecordHash(pae("t", []byte("1"))))
	e := &Envelope{Type: "t", Payload: fmt.Appendf(nil, `{"root":"%v","size":2}`, Hash(root)), Signatures: es[0].Signatures}
	e.Signatures[0].Leaf = nil
	if _, err := e.Open("t", adaKey); !errors.Is(err, ErrBadSignature) {
		t.Errorf("a root opens as a paper: %v", err)
	}
}

// TestTreeOfOthers holds our trees to those of the checksum database.
func TestTreeOfOthers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 300).Draw(t, "size")
		leaves, paths := make([]tlog.Hash, n), make([][]byte, n)
		var stored []tlog.Hash
		reader := tlog.HashReaderFunc(func(at []int64) (out []tlog.Hash, _ error) {
			for _, i := range at {
				out = append(out, stored[i])
			}
			return out, nil
		})
		for i := range leaves {
			leaves[i] = tlog.RecordHash(fmt.Append(nil, i))
			more, err := tlog.StoredHashesForRecordHash(int64(i), leaves[i], reader)
			if err != nil {
				t.Fatal(err)
			}
			stored = append(stored, more...)
		}
		root := grow(leaves, paths)
		if want, err := tlog.TreeHash(int64(n), reader); err != nil || root != want {
			t.Fatalf("%v, want %v, %v", root, want, err)
		}
		i := rapid.IntRange(0, n-1).Draw(t, "leaf")
		want, err := tlog.ProveRecord(int64(n), int64(i), reader)
		if err != nil {
			t.Fatal(err)
		}
		var flat []byte
		for _, h := range want {
			flat = append(flat, h[:]...)
		}
		if !bytes.Equal(flat, paths[i]) || len(flat) != 32*depth(i, n) || climb(leaves[i], i, n, paths[i]) != root {
			t.Fatalf("leaf %d of %d: path %x, want %x", i, n, paths[i], flat)
		}
	})
}

func TestParseLeaf(t *testing.T) {
	ada, _, _ := testKey(t, "ada", 1)
	b, err := group(t, ada, 3)[1].Marshal()
	if err != nil {
		t.Fatal(err)
	}
	good := string(b)
	path, _, _ := strings.Cut(good[strings.Index(good, `"path":"`)+8:], `"`)
	raw, err := base64.StdEncoding.DecodeString(path)
	if err != nil {
		t.Fatal(err)
	}
	bits := []byte(path) // 64 bytes end in a digit of which four bits count, and two "="
	bits[len(bits)-3]++
	for name, bad := range map[string][2]string{
		"null":             {good[strings.Index(good, `{"index"`):strings.Index(good, `,"sig"`)], `null`},
		"empty":            {good[strings.Index(good, `{"index"`):strings.Index(good, `,"sig"`)], `{}`},
		"size as text":     {`"size":3`, `"size":"3"`},
		"size with zero":   {`"size":3`, `"size":03`},
		"size as fraction": {`"size":3`, `"size":3.0`},
		"size huge":        {`"size":3`, `"size":99999999999999999999`},
		"size large":       {`"size":3`, `"size":65537`},
		"size one":         {`"size":3`, `"size":1`},
		"index negative":   {`"index":1`, `"index":-1`},
		"index beyond":     {`"index":1`, `"index":3`},
		"index missing":    {`"index":1,`, ``},
		"unknown member":   {`"size":3`, `"size":3,"sizf":3`},
		"another order":    {`"index":1,"path":"` + path + `","size":3`, `"size":3,"index":1,"path":"` + path + `"`},
		"path short":       {path, base64.StdEncoding.EncodeToString(raw[:32])},
		"path long":        {path, base64.StdEncoding.EncodeToString(append(raw, raw...))},
		"path of part":     {path, base64.StdEncoding.EncodeToString(raw[:63])},
		"path missing":     {`"path":"` + path + `",`, ``},
		"path null":        {`"` + path + `"`, `null`},
		"path unpadded":    {path, strings.TrimRight(path, "=")},
		"path of bits":     {path, string(bits)},
		"path for URLs":    {path, strings.NewReplacer("+", "-", "/", "_").Replace(path)},
		"path as list":     {`"` + path + `"`, `["` + path + `"]`},
	} {
		in := strings.Replace(good, bad[0], bad[1], 1)
		if in == good {
			t.Errorf("%s: nothing is changed in %s", name, good)
		}
		if e, err := ParseEnvelope([]byte(in)); err == nil {
			t.Errorf("%s: read as %+v", name, e)
		}
	}
}
